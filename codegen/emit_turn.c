/* Copies of matrices that lie along their other axis; see emit.h.
 *
 * Element by element, one side of such a copy is always apart. Squares of as many rows and columns
 * as a vector has lanes are loaded along one axis, transposed in registers and stored along the
 * other. They go through strips of rows: of each column of the source so many elements that the
 * lines and the pages they are on are used up while they are near, while the rows written stay in
 * the second-level cache. What fills no square is left to element by element. */
#include "codegen/emit.h"

enum { MOST_LANES = 16, STRIP = 8 }; /* STRIP: squares */

typedef struct Turn {
    const View *to, *from; /* [rows, columns]: `to` lies along its columns, `from` along its rows */
    int lanes;
} Turn;

static LLVMValueRef place(Emit *e, const View *x, LLVMValueRef row, LLVMValueRef column) {
    LLVMValueRef at =
        emit_iadd(e, emit_imul(e, row, x->strides[0]), emit_imul(e, column, x->strides[1]));
    return LLVMBuildInBoundsGEP2(e->builder, emit_type(e, x->elem), x->base, &at, 1, "");
}

static void emit_square(Emit *e, const Turn *t, LLVMValueRef row, LLVMValueRef column) {
    LLVMTypeRef type = LLVMVectorType(emit_type(e, t->to->elem), (unsigned)t->lanes);
    unsigned align = (unsigned)scalar_bytes(t->to->elem);
    LLVMValueRef v[MOST_LANES];
    for (int k = 0; k < t->lanes; k++) {
        LLVMValueRef from = place(e, t->from, row, emit_iadd(e, column, emit_i64(e, k)));
        v[k] = LLVMBuildLoad2(e->builder, type, from, "");
        LLVMSetAlignment(v[k], align);
    }
    rows_transpose(e, v, t->lanes, t->lanes);
    for (int k = 0; k < t->lanes; k++) {
        LLVMValueRef to = place(e, t->to, emit_iadd(e, row, emit_i64(e, k)), column);
        LLVMSetAlignment(LLVMBuildStore(e->builder, v[k], to), align);
    }
}

static LLVMValueRef round_down(Emit *e, LLVMValueRef n, int unit) {
    return LLVMBuildAnd(e->builder, n, emit_i64(e, -unit), "");
}

/* A size may come out negative where a loop would not run, or nothing is reached. */
static LLVMValueRef not_negative(Emit *e, LLVMValueRef n) {
    return LLVMIsAConstantInt(n) ? n : emit_binary(e, OP_max, S_i64, n, emit_i64(e, 0));
}

static void emit_squares(Emit *e, const Turn *t, LLVMValueRef rows, LLVMValueRef columns) {
    Counted strip, across, down;
    LLVMValueRef zero = emit_i64(e, 0), height = emit_i64(e, STRIP * t->lanes);
    counted_begin(e, &strip, zero, rows, STRIP * t->lanes, 0, NULL);
    LLVMValueRef end = emit_binary(e, OP_min, S_i64, emit_iadd(e, strip.index, height), rows);
    counted_begin(e, &across, zero, columns, t->lanes, 0, NULL);
    counted_begin(e, &down, strip.index, end, t->lanes, 0, NULL);
    emit_square(e, t, down.index, across.index);
    counted_end(e, &down, NULL);
    counted_end(e, &across, NULL);
    counted_end(e, &strip, NULL);
}

/* The part of a matrix from (row, column) on, of so many rows and columns. */
static View part_of(Emit *e, const View *x, LLVMValueRef row, LLVMValueRef column,
                    LLVMValueRef rows, LLVMValueRef columns) {
    View part = *x;
    part.base = place(e, x, row, column);
    part.dims[0] = rows;
    part.dims[1] = columns;
    part.dense = false;
    return part;
}

static bool is_known_short(LLVMValueRef n, int lanes) {
    return LLVMIsAConstantInt(n) && LLVMConstIntGetSExtValue(n) < lanes;
}

/* Whether `to` lies along its last axis, and `from` along this one. */
static bool is_turned(const View *to, const View *from, int axis, int lanes) {
    int last = to->rank - 1;
    return is_int(to->strides[last], 1) && is_int(from->strides[axis], 1) &&
           !is_int(from->strides[last], 1) && !is_known_short(to->dims[axis], lanes) &&
           !is_known_short(to->dims[last], lanes);
}

static void copy_matrix(Emit *e, const View *to, const View *from, int lanes, EmitCopy *rest) {
    Turn turn = {to, from, lanes};
    LLVMValueRef zero = emit_i64(e, 0), height = not_negative(e, to->dims[0]);
    LLVMValueRef width = not_negative(e, to->dims[1]);
    LLVMValueRef rows = round_down(e, height, lanes), below = emit_isub(e, height, rows);
    LLVMValueRef columns = round_down(e, width, lanes), beside = emit_isub(e, width, columns);
    emit_squares(e, &turn, rows, columns);
    View to_right = part_of(e, to, zero, columns, height, beside);
    View from_right = part_of(e, from, zero, columns, height, beside);
    rest(e, &to_right, &from_right);
    View to_below = part_of(e, to, rows, zero, below, columns);
    View from_below = part_of(e, from, rows, zero, below, columns);
    rest(e, &to_below, &from_below);
}

/* The axis becomes the last but one. */
static View with_axis_behind(View x, int axis) {
    LLVMValueRef dim = x.dims[axis], stride = x.strides[axis];
    for (; axis < x.rank - 2; axis++) {
        x.dims[axis] = x.dims[axis + 1];
        x.strides[axis] = x.strides[axis + 1];
    }
    x.dims[axis] = dim;
    x.strides[axis] = stride;
    x.dense = false;
    return x;
}

/* Loops over all axes but the last two. */
static void copy_nest(Emit *e, const View *to, const View *from, int lanes, EmitCopy *rest) {
    if (to->rank == 2) {
        copy_matrix(e, to, from, lanes, rest);
        return;
    }
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), to->dims[0], 1, 0, NULL);
    Val index = val_of(loop.index);
    View to_row = view_index(e, to, 1, &index), from_row = view_index(e, from, 1, &index);
    copy_nest(e, &to_row, &from_row, lanes, rest);
    counted_end(e, &loop, NULL);
}

bool emit_copy_turned(Emit *e, const View *to, const View *from, EmitCopy *rest) {
    int lanes = e->target->vector_bytes / scalar_bytes(to->elem), last = to->rank - 1;
    if (e->width > 1 || e->options->opt_level == 0 || e->m->watched || last < 1 ||
        to->elem == S_bool || !from->base || view_is_empty(to)) {
        return false;
    }
    for (int k = 0; k < last; k++) {
        if (is_turned(to, from, k, lanes)) {
            View a = with_axis_behind(*to, k), b = with_axis_behind(*from, k);
            copy_nest(e, &a, &b, lanes, rest);
            return true;
        }
    }
    return false;
}
