/* Sums over iterations of what is linear in a few numbers and otherwise the same in each of them:
 * the numbers are summed first, and what is linear is done once.
 *
 *   loop S s < n acc(A) { loop i < d { g = ..s..; loop j < i { A[j] += g*L[i,j] } } }
 *   ->  loop S s < n acc(G = 0) { loop i < d { G[i] += ..s.. } };
 *       if n > 0 { loop i < d { loop j < i { A[j] += G[i]*L[i,j] } } }
 *
 * The adjoint of `L (x[s] - mu)` by mu is such a sum: a product with L for every s becomes one. It
 * pays where the linear part has loops inside those that the numbers are made in. Only the order of
 * additions changes.
 *
 * The linear part is not cut out: the body of S is copied behind it with the sums in place of the
 * numbers, and simplify removes what then nothing reads. Whatever it reads at an index was checked
 * in the first iteration of S, so it runs only when there was one. */
#include "passes/rebuild.h"

#include <string.h>

enum { MOST_SEEDS = 4 };

/* A number that the linear part starts from, and the array of its sums. */
typedef struct Seed {
    Value *value;
    int depth;                      /* loops around it, inside S */
    const Inst *loops[IR_MAX_RANK]; /* these, outermost first */
    Value *sum;                     /* in the new body: so far, or in the end */
} Seed;

typedef struct Linear {
    IrModule *m;
    Arena *arena;
    const Inst *loop; /* S */
    int acc;          /* among its results */
    PtrMap varies;    /* values inside S that differ between its iterations */
    PtrMap seen;      /* values known to be linear */
    PtrMap skipped;   /* add_at that move behind S */
    PtrMap dims;      /* symbols bound inside S */
    Seed seeds[MOST_SEEDS];
    int n_seeds, deepest;
    bool failed, copying;
} Linear;

/* ---- what differs between iterations ---- */

static bool varies(const Linear *s, const Value *v) {
    return ptrmap_has(&s->varies, v);
}

static void set_varies(Linear *s, const Value *v, bool is, bool *changed) {
    if (is && !varies(s, v)) {
        ptrmap_put(&s->varies, v, NULL);
        *changed = true;
    }
}

static void find_varying(Linear *s, const Region *region, bool *changed);

static void find_varying_loop(Linear *s, const Inst *loop, bool *changed) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int k = 0; k < loop->n_in; k++)
        set_varies(s, body->params.data[1 + k], varies(s, loop->in[k]), changed);
    find_varying(s, body, changed);
    for (int k = 0; k < loop->n_out; k++) {
        bool is = varies(s, body->yields.data[k]);
        if (k < nstate)
            set_varies(s, body->params.data[1 + ns + k], is, changed);
        set_varies(s, loop->out[k], is, changed);
    }
}

static void find_varying(Linear *s, const Region *region, bool *changed) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool any = false;
        for (int k = 0; k < inst->n_in; k++)
            any = any || varies(s, inst->in[k]);
        if (inst->op == OP_loop) {
            find_varying_loop(s, inst, changed);
            continue;
        }
        for (int k = 0; k < inst->n_region; k++)
            find_varying(s, inst->regions[k], changed);
        for (int j = 0; j < inst->n_out; j++) {
            bool is = any;
            for (int k = 0; k < inst->n_region; k++)
                is = is || varies(s, inst->regions[k]->yields.data[j]);
            set_varies(s, inst->out[j], is, changed);
        }
        if (inst->op == OP_dim) {
            ptrmap_put(&s->dims, inst->attr.sym, NULL);
            s->failed = s->failed || any;
        }
    }
}

/* ---- what is linear ---- */

static bool is_linear(Linear *s, Value *v);

static int depth_of(const Linear *s, const Region *region) {
    int depth = 0;
    for (; region != s->loop->regions[0]; region = region->owner->region)
        depth++;
    return depth;
}

static bool size_is_outer(const Linear *s, const Size *size) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++)
            if (ptrmap_has(&s->dims, size->terms[t].syms[k]))
                return false;
    return true;
}

/* Whether v may be summed up on its own: a float in loops only, of extents that S does not bind. */
static bool add_seed(Linear *s, Value *v) {
    for (int i = 0; i < s->n_seeds; i++)
        if (s->seeds[i].value == v)
            return true;
    int depth = depth_of(s, v->region), d = depth;
    if (s->n_seeds == MOST_SEEDS || !v->inst || v->type->rank > 0 || !value_is_float(v) ||
        v->is_acc || depth < 1 || depth > IR_MAX_RANK)
        return false;
    Seed *seed = &s->seeds[s->n_seeds];
    *seed = (Seed){.value = v, .depth = depth};
    for (const Region *r = v->region; r != s->loop->regions[0]; r = r->owner->region) {
        if (r->owner->op != OP_loop || !size_is_outer(s, r->owner->attr.loop.extent))
            return false;
        seed->loops[--d] = r->owner;
    }
    s->n_seeds++;
    return true;
}

static bool any_varies(const Linear *s, const Inst *inst, int first) {
    for (int k = first; k < inst->n_in; k++)
        if (varies(s, inst->in[k]))
            return true;
    return false;
}

/* Whether v is `base` and linear additions at places that do not vary. Of the sum that moves behind
 * S the additions are noted. */
static bool is_linear_chain(Linear *s, Value *v, const Value *base, const Region *region,
                            bool moves) {
    while (v != base) {
        Inst *inst = v->inst;
        if (!inst || inst->region != region)
            return false;
        if (inst->op == OP_add_at && !any_varies(s, inst, 2)) {
            if (!is_linear(s, inst->in[1]))
                return false;
            if (moves)
                ptrmap_put(&s->skipped, inst, NULL);
            v = inst->in[0];
            continue;
        }
        int acc = v->index - inst->attr.loop.n_carry, ns = inst->attr.loop.n_slice;
        if (inst->op != OP_loop || acc < 0 || acc >= inst->attr.loop.n_acc)
            return false;
        const Region *body = inst->regions[0];
        if (!is_linear_chain(s, body->yields.data[v->index], body->params.data[1 + ns + v->index],
                             body, moves))
            return false;
        v = inst->in[ns + v->index];
    }
    return true;
}

static bool is_linear_loop_result(Linear *s, Value *v) {
    Inst *loop = v->inst;
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry;
    Value *yield = body->yields.data[v->index];
    if (v->index < nc)
        return false;
    if (v->index >= nc + loop->attr.loop.n_acc)
        return is_linear(s, yield);
    return is_linear_chain(s, yield, body->params.data[1 + ns + v->index], body, false) &&
           is_linear(s, loop->in[ns + v->index]);
}

static bool is_linear_param(Linear *s, Value *v) {
    const Inst *loop = v->region->owner;
    bool inner = loop && loop->op == OP_loop && loop != s->loop;
    bool slice = inner && v->index >= 1 && v->index <= loop->attr.loop.n_slice;
    return slice && is_linear(s, loop->in[v->index - 1]);
}

static bool is_linear_inst(Linear *s, Value *v) {
    Inst *inst = v->inst;
    bool scalar = v->type->rank == 0;
    switch (inst->op) {
    case OP_add:
    case OP_sub:
        return scalar && is_linear(s, inst->in[0]) && is_linear(s, inst->in[1]);
    case OP_neg:
        return scalar && is_linear(s, inst->in[0]);
    case OP_mul:
        if (scalar && any_varies(s, inst, 0) && !(varies(s, inst->in[0]) && varies(s, inst->in[1])))
            return is_linear(s, inst->in[varies(s, inst->in[0]) ? 0 : 1]);
        return add_seed(s, v);
    case OP_index:
    case OP_slice:
        return any_varies(s, inst, 1) ? add_seed(s, v) : is_linear(s, inst->in[0]);
    case OP_loop:
        return is_linear_loop_result(s, v);
    default:
        return add_seed(s, v);
    }
}

static bool is_linear(Linear *s, Value *v) {
    if (ptrmap_has(&s->seen, v))
        return true;
    if (!varies(s, v))
        return inst_is_zero(v);
    int seeds = s->n_seeds;
    if (!(v->inst ? is_linear_inst(s, v) : is_linear_param(s, v)))
        return false;
    ptrmap_put(&s->seen, v, NULL);
    int depth = depth_of(s, v->region);
    bool is_seed = s->n_seeds > seeds && s->seeds[s->n_seeds - 1].value == v;
    s->deepest = !is_seed && depth > s->deepest ? depth : s->deepest;
    return true;
}

static void reset(Linear *s, const Inst *loop, int acc) {
    IrModule *m = s->m;
    *s = (Linear){.m = m, .arena = m->arena, .loop = loop, .acc = acc};
    ptrmap_init(&s->varies, s->arena);
    ptrmap_init(&s->seen, s->arena);
    ptrmap_init(&s->skipped, s->arena);
    ptrmap_init(&s->dims, s->arena);
}

static bool acc_moves(Linear *s, const Inst *loop, int acc) {
    const Region *body = loop->regions[0];
    reset(s, loop, acc);
    for (int k = 0; k < body->params.n; k++)
        ptrmap_put(&s->varies, body->params.data[k], NULL);
    for (bool changed = true; changed && !s->failed;) {
        changed = false;
        find_varying(s, body, &changed);
    }
    Value *param = body->params.data[1 + loop->attr.loop.n_slice + acc];
    if (s->failed || !is_linear_chain(s, body->yields.data[acc], param, body, true))
        return false;
    int seeds_at = 0;
    for (int i = 0; i < s->n_seeds; i++)
        seeds_at = s->seeds[i].depth > seeds_at ? s->seeds[i].depth : seeds_at;
    return s->n_seeds > 0 && s->deepest > seeds_at;
}

static bool has_nest(const Region *region, int depth) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop && (depth == 1 || has_nest(inst->regions[0], depth - 1)))
            return true;
    }
    return false;
}

/* The first loop of the region, inner ones too, with a sum that moves. */
static bool find_loop(Linear *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        int nc = inst->op == OP_loop ? inst->attr.loop.n_carry : 1;
        for (int k = 0; nc == 0 && has_nest(inst->regions[0], 2) && k < inst->attr.loop.n_acc; k++)
            if (inst->out[k]->type->rank > 0 && acc_moves(s, inst, k))
                return true;
        for (int k = 0; k < inst->n_region; k++)
            if (find_loop(s, inst->regions[k]))
                return true;
    }
    return false;
}

/* ---- the new body ---- */

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* Whether the seed's sum passes through the loop. */
static bool is_around(const Linear *s, const Inst *loop, const Seed *seed) {
    return loop == s->loop || region_contains(loop->regions[0], seed->value->region);
}

static int place_of(const Seed *seed, IrMap *map, Value **at) {
    for (int d = 0; d < seed->depth; d++)
        at[d] = irmap_get(map, seed->loops[d]->regions[0]->params.data[0]);
    return seed->depth;
}

static Value *zero_sums(Linear *s, IrBuilder *b, const Seed *seed, IrMap *map) {
    const Type *type = seed->value->type;
    for (int d = seed->depth - 1; d >= 0; d--)
        type = ir_add_axis(s->m, type, irmap_size(map, seed->loops[d]->attr.loop.extent));
    return zeros_of(b, type);
}

/* A loop around seeds, with their sums as further accs; S without the sum that moves. */
static void emit_loop(Linear *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    bool top = loop == s->loop;
    ValueList in = {0};
    Seed *through[MOST_SEEDS];
    int n = 0;
    for (int k = 0; k < loop->n_in; k++)
        if (!top || k != ns + s->acc)
            vec_push(s->arena, &in, irmap_get(map, loop->in[k]));
    for (int i = 0; i < s->n_seeds; i++)
        if (is_around(s, loop, &s->seeds[i])) {
            through[n++] = &s->seeds[i];
            vec_push(s->arena, &in, top ? zero_sums(s, b, &s->seeds[i], map) : s->seeds[i].sum);
        }
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, loop->attr.loop.checkpoint_arg),
                     .n_slice = ns,
                     .n_carry = nc,
                     .n_acc = na - top + n,
                     .slices = in.data,
                     .carries = in.data + ns,
                     .accs = in.data + ns + nc,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **p = body.region->params.data;
    for (int k = 0; k < source->params.n; k++) {
        Value *from = source->params.data[k];
        bool moved = top && k == 1 + ns + s->acc;
        if (!moved)
            (*p)->name = from->name;
        irmap_put(map, from, moved ? zeros_of(&body, irmap_type(map, from->type)) : *p++);
    }
    for (int i = 0; i < n; i++)
        through[i]->sum = *p++;
    rebuild_insts(&body, source, map, emit, s);
    for (int k = 0; k < nc + na; k++)
        if (!top || k != s->acc)
            ir_yield(&body, irmap_get(map, source->yields.data[k]));
    for (int i = 0; i < n; i++) {
        Value *at[IR_MAX_RANK];
        if (through[i]->value->region == source)
            through[i]->sum = ir_add_at(&body, through[i]->sum, irmap_get(map, through[i]->value),
                                        place_of(through[i], map, at), at);
        ir_yield(&body, through[i]->sum);
    }
    for (int k = nc + na; k < loop->n_out; k++)
        ir_yield(&body, irmap_get(map, source->yields.data[k]));
    b->loc = loop->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    for (int i = 0; i < n; i++)
        through[i]->sum = out[nc + na - top + i];
    for (int k = 0; k < loop->n_out; k++) {
        for (int i = 0; k == nc + na && i < n; i++)
            out++; /* the sums */
        if (top && k == s->acc)
            continue;
        (*out)->name = loop->out[k]->name;
        irmap_put(map, loop->out[k], *out++);
    }
}

/* The body of S once more, from the sums. */
static Value *emit_copy(Linear *s, IrBuilder *b, IrMap *map) {
    const Region *source = s->loop->regions[0];
    int ns = s->loop->attr.loop.n_slice;
    for (int k = 0; k < source->params.n; k++) {
        Value *from = source->params.data[k];
        const Type *type = irmap_type(map, from->type);
        bool base = k == 1 + ns + s->acc;
        irmap_put(map, from,
                  base ? irmap_get(map, s->loop->in[ns + s->acc]) : ir_const(b, type, 0.0));
    }
    bool drop = map->drop_checks;
    map->drop_checks = s->copying = true;
    rebuild_insts(b, source, map, emit, s);
    map->drop_checks = drop;
    s->copying = false;
    return irmap_get(map, source->yields.data[s->acc]);
}

static void emit_linear(Linear *s, IrBuilder *b, IrMap *map) {
    const Inst *loop = s->loop;
    Value *base = irmap_get(map, loop->in[loop->attr.loop.n_slice + s->acc]), *out;
    Value *cond =
        ir_ew2(b, OP_gt, ir_size(b, irmap_size(map, loop->attr.loop.extent)), ir_int(b, S_i64, 0));
    IrBuilder branch[2];
    ir_builder_nested(&branch[0], b);
    ir_builder_nested(&branch[1], b);
    ir_yield(&branch[0], emit_copy(s, &branch[0], map));
    ir_yield(&branch[1], base);
    b->loc = loop->loc;
    ir_if_values(b, cond, &branch[0], &branch[1], &out);
    irmap_put(map, loop->out[s->acc], out);
}

/* In the copy, seeds among the results of inst are read from their sums; false: there are none. */
static bool emit_seeds(Linear *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Seed *seeds[MOST_SEEDS];
    int n = 0;
    for (int i = 0; i < s->n_seeds; i++)
        if (s->seeds[i].value->inst == inst)
            seeds[n++] = &s->seeds[i];
    if (n > 0 && inst->n_out > 1) /* others of an `if` */
        rebuild_inst(b, inst, map, emit, s);
    for (int i = 0; i < n; i++) {
        Value *at[IR_MAX_RANK];
        int depth = place_of(seeds[i], map, at);
        irmap_put(map, seeds[i]->value, ir_index(b, seeds[i]->sum, depth, at));
    }
    return n > 0;
}

static bool holds_seed(const Linear *s, const Inst *loop) {
    for (int i = 0; i < s->n_seeds; i++)
        if (region_contains(loop->regions[0], s->seeds[i].value->region))
            return true;
    return false;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Linear *s = user;
    b->loc = inst->loc;
    if (s->copying && emit_seeds(s, b, inst, map))
        return;
    if (!s->copying && ptrmap_has(&s->skipped, inst)) {
        irmap_put(map, inst->out[0], irmap_get(map, inst->in[0]));
    } else if (!s->copying && inst->op == OP_loop && holds_seed(s, inst) &&
               (inst == s->loop || region_contains(s->loop->regions[0], inst->region))) {
        emit_loop(s, b, inst, map);
        if (inst == s->loop)
            emit_linear(s, b, map);
    } else if (inst->op != OP_check || !map->drop_checks) {
        rebuild_inst(b, inst, map, emit, s);
    }
}

bool pass_linear(IrModule *m) {
    enum { ROUNDS = 4 };
    for (int i = 0; i < m->funcs.n; i++) {
        Linear s = {.m = m};
        Func *f = m->funcs.data[i];
        for (int k = 0; k < ROUNDS && !f->is_extern && find_loop(&s, f->body); k++) {
            rebuild_func(m, f, emit, &s);
            simplify_func(m, f);
        }
    }
    return true;
}
