/* The rows of the benchmark, one a model: each checks bpc's results against the programs by hand,
 * measures, and reports. bench/main.c calls those that were asked for. Each row is linked with its
 * own objects under its own names: nothing but these functions is visible outside. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define ROWS(X)                                                                                    \
    X(digits)                                                                                      \
    X(mlp)                                                                                         \
    X(gmm)                                                                                         \
    X(ba)                                                                                          \
    X(lstm_elements)                                                                               \
    X(lstm_f32)                                                                                    \
    X(lstm_f64)                                                                                    \
    X(black_scholes)                                                                               \
    X(lotka)                                                                                       \
    X(logistic)                                                                                    \
    X(kalman)                                                                                      \
    X(chain)                                                                                       \
    X(arrays)

#define DECLARE(name) void row_##name(void);
ROWS(DECLARE)
#undef DECLARE

/* Compile times: the processes that BPC and CC name, writing into a folder. */
void row_compile(const char *bpc, const char *cc, const char *folder);

/* Something that two threads share: how to run it, and the numbers that it writes. */
typedef struct Timed {
    const char *what;
    void (*run)(void *user);
    void *user;
    const void *result;
    size_t n;
    bool is_f32;
} Timed;

/* Fill in at most two, and return how many: of the row built for one thread, and for two. */
enum { MOST_TIMED = 2 };
int clock_mlp(Timed *out);
int clock_mlp_two(Timed *out);
int clock_gmm(Timed *out);
int clock_gmm_two(Timed *out);
int clock_ba(Timed *out);
int clock_ba_two(Timed *out);

/* Two threads against one, by the clock. */
void row_threads(void);

#endif
