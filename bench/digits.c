/* The training step of examples/digits/digits.bp, f32, batch 32, with Adam. */
#include "digits.h"
#include "digits_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static void digits_case_init(DigitsCase *c) {
    c->p = new_mlp(), c->m = new_mlp(), c->v = new_mlp();
    c->p1 = new_mlp(), c->m1 = new_mlp(), c->v1 = new_mlp();
    measure_fill_f32(c->p.W1, LEAVES, -0.3, 0.3);
    measure_fill_f32(c->m.W1, LEAVES, -0.01, 0.01);
    measure_fill_f32(c->v.W1, LEAVES, 0.0001, 0.001);
    measure_fill_f32(c->X, N * D, 0, 1);
    for (int i = 0; i < N; i++)
        c->y[i] = rand() % C;
    c->work = measure_memory(step_work());
}

static void run_digits_bpc(void *user) {
    DigitsCase *c = user;
    measure_ok(
        step(&c->p, &c->m, &c->v, 5, 0.01f, c->X, c->y, &c->loss, &c->p1, &c->m1, &c->v1, c->work),
        digits_error);
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
    measure_agree_f32("digits", &c->loss, &hand_loss, 1, 1e-4);
    measure_agree_f32("digits", c->p1.W1, hand, LEAVES, 1e-4);
}

void row_digits(void) {
    static DigitsCase c;
    digits_case_init(&c);
    compare_digits(&c);
    Candidate runs[2] = {{.run = run_digits_bpc, .user = &c}, {.run = run_digits_hand, .user = &c}};
    measure(runs, 2, 1);
    report_model("Digits 64-32-10, f32: training step");
    report("batch 32", "FMA peak", runs[0].median, digits_flops / measure_floors()->fma32, FASTER,
           0);
    report("batch 32", "hand-fused C", runs[0].median, runs[1].median, FASTER, 0.7);
}
