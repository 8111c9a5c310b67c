/* Liveness and use counts of the values of a function; see liveness.c. */
#ifndef BPC_PASSES_LIVENESS_H
#define BPC_PASSES_LIVENESS_H

#include "passes/internal.h"

typedef struct Liveness {
    Arena *arena;
    PtrMap live;    /* keys: needed values */
    PtrMap effects; /* keys: loops and ifs that hold a check or a size binding */
    PtrMap syms;    /* keys: size symbols that something has */
    ValueList work;
} Liveness;

void liveness_find(Liveness *l, Arena *arena, const Func *f);
bool is_live(const Liveness *l, const Value *v);
bool inst_is_live(const Liveness *l, const Inst *inst);
/* Value -> number of uses, as (uintptr_t), over a region and what is nested in it. */
void count_uses(const Region *region, PtrMap *uses);

#endif
