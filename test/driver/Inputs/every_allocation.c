/* Fails one allocation of a compilation, for many or all of them: the result is a diagnostic,
 * everything is released, and the context compiles another text afterwards.
 *
 *     every_allocation LEVEL SAMPLES MODEL.bp...
 *
 * SAMPLES are spread over the whole compilation, each at a random place of its stretch; 0: every
 * allocation; `fork`: every allocation, each in a process that branches off there, so that what is
 * before is done once.
 *
 * What the library asks its host for are blocks of its arenas. Built with -DPIECES its arena is
 * replaced by one that asks before each piece of a block, too, so that any of them can fail. */
#ifdef PIECES
#define ARENA_ASKS_EACH
#include "support/arena.c"
enum {
    ANOTHER_ONE_IN = 1024
}; /* processes that compile another text, which takes a hundred times
      as long as to fail */
#else
enum { ANOTHER_ONE_IN = 64 };
#endif

#include "driver/bpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Ration {
    long n, fails, live; /* allocations so far, the one that fails (0: none), those not released */
    bool forks, is_child;
    long wrong; /* processes that branched off and found something */
} Ration;

/* True in the process that branches off. */
static bool branches_off(Ration *ration) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ration->forks = false;
        ration->is_child = true;
        ration->fails = ration->n;
        return true;
    }
    int status = 1;
    waitpid(child, &status, 0);
    if (status != 0) {
        printf("allocation %ld: status %x\n", ration->n, (unsigned)status);
        ration->wrong++;
    }
    return false;
}

typedef struct ModelText {
    const char *path;
    char *data;
    size_t len;
} ModelText;

static void *ration_alloc(void *user, size_t bytes) {
    Ration *ration = user;
    ++ration->n;
    if (ration->forks ? branches_off(ration) : ration->n == ration->fails)
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

static const char *compile(BpcContext *ctx, const ModelText *model, int level,
                           const Ration *ration) {
    BpcOptions options = bpc_options_default();
    options.opt_level = level;
    long before = ration->n;
    BpcModule *module = bpc_compile(ctx, model->path, model->data, model->len, &options);
    bool failed = ration->fails > before && ration->fails <= ration->n;
    const BpcDiagnostic *first = bpc_diagnostic(ctx, 0);
    const char *wrong = NULL;
    if (!module)
        wrong = !failed                              ? "does not compile"
                : !first                             ? "failed without a message"
                : first->code != 803                 ? "failed with another message"
                : !strlen(bpc_diagnostics_text(ctx)) ? "failed without a text"
                                                     : NULL;
    else if (!bpc_module_function(module, bpc_module_export_name(module, 0)) &&
             !bpc_module_link_error(module))
        wrong = "is not linked, without a message";
    bpc_module_free(module);
    return wrong;
}

static const char *compile_another(BpcContext *ctx) {
    static const char text[] = "export fn f(x: f64) -> f64 = x*x;\n";
    BpcOptions options = bpc_options_default();
    options.opt_level = 0;
    BpcModule *module = bpc_compile(ctx, "another.bp", text, sizeof text - 1, &options);
    if (!module)
        return "the context does not compile another text";
    int (*f)(double, double *, void *);
    void *address = bpc_module_function(module, "f");
    double y = 0.0;
    memcpy(&f, &address, sizeof f);
    const char *wrong =
        f && f(3.0, &y, NULL) == 0 && y == 9.0 ? NULL : "another text computes something else";
    bpc_module_free(module);
    return wrong;
}

/* The number of allocations, or -1. */
static long try(const ModelText *model, int level, long fails, bool forks) {
    Ration ration = {.fails = fails, .forks = forks};
    BpcAllocator allocator = {ration_alloc, ration_release, &ration};
    BpcContext *ctx = bpc_context_new(&allocator);
    const char *wrong = NULL;
    if (ctx) {
        wrong = compile(ctx, model, level, &ration);
        bool another = ration.is_child ? ration.n % ANOTHER_ONE_IN == 0 : fails > 0;
        long used = ration.n;
        ration.fails = 0;
        ration.forks = false;
        if (!wrong && another)
            wrong = compile_another(ctx);
        bpc_context_free(ctx);
        ration.n = used;
    }
    if (!wrong && ration.live != 0)
        wrong = "leaks";
    if (wrong)
        printf("%s, allocation %ld: %s\n", model->path, fails ? fails : ration.n, wrong);
    if (ration.is_child) {
        fflush(stdout);
        _exit(wrong != NULL);
    }
    return wrong || ration.wrong ? -1 : ration.n;
}

static int sweep_by_forks(const ModelText *model, int level) {
    long all = try(model, level, 0, true);
    printf("%s: %ld allocations failed\n", model->path, all);
    return all < 0;
}

static int sweep(const ModelText *model, int level, long samples) {
    long all = try(model, level, 0, false);
    if (all < 0)
        return 1;
    long n = samples && samples < all ? samples : all;
    int failed = 0;
    for (long i = 0; i < n && failed < 10; i++) {
        long from = 1 + all / n * i, step = all / n;
        failed += try(model, level, samples ? from + rand() % step : 1 + i, false) < 0;
    }
    printf("%s: %ld of %ld allocations failed\n", model->path, n, all);
    return failed != 0;
}

static ModelText read_model(const char *path) {
    ModelText model = {path, malloc(1 << 20), 0};
    FILE *file = fopen(path, "rb");
    if (file) {
        model.len = fread(model.data, 1, 1 << 20, file);
        fclose(file);
    }
    return model;
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    unsigned seed = (unsigned)time(NULL);
    int failed = 0;
    srand(seed);
    printf("seed %u\n", seed);
    for (int i = 3; i < argc; i++) {
        ModelText model = read_model(argv[i]);
        int level = atoi(argv[1]);
        failed |= strcmp(argv[2], "fork") == 0 ? sweep_by_forks(&model, level)
                                               : sweep(&model, level, atol(argv[2]));
        free(model.data);
    }
    return failed;
}
