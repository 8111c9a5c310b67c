/* The LSTM of bench/lstm_elements.bp and its adjoint as a good engineer writes them: scalar C, the
 * gates of every step are stored. See bench/lstm_elements_hand.h. */
#include "lstm_elements_hand.h"

#include <math.h>
#include <string.h>

enum {
    X,
    HID,
    C,
    F,
    I,
    O,
    G,
    TC,
    STORED
}; /* what a cell leaves for its adjoint: inputs, gates, tanh(c) */

size_t elements_work(int T, int l, int h) {
    size_t padded = (size_t)(h + 15) / 8 * 8;
    return sizeof(double) * padded * ((size_t)T * (size_t)(STORED * l + 2) + 32 * (size_t)l + 16);
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* hid and c become the next; x becomes the input of the next layer. */
static void cell(int h, const double *w, const double *b, double *hid, double *c, double *x) {
    for (int j = 0; j < h; j++) {
        double f = sigmoid(x[j] * w[j] + b[j]), i = sigmoid(hid[j] * w[h + j] + b[h + j]);
        double o = sigmoid(x[j] * w[2 * h + j] + b[2 * h + j]),
               g = tanh(hid[j] * w[3 * h + j] + b[3 * h + j]);
        c[j] = f * c[j] + i * g;
        x[j] = hid[j] = o * tanh(c[j]);
    }
}

static double output(int h, const Elements *n, const double *hid, const double *target, double *y) {
    double sum = 2, total = 0;
    for (int j = 0; j < h; j++) {
        y[j] = hid[j] * n->wy[j] + n->by[j];
        sum += exp(y[j]);
    }
    double shift = log(sum);
    for (int j = 0; j < h; j++)
        total += target[j] * (y[j] - shift);
    return total;
}

double elements_scalar(int T, int l, int h, const Elements *n, const double *xs, double *work) {
    double *hid = work, *c = hid + l * h, *x = c + l * h, *y = x + h, total = 0;
    memset(work, 0, sizeof(double) * (size_t)(2 * l * h));
    for (int t = 0; t < T - 1; t++) {
        for (int j = 0; j < h; j++)
            x[j] = xs[t * h + j] * n->wx[j];
        for (int i = 0; i < l; i++)
            cell(h, n->w + 4 * i * h, n->b + 4 * i * h, hid + i * h, c + i * h, x);
        total += output(h, n, x, xs + (t + 1) * h, y);
    }
    return -total / (h * (T - 1.0));
}

/* ---- the adjoint ---- */

static void cell_stored(int h, const double *w, const double *b, double *hid, double *c, double *x,
                        double *s) {
    for (int j = 0; j < h; j++) {
        s[X * h + j] = x[j], s[HID * h + j] = hid[j], s[C * h + j] = c[j];
        double f = sigmoid(x[j] * w[j] + b[j]), i = sigmoid(hid[j] * w[h + j] + b[h + j]);
        double o = sigmoid(x[j] * w[2 * h + j] + b[2 * h + j]),
               g = tanh(hid[j] * w[3 * h + j] + b[3 * h + j]);
        c[j] = f * c[j] + i * g;
        double tc = tanh(c[j]);
        x[j] = hid[j] = o * tc;
        s[F * h + j] = f, s[I * h + j] = i, s[O * h + j] = o, s[G * h + j] = g, s[TC * h + j] = tc;
    }
}

/* hid_adj, c_adj: of the results, then of the states before; x_adj: of the input, comes with what
 * the layer above wants of the result. */
static void cell_adjoint(int h, const double *w, const double *s, double *w_adj, double *b_adj,
                         double *hid_adj, double *c_adj, double *x_adj) {
    for (int j = 0; j < h; j++) {
        double f = s[F * h + j], i = s[I * h + j], o = s[O * h + j], g = s[G * h + j],
               tc = s[TC * h + j];
        double y_adj = hid_adj[j] + x_adj[j], c1_adj = c_adj[j] + y_adj * o * (1 - tc * tc);
        double zf = c1_adj * s[C * h + j] * f * (1 - f), zi = c1_adj * g * i * (1 - i);
        double zo = y_adj * tc * o * (1 - o), zg = c1_adj * i * (1 - g * g);
        w_adj[j] += zf * s[X * h + j], b_adj[j] += zf;
        w_adj[h + j] += zi * s[HID * h + j], b_adj[h + j] += zi;
        w_adj[2 * h + j] += zo * s[X * h + j], b_adj[2 * h + j] += zo;
        w_adj[3 * h + j] += zg * s[HID * h + j], b_adj[3 * h + j] += zg;
        c_adj[j] = c1_adj * f;
        x_adj[j] = zf * w[j] + zo * w[2 * h + j];
        hid_adj[j] = zi * w[h + j] + zg * w[3 * h + j];
    }
}

/* x_adj: of the last layer's result */
static void output_adjoint(int h, const Elements *n, const double *hid, const double *target,
                           double scale, Elements *grad, double *x_adj) {
    double sum = 2, weight = 0;
    for (int j = 0; j < h; j++) {
        x_adj[j] = exp(hid[j] * n->wy[j] + n->by[j]);
        sum += x_adj[j];
        weight += target[j];
    }
    for (int j = 0; j < h; j++) {
        double y_adj = scale * (target[j] - weight * x_adj[j] / sum);
        grad->wy[j] += y_adj * hid[j];
        grad->by[j] += y_adj;
        x_adj[j] = y_adj * n->wy[j];
    }
}

static double forward(int T, int l, int h, const Elements *n, const double *xs, double *state,
                      double *stored, double *outputs) {
    double *hid = state, *c = hid + l * h, *x = c + l * h, *y = x + h, total = 0;
    memset(state, 0, sizeof(double) * (size_t)(2 * l * h));
    for (int t = 0; t < T - 1; t++) {
        for (int j = 0; j < h; j++)
            x[j] = xs[t * h + j] * n->wx[j];
        for (int i = 0; i < l; i++)
            cell_stored(h, n->w + 4 * i * h, n->b + 4 * i * h, hid + i * h, c + i * h, x,
                        stored + (size_t)(t * l + i) * STORED * h);
        memcpy(outputs + t * h, x, sizeof(double) * (size_t)h);
        total += output(h, n, x, xs + (t + 1) * h, y);
    }
    return -total / (h * (T - 1.0));
}

double elements_scalar_adjoint(int T, int l, int h, const Elements *n, const double *xs,
                               Elements *grad, double *work) {
    double *state = work, *outputs = state + 2 * (l + 1) * h, *stored = outputs + T * h;
    double value = forward(T, l, h, n, xs, state, stored, outputs), scale = -1 / (h * (T - 1.0));
    double *hid_adj = state, *c_adj = hid_adj + l * h, *x_adj = c_adj + l * h;
    size_t row = sizeof(double) * (size_t)h;
    memset(state, 0, 2 * (size_t)l * row);
    memset(grad->w, 0, 4 * (size_t)l * row), memset(grad->b, 0, 4 * (size_t)l * row);
    memset(grad->wx, 0, row), memset(grad->wy, 0, row), memset(grad->by, 0, row);
    for (int t = T - 1; t-- > 0;) {
        output_adjoint(h, n, outputs + t * h, xs + (t + 1) * h, scale, grad, x_adj);
        for (int i = l; i-- > 0;)
            cell_adjoint(h, n->w + 4 * i * h, stored + (size_t)(t * l + i) * STORED * h,
                         grad->w + 4 * i * h, grad->b + 4 * i * h, hid_adj + i * h, c_adj + i * h,
                         x_adj);
        for (int j = 0; j < h; j++)
            grad->wx[j] += x_adj[j] * xs[t * h + j];
    }
    return value;
}
