/* Value and four Greeks of a book of options by hand: scalar C, and vectors. Arrays as in
 * book_greeks of examples/models/black_scholes.bp. */
#ifndef BENCH_BLACK_SCHOLES_HAND_H
#define BENCH_BLACK_SCHOLES_HAND_H

#include <stdint.h>

typedef struct Book {
    const double *S, *K, *r, *sig, *T;
    double *value, *by_S, *by_r, *by_sig, *by_T;
} Book;

void greeks_scalar(double S, double K, double r, double sig, double T, double *value, double *by_S,
                   double *by_r, double *by_sig, double *by_T);
void book_scalar(int64_t n, const Book *book);
void book_hand(int64_t n, const Book *book); /* n is a multiple of 8 */

#endif
