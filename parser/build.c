/* Construction of AST nodes; see parser/build.h.
 *
 * Invariants: `depth` of a node is one more than the deepest of its children's, and at most
 * AST_MAX_DEPTH: a deeper node is reported once and replaced by an error node. Must not resolve
 * names: that is the checker's. */
#include "parser/build.h"
#include "parser/syntax.h"

#include <string.h>

const char *const reduce_names[REDUCE_COUNT] = {"sum",       "prod",   "max",    "min", "mean",
                                                "logsumexp", "argmax", "argmin", "any", "all"};
const char *const deriv_names[DERIV_COUNT] = {"grad",     "value_and_grad", "jvp",    "vjp",
                                              "jacobian", "jacfwd",         "jacrev", "hessian",
                                              "hvp",      "batch"};

const char *binary_name(BinaryOp op) {
    static const char *const names[] = {
        "||", "&&", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "@", "**"};
    return names[op];
}

/* ---- nodes and their depth ---- */

static Expr *expr_new(Builder *b, ExprKind kind, Loc loc) {
    Expr *e = ARENA_NEW(b->arena, Expr);
    e->kind = kind;
    e->loc = loc;
    e->depth = 1;
    return e;
}

static void deepen(Expr *e, const Expr *child) {
    if (child && child->depth >= e->depth) {
        e->depth = child->depth + 1;
    }
}

static void deepen_by(Expr *e, int depth) {
    if (depth >= e->depth) {
        e->depth = depth + 1;
    }
}

static void deepen_binders(Expr *e, const BinderList *binders) {
    for (int i = 0; i < binders->n; i++) {
        deepen(e, binders->data[i]->lo);
        deepen(e, binders->data[i]->hi);
    }
}

static void deepen_indices(Expr *e, const IndexList *at) {
    for (int i = 0; i < at->n; i++) {
        deepen(e, at->data[i].at);
        deepen(e, at->data[i].lo);
        deepen(e, at->data[i].hi);
    }
}

static Expr *finish(Builder *b, Expr *e) {
    if (e->depth > AST_MAX_DEPTH) {
        syntax_too_deep(b, e->loc);
        return build_error(b, e->loc);
    }
    return e;
}

Expr *build_error(Builder *b, Loc loc) {
    return expr_new(b, E_error, loc);
}

/* ---- leaves ---- */

Expr *build_int(Builder *b, Loc loc, int64_t value) {
    Expr *e = expr_new(b, E_int, loc);
    e->as.integer = value;
    return e;
}

Expr *build_float(Builder *b, Loc loc, double value) {
    Expr *e = expr_new(b, E_float, loc);
    e->as.number = value;
    return e;
}

Expr *build_bool(Builder *b, Loc loc, bool value) {
    Expr *e = expr_new(b, E_bool, loc);
    e->as.boolean = value;
    return e;
}

Expr *build_name(Builder *b, Loc loc, Atom atom) {
    Expr *e = expr_new(b, E_name, loc);
    e->as.name.atom = atom;
    vec_push(b->arena, &b->mentions, atom);
    return e;
}

/* ---- operators ---- */

Expr *build_unary(Builder *b, Loc loc, UnaryOp op, Expr *x) {
    Expr *e = expr_new(b, E_unary, loc);
    e->as.unary.op = op;
    e->as.unary.x = x;
    deepen(e, x);
    return finish(b, e);
}

static bool is_comparison(const Expr *e) {
    return e->kind == E_binary && !e->parens && e->as.binary.op >= BIN_eq &&
           e->as.binary.op <= BIN_ge;
}

Expr *build_binary(Builder *b, Loc op_loc, BinaryOp op, Expr *left, Expr *right) {
    Expr *e = expr_new(b, E_binary, loc_join(left->loc, right->loc));
    e->as.binary.op = op;
    e->as.binary.op_loc = op_loc;
    e->as.binary.a = left;
    e->as.binary.b = right;
    deepen(e, left);
    deepen(e, right);
    if (op >= BIN_eq && op <= BIN_ge && is_comparison(left)) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_cmp_chain, op_loc, "comparisons do not chain");
        diag_label(&b->ctx->diags, diag, left->as.binary.op_loc, "the first comparison");
        diag_hint(&b->ctx->diags, diag, "join two comparisons by `&&`, or write parentheses");
        return build_error(b, e->loc);
    }
    return finish(b, e);
}

Expr *build_postfix(Builder *b, Loc loc, ExprKind kind, Expr *x) {
    Expr *e = expr_new(b, kind, loc);
    e->as.unary.x = x;
    deepen(e, x);
    return finish(b, e);
}

Expr *build_parens(Builder *b, Loc loc, Expr *x) {
    (void)b;
    x->parens = true;
    x->loc = loc;
    return x;
}

/* ---- calls ---- */

static int find_word(const char *const *words, int n, Atom atom) {
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], atom) == 0) {
            return i;
        }
    }
    return -1;
}

/* grad(f), jacobian[a, b](f): a derivative operator is a name, perhaps with brackets, applied to
 * one function. A variable of that name is neither called nor indexed and then called, so nothing
 * else is lost. */
static Expr *as_derivative(Builder *b, Loc loc, const Expr *callee, const CallArgs *args) {
    const Expr *head = callee->kind == E_index ? callee->as.index.x : callee;
    if (head->kind != E_name || callee->parens) {
        return NULL;
    }
    int op = find_word(deriv_names, DERIV_COUNT, head->as.name.atom);
    if (op < 0) {
        return NULL;
    }
    Expr *e = expr_new(b, E_derivative, loc);
    e->as.deriv.op = (DerivOp)op;
    e->as.deriv.op_loc = head->loc;
    if (args->args.n != 1 || args->binders || args->args.data[0].name.atom) {
        Diag *diag =
            diag_error(&b->ctx->diags, DIAG_derivative_operand, loc,
                       "`%s` takes one function; its arguments follow in parentheses of their own",
                       deriv_names[op]);
        diag_hint(&b->ctx->diags, diag, "write `%s(f)(x)`", deriv_names[op]);
        return build_error(b, loc);
    }
    e->as.deriv.fn = args->args.data[0].value;
    deepen(e, e->as.deriv.fn);
    if (callee->kind == E_index) {
        e->as.deriv.brackets = true;
        const IndexList *at = &callee->as.index.at;
        for (int i = 0; i < at->n; i++) {
            if (at->data[i].kind != IX_at) {
                diag_error(&b->ctx->diags, DIAG_derivative_param, at->data[i].loc,
                           "the brackets of `%s` name parameters, not ranges", deriv_names[op]);
                return build_error(b, loc);
            }
            vec_push(b->arena, &e->as.deriv.chosen, at->data[i].at);
        }
    }
    return finish(b, e);
}

static Expr *build_scatter(Builder *b, Loc loc, const CallArgs *args) {
    if (!args->at || !args->binders || args->args.n != 2 || args->args.data[0].name.atom) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_bad_arguments_syntax, loc,
                                "`scatter` takes a size, and values for indices");
        diag_hint(&b->ctx->diags, diag, "write `scatter(n, idx[i] => w[i] for i)`");
        return build_error(b, loc);
    }
    Expr *e = expr_new(b, E_scatter, loc);
    e->as.scatter.shape = args->args.data[0].value;
    e->as.scatter.at = args->at;
    e->as.scatter.value = args->args.data[1].value;
    e->as.scatter.binders = *args->binders;
    deepen(e, e->as.scatter.shape);
    deepen(e, args->at);
    deepen(e, e->as.scatter.value);
    deepen_binders(e, args->binders);
    return finish(b, e);
}

static Expr *build_reduce(Builder *b, Loc loc, const Expr *callee, const CallArgs *args) {
    int kind =
        callee->kind == E_name ? find_word(reduce_names, REDUCE_COUNT, callee->as.name.atom) : -1;
    if (kind < 0) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_unknown_function, callee->loc,
                                "no reduction is called `%s`",
                                callee->kind == E_name ? callee->as.name.atom : "...");
        const char *near = callee->kind == E_name
                               ? nearest_name(callee->as.name.atom, reduce_names, REDUCE_COUNT)
                               : NULL;
        if (near) {
            diag_hint(&b->ctx->diags, diag, "did you mean `%s`?", near);
        } else {
            diag_hint(&b->ctx->diags, diag,
                      "reductions are sum prod max min mean logsumexp argmax "
                      "argmin any all; an array is written `[e for i]`");
        }
        return build_error(b, loc);
    }
    if (args->args.n != 1 || args->args.data[0].name.atom ||
        args->args.data[0].value->kind == E_lambda) {
        diag_error(&b->ctx->diags, DIAG_bad_arguments_syntax, loc,
                   "a reduction takes one expression before `for`");
        return build_error(b, loc);
    }
    Expr *e = expr_new(b, E_reduce, loc);
    e->as.reduce.name = (Name){callee->as.name.atom, callee->loc};
    e->as.reduce.kind = (ReduceKind)kind;
    e->as.reduce.body = args->args.data[0].value;
    e->as.reduce.binders = *args->binders;
    deepen(e, e->as.reduce.body);
    deepen_binders(e, args->binders);
    return finish(b, e);
}

Expr *build_call(Builder *b, Loc loc, Expr *callee, CallArgs *args) {
    if (callee->kind == E_error) {
        return build_error(b, loc);
    }
    if (args->at || (callee->kind == E_name && !callee->parens &&
                     strcmp(callee->as.name.atom, "scatter") == 0)) {
        return build_scatter(b, loc, args);
    }
    Expr *derivative = as_derivative(b, loc, callee, args);
    if (derivative) {
        return derivative;
    }
    if (args->binders) {
        return build_reduce(b, loc, callee, args);
    }
    Expr *e = expr_new(b, E_call, loc);
    e->as.call.callee = callee;
    e->as.call.args = args->args;
    deepen(e, callee);
    for (int i = 0; i < args->args.n; i++) {
        deepen(e, args->args.data[i].value);
    }
    return finish(b, e);
}

/* ---- parts and copies ---- */

Expr *build_index(Builder *b, Loc loc, Expr *x, IndexList *at) {
    Expr *e = expr_new(b, E_index, loc);
    e->as.index.x = x;
    e->as.index.at = *at;
    deepen(e, x);
    deepen_indices(e, at);
    return finish(b, e);
}

Expr *build_field(Builder *b, Loc loc, Expr *x, Name name) {
    Expr *e = expr_new(b, E_field, loc);
    e->as.field.x = x;
    e->as.field.name = name;
    deepen(e, x);
    return finish(b, e);
}

Expr *build_component(Builder *b, Loc loc, Expr *x, int64_t number, Loc number_loc) {
    Expr *e = expr_new(b, E_field, loc);
    e->as.field.x = x;
    e->as.field.name = (Name){NULL, number_loc};
    e->as.field.number = number > INT32_MAX ? INT32_MAX : (int)number;
    deepen(e, x);
    return finish(b, e);
}

Expr *build_with_index(Builder *b, Loc loc, Expr *x, IndexList *at, Expr *value) {
    Expr *e = expr_new(b, E_with, loc);
    e->as.with.x = x;
    e->as.with.at = *at;
    e->as.with.value = value;
    deepen(e, x);
    deepen(e, value);
    deepen_indices(e, at);
    return finish(b, e);
}

Expr *build_with_field(Builder *b, Loc loc, Expr *x, Name field, Expr *value) {
    Expr *e = expr_new(b, E_with, loc);
    e->as.with.x = x;
    e->as.with.field = field;
    e->as.with.value = value;
    deepen(e, x);
    deepen(e, value);
    return finish(b, e);
}

Expr *build_items(Builder *b, Loc loc, ExprKind kind, ExprList *items) {
    Expr *e = expr_new(b, kind, loc);
    e->as.items = *items;
    for (int i = 0; i < items->n; i++) {
        deepen(e, items->data[i]);
    }
    return finish(b, e);
}

Expr *build_comp(Builder *b, Loc loc, Expr *body, BinderList *binders) {
    Expr *e = expr_new(b, E_comp, loc);
    e->as.reduce.body = body;
    e->as.reduce.binders = *binders;
    deepen(e, body);
    deepen_binders(e, binders);
    return finish(b, e);
}

/* ---- blocks, branches, loops ---- */

Expr *build_block(Builder *b, Loc loc, LetList *lets, Expr *result) {
    Expr *e = expr_new(b, E_block, loc);
    e->as.block.lets = *lets;
    e->as.block.result = result;
    deepen(e, result);
    for (int i = 0; i < lets->n; i++) {
        const Let *let = lets->data[i];
        deepen(e, let->value);
        deepen_by(e, let->pattern ? let->pattern->depth : 0);
        deepen_by(e, let->type ? let->type->depth : 0);
    }
    return finish(b, e);
}

static bool lacks_value(const Builder *b, const Expr *block) {
    bool dropped = b->dropped.begin > block->loc.begin && b->dropped.end < block->loc.end;
    return block->kind == E_block && !block->as.block.result && !dropped;
}

static Loc closing_brace(const Expr *block) {
    return (Loc){block->loc.end - 1, block->loc.end};
}

static Diag *report_no_value(Builder *b, const Expr *block) {
    Diag *diag =
        diag_error(&b->ctx->diags, DIAG_no_result, closing_brace(block), "the block has no value");
    diag_hint(&b->ctx->diags, diag, "end it with an expression that no `;` follows");
    return diag;
}

Expr *build_value_block(Builder *b, Expr *block) {
    if (block->kind != E_block || block->as.block.result)
        return block;
    if (lacks_value(b, block))
        report_no_value(b, block);
    return build_error(b, block->loc);
}

static bool has_only_errors(const Expr *e) {
    while (e->kind == E_if && e->as.if_.then_->kind == E_error)
        e = e->as.if_.else_;
    return e->kind == E_error;
}

/* Branches that all lack a value are one mistake: that of who takes `if` for a statement. */
static void check_branches(Builder *b, Expr **then_, Expr **else_) {
    bool told = has_only_errors(*else_);
    if (lacks_value(b, *then_) && (told || lacks_value(b, *else_))) {
        if (!told)
            diag_label(&b->ctx->diags, report_no_value(b, *then_), closing_brace(*else_),
                       "nor has this one");
        *then_ = build_error(b, (*then_)->loc);
        *else_ = build_error(b, (*else_)->loc);
    }
    *then_ = build_value_block(b, *then_);
    *else_ = build_value_block(b, *else_);
}

Expr *build_if(Builder *b, Loc loc, Expr *cond, Expr *then_, Expr *else_) {
    check_branches(b, &then_, &else_);
    Expr *e = expr_new(b, E_if, loc);
    e->as.if_.cond = cond;
    e->as.if_.then_ = then_;
    e->as.if_.else_ = else_;
    deepen(e, cond);
    deepen(e, then_);
    deepen(e, else_);
    return finish(b, e);
}

static Expr *build_loop(Builder *b, Loc loc, LoopHead *head, Expr *body) {
    Expr *e = expr_new(b, E_loop, loc);
    e->as.loop.tuple = head->tuple;
    e->as.loop.carries = head->carries;
    e->as.loop.body = body;
    deepen(e, body);
    for (int i = 0; i < head->carries.n; i++) {
        deepen(e, head->carries.data[i]->init);
    }
    return e;
}

Expr *build_for(Builder *b, Loc loc, bool is_scan, LoopHead *head, BinderList *binders,
                Expr *body) {
    Expr *e = build_loop(b, loc, head, body);
    e->as.loop.is_scan = is_scan;
    e->as.loop.binder = binders->data[0];
    deepen_binders(e, binders);
    if (binders->n > 1) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_misplaced, binders->data[1]->name.loc,
                                "a %s counts one variable", is_scan ? "scan" : "loop");
        diag_hint(&b->ctx->diags, diag, "put a second loop into its body");
        return build_error(b, loc);
    }
    return finish(b, e);
}

Expr *build_while(Builder *b, Loc loc, LoopHead *head, Expr *cond, Expr *max_iter, Expr *body) {
    Expr *e = build_loop(b, loc, head, body);
    e->as.loop.cond = cond;
    e->as.loop.max_iter = max_iter;
    deepen(e, cond);
    deepen(e, max_iter);
    return finish(b, e);
}

Expr *build_attribute(Builder *b, Loc loc, Name name, Expr *value, Expr *loop) {
    if (loop->kind != E_loop) {
        return loop;
    }
    CheckpointKind kind = !name.atom                           ? CP_plain
                          : strcmp(name.atom, "every") == 0    ? CP_every
                          : strcmp(name.atom, "binomial") == 0 ? CP_binomial
                                                               : CP_none;
    if (kind == CP_none) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_bad_attribute, name.loc,
                                "`checkpoint` has no setting `%s`", name.atom);
        diag_hint(&b->ctx->diags, diag, "it is `every = k` or `binomial = s`");
        return loop;
    }
    loop->loc = loc_join(loc, loop->loc);
    loop->as.loop.checkpoint = kind;
    loop->as.loop.checkpoint_arg = value;
    deepen(loop, value);
    return finish(b, loop);
}

Expr *build_lambda(Builder *b, Loc loc, ParamList *params, Expr *body) {
    Expr *e = expr_new(b, E_lambda, loc);
    e->as.lambda.body = body;
    for (int i = 0; i < params->n; i++) {
        vec_push(b->arena, &e->as.lambda.names, params->data[i]->name);
        vec_push(b->arena, &e->as.lambda.types, params->data[i]->type);
        deepen_by(e, params->data[i]->type ? params->data[i]->type->depth : 0);
    }
    deepen(e, body);
    return finish(b, e);
}

Pattern *build_pattern(Builder *b, Loc loc, Name name, Pattern *parts) {
    Pattern *p = ARENA_NEW(b->arena, Pattern);
    p->loc = loc;
    p->name = name;
    p->depth = 1;
    for (int i = 0; parts && i < parts->parts.n; i++) {
        Pattern *part = parts->parts.data[i];
        vec_push(b->arena, &p->parts, part);
        if (part->depth >= p->depth) {
            p->depth = part->depth + 1;
        }
    }
    return p;
}

Let *build_let(Builder *b, Loc loc, Pattern *pattern, TypeExpr *type, Expr *value) {
    Let *let = ARENA_NEW(b->arena, Let);
    *let = (Let){loc, pattern, type, value};
    return let;
}

Binder *build_binder(Builder *b, Name name, Expr *lo, Expr *hi) {
    Binder *binder = ARENA_NEW(b->arena, Binder);
    binder->name = name;
    binder->lo = lo;
    binder->hi = hi;
    return binder;
}

/* ---- types ---- */

static TypeExpr *type_new(Builder *b, TypeExprKind kind, Loc loc) {
    TypeExpr *t = ARENA_NEW(b->arena, TypeExpr);
    t->kind = kind;
    t->loc = loc;
    t->depth = 1;
    return t;
}

static void deepen_type(TypeExpr *t, int depth) {
    if (depth >= t->depth) {
        t->depth = depth + 1;
    }
}

static TypeExpr *finish_type(Builder *b, TypeExpr *t) {
    for (int i = 0; i < t->sizes.n; i++) {
        deepen_type(t, t->sizes.data[i]->depth);
    }
    for (int i = 0; i < t->parts.n; i++) {
        deepen_type(t, t->parts.data[i]->depth);
    }
    deepen_type(t, t->elem ? t->elem->depth : 0);
    deepen_type(t, t->result ? t->result->depth : 0);
    if (t->depth > AST_MAX_DEPTH) {
        syntax_too_deep(b, t->loc);
        return type_new(b, TE_error, t->loc);
    }
    return t;
}

TypeExpr *build_type_name(Builder *b, Loc loc, Name name, ExprList *sizes) {
    TypeExpr *t = type_new(b, TE_name, loc);
    t->name = name;
    if (sizes) {
        t->sizes = *sizes;
    }
    return finish_type(b, t);
}

TypeExpr *build_type_array(Builder *b, Loc loc, ExprList *dims, TypeExpr *elem) {
    TypeExpr *t = type_new(b, TE_array, loc);
    t->sizes = *dims;
    t->elem = elem;
    return finish_type(b, t);
}

TypeExpr *build_type_tuple(Builder *b, Loc loc, TypeExprList *parts) {
    TypeExpr *t = type_new(b, TE_tuple, loc);
    t->parts = *parts;
    return finish_type(b, t);
}

TypeExpr *build_type_record(Builder *b, Loc loc, ParamList *fields) {
    TypeExpr *t = type_new(b, TE_record, loc);
    for (int i = 0; i < fields->n; i++) {
        vec_push(b->arena, &t->names, fields->data[i]->name);
        vec_push(b->arena, &t->parts, fields->data[i]->type);
    }
    return finish_type(b, t);
}

TypeExpr *build_type_fn(Builder *b, Loc loc, TypeExprList *params, TypeExpr *result) {
    TypeExpr *t = type_new(b, TE_fn, loc);
    t->parts = *params;
    t->result = result;
    return finish_type(b, t);
}

/* ---- declarations ---- */

Name build_qualified(Builder *b, Name module, Name name) {
    return (Name){atom_of(&b->ctx->atoms, arena_printf(b->arena, "%s.%s", module.atom, name.atom)),
                  loc_join(module.loc, name.loc)};
}

void build_type_param(Builder *b, Generics *generics, Name name, Name class_name) {
    TypeParam param = {name, class_name, CLASS_float};
    if (strcmp(class_name.atom, "floats") == 0) {
        param.class = CLASS_floats;
    } else if (strcmp(class_name.atom, "float") != 0) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_unknown_type, class_name.loc,
                                "no class of types is called `%s`", class_name.atom);
        diag_hint(&b->ctx->diags, diag,
                  "`%s: float` is f64 or f32, `%s: floats` anything made of them", name.atom,
                  name.atom);
    }
    vec_push(b->arena, &generics->types, param);
}

FnDecl *build_fn(Builder *b, Loc loc, FnHead *head, Expr *body) {
    FnDecl *fn = ARENA_NEW(b->arena, FnDecl);
    fn->name = head->name;
    fn->loc = loc;
    fn->module = b->module;
    fn->brackets = head->brackets;
    fn->size_names = head->size_names;
    fn->types = head->types;
    fn->params = head->params;
    fn->result = head->result;
    fn->where = head->where;
    fn->body = body;
    for (int i = 0; i < b->mentions.n; i++) {
        vec_push(b->arena, &fn->mentions, b->mentions.data[i]);
    }
    b->mentions.n = 0;
    return fn;
}

void build_type_decl(Builder *b, Loc loc, Name name, NameList *sizes, TypeExpr *type) {
    TypeDecl *decl = ARENA_NEW(b->arena, TypeDecl);
    decl->name = name;
    decl->loc = loc;
    if (sizes) {
        decl->size_names = *sizes;
    }
    decl->type = type;
    vec_push(b->arena, &b->module->types, decl);
}

void build_rule(Builder *b, Loc loc, Rule *rule) {
    rule->loc = loc;
    vec_push(b->arena, &b->module->rules, rule);
}

void build_test(Builder *b, Loc loc, Name title, Expr *body) {
    Test *test = ARENA_NEW(b->arena, Test);
    test->loc = loc;
    test->title = title;
    test->body = body;
    vec_push(b->arena, &b->module->tests, test);
}

/* The text of a declaration, without line ends, for the header. */
static const char *source_text(Builder *b, Loc loc) {
    const Source *source = source_of(&b->ctx->sources, loc);
    if (!source) {
        return "";
    }
    char *text =
        arena_strdup(b->arena, source->text + (loc.begin - source->base), loc.end - loc.begin);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20) {
            *p = ' ';
        }
    }
    return text;
}

void build_export_fn(Builder *b, Loc loc, FnDecl *fn) {
    fn->exported = true;
    ExportDecl *e = ARENA_NEW(b->arena, ExportDecl);
    e->loc = fn->name.loc;
    e->fn = build_name(b, fn->name.loc, fn->name.atom);
    Loc head = {loc.begin, fn->body ? fn->body->loc.begin : loc.end};
    char *text = arena_printf(b->arena, "%s", source_text(b, head));
    size_t n = strlen(text);
    while (n > 0 && strchr(" ={", text[n - 1])) {
        text[--n] = '\0';
    }
    e->text = text;
    vec_push(b->arena, &b->module->exports, e);
}

ExportDecl *build_export(Builder *b, Loc loc, Expr *fn, Name as) {
    ExportDecl *e = ARENA_NEW(b->arena, ExportDecl);
    e->loc = loc;
    e->fn = fn;
    e->as = as;
    e->text = b->lex->source && b->only_export == NULL && b->module == NULL
                  ? arena_printf(b->arena, "export %s", source_text(b, loc))
                  : source_text(b, loc);
    bool qualified =
        fn->kind == E_field && fn->as.field.name.atom && fn->as.field.x->kind == E_name;
    if (fn->kind != E_name && fn->kind != E_derivative && fn->kind != E_error && !qualified) {
        Diag *diag = diag_error(&b->ctx->diags, DIAG_export_function, fn->loc,
                                "only a function or a derivative of one is exported");
        diag_hint(&b->ctx->diags, diag, "write `export grad[x](f) as g;`");
        e->fn = build_error(b, fn->loc);
    }
    return e;
}
