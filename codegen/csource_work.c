/* The layout of the workspace in C; see csource_print.h and codegen/emit_work.c, whose rules these are.
 *
 * Offsets are computed on entry, so a slot whose size depends on a value bound later (`dim`) gets a bound of it: the
 * largest that the value can be, from how it is computed. One function computes the layout, for NAME_work and for NAME;
 * it is left out where everything is known. */
#include "codegen/csource_print.h"

#include <inttypes.h>

/* An i64 known on entry. `folded`: made of constants by sums and products only, so that code generation, too, knows
 * it cannot overflow and gives it no status. */
typedef struct Num {
    const char *text; /* NULL: there is none */
    Prec prec;
    bool known, folded;
    bool max_zero; /* max(.., 0) already */
    int64_t k;
} Num;

typedef struct Bounds {
    Num low, high;
} Bounds;

typedef struct Work {
    CSource *c;
    bool checked; /* something may overflow */
} Work;

static const Num none;

static Num number(Work *w, int64_t k, bool folded) {
    CExpr text = cs_int(w->c, k);
    return (Num){.text = text.text, .prec = text.prec, .known = true, .folded = folded, .k = k};
}

static Num call(Work *w, const char *function, Num a, Num b, const char *more) {
    const char *text = arena_printf(w->c->arena, "%s(%s, %s%s)", function, a.text, b.text, more);
    return (Num){.text = text, .prec = PREC_primary};
}

static Num wrapping(Work *w, Op op, Num a, Num b) {
    if (a.known && b.known) {
        uint64_t x = (uint64_t)a.k, y = (uint64_t)b.k;
        uint64_t k = op == OP_add ? x + y : op == OP_sub ? x - y : x * y;
        return number(w, (int64_t)k, a.folded && b.folded);
    }
    if (op != OP_mul && b.known && b.k == 0) {
        return a;
    }
    if (op == OP_add && a.known && a.k == 0) {
        return b;
    }
    if (op == OP_mul && ((a.known && a.k == 1) || (b.known && b.k == 1))) {
        return a.known ? b : a;
    }
    return call(w, op == OP_add ? "bp_add_i64" : op == OP_sub ? "bp_sub_i64" : "bp_mul_i64", a, b, "");
}

static Num extreme(Work *w, Op op, Num a, Num b) {
    if (!a.text || !b.text) {
        return none;
    }
    if (a.known && b.known) {
        return number(w, (a.k < b.k) == (op == OP_min) ? a.k : b.k, false);
    }
    Num result = call(w, op == OP_min ? "bp_min_i64" : "bp_max_i64", a, b, "");
    result.max_zero = op == OP_max && ((a.known && a.k == 0) || (b.known && b.k == 0));
    return result;
}

static Num at_least_zero(Work *w, Num a) {
    if (!a.text || a.max_zero) {
        return a;
    }
    a = extreme(w, OP_max, a, number(w, 0, true));
    a.max_zero = true;
    return a;
}

static bool is_not_negative(Num a) {
    return a.text && a.folded && a.k >= 0;
}

/* ---- bounds of values ---- */

static Bounds value_bounds(Work *w, const Value *v, int depth);

/* The symbol, or the largest that the value it stands for can be. */
static Num symbol_bound(Work *w, const SizeSym *sym, int depth) {
    const char *name = ptrmap_get(&w->c->syms, sym);
    if (name) {
        return (Num){.text = name, .prec = PREC_primary};
    }
    return sym->value ? at_least_zero(w, value_bounds(w, sym->value, depth).high) : none;
}

static bool is_dropped(Work *w, const SizeTerm *term, const SizeSym *sym) {
    return !ptrmap_get(&w->c->syms, sym) && sym->value && term->coef < 0; /* its least is 0 */
}

static Num size_bound(Work *w, const Size *size, int depth) {
    Num sum = number(w, 0, true);
    for (int t = 0; t < size->n; t++) {
        const SizeTerm *term = &size->terms[t];
        Num product = number(w, term->coef, true);
        bool dropped = false;
        for (int k = 0; k < term->degree && !dropped; k++) {
            dropped = is_dropped(w, term, term->syms[k]);
            if (dropped) {
                continue;
            }
            Num factor = symbol_bound(w, term->syms[k], depth);
            if (!factor.text) {
                return none;
            }
            product = wrapping(w, OP_mul, product, factor);
        }
        sum = dropped ? sum : wrapping(w, OP_add, sum, product);
    }
    return sum;
}

static Bounds product_bounds(Work *w, Bounds x, Bounds y) {
    if (!is_not_negative(x.low) || !is_not_negative(y.low) || !x.high.text || !y.high.text) {
        return (Bounds){none, none};
    }
    return (Bounds){wrapping(w, OP_mul, x.low, y.low),
                    wrapping(w, OP_mul, at_least_zero(w, x.high), at_least_zero(w, y.high))};
}

static Bounds sum_bounds(Work *w, Op op, Bounds x, Bounds y) {
    Num y_low = op == OP_add ? y.low : y.high, y_high = op == OP_add ? y.high : y.low;
    return (Bounds){x.low.text && y_low.text ? wrapping(w, op, x.low, y_low) : none,
                    x.high.text && y_high.text ? wrapping(w, op, x.high, y_high) : none};
}

/* True for a constant above zero and for max(k, 1). */
static bool is_positive(const Value *v) {
    const Inst *inst = v->inst;
    if (!inst) {
        return false;
    }
    if (inst->op == OP_size) {
        const SizeSym *sym = size_is_sym(inst->attr.size);
        return sym && sym->value && is_positive(sym->value);
    }
    if (inst->op == OP_max) {
        return is_positive(inst->in[0]) || is_positive(inst->in[1]);
    }
    return inst->op == OP_const && inst->attr.integer > 0;
}

static Num quotient(Work *w, Num x, int64_t divisor) {
    if (!x.text || x.known) {
        return x.text ? number(w, x.k / divisor, x.folded) : none;
    }
    const char *left = cs_wrap(w->c, cs_expr(x.text, x.prec), PREC_mul);
    return (Num){.text = arena_printf(w->c->arena, "%s/%" PRId64, left, divisor), .prec = PREC_mul};
}

/* Truncating division by a positive constant is monotone; by anything positive it does not enlarge. */
static Bounds quotient_bounds(Work *w, const Value *divisor, Bounds x, Bounds y) {
    if (!is_positive(divisor) || !x.high.text) {
        return (Bounds){none, none};
    }
    if (y.low.folded && y.high.folded && y.low.k == y.high.k) {
        return (Bounds){quotient(w, x.low, y.low.k), quotient(w, x.high, y.low.k)};
    }
    return (Bounds){is_not_negative(x.low) ? number(w, 0, true) : none, at_least_zero(w, x.high)};
}

static Num either(Work *w, Op op, Num a, Num b) {
    return !a.text ? b : !b.text ? a : extreme(w, op, a, b);
}

static Bounds binary_bounds(Work *w, const Inst *inst, int depth) {
    Bounds x = value_bounds(w, inst->in[0], depth), y = value_bounds(w, inst->in[1], depth);
    switch (inst->op) {
    case OP_add:
    case OP_sub:
        return sum_bounds(w, inst->op, x, y);
    case OP_mul:
        return product_bounds(w, x, y);
    case OP_div:
        return quotient_bounds(w, inst->in[1], x, y);
    case OP_rem: /* at most one less than the divisor */
        return (Bounds){is_not_negative(x.low) ? number(w, 0, true) : none, y.high};
    case OP_min:
        return (Bounds){extreme(w, OP_min, x.low, y.low), either(w, OP_min, x.high, y.high)};
    case OP_max:
        return (Bounds){either(w, OP_max, x.low, y.low), extreme(w, OP_max, x.high, y.high)};
    default:
        return (Bounds){none, none};
    }
}

static Bounds inst_bounds(Work *w, const Inst *inst, int depth) {
    if (inst->op == OP_const) {
        Num k = number(w, inst->attr.integer, true);
        return (Bounds){k, k};
    }
    if (inst->op == OP_size) {
        return (Bounds){number(w, 0, true), size_bound(w, inst->attr.size, depth)};
    }
    if (inst->op == OP_convert && !type_is_float(inst->in[0]->type)) {
        return value_bounds(w, inst->in[0], depth);
    }
    if (inst->op == OP_select) {
        Bounds x = value_bounds(w, inst->in[1], depth), y = value_bounds(w, inst->in[2], depth);
        return (Bounds){extreme(w, OP_min, x.low, y.low), extreme(w, OP_max, x.high, y.high)};
    }
    if (op_is_elementwise(inst->op) && inst->n_in == 2) {
        return binary_bounds(w, inst, depth);
    }
    return (Bounds){none, none};
}

static Bounds value_bounds(Work *w, const Value *v, int depth) {
    if (depth > 64) {
        return (Bounds){none, none};
    }
    if (v->inst) {
        return inst_bounds(w, v->inst, depth + 1);
    }
    const Inst *owner = v->region->owner;
    if (!owner) { /* a parameter, where it has a name: see entry in csource_func.c */
        CExpr arg = v->type->rank == 0 ? cs_scalar(w->c, v) : (CExpr){NULL, PREC_primary};
        Num num = {.text = arg.text, .prec = PREC_primary};
        return (Bounds){num, num};
    }
    if (owner->op == OP_loop && v->index == 0) {
        Num extent = size_bound(w, owner->attr.loop.extent, depth + 1);
        return (Bounds){number(w, 0, true), extent.text ? wrapping(w, OP_sub, extent, number(w, 1, true)) : none};
    }
    return (Bounds){none, none};
}

/* ---- layout ---- */

static Num checked(Work *w, Op op, Num a, Num b) {
    int64_t neutral = op == OP_mul ? 1 : 0;
    bool trivial = (a.folded && a.k == neutral) || (b.folded && b.k == neutral) || (a.folded && b.folded);
    w->checked = w->checked || !trivial;
    if ((a.known && b.known) || trivial) {
        return wrapping(w, op, a, b);
    }
    return call(w, op == OP_mul ? "bp_work_mul" : "bp_work_add", a, b, ", &fits");
}

/* Bytes of a slot, or a bound of them; none when there is no bound. */
static Num slot_bytes(Work *w, const Size *size, const SizeSym **unbounded) {
    Num sum = number(w, 0, true);
    for (int t = 0; t < size->n; t++) {
        const SizeTerm *term = &size->terms[t];
        Num product = number(w, term->coef, true);
        bool dropped = false;
        for (int k = 0; k < term->degree && !dropped; k++) {
            dropped = is_dropped(w, term, term->syms[k]);
            if (dropped) {
                continue;
            }
            Num factor = symbol_bound(w, term->syms[k], 0);
            if (!factor.text) {
                *unbounded = term->syms[k];
                return none;
            }
            product = checked(w, OP_mul, product, factor);
        }
        sum = dropped ? sum : checked(w, OP_add, sum, product);
    }
    return at_least_zero(w, sum);
}

static void report_unbounded(CSource *c, const SizeSym *sym) {
    const Value *v = sym->value;
    if (!c->failed) {
        Diag *diag = diag_error(&c->ctx->diags, DIAG_codegen, v && v->inst ? v->inst->loc : c->export->loc,
                                "the workspace of %s cannot be sized on entry: an array in it has an extent "
                                "with no bound",
                                c->export->name);
        diag_hint(&c->ctx->diags, diag, "bound the value: min(k, n)");
    }
    c->failed = true;
}

/* Statements that set at[] and total; `statements` is empty when all is known. */
void cs_layout(CSource *c, CLayout *layout, Text *statements) {
    const Plan *plan = c->plan;
    Work w = {.c = c};
    *layout = (CLayout){.constant = true, .offsets = ARENA_ARRAY(c->arena, plan->slots.n + 1, int64_t),
                        .numbers = ARENA_ARRAY(c->arena, plan->slots.n + 1, int)};
    Text text;
    text_init(&text, c->arena);
    for (int s = 0; s < plan->slots.n; s++) {
        layout->numbers[s] = -1;
        if (plan->slots.data[s].on_stack) {
            continue;
        }
        const SizeSym *unbounded = NULL;
        Num bytes = slot_bytes(&w, plan->slots.data[s].bytes, &unbounded);
        if (!bytes.text) {
            report_unbounded(c, unbounded);
            return;
        }
        checked(&w, OP_add, bytes, number(&w, 63, true)); /* as where its size is rounded */
        layout->constant = layout->constant && bytes.known && bytes.k <= INT64_MAX / 2 - 64 - layout->total;
        layout->offsets[s] = layout->total;
        layout->total += layout->constant ? (bytes.k + 63) / 64 * 64 : 0;
        layout->numbers[s] = layout->n;
        text_printf(&text, "    at[%d] = total;\n    total = bp_work_end(total, %s, &fits);\n", layout->n++, bytes.text);
    }
    layout->checked = w.checked;
    if (!layout->constant) {
        text_add(statements, text.data, text.n);
    }
}
