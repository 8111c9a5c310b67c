/* Expands the derivative columns of ir/ops.def to builder calls. Called by vjp.c and jvp.c; knows
 * nothing of either. */
#include "passes/rules.h"

#include "passes/internal.h"

#define T (r->type)
#define X (x[0])
#define Y (x[1])
#define Z (x[2])
#define R (r)
#define ZERO NULL
#define C(k) ir_const(b, T, (k))
#define ONE C(1.0)
#define NEG(u) ir_ew1(b, OP_neg, (u))
#define ADD(u, v) ir_ew2(b, OP_add, (u), (v))
#define SUB(u, v) ir_ew2(b, OP_sub, (u), (v))
#define MUL(u, v) ir_ew2(b, OP_mul, (u), (v))
#define DIV(u, v) ir_ew2(b, OP_div, (u), (v))
#define LT(u, v) ir_ew2(b, OP_lt, (u), (v))
#define GT(u, v) ir_ew2(b, OP_gt, (u), (v))
#define EQ(u, v) ir_ew2(b, OP_eq, (u), (v))
#define GE(u, v) ir_ew2(b, OP_ge, (u), (v))
#define NE(u, v) ir_ew2(b, OP_ne, (u), (v))
#define AND(u, v) ir_ew2(b, OP_and, (u), (v))
#define NOT(u) ir_ew1(b, OP_not, (u))
#define SIGN(u) ir_ew1(b, OP_sign, (u))
#define ROUND(u) ir_ew1(b, OP_round, (u))
#define SQRT(u) ir_ew1(b, OP_sqrt, (u))
#define EXP(u) ir_ew1(b, OP_exp, (u))
#define SIN(u) ir_ew1(b, OP_sin, (u))
#define COS(u) ir_ew1(b, OP_cos, (u))
#define SINH(u) ir_ew1(b, OP_sinh, (u))
#define COSH(u) ir_ew1(b, OP_cosh, (u))
#define SIGMOID(u) ir_ew1(b, OP_sigmoid, (u))
#define DIGAMMA(u) ir_ew1(b, OP_digamma, (u))
#define POLYGAMMA(k, u) ir_ew2(b, OP_polygamma, (k), (u))
#define HYPOT(u, v) ir_ew2(b, OP_hypot, (u), (v))
#define SELECT(c, u, v) ir_ew3(b, OP_select, (c), (u), (v))
/* 1 where c, else 0: the builder turns g*GATE(c) into select(c, g, 0), so no 0*inf arises. */
#define GATE(c) SELECT((c), ONE, C(0.0))
/* u/r, and 0 for r = 0: the partial of a length at its origin, as that of abs. */
#define UNIT(u, r) SELECT(EQ(r, C(0.0)), C(0.0), DIV(u, r))
/* 1 where c, a half where tie, else 0. */
#define PICK(c, tie) SELECT((c), ONE, SELECT((tie), C(0.5), C(0.0)))
#define CLAMP_DX(u, lo, hi) SELECT(ir_ew2(b, OP_or, LT(u, lo), GT(u, hi)), C(0.0), ONE)
/* d/dx x**y = y*x**(y-1). For y = 0 it is y/x, which is 0 and whose derivative by y is 1/x, and at
 * x = 0, y. The branch not taken is made harmless, so that no 0*inf comes from it at the next
 * order. */
#define POW_DX(u, v)                                                                               \
    SELECT(EQ(v, C(0.0)), DIV(v, SELECT(AND(EQ(v, C(0.0)), NE(u, C(0.0))), u, ONE)),               \
           MUL(v, ir_ew2(b, OP_pow, (u), SELECT(EQ(v, C(0.0)), ONE, SUB(v, ONE)))))
/* d/dy x**y = x**y*log(x), and 0 at x = 0 where x**y is 0 or 1. */
#define POW_DY(u, v, result)                                                                       \
    MUL(result, ir_ew1(b, OP_log, SELECT(AND(EQ(u, C(0.0)), GE(v, C(0.0))), ONE, (u))))

static Value *partial_of(IrBuilder *b, Op op, int k, Value *const *x, Value *r) {
    switch (op) {
#define EW(name, n, class, builtin, cost, pole, eval, d0, d1, d2, ...)                             \
    case OP_##name:                                                                                \
        return k == 0 ? (d0) : k == 1 ? (d1) : (d2);
#include "ir/ops.def"
#undef EW
    default:
        return NULL;
    }
}

/* The partial derivative of `op` by operand k, of r's type. NULL where no derivative flows (kinks
 * of measure zero included: sign, floor, comparisons).
 *
 * The operations of a rule are steps but for its last, which has a meaning: the derivative. A gate
 * that folds to 0 lets nothing through, inf neither; another partial of 0 is a factor. */
Value *rule_partial(IrBuilder *b, Op op, int k, Value *const *x, Value *r) {
    bool outer = b->is_step, outer_by_reciprocal = b->by_reciprocal;
    b->is_step = b->by_reciprocal = true;
    Value *partial = partial_of(b, op, k, x, r);
    b->is_step = outer;
    b->by_reciprocal = outer_by_reciprocal;
    if (partial && partial->inst && !outer)
        partial->inst->is_step = false;
    bool gate = op == OP_select || op == OP_min || op == OP_max || op == OP_clamp || op == OP_relu;
    return gate && partial && inst_is_zero(partial) ? NULL : partial;
}

static bool is_one(const Value *v) {
    while (v->inst && v->inst->op == OP_broadcast)
        v = v->inst->in[0];
    return v->inst && v->inst->op == OP_const && v->inst->attr.num == 1.0;
}

/* Note [Gates]
 *
 * The adjoint of an operand of `select` is select(c, g, 0). What it is multiplied with on its way
 * back may be inf or NaN just where c is false: `select(x > 0, exp(sqrt(x)), 1)` at 0. So the gate
 * stays outside: select(c, g*partial, 0), and sums of gates of one condition are gates. Both cost
 * nothing.
 *
 * Other zeros of this kind have no such form: the sum of two gates of different conditions, what
 * comes out of an `if`, or of a loop that may not have run, the elements of an array that nothing
 * read. There the product is mul0(g, partial): 0 where one of the two is, whatever the other is. It
 * is linear in each factor, and so are its derivatives, mul0(d, partial) and mul0(g, d). (A
 * selection by g == 0 would have a wrong derivative where g is 0 by chance.)
 *
 * mul0 costs two comparisons, so it stands only where zeros.c finds that one factor may be a zero
 * by structure and the other infinite. Contractions of arrays stay what they are: the kernels of
 * their products are worth more than an inf in a matrix beside a branch. */
static bool is_gate(const Value *v) {
    return v->inst && v->inst->op == OP_select && type_is_float(v->type) &&
           (inst_is_zero(v->inst->in[1]) || inst_is_zero(v->inst->in[2]));
}

/* What is under the gate. */
static Value *inside_gate(const Value *gate) {
    return gate->inst->in[inst_is_zero(gate->inst->in[1]) ? 2 : 1];
}

/* A product copies the gates of its factors. In a chain of hundreds of gates, each of which is
 * followed by a product, the copies would be of the square of that number: so many gates at most
 * are kept outside of a product. */
static bool is_open(const Value *v) {
    enum { MOST_GATES = 4 };
    int n = 0;
    for (const Value *at = v; n <= MOST_GATES && is_gate(at); at = inside_gate(at))
        n++;
    return n > 0 && n <= MOST_GATES;
}

void gates_note_seed(Gates *gates, Value *seed) {
    bool solid = is_gate(seed);
    for (int k = 1; k <= 2 && solid; k++) {
        Value *arm = seed->inst->in[k];
        solid = inst_is_zero(arm) || !zero_by_structure(gates->solid.arena, arm, false);
    }
    if (solid)
        ptrmap_put(&gates->solid, seed, NULL);
}

/* Made of iotas and scalars, so that an element of it costs next to nothing. */
static bool is_position(const Value *v) {
    const Inst *inst = v->inst;
    if (inst && inst->op == OP_add)
        return is_position(inst->in[0]) && is_position(inst->in[1]);
    return inst &&
           (inst->op == OP_iota || (inst->op == OP_broadcast && inst->in[0]->type->rank == 0));
}

static Value *index_position(IrBuilder *b, Value *x, int k, Value *const *idx) {
    const Inst *inst = x->inst;
    if (inst->op != OP_add)
        return ir_index(b, x, k, idx);
    return ir_ew2(b, OP_add, index_position(b, inst->in[0], k, idx),
                  index_position(b, inst->in[1], k, idx));
}

Value *index_gate(Gates *gates, IrBuilder *b, Value *x, int k, Value *const *idx) {
    const Inst *equal = is_open(x) && x->type->rank > 0 ? x->inst->in[0]->inst : NULL;
    if (!equal || equal->op != OP_eq || !is_position(equal->in[0]) || !is_position(equal->in[1]))
        return ir_index(b, x, k, idx);
    Value *here = ir_ew2(b, OP_eq, index_position(b, equal->in[0], k, idx),
                         index_position(b, equal->in[1], k, idx));
    Value *part = ir_ew3(b, OP_select, here, ir_index(b, x->inst->in[1], k, idx),
                         ir_index(b, x->inst->in[2], k, idx));
    if (is_gate(part) && ptrmap_has(&gates->solid, x))
        ptrmap_put(&gates->solid, part, NULL);
    return part;
}

Value *slice_gate(Gates *gates, IrBuilder *body, Value *x, Value *slice) {
    Value *at = ir_body_index(body);
    bool numbers = is_gate(x) && inst_is_const(x->inst->in[1]) && inst_is_const(x->inst->in[2]);
    return numbers ? index_gate(gates, body, x, 1, &at) : slice;
}

static Value *strong_product(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_mul0, x, y);
}

static Value *plain_product(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_mul, x, y);
}
/* Of two gates, that of the operation is outermost: sums of what comes back to its operand are all
 * under it. */
static Value *under_gates(IrBuilder *b, Value *x, Value *partial,
                          Value *(*times)(IrBuilder *b, Value *x, Value *y)) {
    Value *arms[2];
    if (!is_open(x) && !is_open(partial))
        return times(b, x, partial);
    const Inst *outer = is_open(partial) ? partial->inst : x->inst;
    for (int k = 0; k < 2; k++) {
        Value *arm = outer->in[1 + k];
        arms[k] = inst_is_zero(arm)  ? arm
                  : outer == x->inst ? under_gates(b, arm, partial, times)
                                     : under_gates(b, x, arm, times);
    }
    return ir_ew3(b, OP_select, outer->in[0], arms[0], arms[1]);
}

Value *times_partial(IrBuilder *b, Value *x, Value *partial, bool strong) {
    return is_one(partial) ? x
                           : under_gates(b, x, partial, strong ? strong_product : plain_product);
}

/* Whether g, the derivative of `of`, is 0 only where the gates around it say so. */
static bool derivative_is_solid(const Gates *gates, Value *g, const Value *of) {
    return !ptrmap_has(&gates->source.faint, of) || (ptrmap_has(&gates->solid, g) && is_open(g));
}

static bool term_is_strong(const Zeros *z, bool solid, const Value *of, const Inst *inst, int k) {
    return inst->op == OP_mul0 || (!solid && partial_has_pole(z, inst, k)) ||
           pole_meets_zero(z, of, inst, k);
}

Value *rule_term(Gates *gates, IrBuilder *b, const Inst *inst, int k, Value *const *x, Value *r,
                 Value *g, const Value *of, Value *kept) {
    const Zeros *z = &gates->source;
    Value *partial = kept ? kept : rule_partial(b, inst->op, k, x, r);
    if (!partial || is_one(partial))
        return partial ? g : NULL;
    bool solid = derivative_is_solid(gates, g, of);
    Value *term = times_partial(b, g, partial, term_is_strong(z, solid, of, inst, k));
    bool own =
        !op_chooses(inst->op) || is_gate(partial); /* the gate of the operation, or above it */
    if (solid && own && is_gate(term) && !partial_has_zero(z, inst, k))
        ptrmap_put(&gates->solid, term, NULL);
    return term;
}

Value *rule_divisor_term(Gates *gates, IrBuilder *b, const Inst *inst, Value *r, Value *g,
                         const Value *of, Value *dividend_term) {
    const Zeros *z = &gates->source;
    bool solid = derivative_is_solid(gates, g, of);
    if (term_is_strong(z, solid, of, inst, 0) || term_is_strong(z, solid, of, inst, 1))
        return NULL;
    Value *term = times_partial(b, dividend_term, ir_ew1(b, OP_neg, r), false);
    if (solid && is_gate(term) && !partial_has_zero(z, inst, 1))
        ptrmap_put(&gates->solid, term, NULL);
    return term;
}

static Value *plus_gated(IrBuilder *b, Value *x, Value *y) {
    if (!is_gate(x) || !is_gate(y) || x->inst->in[0] != y->inst->in[0])
        return ir_ew2(b, OP_add, x, y);
    Value *arms[2];
    for (int k = 0; k < 2; k++) {
        Value *u = x->inst->in[1 + k], *v = y->inst->in[1 + k];
        arms[k] = inst_is_zero(u) ? v : inst_is_zero(v) ? u : plus_gated(b, u, v);
    }
    return ir_ew3(b, OP_select, x->inst->in[0], arms[0], arms[1]);
}

/* Whether x + y is 0 only where the gates around it say so. Where one of the two has more gates
 * than the other, the sum inside is 0 where both are, and has none that says so. */
static bool sum_is_solid(const Value *x, bool x_solid, const Value *y, bool y_solid) {
    bool gx = is_gate(x), gy = is_gate(y);
    if (!gx || !gy || x->inst->in[0] != y->inst->in[0])
        return (x_solid && !gx) || (y_solid && !gy);
    const Value *u = inside_gate(x), *v = inside_gate(y);
    if (inst_is_zero(x->inst->in[1]) == inst_is_zero(y->inst->in[1]))
        return sum_is_solid(u, x_solid, v, y_solid);
    return x_solid && y_solid && !is_gate(u) && !is_gate(v); /* each has one side */
}

Value *plus_term(Gates *gates, IrBuilder *b, Value *x, Value *y) {
    Value *sum = plus_gated(b, x, y);
    if (is_gate(sum) &&
        sum_is_solid(x, ptrmap_has(&gates->solid, x), y, ptrmap_has(&gates->solid, y)))
        ptrmap_put(&gates->solid, sum, NULL);
    return sum;
}
