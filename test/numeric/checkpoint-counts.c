/* Checkpointed loops, compiled, for every n from 0 to 64: the value and the gradient are those of
 * the plain loop bit for bit; the steps run forwards are, with binomial = s, the fewest that s
 * states allow (by the recurrence t(l, c) = min over m of m + t(m, c) + t(l-m, c-1)) and the last
 * one, for the value; with every = k two runs; each step is reversed once; and the workspace holds
 * s states and their positions, or n/k + k states, and nothing is written beyond it.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %S/Inputs/checkpoint-counts.bp -o %t/counts.o
 * RUN: %cc -I%t %s %t/counts.o -lm -o %t/O2 && %t/O2
 * RUN: %bpc -O0 %S/Inputs/checkpoint-counts.bp -o %t/counts.o
 * RUN: %cc -I%t %s %t/counts.o -lm -o %t/O0 && %t/O0
 * RUN: %bpc %S/Inputs/checkpoint-counts.bp --emit=c -o %t/counts.c
 * RUN: %cc -w -I%t %s %t/counts.c -lm -o %t/c && %t/c
 */
#include "counts.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 64, MOST_STATES = 16, WEIGHTS = 5, CANARY = 512 };

typedef int Gradient(int64_t m, double x0, const double *w, int64_t n, int64_t s, double *out,
                     double *grad_x0, double *grad_w, void *work);

typedef struct Result {
    int status;
    bool overrun;
    long steps, slopes;
    double values[2 + WEIGHTS];
} Result;

static const double weights[WEIGHTS] = {0.3, -0.2, 0.7, 0.1, 0.45};
static long steps, slopes, fewest[MOST_STEPS + 1][MOST_STATES + 1];
static int failures;

double count_step(double x, double w) {
    steps++;
    return sin(x) + 0.25 * w * x;
}

double count_slope(double x, double w) {
    slopes++;
    return cos(x) + 0.25 * w;
}

static void fill_fewest(void) {
    for (int c = 1; c <= MOST_STATES; c++)
        for (long l = 2; l <= MOST_STEPS; l++) {
            fewest[l][c] = l * (l - 1) / 2;
            for (long m = 1; c > 1 && m < l; m++) {
                long t = m + fewest[m][c] + fewest[l - m][c - 1];
                fewest[l][c] = t < fewest[l][c] ? t : fewest[l][c];
            }
        }
}

static Result call(Gradient *gradient, size_t bytes, int64_t n, int64_t s) {
    Result r = {0};
    size_t room = (bytes + CANARY + 63) / 64 * 64;
    unsigned char *work = aligned_alloc(64, room);
    memset(work, 0x7b, room);
    steps = slopes = 0;
    r.status =
        gradient(WEIGHTS, 0.4, weights, n, s, &r.values[0], &r.values[1], &r.values[2], work);
    r.steps = steps;
    r.slopes = slopes;
    for (size_t i = bytes; i < room; i++)
        r.overrun |= work[i] != 0x7b;
    free(work);
    return r;
}

static void expect(bool ok, const char *what, int64_t n, int64_t s, long got, long want) {
    if (!ok)
        fprintf(stderr, "n = %d, %d: %s: %ld, not %ld\n", (int)n, (int)s, what, got, want);
    failures += !ok;
}

static void expect_same(const Result *r, const Result *plain, int64_t n, int64_t s) {
    expect(r->status == 0, "status", n, s, r->status, 0);
    expect(!r->overrun, "bytes beyond the workspace", n, s, 1, 0);
    expect(!memcmp(r->values, plain->values, sizeof r->values), "other numbers", n, s, 1, 0);
    expect(r->slopes == n, "reversals", n, s, r->slopes, n);
}

static size_t rounded(int64_t numbers) {
    return ((size_t)numbers * 8 + 63) / 64 * 64;
}

int main(void) {
    fill_fewest();
    for (int64_t n = 0; n <= MOST_STEPS; n++) {
        Result plain = call(plain_vg, plain_vg_work(WEIGHTS, n, 1), n, 1);
        for (int64_t s = 1; s <= MOST_STATES; s++) {
            size_t bytes = binomial_vg_work(WEIGHTS, n, s);
            Result r = call(binomial_vg, bytes, n, s);
            long want = n > 0 ? fewest[n][s] + 1 : 0; /* all but the last step are the sweep's */
            expect_same(&r, &plain, n, s);
            expect(r.steps == want, "steps, binomial", n, s, r.steps, want);
            expect(bytes <= 2 * rounded(s), "workspace", n, s, (long)bytes, (long)(2 * rounded(s)));
        }
        for (int64_t k = 1; k <= n + 2; k++) {
            size_t bytes = every_vg_work(WEIGHTS, n, k),
                   most = rounded((n + k - 1) / k) + rounded(k);
            Result r = call(every_vg, bytes, n, k);
            expect_same(&r, &plain, n, k);
            expect(r.steps == 2 * n, "steps, every", n, k, r.steps, 2 * n);
            expect(bytes <= most, "workspace", n, k, (long)bytes, (long)most);
        }
    }
    /* settings that are too small count as 1; a large one takes no more room than there are steps
     */
    int64_t odd[] = {0, -3, INT64_MIN, 1000, INT64_MAX};
    Result plain = call(plain_vg, plain_vg_work(WEIGHTS, 9, 1), 9, 1);
    for (int i = 0; i < 5; i++) {
        size_t bytes = binomial_vg_work(WEIGHTS, 9, odd[i]);
        Result r = call(binomial_vg, bytes, 9, odd[i]);
        expect_same(&r, &plain, 9, odd[i]);
        expect(bytes <= 2 * rounded(9), "workspace", 9, i, (long)bytes, (long)(2 * rounded(9)));
        bytes = every_vg_work(WEIGHTS, 9, odd[i]);
        r = call(every_vg, bytes, 9, odd[i]);
        expect_same(&r, &plain, 9, odd[i]);
        expect(bytes <= 2 * rounded(9), "workspace", 9, i, (long)bytes, (long)(2 * rounded(9)));
    }
    return failures > 0;
}
