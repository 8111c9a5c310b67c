/* Structural equality of loops: hash-consing covers single instructions, this covers what has
 * regions.
 *
 * Forward and reverse sweeps compute the same reductions; after fusion they stand side by side in
 * one body. Two loops are the same when their operands are the same values and their bodies agree
 * instruction by instruction. Called by simplify.c. */
#include "passes/same.h"

#include <string.h>

enum { LOOK_BACK = 64 };

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
