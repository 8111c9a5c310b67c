/* Hash tables of instructions for the builder: equal pure instructions become one.
 *
 * Invariant: a table holds instructions of one region that is still being built; lookups go
 * outwards, so what is found dominates the place of emission. Operands are compared as pointers;
 * attributes by the rules of each operation. Called by builder.c only. */
#include "ir/emit.h"

#include <string.h>

CseTable *cse_new(Arena *arena, CseTable *parent) {
    CseTable *table = ARENA_NEW(arena, CseTable);
    table->parent = parent;
    return table;
}

static bool commutes(Op op) {
    switch (op) {
    case OP_add:
    case OP_mul:
    case OP_mul0:
    case OP_min:
    case OP_max:
    case OP_eq:
    case OP_ne:
    case OP_and:
    case OP_or:
    case OP_hypot:
        return true;
    default:
        return false;
    }
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint64_t mix_pointer(uint64_t h, const void *p) {
    return mix(h, (uint64_t)(uintptr_t)p);
}

static uint64_t bits_of(double num) {
    uint64_t bits;
    memcpy(&bits, &num, sizeof bits);
    return bits;
}

static uint64_t hash_attr(const Inst *inst, const Type *type) {
    uint64_t h = 7;
    switch (inst->op) {
    case OP_const:
        return type_is_float(type) ? bits_of(inst->attr.num) : (uint64_t)inst->attr.integer;
    case OP_size:
        return mix_pointer(h, inst->attr.size);
    case OP_transpose:
        for (int i = 0; i < type->rank; i++) {
            h = mix(h, (uint64_t)inst->attr.perm[i]);
        }
        return h;
    case OP_reduce:
        return (uint64_t)inst->attr.reduce.kind * 16 + (uint64_t)inst->attr.reduce.axes;
    case OP_contract:
        return mix_pointer(h, inst->attr.spec);
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        return mix_pointer(h, inst->attr.callee.func);
    default:
        return h;
    }
}

static bool same_callee(const Inst *a, const Inst *b) {
    const Func *func = a->attr.callee.func;
    if (func != b->attr.callee.func || a->attr.callee.n_wrt != b->attr.callee.n_wrt) {
        return false;
    }
    for (int i = 0; i < func->sizes.n; i++) {
        if (a->attr.callee.sizes[i] != b->attr.callee.sizes[i]) {
            return false;
        }
    }
    for (int i = 0; i < a->attr.callee.n_wrt; i++) {
        if (a->attr.callee.wrt[i] != b->attr.callee.wrt[i]) {
            return false;
        }
    }
    return true;
}

static bool same_attr(const Inst *a, const Inst *b, const Type *type) {
    switch (a->op) {
    case OP_const:
        return type_is_float(type) ? bits_of(a->attr.num) == bits_of(b->attr.num)
                                   : a->attr.integer == b->attr.integer;
    case OP_size:
        return a->attr.size == b->attr.size;
    case OP_transpose:
        return memcmp(a->attr.perm, b->attr.perm, (size_t)type->rank) == 0;
    case OP_reduce:
        return a->attr.reduce.kind == b->attr.reduce.kind &&
               a->attr.reduce.axes == b->attr.reduce.axes;
    case OP_contract:
        return a->attr.spec == b->attr.spec;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        return same_callee(a, b);
    default:
        return true;
    }
}

static uint32_t hash_inst(const Inst *inst, const Type *type) {
    uint64_t h = mix_pointer(mix(hash_attr(inst, type), (uint64_t)inst->op), type);
    if (inst->n_in == 2 && commutes(inst->op)) {
        uint32_t x = inst->in[0]->id, y = inst->in[1]->id;
        h = mix(mix(h, x < y ? x : y), x < y ? y : x);
    } else {
        for (int i = 0; i < inst->n_in; i++) {
            h = mix(h, inst->in[i]->id);
        }
    }
    return (uint32_t)(h ^ (h >> 32));
}

static bool same_inst(const Inst *a, const Inst *b, const Type *type) {
    if (a->op != b->op || a->n_in != b->n_in ||
        (type && (a->n_out == 0 || a->out[0]->type != type)) || !same_attr(a, b, type)) {
        return false;
    }
    bool straight = true;
    for (int i = 0; i < a->n_in && straight; i++) {
        straight = a->in[i] == b->in[i];
    }
    return straight ||
           (a->n_in == 2 && commutes(a->op) && a->in[0] == b->in[1] && a->in[1] == b->in[0]);
}

Inst *cse_find(const CseTable *table, const Inst *draft, const Type *type, uint32_t *hash) {
    *hash = hash_inst(draft, type);
    for (; table; table = table->parent) {
        if (table->n == 0) {
            continue;
        }
        uint32_t mask = table->cap - 1;
        for (uint32_t slot = *hash & mask; table->slots[slot]; slot = (slot + 1) & mask) {
            if (table->hashes[slot] == *hash && same_inst(table->slots[slot], draft, type)) {
                return table->slots[slot];
            }
        }
    }
    return NULL;
}

static void insert(CseTable *table, Inst *inst, uint32_t hash) {
    uint32_t mask = table->cap - 1, slot = hash & mask;
    while (table->slots[slot]) {
        slot = (slot + 1) & mask;
    }
    table->slots[slot] = inst;
    table->hashes[slot] = hash;
}

void cse_add(Arena *arena, CseTable *table, Inst *inst, uint32_t hash) {
    if (2 * (table->n + 1) > table->cap) {
        CseTable old = *table;
        table->cap = old.cap ? 2 * old.cap : 16;
        table->slots = ARENA_ARRAY(arena, table->cap, Inst *);
        table->hashes = ARENA_ARRAY(arena, table->cap, uint32_t);
        for (uint32_t i = 0; i < old.cap; i++) {
            if (old.slots[i]) {
                insert(table, old.slots[i], old.hashes[i]);
            }
        }
    }
    insert(table, inst, hash);
    table->n++;
}
