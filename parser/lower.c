/* Lowering of functions and their rules: one IR function a function of the source, on demand,
 * callees first. See parser/lower_internal.h for the pieces; calls are lowered in
 * parser/lower_call.c. */
#include "parser/lower.h"

#include "ir/linear.h"
#include "parser/lower_internal.h"

Place low_enter(Lower *L, FnCtx *fn, Frame *frame) {
    Place place = {L->fn, L->frame, L->b};
    L->fn = fn;
    L->frame = frame;
    L->b = &fn->builder;
    return place;
}

void low_leave(Lower *L, Place place) {
    L->fn = place.fn;
    L->frame = place.frame;
    L->b = place.b;
}

bool low_takes_functions(const FnDecl *decl) {
    for (int i = 0; i < decl->sig->params.n; i++)
        if (decl->sig->params.data[i].ty->kind == TY_fn)
            return true;
    return false;
}

/* ---- functions ---- */

/* Anonymous records and tuples of parameters are C structs called after function and parameter. */
static void name_structs(Lower *L, Tree *shape, const char *name) {
    if (shape->kind == TREE_leaf)
        return;
    if (!shape->struct_name)
        shape->struct_name = atom_of(&L->ctx->atoms, name);
    for (int i = 0; i < shape->n; i++) {
        const char *part =
            shape->kind == TREE_record ? shape->names[i] : arena_printf(L->arena, "%d", i);
        name_structs(L, shape->parts[i], arena_printf(L->arena, "%s_%s", name, part));
    }
}

/* A parameter of the IR for every leaf, called after the fields on the way to it: p_W1. */
static Tree *add_leaf_params(Lower *L, const char *name, const Tree *shape) {
    Atom atom = name ? atom_of(&L->ctx->atoms, name) : NULL;
    if (shape->kind == TREE_leaf)
        return tree_value(L->arena, ir_param(L->m, L->fn->fn->func->body, shape->type, atom));
    Tree **parts = ARENA_ARRAY(L->arena, shape->n + 1, Tree *);
    for (int i = 0; i < shape->n; i++) {
        const char *part =
            shape->kind == TREE_record ? shape->names[i] : arena_printf(L->arena, "%d", i);
        parts[i] = add_leaf_params(L, arena_printf(L->arena, "%s_%s", name ? name : "arg", part),
                                   shape->parts[i]);
    }
    if (shape->kind == TREE_tuple)
        return tree_tuple(L->arena, shape->n, parts);
    return tree_record(L->arena, shape->n, parts, shape->names, shape->struct_name);
}

Tree *low_own_param(Lower *L, Atom name, Tree *shape) {
    LowFn *fn = L->fn->fn;
    name_structs(L, shape, arena_printf(L->arena, "%s_%s", fn->func->name, name ? name : "arg"));
    vec_push(L->arena, &fn->params, ((LowParam){name, shape, false}));
    return add_leaf_params(L, name, shape);
}

/* Results as C sees them: tuples fall apart, records stay. */
void low_results(Lower *L, LowFn *fn, Tree *shape) {
    if (shape->kind == TREE_tuple) {
        for (int i = 0; i < shape->n; i++)
            low_results(L, fn, shape->parts[i]);
        return;
    }
    name_structs(L, shape, arena_printf(L->arena, "%s_out", fn->func->name));
    vec_push(L->arena, &fn->results, ((LowParam){NULL, shape, false}));
}

/* New symbols for the sizes of a signature that may be lowered more than once. */
static void fresh_sizes(Lower *L, FnCtx *fn, int n, SizeSym *const *old) {
    for (int i = 0; i < n; i++) {
        SizeSym *sym = sizesym_new(&L->ctx->polys, old[i]->name, old[i]->loc);
        vec_push(L->m->arena, &fn->fn->func->sizes, sym);
        ptrmap_put(&L->sym_owner, sym, fn);
        ptrmap_put(&L->nonneg, sym, sym);
        ptrmap_put(&L->frame->syms, old[i], (void *)size_sym(&L->ctx->polys, sym));
    }
}

static void tie_sizes(Lower *L, FnCtx *fn, const Signature *sig) {
    for (int i = 0; i < sig->sizes.n; i++) {
        TiedSize tied = {i, sig->sizes.data[i].from_param};
        if (tied.param >= 0)
            vec_push(L->arena, &fn->fn->tied, tied);
    }
}

static void open_sizes(Lower *L, FnCtx *fn, const Signature *sig) {
    for (int i = 0; i < sig->sizes.n; i++) {
        SizeSym *sym = sig->sizes.data[i].sym;
        vec_push(L->m->arena, &fn->fn->func->sizes, sym);
        ptrmap_put(&L->sym_owner, sym, fn);
        ptrmap_put(&L->nonneg, sym, sym);
    }
    tie_sizes(L, fn, sig);
}

/* What the types cannot say about the arguments. */
void low_check_entry(Lower *L, const FnDecl *decl) {
    for (int i = 0; i < decl->sig->sizes.n; i++) {
        const SizeParam *size = &decl->sig->sizes.data[i];
        const Size *own = env_size(L, size_sym(&L->ctx->polys, size->sym)),
                   *is = env_size(L, size->size);
        if (own == is)
            continue;
        L->b->loc = decl->where ? decl->where->loc : size->name.loc;
        Value *same = ir_ew2(L->b, OP_eq, ir_size(L->b, own), ir_size(L->b, is));
        ir_check(
            L->b, same,
            arena_printf(L->m->arena, "the condition on size %s does not hold", size->name.atom));
    }
    if (!decl->where)
        return;
    Value *holds = lower_value(L, decl->where);
    L->b->loc = decl->where->loc;
    ir_check(L->b, holds,
             arena_printf(L->m->arena, "the condition of %s does not hold", decl->name.atom));
}

/* `args`, where not NULL, holds the functions that are given for parameters. */
static void lower_body(Lower *L, FnCtx *fn, FnDecl *decl, Tree *const *args) {
    for (int i = 0; i < decl->params.n; i++) {
        Local *local = decl->params.data[i]->local;
        Tree *param = low_own_param(L, local->name, env_shape(L, local->ty));
        env_bind(L, local, local->ty->kind == TY_fn ? args[i] : param);
    }
    low_check_entry(L, decl);
    L->b->loc = decl->body->loc;
    Tree *result = low_conform_tree(L, lower_expr(L, decl->body), env_shape(L, decl->sig->result));
    low_results(L, fn->fn, result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    fnctx_close(L, fn, result);
}

/* A C function: scalars in, one scalar out. */
static void lower_extern(Lower *L, FnCtx *fn, FnDecl *decl) {
    for (int i = 0; i < decl->params.n; i++)
        low_own_param(L, decl->params.data[i]->name.atom,
                      env_shape(L, decl->sig->params.data[i].ty));
    Func *func = fn->fn->func;
    func->is_extern = true;
    func->extern_result = env_type(L, decl->sig->result);
    fn->fn->result = tree_leaf(L->arena, func->extern_result);
    low_results(L, fn->fn, fn->fn->result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    vec_push(L->m->arena, &L->m->funcs, func);
}

LowFn *low_specialised(Lower *L, FnDecl *decl, Tree *const *args) {
    Atom name = low_unique_name(L->ctx, L->arena, &L->names, decl->name.atom);
    FnCtx *fn = fnctx_open(L, name, decl->loc, L->fn);
    Place place = low_enter(L, fn, frame_new(L));
    SizeSym **sizes = ARENA_ARRAY(L->arena, decl->sig->sizes.n + 1, SizeSym *);
    for (int i = 0; i < decl->sig->sizes.n; i++)
        sizes[i] = decl->sig->sizes.data[i].sym;
    fresh_sizes(L, fn, decl->sig->sizes.n, sizes);
    tie_sizes(L, fn, decl->sig);
    lower_body(L, fn, decl, args);
    low_leave(L, place);
    return fn->fn;
}

/* ---- derivative rules ---- */

static void bind_rule_param(Lower *L, Local *local) {
    env_bind(L, local, low_own_param(L, local->name, env_shape(L, local->ty)));
}

static Value *no_tangent(void *user, const Type *type) {
    const Lower *L = user;
    return ir_const(L->b, type, 0.0);
}

/* Integers have no tangents: in the body of the rule they are zero. */
static void bind_tangent_param(Lower *L, Local *local) {
    Tree *shape = derive_tangent(L->arena, env_shape(L, local->ty));
    TreeList leaves = {0};
    ValueList values = {0};
    tree_active_leaves(L->arena, shape, &leaves);
    for (int i = 0; i < leaves.n; i++) {
        Region *body = L->fn->fn->func->body;
        vec_push(L->arena, &values, ir_param(L->m, body, leaves.data[i]->type, local->name));
    }
    Value *const *next = values.data;
    env_bind(L, local, tree_with_values(L->arena, shape, &next, no_tangent, L));
}

static Tree *float_values(Lower *L, const Tree *tree) {
    ValueList values = {0};
    TreeList parts = {0};
    tree_values(L->arena, tree, &values);
    for (int i = 0; i < values.n; i++)
        if (type_is_float(values.data[i]->type))
            vec_push(L->arena, &parts, tree_value(L->arena, values.data[i]));
    return tree_tuple(L->arena, parts.n, parts.data);
}

/* A vjp rule that is not may still serve reverse mode, where nothing is transposed. */
static void check_linear(Lower *L, const RulePart *part, const Func *rule, int first) {
    NotLinear error;
    if (!part->is_jvp || ir_is_linear(L->m, rule, first, "tangent", &error))
        return;
    if (error.loc.begin == rule->loc.begin) /* of a parameter that is the result */
        error.loc = part->body->loc;
    Diag *diag = diag_error(&L->ctx->diags, DIAG_rule_not_linear, error.loc,
                            "a jvp rule is linear in its tangents; this is %s", error.why);
    diag_label(&L->ctx->diags, diag, part->kind.loc, "the rule");
    diag_hint(&L->ctx->diags, diag, "every term has one tangent as a factor: f'(x)*dx");
}

/* A rule is a function of f's parameters and of the tangents, or of the result and its cotangent.
 */
static Func *lower_rule_part(Lower *L, const FnDecl *decl, const RulePart *part) {
    const char *name =
        arena_printf(L->arena, "%s_%s_rule", decl->name.atom, part->is_jvp ? "jvp" : "vjp");
    FnCtx *fn = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, name), part->loc, NULL);
    Place place = low_enter(L, fn, frame_new(L));
    const Func *of = ((const LowFn *)ptrmap_get(&L->fns, decl))->func;
    fresh_sizes(L, fn, of->sizes.n, of->sizes.data);
    for (int i = 0; i < decl->rule->params.n; i++)
        bind_rule_param(L, decl->rule->params.data[i]->local);
    int first = fn->fn->func->body->params.n;
    for (int i = 0; i < part->params.n; i++) {
        if (!part->is_jvp && i == 0)
            bind_rule_param(L, part->params.data[i]->local);
        else
            bind_tangent_param(L, part->params.data[i]->local);
    }
    Tree *result = low_conform_tree(L, lower_expr(L, part->body), env_shape(L, part->ty));
    fnctx_close(L, fn, float_values(L, result));
    low_leave(L, place);
    check_linear(L, part, fn->fn->func, first);
    return fn->fn->func;
}

static void lower_rules(Lower *L, const FnDecl *decl, Func *func) {
    for (int i = 0; decl->rule && i < decl->rule->parts.n; i++) {
        const RulePart *part = decl->rule->parts.data[i];
        if (part->is_jvp)
            func->jvp_rule = lower_rule_part(L, decl, part);
        else
            func->vjp_rule = lower_rule_part(L, decl, part);
    }
}

/* The operation itself, on scalars. */
static void lower_builtin_fn(Lower *L, FnCtx *fn, const FnDecl *decl) {
    Value *in[3];
    for (int i = 0; i < decl->sig->params.n; i++) {
        const SigParam *param = &decl->sig->params.data[i];
        in[i] = low_own_param(L, param->name.atom, env_shape(L, param->ty))->value;
    }
    Tree *result = tree_value(L->arena, ir_ew(L->b, (Op)(decl->builtin - 1), in));
    low_results(L, fn->fn, result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    fnctx_close(L, fn, result);
}

const LowFn *lower_builtin_rule(Lower *L, Op op, Scalar elem) {
    for (int i = 0; i < L->builtins.n; i++) {
        FnDecl *decl = L->builtins.data[i];
        if (decl->builtin == (int)op + 1 && env_scalar(decl->sig->result->scalar) == elem &&
            source_of(&L->ctx->sources, L->b->loc) == decl->module->source)
            return lower_fn(L, decl);
    }
    return NULL;
}

LowFn *lower_fn(Lower *L, FnDecl *decl) {
    LowFn *known = ptrmap_get(&L->fns, decl);
    if (known)
        return known;
    bool is_own = decl->module == L->ast && !decl->instance_of;
    Atom name =
        is_own ? decl->name.atom : low_unique_name(L->ctx, L->arena, &L->names, decl->name.atom);
    FnCtx *fn = fnctx_open(L, name, decl->loc, NULL);
    Place place = low_enter(L, fn, frame_new(L));
    open_sizes(L, fn, decl->sig);
    if (decl->is_extern)
        lower_extern(L, fn, decl);
    else if (decl->builtin)
        lower_builtin_fn(L, fn, decl);
    else
        lower_body(L, fn, decl, NULL);
    low_leave(L, place);
    ptrmap_put(&L->fns, decl, fn->fn);
    lower_rules(L, decl, fn->fn->func);
    return fn->fn;
}

/* ---- the module ---- */

static void find_builtins(Lower *L, const AstModule *module) {
    for (int i = 0; i < module->rules.n; i++) {
        FnDecl *fn = module->rules.data[i]->fn;
        if (fn && fn->builtin)
            vec_push(L->arena, &L->builtins, fn);
    }
}

static void start(Lower *L, Context *ctx, Arena *arena, AstModule *ast, const char *name) {
    *L = (Lower){.ctx = ctx, .arena = arena, .ast = ast};
    L->m = ir_module_new(ctx, arena, name);
    ptrmap_init(&L->fns, arena);
    ptrmap_init(&L->sym_owner, arena);
    ptrmap_init(&L->nonneg, arena);
    ptrmap_init(&L->names, arena);
    for (int i = 0; i < ast->fns.n; i++)
        if (ast->fns.data[i]->types.n == 0)
            ptrmap_put(&L->names, ast->fns.data[i]->name.atom, NULL);
    for (int i = 0; i < ast->imported.n; i++)
        find_builtins(L, ast->imported.data[i]);
    find_builtins(L, ast);
}

/* Rules are checked to be linear as they are lowered, whether or not something needs them. */
static void lower_all_rules(Lower *L) {
    for (int i = 0; i < L->ast->rules.n; i++) {
        FnDecl *fn = L->ast->rules.data[i]->fn;
        if (fn && fn->types.n == 0 && !low_takes_functions(fn))
            lower_fn(L, fn);
    }
}

IrModule *lower_module(Context *ctx, Arena *arena, AstModule *ast, const char *name) {
    Lower L;
    int errors = ctx->diags.errors;
    start(&L, ctx, arena, ast, name);
    for (int i = 0; i < ast->exports.n; i++)
        lower_export(&L, ast->exports.data[i]);
    lower_all_rules(&L);
    return ctx->diags.errors == errors ? L.m : NULL;
}

/* Neither parameters nor results: what fails is a check. */
static void lower_test(Lower *L, const Test *test) {
    Atom name = low_unique_name(L->ctx, L->arena, &L->names, "test");
    FnCtx *fn = fnctx_open(L, name, test->loc, NULL);
    Place place = low_enter(L, fn, frame_new(L));
    lower_expr(L, test->body);
    fnctx_close(L, fn, tree_tuple(L->arena, 0, NULL));
    low_leave(L, place);
    Export *export = ARENA_NEW(L->m->arena, Export);
    *export =
        (Export){.name = name, .func = fn->fn->func, .loc = test->loc, .doc = test->title.atom};
    vec_push(L->m->arena, &L->m->exports, export);
}

IrModule *lower_tests(Context *ctx, Arena *arena, AstModule *ast, const char *name) {
    Lower L;
    int errors = ctx->diags.errors;
    start(&L, ctx, arena, ast, name);
    for (int i = 0; i < ast->tests.n; i++)
        lower_test(&L, ast->tests.data[i]);
    return ctx->diags.errors == errors ? L.m : NULL;
}
