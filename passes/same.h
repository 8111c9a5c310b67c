/* Loops that compute the same; see same.c. */
#ifndef BPC_PASSES_SAME_H
#define BPC_PASSES_SAME_H

#include "passes/internal.h"

/* An earlier loop of the same region with the same operands and body, or NULL. */
Inst *find_same_loop(Arena *arena, const Inst *loop);

/* Whether loop b computes all results of a, and maybe more: result[k] is which of b's a's k is.
 * Neither its operands nor what it may fail at are looked at further than that. */
bool loop_covers(Arena *arena, const Inst *a, const Inst *b, int *result);

#endif
