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

#endif
