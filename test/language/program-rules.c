/* The program of rules, scatter, updates and bounded while, called from C; the host defines its
 * extern function.
 *
 * RUN: mkdir -p %t.dir && %bpc %top/examples/models/rules.bp -o %t.dir/rules.o
 * RUN: %cc -D_GNU_SOURCE -I%t.dir %s %t.dir/rules.o -lm -o %t && %t
 * RUN: %bpc -O0 %top/examples/models/rules.bp -o %t.dir/rules.o
 * RUN: %cc -D_GNU_SOURCE -I%t.dir %s %t.dir/rules.o -lm -o %t && %t
 * RUN: %bpc %top/examples/models/rules.bp --emit=c -o %t.dir/rules.c
 * RUN: %cc -D_GNU_SOURCE -I%t.dir %s %t.dir/rules.c -lm -o %t && %t
 */
#include "rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double bessel_j(double n, double x);
double bessel_j(double n, double x) {
    return jn((int)n, x);
}

static int failures;

static void near(const char *what, double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-12 * (1.0 + fabs(wanted)))) {
        printf("%s: %.17g, wanted %.17g\n", what, found, wanted);
        failures++;
    }
}

static void is(const char *what, int found, int wanted) {
    if (found != wanted) {
        printf("%s: status %d (%s), wanted %d\n", what, found, found > 0 ? rules_error(found) : "",
               wanted);
        failures++;
    }
}

static void fails(const char *what, int status, const char *text) {
    const char *found = rules_error(status);
    if (!found || !strstr(found, text)) {
        printf("%s: status %d (%s), wanted '%s'\n", what, status, found ? found : "none", text);
        failures++;
    }
}

static void bessel(void) {
    double gn = 7, gx = 7;
    is("bessel_j_grad", bessel_j_grad(2.0, 1.5, &gn, &gx, NULL), 0);
    near("by n", gn, 0.0);
    near("by x", gx, 0.5 * (jn(1, 1.5) - jn(3, 1.5)));
}

static void scalars(void) {
    double out, hess, x = 0.3, s = 1.0 / (1.0 + exp(-x));
    is("softplus1_hess", softplus1_hess(x, &hess, NULL), 0);
    near("hessian of softplus", hess, s * (1.0 - s));
    double grad;
    is("my_sigmoid_grad", my_sigmoid_grad(x, &out, &grad, NULL), 0);
    near("sigmoid", out, s);
    near("its gradient", grad, s * (1.0 - s));
    void *work = aligned_alloc(64, (root2_grad_work() + 63) / 64 * 64 + 64);
    is("root2_grad", root2_grad(1.5, &grad, work), 0);
    near("root2: converged", grad, 0.0);
    fails("root2 of a bad start", root2_grad(1e20, &grad, work), "max_iter");
    free(work);
}

static void histogram(void) {
    int64_t idx[] = {0, 2, 0, 1};
    double w[] = {1, 10, 100, 1000}, bar[] = {1, 2, 3}, out[3], grad[4];
    is("hist_vjp", hist_vjp(4, idx, w, 3, bar, out, grad, NULL), 0);
    const double wanted[] = {101, 1000, 10}, wanted_grad[] = {1, 3, 1, 2};
    for (int i = 0; i < 3; i++)
        near("hist", out[i], wanted[i]);
    for (int i = 0; i < 4; i++)
        near("grad of hist", grad[i], wanted_grad[i]);
    fails("index", hist_vjp(4, idx, w, 2, bar, out, grad, NULL), "out of range");
    fails("nb", hist_vjp(4, idx, w, -1, bar, out, grad, NULL), "negative");
    fails("n", hist_vjp(-4, idx, w, 3, bar, out, grad, NULL), "negative");
    if (hist_vjp_work(4, 3) != 0)
        failures++, puts("hist_vjp needs no workspace");
}

static void update(void) {
    double a[] = {1, 2, 3}, bar[] = {5, 7, 11}, out[3], grad[3], grad_v;
    is("upd_vjp", upd_vjp(3, a, 1, 4.0, bar, out, grad, &grad_v, NULL), 0);
    near("out[0]", out[0], 8.0);
    near("out[1]", out[1], 4.0);
    near("out[2]", out[2], 3.0);
    near("grad_a[0]", grad[0], 0.0);
    near("grad_a[1]", grad[1], 0.0);
    near("grad_a[2]", grad[2], 11.0);
    near("grad_v", grad_v, 7.0 + 10.0);
    is("upd_vjp at 0", upd_vjp(3, a, 0, 4.0, bar, out, grad, &grad_v, NULL), 0);
    near("grad_v at 0", grad_v, 10.0);
    fails("index", upd_vjp(3, a, 3, 4.0, bar, out, grad, &grad_v, NULL), "out of range");
}

static void convolution(void) {
    enum { N = 7, M = 3 };
    double x[N], w[M] = {0.5, -1.0, 2.0}, bar[N - M + 1], out[N - M + 1], gx[N] = {0}, gw[M] = {0};
    double wanted_x[N] = {0}, wanted_w[M] = {0};
    for (int i = 0; i < N; i++)
        x[i] = sin(i + 1.0);
    for (int i = 0; i < N - M + 1; i++)
        bar[i] = cos(2.0 * i);
    void *work = aligned_alloc(64, (conv_vjp_work(N, M) + 63) / 64 * 64 + 64);
    is("conv_vjp", conv_vjp(N, M, x, w, bar, out, gx, gw, work), 0);
    for (int i = 0; i < N - M + 1; i++) {
        double sum = 0.0;
        for (int j = 0; j < M; j++) {
            sum += x[i + j] * w[j];
            wanted_x[i + j] += bar[i] * w[j];
            wanted_w[j] += bar[i] * x[i + j];
        }
        near("conv", out[i], sum);
    }
    for (int i = 0; i < N; i++)
        near("by x", gx[i], wanted_x[i]);
    for (int j = 0; j < M; j++)
        near("by w", gw[j], wanted_w[j]);
    fails("a kernel that is too long", conv_vjp(1, 3, x, w, bar, out, gx, gw, work), "negative");
    free(work);
}

int main(void) {
    bessel();
    scalars();
    histogram();
    update();
    convolution();
    return failures > 0;
}
