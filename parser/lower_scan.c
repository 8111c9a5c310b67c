/* A walk over the expressions of the tree, for lowering's searches before it opens a loop. Emits
 * nothing. */
#include "parser/lower_internal.h"
#include "parser/visit.h"

static void declare(const Walk *walk, Local *local) {
    if (local && walk->declare)
        walk->declare(walk->user, local);
}

static void declare_pattern(const Walk *walk, const Pattern *pattern) {
    declare(walk, pattern->local);
    for (int i = 0; i < pattern->parts.n; i++)
        declare_pattern(walk, pattern->parts.data[i]);
}

static void walk_binder(const Walk *walk, const Binder *binder) {
    ast_walk(walk, binder->lo);
    ast_walk(walk, binder->hi);
    declare(walk, binder->local);
}

static void walk_binders(const Walk *walk, const BinderList *binders) {
    for (int i = 0; i < binders->n; i++)
        walk_binder(walk, binders->data[i]);
}

static void walk_block(const Walk *walk, Expr *e) {
    for (int i = 0; i < e->as.block.lets.n; i++) {
        const Let *let = e->as.block.lets.data[i];
        ast_walk(walk, let->value);
        if (let->pattern)
            declare_pattern(walk, let->pattern);
    }
    ast_walk(walk, e->as.block.result);
}

static void walk_loop(const Walk *walk, Expr *e) {
    for (int i = 0; i < e->as.loop.carries.n; i++)
        ast_walk(walk, e->as.loop.carries.data[i]->init);
    ast_walk(walk, e->as.loop.max_iter);
    for (int i = 0; i < e->as.loop.carries.n; i++)
        declare(walk, e->as.loop.carries.data[i]->local);
    if (e->as.loop.binder)
        walk_binder(walk, e->as.loop.binder);
    ast_walk(walk, e->as.loop.cond);
    ast_walk(walk, e->as.loop.body);
}

static void walk_lambda(const Walk *walk, Expr *e) {
    for (int i = 0; e->as.lambda.params && i < e->as.lambda.names.n; i++)
        declare(walk, e->as.lambda.params[i]);
    ast_walk(walk, e->as.lambda.body);
}

static void walk_call(const Walk *walk, Expr *e) {
    if (e->as.call.kind == CALL_derivative || e->as.call.kind == CALL_lambda)
        ast_walk(walk, e->as.call.callee);
    for (int i = 0; i < e->as.call.args.n; i++)
        ast_walk(walk, e->as.call.args.data[i].value);
}

static void walk_part(void *user, Expr *e) {
    ast_walk(user, e);
}

/* Where names are declared, and without the types and callees that lowering does not open. */
static void walk_children(const Walk *walk, Expr *e) {
    Walk own = *walk;
    switch (e->kind) {
    case E_call:
        walk_call(walk, e);
        break;
    case E_reduce:
    case E_comp:
        walk_binders(walk, &e->as.reduce.binders);
        ast_walk(walk, e->as.reduce.body);
        break;
    case E_scatter:
        ast_walk(walk, e->as.scatter.shape);
        walk_binders(walk, &e->as.scatter.binders);
        ast_walk(walk, e->as.scatter.at);
        ast_walk(walk, e->as.scatter.value);
        break;
    case E_block:
        walk_block(walk, e);
        break;
    case E_loop:
        walk_loop(walk, e);
        break;
    case E_lambda:
        walk_lambda(walk, e);
        break;
    case E_derivative:
        ast_walk(walk, e->as.deriv.fn);
        break;
    default:
        expr_parts(e, walk_part, &own);
    }
}

void ast_walk(const Walk *walk, Expr *e) {
    if (e && walk->visit(walk->user, e))
        walk_children(walk, e);
}

typedef struct Mention {
    const Local *local;
    bool found;
} Mention;

static bool visit_mention(void *user, Expr *e) {
    Mention *mention = user;
    if (e->kind == E_name && e->as.name.kind == NAME_local && e->as.name.local == mention->local)
        mention->found = true;
    return !mention->found;
}

bool ast_mentions(Expr *e, const Local *local) {
    Mention mention = {local, false};
    Walk walk = {visit_mention, NULL, &mention};
    ast_walk(&walk, e);
    return mention.found;
}
