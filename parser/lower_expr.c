/* Lowering of expressions to trees of values: names, operators, records, blocks and branches.
 * Loops, indices and builtins have files of their own.
 *
 * Every instruction gets the location of the expression it is part of: L->b->loc is that of the
 * innermost expression being lowered. */
#include "parser/lower_internal.h"

#include <assert.h>

/* Sizes that only run time shows to be equal; from here on the value has the type e->cast. */
static void lower_size_checks(Lower *L, const Expr *e) {
    Loc saved = L->b->loc;
    for (int i = 0; i < e->checks.n; i++) {
        const SizeCheck *check = &e->checks.data[i];
        L->b->loc = check->loc;
        Value *a = ir_size(L->b, env_size(L, check->a)), *b = ir_size(L->b, env_size(L, check->b));
        ir_check(L->b, ir_ew2(L->b, OP_eq, a, b), check->text);
    }
    L->b->loc = saved;
}

Value *lower_value(Lower *L, Expr *e) {
    Tree *tree = lower_expr(L, e);
    assert(tree->kind == TREE_leaf);
    return tree->value;
}

void low_name(Tree *tree, Atom name) {
    if (tree->kind == TREE_leaf && !tree->value->name && tree->value->inst)
        tree->value->name = name;
}

Value *low_not(Lower *L, Value *v) {
    return ir_ew1(L->b, OP_not, v);
}

/* ---- shapes ---- */

static Tree *zero_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    return tree_value(L->arena, ir_const(L->b, leaf->type, 0.0));
}

Tree *low_zeros(Lower *L, const Tree *shape) {
    return tree_map(L->arena, shape, zero_leaf, L);
}

static const Type *suffix_type(Lower *L, const Type *type, int rank) {
    return ir_drop_axes(L->m, type, type->rank - rank);
}

Value *low_conform(Lower *L, Value *v, const Type *type) {
    v = ir_convert(L->b, v, type->elem);
    if (v->type->rank > 0) {
        const Type *same_rank = suffix_type(L, type, v->type->rank);
        if (v->type != same_rank) /* sizes that were checked to be equal at run time */
            v = ir_conform(L->b, v, same_rank);
    }
    return ir_broadcast(L->b, v, type);
}

static Tree *conform_leaf(void *user, const Tree *tree, const Tree *shape) {
    Lower *L = user;
    return tree_value(L->arena, low_conform(L, tree->value, shape->type));
}

Tree *low_conform_tree(Lower *L, const Tree *tree, const Tree *shape) {
    return tree_map2(L->arena, tree, shape, conform_leaf, L);
}

/* ---- elementwise operations ---- */

/* The operand that gives the shape: the one of the highest rank. */
static const Type *widest(Op op, int n, Tree *const *args) {
    int first = op == OP_select ? 1 : 0;
    const Type *type = args[first]->value->type;
    for (int i = first + 1; i < n; i++)
        if (args[i]->value->type->rank > type->rank)
            type = args[i]->value->type;
    return type;
}

/* A function of scalars at every element of arrays of one shape. */
static Value *call_each(Lower *L, IrBuilder *b, Func *f, int n, Value *const *in) {
    const Type *type = in[0]->type;
    if (type->rank == 0)
        return ir_call(b, f, NULL, n, in)->out[0];
    LoopSpec spec = {.extent = type->dims[0], .n_slice = n, .slices = in};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    ir_yield(&body, call_each(L, &body, f, n, body.region->params.data + 1));
    return ir_loop_end(b, &spec, &body)->out[0];
}

static Tree *elementwise_leaves(Lower *L, Op op, int n, Tree *const *args, const Tree *shape) {
    const Type *dims = widest(op, n, args);
    Scalar elem = dims->elem;
    if (shape)
        dims = shape->type;
    else if (op == OP_select && args[0]->value->type->rank > dims->rank)
        dims = args[0]->value->type;
    Value *in[3];
    for (int i = 0; i < n; i++) {
        Scalar own = op == OP_select && i == 0 ? S_bool : elem;
        in[i] = low_conform(L, args[i]->value, ir_with_elem(L->m, dims, own));
    }
    const LowFn *with_rule = lower_builtin_rule(L, op, elem);
    if (with_rule)
        return tree_value(L->arena, call_each(L, L->b, with_rule->func, n, in));
    return tree_value(L->arena, ir_ew(L->b, op, in));
}

static const Tree *first_node(int n, Tree *const *args) {
    for (int i = 0; i < n; i++)
        if (args[i]->kind != TREE_leaf)
            return args[i];
    return NULL;
}

Tree *low_elementwise(Lower *L, Op op, int n, Tree *const *args, const Tree *shape) {
    const Tree *node = first_node(n, args);
    if (!node)
        return elementwise_leaves(L, op, n, args, shape);
    Tree **parts = ARENA_ARRAY(L->arena, node->n + 1, Tree *);
    for (int p = 0; p < node->n; p++) {
        Tree *part_args[3];
        for (int i = 0; i < n; i++)
            part_args[i] = args[i]->kind == TREE_leaf ? args[i] : args[i]->parts[p];
        parts[p] = low_elementwise(L, op, n, part_args, shape ? shape->parts[p] : NULL);
    }
    if (node->kind == TREE_tuple)
        return tree_tuple(L->arena, node->n, parts);
    return tree_record(L->arena, node->n, parts, node->names, node->struct_name);
}

/* ---- names and literals ---- */

static Tree *lower_literal(Lower *L, Expr *e) {
    const Type *type = env_type(L, e->ty);
    Value *v;
    if (e->kind == E_bool)
        v = ir_int(L->b, S_bool, e->as.boolean);
    else if (e->kind == E_int && !type_is_float(type))
        v = ir_int(L->b, type->elem, e->as.integer);
    else
        v = ir_const(L->b, type, e->kind == E_int ? (double)e->as.integer : e->as.number);
    return tree_value(L->arena, v);
}

static Tree *lower_name(Lower *L, Expr *e) {
    if (e->as.name.kind == NAME_constant)
        return tree_value(L->arena, ir_const(L->b, env_type(L, e->ty), e->as.name.number));
    if (e->as.name.kind == NAME_size)
        return tree_value(L->arena, ir_size(L->b, env_size(L, e->size)));
    Tree *tree = e->as.name.local ? env_lookup(L, e->as.name.local) : NULL;
    assert(tree);
    return tree;
}

/* ---- operators ---- */

/* Whether evaluating e is cheap and cannot fail, so that `&&` need not branch around it. */
static bool is_total(const Expr *e) {
    if (e->checks.n > 0 || e->binds)
        return false;
    switch (e->kind) {
    case E_int:
    case E_float:
    case E_bool:
    case E_name:
        return true;
    case E_unary:
        return is_total(e->as.unary.x);
    case E_field:
        return is_total(e->as.field.x);
    case E_binary:
        if (e->as.binary.op == BIN_div || e->as.binary.op == BIN_rem ||
            e->as.binary.op == BIN_matmul || e->as.binary.op == BIN_pow)
            return false;
        return is_total(e->as.binary.a) && is_total(e->as.binary.b);
    default:
        return false;
    }
}

/* a && b, a || b where b must not be evaluated for nothing. */
static Value *short_circuit(Lower *L, bool is_and, Value *a, Expr *b) {
    IrBuilder *outer = L->b, then_, else_;
    ir_builder_nested(&then_, outer);
    ir_builder_nested(&else_, outer);
    IrBuilder *evaluates = is_and ? &then_ : &else_, *decided = is_and ? &else_ : &then_;
    L->b = evaluates;
    ir_yield(evaluates, lower_value(L, b));
    L->b = outer;
    ir_yield(decided, ir_int(decided, S_bool, !is_and));
    return ir_if(outer, a, &then_, &else_)->out[0];
}

static Tree *lower_logic(Lower *L, Expr *e) {
    bool is_and = e->as.binary.op == BIN_and;
    Value *a = lower_value(L, e->as.binary.a);
    if (!is_total(e->as.binary.b))
        return tree_value(L->arena, short_circuit(L, is_and, a, e->as.binary.b));
    Value *b = lower_value(L, e->as.binary.b);
    return tree_value(L->arena, ir_ew2(L->b, is_and ? OP_and : OP_or, a, b));
}

static void check_divisor(Lower *L, Tree *divisor) {
    if (divisor->kind != TREE_leaf || type_is_float(divisor->value->type))
        return;
    Value *v = divisor->value;
    if (v->inst && v->inst->op == OP_const && v->inst->attr.integer != 0)
        return;
    Value *nonzero = ir_ew2(L->b, OP_ne, v, ir_const(L->b, v->type, 0.0));
    ir_check(L->b, ir_reduce(L->b, RED_all, nonzero, v->type->rank), "integer division by zero");
}

/* x ** n for small literal n: products, which every pass understands. */
static Tree *small_power(Lower *L, Tree *x, int64_t n) {
    Tree *square[2] = {x, x};
    Tree *result = n >= 2 ? low_elementwise(L, OP_mul, 2, square, NULL) : x;
    Tree *more[2] = {result, n == 4 ? result : x};
    return n > 2 ? low_elementwise(L, OP_mul, 2, more, NULL) : result;
}

static bool small_exponent(const Expr *e, int64_t *n) {
    if (e->kind == E_int)
        *n = e->as.integer;
    else if (e->kind == E_float && e->as.number >= 1.0 && e->as.number <= 4.0 &&
             e->as.number == (double)(int64_t)e->as.number)
        *n = (int64_t)e->as.number;
    else
        return false;
    return *n >= 1 && *n <= 4;
}

static Tree *lower_power(Lower *L, Expr *e, Tree *const *args, const Tree *shape) {
    int64_t n;
    if (small_exponent(e->as.binary.b, &n))
        return small_power(L, args[0], n);
    return low_elementwise(L, OP_pow, 2, args, shape);
}

static Tree *lower_binary(Lower *L, Expr *e) {
    static const Op ops[] = {
        [BIN_eq] = OP_eq,   [BIN_ne] = OP_ne,   [BIN_lt] = OP_lt,   [BIN_gt] = OP_gt,
        [BIN_le] = OP_le,   [BIN_ge] = OP_ge,   [BIN_add] = OP_add, [BIN_sub] = OP_sub,
        [BIN_mul] = OP_mul, [BIN_div] = OP_div, [BIN_rem] = OP_rem,
    };
    BinaryOp op = e->as.binary.op;
    if (op == BIN_and || op == BIN_or)
        return lower_logic(L, e);
    if (op == BIN_matmul)
        return tree_value(L->arena, lower_matmul(L, e));
    Tree *args[2] = {lower_expr(L, e->as.binary.a), lower_expr(L, e->as.binary.b)};
    const Tree *shape = env_shape(L, e->ty);
    if (op == BIN_pow)
        return lower_power(L, e, args, shape);
    if (op == BIN_div || op == BIN_rem)
        check_divisor(L, args[1]);
    return low_elementwise(L, ops[op], 2, args, shape);
}

static Tree *transpose_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    int rank = leaf->value->type->rank;
    int8_t perm[IR_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = (int8_t)i;
    if (rank >= 2) {
        perm[rank - 2] = (int8_t)(rank - 1);
        perm[rank - 1] = (int8_t)(rank - 2);
    }
    return tree_value(L->arena, ir_transpose(L->b, leaf->value, perm));
}

Tree *low_transpose(Lower *L, Tree *x) {
    return tree_map(L->arena, x, transpose_leaf, L);
}

static Tree *lower_unary(Lower *L, Expr *e) {
    Tree *x = lower_expr(L, e->as.unary.x);
    return low_elementwise(L, e->as.unary.op == UN_neg ? OP_neg : OP_not, 1, &x, NULL);
}

/* ---- calls that are not of functions ---- */

static Tree *lower_record(Lower *L, Expr *e) {
    Tree *shape = env_shape(L, e->ty);
    Tree **given = ARENA_ARRAY(L->arena, shape->n + 1, Tree *);
    for (int i = 0; i < e->as.call.args.n; i++)
        given[i] = lower_expr(L, e->as.call.args.data[i].value);
    Tree **fields = ARENA_ARRAY(L->arena, shape->n + 1, Tree *);
    for (int k = 0; k < shape->n; k++)
        fields[k] = low_conform_tree(L, given[e->as.call.order[k]], shape->parts[k]);
    return tree_record(L->arena, shape->n, fields, shape->names, shape->struct_name);
}

static Tree *lower_elementwise_call(Lower *L, Expr *e) {
    Tree *args[3] = {NULL};
    int n = e->as.call.args.n;
    for (int i = 0; i < n; i++)
        args[i] = lower_expr(L, e->as.call.args.data[i].value);
    return low_elementwise(L, (Op)e->as.call.op, n, args, env_shape(L, e->ty));
}

static Tree *lower_conversion(Lower *L, Expr *e) {
    Value *x = lower_value(L, e->as.call.args.data[0].value);
    Scalar to = env_type(L, e->ty)->elem;
    if (to == S_bool && x->type->elem != S_bool)
        return tree_value(L->arena, ir_ew2(L->b, OP_ne, x, ir_const(L->b, x->type, 0.0)));
    return tree_value(L->arena, ir_convert(L->b, x, to));
}

static Tree *lower_call_kind(Lower *L, Expr *e) {
    switch (e->as.call.kind) {
    case CALL_record:
        return lower_record(L, e);
    case CALL_convert:
        return lower_conversion(L, e);
    case CALL_elementwise:
        return lower_elementwise_call(L, e);
    case CALL_reduce:
        return low_reduce_all(L, e->as.call.reduce, lower_value(L, e->as.call.args.data[0].value),
                              env_type(L, e->ty));
    case CALL_builtin:
        return lower_builtin(L, e);
    default:
        return lower_call_expr(L, e);
    }
}

/* ---- arrays, tuples, blocks, branches ---- */

Tree *low_stack(Lower *L, int n, Tree *const *items, const Tree *shape) {
    if (shape->kind == TREE_leaf) {
        const Type *row = ir_drop_axes(L->m, shape->type, 1);
        Value **values = ARENA_ARRAY(L->arena, n + 1, Value *);
        for (int i = 0; i < n; i++)
            values[i] = low_conform(L, items[i]->value, row);
        return tree_value(L->arena, ir_array(L->b, n, values));
    }
    Tree **parts = ARENA_ARRAY(L->arena, shape->n + 1, Tree *);
    Tree **column = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int p = 0; p < shape->n; p++) {
        for (int i = 0; i < n; i++)
            column[i] = items[i]->parts[p];
        parts[p] = low_stack(L, n, column, shape->parts[p]);
    }
    if (shape->kind == TREE_tuple)
        return tree_tuple(L->arena, shape->n, parts);
    return tree_record(L->arena, shape->n, parts, shape->names, shape->struct_name);
}

static Tree **lower_items(Lower *L, Expr *e) {
    Tree **items = ARENA_ARRAY(L->arena, e->as.items.n + 1, Tree *);
    for (int i = 0; i < e->as.items.n; i++)
        items[i] = lower_expr(L, e->as.items.data[i]);
    return items;
}

void lower_pattern(Lower *L, const Pattern *pattern, Tree *tree) {
    if (pattern->local) {
        low_name(tree, pattern->local->name);
        env_bind(L, pattern->local, tree);
    }
    for (int i = 0; i < pattern->parts.n; i++)
        lower_pattern(L, pattern->parts.data[i], tree->parts[i]);
}

static Tree *lower_block(Lower *L, Expr *e) {
    for (int i = 0; i < e->as.block.lets.n; i++) {
        const Let *let = e->as.block.lets.data[i];
        Tree *value = lower_expr(L, let->value);
        if (let->pattern) {
            lower_pattern(L, let->pattern, value);
            continue;
        }
        L->b->loc = let->loc;
        ir_check(L->b, value->value, "assertion failed");
        L->b->loc = e->loc;
    }
    return e->as.block.result ? lower_expr(L, e->as.block.result) : tree_tuple(L->arena, 0, NULL);
}

static void lower_branch(Lower *L, IrBuilder *b, Expr *e, const Tree *shape) {
    IrBuilder *outer = L->b;
    L->b = b;
    Tree *tree = low_conform_tree(L, lower_expr(L, e), shape);
    ValueList values = {0};
    tree_values(L->arena, tree, &values);
    for (int i = 0; i < values.n; i++)
        ir_yield(b, values.data[i]);
    L->b = outer;
}

static Tree *lower_if(Lower *L, Expr *e) {
    Value *cond = lower_value(L, e->as.if_.cond);
    Tree *shape = env_shape(L, e->ty);
    IrBuilder then_, else_;
    ir_builder_nested(&then_, L->b);
    lower_branch(L, &then_, e->as.if_.then_, shape);
    ir_builder_nested(&else_, L->b);
    lower_branch(L, &else_, e->as.if_.else_, shape);
    Value *const *next = ir_if(L->b, cond, &then_, &else_)->out;
    return tree_with_values(L->arena, shape, &next, NULL, NULL);
}

static Tree *lower_kind(Lower *L, Expr *e) {
    switch (e->kind) {
    case E_int:
    case E_float:
    case E_bool:
        return lower_literal(L, e);
    case E_name:
        return lower_name(L, e);
    case E_unary:
        return lower_unary(L, e);
    case E_binary:
        return lower_binary(L, e);
    case E_transpose:
        return low_transpose(L, lower_expr(L, e->as.unary.x));
    case E_call:
        return lower_call_kind(L, e);
    case E_reduce:
        return lower_reduce(L, e);
    case E_scatter:
        return lower_scatter(L, e);
    case E_index:
    case E_field:
        return lower_access(L, e);
    case E_with:
        return lower_with(L, e);
    case E_array:
        return low_stack(L, e->as.items.n, lower_items(L, e), env_shape(L, e->ty));
    case E_comp:
        return lower_comp(L, e);
    case E_tuple:
        return tree_tuple(L->arena, e->as.items.n, lower_items(L, e));
    case E_block:
        return lower_block(L, e);
    case E_if:
        return lower_if(L, e);
    case E_loop:
        return lower_loop(L, e);
    case E_checkpoint:
        return lower_checkpoint(L, e);
    case E_error:
    case E_lambda:
    case E_derivative:
        break;
    }
    assert(false && "the checker takes no function for a value");
    return tree_value(L->arena, ir_int(L->b, S_i64, 0));
}

/* Functions are lowered when they are first called, and those with function parameters, like
 * lambdas, once a call: a chain of calls may be as long as the text, and as many calls as 2 to
 * that. */
enum { MOST_DEPTH = 4000, MOST_IN_PLACE = 100000 };

static bool is_too_large(Lower *L, const Expr *e) {
    if (L->failed || (L->depth <= MOST_DEPTH && L->in_place <= MOST_IN_PLACE))
        return L->failed;
    L->failed = true;
    Diag *diag;
    if (L->depth > MOST_DEPTH)
        diag =
            diag_error(&L->ctx->diags, DIAG_program_too_large, e->loc,
                       "through calls, expressions are nested more than %d deep", (int)MOST_DEPTH);
    else
        diag = diag_error(&L->ctx->diags, DIAG_program_too_large, e->loc,
                          "more than %d calls of functions with function parameters, and of "
                          "lambdas, are expanded",
                          (int)MOST_IN_PLACE);
    diag_hint(&L->ctx->diags, diag, "write what repeats as a `loop`");
    return true;
}

Tree *lower_expr(Lower *L, Expr *e) {
    if (is_too_large(L, e))
        return low_zeros(L, env_shape(L, e->cast ? e->cast : e->ty));
    L->depth++;
    Loc saved = L->b->loc;
    L->b->loc = e->loc;
    Tree *tree = lower_kind(L, e);
    lower_size_checks(L, e);
    if (e->cast)
        tree = low_conform_tree(L, tree, env_shape(L, e->cast));
    if (e->binds)
        env_bind_sym(L, e->binds, ir_convert(L->b, tree->value, S_i64), false);
    L->depth--;
    L->b->loc = saved;
    return tree;
}
