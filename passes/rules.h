/* Partial derivatives of the elementwise operations, from the d0..d2 columns of ir/ops.def.
 *
 * The columns are written in a small vocabulary over X, Y, Z (operands) and R (the result), which
 * rules.c expands to builder calls, so one row serves reverse mode, forward mode, both widths and
 * every order. */
#ifndef BPC_PASSES_RULES_H
#define BPC_PASSES_RULES_H

#include "ir/ir.h"

/* The partial derivative of `op` by operand k at operands x[] with result r, emitted by b; of r's
 * type. NULL where no derivative flows (kinks of measure zero included: sign, floor, comparisons).
 */
Value *rule_partial(IrBuilder *b, Op op, int k, Value *const *x, Value *r);
/* x*partial, and x itself where the partial derivative is 1: x may be an acc, which only passes
 * through. Where x is a gate, so is the product: Note [Gates]. */
Value *times_partial(IrBuilder *b, Value *x, Value *partial);
/* x + y; where both are gates of one condition, so is the sum. */
Value *plus_gated(IrBuilder *b, Value *x, Value *y);

#endif
