/* The builtins of dense linear algebra, their gradients and their Hessian-vector products, against
 * elimination in long double and extrapolated differences of it; and the statuses of matrices that
 * do not allow them.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/f64 && %t/f64
 * RUN: %bpc -O1 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/o1 && %t/o1
 * RUN: %bpc --real=f32 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=float -I%t %s %t/builtins.o -lm -o %t/f32 && %t/f32
 * RUN: %bpc -O0 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 * RUN: %bpc -O2 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 * RUN: %bpc -mcpu=haswell %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 * RUN: %bpc -mcpu=x86-64 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=double -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 * RUN: %bpc -O0 --real=f32 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=float -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 * RUN: %bpc -mcpu=x86-64 --real=f32 %S/Inputs/builtins.bp -o %t/builtins.o
 * RUN: %cc -DREAL=float -I%t %s %t/builtins.o -lm -o %t/host && %t/host
 */
#include "builtins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long double Wide;
typedef REAL Real;
enum { SINGLE = sizeof(Real) == 4, MOST = 17, COLUMNS = 3 };

static int failures, checks;

static double uniform(void) {
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-52 - 1.0;
}

/* ---- the reference ---- */

typedef struct Point {
    int n, m;
    Wide A[MOST * MOST], b[MOST * COLUMNS], W[MOST * MOST], V[MOST * COLUMNS];
} Point;

/* Gauss-Jordan with complete pivoting: X = A^-1 B, and the determinant. */
static Wide eliminate(int n, int m, const Wide *A, const Wide *B, Wide *X) {
    Wide a[MOST * MOST], b[MOST * MOST], det = 1.0L;
    int column[MOST];
    memcpy(a, A, sizeof(Wide) * (size_t)(n * n));
    memcpy(b, B, sizeof(Wide) * (size_t)(n * m));
    bool used[MOST] = {false};
    for (int step = 0; step < n; step++) {
        int r = step, c = 0;
        Wide best = -1.0L;
        for (int i = step; i < n; i++)
            for (int j = 0; j < n; j++)
                if (!used[j] && fabsl(a[i * n + j]) > best) {
                    best = fabsl(a[i * n + j]);
                    r = i;
                    c = j;
                }
        for (int j = 0; j < n; j++) {
            Wide t = a[r * n + j];
            a[r * n + j] = a[step * n + j];
            a[step * n + j] = t;
        }
        for (int j = 0; j < m; j++) {
            Wide t = b[r * m + j];
            b[r * m + j] = b[step * m + j];
            b[step * m + j] = t;
        }
        used[c] = true;
        column[step] = c;
        Wide pivot = a[step * n + c];
        det *= r == step ? pivot : -pivot;
        for (int i = 0; i < n; i++) {
            Wide f = i == step ? 0.0L : a[i * n + c] / pivot;
            for (int j = 0; j < n; j++)
                a[i * n + j] -= f * a[step * n + j];
            for (int j = 0; j < m; j++)
                b[i * m + j] -= f * b[step * m + j];
        }
        for (int j = 0; j < n; j++)
            a[step * n + j] /= pivot;
        for (int j = 0; j < m; j++)
            b[step * m + j] /= pivot;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++)
            X[column[i] * m + j] = b[i * m + j];
        for (int k = i + 1; k < n; k++)
            det = column[k] < column[i] ? -det : det;
    }
    return det;
}

static Wide weighted(int count, const Wide *x, const Wide *w) {
    Wide sum = 0.0L;
    for (int i = 0; i < count; i++)
        sum += x[i] * w[i];
    return sum;
}

static Wide ref_chol(const Point *p) {
    int n = p->n;
    Wide L[MOST * MOST] = {0};
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            Wide s = (p->A[i * n + j] + p->A[j * n + i]) / 2.0L;
            for (int k = 0; k < j; k++)
                s -= L[i * n + k] * L[j * n + k];
            L[i * n + j] = i == j ? sqrtl(s) : s / L[j * n + j];
        }
    return weighted(n * n, L, p->W);
}

static void lower_of(const Point *p, bool transposed, Wide *L) {
    int n = p->n;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            L[transposed ? j * n + i : i * n + j] = j <= i ? p->A[i * n + j] : 0.0L;
}

static Wide solved(const Point *p, int kind, int m) {
    Wide L[MOST * MOST], b[MOST * COLUMNS], V[MOST * COLUMNS], X[MOST * COLUMNS];
    for (int i = 0; i < p->n; i++)
        for (int j = 0; j < m; j++) {
            b[i * m + j] = p->b[i * p->m + j];
            V[i * m + j] = p->V[i * p->m + j];
        }
    if (kind == 2) {
        eliminate(p->n, m, p->A, b, X);
    } else {
        lower_of(p, false, L);
        eliminate(p->n, m, L, b, X);
    }
    if (kind == 1) {
        memcpy(b, X, sizeof b);
        lower_of(p, true, L);
        eliminate(p->n, m, L, b, X);
    }
    return weighted(p->n * m, X, V);
}

static Wide ref_tri(const Point *p) {
    return solved(p, 0, p->m);
}
static Wide ref_tri1(const Point *p) {
    return solved(p, 0, 1);
}
static Wide ref_chs(const Point *p) {
    return solved(p, 1, p->m);
}
static Wide ref_chs1(const Point *p) {
    return solved(p, 1, 1);
}
static Wide ref_sol(const Point *p) {
    return solved(p, 2, p->m);
}
static Wide ref_sol1(const Point *p) {
    return solved(p, 2, 1);
}
static Wide ref_deter(const Point *p) {
    return eliminate(p->n, 0, p->A, p->b, NULL);
}
static Wide ref_ldet(const Point *p) {
    return logl(fabsl(ref_deter(p)));
}

static Wide ref_inver(const Point *p) {
    Wide I[MOST * MOST] = {0}, X[MOST * MOST];
    for (int i = 0; i < p->n; i++)
        I[i * p->n + i] = 1.0L;
    eliminate(p->n, p->n, p->A, I, X);
    return weighted(p->n * p->n, X, p->W);
}

/* ---- what is compiled ---- */

typedef int Value(int64_t, int64_t, const Real *, const Real *, const Real *, const Real *, Real *,
                  void *);
typedef int Gradient(int64_t, int64_t, const Real *, const Real *, const Real *, const Real *,
                     Real *, Real *, void *);
typedef int Product(int64_t, int64_t, const Real *, const Real *, const Real *, const Real *,
                    const Real *, const Real *, Real *, Real *, void *);
typedef size_t Work(int64_t, int64_t);

typedef struct Function {
    const char *name;
    Wide (*reference)(const Point *);
    Value *value;
    Gradient *gradient;
    Product *product;
    Work *works[3];
} Function;

#define ROW(f)                                                                                     \
    {                                                                                              \
        #f, ref_##f, f, f##_g, f##_h, {                                                            \
            f##_work, f##_g_work, f##_h_work                                                       \
        }                                                                                          \
    }
static const Function functions[] = {ROW(chol), ROW(tri),  ROW(tri1), ROW(chs),   ROW(chs1),
                                     ROW(sol),  ROW(sol1), ROW(ldet), ROW(deter), ROW(inver)};

static void *workspace(const Function *f, int n, int m) {
    size_t most = 64;
    for (int i = 0; i < 3; i++) {
        size_t size = f->works[i](n, m);
        most = size > most ? size : most;
    }
    return aligned_alloc(64, (most + 63) / 64 * 64);
}

/* ---- comparing ---- */

static void expect(const char *name, const char *what, const Point *p, Wide got, Wide want,
                   Wide scale, double tolerance) {
    checks++;
    if (fabsl(got - want) <= tolerance * scale)
        return;
    if (++failures <= 20)
        printf("%s, %s, n=%d m=%d: got %.17Lg, expected %.17Lg\n", name, what, p->n, p->m, got,
               want);
}

static void narrow(int count, const Wide *from, Real *to) {
    for (int i = 0; i < count; i++)
        to[i] = (Real)from[i];
}

typedef struct Narrow {
    Real A[MOST * MOST], b[MOST * COLUMNS], W[MOST * MOST], V[MOST * COLUMNS];
} Narrow;

static void narrow_point(const Point *p, Narrow *q) {
    narrow(p->n * p->n, p->A, q->A);
    narrow(p->n * p->m, p->b, q->b);
    narrow(p->n * p->n, p->W, q->W);
    narrow(p->n * p->m, p->V, q->V);
}

/* f at p + t*d; d has the elements of A, then those of b. */
static Wide moved(const Function *f, const Point *p, const Wide *d, Wide t) {
    Point q = *p;
    int nn = p->n * p->n;
    for (int i = 0; i < nn; i++)
        q.A[i] += t * d[i];
    for (int i = 0; i < p->n * p->m; i++)
        q.b[i] += t * d[nn + i];
    return f->reference(&q);
}

/* The first or second derivative along d, by three extrapolations of central differences. */
static Wide difference(const Function *f, const Point *p, const Wide *d, int order) {
    Wide table[4], middle = order == 2 ? f->reference(p) : 0.0L;
    for (int k = 0; k < 4; k++) {
        Wide h = 0.02L / (Wide)(1 << k), up = moved(f, p, d, h), down = moved(f, p, d, -h);
        table[k] = order == 1 ? (up - down) / (2.0L * h) : (up - 2.0L * middle + down) / (h * h);
        for (int i = k - 1, power = 4; i >= 0; i--, power *= 4)
            table[i] = table[i + 1] + (table[i + 1] - table[i]) / (Wide)(power - 1);
    }
    return table[0];
}

static void check_value(const Function *f, const Point *p, const Narrow *q, void *work) {
    Real out = NAN;
    int status = f->value(p->n, p->m, q->A, q->b, q->W, q->V, &out, work);
    Wide want = f->reference(p);
    expect(f->name, "status", p, status, 0, 1, 0);
    expect(f->name, "value", p, out, want, 1.0L + fabsl(want), SINGLE ? 1e-5 : 1e-13);
}

static void check_gradient(const Function *f, const Point *p, const Narrow *q, void *work) {
    static Real g[MOST * MOST + MOST * COLUMNS];
    int nn = p->n * p->n, count = nn + p->n * p->m;
    f->gradient(p->n, p->m, q->A, q->b, q->W, q->V, g, g + nn, work);
    Wide scale = 1.0L;
    for (int i = 0; i < count; i++)
        scale = fmaxl(scale, fabsl(g[i]));
    for (int i = 0; i < count; i++) {
        Wide d[MOST * MOST + MOST * COLUMNS] = {0};
        d[i] = 1.0L;
        expect(f->name, "gradient", p, g[i], difference(f, p, d, 1), scale, SINGLE ? 1e-4 : 1e-10);
    }
    for (int i = 0; f->reference == ref_chol && i < p->n; i++)
        for (int j = 0; j < i; j++)
            expect(f->name, "symmetry", p, g[i * p->n + j], g[j * p->n + i], 1, 0);
}

/* e_i' H d from the second differences along d + e_i and d - e_i. */
static void check_product(const Function *f, const Point *p, const Narrow *q, void *work) {
    Wide d[MOST * MOST + MOST * COLUMNS] = {0};
    Real narrow_d[MOST * MOST + MOST * COLUMNS], hv[MOST * MOST + MOST * COLUMNS];
    int nn = p->n * p->n, count = nn + p->n * p->m;
    for (int i = 0; i < count; i++)
        d[i] = (Real)(0.5 * uniform());
    narrow(count, d, narrow_d);
    f->product(p->n, p->m, q->A, q->b, q->W, q->V, narrow_d, narrow_d + nn, hv, hv + nn, work);
    Wide scale = 1.0L;
    for (int i = 0; i < count; i++)
        scale = fmaxl(scale, fabsl(hv[i]));
    for (int i = 0; i < count; i++) {
        Wide before = d[i];
        d[i] = before + 1.0L;
        Wide up = difference(f, p, d, 2);
        d[i] = before - 1.0L;
        Wide down = difference(f, p, d, 2);
        d[i] = before;
        expect(f->name, "Hessian product", p, hv[i], (up - down) / 4.0L, scale,
               SINGLE ? 1e-3 : 1e-8);
    }
}

static void random_point(Point *p, int n, int m, Wide diagonal) {
    *p = (Point){.n = n, .m = m};
    for (int i = 0; i < n * n; i++) {
        p->A[i] = (Real)(uniform() / (1.0 + 0.2 * n) + (i % (n + 1) == 0 ? (double)diagonal : 0.0));
        p->W[i] = (Real)uniform();
    }
    for (int i = 0; i < n * m; i++) {
        p->b[i] = (Real)uniform();
        p->V[i] = (Real)uniform();
    }
}

static void check_function(const Function *f, int n, int m) {
    Point p;
    Narrow q;
    random_point(&p, n, m, 2.0L);
    if (f->reference != ref_chol && n > 1 && f->reference != ref_tri && f->reference != ref_chs &&
        f->reference != ref_tri1 && f->reference != ref_chs1)
        for (int j = 0; j < n; j++) { /* so that elimination has to choose its pivots, and the
                                         determinant is negative */
            Wide t = p.A[j];
            p.A[j] = p.A[n + j];
            p.A[n + j] = t;
        }
    narrow_point(&p, &q);
    void *work = workspace(f, n, m);
    check_value(f, &p, &q, work);
    check_gradient(f, &p, &q, work);
    if (n <= 5)
        check_product(f, &p, &q, work);
    free(work);
}

/* ---- statuses ---- */

static void expect_status(const char *name, int status, const char *text) {
    const char *got = builtins_error(status);
    checks++;
    if (text ? status > 0 && got && strstr(got, "builtins.bp:") && strstr(got, text) : status == 0)
        return;
    failures++;
    printf("%s: status %d, %s; expected %s\n", name, status, got ? got : "no text",
           text ? text : "none");
}

/* Each gradient and each Hessian-vector product says so as well. */
static void check_status_of_products(const Real *indefinite, const Real *singular,
                                     const Real *triangle, const Real *b, const Real *W) {
    Real out[16];
    _Alignas(64) static char work[1 << 16];
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        const Function *f = &functions[k];
        bool cholesky = f->reference == ref_chol,
             general = f->reference == ref_sol || f->reference == ref_sol1 ||
                       f->reference == ref_ldet || f->reference == ref_inver;
        if (f->reference == ref_deter)
            continue;
        const Real *A = cholesky ? indefinite : general ? singular : triangle;
        const char *text = cholesky ? "not positive definite" : "singular";
        expect_status(f->name, f->gradient(2, 1, A, b, W, b, out, out + 4, work), text);
        expect_status(f->name, f->product(2, 1, A, b, W, b, W, b, out, out + 4, work), text);
    }
}

static void check_statuses(void) {
    Real indefinite[] = {1, 2, 2, 1}, semi[] = {1, 1, 1, 1}, singular[] = {1, 2, 2, 4},
         zero[] = {0, 0, 0, 0};
    Real triangle[] = {1, 7, 3, 0}, regular[] = {0, 1, 1, 0}, not_a_number[] = {1, 0, 0, NAN};
    Real b[] = {1, 1}, W[] = {1, 1, 1, 1}, out, g[8];
    _Alignas(64) static char work[1 << 16];
    expect_status("indefinite", chol(2, 1, indefinite, b, W, b, &out, work),
                  "not positive definite");
    expect_status("semidefinite", chol(2, 1, semi, b, W, b, &out, work), "not positive definite");
    expect_status("NaN", chol(2, 1, not_a_number, b, W, b, &out, work), "not positive definite");
    expect_status("its gradient", chol_g(2, 1, indefinite, b, W, b, g, g + 4, work),
                  "not positive definite");
    expect_status("triangle", tri(2, 1, triangle, b, W, b, &out, work), "singular");
    expect_status("triangle", tri1(2, 1, triangle, b, W, b, &out, work), "singular");
    expect_status("triangle", chs(2, 1, triangle, b, W, b, &out, work), "singular");
    expect_status("triangle", chs1(2, 1, triangle, b, W, b, &out, work), "singular");
    expect_status("singular", sol(2, 1, singular, b, W, b, &out, work), "singular");
    expect_status("singular", sol1(2, 1, singular, b, W, b, &out, work), "singular");
    expect_status("singular", ldet(2, 1, singular, b, W, b, &out, work), "singular");
    expect_status("singular", inver(2, 1, singular, b, W, b, &out, work), "singular");
    expect_status("zero", inver(2, 1, zero, b, W, b, &out, work), "singular");
    expect_status("its gradient", inver_g(2, 1, singular, b, W, b, g, g + 4, work), "singular");
    check_status_of_products(indefinite, singular, triangle, b, W);
    expect_status("regular", sol(2, 1, regular, b, W, b, &out, work), NULL);
    expect_status("determinant", deter(2, 1, singular, b, W, b, &out, work), NULL);
    Point p = {.n = 2, .m = 1};
    expect("determinant", "of a singular matrix", &p, out, 0, 1, 0);
    expect_status("determinant", deter(2, 1, zero, b, W, b, &out, work), NULL);
    expect("determinant", "of zero", &p, out, 0, 1, 0);
}

/* Where A has no inverse, the gradient of the determinant still is the matrix of cofactors. */
static void check_cofactors(void) {
    const Real one[] = {0}, two[] = {1, 2, 2, 4}, three[] = {1, 2, 4, 2, 4, 8, 1, 0, 2},
               none[9] = {0};
    const Real cofactors_one[] = {1}, cofactors_two[] = {4, -2, -2, 1};
    const Real cofactors_three[] = {8, 4, -4, -4, -2, 2, 0, 0, 0};
    const Real *from[] = {one, two, three, none},
               *want[] = {cofactors_one, cofactors_two, cofactors_three, none};
    Real b[3] = {0}, g[9], db[3];
    _Alignas(64) static char work[1 << 14];
    for (int k = 0; k < 4; k++) {
        Point p = {.n = k < 3 ? k + 1 : 3, .m = 1};
        expect_status("cofactors", deter_g(p.n, 1, from[k], b, none, b, g, db, work), NULL);
        for (int i = 0; i < p.n * p.n; i++)
            expect("cofactors", "element", &p, g[i], want[k][i], 1, SINGLE ? 1e-5 : 1e-13);
    }
}

/* The lower triangle, with zeros above. */
static void check_factor(void) {
    Real A[] = {4, 100, -96, 5}, L[] = {7, 7, 7, 7};
    _Alignas(64) static char work[1 << 12];
    const Real want[] = {2, 0, 1, 2};
    Point p = {.n = 2, .m = 1};
    expect_status("factor", factor(2, A, L, work), NULL);
    for (int i = 0; i < 4; i++)
        expect("factor", "element", &p, L[i], want[i], 1, 0);
}

/* Beyond the size from which another loop is used: L L' against the symmetric part. */
static void check_large(void) {
    enum { N = 203 };
    static Real A[N * N], L[N * N];
    void *work = aligned_alloc(64, (factor_work(N) + 64) / 64 * 64);
    Point p = {.n = N, .m = 0};
    for (int i = 0; i < N * N; i++)
        A[i] = (Real)(uniform() + (i % (N + 1) == 0 ? N : 0));
    expect_status("factor", factor(N, A, L, work), NULL);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            Wide sum = 0.0L;
            for (int k = 0; k < N; k++)
                sum += (Wide)L[i * N + k] * L[j * N + k];
            expect("factor", "product", &p, sum, ((Wide)A[i * N + j] + A[j * N + i]) / 2.0L, N,
                   SINGLE ? 1e-5 : 1e-14);
            expect("factor", "above the diagonal", &p, j > i ? L[i * N + j] : 0, 0, 1, 0);
        }
    free(work);
}

int main(void) {
    static const int sizes[] = {0, 1, 2, 5, 17};
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int m = 1; m <= COLUMNS; m += 2)
                check_function(&functions[k], sizes[i], m);
    check_statuses();
    check_factor();
    check_cofactors();
    check_large();
    printf("%d checks, %d failures\n", checks, failures);
    return failures > 0;
}
