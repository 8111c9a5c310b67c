/* A Kalman filter and its adjoint as an expert writes them for one size: a row of a matrix is a
 * vector, every product is unrolled in registers, and the adjoint works with W, the inverse of the
 * innovations' covariance (symmetrised, as cholesky reads it): log det and quadratic form have no
 * adjoint of a factorisation then. */
#include "kalman_hand.h"
#include "vec.h"

#include <math.h>

enum { M = KALMAN_M, K = KALMAN_K };
typedef double Row __attribute__((vector_size(M * sizeof(double)))); /* a row of states */

/* What the reverse sweep needs of a step. */
typedef struct Step {
    Row x, xp, P[M], Pp[M], G[K]; /* G = C Pp */
    double W[K][K], e[K], u[K];   /* u = W e */
} Step;

size_t kalman_hand_work(int64_t T) {
    return sizeof(Step) * (size_t)T;
}

INLINE double dot(Row a, Row b) {
    Row p = a * b;
    double sum = 0;
    UNROLL for (int i = 0; i < M; i++) sum += p[i];
    return sum;
}

INLINE void load_rows(const double *from, int n, Row *to) {
    memcpy(to, from, (size_t)n * sizeof *to);
}

/* out[n] += a [n, m] b [m] */
INLINE void multiply(int n, int m, const Row *a, const Row *b, Row *out) {
    UNROLL for (int i = 0; i < n; i++) UNROLL for (int j = 0; j < m; j++) out[i] += a[i][j] * b[j];
}

/* out[n] += a' b: a is [m, n], b [m] */
INLINE void multiply_at(int n, int m, const Row *a, const Row *b, Row *out) {
    UNROLL for (int j = 0; j < m; j++) UNROLL for (int i = 0; i < n; i++) out[i] += a[j][i] * b[j];
}

INLINE void turn(const Row *a, Row *out) {
    double flat[M][M];
    UNROLL for (int i = 0; i < M; i++) UNROLL for (int j = 0; j < M; j++) flat[j][i] = a[i][j];
    memcpy(out, flat, sizeof flat);
}

/* W = S^-1 for symmetric positive definite S, by its Cholesky factor; log det S too. */
static double invert(double S[K][K], double W[K][K]) {
    double L[K][K], logdet = 0;
    for (int i = 0; i < K; i++)
        for (int j = 0; j <= i; j++) {
            double s = S[i][j];
            for (int k = 0; k < j; k++)
                s -= L[i][k] * L[j][k];
            L[i][j] = i == j ? sqrt(s) : s / L[j][j];
        }
    double I[K][K] = {0}; /* the inverse of L */
    for (int i = 0; i < K; i++) {
        logdet += log(L[i][i]);
        I[i][i] = 1 / L[i][i];
        for (int j = 0; j < i; j++) {
            for (int k = j; k < i; k++)
                I[i][j] -= L[i][k] * I[k][j];
            I[i][j] *= I[i][i];
        }
    }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            W[i][j] = 0;
            for (int k = i > j ? i : j; k < K; k++)
                W[i][j] += I[k][i] * I[k][j];
        }
    return 2 * logdet;
}

typedef struct Model {
    Row A[M], At[M], C[K], Q[M];
    double R[K][K];
} Model;

/* From x, P in s to those of the next step; the log likelihood of y. */
static double forward(const Model *p, const double *y, Step *s, Row *x, Row *P) {
    Row AP[M] = {0}, WG[K] = {0};
    double S[K][K], quadratic = 0;
    s->xp = (Row){0};
    UNROLL for (int j = 0; j < M; j++) s->xp += s->x[j] * p->At[j];
    multiply(M, M, p->A, s->P, AP);
    memcpy(s->Pp, p->Q, sizeof s->Pp);
    multiply(M, M, AP, p->At, s->Pp);
    memset(s->G, 0, sizeof s->G);
    multiply(K, M, p->C, s->Pp, s->G);
    for (int i = 0; i < K; i++) {
        s->e[i] = y[i] - dot(p->C[i], s->xp);
        for (int j = 0; j < K; j++)
            S[i][j] = dot(s->G[i], p->C[j]) + p->R[i][j];
    }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < i; j++)
            S[i][j] = S[j][i] = 0.5 * (S[i][j] + S[j][i]);
    double logdet = invert(S, s->W);
    *x = s->xp;
    for (int i = 0; i < K; i++) {
        s->u[i] = 0;
        for (int j = 0; j < K; j++) {
            s->u[i] += s->W[i][j] * s->e[j];
            WG[i] += s->W[i][j] * s->G[j];
        }
        quadratic += s->u[i] * s->e[i];
        *x += s->u[i] * s->G[i];
    }
    UNROLL for (int i = 0; i < M; i++) {
        P[i] = s->Pp[i];
        UNROLL for (int k = 0; k < K; k++) P[i] -= WG[k][i] * s->G[k];
    }
    return -0.5 * (quadratic + logdet + K * 1.83787706640934548356);
}

typedef struct Adjoint {
    Row A[M], C[K], Q[M], x, P[M];
    double R[K][K];
} Adjoint;

/* S_adj, from the adjoints a of the next x and B of the next P; G_adj and e_adj too. */
static void measurement(const Step *s, const Adjoint *d, double S_adj[K][K], Row *G_adj,
                        double *e_adj) {
    Row H[K] = {0}, Bt[M];
    double Ga[K], W_adj[K][K], T[K][K];
    turn(d->P, Bt);
    UNROLL for (int j = 0; j < M; j++) Bt[j] += d->P[j];
    multiply(K, M, s->G, Bt, H); /* G (B + B') */
    for (int i = 0; i < K; i++) {
        Ga[i] = dot(s->G[i], d->x);
        G_adj[i] = s->u[i] * d->x;
        for (int k = 0; k < K; k++)
            G_adj[i] -= s->W[i][k] * H[k];
    }
    for (int i = 0; i < K; i++) {
        e_adj[i] = -s->u[i];
        for (int j = 0; j < K; j++) {
            e_adj[i] += s->W[i][j] * Ga[j];
            /* symmetrised: only that part survives */
            W_adj[i][j] =
                0.5 * (Ga[i] * s->e[j] + Ga[j] * s->e[i] - s->e[i] * s->e[j] - dot(H[i], s->G[j]));
        }
    }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            T[i][j] = 0;
            for (int k = 0; k < K; k++)
                T[i][j] += s->W[i][k] * W_adj[k][j];
        }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            S_adj[i][j] = -0.5 * s->W[i][j];
            for (int k = 0; k < K; k++)
                S_adj[i][j] -= T[i][k] * s->W[k][j];
        }
}

static void reverse(const Model *p, const Step *s, Adjoint *d) {
    Row G_adj[K], xp_adj = d->x, Pp_adj[M], Pt[M], T[M] = {0}, U[M] = {0};
    double S_adj[K][K], e_adj[K];
    measurement(s, d, S_adj, G_adj, e_adj);
    memcpy(Pp_adj, d->P, sizeof Pp_adj);
    turn(s->Pp, Pt);
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            d->R[i][j] += S_adj[i][j];
            d->C[i] += S_adj[i][j] * s->G[j]; /* S = G C' + R, and S_adj is symmetric */
            G_adj[i] += S_adj[i][j] * p->C[j];
        }
        d->C[i] -= e_adj[i] * s->xp;
        xp_adj -= e_adj[i] * p->C[i];
    }
    multiply(K, M, G_adj, Pt, d->C);
    multiply_at(M, K, p->C, G_adj, Pp_adj);
    UNROLL for (int i = 0; i < M; i++) d->Q[i] += Pp_adj[i];
    /* A: (Pp_adj A P' + Pp_adj' A P) + xp_adj x' */
    turn(s->P, Pt);
    multiply(M, M, p->A, Pt, T);
    multiply(M, M, Pp_adj, T, d->A);
    memset(T, 0, sizeof T);
    multiply(M, M, p->A, s->P, T);
    multiply_at(M, M, Pp_adj, T, d->A);
    UNROLL for (int i = 0; i < M; i++) d->A[i] += xp_adj[i] * s->x;
    multiply(M, M, Pp_adj, p->A, U);
    memset(d->P, 0, sizeof d->P);
    multiply_at(M, M, p->A, U, d->P);
    d->x = (Row){0};
    UNROLL for (int i = 0; i < M; i++) d->x += xp_adj[i] * p->A[i];
}

double kalman_hand(int64_t T, const Filter *p, const double *ys, Filter *grad, void *work) {
    Step *steps = work;
    Model m;
    Adjoint d = {0};
    Row x, P[M];
    double total = 0;
    load_rows(p->A, M, m.A);
    load_rows(p->C, K, m.C);
    load_rows(p->Q, M, m.Q);
    turn(m.A, m.At);
    memcpy(m.R, p->R, sizeof m.R);
    load_rows(p->m0, 1, &x);
    load_rows(p->P0, M, P);
    for (int64_t t = 0; t < T; t++) {
        steps[t].x = x;
        memcpy(steps[t].P, P, sizeof P);
        total += forward(&m, ys + t * K, &steps[t], &x, P);
    }
    for (int64_t t = T; t-- > 0;)
        reverse(&m, &steps[t], &d);
    memcpy(grad->A, d.A, sizeof d.A);
    memcpy(grad->C, d.C, sizeof d.C);
    memcpy(grad->Q, d.Q, sizeof d.Q);
    memcpy(grad->R, d.R, sizeof d.R);
    memcpy(grad->m0, &d.x, sizeof d.x);
    memcpy(grad->P0, d.P, sizeof d.P);
    return total;
}
