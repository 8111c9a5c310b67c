/* Exports: the function behind each, and what C sees of it.
 *
 * A size that an i64 parameter gives is no argument in C: then a function is put in front that
 * binds it. */
#include "parser/lower_internal.h"

/* ---- descriptors ---- */

static void describe(Lower *L, const LowParam *from, Param *to);

static Param *describe_fields(Lower *L, const Tree *shape) {
    Param *fields = ARENA_ARRAY(L->m->arena, shape->n + 1, Param);
    for (int i = 0; i < shape->n; i++) {
        Atom name =
            shape->kind == TREE_record ? shape->names[i] : low_atom(L->ctx, L->arena, "%d", i);
        LowParam field = {name, shape->parts[i], false};
        describe(L, &field, &fields[i]);
    }
    return fields;
}

static void describe(Lower *L, const LowParam *from, Param *to) {
    *to = (Param){.name = from->name};
    if (from->shape->kind == TREE_leaf) {
        to->type = from->shape->type;
        to->inactive = from->shape->inactive;
        return;
    }
    to->is_record = true;
    to->struct_name = from->shape->struct_name;
    to->n_fields = from->shape->n;
    to->fields = describe_fields(L, from->shape);
}

static void flatten(Lower *L, Atom stem, Tree *shape, int *count, LowParamList *out) {
    for (int i = 0; shape->kind == TREE_tuple && i < shape->n; i++)
        flatten(L, stem, shape->parts[i], count, out);
    if (shape->kind == TREE_tuple)
        return;
    LowParam part = {low_atom(L->ctx, L->arena, "%s%d", stem, (*count)++), shape, false};
    vec_push(L->arena, out, part);
}

/* A parameter or result without any active leaf does not exist in C. */
static int describe_all(Lower *L, const LowParamList *from, Param **to) {
    LowParamList all = {0};
    for (int i = 0; i < from->n; i++) {
        int count = 0;
        if (from->data[i].flat && from->data[i].shape->kind == TREE_tuple)
            flatten(L, from->data[i].name, from->data[i].shape, &count, &all);
        else
            vec_push(L->arena, &all, from->data[i]);
    }
    int n = 0;
    *to = ARENA_ARRAY(L->m->arena, all.n + 1, Param);
    for (int i = 0; i < all.n; i++)
        if (tree_active_count(all.data[i].shape) > 0)
            describe(L, &all.data[i], &(*to)[n++]);
    return n;
}

/* ---- the function in front of one with tied sizes ---- */

typedef struct SizeArgs {
    const Func *func;
    const Size **sizes;
} SizeArgs;

static const Size *lookup_size(void *user, SizeSym *sym) {
    const SizeArgs *args = user;
    for (int i = 0; i < args->func->sizes.n; i++)
        if (args->func->sizes.data[i] == sym)
            return args->sizes[i];
    return NULL;
}

static bool is_tied(const LowFn *fn, int size) {
    for (int i = 0; i < fn->tied.n; i++)
        if (fn->tied.data[i].size == size)
            return true;
    return false;
}

typedef struct ShapeContext {
    Lower *L;
    SizeArgs sizes;
} ShapeContext;

static Tree *subst_leaf(void *user, const Tree *leaf) {
    ShapeContext *context = user;
    Lower *L = context->L;
    Tree *result =
        tree_leaf(L->arena, ir_subst_type(L->m, leaf->type, lookup_size, &context->sizes));
    result->inactive = leaf->inactive;
    return result;
}

static LowParamList subst_params(ShapeContext *context, const LowParamList *from) {
    LowParamList to = {0};
    for (int i = 0; i < from->n; i++) {
        LowParam param = {from->data[i].name,
                          tree_map(context->L->arena, from->data[i].shape, subst_leaf, context),
                          from->data[i].flat};
        vec_push(context->L->arena, &to, param);
    }
    return to;
}

/* The sizes that C passes are the new function's own. */
static void own_sizes(Lower *L, const LowFn *fn, FnCtx *front, const Size **sizes) {
    for (int i = 0; i < fn->func->sizes.n; i++) {
        if (is_tied(fn, i))
            continue;
        const SizeSym *old = fn->func->sizes.data[i];
        SizeSym *sym = sizesym_new(&L->ctx->polys, old->name, old->loc);
        vec_push(L->m->arena, &front->fn->func->sizes, sym);
        sizes[i] = size_sym(&L->ctx->polys, sym);
    }
}

/* Parameters are made in order; a tied size is bound as soon as its parameter is there, and no
 * parameter that mentions it may come before. */
static void bind_tied(Lower *L, const LowFn *fn, int param, Value *value, const Size **sizes,
                      Loc loc) {
    for (int i = 0; i < fn->tied.n; i++) {
        if (fn->tied.data[i].param != param)
            continue;
        low_check_size(L, value, loc);
        sizes[fn->tied.data[i].size] =
            env_value_size(L, value, fn->func->sizes.data[fn->tied.data[i].size]->name, false);
    }
}

/* A host could not pass such an array: its size would be known only after the parameters. */
static bool mentions_tied(const LowFn *fn, const Type *type) {
    for (int i = 0; i < fn->tied.n; i++)
        for (int k = 0; k < type->rank; k++)
            if (size_mentions(type->dims[k], fn->func->sizes.data[fn->tied.data[i].size]))
                return true;
    return false;
}

static LowFn *front_function(Lower *L, const LowFn *fn, Loc loc) {
    const char *name = arena_printf(L->arena, "%s_export", fn->func->name);
    FnCtx *front = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, name), loc, NULL);
    const Size **sizes = ARENA_ARRAY(L->m->arena, fn->func->sizes.n + 1, const Size *);
    ShapeContext context = {L, {fn->func, sizes}};
    L->fn = front;
    L->b = &front->builder;
    own_sizes(L, fn, front, sizes);
    ValueList args = {0};
    for (int i = 0; i < fn->params.n; i++) {
        TreeList leaves = {0};
        tree_active_leaves(L->arena, fn->params.data[i].shape, &leaves);
        for (int k = 0; k < leaves.n; k++) {
            if (mentions_tied(fn, leaves.data[k]->type))
                lower_unsupported(L, loc, "an argument whose size another argument gives");
            const Type *type =
                ir_subst_type(L->m, leaves.data[k]->type, lookup_size, &context.sizes);
            vec_push(L->arena, &args,
                     ir_param(L->m, front->fn->func->body, type, fn->params.data[i].name));
        }
        if (leaves.n == 1)
            bind_tied(L, fn, i, args.data[args.n - 1], sizes, loc);
    }
    Inst *call = ir_call(L->b, fn->func, sizes, args.n, args.data);
    for (int i = 0; i < call->n_out; i++)
        ir_yield(L->b, call->out[i]);
    front->fn->params = subst_params(&context, &fn->params);
    front->fn->results = subst_params(&context, &fn->results);
    vec_push(L->m->arena, &L->m->funcs, front->fn->func);
    L->fn = NULL;
    L->b = NULL;
    return front->fn;
}

void lower_export(Lower *L, ExportDecl *decl) {
    const LowFn *fn = lower_fn_expr(L, decl->fn);
    if (fn->tied.n > 0)
        fn = front_function(L, fn, decl->loc);
    Export *export = ARENA_NEW(L->m->arena, Export);
    export->name = decl->c_name;
    export->func = fn->func;
    export->loc = decl->loc;
    export->doc = decl->text;
    export->n_params = describe_all(L, &fn->params, &export->params);
    export->n_results = describe_all(L, &fn->results, &export->results);
    vec_push(L->m->arena, &L->m->exports, export);
}
