/* The scalar functions of std/special and std/prob against Inputs/scalars.def: value and gradient
 * in f64 and f32, and second derivatives against differences of the gradient. A module holds the
 * wrappers of so many rows that it is not too large. */
#include "driver/bpc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3 };

typedef struct Row {
    const char *call;
    int n;
    double at[MOST], value, slope[MOST], tolerance;
} Row;

#define POINT(x, y, z) {x, y, z}
static const Row rows[] = {
#define ROW(call, n, at, value, slope, tolerance)                                                  \
    {call, n, POINT at, value, POINT slope, tolerance},
#include "Inputs/scalars.def"
};
enum { ROWS = sizeof rows / sizeof *rows, MODULE_ROWS = 64 };

static int failures, checks;

static void expect(const char *what, const Row *row, double got, double want, double allowed) {
    checks++;
    if (got == want || fabs(got - want) <= allowed + 1e-40)
        return;
    failures++;
    printf("%s of %s at (%g, %g, %g): got %.17g, expected %.17g, relative error %.2g\n", what,
           row->call, row->at[0], row->at[1], row->at[2], got, want, fabs(got - want) / fabs(want));
}

/* ---- the module ---- */

static void add_wrapper(FILE *out, int i, const char *type) {
    fprintf(out, "export fn v%d(", i);
    for (int k = 0; k < rows[i].n; k++)
        fprintf(out, "%s%c: %s", k ? ", " : "", 'a' + k, type);
    fprintf(out, ") -> %s = %s;\nexport grad(v%d) as g%d;\nexport hessian(v%d) as h%d;\n", type,
            rows[i].call, i, i, i, i);
}

static BpcModule *compile(BpcContext *ctx, const char *type, int first) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "import \"std/special\";\nimport \"std/prob\";\n");
    for (int i = first; i < ROWS && i < first + MODULE_ROWS; i++)
        add_wrapper(out, i, type);
    fclose(out);
    BpcOptions options = bpc_options_default();
    options.opt_level = 1;
    options.real_is_f32 = strcmp(type, "f32") == 0;
    BpcModule *module = bpc_compile(ctx, "scalars.bp", text, size, &options);
    if (!module) {
        printf("%s", bpc_diagnostics_text(ctx));
        exit(1);
    }
    free(text);
    return module;
}

static void *find(BpcModule *module, char kind, int i) {
    char name[32];
    snprintf(name, sizeof name, "%c%d", kind, i);
    void *address = bpc_module_function(module, name);
    if (!address) {
        printf("%s: %s\n", name, bpc_module_link_error(module));
        exit(1);
    }
    return address;
}

static _Alignas(64) char work[1 << 16];

/* A function of n numbers with `outs` results by pointer; n of them in a gradient. */
#define DEFINE_CALLS(T)                                                                            \
    static int value_##T(BpcModule *m, int i, const double *x, double *out) {                      \
        void *f = find(m, 'v', i);                                                                 \
        T r = 0, a = (T)x[0], b = (T)x[1], c = (T)x[2];                                            \
        int status = rows[i].n == 1   ? ((int (*)(T, T *, void *))f)(a, &r, work)                  \
                     : rows[i].n == 2 ? ((int (*)(T, T, T *, void *))f)(a, b, &r, work)            \
                                      : ((int (*)(T, T, T, T *, void *))f)(a, b, c, &r, work);     \
        *out = (double)r;                                                                          \
        return status;                                                                             \
    }                                                                                              \
    static int slope_##T(BpcModule *m, int i, const double *x, double *out) {                      \
        void *f = find(m, 'g', i);                                                                 \
        T r[MOST] = {0}, a = (T)x[0], b = (T)x[1], c = (T)x[2];                                    \
        int status =                                                                               \
            rows[i].n == 1 ? ((int (*)(T, T *, void *))f)(a, r, work)                              \
            : rows[i].n == 2                                                                       \
                ? ((int (*)(T, T, T *, T *, void *))f)(a, b, r, r + 1, work)                       \
                : ((int (*)(T, T, T, T *, T *, T *, void *))f)(a, b, c, r, r + 1, r + 2, work);    \
        for (int k = 0; k < MOST; k++)                                                             \
            out[k] = (double)r[k];                                                                 \
        return status;                                                                             \
    }
DEFINE_CALLS(double)
DEFINE_CALLS(float)

static int hessian(BpcModule *m, int i, const double *x, double *out) {
    void *f = find(m, 'h', i);
    return rows[i].n == 1   ? ((int (*)(double, double *, void *))f)(x[0], out, work)
           : rows[i].n == 2 ? ((int (*)(double, double, double *, void *))f)(x[0], x[1], out, work)
                            : ((int (*)(double, double, double, double *, void *))f)(
                                  x[0], x[1], x[2], out, work);
}

/* ---- the checks ---- */

/* A partial derivative is as exact as the terms it is the sum of, which are of the size of value/x.
 */
static double slope_scale(const Row *row, int k) {
    double terms = row->at[k] != 0 ? fabs(row->value / row->at[k]) : 0;
    return fmax(fabs(row->slope[k]), terms);
}

static void check_first(BpcModule *m, int i) {
    const Row *row = &rows[i];
    double value, slope[MOST];
    if (value_double(m, i, row->at, &value) || slope_double(m, i, row->at, slope)) {
        failures++;
        printf("%s: a status that is not 0\n", row->call);
        return;
    }
    expect("value", row, value, row->value, row->tolerance * fabs(row->value));
    for (int k = 0; k < row->n; k++)
        expect("gradient", row, slope[k], row->slope[k], 10 * row->tolerance * slope_scale(row, k));
}

/* Extrapolated central differences of the gradient's component `of` along `along`. */
static double difference(BpcModule *m, int i, int of, int along, double h) {
    double x[MOST], up[MOST], down[MOST], wide, narrow;
    for (int pass = 0; pass < 2; pass++) {
        double step = pass ? h / 2 : h;
        memcpy(x, rows[i].at, sizeof x);
        x[along] = rows[i].at[along] + step;
        slope_double(m, i, x, up);
        x[along] = rows[i].at[along] - step;
        slope_double(m, i, x, down);
        *(pass ? &narrow : &wide) = (up[of] - down[of]) / (2 * step);
    }
    return (4 * narrow - wide) / 3;
}

/* Where the differences say something: they agree among themselves. */
static void check_second(BpcModule *m, int i) {
    const Row *row = &rows[i];
    double h[MOST * MOST];
    hessian(m, i, row->at, h);
    for (int r = 0; r < row->n; r++) {
        for (int c = 0; c < row->n; c++) {
            double scale = fabs(row->at[c]) > 0 ? fabs(row->at[c]) : 1, got = h[r * row->n + c];
            double coarse = difference(m, i, r, c, 1e-3 * scale),
                   fine = difference(m, i, r, c, 2e-4 * scale);
            double trust =
                10 * fabs(coarse - fine) + 1e-8 * fabs(row->slope[r]) / scale + 1e-7 * fabs(fine);
            checks++;
            if (!isfinite(fine) || fabs(got - fine) <= trust)
                continue;
            failures++;
            printf(
                "second derivative %d%d of %s at (%g, %g, %g): got %.17g, by differences %.17g\n",
                r, c, row->call, row->at[0], row->at[1], row->at[2], got, fine);
        }
    }
}

/* Far from the ends, and rounding the point to f32 does not move the value much. */
static bool is_mild(const Row *row) {
    for (int k = 0; k < row->n; k++)
        if (fabs(row->slope[k] * row->at[k]) > 500 * fabs(row->value) || fabs(row->at[k]) > 60 ||
            (row->at[k] != 0 && fabs(row->at[k]) < 1e-2))
            return false;
    return fabs(row->value) < 60 && fabs(row->value) > 1e-10 && row->tolerance < 1e-9;
}

static void check_narrow(BpcModule *m, int i) {
    const Row *row = &rows[i];
    double value, slope[MOST];
    if (!is_mild(row))
        return;
    value_float(m, i, row->at, &value);
    slope_float(m, i, row->at, slope);
    expect("f32 value", row, value, row->value, 1e-4 * fabs(row->value));
    for (int k = 0; k < row->n; k++)
        expect("f32 gradient", row, slope[k], row->slope[k], 1e-4 * slope_scale(row, k));
}

static void check_rows(BpcContext *ctx, int first) {
    BpcModule *wide = compile(ctx, "f64", first), *narrow = compile(ctx, "f32", first);
    for (int i = first; i < ROWS && i < first + MODULE_ROWS; i++) {
        check_first(wide, i);
        check_second(wide, i);
        check_narrow(narrow, i);
    }
    bpc_module_free(wide);
    bpc_module_free(narrow);
}

int main(void) {
    BpcContext *ctx = bpc_context_new(NULL);
    for (int first = 0; first < ROWS; first += MODULE_ROWS)
        check_rows(ctx, first);
    bpc_context_free(ctx);
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
