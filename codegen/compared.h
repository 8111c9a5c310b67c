/* Which floats are compared for equality, and what they are made of.
 *
 * A value that is computed in two places, where it is reduced and where the result is compared with
 * it, must be the same number in both: the derivative of max is where x[i] == max(x). Products and
 * sums that are fused in one place and not in the other round differently, and then no element is
 * the largest. So nothing is fused here. Pure analysis of the IR. */
#ifndef BPC_CODEGEN_COMPARED_H
#define BPC_CODEGEN_COMPARED_H

#include "ir/ir.h"

/* Adds every instruction whose result an equality of floats depends on. */
void compared_find(const Region *body, Arena *arena, PtrMap *compared);

#endif
