/* Work that is shared among threads (`--threads`); see emit.h.
 *
 * Note [Parts]
 * The outermost parallel loops of a function, and products outside of them, are cut into as many
 * parts as there are threads, by the iterations alone; so results depend on the number of threads,
 * never on their timing. What a part does becomes a function of its own, part(env, lo, hi, k),
 * which the runtime calls (runtime/pool.h), on whichever thread. It is emitted like any other code,
 * with the builder in that function; what it uses of the exported function around is found
 * afterwards, operand by operand, and handed over in `env`.
 *
 * Each part has memory of its own for what its iterations make. Part 0 uses the places of the plan;
 * the others have copies of them behind the rest of the workspace, and so they have of the arrays
 * that the loop sums up, which start as zeros and are added in order when all parts are done; large
 * ones by all threads, each a range of their elements. Sums of scalars, and other reductions, all
 * start as what changes nothing. Work below some microseconds is one part, done in place. */
#include "codegen/emit.h"
#include "ir/einsum.h"

#include <string.h>

/* Operations that pay for telling a thread of them; and for each element of an array that is summed
 * up, which every part clears and adds. */
enum { ENOUGH = 30000, ENOUGH_AN_ELEMENT = 8 };

/* ---- which loops ---- */

static int n_state(const Inst *loop) {
    return loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

static const Size *copy_size(const Emit *e, const Type *type) {
    PolyTable *polys = &e->m->ctx->polys;
    const Size *count = ir_type_count(e->m, type);
    return count ? size_mul(polys, count, size_const(polys, scalar_bytes(type->elem))) : NULL;
}

/* Arrays that are summed up have places of their own, which a part can take a copy of. */
static bool can_split(const Emit *e, const Inst *loop) {
    if (loop->op != OP_loop || (loop->attr.loop.n_carry > 0 && loop->attr.loop.reverse) ||
        !ir_carries_reduce(loop) || region_holds(loop->regions[0], OP_call))
        return false;
    for (int j = 0; j < loop->n_out; j++) {
        const Buffer *home = loop->out[j]->type->rank > 0 ? plan_home(e->plan, loop->out[j]) : NULL;
        bool summed = j < n_state(loop) && loop->out[j]->type->rank > 0;
        if (summed && (!home || home->kind == BUF_part || home->lanes > 1 ||
                       !copy_size(e, loop->out[j]->type)))
            return false;
    }
    return true;
}

static bool is_result_of(const Emit *e, const Inst *loop, const Buffer *buffer) {
    for (int j = 0; j < loop->n_out; j++) {
        const Buffer *home = loop->out[j]->type->rank > 0 ? plan_home(e->plan, loop->out[j]) : NULL;
        while (home && home->kind == BUF_part)
            home = home->parent;
        if (home == buffer)
            return true;
    }
    return false;
}

static void find_copies(Emit *e, SplitLoop *split) {
    const Inst *loop = split->loop;
    bool *seen = ARENA_ARRAY(e->arena, e->plan->slots.n + 1, bool);
    for (int i = 0; i < e->plan->buffers.n; i++) {
        const Buffer *buffer = e->plan->buffers.data[i];
        if (buffer->kind == BUF_slot && plan_is_within(e->plan, buffer, loop) &&
            !is_result_of(e, loop, buffer) && !seen[buffer->slot]) {
            seen[buffer->slot] = true;
            PartCopy copy = {.slot = buffer->slot, .acc = -1};
            vec_push(e->arena, &split->copies, copy);
        }
    }
    for (int j = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank > 0) {
            PartCopy copy = {.slot = -1, .acc = j};
            vec_push(e->arena, &split->copies, copy);
        }
}

static void find_loops(Emit *e, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (can_split(e, inst)) {
            SplitLoop *split = ARENA_NEW(e->arena, SplitLoop);
            split->loop = inst;
            find_copies(e, split);
            vec_push(e->arena, &e->split_loops, split);
            continue;
        }
        if (inst->op == OP_loop && plan_lanes(e->plan, inst) > 1)
            continue;
        for (int k = 0; k < inst->n_region; k++)
            find_loops(e, inst->regions[k]);
    }
}

bool emit_has_threads(const Emit *e) {
    return e->m->threads > 1;
}

void emit_find_split_loops(Emit *e) {
    memset(&e->split_loops, 0, sizeof e->split_loops);
    if (emit_has_threads(e))
        find_loops(e, e->func->body);
}

static SplitLoop *split_of(const Emit *e, const Inst *loop) {
    for (int i = 0; i < e->split_loops.n; i++)
        if (e->split_loops.data[i]->loop == loop)
            return e->split_loops.data[i];
    return NULL;
}

const Size *emit_copy_bytes(const Emit *e, const SplitLoop *split, const PartCopy *copy) {
    return copy->slot >= 0 ? e->plan->slots.data[copy->slot].bytes
                           : copy_size(e, split->loop->out[copy->acc]->type);
}

/* ---- how much work ---- */

static LLVMValueRef number(Emit *e, double x) {
    return LLVMConstReal(e->f64, x);
}

/* Sizes that are bound inside of the loop are not known before it. */
static LLVMValueRef size_as_number(Emit *e, const Region *inside, const Size *size) {
    enum { USUAL = 8 };
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++) {
            const Value *v = size->terms[t].syms[k]->value;
            if (v && region_contains(inside, v->region))
                return number(e, USUAL);
        }
    return LLVMBuildSIToFP(e->builder, emit_size(e, size), e->f64, "");
}

static LLVMValueRef times(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildFMul(e->builder, a, b, "");
}

static LLVMValueRef elements(Emit *e, const Region *inside, const Type *type) {
    LLVMValueRef n = number(e, 1);
    for (int k = 0; k < type->rank; k++)
        n = times(e, n, size_as_number(e, inside, type->dims[k]));
    return n;
}

/* Multiplications of a contraction: the extents of all its labels. */
static LLVMValueRef multiplications(Emit *e, const Region *inside, const Inst *inst) {
    Einsum parts = einsum_of_inst(inst);
    const Size *extents[2 * IR_MAX_RANK];
    int n_labels = einsum_extents(&parts, extents);
    LLVMValueRef n = number(e, 1);
    for (int k = 0; k < n_labels; k++)
        n = times(e, n, size_as_number(e, inside, extents[k]));
    return n;
}

static LLVMValueRef work_of(Emit *e, const Region *inside, const Region *region) {
    LLVMValueRef sum = number(e, 0);
    double plain = 1;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        LLVMValueRef part = NULL;
        if (op_is_elementwise(inst->op))
            plain += op_info[inst->op].cost;
        else if (inst->op == OP_contract)
            part = multiplications(e, inside, inst);
        else if (inst->op == OP_loop)
            part = times(e, size_as_number(e, inside, inst->attr.loop.extent),
                         work_of(e, inside, inst->regions[0]));
        else if (inst->op == OP_if)
            part = work_of(e, inside, inst->regions[0]);
        if (part)
            sum = LLVMBuildFAdd(e->builder, sum, part, "");
    }
    return LLVMBuildFAdd(e->builder, sum, number(e, plain), "");
}

/* The elements of the arrays that the loop sums up. */
static LLVMValueRef summed_elements(Emit *e, const Inst *loop) {
    LLVMValueRef n = number(e, 0);
    for (int j = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank > 0)
            n = LLVMBuildFAdd(e->builder, n, elements(e, loop->regions[0], loop->out[j]->type), "");
    return n;
}

/* One part, or one a thread, but none without an iteration. */
static LLVMValueRef count_parts(Emit *e, LLVMValueRef work, LLVMValueRef summed,
                                LLVMValueRef extent) {
    LLVMValueRef more = times(e, summed, number(e, ENOUGH_AN_ELEMENT));
    LLVMValueRef enough = LLVMBuildFAdd(e->builder, number(e, ENOUGH), more, "");
    enough = e->m->split_all ? number(e, 0) : enough;
    LLVMValueRef pays = LLVMBuildFCmp(e->builder, LLVMRealOGT, work, enough, "");
    LLVMValueRef threads = emit_i64(e, e->m->threads), one = emit_i64(e, 1);
    LLVMValueRef most = emit_binary(e, OP_min, S_i64, extent, threads);
    most = emit_binary(e, OP_max, S_i64, most, one);
    return LLVMBuildSelect(e->builder, pays, most, one, "parts");
}

/* ---- functions for parts ---- */

/* The exported function while a part is emitted. */
typedef struct Around {
    LLVMValueRef function, failure_status, *slots, *out;
    LLVMBasicBlockRef failure, here, entry;
    struct DebugInfo *debug;
} Around;

typedef struct Part {
    LLVMValueRef function, lo, hi, number;
    LLVMTypeRef type;
} Part;

static LLVMValueRef *copied(Emit *e, LLVMValueRef *values, int n) {
    LLVMValueRef *copy = ARENA_ARRAY(e->arena, n + 1, LLVMValueRef);
    for (int k = 0; k < n; k++)
        copy[k] = values[k];
    return copy;
}

static Around enter_part(Emit *e, Part *part) {
    Around around = {.function = e->function,
                     .failure_status = e->failure_status,
                     .slots = e->slots,
                     .out = e->out,
                     .failure = e->failure,
                     .here = LLVMGetInsertBlock(e->builder),
                     .entry = LLVMGetInsertBlock(e->entry),
                     .debug = e->debug};
    LLVMTypeRef types[] = {e->ptr, e->i64, e->i64, e->i64};
    part->type = LLVMFunctionType(e->i32, types, 4, false);
    const char *name = arena_printf(e->arena, "%s.part", e->export->name);
    part->function = LLVMAddFunction(e->module, name, part->type);
    LLVMSetLinkage(part->function, LLVMInternalLinkage);
    emit_function_attributes(e, part->function);
    part->lo = LLVMGetParam(part->function, 1);
    part->hi = LLVMGetParam(part->function, 2);
    part->number = LLVMGetParam(part->function, 3);
    e->function = part->function;
    e->failure = NULL;
    e->debug = NULL;
    e->in_part = true;
    e->slots = copied(e, e->slots, e->plan->slots.n);
    e->out = copied(e, e->out, e->func->body->yields.n);
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    LLVMSetCurrentDebugLocation2(e->entry, NULL);
    LLVMPositionBuilderAtEnd(e->entry,
                             LLVMAppendBasicBlockInContext(e->llvm, part->function, "entry"));
    LLVMPositionBuilderAtEnd(e->builder,
                             LLVMAppendBasicBlockInContext(e->llvm, part->function, "body"));
    return around;
}

static void leave_part(Emit *e, const Around *around) {
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, 0, false));
    LLVMBuildBr(e->entry, LLVMGetNextBasicBlock(LLVMGetInsertBlock(e->entry)));
    e->function = around->function;
    e->failure = around->failure;
    e->failure_status = around->failure_status;
    e->debug = around->debug;
    e->in_part = false;
    e->slots = around->slots;
    e->out = around->out;
    LLVMPositionBuilderAtEnd(e->entry, around->entry);
    LLVMPositionBuilderAtEnd(e->builder, around->here);
}

/* ---- what a part uses of the function around ---- */

typedef struct Captures {
    VEC(LLVMValueRef) outside, inside;
} Captures;

static bool is_foreign(LLVMValueRef v, LLVMValueRef function) {
    LLVMValueRef home = emit_home_of(v);
    return home && home != function;
}

static LLVMValueRef capture(Emit *e, Captures *captures, LLVMValueRef v, LLVMValueRef first,
                            const Part *part) {
    for (int k = 0; k < captures->outside.n; k++)
        if (captures->outside.data[k] == v)
            return captures->inside.data[k];
    LLVMValueRef at = emit_i64(e, captures->outside.n);
    LLVMPositionBuilderBefore(e->entry, first);
    LLVMValueRef place =
        LLVMBuildInBoundsGEP2(e->entry, e->i64, LLVMGetParam(part->function, 0), &at, 1, "");
    LLVMValueRef loaded = LLVMBuildLoad2(e->entry, LLVMTypeOf(v), place, "");
    vec_push(e->arena, &captures->outside, v);
    vec_push(e->arena, &captures->inside, loaded);
    return loaded;
}

/* Replaces operands from around by loads from `env`; these stand first in the part. */
static Captures capture_all(Emit *e, const Part *part) {
    Captures captures = {0};
    LLVMBasicBlockRef block = LLVMGetEntryBasicBlock(part->function);
    LLVMValueRef first = LLVMGetFirstInstruction(block);
    for (; block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef inst = LLVMGetFirstInstruction(block); inst;
             inst = LLVMGetNextInstruction(inst))
            for (int k = 0; k < LLVMGetNumOperands(inst); k++) {
                LLVMValueRef v = LLVMGetOperand(inst, (unsigned)k);
                if (v && is_foreign(v, part->function))
                    LLVMSetOperand(inst, (unsigned)k, capture(e, &captures, v, first, part));
            }
    return captures;
}

static LLVMValueRef store_captures(Emit *e, const Captures *captures) {
    LLVMTypeRef type = LLVMArrayType2(e->i64, (uint64_t)captures->outside.n + 1);
    LLVMValueRef env = LLVMBuildAlloca(e->entry, type, "env");
    for (int k = 0; k < captures->outside.n; k++) {
        LLVMValueRef at = emit_i64(e, k);
        LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, e->i64, env, &at, 1, "");
        LLVMBuildStore(e->builder, captures->outside.data[k], place);
    }
    return env;
}

/* Runs the parts; leaves the function with the first status that is not 0. */
static void run_parts(Emit *e, const Part *part, const Around *around, LLVMValueRef parts,
                      LLVMValueRef extent) {
    Captures captures = capture_all(e, part);
    LLVMPositionBuilderAtEnd(e->entry, around->entry);
    LLVMTypeRef types[] = {e->ptr, e->ptr, e->i64, e->i64};
    LLVMTypeRef type = LLVMFunctionType(e->i32, types, 4, false);
    LLVMValueRef runtime = LLVMGetNamedFunction(e->module, "bpc_parallel");
    runtime = runtime ? runtime : LLVMAddFunction(e->module, "bpc_parallel", type);
    LLVMValueRef args[] = {part->function, store_captures(e, &captures), parts, extent};
    emit_leave_unless_zero(e, LLVMBuildCall2(e->builder, type, runtime, args, 4, "status"));
}

/* ---- loops ---- */

/* Where part `number`, not 0, has its copy. */
static LLVMValueRef copy_place(Emit *e, const SplitLoop *split, const PartCopy *copy,
                               LLVMValueRef part) {
    LLVMValueRef before = emit_isub(e, part, emit_i64(e, 1));
    LLVMValueRef at = emit_iadd(e, emit_imul(e, before, split->bytes), copy->offset);
    return LLVMBuildGEP2(e->builder, e->i8, e->copies, &at, 1, "");
}

static bool is_on_stack(const Emit *e, const PartCopy *copy) {
    return copy->slot >= 0 && e->plan->slots.data[copy->slot].on_stack;
}

static void take_place(Emit *e, const SplitLoop *split, const PartCopy *copy, const Part *part) {
    if (is_on_stack(e, copy)) {
        e->slots[copy->slot] = emit_stack_slot(e, &e->plan->slots.data[copy->slot]);
        return;
    }
    const Buffer *home = copy->slot < 0 ? plan_home(e->plan, split->loop->out[copy->acc]) : NULL;
    LLVMValueRef *place = !home                   ? &e->slots[copy->slot]
                          : home->kind == BUF_out ? &e->out[home->out]
                                                  : &e->slots[home->slot];
    LLVMValueRef first = LLVMBuildICmp(e->builder, LLVMIntEQ, part->number, emit_i64(e, 0), "");
    LLVMValueRef own = copy_place(e, split, copy, part->number);
    *place = LLVMBuildSelect(e->builder, first, *place, own, "place");
}

/* Binds the sums of the loop to the places of this part; those of other parts than the first start
 * as zeros. */
static void bind_sums(Emit *e, const Inst *loop, const Part *part) {
    LLVMBasicBlockRef after = NULL, zero = NULL;
    for (int j = 0; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0)
            continue;
        View *view = emit_buffer_view(e, plan_home(e->plan, loop->out[j]), loop->out[j]->type);
        emit_val(e, loop->out[j])->view = view;
        const Buffer *sums = plan_sums(e->plan, loop, j);
        emit_val(e, loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + j])->view =
            sums ? emit_buffer_view(e, sums, loop->out[j]->type) : view;
        zero = LLVMAppendBasicBlockInContext(e->llvm, e->function, "zero");
        after = LLVMAppendBasicBlockInContext(e->llvm, e->function, "zeroed");
        LLVMValueRef other = LLVMBuildICmp(e->builder, LLVMIntNE, part->number, emit_i64(e, 0), "");
        LLVMBuildCondBr(e->builder, other, zero, after);
        LLVMPositionBuilderAtEnd(e->builder, zero);
        View zeros = *view;
        zeros.base = NULL;
        zeros.splat = LLVMConstNull(emit_type(e, view->elem));
        view_copy(e, view, &zeros);
        LLVMBuildBr(e->builder, after);
        LLVMPositionBuilderAtEnd(e->builder, after);
    }
}

/* The scalars that part `part` summed up stand in a row of their own, a multiple of 64 bytes. */
static View partial_sum(Emit *e, LLVMValueRef partials, LLVMValueRef part, const Inst *loop, int n,
                        int j) {
    int64_t row = ((int64_t)n_state(loop) * 8 + 63) / 64 * 64;
    LLVMValueRef at = emit_iadd(e, emit_imul(e, part, emit_i64(e, row)), emit_i64(e, 8 * n));
    View view = {.base = LLVMBuildGEP2(e->builder, e->i8, partials, &at, 1, ""),
                 .elem = loop->out[j]->type->elem};
    return view;
}

static LLVMValueRef partials_of(Emit *e, const Inst *loop) {
    int64_t row = ((int64_t)n_state(loop) * 8 + 63) / 64 * 64;
    LLVMTypeRef type = LLVMArrayType2(e->i8, (uint64_t)(row * e->m->threads));
    LLVMValueRef place = LLVMBuildAlloca(e->entry, type, "partials");
    LLVMSetAlignment(place, 64);
    return place;
}

static void store_partials(Emit *e, const Inst *loop, LLVMValueRef partials, const Part *part) {
    for (int j = 0, n = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank == 0) {
            View place = partial_sum(e, partials, part->number, loop, n++, j);
            view_store(e, &place, *emit_val(e, loop->out[j]));
        }
}

static void join_scalars(Emit *e, const Inst *loop, LLVMValueRef partials, LLVMValueRef parts) {
    LLVMValueRef *sums = ARENA_ARRAY(e->arena, n_state(loop) + 1, LLVMValueRef);
    int n = 0;
    for (int j = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank == 0)
            sums[n++] = emit_val(e, loop->in[loop->attr.loop.n_slice + j])->v;
    if (n == 0)
        return;
    Counted counted;
    counted_begin(e, &counted, emit_i64(e, 0), parts, 1, n, sums);
    for (int j = 0, k = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank == 0) {
            View place = partial_sum(e, partials, counted.index, loop, k, j);
            sums[k] = emit_binary(e, loop_reduction(loop, j), place.elem, sums[k],
                                  view_load(e, &place).v);
            k++;
        }
    counted_end(e, &counted, sums);
    for (int j = 0, k = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank == 0)
            *emit_val(e, loop->out[j]) = val_of(sums[k++]);
}

/* Adding up the copies of the parts: threads share the elements of each array. */
typedef struct AddArrays {
    const SplitLoop *split;
    LLVMValueRef parts;
} AddArrays;

enum { SHARES = 64 }; /* ranges of elements: more than there are threads, as a rule */

/* The elements from share lo to share hi. */
static View shares_of(Emit *e, const View *whole, LLVMValueRef count, LLVMValueRef lo,
                      LLVMValueRef hi) {
    LLVMValueRef bounds[] = {lo, hi};
    for (int k = 0; k < 2; k++)
        bounds[k] =
            LLVMBuildSDiv(e->builder, emit_imul(e, count, bounds[k]), emit_i64(e, SHARES), "");
    View flat = {.base = whole->base, .elem = whole->elem, .rank = 1, .dense = true};
    flat.dims[0] = count;
    flat.strides[0] = emit_i64(e, 1);
    Val first = val_of(bounds[0]);
    View part = view_index(e, &flat, 1, &first);
    part.rank = 1;
    part.dims[0] = emit_isub(e, bounds[1], bounds[0]);
    part.strides[0] = emit_i64(e, 1);
    return part;
}

static void add_shares(Emit *e, void *user, LLVMValueRef lo, LLVMValueRef hi) {
    const AddArrays *add = user;
    const Inst *loop = add->split->loop;
    Counted counted;
    counted_begin(e, &counted, emit_i64(e, 1), add->parts, 1, 0, NULL);
    for (int i = 0; i < add->split->copies.n; i++) {
        const PartCopy *copy = &add->split->copies.data[i];
        if (copy->acc < 0)
            continue;
        const View *whole = emit_val(e, loop->out[copy->acc])->view;
        View copied = {.base = copy_place(e, add->split, copy, counted.index), .elem = whole->elem};
        LLVMValueRef count = emit_size(e, ir_type_count(e->m, loop->out[copy->acc]->type));
        View to = shares_of(e, whole, count, lo, hi), from = shares_of(e, &copied, count, lo, hi);
        view_accumulate(e, &to, &from);
    }
    counted_end(e, &counted, NULL);
}

static bool sums_arrays(const Inst *loop) {
    for (int j = 0; j < n_state(loop); j++)
        if (loop->out[j]->type->rank > 0)
            return true;
    return false;
}

static void add_arrays(Emit *e, const SplitLoop *split, LLVMValueRef parts) {
    AddArrays add = {split, parts};
    if (!sums_arrays(split->loop))
        return;
    LLVMValueRef any = LLVMBuildICmp(e->builder, LLVMIntSGT, parts, emit_i64(e, 1), "");
    LLVMValueRef work =
        LLVMBuildSelect(e->builder, any, summed_elements(e, split->loop), number(e, 0), "");
    emit_split_range(e, emit_i64(e, SHARES), work, add_shares, &add);
}

bool emit_split_loop(Emit *e, const Inst *loop) {
    SplitLoop *split = e->in_part || e->width > 1 ? NULL : split_of(e, loop);
    if (!split)
        return false;
    LLVMValueRef extent = emit_size(e, loop->attr.loop.extent);
    LLVMValueRef work = times(e, LLVMBuildSIToFP(e->builder, extent, e->f64, ""),
                              work_of(e, loop->regions[0], loop->regions[0]));
    LLVMValueRef parts = count_parts(e, work, summed_elements(e, loop), extent),
                 partials = partials_of(e, loop);
    View **whole = ARENA_ARRAY(e->arena, loop->n_out + 1, View *);
    for (int j = 0; j < loop->n_out; j++)
        whole[j] = emit_val(e, loop->out[j])->view;
    Part part;
    Around around = enter_part(e, &part);
    for (int i = 0; i < split->copies.n; i++)
        take_place(e, split, &split->copies.data[i], &part);
    bind_sums(e, loop, &part);
    e->split = (SplitRange){loop, part.lo, part.hi};
    emit_loop_body(e, loop);
    e->split = (SplitRange){0};
    store_partials(e, loop, partials, &part);
    leave_part(e, &around);
    run_parts(e, &part, &around, parts, extent);
    for (int j = 0; j < loop->n_out; j++)
        emit_val(e, loop->out[j])->view = whole[j];
    join_scalars(e, loop, partials, parts);
    add_arrays(e, split, parts);
    return true;
}

/* ---- anything else whose work a range divides ---- */

bool emit_split_range(Emit *e, LLVMValueRef extent, LLVMValueRef work, SplitBody *body,
                      void *user) {
    if (!emit_has_threads(e) || e->in_part || e->width > 1)
        return false;
    LLVMValueRef parts = count_parts(e, work, number(e, 0), extent);
    Part part;
    Around around = enter_part(e, &part);
    body(e, user, part.lo, part.hi);
    leave_part(e, &around);
    run_parts(e, &part, &around, parts, extent);
    return true;
}
