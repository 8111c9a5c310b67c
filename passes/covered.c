/* Two loops with carries that go through the same states become one.
 *
 * The adjoint of a parallel loop computes the body again, and fusion makes it and the primal one
 * loop (Note [What is stored] in vjp.c). A loop with carries in that body then stands there twice:
 * as it was, and with the states and slopes that the sweep needs, but without sums that only the
 * value is made of. fuse joins only what has no carries; so the second takes the place of the
 * first, where all that it reads is there already, and computes also what the first alone did. In a
 * batch of sequences this saves the primal, a third of the time.
 *
 * Hash-consing and fusion have to be done before: both loops look alike only then. */
#include "passes/rebuild.h"
#include "passes/same.h"

enum { LATER_LOOPS = 8 }; /* that are compared with a loop */

typedef struct Covering {
    const Inst *loop; /* that takes the place */
    LoopCover cover;
    PtrMap early; /* instructions of the covered loop that come first: checks */
} Covering;

typedef struct Covered {
    IrModule *m;
    Arena *arena;
    PtrMap covering; /* covered loop -> Covering */
    PtrMap taken;    /* loops that take the place of another */
} Covered;

static bool has_carries(const Inst *inst) {
    return inst->op == OP_loop && inst->attr.loop.n_carry > 0;
}

/* Whether the value is there before instruction `at` of the region; place: Inst -> its number + 1
 * in the region. */
static bool is_before(const Value *v, const PtrMap *place, int at) {
    uintptr_t n = v->inst ? (uintptr_t)ptrmap_get(place, v->inst) : 0;
    return n == 0 || (int)n - 1 < at;
}

/* Whether the sizes that the loop mentions are bound before. */
static bool sizes_before(Covered *s, const Region *region, const Inst *loop, int at) {
    PtrMap syms;
    ptrmap_init(&syms, s->arena);
    ir_free_syms(s->arena, loop->regions[0], &syms);
    for (int i = at; region->insts.data[i] != loop; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_dim && ptrmap_has(&syms, inst->attr.sym))
            return false;
    }
    return true;
}

static int count_checks(const Region *region) {
    int n = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        n += inst->op == OP_check;
        for (int k = 0; k < inst->n_region; k++)
            n += count_checks(inst->regions[k]);
    }
    return n;
}

/* The checks of the loop's own body that the later loop lacks, and what their conditions are made
 * of: keys of `early`. False where a condition comes from a loop, or a check stands in one. */
static bool find_early(const Inst *loop, const LoopCover *cover, PtrMap *early) {
    const Region *body = loop->regions[0];
    for (int i = body->insts.n - 1; i >= 0; i--) {
        const Inst *inst = body->insts.data[i];
        bool fails = inst_holds(inst, OP_check) && !is_covered(cover, inst), wanted = fails;
        for (int k = 0; k < inst->n_out; k++)
            wanted = wanted || ptrmap_has(early, inst->out[k]);
        if (!wanted)
            continue;
        if (inst->n_region > 0)
            return false;
        ptrmap_put(early, inst, (void *)(uintptr_t)inst);
        for (int k = 0; k < inst->n_in; k++)
            ptrmap_put(early, inst->in[k], inst->in[k]);
    }
    return true;
}

/* Whether nothing fails in another place or order, and the later loop reads nothing before a check
 * that guards it: it has none, and those of this loop come first; or it has the same. */
static bool keeps_checks(Covered *s, const Inst *loop, const Inst *later, const LoopCover *cover,
                         PtrMap *early) {
    const Region *body = loop->regions[0];
    int own = count_checks(later->regions[0]);
    bool all = true;
    for (int i = 0; i < body->insts.n; i++)
        all = all && (!inst_holds(body->insts.data[i], OP_check) ||
                      is_covered(cover, body->insts.data[i]));
    ptrmap_init(early, s->arena);
    if (all || own > 0)
        return all && own == count_checks(body);
    return !region_has_unsafe(later->regions[0]) || find_early(loop, cover, early);
}

/* Whether `later` can stand in place of instruction `at`: it reads nothing that is made after it,
 * and nothing that a check after it guards. */
static bool can_move(Covered *s, const Region *region, const Inst *later, const PtrMap *place,
                     int at) {
    ValueList uses = {0};
    ir_free_values(s->arena, later->regions[0], &uses);
    for (int k = 0; k < later->n_in; k++)
        vec_push(s->arena, &uses, later->in[k]);
    for (int k = 0; k < uses.n; k++)
        if (!is_before(uses.data[k], place, at))
            return false;
    bool checked = false;
    for (int i = at + 1; region->insts.data[i] != later; i++)
        checked = checked || inst_holds(region->insts.data[i], OP_check);
    return !(checked && region_has_unsafe(later->regions[0])) && sizes_before(s, region, later, at);
}

static void find_covering(Covered *s, const Region *region, const PtrMap *place, int at) {
    const Inst *loop = region->insts.data[at];
    for (int i = at + 1, tried = 0; i < region->insts.n && tried < LATER_LOOPS; i++) {
        const Inst *later = region->insts.data[i];
        LoopCover cover;
        PtrMap early;
        if (!has_carries(later) || ptrmap_has(&s->taken, later))
            continue;
        tried++;
        if (!loop_covers(s->arena, loop, later, &cover) ||
            !keeps_checks(s, loop, later, &cover, &early) || !can_move(s, region, later, place, at))
            continue;
        Covering *c = ARENA_NEW(s->arena, Covering);
        *c = (Covering){later, cover, early};
        ptrmap_put(&s->covering, loop, c);
        ptrmap_put(&s->taken, later, c);
        return;
    }
}

static void find_in(Covered *s, const Region *region) {
    PtrMap place;
    int loops = 0;
    for (int i = 0; i < region->insts.n; i++)
        loops += has_carries(region->insts.data[i]);
    ptrmap_init(&place, s->arena);
    for (int i = 0; loops > 1 && i < region->insts.n; i++)
        ptrmap_put(&place, region->insts.data[i], (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (loops > 1 && has_carries(inst) && !ptrmap_has(&s->taken, inst))
            find_covering(s, region, &place, i);
        for (int k = 0; k < inst->n_region; k++)
            find_in(s, inst->regions[k]);
    }
}

/* ---- both as one ---- */

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* Operands of the new loop, mapped, and the source parameters that they are for. */
typedef struct Operands {
    Value **in, **param;
    int n;
} Operands;

/* Adds operands [from, to) of the loop, but for those whose parameters have a twin. */
static int add_operands(Operands *o, const Inst *loop, int from, int to, const PtrMap *twin,
                        IrMap *map) {
    int before = o->n;
    for (int k = from; k < to; k++) {
        Value *param = loop->regions[0]->params.data[1 + k];
        if (twin && ptrmap_has(twin, param))
            continue;
        o->in[o->n] = irmap_get(map, loop->in[k]);
        o->param[o->n++] = param;
    }
    return o->n - before;
}

static LoopSpec joined_spec(Covered *s, const Inst *gone, const Covering *c, IrMap *map,
                            Operands *o) {
    const Inst *loop = c->loop;
    int n = loop->n_in + gone->n_in + 1, ns = loop->attr.loop.n_slice,
        nc = ns + loop->attr.loop.n_carry, gone_ns = gone->attr.loop.n_slice,
        gone_nc = gone_ns + gone->attr.loop.n_carry;
    const PtrMap *twin = &c->cover.twin;
    *o = (Operands){ARENA_ARRAY(s->arena, n, Value *), ARENA_ARRAY(s->arena, n, Value *), 0};
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, loop->attr.loop.checkpoint_arg),
                     .index_name = gone->regions[0]->params.data[0]->name};
    spec.slices = o->in;
    spec.n_slice =
        add_operands(o, loop, 0, ns, NULL, map) + add_operands(o, gone, 0, gone_ns, twin, map);
    spec.carries = o->in + o->n;
    spec.n_carry = add_operands(o, loop, ns, nc, NULL, map);
    spec.accs = o->in + o->n;
    spec.n_acc = add_operands(o, loop, nc, loop->n_in, NULL, map) +
                 add_operands(o, gone, gone_nc, gone->n_in, twin, map);
    return spec;
}

/* What the loop that goes has in common with the other is what that became. */
static void map_twins(const Covering *c, Value *const *values, int n, IrMap *map) {
    for (int k = 0; k < n; k++) {
        Value *other = ptrmap_get(&c->cover.twin, values[k]);
        if (other)
            irmap_put(map, values[k], irmap_get(map, other));
    }
}

static void emit_bodies(Covered *s, IrBuilder *b, const Inst *gone, const Covering *c,
                        const Operands *o, IrMap *map) {
    const Region *body = gone->regions[0];
    irmap_put(map, c->loop->regions[0]->params.data[0], b->region->params.data[0]);
    for (int k = 0; k < o->n; k++) {
        Value *param = b->region->params.data[1 + k];
        param->name = o->param[k]->name;
        irmap_put(map, o->param[k], param);
    }
    map_twins(c, body->params.data, body->params.n, map);
    for (int i = 0; i < body->insts.n; i++)
        if (ptrmap_has(&c->early, body->insts.data[i]))
            emit(s, b, body->insts.data[i], map);
    rebuild_insts(b, c->loop->regions[0], map, emit, s);
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (ptrmap_has(&c->early, inst))
            continue;
        if (is_covered(&c->cover, inst))
            map_twins(c, inst->out, inst->n_out, map);
        else
            emit(s, b, inst, map);
    }
}

/* Yields results [from, to) of the loop, but for those that the other has; lists them. */
static void yield_results(IrBuilder *b, const Inst *loop, int from, int to, const int *covered,
                          IrMap *map, Covered *s, ValueList *results) {
    for (int k = from; k < to; k++)
        if (!covered || covered[k] < 0) {
            ir_yield(b, irmap_get(map, loop->regions[0]->yields.data[k]));
            vec_push(s->arena, results, loop->out[k]);
        }
}

static void emit_joined(Covered *s, IrBuilder *b, const Inst *gone, const Covering *c, IrMap *map) {
    const Inst *loop = c->loop;
    const int *result = c->cover.result;
    int states = loop->attr.loop.n_carry + loop->attr.loop.n_acc,
        gone_states = gone->attr.loop.n_carry + gone->attr.loop.n_acc;
    Operands operands;
    LoopSpec spec = joined_spec(s, gone, c, map, &operands);
    IrBuilder body;
    ValueList results = {0};
    b->loc = gone->loc;
    ir_loop_begin(b, &spec, &body);
    emit_bodies(s, &body, gone, c, &operands, map);
    yield_results(&body, loop, 0, states, NULL, map, s, &results);
    yield_results(&body, gone, 0, gone_states, result, map, s, &results);
    yield_results(&body, loop, states, loop->n_out, NULL, map, s, &results);
    yield_results(&body, gone, gone_states, gone->n_out, result, map, s, &results);
    b->loc = gone->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int k = 0; k < results.n; k++) {
        out->out[k]->name = results.data[k]->name;
        irmap_put(map, results.data[k], out->out[k]);
    }
    for (int k = 0; k < gone->n_out; k++)
        if (result[k] >= 0)
            irmap_put(map, gone->out[k], irmap_get(map, loop->out[result[k]]));
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Covered *s = user;
    const Covering *c = ptrmap_get(&s->covering, inst);
    if (c)
        emit_joined(s, b, inst, c, map);
    else if (!ptrmap_has(&s->taken, inst))
        rebuild_inst(b, inst, map, emit, s);
}

bool pass_covered(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Covered s = {.m = m, .arena = m->arena};
        if (m->funcs.data[i]->is_extern)
            continue;
        ptrmap_init(&s.covering, s.arena);
        ptrmap_init(&s.taken, s.arena);
        find_in(&s, m->funcs.data[i]->body);
        if (s.covering.n > 0)
            rebuild_func(m, m->funcs.data[i], emit, &s);
    }
    return true;
}
