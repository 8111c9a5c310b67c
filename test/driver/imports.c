/* Imports through the library: the standard library always, files only through the host's callback.
 */
#include "driver/bpc.h"

#include <stdio.h>
#include <string.h>

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
        }                                                                                          \
    } while (0)

static bool host_files(void *user, const char *path, const char **text, size_t *len) {
    ++*(int *)user;
    *text = strcmp(path, "models/cell.bp") == 0
                ? "import \"std/special\"; fn cell(x: f64) -> f64 = expit(x) + 1.0;"
            : strcmp(path, "models/bad.bp") == 0 ? "fn cell(x: f64) -> f64 = x + ;"
                                                 : NULL;
    *len = *text ? strlen(*text) : 0;
    return *text != NULL;
}

static BpcModule *compile(BpcContext *ctx, const char *text, const BpcOptions *options) {
    return bpc_compile(ctx, "models/main.bp", text, strlen(text), options);
}

static const char *first_message(BpcContext *ctx) {
    const BpcDiagnostic *diag = bpc_diagnostic(ctx, 0);
    return diag ? diag->message : "";
}

int main(void) {
    BpcContext *ctx = bpc_context_new(NULL);
    BpcOptions options = bpc_options_default();
    int calls = 0;
    EXPECT(options.import == NULL);

    BpcModule *module =
        compile(ctx, "import \"std/nn\"; export fn f(x: f64) -> f64 = silu(x);", &options);
    EXPECT(module != NULL);
    bpc_module_free(module);

    const char *cell = "import \"cell\"; export fn f(x: f64) -> f64 = cell(x);";
    EXPECT(compile(ctx, cell, &options) == NULL);
    EXPECT(strstr(first_message(ctx), "only the standard library is imported here"));

    options.import = host_files;
    options.import_user = &calls;
    module = compile(ctx, cell, &options);
    EXPECT(module != NULL && calls == 1);
    int (*f)(double, double *, void *) =
        module ? (int (*)(double, double *, void *))bpc_module_function(module, "f") : NULL;
    double y = 0;
    EXPECT(f && f(0.0, &y, NULL) == 0 && y == 1.5);
    bpc_module_free(module);

    EXPECT(compile(ctx, "import \"bad\"; export fn f(x: f64) -> f64 = cell(x);", &options) == NULL);
    EXPECT(bpc_diagnostic_count(ctx) == 1 &&
           strcmp(bpc_diagnostic(ctx, 0)->file, "models/bad.bp") == 0);
    EXPECT(compile(ctx, "import \"none\"; export fn f(x: f64) -> f64 = x;", &options) == NULL);
    EXPECT(strstr(first_message(ctx), "the host does not give this file"));
    bpc_context_free(ctx);
    return failures != 0;
}
