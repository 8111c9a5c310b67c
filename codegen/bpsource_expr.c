/* Expressions of the printed program. Each value has a Code once its instruction was met: a name
 * when a statement bound it, else the whole expression. Emits no statements. */
#include "codegen/bpsource_internal.h"
#include "ir/einsum.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- codes ---- */

Code bp_atom_code(const char *text) {
    return (Code){.text = text, .level = L_atom};
}

void bp_set_code(Printer *p, const Value *v, Code code) {
    Code *kept = ARENA_NEW(p->arena, Code);
    *kept = code;
    ptrmap_put(&p->codes, v, kept);
}

const char *bp_at_level(Printer *p, Code code, Level least) {
    return code.level >= least ? code.text : arena_printf(p->arena, "(%s)", code.text);
}

bool bp_is_place(const char *text) {
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_.[], ", *c))
            return false;
    return isalpha((unsigned char)text[0]);
}

/* Where the first of several indices ends; NULL: there is one. */
static const char *first_comma(const char *index) {
    int depth = 0;
    for (const char *c = index; *c; c++) {
        depth += (strchr("([{", *c) != NULL) - (strchr(")]}", *c) != NULL);
        if (depth == 0 && *c == ',')
            return c;
    }
    return NULL;
}

/* y'[i] is column i of y, y'[i, j] is y[j, i]. */
static Code element_of_transposed(Printer *p, Code x, const char *index) {
    const char *comma = first_comma(index);
    if (x.column)
        return bp_element_of(p, *x.of, arena_printf(p->arena, "%s, %s", index, x.column));
    if (comma)
        return bp_element_of(
            p, *x.of, arena_printf(p->arena, "%s, %.*s", comma + 2, (int)(comma - index), index));
    Code column = bp_element_of(p, *x.of, arena_printf(p->arena, ":, %s", index));
    return (Code){.text = column.text, .level = L_postfix, .of = x.of, .column = index};
}

Code bp_element_of(Printer *p, Code x, const char *index) {
    if (x.of)
        return element_of_transposed(p, x, index);
    Code code = {.level = L_postfix};
    code.base = x.index ? x.base : bp_at_level(p, x, L_postfix);
    code.index = x.index ? arena_printf(p->arena, "%s, %s", x.index, index) : index;
    code.text = arena_printf(p->arena, "%s[%s]", code.base, code.index);
    return code;
}

const char *bp_join(Printer *p, const char *const *parts, int n) {
    Text text;
    text_init(&text, p->arena);
    for (int i = 0; i < n; i++)
        text_printf(&text, "%s%s", i > 0 ? ", " : "", parts[i]);
    return text.data ? text.data : "";
}

const char *bp_wrap(Printer *p, const char *const *parts, int n) {
    enum { WIDTH = 84 };
    Text text;
    text_init(&text, p->arena);
    size_t line = 0, indent = 2 * (size_t)p->indent;
    for (int i = 0; i < n; i++) {
        if (i > 0)
            text_puts(&text, ",");
        if (i > 0 && text.n - line + strlen(parts[i]) + indent > WIDTH) {
            text_printf(&text, "\n%*s", (int)indent + 4, "");
            line = text.n;
        } else if (i > 0) {
            text_puts(&text, " ");
        }
        text_puts(&text, parts[i]);
    }
    return text.data ? text.data : "";
}

Code bp_tuple_code(Printer *p, int n, const Code *parts) {
    if (n == 1)
        return parts[0];
    const char **texts = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int i = 0; i < n; i++)
        texts[i] = parts[i].text;
    return bp_atom_code(arena_printf(p->arena, "(%s)", bp_wrap(p, texts, n)));
}

Code bp_results_code(Printer *p, int n, Value *const *values) {
    const char *whole = n > 1 && values[0]->inst ? ptrmap_get(&p->whole, values[0]->inst) : NULL;
    if (whole)
        return (Code){.text = whole, .level = L_add};
    Code *parts = ARENA_ARRAY(p->arena, n + 1, Code);
    for (int k = 0; k < n; k++)
        parts[k] = bp_code_of(p, values[k]);
    return bp_tuple_code(p, n, parts);
}

static Code call_code(Printer *p, const char *name, int n, const Code *args) {
    const char **texts = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int i = 0; i < n; i++)
        texts[i] = args[i].text;
    return (Code){.text = arena_printf(p->arena, "%s(%s)", name, bp_join(p, texts, n)),
                  .level = L_postfix};
}

/* ---- constants ---- */

static Code integer_code(Printer *p, Scalar elem, int64_t value) {
    if (elem == S_bool)
        return bp_atom_code(value ? "true" : "false");
    Code code = {.level = value < 0 ? L_unary : L_atom};
    code.text = value == INT64_MIN ? "(-9223372036854775807 - 1)"
                                   : arena_printf(p->arena, "%" PRId64, value);
    if (elem == S_i32)
        return call_code(p, "i32", 1, &code);
    if (value < 0 && value != INT64_MIN) {
        code.minus = code.text + 1;
        code.minus_level = L_atom;
    }
    return code;
}

/* `plain`: it stands beside a value of its type, which gives the literal its width. */
static Code constant_code(Printer *p, const Inst *inst, bool plain) {
    Scalar elem = inst->out[0]->type->elem;
    if (elem < S_f32)
        return integer_code(p, elem, inst->attr.integer);
    Text text;
    text_init(&text, p->arena);
    ir_print_number(&text, elem, inst->attr.num);
    Code code = {.text = text.data, .level = text.data[0] == '-' ? L_unary : L_atom};
    if (code.level == L_unary && plain) {
        code.minus = text.data + 1;
        code.minus_level = L_atom;
    }
    return elem == S_f32 && !plain ? call_code(p, "f32", 1, &code) : code;
}

/* for i < n, j < m */
static const char *binders(Printer *p, int n, const char *const *names,
                           const Size *const *extents) {
    Text text;
    text_init(&text, p->arena);
    for (int k = 0; k < n; k++) {
        Level level;
        text_printf(&text, "%s%s < ", k > 0 ? ", " : "", names[k]);
        text_puts(&text, bp_size_text(p, extents[k], &level));
    }
    return text.data;
}

static const char *axis_name(Printer *p, int k) {
    static const char *const axes[] = {"i",  "j",  "k",  "l",  "i1", "j1", "k1", "l1",
                                       "i2", "j2", "k2", "l2", "i3", "j3", "k3", "l3"};
    return bp_names_new(&p->names, p->arena, axes[k % 16]);
}

Code bp_filled(Printer *p, const Type *type, Code element) {
    bool one = strcmp(element.text, "1.0") == 0, zero = strcmp(element.text, "0.0") == 0;
    const char *parts[IR_MAX_RANK], *names[IR_MAX_RANK];
    if (type->elem == S_f64 && (one || zero)) {
        for (int k = 0; k < type->rank; k++) {
            Level level;
            parts[k] = bp_size_text(p, type->dims[k], &level);
        }
        const char *args = bp_join(p, parts, type->rank);
        return (Code){.text = arena_printf(p->arena, "%s(%s)", one ? "ones" : "zeros", args),
                      .level = L_postfix};
    }
    int mark = bp_names_mark(&p->names);
    for (int k = 0; k < type->rank; k++)
        names[k] = axis_name(p, k);
    Code code = bp_atom_code(arena_printf(p->arena, "[%s for %s]", element.text,
                                          binders(p, type->rank, names, type->dims)));
    bp_names_leave(&p->names, mark);
    return code;
}

static Code broadcast_code(Printer *p, const Value *v) {
    const Value *x = v->inst->in[0];
    while (bp_is_transparent(x))
        x = x->inst->in[0];
    Type frame = *v->type; /* the new axes alone: the element may be an array */
    frame.rank -= x->type->rank;
    return bp_filled(p, &frame, bp_code_of(p, x));
}

/* ---- operands ---- */

Code bp_code_of(Printer *p, const Value *v) {
    Code *code = ptrmap_get(&p->codes, v);
    if (code)
        return *code;
    Level level;
    switch (v->inst->op) {
    case OP_const:
        return constant_code(p, v->inst, false);
    case OP_size: {
        const char *text = bp_size_text(p, v->inst->attr.size, &level);
        return (Code){.text = text, .level = level};
    }
    case OP_broadcast:
        return broadcast_code(p, v);
    default:
        return bp_inst_code(p, v->inst);
    }
}

Code bp_operand_of(Printer *p, const Value *v) {
    while (bp_is_transparent(v) && !ptrmap_get(&p->codes, v))
        v = v->inst->in[0];
    return v->inst && v->inst->op == OP_const ? constant_code(p, v->inst, true) : bp_code_of(p, v);
}

/* ---- elementwise ---- */

typedef struct Operator {
    Op op;
    const char *text;
    Level level;
} Operator;

static const Operator operators[] = {
    {OP_add, " + ", L_add},     {OP_sub, " - ", L_add},     {OP_mul, "*", L_mul},
    {OP_div, "/", L_mul},       {OP_rem, " % ", L_mul},     {OP_pow, "**", L_pow},
    {OP_and, " && ", L_and},    {OP_or, " || ", L_or},      {OP_eq, " == ", L_compare},
    {OP_ne, " != ", L_compare}, {OP_lt, " < ", L_compare},  {OP_le, " <= ", L_compare},
    {OP_gt, " > ", L_compare},  {OP_ge, " >= ", L_compare},
};

static const Operator *operator_of(Op op) {
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i].op == op)
            return &operators[i];
    return NULL;
}

static bool is_literal(const Value *v) {
    while (bp_is_transparent(v))
        v = v->inst->in[0];
    return v->inst && v->inst->op == OP_const;
}

static Code binary_code(Printer *p, const Operator *op, Code a, Code b) {
    bool to_right = op->op == OP_pow; /* the only operator that groups to the right */
    bool loose = op->op == OP_and || op->op == OP_or; /* sums keep their order */
    Level left = op->level == L_compare || to_right ? op->level + 1 : op->level;
    Level right = loose ? op->level : op->level + 1;
    if (op->level == L_mul && b.level == L_unary)
        right = L_pow;
    return (Code){.text = arena_printf(p->arena, "%s%s%s", bp_at_level(p, a, left), op->text,
                                       bp_at_level(p, b, right)),
                  .level = op->level};
}

/* -a*b is (-a)*b, which is the same number. */
static Code negation_code(Printer *p, Code x) {
    return (Code){
        .text = arena_printf(p->arena, "-%s", bp_at_level(p, x, x.text[0] == '-' ? L_pow : L_mul)),
        .level = L_unary,
        .minus = x.text,
        .minus_level = x.level};
}

/* A number times x: -2.0*x is the negation of 2.0*x. */
static Code scaled_code(Printer *p, Code number, Code x) {
    const Operator *times = operator_of(OP_mul);
    Code code = binary_code(p, times, number, x);
    if (number.minus) {
        code.minus = binary_code(p, times, bp_atom_code(number.minus), x).text;
        code.minus_level = L_mul;
    }
    return code;
}

static Code elementwise_code(Printer *p, const Inst *inst) {
    Code args[3];
    int whole = bp_whole_operand(inst);
    bool literals = true; /* nothing gives a literal its width */
    int first = inst->op == OP_select ? 1 : 0;
    for (int k = first; k < inst->n_in; k++)
        literals = literals && is_literal(inst->in[k]);
    for (int k = 0; k < inst->n_in; k++) {
        const Value *x = inst->in[k];
        bool gives_width = literals && k == inst->n_in - 1;
        while (gives_width && k != whole && bp_is_transparent(x))
            x = x->inst->in[0];
        args[k] = gives_width || (k == whole && bp_is_transparent(x)) ? bp_code_of(p, x)
                                                                      : bp_operand_of(p, x);
    }
    const Operator *op = operator_of(inst->op);
    if (bp_is_doubling(inst))
        return binary_code(p, operator_of(OP_mul), bp_atom_code("2.0"), args[0]);
    if (inst->op == OP_mul && is_literal(inst->in[1]) && !literals)
        return scaled_code(p, args[1], args[0]);
    if ((inst->op == OP_add || inst->op == OP_sub) && args[1].minus) /* a + -b is a - b */
        return binary_code(p, operator_of(inst->op == OP_add ? OP_sub : OP_add), args[0],
                           (Code){.text = args[1].minus, .level = args[1].minus_level});
    if (op)
        return binary_code(p, op, args[0], args[1]);
    if (inst->op == OP_neg)
        return negation_code(p, args[0]);
    if (inst->op == OP_not)
        return (Code){.text = arena_printf(p->arena, "!%s", bp_at_level(p, args[0], L_pow)),
                      .level = L_unary};
    return call_code(p, op_info[inst->op].name, inst->n_in, args);
}

/* ---- elements ---- */

static const char *index_list(Printer *p, const Inst *inst, int first) {
    const char *parts[IR_MAX_RANK];
    for (int k = first; k < inst->n_in; k++)
        parts[k - first] = bp_code_of(p, inst->in[k]).text;
    return bp_join(p, parts, inst->n_in - first);
}

static Code put_code(Printer *p, const Inst *inst) {
    Value *parts[PARTS_MOST];
    int n = inst->op == OP_add_at ? bp_array_of_adds(p, inst->out[0], parts) : 0;
    const char *texts[PARTS_MOST];
    for (int k = 0; k < n; k++)
        texts[k] = bp_code_of(p, parts[k]).text;
    if (n > 0)
        return bp_atom_code(arena_printf(p->arena, "[%s]", bp_join(p, texts, n)));
    bool adds = inst->op == OP_add_at && !bp_is_fresh_put(inst);
    Code base = bp_code_of(p, inst->in[0]), value = bp_code_of(p, inst->in[1]);
    const char *at = index_list(p, inst, 2),
               *left = base.level == L_with ? base.text : bp_at_level(p, base, L_postfix);
    const char *sum = adds ? bp_element_of(p, base, at).text : "";
    return (Code){.text =
                      arena_printf(p->arena, "%s with [%s] = %s%s%s", left, at, sum,
                                   adds ? " + " : "", bp_at_level(p, value, adds ? L_add : L_or)),
                  .level = L_with};
}

/* x[lo : lo + m] */
static const char *range_text(Printer *p, const Value *lo, const Size *extent) {
    PolyTable *polys = &p->m->ctx->polys;
    Level level;
    const char *count = bp_size_text(p, extent, &level), *from = bp_code_of(p, lo).text;
    const Size *start = NULL;
    if (lo->inst && lo->inst->op == OP_size)
        start = lo->inst->attr.size;
    else if (lo->inst && lo->inst->op == OP_const)
        start = size_const(polys, lo->inst->attr.integer);
    const Size *end = start ? size_add(polys, start, extent) : NULL;
    return arena_printf(p->arena, "%s:%s", from,
                        end ? bp_size_text(p, end, &level)
                            : arena_printf(p->arena, "%s + %s", from, count));
}

static Code slice_code(Printer *p, const Inst *inst) {
    Code x = bp_code_of(p, inst->in[0]);
    if (!x.column)
        x.of = NULL;
    return bp_element_of(p, x, range_text(p, inst->in[1], inst->out[0]->type->dims[0]));
}

/* An update of a part: element by element, over a copy that no one else sees. */
static Code add_slice_code(Printer *p, const Inst *inst) {
    int mark = bp_names_mark(&p->names);
    Level level;
    const char *a = bp_names_new(&p->names, p->arena, "a"), *i = axis_name(p, 0);
    const char *lo = bp_code_of(p, inst->in[2]).text, *at = i;
    if (!inst_is_zero(inst->in[2]))
        at = arena_printf(p->arena, "%s + %s", lo, i);
    const char *from = bp_code_of(p, inst->in[0]).text,
               *v = bp_element_of(p, bp_code_of(p, inst->in[1]), i).text;
    const char *extent = bp_size_text(p, inst->in[1]->type->dims[0], &level);
    Code code = bp_atom_code(arena_printf(p->arena,
                                          "loop %s = %s for %s < %s { %s with [%s] = %s[%s] + %s }",
                                          a, from, i, extent, a, at, a, at, v));
    bp_names_leave(&p->names, mark);
    return code;
}

static Code transposed_matrix(Printer *p, Code x) {
    Code code = {.text = arena_printf(p->arena, "%s'", bp_at_level(p, x, L_postfix)),
                 .level = L_postfix};
    if (bp_is_place(x.text) && !x.of) {
        Code *of = ARENA_NEW(p->arena, Code);
        *of = x;
        code.of = of;
    }
    return code;
}

static Code transpose_code(Printer *p, const Inst *inst) {
    Code x = bp_code_of(p, inst->in[0]);
    const Type *type = inst->out[0]->type;
    if (type->rank == 2)
        return transposed_matrix(p, x);
    const char *names[IR_MAX_RANK], *at[IR_MAX_RANK];
    int mark = bp_names_mark(&p->names);
    for (int k = 0; k < type->rank; k++) {
        names[k] = axis_name(p, k);
        at[inst->attr.perm[k]] = names[k];
    }
    Code element = bp_element_of(p, x, bp_join(p, at, type->rank));
    Code code = bp_atom_code(arena_printf(p->arena, "[%s for %s]", element.text,
                                          binders(p, type->rank, names, type->dims)));
    bp_names_leave(&p->names, mark);
    return code;
}

/* ---- reductions and products ---- */

/* Over some of the axes: sums of sub-arrays, the other reductions element by element. */
static Code partial_reduce(Printer *p, const Inst *inst) {
    const char *names[IR_MAX_RANK] = {0}, *kind = reduce_name[inst->attr.reduce.kind];
    const Type *type = inst->in[0]->type;
    int axes = inst->attr.reduce.axes, mark = bp_names_mark(&p->names);
    int last = inst->attr.reduce.kind == RED_sum ? axes : type->rank;
    for (int k = 0; k < last; k++)
        names[k] = axis_name(p, k);
    Code element = bp_element_of(p, bp_code_of(p, inst->in[0]), bp_join(p, names, last));
    const char *inner = arena_printf(p->arena, "%s(%s for %s)", kind, element.text,
                                     binders(p, axes, names, type->dims));
    Code code = {.text = inner, .level = L_postfix};
    if (last > axes)
        code = bp_atom_code(arena_printf(p->arena, "[%s for %s]", inner,
                                         binders(p, last - axes, names + axes, type->dims + axes)));
    bp_names_leave(&p->names, mark);
    return code;
}

/* Of "[e for i < n, j < m]" with `rank` counters: what stands inside, which a reduction takes as it
 * is; else NULL. */
static const char *comprehension(Printer *p, const char *text, int rank) {
    int depth = 0, counters = 0;
    for (const char *c = text; *c; c++) {
        bool opens = strchr("([{", *c) != NULL, closes = strchr(")]}", *c) != NULL;
        depth += opens - closes;
        if (depth == 0 && c[1])
            return NULL;
        if (depth == 1 && strncmp(c, " for ", 5) == 0)
            counters = 1;
        counters += depth == 1 && counters > 0 && *c == ',';
    }
    bool whole = text[0] == '[' && counters == rank && rank > 0;
    return whole ? arena_strdup(p->arena, text + 1, strlen(text) - 2) : NULL;
}

static Code reduce_code(Printer *p, const Inst *inst) {
    Code x = bp_code_of(p, inst->in[0]);
    const char *inside =
        bp_reduces_all(inst) ? comprehension(p, x.text, inst->in[0]->type->rank) : NULL;
    if (inside)
        x.text = inside;
    return bp_reduces_all(inst) ? call_code(p, reduce_name[inst->attr.reduce.kind], 1, &x)
                                : partial_reduce(p, inst);
}

/* The axes of an operand by the names of their labels. */
static Code labelled(Printer *p, const Value *v, const char *labels, const char *const *name_of) {
    const char *at[IR_MAX_RANK];
    int n = 0;
    for (; labels[n]; n++)
        at[n] = name_of[(unsigned char)labels[n]];
    return n > 0 ? bp_element_of(p, bp_code_of(p, v), bp_join(p, at, n)) : bp_code_of(p, v);
}

/* [sum(A[i, k]*B[k, j] for k < K) for i < I, j < J] */
static Code general_product(Printer *p, const Inst *inst) {
    Einsum e = einsum_of_inst(inst);
    const char *name_of[128] = {0}, *names[2 * IR_MAX_RANK], *summed[2 * IR_MAX_RANK];
    const Size *extents[2 * IR_MAX_RANK], *summed_extents[2 * IR_MAX_RANK];
    int n = 0, n_summed = 0, mark = bp_names_mark(&p->names);
    for (const char *c = e.out; *c; c++, n++) {
        names[n] = name_of[(unsigned char)*c] = axis_name(p, n);
        extents[n] = einsum_extent(&e, *c);
    }
    for (int k = 0; k < 2; k++)
        for (const char *c = e.labels[k]; *c; c++)
            if (!name_of[(unsigned char)*c]) {
                summed[n_summed] = name_of[(unsigned char)*c] = axis_name(p, n + n_summed);
                summed_extents[n_summed++] = einsum_extent(&e, *c);
            }
    Code a = labelled(p, e.in[0], e.labels[0], name_of),
         b = labelled(p, e.in[1], e.labels[1], name_of);
    Code code = binary_code(p, operator_of(OP_mul), a, b);
    if (n_summed > 0)
        code = (Code){.text = arena_printf(p->arena, "sum(%s for %s)", code.text,
                                           binders(p, n_summed, summed, summed_extents)),
                      .level = L_postfix};
    if (n > 0)
        code = bp_atom_code(
            arena_printf(p->arena, "[%s for %s]", code.text, binders(p, n, names, extents)));
    bp_names_leave(&p->names, mark);
    return code;
}

static Code matmul_code(Printer *p, const Product *product, Code a, Code b) {
    Code left = product->swapped ? b : a, right = product->swapped ? a : b;
    const char *l = product->left_t ? arena_printf(p->arena, "%s'", bp_at_level(p, left, L_postfix))
                                    : bp_at_level(p, left, L_pow);
    const char *r = product->right_t
                        ? arena_printf(p->arena, "%s'", bp_at_level(p, right, L_postfix))
                        : bp_at_level(p, right, L_pow);
    return (Code){.text = arena_printf(p->arena, "%s @ %s", l, r), .level = L_mul};
}

static Code contract_code(Printer *p, const Inst *inst) {
    Product product = bp_product_form(inst);
    Code args[2];
    for (int k = 0; k < 2; k++)
        args[k] =
            bp_code_of(p, inst->in[product.form == PRODUCT_outer && product.swapped ? 1 - k : k]);
    switch (product.form) {
    case PRODUCT_norm2:
        return call_code(p, "norm2", 1, args);
    case PRODUCT_dot:
        return call_code(p, "dot", 2, args);
    case PRODUCT_outer:
        return call_code(p, "outer", 2, args);
    case PRODUCT_matmul:
        return matmul_code(p, &product, args[0], args[1]);
    case PRODUCT_sum: {
        Code times = binary_code(p, operator_of(OP_mul), args[0], args[1]);
        return call_code(p, "sum", 1, &times);
    }
    default:
        return general_product(p, inst);
    }
}

/* ---- the rest ---- */

static Code list_code(Printer *p, const Inst *inst, const char *open, const char *close) {
    const char **texts = ARENA_ARRAY(p->arena, inst->n_in + 1, const char *);
    for (int k = 0; k < inst->n_in; k++)
        texts[k] = bp_code_of(p, inst->in[k]).text;
    return (Code){.text =
                      arena_printf(p->arena, "%s%s%s", open, bp_join(p, texts, inst->n_in), close),
                  .level = L_postfix};
}

static Code reshape_code(Printer *p, const Inst *inst) {
    const char *parts[IR_MAX_RANK + 1];
    const Type *type = inst->out[0]->type;
    Level level;
    parts[0] = bp_code_of(p, inst->in[0]).text;
    for (int k = 0; k < type->rank; k++)
        parts[1 + k] = bp_size_text(p, type->dims[k], &level);
    if (inst->in[0]->type->rank == 0) /* an element as an array */
        return bp_atom_code(arena_printf(p->arena, "%.*s%s%.*s", type->rank, "[[[[[[[[", parts[0],
                                         type->rank, "]]]]]]]]"));
    if (type->rank == 0) /* of one element */
        return (Code){.text = arena_printf(p->arena, "sum(%s)", parts[0]), .level = L_postfix};
    return (Code){.text = arena_printf(p->arena, "reshape(%s)", bp_join(p, parts, type->rank + 1)),
                  .level = L_postfix};
}

Code bp_inst_code(Printer *p, const Inst *inst) {
    if (op_is_elementwise(inst->op))
        return elementwise_code(p, inst);
    Code x;
    Level level;
    switch (inst->op) {
    case OP_convert:
        x = bp_code_of(p, inst->in[0]);
        return call_code(p, scalar_name(inst->out[0]->type->elem), 1, &x);
    case OP_stop:
        return list_code(p, inst, "stop(", ")");
    case OP_iota:
        return (Code){.text = arena_printf(p->arena, "iota(%s)",
                                           bp_size_text(p, inst->out[0]->type->dims[0], &level)),
                      .level = L_postfix};
    case OP_index:
        return bp_element_of(p, bp_code_of(p, inst->in[0]), index_list(p, inst, 1));
    case OP_add_at:
    case OP_update:
        return put_code(p, inst);
    case OP_slice:
        return slice_code(p, inst);
    case OP_add_slice:
        return add_slice_code(p, inst);
    case OP_transpose:
        return transpose_code(p, inst);
    case OP_reshape:
        return reshape_code(p, inst);
    case OP_array:
        return list_code(p, inst, "[", "]");
    case OP_concat:
        return list_code(p, inst, "concat(", ")");
    case OP_reverse:
        return list_code(p, inst, "reverse(", ")");
    case OP_reduce:
        return reduce_code(p, inst);
    case OP_contract:
        return contract_code(p, inst);
    case OP_call:
        return list_code(p, inst,
                         arena_printf(p->arena, "%s(",
                                      (const char *)ptrmap_get(&p->funcs, inst->attr.callee.func)),
                         ")");
    default:
        return bp_code_of(p, inst->out[0]); /* const, size, broadcast; the others are statements */
    }
}
