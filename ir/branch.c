/* ir_if_values: an `if` that folds where its condition or its results allow. */
#include "ir/ir.h"

static bool is_outer(const Value *v, const IrBuilder *branch) { return !region_contains(branch->region, v->region); }

static void take_branch(IrBuilder *b, const Region *taken, Value **out)
{
    IrMap map;
    irmap_init(&map, b->m, b->m->arena);
    ir_clone_insts(b, taken, &map);
    for (int i = 0; i < taken->yields.n; i++)
        out[i] = irmap_get(&map, taken->yields.data[i]);
}

void ir_if_values(IrBuilder *b, Value *cond, IrBuilder *then_, IrBuilder *else_, Value **out)
{
    const Inst *c = cond->inst;
    if (c && c->op == OP_const) {
        take_branch(b, c->attr.integer ? then_->region : else_->region, out);
        return;
    }
    Inst *inst = ir_if(b, cond, then_, else_);
    for (int i = 0; i < inst->n_out; i++) {
        Value *yes = then_->region->yields.data[i], *no = else_->region->yields.data[i];
        out[i] = yes == no && is_outer(yes, then_) ? yes : inst->out[i];
    }
}
