/* Lowering of the builtins of dense linear algebra, and of sort.
 *
 * They are calls of functions written in bp, in std/linalg.bp, which is parsed, checked and lowered
 * when the first of them is met, once for each width of floats: inside it `real` is that width.
 * What may fail (a matrix that is singular or not positive definite) is a check beside the call, so
 * that its message names the place in the program. Must not know the algorithms or their
 * derivatives: those are in the bp file. */
#include "parser/check.h"
#include "parser/imports.h"
#include "parser/lower_internal.h"
#include "parser/parser.h"

#include <assert.h>

static AstModule *load(Lower *L, Scalar width) {
    Context *ctx = L->ctx;
    size_t len;
    const char *text = std_text("std/linalg", &len);
    Source *source = source_add(&ctx->sources, "std/linalg.bp", text, len);
    bool narrow = ctx->real_is_f32;
    int errors = ctx->diags.errors;
    AstModule *module = NULL;
    ctx->real_is_f32 = width == S_f32;
    if (source) {
        module = parse_source(ctx, source);
        if (ctx->diags.errors > errors || !check_module(ctx, module))
            module = NULL;
    }
    ctx->real_is_f32 = narrow;
    return module;
}

static FnDecl *find(Lower *L, const char *name, Scalar width) {
    AstModule **module = &L->linalg[width == S_f64];
    if (!*module)
        *module = load(L, width);
    Atom atom = atom_of(&L->ctx->atoms, name);
    for (int i = 0; *module && i < (*module)->fns.n; i++)
        if ((*module)->fns.data[i]->name.atom == atom)
            return (*module)->fns.data[i];
    return NULL;
}

/* Everything in std/linalg.bp that a function is lowered to is placed where it is called. */
static const LowFn *lowered(Lower *L, const char *name, Scalar width) {
    FnDecl *decl = find(L, name, width);
    if (!decl)
        return NULL;
    int before = L->m->funcs.n;
    const LowFn *fn = lower_fn(L, decl);
    for (int i = before; i < L->m->funcs.n; i++)
        L->m->funcs.data[i]->is_inner = true;
    return fn;
}

/* The sizes of these functions are the extents of their first argument, [n,n], and of the columns
 * of their last. */
static Tree *call(Lower *L, const char *name, int n, Value *const *args) {
    const LowFn *fn = lowered(L, name, args[0]->type->elem);
    if (!fn)
        return NULL;
    const Type *last = args[n - 1]->type;
    const Size *sizes[2] = {args[0]->type->dims[0], last->dims[last->rank - 1]};
    Tree **trees = ARENA_ARRAY(L->arena, n, Tree *);
    for (int i = 0; i < n; i++)
        trees[i] = tree_value(L->arena, args[i]);
    return lower_call(L, fn, sizes, n, trees);
}

static Value *call_value(Lower *L, const char *name, int n, Value *const *args) {
    Tree *result = call(L, name, n, args);
    return result ? result->value : NULL;
}

/* check(all(diagonal of x `op` 0)) */
static void check_diagonal(Lower *L, Value *x, Op op, const char *text) {
    LoopSpec spec = {.extent = x->type->dims[0], .n_slice = 1, .slices = &x};
    IrBuilder body;
    ir_loop_begin(L->b, &spec, &body);
    Value *i = ir_body_index(&body);
    Value *element = ir_index(&body, body.region->params.data[1], 1, &i);
    ir_yield(&body, ir_ew2(&body, op, element, ir_const(&body, element->type, 0.0)));
    Value *each = ir_loop_end(L->b, &spec, &body)->out[0];
    ir_check(L->b, ir_reduce(L->b, RED_all, each, 1), text);
}

static Value *cholesky(Lower *L, Value *A) {
    Value *factor = call_value(L, "factor", 1, &A);
    if (factor)
        check_diagonal(L, factor, OP_gt, "the matrix is not positive definite");
    return factor;
}

static Value *triangular(Lower *L, bool twice, Value *factor, Value *b) {
    bool one = b->type->rank == 1;
    check_diagonal(L, factor, OP_ne, "the triangular matrix is singular");
    Value *x = call_value(L, one ? "lower_solve_1" : "lower_solve", 2, (Value *[]){factor, b});
    if (!twice || !x)
        return x;
    return call_value(L, one ? "upper_solve_1" : "upper_solve", 2, (Value *[]){factor, x});
}

/* solve logdet det inv: functions of A, its factors and their permutation. */
static Value *general(Lower *L, const char *name, bool must_be_regular, Value *A, Value *b) {
    Value *constant = ir_stop(L->b, A);
    Tree *factors = call(L, "lu", 1, &constant);
    if (!factors)
        return NULL;
    Value *args[] = {A, factors->parts[0]->value, factors->parts[1]->value, b};
    if (must_be_regular)
        check_diagonal(L, args[1], OP_ne, "the matrix is singular");
    return call_value(L, name, b ? 4 : 3, args);
}

/* ---- sort ---- */

/* By a permutation that is a constant to differentiation, as the language has it. */
static Value *sort_vector(Lower *L, Value *x) {
    bool is_float = type_is_float(x->type);
    Value *key = is_float ? ir_stop(L->b, x) : ir_convert(L->b, x, S_i64);
    const LowFn *fn =
        lowered(L, is_float ? "order" : "order_integers", is_float ? x->type->elem : S_f64);
    if (!fn)
        return NULL;
    Tree *arg = tree_value(L->arena, key);
    Value *order = lower_call(L, fn, x->type->dims, 1, &arg)->value;
    LoopSpec spec = {.extent = x->type->dims[0], .n_slice = 1, .slices = &order};
    IrBuilder body;
    ir_loop_begin(L->b, &spec, &body);
    ir_yield(&body, ir_index(&body, x, 1, &body.region->params.data[1]));
    return ir_loop_end(L->b, &spec, &body)->out[0];
}

static const Size *row_size(Lower *L, const Type *type) {
    const Size *size = ir_type_count(L->m, ir_drop_axes(L->m, type, 1));
    return size ? size : size_const(&L->ctx->polys, 0);
}

/* Along the first axis: every column of the array as a matrix. */
Value *low_sort(Lower *L, Value *x) {
    if (x->type->rank == 1)
        return sort_vector(L, x);
    const int8_t swap[IR_MAX_RANK] = {1, 0};
    const Size *dims[2] = {x->type->dims[0], row_size(L, x->type)};
    Value *matrix = ir_reshape(L->b, x, ir_type(L->m, x->type->elem, 2, dims));
    Value *columns = ir_transpose(L->b, matrix, swap);
    LoopSpec spec = {.extent = dims[1], .n_slice = 1, .slices = &columns};
    IrBuilder body, *outer = L->b;
    ir_loop_begin(outer, &spec, &body);
    L->b = &body;
    Value *sorted = sort_vector(L, body.region->params.data[1]);
    L->b = outer;
    if (!sorted)
        return NULL;
    ir_yield(&body, sorted);
    Value *rows = ir_transpose(outer, ir_loop_end(outer, &spec, &body)->out[0], swap);
    return ir_reshape(outer, rows, x->type);
}

/* ---- the table ---- */

Value *lower_linalg(Lower *L, Builtin builtin, Value *x, Value *y) {
    switch (builtin) {
    case BI_cholesky:
        return cholesky(L, x);
    case BI_trisolve:
        return triangular(L, false, x, y);
    case BI_cholsolve:
        return triangular(L, true, x, y);
    case BI_solve:
        return general(L, y->type->rank == 1 ? "lu_solve_1" : "lu_solve", true, x, y);
    case BI_logdet:
        return general(L, "lu_logdet", true, x, NULL);
    case BI_det:
        return general(L, "lu_det", false, x, NULL);
    default:
        assert(builtin == BI_inv);
        return general(L, "lu_inv", true, x, NULL);
    }
}
