/* See arrays_hand.h. */
#include "arrays_hand.h"
#include "vec.h"

void times_hand(long n, long d, const double *X, const double *w, double *out) {
    long whole = d / (2 * LANES64) * (2 * LANES64);
    for (long i = 0; i < n; i++, X += d) {
        Vec64 a = splat64(0), b = splat64(0);
        double rest = 0;
        for (long j = 0; j < whole; j += 2 * LANES64) {
            a += load64(X + j) * load64(w + j);
            b += load64(X + j + LANES64) * load64(w + j + LANES64);
        }
        for (long j = whole; j < d; j++)
            rest += X[j] * w[j];
        out[i] = sum_vec64(a + b) + rest;
    }
}

void back_hand(long n, long d, const double *restrict X, const double *r, double *restrict out) {
    for (long j = 0; j < d; j++)
        out[j] = 0;
    for (long i = 0; i < n; i++, X += d)
        for (long j = 0; j < d; j++)
            out[j] += r[i] * X[j];
}

void means_hand(long n, long d, const double *restrict X, double *restrict out) {
    for (long j = 0; j < d; j++)
        out[j] = 0;
    for (long i = 0; i < n; i++, X += d)
        for (long j = 0; j < d; j++)
            out[j] += X[j];
    for (long j = 0; j < d; j++)
        out[j] /= (double)n;
}

void variances_hand(long n, long d, const double *restrict X, double *restrict out) {
    double mean[1024];
    means_hand(n, d, X, mean);
    for (long j = 0; j < d; j++)
        out[j] = 0;
    for (long i = 0; i < n; i++, X += d)
        for (long j = 0; j < d; j++)
            out[j] += (X[j] - mean[j]) * (X[j] - mean[j]);
    for (long j = 0; j < d; j++)
        out[j] /= (double)n;
}

void turned_hand(long n, long d, const double *restrict X, double *restrict out) {
    enum { SIDE = 16 };
    for (long i = 0; i < n; i += SIDE)
        for (long j = 0; j < d; j += SIDE)
            for (long b = j; b < j + SIDE && b < d; b++)
                for (long a = i; a < i + SIDE && a < n; a++)
                    out[b * n + a] = X[a * d + b];
}

double rough_hand(long n, const double *restrict x, double *restrict grad) {
    Vec64 sums = splat64(0);
    double sum = 0;
    long whole = (n - 1) / LANES64 * LANES64;
    for (long i = 0; i < whole; i += LANES64) {
        Vec64 step = load64(x + i + 1) - load64(x + i);
        sums += step * step;
    }
    for (long i = whole; i < n - 1; i++)
        sum += (x[i + 1] - x[i]) * (x[i + 1] - x[i]);
    grad[0] = 2 * (x[0] - x[1]);
    for (long i = 1; i < n - 1; i++)
        grad[i] = 2 * (2 * x[i] - x[i - 1] - x[i + 1]);
    grad[n - 1] = 2 * (x[n - 1] - x[n - 2]);
    return sum + sum_vec64(sums);
}

/* r: of row i + 1. */
static double residuals(long d, const double *restrict X, double *restrict r) {
    Vec64 sums = splat64(0);
    double sum = 0;
    long whole = (d - 2) / LANES64 * LANES64;
    for (long j = 0; j < d - 2; j++)
        r[j] = 4 * X[d + j + 1] - X[j + 1] - X[2 * d + j + 1] - X[d + j] - X[d + j + 2];
    for (long j = 0; j < whole; j += LANES64)
        sums += load64(r + j) * load64(r + j);
    for (long j = whole; j < d - 2; j++)
        sum += r[j] * r[j];
    return sum + sum_vec64(sums);
}

double five_points_hand(long n, long d, const double *X, double *restrict grad,
                        double *restrict r) {
    double sum = 0;
    memset(grad, 0, sizeof *grad * (size_t)(n * d));
    for (long i = 0; i < n - 2; i++, X += d, grad += d) {
        sum += residuals(d, X, r);
        for (long j = 0; j < d - 2; j++) {
            grad[j + 1] -= 2 * r[j];
            grad[2 * d + j + 1] -= 2 * r[j];
        }
        for (long j = 0; j < d - 2; j++)
            grad[d + j] -= 2 * r[j];
        for (long j = 0; j < d - 2; j++)
            grad[d + j + 1] += 8 * r[j];
        for (long j = 0; j < d - 2; j++)
            grad[d + j + 2] -= 2 * r[j];
    }
    return sum;
}
