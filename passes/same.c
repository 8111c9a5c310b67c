/* Structural equality of loops: hash-consing covers single instructions, this covers what has
 * regions.
 *
 * Forward and reverse sweeps compute the same reductions; after fusion they stand side by side in
 * one body. Two loops are the same when their operands are the same values and their bodies agree
 * instruction by instruction. A loop covers another when it does so for all that the other
 * computes. Called by simplify.c and covered.c. */
#include "passes/same.h"

#include <string.h>

enum { LOOK_BACK = 64, LOOK_AHEAD = 256 };

typedef struct Pairing {
    PtrMap twin; /* value of one loop -> value of the other */
} Pairing;

static bool same_value(const Pairing *p, Value *a, const Value *b) {
    const Value *twin = ptrmap_get(&p->twin, a);
    return (twin ? twin : a) == b;
}

static void pair(Pairing *p, const Value *a, Value *b) {
    ptrmap_put(&p->twin, a, b);
}

static bool same_attributes(const Inst *a, const Inst *b) {
    switch (a->op) {
    case OP_const:
        return type_is_float(a->out[0]->type)
                   ? !memcmp(&a->attr.num, &b->attr.num, sizeof a->attr.num)
                   : a->attr.integer == b->attr.integer;
    case OP_size:
        return a->attr.size == b->attr.size;
    case OP_contract:
        return !strcmp(a->attr.spec, b->attr.spec);
    case OP_transpose:
        return !memcmp(a->attr.perm, b->attr.perm, (size_t)a->out[0]->type->rank);
    case OP_reduce:
        return a->attr.reduce.kind == b->attr.reduce.kind &&
               a->attr.reduce.axes == b->attr.reduce.axes;
    case OP_loop:
        return a->attr.loop.extent == b->attr.loop.extent &&
               a->attr.loop.reverse == b->attr.loop.reverse &&
               a->attr.loop.checkpoint == b->attr.loop.checkpoint &&
               a->attr.loop.checkpoint_arg == b->attr.loop.checkpoint_arg &&
               a->attr.loop.n_slice == b->attr.loop.n_slice &&
               a->attr.loop.n_carry == b->attr.loop.n_carry &&
               a->attr.loop.n_acc == b->attr.loop.n_acc;
    case OP_dim:
    case OP_check:
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        return false;
    default:
        return true;
    }
}

static bool same_region(Pairing *p, const Region *a, const Region *b);

static bool same_inst(Pairing *p, const Inst *a, const Inst *b) {
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out || !same_attributes(a, b))
        return false;
    for (int k = 0; k < a->n_out; k++)
        if (a->out[k]->type != b->out[k]->type)
            return false;
    for (int k = 0; k < a->n_in; k++)
        if (!same_value(p, a->in[k], b->in[k]))
            return false;
    for (int k = 0; k < a->n_region; k++)
        if (!same_region(p, a->regions[k], b->regions[k]))
            return false;
    for (int k = 0; k < a->n_out; k++)
        pair(p, a->out[k], b->out[k]);
    return true;
}

static bool same_region(Pairing *p, const Region *a, const Region *b) {
    if (a->params.n != b->params.n || a->insts.n != b->insts.n || a->yields.n != b->yields.n)
        return false;
    for (int k = 0; k < a->params.n; k++)
        pair(p, a->params.data[k], b->params.data[k]);
    for (int k = 0; k < a->insts.n; k++)
        if (!same_inst(p, a->insts.data[k], b->insts.data[k]))
            return false;
    for (int k = 0; k < a->yields.n; k++)
        if (!same_value(p, a->yields.data[k], b->yields.data[k]))
            return false;
    return true;
}

Inst *find_same_loop(Arena *arena, const Inst *loop) {
    const Region *region = loop->region;
    for (int i = region->insts.n - 1, tried = 0; i >= 0 && tried < LOOK_BACK; i--, tried++) {
        Inst *other = region->insts.data[i];
        if (other == loop || other->op != OP_loop || other->n_in != loop->n_in ||
            other->n_out != loop->n_out)
            continue;
        if (loop->n_in > 0 && other->in[0] != loop->in[0])
            continue;
        for (int k = loop->attr.loop.n_slice + loop->attr.loop.n_carry; k < loop->n_in; k++)
            if (loop->in[k]->is_acc)
                return NULL; /* a chain is continued once */
        Pairing p;
        ptrmap_init(&p.twin, arena);
        if (same_inst(&p, loop, other))
            return other;
    }
    return NULL;
}

/* ---- one that computes more ---- */

static bool covers(Arena *arena, Pairing *p, const Inst *a, const Inst *b, const bool *alone,
                   int *result);

static bool covers_check(Pairing *p, const Inst *a, const Inst *b) {
    bool same = same_value(p, a->in[0], b->in[0]) && !strcmp(a->attr.text, b->attr.text);
    if (same)
        ptrmap_put(&p->twin, a, (void *)(uintptr_t)b);
    return same;
}

static bool covers_inst(Arena *arena, Pairing *p, const Inst *a, const Inst *b) {
    if (a->op == OP_check && b->op == OP_check)
        return covers_check(p, a, b);
    if (a->op != OP_loop || b->op != OP_loop)
        return same_inst(p, a, b);
    int *result = ARENA_ARRAY(arena, a->n_out + 1, int);
    if (!covers(arena, p, a, b, NULL, result))
        return false;
    for (int k = 0; k < a->n_out; k++)
        pair(p, a->out[k], b->out[result[k]]);
    return true;
}

/* Pairs the instructions of a with those of b, likely in the same order. Whether all have one. */
static bool covers_body(Arena *arena, Pairing *p, const Region *a, const Region *b, bool whole) {
    int at = 0, n = b->insts.n, most = n < LOOK_AHEAD ? n : LOOK_AHEAD;
    bool all = true;
    for (int i = 0; i < a->insts.n && (all || !whole); i++) {
        int tried = 0;
        while (tried < most &&
               !covers_inst(arena, p, a->insts.data[i], b->insts.data[(at + tried) % n]))
            tried++;
        all = all && tried < most;
        at = tried < most ? (at + tried + 1) % n : at;
    }
    return all;
}

/* Some operands of a loop: [from, to). */
typedef struct Operands {
    const Inst *loop;
    int from, to;
} Operands;

static Operands slices_of(const Inst *loop) {
    return (Operands){loop, 0, loop->attr.loop.n_slice};
}

static Operands carries_of(const Inst *loop) {
    int from = loop->attr.loop.n_slice;
    return (Operands){loop, from, from + loop->attr.loop.n_carry};
}

static Operands accs_of(const Inst *loop) {
    return (Operands){loop, loop->attr.loop.n_slice + loop->attr.loop.n_carry, loop->n_in};
}

/* Pairs the parameters of a's operands with those of b's that are the same values: the next ones,
 * where they come in order. Whether all have one. alone: NULL, or those that shall have none. */
static bool pair_params(Pairing *p, Operands a, Operands b, bool in_order, const bool *alone) {
    bool all = true;
    for (int k = a.from, next = b.from; k < a.to; k++) {
        int j = in_order ? next : b.from;
        while (j < b.to &&
               ((alone && alone[k - a.from]) || !same_value(p, a.loop->in[k], b.loop->in[j])))
            j++;
        all = all && j < b.to;
        if (j == b.to)
            continue;
        pair(p, a.loop->regions[0]->params.data[1 + k], b.loop->regions[0]->params.data[1 + j]);
        next = j + 1;
    }
    return all;
}

/* Which result of b a's k-th is, -1 when there is none. Of a state the parameters, which are
 * paired, tell. */
static int covering_result(const Pairing *p, const Inst *a, int k, const Inst *b) {
    const Region *x = a->regions[0], *y = b->regions[0];
    int b_states = b->attr.loop.n_carry + b->attr.loop.n_acc;
    bool state = k < a->attr.loop.n_carry + a->attr.loop.n_acc;
    const Value *param = state ? x->params.data[1 + a->attr.loop.n_slice + k] : NULL;
    for (int j = state ? 0 : b_states; j < (state ? b_states : b->n_out); j++) {
        const Value *other = state ? y->params.data[1 + b->attr.loop.n_slice + j] : NULL;
        if ((!state || ptrmap_get(&p->twin, param) == other) &&
            same_value(p, x->yields.data[k], y->yields.data[j]))
            return j;
    }
    return -1;
}

/* All of a's results are b's; or, with alone, a's carries are, and these of its accs are not. */
static bool covers(Arena *arena, Pairing *p, const Inst *a, const Inst *b, const bool *alone,
                   int *result) {
    bool whole = !alone;
    if (a->attr.loop.extent != b->attr.loop.extent ||
        a->attr.loop.reverse != b->attr.loop.reverse ||
        a->attr.loop.checkpoint != b->attr.loop.checkpoint ||
        a->attr.loop.checkpoint_arg != b->attr.loop.checkpoint_arg)
        return false;
    pair(p, a->regions[0]->params.data[0], b->regions[0]->params.data[0]);
    bool slices = pair_params(p, slices_of(a), slices_of(b), false, NULL);
    bool carries = pair_params(p, carries_of(a), carries_of(b), true, NULL);
    bool accs = pair_params(p, accs_of(a), accs_of(b), true, alone);
    if (!carries || (whole && !(slices && accs)))
        return false;
    if (!covers_body(arena, p, a->regions[0], b->regions[0], whole) && whole)
        return false;
    for (int k = 0; k < a->n_out; k++) {
        result[k] = covering_result(p, a, k, b);
        if (result[k] < 0 && (whole || k < a->attr.loop.n_carry))
            return false;
    }
    return true;
}

bool loop_covers(Arena *arena, const Inst *a, const Inst *b, LoopCover *cover) {
    int nc = a->attr.loop.n_carry, na = a->attr.loop.n_acc;
    bool *alone = ARENA_ARRAY(arena, na + 1, bool);
    cover->result = ARENA_ARRAY(arena, a->n_out + 1, int);
    for (bool again = nc == b->attr.loop.n_carry; again;) {
        Pairing p;
        ptrmap_init(&p.twin, arena);
        if (!covers(arena, &p, a, b, alone, cover->result))
            return false;
        cover->twin = p.twin;
        again = false;
        for (int k = 0; k < na; k++) { /* no part of another sum, though it begins like one */
            again = again || (cover->result[nc + k] < 0 && !alone[k]);
            alone[k] = cover->result[nc + k] < 0;
        }
    }
    return nc == b->attr.loop.n_carry;
}

bool is_covered(const LoopCover *cover, const Inst *inst) {
    return ptrmap_has(&cover->twin, inst->n_out > 0 ? (const void *)inst->out[0] : inst);
}
