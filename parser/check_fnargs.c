/* Functions as arguments: lambdas, functions by name, builtins and derivatives. Part of the
 * checker. */
#include "parser/checker.h"
#include "parser/lower_names.h"

/* The type of parameter i of a lambda: as written, or as expected there; the error type after a
 * message. */
static const Ty *lambda_param(Checker *c, Solve *s, Expr *e, int i, const Ty *want) {
    Name name = e->as.lambda.names.data[i];
    TypeExpr *type = e->as.lambda.types.data[i];
    if (!type) {
        if (!solve_has_unknown(s, want)) {
            return want;
        }
        Diag *diag = diag_error(c->diags, DIAG_size_unsolved, name.loc,
                                "the type `%s` of `%s` is not fixed by the other arguments",
                                ty_text(c, want), name.atom);
        diag_hint(c->diags, diag, "write its type: `|%s: ...| ...`", name.atom);
        return ty_error();
    }
    const Ty *written = resolve_type(c, type, SIZES_body);
    solve_type(s, want, written, type->loc);
    want = solve_subst(s, want, e->loc);
    const Size *a, *b;
    if (types_match(c, written, want, &a, &b)) {
        return want;
    }
    diag_error(c->diags, DIAG_type_mismatch, name.loc, "the parameter has type `%s`, expected `%s`",
               ty_text(c, written), ty_text(c, want));
    return ty_error();
}

/* The parameters and the body, in a scope of their own. */
static bool check_lambda_body(Checker *c, Solve *s, Expr *e, const Ty *want) {
    int scope = scope_mark(c);
    bool ok = true;
    for (int i = 0; i < want->n; i++) {
        const Ty *ty = lambda_param(c, s, e, i, want->parts[i]);
        ok = ok && !ty_has_error(ty);
        e->as.lambda.params[i] = scope_add(c, LOCAL_param, e->as.lambda.names.data[i], ty, NULL);
    }
    if (ok) {
        check_expr(c, e->as.lambda.body);
        ok = !ty_has_error(e->as.lambda.body->ty);
    }
    scope_leave(c, scope);
    return ok;
}

static bool check_lambda(Checker *c, Solve *s, Expr *e, const Ty *want) {
    int n = e->as.lambda.names.n;
    if (n != want->n) {
        diag_error(c->diags, DIAG_argument_count, e->loc,
                   "the function value has %d parameter%s, expected %d", n, n == 1 ? "" : "s",
                   want->n);
        return false;
    }
    uint32_t mark = size_mark(c);
    e->as.lambda.params = ARENA_ARRAY(c->arena, n, Local *);
    if (!check_lambda_body(c, s, e, want)) {
        return false;
    }
    Expr *body = e->as.lambda.body;
    coerce(c, body, want->result);
    settle(c, body);
    solve_type(s, want->result, expr_type(body), body->loc);
    const Ty *result = solve_subst(s, want->result, e->loc);
    if (!expect_type(c, body, result, "the result", e->loc, NULL) ||
        !check_escape(c, body, mark, "lambda")) {
        return false;
    }
    const Ty **params = ARENA_ARRAY(c->arena, n, const Ty *);
    for (int i = 0; i < n; i++) {
        params[i] = e->as.lambda.params[i]->ty;
    }
    e->ty = ty_fn(c->arena, n, params, result);
    return true;
}

/* A function of the program, or a derivative, where one of type `want` is expected. */
static bool check_signature_arg(Checker *c, Solve *s, Expr *e, const Signature *sig, const Ty *want,
                                const Size *const **sizes) {
    sig = sizes_apart(c, sig);
    const Ty **params = ARENA_ARRAY(c->arena, sig->params.n, const Ty *);
    if (sig->params.n != want->n) {
        diag_error(c->diags, DIAG_argument_count, e->loc,
                   "`%s` has %d parameter%s, expected a function of %d", sig->name, sig->params.n,
                   sig->params.n == 1 ? "" : "s", want->n);
        return false;
    }
    Solve own;
    solve_init(&own, c, sig);
    for (int i = 0; i < want->n; i++) {
        const Ty *given = solve_subst(s, want->parts[i], e->loc);
        if (!solve_has_unknown(s, given)) {
            solve_type(&own, sig->params.data[i].ty, given, e->loc);
        }
    }
    if (!solve_finish(&own, e->loc)) {
        return false;
    }
    for (int i = 0; i < want->n; i++) {
        params[i] = solve_subst(&own, sig->params.data[i].ty, e->loc);
    }
    const Ty *ty = ty_fn(c->arena, want->n, params, solve_subst(&own, sig->result, e->loc));
    solve_type(s, want, ty, e->loc);
    const Ty *expected = solve_subst(s, want, e->loc);
    const Size *a, *b;
    if (!types_match(c, ty, expected, &a, &b)) {
        Diag *diag = diag_error(c->diags, a ? DIAG_size_mismatch : DIAG_type_mismatch, e->loc,
                                "`%s` has type `%s`, expected `%s`", sig->name, ty_text(c, ty),
                                ty_text(c, expected));
        if (a) {
            add_size_origins(c, diag, a, b);
        }
        return false;
    }
    e->ty = ty;
    *sizes = own.values;
    return true;
}

static bool check_builtin_arg(Checker *c, Solve *s, Expr *e, const ElementBuiltin *builtin,
                              const Ty *want) {
    bool ok = builtin->arity == want->n &&
              (builtin->class == ELEMENT_float || builtin->class == ELEMENT_number);
    for (int i = 0; ok && i < want->n; i++) {
        ok = ty_scalar_kind(want->parts[i]) > SK_i64 && ty_equal(want->parts[i], want->result);
    }
    if (!ok) {
        diag_error(c->diags, DIAG_type_mismatch, e->loc, "`%s` is no function of type `%s`",
                   e->as.name.atom, ty_text(c, want));
        return false;
    }
    e->as.name.kind = NAME_builtin;
    e->as.name.op = builtin->op;
    e->ty = solve_subst(s, want, e->loc);
    return true;
}

/* ---- lambdas under derivative operators ----
 * Their parameters have the types that are written, or those of the arguments of the call. */

static Expr *innermost_lambda(Expr *fn, int *batches) {
    for (*batches = 0; fn->kind == E_derivative; fn = fn->as.deriv.fn) {
        *batches += fn->as.deriv.op == DERIV_batch;
    }
    return fn->kind == E_lambda ? fn : NULL;
}

/* The type without the leading axis that `batch` adds; as it is where there is none, for the call
 * to complain about. */
static const Ty *unbatched(Checker *c, const Ty *ty) {
    if (ty->kind == TY_tuple) {
        const Ty **parts = ARENA_ARRAY(c->arena, ty->n, const Ty *);
        for (int i = 0; i < ty->n; i++) {
            parts[i] = unbatched(c, ty->parts[i]);
        }
        return ty_tuple(c->arena, ty->n, parts);
    }
    if (ty->kind != TY_array) {
        return ty;
    }
    return ty->rank == 1 ? ty->elem : ty_array(c->arena, ty->rank - 1, ty->dims + 1, ty->elem);
}

/* The same for an operator that is passed where a function of type `want` is expected. */
static void expect_lambda_types(Checker *c, Solve *s, Expr *e, const Ty *want) {
    int batches;
    Expr *lambda = innermost_lambda(e, &batches);
    int n = lambda ? lambda->as.lambda.names.n : 0;
    if (n == 0 || n > want->n) {
        return;
    }
    lambda->as.lambda.given = ARENA_ARRAY(c->arena, n, const Ty *);
    for (int i = 0; i < n; i++) {
        const Ty *ty = want->parts[i];
        for (int k = 0; k < batches; k++) {
            ty = unbatched(c, ty);
        }
        lambda->as.lambda.given[i] = solve_has_unknown(s, ty) ? NULL : ty;
    }
}

bool give_lambda_types(Checker *c, Expr *call) {
    int batches;
    Expr *lambda = innermost_lambda(call->as.call.callee, &batches);
    if (!lambda) {
        return true;
    }
    int n = lambda->as.lambda.names.n;
    if (call->as.call.args.n < n) {
        return true; /* reported by the call */
    }
    lambda->as.lambda.given = ARENA_ARRAY(c->arena, n, const Ty *);
    for (int i = 0; i < n; i++) {
        if (lambda->as.lambda.types.data[i]) {
            continue;
        }
        lambda->as.lambda.given[i] = check_value(c, call->as.call.args.data[i].value);
        if (ty_has_error(lambda->as.lambda.given[i])) {
            return false;
        }
        for (int k = 0; k < batches; k++) {
            lambda->as.lambda.given[i] = unbatched(c, lambda->as.lambda.given[i]);
        }
    }
    return true;
}

/* ---- arguments ---- */

bool check_fn_arg(Checker *c, Solve *s, Expr *e, const Ty *param) {
    const Ty *want = solve_subst(s, param, e->loc);
    e->cast = NULL;
    e->checks.n = 0;
    join_qualified(c, e);
    if (e->kind == E_lambda) {
        return check_lambda(c, s, e, want);
    }
    if (e->kind == E_derivative) {
        Expr *name;
        int batches;
        FnDecl *fn = template_under(c, e, &name, &batches);
        if (fn) {
            name->as.name.fn = instance_for_type(c, fn, want, false, batches, e->loc);
            if (!name->as.name.fn) {
                return false;
            }
        }
        expect_lambda_types(c, s, e, want);
        Signature *sig = check_derivative(c, e, false);
        const Size *const *sizes;
        return sig && check_signature_arg(c, s, e, sig, want, &sizes);
    }
    if (e->kind == E_name) {
        Local *local = scope_find(c, e->as.name.atom);
        FnDecl *fn = find_fn(c, e->as.name.atom);
        ElementBuiltin builtin;
        if (local && local->ty->kind == TY_fn) {
            const Size *const *sizes;
            e->as.name.kind = NAME_local;
            e->as.name.local = local;
            return check_signature_arg(c, s, e, ty_signature(c, local->ty), want, &sizes);
        }
        if (!local && fn) {
            fn = is_template(fn) ? instance_for_type(c, fn, want, true, 0, e->loc) : fn;
            Signature *sig = fn ? fn_signature(c, fn, e->loc) : NULL;
            e->as.name.kind = NAME_function;
            e->as.name.fn = fn;
            return sig && check_signature_arg(c, s, e, sig, want, &e->as.name.sizes);
        }
        if (!local && element_builtin(e->as.name.atom, &builtin)) {
            return check_builtin_arg(c, s, e, &builtin, want);
        }
    }
    check_value(c, e);
    if (!ty_has_error(e->ty)) {
        Diag *diag = diag_error(c->diags, DIAG_function_value, e->loc,
                                "expected a function of type `%s`, found a value of type `%s`",
                                ty_text(c, want), ty_text(c, expr_type(e)));
        diag_hint(c->diags, diag, "pass a function by name, or `|x| ...`");
    }
    return false;
}

static const Ty *standing_param(Checker *c, const Expr *e, int i) {
    TypeExpr *type = e->as.lambda.types.data[i];
    if (type) {
        return resolve_type(c, type, SIZES_body);
    }
    if (e->as.lambda.given && e->as.lambda.given[i]) {
        return e->as.lambda.given[i];
    }
    Name name = e->as.lambda.names.data[i];
    Diag *diag = diag_error(c->diags, DIAG_derivative_operand, name.loc,
                            "nothing says which type `%s` has", name.atom);
    diag_hint(c->diags, diag, "write it: `|%s: real| ...`", name.atom);
    return ty_error();
}

Signature *lambda_signature(Checker *c, Expr *e) {
    Signature *sig = ARENA_NEW(c->arena, Signature);
    sig->name = "function";
    sig->loc = e->loc;
    uint32_t mark = size_mark(c);
    int scope = scope_mark(c), n = e->as.lambda.names.n;
    bool ok = true;
    e->as.lambda.params = ARENA_ARRAY(c->arena, n, Local *);
    for (int i = 0; i < n; i++) {
        Name name = e->as.lambda.names.data[i];
        const Ty *ty = standing_param(c, e, i);
        ok = ok && !ty_has_error(ty);
        e->as.lambda.params[i] = scope_add(c, LOCAL_param, name, ty, NULL);
        vec_push(c->arena, &sig->params, ((SigParam){name, ty}));
    }
    ok = ok && !ty_has_error(check_value(c, e->as.lambda.body));
    scope_leave(c, scope);
    if (!ok || !check_escape(c, e->as.lambda.body, mark, "lambda")) {
        return NULL;
    }
    sig->result = expr_type(e->as.lambda.body);
    return sig;
}
