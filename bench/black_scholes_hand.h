/* examples/models/black_scholes.bp by hand: value and four Greeks of a book of options in scalar C
 * and in vectors, arrays as in book_greeks; its other exports in scalar C. */
#ifndef BENCH_BLACK_SCHOLES_HAND_H
#define BENCH_BLACK_SCHOLES_HAND_H

#include <stdint.h>

typedef struct Book {
    const double *S, *K, *r, *sig, *T;
    double *value, *by_S, *by_r, *by_sig, *by_T;
} Book;

double price_scalar(double S, double K, double r, double sig, double T);
void greeks_scalar(double S, double K, double r, double sig, double T, double *value, double *by_S,
                   double *by_r, double *by_sig, double *by_T);
void second_greeks_scalar(double S, double K, double r, double sig, double T, double *hess);
void book_scalar(int64_t n, const Book *book);
void book_hand(int64_t n, const Book *book); /* n is a multiple of 8 */

#endif
