/* Whichever allocation fails, compiling ends with "out of memory" and everything allocated is
 * released. */
#include "driver/bpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Ration {
    long left, live;
} Ration;

static void *ration_alloc(void *user, size_t bytes) {
    Ration *ration = user;
    if (ration->left-- <= 0)
        return NULL;
    void *memory = malloc(bytes);
    ration->live += memory != NULL;
    return memory;
}

static void ration_release(void *user, void *memory) {
    Ration *ration = user;
    ration->live -= memory != NULL;
    free(memory);
}

static const char text[] =
    "type P[n] = { a: [n]f64, b: f64 };\n"
    "export fn f[n](p: P[n], x: [n]f64) -> f64 = sum(tanh(p.a[i]*x[i]) + p.b for i);\n"
    "export value_and_grad[p](f);\n";
static const char wrong[] = "export fn f[n](x: [n]f64) -> f64 = y + sum(x) + z + w[1];\n";

/* 1: compiled, or failed for a reason in the text; 0: memory was out; -1: a promise is broken. */
static int try_with(long allocations, const char *source, size_t len) {
    Ration ration = {allocations, 0};
    BpcAllocator allocator = {ration_alloc, ration_release, &ration};
    BpcContext *ctx = bpc_context_new(&allocator);
    int result = 0;
    if (ctx) {
        BpcModule *module = bpc_compile(ctx, "m.bp", source, len, NULL);
        const BpcDiagnostic *first = bpc_diagnostic(ctx, 0);
        if (!module && !first)
            result = -1;
        else
            result = module || first->code != 803;
        if (module && !bpc_module_function(module, "f") && !bpc_module_link_error(module))
            result = -1;
        bpc_module_free(module);
        bpc_context_free(ctx);
    }
    return ration.live == 0 ? result : -1;
}

static int exhaust(const char *source, size_t len) {
    for (long n = 0; n < 2000; n++) {
        int result = try_with(n, source, len);
        if (result < 0) {
            printf("with %ld allocations: leaked, or failed without a message\n", n);
            return 1;
        }
        if (result == 1) {
            printf("enough: %ld allocations\n", n);
            return n == 0;
        }
    }
    return 1;
}

int main(void) {
    return exhaust(text, sizeof text - 1) | exhaust(wrong, sizeof wrong - 1);
}
