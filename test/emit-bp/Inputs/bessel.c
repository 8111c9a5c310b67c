/* The second derivative of J1, by the rule of the first, in a program that was printed. */
#define _XOPEN_SOURCE 700 /* jn */
#include "second.h"

#include <math.h>
#include <stdio.h>

double bessel_j(double n, double x);
double bessel_j(double n, double x) {
    return jn((int)n, x);
}

int main(void) {
    double x = 1.7, first = 0, again = 0;
    double want_first = 0.5 * (jn(0, x) - jn(2, x));
    double want_second = 0.25 * (jn(-1, x) - 2 * jn(1, x) + jn(3, x));
    if (bessel_j_grad_x(x, &first, NULL) != 0 || second(x, &again, NULL) != 0)
        return 2;
    printf("%.17g %.17g\n%.17g %.17g\n", first, want_first, again, want_second);
    return fabs(first - want_first) > 1e-14 || fabs(again - want_second) > 1e-14;
}
