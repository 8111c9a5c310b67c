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
 * x/y of x*(1/y).
 *
 * Runs before `branches`, which hands reciprocals from one `if` to the next, and before the last
 * `simplify`, which moves those of a loop's invariants in front of it. */
#include "passes/rebuild.h"

#include <math.h>

/* How often a number divides in a region and those inside it. */
typedef struct Divides {
    const Region *region;
    int n;
    struct Divides *next; /* of the same number */
} Divides;

/* In the new body: 0.5/(y*s), and 2s. */
typedef struct Shared {
    const Region *region; /* of the source, where it stands */
    Value *reciprocal, *back;
    struct Shared *next;
} Shared;

typedef struct Reciprocals {
    IrModule *m;
    PtrMap divides, shared; /* divisor in the source -> Divides*, Shared* */
} Reciprocals;

/* Whether x*(1/y) is as good as x/y. Not where x is a number, but for powers of two, or divided by
 * y already: second derivatives of elementary functions are made of these, and are documented to
 * the last place. */
static bool is_dividend(const Value *x, const Value *y) {
    int exponent;
    if (inst_is_const(x))
        return fabs(frexp(x->inst->attr.num, &exponent)) == 0.5;
    return !(x->inst && x->inst->op == OP_div && x->inst->in[1] == y);
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
    double tiny = type->elem == S_f32 ? 0x1p-100 : 0x1p-1000,
           up = type->elem == S_f32 ? 0x1p40 : 0x1p100;
    Value *is_tiny = ir_ew2(b, OP_lt, ir_ew1(b, OP_abs, y), ir_const(b, type, tiny)),
          *scale = ir_ew3(b, OP_select, is_tiny, ir_const(b, type, up), ir_const(b, type, 1.0));
    Shared *shared = ARENA_NEW(s->m->arena, Shared);
    shared->region = inst->region;
    shared->back = ir_ew3(b, OP_select, is_tiny, ir_const(b, type, 2 * up), ir_const(b, type, 2.0));
    shared->reciprocal = ir_ew2(b, OP_div, ir_const(b, type, 0.5), ir_ew2(b, OP_mul, y, scale));
    shared->next = ptrmap_get(&s->shared, inst->in[1]);
    ptrmap_put(&s->shared, inst->in[1], shared);
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
    Value *product = ir_ew2(b, OP_mul, irmap_get(map, inst->in[0]), shared->reciprocal),
          *v = ir_ew2(b, OP_mul, product, shared->back);
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
