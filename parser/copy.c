/* See parser/copy.h. Recursion is bounded by AST_MAX_DEPTH. Must not be given a tree that was
 * checked: the names of a template mean different things in each of its copies. */
#include "parser/copy.h"

static Expr *copy_expr(Arena *arena, const Expr *e);

static ExprList copy_exprs(Arena *arena, const ExprList *list) {
    ExprList copy = {0};
    for (int i = 0; i < list->n; i++) {
        vec_push(arena, &copy, copy_expr(arena, list->data[i]));
    }
    return copy;
}

static TypeExpr *copy_type(Arena *arena, const TypeExpr *type) {
    if (!type) {
        return NULL;
    }
    TypeExpr *copy = ARENA_NEW(arena, TypeExpr);
    *copy = *type;
    copy->sizes = copy_exprs(arena, &type->sizes);
    copy->elem = copy_type(arena, type->elem);
    copy->parts = (TypeExprList){0};
    for (int i = 0; i < type->parts.n; i++) {
        vec_push(arena, &copy->parts, copy_type(arena, type->parts.data[i]));
    }
    copy->result = copy_type(arena, type->result);
    return copy;
}

static BinderList copy_binders(Arena *arena, const BinderList *binders) {
    BinderList copy = {0};
    for (int i = 0; i < binders->n; i++) {
        Binder *binder = ARENA_NEW(arena, Binder);
        binder->name = binders->data[i]->name;
        binder->lo = copy_expr(arena, binders->data[i]->lo);
        binder->hi = copy_expr(arena, binders->data[i]->hi);
        vec_push(arena, &copy, binder);
    }
    return copy;
}

static IndexList copy_indices(Arena *arena, const IndexList *indices) {
    IndexList copy = {0};
    for (int i = 0; i < indices->n; i++) {
        Index index = indices->data[i];
        index.at = copy_expr(arena, index.at);
        index.lo = copy_expr(arena, index.lo);
        index.hi = copy_expr(arena, index.hi);
        vec_push(arena, &copy, index);
    }
    return copy;
}

static ArgList copy_args(Arena *arena, const ArgList *args) {
    ArgList copy = {0};
    for (int i = 0; i < args->n; i++) {
        Arg arg = args->data[i];
        arg.value = copy_expr(arena, arg.value);
        vec_push(arena, &copy, arg);
    }
    return copy;
}

static Pattern *copy_pattern(Arena *arena, const Pattern *pattern) {
    if (!pattern) {
        return NULL;
    }
    Pattern *copy = ARENA_NEW(arena, Pattern);
    copy->loc = pattern->loc;
    copy->name = pattern->name;
    copy->depth = pattern->depth;
    for (int i = 0; i < pattern->parts.n; i++) {
        vec_push(arena, &copy->parts, copy_pattern(arena, pattern->parts.data[i]));
    }
    return copy;
}

static LetList copy_lets(Arena *arena, const LetList *lets) {
    LetList copy = {0};
    for (int i = 0; i < lets->n; i++) {
        Let *let = ARENA_NEW(arena, Let);
        *let = *lets->data[i];
        let->pattern = copy_pattern(arena, let->pattern);
        let->type = copy_type(arena, let->type);
        let->value = copy_expr(arena, let->value);
        vec_push(arena, &copy, let);
    }
    return copy;
}

static void copy_loop(Arena *arena, Expr *copy) {
    CarryList carries = copy->as.loop.carries;
    copy->as.loop.carries = (CarryList){0};
    for (int i = 0; i < carries.n; i++) {
        Carry *carry = ARENA_NEW(arena, Carry);
        carry->name = carries.data[i]->name;
        carry->init = copy_expr(arena, carries.data[i]->init);
        vec_push(arena, &copy->as.loop.carries, carry);
    }
    if (copy->as.loop.binder) {
        Binder *one[] = {copy->as.loop.binder};
        BinderList binders = {one, 1, 1};
        copy->as.loop.binder = copy_binders(arena, &binders).data[0];
    }
    copy->as.loop.cond = copy_expr(arena, copy->as.loop.cond);
    copy->as.loop.max_iter = copy_expr(arena, copy->as.loop.max_iter);
    copy->as.loop.body = copy_expr(arena, copy->as.loop.body);
    copy->as.loop.checkpoint_arg = copy_expr(arena, copy->as.loop.checkpoint_arg);
}

static void copy_lambda(Arena *arena, Expr *copy) {
    TypeExprList types = copy->as.lambda.types;
    copy->as.lambda.types = (TypeExprList){0};
    for (int i = 0; i < types.n; i++) {
        vec_push(arena, &copy->as.lambda.types, copy_type(arena, types.data[i]));
    }
    copy->as.lambda.body = copy_expr(arena, copy->as.lambda.body);
}

/* `copy` holds what the original held: every child is replaced by its copy. */
static void copy_children(Arena *arena, Expr *copy) {
    switch (copy->kind) {
    case E_error:
    case E_int:
    case E_float:
    case E_bool:
    case E_name:
        break;
    case E_unary:
    case E_transpose:
    case E_checkpoint:
        copy->as.unary.x = copy_expr(arena, copy->as.unary.x);
        break;
    case E_binary:
        copy->as.binary.a = copy_expr(arena, copy->as.binary.a);
        copy->as.binary.b = copy_expr(arena, copy->as.binary.b);
        break;
    case E_call:
        copy->as.call.callee = copy_expr(arena, copy->as.call.callee);
        copy->as.call.args = copy_args(arena, &copy->as.call.args);
        break;
    case E_reduce:
    case E_comp:
        copy->as.reduce.body = copy_expr(arena, copy->as.reduce.body);
        copy->as.reduce.binders = copy_binders(arena, &copy->as.reduce.binders);
        break;
    case E_scatter:
        copy->as.scatter.shape = copy_expr(arena, copy->as.scatter.shape);
        copy->as.scatter.at = copy_expr(arena, copy->as.scatter.at);
        copy->as.scatter.value = copy_expr(arena, copy->as.scatter.value);
        copy->as.scatter.binders = copy_binders(arena, &copy->as.scatter.binders);
        break;
    case E_index:
        copy->as.index.x = copy_expr(arena, copy->as.index.x);
        copy->as.index.at = copy_indices(arena, &copy->as.index.at);
        break;
    case E_field:
        copy->as.field.x = copy_expr(arena, copy->as.field.x);
        break;
    case E_with:
        copy->as.with.x = copy_expr(arena, copy->as.with.x);
        copy->as.with.at = copy_indices(arena, &copy->as.with.at);
        copy->as.with.value = copy_expr(arena, copy->as.with.value);
        break;
    case E_array:
    case E_tuple:
        copy->as.items = copy_exprs(arena, &copy->as.items);
        break;
    case E_block:
        copy->as.block.lets = copy_lets(arena, &copy->as.block.lets);
        copy->as.block.result = copy_expr(arena, copy->as.block.result);
        break;
    case E_if:
        copy->as.if_.cond = copy_expr(arena, copy->as.if_.cond);
        copy->as.if_.then_ = copy_expr(arena, copy->as.if_.then_);
        copy->as.if_.else_ = copy_expr(arena, copy->as.if_.else_);
        break;
    case E_loop:
        copy_loop(arena, copy);
        break;
    case E_lambda:
        copy_lambda(arena, copy);
        break;
    case E_derivative:
        copy->as.deriv.chosen = copy_exprs(arena, &copy->as.deriv.chosen);
        copy->as.deriv.fn = copy_expr(arena, copy->as.deriv.fn);
        break;
    }
}

static Expr *copy_expr(Arena *arena, const Expr *e) {
    if (!e) {
        return NULL;
    }
    Expr *copy = ARENA_NEW(arena, Expr);
    *copy = *e;
    copy_children(arena, copy);
    return copy;
}

static ParamList copy_params(Arena *arena, const ParamList *params) {
    ParamList copy = {0};
    for (int i = 0; i < params->n; i++) {
        AstParam *param = ARENA_NEW(arena, AstParam);
        param->name = params->data[i]->name;
        param->type = copy_type(arena, params->data[i]->type);
        vec_push(arena, &copy, param);
    }
    return copy;
}

FnDecl *copy_fn(Arena *arena, const FnDecl *fn) {
    FnDecl *copy = ARENA_NEW(arena, FnDecl);
    copy->name = fn->name;
    copy->loc = fn->loc;
    copy->module = fn->module;
    copy->is_extern = fn->is_extern;
    copy->brackets = fn->brackets;
    copy->size_names = fn->size_names;
    copy->types = fn->types;
    copy->params = copy_params(arena, &fn->params);
    copy->result = copy_type(arena, fn->result);
    copy->where = copy_expr(arena, fn->where);
    copy->body = copy_expr(arena, fn->body);
    return copy;
}

Rule *copy_rule(Arena *arena, const Rule *rule) {
    Rule *copy = ARENA_NEW(arena, Rule);
    copy->name = rule->name;
    copy->loc = rule->loc;
    copy->brackets = rule->brackets;
    copy->size_names = rule->size_names;
    copy->types = rule->types;
    copy->params = copy_params(arena, &rule->params);
    for (int i = 0; i < rule->parts.n; i++) {
        const RulePart *part = rule->parts.data[i];
        RulePart *twin = ARENA_NEW(arena, RulePart);
        twin->kind = part->kind;
        twin->loc = part->loc;
        twin->params = copy_params(arena, &part->params);
        twin->body = copy_expr(arena, part->body);
        vec_push(arena, &copy->parts, twin);
    }
    return copy;
}
