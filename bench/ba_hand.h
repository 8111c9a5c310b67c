/* The Jacobian blocks of examples/models/ba.bp by hand: scalar C of a good engineer, and vectors of
 * observations. Leaves and results as in ba.bp: blocks are [no, 2, 15], by camera (r 3, c 3, f, x0
 * 2, k 2), point 3, weight. */
#ifndef BENCH_BA_HAND_H
#define BENCH_BA_HAND_H

#include <stddef.h>
#include <stdint.h>

typedef struct Cameras {
    const double *r, *c, *f, *x0, *k;
} Cameras;

void ba_scalar(int64_t no, const Cameras *cams, const double *pts, const double *w,
               const int64_t *cam, const int64_t *pt, const double *z, double *blocks);

/* work: ba_hand_work(nc) bytes, 64-byte aligned; no is a multiple of 8 */
size_t ba_hand_work(int64_t nc);
void ba_hand(int64_t nc, int64_t no, const Cameras *cams, const double *pts, const double *w,
             const int64_t *cam, const int64_t *pt, const double *z, double *blocks, double *work);

#endif
