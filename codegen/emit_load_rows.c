/* Rows that lanes read, each at a place of its own: gathers of a few numbers side by side; see
 * emit.h.
 *
 * What a body reads of one row, x[i, 0], x[i, 1], .., is loaded in blocks of as many elements as a
 * vector has, or fewer: a block of each lane's row, transposed in registers. A gather takes some
 * 12 cycles a column on Zen 4, a block of eight columns in eight lanes takes about 30. A block is
 * loaded where the first of its elements is read; it may reach over elements that nobody reads, but
 * not out of the row, whose length is a constant. */
#include "codegen/emit.h"

#include <stdlib.h>

enum { MOST_IN_ROW = 64, ROWS_BACK = 8 };

/* One block. */
typedef struct RowLoad {
    const Inst *first;
    int64_t column;
    int size, n;
    bool loaded; /* where `first` was emitted */
    const Inst *members[MOST_IN_ROW];
} RowLoad;

/* ---- which elements are read together ---- */

/* Elements of one row, in one region. */
typedef struct Row {
    int n;
    const Inst *members[MOST_IN_ROW];
    struct Row *earlier; /* of the same array */
} Row;

typedef struct Rows {
    Emit *e;
    PtrMap last; /* array -> its Row that began last */
    VEC(Row *) all;
} Rows;

static int64_t column_of(const Inst *inst) {
    return inst->in[inst->n_in - 1]->inst->attr.integer;
}

static bool reads_element(const Inst *inst) {
    return inst->op == OP_index && inst->out[0]->type->rank == 0 &&
           inst->out[0]->type->elem != S_bool && inst_is_const(inst->in[inst->n_in - 1]);
}

static bool same_row(const Inst *a, const Inst *b) {
    for (int k = 1; k < a->n_in - 1; k++)
        if (a->in[k] != b->in[k])
            return false;
    return a->n_in == b->n_in;
}

static void add_to_row(Rows *rows, const Inst *inst) {
    Row *row = ptrmap_get(&rows->last, inst->in[0]);
    for (int back = 0; row && back < ROWS_BACK; back++, row = row->earlier)
        if (row->n < MOST_IN_ROW && same_row(row->members[0], inst)) {
            row->members[row->n++] = inst;
            return;
        }
    row = ARENA_NEW(rows->e->arena, Row);
    *row = (Row){.n = 1, .members = {inst}, .earlier = ptrmap_get(&rows->last, inst->in[0])};
    ptrmap_put(&rows->last, inst->in[0], row);
    vec_push(rows->e->arena, &rows->all, row);
}

/* ---- blocks ---- */

static int by_column(const void *a, const void *b) {
    int64_t x = column_of(*(const Inst *const *)a), y = column_of(*(const Inst *const *)b);
    return (x > y) - (x < y);
}

/* How many of the members from `first` on have their column below `end`, and how many columns. */
static int members_below(const Row *row, int first, int64_t end, int *columns) {
    int k = first;
    *columns = 0;
    for (; k < row->n && column_of(row->members[k]) < end; k++)
        *columns += k == first || column_of(row->members[k]) != column_of(row->members[k - 1]);
    return k - first;
}

/* Members from `first` on become a block where more than half of it is read: how many there are. */
static int take_block(Emit *e, const Row *row, int first) {
    const Value *array = row->members[first]->in[0];
    int64_t column = column_of(row->members[first]), extent;
    /* Where it is a size, a check may stand between two elements. */
    if (!size_is_const(array->type->dims[array->type->rank - 1], &extent))
        return 1;
    for (int size = e->target->vector_bytes / (int)scalar_bytes(array->type->elem); size > 1;
         size /= 2) {
        int64_t from = column + size <= extent ? column : extent - size;
        int columns, n = members_below(row, first, from + size, &columns);
        if (from < 0 || 2 * columns <= size)
            continue;
        RowLoad *load = ARENA_NEW(e->arena, RowLoad);
        *load = (RowLoad){.column = from, .size = size, .n = n};
        for (int k = 0; k < n; k++) {
            load->members[k] = row->members[first + k];
            ptrmap_put(&e->row_loads, load->members[k], load);
        }
        return n;
    }
    return 1;
}

/* The first of a block's members in the order of the region. */
static void note_first(Emit *e, const Inst *inst) {
    RowLoad *load = ptrmap_get(&e->row_loads, inst);
    if (load && !load->first)
        load->first = inst;
}

void emit_find_row_loads(Emit *e, const Region *region) {
    Rows rows = {.e = e};
    ptrmap_init(&rows.last, e->arena);
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (reads_element(inst))
            add_to_row(&rows, inst);
        for (int k = 0; k < inst->n_region; k++)
            emit_find_row_loads(e, inst->regions[k]);
    }
    for (int i = 0; i < rows.all.n; i++) {
        Row *row = rows.all.data[i];
        qsort(row->members, (size_t)row->n, sizeof *row->members, by_column);
        for (int first = 0; first < row->n;)
            first += take_block(e, row, first);
    }
    for (int i = 0; rows.all.n > 0 && i < region->insts.n; i++)
        note_first(e, region->insts.data[i]);
}

/* ---- loading ---- */

static LLVMValueRef load_piece(Emit *e, Scalar elem, LLVMValueRef row, int64_t column, int size) {
    LLVMValueRef at = emit_i64(e, column);
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, emit_type(e, elem), row, &at, 1, "");
    LLVMTypeRef type = LLVMVectorType(emit_type(e, elem), (unsigned)size);
    LLVMValueRef v = LLVMBuildLoad2(e->builder, type, place, "");
    LLVMSetAlignment(v, (unsigned)scalar_bytes(elem));
    return v;
}

/* Columns from `column` on, `size` of them, as vectors of all lanes. */
static void load_columns(Emit *e, Scalar elem, const LLVMValueRef *places, int64_t column, int size,
                         LLVMValueRef *columns) {
    int lanes = rows_vector_lanes(e, elem), parts = e->width / lanes;
    LLVMValueRef *pieces = ARENA_ARRAY(e->arena, lanes, LLVMValueRef),
                 *v = ARENA_ARRAY(e->arena, size * parts, LLVMValueRef);
    for (int part = 0; part < parts; part++) {
        LLVMValueRef *block = ARENA_ARRAY(e->arena, size, LLVMValueRef);
        for (int i = 0; i < size; i++) {
            for (int g = 0; g < lanes / size; g++)
                pieces[g] = load_piece(e, elem, places[part * lanes + g * size + i], column, size);
            block[i] = rows_join(e, pieces, lanes / size);
        }
        rows_transpose(e, block, size, lanes);
        for (int i = 0; i < size; i++)
            v[i * parts + part] = block[i];
    }
    for (int i = 0; i < size; i++)
        columns[i] = rows_join(e, v + (ptrdiff_t)i * parts, parts);
}

static bool load_block(Emit *e, const RowLoad *load) {
    const Inst *inst = load->first;
    const View *array = emit_val(e, inst->in[0])->view;
    Val index[IR_MAX_RANK];
    int n = emit_indices(e, inst, 1, index);
    View row = view_index(e, array, n - 1, index);
    LLVMValueRef *places = ARENA_ARRAY(e->arena, e->width, LLVMValueRef),
                 *columns = ARENA_ARRAY(e->arena, load->size, LLVMValueRef);
    if (!row.base || row.sums || !is_int(row.strides[0], 1))
        return false;
    if (row.lane_offset)
        rows_find_places(e, inst, 1, array, &row, places);
    else if (!rows_find_steps(e, &row, places))
        return false;
    int lanes = rows_vector_lanes(e, row.elem), size = load->size < lanes ? load->size : lanes;
    for (int k = 0; k < load->size; k += size)
        load_columns(e, row.elem, places, load->column + k, size, columns + k);
    for (int k = 0; k < load->n; k++)
        *emit_val(e, load->members[k]->out[0]) =
            val_of(columns[column_of(load->members[k]) - load->column]);
    return true;
}

bool emit_load_row(Emit *e, const Inst *inst) {
    RowLoad *load = e->width > 1 ? ptrmap_get(&e->row_loads, inst) : NULL;
    if (load && inst == load->first)
        load->loaded = load_block(e, load);
    return load && load->loaded;
}
