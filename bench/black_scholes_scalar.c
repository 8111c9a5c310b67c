/* A call option and its Greeks, second ones too, as a good engineer writes them: scalar C from
 * the textbook's formulas. */
#include "black_scholes_hand.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440, inverse_sqrt_2pi = 0.39894228040143267794;

static double normal(double x) {
    return 0.5 * erfc(-x * sqrt_half);
}

/* sd: sig*sqrt(T) */
static double d1_of(double S, double K, double r, double sig, double T, double sd) {
    return (log(S / K) + (r + 0.5 * sig * sig) * T) / sd;
}

double price_scalar(double S, double K, double r, double sig, double T) {
    double sd = sig * sqrt(T), d1 = d1_of(S, K, r, sig, T, sd);
    return S * normal(d1) - K * exp(-r * T) * normal(d1 - sd);
}

void greeks_scalar(double S, double K, double r, double sig, double T, double *value, double *by_S,
                   double *by_r, double *by_sig, double *by_T) {
    double root = sqrt(T), sd = sig * root;
    double d1 = d1_of(S, K, r, sig, T, sd), d2 = d1 - sd;
    double n1 = normal(d1), n2 = normal(d2);
    double discounted = K * exp(-r * T), density = S * inverse_sqrt_2pi * exp(-0.5 * d1 * d1);
    *value = S * n1 - discounted * n2;
    *by_S = n1;
    *by_r = T * discounted * n2;
    *by_sig = density * root;
    *by_T = density * sig / (2 * root) + r * discounted * n2;
}

/* gamma, vanna and vomma */
void second_greeks_scalar(double S, double K, double r, double sig, double T, double *hess) {
    double root = sqrt(T), sd = sig * root;
    double d1 = d1_of(S, K, r, sig, T, sd), d2 = d1 - sd;
    double density = inverse_sqrt_2pi * exp(-0.5 * d1 * d1);
    hess[0] = density / (S * sd);
    hess[1] = hess[2] = -density * d2 / sig;
    hess[3] = S * density * root * d1 * d2 / sig;
}

void book_scalar(int64_t n, const Book *b) {
    for (int64_t i = 0; i < n; i++)
        greeks_scalar(b->S[i], b->K[i], b->r[i], b->sig[i], b->T[i], b->value + i, b->by_S + i,
                      b->by_r + i, b->by_sig + i, b->by_T + i);
}
