/* The Kalman filter of examples/models/kalman.bp, 8 states and 4 measurements, with its gradient by
 * hand; see kalman_hand.c. Arrays are 64-byte aligned. */
#ifndef BENCH_KALMAN_HAND_H
#define BENCH_KALMAN_HAND_H

#include <stddef.h>
#include <stdint.h>

enum { KALMAN_M = 8, KALMAN_K = 4 };

typedef struct Filter {
    double *A, *C, *Q, *R, *m0, *P0;
} Filter;

size_t kalman_hand_work(int64_t T);
double kalman_hand(int64_t T, const Filter *p, const double *ys, Filter *grad, void *work);

#endif
