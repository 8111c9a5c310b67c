/* Vector code of erf and erfc. */
#include "codegen/vecmath_coeffs.h"
#include "codegen/vecmath_kernels.h"

#include <math.h>

/* exp(-x^2) = (1 + p) 2^n, x at most where it is 0: p, and
 * n as Note [Powers of two] has it. The part of x^2 that its rounding loses is taken from the
 * reduced argument of exp. */
typedef struct Gauss {
    Val magnitude, p, shifted;
} Gauss;

static Gauss gauss_parts(const Lanes *l, Val magnitude) {
    Gauss g = {.magnitude = v_atmost(l, magnitude, l->f32 ? 10.2 : 27.3)};
    Val rest, square = math_two_product(l, g.magnitude, g.magnitude, &rest);
    Val r = math_exp_reduce(l, v_neg(l, square), &g.shifted);
    g.p = math_expm1_reduced(l, v_sub(l, r, rest));
    return g;
}

/* exp(-x^2); of an x that erf or erfc is taken of as well, all but the last step is shared. */
Val emit_gauss(const Lanes *l, Val *args) {
    Gauss g = gauss_parts(l, v_abs(l, args[0]));
    return math_scale(l, v_add(l, g.p, v_const(l, 1.0)), g.shifted);
}

/* F(t); its halves do not wait for each other, but where products are rounded they lose digits. */
static Val erfc_factor(const Lanes *l, Val t) {
    if (l->f32 || !l->vm->has_fma)
        return V_POLY(l, t, ERFC_F32, ERFC_F64);
    return v_poly_halves(l, t, v_mul(l, t, t), ERFC_F64, sizeof ERFC_F64 / sizeof *ERFC_F64);
}

/* a/b of ordinary numbers, where b is known before a: the quotient by the reciprocal, and what its
 * product leaves. */
static Val late_quotient(const Lanes *l, Val a, Val b) {
    if (l->f32 || !l->vm->has_fma || l->vm->slow_division)
        return v_quotient(l, a, b);
    Val inverse = v_div(l, v_const(l, 1.0), b), quotient = v_mul(l, a, inverse);
    return v_fma(l, v_fma(l, v_neg(l, quotient), b, a), inverse, quotient);
}

/* erfc(x) for x >= 0: exp(-x^2) F(t)/(1 + 2x), t = (x - k)/(x + k). The division comes before the
 * scaling, which rounds once. */
static Val erfc_positive(const Lanes *l, Val magnitude) {
    Gauss e = gauss_parts(l, magnitude);
    Val x = e.magnitude, k = v_pick(l, 3.0, 4.0);
    Val f = erfc_factor(l, v_quotient(l, v_sub(l, x, k), v_add(l, x, k)));
    Val g = late_quotient(l, f, v_fma(l, x, v_const(l, 2.0), v_const(l, 1.0)));
    return math_scale(l, v_fma(l, g, e.p, g), e.shifted);
}

/* exp(-x q(x)), erfc to the digits that 1 - erfc needs from 0.85 on */
static Val erfc_rough_f32(const Lanes *l, Val x) {
    x = v_atmost(l, x, 3.95);
    Val q = v_poly(l, x, ERF_TAIL_F32, sizeof ERF_TAIL_F32 / sizeof *ERF_TAIL_F32);
    Val shifted, r = math_exp_reduce(l, v_neg(l, v_mul(l, x, q)), &shifted);
    Val power = math_power_of_two(l, shifted, 0);
    return v_fma(l, math_expm1_reduced(l, r), power, power);
}

/* x + x P(x^2), up to 0.85 for f32 and 1 for f64 */
static Val erf_small(const Lanes *l, Val x) {
    return v_fma(l, x, V_POLY(l, v_mul(l, x, x), ERF_F32, ERF_F64), x);
}

Val emit_erf(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), one = v_const(l, 1.0);
    Val near = v_lt(l, x, v_pick(l, 0.85, 1.0));
    Val large = v_sub(l, one, l->f32 ? erfc_rough_f32(l, x) : erfc_positive(l, x));
    return v_copysign(l, v_select(l, near, erf_small(l, x), large), args[0]);
}

/* 1 - erf where that does not cancel: just below 1 the factors of the product are above it, and
 * their rounding counts double. */
Val emit_erfc(const Lanes *l, Val *args) {
    Val x = args[0], magnitude = v_abs(l, x);
    Val y = erfc_positive(l, magnitude);
    y = v_select(l, v_lt(l, x, v_const(l, 0.0)), v_sub(l, v_const(l, 2.0), y), y);
    Val small = v_fma(l, x, V_POLY(l, v_mul(l, x, x), ERF_NEAR_F32, ERF_NEAR_F64), x);
    Val near = v_lt(l, magnitude, v_const(l, 0.4));
    return v_select(l, near, v_sub(l, v_const(l, 1.0), small), y);
}
