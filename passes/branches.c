/* What two `if`s on one condition both compute in the same branch, the first hands to the second.
 *
 * A reverse sweep repeats the branches of the primal, and a Jacobian has one sweep a row: three
 * `if`s on one condition then compute one square root and one sine three times. Values of a branch
 * cannot be shared by hash-consing, because neither branch dominates the other; so the first `if`
 * gets another result for each value that the later ones need, and they leave out what it computed.
 * In the branch that does not compute the value its result is zero, which nothing reads. Nothing is
 * computed that was not before. A result that both branches make as they made one of an earlier
 * `if` is that one, so that what follows from it is shared by hash-consing.
 *
 * Only floats are handed on (of an integer, which may bound a size, what it is made of must be
 * seen), and only where something dear is saved. Runs last, when loops are unrolled and joined and
 * equal conditions are one value. */
#include "passes/rebuild.h"

#include <string.h>

enum { WORTH_SHARING = 4 }; /* of the cost in ops.def: a division, or a few sums */

/* An instruction of a branch, which later ones may find. */
typedef struct Computed {
    const Inst *inst, *owner; /* owner: the `if` */
    uint64_t hash;
    struct Computed *next; /* in its table */
    int result;            /* which additional result of the owner it is, or -1 */
} Computed;

/* A result of an `if`, which a later one may have too. */
typedef struct Result {
    const Inst *owner;
    int index;
    struct Result *next; /* of the same value in the first branch */
} Result;

typedef struct Found {
    PtrMap table[2]; /* by branch: hash -> Computed* */
    PtrMap results;  /* what the first branch yields -> Result* */
} Found;

typedef struct Extra {
    Computed *of;
    Value *out; /* in the new body */
    struct Extra *next;
} Extra;

typedef struct Branches {
    IrModule *m;
    Arena *arena;
    PtrMap found;   /* condition -> Found* */
    PtrMap twin;    /* value of a later branch -> Computed* of an earlier one */
    PtrMap results; /* `if` -> Extra*, the additional results, last first */
    PtrMap same;    /* result of an `if` -> the result of an earlier one that it is */
    bool changed;
} Branches;

/* ---- which values were computed before ---- */

static bool is_shared(const Inst *inst) {
    if (!op_is_elementwise(inst->op) && inst->op != OP_const && inst->op != OP_convert)
        return false;
    const Value *v = inst->out[0];
    bool number = v->type->rank == 0 && type_is_float(v->type) && !v->is_acc;
    return inst->op == OP_const || (number && inst_is_pure(inst));
}

static const Value *original(const Branches *s, const Value *v) {
    const Computed *twin = ptrmap_get(&s->twin, v);
    return twin ? twin->inst->out[0] : v;
}

static uint64_t number_bits(const Inst *inst) {
    uint64_t bits = (uint64_t)inst->attr.integer;
    if (type_is_float(inst->out[0]->type))
        memcpy(&bits, &inst->attr.num, sizeof bits);
    return bits;
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint64_t hash_of(const Branches *s, const Inst *inst) {
    uint64_t h = mix(mix(3, (uint64_t)inst->op), (uint64_t)(uintptr_t)inst->out[0]->type);
    if (inst->op == OP_const)
        h = mix(h, number_bits(inst));
    for (int k = 0; k < inst->n_in; k++)
        h = mix(h, (uint64_t)(uintptr_t)original(s, inst->in[k]));
    return h | 1; /* a key of a map is not zero */
}

static bool is_same(const Branches *s, const Inst *a, const Inst *b) {
    if (a->op != b->op || a->out[0]->type != b->out[0]->type || a->n_in != b->n_in ||
        (a->op == OP_const && number_bits(a) != number_bits(b)))
        return false;
    for (int k = 0; k < a->n_in; k++)
        if (original(s, a->in[k]) != original(s, b->in[k]))
            return false;
    return true;
}

/* The results of an `if` are seen behind it, and not in its branches. */
static bool sees(const Inst *owner, const Inst *earlier) {
    return owner != earlier && region_contains(earlier->region, owner->region) &&
           !region_contains(earlier->regions[0], owner->region) &&
           !region_contains(earlier->regions[1], owner->region);
}

static Computed *find(const Branches *s, const PtrMap *table, const Inst *inst, const Inst *owner) {
    uint64_t hash = hash_of(s, inst);
    Computed *c = ptrmap_get(table, (void *)(uintptr_t)hash);
    while (c && !(sees(owner, c->owner) && is_same(s, c->inst, inst)))
        c = c->next;
    return c;
}

static void remember(Branches *s, PtrMap *table, const Inst *inst, const Inst *owner) {
    void *key = (void *)(uintptr_t)hash_of(s, inst);
    Computed *c = ARENA_NEW(s->arena, Computed);
    *c = (Computed){.inst = inst, .owner = owner, .next = ptrmap_get(table, key), .result = -1};
    ptrmap_put(table, key, c);
}

/* ---- what is handed on ---- */

static void hand_on(Branches *s, const Value *v) {
    Computed *c = ptrmap_get(&s->twin, v);
    if (!c || c->result >= 0 || c->inst->op == OP_const)
        return;
    Extra *extra = ARENA_NEW(s->arena, Extra), *last = ptrmap_get(&s->results, c->owner);
    c->result = last ? last->of->result + 1 : 0;
    *extra = (Extra){.of = c, .next = last};
    ptrmap_put(&s->results, c->owner, extra);
}

/* Calls `visit` for the values with a twin that something without one reads. */
static void visit_needed(Branches *s, const Region *region,
                         void (*visit)(Branches *, const Value *), bool is_branch) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (is_branch && inst->n_out == 1 && ptrmap_get(&s->twin, inst->out[0]))
            continue;
        for (int k = 0; k < inst->n_in; k++)
            visit(s, inst->in[k]);
        for (int k = 0; k < inst->n_region; k++)
            visit_needed(s, inst->regions[k], visit, false);
    }
    for (int k = 0; k < region->yields.n; k++)
        if (!is_branch || !ptrmap_get(&s->same, region->owner->out[k]))
            visit(s, region->yields.data[k]);
}

static void forget(Branches *s, const Region *branch) {
    for (int i = 0; i < branch->insts.n; i++)
        for (int k = 0; k < branch->insts.data[i]->n_out; k++)
            ptrmap_put(&s->twin, branch->insts.data[i]->out[k], NULL);
}

static void find_in(Branches *s, const Region *region);

/* Pairs the instructions of a branch with those of earlier branches; whether that saves enough. */
static bool pair_branch(Branches *s, const PtrMap *table, const Inst *owner, const Region *branch) {
    int saved = 0;
    for (int i = 0; i < branch->insts.n; i++) {
        const Inst *inst = branch->insts.data[i];
        Computed *before = is_shared(inst) ? find(s, table, inst, owner) : NULL;
        if (before) {
            ptrmap_put(&s->twin, inst->out[0], before);
            saved += inst->op == OP_const ? 0 : op_info[inst->op].cost;
        }
    }
    return saved >= WORTH_SHARING;
}

/* Lets later `if`s find the instructions of a branch. */
static void offer_branch(Branches *s, PtrMap *table, const Inst *owner, const Region *branch) {
    for (int i = 0; i < branch->insts.n; i++) {
        const Inst *inst = branch->insts.data[i];
        if (is_shared(inst) && !ptrmap_get(&s->twin, inst->out[0]))
            remember(s, table, inst, owner);
    }
}

static const Value *yielded(const Branches *s, const Inst *inst, int branch, int j) {
    return original(s, inst->regions[branch]->yields.data[j]);
}

/* Pairs results whose both sides are those of a result of an earlier `if`; offers the others. */
static void pair_results(Branches *s, Found *found, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        const Value *first = yielded(s, inst, 0, j), *second = yielded(s, inst, 1, j);
        Result *before = ptrmap_get(&found->results, first);
        while (before && !(sees(inst, before->owner) &&
                           yielded(s, before->owner, 1, before->index) == second))
            before = before->next;
        if (before && !inst->out[j]->is_acc) {
            ptrmap_put(&s->same, inst->out[j], before->owner->out[before->index]);
            s->changed = true;
        } else if (!inst->out[j]->is_acc) {
            Result *result = ARENA_NEW(s->arena, Result);
            *result = (Result){inst, j, ptrmap_get(&found->results, first)};
            ptrmap_put(&found->results, first, result);
        }
    }
}

static void look_at_if(Branches *s, Found *found, const Inst *inst) {
    bool worth[2];
    for (int k = 0; k < 2; k++)
        worth[k] = pair_branch(s, &found->table[k], inst, inst->regions[k]);
    pair_results(s, found, inst);
    for (int k = 0; k < 2; k++) {
        const Region *branch = inst->regions[k];
        if (worth[k]) {
            visit_needed(s, branch, hand_on, true);
            s->changed = true;
        } else {
            forget(s, branch);
        }
        find_in(s, branch); /* before its values are offered: those are seen from within anyway */
        offer_branch(s, &found->table[k], inst, branch);
    }
}

static void find_in(Branches *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop)
            find_in(s, inst->regions[0]);
        if (inst->op != OP_if)
            continue;
        Found *found = ptrmap_get(&s->found, inst->in[0]);
        if (!found) {
            found = ARENA_NEW(s->arena, Found);
            ptrmap_init(&found->table[0], s->arena);
            ptrmap_init(&found->table[1], s->arena);
            ptrmap_init(&found->results, s->arena);
            ptrmap_put(&s->found, inst->in[0], found);
        }
        look_at_if(s, found, inst);
    }
}

/* ---- the new body ---- */

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

static Extra *extra_of(const Branches *s, const Computed *c) {
    Extra *extra = ptrmap_get(&s->results, c->owner);
    while (extra->of != c)
        extra = extra->next;
    return extra;
}

static void yield_extras(IrBuilder *b, const Region *branch, Extra *extras, IrMap *map) {
    for (Extra *x = extras; x; x = x->next) {
        Value *v = x->of->inst->out[0];
        ir_yield(b, v->region == branch ? irmap_get(map, v) : ir_const(b, v->type, 0.0));
    }
}

/* The results that no earlier `if` has. */
static int own_results(const Branches *s, const Inst *inst, int *own) {
    int n = 0;
    for (int j = 0; j < inst->n_out; j++)
        if (!ptrmap_get(&s->same, inst->out[j]))
            own[n++] = j;
    return n;
}

static void map_results(const Branches *s, IrBuilder *b, const Inst *inst, IrMap *map,
                        Value *const *out) {
    for (int j = 0, n = 0; j < inst->n_out; j++) {
        Value *same = ptrmap_get(&s->same, inst->out[j]);
        Value *v = same ? irmap_get(map, same) : out[n++];
        name_keep(b->m, v, inst->out[j]->name);
        irmap_put(map, inst->out[j], v);
    }
}

static void emit_if(Branches *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    IrBuilder branch[2];
    Extra *extras = ptrmap_get(&s->results, inst);
    int *own = ARENA_ARRAY(s->arena, inst->n_out + 1, int), n = own_results(s, inst, own);
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        rebuild_insts(&branch[k], inst->regions[k], map, emit, s);
        for (int i = 0; i < n; i++)
            ir_yield(&branch[k], irmap_get(map, inst->regions[k]->yields.data[own[i]]));
        yield_extras(&branch[k], inst->regions[k], extras, map);
    }
    Value **out = ARENA_ARRAY(s->arena, branch[0].region->yields.n + 1, Value *);
    b->loc = inst->loc;
    ir_if_values(b, irmap_get(map, inst->in[0]), &branch[0], &branch[1], out);
    map_results(s, b, inst, map, out);
    for (Extra *x = extras; x; x = x->next)
        x->out = out[n++];
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Branches *s = user;
    const Computed *twin = inst->n_out == 1 ? ptrmap_get(&s->twin, inst->out[0]) : NULL;
    if (inst->op == OP_if)
        emit_if(s, b, inst, map);
    else if (twin && twin->result >= 0)
        irmap_put(map, inst->out[0], extra_of(s, twin)->out);
    else if (!twin || inst->op == OP_const)
        rebuild_inst(b, inst, map, emit, s);
}

bool pass_branches(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        Branches s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.found, m->arena);
        ptrmap_init(&s.twin, m->arena);
        ptrmap_init(&s.results, m->arena);
        ptrmap_init(&s.same, m->arena);
        if (!f->is_extern)
            find_in(&s, f->body);
        if (s.changed) {
            rebuild_func(m, f, emit, &s);
            simplify_func(m, f);
        }
    }
    return true;
}
