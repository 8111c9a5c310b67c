/* The reader takes any bytes: mutations of a good module are read, and what is read is verified and
 * printed, without a crash. Deep nesting and long lines are errors, not overflows of the stack. */
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 0x9e3779b97f4a7c15u;
static uint32_t rnd(uint32_t n) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

static bool try_text(const char *text, size_t n) {
    Context ctx;
    Arena arena;
    context_init(&ctx, NULL);
    arena_init(&arena, &ctx.alloc);
    Source *source = source_add(&ctx.sources, "garbage.bpir", text, n);
    IrModule *m = ir_read(&ctx, &arena, source);
    bool ok = m && ir_verify(m);
    if (ok) {
        Text out;
        text_init(&out, &arena);
        ir_print(&out, m);
    } else if (ctx.diags.errors == 0) {
        fprintf(stderr, "rejected without a message:\n%.*s\n", (int)n, text);
        exit(1);
    }
    arena_free(&arena);
    context_free(&ctx);
    return ok;
}

static void mutate(char *text, size_t n) {
    static const char bytes[] = "%@[](){}:,=<+-*\"0123n xf.\n\0\xff;/";
    for (uint32_t k = rnd(4) + 1; k > 0; k--) {
        size_t at = rnd((uint32_t)n), from = rnd((uint32_t)n), len = rnd(24);
        if (rnd(2)) {
            text[at] = bytes[rnd(sizeof bytes)];
        } else if (at + len < n && from + len < n) {
            memmove(text + at, text + from, len);
        }
    }
}

static void repeated(const char *before, const char *unit, int times, bool expected) {
    size_t n = strlen(before), k = strlen(unit);
    char *text = malloc(n + k * (size_t)times + 1);
    memcpy(text, before, n);
    for (int i = 0; i < times; i++) {
        memcpy(text + n + k * (size_t)i, unit, k);
    }
    if (try_text(text, n + k * (size_t)times) != expected) {
        exit(1);
    }
    free(text);
}

int main(void) {
    FILE *file = fopen("test/ir/round-trip.bpir", "rb");
    static char good[1 << 16], bad[1 << 16];
    if (!file) {
        return 1;
    }
    size_t n = fread(good, 1, sizeof good, file);
    fclose(file);
    if (!try_text(good, n)) {
        return 1;
    }
    for (int i = 0; i < 3000; i++) {
        memcpy(bad, good, n);
        mutate(bad, n);
        try_text(bad, n);
    }
    for (size_t cut = 0; cut < n; cut += 7) {
        try_text(good, cut);
    }
    repeated("func @f(%c: bool) -> () { ", "if %c { ", 100000, false);
    repeated("func @f(%x: [", "(", 100000, false);
    repeated("func @f(%x: [", "-", 100000, false);
    repeated("func @f[n](%x: [n", "*n", 1000, false);
    repeated("// ", "long ", 300000, true);
    repeated("func @", "f", 1000000, false);
    repeated("", "]", 1000, false);
    return 0;
}
