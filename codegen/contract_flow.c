/* One row times a matrix that flows by; see contract_flow.h. */
#include "codegen/contract_flow.h"

LLVMValueRef flow_is_far(Gen *g, LLVMValueRef whole) {
    enum { FAR_BYTES = 2 << 20 };
    return whole ? gen_less(g, gen_int(g, FAR_BYTES / (g->is_f64 ? 8 : 4)), whole)
                 : LLVMConstInt(g->i1, 0, 0);
}

LLVMValueRef flow_in_order(Gen *g, LLVMValueRef n) {
    enum { FROM_BYTES = 256, TO_BYTES = 2048 };
    int bytes = g->is_f64 ? 8 : 4;
    LLVMValueRef from = gen_less(g, gen_int(g, FROM_BYTES / bytes - 1), n);
    return LLVMBuildAnd(g->b, from, gen_less(g, n, gen_int(g, TO_BYTES / bytes + 1)), "");
}

enum { MOST_ROWS = 8 };

/* Rows of B that are added to C at once, each times its element of A. */
typedef struct Rows {
    LLVMValueRef add; /* i1: to what is in C */
    LLVMValueRef factor[MOST_ROWS], row[MOST_ROWS], c;
    int n;
} Rows;

/* A vector of C, or as many of its lanes. */
static void add_vector(Gen *g, const Rows *rows, LLVMValueRef col, LLVMValueRef lanes) {
    LLVMValueRef to = gen_at(g, rows->c, col);
    LLVMValueRef sum =
        LLVMBuildSelect(g->b, rows->add, gen_load_lanes(g, to, lanes), LLVMConstNull(g->vec), "");
    for (int r = 0; r < rows->n; r++)
        sum = gen_fma(g, rows->factor[r], gen_load_lanes(g, gen_at(g, rows->row[r], col), lanes),
                      sum);
    gen_store_lanes(g, sum, to, lanes);
}

/* Rows [from, to), so many at once. */
static void add_rows(Gen *g, const LLVMValueRef *p, LLVMValueRef from, LLVMValueRef to, int n) {
    LLVMValueRef zero = gen_int(g, 0), lanes = gen_int(g, g->lanes);
    LLVMValueRef whole = gen_round_down(g, p[1], g->lanes), left = gen_sub(g, p[1], whole);
    GenLoop by_row = gen_loop(g, from, to, gen_int(g, n));
    Rows rows = {.n = n, .c = p[7]};
    rows.add = LLVMBuildOr(g->b, p[0], gen_less(g, zero, by_row.i), "");
    for (int r = 0; r < n; r++) {
        LLVMValueRef row = gen_add(g, by_row.i, gen_int(g, r));
        rows.factor[r] = gen_splat(g, gen_load(g, gen_at(g, p[3], gen_mul(g, row, p[4]))));
        rows.row[r] = gen_at(g, p[5], gen_mul(g, row, p[6]));
    }
    if (gen_has_masks(g)) { /* as cheap as others, and less to compile */
        GenLoop by_col = gen_loop(g, zero, p[1], lanes);
        add_vector(g, &rows, by_col.i, gen_min(g, gen_sub(g, p[1], by_col.i), lanes));
        gen_loop_end(g, &by_col);
    } else {
        GenLoop by_col = gen_loop(g, zero, whole, lanes);
        add_vector(g, &rows, by_col.i, lanes);
        gen_loop_end(g, &by_col);
        GenIf rest = gen_if(g, gen_less(g, zero, left));
        add_vector(g, &rows, whole, left);
        gen_end(g, &rest);
    }
    gen_loop_end(g, &by_row);
}

/* C (+)= A B of a row A and a B that has rows. */
void flow_body(Gen *g, int rows, int vecs, const LLVMValueRef *p) {
    (void)rows, (void)vecs;
    int side_by_side = g->target->vector_registers >= 32 ? MOST_ROWS : MOST_ROWS / 2;
    LLVMValueRef zero = gen_int(g, 0), whole = gen_round_down(g, p[2], side_by_side);
    whole = gen_either(g, flow_in_order(g, p[1]), zero, whole);
    add_rows(g, p, zero, whole, side_by_side);
    add_rows(g, p, whole, p[2], 1);
}
