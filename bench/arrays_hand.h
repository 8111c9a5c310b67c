/* The functions of bench/arrays.bp in C: rows in the order of memory, loops that vectorise. X is n
 * x d, row-major. */
#ifndef BENCH_ARRAYS_HAND_H
#define BENCH_ARRAYS_HAND_H

void times_hand(long n, long d, const double *X, const double *w, double *out);
void back_hand(long n, long d, const double *X, const double *r, double *out);
void means_hand(long n, long d, const double *X, double *out);
void variances_hand(long n, long d, const double *X, double *out); /* d <= 1024 */
void turned_hand(long n, long d, const double *X, double *out);
double rough_hand(long n, const double *x, double *grad);
double five_points_hand(long n, long d, const double *X, double *grad,
                        double *work); /* d numbers */

#endif
