/* The rows of the benchmark, one a model: each checks bpc's results against the programs by hand,
 * measures, and reports. bench/main.c calls those that were asked for. Each row is linked with its
 * own objects under its own names: nothing but these functions is visible outside. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

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
    X(chain)

#define DECLARE(name) void row_##name(void);
ROWS(DECLARE)
#undef DECLARE

/* Compile times: the processes that BPC and CC name, writing into a folder. */
void row_compile(const char *bpc, const char *cc, const char *folder);

/* Two threads against one, of the libraries MODEL.1.so and MODEL.2.so in a folder. */
void row_threads(const char *folder);

#endif
