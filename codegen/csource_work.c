/* The layout of the workspace in C; see csource_print.h.
 *
 * Offsets are computed on entry, so a slot whose size depends on a value bound later gets a bound
 * of it (bounds.h). One function computes the layout, for NAME_work and for NAME; it is left out
 * where everything is known. */
#include "codegen/bounds.h"
#include "codegen/csource_print.h"

/* A bound as an expression. Sums and products are checked: see the helpers. */
static CExpr bound_text(CSource *c, const Bound *bound) {
    static const char *const functions[] = {
        [BOUND_add] = "bp_work_add", [BOUND_sub] = "bp_work_sub", [BOUND_mul] = "bp_work_mul",
        [BOUND_min] = "bp_min_i64",  [BOUND_max] = "bp_max_i64",
    };
    switch (bound->kind) {
    case BOUND_const:
        return cs_int(c, bound->k);
    case BOUND_sym:
        return cs_expr(ptrmap_get(&c->syms, bound->sym), PREC_primary);
    case BOUND_param:
        return cs_scalar(c, bound->param);
    default:
        break;
    }
    CExpr a = bound_text(c, bound->a), b = bound_text(c, bound->b);
    if (bound->kind == BOUND_div) {
        return cs_expr(
            arena_printf(c->arena, "%s/%s", cs_wrap(c, a, PREC_mul), cs_wrap(c, b, PREC_unary)),
            PREC_mul);
    }
    bool checked = bound->kind == BOUND_add || bound->kind == BOUND_sub || bound->kind == BOUND_mul;
    const char *text = arena_printf(c->arena, "%s(%s, %s%s)", functions[bound->kind], a.text,
                                    b.text, checked ? ", &fits" : "");
    return cs_expr(text, PREC_primary);
}

static void report_unbounded(CSource *c, const SizeSym *sym) {
    const Value *v = sym->value;
    Diag *diag = diag_error(
        &c->ctx->diags, DIAG_unbounded, v && v->inst ? v->inst->loc : c->export->loc,
        "the workspace cannot be sized on entry: an array in it has an extent with no bound");
    diag_hint(&c->ctx->diags, diag,
              "bound it by a size or a parameter: `min(k, n)`, `min(k, 100)`");
    c->failed = true;
}

/* Statements that set at[] and total; `statements` is empty when all is known. */
void cs_layout(CSource *c, const PtrMap *integers, CLayout *layout, Text *statements) {
    const Plan *plan = c->plan;
    BoundScope scope = {.arena = c->arena, .params = *integers};
    *layout = (CLayout){.constant = true,
                        .offsets = ARENA_ARRAY(c->arena, plan->slots.n + 1, int64_t),
                        .numbers = ARENA_ARRAY(c->arena, plan->slots.n + 1, int)};
    Text text;
    text_init(&text, c->arena);
    for (int s = 0; s < plan->slots.n; s++) {
        if (plan->slots.data[s].on_stack) {
            continue;
        }
        const SizeSym *unbounded = NULL;
        const Bound *bytes = bound_size(&scope, plan->slots.data[s].bytes, &unbounded);
        if (!bytes) {
            report_unbounded(c, unbounded);
            return;
        }
        layout->constant = layout->constant && bytes->kind == BOUND_const;
        layout->offsets[s] = layout->total;
        layout->total +=
            layout->constant && bytes->k < INT64_MAX / 4 ? (bytes->k + 63) / 64 * 64 : 0;
        layout->numbers[s] = layout->n;
        text_printf(&text, "    at[%d] = total;\n    total = bp_work_end(total, %s, &fits);\n",
                    layout->n++, bound_text(c, bytes).text);
    }
    if (!layout->constant) {
        text_add(statements, text.data, text.n);
    }
}
