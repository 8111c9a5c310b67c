/* The Jacobian blocks as an expert writes them: a vector of observations at a time.
 *
 * What depends on the camera alone is computed once a camera: R, and the left Jacobian L of the
 * rotation, with which d(R v)/dr = -[R v]x L. An observation then needs no sine and one division.
 */
#include "ba_hand.h"
#include "vec.h"

#include <math.h>

enum { R_ = 0, L_ = 9, CENTRE = 18, F_ = 21, X0_ = 22, K_ = 24, FIELDS = 32 };
enum { STREAM = 100000 }; /* observations whose results go past the caches */

size_t ba_hand_work(int64_t nc) {
    return sizeof(double) * FIELDS * (size_t)nc;
}

/* a I + b [w]x + c w w' */
static void axis_matrix(const double *w, double a, double b, double c, double *m) {
    const double cross[9] = {0, -w[2], w[1], w[2], 0, -w[0], -w[1], w[0], 0};
    for (int i = 0; i < 9; i++)
        m[i] = b * cross[i] + c * w[i / 3] * w[i % 3] + (i % 4 == 0 ? a : 0);
}

static void prepare(int64_t c, const Cameras *cams, double *q) {
    const double *r = cams->r + 3 * c;
    double th = sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
    if (th == 0) {
        axis_matrix(r, 1, 0, 0, q + R_);
        axis_matrix(r, 1, 0, 0, q + L_);
    } else {
        double w[3] = {r[0] / th, r[1] / th, r[2] / th}, s = sin(th), h = sin(0.5 * th),
               versine = 2 * h * h;
        axis_matrix(w, cos(th), s, versine, q + R_);
        axis_matrix(w, s / th, versine / th, 1 - s / th, q + L_);
    }
    memcpy(q + CENTRE, cams->c + 3 * c, 3 * sizeof *q);
    q[F_] = cams->f[c];
    memcpy(q + X0_, cams->x0 + 2 * c, 2 * sizeof *q);
    memcpy(q + K_, cams->k + 2 * c, 2 * sizeof *q);
}

INLINE Vec64 gather(const double *base, const int64_t *at) {
    Vec64 v;
    UNROLL for (int l = 0; l < LANES64; l++) v[l] = base[at[l]];
    return v;
}

/* One row of the block: by y, then by all else. */
INLINE void block_row(int i, const Vec64 *q, const Vec64 *p, const Vec64 *y, Vec64 inverse, Vec64 s,
                      Vec64 w, Vec64 z, Vec64 *row) {
    Vec64 scale = 1.0 + s * (q[K_] + s * q[K_ + 1]), by_s = q[K_] + 2.0 * s * q[K_ + 1],
          wf = w * q[F_];
    Vec64 pull = 2.0 * p[i] * by_s, a[3], g[3];
    a[0] = wf * (p[0] * pull + (i == 0 ? scale : splat64(0)));
    a[1] = wf * (p[1] * pull + (i == 1 ? scale : splat64(0)));
    a[2] = -(a[0] * p[0] + a[1] * p[1]) * inverse;
    a[0] *= inverse;
    a[1] *= inverse;
    g[0] = y[1] * a[2] - y[2] * a[1]; /* -a [y]x = y x a */
    g[1] = y[2] * a[0] - y[0] * a[2];
    g[2] = y[0] * a[1] - y[1] * a[0];
    UNROLL for (int j = 0; j < 3; j++) {
        row[j] = g[0] * q[L_ + j] + g[1] * q[L_ + 3 + j] + g[2] * q[L_ + 6 + j];
        row[11 + j] = a[0] * q[R_ + j] + a[1] * q[R_ + 3 + j] + a[2] * q[R_ + 6 + j];
        row[3 + j] = -row[11 + j];
    }
    row[6] = w * scale * p[i];
    row[7] = i == 0 ? w : splat64(0);
    row[8] = i == 1 ? w : splat64(0);
    row[9] = wf * p[i] * s;
    row[10] = row[9] * s;
    row[14] = p[i] * scale * q[F_] + q[X0_ + i] - z;
}

/* rows[30] of a vector of observations, to blocks of 30 numbers each. */
INLINE void store_blocks(const Vec64 *rows, double *blocks) {
    UNROLL for (int from = 0; from < 30; from += LANES64) {
        int i = from < 30 - LANES64 ? from : 30 - LANES64; /* the last overlaps */
        Vec64 turned[LANES64];
        memcpy(turned, rows + i, sizeof turned);
        transpose_rows64(turned);
        UNROLL for (int l = 0; l < LANES64; l++) store64(blocks + l * 30 + i, turned[l]);
    }
}

/* q[FIELDS]: the cameras of a vector of observations */
INLINE void load_cameras(const double *prepared, const int64_t *cam, Vec64 *q) {
    UNROLL for (int i = 0; i < FIELDS; i += LANES64) {
        UNROLL for (int l = 0; l < LANES64; l++) q[i + l] = load64(prepared + cam[l] * FIELDS + i);
        transpose_rows64(q + i);
    }
}

void ba_hand(int64_t nc, int64_t no, const Cameras *cams, const double *pts, const double *w,
             const int64_t *cam, const int64_t *pt, const double *z, double *blocks, double *work) {
    for (int64_t c = 0; c < nc; c++)
        prepare(c, cams, work + c * FIELDS);
    for (int64_t o = 0; o < no; o += LANES64) {
        int64_t at_pt[LANES64], at_z[LANES64];
        UNROLL for (int l = 0; l < LANES64; l++) {
            at_pt[l] = pt[o + l] * 3;
            at_z[l] = l * 2;
        }
        Vec64 q[FIELDS], v[3], y[3], p[2], rows[30], weight = load64(w + o);
        load_cameras(work, cam + o, q);
        UNROLL for (int i = 0; i < 3; i++) v[i] = gather(pts + i, at_pt) - q[CENTRE + i];
        UNROLL for (int i = 0; i < 3; i++) y[i] =
            q[R_ + 3 * i] * v[0] + q[R_ + 3 * i + 1] * v[1] + q[R_ + 3 * i + 2] * v[2];
        Vec64 inverse = 1.0 / y[2];
        p[0] = y[0] * inverse;
        p[1] = y[1] * inverse;
        Vec64 s = p[0] * p[0] + p[1] * p[1];
        UNROLL for (int i = 0; i < 2; i++)
            block_row(i, q, p, y, inverse, s, weight, gather(z + 2 * o + i, at_z), rows + 15 * i);
        if (no < STREAM) {
            store_blocks(rows, blocks + 30 * o);
        } else {
            _Alignas(64) double staged[30 * LANES64];
            store_blocks(rows, staged);
            UNROLL for (int i = 0; i < 30; i++) __builtin_nontemporal_store(
                load64(staged + i * LANES64), (Vec64 *)(blocks + 30 * o) + i);
        }
    }
}
