/* How large a size can be, by what is known on entry.
 *
 * The workspace is laid out before anything runs, so an array whose extent depends on a value bound
 * later (`dim`) gets a bound: the largest that the value can be, from how it is computed (indices,
 * sizes, integer parameters, arithmetic on them). The result is a small expression that whoever
 * lays out the workspace turns into code: emit_work.c into LLVM, csource_work.c into C. Pure
 * analysis: knows nothing of either. */
#ifndef BPC_CODEGEN_BOUNDS_H
#define BPC_CODEGEN_BOUNDS_H

#include "ir/ir.h"

typedef enum BoundKind {
    BOUND_const,
    BOUND_sym,   /* a size parameter of the function */
    BOUND_param, /* an integer parameter */
    BOUND_add,
    BOUND_sub,
    BOUND_mul,
    BOUND_div, /* truncating, by something positive */
    BOUND_min,
    BOUND_max,
} BoundKind;

/* Constants are folded, but for what is beyond 64 bits. Parts are shared: what walks a bound meets
 * each of them once or has to look at `nodes`. */
typedef struct Bound {
    BoundKind kind;
    bool at_least[2]; /* 0, 1, by its form; sizes are never negative */
    int nodes;        /* as a tree; many: MANY_NODES */
    int64_t k;
    const SizeSym *sym;
    const Value *param;
    const struct Bound *a, *b;
} Bound;

enum { MANY_NODES = 1000000 };

typedef struct BoundScope {
    Arena *arena;
    PtrMap params; /* keys: Value* of the integer parameters that NAME_work gets, too */
    PtrMap *known; /* of values and symbols that were looked at */
} BoundScope;

/* With the integer parameters of an exported function. */
BoundScope bound_scope(Arena *arena, const Export *export);
/* With these. */
BoundScope bound_scope_of(Arena *arena, const PtrMap *params);

/* The most that `size` can be, and at least 0. NULL when nothing bounds it; then *unbounded is the
 * symbol to blame. */
const Bound *bound_size(const BoundScope *scope, const Size *size, const SizeSym **unbounded);
/* The error for an array of the export that depends on that symbol. */
void bound_report(IrModule *m, const Export *export, const SizeSym *unbounded);

#endif
