/* What a derivative starts from: tangents of parameters or cotangents of results. Jacobians and
 * Hessians start from the vectors of a basis, one an iteration: of those each leaf is a gate, 0 in
 * every iteration but its own. Called by derive.c; zeros.c uses what is found. */
#include "passes/zeros.h"

static const Value *through(const Value *v, Op op) {
    while (v->inst && v->inst->op == op)
        v = v->inst->in[0];
    return v;
}

static bool is_loop_index(const Value *v) {
    return !v->inst && v->index == 0 && v->region->owner && v->region->owner->op == OP_loop;
}

/* The k of select(position == k, 1, 0), the index of a loop; NULL: it is no basis vector. */
static const Value *basis_index(const Value *seed) {
    const Inst *gate = through(seed, OP_reshape)->inst;
    if (!gate || gate->op != OP_select || !inst_is_const(gate->in[1]) ||
        inst_is_zero(gate->in[1]) || !inst_is_zero(gate->in[2]))
        return NULL;
    const Inst *equal = gate->in[0]->inst;
    for (int side = 0; equal && equal->op == OP_eq && side < 2; side++) {
        const Value *k = through(equal->in[side], OP_broadcast);
        if (is_loop_index(k))
            return k;
    }
    return NULL;
}

static bool is_nothing(const Value *seed) {
    return !seed || inst_is_zero(seed);
}

/* Whether one seed after the other gets its turns, until all had theirs, but for those that are 0
 * throughout. */
static bool is_basis(IrModule *m, int n, Value *const *seeds) {
    const Value *first = NULL;
    const Size *total = size_const(&m->ctx->polys, 0);
    for (int i = 0; i < n && total; i++) {
        if (is_nothing(seeds[i]))
            continue;
        const Value *k = basis_index(seeds[i]);
        const Size *count = ir_type_count(m, seeds[i]->type);
        if (!k || (first && k != first))
            return false;
        first = k;
        total = count ? size_add(&m->ctx->polys, total, count) : NULL;
    }
    return first && total && first->region->owner->attr.loop.extent == total;
}

SeedKind seeds_kind(IrModule *m, int n, Value *const *seeds) {
    if (is_basis(m, n, seeds))
        return SEEDS_basis;
    SeedKind kind = SEEDS_solid;
    for (int i = 0; i < n && kind != (SEEDS_faint | SEEDS_chosen); i++)
        if (!is_nothing(seeds[i]) && zero_by_structure(m->arena, seeds[i], false))
            kind = SEEDS_faint | (zero_by_structure(m->arena, seeds[i], true) ? SEEDS_chosen : 0);
    return kind;
}
