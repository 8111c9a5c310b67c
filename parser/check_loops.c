/* Binders and what repeats: array comprehensions, reductions, scatter, loop and scan. Part of the
 * checker. */
#include "parser/checker.h"

#include <string.h>

/* ---- binders ---- */

static bool check_bounds(Checker *c, Binder *binder) {
    binder->extent = NULL;
    binder->local = NULL;
    if (!binder->hi) {
        return true;
    }
    const Size *lo = size_const(c->polys, 0);
    if (binder->lo) {
        if (!check_i64(c, binder->lo, "the start of the range")) {
            return false;
        }
        lo = expr_as_size(c, binder->lo);
    }
    if (!check_i64(c, binder->hi, "the bound")) {
        return false;
    }
    binder->extent = size_sub(c->polys, expr_as_size(c, binder->hi), lo);
    binder->extent_from = binder->hi->loc;
    if (!binder->extent) {
        diag_error(c->diags, DIAG_size_overflow, binder->hi->loc, "the size is beyond 64 bits");
    }
    return binder->extent != NULL;
}

static void bind(Checker *c, Binder *binder) {
    binder->local = scope_add(c, LOCAL_binder, binder->name, ty_scalar(SK_i64), NULL);
    binder->local->binder = binder;
}

static bool distinct(Checker *c, const BinderList *binders) {
    for (int i = 0; i < binders->n; i++) {
        for (int j = 0; j < i; j++) {
            if (binders->data[i]->name.atom == binders->data[j]->name.atom) {
                Diag *diag =
                    diag_error(c->diags, DIAG_duplicate, binders->data[i]->name.loc,
                               "the binder `%s` stands twice", binders->data[i]->name.atom);
                diag_label(c->diags, diag, binders->data[j]->name.loc, "the first");
                return false;
            }
        }
    }
    return true;
}

/* Brings the binders into scope; *mark separates sizes from outside from those made inside. */
static bool open_binders(Checker *c, const BinderList *binders, bool rectangular, uint32_t *mark) {
    bool ok = distinct(c, binders);
    const BinderList *hidden = c->hidden;
    *mark = size_mark(c);
    for (int i = 0; i < binders->n; i++) {
        c->hidden = rectangular ? binders : hidden;
        ok = check_bounds(c, binders->data[i]) && ok;
        c->hidden = hidden;
        if (!rectangular) {
            bind(c, binders->data[i]);
        }
    }
    if (rectangular) {
        *mark = size_mark(c);
        for (int i = 0; i < binders->n; i++) {
            bind(c, binders->data[i]);
        }
    }
    return ok;
}

/* After the body: every binder has an extent that is known outside. */
static bool close_binder(Checker *c, const Binder *binder, uint32_t mark) {
    if (!binder->extent) {
        Diag *diag = diag_error(c->diags, DIAG_extent_unknown, binder->name.loc,
                                "nothing says how far `%s` runs", binder->name.atom);
        diag_note(c->diags, diag, "it never stands alone as an index");
        diag_hint(c->diags, diag, "give it a bound: `for %s < n`", binder->name.atom);
        return false;
    }
    if (!binder->hi && size_is_since(binder->extent, mark)) {
        Diag *diag = diag_error(c->diags, DIAG_extent_unknown, binder->name.loc,
                                "the extent `%s` of `%s` is only known inside of the body",
                                size_text(c, binder->extent), binder->name.atom);
        diag_label(c->diags, diag, binder->extent_from, "taken from here");
        diag_hint(c->diags, diag, "give it a bound: `for %s < n`", binder->name.atom);
        return false;
    }
    return true;
}

static bool close_binders(Checker *c, const BinderList *binders, uint32_t mark) {
    bool ok = true;
    for (int i = 0; i < binders->n; i++) {
        ok = close_binder(c, binders->data[i], mark) && ok;
    }
    return ok;
}

/* ---- comprehensions and reductions ---- */

/* The body of a comprehension or a reduction under its binders; what: which of them, for messages.
 */
static bool check_bound_body(Checker *c, Expr *e, bool rectangular, const char *what) {
    Expr *body = e->as.reduce.body;
    const BinderList *binders = &e->as.reduce.binders;
    int scope = scope_mark(c);
    uint32_t mark;
    bool ok = open_binders(c, binders, rectangular, &mark);
    if (ok) {
        check_expr(c, body);
        if (body->ty->kind == TY_tuple) {
            settle(c, body);
        }
    }
    scope_leave(c, scope);
    return ok && !ty_has_error(body->ty) && close_binders(c, binders, mark) &&
           check_escape(c, body, mark, what);
}

const Ty *check_comp(Checker *c, Expr *e) {
    Expr *body = e->as.reduce.body;
    const BinderList *binders = &e->as.reduce.binders;
    if (!check_bound_body(c, e, true, "array comprehension")) {
        return fail(e);
    }
    const Size **dims = ARENA_ARRAY(c->arena, binders->n, const Size *);
    for (int i = 0; i < binders->n; i++) {
        dims[i] = binders->data[i]->extent;
    }
    return e->ty = array_of(c, e->loc, binders->n, dims, expr_type(body));
}

static const Ty *wrong_body(Checker *c, Expr *e, ReduceKind kind, const Ty *ty,
                            const char *wanted) {
    Diag *diag = diag_error(c->diags, DIAG_reduction_type, e->loc, "`%s` takes %s, not `%s`",
                            reduce_names[kind], wanted, ty_text(c, ty));
    int scalar = ty_scalar_kind(ty);
    if (scalar == SK_i64 || scalar == SK_i32) {
        diag_hint(c->diags, diag, "convert it: `f64(...)`");
    } else if (scalar == SK_bool && kind == REDUCE_sum) {
        diag_hint(c->diags, diag, "count by `sum(select(c, 1, 0) for ...)`");
    }
    return NULL;
}

/* The type of a reduction of values of type ty, or NULL after a message. */
static const Ty *reduced_type(Checker *c, Expr *e, ReduceKind kind, Expr *body) {
    const Ty *ty = expr_type(body);
    int scalar = ty_scalar_kind(ty);
    bool number = scalar >= 0 && scalar != SK_bool;
    switch (kind) {
    case REDUCE_sum:
        return numbers_only(ty) ? ty : wrong_body(c, e, kind, ty, "numbers");
    case REDUCE_prod:
    case REDUCE_max:
    case REDUCE_min:
        return number ? ty : wrong_body(c, e, kind, ty, "numbers");
    case REDUCE_mean:
    case REDUCE_logsumexp:
        if (scalar == SK_int_literal) {
            set_literal(c, body, SK_float_literal);
            return expr_type(body);
        }
        if (kind == REDUCE_mean && ty_all_floats(ty)) {
            return ty;
        }
        return number && sk_is_float((ScalarKind)scalar) ? ty
                                                         : wrong_body(c, e, kind, ty, "floats");
    case REDUCE_argmax:
    case REDUCE_argmin:
        settle(c, body);
        return number && ty->kind == TY_scalar ? ty_scalar(SK_i64)
                                               : wrong_body(c, e, kind, ty, "a number");
    case REDUCE_any:
    case REDUCE_all:
        return ty_is(ty, SK_bool) ? ty : wrong_body(c, e, kind, ty, "bool");
    }
    return NULL;
}

const Ty *check_reduce(Checker *c, Expr *e) {
    Expr *body = e->as.reduce.body;
    const BinderList *binders = &e->as.reduce.binders;
    if (!check_bound_body(c, e, false, "reduction")) {
        return fail(e);
    }
    bool positional = e->as.reduce.kind == REDUCE_argmax || e->as.reduce.kind == REDUCE_argmin;
    if (positional && binders->n > 1) {
        diag_error(c->diags, DIAG_reduction_type, e->loc, "`%s` takes one binder",
                   reduce_names[e->as.reduce.kind]);
        return fail(e);
    }
    const Ty *ty = reduced_type(c, e, e->as.reduce.kind, body);
    return ty ? (e->ty = ty) : fail(e);
}

/* All elements of one array. The argument was checked. */
const Ty *check_reduce_all(Checker *c, Expr *e, ReduceKind kind) {
    Expr *x = e->as.call.args.data[0].value;
    const Ty *ty = expr_type(x);
    e->as.call.kind = CALL_reduce;
    e->as.call.reduce = kind;
    if (ty->kind != TY_array || ty->elem->kind != TY_scalar) {
        Diag *diag = diag_error(c->diags, DIAG_reduction_type, e->loc,
                                "`%s` takes an array of scalars, not `%s`", reduce_names[kind],
                                ty_text(c, ty));
        diag_hint(c->diags, diag, "or a body with binders: `%s(... for i < n)`",
                  reduce_names[kind]);
        return fail(e);
    }
    if ((kind == REDUCE_argmax || kind == REDUCE_argmin) && ty->rank > 1) {
        diag_error(c->diags, DIAG_reduction_type, e->loc,
                   "`%s` takes an array of one axis, not `%s`", reduce_names[kind], ty_text(c, ty));
        return fail(e);
    }
    Expr element = *x; /* reduced_type looks at an element */
    if (kind == REDUCE_argmax || kind == REDUCE_argmin || kind == REDUCE_any ||
        kind == REDUCE_all) {
        settle(c, x);
    }
    ty = expr_type(x);
    if (ty_scalar_kind(ty) == SK_int_literal && (kind == REDUCE_mean || kind == REDUCE_logsumexp)) {
        set_literal(c, x, SK_float_literal);
        ty = expr_type(x);
    }
    element.ty = ty->elem;
    element.cast = NULL;
    const Ty *result = reduced_type(c, e, kind, &element);
    return result ? (e->ty = result) : fail(e);
}

/* ---- scatter ---- */

static int check_shape(Checker *c, Expr *shape, const Size **dims) {
    Expr *const *items = shape->kind == E_tuple ? shape->as.items.data : &shape;
    int n = shape->kind == E_tuple ? shape->as.items.n : 1;
    if (n > TY_MAX_RANK) {
        diag_error(c->diags, DIAG_swallowed_axis, shape->loc, "an array has at most %d axes",
                   (int)TY_MAX_RANK);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (!check_i64(c, items[i], "the size")) {
            return -1;
        }
        dims[i] = expr_as_size(c, items[i]);
    }
    return n;
}

static bool check_target(Checker *c, Expr *at, int rank) {
    Expr *const *items = at->kind == E_tuple ? at->as.items.data : &at;
    int n = at->kind == E_tuple ? at->as.items.n : 1;
    if (n != rank) {
        diag_error(c->diags, DIAG_not_indexable, at->loc, "%d ind%s for %d ax%s", n,
                   n == 1 ? "ex" : "ices", rank, rank == 1 ? "is" : "es");
        return false;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = check_i64(c, items[i], "the index") && ok;
    }
    if (at->kind == E_tuple && ok) {
        const Ty *parts[TY_MAX_RANK];
        for (int i = 0; i < n; i++) {
            parts[i] = items[i]->ty;
        }
        at->ty = ty_tuple(c->arena, n, parts);
    }
    return ok;
}

const Ty *check_scatter(Checker *c, Expr *e) {
    Expr *value = e->as.scatter.value;
    const Size *dims[TY_MAX_RANK];
    int n = check_shape(c, e->as.scatter.shape, dims);
    if (n < 0) {
        return fail(e);
    }
    int scope = scope_mark(c);
    uint32_t mark;
    bool ok = open_binders(c, &e->as.scatter.binders, false, &mark);
    ok = ok && check_target(c, e->as.scatter.at, n);
    if (ok) {
        check_value(c, value);
    }
    scope_leave(c, scope);
    if (!ok || ty_has_error(value->ty) || !close_binders(c, &e->as.scatter.binders, mark) ||
        !check_escape(c, value, mark, "scatter")) {
        return fail(e);
    }
    if (!numbers_only(expr_type(value))) {
        diag_error(c->diags, DIAG_reduction_type, value->loc, "`scatter` adds numbers, not `%s`",
                   ty_text(c, expr_type(value)));
        return fail(e);
    }
    return e->ty = array_of(c, e->loc, n, dims, expr_type(value));
}

/* ---- loop and scan ---- */

static const Ty *carried_type(Checker *c, const Expr *e) {
    const CarryList *carries = &e->as.loop.carries;
    if (carries->n == 1) {
        return carries->data[0]->local->ty;
    }
    const Ty **parts = ARENA_ARRAY(c->arena, carries->n, const Ty *);
    for (int i = 0; i < carries->n; i++) {
        parts[i] = carries->data[i]->local->ty;
    }
    return ty_tuple(c->arena, carries->n, parts);
}

/* What literals among the initial values become: those with a point a float of this kind, and the
 * integers stay, or become floats as well. The first row is what literals are by themselves. */
typedef struct LiteralChoice {
    int kind; /* -1: not chosen */
    bool integers;
} LiteralChoice;
static const LiteralChoice literal_choices[] = {
    {-1, false}, {SK_f64, false}, {SK_f32, false}, {SK_f64, true}, {SK_f32, true}};
enum { N_CHOICES = sizeof literal_choices / sizeof *literal_choices };

/* Initial values, before anything of the loop is in scope. */
static bool check_inits(Checker *c, Expr *e, LiteralChoice choice, bool *any_literal) {
    bool ok = true;
    const CarryList *carries = &e->as.loop.carries;
    for (int i = 0; i < carries->n; i++) {
        Expr *init = carries->data[i]->init;
        check_expr(c, init);
        if (is_literal_type(init->ty) && init->ty->kind != TY_tuple) {
            *any_literal = true;
            if (choice.kind >= 0 &&
                (choice.integers || ty_scalar_kind(init->ty) == SK_float_literal)) {
                set_literal(c, init, (ScalarKind)choice.kind);
            }
        }
        settle(c, init);
        ok = ok && !ty_has_error(init->ty);
        for (int j = 0; j < i; j++) {
            if (carries->data[i]->name.atom == carries->data[j]->name.atom) {
                Diag *diag = diag_error(c->diags, DIAG_duplicate, carries->data[i]->name.loc,
                                        "`%s` is carried twice", carries->data[i]->name.atom);
                diag_label(c->diags, diag, carries->data[j]->name.loc, "the first");
                ok = false;
            }
        }
    }
    return ok;
}

static bool check_loop_body(Checker *c, Expr *e) {
    Expr *body = e->as.loop.body;
    const CarryList *carries = &e->as.loop.carries;
    const Ty *carried = carried_type(c, e);
    check_expr(c, body);
    if (ty_has_error(body->ty)) {
        return false;
    }
    const Ty *ty = body->ty;
    if (carries->n > 1 && (ty->kind != TY_tuple || ty->n != carries->n)) {
        Diag *diag = diag_error(c->diags, DIAG_carry_types, body->loc,
                                "the body gives `%s`, but %d values are carried", ty_text(c, ty),
                                carries->n);
        diag_hint(c->diags, diag,
                  "end it with the next values, as a tuple in the order of the carried ones");
        return false;
    }
    coerce(c, body, carried);
    settle(c, body);
    const Size *a, *b;
    if (cast_to(c, body, carried, &a, &b)) {
        return true;
    }
    ty = expr_type(body);
    for (int i = 0; i < carries->n; i++) {
        const Ty *next = carries->n == 1 ? ty : ty->parts[i];
        const Ty *was = carries->data[i]->local->ty;
        if (!types_match(c, next, was, &a, &b)) {
            Diag *diag = diag_error(c->diags, a ? DIAG_size_mismatch : DIAG_carry_types, body->loc,
                                    "the next value of `%s` has type `%s`, the carried one `%s`",
                                    carries->data[i]->name.atom, ty_text(c, next), ty_text(c, was));
            diag_label(c->diags, diag, carries->data[i]->init->loc, "this fixes the type of `%s`",
                       carries->data[i]->name.atom);
            break;
        }
    }
    return false;
}

static bool check_checkpoint(Checker *c, Expr *e) {
    if (!e->as.loop.checkpoint_arg) {
        return true;
    }
    Expr *setting = e->as.loop.checkpoint_arg;
    int64_t value;
    if (!check_i64(c, setting, "the setting")) {
        return false;
    }
    if (setting->size && size_is_const(setting->size, &value) && value < 1) {
        diag_error(c->diags, DIAG_bad_attribute, setting->loc, "the setting is at least 1");
        return false;
    }
    return true;
}

static bool loop_pass(Checker *c, Expr *e, int choice, bool *any_literal) {
    Binder *binder = e->as.loop.binder;
    bool ok = check_inits(c, e, literal_choices[choice], any_literal);
    ok = (!binder || check_bounds(c, binder)) && ok;
    ok = check_checkpoint(c, e) && ok;
    if (e->as.loop.max_iter) {
        ok = check_i64(c, e->as.loop.max_iter, "`max_iter`") && ok;
    }
    if (!ok) {
        return false;
    }
    int scope = scope_mark(c);
    uint32_t mark = size_mark(c);
    if (binder) {
        bind(c, binder);
    }
    for (int i = 0; i < e->as.loop.carries.n; i++) {
        Carry *carry = e->as.loop.carries.data[i];
        carry->local = scope_add(c, LOCAL_carry, carry->name, expr_type(carry->init), NULL);
    }
    if (e->as.loop.cond) {
        ok = check_bool(c, e->as.loop.cond, "the condition");
    }
    ok = check_loop_body(c, e) && ok;
    scope_leave(c, scope);
    return ok && (!binder || close_binder(c, binder, mark));
}

/* An initial value that is a literal takes the kind that the body needs: real first, then the
 * others. What an inner loop found is kept for the passes of the outer ones, so that nests of any
 * depth are found that can be. */
enum { MOST_RETRYING = 3 };

static bool check_passes(Checker *c, Expr *e) {
    bool any_literal = false;
    int errors = c->diags->errors, items = c->diags->items.n;
    if (loop_pass(c, e, e->as.loop.literals, &any_literal)) {
        return true;
    }
    if (!any_literal || c->retrying >= MOST_RETRYING || c->retries_left <= 0 ||
        c->diags->errors >= c->diags->limit) {
        return false;
    }
    c->retrying++;
    int first_errors = c->diags->errors, first_items = c->diags->items.n;
    Diag **kept = ARENA_ARRAY(c->arena, first_items - items + 1, Diag *);
    for (int i = items; i < first_items; i++) {
        kept[i - items] = c->diags->items.data[i];
    }
    bool ok = false;
    for (int i = 1; i < N_CHOICES && !ok; i++) {
        c->diags->errors = errors;
        c->diags->items.n = items;
        c->retries_left--;
        ok = loop_pass(c, e, i, &any_literal) && c->diags->errors == errors;
        e->as.loop.literals = ok ? i : 0;
    }
    c->retrying--;
    if (!ok) {
        c->diags->errors = errors;
        c->diags->items.n = items;
        for (int i = 0; i < first_items - items; i++) {
            vec_push(c->diags->arena, &c->diags->items, kept[i]);
        }
        c->diags->errors = first_errors;
    }
    return ok;
}

const Ty *check_loop(Checker *c, Expr *e) {
    if (!check_passes(c, e)) {
        return fail(e);
    }
    const Ty *carried = carried_type(c, e);
    if (!e->as.loop.is_scan) {
        return e->ty = carried;
    }
    const Size *extent = e->as.loop.binder->extent;
    if (e->as.loop.carries.n == 1) {
        return e->ty = array_of(c, e->loc, 1, &extent, carried);
    }
    const Ty **parts = ARENA_ARRAY(c->arena, carried->n, const Ty *);
    for (int i = 0; i < carried->n; i++) {
        parts[i] = array_of(c, e->loc, 1, &extent, carried->parts[i]);
    }
    return e->ty = ty_tuple(c->arena, carried->n, parts);
}
