/* The public API: compiling, calling, statuses, diagnostics, several modules at once. */
#include "driver/bpc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: expected %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static BpcModule *compile(BpcContext *ctx, const char *name, const char *text,
                          const BpcOptions *options) {
    BpcModule *module = bpc_compile(ctx, name, text, strlen(text), options);
    if (!module)
        printf("%s", bpc_diagnostics_text(ctx));
    return module;
}

typedef int ScalarFn(double x, double *out, void *work);

static double call(BpcModule *module, const char *name, double x) {
    void *address = bpc_module_function(module, name);
    EXPECT(address != NULL);
    if (!address)
        return NAN;
    ScalarFn *function;
    memcpy(&function, &address, sizeof function);
    double out = NAN;
    EXPECT(function(x, &out, NULL) == 0);
    return out;
}

static void test_two_modules(void) {
    BpcContext *ctx = bpc_context_new(NULL);
    BpcModule *a = compile(ctx, "a.bp", "export fn f(x: f64) -> f64 = x*x*x;", NULL);
    BpcOptions options = bpc_options_default();
    const char *exports[] = {"grad(grad(f)) as f2"};
    options.exports = exports;
    options.export_count = 1;
    options.opt_level = 0;
    BpcModule *b = compile(ctx, "b.bp", "export fn f(x: f64) -> f64 = x**4;", &options);
    EXPECT(a && b);
    if (a && b) {
        EXPECT(call(a, "f", 2.0) == 8.0);
        EXPECT(fabs(call(b, "f", 2.0) - 16.0) < 1e-12);
        EXPECT(fabs(call(b, "f2", 2.0) - 48.0) < 1e-12);
        EXPECT(bpc_module_function(a, "f2") == NULL);
        EXPECT(bpc_module_link_error(a) == NULL);
        EXPECT(bpc_module_export_count(b) == 2);
        EXPECT(strcmp(bpc_module_export_name(b, 1), "f2") == 0);
        EXPECT(bpc_module_export_name(b, 2) == NULL);
        EXPECT(strstr(bpc_module_header(b), "int f2(double x, double *grad_x, void *work);"));
        size_t size = 0;
        const char *object = bpc_module_object(a, &size);
        EXPECT(size > 4 && memcmp(object, "\177ELF", 4) == 0);
    }
    bpc_module_free(a);
    bpc_module_free(b);
    bpc_context_free(ctx);
}

static void test_status(void) {
    typedef int PickFn(int64_t n, const double *x, int64_t i, double *out, void *work);
    BpcContext *ctx = bpc_context_new(NULL);
    BpcModule *module =
        compile(ctx, "dir/pick.bp", "export fn pick[n](x: [n]f64, i: i64) -> f64 =\n  x[i];", NULL);
    EXPECT(module != NULL);
    if (module) {
        void *address = bpc_module_function(module, "pick");
        PickFn *pick;
        memcpy(&pick, &address, sizeof pick);
        double x[3] = {1, 2, 3}, out = 0;
        EXPECT(pick(3, x, 2, &out, NULL) == 0 && out == 3);
        int status = pick(3, x, 3, &out, NULL);
        EXPECT(status > 0);
        const char *message = bpc_module_error(module, status);
        EXPECT(message && strstr(message, "dir/pick.bp:2:") && strstr(message, "index"));
        EXPECT(pick(3, x, -1, &out, NULL) > 0);
        EXPECT(bpc_module_error(module, 0) == NULL);
        EXPECT(bpc_module_error(module, 999) == NULL);
    }
    bpc_module_free(module);
    bpc_context_free(ctx);
}

static void test_diagnostics(void) {
    BpcContext *ctx = bpc_context_new(NULL);
    const char *text = "export fn f(x: f64) -> f64 =\n  xx + y;\n";
    EXPECT(bpc_compile(ctx, NULL, text, strlen(text), NULL) == NULL);
    EXPECT(strcmp(bpc_diagnostic(ctx, 0)->file, "<text>") == 0);
    EXPECT(bpc_compile(ctx, "bad.bp", text, strlen(text), NULL) == NULL);
    EXPECT(bpc_diagnostic_count(ctx) == 2);
    const BpcDiagnostic *first = bpc_diagnostic(ctx, 0);
    EXPECT(first && first->severity == BPC_ERROR && first->code == 201);
    EXPECT(first && strcmp(first->file, "bad.bp") == 0 && first->line == 2 && first->column == 3);
    EXPECT(first && first->length == 2 && strstr(first->rendered, "^^"));
    EXPECT(bpc_diagnostic(ctx, 2) == NULL);
    EXPECT(strstr(bpc_diagnostics_text(ctx), "bad.bp:2:8"));
    EXPECT(bpc_explain(201) != NULL && bpc_explain(9999) == NULL && bpc_explain(-1) == NULL);

    BpcModule *good = compile(ctx, "good.bp", "export fn f(x: f64) -> f64 = x;", NULL);
    EXPECT(good && bpc_diagnostic_count(ctx) == 0 && *bpc_diagnostics_text(ctx) == '\0');
    bpc_module_free(good);
    bpc_module_free(NULL);
    bpc_context_free(ctx);
    bpc_context_free(NULL);
}

static void test_f32(void) {
    typedef int FloatFn(float x, float *out, void *work);
    BpcContext *ctx = bpc_context_new(NULL);
    BpcOptions options = bpc_options_default();
    options.real_is_f32 = true;
    BpcModule *module = compile(ctx, "r.bp", "export fn f(x: real) -> real = 0.1*x;", &options);
    EXPECT(module != NULL);
    if (module) {
        void *address = bpc_module_function(module, "f");
        FloatFn *f;
        memcpy(&f, &address, sizeof f);
        float out = 0;
        EXPECT(f(3.0f, &out, NULL) == 0 && out == 0.1f * 3.0f);
    }
    bpc_module_free(module);
    bpc_context_free(ctx);
}

typedef int MatrixFn(int64_t n, int64_t d, const double *A, const double *x, double *out,
                     double *grad, void *work);

/* The gradient of |A x|^2 by A for 5 x 3, and the status. */
static int call_matrix(BpcModule *module, int64_t d, double *out, double *grad) {
    enum { N = 5, D = 3 };
    _Alignas(64) char work[4096];
    double A[N * D], x[D] = {1, -2, 0.5};
    for (int i = 0; i < N * D; i++)
        A[i] = 0.25 * i - 1;
    void *address = bpc_module_function(module, "g");
    MatrixFn *g;
    memcpy(&g, &address, sizeof g);
    return g(N, d, A, x, out, grad, work);
}

static void test_sizes(void) {
    const char *text = "fn f[n,d](A: [n,d]f64, x: [d]f64) -> f64 = norm2(A @ x);\n"
                       "export value_and_grad[A](f) as g;";
    BpcContext *ctx = bpc_context_new(NULL);
    BpcModule *module = compile(ctx, "s.bp", text, NULL);
    BpcSize d3[] = {{"d", 3}}, both[] = {{"n", 5}, {"d", 3}}, d4[] = {{"d", 4}}, no[] = {{"e", 3}};
    BpcSize negative[] = {{"d", -1}};
    if (!module) {
        failures++;
        return;
    }
    BpcModule *special[] = {module, bpc_module_for_sizes(module, d3, 1),
                            bpc_module_for_sizes(module, both, 2)};
    double value[3] = {0}, grad[3][15];
    for (int i = 0; i < 3; i++) {
        EXPECT(special[i] && call_matrix(special[i], 3, &value[i], grad[i]) == 0);
        EXPECT(fabs(value[i] - value[0]) <= 1e-14 * value[0]);
        for (int k = 0; k < 15; k++)
            EXPECT(fabs(grad[i][k] - grad[0][k]) <= 1e-13 * fabs(value[0]));
    }
    EXPECT(bpc_module_for_sizes(module, d3, 1) == special[1]); /* kept */
    BpcModule *four = bpc_module_for_sizes(module, d4, 1);
    int status = four ? call_matrix(four, 3, &value[1], grad[1]) : 0;
    EXPECT(four && four != special[1] && status > 0);
    EXPECT(four && strstr(bpc_module_error(four, status), "the size d is not 4"));
    EXPECT(bpc_module_for_sizes(module, no, 1) == NULL);
    EXPECT(strstr(bpc_diagnostics_text(ctx), "no export has a size `e`"));
    EXPECT(bpc_module_for_sizes(module, negative, 1) == NULL);
    EXPECT(strstr(bpc_diagnostics_text(ctx), "the size `d` cannot be -1"));
    EXPECT(bpc_module_for_sizes(four, d3, 1) == NULL);
    EXPECT(strstr(bpc_diagnostics_text(ctx), "the size `d` is given as 4 and as 3"));
    bpc_module_free(module);
    bpc_context_free(ctx);
}

static void test_options(void) {
    static const int wrong[][2] = {{99, 0}, {-1, 0}, {3, -4}, {3, 65}};
    static const char *const said[] = {"opt_level is 0 to 3, not 99", "opt_level is 0 to 3, not -1",
                                       "threads is 2 to 64, or 0 or 1 for none, not -4",
                                       "threads is 2 to 64, or 0 or 1 for none, not 65"};
    BpcContext *ctx = bpc_context_new(NULL);
    for (int i = 0; i < 4; i++) {
        BpcOptions options = bpc_options_default();
        options.opt_level = wrong[i][0];
        options.threads = wrong[i][1];
        EXPECT(!compile(ctx, "o.bp", "export fn f(x: f64) -> f64 = x;", &options));
        EXPECT(strstr(bpc_diagnostics_text(ctx), said[i]));
    }
    bpc_context_free(ctx);
}

/* NULL where a name belongs, or a list that is not there, is a message. */
static void test_missing(void) {
    static const char text[] = "export fn f[n](x: [n]f64) -> f64 = sum(x);";
    const char *no_export[] = {NULL};
    BpcSize n4[] = {{"n", 4}}, no_name[] = {{NULL, 4}};
    BpcContext *ctx = bpc_context_new(NULL);
    for (int i = 0; i < 4; i++) {
        BpcOptions options = bpc_options_default();
        options.export_count = i < 2;
        options.exports = i == 0 ? no_export : NULL;
        options.size_count = i >= 2;
        options.sizes = i == 2 ? no_name : NULL;
        EXPECT(!compile(ctx, "m.bp", text, &options));
        EXPECT(strstr(bpc_diagnostics_text(ctx), i < 2 ? "an export of the options is NULL"
                                                       : "a size of the options has no name"));
    }
    BpcModule *module = compile(ctx, "m.bp", text, NULL);
    for (int i = 0; module && i < 2; i++) { /* before and after there is another one */
        EXPECT(!bpc_module_for_sizes(module, no_name, 1));
        EXPECT(strstr(bpc_diagnostics_text(ctx), "a size of the options has no name"));
        EXPECT(!bpc_module_for_sizes(module, NULL, 1));
        EXPECT(bpc_module_for_sizes(module, n4, 1));
    }
    bpc_module_free(module);
    bpc_context_free(ctx);
}

/* Threads need a runtime, and have nothing to do where each operation is watched. */
static void test_threads(void) {
    static const char text[] = "export fn f[n](x: [n]f64) -> f64 = sum(exp(x[i]) for i);";
    BpcContext *ctx = bpc_context_new(NULL);
    for (int i = 0; i < 4; i++) {
        BpcOptions options = bpc_options_default();
        options.threads = 3;
        options.opt_level = i == 1 ? 0 : 3;
        options.freestanding = i == 2;
        options.sanitize_nan = i == 3;
        BpcModule *module = compile(ctx, "t.bp", text, &options);
        EXPECT(module && bpc_module_function(module, "f"));
        EXPECT(module && !strstr(bpc_module_header(module), "3 threads share") == (i > 0));
        bpc_module_free(module);
    }
    bpc_context_free(ctx);
}

static void test_nan(void) {
    typedef int RatioFn(double x, double *out, void *work);
    BpcContext *ctx = bpc_context_new(NULL);
    BpcOptions options = bpc_options_default();
    options.sanitize_nan = true;
    BpcModule *module = compile(ctx, "n.bp", "export fn f(x: f64) -> f64 =\n  1.0 / x;", &options);
    EXPECT(module != NULL);
    if (module) {
        _Alignas(64) char work[1024];
        void *address = bpc_module_function(module, "f");
        RatioFn *f;
        memcpy(&f, &address, sizeof f);
        double out = 0;
        int status = f(0.0, &out, work);
        const char *text = bpc_module_nan(module, status, work);
        EXPECT(status > 0 && text && strstr(text, "n.bp:2:3: error[E0616]: `/` made an infinity"));
        EXPECT(text && strstr(text, "^^^^^^^ 1 / 0 = inf"));
        EXPECT(bpc_module_nan(module, 0, work) == NULL);
        EXPECT(bpc_module_nan(module, status + 1, work) == NULL);
        EXPECT(bpc_module_nan(module, status, NULL) == NULL);
        EXPECT(strstr(bpc_module_nan(module, status, work), "1 / 0"));
        EXPECT(f(2.0, &out, work) == 0 && out == 0.5 && !bpc_module_nan(module, status, work));
        EXPECT(strstr(bpc_module_header(module), "} BpcNanReport;"));
    }
    bpc_module_free(module);
    module = compile(ctx, "n.bp", "export fn f(x: f64) -> f64 = 1.0 / x;", NULL);
    char none[1024] = {0};
    EXPECT(module && bpc_module_nan(module, 1, none) == NULL);
    EXPECT(module && !strstr(bpc_module_header(module), "BpcNan"));
    bpc_module_free(module);
    bpc_context_free(ctx);
}

int main(void) {
    test_sizes();
    test_options();
    test_missing();
    test_threads();
    test_nan();
    test_two_modules();
    test_status();
    test_diagnostics();
    test_f32();
    return failures != 0;
}
