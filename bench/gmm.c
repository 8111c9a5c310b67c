/* The Gaussian mixture of examples/models/gmm.bp, f64, at the sizes of ADBench. */
#include "gmm.h"
#include "gmm_hand.h"
#include "measure.h"
#include "peers.h"
#include "report.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { M = 0 };
static const double gam = 1.0;

typedef struct Case {
    int n, d, k, t;
    Gmm p, g;
    double *X, value, *work, *scalar_work, *hand_work;
} Case;

static void run_primal(void *user) {
    Case *c = user;
    measure_ok(gmm_loglik(c->n, c->k, c->d, c->t, &c->p, c->X, gam, M, &c->value, c->work),
               gmm_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(gmm_grad(c->n, c->k, c->d, c->t, &c->p, c->X, gam, M, &c->value, &c->g, c->work),
               gmm_error);
}

static GmmLeaves leaves(Gmm g) {
    return (GmmLeaves){g.alpha, g.mu, g.q, g.l};
}

static void run_scalar(void *user) {
    Case *c = user;
    GmmLeaves p = leaves(c->p);
    c->value = gmm_scalar(c->n, c->k, c->d, &p, c->X, gam, M, c->scalar_work);
}

static void run_adjoint(void *user) {
    Case *c = user;
    GmmLeaves p = leaves(c->p), g = leaves(c->g);
    c->value = gmm_scalar_adjoint(c->n, c->k, c->d, &p, c->X, gam, M, &g, c->scalar_work);
}

static void run_hand(void *user) {
    Case *c = user;
    GmmLeaves p = leaves(c->p), g = leaves(c->g);
    c->value = gmm_hand(c->n, c->k, c->d, &p, c->X, gam, M, &g, c->hand_work);
}

static int n_leaves(const Case *c) {
    return c->k * (1 + 2 * c->d + c->t);
}

static Gmm new_gmm(const Case *c) {
    double *w = measure_memory(sizeof *w * (size_t)n_leaves(c));
    return (Gmm){w, w + c->k, w + c->k + c->k * c->d, w + c->k + 2 * c->k * c->d};
}

static Case new_case(int n, int d, int k) {
    Case c = {.n = n, .d = d, .k = k, .t = d * (d - 1) / 2};
    c.p = new_gmm(&c);
    c.g = new_gmm(&c);
    c.X = measure_memory(sizeof(double) * (size_t)(n * d));
    size_t primal = gmm_loglik_work(n, k, d, c.t, M), grad = gmm_grad_work(n, k, d, c.t, M);
    c.work = measure_memory(primal > grad ? primal : grad);
    c.scalar_work = measure_memory(gmm_scalar_work(k, d));
    c.hand_work = measure_memory(gmm_hand_work(k, d));
    measure_fill(c.p.alpha, (size_t)n_leaves(&c), -0.5, 0.5);
    measure_fill(c.X, (size_t)(n * d), -1, 1);
    return c;
}

static void free_case(Case *c) {
    free(c->p.alpha), free(c->g.alpha), free(c->X);
    free(c->work), free(c->scalar_work), free(c->hand_work);
}

/* What the programs by hand leave out. */
static double constants(const Case *c) {
    const double pi = 3.14159265358979323846;
    double nu = c->d + M + 1, mgamma = 0.25 * c->d * (c->d - 1) * log(pi);
    for (int j = 0; j < c->d; j++)
        mgamma += lgamma(0.5 * (nu - j));
    return -0.5 * c->n * c->d * log(2 * pi) -
           c->k * (nu * c->d * (log(gam) - 0.5 * log(2.0)) - mgamma);
}

static void compare(Case *c, void (*run)(void *), const char *what) {
    size_t n = (size_t)n_leaves(c);
    double *ours = measure_memory(n * sizeof *ours);
    run_grad(c);
    double value = c->value;
    memcpy(ours, c->g.alpha, n * sizeof *ours);
    memset(c->g.alpha, 0, n * sizeof *ours);
    run(c);
    c->value += constants(c);
    measure_agree(what, &value, &c->value, 1, 1e-9);
    if (run != run_scalar)
        measure_agree(what, ours, c->g.alpha, n, 1e-9);
    free(ours);
}

static void bench_size(int n, int d, int k) {
    Case c = new_case(n, d, k);
    compare(&c, run_scalar, "gmm, scalar");
    compare(&c, run_adjoint, "gmm, scalar adjoint");
    compare(&c, run_hand, "gmm, vectors");
    Candidate runs[6] = {{.run = run_primal, .user = &c},
                         {.run = run_grad, .user = &c},
                         {.run = run_scalar, .user = &c},
                         {.run = run_adjoint, .user = &c},
                         {.run = run_hand, .user = &c}};
    char what[48], name[48];
    snprintf(what, sizeof what, "jax gmm %d %d %d", n, d, k);
    bool jax = d == 10 && peers_candidate(what, &runs[5]);
    measure(runs, jax ? 6 : 5, 2);
    double ours = runs[1].median;
    snprintf(name, sizeof name, "n %d, d %d, k %d: gradient", n, d, k);
    report(name, "scalar primal by hand", ours, runs[2].median, WITHIN, 1);
    report(name, "scalar adjoint by hand", ours, runs[3].median, FASTER, d == 10 ? 7 : 0);
    report(name, "its own primal", ours, runs[0].median, WITHIN, 2.2);
    report(name, "hand-fused C", ours, runs[4].median, FASTER, 0);
    if (jax)
        report(name, "jax", ours, runs[5].median, FASTER, 0);
    free_case(&c);
}

int clock_gmm(Timed *out) {
    Case *c = measure_memory(sizeof *c);
    *c = new_case(10000, 10, 25);
    size_t n = (size_t)n_leaves(c);
    out[0] = (Timed){"GMM gradient, (10k,10,25)", run_grad, c, c->g.alpha, n, false};
    return 1;
}

void row_gmm(void) {
    static const int sizes[][2] = {{2, 5}, {10, 25}, {32, 25}, {64, 25}};
    report_model("Gaussian mixture, f64");
    for (int n = 1000; n <= 10000; n *= 10)
        for (int i = 0; i < 4; i++)
            bench_size(n, sizes[i][0], sizes[i][1]);
}
