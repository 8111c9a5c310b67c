/* Types of the builtin array functions, one rule a row of parser/builtins.def. Part of the checker.
 *
 * A rule finds the arguments checked and settled, except for those that are sizes (check_sizes does
 * both), and for literals that the result is made of. */
#include "parser/checker.h"

#include <string.h>

typedef struct Call {
    Checker *c;
    Expr *e;
    const char *name;
    Expr **args;
    int n;
} Call;

static const Ty *wrong(Call *call, int i, const char *wanted) {
    settle(call->c, call->args[i]);
    diag_error(call->c->diags, DIAG_operand_types, call->args[i]->loc, "`%s` takes %s, not `%s`",
               call->name, wanted, ty_text(call->c, expr_type(call->args[i])));
    return NULL;
}

static const Ty *arg(Call *call, int i) {
    return expr_type(call->args[i]);
}

static bool is_floats(const Ty *ty, int rank) {
    return ty->kind == TY_array && ty->rank == rank && ty->elem->kind == TY_scalar &&
           sk_is_float(ty->elem->scalar);
}

static bool is_numbers(const Ty *ty) {
    return ty->kind == TY_array && ty->elem->kind == TY_scalar && ty->elem->scalar != SK_bool;
}

/* Makes the size of axis j of argument b that of axis i of argument a. */
static bool same_axis(Call *call, int a, int i, int b, int j) {
    Checker *c = call->c;
    const Size *want = arg(call, a)->dims[i], *have = arg(call, b)->dims[j];
    Agreement agreement = sizes_agree(c, want, have);
    if (agreement == AGREE_no) {
        report_sizes(c, call->e->loc, want, have, arena_printf(c->arena, "`%s`", call->name));
        return false;
    }
    if (agreement == AGREE_at_run_time) {
        const Size *dims[TY_MAX_RANK];
        const Ty *ty = arg(call, b);
        memcpy(dims, ty->dims, sizeof dims[0] * (size_t)ty->rank);
        dims[j] = want;
        cast_to(c, call->args[b], ty_array(c->arena, ty->rank, dims, ty->elem), NULL, NULL);
    }
    return true;
}

static bool same_scalar(Call *call, int a, int b) {
    if (ty_scalar_kind(arg(call, a)) == ty_scalar_kind(arg(call, b))) {
        return true;
    }
    Diag *diag = diag_error(call->c->diags, DIAG_operand_types, call->e->loc,
                            "`%s` does not apply to `%s` and `%s`", call->name,
                            ty_text(call->c, arg(call, a)), ty_text(call->c, arg(call, b)));
    diag_hint(call->c->diags, diag, "convert one of them: `f64(...)`");
    return false;
}

/* Arguments first, first+1 ... as sizes; writes them and returns how many, or -1. */
static int check_sizes(Call *call, int first, const Size **dims) {
    if (call->n - first > TY_MAX_RANK) {
        diag_error(call->c->diags, DIAG_swallowed_axis, call->e->loc,
                   "an array has at most %d axes", (int)TY_MAX_RANK);
        return -1;
    }
    for (int i = first; i < call->n; i++) {
        if (!check_i64(call->c, call->args[i], "the size")) {
            return -1;
        }
        dims[i - first] = expr_as_size(call->c, call->args[i]);
        int64_t value;
        if (size_is_const(dims[i - first], &value) && value < 0) {
            diag_error(call->c->diags, DIAG_not_a_size, call->args[i]->loc,
                       "a size is not negative");
            return -1;
        }
    }
    return call->n - first;
}

/* ---- rules ---- */

static const Ty *rule_len(Call *call) {
    const Ty *ty = arg(call, 0);
    if (ty->kind != TY_array) {
        return wrong(call, 0, "an array");
    }
    call->e->size = ty->dims[0];
    return ty_scalar(SK_i64);
}

/* zeros and ones are literals of their shape: they take the width that stands beside them. */
static const Ty *rule_filled(Call *call) {
    const Size *dims[TY_MAX_RANK];
    int n = check_sizes(call, 0, dims);
    return n < 0 ? NULL : ty_array(call->c->arena, n, dims, ty_scalar(SK_float_literal));
}

static const Ty *rule_iota(Call *call) {
    const Size *dims[TY_MAX_RANK];
    int n = check_sizes(call, 0, dims);
    return n < 0 ? NULL : ty_array(call->c->arena, 1, dims, ty_scalar(SK_i64));
}

static const Ty *rule_eye(Call *call) {
    const Size *dims[TY_MAX_RANK];
    int n = check_sizes(call, 0, dims);
    dims[1] = dims[0];
    return n < 0 ? NULL : ty_array(call->c->arena, 2, dims, ty_scalar(SK_float_literal));
}

static const Ty *rule_transpose(Call *call) {
    const Ty *ty = arg(call, 0);
    if (ty->kind != TY_array || ty->rank < 2) {
        return wrong(call, 0, "a matrix");
    }
    const Size *dims[TY_MAX_RANK];
    memcpy(dims, ty->dims, sizeof dims[0] * (size_t)ty->rank);
    dims[ty->rank - 2] = ty->dims[ty->rank - 1];
    dims[ty->rank - 1] = ty->dims[ty->rank - 2];
    return ty_array(call->c->arena, ty->rank, dims, ty->elem);
}

static const Size *product(Checker *c, int n, const Size *const *dims) {
    const Size *size = size_const(c->polys, 1);
    for (int i = 0; i < n && size; i++) {
        size = size_mul(c->polys, size, dims[i]);
    }
    return size;
}

static const Ty *rule_reshape(Call *call) {
    Checker *c = call->c;
    const Ty *ty = arg(call, 0);
    const Size *dims[TY_MAX_RANK];
    if (ty->kind != TY_array) {
        return wrong(call, 0, "an array");
    }
    int n = check_sizes(call, 1, dims);
    if (n < 0) {
        return NULL;
    }
    const Size *from = product(c, ty->rank, ty->dims), *to = product(c, n, dims);
    if (!from || !to) {
        diag_error(c->diags, DIAG_size_overflow, call->e->loc, "the size is beyond 64 bits");
        return NULL;
    }
    Agreement agreement = sizes_agree(c, from, to);
    if (agreement == AGREE_no) {
        report_sizes(c, call->e->loc, from, to, "`reshape` keeps the number of elements");
        return NULL;
    }
    if (agreement == AGREE_at_run_time) {
        SizeCheck check = {from, to, call->e->loc, "reshape changes the number of elements"};
        mark_size_used(c, from);
        mark_size_used(c, to);
        vec_push(c->arena, &call->e->checks, check);
    }
    return ty_array(c->arena, n, dims, ty->elem);
}

static const Ty *rule_concat(Call *call) {
    Checker *c = call->c;
    const Size *first = size_const(c->polys, 0);
    for (int i = 0; i < call->n; i++) {
        const Ty *ty = arg(call, i);
        if (ty->kind != TY_array) {
            return wrong(call, i, "arrays");
        }
        if (i > 0 && (ty->rank != arg(call, 0)->rank || !same_scalar(call, 0, i))) {
            return ty->rank != arg(call, 0)->rank ? wrong(call, i, "arrays of one number of axes")
                                                  : NULL;
        }
        for (int k = 1; i > 0 && k < ty->rank; k++) {
            if (!same_axis(call, 0, k, i, k)) {
                return NULL;
            }
        }
        first = first ? size_add(c->polys, first, ty->dims[0]) : NULL;
    }
    const Size *dims[TY_MAX_RANK];
    memcpy(dims, arg(call, 0)->dims, sizeof dims[0] * (size_t)arg(call, 0)->rank);
    dims[0] = first;
    if (!first) {
        diag_error(c->diags, DIAG_size_overflow, call->e->loc, "the size is beyond 64 bits");
        return NULL;
    }
    return ty_array(c->arena, arg(call, 0)->rank, dims, arg(call, 0)->elem);
}

static const Ty *rule_stack(Call *call) {
    Checker *c = call->c;
    for (int i = 1; i < call->n; i++) {
        if (!expect_type(c, call->args[i], arg(call, 0), "the argument of `stack`",
                         call->args[0]->loc, "the first decides")) {
            return NULL;
        }
    }
    const Size *dim = size_const(c->polys, call->n);
    return array_of(c, call->e->loc, 1, &dim, arg(call, 0));
}

static const Ty *rule_same(Call *call) {
    return arg(call, 0)->kind == TY_array ? arg(call, 0) : wrong(call, 0, "an array");
}

/* Also of what is made of numbers. */
static const Ty *rule_sums(Call *call) {
    const Ty *ty = arg(call, 0);
    return ty->kind == TY_array && numbers_only(ty) ? ty : wrong(call, 0, "an array of numbers");
}

static const Ty *rule_numbers(Call *call) {
    return is_numbers(arg(call, 0)) ? arg(call, 0) : wrong(call, 0, "an array of numbers");
}

static const Ty *rule_diag(Call *call) {
    const Ty *ty = arg(call, 0);
    if (!is_numbers(ty) || ty->rank > 2) {
        return wrong(call, 0, "a vector or a square matrix");
    }
    if (ty->rank == 2) {
        return same_axis(call, 0, 0, 0, 1) ? ty_drop_axes(call->c->arena, arg(call, 0), 1) : NULL;
    }
    const Size *dims[2] = {ty->dims[0], ty->dims[0]};
    return ty_array(call->c->arena, 2, dims, ty->elem);
}

static const Ty *rule_trace(Call *call) {
    const Ty *ty = arg(call, 0);
    if (!is_numbers(ty) || ty->rank != 2) {
        return wrong(call, 0, "a square matrix");
    }
    return same_axis(call, 0, 0, 0, 1) ? ty->elem : NULL;
}

static const Ty *rule_square(Call *call) {
    if (!is_floats(arg(call, 0), 2)) {
        return wrong(call, 0, "a square matrix of floats");
    }
    return same_axis(call, 0, 0, 0, 1) ? arg(call, 0) : NULL;
}

static const Ty *rule_det(Call *call) {
    const Ty *ty = rule_square(call);
    return ty ? ty->elem : NULL;
}

static const Ty *rule_solve(Call *call) {
    if (!is_floats(arg(call, 0), 2)) {
        return wrong(call, 0, "a square matrix of floats");
    }
    if (!is_floats(arg(call, 1), 1) && !is_floats(arg(call, 1), 2)) {
        return wrong(call, 1, "a vector or a matrix of floats");
    }
    bool ok = same_scalar(call, 0, 1) && same_axis(call, 0, 0, 0, 1) && same_axis(call, 0, 0, 1, 0);
    return ok ? arg(call, 1) : NULL;
}

static bool two_vectors(Call *call) {
    for (int i = 0; i < 2; i++) {
        if (!is_numbers(arg(call, i)) || arg(call, i)->rank != 1) {
            wrong(call, i, "vectors");
            if (is_numbers(arg(call, i)) && is_numbers(arg(call, 1 - i))) {
                DiagList *diags = call->c->diags;
                diag_hint(diags, diags->items.data[diags->items.n - 1],
                          "products of matrices are written `A @ x`");
            }
            return false;
        }
    }
    return same_scalar(call, 0, 1);
}

static const Ty *rule_dot(Call *call) {
    return two_vectors(call) && same_axis(call, 0, 0, 1, 0) ? arg(call, 0)->elem : NULL;
}

static const Ty *rule_cross(Call *call) {
    if (!two_vectors(call)) {
        return NULL;
    }
    const Size *three = size_const(call->c->polys, 3);
    for (int i = 0; i < 2; i++) {
        if (!cast_to(call->c, call->args[i],
                     ty_array(call->c->arena, 1, &three, arg(call, i)->elem), NULL, NULL)) {
            return wrong(call, i, "vectors of size 3");
        }
    }
    return arg(call, 0);
}

static const Ty *rule_outer(Call *call) {
    if (!two_vectors(call)) {
        return NULL;
    }
    const Size *dims[2] = {arg(call, 0)->dims[0], arg(call, 1)->dims[0]};
    return ty_array(call->c->arena, 2, dims, arg(call, 0)->elem);
}

/* Of an array; of anything made of floats of one width, over all of them. */
static const Ty *rule_norm2(Call *call) {
    const Ty *x = arg(call, 0);
    if (is_numbers(x)) {
        return x->elem;
    }
    int kind = ty_float_kind(x);
    bool floats = kind >= 0 && numbers_only(x) && ty_all_floats(x);
    return floats ? ty_scalar((ScalarKind)kind)
                  : wrong(call, 0, "an array of numbers, or a value made of floats");
}

static const Ty *rule_stop(Call *call) {
    return arg(call, 0);
}

/* ---- the table ---- */

typedef struct Row {
    const char *name;
    int least, most;
    const Ty *(*rule)(Call *call);
} Row;

static const Row rows[BI_COUNT] = {
#define BUILTIN(name, least, most, rule) [BI_##name] = {#name, least, most, rule_##rule},
#include "parser/builtins.def"
#undef BUILTIN
};

/* How many of the leading arguments are values; the rest are sizes. */
static int value_args(Builtin builtin, int n) {
    switch (builtin) {
    case BI_zeros:
    case BI_ones:
    case BI_iota:
    case BI_eye:
        return 0;
    case BI_reshape:
        return 1;
    default:
        return n;
    }
}

/* Builtins whose result is made of the elements of their arguments: of literals they are literals,
 * as operations are. */
static bool passes_literals(Builtin builtin) {
    switch (builtin) {
    case BI_transpose:
    case BI_reshape:
    case BI_concat:
    case BI_reverse:
    case BI_diag:
    case BI_trace:
    case BI_sort:
    case BI_cumsum:
    case BI_dot:
    case BI_cross:
    case BI_outer:
    case BI_norm2:
    case BI_stop:
        return true;
    default:
        return false;
    }
}

int builtin_literal_args(const Expr *call) {
    Builtin builtin = call->as.call.builtin;
    return passes_literals(builtin) ? value_args(builtin, call->as.call.args.n) : 0;
}

/* Whether all arguments are literals, which stay so: with one kind. */
static bool keep_literals(Call *call, int values) {
    bool any_float = false;
    for (int i = 0; i < values; i++) {
        const Ty *ty = call->args[i]->ty;
        if (!is_literal_type(ty) || ty->kind == TY_tuple) {
            return false;
        }
        any_float = any_float || ty_scalar_kind(ty) == SK_float_literal;
    }
    for (int i = 0; any_float && i < values; i++) {
        set_literal(call->c, call->args[i], SK_float_literal);
    }
    return values > 0;
}

static bool check_args(Call *call, int values) {
    bool ok = true;
    for (int i = 0; i < values; i++) {
        check_expr(call->c, call->args[i]);
        ok = ok && !ty_has_error(call->args[i]->ty);
    }
    if (ok && passes_literals(call->e->as.call.builtin) && keep_literals(call, values)) {
        return true;
    }
    /* dot(ones(n), x): literals take the width of the first array that has one */
    for (int i = 0; ok && i < values; i++) {
        for (int j = 0; j < values; j++) {
            if (!is_literal_type(call->args[j]->ty)) {
                coerce(call->c, call->args[i], expr_type(call->args[j]));
                break;
            }
        }
        settle(call->c, call->args[i]);
    }
    return ok;
}

const Ty *check_builtin(Checker *c, Expr *e) {
    const Row *row = &rows[e->as.call.builtin];
    Call call = {c, e, row->name, NULL, e->as.call.args.n};
    if (call.n < row->least || (row->most >= 0 && call.n > row->most)) {
        diag_error(c->diags, DIAG_argument_count, e->loc, "`%s` takes %s%d argument%s, not %d",
                   row->name, row->most < 0 ? "at least " : "", row->least,
                   row->least == 1 ? "" : "s", call.n);
        return fail(e);
    }
    call.args = ARENA_ARRAY(c->arena, call.n, Expr *);
    for (int i = 0; i < call.n; i++) {
        call.args[i] = e->as.call.args.data[i].value;
    }
    if (!check_args(&call, value_args(e->as.call.builtin, call.n))) {
        return fail(e);
    }
    const Ty *ty = row->rule(&call);
    return ty ? (e->ty = ty) : fail(e);
}
