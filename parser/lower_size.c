/* Run-time checks of sizes that are computed from values: not negative, and within reach of 64
 * bits.
 *
 * Integers wrap, so a size that is made by arithmetic is followed by its magnitude in f64, which
 * does not: sums and products of the absolute values. Sizes of parameters are at most 2**48 by the
 * check on entry (codegen), which no linear polynomial of them leaves 64 bits from; counters of
 * loops stand for iterations that have been run. Called by all of lowering before anything is made
 * of a computed size. It must not look at what a size is used for. */
#include "parser/lower_internal.h"

#include <math.h>

enum {
    MAGNITUDE_DEPTH = 8
}; /* below, a value counts as computed: bounds work where values share */

static const double MOST_COUNT = 0x1p62;

/* ---- which sizes need it ---- */

static bool is_counter(const Value *value) {
    const Inst *owner = value->inst ? NULL : value->region->owner;
    return owner && owner->op == OP_loop && value == value->region->params.data[0];
}

static bool sym_is_small(Lower *L, const SizeSym *sym) {
    const Value *value = sym->value;
    return value ? is_counter(value) : ptrmap_has(&L->nonneg, sym);
}

static bool term_is_small(Lower *L, const SizeTerm *term) {
    bool counted = false;
    for (int i = 0; i < term->degree; i++) {
        const Value *value = term->syms[i]->value;
        if (!sym_is_small(L, term->syms[i]))
            return false;
        counted = counted || (value && is_counter(value));
    }
    return counted || (term->degree <= 1 && term->coef > -1024 && term->coef < 1024) ||
           term->degree == 0;
}

static bool size_is_small(Lower *L, const Size *size) {
    bool small = size->n < 8;
    for (int i = 0; i < size->n && small; i++)
        small = term_is_small(L, &size->terms[i]);
    return small || (size->n == 1 && size->terms[0].degree == 1 && size->terms[0].coef == 1);
}

/* Whether wrapping arithmetic stands between the value and what it is made of. */
static bool may_wrap(Lower *L, const Value *value, int depth) {
    const Inst *inst = value->inst;
    if (!inst || depth == MAGNITUDE_DEPTH)
        return false;
    switch (inst->op) {
    case OP_size:
        return !size_is_small(L, inst->attr.size);
    case OP_neg:
        return may_wrap(L, inst->in[0], depth + 1);
    case OP_max:
    case OP_min:
        return may_wrap(L, inst->in[0], depth + 1) || may_wrap(L, inst->in[1], depth + 1);
    case OP_add:
    case OP_sub:
    case OP_mul:
        return true;
    default:
        return false;
    }
}

/* Arithmetic on nothing but counters, constants and sizes of parameters: what it counts is bounded
 * by iterations that have been run. */
static bool made_of_counters(Lower *L, const Value *value, int depth) {
    const Inst *inst = value->inst;
    if (!inst)
        return is_counter(value);
    if (depth == MAGNITUDE_DEPTH)
        return false;
    switch (inst->op) {
    case OP_const:
        return true;
    case OP_size:
        return size_is_small(L, inst->attr.size);
    case OP_add:
    case OP_sub:
    case OP_mul:
        return made_of_counters(L, inst->in[0], depth + 1) &&
               made_of_counters(L, inst->in[1], depth + 1);
    default:
        return false;
    }
}

/* ---- magnitudes ---- */

static Value *real_const(Lower *L, double value) {
    return ir_const(L->b, ir_scalar(L->m, S_f64), value);
}

static Value *magnitude_of_size(Lower *L, const Size *size) {
    Value *sum = NULL;
    for (int i = 0; i < size->n; i++) {
        const SizeTerm *term = &size->terms[i];
        Value *product = real_const(L, fabs((double)term->coef));
        for (int k = 0; k < term->degree; k++) {
            Value *factor =
                ir_convert(L->b, ir_size(L->b, size_sym(&L->ctx->polys, term->syms[k])), S_f64);
            if (!ptrmap_has(&L->nonneg, term->syms[k]))
                factor = ir_ew1(L->b, OP_abs, factor);
            product = ir_ew2(L->b, OP_mul, product, factor);
        }
        sum = sum ? ir_ew2(L->b, OP_add, sum, product) : product;
    }
    return sum ? sum : real_const(L, 0.0);
}

static Value *magnitude(Lower *L, Value *value, int depth) {
    const Inst *inst = value->inst;
    if (inst && depth < MAGNITUDE_DEPTH) {
        switch (inst->op) {
        case OP_const:
            return real_const(L, fabs((double)inst->attr.integer));
        case OP_size:
            return magnitude_of_size(L, inst->attr.size);
        case OP_neg:
            return magnitude(L, inst->in[0], depth + 1);
        case OP_max:
        case OP_min:
        case OP_add:
        case OP_sub:
        case OP_mul: {
            Op op = inst->op == OP_mul                         ? OP_mul
                    : inst->op == OP_add || inst->op == OP_sub ? OP_add
                                                               : OP_max;
            Value *a = magnitude(L, inst->in[0], depth + 1);
            return ir_ew2(L->b, op, a, magnitude(L, inst->in[1], depth + 1));
        }
        default:
            break;
        }
    }
    return ir_ew1(L->b, OP_abs, ir_convert(L->b, value, S_f64));
}

static void check_below(Lower *L, Value *value, double most) {
    Value *fits = ir_ew2(L->b, OP_le, magnitude(L, value, 0), real_const(L, most));
    ir_check(L->b, fits, "this size is too large");
}

/* ---- checks ---- */

void low_check_size(Lower *L, Value *size, Loc loc) {
    Loc saved = L->b->loc;
    L->b->loc = loc;
    if (may_wrap(L, size, 0))
        check_below(L, size, (double)EXPORT_MOST_SIZE);
    else if (!(size->inst && size->inst->op == OP_size && size_is_small(L, size->inst->attr.size)))
        ir_check(L->b, ir_ew2(L->b, OP_le, size, ir_int(L->b, S_i64, EXPORT_MOST_SIZE)),
                 "this size is too large");
    ir_check(L->b, ir_ew2(L->b, OP_ge, size, ir_int(L->b, S_i64, 0)), "negative size");
    L->b->loc = saved;
}

void low_check_count(Lower *L, Value *count, Loc loc) {
    Loc saved = L->b->loc;
    L->b->loc = loc;
    if (may_wrap(L, count, 0) && !made_of_counters(L, count, 0))
        check_below(L, count, MOST_COUNT);
    L->b->loc = saved;
}
