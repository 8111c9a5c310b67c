/* Loops in lanes: iterations i, i+1, ... i+W-1 at once; see emit.h. What runs so is chosen in
 * lanes.c.
 *
 * The iterations that do not fill a vector run once more under a mask; large bodies run under a
 * mask always, so that they are emitted once. Reductions keep a partial result a lane, small ones
 * several. */
#include "codegen/emit.h"
#include "codegen/lanes.h"

#include <string.h>

/* ---- the loop around a body ---- */

/* remaining: how many iterations there are from this one on; NULL: enough for all lanes. */
static void run_body(Emit *e, const LaneLoop *loop, LLVMValueRef index, LLVMValueRef remaining,
                     LLVMValueRef *accs) {
    e->remaining = remaining;
    e->mask = e->iterations = remaining ? emit_lanes_below(e, remaining) : NULL;
    loop->body(e, loop->user, (Val){.v = index, .step = emit_i64(e, 1)}, accs);
    e->mask = e->iterations = e->remaining = NULL;
}

static void run_masked(Emit *e, const LaneLoop *loop, LLVMValueRef start) {
    Counted counted;
    counted_begin(e, &counted, start, loop->extent, e->width, loop->n, loop->accs);
    run_body(e, loop, counted.index, emit_isub(e, loop->extent, counted.index), loop->accs);
    counted_end(e, &counted, loop->accs);
}

/* Full vectors from start to end, `unroll` at a time, each with accumulators of its own. */
static void run_full(Emit *e, const LaneLoop *loop, LLVMValueRef start, LLVMValueRef end,
                     int unroll) {
    int n = loop->n;
    LLVMValueRef *accs = ARENA_ARRAY(e->arena, n * unroll + 1, LLVMValueRef);
    for (int u = 0; u < unroll; u++) {
        for (int k = 0; k < n; k++) {
            accs[u * n + k] = u == 0
                                  ? loop->accs[k]
                                  : emit_splat(e, emit_identity(e, loop->ops[k], loop->elems[k]));
        }
    }
    Counted counted;
    counted_begin(e, &counted, start, end, (int64_t)e->width * unroll, n * unroll, accs);
    for (int u = 0; u < unroll; u++) {
        LLVMValueRef index = emit_iadd(e, counted.index, emit_i64(e, (int64_t)u * e->width));
        run_body(e, loop, index, NULL, accs + u * n);
    }
    counted_end(e, &counted, accs);
    for (int k = 0; k < n; k++) {
        loop->accs[k] = accs[k];
        for (int u = 1; u < unroll; u++) {
            loop->accs[k] =
                emit_binary(e, loop->ops[k], loop->elems[k], loop->accs[k], accs[u * n + k]);
        }
    }
}

static LLVMValueRef round_down(Emit *e, LLVMValueRef n, int64_t multiple) {
    return LLVMBuildAnd(e->builder, n, emit_i64(e, -multiple), "");
}

/* At most one masked iteration, from start on. */
static void run_tail(Emit *e, const LaneLoop *loop, LLVMValueRef start, LLVMValueRef extent) {
    if (LLVMIsAConstantInt(start) && LLVMIsAConstantInt(extent)) {
        int64_t left = LLVMConstIntGetSExtValue(extent) - LLVMConstIntGetSExtValue(start);
        if (left > 0) {
            run_body(e, loop, start, left == e->width ? NULL : emit_i64(e, left), loop->accs);
        }
        return;
    }
    Counted counted; /* runs once at most: its step reaches the end */
    counted_begin(e, &counted, start, extent, e->width, loop->n, loop->accs);
    run_body(e, loop, counted.index, emit_isub(e, loop->extent, counted.index), loop->accs);
    counted_end_once(e, &counted, loop->accs);
}

/* What full vectors leave, in narrower ones. */
static void run_rest(Emit *e, const LaneLoop *loop, LLVMValueRef start) {
    for (int k = 0; k < loop->n; k++) {
        loop->accs[k] =
            emit_folded(e, loop->ops[k], loop->elems[k], loop->accs[k], loop->rest_width);
    }
    e->width = loop->rest_width;
    run_masked(e, loop, start);
}

void emit_lane_loop(Emit *e, int width, LaneLoop *loop) {
    e->width = width;
    LLVMValueRef extent = loop->extent;
    if (!LLVMIsAConstantInt(extent)) {
        extent = emit_binary(e, OP_max, S_i64, extent, emit_i64(e, 0));
    }
    bool single = LLVMIsAConstantInt(extent) && LLVMConstIntGetSExtValue(extent) <= width;
    if (loop->rest_width && !single) {
        LLVMValueRef end = round_down(e, extent, width);
        run_full(e, loop, emit_i64(e, 0), end, 1);
        run_rest(e, loop, end);
    } else if (loop->masked_only && !single) {
        run_masked(e, loop, emit_i64(e, 0));
    } else {
        LLVMValueRef start = emit_i64(e, 0);
        for (int unroll = single ? 0 : loop->unroll; unroll >= 1; unroll = unroll > 1 ? 1 : 0) {
            LLVMValueRef end = round_down(e, extent, (int64_t)width * unroll);
            if (LLVMIsAConstantInt(end) && LLVMConstIntGetSExtValue(end) <= 0) {
                continue;
            }
            run_full(e, loop, start, end, unroll);
            start = end;
        }
        run_tail(e, loop, start, extent);
    }
    e->width = 1;
    e->mask = e->iterations = NULL;
}

/* ---- a loop of the IR in lanes ---- */

typedef struct VectorLoop {
    const Inst *loop;
    LLVMValueRef first; /* NULL, or the iteration to begin with */
    int *state;         /* by accumulator: which carry or acc */
} VectorLoop;

static void vector_body(Emit *e, void *user, Val index, LLVMValueRef *accs) {
    const VectorLoop *v = user;
    const Inst *loop = v->loop;
    const Region *body = loop->regions[0];
    int n_slice = loop->attr.loop.n_slice,
        n_state = loop->attr.loop.n_carry + loop->attr.loop.n_acc, n = 0;
    for (int j = 0; j < n_state; j++) {
        const Value *param = body->params.data[1 + n_slice + j];
        if (param->type->rank == 0) {
            v->state[n] = j;
            *emit_val(e, param) = val_of(accs[n++]);
        }
    }
    if (v->first) {
        index.v = emit_iadd(e, v->first, index.v);
    }
    loop_bind_slices(e, loop, index);
    emit_stream_rows(e, index);
    emit_region(e, body);
    loop_store_stacked(e, loop, index);
    emit_stream_rows_end(e);
    for (int k = 0; k < n; k++) {
        LLVMValueRef next = emit_lanes(e, *emit_val(e, body->yields.data[v->state[k]]));
        accs[k] = e->mask ? LLVMBuildSelect(e->builder, e->mask, next, accs[k], "") : next;
    }
    debug_location(e, loop->loc);
}

/* ---- arrays that are summed up ---- */

/* The partial sums of an array as one vector: row-major, the sums of an element side by side. */
static View all_sums(Emit *e, const View *sums, LLVMValueRef count) {
    View flat = {.base = sums->base, .elem = sums->elem, .rank = 1, .dense = true};
    flat.dims[0] = emit_imul(e, count, emit_i64(e, sums->sums));
    flat.strides[0] = emit_i64(e, 1);
    return flat;
}

static LLVMValueRef count_elements(Emit *e, const View *view) {
    LLVMValueRef count = emit_i64(e, 1);
    for (int k = 0; k < view->rank; k++) {
        count = emit_imul(e, count, view->dims[k]);
    }
    return count;
}

static void clear_sums(Emit *e, const Inst *loop) {
    for (int j = 0; j < loop->attr.loop.n_acc; j++) {
        int k = loop->attr.loop.n_carry + j;
        if (!plan_sums(e->plan, loop, k)) {
            continue;
        }
        const Value *param = loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + k];
        const View *sums = emit_val(e, param)->view;
        View flat = all_sums(e, sums, count_elements(e, sums));
        View zeros = flat;
        zeros.base = NULL;
        zeros.splat = LLVMConstNull(emit_type(e, flat.elem));
        view_copy(e, &flat, &zeros);
    }
}

/* Adds the partial sums of each element to the element, which is in a dense array. */
static void add_sums(Emit *e, const View *to, const View *sums) {
    LLVMValueRef count = count_elements(e, to);
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), count, 1, 0, NULL);
    LLVMTypeRef type = LLVMVectorType(emit_type(e, sums->elem), (unsigned)sums->sums);
    LLVMTypeRef element = emit_type(e, sums->elem);
    LLVMValueRef from = emit_imul(e, loop.index, emit_i64(e, sums->sums));
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, element, sums->base, &from, 1, "");
    LLVMValueRef vector = LLVMBuildLoad2(e->builder, type, place, "");
    LLVMSetAlignment(vector, sums->elem == S_f32 || sums->elem == S_i32 ? 4 : 8);
    View one = {.base = LLVMBuildInBoundsGEP2(e->builder, element, to->base, &loop.index, 1, ""),
                .elem = to->elem};
    view_add(e, &one, val_of(emit_horizontal(e, OP_add, sums->elem, vector)));
    counted_end(e, &loop, NULL);
}

static void collect_sums(Emit *e, const Inst *loop) {
    for (int j = 0; j < loop->attr.loop.n_acc; j++) {
        int k = loop->attr.loop.n_carry + j;
        if (plan_sums(e->plan, loop, k)) {
            const Value *param = loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + k];
            add_sums(e, emit_val(e, loop->out[k])->view, emit_val(e, param)->view);
        }
    }
}

void emit_vector_loop(Emit *e, const Inst *loop, int width) {
    enum { LARGE = 60, SMALL = 12, PARTIALS = 4 };
    int n_state = loop->attr.loop.n_carry + loop->attr.loop.n_acc, n = 0;
    LLVMValueRef *accs = ARENA_ARRAY(e->arena, n_state + 1, LLVMValueRef);
    Op *ops = ARENA_ARRAY(e->arena, n_state + 1, Op);
    Scalar *elems = ARENA_ARRAY(e->arena, n_state + 1, Scalar);
    SplitRange range = e->split.loop == loop ? e->split : (SplitRange){0};
    VectorLoop v = {loop, range.lo, ARENA_ARRAY(e->arena, n_state + 1, int)};
    clear_sums(e, loop);
    e->width = width;
    for (int j = 0; j < n_state; j++) {
        if (loop->out[j]->type->rank > 0) {
            continue;
        }
        ops[n] = loop_reduction(loop, j);
        elems[n] = loop->out[j]->type->elem;
        v.state[n] = j;
        accs[n] = emit_splat(e, emit_identity(e, ops[n], elems[n]));
        n++;
    }
    int size = ir_count(loop->regions[0]);
    bool nested = region_holds(loop->regions[0], OP_loop);
    int vector = lanes_of_vector(loop, e->target->vector_bytes);
    LaneLoop lanes = {.extent = range.loop ? emit_isub(e, range.hi, range.lo)
                                           : emit_size(e, loop->attr.loop.extent),
                      .unroll = n > 0 && size <= SMALL && !nested ? PARTIALS : 1,
                      .masked_only = nested || size > LARGE,
                      .rest_width = !nested && width > vector ? vector : 0,
                      .n = n,
                      .accs = accs,
                      .ops = ops,
                      .elems = elems,
                      .body = vector_body,
                      .user = &v};
    emit_stream_begin(e, loop, width);
    emit_lane_loop(e, width, &lanes);
    emit_stream_end(e);
    collect_sums(e, loop);
    for (int k = 0; k < n; k++) {
        int j = v.state[k];
        LLVMValueRef initial = loop_initial(e, loop, j).v;
        LLVMValueRef sum = emit_horizontal(e, ops[k], elems[k], accs[k]);
        *emit_val(e, loop->out[j]) = val_of(emit_binary(e, ops[k], elems[k], initial, sum));
    }
}
