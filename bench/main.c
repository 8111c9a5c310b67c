/* make bench: what bpc's code costs, as ratios within one run.
 *
 *   bench BPC FOLDER    BPC: the compiler; FOLDER: where it may write
 *
 * Linked with the objects that bpc made of examples/digits/digits.bp and examples/models/lotka.bp.
 * Exits with 1 when compiled code computes something else than the C it is compared with. */
#include "digits.h"
#include "digits_hand.h"
#include "lotka.h"
#include "measure.h"

#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static void check(int status, const char *message) {
    if (status) {
        fprintf(stderr, "bench: %s\n", message);
        exit(1);
    }
}

/* ---- the digits step ---- */

enum { N = 32, D = 64, H = 32, C = 10, LEAVES = H * D + H + C * H + C };

/* Products of the step: forward 2NDH + 2NHC, backward the latter twice and the former once. */
static const double digits_flops = 2.0 * N * D * H * 2 + 2.0 * N * H * C * 3;

typedef struct DigitsCase {
    Mlp p, m, v, p1, m1, v1;
    float X[N * D], loss;
    int64_t y[N];
    void *work;
} DigitsCase;

/* One piece of memory, each leaf 64-byte aligned. */
static Mlp new_mlp(void) {
    float *w = measure_memory((LEAVES + 64) * sizeof *w);
    return (Mlp){w, w + H * D, w + H * D + H, w + H * D + H + C * H};
}

static HandMlp as_hand(Mlp mlp) {
    return (HandMlp){mlp.W1, mlp.b1, mlp.W2, mlp.b2};
}

static void fill(float *x, int n, float from, float to) {
    for (int i = 0; i < n; i++)
        x[i] = from + (to - from) * (float)rand() / (float)RAND_MAX;
}

static void digits_case_init(DigitsCase *c) {
    c->p = new_mlp(), c->m = new_mlp(), c->v = new_mlp();
    c->p1 = new_mlp(), c->m1 = new_mlp(), c->v1 = new_mlp();
    srand(1);
    fill(c->p.W1, LEAVES, -0.3f, 0.3f);
    fill(c->m.W1, LEAVES, -0.01f, 0.01f);
    fill(c->v.W1, LEAVES, 0.0001f, 0.001f);
    fill(c->X, N * D, 0, 1);
    for (int i = 0; i < N; i++)
        c->y[i] = rand() % C;
    c->work = measure_memory(step_work());
}

static void run_digits_bpc(void *user) {
    DigitsCase *c = user;
    int status =
        step(&c->p, &c->m, &c->v, 5, 0.01f, c->X, c->y, &c->loss, &c->p1, &c->m1, &c->v1, c->work);
    check(status, status ? digits_error(status) : "");
}

static void run_digits_hand(void *user) {
    DigitsCase *c = user;
    HandMlp p = as_hand(c->p), m = as_hand(c->m), v = as_hand(c->v);
    HandMlp p1 = as_hand(c->p1), m1 = as_hand(c->m1), v1 = as_hand(c->v1);
    hand_step(&p, &m, &v, 5, 0.01f, c->X, c->y, &c->loss, &p1, &m1, &v1);
}

static void compare_digits(DigitsCase *c) {
    static float hand[LEAVES];
    run_digits_hand(c);
    memcpy(hand, c->p1.W1, sizeof hand);
    float hand_loss = c->loss;
    run_digits_bpc(c);
    double worst = fabs(hand_loss - c->loss);
    for (int i = 0; i < LEAVES; i++)
        worst = fmax(worst, fabs(hand[i] - c->p1.W1[i]));
    check(!(worst < 1e-5), "the digits step differs from the one by hand");
}

static void bench_digits(void) {
    static DigitsCase c;
    digits_case_init(&c);
    compare_digits(&c);
    int bits;
    double peak = measure_fma_peak(&bits);
    Candidate runs[2] = {{run_digits_bpc, &c, 0}, {run_digits_hand, &c, 0}};
    measure(runs, 2, 301, 50);
    double bpc = runs[0].median, hand = runs[1].median;

    printf("digits step, batch 32, f32\n");
    printf("  bpc %.2f us, by hand %.2f us: %.2f of its speed (aim 0.70)\n", bpc * 1e6, hand * 1e6,
           hand / bpc);
    printf("  machine's peak %.0f Gflop/s (%d bits): bpc reaches %.2f of it (aim 0.50), by hand "
           "%.2f\n\n",
           peak, bits, digits_flops / bpc * 1e-9 / peak, digits_flops / hand * 1e-9 / peak);
}

/* ---- a long integration ---- */

enum { POINTS = 10, STEPS = 1000 };

typedef struct LotkaCase {
    double th[4], u0[2], data[POINTS * 2], value, grad_th[4], grad_u0[2];
    void *work, *grad_work;
} LotkaCase;

static void run_lotka(void *user) {
    LotkaCase *c = user;
    int status = sse(POINTS, c->th, c->u0, c->data, 1e-3, STEPS, &c->value, c->work);
    check(status, status ? lotka_error(status) : "");
}

static void run_lotka_grad(void *user) {
    LotkaCase *c = user;
    int status = lotka_grad(POINTS, c->th, c->u0, c->data, 1e-3, STEPS, &c->value, c->grad_th,
                            c->grad_u0, c->grad_work);
    check(status, status ? lotka_error(status) : "");
}

static void bench_lotka(void) {
    static LotkaCase c = {.th = {1.5, 1.0, 1.0, 3.0}, .u0 = {1.0, 1.0}};
    for (int i = 0; i < POINTS * 2; i++)
        c.data[i] = 1.0 + 0.1 * i;
    c.work = measure_memory(sse_work(POINTS, STEPS));
    c.grad_work = measure_memory(lotka_grad_work(POINTS, STEPS));
    Candidate runs[2] = {{run_lotka, &c, 0}, {run_lotka_grad, &c, 0}};
    measure(runs, 2, 101, 2);
    printf("lotka, %d RK4 steps\n", POINTS * STEPS);
    printf(
        "  primal %.0f us, value and gradient %.0f us: %.2f times (aim 3.50), workspace %zu KB\n\n",
        runs[0].median * 1e6, runs[1].median * 1e6, runs[1].median / runs[0].median,
        lotka_grad_work(POINTS, STEPS) / 1024);
}

/* ---- compile times ---- */

typedef struct CompileCase {
    const char *bpc, *model, *object;
    double least_cpu; /* seconds; tells a busy machine from a slow compiler */
} CompileCase;

static double cpu_seconds(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static void run_compile(void *user) {
    CompileCase *c = user;
    char *arguments[] = {(char *)(size_t)c->bpc, (char *)(size_t)c->model, "-o",
                         (char *)(size_t)c->object, NULL};
    pid_t child;
    int status = 1;
    struct rusage usage = {0};
    if (posix_spawn(&child, c->bpc, NULL, NULL, arguments, environ) == 0)
        wait4(child, &status, 0, &usage);
    check(status, c->model);
    if (cpu_seconds(&usage) < c->least_cpu)
        c->least_cpu = cpu_seconds(&usage);
}

static void bench_compile(const char *bpc, const char *folder) {
    static const char *const models[] = {"bench/ten_lines.bp", "examples/models/mlp.bp",
                                         "examples/models/lotka.bp",
                                         "examples/models/black_scholes.bp"};
    enum { COUNT = sizeof models / sizeof *models };
    char object[4096];
    snprintf(object, sizeof object, "%s/timed.o", folder);
    CompileCase cases[COUNT];
    Candidate runs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        cases[i] = (CompileCase){bpc, models[i], object, INFINITY};
        runs[i] = (Candidate){run_compile, &cases[i], 0};
    }
    measure(runs, COUNT, 7, 1);
    printf("compile time of bpc as a process\n");
    for (int i = 0; i < COUNT; i++)
        printf("  %-34s %4.0f ms (aim %d), %.0f ms of them at work\n", models[i],
               runs[i].median * 1e3, i == 0 ? 60 : 250, cases[i].least_cpu * 1e3);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bench BPC FOLDER\n");
        return 2;
    }
    bench_digits();
    bench_lotka();
    bench_compile(argv[1], argv[2]);
    return 0;
}
