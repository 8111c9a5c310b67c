/* Where arrays stand, in C: views, elements, loops that copy; see csource_print.h and
 * codegen/plan.h. */
#include "codegen/csource_print.h"
#include "codegen/header.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST_OFFSET = 40 };

CView *cs_view(CSource *c, const Value *v) {
    return cs_value(c, v)->view;
}

CView *cs_new_view(CSource *c, const CView *view) {
    CView *copy = ARENA_NEW(c->arena, CView);
    *copy = *view;
    return copy;
}

static PolyTable *polys(CSource *c) {
    return &c->ctx->polys;
}

/* Products of sizes of arrays that exist are within 64 bits. */
static const Size *times(CSource *c, const Size *a, const Size *b) {
    const Size *product = size_mul(polys(c), a, b);
    c->failed = c->failed || !product;
    return product ? product : a;
}

static const Size *plus(CSource *c, const Size *a, const Size *b) {
    const Size *sum = size_add(polys(c), a, b);
    c->failed = c->failed || !sum;
    return sum ? sum : a;
}

static bool is_zero(const Size *size) {
    return size->n == 0;
}

static bool is_one(const Size *size) {
    int64_t k;
    return size_is_const(size, &k) && k == 1;
}

void cs_set_dims(CSource *c, CView *view, const Type *type) {
    view->elem = type->elem;
    view->rank = type->rank;
    const Size *stride = size_const(polys(c), 1);
    for (int k = type->rank - 1; k >= 0; k--) {
        view->dims[k] = type->dims[k];
        view->strides[k] = stride;
        stride = k > 0 ? times(c, stride, type->dims[k]) : stride;
    }
}

CView cs_dense_view(CSource *c, const char *base, const Type *type) {
    CView view = {.base = base, .fixed = size_const(polys(c), 0), .dense = true};
    cs_set_dims(c, &view, type);
    return view;
}

/* ---- offsets ---- */

static bool has_minus(const Size *size) {
    for (int t = 0; t < size->n; t++) {
        if (size->terms[t].coef > 0) {
            return false;
        }
    }
    return size->n > 0;
}

static void add_term(CSource *c, CView *view, CExpr index, const Size *stride) {
    if (is_zero(stride)) {
        return;
    }
    bool minus = has_minus(stride);
    stride = minus ? size_sub(polys(c), size_const(polys(c), 0), stride) : stride;
    if (!is_one(stride)) {
        const char *left = cs_wrap(c, index, PREC_mul),
                   *right = cs_wrap(c, cs_size(c, stride), PREC_mul);
        index = cs_expr(arena_printf(c->arena, "%s*%s", left, right), PREC_mul);
    }
    const char *term = cs_wrap(c, index, minus ? PREC_mul : PREC_add);
    if (view->offset) {
        view->offset = arena_printf(c->arena, "%s %s %s", view->offset, minus ? "-" : "+", term);
    } else {
        view->offset = minus ? arena_printf(c->arena, "-%s", term) : term;
    }
}

static CView drop_axes(const CView *view, int n) {
    CView row = *view;
    row.rank = view->rank - n;
    memmove(row.dims, view->dims + n, (size_t)row.rank * sizeof row.dims[0]);
    memmove(row.strides, view->strides + n, (size_t)row.rank * sizeof row.strides[0]);
    return row;
}

CView cs_index(CSource *c, const CView *view, int n, const CExpr *index) {
    CView row = drop_axes(view, n);
    for (int k = 0; k < n && view->base; k++) {
        add_term(c, &row, index[k], view->strides[k]);
    }
    return row;
}

CView cs_index_size(CSource *c, const CView *view, const Size *index) {
    CView row = drop_axes(view, 1);
    row.fixed = view->base ? plus(c, view->fixed, times(c, index, view->strides[0])) : view->fixed;
    return row;
}

/* Constants and sizes join the fixed part of the offset. */
static void add_value(CSource *c, CView *view, const Value *index, const Size *stride) {
    const Inst *inst = index->inst;
    const Size *known = !inst                  ? NULL
                        : inst->op == OP_const ? size_const(polys(c), inst->attr.integer)
                        : inst->op == OP_size  ? inst->attr.size
                                               : NULL;
    if (known) {
        view->fixed = plus(c, view->fixed, times(c, known, stride));
    } else if (is_zero(stride)) { /* no element: nothing else may read the index */
        bool named = cs_value(c, index)->expr.prec == PREC_primary;
        const char *text = cs_scalar(c, index).text;
        cs_line(c, named ? CS_VOID "%s;" : "(void)(%s);", text);
    } else {
        add_term(c, view, cs_scalar(c, index), stride);
    }
}

CView cs_index_values(CSource *c, const CView *view, int n, Value *const *index) {
    CView row = drop_axes(view, n);
    for (int k = 0; k < n && view->base; k++) {
        add_value(c, &row, index[k], view->strides[k]);
    }
    return row;
}

static const char *offset_text(CSource *c, const CView *view) {
    if (is_zero(view->fixed)) {
        return view->offset;
    }
    CExpr fixed = cs_size(c, view->fixed);
    if (!view->offset) {
        return fixed.text;
    }
    if (has_minus(view->fixed)) {
        fixed = cs_size(c, size_sub(polys(c), size_const(polys(c), 0), view->fixed));
        return arena_printf(c->arena, "%s - %s", view->offset, cs_wrap(c, fixed, PREC_mul));
    }
    if (view->offset[0] == '-') {
        return arena_printf(c->arena, "%s %s", fixed.text,
                            arena_printf(c->arena, "- %s", view->offset + 1));
    }
    return arena_printf(c->arena, "%s + %s", view->offset, fixed.text);
}

CExpr cs_element(CSource *c, const CView *view) {
    if (!view->base) {
        return view->splat;
    }
    const char *offset = offset_text(c, view);
    return cs_expr(arena_printf(c->arena, "%s[%s]", view->base, offset ? offset : "0"),
                   PREC_primary);
}

/* "x_i" for x[i], "W_0" for p->W[0], "" for what has no such short name. */
static const char *element_name(CSource *c, const CView *view) {
    enum { LONGEST_INDEX = 6 };
    const char *offset = offset_text(c, view);
    offset = offset ? offset : "0";
    for (const char *at = offset; *at; at++) {
        if (!isalnum((unsigned char)*at) || at - offset >= LONGEST_INDEX) {
            return NULL;
        }
    }
    const char *base = view->base;
    for (const char *at = base; *at; at++) {
        base = *at == '>' || *at == '.' ? at + 1 : base;
    }
    return arena_printf(c->arena, "%s_%s", base, offset);
}

void cs_define_element(CSource *c, const Value *v, const CView *view, Loc loc) {
    const char *hint = view->base ? element_name(c, view) : NULL;
    cs_define(c, v, cs_element(c, view), hint, c->quiet || view->input || !view->base, loc);
}

void cs_shorten(CSource *c, CView *view, Atom name) {
    const char *offset = view->base ? offset_text(c, view) : NULL;
    if (!offset || strlen(offset) <= LONGEST_OFFSET) {
        return;
    }
    const char *row = cs_fresh(c, name ? name : "row");
    const char *type = header_c_type(view->elem);
    cs_line(c, "%s%s *const %s = %s + (%s);", view->input ? "const " : "", type, row, view->base,
            offset);
    view->base = row;
    view->offset = NULL;
    view->fixed = size_const(polys(c), 0);
}

/* ---- buffers ---- */

static const char *slot_name(CSource *c, const Buffer *buffer) {
    return ptrmap_get(&c->buffers, buffer);
}

static void set_base(CSource *c, const Buffer *buffer, CView *view) {
    switch (buffer->kind) {
    case BUF_slot:
        view->base = slot_name(c, buffer);
        return;
    case BUF_out:
        view->base = c->results[buffer->out];
        return;
    case BUF_part:
        break;
    }
    set_base(c, buffer->parent, view);
    if (!buffer->loop) {
        view->fixed = plus(c, view->fixed, buffer->offset);
        return;
    }
    const Size *count = ir_type_count(c->m, buffer->type);
    c->failed = c->failed || !count;
    if (count) {
        add_term(c, view, cs_scalar(c, buffer->loop->regions[0]->params.data[0]), count);
    }
}

CView *cs_buffer_view(CSource *c, const Buffer *buffer, const Type *type) {
    CView view = cs_dense_view(c, NULL, type);
    set_base(c, buffer, &view);
    return cs_new_view(c, &view);
}

/* ---- statements ---- */

void cs_store(CSource *c, const CView *place, CExpr value) {
    cs_line(c, "%s = %s;", cs_element(c, place).text, value.text);
}

void cs_accumulate(CSource *c, const CView *place, CExpr value) {
    CExpr element = cs_element(c, place);
    if (place->elem >= S_f32) {
        cs_line(c, "%s += %s;", element.text, value.text);
    } else {
        cs_store(c, place, cs_sum(c, place->elem, element, value));
    }
}

void cs_begin_for(CSource *c, const char *index, const Size *extent) {
    const char *end = cs_wrap(c, cs_size(c, extent), PREC_add);
    cs_line(c, "for (int64_t %s = 0; %s < %s; %s++) {", index, index, end, index);
    c->indent++;
}

void cs_end_block(CSource *c) {
    c->indent--;
    cs_line(c, "}");
}

static CView flattened(CSource *c, const CView *view) {
    CView flat = *view;
    const Size *count = size_const(polys(c), 1);
    for (int k = 0; k < view->rank; k++) {
        count = times(c, count, view->dims[k]);
    }
    flat.rank = 1;
    flat.dims[0] = count;
    flat.strides[0] = size_const(polys(c), 1);
    return flat;
}

typedef void Apply(CSource *c, const CView *place, CExpr value);

static void apply_nest(CSource *c, const CView *to, const CView *from, Apply *apply) {
    if (to->rank == 0) {
        apply(c, to, cs_element(c, from));
        return;
    }
    if (to->rank > 1 && to->dense && (from->dense || !from->base)) {
        CView flat_to = flattened(c, to), flat_from = flattened(c, from);
        apply_nest(c, &flat_to, &flat_from, apply);
        return;
    }
    if (is_one(to->dims[0])) {
        const Size *first = size_const(polys(c), 0);
        CView to_row = cs_index_size(c, to, first), from_row = cs_index_size(c, from, first);
        apply_nest(c, &to_row, &from_row, apply);
        return;
    }
    int mark = c->scope.n;
    CExpr index = cs_expr(cs_fresh(c, "i"), PREC_primary);
    cs_begin_for(c, index.text, to->dims[0]);
    CView to_row = cs_index(c, to, 1, &index), from_row = cs_index(c, from, 1, &index);
    apply_nest(c, &to_row, &from_row, apply);
    cs_end_block(c);
    cs_release(c, mark);
}

void cs_copy(CSource *c, const CView *to, const CView *from) {
    apply_nest(c, to, from, cs_store);
}

void cs_add_all(CSource *c, const CView *to, const CView *from) {
    apply_nest(c, to, from, cs_accumulate);
}

void cs_into(CSource *c, const Buffer *buffer, const Value *value) {
    if (plan_place(c->plan, value) == buffer) {
        return;
    }
    CView *to = cs_buffer_view(c, buffer, value->type);
    cs_copy(c, to, cs_view(c, value));
}
