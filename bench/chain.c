/* bench/chain.bp over 16M f32, against what memory and arithmetic allow. The arithmetic's floor is
 * the C by hand on a piece that stays in the nearest cache. */
#include "chain.h"
#include "chain_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>

enum { N = 1 << 24, PIECE = 2048 };

typedef struct Case {
    float *x, *y, *by_hand, value;
    void *work;
} Case;

static volatile double sink;

static void run_value(void *user) {
    Case *c = user;
    measure_ok(chain(N, c->x, c->y, c->work), chain_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(chain_grad(N, c->x, &c->value, c->y, c->work), chain_error);
}

static void run_hand(void *user) {
    Case *c = user;
    chain_hand(N, c->x, c->by_hand);
}

static void run_hand_grad(void *user) {
    Case *c = user;
    sink = chain_hand_grad(N, c->x, c->by_hand);
}

/* In cache: reads and writes the same piece. */
static void run_piece(void *user) {
    Case *c = user;
    float piece[PIECE];
    chain_hand_cached(PIECE, c->x, piece);
    sink = (double)piece[7];
}

static void run_piece_grad(void *user) {
    Case *c = user;
    float piece[PIECE];
    sink = chain_hand_cached_grad(PIECE, c->x, piece) + (double)piece[7];
}

static void compare(Case *c) {
    run_value(c);
    run_hand(c);
    measure_agree_f32("chain", c->y, c->by_hand, N, 1e-4);
    run_grad(c);
    float sum = (float)chain_hand_grad(N, c->x, c->by_hand);
    measure_agree_f32("chain, gradient", c->y, c->by_hand, N, 1e-4);
    measure_agree_f32("chain, sum", &c->value, &sum, 1, 1e-4);
}

void row_chain(void) {
    Case c = {measure_memory(N * 4L), measure_memory(N * 4L), measure_memory(N * 4L), 0, NULL};
    size_t value = chain_work(N), grad = chain_grad_work(N);
    c.work = measure_memory(value > grad ? value : grad);
    measure_fill_f32(c.x, N, -2, 2);
    compare(&c);
    Candidate runs[] = {{.run = run_value, .user = &c}, {.run = run_grad, .user = &c},
                        {.run = run_hand, .user = &c},  {.run = run_hand_grad, .user = &c},
                        {.run = run_piece, .user = &c}, {.run = run_piece_grad, .user = &c}};
    measure(runs, 6, 4);
    double memory = 8.0 * N / measure_floors()->update;
    report_model("Ten elementwise operations over 16M f32");
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "sum and gradient" : "value";
        double arithmetic = runs[4 + i].median * (N / PIECE);
        report(name, arithmetic > memory ? "arithmetic's floor" : "memory's floor", runs[i].median,
               fmax(arithmetic, memory), WITHIN, 1.2);
        report(name, "hand-fused C", runs[i].median, runs[2 + i].median, FASTER, 0);
    }
    free(c.x), free(c.y), free(c.by_hand), free(c.work);
}
