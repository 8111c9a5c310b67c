/* The operations of bench/chain.bp by hand; see chain_hand.c. n is a multiple of 16. */
#ifndef BENCH_CHAIN_HAND_H
#define BENCH_CHAIN_HAND_H

#include <stdint.h>

void chain_hand(int64_t n, const float *x, float *y);
double chain_hand_grad(int64_t n, const float *x, float *grad); /* the sum, too */

/* The same for what stays in the caches. */
void chain_hand_cached(int64_t n, const float *x, float *y);
double chain_hand_cached_grad(int64_t n, const float *x, float *grad);

#endif
