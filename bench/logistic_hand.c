/* Logistic regression as an expert writes it: one pass over X for the value and the gradient, eight
 * rows at a time; another for the Hessian, whose lower triangle is a product in register tiles over
 * blocks of rows. */
#include "logistic_hand.h"
#include "vec.h"

enum { D = LOGISTIC_D, WHOLE = D / LANES64, PAD = (D + LANES64) / LANES64 * LANES64, BLOCK = 80 };
enum { AHEAD = 3 * LANES64 }; /* rows fetched early: eight streams are too many for the hardware */
static const double beta_scale = 1 / (2.5 * 2.5), alpha_scale = 1 / (5.0 * 5.0);

/* Rows are D numbers, so their last vector is filled with zeros by hand. */
INLINE Vec64 load_tail(const double *row) {
    Vec64 v = {0};
    memcpy(&v, row + WHOLE * LANES64, sizeof(double) * (D - WHOLE * LANES64));
    return v;
}

/* Scores of LANES64 rows. */
INLINE Vec64 scores(const double *X, const double *padded, double alpha) {
    Vec64 acc[LANES64] = {0};
    for (int j = 0; j < WHOLE; j++) {
        Vec64 b = load64(padded + j * LANES64);
        UNROLL for (int r = 0; r < LANES64; r++) {
            acc[r] += b * load64(X + r * D + j * LANES64);
            __builtin_prefetch(X + (AHEAD + r) * D + j * LANES64);
        }
    }
    Vec64 b = load64(padded + WHOLE * LANES64);
    UNROLL for (int r = 0; r < LANES64; r++) acc[r] += b * load_tail(X + r * D);
    transpose_rows64(acc);
    Vec64 sum = splat64(alpha);
    UNROLL for (int r = 0; r < LANES64; r++) sum += acc[r];
    return sum;
}

static void pad(const double *beta, double *padded) {
    memset(padded, 0, PAD * sizeof *padded);
    memcpy(padded, beta, D * sizeof *padded);
}

double logistic_hand_grad(int64_t n, const double *beta, double alpha, const double *X,
                          const int64_t *y, double *grad_beta, double *grad_alpha) {
    _Alignas(64) double padded[PAD], grad[PAD] = {0};
    Vec64 value = splat64(0), residuals = splat64(0);
    pad(beta, padded);
    for (int64_t i = 0; i < n; i += LANES64, X += LANES64 * D) {
        Vec64 s = scores(X, padded, alpha), label, e = exp_vec64(-max_vec64(s, -s));
        UNROLL for (int r = 0; r < LANES64; r++) label[r] = (double)y[i + r];
        Vec64 small = 1.0 / (1.0 + e);
        Vec64 residual = label - choose64(s < splat64(0), e * small, small);
        value += label * s - max_vec64(s, splat64(0)) - log_vec64(1.0 + e);
        residuals += residual;
        for (int j = 0; j < WHOLE; j++) {
            Vec64 g = load64(grad + j * LANES64);
            UNROLL for (int r = 0; r < LANES64; r++) g +=
                residual[r] * load64(X + r * D + j * LANES64);
            store64(grad + j * LANES64, g);
        }
        Vec64 g = load64(grad + WHOLE * LANES64);
        UNROLL for (int r = 0; r < LANES64; r++) g += residual[r] * load_tail(X + r * D);
        store64(grad + WHOLE * LANES64, g);
    }
    double prior = 0.5 * alpha_scale * alpha * alpha;
    for (int j = 0; j < D; j++) {
        grad_beta[j] = grad[j] - beta_scale * beta[j];
        prior += 0.5 * beta_scale * beta[j] * beta[j];
    }
    *grad_alpha = sum_vec64(residuals) - alpha_scale * alpha;
    return sum_vec64(value) - prior;
}

/* ---- the Hessian ---- */

enum { ROWS = LANES64 };

/* H[i..i+ROWS, j..j+cols*LANES64] += A' B over a block of rows, which are PAD long. */
#define TILE64(cols)                                                                               \
    {                                                                                              \
        Vec64 acc[ROWS][cols];                                                                     \
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < (cols); c++) acc[r][c] =  \
            load64(H + (i + r) * PAD + j + c * LANES64);                                           \
        _Pragma("clang loop unroll(disable)") for (int k = 0; k < BLOCK; k++) {                    \
            Vec64 b[cols];                                                                         \
            UNROLL for (int c = 0; c < (cols); c++) b[c] = load64(B + k * PAD + j + c * LANES64);  \
            UNROLL for (int r = 0; r < ROWS; r++) {                                                \
                Vec64 a = splat64(A[k * PAD + i + r]);                                             \
                UNROLL for (int c = 0; c < (cols); c++) acc[r][c] += a * b[c];                     \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < (cols); c++)              \
            store64(H + (i + r) * PAD + j + c * LANES64, acc[r][c]);                               \
    }

/* The lower triangle, in whole tiles. */
static void add_block(const double *A, const double *B, double *H) {
    for (int i = 0; i < PAD; i += ROWS) {
        int j = 0;
        for (; j + 2 * LANES64 <= i + ROWS; j += 2 * LANES64)
            TILE64(2)
        if (j < i + ROWS)
            TILE64(1)
    }
}

/* The last column, of ones, stands for alpha. */
void logistic_hand_hessian(int64_t n, const double *beta, double alpha, const double *X,
                           double *hessian) {
    static _Alignas(64) double A[BLOCK * PAD], B[BLOCK * PAD], H[PAD * PAD];
    _Alignas(64) double padded[PAD];
    pad(beta, padded);
    memset(H, 0, sizeof H);
    for (int64_t i = 0; i < n; i += BLOCK) {
        for (int k = 0; k < BLOCK; k += LANES64) {
            const double *rows = X + (i + k) * D;
            Vec64 s = sigmoid_vec64(scores(rows, padded, alpha)), weight = s * (s - 1.0);
            UNROLL for (int r = 0; r < LANES64; r++) {
                double *b = B + (k + r) * PAD, *a = A + (k + r) * PAD;
                memcpy(b, rows + r * D, D * sizeof *b);
                b[D] = 1;
                for (int j = 0; j < PAD; j += LANES64)
                    store64(a + j, weight[r] * load64(b + j));
            }
        }
        add_block(A, B, H);
    }
    for (int i = 0; i <= D; i++)
        for (int j = 0; j <= i; j++) {
            double own = H[i * PAD + j] - (i != j ? 0 : i < D ? beta_scale : alpha_scale);
            hessian[i * (D + 1) + j] = hessian[j * (D + 1) + i] = own;
        }
}
