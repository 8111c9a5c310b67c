/* Vector code of the hyperbolic functions, their inverses, and the roots cbrt and hypot. */
#include "codegen/vecmath_coeffs.h"
#include "codegen/vecmath_kernels.h"

#include <math.h>
#include <stddef.h>

/* exp(x) for x >= 0 taken apart: 2^n (1 + p); and exp(x)/2 where 2^n alone might overflow. */
typedef struct Growth {
    Val power, p, half_exp;
    Val large; /* exp(-x) is nothing beside exp(x) */
} Growth;

static Growth growth(const Lanes *l, Val x) {
    x = v_atmost(l, x, l->f32 ? 91.0 : 712.0);
    Val shifted, r = math_exp_reduce(l, x, &shifted), half = v_const(l, 0.5);
    Growth g = {.p = math_expm1_reduced(l, r), .large = v_gt(l, x, v_pick(l, 10.0, 20.0))};
    g.power = math_power_of_two(l, shifted, 0);
    g.half_exp = math_scale(l, v_fma(l, g.p, half, half), shifted);
    return g;
}

/* With e = expm1(x): (e + e/(e + 1))/2. */
Val emit_sinh(const Lanes *l, Val *args) {
    Growth g = growth(l, v_abs(l, args[0]));
    Val one = v_const(l, 1.0), half = v_const(l, 0.5);
    Val e = v_fma(l, g.power, g.p, v_sub(l, g.power, one));
    Val small = v_mul(l, half, v_add(l, e, v_div(l, e, v_add(l, e, one))));
    return v_copysign(l, v_select(l, g.large, g.half_exp, small), args[0]);
}

Val emit_cosh(const Lanes *l, Val *args) {
    Growth g = growth(l, v_abs(l, args[0]));
    Val small = v_add(l, g.half_exp, v_div(l, v_const(l, 0.25), g.half_exp));
    return v_select(l, g.large, g.half_exp, small);
}

static const double LN2 = 0x1.62e42fefa39efp-1;

/* log(2x) where `large`, else log(1 + t). x is neither NaN nor infinite where it matters. */
static Val log1p_or_log_twice(const Lanes *l, Val large, Val x, Val t) {
    Val one = v_const(l, 1.0), zero = v_const(l, 0.0), rest;
    Val sum = math_two_sum(l, one, t, &rest);
    Val y = math_log_of_sum(l, v_select(l, large, x, sum), v_select(l, large, zero, rest), true);
    return v_add(l, y, v_select(l, large, v_const(l, LN2), zero));
}

/* log1p(x + x^2/(1 + sqrt(x^2 + 1))) */
Val emit_asinh(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), one = v_const(l, 1.0);
    Val square = v_mul(l, x, x);
    Val root = v_sqrt(l, v_add(l, square, one));
    Val t = v_add(l, x, v_div(l, square, v_add(l, root, one)));
    Val large = v_gt(l, x, v_pick(l, 0x1p14, 0x1p28));
    Val y = log1p_or_log_twice(l, large, x, t);
    y = v_select(l, v_lt(l, x, v_const(l, INFINITY)), y, x);
    return v_copysign(l, y, args[0]);
}

/* With t = x - 1: log1p(t + sqrt(t (x + 1))). */
Val emit_acosh(const Lanes *l, Val *args) {
    Val x = args[0], one = v_const(l, 1.0);
    Val t = v_sub(l, x, one);
    Val root = v_sqrt(l, v_mul(l, t, v_add(l, x, one)));
    Val large = v_gt(l, x, v_pick(l, 0x1p14, 0x1p28));
    Val y = log1p_or_log_twice(l, large, x, v_add(l, t, root));
    y = v_select(l, v_lt(l, x, v_const(l, INFINITY)), y, x);
    return v_select(l, v_lt(l, x, one), v_const(l, (double)NAN), y);
}

/* log1p(2x/(1 - x))/2 */
Val emit_atanh(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), one = v_const(l, 1.0);
    Val t = v_div(l, v_add(l, x, x), v_sub(l, one, x));
    Val y = v_mul(l, v_const(l, 0.5), emit_log1p(l, &t));
    return v_copysign(l, y, args[0]);
}

/* |x| = 2^(3q) m with m from about 1/3 to 3: a first guess of the root of m, better by Halley's
 * y (y^3 + 2m)/(2y^3 + m), times 2^q. */
Val emit_cbrt(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), k, one = v_const(l, 1.0);
    Val f = math_log_split_any(l, x, &k);
    Val shifted = v_fma(l, k, v_const(l, 1.0 / 3), v_const(l, l->magic));
    Val q = v_sub(l, shifted, v_const(l, l->magic));
    Val left = v_fma(l, q, v_const(l, -3.0), k); /* -1, 0 or 1 */
    Val factor = v_select(l, v_gt(l, left, v_const(l, 0.5)), v_const(l, 2.0), one);
    factor = v_select(l, v_lt(l, left, v_const(l, -0.5)), v_const(l, 0.5), factor);
    Val m = v_mul(l, v_add(l, f, one), factor);
    Val y = V_POLY(l, m, CBRT_GUESS, CBRT_GUESS);
    for (int i = 0; i < (l->f32 ? 1 : 2); i++) {
        Val cube = v_mul(l, v_mul(l, y, y), y);
        /* y - y (y^3 - m)/(2y^3 + m): the correction is small, so its rounding is too */
        Val ratio = v_div(l, v_sub(l, cube, m), v_add(l, v_add(l, cube, cube), m));
        y = v_sub(l, y, v_mul(l, y, ratio));
    }
    y = math_times_power(l, y, shifted);
    y = v_select(l, v_eq(l, x, v_const(l, 0.0)), x, y);
    y = v_select(l, v_lt(l, x, v_const(l, INFINITY)), y, x);
    return v_copysign(l, y, args[0]);
}

static Val hypot_f64(const Lanes *l, Val x, Val y) {
    Val large = v_or(l, v_gt(l, x, v_const(l, 0x1p500)), v_gt(l, y, v_const(l, 0x1p500)));
    Val tiny = v_const(l, 0x1p-450), one = v_const(l, 1.0);
    Val small = v_and(l, v_lt(l, x, tiny), v_lt(l, y, tiny));
    Val down =
        v_select(l, large, v_const(l, 0x1p-600), v_select(l, small, v_const(l, 0x1p600), one));
    Val up = v_select(l, large, v_const(l, 0x1p600), v_select(l, small, v_const(l, 0x1p-600), one));
    x = v_mul(l, x, down);
    y = v_mul(l, y, down);
    return v_mul(l, v_sqrt(l, v_fma(l, x, x, v_mul(l, y, y))), up);
}

/* Infinite when either is, even beside NaN. */
Val emit_hypot(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), y = v_abs(l, args[1]), inf = v_const(l, INFINITY), z;
    if (l->f32) {
        Lanes wide;
        lanes_init_wide(&wide, l);
        Val a = v_widen(&wide, x), b = v_widen(&wide, y);
        z = v_narrow(l, v_sqrt(&wide, v_fma(&wide, a, a, v_mul(&wide, b, b))));
    } else {
        z = hypot_f64(l, x, y);
    }
    return v_select(l, v_or(l, v_eq(l, x, inf), v_eq(l, y, inf)), inf, z);
}
