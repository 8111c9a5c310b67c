/* Lowering of products of matrices and of the builtin functions of parser/builtins.def.
 *
 * Products become contractions, with transposes of their operands taken into the labels, so that
 * differentiation and code generation meet one operation. */
#include "parser/lower_internal.h"

#include <string.h>

/* ---- products ---- */

/* An operand and the labels of its axes. */
typedef struct Operand {
    Value *value;
    char labels[IR_MAX_RANK + 1];
} Operand;

/* x of x', where nothing stands between. */
static bool is_plain_transpose(const Expr *e) {
    return e->kind == E_transpose && !e->cast && e->checks.n == 0 && !e->binds;
}

/* The last axes are labelled row and column (a vector has only `vector`), those before by batch,
 * aligned at the end. */
static void label_operand(Lower *L, Expr *e, char row, char column, char vector, Operand *out) {
    bool swapped = is_plain_transpose(e);
    out->value = lower_value(L, swapped ? e->as.unary.x : e);
    int rank = out->value->type->rank, n = 0;
    for (int k = 0; k < rank - 2; k++)
        out->labels[n++] = (char)('a' + (IR_MAX_RANK - (rank - 2)) + k);
    if (rank == 1) {
        out->labels[n++] = vector;
    } else {
        out->labels[n++] = swapped ? column : row;
        out->labels[n++] = swapped ? row : column;
    }
    out->labels[n] = '\0';
}

/* Batch labels of the longer list, then the labels of the result's last axes. */
static void product_labels(const Operand *a, const Operand *b, char *out) {
    size_t na = strlen(a->labels), nb = strlen(b->labels);
    const Operand *longer = na >= nb ? a : b;
    size_t batch = strlen(longer->labels) > 2 ? strlen(longer->labels) - 2 : 0, n = 0;
    for (size_t i = 0; i < batch; i++)
        out[n++] = longer->labels[i];
    if (na >= 2)
        out[n++] = 'x';
    if (nb >= 2)
        out[n++] = 'z';
    out[n] = '\0';
}

Value *lower_matmul(Lower *L, Expr *e) {
    Operand a, b;
    char result[IR_MAX_RANK + 3], spec[4 * IR_MAX_RANK];
    label_operand(L, e->as.binary.a, 'x', 'y', 'y', &a);
    label_operand(L, e->as.binary.b, 'y', 'z', 'y', &b);
    product_labels(&a, &b, result);
    strcpy(spec, a.labels);
    strcat(spec, ",");
    strcat(spec, b.labels);
    strcat(spec, "->");
    strcat(spec, result);
    return ir_contract(L->b, spec, a.value, b.value);
}

static Value *norm2(Lower *L, Value *x) {
    static const char *const specs[] = {
        NULL,
        "i,i->",
        "ij,ij->",
        "ijk,ijk->",
        "ijkl,ijkl->",
        "ijklm,ijklm->",
        "ijklmn,ijklmn->",
        "ijklmno,ijklmno->",
        "ijklmnop,ijklmnop->",
    };
    return x->type->rank == 0 ? ir_ew2(L->b, OP_mul, x, x)
                              : ir_contract(L->b, specs[x->type->rank], x, x);
}

static Value *element(Lower *L, Value *x, int64_t i) {
    Value *index = ir_int(L->b, S_i64, i);
    return ir_index(L->b, x, 1, &index);
}

static Value *cross(Lower *L, Value *x, Value *y) {
    Value *parts[3];
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        Value *plus = ir_ew2(L->b, OP_mul, element(L, x, j), element(L, y, k));
        Value *minus = ir_ew2(L->b, OP_mul, element(L, x, k), element(L, y, j));
        parts[i] = ir_ew2(L->b, OP_sub, plus, minus);
    }
    return ir_array(L->b, 3, parts);
}

/* ---- diagonals ---- */

/* [n,n]bool: where row and column are the same. */
static Value *diagonal_mask(Lower *L, const Size *n) {
    const int8_t swap[IR_MAX_RANK] = {1, 0};
    const Size *dims[2] = {n, n};
    Value *columns = ir_broadcast(L->b, ir_iota(L->b, n), ir_type(L->m, S_i64, 2, dims));
    return ir_ew2(L->b, OP_eq, columns, ir_transpose(L->b, columns, swap));
}

static Value *eye(Lower *L, const Type *type) {
    Value *one = ir_const(L->b, type, 1.0), *zero = ir_const(L->b, type, 0.0);
    return ir_ew3(L->b, OP_select, diagonal_mask(L, type->dims[0]), one, zero);
}

static Value *diagonal(Lower *L, Value *x) {
    LoopSpec spec = {.extent = x->type->dims[0], .n_slice = 1, .slices = &x};
    IrBuilder body;
    ir_loop_begin(L->b, &spec, &body);
    Value *i = ir_body_index(&body);
    ir_yield(&body, ir_index(&body, body.region->params.data[1], 1, &i));
    return ir_loop_end(L->b, &spec, &body)->out[0];
}

static Value *diag(Lower *L, Value *x) {
    if (x->type->rank > 1)
        return diagonal(L, x);
    const Type *type = ir_add_axis(L->m, x->type, x->type->dims[0]);
    Value *rows = ir_broadcast(L->b, x, type);
    return ir_ew3(L->b, OP_select, diagonal_mask(L, x->type->dims[0]), rows,
                  ir_const(L->b, type, 0.0));
}

/* ---- builtins of whole arrays, leaf by leaf ---- */

static Tree *reverse_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    return tree_value(L->arena, ir_reverse(L->b, leaf->value));
}

static Tree *stop_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    return tree_value(L->arena, ir_stop(L->b, leaf->value));
}

static Tree *cumsum_leaf(void *user, const Tree *leaf) {
    Lower *L = user;
    Value *x = leaf->value, *zero = ir_const(L->b, ir_drop_axes(L->m, x->type, 1), 0.0);
    LoopSpec spec = {
        .extent = x->type->dims[0], .n_slice = 1, .slices = &x, .n_carry = 1, .carries = &zero};
    IrBuilder body;
    ir_loop_begin(L->b, &spec, &body);
    Value *sum = ir_ew2(&body, OP_add, body.region->params.data[2], body.region->params.data[1]);
    ir_yield(&body, sum);
    ir_yield(&body, sum);
    return tree_value(L->arena, ir_loop_end(L->b, &spec, &body)->out[1]);
}

static Tree *reshape_leaf(void *user, const Tree *leaf, const Tree *shape) {
    Lower *L = user;
    const Size *from = ir_type_count(L->m, leaf->value->type),
               *to = ir_type_count(L->m, shape->type);
    if (from && to && from != to) {
        Value *same = ir_ew2(L->b, OP_eq, ir_size(L->b, from), ir_size(L->b, to));
        ir_check(L->b, same, "reshape to another number of elements");
    }
    return tree_value(L->arena, ir_reshape(L->b, leaf->value, shape->type));
}

static Tree *concat_trees(Lower *L, int n, Tree *const *args) {
    const Tree *first = args[0];
    if (first->kind == TREE_leaf) {
        Value **values = ARENA_ARRAY(L->arena, n, Value *);
        for (int i = 0; i < n; i++)
            values[i] = args[i]->value;
        return tree_value(L->arena, ir_concat(L->b, n, values));
    }
    Tree **parts = ARENA_ARRAY(L->arena, first->n + 1, Tree *),
         **column = ARENA_ARRAY(L->arena, n, Tree *);
    for (int p = 0; p < first->n; p++) {
        for (int i = 0; i < n; i++)
            column[i] = args[i]->parts[p];
        parts[p] = concat_trees(L, n, column);
    }
    if (first->kind == TREE_tuple)
        return tree_tuple(L->arena, first->n, parts);
    return tree_record(L->arena, first->n, parts, first->names, first->struct_name);
}

/* ---- the table ---- */

static const Type *leaf_type(const Tree *tree) {
    while (tree->kind != TREE_leaf)
        tree = tree->parts[0];
    return tree->value->type;
}

/* Sizes as arguments: evaluated before the type of the result is, and not negative. */
static void lower_size_args(Lower *L, Expr *e, int from) {
    for (int i = from; i < e->as.call.args.n; i++) {
        Expr *arg = e->as.call.args.data[i].value;
        low_check_size(L, ir_convert(L->b, lower_value(L, arg), S_i64), arg->loc);
    }
}

/* zeros ones iota eye: made of sizes only. */
static Tree *lower_filled(Lower *L, Expr *e) {
    lower_size_args(L, e, 0);
    const Type *type = env_type(L, e->ty);
    Value *v;
    switch (e->as.call.builtin) {
    case BI_iota:
        v = ir_convert(L->b, ir_iota(L->b, type->dims[0]), type->elem);
        break;
    case BI_eye:
        v = eye(L, type);
        break;
    default:
        v = ir_const(L->b, type, e->as.call.builtin == BI_ones ? 1.0 : 0.0);
    }
    return tree_value(L->arena, v);
}

/* The sum over the leaves. */
static Value *norm2_tree(Lower *L, const Tree *x) {
    if (x->kind == TREE_leaf)
        return norm2(L, x->value);
    Value *sum = NULL;
    for (int i = 0; i < x->n; i++) {
        Value *part = norm2_tree(L, x->parts[i]);
        sum = sum ? ir_ew2(L->b, OP_add, sum, part) : part;
    }
    return sum;
}

/* Functions of one or two arrays of scalars. */
static Value *lower_numeric(Lower *L, Expr *e, Value *x, Value *y) {
    switch (e->as.call.builtin) {
    case BI_diag:
        return diag(L, x);
    case BI_trace:
        return ir_reduce(L->b, RED_sum, diagonal(L, x), 1);
    case BI_dot:
        return ir_contract(L->b, "i,i->", x, y);
    case BI_cross:
        return cross(L, x, y);
    case BI_outer:
        return ir_contract(L->b, "i,j->ij", x, y);
    default: {
        Value *v = e->as.call.builtin == BI_sort ? low_sort(L, x)
                                                 : lower_linalg(L, e->as.call.builtin, x, y);
        return v ? v : ir_const(L->b, env_type(L, e->ty), 0.0);
    }
    }
}

Tree *lower_builtin(Lower *L, Expr *e) {
    Builtin builtin = e->as.call.builtin;
    if (builtin == BI_zeros || builtin == BI_ones || builtin == BI_iota || builtin == BI_eye)
        return lower_filled(L, e);
    int n = e->as.call.args.n;
    Tree **args = ARENA_ARRAY(L->arena, n + 1, Tree *);
    args[0] = lower_expr(L, e->as.call.args.data[0].value);
    if (builtin == BI_reshape) {
        lower_size_args(L, e, 1);
        return tree_map2(L->arena, args[0], env_shape(L, e->ty), reshape_leaf, L);
    }
    for (int i = 1; i < n; i++)
        args[i] = lower_expr(L, e->as.call.args.data[i].value);
    switch (builtin) {
    case BI_len:
        return tree_value(L->arena, ir_size(L->b, leaf_type(args[0])->dims[0]));
    case BI_transpose:
        return low_transpose(L, args[0]);
    case BI_concat:
        return low_conform_tree(L, concat_trees(L, n, args), env_shape(L, e->ty));
    case BI_stack:
        return low_stack(L, n, args, env_shape(L, e->ty));
    case BI_reverse:
        return tree_map(L->arena, args[0], reverse_leaf, L);
    case BI_cumsum:
        return tree_map(L->arena, args[0], cumsum_leaf, L);
    case BI_stop:
        return tree_map(L->arena, args[0], stop_leaf, L);
    case BI_norm2:
        return tree_value(L->arena, norm2_tree(L, args[0]));
    default:
        return tree_value(L->arena,
                          lower_numeric(L, e, args[0]->value, n > 1 ? args[1]->value : NULL));
    }
}
