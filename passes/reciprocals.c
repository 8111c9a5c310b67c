/* Divisions by one number share its reciprocal.
 *
 * Derivatives divide by one number again and again: each adjoint that comes back to x/y is divided
 * by y, and so are the quotients of the rule. A division takes a vector unit as long as some thirty
 * products. Only quotients that stand for products by a reciprocal are computed so
 * (Inst.by_reciprocal: rules of derivatives, and x*(1/y) in the source); divisions of the source
 * are rounded once, as everyone expects of 6/3.
 *
 * 1/y is infinite where y is next to zero, though x/y need not be. So the reciprocal is that of
 * y*s, for a power of two s that is 1 unless y is tiny; where y is huge it is subnormal and has
 * lost two bits or three. It is 0.5/(y*s), and x/y = x*(0.5/(y*s))*2s, because the builder makes
 * x/y of x*(1/y). A square root is neither tiny nor huge, so there it is 2/(y*2), and one product
 * is enough: these are the pivots of Cholesky factors, of which triangular systems wait for each in
 * turn.
 *
 * Runs before `branches`, which hands reciprocals from one `if` to the next, and before the last
 * `simplify`, which moves those of a loop's invariants in front of it. */
#include "passes/rebuild.h"

#include <math.h>
#include <string.h>

/* How often a number divides in a region and those inside it. */
typedef struct Divides {
    const Region *region;
    int n;
    struct Divides *next; /* of the same number */
} Divides;

/* In the new body: 0.5/(y*s), and 2s; or 2/(y*2). */
typedef struct Shared {
    const Region *region;     /* of the source, where it stands */
    Value *reciprocal, *back; /* back: NULL where y is neither tiny nor huge */
    struct Shared *next;
} Shared;

typedef struct Reciprocals {
    IrModule *m;
    PtrMap divides, shared; /* divisor in the source -> Divides*, Shared* */
} Reciprocals;

/* ---- which numbers are neither tiny nor huge ---- */

static bool is_moderate(const Value *y);

enum { ANY_ROW = -1 };

/* Whether the element at these constants of an array is, n of them; where one is ANY_ROW, each of
 * those. */
static bool element_is_moderate(const Value *x, int n, const int64_t *at) {
    const Inst *inst = x->inst;
    int64_t below[IR_MAX_RANK + 1] = {ANY_ROW};
    if (n == 0)
        return is_moderate(x);
    if (!inst) { /* a row of what is gone through */
        const Inst *loop = x->region->owner;
        bool slice = loop && loop->op == OP_loop && x->index >= 1 &&
                     x->index <= loop->attr.loop.n_slice && n < IR_MAX_RANK;
        memcpy(below + 1, at, (size_t)n * sizeof *at);
        return slice && element_is_moderate(loop->in[x->index - 1], n + 1, below);
    }
    if (inst->op == OP_array && at[0] >= 0)
        return at[0] < inst->n_in && element_is_moderate(inst->in[at[0]], n - 1, at + 1);
    bool stacked =
        inst->op == OP_loop && x->index >= inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    return stacked && element_is_moderate(inst->regions[0]->yields.data[x->index], n - 1, at + 1);
}

static bool is_moderate(const Value *y) {
    const Inst *inst = y->inst;
    int64_t at[IR_MAX_RANK];
    if (!inst || inst->op != OP_index)
        return inst && inst->op == OP_sqrt;
    for (int k = 1; k < inst->n_in; k++) {
        if (!inst_is_const(inst->in[k]))
            return false;
        at[k - 1] = inst->in[k]->inst->attr.integer;
    }
    return element_is_moderate(inst->in[0], inst->n_in - 1, at);
}

/* ---- candidates ---- */

/* Whether x*(1/y) is as good as x/y. Not where x is a number, but for powers of two, or divided by
 * y already: second derivatives of elementary functions are made of these, and are documented to
 * the last place; but those of square roots have no third product to win. What is divided by a
 * pivot twice are systems of L L'. */
static bool is_dividend(const Value *x, const Value *y) {
    int exponent;
    if (inst_is_const(x))
        return fabs(frexp(x->inst->attr.num, &exponent)) == 0.5;
    return !(x->inst && x->inst->op == OP_div && x->inst->in[1] == y) || is_moderate(y);
}

static bool is_candidate(const Inst *inst) {
    return inst->op == OP_div && inst->by_reciprocal && inst->out[0]->type->rank == 0 &&
           type_is_float(inst->out[0]->type) && !inst_is_const(inst->in[1]) &&
           is_dividend(inst->in[0], inst->in[1]);
}

/* ---- which numbers divide often ---- */

static Divides *divides_in(const Reciprocals *s, const Value *y, const Region *region) {
    Divides *d = ptrmap_get(&s->divides, y);
    while (d && d->region != region)
        d = d->next;
    return d;
}

static void count_division(Reciprocals *s, const Inst *inst) {
    const Value *y = inst->in[1];
    for (const Region *at = inst->region;; at = at->parent) {
        Divides *d = divides_in(s, y, at);
        if (!d) {
            d = ARENA_NEW(s->m->arena, Divides);
            *d = (Divides){.region = at, .next = ptrmap_get(&s->divides, y)};
            ptrmap_put(&s->divides, y, d);
        }
        d->n++;
        if (at == y->region)
            return;
    }
}

static void count_divisions(Reciprocals *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (is_candidate(inst))
            count_division(s, inst);
        for (int k = 0; k < inst->n_region; k++)
            count_divisions(s, inst->regions[k]);
    }
}

/* Where iterations are independent they hide how long one product waits for the other, so two
 * divisions are enough; elsewhere the third one is won. Where a loop divides by what it does not
 * change, one is. */
static bool pays(const Reciprocals *s, const Inst *inst) {
    const Value *y = inst->in[1];
    int least = 3;
    for (const Region *at = inst->region; at; at = at->parent) {
        const Inst *loop = at->owner && at->owner->op == OP_loop ? at->owner : NULL;
        if (loop && !region_contains(at, y->region))
            return true;
        if (loop && loop->attr.loop.n_carry == 0)
            least = 2;
    }
    return divides_in(s, y, inst->region)->n >= least;
}

/* ---- the new body ---- */

static Shared *visible(const Reciprocals *s, const Value *y, const Region *region) {
    Shared *shared = ptrmap_get(&s->shared, y);
    while (shared && !region_contains(shared->region, region))
        shared = shared->next;
    return shared;
}

static Shared *new_shared(Reciprocals *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Value *y = irmap_get(map, inst->in[1]);
    const Type *type = y->type;
    Shared *shared = ARENA_NEW(s->m->arena, Shared);
    *shared = (Shared){.region = inst->region, .next = ptrmap_get(&s->shared, inst->in[1])};
    ptrmap_put(&s->shared, inst->in[1], shared);
    if (is_moderate(inst->in[1])) {
        Value *two = ir_const(b, type, 2.0);
        shared->reciprocal = ir_ew2(b, OP_div, two, ir_ew2(b, OP_mul, y, two));
        return shared;
    }
    double tiny = type->elem == S_f32 ? 0x1p-100 : 0x1p-1000,
           up = type->elem == S_f32 ? 0x1p40 : 0x1p100;
    Value *is_tiny = ir_ew2(b, OP_lt, ir_ew1(b, OP_abs, y), ir_const(b, type, tiny)),
          *scale = ir_ew3(b, OP_select, is_tiny, ir_const(b, type, up), ir_const(b, type, 1.0));
    shared->back = ir_ew3(b, OP_select, is_tiny, ir_const(b, type, 2 * up), ir_const(b, type, 2.0));
    shared->reciprocal = ir_ew2(b, OP_div, ir_const(b, type, 0.5), ir_ew2(b, OP_mul, y, scale));
    return shared;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Reciprocals *s = user;
    Shared *shared = is_candidate(inst) ? visible(s, inst->in[1], inst->region) : NULL;
    if (!shared && is_candidate(inst) && pays(s, inst))
        shared = new_shared(s, b, inst, map);
    if (!shared) {
        rebuild_inst(b, inst, map, emit, s);
        return;
    }
    Value *v = ir_ew2(b, OP_mul, irmap_get(map, inst->in[0]), shared->reciprocal);
    if (shared->back)
        v = ir_ew2(b, OP_mul, v, shared->back);
    name_keep(b->m, v, inst->out[0]->name);
    irmap_put(map, inst->out[0], v);
}

bool pass_reciprocals(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        Reciprocals s = {.m = m};
        ptrmap_init(&s.divides, m->arena);
        ptrmap_init(&s.shared, m->arena);
        if (!f->is_extern)
            count_divisions(&s, f->body);
        if (!f->is_extern && s.divides.n > 0)
            rebuild_func(m, f, emit, &s);
    }
    return true;
}
