/* Timing for the benchmarks: alternatives are measured in turn within one process, so that a ratio
 * of their medians means something on a machine whose clock wanders. What is measured is the
 * processor time of the calling thread, so that other programs on the machine count as little as
 * possible.
 *
 * Called by every row of bench/rows.h. Knows nothing of models or of bars. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Candidate {
    void (*run)(void *user);
    void *user;
    double (*timed)(void *user); /* in place of run: runs once and says how many seconds it took */
    double median;               /* result: seconds a run */
} Candidate;

/* Fills in the medians of n candidates (at most 8): rounds, in each of which every candidate runs
 * in turn (a short one often), until they have taken about `seconds` together; at least three
 * rounds unless those take five times as long. */
void measure(Candidate *candidates, int n, double seconds);

/* What this machine can do on one core, each the best of many runs. */
typedef struct Floors {
    double fma32,
        fma64; /* multiply-adds without dependences, counted as two operations: flop a second */
    double read,
        update; /* bytes a second from memory: read; read here and written there, both counted */
    int bits;   /* vector width with the better rate */
} Floors;

const Floors *measure_floors(void); /* measured by the first call */

/* Zeroed, 64-byte aligned memory; ends the program when there is none. */
void *measure_memory(size_t bytes);

/* The same each run: n numbers between two bounds. */
void measure_fill(double *x, size_t n, double from, double to);
void measure_fill_f32(float *x, size_t n, double from, double to);

/* Ends the program unless status is 0. */
void measure_ok(int status, const char *(*error)(int));

/* Ends the program unless the n numbers are equal to `tolerance` times the largest of them. */
void measure_agree(const char *what, const double *a, const double *b, size_t n, double tolerance);
void measure_agree_f32(const char *what, const float *a, const float *b, size_t n,
                       double tolerance);

#endif
