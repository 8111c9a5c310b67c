/* Bounds of sizes; see bounds.h. Intervals of values, from the definitions back to what is known on
 * entry. */
#include "codegen/bounds.h"

enum { DEEPEST = 64 };

/* Either end may be NULL: none. */
typedef struct Interval {
    const Bound *low, *high;
} Interval;

static const Interval unknown;

/* ---- expressions ---- */

static const Bound *constant(const BoundScope *s, int64_t k) {
    Bound *bound = ARENA_NEW(s->arena, Bound);
    *bound = (Bound){.kind = BOUND_const, .k = k};
    return bound;
}

static bool is_constant(const Bound *bound, int64_t k) {
    return bound->kind == BOUND_const && bound->k == k;
}

static int64_t folded(BoundKind kind, int64_t a, int64_t b) {
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (kind) {
    case BOUND_add:
        return (int64_t)(x + y);
    case BOUND_sub:
        return (int64_t)(x - y);
    case BOUND_mul:
        return (int64_t)(x * y);
    case BOUND_div:
        return a / b;
    case BOUND_min:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

/* NULL where an operand is. */
static const Bound *combine(const BoundScope *s, BoundKind kind, const Bound *a, const Bound *b) {
    if (!a || !b) {
        return NULL;
    }
    if (a->kind == BOUND_const && b->kind == BOUND_const) {
        return constant(s, folded(kind, a->k, b->k));
    }
    if (a == b && (kind == BOUND_min || kind == BOUND_max)) {
        return a;
    }
    bool sum = kind == BOUND_add || kind == BOUND_sub,
         product = kind == BOUND_mul || kind == BOUND_div;
    if (product && (is_constant(a, 0) || (kind == BOUND_mul && is_constant(b, 0)))) {
        return constant(s, 0);
    }
    if (kind == BOUND_add && b->kind == BOUND_const && b->k < 0 && b->k > -INT64_MAX) {
        return combine(s, BOUND_sub, a, constant(s, -b->k));
    }
    if ((sum && is_constant(b, 0)) || (product && is_constant(b, 1))) {
        return a;
    }
    if ((kind == BOUND_add && is_constant(a, 0)) || (kind == BOUND_mul && is_constant(a, 1))) {
        return b;
    }
    Bound *bound = ARENA_NEW(s->arena, Bound);
    *bound = (Bound){.kind = kind, .a = a, .b = b};
    return bound;
}

/* Whether the bound is at least k (0 or 1) by its form; sizes are never negative. */
static bool is_at_least(const Bound *bound, int64_t k) {
    if (!bound) {
        return false;
    }
    switch (bound->kind) {
    case BOUND_const:
        return bound->k >= k;
    case BOUND_sym:
        return k == 0;
    case BOUND_add:
        return (is_at_least(bound->a, 0) && is_at_least(bound->b, k)) ||
               (is_at_least(bound->a, k) && is_at_least(bound->b, 0));
    case BOUND_mul:
    case BOUND_min:
        return is_at_least(bound->a, k) && is_at_least(bound->b, k);
    case BOUND_div:
        return k == 0 && is_at_least(bound->a, 0);
    case BOUND_max:
        return is_at_least(bound->a, k) || is_at_least(bound->b, k);
    default:
        return false;
    }
}

static bool is_not_negative(const Bound *bound) {
    return is_at_least(bound, 0);
}

static const Bound *at_least_zero(const BoundScope *s, const Bound *bound) {
    return is_not_negative(bound) ? bound : combine(s, BOUND_max, bound, constant(s, 0));
}

/* ---- values ---- */

static Interval value_interval(const BoundScope *s, const Value *v, int depth);

/* Sizes of the function are checked on entry; a symbol bound to a value has its interval, which may
 * hold negative numbers (in `2 - k` only the whole must not be negative). */
static Interval symbol_interval(const BoundScope *s, const SizeSym *sym, int depth) {
    if (sym->value) {
        return value_interval(s, sym->value, depth);
    }
    Bound *bound = ARENA_NEW(s->arena, Bound);
    *bound = (Bound){.kind = BOUND_sym, .sym = sym};
    return (Interval){bound, bound};
}

/* The largest absolute value; where nothing is known of the lower end, of what a checked axis can
 * be. */
static const Bound *magnitude(const BoundScope *s, Interval x) {
    return !x.low || is_not_negative(x.low)
               ? at_least_zero(s, x.high)
               : combine(s, BOUND_max, x.high, combine(s, BOUND_sub, constant(s, 0), x.low));
}

/* The upper or the lower end of a term; NULL, and the symbol to blame, where there is none. */
static const Bound *term_end(const BoundScope *s, const SizeTerm *term, bool upper, int depth,
                             const SizeSym **unbounded) {
    bool signed_factors = false, at_high = upper == (term->coef > 0);
    for (int k = 0; k < term->degree && term->degree > 1; k++) {
        Interval x = symbol_interval(s, term->syms[k], depth);
        signed_factors = signed_factors || !is_not_negative(x.low);
    }
    bool flipped = signed_factors && !at_high && term->coef > INT64_MIN;
    const Bound *product = constant(s, flipped ? -term->coef : term->coef);
    for (int k = 0; k < term->degree && product; k++) {
        Interval x = symbol_interval(s, term->syms[k], depth);
        product = combine(s, BOUND_mul, product,
                          signed_factors ? magnitude(s, x)
                          : at_high      ? x.high
                                         : x.low);
        *unbounded = term->syms[k];
    }
    return product;
}

static const Bound *size_end(const BoundScope *s, const Size *size, bool upper, int depth,
                             const SizeSym **unbounded) {
    const Bound *sum = constant(s, 0);
    for (int t = 0; t < size->n && sum; t++) {
        sum = combine(s, BOUND_add, sum, term_end(s, &size->terms[t], upper, depth, unbounded));
    }
    return sum;
}

static Interval size_interval(const BoundScope *s, const Size *size, int depth) {
    const SizeSym *ignored;
    return (Interval){size_end(s, size, false, depth, &ignored),
                      size_end(s, size, true, depth, &ignored)};
}

static Interval product_interval(const BoundScope *s, Interval x, Interval y) {
    if (!is_not_negative(x.low) || !is_not_negative(y.low)) {
        return unknown;
    }
    return (Interval){combine(s, BOUND_mul, x.low, y.low),
                      combine(s, BOUND_mul, at_least_zero(s, x.high), at_least_zero(s, y.high))};
}

/* True for a constant above zero and for max(k, 1). */
static bool is_positive(const Value *v) {
    const Inst *inst = v->inst;
    if (!inst) {
        return false;
    }
    if (inst->op == OP_size) {
        const SizeSym *sym = size_is_sym(inst->attr.size);
        return sym && sym->value && is_positive(sym->value);
    }
    if (inst->op == OP_max) {
        return is_positive(inst->in[0]) || is_positive(inst->in[1]);
    }
    return inst->op == OP_const && inst->attr.integer > 0;
}

static const Bound *least_quotient(const BoundScope *s, const Bound *x, const Bound *divisor) {
    return divisor ? combine(s, BOUND_div, x, divisor) : constant(s, 0);
}

/* Truncating division: by anything positive it does not enlarge; where the least divisor is known
 * to be positive, it shrinks by that. */
static Interval quotient_interval(const BoundScope *s, const Value *divisor, Interval x,
                                  Interval y) {
    if (is_at_least(y.low, 1)) {
        return (Interval){is_not_negative(x.low) ? least_quotient(s, x.low, y.high) : NULL,
                          combine(s, BOUND_div, at_least_zero(s, x.high), y.low)};
    }
    return is_positive(divisor) ? (Interval){is_not_negative(x.low) ? constant(s, 0) : NULL,
                                             at_least_zero(s, x.high)}
                                : unknown;
}

static const Bound *either(const BoundScope *s, BoundKind kind, const Bound *a, const Bound *b) {
    return !a ? b : !b ? a : combine(s, kind, a, b);
}

/* max(max(n, 0), 1) is max(n, 1). */
static const Bound *larger(const BoundScope *s, const Bound *x) {
    bool nested = x && x->kind == BOUND_max && x->b->kind == BOUND_const &&
                  x->a->kind == BOUND_max && x->a->b->kind == BOUND_const;
    return !nested ? x : x->b->k >= x->a->b->k ? combine(s, BOUND_max, x->a->a, x->b) : x->a;
}

static Interval binary_interval(const BoundScope *s, const Inst *inst, int depth) {
    Interval x = value_interval(s, inst->in[0], depth), y = value_interval(s, inst->in[1], depth);
    switch (inst->op) {
    case OP_add:
        return (Interval){combine(s, BOUND_add, x.low, y.low),
                          combine(s, BOUND_add, x.high, y.high)};
    case OP_sub:
        return (Interval){combine(s, BOUND_sub, x.low, y.high),
                          combine(s, BOUND_sub, x.high, y.low)};
    case OP_mul:
        return product_interval(s, x, y);
    case OP_div:
        return quotient_interval(s, inst->in[1], x, y);
    case OP_rem: /* at most one less than the divisor */
        return (Interval){is_not_negative(x.low) ? constant(s, 0) : NULL, y.high};
    case OP_min:
        return (Interval){combine(s, BOUND_min, x.low, y.low),
                          either(s, BOUND_min, x.high, y.high)};
    case OP_max:
        return (Interval){larger(s, either(s, BOUND_max, x.low, y.low)),
                          larger(s, combine(s, BOUND_max, x.high, y.high))};
    default:
        return unknown;
    }
}

/* One of the two. */
static Interval choice_interval(const BoundScope *s, const Value *a, const Value *b, int depth) {
    Interval x = value_interval(s, a, depth), y = value_interval(s, b, depth);
    return (Interval){combine(s, BOUND_min, x.low, y.low), combine(s, BOUND_max, x.high, y.high)};
}

static Interval inst_interval(const BoundScope *s, const Inst *inst, int depth) {
    if (inst->op == OP_const) {
        const Bound *k = constant(s, inst->attr.integer);
        return (Interval){k, k};
    }
    if (inst->op == OP_size) {
        return size_interval(s, inst->attr.size, depth);
    }
    if (inst->op == OP_convert && !type_is_float(inst->in[0]->type)) {
        return value_interval(s, inst->in[0], depth);
    }
    if (inst->op == OP_select) {
        return choice_interval(s, inst->in[1], inst->in[2], depth);
    }
    return op_is_elementwise(inst->op) && inst->n_in == 2 ? binary_interval(s, inst, depth)
                                                          : unknown;
}

static Interval param_interval(const BoundScope *s, const Value *v) {
    if (!ptrmap_has(&s->params, v)) {
        return unknown;
    }
    Bound *bound = ARENA_NEW(s->arena, Bound);
    *bound = (Bound){.kind = BOUND_param, .param = v};
    return (Interval){bound, bound};
}

static Interval value_interval(const BoundScope *s, const Value *v, int depth) {
    const SizeSym *ignored;
    if (depth > DEEPEST) {
        return unknown;
    }
    if (v->inst && v->inst->op == OP_if) {
        Region *const *branch = v->inst->regions;
        return choice_interval(s, branch[0]->yields.data[v->index],
                               branch[1]->yields.data[v->index], depth + 1);
    }
    if (v->inst) {
        return inst_interval(s, v->inst, depth + 1);
    }
    const Inst *owner = v->region->owner;
    if (!owner) {
        return param_interval(s, v);
    }
    if (owner->op == OP_loop && v->index == 0) {
        const Bound *extent = size_end(s, owner->attr.loop.extent, true, depth + 1, &ignored);
        return (Interval){constant(s, 0), combine(s, BOUND_sub, extent, constant(s, 1))};
    }
    return unknown;
}

const Bound *bound_size(const BoundScope *scope, const Size *size, const SizeSym **unbounded) {
    return at_least_zero(scope, size_end(scope, size, true, 0, unbounded));
}

BoundScope bound_scope(Arena *arena, const Export *export) {
    BoundScope scope = {.arena = arena};
    ptrmap_init(&scope.params, arena);
    for (int i = 0, leaf = 0; i < export->n_params; i++) {
        if (param_is_integer(&export->params[i])) {
            ptrmap_put(&scope.params, export->func->body->params.data[leaf], NULL);
        }
        leaf += param_leaves(&export->params[i]);
    }
    return scope;
}
