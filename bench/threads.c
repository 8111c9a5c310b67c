/* Two threads against one, by the clock on the wall: rows built with the model of one thread and
 * with that of two. It says something only where nothing else wants the second core. */
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>
#include <time.h>

static double by_clock(void *user) {
    const Timed *timed = user;
    enum { WARM_UP = 4, CALLS = 32 }; /* the other version has left the caches of both cores cold */
    struct timespec from, to;
    for (int i = 0; i < WARM_UP; i++)
        timed->run(timed->user);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < CALLS; i++)
        timed->run(timed->user);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec)) / CALLS;
}

static void compare(Timed *one, Timed *two) {
    one->run(one->user);
    two->run(two->user);
    if (one->is_f32)
        measure_agree_f32(one->what, one->result, two->result, one->n, 1e-4);
    else
        measure_agree(one->what, one->result, two->result, one->n, 1e-9);
    Candidate runs[] = {{.timed = by_clock, .user = one}, {.timed = by_clock, .user = two}};
    measure(runs, 2, 2.0);
    report(one->what, "one thread", runs[1].median, runs[0].median, FASTER, 1.8);
}

static void compare_row(int (*row)(Timed *out), int (*row_two)(Timed *out)) {
    Timed one[MOST_TIMED], two[MOST_TIMED];
    srand(1);
    int n = row(one);
    srand(1); /* the same numbers */
    row_two(two);
    for (int i = 0; i < n; i++)
        compare(&one[i], &two[i]);
}

void row_threads(void) {
    report_model("Two threads, by the clock");
    compare_row(clock_mlp, clock_mlp_two);
    compare_row(clock_gmm, clock_gmm_two);
    compare_row(clock_ba, clock_ba_two);
}
