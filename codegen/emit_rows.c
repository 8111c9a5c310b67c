/* Short rows of all lanes, and those that they write at once; see emit.h.
 *
 * Where every lane makes an array of a few numbers for a place of its own, element k of all lanes
 * is one vector, but memory wants the elements of a lane side by side. Scattering them costs a
 * store an element; here the vectors are transposed in registers and each lane's row is stored by
 * as few stores as it takes. Lanes without an iteration write what the last one writes, before it
 * does, so that nothing else is touched. */
#include "codegen/emit.h"

enum { MOST_LANES = 64, SMALLEST_ROW = 2, MOST_INTERLEAVED = 4 };

int rows_vector_lanes(const Emit *e, Scalar elem) {
    int lanes = e->target->vector_bytes / (elem == S_f32 || elem == S_i32 ? 4 : 8);
    return lanes < e->width ? lanes : e->width;
}

static LLVMValueRef shuffle(Emit *e, LLVMValueRef a, LLVMValueRef b, const int *from, int n) {
    LLVMValueRef lanes[MOST_LANES];
    for (int k = 0; k < n; k++) {
        lanes[k] = LLVMConstInt(e->i32, (unsigned long long)from[k], false);
    }
    return LLVMBuildShuffleVector(e->builder, a, b ? b : LLVMGetPoison(LLVMTypeOf(a)),
                                  LLVMConstVector(lanes, (unsigned)n), "");
}

/* n lanes of the vector, from `first` on. */
LLVMValueRef rows_part_of(Emit *e, LLVMValueRef vector, int first, int n) {
    int from[MOST_LANES];
    if ((int)LLVMGetVectorSize(LLVMTypeOf(vector)) == n) {
        return vector;
    }
    for (int k = 0; k < n; k++) {
        from[k] = first + k;
    }
    return shuffle(e, vector, NULL, from, n);
}

/* n vectors of some multiple of n lanes, n a power of two: among the n lanes of each multiple,
 * element j of vector i becomes element i of vector j. */
void rows_transpose(Emit *e, LLVMValueRef *v, int n, int lanes) {
    for (int d = 1; d < n; d *= 2) {
        int low[MOST_LANES], high[MOST_LANES];
        for (int k = 0; k < lanes; k++) {
            low[k] = k & d ? lanes + k - d : k;
            high[k] = k & d ? lanes + k : k + d;
        }
        for (int i = 0; i < n; i++) {
            if (!(i & d)) {
                LLVMValueRef a = v[i], b = v[i + d];
                v[i] = shuffle(e, a, b, low, lanes);
                v[i + d] = shuffle(e, a, b, high, lanes);
            }
        }
    }
}

static void store_at(Emit *e, const View *x, LLVMValueRef offset, LLVMValueRef v) {
    LLVMTypeRef type = emit_type(e, x->elem);
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, type, x->base, &offset, 1, "");
    unsigned align = x->elem == S_f32 || x->elem == S_i32 ? 4 : 8;
    LLVMSetAlignment(LLVMBuildStore(e->builder, v, place), align);
}

/* The first n elements of a row. */
static void store_row(Emit *e, const View *x, LLVMValueRef offset, LLVMValueRef row, int n) {
    for (int at = 0, size = (int)LLVMGetVectorSize(LLVMTypeOf(row)); at < n;) {
        while (size > n - at) {
            size /= 2;
        }
        store_at(e, x, emit_iadd(e, offset, emit_i64(e, at)), rows_part_of(e, row, at, size));
        at += size;
    }
}

LLVMValueRef rows_join(Emit *e, LLVMValueRef *v, int n) {
    for (int size = (int)LLVMGetVectorSize(LLVMTypeOf(v[0])); n > 1; n /= 2, size *= 2) {
        int all[MOST_LANES];
        for (int k = 0; k < 2 * size; k++) {
            all[k] = k;
        }
        for (int k = 0; k < n / 2; k++) {
            v[k] = shuffle(e, v[2 * k], v[2 * k + 1], all, 2 * size);
        }
    }
    return v[0];
}

LLVMValueRef rows_included(Emit *e, LLVMValueRef v) {
    return e->mask ? LLVMBuildSelect(e->builder, e->mask, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
}

void rows_find_places(Emit *e, const Inst *inst, int first, const View *whole, const View *row,
                      LLVMValueRef *places) {
    bool one_index = inst->n_in == first + 2 && !whole->lane_offset && !whole->lane_step;
    Val rest = {.v = emit_i64(e, 0), .step = row->lane_step};
    LLVMValueRef from =
        rows_included(e, one_index ? emit_val(e, inst->in[first])->v
                                   : emit_iadd(e, row->lane_offset, emit_lanes(e, rest)));
    for (int l = 0; l < e->width; l++) {
        LLVMValueRef lane = LLVMConstInt(e->i32, (unsigned long long)l, false);
        LLVMValueRef at = LLVMBuildExtractElement(e->builder, from, lane, "");
        at = one_index ? emit_imul(e, at, whole->strides[0]) : at;
        places[l] =
            LLVMBuildInBoundsGEP2(e->builder, emit_type(e, row->elem), row->base, &at, 1, "");
    }
}

/* How many elements a row of the lane is behind that of the first lane. */
static LLVMValueRef row_offset(Emit *e, const View *x, int lane) {
    LLVMValueRef number = emit_i64(e, lane);
    if (e->mask && lane > 0) {
        LLVMValueRef last = emit_isub(e, e->remaining, emit_i64(e, 1));
        number = emit_binary(e, OP_min, S_i64, number, last);
    }
    return emit_imul(e, number, x->lane_step);
}

/* Elements from `from` on, at most a vector, of the rows of `lanes` lanes. */
static void store_block(Emit *e, const View *x, LLVMValueRef *vectors, int n, int from, int first,
                        int lanes, LLVMValueRef *offsets) {
    LLVMValueRef block[MOST_LANES];
    int count = n - from < lanes ? n - from : lanes;
    for (int k = 0; k < lanes; k++) {
        LLVMTypeRef type = LLVMVectorType(emit_type(e, x->elem), (unsigned)lanes);
        block[k] =
            k < count ? rows_part_of(e, vectors[from + k], first, lanes) : LLVMGetPoison(type);
    }
    rows_transpose(e, block, lanes, lanes);
    for (int l = lanes - 1; l >= 0; l--) {
        LLVMValueRef offset = emit_iadd(e, offsets[first + l], emit_i64(e, from));
        store_row(e, x, offset, block[l], count);
    }
}

static void store_transposed(Emit *e, const View *x, LLVMValueRef *vectors, int n) {
    int lanes = rows_vector_lanes(e, x->elem);
    LLVMValueRef offsets[MOST_LANES];
    for (int l = 0; l < e->width; l++) {
        offsets[l] = row_offset(e, x, l);
    }
    for (int first = e->width - lanes; first >= 0; first -= lanes) {
        for (int from = 0; from < n; from += lanes) {
            int at = n > lanes && n - from < lanes ? n - lanes : from; /* the last overlaps */
            store_block(e, x, vectors, n, at, first, lanes, offsets);
        }
    }
}

/* Vector `which` of the rows one after the other: its element j is number which*lanes + j of all.
 */
static LLVMValueRef interleaved(Emit *e, LLVMValueRef *vectors, int n, int which, int lanes) {
    LLVMValueRef v = NULL;
    for (int k = 0; k < n; k++) {
        int from[MOST_LANES];
        for (int j = 0; j < lanes; j++) {
            int number = which * lanes + j;
            from[j] = number % n == k ? (v ? lanes : 0) + number / n : j;
        }
        LLVMValueRef part = rows_part_of(e, vectors[k], 0, lanes);
        v = v ? shuffle(e, v, part, from, lanes) : shuffle(e, part, NULL, from, lanes);
    }
    return v;
}

/* Rows without gaps, of a few elements, all lanes of one vector. */
static void store_interleaved(Emit *e, const View *x, LLVMValueRef *vectors, int n) {
    int lanes = e->width;
    LLVMValueRef all = e->mask ? emit_imul(e, e->remaining, emit_i64(e, n)) : NULL;
    for (int which = 0; which < n; which++) {
        LLVMValueRef v = interleaved(e, vectors, n, which, lanes), at = emit_i64(e, which * lanes);
        if (!all) {
            store_at(e, x, at, v);
            continue;
        }
        View part = *x;
        LLVMValueRef mask = e->mask;
        part.base = LLVMBuildInBoundsGEP2(e->builder, emit_type(e, x->elem), x->base, &at, 1, "");
        part.lane_step = emit_i64(e, 1);
        part.own = false;
        e->mask = emit_lanes_below(e, emit_isub(e, all, at));
        view_store(e, &part, val_of(v));
        e->mask = mask;
    }
}

bool rows_find_steps(Emit *e, const View *row, LLVMValueRef *places) {
    if (!row->lane_step || row->lane_offset ||
        !(!e->mask || (e->mask == e->iterations && e->remaining))) {
        return false;
    }
    for (int l = 0; l < e->width; l++) {
        LLVMValueRef at = row_offset(e, row, l);
        places[l] =
            LLVMBuildInBoundsGEP2(e->builder, emit_type(e, row->elem), row->base, &at, 1, "");
    }
    return true;
}

bool emit_store_rows(Emit *e, const View *x, int n, const Val *elements) {
    bool apart = x->base && x->lane_step && !x->lane_offset && !is_int(x->lane_step, 1);
    bool whole = !e->mask || (e->mask == e->iterations && e->remaining);
    if (e->width == 1 || n < SMALLEST_ROW || !apart || !whole || x->sums || x->elem == S_bool ||
        x->rank != 1 || !is_int(x->strides[0], 1)) {
        return false;
    }
    LLVMValueRef *vectors = ARENA_ARRAY(e->arena, n, LLVMValueRef);
    for (int k = 0; k < n; k++) {
        vectors[k] = emit_lanes(e, elements[k]);
    }
    bool gapless = is_int(x->lane_step, n) && e->width == rows_vector_lanes(e, x->elem);
    if (gapless && n <= MOST_INTERLEAVED && n <= e->width) {
        store_interleaved(e, x, vectors, n);
    } else {
        store_transposed(e, x, vectors, n);
    }
    return true;
}
