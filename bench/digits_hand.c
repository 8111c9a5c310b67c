/* The step of examples/digits/digits.bp as an expert would write it by hand, for one fixed shape:
 * what bpc's code is measured against. Compiled with clang -O3 -march=native.
 *
 * Samples run along the lanes: X is transposed once, and then every product of the forward pass and
 * of the error reads its weights in their own layout, softmax needs no horizontal operation, and
 * nothing is padded. Weight gradients stay in registers until Adam has used them; they are never
 * stored. Same arithmetic as the model (true square roots and divisions), same layout of the
 * arguments. */
#include "digits_hand.h"
#include "vec.h"

#include <math.h>

enum { N = 32, D = 64, H = 32, C = 10 };
enum { NV = N / LANES, DV = D / LANES, HV = H / LANES };

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
