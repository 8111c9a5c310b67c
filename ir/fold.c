/* Folding of elementwise operations as they are emitted.
 *
 * Three steps: all operands constant; all operands broadcasts (the operation moves below the
 * broadcast); rules of the single operations. Float rules hold for every IEEE value, signed zeros
 * and NaN included, but for those that Note [Derivative folds] lists. Each rule makes fewer or
 * cheaper instructions, so folding ends. Called by ir_ew only. */
#include "ir/emit.h"
#include "ir/eval_math.h"

#include <math.h>
#include <string.h>

/* Note [Derivative folds]
 * Derivative rules multiply by gates (select(c, 1, 0)) and by reciprocals. So mul(g, gate) selects
 * g or zero, also where g is NaN or inf: a branch not taken must not poison a sum. mul(g, div(1,
 * y)) becomes div(g, y), and pow with a small integer exponent products: both are at least as
 * accurate as what they replace. mul0, a product that a zero of one factor decides, is +0 there;
 * where the other is a number it becomes a product, which may be -0. */

/* ---- questions about values ---- */

static const Value *below_broadcast(const Value *v) {
    while (value_is(v, OP_broadcast)) {
        v = v->inst->in[0];
    }
    return v;
}

bool value_number(const Value *v, double *num) {
    v = below_broadcast(v);
    if (!value_is(v, OP_const) || !type_is_float(v->type)) {
        return false;
    }
    *num = v->inst->attr.num;
    return true;
}

bool value_integer(const Value *v, int64_t *num) {
    v = below_broadcast(v);
    if (!value_is(v, OP_const) || type_is_float(v->type)) {
        return false;
    }
    *num = v->inst->attr.integer;
    return true;
}

bool value_is_number(const Value *v, double num) {
    double known;
    return value_number(v, &known) && known == num && signbit(known) == signbit(num);
}

bool value_is_integer(const Value *v, int64_t num) {
    int64_t known;
    return value_integer(v, &known) && known == num;
}

const Size *value_size(IrBuilder *b, const Value *v) {
    if (v->type->rank != 0 || v->type->elem != S_i64) {
        return NULL;
    }
    if (value_is(v, OP_size)) {
        return v->inst->attr.size;
    }
    return value_is(v, OP_const) ? size_const(&b->m->ctx->polys, v->inst->attr.integer) : NULL;
}

Value *like_const(IrBuilder *b, const Value *like, double num) {
    return ir_const(b, like->type, num);
}

static bool is_one(const Value *v) {
    return value_is_number(v, 1.0) || value_is_integer(v, 1);
}

static bool is_const(const Value *v) {
    return value_is(below_broadcast(v), OP_const);
}

static Value *neg(IrBuilder *b, Value *x) {
    return ir_ew1(b, OP_neg, x);
}

/* ---- constants ---- */

static Value *int_const_like(IrBuilder *b, const Type *type, int64_t value) {
    return ir_broadcast(b, ir_int(b, type->elem, value), type);
}

static Value *fold_float_consts(IrBuilder *b, Op op, Value *const *in) {
    double x[3] = {0, 0, 0};
    for (int i = 0; i < op_info[op].arity; i++) {
        if (!value_number(in[i], &x[i])) {
            return NULL;
        }
    }
    double r = eval_function(op)(x[0], x[1], x[2]);
    bool logical = op_info[op].class == OPC_CMP || op_info[op].class == OPC_TST;
    return logical ? int_const_like(b, ir_with_elem(b->m, in[0]->type, S_bool), r != 0)
                   : ir_const(b, in[0]->type, r);
}

static Value *fold_integer_consts(IrBuilder *b, Op op, Value *const *in) {
    int64_t x[3] = {0, 0, 0}, r;
    for (int i = 0; i < op_info[op].arity; i++) {
        if (!value_integer(in[i], &x[i])) {
            return NULL;
        }
    }
    if (!eval_integer(op, in[0]->type->elem, x[0], x[1], x[2], &r)) {
        return NULL; /* division by zero stays where it is */
    }
    bool logical = op_info[op].class == OPC_CMP || op_info[op].class == OPC_LOG;
    return int_const_like(b, logical ? ir_with_elem(b->m, in[0]->type, S_bool) : in[0]->type, r);
}

static Value *fold_consts(IrBuilder *b, Op op, Value *const *in) {
    if (op == OP_select || !is_const(in[0])) {
        return NULL;
    }
    return type_is_float(in[0]->type) ? fold_float_consts(b, op, in)
                                      : fold_integer_consts(b, op, in);
}

/* ---- broadcasts ---- */

/* op(broadcast x, broadcast y) is broadcast(op(x, y)), on the largest of the operands' shapes. */
static Value *fold_broadcasts(IrBuilder *b, Op op, Value *const *in) {
    int n = op_info[op].arity, rank = 0;
    for (int i = 0; i < n; i++) {
        if (!value_is(in[i], OP_broadcast)) {
            return NULL;
        }
        int below = in[i]->inst->in[0]->type->rank;
        rank = below > rank ? below : rank;
    }
    Value *small[3];
    for (int i = 0; i < n; i++) {
        small[i] = ir_broadcast(b, in[i]->inst->in[0],
                                ir_drop_axes(b->m, in[i]->type, in[i]->type->rank - rank));
    }
    Value *r = ir_ew(b, op, small);
    const Type *shape = in[n - 1]->type;
    return ir_broadcast(b, r, ir_with_elem(b->m, shape, r->type->elem));
}

/* ---- integers ---- */

/* Sums, differences and products of sizes are sizes. */
static Value *fold_sizes(IrBuilder *b, Op op, const Value *x, const Value *y) {
    PolyTable *polys = &b->m->ctx->polys;
    if (!value_is(x, OP_size) && !value_is(y, OP_size)) {
        return NULL;
    }
    const Size *p = value_size(b, x), *q = value_size(b, y);
    if (!p || !q) {
        return NULL;
    }
    const Size *r = op == OP_add   ? size_add(polys, p, q)
                    : op == OP_sub ? size_sub(polys, p, q)
                    : op == OP_mul ? size_mul(polys, p, q)
                                   : NULL;
    return r ? ir_size(b, r) : NULL;
}

/* (x + c) + d is x + (c + d): integers wrap, so this is exact. */
static Value *fold_add_add(IrBuilder *b, Value *x, int64_t d) {
    int64_t c, sum;
    if (!value_is(x, OP_add) || !value_integer(x->inst->in[1], &c)) {
        return NULL;
    }
    eval_integer(OP_add, x->type->elem, c, d, 0, &sum);
    return ir_ew2(b, OP_add, x->inst->in[0], int_const_like(b, x->type, sum));
}

static Value *fold_integer_add(IrBuilder *b, Value *x, Value *y) {
    int64_t c;
    if (value_is(y, OP_neg)) {
        return ir_ew2(b, OP_sub, x, y->inst->in[0]);
    }
    if (value_is(y, OP_sub) && y->inst->in[1] == x) {
        return y->inst->in[0];
    }
    if (value_is(x, OP_sub) && x->inst->in[1] == y) {
        return x->inst->in[0];
    }
    if (!value_integer(y, &c)) {
        return NULL;
    }
    return c == 0 ? x : fold_add_add(b, x, c);
}

static Value *fold_integer_sub(IrBuilder *b, Value *x, Value *y) {
    int64_t c;
    if (x == y) {
        return int_const_like(b, x->type, 0);
    }
    if (value_is(y, OP_neg)) {
        return ir_ew2(b, OP_add, x, y->inst->in[0]);
    }
    if (value_is(x, OP_add) && (x->inst->in[0] == y || x->inst->in[1] == y)) {
        return x->inst->in[x->inst->in[0] == y];
    }
    if (value_integer(y, &c)) {
        eval_integer(OP_neg, x->type->elem, c, 0, 0, &c);
        return c == 0 ? x : ir_ew2(b, OP_add, x, int_const_like(b, x->type, c));
    }
    return value_is_integer(x, 0) ? neg(b, y) : NULL;
}

static Value *fold_integer_mul(IrBuilder *b, Value *x, Value *y) {
    int64_t c;
    if (!value_integer(y, &c)) {
        return NULL;
    }
    return c == 0 ? y : c == 1 ? x : c == -1 ? neg(b, x) : NULL;
}

static Value *fold_integer(IrBuilder *b, Op op, Value *x, Value *y) {
    Value *size = op_info[op].arity == 2 ? fold_sizes(b, op, x, y) : NULL;
    if (size) {
        return size;
    }
    switch (op) {
    case OP_add:
        return fold_integer_add(b, x, y);
    case OP_sub:
        return fold_integer_sub(b, x, y);
    case OP_mul:
        return fold_integer_mul(b, x, y);
    case OP_div:
        return value_is_integer(y, 1) ? x : NULL;
    case OP_rem:
        return value_is_integer(y, 1) ? int_const_like(b, x->type, 0) : NULL;
    case OP_neg:
        return value_is(x, OP_neg)   ? x->inst->in[0]
               : value_is(x, OP_sub) ? ir_ew2(b, OP_sub, x->inst->in[1], x->inst->in[0])
                                     : NULL;
    case OP_min:
    case OP_max:
        return x == y ? x : NULL;
    case OP_xor:
        return x == y ? int_const_like(b, x->type, 0) : value_is_integer(y, 0) ? x : NULL;
    default:
        return NULL;
    }
}

/* ---- products with gates ---- */

enum { GATE_DEPTH = 4 };

typedef struct Gate {
    Value *value;
    bool zero;  /* some leaf is 0 */
    bool other; /* some leaf is not 0, 1 or -1 */
    int depth;
} Gate;

/* A tree of selects whose leaves are constants. */
static bool gate_walk(Gate *gate, const Value *v, int depth) {
    double c;
    if (value_number(v, &c)) {
        gate->zero |= c == 0;
        gate->other |= c != 0 && c != 1 && c != -1;
        return true;
    }
    return depth > 0 && value_is(v, OP_select) && gate_walk(gate, v->inst->in[1], depth - 1) &&
           gate_walk(gate, v->inst->in[2], depth - 1);
}

/* Worth distributing: nothing is multiplied, or some arm vanishes. */
static bool is_gate(Value *v) {
    const Value *below = below_broadcast(v);
    Gate gate = {.value = v};
    return value_is(below, OP_select) && gate_walk(&gate, below, GATE_DEPTH) &&
           (gate.zero || !gate.other);
}

static Value *gate_times(IrBuilder *b, Value *g, Value *gate) {
    double c;
    if (value_number(gate, &c)) {
        return c == 0 ? like_const(b, g, 0.0) : ir_ew2(b, OP_mul, g, like_const(b, g, c));
    }
    while (value_is(gate, OP_broadcast)) {
        gate = gate->inst->in[0];
    }
    Value *cond = ir_broadcast(b, gate->inst->in[0], ir_with_elem(b->m, g->type, S_bool));
    Value *yes = gate_times(b, g, gate->inst->in[1]), *no = gate_times(b, g, gate->inst->in[2]);
    return ir_ew3(b, OP_select, cond, yes, no);
}

/* ---- floats ---- */

static Value *fold_float_add(IrBuilder *b, Value *x, Value *y) {
    if (value_is_number(y, -0.0)) {
        return x;
    }
    if (value_is(y, OP_neg)) {
        return ir_ew2(b, OP_sub, x, y->inst->in[0]);
    }
    return value_is(x, OP_neg) ? ir_ew2(b, OP_sub, y, x->inst->in[0]) : NULL;
}

static Value *fold_float_sub(IrBuilder *b, Value *x, Value *y) {
    if (value_is_number(y, 0.0)) {
        return x;
    }
    if (value_is_number(x, -0.0)) {
        return neg(b, y);
    }
    return value_is(y, OP_neg) ? ir_ew2(b, OP_add, x, y->inst->in[0]) : NULL;
}

static bool is_reciprocal(const Value *v) {
    return value_is(v, OP_div) && is_one(v->inst->in[0]);
}

/* x*(1/y). */
static Value *quotient(IrBuilder *b, Value *x, const Value *reciprocal) {
    bool outer = b->by_reciprocal;
    b->by_reciprocal = true;
    Value *v = ir_ew2(b, OP_div, x, reciprocal->inst->in[1]);
    b->by_reciprocal = outer;
    return v;
}

static Value *fold_mul0(IrBuilder *b, Value *x, Value *y) {
    double c;
    if (value_number(y, &c) && isfinite(c)) {
        return c == 0 ? like_const(b, x, 0.0) : ir_ew2(b, OP_mul, x, y);
    }
    if (value_is(x, OP_neg)) {
        return neg(b, ir_ew2(b, OP_mul0, x->inst->in[0], y));
    }
    return value_is(y, OP_neg) ? neg(b, ir_ew2(b, OP_mul0, x, y->inst->in[0])) : NULL;
}

static Value *fold_float_mul(IrBuilder *b, Value *x, Value *y) {
    double c;
    if (value_number(y, &c)) {
        if (c == 1 || c == -1) {
            return c == 1 ? x : neg(b, x);
        }
        if (value_is(x, OP_neg)) {
            return ir_ew2(b, OP_mul, x->inst->in[0], like_const(b, y, -c));
        }
    }
    if (is_gate(y) && !is_gate(x)) {
        return gate_times(b, x, y);
    }
    if (is_gate(x)) {
        return gate_times(b, y, x);
    }
    if (value_is(y, OP_neg)) {
        return neg(b, ir_ew2(b, OP_mul, x, y->inst->in[0]));
    }
    if (value_is(x, OP_neg)) {
        return neg(b, ir_ew2(b, OP_mul, x->inst->in[0], y));
    }
    if (is_reciprocal(y)) {
        return quotient(b, x, y);
    }
    return is_reciprocal(x) ? quotient(b, y, x) : NULL;
}

/* Division by a power of two is exact as a product, when the reciprocal is a normal number. */
static bool exact_reciprocal(Scalar elem, double c, double *r) {
    int exponent;
    if (c == 0 || !isfinite(c) || fabs(frexp(c, &exponent)) != 0.5) {
        return false;
    }
    int most = elem == S_f32 ? 120 : 1000;
    *r = 1.0 / c;
    return exponent < most && exponent > -most;
}

/* u/(a/y)/y = u/a, as the derivative of log(a/y) has it; what the source writes so stays: for y = 0
 * it is NaN. */
static bool is_quotient_undone(const Value *x, const Value *y) {
    const Value *q = value_is(x, OP_div) && x->inst->by_reciprocal ? x->inst->in[1] : NULL;
    return q && value_is(q, OP_div) && q->inst->in[1] == y;
}

static Value *fold_float_div(IrBuilder *b, Value *x, Value *y) {
    double c, r;
    if (is_quotient_undone(x, y)) {
        return ir_ew2(b, OP_div, x->inst->in[0], x->inst->in[1]->inst->in[0]);
    }
    if (value_number(y, &c) && exact_reciprocal(y->type->elem, c, &r)) {
        return ir_ew2(b, OP_mul, x, like_const(b, y, r));
    }
    if (value_is(x, OP_neg)) {
        return neg(b, ir_ew2(b, OP_div, x->inst->in[0], y));
    }
    return value_is(y, OP_neg) ? neg(b, ir_ew2(b, OP_div, x, y->inst->in[0])) : NULL;
}

static Value *fold_float_neg(IrBuilder *b, Value *x) {
    double c, d;
    if (value_is(x, OP_neg)) {
        return x->inst->in[0];
    }
    if (value_is(x, OP_mul) && value_number(x->inst->in[1], &c)) {
        return ir_ew2(b, OP_mul, x->inst->in[0], like_const(b, x, -c));
    }
    if (value_is(x, OP_div) && value_number(x->inst->in[0], &c)) {
        return ir_ew2(b, OP_div, like_const(b, x, -c), x->inst->in[1]);
    }
    if (value_is(x, OP_select) && value_number(x->inst->in[1], &c) &&
        value_number(x->inst->in[2], &d)) {
        return ir_ew3(b, OP_select, x->inst->in[0], like_const(b, x, -c), like_const(b, x, -d));
    }
    return NULL;
}

static Value *fold_pow(IrBuilder *b, Value *x, Value *y) {
    double c;
    if (!value_number(y, &c)) {
        return NULL;
    }
    if (c == 0) {
        return like_const(b, x, 1.0);
    }
    if (c == 1) {
        return x;
    }
    if (c == -1) {
        return ir_ew2(b, OP_div, like_const(b, x, 1.0), x);
    }
    if (c == 2 || c == 3) {
        Value *square = ir_ew2(b, OP_mul, x, x);
        return c == 2 ? square : ir_ew2(b, OP_mul, square, x);
    }
    return NULL;
}

static Value *fold_float(IrBuilder *b, Op op, Value *x, Value *y) {
    switch (op) {
    case OP_add:
        return fold_float_add(b, x, y);
    case OP_sub:
        return fold_float_sub(b, x, y);
    case OP_mul:
        return fold_float_mul(b, x, y);
    case OP_mul0:
        return fold_mul0(b, x, y);
    case OP_div:
        return fold_float_div(b, x, y);
    case OP_neg:
        return fold_float_neg(b, x);
    case OP_pow:
        return fold_pow(b, x, y);
    case OP_min:
    case OP_max:
        return x == y ? x : NULL;
    case OP_abs:
        return value_is(x, OP_abs)   ? x
               : value_is(x, OP_neg) ? ir_ew1(b, OP_abs, x->inst->in[0])
                                     : NULL;
    case OP_cos:
    case OP_cosh:
        return value_is(x, OP_neg) ? ir_ew1(b, op, x->inst->in[0]) : NULL;
    default:
        return NULL;
    }
}

/* ---- entry ---- */

static bool swaps(Op op) {
    return op == OP_add || op == OP_mul || op == OP_mul0 || op == OP_min || op == OP_max ||
           op == OP_and || op == OP_or || op == OP_xor || op == OP_hypot;
}

Value *fold_elementwise(IrBuilder *b, Op op, Value *const *in) {
    Value *v = fold_consts(b, op, in);
    if (!v) {
        v = fold_broadcasts(b, op, in);
    }
    if (v) {
        return v;
    }
    Value *x = in[0], *y = op_info[op].arity > 1 ? in[1] : NULL;
    if (op_info[op].class == OPC_CMP) {
        return fold_compare(b, op, x, y);
    }
    if (swaps(op) && is_const(x)) { /* constants second */
        return ir_ew2(b, op, y, x);
    }
    if (op_info[op].class == OPC_LOG || op == OP_select) {
        return fold_logic(b, op, in);
    }
    return type_is_float(x->type) ? fold_float(b, op, x, y) : fold_integer(b, op, x, y);
}
