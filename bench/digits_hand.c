/* The step of examples/digits/digits.bp as an expert would write it by hand, for one fixed shape:
 * what bpc's code is measured against. Compiled with clang -O3 -march=native.
 *
 * Samples run along the lanes: X is transposed once, and then every product of the forward pass and
 * of the error reads its weights in their own layout, softmax needs no horizontal operation, and
 * nothing is padded. Weight gradients stay in registers until Adam has used them; they are never
 * stored. Same arithmetic as the model (true square roots and divisions), same layout of the
 * arguments. */
#include "digits_hand.h"

#include <math.h>
#include <string.h>

enum { N = 32, D = 64, H = 32, C = 10 };

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
typedef float Vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(float))));
enum { NV = N / LANES, DV = D / LANES, HV = H / LANES };

#define UNROLL _Pragma("clang loop unroll(full)")
#define INLINE static inline __attribute__((always_inline))

INLINE Vec load(const float *p) {
    Vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, Vec v) {
    memcpy(p, &v, sizeof v);
}

INLINE Vec splat(float x) {
    return (Vec){0} + x;
}

INLINE Vec choose(Ints mask, Vec a, Vec b) {
    return (Vec)((mask & (Ints)a) | (~mask & (Ints)b));
}

INLINE Vec max_vec(Vec a, Vec b) {
    return __builtin_elementwise_max(a, b);
}

/* exp for x <= 0: 2^k times a polynomial on [-ln2/2, ln2/2]; 1 ulp or so. */
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

/* log for x >= 1. */
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
#undef EXCHANGE
    UNROLL for (int i = 0; i < LANES; i++) store(to + i * to_stride, row[i]);
}

INLINE void transpose(const float *from, int rows, int cols, float *to) {
    for (int i = 0; i < rows; i += LANES)
        for (int j = 0; j < cols; j += LANES)
            transpose_block(from + i * cols + j, cols, to + j * rows + i, rows);
}

/* acc[r][c] = sum_k A(r, k) * B[k, c]: ROWS rows of A by COLS vectors of B, all sums in registers.
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

typedef struct Adam {
    float rate;
} Adam;

/* One vector of one parameter: g is its gradient. */
INLINE void adam_vec(Adam adam, Vec g, const float *p, const float *m, const float *v, float *p1,
                     float *m1, float *v1) {
    Vec mn = 0.9f * load(m) + 0.1f * g;
    Vec vn = 0.999f * load(v) + 0.001f * (g * g);
    store(m1, mn);
    store(v1, vn);
    store(p1, load(p) - adam.rate * mn / (__builtin_elementwise_sqrt(vn) + 1e-8f));
}

INLINE void adam_scalar(Adam adam, float g, const float *p, const float *m, const float *v,
                        float *p1, float *m1, float *v1) {
    *m1 = 0.9f * *m + 0.1f * g;
    *v1 = 0.999f * *v + 0.001f * (g * g);
    *p1 = *p - adam.rate * *m1 / (sqrtf(*v1) + 1e-8f);
}

INLINE float sum_vec(Vec v) {
    float s = 0;
    for (int i = 0; i < LANES; i++)
        s += v[i];
    return s;
}

/* Zt[i, s] = relu(b1[i] + sum_j W1[i, j] * Xt[j, s]) */
static void hidden_layer(const HandMlp *p, const float *Xt, float *Zt) {
    enum { ROWS = LANES == 16 ? 8 : 2 };
    for (int i = 0; i < H; i += ROWS) {
        Vec acc[ROWS][NV];
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++) acc[r][c] =
            splat(p->b1[i + r]);
        TILE(acc, ROWS, NV, D, p->W1 + i * D, D, 1, Xt, N)
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++)
            store(Zt + (i + r) * N + c * LANES, max_vec(acc[r][c], splat(0)));
    }
}

/* From Zt to the derivative of the mean loss by the logits, Ot[c, s]; returns the mean loss. */
static float output_layer(const HandMlp *p, const float *Zt, const int64_t *y, float *Ot) {
    Vec total = splat(0);
    for (int s = 0; s < NV; s++) {
        Vec o[C][1];
        UNROLL for (int c = 0; c < C; c++) o[c][0] = splat(p->b2[c]);
        TILE(o, C, 1, H, p->W2, H, 1, Zt + s * LANES, N)

        Ints label;
        UNROLL for (int i = 0; i < LANES; i++) label[i] = (int32_t)y[s * LANES + i];
        Vec top = o[0][0], sum = splat(0), target = splat(0);
        UNROLL for (int c = 1; c < C; c++) top = max_vec(top, o[c][0]);
        UNROLL for (int c = 0; c < C; c++) {
            target = choose(label == c, o[c][0] - top, target);
            o[c][0] = exp_vec(o[c][0] - top);
            sum += o[c][0];
        }
        total += log_vec(sum) - target;
        Vec scale = (1.0f / N) / sum;
        UNROLL for (int c = 0; c < C; c++) {
            Vec hit = choose(label == c, splat(1.0f / N), splat(0));
            store(Ot + c * N + s * LANES, o[c][0] * scale - hit);
        }
    }
    return sum_vec(total) / N;
}

/* Et[i, s] = Zt[i, s] > 0 ? sum_c W2[c, i] * Ot[c, s] : 0 */
static void hidden_error(const HandMlp *p, const float *Zt, const float *Ot, float *Et) {
    enum { ROWS = LANES == 16 ? 8 : 2 };
    for (int i = 0; i < H; i += ROWS) {
        Vec acc[ROWS][NV] = {0};
        TILE(acc, ROWS, NV, C, p->W2 + i, 1, H, Ot, N)
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++) {
            int at = (i + r) * N + c * LANES;
            store(Et + at, choose(load(Zt + at) > splat(0), acc[r][c], splat(0)));
        }
    }
}

#define UPDATE(F, leaf, g, at)                                                                     \
    F(adam, g, p->leaf + (at), m->leaf + (at), v->leaf + (at), p1->leaf + (at), m1->leaf + (at),   \
      v1->leaf + (at))

static void update_hidden(Adam adam, const HandMlp *p, const HandMlp *m, const HandMlp *v,
                          const float *Et, const float *X, const HandMlp *p1, const HandMlp *m1,
                          const HandMlp *v1) {
    enum { ROWS = 4, COLS = LANES == 16 ? 4 : 2 };
    for (int i = 0; i < H; i += ROWS)
        for (int j = 0; j < D; j += COLS * LANES) {
            Vec acc[ROWS][COLS] = {0};
            TILE(acc, ROWS, COLS, N, Et + i * N, N, 1, X + j, D)
            UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < COLS; c++) {
                int at = (i + r) * D + j + c * LANES;
                UPDATE(adam_vec, W1, acc[r][c], at);
            }
        }
    for (int i = 0; i < H; i++) {
        Vec sum = load(Et + i * N);
        for (int c = 1; c < NV; c++)
            sum += load(Et + i * N + c * LANES);
        UPDATE(adam_scalar, b1, sum_vec(sum), i);
    }
}

static void update_output(Adam adam, const HandMlp *p, const HandMlp *m, const HandMlp *v,
                          const float *Ot, const float *Z, const HandMlp *p1, const HandMlp *m1,
                          const HandMlp *v1) {
    enum { ROWS = LANES == 16 ? 10 : 2 };
    for (int c = 0; c < C; c += ROWS) {
        Vec acc[ROWS][HV] = {0};
        TILE(acc, ROWS, HV, N, Ot + c * N, N, 1, Z, H)
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int i = 0; i < HV; i++) {
            int at = (c + r) * H + i * LANES;
            UPDATE(adam_vec, W2, acc[r][i], at);
        }
    }
    for (int c = 0; c < C; c++) {
        Vec sum = load(Ot + c * N);
        for (int i = 1; i < NV; i++)
            sum += load(Ot + c * N + i * LANES);
        UPDATE(adam_scalar, b2, sum_vec(sum), c);
    }
}

void hand_step(const HandMlp *p, const HandMlp *m, const HandMlp *v, float t, float lr,
               const float *X, const int64_t *y, float *loss, HandMlp *p1, HandMlp *m1,
               HandMlp *v1) {
    _Alignas(64) float Xt[D * N], Zt[H * N], Z[N * H], Ot[C * N], Et[H * N];
    Adam adam = {lr * sqrtf(1 - powf(0.999f, t)) / (1 - powf(0.9f, t))};

    transpose(X, N, D, Xt);
    hidden_layer(p, Xt, Zt);
    *loss = output_layer(p, Zt, y, Ot);
    hidden_error(p, Zt, Ot, Et);
    transpose(Zt, H, N, Z);
    update_output(adam, p, m, v, Ot, Z, p1, m1, v1);
    update_hidden(adam, p, m, v, Et, X, p1, m1, v1);
}
