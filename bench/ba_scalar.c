/* Bundle adjustment as a good engineer writes it: scalar C, derived by hand. The Jacobian block of
 * an observation; residuals; the gradient as the adjoint of an observation, and the Hessian times a
 * vector as the tangent of that adjoint. See bench/ba_hand.h. */
#include "ba_hand.h"

#include <math.h>
#include <string.h>

static double dot3(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross3(const double *a, const double *b, double *c) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

/* ---- Jacobian blocks ---- */

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

/* ---- residuals ---- */

/* The parameters of one camera, their adjoints or their tangents. */
typedef struct Camera {
    double r[3], c[3], f, x0[2], k[2];
} Camera;

static Camera camera_at(const Cameras *cams, int64_t i) {
    const double *r = cams->r + 3 * i, *c = cams->c + 3 * i, *x0 = cams->x0 + 2 * i,
                 *k = cams->k + 2 * i;
    return (Camera){
        {r[0], r[1], r[2]}, {c[0], c[1], c[2]}, cams->f[i], {x0[0], x0[1]}, {k[0], k[1]}};
}

/* R = cs I + sn [w]x + versine ww' turns by th about w. Its left Jacobian is L = a I + b [w]x +
 * (1 - a) ww': the tangent of y = R v is (L r_tan) x y + R v_tan. For r = 0 both are I. */
typedef struct Rotation {
    double th, w[3], cs, sn, versine, a, b;
} Rotation;

static Rotation rotation(const double *r) {
    double th = sqrt(dot3(r, r)), sn = sin(th), h = sin(0.5 * th), versine = 2 * h * h;
    if (th == 0)
        return (Rotation){.cs = 1, .a = 1};
    return (Rotation){.th = th,
                      .w = {r[0] / th, r[1] / th, r[2] / th},
                      .cs = cos(th),
                      .sn = sn,
                      .versine = versine,
                      .a = sn / th,
                      .b = versine / th};
}

/* out = (a I + b [w]x + c ww') v */
static void about(const double *w, double a, double b, double c, const double *v, double *out) {
    double wxv[3], along = c * dot3(w, v);
    cross3(w, v, wxv);
    for (int i = 0; i < 3; i++)
        out[i] = a * v[i] + b * wxv[i] + along * w[i];
}

/* R v, or R'v where sign is -1. */
static void turn(const Rotation *q, int sign, const double *v, double *out) {
    about(q->w, q->cs, sign * q->sn, q->versine, v, out);
}

/* L v, or L'v where sign is -1. */
static void left(const Rotation *q, int sign, const double *v, double *out) {
    about(q->w, q->a, sign * q->b, 1 - q->a, v, out);
}

/* What a camera sees of a point: y is the point in its frame, p = (y0, y1)/y2, s = |p|^2, scale the
 * distortion, e the distance from z. */
typedef struct View {
    double y[3], p[2], s, scale, e[2];
} View;

static double dot2(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1];
}

static View view_of(const Camera *cam, const Rotation *q, const double *X, const double *z) {
    View o;
    double v[3] = {X[0] - cam->c[0], X[1] - cam->c[1], X[2] - cam->c[2]};
    turn(q, 1, v, o.y);
    o.p[0] = o.y[0] / o.y[2];
    o.p[1] = o.y[1] / o.y[2];
    o.s = dot2(o.p, o.p);
    o.scale = 1 + o.s * (cam->k[0] + o.s * cam->k[1]);
    for (int i = 0; i < 2; i++)
        o.e[i] = o.p[i] * o.scale * cam->f + cam->x0[i] - z[i];
    return o;
}

void ba_scalar_residuals(int64_t no, const Cameras *cams, const double *pts, const double *w,
                         const int64_t *cam, const int64_t *pt, const double *z, double *errors,
                         double *weights) {
    for (int64_t o = 0; o < no; o++) {
        Camera c = camera_at(cams, cam[o]);
        Rotation q = rotation(c.r);
        View view = view_of(&c, &q, pts + 3 * pt[o], z + 2 * o);
        errors[2 * o] = w[o] * view.e[0];
        errors[2 * o + 1] = w[o] * view.e[1];
        weights[o] = 1 - w[o] * w[o];
    }
}

/* ---- the gradient ---- */

/* Adjoints for 0.5 |w e|^2. */
static View view_adjoint(const Camera *cam, const View *o, double w) {
    View adj = {.e = {w * w * o->e[0], w * w * o->e[1]}};
    adj.scale = cam->f * dot2(o->p, adj.e);
    adj.s = adj.scale * (cam->k[0] + 2 * o->s * cam->k[1]);
    for (int i = 0; i < 2; i++) {
        adj.p[i] = o->scale * cam->f * adj.e[i] + 2 * adj.s * o->p[i];
        adj.y[i] = adj.p[i] / o->y[2];
    }
    adj.y[2] = -dot2(o->p, adj.y);
    return adj;
}

/* The adjoint of the camera; that of the point is -c. */
static Camera camera_adjoint(const Rotation *q, const View *o, const View *o_adj) {
    Camera adj = {.f = o->scale * dot2(o->p, o_adj->e),
                  .x0 = {o_adj->e[0], o_adj->e[1]},
                  .k = {o_adj->scale * o->s, o_adj->scale * o->s * o->s}};
    double moment[3], v_adj[3];
    cross3(o->y, o_adj->y, moment);
    left(q, -1, moment, adj.r);
    turn(q, -1, o_adj->y, v_adj);
    for (int i = 0; i < 3; i++)
        adj.c[i] = -v_adj[i];
    return adj;
}

static void clear(int64_t nc, int64_t np, const CameraSums *cams, double *pts) {
    size_t n = (size_t)nc * sizeof(double);
    memset(cams->r, 0, 3 * n), memset(cams->c, 0, 3 * n), memset(cams->f, 0, n);
    memset(cams->x0, 0, 2 * n), memset(cams->k, 0, 2 * n);
    memset(pts, 0, 3 * (size_t)np * sizeof(double));
}

static void add(const Camera *adj, int64_t cam, int64_t pt, const CameraSums *cams, double *pts) {
    for (int i = 0; i < 3; i++) {
        cams->r[3 * cam + i] += adj->r[i];
        cams->c[3 * cam + i] += adj->c[i];
        pts[3 * pt + i] -= adj->c[i];
    }
    cams->f[cam] += adj->f;
    for (int i = 0; i < 2; i++) {
        cams->x0[2 * cam + i] += adj->x0[i];
        cams->k[2 * cam + i] += adj->k[i];
    }
}

double ba_scalar_grad(int64_t nc, int64_t np, int64_t no, const Cameras *cams, const double *pts,
                      const double *w, const int64_t *cam, const int64_t *pt, const double *z,
                      const CameraSums *grad_cams, double *grad_pts, double *grad_w) {
    double total = 0;
    clear(nc, np, grad_cams, grad_pts);
    for (int64_t o = 0; o < no; o++) {
        Camera c = camera_at(cams, cam[o]);
        Rotation q = rotation(c.r);
        View view = view_of(&c, &q, pts + 3 * pt[o], z + 2 * o),
             view_adj = view_adjoint(&c, &view, w[o]);
        Camera adj = camera_adjoint(&q, &view, &view_adj);
        add(&adj, cam[o], pt[o], grad_cams, grad_pts);
        double square = dot2(view.e, view.e), slack = 1 - w[o] * w[o];
        grad_w[o] = w[o] * (square - 2 * slack);
        total += 0.5 * (w[o] * w[o] * square + slack * slack);
    }
    return total;
}

/* ---- the Hessian times a vector ---- */

/* spin = L r_tan */
static View view_tangent(const Camera *cam, const Rotation *q, const View *o, const double *spin,
                         const Camera *cam_tan, const double *X_tan) {
    View tan;
    double v_tan[3], moved[3];
    for (int i = 0; i < 3; i++)
        v_tan[i] = X_tan[i] - cam_tan->c[i];
    turn(q, 1, v_tan, moved);
    cross3(spin, o->y, tan.y);
    for (int i = 0; i < 3; i++)
        tan.y[i] += moved[i];
    for (int i = 0; i < 2; i++)
        tan.p[i] = (tan.y[i] - o->p[i] * tan.y[2]) / o->y[2];
    tan.s = 2 * dot2(o->p, tan.p);
    tan.scale =
        tan.s * (cam->k[0] + 2 * o->s * cam->k[1]) + o->s * (cam_tan->k[0] + o->s * cam_tan->k[1]);
    for (int i = 0; i < 2; i++)
        tan.e[i] = tan.p[i] * o->scale * cam->f +
                   o->p[i] * (tan.scale * cam->f + o->scale * cam_tan->f) + cam_tan->x0[i];
    return tan;
}

/* The tangent of view_adjoint. */
static View view_adjoint_tangent(const Camera *cam, const View *o, const View *o_adj, double w,
                                 const Camera *cam_tan, const View *o_tan, double w_tan) {
    View tan;
    double slope = cam->k[0] + 2 * o->s * cam->k[1],
           slope_tan = cam_tan->k[0] + 2 * (o_tan->s * cam->k[1] + o->s * cam_tan->k[1]),
           zoom = o->scale * cam->f, zoom_tan = o_tan->scale * cam->f + o->scale * cam_tan->f;
    for (int i = 0; i < 2; i++)
        tan.e[i] = 2 * w * w_tan * o->e[i] + w * w * o_tan->e[i];
    tan.scale =
        cam_tan->f * dot2(o->p, o_adj->e) + cam->f * (dot2(o_tan->p, o_adj->e) + dot2(o->p, tan.e));
    tan.s = tan.scale * slope + o_adj->scale * slope_tan;
    for (int i = 0; i < 2; i++) {
        tan.p[i] = zoom_tan * o_adj->e[i] + zoom * tan.e[i] +
                   2 * (tan.s * o->p[i] + o_adj->s * o_tan->p[i]);
        tan.y[i] = (tan.p[i] - o_adj->y[i] * o_tan->y[2]) / o->y[2];
    }
    tan.y[2] = -dot2(o_tan->p, o_adj->y) - dot2(o->p, tan.y);
    return tan;
}

/* The tangent of L'(y x g), y and g at rest. Where r is 0 the model turns by I + [r]x, so that the
 * adjoint of r is v x g, and v = y moves by -r_tan x y. */
static void left_tangent(const Rotation *q, const double *r_tan, const double *y, const double *g,
                         double *out) {
    double moment[3], w_tan[3], turned[3];
    if (q->th == 0) {
        cross3(r_tan, y, turned);
        cross3(g, turned, out);
        return;
    }
    double th_tan = dot3(q->w, r_tan), rate = th_tan / q->th, a_tan = (q->cs - q->a) * rate,
           b_tan = (q->sn - q->b) * rate;
    for (int i = 0; i < 3; i++)
        w_tan[i] = r_tan[i] / q->th - rate * q->w[i];
    cross3(y, g, moment);
    cross3(w_tan, moment, turned);
    about(q->w, a_tan, -b_tan, -a_tan, moment, out);
    double along = dot3(q->w, moment), along_tan = dot3(w_tan, moment);
    for (int i = 0; i < 3; i++)
        out[i] += (1 - q->a) * (w_tan[i] * along + q->w[i] * along_tan) - q->b * turned[i];
}

/* The tangent of camera_adjoint. */
static Camera camera_adjoint_tangent(const Rotation *q, const View *o, const View *o_adj,
                                     const double *spin, const double *r_tan, const View *o_tan,
                                     const View *o_adj_tan) {
    double s_tan = o_adj->scale * o_tan->s, both = o_adj_tan->scale * o->s + s_tan;
    Camera tan = {.f = o_tan->scale * dot2(o->p, o_adj->e) +
                       o->scale * (dot2(o_tan->p, o_adj->e) + dot2(o->p, o_adj_tan->e)),
                  .x0 = {o_adj_tan->e[0], o_adj_tan->e[1]},
                  .k = {both, (both + s_tan) * o->s}};
    double by_y[3], by_adj[3], moment[3], pull[3], v_adj[3], left_tan[3];
    cross3(o_tan->y, o_adj->y, by_y);
    cross3(o->y, o_adj_tan->y, by_adj);
    cross3(spin, o_adj->y, pull);
    for (int i = 0; i < 3; i++) {
        moment[i] = by_y[i] + by_adj[i];
        pull[i] = o_adj_tan->y[i] - pull[i];
    }
    left(q, -1, moment, tan.r);
    turn(q, -1, pull, v_adj);
    left_tangent(q, r_tan, o->y, o_adj->y, left_tan);
    for (int i = 0; i < 3; i++) {
        tan.r[i] += left_tan[i];
        tan.c[i] = -v_adj[i];
    }
    return tan;
}

void ba_scalar_hvp(int64_t nc, int64_t np, int64_t no, const Cameras *cams, const double *pts,
                   const double *w, const int64_t *cam, const int64_t *pt, const double *z,
                   const Cameras *d_cams, const double *d_pts, const double *d_w,
                   const CameraSums *hv_cams, double *hv_pts, double *hv_w) {
    clear(nc, np, hv_cams, hv_pts);
    for (int64_t o = 0; o < no; o++) {
        Camera c = camera_at(cams, cam[o]), c_tan = camera_at(d_cams, cam[o]);
        Rotation q = rotation(c.r);
        double spin[3];
        left(&q, 1, c_tan.r, spin);
        View view = view_of(&c, &q, pts + 3 * pt[o], z + 2 * o);
        View adj = view_adjoint(&c, &view, w[o]);
        View tan = view_tangent(&c, &q, &view, spin, &c_tan, d_pts + 3 * pt[o]);
        View adj_tan = view_adjoint_tangent(&c, &view, &adj, w[o], &c_tan, &tan, d_w[o]);
        Camera out = camera_adjoint_tangent(&q, &view, &adj, spin, c_tan.r, &tan, &adj_tan);
        add(&out, cam[o], pt[o], hv_cams, hv_pts);
        hv_w[o] =
            d_w[o] * (dot2(view.e, view.e) - 2 + 6 * w[o] * w[o]) + 2 * w[o] * dot2(view.e, tan.e);
    }
}
