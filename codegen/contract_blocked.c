/* Blocked products at run time; see contract_blocked.h. Called by contract.c.
 *
 * Note [Blocked product]. C is computed a register tile at a time by out-of-line kernels that take
 * strides:
 *
 *   for blocks of rows of A, blocks along k, panels of PANEL_VECS vectors along n:
 *       unless B can be read as it is, copy its panel to the stack, transposing it if need be;
 *       for tiles along m:
 *           one kernel call, into C or, where C ends or is strided, into a buffer and from there
 *
 * There are two kernels: for an A of unit stride along k, and for one of unit stride along its
 * rows (A is a transpose, as in products of adjoints), as which its copies lie, too. An A of
 * neither is copied first, block by block, and so is one whose columns lie so far apart that each
 * is on another page, where enough panels read it again.
 *
 * A large B that few rows of A use is not copied but read in place, a few rows at a time, so that
 * it comes from memory in order. Where both operands lie along k, so that B would be turned by its
 * copy, and A fills just one panel, contract.c asks for C' = B' A' instead: then A is copied, and
 * the tiles of C are turned on their way out of the buffer.
 *
 * The panel stays in the caches nearby while A streams past. Kernels always work on full
 * vectors: short panels are padded in the copy and cut in the buffer, so no kernel needs a mask. */
#include "codegen/contract_blocked.h"
#include "codegen/contract_flow.h"

#include "codegen/contract_tile.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_TILE_ROWS = 16,
    BLOCK_BYTES = 384 * 1024, /* of A, to stay in the second-level cache */
    COPY_BYTES = 128 * 1024,  /* of a block that is copied, on the stack */
    NEAR_BYTES = 1024 * 1024, /* of B, to stay in the second-level cache */
    PACK_FROM_ROWS = 48, /* rows of A that pay for copying a panel that could be read in place */
    PACK_FAR_FROM_ROWS = 12, /* and where B comes from farther away */
    FLOW_ROWS = 32           /* rows of A up to which such a B is read in place, a few rows of it */
};

int panel_rows(const Gen *g, int vecs) {
    int bytes = g->target->vector_bytes == GEN_MAX_BYTES ? PANEL_BYTES : NEAR_PANEL_BYTES;
    return bytes / (vecs * g->target->vector_bytes);
}

/* ---- internal functions ---- */

/* Tiles whose A has unit stride along k, or along its rows. */
typedef enum Kind {
    KIND_product,
    KIND_along,
    KIND_across,
    KIND_pack,
    KIND_spill,
    KIND_dots,
    KIND_inner,
    KIND_flow
} Kind;

static const char *const kind_names[] = {"product", "along", "across", "pack",
                                         "spill",   "dots",  "inner",  "flow"};

/* Parameters by letter: i an i64, p a pointer, b an i1. */
static const char *const kind_params[] = {
    "bbiiipiipiipii", /* accumulate, lower, m, n, k, three operands */
    "bipipipi",       /* accumulate, k, and three operands with their other stride: */
    "bipipipi",       /* that of a, and of rows of b and c */
    "pipiiii",        /* panel and its width, b, rows, cols */
    "bppiiii",        /* accumulate, buffer, c, rows, cols */
    "biipiippi",      /* accumulate, m, k, a, its row stride and whole, x, c and its row stride */
    "iiipipipii", /* m, n, k, a and b with what is not 1 of their strides, c; `rows`: adds to c */
    "biipipip",   /* accumulate, n, k, a and its column stride, b and its row stride, c */
};

static const unsigned on_function = (unsigned)LLVMAttributeFunctionIndex;

static LLVMTypeRef kind_type(Gen *g, Kind kind) {
    LLVMTypeRef types[16];
    unsigned n = 0;
    for (const char *p = kind_params[kind]; *p; p++)
        types[n++] = *p == 'i' ? g->i64 : *p == 'p' ? g->ptr : g->i1;
    return LLVMFunctionType(LLVMVoidTypeInContext(g->target->ctx), types, n, 0);
}

static void copy_attribute(LLVMValueRef to, LLVMValueRef from, const char *name) {
    LLVMAttributeRef attribute =
        LLVMGetStringAttributeAtIndex(from, on_function, name, (unsigned)strlen(name));
    if (attribute)
        LLVMAddAttributeAtIndex(to, on_function, attribute);
}

static void set_attribute(ContractTarget *t, LLVMValueRef fn, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fn, on_function, LLVMCreateEnumAttribute(t->ctx, kind, 0));
}

/* An empty internal function; debug information of the caller does not apply to it. */
static LLVMValueRef new_function(Gen *g, const char *name, Kind kind) {
    ContractTarget *t = g->target;
    LLVMValueRef fn = LLVMAddFunction(t->module, name, kind_type(g, kind));
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    set_attribute(t, fn, "nounwind");
    set_attribute(t, fn, "noinline");
    static const char *const names[] = {"target-cpu", "target-features", "prefer-vector-width",
                                        "min-legal-vector-width"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        copy_attribute(fn, t->function, names[i]);
    return fn;
}

/* ---- copies ---- */

/* dst[j] = src[j], or += if `add`, an i1 that may be NULL. */
static void copy_piece(Gen *g, LLVMValueRef dst, LLVMValueRef src, LLVMValueRef j, LLVMValueRef add,
                       LLVMValueRef lanes) {
    LLVMValueRef to = gen_at(g, dst, j), from = gen_at(g, src, j);
    LLVMValueRef value = lanes ? gen_load_lanes(g, from, lanes) : gen_load(g, from);
    if (add) {
        LLVMValueRef old = lanes ? gen_load_lanes(g, to, lanes) : gen_load(g, to);
        LLVMValueRef sum = LLVMBuildFAdd(g->b, value, old, "");
        value = LLVMBuildSelect(g->b, add, sum, value, "");
    }
    if (lanes)
        gen_store_lanes(g, value, to, lanes);
    else
        gen_store(g, value, to);
}

/* n elements of unit stride: whole vectors, then masked ones or single elements. */
static void copy_row(Gen *g, LLVMValueRef dst, LLVMValueRef src, LLVMValueRef n, LLVMValueRef add) {
    LLVMValueRef whole = gen_round_down(g, n, g->lanes), lanes = gen_int(g, g->lanes);
    bool masks = gen_has_masks(g);
    GenLoop vecs = gen_loop(g, gen_int(g, 0), whole, lanes);
    copy_piece(g, dst, src, vecs.i, add, lanes);
    gen_loop_end(g, &vecs);
    GenLoop rest = gen_loop(g, whole, n, masks ? lanes : gen_int(g, 1));
    copy_piece(g, dst, src, rest.i, add, masks ? gen_sub(g, n, whole) : NULL);
    gen_loop_end(g, &rest);
}

static void clear_row(Gen *g, LLVMValueRef dst, LLVMValueRef width) {
    GenLoop loop = gen_loop(g, gen_int(g, 0), width, gen_int(g, g->lanes));
    gen_store(g, LLVMConstNull(g->vec), gen_at(g, dst, loop.i));
    gen_loop_end(g, &loop);
}

/* A panel of B being packed: rows x cols of it, in rows of `width` elements, a multiple of the
 * lanes. */
typedef struct Panel {
    LLVMValueRef base, width, rows, cols;
} Panel;

/* Without AVX each lane of a mask is a branch. */
static bool has_masked_loads(const Gen *g) {
    return g->target->vector_bytes > 16;
}

/* A square of lanes x lanes, the vectors at source[i] + row, to the panel's rows from `row` on.
 * Only so many rows are there; those that lack become zeros. */
static void pack_square(Gen *g, const Panel *panel, LLVMValueRef col, LLVMValueRef *source,
                        LLVMValueRef row, LLVMValueRef there) {
    LLVMValueRef v[GEN_MAX_LANES];
    for (int i = 0; i < g->lanes; i++)
        v[i] = gen_load_lanes(g, gen_at(g, source[i], row), there);
    gen_transpose(g, v);
    LLVMValueRef to = gen_at(g, panel->base, gen_add(g, gen_mul(g, row, panel->width), col));
    for (int i = 0; i < g->lanes; i++) {
        gen_store(g, v[i], to);
        to = gen_at(g, to, panel->width);
    }
}

/* Unit stride along the rows of b: squares, the last one shifted back to end with the rows. Columns
 * beyond the last repeat it. */
static void pack_transposed(Gen *g, const Panel *panel, ContractOperand b) {
    LLVMValueRef rows = panel->rows, cols = panel->cols;
    LLVMValueRef zero = gen_int(g, 0), lanes = gen_int(g, g->lanes), source[GEN_MAX_LANES];
    LLVMValueRef there = has_masked_loads(g) ? gen_min(g, rows, lanes) : lanes;
    LLVMValueRef last_row = gen_sub(g, rows, there), last_col = gen_sub(g, cols, gen_int(g, 1));
    GenLoop by_col = gen_loop(g, zero, cols, lanes);
    for (int i = 0; i < g->lanes; i++) {
        LLVMValueRef col = gen_min(g, gen_add(g, by_col.i, gen_int(g, i)), last_col);
        source[i] = gen_element(g, &b, zero, col);
    }
    GenLoop by_row = gen_loop(g, zero, rows, lanes);
    pack_square(g, panel, by_col.i, source, gen_min(g, by_row.i, last_row), there);
    gen_loop_end(g, &by_row);
    gen_loop_end(g, &by_col);
}

bool blocked_pack_fits(const Gen *g, ContractOperand b, LLVMValueRef rows) {
    int64_t n;
    return gen_known(rows, &n) && n > 0 && n <= g->lanes && gen_is(b.row_stride, 1) &&
           has_masked_loads(g);
}

void blocked_pack_here(Gen *g, LLVMValueRef base, int vecs, ContractOperand b, LLVMValueRef rows,
                       int64_t cols) {
    LLVMValueRef zero = gen_int(g, 0), source[GEN_MAX_LANES];
    Panel panel = {.base = base, .width = gen_int(g, (int64_t)vecs * g->lanes)};
    for (int v = 0; v < vecs; v++) {
        for (int i = 0; i < g->lanes; i++) {
            int64_t col = (int64_t)v * g->lanes + i;
            source[i] = gen_element(g, &b, zero, gen_int(g, col < cols ? col : cols - 1));
        }
        pack_square(g, &panel, gen_int(g, (int64_t)v * g->lanes), source, zero, rows);
    }
}

/* A row of `cols` elements, and zeros up to the width: vectors, of which the last, or where masks
 * cost nothing any, may be masked. */
static void pack_vectors(Gen *g, const Panel *panel, LLVMValueRef to, LLVMValueRef from) {
    LLVMValueRef lanes = gen_int(g, g->lanes), last = gen_int(g, g->lanes - 1),
                 zero = gen_int(g, 0);
    LLVMValueRef whole = gen_has_masks(g) ? zero : gen_round_down(g, panel->cols, g->lanes);
    LLVMValueRef end = gen_round_down(g, gen_add(g, panel->cols, last), g->lanes);
    if (!gen_has_masks(g)) {
        GenLoop plain = gen_loop(g, zero, whole, lanes);
        gen_store(g, gen_load_lanes(g, gen_at(g, from, plain.i), lanes), gen_at(g, to, plain.i));
        gen_loop_end(g, &plain);
    }
    GenLoop masked = gen_loop(g, whole, end, lanes);
    LLVMValueRef there = gen_min(g, gen_sub(g, panel->cols, masked.i), lanes);
    gen_store(g, gen_load_lanes(g, gen_at(g, from, masked.i), there), gen_at(g, to, masked.i));
    gen_loop_end(g, &masked);
    GenLoop rest = gen_loop(g, end, panel->width, lanes);
    gen_store(g, LLVMConstNull(g->vec), gen_at(g, to, rest.i));
    gen_loop_end(g, &rest);
}

/* One row after the other; element by element if b is strided. */
static void pack_rows(Gen *g, const Panel *panel, ContractOperand b, bool unit) {
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1);
    GenLoop by_row = gen_loop(g, zero, panel->rows, one);
    LLVMValueRef to = gen_at(g, panel->base, gen_mul(g, by_row.i, panel->width));
    LLVMValueRef from = gen_element(g, &b, by_row.i, zero);
    if (unit && has_masked_loads(g)) {
        pack_vectors(g, panel, to, from);
        gen_loop_end(g, &by_row);
        return;
    }
    clear_row(g, to, panel->width);
    if (unit) {
        copy_row(g, to, from, panel->cols, NULL);
    } else {
        GenLoop by_col = gen_loop(g, zero, panel->cols, one);
        LLVMValueRef value = gen_load(g, gen_at(g, from, gen_mul(g, by_col.i, b.col_stride)));
        gen_store(g, value, gen_at(g, to, by_col.i));
        gen_loop_end(g, &by_col);
    }
    gen_loop_end(g, &by_row);
}

static LLVMValueRef equals(Gen *g, LLVMValueRef a, int64_t b) {
    return LLVMBuildICmp(g->b, LLVMIntEQ, a, gen_int(g, b), "");
}

static void pack_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    Panel panel = {.base = p[0], .width = p[1], .rows = p[5], .cols = p[6]};
    ContractOperand b = gen_operand(p[2], p[3], p[4]);
    LLVMValueRef one = gen_int(g, 1);
    (void)rows, (void)vecs;
    GenIf unit = gen_if(g, equals(g, b.col_stride, 1));
    pack_rows(g, &panel, gen_operand(b.base, b.row_stride, one), true);
    gen_else(g, &unit);
    int least = has_masked_loads(g) ? 1 : g->lanes;
    LLVMValueRef enough = gen_less(g, gen_int(g, least - 1), panel.rows);
    LLVMValueRef along = equals(g, b.row_stride, 1);
    GenIf transposed = gen_if(g, LLVMBuildAnd(g->b, along, enough, ""));
    pack_transposed(g, &panel, gen_operand(b.base, one, b.col_stride));
    gen_else(g, &transposed);
    pack_rows(g, &panel, b, false);
    gen_end(g, &transposed);
    gen_end(g, &unit);
}

/* A tile in its buffer, and where it goes to in C. */
typedef struct Spill {
    LLVMValueRef add, height, cols; /* add: to C */
    ContractOperand from, to;
} Spill;

/* Whole squares of the tile's first rows, to a C of unit stride along its rows. */
static void spill_squares(Gen *g, const Spill *p, LLVMValueRef rows, LLVMValueRef cols) {
    LLVMValueRef zero = gen_int(g, 0), lanes = gen_int(g, g->lanes), v[GEN_MAX_LANES];
    GenLoop by_row = gen_loop(g, zero, rows, lanes);
    GenLoop by_col = gen_loop(g, zero, cols, lanes);
    for (int i = 0; i < g->lanes; i++) {
        LLVMValueRef row = gen_add(g, by_row.i, gen_int(g, i));
        v[i] = gen_load_lanes(g, gen_element(g, &p->from, row, by_col.i), lanes);
    }
    gen_transpose(g, v);
    for (int i = 0; i < g->lanes; i++) {
        LLVMValueRef col = gen_add(g, by_col.i, gen_int(g, i));
        LLVMValueRef to = gen_element(g, &p->to, by_row.i, col);
        LLVMValueRef sum = LLVMBuildFAdd(g->b, v[i], gen_load_lanes(g, to, lanes), "");
        gen_store(g, LLVMBuildSelect(g->b, p->add, sum, v[i], ""), to);
    }
    gen_loop_end(g, &by_col);
    gen_loop_end(g, &by_row);
}

/* Columns of a row from `first` on, one after the other. */
static void spill_elements(Gen *g, const Spill *p, LLVMValueRef row, LLVMValueRef first) {
    GenLoop by_col = gen_loop(g, first, p->cols, gen_int(g, 1));
    LLVMValueRef value = gen_load(g, gen_element(g, &p->from, row, by_col.i));
    LLVMValueRef to = gen_element(g, &p->to, row, by_col.i);
    LLVMValueRef sum = LLVMBuildFAdd(g->b, value, gen_load(g, to), "");
    gen_store(g, LLVMBuildSelect(g->b, p->add, sum, value, ""), to);
    gen_loop_end(g, &by_col);
}

/* From the buffer of a tile to C: by rows, or by squares and then what they leave. */
static void spill_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1);
    (void)rows;
    Spill spill = {.add = p[0], .height = p[5], .cols = p[6], .to = gen_operand(p[2], p[3], p[4])};
    spill.from = gen_operand(p[1], gen_int(g, (int64_t)vecs * g->lanes), one);
    Gen square = gen_narrowed(g, 4);
    LLVMValueRef along = equals(g, spill.to.col_stride, 1);
    LLVMValueRef across =
        LLVMBuildAnd(g->b, equals(g, spill.to.row_stride, 1), LLVMBuildNot(g->b, along, ""), "");
    LLVMValueRef whole = gen_round_down(g, spill.height, square.lanes);
    LLVMValueRef height = LLVMBuildSelect(g->b, across, whole, zero, "");
    LLVMValueRef cols = gen_round_down(g, spill.cols, square.lanes);
    spill_squares(&square, &spill, height, cols);
    GenLoop by_row = gen_loop(g, zero, spill.height, one);
    GenIf unit = gen_if(g, along);
    copy_row(g, gen_element(g, &spill.to, by_row.i, zero),
             gen_element(g, &spill.from, by_row.i, zero), spill.cols, spill.add);
    gen_else(g, &unit);
    LLVMValueRef done = gen_less(g, by_row.i, height);
    spill_elements(g, &spill, by_row.i, LLVMBuildSelect(g->b, done, cols, zero, ""));
    gen_end(g, &unit);
    gen_loop_end(g, &by_row);
}

/* ---- kernels ---- */

static void tile_body(Gen *g, int rows, int vecs, ContractOperand a, const LLVMValueRef *p) {
    LLVMValueRef one = gen_int(g, 1);
    int splits = 1;
    while (rows * vecs * splits < 8)
        splits *= 2;
    Tile tile = {.rows = rows,
                 .vecs = vecs,
                 .last_lanes = g->lanes,
                 .splits = splits,
                 .k = p[1],
                 .a = a,
                 .b = gen_operand(p[4], p[5], one),
                 .c = gen_operand(p[6], p[7], one),
                 .accumulate = p[0],
                 .prefetch = rows > 4,
                 .apart = true};
    tile_emit(g, &tile);
}

static void along_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    tile_body(g, rows, vecs, gen_operand(p[2], p[3], gen_int(g, 1)), p);
}

static void across_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    tile_body(g, rows, vecs, gen_operand(p[2], gen_int(g, 1), p[3]), p);
}

static int64_t floor_power(int64_t n) {
    int64_t power = 1;
    while (power * 2 <= n)
        power *= 2;
    return power;
}

/* In how many parts a block adds up along k: sums that hide the latency of eight additions under
 * way; two loads for each, of a row and a column alone, leave time for four. */
static int dot_splits(const Gen *g, const DotBlock *block) {
    int64_t k = 8 * g->lanes;
    gen_known(block->k, &k);
    int sums = block->rows * block->cols;
    int64_t hide = sums == 1 ? 4 : sums < 8 ? 8 / sums : 1, most = k / g->lanes;
    return (int)floor_power(hide < most ? hide : most);
}

/* Whether rows of A are to be read one after the other. */
static LLVMValueRef dots_in_order(Gen *g, const DotBlock *all, LLVMValueRef m) {
    enum { SOME_ROWS = 32 };
    int64_t rows = SOME_ROWS;
    gen_known(m, &rows);
    LLVMValueRef far = flow_is_far(g, all->a.whole);
    if (all->cols > 1 || rows < SOME_ROWS || gen_is_false(far))
        return LLVMConstInt(g->i1, 0, 0);
    return LLVMBuildAnd(g->b, far, flow_in_order(g, all->k), "");
}

/* Blocks of `rows` as long as they fit, but none if in_order and they are several rows; returns the
 * first row left. */
static LLVMValueRef dots_rows(Gen *g, const DotBlock *all, LLVMValueRef from, LLVMValueRef m,
                              int rows, LLVMValueRef in_order) {
    DotBlock block = *all;
    block.rows = rows;
    block.splits = dot_splits(g, &block);
    LLVMValueRef end = gen_add(g, from, gen_round_down(g, gen_sub(g, m, from), rows));
    LLVMValueRef zero = gen_int(g, 0);
    if (rows > 1)
        end = gen_either(g, in_order, from, end);
    GenLoop loop = gen_loop(g, from, end, gen_int(g, rows));
    block.a = gen_shift(g, all->a, loop.i, zero);
    block.c = gen_shift(g, all->c, loop.i, zero);
    dot_emit(g, &block);
    gen_loop_end(g, &loop);
    return end;
}

void dots_emit(Gen *g, LLVMValueRef accumulate, LLVMValueRef m, int cols, LLVMValueRef k,
               ContractOperand a, ContractOperand b, ContractOperand c) {
    DotBlock all = {.cols = cols, .k = k, .a = a, .b = b, .c = c, .accumulate = accumulate};
    int64_t known;
    bool is_known = gen_known(m, &known);
    int top = g->target->vector_registers >= 32 ? 8 : cols > 1 ? 2 : 4;
    if (top > g->lanes)
        top = g->lanes;
    LLVMValueRef from = gen_int(g, 0), in_order = dots_in_order(g, &all, m);
    for (int rows = top; rows >= 1; rows /= 2) {
        int64_t done = 0;
        gen_known(from, &done);
        if (is_known ? known - done >= rows : rows == top || rows == 1)
            from = dots_rows(g, &all, from, m, rows, in_order);
    }
}

static void dots_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    (void)rows, (void)vecs;
    LLVMValueRef one = gen_int(g, 1);
    ContractOperand a = {p[3], p[4], one, p[5]};
    dots_emit(g, p[0], p[1], 1, p[2], a, gen_operand(p[6], one, one), gen_operand(p[7], p[8], one));
}

/* Columns [from, to) of some rows, as long as `cols` of them fit; returns the first one left. */
static LLVMValueRef inner_columns(Gen *g, const DotBlock *rows, LLVMValueRef from, LLVMValueRef to,
                                  int cols) {
    DotBlock block = *rows;
    block.cols = cols;
    block.splits = dot_splits(g, &block);
    LLVMValueRef zero = gen_int(g, 0), step = gen_int(g, cols);
    LLVMValueRef odd = LLVMBuildURem(g->b, gen_sub(g, to, from), step, "");
    LLVMValueRef end = gen_sub(g, to, odd);
    GenLoop loop = gen_loop(g, from, end, step);
    block.b = gen_shift(g, rows->b, zero, loop.i);
    block.c = gen_shift(g, rows->c, zero, loop.i);
    dot_emit(g, &block);
    gen_loop_end(g, &loop);
    return end;
}

/* All rows, as long as `height` of them fit, from `from` on; returns the first one left. */
static LLVMValueRef inner_rows(Gen *g, const DotBlock *all, LLVMValueRef from, LLVMValueRef m,
                               LLVMValueRef n, int height) {
    LLVMValueRef zero = gen_int(g, 0), left = zero;
    LLVMValueRef odd = LLVMBuildURem(g->b, gen_sub(g, m, from), gen_int(g, height), "");
    LLVMValueRef end = gen_sub(g, m, odd);
    GenLoop by_row = gen_loop(g, from, end, gen_int(g, height));
    DotBlock block = *all;
    block.rows = height;
    block.a = gen_shift(g, all->a, by_row.i, zero);
    block.c = gen_shift(g, all->c, by_row.i, zero);
    if (height > 1)
        left = inner_columns(g, &block, zero, n, 3);
    inner_columns(g, &block, left, n, 1);
    gen_loop_end(g, &by_row);
    return end;
}

/* C = A B where both lie along k: dot products of a few rows with three columns at a time, as much
 * of k at once as lets these rows stay in the nearest cache. */
static void inner_body(Gen *g, int add, int vecs, const LLVMValueRef *p) {
    (void)vecs;
    enum { ROWS_BYTES = 32 * 1024 };
    LLVMValueRef zero = gen_int(g, 0), one = gen_int(g, 1), k = p[2];
    ContractOperand a = gen_operand(p[3], p[4], one), b = gen_operand(p[5], one, p[6]);
    int top = g->target->vector_registers >= 32 ? 8 : g->target->has_fma ? 4 : 2;
    if (top > g->lanes)
        top = g->lanes;
    LLVMValueRef most = gen_int(g, ROWS_BYTES / (g->is_f64 ? 8 : 4) / top);
    GenLoop by_k = gen_loop(g, zero, LLVMBuildSelect(g->b, gen_less(g, k, one), one, k, ""), most);
    DotBlock block = {.k = gen_min(g, gen_sub(g, k, by_k.i), most),
                      .c = gen_operand(p[7], p[8], p[9])};
    block.a = gen_shift(g, a, zero, by_k.i);
    block.b = gen_shift(g, b, by_k.i, zero);
    block.accumulate = add ? LLVMConstInt(g->i1, 1, 0) : gen_less(g, zero, by_k.i);
    LLVMValueRef left = inner_rows(g, &block, zero, p[0], p[1], top);
    inner_rows(g, &block, left, p[0], p[1], 1);
    gen_loop_end(g, &by_k);
}

static void product_body(Gen *g, int rows, int vecs, const LLVMValueRef *p);

/* ---- calls ---- */

/* Calls the function of this kind for tiles of this many rows and vectors, where they matter to it,
 * after emitting it if it is not there. */
static void call(Gen *g, Kind kind, int rows, int vecs, LLVMValueRef *args) {
    typedef void Body(Gen * g, int rows, int vecs, const LLVMValueRef *params);
    static Body *const bodies[] = {product_body, along_body, across_body, pack_body,
                                   spill_body,   dots_body,  inner_body,  flow_body};
    char name[64];
    snprintf(name, sizeof name, "bpc.%s.%dx%d.%s", kind_names[kind], rows, vecs,
             g->is_f64 ? "f64" : "f32");
    LLVMValueRef fn = LLVMGetNamedFunction(g->target->module, name);
    if (!fn) {
        LLVMBuilderRef builder = LLVMCreateBuilderInContext(g->target->ctx);
        fn = new_function(g, name, kind);
        LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(g->target->ctx, fn, ""));
        Gen inner = gen_open(g->target, g->is_f64, builder, fn);
        LLVMValueRef params[16];
        LLVMGetParams(fn, params);
        bodies[kind](&inner, rows, vecs, params);
        LLVMBuildRetVoid(builder);
        LLVMDisposeBuilder(builder);
    }
    LLVMBuildCall2(g->b, kind_type(g, kind), fn, args, (unsigned)strlen(kind_params[kind]), "");
}

void blocked_product(Gen *g, LLVMValueRef accumulate, bool lower, LLVMValueRef m, LLVMValueRef n,
                     LLVMValueRef k, ContractOperand a, ContractOperand b, ContractOperand c) {
    LLVMValueRef args[] = {accumulate,
                           LLVMConstInt(g->i1, lower, 0),
                           m,
                           n,
                           k,
                           a.base,
                           a.row_stride,
                           a.col_stride,
                           b.base,
                           b.row_stride,
                           b.col_stride,
                           c.base,
                           c.row_stride,
                           c.col_stride};
    int64_t cols;
    bool narrow = gen_known(n, &cols) && cols <= g->lanes;
    call(g, KIND_product, 0, narrow ? 1 : PANEL_VECS, args);
}

void blocked_dots(Gen *g, LLVMValueRef accumulate, LLVMValueRef m, LLVMValueRef k,
                  ContractOperand a, LLVMValueRef x, ContractOperand c) {
    LLVMValueRef whole = a.whole ? a.whole : gen_int(g, 0);
    LLVMValueRef args[] = {accumulate, m, k, a.base, a.row_stride, whole, x, c.base, c.row_stride};
    call(g, KIND_dots, 0, 0, args);
}

void blocked_flow(Gen *g, LLVMValueRef accumulate, LLVMValueRef n, LLVMValueRef k,
                  ContractOperand a, ContractOperand b, LLVMValueRef c) {
    LLVMValueRef args[] = {accumulate, n, k, a.base, a.col_stride, b.base, b.row_stride, c};
    call(g, KIND_flow, 0, 0, args);
}

/* Whether rows so far apart fall on the same lines of the nearest cache after a few of them. */
static LLVMValueRef is_multiple(Gen *g, LLVMValueRef stride, int bytes) {
    LLVMValueRef mask = gen_int(g, bytes / (g->is_f64 ? 8 : 4) - 1);
    return equals(g, LLVMBuildAnd(g->b, stride, mask, ""), 0);
}

LLVMValueRef blocked_turn_pays(Gen *g, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k,
                               LLVMValueRef stride) {
    enum { LENGTH = 128, PAGE_BYTES = 4096 };
    int64_t rows = PANEL_VECS * g->lanes, known;
    bool never = (gen_known(m, &known) && known != rows) ||
                 (gen_known(n, &known) && known < 2 * rows) ||
                 (gen_known(k, &known) && known < LENGTH);
    if (never)
        return LLVMConstInt(g->i1, 0, 0);
    LLVMValueRef wide = gen_less(g, gen_int(g, 2 * rows - 1), n),
                 is_long = gen_less(g, gen_int(g, LENGTH - 1), k);
    LLVMValueRef pays = LLVMBuildAnd(g->b, equals(g, m, rows), wide, "");
    pays = LLVMBuildAnd(g->b, pays, is_long, "");
    if (g->is_f64)
        return pays;
    LLVMValueRef apart = LLVMBuildNot(g->b, is_multiple(g, stride, PAGE_BYTES), "");
    return LLVMBuildAnd(g->b, pays, apart, "");
}

int inner_most(const Gen *g) {
    return g->lanes + g->lanes / 2;
}

LLVMValueRef inner_pays(Gen *g, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k) {
    LLVMValueRef side = gen_min(g, m, n), most = gen_int(g, inner_most(g) + 1);
    LLVMValueRef length = gen_mul(g, side, gen_int(g, INNER_LENGTH));
    LLVMValueRef is_long = gen_less(g, length, gen_add(g, k, gen_int(g, 1)));
    return LLVMBuildAnd(g->b, gen_less(g, side, most), is_long, "");
}

void blocked_inner(Gen *g, bool add, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k,
                   ContractOperand a, ContractOperand b, ContractOperand c) {
    LLVMValueRef args[] = {
        m, n, k, a.base, a.row_stride, b.base, b.col_stride, c.base, c.row_stride, c.col_stride};
    call(g, KIND_inner, add, 0, args);
}

void blocked_pack(Gen *g, LLVMValueRef panel, int vecs, ContractOperand b, LLVMValueRef rows,
                  LLVMValueRef cols) {
    LLVMValueRef width = gen_int(g, (int64_t)vecs * g->lanes);
    LLVMValueRef args[] = {panel, width, b.base, b.row_stride, b.col_stride, rows, cols};
    call(g, KIND_pack, 0, 0, args);
}

/* ---- the product ---- */

typedef struct Product {
    int vecs;                                /* of a panel */
    LLVMValueRef accumulate, lower, m, n, k; /* lower: above the diagonal nothing is wanted */
    ContractOperand a, b, c; /* later: of the current panel, and b as it is to be read */
    LLVMValueRef rows, start, cols, depth, direct,
        buffer;          /* of the panel, from row `start` on; direct: tiles go to C at once */
    LLVMValueRef across; /* whether A has unit stride along its rows, as its copy has */
    LLVMValueRef packed, copy; /* whether A is copied, tile by tile */
    LLVMValueRef few;   /* rows of A from which on B is copied, unless it stays near or ... */
    LLVMValueRef flows; /* ... it is large, and its rows are read as they come, once or twice */
} Product;

/* By registers (32, 16, 16 without fma), and by vectors: rows of a tile. */
static const int *tile_heights(const Gen *g, int vecs) {
    static const int all[3][2][3] = {
        {{16, 4, 1}, {12, 4, 1}}, {{12, 4, 1}, {6, 2, 1}}, {{8, 4, 1}, {4, 2, 1}}};
    const ContractTarget *t = g->target;
    return all[t->vector_registers >= 32 ? 0 : t->has_fma ? 1 : 2][vecs - 1];
}

/* The copy of a tile has so many vectors for each column of A. */
static int copy_vecs(const Gen *g, int vecs) {
    return (tile_heights(g, vecs)[0] + g->lanes - 1) / g->lanes;
}

/* Where row `row` of the copy of A is: in tiles of the greatest height. */
static LLVMValueRef copied_row(Gen *g, const Product *p, LLVMValueRef row) {
    LLVMValueRef height = gen_int(g, tile_heights(g, p->vecs)[0]);
    LLVMValueRef tile = LLVMBuildUDiv(g->b, row, height, "");
    LLVMValueRef size = gen_mul(g, p->depth, gen_int(g, copy_vecs(g, p->vecs) * g->lanes));
    LLVMValueRef at = gen_at(g, p->copy, gen_mul(g, tile, size));
    return gen_at(g, at, gen_sub(g, row, gen_mul(g, tile, height)));
}

static void call_tile(Gen *g, const Product *p, LLVMValueRef row, int rows) {
    LLVMValueRef zero = gen_int(g, 0), width = gen_int(g, p->vecs * g->lanes);
    LLVMValueRef c = gen_element(g, &p->c, row, zero), a = gen_element(g, &p->a, row, zero);
    LLVMValueRef to = LLVMBuildSelect(g->b, p->direct, c, p->buffer, "");
    LLVMValueRef stride = LLVMBuildSelect(g->b, p->direct, p->c.row_stride, width, "");
    LLVMValueRef add = LLVMBuildAnd(g->b, p->direct, p->accumulate, "");
    LLVMValueRef along[] = {add,       p->depth,        a,  p->a.row_stride,
                            p->b.base, p->b.row_stride, to, stride};
    LLVMValueRef across[] = {add, p->depth, NULL, NULL, p->b.base, p->b.row_stride, to, stride};
    across[2] = LLVMBuildSelect(g->b, p->packed, copied_row(g, p, row), a, "");
    across[3] = LLVMBuildSelect(g->b, p->packed, gen_int(g, copy_vecs(g, p->vecs) * g->lanes),
                                p->a.col_stride, "");
    if (rows == 1) { /* has no stride along its rows */
        call(g, KIND_across, rows, p->vecs, across);
    } else {
        GenIf is_across = gen_if(g, p->across);
        call(g, KIND_across, rows, p->vecs, across);
        gen_else(g, &is_across);
        call(g, KIND_along, rows, p->vecs, along);
        gen_end(g, &is_across);
    }
    GenIf spill = gen_if(g, LLVMBuildNot(g->b, p->direct, ""));
    LLVMValueRef spill_args[] = {p->accumulate,   p->buffer,        c,      p->c.row_stride,
                                 p->c.col_stride, gen_int(g, rows), p->cols};
    call(g, KIND_spill, 0, p->vecs, spill_args);
    gen_end(g, &spill);
}

/* Tiles from the first row to the last, high ones as long as they fit; no high ones that end before
 * row `start`. */
static void each_tile(Gen *g, const Product *p) {
    const int *heights = tile_heights(g, p->vecs);
    LLVMValueRef from = gen_int(g, 0);
    for (int i = 0; i < 3; i++) {
        LLVMValueRef height = gen_int(g, heights[i]);
        LLVMValueRef odd = LLVMBuildURem(g->b, gen_sub(g, p->rows, from), height, "");
        LLVMValueRef end = gen_sub(g, p->rows, odd);
        if (i == 0)
            from = gen_min(g, gen_sub(g, p->start, LLVMBuildURem(g->b, p->start, height, "")), end);
        GenLoop loop = gen_loop(g, from, end, height);
        call_tile(g, p, loop.i, heights[i]);
        gen_loop_end(g, &loop);
        from = end;
    }
}

/* ---- A in a row ---- */

/* Whether A is copied. It must be if neither stride is 1. Else a copy pays for several panels of
 * columns if A's columns are so far apart that a few of them fill their lines of the nearest cache.
 * (For rows whole pages apart it was slower in f64, and no faster in f32.) */
static void choose_a(Gen *g, Product *p) {
    enum { FAR_BYTES = 2048 };
    LLVMValueRef along = equals(g, p->a.col_stride, 1), across = equals(g, p->a.row_stride, 1);
    LLVMValueRef far =
        gen_less(g, gen_int(g, FAR_BYTES / (g->is_f64 ? 8 : 4) - 1), p->a.col_stride);
    LLVMValueRef some = LLVMBuildAnd(g->b, gen_less(g, gen_int(g, MAX_TILE_ROWS), p->m),
                                     gen_less(g, gen_int(g, p->vecs * g->lanes), p->n), "");
    LLVMValueRef pays = LLVMBuildAnd(g->b, across, LLVMBuildAnd(g->b, some, far, ""), "");
    LLVMValueRef neither = LLVMBuildNot(g->b, LLVMBuildOr(g->b, along, across, ""), "");
    p->packed = LLVMBuildOr(g->b, neither, pays, "");
    p->across = LLVMBuildOr(g->b, p->packed, LLVMBuildNot(g->b, along, ""), "");
    p->copy = gen_scratch(g, "bpc.copy", COPY_BYTES);
}

static void pack_block(Gen *g, const Product *p) {
    int height = tile_heights(g, p->vecs)[0], vecs = copy_vecs(g, p->vecs);
    GenIf packed = gen_if(g, p->packed);
    GenLoop tiles = gen_loop(g, gen_int(g, 0), p->rows, gen_int(g, height));
    LLVMValueRef rows = gen_min(g, gen_sub(g, p->rows, tiles.i), gen_int(g, height));
    ContractOperand a = gen_transposed(gen_shift(g, p->a, tiles.i, gen_int(g, 0)));
    blocked_pack(g, copied_row(g, p, tiles.i), vecs, a, p->depth, rows);
    gen_loop_end(g, &tiles);
    gen_end(g, &packed);
}

/* Whether B does not stay in the second-level cache. */
static LLVMValueRef is_far(Gen *g, const Product *p) {
    LLVMValueRef elements = gen_mul(g, p->k, p->b.row_stride);
    return gen_less(g, gen_int(g, NEAR_BYTES / (g->is_f64 ? 8 : 4)), elements);
}

static void choose_copies_of_b(Gen *g, Product *p) {
    LLVMValueRef far = is_far(g, p), unit = equals(g, p->b.col_stride, 1),
                 few = gen_less(g, p->m, gen_int(g, FLOW_ROWS + 1));
    p->few =
        LLVMBuildSelect(g->b, far, gen_int(g, PACK_FAR_FROM_ROWS), gen_int(g, PACK_FROM_ROWS), "");
    p->flows = LLVMBuildAnd(g->b, LLVMBuildAnd(g->b, far, unit, ""), few, "");
}

/* Few rows of B, that are not on the same lines of the nearest cache as one another or as rows of
 * C. */
static LLVMValueRef stays_near(Gen *g, const Product *p) {
    enum { ROWS = 32, BYTES = 256 };
    LLVMValueRef apart = LLVMBuildNot(g->b, is_multiple(g, p->b.row_stride, BYTES), "");
    return LLVMBuildAnd(g->b, gen_less(g, p->depth, gen_int(g, ROWS + 1)), apart, "");
}

/* Where the panel's B is read: in place if its columns are whole vectors and few rows of A use it.
 */
static void choose_b(Gen *g, Product *p) {
    LLVMValueRef panel = gen_scratch(g, "bpc.panel", PANEL_BYTES);
    LLVMValueRef width = gen_int(g, p->vecs * g->lanes);
    LLVMValueRef whole = equals(g, p->cols, p->vecs * g->lanes);
    LLVMValueRef few = gen_less(g, gen_sub(g, p->rows, p->start), p->few);
    few = LLVMBuildOr(g->b, few, LLVMBuildOr(g->b, stays_near(g, p), p->flows, ""), "");
    LLVMValueRef unit = equals(g, p->b.col_stride, 1);
    LLVMValueRef ready = LLVMBuildAnd(g->b, LLVMBuildAnd(g->b, whole, few, ""), unit, "");
    GenIf pack = gen_if(g, LLVMBuildNot(g->b, ready, ""));
    blocked_pack(g, panel, p->vecs, p->b, p->depth, p->cols);
    gen_end(g, &pack);
    p->b.base = LLVMBuildSelect(g->b, ready, p->b.base, panel, "");
    p->b.row_stride = LLVMBuildSelect(g->b, ready, p->b.row_stride, width, "");
    p->direct = LLVMBuildAnd(g->b, whole, equals(g, p->c.col_stride, 1), "");
    p->buffer = gen_scratch(g, "bpc.tile", MAX_TILE_ROWS * PANEL_VECS * GEN_MAX_BYTES);
}

/* Rows of a block so deep: as many as fit, and blocks of about the same size. */
static LLVMValueRef block_rows(Gen *g, const Product *p, LLVMValueRef depth) {
    int height = tile_heights(g, p->vecs)[0];
    int64_t bytes = g->is_f64 ? 8 : 4, copied = copy_vecs(g, p->vecs) * g->lanes * bytes;
    assert(COPY_BYTES / copied >= panel_rows(g, PANEL_VECS)); /* a tile, at the least */
    LLVMValueRef room = gen_either(g, p->packed, gen_int(g, COPY_BYTES / copied),
                                   gen_int(g, BLOCK_BYTES / (height * bytes)));
    LLVMValueRef most = gen_mul(g, LLVMBuildUDiv(g->b, room, depth, ""), gen_int(g, height));
    LLVMValueRef one = gen_int(g, 1), m = gen_sub(g, gen_add(g, p->m, most), one);
    LLVMValueRef blocks = LLVMBuildUDiv(g->b, m, most, "");
    blocks = LLVMBuildSelect(g->b, equals(g, blocks, 0), one, blocks, "");
    LLVMValueRef tiles = gen_mul(g, blocks, gen_int(g, height));
    tiles = LLVMBuildUDiv(g->b, gen_sub(g, gen_add(g, p->m, tiles), one), tiles, "");
    tiles = LLVMBuildSelect(g->b, equals(g, tiles, 0), one, tiles, "");
    return gen_mul(g, tiles, gen_int(g, height));
}

/* Of blocks along k, `most` at most: as many as must be, of about the same size; in whole vectors,
 * which are what a turned copy is made of. */
static LLVMValueRef even_depth(Gen *g, LLVMValueRef k, int most) {
    LLVMValueRef one = gen_int(g, 1), last = gen_int(g, most - 1);
    LLVMValueRef blocks = LLVMBuildUDiv(g->b, gen_add(g, k, last), gen_int(g, most), "");
    blocks = LLVMBuildSelect(g->b, equals(g, blocks, 0), one, blocks, "");
    LLVMValueRef depth = LLVMBuildUDiv(g->b, gen_sub(g, gen_add(g, k, blocks), one), blocks, "");
    LLVMValueRef whole = gen_round_down(g, gen_add(g, depth, gen_int(g, g->lanes - 1)), g->lanes);
    return LLVMBuildSelect(g->b, equals(g, whole, 0), one, whole, "");
}

/* A B that flows comes from memory in rows, each of which the processor fetches ahead: as few at a
 * time as C, which comes from a cache each time, allows; more where all rows fall on the same lines
 * of the nearest cache. */
static LLVMValueRef choose_depth(Gen *g, const Product *p) {
    enum { FLOW_DEPTH = 32, FLOW_DEPTH_ALIKE = 128, ALIKE_BYTES = 2048 };
    LLVMValueRef alike = is_multiple(g, p->b.row_stride, ALIKE_BYTES);
    LLVMValueRef flow =
        LLVMBuildSelect(g->b, alike, gen_int(g, FLOW_DEPTH_ALIKE), gen_int(g, FLOW_DEPTH), "");
    LLVMValueRef even = even_depth(g, p->k, panel_rows(g, PANEL_VECS));
    return LLVMBuildSelect(g->b, p->flows, flow, even, "");
}

static void product_by_tiles(Gen *g, const Product *p) {
    LLVMValueRef zero = gen_int(g, 0), width = gen_int(g, p->vecs * g->lanes);
    LLVMValueRef depth = choose_depth(g, p), block = block_rows(g, p, depth);
    GenLoop by_m = gen_loop(g, zero, p->m, block);
    LLVMValueRef at_least_one =
        LLVMBuildSelect(g->b, gen_less(g, zero, p->k), p->k, gen_int(g, 1), "");
    GenLoop by_k = gen_loop(g, zero, at_least_one, depth); /* k = 0 still writes zeros */
    Product panel = *p;
    panel.rows = gen_min(g, gen_sub(g, p->m, by_m.i), block);
    panel.depth = gen_min(g, gen_sub(g, p->k, by_k.i), depth);
    panel.a = gen_shift(g, p->a, by_m.i, by_k.i);
    pack_block(g, &panel);
    GenLoop by_n = gen_loop(g, zero, p->n, width);
    panel.cols = gen_min(g, gen_sub(g, p->n, by_n.i), width);
    panel.b = gen_shift(g, p->b, by_k.i, by_n.i);
    panel.c = gen_shift(g, p->c, by_m.i, by_n.i);
    LLVMValueRef later = gen_less(g, zero, by_k.i);
    panel.accumulate = LLVMBuildOr(g->b, p->accumulate, later, "");
    /* columns from by_n on meet the diagonal at that row */
    LLVMValueRef above = gen_less(g, by_m.i, by_n.i);
    panel.start = LLVMBuildSelect(g->b, LLVMBuildAnd(g->b, p->lower, above, ""),
                                  gen_sub(g, by_n.i, by_m.i), zero, "");
    choose_b(g, &panel);
    each_tile(g, &panel);
    gen_loop_end(g, &by_n);
    gen_loop_end(g, &by_k);
    gen_loop_end(g, &by_m);
}

static void product_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    (void)rows;
    Product product = {
        .vecs = vecs, .accumulate = p[0], .lower = p[1], .m = p[2], .n = p[3], .k = p[4]};
    product.a = gen_operand(p[5], p[6], p[7]);
    product.b = gen_operand(p[8], p[9], p[10]);
    product.c = gen_operand(p[11], p[12], p[13]);
    choose_a(g, &product);
    choose_copies_of_b(g, &product);
    product_by_tiles(g, &product);
}
