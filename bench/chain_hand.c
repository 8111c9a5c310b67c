/* bench/chain.bp in vectors: one pass, nothing stored but the result. Results of the primal serve
 * the derivative: s(1-s), 1-a^2. */
#include "chain_hand.h"
#include "vec.h"

#include <stdbool.h>

typedef struct Link {
    Vec s, a, c, d, root, y;
} Link;

INLINE Link forward(Vec x) {
    Link k;
    k.s = sigmoid_vec(0.5f * x);
    k.a = tanh_vec(k.s * x);
    k.c = k.a + 1.5f;
    k.d = log_vec(k.c);
    k.root = __builtin_elementwise_sqrt(k.d * k.d + 1.0f);
    k.y = k.root * k.a;
    return k;
}

INLINE Vec reverse(Vec x, Link k) {
    Vec a_adj = k.root + k.a * k.d / (k.root * k.c);
    Vec product_adj = a_adj * (1.0f - k.a * k.a);
    return product_adj * (k.s + 0.5f * x * k.s * (1.0f - k.s));
}

INLINE void put(bool stream, float *to, Vec v) {
    if (stream)
        __builtin_nontemporal_store(v, (Vec *)to);
    else
        store(to, v);
}

INLINE void values(bool stream, int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i += LANES)
        put(stream, y + i, forward(load(x + i)).y);
}

INLINE double gradient(bool stream, int64_t n, const float *x, float *grad) {
    double total = 0;
    enum { SPAN = 2048 }; /* elements summed in float */
    for (int64_t from = 0; from < n; from += SPAN) {
        Vec sum = splat(0);
        for (int64_t i = from; i < n && i < from + SPAN; i += LANES) {
            Vec v = load(x + i);
            Link k = forward(v);
            sum += k.y;
            put(stream, grad + i, reverse(v, k));
        }
        total += (double)sum_vec(sum);
    }
    return total;
}

void chain_hand(int64_t n, const float *x, float *y) {
    values(true, n, x, y);
}

double chain_hand_grad(int64_t n, const float *x, float *grad) {
    return gradient(true, n, x, grad);
}

void chain_hand_cached(int64_t n, const float *x, float *y) {
    values(false, n, x, y);
}

double chain_hand_cached_grad(int64_t n, const float *x, float *grad) {
    return gradient(false, n, x, grad);
}
