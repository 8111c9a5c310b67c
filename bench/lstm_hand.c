/* One LSTM sequence and its gradient as an expert writes them, for REAL float or double.
 *
 * Only the products with the carried state are done step by step, as vector times matrix, for which
 * Wh is transposed once; the input's and the output's products, and all gradients of weights, are
 * products over all steps at once. Gates are stored, so the reverse sweep needs no transcendental.
 *
 * The loss alone and the gradient with checkpoints do all products step by step, in memory that
 * does not depend on the number of steps.
 */
#include "lstm_hand.h"
#include "vec.h"

typedef REAL V __attribute__((vector_size(VEC_BYTES)));
enum { L = VEC_BYTES / sizeof(REAL) };

INLINE V get(const REAL *p) {
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void put(REAL *p, V v) {
    memcpy(p, &v, sizeof v);
}

#define SIGMOID(x) _Generic((x), Vec: sigmoid_vec, Vec64: sigmoid_vec64)(x)
#define TANH(x) _Generic((x), Vec: tanh_vec, Vec64: tanh_vec64)(x)

/* ---- products ---- */

/* out[n] += a[k] B[k, n]; B streams through once, eight rows side by side. */
static void vector_times(int K, int N, const REAL *a, const REAL *B, REAL *out) {
    enum { WAYS = 8 };
    for (int k = 0; k < K; k += WAYS)
        _Pragma("clang loop unroll_count(2)") for (int j = 0; j < N; j += L) {
            V even = get(out + j), odd = {0};
            UNROLL for (int w = 0; w < WAYS; w += 2) {
                even += a[k + w] * get(B + (size_t)(k + w) * N + j);
                odd += a[k + w + 1] * get(B + (size_t)(k + w + 1) * N + j);
            }
            put(out + j, even + odd);
        }
}

/* ROWS rows of C += A B, two vectors wide; A's element (m, k) is at A + m*row + k*step. */
#define TILE_ROWS(ROWS)                                                                            \
    for (; i + (ROWS) <= M; i += (ROWS))                                                           \
        for (int j = 0; j < N; j += 2 * L) {                                                       \
            V acc[ROWS][2];                                                                        \
            UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int c = 0; c < 2; c++) acc[r][c] = \
                get(C + (size_t)(i + r) * N + j + c * L);                                          \
            _Pragma("clang loop unroll(disable)") for (int k = 0; k < K; k++) {                    \
                V b0 = get(B + (size_t)k * N + j), b1 = get(B + (size_t)k * N + j + L);            \
                UNROLL for (int r = 0; r < (ROWS); r++) {                                          \
                    REAL a = A[(size_t)(i + r) * row + (size_t)k * step];                          \
                    acc[r][0] += a * b0;                                                           \
                    acc[r][1] += a * b1;                                                           \
                }                                                                                  \
            }                                                                                      \
            UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int c = 0; c < 2; c++)             \
                put(C + (size_t)(i + r) * N + j + c * L, acc[r][c]);                               \
        }

static void product(int M, int N, int K, const REAL *A, size_t row, size_t step, const REAL *B,
                    REAL *C) {
    int i = 0;
#ifdef __AVX512F__
    TILE_ROWS(12)
#endif
    TILE_ROWS(6)
    TILE_ROWS(1)
}

/* to [cols, rows]; in squares that stay in the nearest cache */
static void turn(int rows, int cols, const REAL *from, REAL *to) {
    enum { SIDE = 32 };
    for (int i = 0; i < rows; i += SIDE)
        for (int j = 0; j < cols; j += SIDE)
            for (int r = i; r < i + SIDE; r++)
                for (int c = j; c < j + SIDE; c++)
                    to[(size_t)c * rows + r] = from[(size_t)r * cols + c];
}

/* ---- the cell ---- */

typedef struct Work {
    REAL *turned, *gates, *c, *tc, *hid, *error,
        *hid_adj; /* a row a step; c and hid begin with the zeros */
} Work;

size_t lstm_hand_work(int T, int d, int h) {
    size_t steps = (size_t)T, turned = 4 * (size_t)h * (size_t)(h > d ? h : d);
    return sizeof(REAL) * (turned + steps * (size_t)(4 * h + 4 * h + d) + 8 * (size_t)h);
}

static Work layout(int T, int d, int h, REAL *p) {
    size_t steps = (size_t)T;
    Work w = {.turned = p};
    w.gates = w.turned + 4 * (size_t)h * (size_t)(h > d ? h : d);
    w.c = w.gates + steps * 4 * (size_t)h;
    w.tc = w.c + (steps + 1) * (size_t)h;
    w.hid = w.tc + steps * (size_t)h;
    w.hid_adj = w.hid + (steps + 1) * (size_t)h;
    w.error = w.hid_adj + (steps + 1) * (size_t)h;
    return w;
}

static void cell(int h, REAL *z, const REAL *c, REAL *c1, REAL *tc, REAL *hid) {
    for (int i = 0; i < h; i += L) {
        V f = SIGMOID(get(z + i)), in = SIGMOID(get(z + h + i)), g = TANH(get(z + 2 * h + i));
        V o = SIGMOID(get(z + 3 * h + i)), next = f * get(c + i) + in * g, t = TANH(next);
        put(z + i, f), put(z + h + i, in), put(z + 2 * h + i, g), put(z + 3 * h + i, o);
        put(c1 + i, next), put(tc + i, t), put(hid + i, o * t);
    }
}

/* The gates become the adjoints of what went into them; c_adj goes from the state after to the
 * state before. */
static void cell_adjoint(int h, REAL *z, const REAL *c, const REAL *tc, const REAL *hid_adj,
                         REAL *c_adj) {
    for (int i = 0; i < h; i += L) {
        V f = get(z + i), in = get(z + h + i), g = get(z + 2 * h + i), o = get(z + 3 * h + i);
        V t = get(tc + i), y_adj = get(hid_adj + i),
          next_adj = get(c_adj + i) + y_adj * o * (1 - t * t);
        put(z + i, next_adj * get(c + i) * f * (1 - f));
        put(z + h + i, next_adj * g * in * (1 - in));
        put(z + 2 * h + i, next_adj * in * (1 - g * g));
        put(z + 3 * h + i, y_adj * t * o * (1 - o));
        put(c_adj + i, next_adj * f);
    }
}

static REAL forward(int steps, int d, int h, const HandCell *p, const REAL *xs, Work w) {
    size_t row = (size_t)h;
    for (int t = 0; t < steps; t++)
        memcpy(w.gates + (size_t)t * 4 * row, p->b, 4 * row * sizeof(REAL));
    turn(4 * h, d, p->Wx, w.turned);
    product(steps, 4 * h, d, xs, (size_t)d, 1, w.turned, w.gates);
    turn(4 * h, h, p->Wh, w.turned);
    memset(w.c, 0, row * sizeof(REAL)), memset(w.hid, 0, row * sizeof(REAL));
    for (size_t t = 0; t < (size_t)steps; t++) {
        REAL *z = w.gates + t * 4 * row;
        vector_times(h, 4 * h, w.hid + t * row, w.turned, z);
        cell(h, z, w.c + t * row, w.c + (t + 1) * row, w.tc + t * row, w.hid + (t + 1) * row);
    }
    turn(d, h, p->Wo, w.turned);
    for (int i = 0; i < steps * d; i++)
        w.error[i] = -xs[d + i];
    product(steps, d, h, w.hid + row, row, 1, w.turned, w.error);
    REAL total = 0;
    V sum = {0};
    for (int i = 0; i < steps * d; i += L) {
        V e = get(w.error + i);
        sum += e * e;
        put(w.error + i, e * (2 / (REAL)steps));
    }
    UNROLL for (int l = 0; l < (int)L; l++) total += sum[l];
    return total / (REAL)steps;
}

static void reverse(int steps, int d, int h, const HandCell *p, Work w) {
    size_t row = (size_t)h;
    REAL *c_adj = w.hid_adj + (size_t)steps * row;
    memset(w.hid_adj, 0, ((size_t)steps + 1) * row * sizeof(REAL));
    product(steps, h, d, w.error, (size_t)d, 1, p->Wo, w.hid_adj);
    for (size_t t = (size_t)steps; t-- > 0;) {
        REAL *z = w.gates + t * 4 * row;
        cell_adjoint(h, z, w.c + t * row, w.tc + t * row, w.hid_adj + t * row, c_adj);
        if (t > 0)
            vector_times(4 * h, h, z, p->Wh, w.hid_adj + (t - 1) * row);
    }
}

static void clear(int d, int h, HandCell *grad) {
    size_t row = (size_t)h, gates = 4 * row;
    memset(grad->Wx, 0, gates * (size_t)d * sizeof(REAL));
    memset(grad->Wh, 0, gates * row * sizeof(REAL));
    memset(grad->Wo, 0, row * (size_t)d * sizeof(REAL));
    memset(grad->b, 0, gates * sizeof(REAL));
}

REAL lstm_hand(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad, void *work) {
    Work w = layout(T, d, h, work);
    int steps = T - 1;
    size_t row = (size_t)h, gates = 4 * row;
    REAL value = forward(steps, d, h, p, xs, w);
    reverse(steps, d, h, p, w);
    clear(d, h, grad);
    product(4 * h, d, steps, w.gates, 1, gates, xs, grad->Wx);
    product(4 * h, h, steps, w.gates, 1, gates, w.hid, grad->Wh);
    product(d, h, steps, w.error, 1, (size_t)d, w.hid + row, grad->Wo);
    for (size_t t = 0; t < (size_t)steps; t++)
        for (size_t i = 0; i < gates; i++)
            grad->b[i] += w.gates[t * gates + i];
    return value;
}

/* ---- step by step ---- */

enum { STATES = 16 }; /* stored by the gradient with checkpoints */

/* Weights transposed for vector_times; a step's gates, tanh of its c, and error; adjoints of the
 * state after it. A state is c and hid, one after the other. */
typedef struct Steps {
    int d, h;
    const HandCell *p;
    const REAL *xs;
    REAL *Wx, *Wh, *Wo, *gates, *tc, *error, *c_adj, *hid_adj, *state;
} Steps;

size_t lstm_hand_steps_work(int d, int h) {
    size_t D = (size_t)d, H = (size_t)h;
    return sizeof(REAL) * (4 * H * (D + H) + D * H + 7 * H + D + (STATES + 2) * 2 * H);
}

static Steps prepare(int d, int h, const HandCell *p, const REAL *xs, REAL *work) {
    size_t D = (size_t)d, H = (size_t)h;
    Steps w = {.d = d, .h = h, .p = p, .xs = xs, .Wx = work};
    w.Wh = w.Wx + 4 * H * D;
    w.Wo = w.Wh + 4 * H * H;
    w.gates = w.Wo + D * H;
    w.tc = w.gates + 4 * H;
    w.error = w.tc + H;
    w.c_adj = w.error + D;
    w.hid_adj = w.c_adj + H;
    w.state = w.hid_adj + H;
    turn(4 * h, d, p->Wx, w.Wx);
    turn(4 * h, h, p->Wh, w.Wh);
    turn(d, h, p->Wo, w.Wo);
    memset(w.state, 0, 2 * H * sizeof(REAL));
    return w;
}

/* `to` may be `from`. */
static void step(const Steps *w, int t, const REAL *from, REAL *to) {
    memcpy(w->gates, w->p->b, 4 * (size_t)w->h * sizeof(REAL));
    vector_times(w->d, 4 * w->h, w->xs + (size_t)t * w->d, w->Wx, w->gates);
    vector_times(w->h, 4 * w->h, from + w->h, w->Wh, w->gates);
    cell(w->h, w->gates, from, to, w->tc, to + w->h);
}

/* The square of the error after step t. */
static REAL step_error(const Steps *w, int t, const REAL *hid) {
    REAL total = 0;
    for (int i = 0; i < w->d; i++)
        w->error[i] = -w->xs[(size_t)(t + 1) * w->d + i];
    vector_times(w->h, w->d, hid, w->Wo, w->error);
    for (int i = 0; i < w->d; i++)
        total += w->error[i] * w->error[i];
    return total;
}

REAL lstm_hand_loss(int T, int d, int h, const HandCell *p, const REAL *xs, void *work) {
    Steps w = prepare(d, h, p, xs, work);
    REAL total = 0;
    for (int t = 0; t < T - 1; t++) {
        step(&w, t, w.state, w.state);
        total += step_error(&w, t, w.state + h);
    }
    return total / (REAL)(T - 1);
}

/* Runs step t from the state before it; its share goes into grad, the adjoints go from the state
 * after it to the state before it. Returns the square of its error. */
static REAL reverse_step(const Steps *w, int t, const REAL *from, REAL weight, HandCell *grad) {
    int d = w->d, h = w->h;
    REAL *after = w->state + (STATES + 1) * 2 * (size_t)h;
    step(w, t, from, after);
    REAL square = step_error(w, t, after + h);
    for (int i = 0; i < d; i++)
        w->error[i] *= 2 * weight;
    vector_times(d, h, w->error, w->p->Wo, w->hid_adj);
    cell_adjoint(h, w->gates, from, w->tc, w->hid_adj, w->c_adj);
    memset(w->hid_adj, 0, (size_t)h * sizeof(REAL));
    vector_times(4 * h, h, w->gates, w->p->Wh, w->hid_adj);
    product(4 * h, d, 1, w->gates, 1, 0, w->xs + (size_t)t * d, grad->Wx);
    product(4 * h, h, 1, w->gates, 1, 0, from + h, grad->Wh);
    product(d, h, 1, w->error, 1, 0, after + h, grad->Wo);
    for (int i = 0; i < 4 * h; i++)
        grad->b[i] += w->gates[i];
    return square;
}

/* How many steps can be reversed with `states` of them stored and none run more than `runs` times
 * before that: binomial (Griewank and Walther 2000). */
static int64_t reach(int states, int runs) {
    int64_t n = 1;
    for (int i = 1; i <= runs; i++)
        n = n * (states + i) / i;
    return n;
}

/* Where in n steps to store the next state, so that the fewest are run. */
static int split(int n, int states) {
    int runs = 1;
    while (reach(states, runs) < n)
        runs++;
    int64_t most = reach(states, runs - 1), rest = reach(states - 1, runs - 1);
    return (int)(n - rest < most ? n - rest : most);
}

/* Reverses n steps from step t on. The state before them is one of the `states` that may be stored;
 * the others are put after it. */
static REAL reverse_steps(const Steps *w, int t, int n, int states, REAL *state, REAL weight,
                          HandCell *grad) {
    REAL total = 0, *next = state + 2 * w->h;
    while (n > 1) {
        int ahead = split(n, states);
        step(w, t, state, next);
        for (int i = 1; i < ahead; i++)
            step(w, t + i, next, next);
        total += reverse_steps(w, t + ahead, n - ahead, states - 1, next, weight, grad);
        n = ahead;
    }
    return total + reverse_step(w, t, state, weight, grad);
}

REAL lstm_hand_checkpointed(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad,
                            void *work) {
    Steps w = prepare(d, h, p, xs, work);
    REAL weight = 1 / (REAL)(T - 1);
    clear(d, h, grad);
    memset(w.c_adj, 0, 2 * (size_t)h * sizeof(REAL));
    return weight * reverse_steps(&w, 0, T - 1, STATES, w.state, weight, grad);
}
