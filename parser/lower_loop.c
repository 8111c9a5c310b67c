/* Lowering of everything that repeats: comprehensions, reductions, scatters, loops and scans.
 *
 * Every binder becomes one loop; nested binders nest, the last innermost. A sum is an accumulator
 * of the loop, a comprehension its stacked result. The extent of a loop is never negative: where
 * the bounds do not show it, it is clamped, or, where it is the size of a result, checked. */
#include "parser/lower_internal.h"

#include <string.h>

/* ---- ranges ---- */

static const Size *clamped(Lower *L, Value *count, const char *name) {
    Value *zero = ir_int(L->b, S_i64, 0);
    return env_value_size(L, ir_ew2(L->b, OP_max, count, zero), name, true);
}

Range low_range(Lower *L, Binder *binder, bool rectangular) {
    Range range = {.binder = binder};
    if (binder->lo)
        range.lo = ir_convert(L->b, lower_value(L, binder->lo), S_i64);
    Value *count = binder->hi ? ir_convert(L->b, lower_value(L, binder->hi), S_i64) : NULL;
    range.extent = env_size(L, binder->extent);
    if (count && range.lo)
        count = ir_ew2(L->b, OP_sub, count, range.lo);
    Loc loc = {0, 0};
    if (count)
        loc = range.lo ? loc_join(binder->lo->loc, binder->hi->loc) : binder->hi->loc;
    if (count && rectangular)
        low_check_size(L, count, loc);
    else if (count)
        low_check_count(L, count, loc);
    if (!count || rectangular || env_nonneg(L, range.extent))
        return range;
    range.extent = clamped(L, count, "count");
    range.clamped = !rectangular;
    return range;
}

/* Of binders whose bounds do not depend on each other: outside of all their loops, since the result
 * is of these sizes. */
static Range *all_ranges(Lower *L, const BinderList *binders, bool rectangular) {
    Range *ranges = ARENA_ARRAY(L->arena, binders->n + 1, Range);
    for (int i = 0; i < binders->n; i++)
        ranges[i] = low_range(L, binders->data[i], rectangular);
    return ranges;
}

static void forget_binders(Lower *L, const BinderList *binders) {
    for (int i = 0; i < binders->n; i++)
        env_forget(L, binders->data[i]->local);
}

/* ---- open loops ---- */

/* Operands of the loop for the planned slices, each array once; places[] says which operand a leaf
 * is. */
static void collect_slices(Lower *L, OpenLoop *loop, const SlicePlan *plan) {
    for (int i = 0; i < plan->n; i++) {
        ValueList leaves = {0};
        tree_values(L->arena, plan->data[i].value, &leaves);
        for (int k = 0; k < leaves.n; k++) {
            bool known = false;
            for (int s = 0; s < loop->slices.n; s++)
                known = known || loop->slices.data[s] == leaves.data[k];
            if (!known)
                vec_push(L->arena, &loop->slices, leaves.data[k]);
        }
    }
}

typedef struct ElementContext {
    Lower *L;
    const OpenLoop *loop;
} ElementContext;

static Tree *element_leaf(void *user, const Tree *leaf) {
    const ElementContext *context = user;
    int s = 0;
    while (context->loop->slices.data[s] != leaf->value)
        s++;
    return tree_value(context->L->arena, context->loop->body.region->params.data[1 + s]);
}

void low_open(Lower *L, OpenLoop *loop, const Range *range, int n_bodies, Expr *const *bodies,
              const ValueList *carries, const ValueList *accs) {
    SlicePlan plan = {0};
    *loop = (OpenLoop){.outer = L->b, .slice_mark = L->frame->slices.n};
    low_plan_slices(L, range, n_bodies, bodies, &plan);
    collect_slices(L, loop, &plan);
    loop->spec = (LoopSpec){
        .extent = range->extent,
        .n_slice = loop->slices.n,
        .slices = loop->slices.data,
        .n_carry = carries ? carries->n : 0,
        .carries = carries ? carries->data : NULL,
        .n_acc = accs ? accs->n : 0,
        .accs = accs ? accs->data : NULL,
        .index_name = range->lo ? NULL : range->binder->name.atom, /* it counts from 0 */
    };
    ir_loop_begin(L->b, &loop->spec, &loop->body);
    L->b = &loop->body;
    ElementContext context = {L, loop};
    for (int i = 0; i < plan.n; i++) {
        plan.data[i].value = tree_map(L->arena, plan.data[i].value, element_leaf, &context);
        low_name(plan.data[i].value, plan.data[i].base->name);
        vec_push(L->arena, &L->frame->slices, plan.data[i]);
    }
    Value *index = ir_body_index(&loop->body);
    if (range->lo) {
        L->b->name = range->binder->name.atom;
        index = ir_ew2(L->b, OP_add, range->lo, index);
    }
    env_bind(L, range->binder->local, tree_value(L->arena, index));
}

Value *low_loop_carry(const OpenLoop *loop, int i) {
    return loop->body.region->params.data[1 + loop->spec.n_slice + i];
}

Value *low_loop_acc(const OpenLoop *loop, int i) {
    return low_loop_carry(loop, loop->spec.n_carry + i);
}

Inst *low_close(Lower *L, OpenLoop *loop) {
    L->b = loop->outer;
    L->frame->slices.n = loop->slice_mark;
    return ir_loop_end(L->b, &loop->spec, &loop->body);
}

static void yield_tree(Lower *L, const Tree *tree) {
    ValueList values = {0};
    tree_values(L->arena, tree, &values);
    for (int i = 0; i < values.n; i++)
        ir_yield(L->b, values.data[i]);
}

static Tree *results_from(Lower *L, const Tree *shape, const Inst *loop, int first) {
    Value *const *next = loop->out + first;
    return tree_with_values(L->arena, shape, &next, NULL, NULL);
}

/* ---- comprehensions ---- */

/* e for binders k.. : the values of the innermost body, stacked along one axis a binder. */
static Tree *stack_level(Lower *L, Expr *e, int k, const Range *ranges) {
    if (k == e->as.reduce.binders.n)
        return low_conform_tree(L, lower_expr(L, e->as.reduce.body),
                                env_shape(L, expr_type(e->as.reduce.body)));
    OpenLoop loop;
    low_open(L, &loop, &ranges[k], 1, &e->as.reduce.body, NULL, NULL);
    Tree *element = stack_level(L, e, k + 1, ranges);
    yield_tree(L, element);
    return results_from(L, element, low_close(L, &loop), 0);
}

Tree *lower_comp(Lower *L, Expr *e) {
    forget_binders(L, &e->as.reduce.binders);
    Range *ranges = all_ranges(L, &e->as.reduce.binders, true);
    Tree *stacked = stack_level(L, e, 0, ranges);
    return low_conform_tree(L, stacked, env_shape(L, e->ty));
}

/* ---- sums and means ---- */

static bool bounds_are_outer(const BinderList *binders) {
    for (int k = 0; k < binders->n; k++)
        for (int j = 0; j < k; j++) {
            const Local *earlier = binders->data[j]->local;
            if ((binders->data[k]->lo && ast_mentions(binders->data[k]->lo, earlier)) ||
                (binders->data[k]->hi && ast_mentions(binders->data[k]->hi, earlier)))
                return false;
        }
    return true;
}

/* The last binders as one contraction of the factors of the body; NULL where the body is no such
 * product. */
static Value *try_contraction(Lower *L, Expr *e, int k) {
    const BinderList *binders = &e->as.reduce.binders;
    int n = binders->n - k;
    if (!low_is_product(e->as.reduce.body, n, &binders->data[k]))
        return NULL;
    Range *ranges = ARENA_ARRAY(L->arena, n, Range);
    for (int i = 0; i < n; i++)
        ranges[i] = low_range(L, binders->data[k + i], false);
    return low_contract_sum(L, e->as.reduce.body, n, ranges);
}

/* Adds one evaluation of the body, and one to the counter where there is one. */
static void add_body(Lower *L, Expr *e, const Tree *shape, ValueList *accs) {
    Tree *body = low_conform_tree(L, lower_expr(L, e->as.reduce.body), shape);
    ValueList values = {0};
    tree_values(L->arena, body, &values);
    if (accs->n > values.n)
        vec_push(L->arena, &values, ir_int(L->b, S_i64, 1));
    for (int i = 0; i < values.n; i++)
        accs->data[i] = ir_ew2(L->b, OP_add, accs->data[i], values.data[i]);
}

static void sum_level(Lower *L, Expr *e, int k, const Tree *shape, ValueList *accs) {
    if (k == e->as.reduce.binders.n) {
        add_body(L, e, shape, accs);
        return;
    }
    Value *product = accs->n == 1 && k > 0 ? try_contraction(L, e, k) : NULL;
    if (product) {
        accs->data[0] = ir_ew2(L->b, OP_add, accs->data[0], product);
        return;
    }
    Range range = low_range(L, e->as.reduce.binders.data[k], false);
    OpenLoop loop;
    low_open(L, &loop, &range, 1, &e->as.reduce.body, NULL, accs);
    ValueList inner = {0};
    for (int i = 0; i < accs->n; i++)
        vec_push(L->arena, &inner, low_loop_acc(&loop, i));
    sum_level(L, e, k + 1, shape, &inner);
    for (int i = 0; i < inner.n; i++)
        ir_yield(L->b, inner.data[i]);
    Inst *inst = low_close(L, &loop);
    for (int i = 0; i < accs->n; i++)
        accs->data[i] = inst->out[i];
}

typedef struct DivideContext {
    Lower *L;
    Value *count;
} DivideContext;

static Tree *divide_leaf(void *user, const Tree *leaf) {
    const DivideContext *context = user;
    Lower *L = context->L;
    Value *count = low_conform(L, context->count, leaf->value->type);
    return tree_value(L->arena, ir_ew2(L->b, OP_div, leaf->value, count));
}

/* How often the body is evaluated, where that is known without counting. */
static Value *known_count(Lower *L, const BinderList *binders) {
    const Size *product = size_const(&L->ctx->polys, 1);
    for (int k = 0; k < binders->n && product; k++)
        product = size_mul(&L->ctx->polys, product, low_range(L, binders->data[k], false).extent);
    return product ? ir_size(L->b, product) : NULL;
}

static Tree *lower_sum(Lower *L, Expr *e, bool mean) {
    Tree *shape = env_shape(L, expr_type(e->as.reduce.body));
    Value *count = mean && bounds_are_outer(&e->as.reduce.binders)
                       ? known_count(L, &e->as.reduce.binders)
                       : NULL;
    Value *product = try_contraction(L, e, 0);
    Tree *total;
    if (product && (count || !mean)) {
        total = tree_value(L->arena, product);
    } else {
        ValueList accs = {0};
        tree_values(L->arena, low_zeros(L, shape), &accs);
        if (mean && !count)
            vec_push(L->arena, &accs, ir_int(L->b, S_i64, 0));
        sum_level(L, e, 0, shape, &accs);
        if (mean && !count)
            count = accs.data[accs.n - 1];
        Value *const *next = accs.data;
        total = tree_with_values(L->arena, shape, &next, NULL, NULL);
    }
    DivideContext divide = {L, count};
    return mean ? tree_map(L->arena, total, divide_leaf, &divide) : total;
}

/* ---- products ---- */

static Value *product_level(Lower *L, Expr *e, int k, Value *carry) {
    if (k == e->as.reduce.binders.n)
        return ir_ew2(L->b, OP_mul, carry,
                      low_conform(L, lower_value(L, e->as.reduce.body), carry->type));
    Range range = low_range(L, e->as.reduce.binders.data[k], false);
    OpenLoop loop;
    ValueList carries = {0};
    vec_push(L->arena, &carries, carry);
    low_open(L, &loop, &range, 1, &e->as.reduce.body, &carries, NULL);
    ir_yield(L->b, product_level(L, e, k + 1, low_loop_carry(&loop, 0)));
    return low_close(L, &loop)->out[0];
}

/* ---- the other reductions ---- */

static Reduce reduce_of(ReduceKind kind) {
    static const Reduce reduces[] = {
        [REDUCE_sum] = RED_sum,       [REDUCE_max] = RED_max,
        [REDUCE_min] = RED_min,       [REDUCE_logsumexp] = RED_logsumexp,
        [REDUCE_argmax] = RED_argmax, [REDUCE_argmin] = RED_argmin,
        [REDUCE_any] = RED_any,       [REDUCE_all] = RED_all,
    };
    return reduces[kind];
}

/* Over the first n axes; the extreme's place is in the axes taken together, row-major. */
static Value *reduce_axes(Lower *L, Reduce kind, Value *x, int n) {
    if ((kind == RED_argmax || kind == RED_argmin) && n > 1) {
        const Type *type = ir_drop_axes(L->m, x->type, n);
        const Size *count = size_const(&L->ctx->polys, 1);
        for (int i = 0; i < n && count; i++)
            count = size_mul(&L->ctx->polys, count, x->type->dims[i]);
        x = ir_reshape(L->b, x,
                       ir_add_axis(L->m, type, count ? count : size_const(&L->ctx->polys, 0)));
        n = 1;
    }
    return ir_reduce(L->b, kind, x, n);
}

/* Binders whose bounds depend on earlier ones: one reduction a level. */
static Value *reduce_level(Lower *L, Expr *e, int k, Reduce kind) {
    if (k == e->as.reduce.binders.n)
        return lower_value(L, e->as.reduce.body);
    Range range = low_range(L, e->as.reduce.binders.data[k], false);
    OpenLoop loop;
    low_open(L, &loop, &range, 1, &e->as.reduce.body, NULL, NULL);
    ir_yield(L->b, reduce_level(L, e, k + 1, kind));
    Value *rows = low_close(L, &loop)->out[0];
    return ir_reduce(L->b, kind, rows, 1);
}

Tree *lower_reduce(Lower *L, Expr *e) {
    ReduceKind kind = e->as.reduce.kind;
    forget_binders(L, &e->as.reduce.binders);
    if (kind == REDUCE_sum || kind == REDUCE_mean)
        return lower_sum(L, e, kind == REDUCE_mean);
    if (kind == REDUCE_prod) {
        Value *one = ir_const(L->b, env_type(L, expr_type(e->as.reduce.body)), 1.0);
        return tree_value(L->arena, product_level(L, e, 0, one));
    }
    if (!bounds_are_outer(&e->as.reduce.binders))
        return tree_value(L->arena, reduce_level(L, e, 0, reduce_of(kind)));
    Range *ranges = all_ranges(L, &e->as.reduce.binders, false);
    Value *x = stack_level(L, e, 0, ranges)->value;
    Value *result = reduce_axes(L, reduce_of(kind), x, e->as.reduce.binders.n);
    if ((kind == REDUCE_argmax || kind == REDUCE_argmin) &&
        ranges[0].lo) /* the binder, not the place in its range */
        result = ir_ew2(L->b, OP_add, result, ranges[0].lo);
    return tree_value(L->arena, result);
}

static Value *product_of_all(Lower *L, Value *x) {
    const Size *count = ir_type_count(L->m, x->type);
    if (!count)
        count = size_const(&L->ctx->polys, 0);
    Value *flat = ir_reshape(L->b, x, ir_type(L->m, x->type->elem, 1, &count));
    Value *one = ir_const(L->b, ir_scalar(L->m, x->type->elem), 1.0);
    LoopSpec spec = {.extent = count, .n_slice = 1, .slices = &flat, .n_carry = 1, .carries = &one};
    IrBuilder body;
    ir_loop_begin(L->b, &spec, &body);
    ir_yield(&body,
             ir_ew2(&body, OP_mul, body.region->params.data[2], body.region->params.data[1]));
    return ir_loop_end(L->b, &spec, &body)->out[0];
}

Tree *low_reduce_all(Lower *L, ReduceKind kind, Value *x, const Type *result) {
    int rank = x->type->rank;
    if (kind == REDUCE_prod)
        return tree_value(L->arena, rank > 0 ? product_of_all(L, x) : x);
    if (kind != REDUCE_mean)
        return tree_value(L->arena, reduce_axes(L, reduce_of(kind), x, rank));
    Value *total = ir_reduce(L->b, RED_sum, x, rank);
    const Size *count = ir_type_count(L->m, x->type);
    Value *n = ir_size(L->b, count ? count : size_const(&L->ctx->polys, 0));
    total = ir_convert(L->b, total, result->elem);
    return tree_value(L->arena, ir_ew2(L->b, OP_div, total, ir_convert(L->b, n, result->elem)));
}

/* ---- scatter ---- */

static int scatter_indices(Lower *L, Expr *e, const Type *type, Value **idx) {
    Expr *at = e->as.scatter.at;
    int n = at->kind == E_tuple ? at->as.items.n : 1;
    for (int k = 0; k < n; k++) {
        Expr *index = at->kind == E_tuple ? at->as.items.data[k] : at;
        idx[k] = ir_convert(L->b, lower_value(L, index), S_i64);
        low_check_index(L, idx[k], type->dims[k], k, index->loc);
    }
    return n;
}

static const Type *first_type(const Tree *shape) {
    while (shape->kind != TREE_leaf)
        shape = shape->parts[0];
    return shape->type;
}

static void scatter_level(Lower *L, Expr *e, int k, const Tree *shape, ValueList *accs) {
    if (k == e->as.scatter.binders.n) {
        Value *idx[IR_MAX_RANK];
        int n = scatter_indices(L, e, first_type(shape), idx);
        ValueList values = {0};
        tree_values(L->arena, lower_expr(L, e->as.scatter.value), &values);
        for (int i = 0; i < accs->n; i++) {
            const Type *row = ir_drop_axes(L->m, accs->data[i]->type, n);
            accs->data[i] =
                ir_add_at(L->b, accs->data[i], low_conform(L, values.data[i], row), n, idx);
        }
        return;
    }
    Range range = low_range(L, e->as.scatter.binders.data[k], false);
    OpenLoop loop;
    Expr *bodies[2] = {e->as.scatter.at, e->as.scatter.value};
    low_open(L, &loop, &range, 2, bodies, NULL, accs);
    ValueList inner = {0};
    for (int i = 0; i < accs->n; i++)
        vec_push(L->arena, &inner, low_loop_acc(&loop, i));
    scatter_level(L, e, k + 1, shape, &inner);
    for (int i = 0; i < inner.n; i++)
        ir_yield(L->b, inner.data[i]);
    Inst *inst = low_close(L, &loop);
    for (int i = 0; i < accs->n; i++)
        accs->data[i] = inst->out[i];
}

/* Sizes that are values: they may define symbols, and must not be negative. */
static void lower_shape(Lower *L, Expr *shape) {
    int n = shape->kind == E_tuple ? shape->as.items.n : 1;
    for (int i = 0; i < n; i++) {
        Expr *size = shape->kind == E_tuple ? shape->as.items.data[i] : shape;
        low_check_size(L, ir_convert(L->b, lower_value(L, size), S_i64), size->loc);
    }
}

Tree *lower_scatter(Lower *L, Expr *e) {
    forget_binders(L, &e->as.scatter.binders);
    lower_shape(L, e->as.scatter.shape);
    Tree *shape = env_shape(L, e->ty);
    ValueList accs = {0};
    tree_values(L->arena, low_zeros(L, shape), &accs);
    scatter_level(L, e, 0, shape, &accs);
    Value *const *next = accs.data;
    return tree_with_values(L->arena, shape, &next, NULL, NULL);
}

/* ---- loops and scans ---- */

static Tree *carry_tuple(Lower *L, int n, Tree *const *parts) {
    return n == 1 ? parts[0] : tree_tuple(L->arena, n, parts);
}

/* The carried variables by their first values, and the shape of all together. */
static Tree *lower_inits(Lower *L, Expr *e, Tree **shape) {
    int n = e->as.loop.carries.n;
    Tree **inits = ARENA_ARRAY(L->arena, n + 1, Tree *),
         **shapes = ARENA_ARRAY(L->arena, n + 1, Tree *);
    for (int i = 0; i < n; i++)
        inits[i] = lower_expr(L, e->as.loop.carries.data[i]->init);
    for (int i = 0; i < n; i++) {
        shapes[i] = env_shape(L, e->as.loop.carries.data[i]->local->ty);
        inits[i] = low_conform_tree(L, inits[i], shapes[i]);
    }
    *shape = carry_tuple(L, n, shapes);
    return carry_tuple(L, n, inits);
}

static void bind_carries(Lower *L, Expr *e, Tree *values) {
    int n = e->as.loop.carries.n;
    for (int i = 0; i < n; i++) {
        Local *local = e->as.loop.carries.data[i]->local;
        Tree *tree = n == 1 ? values : values->parts[i];
        if (tree->kind == TREE_leaf && !tree->value->inst && !tree->value->name)
            tree->value->name = local->name;
        env_bind(L, local, tree);
    }
}

static Tree *carry_params(Lower *L, const OpenLoop *loop, const Tree *shape) {
    Value *const *next = loop->body.region->params.data + 1 + loop->spec.n_slice;
    return tree_with_values(L->arena, shape, &next, NULL, NULL);
}

/* What `@checkpoint` asks of a loop; the number of states or steps is at least one. */
typedef struct Attribute {
    Checkpoint kind;
    const Size *arg;
} Attribute;

static Attribute lower_attribute(Lower *L, const Expr *e) {
    static const Checkpoint kinds[] = {[CP_none] = CHECK_store,
                                       [CP_plain] = CHECK_inner,
                                       [CP_every] = CHECK_every,
                                       [CP_binomial] = CHECK_binomial};
    Attribute attribute = {.kind = kinds[e->as.loop.checkpoint]};
    if (!e->as.loop.checkpoint_arg)
        return attribute;
    Value *arg = ir_convert(L->b, lower_value(L, e->as.loop.checkpoint_arg), S_i64);
    arg = ir_ew2(L->b, OP_max, arg, ir_int(L->b, S_i64, 1));
    attribute.arg = env_value_size(L, arg, "states", true);
    return attribute;
}

static void set_attribute(IrBuilder *body, Attribute attribute) {
    Inst *loop = body->region->owner;
    loop->attr.loop.checkpoint = attribute.kind;
    loop->attr.loop.checkpoint_arg = attribute.arg;
}

/* The type with its last two axes made one, if it has as many as there may be: a loop adds one. */
static const Type *type_to_stack(Lower *L, const Type *type) {
    if (type->rank < IR_MAX_RANK)
        return type;
    const Size *dims[IR_MAX_RANK];
    memcpy(dims, type->dims, sizeof dims);
    const Size *last = size_mul(&L->ctx->polys, dims[IR_MAX_RANK - 2], dims[IR_MAX_RANK - 1]);
    dims[IR_MAX_RANK - 2] = env_or_overflow(L, last);
    return ir_type(L->m, type->elem, IR_MAX_RANK - 1, dims);
}

/* `checkpoint { … }`: a loop of one iteration, of which reverse mode stores nothing. */
Tree *lower_checkpoint(Lower *L, Expr *e) {
    LoopSpec spec = {.extent = size_const(&L->ctx->polys, 1), .checkpoint = CHECK_inner};
    IrBuilder *outer = L->b, body;
    ir_loop_begin(outer, &spec, &body);
    L->b = &body;
    Tree *value = lower_expr(L, e->as.unary.x);
    ValueList values = {0};
    tree_values(L->arena, value, &values);
    for (int i = 0; i < values.n; i++) {
        Value *v = values.data[i];
        const Type *stacked = type_to_stack(L, v->type);
        ir_yield(&body, stacked == v->type ? v : ir_reshape(&body, v, stacked));
    }
    L->b = outer;
    Inst *loop = ir_loop_end(outer, &spec, &body);
    Value **results = ARENA_ARRAY(L->arena, loop->n_out + 1, Value *),
          *zero = ir_int(outer, S_i64, 0);
    for (int i = 0; i < loop->n_out; i++) {
        const Type *type = values.data[i]->type;
        results[i] = ir_index(outer, loop->out[i], 1, &zero);
        if (results[i]->type->rank < type->rank)
            results[i] = ir_reshape(outer, results[i], type);
    }
    Value *const *next = results;
    return tree_with_values(L->arena, value, &next, NULL, NULL);
}

static Tree *lower_for(Lower *L, Expr *e) {
    Tree *shape, *init = lower_inits(L, e, &shape);
    Attribute attribute = lower_attribute(L, e);
    Range range = low_range(L, e->as.loop.binder, e->as.loop.is_scan);
    env_forget(L, e->as.loop.binder->local);
    for (int i = 0; i < e->as.loop.carries.n; i++)
        env_forget(L, e->as.loop.carries.data[i]->local);
    ValueList carries = {0};
    tree_values(L->arena, init, &carries);
    OpenLoop loop;
    low_open(L, &loop, &range, 1, &e->as.loop.body, &carries, NULL);
    set_attribute(&loop.body, attribute);
    bind_carries(L, e, carry_params(L, &loop, shape));
    Tree *next = low_conform_tree(L, lower_expr(L, e->as.loop.body), shape);
    yield_tree(L, next);
    if (e->as.loop.is_scan)
        yield_tree(L, next);
    Inst *inst = low_close(L, &loop);
    return results_from(L, shape, inst, e->as.loop.is_scan ? carries.n : 0);
}

/* One more step where the loop is still running; the values as they are where it has ended. */
static void while_step(Lower *L, Expr *e, const Tree *shape, Tree *current, Value *running) {
    IrBuilder *outer = L->b, then_, else_;
    ir_builder_nested(&then_, outer);
    ir_builder_nested(&else_, outer);
    L->b = &then_;
    bind_carries(L, e, current);
    Tree *next = low_conform_tree(L, lower_expr(L, e->as.loop.body), shape);
    yield_tree(L, next);
    bind_carries(L, e, next);
    ir_yield(L->b, lower_value(L, e->as.loop.cond));
    L->b = &else_;
    yield_tree(L, current);
    ir_yield(L->b, ir_int(L->b, S_bool, false));
    L->b = outer;
    Inst *step = ir_if(outer, running, &then_, &else_);
    for (int i = 0; i < step->n_out; i++)
        ir_yield(outer, step->out[i]);
}

/* A loop of max_iter steps with a carried flag. */
static Tree *lower_while(Lower *L, Expr *e) {
    Tree *shape, *init = lower_inits(L, e, &shape);
    Value *limit = ir_convert(L->b, lower_value(L, e->as.loop.max_iter), S_i64);
    low_check_count(L, limit, e->as.loop.max_iter->loc);
    const Size *extent = clamped(L, limit, "max_iter");
    Attribute attribute = lower_attribute(L, e);

    bind_carries(L, e, init);
    ValueList carries = {0};
    tree_values(L->arena, init, &carries);
    vec_push(L->arena, &carries, lower_value(L, e->as.loop.cond));
    OpenLoop loop = {.outer = L->b, .slice_mark = L->frame->slices.n};
    loop.spec = (LoopSpec){.extent = extent, .n_carry = carries.n, .carries = carries.data};
    ir_loop_begin(L->b, &loop.spec, &loop.body);
    set_attribute(&loop.body, attribute);
    L->b = &loop.body;
    Value *running = low_loop_carry(&loop, carries.n - 1);
    running->name = atom_of(&L->ctx->atoms, "running");
    while_step(L, e, shape, carry_params(L, &loop, shape), running);
    Inst *inst = low_close(L, &loop);
    ir_check(L->b, low_not(L, inst->out[carries.n - 1]),
             "the condition still holds after max_iter steps");
    return results_from(L, shape, inst, 0);
}

Tree *lower_loop(Lower *L, Expr *e) {
    return e->as.loop.binder ? lower_for(L, e) : lower_while(L, e);
}
