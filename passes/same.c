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

typedef struct Cover {
    Arena *arena;
    Pairing p;
} Cover;

static bool covers(Cover *c, const Inst *a, const Inst *b, int *result);

static bool covers_inst(Cover *c, const Inst *a, const Inst *b) {
    if (a->op != OP_loop || b->op != OP_loop)
        return same_inst(&c->p, a, b);
    int *result = ARENA_ARRAY(c->arena, a->n_out + 1, int);
    if (!covers(c, a, b, result))
        return false;
    for (int k = 0; k < a->n_out; k++)
        pair(&c->p, a->out[k], b->out[result[k]]);
    return true;
}

/* Each instruction of a is one of b, likely in the same order. */
static bool covers_body(Cover *c, const Region *a, const Region *b) {
    int at = 0, n = b->insts.n;
    for (int i = 0; i < a->insts.n; i++) {
        int tried = 0, most = n < LOOK_AHEAD ? n : LOOK_AHEAD;
        while (tried < most && !covers_inst(c, a->insts.data[i], b->insts.data[(at + tried) % n]))
            tried++;
        if (tried == most)
            return false;
        at = (at + tried + 1) % n;
    }
    return true;
}

/* Pairs the parameters of operands [a_from, a_to) of a with those of b that start from, or go
 * through, the same values: the next one that does. */
static bool covers_params(Cover *c, const Inst *a, int a_from, int a_to, const Inst *b, int b_from,
                          int b_to, bool in_order) {
    for (int k = a_from, j = b_from; k < a_to; k++, j++) {
        j = in_order ? j : b_from;
        while (j < b_to && !same_value(&c->p, a->in[k], b->in[j]))
            j++;
        if (j >= b_to)
            return false;
        pair(&c->p, a->regions[0]->params.data[1 + k], b->regions[0]->params.data[1 + j]);
    }
    return true;
}

/* Which result of b is the k-th of a: of the kind that starts with result a_from of a and is
 * [b_from, b_to) of b. For a state the parameters, which are paired, tell. */
static int covering_result(const Cover *c, const Inst *a, int k, const Inst *b, int b_from,
                           int b_to) {
    const Region *x = a->regions[0], *y = b->regions[0];
    bool state = k < a->attr.loop.n_carry + a->attr.loop.n_acc;
    for (int j = b_from; j < b_to; j++) {
        const Value *param = state ? x->params.data[1 + a->attr.loop.n_slice + k] : NULL;
        if (state && ptrmap_get(&c->p.twin, param) != y->params.data[1 + b->attr.loop.n_slice + j])
            continue;
        if (same_value(&c->p, x->yields.data[k], y->yields.data[j]))
            return j;
    }
    return -1;
}

static bool covers_results(const Cover *c, const Inst *a, const Inst *b, int *result) {
    int nc = a->attr.loop.n_carry, na = a->attr.loop.n_acc, mc = b->attr.loop.n_carry,
        ma = b->attr.loop.n_acc;
    for (int k = 0; k < a->n_out; k++) {
        int from = k < nc ? 0 : k < nc + na ? mc : mc + ma;
        int to = k < nc ? mc : k < nc + na ? mc + ma : b->n_out;
        result[k] = covering_result(c, a, k, b, from, to);
        if (result[k] < 0)
            return false;
    }
    return true;
}

static bool covers(Cover *c, const Inst *a, const Inst *b, int *result) {
    if (a->attr.loop.extent != b->attr.loop.extent ||
        a->attr.loop.reverse != b->attr.loop.reverse ||
        a->attr.loop.checkpoint != b->attr.loop.checkpoint ||
        a->attr.loop.checkpoint_arg != b->attr.loop.checkpoint_arg || a->n_out > b->n_out)
        return false;
    int ns = a->attr.loop.n_slice, nc = ns + a->attr.loop.n_carry;
    int ms = b->attr.loop.n_slice, mc = ms + b->attr.loop.n_carry;
    pair(&c->p, a->regions[0]->params.data[0], b->regions[0]->params.data[0]);
    return covers_params(c, a, 0, ns, b, 0, ms, false) &&
           covers_params(c, a, ns, nc, b, ms, mc, true) &&
           covers_params(c, a, nc, a->n_in, b, mc, b->n_in, true) &&
           covers_body(c, a->regions[0], b->regions[0]) && covers_results(c, a, b, result);
}

bool loop_covers(Arena *arena, const Inst *a, const Inst *b, int *result) {
    Cover c = {.arena = arena};
    ptrmap_init(&c.p.twin, arena);
    return covers(&c, a, b, result);
}
