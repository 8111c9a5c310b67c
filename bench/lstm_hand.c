/* One LSTM sequence and its gradient as an expert writes them, for REAL float or double.
 *
 * Only the products with the carried state are done step by step, as vector times matrix, for which
 * Wh is transposed once; the input's and the output's products, and all gradients of weights, are
 * products over all steps at once. Gates are stored, so the reverse sweep needs no transcendental.
 */
#include "lstm_hand.h"
#include "vec.h"

typedef REAL V __attribute__((vector_size(VEC_BYTES)));
enum { L = VEC_BYTES / sizeof(REAL) };

INLINE V get(const REAL *p) {
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void put(REAL *p, V v) {
    memcpy(p, &v, sizeof v);
}

#define SIGMOID(x) _Generic((x), Vec: sigmoid_vec, Vec64: sigmoid_vec64)(x)
#define TANH(x) _Generic((x), Vec: tanh_vec, Vec64: tanh_vec64)(x)

/* ---- products ---- */

/* out[n] += a[k] B[k, n]; B streams through once, eight rows side by side. */
static void vector_times(int K, int N, const REAL *a, const REAL *B, REAL *out) {
    enum { WAYS = 8 };
    for (int k = 0; k < K; k += WAYS)
        _Pragma("clang loop unroll_count(2)") for (int j = 0; j < N; j += L) {
            V even = get(out + j), odd = {0};
            UNROLL for (int w = 0; w < WAYS; w += 2) {
                even += a[k + w] * get(B + (size_t)(k + w) * N + j);
                odd += a[k + w + 1] * get(B + (size_t)(k + w + 1) * N + j);
            }
            put(out + j, even + odd);
        }
}

/* ROWS rows of C += A B, two vectors wide; A's element (m, k) is at A + m*row + k*step. */
#define TILE_ROWS(ROWS)                                                                            \
    for (; i + (ROWS) <= M; i += (ROWS))                                                           \
        for (int j = 0; j < N; j += 2 * L) {                                                       \
            V acc[ROWS][2];                                                                        \
            UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int c = 0; c < 2; c++) acc[r][c] = \
                get(C + (size_t)(i + r) * N + j + c * L);                                          \
            _Pragma("clang loop unroll(disable)") for (int k = 0; k < K; k++) {                    \
                V b0 = get(B + (size_t)k * N + j), b1 = get(B + (size_t)k * N + j + L);            \
                UNROLL for (int r = 0; r < (ROWS); r++) {                                          \
                    REAL a = A[(size_t)(i + r) * row + (size_t)k * step];                          \
                    acc[r][0] += a * b0;                                                           \
                    acc[r][1] += a * b1;                                                           \
                }                                                                                  \
            }                                                                                      \
            UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int c = 0; c < 2; c++)             \
                put(C + (size_t)(i + r) * N + j + c * L, acc[r][c]);                               \
        }

static void product(int M, int N, int K, const REAL *A, size_t row, size_t step, const REAL *B,
                    REAL *C) {
    int i = 0;
#ifdef __AVX512F__
    TILE_ROWS(12)
#endif
    TILE_ROWS(6)
    TILE_ROWS(1)
}

/* to [cols, rows]; in squares that stay in the nearest cache */
static void turn(int rows, int cols, const REAL *from, REAL *to) {
    enum { SIDE = 32 };
    for (int i = 0; i < rows; i += SIDE)
        for (int j = 0; j < cols; j += SIDE)
            for (int r = i; r < i + SIDE; r++)
                for (int c = j; c < j + SIDE; c++)
                    to[(size_t)c * rows + r] = from[(size_t)r * cols + c];
}

/* ---- the cell ---- */

typedef struct Work {
    REAL *turned, *gates, *c, *tc, *hid, *error,
        *hid_adj; /* a row a step; c and hid begin with the zeros */
} Work;

size_t lstm_hand_work(int T, int d, int h) {
    size_t steps = (size_t)T, turned = 4 * (size_t)h * (size_t)(h > d ? h : d);
    return sizeof(REAL) * (turned + steps * (size_t)(4 * h + 4 * h + d) + 8 * (size_t)h);
}

static Work layout(int T, int d, int h, REAL *p) {
    size_t steps = (size_t)T;
    Work w = {.turned = p};
    w.gates = w.turned + 4 * (size_t)h * (size_t)(h > d ? h : d);
    w.c = w.gates + steps * 4 * (size_t)h;
    w.tc = w.c + (steps + 1) * (size_t)h;
    w.hid = w.tc + steps * (size_t)h;
    w.hid_adj = w.hid + (steps + 1) * (size_t)h;
    w.error = w.hid_adj + (steps + 1) * (size_t)h;
    return w;
}

static void cell(int h, REAL *z, const REAL *c, REAL *c1, REAL *tc, REAL *hid) {
    for (int i = 0; i < h; i += L) {
        V f = SIGMOID(get(z + i)), in = SIGMOID(get(z + h + i)), g = TANH(get(z + 2 * h + i));
        V o = SIGMOID(get(z + 3 * h + i)), next = f * get(c + i) + in * g, t = TANH(next);
        put(z + i, f), put(z + h + i, in), put(z + 2 * h + i, g), put(z + 3 * h + i, o);
        put(c1 + i, next), put(tc + i, t), put(hid + i, o * t);
    }
}

/* The gates become the adjoints of what went into them; c_adj goes from the state after to the
 * state before. */
static void cell_adjoint(int h, REAL *z, const REAL *c, const REAL *tc, const REAL *hid_adj,
                         REAL *c_adj) {
    for (int i = 0; i < h; i += L) {
        V f = get(z + i), in = get(z + h + i), g = get(z + 2 * h + i), o = get(z + 3 * h + i);
        V t = get(tc + i), y_adj = get(hid_adj + i),
          next_adj = get(c_adj + i) + y_adj * o * (1 - t * t);
        put(z + i, next_adj * get(c + i) * f * (1 - f));
        put(z + h + i, next_adj * g * in * (1 - in));
        put(z + 2 * h + i, next_adj * in * (1 - g * g));
        put(z + 3 * h + i, y_adj * t * o * (1 - o));
        put(c_adj + i, next_adj * f);
    }
}

static REAL forward(int steps, int d, int h, const HandCell *p, const REAL *xs, Work w) {
    size_t row = (size_t)h;
    for (int t = 0; t < steps; t++)
        memcpy(w.gates + (size_t)t * 4 * row, p->b, 4 * row * sizeof(REAL));
    turn(4 * h, d, p->Wx, w.turned);
    product(steps, 4 * h, d, xs, (size_t)d, 1, w.turned, w.gates);
    turn(4 * h, h, p->Wh, w.turned);
    memset(w.c, 0, row * sizeof(REAL)), memset(w.hid, 0, row * sizeof(REAL));
    for (size_t t = 0; t < (size_t)steps; t++) {
        REAL *z = w.gates + t * 4 * row;
        vector_times(h, 4 * h, w.hid + t * row, w.turned, z);
        cell(h, z, w.c + t * row, w.c + (t + 1) * row, w.tc + t * row, w.hid + (t + 1) * row);
    }
    turn(d, h, p->Wo, w.turned);
    for (int i = 0; i < steps * d; i++)
        w.error[i] = -xs[d + i];
    product(steps, d, h, w.hid + row, row, 1, w.turned, w.error);
    REAL total = 0;
    V sum = {0};
    for (int i = 0; i < steps * d; i += L) {
        V e = get(w.error + i);
        sum += e * e;
        put(w.error + i, e * (2 / (REAL)steps));
    }
    UNROLL for (int l = 0; l < (int)L; l++) total += sum[l];
    return total / (REAL)steps;
}

static void reverse(int steps, int d, int h, const HandCell *p, Work w) {
    size_t row = (size_t)h;
    REAL *c_adj = w.hid_adj + (size_t)steps * row;
    memset(w.hid_adj, 0, ((size_t)steps + 1) * row * sizeof(REAL));
    product(steps, h, d, w.error, (size_t)d, 1, p->Wo, w.hid_adj);
    for (size_t t = (size_t)steps; t-- > 0;) {
        REAL *z = w.gates + t * 4 * row;
        cell_adjoint(h, z, w.c + t * row, w.tc + t * row, w.hid_adj + t * row, c_adj);
        if (t > 0)
            vector_times(4 * h, h, z, p->Wh, w.hid_adj + (t - 1) * row);
    }
}

REAL lstm_hand(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad, void *work) {
    Work w = layout(T, d, h, work);
    int steps = T - 1;
    size_t row = (size_t)h, gates = 4 * row;
    REAL value = forward(steps, d, h, p, xs, w);
    reverse(steps, d, h, p, w);
    memset(grad->Wx, 0, gates * (size_t)d * sizeof(REAL));
    memset(grad->Wh, 0, gates * row * sizeof(REAL));
    memset(grad->Wo, 0, row * (size_t)d * sizeof(REAL));
    memset(grad->b, 0, gates * sizeof(REAL));
    product(4 * h, d, steps, w.gates, 1, gates, xs, grad->Wx);
    product(4 * h, h, steps, w.gates, 1, gates, w.hid, grad->Wh);
    product(d, h, steps, w.error, 1, (size_t)d, w.hid + row, grad->Wo);
    for (size_t t = 0; t < (size_t)steps; t++)
        for (size_t i = 0; i < gates; i++)
            grad->b[i] += w.gates[t * gates + i];
    return value;
}
