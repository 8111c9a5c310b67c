/* Which arrays a loop takes as slices, and which sums of products are contractions. See Note
 * [Slices] in parser/lower_internal.h.
 *
 * Both look at the source rather than at emitted instructions, because a loop's slices are fixed
 * when it is opened and products must be one operation before anything is differentiated. */
#include "parser/lower_internal.h"

#include <string.h>

/* ---- accesses ---- */

static bool is_whole(const Index *at) {
    return at->kind == IX_range && !at->lo && !at->hi;
}

static bool add_indices(const IndexList *at, Access *out, bool *ranged) {
    int n = at->n;
    while (n > 0 && is_whole(&at->data[n - 1])) /* the same as leaving it away */
        n--;
    for (int i = 0; i < n; i++) {
        const Index *index = &at->data[i];
        if (*ranged || out->n == ACCESS_MAX || (index->kind == IX_range && !is_whole(index)))
            return false;
        out->at[out->n++] = index;
    }
    for (int i = 0; i < n; i++)
        *ranged = *ranged || is_whole(&at->data[i]);
    return true;
}

static bool collect(Expr *e, Access *out, bool *ranged);

/* What is checked or bound on the way is more than the variable. */
static bool collect_below(Expr *e, Access *out, bool *ranged) {
    return !e->binds && !e->cast && e->checks.n == 0 && collect(e, out, ranged);
}

static bool collect(Expr *e, Access *out, bool *ranged) {
    switch (e->kind) {
    case E_name:
        out->base = e->as.name.local;
        return e->as.name.kind == NAME_local;
    case E_field:
        if (!collect_below(e->as.field.x, out, ranged) || out->n_fields == ACCESS_MAX)
            return false;
        out->fields[out->n_fields++] = e->as.field.number;
        return true;
    case E_index:
        return collect_below(e->as.index.x, out, ranged) &&
               add_indices(&e->as.index.at, out, ranged);
    default:
        return false;
    }
}

bool access_of(Expr *e, Access *out) {
    bool ranged = false;
    *out = (Access){0};
    return (e->kind == E_index || e->kind == E_field) && collect(e, out, &ranged);
}

bool low_binder_offset(Lower *L, const Expr *at, const Local *binder, const Size **offset) {
    if (at->kind == E_name && at->as.name.kind == NAME_local && at->as.name.local == binder) {
        *offset = size_const(&L->ctx->polys, 0);
        return true;
    }
    if (!at->size || !binder->sym || !size_mentions(at->size, binder->sym))
        return false;
    *offset = size_sub(&L->ctx->polys, at->size, size_sym(&L->ctx->polys, binder->sym));
    return *offset && !size_mentions(*offset, binder->sym);
}

/* ---- the slice table ---- */

static bool same_array(const SliceEntry *entry, const Access *access) {
    if (entry->base != access->base || entry->n_fields != access->n_fields || entry->n > access->n)
        return false;
    return memcmp(entry->fields, access->fields,
                  (size_t)access->n_fields * sizeof *access->fields) == 0;
}

static bool covers(Lower *L, const SliceEntry *entry, const Access *access) {
    if (!same_array(entry, access))
        return false;
    for (int p = 0; p < entry->n; p++) {
        const Size *offset;
        if (!entry->binder[p])
            continue;
        if (access->at[p]->kind != IX_at ||
            !low_binder_offset(L, access->at[p]->at, entry->binder[p], &offset) ||
            offset != entry->offset[p])
            return false;
    }
    return true;
}

static const SliceEntry *best_entry(Lower *L, const Access *access) {
    const SliceEntry *best = NULL;
    for (int i = 0; i < L->frame->slices.n; i++) {
        const SliceEntry *entry = &L->frame->slices.data[i];
        if ((!best || entry->consumed > best->consumed) && covers(L, entry, access))
            best = entry;
    }
    return best;
}

/* The entry to go on from: the best one, or the variable itself with its fields taken. */
static bool starting_entry(Lower *L, const Access *access, SliceEntry *out) {
    const SliceEntry *best = best_entry(L, access);
    if (best) {
        *out = *best;
        out->value = env_import(L, best->value);
        return true;
    }
    *out = (SliceEntry){.base = access->base, .n_fields = access->n_fields};
    memcpy(out->fields, access->fields, sizeof out->fields);
    out->value = env_lookup(L, access->base);
    for (int i = 0; out->value && i < access->n_fields; i++)
        out->value = out->value->parts[access->fields[i]];
    return out->value != NULL;
}

Tree *low_access_base(Lower *L, const Access *access, int *n_rest, const Index **rest) {
    SliceEntry entry;
    *n_rest = 0;
    if (!starting_entry(L, access, &entry))
        return NULL;
    for (int p = 0; p < access->n; p++)
        if (p >= entry.n || !entry.binder[p])
            rest[(*n_rest)++] = access->at[p];
    return entry.value;
}

/* ---- planning the slices of a loop ---- */

typedef struct Planner {
    Lower *L;
    const Range *range;
    SlicePlan *plan;
    VEC(Local *) declared; /* inside the bodies: not yet there when the loop opens */
    Walk walk;
} Planner;

static bool is_declared(const Planner *planner, const Local *local) {
    for (int i = 0; i < planner->declared.n; i++)
        if (planner->declared.data[i] == local)
            return true;
    return false;
}

/* The offset can be computed before the loop: it names nothing that is introduced inside. */
static bool offset_is_outer(const Planner *planner, const Size *offset) {
    const Lower *L = planner->L;
    for (int i = 0; i < planner->declared.n; i++)
        if (planner->declared.data[i]->sym && size_mentions(offset, planner->declared.data[i]->sym))
            return false;
    for (int t = 0; t < offset->n; t++)
        for (int s = 0; s < offset->terms[t].degree; s++) {
            SizeSym *sym = offset->terms[t].syms[s];
            if (!ptrmap_get(&L->frame->syms, sym) && !ptrmap_get(&L->sym_owner, sym))
                return false;
        }
    return true;
}

Value *low_window(Lower *L, Value *x, const Range *range, const Size *offset, bool in_range) {
    const Size *start = env_size(L, offset), *zero = size_const(&L->ctx->polys, 0);
    if (range->binder->lo) {
        if (!range->binder->lo->size)
            return NULL;
        start = size_add(&L->ctx->polys, start, env_size(L, range->binder->lo->size));
    }
    if (start == zero && x->type->dims[0] == range->extent)
        return x;
    if (!start || !in_range)
        return NULL;
    Value *lo = ir_size(L->b, start);
    if (range->clamped) { /* of nothing: the start may lie behind the array */
        const Size *last = size_sub(&L->ctx->polys, x->type->dims[0], range->extent);
        lo = last && start != zero ? ir_ew2(L->b, OP_min, lo, ir_size(L->b, last)) : lo;
    }
    return ir_slice(L->b, x, lo, range->extent);
}

typedef struct WindowContext {
    Lower *L;
    const Range *range;
    const Size *offset;
    int axis;
    bool in_range, failed;
} WindowContext;

static Tree *window_leaf(void *user, const Tree *leaf) {
    WindowContext *window = user;
    Value *moved = low_move_axis(window->L, leaf->value, window->axis, 0);
    Value *part = low_window(window->L, moved, window->range, window->offset, window->in_range);
    window->failed = window->failed || !part;
    return tree_value(window->L->arena, part ? part : moved);
}

static bool same_entry(const SliceEntry *a, const SliceEntry *b) {
    if (a->base != b->base || a->n_fields != b->n_fields || a->n != b->n ||
        memcmp(a->fields, b->fields, (size_t)a->n_fields * sizeof *a->fields) != 0)
        return false;
    for (int p = 0; p < a->n; p++)
        if (a->binder[p] != b->binder[p] || a->offset[p] != b->offset[p])
            return false;
    return true;
}

static bool is_planned(const SlicePlan *plan, const SliceEntry *entry) {
    for (int i = 0; i < plan->n; i++)
        if (same_entry(&plan->data[i], entry))
            return true;
    return false;
}

/* Index p of the access is the binder plus an offset: plan to slice along it. */
static void plan_access(Planner *planner, const Access *access, int p, const Size *offset) {
    Lower *L = planner->L;
    SliceEntry entry;
    if (!starting_entry(L, access, &entry))
        return;
    int axis = p;
    for (int q = 0; q < p && q < entry.n; q++)
        axis -= entry.binder[q] != NULL;
    if (entry.n < p + 1)
        entry.n = p + 1;
    entry.binder[p] = planner->range->binder->local;
    entry.offset[p] = offset;
    entry.consumed++;
    if (is_planned(planner->plan, &entry))
        return;
    WindowContext window = {L, planner->range, offset, axis, access->at[p]->in_range, false};
    entry.value = tree_map(L->arena, entry.value, window_leaf, &window);
    if (!window.failed)
        vec_push(L->arena, planner->plan, entry);
}

static bool visit_access(void *user, Expr *e) {
    Planner *planner = user;
    Access access;
    if (!access_of(e, &access))
        return true;
    bool outer = !is_declared(planner, access.base);
    for (int p = 0; p < access.n; p++) {
        const Size *offset;
        if (access.at[p]->kind != IX_at)
            continue;
        ast_walk(&planner->walk, access.at[p]->at);
        if (!outer ||
            !low_binder_offset(planner->L, access.at[p]->at, planner->range->binder->local,
                               &offset) ||
            !offset_is_outer(planner, offset))
            continue;
        plan_access(planner, &access, p, offset);
        outer = false; /* one axis a loop */
    }
    return false;
}

static void visit_declared(void *user, Local *local) {
    Planner *planner = user;
    vec_push(planner->L->arena, &planner->declared, local);
}

void low_plan_slices(Lower *L, const Range *range, int n_bodies, Expr *const *bodies,
                     SlicePlan *plan) {
    Planner planner = {.L = L, .range = range, .plan = plan};
    planner.walk = (Walk){visit_access, visit_declared, &planner};
    for (int i = 0; i < n_bodies; i++)
        ast_walk(&planner.walk, bodies[i]);
}

/* ---- sums of products ---- */

/* Which index of the access is the binder alone (plus an offset); -1 unless there is exactly one
 * and no other index depends on it. */
static int position_of(const Access *access, const Local *binder) {
    int found = -1;
    for (int p = 0; p < access->n; p++) {
        if (access->at[p]->kind != IX_at || !ast_mentions(access->at[p]->at, binder))
            continue;
        bool simple = access->at[p]->at->kind == E_name ||
                      (access->at[p]->at->size && binder->sym &&
                       size_mentions(access->at[p]->at->size, binder->sym));
        if (found >= 0 || !simple)
            return -1;
        found = p;
    }
    return found;
}

static bool is_factor(Expr *e, int n, Binder *const *binders) {
    Access access;
    if (!access_of(e, &access) || e->ty->kind != TY_scalar || e->checks.n > 0)
        return false;
    for (int k = 0; k < n; k++) {
        int at = position_of(&access, binders[k]->local);
        for (int j = 0; at >= 0 && j < k; j++)
            if (position_of(&access, binders[j]->local) == at)
                return false;
        if (at < 0)
            return false;
    }
    for (int p = 0; p < access.n; p++)
        if (access.at[p]->kind != IX_at)
            return false;
    return true;
}

static bool independent(int n, Binder *const *binders) {
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++)
            if ((binders[k]->lo && ast_mentions(binders[k]->lo, binders[j]->local)) ||
                (binders[k]->hi && ast_mentions(binders[k]->hi, binders[j]->local)))
                return false;
    return true;
}

bool low_is_product(Expr *body, int n, Binder *const *binders) {
    if (body->kind != E_binary || body->as.binary.op != BIN_mul || body->checks.n > 0 ||
        body->binds)
        return false;
    return independent(n, binders) && is_factor(body->as.binary.a, n, binders) &&
           is_factor(body->as.binary.b, n, binders);
}

/* One factor: its array with the axes of the binders left, and their labels in order. */
typedef struct Factor {
    Value *value;
    int n;
    int binder[ACCESS_MAX];
} Factor;

static int binder_at(Lower *L, const Index *at, int n, const Range *ranges, const Size **offset) {
    for (int k = 0; k < n; k++)
        if (low_binder_offset(L, at->at, ranges[k].binder->local, offset))
            return k;
    return -1;
}

/* An extent that is positive whenever all are: guards the checks of indices that an empty sum never
 * evaluates. */
static const Size *guard_of(Lower *L, int n, const Range *ranges) {
    const Size *product = size_const(&L->ctx->polys, 1);
    for (int k = 0; k < n && product; k++)
        product = size_mul(&L->ctx->polys, product, ranges[k].extent);
    return product;
}

static bool lower_factor(Lower *L, Expr *e, int n, const Range *ranges, Factor *out) {
    Access access;
    const Index *rest[ACCESS_MAX], *fixed[ACCESS_MAX];
    const Size *offset[ACCESS_MAX];
    int n_rest, n_fixed = 0, which[ACCESS_MAX];
    const Size *guard = guard_of(L, n, ranges);
    access_of(e, &access);
    Tree *base = low_access_base(L, &access, &n_rest, rest);
    if (!base || base->kind != TREE_leaf || base->value->type->rank != n_rest || !guard)
        return false;

    Value *x = base->value; /* the other axes first, so that they can be indexed away at once */
    out->n = 0;
    for (int p = 0; p < n_rest; p++) {
        which[p] = binder_at(L, rest[p], n, ranges, &offset[p]);
        if (which[p] < 0) {
            x = low_move_axis(L, x, p, n_fixed);
            fixed[n_fixed++] = rest[p];
        }
    }
    Tree *ordered = tree_value(L->arena, x);
    Axis axes[ACCESS_MAX];
    low_axes(L, ordered, n_fixed, fixed, guard, axes);
    x = low_index(L, ordered, n_fixed, axes)->value;
    for (int p = 0; p < n_rest; p++) {
        if (which[p] < 0)
            continue;
        Value *part = low_window(L, low_move_axis(L, x, out->n, 0), &ranges[which[p]], offset[p],
                                 rest[p]->in_range);
        if (!part)
            return false;
        x = low_move_axis(L, part, 0, out->n);
        out->binder[out->n++] = which[p];
    }
    out->value = x;
    return out->n == n;
}

/* Whether each binder stands as an index with nothing but an offset (not as in x[i*m + j]), and
 * every axis that one runs over has its extent, or is known to hold its range. */
static bool factor_fits(Lower *L, Expr *e, int n, const Range *ranges) {
    Access access;
    const Index *rest[ACCESS_MAX];
    int n_rest;
    access_of(e, &access);
    Tree *base = low_access_base(L, &access, &n_rest, rest);
    if (!base || base->kind != TREE_leaf || base->value->type->rank != n_rest)
        return false;
    int n_found = 0;
    for (int p = 0; p < n_rest; p++) {
        const Size *offset;
        int k = binder_at(L, rest[p], n, ranges, &offset);
        if (k < 0)
            continue;
        bool known_start = !ranges[k].binder->lo || ranges[k].binder->lo->size;
        bool exact = !ranges[k].binder->lo && offset->n == 0 &&
                     base->value->type->dims[p] == ranges[k].extent;
        if (!exact && !(rest[p]->in_range && known_start))
            return false;
        n_found++;
    }
    return n_found == n;
}

Value *low_contract_sum(Lower *L, Expr *body, int n, const Range *ranges) {
    Expr *sides[2] = {body->as.binary.a, body->as.binary.b};
    if (!factor_fits(L, sides[0], n, ranges) || !factor_fits(L, sides[1], n, ranges))
        return NULL;
    Factor factors[2];
    for (int i = 0; i < 2; i++)
        if (!lower_factor(L, sides[i], n, ranges, &factors[i]))
            return NULL;
    if (factors[0].value->type->elem != factors[1].value->type->elem)
        return NULL;
    char spec[4 * ACCESS_MAX];
    int at = 0;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < n; k++)
            spec[at++] = (char)('i' + factors[i].binder[k]);
        spec[at++] = i == 0 ? ',' : '-';
    }
    spec[at++] = '>';
    spec[at] = '\0';
    return ir_contract(L->b, spec, factors[0].value, factors[1].value);
}
