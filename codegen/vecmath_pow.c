/* Vector code of pow: exp2(y log2 |x|), the logarithm to some 66 bits as a sum of two doubles. f32
 * goes through double, where one double is enough for it. */
#include "codegen/vecmath_coeffs.h"
#include "codegen/vecmath_kernels.h"

#include <math.h>

/* An unevaluated sum, low below the last place of high. */
typedef struct Pair {
    Val high, low;
} Pair;

/* a + b for |a| >= |b|, exact (Dekker) */
static Pair fast_sum(const Lanes *l, Val a, Val b) {
    Pair sum = {.high = v_add(l, a, b)};
    sum.low = v_add(l, v_sub(l, a, sum.high), b);
    return sum;
}

static Pair product(const Lanes *l, Val a, Val b) {
    Pair result;
    result.high = math_two_product(l, a, b, &result.low);
    return result;
}

/* a*b of pairs, the product of the low parts left out */
static Pair pair_product(const Lanes *l, Pair a, Pair b) {
    Pair result = product(l, a.high, b.high);
    result.low = v_fma(l, a.high, b.low, result.low);
    result.low = v_fma(l, a.low, b.high, result.low);
    return result;
}

/* f/(2 + f) */
static Pair half_angle(const Lanes *l, Val f) {
    Pair bottom = fast_sum(l, v_const(l, 2.0), f), result;
    result.high = v_div(l, f, bottom.high);
    Pair back = product(l, result.high, bottom.high);
    Val rest = v_sub(l, v_sub(l, f, back.high), back.low);
    rest = v_fma(l, result.high, v_neg(l, bottom.low), rest);
    result.low = v_div(l, rest, bottom.high);
    return result;
}

/* log2 of a positive number 2^k (1 + f): k + s (c1 + z (c3 + z P(z))), s = f/(2 + f), z = s^2, with
 * c1 = 2/ln2 and c3 = 2/(3 ln2). */
static Pair log2_pair(const Lanes *l, Val x) {
    static const double C1_HI = 0x1.71547652b82fep+1, C1_LO = 0x1.777d0ffda0d24p-55;
    static const double C3_HI = 0x1.ec709dc3a03fdp-1, C3_LO = 0x1.d27f05548af0cp-55;
    Val k, f = math_log_split_any(l, x, &k);
    Pair s = half_angle(l, f), z = pair_product(l, s, s);
    Val rest = v_poly(l, z.high, POW_LOG2_F64, sizeof POW_LOG2_F64 / sizeof *POW_LOG2_F64);
    Pair c = fast_sum(l, v_const(l, C3_HI), v_mul(l, z.high, rest));
    c.low = v_add(l, c.low, v_const(l, C3_LO));
    c = pair_product(l, z, c);
    Pair d = fast_sum(l, v_const(l, C1_HI), c.high);
    d.low = v_add(l, d.low, v_add(l, c.low, v_const(l, C1_LO)));
    Pair m = pair_product(l, s, d);
    Pair sum = fast_sum(l, k, m.high); /* k is 0 or the larger */
    sum.low = v_add(l, sum.low, m.low);
    return sum;
}

/* The logarithm where x is 0, infinite or NaN. */
static Val log_of_special(const Lanes *l, Val log, Val x) {
    log = v_select(l, v_eq(l, x, v_const(l, 0.0)), v_const(l, -INFINITY), log);
    return v_select(l, v_lt(l, x, v_const(l, INFINITY)), log, x);
}

/* 2^(high + low); low counts only where the result is neither 0 nor infinite. */
static Val exp2_pair(const Lanes *l, Val high, Val low) {
    Val ordinary = v_lt(l, v_abs(l, high), v_const(l, 1080.0));
    low = v_select(l, ordinary, low, v_const(l, 0.0));
    high = v_clamp(l, high, -1076.0, 1025.0);
    Val shifted = v_add(l, high, v_const(l, l->magic));
    Val n = v_sub(l, shifted, v_const(l, l->magic));
    Val r = v_add(l, v_sub(l, high, n), low);
    return math_exp2_reduced(l, r, shifted);
}

/* Annex F: pow(x, 0) and pow(1, y) are 1 even beside NaN; the sign is that of x where y is an odd
 * integer; a finite negative x with any other finite y is NaN. */
static Val with_sign_rules(const Lanes *l, Val magnitude, Val x, Val y) {
    Val zero = v_const(l, 0.0), one = v_const(l, 1.0), inf = v_const(l, INFINITY);
    Val half = v_mul(l, y, v_const(l, 0.5));
    Val whole = v_eq(l, v_rint(l, y), y), even = v_eq(l, v_rint(l, half), half);
    Val odd = v_gt(l, v_select(l, whole, one, zero), v_select(l, even, one, zero));
    Val signed_one = v_copysign(l, one, x);
    Val result = v_copysign(l, magnitude, v_select(l, odd, signed_one, one));
    Val finite_negative = v_and(l, v_lt(l, x, zero), v_gt(l, x, v_neg(l, inf)));
    result =
        v_select(l, finite_negative, v_select(l, whole, result, v_const(l, (double)NAN)), result);
    return v_select(l, v_or(l, v_eq(l, y, zero), v_eq(l, x, one)), one, result);
}

/* pow(|x|, y) in double lanes */
static Val magnitude_of_pow(const Lanes *l, Val base, Val y, bool precise) {
    Val zero = v_const(l, 0.0), high, low = zero;
    if (precise) {
        Pair log = log2_pair(l, base);
        Pair t = product(l, y, log_of_special(l, log.high, base));
        high = t.high;
        low = v_fma(l, y, log.low, t.low);
    } else {
        high = v_mul(l, y, log_of_special(l, math_log2(l, base), base));
    }
    Val unit = v_eq(l, base, v_const(l, 1.0)); /* 0 times infinity is 0 here */
    Val endless = v_eq(l, v_abs(l, y), v_const(l, INFINITY));
    high = v_select(l, v_and(l, unit, endless), zero, high);
    return exp2_pair(l, high, v_select(l, endless, zero, low));
}

Val emit_pow(const Lanes *l, Val *args) {
    Val base = v_abs(l, args[0]), magnitude;
    if (l->f32) {
        Lanes wide;
        lanes_init_wide(&wide, l);
        Val y = v_widen(&wide, args[1]);
        magnitude = v_narrow(l, magnitude_of_pow(&wide, v_widen(&wide, base), y, false));
    } else {
        magnitude = magnitude_of_pow(l, base, args[1], true);
    }
    return with_sign_rules(l, magnitude, args[0], args[1]);
}
