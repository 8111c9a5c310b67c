/* The layout of the workspace in C; see csource_print.h.
 *
 * Offsets are computed on entry, so a slot whose size depends on a value bound later gets a bound
 * of it (bounds.h). One function computes the layout, for NAME_work and for NAME; it is left out
 * where everything is known. */
#include "codegen/bounds.h"
#include "codegen/csource_print.h"

typedef struct BoundTexts {
    CSource *c;
    Text *statements; /* of what is too long for an expression */
    PtrMap known;     /* Bound* -> CExpr* */
} BoundTexts;

static CExpr bound_text(BoundTexts *t, const Bound *bound);

/* Sums and products are checked: see the helpers. */
static CExpr new_bound_text(BoundTexts *t, const Bound *bound) {
    static const char *const functions[] = {
        [BOUND_add] = "bp_work_add", [BOUND_sub] = "bp_work_sub", [BOUND_mul] = "bp_work_mul",
        [BOUND_min] = "bp_min_i64",  [BOUND_max] = "bp_max_i64",
    };
    CSource *c = t->c;
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
    CExpr a = bound_text(t, bound->a), b = bound_text(t, bound->b);
    if (bound->kind == BOUND_div) {
        return cs_expr(
            arena_printf(c->arena, "%s/%s", cs_wrap(c, a, PREC_mul), cs_wrap(c, b, PREC_unary)),
            PREC_mul);
    }
    bool checked = bound->kind == BOUND_add || bound->kind == BOUND_sub || bound->kind == BOUND_mul;
    const char *text = arena_printf(c->arena, "%s(%s, %s%s%s)", functions[bound->kind], a.text,
                                    b.text, checked ? ", &" : "", checked ? c->fits : "");
    return cs_expr(text, PREC_primary);
}

/* Long ones have a name, so that what is used twice is printed once. */
static CExpr bound_text(BoundTexts *t, const Bound *bound) {
    enum { LONGEST = 12 };
    CExpr *known = ptrmap_get(&t->known, bound);
    if (!known) {
        known = ARENA_NEW(t->c->arena, CExpr);
        *known = new_bound_text(t, bound);
        if (bound->nodes > LONGEST) {
            const char *name = cs_fresh(t->c, "bound");
            text_printf(t->statements, "    const int64_t %s = %s;\n", name, known->text);
            *known = cs_expr(name, PREC_primary);
        }
        ptrmap_put(&t->known, bound, known);
    }
    return *known;
}

/* Statements that set c->at[] and c->total; `statements` is empty when all is known. */
void cs_layout(CSource *c, const PtrMap *integers, CLayout *layout, Text *statements) {
    const Plan *plan = c->plan;
    const int64_t most = INT64_MAX / 4;
    BoundScope scope = bound_scope_of(c->arena, integers);
    *layout = (CLayout){.constant = true,
                        .offsets = ARENA_ARRAY(c->arena, plan->slots.n + 1, int64_t),
                        .numbers = ARENA_ARRAY(c->arena, plan->slots.n + 1, int)};
    Text text;
    text_init(&text, c->arena);
    BoundTexts texts = {.c = c, .statements = &text};
    ptrmap_init(&texts.known, c->arena);
    for (int s = 0; s < plan->slots.n; s++) {
        if (plan->slots.data[s].on_stack) {
            continue;
        }
        const SizeSym *unbounded = NULL;
        const Bound *bytes = bound_size(&scope, plan->slots.data[s].bytes, &unbounded);
        if (!bytes) {
            bound_report(c->m, c->export, unbounded);
            c->failed = true;
            return;
        }
        layout->constant = layout->constant && bytes->kind == BOUND_const && bytes->k < most &&
                           layout->total < most;
        layout->offsets[s] = layout->total;
        layout->total += layout->constant ? (bytes->k + 63) / 64 * 64 : 0;
        layout->numbers[s] = layout->n;
        const char *end = bound_text(&texts, bytes).text;
        text_printf(&text, "    %s[%d] = %s;\n    %s = bp_work_end(%s, %s, &%s);\n", c->at,
                    layout->n++, c->total, c->total, c->total, end, c->fits);
    }
    if (!layout->constant) {
        text_add(statements, text.data, text.n);
    }
}
