/* Vector code of the exponential and logarithmic functions.
 *
 * Everything is computed in all lanes and selected at the end; there are no branches. Constants
 * that are multiplied by an integer and subtracted end in enough zero bits for the product to be
 * exact, so that the same code is right with and without fused multiply-add. */
#include "codegen/vecmath_kernels.h"
#include "codegen/vecmath_coeffs.h"

#include <math.h>
#include <stddef.h>

static const double LOG2E = 0x1.71547652b82fep+0;
static const double LN2_HI_F32 = 0x1.62e4p-1, LN2_LO_F32 = 0x1.7f7d1cf79abcap-20;
static const double LN2_HI_F64 = 0x1.62e42feep-1, LN2_LO_F64 = 0x1.a39ef35793c76p-33;

/* Note [Powers of two]
 * Adding l->magic to t rounds t to an integer n that stands in the low bits of the sum, `shifted`.
 * Of these, u = n + 2*bias is positive for every n that occurs, so that it can be halved by a
 * logical shift. 2^n is u - bias in the exponent field while n is an exponent of a normal number;
 * beyond, the two factors 2^(u/2 - bias) and 2^(n - ...) reach down to zero and up to infinity and
 * round once. AVX-512 has an instruction for all that. */
static Val round_to_power(const Lanes *l, Val shifted) {
    int64_t magic_bits = l->f32 ? 0x4B400000 : 0x4338000000000000;
    return v_isub(l, v_bits(l, shifted), v_int(l, magic_bits - 2 * l->bias));
}

/* 2^(n + offset), a normal number. */
Val math_power_of_two(const Lanes *l, Val shifted, int offset) {
    Val field = v_isub(l, round_to_power(l, shifted), v_int(l, l->bias - offset));
    return v_float(l, v_shl(l, field, l->fraction));
}

/* p * 2^n with gradual underflow and overflow. */
Val math_scale(const Lanes *l, Val p, Val shifted) {
    if (v_has_scalef(l))
        return v_scalef(l, p, v_sub(l, shifted, v_const(l, l->magic)));
    Val u = round_to_power(l, shifted);
    Val half = v_shr(l, u, 1);
    Val rest = v_isub(l, u, half);
    Val first = v_float(l, v_shl(l, half, l->fraction));
    Val second = v_float(l, v_shl(l, rest, l->fraction));
    return v_mul(l, v_mul(l, p, first), second);
}

Val math_times_power(const Lanes *l, Val y, Val shifted) {
    return v_mul(l, y, math_power_of_two(l, shifted, 0));
}

/* x = n ln2 + r with |r| <= ln2/2; returns r. */
Val math_exp_reduce(const Lanes *l, Val x, Val *shifted) {
    *shifted = v_fma(l, x, v_const(l, LOG2E), v_const(l, l->magic));
    Val n = v_sub(l, *shifted, v_const(l, l->magic));
    Val r = v_fma(l, n, v_pick(l, -LN2_HI_F32, -LN2_HI_F64), x);
    return v_fma(l, n, v_pick(l, -LN2_LO_F32, -LN2_LO_F64), r);
}

/* exp(r) - 1 for |r| <= ln2/2: r + r^2 q(r). */
Val math_expm1_reduced(const Lanes *l, Val r) {
    Val square = v_mul(l, r, r);
    Val q = l->f32 ? v_poly_halves(l, r, square, EXP_F32, sizeof EXP_F32 / sizeof *EXP_F32)
                   : v_poly_halves(l, r, square, EXP_F64, sizeof EXP_F64 / sizeof *EXP_F64);
    return v_fma(l, square, q, r);
}

static Val exp_bounded(const Lanes *l, Val x) {
    Val shifted, r = math_exp_reduce(l, x, &shifted);
    return math_scale(l, v_add(l, math_expm1_reduced(l, r), v_const(l, 1.0)), shifted);
}

/* The bounds lie beyond where the result is 0 and infinity, and within what Note [Powers of two]
 * covers. */
Val emit_exp(const Lanes *l, Val *args) {
    return exp_bounded(l, v_clamp(l, args[0], l->f32 ? -104.5 : -746.0, l->f32 ? 89.0 : 710.0));
}

/* exp(-|x|) */
static Val exp_decay(const Lanes *l, Val x) {
    Val minus = v_neg(l, v_abs(l, x));
    if (!l->width || l->vm->exact_libm)
        return v_libm(l, "exp", "expf", 1, &minus);
    return exp_bounded(l, v_atleast(l, minus, l->f32 ? -104.5 : -746.0));
}

Val math_exp2_reduced(const Lanes *l, Val r, Val shifted) {
    Val p = v_fma(l, r, V_POLY(l, r, EXP2_F32, EXP2_F64), v_const(l, 1.0));
    return math_scale(l, p, shifted);
}

Val emit_exp2(const Lanes *l, Val *args) {
    Val x = v_clamp(l, args[0], l->f32 ? -151.0 : -1076.0, l->f32 ? 129.0 : 1025.0);
    Val shifted = v_add(l, x, v_const(l, l->magic));
    Val r = v_sub(l, x, v_sub(l, shifted, v_const(l, l->magic)));
    return math_exp2_reduced(l, r, shifted);
}

/* 2^n p + (2^n - 1) halved, so that n may be the exponent of infinity. */
Val emit_expm1(const Lanes *l, Val *args) {
    Val shifted, x = v_clamp(l, args[0], l->f32 ? -18.0 : -38.0, l->f32 ? 89.0 : 710.0);
    Val p = math_expm1_reduced(l, math_exp_reduce(l, x, &shifted));
    Val half_power = math_power_of_two(l, shifted, -1);
    Val y = v_fma(l, half_power, p, v_sub(l, half_power, v_const(l, 0.5)));
    return v_copysign(l, v_add(l, y, y), args[0]);
}

/* e/(e + 2) with e = expm1(2|x|); 1 to the last place from the bound on. */
Val emit_tanh(const Lanes *l, Val *args) {
    Val magnitude = v_abs(l, args[0]);
    Val shifted, twice = v_atmost(l, v_add(l, magnitude, magnitude), l->f32 ? 20.0 : 40.0);
    Val p = math_expm1_reduced(l, math_exp_reduce(l, twice, &shifted));
    Val power = math_power_of_two(l, shifted, 0);
    Val e = v_fma(l, power, p, v_sub(l, power, v_const(l, 1.0)));
    Val y = v_div(l, e, v_add(l, e, v_const(l, 2.0)));
    return v_copysign(l, y, args[0]);
}

/* Neither side of 0 cancels, and exp cannot overflow. For -x all but the selection is the same, so
 * that both, which the derivative is made of, cost little more than one. */
Val emit_sigmoid(const Lanes *l, Val *args) {
    Val one = v_const(l, 1.0), e = exp_decay(l, args[0]);
    Val negative = v_lt(l, args[0], v_const(l, 0.0));
    Val q = v_quotient(l, one, v_add(l, one, e));
    return v_select(l, negative, v_mul(l, e, q), q);
}

/* A number 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and log(1 + f) = f + tail. */
typedef struct LogParts {
    Val k, f, tail;
    Val inverse_power; /* 2^-k, for |k| that of a normal number */
} LogParts;

/* Takes positive normal numbers; `scaled` of them (or NULL) were multiplied by 2^scaling before. */
static LogParts log_split(const Lanes *l, Val x, Val scaled, int scaling) {
    int64_t one = l->f32 ? 0x3F800000 : 0x3FF0000000000000;
    int64_t root_half = l->f32 ? 0x3F3504F3 : 0x3FE6A09E667F3BCD;
    Val bits = v_iadd(l, v_bits(l, x), v_int(l, one - root_half));
    Val exponent = v_shr(l, bits, l->fraction); /* k + bias */
    Val mantissa = v_and(l, bits, v_int(l, ((int64_t)1 << l->fraction) - 1));
    LogParts parts = {0};
    parts.f = v_sub(l, v_float(l, v_iadd(l, mantissa, v_int(l, root_half))), v_const(l, 1.0));
    double unit = l->f32 ? 0x1p23 : 0x1p52; /* or-ing an integer into its fraction adds it */
    Val as_float = v_float(l, v_or(l, exponent, v_bits(l, v_const(l, unit))));
    Val origin = v_const(l, unit + (double)l->bias);
    if (scaled)
        origin = v_select(l, scaled, v_const(l, unit + (double)l->bias + scaling), origin);
    parts.k = v_sub(l, as_float, origin);
    parts.inverse_power =
        v_float(l, v_shl(l, v_isub(l, v_int(l, 2 * l->bias), exponent), l->fraction));
    return parts;
}

/* f32: log(1 + f) = f - f^2/2 + f^3 P(f). f64: with s = f/(2 + f), 2 atanh(s) rearranged so that f
 * stays exact: f - (f^2/2 - s (f^2/2 + R)), R = s^2 P(s^2). */
static void log_tail(const Lanes *l, LogParts *parts) {
    Val f = parts->f, square = v_mul(l, f, f);
    if (l->f32) {
        Val p = v_poly(l, f, LOG_F32, sizeof LOG_F32 / sizeof *LOG_F32);
        parts->tail = v_mul(l, square, v_fma(l, f, p, v_const(l, -0.5)));
        return;
    }
    Val s = v_quotient(l, f, v_add(l, f, v_const(l, 2.0)));
    Val z = v_mul(l, s, s), half_square = v_mul(l, square, v_const(l, 0.5));
    Val p = v_poly(l, z, LOG_F64, sizeof LOG_F64 / sizeof *LOG_F64);
    parts->tail = v_sub(l, v_mul(l, s, v_fma(l, z, p, half_square)), half_square);
}

/* The same by the instructions that take numbers apart, subnormal ones too; but inverse_power. */
static LogParts log_split_directly(const Lanes *l, Val x) {
    Val mantissa = v_getmant(l, x), k = v_getexp(l, x), one = v_const(l, 1.0);
    Val large = v_gt(l, mantissa, v_const(l, 0x1.6a09e667f3bcdp0));
    mantissa = v_select(l, large, v_mul(l, mantissa, v_const(l, 0.5)), mantissa);
    return (LogParts){.k = v_select(l, large, v_add(l, k, one), k), .f = v_sub(l, mantissa, one)};
}

/* Any positive number, subnormal ones too. */
static LogParts log_split_any(const Lanes *l, Val x) {
    if (v_has_scalef(l))
        return log_split_directly(l, x);
    int scaling = l->fraction + 2;
    Val tiny = v_lt(l, x, v_pick(l, 0x1p-126, 0x1p-1022));
    Val normal = v_select(l, tiny, v_mul(l, x, v_const(l, ldexp(1.0, scaling))), x);
    return log_split(l, normal, tiny, scaling);
}

static LogParts log_parts(const Lanes *l, Val x) {
    LogParts parts = log_split_any(l, x);
    log_tail(l, &parts);
    return parts;
}

Val math_log_split_any(const Lanes *l, Val x, Val *k) {
    LogParts parts = log_split_any(l, x);
    *k = parts.k;
    return parts.f;
}

/* k ln2 + f + tail, small terms first. */
static Val log_sum(const Lanes *l, const LogParts *parts) {
    Val low = v_fma(l, parts->k, v_pick(l, LN2_LO_F32, LN2_LO_F64), parts->tail);
    return v_fma(l, parts->k, v_pick(l, LN2_HI_F32, LN2_HI_F64), v_add(l, parts->f, low));
}

/* y = log(x) where that is finite: -inf where x is `pole`, NaN below it, x itself at +inf and NaN.
 */
static Val log_special(const Lanes *l, Val y, Val x, double pole) {
    Val at = v_const(l, pole);
    y = v_select(l, v_lt(l, x, v_const(l, INFINITY)), y, x);
    y = v_select(l, v_eq(l, x, at), v_const(l, -INFINITY), y);
    return v_select(l, v_lt(l, x, at), v_const(l, (double)NAN), y);
}

/* log_special at 0, for sums of parts; those of the instructions need none. */
static Val log_at_zero(const Lanes *l, Val y, Val x) {
    return v_has_scalef(l) ? y : log_special(l, y, x, 0.0);
}

Val emit_log(const Lanes *l, Val *args) {
    LogParts parts = log_parts(l, args[0]);
    return log_at_zero(l, log_sum(l, &parts), args[0]);
}

/* (f + tail)*factor + k*(high + low), large terms last; k*high is exact. */
static Val log_base(const Lanes *l, const LogParts *parts, double factor, Val high, double low) {
    Val by = v_const(l, factor), small = v_mul(l, parts->tail, by);
    if (low != 0)
        small = v_fma(l, parts->k, v_const(l, low), small);
    return v_fma(l, parts->k, high, v_fma(l, parts->f, by, small));
}

Val math_log2(const Lanes *l, Val x) {
    LogParts parts = log_parts(l, x);
    return log_base(l, &parts, LOG2E, v_const(l, 1.0), 0.0);
}

Val emit_log2(const Lanes *l, Val *args) {
    return log_at_zero(l, math_log2(l, args[0]), args[0]);
}

static const double LOG10E = 0x1.bcb7b1526e50ep-2;
static const double LOG10_2_HI_F32 = 0x1.344p-2, LOG10_2_LO_F32 = 0x1.3509f79fef312p-18;
static const double LOG10_2_HI_F64 = 0x1.34413509p-2, LOG10_2_LO_F64 = 0x1.ef3fde623e256p-35;

Val emit_log10(const Lanes *l, Val *args) {
    LogParts parts = log_parts(l, args[0]);
    Val high = v_pick(l, LOG10_2_HI_F32, LOG10_2_HI_F64);
    double low = l->f32 ? LOG10_2_LO_F32 : LOG10_2_LO_F64;
    return log_at_zero(l, log_base(l, &parts, LOG10E, high, low), args[0]);
}

/* log(sum + rest), sum + rest exact: the rest joins 1 + f, where it is not lost. Where the sum is
 * beyond 2^60 the rest is nothing, and 2^-k may not be a normal number. */
Val math_log_of_sum(const Lanes *l, Val sum, Val rest, bool may_be_large) {
    bool directly = v_has_scalef(l);
    LogParts parts = directly ? log_split_directly(l, sum) : log_split(l, sum, NULL, 0);
    if (directly) {
        parts.inverse_power = v_scalef(l, v_const(l, 1.0), v_neg(l, parts.k));
    } else if (may_be_large) {
        Val small = v_lt(l, sum, v_const(l, 0x1p60));
        parts.inverse_power = v_select(l, small, parts.inverse_power, v_const(l, 0.0));
    }
    parts.f = v_fma(l, rest, parts.inverse_power, parts.f);
    log_tail(l, &parts);
    return log_sum(l, &parts);
}

/* The upper half of the digits, by cutting off the lower. */
static Val upper_half(const Lanes *l, Val x) {
    int64_t mask = l->f32 ? ~INT64_C(0xFFF) : ~INT64_C(0x7FFFFFF);
    return v_float(l, v_and(l, v_bits(l, x), v_int(l, mask)));
}

/* Exact by fused multiply-add; else the products of the halves, of which only the last may round.
 */
Val math_two_product(const Lanes *l, Val a, Val b, Val *rest) {
    Val high = v_mul(l, a, b);
    if (l->vm->has_fma) {
        *rest = v_fma(l, a, b, v_neg(l, high));
        return high;
    }
    Val a_upper = upper_half(l, a), b_upper = upper_half(l, b);
    Val a_lower = v_sub(l, a, a_upper), b_lower = v_sub(l, b, b_upper);
    Val sum = v_sub(l, v_mul(l, a_upper, b_upper), high);
    sum = v_add(l, sum, v_mul(l, a_upper, b_lower));
    sum = v_add(l, sum, v_mul(l, a_lower, b_upper));
    *rest = v_add(l, sum, v_mul(l, a_lower, b_lower));
    return high;
}

/* Knuth's sum and its rounding error. */
Val math_two_sum(const Lanes *l, Val a, Val b, Val *rest) {
    Val sum = v_add(l, a, b), b_part = v_sub(l, sum, a);
    *rest = v_add(l, v_sub(l, a, v_sub(l, sum, b_part)), v_sub(l, b, b_part));
    return sum;
}

Val emit_log1p(const Lanes *l, Val *args) {
    Val x = args[0], rest;
    Val sum = math_two_sum(l, v_const(l, 1.0), x, &rest);
    Val y = v_copysign(l, math_log_of_sum(l, sum, rest, true), x); /* for -0 */
    return log_special(l, y, x, -1.0);
}

/* max(x, 0) + log1p(exp(-|x|)) */
Val emit_softplus(const Lanes *l, Val *args) {
    Val x = args[0], zero = v_const(l, 0.0), one = v_const(l, 1.0);
    Val e = exp_decay(l, x), y;
    if (!l->width || l->vm->exact_libm) {
        y = v_libm(l, "log1p", "log1pf", 1, &e);
    } else {
        Val sum = v_add(l, one, e);
        y = math_log_of_sum(l, sum, v_sub(l, e, v_sub(l, sum, one)), false);
    }
    return v_add(l, v_select(l, v_gt(l, x, zero), x, zero), y);
}
