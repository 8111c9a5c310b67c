/* Logistic regression of examples/models/logistic.bp, f64, 100k samples of 100: gradient and
 * Hessian. */
#include "logistic.h"
#include "logistic_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>

enum { N = 100000, D = LOGISTIC_D, P = D + 1 };

typedef struct Case {
    double *X, beta[D], alpha, value, grad[P], by_hand[P], hessian[P * P], hessian_by_hand[P * P];
    int64_t *y;
    void *work;
} Case;

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(log_post_grad(N, D, c->beta, c->alpha, c->X, c->y, &c->value, c->grad, c->grad + D,
                             c->work),
               logistic_error);
}

static void run_hessian(void *user) {
    Case *c = user;
    measure_ok(precision(N, D, c->beta, c->alpha, c->X, c->y, c->hessian, c->work), logistic_error);
}

static void run_hand_grad(void *user) {
    Case *c = user;
    c->value = logistic_hand_grad(N, c->beta, c->alpha, c->X, c->y, c->by_hand, c->by_hand + D);
}

static void run_hand_hessian(void *user) {
    Case *c = user;
    logistic_hand_hessian(N, c->beta, c->alpha, c->X, c->hessian_by_hand);
}

static void compare(Case *c) {
    const double pi = 3.14159265358979323846;
    run_grad(c);
    double value = c->value;
    run_hand_grad(c);
    c->value -= D * log(2.5) + log(5.0) + 0.5 * P * log(2 * pi);
    measure_agree("logistic", &value, &c->value, 1, 1e-9);
    measure_agree("logistic, gradient", c->grad, c->by_hand, P, 1e-9);
    run_hessian(c);
    run_hand_hessian(c);
    measure_agree("logistic, Hessian", c->hessian, c->hessian_by_hand, P * P, 1e-9);
}

void row_logistic(void) {
    static Case c;
    c.X = measure_memory(sizeof(double) * D * N);
    c.y = measure_memory(sizeof(int64_t) * N);
    size_t grad = log_post_grad_work(N, D), hessian = precision_work(N, D);
    c.work = measure_memory(grad > hessian ? grad : hessian);
    measure_fill(c.X, (size_t)D * N, -1, 1);
    measure_fill(c.beta, D, -0.3, 0.3);
    c.alpha = 0.2;
    for (int i = 0; i < N; i++)
        c.y[i] = rand() % 2;
    compare(&c);
    Candidate runs[] = {{.run = run_grad, .user = &c},
                        {.run = run_hand_grad, .user = &c},
                        {.run = run_hessian, .user = &c},
                        {.run = run_hand_hessian, .user = &c}};
    measure(runs, 4, 4);
    report_model("Logistic regression 100k x 100, f64");
    report("gradient", "hand-fused C", runs[0].median, runs[1].median, FASTER, 1);
    report("Hessian", "hand-fused C", runs[2].median, runs[3].median, FASTER, 1);
    free(c.X), free(c.y), free(c.work);
}
