/* Lowering of indices, ranges, fields and updates, with their checks at run time.
 *
 * An index is checked unless the checker proved it to be in range. A whole axis costs nothing; an
 * index or a range on an inner axis goes through a transposed view. */
#include "parser/lower_internal.h"

#include <assert.h>

void low_check_index(Lower *L, Value *i, const Size *extent, int axis, Loc loc) {
    Loc saved = L->b->loc;
    L->b->loc = loc;
    Text text;
    text_init(&text, L->m->arena);
    text_printf(&text, "index out of range for axis %d of length ", axis + 1);
    size_print(&text, extent);
    Value *low = ir_ew2(L->b, OP_ge, i, ir_int(L->b, S_i64, 0));
    Value *high = ir_ew2(L->b, OP_lt, i, ir_size(L->b, extent));
    ir_check(L->b, ir_ew2(L->b, OP_and, low, high), text.data);
    L->b->loc = saved;
}

Value *low_move_axis(Lower *L, Value *x, int from, int to) {
    int8_t perm[IR_MAX_RANK];
    int rank = x->type->rank, next = 0;
    if (from == to)
        return x;
    for (int k = 0; k < rank; k++) {
        if (next == from)
            next++;
        perm[k] = (int8_t)(k == to ? from : next++);
    }
    return ir_transpose(L->b, x, perm);
}

/* ---- evaluating indices ---- */

static const Type *first_leaf_type(const Tree *tree) {
    while (tree->kind != TREE_leaf)
        tree = tree->parts[0];
    return tree->value->type;
}

/* An index whose check counts only where `guard` is positive; there it must not leave the array
 * either. */
static Value *guarded_index(Lower *L, Value *i, const Size *extent, const Size *guard, int axis,
                            Loc loc) {
    Value *zero = ir_int(L->b, S_i64, 0);
    Value *used = ir_ew2(L->b, OP_gt, ir_size(L->b, guard), zero);
    IrBuilder *outer = L->b, then_, else_;
    ir_builder_nested(&then_, outer);
    ir_builder_nested(&else_, outer);
    L->b = &then_;
    low_check_index(L, i, extent, axis, loc);
    L->b = outer;
    ir_if(outer, used, &then_, &else_);
    return ir_ew3(outer, OP_select, used, i, zero);
}

static Value *lower_index_value(Lower *L, const Index *at, const Size *extent, const Size *guard,
                                int axis) {
    Value *i = ir_convert(L->b, lower_value(L, at->at), S_i64);
    int64_t constant;
    if (at->in_range)
        return i;
    if (guard && !(size_is_const(guard, &constant) && constant > 0))
        return guarded_index(L, i, extent, guard, axis, at->loc);
    low_check_index(L, i, extent, axis, at->loc);
    return i;
}

static void check_range(Lower *L, Value *lo, Value *hi, const Size *extent, int axis, Loc loc) {
    Text text;
    text_init(&text, L->m->arena);
    text_printf(&text, "range out of bounds for axis %d of length ", axis + 1);
    size_print(&text, extent);
    Value *ok = ir_ew2(L->b, OP_ge, lo, ir_int(L->b, S_i64, 0));
    ok = ir_ew2(L->b, OP_and, ok, ir_ew2(L->b, OP_le, lo, hi));
    ok = ir_ew2(L->b, OP_and, ok, ir_ew2(L->b, OP_le, hi, ir_size(L->b, extent)));
    L->b->loc = loc;
    ir_check(L->b, ok, text.data);
}

static Axis lower_range(Lower *L, const Index *at, const Size *extent, int axis) {
    Loc saved = L->b->loc;
    Axis result = {AXIS_range, NULL, NULL};
    result.at = at->lo ? ir_convert(L->b, lower_value(L, at->lo), S_i64) : ir_int(L->b, S_i64, 0);
    Value *hi = at->hi ? ir_convert(L->b, lower_value(L, at->hi), S_i64) : ir_size(L->b, extent);
    result.extent = env_size(L, at->extent);
    if (!at->in_range)
        check_range(L, result.at, hi, extent, axis, at->loc);
    L->b->loc = saved;
    return result;
}

void low_axes(Lower *L, const Tree *tree, int n, const Index *const *at, const Size *guard,
              Axis *axes) {
    const Type *type = first_leaf_type(tree);
    for (int k = 0; k < n; k++) {
        const Size *extent = type->dims[k];
        if (at[k]->kind == IX_at)
            axes[k] = (Axis){AXIS_at, lower_index_value(L, at[k], extent, guard, k), NULL};
        else if (!at[k]->lo && !at[k]->hi)
            axes[k] = (Axis){AXIS_all, NULL, NULL};
        else
            axes[k] = lower_range(L, at[k], extent, k);
    }
}

/* ---- applying indices ---- */

typedef struct AxesContext {
    Lower *L;
    int n;
    const Axis *axes;
} AxesContext;

/* Axes with an index first, in order, then the others: what `index` and `update` take. */
static bool index_first(const AxesContext *context, int rank, int8_t *perm, Value **idx,
                        int *n_idx) {
    int at = 0;
    bool moved = false;
    *n_idx = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < rank; k++) {
            bool indexed = k < context->n && context->axes[k].kind == AXIS_at;
            if (indexed != (pass == 0))
                continue;
            if (indexed)
                idx[(*n_idx)++] = context->axes[k].at;
            moved = moved || at != k;
            perm[at++] = (int8_t)k;
        }
    return moved;
}

static Tree *index_leaf(void *user, const Tree *leaf) {
    const AxesContext *context = user;
    Lower *L = context->L;
    Value *x = leaf->value, *idx[IR_MAX_RANK];
    for (int k = 0; k < context->n; k++) {
        if (context->axes[k].kind != AXIS_range)
            continue;
        Value *front = low_move_axis(L, x, k, 0);
        x = low_move_axis(L, ir_slice(L->b, front, context->axes[k].at, context->axes[k].extent), 0,
                          k);
    }
    int8_t perm[IR_MAX_RANK];
    int n_idx;
    if (index_first(context, x->type->rank, perm, idx, &n_idx))
        x = ir_transpose(L->b, x, perm);
    return tree_value(L->arena, n_idx > 0 ? ir_index(L->b, x, n_idx, idx) : x);
}

Tree *low_index(Lower *L, const Tree *tree, int n, const Axis *axes) {
    AxesContext context = {L, n, axes};
    return tree_map(L->arena, tree, index_leaf, &context);
}

static Tree *index_general(Lower *L, Expr *e) {
    Tree *x = lower_expr(L, e->as.index.x);
    const Index *at[ACCESS_MAX] = {NULL};
    Axis axes[ACCESS_MAX];
    for (int i = 0; i < e->as.index.at.n; i++)
        at[i] = &e->as.index.at.data[i];
    low_axes(L, x, e->as.index.at.n, at, NULL, axes);
    return low_index(L, x, e->as.index.at.n, axes);
}

Tree *lower_access(Lower *L, Expr *e) {
    Access access;
    if (access_of(e, &access)) {
        const Index *rest[ACCESS_MAX];
        Axis axes[ACCESS_MAX];
        int n;
        Tree *base = low_access_base(L, &access, &n, rest);
        assert(base);
        low_axes(L, base, n, rest, NULL, axes);

        return low_index(L, base, n, axes);
    }
    if (e->kind == E_field)
        return lower_expr(L, e->as.field.x)->parts[e->as.field.number];
    return index_general(L, e);
}

/* ---- with ---- */

/* Updates take leading indices only: an element, a row, or a field of a record. */
typedef struct UpdateContext {
    Lower *L;
    int n;
    Value *idx[IR_MAX_RANK];
} UpdateContext;

static Tree *update_leaf(void *user, const Tree *leaf, const Tree *value) {
    const UpdateContext *context = user;
    Lower *L = context->L;
    Value *x = leaf->value;
    Value *v = low_conform(L, value->value, ir_drop_axes(L->m, x->type, context->n));
    return tree_value(L->arena, ir_update(L->b, x, v, context->n, context->idx));
}

static Tree *with_field(Lower *L, Expr *e, Tree *x, Tree *value) {
    Tree **parts = ARENA_ARRAY(L->arena, x->n + 1, Tree *);
    for (int i = 0; i < x->n; i++)
        parts[i] = x->parts[i];
    int k = e->as.with.number;
    parts[k] = low_conform_tree(L, value, x->parts[k]);
    if (x->kind == TREE_tuple)
        return tree_tuple(L->arena, x->n, parts);
    return tree_record(L->arena, x->n, parts, x->names, x->struct_name);
}

Tree *lower_with(Lower *L, Expr *e) {
    Tree *x = lower_expr(L, e->as.with.x);
    const Index *at[ACCESS_MAX] = {NULL};
    Axis axes[ACCESS_MAX];
    UpdateContext context = {.L = L, .n = e->as.with.at.n};
    for (int i = 0; i < context.n; i++)
        at[i] = &e->as.with.at.data[i];
    low_axes(L, x, context.n, at, NULL, axes);
    Tree *value = lower_expr(L, e->as.with.value);
    if (context.n == 0)
        return with_field(L, e, x, value);
    for (int i = 0; i < context.n; i++)
        context.idx[i] = axes[i].at;
    return tree_map2(L->arena, x, value, update_leaf, &context);
}
