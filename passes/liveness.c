/* Which values of a function are needed: the marks behind dead-code elimination and the trimming of
 * loops.
 *
 * Needed are the results of the function, the conditions of checks, the values bound to sizes that
 * something has, and whatever those need. A carry is needed as a whole: when its parameter or its
 * result is read, so are its initial value and its next value. Called by simplify.c. */
#include "passes/liveness.h"

static void need(Liveness *l, Value *v) {
    if (ptrmap_has(&l->live, v))
        return;
    ptrmap_put(&l->live, v, NULL);
    vec_push(l->arena, &l->work, v);
}

static void need_loop_result(Liveness *l, const Inst *loop, int k) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    need(l, body->yields.data[k]);
    if (k < nstate) {
        need(l, loop->out[k]);
        need(l, loop->in[ns + k]);
        need(l, body->params.data[1 + ns + k]);
    }
}

static void need_inst_result(Liveness *l, Value *v) {
    const Inst *inst = v->inst;
    if (inst->op == OP_loop) {
        need_loop_result(l, inst, v->index);
    } else if (inst->op == OP_if) {
        need(l, inst->in[0]);
        for (int k = 0; k < 2; k++)
            need(l, inst->regions[k]->yields.data[v->index]);
    } else {
        for (int k = 0; k < inst->n_in; k++)
            need(l, inst->in[k]);
    }
}

static void need_param(Liveness *l, const Value *v) {
    const Inst *loop = v->region->owner;
    if (!loop || loop->op != OP_loop || v->index == 0)
        return;
    int ns = loop->attr.loop.n_slice, k = v->index - 1;
    if (k < ns)
        need(l, loop->in[k]);
    else
        need_loop_result(l, loop, k - ns);
}

static bool has_effect(const Liveness *l, const Inst *inst) {
    return op_info[inst->op].effect && (inst->op != OP_dim || ptrmap_has(&l->syms, inst->attr.sym));
}

static bool need_effects(Liveness *l, const Region *region) {
    bool any = false;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool effect = has_effect(l, inst);
        if (effect)
            need(l, inst->in[0]);
        for (int k = 0; k < inst->n_region; k++)
            if (need_effects(l, inst->regions[k])) {
                effect = true;
                if (inst->op == OP_if)
                    need(l, inst->in[0]);
            }
        if (effect && inst->n_region)
            ptrmap_put(&l->effects, inst, NULL);
        any = any || effect;
    }
    return any;
}

void liveness_find(Liveness *l, Arena *arena, const Func *f) {
    *l = (Liveness){.arena = arena};
    ptrmap_init(&l->live, arena);
    ptrmap_init(&l->effects, arena);
    ir_used_syms(arena, f->body, &l->syms);
    for (int i = 0; i < f->body->yields.n; i++)
        need(l, f->body->yields.data[i]);
    need_effects(l, f->body);
    while (l->work.n > 0) {
        Value *v = l->work.data[--l->work.n];
        if (v->inst)
            need_inst_result(l, v);
        else
            need_param(l, v);
    }
}

bool is_live(const Liveness *l, const Value *v) {
    return ptrmap_has(&l->live, v);
}

bool inst_is_live(const Liveness *l, const Inst *inst) {
    if (has_effect(l, inst) || ptrmap_has(&l->effects, inst))
        return true;
    for (int k = 0; k < inst->n_out; k++)
        if (is_live(l, inst->out[k]))
            return true;
    return false;
}

/* ---- use counts ---- */

static void count_use(PtrMap *uses, const Value *v) {
    ptrmap_put(uses, v, (void *)((uintptr_t)ptrmap_get(uses, v) + 1));
}

void count_uses(const Region *region, PtrMap *uses) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++)
            count_use(uses, inst->in[k]);
        for (int k = 0; k < inst->n_region; k++)
            count_uses(inst->regions[k], uses);
    }
    for (int i = 0; i < region->yields.n; i++)
        count_use(uses, region->yields.data[i]);
}
