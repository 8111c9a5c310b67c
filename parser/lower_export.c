/* Exports: the function behind each, and what C sees of it.
 *
 * A size that an i64 parameter gives is no argument of its own in C. */
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

/* ---- sizes that parameters give ---- */

static int first_leaf(const LowFn *fn, int param) {
    int at = 0;
    for (int i = 0; i < param; i++)
        at += tree_active_count(fn->params.data[i].shape);
    return at;
}

static const int *tied_sizes(Lower *L, const LowFn *fn) {
    if (fn->tied.n == 0)
        return NULL;
    int *from = ARENA_ARRAY(L->m->arena, fn->func->sizes.n, int);
    for (int i = 0; i < fn->func->sizes.n; i++)
        from[i] = -1;
    for (int i = 0; i < fn->tied.n; i++)
        from[fn->tied.data[i].size] = first_leaf(fn, fn->tied.data[i].param);
    return from;
}

void lower_export(Lower *L, ExportDecl *decl) {
    const LowFn *fn = lower_exportable(L, decl->fn);
    Export *export = ARENA_NEW(L->m->arena, Export);
    export->name = decl->c_name;
    export->func = fn->func;
    export->loc = decl->loc;
    export->doc = decl->text;
    export->size_from = tied_sizes(L, fn);
    export->n_params = describe_all(L, &fn->params, &export->params);
    export->n_results = describe_all(L, &fn->results, &export->results);
    vec_push(L->m->arena, &L->m->exports, export);
}
