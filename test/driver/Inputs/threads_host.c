/* Calls functions that threads share, from threads of its own as well, and compares with plain
 * loops. */
#include "threads.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5000, D = 24, T = 40, M = 300000, HOSTS = 4, ROUNDS = 5 };

static double W[D][D], X[N][D], x[M];
static int64_t k[M];

static void *room(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!memory)
        abort();
    return memory;
}

static int differs(const char *what, const double *a, const double *b, size_t n) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(a[i] - b[i]));
        largest = fmax(largest, fabs(b[i]));
    }
    if (worst <= 1e-12 * largest)
        return 0;
    fprintf(stderr, "%s: %g of %g\n", what, worst, largest);
    return 1;
}

typedef struct Gradient {
    double value, W[D][D], X[N][D];
} Gradient;

static void expected(Gradient *g) {
    memset(g, 0, sizeof *g);
    for (int i = 0; i < N; i++) {
        double a[D], y[D], norm = 0;
        for (int j = 0; j < D; j++)
            a[j] = tanh(X[i][j]);
        for (int r = 0; r < D; r++) {
            y[r] = 0;
            for (int j = 0; j < D; j++)
                y[r] += W[r][j] * a[j];
            norm += y[r] * y[r];
        }
        g->value += log(1 + norm);
        for (int r = 0; r < D; r++)
            for (int j = 0; j < D; j++) {
                double y_adj = 2 * y[r] / (1 + norm);
                g->W[r][j] += y_adj * a[j];
                g->X[i][j] += y_adj * W[r][j] * (1 - a[j] * a[j]);
            }
    }
}

static void call(Gradient *g) {
    void *work = room(loss_grad_work(N, D));
    if (loss_grad(N, D, &W[0][0], &X[0][0], &g->value, &g->W[0][0], &g->X[0][0], work))
        abort();
    free(work);
}

static void *host(void *wrong) {
    static Gradient first;
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    static int known;
    Gradient *g = malloc(sizeof *g);
    for (int i = 0; i < ROUNDS; i++) {
        call(g);
        pthread_mutex_lock(&once);
        if (!known)
            first = *g, known = 1;
        pthread_mutex_unlock(&once);
        *(int *)wrong += memcmp(g, &first, sizeof first) != 0; /* the same bits */
    }
    free(g);
    return NULL;
}

static int check_gradient(void) {
    Gradient *is = malloc(sizeof *is), *should = malloc(sizeof *should);
    call(is);
    expected(should);
    int wrong = differs("value", &is->value, &should->value, 1) +
                differs("W", &is->W[0][0], &should->W[0][0], (size_t)D * D) +
                differs("X", &is->X[0][0], &should->X[0][0], (size_t)N * D);
    free(is), free(should);
    return wrong;
}

/* The sequences are rows of X, S at a time. */
static int check_last(void) {
    enum { S = 20, B = N / S };
    static double states[S + 1][D], W_adj[D][D], grad[D * D];
    double value, is = 0;
    void *work = room(last_grad_work(B, S, D));
    int wrong = last_grad(B, S, D, &W[0][0], &X[0][0], &value, grad, work);
    for (int b = 0; b < B; b++) {
        double adj[D];
        memcpy(states[0], X[b * S], sizeof states[0]);
        for (int t = 0; t < S; t++)
            for (int r = 0; r < D; r++) {
                double z = X[b * S + t][r];
                for (int j = 0; j < D; j++)
                    z += W[r][j] * states[t][j];
                states[t + 1][r] = tanh(z);
            }
        for (int r = 0; r < D; r++)
            is += states[S][r] / B, adj[r] = 1.0 / B;
        for (int t = S; t-- > 0;) {
            double before[D] = {0};
            for (int r = 0; r < D; r++) {
                double z_adj = adj[r] * (1 - states[t + 1][r] * states[t + 1][r]);
                for (int j = 0; j < D; j++) {
                    W_adj[r][j] += z_adj * states[t][j];
                    before[j] += z_adj * W[r][j];
                }
            }
            memcpy(adj, before, sizeof adj);
        }
    }
    free(work);
    return wrong + differs("last", &value, &is, 1) +
           differs("last, W", grad, &W_adj[0][0], (size_t)D * D);
}

static int check_walk(void) {
    double *is = room(sizeof(double) * M), *should = room(sizeof(double) * M);
    void *work = room(walk_work(M, T));
    int wrong = walk(M, x, T, is, work);
    for (int i = 0; i < M; i++) {
        double a = x[i];
        should[i] = 0;
        for (int t = 0; t < T; t++)
            should[i] += a = sin(a) + x[i];
    }
    wrong += differs("walk", is, should, M);
    free(is), free(should), free(work);
    return wrong;
}

static int check_picked(void) {
    double is, should = 0;
    void *work = room(picked_work(N, M));
    for (int i = 0; i < M; i++)
        should += exp(x[k[i]]);
    int wrong = picked(N, M, x, k, &is, work) != 0;
    wrong += differs("picked", &is, &should, 1);
    k[M - 1] = N; /* in the last part */
    int status = picked(N, M, x, k, &is, work);
    const char *text = threads_error(status);
    wrong += !text || !strstr(text, "index out of range");
    free(work);
    return wrong;
}

int main(void) {
    int wrong[HOSTS] = {0}, total = 0;
    for (int i = 0; i < D * D; i++)
        W[i / D][i % D] = (double)rand() / RAND_MAX - 0.5;
    for (int i = 0; i < N * D; i++)
        X[i / D][i % D] = 2.0 * rand() / RAND_MAX - 1;
    for (int i = 0; i < M; i++)
        x[i] = 2.0 * rand() / RAND_MAX - 1, k[i] = rand() % N;
    total += check_gradient() + check_walk() + check_last() + check_picked();
    pthread_t threads[HOSTS];
    for (int i = 0; i < HOSTS; i++)
        if (pthread_create(&threads[i], NULL, host, &wrong[i]) != 0)
            return 1;
    for (int i = 0; i < HOSTS; i++) {
        pthread_join(threads[i], NULL);
        total += wrong[i];
    }
    printf("%d wrong\n", total);
    return total != 0;
}
