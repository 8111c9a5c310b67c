/* The Kalman filter's log likelihood and its gradient against a filter in long double that inverts
 * by elimination, and extrapolated differences of it.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %top/examples/models/kalman.bp -o %t/kalman.o
 * RUN: %cc -I%t %s %t/kalman.o -lm -o %t/host && %t/host
 */
#include "kalman.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long double Wide;
enum { M = 3, K = 2, T = 6 };

/* The leaves of the model in the order of its fields. */
typedef struct Model {
    Wide A[M * M], C[K * M], Q[M * M], R[K * K], m0[M], P0[M * M];
} Model;
enum { LEAVES = sizeof(Model) / sizeof(Wide) };

static Wide ys[T * K];

static double uniform(void) {
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-52 - 1.0;
}

/* C = A B, or A B' */
static void product(int n, int k, int m, const Wide *A, const Wide *B, int transposed, Wide *C) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++) {
            C[i * m + j] = 0.0L;
            for (int l = 0; l < k; l++)
                C[i * m + j] += A[i * k + l] * (transposed ? B[j * k + l] : B[l * m + j]);
        }
}

/* The inverse of a 2 x 2 matrix, and its determinant. */
static Wide invert(const Wide *S, Wide *I) {
    Wide det = S[0] * S[3] - S[1] * S[2];
    I[0] = S[3] / det;
    I[1] = -S[1] / det;
    I[2] = -S[2] / det;
    I[3] = S[0] / det;
    return det;
}

/* The textbook's filter: S = C P C' + R, K = P C' S^-1. The model factors the symmetric part of S.
 */
static Wide likelihood(const Model *p) {
    Wide x[M], P[M * M], sum = 0.0L;
    memcpy(x, p->m0, sizeof x);
    memcpy(P, p->P0, sizeof P);
    for (int t = 0; t < T; t++) {
        Wide xp[M], AP[M * M], Pp[M * M], CP[K * M], S[K * K], I[K * K], Cx[K], e[K], gain[M * K],
            ICP[K * M], GC[M * M], next[M * M];
        product(M, M, 1, p->A, x, 0, xp);
        product(M, M, M, p->A, P, 0, AP);
        product(M, M, M, AP, p->A, 1, Pp);
        for (int i = 0; i < M * M; i++)
            Pp[i] += p->Q[i];
        product(K, M, M, p->C, Pp, 0, CP);
        product(K, M, K, CP, p->C, 1, S);
        for (int i = 0; i < K * K; i++)
            S[i] += p->R[i];
        S[1] = S[2] = (S[1] + S[2]) / 2.0L;
        product(K, M, 1, p->C, xp, 0, Cx);
        for (int i = 0; i < K; i++)
            e[i] = ys[t * K + i] - Cx[i];
        Wide det = invert(S, I), quadratic = 0.0L;
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++)
                quadratic += e[i] * I[i * K + j] * e[j];
        sum -= 0.5L * (quadratic + logl(det) + (Wide)K * logl(2.0L * acosl(-1.0L)));
        product(K, K, M, I, CP, 0, ICP);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < K; j++)
                gain[i * K + j] = ICP[j * M + i];
        product(M, K, 1, gain, e, 0, x);
        for (int i = 0; i < M; i++)
            x[i] += xp[i];
        product(M, K, M, gain, p->C, 0, GC);
        product(M, M, M, GC, Pp, 0, next);
        for (int i = 0; i < M * M; i++)
            P[i] = Pp[i] - next[i];
    }
    return sum;
}

static Wide moved(const Model *p, int leaf, Wide h) {
    Model q;
    Wide flat[LEAVES];
    memcpy(flat, p, sizeof flat);
    flat[leaf] += h;
    memcpy(&q, flat, sizeof q);
    return likelihood(&q);
}

static Wide difference(const Model *p, int leaf) {
    Wide table[4];
    for (int k = 0; k < 4; k++) {
        Wide h = 0.01L / (Wide)(1 << k);
        table[k] = (moved(p, leaf, h) - moved(p, leaf, -h)) / (2.0L * h);
        for (int i = k - 1, power = 4; i >= 0; i--, power *= 4)
            table[i] = table[i + 1] + (table[i + 1] - table[i]) / (Wide)(power - 1);
    }
    return table[0];
}

static void random_model(Model *p) {
    Wide flat[LEAVES];
    for (int i = 0; i < LEAVES; i++)
        flat[i] = 0.4 * uniform();
    memcpy(p, flat, sizeof flat);
    for (int i = 0; i < M; i++) {
        p->Q[i * M + i] += 1.0L;
        p->P0[i * M + i] += 1.0L;
    }
    for (int i = 0; i < K; i++)
        p->R[i * K + i] += 1.5L;
    for (int i = 0; i < T * K; i++)
        ys[i] = (double)(Wide)uniform();
}

static int check(const char *what, int at, double got, Wide want, Wide scale, double tolerance) {
    if (fabsl(got - want) <= tolerance * scale)
        return 0;
    printf("%s %d: got %.17g, expected %.17Lg\n", what, at, got, want);
    return 1;
}

/* The leaves of a model, one behind the other. */
static Lgss leaves(double *x) {
    return (Lgss){x,
                  x + M * M,
                  x + M * M + K * M,
                  x + 2 * M * M + K * M,
                  x + 2 * M * M + K * M + K * K,
                  x + 2 * M * M + K * M + K * K + M};
}

int main(void) {
    int failures = 0;
    size_t size = kalman_grad_work(T, M, K) + loglik_work(T, M, K);
    void *work = aligned_alloc(64, (size + 127) / 64 * 64);
    for (int trial = 0; trial < 5; trial++) {
        Model p;
        random_model(&p);
        Wide flat[LEAVES];
        double x[LEAVES], g[LEAVES], y[T * K], value, out;
        memcpy(flat, &p, sizeof flat);
        for (int i = 0; i < LEAVES; i++)
            flat[i] = x[i] = (double)flat[i];
        memcpy(&p, flat, sizeof p);
        for (int i = 0; i < T * K; i++)
            y[i] = (double)ys[i];
        Lgss model = leaves(x), gradient = leaves(g);
        int status = loglik(T, M, K, &model, y, &value, work) +
                     kalman_grad(T, M, K, &model, y, &out, &gradient, work);
        Wide want = likelihood(&p), scale = 1.0L;
        failures += status != 0;
        failures += check("value", trial, value, want, fabsl(want), 1e-12);
        failures += check("value beside gradient", trial, out, want, fabsl(want), 1e-12);
        for (int i = 0; i < LEAVES; i++)
            scale = fmaxl(scale, fabsl(g[i]));
        for (int i = 0; i < LEAVES; i++)
            failures += check("gradient", i, g[i], difference(&p, i), scale, 1e-10);
        for (int i = 0; i < K * K; i++)
            x[2 * M * M + K * M + i] = i == 0 ? -100.0 : 0.0;
        status = loglik(T, M, K, &model, y, &value, work);
        const char *text = kalman_error(status);
        if (status <= 0 || !text || !strstr(text, "kalman.bp:8:") ||
            !strstr(text, "not positive definite")) {
            printf("status %d, %s\n", status, text ? text : "no text");
            failures++;
        }
    }
    free(work);
    return failures > 0;
}
