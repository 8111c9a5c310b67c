/* bench/lstm_elements.bp by hand: scalar C of a good engineer, and vectors. Leaves as there: w and
 * b are [l, 4, h], wx, wy, by are [h]. */
#ifndef BENCH_LSTM_ELEMENTS_HAND_H
#define BENCH_LSTM_ELEMENTS_HAND_H

#include <stddef.h>

typedef struct Elements {
    double *w, *b, *wx, *wy, *by;
} Elements;

double elements_scalar(int T, int l, int h, const Elements *n, const double *xs, double *work);

/* Any of the adjoints writes the whole gradient; work: elements_work bytes, 64-byte aligned. */
size_t elements_work(int T, int l, int h);
double elements_scalar_adjoint(int T, int l, int h, const Elements *n, const double *xs,
                               Elements *grad, double *work);
double elements_hand(int T, int l, int h, const Elements *n, const double *xs, Elements *grad,
                     double *work);

#endif
