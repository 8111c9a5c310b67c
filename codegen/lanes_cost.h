/* What it would take to run a loop in lanes, or else the loops inside it; in units of one vector
 * instruction.
 *
 * Rough on purpose: it tells rows of a softmax (lanes across rows) from elementwise work on a
 * matrix (lanes along rows), by how often memory would be touched element by element. Unknown
 * extents count as 64. */
#ifndef BPC_CODEGEN_LANES_COST_H
#define BPC_CODEGEN_LANES_COST_H

#include "ir/ir.h"

/* Whether the value may differ between the iterations of the loop that it is in. */
bool lanes_vary(const Value *v, const Inst *loop);
/* Whether elements along an axis of an array are side by side. */
bool lanes_lie_along(const Value *array, int axis);
/* Whether lanes add at one place, instruction by instruction, from the loop's acc `acc` on. */
bool lanes_add_alike(const Inst *loop, int acc);
/* One vector's worth of iterations of the loop, all in lanes. */
double lanes_cost_across(const Inst *loop, int lanes);
/* The same number of iterations one after the other, with the loops that `is_good` approves of in
 * lanes. */
double lanes_cost_within(const Inst *loop, int lanes,
                         bool (*is_good)(const void *user, const Inst *), const void *user);

#endif
