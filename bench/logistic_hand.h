/* Gradient and Hessian of the log posterior of examples/models/logistic.bp, d = 100, by hand; see
 * logistic_hand.c. */
#ifndef BENCH_LOGISTIC_HAND_H
#define BENCH_LOGISTIC_HAND_H

#include <stdint.h>

enum { LOGISTIC_D = 100 };

/* n is a multiple of 80. The value is without the constants of the priors. */
double logistic_hand_grad(int64_t n, const double *beta, double alpha, const double *X,
                          const int64_t *y, double *grad_beta, double *grad_alpha);
void logistic_hand_hessian(int64_t n, const double *beta, double alpha, const double *X,
                           double *hessian);

#endif
