/* The library opened by a host that does not link libm, and for itself alone, as scripting
 * languages open libraries: compiled functions find libm nevertheless, also those of several
 * threads, and the library may be closed and opened again.
 *
 * RUN: %cc -D_GNU_SOURCE -I%top %s -ldl -o %t && %t %bpc
 */
#include "driver/bpc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { N = 200000 };

static void *library;
static double x[N];

/* ISO C has no cast to a function. */
static void find(void *function, const char *name) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

#define FIND(name)                                                                                 \
    __typeof__(&name) name##_;                                                                     \
    find(&name##_, #name)

typedef int Sum(int64_t n, const double *x, double *out, void *work);

static int check(int threads) {
    static const char text[] = "export fn total[n](x: [n]f64) -> f64 = sum(sin(x[i]) + 1.0 for i);";
    FIND(bpc_options_default);
    FIND(bpc_context_new);
    FIND(bpc_compile);
    FIND(bpc_module_function);
    FIND(bpc_module_link_error);
    FIND(bpc_module_free);
    FIND(bpc_context_free);
    BpcOptions options = bpc_options_default_();
    options.threads = threads;
    BpcContext *ctx = bpc_context_new_(NULL);
    BpcModule *module = bpc_compile_(ctx, "m.bp", text, strlen(text), &options);
    void *symbol = module ? bpc_module_function_(module, "total") : NULL;
    double total = 0;
    Sum *sum;
    memcpy(&sum, &symbol, sizeof sum);
    if (!symbol)
        puts(module ? bpc_module_link_error_(module) : "not compiled");
    int wrong = !symbol || sum(N, x, &total, NULL) != 0 || total != N;
    bpc_module_free_(module);
    bpc_context_free_(ctx);
    return wrong;
}

/* The library lies beside the program bpc. */
int main(int argc, char **argv) {
    char path[4096];
    const char *end = argc == 2 ? strrchr(argv[1], '/') : NULL;
    int wrong = !end;
    if (end)
        snprintf(path, sizeof path, "%.*s/libbpc.so", (int)(end - argv[1]), argv[1]);
    for (int i = 0; i < 3 && !wrong; i++) {
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        wrong = !library || check(0) || check(3);
        if (library)
            dlclose(library);
    }
    return wrong;
}
