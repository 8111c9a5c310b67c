/* Building blocks of the contraction emitter; see contract_gen.h. Called by contract*.c only. */
#include "codegen/contract_gen.h"

#include <assert.h>
#include <llvm/Config/llvm-config.h>
#include <string.h>

Gen gen_open(ContractTarget *target, bool is_f64, LLVMBuilderRef builder, LLVMValueRef function) {
    Gen g = {.target = target, .b = builder, .fn = function, .is_f64 = is_f64};
    g.elem = is_f64 ? LLVMDoubleTypeInContext(target->ctx) : LLVMFloatTypeInContext(target->ctx);
    g.lanes = target->vector_bytes / (is_f64 ? 8 : 4);
    g.vec = LLVMVectorType(g.elem, (unsigned)g.lanes);
    g.i64 = LLVMInt64TypeInContext(target->ctx);
    g.i1 = LLVMInt1TypeInContext(target->ctx);
    g.ptr = LLVMPointerTypeInContext(target->ctx, 0);
    return g;
}

Gen gen_narrowed(const Gen *g, int64_t n) {
    Gen narrow = *g;
    int least = g->is_f64 ? 2 : 4;
    while (narrow.lanes > least && narrow.lanes / 2 >= n)
        narrow.lanes /= 2;
    narrow.vec = LLVMVectorType(g->elem, (unsigned)narrow.lanes);
    return narrow;
}

/* ---- integers ---- */

LLVMValueRef gen_int(const Gen *g, int64_t value) {
    return LLVMConstInt(g->i64, (unsigned long long)value, 1);
}

bool gen_known(LLVMValueRef value, int64_t *out) {
    if (!LLVMIsAConstantInt(value))
        return false;
    *out = LLVMConstIntGetSExtValue(value);
    return true;
}

bool gen_is(LLVMValueRef value, int64_t expected) {
    int64_t known;
    return gen_known(value, &known) && known == expected;
}

LLVMValueRef gen_add(Gen *g, LLVMValueRef a, LLVMValueRef b) {
    if (gen_is(a, 0))
        return b;
    return gen_is(b, 0) ? a : LLVMBuildNSWAdd(g->b, a, b, "");
}

LLVMValueRef gen_sub(Gen *g, LLVMValueRef a, LLVMValueRef b) {
    return gen_is(b, 0) ? a : LLVMBuildNSWSub(g->b, a, b, "");
}

LLVMValueRef gen_mul(Gen *g, LLVMValueRef a, LLVMValueRef b) {
    if (gen_is(a, 0) || gen_is(b, 1))
        return a;
    return gen_is(b, 0) || gen_is(a, 1) ? b : LLVMBuildNSWMul(g->b, a, b, "");
}

bool gen_is_true(LLVMValueRef flag) {
    return LLVMIsAConstantInt(flag) && LLVMConstIntGetZExtValue(flag) != 0;
}

bool gen_is_false(LLVMValueRef flag) {
    return LLVMIsAConstantInt(flag) && LLVMConstIntGetZExtValue(flag) == 0;
}

LLVMValueRef gen_either(Gen *g, LLVMValueRef cond, LLVMValueRef a, LLVMValueRef b) {
    if (a == b || gen_is_true(cond))
        return a;
    return gen_is_false(cond) ? b : LLVMBuildSelect(g->b, cond, a, b, "");
}

LLVMValueRef gen_less(Gen *g, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildICmp(g->b, LLVMIntSLT, a, b, "");
}

LLVMValueRef gen_min(Gen *g, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildSelect(g->b, gen_less(g, a, b), a, b, "");
}

LLVMValueRef gen_round_down(Gen *g, LLVMValueRef value, int unit) {
    return LLVMBuildAnd(g->b, value, gen_int(g, -(int64_t)unit), "");
}

/* ---- addresses ---- */

LLVMValueRef gen_at(Gen *g, LLVMValueRef base, LLVMValueRef index) {
    return gen_is(index, 0) ? base : LLVMBuildGEP2(g->b, g->elem, base, &index, 1, "");
}

LLVMValueRef gen_element(Gen *g, const ContractOperand *x, LLVMValueRef i, LLVMValueRef j) {
    LLVMValueRef row = gen_mul(g, i, x->row_stride);
    return gen_at(g, x->base, gen_add(g, row, gen_mul(g, j, x->col_stride)));
}

ContractOperand gen_operand(LLVMValueRef base, LLVMValueRef row_stride, LLVMValueRef col_stride) {
    return (ContractOperand){base, row_stride, col_stride, NULL};
}

ContractOperand gen_shift(Gen *g, ContractOperand x, LLVMValueRef i, LLVMValueRef j) {
    x.base = gen_element(g, &x, i, j);
    return x;
}

ContractOperand gen_transposed(ContractOperand x) {
    return (ContractOperand){x.base, x.col_stride, x.row_stride, x.whole};
}

/* The type marks the allocation, because names may be discarded by the context. */
static LLVMTypeRef scratch_type(Gen *g, const char *name, int bytes) {
    LLVMTypeRef type = LLVMGetTypeByName2(g->target->ctx, name);
    if (type)
        return type;
    type = LLVMStructCreateNamed(g->target->ctx, name);
    LLVMTypeRef body = LLVMArrayType2(LLVMInt8TypeInContext(g->target->ctx), (uint64_t)bytes);
    LLVMStructSetBody(type, &body, 1, 0);
    return type;
}

LLVMValueRef gen_scratch(Gen *g, const char *name, int bytes) {
    LLVMTypeRef type = scratch_type(g, name, bytes);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(g->fn);
    LLVMValueRef first = LLVMGetFirstInstruction(entry);
    for (LLVMValueRef i = first; i; i = LLVMGetNextInstruction(i))
        if (LLVMGetInstructionOpcode(i) == LLVMAlloca && LLVMGetAllocatedType(i) == type)
            return i;
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->target->ctx);
    if (first)
        LLVMPositionBuilderBefore(b, first);
    else
        LLVMPositionBuilderAtEnd(b, entry);
    LLVMValueRef scratch = LLVMBuildAlloca(b, type, "");
    LLVMSetAlignment(scratch, 64);
    LLVMDisposeBuilder(b);
    return scratch;
}

/* ---- floats ---- */

static LLVMValueRef intrinsic(Gen *g, const char *name, LLVMTypeRef *types, size_t count,
                              LLVMValueRef *args, unsigned arg_count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(g->target->module, id, types, count);
    return LLVMBuildCall2(g->b, LLVMGlobalGetValueType(fn), fn, args, arg_count, "");
}

LLVMValueRef gen_fma(Gen *g, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    if (!g->target->has_fma)
        return LLVMBuildFAdd(g->b, LLVMBuildFMul(g->b, a, b, ""), c, "");
    LLVMTypeRef type = LLVMTypeOf(a);
    return intrinsic(g, "llvm.fma", &type, 1, (LLVMValueRef[]){a, b, c}, 3);
}

LLVMValueRef gen_shuffle(Gen *g, LLVMValueRef a, LLVMValueRef b, const int *lane, int n) {
    LLVMValueRef mask[GEN_MAX_LANES];
    for (int i = 0; i < n; i++)
        mask[i] = LLVMConstInt(LLVMInt32TypeInContext(g->target->ctx), (unsigned)lane[i], 0);
    return LLVMBuildShuffleVector(g->b, a, b, LLVMConstVector(mask, (unsigned)n), "");
}

LLVMValueRef gen_splat(Gen *g, LLVMValueRef scalar) {
    static const int zero[GEN_MAX_LANES];
    LLVMValueRef poison = LLVMGetPoison(g->vec);
    LLVMValueRef one = LLVMBuildInsertElement(g->b, poison, scalar, gen_int(g, 0), "");
    return gen_shuffle(g, one, poison, zero, g->lanes);
}

LLVMValueRef gen_load(Gen *g, LLVMValueRef ptr) {
    return LLVMBuildLoad2(g->b, g->elem, ptr, "");
}

LLVMValueRef gen_load_again(Gen *g, LLVMValueRef ptr) {
    LLVMValueRef load = gen_load(g, ptr);
    LLVMContextRef ctx = g->target->ctx;
    unsigned kind = LLVMGetMDKindIDInContext(ctx, "invariant.load", strlen("invariant.load"));
    LLVMSetMetadata(load, kind, LLVMMetadataAsValue(ctx, LLVMMDNodeInContext2(ctx, NULL, 0)));
    return load;
}

void gen_store(Gen *g, LLVMValueRef value, LLVMValueRef ptr) {
    LLVMSetAlignment(LLVMBuildStore(g->b, value, ptr), g->is_f64 ? 8 : 4);
}

void gen_prefetch(Gen *g, LLVMValueRef ptr) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(g->target->ctx);
    LLVMValueRef write = LLVMConstInt(i32, 1, 0), near = LLVMConstInt(i32, 3, 0);
    intrinsic(g, "llvm.prefetch", &g->ptr, 1, (LLVMValueRef[]){ptr, write, near, write}, 4);
}

bool gen_has_masks(const Gen *g) {
    return g->target->vector_registers >= 32 && g->target->vector_bytes > 16;
}

/* <i1 x lanes>, lane i set when i < count */
static LLVMValueRef lane_mask(Gen *g, LLVMValueRef count) {
    LLVMValueRef index[GEN_MAX_LANES], broadcast[GEN_MAX_LANES];
    static const int zero[GEN_MAX_LANES];
    LLVMTypeRef i32 = LLVMInt32TypeInContext(g->target->ctx);
    for (int i = 0; i < g->lanes; i++)
        index[i] = LLVMConstInt(i32, (unsigned)i, 0);
    LLVMValueRef indices = LLVMConstVector(index, (unsigned)g->lanes);
    int64_t known;
    if (gen_known(count, &known)) {
        for (int i = 0; i < g->lanes; i++)
            broadcast[i] = LLVMConstInt(g->i1, i < known, 0);
        return LLVMConstVector(broadcast, (unsigned)g->lanes);
    }
    if (count == g->held_count)
        return g->held_mask;
    LLVMValueRef poison = LLVMGetPoison(LLVMTypeOf(indices));
    LLVMValueRef narrow = LLVMBuildTrunc(g->b, count, i32, "");
    LLVMValueRef one = LLVMBuildInsertElement(g->b, poison, narrow, gen_int(g, 0), "");
    LLVMValueRef all = gen_shuffle(g, one, poison, zero, g->lanes);
    return LLVMBuildICmp(g->b, LLVMIntULT, indices, all, "");
}

void gen_hold_mask(Gen *g, LLVMValueRef lanes) {
    g->held_count = NULL;
    if (lanes && !LLVMIsAConstantInt(lanes)) {
        g->held_mask = lane_mask(g, lanes);
        g->held_count = lanes;
    }
}

/* The alignment operand of masked loads and stores went away after LLVM 21. */
#if LLVM_VERSION_MAJOR < 22
#define MASKED_ALIGN(g)                                                                            \
    LLVMConstInt(LLVMInt32TypeInContext((g)->target->ctx), (g)->is_f64 ? 8 : 4, 0),
#else
#define MASKED_ALIGN(g)
#endif

/* Whether so many lanes are a vector of their own, of 16 bytes at least. */
static bool is_shorter_vector(const Gen *g, int64_t lanes) {
    return lanes >= (g->is_f64 ? 2 : 4) && lanes < g->lanes && (lanes & (lanes - 1)) == 0;
}

static LLVMValueRef load_shorter(Gen *g, LLVMValueRef ptr, int lanes) {
    LLVMTypeRef type = LLVMVectorType(g->elem, (unsigned)lanes);
    LLVMValueRef part = LLVMBuildLoad2(g->b, type, ptr, "");
    LLVMSetAlignment(part, g->is_f64 ? 8 : 4);
    int lane[GEN_MAX_LANES];
    for (int i = 0; i < g->lanes; i++)
        lane[i] = i < lanes ? i : lanes;
    return gen_shuffle(g, part, LLVMConstNull(type), lane, g->lanes);
}

LLVMValueRef gen_load_lanes(Gen *g, LLVMValueRef ptr, LLVMValueRef lanes) {
    if (gen_is(lanes, g->lanes)) {
        LLVMValueRef whole = LLVMBuildLoad2(g->b, g->vec, ptr, "");
        LLVMSetAlignment(whole, g->is_f64 ? 8 : 4);
        return whole;
    }
    int64_t known;
    if (gen_known(lanes, &known) && is_shorter_vector(g, known))
        return load_shorter(g, ptr, (int)known);
    LLVMTypeRef types[] = {g->vec, g->ptr};
    LLVMValueRef args[] = {ptr, MASKED_ALIGN(g) lane_mask(g, lanes), LLVMConstNull(g->vec)};
    return intrinsic(g, "llvm.masked.load", types, 2, args, sizeof args / sizeof *args);
}

/* Without mask registers a masked store is microcoded on some processors: halves, quarters, ...
 * instead. */
static void store_pieces(Gen *g, LLVMValueRef value, LLVMValueRef ptr, int lanes) {
    int done = 0;
    for (int size = g->lanes / 2; size >= 1; size /= 2) {
        if (!(lanes & size))
            continue;
        int lane[GEN_MAX_LANES];
        for (int i = 0; i < size; i++)
            lane[i] = done + i;
        LLVMValueRef piece = size == 1 ? LLVMBuildExtractElement(g->b, value, gen_int(g, done), "")
                                       : gen_shuffle(g, value, LLVMGetPoison(g->vec), lane, size);
        gen_store(g, piece, gen_at(g, ptr, gen_int(g, done)));
        done += size;
    }
}

void gen_store_lanes(Gen *g, LLVMValueRef value, LLVMValueRef ptr, LLVMValueRef lanes) {
    int64_t known;
    bool is_known = gen_known(lanes, &known);
    if (is_known && known == g->lanes) {
        gen_store(g, value, ptr);
        return;
    }
    if (is_known && (!gen_has_masks(g) || is_shorter_vector(g, known))) {
        store_pieces(g, value, ptr, (int)known);
        return;
    }
    LLVMTypeRef types[] = {g->vec, g->ptr};
    LLVMValueRef args[] = {value, ptr, MASKED_ALIGN(g) lane_mask(g, lanes)};
    intrinsic(g, "llvm.masked.store", types, 2, args, sizeof args / sizeof *args);
}

/* ---- control ---- */

static LLVMBasicBlockRef new_block(Gen *g) {
    return LLVMAppendBasicBlockInContext(g->target->ctx, g->fn, "");
}

GenLoop gen_loop(Gen *g, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step) {
    GenLoop loop = {.i = lo, .hi = hi, .step = step};
    int64_t from, to, by;
    bool known = gen_known(lo, &from) && gen_known(hi, &to) && gen_known(step, &by);
    if (known && from < to && from + by >= to)
        return loop;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(g->b);
    loop.body = new_block(g);
    loop.exit = new_block(g);
    if (known && from < to)
        LLVMBuildBr(g->b, loop.body);
    else
        LLVMBuildCondBr(g->b, gen_less(g, lo, hi), loop.body, loop.exit);
    LLVMPositionBuilderAtEnd(g->b, loop.body);
    loop.i = LLVMBuildPhi(g->b, g->i64, "");
    LLVMAddIncoming(loop.i, &lo, &before, 1);
    return loop;
}

void gen_loop_end(Gen *g, GenLoop *loop) {
    if (!loop->body)
        return;
    LLVMValueRef next = gen_add(g, loop->i, loop->step);
    LLVMBasicBlockRef last = LLVMGetInsertBlock(g->b);
    LLVMBuildCondBr(g->b, gen_less(g, next, loop->hi), loop->body, loop->exit);
    LLVMAddIncoming(loop->i, &next, &last, 1);
    LLVMPositionBuilderAtEnd(g->b, loop->exit);
}

GenIf gen_if(Gen *g, LLVMValueRef cond) {
    GenIf branch = {new_block(g), new_block(g)};
    LLVMBasicBlockRef then = new_block(g);
    LLVMBuildCondBr(g->b, cond, then, branch.otherwise);
    LLVMPositionBuilderAtEnd(g->b, then);
    return branch;
}

void gen_else(Gen *g, GenIf *branch) {
    LLVMBuildBr(g->b, branch->exit);
    LLVMPositionBuilderAtEnd(g->b, branch->otherwise);
    branch->otherwise = NULL;
}

void gen_end(Gen *g, GenIf *branch) {
    LLVMBuildBr(g->b, branch->exit);
    if (branch->otherwise) {
        LLVMPositionBuilderAtEnd(g->b, branch->otherwise);
        LLVMBuildBr(g->b, branch->exit);
    }
    LLVMPositionBuilderAtEnd(g->b, branch->exit);
}

/* A phi of the current block, with `value` coming from `before`. */
static LLVMValueRef state_phi(Gen *g, LLVMValueRef value, LLVMBasicBlockRef before) {
    LLVMValueRef phi = LLVMBuildPhi(g->b, LLVMTypeOf(value), "");
    LLVMAddIncoming(phi, &value, &before, 1);
    return phi;
}

/* What the loop leaves as it was needs no phi. */
static void drop_unchanged(GenState *state, const GenState *phis, const GenState *first, int k) {
    if (state->v[k] != phis->v[k])
        return;
    for (int i = 0; i < state->n; i++)
        if (state->v[i] == phis->v[k])
            state->v[i] = first->v[k];
    LLVMReplaceAllUsesWith(phis->v[k], first->v[k]);
    LLVMInstructionEraseFromParent(phis->v[k]);
}

void gen_repeat(Gen *g, GenState *state, LLVMValueRef count, GenStep *step, const void *user,
                int unroll) {
    int64_t known = -1;
    gen_known(count, &known);
    if (known == 0 || known == 1) {
        if (known)
            step(g, state, user, unroll);
        return;
    }
    assert(state->n < GEN_MAX_STATE);
    state->v[state->n++] = count; /* counts down */
    LLVMBasicBlockRef before = LLVMGetInsertBlock(g->b), body = new_block(g), exit = new_block(g);
    LLVMValueRef zero = gen_int(g, 0);
    if (known > 0)
        LLVMBuildBr(g->b, body);
    else
        LLVMBuildCondBr(g->b, gen_less(g, zero, count), body, exit);
    GenState first = *state;
    LLVMPositionBuilderAtEnd(g->b, body);
    for (int i = 0; i < state->n; i++)
        state->v[i] = state_phi(g, state->v[i], before);
    GenState phis = *state;
    step(g, state, user, unroll);
    LLVMValueRef left = gen_sub(g, phis.v[phis.n - 1], gen_int(g, 1));
    state->v[phis.n - 1] = left;
    LLVMBasicBlockRef last = LLVMGetInsertBlock(g->b);
    LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntNE, left, zero, ""), body, exit);
    for (int i = 0; i < phis.n; i++)
        LLVMAddIncoming(phis.v[i], &state->v[i], &last, 1);
    LLVMPositionBuilderAtEnd(g->b, exit);
    state->n--;
    for (int i = 0; i < state->n; i++)
        drop_unchanged(state, &phis, &first, i);
    for (int i = 0; known < 0 && i < state->n; i++)
        if (state->v[i] != first.v[i]) {
            state->v[i] = state_phi(g, state->v[i], last);
            LLVMAddIncoming(state->v[i], &first.v[i], &before, 1);
        }
}

/* ---- shuffles ---- */

/* elements of 16 bytes */
static int quad_of(const Gen *g) {
    return g->is_f64 ? 2 : 4;
}

/* Pieces of `size` lanes of the pair (a, b): piece p of the result is piece pick[p] of a, or, from
 * `lanes/size` on, of b. */
static LLVMValueRef pick_pieces(Gen *g, LLVMValueRef a, LLVMValueRef b, int size, const int *pick) {
    int lane[GEN_MAX_LANES];
    for (int i = 0; i < g->lanes; i++)
        lane[i] = pick[i / size] * size + i % size;
    return gen_shuffle(g, a, b, lane, g->lanes);
}

/* Interleaves pieces of `size` lanes of a and b inside each 16 bytes, from their low or high half:
 * unpckl*, unpckh* of x86. */
static LLVMValueRef unpack(Gen *g, LLVMValueRef a, LLVMValueRef b, int size, bool high) {
    int pick[GEN_MAX_LANES], pieces = g->lanes / size, group = (g->is_f64 ? 2 : 4) / size;
    for (int p = 0; p < pieces; p++) {
        int in_group = p % group, source = p - in_group + in_group / 2 + (high ? group / 2 : 0);
        pick[p] = source + (in_group % 2 ? pieces : 0);
    }
    return pick_pieces(g, a, b, size, pick);
}

/* Every other piece of a, then of b. */
static LLVMValueRef alternate(Gen *g, LLVMValueRef a, LLVMValueRef b, int size, bool odd) {
    int pick[GEN_MAX_LANES];
    for (int p = 0; p < g->lanes / size; p++)
        pick[p] = 2 * p + odd;
    return pick_pieces(g, a, b, size, pick);
}

/* Transposes the squares of `quad` rows inside each 16 bytes. */
static void transpose_inside(Gen *g, LLVMValueRef *v) {
    LLVMValueRef lo = unpack(g, v[0], v[1], 1, false), hi = unpack(g, v[0], v[1], 1, true);
    if (g->is_f64) {
        v[0] = lo;
        v[1] = hi;
        return;
    }
    LLVMValueRef lo2 = unpack(g, v[2], v[3], 1, false), hi2 = unpack(g, v[2], v[3], 1, true);
    v[0] = unpack(g, lo, lo2, 2, false);
    v[1] = unpack(g, lo, lo2, 2, true);
    v[2] = unpack(g, hi, hi2, 2, false);
    v[3] = unpack(g, hi, hi2, 2, true);
}

/* Transposes a square of 16-byte pieces, one from each of the vectors x[0], x[quad], ... */
static void transpose_pieces(Gen *g, LLVMValueRef *x, int quad) {
    int pieces = g->lanes / quad;
    LLVMValueRef *y = x + quad;
    if (pieces == 2) {
        LLVMValueRef a = x[0], b = y[0];
        x[0] = alternate(g, a, b, quad, false);
        y[0] = alternate(g, a, b, quad, true);
    } else if (pieces == 4) {
        static const int low[] = {0, 1, 4, 5}, high[] = {2, 3, 6, 7};
        LLVMValueRef *z = y + quad, *w = z + quad;
        LLVMValueRef low_xy = pick_pieces(g, *x, *y, quad, low);
        LLVMValueRef high_xy = pick_pieces(g, *x, *y, quad, high);
        LLVMValueRef low_zw = pick_pieces(g, *z, *w, quad, low);
        LLVMValueRef high_zw = pick_pieces(g, *z, *w, quad, high);
        *x = alternate(g, low_xy, low_zw, quad, false);
        *y = alternate(g, low_xy, low_zw, quad, true);
        *z = alternate(g, high_xy, high_zw, quad, false);
        *w = alternate(g, high_xy, high_zw, quad, true);
    }
}

/* The fence costs nothing at run time; without it the code generator spends more on looking for
 * better shuffles, through all four levels of them, than on the rest of a product. */
void gen_transpose(Gen *g, LLVMValueRef *v) {
    int quad = quad_of(g);
    for (int r = 0; r < g->lanes; r += quad)
        transpose_inside(g, v + r);
    for (int i = 0; i < g->lanes; i++)
        v[i] = intrinsic(g, "llvm.arithmetic.fence", &g->vec, 1, &v[i], 1);
    for (int c = 0; c < quad; c++)
        transpose_pieces(g, v + c, quad);
}

/* Lane r of the result takes the lane whose row is r. */
static LLVMValueRef sort_lanes(Gen *g, LLVMValueRef v, const int *row, int n) {
    int lane[GEN_MAX_LANES];
    bool sorted = true;
    for (int i = 0; i < n; i++) {
        lane[row[i]] = i;
        sorted = sorted && row[i] == i;
    }
    return sorted ? v : gen_shuffle(g, v, LLVMGetPoison(LLVMTypeOf(v)), lane, n);
}

/* Each level adds the halves of every segment (a segment holds partial sums of one row) and puts
 * two vectors in one; halves across 16-byte borders are taken in order, those inside are
 * interleaved, as x86 likes it. */
LLVMValueRef gen_sums(Gen *g, LLVMValueRef *v, int n) {
    int row[GEN_MAX_LANES] = {0}, quad = quad_of(g), length = g->lanes;
    for (int left = n; left > 1; left /= 2) {
        int half = length / 2, segments = g->lanes / length, old[GEN_MAX_LANES];
        bool inside = half < quad && !(half == 1 && quad == 4);
        for (int i = 0; i < segments; i++)
            old[i] = row[i];
        for (int i = 0; i < left / 2; i++) {
            /* rows of v[i] and v[i + left/2] differ by left/2 */
            LLVMValueRef a = v[i], b = v[i + left / 2], lo, hi;
            lo = inside ? unpack(g, a, b, half, false) : alternate(g, a, b, half, false);
            hi = inside ? unpack(g, a, b, half, true) : alternate(g, a, b, half, true);
            v[i] = LLVMBuildFAdd(g->b, lo, hi, "");
        }
        for (int i = 0; i < segments; i++) {
            row[inside ? 2 * i : i] = old[i];
            row[inside ? 2 * i + 1 : segments + i] = old[i] + left / 2;
        }
        length = half;
    }
    LLVMValueRef sum = v[0];
    for (int width = g->lanes; width > n; width /= 2) {
        int even[GEN_MAX_LANES], odd[GEN_MAX_LANES], half = length / 2;
        for (int i = 0; i < width / 2; i++) {
            even[i] = i / half * length + i % half;
            odd[i] = even[i] + half;
        }
        LLVMValueRef poison = LLVMGetPoison(LLVMTypeOf(sum));
        sum = LLVMBuildFAdd(g->b, gen_shuffle(g, sum, poison, even, width / 2),
                            gen_shuffle(g, sum, poison, odd, width / 2), "");
        length = half;
    }
    return n == 1 ? sum : sort_lanes(g, sum, row, n);
}
