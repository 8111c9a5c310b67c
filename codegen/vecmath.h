/* Elementary functions on scalars and vectors, as LLVM IR.
 *
 * Code generation asks for exp of a <16 x float> and gets polynomial code for it, inline or as a
 * call of a private function of the module; functions without such code become calls of libm, a
 * lane at a time. The table of functions, with the largest error each is tested to, is
 * codegen/vecmath.def.
 *
 * Invariants: the emitted code keeps no state, reads no memory, sets no rounding mode and relies on
 * no fast-math flag: NaN, infinities, zeros and subnormals come out as C's Annex F asks (signs of
 * NaN and exception flags apart). The builder's block never changes. Lanes do not influence each
 * other. Called by the rest of codegen/ only. It must not decide what is vectorised. */
#ifndef BPC_CODEGEN_VECMATH_H
#define BPC_CODEGEN_VECMATH_H

#include <llvm-c/Core.h>
#include <stdbool.h>

typedef enum MathFn {
#define MATHFN(name, arity, libm64, libm32, emitter, place, ulp32, ulp64) MATH_##name,
#include "codegen/vecmath.def"
#undef MATHFN
    MATH_COUNT
} MathFn;

/* Where the polynomial code of a vector function goes. */
typedef enum MathCalls {
    MATH_CALLS_auto,   /* as the table says: short ones inline, long ones called */
    MATH_CALLS_never,  /* all inline, except those that need a branch */
    MATH_CALLS_always, /* one private function for each function and type: smallest code */
} MathCalls;

typedef struct VecMath {
    LLVMContextRef ctx;
    LLVMModuleRef module;
    LLVMBuilderRef builder;      /* positioned where the code is to go */
    const char *target_cpu;      /* "target-cpu" of private functions; NULL: no attribute */
    const char *target_features; /* "target-features" likewise */
    bool has_fma;                /* the target multiplies and adds in one instruction */
    bool has_avx512;             /* with its forms for shorter vectors */
    bool slow_division;          /* has_avx512, and Target.slow_division */
    bool exact_libm;             /* every function through libm, for comparison */
    MathCalls calls;
} VecMath;

/* fn of float, double or a vector of either, all arguments of one type; the result has that type.
 */
LLVMValueRef vecmath_emit(VecMath *vm, MathFn fn, LLVMValueRef *args);

const char *vecmath_name(MathFn fn);
int vecmath_arity(MathFn fn);
/* Whether vectors of this function have code of their own, rather than libm a lane. */
bool vecmath_is_vectorised(MathFn fn);
/* The largest error, in units in the last place, that vector code is tested to. */
double vecmath_max_ulp(MathFn fn, bool f32);

#endif
