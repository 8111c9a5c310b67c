/* The LSTM with weights by element, bench/lstm_elements.bp, f64, 14 elements wide. */
#include "lstm_elements.h"
#include "lstm_elements_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { H = 14 };

typedef struct Case {
    int T, l;
    Net n, g, by_hand;
    double *zeros, *xs, value, *hand_work;
    void *work;
} Case;

static void run_primal(void *user) {
    Case *c = user;
    measure_ok(lstm(c->T, c->l, H, &c->n, c->zeros, c->zeros, c->xs, &c->value, c->work),
               lstm_elements_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(
        lstm_grad(c->T, c->l, H, &c->n, c->zeros, c->zeros, c->xs, &c->value, &c->g, c->work),
        lstm_elements_error);
}

static Elements leaves(Net n) {
    return (Elements){n.w, n.b, n.wx, n.wy, n.by};
}

static void run_scalar(void *user) {
    Case *c = user;
    Elements n = leaves(c->n);
    c->value = elements_scalar(c->T, c->l, H, &n, c->xs, c->hand_work);
}

static void run_adjoint(void *user) {
    Case *c = user;
    Elements n = leaves(c->n), g = leaves(c->by_hand);
    c->value = elements_scalar_adjoint(c->T, c->l, H, &n, c->xs, &g, c->hand_work);
}

static void run_hand(void *user) {
    Case *c = user;
    Elements n = leaves(c->n), g = leaves(c->by_hand);
    c->value = elements_hand(c->T, c->l, H, &n, c->xs, &g, c->hand_work);
}

static size_t n_leaves(int l) {
    return (size_t)(8 * l + 3) * H;
}

static Net new_net(int l) {
    double *w = measure_memory(n_leaves(l) * sizeof *w), *b = w + 4 * l * H, *wx = b + 4 * l * H;
    return (Net){w, b, wx, wx + H, wx + 2 * H};
}

static void compare(Case *c, void (*run)(void *), const char *what) {
    run_grad(c);
    double value = c->value;
    run(c);
    measure_agree(what, &value, &c->value, 1, 1e-9);
    if (run != run_scalar)
        measure_agree(what, c->g.w, c->by_hand.w, n_leaves(c->l), 1e-9);
}

static Case new_case(int T, int l) {
    Case c = {.T = T, .l = l, .n = new_net(l), .g = new_net(l), .by_hand = new_net(l)};
    c.zeros = measure_memory(sizeof(double) * (size_t)(l * H));
    c.xs = measure_memory(sizeof(double) * (size_t)(T * H));
    c.hand_work = measure_memory(elements_work(T, l, H));
    size_t primal = lstm_work(T, l, H), grad = lstm_grad_work(T, l, H);
    c.work = measure_memory(primal > grad ? primal : grad);
    measure_fill(c.n.w, n_leaves(l), -1, 1);
    for (int t = 0; t < T; t++)
        c.xs[t * H + rand() % H] = 1;
    return c;
}

static void bench_size(int l, int T) {
    Case c = new_case(T, l);
    compare(&c, run_scalar, "lstm_elements, scalar");
    compare(&c, run_adjoint, "lstm_elements, scalar adjoint");
    compare(&c, run_hand, "lstm_elements, vectors");
    Candidate runs[] = {{.run = run_primal, .user = &c},
                        {.run = run_grad, .user = &c},
                        {.run = run_scalar, .user = &c},
                        {.run = run_adjoint, .user = &c},
                        {.run = run_hand, .user = &c}};
    measure(runs, 5, 2);
    char name[64];
    snprintf(name, sizeof name, "%d layers, %d steps: gradient", l, T);
    report(name, "scalar adjoint by hand", runs[1].median, runs[3].median, FASTER, 5.5);
    report(name, "its own primal", runs[1].median, runs[0].median, WITHIN, T * l <= 4096 ? 1.6 : 0);
    report(name, "scalar primal by hand", runs[1].median, runs[2].median, WITHIN, 0);
    report(name, "hand-fused C", runs[1].median, runs[4].median, FASTER, 0);
    free(c.n.w), free(c.g.w), free(c.by_hand.w);
    free(c.zeros), free(c.xs), free(c.hand_work), free(c.work);
}

void row_lstm_elements(void) {
    report_model("LSTM with weights by element, width 14, f64");
    bench_size(2, 1024);
    bench_size(4, 1024);
    bench_size(2, 4096);
    bench_size(4, 4096);
}
