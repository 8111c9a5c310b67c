/* Which loops run one iteration a lane, and in how many lanes.
 *
 * A choice of shape only: any parallel loop of scalars may run in lanes or not. Pure analysis of
 * the IR, made before the plan of memory, because arrays inside such a loop exist once a lane. */
#ifndef BPC_CODEGEN_LANES_H
#define BPC_CODEGEN_LANES_H

#include "ir/ir.h"

/* Adds (loop, lanes) to widths for each chosen loop. No chosen loop is inside another. */
void lanes_choose(IrModule *m, Arena *arena, const Func *func, int vector_bytes, PtrMap *widths);

/* Lanes of one vector; a loop may run several vectors at once. */
int lanes_of_vector(const Inst *loop, int vector_bytes);

/* Whether acc `acc` of the loop, an array, is added to only at places that are the same for all
 * lanes: then every lane may keep a sum of its own until the loop is done. */
bool lanes_sum_apart(IrModule *m, const Inst *loop, int acc, int lanes);

/* Whether rows that slice `k` hands to an iteration are read again and again in it, so that it pays
 * to bring the rows of all lanes side by side first. */
bool lanes_copy_rows(const Inst *loop, int k);

#endif
