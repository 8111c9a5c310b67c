/* Arrays in memory: addressing, loads, stores, copies; see emit.h.
 *
 * Nothing here decides where an array lives (plan.h does). Every access of a lane that the mask
 * excludes is left out. Pointers are taken to be aligned to their element only. */
#include "codegen/emit.h"

#include <assert.h>
#include <string.h>

/* ---- views ---- */

void view_set_dims(Emit *e, View *view, const Type *type, LLVMValueRef unit) {
    view->elem = type->elem;
    view->rank = type->rank;
    LLVMValueRef stride = unit;
    for (int k = type->rank - 1; k >= 0; k--) {
        view->dims[k] = emit_size(e, type->dims[k]);
        view->strides[k] = stride;
        stride = k > 0 ? emit_imul(e, stride, view->dims[k]) : stride;
    }
}

View view_dense(Emit *e, LLVMValueRef base, const Type *type) {
    View view = {.base = base, .dense = true};
    view_set_dims(e, &view, type, emit_i64(e, 1));
    return view;
}

static LLVMValueRef element_address(Emit *e, Scalar elem, LLVMValueRef base, LLVMValueRef offset) {
    return is_int(offset, 0)
               ? base
               : LLVMBuildInBoundsGEP2(e->builder, emit_memory_type(e, elem), base, &offset, 1, "");
}

static LLVMValueRef element_count(Emit *e, const Type *type) {
    LLVMValueRef count = emit_i64(e, 1);
    for (int k = 0; k < type->rank; k++) {
        count = emit_imul(e, count, emit_size(e, type->dims[k]));
    }
    return count;
}

static void add_lane_step(Emit *e, View *view, LLVMValueRef step) {
    LLVMValueRef sum = view->lane_step ? emit_iadd(e, view->lane_step, step) : step;
    view->lane_step = is_int(sum, 0) ? NULL : sum;
}

static void set_buffer_base(Emit *e, const Buffer *buffer, View *view) {
    switch (buffer->kind) {
    case BUF_slot:
        view->base = e->slots[buffer->slot];
        view->lane_step = buffer->lanes > 1 ? emit_i64(e, 1) : NULL;
        view->own = buffer->lanes > 1;
        view->sums = buffer->sums ? buffer->lanes : 0;
        return;
    case BUF_out:
        view->base = e->out[buffer->out];
        return;
    case BUF_part:
        break;
    }
    const Stream *stream = emit_streamed(e, buffer);
    if (stream) {
        view->base = stream->place;
        view->lane_step = emit_i64(e, stream->row);
        return;
    }
    set_buffer_base(e, buffer->parent, view);
    LLVMValueRef lanes = emit_i64(e, buffer->lanes);
    if (!buffer->loop) {
        LLVMValueRef offset = emit_imul(e, emit_size(e, buffer->offset), lanes);
        view->base = element_address(e, buffer->type->elem, view->base, offset);
        return;
    }
    Val row = *emit_val(e, buffer->loop->regions[0]->params.data[0]);
    LLVMValueRef count = emit_imul(e, element_count(e, buffer->type), lanes);
    view->base = element_address(e, buffer->type->elem, view->base, emit_imul(e, row.v, count));
    if (row.step) {
        add_lane_step(e, view, emit_imul(e, row.step, count));
    }
}

View *emit_buffer_view(Emit *e, const Buffer *buffer, const Type *type) {
    View *view = ARENA_NEW(e->arena, View);
    set_buffer_base(e, buffer, view);
    view->dense = buffer->lanes == 1;
    view_set_dims(e, view, type, emit_i64(e, buffer->lanes));
    return view;
}

View view_index(Emit *e, const View *view, int n, const Val *index) {
    View row = *view;
    row.rank = view->rank - n;
    memmove(row.dims, view->dims + n, (size_t)row.rank * sizeof row.dims[0]);
    memmove(row.strides, view->strides + n, (size_t)row.rank * sizeof row.strides[0]);
    if (!view->base) {
        return row;
    }
    LLVMValueRef offset = emit_i64(e, 0), varying = NULL;
    for (int k = 0; k < n; k++) {
        LLVMValueRef stride = view->strides[k];
        if (LLVMGetTypeKind(LLVMTypeOf(index[k].v)) == LLVMVectorTypeKind) {
            LLVMValueRef part = emit_imul(e, index[k].v, emit_splat(e, stride));
            varying = varying ? LLVMBuildAdd(e->builder, varying, part, "") : part;
            continue;
        }
        offset = emit_iadd(e, offset, emit_imul(e, index[k].v, stride));
        if (index[k].step) {
            add_lane_step(e, &row, emit_imul(e, index[k].step, stride));
        }
    }
    row.base = element_address(e, view->elem, view->base, offset);
    if (varying) {
        row.lane_offset =
            row.lane_offset ? LLVMBuildAdd(e->builder, row.lane_offset, varying, "") : varying;
    }
    return row;
}

/* ---- access ---- */

static unsigned alignment(Scalar elem) {
    return (unsigned)scalar_bytes(elem);
}

/* The masked operations of LLVM have lost their alignment operand in 22; the declaration tells. */
static LLVMValueRef masked_call(Emit *e, const char *name, LLVMTypeRef vector, LLVMTypeRef pointer,
                                LLVMValueRef *args, int n, int align_at, Scalar elem) {
    LLVMTypeRef overloads[] = {vector, pointer};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef type = LLVMIntrinsicGetType(e->llvm, id, overloads, 2);
    LLVMValueRef all[5];
    int count = 0;
    for (int k = 0; k < n; k++) {
        if (k == align_at && (int)LLVMCountParamTypes(type) == n + 1) {
            all[count++] = LLVMConstInt(e->i32, alignment(elem), false);
        }
        all[count++] = args[k];
    }
    return emit_intrinsic(e, name, overloads, 2, all, count);
}

static LLVMValueRef mask_or_all(Emit *e) {
    return e->mask ? e->mask : emit_splat(e, LLVMConstInt(e->i1, 1, false));
}

static LLVMTypeRef memory_lanes(Emit *e, Scalar elem) {
    return LLVMVectorType(emit_memory_type(e, elem), (unsigned)e->width);
}

/* A vector of the lanes' addresses. */
static LLVMValueRef lane_addresses(Emit *e, const View *x) {
    Val linear = {.v = emit_i64(e, 0), .step = x->lane_step};
    LLVMValueRef offsets = emit_lanes(e, linear);
    if (x->lane_offset) {
        offsets = emit_iadd(e, offsets, x->lane_offset);
    }
    return LLVMBuildInBoundsGEP2(e->builder, emit_memory_type(e, x->elem), x->base, &offsets, 1,
                                 "");
}

static bool is_contiguous(const View *x) {
    return !x->lane_offset && x->lane_step && is_int(x->lane_step, 1);
}

/* Whether all lanes may be loaded and stored at once: lanes without an iteration as well, where
 * they have memory of their own. */
static bool is_plain_access(const Emit *e, const View *x) {
    return is_contiguous(x) && (!e->mask || (x->own && e->mask == e->iterations));
}

static LLVMValueRef load_lanes(Emit *e, const View *x) {
    LLVMTypeRef vector = memory_lanes(e, x->elem);
    LLVMValueRef passthru = LLVMConstNull(vector);
    if (is_plain_access(e, x)) {
        LLVMValueRef load = LLVMBuildLoad2(e->builder, vector, x->base, "");
        LLVMSetAlignment(load, alignment(x->elem));
        return load;
    }
    if (is_contiguous(x)) {
        LLVMValueRef args[] = {x->base, e->mask, passthru};
        return masked_call(e, "llvm.masked.load", vector, e->ptr, args, 3, 1, x->elem);
    }
    LLVMValueRef args[] = {lane_addresses(e, x), mask_or_all(e), passthru};
    LLVMTypeRef pointers = LLVMVectorType(e->ptr, (unsigned)e->width);
    return masked_call(e, "llvm.masked.gather", vector, pointers, args, 3, 1, x->elem);
}

Val view_load(Emit *e, const View *x) {
    if (!x->base) {
        return val_of(x->splat);
    }
    LLVMValueRef v;
    if (x->lane_offset || x->lane_step) {
        v = load_lanes(e, x);
    } else {
        v = LLVMBuildLoad2(e->builder, emit_memory_type(e, x->elem), x->base, "");
        LLVMSetAlignment(v, alignment(x->elem));
    }
    if (x->elem == S_bool) {
        v = LLVMBuildICmp(e->builder, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    }
    return val_of(v);
}

static LLVMValueRef to_memory(Emit *e, Scalar elem, LLVMValueRef v, bool lanes) {
    if (elem != S_bool) {
        return v;
    }
    return LLVMBuildZExt(e->builder, v, lanes ? memory_lanes(e, elem) : e->i8, "");
}

static void store_scalar(Emit *e, const View *x, LLVMValueRef v) {
    assert(LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind); /* as varying.h found */
    LLVMValueRef store = LLVMBuildStore(e->builder, to_memory(e, x->elem, v, false), x->base);
    LLVMSetAlignment(store, alignment(x->elem));
}

static void store_lanes(Emit *e, const View *x, LLVMValueRef v) {
    LLVMTypeRef vector = memory_lanes(e, x->elem);
    v = to_memory(e, x->elem, v, true);
    if (is_plain_access(e, x)) {
        LLVMSetAlignment(LLVMBuildStore(e->builder, v, x->base), alignment(x->elem));
    } else if (is_contiguous(x)) {
        LLVMValueRef args[] = {v, x->base, e->mask};
        masked_call(e, "llvm.masked.store", vector, e->ptr, args, 3, 2, x->elem);
    } else {
        LLVMValueRef args[] = {v, lane_addresses(e, x), mask_or_all(e)};
        LLVMTypeRef pointers = LLVMVectorType(e->ptr, (unsigned)e->width);
        masked_call(e, "llvm.masked.scatter", vector, pointers, args, 3, 2, x->elem);
    }
}

void view_store(Emit *e, const View *x, Val value) {
    if (x->lane_offset || x->lane_step) {
        store_lanes(e, x, emit_lanes(e, value));
    } else {
        store_scalar(e, x, value.v);
    }
}

/* Lanes may add to one place: one after the other. */
static void add_lane_by_lane(Emit *e, const View *x, LLVMValueRef v) {
    LLVMValueRef addresses = lane_addresses(e, x);
    LLVMTypeRef type = emit_type(e, x->elem);
    LLVMTypeRef lanes_type = LLVMTypeOf(v);
    if (e->mask) { /* an excluded lane adds to a place of its own */
        LLVMValueRef spare = LLVMBuildAlloca(e->entry, type, "spare");
        addresses = LLVMBuildSelect(e->builder, e->mask, addresses, emit_splat(e, spare), "");
        LLVMBuildStore(e->builder, LLVMConstNull(type), spare);
        v = LLVMBuildSelect(e->builder, e->mask, v, LLVMConstNull(lanes_type), "");
    }
    for (int l = 0; l < e->width; l++) {
        LLVMValueRef lane = LLVMConstInt(e->i32, (unsigned long long)l, false);
        LLVMValueRef address = LLVMBuildExtractElement(e->builder, addresses, lane, "");
        LLVMValueRef old = LLVMBuildLoad2(e->builder, type, address, "");
        LLVMValueRef part = LLVMBuildExtractElement(e->builder, v, lane, "");
        LLVMBuildStore(e->builder, emit_binary(e, OP_add, x->elem, old, part), address);
    }
}

/* Whether v may be rounded together with the sum that it is added to. */
static bool is_product(LLVMValueRef v) {
    return LLVMIsAInstruction(v) && LLVMGetInstructionOpcode(v) == LLVMFMul &&
           (LLVMGetFastMathFlags(v) & LLVMFastMathAllowContract);
}

/* Part k of the lanes of v, multiplied here if v is a product. */
static LLVMValueRef part_of(Emit *e, Scalar elem, LLVMValueRef v, int k, int lanes) {
    if (!is_product(v)) {
        return rows_part_of(e, v, k * lanes, lanes);
    }
    LLVMValueRef x = rows_part_of(e, LLVMGetOperand(v, 0), k * lanes, lanes);
    LLVMValueRef y = rows_part_of(e, LLVMGetOperand(v, 1), k * lanes, lanes);
    return emit_binary(e, OP_mul, elem, x, y);
}

/* The sum of the machine's vectors that v is made of: one after the other, so that products fuse
 * with it. Lanes that the mask excludes leave it as it is. */
static LLVMValueRef sum_of_vectors(Emit *e, Scalar elem, LLVMValueRef v) {
    int lanes = rows_vector_lanes(e, elem);
    LLVMValueRef sum = LLVMConstNull(LLVMVectorType(emit_type(e, elem), (unsigned)lanes));
    for (int k = 0; k < e->width / lanes; k++) {
        LLVMValueRef part = part_of(e, elem, v, k, lanes);
        LLVMValueRef next = k == 0 ? part : emit_binary(e, OP_add, elem, sum, part);
        sum = e->mask ? LLVMBuildSelect(e->builder, rows_part_of(e, e->mask, k * lanes, lanes),
                                        next, sum, "")
                      : next;
    }
    return sum;
}

/* Adds the lanes to fewer partial sums, which stand side by side. */
static void add_to_sums(Emit *e, const View *x, LLVMValueRef v) {
    v = emit_folded(e, OP_add, x->elem, sum_of_vectors(e, x->elem, v), x->sums);
    LLVMValueRef old = LLVMBuildLoad2(e->builder, LLVMTypeOf(v), x->base, "");
    LLVMSetAlignment(old, alignment(x->elem));
    LLVMValueRef sum = emit_binary(e, OP_add, x->elem, old, v);
    LLVMSetAlignment(LLVMBuildStore(e->builder, sum, x->base), alignment(x->elem));
}

void view_add(Emit *e, const View *x, Val value) {
    if (x->sums) {
        add_to_sums(e, x, emit_lanes(e, value));
        return;
    }
    bool one_place = !x->lane_offset && !x->lane_step;
    if (one_place && e->width > 1) {
        LLVMValueRef lanes = emit_lanes(e, value);
        if (e->mask) {
            lanes =
                LLVMBuildSelect(e->builder, e->mask, lanes, LLVMConstNull(LLVMTypeOf(lanes)), "");
        }
        value = val_of(emit_horizontal(e, OP_add, x->elem, lanes));
    }
    if (x->lane_offset) {
        add_lane_by_lane(e, x, emit_lanes(e, value));
        return;
    }
    Val old = view_load(e, x);
    LLVMValueRef v = one_place ? value.v : emit_lanes(e, value);
    LLVMValueRef sum = emit_binary(e, OP_add, x->elem, old.v, v);
    if (e->m->watched && x->elem >= S_f32)
        emit_watch_sum(e, sum, old.v, v);
    view_store(e, x, val_of(sum));
}

/* ---- whole arrays ---- */

typedef void ElementFn(Emit *e, const View *element, Val value);

typedef struct CopyLoop {
    const View *to, *from;
    ElementFn *apply;
} CopyLoop;

static void copy_element(Emit *e, void *user, Val index, LLVMValueRef *accs) {
    (void)accs;
    const CopyLoop *copy = user;
    View to = view_index(e, copy->to, 1, &index), from = view_index(e, copy->from, 1, &index);
    copy->apply(e, &to, view_load(e, &from));
}

static LLVMValueRef view_count(Emit *e, const View *view) {
    LLVMValueRef count = emit_i64(e, 1);
    for (int k = 0; k < view->rank; k++) {
        count = emit_imul(e, count, view->dims[k]);
    }
    return count;
}

/* The same elements along one axis. */
static View flattened(Emit *e, const View *view) {
    View flat = *view;
    flat.rank = 1;
    flat.dims[0] = view_count(e, view);
    flat.strides[0] = emit_i64(e, 1);
    return flat;
}

bool view_is_empty(const View *view) {
    for (int k = 0; k < view->rank; k++) {
        if (LLVMIsAConstantInt(view->dims[k]) && LLVMConstIntGetSExtValue(view->dims[k]) <= 0) {
            return true;
        }
    }
    return false;
}

static void apply_nest(Emit *e, const View *to, const View *from, ElementFn *apply) {
    if (view_is_empty(to)) {
        return;
    }
    if (to->rank == 0) {
        apply(e, to, view_load(e, from));
        return;
    }
    if (to->rank > 1 && to->dense && (from->dense || !from->base)) {
        View flat_to = flattened(e, to), flat_from = flattened(e, from);
        apply_nest(e, &flat_to, &flat_from, apply);
        return;
    }
    if (to->rank == 1 && e->width == 1 && e->options->opt_level > 0 && !e->m->watched) {
        CopyLoop copy = {to, from, apply};
        LaneLoop loop = {.extent = to->dims[0], .unroll = 1, .body = copy_element, .user = &copy};
        emit_lane_loop(
            e, e->target->vector_bytes / (to->elem == S_f32 || to->elem == S_i32 ? 4 : 8), &loop);
        return;
    }
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), to->dims[0], 1, 0, NULL);
    Val index = val_of(loop.index);
    View to_row = view_index(e, to, 1, &index), from_row = view_index(e, from, 1, &index);
    apply_nest(e, &to_row, &from_row, apply);
    counted_end(e, &loop, NULL);
}

/* A block of memory at once, where the C library may be called. */
static bool copy_block(Emit *e, const View *to, const View *from) {
    bool zeros = !from->base && LLVMIsConstant(from->splat) && LLVMIsNull(from->splat);
    if (e->width > 1 || !to->dense || !(zeros || (from->base && from->dense)) ||
        e->options->freestanding) {
        return false;
    }
    unsigned align = alignment(to->elem);
    LLVMValueRef bytes = emit_imul(e, view_count(e, to), emit_i64(e, align));
    if (e->loops > 0 && !LLVMIsAConstantInt(bytes) && to->elem != S_bool) {
        return false; /* likely short: a call costs more, and all vector registers */
    }
    /* a size may come out negative where a loop would not run, or nothing is reached */
    bytes = emit_binary(e, OP_max, S_i64, bytes, emit_i64(e, 0));
    if (zeros) {
        LLVMBuildMemSet(e->builder, to->base, LLVMConstNull(e->i8), bytes, align);
    } else {
        LLVMBuildMemCpy(e->builder, to->base, align, from->base, align, bytes);
    }
    return true;
}

static void store_nest(Emit *e, const View *to, const View *from) {
    apply_nest(e, to, from, view_store);
}

void view_copy(Emit *e, const View *to, const View *from) {
    if (!copy_block(e, to, from) && !emit_copy_turned(e, to, from, store_nest)) {
        store_nest(e, to, from);
    }
}

void view_accumulate(Emit *e, const View *to, const View *from) {
    apply_nest(e, to, from, view_add);
}

void emit_into(Emit *e, const Buffer *buffer, const Value *value) {
    if (plan_place(e->plan, value) == buffer) {
        return;
    }
    View *to = emit_buffer_view(e, buffer, value->type);
    view_copy(e, to, emit_val(e, value)->view);
}
