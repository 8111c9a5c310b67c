/* The Gaussian mixture and its adjoint as a good engineer writes them: scalar C, the adjoint
 * derived by hand, after the manual versions of ADBench. See bench/gmm_hand.h. */
#include "gmm_hand.h"

#include <math.h>
#include <string.h>

size_t gmm_scalar_work(int k, int d) {
    return sizeof(double) * (size_t)(k * d * 3 + 4 * k + 2 * d);
}

/* Qx = Q x: Q has exp(q) on the diagonal and l below it, column by column. */
static void q_times_x(int d, const double *diagonal, const double *l, const double *x, double *qx) {
    for (int i = 0; i < d; i++)
        qx[i] = diagonal[i] * x[i];
    for (int j = 0; j < d; j++)
        for (int i = j + 1; i < d; i++)
            qx[i] += *l++ * x[j];
}

static double log_sum_exp(int n, const double *x) {
    double top = x[0], sum = 0;
    for (int i = 1; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - top);
    return top + log(sum);
}

static double norm2(int n, const double *x) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static void prepare(int k, int d, const double *q, double *diagonals, double *sums) {
    for (int c = 0; c < k; c++) {
        sums[c] = 0;
        for (int i = 0; i < d; i++) {
            sums[c] += q[c * d + i];
            diagonals[c * d + i] = exp(q[c * d + i]);
        }
    }
}

static double prior(int k, int d, const GmmLeaves *g, const double *diagonals, const double *sums,
                    double gam, int m) {
    double sum = 0;
    int t = d * (d - 1) / 2;
    for (int c = 0; c < k; c++)
        sum +=
            0.5 * gam * gam * (norm2(d, diagonals + c * d) + norm2(t, g->l + c * t)) - m * sums[c];
    return sum;
}

double gmm_scalar(int n, int k, int d, const GmmLeaves *g, const double *X, double gam, int m,
                  double *work) {
    double *diagonals = work, *sums = diagonals + k * d, *terms = sums + k, *x = terms + k,
           *qx = x + d;
    int t = d * (d - 1) / 2;
    prepare(k, d, g->q, diagonals, sums);
    double total = 0;
    for (int s = 0; s < n; s++) {
        for (int c = 0; c < k; c++) {
            for (int i = 0; i < d; i++)
                x[i] = X[s * d + i] - g->mu[c * d + i];
            q_times_x(d, diagonals + c * d, g->l + c * t, x, qx);
            terms[c] = g->alpha[c] + sums[c] - 0.5 * norm2(d, qx);
        }
        total += log_sum_exp(k, terms);
    }
    return total - n * log_sum_exp(k, g->alpha) + prior(k, d, g, diagonals, sums, gam, m);
}

/* ---- the adjoint ---- */

/* One component of one point, whose share of the total is `share`. */
static void point_adjoint(int d, double share, const double *diagonal, const double *l,
                          const double *x, const double *qx, double *mu_adj, double *q_adj,
                          double *l_adj) {
    for (int i = 0; i < d; i++) {
        mu_adj[i] += share * diagonal[i] * qx[i];
        q_adj[i] += share * (1 - diagonal[i] * x[i] * qx[i]);
    }
    for (int j = 0; j < d; j++)
        for (int i = j + 1; i < d; i++) {
            mu_adj[j] += share * *l++ * qx[i];
            *l_adj++ -= share * qx[i] * x[j];
        }
}

static void prior_adjoint(int k, int d, const GmmLeaves *g, const double *diagonals, double gam,
                          int m, GmmLeaves *grad) {
    int t = d * (d - 1) / 2;
    for (int i = 0; i < k * d; i++)
        grad->q[i] += gam * gam * diagonals[i] * diagonals[i] - m;
    for (int i = 0; i < k * t; i++)
        grad->l[i] += gam * gam * g->l[i];
}

double gmm_scalar_adjoint(int n, int k, int d, const GmmLeaves *g, const double *X, double gam,
                          int m, GmmLeaves *grad, double *work) {
    double *diagonals = work, *sums = diagonals + k * d, *terms = sums + k, *x = terms + k,
           *qx = x + k * d;
    int t = d * (d - 1) / 2;
    memset(grad->alpha, 0, sizeof(double) * (size_t)k);
    memset(grad->mu, 0, sizeof(double) * (size_t)(k * d));
    memset(grad->q, 0, sizeof(double) * (size_t)(k * d));
    memset(grad->l, 0, sizeof(double) * (size_t)(k * t));
    prepare(k, d, g->q, diagonals, sums);
    double total = 0;
    for (int s = 0; s < n; s++) {
        for (int c = 0; c < k; c++) {
            for (int i = 0; i < d; i++)
                x[c * d + i] = X[s * d + i] - g->mu[c * d + i];
            q_times_x(d, diagonals + c * d, g->l + c * t, x + c * d, qx + c * d);
            terms[c] = g->alpha[c] + sums[c] - 0.5 * norm2(d, qx + c * d);
        }
        double lse = log_sum_exp(k, terms);
        total += lse;
        for (int c = 0; c < k; c++) {
            double share = exp(terms[c] - lse);
            grad->alpha[c] += share;
            point_adjoint(d, share, diagonals + c * d, g->l + c * t, x + c * d, qx + c * d,
                          grad->mu + c * d, grad->q + c * d, grad->l + c * t);
        }
    }
    double lse = log_sum_exp(k, g->alpha);
    for (int c = 0; c < k; c++)
        grad->alpha[c] -= n * exp(g->alpha[c] - lse);
    prior_adjoint(k, d, g, diagonals, gam, m, grad);
    return total - n * lse + prior(k, d, g, diagonals, sums, gam, m);
}
