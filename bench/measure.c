/* Medians of interleaved runs, and what the machine can do. See bench/measure.h. */
#include "measure.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 400, MIN_ROUNDS = 3, MAX_CANDIDATES = 8 };
static const double shortest = 1e-3; /* seconds a sample; shorter runs are repeated */
static const double longest = 20e-3; /* a longer run is not preceded by an untimed one */

/* ---- timing ---- */

static double clock_seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sample(const Candidate *c, long repeats) {
    if (c->timed)
        return c->timed(c->user);
    if (repeats == 1)
        c->run(c->user); /* what ran before has emptied the caches */
    repeats += repeats == 0;
    double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (long k = 0; k < repeats; k++)
        c->run(c->user);
    return (clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start) / (double)repeats;
}

/* Warms up, and finds how many runs make a sample; 0 for one that takes long and needs no warming.
 */
static long repeats_for(const Candidate *c) {
    long repeats = 1;
    double seconds = sample(c, 1);
    while (!c->timed && repeats < 1 << 24 && seconds * (double)repeats < shortest) {
        repeats *= 2;
        seconds = sample(c, repeats);
    }
    return seconds < longest ? repeats : 0;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void measure(Candidate *candidates, int n, double seconds) {
    static double times[MAX_CANDIDATES][MAX_ROUNDS];
    long repeats[MAX_CANDIDATES];
    for (int i = 0; i < n; i++)
        repeats[i] = repeats_for(&candidates[i]);
    double start = clock_seconds(CLOCK_MONOTONIC);
    int rounds = 0;
    double elapsed = 0;
    while (rounds < MAX_ROUNDS && elapsed < (rounds < MIN_ROUNDS ? 5 * seconds : seconds)) {
        for (int i = 0; i < n; i++)
            times[i][rounds] = sample(&candidates[i], repeats[i]);
        rounds++;
        elapsed = clock_seconds(CLOCK_MONOTONIC) - start;
    }
    for (int i = 0; i < n; i++) {
        qsort(times[i], (size_t)rounds, sizeof times[i][0], compare);
        candidates[i].median = times[i][rounds / 2];
    }
}

/* ---- the machine ---- */

/* Sixteen independent chains hide the latency of two pipes. Every lane is used, or it would not be
 * computed. */
#define CHAINS(real, bits)                                                                         \
    typedef real Vec_##real##bits __attribute__((vector_size(bits / 8)));                          \
    static __attribute__((noinline)) void chains_##real##bits(long n, real x,                      \
                                                              Vec_##real##bits *out) {             \
        Vec_##real##bits acc[16], step = (Vec_##real##bits){0} + x;                                \
        for (int i = 0; i < 16; i++)                                                               \
            acc[i] = (Vec_##real##bits){0} + (real)i;                                              \
        for (long k = 0; k < n; k++) {                                                             \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++) acc[i] =               \
                acc[i] * step + step;                                                              \
        }                                                                                          \
        memcpy(out, acc, sizeof acc);                                                              \
    }
CHAINS(float, 256)
CHAINS(float, 512)
CHAINS(double, 256)
CHAINS(double, 512)

static volatile double sink;
enum {
    PEAK_STEPS = 20000,
    STREAM = 1 << 25
}; /* STREAM: elements of 4 bytes, far above any cache */

static double best_of(int rounds, void (*run)(void *), void *user) {
    Candidate c = {.run = run, .user = user};
    long repeats = repeats_for(&c);
    double best = INFINITY;
    for (int i = 0; i < rounds; i++)
        best = fmin(best, sample(&c, repeats));
    return best;
}

#define PEAK_RUN(real, bits)                                                                       \
    static void run_##real##bits(void *user) {                                                     \
        Vec_##real##bits out[16];                                                                  \
        chains_##real##bits(PEAK_STEPS, *(real *)user, out);                                       \
        sink = (double)out[15][1];                                                                 \
    }
PEAK_RUN(float, 256)
PEAK_RUN(float, 512)
PEAK_RUN(double, 256)
PEAK_RUN(double, 512)

typedef int32_t Words __attribute__((vector_size(64)));
enum { WORDS = STREAM / 16 };

static void run_read(void *user) {
    const Words *x = user;
    Words a = {0}, b = {0}, c = {0}, d = {0};
    for (int i = 0; i < WORDS; i += 4)
        a ^= x[i], b ^= x[i + 1], c ^= x[i + 2], d ^= x[i + 3];
    a ^= b ^ c ^ d;
    sink = a[0] ^ a[7];
}

static void run_update(void *user) {
    Words *x = user;
    for (int i = 0; i < WORDS / 2; i++)
        __builtin_nontemporal_store(x[i] ^ i, x + WORDS / 2 + i);
}

const Floors *measure_floors(void) {
    static Floors f;
    if (f.fma32)
        return &f;
    float x = 0.999f;
    double y = 0.999, flops = PEAK_STEPS * 16.0 * 2;
    double narrow32 = flops * 8 / best_of(51, run_float256, &x),
           wide32 = flops * 16 / best_of(51, run_float512, &x);
    double narrow64 = flops * 4 / best_of(51, run_double256, &y),
           wide64 = flops * 8 / best_of(51, run_double512, &y);
    f.fma32 = fmax(narrow32, wide32);
    f.fma64 = fmax(narrow64, wide64);
    f.bits = wide32 > 1.2 * narrow32 ? 512 : 256;
    void *memory = measure_memory(STREAM * sizeof(int32_t));
    f.read = STREAM * 4.0 / best_of(9, run_read, memory);
    f.update = STREAM * 4.0 / best_of(9, run_update, memory);
    free(memory);
    return &f;
}

/* ---- inputs and checks ---- */

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void *measure_memory(size_t bytes) {
    size_t padded = (bytes + 127) / 64 * 64;
    void *memory = aligned_alloc(64, padded);
    if (!memory)
        fail("out of memory");
    return memset(memory, 0, padded);
}

void measure_fill(double *x, size_t n, double from, double to) {
    for (size_t i = 0; i < n; i++)
        x[i] = from + (to - from) * (double)rand() / RAND_MAX;
}

void measure_fill_f32(float *x, size_t n, double from, double to) {
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(from + (to - from) * (double)rand() / RAND_MAX);
}

void measure_ok(int status, const char *(*error)(int)) {
    if (status)
        fail(error(status));
}

#define AGREE(name, real)                                                                          \
    void name(const char *what, const real *a, const real *b, size_t n, double tolerance) {        \
        double worst = 0, largest = 0;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            largest = fmax(largest, fmax(fabs((double)a[i]), fabs((double)b[i])));                 \
            double apart = fabs((double)a[i] - (double)b[i]);                                      \
            worst = apart >= worst || apart != apart ? apart : worst;                              \
            if (apart != apart)                                                                    \
                break;                                                                             \
        }                                                                                          \
        if (!(worst <= tolerance * largest)) {                                                     \
            fprintf(stderr, "bench: %s: results differ by %g of %g\n", what, worst, largest);      \
            exit(1);                                                                               \
        }                                                                                          \
    }
AGREE(measure_agree, double)
AGREE(measure_agree_f32, float)
