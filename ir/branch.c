/* ir_if_values: an `if` that folds where its condition or its results allow. */
#include "ir/ir.h"

static bool is_outer(const Value *v, const IrBuilder *branch) {
    return !region_contains(branch->region, v->region);
}

static void take_branch(IrBuilder *b, const Region *taken, Value **out) {
    IrMap map;
    irmap_init(&map, b->m, b->m->arena);
    ir_clone_insts(b, taken, &map);
    for (int i = 0; i < taken->yields.n; i++)
        out[i] = irmap_get(&map, taken->yields.data[i]);
}

/* Drops results that are one outer value in both branches; out[] is NULL for those that stay. */
static void drop_common(IrBuilder *then_, IrBuilder *else_, Value **out) {
    Region *yes = then_->region, *no = else_->region;
    int kept = 0, n = yes->yields.n;
    for (int i = 0; i < n; i++) {
        Value *v = yes->yields.data[i], *w = no->yields.data[i];
        out[i] = v == w && is_outer(v, then_) ? v : NULL;
        if (out[i])
            continue;
        yes->yields.data[kept] = v;
        no->yields.data[kept++] = w;
    }
    yes->yields.n = no->yields.n = kept;
}

void ir_if_values(IrBuilder *b, Value *cond, IrBuilder *then_, IrBuilder *else_, Value **out) {
    const Inst *c = cond->inst;
    int n = then_->region->yields.n, k = 0;
    if (c && c->op == OP_const) {
        take_branch(b, c->attr.integer ? then_->region : else_->region, out);
        return;
    }
    drop_common(then_, else_, out);
    if (then_->region->yields.n == 0 && !region_holds(then_->region, OP_check) &&
        !region_holds(else_->region, OP_check))
        return;
    Inst *inst = ir_if(b, cond, then_, else_);
    for (int i = 0; i < n; i++)
        if (!out[i])
            out[i] = inst->out[k++];
}
