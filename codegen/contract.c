/* Emits dense products; see contract.h. Chooses the orientation and one of six forms:
 *
 *   scalar    three loops, without optimisation
 *   dots      vectors along k, for matrix-vector products and tiny sides, both operands along k
 *   inner     the same by an internal function, for more columns and long k
 *   tiles     register tiles fitted to known sizes, in place
 *   row       one row times a matrix of any width, in place: nothing is gained by packing; from
 *             memory (flow) by an internal function
 *   blocked   an internal function of the module, for the rest (contract_blocked.c) */
#include "codegen/contract_blocked.h"
#include "codegen/contract_flow.h"
#include "codegen/contract_tile.h"

#include <stddef.h>

typedef struct Problem {
    LLVMValueRef m, n, k, accumulate;
    ContractOperand a, b, c;
    bool add;       /* accumulate */
    bool symmetric; /* C is, and nothing was in it */
} Problem;

/* ---- orientation ---- */

/* A side of length 1 has whatever stride suits. */
static void free_strides(Gen *g, Problem *p) {
    LLVMValueRef one = gen_int(g, 1);
    if (gen_is(p->m, 1))
        p->a.row_stride = p->c.row_stride = one;
    if (gen_is(p->n, 1))
        p->b.col_stride = p->c.col_stride = one;
    if (gen_is(p->k, 1))
        p->a.col_stride = p->b.row_stride = one;
}

/* C' = B' A' */
static Problem swapped(const Problem *p) {
    Problem s = *p;
    s.m = p->n;
    s.n = p->m;
    s.a = gen_transposed(p->b);
    s.b = gen_transposed(p->a);
    s.c = gen_transposed(p->c);
    return s;
}

/* An operand of the turned problem, or of this one; `turn` may be known. */
static ContractOperand either(Gen *g, LLVMValueRef turn, ContractOperand turned,
                              ContractOperand plain) {
    return gen_operand(gen_either(g, turn, turned.base, plain.base),
                       gen_either(g, turn, turned.row_stride, plain.row_stride),
                       gen_either(g, turn, turned.col_stride, plain.col_stride));
}

static Problem swapped_if(Gen *g, LLVMValueRef turn, const Problem *p) {
    Problem s = swapped(p);
    s.m = gen_either(g, turn, s.m, p->m);
    s.n = gen_either(g, turn, s.n, p->n);
    s.a = either(g, turn, s.a, p->a);
    s.b = either(g, turn, s.b, p->b);
    s.c = either(g, turn, s.c, p->c);
    return s;
}

static bool along_k(const Problem *p) {
    return gen_is(p->a.col_stride, 1) && gen_is(p->b.row_stride, 1);
}

/* ---- scalar ---- */

static void add_product(Gen *g, GenState *state, const void *user, int unroll) {
    const Problem *p = user;
    (void)unroll;
    LLVMValueRef a = gen_load(g, state->v[0]), b = gen_load(g, state->v[1]);
    state->v[2] = gen_fma(g, a, b, state->v[2]);
    state->v[0] = gen_at(g, state->v[0], p->a.col_stride);
    state->v[1] = gen_at(g, state->v[1], p->b.row_stride);
}

static void emit_scalar(Gen *g, const Problem *p) {
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1);
    GenLoop by_row = gen_loop(g, zero, p->m, one), by_col = gen_loop(g, zero, p->n, one);
    LLVMValueRef at = gen_element(g, &p->c, by_row.i, by_col.i);
    GenState state = {.n = 3};
    state.v[0] = gen_element(g, &p->a, by_row.i, zero);
    state.v[1] = gen_element(g, &p->b, zero, by_col.i);
    state.v[2] = p->add ? gen_load(g, at) : LLVMConstNull(g->elem);
    gen_repeat(g, &state, p->k, add_product, p, 1);
    gen_store(g, state.v[2], at);
    gen_loop_end(g, &by_col);
    gen_loop_end(g, &by_row);
}

/* ---- dots ---- */

enum { MAX_DOT_COLS = 3 };

/* B of one column and any stride is copied to the stack, a piece at a time. */
static void emit_dots_strided(Gen *g, const Problem *p) {
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1);
    LLVMValueRef piece = gen_int(g, PANEL_BYTES / (g->is_f64 ? 8 : 4));
    LLVMValueRef buffer = gen_scratch(g, "bpc.panel", PANEL_BYTES);
    GenLoop by_k = gen_loop(g, zero, p->k, piece);
    LLVMValueRef depth = gen_min(g, gen_sub(g, p->k, by_k.i), piece);
    GenLoop copy = gen_loop(g, zero, depth, one);
    LLVMValueRef from = gen_element(g, &p->b, gen_add(g, by_k.i, copy.i), zero);
    gen_store(g, gen_load(g, from), gen_at(g, buffer, copy.i));
    gen_loop_end(g, &copy);
    LLVMValueRef later = LLVMBuildOr(g->b, p->accumulate, gen_less(g, zero, by_k.i), "");
    blocked_dots(g, later, p->m, depth, gen_shift(g, p->a, zero, by_k.i), buffer, p->c);
    gen_loop_end(g, &by_k);
}

static void emit_dots(Gen *wide, const Problem *p) {
    int64_t m, n, k = wide->lanes;
    gen_known(p->k, &k);
    Gen own = gen_narrowed(wide, k), *g = &own;
    if (!gen_is(p->b.row_stride, 1))
        emit_dots_strided(g, p);
    else if (gen_known(p->n, &n) && n > 1)
        dots_emit(g, p->accumulate, p->m, (int)n, p->k, p->a, p->b, p->c);
    else if (gen_known(p->m, &m))
        dots_emit(g, p->accumulate, p->m, 1, p->k, p->a, p->b, p->c);
    else
        blocked_dots(g, p->accumulate, p->m, p->k, p->a, p->b.base, p->c);
}

/* Turns the problem so that the dots form applies, if there is a way to. */
static bool turn_to_dots(Problem *p) {
    Problem s = swapped(p);
    int64_t n, k;
    if (gen_is(p->k, 1))
        return false;
    bool column = gen_is(p->n, 1) && gen_is(p->a.col_stride, 1);
    bool row = gen_is(s.n, 1) && gen_is(s.a.col_stride, 1);
    if (row && (!column || gen_is(s.b.row_stride, 1)))
        *p = s;
    if (row || column) /* a strided vector is copied, unless the matrix may be read as vectors */
        return gen_is(p->b.row_stride, 1) ||
               (!gen_is(p->a.row_stride, 1) && !gen_is(p->k, 0) && gen_known(p->k, &k));
    if (!along_k(p) || !gen_known(p->k, &k) || k < 8)
        return false;
    if (gen_known(p->n, &n) && n <= MAX_DOT_COLS && gen_known(p->m, &n))
        return true;
    if (!gen_known(s.n, &n) || n > MAX_DOT_COLS || !gen_known(s.m, &n))
        return false;
    *p = s;
    return true;
}

/* ---- tiles ---- */

/* m rows are cut into `many` tiles of `rows` and `fewer` of rows - 1. */
typedef struct RowPlan {
    int rows, splits;
    int64_t many, fewer;
    double cycles;
} RowPlan;

/* Two multiply-adds and two loads a cycle, four cycles of latency; B from the second-level cache,
 * if it is too large for the first; then the stores. */
static double tile_cycles(const Gen *g, int rows, int vecs, int splits, int64_t k) {
    enum { FIRST_LEVEL = 32768 };
    double fmas = rows * vecs / 2.0, loads = (rows + vecs) / 2.0, chain = 4.0 / splits;
    double fetch = k * vecs * g->target->vector_bytes > FIRST_LEVEL ? vecs * 2.0 : 0;
    double step = fmas > loads ? fmas : loads;
    step = step > fetch ? step : fetch;
    return (double)k * (step > chain ? step : chain) + rows * vecs * (splits > 1 ? 2.5 : 1.5) + 8;
}

/* Accumulators that leave room for a row of B and an element of A. */
static int tile_room(const Gen *g, int vecs) {
    int spare = g->target->has_fma ? 1 : 2;
    return g->target->vector_registers - vecs - spare;
}

static int tile_splits(const Gen *g, int rows, int vecs, int64_t k) {
    int splits = 1, room = tile_room(g, vecs) / (rows * vecs);
    while (rows * vecs * splits < 8 && splits * 2 <= k && splits * 2 <= room)
        splits *= 2;
    return splits;
}

/* The sizes as far as they are known, else what is typical; what else decides about tiles. */
typedef struct Fit {
    int64_t m, n, k;
    int most_rows;
    bool packed; /* B is */
} Fit;

static RowPlan plan_rows(const Gen *g, const Fit *fit, int vecs) {
    RowPlan best = {.cycles = -1};
    int64_t m = fit->m, k = fit->k;
    int most = tile_room(g, vecs) / vecs;
    most = most > fit->most_rows ? fit->most_rows : most;
    for (int rows = 1; rows <= most && rows <= m; rows++) {
        RowPlan plan = {.rows = rows, .splits = tile_splits(g, rows, vecs, k)};
        int64_t tiles = (m + rows - 1) / rows;
        plan.many = m - tiles * (rows - 1);
        plan.fewer = tiles - plan.many;
        if (plan.many < 1)
            continue;
        plan.cycles = (double)plan.many * tile_cycles(g, rows, vecs, plan.splits, k) +
                      (double)plan.fewer * tile_cycles(g, rows - 1, vecs, plan.splits, k);
        if (plan.fewer)
            plan.cycles *= 1.02; /* for the code */
        if (best.cycles < 0 || plan.cycles <= best.cycles)
            best = plan;
    }
    return best;
}

typedef struct TilePlan {
    int vecs; /* a panel */
    int64_t panels, rest_cols;
} TilePlan;

static TilePlan plan_tiles(const Gen *g, const Fit *fit) {
    TilePlan best = {0};
    double least = -1;
    int most = g->target->vector_registers >= 32 ? 8 : 4;
    for (int vecs = 1; vecs <= most && (!fit->packed || fit->k <= panel_rows(g, vecs)); vecs++) {
        TilePlan plan = {vecs, fit->n / (vecs * g->lanes), fit->n % (vecs * g->lanes)};
        if (!plan.panels && (vecs - 1) * g->lanes >= fit->n && vecs > 1)
            break;
        double cycles = 0;
        if (plan.panels)
            cycles += (double)plan.panels * plan_rows(g, fit, vecs).cycles;
        int rest = (int)((plan.rest_cols + g->lanes - 1) / g->lanes);
        if (rest)
            cycles += plan_rows(g, fit, rest).cycles;
        if (plan.panels && rest)
            cycles *= 1.02;
        if (least < 0 || cycles < least) {
            least = cycles;
            best = plan;
        }
    }
    return best;
}

/* Tiles from row `from` on, as long as they fit before `to`; returns the first row left. */
static LLVMValueRef emit_tile_rows(Gen *g, const Problem *p, Tile tile, LLVMValueRef from,
                                   LLVMValueRef to) {
    LLVMValueRef zero = gen_int(g, 0), rows = gen_int(g, tile.rows);
    LLVMValueRef odd = LLVMBuildURem(g->b, gen_sub(g, to, from), rows, "");
    LLVMValueRef end = gen_sub(g, to, odd);
    GenLoop loop = gen_loop(g, from, end, rows);
    tile.a = gen_shift(g, p->a, loop.i, zero);
    tile.c = gen_shift(g, p->c, loop.i, zero);
    tile_emit(g, &tile);
    gen_loop_end(g, &loop);
    return end;
}

static void emit_panel_rows(Gen *g, const Problem *p, const Fit *fit, Tile tile) {
    RowPlan plan = plan_rows(g, fit, tile.vecs);
    LLVMValueRef from = gen_int(g, 0);
    tile.rows = plan.rows;
    tile.splits = plan.splits;
    if (gen_is(p->m, fit->m)) {
        LLVMValueRef many = gen_int(g, plan.many * plan.rows);
        from = emit_tile_rows(g, p, tile, from, many);
        tile.rows--;
        if (plan.fewer)
            emit_tile_rows(g, p, tile, from, p->m);
        return;
    }
    from = emit_tile_rows(g, p, tile, from, p->m);
    for (int rows = 4; rows >= 1; rows -= 3) {
        if (rows >= plan.rows)
            continue;
        tile.rows = rows;
        tile.splits = tile_splits(g, rows, tile.vecs, fit->k);
        from = emit_tile_rows(g, p, tile, from, p->m);
    }
}

/* The vectors of a panel: one that is not filled by half may be shorter, unless it is packed by a
 * function. */
static Gen panel_vectors(Gen *g, const Problem *p, const Fit *fit, int64_t cols) {
    Gen narrow = gen_narrowed(g, cols);
    return !fit->packed || blocked_pack_fits(&narrow, p->b, p->k) ? narrow : *g;
}

/* All rows of one panel, `cols` wide, from column `from` on. */
static void emit_panel(Gen *wide, const Problem *p, const Fit *fit, LLVMValueRef from,
                       int64_t cols) {
    Gen own = panel_vectors(wide, p, fit, cols), *g = &own;
    LLVMValueRef zero = gen_int(g, 0);
    int vecs = (int)((cols + g->lanes - 1) / g->lanes);
    int last = (int)(cols - (int64_t)(vecs - 1) * g->lanes);
    Problem panel = *p;
    panel.b = gen_shift(g, p->b, zero, from);
    panel.c = gen_shift(g, p->c, zero, from);
    Tile tile = {.vecs = vecs, .last_lanes = last, .k = p->k, .accumulate = p->accumulate};
    tile.b = panel.b;
    if (fit->packed) {
        LLVMValueRef copy = gen_scratch(g, "bpc.panel", PANEL_BYTES);
        if (blocked_pack_fits(g, panel.b, p->k))
            blocked_pack_here(g, copy, vecs, panel.b, p->k, cols);
        else
            blocked_pack(g, copy, vecs, panel.b, p->k, gen_int(g, cols));
        tile.b = gen_operand(copy, gen_int(g, (int64_t)vecs * g->lanes), gen_int(g, 1));
        tile.last_lanes = g->lanes;
        tile.store_lanes = last;
    }
    emit_panel_rows(g, &panel, fit, tile);
}

static void emit_panels(Gen *g, const Problem *p, const Fit *fit) {
    TilePlan plan = plan_tiles(g, fit);
    int64_t width = (int64_t)plan.vecs * g->lanes, whole = plan.panels * width;
    if (plan.panels) {
        GenLoop loop = gen_loop(g, gen_int(g, 0), gen_int(g, whole), gen_int(g, width));
        emit_panel(g, p, fit, loop.i, width);
        gen_loop_end(g, &loop);
    }
    if (plan.rest_cols)
        emit_panel(g, p, fit, gen_int(g, whole), plan.rest_cols);
}

/* Sizes that are not known count as large. Along k, they come in pieces, and so does a B to be
 * packed that the buffer cannot hold: k of the fit is the length of a piece. */
static Fit fit_of(const Gen *g, const Problem *p) {
    enum { MANY_ROWS = 110880 }; /* any small tile divides it */
    Fit fit = {.m = MANY_ROWS, .k = panel_rows(g, PANEL_VECS), .most_rows = 16};
    int64_t stride;
    if (gen_known(p->m, &fit.m))
        fit.most_rows = GEN_MAX_STATE;
    if (!gen_known(p->a.row_stride, &stride))
        fit.most_rows = 12; /* more pointers would be spilled */
    gen_known(p->n, &fit.n);
    gen_known(p->k, &fit.k);
    fit.packed = !gen_is(p->b.col_stride, 1);
    if (fit.packed && fit.k > panel_rows(g, PANEL_VECS)) {
        int64_t pieces = (fit.k - 1) / panel_rows(g, PANEL_VECS) + 1;
        fit.k = (fit.k + pieces - 1) / pieces;
    }
    return fit;
}

static void emit_tiles(Gen *g, const Problem *p) {
    int64_t k;
    Fit fit = fit_of(g, p);
    if (gen_is(p->k, fit.k)) {
        emit_panels(g, p, &fit);
        return;
    }
    LLVMValueRef zero = gen_int(g, 0), depth = gen_int(g, fit.k);
    LLVMValueRef some = gen_less(g, zero, p->k); /* k = 0 still writes zeros */
    LLVMValueRef end = LLVMBuildSelect(g->b, some, p->k, gen_int(g, 1), "");
    GenLoop by_k = gen_loop(g, zero, end, depth);
    Problem piece = *p;
    piece.a = gen_shift(g, p->a, zero, by_k.i);
    piece.b = gen_shift(g, p->b, by_k.i, zero);
    bool even = gen_known(p->k, &k) && k % fit.k == 0;
    piece.k = even ? depth : gen_min(g, gen_sub(g, p->k, by_k.i), depth);
    piece.accumulate = LLVMBuildOr(g->b, p->accumulate, gen_less(g, zero, by_k.i), "");
    emit_panels(g, &piece, &fit);
    gen_loop_end(g, &by_k);
}

/* Known columns, C and B (perhaps after packing a panel) along them, and small enough for the
 * caches. */
static bool fits_tiles(const Gen *g, const Problem *p) {
    enum { MAX_B_BYTES = 512 * 1024, MAX_A_BYTES = 1024 * 1024, MAX_ROW_BYTES = 512 };
    int64_t m, n, k, bytes = g->is_f64 ? 8 : 4, most = MAX_A_BYTES;
    if (!gen_known(p->n, &n) || !gen_is(p->c.col_stride, 1))
        return false;
    if (!gen_is(p->b.col_stride, 1) && !gen_is(p->b.row_stride, 1))
        return false;
    if (!gen_known(p->m, &m) || !gen_known(p->k, &k))
        return n * bytes <= MAX_ROW_BYTES;
    return m <= most && n <= most && k <= most && m * k * bytes <= most &&
           n * k * bytes <= MAX_B_BYTES;
}

/* ---- inner ---- */

/* Both along k, and k long beside the shorter side; large enough for a call. A symmetric C takes
 * half of the work in tiles. */
static bool fits_inner(const Gen *g, const Problem *p) {
    enum { FROM = 1 << 16 };
    int64_t m, n, k;
    if (!along_k(p) || p->symmetric || !gen_known(p->m, &m) || !gen_known(p->n, &n) ||
        !gen_known(p->k, &k))
        return false;
    int64_t side = m < n ? m : n;
    return side <= inner_most(g) && side <= k / INNER_LENGTH &&
           (double)m * (double)n * (double)k >= (double)FROM;
}

/* The longer side gives the rows that stay near. */
static void emit_inner(Gen *g, const Problem *p) {
    Problem s = swapped_if(g, gen_less(g, p->m, p->n), p);
    blocked_inner(g, s.add, s.m, s.n, s.k, s.a, s.b, s.c);
}

/* ---- row ---- */

/* The sums of columns [from, to), `vecs` vectors at a time; the last vector may be cut short. */
static void emit_row_columns(Gen *g, const Problem *p, LLVMValueRef from, LLVMValueRef to,
                             int vecs) {
    LLVMValueRef zero = gen_int(g, 0), lanes = gen_int(g, g->lanes);
    GenLoop by_n = gen_loop(g, from, to, gen_int(g, (int64_t)vecs * g->lanes));
    Tile tile = {.rows = 1, .vecs = vecs, .last_lanes = g->lanes, .splits = 8 / vecs, .k = p->k};
    tile.some_lanes = vecs == 1 ? gen_min(g, gen_sub(g, to, by_n.i), lanes) : NULL;
    tile.a = p->a;
    tile.b = gen_shift(g, p->b, zero, by_n.i);
    tile.c = gen_shift(g, p->c, zero, by_n.i);
    tile.accumulate = p->accumulate;
    tile_emit(g, &tile);
    gen_loop_end(g, &by_n);
}

static void emit_row_here(Gen *g, const Problem *p) {
    enum { VECS = 4 };
    LLVMValueRef whole = gen_round_down(g, p->n, VECS * g->lanes);
    emit_row_columns(g, p, gen_int(g, 0), whole, VECS);
    emit_row_columns(g, p, whole, p->n, 1);
}

/* Without rows C is zero, which is for the other form to write. */
static LLVMValueRef row_flows(Gen *g, const Problem *p) {
    enum { SOME_ROWS = 32 };
    LLVMValueRef some = gen_less(g, gen_int(g, SOME_ROWS - 1), p->k);
    LLVMValueRef far = flow_is_far(g, p->b.whole);
    return gen_is_false(far) || gen_is_false(some) ? LLVMConstInt(g->i1, 0, 0)
                                                   : LLVMBuildAnd(g->b, far, some, "");
}

static void emit_row(Gen *g, const Problem *p) {
    LLVMValueRef flows = row_flows(g, p);
    if (gen_is_false(flows)) {
        emit_row_here(g, p);
        return;
    }
    GenIf far = gen_if(g, flows);
    blocked_flow(g, p->accumulate, p->n, p->k, p->a, p->b, p->c.base);
    gen_else(g, &far);
    emit_row_here(g, p);
    gen_end(g, &far);
}

/* Without AVX each lane of a mask is a branch. */
static bool fits_row(const Gen *g, const Problem *p) {
    return gen_is(p->m, 1) && gen_is(p->b.col_stride, 1) && gen_is(p->c.col_stride, 1) &&
           g->target->vector_bytes > 16;
}

/* ---- blocked ---- */

/* C[i,row] = C[row,i] for i from `from` to row. */
static void mirror_elements(Gen *g, const Problem *p, LLVMValueRef row, LLVMValueRef from) {
    GenLoop by_col = gen_loop(g, from, row, gen_int(g, 1));
    LLVMValueRef below = gen_load(g, gen_element(g, &p->c, row, by_col.i));
    gen_store(g, below, gen_element(g, &p->c, by_col.i, row));
    gen_loop_end(g, &by_col);
}

/* The squares left of the diagonal, of as many rows from `row` on as a vector has lanes. */
static void mirror_squares(Gen *g, const Problem *p, LLVMValueRef row) {
    LLVMValueRef v[GEN_MAX_LANES], lanes = gen_int(g, g->lanes);
    GenLoop by_col = gen_loop(g, gen_int(g, 0), row, lanes);
    for (int i = 0; i < g->lanes; i++) {
        LLVMValueRef from = gen_element(g, &p->c, gen_add(g, row, gen_int(g, i)), by_col.i);
        v[i] = gen_load_lanes(g, from, lanes);
    }
    gen_transpose(g, v);
    for (int i = 0; i < g->lanes; i++)
        gen_store_lanes(g, v[i], gen_element(g, &p->c, gen_add(g, by_col.i, gen_int(g, i)), row),
                        lanes);
    gen_loop_end(g, &by_col);
}

/* What was computed below the diagonal goes above it. */
static void mirror(Gen *g, const Problem *p) {
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1), lanes = gen_int(g, g->lanes);
    LLVMValueRef whole = gen_is(p->c.col_stride, 1) ? gen_round_down(g, p->m, g->lanes) : zero;
    GenLoop squares = gen_loop(g, zero, whole, lanes);
    mirror_squares(g, p, squares.i);
    GenLoop diagonal = gen_loop(g, squares.i, gen_add(g, squares.i, lanes), one);
    mirror_elements(g, p, diagonal.i, squares.i);
    gen_loop_end(g, &diagonal);
    gen_loop_end(g, &squares);
    GenLoop rest = gen_loop(g, whole, p->m, one);
    mirror_elements(g, p, rest.i, zero);
    gen_loop_end(g, &rest);
}

/* Of operands that both lie along k, the shorter is copied where that pays. */
static LLVMValueRef turn_pays_here(Gen *g, const Problem *p) {
    return blocked_turn_pays(g, p->m, p->n, p->k, p->b.col_stride);
}

static void emit_blocked(Gen *g, const Problem *p) {
    if (!along_k(p) || p->symmetric) {
        blocked_product(g, p->accumulate, p->symmetric, p->m, p->n, p->k, p->a, p->b, p->c);
        if (p->symmetric)
            mirror(g, p);
        return;
    }
    LLVMValueRef dots = inner_pays(g, p->m, p->n, p->k);
    GenIf inner = {0};
    if (!gen_is_false(dots)) {
        inner = gen_if(g, dots);
        emit_inner(g, p);
        gen_else(g, &inner);
    }
    Problem s = swapped_if(g, turn_pays_here(g, p), p);
    blocked_product(g, s.accumulate, false, s.m, s.n, s.k, s.a, s.b, s.c);
    if (!gen_is_false(dots))
        gen_end(g, &inner);
}

/* Where sizes are known, and C' = B' A' by copying A is faster than tiles in place. */
static bool turns(Gen *g, const Problem *p) {
    int64_t m, n, k, stride;
    return along_k(p) && !p->symmetric && gen_known(p->m, &m) && gen_known(p->n, &n) &&
           gen_known(p->k, &k) && gen_known(p->b.col_stride, &stride) &&
           gen_is_true(turn_pays_here(g, p));
}

/* ---- choice ---- */

static void emit_vector_form(Gen *g, Problem *p) {
    if (turn_to_dots(p)) {
        emit_dots(g, p);
        return;
    }
    if (gen_is(p->n, 1) || (!gen_is(p->c.col_stride, 1) && gen_is(p->c.row_stride, 1)))
        *p = swapped(p);
    if (fits_inner(g, p))
        emit_inner(g, p);
    else if (fits_tiles(g, p) && !turns(g, p))
        emit_tiles(g, p);
    else if (fits_row(g, p))
        emit_row(g, p);
    else
        emit_blocked(g, p);
}

void contract_emit(ContractTarget *target, bool is_f64, ContractInto into, LLVMValueRef m,
                   LLVMValueRef n, LLVMValueRef k, ContractOperand a, ContractOperand b,
                   ContractOperand c) {
    bool accumulate = into == INTO_sum;
    Gen g = gen_open(target, is_f64, target->builder, target->function);
    Problem p = {.m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .add = accumulate};
    p.symmetric = into == INTO_symmetric;
    p.accumulate = LLVMConstInt(g.i1, accumulate, 0);
    if (gen_is(m, 0) || gen_is(n, 0) || (accumulate && gen_is(k, 0)))
        return;
    free_strides(&g, &p);
    if (target->optimize)
        emit_vector_form(&g, &p);
    else
        emit_scalar(&g, &p);
}
