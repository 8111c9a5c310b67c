/* The LSTM of examples/models/lstm.bp, 100 steps of 64 numbers, in REAL: one sequence, and a batch.
 * Built twice, as row lstm_f32 and lstm_f64. */
#include "lstm_hand.h"
#include "measure.h"
#include "peers.h"
#include "report.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef LSTM_F32
#include "lstm_f32.h"
#define ROW row_lstm_f32
#define ERROR lstm_f32_error
#define FILL measure_fill_f32
#define AGREE measure_agree_f32
static const double tolerance = 1e-4;
enum { BITS = 32 };
#else
#include "lstm_f64.h"
#define ROW row_lstm_f64
#define ERROR lstm_f64_error
#define FILL measure_fill
#define AGREE measure_agree
static const double tolerance = 1e-9;
enum { BITS = 64 };
#endif

enum { T = 100, D = 64, BATCH = 16 };

typedef struct Case {
    int h;
    HandCell p, g, by_hand;
    REAL *xs, value;
    void *work, *hand_work;
} Case;

static Cell cell_of(HandCell c) {
    return (Cell){c.Wx, c.Wh, c.b};
}

static void run_single(void *user) {
    Case *c = user;
    Cell p = cell_of(c->p), g = cell_of(c->g);
    measure_ok(single_grad(T, D, c->h, &p, c->p.Wo, c->xs, &c->value, &g, c->g.Wo, c->work), ERROR);
}

static void run_batch(void *user) {
    Case *c = user;
    Cell p = cell_of(c->p), g = cell_of(c->g);
    measure_ok(batch_grad(BATCH, T, D, c->h, &p, c->p.Wo, c->xs, &c->value, &g, c->g.Wo, c->work),
               ERROR);
}

static void run_hand(void *user) {
    Case *c = user;
    c->value = lstm_hand(T, D, c->h, &c->p, c->xs, &c->by_hand, c->hand_work);
}

static size_t n_leaves(int h) {
    return (size_t)(4 * h) * (size_t)(D + h + 1) + (size_t)(D * h);
}

static HandCell new_cell(int h) {
    REAL *w = measure_memory(n_leaves(h) * sizeof *w), *Wh = w + 4 * h * D, *b = Wh + 4 * h * h;
    return (HandCell){w, Wh, b, b + 4 * h};
}

static Case new_case(int h) {
    Case c = {.h = h, .p = new_cell(h), .g = new_cell(h), .by_hand = new_cell(h)};
    c.xs = measure_memory(sizeof(REAL) * BATCH * T * D);
    size_t one = single_grad_work(T, D, h), many = batch_grad_work(BATCH, T, D, h);
    c.work = measure_memory(one > many ? one : many);
    c.hand_work = measure_memory(lstm_hand_work(T, D, h));
    FILL(c.p.Wx, n_leaves(h), -1.0 / h, 1.0 / h);
    FILL(c.xs, BATCH * T * D, -1, 1);
    return c;
}

static void compare(Case *c, void (*ours)(void *), void (*by_hand)(void *)) {
    size_t n[] = {(size_t)(4 * c->h * D), (size_t)(4 * c->h) * (size_t)c->h, 4 * (size_t)c->h,
                  (size_t)(D * c->h)};
    ours(c);
    REAL value = c->value;
    by_hand(c);
    AGREE("lstm", &value, &c->value, 1, tolerance);
    AGREE("lstm, Wx", c->g.Wx, c->by_hand.Wx, n[0], tolerance);
    AGREE("lstm, Wh", c->g.Wh, c->by_hand.Wh, n[1], tolerance);
    AGREE("lstm, b", c->g.b, c->by_hand.b, n[2], tolerance);
    AGREE("lstm, Wo", c->g.Wo, c->by_hand.Wo, n[3], tolerance);
}

static void run_checkpointed(void *user) {
    Case *c = user;
    Cell p = cell_of(c->p), g = cell_of(c->g);
    void *work = measure_memory(single_grad_checkpointed_work(T, D, c->h));
    measure_ok(
        single_grad_checkpointed(T, D, c->h, &p, c->p.Wo, c->xs, &c->value, &g, c->g.Wo, work),
        ERROR);
    free(work);
}

static void run_checkpointed_hand(void *user) {
    Case *c = user;
    void *work = measure_memory(lstm_hand_steps_work(D, c->h));
    c->value = lstm_hand_checkpointed(T, D, c->h, &c->p, c->xs, &c->by_hand, work);
    free(work);
}

static void compare_loss(Case *c) {
    Cell p = cell_of(c->p);
    REAL value;
    void *work = measure_memory(single_work(T, D, c->h)),
         *hand_work = measure_memory(lstm_hand_steps_work(D, c->h));
    measure_ok(single(T, D, c->h, &p, c->p.Wo, c->xs, &value, work), ERROR);
    REAL by_hand = lstm_hand_loss(T, D, c->h, &c->p, c->xs, hand_work);
    AGREE("lstm, loss", &value, &by_hand, 1, tolerance);
    free(work), free(hand_work);
}

/* The batch against the mean of its sequences by hand. */
static void compare_batch(Case *c) {
    REAL *xs = c->xs, *mean = measure_memory(n_leaves(c->h) * sizeof *mean), value = 0;
    for (int b = 0; b < BATCH; b++) {
        c->xs = xs + b * T * D;
        run_hand(c);
        value += c->value / BATCH;
        for (size_t i = 0; i < n_leaves(c->h); i++)
            mean[i] += c->by_hand.Wx[i] / BATCH;
    }
    c->xs = xs;
    run_batch(c);
    AGREE("lstm, batch", &value, &c->value, 1, tolerance);
    AGREE("lstm, batch", mean, c->g.Wx, n_leaves(c->h), tolerance);
    free(mean);
}

static void bench(Case *c, int batch, const char *name) {
    static const char *const peer[] = {"torch", "jax"};
    const char *present[2];
    char what[2][64];
    Candidate runs[4] = {{.run = batch == 1 ? run_single : run_batch, .user = c},
                         {.run = run_hand, .user = c}};
    int first = batch == 1 ? 2 : 1, count = first;
    for (int i = 0; i < 2; i++) {
        snprintf(what[i], sizeof what[i], "%s lstm %d %d %d %d %d", peer[i], BITS, c->h, D, T,
                 batch);
        if (peers_candidate(what[i], &runs[count]))
            present[count++ - first] = peer[i];
    }
    measure(runs, count, c->h < 1024 ? 2 : 4);
    double ours = runs[0].median, h = c->h,
           flops = 6.0 * (4 * h * (D + h) + D * h) * (T - 1) * batch;
    double peak = BITS == 32 ? measure_floors()->fma32 : measure_floors()->fma64;
    if (batch == 1)
        report(name, "hand-written SIMD", ours, runs[1].median, FASTER, 0.8);
    else
        report(name, "FMA peak", ours, flops / peak, FASTER, c->h >= 256 ? 0.6 : 0);
    for (int i = first; i < count; i++)
        report(name, present[i - first], ours, runs[i].median, FASTER,
               *present[i - first] == 't' ? 1.5 : 0);
}

void ROW(void) {
    static const int hidden[] = {64, 256, 1024};
    report_model(BITS == 32 ? "LSTM, 100 steps of 64, f32: gradient"
                            : "LSTM, 100 steps of 64, f64: gradient");
    for (int i = 0; i < 3; i++) {
        char name[64];
        Case c = new_case(hidden[i]);
        compare(&c, run_single, run_hand);
        compare(&c, run_checkpointed, run_checkpointed_hand);
        compare_loss(&c);
        snprintf(name, sizeof name, "hidden %d, one sequence", c.h);
        bench(&c, 1, name);
        if (c.h < 1024)
            compare_batch(&c);
        snprintf(name, sizeof name, "hidden %d, batch %d", c.h, BATCH);
        bench(&c, BATCH, name);
        free(c.p.Wx), free(c.g.Wx), free(c.by_hand.Wx), free(c.xs), free(c.work), free(c.hand_work);
    }
}
