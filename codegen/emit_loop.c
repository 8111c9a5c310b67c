/* Regions, loops and branches; see emit.h. A loop that was chosen for lanes is emit_vector.c's. */
#include "codegen/emit.h"

/* ---- counted loops ---- */

static bool runs_once_at_least(LLVMValueRef start, LLVMValueRef end) {
    return LLVMIsAConstantInt(start) && LLVMIsAConstantInt(end) &&
           LLVMConstIntGetSExtValue(start) < LLVMConstIntGetSExtValue(end);
}

static LLVMBasicBlockRef new_block(Emit *e, const char *name) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef block = LLVMAppendBasicBlockInContext(e->llvm, e->function, name);
    LLVMMoveBasicBlockAfter(block, here);
    return block;
}

void counted_begin(Emit *e, Counted *loop, LLVMValueRef start, LLVMValueRef end, int64_t step,
                   int n, LLVMValueRef *values) {
    *loop = (Counted){.end = end, .step = step, .n = n};
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    loop->initial = ARENA_ARRAY(e->arena, n + 1, LLVMValueRef);
    loop->phis = ARENA_ARRAY(e->arena, n + 1, LLVMValueRef);
    loop->after = new_block(e, "after");
    loop->head = new_block(e, "loop");
    if (runs_once_at_least(start, end)) {
        LLVMBuildBr(e->builder, loop->head);
    } else {
        loop->before = here;
        LLVMValueRef any = LLVMBuildICmp(e->builder, LLVMIntSLT, start, end, "");
        LLVMBuildCondBr(e->builder, any, loop->head, loop->after);
    }
    LLVMPositionBuilderAtEnd(e->builder, loop->head);
    loop->index = LLVMBuildPhi(e->builder, e->i64, "i");
    LLVMAddIncoming(loop->index, &start, &here, 1);
    for (int k = 0; k < n; k++) {
        loop->initial[k] = values[k];
        loop->phis[k] = LLVMBuildPhi(e->builder, LLVMTypeOf(values[k]), "");
        LLVMAddIncoming(loop->phis[k], &values[k], &here, 1);
        values[k] = loop->phis[k];
    }
}

static void end_with(Emit *e, Counted *loop, LLVMValueRef *values, LLVMBasicBlockRef latch) {
    LLVMMoveBasicBlockAfter(loop->after, latch);
    LLVMPositionBuilderAtEnd(e->builder, loop->after);
    for (int k = 0; k < loop->n; k++) {
        LLVMValueRef result = LLVMBuildPhi(e->builder, LLVMTypeOf(values[k]), "");
        LLVMAddIncoming(result, &values[k], &latch, 1);
        if (loop->before) {
            LLVMAddIncoming(result, &loop->initial[k], &loop->before, 1);
        }
        values[k] = result;
    }
}

void counted_end(Emit *e, Counted *loop, LLVMValueRef *values) {
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, loop->index, emit_i64(e, loop->step), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLT, next, loop->end, "");
    if (loop->go_on) {
        more = LLVMBuildAnd(e->builder, more, loop->go_on, "");
    }
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->builder);
    LLVMBuildCondBr(e->builder, more, loop->head, loop->after);
    LLVMAddIncoming(loop->index, &next, &latch, 1);
    for (int k = 0; k < loop->n; k++) {
        LLVMAddIncoming(loop->phis[k], &values[k], &latch, 1);
    }
    end_with(e, loop, values, latch);
}

void counted_end_once(Emit *e, Counted *loop, LLVMValueRef *values) {
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, loop->after);
    end_with(e, loop, values, latch);
}

/* ---- sequential loops ---- */

static int n_state(const Inst *loop) {
    return loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

static const Value *state_param(const Inst *loop, int j) {
    return loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + j];
}

void loop_prepare_arrays(Emit *e, const Inst *loop) {
    for (int j = 0; j < loop->n_out; j++) {
        const Buffer *home = loop->out[j]->type->rank > 0 ? plan_home(e->plan, loop->out[j]) : NULL;
        if (!home) {
            continue;
        }
        if (j < n_state(loop)) {
            emit_into(e, home, loop->in[loop->attr.loop.n_slice + j]);
        }
        View *view = emit_buffer_view(e, home, loop->out[j]->type);
        emit_val(e, loop->out[j])->view = view;
        if (j < n_state(loop)) {
            const Buffer *sums = plan_sums(e->plan, loop, j);
            emit_val(e, state_param(loop, j))->view =
                sums ? emit_buffer_view(e, sums, loop->out[j]->type) : view;
        }
    }
}

void loop_bind_slices(Emit *e, const Inst *loop, Val index) {
    const Region *body = loop->regions[0];
    *emit_val(e, body->params.data[0]) = index;
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        const Value *param = body->params.data[1 + k];
        View row = view_index(e, emit_val(e, loop->in[k])->view, 1, &index);
        const Buffer *copy = param->type->rank > 0 ? plan_home(e->plan, param) : NULL;
        if (param->type->rank == 0) {
            *emit_val(e, param) = view_load(e, &row);
        } else if (copy) {
            View *view = emit_buffer_view(e, copy, param->type);
            view_copy(e, view, &row);
            emit_val(e, param)->view = view;
        } else {
            View *view = ARENA_NEW(e->arena, View);
            *view = row;
            emit_val(e, param)->view = view;
        }
    }
}

void loop_store_stacked(Emit *e, const Inst *loop, Val index) {
    const Region *body = loop->regions[0];
    for (int j = n_state(loop); j < loop->n_out; j++) {
        const Buffer *home = plan_home(e->plan, loop->out[j]);
        const Value *yield = body->yields.data[j];
        if (!home) {
            continue;
        }
        const Buffer *place = plan_place(e->plan, yield);
        if (place && place->kind == BUF_part && place->parent == home) {
            continue;
        }
        View row = view_index(e, emit_val(e, loop->out[j])->view, 1, &index);
        if (yield->type->rank == 0) {
            view_store(e, &row, *emit_val(e, yield));
        } else {
            view_copy(e, &row, emit_val(e, yield)->view);
        }
    }
}

/* Next values of carried arrays take their places at once: those that are read from a place which
 * is about to be overwritten are saved first. */
static void copy_carries(Emit *e, const Inst *loop) {
    const Region *body = loop->regions[0];
    for (int j = 0; j < loop->attr.loop.n_carry; j++) {
        Buffer *temp = loop->out[j]->type->rank > 0 ? plan_carry_temp(e->plan, loop, j) : NULL;
        if (temp) {
            View *saved = emit_buffer_view(e, temp, loop->out[j]->type);
            view_copy(e, saved, emit_val(e, body->yields.data[j])->view);
        }
    }
    for (int j = 0; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0) {
            continue;
        }
        Buffer *temp = plan_carry_temp(e->plan, loop, j);
        if (temp) {
            View *saved = emit_buffer_view(e, temp, loop->out[j]->type);
            view_copy(e, emit_val(e, loop->out[j])->view, saved);
        } else {
            emit_into(e, plan_home(e->plan, loop->out[j]), body->yields.data[j]);
        }
    }
}

Op loop_reduction(const Inst *loop, int j) {
    return j < loop->attr.loop.n_carry ? ir_carry_reduction(loop, j) : OP_add;
}

Val loop_initial(Emit *e, const Inst *loop, int j) {
    if (e->split.loop == loop) {
        return val_of(emit_identity(e, loop_reduction(loop, j), loop->out[j]->type->elem));
    }
    return *emit_val(e, loop->in[loop->attr.loop.n_slice + j]);
}

static int collect_initial(Emit *e, const Inst *loop, LLVMValueRef *values) {
    int n = 0;
    for (int j = 0; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0) {
            bool varying = emit_is_varying(e, state_param(loop, j));
            values[n++] = emit_as(e, loop_initial(e, loop, j), varying);
        }
    }
    return n;
}

static int collect_next(Emit *e, const Inst *loop, LLVMValueRef *values) {
    int n = 0;
    for (int j = 0; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0) {
            bool varying = emit_is_varying(e, state_param(loop, j));
            values[n++] = emit_as(e, *emit_val(e, loop->regions[0]->yields.data[j]), varying);
        }
    }
    return n;
}

static void bind_state(Emit *e, const Inst *loop, bool results, LLVMValueRef *values) {
    int n = 0;
    for (int j = 0; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0) {
            *emit_val(e, results ? loop->out[j] : state_param(loop, j)) = val_of(values[n++]);
        }
    }
}

/* Whether the flag of the loop is still true, for some lane at least; NULL: it has none. */
static LLVMValueRef goes_on(Emit *e, const Inst *loop) {
    int k = ir_loop_flag(loop);
    if (k < 0) {
        return NULL;
    }
    Val flag = *emit_val(e, loop->regions[0]->yields.data[k]);
    return val_is_uniform(flag) ? flag.v : emit_any(e, emit_mask_and(e, e->mask, flag.v));
}

static void emit_serial_loop(Emit *e, const Inst *loop) {
    LLVMValueRef extent = emit_size(e, loop->attr.loop.extent);
    LLVMValueRef *values = ARENA_ARRAY(e->arena, n_state(loop) + 1, LLVMValueRef);
    int n = collect_initial(e, loop, values);
    bool split = e->split.loop == loop;
    Counted counted;
    counted_begin(e, &counted, split ? e->split.lo : emit_i64(e, 0), split ? e->split.hi : extent,
                  1, n, values);
    bind_state(e, loop, false, values);
    LLVMValueRef index = counted.index;
    if (loop->attr.loop.reverse) {
        LLVMValueRef last = emit_isub(e, extent, emit_i64(e, 1));
        index = emit_isub(e, last, index);
    }
    e->loops++;
    loop_bind_slices(e, loop, val_of(index));
    emit_watch_enter(e, loop, index);
    emit_region(e, loop->regions[0]);
    emit_watch_leave(e);
    loop_store_stacked(e, loop, val_of(index));
    copy_carries(e, loop);
    collect_next(e, loop, values);
    debug_location(e, loop->loc);
    counted.go_on = goes_on(e, loop);
    counted_end(e, &counted, values);
    e->loops--;
    bind_state(e, loop, true, values);
}

void emit_loop(Emit *e, const Inst *loop) {
    loop_prepare_arrays(e, loop);
    if (!emit_split_loop(e, loop)) {
        emit_loop_body(e, loop);
    }
}

/* Whether all that a loop does is to add to arrays, in few instructions, under a mask that only the
 * last iterations of the loop in lanes need. */
static bool is_worth_versions(const Emit *e, const Inst *loop) {
    enum { SMALL = 16 };
    const Region *body = loop->regions[0];
    if (!e->mask || e->mask != e->iterations || body->insts.n > SMALL) {
        return false;
    }
    for (int j = 0; j < loop->n_out; j++) {
        if (loop->out[j]->type->rank == 0 || j >= n_state(loop)) {
            return false;
        }
    }
    bool adds = false;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        adds = adds || inst->op == OP_add_at;
        if (inst->n_region > 0 || inst->op == OP_check || inst->op == OP_contract) {
            return false;
        }
    }
    return adds;
}

/* Twice: for when each lane has an iteration, and under the mask. */
static void emit_versions(Emit *e, const Inst *loop) {
    LLVMValueRef masks[] = {NULL, e->mask}, width = emit_i64(e, e->width);
    LLVMBasicBlockRef after = new_block(e, "joined"), versions[2];
    versions[1] = new_block(e, "some");
    versions[0] = new_block(e, "all");
    LLVMValueRef all = LLVMBuildICmp(e->builder, LLVMIntSGE, e->remaining, width, "");
    LLVMBuildCondBr(e->builder, all, versions[0], versions[1]);
    for (int k = 0; k < 2; k++) {
        LLVMPositionBuilderAtEnd(e->builder, versions[k]);
        e->mask = e->iterations = masks[k];
        emit_serial_loop(e, loop);
        LLVMBuildBr(e->builder, after);
    }
    LLVMMoveBasicBlockAfter(after, LLVMGetInsertBlock(e->builder));
    LLVMPositionBuilderAtEnd(e->builder, after);
}

void emit_loop_body(Emit *e, const Inst *loop) {
    int lanes = plan_lanes(e->plan, loop);
    if (is_worth_versions(e, loop)) {
        emit_versions(e, loop);
    } else if (lanes > 1 && e->width == 1) {
        emit_vector_loop(e, loop, lanes);
    } else {
        emit_serial_loop(e, loop);
    }
}

/* ---- branches ---- */

static void store_branch_arrays(Emit *e, const Inst *inst, const Region *branch) {
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank > 0) {
            emit_into(e, plan_home(e->plan, inst->out[j]), branch->yields.data[j]);
        }
    }
}

static void bind_if_arrays(Emit *e, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank > 0) {
            const Buffer *home = plan_home(e->plan, inst->out[j]);
            emit_val(e, inst->out[j])->view = emit_buffer_view(e, home, inst->out[j]->type);
        }
    }
}

/* The numbers that a branch yields for some of the lanes. */
static int collect_yields(Emit *e, const Inst *inst, const Region *branch, LLVMValueRef *values) {
    int n = 0;
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank == 0) {
            values[n++] = emit_as(e, *emit_val(e, branch->yields.data[j]), true);
        }
    }
    return n;
}

/* The numbers that the branches yield for result j, each at the end of its block: lanes, where one
 * of them has some. */
static void yield_both(Emit *e, const Inst *inst, int j, const LLVMBasicBlockRef *ends,
                       LLVMValueRef *both) {
    Val yields[2];
    bool varying = emit_is_varying(e, inst->out[j]);
    for (int k = 0; k < 2; k++) {
        yields[k] = *emit_val(e, inst->regions[k]->yields.data[j]);
        varying = varying || !val_is_uniform(yields[k]);
    }
    for (int k = 0; k < 2; k++) {
        LLVMPositionBuilderAtEnd(e->builder, ends[k]);
        both[k] = emit_as(e, yields[k], varying);
    }
}

/* One condition for all lanes: only the branch taken runs. */
static void emit_uniform_if(Emit *e, const Inst *inst, LLVMValueRef cond) {
    LLVMBasicBlockRef after = new_block(e, "endif");
    LLVMBasicBlockRef blocks[2], ends[2];
    LLVMValueRef *values = ARENA_ARRAY(e->arena, 2 * inst->n_out + 1, LLVMValueRef);
    blocks[1] = new_block(e, "else");
    blocks[0] = new_block(e, "then");
    LLVMBuildCondBr(e->builder, cond, blocks[0], blocks[1]);
    for (int k = 0; k < 2; k++) {
        LLVMPositionBuilderAtEnd(e->builder, blocks[k]);
        emit_region(e, inst->regions[k]);
        store_branch_arrays(e, inst, inst->regions[k]);
        ends[k] = LLVMGetInsertBlock(e->builder);
    }
    debug_location(e, inst->loc);
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank == 0) {
            yield_both(e, inst, j, ends, values + 2 * j);
        }
    }
    for (int k = 0; k < 2; k++) {
        LLVMPositionBuilderAtEnd(e->builder, ends[k]);
        LLVMBuildBr(e->builder, after);
    }
    LLVMMoveBasicBlockAfter(after, ends[1]);
    LLVMPositionBuilderAtEnd(e->builder, after);
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank == 0) {
            LLVMValueRef phi = LLVMBuildPhi(e->builder, LLVMTypeOf(values[2 * j]), "");
            LLVMAddIncoming(phi, values + 2 * j, ends, 2);
            *emit_val(e, inst->out[j]) = val_of(phi);
        }
    }
}

/* Only arithmetic, which costs less than a branch and cannot fail. */
static bool is_plain(const Region *region) {
    int cost = 0;
    for (int i = 0; i < region->insts.n; i++) {
        Op op = region->insts.data[i]->op;
        if (!op_is_elementwise(op) && op != OP_const && op != OP_convert && op != OP_size) {
            return false;
        }
        cost += op_info[op].cost;
    }
    return cost <= 2 * DEAR_COST;
}

/* Runs a branch for the lanes of `mask`; skipped when there are none, so that what is the same for
 * all lanes may be loaded in it without a mask. values: the yields as vectors. */
static void emit_masked_branch(Emit *e, const Inst *inst, int k, LLVMValueRef mask,
                               LLVMValueRef *values) {
    const Region *branch = inst->regions[k];
    LLVMValueRef outer = e->mask;
    e->mask = mask;
    if (is_plain(branch)) {
        emit_region(e, branch);
        collect_yields(e, inst, branch, values);
        e->mask = outer;
        return;
    }
    LLVMBasicBlockRef after = new_block(e, "joined");
    LLVMBasicBlockRef some = new_block(e, "some");
    LLVMValueRef any = emit_any(e, mask);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMBuildCondBr(e->builder, any, some, after);
    LLVMPositionBuilderAtEnd(e->builder, some);
    emit_region(e, branch);
    int n = collect_yields(e, inst, branch, values);
    debug_location(e, inst->loc);
    LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, after);
    LLVMMoveBasicBlockAfter(after, end);
    LLVMPositionBuilderAtEnd(e->builder, after);
    for (int j = 0; j < n; j++) {
        LLVMValueRef phi = LLVMBuildPhi(e->builder, LLVMTypeOf(values[j]), "");
        LLVMValueRef none = LLVMConstNull(LLVMTypeOf(values[j]));
        LLVMAddIncoming(phi, &values[j], &end, 1);
        LLVMAddIncoming(phi, &none, &before, 1);
        values[j] = phi;
    }
    e->mask = outer;
}

static void emit_varying_if(Emit *e, const Inst *inst, LLVMValueRef cond) {
    LLVMValueRef outer = e->mask;
    LLVMValueRef not_cond = LLVMBuildNot(e->builder, cond, "");
    LLVMValueRef masks[] = {emit_mask_and(e, outer, cond), emit_mask_and(e, outer, not_cond)};
    LLVMValueRef *values[2];
    for (int k = 0; k < 2; k++) {
        values[k] = ARENA_ARRAY(e->arena, inst->n_out + 1, LLVMValueRef);
        emit_masked_branch(e, inst, k, masks[k], values[k]);
    }
    int n = 0;
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank == 0) {
            LLVMValueRef v = LLVMBuildSelect(e->builder, cond, values[0][n], values[1][n], "");
            *emit_val(e, inst->out[j]) = val_of(v);
            n++;
        }
    }
}

void emit_if(Emit *e, const Inst *inst) {
    Val cond = *emit_val(e, inst->in[0]);
    bind_if_arrays(e, inst);
    if (val_is_uniform(cond)) {
        emit_uniform_if(e, inst, cond.v);
    } else {
        emit_varying_if(e, inst, cond.v);
    }
}

/* ---- regions ---- */

static void emit_check_inst(Emit *e, const Inst *inst) {
    Val cond = *emit_val(e, inst->in[0]);
    LLVMValueRef ok = cond.v;
    if (!val_is_uniform(cond)) {
        LLVMValueRef bad = emit_mask_and(e, e->mask, LLVMBuildNot(e->builder, cond.v, ""));
        ok = LLVMBuildNot(e->builder, emit_any(e, bad), "");
    }
    emit_check(e, ok, inst->loc, inst->attr.text);
}

static Val constant(Emit *e, const Inst *inst) {
    Scalar elem = inst->out[0]->type->elem;
    LLVMTypeRef type = emit_type(e, elem);
    return val_of(elem >= S_f32 ? LLVMConstReal(type, inst->attr.num)
                                : LLVMConstInt(type, (unsigned long long)inst->attr.integer, true));
}

static void emit_extern_call(Emit *e, const Inst *inst) {
    const Func *callee = inst->attr.callee.func;
    LLVMTypeRef *types = ARENA_ARRAY(e->arena, inst->n_in + 1, LLVMTypeRef);
    LLVMValueRef *args = ARENA_ARRAY(e->arena, inst->n_in + 1, LLVMValueRef);
    for (int k = 0; k < inst->n_in; k++) {
        types[k] = emit_type(e, inst->in[k]->type->elem);
        args[k] = emit_val(e, inst->in[k])->v;
    }
    LLVMTypeRef type = LLVMFunctionType(emit_type(e, inst->out[0]->type->elem), types,
                                        (unsigned)inst->n_in, false);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, callee->name);
    function = function ? function : LLVMAddFunction(e->module, callee->name, type);
    *emit_val(e, inst->out[0]) =
        val_of(LLVMBuildCall2(e->builder, type, function, args, (unsigned)inst->n_in, ""));
}

/* Whether code generation takes the instruction; arrays elementwise and the operators of
 * derivatives are gone by then. */
static bool is_known(const Inst *inst) {
    switch (inst->op) {
    case OP_stop:
    case OP_iota:
    case OP_reduce:
    case OP_vjp:
    case OP_jvp:
        return false;
    case OP_call:
        return inst->attr.callee.func->is_extern;
    case OP_convert:
    case OP_const:
        return inst->out[0]->type->rank == 0;
    default:
        return !op_is_elementwise(inst->op) || inst->out[0]->type->rank == 0;
    }
}

bool emit_takes(Emit *e, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (!is_known(inst)) {
            diag_error(&e->ctx->diags, DIAG_codegen, inst->loc,
                       "'%s' reached code generation, which takes loops only (run the passes of O0 "
                       "at least)",
                       op_info[inst->op].name);
            return false;
        }
        for (int k = 0; k < inst->n_region; k++) {
            if (!emit_takes(e, inst->regions[k])) {
                return false;
            }
        }
    }
    return true;
}

void emit_inst(Emit *e, const Inst *inst) {
    debug_location(e, inst->loc);
    if (op_is_elementwise(inst->op)) {
        emit_elementwise(e, inst);
        return;
    }
    switch (inst->op) {
    case OP_const:
        *emit_val(e, inst->out[0]) = constant(e, inst);
        return;
    case OP_convert:
        emit_convert(e, inst);
        return;
    case OP_size:
        *emit_val(e, inst->out[0]) = val_of(emit_size(e, inst->attr.size));
        return;
    case OP_dim:
        ptrmap_put(&e->syms, inst->attr.sym, emit_val(e, inst->in[0])->v);
        return;
    case OP_check:
        emit_check_inst(e, inst);
        return;
    case OP_loop:
        emit_loop(e, inst);
        return;
    case OP_if:
        emit_if(e, inst);
        return;
    case OP_contract:
        emit_contract(e, inst);
        return;
    case OP_call:
        emit_extern_call(e, inst);
        return;
    default:
        emit_array_inst(e, inst);
    }
}

void emit_region(Emit *e, const Region *region) {
    const Inst **order = emit_ready_order(e, region);
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = order ? order[i] : region->insts.data[i];
        e->watched = inst;
        emit_inst(e, inst);
        if (e->m->watched)
            emit_watch(e, inst);
    }
}
