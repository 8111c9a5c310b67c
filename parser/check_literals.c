/* Literals take the type of what stands beside them. Part of the checker; see Note [Literal types].
 */
#include "parser/checker.h"

bool is_literal_type(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return ty->scalar == SK_int_literal || ty->scalar == SK_float_literal;
    }
    if (ty->kind == TY_array) {
        return is_literal_type(ty->elem);
    }
    for (int i = 0; ty->kind == TY_tuple && i < ty->n; i++) {
        if (is_literal_type(ty->parts[i])) {
            return true;
        }
    }
    return false;
}

/* The type with its literal kinds replaced; an integer literal may become anything, a float literal
 * a float. */
static const Ty *replace(Checker *c, const Ty *ty, ScalarKind kind) {
    if (ty->kind == TY_scalar) {
        return is_literal_type(ty) ? ty_scalar(kind) : ty;
    }
    if (ty->kind == TY_array) {
        const Ty *elem = replace(c, ty->elem, kind);
        return elem == ty->elem ? ty : ty_array(c->arena, ty->rank, ty->dims, elem);
    }
    return ty;
}

static void set_number(Checker *c, Expr *e, ScalarKind kind) {
    if (e->kind == E_int && kind == SK_i32 && e->as.integer > INT32_MAX) {
        diag_error(c->diags, DIAG_literal_range, e->loc, "the literal does not fit into i32");
    }
    if (e->kind == E_int && kind != SK_i64) {
        e->size = NULL;
    }
}

/* The magnitude of the least i32, which only fits with its sign. */
static bool is_least_i32(const Expr *e, ScalarKind kind) {
    const Expr *x = e->as.unary.x;
    return kind == SK_i32 && e->as.unary.op == UN_neg && x->kind == E_int &&
           x->as.integer == -(int64_t)INT32_MIN;
}

static void set_unary(Checker *c, Expr *e, ScalarKind kind) {
    if (is_least_i32(e, kind)) {
        e->as.unary.x->as.integer = INT32_MIN; /* the negation wraps */
    }
    set_literal(c, e->as.unary.x, kind);
}

static void set_args(Checker *c, Expr *e, ScalarKind kind) {
    int n = 0;
    if (e->as.call.kind == CALL_elementwise || e->as.call.kind == CALL_reduce) {
        n = e->as.call.args.n;
    } else if (e->as.call.kind == CALL_builtin) {
        n = builtin_literal_args(e);
    }
    for (int i = 0; i < n; i++) {
        set_literal(c, e->as.call.args.data[i].value, kind);
    }
}

static void set_items(Checker *c, Expr *e, ScalarKind kind) {
    for (int i = 0; i < e->as.items.n; i++) {
        set_literal(c, e->as.items.data[i], kind);
    }
}

/* Literal kinds in the tuple types are set part by part, with the kind each calls for. */
static void set_tuple(Checker *c, Expr *e, ScalarKind kind) {
    const Ty **parts = ARENA_ARRAY(c->arena, e->as.items.n, const Ty *);
    for (int i = 0; i < e->as.items.n; i++) {
        set_literal(c, e->as.items.data[i], kind);
        parts[i] = expr_type(e->as.items.data[i]);
    }
    e->ty = ty_tuple(c->arena, e->as.items.n, parts);
}

/* Hands the kind on to the operands that are literals. */
static void set_operands(Checker *c, Expr *e, ScalarKind kind) {
    switch (e->kind) {
    case E_int:
    case E_float:
        set_number(c, e, kind);
        break;
    case E_unary:
        set_unary(c, e, kind);
        break;
    case E_transpose:
    case E_checkpoint:
        set_literal(c, e->as.unary.x, kind);
        break;
    case E_binary:
        set_literal(c, e->as.binary.a, kind);
        set_literal(c, e->as.binary.b, kind);
        break;
    case E_call:
        set_args(c, e, kind);
        break;
    case E_array:
        set_items(c, e, kind);
        break;
    case E_tuple:
        set_tuple(c, e, kind);
        break;
    case E_comp:
    case E_reduce:
        set_literal(c, e->as.reduce.body, kind);
        break;
    case E_if:
        set_literal(c, e->as.if_.then_, kind);
        set_literal(c, e->as.if_.else_, kind);
        break;
    case E_index:
        set_literal(c, e->as.index.x, kind);
        break;
    case E_with:
        set_literal(c, e->as.with.x, kind);
        set_literal(c, e->as.with.value, kind);
        break;
    case E_block:
        set_literal(c, e->as.block.result, kind);
        break;
    default:
        break;
    }
}

void set_literal(Checker *c, Expr *e, ScalarKind kind) {
    if (!is_literal_type(e->ty)) {
        return;
    }
    bool was_tuple = e->ty->kind == TY_tuple;
    if (!was_tuple) {
        e->ty = replace(c, e->ty, kind);
        e->cast = e->cast ? replace(c, e->cast, kind) : NULL;
    }
    set_operands(c, e, kind);
    if (was_tuple && e->kind != E_tuple) {
        const Expr *inner = e->kind == E_if      ? e->as.if_.then_
                            : e->kind == E_block ? e->as.block.result
                                                 : e->as.unary.x;
        e->ty = expr_type(inner);
    }
    if (kind != SK_i64) {
        e->size = NULL;
    }
}

static bool has_float_literal(const Ty *ty) {
    return ty_scalar_kind(ty) == SK_float_literal;
}

/* Tuples are settled where they are written, because their parts may need different kinds. */
static void settle_tuple(Checker *c, Expr *e) {
    switch (e->kind) {
    case E_tuple:
        for (int i = 0; i < e->as.items.n; i++) {
            settle(c, e->as.items.data[i]);
        }
        set_tuple(c, e, SK_f64);
        break;
    case E_if:
        settle(c, e->as.if_.then_);
        settle(c, e->as.if_.else_);
        e->ty = expr_type(e->as.if_.then_);
        break;
    case E_block:
        settle(c, e->as.block.result);
        e->ty = expr_type(e->as.block.result);
        break;
    default:
        settle(c, e->as.unary.x);
        e->ty = expr_type(e->as.unary.x);
        break;
    }
}

void settle(Checker *c, Expr *e) {
    if (!is_literal_type(e->ty)) {
        return;
    }
    if (e->ty->kind == TY_tuple) {
        settle_tuple(c, e);
    } else {
        set_literal(c, e, has_float_literal(e->ty) ? real_kind(c) : SK_i64);
    }
}

/* The first float scalar of a type, else its first number; -1 when it has neither. */
static int number_kind(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return ty->scalar == SK_bool ? -1 : (int)ty->scalar;
    }
    if (ty->kind == TY_array) {
        return number_kind(ty->elem);
    }
    int kind = -1;
    for (int i = 0; ty->kind != TY_fn && i < ty->n; i++) {
        int part = number_kind(ty->parts[i]);
        if (part >= 0 &&
            (kind < 0 || (sk_is_float((ScalarKind)part) && !sk_is_float((ScalarKind)kind)))) {
            kind = part;
        }
    }
    return kind;
}

static void coerce_tuple(Checker *c, Expr *e, const Ty *to) {
    if (to->kind != TY_tuple || to->n != e->ty->n) {
        settle(c, e);
        return;
    }
    switch (e->kind) {
    case E_tuple: {
        const Ty **parts = ARENA_ARRAY(c->arena, to->n, const Ty *);
        for (int i = 0; i < to->n; i++) {
            coerce(c, e->as.items.data[i], to->parts[i]);
            parts[i] = expr_type(e->as.items.data[i]);
        }
        e->ty = ty_tuple(c->arena, to->n, parts);
        break;
    }
    case E_if:
        coerce(c, e->as.if_.then_, to);
        coerce(c, e->as.if_.else_, to);
        e->ty = expr_type(e->as.if_.then_);
        break;
    case E_block:
        coerce(c, e->as.block.result, to);
        e->ty = expr_type(e->as.block.result);
        break;
    default:
        coerce(c, e->as.unary.x, to);
        e->ty = expr_type(e->as.unary.x);
        break;
    }
}

void coerce(Checker *c, Expr *e, const Ty *to) {
    if (!is_literal_type(e->ty)) {
        return;
    }
    if (e->ty->kind == TY_tuple) {
        coerce_tuple(c, e, to);
        return;
    }
    int kind = number_kind(to);
    bool float_literal = has_float_literal(e->ty);
    if (kind < 0 || (float_literal && !sk_is_float((ScalarKind)kind))) {
        settle(c, e);
    } else if (kind != SK_int_literal && (kind != SK_float_literal || !float_literal)) {
        set_literal(c, e, (ScalarKind)kind);
    }
}
