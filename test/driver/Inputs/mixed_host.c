#include "mixed.h"

#include <math.h>
#include <stdlib.h>

static int differ(double a, double b) {
    return fabs(a - b) > 1e-12 * (1 + fabs(b));
}

int main(void) {
    int64_t at[2] = {1, 0}, none[2] = {7, 7};
    double w[2] = {2, 3}, b = 5, x[2] = {0.5, 4}, out, gw[2], gb, dw[2] = {1, 10}, db = 100, hw[2],
           hb;
    Net p = {at, w, &b}, grad = {none, gw, &gb}, d = {none, dw, &db}, hv = {none, hw, &hb};
    void *work = aligned_alloc(64, (step_work(2, 3) + curve_work(2, 3) + 127) / 64 * 64);

    if (step(2, 3, &p, x, &out, &grad, work) || curve(2, 3, &p, x, &d, &hv, work))
        return 1;
    /* loss = ((w0 x1)^3 + (w1 x0)^3)/3 + k b^2 */
    if (differ(out, (512 + 3.375) / 3 + 75) || differ(gw[0], 8 * 8 * 4) ||
        differ(gw[1], 1.5 * 1.5 * 0.5))
        return 2;
    if (differ(gb, 30) || differ(hw[0], 2 * 8 * 16 * 1.0) || differ(hw[1], 2 * 1.5 * 0.25 * 10) ||
        differ(hb, 600))
        return 3;
    free(work);
    return none[0] == 7 && none[1] == 7 ? 0 : 4; /* integer leaves of gradients are not written */
}
