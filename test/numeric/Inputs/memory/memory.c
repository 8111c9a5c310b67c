/* What compiled code must not do, for memory.bp, and for races.test: the first function is right,
 * each other is wrong in one way. */
#include <stddef.h>
#include <stdint.h>

static int twice_to(int64_t n, const double *x, double *out) {
    for (int64_t i = 0; i < n; i++)
        out[i] = 2 * x[i];
    return 0;
}

#define FUNCTION(name)                                                                             \
    size_t name##_work(int64_t n);                                                                 \
    int name(int64_t n, const double *x, double *out, void *work);                                 \
    size_t name##_work(int64_t n) {                                                                \
        return (size_t)(n - n) + 64;                                                               \
    }                                                                                              \
    int name(int64_t n, const double *x, double *out, void *work)

static volatile double seen;

FUNCTION(twice) {
    (void)work;
    return twice_to(n, x, out);
}
FUNCTION(reads_beyond) {
    (void)work;
    seen = x[n];
    return twice_to(n, x, out);
}
FUNCTION(reads_before) {
    (void)work;
    seen = x[-1];
    return twice_to(n, x, out);
}
FUNCTION(writes_beyond) {
    (void)work;
    out[n] = 1;
    return twice_to(n, x, out);
}
FUNCTION(writes_before) {
    ((double *)work)[-1] = 1;
    return twice_to(n, x, out);
}
FUNCTION(writes_input) {
    double *mine = (double *)(uintptr_t)x;
    (void)work;
    twice_to(n, x, out);
    mine[0] += 1;
    return 0;
}
FUNCTION(leaves_part) {
    (void)work;
    return twice_to(n - 1, x, out);
}
FUNCTION(reads_work) {
    return ((unsigned char *)work)[0] == 0x00 ? 1 : twice_to(n, x, out);
}
FUNCTION(keeps_count) {
    static int calls;
    (void)work;
    return ++calls % 7 == 6 ? 1 : twice_to(n, x, out);
}
/* Some milliseconds, so that calls of other threads fall into them. */
FUNCTION(shares_memory) {
    static volatile double shared;
    volatile double mine;
    (void)work;
    shared = (double)(uintptr_t)&mine;
    for (volatile int wait = 0; wait < 10000000; wait++)
        if (shared != (double)(uintptr_t)&mine)
            return 1;
    return twice_to(n, x, out);
}

const char *m_error(int status);
const char *m_error(int status) {
    return status ? "memory.bp:1:1: failed" : NULL;
}
