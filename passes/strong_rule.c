/* A rule that is written in the language multiplies its tangents or cotangents like anything else.
 * Where those may be 0 by structure (zeros.c), products with them are to be 0 as well: Note [Gates]
 * in rules.c. So a copy of the rule is used in which each product and quotient of a tangent is
 * mul0, and each einsum a strong one. Called by vjp.c and jvp.c. */
#include "ir/linear.h"
#include "passes/rebuild.h"

static Value *strong_product(IrBuilder *b, const Inst *inst, Value *const *x) {
    if (inst->op == OP_contract)
        return strong_contract(b, inst->attr.spec, x[0], x[1]);
    if (inst->op == OP_mul)
        return ir_ew2(b, OP_mul0, x[0], x[1]);
    Value *one = ir_const(b, x[1]->type, 1.0);
    return ir_ew2(b, OP_mul0, x[0], ir_ew2(b, OP_div, one, x[1]));
}

typedef struct Strong {
    PtrMap linear; /* values */
    bool einsums;  /* too */
} Strong;

static bool is_product(const Strong *s, const Inst *inst) {
    bool product =
        inst->op == OP_mul || inst->op == OP_div || (s->einsums && inst->op == OP_contract);
    return product && value_is_float(inst->out[0]) && ptrmap_has(&s->linear, inst->out[0]);
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (!is_product(user, inst)) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    Value *x[] = {irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1])};
    Value *v = strong_product(b, inst, x);
    name_keep(b->m, v, inst->out[0]->name);
    irmap_put(map, inst->out[0], v);
}

Func *rule_for(IrModule *m, Func *rule, int first, SeedKind kind) {
    NotLinear unused;
    if (kind == SEEDS_solid || !ir_is_linear(m, rule, first, "", &unused))
        return rule;
    Strong s = {.einsums = kind & SEEDS_chosen};
    ptrmap_init(&s.linear, m->arena);
    ir_linear_values(m, rule, first, &s.linear);
    Func *copy = ARENA_NEW(m->arena, Func);
    *copy = *rule;
    rebuild_func(m, copy, emit, &s);
    return copy;
}
