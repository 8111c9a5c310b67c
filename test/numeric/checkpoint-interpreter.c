/* Checkpointed loops in the interpreter: the gradient is that of the plain loop bit for bit, for
 * every n from 0 to 64, binomial = 1..16 and every = 1..n+2, forwards and backwards, before and
 * after the optimising passes. */
#include "passes/passes.h"

#include <stdio.h>
#include <string.h>

#define LOOP(name, attribute)                                                                      \
    "func @f_" name "[T,k](%u0: [2]f64, %h: f64, %d: [T]f64) -> (f64) {\n"                         \
    "  %u = loop %t < T " attribute " slice(%e = %d) carry(%v = %u0) {\n"                          \
    "    %s = sin %v : [2]f64\n"                                                                   \
    "    %he = mul %h, %e : f64\n"                                                                 \
    "    %hb = broadcast %he : [2]f64\n"                                                           \
    "    %hs = mul %hb, %s : [2]f64\n"                                                             \
    "    %w = add %v, %hs : [2]f64\n"                                                              \
    "    yield carry(%w)\n"                                                                        \
    "  } : [2]f64\n"                                                                               \
    "  %r = contract \"i,i->\" %u, %u : f64\n"                                                     \
    "  return %r\n"                                                                                \
    "}\n"                                                                                          \
    "func @" name "[T,k](%u0: [2]f64, %h: f64, %d: [T]f64) -> (f64, [2]f64, f64, [T]f64) {\n"      \
    "  %one = const 1.0 : f64\n"                                                                   \
    "  %r, %du, %dh, %dd = vjp @f_" name                                                           \
    "[T,k] wrt(0, 1, 2) (%u0, %h, %d, %one) : f64, [2]f64, f64, [T]f64\n"                          \
    "  return %r, %du, %dh, %dd\n"                                                                 \
    "}\n"

static const char *const text = LOOP("plain", "") LOOP("every", "checkpoint(every k)")
    LOOP("binomial", "checkpoint(binomial k)") LOOP("plain_back", "reverse")
        LOOP("every_back", "reverse checkpoint(every k)")
            LOOP("binomial_back", "reverse checkpoint(binomial k)");

enum { MOST = 64 };

/* The value and the gradient, one after the other; how many numbers, or -1. */
static int evaluate(IrModule *m, const char *name, int64_t n, int64_t k, double *out) {
    Arena scratch;
    arena_init(&scratch, &m->ctx->alloc);
    double u0[2] = {0.5, 1.0}, h = 0.25, d[MOST];
    for (int i = 0; i < n; i++)
        d[i] = 1.0 + 0.1 * (i % 7);
    Func *f = ir_find_func(m, name);
    Datum args[3] = {{.dims = {2}, .count = 2, .f = u0},
                     {.count = 1, .f = &h},
                     {.dims = {n}, .count = n, .f = d}};
    Datum *pointers[3], *results[4];
    for (int i = 0; i < 3; i++) {
        args[i].type = f->body->params.data[i]->type;
        pointers[i] = &args[i];
    }
    const char *failed;
    int count =
        ir_eval(m, &scratch, f, (int64_t[]){n, k}, pointers, results, &failed) == 0 ? 0 : -1;
    for (int i = 0; i < 4 && count >= 0; i++)
        for (int64_t j = 0; j < results[i]->count; j++)
            out[count++] = results[i]->f[j];
    arena_free(&scratch);
    return count;
}

static int compare(IrModule *m, const char *plain, const char *name, int64_t n, int64_t k) {
    double want[MOST + 4], got[MOST + 4];
    int count = evaluate(m, plain, n, 1, want);
    if (count == n + 4 && evaluate(m, name, n, k, got) == count &&
        memcmp(want, got, (size_t)count * sizeof *want) == 0)
        return 0;
    fprintf(stderr, "%s: n = %d, k = %d: not the gradient of the plain loop\n", name, (int)n,
            (int)k);
    return 1;
}

int main(void) {
    static const char *const pipelines[] = {"derive", "O1"};
    int failures = 0;
    for (int p = 0; p < 2; p++) {
        Context ctx;
        Arena arena;
        context_init(&ctx, NULL);
        arena_init(&arena, &ctx.alloc);
        IrModule *m = ir_read(&ctx, &arena, source_add(&ctx.sources, "loops", text, strlen(text)));
        if (!m || !ir_verify(m) || !passes_run(m, pipelines[p], NULL))
            return 1;
        for (int64_t n = 0; n <= MOST; n += p == 0 ? 1 : 9) {
            for (int64_t s = 1; s <= 16; s++) {
                failures += compare(m, "plain", "binomial", n, s);
                failures += compare(m, "plain_back", "binomial_back", n, s);
            }
            for (int64_t k = 1; k <= n + 2; k += 1 + n / 16) {
                failures += compare(m, "plain", "every", n, k);
                failures += compare(m, "plain_back", "every_back", n, k);
            }
        }
        arena_free(&arena);
        context_free(&ctx);
    }
    return failures > 0;
}
