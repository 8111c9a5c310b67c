/* Loops that go on while a flag holds, as lowering makes them of `while`: a counted loop whose body
 * is one `if` on the flag. What is printed is a `while` again.
 *
 * Note [Stored steps]
 * Under a derivative such a loop stacks what its steps need, and the flag; the sweep backwards is a
 * loop over all of max_iter whose body is an `if` on the stacked flag, which leaves everything as
 * it is where the flag was false. Steps after the end say nothing, so the printed `while` stores
 * only those that were taken, counts them, and the sweep is a loop over that count:
 *
 *     let (x, _, x_all, steps) = loop (x = x0, running = ..., x_all = zeros(50), steps = 0)
 *         while running max_iter 50 { ... (x_next, ..., x_all with [steps] = x, steps + 1) };
 *     loop x_adj = 1.0 for r < steps { let i = steps - 1 - r; ... }
 *
 * That is done where every reader of the stacks is such a sweep; else the loop is printed as it is.
 */
#include "codegen/bpsource_internal.h"

/* ---- readers ---- */

/* How often v is an operand or a result, in the region and those inside of it. */
static int count_reads(const Region *region, const Value *v) {
    int n = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++)
            n += inst->in[k] == v;
        for (int k = 0; k < inst->n_region; k++)
            n += count_reads(inst->regions[k], v);
    }
    for (int k = 0; k < region->yields.n; k++)
        n += region->yields.data[k] == v;
    return n;
}

const Inst *bp_loop_ended_by(const Inst *check) {
    const Inst *negation = check->op == OP_check ? check->in[0]->inst : NULL;
    const Value *flag = negation && negation->op == OP_not ? negation->in[0] : NULL;
    bool ends = flag && flag->inst && flag->inst->op == OP_loop && flag->region == check->region &&
                ir_loop_flag_of_carries(flag->inst) == flag->index;
    return ends ? flag->inst : NULL;
}

/* Nothing but the flag and max_iter say how long it runs, and a check that it came to its end. */
static bool runs_on_flag(const Inst *loop) {
    const Region *body = loop->regions[0];
    if (ir_loop_flag_of_carries(loop) < 0 || loop->attr.loop.n_slice > 0 ||
        loop->attr.loop.reverse || loop->attr.loop.checkpoint != CHECK_store ||
        count_reads(body, body->params.data[0]) > 0)
        return false;
    for (int i = 0; i < loop->region->insts.n; i++)
        if (bp_loop_ended_by(loop->region->insts.data[i]) == loop)
            return true;
    return false;
}

bool bp_is_while(const Inst *loop) {
    return loop->attr.loop.n_stack == 0 && runs_on_flag(loop);
}

/* ---- sweeps ---- */

int bp_stored_flags(const Inst *loop) {
    const Region *body = loop->regions[0];
    int flag = ir_loop_flag_of_carries(loop);
    for (int k = loop->n_out - loop->attr.loop.n_stack; flag >= 0 && k < loop->n_out; k++)
        if (body->yields.data[k] == body->params.data[1 + loop->attr.loop.n_slice + flag])
            return k;
    return -1;
}

/* The loop keeps everything where the guard's condition is false. */
static bool keeps_without(const Inst *sweep, const Inst *guard) {
    const Region *body = sweep->regions[0], *other = guard->regions[1];
    if (guard->n_out != body->yields.n)
        return false;
    for (int k = 0; k < body->yields.n; k++) {
        const Value *y = body->yields.data[k];
        if (y->inst != guard ||
            other->yields.data[y->index] != body->params.data[1 + sweep->attr.loop.n_slice + k])
            return false;
    }
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (inst != guard && (inst->n_region > 0 || op_info[inst->op].effect))
            return false;
    }
    return true;
}

const Inst *bp_sweep_guard(const Inst *sweep, const Inst *loop) {
    const Region *body = sweep->regions[0];
    const Value *flags = loop->out[bp_stored_flags(loop)], *flag = NULL;
    for (int k = 0; k < sweep->attr.loop.n_slice; k++)
        flag = sweep->in[k] == flags ? body->params.data[1 + k] : flag;
    for (int i = 0; flag && i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (inst->op == OP_if && inst->in[0] == flag && count_reads(body, flag) == 1)
            return inst;
    }
    return NULL;
}

static bool is_sweep(const Printer *p, const Inst *sweep, const Inst *loop) {
    if (sweep->op != OP_loop || sweep->attr.loop.n_stack > 0 ||
        bp_loop_form(p, sweep) != FORM_loop || sweep->attr.loop.extent != loop->attr.loop.extent ||
        sweep->attr.loop.checkpoint != CHECK_store)
        return false;
    const Region *body = sweep->regions[0];
    const Inst *guard = bp_sweep_guard(sweep, loop);
    if (!guard || !keeps_without(sweep, guard))
        return false;
    for (int k = 0; k < sweep->attr.loop.n_slice; k++) {
        const Value *v = body->params.data[1 + k];
        bool inside = count_reads(body, v) == count_reads(guard->regions[0], v);
        if (sweep->in[k]->inst == loop && guard->in[0] != v && !inside)
            return false;
        if (sweep->in[k]->inst != loop)
            return false; /* runs over all of max_iter */
    }
    return true;
}

/* Every reader of the stack is a sweep. */
static bool only_swept(const Printer *p, const Inst *loop, const Value *stack) {
    int swept = 0;
    for (int i = 0; i < loop->region->insts.n; i++) {
        const Inst *inst = loop->region->insts.data[i];
        for (int k = 0; inst->op == OP_loop && k < inst->attr.loop.n_slice; k++)
            swept += inst->in[k] == stack && is_sweep(p, inst, loop);
    }
    return swept == count_reads(loop->region, stack);
}

bool bp_is_stored_while(const Printer *p, const Inst *loop) {
    uintptr_t known = (uintptr_t)ptrmap_get(p->forms, loop);
    if (known)
        return known == 1 + FORM_stored_while;
    bool stored = loop->attr.loop.n_stack > 0 && runs_on_flag(loop) && bp_stored_flags(loop) >= 0;
    for (int k = loop->n_out - loop->attr.loop.n_stack; stored && k < loop->n_out; k++)
        stored = only_swept(p, loop, loop->out[k]);
    ptrmap_put(p->forms, loop, (void *)(uintptr_t)(1 + (stored ? FORM_stored_while : FORM_loop)));
    return stored;
}

const Inst *bp_swept(const Printer *p, const Inst *loop) {
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        const Inst *from = loop->in[k]->inst;
        if (from && from->op == OP_loop && from->attr.loop.n_carry > 0 &&
            bp_is_stored_while(p, from))
            return from;
    }
    return NULL;
}
