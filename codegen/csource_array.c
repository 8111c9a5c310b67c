/* Operations on arrays in C: views, which print nothing, and those that write memory; see
 * csource_print.h. */
#include "codegen/csource_print.h"
#include "codegen/header.h"
#include "ir/einsum.h"

#include <ctype.h>
#include <string.h>

/* ---- views ---- */

static void bind_view(CSource *c, const Value *v, const CView *view) {
    CView *copy = cs_new_view(c, view);
    if (view->rank > 0 && cs_value(c, v)->uses > 0) {
        cs_shorten(c, copy, v->name);
    }
    cs_value(c, v)->view = copy;
}

static void print_index(CSource *c, const Inst *inst) {
    const CView *x = cs_view(c, inst->in[0]);
    CView row = cs_index_values(c, x, inst->n_in - 1, inst->in + 1);
    if (row.rank > 0) {
        bind_view(c, inst->out[0], &row);
    } else {
        cs_define_element(c, inst->out[0], &row, inst->loc);
    }
}

/* From row `lo` on; the axis stays. */
static CView slice_of(const CView *x, const CView *row, const Size *extent) {
    CView view = *row;
    memcpy(view.dims, x->dims, sizeof view.dims);
    memcpy(view.strides, x->strides, sizeof view.strides);
    view.rank = x->rank;
    view.dims[0] = extent;
    return view;
}

static CView slice_view(CSource *c, const CView *x, Value *lo, const Size *extent) {
    CView row = cs_index_values(c, x, 1, &lo);
    return slice_of(x, &row, extent);
}

static CView transpose_view(const CView *x, const Inst *inst) {
    CView view = *x;
    for (int k = 0; k < x->rank; k++) {
        view.dims[k] = x->dims[inst->attr.perm[k]];
        view.strides[k] = x->strides[inst->attr.perm[k]];
    }
    view.dense = false;
    return view;
}

static CView reverse_view(CSource *c, const CView *x) {
    if (!x->base) {
        return *x;
    }
    PolyTable *polys = &c->ctx->polys;
    const Size *last = size_sub(polys, x->dims[0], size_const(polys, 1));
    CView row = cs_index_size(c, x, last ? last : x->dims[0]);
    CView view = slice_of(x, &row, x->dims[0]);
    view.strides[0] = size_sub(polys, size_const(polys, 0), x->strides[0]);
    view.dense = false;
    return view;
}

static CView broadcast_view(CSource *c, const Inst *inst) {
    const Type *type = inst->out[0]->type;
    const Value *from = inst->in[0];
    CView view = {.elem = type->elem, .fixed = size_const(&c->ctx->polys, 0)};
    int added = type->rank;
    if (from->type->rank == 0) {
        view.splat = cs_scalar(c, from);
    } else {
        const CView *x = cs_view(c, from);
        view = *x;
        added -= x->rank;
        memmove(view.dims + added, x->dims, (size_t)x->rank * sizeof view.dims[0]);
        memmove(view.strides + added, x->strides, (size_t)x->rank * sizeof view.strides[0]);
    }
    for (int k = 0; k < added; k++) {
        view.dims[k] = type->dims[k];
        view.strides[k] = size_const(&c->ctx->polys, 0);
    }
    view.rank = type->rank;
    view.dense = false;
    return view;
}

/* ---- writing ---- */

static CView *home_of(CSource *c, const Inst *inst) {
    CView *view = cs_buffer_view(c, plan_home(c->plan, inst->out[0]), inst->out[0]->type);
    cs_value(c, inst->out[0])->view = view;
    return view;
}

static void put(CSource *c, const CView *place, const Value *value) {
    if (value->type->rank == 0) {
        cs_store(c, place, cs_scalar(c, value));
    } else {
        cs_copy(c, place, cs_view(c, value));
    }
}

/* Whether the operand was computed in its place already. */
static bool is_in_part(CSource *c, const Value *value, const Buffer *whole) {
    const Buffer *place = plan_place(c->plan, value);
    return place && place->kind == BUF_part && place->parent == whole;
}

static void print_array(CSource *c, const Inst *inst) {
    CView *whole = home_of(c, inst);
    for (int k = 0; k < inst->n_in; k++) {
        if (!is_in_part(c, inst->in[k], plan_home(c->plan, inst->out[0]))) {
            CView row = cs_index_size(c, whole, size_const(&c->ctx->polys, k));
            put(c, &row, inst->in[k]);
        }
    }
}

static void print_concat(CSource *c, const Inst *inst) {
    CView *whole = home_of(c, inst);
    const Size *start = size_const(&c->ctx->polys, 0);
    for (int k = 0; k < inst->n_in && start; k++) {
        const Size *extent = inst->in[k]->type->dims[0];
        if (!is_in_part(c, inst->in[k], plan_home(c->plan, inst->out[0]))) {
            CView row = cs_index_size(c, whole, start);
            CView part = slice_of(whole, &row, extent);
            put(c, &part, inst->in[k]);
        }
        start = size_add(&c->ctx->polys, start, extent);
    }
}

/* update, add_at, add_slice: the home holds the operand first. */
static void print_write(CSource *c, const Inst *inst) {
    cs_into(c, plan_home(c->plan, inst->out[0]), inst->in[0]);
    CView *whole = home_of(c, inst);
    if (inst->op == OP_add_slice) {
        CView part = slice_view(c, whole, inst->in[2], inst->in[1]->type->dims[0]);
        cs_add_all(c, &part, cs_view(c, inst->in[1]));
        return;
    }
    CView part = cs_index_values(c, whole, inst->n_in - 2, inst->in + 2);
    if (inst->op == OP_update) {
        put(c, &part, inst->in[1]);
    } else if (part.rank == 0) {
        cs_accumulate(c, &part, cs_scalar(c, inst->in[1]));
    } else {
        cs_add_all(c, &part, cs_view(c, inst->in[1]));
    }
}

static CView first_element(CSource *c, const CView *x) {
    CView element = *x;
    while (element.rank > 0) {
        element = cs_index_size(c, &element, size_const(&c->ctx->polys, 0));
    }
    return element;
}

static void print_reshape(CSource *c, const Inst *inst) {
    const Type *from = inst->in[0]->type, *to = inst->out[0]->type;
    const CView *x = from->rank > 0 ? cs_view(c, inst->in[0]) : NULL;
    if (to->rank == 0) {
        CView element = first_element(c, x);
        cs_define_element(c, inst->out[0], &element, inst->loc);
    } else if (plan_is_view(c->plan, inst->out[0])) {
        CView view = *x;
        cs_set_dims(c, &view, to);
        cs_value(c, inst->out[0])->view = cs_new_view(c, &view);
    } else {
        CView *home = home_of(c, inst);
        if (x) {
            CView same_shape = *home;
            cs_set_dims(c, &same_shape, from);
            cs_copy(c, &same_shape, x);
        } else {
            CView element = first_element(c, home);
            cs_store(c, &element, cs_scalar(c, inst->in[0]));
        }
    }
}

void cs_array_inst(CSource *c, const Inst *inst) {
    CView view;
    switch (inst->op) {
    case OP_index:
        print_index(c, inst);
        return;
    case OP_slice:
        view = slice_view(c, cs_view(c, inst->in[0]), inst->in[1], inst->out[0]->type->dims[0]);
        bind_view(c, inst->out[0], &view);
        return;
    case OP_transpose:
        view = transpose_view(cs_view(c, inst->in[0]), inst);
        bind_view(c, inst->out[0], &view);
        return;
    case OP_reverse:
        view = reverse_view(c, cs_view(c, inst->in[0]));
        bind_view(c, inst->out[0], &view);
        return;
    case OP_broadcast:
        view = broadcast_view(c, inst);
        bind_view(c, inst->out[0], &view);
        return;
    case OP_reshape:
        print_reshape(c, inst);
        return;
    case OP_array:
        cs_show_line(c, inst->loc);
        print_array(c, inst);
        return;
    case OP_concat:
        cs_show_line(c, inst->loc);
        print_concat(c, inst);
        return;
    default:
        cs_show_line(c, inst->loc);
        print_write(c, inst);
    }
}

/* ---- contractions ---- */

enum { MOST_LABELS = 3 * IR_MAX_RANK };

typedef struct CAxis {
    bool sum; /* not in the result */
    const char *index;
    const Size *extent;
    int at[3]; /* axis of each operand and of the result, or -1 */
} CAxis;

typedef struct CProduct {
    CView view[3];           /* operands, result */
    CAxis axes[MOST_LABELS]; /* in the order of the result, then sums */
    int n, n_sums;
} CProduct;

static void add_axis(CSource *c, CProduct *p, char label, const Einsum *e) {
    const char *labels[] = {e->labels[0], e->labels[1], e->out};
    CAxis *axis = &p->axes[p->n++];
    for (int k = 0; k < 3; k++) {
        const char *at = strchr(labels[k], label);
        axis->at[k] = at ? (int)(at - labels[k]) : -1;
        if (axis->at[k] >= 0) {
            axis->extent = p->view[k].dims[axis->at[k]];
        }
    }
    char name[] = {(char)tolower((unsigned char)label), '\0'};
    axis->index = cs_fresh(c, name);
    axis->sum = axis->at[2] < 0;
    p->n_sums += axis->sum;
}

static void collect_axes(CSource *c, CProduct *p, const Inst *inst) {
    Einsum e = einsum_of_inst(inst);
    for (const char *label = e.out; *label; label++) {
        add_axis(c, p, *label, &e);
    }
    for (const char *label = e.labels[0]; *label; label++) {
        if (!strchr(e.out, *label)) {
            add_axis(c, p, *label, &e);
        }
    }
}

static CExpr element_at(CSource *c, const CProduct *p, int k) {
    CExpr index[IR_MAX_RANK];
    for (int a = 0; a < p->n; a++) {
        if (p->axes[a].at[k] >= 0) {
            index[p->axes[a].at[k]] = cs_expr(p->axes[a].index, PREC_primary);
        }
    }
    CView element = cs_index(c, &p->view[k], p->view[k].rank, index);
    return cs_element(c, &element);
}

static bool has_unit_stride(const CProduct *p, const CAxis *axis, int k) {
    int64_t stride;
    return axis->at[k] < 0 || !p->view[k].base ||
           (size_is_const(p->view[k].strides[axis->at[k]], &stride) && stride >= 0 && stride <= 1);
}

/* Whether the innermost loop should run over the last axis of the result, where the operands are
 * contiguous, rather than over a sum, where they are not. */
static bool prefers_rows(const CProduct *p) {
    int rank = p->n - p->n_sums;
    if (rank == 0 || p->n_sums == 0) {
        return false;
    }
    const CAxis *last = &p->axes[rank - 1], *sum = &p->axes[p->n - 1];
    return has_unit_stride(p, last, 0) && has_unit_stride(p, last, 1) &&
           has_unit_stride(p, last, 2) &&
           !(has_unit_stride(p, sum, 0) && has_unit_stride(p, sum, 1));
}

static void begin_axis(CSource *c, const CAxis *axis) {
    cs_begin_for(c, axis->index, axis->extent);
}

static void end_axes(CSource *c, int n) {
    for (int k = 0; k < n; k++) {
        cs_end_block(c);
    }
}

static void add_into(CSource *c, const CProduct *p, const char *place) {
    Scalar elem = p->view[2].elem;
    CExpr product = cs_product(c, elem, element_at(c, p, 0), element_at(c, p, 1));
    if (elem >= S_f32) {
        cs_line(c, "%s += %s;", place, product.text);
    } else {
        cs_line(c, "%s = %s;", place, cs_sum(c, elem, cs_expr(place, PREC_primary), product).text);
    }
}

/* Zeros first, then every product added to its element. */
static void print_by_rows(CSource *c, const CProduct *p) {
    int rank = p->n - p->n_sums;
    CView zeros = p->view[2];
    zeros.base = NULL;
    zeros.splat = p->view[2].elem >= S_f32 ? cs_number(c, p->view[2].elem, 0) : cs_int(c, 0);
    cs_copy(c, &p->view[2], &zeros);
    for (int k = 0; k < p->n; k++) {
        if (k != rank - 1) {
            begin_axis(c, &p->axes[k]);
        }
    }
    begin_axis(c, &p->axes[rank - 1]);
    add_into(c, p, element_at(c, p, 2).text);
    end_axes(c, p->n);
}

/* The sum of one element, in a local variable. */
static const char *print_sum(CSource *c, const CProduct *p, Atom name) {
    int rank = p->n - p->n_sums;
    Scalar elem = p->view[2].elem;
    const char *sum = cs_fresh(c, name ? name : "sum");
    cs_line(c, "%s %s = %s;", header_c_type(elem), sum,
            elem >= S_f32 ? cs_number(c, elem, 0).text : "0");
    for (int k = rank; k < p->n; k++) {
        begin_axis(c, &p->axes[k]);
    }
    add_into(c, p, sum);
    end_axes(c, p->n_sums);
    return sum;
}

static void print_by_elements(CSource *c, const CProduct *p) {
    int rank = p->n - p->n_sums;
    for (int k = 0; k < rank; k++) {
        begin_axis(c, &p->axes[k]);
    }
    const char *place = element_at(c, p, 2).text;
    if (p->n_sums > 0) {
        cs_line(c, "%s = %s;", place, print_sum(c, p, NULL));
    } else {
        cs_line(c, "%s = %s;", place,
                cs_product(c, p->view[2].elem, element_at(c, p, 0), element_at(c, p, 1)).text);
    }
    end_axes(c, rank);
}

static CView operand_view(CSource *c, const Value *value) {
    if (value->type->rank > 0) {
        return *cs_view(c, value);
    }
    return (CView){.elem = value->type->elem,
                   .splat = cs_scalar(c, value),
                   .fixed = size_const(&c->ctx->polys, 0)};
}

void cs_contract(CSource *c, const Inst *inst) {
    const Value *out = inst->out[0];
    cs_show_line(c, inst->loc);
    CProduct p = {.view = {operand_view(c, inst->in[0]), operand_view(c, inst->in[1])}};
    if (out->type->rank > 0) {
        p.view[2] = *home_of(c, inst);
    } else {
        p.view[2] = (CView){.elem = out->type->elem};
    }
    int mark = c->scope.n;
    collect_axes(c, &p, inst);
    if (out->type->rank == 0) {
        const char *sum = print_sum(c, &p, out->name);
        cs_value(c, out)->expr = cs_expr(sum, PREC_primary);
        return; /* names of axes stay taken with that of the sum */
    }
    if (prefers_rows(&p)) {
        print_by_rows(c, &p);
    } else {
        print_by_elements(c, &p);
    }
    cs_release(c, mark);
}
