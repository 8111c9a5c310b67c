/* Runge-Kutta on Lotka-Volterra and its adjoint as a good engineer writes them: states are stored,
 * stages computed again. See bench/lotka_hand.h. */
#include "lotka_hand.h"

static void rhs(const double *th, const double *u, double *k) {
    k[0] = th[0] * u[0] - th[1] * u[0] * u[1];
    k[1] = th[2] * u[0] * u[1] - th[3] * u[1];
}

static void rk4(const double *th, double *u, double h) {
    double k1[2], k2[2], k3[2], k4[2], w[2];
    rhs(th, u, k1);
    w[0] = u[0] + 0.5 * h * k1[0], w[1] = u[1] + 0.5 * h * k1[1];
    rhs(th, w, k2);
    w[0] = u[0] + 0.5 * h * k2[0], w[1] = u[1] + 0.5 * h * k2[1];
    rhs(th, w, k3);
    w[0] = u[0] + h * k3[0], w[1] = u[1] + h * k3[1];
    rhs(th, w, k4);
    for (int i = 0; i < 2; i++)
        u[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
}

double lotka_scalar(int64_t T, const double *th, const double *u0, const double *data, double h,
                    int64_t steps) {
    double u[2] = {u0[0], u0[1]}, error = 0;
    for (int64_t t = 0; t < T; t++) {
        for (int64_t s = 0; s < steps; s++)
            rk4(th, u, h);
        double a = u[0] - data[2 * t], b = u[1] - data[2 * t + 1];
        error += a * a + b * b;
    }
    return error;
}

/* g = J(u)' a; th_adj gets its share. */
static void rhs_adjoint(const double *th, const double *u, const double *a, double *g,
                        double *th_adj) {
    double product = u[0] * u[1];
    th_adj[0] += a[0] * u[0];
    th_adj[1] -= a[0] * product;
    th_adj[2] += a[1] * product;
    th_adj[3] -= a[1] * u[1];
    g[0] = a[0] * (th[0] - th[1] * u[1]) + a[1] * th[2] * u[1];
    g[1] = -a[0] * th[1] * u[0] + a[1] * (th[2] * u[0] - th[3]);
}

/* a: the adjoint of the state after the step, then of u. */
static void rk4_adjoint(const double *th, const double *u, double h, double *a, double *th_adj) {
    double k[2], w2[2], w3[2], w4[2], b[2], g[2], u_adj[2] = {a[0], a[1]};
    rhs(th, u, k);
    w2[0] = u[0] + 0.5 * h * k[0], w2[1] = u[1] + 0.5 * h * k[1];
    rhs(th, w2, k);
    w3[0] = u[0] + 0.5 * h * k[0], w3[1] = u[1] + 0.5 * h * k[1];
    rhs(th, w3, k);
    w4[0] = u[0] + h * k[0], w4[1] = u[1] + h * k[1];

    b[0] = h / 6 * a[0], b[1] = h / 6 * a[1];
    rhs_adjoint(th, w4, b, g, th_adj);
    u_adj[0] += g[0], u_adj[1] += g[1];
    b[0] = h / 3 * a[0] + h * g[0], b[1] = h / 3 * a[1] + h * g[1];
    rhs_adjoint(th, w3, b, g, th_adj);
    u_adj[0] += g[0], u_adj[1] += g[1];
    b[0] = h / 3 * a[0] + 0.5 * h * g[0], b[1] = h / 3 * a[1] + 0.5 * h * g[1];
    rhs_adjoint(th, w2, b, g, th_adj);
    u_adj[0] += g[0], u_adj[1] += g[1];
    b[0] = h / 6 * a[0] + 0.5 * h * g[0], b[1] = h / 6 * a[1] + 0.5 * h * g[1];
    rhs_adjoint(th, u, b, g, th_adj);
    a[0] = u_adj[0] + g[0], a[1] = u_adj[1] + g[1];
}

double lotka_scalar_adjoint(int64_t T, const double *th, const double *u0, const double *data,
                            double h, int64_t steps, double *grad_th, double *grad_u0,
                            double *states) {
    double u[2] = {u0[0], u0[1]}, a[2] = {0, 0}, error = 0;
    for (int64_t t = 0; t < T; t++) {
        for (int64_t s = 0; s < steps; s++) {
            states[2 * (t * steps + s)] = u[0];
            states[2 * (t * steps + s) + 1] = u[1];
            rk4(th, u, h);
        }
        double x = u[0] - data[2 * t], y = u[1] - data[2 * t + 1];
        error += x * x + y * y;
    }
    for (int i = 0; i < 4; i++)
        grad_th[i] = 0;
    for (int64_t t = T; t-- > 0;) {
        a[0] += 2 * (u[0] - data[2 * t]);
        a[1] += 2 * (u[1] - data[2 * t + 1]);
        for (int64_t s = steps; s-- > 0;) {
            u[0] = states[2 * (t * steps + s)];
            u[1] = states[2 * (t * steps + s) + 1];
            rk4_adjoint(th, u, h, a, grad_th);
        }
    }
    grad_u0[0] = a[0], grad_u0[1] = a[1];
    return error;
}
