/* examples/models/ba.bp by hand: everything that it exports in scalar C of a good engineer, and the
 * Jacobian blocks for vectors of observations. Leaves and results as in ba.bp: blocks are [no, 2,
 * 15], by camera (r 3, c 3, f, x0 2, k 2), point 3, weight. */
#ifndef BENCH_BA_HAND_H
#define BENCH_BA_HAND_H

#include <stddef.h>
#include <stdint.h>

typedef struct Cameras {
    const double *r, *c, *f, *x0, *k;
} Cameras;

typedef struct CameraSums {
    double *r, *c, *f, *x0, *k;
} CameraSums;

void ba_scalar(int64_t no, const Cameras *cams, const double *pts, const double *w,
               const int64_t *cam, const int64_t *pt, const double *z, double *blocks);
void ba_scalar_residuals(int64_t no, const Cameras *cams, const double *pts, const double *w,
                         const int64_t *cam, const int64_t *pt, const double *z, double *errors,
                         double *weights);

/* Half the sum of the squares of all residuals, and its gradient. */
double ba_scalar_grad(int64_t nc, int64_t np, int64_t no, const Cameras *cams, const double *pts,
                      const double *w, const int64_t *cam, const int64_t *pt, const double *z,
                      const CameraSums *grad_cams, double *grad_pts, double *grad_w);
void ba_scalar_hvp(int64_t nc, int64_t np, int64_t no, const Cameras *cams, const double *pts,
                   const double *w, const int64_t *cam, const int64_t *pt, const double *z,
                   const Cameras *d_cams, const double *d_pts, const double *d_w,
                   const CameraSums *hv_cams, double *hv_pts, double *hv_w);

/* work: ba_hand_work(nc) bytes, 64-byte aligned; no is a multiple of 8 */
size_t ba_hand_work(int64_t nc);
void ba_hand(int64_t nc, int64_t no, const Cameras *cams, const double *pts, const double *w,
             const int64_t *cam, const int64_t *pt, const double *z, double *blocks, double *work);

#endif
