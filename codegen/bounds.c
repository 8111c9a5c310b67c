/* Bounds of sizes; see bounds.h. Intervals of values, from the definitions back to what is known on
 * entry. */
#include "codegen/bounds.h"

enum { DEEPEST = 400 };

/* Either end may be NULL: none. */
typedef struct Interval {
    const Bound *low, *high;
} Interval;

static const Interval unknown;

/* ---- expressions ---- */

static bool is_at_least(const Bound *bound, int k) {
    return bound && bound->at_least[k];
}

static bool known_at_least(const Bound *bound, int k) {
    const Bound *a = bound->a, *b = bound->b;
    switch (bound->kind) {
    case BOUND_const:
        return bound->k >= k;
    case BOUND_sym:
        return k == 0;
    case BOUND_add:
        return (is_at_least(a, 0) && is_at_least(b, k)) || (is_at_least(a, k) && is_at_least(b, 0));
    case BOUND_mul:
    case BOUND_min:
        return is_at_least(a, k) && is_at_least(b, k);
    case BOUND_div:
        return k == 0 && is_at_least(a, 0);
    case BOUND_max:
        return is_at_least(a, k) || is_at_least(b, k);
    default:
        return false;
    }
}

static const Bound *new_bound(const BoundScope *s, const Bound *form) {
    Bound *bound = ARENA_NEW(s->arena, Bound);
    *bound = *form;
    int nodes = 1 + (bound->a ? bound->a->nodes : 0) + (bound->b ? bound->b->nodes : 0);
    bound->nodes = nodes < MANY_NODES ? nodes : MANY_NODES;
    for (int k = 0; k < 2; k++) {
        bound->at_least[k] = known_at_least(bound, k);
    }
    return bound;
}

static const Bound *constant(const BoundScope *s, int64_t k) {
    return new_bound(s, &(Bound){.kind = BOUND_const, .k = k});
}

static bool is_constant(const Bound *bound, int64_t k) {
    return bound->kind == BOUND_const && bound->k == k;
}

/* False where the result is beyond 64 bits. */
static bool fold(BoundKind kind, int64_t a, int64_t b, int64_t *result) {
    switch (kind) {
    case BOUND_add:
        return !__builtin_add_overflow(a, b, result);
    case BOUND_sub:
        return !__builtin_sub_overflow(a, b, result);
    case BOUND_mul:
        return !__builtin_mul_overflow(a, b, result);
    case BOUND_div:
        *result = a / b;
        return true;
    case BOUND_min:
        *result = a < b ? a : b;
        return true;
    default:
        *result = a > b ? a : b;
        return true;
    }
}

/* NULL where an operand is. */
static const Bound *combine(const BoundScope *s, BoundKind kind, const Bound *a, const Bound *b) {
    if (!a || !b) {
        return NULL;
    }
    int64_t known;
    if (a->kind == BOUND_const && b->kind == BOUND_const && fold(kind, a->k, b->k, &known)) {
        return constant(s, known);
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
    return new_bound(s, &(Bound){.kind = kind, .a = a, .b = b});
}

static bool is_not_negative(const Bound *bound) {
    return is_at_least(bound, 0);
}

static const Bound *at_least_zero(const BoundScope *s, const Bound *bound) {
    return is_not_negative(bound) ? bound : combine(s, BOUND_max, bound, constant(s, 0));
}

/* ---- values ---- */

static Interval value_interval(const BoundScope *s, const Value *v, int depth);

/* Sizes of the function are checked on entry; a symbol bound to a value has its interval. That of
 * a value in code that does not run, an index of a loop without iterations, may be negative where
 * the symbol cannot be: it must not take anything away from what it is added to, because memory
 * that is large enough for n + i elements is used for n others as well. */
static Interval symbol_interval(const BoundScope *s, const SizeSym *sym, int depth) {
    if (!sym->value) { /* one bound, so that both ends are seen to be the same */
        Interval *known = ptrmap_get(s->known, sym);
        if (!known) {
            const Bound *bound = new_bound(s, &(Bound){.kind = BOUND_sym, .sym = sym});
            known = ARENA_NEW(s->arena, Interval);
            *known = (Interval){bound, bound};
            ptrmap_put(s->known, sym, known);
        }
        return *known;
    }
    Interval x = value_interval(s, sym->value, depth);
    if (!sym->any_sign) {
        x.low = x.low ? at_least_zero(s, x.low) : constant(s, 0);
        x.high = at_least_zero(s, x.high);
    }
    return x;
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

/* Of two values that are known on entry, their product; else by the signs of the factors, as far as
 * they are known. */
static Interval product_interval(const BoundScope *s, Interval x, Interval y) {
    if (x.low && x.low == x.high && y.low && y.low == y.high) {
        const Bound *product = combine(s, BOUND_mul, x.low, y.low);
        return (Interval){product, product};
    }
    if (is_not_negative(x.low) && is_not_negative(y.low)) {
        return (Interval){
            combine(s, BOUND_mul, x.low, y.low),
            combine(s, BOUND_mul, at_least_zero(s, x.high), at_least_zero(s, y.high))};
    }
    if (!x.low || !x.high || !y.low || !y.high) {
        return unknown;
    }
    const Bound *most = combine(s, BOUND_mul, magnitude(s, x), magnitude(s, y));
    return (Interval){combine(s, BOUND_sub, constant(s, 0), most), most};
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

/* The largest divisor may come out as 0 where the quotient is not needed. */
static const Bound *least_quotient(const BoundScope *s, const Bound *x, const Bound *divisor) {
    if (divisor && !is_at_least(divisor, 1)) {
        divisor = combine(s, BOUND_max, divisor, constant(s, 1));
    }
    return divisor ? combine(s, BOUND_div, x, divisor) : constant(s, 0);
}

static const Bound *at_most_zero(const BoundScope *s, const Bound *bound) {
    return is_not_negative(bound) ? constant(s, 0) : combine(s, BOUND_min, bound, constant(s, 0));
}

/* Truncating division: by anything positive it comes nearer to zero; where the least divisor is
 * known to be positive, by that factor. */
static Interval quotient_interval(const BoundScope *s, const Value *divisor, Interval x,
                                  Interval y) {
    if (is_at_least(y.low, 1)) {
        return (Interval){is_not_negative(x.low)
                              ? least_quotient(s, x.low, y.high)
                              : combine(s, BOUND_div, at_most_zero(s, x.low), y.low),
                          combine(s, BOUND_div, at_least_zero(s, x.high), y.low)};
    }
    return is_positive(divisor) ? (Interval){at_most_zero(s, x.low), at_least_zero(s, x.high)}
                                : unknown;
}

static const Bound *either(const BoundScope *s, BoundKind kind, const Bound *a, const Bound *b) {
    return !a ? b : !b ? a : combine(s, kind, a, b);
}

/* Of the sign of what is divided, and not larger; smaller than the divisor where that is positive.
 */
static Interval remainder_interval(const BoundScope *s, const Value *divisor, Interval x,
                                   Interval y) {
    bool positive = is_at_least(y.low, 1) || is_positive(divisor);
    const Bound *least = positive ? combine(s, BOUND_sub, constant(s, 1), y.high) : NULL;
    return (Interval){is_not_negative(x.low) ? constant(s, 0)
                                             : either(s, BOUND_max, at_most_zero(s, x.low), least),
                      either(s, BOUND_min, at_least_zero(s, x.high), positive ? y.high : NULL)};
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
    case OP_rem:
        return remainder_interval(s, inst->in[1], x, y);
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

/* The lower limit where x is below it, else the lesser of x and the upper one. */
static Interval clamp_interval(const BoundScope *s, const Inst *inst, int depth) {
    Interval x = value_interval(s, inst->in[0], depth), low = value_interval(s, inst->in[1], depth),
             high = value_interval(s, inst->in[2], depth);
    return (Interval){combine(s, BOUND_min, either(s, BOUND_max, x.low, low.low), high.low),
                      combine(s, BOUND_max, low.high, either(s, BOUND_min, x.high, high.high))};
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
    if (inst->op == OP_clamp) {
        return clamp_interval(s, inst, depth);
    }
    if (inst->op == OP_select) {
        return choice_interval(s, inst->in[1], inst->in[2], depth);
    }
    if (inst->op == OP_neg) {
        Interval x = value_interval(s, inst->in[0], depth);
        return (Interval){combine(s, BOUND_sub, constant(s, 0), x.high),
                          combine(s, BOUND_sub, constant(s, 0), x.low)};
    }
    if (inst->op == OP_abs) { /* of the lowest integer it is that, and not above 0 */
        Interval x = value_interval(s, inst->in[0], depth);
        return (Interval){x.low, x.low ? magnitude(s, x) : NULL};
    }
    return op_is_elementwise(inst->op) && inst->n_in == 2 ? binary_interval(s, inst, depth)
                                                          : unknown;
}

/* Whether a result beyond 32 bits comes back from the other end. */
static bool wraps_in_32_bits(const Inst *inst) {
    switch (inst->op) {
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_neg:
    case OP_abs:
        return inst->out[0]->type->elem == S_i32;
    case OP_convert:
        return inst->out[0]->type->elem == S_i32 && inst->in[0]->type->elem == S_i64;
    default:
        return false;
    }
}

/* x, where it has 32 bits; else the call fails, because this product has more than 64. */
static const Bound *in_32_bits(const BoundScope *s, const Bound *x) {
    const Bound *scale = constant(s, (int64_t)1 << 32);
    return combine(s, BOUND_div, combine(s, BOUND_mul, x, scale), scale);
}

/* What wraps at one end may be anything, so each end looks at both. */
static Interval interval_in_32_bits(const BoundScope *s, Interval x) {
    const Bound *low = in_32_bits(s, x.low), *high = in_32_bits(s, x.high);
    return (Interval){combine(s, BOUND_min, low, high), combine(s, BOUND_max, low, high)};
}

static Interval param_interval(const BoundScope *s, const Value *v) {
    if (!ptrmap_has(&s->params, v)) {
        return unknown;
    }
    const Bound *bound = new_bound(s, &(Bound){.kind = BOUND_param, .param = v});
    return (Interval){bound, bound};
}

static Interval find_interval(const BoundScope *s, const Value *v, int depth) {
    const SizeSym *ignored;
    if (v->inst && v->inst->op == OP_if) {
        Region *const *branch = v->inst->regions;
        return choice_interval(s, branch[0]->yields.data[v->index],
                               branch[1]->yields.data[v->index], depth + 1);
    }
    if (v->inst) {
        Interval x = inst_interval(s, v->inst, depth + 1);
        return wraps_in_32_bits(v->inst) ? interval_in_32_bits(s, x) : x;
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

/* Each value once: there are many ways to it where values are used twice. */
static Interval value_interval(const BoundScope *s, const Value *v, int depth) {
    Interval *known = ptrmap_get(s->known, v);
    if (known || depth > DEEPEST) {
        return known ? *known : unknown;
    }
    known = ARENA_NEW(s->arena, Interval);
    *known = find_interval(s, v, depth);
    ptrmap_put(s->known, v, known);
    return *known;
}

const Bound *bound_size(const BoundScope *scope, const Size *size, const SizeSym **unbounded) {
    return at_least_zero(scope, size_end(scope, size, true, 0, unbounded));
}

BoundScope bound_scope_of(Arena *arena, const PtrMap *params) {
    BoundScope scope = {.arena = arena, .params = *params, .known = ARENA_NEW(arena, PtrMap)};
    ptrmap_init(scope.known, arena);
    return scope;
}

BoundScope bound_scope(Arena *arena, const Export *export) {
    PtrMap params;
    ptrmap_init(&params, arena);
    for (int i = 0, leaf = 0; i < export->n_params; i++) {
        if (param_is_integer(&export->params[i])) {
            ptrmap_put(&params, export->func->body->params.data[leaf], NULL);
        }
        leaf += param_leaves(&export->params[i]);
    }
    return bound_scope_of(arena, &params);
}

/* ---- without a bound ---- */

/* What makes the first array of a size with that symbol in it. */
static const Inst *find_array(const Region *region, const SizeSym *sym) {
    const Inst *found = NULL;
    for (int i = 0; i < region->insts.n && !found; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region && !found; k++)
            found = find_array(inst->regions[k], sym);
        for (int k = 0; k < inst->n_out && !found; k++)
            if (ir_type_mentions(inst->out[k]->type, sym))
                found = inst;
    }
    return found;
}

void bound_report(IrModule *m, const Export *export, const SizeSym *unbounded) {
    const Value *v = unbounded->value;
    const Inst *at = v && v->inst ? v->inst : find_array(export->func->body, unbounded);
    DiagList *diags = &m->ctx->diags;
    Diag *diag = diag_error(
        diags, DIAG_unbounded, at ? at->loc : export->loc,
        "the workspace cannot be sized on entry: an array in it has an extent with no bound");
    if (at)
        diag_label(diags, diag, export->loc, "the export whose workspace it is");
    diag_hint(diags, diag, "bound it by a size or a parameter: `min(k, n)`, `min(k, 100)`");
}
