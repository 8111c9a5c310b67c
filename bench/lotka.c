/* examples/models/lotka.bp, f64: 10,000 Runge-Kutta steps, their gradient and the 6 x 6 Hessian. */
#include "lotka.h"
#include "lotka_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>

enum { POINTS = 10, STEPS = 1000 };
static const double h = 1e-3;

typedef struct Case {
    double th[4], u0[2], data[POINTS * 2], value, grad[6], hessian[36], by_hand[6];
    void *work, *states;
} Case;

static void run_primal(void *user) {
    Case *c = user;
    measure_ok(sse(POINTS, c->th, c->u0, c->data, h, STEPS, &c->value, c->work), lotka_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(lotka_grad(POINTS, c->th, c->u0, c->data, h, STEPS, &c->value, c->grad, c->grad + 4,
                          c->work),
               lotka_error);
}

static void run_hessian(void *user) {
    Case *c = user;
    measure_ok(lotka_hess(POINTS, c->th, c->u0, c->data, h, STEPS, c->hessian, c->work),
               lotka_error);
}

static void run_scalar(void *user) {
    Case *c = user;
    c->value = lotka_scalar(POINTS, c->th, c->u0, c->data, h, STEPS);
}

static void run_adjoint(void *user) {
    Case *c = user;
    c->value = lotka_scalar_adjoint(POINTS, c->th, c->u0, c->data, h, STEPS, c->by_hand,
                                    c->by_hand + 4, c->states);
}

static void compare(Case *c) {
    run_primal(c);
    double value = c->value;
    run_scalar(c);
    measure_agree("lotka", &c->value, &value, 1, 1e-9);
    run_grad(c);
    run_adjoint(c);
    measure_agree("lotka, adjoint", &c->value, &value, 1, 1e-9);
    measure_agree("lotka, adjoint", c->grad, c->by_hand, 6, 1e-9);
}

/* A column by differences of the adjoint by hand. */
static void compare_hessian(Case *c) {
    double up[6], down[6], step = 1e-5, point = c->th[1];
    run_hessian(c);
    c->th[1] = point + step;
    run_adjoint(c);
    for (int i = 0; i < 6; i++)
        up[i] = c->by_hand[i];
    c->th[1] = point - step;
    run_adjoint(c);
    for (int i = 0; i < 6; i++) {
        down[i] = (up[i] - c->by_hand[i]) / (2 * step);
        up[i] = c->hessian[6 + i];
    }
    c->th[1] = point;
    measure_agree("lotka, Hessian", up, down, 6, 1e-6);
}

void row_lotka(void) {
    static Case c = {.th = {1.5, 1.0, 1.0, 3.0}, .u0 = {1.0, 1.0}};
    for (int i = 0; i < POINTS * 2; i++)
        c.data[i] = 1.0 + 0.1 * i;
    size_t work[] = {sse_work(POINTS, STEPS), lotka_grad_work(POINTS, STEPS),
                     lotka_hess_work(POINTS, STEPS)};
    c.work = measure_memory(work[0] + work[1] + work[2]);
    c.states = measure_memory(sizeof(double) * 2 * POINTS * STEPS);
    compare(&c);
    compare_hessian(&c);
    Candidate runs[] = {{.run = run_primal, .user = &c},
                        {.run = run_grad, .user = &c},
                        {.run = run_hessian, .user = &c},
                        {.run = run_scalar, .user = &c},
                        {.run = run_adjoint, .user = &c}};
    measure(runs, 5, 3);
    double primal = runs[0].median;
    report_model("Lotka-Volterra, f64: 10,000 RK4 steps");
    report("primal", "scalar C by hand", primal, runs[3].median, FASTER, 1);
    report("gradient", "its own primal", runs[1].median, primal, WITHIN, 2.6);
    report("gradient", "scalar adjoint by hand", runs[1].median, runs[4].median, FASTER, 0);
    report("Hessian, 6 x 6", "its own primal", runs[2].median, primal, WITHIN, 10);
    free(c.work), free(c.states);
}
