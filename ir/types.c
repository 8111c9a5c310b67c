/* Types, hash-consed in their module: equal types are one pointer.
 *
 * Sizes are hash-consed as well, so two types are equal when element, rank and size pointers are.
 * Called by everything that makes values. */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

IrModule *ir_module_new(Context *ctx, Arena *arena, const char *name) {
    IrModule *m = ARENA_NEW(arena, IrModule);
    m->ctx = ctx;
    m->keep = m->arena = arena;
    m->name = name ? atom_of(&ctx->atoms, name) : NULL;
    return m;
}

int scalar_bytes(Scalar elem) {
    static const int bytes[] = {[S_bool] = 1, [S_i32] = 4, [S_i64] = 8, [S_f32] = 4, [S_f64] = 8};
    return bytes[elem];
}

const char *scalar_name(Scalar elem) {
    static const char *const names[] = {
        [S_bool] = "bool", [S_i32] = "i32", [S_i64] = "i64", [S_f32] = "f32", [S_f64] = "f64"};
    return names[elem];
}

static uint32_t type_hash(Scalar elem, int rank, const Size *const *dims) {
    uint32_t h = 2166136261u ^ ((uint32_t)elem * 31u + (uint32_t)rank);
    for (int i = 0; i < rank; i++) {
        h = (h ^ dims[i]->hash) * 16777619u;
        h ^= h >> 15;
    }
    return h;
}

static bool same_shape(const Type *type, int rank, const Size *const *dims) {
    return type->rank == rank &&
           (rank == 0 || memcmp(type->dims, dims, (size_t)rank * sizeof *dims) == 0);
}

static void types_grow(IrModule *m) {
    const Type **old = m->types;
    uint32_t old_cap = m->type_cap;
    m->type_cap = old_cap ? 2 * old_cap : 64;
    m->types = ARENA_ARRAY(m->keep, m->type_cap, const Type *);
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i]) {
            uint32_t slot = type_hash(old[i]->elem, old[i]->rank, old[i]->dims);
            while (m->types[slot & (m->type_cap - 1)]) {
                slot++;
            }
            m->types[slot & (m->type_cap - 1)] = old[i];
        }
    }
}

const Type *ir_type(IrModule *m, Scalar elem, int rank, const Size *const *dims) {
    assert(rank >= 0 && rank <= IR_MAX_RANK);
    if (2 * (m->type_n + 1) > m->type_cap) {
        types_grow(m);
    }
    uint32_t slot = type_hash(elem, rank, dims) & (m->type_cap - 1);
    while (m->types[slot]) {
        if (m->types[slot]->elem == elem && same_shape(m->types[slot], rank, dims)) {
            return m->types[slot];
        }
        slot = (slot + 1) & (m->type_cap - 1);
    }
    const Size **copy = ARENA_ARRAY(m->keep, rank, const Size *);
    for (int i = 0; i < rank; i++) {
        copy[i] = dims[i];
    }
    Type *type = ARENA_NEW(m->keep, Type);
    *type = (Type){.elem = elem, .rank = rank, .dims = copy};
    m->types[slot] = type;
    m->type_n++;
    return type;
}

const Type *ir_scalar(IrModule *m, Scalar elem) {
    return ir_type(m, elem, 0, NULL);
}

const Type *ir_with_elem(IrModule *m, const Type *type, Scalar elem) {
    return type->elem == elem ? type : ir_type(m, elem, type->rank, type->dims);
}

const Type *ir_drop_axes(IrModule *m, const Type *type, int n) {
    assert(n >= 0 && n <= type->rank);
    return n == 0 ? type : ir_type(m, type->elem, type->rank - n, type->dims + n);
}

const Type *ir_add_axis(IrModule *m, const Type *type, const Size *n) {
    assert(type->rank < IR_MAX_RANK);
    const Size *dims[IR_MAX_RANK] = {n};
    for (int i = 0; i < type->rank; i++) {
        dims[i + 1] = type->dims[i];
    }
    return ir_type(m, type->elem, type->rank + 1, dims);
}

const Type *ir_subst_type(IrModule *m, const Type *type, const Size *(*lookup)(void *, SizeSym *),
                          void *user) {
    const Size *dims[IR_MAX_RANK];
    for (int i = 0; i < type->rank; i++) {
        dims[i] = size_subst(&m->ctx->polys, type->dims[i], lookup, user);
        if (!dims[i]) {
            dims[i] =
                type->dims[i]; /* beyond 64 bits: the verifier finds the symbol out of scope */
        }
    }
    return ir_type(m, type->elem, type->rank, dims);
}

const Size *ir_type_count(IrModule *m, const Type *type) {
    PolyTable *polys = &m->ctx->polys;
    const Size *count = size_const(polys, 1);
    for (int i = 0; i < type->rank && count; i++) {
        count = size_mul(polys, count, type->dims[i]);
    }
    return count;
}

bool ir_may_reshape(IrModule *m, const Type *from, const Type *to) {
    const Size *before = ir_type_count(m, from), *after = ir_type_count(m, to);
    const Size *difference = before && after ? size_sub(&m->ctx->polys, before, after) : NULL;
    int64_t gap;
    return from->elem == to->elem && difference && !(size_is_const(difference, &gap) && gap != 0);
}

bool ir_type_mentions(const Type *type, const SizeSym *sym) {
    for (int k = 0; k < type->rank; k++) {
        if (size_mentions(type->dims[k], sym)) {
            return true;
        }
    }
    return false;
}
