/* Products of three operands in the cheaper order: (A B) x as A (B x), and K (C P) instead of
 * (K C) P where C P is there already.
 *
 * Only where it is cheaper for every size, taken that none is 0 (products of nothing cost nothing):
 * the operations of a product are those of all its labels multiplied. A product that others read,
 * too, or that the loop around does not change (`simplify` has moved it in front of the loop),
 * costs nothing more. The order of additions changes, as it does for every product.
 *
 * Done before a function is differentiated, so that its adjoints gain as well, and after it, for
 * what the adjoint brings; called by derive.c. */
#include "ir/einsum.h"
#include "passes/liveness.h"
#include "passes/rebuild.h"

#include <string.h>

enum { REASSOCIATE_ROUNDS = 8, MOST_READERS = 64 };

/* A product that reads a value. */
typedef struct Reader {
    const Inst *product;
    struct Reader *next;
} Reader;

typedef struct Reassociate {
    IrModule *m;
    PtrMap uses;
    PtrMap readers; /* value of the source -> Reader*: products so far */
    bool changed;
} Reassociate;

/* left * (pair), or (pair) * left: what stands for a product of three. */
typedef struct Order {
    Einsum pair;
    const Inst *found; /* computes the pair already */
    Value *left;
    char left_labels[IR_MAX_RANK + 1], out[IR_MAX_RANK + 1];
    bool left_first;
} Order;

/* ---- what products cost ---- */

static const Size *add_one(void *user, SizeSym *sym) {
    PolyTable *polys = user;
    return size_add(polys, size_sym(polys, sym), size_const(polys, 1));
}

/* size with every symbol one larger; NULL on overflow. */
static const Size *from_one(PolyTable *polys, const Size *size) {
    return size ? size_subst(polys, size, add_one, polys) : NULL;
}

static const Size *times_extent(PolyTable *polys, const Size *cost, const Size *extent) {
    return cost && extent ? size_mul(polys, cost, extent) : NULL;
}

/* Multiplications of a product; NULL when they overflow. */
static const Size *cost_of(PolyTable *polys, const Einsum *e) {
    const Size *cost = size_const(polys, 1), *extents[2 * IR_MAX_RANK];
    int n = einsum_extents(e, extents);
    for (int k = 0; k < n; k++)
        cost = times_extent(polys, cost, extents[k]);
    return cost;
}

static const Size *extent_in_order(const Order *o, char label) {
    const char *at = strchr(o->left_labels, label);
    return at ? o->left->type->dims[at - o->left_labels] : einsum_extent(&o->pair, label);
}

static const Size *cost_of_order(PolyTable *polys, const Order *o) {
    const Size *cost = size_const(polys, 1), *pair = cost_of(polys, &o->pair);
    for (const char *c = o->left_labels; *c; c++)
        cost = times_extent(polys, cost, extent_in_order(o, *c));
    for (const char *c = o->pair.out; *c; c++)
        if (!strchr(o->left_labels, *c))
            cost = times_extent(polys, cost, extent_in_order(o, *c));
    if (o->found || !cost || !pair)
        return o->found ? cost : NULL;
    return size_add(polys, cost, pair);
}

static bool is_cheaper(PolyTable *polys, const Size *a, const Size *than) {
    const Size *x = from_one(polys, a), *y = from_one(polys, than);
    return x && y && x != y && size_at_least(polys, y, x);
}

/* ---- products of three ---- */

static bool is_product(const Value *v) {
    return v->inst && v->inst->op == OP_contract;
}

/* Labels of the inner product in terms of the outer one's, where its result has those of operand k.
 * False: there are not enough letters. */
static bool rename_labels(Einsum *inner, const Einsum *outer, int k) {
    char to[128] = {0}, fresh = 'a';
    for (int axis = 0; inner->out[axis]; axis++)
        to[(unsigned char)inner->out[axis]] = outer->labels[k][axis];
    for (int i = 0; i < 2; i++)
        for (char *c = inner->labels[i]; *c; c++) {
            if (!to[(unsigned char)*c]) {
                while (fresh <= 'z' &&
                       (strchr(outer->labels[0], fresh) || strchr(outer->labels[1], fresh)))
                    fresh++;
                if (fresh > 'z')
                    return false;
                to[(unsigned char)*c] = fresh++;
            }
            *c = to[(unsigned char)*c];
        }
    memcpy(inner->out, outer->labels[k], sizeof inner->out);
    return true;
}

/* The labels that the pair's result has: those that the rest reads. False: one of them is in one
 * place only, or they are too many. */
static bool find_result(Order *o) {
    int n = 0;
    for (int k = 0; k < 2; k++)
        for (const char *c = o->pair.labels[k]; *c; c++) {
            bool in_other = strchr(o->pair.labels[!k], *c) != NULL,
                 wanted = strchr(o->left_labels, *c) || strchr(o->out, *c);
            if (!in_other && !wanted)
                return false;
            if (!wanted || strchr(o->pair.out, *c))
                continue;
            if (n == IR_MAX_RANK)
                return false;
            o->pair.out[n++] = *c;
        }
    for (const char *c = o->left_labels; *c; c++)
        if (!strchr(o->pair.out, *c) && !strchr(o->out, *c))
            return false;
    return true;
}

/* Whether a product is the pair, with its result in any order of axes, which `out` receives. */
static bool computes(const Inst *product, const Einsum *pair, char *out) {
    Einsum e = einsum_of_inst(product);
    int turned = e.in[0] != pair->in[0];
    char to[128] = {0}, from[128] = {0};
    if (e.in[turned] != pair->in[0] || e.in[!turned] != pair->in[1] ||
        strlen(e.out) != strlen(pair->out))
        return false;
    for (int k = 0; k < 2; k++)
        for (int axis = 0; pair->labels[k][axis]; axis++) {
            unsigned char theirs = (unsigned char)e.labels[k ^ turned][axis],
                          ours = (unsigned char)pair->labels[k][axis];
            if ((to[theirs] && to[theirs] != (char)ours) ||
                (from[ours] && from[ours] != (char)theirs))
                return false;
            to[theirs] = (char)ours, from[ours] = (char)theirs;
        }
    for (int axis = 0; e.out[axis]; axis++) {
        out[axis] = to[(unsigned char)e.out[axis]];
        if (!strchr(pair->out, out[axis]))
            return false;
    }
    return true;
}

/* A product before, in this region or around it, that computes the pair. */
static void find_pair(const Reassociate *s, Order *o, const Region *region) {
    const Reader *r = ptrmap_get(&s->readers, o->pair.in[0]);
    for (int n = 0; r && n < MOST_READERS && !o->found; r = r->next, n++) {
        char out[IR_MAX_RANK + 1] = {0};
        if (region_contains(r->product->region, region) && computes(r->product, &o->pair, out)) {
            o->found = r->product;
            memcpy(o->pair.out, out, sizeof out);
        }
    }
}

/* The order in which operand `with` of the inner product is multiplied by the outer one's other
 * operand first. */
static bool find_order(const Reassociate *s, const Inst *inst, int k, int with, Order *o) {
    Einsum outer = einsum_of_inst(inst), inner = einsum_of_inst(inst->in[k]->inst);
    int first = k == 0 ? 0 : 1; /* where the inner product's operand stands in the pair */
    if (!rename_labels(&inner, &outer, k))
        return false;
    *o = (Order){.left = inner.in[!with], .left_first = with == 1};
    o->pair.in[first] = inner.in[with];
    o->pair.in[!first] = outer.in[!k];
    memcpy(o->pair.labels[first], inner.labels[with], sizeof inner.labels[with]);
    memcpy(o->pair.labels[!first], outer.labels[!k], sizeof outer.labels[!k]);
    memcpy(o->left_labels, inner.labels[!with], sizeof inner.labels[!with]);
    memcpy(o->out, outer.out, sizeof outer.out);
    if (!find_result(o))
        return false;
    find_pair(s, o, inst->region);
    return true;
}

static bool is_made_in_front(const Inst *inner, const Inst *outer) {
    return inner->region != outer->region;
}

static const Size *cost_now(const Reassociate *s, const Inst *inst, int k) {
    PolyTable *polys = &s->m->ctx->polys;
    const Inst *x = inst->in[k]->inst;
    Einsum outer = einsum_of_inst(inst), inner = einsum_of_inst(x);
    const Size *cost = cost_of(polys, &outer), *before = cost_of(polys, &inner);
    bool stays = is_made_in_front(x, inst) || ptrmap_get(&s->uses, x->out[0]) != (void *)1;
    return stays || !cost || !before ? cost : size_add(polys, cost, before);
}

/* ---- the new body ---- */

static void emit_order(IrBuilder *b, const Inst *inst, const Order *o, IrMap *map) {
    Einsum pair = o->pair, whole = {0};
    for (int i = 0; i < 2; i++)
        pair.in[i] = irmap_get(map, pair.in[i]);
    int left = o->left_first ? 0 : 1;
    whole.in[left] = irmap_get(map, o->left);
    whole.in[!left] = o->found ? irmap_get(map, o->found->out[0]) : einsum_emit(b, &pair);
    memcpy(whole.labels[left], o->left_labels, sizeof o->left_labels);
    memcpy(whole.labels[!left], o->pair.out, sizeof o->pair.out);
    memcpy(whole.out, o->out, sizeof o->out);
    Value *v = einsum_emit(b, &whole);
    name_keep(b->m, v, inst->out[0]->name);
    irmap_put(map, inst->out[0], v);
}

static bool find_cheapest(const Reassociate *s, const Inst *inst, Order *best) {
    PolyTable *polys = &s->m->ctx->polys;
    bool any = false;
    const Size *least = NULL;
    for (int k = 0; k < 2; k++) {
        if (!is_product(inst->in[k]))
            continue;
        for (int with = 0; with < 2; with++) {
            Order o;
            if (!find_order(s, inst, k, with, &o))
                continue;
            const Size *cost = cost_of_order(polys, &o);
            if (!is_cheaper(polys, cost, cost_now(s, inst, k)) ||
                (any && !is_cheaper(polys, cost, least)))
                continue;
            any = true;
            *best = o;
            least = cost;
        }
    }
    return any;
}

static void note_reader(Reassociate *s, const Inst *product, int k) {
    Reader *reader = ARENA_NEW(s->m->arena, Reader);
    *reader = (Reader){.product = product, .next = ptrmap_get(&s->readers, product->in[k])};
    ptrmap_put(&s->readers, product->in[k], reader);
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Reassociate *s = user;
    Order order;
    if (inst->op == OP_contract && find_cheapest(s, inst, &order)) {
        b->loc = inst->loc;
        emit_order(b, inst, &order, map);
        s->changed = true;
    } else {
        rebuild_inst(b, inst, map, emit, s);
    }
    for (int k = 0; k < 2 && inst->op == OP_contract; k++)
        note_reader(s, inst, k);
}

static bool has_chain(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_contract && (is_product(inst->in[0]) || is_product(inst->in[1])))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (has_chain(inst->regions[k]))
                return true;
    }
    return false;
}

void reassociate_func(IrModule *m, Func *f) {
    Reassociate s = {.m = m, .changed = true};
    for (int round = 0; s.changed && round < REASSOCIATE_ROUNDS && has_chain(f->body); round++) {
        s.changed = false;
        ptrmap_init(&s.uses, m->arena);
        ptrmap_init(&s.readers, m->arena);
        count_uses(f->body, &s.uses);
        rebuild_func(m, f, emit, &s);
        if (s.changed)
            simplify_func(m, f);
    }
}

bool pass_reassociate(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            reassociate_func(m, m->funcs.data[i]);
    return true;
}
