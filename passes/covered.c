/* Of two loops with carries, of which one computes all results of the other, the other goes.
 *
 * The adjoint of a parallel loop computes the body again, and fusion makes it and the primal one
 * loop (Note [What is stored] in vjp.c). A loop with carries in that body then stands there twice:
 * as it was, and with the states and slopes that the sweep needs. fuse joins only what has no
 * carries; so the second takes the place of the first, where all that it reads is there already. In
 * a batch of sequences this saves the primal, a third of the time.
 *
 * Hash-consing and fusion have to be done before: both loops look alike only then. */
#include "passes/rebuild.h"
#include "passes/same.h"

enum { LATER_LOOPS = 8 }; /* that are compared with a loop */

typedef struct Covering {
    const Inst *loop;
    int *result; /* of the covered loop -> of this one */
} Covering;

typedef struct Covered {
    IrModule *m;
    Arena *arena;
    PtrMap covering; /* covered loop -> Covering */
    PtrMap taken;    /* loops that cover another */
    PtrMap emitted;  /* of those, the ones that stand there already */
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

/* Whether `later`, which is free of checks, can stand in place of instruction `at`: it reads
 * nothing that is made after it, and nothing that is checked after it. */
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
    for (int i = at; region->insts.data[i] != later; i++) {
        const Inst *inst = region->insts.data[i];
        checked = checked || inst->op == OP_check;
        for (int k = 0; k < inst->n_region; k++)
            checked = checked || region_has_effect(inst->regions[k]);
    }
    return !region_has_effect(later->regions[0]) &&
           !(checked && region_has_unsafe(later->regions[0])) && sizes_before(s, region, later, at);
}

static void find_covering(Covered *s, const Region *region, const PtrMap *place, int at) {
    const Inst *loop = region->insts.data[at];
    int *result = ARENA_ARRAY(s->arena, loop->n_out + 1, int);
    for (int i = at + 1, tried = 0; i < region->insts.n && tried < LATER_LOOPS; i++) {
        const Inst *later = region->insts.data[i];
        if (!has_carries(later))
            continue;
        tried++;
        if (!loop_covers(s->arena, loop, later, result) || !can_move(s, region, later, place, at))
            continue;
        Covering *c = ARENA_NEW(s->arena, Covering);
        *c = (Covering){later, result};
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

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Covered *s = user;
    const Covering *c = ptrmap_get(&s->covering, inst);
    const Inst *loop = c ? c->loop : inst;
    if (!ptrmap_has(&s->emitted, loop)) {
        rebuild_inst(b, loop, map, emit, s);
        if (ptrmap_has(&s->taken, loop))
            ptrmap_put(&s->emitted, loop, (void *)(uintptr_t)loop);
    }
    for (int k = 0; c && k < inst->n_out; k++)
        irmap_put(map, inst->out[k], irmap_get(map, loop->out[c->result[k]]));
}

bool pass_covered(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Covered s = {.m = m, .arena = m->arena};
        if (m->funcs.data[i]->is_extern)
            continue;
        ptrmap_init(&s.covering, s.arena);
        ptrmap_init(&s.taken, s.arena);
        ptrmap_init(&s.emitted, s.arena);
        find_in(&s, m->funcs.data[i]->body);
        rebuild_func(m, m->funcs.data[i], emit, &s);
    }
    return true;
}
