/* The yardstick of the digits benchmark: the step of examples/digits/digits.bp written by hand. */
#ifndef BENCH_DIGITS_HAND_H
#define BENCH_DIGITS_HAND_H

#include "mlp_hand.h"

/* As `step` in digits.h: the loss at p, and p, m, v after one step of Adam. Arrays are 64-byte
 * aligned. */
void hand_step(const HandMlp *p, const HandMlp *m, const HandMlp *v, float t, float lr,
               const float *X, const int64_t *y, float *loss, HandMlp *p1, HandMlp *m1,
               HandMlp *v1);

#endif
