/* The Jacobian block of an observation as a good engineer writes it: scalar C, derived by hand. See
 * bench/ba_hand.h. */
#include "ba_hand.h"

#include <math.h>

static double dot3(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross3(const double *a, const double *b, double *c) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

/* y = R(r) v; by_r[j] = dy/dr_j; by_v[j] = dy/dv_j. */
static void rotate(const double *r, const double *v, double *y, double by_r[3][3],
                   double by_v[3][3]) {
    double s2 = dot3(r, r), e[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, t[3];
    if (s2 == 0) {
        cross3(r, v, y);
        for (int i = 0; i < 3; i++)
            y[i] += v[i];
        for (int j = 0; j < 3; j++) {
            cross3(e[j], v, by_r[j]);
            cross3(r, e[j], by_v[j]);
            by_v[j][j] += 1;
        }
        return;
    }
    double th = sqrt(s2), sn = sin(th), cs = cos(th), w[3] = {r[0] / th, r[1] / th, r[2] / th},
           wxv[3];
    double wv = dot3(w, v), by_th[3];
    cross3(w, v, wxv);
    for (int i = 0; i < 3; i++) {
        y[i] = v[i] * cs + wxv[i] * sn + w[i] * wv * (1 - cs);
        by_th[i] = -v[i] * sn + wxv[i] * cs + w[i] * wv * sn;
    }
    for (int j = 0; j < 3; j++) {
        double dw[3], dwxv[3];
        for (int i = 0; i < 3; i++)
            dw[i] = (e[j][i] - w[i] * w[j]) / th;
        cross3(dw, v, dwxv);
        double dwv = dot3(dw, v);
        cross3(w, e[j], t);
        for (int i = 0; i < 3; i++) {
            by_r[j][i] = by_th[i] * w[j] + dwxv[i] * sn + (dw[i] * wv + w[i] * dwv) * (1 - cs);
            by_v[j][i] = e[j][i] * cs + t[i] * sn + w[i] * w[j] * (1 - cs);
        }
    }
}

/* b: two rows of 15 */
static void block(const double *r, const double *c, double f, const double *x0, const double *k,
                  const double *X, double w, const double *z, double *b) {
    double v[3] = {X[0] - c[0], X[1] - c[1], X[2] - c[2]}, y[3], by_r[3][3], by_v[3][3];
    rotate(r, v, y, by_r, by_v);
    double p[2] = {y[0] / y[2], y[1] / y[2]}, s = p[0] * p[0] + p[1] * p[1];
    double scale = 1 + s * (k[0] + s * k[1]), by_s = k[0] + 2 * s * k[1];
    for (int i = 0; i < 2; i++) {
        double *row = b + i * 15, by_p[2], by_y[3];
        for (int j = 0; j < 2; j++)
            by_p[j] = w * f * ((i == j ? scale : 0) + 2 * p[i] * p[j] * by_s);
        by_y[0] = by_p[0] / y[2];
        by_y[1] = by_p[1] / y[2];
        by_y[2] = -(by_p[0] * p[0] + by_p[1] * p[1]) / y[2];
        for (int j = 0; j < 3; j++) {
            row[j] = dot3(by_y, by_r[j]);
            row[11 + j] = dot3(by_y, by_v[j]);
            row[3 + j] = -row[11 + j];
        }
        row[6] = w * scale * p[i];
        row[7] = i == 0 ? w : 0;
        row[8] = i == 1 ? w : 0;
        row[9] = w * f * p[i] * s;
        row[10] = w * f * p[i] * s * s;
        row[14] = p[i] * scale * f + x0[i] - z[i];
    }
}

void ba_scalar(int64_t no, const Cameras *cams, const double *pts, const double *w,
               const int64_t *cam, const int64_t *pt, const double *z, double *blocks) {
    for (int64_t o = 0; o < no; o++) {
        int64_t c = cam[o];
        block(cams->r + 3 * c, cams->c + 3 * c, cams->f[c], cams->x0 + 2 * c, cams->k + 2 * c,
              pts + 3 * pt[o], w[o], z + 2 * o, blocks + 30 * o);
    }
}
