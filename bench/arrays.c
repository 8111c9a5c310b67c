/* bench/arrays.bp against C by hand: products, sums a column and copies of 100,000 x 100 numbers,
 * and gradients of what reads neighbours. */
#include "arrays.h"
#include "arrays_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>

enum { N = 100000, D = 100, LONG = 1000000, TALL = 2000, WIDE = 1000, ALL = N * D };

typedef struct Case {
    double *X, *v, *out, *by_hand, value, value_by_hand;
    void *work;
} Case;

#define RUN(name, ours, theirs)                                                                    \
    static void run_##name(void *user) {                                                           \
        Case *c = user;                                                                            \
        measure_ok(ours, arrays_error);                                                            \
    }                                                                                              \
    static void run_##name##_hand(void *user) {                                                    \
        Case *c = user;                                                                            \
        theirs;                                                                                    \
    }

RUN(times, times(N, D, c->X, c->v, c->out, c->work), times_hand(N, D, c->X, c->v, c->by_hand))
RUN(back, back(N, D, c->X, c->v, c->out, c->work), back_hand(N, D, c->X, c->v, c->by_hand))
RUN(means, means(N, D, c->X, c->out, c->work), means_hand(N, D, c->X, c->by_hand))
RUN(variances, variances(N, D, c->X, c->out, c->work), variances_hand(N, D, c->X, c->by_hand))
RUN(turned, turned(N, D, c->X, c->out, c->work), turned_hand(N, D, c->X, c->by_hand))
RUN(rough, rough_grad(LONG, c->X, &c->value, c->out, c->work),
    c->value_by_hand = rough_hand(LONG, c->X, c->by_hand))
RUN(five_points, five_points_grad(TALL, WIDE, c->X, &c->value, c->out, c->work),
    c->value_by_hand = five_points_hand(TALL, WIDE, c->X, c->by_hand, c->v))

typedef struct Row {
    const char *what;
    void (*ours)(void *), (*theirs)(void *);
    size_t results;
} Row;

static const Row rows[] = {
    {"X w, 100k x 100", run_times, run_times_hand, N},
    {"r X", run_back, run_back_hand, D},
    {"mean of each column", run_means, run_means_hand, D},
    {"variance of each column", run_variances, run_variances_hand, D},
    {"X turned", run_turned, run_turned_hand, ALL},
    {"squared differences, 1M: gradient", run_rough, run_rough_hand, LONG},
    {"five points, 2000 x 1000: gradient", run_five_points, run_five_points_hand, TALL *WIDE},
};
enum { COUNT = sizeof rows / sizeof rows[0] };

static size_t most_work(void) {
    size_t need[] = {times_work(N, D),
                     back_work(N, D),
                     means_work(N, D),
                     variances_work(N, D),
                     turned_work(N, D),
                     rough_grad_work(LONG),
                     five_points_grad_work(TALL, WIDE)},
           most = 0;
    for (size_t i = 0; i < sizeof need / sizeof need[0]; i++)
        most = need[i] > most ? need[i] : most;
    return most;
}

void row_arrays(void) {
    Case c = {.X = measure_memory(ALL * sizeof(double)), .v = measure_memory(N * sizeof(double))};
    c.out = measure_memory(ALL * sizeof(double)), c.by_hand = measure_memory(ALL * sizeof(double));
    c.work = measure_memory(most_work());
    measure_fill(c.X, ALL, -1, 1), measure_fill(c.v, N, -1, 1);
    report_model("Arrays, f64");
    for (int i = 0; i < COUNT; i++) {
        c.value = c.value_by_hand = 0;
        rows[i].ours(&c), rows[i].theirs(&c);
        measure_agree(rows[i].what, c.out, c.by_hand, rows[i].results, 1e-9);
        measure_agree(rows[i].what, &c.value, &c.value_by_hand, 1, 1e-9);
        Candidate runs[] = {{.run = rows[i].ours, .user = &c}, {.run = rows[i].theirs, .user = &c}};
        measure(runs, 2, 1.0);
        report(rows[i].what, "C by hand", runs[0].median, runs[1].median, FASTER, 0);
    }
    free(c.X), free(c.v), free(c.out), free(c.by_hand), free(c.work);
}
