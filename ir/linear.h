/* Whether a function is linear in some of its parameters, by the form of its body. What rules need:
 * a jvp rule is linear in its tangents, and a vjp rule that is linear in its cotangents can be
 * transposed. Called by lowering, passes/jvp.c and passes/strong_rule.c; changes nothing. */
#ifndef BPC_IR_LINEAR_H
#define BPC_IR_LINEAR_H

#include "ir/ir.h"

typedef struct NotLinear {
    Loc loc;
    const char *why; /* "`exp` of a tangent"; `noun` is what the parameters are called */
} NotLinear;

/* True when every result of f is a sum of terms with exactly one factor among the parameters first,
 * first + 1, ...: then it is linear in them together, for any values of the others. */
bool ir_is_linear(const IrModule *m, const Func *f, int first, const char *noun, NotLinear *error);
/* Of a function for which that holds: the values that have such a factor, or are 0. */
void ir_linear_values(const IrModule *m, const Func *f, int first, PtrMap *linear);

#endif
