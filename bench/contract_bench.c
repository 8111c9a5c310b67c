/* GF/s of the products that codegen/contract emits, against the machine's measured peak of
 * multiply-adds.
 *
 * Each shape is m x k x n (what is summed stands in the middle), with the layouts that networks
 * need: A B, A B' and A' B. The best of several runs counts. Compiling is timed as well. An
 * argument restricts the table to the shapes whose label holds it. */
#include "test/codegen/Inputs/contract_jit.h"

#include <math.h>

typedef struct Row {
    const char *label;
    int64_t m, k, n;
    bool a_transposed, b_transposed, is_f64, accumulate;
    const char *unknown; /* sizes that are not constants */
} Row;

static const Row rows[] = {
    {"32x64x32 A B", 32, 64, 32, 0, 0, 0, 0, ""},
    {"32x64x32 A B'", 32, 64, 32, 0, 1, 0, 0, ""},
    {"32x32x10 A B", 32, 32, 10, 0, 0, 0, 0, ""},
    {"32x32x10 A B'", 32, 32, 10, 0, 1, 0, 0, ""},
    {"32x32x64 A'B (dW1)", 32, 32, 64, 1, 0, 0, 0, ""},
    {"10x32x32 A'B (dW2)", 10, 32, 32, 1, 0, 0, 0, ""},
    {"32x32x10 A'B (dW2')", 32, 32, 10, 1, 0, 0, 0, ""},
    {"32x10x32 A B (dH)", 32, 10, 32, 0, 0, 0, 0, ""},
    {"32x10x32 A B' (dH)", 32, 10, 32, 0, 1, 0, 0, ""},
    {"32x784x128 A B", 32, 784, 128, 0, 0, 0, 0, ""},
    {"32x784x128 A B'", 32, 784, 128, 0, 1, 0, 0, ""},
    {"784x32x128 A'B (dW)", 784, 32, 128, 1, 0, 0, 0, ""},
    {"128x32x784 A'B (dW)", 128, 32, 784, 1, 0, 0, 0, ""},
    {"256x784x128 A B", 256, 784, 128, 0, 0, 0, 0, ""},
    {"256x784x128 A B'", 256, 784, 128, 0, 1, 0, 0, ""},
    {"256x128x784 A B", 256, 128, 784, 0, 0, 0, 0, ""},
    {"256x128x784 A B'", 256, 128, 784, 0, 1, 0, 0, ""},
    {"784x256x128 A'B", 784, 256, 128, 1, 0, 0, 0, ""},
    {"128x256x784 A'B", 128, 256, 784, 1, 0, 0, 0, ""},
    {"64x64x64 A B", 64, 64, 64, 0, 0, 0, 0, ""},
    {"64x64x64 A B'", 64, 64, 64, 0, 1, 0, 0, ""},
    {"64x64x64 A'B", 64, 64, 64, 1, 0, 0, 0, ""},
    {"64x64x64 f64", 64, 64, 64, 0, 0, 1, 0, ""},
    {"64x64x64 += ", 64, 64, 64, 0, 0, 0, 1, ""},
    {"256x256x256 A B", 256, 256, 256, 0, 0, 0, 0, ""},
    {"256x256x256 A B'", 256, 256, 256, 0, 1, 0, 0, ""},
    {"256x256x256 A'B", 256, 256, 256, 1, 0, 0, 0, ""},
    {"512x512x512 A B", 512, 512, 512, 0, 0, 0, 0, ""},
    {"512x512x512 A B'", 512, 512, 512, 0, 1, 0, 0, ""},
    {"512x512x512 A'B", 512, 512, 512, 1, 0, 0, 0, ""},
    {"1024x1024x1024 A B", 1024, 1024, 1024, 0, 0, 0, 0, ""},
    {"1024x1024x1024 f64", 1024, 1024, 1024, 0, 0, 1, 0, ""},
    {"4x4x4", 4, 4, 4, 0, 0, 0, 0, ""},
    {"8x8x8", 8, 8, 8, 0, 0, 0, 0, ""},
    {"16x16x16", 16, 16, 16, 0, 0, 0, 0, ""},
    {"16x16x16 A B'", 16, 16, 16, 0, 1, 0, 0, ""},
    {"matvec 128x784", 128, 784, 1, 0, 0, 0, 0, ""},
    {"matvec 784x128' ", 128, 784, 1, 1, 0, 0, 0, ""},
    {"matvec 32x64", 32, 64, 1, 0, 0, 0, 0, ""},
    {"matvec 32x64'", 32, 64, 1, 1, 0, 0, 0, ""},
    {"vecmat 1x784x128", 1, 784, 128, 0, 0, 0, 0, ""},
    {"vecmat 1x784x128 B'", 1, 784, 128, 0, 1, 0, 0, ""},
    {"dot 1024", 1, 1024, 1, 0, 0, 0, 0, ""},
    {"outer 128x784", 128, 1, 784, 0, 0, 0, 0, ""},
    {"outer 128x784 +=", 128, 1, 784, 0, 0, 0, 1, ""},
    {"dynamic 32x64x32 A B", 32, 64, 32, 0, 0, 0, 0, "mnk"},
    {"dynamic 32x64x32 A B'", 32, 64, 32, 0, 1, 0, 0, "mnk"},
    {"dynamic 32x32x10 A B'", 32, 32, 10, 0, 1, 0, 0, "mnk"},
    {"dynamic 32x32x64 A'B", 32, 32, 64, 1, 0, 0, 0, "mnk"},
    {"dynamic 64x64x64 A B", 64, 64, 64, 0, 0, 0, 0, "mnk"},
    {"dynamic 256x784x128 A B", 256, 784, 128, 0, 0, 0, 0, "mnk"},
    {"dynamic 256x784x128 A B'", 256, 784, 128, 0, 1, 0, 0, "mnk"},
    {"dynamic 512x512x512 A B", 512, 512, 512, 0, 0, 0, 0, "mnk"},
    {"dynamic 512x512x512 f64", 512, 512, 512, 0, 0, 1, 0, "mnk"},
    {"dynamic matvec 128x784", 128, 784, 1, 0, 0, 0, 0, "mk"},
    {"any batch 32x64x32 A B", 32, 64, 32, 0, 0, 0, 0, "m"},
    {"any batch 32x64x32 A B'", 32, 64, 32, 0, 1, 0, 0, "m"},
    {"any batch 32x32x10 A B", 32, 32, 10, 0, 0, 0, 0, "m"},
    {"any batch 32x32x10 A B'", 32, 32, 10, 0, 1, 0, 0, "m"},
    {"any batch 32x10x32 A B", 32, 10, 32, 0, 0, 0, 0, "m"},
    {"any batch 32x32x64 A'B", 32, 32, 64, 1, 0, 0, 0, "k"},
    {"any batch 10x32x32 A'B", 10, 32, 32, 1, 0, 0, 0, "k"},
    {"any batch 32x32x10 A'B", 32, 32, 10, 1, 0, 0, 0, "k"},
};

enum { MAX_ELEMENTS = 1024 * 1024 };

static Shape shape_of(const Row *r) {
    Shape s = {.is_f64 = r->is_f64, .accumulate = r->accumulate};
    int64_t *g = s.arg;
    g[ARG_m] = r->m;
    g[ARG_n] = r->n;
    g[ARG_k] = r->k;
    g[ARG_a_row] = r->a_transposed ? 1 : r->k;
    g[ARG_a_col] = r->a_transposed ? r->m : 1;
    g[ARG_b_row] = r->b_transposed ? 1 : r->n;
    g[ARG_b_col] = r->b_transposed ? r->k : 1;
    g[ARG_c_row] = r->n;
    g[ARG_c_col] = 1;
    s.known = (1u << ARGS) - 1;
    for (const char *u = r->unknown; *u; u++) {
        int size = *u == 'm' ? ARG_m : *u == 'n' ? ARG_n : ARG_k;
        s.known &= ~(1u << size);
        for (int i = ARG_a_row; i < ARGS; i++) /* strides are sizes, or 1 */
            if (g[i] != 1 && g[i] == g[size])
                s.known &= ~(1u << i);
    }
    return s;
}

/* The best rate of `rounds` rounds of about 3 ms. */
static double rate(Kernel *kernel, const Shape *s, void *c, const void *a, const void *b) {
    double flops = 2.0 * (double)s->arg[0] * (double)s->arg[1] * (double)s->arg[2], best = 0;
    int64_t times = (int64_t)(3e-3 * 1e11 / flops) + 1;
    for (int round = 0; round < 12; round++) {
        double start = now_ms();
        for (int64_t i = 0; i < times; i++)
            kernel(c, a, b, s->arg);
        double gflops = flops * (double)times / (now_ms() - start) * 1e-6;
        best = gflops > best ? gflops : best;
    }
    return best;
}

/* A product that stays in registers and the nearest cache, with the largest tile: the peak that
 * counts here. */
static double measured_peak(const Machine *machine, bool is_f64, void *c, const void *a,
                            const void *b) {
    int wide = machine->vector_bytes / (is_f64 ? 8 : 4) * 2;
    Row tile = {"", machine->vector_bytes == 64 ? 12 : 6, 128, wide, 0, 0, is_f64, 0, ""};
    Shape shape = shape_of(&tile);
    Kernel *kernel;
    Jit jit = jit_compile(machine, &shape, 1, &kernel);
    double best = rate(kernel, &shape, c, a, b);
    jit_free(&jit);
    return best;
}

int main(int argc, char **argv) {
    int widest = host_vector_bytes();
    Machine machine = {widest, widest == 64 ? 32 : 16, true, NULL};
    double *a = aligned_alloc(64, MAX_ELEMENTS * 8), *b = aligned_alloc(64, MAX_ELEMENTS * 8);
    double *c = aligned_alloc(64, MAX_ELEMENTS * 8);
    for (int i = 0; i < MAX_ELEMENTS; i++) {
        float pair[2] = {1.0f + (float)(i % 13), 2.0f};
        memcpy(&a[i], pair, 8);
        memcpy(&b[i], pair, 8);
        c[i] = 0;
    }
    jit_start();
    double peak[] = {measured_peak(&machine, false, c, a, b),
                     measured_peak(&machine, true, c, a, b)};
    printf("vectors of %d bytes, peak %.0f GF/s f32, %.0f f64\n", machine.vector_bytes, peak[0],
           peak[1]);
    printf("%-26s %8s %6s %8s %8s %7s\n", "m x k x n", "GF/s", "peak", "us", "compile", "object");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (argc > 1 && !strstr(rows[i].label, argv[1]))
            continue;
        Shape shape = shape_of(&rows[i]);
        Kernel *kernel;
        Jit jit = jit_compile(&machine, &shape, 1, &kernel);
        double gflops = rate(kernel, &shape, c, a, b);
        double flops = 2.0 * (double)rows[i].m * (double)rows[i].n * (double)rows[i].k;
        printf("%-26s %8.1f %6.2f %8.3f %5.1f ms %7zu\n", rows[i].label, gflops,
               gflops / peak[rows[i].is_f64], flops / gflops * 1e-3, jit.emit_ms + jit.codegen_ms,
               jit.object_bytes);
        jit_free(&jit);
    }
    free(a);
    free(b);
    free(c);
    return 0;
}
