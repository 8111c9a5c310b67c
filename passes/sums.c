/* Sums that were made apart, only to be added to another sum, are added there at once.
 *
 *   R = loop L acc(zeros) { add_at R[i], v }          A' = loop L acc(A) { add_at A[p, i], v }
 *   loop M i < t slice(R) acc(A) { add_at A[p, i], r }
 *
 * where L and M may be nests, and R of any rank.
 *
 * The reverse sweep of a loop over rows makes the adjoint of a row as an array of its own and adds
 * it to the adjoint of the whole; afterwards neither that array nor the loop that adds it exists.
 * Small arrays of known size stay: they become scalars. Runs after `fuse`, when additions of arrays
 * are loops, and changes the order of additions only. */
#include "passes/liveness.h"
#include "passes/rebuild.h"

enum { KEPT_SMALL = 64 };

/* What becomes of acc `result` of a loop: it adds to `base` at the indices `at` and its own. */
typedef struct Redirect {
    const Value *result; /* of L */
    Value *base;         /* A, before */
    Value *const *at;
    int n_at;
} Redirect;

typedef struct Sums {
    IrModule *m;
    Arena *arena;
    PtrMap uses;      /* Value* -> how often it is used */
    PtrMap positions; /* Inst* -> 1 + its place in its region */
    PtrMap redirects; /* Value* (result of L) -> Redirect* */
    PtrMap chain;     /* Value* (a sum so far, inside L) -> Redirect* */
    PtrMap skipped;   /* Inst* (the add_at inside M), Value* (the slice of M) */
    bool changed;
} Sums;

static bool used_once(const Sums *s, const Value *v) {
    return (uintptr_t)ptrmap_get(&s->uses, v) == 1;
}

static Value *loop_param(const Inst *loop, int operand) {
    return loop->regions[0]->params.data[1 + operand];
}

static bool is_acc_result(const Inst *loop, int k) {
    return k >= loop->attr.loop.n_carry && k < loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

/* ---- finding ---- */

/* Whether v is `base` and what add_at and loops in the region put on top of it; marks the
 * steps where `mark` is given. */
static bool is_chain(Sums *s, const Value *v, const Value *base, const Region *region,
                     Redirect *mark) {
    while (v != base) {
        const Inst *inst = v->inst;
        if (!inst || inst->region != region)
            return false;
        if (mark)
            ptrmap_put(&s->chain, v, mark);
        if (inst->op == OP_add_at) {
            v = inst->in[0];
        } else if (inst->op == OP_loop && is_acc_result(inst, v->index)) {
            const Region *body = inst->regions[0];
            int operand = inst->attr.loop.n_slice + v->index;
            const Value *param = loop_param(inst, operand);
            if (!is_chain(s, body->yields.data[v->index], param, body, mark))
                return false;
            if (mark)
                ptrmap_put(&s->chain, param, mark);
            v = inst->in[operand];
        } else {
            return false;
        }
    }
    return true;
}

static bool is_before(const Sums *s, const Value *v, const Inst *inst) {
    if (v->region != inst->region)
        return !region_contains(inst->regions[0], v->region);
    return !v->inst || (uintptr_t)ptrmap_get(&s->positions, v->inst) <
                           (uintptr_t)ptrmap_get(&s->positions, inst);
}

/* The loop that makes `rows` as a sum on top of zeros, and could as well add to something else. */
static const Inst *maker(Sums *s, const Value *rows) {
    const Inst *loop = rows->inst;
    int64_t count;
    if (!loop || loop->op != OP_loop || !is_acc_result(loop, rows->index) || !used_once(s, rows))
        return NULL;
    const Size *elements = ir_type_count(s->m, rows->type);
    int operand = loop->attr.loop.n_slice + rows->index;
    bool small = elements && size_is_const(elements, &count) && count <= KEPT_SMALL;
    const Region *body = loop->regions[0];
    bool fits = !small && inst_is_zero(loop->in[operand]) &&
                is_chain(s, body->yields.data[rows->index], loop_param(loop, operand), body, NULL);
    return fits ? loop : NULL;
}

/* The nest M, which adds element after element of an array to another one. */
typedef struct Nest {
    int depth;
    const Value *slices[IR_MAX_RANK]; /* of the array, by loop */
    const Value *index[IR_MAX_RANK];  /* of each loop */
    const Inst *add;                  /* the add_at inside */
} Nest;

static bool is_slice_of(const Inst *loop, const Value *v) {
    return !v->inst && v->region == loop->regions[0] && v->index >= 1 &&
           v->index <= loop->attr.loop.n_slice;
}

/* Follows result j of the loop, an acc, inwards. */
static bool follow_nest(const Sums *s, const Inst *loop, int j, Nest *nest) {
    const Region *body = loop->regions[0];
    const Value *param = loop_param(loop, loop->attr.loop.n_slice + j), *v;
    const Inst *step = body->yields.data[j]->inst;
    int d = nest->depth++;
    if (!step || step->region != body || d == IR_MAX_RANK)
        return false;
    nest->index[d] = body->params.data[0];
    if (step->op == OP_add_at) {
        nest->add = step;
        v = step->in[1];
        nest->slices[d] = v;
        return step->in[0] == param && is_slice_of(loop, v) && v->type->rank == 0 &&
               used_once(s, v);
    }
    int k = body->yields.data[j]->index;
    if (step->op != OP_loop || !is_acc_result(step, k) ||
        step->in[step->attr.loop.n_slice + k] != param || !follow_nest(s, step, k, nest))
        return false;
    v = step->in[nest->slices[d + 1]->index - 1];
    nest->slices[d] = v;
    return is_slice_of(loop, v) && used_once(s, v);
}

/* Whether the last indices of what the nest adds to are those of its loops. */
static bool adds_in_order(const Nest *nest) {
    const Inst *add = nest->add;
    for (int d = 0; d < nest->depth; d++)
        if (add->in[add->n_in - nest->depth + d] != nest->index[d])
            return false;
    return add->n_in - 2 == add->in[0]->type->rank;
}

/* Matches acc j of loop M: what it adds is element after element of an array that a loop before
 * made. */
static void match_acc(Sums *s, const Inst *m, int j) {
    Nest nest = {0};
    if (!follow_nest(s, m, j, &nest) || nest.add->n_in - 2 < nest.depth || !adds_in_order(&nest))
        return;
    const Inst *add = nest.add;
    int n_at = add->n_in - 2 - nest.depth;
    const Value *rows = m->in[nest.slices[0]->index - 1];
    Value *base = m->in[m->attr.loop.n_slice + j];
    const Inst *loop = rows->region == m->region ? maker(s, rows) : NULL;
    if (!loop || !used_once(s, base) || !is_before(s, base, loop) ||
        ptrmap_has(&s->redirects, rows))
        return;
    for (int k = 0; k < n_at; k++)
        if (!is_before(s, add->in[2 + k], loop))
            return;
    Redirect *r = ARENA_NEW(s->arena, Redirect);
    *r = (Redirect){rows, base, add->in + 2, n_at};
    ptrmap_put(&s->redirects, rows, r);
    ptrmap_put(&s->skipped, add, r);
    for (int d = 0; d < nest.depth; d++)
        ptrmap_put(&s->skipped, nest.slices[d], r);
    int at = loop->attr.loop.n_slice + rows->index;
    ptrmap_put(&s->chain, loop_param(loop, at), r);
    is_chain(s, loop->regions[0]->yields.data[rows->index], loop_param(loop, at), loop->regions[0],
             r);
    s->changed = true;
}

static void find(Sums *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++)
        ptrmap_put(&s->positions, region->insts.data[i], (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            find(s, inst->regions[k]);
        for (int j = 0; inst->op == OP_loop && j < inst->attr.loop.n_acc; j++)
            match_acc(s, inst, inst->attr.loop.n_carry + j);
    }
}

/* ---- rewriting ---- */

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* The loop with what it adds to redirected (L), and without the slices that are not needed (M). */
static void emit_loop(Sums *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, n_slice = 0;
    Value **in = ARENA_ARRAY(s->arena, loop->n_in + 1, Value *);
    for (int i = 0; i < ns; i++)
        if (!ptrmap_has(&s->skipped, loop_param(loop, i)))
            in[n_slice++] = irmap_get(map, loop->in[i]);
    for (int i = ns; i < loop->n_in; i++) {
        const Redirect *r = ptrmap_get(&s->redirects, loop->out[i - ns]);
        in[n_slice + i - ns] = irmap_get(map, r ? r->base : loop->in[i]);
    }
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, loop->attr.loop.checkpoint_arg),
                     .n_slice = n_slice,
                     .n_carry = loop->attr.loop.n_carry,
                     .n_acc = loop->attr.loop.n_acc,
                     .slices = in,
                     .carries = in + n_slice,
                     .accs = in + n_slice + loop->attr.loop.n_carry,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    for (int i = 0, k = 0; i < source->params.n; i++) {
        Value *from = source->params.data[i];
        if (ptrmap_has(&s->skipped, from))
            continue;
        body.region->params.data[k]->name = from->name;
        irmap_put(map, from, body.region->params.data[k++]);
    }
    rebuild_insts(&body, source, map, emit, s);
    for (int i = 0; i < source->yields.n; i++)
        ir_yield(&body, irmap_get(map, source->yields.data[i]));
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int i = 0; i < loop->n_out; i++) {
        const Redirect *r = ptrmap_get(&s->redirects, loop->out[i]);
        out->out[i]->name = r ? r->base->name : loop->out[i]->name;
        irmap_put(map, r ? r->base : loop->out[i], out->out[i]); /* M goes on with the sum so far */
    }
}

static void emit_add_at(Sums *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Redirect *r = ptrmap_get(&s->chain, inst->out[0]);
    int n_own = inst->n_in - 2;
    Value **idx = ARENA_ARRAY(s->arena, r->n_at + n_own + 1, Value *);
    for (int k = 0; k < r->n_at; k++)
        idx[k] = irmap_get(map, r->at[k]);
    for (int k = 0; k < n_own; k++)
        idx[r->n_at + k] = irmap_get(map, inst->in[2 + k]);
    Value *sum = ir_add_at(b, irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1]),
                           r->n_at + n_own, idx);
    irmap_put(map, inst->out[0], sum);
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Sums *s = user;
    b->loc = inst->loc;
    if (inst->op == OP_loop)
        emit_loop(s, b, inst, map);
    else if (inst->op == OP_add_at && ptrmap_has(&s->skipped, inst))
        irmap_put(map, inst->out[0], irmap_get(map, inst->in[0]));
    else if (inst->op == OP_add_at && ptrmap_has(&s->chain, inst->out[0]))
        emit_add_at(s, b, inst, map);
    else
        rebuild_inst(b, inst, map, emit, user);
}

bool pass_sums(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        if (f->is_extern)
            continue;
        Sums s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.uses, s.arena);
        ptrmap_init(&s.positions, s.arena);
        ptrmap_init(&s.redirects, s.arena);
        ptrmap_init(&s.chain, s.arena);
        ptrmap_init(&s.skipped, s.arena);
        count_uses(f->body, &s.uses);
        find(&s, f->body);
        if (s.changed)
            rebuild_func(m, f, emit, &s);
    }
    return true;
}
