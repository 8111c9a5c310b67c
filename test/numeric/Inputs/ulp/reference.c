/* Values and derivatives by MPFR; see ulp.h.
 *
 * Note [Differences]
 * A derivative is a central difference at some hundreds of bits: with a step of 2^-160 of the
 * length on which the function changes, its truncation error is below 2^-300, relatively, and the
 * precision is raised until what cancels leaves 160 bits. So nothing here repeats a rule of
 * ir/ops.def, but for the functions made of pieces, where the language's table of kinks is the
 * definition, and for the limits in edges.def. */
#include "ulp.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { STEP_BITS = 160, GOOD_BITS = 160, MOST_BITS = 40000 };

/* ---- values ---- */

static bool is_pole(const mpfr_t x) {
    return mpfr_sgn(x) <= 0 && (mpfr_inf_p(x) || mpfr_integer_p(x));
}

static void digamma_of(mpfr_t r, const mpfr_t x) {
    if (mpfr_nan_p(x) || is_pole(x))
        mpfr_set_nan(r);
    else
        mpfr_digamma(r, x, MPFR_RNDN);
}

/* The length on which digamma changes: the distance to its nearest pole. */
static void pole_distance(mpfr_t r, const mpfr_t x) {
    if (mpfr_sgn(x) > 0) {
        mpfr_set(r, x, MPFR_RNDN);
        return;
    }
    mpfr_rint(r, x, MPFR_RNDN);
    mpfr_sub(r, r, x, MPFR_RNDN);
    mpfr_abs(r, r, MPFR_RNDN);
}

/* The n-th difference of digamma with step h. Returns the largest exponent that took part. */
static mpfr_exp_t digamma_difference(mpfr_t r, int n, const mpfr_t x, const mpfr_t h) {
    mpfr_prec_t bits = mpfr_get_prec(r);
    mpfr_exp_t largest = mpfr_get_emin();
    mpfr_t at, term;
    mpfr_inits2(bits, at, term, (mpfr_ptr)0);
    mpfr_set_zero(r, 1);
    double choose = 1;
    for (int k = 0; k <= n; k++) {
        mpfr_mul_d(at, h, 0.5 * n - k, MPFR_RNDN);
        mpfr_add(at, at, x, MPFR_RNDN);
        mpfr_digamma(term, at, MPFR_RNDN);
        mpfr_mul_d(term, term, k % 2 ? -choose : choose, MPFR_RNDN);
        if (mpfr_regular_p(term) && mpfr_get_exp(term) > largest)
            largest = mpfr_get_exp(term);
        mpfr_add(r, r, term, MPFR_RNDN);
        choose = choose * (n - k) / (k + 1);
    }
    for (int k = 0; k < n; k++)
        mpfr_div(r, r, h, MPFR_RNDN);
    mpfr_clears(at, term, (mpfr_ptr)0);
    return largest;
}

static void polygamma_of(mpfr_t r, int n, const mpfr_t x) {
    if (mpfr_nan_p(x) || (mpfr_inf_p(x) && mpfr_sgn(x) < 0)) {
        mpfr_set_nan(r);
    } else if (mpfr_inf_p(x)) {
        n == 0 ? mpfr_set_inf(r, 1) : mpfr_set_zero(r, n % 2 ? 1 : -1);
    } else if (is_pole(x)) {
        n % 2 ? mpfr_set_inf(r, 1) : mpfr_set_nan(r);
    } else {
        mpfr_t h, wide;
        for (mpfr_prec_t bits = 300 + n * STEP_BITS;; bits += 400 + n * 200) {
            mpfr_inits2(bits, h, wide, (mpfr_ptr)0);
            pole_distance(h, x);
            mpfr_div_2ui(h, h, STEP_BITS - 60, MPFR_RNDN);
            mpfr_exp_t largest = digamma_difference(wide, n, x, h), step = mpfr_get_exp(h);
            bool good = mpfr_regular_p(wide) &&
                        bits + mpfr_get_exp(wide) + n * (step - 1) - largest > GOOD_BITS;
            mpfr_set(r, wide, MPFR_RNDN);
            mpfr_clears(h, wide, (mpfr_ptr)0);
            if (good || bits > MOST_BITS)
                return;
        }
    }
}

static void sigmoid_of(mpfr_t r, const mpfr_t x) {
    mpfr_neg(r, x, MPFR_RNDN);
    mpfr_exp(r, r, MPFR_RNDN);
    mpfr_add_ui(r, r, 1, MPFR_RNDN);
    mpfr_ui_div(r, 1, r, MPFR_RNDN);
}

static void softplus_of(mpfr_t r, const mpfr_t x) {
    mpfr_abs(r, x, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
    mpfr_exp(r, r, MPFR_RNDN);
    mpfr_log1p(r, r, MPFR_RNDN);
    if (mpfr_nan_p(x) || mpfr_sgn(x) > 0)
        mpfr_add(r, r, x, MPFR_RNDN);
}

static void lgamma_of(mpfr_t r, const mpfr_t x) {
    int sign;
    mpfr_lgamma(r, &sign, x, MPFR_RNDN);
}

static void extreme_of(mpfr_t r, Op op, mpfr_t *x) {
    if (mpfr_nan_p(x[0]) || mpfr_nan_p(x[1]))
        mpfr_set_nan(r);
    else if (op == OP_min)
        mpfr_min(r, x[0], x[1], MPFR_RNDN);
    else
        mpfr_max(r, x[0], x[1], MPFR_RNDN);
}

static void clamp_of(mpfr_t r, mpfr_t *x) {
    bool low = mpfr_less_p(x[0], x[1]), high = mpfr_greater_p(x[0], x[2]);
    mpfr_set(r, low ? x[1] : high ? x[2] : x[0], MPFR_RNDN);
}

static void mul0_of(mpfr_t r, mpfr_t *x) {
    if (mpfr_zero_p(x[0]) || mpfr_zero_p(x[1]))
        mpfr_set_zero(r, 1);
    else
        mpfr_mul(r, x[0], x[1], MPFR_RNDN);
}

static void sign_of(mpfr_t r, const mpfr_t x) {
    if (mpfr_nan_p(x))
        mpfr_set_nan(r);
    else
        mpfr_set_si(r, mpfr_sgn(x), MPFR_RNDN);
}

static void relu_of(mpfr_t r, const mpfr_t x) {
    if (mpfr_nan_p(x) || mpfr_sgn(x) > 0)
        mpfr_set(r, x, MPFR_RNDN);
    else
        mpfr_set_zero(r, 1);
}

/* Functions of MPFR of one and of two arguments, by the names they have there. */
#define UNARY(X)                                                                                   \
    X(neg)                                                                                         \
    X(abs)                                                                                         \
    X(sqrt)                                                                                        \
    X(cbrt)                                                                                        \
    X(exp)                                                                                         \
    X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) \
        X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(erf) X(erfc)
#define ROUNDING(X) X(floor) X(ceil) X(round) X(trunc)
#define BINARY(X) X(add) X(sub) X(mul) X(div) X(atan2) X(pow) X(hypot)
#define OWN(X)                                                                                     \
    X(sign, sign_of(r, x[0]))                                                                      \
    X(relu, relu_of(r, x[0]))                                                                      \
    X(min, extreme_of(r, op, x))                                                                   \
    X(max, extreme_of(r, op, x))                                                                   \
    X(clamp, clamp_of(r, x))                                                                       \
    X(mul0, mul0_of(r, x))                                                                         \
    X(fma, mpfr_fma(r, x[0], x[1], x[2], MPFR_RNDN))                                               \
    X(select, mpfr_set(r, !mpfr_nan_p(x[0]) && mpfr_sgn(x[0]) > 0 ? x[1] : x[2], MPFR_RNDN))       \
    X(rem, mpfr_fmod(r, x[0], x[1], MPFR_RNDN))                                                    \
    X(lgamma, lgamma_of(r, x[0]))                                                                  \
    X(digamma, digamma_of(r, x[0]))                                                                \
    X(polygamma, polygamma_of(r, (int)mpfr_get_si(x[0], MPFR_RNDN), x[1]))                         \
    X(sigmoid, sigmoid_of(r, x[0]))                                                                \
    X(softplus, softplus_of(r, x[0]))                                                              \
    X(eq, mpfr_set_si(r, mpfr_equal_p(x[0], x[1]) != 0, MPFR_RNDN))                                \
    X(ne, mpfr_set_si(r, mpfr_equal_p(x[0], x[1]) == 0, MPFR_RNDN))                                \
    X(lt, mpfr_set_si(r, mpfr_less_p(x[0], x[1]) != 0, MPFR_RNDN))                                 \
    X(le, mpfr_set_si(r, mpfr_lessequal_p(x[0], x[1]) != 0, MPFR_RNDN))                            \
    X(gt, mpfr_set_si(r, mpfr_greater_p(x[0], x[1]) != 0, MPFR_RNDN))                              \
    X(ge, mpfr_set_si(r, mpfr_greaterequal_p(x[0], x[1]) != 0, MPFR_RNDN))                         \
    X(isnan, mpfr_set_si(r, mpfr_nan_p(x[0]) != 0, MPFR_RNDN))                                     \
    X(isfinite, mpfr_set_si(r, mpfr_number_p(x[0]) != 0, MPFR_RNDN))

/* False: this tool does not know the operation, which fails the run. */
static bool value_of(mpfr_t r, Op op, mpfr_t *x) {
    switch (op) {
#define ROW(name)                                                                                  \
    case OP_##name:                                                                                \
        mpfr_##name(r, x[0], MPFR_RNDN);                                                           \
        return true;
        UNARY(ROW)
#undef ROW
#define ROW(name)                                                                                  \
    case OP_##name:                                                                                \
        mpfr_##name(r, x[0]);                                                                      \
        return true;
        ROUNDING(ROW)
#undef ROW
#define ROW(name)                                                                                  \
    case OP_##name:                                                                                \
        mpfr_##name(r, x[0], x[1], MPFR_RNDN);                                                     \
        return true;
        BINARY(ROW)
#undef ROW
#define ROW(name, code)                                                                            \
    case OP_##name:                                                                                \
        code;                                                                                      \
        return true;
        OWN(ROW)
#undef ROW
    default:
        return false;
    }
}

/* ---- derivatives ---- */

/* The functions made of pieces, by the language's table; order 1. */
static bool piecewise(double *d, Op op, int k, const double *x) {
    switch (op) {
    case OP_abs:
        *d = x[0] > 0 ? 1 : x[0] < 0 ? -1 : 0;
        return true;
    case OP_sign:
    case OP_floor:
    case OP_ceil:
    case OP_round:
    case OP_trunc:
        *d = 0;
        return true;
    case OP_relu:
        *d = x[0] > 0;
        return true;
    case OP_min:
        *d = x[0] == x[1] ? 0.5 : x[k] < x[1 - k];
        return true;
    case OP_max:
        *d = x[0] == x[1] ? 0.5 : x[k] > x[1 - k];
        return true;
    case OP_select:
        *d = (x[0] > 0) == (k == 1);
        return true;
    case OP_clamp: { /* the lower bound comes first, also where it is the larger */
        bool low = x[0]<x[1], high = x[0]> x[2];
        *d = k == 0 ? !low && !high : k == 1 ? low : high && !low;
        return true;
    }
    default:
        return false;
    }
}

/* The length on which the function changes along operand k. */
static double length_scale(Op op, int k, const double *x) {
    double a = fabs(x[0]), b = fabs(x[1]), own = fabs(x[k]);
    switch (op) {
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_mul0:
    case OP_fma:
        return own > 1 ? own : 1;
    case OP_div:
        return k == 1 ? b : a > 1 ? a : 1;
    case OP_atan2:
        if (k == 0 && x[1] < 0) /* short of the cut */
            return a;
        return a > b ? a : b;
    case OP_hypot:
        return a > b ? a : b;
    case OP_pow:
        return k == 0 ? (a == 0 ? 1 : a / fmax(1, b)) : a == 0 ? 1 : 1 / fmax(1, fabs(log(a)));
    case OP_lgamma:
    case OP_digamma:
        return x[0] > 0 ? x[0] : fabs(x[0] - rint(x[0]));
    default:
        return own == 0 ? 1 : own < 1 ? own : 1;
    }
}

typedef struct Difference {
    Op op;
    mpfr_t at[3], h[3], term;
    const double *x;
    mpfr_exp_t largest;
    bool broken; /* a value that is no number, or outside of the domain */
} Difference;

/* r += weight * f(x + i h_j + k h_k) */
static void add_value(Difference *d, mpfr_t r, int weight, int j, int i, int k, int m) {
    for (int t = 0; t < 3; t++)
        mpfr_set_d(d->at[t], d->x[t], MPFR_RNDN);
    mpfr_mul_si(d->term, d->h[j], i, MPFR_RNDN);
    mpfr_add(d->at[j], d->at[j], d->term, MPFR_RNDN);
    mpfr_mul_si(d->term, d->h[k], m, MPFR_RNDN);
    mpfr_add(d->at[k], d->at[k], d->term, MPFR_RNDN);
    value_of(d->term, d->op, d->at);
    mpfr_mul_si(d->term, d->term, weight, MPFR_RNDN);
    d->broken |= !mpfr_number_p(d->term);
    if (mpfr_regular_p(d->term) && mpfr_get_exp(d->term) > d->largest)
        d->largest = mpfr_get_exp(d->term);
    mpfr_add(r, r, d->term, MPFR_RNDN);
}

static void difference_at(Difference *d, mpfr_t r, Quantity q) {
    int j = q.first, k = q.second;
    add_value(d, r, 1, j, 0, k, 0); /* a pole has no derivative */
    mpfr_set_zero(r, 1);
    if (q.order == 1) {
        add_value(d, r, 1, j, 1, j, 0);
        add_value(d, r, -1, j, -1, j, 0);
        mpfr_div(r, r, d->h[j], MPFR_RNDN);
        mpfr_div_ui(r, r, 2, MPFR_RNDN);
    } else if (j == k) {
        add_value(d, r, 1, j, 1, j, 0);
        add_value(d, r, -2, j, 0, j, 0);
        add_value(d, r, 1, j, -1, j, 0);
        mpfr_div(r, r, d->h[j], MPFR_RNDN);
        mpfr_div(r, r, d->h[j], MPFR_RNDN);
    } else {
        for (int s = 0; s < 4; s++)
            add_value(d, r, s == 1 || s == 2 ? -1 : 1, j, s & 1 ? -1 : 1, k, s & 2 ? -1 : 1);
        mpfr_div(r, r, d->h[j], MPFR_RNDN);
        mpfr_div(r, r, d->h[k], MPFR_RNDN);
        mpfr_div_ui(r, r, 4, MPFR_RNDN);
    }
}

/* With that many bits; false when they leave too few. */
static bool difference_with(mpfr_prec_t bits, mpfr_t out, Op op, Quantity q, const double *x,
                            bool *broken) {
    Difference d = {.op = op, .x = x, .largest = mpfr_get_emin()};
    mpfr_t r;
    mpfr_inits2(bits, d.at[0], d.at[1], d.at[2], d.h[0], d.h[1], d.h[2], d.term, r, (mpfr_ptr)0);
    mpfr_exp_t steps = 0;
    for (int t = 0; t < 3; t++) {
        mpfr_set_d(d.h[t], t < op_info[op].arity ? length_scale(op, t, x) : 1.0, MPFR_RNDN);
        mpfr_div_2ui(d.h[t], d.h[t], STEP_BITS, MPFR_RNDN);
        d.broken |= !mpfr_regular_p(d.h[t]);
    }
    if (!d.broken) {
        steps = mpfr_get_exp(d.h[q.first]) - 1;
        steps += q.order == 2 ? mpfr_get_exp(d.h[q.second]) - 1 : 0;
        difference_at(&d, r, q);
    }
    *broken = d.broken;
    mpfr_exp_t kept = mpfr_regular_p(r) ? bits + mpfr_get_exp(r) + steps - d.largest : 0;
    /* below every double, whatever its digits are */
    bool vanishes = d.largest + 8 - bits - steps < -1300;
    if (!d.broken && vanishes && kept <= GOOD_BITS)
        mpfr_set_zero(r, 1);
    mpfr_set(out, r, MPFR_RNDN);
    mpfr_clears(d.at[0], d.at[1], d.at[2], d.h[0], d.h[1], d.h[2], d.term, r, (mpfr_ptr)0);
    return *broken || vanishes || kept > GOOD_BITS;
}

static Answer difference(mpfr_t out, Op op, Quantity q, const double *x) {
    mpfr_prec_t needed = 400 + q.order * STEP_BITS, bits = needed;
    bool broken = false;
    for (int k = 0; k < op_info[op].arity; k++)
        if (x[k] != 0 && bits < needed + abs(ilogb(x[k])))
            bits = needed + abs(ilogb(x[k]));
    while (!difference_with(bits, out, op, q, x, &broken)) {
        if (bits > MOST_BITS)
            return ANSWER_unknown;
        bits += 600;
    }
    return broken ? ANSWER_unknown : ANSWER_number;
}

/* ---- limits ---- */

static bool same(double a, double b) {
    return isnan(b) ? isnan(a) : a == b;
}

/* Zeros of either sign are one point here; `any` stands for NaN in the table of limits. */
static bool limit(mpfr_t out, Op op, Quantity q, const double *x) {
    static const struct {
        Op op;
        Quantity q;
        double x, y, want;
    } rows[] = {
#define EDGE(op, order, j, k, x, y, want) {OP_##op, {order, j, k}, x, y, want},
#include "edges.def"
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool match = rows[i].op == op && rows[i].q.order == q.order && rows[i].q.first == q.first &&
                     rows[i].q.second == q.second && same(x[0], rows[i].x) &&
                     (op_info[op].arity == 1 || same(x[1], rows[i].y));
        if (match) {
            mpfr_set_d(out, rows[i].want, MPFR_RNDN);
            return true;
        }
    }
    return false;
}

/* d/dy of x % y: the quotient, exactly. */
static void quotient(mpfr_t out, const double *x) {
    mpfr_t a, b;
    mpfr_init2(a, 2200);
    mpfr_init2(b, 53);
    mpfr_set_d(a, x[0], MPFR_RNDN);
    mpfr_set_d(b, x[1], MPFR_RNDN);
    mpfr_div(a, a, b, MPFR_RNDZ);
    mpfr_trunc(a, a);
    mpfr_neg(out, a, MPFR_RNDN);
    mpfr_clears(a, b, (mpfr_ptr)0);
}

/* The powers that its rules take beyond the range; or y - 1 rounded, so that it is not odd where y
 * is even. */
static bool power_leaves_range(Quantity q, const double *x, bool narrow) {
    double factor = pow(fabs(x[0]), x[1] - q.order);
    return factor > (narrow ? (double)FLT_MAX : DBL_MAX) ||
           (x[0] < 0 && fabs(x[1]) > (narrow ? 0x1p23 : 0x1p52));
}

/* Close to a singularity at zero, and far out, the powers of x that second derivatives are made of
 * are beyond the range of the width: what rules give there is 0, infinite or NaN. `half` is half of
 * the exponents. */
static bool leaves_range(Op op, Quantity q, const double *x, bool narrow) {
    int half = narrow ? 60 : 500;
    double least = ldexp(1, -half), most = ldexp(1, half);
    if (op == OP_pow && (fabs(x[0]) < ldexp(least, 2 - half) || power_leaves_range(q, x, narrow)))
        return true;
    if (op == OP_atan2 && hypot(x[0], x[1]) > (narrow ? (double)FLT_MAX : DBL_MAX))
        return true;
    if (q.order == 1 && op != OP_atan && op != OP_hypot)
        return false;
    if (q.order == 2 && op == OP_atan) /* a fourth power */
        most = ldexp(1, half / 2);
    for (int k = 0; k < op_info[op].arity; k++)
        if (fabs(x[k]) > most)
            return true;
    switch (op) {
    case OP_pow:
        return fabs(x[0]) < least;
    case OP_div: /* x/y/y/y, where x/y is subnormal */
        return fabs(x[1]) < least || (x[0] != 0 && fabs(x[0]) < least);
    case OP_hypot:
    case OP_atan2:
        return fmax(fabs(x[0]), fabs(x[1])) < least;
    default:
        return false;
    }
}

/* Zeros where differences from both sides meet something else: the cut of atan2, the cusp of cbrt,
 * and the square root of -0, whose rule has the sign of that zero. */
static bool is_singular(Op op, Quantity q, const double *x) {
    return (op == OP_atan2 && x[0] == 0 && x[1] <= 0) ||
           (op == OP_cbrt && q.order == 2 && x[0] == 0) ||
           (op == OP_sqrt && x[0] == 0 && signbit(x[0]));
}

static Answer remainder_derivative(mpfr_t out, Quantity q, const double *x) {
    if (x[1] == 0 || fabs(x[0] / x[1]) >= 0x1p22) /* beyond: a quotient of the width may round */
        return ANSWER_unknown;
    if (q.order == 1 && q.first == 1)
        quotient(out, x);
    else
        mpfr_set_ui(out, q.order == 1, MPFR_RNDN);
    return ANSWER_number;
}

static Answer derivative(mpfr_t out, Op op, Quantity q, const double *x, bool narrow) {
    double d;
    bool finite = true, nan = false;
    int arity = op_info[op].arity;
    for (int k = 0; k < arity; k++) {
        finite = finite && isfinite(x[k]);
        nan = nan || isnan(x[k]);
    }
    if (is_singular(op, q, x))
        return ANSWER_unknown;
    if (limit(out, op, q, x))
        return ANSWER_number;
    if (!nan && piecewise(&d, op, q.first, x)) {
        mpfr_set_d(out, q.order == 1 ? d : 0, MPFR_RNDN);
        return ANSWER_number;
    }
    if (nan && arity == 1 && op != OP_neg && !piecewise(&d, op, 0, x)) {
        mpfr_set_nan(out);
        return ANSWER_number;
    }
    if (!finite || piecewise(&d, op, q.first, x) || leaves_range(op, q, x, narrow))
        return ANSWER_unknown;
    return op == OP_rem ? remainder_derivative(out, q, x) : difference(out, op, q, x);
}

Answer reference(mpfr_t out, Op op, Quantity q, const double *x, bool narrow) {
    mpfr_t at[3];
    bool known = true;
    if (op == OP_polygamma && q.order > 0) { /* its derivatives are polygammas */
        mpfr_init2(at[0], 200);
        mpfr_set_d(at[0], x[1], MPFR_RNDN);
        polygamma_of(out, (int)x[0] + q.order, at[0]);
        mpfr_clear(at[0]);
        return ANSWER_number;
    }
    if (q.order > 0)
        return derivative(out, op, q, x, narrow);
    for (int k = 0; k < 3; k++) {
        mpfr_init2(at[k], 53);
        mpfr_set_d(at[k], x[k], MPFR_RNDN);
    }
    known = value_of(out, op, at);
    for (int k = 0; k < 3; k++)
        mpfr_clear(at[k]);
    if (!known)
        mpfr_set_str(out, "1e999999", 10, MPFR_RNDN); /* no code agrees with this */
    return ANSWER_number;
}

/* Note [Units]
 * Where terms cancel, an error is measured in units of the last place of the largest of them:
 * between its poles on the negative axis the gamma family has zeros that no formula by reflection
 * keeps the digits of; and rules that use the function's value, 1 - y*y and y + 1, are as exact as
 * that is beside 1, as are second derivatives that go through zero. */
double reference_unit(Op op, Quantity q, const double *x, bool narrow) {
    if (op == OP_pow &&
        q.order >
            0) { /* y (y - 1) x**(y - 2), the last factor subnormal; x**(y - 1) (1 + y log x) */
        double least = (narrow ? (double)FLT_MIN : DBL_MIN) * fmax(1, x[1] * x[1]);
        return q.order == 2 && q.first != q.second ? fmax(least, pow(fabs(x[0]), x[1] - 1)) : least;
    }
    if ((op == OP_atan2 || op == OP_hypot) && q.order == 2)
        return pow(hypot(x[0], x[1]), op == OP_hypot ? -1 : -2);
    bool from_value = op == OP_tanh || op == OP_expm1;
    bool crosses = op == OP_asin || op == OP_acos || op == OP_atanh || op == OP_sigmoid;
    if ((from_value && q.order > 0) || (crosses && q.order == 2))
        return 1;
    double at = op == OP_polygamma ? x[1] : x[0];
    if ((op == OP_digamma || op == OP_polygamma || (op == OP_lgamma && q.order > 0)) && at < 0) {
        int n = (op == OP_polygamma ? (int)x[0] : op == OP_lgamma ? -1 : 0) + q.order;
        double f = at - rint(at);
        return n == 0 ? 1 / fabs(f) + log(1 - at) : tgamma(n + 1) * pow(fabs(f), -n - 1);
    }
    return 0;
}
