/* Templates: functions with type parameters, `fn f[n, T: float](x: [n]T)`. Part of the checker.
 *
 * A template is never checked itself. Each call finds what its type parameters stand for, from the
 * types of the arguments, and calls a copy of the function in which they stand for that. Sizes are
 * no part of it: the copy for [3]f64 takes any [k]f64, where k is a size parameter of the copy. The
 * result type is stated, so that the body of a copy can wait until the body that asked for it is
 * done.
 *
 * Note [Types that literals leave open]
 * A parameter of class `float` that only literals or nothing stands for takes the width of the
 * floats in the other type parameters where these have one, as a literal takes the precision of
 * what stands beside it; else `real`. */
#include "parser/checker.h"
#include "parser/copy.h"

#include <string.h>

enum { MOST_DEEP = 64 };

/* ---- what type parameters stand for inside of a copy ---- */

const Ty *find_type_arg(const Checker *c, Atom name) {
    for (int i = 0; c->fn && c->fn->type_args && i < c->fn->types.n; i++) {
        if (c->fn->types.data[i].name.atom == name) {
            return c->fn->type_args[i];
        }
    }
    return NULL;
}

static const Size *new_size(Checker *c, const TypeParam *param, int *count) {
    Atom name =
        atom_of(&c->ctx->atoms, arena_printf(c->arena, "%s_%d", param->name.atom, (*count)++));
    SizeParam size = {
        .name = {name, param->name.loc}, .from_param = -1, .of_type = param->name.atom};
    size.sym = sizesym_new(c->polys, name, param->name.loc);
    size.size = size_sym(c->polys, size.sym);
    vec_push(c->arena, &c->sig->sizes, size);
    return size.size;
}

static const Size **new_sizes(Checker *c, const TypeParam *param, int n, int *count) {
    const Size **sizes = ARENA_ARRAY(c->arena, n, const Size *);
    for (int i = 0; i < n; i++) {
        sizes[i] = new_size(c, param, count);
    }
    return sizes;
}

/* The type with a new size parameter of c->sig in the place of each of its sizes. */
static const Ty *with_own_sizes(Checker *c, const TypeParam *param, const Ty *ty, int *count) {
    if (ty->kind == TY_scalar || ty->kind == TY_error) {
        return ty;
    }
    if (ty->kind == TY_array) {
        const Size **dims = new_sizes(c, param, ty->rank, count);
        return ty_array(c->arena, ty->rank, dims, with_own_sizes(c, param, ty->elem, count));
    }
    if (ty->decl) {
        return instantiate_type(c, ty->decl, ty->n_args, new_sizes(c, param, ty->n_args, count));
    }
    const Ty **parts = ARENA_ARRAY(c->arena, ty->n, const Ty *);
    for (int i = 0; i < ty->n; i++) {
        parts[i] = with_own_sizes(c, param, ty->parts[i], count);
    }
    return ty->kind == TY_tuple ? ty_tuple(c->arena, ty->n, parts)
                                : ty_record(c->arena, ty->n, parts, ty->names);
}

void declare_type_args(Checker *c, FnDecl *fn) {
    const Ty **own = ARENA_ARRAY(c->arena, fn->types.n, const Ty *);
    for (int i = 0; i < fn->types.n; i++) {
        int count = 0;
        own[i] = with_own_sizes(c, &fn->types.data[i], fn->type_args[i], &count);
    }
    fn->type_args = own;
}

/* ---- copies ---- */

/* One type but for its sizes. */
static bool same_form(const Ty *a, const Ty *b) {
    if (a->kind != b->kind || a->decl != b->decl || a->n != b->n) {
        return false;
    }
    if (a->kind == TY_scalar) {
        return a->scalar == b->scalar;
    }
    if (a->kind == TY_array) {
        return a->rank == b->rank && same_form(a->elem, b->elem);
    }
    for (int i = 0; !a->decl && i < a->n; i++) {
        if ((a->names && a->names[i] != b->names[i]) || !same_form(a->parts[i], b->parts[i])) {
            return false;
        }
    }
    return true;
}

static FnDecl *find_instance(const FnDecl *fn, const Ty *const *types) {
    for (int i = 0; i < fn->instances.n; i++) {
        FnDecl *instance = fn->instances.data[i];
        bool same = true;
        for (int k = 0; same && k < fn->types.n; k++) {
            same = same_form(instance->type_args[k], types[k]);
        }
        if (same) {
            return instance;
        }
    }
    return NULL;
}

static FnDecl *new_instance(Checker *c, FnDecl *fn, const Ty **types, Loc use) {
    FnDecl *instance = copy_fn(c->arena, fn);
    instance->instance_of = fn;
    instance->type_args = types;
    instance->instance_depth = c->fn ? c->fn->instance_depth + 1 : 1;
    instance->instance_use = use;
    vec_push(c->arena, &fn->instances, instance);
    vec_push(c->arena, &c->main->instances, instance);
    if (instance->instance_depth > MOST_DEEP) {
        Diag *diag = diag_error(c->diags, DIAG_recursion, use,
                                "`%s` needs copies of itself without end", fn->name.atom);
        diag_label(c->diags, diag, fn->name.loc, "declared here");
        diag_hint(c->diags, diag, "recursion is not part of the language; use `loop`");
        instance->sig_state = CHECK_failed;
        return instance;
    }
    Checker outer = *c;
    c->module = fn->module;
    declare_signature(c, instance);
    c->module = outer.module;
    c->fn = outer.fn;
    c->sig = outer.sig;
    return instance;
}

bool is_template(const FnDecl *fn) {
    return fn->types.n > 0 && !fn->instance_of;
}

void check_template(Checker *c, FnDecl *fn) {
    for (int i = 0; i < fn->types.n; i++) {
        for (int k = 0; k < i; k++) {
            if (fn->types.data[k].name.atom == fn->types.data[i].name.atom) {
                Diag *diag =
                    diag_error(c->diags, DIAG_duplicate, fn->types.data[i].name.loc,
                               "the type `%s` is listed twice", fn->types.data[i].name.atom);
                diag_label(c->diags, diag, fn->types.data[k].name.loc, "the first");
                fn->sig_state = CHECK_failed;
            }
        }
    }
    if (!fn->result) {
        Diag *diag = diag_error(c->diags, DIAG_result_unstated, fn->name.loc,
                                "a function with type parameters states its result type");
        diag_hint(c->diags, diag, "write `-> %s` behind the parameters",
                  fn->types.data[0].name.atom);
        fn->sig_state = CHECK_failed;
    }
}

static bool fits_class(Checker *c, const FnDecl *fn, int i, const Ty *ty, Loc loc) {
    const TypeParam *param = &fn->types.data[i];
    bool fits = ty_all_floats(ty) && (param->class == CLASS_floats || ty->kind == TY_scalar);
    if (!fits) {
        Diag *diag = diag_error(
            c->diags, DIAG_type_mismatch, loc, "`%s` takes %s for its type `%s`, not `%s`",
            fn->name.atom, param->class == CLASS_float ? "f64 or f32" : "values made of floats",
            param->name.atom, ty_text(c, ty));
        diag_label(c->diags, diag, param->name.loc, "`%s` is declared here", param->name.atom);
        if (ty_is(ty, SK_i64) || ty_is(ty, SK_i32)) {
            diag_hint(c->diags, diag, "convert it: `f64(...)`");
        } else if (ty->kind == TY_array && ty_all_floats(ty)) {
            diag_hint(c->diags, diag, "call it for each element: `[%s(...) for i]`", fn->name.atom);
        }
    }
    return fits;
}

static FnDecl *instantiate(Checker *c, FnDecl *fn, const Ty **types, const Loc *from, Loc use) {
    for (int i = 0; i < fn->types.n; i++) {
        if (!fits_class(c, fn, i, types[i], from ? from[i] : use)) {
            return NULL;
        }
    }
    FnDecl *known = find_instance(fn, types);
    return known ? known : new_instance(c, fn, types, use);
}

/* ---- what a call fixes ---- */

typedef struct Inference {
    Checker *c;
    const FnDecl *fn;
    int batches;      /* leading axes of the arguments that `batch` adds to what fn takes */
    const Ty **types; /* NULL: not known yet */
    Loc *from;
} Inference;

static int type_param(const FnDecl *fn, Atom name) {
    for (int i = 0; i < fn->types.n; i++) {
        if (fn->types.data[i].name.atom == name) {
            return i;
        }
    }
    return -1;
}

static void infer_array(Inference *in, const TypeExpr *type, const Ty *arg, Loc loc);

/* Lets an argument's type fix what stands in the parameter's type. */
static void infer_type(Inference *in, const TypeExpr *type, const Ty *arg, Loc loc) {
    if (type->kind == TE_name) {
        int i = type->sizes.n == 0 ? type_param(in->fn, type->name.atom) : -1;
        if (i >= 0 && !in->types[i] && !is_literal_type(arg)) {
            in->types[i] = arg;
            in->from[i] = loc;
        }
    } else if (type->kind == TE_array) {
        infer_array(in, type, arg, loc);
    } else {
        for (int i = 0; i < type->parts.n && i < arg->n; i++) {
            infer_type(in, type->parts.data[i], arg->parts[i], loc);
        }
        if (type->kind == TE_fn && arg->kind == TY_fn) {
            infer_type(in, type->result, arg->result, loc);
        }
    }
}

static void infer_array(Inference *in, const TypeExpr *type, const Ty *arg, Loc loc) {
    if (arg->kind == TY_array && arg->rank >= type->sizes.n) {
        const Ty *elem =
            arg->rank == type->sizes.n ? arg->elem : ty_drop_axes(in->c->arena, arg, type->sizes.n);
        infer_type(in, type->elem, elem, loc);
    }
}

/* The one float of the types known so far; `real` where there are none or two. */
static ScalarKind common_width(const Inference *in) {
    int kind = -1;
    for (int i = 0; i < in->fn->types.n; i++) {
        int own = in->types[i] ? ty_float_kind(in->types[i]) : -1;
        if (own == -2 || (own >= 0 && kind >= 0 && own != kind)) {
            return real_kind(in->c);
        }
        kind = own >= 0 ? own : kind;
    }
    return kind >= 0 ? (ScalarKind)kind : real_kind(in->c);
}

/* The type of a literal argument, with its literals of that width. */
static const Ty *literal_as(Checker *c, const Ty *ty, ScalarKind width) {
    if (ty->kind == TY_array) {
        return ty_array(c->arena, ty->rank, ty->dims, literal_as(c, ty->elem, width));
    }
    if (ty->kind == TY_tuple) {
        const Ty **parts = ARENA_ARRAY(c->arena, ty->n, const Ty *);
        for (int i = 0; i < ty->n; i++) {
            parts[i] = literal_as(c, ty->parts[i], width);
        }
        return ty_tuple(c->arena, ty->n, parts);
    }
    return is_literal_type(ty) ? ty_scalar(width) : ty;
}

static bool infer_rest(Inference *in, Loc use) {
    ScalarKind width = common_width(in);
    for (int i = 0; i < in->fn->types.n; i++) {
        if (!in->types[i] && in->fn->types.data[i].class == CLASS_float) {
            in->types[i] = ty_scalar(width);
            in->from[i] = use;
        } else if (!in->types[i]) {
            Diag *diag = diag_error(in->c->diags, DIAG_type_unsolved, use,
                                    "the type `%s` of `%s` is not fixed by the arguments",
                                    in->fn->types.data[i].name.atom, in->fn->name.atom);
            diag_label(in->c->diags, diag, in->fn->types.data[i].name.loc, "declared here");
            return false;
        }
    }
    return true;
}

static Inference inference(Checker *c, const FnDecl *fn, int batches) {
    Inference in = {c, fn, batches, ARENA_ARRAY(c->arena, fn->types.n, const Ty *),
                    ARENA_ARRAY(c->arena, fn->types.n, Loc)};
    return in;
}

static const Ty *unbatched(const Inference *in, const Ty *ty) {
    int n = ty->kind == TY_array && ty->rank < in->batches ? ty->rank : in->batches;
    return ty->kind == TY_array && n > 0 ? ty_drop_axes(in->c->arena, ty, n) : ty;
}

static bool is_fn_param(const FnDecl *fn, int i) {
    return fn->params.data[i]->type->kind == TE_fn;
}

/* What functions among the arguments say: only the types that lambdas write, and signatures. */
static void infer_from_fn(Inference *in, const TypeExpr *type, Expr *arg) {
    join_qualified(in->c, arg);
    if (arg->kind == E_lambda) {
        for (int k = 0; k < arg->as.lambda.types.n && k < type->parts.n; k++) {
            TypeExpr *written = arg->as.lambda.types.data[k];
            if (written) {
                infer_type(in, type->parts.data[k], resolve_type(in->c, written, SIZES_body),
                           written->loc);
            }
        }
    } else if (arg->kind == E_name && !scope_find(in->c, arg->as.name.atom)) {
        FnDecl *fn = find_fn(in->c, arg->as.name.atom);
        if (fn && !is_template(fn) && fn->sig) {
            for (int k = 0; k < fn->sig->params.n && k < type->parts.n; k++) {
                infer_type(in, type->parts.data[k], fn->sig->params.data[k].ty, arg->loc);
            }
            if (fn->sig->result) {
                infer_type(in, type->result, fn->sig->result, arg->loc);
            }
        }
    }
}

static void infer_from_args(Inference *in, const ArgList *args, int n) {
    for (int i = 0; i < n; i++) {
        if (!is_fn_param(in->fn, i)) {
            infer_type(in, in->fn->params.data[i]->type,
                       unbatched(in, expr_type(args->data[i].value)), args->data[i].value->loc);
        }
    }
    for (int i = 0; i < n; i++) {
        if (is_fn_param(in->fn, i)) {
            infer_from_fn(in, in->fn->params.data[i]->type, args->data[i].value);
        }
    }
    ScalarKind width = common_width(in);
    for (int i = 0; i < n; i++) { /* Note [Types that literals leave open] */
        const Expr *arg = args->data[i].value;
        if (!is_fn_param(in->fn, i) && is_literal_type(arg->ty)) {
            infer_type(in, in->fn->params.data[i]->type,
                       unbatched(in, literal_as(in->c, arg->ty, width)), arg->loc);
        }
    }
}

FnDecl *instance_for_args(Checker *c, FnDecl *fn, const ArgList *args, int batches, Loc use) {
    if (fn->sig_state == CHECK_failed) {
        return NULL;
    }
    Inference in = inference(c, fn, batches);
    infer_from_args(&in, args, args->n < fn->params.n ? args->n : fn->params.n);
    return infer_rest(&in, use) ? instantiate(c, fn, in.types, in.from, use) : NULL;
}

FnDecl *instance_for_type(Checker *c, FnDecl *fn, const Ty *want, bool is_result, int batches,
                          Loc use) {
    if (fn->sig_state == CHECK_failed) {
        return NULL;
    }
    Inference in = inference(c, fn, batches);
    for (int i = 0; i < want->n && i < fn->params.n; i++) {
        infer_type(&in, fn->params.data[i]->type, unbatched(&in, want->parts[i]), use);
    }
    if (is_result) {
        infer_type(&in, fn->result, want->result, use);
    }
    return infer_rest(&in, use) ? instantiate(c, fn, in.types, in.from, use) : NULL;
}

FnDecl *instance_at_real(Checker *c, FnDecl *fn, Loc use) {
    if (fn->sig_state == CHECK_failed) {
        return NULL;
    }
    const Ty **types = ARENA_ARRAY(c->arena, fn->types.n, const Ty *);
    for (int i = 0; i < fn->types.n; i++) {
        types[i] = ty_scalar(real_kind(c));
        if (fn->types.data[i].class != CLASS_float) {
            Diag *diag = diag_error(c->diags, DIAG_type_unsolved, use,
                                    "the type `%s` of `%s` is not known here",
                                    fn->types.data[i].name.atom, fn->name.atom);
            diag_label(c->diags, diag, fn->types.data[i].name.loc, "declared here");
            diag_hint(c->diags, diag,
                      "name a function that calls it with values of the type you mean");
            return NULL;
        }
    }
    return instantiate(c, fn, types, NULL, use);
}

FnDecl *template_under(Checker *c, const Expr *derivative, Expr **name, int *batches) {
    Expr *inner = derivative->as.deriv.fn;
    *batches = derivative->as.deriv.op == DERIV_batch;
    while (inner->kind == E_derivative) {
        *batches += inner->as.deriv.op == DERIV_batch;
        inner = inner->as.deriv.fn;
    }
    join_qualified(c, inner);
    if (inner->kind != E_name || scope_find(c, inner->as.name.atom)) {
        return NULL;
    }
    FnDecl *fn = find_fn(c, inner->as.name.atom);
    inner->as.name.fn = NULL; /* what an earlier look at this expression found */
    *name = inner;
    return fn && is_template(fn) ? fn : NULL;
}

/* ---- bodies of copies ---- */

/* Says which call an error in a copy is about. */
static void name_use(Checker *c, Diag *diag, const FnDecl *fn) {
    if (diag->label_count < DIAG_LABELS) {
        diag_label(c->diags, diag, fn->instance_use, "for this call of `%s`", fn->name.atom);
    } else if (source_of(&c->ctx->sources, fn->instance_use)) {
        Position at = source_position(&c->ctx->sources, fn->instance_use.begin);
        diag_note(c->diags, diag, "for the call of `%s` at %s:%u:%u", fn->name.atom, at.file,
                  at.line, at.column);
    }
}

void check_instances(Checker *c, int *done) {
    for (; *done < c->main->instances.n; (*done)++) {
        FnDecl *fn = c->main->instances.data[*done];
        int before = c->diags->items.n;
        c->module = fn->module;
        check_body(c, fn);
        check_instance_rule(c, fn);
        if (c->diags->items.n > before) {
            name_use(c, c->diags->items.data[before], fn);
        }
    }
}

/* Templates of the user's files that nothing calls are checked for `real`, where that says all. */
static void check_unused(Checker *c, const AstModule *module) {
    for (int i = 0; i < module->fns.n; i++) {
        FnDecl *fn = module->fns.data[i];
        bool simple = is_template(fn) && fn->instances.n == 0 && fn->sig_state != CHECK_failed;
        for (int k = 0; simple && k < fn->types.n; k++) {
            simple = fn->types.data[k].class == CLASS_float;
        }
        if (simple) {
            instance_at_real(c, fn, fn->name.loc);
        }
    }
}

void check_unused_templates(Checker *c) {
    for (int i = 0; i < c->main->imported.n; i++) {
        if (strncmp(c->main->imported.data[i]->path, "std/", 4) != 0) {
            check_unused(c, c->main->imported.data[i]);
        }
    }
    check_unused(c, c->main);
}
