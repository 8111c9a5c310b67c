/* The expressions that an expression is made of, for analyses of the syntax tree that look at all
 * of it. See parser/visit.h. */
#include "parser/visit.h"

typedef struct Visit {
    ExprVisit *visit;
    void *user;
} Visit;

static void one(const Visit *v, Expr *e) {
    if (e)
        v->visit(v->user, e);
}

static void binders(const Visit *v, const BinderList *list) {
    for (int i = 0; i < list->n; i++) {
        one(v, list->data[i]->lo);
        one(v, list->data[i]->hi);
    }
}

static void indices(const Visit *v, const IndexList *list) {
    for (int i = 0; i < list->n; i++) {
        one(v, list->data[i].at);
        one(v, list->data[i].lo);
        one(v, list->data[i].hi);
    }
}

static void sizes_of_type(const Visit *v, const TypeExpr *type) {
    for (int i = 0; type && i < type->sizes.n; i++)
        one(v, type->sizes.data[i]);
    for (int i = 0; type && i < type->parts.n; i++)
        sizes_of_type(v, type->parts.data[i]);
    if (type && type->elem)
        sizes_of_type(v, type->elem);
}

static void block(const Visit *v, const Expr *e) {
    for (int i = 0; i < e->as.block.lets.n; i++) {
        sizes_of_type(v, e->as.block.lets.data[i]->type);
        one(v, e->as.block.lets.data[i]->value);
    }
    one(v, e->as.block.result);
}

static void loop(const Visit *v, const Expr *e) {
    for (int i = 0; i < e->as.loop.carries.n; i++)
        one(v, e->as.loop.carries.data[i]->init);
    if (e->as.loop.binder) {
        one(v, e->as.loop.binder->lo);
        one(v, e->as.loop.binder->hi);
    }
    one(v, e->as.loop.cond);
    one(v, e->as.loop.max_iter);
    one(v, e->as.loop.body);
    one(v, e->as.loop.checkpoint_arg);
}

static void list(const Visit *v, const ExprList *items) {
    for (int i = 0; i < items->n; i++)
        one(v, items->data[i]);
}

static void call(const Visit *v, const Expr *e) {
    one(v, e->as.call.callee);
    for (int i = 0; i < e->as.call.args.n; i++)
        one(v, e->as.call.args.data[i].value);
}

void expr_parts(const Expr *e, ExprVisit *visit, void *user) {
    const Visit v = {visit, user};
    switch (e->kind) {
    case E_error:
    case E_int:
    case E_float:
    case E_bool:
    case E_name:
        return;
    case E_unary:
    case E_transpose:
    case E_checkpoint:
        one(&v, e->as.unary.x);
        return;
    case E_binary:
        one(&v, e->as.binary.a);
        one(&v, e->as.binary.b);
        return;
    case E_call:
        call(&v, e);
        return;
    case E_reduce:
    case E_comp:
        binders(&v, &e->as.reduce.binders);
        one(&v, e->as.reduce.body);
        return;
    case E_scatter:
        one(&v, e->as.scatter.shape);
        binders(&v, &e->as.scatter.binders);
        one(&v, e->as.scatter.at);
        one(&v, e->as.scatter.value);
        return;
    case E_index:
        one(&v, e->as.index.x);
        indices(&v, &e->as.index.at);
        return;
    case E_field:
        one(&v, e->as.field.x);
        return;
    case E_with:
        one(&v, e->as.with.x);
        indices(&v, &e->as.with.at);
        one(&v, e->as.with.value);
        return;
    case E_array:
    case E_tuple:
        list(&v, &e->as.items);
        return;
    case E_block:
        block(&v, e);
        return;
    case E_if:
        one(&v, e->as.if_.cond);
        one(&v, e->as.if_.then_);
        one(&v, e->as.if_.else_);
        return;
    case E_loop:
        loop(&v, e);
        return;
    case E_lambda:
        for (int i = 0; i < e->as.lambda.types.n; i++)
            sizes_of_type(&v, e->as.lambda.types.data[i]);
        one(&v, e->as.lambda.body);
        return;
    case E_derivative:
        one(&v, e->as.deriv.fn);
        if (e->as.deriv.op == DERIV_batch)
            list(&v, &e->as.deriv.chosen);
        return;
    }
}
