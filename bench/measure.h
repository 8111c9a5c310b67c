/* Timing for the benchmarks: alternatives are measured in turn within one process, so that a ratio
 * of their medians means something on a machine whose clock wanders. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>

typedef struct Candidate {
    void (*run)(void *user);
    void *user;
    double median; /* result: seconds a run */
} Candidate;

double measure_now(void); /* seconds */

/* Fills in the medians of n candidates (at most 8): `rounds` rounds, in each of which every
 * candidate runs `repeats` times in a row. */
void measure(Candidate *candidates, int n, int rounds, int repeats);

/* The best rate of dependent-free f32 fused multiply-adds on one core, in Gflop/s; *bits is the
 * vector width. */
double measure_fma_peak(int *bits);

/* Zeroed, 64-byte aligned memory; ends the program when there is none. */
void *measure_memory(size_t bytes);

#endif
