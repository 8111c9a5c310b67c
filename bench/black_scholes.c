/* Value and four Greeks of examples/models/black_scholes.bp, f64: a book of a million options, and
 * one alone. */
#include "black_scholes.h"
#include "black_scholes_hand.h"
#include "measure.h"
#include "peers.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>

enum { N = 1000000, RESULTS = 5, SINGLE = 1000 };

typedef struct Case {
    double *in[5], *out[RESULTS], *by_hand[RESULTS], one[RESULTS];
    void *work;
} Case;

static void run_book(void *user) {
    Case *c = user;
    double **in = c->in, **o = c->out;
    measure_ok(
        book_greeks(N, in[0], in[1], in[2], in[3], in[4], o[0], o[1], o[2], o[3], o[4], c->work),
        black_scholes_error);
}

static Book book(Case *c) {
    double **in = c->in, **o = c->by_hand;
    return (Book){in[0], in[1], in[2], in[3], in[4], o[0], o[1], o[2], o[3], o[4]};
}

static void run_scalar(void *user) {
    Book b = book(user);
    book_scalar(N, &b);
}

static void run_hand(void *user) {
    Book b = book(user);
    book_hand(N, &b);
}

static void run_one(void *user) {
    Case *c = user;
    double **in = c->in, *o = c->one;
    measure_ok(
        greeks(*in[0], *in[1], *in[2], *in[3], *in[4], o, o + 1, o + 2, o + 3, o + 4, c->work),
        black_scholes_error);
}

static void run_one_scalar(void *user) {
    Case *c = user;
    double **in = c->in, *o = c->one;
    greeks_scalar(*in[0], *in[1], *in[2], *in[3], *in[4], o, o + 1, o + 2, o + 3, o + 4);
}

static void compare(Case *c, void (*run)(void *), const char *what) {
    run_book(c);
    run(c);
    for (int i = 0; i < RESULTS; i++)
        measure_agree(what, c->out[i], c->by_hand[i], N, 1e-9);
    run_one(c);
    for (int i = 0; i < RESULTS; i++)
        measure_agree("black_scholes, one option", c->one + i, c->by_hand[i], 1, 1e-9);
}

/* The price, and each element of the Hessian, of the first options one by one. */
static void compare_single(Case *c) {
    static double ours[5][SINGLE], by_hand[5][SINGLE];
    for (int i = 0; i < SINGLE; i++) {
        double S = c->in[0][i], K = c->in[1][i], r = c->in[2][i], sig = c->in[3][i],
               T = c->in[4][i];
        double hess[4], hess_by_hand[4];
        measure_ok(price(S, K, r, sig, T, &ours[4][i], c->work), black_scholes_error);
        measure_ok(second_greeks(S, K, r, sig, T, hess, c->work), black_scholes_error);
        by_hand[4][i] = price_scalar(S, K, r, sig, T);
        second_greeks_scalar(S, K, r, sig, T, hess_by_hand);
        for (int k = 0; k < 4; k++)
            ours[k][i] = hess[k], by_hand[k][i] = hess_by_hand[k];
    }
    for (int k = 0; k < 4; k++)
        measure_agree("black_scholes, second derivatives", ours[k], by_hand[k], SINGLE, 1e-9);
    measure_agree("black_scholes, price", ours[4], by_hand[4], SINGLE, 1e-9);
}

static void new_case(Case *c) {
    static const double from[] = {80, 80, 0.01, 0.1, 0.2}, to[] = {120, 120, 0.05, 0.5, 2};
    for (int i = 0; i < 5; i++) {
        c->in[i] = measure_memory(N * sizeof(double));
        c->out[i] = measure_memory(N * sizeof(double));
        c->by_hand[i] = measure_memory(N * sizeof(double));
        measure_fill(c->in[i], N, from[i], to[i]);
    }
    size_t need[] = {book_greeks_work(N), greeks_work(), price_work(), second_greeks_work()},
           most = 0;
    for (int i = 0; i < 4; i++)
        most = need[i] > most ? need[i] : most;
    c->work = measure_memory(most);
}

void row_black_scholes(void) {
    Case c;
    new_case(&c);
    compare(&c, run_scalar, "black_scholes, scalar");
    compare(&c, run_hand, "black_scholes, vectors");
    compare_single(&c);
    Candidate runs[4] = {{.run = run_book, .user = &c},
                         {.run = run_scalar, .user = &c},
                         {.run = run_hand, .user = &c}};
    bool jax = peers_candidate("jax black_scholes 1000000", &runs[3]);
    measure(runs, jax ? 4 : 3, 4);
    report_model("Black-Scholes, f64: value and four Greeks");
    report("book of 1M", "scalar C by hand", runs[0].median, runs[1].median, FASTER, 5);
    report("book of 1M", "hand-fused C", runs[0].median, runs[2].median, FASTER, 0);
    if (jax)
        report("book of 1M", "jax", runs[0].median, runs[3].median, FASTER, 0);
    Candidate one[] = {{.run = run_one, .user = &c}, {.run = run_one_scalar, .user = &c}};
    measure(one, 2, 1);
    report("one option", "scalar C by hand", one[0].median, one[1].median, WITHIN, 1.25);
    for (int i = 0; i < 5; i++)
        free(c.in[i]), free(c.out[i]), free(c.by_hand[i]);
    free(c.work);
}
