/* A million Runge-Kutta steps with 200 stored states: less than 64 MB of workspace (a few
 * kilobytes), and the gradient of the loop that stores everything.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %S/Inputs/checkpoint-rk4.bp -o %t/rk4.o
 * RUN: %cc -I%t %s %t/rk4.o -lm -o %t/rk4 && %t/rk4
 */
#include "rk4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    const double th[4] = {1.5, 1.0, 1.0, 3.0}, u0[2] = {1.0, 1.0};
    const int64_t n = 1000000;
    size_t few = few_vg_work(n), full = full_vg_work(n);
    if (few >= (size_t)64 << 20 || few > 200 * 3 * 8 + 192 || full < 16 * (size_t)n) {
        fprintf(stderr, "workspace: %zu and %zu bytes\n", few, full);
        return 1;
    }
    void *work = malloc(full > few ? full : few);
    double value[2], gradient[2][6];
    int status = few_vg(th, u0, 1e-5, n, &value[0], gradient[0], gradient[0] + 4, work);
    status |= full_vg(th, u0, 1e-5, n, &value[1], gradient[1], gradient[1] + 4, work);
    free(work);
    if (status || value[0] != value[1] || memcmp(gradient[0], gradient[1], sizeof gradient[0])) {
        for (int i = 0; i < 6; i++)
            fprintf(stderr, "%.17g %.17g\n", gradient[0][i], gradient[1][i]);
        return 1;
    }
    return 0;
}
