/* Array operations of the interpreter: views, gathers and scatters, reductions, contractions.
 *
 * Every access is checked, although programs check indices before: a pass that loses a check must
 * show as a message, not as memory read at random. Called by eval.c only. */
#include "ir/einsum.h"
#include "ir/eval_internal.h"
#include "ir/eval_math.h"

#include <math.h>
#include <string.h>

static Datum *operand(const Eval *e, const Inst *inst, int i) {
    return eval_get(e, inst->in[i]);
}

/* a[k] += v[j] */
static void add_element(Datum *a, int64_t k, const Datum *v, int64_t j) {
    if (type_is_float(a->type)) {
        a->f[k] = eval_round(a->type->elem, a->f[k] + v->f[j]);
    } else {
        a->i[k] = eval_wrap(a->type->elem, (int64_t)((uint64_t)a->i[k] + (uint64_t)v->i[j]));
    }
}

/* Number of elements below the first k axes. */
static int64_t row_count(const Datum *d, int k) {
    int64_t n = 1;
    for (int axis = k; axis < d->type->rank; axis++) {
        n *= d->dims[axis];
    }
    return n;
}

/* ---- one place of an array ---- */

/* The offset of x[idx...], the indices being the operands from `first`. */
static bool place_offset(Eval *e, const Inst *inst, int first, const Datum *x, int64_t *offset) {
    int k = inst->n_in - first;
    int64_t at = 0;
    for (int i = 0; i < k; i++) {
        int64_t index = operand(e, inst, first + i)->i[0];
        if (index < 0 || index >= x->dims[i]) {
            return eval_fail(e, inst->loc,
                             "%s: index %lld is outside of 0 .. %lld, and no check stopped it",
                             op_info[inst->op].name, (long long)index, (long long)x->dims[i]);
        }
        at = at * x->dims[i] + index;
    }
    *offset = at * row_count(x, k);
    return true;
}

static bool slice_offset(Eval *e, const Inst *inst, int lo_at, const Datum *whole,
                         const Datum *part, int64_t *offset) {
    int64_t lo = operand(e, inst, lo_at)->i[0];
    if (lo < 0 || part->dims[0] > whole->dims[0] || lo > whole->dims[0] - part->dims[0]) {
        return eval_fail(e, inst->loc,
                         "%s: rows from %lld are outside of the array, and no check stopped it",
                         op_info[inst->op].name, (long long)lo);
    }
    *offset = lo * row_count(whole, 1);
    return true;
}

/* The result that starts as a copy of operand 0, or shares its storage along an acc. */
static Datum *start_from_first(Eval *e, const Inst *inst) {
    const Datum *first = operand(e, inst, 0);
    if (inst->out[0]->is_acc) {
        eval_alias(e, inst->out[0], first);
        return eval_get(e, inst->out[0]);
    }
    Datum *out = eval_place(e, inst->out[0], inst->loc);
    if (out) {
        eval_copy(out, 0, first, 0, out->count);
    }
    return out;
}

static bool eval_put(Eval *e, const Inst *inst) {
    const Datum *v = operand(e, inst, 1);
    Datum *out = start_from_first(e, inst);
    int64_t offset;
    if (!out || !(inst->op == OP_add_slice ? slice_offset(e, inst, 2, out, v, &offset)
                                           : place_offset(e, inst, 2, out, &offset))) {
        return false;
    }
    if (inst->op == OP_update) {
        eval_copy(out, offset, v, 0, v->count);
        return true;
    }
    for (int64_t k = 0; k < v->count; k++) {
        add_element(out, offset + k, v, k);
    }
    return true;
}

static bool eval_part(Eval *e, const Inst *inst, Datum *out) {
    const Datum *x = operand(e, inst, 0);
    int64_t offset;
    if (!(inst->op == OP_slice ? slice_offset(e, inst, 1, x, out, &offset)
                               : place_offset(e, inst, 1, x, &offset))) {
        return false;
    }
    eval_copy(out, 0, x, offset, out->count);
    return true;
}

/* ---- views ---- */

static bool eval_broadcast(Eval *e, const Inst *inst, Datum *out) {
    const Datum *x = operand(e, inst, 0);
    if (x->count > 0 && out->count % x->count != 0) {
        return eval_fail(e, inst->loc, "broadcast: the sizes do not fit");
    }
    for (int64_t at = 0; at < out->count; at += x->count) {
        eval_copy(out, at, x, 0, x->count);
    }
    return true;
}

static void eval_transpose(const Inst *inst, const Datum *x, Datum *out) {
    int rank = x->type->rank;
    int64_t stride[IR_MAX_RANK], at[IR_MAX_RANK] = {0}, from = 0;
    for (int i = 0; i < rank; i++) {
        stride[i] = row_count(x, inst->attr.perm[i] + 1);
    }
    for (int64_t k = 0; k < out->count; k++) {
        eval_copy(out, k, x, from, 1);
        for (int axis = rank - 1; axis >= 0; axis--) { /* the next place in the result's order */
            from += stride[axis];
            if (++at[axis] < out->dims[axis]) {
                break;
            }
            from -= at[axis] * stride[axis];
            at[axis] = 0;
        }
    }
}

static bool eval_list(Eval *e, const Inst *inst, Datum *out) {
    int64_t at = 0;
    for (int i = 0; i < inst->n_in; i++) {
        const Datum *x = operand(e, inst, i);
        if (at + x->count > out->count) {
            return eval_fail(e, inst->loc, "%s: the parts do not fit", op_info[inst->op].name);
        }
        eval_copy(out, at, x, 0, x->count);
        at += x->count;
    }
    return true;
}

static void eval_reverse(const Datum *x, Datum *out) {
    int64_t row = row_count(x, 1);
    for (int64_t i = 0; i < x->dims[0]; i++) {
        eval_copy(out, (x->dims[0] - 1 - i) * row, x, i * row, row);
    }
}

/* ---- reductions: element `column` of each of n rows ---- */

typedef struct Column {
    const Datum *x;
    int64_t n, stride, at;
} Column;

static double column_f(const Column *c, int64_t i) {
    return c->x->f[c->at + i * c->stride];
}

static int64_t column_i(const Column *c, int64_t i) {
    return c->x->i[c->at + i * c->stride];
}

static double reduce_floats(Reduce kind, const Column *c) {
    double r = kind == RED_sum ? 0.0 : kind == RED_min ? INFINITY : -INFINITY, sum = 0;
    for (int64_t i = 0; i < c->n; i++) {
        double x = column_f(c, i);
        r = kind == RED_sum ? r + x : kind == RED_min ? eval_min(r, x) : eval_max(r, x);
    }
    if (kind != RED_logsumexp || !isfinite(r)) {
        return r;
    }
    for (int64_t i = 0; i < c->n; i++) {
        sum += exp(column_f(c, i) - r);
    }
    return r + log(sum);
}

static int64_t reduce_integers(Reduce kind, const Column *c) {
    bool narrow = c->x->type->elem == S_i32;
    int64_t low = narrow ? INT32_MIN : INT64_MIN, high = narrow ? INT32_MAX : INT64_MAX;
    int64_t r = kind == RED_max ? low : kind == RED_min ? high : kind == RED_all;
    for (int64_t i = 0; i < c->n; i++) {
        int64_t x = column_i(c, i);
        switch (kind) {
        case RED_max:
            r = x > r ? x : r;
            break;
        case RED_min:
            r = x < r ? x : r;
            break;
        case RED_any:
            r |= x;
            break;
        case RED_all:
            r &= x;
            break;
        default:
            r = (int64_t)((uint64_t)r + (uint64_t)x);
            break;
        }
    }
    return eval_wrap(c->x->type->elem, r);
}

/* The first index of the extreme; a NaN counts as one. */
static int64_t extreme_index(Reduce kind, const Column *c) {
    int64_t best = 0;
    for (int64_t i = 1; i < c->n; i++) {
        bool better;
        if (type_is_float(c->x->type)) {
            double x = column_f(c, i), y = column_f(c, best);
            better = (kind == RED_argmax ? x > y : x < y) || (isnan(x) && !isnan(y));
        } else {
            int64_t x = column_i(c, i), y = column_i(c, best);
            better = kind == RED_argmax ? x > y : x < y;
        }
        best = better ? i : best;
    }
    return best;
}

static void eval_reduce(const Inst *inst, const Datum *x, Datum *out) {
    Reduce kind = inst->attr.reduce.kind;
    Column c = {.x = x, .n = 1, .stride = out->count};
    for (int i = 0; i < inst->attr.reduce.axes; i++) {
        c.n *= x->dims[i];
    }
    for (c.at = 0; c.at < out->count; c.at++) {
        if (kind == RED_argmax || kind == RED_argmin) {
            out->i[c.at] = extreme_index(kind, &c);
        } else if (type_is_float(x->type)) {
            out->f[c.at] = eval_round(x->type->elem, reduce_floats(kind, &c));
        } else {
            out->i[c.at] = reduce_integers(kind, &c);
        }
    }
}

/* ---- contractions ---- */

enum { MOST_LABELS = 2 * IR_MAX_RANK };

/* The labels of the result first, then those summed over; strides of both operands along each. */
typedef struct Labels {
    char name[MOST_LABELS];
    int64_t extent[MOST_LABELS], stride[2][MOST_LABELS];
    int n_out, n;
} Labels;

static void add_label(Labels *l, char name) {
    if (!memchr(l->name, name, (size_t)l->n) && l->n < MOST_LABELS) {
        l->name[l->n++] = name;
    }
}

static void set_strides(Labels *l, int side, const char *text, const Datum *x) {
    for (int axis = 0; text[axis]; axis++) {
        const char *at = memchr(l->name, text[axis], (size_t)l->n);
        if (at) {
            l->extent[at - l->name] = x->dims[axis];
            l->stride[side][at - l->name] = row_count(x, axis + 1);
        }
    }
}

static void add_labels(Labels *l, const char *names) {
    for (const char *c = names; *c; c++) {
        add_label(l, *c);
    }
}

static void read_labels(Labels *l, const Inst *inst, const Datum *x, const Datum *y) {
    Einsum e = einsum_of_inst(inst);
    memset(l, 0, sizeof *l);
    add_labels(l, e.out);
    l->n_out = l->n;
    add_labels(l, e.labels[0]);
    add_labels(l, e.labels[1]);
    set_strides(l, 0, e.labels[0], x);
    set_strides(l, 1, e.labels[1], y);
}

/* Steps through the labels first .. last in row-major order; false at the end. */
static bool next_place(const Labels *l, int first, int last, int64_t *at, int64_t *offset) {
    for (int k = last - 1; k >= first; k--) {
        at[k]++;
        offset[0] += l->stride[0][k];
        offset[1] += l->stride[1][k];
        if (at[k] < l->extent[k]) {
            return true;
        }
        offset[0] -= at[k] * l->stride[0][k];
        offset[1] -= at[k] * l->stride[1][k];
        at[k] = 0;
    }
    return false;
}

static void eval_contract(const Inst *inst, const Datum *x, const Datum *y, Datum *out) {
    Labels l;
    read_labels(&l, inst, x, y);
    int64_t at[MOST_LABELS] = {0}, offset[2] = {0, 0}, terms = 1;
    for (int k = l.n_out; k < l.n; k++) {
        terms *= l.extent[k];
    }
    for (int64_t place = 0; place < out->count; place++) {
        double sum = 0;
        uint64_t integer = 0;
        for (int64_t t = 0; t < terms; t++) {
            if (type_is_float(out->type)) {
                sum += x->f[offset[0]] * y->f[offset[1]];
            } else {
                integer += (uint64_t)x->i[offset[0]] * (uint64_t)y->i[offset[1]];
            }
            next_place(&l, l.n_out, l.n, at, offset);
        }
        if (type_is_float(out->type)) {
            out->f[place] = eval_round(out->type->elem, sum);
        } else {
            out->i[place] = eval_wrap(out->type->elem, (int64_t)integer);
        }
        next_place(&l, 0, l.n_out, at, offset);
    }
}

/* ---- any ---- */

bool eval_array_inst(Eval *e, const Inst *inst) {
    if (inst->op == OP_add_at || inst->op == OP_update || inst->op == OP_add_slice) {
        return eval_put(e, inst);
    }
    Datum *out = eval_place(e, inst->out[0], inst->loc);
    if (!out) {
        return false;
    }
    switch (inst->op) {
    case OP_broadcast:
        return eval_broadcast(e, inst, out);
    case OP_iota:
        for (int64_t i = 0; i < out->count; i++) {
            out->i[i] = i;
        }
        return true;
    case OP_index:
    case OP_slice:
        return eval_part(e, inst, out);
    case OP_transpose:
        eval_transpose(inst, operand(e, inst, 0), out);
        return true;
    case OP_reshape:
        if (operand(e, inst, 0)->count != out->count) {
            return eval_fail(e, inst->loc, "reshape: the numbers of elements differ");
        }
        return eval_list(e, inst, out);
    case OP_array:
    case OP_concat:
        return eval_list(e, inst, out);
    case OP_reverse:
        eval_reverse(operand(e, inst, 0), out);
        return true;
    case OP_reduce:
        eval_reduce(inst, operand(e, inst, 0), out);
        return true;
    default:
        eval_contract(inst, operand(e, inst, 0), operand(e, inst, 1), out);
        return true;
    }
}
