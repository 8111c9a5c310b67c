/* Rows of large results go past the caches; see emit.h.
 *
 * A store into memory that is in no cache reads it first: a result larger than the caches costs
 * twice its bytes. Where a loop in lanes makes rows of a result, and these are many, the rows of
 * all lanes are put together on the stack, which is in the nearest cache, and then stored as whole
 * lines that nobody reads. Which way is taken is decided at run time: by the size of the result, by
 * whether its lines begin where vectors may be stored so, and only while there is an iteration for
 * each lane. Such stores are not ordered with others, so a fence follows the loop. */
#include "codegen/emit.h"

enum { LINE = 64, MOST_LINES = 64, LARGE = 12 << 20 };

static int64_t row_elements(const Type *type) {
    int64_t count = 1, n;
    for (int k = 1; k < type->rank; k++) {
        if (!size_is_const(type->dims[k], &n) || n > MOST_LINES * LINE) {
            return 0;
        }
        count *= n;
    }
    return count;
}

/* How many lines the rows of all lanes fill; 0: not whole ones. */
static int64_t count_lines(const Stream *stream, int width) {
    int64_t bytes = stream->row * scalar_bytes(stream->home->type->elem) * width;
    return bytes % LINE == 0 && bytes <= MOST_LINES * LINE ? bytes / LINE : 0;
}

static bool is_made_in_place(const Emit *e, const Inst *loop, int j, const Buffer *home) {
    const Buffer *place = plan_place(e->plan, loop->regions[0]->yields.data[j]);
    return place && place->kind == BUF_part && place->parent == home && place->loop == loop;
}

static void add_stream(Emit *e, const Inst *loop, int j, int width) {
    const Type *type = loop->out[j]->type;
    const Buffer *home = type->rank > 1 ? plan_home(e->plan, loop->out[j]) : NULL;
    if (!home || home->kind != BUF_out || type->elem == S_bool ||
        !is_made_in_place(e, loop, j, home)) {
        return;
    }
    Stream stream = {.loop = loop, .home = home, .row = row_elements(type)};
    int64_t lines = count_lines(&stream, width);
    if (lines == 0) {
        return;
    }
    LLVMValueRef row_bytes = emit_i64(e, stream.row * scalar_bytes(type->elem));
    LLVMValueRef bytes = emit_imul(e, emit_size(e, type->dims[0]), row_bytes);
    stream.wanted = LLVMBuildICmp(e->builder, LLVMIntSGT, bytes, emit_i64(e, LARGE), "");
    stream.staging =
        LLVMBuildAlloca(e->entry, LLVMArrayType2(e->i8, (uint64_t)(lines * LINE)), "rows");
    LLVMSetAlignment(stream.staging, LINE);
    vec_push(e->arena, &e->streams, stream);
}

void emit_stream_begin(Emit *e, const Inst *loop, int width) {
    e->streams.n = 0;
    if (!target_is_x86(e->target) || e->m->watched) {
        return;
    }
    int n_state = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int j = n_state; j < loop->n_out; j++) {
        add_stream(e, loop, j, width);
    }
}

void emit_stream_rows(Emit *e, Val index) {
    for (int k = 0; k < e->streams.n; k++) {
        Stream *s = &e->streams.data[k];
        s->place = NULL;
        if (count_lines(s, e->width) == 0) {
            continue;
        }
        const View *whole = emit_buffer_view(e, s->home, s->home->type);
        View rows = view_index(e, whole, 1, &(Val){.v = index.v});
        LLVMValueRef address = LLVMBuildPtrToInt(e->builder, rows.base, e->i64, "");
        LLVMValueRef rest = LLVMBuildAnd(e->builder, address, emit_i64(e, LINE - 1), "");
        LLVMValueRef aligned = LLVMBuildICmp(e->builder, LLVMIntEQ, rest, emit_i64(e, 0), "");
        s->now = LLVMBuildAnd(e->builder, s->wanted, aligned, "");
        if (e->remaining) {
            LLVMValueRef full =
                LLVMBuildICmp(e->builder, LLVMIntSGE, e->remaining, emit_i64(e, e->width), "");
            s->now = LLVMBuildAnd(e->builder, s->now, full, "");
        }
        s->real = rows.base;
        s->place = LLVMBuildSelect(e->builder, s->now, s->staging, rows.base, "");
    }
}

const Stream *emit_streamed(const Emit *e, const Buffer *buffer) {
    for (int k = 0; k < e->streams.n; k++) {
        const Stream *s = &e->streams.data[k];
        if (s->place && s->loop == buffer->loop && s->home == buffer->parent) {
            return s;
        }
    }
    return NULL;
}

static void store_lines(Emit *e, const Stream *s) {
    LLVMTypeRef line = LLVMVectorType(e->i64, LINE / 8);
    LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(e->i32, 1, false));
    LLVMValueRef past = LLVMMetadataAsValue(e->llvm, LLVMMDNodeInContext2(e->llvm, &one, 1));
    for (int64_t k = 0; k < count_lines(s, e->width); k++) {
        LLVMValueRef at = emit_i64(e, k * LINE);
        LLVMValueRef from = LLVMBuildInBoundsGEP2(e->builder, e->i8, s->staging, &at, 1, "");
        LLVMValueRef to = LLVMBuildInBoundsGEP2(e->builder, e->i8, s->real, &at, 1, "");
        LLVMValueRef load = LLVMBuildLoad2(e->builder, line, from, "");
        LLVMSetAlignment(load, LINE);
        LLVMValueRef store = LLVMBuildStore(e->builder, load, to);
        LLVMSetAlignment(store, LINE);
        LLVMSetMetadata(store, LLVMGetMDKindIDInContext(e->llvm, "nontemporal", 11), past);
    }
}

void emit_stream_rows_end(Emit *e) {
    for (int k = 0; k < e->streams.n; k++) {
        Stream *s = &e->streams.data[k];
        if (!s->place) {
            continue;
        }
        LLVMBasicBlockRef after = emit_new_block(e, "stored"), lines = emit_new_block(e, "lines");
        LLVMBuildCondBr(e->builder, s->now, lines, after);
        LLVMPositionBuilderAtEnd(e->builder, lines);
        store_lines(e, s);
        LLVMBuildBr(e->builder, after);
        LLVMMoveBasicBlockAfter(after, lines);
        LLVMPositionBuilderAtEnd(e->builder, after);
        s->place = NULL;
    }
}

void emit_stream_end(Emit *e) {
    LLVMValueRef any = NULL;
    for (int k = 0; k < e->streams.n; k++) {
        LLVMValueRef wanted = e->streams.data[k].wanted;
        any = any ? LLVMBuildOr(e->builder, any, wanted, "") : wanted;
    }
    e->streams.n = 0;
    if (!any) {
        return;
    }
    LLVMBasicBlockRef after = emit_new_block(e, "ordered"), fence = emit_new_block(e, "fence");
    LLVMBuildCondBr(e->builder, any, fence, after);
    LLVMPositionBuilderAtEnd(e->builder, fence);
    emit_intrinsic(e, "llvm.x86.sse.sfence", NULL, 0, NULL, 0);
    LLVMBuildBr(e->builder, after);
    LLVMMoveBasicBlockAfter(after, fence);
    LLVMPositionBuilderAtEnd(e->builder, after);
}
