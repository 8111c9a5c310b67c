/* Expressions: literals, names, tuples, arrays, blocks and branches; operators are in
 * check_operators.c. Part of the checker. */
#include "parser/checker.h"
#include "parser/lower_names.h"

#include <math.h>
#include <string.h>

const Ty *fail(Expr *e) {
    e->ty = ty_error();
    return e->ty;
}

const Ty *check_value(Checker *c, Expr *e) {
    check_expr(c, e);
    settle(c, e);
    return expr_type(e);
}

bool check_i64(Checker *c, Expr *e, const char *what) {
    check_expr(c, e);
    coerce(c, e, ty_scalar(SK_i64));
    if (e->ty->kind == TY_error || ty_is(e->ty, SK_i64)) {
        return e->ty->kind != TY_error;
    }
    Diag *diag = diag_error(c->diags, DIAG_index_type, e->loc, "%s has type `%s`, expected `i64`",
                            what, ty_text(c, e->ty));
    if (e->ty->kind == TY_scalar && e->ty->scalar != SK_bool) {
        diag_hint(c->diags, diag, "convert it: `i64(...)`");
    } else if (e->ty->kind == TY_tuple) {
        diag_hint(c->diags, diag, "sizes are arguments of their own: `zeros(n, m)`");
    }
    return false;
}

bool check_bool(Checker *c, Expr *e, const char *what) {
    check_value(c, e);
    if (e->ty->kind == TY_error || ty_is(e->ty, SK_bool)) {
        return e->ty->kind != TY_error;
    }
    Diag *diag = diag_error(c->diags, DIAG_condition_type, e->loc,
                            "%s has type `%s`, expected `bool`", what, ty_text(c, e->ty));
    if (ty_scalar_kind(e->ty) == SK_bool) {
        diag_hint(c->diags, diag, "reduce it by `any(...)` or `all(...)`");
    } else if (e->ty->kind == TY_scalar) {
        diag_hint(c->diags, diag, "compare it: `... != 0`");
    }
    return false;
}

/* ---- names ---- */

static bool find_constant(const char *name, double *value) {
    if (strcmp(name, "pi") == 0) {
        *value = 3.14159265358979323846;
    } else if (strcmp(name, "inf") == 0) {
        *value = INFINITY;
    } else if (strcmp(name, "nan") == 0) {
        *value = NAN;
    } else {
        return false;
    }
    return true;
}

static const Ty *check_name(Checker *c, Expr *e) {
    Atom name = e->as.name.atom;
    Local *local = scope_find(c, name);
    if (local) {
        e->as.name.kind = NAME_local;
        e->as.name.local = local;
        e->size = local->size;
        if (local->ty->kind == TY_fn) {
            Diag *diag = diag_error(c->diags, DIAG_function_value, e->loc,
                                    "`%s` is a function, not a value", name);
            diag_hint(c->diags, diag, "call it, `%s(...)`, or pass it as an argument", name);
            return fail(e);
        }
        return e->ty = local->ty;
    }
    SizeParam *param = find_size_param(c, name);
    if (param) {
        e->as.name.kind = NAME_size;
        e->size = param->size;
        return e->ty = ty_scalar(SK_i64);
    }
    if (find_constant(name, &e->as.name.number)) {
        e->as.name.kind = NAME_constant;
        return e->ty = ty_scalar(SK_float_literal);
    }
    return unknown_name(c, e);
}

/* ---- tuples and arrays ---- */

static const Ty *check_tuple(Checker *c, Expr *e) {
    int n = e->as.items.n;
    const Ty **parts = ARENA_ARRAY(c->arena, n, const Ty *);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        check_expr(c, e->as.items.data[i]);
        parts[i] = expr_type(e->as.items.data[i]);
        ok = ok && parts[i]->kind != TY_error;
    }
    return ok ? (e->ty = ty_tuple(c->arena, n, parts)) : fail(e);
}

/* [a, b, c]: all of one type, which numbers of the others' kind adapt to. */
static const Ty *check_array(Checker *c, Expr *e) {
    int n = e->as.items.n;
    const Ty *elem = NULL;
    Expr *first = NULL;
    bool ok = true, any_float = false;
    for (int i = 0; i < n; i++) {
        Expr *item = e->as.items.data[i];
        check_expr(c, item);
        if (item->ty->kind == TY_tuple) {
            settle(c, item);
        }
        ok = ok && !ty_has_error(item->ty);
        any_float = any_float || ty_scalar_kind(item->ty) == SK_float_literal;
        if (!elem && !is_literal_type(item->ty)) {
            elem = expr_type(item);
            first = item;
        }
    }
    if (!ok) {
        return fail(e);
    }
    if (!elem) {
        first = e->as.items.data[0];
        for (int i = 0; any_float && i < n; i++) {
            set_literal(c, e->as.items.data[i], SK_float_literal);
        }
        elem = expr_type(first);
    }
    for (int i = 0; i < n; i++) {
        Expr *item = e->as.items.data[i];
        if (is_literal_type(elem) && ty_equal(item->ty, elem)) {
            continue; /* what numbers they are is decided by what is beside the array */
        }
        settle(c, first);
        elem = expr_type(first);
        if (!expect_type(c, item, elem, "an element of the array", first->loc,
                         "the first element decides")) {
            return fail(e);
        }
    }
    const Size *dim = size_const(c->polys, n);
    return e->ty = array_of(c, e->loc, 1, &dim, elem);
}

/* ---- blocks and branches ---- */

/* Part i of what a pattern takes apart: of a tuple, or of an array of tuples, which gives arrays.
 */
static const Ty *pattern_part(Checker *c, Loc loc, const Ty *ty, int i) {
    if (ty->kind == TY_tuple) {
        return ty->parts[i];
    }
    return array_of(c, loc, ty->rank, ty->dims, ty->elem->parts[i]);
}

static void bind_pattern(Checker *c, Pattern *pattern, const Ty *ty, const Size *size) {
    if (pattern->name.atom) {
        pattern->local = scope_add(c, LOCAL_let, pattern->name, ty, size);
        return;
    }
    const Ty *whole = ty->kind == TY_array ? ty->elem : ty;
    bool fits = whole->kind == TY_tuple && whole->n == pattern->parts.n;
    if (!fits && ty->kind != TY_error) {
        Diag *diag = diag_error(c->diags, DIAG_pattern_arity, pattern->loc,
                                "the pattern has %d names, the value is `%s`", pattern->parts.n,
                                ty_text(c, ty));
        if (ty->kind == TY_array) {
            diag_hint(c->diags, diag, "take elements of an array by indices");
        }
    }
    for (int i = 0; i < pattern->parts.n; i++) {
        for (int j = 0; j < i; j++) {
            Name a = pattern->parts.data[i]->name, b = pattern->parts.data[j]->name;
            if (a.atom && a.atom == b.atom && strcmp(a.atom, "_") != 0) {
                Diag *diag = diag_error(c->diags, DIAG_duplicate, a.loc,
                                        "`%s` stands twice in the pattern", a.atom);
                diag_label(c->diags, diag, b.loc, "the first");
            }
        }
        bind_pattern(c, pattern->parts.data[i],
                     fits ? pattern_part(c, pattern->loc, ty, i) : ty_error(), NULL);
    }
}

static void check_let(Checker *c, Let *let) {
    if (!let->pattern) {
        check_bool(c, let->value, "the assertion");
        return;
    }
    const Ty *want = let->type ? resolve_type(c, let->type, SIZES_body) : NULL;
    check_expr(c, let->value);
    if (want && want->kind != TY_error && !ty_has_error(let->value->ty)) {
        expect_type(c, let->value, want, "the value", let->type->loc, "declared here");
    }
    settle(c, let->value);
    bind_pattern(c, let->pattern, expr_type(let->value), let->value->size);
}

static const Ty *check_block(Checker *c, Expr *e) {
    int mark = scope_mark(c);
    for (int i = 0; i < e->as.block.lets.n; i++) {
        check_let(c, e->as.block.lets.data[i]);
    }
    Expr *result = e->as.block.result;
    if (result) {
        check_expr(c, result);
        e->ty = expr_type(result);
        e->size = result->size;
    } else {
        e->ty = ty_tuple(c->arena, 0, NULL);
    }
    scope_leave(c, mark);
    return e->ty;
}

static const Ty *check_if(Checker *c, Expr *e) {
    Expr *then_ = e->as.if_.then_, *else_ = e->as.if_.else_;
    check_bool(c, e->as.if_.cond, "the condition");
    uint32_t mark = size_mark(c);
    check_expr(c, then_);
    check_expr(c, else_);
    if (ty_has_error(then_->ty) || ty_has_error(else_->ty)) {
        return fail(e);
    }
    coerce(c, then_, expr_type(else_));
    coerce(c, else_, expr_type(then_));
    if (is_literal_type(then_->ty) && is_literal_type(else_->ty) &&
        !ty_equal(then_->ty, else_->ty)) {
        settle(c, then_);
        settle(c, else_);
    }
    /* The branch whose sizes are fixed by the program gives the type. */
    const Size *a, *b;
    bool computed = then_->ty->kind == TY_array && size_is_computed(expr_type(then_)->dims[0]);
    const Ty *to = expr_type(computed ? else_ : then_);
    if (!cast_to(c, computed ? then_ : else_, to, &a, &b)) {
        Diag *diag = diag_error(c->diags, a ? DIAG_size_mismatch : DIAG_branch_types, e->loc,
                                "the branches have types `%s` and `%s`",
                                ty_text(c, expr_type(then_)), ty_text(c, expr_type(else_)));
        diag_label(c->diags, diag, then_->loc, "`%s`", ty_text(c, expr_type(then_)));
        diag_label(c->diags, diag, else_->loc, "`%s`", ty_text(c, expr_type(else_)));
        return fail(e);
    }
    if (!check_escape(c, then_, mark, "branch") || !check_escape(c, else_, mark, "branch")) {
        return fail(e);
    }
    e->ty = to;
    e->size = then_->size == else_->size && then_->size && !size_is_since(then_->size, mark)
                  ? then_->size
                  : NULL;
    return e->ty;
}

static const Ty *check_lambda_place(Checker *c, Expr *e) {
    Diag *diag = diag_error(c->diags, DIAG_function_value, e->loc, "a function is no value");
    diag_hint(c->diags, diag, "pass it as an argument, or declare it by `fn`");
    return fail(e);
}

static const Ty *check_derivative_place(Checker *c, Expr *e) {
    const char *op = deriv_names[e->as.deriv.op];
    if (check_derivative(c, e, false)) {
        Diag *diag = diag_error(c->diags, DIAG_function_value, e->loc,
                                "`%s(...)` is a function, not a value", op);
        diag_hint(c->diags, diag, "call it: `%s(f)(x)`", op);
    }
    return fail(e);
}

static const Ty *dispatch(Checker *c, Expr *e) {
    switch (e->kind) {
    case E_error:
        return fail(e);
    case E_int:
        e->size = size_const(c->polys, e->as.integer);
        return e->ty = ty_scalar(SK_int_literal);
    case E_float:
        return e->ty = ty_scalar(SK_float_literal);
    case E_bool:
        return e->ty = ty_scalar(SK_bool);
    case E_name:
        return check_name(c, e);
    case E_unary:
        return check_unary(c, e);
    case E_binary:
        return check_binary(c, e);
    case E_transpose:
        return check_transpose(c, e);
    case E_call:
        return check_call(c, e);
    case E_reduce:
        return check_reduce(c, e);
    case E_scatter:
        return check_scatter(c, e);
    case E_index:
        return check_index(c, e);
    case E_field:
        join_qualified(c, e);
        if (e->kind == E_name) {
            return check_name(c, e);
        }
        return check_field(c, e);
    case E_with:
        return check_with(c, e);
    case E_array:
        return check_array(c, e);
    case E_comp:
        return check_comp(c, e);
    case E_tuple:
        return check_tuple(c, e);
    case E_block:
        return check_block(c, e);
    case E_if:
        return check_if(c, e);
    case E_loop:
        return check_loop(c, e);
    case E_checkpoint:
        check_expr(c, e->as.unary.x);
        return e->ty = expr_type(e->as.unary.x);
    case E_lambda:
        return check_lambda_place(c, e);
    case E_derivative:
        return check_derivative_place(c, e);
    }
    return fail(e);
}

const Ty *check_expr(Checker *c, Expr *e) {
    /* A body may be checked twice, see check_loops.c: start afresh. */
    e->size = NULL;
    e->binds = NULL;
    e->cast = NULL;
    e->checks.n = 0;
    dispatch(c, e);
    if (e->ty->depth > TY_MAX_DEPTH || e->ty->leaves > TY_MAX_LEAVES) {
        diag_error(c->diags, DIAG_too_deep, e->loc, "the value has too many parts");
        return fail(e);
    }
    return e->ty;
}
