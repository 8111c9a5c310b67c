/* Loops that compute the same; see same.c. */
#ifndef BPC_PASSES_SAME_H
#define BPC_PASSES_SAME_H

#include "passes/internal.h"

/* An earlier loop of the same region with the same operands and body, or NULL. */
Inst *find_same_loop(Arena *arena, const Inst *loop);

/* How loop b computes what loop a does, and maybe more. */
typedef struct LoopCover {
    int *result; /* which of b's results a's k-th is; -1: b has no such */
    PtrMap twin; /* value of a's body -> value of b's that it is; likewise checks */
} LoopCover;

/* Whether b's carries are those of a, and everything in a's nested loops that is in b's body as
 * well is there as a whole. Sums and stacks may be missing. Where its operands come from, and what
 * it may fail at, is not looked at. */
bool loop_covers(Arena *arena, const Inst *a, const Inst *b, LoopCover *cover);
/* Whether b's body has what an instruction of a's does. */
bool is_covered(const LoopCover *cover, const Inst *inst);

#endif
