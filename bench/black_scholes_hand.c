/* A book of options as an expert writes it: a vector of options at a time. */
#include "black_scholes_hand.h"
#include "vec.h"

/* The normal distribution and its density, by Hart's rational approximation as West gives it
 * (2005): 1e-15 where |x| < 7.07, and 0 or 1 to 1e-12 beyond. */
INLINE Vec64 normal(Vec64 x, Vec64 *density) {
    Vec64 a = max_vec64(x, -x), e = exp_vec64(-0.5 * a * a);
    Vec64 p = splat64(3.52624965998911e-02), q = splat64(8.83883476483184e-02);
    p = p * a + 0.700383064443688;
    p = p * a + 6.37396220353165;
    p = p * a + 33.912866078383;
    p = p * a + 112.079291497871;
    p = p * a + 221.213596169931;
    p = p * a + 220.206867912376;
    q = q * a + 1.75566716318264;
    q = q * a + 16.064177579207;
    q = q * a + 86.7807322029461;
    q = q * a + 296.564248779674;
    q = q * a + 637.333633378831;
    q = q * a + 793.826512519948;
    q = q * a + 440.413735824752;
    Vec64 tail = e * p / q;
    *density = e * 0.39894228040143267794;
    return choose64(x > splat64(0), 1.0 - tail, tail);
}

void book_hand(int64_t n, const Book *b) {
    for (int64_t i = 0; i < n; i += LANES64) {
        Vec64 S = load64(b->S + i), K = load64(b->K + i), r = load64(b->r + i);
        Vec64 sig = load64(b->sig + i), T = load64(b->T + i), density, unused;
        Vec64 root = __builtin_elementwise_sqrt(T), sd = sig * root;
        Vec64 d1 = (log_vec64(S / K) + (r + 0.5 * sig * sig) * T) / sd;
        Vec64 n1 = normal(d1, &density), n2 = normal(d1 - sd, &unused);
        Vec64 owed = K * exp_vec64(-r * T) * n2;
        density *= S;
        store64(b->value + i, S * n1 - owed);
        store64(b->by_S + i, n1);
        store64(b->by_r + i, T * owed);
        store64(b->by_sig + i, density * root);
        store64(b->by_T + i, density * sig / (2.0 * root) + r * owed);
    }
}
