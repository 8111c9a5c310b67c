/* The Kalman filter of examples/models/kalman.bp, f64, 8 states, 4 measurements, 1000 steps: value
 * and gradient. */
#include "kalman.h"
#include "kalman_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>

enum { T = 1000, M = KALMAN_M, K = KALMAN_K, LEAVES = M * M + K * M + M * M + K * K + M + M * M };

typedef struct Case {
    Lgss p, g, by_hand;
    double *ys, value;
    void *work, *hand_work;
} Case;

static Lgss new_filter(void) {
    double *w = measure_memory(LEAVES * sizeof *w);
    double *Q = w + M * M + K * M, *R = Q + M * M, *m0 = R + K * K;
    return (Lgss){w, w + M * M, Q, R, m0, m0 + M};
}

static Filter as_hand(Lgss f) {
    return (Filter){f.A, f.C, f.Q, f.R, f.m0, f.P0};
}

static void run_primal(void *user) {
    Case *c = user;
    measure_ok(loglik(T, M, K, &c->p, c->ys, &c->value, c->work), kalman_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(kalman_grad(T, M, K, &c->p, c->ys, &c->value, &c->g, c->work), kalman_error);
}

static void run_hand(void *user) {
    Case *c = user;
    Filter p = as_hand(c->p), g = as_hand(c->by_hand);
    c->value = kalman_hand(T, &p, c->ys, &g, c->hand_work);
}

/* Positive definite, and not quite symmetric. */
static void fill_covariance(double *x, int n) {
    measure_fill(x, (size_t)(n * n), -0.05, 0.05);
    for (int i = 0; i < n; i++)
        x[i * n + i] += 1;
}

static void compare(Case *c) {
    run_grad(c);
    double value = c->value;
    run_hand(c);
    measure_agree("kalman", &value, &c->value, 1, 1e-9);
    measure_agree("kalman, A", c->g.A, c->by_hand.A, M * M, 1e-9);
    measure_agree("kalman, C", c->g.C, c->by_hand.C, K * M, 1e-9);
    measure_agree("kalman, Q", c->g.Q, c->by_hand.Q, M * M, 1e-9);
    measure_agree("kalman, R", c->g.R, c->by_hand.R, K * K, 1e-9);
    measure_agree("kalman, m0", c->g.m0, c->by_hand.m0, M, 1e-9);
    measure_agree("kalman, P0", c->g.P0, c->by_hand.P0, M * M, 1e-9);
}

void row_kalman(void) {
    Case c = {.p = new_filter(), .g = new_filter(), .by_hand = new_filter()};
    c.ys = measure_memory(sizeof(double) * T * K);
    size_t primal = loglik_work(T, M, K), grad = kalman_grad_work(T, M, K);
    c.work = measure_memory(primal > grad ? primal : grad);
    c.hand_work = measure_memory(kalman_hand_work(T));
    measure_fill(c.p.A, M * M, -0.3, 0.3);
    measure_fill(c.p.C, K * M, -1, 1);
    fill_covariance(c.p.Q, M), fill_covariance(c.p.R, K), fill_covariance(c.p.P0, M);
    measure_fill(c.p.m0, M, -1, 1);
    measure_fill(c.ys, T * K, -2, 2);
    compare(&c);
    Candidate runs[] = {{.run = run_primal, .user = &c},
                        {.run = run_grad, .user = &c},
                        {.run = run_hand, .user = &c}};
    measure(runs, 3, 2);
    report_model("Kalman filter, 8 states, 4 measurements, 1000 steps, f64");
    report("gradient", "hand-fused C", runs[1].median, runs[2].median, FASTER, 1);
    report("gradient", "its own primal", runs[1].median, runs[0].median, WITHIN, 0);
    free(c.p.A), free(c.g.A), free(c.by_hand.A), free(c.ys), free(c.work), free(c.hand_work);
}
