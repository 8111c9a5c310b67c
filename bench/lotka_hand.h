/* The fit of examples/models/lotka.bp and its gradient by hand: scalar C. */
#ifndef BENCH_LOTKA_HAND_H
#define BENCH_LOTKA_HAND_H

#include <stddef.h>
#include <stdint.h>

double lotka_scalar(int64_t T, const double *th, const double *u0, const double *data, double h,
                    int64_t steps);

/* states: room for 2*T*steps numbers */
double lotka_scalar_adjoint(int64_t T, const double *th, const double *u0, const double *data,
                            double h, int64_t steps, double *grad_th, double *grad_u0,
                            double *states);

#endif
