/* Types as written, declared types, sizes as polynomials, and the comparison of types. Part of the
 * checker. */
#include "parser/checker.h"
#include "parser/habits.h"

#include <string.h>

/* ---- sizes as written ---- */

static bool param_is_i64(const FnDecl *fn, Atom name, int *which) {
    for (int i = 0; fn && i < fn->params.n; i++) {
        const TypeExpr *type = fn->params.data[i]->type;
        if (fn->params.data[i]->name.atom == name && type && type->kind == TE_name &&
            strcmp(type->name.atom, "i64") == 0) {
            *which = i;
            return true;
        }
    }
    return false;
}

static const Size *new_size_param(Checker *c, Name name, int from_param) {
    SizeParam param = {.name = name, .from_param = from_param};
    param.sym = sizesym_new(c->polys, name.atom, name.loc);
    param.sym->computed = from_param >= 0;
    param.size = size_sym(c->polys, param.sym);
    vec_push(c->arena, &c->sig->sizes, param);
    return param.size;
}

/* [n, m] */
static const char *size_list(Checker *c) {
    Text text;
    text_init(&text, c->arena);
    for (int i = 0; i < c->sig->sizes.n; i++) {
        text_printf(&text, "%s%s", i == 0 ? "[" : ", ", c->sig->sizes.data[i].name.atom);
    }
    text_puts(&text, "]");
    return text.data;
}

static const Size *unknown_size(Checker *c, Name name, SizeScope scope) {
    Diag *diag = diag_error(c->diags, DIAG_unknown_size, name.loc, "unknown size `%s`", name.atom);
    if (scope == SIZES_result && c->fn && !c->fn->brackets) {
        diag_note(c->diags, diag, "no parameter's type fixes it");
        diag_hint(c->diags, diag, "pass it as a parameter: `%s: i64`", name.atom);
        return NULL;
    }
    const char *names[64];
    int n = 0;
    for (int i = 0; c->sig && i < c->sig->sizes.n && n < 64; i++) {
        names[n++] = c->sig->sizes.data[i].name.atom;
    }
    const char *near = nearest_name(name.atom, names, n);
    if (near) {
        diag_hint(c->diags, diag, "did you mean `%s`?", near);
    } else if (c->in_rule && n > 0) {
        diag_hint(c->diags, diag,
                  "a rule has the sizes of its function, by their names there: `%s`", size_list(c));
    } else if (scope != SIZES_body) {
        diag_hint(c->diags, diag, "sizes are listed behind the name: `[%s%s%s]`", n ? names[0] : "",
                  n ? ", " : "", name.atom);
    }
    return NULL;
}

static const Size *named_size(Checker *c, Name name, SizeScope scope) {
    int which;
    if (scope == SIZES_body) {
        Local *local = scope_find(c, name.atom);
        if (local && local->size && ty_is(local->ty, SK_i64)) {
            mark_size_used(c, local->size);
            return local->size;
        }
        if (local) {
            diag_error(c->diags, DIAG_index_type, name.loc, "`%s` is no i64, so it is no size",
                       name.atom);
            return NULL;
        }
    }
    SizeParam *param = find_size_param(c, name.atom);
    if (param) {
        return param->size;
    }
    if (scope != SIZES_body && c->fn && param_is_i64(c->fn, name.atom, &which)) {
        return new_size_param(c, c->fn->params.data[which]->name, which);
    }
    if (scope == SIZES_signature && c->fn && !c->fn->brackets) {
        return new_size_param(c, name, -1);
    }
    return unknown_size(c, name, scope);
}

static const Size *size_overflow(Checker *c, Loc loc) {
    diag_error(c->diags, DIAG_size_overflow, loc, "the size is beyond 64 bits");
    return NULL;
}

static const Size *resolve_size(Checker *c, Expr *e, SizeScope scope) {
    const Size *size = NULL;
    if (e->kind == E_int) {
        return size_const(c->polys, e->as.integer);
    }
    if (e->kind == E_name) {
        return named_size(c, (Name){e->as.name.atom, e->loc}, scope);
    }
    if (e->kind == E_unary && e->as.unary.op == UN_neg) {
        const Size *x = resolve_size(c, e->as.unary.x, scope);
        return x ? size_sub(c->polys, size_const(c->polys, 0), x) : NULL;
    }
    if (e->kind == E_binary &&
        (e->as.binary.op == BIN_add || e->as.binary.op == BIN_sub || e->as.binary.op == BIN_mul)) {
        const Size *a = resolve_size(c, e->as.binary.a, scope);
        const Size *b = a ? resolve_size(c, e->as.binary.b, scope) : NULL;
        if (!b) {
            return NULL;
        }
        size = e->as.binary.op == BIN_add   ? size_add(c->polys, a, b)
               : e->as.binary.op == BIN_sub ? size_sub(c->polys, a, b)
                                            : size_mul(c->polys, a, b);
        return size ? size : size_overflow(c, e->loc);
    }
    if (e->kind != E_error) {
        Diag *diag = diag_error(c->diags, DIAG_not_a_size, e->loc,
                                "a size in a type is a sum or product of names and integers");
        if (e->kind == E_binary && e->as.binary.op == BIN_div) {
            diag_hint(c->diags, diag,
                      "give it a name `t` of its own and state it by `where t == ...`");
        }
    }
    return NULL;
}

static bool resolve_sizes(Checker *c, const ExprList *list, SizeScope scope, const Size ***out) {
    *out = ARENA_ARRAY(c->arena, list->n, const Size *);
    bool ok = true;
    for (int i = 0; i < list->n; i++) {
        (*out)[i] = resolve_size(c, list->data[i], scope);
        int64_t value;
        if ((*out)[i] && size_is_const((*out)[i], &value) && value < 0) {
            diag_error(c->diags, DIAG_not_a_size, list->data[i]->loc, "a size is not negative");
            (*out)[i] = NULL;
        }
        ok = ok && (*out)[i];
    }
    return ok;
}

/* ---- types as written ---- */

static bool find_scalar(Checker *c, Atom name, ScalarKind *kind) {
    static const ScalarKind kinds[] = {SK_bool, SK_i32, SK_i64, SK_f32, SK_f64};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, sk_name(kinds[i])) == 0) {
            *kind = kinds[i];
            return true;
        }
    }
    *kind = real_kind(c);
    return strcmp(name, "real") == 0;
}

static void suggest_type(Checker *c, Diag *diag, const char *name) {
    const char *habit = habit_hint(HABIT_TYPE, name);
    if (habit) {
        diag_hint(c->diags, diag, "%s", habit);
        return;
    }
    const char *names[256] = {"f64", "f32", "i64", "i32", "bool", "real"};
    int n = visible_types(c, names, 6, 256);
    suggest_among(c, diag, name, n, names);
}

static const Ty *resolve_named(Checker *c, TypeExpr *type, SizeScope scope) {
    ScalarKind kind;
    if (find_scalar(c, type->name.atom, &kind)) {
        if (type->sizes.n > 0) {
            Diag *diag = diag_error(c->diags, DIAG_size_arguments, type->loc, "`%s` takes no sizes",
                                    type->name.atom);
            diag_hint(c->diags, diag, "an array type starts with its sizes: `[n]%s`",
                      type->name.atom);
            return ty_error();
        }
        return ty_scalar(kind);
    }
    const Ty *type_arg = find_type_arg(c, type->name.atom);
    if (type_arg && type->sizes.n == 0) {
        return type_arg;
    }
    TypeDecl *decl = find_type(c, type->name.atom);
    if (!decl) {
        Diag *diag = diag_error(c->diags, DIAG_unknown_type, type->name.loc, "unknown type `%s`",
                                type->name.atom);
        suggest_type(c, diag, type->name.atom);
        return ty_error();
    }
    if (decl->state == CHECK_none && c->type_nesting < TY_MAX_DEPTH) {
        declare_type(c, decl);
    }
    if (decl->state != CHECK_done) {
        if (decl->state == CHECK_none) {
            diag_error(c->diags, DIAG_too_deep, type->loc, "the types are nested too deeply");
        }
        if (decl->state == CHECK_busy) {
            Diag *diag = diag_error(c->diags, DIAG_recursion, type->loc,
                                    "the type `%s` contains itself", decl->name.atom);
            diag_label(c->diags, diag, decl->name.loc, "declared here");
            decl->state = CHECK_failed;
        }
        return ty_error();
    }
    if (decl->sizes.n != type->sizes.n) {
        Diag *diag = diag_error(c->diags, DIAG_size_arguments, type->loc,
                                "`%s` takes %d size%s, not %d", decl->name.atom, decl->sizes.n,
                                decl->sizes.n == 1 ? "" : "s", type->sizes.n);
        diag_label(c->diags, diag, decl->name.loc, "declared here");
        return ty_error();
    }
    const Size **sizes;
    if (!resolve_sizes(c, &type->sizes, scope, &sizes)) {
        return ty_error();
    }
    return instantiate_type(c, decl, type->sizes.n, sizes);
}

const Ty *array_of(Checker *c, Loc loc, int rank, const Size *const *dims, const Ty *elem) {
    if (elem->kind == TY_error) {
        return elem;
    }
    if (elem->kind == TY_fn) {
        diag_error(c->diags, DIAG_bad_element, loc, "the elements of an array cannot be functions");
        return ty_error();
    }
    const Ty *ty = ty_array(c->arena, rank, dims, elem);
    if (!ty) {
        diag_error(c->diags, DIAG_swallowed_axis, loc, "an array has at most %d axes",
                   (int)TY_MAX_RANK);
        return ty_error();
    }
    return ty;
}

static const Ty *resolve_array(Checker *c, TypeExpr *type, SizeScope scope) {
    const Size **dims;
    bool ok = resolve_sizes(c, &type->sizes, scope, &dims);
    const Ty *elem = resolve_type(c, type->elem, scope);
    return ok ? array_of(c, type->loc, type->sizes.n, dims, elem) : ty_error();
}

static bool first_of_its_name(Checker *c, PtrMap *fields, const Name *name) {
    const Name *first = ptrmap_get(fields, name->atom);
    if (first) {
        Diag *diag = diag_error(c->diags, DIAG_duplicate, name->loc,
                                "the record has two fields `%s`", name->atom);
        diag_label(c->diags, diag, first->loc, "the first");
        return false;
    }
    ptrmap_put(fields, name->atom, (void *)name);
    return true;
}

static const Ty *resolve_parts(Checker *c, TypeExpr *type, SizeScope scope) {
    PtrMap fields;
    ptrmap_init(&fields, c->arena);
    const Ty **parts = ARENA_ARRAY(c->arena, type->parts.n, const Ty *);
    Atom *names = ARENA_ARRAY(c->arena, type->parts.n, Atom);
    bool ok = true;
    for (int i = 0; i < type->parts.n; i++) {
        parts[i] = resolve_type(c, type->parts.data[i], scope);
        ok = ok && parts[i]->kind != TY_error;
        if (ok && parts[i]->kind == TY_fn && type->kind != TE_fn) {
            diag_error(c->diags, DIAG_function_value, type->parts.data[i]->loc,
                       "functions are parameters only, not parts of values");
            ok = false;
        }
        if (type->kind == TE_record) {
            names[i] = type->names.data[i].atom;
        }
        if (type->kind == TE_record && !first_of_its_name(c, &fields, &type->names.data[i])) {
            ok = false;
        }
    }
    if (type->kind == TE_fn) {
        const Ty *result = resolve_type(c, type->result, scope);
        return ok && result->kind != TY_error ? ty_fn(c->arena, type->parts.n, parts, result)
                                              : ty_error();
    }
    if (!ok) {
        return ty_error();
    }
    return type->kind == TE_tuple ? ty_tuple(c->arena, type->parts.n, parts)
                                  : ty_record(c->arena, type->parts.n, parts, names);
}

const Ty *resolve_type(Checker *c, TypeExpr *type, SizeScope scope) {
    const Ty *ty = ty_error();
    switch (type->kind) {
    case TE_error:
        break;
    case TE_name:
        ty = resolve_named(c, type, scope);
        break;
    case TE_array:
        ty = resolve_array(c, type, scope);
        break;
    case TE_tuple:
    case TE_record:
    case TE_fn:
        ty = resolve_parts(c, type, scope);
        break;
    }
    if (ty->depth > TY_MAX_DEPTH || ty->leaves > TY_MAX_LEAVES) {
        diag_error(c->diags, DIAG_too_deep, type->loc, "the type has too many parts");
        return ty_error();
    }
    return ty;
}

/* ---- declared types ---- */

void declare_type(Checker *c, TypeDecl *decl) {
    decl->state = CHECK_busy;
    Signature sizes = {.name = decl->name.atom, .loc = decl->loc};
    FnDecl pseudo = {.name = decl->name, .brackets = true};
    Signature *outer_sig = c->sig;
    FnDecl *outer_fn = c->fn;
    c->sig = &sizes;
    c->fn = &pseudo;
    c->type_nesting++;
    for (int i = 0; i < decl->size_names.n; i++) {
        Name name = decl->size_names.data[i];
        if (find_size_param(c, name.atom)) {
            diag_error(c->diags, DIAG_duplicate, name.loc, "the size `%s` is listed twice",
                       name.atom);
        } else {
            new_size_param(c, name, -1);
        }
    }
    const Ty *ty = resolve_type(c, decl->type, SIZES_signature);
    c->sig = outer_sig;
    c->fn = outer_fn;
    c->type_nesting--;
    for (int i = 0; i < sizes.sizes.n; i++) {
        vec_push(c->arena, &decl->sizes, sizes.sizes.data[i]);
    }
    if (ty->kind == TY_error || decl->state == CHECK_failed) {
        decl->state = CHECK_failed;
        return;
    }
    if (ty->kind == TY_record && !ty->decl) {
        const Size **args = ARENA_ARRAY(c->arena, decl->sizes.n, const Size *);
        for (int i = 0; i < decl->sizes.n; i++) {
            args[i] = decl->sizes.data[i].size;
        }
        ty = ty_named_record(c->arena, decl, decl->sizes.n, args, ty->n, ty->parts, ty->names);
    }
    decl->ty = ty;
    decl->state = CHECK_done;
}

typedef struct Instance {
    const TypeDecl *decl;
    const Size *const *sizes;
} Instance;

static const Size *lookup_instance(void *user, SizeSym *sym) {
    const Instance *instance = user;
    for (int i = 0; i < instance->decl->sizes.n; i++) {
        if (instance->decl->sizes.data[i].sym == sym) {
            return instance->sizes[i];
        }
    }
    return NULL;
}

const Ty *instantiate_type(Checker *c, TypeDecl *decl, int n, const Size *const *sizes) {
    if (n == 0) {
        return decl->ty;
    }
    Instance instance = {decl, sizes};
    const Ty *ty = ty_subst(c->ctx, decl->ty, lookup_instance, &instance);
    if (!ty) {
        size_overflow(c, decl->loc);
        return ty_error();
    }
    return ty;
}

/* ---- sizes of values ---- */

void mark_size_used(Checker *c, const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            Local *local = ptrmap_get(&c->sym_locals, size->terms[i].syms[j]);
            if (local) {
                local->sym_used = true;
            }
        }
    }
}

const Size *expr_as_size(Checker *c, Expr *e) {
    if (!e->size) {
        e->binds = sizesym_new(c->polys, atom_of(&c->ctx->atoms, "size"), e->loc);
        e->binds->computed = true;
        e->size = size_sym(c->polys, e->binds);
    }
    mark_size_used(c, e->size);
    return e->size;
}

bool size_is_computed(const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (size->terms[i].syms[j]->computed) {
                return true;
            }
        }
    }
    return false;
}

Agreement sizes_agree(Checker *c, const Size *a, const Size *b) {
    if (a == b) {
        return AGREE_equal;
    }
    int64_t value;
    const Size *difference = size_sub(c->polys, a, b);
    if (difference && size_is_const(difference, &value)) {
        return AGREE_no; /* not 0: then they would be the same */
    }
    return size_is_computed(a) || size_is_computed(b) ? AGREE_at_run_time : AGREE_no;
}

/* ---- comparison of types ---- */

/* Compares shapes; sizes that only agree at run time are added to `checks` where that is not NULL.
 */
typedef struct Matching {
    Checker *c;
    Expr *checks;
    const Size *a, *b; /* the sizes that cannot agree */
} Matching;

static bool match_sizes(Matching *m, int n, const Size *const *from, const Size *const *to) {
    for (int i = 0; i < n; i++) {
        Agreement agreement = sizes_agree(m->c, from[i], to[i]);
        if (agreement == AGREE_no) {
            m->a = from[i];
            m->b = to[i];
            return false;
        }
        if (agreement == AGREE_at_run_time && m->checks) {
            SizeCheck check = {from[i], to[i], m->checks->loc, NULL};
            check.text = arena_printf(m->c->arena, "sizes differ: %s and %s",
                                      size_text(m->c, from[i]), size_text(m->c, to[i]));
            mark_size_used(m->c, from[i]);
            mark_size_used(m->c, to[i]);
            vec_push(m->c->arena, &m->checks->checks, check);
        }
    }
    return true;
}

static bool match(Matching *m, const Ty *from, const Ty *to) {
    if (from->kind == TY_error || to->kind == TY_error) {
        return true;
    }
    bool named = from->decl && to->decl; /* else the fields alone decide */
    if (from->kind != to->kind || from->n != to->n || (named && from->decl != to->decl)) {
        return false;
    }
    if (from->kind == TY_scalar) {
        return from->scalar == to->scalar;
    }
    if (from->kind == TY_array) {
        return from->rank == to->rank && match(m, from->elem, to->elem) &&
               match_sizes(m, from->rank, from->dims, to->dims);
    }
    if (named) {
        return match_sizes(m, from->n_args, from->args, to->args);
    }
    for (int i = 0; i < from->n; i++) {
        if ((from->names && from->names[i] != to->names[i]) ||
            !match(m, from->parts[i], to->parts[i])) {
            return false;
        }
    }
    return from->kind != TY_fn || match(m, from->result, to->result);
}

bool types_match(Checker *c, const Ty *from, const Ty *to, const Size **a, const Size **b) {
    Matching m = {c, NULL, NULL, NULL};
    bool ok = match(&m, from, to);
    *a = m.a;
    *b = m.b;
    return ok;
}

bool cast_to(Checker *c, Expr *e, const Ty *to, const Size **a, const Size **b) {
    const Size *left, *right;
    bool ok = types_match(c, expr_type(e), to, &left, &right);
    if (a) {
        *a = left;
        *b = right;
    }
    if (ok && !ty_equal(expr_type(e), to) && !ty_has_error(to) && !ty_has_error(expr_type(e))) {
        Matching m = {c, e, NULL, NULL};
        match(&m, expr_type(e), to);
        e->cast = to;
    }
    return ok;
}

/* ---- messages about sizes ---- */

static const SizeSym *only_in(const Size *a, const Size *b) {
    for (int i = 0; i < a->n; i++) {
        for (int j = 0; j < a->terms[i].degree; j++) {
            if (a == b || !size_mentions(b, a->terms[i].syms[j])) {
                return a->terms[i].syms[j];
            }
        }
    }
    return a->n > 0 && a->terms[0].degree > 0 ? a->terms[0].syms[0] : NULL;
}

void add_size_origins(Checker *c, Diag *diag, const Size *a, const Size *b) {
    const SizeSym *first = only_in(a, b);
    const SizeSym *second = a == b ? NULL : only_in(b, a);
    if (first) {
        diag_label(c->diags, diag, first->loc, "`%s` comes from here", first->name);
    }
    if (second && second != first) {
        diag_label(c->diags, diag, second->loc, "`%s` comes from here", second->name);
    }
}

static void hint_where(Checker *c, Diag *diag, const Size *a, const Size *b) {
    int64_t value;
    const Size *difference = size_sub(c->polys, a, b);
    if (difference && size_is_const(difference, &value)) {
        return;
    }
    diag_hint(c->diags, diag, "if they are always equal, say so: `where %s == %s`", size_text(c, a),
              size_text(c, b));
}

void report_sizes(Checker *c, Loc loc, const Size *a, const Size *b, const char *what) {
    Diag *diag = diag_error(c->diags, DIAG_size_mismatch, loc, "%s: the sizes `%s` and `%s` differ",
                            what, size_text(c, a), size_text(c, b));
    add_size_origins(c, diag, a, b);
    hint_where(c, diag, a, b);
}

bool expect_type(Checker *c, Expr *e, const Ty *to, const char *what, Loc reason,
                 const char *reason_text) {
    coerce(c, e, to);
    settle(c, e);
    const Size *a, *b;
    if (cast_to(c, e, to, &a, &b)) {
        return true;
    }
    Diag *diag;
    if (a) {
        diag = diag_error(c->diags, DIAG_size_mismatch, e->loc, "%s has type `%s`, expected `%s`",
                          what, ty_text(c, expr_type(e)), ty_text(c, to));
        diag_note(c->diags, diag, "the sizes `%s` and `%s` differ", size_text(c, a),
                  size_text(c, b));
        add_size_origins(c, diag, a, b);
        hint_where(c, diag, a, b);
        return false;
    }
    diag = diag_error(c->diags, DIAG_type_mismatch, e->loc, "%s has type `%s`, expected `%s`", what,
                      ty_text(c, expr_type(e)), ty_text(c, to));
    if (reason_text) {
        diag_label(c->diags, diag, reason, "%s", reason_text);
    }
    int from = ty_scalar_kind(expr_type(e)), want = ty_scalar_kind(to);
    if (e->kind == E_binary && e->as.binary.op == BIN_mul && expr_type(e)->kind == TY_array &&
        (to->kind != TY_array || to->rank != expr_type(e)->rank)) {
        diag_hint(c->diags, diag, "`*` is element by element; a product of matrices is `A @ B`");
    } else if (from > SK_bool && want > SK_bool && from != want && expr_type(e)->kind == to->kind) {
        diag_hint(c->diags, diag, "convert it: `%s(...)`", sk_name((ScalarKind)want));
    } else if (from == SK_bool && ty_is(to, SK_bool)) {
        diag_hint(c->diags, diag, "reduce it by `any(...)` or `all(...)`");
    }
    return false;
}
