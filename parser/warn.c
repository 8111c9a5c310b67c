/* Warnings, see parser/warn.h.
 *
 * Only what is hardly ever meant is told, and never in files that are imported: their own
 * compilation tells. The syntax tree is typed and without errors. One message a place, though a
 * file may be checked several times (`bpc run`). Called by check.c. */
#include "parser/warn.h"

#include "parser/types.h"
#include "parser/visit.h"

#include <string.h>

enum { MOST_WARNINGS = 20 };

typedef struct Warner {
    Context *ctx;
    PtrMap used; /* Local* that are read */
    VEC(const Let *) lets;
} Warner;

/* Whether this was told, or there was enough of it. */
static bool is_told(const Context *ctx, DiagCode code, Loc loc) {
    Position at = source_position(&ctx->sources, loc.begin);
    int warnings = 0;
    for (int i = 0; i < ctx->diags.items.n; i++) {
        const Diag *diag = ctx->diags.items.data[i];
        Position other = source_position(&ctx->sources, diag->labels[0].loc.begin);
        warnings += diag->severity == SEV_warning;
        if (diag->code == code && other.line == at.line && other.column == at.column &&
            strcmp(other.file, at.file) == 0)
            return true;
    }
    return warnings >= MOST_WARNINGS;
}

#define warn(w, code, loc, ...)                                                                    \
    (is_told((w)->ctx, code, loc) ? NULL : diag_warning(&(w)->ctx->diags, code, loc, __VA_ARGS__))

static void hint(Warner *w, Diag *diag, const char *text) {
    if (diag)
        diag_hint(&w->ctx->diags, diag, "%s", text);
}

/* ---- comparisons ---- */

static bool is_comparison(const Expr *e) {
    return e->kind == E_binary && e->as.binary.op >= BIN_eq && e->as.binary.op <= BIN_ge;
}

static bool is_nan(const Expr *e) {
    if (e->kind == E_unary && e->as.unary.op == UN_neg)
        e = e->as.unary.x;
    return e->kind == E_name && e->as.name.kind == NAME_constant &&
           strcmp(e->as.name.atom, "nan") == 0;
}

static bool is_same_name(const Expr *a, const Expr *b) {
    return a->kind == E_name && b->kind == E_name && a->as.name.kind == NAME_local &&
           b->as.name.kind == NAME_local && a->as.name.local == b->as.name.local;
}

static bool is_zero(const Expr *e) {
    return e->kind == E_int && e->as.integer == 0;
}

static bool is_extent(const Expr *e) {
    return (e->kind == E_name && e->as.name.kind == NAME_size) ||
           (e->kind == E_call && e->as.call.kind == CALL_builtin && e->as.call.builtin == BI_len);
}

static const char *text_of(Warner *w, const Expr *e) {
    const Source *source = source_of(&w->ctx->sources, e->loc);
    return arena_strdup(&w->ctx->arena, source->text + (e->loc.begin - source->base),
                        e->loc.end - e->loc.begin);
}

static const char *always(bool value) {
    return value ? "true" : "false";
}

/* Of floats, `x == x` is how many ask for NaN. */
static void warn_same(Warner *w, const Expr *e) {
    BinaryOp op = e->as.binary.op;
    if (!ty_has_float(e->as.binary.a->ty))
        warn(w, DIAG_always_known, e->loc, "`%s` is always %s", text_of(w, e),
             always(op == BIN_eq || op == BIN_le || op == BIN_ge));
}

/* n >= 0 and n < 0, and the same with the sides exchanged. */
static void warn_extent(Warner *w, const Expr *e) {
    BinaryOp op = e->as.binary.op;
    bool left = is_extent(e->as.binary.a) && is_zero(e->as.binary.b);
    bool right = is_zero(e->as.binary.a) && is_extent(e->as.binary.b);
    bool holds = (left && op == BIN_ge) || (right && op == BIN_le);
    bool fails = (left && op == BIN_lt) || (right && op == BIN_gt);
    if (holds || fails)
        hint(w,
             warn(w, DIAG_always_known, e->loc, "`%s` is always %s: a size is never negative",
                  text_of(w, e), always(holds)),
             "0 is possible: was `n > 0` meant?");
}

static void warn_comparison(Warner *w, const Expr *e) {
    const Expr *a = e->as.binary.a, *b = e->as.binary.b;
    if (is_nan(a) || is_nan(b))
        hint(w,
             warn(w, DIAG_compared_with_nan, e->loc, "a comparison with nan is always %s",
                  always(e->as.binary.op == BIN_ne)),
             "write `isnan(x)`");
    else if (is_same_name(a, b))
        warn_same(w, e);
    else
        warn_extent(w, e);
}

/* ---- products with an inverse ---- */

static bool is_inverse(const Expr *e) {
    return e->kind == E_call && e->as.call.kind == CALL_builtin && e->as.call.builtin == BI_inv;
}

static void warn_product(Warner *w, const Expr *e) {
    const Expr *inverse = e->as.binary.a;
    if (e->as.binary.op != BIN_matmul || !is_inverse(inverse))
        return;
    const char *matrix = text_of(w, inverse->as.call.args.data[0].value);
    Diag *diag =
        warn(w, DIAG_inverse_applied, e->loc, "the inverse is computed only to be multiplied with");
    hint(w, diag,
         arena_printf(&w->ctx->arena, "`solve(%s, %s)` is cheaper and more exact", matrix,
                      text_of(w, e->as.binary.b)));
}

/* ---- derivatives that are zero ---- */

/* Of functions by their own parameters: the derivative of a derivative is often 0 by right. */
static void warn_derivative(Warner *w, const Expr *e) {
    const Expr *callee = e->as.deriv.fn;
    FnDecl *fn =
        callee->kind == E_name && callee->as.name.kind == NAME_function ? callee->as.name.fn : NULL;
    for (int i = 0; fn && e->as.deriv.op != DERIV_batch && i < e->as.deriv.n_wrt; i++) {
        int k = e->as.deriv.wrt[i];
        Dependence how = fn_dependence(w->ctx, fn, k);
        if (how != DEPENDS_not && how != DEPENDS_in_steps)
            continue;
        const char *name = fn->params.data[k]->name.atom;
        Loc loc = e->as.deriv.brackets && i < e->as.deriv.chosen.n ? e->as.deriv.chosen.data[i]->loc
                                                                   : e->as.deriv.op_loc;
        Diag *diag =
            warn(w, DIAG_zero_derivative, loc,
                 "the derivative of `%s` by `%s` is zero: the result %s", fn->name.atom, name,
                 how == DEPENDS_not ? "does not depend on it" : "depends on it in steps only");
        if (!diag)
            continue;
        diag_label(&w->ctx->diags, diag, fn->params.data[k]->name.loc, "`%s`", name);
        if (how == DEPENDS_in_steps)
            diag_note(&w->ctx->diags, diag,
                      "integers, bools and conditions, floor, ceil, round and sign have the "
                      "derivative 0");
        hint(w, diag,
             how == DEPENDS_not ? "choose the parameters that matter between brackets; `stop(x)` "
                                  "says that a zero is meant"
                                : "`stop(x)` says that a zero is meant");
    }
}

/* ---- variables that nobody reads ---- */

static bool is_wanted(const Warner *w, const Pattern *pattern) {
    const Local *local = pattern->local;
    if (local && (local->sym_used || local->name[0] == '_' || ptrmap_has(&w->used, local)))
        return true;
    bool any = !local && pattern->parts.n == 0;
    for (int i = 0; i < pattern->parts.n; i++)
        any = is_wanted(w, pattern->parts.data[i]) || any;
    return any;
}

static void warn_unused(Warner *w) {
    for (int i = 0; i < w->lets.n; i++) {
        const Pattern *pattern = w->lets.data[i]->pattern;
        if (is_wanted(w, pattern))
            continue;
        const char *name = pattern->local ? pattern->local->name : NULL;
        Diag *diag = name ? warn(w, DIAG_unused_let, pattern->loc, "`%s` is not used", name)
                          : warn(w, DIAG_unused_let, pattern->loc, "none of these is used");
        hint(w, diag,
             name ? arena_printf(&w->ctx->arena, "if that is meant, call it `_%s`", name)
                  : "if that is meant, begin the names with `_`");
    }
}

/* ---- the walk ---- */

static void look(void *user, Expr *e) {
    Warner *w = user;
    if (e->kind == E_name && e->as.name.kind == NAME_local)
        ptrmap_put(&w->used, e->as.name.local, e);
    if (e->kind == E_call && e->as.call.kind == CALL_local)
        ptrmap_put(&w->used, e->as.call.local, e);
    if (is_comparison(e))
        warn_comparison(w, e);
    else if (e->kind == E_binary)
        warn_product(w, e);
    else if (e->kind == E_derivative)
        warn_derivative(w, e);
    for (int i = 0; e->kind == E_block && i < e->as.block.lets.n; i++)
        if (e->as.block.lets.data[i]->pattern)
            vec_push(&w->ctx->arena, &w->lets, e->as.block.lets.data[i]);
    expr_parts(e, look, w);
}

static void look_at(Warner *w, Expr *e) {
    if (e)
        look(w, e);
}

void warn_module(Context *ctx, const AstModule *module) {
    Warner w = {.ctx = ctx};
    ptrmap_init(&w.used, &ctx->arena);
    for (int i = 0; i < module->order.n; i++) /* callees first: calls need not be followed */
        if (module->order.data[i]->params.n > 0)
            fn_dependence(ctx, module->order.data[i], 0);
    for (int i = 0; i < module->fns.n; i++) {
        FnDecl *fn = module->fns.data[i];
        if (fn->types.n > 0) /* a template: not checked itself */
            continue;
        look_at(&w, fn->where);
        look_at(&w, fn->body);
    }
    for (int i = 0; i < module->rules.n; i++)
        for (int k = 0; k < module->rules.data[i]->parts.n; k++)
            look_at(&w, module->rules.data[i]->parts.data[k]->body);
    for (int i = 0; i < module->tests.n; i++)
        look_at(&w, module->tests.data[i]->body);
    for (int i = 0; i < module->exports.n; i++)
        look_at(&w, module->exports.data[i]->fn);
    warn_unused(&w);
}
