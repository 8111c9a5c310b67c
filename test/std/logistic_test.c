/* The logistic regression of examples/models against a reference of its own: value, gradient and
 * Hessian at the size of a real data set (569 samples, 30 features of very different scales), at
 * every optimisation level. With a file as argument, on its data: n,d,... in the first line, then d
 * features and a label of 0 or 1 a line. */
#include "driver/bpc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 569, D = 30 };

typedef struct Problem {
    double X[N][D], beta[D], alpha;
    int64_t y[N];
} Problem;

typedef struct Result {
    long double value, grad[D + 1], hess[D + 1][D + 1];
} Result;

typedef int Value(int64_t, int64_t, const double *, double, const double *, const int64_t *,
                  double *, void *);
typedef int Gradient(int64_t, int64_t, const double *, double, const double *, const int64_t *,
                     double *, double *, double *, void *);
typedef size_t Work(int64_t, int64_t);

static int failures;

static double noise(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0 - 0.5;
}

static void make_data(Problem *p) {
    uint64_t state = 1;
    for (int i = 0; i < N; i++) {
        double score = 0;
        for (int j = 0; j < D; j++) {
            double unit = noise(&state);
            p->X[i][j] = pow(10, j % 7 - 3) * (1 + unit);
            score += unit * (j % 3 - 1);
        }
        p->y[i] = score + noise(&state) > 0;
    }
}

static void read_data(Problem *p, const char *path) {
    FILE *file = fopen(path, "r");
    char line[4096];
    if (!file || !fgets(line, sizeof line, file) || strncmp(line, "569,30,", 7) != 0) {
        printf("%s: not the data expected\n", path);
        exit(1);
    }
    for (int i = 0; i < N && fgets(line, sizeof line, file); i++) {
        char *at = line;
        for (int j = 0; j < D; j++, at++)
            p->X[i][j] = strtod(at, &at);
        p->y[i] = strtoll(at, &at, 10);
    }
    fclose(file);
}

/* Coefficients that give scores of order 1, and some far out. */
static void make_point(Problem *p, double spread) {
    uint64_t state = 9;
    for (int j = 0; j < D; j++) {
        double scale = 0;
        for (int i = 0; i < N; i++)
            scale = fmax(scale, fabs(p->X[i][j]));
        p->beta[j] = spread * noise(&state) / fmax(scale, 1e-6);
    }
    p->alpha = 0.3;
}

/* ---- the reference, in long double ---- */

static void reference(const Problem *p, Result *r) {
    const long double log_2pi = 1.83787706640934548356L;
    memset(r, 0, sizeof *r);
    for (int j = 0; j <= D; j++) {
        long double b = j < D ? p->beta[j] : p->alpha, s = j < D ? 2.5L : 5.0L;
        r->value += -0.5L * b * b / (s * s) - logl(s) - 0.5L * log_2pi;
        r->grad[j] = -b / (s * s);
        r->hess[j][j] = -1 / (s * s);
    }
    for (int i = 0; i < N; i++) {
        long double z = p->alpha, x[D + 1];
        for (int j = 0; j < D; j++)
            z += (x[j] = p->X[i][j]) * (long double)p->beta[j];
        x[D] = 1;
        long double prob = 1 / (1 + expl(-z));
        r->value += p->y[i] ? -log1pl(expl(-z)) : -z - log1pl(expl(-z));
        for (int j = 0; j <= D; j++) {
            r->grad[j] += (p->y[i] - prob) * x[j];
            for (int k = 0; k <= D; k++)
                r->hess[j][k] -= prob * (1 - prob) * x[j] * x[k];
        }
    }
}

/* ---- the comparison ---- */

static void expect(const char *what, int level, double got, long double want, long double scale,
                   double tolerance) {
    if (fabsl(got - want) <= tolerance * scale)
        return;
    failures++;
    printf("O%d: %s: got %.17g, expected %.17Lg\n", level, what, got, want);
}

static void *find(BpcModule *module, const char *name) {
    void *address = bpc_module_function(module, name);
    if (!address) {
        printf("%s: %s\n", name, bpc_module_link_error(module));
        exit(1);
    }
    return address;
}

static void check(BpcModule *module, int level, const Problem *p) {
    static Result want;
    static double hess[D + 1][D + 1];
    double value, value2, grad[D + 1];
    reference(p, &want);
    size_t bytes = ((Work *)find(module, "precision_work"))(N, D) +
                   ((Work *)find(module, "log_post_work"))(N, D) +
                   ((Work *)find(module, "log_post_grad_work"))(N, D) + 64;
    void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);
    const double *X = p->X[0];
    int status =
        ((Value *)find(module, "log_post"))(N, D, p->beta, p->alpha, X, p->y, &value, work);
    status |= ((Gradient *)find(module, "log_post_grad"))(N, D, p->beta, p->alpha, X, p->y, &value2,
                                                          grad, grad + D, work);
    status |= ((Value *)find(module, "precision"))(N, D, p->beta, p->alpha, X, p->y, hess[0], work);
    free(work);
    failures += status != 0;
    expect("value", level, value, want.value, fabsl(want.value), 1e-13);
    expect("value beside the gradient", level, value2, want.value, fabsl(want.value), 1e-13);
    for (int j = 0; j <= D; j++) {
        long double column = fabsl(want.grad[j]);
        for (int i = 0; i < N; i++)
            column += j < D ? fabs(p->X[i][j]) : 1;
        expect("gradient", level, grad[j], want.grad[j], column, 1e-14);
        for (int k = 0; k <= D; k++) {
            long double scale = sqrtl(fabsl(want.hess[j][j] * want.hess[k][k]));
            expect("Hessian", level, hess[j][k], want.hess[j][k], scale, 1e-12);
            expect("symmetry", level, hess[j][k], hess[k][j], scale, 1e-12);
        }
    }
}

static char *read_model(size_t *size) {
    FILE *file = fopen("examples/models/logistic.bp", "rb");
    char *text = malloc(65536);
    *size = file ? fread(text, 1, 65536, file) : 0;
    if (file)
        fclose(file);
    return text;
}

int main(int argc, char **argv) {
    static Problem p;
    size_t size;
    char *text = read_model(&size);
    if (argc > 1)
        read_data(&p, argv[1]);
    else
        make_data(&p);
    for (int level = 0; level <= 3; level++) {
        BpcContext *ctx = bpc_context_new(NULL);
        BpcOptions options = bpc_options_default();
        options.opt_level = level;
        BpcModule *module = bpc_compile(ctx, "logistic.bp", text, size, &options);
        if (!module) {
            printf("%s", bpc_diagnostics_text(ctx));
            return 1;
        }
        for (double spread = 0.1; spread < 2e3; spread *= 10) {
            make_point(&p, spread);
            check(module, level, &p);
        }
        bpc_module_free(module);
        bpc_context_free(ctx);
    }
    free(text);
    return failures != 0;
}
