/* Vectors for the programs by hand in this folder: as wide as the machine has, elementwise with the
 * operators of C, and the functions that those programs need, to 1 or 2 ulp. Written for clang -O3
 * -march=native. Inputs are finite and of usual size: what a careful expert allows himself, and bpc
 * does not. */
#ifndef BENCH_VEC_H
#define BENCH_VEC_H

#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define VEC_BYTES 64
#else
#define VEC_BYTES 32
#endif

enum { LANES = VEC_BYTES / 4, LANES64 = VEC_BYTES / 8 };
typedef float Vec __attribute__((vector_size(VEC_BYTES)));
typedef int32_t Ints __attribute__((vector_size(VEC_BYTES)));
typedef double Vec64 __attribute__((vector_size(VEC_BYTES)));
typedef int64_t Ints64 __attribute__((vector_size(VEC_BYTES)));

#define UNROLL _Pragma("clang loop unroll(full)")
#define INLINE static inline __attribute__((always_inline, unused))

/* ---- memory and choice ---- */

INLINE Vec load(const float *p) {
    Vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, Vec v) {
    memcpy(p, &v, sizeof v);
}

INLINE Vec64 load64(const double *p) {
    Vec64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store64(double *p, Vec64 v) {
    memcpy(p, &v, sizeof v);
}

INLINE Vec splat(float x) {
    return (Vec){0} + x;
}

INLINE Vec64 splat64(double x) {
    return (Vec64){0} + x;
}

INLINE Vec choose(Ints mask, Vec a, Vec b) {
    return (Vec)((mask & (Ints)a) | (~mask & (Ints)b));
}

INLINE Vec64 choose64(Ints64 mask, Vec64 a, Vec64 b) {
    return (Vec64)((mask & (Ints64)a) | (~mask & (Ints64)b));
}

INLINE Vec max_vec(Vec a, Vec b) {
    return __builtin_elementwise_max(a, b);
}

INLINE Vec64 max_vec64(Vec64 a, Vec64 b) {
    return __builtin_elementwise_max(a, b);
}

INLINE float sum_vec(Vec v) {
    float sum = 0;
    UNROLL for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

INLINE double sum_vec64(Vec64 v) {
    double sum = 0;
    UNROLL for (int i = 0; i < LANES64; i++) sum += v[i];
    return sum;
}

/* ---- functions ---- */

/* 2^k times a polynomial on [-ln2/2, ln2/2]. */
INLINE Vec exp_vec(Vec x) {
    x = max_vec(x, splat(-87.0f));
    Vec k = __builtin_elementwise_rint(x * 1.44269504f);
    Vec r = x - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    Vec q = splat(1.9875691500e-4f);
    q = q * r + 1.3981999507e-3f;
    q = q * r + 8.3334519073e-3f;
    q = q * r + 4.1665795894e-2f;
    q = q * r + 1.6666665459e-1f;
    q = q * r + 5.0000001201e-1f;
    q = q * r * r + r + 1.0f;
    Ints scale = (__builtin_convertvector(k, Ints) + 127) << 23;
    return q * (Vec)scale;
}

/* The same in double: Taylor's coefficients reach 2e-16 there. */
INLINE Vec64 exp_vec64(Vec64 x) {
    x = max_vec64(x, splat64(-708.0));
    Vec64 shifted = x * 1.4426950408889634 + 0x1.8p52;
    Vec64 k = shifted - 0x1.8p52;
    Vec64 r = x - k * 0x1.62e42fefa38p-1;
    r = r - k * 0x1.ef35793c7673p-45;
    Vec64 q = splat64(1.0 / 479001600);
    q = q * r + 1.0 / 39916800;
    q = q * r + 1.0 / 3628800;
    q = q * r + 1.0 / 362880;
    q = q * r + 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    q = q * r + 1.0 / 6;
    q = q * r + 0.5;
    q = q * r * r + r + 1.0;
    Ints64 scale = ((Ints64)shifted + 1023) << 52;
    return q * (Vec64)scale;
}

/* For normal x > 0, as Cephes does. */
INLINE Vec log_vec(Vec x) {
    Ints bits = (Ints)x;
    Vec k = __builtin_convertvector((bits >> 23) - 126, Vec);
    Vec f = (Vec)((bits & 0x007fffff) | 0x3f000000); /* [0.5, 1) */
    Ints small = f < splat(0.707106781f);
    k = choose(small, k - 1.0f, k);
    f = choose(small, f + f, f) - 1.0f;
    Vec q = splat(7.0376836292e-2f);
    q = q * f - 1.1514610310e-1f;
    q = q * f + 1.1676998740e-1f;
    q = q * f - 1.2420140846e-1f;
    q = q * f + 1.4249322787e-1f;
    q = q * f - 1.6668057665e-1f;
    q = q * f + 2.0000714765e-1f;
    q = q * f - 2.4999993993e-1f;
    q = q * f + 3.3333331174e-1f;
    Vec f2 = f * f;
    Vec y = q * f * f2 + k * -2.12194440e-4f - 0.5f * f2;
    return f + y + k * 0.693359375f;
}

/* For normal x > 0, as fdlibm does. */
INLINE Vec64 log_vec64(Vec64 x) {
    Ints64 bits =
        (Ints64)x - 0x3fe6a09e00000000; /* so that the mantissa is in [sqrt(1/2), sqrt(2)) */
    Vec64 k = __builtin_convertvector(bits >> 52, Vec64);
    Vec64 f = (Vec64)((bits & 0x000fffffffffffff) + 0x3fe6a09e00000000) - 1.0;
    Vec64 s = f / (f + 2.0), z = s * s, half = 0.5 * f * f;
    Vec64 q = splat64(1.479819860511658591e-01);
    q = q * z + 1.531383769920937332e-01;
    q = q * z + 1.818357216161805012e-01;
    q = q * z + 2.222219843214978396e-01;
    q = q * z + 2.857142874366239149e-01;
    q = q * z + 3.999999999940941908e-01;
    q = q * z + 6.666666666666735130e-01;
    Vec64 tail = s * (half + q * z) + k * 1.90821492927058770002e-10;
    return k * 6.93147180369123816490e-01 - ((half - tail) - f);
}

INLINE Vec sigmoid_vec(Vec x) {
    return 1.0f / (1.0f + exp_vec(-x));
}

INLINE Vec64 sigmoid_vec64(Vec64 x) {
    return 1.0 / (1.0 + exp_vec64(-x));
}

INLINE Vec tanh_vec(Vec x) {
    return 2.0f / (1.0f + exp_vec(-2.0f * x)) - 1.0f;
}

INLINE Vec64 tanh_vec64(Vec64 x) {
    return 2.0 / (1.0 + exp_vec64(-2.0 * x)) - 1.0;
}

/* ---- blocks ---- */

/* Transposes a LANES x LANES block in registers: log2(LANES) rounds of exchanges between rows at
 * distance d. */
INLINE void transpose_block(const float *from, int from_stride, float *to, int to_stride) {
    Vec row[LANES];
    UNROLL for (int i = 0; i < LANES; i++) row[i] = load(from + i * from_stride);
#define EXCHANGE(d, LO, HI)                                                                        \
    UNROLL for (int i = 0; i < LANES; i++) if (!(i & d)) {                                         \
        Vec a = row[i], b = row[i | d];                                                            \
        row[i] = LO;                                                                               \
        row[i | d] = HI;                                                                           \
    }
#ifdef __AVX512F__
    EXCHANGE(
        1, __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
        __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
    EXCHANGE(
        2, __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
        __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    EXCHANGE(
        4, __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
        __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    EXCHANGE(
        8, __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
        __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#else
    EXCHANGE(1, __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14),
             __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15))
    EXCHANGE(2, __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13),
             __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15))
    EXCHANGE(4, __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11),
             __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#endif
    UNROLL for (int i = 0; i < LANES; i++) store(to + i * to_stride, row[i]);
}

/* The same for LANES64 vectors, in place. */
INLINE void transpose_rows64(Vec64 *row){
#undef EXCHANGE
#define EXCHANGE(d, LO, HI)                                                                        \
    UNROLL for (int i = 0; i < LANES64; i++) if (!(i & d)) {                                       \
        Vec64 a = row[i], b = row[i | d];                                                          \
        row[i] = LO;                                                                               \
        row[i | d] = HI;                                                                           \
    }
#ifdef __AVX512F__
    EXCHANGE(1, __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14),
             __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15))
        EXCHANGE(2, __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13),
                 __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15))
            EXCHANGE(4, __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11),
                     __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#else
    EXCHANGE(1, __builtin_shufflevector(a, b, 0, 4, 2, 6),
             __builtin_shufflevector(a, b, 1, 5, 3, 7))
        EXCHANGE(2, __builtin_shufflevector(a, b, 0, 1, 4, 5),
                 __builtin_shufflevector(a, b, 2, 3, 6, 7))
#endif
#undef EXCHANGE
}

/* rows and cols are multiples of LANES. */
INLINE void transpose(const float *from, int rows, int cols, float *to) {
    for (int i = 0; i < rows; i += LANES)
        for (int j = 0; j < cols; j += LANES)
            transpose_block(from + i * cols + j, cols, to + j * rows + i, rows);
}

/* acc[r][c] += sum_k A(r, k) * B[k, c]: ROWS rows of A by COLS vectors of B, all sums in registers.
 * A's element (r, k) is at a + r*row + k*step. */
#define TILE(acc, ROWS, COLS, K, a, row, step, b, b_stride)                                        \
    _Pragma("clang loop unroll(disable)") for (int k = 0; k < (K); k++) {                          \
        Vec bv[COLS];                                                                              \
        UNROLL for (int c = 0; c < (COLS); c++) bv[c] = load((b) + k * (b_stride) + c * LANES);    \
        UNROLL for (int r = 0; r < (ROWS); r++) {                                                  \
            Vec x = splat((a)[r * (row) + k * (step)]);                                            \
            UNROLL for (int c = 0; c < (COLS); c++) acc[r][c] += x * bv[c];                        \
        }                                                                                          \
    }

#endif
