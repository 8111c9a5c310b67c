/* Value and gradient of the 784-128-10 perceptron of examples/models/mlp.bp as an expert would
 * write them, for two cases: whole panels of 32 samples, and one sample.
 *
 * Panels: samples run along the lanes in the forward pass, so that W1 and W2 are read in their own
 * layout; the gradient of W1, half of the work, is a product of rows of X in their own layout. All
 * sums are in registers. */
#include "mlp_hand.h"
#include "vec.h"

#include <math.h>

enum { D = MLP_D, H = MLP_H, C = MLP_C, P = 32, NV = P / LANES };

/* The largest tiles whose sums fit in the registers. */
#ifdef __AVX512F__
enum { ROWS = 8, W1_ROWS = 4, W1_COLS = 7, W2_ROWS = 10, W2_COLS = 2 };
#else
enum { ROWS = 2, W1_ROWS = 4, W1_COLS = 2, W2_ROWS = 5, W2_COLS = 2 };
#endif
enum { DEPTH = 64 }; /* samples whose rows of X stay in the nearest cache */

size_t mlp_hand_work(int n) {
    return sizeof(float) * ((size_t)D * P + 2 * (size_t)n * H + (size_t)n * C + (size_t)H * P);
}

/* ---- panels ---- */

static void hidden_layer(const HandMlp *p, const float *Xt, float *Zt) {
    for (int i = 0; i < H; i += ROWS) {
        Vec acc[ROWS][NV];
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++) acc[r][c] =
            splat(p->b1[i + r]);
        TILE(acc, ROWS, NV, D, p->W1 + i * D, D, 1, Xt, P)
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++)
            store(Zt + (i + r) * P + c * LANES, max_vec(acc[r][c], splat(0)));
    }
}

/* One vector of samples: the sum of their losses; Ot gets the errors of the outputs. */
static Vec output_layer(const HandMlp *p, const float *Zt, const int64_t *y, float scale, float *Ot,
                        int n) {
    Vec o[C][1];
    UNROLL for (int c = 0; c < C; c++) o[c][0] = splat(p->b2[c]);
    TILE(o, C, 1, H, p->W2, H, 1, Zt, P)
    Ints label;
    UNROLL for (int i = 0; i < LANES; i++) label[i] = (int32_t)y[i];
    Vec top = o[0][0], sum = splat(0), target = splat(0);
    UNROLL for (int c = 1; c < C; c++) top = max_vec(top, o[c][0]);
    UNROLL for (int c = 0; c < C; c++) {
        target = choose(label == c, o[c][0] - top, target);
        o[c][0] = exp_vec(o[c][0] - top);
        sum += o[c][0];
    }
    UNROLL for (int c = 0; c < C; c++) {
        Vec hit = choose(label == c, splat(scale), splat(0));
        store(Ot + c * n, o[c][0] * (scale / sum) - hit);
    }
    return log_vec(sum) - target;
}

/* Et = Zt > 0 ? W2' Ot : 0 */
static void hidden_error(const HandMlp *p, const float *Zt, const float *Ot, float *Et, int n) {
    for (int i = 0; i < H; i += ROWS) {
        Vec acc[ROWS][NV] = {0};
        TILE(acc, ROWS, NV, C, p->W2 + i, 1, H, Ot, n)
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < NV; c++) {
            Vec z = load(Zt + (i + r) * P + c * LANES);
            store(Et + (i + r) * n + c * LANES, choose(z > splat(0), acc[r][c], splat(0)));
        }
    }
}

/* G = A B: A is [rows, n], B is [n, cols]; ROWS_ by COLS_ vectors at a time. */
#define GRADIENT(name, ROWS_, COLS_, rows, cols)                                                   \
    static void name(float *G, const float *A, const float *B, int n) {                            \
        for (int from = 0; from < n; from += DEPTH)                                                \
            for (int j = 0; j < (cols); j += (COLS_) * LANES)                                      \
                for (int i = 0; i < (rows); i += (ROWS_)) {                                        \
                    int depth = n - from < DEPTH ? n - from : DEPTH;                               \
                    Vec acc[ROWS_][COLS_] = {0};                                                   \
                    if (from)                                                                      \
                        UNROLL for (int r = 0; r < (ROWS_); r++)                                   \
                            UNROLL for (int c = 0; c < (COLS_); c++) acc[r][c] =                   \
                                load(G + (i + r) * (cols) + j + c * LANES);                        \
                    TILE(acc, ROWS_, COLS_, depth, A + i * n + from, n, 1, B + from * (cols) + j,  \
                         cols)                                                                     \
                    UNROLL for (int r = 0; r < (ROWS_); r++)                                       \
                        UNROLL for (int c = 0; c < (COLS_); c++)                                   \
                            store(G + (i + r) * (cols) + j + c * LANES, acc[r][c]);                \
                }                                                                                  \
    }
GRADIENT(gradient_W1, W1_ROWS, W1_COLS, H, D)
GRADIENT(gradient_W2, W2_ROWS, W2_COLS, C, H)

static void row_sums(float *g, const float *A, int rows, int n) {
    for (int i = 0; i < rows; i++) {
        Vec sum = load(A + i * n);
        for (int s = LANES; s < n; s += LANES)
            sum += load(A + i * n + s);
        g[i] = sum_vec(sum);
    }
}

static void panels(int n, const HandMlp *p, const float *X, const int64_t *y, float *loss,
                   HandMlp *g, float *work) {
    float *Xt = work, *Zt = Xt + D * P, *Z = Zt + H * P, *Et = Z + n * H, *Ot = Et + n * H;
    Vec total = splat(0);
    for (int s = 0; s < n; s += P) {
        transpose(X + s * D, P, D, Xt);
        hidden_layer(p, Xt, Zt);
        for (int c = 0; c < P; c += LANES)
            total += output_layer(p, Zt + c, y + s + c, 1.0f / (float)n, Ot + s + c, n);
        hidden_error(p, Zt, Ot + s, Et + s, n);
        transpose(Zt, H, P, Z + s * H);
    }
    *loss = sum_vec(total) / (float)n;
    gradient_W1(g->W1, Et, X, n);
    gradient_W2(g->W2, Ot, Z, n);
    row_sums(g->b1, Et, H, n);
    row_sums(g->b2, Ot, C, n);
}

/* ---- one sample ---- */

enum { DOTS = 8 }; /* rows at a time */

static void hidden_one(const HandMlp *p, const float *x, float *z) {
    for (int i = 0; i < H; i += DOTS) {
        Vec acc[DOTS] = {0};
        _Pragma("clang loop unroll(disable)") for (int j = 0; j < D; j += LANES) {
            Vec xv = load(x + j);
            UNROLL for (int r = 0; r < DOTS; r++) acc[r] += load(p->W1 + (i + r) * D + j) * xv;
        }
        UNROLL for (int r = 0; r < DOTS; r++) z[i + r] = fmaxf(p->b1[i + r] + sum_vec(acc[r]), 0);
    }
}

static float output_one(const HandMlp *p, const float *z, int64_t y, float *o) {
    float top = -INFINITY, sum = 0;
    for (int c = 0; c < C; c++) {
        Vec acc = splat(0);
        UNROLL for (int i = 0; i < H; i += LANES) acc += load(p->W2 + c * H + i) * load(z + i);
        o[c] = p->b2[c] + sum_vec(acc);
        top = fmaxf(top, o[c]);
    }
    float target = o[y] - top;
    for (int c = 0; c < C; c++)
        sum += o[c] = expf(o[c] - top);
    for (int c = 0; c < C; c++)
        o[c] = o[c] / sum - (c == y ? 1.0f : 0.0f);
    return logf(sum) - target;
}

static void one(const HandMlp *p, const float *x, int64_t y, float *loss, HandMlp *g) {
    float z[H], e[H] = {0};
    hidden_one(p, x, z);
    *loss = output_one(p, z, y, g->b2);
    for (int c = 0; c < C; c++)
        for (int i = 0; i < H; i++) {
            e[i] += p->W2[c * H + i] * g->b2[c];
            g->W2[c * H + i] = g->b2[c] * z[i];
        }
    for (int i = 0; i < H; i++) {
        g->b1[i] = z[i] > 0 ? e[i] : 0;
        for (int j = 0; j < D; j += LANES)
            store(g->W1 + i * D + j, g->b1[i] * load(x + j));
    }
}

void mlp_hand(int n, const HandMlp *p, const float *X, const int64_t *y, float *loss, HandMlp *g,
              void *work) {
    if (n == 1)
        one(p, X, *y, loss, g);
    else
        panels(n, p, X, y, loss, g, work);
}
