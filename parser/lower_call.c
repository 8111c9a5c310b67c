/* Lowering of calls: of functions, of function values, and of derivatives.
 *
 * Functions with function parameters have no IR of their own: they are lowered in place at each
 * call, in a frame that binds the parameter to what was passed; a derivative of one makes a
 * function for what is passed there. A lambda that is differentiated, and any other function value,
 * becomes an IR function whose further parameters are what it captures. See
 * parser/lower_internal.h for the pieces. */
#include "parser/lower_internal.h"

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
    for (int pass = 0; pass <= declared; pass++) /* [n*m] may come before [n], which it needs */
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

/* A function with function parameters, lowered in place. */
static Tree *apply_in_place(Lower *L, FnDecl *decl, const Size *const *sizes, Tree *const *args) {
    Frame *caller = L->frame, *callee = frame_new(L);
    L->in_place++;
    for (int i = 0; i < decl->sig->sizes.n; i++)
        ptrmap_put(&callee->syms, decl->sig->sizes.data[i].sym, (void *)sizes[i]);
    L->frame = callee;
    for (int i = 0; i < decl->params.n; i++) {
        Local *local = decl->params.data[i]->local;
        Tree *tree = args[i]->fn ? args[i] : low_conform_tree(L, args[i], env_shape(L, local->ty));
        env_bind(L, local, tree);
    }
    low_check_entry(L, decl);
    Tree *result = low_conform_tree(L, lower_expr(L, decl->body), env_shape(L, decl->sig->result));
    L->frame = caller;
    return result;
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

static Tree *call_function(Lower *L, FnDecl *decl, const Size *const *sizes, int n,
                           Tree *const *args) {
    if (low_takes_functions(decl))
        return apply_in_place(L, decl, sizes, args);
    return lower_call(L, lower_fn(L, decl), sizes, n, args);
}

static Tree *apply_in_frame(Lower *L, Expr *e, int n, Tree *const *args) {
    if (e->kind == E_lambda)
        return apply_lambda(L, e, args);
    if (e->kind == E_name && e->as.name.kind == NAME_builtin)
        return low_elementwise(L, (Op)e->as.name.op, n, args, NULL);
    if (e->kind == E_name) {
        FnDecl *decl = e->as.name.fn;
        return call_function(L, decl, env_sizes(L, decl->sig->sizes.n, e->as.name.sizes), n, args);
    }
    const LowFn *fn = lower_fn_expr(L, e, args);
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
 * it. Functions among the parameters are those that are given. */
static LowFn *closure(Lower *L, const FnVal *value, int n, const Ty *const *types,
                      Local *const *params, Tree *const *given, Loc loc) {
    const char *name = arena_printf(L->arena, "%s_lambda", L->fn ? L->fn->fn->func->name : "top");
    FnCtx *fn = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, name), loc, L->fn);
    Place place = low_enter(L, fn, L->frame);
    Tree **args = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int i = 0; i < n; i++) {
        Atom param = params ? params[i]->name : low_atom(L->ctx, L->arena, "x%d", i);
        args[i] = low_own_param(L, param, env_shape(L, types[i]));
        args[i] = types[i]->kind == TY_fn ? given[i] : args[i];
    }
    Tree *result = lower_apply(L, value, n, args);
    low_results(L, fn->fn, result);
    low_name_results(L->ctx, L->arena, fn->fn, "out");
    fnctx_close(L, fn, result);
    low_leave(L, place);
    return fn->fn;
}

static LowFn *lambda_fn(Lower *L, Expr *e, Tree *const *given) {
    int n = e->as.lambda.names.n;
    const Ty **types = ARENA_ARRAY(L->arena, n + 1, const Ty *);
    for (int i = 0; i < n; i++)
        types[i] = e->as.lambda.params[i]->ty;
    FnVal value = {e, L->frame};
    return closure(L, &value, n, types, e->as.lambda.params, given, e->loc);
}

static bool same_derivative(const Derived *a, const Derived *b) {
    if (a->op != b->op || a->base != b->base || a->axis != b->axis || a->extent != b->extent ||
        a->n_wrt != b->n_wrt)
        return false;
    for (int i = 0; i < a->n_wrt; i++)
        if (a->wrt[i] != b->wrt[i])
            return false;
    return true;
}

static LowFn *apply_derivative(Lower *L, Expr *e, const LowFn *base) {
    static const DeriveOp ops[] = {
        [DERIV_grad] = DERIVE_grad,         [DERIV_value_and_grad] = DERIVE_value_and_grad,
        [DERIV_jvp] = DERIVE_jvp,           [DERIV_vjp] = DERIVE_vjp,
        [DERIV_jacobian] = DERIVE_jacobian, [DERIV_jacfwd] = DERIVE_jacfwd,
        [DERIV_jacrev] = DERIVE_jacrev,     [DERIV_hessian] = DERIVE_hessian,
        [DERIV_hvp] = DERIVE_hvp,           [DERIV_batch] = DERIVE_batch,
    };
    Derived entry = {e->as.deriv.op, base, e->as.deriv.n_wrt, e->as.deriv.wrt, NULL, NULL, NULL};
    if (entry.op == DERIV_batch) {
        const Expr *size = e->as.deriv.chosen.data[0];
        int64_t number;
        entry.n_wrt = 0;
        entry.axis = size->kind == E_name ? size->as.name.atom : atom_of(&L->ctx->atoms, "batch");
        if (size_is_const(e->as.deriv.batch, &number))
            entry.extent = e->as.deriv.batch;
    }
    for (int i = 0; i < L->derived.n; i++)
        if (same_derivative(&L->derived.data[i], &entry))
            return L->derived.data[i].fn;
    Deriver d = {L->ctx, L->arena, L->m, &L->names, e->loc};
    entry.fn = entry.op == DERIV_batch
                   ? derive_batch(&d, base, entry.axis, entry.extent)
                   : derive_apply(&d, ops[entry.op], base, entry.n_wrt, entry.wrt);
    vec_push(L->arena, &L->derived, entry);
    return entry.fn;
}

const LowFn *lower_exportable(Lower *L, Expr *e) {
    const LowFn *fn = lower_fn_expr(L, e, NULL);
    if (!fn->func->is_extern)
        return fn;
    FnDecl *decl = e->as.name.fn;
    int n = decl->sig->params.n;
    FnCtx *caller = fnctx_open(L, low_unique_name(L->ctx, L->arena, &L->names, decl->name.atom),
                               decl->loc, NULL);
    Place place = low_enter(L, caller, frame_new(L));
    Tree **args = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int i = 0; i < n; i++)
        args[i] = low_own_param(L, decl->sig->params.data[i].name.atom,
                                env_shape(L, decl->sig->params.data[i].ty));
    Tree *result = lower_call(L, fn, NULL, n, args);
    low_results(L, caller->fn, result);
    low_name_results(L->ctx, L->arena, caller->fn, "out");
    fnctx_close(L, caller, result);
    low_leave(L, place);
    return caller->fn;
}

LowFn *lower_fn_expr(Lower *L, Expr *e, Tree *const *given) {
    if (e->kind == E_derivative)
        return apply_derivative(L, e, lower_fn_expr(L, e->as.deriv.fn, given));
    if (e->kind == E_lambda)
        return lambda_fn(L, e, given);
    if (e->as.name.kind == NAME_function) {
        FnDecl *decl = e->as.name.fn;
        return low_takes_functions(decl) ? low_specialised(L, decl, given) : lower_fn(L, decl);
    }
    const Ty *ty = e->as.name.local->ty;
    return closure(L, env_fn(L, e->as.name.local), ty->n, ty->parts, NULL, given, e->loc);
}

/* ---- call expressions ---- */

static Tree **lower_args(Lower *L, Expr *e) {
    Tree **args = ARENA_ARRAY(L->arena, e->as.call.args.n + 1, Tree *);
    for (int i = 0; i < e->as.call.args.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        args[i] =
            arg->ty->kind == TY_fn ? tree_fn(L->arena, lower_fn_value(L, arg)) : lower_expr(L, arg);
    }
    return args;
}

Tree *lower_call_expr(Lower *L, Expr *e) {
    int n = e->as.call.args.n;
    Tree **args = lower_args(L, e);
    if (e->as.call.kind == CALL_local)
        return lower_apply(L, env_fn(L, e->as.call.local), n, args);
    if (e->as.call.kind == CALL_function) {
        FnDecl *decl = e->as.call.fn;
        return call_function(L, decl, env_sizes(L, decl->sig->sizes.n, e->as.call.sizes), n, args);
    }
    if (e->as.call.kind == CALL_lambda)
        return apply_lambda(L, e->as.call.callee, args);
    const LowFn *fn = lower_fn_expr(L, e->as.call.callee, args);
    return lower_call(L, fn, solve_sizes(L, fn, n, args), n, args);
}
