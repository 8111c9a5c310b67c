/* Inner kernels of products; see contract_tile.h. Called by contract.c and contract_blocked.c. */
#include "codegen/contract_tile.h"

#include <stddef.h>

/* A run of addresses base + i*stride with one pointer if the stride is known, else one for every
 * three, the others reached through the index registers stride and 2*stride: twelve pointers would
 * be spilled. */
typedef struct Stripe {
    LLVMValueRef offset[3];
    int64_t stride;
    bool known;
    int first, pointers; /* in the state */
} Stripe;

static Stripe stripe_open(Gen *g, GenState *state, LLVMValueRef base, LLVMValueRef stride,
                          int count) {
    Stripe s = {.first = state->n, .known = gen_known(stride, &s.stride)};
    s.pointers = s.known ? 1 : (count + 2) / 3;
    for (int i = 0; i < 3; i++)
        s.offset[i] = gen_mul(g, gen_int(g, i), stride);
    LLVMValueRef three = gen_mul(g, gen_int(g, 3), stride);
    for (int i = 0; i < s.pointers; i++) {
        state->v[state->n++] = base;
        base = i + 1 < s.pointers ? gen_at(g, base, three) : NULL;
    }
    return s;
}

static LLVMValueRef stripe_at(Gen *g, const GenState *state, const Stripe *s, int i,
                              int64_t extra) {
    if (s->known)
        return gen_at(g, state->v[s->first], gen_int(g, i * s->stride + extra));
    LLVMValueRef row = gen_at(g, state->v[s->first + i / 3], s->offset[i % 3]);
    return gen_at(g, row, gen_int(g, extra));
}

static void stripe_advance(Gen *g, GenState *state, const Stripe *s, LLVMValueRef by) {
    for (int i = s->first; i < s->first + s->pointers; i++)
        state->v[i] = gen_at(g, state->v[i], by);
}

/* ---- register tile ---- */

typedef struct TileRun {
    const Tile *tile;
    Stripe a, b;
    int64_t a_step, b_step; /* along k */
    bool a_known, b_known;
    int acc; /* in the state: [split][row][vec] */
} TileRun;

static LLVMValueRef vec_lanes(Gen *g, const Tile *t, int v) {
    if (v == t->vecs - 1 && t->some_lanes)
        return t->some_lanes;
    return gen_int(g, v == t->vecs - 1 ? t->last_lanes : g->lanes);
}

/* Where AVX-512 reads an element of A for each vector of B, the loads are parts of the
 * multiplications, and there is an instruction less for it: this pays where another thread shares
 * the core's decoders. Two loads a cycle allow it for every second row; addresses with an index
 * would be split again. */
static bool reads_again(const Gen *g, const TileRun *run, int row) {
    const Tile *t = run->tile;
    bool plain = run->a.known || row % 3 == 0;
    return t->apart && t->vecs == 2 && gen_has_masks(g) && plain && (row % 2 == 0 || !run->a.known);
}

/* One k: every accumulator of split `split` is advanced. */
static void tile_rank1(Gen *g, GenState *state, const TileRun *run, int split, int64_t a_at,
                       int64_t b_at) {
    const Tile *t = run->tile;
    LLVMValueRef b[GEN_MAX_STATE];
    for (int v = 0; v < t->vecs; v++)
        b[v] = gen_load_lanes(g, stripe_at(g, state, &run->b, 0, b_at + v * g->lanes),
                              vec_lanes(g, t, v));
    LLVMValueRef *acc = state->v + run->acc + split * t->rows * t->vecs;
    for (int i = 0; i < t->rows; i++) {
        LLVMValueRef at = stripe_at(g, state, &run->a, i, a_at);
        LLVMValueRef a = gen_splat(g, gen_load(g, at));
        bool again = reads_again(g, run, i);
        for (int v = 0; v < t->vecs; v++, acc++) {
            if (again && v > 0)
                a = gen_splat(g, gen_load_again(g, at));
            *acc = gen_fma(g, a, b[v], *acc);
        }
    }
}

static void tile_step(Gen *g, GenState *state, const void *user, int unroll) {
    const TileRun *run = user;
    const Tile *t = run->tile;
    for (int q = 0; q < unroll; q++) {
        tile_rank1(g, state, run, q % t->splits, run->a_known ? q * run->a_step : 0,
                   run->b_known ? q * run->b_step : 0);
        if (!run->a_known)
            stripe_advance(g, state, &run->a, t->a.col_stride);
        if (!run->b_known)
            stripe_advance(g, state, &run->b, t->b.row_stride);
    }
    if (run->a_known)
        stripe_advance(g, state, &run->a, gen_int(g, unroll * run->a_step));
    if (run->b_known)
        stripe_advance(g, state, &run->b, gen_int(g, unroll * run->b_step));
}

/* The loop over k: short ones unrolled whole, others so far that the loop's own cost is hidden. */
static void tile_run(Gen *g, GenState *state, const TileRun *run) {
    const Tile *t = run->tile;
    int unroll = t->splits, per_step = t->rows * t->vecs;
    int64_t k;
    if (!gen_known(t->k, &k)) {
        if (run->a_known && unroll == 1)
            unroll = 2;
        LLVMValueRef whole = LLVMBuildUDiv(g->b, t->k, gen_int(g, unroll), "");
        gen_repeat(g, state, whole, tile_step, run, unroll);
        if (unroll > 1)
            gen_repeat(g, state, LLVMBuildURem(g->b, t->k, gen_int(g, unroll), ""), tile_step, run,
                       1);
        return;
    }
    if (k * per_step <= 64)
        unroll = (int)k;
    else
        while (unroll * per_step < 24)
            unroll *= 2;
    if (unroll > 0)
        gen_repeat(g, state, gen_int(g, k / unroll), tile_step, run, unroll);
    if (unroll > 0 && k % unroll)
        tile_step(g, state, run, (int)(k % unroll));
}

static void tile_store(Gen *g, const Tile *t, LLVMValueRef *acc, bool add) {
    LLVMValueRef row = t->c.base;
    for (int i = 0; i < t->rows; i++) {
        for (int v = 0; v < t->vecs; v++, acc++) {
            LLVMValueRef at = gen_at(g, row, gen_int(g, v * g->lanes));
            LLVMValueRef lanes = vec_lanes(g, t, v), sum = *acc;
            if (t->store_lanes && v == t->vecs - 1)
                lanes = gen_int(g, t->store_lanes);
            if (add)
                sum = LLVMBuildFAdd(g->b, sum, gen_load_lanes(g, at, lanes), "");
            gen_store_lanes(g, sum, at, lanes);
        }
        row = gen_at(g, row, t->c.row_stride);
    }
}

static void tile_prefetch(Gen *g, const Tile *t) {
    LLVMValueRef row = t->c.base;
    int line = 64 / (g->is_f64 ? 8 : 4);
    for (int i = 0; i < t->rows; i++) {
        for (int at = 0; at < t->vecs * g->lanes; at += line)
            gen_prefetch(g, gen_at(g, row, gen_int(g, at)));
        row = gen_at(g, row, t->c.row_stride);
    }
}

void tile_emit(Gen *g, const Tile *t) {
    if (t->prefetch)
        tile_prefetch(g, t);
    gen_hold_mask(g, t->some_lanes);
    GenState state = {.n = 0};
    TileRun run = {.tile = t};
    run.a = stripe_open(g, &state, t->a.base, t->a.row_stride, t->rows);
    run.b = stripe_open(g, &state, t->b.base, gen_int(g, 0), 1);
    run.a_known = gen_known(t->a.col_stride, &run.a_step);
    run.b_known = gen_known(t->b.row_stride, &run.b_step);
    run.acc = state.n;
    int tile = t->rows * t->vecs;
    for (int i = 0; i < tile * t->splits; i++)
        state.v[state.n++] = LLVMConstNull(g->vec);
    tile_run(g, &state, &run);
    LLVMValueRef *acc = state.v + run.acc;
    for (int split = t->splits / 2; split > 0; split /= 2)
        for (int i = 0; i < tile * split; i++)
            acc[i] = LLVMBuildFAdd(g->b, acc[i], acc[i + tile * split], "");
    if (gen_is_true(t->accumulate) || gen_is_false(t->accumulate)) {
        tile_store(g, t, acc, gen_is_true(t->accumulate));
    } else {
        GenIf add = gen_if(g, t->accumulate);
        tile_store(g, t, acc, true);
        gen_else(g, &add);
        tile_store(g, t, acc, false);
        gen_end(g, &add);
    }
    gen_hold_mask(g, NULL);
}

/* ---- dot products ---- */

typedef struct DotRun {
    const DotBlock *block;
    Stripe a, b;
    int acc;   /* in the state: [split][col][row] */
    bool rest; /* of k there is less than a whole step, ... */
    int left;  /* ... so many elements (in the state) */
} DotRun;

static void dot_step(Gen *g, GenState *state, const void *user, int unroll) {
    const DotRun *run = user;
    const DotBlock *d = run->block;
    LLVMValueRef lanes = run->rest ? state->v[run->left] : gen_int(g, g->lanes);
    gen_hold_mask(g, lanes);
    for (int q = 0; q < unroll; q++) {
        int64_t at = (int64_t)q * g->lanes;
        LLVMValueRef b[GEN_MAX_LANES];
        for (int j = 0; j < d->cols; j++)
            b[j] = gen_load_lanes(g, stripe_at(g, state, &run->b, j, at), lanes);
        LLVMValueRef *acc = state->v + run->acc + q % d->splits * d->rows * d->cols;
        for (int i = 0; i < d->rows; i++) {
            LLVMValueRef a = gen_load_lanes(g, stripe_at(g, state, &run->a, i, at), lanes);
            for (int j = 0; j < d->cols; j++)
                acc[j * d->rows + i] = gen_fma(g, a, b[j], acc[j * d->rows + i]);
        }
    }
    stripe_advance(g, state, &run->a, gen_int(g, (int64_t)unroll * g->lanes));
    stripe_advance(g, state, &run->b, gen_int(g, (int64_t)unroll * g->lanes));
    gen_hold_mask(g, NULL);
    if (run->rest)
        state->v[run->left] = gen_sub(g, lanes, gen_int(g, g->lanes));
}

/* What is left of k behind whole steps, a vector at a time: each is masked where that costs
 * nothing, else only the last one. */
static void dot_rest(Gen *g, GenState *state, DotRun *run, LLVMValueRef rest) {
    int64_t k, lanes = g->lanes;
    if (gen_known(run->block->k, &k)) {
        dot_step(g, state, run, (int)(k / lanes % run->block->splits));
        rest = gen_int(g, k % lanes);
    } else if (run->block->splits > 1 && !gen_has_masks(g)) {
        LLVMValueRef vecs = LLVMBuildUDiv(g->b, rest, gen_int(g, lanes), "");
        gen_repeat(g, state, vecs, dot_step, run, 1);
        rest = LLVMBuildURem(g->b, rest, gen_int(g, lanes), "");
    }
    run->rest = true;
    run->left = state->n;
    state->v[state->n++] = rest;
    LLVMValueRef up = gen_add(g, rest, gen_int(g, lanes - 1));
    gen_repeat(g, state, LLVMBuildUDiv(g->b, up, gen_int(g, lanes), ""), dot_step, run, 1);
}

static void dot_run(Gen *g, GenState *state, DotRun *run) {
    LLVMValueRef step = gen_int(g, (int64_t)run->block->splits * g->lanes);
    LLVMValueRef steps = LLVMBuildUDiv(g->b, run->block->k, step, "");
    gen_repeat(g, state, steps, dot_step, run, run->block->splits);
    dot_rest(g, state, run, LLVMBuildURem(g->b, run->block->k, step, ""));
}

/* Column j of the block: a vector of `rows` results. */
static void dot_store(Gen *g, const DotBlock *d, int j, LLVMValueRef sums, bool add) {
    LLVMValueRef col = gen_element(g, &d->c, gen_int(g, 0), gen_int(g, j));
    if (d->rows > 1 && gen_is(d->c.row_stride, 1)) {
        if (add) {
            LLVMValueRef old = LLVMBuildLoad2(g->b, LLVMTypeOf(sums), col, "");
            LLVMSetAlignment(old, g->is_f64 ? 8 : 4);
            sums = LLVMBuildFAdd(g->b, sums, old, "");
        }
        gen_store(g, sums, col);
        return;
    }
    for (int i = 0; i < d->rows; i++) {
        LLVMValueRef sum = LLVMBuildExtractElement(g->b, sums, gen_int(g, i), "");
        if (add)
            sum = LLVMBuildFAdd(g->b, sum, gen_load(g, col), "");
        gen_store(g, sum, col);
        col = i + 1 < d->rows ? gen_at(g, col, d->c.row_stride) : NULL;
    }
}

void dot_emit(Gen *g, const DotBlock *d) {
    GenState state = {.n = 0};
    DotRun run = {.block = d};
    run.a = stripe_open(g, &state, d->a.base, d->a.row_stride, d->rows);
    run.b = stripe_open(g, &state, d->b.base, d->b.col_stride, d->cols);
    run.acc = state.n;
    int block = d->rows * d->cols;
    for (int i = 0; i < block * d->splits; i++)
        state.v[state.n++] = LLVMConstNull(g->vec);
    dot_run(g, &state, &run);
    LLVMValueRef *acc = state.v + run.acc, sums[GEN_MAX_LANES];
    for (int split = d->splits / 2; split > 0; split /= 2)
        for (int i = 0; i < block * split; i++)
            acc[i] = LLVMBuildFAdd(g->b, acc[i], acc[i + block * split], "");
    for (int j = 0; j < d->cols; j++)
        sums[j] = gen_sums(g, acc + j * d->rows, d->rows);
    if (gen_is_true(d->accumulate) || gen_is_false(d->accumulate)) {
        for (int j = 0; j < d->cols; j++)
            dot_store(g, d, j, sums[j], gen_is_true(d->accumulate));
        return;
    }
    GenIf add = gen_if(g, d->accumulate);
    for (int j = 0; j < d->cols; j++)
        dot_store(g, d, j, sums[j], true);
    gen_else(g, &add);
    for (int j = 0; j < d->cols; j++)
        dot_store(g, d, j, sums[j], false);
    gen_end(g, &add);
}
