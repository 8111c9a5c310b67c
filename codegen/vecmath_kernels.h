/* The emitters that codegen/vecmath.def names. Each takes values of l->type and returns one. */
#ifndef BPC_CODEGEN_VECMATH_KERNELS_H
#define BPC_CODEGEN_VECMATH_KERNELS_H

#include "codegen/vecmath_lanes.h"

typedef Val (*MathEmitter)(const Lanes *l, Val *args);

Val emit_exp(const Lanes *l, Val *args);
Val emit_exp2(const Lanes *l, Val *args);
Val emit_expm1(const Lanes *l, Val *args);
Val emit_log(const Lanes *l, Val *args);
Val emit_log2(const Lanes *l, Val *args);
Val emit_log10(const Lanes *l, Val *args);
Val emit_log1p(const Lanes *l, Val *args);
Val emit_tanh(const Lanes *l, Val *args);
Val emit_sigmoid(const Lanes *l, Val *args);
Val emit_softplus(const Lanes *l, Val *args);

/* codegen/vecmath_trig.c, vecmath_erf.c, vecmath_hyperbolic.c, vecmath_pow.c */
Val emit_sin(const Lanes *l, Val *args);
Val emit_cos(const Lanes *l, Val *args);
Val emit_tan(const Lanes *l, Val *args);
Val emit_asin(const Lanes *l, Val *args);
Val emit_acos(const Lanes *l, Val *args);
Val emit_atan(const Lanes *l, Val *args);
Val emit_atan2(const Lanes *l, Val *args);
Val emit_gauss(const Lanes *l, Val *args);
Val emit_erf(const Lanes *l, Val *args);
Val emit_erfc(const Lanes *l, Val *args);
Val emit_sinh(const Lanes *l, Val *args);
Val emit_cosh(const Lanes *l, Val *args);
Val emit_asinh(const Lanes *l, Val *args);
Val emit_acosh(const Lanes *l, Val *args);
Val emit_atanh(const Lanes *l, Val *args);
Val emit_cbrt(const Lanes *l, Val *args);
Val emit_hypot(const Lanes *l, Val *args);
Val emit_pow(const Lanes *l, Val *args);

/* codegen/vecmath_gamma.c; scalar doubles only. zeta is Hurwitz's, of s and z. */
Val emit_lgamma(const Lanes *l, Val *args);
Val emit_digamma(const Lanes *l, Val *args);
Val emit_zeta(const Lanes *l, Val *args);
Val emit_polygamma(const Lanes *l, Val *args);

/* Pieces of codegen/vecmath_kernels.c that others build on. `shifted` is l->magic + n, Note [Powers
 * of two]. */
Val math_exp_reduce(const Lanes *l, Val x, Val *shifted);       /* r with x = n ln2 + r */
Val math_expm1_reduced(const Lanes *l, Val r);                  /* exp(r) - 1 */
Val math_power_of_two(const Lanes *l, Val shifted, int offset); /* 2^(n + offset), normal */
Val math_scale(const Lanes *l, Val p, Val shifted);             /* p 2^n, any n */
Val math_times_power(const Lanes *l, Val y, Val shifted);       /* y 2^n, 2^n normal */
Val math_log_split_any(const Lanes *l, Val x, Val *k);     /* f with x = 2^k (1 + f), x positive */
Val math_two_sum(const Lanes *l, Val a, Val b, Val *rest); /* a + b = result + rest */
Val math_two_product(const Lanes *l, Val a, Val b, Val *rest); /* a*b = result + rest */
Val math_exp2_reduced(const Lanes *l, Val r, Val shifted);     /* 2^(r + n), |r| <= 1/2 */
Val math_log2(const Lanes *l, Val x);                          /* x positive and finite */
/* log(sum + rest), rest below the last place of sum, which is positive and normal */
Val math_log_of_sum(const Lanes *l, Val sum, Val rest, bool may_be_large);

#endif
