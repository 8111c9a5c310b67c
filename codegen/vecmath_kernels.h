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

/* codegen/vecmath_gamma.c; scalar doubles only. zeta is Hurwitz's, of s and z. */
Val emit_lgamma(const Lanes *l, Val *args);
Val emit_digamma(const Lanes *l, Val *args);
Val emit_zeta(const Lanes *l, Val *args);
Val emit_polygamma(const Lanes *l, Val *args);

#endif
