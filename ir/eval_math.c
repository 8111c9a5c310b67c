/* The scalar meaning of elementwise operations; see eval_math.h. Pure functions, called by folding
 * and by the interpreter. */
#include "ir/eval_math.h"

#include <math.h>

double eval_min(double x, double y) {
    if (isnan(x) || isnan(y)) {
        return NAN;
    }
    return x < y || (x == y && signbit(x)) ? x : y;
}

double eval_max(double x, double y) {
    if (isnan(x) || isnan(y)) {
        return NAN;
    }
    return x > y || (x == y && !signbit(x)) ? x : y;
}

double eval_sign(double x) {
    return isnan(x) ? x : (double)((x > 0) - (x < 0));
}

double eval_clamp(double x, double lo, double hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

double eval_mul0(double x, double y) {
    return x == 0 || y == 0 ? 0 : x * y;
}

double eval_relu(double x) {
    return x <= 0 ? 0.0 : x;
}

double eval_sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1.0) / (1.0 + e);
}

double eval_softplus(double x) {
    return (x > 0 ? x : x < 0 ? 0.0 : x) + log1p(exp(-fabs(x)));
}

double eval_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign); /* lgamma itself writes a global */
}

/* ---- polygamma ---- */

#define MOST_ORDER 60

/* d^n/dx^n of pi*cot(pi x) = pi^(n+1) P_n(c), c = cot(pi x), with P_0 = c and P_k+1 = -(1 + c^2)
 * P_k'. */
static double cot_derivative(int n, double x) {
    double p[MOST_ORDER + 2] = {0, 1};
    for (int k = 0; k < n; k++) {
        double d[MOST_ORDER + 2] = {0};
        for (int i = 0; i <= k; i++) {
            d[i] = (i + 1) * p[i + 1];
        }
        for (int i = k + 2; i >= 0; i--) {
            p[i] = -(d[i] + (i >= 2 ? d[i - 2] : 0.0));
        }
    }
    double fraction = x - rint(x); /* exact, so that it is right next to a pole */
    double c = fabs(fraction) == 0.5 ? 0.0 : 1.0 / tan(M_PI * fraction);
    double sum = p[n + 1];
    for (int i = n; i >= 0; i--) {
        sum = sum * c + p[i];
    }
    return pow(M_PI, n + 1) * sum;
}

/* Asymptotic series, for x well above n (DLMF 5.11.2 and its derivatives, 5.15.9):
 * psi(x) ~ log x - 1/2x - sum B_2k / (2k x^2k),
 * (-1)^(n+1) psi_n(x) ~ (n-1)!/x^n + n!/(2 x^(n+1)) + sum B_2k (2k+n-1)!/((2k)! x^(2k+n)). */
static double polygamma_large(int n, double x) {
    static const double bernoulli[] = {
        1.0 / 6,       -1.0 / 30,       1.0 / 42,       -1.0 / 30,
        5.0 / 66,      -691.0 / 2730,   7.0 / 6,        -3617.0 / 510,
        43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730,
        8553103.0 / 6,
    };
    int terms = (int)(sizeof bernoulli / sizeof bernoulli[0]);
    double factorial = tgamma(n == 0 ? 1.0 : (double)n); /* (n-1)! */
    double inv2 = 1.0 / (x * x), sum = 0;
    /* f_k = (2k+n-1)! / ((2k)! x^2k (n-1)!), with (n-1)! taken as 1 for n = 0 */
    double f = n == 0 ? 0.5 * inv2 : 0.5 * n * (n + 1) * inv2;
    double parts[16];
    for (int k = 1; k <= terms; k++) {
        parts[k - 1] = bernoulli[k - 1] * f;
        f *= (2.0 * k + n) * (2.0 * k + n + 1) / ((2.0 * k + 1) * (2.0 * k + 2)) * inv2;
    }
    for (int k = terms - 1; k >= 0; k--) {
        sum += parts[k];
    }
    if (n == 0) {
        return log(x) - 0.5 / x - sum;
    }
    double value = factorial * pow(x, -n) * (1.0 + 0.5 * n / x + sum);
    return n % 2 ? value : -value;
}

/* psi(x)/(x - root) on [1, 2] in powers of x - 3/2, as in codegen/vecmath_gamma.c: there the root
 * is a factor, so that small values keep their digits; psi(z) = psi(z + 1) - 1/z leads there from
 * (0, 10). */
static double digamma_small(double y) {
    static const double quotient[] = {
        0x1.e6f0cbb873616p-1,   -0x1.b1cb63005ee98p-2,  0x1.eca189b8e6f6dp-3,
        -0x1.2feeeb98a78eap-3,  0x1.8512e5903903ep-4,   -0x1.fb44202a2306bp-5,
        0x1.4de9aa1779d23p-5,   -0x1.b9f8b11bfd3d0p-6,  0x1.2564717896ec6p-6,
        -0x1.863563f44f303p-7,  0x1.03c0adafa529cp-7,   -0x1.5a06a5d662cb4p-8,
        0x1.cd2011454fd05p-9,   -0x1.336dbe66757c8p-9,  0x1.99d3f5c0cad5ep-10,
        -0x1.0fb38d217b800p-10, 0x1.6a3e76070c135p-11,  -0x1.fd8e50abf2196p-12,
        0x1.53b23429da21bp-12,  -0x1.2fae5cb379bf2p-13, 0x1.94e73cc9821e1p-14,
        -0x1.75c084e78a4cdp-13, 0x1.f255c4568ac4dp-14,
    };
    double z = y, sum = 0, value = 0;
    for (; z > 2; sum += 1 / z) {
        z -= 1;
    }
    if (z < 1) {
        sum = -1 / z;
        z += 1;
    }
    for (int k = (int)(sizeof quotient / sizeof *quotient) - 1; k >= 0; k--) {
        value = value * (z - 1.5) + quotient[k];
    }
    return (z - 0x1.762d86356be3fp+0 - 0x1.b86a722197829p-54) * value + sum;
}

double eval_polygamma(double order, double x) {
    if (isnan(order) || isnan(x) || order < 0 || order > MOST_ORDER || order != floor(order)) {
        return NAN;
    }
    int n = (int)order;
    if (x <= 0 && x == floor(x)) {
        return n % 2 && !isinf(x) ? INFINITY : NAN; /* poles */
    }
    if (x < 0) { /* (-1)^n psi_n(1-x) - psi_n(x) = d^n/dx^n pi cot(pi x) */
        double mirrored = eval_polygamma(order, 1.0 - x);
        return (n % 2 ? -mirrored : mirrored) - cot_derivative(n, x);
    }
    if (isinf(x)) {
        return n == 0 ? x : n % 2 ? 0.0 : -0.0;
    }
    if (n == 0 && x < 10) {
        return digamma_small(x);
    }
    /* psi_n(x) = psi_n(x+1) - (-1)^n n!/x^(n+1) */
    double factorial = tgamma(n + 1.0), shifted = 0;
    for (double least = 14.0 + n; x < least; x += 1.0) {
        shifted += n == 0 ? 1.0 / x : pow(x, -(n + 1));
    }
    double tail = polygamma_large(n, x);
    return n % 2 ? tail + factorial * shifted : tail - factorial * shifted;
}

/* ---- the rows of ops.def ---- */

#define EW(name, n, class, builtin, cost, pole, eval, ...)                                         \
    static double row_##name(double x, double y, double z) {                                       \
        (void)x, (void)y, (void)z;                                                                 \
        return (double)(eval);                                                                     \
    }
#include "ir/ops.def"
#undef EW

EvalFn *eval_function(Op op) {
    static EvalFn *const rows[] = {
#define EW(name, ...) row_##name,
#include "ir/ops.def"
#undef EW
    };
    return rows[op];
}

/* ---- integers ---- */

int64_t eval_wrap(Scalar elem, int64_t x) {
    switch (elem) {
    case S_bool:
        return x != 0;
    case S_i32:
        return (int32_t)(uint32_t)(uint64_t)x;
    default:
        return x;
    }
}

int64_t eval_float_to_int(Scalar elem, double x) {
    if (isnan(x)) {
        return 0;
    }
    if (elem == S_bool) {
        return x != 0;
    }
    double lowest = elem == S_i32 ? -0x1p31 : -0x1p63;
    int64_t low = elem == S_i32 ? INT32_MIN : INT64_MIN,
            high = elem == S_i32 ? INT32_MAX : INT64_MAX;
    double truncated = trunc(x);
    return truncated <= lowest ? low : truncated >= -lowest ? high : (int64_t)truncated;
}

static bool divide(Op op, int64_t x, int64_t y, int64_t *result) {
    if (y == 0) {
        return false;
    }
    if (y == -1) { /* the most negative number has no positive twin: it wraps */
        *result = op == OP_div ? (int64_t)(0 - (uint64_t)x) : 0;
    } else {
        *result = op == OP_div ? x / y : x % y;
    }
    return true;
}

bool eval_integer(Op op, Scalar elem, int64_t x, int64_t y, int64_t z, int64_t *result) {
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
    int64_t r = 0;
    switch (op) {
    case OP_add:
        r = (int64_t)(ux + uy);
        break;
    case OP_sub:
        r = (int64_t)(ux - uy);
        break;
    case OP_mul:
        r = (int64_t)(ux * uy);
        break;
    case OP_div:
    case OP_rem:
        if (!divide(op, x, y, &r)) {
            return false;
        }
        break;
    case OP_neg:
        r = (int64_t)(0 - ux);
        break;
    case OP_xor:
        r = (int64_t)(ux ^ uy);
        break;
    case OP_abs:
        r = x < 0 ? (int64_t)(0 - ux) : x;
        break;
    case OP_sign:
        r = (x > 0) - (x < 0);
        break;
    case OP_min:
        r = x < y ? x : y;
        break;
    case OP_max:
        r = x > y ? x : y;
        break;
    case OP_clamp:
        r = x < y ? y : x > z ? z : x;
        break;
    case OP_select:
        r = x ? y : z;
        break;
    case OP_eq:
        *result = x == y;
        return true;
    case OP_ne:
        *result = x != y;
        return true;
    case OP_lt:
        *result = x < y;
        return true;
    case OP_le:
        *result = x <= y;
        return true;
    case OP_gt:
        *result = x > y;
        return true;
    case OP_ge:
        *result = x >= y;
        return true;
    case OP_and:
        *result = x && y;
        return true;
    case OP_or:
        *result = x || y;
        return true;
    case OP_not:
        *result = !x;
        return true;
    default:
        return false;
    }
    *result = eval_wrap(elem, r);
    return true;
}
