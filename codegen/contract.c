/* Emits dense products; see contract.h. Chooses the orientation and one of four forms:
 *
 *   scalar    three loops, without optimisation
 *   dots      vectors along k, for matrix-vector products and tiny sides, both operands along k
 *   tiles     register tiles fitted to known sizes, in place
 *   blocked   an internal function of the module, for the rest (contract_blocked.c) */
#include "codegen/contract_blocked.h"
#include "codegen/contract_tile.h"

typedef struct Problem {
    LLVMValueRef m, n, k, accumulate;
    ContractOperand a, b, c;
    bool add; /* accumulate */
} Problem;

/* ---- orientation ---- */

/* A side of length 1 has whatever stride suits. */
static void free_strides(Gen *g, Problem *p)
{
    LLVMValueRef one = gen_int(g, 1);
    if (gen_is(p->m, 1))
        p->a.row_stride = p->c.row_stride = one;
    if (gen_is(p->n, 1))
        p->b.col_stride = p->c.col_stride = one;
    if (gen_is(p->k, 1))
        p->a.col_stride = p->b.row_stride = one;
}

/* C' = B' A' */
static Problem swapped(const Problem *p)
{
    Problem s = *p;
    s.m = p->n;
    s.n = p->m;
    s.a = gen_transposed(p->b);
    s.b = gen_transposed(p->a);
    s.c = gen_transposed(p->c);
    return s;
}

static bool along_k(const Problem *p)
{
    return gen_is(p->a.col_stride, 1) && gen_is(p->b.row_stride, 1);
}

/* ---- scalar ---- */

static void add_product(Gen *g, GenState *state, const void *user, int unroll)
{
    const Problem *p = user;
    (void)unroll;
    LLVMValueRef a = gen_load(g, state->v[0]), b = gen_load(g, state->v[1]);
    state->v[2] = gen_fma(g, a, b, state->v[2]);
    state->v[0] = gen_at(g, state->v[0], p->a.col_stride);
    state->v[1] = gen_at(g, state->v[1], p->b.row_stride);
}

static void emit_scalar(Gen *g, const Problem *p)
{
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
static void emit_dots_strided(Gen *g, const Problem *p)
{
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

static void emit_dots(Gen *g, const Problem *p)
{
    int64_t m, n;
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
static bool turn_to_dots(Problem *p)
{
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

/* Two multiply-adds and two loads a cycle, four cycles of latency; B from the second-level cache, if it is too
 * large for the first; then the stores. */
static double tile_cycles(const Gen *g, int rows, int vecs, int splits, int64_t k)
{
    enum { FIRST_LEVEL = 32768 };
    double fmas = rows * vecs / 2.0, loads = (rows + vecs) / 2.0, chain = 4.0 / splits;
    double fetch = k * vecs * g->target->vector_bytes > FIRST_LEVEL ? vecs * 2.0 : 0;
    double step = fmas > loads ? fmas : loads;
    step = step > fetch ? step : fetch;
    return (double)k * (step > chain ? step : chain) + rows * vecs * (splits > 1 ? 2.5 : 1.5) + 8;
}

/* Accumulators that leave room for a row of B and an element of A. */
static int tile_room(const Gen *g, int vecs)
{
    int spare = g->target->has_fma ? 1 : 2;
    return g->target->vector_registers - vecs - spare;
}

static RowPlan plan_rows(const Gen *g, int64_t m, int vecs, int64_t k, bool pointers)
{
    RowPlan best = {.cycles = -1};
    int most = tile_room(g, vecs) / vecs;
    most = pointers && most > 12 ? 12 : most;
    for (int rows = 1; rows <= most && rows <= m; rows++) {
        RowPlan plan = {.rows = rows, .splits = 1};
        int64_t tiles = (m + rows - 1) / rows;
        plan.many = m - tiles * (rows - 1);
        plan.fewer = tiles - plan.many;
        if (plan.many < 1)
            continue;
        while (rows * vecs * plan.splits < 8 && plan.splits * 2 <= k &&
               rows * vecs * plan.splits * 2 <= tile_room(g, vecs))
            plan.splits *= 2;
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

static TilePlan plan_tiles(const Gen *g, int64_t m, int64_t n, int64_t k, bool pointers, bool packed)
{
    TilePlan best = {0};
    double least = -1;
    int most = g->target->vector_registers >= 32 ? 8 : 4;
    for (int vecs = 1; vecs <= most && (!packed || k <= panel_rows(g, vecs)); vecs++) {
        TilePlan plan = {vecs, n / (vecs * g->lanes), n % (vecs * g->lanes)};
        if (!plan.panels && (vecs - 1) * g->lanes >= n && vecs > 1)
            break;
        double cycles = 0;
        if (plan.panels)
            cycles += (double)plan.panels * plan_rows(g, m, vecs, k, pointers).cycles;
        int rest = (int)((plan.rest_cols + g->lanes - 1) / g->lanes);
        if (rest)
            cycles += plan_rows(g, m, rest, k, pointers).cycles;
        if (plan.panels && rest)
            cycles *= 1.02;
        if (least < 0 || cycles < least) {
            least = cycles;
            best = plan;
        }
    }
    return best;
}

static void emit_tile_rows(Gen *g, const Problem *p, Tile tile, int64_t from, int64_t count)
{
    if (!count)
        return;
    LLVMValueRef zero = gen_int(g, 0), rows = gen_int(g, tile.rows);
    GenLoop loop = gen_loop(g, gen_int(g, from), gen_int(g, from + count * tile.rows), rows);
    tile.a = gen_shift(g, p->a, loop.i, zero);
    tile.c = gen_shift(g, p->c, loop.i, zero);
    tile_emit(g, &tile);
    gen_loop_end(g, &loop);
}

/* All rows of one panel, `cols` wide; p->b and p->c are seen from its first column. */
static void emit_panel(Gen *g, const Problem *p, int64_t cols)
{
    int64_t m = 0, k = 0;
    gen_known(p->m, &m);
    gen_known(p->k, &k);
    int vecs = (int)((cols + g->lanes - 1) / g->lanes);
    int64_t stride;
    bool pointers = !gen_known(p->a.row_stride, &stride);
    RowPlan plan = plan_rows(g, m, vecs, k, pointers);
    Tile tile = {.rows = plan.rows, .vecs = vecs, .splits = plan.splits};
    tile.last_lanes = (int)(cols - (int64_t)(vecs - 1) * g->lanes);
    tile.k = p->k;
    tile.accumulate = p->accumulate;
    tile.b = p->b;
    if (!gen_is(p->b.col_stride, 1)) {
        LLVMValueRef panel = gen_scratch(g, "bpc.panel", PANEL_BYTES);
        blocked_pack(g, panel, vecs, p->b, p->k, gen_int(g, cols));
        tile.b = (ContractOperand){panel, gen_int(g, (int64_t)vecs * g->lanes), gen_int(g, 1)};
        tile.last_lanes = g->lanes;
        tile.store_lanes = (int)(cols - (int64_t)(vecs - 1) * g->lanes);
    }
    emit_tile_rows(g, p, tile, 0, plan.many);
    tile.rows--;
    emit_tile_rows(g, p, tile, plan.many * plan.rows, plan.fewer);
}

static void emit_tiles(Gen *g, const Problem *p)
{
    int64_t m = 0, n = 0, k = 0, stride;
    gen_known(p->m, &m);
    gen_known(p->n, &n);
    gen_known(p->k, &k);
    bool pointers = !gen_known(p->a.row_stride, &stride), packed = !gen_is(p->b.col_stride, 1);
    TilePlan plan = plan_tiles(g, m, n, k, pointers, packed);
    int64_t width = (int64_t)plan.vecs * g->lanes, whole = plan.panels * width;
    LLVMValueRef zero = gen_int(g, 0);
    if (plan.panels) {
        GenLoop loop = gen_loop(g, zero, gen_int(g, whole), gen_int(g, width));
        Problem panel = *p;
        panel.b = gen_shift(g, p->b, zero, loop.i);
        panel.c = gen_shift(g, p->c, zero, loop.i);
        emit_panel(g, &panel, width);
        gen_loop_end(g, &loop);
    }
    if (plan.rest_cols) {
        Problem panel = *p;
        panel.b = gen_shift(g, p->b, zero, gen_int(g, whole));
        panel.c = gen_shift(g, p->c, zero, gen_int(g, whole));
        emit_panel(g, &panel, plan.rest_cols);
    }
}

/* Known sizes, C and B (perhaps after packing a panel) along their columns, and small enough for the caches. */
static bool fits_tiles(const Gen *g, const Problem *p)
{
    enum { MAX_B_BYTES = 512 * 1024, MAX_ROWS = 512 };
    int64_t m, n, k;
    if (!gen_known(p->m, &m) || !gen_known(p->n, &n) || !gen_known(p->k, &k))
        return false;
    if (!gen_is(p->c.col_stride, 1) || m > MAX_ROWS || n > MAX_B_BYTES || k > MAX_B_BYTES)
        return false;
    if (n * k * (g->is_f64 ? 8 : 4) > MAX_B_BYTES)
        return false;
    return gen_is(p->b.col_stride, 1) || k <= panel_rows(g, PANEL_VECS);
}

/* ---- choice ---- */

static void emit_vector_form(Gen *g, Problem *p)
{
    if (turn_to_dots(p)) {
        emit_dots(g, p);
        return;
    }
    if (gen_is(p->n, 1) || (!gen_is(p->c.col_stride, 1) && gen_is(p->c.row_stride, 1)))
        *p = swapped(p);
    if (fits_tiles(g, p))
        emit_tiles(g, p);
    else
        blocked_product(g, p->accumulate, p->m, p->n, p->k, p->a, p->b, p->c);
}

void contract_emit(ContractTarget *target, bool is_f64, bool accumulate, LLVMValueRef m,
                   LLVMValueRef n, LLVMValueRef k, ContractOperand a, ContractOperand b,
                   ContractOperand c)
{
    Gen g = gen_open(target, is_f64, target->builder, target->function);
    Problem p = {.m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .add = accumulate};
    p.accumulate = LLVMConstInt(g.i1, accumulate, 0);
    if (gen_is(m, 0) || gen_is(n, 0) || (accumulate && gen_is(k, 0)))
        return;
    free_strides(&g, &p);
    if (target->optimize)
        emit_vector_form(&g, &p);
    else
        emit_scalar(&g, &p);
}
