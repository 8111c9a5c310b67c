/* Declarations: signatures with their sizes and `where`, bodies, exports and tests. Part of the
 * checker. */
#include "parser/checker.h"

#include <string.h>

/* ---- where: equalities of sizes ---- */

/* The polynomial of a condition's side; NULL when it is none (then it is only checked at run time).
 */
static const Size *side_as_size(Checker *c, const Expr *e) {
    if (e->kind == E_int) {
        return size_const(c->polys, e->as.integer);
    }
    if (e->kind == E_name) {
        const SizeParam *param = find_size_param(c, e->as.name.atom);
        return param ? param->size : NULL;
    }
    if (e->kind != E_binary) {
        return NULL;
    }
    const Size *a = side_as_size(c, e->as.binary.a),
               *b = a ? side_as_size(c, e->as.binary.b) : NULL;
    if (!b) {
        return NULL;
    }
    switch (e->as.binary.op) {
    case BIN_add:
        return size_add(c->polys, a, b);
    case BIN_sub:
        return size_sub(c->polys, a, b);
    case BIN_mul:
        return size_mul(c->polys, a, b);
    default:
        return NULL;
    }
}

/* A symbol that may be replaced: a size parameter that still stands for itself and is passed by no
 * value. */
static bool replaceable(void *user, SizeSym *sym) {
    const Checker *c = user;
    for (int i = 0; i < c->sig->sizes.n; i++) {
        const SizeParam *param = &c->sig->sizes.data[i];
        if (param->sym == sym) {
            return param->from_param < 0 && size_is_sym(param->size) == sym;
        }
    }
    return false;
}

typedef struct Replacement {
    SizeSym *sym;
    const Size *size;
} Replacement;

static const Size *replacement(void *user, SizeSym *sym) {
    const Replacement *r = user;
    return sym == r->sym ? r->size : NULL;
}

/* Puts the size in everywhere in the signature. */
static void replace_size(Checker *c, SizeSym *sym, const Size *size) {
    Replacement r = {sym, size};
    for (int i = 0; i < c->sig->sizes.n; i++) {
        SizeParam *param = &c->sig->sizes.data[i];
        const Size *next = size_subst(c->polys, param->size, replacement, &r);
        param->size = next ? next : param->size;
    }
    for (int i = 0; i < c->sig->params.n; i++) {
        const Ty *ty = ty_subst(c->ctx, c->sig->params.data[i].ty, replacement, &r);
        c->sig->params.data[i].ty = ty ? ty : ty_error();
    }
}

static void collect_equalities(Checker *c, const Expr *where) {
    if (where->kind == E_binary && where->as.binary.op == BIN_and) {
        collect_equalities(c, where->as.binary.a);
        collect_equalities(c, where->as.binary.b);
        return;
    }
    if (where->kind != E_binary || where->as.binary.op != BIN_eq) {
        return;
    }
    const Size *a = side_as_size(c, where->as.binary.a), *b = side_as_size(c, where->as.binary.b);
    const Size *difference = a && b ? size_sub(c->polys, a, b) : NULL;
    int64_t value;
    if (!difference || a == b) {
        return;
    }
    if (size_is_const(difference, &value)) {
        diag_error(c->diags, DIAG_never_equal, where->loc, "`%s` and `%s` are never equal",
                   size_text(c, a), size_text(c, b));
        return;
    }
    const Size *solution;
    SizeSym *sym = size_solve(c->polys, a, b, replaceable, c, &solution);
    if (sym) {
        replace_size(c, sym, solution);
    }
}

/* ---- signatures ---- */

static void declare_sizes(Checker *c, FnDecl *fn) {
    for (int i = 0; i < fn->size_names.n; i++) {
        Name name = fn->size_names.data[i];
        const SizeParam *before = find_size_param(c, name.atom);
        if (before) {
            Diag *diag = diag_error(c->diags, DIAG_duplicate, name.loc,
                                    "the size `%s` is listed twice", name.atom);
            diag_label(c->diags, diag, before->name.loc, "the first");
            continue;
        }
        SizeParam param = {.name = name, .from_param = -1};
        for (int k = 0; k < fn->params.n; k++) {
            const TypeExpr *type = fn->params.data[k]->type;
            if (fn->params.data[k]->name.atom == name.atom && type->kind == TE_name &&
                strcmp(type->name.atom, "i64") == 0) {
                param.from_param = k;
            }
        }
        param.sym = sizesym_new(c->polys, name.atom, name.loc);
        param.sym->computed = param.from_param >= 0;
        param.size = size_sym(c->polys, param.sym);
        vec_push(c->arena, &c->sig->sizes, param);
    }
}

/* A parameter costs an argument of the compiled function, or one for each of its leaves. */
static bool too_many_params(Checker *c, const FnDecl *fn, int n) {
    if (n <= TY_MAX_LEAVES) {
        return false;
    }
    Diag *diag =
        diag_error(c->diags, DIAG_too_deep, fn->name.loc,
                   "`%s` has more than %d parameters and sizes", fn->name.atom, (int)TY_MAX_LEAVES);
    diag_hint(c->diags, diag, "numbers of one kind are an array");
    return true;
}

static bool declare_params(Checker *c, FnDecl *fn) {
    bool ok = true;
    int leaves = fn->size_names.n;
    for (int i = 0; i < fn->params.n; i++) {
        AstParam *param = fn->params.data[i];
        for (int j = 0; j < i; j++) {
            if (fn->params.data[j]->name.atom == param->name.atom) {
                Diag *diag = diag_error(c->diags, DIAG_duplicate, param->name.loc,
                                        "two parameters are called `%s`", param->name.atom);
                diag_label(c->diags, diag, fn->params.data[j]->name.loc, "the first");
                ok = false;
            }
        }
        const Ty *ty = resolve_type(c, param->type, SIZES_signature);
        ok = ok && ty->kind != TY_error;
        leaves += ty->leaves;
        vec_push(c->arena, &c->sig->params, ((SigParam){param->name, ty}));
        if (fn->is_extern && ty->kind != TY_scalar && ty->kind != TY_error) {
            diag_error(c->diags, DIAG_type_mismatch, param->type->loc,
                       "an extern function takes scalars, not `%s`", ty_text(c, ty));
            ok = false;
        }
    }
    return ok && !too_many_params(c, fn, leaves);
}

static bool type_mentions(const Ty *ty, const SizeSym *sym) {
    for (int i = 0; ty->kind == TY_array && i < ty->rank; i++) {
        if (size_mentions(ty->dims[i], sym)) {
            return true;
        }
    }
    if (ty->kind == TY_array) {
        return type_mentions(ty->elem, sym);
    }
    for (int i = 0; i < ty->n_args; i++) {
        if (size_mentions(ty->args[i], sym)) {
            return true;
        }
    }
    for (int i = 0; i < ty->n; i++) {
        if (type_mentions(ty->parts[i], sym)) {
            return true;
        }
    }
    return ty->kind == TY_fn && type_mentions(ty->result, sym);
}

/* Every size is fixed by an argument's type, passed by value, or equal to others by `where`. */
static void check_sizes_fixed(Checker *c) {
    for (int i = 0; i < c->sig->sizes.n; i++) {
        const SizeParam *param = &c->sig->sizes.data[i];
        bool fixed = param->from_param >= 0 || size_is_sym(param->size) != param->sym;
        for (int k = 0; k < c->sig->params.n && !fixed; k++) {
            fixed = type_mentions(c->sig->params.data[k].ty, param->sym);
        }
        if (!fixed) {
            Diag *diag = diag_error(c->diags, DIAG_size_unsolved, param->name.loc,
                                    "no parameter's type fixes the size `%s`", param->name.atom);
            diag_hint(c->diags, diag, "pass it as a parameter: `%s: i64`", param->name.atom);
        }
    }
}

static bool is_name_taken(const char *name) {
    for (int i = 0; i < DERIV_COUNT; i++) {
        if (strcmp(name, deriv_names[i]) == 0) {
            return true;
        }
    }
    return is_reserved(name);
}

void declare_signature(Checker *c, FnDecl *fn) {
    fn->sig = ARENA_NEW(c->arena, Signature);
    fn->sig->name = fn->name.atom;
    fn->sig->loc = fn->name.loc;
    c->sig = fn->sig;
    c->fn = fn;
    int errors = c->diags->errors;
    if (is_name_taken(fn->name.atom)) {
        Diag *diag =
            diag_error(c->diags, DIAG_reserved_name, fn->name.loc,
                       "`%s` belongs to the language and cannot be declared", fn->name.atom);
        diag_hint(c->diags, diag, "choose another name");
    }
    bool ok = !too_many_params(c, fn, fn->params.n + fn->size_names.n);
    if (ok) {
        declare_sizes(c, fn);
    }
    if (ok && fn->instance_of) {
        declare_type_args(c, fn);
    }
    ok = ok && declare_params(c, fn);
    if (ok && fn->where) {
        collect_equalities(c, fn->where);
    }
    if (ok) {
        check_sizes_fixed(c);
    }
    if (fn->result) {
        fn->sig->result = resolve_type(c, fn->result, SIZES_result);
        if (fn->sig->result->kind == TY_fn) {
            diag_error(c->diags, DIAG_function_value, fn->result->loc,
                       "a function cannot be a result");
        } else if (fn->is_extern && fn->sig->result->kind != TY_scalar &&
                   fn->sig->result->kind != TY_error) {
            diag_error(c->diags, DIAG_type_mismatch, fn->result->loc,
                       "an extern function gives one scalar, not `%s`",
                       ty_text(c, fn->sig->result));
        }
        ok = ok && fn->sig->result->kind != TY_error;
    }
    fn->sig_state = ok && c->diags->errors == errors ? CHECK_done : CHECK_failed;
    c->sig = NULL;
    c->fn = NULL;
}

/* ---- bodies ---- */

static void bind_params(Checker *c, FnDecl *fn) {
    for (int i = 0; i < fn->params.n; i++) {
        const Size *size = NULL;
        SizeSym *sym = NULL;
        for (int k = 0; k < fn->sig->sizes.n; k++) {
            if (fn->sig->sizes.data[k].from_param == i) {
                size = fn->sig->sizes.data[k].size;
                sym = fn->sig->sizes.data[k].sym;
            }
        }
        Local *local =
            scope_add(c, LOCAL_param, fn->params.data[i]->name, fn->sig->params.data[i].ty, size);
        if (sym) {
            local->sym = sym;
        }
        fn->params.data[i]->local = local;
    }
}

static const Size *foreign_size(const Signature *sig, const Ty *ty);

static bool size_is_of(const Signature *sig, const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            bool found = false;
            for (int k = 0; k < sig->sizes.n; k++) {
                found = found || sig->sizes.data[k].sym == size->terms[i].syms[j];
            }
            if (!found) {
                return false;
            }
        }
    }
    return true;
}

/* A size in ty that is none of the signature's. */
static const Size *foreign_size(const Signature *sig, const Ty *ty) {
    for (int i = 0; ty->kind == TY_array && i < ty->rank; i++) {
        if (!size_is_of(sig, ty->dims[i])) {
            return ty->dims[i];
        }
    }
    if (ty->kind == TY_array) {
        return foreign_size(sig, ty->elem);
    }
    for (int i = 0; i < ty->n_args; i++) {
        if (!size_is_of(sig, ty->args[i])) {
            return ty->args[i];
        }
    }
    for (int i = 0; i < ty->n; i++) {
        const Size *size = foreign_size(sig, ty->parts[i]);
        if (size) {
            return size;
        }
    }
    return NULL;
}

/* An i64 parameter whose value is a size of the inferred result becomes a size parameter. */
static void adopt_size(Checker *c, FnDecl *fn, const Size *size) {
    for (int i = 0; i < fn->params.n; i++) {
        Local *local = fn->params.data[i]->local;
        if (local->sym && size_mentions(size, local->sym) && !find_size_param(c, local->name)) {
            SizeParam param = {
                .name = fn->params.data[i]->name, .sym = local->sym, .from_param = i};
            param.size = local->size;
            vec_push(c->arena, &fn->sig->sizes, param);
        }
    }
}

static bool infer_result(Checker *c, FnDecl *fn) {
    settle(c, fn->body);
    const Ty *ty = expr_type(fn->body);
    for (int round = 0; round <= fn->params.n; round++) {
        const Size *size = foreign_size(fn->sig, ty);
        if (!size) {
            fn->sig->result = ty;
            return true;
        }
        adopt_size(c, fn, size);
    }
    const Size *size = foreign_size(fn->sig, ty);
    Diag *diag = diag_error(c->diags, DIAG_size_escapes, fn->body->loc,
                            "the size `%s` of the result is computed inside of the function",
                            size_text(c, size));
    add_size_origins(c, diag, size, size);
    diag_hint(c->diags, diag, "pass it as an i64 parameter, and state the result type");
    return false;
}

void check_body(Checker *c, FnDecl *fn) {
    if (fn->body_state != CHECK_none) {
        return; /* on demand, already */
    }
    if (fn->sig_state == CHECK_failed || !fn->body) {
        fn->body_state = fn->sig_state == CHECK_failed ? CHECK_failed : CHECK_done;
        return;
    }
    int errors = c->diags->errors;
    fn->body_state = CHECK_busy;
    c->fn = fn;
    c->sig = fn->sig;
    int scope = scope_mark(c);
    bind_params(c, fn);
    if (fn->where) {
        check_bool(c, fn->where, "`where`");
    }
    check_expr(c, fn->body);
    bool ok = !ty_has_error(fn->body->ty);
    if (ok && fn->result) {
        ok = expect_type(c, fn->body, fn->sig->result, "the result", fn->result->loc,
                         "declared here");
    } else if (ok) {
        ok = infer_result(c, fn);
    }
    scope_leave(c, scope);
    c->fn = NULL;
    c->sig = NULL;
    fn->body_state = ok && c->diags->errors == errors ? CHECK_done : CHECK_failed;
    if (!ok && !fn->sig->result) {
        fn->sig_state = CHECK_failed;
    }
}

void check_test(Checker *c, Test *test) {
    int scope = scope_mark(c);
    check_value(c, test->body);
    scope_leave(c, scope);
}

/* ---- exports ---- */

static Atom export_name(Checker *c, const Expr *fn) {
    if (fn->kind == E_derivative) {
        Atom inner = export_name(c, fn->as.deriv.fn);
        return atom_of(&c->ctx->atoms,
                       arena_printf(c->arena, "%s_%s", inner, deriv_names[fn->as.deriv.op]));
    }
    if (fn->kind != E_name) {
        return "";
    }
    const char *dot = strrchr(fn->as.name.atom, '.'); /* p.f, of an import p */
    return dot ? atom_of(&c->ctx->atoms, dot + 1) : fn->as.name.atom;
}

static bool is_c_keyword(const char *name) {
    static const char *const words[] = {
        "auto",     "break",   "case",   "char",     "const",  "continue", "default",
        "do",       "double",  "else",   "enum",     "extern", "float",    "for",
        "goto",     "if",      "inline", "int",      "long",   "main",     "register",
        "restrict", "return",  "short",  "signed",   "sizeof", "static",   "struct",
        "switch",   "typedef", "union",  "unsigned", "void",   "volatile", "while"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* `export fn f` where an f was declared before, which has been complained about. */
static bool is_declared_again(const ExportDecl *e) {
    return e->fn->kind == E_name && e->fn->loc.begin == e->loc.begin && e->fn->as.name.fn &&
           e->fn->as.name.fn->name.loc.begin != e->loc.begin;
}

static void check_c_name(Checker *c, ExportDecl *e) {
    Loc loc = e->as.atom ? e->as.loc : e->loc;
    if (is_c_keyword(e->c_name)) {
        Diag *diag = diag_error(c->diags, DIAG_export_clash, loc, "`%s` means something else in C",
                                e->c_name);
        diag_hint(c->diags, diag, "export it under another name: `as ...`");
    }
    const ExportDecl *other = ptrmap_get(&c->exports, e->c_name);
    if (other && is_declared_again(e)) {
        return;
    }
    if (other) {
        Diag *diag =
            diag_error(c->diags, DIAG_export_clash, loc, "two exports are called `%s`", e->c_name);
        diag_label(c->diags, diag, other->loc, "the first");
        diag_hint(c->diags, diag, "rename one: `as ...`");
        return;
    }
    ptrmap_put(&c->exports, e->c_name, e);
}

/* `export f;` says as much as `export fn f(...)` does: the head of the function. */
static const char *export_head(Checker *c, const ExportDecl *e) {
    const FnDecl *fn = e->fn->kind == E_name && !e->as.atom ? e->fn->as.name.fn : NULL;
    const Source *source = fn && fn->body ? source_of(&c->ctx->sources, fn->loc) : NULL;
    if (!source || fn->exported || fn->loc.begin >= fn->body->loc.begin) {
        return e->text;
    }
    uint32_t at = fn->loc.begin - source->base, end = fn->body->loc.begin - source->base;
    char *text =
        arena_printf(c->arena, "export %s", arena_strdup(c->arena, source->text + at, end - at));
    for (char *p = text; *p; p++) {
        *p = (unsigned char)*p < ' ' ? ' ' : *p;
    }
    for (size_t n = strlen(text); n > 0 && strchr(" ={", text[n - 1]);) {
        text[--n] = '\0';
    }
    return text;
}

void check_export(Checker *c, ExportDecl *e) {
    e->sig = callable_signature(c, e->fn, true);
    if (!e->sig) {
        return;
    }
    for (int i = 0; i < e->sig->params.n; i++) {
        if (e->sig->params.data[i].ty->kind == TY_fn) {
            Diag *diag =
                diag_error(c->diags, DIAG_export_function, e->loc,
                           "`%s` takes a function, so it cannot be exported", e->sig->name);
            diag_label(c->diags, diag, e->sig->params.data[i].name.loc, "this parameter");
            diag_hint(c->diags, diag, "export a function that passes one");
            return;
        }
    }
    e->text = export_head(c, e);
    e->c_name = e->as.atom ? e->as.atom : export_name(c, e->fn);
    check_c_name(c, e);
}
