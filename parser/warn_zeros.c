/* Whether a function's result depends on a parameter, and how: what a derivative by it would say
 * nothing about. See parser/warn.h.
 *
 * Dependence flows backwards through the tree, from the result to names, and from the name of a
 * `let` to its value. It only shrinks on the way: below an expression without floats there are
 * steps only. What a call does with an argument is what its function does with the parameter; calls
 * of what is passed, derivatives and functions with a rule may do anything. Used by warn.c. */
#include "parser/types.h"
#include "parser/visit.h"
#include "parser/warn.h"

#include <string.h>

typedef struct Wanted {
    Expr *value;
    Dependence level;
} Wanted;

typedef struct Flow {
    Context *ctx;
    PtrMap lets;         /* Local* -> the Expr* that gives its value */
    PtrMap levels;       /* Local* -> Dependence so far */
    VEC(Wanted) pending; /* values of lets: chains of them are longer than stacks */
    Dependence level;
} Flow;

static void flow(void *user, Expr *e);

static void flow_at(Flow *f, Expr *e, Dependence most) {
    Dependence outer = f->level;
    f->level = most < outer ? most : outer;
    if (f->level > DEPENDS_not)
        flow(f, e);
    f->level = outer;
}

static void flow_name(Flow *f, const Local *local) {
    Dependence before = (Dependence)(uintptr_t)ptrmap_get(&f->levels, local);
    if (before >= f->level)
        return;
    ptrmap_put(&f->levels, local, (void *)(uintptr_t)f->level);
    Expr *value = ptrmap_get(&f->lets, local);
    if (value)
        vec_push(&f->ctx->arena, &f->pending, ((Wanted){value, f->level}));
}

static void bind(Flow *f, const Pattern *pattern, Expr *value) {
    if (pattern->local)
        ptrmap_put(&f->lets, pattern->local, value);
    for (int i = 0; i < pattern->parts.n; i++)
        bind(f, pattern->parts.data[i], value);
}

/* Only what the result needs: values of lets when their names are met. */
static void flow_block(Flow *f, const Expr *e) {
    for (int i = 0; i < e->as.block.lets.n; i++)
        if (e->as.block.lets.data[i]->pattern)
            bind(f, e->as.block.lets.data[i]->pattern, e->as.block.lets.data[i]->value);
    if (e->as.block.result)
        flow(f, e->as.block.result);
}

static bool goes_in_steps(const Expr *call) {
    static const char *const steps[] = {"floor", "ceil", "round", "sign"};
    const Expr *callee = call->as.call.callee;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (call->as.call.kind == CALL_elementwise && callee && callee->kind == E_name &&
            strcmp(callee->as.name.atom, steps[i]) == 0)
            return true;
    return false;
}

static void flow_call(Flow *f, const Expr *e) {
    FnDecl *fn = e->as.call.kind == CALL_function ? e->as.call.fn : NULL;
    bool stops = e->as.call.kind == CALL_builtin && e->as.call.builtin == BI_stop;
    if (e->as.call.callee)
        flow(f, e->as.call.callee);
    for (int i = 0; i < e->as.call.args.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        bool passed = !arg->ty || arg->ty->kind == TY_fn; /* what it captures may go anywhere */
        flow_at(f, arg,
                passed             ? DEPENDS
                : fn               ? fn_dependence(f->ctx, fn, i)
                : stops            ? DEPENDS_stopped
                : goes_in_steps(e) ? DEPENDS_in_steps
                                   : DEPENDS);
    }
}

static void flow(void *user, Expr *e) {
    Flow *f = user;
    Dependence outer = f->level;
    if (e->ty && e->ty->kind != TY_fn && !ty_has_float(e->ty) && f->level > DEPENDS_in_steps)
        f->level = DEPENDS_in_steps;
    if (e->kind == E_name && e->as.name.kind == NAME_local)
        flow_name(f, e->as.name.local);
    else if (e->kind == E_block)
        flow_block(f, e);
    else if (e->kind == E_call)
        flow_call(f, e);
    else
        expr_parts(e, flow, f);
    f->level = outer;
}

Dependence fn_dependence(Context *ctx, FnDecl *fn, int k) {
    if (!fn->body || fn->rule || k >= fn->params.n || !fn->params.data[k]->local)
        return DEPENDS;
    if (!fn->dependence) {
        Flow f = {.ctx = ctx, .level = DEPENDS};
        ptrmap_init(&f.lets, &ctx->arena);
        ptrmap_init(&f.levels, &ctx->arena);
        flow(&f, fn->body);
        while (f.pending.n > 0) {
            Wanted next = f.pending.data[--f.pending.n];
            f.level = next.level;
            flow(&f, next.value);
        }
        fn->dependence = ARENA_ARRAY(&ctx->arena, fn->params.n + 1, unsigned char);
        for (int i = 0; i < fn->params.n; i++)
            fn->dependence[i] =
                (unsigned char)(uintptr_t)ptrmap_get(&f.levels, fn->params.data[i]->local);
    }
    return (Dependence)fn->dependence[k];
}
