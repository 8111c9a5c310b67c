/* A rule that is written in the language multiplies its tangents or cotangents like anything else.
 * Where those may be 0 by structure (zeros.c), products with them are to be 0 as well: Note [Gates]
 * in rules.c. So a copy of the rule is used in which each product and quotient of a tangent is
 * mul0. Called by vjp.c and jvp.c. */
#include "ir/linear.h"
#include "passes/rebuild.h"

static Value *strong_product(IrBuilder *b, const Inst *inst, Value *const *x) {
    if (inst->op == OP_mul)
        return ir_ew2(b, OP_mul0, x[0], x[1]);
    Value *one = ir_const(b, x[1]->type, 1.0);
    return ir_ew2(b, OP_mul0, x[0], ir_ew2(b, OP_div, one, x[1]));
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    const PtrMap *linear = user;
    bool product = (inst->op == OP_mul || inst->op == OP_div) && value_is_float(inst->out[0]) &&
                   ptrmap_has(linear, inst->out[0]);
    if (!product) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    Value *x[] = {irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1])};
    Value *v = strong_product(b, inst, x);
    name_keep(b->m, v, inst->out[0]->name);
    irmap_put(map, inst->out[0], v);
}

Func *strong_rule(IrModule *m, Func *rule, int first) {
    NotLinear unused;
    if (!ir_is_linear(m, rule, first, "", &unused))
        return rule;
    PtrMap linear;
    ptrmap_init(&linear, m->arena);
    ir_linear_values(m, rule, first, &linear);
    Func *copy = ARENA_NEW(m->arena, Func);
    *copy = *rule;
    rebuild_func(m, copy, emit, &linear);
    return copy;
}
