/* Lowering of functions and calls: one IR function a function of the source, on demand, callees
 * first.
 *
 * Functions with function parameters have no IR of their own: they are lowered in place at each
 * call, in a frame that binds the parameter to what was passed. A lambda that is differentiated,
 * and any other function value, becomes an IR function whose further parameters are what it
 * captures. See parser/lower_internal.h for the pieces. */
#include "parser/lower.h"

#include "ir/linear.h"
#include "parser/lower_internal.h"

/* What is set aside while another function is lowered. */
typedef struct Place {
    FnCtx *fn;
    Frame *frame;
    IrBuilder *b;
} Place;

static Place enter(Lower *L, FnCtx *fn, Frame *frame) {
    Place place = {L->fn, L->frame, L->b};
    L->fn = fn;
    L->frame = frame;
    L->b = &fn->builder;
    return place;
}

static void leave(Lower *L, Place place) {
    L->fn = place.fn;
    L->frame = place.frame;
    L->b = place.b;
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

static Tree *add_own_param(Lower *L, Atom name, Tree *shape) {
    LowFn *fn = L->fn->fn;
    name_structs(L, shape, arena_printf(L->arena, "%s_%s", fn->func->name, name ? name : "arg"));
    vec_push(L->arena, &fn->params, ((LowParam){name, shape, false}));
    return add_leaf_params(L, name, shape);
}

/* Results as C sees them: tuples fall apart, records stay. */
static void add_results(Lower *L, LowFn *fn, Tree *shape) {
    if (shape->kind == TREE_tuple) {
        for (int i = 0; i < shape->n; i++)
            add_results(L, fn, shape->parts[i]);
        return;
    }
    name_structs(L, shape, arena_printf(L->arena, "%s_out", fn->func->name));
    vec_push(L->arena, &fn->results, ((LowParam){NULL, shape, false}));
}

static void open_sizes(Lower *L, FnCtx *fn, const Signature *sig) {
    for (int i = 0; i < sig->sizes.n; i++) {
        const SizeParam *size = &sig->sizes.data[i];
        vec_push(L->m->arena, &fn->fn->func->sizes, size->sym);
        ptrmap_put(&L->sym_owner, size->sym, fn);
        ptrmap_put(&L->nonneg, size->sym, size->sym);
        if (size->from_param >= 0) {
            TiedSize tied = {i, size->from_param};
            vec_push(L->arena, &fn->fn->tied, tied);
        }
    }
}

/* What the types cannot say about the arguments. */
static void check_entry(Lower *L, const FnDecl *decl) {
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

static void lower_body(Lower *L, FnCtx *fn, FnDecl *decl) {
    for (int i = 0; i < decl->params.n; i++) {
        Local *local = decl->params.data[i]->local;
        env_bind(L, local, add_own_param(L, local->name, env_shape(L, local->ty)));
    }
    check_entry(L, decl);
    L->b->loc = decl->body->loc;
    Tree *result = low_conform_tree(L, lower_expr(L, decl->body), env_shape(L, decl->sig->result));
    add_results(L, fn->fn, result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    fnctx_close(L, fn, result);
}

/* A C function: scalars in, one scalar out. */
static void lower_extern(Lower *L, FnCtx *fn, FnDecl *decl) {
    for (int i = 0; i < decl->params.n; i++)
        add_own_param(L, decl->params.data[i]->name.atom,
                      env_shape(L, decl->sig->params.data[i].ty));
    Func *func = fn->fn->func;
    func->is_extern = true;
    func->extern_result = env_type(L, decl->sig->result);
    fn->fn->result = tree_leaf(L->arena, func->extern_result);
    add_results(L, fn->fn, fn->fn->result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    vec_push(L->m->arena, &L->m->funcs, func);
}

/* ---- derivative rules ---- */

static void bind_rule_param(Lower *L, Local *local) {
    env_bind(L, local, add_own_param(L, local->name, env_shape(L, local->ty)));
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
    Place place = enter(L, fn, frame_new(L));
    const Func *of = ((const LowFn *)ptrmap_get(&L->fns, decl))->func;
    for (int i = 0; i < of->sizes.n; i++) {
        SizeSym *sym = sizesym_new(&L->ctx->polys, of->sizes.data[i]->name, of->sizes.data[i]->loc);
        vec_push(L->m->arena, &fn->fn->func->sizes, sym);
        ptrmap_put(&L->sym_owner, sym, fn);
        ptrmap_put(&L->nonneg, sym, sym);
        ptrmap_put(&L->frame->syms, of->sizes.data[i], (void *)size_sym(&L->ctx->polys, sym));
    }
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
    leave(L, place);
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
        in[i] = add_own_param(L, param->name.atom, env_shape(L, param->ty))->value;
    }
    Tree *result = tree_value(L->arena, ir_ew(L->b, (Op)(decl->builtin - 1), in));
    add_results(L, fn->fn, result);
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
    Place place = enter(L, fn, frame_new(L));
    open_sizes(L, fn, decl->sig);
    if (decl->is_extern)
        lower_extern(L, fn, decl);
    else if (decl->builtin)
        lower_builtin_fn(L, fn, decl);
    else
        lower_body(L, fn, decl);
    leave(L, place);
    ptrmap_put(&L->fns, decl, fn->fn);
    lower_rules(L, decl, fn->fn->func);
    return fn->fn;
}

/* ---- calls ---- */

typedef struct SizeArgs {
    const Func *func;
    const Size *const *sizes;
} SizeArgs;

static const Size *lookup_arg(void *user, SizeSym *sym) {
    const SizeArgs *args = user;
    for (int i = 0; i < args->func->sizes.n; i++)
        if (args->func->sizes.data[i] == sym)
            return args->sizes[i];
    return NULL;
}

static const Size *const *all_sizes(Lower *L, const LowFn *fn, const Size *const *sizes) {
    int n = fn->func->sizes.n, declared = n - fn->captured_sizes.n;
    const Size **all = ARENA_ARRAY(L->m->arena, n + 1, const Size *);
    for (int i = 0; i < n; i++)
        all[i] =
            i < declared ? sizes[i] : env_import_size(L, fn->captured_sizes.data[i - declared]);
    return all;
}

static void push_captured(Lower *L, const LowFn *fn, ValueList *args) {
    for (int i = 0; i < fn->captured.n; i++)
        vec_push(L->arena, args, env_import(L, tree_value(L->arena, fn->captured.data[i]))->value);
}

typedef struct FillContext {
    Lower *L;
    SizeArgs sizes;
} FillContext;

static Value *fill_zero(void *user, const Type *type) {
    FillContext *fill = user;
    return ir_const(fill->L->b, ir_subst_type(fill->L->m, type, lookup_arg, &fill->sizes), 0.0);
}

Tree *lower_call(Lower *L, const LowFn *fn, const Size *const *sizes, int n, Tree *const *args) {
    FillContext fill = {L, {fn->func, all_sizes(L, fn, sizes)}};
    ValueList values = {0};
    for (int i = 0; i < n; i++) {
        TreeList given = {0}, wanted = {0};
        tree_leaves(L->arena, args[i], &given);
        tree_leaves(L->arena, fn->params.data[i].shape, &wanted);
        for (int k = 0; k < wanted.n; k++) {
            const Type *type = ir_subst_type(L->m, wanted.data[k]->type, lookup_arg, &fill.sizes);
            if (!wanted.data[k]->inactive)
                vec_push(L->arena, &values, low_conform(L, given.data[k]->value, type));
        }
    }
    push_captured(L, fn, &values);
    Inst *call = ir_call(L->b, fn->func, fill.sizes.sizes, values.n, values.data);
    Value *const *next = call->out;
    return tree_with_values(L->arena, fn->result, &next, fill_zero, &fill);
}

/* ---- sizes of calls whose signature the checker did not keep: solved from the arguments ---- */

typedef struct Unknowns {
    const LowFn *fn;
    const Size **sizes;
} Unknowns;

static const Size *lookup_known(void *user, SizeSym *sym) {
    const Unknowns *unknowns = user;
    for (int i = 0; i < unknowns->fn->func->sizes.n; i++)
        if (unknowns->fn->func->sizes.data[i] == sym)
            return unknowns->sizes[i];
    return NULL;
}

static bool is_unknown(void *user, SizeSym *sym) {
    const Unknowns *unknowns = user;
    for (int i = 0; i < unknowns->fn->func->sizes.n; i++)
        if (unknowns->fn->func->sizes.data[i] == sym)
            return unknowns->sizes[i] == NULL;
    return false;
}

static void solve_dim(Lower *L, Unknowns *unknowns, const Size *wanted, const Size *given) {
    wanted = size_subst(&L->ctx->polys, wanted, lookup_known, unknowns);
    if (!wanted)
        return;
    const Size *solution;
    SizeSym *sym = size_solve(&L->ctx->polys, wanted, given, is_unknown, unknowns, &solution);
    for (int i = 0; sym && i < unknowns->fn->func->sizes.n; i++)
        if (unknowns->fn->func->sizes.data[i] == sym)
            unknowns->sizes[i] = solution;
}

static void solve_param(Lower *L, Unknowns *unknowns, Tree *shape, Tree *arg) {
    TreeList given = {0}, wanted = {0};
    tree_leaves(L->arena, arg, &given);
    tree_leaves(L->arena, shape, &wanted);
    for (int k = 0; k < wanted.n; k++)
        for (int a = 0; a < wanted.data[k]->type->rank; a++)
            solve_dim(L, unknowns, wanted.data[k]->type->dims[a], given.data[k]->type->dims[a]);
}

static const Size *const *solve_sizes(Lower *L, const LowFn *fn, int n, Tree *const *args) {
    int declared = fn->func->sizes.n - fn->captured_sizes.n;
    Unknowns unknowns = {fn, ARENA_ARRAY(L->arena, fn->func->sizes.n + 1, const Size *)};
    for (int i = declared; i < fn->func->sizes.n; i++)
        unknowns.sizes[i] = env_import_size(L, fn->captured_sizes.data[i - declared]);
    for (int i = 0; i < n; i++)
        solve_param(L, &unknowns, fn->params.data[i].shape, args[i]);
    for (int i = 0; i < fn->tied.n; i++) {
        const TiedSize tied = fn->tied.data[i];
        if (unknowns.sizes[tied.size])
            continue;
        Atom name = fn->func->sizes.data[tied.size]->name;
        unknowns.sizes[tied.size] = env_value_size(L, args[tied.param]->value, name, false);
    }
    for (int i = 0; i < declared; i++)
        if (!unknowns.sizes[i])
            unknowns.sizes[i] = size_const(&L->ctx->polys, 0);
    return unknowns.sizes;
}

/* ---- functions as values ---- */

FnVal *lower_fn_value(Lower *L, Expr *e) {
    if (e->kind == E_name && e->as.name.kind == NAME_local)
        return env_fn(L, e->as.name.local);
    FnVal *fn = ARENA_NEW(L->arena, FnVal);
    *fn = (FnVal){e, L->frame};
    return fn;
}

static const Size *const *env_sizes(Lower *L, int n, const Size *const *sizes) {
    const Size **here = ARENA_ARRAY(L->arena, n + 1, const Size *);
    for (int i = 0; i < n; i++)
        here[i] = env_size(L, sizes[i]);
    return here;
}

static Tree *apply_lambda(Lower *L, Expr *lambda, Tree *const *args) {
    L->in_place++;
    for (int i = 0; i < lambda->as.lambda.names.n; i++) {
        Local *param = lambda->as.lambda.params[i];
        env_forget(L, param);
        env_bind(L, param, args[i]);
    }
    return lower_expr(L, lambda->as.lambda.body);
}

static Tree *apply_in_frame(Lower *L, Expr *e, int n, Tree *const *args) {
    if (e->kind == E_lambda)
        return apply_lambda(L, e, args);
    if (e->kind == E_name && e->as.name.kind == NAME_builtin)
        return low_elementwise(L, (Op)e->as.name.op, n, args, NULL);
    if (e->kind == E_name) {
        FnDecl *decl = e->as.name.fn;
        const Size *const *sizes = env_sizes(L, decl->sig->sizes.n, e->as.name.sizes);
        return lower_call(L, lower_fn(L, decl), sizes, n, args);
    }
    const LowFn *fn = lower_fn_expr(L, e);
    return lower_call(L, fn, solve_sizes(L, fn, n, args), n, args);
}

Tree *lower_apply(Lower *L, const FnVal *fn, int n, Tree *const *args) {
    Frame *frame = L->frame;
    Loc loc = L->b->loc;
    L->frame = fn->frame;
    Tree *result = apply_in_frame(L, fn->expr, n, args);
    L->frame = frame;
    L->b->loc = loc;
    return result;
}

/* An IR function of a function value whose parameters have these types, in order to differentiate
 * it. */
static LowFn *closure(Lower *L, const FnVal *value, int n, const Ty *const *types,
                      Local *const *params, Loc loc) {
    const char *name = arena_printf(L->arena, "%s_lambda", L->fn ? L->fn->fn->func->name : "top");
    FnCtx *fn = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, name), loc, L->fn);
    Place place = enter(L, fn, L->frame);
    Tree **args = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int i = 0; i < n; i++)
        args[i] = add_own_param(L, params ? params[i]->name : low_atom(L->ctx, L->arena, "x%d", i),
                                env_shape(L, types[i]));
    Tree *result = lower_apply(L, value, n, args);
    add_results(L, fn->fn, result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    fnctx_close(L, fn, result);
    leave(L, place);
    return fn->fn;
}

static LowFn *lambda_fn(Lower *L, Expr *e) {
    int n = e->as.lambda.names.n;
    const Ty **types = ARENA_ARRAY(L->arena, n + 1, const Ty *);
    for (int i = 0; i < n; i++)
        types[i] = e->as.lambda.params[i]->ty;
    FnVal value = {e, L->frame};
    return closure(L, &value, n, types, e->as.lambda.params, e->loc);
}

static bool same_wrt(const Derived *a, int n, const int *wrt) {
    for (int i = 0; i < n; i++)
        if (a->wrt[i] != wrt[i])
            return false;
    return a->n_wrt == n;
}

static LowFn *apply_derivative(Lower *L, Expr *e, const LowFn *base) {
    static const DeriveOp ops[] = {
        [DERIV_grad] = DERIVE_grad,         [DERIV_value_and_grad] = DERIVE_value_and_grad,
        [DERIV_jvp] = DERIVE_jvp,           [DERIV_vjp] = DERIVE_vjp,
        [DERIV_jacobian] = DERIVE_jacobian, [DERIV_jacfwd] = DERIVE_jacfwd,
        [DERIV_jacrev] = DERIVE_jacrev,     [DERIV_hessian] = DERIVE_hessian,
        [DERIV_hvp] = DERIVE_hvp,           [DERIV_batch] = DERIVE_batch,
    };
    DerivOp op = e->as.deriv.op;
    int n = op == DERIV_batch ? 0 : e->as.deriv.n_wrt;
    for (int i = 0; i < L->derived.n; i++) {
        const Derived *known = &L->derived.data[i];
        if (known->op == op && known->base == base && same_wrt(known, n, e->as.deriv.wrt))
            return known->fn;
    }
    Deriver d = {L->ctx, L->arena, L->m, &L->names, e->loc};
    Atom axis = atom_of(&L->ctx->atoms, "batch");
    if (op == DERIV_batch && e->as.deriv.chosen.n > 0 && e->as.deriv.chosen.data[0]->kind == E_name)
        axis = e->as.deriv.chosen.data[0]->as.name.atom;
    LowFn *fn = op == DERIV_batch ? derive_batch(&d, base, axis)
                                  : derive_apply(&d, ops[op], base, n, e->as.deriv.wrt);
    Derived entry = {op, base, n, e->as.deriv.wrt, fn};
    vec_push(L->arena, &L->derived, entry);
    return fn;
}

const LowFn *lower_exportable(Lower *L, Expr *e) {
    const LowFn *fn = lower_fn_expr(L, e);
    if (!fn->func->is_extern)
        return fn;
    FnDecl *decl = e->as.name.fn;
    int n = decl->sig->params.n;
    FnCtx *caller = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, decl->name.atom),
                               decl->loc, NULL);
    Place place = enter(L, caller, frame_new(L));
    Tree **args = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int i = 0; i < n; i++)
        args[i] = add_own_param(L, decl->sig->params.data[i].name.atom,
                                env_shape(L, decl->sig->params.data[i].ty));
    Tree *result = lower_call(L, fn, NULL, n, args);
    add_results(L, caller->fn, result);
    low_name_results(L->ctx, L->arena, caller->fn, "out");
    fnctx_close(L, caller, result);
    leave(L, place);
    return caller->fn;
}

LowFn *lower_fn_expr(Lower *L, Expr *e) {
    if (e->kind == E_derivative)
        return apply_derivative(L, e, lower_fn_expr(L, e->as.deriv.fn));
    if (e->kind == E_lambda)
        return lambda_fn(L, e);
    if (e->as.name.kind == NAME_function)
        return lower_fn(L, e->as.name.fn);
    const Ty *ty = e->as.name.local->ty;
    return closure(L, env_fn(L, e->as.name.local), ty->n, ty->parts, NULL, e->loc);
}

/* ---- call expressions ---- */

static bool takes_functions(const FnDecl *decl) {
    for (int i = 0; i < decl->sig->params.n; i++)
        if (decl->sig->params.data[i].ty->kind == TY_fn)
            return true;
    return false;
}

static Tree **lower_args(Lower *L, Expr *e) {
    Tree **args = ARENA_ARRAY(L->arena, e->as.call.args.n + 1, Tree *);
    for (int i = 0; i < e->as.call.args.n; i++)
        args[i] = lower_expr(L, e->as.call.args.data[i].value);
    return args;
}

/* A function with function parameters, lowered in place. */
static Tree *lower_specialised(Lower *L, Expr *e) {
    FnDecl *decl = e->as.call.fn;
    Frame *callee = frame_new(L);
    L->in_place++;
    for (int i = 0; i < decl->params.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        if (decl->sig->params.data[i].ty->kind == TY_fn)
            ptrmap_put(&callee->fns, decl->params.data[i]->local, lower_fn_value(L, arg));
        else
            ptrmap_put(&callee->trees, decl->params.data[i]->local, lower_expr(L, arg));
    }
    for (int i = 0; i < decl->sig->sizes.n; i++)
        ptrmap_put(&callee->syms, decl->sig->sizes.data[i].sym,
                   (void *)env_size(L, e->as.call.sizes[i]));

    Frame *caller = L->frame;
    L->frame = callee;
    for (int i = 0; i < decl->params.n; i++) {
        Local *local = decl->params.data[i]->local;
        Tree *tree = ptrmap_get(&callee->trees, local);
        if (tree)
            env_bind(L, local, low_conform_tree(L, tree, env_shape(L, local->ty)));
    }
    check_entry(L, decl);
    Tree *result = low_conform_tree(L, lower_expr(L, decl->body), env_shape(L, decl->sig->result));
    L->frame = caller;
    return result;
}

Tree *lower_call_expr(Lower *L, Expr *e) {
    int n = e->as.call.args.n;
    if (e->as.call.kind == CALL_function && takes_functions(e->as.call.fn))
        return lower_specialised(L, e);
    Tree **args = lower_args(L, e);
    if (e->as.call.kind == CALL_local)
        return lower_apply(L, env_fn(L, e->as.call.local), n, args);
    if (e->as.call.kind == CALL_function) {
        const LowFn *fn = lower_fn(L, e->as.call.fn);
        return lower_call(L, fn, env_sizes(L, e->as.call.fn->sig->sizes.n, e->as.call.sizes), n,
                          args);
    }
    if (e->as.call.kind == CALL_lambda)
        return apply_lambda(L, e->as.call.callee, args);
    const LowFn *fn = lower_fn_expr(L, e->as.call.callee);
    return lower_call(L, fn, solve_sizes(L, fn, n, args), n, args);
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
        if (fn && fn->types.n == 0 && !takes_functions(fn))
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
    Place place = enter(L, fn, frame_new(L));
    lower_expr(L, test->body);
    fnctx_close(L, fn, tree_tuple(L->arena, 0, NULL));
    leave(L, place);
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
