/* Folding of contractions as they are emitted: a transposed operand is the operand with its labels
 * in another order, and a product with a unit vector, summed over it, is a part of the other
 * operand.
 *
 * The seeds of Jacobians and Hessians are unit vectors: their products would be as dear as those of
 * any vector. Called by builder.c only. */
#include "ir/einsum.h"
#include "ir/emit.h"

#include <string.h>

static bool untranspose(Einsum *p, int k) {
    Value *v = p->in[k];
    if (!value_is(v, OP_transpose)) {
        return false;
    }
    char labels[IR_MAX_RANK + 1] = {0};
    for (int axis = 0; axis < v->type->rank; axis++) {
        labels[(int)v->inst->attr.perm[axis]] = p->labels[k][axis];
    }
    memcpy(p->labels[k], labels, sizeof labels);
    p->in[k] = v->inst->in[0];
    return true;
}

/* A sum of nothing. */
static bool sums_nothing(const Einsum *p) {
    int64_t n;
    for (int axis = 0; p->labels[0][axis]; axis++) {
        if (!strchr(p->out, p->labels[0][axis]) && size_is_const(p->in[0]->type->dims[axis], &n) &&
            n == 0) {
            return true;
        }
    }
    return false;
}

/* ---- unit vectors ---- */

static bool is_index_below(const Value *v, const Size *extent) {
    const Inst *loop = v->inst ? NULL : v->region->owner;
    return loop && loop->op == OP_loop && v->index == 0 && loop->attr.loop.extent == extent;
}

/* Where the one stands in a vector that has one 1 and 0 otherwise: [i == k ? 1 : 0 for i], with k
 * the index of a loop as long as the vector. NULL: it is no such vector. */
static Value *unit_place(const Value *v) {
    if (v->type->rank != 1 || !value_is(v, OP_select) || !value_is_number(v->inst->in[1], 1.0) ||
        !value_is_number(v->inst->in[2], 0.0)) {
        return NULL;
    }
    const Value *cond = v->inst->in[0];
    if (!value_is(cond, OP_eq) || !value_is(cond->inst->in[0], OP_iota) ||
        !value_is(cond->inst->in[1], OP_broadcast)) {
        return NULL;
    }
    Value *k = cond->inst->in[1]->inst->in[0];
    return k->type->rank == 0 && is_index_below(k, v->type->dims[0]) ? k : NULL;
}

/* x[.., k, ..] with k at the axis of the label; the axes that are left in the order of the result.
 */
static Value *part_of(IrBuilder *b, const Einsum *p, int x, char label, Value *k) {
    const char *labels = p->labels[x];
    int rank = p->in[x]->type->rank, at = (int)(strchr(labels, label) - labels);
    int8_t perm[IR_MAX_RANK];
    char rest[IR_MAX_RANK + 1] = {0};
    perm[0] = (int8_t)at;
    for (int axis = 0, n = 0; axis < rank; axis++) {
        if (axis != at) {
            rest[n] = labels[axis];
            perm[++n] = (int8_t)axis;
        }
    }
    Value *part = ir_index(b, ir_transpose(b, p->in[x], perm), 1, &k);
    for (int axis = 0; axis < rank - 1; axis++) {
        perm[axis] = (int8_t)(strchr(rest, p->out[axis]) - rest);
    }
    return ir_transpose(b, part, perm);
}

static Value *fold_unit(IrBuilder *b, const Einsum *p, int unit) {
    Value *k = unit_place(p->in[unit]);
    char label = p->labels[unit][0];
    if (!k || strchr(p->out, label) || !strchr(p->labels[!unit], label) ||
        strlen(p->out) + 1 != strlen(p->labels[!unit])) {
        return NULL;
    }
    return part_of(b, p, !unit, label, k);
}

Value *fold_contract(IrBuilder *b, const char *spec, Value *x, Value *y, const Type *type) {
    Einsum p = einsum_of(spec, x, y);
    bool turned = untranspose(&p, 0), too = untranspose(&p, 1);
    if (turned || too) {
        return einsum_emit(b, &p);
    }
    if (sums_nothing(&p) && type_is_float(type)) {
        return ir_const(b, type, 0.0);
    }
    Value *v = fold_unit(b, &p, 1);
    return v ? v : fold_unit(b, &p, 0);
}
