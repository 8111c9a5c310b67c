/* What the parts of the builder share: emission with hash-consing, and questions that folds ask.
 *
 * A draft is an instruction on the stack of the function that makes it; emission finds an equal one
 * or copies the draft into the module. Included inside ir/ only. */
#ifndef BPC_IR_EMIT_H
#define BPC_IR_EMIT_H

#include "ir/ir.h"

/* Pure instructions (and checks, and bound sizes) of one region, chained to those around it. */
typedef struct CseTable {
    struct CseTable *parent;
    Inst **slots;
    uint32_t *hashes;
    uint32_t cap, n;
} CseTable;

CseTable *cse_new(Arena *arena, CseTable *parent);
/* type: of the first result; NULL when there is none. cse_find sets *hash for a later cse_add. */
Inst *cse_find(const CseTable *table, const Inst *draft, const Type *type, uint32_t *hash);
void cse_add(Arena *arena, CseTable *table, Inst *inst, uint32_t hash);

/* ---- emission (builder.c) ---- */
/* Copies the draft (its operands too) to the end of b's region, with results of the given types. */
Inst *emit_append(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types);
/* The same, without a place in the region yet: loops and ifs, whose regions are built first. */
Inst *emit_detached(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types);
void emit_attach(IrBuilder *b, Inst *inst);
/* An equal instruction that is in scope, or a new one. */
Inst *emit_shared(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types);
Value *emit_value(IrBuilder *b, const Inst *draft, const Type *type);
Value *value_new(IrModule *m, Region *region, const Type *type, int index);

/* The name given to the next value belongs to the outermost emission only: taken on entry, given on
 * return. */
static inline Atom name_take(IrBuilder *b) {
    Atom name = b->name;
    b->name = NULL;
    return name;
}
Value *name_give(Value *v, Atom name);

/* ---- folds: the value, or NULL when nothing applies ---- */
Value *fold_elementwise(IrBuilder *b, Op op, Value *const *in); /* fold.c */
Value *fold_compare(IrBuilder *b, Op op, Value *x, Value *y);   /* fold_logic.c */
Value *fold_logic(IrBuilder *b, Op op, Value *const *in); /* fold_logic.c: and or not select */
Value *fold_convert(IrBuilder *b, Value *x, Scalar to);   /* fold_logic.c */
Value *fold_index(IrBuilder *b, Value *x, int k, Value *const *idx); /* fold_array.c, as the rest */
Value *fold_slice(IrBuilder *b, Value *x, Value *lo, const Size *extent);
Value *fold_transpose(IrBuilder *b, Value *x, const int8_t *perm);
Value *fold_reshape(IrBuilder *b, Value *x, const Type *to);
Value *fold_array(IrBuilder *b, int n, Value *const *xs);
Value *fold_concat(IrBuilder *b, int n, Value *const *xs);
Value *fold_reverse(IrBuilder *b, Value *x);
/* fold_contract.c; type: of the result */
Value *fold_contract(IrBuilder *b, const char *spec, Value *x, Value *y, const Type *type);

/* ---- questions about values ---- */
static inline bool value_is(const Value *v, Op op) {
    return v->inst && v->inst->op == op;
}
/* Constants, scalar or broadcast. */
bool value_number(const Value *v, double *num);   /* of float type */
bool value_integer(const Value *v, int64_t *num); /* of integer or bool type */
bool value_is_number(const Value *v, double num); /* -0 and 0 are told apart */
bool value_is_integer(const Value *v, int64_t num);
/* The scalar i64 value as a polynomial in the sizes: a constant or a size. NULL when it is neither.
 */
const Size *value_size(IrBuilder *b, const Value *v);
Value *like_const(IrBuilder *b, const Value *like, double num); /* a constant of like's type */

#endif
