/* Finds products X' diag(w) X, of which half is enough: Hessians and Gram matrices. Called by
 * emit_contract.c.
 *
 * The weighted copy of X is made row by row in the loop form,
 *     loop A { w = ..; loop i { f(X[A,i]) } }
 * where f is linear in X[A,i] with coefficients that the whole row shares: then f(x) = w*x for one
 * w a row, up to rounding, however w is computed. */
#include "codegen/symmetry.h"
#include "ir/einsum.h"

#include <string.h>

/* "Ai,AB->.." and the like: matrices with one label in common, at the same place, and a result of
 * the other two. */
static bool is_gram(const Einsum *e) {
    const char *x = e->labels[0], *y = e->labels[1], *out = e->out;
    if (strlen(x) != 2 || strlen(y) != 2 || strlen(out) != 2)
        return false;
    bool first = x[0] == y[0] && x[1] != y[1], last = x[1] == y[1] && x[0] != y[0];
    char sum = first ? x[0] : x[1];
    return (first || last) && !strchr(out, sum) && out[0] != out[1];
}

static const Inst *loop_of(const Value *stack) {
    const Inst *loop = stack->inst;
    bool stacks = loop && loop->op == OP_loop && loop->attr.loop.n_carry == 0 &&
                  stack->index >= loop->attr.loop.n_acc;
    return stacks ? loop : NULL;
}

/* The array that a parameter of the loop is a slice of; NULL: it is none. */
static const Value *sliced(const Inst *loop, const Value *v) {
    bool slice = !v->inst && v->region == loop->regions[0] && v->index >= 1 &&
                 v->index <= loop->attr.loop.n_slice;
    return slice ? loop->in[v->index - 1] : NULL;
}

enum { MOST_DEPTH = 16 };

/* The same in every iteration: from outside, or computed of nothing else. */
static bool is_shared(const Inst *loop, const Value *v, int depth) {
    if (!region_contains(loop->regions[0], v->region))
        return true;
    bool computed = v->inst && (op_is_elementwise(v->inst->op) || v->inst->op == OP_const);
    if (!computed || depth == MOST_DEPTH)
        return false;
    for (int k = 0; k < v->inst->n_in; k++)
        if (!is_shared(loop, v->inst->in[k], depth + 1))
            return false;
    return true;
}

/* v = w*x with w the same throughout the loop, where x is the element of `row`. */
static bool is_multiple(const Inst *loop, const Value *v, const Value *row, int depth) {
    if (sliced(loop, v) == row || inst_is_zero(v))
        return true;
    const Inst *inst = v->inst;
    if (!inst || depth == MOST_DEPTH)
        return false;
    Value *const *in = inst->in;
    switch (inst->op) {
    case OP_neg:
        return is_multiple(loop, in[0], row, depth + 1);
    case OP_add:
    case OP_sub:
        return is_multiple(loop, in[0], row, depth + 1) && is_multiple(loop, in[1], row, depth + 1);
    case OP_mul:
        return (is_shared(loop, in[0], depth + 1) && is_multiple(loop, in[1], row, depth + 1)) ||
               (is_shared(loop, in[1], depth + 1) && is_multiple(loop, in[0], row, depth + 1));
    case OP_div:
        return is_shared(loop, in[1], depth + 1) && is_multiple(loop, in[0], row, depth + 1);
    case OP_select:
        return is_shared(loop, in[0], depth + 1) && is_multiple(loop, in[1], row, depth + 1) &&
               is_multiple(loop, in[2], row, depth + 1);
    case OP_if:
        return is_shared(loop, in[0], depth + 1) &&
               is_multiple(loop, inst->regions[0]->yields.data[v->index], row, depth + 1) &&
               is_multiple(loop, inst->regions[1]->yields.data[v->index], row, depth + 1);
    default:
        return false;
    }
}

/* y = diag(w) x, with a w for each first index. */
static bool is_weighted(const Value *x, const Value *y) {
    const Inst *rows = loop_of(y);
    const Inst *row = rows ? loop_of(rows->regions[0]->yields.data[y->index]) : NULL;
    if (!row || row->region != rows->regions[0])
        return false;
    const Value *element =
        row->regions[0]->yields.data[rows->regions[0]->yields.data[y->index]->index];
    for (int k = 0; k < row->attr.loop.n_slice; k++)
        if (sliced(rows, row->in[k]) == x && element->type->rank == 0 &&
            is_multiple(row, element, row->in[k], 0))
            return true;
    return false;
}

bool contract_is_symmetric(const Inst *inst) {
    const Value *x = inst->in[0], *y = inst->in[1];
    Einsum e = einsum_of_inst(inst);
    if (!type_is_float(x->type) || x->type != y->type || !is_gram(&e))
        return false;
    bool first = e.labels[0][0] == e.labels[1][0];
    return x == y || (first && (is_weighted(x, y) || is_weighted(y, x)));
}
