/* Variables, sizes and types during lowering, see Note [Frames and functions] in
 * parser/lower_internal.h.
 *
 * Whatever is looked up here belongs to the IR function under construction when it is returned. */
#include "parser/lower_internal.h"

Frame *frame_new(Lower *L) {
    Frame *frame = ARENA_NEW(L->arena, Frame);
    ptrmap_init(&frame->trees, L->arena);
    ptrmap_init(&frame->fns, L->arena);
    ptrmap_init(&frame->syms, L->arena);
    return frame;
}

FnCtx *fnctx_open(Lower *L, Atom name, Loc loc, FnCtx *parent) {
    FnCtx *fn = ARENA_NEW(L->arena, FnCtx);
    fn->parent = parent;
    fn->fn = ARENA_NEW(L->arena, LowFn);
    fn->fn->func = ir_func_new(L->m, name, loc);
    ptrmap_init(&fn->values, L->arena);
    ptrmap_init(&fn->syms, L->arena);
    ir_builder_init(&fn->builder, L->m, fn->fn->func->body);
    fn->builder.loc = loc;
    return fn;
}

void fnctx_close(Lower *L, FnCtx *fn, Tree *result) {
    ValueList values = {0};
    tree_values(L->arena, result, &values);
    for (int i = 0; i < values.n; i++)
        ir_yield(&fn->builder, values.data[i]);
    fn->fn->result = result;
    vec_push(L->m->arena, &L->m->funcs, fn->fn->func);
}

/* ---- imports ---- */

static void own_sym(Lower *L, FnCtx *fn, SizeSym *sym, bool nonneg) {
    ptrmap_put(&L->sym_owner, sym, fn);
    sym->any_sign = sym->any_sign && !nonneg;
    if (nonneg)
        ptrmap_put(&L->nonneg, sym, sym);
}

static SizeSym *import_sym(Lower *L, FnCtx *fn, SizeSym *sym) {
    FnCtx *owner = ptrmap_get(&L->sym_owner, sym);
    if (!owner || owner == fn || !fn->parent)
        return sym;
    SizeSym *known = ptrmap_get(&fn->syms, sym);
    if (known)
        return known;
    SizeSym *outer = import_sym(L, fn->parent, sym);
    SizeSym *inner = sizesym_new(&L->ctx->polys, sym->name, sym->loc);
    inner->any_sign = outer->any_sign;
    vec_push(L->m->arena, &fn->fn->func->sizes, inner);
    vec_push(L->arena, &fn->fn->captured_sizes, size_sym(&L->ctx->polys, outer));
    own_sym(L, fn, inner, ptrmap_has(&L->nonneg, outer));
    ptrmap_put(&fn->syms, sym, inner);
    return inner;
}

typedef struct SizeLookup {
    Lower *L;
    FnCtx *fn;
} SizeLookup;

static const Size *lookup_import(void *user, SizeSym *sym) {
    SizeLookup *lookup = user;
    SizeSym *imported = import_sym(lookup->L, lookup->fn, sym);
    return imported == sym ? NULL : size_sym(&lookup->L->ctx->polys, imported);
}

const Size *env_or_overflow(Lower *L, const Size *size) {
    if (size)
        return size;
    diag_error(&L->ctx->diags, DIAG_size_overflow, L->b->loc, "this size is beyond 64 bits");
    return size_const(&L->ctx->polys, 0);
}

const Size *env_import_size(Lower *L, const Size *size) {
    SizeLookup lookup = {L, L->fn};
    return env_or_overflow(L, size_subst(&L->ctx->polys, size, lookup_import, &lookup));
}

static Value *import_value(Lower *L, FnCtx *fn, Value *value) {
    if (value->region->func == fn->fn->func || !fn->parent)
        return value;
    Value *known = ptrmap_get(&fn->values, value);
    if (known)
        return known;
    Value *outer = import_value(L, fn->parent, value);
    SizeLookup lookup = {L, fn};
    const Type *type = ir_subst_type(L->m, outer->type, lookup_import, &lookup);
    Value *inner = ir_param(L->m, fn->fn->func->body, type, value->name);
    vec_push(L->arena, &fn->fn->captured, outer);
    ptrmap_put(&fn->values, value, inner);
    return inner;
}

static Tree *import_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    return tree_value(L->arena, import_value(L, L->fn, leaf->value));
}

Tree *env_import(Lower *L, Tree *tree) {
    if (!L->fn->parent)
        return tree;
    return tree_map(L->arena, tree, import_leaf, L);
}

/* ---- variables ---- */

Tree *env_lookup(Lower *L, Local *local) {
    Tree *tree = ptrmap_get(&L->frame->trees, local);
    return tree ? env_import(L, tree) : NULL;
}

FnVal *env_fn(Lower *L, Local *local) {
    return ptrmap_get(&L->frame->fns, local);
}

/* The value as a size, where it is one without being bound. */
static const Size *known_size(Lower *L, const Value *value) {
    if (value->inst && value->inst->op == OP_size)
        return value->inst->attr.size;
    if (value->inst && value->inst->op == OP_const)
        return size_const(&L->ctx->polys, value->inst->attr.integer);
    return NULL;
}

const Size *env_value_size(Lower *L, Value *value, const char *name, bool nonneg) {
    const Size *known = known_size(L, value);
    if (known)
        return known;
    SizeSym *sym = ir_dim(L->b, value, atom_of(&L->ctx->atoms, name));
    own_sym(L, L->fn, sym, nonneg);
    return size_sym(&L->ctx->polys, sym);
}

void env_bind_sym(Lower *L, SizeSym *sym, Value *value, bool nonneg) {
    ptrmap_put(&L->frame->syms, sym,
               (void *)env_value_size(L, value, sym->name ? sym->name : "size", nonneg));
}

void env_forget(Lower *L, const Local *local) {
    ptrmap_put(&L->frame->trees, local, NULL);
    if (local->sym)
        ptrmap_put(&L->frame->syms, local->sym, NULL);
}

/* A parameter that is a size parameter as well has its symbol already. */
static bool has_size(Lower *L, const Local *local) {
    return local->kind == LOCAL_param && (ptrmap_get(&L->frame->syms, local->sym) ||
                                          ptrmap_get(&L->sym_owner, local->sym) == L->fn);
}

static bool is_nonneg_const(const Value *value) {
    return value->inst && value->inst->op == OP_const && value->inst->attr.integer >= 0;
}

/* A constant, or max(x, 0): not negative by its own form. */
static bool value_nonneg(const Value *value) {
    const Inst *inst = value->inst;
    return is_nonneg_const(value) ||
           (inst && inst->op == OP_max &&
            (is_nonneg_const(inst->in[0]) || is_nonneg_const(inst->in[1])));
}

void env_bind(Lower *L, Local *local, Tree *tree) {
    if (tree->fn) {
        ptrmap_put(&L->frame->fns, local, (void *)tree->fn);
        return;
    }
    ptrmap_put(&L->frame->trees, local, tree);
    if (local->sym && local->sym_used && tree->kind == TREE_leaf && !has_size(L, local)) {
        bool counter = local->kind == LOCAL_binder && local->binder && !local->binder->lo;
        env_bind_sym(L, local->sym, tree->value, counter || value_nonneg(tree->value));
    }
}

/* ---- sizes and types ---- */

static const Size *lookup_size(void *user, SizeSym *sym) {
    SizeLookup *lookup = user;
    return ptrmap_get(&lookup->L->frame->syms, sym);
}

const Size *env_size(Lower *L, const Size *size) {
    SizeLookup lookup = {L, L->fn};
    const Size *here = env_or_overflow(L, size_subst(&L->ctx->polys, size, lookup_size, &lookup));
    return env_import_size(L, here);
}

bool env_nonneg(Lower *L, const Size *size) {
    for (int t = 0; t < size->n; t++) {
        if (size->terms[t].coef < 0)
            return false;
        for (int s = 0; s < size->terms[t].degree; s++)
            if (!ptrmap_has(&L->nonneg, size->terms[t].syms[s]))
                return false;
    }
    return true;
}

Scalar env_scalar(ScalarKind kind) {
    static const Scalar scalars[] = {
        [SK_bool] = S_bool, [SK_i32] = S_i32,         [SK_i64] = S_i64,           [SK_f32] = S_f32,
        [SK_f64] = S_f64,   [SK_int_literal] = S_i64, [SK_float_literal] = S_f64,
    };
    return scalars[kind];
}

const Type *env_type(Lower *L, const Ty *ty) {
    if (ty->kind != TY_array)
        return ir_scalar(L->m, env_scalar(ty->scalar));
    const Size *dims[TY_MAX_RANK];
    for (int i = 0; i < ty->rank; i++)
        dims[i] = env_size(L, ty->dims[i]);
    return ir_type(L->m, env_scalar(ty->elem->scalar), ty->rank, dims);
}

typedef struct AxesContext {
    Lower *L;
    const Ty *array;
} AxesContext;

/* A leaf of the element type of an array of records, with the array's axes in front. */
static Tree *add_axes(void *user, const Tree *leaf) {
    AxesContext *context = user;
    const Type *type = leaf->type;
    for (int i = context->array->rank - 1; i >= 0; i--)
        type = ir_add_axis(context->L->m, type, env_size(context->L, context->array->dims[i]));
    return tree_leaf(context->L->arena, type);
}

Tree *env_shape(Lower *L, const Ty *ty) {
    if (ty->kind == TY_array && ty->elem->kind != TY_scalar) {
        AxesContext context = {L, ty};
        return tree_map(L->arena, env_shape(L, ty->elem), add_axes, &context);
    }
    if (ty->kind == TY_fn)
        return tree_tuple(L->arena, 0, NULL);
    if (ty->kind != TY_tuple && ty->kind != TY_record)
        return tree_leaf(L->arena, env_type(L, ty));
    Tree **parts = ARENA_ARRAY(L->arena, ty->n + 1, Tree *);
    for (int i = 0; i < ty->n; i++)
        parts[i] = env_shape(L, ty->parts[i]);
    if (ty->kind == TY_tuple)
        return tree_tuple(L->arena, ty->n, parts);
    return tree_record(L->arena, ty->n, parts, ty->names, ty->decl ? ty->decl->name.atom : NULL);
}
