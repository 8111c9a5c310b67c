/* Calls: functions and their size parameters, records, conversions and elementwise builtins.
 * Part of the checker. */
#include "parser/checker.h"
#include "parser/lower_names.h"

#include <string.h>

/* ---- signatures ---- */

Signature *ty_signature(Checker *c, const Ty *fn) {
    Signature *sig = ARENA_NEW(c->arena, Signature);
    for (int i = 0; i < fn->n; i++) {
        vec_push(c->arena, &sig->params, ((SigParam){{NULL, {0, 0}}, fn->parts[i]}));
    }
    sig->result = fn->result;
    sig->name = "function";
    return sig;
}

enum { MOST_ON_DEMAND = 8 };

/* The order of checking follows names, and a variable named like a function may mislead it: then
 * the callee's body is checked in the middle of the caller's, in a scope of its own. */
static void check_on_demand(Checker *c, FnDecl *fn) {
    AstModule *outer_module = c->module;
    FnDecl *outer_fn = c->fn;
    Signature *outer_sig = c->sig;
    LocalList outer_scope = c->scope;
    PtrMap outer_innermost = c->innermost;
    const BinderList *outer_hidden = c->hidden;
    c->module = fn->module;
    c->scope = (LocalList){0};
    c->hidden = NULL;
    ptrmap_init(&c->innermost, c->arena);
    c->on_demand++;
    check_body(c, fn);
    c->on_demand--;
    c->module = outer_module;
    c->fn = outer_fn;
    c->sig = outer_sig;
    c->scope = outer_scope;
    c->innermost = outer_innermost;
    c->hidden = outer_hidden;
}

Signature *fn_signature(Checker *c, FnDecl *fn, Loc use) {
    if (c->fn) {
        vec_push(c->arena, &c->fn->calls, ((CallEdge){fn, use}));
    }
    if (fn->sig_state == CHECK_failed) {
        return NULL;
    }
    if (!fn->sig->result && fn->body_state == CHECK_none && c->on_demand < MOST_ON_DEMAND) {
        check_on_demand(c, fn);
    }
    if (!fn->sig->result) {
        /* A busy body is a cycle, reported by its calls; a failed one has said why. */
        if (fn->body_state == CHECK_none) {
            Diag *diag =
                diag_error(c->diags, DIAG_too_deep, use,
                           "the result type of `%s` cannot be inferred here", fn->name.atom);
            diag_hint(c->diags, diag, "state it: `-> f64`");
        }
        return NULL;
    }
    return fn->sig;
}

/* ---- calls of functions ---- */

#define HINT_AXIS "write `sum(x[i] for i < n)`; along one axis, `[sum(x[i,j] for i) for j]`"

static bool no_named_args(Checker *c, const Expr *e, const char *what) {
    for (int i = 0; i < e->as.call.args.n; i++) {
        if (e->as.call.args.data[i].name.atom) {
            Diag *diag =
                diag_error(c->diags, DIAG_bad_arguments_syntax, e->as.call.args.data[i].name.loc,
                           "`%s` takes its arguments by position", what);
            diag_hint(c->diags, diag,
                      strcmp(e->as.call.args.data[i].name.atom, "axis") == 0
                          ? HINT_AXIS
                          : "only the fields of a record are named");
            return false;
        }
    }
    return true;
}

static void report_count(Checker *c, const Expr *e, const Signature *sig) {
    Text text;
    check_text_of(&text, c);
    for (int i = 0; i < sig->params.n; i++) {
        text_printf(&text, "%s%s%s", i ? ", " : "",
                    sig->params.data[i].name.atom ? sig->params.data[i].name.atom : "",
                    sig->params.data[i].name.atom ? ": " : "");
        ty_print(&text, sig->params.data[i].ty);
    }
    Diag *diag =
        diag_error(c->diags, DIAG_argument_count, e->loc, "`%s` takes %d argument%s, not %d",
                   sig->name, sig->params.n, sig->params.n == 1 ? "" : "s", e->as.call.args.n);
    diag_label(c->diags, diag, sig->loc, "declared here");
    diag_note(c->diags, diag, "its parameters are (%s)", text.data ? text.data : "");
}

static const char *param_text(Checker *c, const Signature *sig, int i) {
    return sig->params.data[i].name.atom
               ? arena_printf(c->arena, "the argument `%s` of `%s`", sig->params.data[i].name.atom,
                              sig->name)
               : arena_printf(c->arena, "argument %d of `%s`", i + 1, sig->name);
}

/* Checks the values among the arguments, the first `checked` of which have been, and lets them fix
 * sizes. */
static bool check_value_args(Checker *c, Solve *s, Expr *e, const Signature *sig, int checked) {
    bool ok = true;
    for (int i = 0; i < sig->params.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        const Ty *want = sig->params.data[i].ty;
        if (want->kind == TY_fn) {
            continue;
        }
        if (i >= checked) {
            check_expr(c, arg);
        }
        if (ty_has_error(arg->ty)) {
            ok = false;
            continue;
        }
        coerce(c, arg, want);
        settle(c, arg);
        for (int k = 0; k < sig->sizes.n; k++) {
            if (sig->sizes.data[k].from_param == i && ty_is(arg->ty, SK_i64)) {
                s->values[k] = expr_as_size(c, arg);
                s->from[k] = arg->loc;
            }
        }
    }
    /* Again: a later argument may fix what an earlier one only mentions. */
    for (int round = 0; ok && round <= sig->sizes.n; round++) {
        for (int i = 0; i < sig->params.n; i++) {
            Expr *arg = e->as.call.args.data[i].value;
            if (sig->params.data[i].ty->kind != TY_fn) {
                solve_type(s, sig->params.data[i].ty, expr_type(arg), arg->loc);
            }
        }
    }
    return ok;
}

static bool expect_argument(Checker *c, Solve *s, Expr *arg, const Signature *sig, int i) {
    const Ty *want = solve_subst(s, sig->params.data[i].ty, arg->loc);
    const Size *a, *b;
    if (want->kind == TY_error) {
        return false;
    }
    types_match(c, expr_type(arg), want, &a, &b);
    if (!a) {
        return expect_type(c, arg, want, param_text(c, sig, i), sig->params.data[i].name.loc,
                           sig->params.data[i].name.atom ? "the parameter" : NULL);
    }
    if (cast_to(c, arg, want, &a, &b)) {
        return true;
    }
    Diag *diag =
        diag_error(c->diags, DIAG_size_mismatch, arg->loc, "%s has type `%s`, expected `%s`",
                   param_text(c, sig, i), ty_text(c, expr_type(arg)), ty_text(c, want));
    /* What fixed the other size: the argument that came first. */
    for (int k = 0; k < sig->sizes.n; k++) {
        if (s->values[k] && s->from[k].begin != arg->loc.begin && s->values[k] == b) {
            const SizeParam *size = &sig->sizes.data[k];
            diag_label(c->diags, diag, s->from[k], "this fixes %s `%s` of `%s` to `%s`",
                       size->of_type ? "a size in" : "the size",
                       size->of_type ? size->of_type : size->name.atom, sig->name, size_text(c, b));
            break;
        }
    }
    add_size_origins(c, diag, a, b);
    diag_note(c->diags, diag, "the sizes `%s` and `%s` differ", size_text(c, a), size_text(c, b));
    return false;
}

static const Ty *call_signature(Checker *c, Expr *e, const Signature *sig, int checked) {
    if (!no_named_args(c, e, sig->name)) {
        return fail(e);
    }
    if (e->as.call.args.n != sig->params.n) {
        report_count(c, e, sig);
        return fail(e);
    }
    sig = sizes_apart(c, sig);
    Solve s;
    solve_init(&s, c, sig);
    bool ok = check_value_args(c, &s, e, sig, checked);
    for (int i = 0; ok && i < sig->params.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        if (sig->params.data[i].ty->kind != TY_fn) {
            ok = expect_argument(c, &s, arg, sig, i);
        }
    }
    for (int i = 0; ok && i < sig->params.n; i++) {
        if (sig->params.data[i].ty->kind == TY_fn) {
            ok = check_fn_arg(c, &s, e->as.call.args.data[i].value, sig->params.data[i].ty);
        }
    }
    if (!ok || !solve_finish(&s, e->loc)) {
        return fail(e);
    }
    e->as.call.sizes = s.values;
    return e->ty = solve_subst(&s, sig->result, e->loc);
}

/* ---- records and conversions ---- */

static int field_index(const Ty *ty, Atom name) {
    for (int i = 0; i < ty->n; i++) {
        if (ty->names[i] == name) {
            return i;
        }
    }
    return -1;
}

/* Which argument gives which field; each once. */
static bool order_fields(Checker *c, Expr *e, const TypeDecl *decl, int *order) {
    const Ty *ty = decl->ty;
    bool ok = true;
    for (int i = 0; i < ty->n; i++) {
        order[i] = -1;
    }
    for (int i = 0; i < e->as.call.args.n; i++) {
        const Arg *arg = &e->as.call.args.data[i];
        if (!arg->name.atom) {
            Diag *diag = diag_error(c->diags, DIAG_record_fields, arg->value->loc,
                                    "the fields of `%s` are named", decl->name.atom);
            diag_hint(c->diags, diag, "write `%s(%s = ...)`", decl->name.atom,
                      ty->n ? ty->names[0] : "field");
            return false;
        }
        int k = field_index(ty, arg->name.atom);
        if (k < 0) {
            Diag *diag = diag_error(c->diags, DIAG_unknown_field, arg->name.loc,
                                    "`%s` has no field `%s`", decl->name.atom, arg->name.atom);
            suggest_or_list(c, diag, arg->name.atom, "its fields are", ty->n, ty->names);
            ok = false;
        } else if (order[k] >= 0) {
            Diag *diag = diag_error(c->diags, DIAG_record_fields, arg->name.loc,
                                    "the field `%s` is given twice", arg->name.atom);
            diag_label(c->diags, diag, e->as.call.args.data[order[k]].name.loc, "the first");
            ok = false;
        } else {
            order[k] = i;
        }
    }
    for (int i = 0; ok && i < ty->n; i++) {
        if (order[i] < 0) {
            Diag *diag =
                diag_error(c->diags, DIAG_record_fields, e->loc,
                           "the field `%s` of `%s` is missing", ty->names[i], decl->name.atom);
            diag_label(c->diags, diag, decl->name.loc, "declared here");
            ok = false;
        }
    }
    return ok;
}

/* The values of the fields, which fix the sizes like arguments do. */
static const Ty *check_fields(Checker *c, Expr *e, const TypeDecl *decl, const int *order) {
    Signature sig = {.result = decl->ty, .name = decl->name.atom, .loc = decl->name.loc};
    for (int i = 0; i < decl->sizes.n; i++) {
        vec_push(c->arena, &sig.sizes, decl->sizes.data[i]);
    }
    Solve s;
    solve_init(&s, c, &sig);
    bool ok = true;
    for (int i = 0; i < decl->ty->n; i++) {
        Expr *value = e->as.call.args.data[order[i]].value;
        vec_push(c->arena, &sig.params,
                 ((SigParam){e->as.call.args.data[order[i]].name, decl->ty->parts[i]}));
        check_expr(c, value);
        if (ty_has_error(value->ty)) {
            ok = false;
            continue;
        }
        coerce(c, value, decl->ty->parts[i]);
        settle(c, value);
    }
    for (int round = 0; ok && round <= sig.sizes.n; round++) {
        for (int i = 0; i < decl->ty->n; i++) {
            Expr *value = e->as.call.args.data[order[i]].value;
            solve_type(&s, decl->ty->parts[i], expr_type(value), value->loc);
        }
    }
    for (int i = 0; ok && i < decl->ty->n; i++) {
        ok = expect_argument(c, &s, e->as.call.args.data[order[i]].value, &sig, i);
    }
    if (!ok || !solve_finish(&s, e->loc)) {
        return fail(e);
    }
    return e->ty = solve_subst(&s, decl->ty, e->loc);
}

static const Ty *check_record(Checker *c, Expr *e, TypeDecl *decl) {
    if (decl->state != CHECK_done) {
        return fail(e);
    }
    if (decl->ty->kind != TY_record) {
        diag_error(c->diags, DIAG_not_callable, e->loc, "`%s` is no record", decl->name.atom);
        return fail(e);
    }
    int *order = ARENA_ARRAY(c->arena, decl->ty->n, int);
    if (!order_fields(c, e, decl, order)) {
        return fail(e);
    }
    e->as.call.kind = CALL_record;
    e->as.call.order = order;
    return check_fields(c, e, decl, order);
}

static const Ty *check_convert(Checker *c, Expr *e, ScalarKind to) {
    if (e->as.call.args.n != 1) {
        diag_error(c->diags, DIAG_argument_count, e->loc, "a conversion takes one argument, not %d",
                   e->as.call.args.n);
        return fail(e);
    }
    Expr *x = e->as.call.args.data[0].value;
    check_expr(c, x);
    if (ty_has_error(x->ty)) {
        return fail(e);
    }
    /* f32(0.1) is the literal at that width */
    bool adapts = ty_scalar_kind(x->ty) == SK_int_literal || sk_is_float(to);
    if (is_literal_type(x->ty) && x->ty->kind != TY_tuple && adapts) {
        set_literal(c, x, to);
    }
    settle(c, x);
    int from = ty_scalar_kind(expr_type(x));
    if (from < 0 || (from == SK_bool && to == SK_bool) || to == SK_bool) {
        Diag *diag =
            diag_error(c->diags, DIAG_operand_types, e->loc, "`%s` cannot be converted to `%s`",
                       ty_text(c, expr_type(x)), sk_name(to));
        if (to == SK_bool && from > SK_bool) {
            diag_hint(c->diags, diag, "compare it: `x != 0`");
        }
        return fail(e);
    }
    e->as.call.kind = CALL_convert;
    if (to == SK_i64) {
        e->size = from == SK_i64 ? x->size : NULL;
    }
    return e->ty = ty_with_scalar(c->arena, expr_type(x), to);
}

/* ---- elementwise builtins ---- */

static const Ty *check_select(Checker *c, Expr *e) {
    Expr *cond = e->as.call.args.data[0].value;
    Expr *choices[2] = {e->as.call.args.data[1].value, e->as.call.args.data[2].value};
    settle(c, cond);
    if (ty_scalar_kind(expr_type(cond)) != SK_bool) {
        diag_error(c->diags, DIAG_condition_type, cond->loc,
                   "the condition has type `%s`, expected `bool`", ty_text(c, expr_type(cond)));
        return fail(e);
    }
    const Ty *ty = combine(c, e->loc, "select", 2, choices);
    if (!ty) {
        return fail(e);
    }
    const Ty *cond_ty = expr_type(cond);
    if (cond_ty->kind ==
        TY_array) { /* the shapes of condition and choices agree like those of operands */
        if (ty_scalar_kind(ty) < 0) {
            diag_error(c->diags, DIAG_operand_types, e->loc,
                       "a condition per element chooses scalars, not `%s`", ty_text(c, ty));
            return fail(e);
        }
        Expr shape = *choices[0];
        shape.ty = ty_with_scalar(c->arena, ty, SK_bool);
        shape.cast = NULL;
        Expr *both[2] = {cond, &shape};
        const Ty *common = combine(c, e->loc, "select", 2, both);
        if (!common) {
            return fail(e);
        }
        ty = ty_with_scalar(c->arena, common, (ScalarKind)ty_scalar_kind(ty));
    }
    return e->ty = ty;
}

static bool floats_only(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return sk_is_float(ty->scalar);
    }
    if (ty->kind == TY_array) {
        return floats_only(ty->elem);
    }
    for (int i = 0; i < ty->n; i++) {
        if (!floats_only(ty->parts[i])) {
            return false;
        }
    }
    return ty->kind == TY_tuple || ty->kind == TY_record;
}

static bool element_fits(Checker *c, const Expr *e, Atom name, const ElementBuiltin *builtin,
                         const Ty *ty) {
    bool number = builtin->class == ELEMENT_number, integer = builtin->class == ELEMENT_integer;
    if (integer  ? sk_is_int((ScalarKind)ty_scalar_kind(ty))
        : number ? numbers_only(ty)
                 : floats_only(ty)) {
        return true;
    }
    Diag *diag = diag_error(c->diags, DIAG_operand_types, e->loc, "`%s` takes %s, not `%s`", name,
                            integer  ? "integers"
                            : number ? "numbers"
                                     : "floats",
                            ty_text(c, ty));
    if (ty_scalar_kind(ty) == SK_i64 || ty_scalar_kind(ty) == SK_i32) {
        diag_hint(c->diags, diag, "convert it: `f64(...)`");
    }
    return false;
}

/* isnan, isfinite: a bool for each element. */
static const Ty *check_element_test(Checker *c, Expr *e, Atom name, Expr *x) {
    settle(c, x);
    if (ty_scalar_kind(expr_type(x)) < 0) {
        diag_error(c->diags, DIAG_operand_types, e->loc, "`%s` takes scalars and arrays of scalars",
                   name);
        return fail(e);
    }
    return e->ty = ty_with_scalar(c->arena, expr_type(x), SK_bool);
}

static const Ty *check_elementwise(Checker *c, Expr *e, const ElementBuiltin *builtin) {
    Atom name = e->as.call.callee->as.name.atom;
    int n = e->as.call.args.n;
    if (n != builtin->arity) {
        Diag *diag =
            diag_error(c->diags, DIAG_argument_count, e->loc, "`%s` takes %d argument%s, not %d",
                       name, builtin->arity, builtin->arity == 1 ? "" : "s", n);
        if (n > 2 && (strcmp(name, "max") == 0 || strcmp(name, "min") == 0)) {
            diag_hint(c->diags, diag, "of many, write `%s([a, b, c])`", name);
        }
        return fail(e);
    }
    e->as.call.kind = CALL_elementwise;
    e->as.call.op = builtin->op;
    Expr *operands[3];
    for (int i = 0; i < n && i < 3; i++) {
        operands[i] = e->as.call.args.data[i].value;
        if (ty_has_error(check_expr(c, operands[i]))) {
            return fail(e);
        }
        if (operands[i]->ty->kind == TY_tuple) {
            settle(c, operands[i]);
        }
    }
    if (builtin->class == ELEMENT_select) {
        return check_select(c, e);
    }
    const Ty *ty = combine(c, e->loc, name, n, operands);
    if (!ty) {
        return fail(e);
    }
    bool integers = builtin->class == ELEMENT_number || builtin->class == ELEMENT_integer;
    if (!integers && ty_scalar_kind(ty) == SK_int_literal) {
        for (int i = 0; i < n; i++) {
            set_literal(c, operands[i], SK_float_literal);
        }
        ty = ty_with_scalar(c->arena, ty, SK_float_literal);
    }
    if (!element_fits(c, e, name, builtin, ty)) {
        return fail(e);
    }
    return builtin->class == ELEMENT_test ? check_element_test(c, e, name, operands[0])
                                          : (e->ty = ty);
}

/* ---- what is called ---- */

static int find_reduce(const char *name) {
    for (int i = 0; i < REDUCE_COUNT; i++) {
        if (strcmp(reduce_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int find_builtin(const char *name) {
    static const char *const names[] = {
#define BUILTIN(name, least, most, rule) #name,
#include "parser/builtins.def"
#undef BUILTIN
    };
    for (int i = 0; i < BI_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool find_conversion(Checker *c, Atom name, ScalarKind *kind) {
    const Ty *type_arg = find_type_arg(c, name);
    if (type_arg && type_arg->kind == TY_scalar) {
        *kind = type_arg->scalar;
        return true;
    }
    for (int k = SK_bool; k <= SK_f64; k++) {
        if (strcmp(name, sk_name((ScalarKind)k)) == 0) {
            *kind = (ScalarKind)k;
            return true;
        }
    }
    *kind = real_kind(c);
    return strcmp(name, "real") == 0;
}

bool is_function_name(Checker *c, Atom name) {
    ElementBuiltin element;
    return find_fn(c, name) || element_builtin(name, &element) || find_builtin(name) >= 0 ||
           find_reduce(name) >= 0;
}

static const Ty *call_local(Checker *c, Expr *e, Local *local) {
    if (local->ty->kind != TY_fn) {
        if (local->ty->kind != TY_error) {
            Diag *diag = diag_error(c->diags, DIAG_not_callable, e->as.call.callee->loc,
                                    "`%s` is a value of type `%s`, not a function", local->name,
                                    ty_text(c, local->ty));
            diag_hint(c->diags, diag,
                      local->ty->kind == TY_array ? "elements are taken by `%s[i]`"
                                                  : "a product is written `%s*(...)`",
                      local->name);
        }
        return fail(e);
    }
    e->as.call.kind = CALL_local;
    e->as.call.local = local;
    Signature *sig = ty_signature(c, local->ty);
    sig->name = local->name;
    sig->loc = local->loc;
    return call_signature(c, e, sig, 0);
}

static const Ty *call_builtin_name(Checker *c, Expr *e, Atom name) {
    ScalarKind kind;
    ElementBuiltin element;
    int reduce = find_reduce(name), builtin = find_builtin(name);
    bool known = reduce >= 0 || builtin >= 0 || find_conversion(c, name, &kind) ||
                 element_builtin(name, &element);
    if (!known) {
        return unknown_function(c, e);
    }
    if (!no_named_args(c, e, name)) {
        return fail(e);
    }
    if (find_conversion(c, name, &kind)) {
        return check_convert(c, e, kind);
    }
    if (reduce >= 0 && e->as.call.args.n == 1) {
        check_expr(c, e->as.call.args.data[0].value);
        return ty_has_error(e->as.call.args.data[0].value->ty)
                   ? fail(e)
                   : check_reduce_all(c, e, (ReduceKind)reduce);
    }
    if (element_builtin(name, &element)) {
        return check_elementwise(c, e, &element);
    }
    if (builtin >= 0) {
        e->as.call.kind = CALL_builtin;
        e->as.call.builtin = (Builtin)builtin;
        return check_builtin(c, e);
    }
    Diag *diag = diag_error(c->diags, DIAG_argument_count, e->loc,
                            "`%s` takes one array, or a body with `for`", name);
    diag_hint(c->diags, diag, HINT_AXIS);
    for (int i = 0; i < e->as.call.args.n; i++) {
        fail(e->as.call.args.data[i].value); /* their names are those of a body */
    }
    return fail(e);
}

/* Arguments of a call that failed: checked for their own errors, when nothing was said about them
 * yet. */
static void check_leftover_args(Checker *c, Expr *e) {
    for (int i = 0; i < e->as.call.args.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        if (!arg->ty && arg->kind != E_lambda && arg->kind != E_derivative && arg->kind != E_name) {
            check_expr(c, arg);
        }
    }
}

/* ---- templates ---- */

/* The values among the first n arguments, which will say what the type parameters stand for. */
static bool check_template_args(Checker *c, const FnDecl *fn, Expr *e, int n) {
    bool ok = true;
    for (int i = 0; i < n && i < e->as.call.args.n; i++) {
        if (fn->params.data[i]->type->kind != TE_fn) {
            ok = !ty_has_error(check_expr(c, e->as.call.args.data[i].value)) && ok;
        }
    }
    return ok;
}

static const Ty *call_template(Checker *c, Expr *e, FnDecl *fn) {
    int n = fn->params.n;
    if (!no_named_args(c, e, fn->name.atom)) {
        return fail(e);
    }
    if (e->as.call.args.n != n) {
        Diag *diag =
            diag_error(c->diags, DIAG_argument_count, e->loc, "`%s` takes %d argument%s, not %d",
                       fn->name.atom, n, n == 1 ? "" : "s", e->as.call.args.n);
        diag_label(c->diags, diag, fn->name.loc, "declared here");
        return fail(e);
    }
    FnDecl *instance = check_template_args(c, fn, e, n)
                           ? instance_for_args(c, fn, &e->as.call.args, 0, e->loc)
                           : NULL;
    e->as.call.fn = instance;
    Signature *sig = instance ? fn_signature(c, instance, e->as.call.callee->loc) : NULL;
    return sig ? call_signature(c, e, sig, n) : fail(e);
}

/* grad(f)(x) of a template f: the arguments of f come first, so they say which copy is meant. Gives
 * how many were checked; -1 after a message. */
static int specialise(Checker *c, Expr *e) {
    Expr *name;
    int batches;
    FnDecl *fn = template_under(c, e->as.call.callee, &name, &batches);
    if (!fn || e->as.call.args.n < fn->params.n) {
        return 0;
    }
    if (!check_template_args(c, fn, e, fn->params.n)) {
        return -1;
    }
    ArgList args = {e->as.call.args.data, fn->params.n, fn->params.n};
    name->as.name.fn = instance_for_args(c, fn, &args, batches, name->loc);
    return name->as.name.fn ? fn->params.n : -1;
}

static const Ty *call_derivative(Checker *c, Expr *e) {
    e->as.call.kind = CALL_derivative;
    int checked = specialise(c, e);
    bool ok = checked >= 0 && give_lambda_types(c, e);
    Signature *sig = ok ? check_derivative(c, e->as.call.callee, false) : NULL;
    return sig ? call_signature(c, e, sig, checked) : fail(e);
}

static const Ty *call_name(Checker *c, Expr *e) {
    Atom name = e->as.call.callee->as.name.atom;
    Local *local = scope_find(c, name);
    if (local) {
        return call_local(c, e, local);
    }
    FnDecl *fn = find_fn(c, name);
    if (fn) {
        e->as.call.kind = CALL_function;
        if (is_template(fn)) {
            return call_template(c, e, fn);
        }
        Signature *sig = fn_signature(c, fn, e->as.call.callee->loc);
        e->as.call.fn = fn;
        return sig ? call_signature(c, e, sig, 0) : fail(e);
    }
    TypeDecl *type = find_type(c, name);
    return type ? check_record(c, e, type) : call_builtin_name(c, e, name);
}

const Ty *check_call(Checker *c, Expr *e) {
    Expr *callee = e->as.call.callee;
    join_qualified(c, callee);
    if (callee->kind == E_name) {
        call_name(c, e);
    } else if (callee->kind == E_derivative) {
        call_derivative(c, e);
    } else {
        check_value(c, callee);
        if (!ty_has_error(callee->ty)) {
            diag_error(c->diags, DIAG_not_callable, callee->loc,
                       "a value of type `%s` is not called", ty_text(c, expr_type(callee)));
        }
        fail(e);
    }
    if (ty_has_error(e->ty)) {
        check_leftover_args(c, e);
    }
    return e->ty;
}
