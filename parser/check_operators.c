/* Operators: what elementwise operations do to shapes and precisions, arithmetic, comparisons, `@`
 * and transposition. Part of the checker; called by check_expr.c, and `combine` by the builtins. */
#include "parser/checker.h"

#include <string.h>

/* ---- elementwise operations ---- */

/* Literals take the kind of the first operand that is none; beside each other they stay literals.
 */
static void adapt_literals(Checker *c, int n, Expr *const *operands) {
    const Ty *concrete = NULL;
    bool any_float = false;
    for (int i = 0; i < n; i++) {
        if (!is_literal_type(operands[i]->ty) && !ty_is(operands[i]->ty, SK_bool) && !concrete) {
            concrete = expr_type(operands[i]);
        }
        any_float = any_float || ty_scalar_kind(operands[i]->ty) == SK_float_literal;
    }
    for (int i = 0; i < n; i++) {
        if (concrete) {
            coerce(c, operands[i], concrete);
        } else if (operands[i]->ty->kind == TY_tuple) {
            settle(c, operands[i]);
        } else if (any_float && ty_scalar_kind(operands[i]->ty) == SK_int_literal) {
            set_literal(c, operands[i], SK_float_literal);
        }
    }
}

/* The shape that two types have in common. Literal kinds and scalars must be equal already. NULL:
 * none; then sizes that differ are in *a and *b. */
static const Ty *common_type(Checker *c, const Ty *x, const Ty *y, const Size **a, const Size **b) {
    if (x->kind == TY_scalar && y->kind == TY_scalar) {
        return x->scalar == y->scalar ? x : NULL;
    }
    if (y->kind == TY_scalar) {
        return common_type(c, y, x, a, b);
    }
    if (x->kind == TY_scalar && y->kind == TY_array) {
        return common_type(c, x, y->elem, a, b) ? y : NULL;
    }
    if (x->kind == TY_scalar) { /* leaf by leaf */
        for (int i = 0; i < y->n; i++) {
            if (!common_type(c, x, y->parts[i], a, b)) {
                return NULL;
            }
        }
        return y;
    }
    if (x->kind == TY_array && y->kind == TY_array) {
        if (x->rank < y->rank) {
            return common_type(c, y, x, a, b);
        }
        if (!types_match(c, x->elem, y->elem, a, b)) {
            return NULL;
        }
        /* Sizes fixed by the program are kept, computed ones cast to them. */
        const Size *dims[TY_MAX_RANK];
        for (int i = 0; i < x->rank; i++) {
            dims[i] = x->dims[i];
            int j = i - (x->rank - y->rank);
            if (j < 0 || x->dims[i] == y->dims[j]) {
                continue;
            }
            if (sizes_agree(c, x->dims[i], y->dims[j]) == AGREE_no) {
                *a = x->dims[i];
                *b = y->dims[j];
                return NULL;
            }
            if (size_is_computed(x->dims[i]) && !size_is_computed(y->dims[j])) {
                dims[i] = y->dims[j];
            }
        }
        return ty_array(c->arena, x->rank, dims, x->elem);
    }
    return types_match(c, x, y, a, b) ? x : NULL;
}

/* The operand's own type, with the sizes of the common one. */
static const Ty *conform(Checker *c, const Ty *ty, const Ty *common) {
    if (ty->kind == TY_scalar) {
        return ty;
    }
    if (ty->kind == TY_array) {
        return ty_array(c->arena, ty->rank, common->dims + (common->rank - ty->rank), ty->elem);
    }
    return common;
}

static void report_combine(Checker *c, Loc loc, const char *op, const Expr *x, const Expr *y,
                           const Size *a, const Size *b) {
    const Ty *tx = expr_type(x), *ty = expr_type(y);
    Diag *diag;
    if (a) {
        diag = diag_error(c->diags, DIAG_size_mismatch, loc, "`%s`: the sizes `%s` and `%s` differ",
                          op, size_text(c, a), size_text(c, b));
    } else {
        diag = diag_error(c->diags, DIAG_operand_types, loc, "`%s` does not apply to `%s` and `%s`",
                          op, ty_text(c, tx), ty_text(c, ty));
    }
    diag_label(c->diags, diag, x->loc, "this is `%s`", ty_text(c, tx));
    diag_label(c->diags, diag, y->loc, "this is `%s`", ty_text(c, ty));
    int kx = ty_scalar_kind(tx), ky = ty_scalar_kind(ty);
    int64_t value;
    if (a) {
        const SizeSym *sa = size_is_sym(a), *sb = size_is_sym(b);
        if (sa && sb) {
            diag_note(c->diags, diag, "`%s` is introduced at %u:%u, `%s` at %u:%u", sa->name,
                      source_position(&c->ctx->sources, sa->loc.begin).line,
                      source_position(&c->ctx->sources, sa->loc.begin).column, sb->name,
                      source_position(&c->ctx->sources, sb->loc.begin).line,
                      source_position(&c->ctx->sources, sb->loc.begin).column);
        }
        const Size *difference = size_sub(c->polys, a, b);
        bool stretched =
            (size_is_const(a, &value) && value == 1) || (size_is_const(b, &value) && value == 1);
        if (stretched) {
            diag_hint(c->diags, diag,
                      "a size of 1 is not stretched: write `[x[i,0] + y[j] for i, j]`");
        } else if (difference && !size_is_const(difference, &value)) {
            diag_hint(c->diags, diag, "if they are always equal, say so: `where %s == %s`",
                      size_text(c, a), size_text(c, b));
        }
    } else if (kx >= 0 && ky >= 0 && kx != ky) {
        int wider = kx > ky ? kx : ky;
        diag_hint(c->diags, diag, "there is no implicit conversion: write `%s(...)`",
                  sk_name((ScalarKind)wider));
    } else if (tx->kind == TY_array && ty->kind == TY_array && tx->rank != ty->rank) {
        diag_hint(c->diags, diag, "the shape of one must be a suffix of the other's");
    }
}

const Ty *combine(Checker *c, Loc loc, const char *op, int n, Expr *const *operands) {
    for (int i = 0; i < n; i++) {
        if (ty_has_error(operands[i]->ty)) {
            return NULL;
        }
    }
    adapt_literals(c, n, operands);
    const Ty *common = expr_type(operands[0]);
    for (int i = 1; i < n; i++) {
        const Size *a = NULL, *b = NULL;
        const Ty *next = common_type(c, common, expr_type(operands[i]), &a, &b);
        if (!next) {
            report_combine(c, loc, op, operands[i - 1], operands[i], a, b);
            return NULL;
        }
        common = next;
    }
    for (int i = 0; i < n; i++) {
        cast_to(c, operands[i], conform(c, expr_type(operands[i]), common), NULL, NULL);
    }
    return common;
}

bool numbers_only(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return ty->scalar != SK_bool;
    }
    if (ty->kind == TY_array) {
        return numbers_only(ty->elem);
    }
    for (int i = 0; i < ty->n; i++) {
        if (!numbers_only(ty->parts[i])) {
            return false;
        }
    }
    return ty->kind == TY_tuple || ty->kind == TY_record;
}

static const Ty *wrong_operand(Checker *c, Expr *e, const char *op, const Ty *ty,
                               const char *wanted) {
    diag_error(c->diags, DIAG_operand_types, e->loc, "`%s` takes %s, not `%s`", op, wanted,
               ty_text(c, ty));
    return fail(e);
}

/* ---- operators ---- */

static void size_of_binary(Checker *c, Expr *e) {
    const Size *a = e->as.binary.a->size, *b = e->as.binary.b->size;
    if (!a || !b || !ty_is(e->ty, e->ty->scalar) || !sk_is_int(e->ty->scalar)) {
        return;
    }
    if (e->as.binary.op == BIN_add) {
        e->size = size_add(c->polys, a, b);
    } else if (e->as.binary.op == BIN_sub) {
        e->size = size_sub(c->polys, a, b);
    } else if (e->as.binary.op == BIN_mul) {
        e->size = size_mul(c->polys, a, b);
    }
}

static bool fold_power(Expr *e, const Expr *a, const Expr *b) {
    if (a->kind != E_int || b->kind != E_int) {
        return false;
    }
    int64_t base = a->as.integer, result = 1;
    for (int64_t i = 0; i < b->as.integer && i < 64; i++) {
        if (__builtin_mul_overflow(result, base, &result)) {
            return false;
        }
    }
    e->kind = E_int;
    e->as.integer = result;
    e->ty = ty_scalar(SK_int_literal);
    return true;
}

static const Ty *check_arithmetic(Checker *c, Expr *e) {
    Expr *operands[2] = {e->as.binary.a, e->as.binary.b};
    BinaryOp op = e->as.binary.op;
    const char *name = binary_name(op);
    bool literals = operands[0]->kind == E_int && operands[1]->kind == E_int;
    if (op == BIN_div && literals) {
        Diag *diag = diag_error(c->diags, DIAG_int_literal_division, e->loc,
                                "the division of two integers truncates");
        diag_hint(c->diags, diag, "write `%lld.0/%lld.0`", (long long)operands[0]->as.integer,
                  (long long)operands[1]->as.integer);
        return fail(e);
    }
    if (op == BIN_pow && literals && fold_power(e, operands[0], operands[1])) {
        e->size = size_const(c->polys, e->as.integer);
        return e->ty;
    }
    const Ty *ty = combine(c, e->as.binary.op_loc, name, 2, operands);
    if (!ty) {
        return fail(e);
    }
    if (!numbers_only(ty)) {
        return wrong_operand(c, e, name, ty, "numbers");
    }
    if (op == BIN_pow && ty_scalar_kind(ty) >= 0 && sk_is_int((ScalarKind)ty_scalar_kind(ty))) {
        Diag *diag = diag_error(c->diags, DIAG_operand_types, e->as.binary.op_loc,
                                "`**` takes floats, not `%s`", ty_text(c, ty));
        diag_hint(c->diags, diag, "%s",
                  is_literal_type(ty) ? "with a point it is a float: `2.0**-1`"
                                      : "write the product, or convert: `f64(k)**2`");
        return fail(e);
    }
    e->ty = ty;
    if (ty->kind == TY_scalar) {
        size_of_binary(c, e);
    }
    return ty;
}

static const Ty *check_comparison(Checker *c, Expr *e) {
    Expr *operands[2] = {e->as.binary.a, e->as.binary.b};
    const char *name = binary_name(e->as.binary.op);
    const Ty *ty = combine(c, e->as.binary.op_loc, name, 2, operands);
    if (!ty) {
        return fail(e);
    }
    int kind = ty_scalar_kind(ty);
    bool equality = e->as.binary.op == BIN_eq || e->as.binary.op == BIN_ne;
    if (kind < 0 || (kind == SK_bool && !equality)) {
        return wrong_operand(c, e, name, ty,
                             kind < 0 ? "scalars and arrays of scalars" : "numbers");
    }
    settle(c, operands[0]);
    settle(c, operands[1]);
    return e->ty = ty_with_scalar(c->arena, ty, SK_bool);
}

static const Ty *check_logic(Checker *c, Expr *e) {
    Expr *operands[2] = {e->as.binary.a, e->as.binary.b};
    const char *name = binary_name(e->as.binary.op);
    for (int i = 0; i < 2; i++) {
        if (ty_has_error(operands[i]->ty)) {
            return fail(e);
        }
        settle(c, operands[i]);
        if (ty_scalar_kind(expr_type(operands[i])) != SK_bool) {
            Diag *diag =
                diag_error(c->diags, DIAG_condition_type, operands[i]->loc,
                           "`%s` takes bool, not `%s`", name, ty_text(c, expr_type(operands[i])));
            diag_hint(c->diags, diag, "compare it first");
            return fail(e);
        }
    }
    const Ty *ty = combine(c, e->as.binary.op_loc, name, 2, operands);
    return ty ? (e->ty = ty) : fail(e);
}

/* Splits the axes of an operand of `@`: batch axes, then a matrix or a vector. */
static bool matmul_batch(Checker *c, const Ty *a, int matrix_a, const Ty *b, int matrix_b,
                         const Size **dims, int *n, const Size **bad_a, const Size **bad_b) {
    int na = a->rank - matrix_a, nb = b->rank - matrix_b;
    const Size *const *longer = na >= nb ? a->dims : b->dims;
    *n = na >= nb ? na : nb;
    for (int i = 0; i < *n; i++) {
        dims[i] = longer[i];
        int ia = i - (*n - na), ib = i - (*n - nb);
        if (ia >= 0 && ib >= 0 && sizes_agree(c, a->dims[ia], b->dims[ib]) == AGREE_no) {
            *bad_a = a->dims[ia];
            *bad_b = b->dims[ib];
            return false;
        }
    }
    return true;
}

static const Ty *check_matmul(Checker *c, Expr *e, Loc loc, const char *op, Expr *a, Expr *b) {
    if (ty_has_error(a->ty) || ty_has_error(b->ty)) {
        return fail(e);
    }
    coerce(c, a, expr_type(b));
    coerce(c, b, expr_type(a));
    settle(c, a);
    settle(c, b);
    const Ty *ta = expr_type(a), *tb = expr_type(b);
    int ka = ty_scalar_kind(ta), kb = ty_scalar_kind(tb);
    if (ta->kind != TY_array || tb->kind != TY_array || ka != kb || ka <= SK_bool) {
        report_combine(c, loc, op, a, b, NULL, NULL);
        if (ta->kind == TY_scalar || tb->kind == TY_scalar) {
            diag_hint(c->diags,
                      c->diags->items.n ? c->diags->items.data[c->diags->items.n - 1] : NULL,
                      "a product with a scalar is written `*`");
        }
        return fail(e);
    }
    int ma = ta->rank == 1 ? 1 : 2, mb = tb->rank == 1 ? 1 : 2;
    const Size *inner_a = ta->dims[ta->rank - 1], *inner_b = tb->dims[tb->rank - mb];
    const Size *dims[2 * TY_MAX_RANK], *bad_a = inner_a, *bad_b = inner_b;
    int n = 0;
    Agreement inner = sizes_agree(c, inner_a, inner_b);
    if (inner == AGREE_no || !matmul_batch(c, ta, ma, tb, mb, dims, &n, &bad_a, &bad_b)) {
        report_combine(c, loc, op, a, b, bad_a, bad_b);
        return fail(e);
    }
    if (inner == AGREE_at_run_time) {
        const Size *cast[TY_MAX_RANK];
        memcpy(cast, tb->dims, sizeof cast[0] * (size_t)tb->rank);
        cast[tb->rank - mb] = inner_a;
        cast_to(c, b, ty_array(c->arena, tb->rank, cast, tb->elem), NULL, NULL);
    }
    if (ma == 2) {
        dims[n++] = ta->dims[ta->rank - 2];
    }
    if (mb == 2) {
        dims[n++] = tb->dims[tb->rank - 1];
    }
    return e->ty = array_of(c, loc, n, dims, ta->elem);
}

const Ty *check_binary(Checker *c, Expr *e) {
    check_expr(c, e->as.binary.a);
    check_expr(c, e->as.binary.b);
    switch (e->as.binary.op) {
    case BIN_or:
    case BIN_and:
        return check_logic(c, e);
    case BIN_eq:
    case BIN_ne:
    case BIN_lt:
    case BIN_gt:
    case BIN_le:
    case BIN_ge:
        return check_comparison(c, e);
    case BIN_matmul:
        return check_matmul(c, e, e->as.binary.op_loc, "@", e->as.binary.a, e->as.binary.b);
    case BIN_add:
    case BIN_sub:
    case BIN_mul:
    case BIN_div:
    case BIN_rem:
    case BIN_pow:
        return check_arithmetic(c, e);
    }
    return fail(e);
}

const Ty *check_unary(Checker *c, Expr *e) {
    Expr *x = e->as.unary.x;
    const Ty *ty = check_expr(c, x);
    if (ty_has_error(ty)) {
        return fail(e);
    }
    if (e->as.unary.op == UN_not) {
        if (ty_scalar_kind(ty) != SK_bool) {
            return wrong_operand(c, e, "!", ty, "bool");
        }
        return e->ty = expr_type(x);
    }
    if (!numbers_only(ty)) {
        return wrong_operand(c, e, "-", ty, "numbers");
    }
    e->ty = expr_type(x);
    if (e->ty->kind == TY_scalar && x->size) {
        e->size = size_sub(c->polys, size_const(c->polys, 0), x->size);
    }
    return e->ty;
}

/* f'(x) is no derivative. */
static bool is_function_prime(Checker *c, const Expr *x) {
    return x->kind == E_name && !scope_find(c, x->as.name.atom) &&
           is_function_name(c, x->as.name.atom);
}

const Ty *check_transpose(Checker *c, Expr *e) {
    if (is_function_prime(c, e->as.unary.x)) {
        Atom name = e->as.unary.x->as.name.atom;
        Diag *diag = diag_error(c->diags, DIAG_not_a_value, e->as.unary.x->loc,
                                "`%s` is a function, not a matrix to transpose", name);
        diag_hint(c->diags, diag, "its derivative is `grad(%s)(x)`", name);
        return fail(e);
    }
    Expr *x = e->as.unary.x;
    const Ty *ty = check_expr(c, x);
    if (ty->kind != TY_array || ty->rank < 2 || ty_scalar_kind(ty) != SK_float_literal) {
        settle(c, x);
        ty = expr_type(x);
    }
    if (ty_has_error(ty)) {
        return fail(e);
    }
    if (ty->kind != TY_array || ty->rank < 2) {
        Diag *diag = diag_error(c->diags, DIAG_rank_mismatch, e->loc,
                                "`'` transposes a matrix, not `%s`", ty_text(c, ty));
        if (ty->kind == TY_array) {
            diag_hint(c->diags, diag, "a vector is row and column at once: `x @ A` and `A @ x`");
        }
        return fail(e);
    }
    const Size *dims[TY_MAX_RANK];
    memcpy(dims, ty->dims, sizeof dims[0] * (size_t)ty->rank);
    dims[ty->rank - 2] = ty->dims[ty->rank - 1];
    dims[ty->rank - 1] = ty->dims[ty->rank - 2];
    return e->ty = ty_array(c->arena, ty->rank, dims, ty->elem);
}
