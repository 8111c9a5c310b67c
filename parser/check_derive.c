/* Derivative operators: the signature of the function that each yields, and the rules that users
 * write. Part of the checker. */
#include "parser/checker.h"
#include "parser/copy.h"
#include "parser/lower_names.h"

#include <string.h>

static void report_operand(Checker *c, const Expr *fn) {
    if (fn->kind != E_name) {
        Diag *diag = diag_error(c->diags, DIAG_derivative_operand, fn->loc,
                                "this is no function of the program");
        diag_hint(c->diags, diag, "declare it by `fn`, then name it here");
        return;
    }
    Atom name = fn->as.name.atom;
    ElementBuiltin builtin;
    if (scope_find(c, name)) {
        diag_error(c->diags, DIAG_derivative_operand, fn->loc, "`%s` is a value, not a function",
                   name);
        return;
    }
    if (element_builtin(name, &builtin)) {
        Diag *diag = diag_error(c->diags, DIAG_derivative_operand, fn->loc,
                                "`%s` is a builtin, not a function of the program", name);
        diag_hint(c->diags, diag, "wrap it: `fn f(x: real) = %s(x%s);`", name,
                  builtin.arity == 1   ? ""
                  : builtin.arity == 2 ? ", y"
                                       : ", y, z");
        return;
    }
    Diag *diag =
        diag_error(c->diags, DIAG_derivative_operand, fn->loc, "unknown function `%s`", name);
    const char *names[256];
    int n = visible_fns(c, names, 0, 256);
    suggest_among(c, diag, name, n, names);
}

Signature *callable_signature(Checker *c, Expr *fn, bool exported) {
    if (fn->kind == E_derivative) {
        return check_derivative(c, fn, exported);
    }
    if (fn->kind == E_error) {
        return NULL;
    }
    join_qualified(c, fn);
    if (fn->kind == E_name) {
        Local *local = scope_find(c, fn->as.name.atom);
        FnDecl *decl = find_fn(c, fn->as.name.atom);
        if (local && local->ty->kind == TY_fn) {
            fn->as.name.kind = NAME_local;
            fn->as.name.local = local;
            Signature *sig = ty_signature(c, local->ty);
            sig->name = local->name;
            sig->loc = local->loc;
            return sig;
        }
        if (!local && decl) {
            FnDecl *chosen = fn->as.name.fn; /* by the arguments of a call */
            if (is_template(decl)) {
                decl = chosen && chosen->instance_of == decl ? chosen
                                                             : instance_at_real(c, decl, fn->loc);
            }
            fn->as.name.kind = NAME_function;
            fn->as.name.fn = decl;
            return decl ? fn_signature(c, decl, fn->loc) : NULL;
        }
    }
    if (fn->kind == E_lambda && !exported) {
        return lambda_signature(c, fn);
    }
    report_operand(c, fn);
    return NULL;
}

/* ---- chosen parameters ---- */

static int find_param(const Signature *sig, Atom name) {
    for (int i = 0; i < sig->params.n; i++) {
        if (sig->params.data[i].name.atom == name) {
            return i;
        }
    }
    return -1;
}

static bool choose_named(Checker *c, Expr *e, const Signature *f) {
    const ExprList *chosen = &e->as.deriv.chosen;
    e->as.deriv.wrt = ARENA_ARRAY(c->arena, chosen->n, int);
    for (int i = 0; i < chosen->n; i++) {
        Expr *name = chosen->data[i];
        int k = name->kind == E_name ? find_param(f, name->as.name.atom) : -1;
        if (k < 0) {
            Diag *diag = diag_error(
                c->diags, DIAG_derivative_param, name->loc, "`%s` has no parameter %s%s%s", f->name,
                name->kind == E_name ? "`" : "of this name",
                name->kind == E_name ? name->as.name.atom : "", name->kind == E_name ? "`" : "");
            diag_label(c->diags, diag, f->loc, "declared here");
            const char *names[128];
            int n = 0;
            for (int j = 0; j < f->params.n && n < 128; j++) {
                if (f->params.data[j].name.atom) {
                    names[n++] = f->params.data[j].name.atom;
                }
            }
            if (name->kind == E_name) {
                suggest_or_list(c, diag, name->as.name.atom, "its parameters are", n, names);
            }
            return false;
        }
        if (!ty_has_float(f->params.data[k].ty)) {
            Diag *diag = diag_error(c->diags, DIAG_derivative_not_float, name->loc,
                                    "`%s` has type `%s`, which holds no float",
                                    f->params.data[k].name.atom, ty_text(c, f->params.data[k].ty));
            diag_label(c->diags, diag, f->params.data[k].name.loc, "the parameter");
            return false;
        }
        for (int j = 0; j < i; j++) {
            if (e->as.deriv.wrt[j] == k) {
                diag_error(c->diags, DIAG_duplicate, name->loc, "`%s` is chosen twice",
                           f->params.data[k].name.atom);
                return false;
            }
        }
        e->as.deriv.wrt[i] = k;
    }
    e->as.deriv.n_wrt = chosen->n;
    return true;
}

static bool choose_params(Checker *c, Expr *e, const Signature *f) {
    if (e->as.deriv.brackets) {
        return choose_named(c, e, f);
    }
    e->as.deriv.wrt = ARENA_ARRAY(c->arena, f->params.n, int);
    e->as.deriv.n_wrt = 0;
    for (int i = 0; i < f->params.n; i++) {
        if (ty_has_float(f->params.data[i].ty)) {
            e->as.deriv.wrt[e->as.deriv.n_wrt++] = i;
        }
    }
    if (e->as.deriv.n_wrt == 0) {
        Diag *diag = diag_error(c->diags, DIAG_derivative_not_float, e->loc,
                                "no parameter of `%s` holds a float", f->name);
        diag_label(c->diags, diag, f->loc, "declared here");
        return false;
    }
    return true;
}

/* ---- results ---- */

static const Ty *chosen_type(const Expr *e, const Signature *f, int i) {
    return f->params.data[e->as.deriv.wrt[i]].ty;
}

/* The types of the chosen parameters: one as it is, several as a tuple. */
static const Ty *chosen_tuple(Checker *c, const Expr *e, const Signature *f) {
    if (e->as.deriv.n_wrt == 1) {
        return chosen_type(e, f, 0);
    }
    const Ty **parts = ARENA_ARRAY(c->arena, e->as.deriv.n_wrt, const Ty *);
    for (int i = 0; i < e->as.deriv.n_wrt; i++) {
        parts[i] = chosen_type(e, f, i);
    }
    return ty_tuple(c->arena, e->as.deriv.n_wrt, parts);
}

/* (f's result, one of each chosen type), flat. */
static const Ty *value_and_chosen(Checker *c, const Expr *e, const Signature *f) {
    int n = e->as.deriv.n_wrt;
    const Ty **parts = ARENA_ARRAY(c->arena, n + 1, const Ty *);
    parts[0] = f->result;
    for (int i = 0; i < n; i++) {
        parts[i + 1] = chosen_type(e, f, i);
    }
    return ty_tuple(c->arena, n + 1, parts);
}

static bool needs_scalar(Checker *c, const Expr *e, const Signature *f) {
    if (f->result->kind == TY_scalar && sk_is_float(f->result->scalar)) {
        return true;
    }
    const char *op = deriv_names[e->as.deriv.op];
    Diag *diag = diag_error(c->diags, DIAG_grad_not_scalar, e->as.deriv.fn->loc,
                            "`%s` takes a function with one float as result, `%s` gives `%s`", op,
                            f->name, ty_text(c, f->result));
    diag_label(c->diags, diag, f->loc, "declared here");
    bool second = e->as.deriv.op == DERIV_hessian || e->as.deriv.op == DERIV_hvp;
    diag_hint(c->diags, diag,
              second ? "differentiate one of its components" : "use `jacobian` or `vjp`");
    return false;
}

static const Ty *matrix_result(Checker *c, const Expr *e, const Size *rows, const Size *columns,
                               int kind, const Signature *f) {
    if (kind < 0) {
        diag_error(c->diags, DIAG_derivative_not_float, e->loc,
                   kind == -1 ? "`%s` has no float result"
                              : "`%s` mixes f32 and f64, so its derivatives form no matrix",
                   f->name);
        return NULL;
    }
    if (!rows || !columns) {
        diag_error(c->diags, DIAG_size_overflow, e->loc, "the size is beyond 64 bits");
        return NULL;
    }
    const Size *dims[2] = {rows, columns};
    return ty_array(c->arena, 2, dims, ty_scalar((ScalarKind)kind));
}

static const Ty *matrix_type(Checker *c, const Expr *e, const Signature *f) {
    const Ty *chosen = chosen_tuple(c, e, f);
    const Size *columns = ty_float_count(c->ctx, chosen);
    bool hessian = e->as.deriv.op == DERIV_hessian;
    const Size *rows = hessian ? columns : ty_float_count(c->ctx, f->result);
    int kind = ty_float_kind(f->result), other = ty_float_kind(chosen);
    if (kind >= 0 && other != kind) {
        kind = -2;
    }
    return matrix_result(c, e, rows, columns, kind, f);
}

static const Ty *derivative_result(Checker *c, const Expr *e, const Signature *f) {
    switch (e->as.deriv.op) {
    case DERIV_grad:
        return needs_scalar(c, e, f) ? chosen_tuple(c, e, f) : NULL;
    case DERIV_value_and_grad:
        return needs_scalar(c, e, f) ? value_and_chosen(c, e, f) : NULL;
    case DERIV_jvp: {
        const Ty *parts[2] = {f->result, f->result};
        return ty_tuple(c->arena, 2, parts);
    }
    case DERIV_vjp:
        return value_and_chosen(c, e, f);
    case DERIV_hessian:
        return needs_scalar(c, e, f) ? matrix_type(c, e, f) : NULL;
    case DERIV_jacobian:
    case DERIV_jacfwd:
    case DERIV_jacrev:
        return matrix_type(c, e, f);
    case DERIV_hvp:
        return needs_scalar(c, e, f) ? chosen_tuple(c, e, f) : NULL;
    case DERIV_batch:
        break;
    }
    return NULL;
}

static bool has_param(const Signature *sig, Atom name) {
    for (int i = 0; i < sig->params.n; i++) {
        if (sig->params.data[i].name.atom == name) {
            return true;
        }
    }
    return false;
}

/* A name that is taken gets a number, as in the C interface (lower_derive.c): `d_x_2`. */
static void add_param(Checker *c, Signature *sig, const char *name, Loc loc, const Ty *ty) {
    Atom atom = name ? atom_of(&c->ctx->atoms, name) : NULL;
    for (int i = 2; atom && has_param(sig, atom); i++) {
        atom = atom_of(&c->ctx->atoms, arena_printf(c->arena, "%s_%d", name, i));
    }
    vec_push(c->arena, &sig->params, ((SigParam){{atom, loc}, ty}));
}

/* What the operator takes after f's own arguments. */
static void add_directions(Checker *c, Signature *sig, const Expr *e, const Signature *f) {
    DerivOp op = e->as.deriv.op;
    for (int i = 0; (op == DERIV_jvp || op == DERIV_hvp) && i < e->as.deriv.n_wrt; i++) {
        Atom name = f->params.data[e->as.deriv.wrt[i]].name.atom;
        add_param(c, sig, name ? arena_printf(c->arena, "d_%s", name) : NULL, e->as.deriv.op_loc,
                  chosen_type(e, f, i));
    }
    if (op == DERIV_vjp) {
        add_param(c, sig, "bar", e->as.deriv.op_loc, f->result);
    }
}

static Signature *copy_signature(Checker *c, const Expr *e, const Signature *f) {
    Signature *sig = ARENA_NEW(c->arena, Signature);
    for (int i = 0; i < f->sizes.n; i++) {
        vec_push(c->arena, &sig->sizes, f->sizes.data[i]);
    }
    for (int i = 0; i < f->params.n; i++) {
        vec_push(c->arena, &sig->params, f->params.data[i]);
    }
    sig->name = arena_printf(c->arena, "%s(%s)", deriv_names[e->as.deriv.op], f->name);
    sig->loc = f->loc;
    return sig;
}

/* ---- batch ---- */

/* A function that is passed is the same along the new axis. */
static const Ty *batched(Checker *c, Loc loc, const Size *n, const Ty *ty) {
    if (ty->kind == TY_fn) {
        return ty;
    }
    if (ty->kind != TY_tuple) {
        return array_of(c, loc, 1, &n, ty);
    }
    const Ty **parts = ARENA_ARRAY(c->arena, ty->n, const Ty *);
    for (int i = 0; i < ty->n; i++) {
        parts[i] = batched(c, loc, n, ty->parts[i]);
        if (parts[i]->kind == TY_error) {
            return parts[i];
        }
    }
    return ty_tuple(c->arena, ty->n, parts);
}

/* The new axis: a size that is visible here, or, by a new name, one that the arguments fix. */
static bool batch_axis(Checker *c, Expr *e, Signature *sig, bool exported) {
    if (e->as.deriv.chosen.n != 1) {
        Diag *diag = diag_error(c->diags, DIAG_derivative_param, e->loc,
                                "`batch` takes one size in brackets");
        diag_hint(c->diags, diag, "write `batch[n](f)`");
        return false;
    }
    Expr *size = e->as.deriv.chosen.data[0];
    bool visible = size->kind != E_name || (!exported && (scope_find(c, size->as.name.atom) ||
                                                          find_size_param(c, size->as.name.atom)));
    if (visible) {
        if (!check_i64(c, size, "the size of `batch`")) {
            return false;
        }
        e->as.deriv.batch = expr_as_size(c, size);
        int64_t extent;
        if (size_is_const(e->as.deriv.batch, &extent) && extent < 0) {
            diag_error(c->diags, DIAG_not_a_size, size->loc, "a size is not negative");
            return false;
        }
        return true;
    }
    SizeParam param = {.name = {size->as.name.atom, size->loc}, .from_param = -1};
    param.sym = sizesym_new(c->polys, size->as.name.atom, size->loc);
    param.size = size_sym(c->polys, param.sym);
    e->as.deriv.batch = param.size;
    for (int i = 0; exported && i < sig->sizes.n; i++) {
        if (sig->sizes.data[i].name.atom == param.name.atom) {
            Diag *diag = diag_error(c->diags, DIAG_duplicate, size->loc,
                                    "the function has a size `%s` already", param.name.atom);
            diag_label(c->diags, diag, sig->sizes.data[i].name.loc, "this one");
            diag_hint(c->diags, diag, "choose another name for the new axis");
            return false;
        }
    }
    vec_push(c->arena, &sig->sizes, param);
    for (int i = sig->sizes.n - 1; i > 0; i--) { /* the leading axis comes first */
        sig->sizes.data[i] = sig->sizes.data[i - 1];
    }
    sig->sizes.data[0] = param;
    return true;
}

static Signature *batch_signature(Checker *c, Expr *e, const Signature *f, bool exported) {
    Signature *sig = copy_signature(c, e, f);
    if (!batch_axis(c, e, sig, exported)) {
        return NULL;
    }
    for (int i = 0; i < sig->sizes.n; i++) {
        if (sig->sizes.data[i].from_param >= 0) {
            diag_error(c->diags, DIAG_derivative_operand, e->as.deriv.fn->loc,
                       "`%s` takes a size as the value `%s`, which cannot differ along a new axis",
                       f->name, sig->sizes.data[i].name.atom);
            return NULL;
        }
    }
    for (int i = 0; i < sig->params.n; i++) {
        sig->params.data[i].ty = batched(c, e->loc, e->as.deriv.batch, sig->params.data[i].ty);
        if (sig->params.data[i].ty->kind == TY_error) {
            return NULL;
        }
    }
    sig->result = batched(c, e->loc, e->as.deriv.batch, f->result);
    return sig->result->kind == TY_error ? NULL : sig;
}

Signature *check_derivative(Checker *c, Expr *e, bool exported) {
    e->ty = ty_error();
    Signature *f = callable_signature(c, e->as.deriv.fn, exported);
    if (!f) {
        return NULL;
    }
    Signature *sig;
    if (e->as.deriv.op == DERIV_batch) {
        sig = batch_signature(c, e, f, exported);
        e->as.deriv.sig = sig;
        return sig;
    }
    if (!choose_params(c, e, f)) {
        return NULL;
    }
    sig = copy_signature(c, e, f);
    add_directions(c, sig, e, f);
    sig->result = derivative_result(c, e, f);
    if (!sig->result) {
        return NULL;
    }
    if (!ty_has_float(f->result)) {
        diag_error(c->diags, DIAG_derivative_not_float, e->as.deriv.fn->loc,
                   "the result of `%s`, `%s`, holds no float", f->name, ty_text(c, f->result));
        return NULL;
    }
    e->as.deriv.sig = sig;
    return sig;
}

/* ---- rules ---- */

static bool rule_params(Checker *c, Rule *rule, const Signature *f) {
    if (rule->params.n != f->params.n) {
        Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                "`%s` has %d parameter%s, its rule %d", f->name, f->params.n,
                                f->params.n == 1 ? "" : "s", rule->params.n);
        diag_label(c->diags, diag, f->loc, "declared here");
        return false;
    }
    bool ok = true;
    for (int i = 0; i < rule->params.n; i++) {
        AstParam *param = rule->params.data[i];
        const Ty *ty = resolve_type(c, param->type, SIZES_result);
        const Size *a, *b;
        if (ty->kind != TY_error && !types_match(c, ty, f->params.data[i].ty, &a, &b)) {
            Diag *diag = diag_error(c->diags, DIAG_rule_signature, param->name.loc,
                                    "`%s` has type `%s`, in the function `%s`", param->name.atom,
                                    ty_text(c, ty), ty_text(c, f->params.data[i].ty));
            diag_label(c->diags, diag, f->params.data[i].name.loc, "the parameter of the function");
            ok = false;
        }
        ok = ok && ty->kind != TY_error;
        SizeParam *size = find_size_param(c, param->name.atom);
        bool is_size = size && ty_is(ty, SK_i64);
        param->local = scope_add(c, LOCAL_param, param->name, ty, is_size ? size->size : NULL);
        if (is_size) {
            param->local->sym = size->sym;
        }
    }
    return ok;
}

/* The types of the parameters of one part, and of its body. */
static const Ty *part_types(Checker *c, const RulePart *part, const Signature *f, const Ty **want,
                            int *n) {
    *n = 0;
    int floats = 0;
    const Ty **parts = ARENA_ARRAY(c->arena, f->params.n + 1, const Ty *);
    for (int i = 0; i < f->params.n; i++) {
        if (ty_has_float(f->params.data[i].ty)) {
            parts[floats++] = f->params.data[i].ty;
        }
    }
    if (part->is_jvp) {
        for (int i = 0; i < floats; i++) {
            want[(*n)++] = parts[i];
        }
        return f->result;
    }
    want[(*n)++] = f->result;
    want[(*n)++] = f->result;
    return floats == 1 ? parts[0] : ty_tuple(c->arena, floats, parts);
}

static void check_part(Checker *c, RulePart *part, const Signature *f) {
    part->is_jvp = strcmp(part->kind.atom, "jvp") == 0;
    if (!part->is_jvp && strcmp(part->kind.atom, "vjp") != 0) {
        diag_error(c->diags, DIAG_rule_signature, part->kind.loc,
                   "a rule is `jvp` or `vjp`, not `%s`", part->kind.atom);
        return;
    }
    const Ty **want = ARENA_ARRAY(c->arena, f->params.n + 2, const Ty *);
    int n;
    const Ty *result = part_types(c, part, f, want, &n);
    if (part->params.n != n) {
        diag_error(c->diags, DIAG_rule_signature, part->kind.loc,
                   part->is_jvp
                       ? "the `jvp` of `%s` takes %d tangent%s, one for each float parameter"
                       : "the `vjp` of `%s` takes %d value%s: the result and its cotangent",
                   f->name, n, n == 1 ? "" : "s");
        return;
    }
    int scope = scope_mark(c);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        AstParam *param = part->params.data[i];
        const Ty *ty = resolve_type(c, param->type, SIZES_result);
        const Size *a, *b;
        if (ty->kind != TY_error && !types_match(c, ty, want[i], &a, &b)) {
            diag_error(c->diags, DIAG_rule_signature, param->name.loc,
                       "`%s` has type `%s`, expected `%s`", param->name.atom, ty_text(c, ty),
                       ty_text(c, want[i]));
            ok = false;
        }
        param->local = scope_add(c, LOCAL_param, param->name, ty, NULL);
    }
    if (ok) {
        check_expr(c, part->body);
        if (!ty_has_error(part->body->ty)) {
            expect_type(c, part->body, result, part->is_jvp ? "the tangent" : "the cotangent",
                        f->loc, "of this function");
        }
        part->ty = expr_type(part->body);
    }
    scope_leave(c, scope);
}

/* Each of the two kinds at most once, and one of them. */
static void check_kinds(Checker *c, const Rule *rule) {
    if (rule->parts.n == 0) {
        Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                "the rule of `%s` says nothing", rule->name.atom);
        diag_hint(c->diags, diag, "write `jvp(...) = ...;` or `vjp(...) = ...;` in it");
    }
    for (int i = 1; i < rule->parts.n; i++) {
        for (int k = 0; k < i; k++) {
            const RulePart *part = rule->parts.data[i], *before = rule->parts.data[k];
            if (part->kind.atom == before->kind.atom) {
                Diag *diag =
                    diag_error(c->diags, DIAG_duplicate, part->kind.loc,
                               "`%s` has a %s rule already", rule->name.atom, part->kind.atom);
                diag_label(c->diags, diag, before->kind.loc, "the first");
            }
        }
    }
}

/* Such a function is expanded where it is called, so that no call is left for a rule to stand for.
 */
static bool refuse_functions(Checker *c, const Rule *rule, const Signature *f) {
    for (int i = 0; i < f->params.n; i++) {
        if (f->params.data[i].ty->kind == TY_fn) {
            Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                    "`%s` takes a function, so it has no rule", f->name);
            diag_label(c->diags, diag, f->params.data[i].name.loc, "the parameter");
            diag_hint(c->diags, diag, "give the rule to a function that passes one");
            return true;
        }
    }
    return false;
}

/* The rule against the function, which is no template. */
static void check_rule_of(Checker *c, Rule *rule, FnDecl *fn) {
    fn->rule = rule;
    rule->fn = fn;
    /* A rule may call the function it is for, so its calls are no edges of the search for
     * recursion. */
    FnDecl scratch = *fn;
    memset(&scratch.calls, 0, sizeof scratch.calls);
    scratch.types = rule->types;
    c->sig = fn->sig;
    c->fn = &scratch;
    c->in_rule = true;
    int scope = scope_mark(c);
    if (!refuse_functions(c, rule, fn->sig) && rule_params(c, rule, fn->sig)) {
        for (int i = 0; i < rule->parts.n; i++) {
            check_part(c, rule->parts.data[i], fn->sig);
        }
    }
    scope_leave(c, scope);
    c->sig = NULL;
    c->fn = NULL;
    c->in_rule = false;
}

void check_instance_rule(Checker *c, FnDecl *fn) {
    const Rule *rule = fn->instance_of->rule;
    if (rule && fn->sig_state == CHECK_done) {
        check_rule_of(c, copy_rule(c->arena, rule), fn);
    }
}

/* ---- rules of builtins ---- */

/* The parameters of the rule say for which width it is: they are floats of one kind. */
static Signature *builtin_signature(Checker *c, const Rule *rule, const ElementBuiltin *builtin) {
    if (builtin->class != ELEMENT_float && builtin->class != ELEMENT_number) {
        diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                   "`%s` has no derivative to replace", rule->name.atom);
        return NULL;
    }
    if (rule->params.n != builtin->arity) {
        diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                   "the builtin `%s` has %d parameter%s, its rule %d", rule->name.atom,
                   builtin->arity, builtin->arity == 1 ? "" : "s", rule->params.n);
        return NULL;
    }
    Signature *sig = ARENA_NEW(c->arena, Signature);
    sig->name = rule->name.atom;
    sig->loc = rule->name.loc;
    for (int i = 0; i < rule->params.n; i++) {
        const AstParam *param = rule->params.data[i];
        const Ty *ty = resolve_type(c, param->type, SIZES_body);
        if (ty->kind == TY_error) {
            return NULL;
        }
        bool is_float = ty->kind == TY_scalar && sk_is_float(ty->scalar);
        if (!is_float || (i > 0 && ty->scalar != sig->result->scalar)) {
            diag_error(c->diags, DIAG_rule_signature, param->type->loc,
                       "the rule of a builtin is for floats of one width, not `%s`",
                       ty_text(c, ty));
            return NULL;
        }
        sig->result = ty;
        vec_push(c->arena, &sig->params, ((SigParam){param->name, ty}));
    }
    return sig;
}

/* A function of the builtin's name that only the rule refers to; lowering puts it in the place of
 * the operation. */
static void check_builtin_rule(Checker *c, Rule *rule, const ElementBuiltin *builtin) {
    for (int i = 0; i < c->module->rules.n && c->module->rules.data[i] != rule; i++) {
        const Rule *before = c->module->rules.data[i];
        if (before->name.atom == rule->name.atom) {
            Diag *diag = diag_error(c->diags, DIAG_duplicate, rule->name.loc,
                                    "`%s` has a rule already", rule->name.atom);
            diag_label(c->diags, diag, before->name.loc, "the first");
            return;
        }
    }
    FnDecl *fn = ARENA_NEW(c->arena, FnDecl);
    fn->sig = builtin_signature(c, rule, builtin);
    if (!fn->sig) {
        return;
    }
    fn->name = rule->name;
    fn->loc = rule->loc;
    fn->module = c->module;
    fn->params = rule->params;
    fn->builtin = builtin->op + 1;
    fn->sig_state = fn->body_state = CHECK_done;
    check_rule_of(c, rule, fn);
}

void check_rule(Checker *c, Rule *rule) {
    FnDecl *fn = find_fn(c, rule->name.atom);
    check_kinds(c, rule);
    if (fn && fn->module != c->module) {
        Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                "the rule of an imported function stands in its own file");
        diag_label(c->diags, diag, fn->name.loc, "declared here");
        return;
    }
    if (!fn) {
        ElementBuiltin builtin;
        if (element_builtin(rule->name.atom, &builtin)) {
            check_builtin_rule(c, rule, &builtin);
            return;
        }
        if (is_function_name(c, rule->name.atom)) {
            Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                    "`%s` belongs to the language and keeps its derivatives",
                                    rule->name.atom);
            diag_hint(c->diags, diag,
                      "rules are for functions of the program and for elementwise ones: `exp`");
            return;
        }
        Diag *diag = diag_error(c->diags, DIAG_unknown_function, rule->name.loc,
                                "unknown function `%s`", rule->name.atom);
        const char *names[256];
        int n = visible_fns(c, names, 0, 256);
        suggest_among(c, diag, rule->name.atom, n, names);
        return;
    }
    if (fn->rule) {
        Diag *diag = diag_error(c->diags, DIAG_duplicate, rule->name.loc, "`%s` has a rule already",
                                rule->name.atom);
        diag_label(c->diags, diag, fn->rule->name.loc, "the first");
        return;
    }
    if (rule->types.n != fn->types.n) {
        Diag *diag = diag_error(c->diags, DIAG_rule_signature, rule->name.loc,
                                "`%s` has %d type parameter%s, its rule %d", fn->name.atom,
                                fn->types.n, fn->types.n == 1 ? "" : "s", rule->types.n);
        diag_label(c->diags, diag, fn->name.loc, "declared here");
        return;
    }
    if (is_template(fn)) {
        fn->rule = rule; /* each copy gets a copy */
    } else if (fn->sig_state != CHECK_failed && fn->sig->result) {
        check_rule_of(c, rule, fn);
    }
}
