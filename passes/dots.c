/* A dot of what a parallel loop stacks becomes a sum in a loop, which fuse joins with the one that
 * stacks: then the array need not be stored to be read. The order of additions is another one, so
 * this is left to levels that optimise. */
#include "passes/rebuild.h"

static bool is_dot(const Inst *inst) {
    return inst->op == OP_contract && inst->out[0]->type->rank == 0 && inst->in[0]->type->rank == 1;
}

/* Whether a parallel loop beside the place of the builder stacks it. */
static bool is_stacked_beside(const IrBuilder *b, const Value *x) {
    const Inst *loop = x->inst;
    return loop && loop->op == OP_loop && loop->region == b->region &&
           loop->attr.loop.n_carry == 0 && x->index >= loop->attr.loop.n_acc;
}

/* A loop that fuse can join with the one that makes x, so that x need not be stored to be read. */
static Value *dot_loop(IrBuilder *b, Value *x, Value *y) {
    Value *slices[] = {x, y}, *zero = ir_const(b, ir_scalar(b->m, x->type->elem), 0.0);
    LoopSpec spec = {.extent = x->type->dims[0],
                     .n_slice = x == y ? 1 : 2,
                     .slices = slices,
                     .n_acc = 1,
                     .accs = &zero};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value *const *params = body.region->params.data;
    Value *product = ir_ew2(&body, OP_mul, params[1], params[spec.n_slice]);
    ir_yield(&body, ir_ew2(&body, OP_add, params[1 + spec.n_slice], product));
    return ir_loop_end(b, &spec, &body)->out[0];
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (!is_dot(inst)) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    Value *x = irmap_get(map, inst->in[0]), *y = irmap_get(map, inst->in[1]);
    if (!is_stacked_beside(b, x) && !is_stacked_beside(b, y)) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    b->loc = inst->loc;
    Value *v = dot_loop(b, x, y);
    if (!v->name)
        v->name = inst->out[0]->name;
    irmap_put(map, inst->out[0], v);
}

bool pass_dots(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            rebuild_func(m, m->funcs.data[i], emit, NULL);
    return true;
}
