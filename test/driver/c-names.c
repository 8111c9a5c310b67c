/* The C interface as the language states it: names and order of sizes, parameters and results,
 * structs, workspace.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %S/Inputs/c-names.bp -o %t/names.o
 * RUN: %cc -I%t %s %t/names.o -lm -o %t/host && %t/host
 * RUN: %bpc %S/Inputs/c-names.bp -O0 -o %t/names.o
 * RUN: %cc -I%t %s %t/names.o -lm -o %t/host && %t/host
 * RUN: %bpc %S/Inputs/c-names.bp --emit=c -o %t/names.c
 * RUN: %cc -I%t %s %t/names.c -lm -o %t/host && %t/host */
#include "names.h"

#undef NDEBUG
#include <assert.h>
#include <stdalign.h>
#include <string.h>

static alignas(64) char work[1 << 16];

/* The prototypes, word for word: a conflict with those of the header does not compile. */
size_t first_work(int64_t m, int64_t n, int64_t k);
int first(int64_t m, int64_t n, const double *y, const double *x, int64_t k, bool c, float s,
          double *out, void *work);
int second(int64_t n, int64_t m, const double *y, const double *x, double *out0, double *out1,
           void *work);
int f(double x, const f_p *p, double *out0, AB *out1, void *work);
size_t vg_work(int64_t k);
int vg(double x, const g_p *p, int64_t k, double *out, g_p *grad_p, double *grad_x, void *work);
int lone(double x, const g_p *p, int64_t k, double *grad_x, void *work);
int j(double x, const g_p *p, int64_t k, const g_p *d_p, double *out, double *d_out, void *work);
int v(double x, const f_p *p, double bar0, const AB *bar1, double *out0, AB *out1, double *grad_x,
      void *work);
int jacob(double x, const f_p *p, double *jac, void *work);
int h(double x, const g_p *p, int64_t k, double *hess, void *work);
int hv(double x, const g_p *p, int64_t k, const g_p *d_p, g_p *hv_p, void *work);
size_t b_work(int64_t q);
int b(int64_t q, const double *x, const f_p *p, double *out0, AB *out1, void *work);
int g_grad(double x, const g_p *p, int64_t k, double *grad_x, g_p *grad_p, void *work);
int cams(int64_t nc, const Nested *c, double *out, void *work);
const char *names_error(int status);

static void sizes(void) {
    double y[] = {1, 2, 3, 4, 5, 6}, x[] = {1, 1, 2}, out[2], sum, twice[3];
    assert(first_work(2, 3, 2) <= sizeof work);
    assert(first(2, 3, y, x, 2, true, 0.5f, out, work) == 0 && out[0] == 9 && out[1] == 21);
    assert(second(3, 2, y, x, &sum, twice, work) == 0 && sum == 3 && twice[2] == 4);
    int status = first(2, -1, y, x, 2, true, 0.5f, out, work);
    assert(status > 0 && strstr(names_error(status), "the size n") && !names_error(0) &&
           !names_error(9999));
}

static void records(void) {
    double u = 2, pv[] = {3, 4, 5}, out, gu, gv[3], gx, a, bb, du = 1, dv[] = {0, 0, 1};
    f_p p = {&u, pv};
    AB ab = {&a, &bb};
    assert(f(10, &p, &out, &ab, work) == 0 && out == 20 && a == 30 && bb == 2);
    double bar1a = 1, bar1b = 7;
    AB bar1 = {&bar1a, &bar1b};
    assert(v(10, &p, 2, &bar1, &out, &ab, &gx, work) == 0 && gx == 2 * u + pv[0]);
    double jac[3 * 4];
    assert(jacob(10, &p, jac, work) == 0 && jac[0] == 10 && jac[5] == 10 && jac[8] == 1);
    g_p q = {&u, pv}, grad = {&gu, gv}, d = {&du, dv};
    assert(vg(3, &q, 2, &out, &grad, &gx, work) == 0 && out == 432 && gu == 216 && gv[1] == 36 &&
           gx == 288);
    assert(lone(3, &q, 2, &gx, work) == 0 && gx == 288);
    assert(j(3, &q, 2, &d, &out, &a, work) == 0 && a == 216 + 36);
    assert(hv(3, &q, 2, &d, &grad, work) == 0 && gu == 18 && gv[0] == 18);
    double hess[5 * 5];
    assert(h(3, &q, 2, hess, work) == 0 && hess[0] == 2 * 2 * 12 * 2 && hess[1] == hess[5] &&
           hess[1] == 144);
    assert(g_grad(3, &q, 2, &gx, &grad, work) == 0 && gx == 288 && gu == 216);
}

static void arrays_of_records(void) {
    double x[] = {1, 2}, us[] = {2, 3}, vs[] = {1, 0, 0, 5, 0, 0}, out[2], a[2], bb[2];
    f_p p = {us, vs};
    AB ab = {a, bb};
    assert(b_work(2) <= sizeof work);
    assert(b(2, x, &p, out, &ab, work) == 0 && out[1] == 6 && a[1] == 10 && bb[1] == 3);
    double r[] = {1, 2, 3, 4, 5, 6}, s[] = {1, 10}, gr[6], gs[2];
    int64_t k[] = {1, 2}, gk[] = {-7, -7};
    Nested c = {.cam = {r, k}, .s = s}, grad = {.cam = {gr, gk}, .s = gs};
    assert(cams(2, &c, out, work) == 0 && out[0] == 6 + 300);
    assert(cams_g(2, &c, &grad, work) == 0 && gr[5] == 20 && gs[1] == 30 && gk[0] == -7);
}

int main(void) {
    sizes();
    records();
    arrays_of_records();
    return 0;
}
