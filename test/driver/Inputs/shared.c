/* What calls must not share, for shared.bp: the first function is right, the others are not. */
#include <stddef.h>
#include <stdint.h>

#define FUNCTION(name)                                                                             \
    size_t name##_work(int64_t n);                                                                 \
    int name(int64_t n, const double *x, double *out, void *work);                                 \
    size_t name##_work(int64_t n) {                                                                \
        return (size_t)(n - n) + 64;                                                               \
    }                                                                                              \
    int name(int64_t n, const double *x, double *out, void *work)

FUNCTION(twice) {
    (void)work;
    for (int64_t i = 0; i < n; i++)
        out[i] = 2 * x[i];
    return 0;
}

FUNCTION(writes_input) {
    double *mine = (double *)(uintptr_t)x;
    mine[0] = -mine[0];
    twice(n, x, out, work);
    mine[0] = -mine[0];
    return 0;
}

FUNCTION(keeps_count) {
    static int calls;
    return twice(n, x, out, work) + 0 * ++calls;
}
