/* Operations on arrays: views, which cost nothing, and those that write memory; see emit.h. */
#include "codegen/emit.h"

#include <string.h>

static View *new_view(Emit *e, View view) {
    View *copy = ARENA_NEW(e->arena, View);
    *copy = view;
    return copy;
}

static const View *view_of(Emit *e, const Value *value) {
    return emit_val(e, value)->view;
}

/* ---- views ---- */

int emit_indices(Emit *e, const Inst *inst, int first, Val *index) {
    int n = inst->n_in - first;
    for (int k = 0; k < n; k++) {
        index[k] = *emit_val(e, inst->in[first + k]);
    }
    return n;
}

static Val index_view(Emit *e, const Inst *inst) {
    Val index[IR_MAX_RANK];
    int n = emit_indices(e, inst, 1, index);
    View row = view_index(e, view_of(e, inst->in[0]), n, index);
    return row.rank == 0 ? view_load(e, &row) : (Val){.view = new_view(e, row)};
}

/* From row `lo` on; the axis stays. */
static View slice_view(Emit *e, const View *x, Val lo, const Size *extent) {
    View view = view_index(e, x, 1, &lo);
    memmove(view.dims + 1, x->dims + 1, (size_t)(x->rank - 1) * sizeof view.dims[0]);
    memmove(view.strides + 1, x->strides + 1, (size_t)(x->rank - 1) * sizeof view.strides[0]);
    view.rank = x->rank;
    view.dims[0] = emit_size(e, extent);
    view.strides[0] = x->strides[0];
    return view;
}

static View transpose_view(const View *x, const Inst *inst) {
    View view = *x;
    for (int k = 0; k < x->rank; k++) {
        view.dims[k] = x->dims[inst->attr.perm[k]];
        view.strides[k] = x->strides[inst->attr.perm[k]];
    }
    view.dense = false;
    return view;
}

static View reverse_view(Emit *e, const View *x) {
    if (!x->base) {
        return *x;
    }
    Val last = val_of(emit_isub(e, x->dims[0], emit_i64(e, 1)));
    View view = view_index(e, x, 1, &last);
    memmove(view.dims, x->dims, (size_t)x->rank * sizeof view.dims[0]);
    memmove(view.strides, x->strides, (size_t)x->rank * sizeof view.strides[0]);
    view.rank = x->rank;
    view.strides[0] = LLVMBuildNeg(e->builder, x->strides[0], "");
    view.dense = false;
    return view;
}

static Val broadcast_view(Emit *e, const Inst *inst) {
    const Type *type = inst->out[0]->type;
    View view = {.elem = type->elem};
    int added = type->rank;
    if (inst->in[0]->type->rank == 0) {
        Val scalar = *emit_val(e, inst->in[0]);
        view.splat = val_is_uniform(scalar) ? scalar.v : emit_lanes(e, scalar);
    } else {
        const View *x = view_of(e, inst->in[0]);
        view = *x;
        added -= x->rank;
        memmove(view.dims + added, x->dims, (size_t)x->rank * sizeof view.dims[0]);
        memmove(view.strides + added, x->strides, (size_t)x->rank * sizeof view.strides[0]);
    }
    for (int k = 0; k < added; k++) {
        view.dims[k] = emit_size(e, type->dims[k]);
        view.strides[k] = emit_i64(e, 0);
    }
    view.rank = type->rank;
    view.dense = false;
    return (Val){.view = new_view(e, view)};
}

/* Of a row-major array: the stride of its last axis is that of the result's. */
static View reshape_view(Emit *e, const View *x, const Type *type) {
    View view = *x;
    LLVMValueRef unit = x->rank > 0 && x->base ? x->strides[x->rank - 1] : emit_i64(e, 1);
    view_set_dims(e, &view, type, unit);
    return view;
}

/* ---- writing ---- */

static View *home_of(Emit *e, const Inst *inst) {
    const Buffer *home = plan_home(e->plan, inst->out[0]);
    View *view = emit_buffer_view(e, home, inst->out[0]->type);
    emit_val(e, inst->out[0])->view = view;
    return view;
}

static void put(Emit *e, const View *place, const Value *value) {
    if (value->type->rank == 0) {
        view_store(e, place, *emit_val(e, value));
    } else {
        view_copy(e, place, view_of(e, value));
    }
}

/* Whether the operand was computed in its place already. */
static bool is_in_part(Emit *e, const Value *value, const Buffer *whole) {
    const Buffer *place = plan_place(e->plan, value);
    return place && place->kind == BUF_part && place->parent == whole;
}

/* Scalars of all lanes, as rows. */
static bool put_rows(Emit *e, const View *whole, const Inst *inst) {
    if (inst->in[0]->type->rank > 0) {
        return false;
    }
    Val *elements = ARENA_ARRAY(e->arena, inst->n_in, Val);
    for (int k = 0; k < inst->n_in; k++) {
        elements[k] = *emit_val(e, inst->in[k]);
    }
    return emit_store_rows(e, whole, inst->n_in, elements);
}

static void emit_stack(Emit *e, const Inst *inst) {
    View *whole = home_of(e, inst);
    if (put_rows(e, whole, inst)) {
        return;
    }
    for (int k = 0; k < inst->n_in; k++) {
        if (is_in_part(e, inst->in[k], plan_home(e->plan, inst->out[0]))) {
            continue;
        }
        Val index = val_of(emit_i64(e, k));
        View row = view_index(e, whole, 1, &index);
        put(e, &row, inst->in[k]);
    }
}

static void emit_concat(Emit *e, const Inst *inst) {
    View *whole = home_of(e, inst);
    const Size *start = size_const(&e->m->ctx->polys, 0);
    for (int k = 0; k < inst->n_in; k++) {
        const Size *extent = inst->in[k]->type->dims[0];
        if (!is_in_part(e, inst->in[k], plan_home(e->plan, inst->out[0]))) {
            View part = slice_view(e, whole, val_of(emit_size(e, start)), extent);
            put(e, &part, inst->in[k]);
        }
        start = size_add(&e->m->ctx->polys, start, extent);
    }
}

/* update, add_at, add_slice: the home holds the operand first. */
static void emit_write(Emit *e, const Inst *inst) {
    emit_into(e, plan_home(e->plan, inst->out[0]), inst->in[0]);
    View *whole = home_of(e, inst);
    Val index[IR_MAX_RANK];
    int n = emit_indices(e, inst, 2, index);
    if (inst->op == OP_add_slice) {
        View part = slice_view(e, whole, index[0], inst->in[1]->type->dims[0]);
        view_accumulate(e, &part, view_of(e, inst->in[1]));
        return;
    }
    if (emit_row_goes_on(e, inst)) {
        return;
    }
    if (n > 1) {
        View row = view_index(e, whole, n - 1, index);
        if (emit_add_row(e, inst, whole, &row)) {
            return;
        }
    }
    View part = view_index(e, whole, n, index);
    if (inst->op == OP_update) {
        put(e, &part, inst->in[1]);
    } else if (part.rank == 0) {
        view_add(e, &part, *emit_val(e, inst->in[1]));
    } else {
        view_accumulate(e, &part, view_of(e, inst->in[1]));
    }
}

static void emit_reshape(Emit *e, const Inst *inst) {
    const View *x = inst->in[0]->type->rank > 0 ? view_of(e, inst->in[0]) : NULL;
    if (plan_is_view(e->plan, inst->out[0])) {
        emit_val(e, inst->out[0])->view = new_view(e, reshape_view(e, x, inst->out[0]->type));
        return;
    }
    View *home = home_of(e, inst);
    if (!x) { /* one element */
        Val zeros[IR_MAX_RANK];
        for (int k = 0; k < home->rank; k++) {
            zeros[k] = val_of(emit_i64(e, 0));
        }
        View element = view_index(e, home, home->rank, zeros);
        view_store(e, &element, *emit_val(e, inst->in[0]));
        return;
    }
    View same_shape = reshape_view(e, home, inst->in[0]->type);
    view_copy(e, &same_shape, x);
}

/* The one element of an array of extents 1. */
static void emit_reshape_to_scalar(Emit *e, const Inst *inst) {
    const View *x = view_of(e, inst->in[0]);
    Val zeros[IR_MAX_RANK];
    for (int k = 0; k < x->rank; k++) {
        zeros[k] = val_of(emit_i64(e, 0));
    }
    View element = view_index(e, x, x->rank, zeros);
    *emit_val(e, inst->out[0]) = view_load(e, &element);
}

static Val view_result(Emit *e, const Inst *inst) {
    const View *x = view_of(e, inst->in[0]);
    switch (inst->op) {
    case OP_slice:
        return (Val){.view = new_view(e, slice_view(e, x, *emit_val(e, inst->in[1]),
                                                    inst->out[0]->type->dims[0]))};
    case OP_transpose:
        return (Val){.view = new_view(e, transpose_view(x, inst))};
    default:
        return (Val){.view = new_view(e, reverse_view(e, x))};
    }
}

void emit_array_inst(Emit *e, const Inst *inst) {
    switch (inst->op) {
    case OP_index:
        if (!emit_load_row(e, inst)) {
            *emit_val(e, inst->out[0]) = index_view(e, inst);
        }
        return;
    case OP_slice:
    case OP_transpose:
    case OP_reverse:
        *emit_val(e, inst->out[0]) = view_result(e, inst);
        return;
    case OP_broadcast:
        *emit_val(e, inst->out[0]) = broadcast_view(e, inst);
        return;
    case OP_reshape:
        if (inst->out[0]->type->rank == 0) {
            emit_reshape_to_scalar(e, inst);
        } else {
            emit_reshape(e, inst);
        }
        return;
    case OP_array:
        emit_stack(e, inst);
        return;
    case OP_concat:
        emit_concat(e, inst);
        return;
    default:
        emit_write(e, inst);
    }
}
