/* The LSTM of bench/lstm_elements.bp and its adjoint as an expert writes them, for up to 16
 * elements a layer: a layer is a few vectors, padded with zeros; states and gates are stored, so
 * the reverse sweep needs no transcendental but the outputs' shares, stored too. */
#include "lstm_elements_hand.h"
#include "vec.h"

#include <math.h>

enum { H = 16, NV = H / LANES64 };
enum { X, HID, C, F, I, O, G, TC, STORED };

typedef struct Wide {
    Vec64 v[NV];
} Wide; /* a layer's worth */

INLINE Wide load_wide(const double *p) {
    Wide w;
    memcpy(&w, p, sizeof w);
    return w;
}

INLINE void add_wide(double *p, int v, Vec64 x) {
    store64(p + v * LANES64, load64(p + v * LANES64) + x);
}

/* One vector of a cell; see lstm_elements_scalar.c for the formulas. */
INLINE Vec64 cell(int v, const double *w, const double *b, double *hid, double *c, Vec64 x,
                  double *s) {
    int at = v * LANES64;
    Vec64 hid0 = load64(hid + at), c0 = load64(c + at);
    Vec64 f = sigmoid_vec64(x * load64(w + at) + load64(b + at));
    Vec64 i = sigmoid_vec64(hid0 * load64(w + H + at) + load64(b + H + at));
    Vec64 o = sigmoid_vec64(x * load64(w + 2 * H + at) + load64(b + 2 * H + at));
    Vec64 g = tanh_vec64(hid0 * load64(w + 3 * H + at) + load64(b + 3 * H + at));
    Vec64 c1 = f * c0 + i * g, tc = tanh_vec64(c1), y = o * tc;
    store64(c + at, c1);
    store64(hid + at, y);
    const Vec64 kept[STORED] = {x, hid0, c0, f, i, o, g, tc};
    UNROLL for (int k = 0; k < STORED; k++) store64(s + k * H + at, kept[k]);
    return y;
}

INLINE Vec64 cell_adjoint(int v, const double *w, const double *s, double *w_adj, double *b_adj,
                          double *hid_adj, double *c_adj, Vec64 x_adj) {
    int at = v * LANES64;
    Vec64 k[STORED];
    UNROLL for (int i = 0; i < STORED; i++) k[i] = load64(s + i * H + at);
    Vec64 y_adj = load64(hid_adj + at) + x_adj;
    Vec64 c1_adj = load64(c_adj + at) + y_adj * k[O] * (1.0 - k[TC] * k[TC]);
    Vec64 zf = c1_adj * k[C] * k[F] * (1.0 - k[F]), zi = c1_adj * k[G] * k[I] * (1.0 - k[I]);
    Vec64 zo = y_adj * k[TC] * k[O] * (1.0 - k[O]), zg = c1_adj * k[I] * (1.0 - k[G] * k[G]);
    add_wide(w_adj, v, zf * k[X]), add_wide(b_adj, v, zf);
    add_wide(w_adj + H, v, zi * k[HID]), add_wide(b_adj + H, v, zi);
    add_wide(w_adj + 2 * H, v, zo * k[X]), add_wide(b_adj + 2 * H, v, zo);
    add_wide(w_adj + 3 * H, v, zg * k[HID]), add_wide(b_adj + 3 * H, v, zg);
    store64(c_adj + at, c1_adj * k[F]);
    store64(hid_adj + at, zi * load64(w + H + at) + zg * load64(w + 3 * H + at));
    return zf * load64(w + at) + zo * load64(w + 2 * H + at);
}

/* Padded copies of the leaves, and of their adjoints. */
typedef struct Padded {
    double *w, *b, *wx, *wy, *by, *end;
} Padded;

static Padded padded(double *p, int l) {
    double *wx = p + 8 * l * H;
    return (Padded){p, p + 4 * l * H, wx, wx + H, wx + 2 * H, wx + 3 * H};
}

static void copy_rows(int rows, int h, const double *from, int from_stride, double *to,
                      int to_stride) {
    for (int i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, sizeof(double) * (size_t)h);
}

static void each_leaf(int l, int h, const Elements *n, Padded p, int into) {
    double *leaves[] = {n->w, n->b, n->wx, n->wy, n->by}, *own[] = {p.w, p.b, p.wx, p.wy, p.by};
    for (int i = 0; i < 5; i++)
        if (into)
            copy_rows(i < 2 ? 4 * l : 1, h, leaves[i], h, own[i], H);
        else
            copy_rows(i < 2 ? 4 * l : 1, h, own[i], H, leaves[i], h);
}

/* A row of the input, padded. */
INLINE Wide input(const double *xs, int h) {
    double row[H] = {0};
    memcpy(row, xs, sizeof(double) * (size_t)h);
    return load_wide(row);
}

/* The share exp(y)/sum of each output. */
INLINE double output(int h, const Padded *p, const Wide *hid, const Wide *target, Wide *share) {
    Vec64 sum = splat64(0), pick = splat64(0), weight = splat64(0), valid[NV];
    UNROLL for (int v = 0; v < NV; v++) {
        Ints64 lane;
        UNROLL for (int i = 0; i < LANES64; i++) lane[i] = v * LANES64 + i < h ? -1 : 0;
        Vec64 y = hid->v[v] * load64(p->wy + v * LANES64) + load64(p->by + v * LANES64);
        valid[v] = choose64(lane, exp_vec64(y), splat64(0));
        sum += valid[v];
        pick += target->v[v] * y;
        weight += target->v[v];
    }
    double total = sum_vec64(sum) + 2, inverse = 1 / total;
    UNROLL for (int v = 0; v < NV; v++) share->v[v] = inverse * valid[v];
    return sum_vec64(pick) - sum_vec64(weight) * log(total);
}

static double forward(int T, int l, int h, Padded p, const double *xs, double *state,
                      double *stored, double *outputs) {
    double *hid = state, *c = state + l * H, total = 0;
    for (int t = 0; t < T - 1; t++) {
        Wide x = input(xs + t * h, h), target = input(xs + (t + 1) * h, h), share;
        UNROLL for (int v = 0; v < NV; v++) x.v[v] *= load64(p.wx + v * LANES64);
        for (int i = 0; i < l; i++)
            UNROLL for (int v = 0; v < NV; v++) x.v[v] =
                cell(v, p.w + 4 * i * H, p.b + 4 * i * H, hid + i * H, c + i * H, x.v[v],
                     stored + (size_t)(t * l + i) * STORED * H);
        total += output(h, &p, &x, &target, &share);
        memcpy(outputs + 2 * t * H, &x, sizeof x);
        memcpy(outputs + 2 * t * H + H, &share, sizeof share);
    }
    return -total / (h * (T - 1.0));
}

static void reverse(int T, int l, int h, Padded p, const double *xs, double *state,
                    const double *stored, const double *outputs, Padded g) {
    double *hid_adj = state, *c_adj = state + l * H, scale = -1 / (h * (T - 1.0));
    for (int t = T - 1; t-- > 0;) {
        Wide x = input(xs + t * h, h), target = input(xs + (t + 1) * h, h), x_adj;
        Wide hid = load_wide(outputs + 2 * t * H), share = load_wide(outputs + 2 * t * H + H);
        double weight = 0;
        UNROLL for (int v = 0; v < NV; v++) weight += sum_vec64(target.v[v]);
        UNROLL for (int v = 0; v < NV; v++) {
            Vec64 y_adj = scale * (target.v[v] - weight * share.v[v]);
            add_wide(g.wy, v, y_adj * hid.v[v]), add_wide(g.by, v, y_adj);
            x_adj.v[v] = y_adj * load64(p.wy + v * LANES64);
        }
        for (int i = l; i-- > 0;)
            UNROLL for (int v = 0; v < NV; v++) x_adj.v[v] = cell_adjoint(
                v, p.w + 4 * i * H, stored + (size_t)(t * l + i) * STORED * H, g.w + 4 * i * H,
                g.b + 4 * i * H, hid_adj + i * H, c_adj + i * H, x_adj.v[v]);
        UNROLL for (int v = 0; v < NV; v++) add_wide(g.wx, v, x_adj.v[v] * x.v[v]);
    }
}

double elements_hand(int T, int l, int h, const Elements *n, const double *xs, Elements *grad,
                     double *work) {
    Padded p = padded(work, l), g = padded(p.end, l);
    double *state = g.end, *outputs = state + 2 * l * H, *stored = outputs + 2 * T * H;
    memset(work, 0, (size_t)((char *)outputs - (char *)work));
    each_leaf(l, h, n, p, 1);
    double value = forward(T, l, h, p, xs, state, stored, outputs);
    memset(state, 0, sizeof(double) * 2 * (size_t)(l * H));
    reverse(T, l, h, p, xs, state, stored, outputs, g);
    each_leaf(l, h, grad, g, 0);
    return value;
}
