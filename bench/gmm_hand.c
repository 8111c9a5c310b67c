/* The Gaussian mixture and its adjoint as an expert writes them: a vector of points at a time,
 * nothing stored for more than a block of them.
 *
 * Q (x - mu) = Q x - Q mu, and Q mu is computed once. The adjoints of mu and of Q are linear in y =
 * Q (x - mu) weighted by its share: sums over the points of share*y and of share*y*x' are all that
 * is needed, and one product with Q a component follows at the end. The sums of share*y*x' are kept
 * a vector each. */
#include "gmm_hand.h"
#include "vec.h"

#include <math.h>

enum { GROUP = 4, BLOCK = GROUP * LANES64 }; /* points at a time */

static size_t padded(int d) {
    return (size_t)((d + 1) & ~1);
}

/* x [d], y [k, d], terms [k] a vector group each; Q mu [k, d]; Q rows [k, d, d]; sums of vectors */
size_t gmm_hand_work(int k, int d) {
    size_t D = padded(d), K = (size_t)k;
    return sizeof(double) *
           (BLOCK * (D + K * D + K) + K * D * D + K * D + K + LANES64 * (K * D * (D + 1) + K));
}

typedef struct Work {
    double *x, *y, *terms;   /* a block of points along the lanes */
    double *q, *q_mu, *base; /* Q [k, D, D] with zeros above the diagonal, Q mu, alpha + sum q */
    double *sum_yx, *sum_y, *sum; /* vectors: of share y x', share y, share */
} Work;

static Work layout(int k, int d, double *p) {
    size_t D = padded(d), K = (size_t)k;
    Work w;
    w.x = p, p += BLOCK * D;
    w.y = p, p += BLOCK * K * D;
    w.terms = p, p += BLOCK * K;
    w.sum_yx = p, p += LANES64 * K * D * D;
    w.sum_y = p, p += LANES64 * K * D;
    w.sum = p, p += LANES64 * K;
    w.q = p, p += K * D * D;
    w.q_mu = p, p += K * D;
    w.base = p;
    return w;
}

static double log_sum_exp(int n, const double *x) {
    double top = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - top);
    return top + log(sum);
}

static double prepare(int k, int d, const GmmLeaves *g, double gam, int m, Work w) {
    int D = (int)padded(d), t = d * (d - 1) / 2;
    double prior = 0;
    memset(w.q, 0, sizeof(double) * (size_t)(k * D * D));
    memset(w.q_mu, 0, sizeof(double) * (size_t)(k * D));
    for (int c = 0; c < k; c++) {
        double *q = w.q + c * D * D, norm = 0, sum = 0;
        const double *l = g->l + c * t;
        for (int j = 0; j < d; j++) {
            q[j * D + j] = exp(g->q[c * d + j]);
            norm += q[j * D + j] * q[j * D + j];
            sum += g->q[c * d + j];
            for (int i = j + 1; i < d; i++) {
                norm += *l * *l;
                q[i * D + j] = *l++;
            }
        }
        for (int i = 0; i < d; i++)
            for (int j = 0; j <= i; j++)
                w.q_mu[c * D + i] += q[i * D + j] * g->mu[c * d + j];
        w.base[c] = g->alpha[c] + sum;
        prior += 0.5 * gam * gam * norm - m * sum;
    }
    return prior;
}

/* Two rows of y = Q x - Q mu of a block: -0.5 of their squares is added to the term. */
INLINE void two_rows(const double *q, const double *q_mu, int D, int i, const double *x, double *y,
                     Vec64 *term) {
    Vec64 acc[2][GROUP];
    UNROLL for (int r = 0; r < 2; r++) UNROLL for (int v = 0; v < GROUP; v++) acc[r][v] =
        splat64(-q_mu[i + r]);
    for (int j = 0; j < i + 2; j++) {
        Vec64 a = splat64(q[i * D + j]), b = splat64(q[(i + 1) * D + j]);
        UNROLL for (int v = 0; v < GROUP; v++) {
            Vec64 xv = load64(x + j * BLOCK + v * LANES64);
            acc[0][v] += a * xv;
            acc[1][v] += b * xv;
        }
    }
    UNROLL for (int r = 0; r < 2; r++) UNROLL for (int v = 0; v < GROUP; v++) {
        store64(y + (i + r) * BLOCK + v * LANES64, acc[r][v]);
        term[v] -= 0.5 * acc[r][v] * acc[r][v];
    }
}

/* Terms of a block; the sum of the logarithms of their sums; terms become shares. */
static Vec64 block_value(int k, int D, Work w) {
    for (int c = 0; c < k; c++) {
        Vec64 term[GROUP];
        UNROLL for (int v = 0; v < GROUP; v++) term[v] = splat64(w.base[c]);
        for (int i = 0; i < D; i += 2)
            two_rows(w.q + c * D * D, w.q_mu + c * D, D, i, w.x, w.y + c * D * BLOCK, term);
        UNROLL for (int v = 0; v < GROUP; v++) store64(w.terms + c * BLOCK + v * LANES64, term[v]);
    }
    Vec64 total = splat64(0);
    for (int v = 0; v < BLOCK; v += LANES64) {
        Vec64 top = load64(w.terms + v), sum = splat64(0);
        for (int c = 1; c < k; c++)
            top = max_vec64(top, load64(w.terms + c * BLOCK + v));
        for (int c = 0; c < k; c++) {
            Vec64 e = exp_vec64(load64(w.terms + c * BLOCK + v) - top);
            store64(w.terms + c * BLOCK + v, e);
            sum += e;
        }
        total += top + log_vec64(sum);
        for (int c = 0; c < k; c++)
            store64(w.terms + c * BLOCK + v, load64(w.terms + c * BLOCK + v) / sum);
    }
    return total;
}

/* y becomes share*y; sums over the block. */
static void weigh(int d, const double *share, double *y, double *sum_y) {
    for (int i = 0; i < d; i++) {
        Vec64 sum = load64(sum_y + i * LANES64);
        UNROLL for (int v = 0; v < GROUP; v++) {
            Vec64 weighted = load64(y + i * BLOCK + v * LANES64) * load64(share + v * LANES64);
            store64(y + i * BLOCK + v * LANES64, weighted);
            sum += weighted;
        }
        store64(sum_y + i * LANES64, sum);
    }
}

/* Four columns of two rows of the sums of y x'. */
INLINE void sums_tile(const double *y, const double *x, double *sums, int D, int i, int j,
                      int columns) {
    Vec64 yv[2][GROUP];
    UNROLL for (int r = 0; r < 2; r++) UNROLL for (int v = 0; v < GROUP; v++) yv[r][v] =
        load64(y + (i + r) * BLOCK + v * LANES64);
    for (int c = j; c < j + columns; c++) {
        Vec64 a = load64(sums + (i * D + c) * LANES64),
              b = load64(sums + ((i + 1) * D + c) * LANES64);
        UNROLL for (int v = 0; v < GROUP; v++) {
            Vec64 xv = load64(x + c * BLOCK + v * LANES64);
            a += yv[0][v] * xv;
            b += yv[1][v] * xv;
        }
        store64(sums + (i * D + c) * LANES64, a);
        store64(sums + ((i + 1) * D + c) * LANES64, b);
    }
}

static void block_adjoint(int k, int D, Work w) {
    for (int c = 0; c < k; c++) {
        const double *share = w.terms + c * BLOCK;
        double *y = w.y + c * D * BLOCK, *sums = w.sum_yx + c * D * D * LANES64;
        Vec64 sum = load64(w.sum + c * LANES64);
        UNROLL for (int v = 0; v < GROUP; v++) sum += load64(share + v * LANES64);
        store64(w.sum + c * LANES64, sum);
        weigh(D, share, y, w.sum_y + c * D * LANES64);
        for (int i = 0; i < D; i += 2)
            sums_tile(y, w.x, sums, D, i, 0, i + 2);
    }
}

/* From the sums to the gradient. */
static void finish(int n, int k, int d, const GmmLeaves *g, double gam, int m, double alpha_lse,
                   Work w, GmmLeaves *grad) {
    int D = (int)padded(d), t = d * (d - 1) / 2;
    for (int c = 0; c < k; c++) {
        const double *q = w.q + c * D * D, *mu = g->mu + c * d;
        double share = sum_vec64(load64(w.sum + c * LANES64)), y[D];
        grad->alpha[c] = share - n * exp(g->alpha[c] - alpha_lse);
        for (int i = 0; i < d; i++)
            y[i] = sum_vec64(load64(w.sum_y + (c * D + i) * LANES64));
        double *l = grad->l + c * t;
        for (int j = 0; j < d; j++) {
            double mu_adj = 0;
            for (int i = j; i < d; i++) {
                double yx =
                    sum_vec64(load64(w.sum_yx + ((c * D + i) * D + j) * LANES64)) - y[i] * mu[j];
                double own = gam * gam * q[i * D + j] - yx;
                mu_adj += q[i * D + j] * y[i];
                if (i == j)
                    grad->q[c * d + j] = q[j * D + j] * own + share - m;
                else
                    *l++ = own;
            }
            grad->mu[c * d + j] = mu_adj;
        }
    }
}

/* Points from `at`; those past n are copies of the last, whose share is taken out. */
static void load_points(int n, int d, int D, const double *X, int at, Work w) {
    for (int p = 0; p < BLOCK; p++)
        for (int j = 0; j < D; j++)
            w.x[j * BLOCK + p] = j < d && at + p < n ? X[(at + p) * d + j] : 0;
}

/* Drops what is past n from a last block. */
static double drop_padding(int k, int used, int D, Work w) {
    double dropped = 0;
    for (int p = used; p < BLOCK; p++) {
        double terms[k];
        for (int c = 0; c < k; c++) {
            double y2 = 0;
            for (int i = 0; i < D; i++)
                y2 += w.y[(c * D + i) * BLOCK + p] * w.y[(c * D + i) * BLOCK + p];
            terms[c] = w.base[c] - 0.5 * y2;
            w.terms[c * BLOCK + p] = 0;
        }
        dropped += log_sum_exp(k, terms);
    }
    return dropped;
}

double gmm_hand(int n, int k, int d, const GmmLeaves *g, const double *X, double gam, int m,
                GmmLeaves *grad, double *work) {
    Work w = layout(k, d, work);
    int D = (int)padded(d);
    double prior = prepare(k, d, g, gam, m, w), dropped = 0;
    memset(w.sum_yx, 0, (size_t)((char *)w.q - (char *)w.sum_yx));
    Vec64 total = splat64(0);
    for (int at = 0; at < n; at += BLOCK) {
        load_points(n, d, D, X, at, w);
        total += block_value(k, D, w);
        if (n - at < BLOCK)
            dropped = drop_padding(k, n - at, D, w);
        if (grad)
            block_adjoint(k, D, w);
    }
    double alpha_lse = log_sum_exp(k, g->alpha);
    if (grad)
        finish(n, k, d, g, gam, m, alpha_lse, w, grad);
    return sum_vec64(total) - dropped - n * alpha_lse + prior;
}
