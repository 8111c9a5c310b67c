/* Medians of interleaved runs, and the machine's peak. See bench/measure.h. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 1000, MAX_CANDIDATES = 8 };

double measure_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void measure(Candidate *candidates, int n, int rounds, int repeats) {
    static double times[MAX_CANDIDATES][MAX_ROUNDS];
    if (rounds > MAX_ROUNDS)
        rounds = MAX_ROUNDS;
    for (int round = -1; round < rounds; round++) /* round -1 warms up */
        for (int i = 0; i < n; i++) {
            double start = measure_now();
            for (int k = 0; k < repeats; k++)
                candidates[i].run(candidates[i].user);
            if (round >= 0)
                times[i][round] = (measure_now() - start) / repeats;
        }
    for (int i = 0; i < n; i++) {
        qsort(times[i], (size_t)rounds, sizeof times[i][0], compare);
        candidates[i].median = times[i][rounds / 2];
    }
}

/* Sixteen independent chains hide the latency of two pipes. */
#define PEAK_LOOP(bits)                                                                            \
    typedef float Vec##bits __attribute__((vector_size(bits / 8)));                                \
    static __attribute__((noinline)) float chains##bits(long n, float x) {                         \
        Vec##bits acc[16], step = (Vec##bits){0} + x;                                              \
        for (int i = 0; i < 16; i++)                                                               \
            acc[i] = (Vec##bits){0} + (float)i;                                                    \
        for (long k = 0; k < n; k++) {                                                             \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++) acc[i] =               \
                acc[i] * step + step;                                                              \
        }                                                                                          \
        float sum = 0;                                                                             \
        for (int i = 0; i < 16; i++)                                                               \
            sum += acc[i][0];                                                                      \
        return sum;                                                                                \
    }
PEAK_LOOP(256)
PEAK_LOOP(512)

static volatile float sink;
enum { PEAK_STEPS = 20000 };

static void run256(void *user) {
    sink = chains256(PEAK_STEPS, *(float *)user);
}

static void run512(void *user) {
    sink = chains512(PEAK_STEPS, *(float *)user);
}

double measure_fma_peak(int *bits) {
    float x = 0.999f;
    Candidate loops[2] = {{run256, &x, 0}, {run512, &x, 0}};
    measure(loops, 2, 51, 5);
    double rate256 = PEAK_STEPS * 16.0 * 8 * 2 / loops[0].median;
    double rate512 = PEAK_STEPS * 16.0 * 16 * 2 / loops[1].median;
    *bits = rate512 > rate256 ? 512 : 256;
    return 1e-9 * (rate512 > rate256 ? rate512 : rate256);
}

void *measure_memory(size_t bytes) {
    size_t padded = (bytes + 127) / 64 * 64;
    void *memory = aligned_alloc(64, padded);
    if (!memory) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    return memset(memory, 0, padded);
}
