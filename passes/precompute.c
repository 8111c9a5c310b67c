/* Takes dear elementwise operations out of loops that repeat them: exp(q[c, i]) inside a loop over
 * samples is computed once for the whole of q.
 *
 * simplify moves out what depends on no iteration; here the operand does depend on the innermost
 * loop, but only as the slice of an array that an outer loop leaves alone. The operation is applied
 * to the array in front of the innermost loop and sliced there. One step goes one loop outwards;
 * simplify then moves the array operation as far as it can. Runs before `loops`, while operations
 * on whole arrays are single instructions. */
#include "passes/rebuild.h"

enum { PRECOMPUTE_ROUNDS = 4 };

typedef struct Precompute {
    IrModule *m;
    Arena *arena;
    bool changed;
} Precompute;

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

static const Inst *loop_around(const Region *region) {
    while (region && !(region->owner && region->owner->op == OP_loop))
        region = region->parent;
    return region ? region->owner : NULL;
}

/* The array that a value is sliced from, through any number of loops; *outermost is the last of
 * these loops. */
static const Value *sliced_root(const Value *v, const Inst **outermost) {
    for (;;) {
        const Inst *loop = v->inst ? NULL : v->region->owner;
        if (!loop || loop->op != OP_loop || v->index == 0 || v->index > loop->attr.loop.n_slice)
            return v;
        *outermost = loop;
        v = loop->in[v->index - 1];
    }
}

/* Whether a loop around the slicing ones leaves the root alone, so that the operation would be done
 * again and again. */
static bool is_repeated(const Value *v) {
    const Inst *outermost = NULL;
    const Value *root = sliced_root(v, &outermost);
    if (!outermost)
        return false;
    const Inst *around = loop_around(outermost->region);
    return around && !region_contains(around->regions[0], root->region);
}

static bool is_slice_of(const Inst *loop, const Value *v) {
    return !v->inst && v->region == loop->regions[0] && v->index >= 1 &&
           v->index <= loop->attr.loop.n_slice;
}

/* A dear operation of slices of this loop that outer loops repeat, and of values from outside it.
 */
static bool is_candidate(const Inst *loop, const Inst *inst) {
    if (!op_is_elementwise(inst->op) || op_info[inst->op].cost < DEAR_COST)
        return false;
    bool any = false;
    for (int k = 0; k < inst->n_in; k++) {
        const Value *v = inst->in[k];
        bool slice = is_slice_of(loop, v);
        if (slice ? !is_repeated(v) : region_contains(loop->regions[0], v->region))
            return false;
        if (!slice) { /* from outside: it must not change where the slices do not */
            const Inst *outermost = NULL, *around = loop_around(loop->region);
            const Value *root = sliced_root(v, &outermost);
            if (around && region_contains(around->regions[0], root->region))
                return false;
        }
        any = any || slice;
    }
    return any;
}

static Value *apply_to_arrays(Precompute *s, IrBuilder *b, const Inst *loop, const Inst *inst,
                              IrMap *map) {
    Value *in[3];
    const Size *extent = irmap_size(map, loop->attr.loop.extent);
    for (int k = 0; k < inst->n_in; k++) {
        Value *v = inst->in[k];
        if (is_slice_of(loop, v))
            in[k] = irmap_get(map, loop->in[v->index - 1]);
        else
            in[k] = ir_broadcast(b, irmap_get(map, v),
                                 ir_add_axis(s->m, irmap_type(map, v->type), extent));
    }
    b->loc = inst->loc;
    return ir_ew(b, inst->op, in);
}

static bool precompute_loop(Precompute *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    const Region *source = loop->regions[0];
    VEC(const Inst *) candidates = {0};
    ValueList slices = {0};
    int ns = loop->attr.loop.n_slice;
    for (int i = 0; i < source->insts.n; i++)
        if (is_candidate(loop, source->insts.data[i]))
            vec_push(s->arena, &candidates, source->insts.data[i]);
    if (candidates.n == 0)
        return false;
    s->changed = true;
    for (int k = 0; k < ns; k++)
        vec_push(s->arena, &slices, irmap_get(map, loop->in[k]));
    for (int i = 0; i < candidates.n; i++)
        vec_push(s->arena, &slices, apply_to_arrays(s, b, loop, candidates.data[i], map));
    Value **state = ARENA_ARRAY(s->arena, loop->n_in + 1, Value *);
    for (int k = ns; k < loop->n_in; k++)
        state[k - ns] = irmap_get(map, loop->in[k]);
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .n_slice = slices.n,
                     .n_carry = loop->attr.loop.n_carry,
                     .n_acc = loop->attr.loop.n_acc,
                     .slices = slices.data,
                     .carries = state,
                     .accs = state + loop->attr.loop.n_carry,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    b->loc = loop->loc;
    ir_loop_begin(b, &spec, &body);
    for (int k = 0; k < source->params.n; k++) {
        Value *p = body.region->params.data[k <= ns ? k : k + candidates.n];
        p->name = source->params.data[k]->name;
        irmap_put(map, source->params.data[k], p);
    }
    for (int i = 0; i < candidates.n; i++)
        irmap_put(map, candidates.data[i]->out[0], body.region->params.data[1 + ns + i]);
    for (int i = 0; i < source->insts.n; i++) {
        bool done = false;
        for (int k = 0; k < candidates.n; k++)
            done = done || candidates.data[k] == source->insts.data[i];
        if (!done)
            emit(s, &body, source->insts.data[i], map);
    }
    for (int k = 0; k < source->yields.n; k++)
        ir_yield(&body, irmap_get(map, source->yields.data[k]));
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int k = 0; k < loop->n_out; k++) {
        out->out[k]->name = loop->out[k]->name;
        irmap_put(map, loop->out[k], out->out[k]);
    }
    return true;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    b->loc = inst->loc;
    if (inst->op != OP_loop || !precompute_loop(user, b, inst, map))
        rebuild_inst(b, inst, map, emit, user);
}

bool pass_precompute(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Precompute s = {.m = m, .arena = m->arena, .changed = true};
        for (int round = 0; s.changed && round < PRECOMPUTE_ROUNDS && !m->funcs.data[i]->is_extern;
             round++) {
            s.changed = false;
            rebuild_func(m, m->funcs.data[i], emit, &s);
            if (s.changed)
                simplify_func(m, m->funcs.data[i]);
        }
    }
    return true;
}
