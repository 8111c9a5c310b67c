/* Folding of comparisons, logic, selections and conversions as they are emitted.
 *
 * Comparisons of integers know the ranges of loop indices and of sizes, which removes most checks
 * of indices. Float comparisons are not negated: a NaN makes both false. Called by ir_ew and
 * ir_convert only. */
#include "ir/emit.h"
#include "ir/eval_math.h"

static Value *bool_like(IrBuilder *b, const Value *like, bool value) {
    return ir_broadcast(b, ir_int(b, S_bool, value), ir_with_elem(b->m, like->type, S_bool));
}

static Op mirrored(Op op) {
    switch (op) {
    case OP_lt:
        return OP_gt;
    case OP_le:
        return OP_ge;
    case OP_gt:
        return OP_lt;
    case OP_ge:
        return OP_le;
    default:
        return op;
    }
}

static Op negated(Op op) {
    switch (op) {
    case OP_eq:
        return OP_ne;
    case OP_ne:
        return OP_eq;
    case OP_lt:
        return OP_ge;
    case OP_le:
        return OP_gt;
    case OP_gt:
        return OP_le;
    default:
        return OP_lt;
    }
}

/* ---- ranges of integers ---- */

enum { RANGE_DEPTH = 8 };

/* low <= v <= high for every value of the sizes; either may be NULL. */
typedef struct Range {
    const Size *low, *high;
} Range;

static const Size *loop_extent(const Value *v) {
    bool is_index =
        !v->inst && v->index == 0 && v->region->owner && v->region->owner->op == OP_loop;
    return is_index ? v->region->owner->attr.loop.extent : NULL;
}

static const Size *plus(IrBuilder *b, const Size *x, const Size *y) {
    return x && y ? size_add(&b->m->ctx->polys, x, y) : NULL;
}

static const Size *minus(IrBuilder *b, const Size *x, const Size *y) {
    return x && y ? size_sub(&b->m->ctx->polys, x, y) : NULL;
}

static Range range_of(IrBuilder *b, const Value *v, int depth) {
    PolyTable *polys = &b->m->ctx->polys;
    const Size *size = value_size(b, v), *extent = loop_extent(v);
    if (size) {
        return (Range){size, size};
    }
    if (extent) {
        return (Range){size_const(polys, 0), minus(b, extent, size_const(polys, 1))};
    }
    if (depth == 0 || !v->inst || (v->inst->op != OP_add && v->inst->op != OP_sub)) {
        return (Range){NULL, NULL};
    }
    Range x = range_of(b, v->inst->in[0], depth - 1), y = range_of(b, v->inst->in[1], depth - 1);
    return v->inst->op == OP_add ? (Range){plus(b, x.low, y.low), plus(b, x.high, y.high)}
                                 : (Range){minus(b, x.low, y.high), minus(b, x.high, y.low)};
}

/* x >= y + least for all values of the sizes, which are never negative */
static bool always_above(IrBuilder *b, const Size *x, const Size *y, int64_t least) {
    PolyTable *polys = &b->m->ctx->polys;
    const Size *bound = plus(b, y, size_const(polys, least));
    return x && bound && size_at_least(polys, x, bound);
}

/* -1 when nothing is known */
static int known_less(IrBuilder *b, Range x, Range y, bool or_equal) {
    if (always_above(b, y.low, x.high, or_equal ? 0 : 1)) {
        return 1;
    }
    return always_above(b, x.low, y.high, or_equal ? 1 : 0) ? 0 : -1;
}

static int known_compare(IrBuilder *b, Op op, const Value *x, const Value *y) {
    if (x->type->rank != 0 || x->type->elem != S_i64) {
        return -1;
    }
    Range p = range_of(b, x, RANGE_DEPTH), q = range_of(b, y, RANGE_DEPTH);
    switch (op) {
    case OP_lt:
        return known_less(b, p, q, false);
    case OP_le:
        return known_less(b, p, q, true);
    case OP_gt:
        return known_less(b, q, p, false);
    case OP_ge:
        return known_less(b, q, p, true);
    default:
        if (known_less(b, p, q, false) == 1 || known_less(b, q, p, false) == 1) {
            return op == OP_ne;
        }
        return -1;
    }
}

Value *fold_compare(IrBuilder *b, Op op, Value *x, Value *y) {
    bool is_float = type_is_float(x->type);
    if (x == y && (!is_float || op == OP_lt || op == OP_gt)) {
        return bool_like(b, x, op == OP_eq || op == OP_le || op == OP_ge);
    }
    double num;
    int64_t integer;
    if (value_number(x, &num) || value_integer(x, &integer)) {
        return ir_ew2(b, mirrored(op), y, x); /* constants second */
    }
    if (x->type->elem == S_bool && value_integer(y, &integer) && (op == OP_eq || op == OP_ne)) {
        return (op == OP_eq) == (integer != 0) ? x : ir_ew1(b, OP_not, x);
    }
    int known = is_float ? -1 : known_compare(b, op, x, y);
    return known < 0 ? NULL : bool_like(b, x, known);
}

/* ---- logic ---- */

static Value *fold_and_or(Op op, Value *x, Value *y) {
    int64_t c;
    if (x == y) {
        return x;
    }
    if (!value_integer(y, &c)) {
        return NULL;
    }
    return (c != 0) == (op == OP_and) ? x : y;
}

static Value *fold_not(IrBuilder *b, Value *x) {
    if (value_is(x, OP_not)) {
        return x->inst->in[0];
    }
    if (!x->inst || x->inst->op >= OP_ELEMENTWISE_END || op_info[x->inst->op].class != OPC_CMP) {
        return NULL;
    }
    Value *p = x->inst->in[0], *q = x->inst->in[1];
    bool ordered = x->inst->op != OP_eq && x->inst->op != OP_ne;
    return ordered && type_is_float(p->type) ? NULL : ir_ew2(b, negated(x->inst->op), p, q);
}

/* select(c, select(c, p, q), r) is select(c, p, r): what an arm is worth once c is known. */
static Value *arm(Value *cond, Value *v, int taken) {
    return value_is(v, OP_select) && v->inst->in[0] == cond ? v->inst->in[taken] : v;
}

static Value *fold_select(IrBuilder *b, Value *cond, Value *yes, Value *no) {
    int64_t c, p, q;
    if (value_integer(cond, &c)) {
        return c ? yes : no;
    }
    Value *yes_arm = arm(cond, yes, 1), *no_arm = arm(cond, no, 2);
    if (yes_arm == no_arm) {
        return yes_arm;
    }
    if (yes_arm != yes || no_arm != no) {
        return ir_ew3(b, OP_select, cond, yes_arm, no_arm);
    }
    if (value_is(cond, OP_not)) {
        return ir_ew3(b, OP_select, cond->inst->in[0], no, yes);
    }
    if (yes->type->elem == S_bool && value_integer(yes, &p) && value_integer(no, &q)) {
        return p ? cond : ir_ew1(b, OP_not, cond); /* equal arms are gone already */
    }
    return NULL;
}

Value *fold_logic(IrBuilder *b, Op op, Value *const *in) {
    switch (op) {
    case OP_and:
    case OP_or:
        return fold_and_or(op, in[0], in[1]);
    case OP_not:
        return fold_not(b, in[0]);
    default:
        return fold_select(b, in[0], in[1], in[2]);
    }
}

/* ---- conversions ---- */

static bool lossless(Scalar from, Scalar to) {
    switch (from) {
    case S_bool:
        return true;
    case S_i32:
        return to == S_i64 || to == S_f64;
    case S_f32:
        return to == S_f64;
    default:
        return false;
    }
}

static Value *convert_const(IrBuilder *b, const Type *type, const Value *x) {
    double num;
    int64_t integer = 0;
    if (value_number(x, &num)) {
        if (type_is_float(type)) {
            return ir_const(b, type, num);
        }
        integer = eval_float_to_int(type->elem, num);
    } else if (!value_integer(x, &integer)) {
        return NULL;
    } else if (type_is_float(type)) {
        /* directly to the width: by way of double an i64 would be rounded twice */
        return ir_const(b, type, type->elem == S_f32 ? (double)(float)integer : (double)integer);
    }
    return ir_broadcast(b, ir_int(b, type->elem, integer), type);
}

Value *fold_convert(IrBuilder *b, Value *x, Scalar to) {
    const Type *type = ir_with_elem(b->m, x->type, to);
    Value *known = convert_const(b, type, x);
    if (known) {
        return known;
    }
    if (value_is(x, OP_broadcast)) {
        return ir_broadcast(b, ir_convert(b, x->inst->in[0], to), type);
    }
    if (value_is(x, OP_convert) && lossless(x->inst->in[0]->type->elem, x->type->elem)) {
        return ir_convert(b, x->inst->in[0], to);
    }
    return NULL;
}
