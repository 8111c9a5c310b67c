/* The log likelihood of examples/models/gmm.bp by hand, without its constant terms: as a good
 * engineer writes it (scalar), and as an expert does (vectors of points). Leaves as in gmm.bp:
 * alpha [k], mu and q [k,d], l [k,t]. */
#ifndef BENCH_GMM_HAND_H
#define BENCH_GMM_HAND_H

#include <stddef.h>

typedef struct GmmLeaves {
    double *alpha, *mu, *q, *l;
} GmmLeaves;

/* work: gmm_scalar_work bytes */
size_t gmm_scalar_work(int k, int d);
double gmm_scalar(int n, int k, int d, const GmmLeaves *g, const double *X, double gam, int m,
                  double *work);
double gmm_scalar_adjoint(int n, int k, int d, const GmmLeaves *g, const double *X, double gam,
                          int m, GmmLeaves *grad, double *work);

/* n is a multiple of 8; the adjoint too where grad is not NULL */
size_t gmm_hand_work(int k, int d);
double gmm_hand(int n, int k, int d, const GmmLeaves *g, const double *X, double gam, int m,
                GmmLeaves *grad, double *work);

#endif
