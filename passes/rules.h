/* Partial derivatives of the elementwise operations, from the d0..d2 columns of ir/ops.def.
 *
 * The columns are written in a small vocabulary over X, Y, Z (operands) and R (the result), which
 * rules.c expands to builder calls, so one row serves reverse mode, forward mode, both widths and
 * every order. */
#ifndef BPC_PASSES_RULES_H
#define BPC_PASSES_RULES_H

#include "passes/zeros.h"

/* What one expansion knows about the zeros among its adjoints or tangents: Note [Gates]. */
typedef struct Gates {
    Zeros source; /* of the body that is differentiated */
    PtrMap solid; /* emitted gates that are 0 only where their condition says so */
} Gates;

/* What an elementwise instruction of the source passes on between its result and operand k: g times
 * the partial derivative at operands x[] with result r; NULL where no derivative flows. g is the
 * derivative of `of`: a tangent of the operand, or an adjoint of the result, and may be an acc
 * where the partial derivative is 1. kept: that derivative where it is at hand, or NULL. */
Value *rule_term(Gates *gates, IrBuilder *b, const Inst *inst, int k, Value *const *x, Value *r,
                 Value *g, const Value *of, Value *kept);
/* The term of a quotient's divisor from that of its dividend, both by rule_term otherwise: one
 * division does for both. NULL where zeros may meet poles, of which that would make others. */
Value *rule_divisor_term(Gates *gates, IrBuilder *b, const Inst *inst, Value *r, Value *g,
                         const Value *of, Value *dividend_term);
/* Notes of a tangent or cotangent that the derivative starts from whether it is a gate that is 0
 * only where its condition says so. */
void gates_note_seed(Gates *gates, Value *seed);
/* x[idx...] of a tangent or cotangent x; of a basis vector, a gate. */
Value *index_gate(Gates *gates, IrBuilder *b, Value *x, int k, Value *const *idx);
/* Likewise for the element of x in an iteration of a loop, where `slice` is that element. */
Value *slice_gate(Gates *gates, IrBuilder *body, Value *x, Value *slice);
/* The partial derivative of `op` by operand k, of r's type; NULL where no derivative flows. */
Value *rule_partial(IrBuilder *b, Op op, int k, Value *const *x, Value *r);
/* x*partial; where one is a gate, so is the product. strong: 0 where one is, whatever the other is.
 */
Value *times_partial(IrBuilder *b, Value *x, Value *partial, bool strong);
/* x + y; where both are gates of one condition, so is the sum. */
Value *plus_term(Gates *gates, IrBuilder *b, Value *x, Value *y);

#endif
