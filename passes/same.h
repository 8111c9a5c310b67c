/* Loops that compute the same; see same.c. */
#ifndef BPC_PASSES_SAME_H
#define BPC_PASSES_SAME_H

#include "passes/internal.h"

/* An earlier loop of the same region with the same operands and body, or NULL. */
Inst *find_same_loop(Arena *arena, const Inst *loop);

#endif
