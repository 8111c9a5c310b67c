/* Rows that lanes add to, each at a place of its own: the adjoint of a gather of rows; see emit.h.
 *
 * A chain of add_at that adds to elements of one row, acc[i, 0], acc[i, 1], .., is emitted where it
 * ends. The vectors of elements are transposed in registers, and each lane adds its row by as few
 * loads and stores as it takes; one after the other, as lanes may have the same row. A piece of a
 * row may reach over elements that nothing is added to, but not out of the row. */
#include "codegen/emit.h"

#include <stdlib.h>

enum { MOST_IN_ROW = 64 };

typedef struct Element {
    int64_t column;
    LLVMValueRef value; /* of all lanes */
} Element;

/* ---- which add_at belong together ---- */

static bool adds_element(const Inst *inst) {
    return inst->op == OP_add_at && inst->in[1]->type->rank == 0 &&
           inst->n_in - 2 == inst->in[0]->type->rank && inst->n_in >= 4 &&
           inst_is_const(inst->in[inst->n_in - 1]);
}

/* Whether b adds to what a made, and to the same row; a sum of a loop, of which nothing else sees
 * what a made. */
static bool follows(const Inst *a, const Inst *b) {
    if (!a || a->region != b->region || !adds_element(a) || !adds_element(b) ||
        a->n_in != b->n_in || !a->out[0]->is_acc)
        return false;
    for (int k = 2; k < a->n_in - 1; k++)
        if (a->in[k] != b->in[k])
            return false;
    return true;
}

/* The add_at before this one in its row, or NULL. */
static const Inst *before(const Emit *e, const Inst *inst) {
    const Inst *a = inst->in[0]->inst;
    return a && ptrmap_get(&e->row_goes_on, a) == inst ? a : NULL;
}

static bool has_room(const Emit *e, const Inst *inst) {
    int n = 1;
    while (n < MOST_IN_ROW && (inst = before(e, inst)))
        n++;
    return n < MOST_IN_ROW;
}

void emit_find_row_adds(Emit *e, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (adds_element(inst) && follows(inst->in[0]->inst, inst) &&
            has_room(e, inst->in[0]->inst))
            ptrmap_put(&e->row_goes_on, inst->in[0]->inst, (void *)inst);
        for (int k = 0; k < inst->n_region; k++)
            emit_find_row_adds(e, inst->regions[k]);
    }
}

bool emit_row_goes_on(const Emit *e, const Inst *inst) {
    return e->width > 1 && ptrmap_get(&e->row_goes_on, inst) != NULL;
}

/* ---- the elements ---- */

static int by_column(const void *a, const void *b) {
    int64_t x = ((const Element *)a)->column, y = ((const Element *)b)->column;
    return (x > y) - (x < y);
}

/* Of the row that `last` ends, each column once and in order. */
static int collect_elements(Emit *e, const Inst *last, Element *elements) {
    int n = 0;
    for (const Inst *inst = last; inst; inst = before(e, inst)) {
        int64_t column = inst->in[inst->n_in - 1]->inst->attr.integer;
        LLVMValueRef v = emit_lanes(e, *emit_val(e, inst->in[1]));
        int at = 0;
        while (at < n && elements[at].column != column)
            at++;
        if (at < n)
            v = emit_binary(e, OP_add, inst->in[1]->type->elem, v, elements[at].value);
        elements[at] = (Element){column, v};
        n += at == n;
    }
    qsort(elements, (size_t)n, sizeof *elements, by_column);
    return n;
}

/* ---- adding ---- */

/* Elements side by side, of the rows of as many lanes as a vector has. */
typedef struct Piece {
    int64_t column;
    int size; /* a power of two */
    LLVMValueRef *vectors;
} Piece;

/* The next piece of the elements from `first` on: how many of them are in it. */
static int next_piece(Emit *e, const View *row, const Element *elements, int n, int first,
                      Piece *piece) {
    int lanes = rows_vector_lanes(e, row->elem), count = 1, size = 1;
    while (first + count < n && count < lanes &&
           elements[first + count].column == elements[first].column + count)
        count++;
    while (size < count)
        size *= 2;
    int64_t end = LLVMIsAConstantInt(row->dims[0]) ? LLVMConstIntGetSExtValue(row->dims[0]) : 0;
    while (size > count && elements[first].column + size > end)
        size /= 2;
    count = count < size ? count : size;
    *piece = (Piece){elements[first].column, size, ARENA_ARRAY(e->arena, size, LLVMValueRef)};
    for (int k = 0; k < size; k++)
        piece->vectors[k] =
            k < count ? elements[first + k].value : LLVMConstNull(emit_lanes_type(e, row->elem));
    return count;
}

static void add_at(Emit *e, Scalar elem, LLVMValueRef row, int64_t column, LLVMValueRef v) {
    LLVMValueRef at = emit_i64(e, column);
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, emit_type(e, elem), row, &at, 1, "");
    LLVMValueRef old = LLVMBuildLoad2(e->builder, LLVMTypeOf(v), place, "");
    LLVMSetAlignment(old, (unsigned)scalar_bytes(elem));
    LLVMValueRef store = LLVMBuildStore(e->builder, emit_binary(e, OP_add, elem, old, v), place);
    LLVMSetAlignment(store, (unsigned)scalar_bytes(elem));
}

/* places: of the lanes' rows. */
static void add_piece(Emit *e, const View *row, const Piece *piece, const LLVMValueRef *places) {
    int lanes = rows_vector_lanes(e, row->elem), size = piece->size;
    LLVMValueRef *block = ARENA_ARRAY(e->arena, size, LLVMValueRef);
    for (int first = 0; first < e->width; first += lanes) {
        for (int k = 0; k < size; k++)
            block[k] = rows_part_of(e, piece->vectors[k], first, lanes);
        rows_transpose(e, block, size, lanes);
        for (int l = 0; l < lanes; l++) {
            LLVMValueRef part = rows_part_of(e, block[l % size], l / size * size, size);
            add_at(e, row->elem, places[first + l], piece->column, part);
        }
    }
}

static void add_one_by_one(Emit *e, const View *row, const Element *elements, int n) {
    for (int k = 0; k < n; k++) {
        Val index = val_of(emit_i64(e, elements[k].column));
        View element = view_index(e, row, 1, &index);
        view_add(e, &element, val_of(elements[k].value));
    }
}

bool emit_add_row(Emit *e, const Inst *inst, const View *whole, const View *row) {
    if (e->width == 1 || !before(e, inst))
        return false;
    Element elements[MOST_IN_ROW];
    int n = collect_elements(e, inst, elements);
    if (!row->lane_offset || row->sums || row->elem == S_bool || !is_int(row->strides[0], 1)) {
        add_one_by_one(e, row, elements, n);
        return true;
    }
    LLVMValueRef *places = ARENA_ARRAY(e->arena, e->width, LLVMValueRef);
    rows_find_places(e, inst, 2, whole, row, places);
    for (int k = 0; k < n; k++)
        elements[k].value = rows_included(e, elements[k].value);
    for (int first = 0; first < n;) {
        Piece piece;
        first += next_piece(e, row, elements, n, first, &piece);
        add_piece(e, row, &piece, places);
    }
    return true;
}
