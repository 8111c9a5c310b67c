/* The derivative operators as functions from lowered functions to lowered functions, see
 * parser/lower_fn.h.
 *
 * Every operator makes one new IR function around a `vjp` or `jvp` of the old one; Jacobians and
 * Hessians are loops of those over a basis. The basis is built by comparison with the loop's index,
 * so that it folds where a small constant loop is unrolled. Parameters keep their order: f's own,
 * the new ones, the captured values. */
#include "parser/lower_fn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

Atom low_atom(Context *ctx, Arena *arena, const char *format, ...) {
    char buffer[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(buffer, sizeof buffer, format, args);
    va_end(args);
    if (n < (int)sizeof buffer)
        return atom_intern(&ctx->atoms, buffer, (size_t)n);
    char *text = arena_alloc(arena, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return atom_intern(&ctx->atoms, text, (size_t)n);
}

Atom low_unique_name(Context *ctx, Arena *arena, PtrMap *names, const char *base) {
    Atom name = atom_of(&ctx->atoms, base);
    for (int i = 2; ptrmap_has(names, name); i++)
        name = low_atom(ctx, arena, "%s_%d", base, i);
    ptrmap_put(names, name, NULL);
    return name;
}

void low_name_results(Context *ctx, Arena *arena, LowFn *f, const char *stem) {
    for (int i = 0; i < f->results.n; i++)
        f->results.data[i].name =
            f->results.n == 1 ? atom_of(&ctx->atoms, stem) : low_atom(ctx, arena, "%s%d", stem, i);
}

/* ---- shapes ---- */

typedef struct LeafContext {
    Arena *arena;
    IrModule *m;
    const Size *axis;
} LeafContext;

static Tree *tangent_leaf(void *user, const Tree *leaf) {
    Tree *result = tree_leaf(user, leaf->type);
    result->inactive = leaf->inactive || !type_is_float(leaf->type);
    return result;
}

Tree *derive_tangent(Arena *arena, const Tree *shape) {
    return tree_map(arena, shape, tangent_leaf, arena);
}

static Tree *batched_leaf(void *user, const Tree *leaf) {
    LeafContext *context = user;
    Tree *result = tree_leaf(context->arena, ir_add_axis(context->m, leaf->type, context->axis));
    result->inactive = leaf->inactive;
    return result;
}

static Tree *batched(const Deriver *d, const Tree *shape, const Size *axis) {
    LeafContext context = {d->arena, d->m, axis};
    return tree_map(d->arena, shape, batched_leaf, &context);
}

/* ---- a derived function under construction ---- */

typedef struct Build {
    const Deriver *d;
    const LowFn *f;
    LowFn *g;
    IrBuilder b;
    ValueList own, extra,
        captured; /* parameters of g: f's own leaves, the new leaves, the captured values */
} Build;

static bool name_taken(const LowFn *g, Atom name) {
    for (int i = 0; i < g->params.n; i++)
        if (g->params.data[i].name == name)
            return true;
    return false;
}

/* A parameter of the IR for every active leaf, called after the fields on the way to it. */
static void add_leaf_params(Build *build, Atom name, const Tree *shape, ValueList *values) {
    const Deriver *d = build->d;
    if (shape->kind == TREE_leaf && !shape->inactive)
        vec_push(d->arena, values, ir_param(d->m, build->g->func->body, shape->type, name));
    for (int i = 0; i < shape->n; i++) {
        Atom part = shape->kind == TREE_record
                        ? low_atom(d->ctx, d->arena, "%s_%s", name, shape->names[i])
                        : low_atom(d->ctx, d->arena, "%s_%d", name, i);
        add_leaf_params(build, part, shape->parts[i], values);
    }
}

static void add_param(Build *build, Atom name, Tree *shape, ValueList *values) {
    const Deriver *d = build->d;
    Atom unique = name;
    for (int i = 2; name_taken(build->g, unique); i++)
        unique = low_atom(d->ctx, d->arena, "%s_%d", name, i);
    vec_push(d->arena, &build->g->params, ((LowParam){unique, shape, false}));
    add_leaf_params(build, unique, shape, values);
}

/* The same parameter, perhaps with another shape. */
static void add_like(Build *build, const LowParam *param, Tree *shape) {
    add_param(build, param->name, shape, &build->own);
    build->g->params.data[build->g->params.n - 1].flat = param->flat;
}

static void add_result(Build *build, Atom name, Tree *shape) {
    vec_push(build->d->arena, &build->g->results, ((LowParam){name, shape, false}));
}

/* A new function with f's sizes, called after the function `of`; `axis` is the size of a batch,
 * which comes first. */
static void begin(Build *build, const Deriver *d, const LowFn *f, const LowFn *of,
                  const char *suffix, SizeSym *axis) {
    *build = (Build){.d = d, .f = f, .g = ARENA_NEW(d->arena, LowFn)};
    LowFn *g = build->g;
    const char *name = arena_printf(d->arena, "%s_%s", of->func->name, suffix);
    g->func = ir_func_new(d->m, low_unique_name(d->ctx, d->arena, d->names, name), d->loc);
    if (axis)
        vec_push(d->m->arena, &g->func->sizes, axis);
    for (int i = 0; i < f->func->sizes.n; i++)
        vec_push(d->m->arena, &g->func->sizes, f->func->sizes.data[i]);
    for (int i = 0; i < f->tied.n; i++) {
        TiedSize tied = f->tied.data[i];
        tied.size += axis != NULL;
        vec_push(d->arena, &g->tied, tied);
    }
    for (int i = 0; i < f->captured.n; i++)
        vec_push(d->arena, &g->captured, f->captured.data[i]);
    for (int i = 0; i < f->captured_sizes.n; i++)
        vec_push(d->arena, &g->captured_sizes, f->captured_sizes.data[i]);
    ir_builder_init(&build->b, d->m, g->func->body);
    build->b.loc = d->loc;
}

static void add_own_params(Build *build) {
    for (int i = 0; i < build->f->params.n; i++)
        add_like(build, &build->f->params.data[i], build->f->params.data[i].shape);
}

static void add_captured_params(Build *build) {
    for (int i = 0; i < build->f->captured.n; i++) {
        const Value *captured = build->f->func->body->params.data[build->own.n + i];
        Value *param = ir_param(build->d->m, build->g->func->body, captured->type, captured->name);
        vec_push(build->d->arena, &build->captured, param);
    }
}

static LowFn *finish(Build *build, Tree *result) {
    build->g->result = result;
    vec_push(build->d->m->arena, &build->d->m->funcs, build->g->func);
    return build->g;
}

/* ---- calling f or its derivative from g ---- */

/* Parameters of f's func that carry the chosen floats, ascending, and for each chosen parameter
 * where its leaves are in that list: the brackets may name parameters in any order. */
typedef struct Chosen {
    VEC(int) wrt;    /* ascending indices of f's leaves */
    VEC(int) places; /* places in wrt of the leaves, in the order of the brackets */
    TreeList leaves; /* their shapes, in the order of the brackets */
} Chosen;

static int first_leaf(const LowFn *f, int param) {
    int at = 0;
    for (int i = 0; i < param; i++)
        at += tree_active_count(f->params.data[i].shape);
    return at;
}

static void insert_sorted(Arena *arena, Chosen *chosen, int leaf) {
    vec_push(arena, &chosen->wrt, leaf);
    for (int i = chosen->wrt.n - 1; i > 0 && chosen->wrt.data[i - 1] > leaf; i--) {
        chosen->wrt.data[i] = chosen->wrt.data[i - 1];
        chosen->wrt.data[i - 1] = leaf;
    }
}

static int place_of(const Chosen *chosen, int leaf) {
    int at = 0;
    while (chosen->wrt.data[at] != leaf)
        at++;
    return at;
}

static void choose(const Deriver *d, const LowFn *f, int n, const int *params, Chosen *chosen) {
    *chosen = (Chosen){0};
    VEC(int) order = {0};
    for (int i = 0; i < n; i++) {
        TreeList leaves = {0};
        tree_active_leaves(d->arena, f->params.data[params[i]].shape, &leaves);
        int at = first_leaf(f, params[i]);
        for (int k = 0; k < leaves.n; k++) {
            if (!type_is_float(leaves.data[k]->type))
                continue;
            insert_sorted(d->arena, chosen, at + k);
            vec_push(d->arena, &order, at + k);
            vec_push(d->arena, &chosen->leaves, leaves.data[k]);
        }
    }
    for (int i = 0; i < order.n; i++)
        vec_push(d->arena, &chosen->places, place_of(chosen, order.data[i]));
}

static const Size *const *size_args(const Build *build) {
    const Func *f = build->f->func;
    const Size **sizes = ARENA_ARRAY(build->d->m->arena, f->sizes.n + 1, const Size *);
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = size_sym(&build->d->ctx->polys, f->sizes.data[i]);
    return sizes;
}

static void append(Arena *arena, ValueList *out, const ValueList *in) {
    for (int i = 0; i < in->n; i++)
        vec_push(arena, out, in->data[i]);
}

/* own, captured, more: the operands of a vjp or jvp of f. */
static void operands(const Build *build, const ValueList *own, const ValueList *more,
                     ValueList *out) {
    append(build->d->arena, out, own);
    append(build->d->arena, out, &build->captured);
    append(build->d->arena, out, more);
}

static const int *copy_wrt(const Build *build, const Chosen *chosen) {
    int *wrt = ARENA_ARRAY(build->d->m->arena, chosen->wrt.n + 1, int);
    if (chosen->wrt.n > 0)
        memcpy(wrt, chosen->wrt.data, (size_t)chosen->wrt.n * sizeof *wrt);
    return wrt;
}

static int n_results(const LowFn *f) {
    return f->func->is_extern ? 1 : f->func->body->yields.n;
}

static const Type *result_type(const LowFn *f, int i) {
    return f->func->is_extern ? f->func->extern_result : f->func->body->yields.data[i]->type;
}

/* vjp of f in builder b; adjoints come back in the order of the brackets, the results of f in front
 * if `results`. */
static void emit_vjp(const Build *build, IrBuilder *b, const ValueList *own, const Chosen *chosen,
                     const ValueList *cotangents, bool results, ValueList *out) {
    ValueList args = {0};
    operands(build, own, cotangents, &args);
    Inst *inst = ir_vjp(b, build->f->func, size_args(build), chosen->wrt.n, copy_wrt(build, chosen),
                        args.n, args.data);
    int n = n_results(build->f);
    for (int i = 0; results && i < n; i++)
        vec_push(build->d->arena, out, inst->out[i]);
    for (int i = 0; i < chosen->places.n; i++)
        vec_push(build->d->arena, out, inst->out[n + chosen->places.data[i]]);
}

/* jvp of f in builder b, with tangents in the order of the brackets; appends the results if asked,
 * then the tangents of the float results. */
static void emit_jvp(const Build *build, IrBuilder *b, const ValueList *own, const Chosen *chosen,
                     const ValueList *tangents, bool results, ValueList *out) {
    ValueList sorted = {0};
    for (int i = 0; i < tangents->n; i++)
        vec_push(build->d->arena, &sorted, NULL);
    for (int i = 0; i < tangents->n; i++)
        sorted.data[chosen->places.data[i]] = tangents->data[i];
    ValueList args = {0};
    operands(build, own, &sorted, &args);
    Inst *inst = ir_jvp(b, build->f->func, size_args(build), chosen->wrt.n, copy_wrt(build, chosen),
                        args.n, args.data);
    int n = n_results(build->f);
    for (int i = results ? 0 : n; i < inst->n_out; i++)
        vec_push(build->d->arena, out, inst->out[i]);
}

static void yield_all(Build *build, const ValueList *values) {
    for (int i = 0; i < values->n; i++)
        ir_yield(&build->b, values->data[i]);
}

/* ---- results ---- */

/* The primal results of f in front of g's: `out`, or `out0`, `out1`, ... */
static void add_primal_results(Build *build) {
    const LowFn *f = build->f;
    const Deriver *d = build->d;
    for (int i = 0; i < f->results.n; i++) {
        Atom name = f->results.n == 1 ? atom_of(&d->ctx->atoms, "out")
                                      : low_atom(d->ctx, d->arena, "out%d", i);
        add_result(build, name, f->results.data[i].shape);
    }
}

/* One result a chosen parameter, named after it. */
static void add_gradient_results(Build *build, const char *prefix, int n_wrt, const int *wrt,
                                 TreeList *parts) {
    const Deriver *d = build->d;
    for (int i = 0; i < n_wrt; i++) {
        const LowParam *param = &build->f->params.data[wrt[i]];
        Tree *shape = derive_tangent(d->arena, param->shape);
        add_result(build, low_atom(d->ctx, d->arena, "%s%s", prefix, param->name), shape);
        build->g->results.data[build->g->results.n - 1].flat = param->flat;
        vec_push(d->arena, parts, shape);
    }
}

static Tree *tuple_or_one(Arena *arena, const TreeList *parts) {
    return parts->n == 1 ? parts->data[0] : tree_tuple(arena, parts->n, parts->data);
}

/* ---- the operators ---- */

static void unit_cotangents(Build *build, ValueList *out) {
    for (int i = 0; i < n_results(build->f); i++)
        if (type_is_float(result_type(build->f, i)))
            vec_push(build->d->arena, out, ir_const(&build->b, result_type(build->f, i), 1.0));
}

static LowFn *derive_gradient(const Deriver *d, const LowFn *f, int n_wrt, const int *wrt,
                              bool value) {
    Build build;
    begin(&build, d, f, f, value ? "value_and_grad" : "grad", NULL);
    add_own_params(&build);
    add_captured_params(&build);
    Chosen chosen;
    choose(d, f, n_wrt, wrt, &chosen);
    ValueList bars = {0}, out = {0};
    unit_cotangents(&build, &bars);
    emit_vjp(&build, &build.b, &build.own, &chosen, &bars, value, &out);
    yield_all(&build, &out);

    TreeList parts = {0};
    if (value) {
        add_primal_results(&build);
        vec_push(d->arena, &parts, f->result);
    }
    add_gradient_results(&build, "grad_", n_wrt, wrt, &parts);
    return finish(&build, tuple_or_one(d->arena, &parts));
}

static LowFn *derive_vjp(const Deriver *d, const LowFn *f, int n_wrt, const int *wrt) {
    Build build;
    begin(&build, d, f, f, "vjp", NULL);
    add_own_params(&build);
    add_param(&build, atom_of(&d->ctx->atoms, "bar"), derive_tangent(d->arena, f->result),
              &build.extra);
    build.g->params.data[build.g->params.n - 1].flat = true;
    add_captured_params(&build);
    Chosen chosen;
    choose(d, f, n_wrt, wrt, &chosen);
    ValueList out = {0};
    emit_vjp(&build, &build.b, &build.own, &chosen, &build.extra, true, &out);
    yield_all(&build, &out);

    TreeList parts = {0};
    add_primal_results(&build);
    vec_push(d->arena, &parts, f->result);
    add_gradient_results(&build, "grad_", n_wrt, wrt, &parts);
    return finish(&build, tuple_or_one(d->arena, &parts));
}

/* Tangents of the chosen parameters as new parameters of g. */
static void add_direction_params(Build *build, int n_wrt, const int *wrt) {
    const Deriver *d = build->d;
    for (int i = 0; i < n_wrt; i++) {
        const LowParam *param = &build->f->params.data[wrt[i]];
        add_param(build, low_atom(d->ctx, d->arena, "d_%s", param->name),
                  derive_tangent(d->arena, param->shape), &build->extra);
        build->g->params.data[build->g->params.n - 1].flat = param->flat;
    }
}

static LowFn *derive_jvp(const Deriver *d, const LowFn *f, int n_wrt, const int *wrt) {
    Build build;
    begin(&build, d, f, f, "jvp", NULL);
    add_own_params(&build);
    add_direction_params(&build, n_wrt, wrt);
    add_captured_params(&build);
    Chosen chosen;
    choose(d, f, n_wrt, wrt, &chosen);
    ValueList out = {0};
    emit_jvp(&build, &build.b, &build.own, &chosen, &build.extra, true, &out);
    yield_all(&build, &out);

    add_primal_results(&build);
    int n = build.g->results.n;
    for (int i = 0; i < n; i++) {
        const LowParam primal = build.g->results.data[i];
        add_result(&build, low_atom(d->ctx, d->arena, "d_%s", primal.name),
                   derive_tangent(d->arena, primal.shape));
    }
    Tree *parts[2] = {f->result, derive_tangent(d->arena, f->result)};
    return finish(&build, tree_tuple(d->arena, 2, parts));
}

static LowFn *derive_hvp(const Deriver *d, const LowFn *f, int n_wrt, const int *wrt) {
    const LowFn *gradient = derive_gradient(d, f, n_wrt, wrt, false);
    Build build;
    begin(&build, d, gradient, f, "hvp", NULL);
    add_own_params(&build);
    add_direction_params(&build, n_wrt, wrt);
    add_captured_params(&build);
    Chosen chosen;
    choose(d, gradient, n_wrt, wrt, &chosen);
    ValueList out = {0};
    emit_jvp(&build, &build.b, &build.own, &chosen, &build.extra, false, &out);
    yield_all(&build, &out);

    TreeList parts = {0};
    add_gradient_results(&build, "hv_", n_wrt, wrt, &parts);
    return finish(&build, tuple_or_one(d->arena, &parts));
}

/* ---- Jacobians ---- */

/* The total of float leaves: rows of a Jacobian, or columns; NULL on overflow. */
static const Size *total(const Deriver *d, const TreeList *leaves) {
    const Size *sum = size_const(&d->ctx->polys, 0);
    for (int i = 0; i < leaves->n && sum; i++) {
        const Size *count = ir_type_count(d->m, leaves->data[i]->type);
        sum = count ? size_add(&d->ctx->polys, sum, count) : NULL;
    }
    return sum;
}

/* The part of the k-th basis vector that falls on a leaf at `offset`: one where offset + position
 * == k. */
static Value *basis_leaf(const Deriver *d, IrBuilder *b, const Type *type, const Size *offset,
                         Value *k) {
    Value *here = ir_size(b, offset);
    const Size *count = ir_type_count(d->m, type);
    if (type->rank > 0) {
        Value *position = ir_iota(b, count);
        here = ir_ew2(b, OP_add, position, ir_broadcast(b, here, position->type));
        k = ir_broadcast(b, k, position->type);
    }
    const Type *flat = type->rank > 0 ? ir_type(d->m, type->elem, 1, &count) : type;
    Value *unit = ir_ew3(b, OP_select, ir_ew2(b, OP_eq, here, k), ir_const(b, flat, 1.0),
                         ir_const(b, flat, 0.0));
    return type->rank > 0 ? ir_reshape(b, unit, type) : unit;
}

/* Seeds that share a loop: of leaves that follow one another. */
typedef struct Seeds {
    const TreeList *leaves;
    int first, end;
} Seeds;

/* The k-th basis vector of the seeds, and 0 for the other leaves. */
static void basis(const Deriver *d, IrBuilder *b, const Seeds *seeds, Value *k, ValueList *out) {
    const Size *offset = size_const(&d->ctx->polys, 0);
    for (int i = 0; i < seeds->leaves->n; i++) {
        const Type *type = seeds->leaves->data[i]->type;
        bool inside = i >= seeds->first && i < seeds->end;
        vec_push(d->arena, out,
                 inside ? basis_leaf(d, b, type, offset, k) : ir_const(b, type, 0.0));
        if (inside)
            offset = size_add(&d->ctx->polys, offset, ir_type_count(d->m, type));
    }
}

/* All values flattened into one vector, row-major, in order. */
static Value *flatten(const Deriver *d, IrBuilder *b, const ValueList *values) {
    ValueList flat = {0};
    Scalar widest = S_f32;
    for (int i = 0; i < values->n; i++)
        if (values->data[i]->type->elem == S_f64)
            widest = S_f64;
    for (int i = 0; i < values->n; i++) {
        const Size *count = ir_type_count(d->m, values->data[i]->type);
        Value *vector =
            ir_reshape(b, values->data[i], ir_type(d->m, values->data[i]->type->elem, 1, &count));
        vec_push(d->arena, &flat, ir_convert(b, vector, widest));
    }
    return flat.n == 1 ? flat.data[0] : ir_concat(b, flat.n, flat.data);
}

static void float_results(const Deriver *d, const LowFn *f, TreeList *out) {
    TreeList all = {0};
    tree_active_leaves(d->arena, f->result, &all);
    for (int i = 0; i < all.n; i++)
        if (type_is_float(all.data[i]->type))
            vec_push(d->arena, out, all.data[i]);
}

/* Without a basis vector nothing calls f, whose run-time errors the derivative has all the same. */
static void check_where_empty(const Build *build, const Size *extent) {
    IrBuilder *b = (IrBuilder *)&build->b, branch[2];
    int64_t known;
    if (size_is_const(extent, &known) && known > 0)
        return;
    ir_builder_nested(&branch[0], b);
    ir_builder_nested(&branch[1], b);
    ValueList args = {0};
    append(build->d->arena, &args, &build->own);
    append(build->d->arena, &args, &build->captured);
    ir_call(&branch[0], build->f->func, size_args(build), args.n, args.data);
    Value *empty = ir_ew2(b, OP_eq, ir_size(b, extent), ir_int(b, S_i64, 0));
    ir_if(b, empty, &branch[0], &branch[1]);
}

static Value *basis_row(const Build *build, IrBuilder *b, const Chosen *chosen, const Seeds *seeds,
                        Value *k, bool forward) {
    ValueList seed = {0}, row = {0};
    basis(build->d, b, seeds, k, &seed);
    if (forward)
        emit_jvp(build, b, &build->own, chosen, &seed, false, &row);
    else
        emit_vjp(build, b, &build->own, chosen, &seed, false, &row);
    return flatten(build->d, b, &row);
}

/* How many basis vectors the seeds have; 0 where that overflows, which was reported. */
static const Size *seed_count(const Deriver *d, const Seeds *seeds) {
    TreeList own = {.n = seeds->end - seeds->first, .data = seeds->leaves->data + seeds->first};
    const Size *count = total(d, &own);
    return count ? count : size_const(&d->ctx->polys, 0);
}

static Value *basis_loop(const Build *build, const Chosen *chosen, const Seeds *seeds,
                         bool forward) {
    IrBuilder *b = (IrBuilder *)&build->b;
    LoopSpec spec = {.extent = seed_count(build->d, seeds)};
    IrBuilder body;
    int64_t count;
    if (size_is_const(spec.extent, &count) && count == 1) {
        Value *row = basis_row(build, b, chosen, seeds, ir_int(b, S_i64, 0), forward);
        return ir_array(b, 1, &row);
    }
    ir_loop_begin(b, &spec, &body);
    ir_yield(&body, basis_row(build, &body, chosen, seeds, ir_body_index(&body), forward));
    return ir_loop_end(b, &spec, &body)->out[0];
}

/* Note [Seeds by leaves]
 * A long array has a loop over basis vectors of its own: in it the other leaves are 0 by structure,
 * and the seed a unit vector as long as the loop, which products know how to take apart
 * (ir/fold_contract.c). Leaves of a few numbers share a loop. As each loop holds the derivative
 * once more, there are only so many of them; otherwise one has all the seeds. */
enum { MOST_SEED_LOOPS = 3, LONG_LEAF = 16 };

static bool is_long_leaf(const Deriver *d, const Tree *leaf) {
    const Size *size = ir_type_count(d->m, leaf->type);
    int64_t count;
    return !size || !size_is_const(size, &count) || count >= LONG_LEAF;
}

/* The end of the seeds that share a loop with leaf `first`. */
static int seeds_end(const Deriver *d, const TreeList *leaves, int first) {
    int end = first + 1;
    while (!is_long_leaf(d, leaves->data[first]) && end < leaves->n &&
           !is_long_leaf(d, leaves->data[end]))
        end++;
    return end;
}

/* One row a basis vector: of cotangents (rows of the Jacobian) or of tangents (its columns). */
static Value *basis_rows(const Build *build, const Chosen *chosen, const TreeList *leaves,
                         bool forward) {
    const Deriver *d = build->d;
    Seeds all = {leaves, 0, leaves->n};
    Value *rows[MOST_SEED_LOOPS];
    int loops = 0, n = 0;
    check_where_empty(build, seed_count(d, &all));
    for (int first = 0; first < leaves->n; first = seeds_end(d, leaves, first))
        loops++;
    if (loops <= 1 || loops > MOST_SEED_LOOPS || !total(d, leaves))
        return basis_loop(build, chosen, &all, forward);
    for (int first = 0; first < leaves->n; first = seeds_end(d, leaves, first))
        rows[n++] = basis_loop(build, chosen, &(Seeds){leaves, first, seeds_end(d, leaves, first)},
                               forward);
    return ir_concat((IrBuilder *)&build->b, n, rows);
}

static bool prefer_forward(const TreeList *rows, const Size *m, const Size *n) {
    int64_t m_const, n_const;
    if (size_is_const(m, &m_const) && size_is_const(n, &n_const))
        return n_const <= m_const;
    return !(rows->n == 1 && rows->data[0]->type->rank == 0);
}

static LowFn *derive_jacobian(const Deriver *d, DeriveOp op, const LowFn *f, int n_wrt,
                              const int *wrt) {
    Build build;
    begin(&build, d, f, f, "jacobian", NULL);
    add_own_params(&build);
    add_captured_params(&build);
    Chosen chosen;
    choose(d, f, n_wrt, wrt, &chosen);
    TreeList rows = {0};
    float_results(d, f, &rows);
    const Size *m = total(d, &rows), *n = total(d, &chosen.leaves);
    if (!m || !n) {
        diag_error(&d->ctx->diags, DIAG_size_overflow, d->loc,
                   "the size of this Jacobian overflows");
        m = n = size_const(&d->ctx->polys, 0);
    }
    bool forward = op == DERIVE_jacfwd || (op != DERIVE_jacrev && prefer_forward(&rows, m, n));
    Value *jac = basis_rows(&build, &chosen, forward ? &chosen.leaves : &rows, forward);
    if (forward) {
        const int8_t swap[IR_MAX_RANK] = {1, 0};
        jac = ir_transpose(&build.b, jac, swap);
    }
    ir_yield(&build.b, jac);
    Tree *shape = tree_leaf(d->arena, jac->type);
    add_result(&build, atom_of(&d->ctx->atoms, "jac"), shape);
    return finish(&build, shape);
}

/* Forward over reverse: row k is the Hessian times the k-th basis vector, which is its k-th column;
 * it is symmetric. */
static LowFn *derive_hessian(const Deriver *d, const LowFn *f, int n_wrt, const int *wrt) {
    const LowFn *gradient = derive_gradient(d, f, n_wrt, wrt, false);
    Build build;
    begin(&build, d, gradient, f, "hessian", NULL);
    add_own_params(&build);
    add_captured_params(&build);
    Chosen chosen;
    choose(d, gradient, n_wrt, wrt, &chosen);
    if (!total(d, &chosen.leaves))
        diag_error(&d->ctx->diags, DIAG_size_overflow, d->loc,
                   "the size of this Hessian overflows");
    Value *hess = basis_rows(&build, &chosen, &chosen.leaves, true);
    ir_yield(&build.b, hess);
    Tree *shape = tree_leaf(d->arena, hess->type);
    add_result(&build, atom_of(&d->ctx->atoms, "hess"), shape);
    return finish(&build, shape);
}

LowFn *derive_apply(const Deriver *d, DeriveOp op, const LowFn *f, int n_wrt, const int *wrt) {
    switch (op) {
    case DERIVE_grad:
        return derive_gradient(d, f, n_wrt, wrt, false);
    case DERIVE_value_and_grad:
        return derive_gradient(d, f, n_wrt, wrt, true);
    case DERIVE_vjp:
        return derive_vjp(d, f, n_wrt, wrt);
    case DERIVE_jvp:
        return derive_jvp(d, f, n_wrt, wrt);
    case DERIVE_hvp:
        return derive_hvp(d, f, n_wrt, wrt);
    case DERIVE_hessian:
        return derive_hessian(d, f, n_wrt, wrt);
    default:
        return derive_jacobian(d, op, f, n_wrt, wrt);
    }
}

/* ---- batch ---- */

LowFn *derive_batch(const Deriver *d, const LowFn *f, Atom size_name, const Size *extent) {
    SizeSym *axis = extent ? NULL : sizesym_new(&d->ctx->polys, size_name, d->loc);
    Build build;
    extent = extent ? extent : size_sym(&d->ctx->polys, axis);
    begin(&build, d, f, f, "batch", axis);
    for (int i = 0; i < f->params.n; i++)
        add_like(&build, &f->params.data[i], batched(d, f->params.data[i].shape, extent));
    add_captured_params(&build);

    LoopSpec spec = {.extent = extent, .n_slice = build.own.n, .slices = build.own.data};
    IrBuilder body;
    ir_loop_begin(&build.b, &spec, &body);
    ValueList args = {0};
    for (int i = 0; i < build.own.n; i++)
        vec_push(d->arena, &args, body.region->params.data[1 + i]);
    append(d->arena, &args, &build.captured);
    Inst *call = ir_call(&body, f->func, size_args(&build), args.n, args.data);
    for (int i = 0; i < call->n_out; i++)
        ir_yield(&body, call->out[i]);
    Inst *loop = ir_loop_end(&build.b, &spec, &body);
    for (int i = 0; i < loop->n_out; i++)
        ir_yield(&build.b, loop->out[i]);

    for (int i = 0; i < f->results.n; i++)
        add_result(&build, f->results.data[i].name, batched(d, f->results.data[i].shape, extent));
    return finish(&build, batched(d, f->result, extent));
}
