/* The perceptron of examples/models/mlp.bp, 784-128-10 in f32, both of its forms, at three sizes of
 * the batch. */
#include "mlp.h"
#include "measure.h"
#include "mlp_hand.h"
#include "peers.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum { D = MLP_D, H = MLP_H, C = MLP_C, LEAVES = H * D + H + C * H + C };

typedef struct Case {
    int n;
    Mlp p, g;
    float *X, loss;
    int64_t *y;
    void *work, *hand_work;
} Case;

static void run_step(void *user) {
    Case *c = user;
    measure_ok(step(c->n, D, H, C, &c->p, c->X, c->y, &c->loss, &c->g, c->work), mlp_error);
}

static void run_step_batched(void *user) {
    Case *c = user;
    measure_ok(step_batched(c->n, D, H, C, &c->p, c->X, c->y, &c->loss, &c->g, c->work), mlp_error);
}

static HandMlp as_hand(Mlp m) {
    return (HandMlp){m.W1, m.b1, m.W2, m.b2};
}

static void run_hand(void *user) {
    Case *c = user;
    HandMlp p = as_hand(c->p), g = as_hand(c->g);
    mlp_hand(c->n, &p, c->X, c->y, &c->loss, &g, c->hand_work);
}

/* One piece of memory, each leaf 64-byte aligned but the last. */
static Mlp new_mlp(void) {
    float *w = measure_memory(LEAVES * sizeof *w);
    return (Mlp){w, w + H * D, w + H * D + H, w + H * D + H + C * H};
}

static Case new_case(int n) {
    Case c = {.n = n, .p = new_mlp(), .g = new_mlp()};
    c.X = measure_memory(sizeof(float) * D * (size_t)n);
    c.y = measure_memory(sizeof(int64_t) * (size_t)n);
    size_t work = step_work(n, D, H, C), batched = step_batched_work(n, D, H, C);
    c.work = measure_memory(work > batched ? work : batched);
    c.hand_work = measure_memory(mlp_hand_work(n));
    measure_fill_f32(c.p.W1, LEAVES, -0.1, 0.1);
    measure_fill_f32(c.X, D * (size_t)n, 0, 1);
    for (int i = 0; i < n; i++)
        c.y[i] = rand() % C;
    return c;
}

static void free_case(Case *c) {
    free(c->p.W1), free(c->g.W1), free(c->X), free(c->y), free(c->work), free(c->hand_work);
}

static void compare(Case *c, void (*run)(void *), const char *what) {
    static float by_hand[LEAVES];
    run_hand(c);
    float loss = c->loss;
    memcpy(by_hand, c->g.W1, sizeof by_hand);
    memset(c->g.W1, 0, sizeof by_hand);
    run(c);
    measure_agree_f32(what, &c->loss, &loss, 1, 1e-4);
    measure_agree_f32(what, c->g.W1, by_hand, LEAVES, 1e-4);
}

static void bench_batch(int n) {
    Case c = new_case(n);
    compare(&c, run_step, "mlp, a sample at a time");
    compare(&c, run_step_batched, "mlp, batched");
    enum { SAMPLE, BATCH, HAND, PEERS };
    Candidate runs[PEERS + 2] = {{.run = run_step, .user = &c},
                                 {.run = run_step_batched, .user = &c},
                                 {.run = run_hand, .user = &c}};
    char what[2][32];
    static const char *const peer[] = {"torch", "jax"};
    const char *present[2];
    int count = PEERS;
    for (int i = 0; i < 2; i++) {
        snprintf(what[i], sizeof what[i], "%s mlp %d", peer[i], n);
        if (peers_candidate(what[i], &runs[count]))
            present[count++ - PEERS] = peer[i];
    }
    measure(runs, count, 4.0);
    double floor = 2.0 * n * (2.0 * D * H + 3.0 * H * C) / measure_floors()->fma32;
    for (int form = SAMPLE; form <= BATCH; form++) {
        char name[64];
        double ours = runs[form].median;
        snprintf(name, sizeof name, "batch %d, %s", n,
                 form == SAMPLE ? "a sample at a time" : "batched");
        report(name, "FMA peak", ours, floor, FASTER, n == 1 ? 0 : 0.92);
        report(name, "hand-fused C", ours, runs[HAND].median, n == 1 ? WITHIN : FASTER,
               n == 1 ? 1.2 : 1);
        for (int i = PEERS; i < count; i++) {
            double bar = n == 1 ? 8 : n == 32 ? 2 : 1.2;
            report(name, present[i - PEERS], ours, runs[i].median, FASTER,
                   i == PEERS && *present[0] == 't' ? bar : 0);
        }
    }
    free_case(&c);
}

int clock_mlp(Timed *out) {
    Case *c = measure_memory(sizeof *c);
    *c = new_case(256);
    out[0] = (Timed){"MLP batch 256, a sample at a time", run_step, c, c->g.W1, LEAVES, true};
    out[1] = (Timed){"MLP batch 256, batched", run_step_batched, c, c->g.W1, LEAVES, true};
    return 2;
}

void row_mlp(void) {
    report_model("MLP 784-128-10, f32: value and gradient");
    bench_batch(1);
    bench_batch(32);
    bench_batch(256);
}
