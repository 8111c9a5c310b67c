/* Short names for the IR that vector math is written in: one call an operation, scalars and vectors
 * alike.
 *
 * A Lanes says of what type the values are; every Val of one kernel has it, or the integer type of
 * the same shape (v_bits), or i1 of the same shape (comparisons). Private to codegen/vecmath*.c. */
#ifndef BPC_CODEGEN_VECMATH_LANES_H
#define BPC_CODEGEN_VECMATH_LANES_H

#include "codegen/vecmath.h"

#include <stdint.h>

typedef LLVMValueRef Val;

typedef struct Lanes {
    VecMath *vm;
    LLVMTypeRef type, int_type;
    unsigned width; /* 0: scalar */
    bool f32;
    int fraction; /* bits of the fraction field: 23 or 52 */
    int64_t bias; /* of the exponent field: 127 or 1023 */
    double
        magic; /* 1.5 * 2^fraction: adding it rounds to an integer, which the low bits then hold */
} Lanes;

void lanes_init(Lanes *l, VecMath *vm, LLVMTypeRef type);
/* The same number of lanes, as double; v_widen and v_narrow convert. */
void lanes_init_wide(Lanes *wide, const Lanes *l);
/* nounwind willreturn memory(none) */
void lanes_mark_pure(const Lanes *l, Val fn);
Val v_widen(const Lanes *wide, Val x);
Val v_narrow(const Lanes *l, Val x);

Val v_const(const Lanes *l, double x); /* the same in every lane */
Val v_int(const Lanes *l, int64_t i);
/* f32 for float lanes, f64 for double lanes. */
Val v_pick(const Lanes *l, double f32, double f64);

Val v_add(const Lanes *l, Val a, Val b);
Val v_sub(const Lanes *l, Val a, Val b);
Val v_mul(const Lanes *l, Val a, Val b);
Val v_div(const Lanes *l, Val a, Val b);
Val v_neg(const Lanes *l, Val a);
Val v_fma(const Lanes *l, Val a, Val b, Val c); /* a*b + c, rounded once only if the target can */
Val v_abs(const Lanes *l, Val a);
Val v_sqrt(const Lanes *l, Val a);
Val v_rint(const Lanes *l, Val a);
Val v_copysign(const Lanes *l, Val magnitude, Val sign);

Val v_iadd(const Lanes *l, Val a, Val b);
Val v_isub(const Lanes *l, Val a, Val b);
Val v_and(const Lanes *l, Val a, Val b); /* also of comparisons */
Val v_or(const Lanes *l, Val a, Val b);
Val v_xor(const Lanes *l, Val a, Val b);
Val v_shl(const Lanes *l, Val a, int by);
Val v_shr(const Lanes *l, Val a, int by); /* logical: AVX2 has no arithmetic one for 64 bits */
Val v_bits(const Lanes *l, Val x);        /* float to the integer of its bits */
Val v_float(const Lanes *l, Val bits);    /* and back */

Val v_lt(const Lanes *l, Val a, Val b); /* ordered: false with a NaN */
Val v_gt(const Lanes *l, Val a, Val b);
Val v_eq(const Lanes *l, Val a, Val b);
Val v_isnan(const Lanes *l, Val a);
Val v_any(const Lanes *l, Val cond); /* one i1: whether any lane holds */
Val v_ieq(const Lanes *l, Val a, Val b);
Val v_select(const Lanes *l, Val cond, Val then, Val otherwise);
/* Instructions of AVX-512, where v_has_scalef: x 2^n, rounded once; the exponent of x, as a float;
 * its mantissa, from 1 up to 2. Subnormal numbers count as what they are; 0 and infinity have the
 * mantissa 1 and infinite exponents, a negative number has no mantissa but NaN. */
bool v_has_scalef(const Lanes *l);
Val v_scalef(const Lanes *l, Val x, Val n);
Val v_getexp(const Lanes *l, Val x);
Val v_getmant(const Lanes *l, Val x);
/* a/b to 0.63 ulp, a finite, b and 1/b normal numbers: Newton's steps instead of a division where
 * those are slow. What they do with b alone does not wait for a. */
Val v_quotient(const Lanes *l, Val a, Val b);

/* min(max(x, lo), hi) that lets NaN through. */
Val v_clamp(const Lanes *l, Val x, double lo, double hi);
Val v_atmost(const Lanes *l, Val x, double hi);
Val v_atleast(const Lanes *l, Val x, double lo);

/* c[0] + c[1] x + ... + c[n-1] x^(n-1), by Horner's rule. */
Val v_poly(const Lanes *l, Val x, const double *c, int n);
/* The same by its even and its odd powers, which do not wait for each other; square is x*x. */
Val v_poly_halves(const Lanes *l, Val x, Val square, const double *c, int n);

/* A scalar function called for every lane. */
Val v_call_lanes(const Lanes *l, Val fn, LLVMTypeRef type, int arity, Val *args);
/* What libm calls the function, called for every lane. */
Val v_libm(const Lanes *l, const char *f64, const char *f32, int arity, Val *args);

#define V_POLY(l, x, table32, table64)                                                             \
    ((l)->f32 ? v_poly((l), (x), (table32), (int)(sizeof(table32) / sizeof *(table32)))            \
              : v_poly((l), (x), (table64), (int)(sizeof(table64) / sizeof *(table64))))

#endif
