/* The states of a loop before and after its steps, where both are stored, are stored once.
 *
 *   A, B, .. = loop L carry(a = init) { .. yield carry(b) stack(a, b, ..) }
 *       ->   both = concat [init], B;   A is both[0:n], B is both[1:n+1]
 *
 * and the other way round where the loop runs backwards. Code generation lets L write B as the part
 * of `both` that it is, so half of the memory goes, and half of the writing. The reverse sweep of a
 * recurrence brings this about: it reads the states before the steps, and what uses the states as a
 * sequence reads those after them.
 *
 * Stacks that the region hands on are left alone, as those have places elsewhere. Runs last, as
 * views hide from other passes that a value comes from a loop. */
#include "passes/liveness.h"
#include "passes/rebuild.h"

typedef struct States {
    IrModule *m;
    PtrMap uses;
} States;

static int first_stack(const Inst *loop) {
    return loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

/* Whether `before` is a carry, or an array of carries, and `after` what becomes of it in a step. */
static bool is_step(const Inst *loop, const Value *before, const Value *after) {
    const Region *body = loop->regions[0];
    int k = before->index - 1 - loop->attr.loop.n_slice;
    if (!before->inst && before->region == body)
        return k >= 0 && k < loop->attr.loop.n_carry && body->yields.data[k] == after;
    const Inst *x = before->inst, *y = after->inst;
    bool arrays = x && y && x->op == OP_array && y->op == OP_array && x->region == body;
    if (!arrays || x->n_in != y->n_in)
        return false;
    for (int i = 0; i < x->n_in; i++)
        if (!is_step(loop, x->in[i], y->in[i]))
            return false;
    return true;
}

/* What such a value is before the loop. */
static Value *initial(const States *s, IrBuilder *b, const Inst *loop, const Value *before,
                      IrMap *map) {
    if (!before->inst)
        return irmap_get(map, loop->in[before->index - 1]);
    int n = before->inst->n_in;
    Value **parts = ARENA_ARRAY(s->m->arena, n, Value *);
    for (int i = 0; i < n; i++)
        parts[i] = initial(s, b, loop, before->inst->in[i], map);
    return ir_array(b, n, parts);
}

static bool is_wanted(const States *s, const Inst *loop, int k) {
    const ValueList yields = {.data = loop->region->yields.data, .n = loop->region->yields.n};
    for (int i = 0; i < yields.n; i++)
        if (yields.data[i] == loop->out[k])
            return false;
    return ptrmap_get(&s->uses, loop->out[k]) != NULL;
}

static void share(const States *s, IrBuilder *b, const Inst *loop, int before, int after,
                  IrMap *map) {
    const Value *state = loop->regions[0]->yields.data[before];
    const Size *one = size_const(&s->m->ctx->polys, 1);
    Value *all = irmap_get(map, loop->out[after]);
    Value *init = initial(s, b, loop, state, map);
    init = ir_reshape(b, init, ir_add_axis(s->m, init->type, one));
    Value *zero = ir_int(b, S_i64, 0), *second = ir_int(b, S_i64, 1);
    bool reverse = loop->attr.loop.reverse;
    Value *parts[2] = {reverse ? all : init, reverse ? init : all};
    Value *both = ir_concat(b, 2, parts);
    name_keep(s->m, both, loop->out[after]->name);
    const Size *extent = all->type->dims[0];
    irmap_put(map, loop->out[before], ir_slice(b, both, reverse ? second : zero, extent));
    irmap_put(map, loop->out[after], ir_slice(b, both, reverse ? zero : second, extent));
}

/* The stack of what `before` is after a step; -1: there is none that can be shared. */
static int find_after(const States *s, const Inst *loop, int before, const bool *shared) {
    const Value *const *yields = (const Value *const *)loop->regions[0]->yields.data;
    for (int k = first_stack(loop); k < loop->n_out; k++)
        if (k != before && !shared[k] && is_wanted(s, loop, k) &&
            is_step(loop, yields[before], yields[k]))
            return k;
    return -1;
}

/* An extent that is a difference might be negative: then the loop does not run, but the array for
 * both would have too few elements. */
static bool has_extent(const States *s, const Inst *loop) {
    PolyTable *polys = &s->m->ctx->polys;
    return size_at_least(polys, loop->attr.loop.extent, size_const(polys, 0));
}

static void share_states(const States *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    if (loop->attr.loop.n_carry == 0 || !has_extent(s, loop))
        return;
    bool *shared = ARENA_ARRAY(s->m->arena, loop->n_out + 1, bool);
    b->loc = loop->loc;
    for (int k = first_stack(loop); k < loop->n_out; k++) {
        int after = is_wanted(s, loop, k) && !shared[k] ? find_after(s, loop, k, shared) : -1;
        if (after < 0)
            continue;
        share(s, b, loop, k, after, map);
        shared[k] = shared[after] = true;
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    rebuild_inst(b, inst, map, emit, user);
    if (inst->op == OP_loop)
        share_states(user, b, inst, map);
}

bool pass_states(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        States s = {.m = m};
        if (m->funcs.data[i]->is_extern)
            continue;
        ptrmap_init(&s.uses, m->arena);
        count_uses(m->funcs.data[i]->body, &s.uses);
        rebuild_func(m, m->funcs.data[i], emit, &s);
    }
    return true;
}
