/* Folding of array operations as they are emitted: indexing what was just built, permutations,
 * views.
 *
 * Elements of elementwise operations, of loops and of reductions are not taken apart here: that
 * would compute them again. Called by builder.c only. */
#include "ir/emit.h"

#include <assert.h>
#include <string.h>

/* ---- indices ---- */

typedef enum Relation { UNKNOWN, SAME, DISTINCT } Relation;

/* v as base + offset, with base NULL for constants */
static const Value *split_offset(const Value *v, int64_t *offset) {
    *offset = 0;
    if (value_integer(v, offset)) {
        return NULL;
    }
    if (value_is(v, OP_add) && value_integer(v->inst->in[1], offset)) {
        return v->inst->in[0];
    }
    return v;
}

static Relation relate(IrBuilder *b, const Value *x, const Value *y) {
    if (x == y) {
        return SAME;
    }
    int64_t p, q;
    if (split_offset(x, &p) == split_offset(y, &q)) {
        return p == q ? SAME : DISTINCT;
    }
    const Size *s = value_size(b, x), *t = value_size(b, y);
    const Size *difference = s && t ? size_sub(&b->m->ctx->polys, s, t) : NULL;
    return difference && size_is_const(difference, &p) ? DISTINCT : UNKNOWN;
}

/* How x[idx[0..k)] relates to what was put at at[0..n). SAME: it lies within. */
static Relation relate_places(IrBuilder *b, int n, Value *const *at, int k, Value *const *idx) {
    Relation all = k >= n ? SAME : UNKNOWN;
    for (int i = 0; i < n && i < k; i++) {
        Relation one = relate(b, at[i], idx[i]);
        if (one == DISTINCT) {
            return DISTINCT;
        }
        if (one == UNKNOWN) {
            all = UNKNOWN;
        }
    }
    return all;
}

static Value *index_of_index(IrBuilder *b, const Inst *inner, int k, Value *const *idx) {
    Value *all[2 * IR_MAX_RANK];
    int n = inner->n_in - 1;
    memcpy(all, inner->in + 1, (size_t)n * sizeof *all);
    memcpy(all + n, idx, (size_t)k * sizeof *all);
    return ir_index(b, inner->in[0], n + k, all);
}

static Value *index_of_broadcast(IrBuilder *b, const Value *x, int k, Value *const *idx) {
    Value *source = x->inst->in[0];
    int added = x->type->rank - source->type->rank;
    if (k >= added) {
        return ir_index(b, source, k - added, idx + added);
    }
    return ir_broadcast(b, source, ir_drop_axes(b->m, x->type, k));
}

enum { MOST_PUTS = 64 }; /* looked through for one index, so that folding stays linear */

static Value *index_of_put(IrBuilder *b, Value *x, int k, Value *const *idx) {
    for (int step = 0; step < MOST_PUTS && x->inst; step++) {
        const Inst *put = x->inst;
        if ((put->op != OP_update && put->op != OP_add_at) || put->in[0]->is_acc) {
            return step == 0 ? NULL : ir_index(b, x, k, idx);
        }
        int n = put->n_in - 2;
        switch (relate_places(b, n, put->in + 2, k, idx)) {
        case DISTINCT:
            x = put->in[0];
            continue;
        case UNKNOWN:
            return step == 0 ? NULL : ir_index(b, x, k, idx);
        case SAME:
            break;
        }
        if (put->op == OP_add_at && !value_is(put->in[0], OP_broadcast)) {
            return step == 0 ? NULL : ir_index(b, x, k, idx);
        }
        Value *part = ir_index(b, put->in[1], k - n, idx + n);
        return put->op == OP_update ? part
                                    : ir_ew2(b, OP_add, ir_index(b, put->in[0], k, idx), part);
    }
    return x->inst ? NULL : ir_index(b, x, k, idx);
}

/* Possible when the k first result axes are the k first operand axes in some order. */
static Value *index_of_transpose(IrBuilder *b, const Value *x, int k, Value *const *idx) {
    Value *source = x->inst->in[0];
    Value *moved[IR_MAX_RANK];
    int8_t rest[IR_MAX_RANK];
    for (int i = 0; i < x->type->rank; i++) {
        int axis = x->inst->attr.perm[i];
        if ((i < k) != (axis < k)) {
            return NULL;
        }
        if (i < k) {
            moved[axis] = idx[i];
        } else {
            rest[i - k] = (int8_t)(axis - k);
        }
    }
    return ir_transpose(b, ir_index(b, source, k, moved), rest);
}

/* The same index list with another first index. */
static Value *index_shifted(IrBuilder *b, Value *x, Value *first, int k, Value *const *idx) {
    Value *all[IR_MAX_RANK];
    memcpy(all, idx, (size_t)k * sizeof *idx);
    all[0] = first;
    return ir_index(b, x, k, all);
}

static Value *index_of_reverse(IrBuilder *b, const Value *x, int k, Value *const *idx) {
    Value *last = ir_ew2(b, OP_sub, ir_size(b, x->type->dims[0]), ir_int(b, S_i64, 1));
    return index_shifted(b, x->inst->in[0], ir_ew2(b, OP_sub, last, idx[0]), k, idx);
}

Value *fold_index(IrBuilder *b, Value *x, int k, Value *const *idx) {
    const Inst *inst = x->inst;
    int64_t first;
    if (!inst) {
        return NULL;
    }
    switch (inst->op) {
    case OP_index:
        return index_of_index(b, inst, k, idx);
    case OP_broadcast:
        return index_of_broadcast(b, x, k, idx);
    case OP_update:
    case OP_add_at:
        return index_of_put(b, x, k, idx);
    case OP_transpose:
        return index_of_transpose(b, x, k, idx);
    case OP_iota:
        return idx[0];
    case OP_reverse:
        return index_of_reverse(b, x, k, idx);
    case OP_slice:
        return index_shifted(b, inst->in[0], ir_ew2(b, OP_add, idx[0], inst->in[1]), k, idx);
    case OP_array:
        if (value_integer(idx[0], &first) && first >= 0 && first < inst->n_in) {
            return ir_index(b, inst->in[first], k - 1, idx + 1);
        }
        return NULL;
    default:
        return NULL;
    }
}

/* ---- views ---- */

static bool adds_first_axis(const Value *x) {
    return value_is(x, OP_broadcast) && x->inst->in[0]->type->rank < x->type->rank;
}

static const Type *with_first_axis(IrBuilder *b, const Type *type, const Size *extent) {
    return ir_add_axis(b->m, ir_drop_axes(b->m, type, 1), extent);
}

Value *fold_slice(IrBuilder *b, Value *x, Value *lo, const Size *extent) {
    if (x->type->dims[0] == extent && value_is_integer(lo, 0)) {
        return x;
    }
    if (adds_first_axis(x)) {
        return ir_broadcast(b, x->inst->in[0], with_first_axis(b, x->type, extent));
    }
    if (value_is(x, OP_slice)) {
        return ir_slice(b, x->inst->in[0], ir_ew2(b, OP_add, x->inst->in[1], lo), extent);
    }
    return NULL;
}

static bool broadcast_of_scalar(const Value *x) {
    return value_is(x, OP_broadcast) && x->inst->in[0]->type->rank == 0;
}

Value *fold_transpose(IrBuilder *b, Value *x, const int8_t *perm) {
    bool identity = true;
    int8_t both[IR_MAX_RANK];
    const Size *dims[IR_MAX_RANK];
    for (int i = 0; i < x->type->rank; i++) {
        identity = identity && perm[i] == i;
        dims[i] = x->type->dims[perm[i]];
    }
    if (identity) {
        return x;
    }
    if (broadcast_of_scalar(x)) {
        return ir_broadcast(b, x->inst->in[0], ir_type(b->m, x->type->elem, x->type->rank, dims));
    }
    if (value_is(x, OP_transpose)) {
        for (int i = 0; i < x->type->rank; i++) {
            both[i] = x->inst->attr.perm[perm[i]];
        }
        return ir_transpose(b, x->inst->in[0], both);
    }
    return NULL;
}

Value *fold_reshape(IrBuilder *b, Value *x, const Type *to) {
    if (x->type == to) {
        return x;
    }
    if (broadcast_of_scalar(x)) {
        return ir_broadcast(b, x->inst->in[0], to);
    }
    bool is_one = value_is(x, OP_reshape) && ir_may_reshape(b->m, x->inst->in[0]->type, to);
    return is_one ? ir_reshape(b, x->inst->in[0], to) : NULL;
}

/* [x[0], x[1], ..., x[n-1]] is x. */
static Value *rows_of_one(int n, Value *const *xs) {
    Value *source = NULL;
    for (int i = 0; i < n; i++) {
        const Inst *inst = xs[i]->inst;
        if (!inst || inst->op != OP_index || inst->n_in != 2 || !value_is_integer(inst->in[1], i) ||
            (source && inst->in[0] != source)) {
            return NULL;
        }
        source = inst->in[0];
    }
    int64_t extent;
    return size_is_const(source->type->dims[0], &extent) && extent == n ? source : NULL;
}

Value *fold_array(IrBuilder *b, int n, Value *const *xs) {
    bool all_same = true;
    for (int i = 1; i < n; i++) {
        all_same = all_same && xs[i] == xs[0];
    }
    Value *whole = rows_of_one(n, xs);
    if (whole || !all_same) {
        return whole;
    }
    return ir_broadcast(b, xs[0], ir_add_axis(b->m, xs[0]->type, size_const(&b->m->ctx->polys, n)));
}

/* Element i of a short vector whose elements are at hand; NULL where they are in memory. */
static Value *element_at_hand(const Value *x, int64_t i) {
    if (value_is(x, OP_array)) {
        return x->inst->in[i];
    }
    bool one = value_is(x, OP_broadcast) || value_is(x, OP_reshape);
    return one && x->inst->in[0]->type->rank == 0 ? x->inst->in[0] : NULL;
}

/* Short vectors of scalars one after the other are one vector of scalars. */
Value *fold_concat(IrBuilder *b, int n, Value *const *xs) {
    enum { MOST = 64 };
    Value *all[MOST];
    int64_t count;
    int at = 0;
    for (int k = 0; k < n && xs[0]->type->rank == 1; k++) {
        if (!size_is_const(xs[k]->type->dims[0], &count) || count < 0 || at + count > MOST) {
            return NULL;
        }
        for (int64_t i = 0; i < count; i++) {
            all[at] = element_at_hand(xs[k], i);
            if (!all[at++]) {
                return NULL;
            }
        }
    }
    return at > 0 ? ir_array(b, at, all) : NULL;
}

Value *fold_reverse(IrBuilder *b, Value *x) {
    int64_t extent;
    (void)b;
    if (adds_first_axis(x) || (size_is_const(x->type->dims[0], &extent) && extent <= 1)) {
        return x;
    }
    return value_is(x, OP_reverse) ? x->inst->in[0] : NULL;
}
