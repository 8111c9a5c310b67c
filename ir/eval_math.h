/* The exact scalar meaning of every elementwise operation and conversion.
 *
 * Used by the builder's constant folding and by the interpreter, so that both agree to the bit;
 * code generation follows the same definitions. Floats are evaluated in double and rounded to the
 * element type. Integers wrap. */
#ifndef BPC_IR_EVAL_MATH_H
#define BPC_IR_EVAL_MATH_H

#include "ir/ir.h"

/* The helpers named in the eval column of ops.def. */
double eval_min(double x, double y); /* NaN when either is; -0 is below +0 */
double eval_max(double x, double y);
double eval_sign(double x); /* -1, 0, 1; NaN stays */
double eval_clamp(double x, double lo,
                  double hi);         /* lo where x < lo, else hi where x > hi, else x */
double eval_relu(double x);           /* 0 where x <= 0, else x, so NaN stays */
double eval_mul0(double x, double y); /* 0 where one is 0, whatever the other is; else x*y */
double eval_sigmoid(double x);
double eval_softplus(double x);
double eval_lgamma(double x);
double eval_polygamma(double order, double x); /* order 0 is digamma */

/* The row's eval expression, without rounding; NULL never. Comparisons and tests give 0 or 1. */
typedef double EvalFn(double x, double y, double z);
EvalFn *eval_function(Op op);

/* Rounds to the element type: f32 to the nearest float. */
static inline double eval_round(Scalar elem, double x) {
    return elem == S_f32 ? (double)(float)x : x;
}

/* An elementwise operation on integers or bools of type elem (of the operands). False when it has
 * no value: division by zero. */
bool eval_integer(Op op, Scalar elem, int64_t x, int64_t y, int64_t z, int64_t *result);

int64_t eval_wrap(Scalar elem, int64_t x);        /* to the range of i32, bool: x != 0 */
int64_t eval_float_to_int(Scalar elem, double x); /* truncates; saturates; NaN gives 0 */

#endif
