/* Measures the elementary functions that compiled programs use, and holds them to
 * codegen/vecmath.def.
 *
 * Every function is compiled for the scalar and for several vector lengths of both precisions, run
 * on a sample of the number line and on special values, and compared with libm in the next wider
 * precision. Prints a table of the largest errors in units in the last place; exits 1 when one is
 * over its bound.
 *
 *     vecmath_ulp [--target TRIPLE] [--cpu NAME] [--calls never|always] [--libm] [--only FUNCTION]
 *                 [--quick | --exhaustive | --stride N] [--bench] [--asm | --object FILE]
 *                 [--through COMMAND]
 *
 * RUN: %unit -I %S/Inputs %s %S/Inputs/vecmath_maps.c -o %t %libbpc
 * RUN: %if asan %{ %t --quick %} %else %{ %t %}
 * RUN: %if !asan %{ %t --quick --cpu haswell %}
 * RUN: %if !asan %{ %t --quick --cpu x86-64 %}
 * RUN: %t --quick --calls always
 * RUN: %if !asan %{ %t --quick --calls never %}
 * RUN: %if !asan %{ %t --quick --libm %}
 */
#include "vecmath_maps.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 4096 };

typedef struct Options {
    MapOptions maps;
    const char *object;  /* write this file, and be done */
    const char *through; /* the command of a process that answers for the functions */
    uint64_t stride;     /* between the bits of the floats tried */
    bool exhaustive, quick, bench;
} Options;

typedef struct Harness {
    Options options;
    Maps maps;
    int failures;
} Harness;

void die(const char *what, const char *why) {
    fprintf(stderr, "vecmath_ulp: %s: %s\n", what, why ? why : "");
    exit(2);
}

/* References, one wider. */

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static long double sigmoidl(long double x) {
    return 1 / (1 + expl(-x));
}

static double gauss(double x) {
    return exp(-x * x);
}

static long double gaussl(long double x) {
    long double square = x * x;
    return square > 1000 ? 0 : expl(-square) * (1 - fmal(x, x, -square));
}

static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static long double softplusl(long double x) {
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

/* psi by recurrence and the asymptotic series; next to its positive root, where that cancels, by
 * Taylor. */
static long double digammal(long double x) {
    static const long double taylor[] = {
        0.9676722454476211704274448L,  -0.4427631689835921060928653L,
        0.2584997609556510106244014L,  -0.1639427054424065275042513L,
        0.1078240506912623657571829L,  -0.07219956125645471092612178L,
        0.04880428816414310722509253L, -0.0331611264748473592922584L,
        0.02259764823221810465962483L, -0.01542476590494895913880032L,
        0.01053879161661217538812405L, -0.007204534386356868240970474L,
    };
    if (x <= 0)
        return x == floorl(x) ? (long double)NAN
                              : digammal(1 - x) -
                                    (long double)M_PIl / tanl((long double)M_PIl * (x - rintl(x)));
    long double d = x - 0x1.762d86356be3fp+0L - 0x1.b86a722197829p-54L, sum = 0;
    if (fabsl(d) < 0.03L) {
        for (int k = 11; k >= 0; k--)
            sum = (sum + taylor[k]) * d;
        return sum;
    }
    for (; x < 40; x += 1)
        sum += 1 / x;
    long double q = 1 / (x * x);
    long double tail =
        q * (1 / 12.0L - q * (1 / 120.0L - q * (1 / 252.0L - q * (1 / 240.0L - q / 132))));
    return logl(x) - 0.5L / x - tail - sum;
}

static double digamma(double x) {
    return (double)digammal((long double)x);
}

/* Hurwitz's zeta, integer s >= 2: many terms one by one, then some of Euler and Maclaurin. */
static long double zetal(long double s, long double z) {
    static const long double bernoulli[] = {1 / 12.0L, -1 / 720.0L, 1 / 30240.0L, -1 / 1209600.0L,
                                            1 / 47900160.0L};
    long double sum = 0, series = 0;
    for (; z < 60 + s; z += 1)
        sum += powl(z, -s);
    long double rising = s / z;
    for (int k = 0; k < 5; k++) {
        series += rising * bernoulli[k];
        rising *= (s + 2 * k + 1) / z * ((s + 2 * k + 2) / z);
    }
    return sum + powl(z, 1 - s) * (1 / (s - 1) + (0.5L + series) / z);
}

static double zeta(double s, double z) {
    return (double)zetal((long double)s, (long double)z);
}

static long double polygammal(long double n, long double x) {
    long double sign = fmodl(n, 2) != 0 ? 1 : -1, s = n + 1, value;
    if (x > 0) {
        value = zetal(s, x);
    } else {
        long double f = x - rintl(x);
        if (f == 0)
            return sign > 0 ? (long double)INFINITY : (long double)NAN;
        value = powl(f, -s) + zetal(s, 1 + f) + sign * (zetal(s, 1 - f) - zetal(s, 1 - x));
    }
    return sign * tgammal(s) * value;
}

static double polygamma(double n, double x) {
    return (double)polygammal((long double)n, (long double)x);
}

#define UNARY_FUNCTIONS(X)                                                                         \
    X(exp)                                                                                         \
    X(exp2)                                                                                        \
    X(expm1)                                                                                       \
    X(log)                                                                                         \
    X(log2)                                                                                        \
    X(log10)                                                                                       \
    X(log1p)                                                                                       \
    X(sin)                                                                                         \
    X(cos)                                                                                         \
    X(tan)                                                                                         \
    X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(erf) X(erfc)      \
        X(gauss) X(lgamma) X(cbrt) X(sigmoid) X(softplus) X(digamma)
#define BINARY_FUNCTIONS(X) X(atan2) X(pow) X(hypot) X(zeta) X(polygamma)

static double reference32(MathFn fn, double a, double b) {
    switch (fn) {
#define ROW(name)                                                                                  \
    case MATH_##name:                                                                              \
        return name(a);
        UNARY_FUNCTIONS(ROW)
#undef ROW
#define ROW(name)                                                                                  \
    case MATH_##name:                                                                              \
        return name(a, b);
        BINARY_FUNCTIONS(ROW)
#undef ROW
    default:
        return 0;
    }
}

static long double reference64(MathFn fn, long double a, long double b) {
    switch (fn) {
#define ROW(name)                                                                                  \
    case MATH_##name:                                                                              \
        return name##l(a);
        UNARY_FUNCTIONS(ROW)
#undef ROW
#define ROW(name)                                                                                  \
    case MATH_##name:                                                                              \
        return name##l(a, b);
        BINARY_FUNCTIONS(ROW)
#undef ROW
    default:
        return 0;
    }
}

/* Errors. */

/* |got - want| in units of the last place of want, as a float (fraction 23) or double (52).
 * Infinity counts as the first number too large, so that the largest finite number is one unit from
 * it. */
static double ulp_error(long double got, long double want, int fraction, int min_exponent,
                        int max_exponent) {
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want) ? 0 : INFINITY;
    long double top = ldexpl(1, max_exponent);
    got = fmaxl(-top, fminl(top, got));
    want = fmaxl(-top, fminl(top, want));
    if (got == want)
        return 0;
    int exponent;
    frexpl(want, &exponent);
    exponent = exponent - 1 < min_exponent ? min_exponent : exponent - 1;
    if (want == 0)
        exponent = min_exponent;
    return (double)ldexpl(fabsl(got - want), fraction - exponent);
}

typedef struct Worst {
    double ulp;
    double a, b, got;
} Worst;

static void note_error(Worst *worst, double ulp, double a, double b, double got) {
    if (ulp > worst->ulp)
        *worst = (Worst){ulp, a, b, got};
}

/* The gamma family on the negative axis has zeros between its poles where no formula by reflection
 * keeps digits: there the error is measured in units of the terms that cancel. Returns the exponent
 * of the least result that counts by its own size. */
static int least_exponent(MathFn fn, double a, double b) {
    if ((fn == MATH_lgamma || fn == MATH_digamma) && a < 0)
        return 4;
    if (fn == MATH_polygamma) /* n! multiplies what may have been subnormal */
        return (int)((b < 0 ? a + 1 : -1022) + log2(tgamma(a + 1)));
    return -10000;
}

static double lane_error(MathFn fn, bool f32, double a, double b, double got, long double want) {
    int smallest = f32 ? -126 : -1022, least = least_exponent(fn, a, b);
    if (least < smallest) {
        least = smallest;
        if (want == 0 && !isnan(got) && !signbit(got) != !signbit(want))
            return INFINITY;
    }
    return ulp_error((long double)got, want, f32 ? 23 : 52, least, f32 ? 128 : 1024);
}

static void check_block32(Harness *h, MathFn fn, const float *a, const float *b, Worst *worst) {
    static double want[BLOCK];
    static float y[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        want[i] = reference32(fn, (double)a[i], (double)b[i]);
    for (int w = 0; w < WIDTHS; w++) {
        maps_call(&h->maps, fn, true, w, y, a, b, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            double x = (double)a[i], z = (double)b[i], got = (double)y[i];
            note_error(&worst[w], lane_error(fn, true, x, z, got, (long double)want[i]), x, z, got);
        }
    }
}

static void check_block64(Harness *h, MathFn fn, const double *a, const double *b, Worst *worst) {
    static long double want[BLOCK];
    static double y[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        want[i] = reference64(fn, (long double)a[i], (long double)b[i]);
    for (int w = 0; w < WIDTHS; w++) {
        maps_call(&h->maps, fn, false, w, y, a, b, BLOCK);
        for (int i = 0; i < BLOCK; i++)
            note_error(&worst[w], lane_error(fn, false, a[i], b[i], y[i], want[i]), a[i], b[i],
                       y[i]);
    }
}

/* Arguments. */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A quarter each: any bits; uniform in [-12, 12]; magnitudes 2^-64 to 2^12; close to an integer or
 * a half. */
static double random_argument(uint64_t *state) {
    uint64_t bits = next_random(state), kind = bits & 3;
    double unit = (double)(bits >> 11) * 0x1p-53, sign = bits & 4 ? 1 : -1, x;
    uint64_t more = next_random(state);
    switch (kind) {
    case 0:
        memcpy(&x, &more, sizeof x);
        return x;
    case 1:
        return sign * 12 * unit;
    case 2:
        return sign * ldexp(1 + unit, (int)(more % 76) - 64);
    default:
        return sign * (0.5 * (double)(more % 8) + ldexp(unit - 0.5, -(int)(more >> 8 & 31)));
    }
}

static const double specials[] = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    INFINITY,
    -INFINITY,
    (double)NAN,
    FLT_MIN,
    -FLT_MIN,
    FLT_TRUE_MIN,
    -FLT_TRUE_MIN,
    FLT_MAX,
    -FLT_MAX,
    DBL_MIN,
    -DBL_MIN,
    DBL_TRUE_MIN,
    -DBL_TRUE_MIN,
    DBL_MAX,
    -DBL_MAX,
    0x1.fffffep-127,
    0x1.fffffffffffffp-1023,
    1 + 0x1p-23,
    1 - 0x1p-24,
    1 + 0x1p-52,
    1 - 0x1p-53,
    -1 + 0x1p-24,
    -1 + 0x1p-53,
    -1 - 0x1p-23,
    -1 - 0x1p-52,
    88.722839,
    88.72284,
    -87.33655,
    -103.97208,
    -103.97209,
    -104.5,
    128,
    127.99999,
    -126,
    -149,
    -150,
    -151,
    709.782712893384,
    709.7827128933841,
    -708.3964185322641,
    -745.1332191019411,
    -745.1332191019412,
    1024,
    -1022,
    -1074,
    -1075,
    -1076,
    0x1p60,
    1e10,
    1e20,
    1e30,
    1e300,
    -1e10,
    -1e20,
    -1e30,
    -1e300,
    0x1p-30,
    -0x1p-30,
    10,
    20,
    40,
    -10,
    -20,
    -40,
    26.5,
    27.3,
    9.19,
    10.05,
    10.06,
    1.5,
    -1.5,
    0.25,
    -0.25,
    4,
    5,
    6,
    7,
    8,
    9,
    100,
    1000,
    3.141592653589793,
    1.5707963267948966,
};
enum { SPECIALS = sizeof specials / sizeof *specials };

/* Functions of an order take small integers there, and zeta no negative argument. */
static bool has_order(MathFn fn) {
    return fn == MATH_zeta || fn == MATH_polygamma;
}

static void shape_arguments(MathFn fn, double *a, double *b) {
    if (!has_order(fn))
        return;
    int exponent;
    double fraction = isnormal(*a) ? fabs(frexp(*a, &exponent)) : 0.5;
    *a = floor(fraction * 14) - 6 + (fn == MATH_zeta);
    if (fn == MATH_zeta)
        *b = fabs(*b);
}

/* Every special value, or every pair of them. */
static void special_block(MathFn fn, long at, double *a, double *b) {
    for (long i = 0; i < BLOCK; i++) {
        a[i] = specials[(at + i) % SPECIALS];
        b[i] = specials[(at + i) / SPECIALS % SPECIALS];
        shape_arguments(fn, &a[i], &b[i]);
    }
}

static void random_block(MathFn fn, uint64_t *state, double *a, double *b) {
    for (int i = 0; i < BLOCK; i++) {
        a[i] = random_argument(state);
        b[i] = random_argument(state);
        shape_arguments(fn, &a[i], &b[i]);
    }
}

static void check_doubles(Harness *h, MathFn fn, bool f32, const double *a, const double *b,
                          Worst *worst) {
    static float a32[BLOCK], b32[BLOCK];
    if (!f32) {
        check_block64(h, fn, a, b, worst);
        return;
    }
    for (int i = 0; i < BLOCK; i++) {
        a32[i] = (float)a[i];
        b32[i] = (float)b[i];
    }
    check_block32(h, fn, a32, b32, worst);
}

static void run_samples(Harness *h, MathFn fn, bool f32, Worst *worst) {
    static double a[BLOCK], b[BLOCK];
    long points = vecmath_arity(fn) == 1 ? SPECIALS : (long)SPECIALS * SPECIALS;
    for (long at = 0; at < points; at += BLOCK) {
        special_block(fn, at, a, b);
        check_doubles(h, fn, f32, a, b, worst);
    }
    uint64_t state = 2;
    long blocks = h->options.exhaustive ? 20000 : has_order(fn) || h->options.quick ? 4 : 30;
    for (long n = 0; n < blocks; n++) {
        random_block(fn, &state, a, b);
        check_doubles(h, fn, f32, a, b, worst);
    }
}

/* Floats of one argument in the order of their bits: all of them, or every so manieth. */
static void run_line32(Harness *h, MathFn fn, Worst *worst) {
    static float a[BLOCK];
    uint64_t stride = h->options.stride; /* odd: low bits vary too */
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
        for (int i = 0; i < BLOCK; i++, bits += stride) {
            uint32_t pattern = (uint32_t)bits;
            memcpy(&a[i], &pattern, sizeof pattern);
        }
        check_block32(h, fn, a, a, worst);
    }
}

static void report(Harness *h, MathFn fn, bool f32, const Worst *worst) {
    double bound = vecmath_max_ulp(fn, f32);
    bool own = vecmath_is_vectorised(fn);
    printf("%-9s %s %-6s %6.2f |", vecmath_name(fn), f32 ? "f32" : "f64", own ? "vector" : "scalar",
           bound);
    const Worst *worst_of_all = worst;
    for (int w = 0; w < WIDTHS; w++) {
        printf(" %6.3f", worst[w].ulp);
        if (worst[w].ulp > worst_of_all->ulp)
            worst_of_all = &worst[w];
    }
    if (worst_of_all->ulp > bound) {
        h->failures++;
        printf("  FAILED at (%a, %a): %a", worst_of_all->a, worst_of_all->b, worst_of_all->got);
    }
    printf("\n");
}

/* Speed. */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double bench(Harness *h, MathFn fn, bool f32, int k, void *y, const void *a, const void *b,
                    int n) {
    double best = INFINITY;
    for (int repeat = 0; repeat < 30; repeat++) {
        double start = seconds();
        for (int i = 0; i < 50; i++)
            maps_call(&h->maps, fn, f32, k, y, a, b, n);
        best = fmin(best, (seconds() - start) / 50 / n);
    }
    return best * 1e9;
}

static void run_bench(Harness *h) {
    enum { N = 1024 };
    static float a32[N], b32[N], y32[N];
    static double a64[N], b64[N], y64[N];
    uint64_t state = 3;
    for (int i = 0; i < N; i++) {
        a64[i] = (double)(next_random(&state) >> 11) * 0x1p-53 * 4 + 0.001;
        b64[i] = (double)(next_random(&state) >> 11) * 0x1p-53 * 4 + 0.001;
        a32[i] = (float)a64[i];
        b32[i] = (float)b64[i];
    }
    printf("ns an element, arguments in (0, 4)\n%-9s", "");
    for (int w = 0; w < WIDTHS; w++)
        printf(" f32x%-3u", map_width(true, w));
    for (int w = 0; w < WIDTHS; w++)
        printf(" f64x%-3u", map_width(false, w));
    printf("\n");
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        if (!map_selected(&h->options.maps, (MathFn)fn))
            continue;
        printf("%-9s", vecmath_name((MathFn)fn));
        for (int w = 0; w < WIDTHS; w++)
            printf(" %7.3f", bench(h, (MathFn)fn, true, w, y32, a32, b32, N));
        for (int w = 0; w < WIDTHS; w++)
            printf(" %7.3f", bench(h, (MathFn)fn, false, w, y64, a64, b64, N));
        printf("\n");
    }
}

static Options parse_options(int argc, char **argv) {
    Options o = {.stride = 16411};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--exhaustive") == 0)
            o.exhaustive = true, o.stride = 1;
        else if (strcmp(argv[i], "--quick") == 0)
            o.quick = true, o.stride = 131071;
        else if (strcmp(argv[i], "--stride") == 0)
            o.stride = strtoull(value, NULL, 0) | 1, i++;
        else if (strcmp(argv[i], "--bench") == 0)
            o.bench = true;
        else if (strcmp(argv[i], "--libm") == 0)
            o.maps.libm = true;
        else if (strcmp(argv[i], "--asm") == 0)
            o.maps.assembly = true, o.object = "-";
        else if (strcmp(argv[i], "--cpu") == 0)
            o.maps.cpu = value, i++;
        else if (strcmp(argv[i], "--target") == 0)
            o.maps.triple = value, i++;
        else if (strcmp(argv[i], "--object") == 0)
            o.object = value, i++;
        else if (strcmp(argv[i], "--through") == 0)
            o.through = value, i++;
        else if (strcmp(argv[i], "--only") == 0)
            o.maps.only = value, i++;
        else if (strcmp(argv[i], "--calls") == 0)
            o.maps.calls = strcmp(value, "never") == 0 ? MATH_CALLS_never : MATH_CALLS_always, i++;
        else
            die("unknown option", argv[i]);
    }
    return o;
}

static void run_tests(Harness *h) {
    printf("largest error in ulp     bound |  W=1   4 or 2  8 or 4 16 or 8\n");
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        if (!map_selected(&h->options.maps, (MathFn)fn))
            continue;
        Worst worst32[WIDTHS] = {0}, worst64[WIDTHS] = {0};
        run_samples(h, (MathFn)fn, true, worst32);
        if (vecmath_arity((MathFn)fn) == 1)
            run_line32(h, (MathFn)fn, worst32);
        report(h, (MathFn)fn, true, worst32);
        run_samples(h, (MathFn)fn, false, worst64);
        report(h, (MathFn)fn, false, worst64);
    }
    printf(h->failures ? "%d over their bounds\n" : "all within their bounds\n", h->failures);
}

int main(int argc, char **argv) {
    static Harness h;
    h.options = parse_options(argc, argv);
    if (h.options.maps.cpu && strcmp(h.options.maps.cpu, "haswell") == 0 &&
        !__builtin_cpu_supports("avx2")) {
        printf("this machine has no AVX2: nothing measured\n");
        return 0;
    }
    if (h.options.object) {
        maps_write(&h.options.maps, h.options.object);
        return 0;
    }
    if (h.options.through)
        maps_start(&h.maps, h.options.through);
    else
        maps_load(&h.maps, &h.options.maps);
    if (h.options.bench)
        run_bench(&h);
    else
        run_tests(&h);
    maps_close(&h.maps);
    return h.failures != 0;
}
