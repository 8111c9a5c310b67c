/* Contractions: labels of the einsum become the rows, columns and sums of dense products; see
 * emit.h.
 *
 * A label is a batch label (in both operands and the result), a row (first operand and result), a
 * column (second operand and result) or a sum (both operands). Neighbouring labels of a kind that
 * are contiguous in both places where they stand become one. One of each kind goes to
 * contract_emit, the others are loops around it. */
#include "codegen/contract.h"
#include "codegen/emit.h"
#include "codegen/symmetry.h"
#include "ir/einsum.h"

#include <string.h>

enum { MOST_LABELS = 3 * IR_MAX_RANK };
typedef enum Kind { KIND_batch, KIND_row, KIND_column, KIND_sum } Kind;

typedef struct Axis {
    Kind kind;
    LLVMValueRef extent;
    LLVMValueRef
        stride[3]; /* in the two operands and the result; 0 where the label does not stand */
} Axis;

typedef struct Product {
    LLVMValueRef sums_run, result_is; /* i1: no size of theirs is negative; NULL: none can be */
    bool is_float, is_f64;
    bool symmetric; /* the result, up to rounding */
    Scalar elem;
    LLVMValueRef base[3], whole[2]; /* whole: see ContractOperand */
    Axis axes[MOST_LABELS];         /* in the order of the result, then sums */
    int n;
} Product;

/* ---- labels ---- */

/* A size may come out negative where a loop would not run, or nothing is reached: then there is
 * nothing to multiply, as in a loop. */
static void mind_negative(Emit *e, Product *p, bool is_sum, const Size *size, LLVMValueRef n) {
    PolyTable *polys = &e->m->ctx->polys;
    LLVMValueRef *flag = is_sum ? &p->sums_run : &p->result_is;
    if (size_at_least(polys, size, size_const(polys, 0)))
        return;
    LLVMValueRef holds = LLVMBuildICmp(e->builder, LLVMIntSGE, n, emit_i64(e, 0), "");
    *flag = *flag ? LLVMBuildAnd(e->builder, *flag, holds, "") : holds;
}

static void add_axis(Emit *e, Product *p, char label, const Einsum *parts, const Inst *inst,
                     const View *const *views) {
    const Type *types[] = {inst->in[0]->type, inst->in[1]->type, inst->out[0]->type};
    const Size *size = NULL;
    const char *labels[] = {parts->labels[0], parts->labels[1], parts->out};
    Axis *axis = &p->axes[p->n++];
    bool in[3];
    for (int k = 0; k < 3; k++) {
        const char *at = strchr(labels[k], label);
        in[k] = at != NULL;
        axis->stride[k] = at ? views[k]->strides[at - labels[k]] : emit_i64(e, 0);
        if (at) {
            axis->extent = views[k]->dims[at - labels[k]];
            size = types[k]->dims[at - labels[k]];
        }
    }
    axis->kind = !in[2] ? KIND_sum : !in[1] ? KIND_row : !in[0] ? KIND_column : KIND_batch;
    mind_negative(e, p, !in[2], size, axis->extent);
}

static void collect_axes(Emit *e, Product *p, const Inst *inst, const View *const *views) {
    Einsum parts = einsum_of_inst(inst);
    for (const char *label = parts.out; *label; label++) {
        add_axis(e, p, *label, &parts, inst, views);
    }
    for (const char *label = parts.labels[0]; *label; label++) {
        if (!strchr(parts.out, *label)) {
            add_axis(e, p, *label, &parts, inst, views);
        }
    }
}

/* ---- joining of axes ---- */

/* Whether outer is known to be inner*extent. */
static bool is_product_of(LLVMValueRef outer, LLVMValueRef inner, LLVMValueRef extent) {
    if (LLVMIsAConstantInt(outer) && LLVMIsAConstantInt(inner) && LLVMIsAConstantInt(extent)) {
        return LLVMConstIntGetSExtValue(outer) ==
               LLVMConstIntGetSExtValue(inner) * LLVMConstIntGetSExtValue(extent);
    }
    if (is_int(inner, 1) || is_int(inner, 0)) {
        return outer == (is_int(inner, 1) ? extent : inner);
    }
    if (!LLVMIsAInstruction(outer) || LLVMGetInstructionOpcode(outer) != LLVMMul) {
        return false;
    }
    LLVMValueRef a = LLVMGetOperand(outer, 0), b = LLVMGetOperand(outer, 1);
    return (a == inner && b == extent) || (a == extent && b == inner);
}

static bool can_join(const Axis *outer, const Axis *inner) {
    if (outer->kind != inner->kind) {
        return false;
    }
    for (int k = 0; k < 3; k++) {
        bool absent = is_int(outer->stride[k], 0) && is_int(inner->stride[k], 0);
        if (!absent && !is_product_of(outer->stride[k], inner->stride[k], inner->extent)) {
            return false;
        }
    }
    return true;
}

static void join_axes(Emit *e, Product *p) {
    int n = 0;
    for (int k = 0; k < p->n; k++) {
        if (n > 0 && can_join(&p->axes[n - 1], &p->axes[k])) {
            Axis joined = p->axes[k];
            joined.extent = emit_imul(e, p->axes[n - 1].extent, p->axes[k].extent);
            p->axes[n - 1] = joined;
        } else {
            p->axes[n++] = p->axes[k];
        }
    }
    p->n = n;
}

static void drop_negative(Emit *e, Product *p) {
    for (int k = 0; k < p->n; k++) {
        LLVMValueRef flag = p->axes[k].kind == KIND_sum ? p->sums_run : p->result_is;
        if (flag)
            p->axes[k].extent =
                LLVMBuildSelect(e->builder, flag, p->axes[k].extent, emit_i64(e, 0), "");
    }
}

/* ---- emission ---- */

static LLVMValueRef moved(Emit *e, Scalar elem, LLVMValueRef base, LLVMValueRef index,
                          LLVMValueRef stride) {
    LLVMValueRef offset = emit_imul(e, index, stride);
    if (is_int(offset, 0)) {
        return base;
    }
    return LLVMBuildInBoundsGEP2(e->builder, emit_memory_type(e, elem), base, &offset, 1, "");
}

static Axis no_axis(Emit *e) {
    LLVMValueRef zero = emit_i64(e, 0);
    return (Axis){.extent = emit_i64(e, 1), .stride = {zero, zero, zero}};
}

/* c += a*b, or c = a*b, of one element. */
static void emit_one(Emit *e, const Product *p, bool accumulate) {
    View places[3];
    for (int k = 0; k < 3; k++) {
        places[k] = (View){.base = p->base[k], .elem = p->elem};
    }
    LLVMValueRef a = view_load(e, &places[0]).v, b = view_load(e, &places[1]).v;
    LLVMValueRef product = emit_binary(e, OP_mul, p->elem, a, b);
    if (accumulate) {
        product = emit_binary(e, OP_add, p->elem, view_load(e, &places[2]).v, product);
    }
    view_store(e, &places[2], val_of(product));
}

typedef struct Dot {
    Scalar elem;
    View x, y;
} Dot;

static void dot_body(Emit *e, void *user, Val index, LLVMValueRef *accs) {
    const Dot *dot = user;
    View x = view_index(e, &dot->x, 1, &index), y = view_index(e, &dot->y, 1, &index);
    LLVMValueRef a = emit_lanes(e, view_load(e, &x)), b = emit_lanes(e, view_load(e, &y));
    accs[0] = emit_binary(e, OP_add, dot->elem, accs[0], emit_binary(e, OP_mul, dot->elem, a, b));
}

/* Two contiguous vectors: lanes of their own, where a product of matrices would have one row and
 * one column. */
static void emit_dot(Emit *e, const Product *p, const Axis *sum, bool accumulate) {
    Dot dot = {.elem = p->elem};
    View *views[] = {&dot.x, &dot.y};
    for (int k = 0; k < 2; k++) {
        *views[k] = (View){.base = p->base[k], .elem = p->elem, .rank = 1};
        views[k]->dims[0] = sum->extent;
        views[k]->strides[0] = sum->stride[k];
    }
    e->width = e->target->vector_bytes / (p->elem == S_f32 ? 4 : 8);
    LLVMValueRef acc = emit_splat(e, emit_identity(e, OP_add, p->elem));
    Op op = OP_add;
    LaneLoop loop = {.extent = sum->extent,
                     .unroll = 4,
                     .n = 1,
                     .accs = &acc,
                     .ops = &op,
                     .elems = &p->elem,
                     .body = dot_body,
                     .user = &dot};
    emit_lane_loop(e, e->width, &loop);
    LLVMValueRef total = emit_horizontal(e, OP_add, p->elem, acc);
    View place = {.base = p->base[2], .elem = p->elem};
    if (accumulate) {
        total = emit_binary(e, OP_add, p->elem, view_load(e, &place).v, total);
    }
    view_store(e, &place, val_of(total));
}

static void emit_matrices(Emit *e, const Product *p, const Axis *row, const Axis *column,
                          const Axis *sum, bool accumulate) {
    ContractTarget target = {
        .ctx = e->llvm,
        .module = e->module,
        .builder = e->builder,
        .function = e->function,
        .vector_bytes = e->target->vector_bytes,
        .vector_registers = e->target->vector_registers,
        .has_fma = e->target->has_fma,
        .optimize = e->options->opt_level > 0,
    };
    ContractOperand a = {p->base[0], row->stride[0], sum->stride[0], p->whole[0]};
    ContractOperand b = {p->base[1], sum->stride[1], column->stride[1], p->whole[1]};
    ContractOperand c = {p->base[2], row->stride[2], column->stride[2], NULL};
    ContractInto into = accumulate ? INTO_sum : p->symmetric ? INTO_symmetric : INTO_new;
    contract_emit(&target, p->is_f64, into, row->extent, column->extent, sum->extent, a, b, c);
}

static void emit_core(Emit *e, const Product *p, const Axis *row, const Axis *column,
                      const Axis *sum, bool accumulate) {
    bool is_dot = is_int(row->extent, 1) && is_int(column->extent, 1) &&
                  is_int(sum->stride[0], 1) && is_int(sum->stride[1], 1);
    if (!p->is_float) {
        emit_one(e, p, accumulate);
    } else if (is_dot && e->options->opt_level > 0) {
        emit_dot(e, p, sum, accumulate);
    } else {
        emit_matrices(e, p, row, column, sum, accumulate);
    }
}

/* Loops over axes[k..] that are not among the chosen, then the product of the chosen. */
static void emit_nest(Emit *e, Product *p, int k, const int *chosen, bool accumulate) {
    while (k < p->n &&
           (k == chosen[KIND_row] || k == chosen[KIND_column] || k == chosen[KIND_sum])) {
        k++;
    }
    if (k == p->n) {
        Axis none = no_axis(e), axes[4];
        for (int kind = KIND_row; kind <= KIND_sum; kind++) {
            axes[kind] = chosen[kind] >= 0 ? p->axes[chosen[kind]] : none;
        }
        emit_core(e, p, &axes[KIND_row], &axes[KIND_column], &axes[KIND_sum], accumulate);
        return;
    }
    Counted loop;
    LLVMValueRef outer[3];
    memcpy(outer, p->base, sizeof outer);
    counted_begin(e, &loop, emit_i64(e, 0), p->axes[k].extent, 1, 0, NULL);
    for (int x = 0; x < 3; x++) {
        p->base[x] = moved(e, p->elem, outer[x], loop.index, p->axes[k].stride[x]);
    }
    emit_nest(e, p, k + 1, chosen, accumulate);
    memcpy(p->base, outer, sizeof outer);
    counted_end(e, &loop, NULL);
}

/* One element in memory, seen as `view`, whose strides become 0. */
static View *one_place(Emit *e, View view, LLVMValueRef v) {
    View *place = ARENA_NEW(e->arena, View);
    *place = view;
    place->base = LLVMBuildAlloca(e->entry, emit_memory_type(e, view.elem), "splat");
    for (int k = 0; k < place->rank; k++) {
        place->strides[k] = emit_i64(e, 0);
    }
    View element = {.base = place->base, .elem = view.elem};
    view_store(e, &element, val_of(v));
    return place;
}

/* The operand as memory: a scalar, or a value that is the same everywhere, stands once. */
static View *in_memory(Emit *e, const Value *value) {
    Val *val = emit_val(e, value);
    if (value->type->rank == 0) {
        return one_place(e, (View){.elem = value->type->elem}, val->v);
    }
    return val->view->base ? val->view : one_place(e, *val->view, val->view->splat);
}

/* Elements of the array that the operand is a part of; NULL where it is near, as it was just read.
 */
static LLVMValueRef whole_of(Emit *e, const Inst *inst, int operand) {
    const Value *value = inst->in[operand];
    LLVMValueRef count = emit_i64(e, 1);
    if (plan_was_read(e->plan, value, inst)) {
        return NULL;
    }
    if (value->type->rank > 0) {
        const Type *type = plan_root(e->plan, value)->type;
        for (int k = 0; k < type->rank; k++) {
            count = emit_imul(e, count, emit_size(e, type->dims[k]));
        }
    }
    return count;
}

static View *result_view(Emit *e, const Inst *inst) {
    const Value *out = inst->out[0];
    View *view;
    if (out->type->rank > 0) {
        view = emit_buffer_view(e, plan_home(e->plan, out), out->type);
        emit_val(e, out)->view = view;
    } else {
        view = ARENA_NEW(e->arena, View);
        view->base = LLVMBuildAlloca(e->entry, emit_type(e, out->type->elem), "dot");
        view->elem = out->type->elem;
    }
    return view;
}

/* Which axis of each kind goes to the product: the last, which is contiguous most often. -1: there
 * is none. */
static bool choose_axes(const Product *p, int *chosen) {
    bool sums_left = false;
    for (int kind = 0; kind < 4; kind++) {
        chosen[kind] = -1;
    }
    for (int k = 0; k < p->n && p->is_float; k++) {
        Kind kind = p->axes[k].kind;
        sums_left = sums_left || (kind == KIND_sum && chosen[kind] >= 0);
        chosen[kind] = k;
    }
    chosen[KIND_batch] = -1;
    for (int k = 0; k < p->n && !p->is_float; k++) {
        sums_left = sums_left || p->axes[k].kind == KIND_sum;
    }
    return sums_left;
}

/* ---- shared by threads ---- */

typedef struct SplitProduct {
    Product p;
    int chosen[4], axis; /* the axis of the result that is cut */
    bool accumulate;
} SplitProduct;

static void emit_range(Emit *e, void *user, LLVMValueRef lo, LLVMValueRef hi) {
    SplitProduct part = *(const SplitProduct *)user;
    part.p.symmetric = false; /* some rows of it are not */
    Axis *axis = &part.p.axes[part.axis];
    axis->extent = emit_isub(e, hi, lo);
    for (int k = 0; k < 3; k++) {
        part.p.base[k] = moved(e, part.p.elem, part.p.base[k], lo, axis->stride[k]);
    }
    emit_nest(e, &part.p, 0, part.chosen, part.accumulate);
}

/* The first axis of the result that is not known to be short; -1: there is none. */
static int axis_to_split(const Product *p) {
    enum { SHORT = 16 };
    for (int k = 0; k < p->n; k++) {
        LLVMValueRef extent = p->axes[k].extent;
        bool is_short = LLVMIsAConstantInt(extent) && LLVMConstIntGetSExtValue(extent) < SHORT;
        if (p->axes[k].kind != KIND_sum && !is_short) {
            return k;
        }
    }
    return -1;
}

static bool emit_split_product(Emit *e, const Product *p, const int *chosen, bool accumulate) {
    SplitProduct split = {.p = *p, .axis = axis_to_split(p), .accumulate = accumulate};
    if (split.axis < 0 || !emit_has_threads(e)) {
        return false;
    }
    memcpy(split.chosen, chosen, sizeof split.chosen);
    LLVMValueRef work = LLVMConstReal(e->f64, 0.125); /* several in one instruction */
    for (int k = 0; k < p->n; k++) {
        LLVMValueRef n = LLVMBuildSIToFP(e->builder, p->axes[k].extent, e->f64, "");
        work = LLVMBuildFMul(e->builder, work, n, "");
    }
    return emit_split_range(e, p->axes[split.axis].extent, work, emit_range, &split);
}

void emit_contract(Emit *e, const Inst *inst) {
    if (e->width > 1) {
        emit_contract_lanes(e, inst);
        return;
    }
    const Value *out = inst->out[0];
    View *result = result_view(e, inst);
    const View *views[] = {in_memory(e, inst->in[0]), in_memory(e, inst->in[1]), result};
    Product p = {.elem = out->type->elem, .is_float = type_is_float(out->type)};
    p.is_f64 = p.elem == S_f64;
    p.symmetric = contract_is_symmetric(inst);
    for (int k = 0; k < 3; k++) {
        p.base[k] = views[k]->base;
    }
    for (int k = 0; k < 2; k++) {
        p.whole[k] = whole_of(e, inst, k);
    }
    collect_axes(e, &p, inst, views);
    join_axes(e, &p);
    drop_negative(e, &p);
    int chosen[4];
    bool accumulate = choose_axes(&p, chosen);
    if (accumulate) { /* several rounds add up */
        View zeros = *result;
        zeros.base = NULL;
        zeros.splat = LLVMConstNull(emit_type(e, p.elem));
        view_copy(e, result, &zeros);
    }
    if (!emit_split_product(e, &p, chosen, accumulate)) {
        emit_nest(e, &p, 0, chosen, accumulate);
    }
    if (out->type->rank == 0) {
        *emit_val(e, out) = view_load(e, result);
    }
}
