/* Bundle adjustment of examples/models/ba.bp, f64: Jacobian blocks, and the gradient against its
 * own primal. */
#include "ba.h"
#include "ba_hand.h"
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <stdlib.h>

typedef struct Case {
    int64_t nc, np, no;
    Cam cams, grad_cams;
    double *pts, *w, *z, *blocks, *grad_pts, *grad_w, value, *hand_work;
    int64_t *cam, *pt;
    void *work;
} Case;

static void run_blocks(void *user) {
    Case *c = user;
    measure_ok(jacobian_blocks(c->nc, c->np, c->no, &c->cams, c->pts, c->w, c->cam, c->pt, c->z,
                               c->blocks, c->work),
               ba_error);
}

static void run_primal(void *user) {
    Case *c = user;
    measure_ok(half_sse(c->nc, c->np, c->no, &c->cams, c->pts, c->w, c->cam, c->pt, c->z, &c->value,
                        c->work),
               ba_error);
}

static void run_grad(void *user) {
    Case *c = user;
    measure_ok(ba_grad(c->nc, c->np, c->no, &c->cams, c->pts, c->w, c->cam, c->pt, c->z, &c->value,
                       &c->grad_cams, c->grad_pts, c->grad_w, c->work),
               ba_error);
}

static Cameras cameras(Cam c) {
    return (Cameras){c.r, c.c, c.f, c.x0, c.k};
}

static void run_scalar(void *user) {
    Case *c = user;
    Cameras cams = cameras(c->cams);
    ba_scalar(c->no, &cams, c->pts, c->w, c->cam, c->pt, c->z, c->blocks);
}

static void run_hand(void *user) {
    Case *c = user;
    Cameras cams = cameras(c->cams);
    ba_hand(c->nc, c->no, &cams, c->pts, c->w, c->cam, c->pt, c->z, c->blocks, c->hand_work);
}

static double *numbers(int64_t n, double from, double to) {
    double *x = measure_memory(sizeof *x * (size_t)n);
    measure_fill(x, (size_t)n, from, to);
    return x;
}

static Cam new_cams(int64_t nc) {
    Cam c = {numbers(nc * 3, -0.3, 0.3), numbers(nc * 3, -0.5, 0.5), numbers(nc, 400, 600),
             numbers(nc * 2, -1, 1), numbers(nc * 2, -0.1, 0.1)};
    return c;
}

/* Observations are in the order of their points, as files of such problems have them. */
static Case new_case(int64_t nc, int64_t np, int64_t no) {
    Case c = {.nc = nc, .np = np, .no = no, .cams = new_cams(nc), .grad_cams = new_cams(nc)};
    c.pts = numbers(np * 3, -1, 1), c.grad_pts = numbers(np * 3, 0, 0);
    for (int64_t i = 0; i < np; i++)
        c.pts[3 * i + 2] += 5;
    c.w = numbers(no, 0.5, 1), c.grad_w = numbers(no, 0, 0);
    c.z = numbers(no * 2, -100, 100);
    c.blocks = numbers(no * 30, 0, 0);
    c.cam = measure_memory(sizeof(int64_t) * (size_t)no);
    c.pt = measure_memory(sizeof(int64_t) * (size_t)no);
    for (int64_t o = 0; o < no; o++) {
        c.cam[o] = rand() % nc;
        c.pt[o] = o * np / no;
    }
    size_t need[] = {jacobian_blocks_work(nc, np, no), half_sse_work(nc, np, no),
                     ba_grad_work(nc, np, no)};
    size_t most = need[0] > need[1] ? need[0] : need[1];
    c.work = measure_memory(most > need[2] ? most : need[2]);
    c.hand_work = measure_memory(ba_hand_work(nc));
    return c;
}

static void free_cams(Cam c) {
    free(c.r), free(c.c), free(c.f), free(c.x0), free(c.k);
}

static void free_case(Case *c) {
    free_cams(c->cams), free_cams(c->grad_cams);
    free(c->pts), free(c->grad_pts), free(c->w), free(c->grad_w), free(c->z), free(c->blocks);
    free(c->cam), free(c->pt), free(c->work), free(c->hand_work);
}

static void compare(Case *c, void (*run)(void *), const char *what) {
    double *ours = c->blocks, *theirs = numbers(c->no * 30, 0, 0);
    run_blocks(c);
    c->blocks = theirs;
    run(c);
    c->blocks = ours;
    measure_agree(what, ours, theirs, (size_t)(c->no * 30), 1e-9);
    free(theirs);
}

/* ---- what is only compared ---- */

static void compare_residuals(Case *c) {
    double *errors = numbers(c->no * 2, 0, 0), *weights = numbers(c->no, 0, 0);
    double *by_hand = numbers(c->no * 2, 0, 0), *weights_by_hand = numbers(c->no, 0, 0);
    void *work = measure_memory(residuals_work(c->nc, c->np, c->no));
    Cameras cams = cameras(c->cams);
    measure_ok(residuals(c->nc, c->np, c->no, &c->cams, c->pts, c->w, c->cam, c->pt, c->z, errors,
                         weights, work),
               ba_error);
    ba_scalar_residuals(c->no, &cams, c->pts, c->w, c->cam, c->pt, c->z, by_hand, weights_by_hand);
    measure_agree("ba, residuals", errors, by_hand, (size_t)(c->no * 2), 1e-9);
    measure_agree("ba, residuals of weights", weights, weights_by_hand, (size_t)c->no, 1e-9);
    free(errors), free(weights), free(by_hand), free(weights_by_hand), free(work);
}

/* All that is differentiated by; a direction, or a result. */
typedef struct Leaves {
    Cam cams;
    double *pts, *w;
} Leaves;

static Leaves new_leaves(const Case *c) {
    return (Leaves){new_cams(c->nc), numbers(c->np * 3, -1, 1), numbers(c->no, -1, 1)};
}

static void free_leaves(Leaves *l) {
    free_cams(l->cams), free(l->pts), free(l->w);
}

static CameraSums sums(Cam c) {
    return (CameraSums){c.r, c.c, c.f, c.x0, c.k};
}

static void agree(const char *what, const Case *c, const Leaves *a, const Leaves *b) {
    size_t nc = (size_t)c->nc;
    measure_agree(what, a->cams.r, b->cams.r, nc * 3, 1e-9);
    measure_agree(what, a->cams.c, b->cams.c, nc * 3, 1e-9);
    measure_agree(what, a->cams.f, b->cams.f, nc, 1e-9);
    measure_agree(what, a->cams.x0, b->cams.x0, nc * 2, 1e-9);
    measure_agree(what, a->cams.k, b->cams.k, nc * 2, 1e-9);
    measure_agree(what, a->pts, b->pts, (size_t)c->np * 3, 1e-9);
    measure_agree(what, a->w, b->w, (size_t)c->no, 1e-9);
}

static void compare_grad(Case *c) {
    Leaves by_hand = new_leaves(c), ours = {c->grad_cams, c->grad_pts, c->grad_w};
    Cameras cams = cameras(c->cams);
    CameraSums grad_cams = sums(by_hand.cams);
    run_grad(c);
    double value = ba_scalar_grad(c->nc, c->np, c->no, &cams, c->pts, c->w, c->cam, c->pt, c->z,
                                  &grad_cams, by_hand.pts, by_hand.w);
    measure_agree("ba, value", &c->value, &value, 1, 1e-9);
    agree("ba, gradient", c, &ours, &by_hand);
    free_leaves(&by_hand);
}

static void compare_hvp(Case *c) {
    Leaves along = new_leaves(c), ours = new_leaves(c), by_hand = new_leaves(c);
    Cameras cams = cameras(c->cams), d_cams = cameras(along.cams);
    CameraSums hv_cams = sums(by_hand.cams);
    void *work = measure_memory(ba_hvp_work(c->nc, c->np, c->no));
    measure_ok(ba_hvp(c->nc, c->np, c->no, &c->cams, c->pts, c->w, c->cam, c->pt, c->z, &along.cams,
                      along.pts, along.w, &ours.cams, ours.pts, ours.w, work),
               ba_error);
    ba_scalar_hvp(c->nc, c->np, c->no, &cams, c->pts, c->w, c->cam, c->pt, c->z, &d_cams, along.pts,
                  along.w, &hv_cams, by_hand.pts, by_hand.w);
    agree("ba, Hessian times vector", c, &ours, &by_hand);
    free_leaves(&along), free_leaves(&ours), free_leaves(&by_hand), free(work);
}

static void bench_size(int64_t nc, int64_t np, int64_t no) {
    Case c = new_case(nc, np, no);
    compare(&c, run_scalar, "ba, scalar");
    compare(&c, run_hand, "ba, vectors");
    compare_residuals(&c);
    compare_grad(&c);
    compare_hvp(&c);
    Candidate runs[] = {{.run = run_blocks, .user = &c},
                        {.run = run_scalar, .user = &c},
                        {.run = run_hand, .user = &c},
                        {.run = run_primal, .user = &c},
                        {.run = run_grad, .user = &c}};
    measure(runs, 5, 3);
    char name[64];
    snprintf(name, sizeof name, "%ld observations: Jacobian", (long)no);
    report(name, "scalar C by hand", runs[0].median, runs[1].median, FASTER, 4);
    report(name, "hand-fused C", runs[0].median, runs[2].median, FASTER, 0);
    snprintf(name, sizeof name, "%ld observations: gradient", (long)no);
    report(name, "its own primal", runs[4].median, runs[3].median, WITHIN, 2.5);
    free_case(&c);
}

int clock_ba(Timed *out) {
    Case *c = measure_memory(sizeof *c);
    *c = new_case(49, 7776, 30000);
    out[0] = (Timed){"BA gradient, 30k", run_grad, c, c->grad_w, (size_t)c->no, false};
    out[1] = (Timed){"BA Jacobian, 30k", run_blocks, c, c->blocks, (size_t)c->no * 30, false};
    return 2;
}

void row_ba(void) {
    report_model("Bundle adjustment, f64");
    bench_size(49, 7776, 30000);
    bench_size(871, 200000, 1000000);
}
