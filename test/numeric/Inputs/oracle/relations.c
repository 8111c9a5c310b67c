/* A function and its derivatives: what must hold between them. See oracle.h.
 *
 * One module holds some functions and every derivative operator of them; each is first held against
 * the interpreter in every configuration (family_call), then, with F the function, x a point, d a
 * direction, w a weight of F's results:
 *
 *   jvp   the derivative of F along d            by Richardson differences of F
 *   vjp   <w, J d> = <J' w, d>
 *   grad  = vjp with cotangent one, also as it comes from value_and_grad
 *   hvp   the derivative of grad along d         by Richardson differences of grad
 *   hess  times d = hvp; symmetric               jacobian times d = jvp, transposed times w = vjp;
 * jacfwd = jacrev batch row by row = F
 */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_SQUARE = 40, /* elements of the inputs up to which whole Jacobians are made */
    BATCH = 9,        /* in place of the order of a derivative */
    TOGETHER = 6      /* subjects in one module: what LLVM does for a module, small as it may be,
                         takes most of its time */
};
static const double EXACT = 1e-13, FIRST_ORDER = 1e-10, SECOND_ORDER = 1e-9, RESOLVED = 1e-7;
/* What the noise of a function can do to its differences: steps are at least some 1/ROUGH. */
static const double ROUGH = 100;

typedef struct Member {
    const char *name, *op;
    const char *word;    /* of `without` */
    bool scalar, vector; /* for functions with one float result; with others */
    int order;
    bool repeats; /* what others say as well: a swift run leaves most of these out */
} Member;
static const Member members[] = {
    {"o_f", NULL, "value", true, true, 0, false},
    {"o_vjp", "vjp", "vjp", true, true, 1, false},
    {"o_jvp", "jvp", "jvp", true, true, 1, false},
    {"o_grad", "grad", "grad", true, false, 1, false},
    {"o_both", "value_and_grad", "grad", true, false, 1, true},
    {"o_hvp", "hvp", "hvp", true, false, 2, false},
    {"o_hess", "hessian", "hessian", true, false, 2, true},
    {"o_jac", "jacobian", "jacobian", false, true, 1, true},
    {"o_fwd", "jacfwd", "jacobian", false, true, 1, true},
    {"o_rev", "jacrev", "jacobian", false, true, 1, true},
    {"o_batch", "batch", "batch", true, true, BATCH, false},
};
enum { N_MEMBERS = sizeof members / sizeof members[0] };

/* Float values one after another, with how far each is known. */
typedef struct Flat {
    int64_t n;
    double *at, *noise;
} Flat;

typedef struct Study {
    Report *report;
    const Subject *subject;
    Family *family;
    int number;  /* of the subject in the family, from 1 */
    Arena arena; /* of one point */
    bool has[N_MEMBERS];
    bool scalar;
    int wrt[MOST_LEAVES], n_wrt; /* chosen leaves of the function, in the order of the brackets */
    Sample f;
    Datum *d[MOST_LEAVES]; /* a direction: one a chosen leaf */
    Flat direction, tangent;
} Study;

/* ---- flat vectors ---- */

static Flat flat_new(Arena *arena, int64_t n) {
    return (Flat){n, ARENA_ARRAY(arena, n + 1, double), ARENA_ARRAY(arena, n + 1, double)};
}

static Flat flat_results(Arena *arena, const Sample *s, int from, int to) {
    int64_t n = 0;
    for (int i = from; i < to; i++)
        n += s->outcome.out[i]->f ? s->outcome.out[i]->count : 0;
    Flat v = flat_new(arena, n);
    n = 0;
    for (int i = from; i < to; i++) {
        const Datum *d = s->outcome.out[i];
        for (int64_t k = 0; d->f && k < d->count; k++, n++) {
            v.at[n] = d->f[k];
            v.noise[n] = s->noise[i] ? s->noise[i][k] : 0;
        }
    }
    return v;
}

static Flat flat_data(Arena *arena, Datum *const *data, int n_data) {
    int64_t n = 0;
    for (int i = 0; i < n_data; i++)
        n += data[i]->count;
    Flat v = flat_new(arena, n);
    n = 0;
    for (int i = 0; i < n_data; i++)
        for (int64_t k = 0; k < data[i]->count; k++)
            v.at[n++] = data[i]->f[k];
    return v;
}

static double largest(const Flat *v) {
    double most = 0;
    for (int64_t k = 0; k < v->n; k++)
        most = fmax(most, fabs(v->at[k]));
    return most;
}

/* ---- comparing ---- */

static void expect_near(Study *s, const char *what, double got, double want, double tolerance) {
    s->report->checks++;
    if (got == want || isnan(got + want) || fabs(got - want) <= tolerance)
        return; /* NaN: what is compared here is a sum over a point where the function is NaN;
                   family_call saw it */
    report_fail(s->report, what, &s->f.point, "%.17g and %.17g differ by %.2g, more than %.2g", got,
                want, fabs(got - want), tolerance);
}

static void expect_equal(Study *s, const char *what, const Flat *got, const Flat *want) {
    if (got->n != want->n) {
        report_fail(s->report, what, &s->f.point, "%lld and %lld elements", (long long)got->n,
                    (long long)want->n);
        return;
    }
    double most = largest(want);
    long before = s->report->failures;
    for (int64_t k = 0; k < got->n && s->report->failures == before; k++)
        expect_near(s, what, got->at[k], want->at[k],
                    EXACT * (fabs(want->at[k]) + most + s->report->spec->scale) +
                        2 * (got->noise[k] + want->noise[k]));
}

/* <a, b> = <c, d>, allowed to differ by what its terms and their noise explain. */
static void expect_dots(Study *s, const char *what, const Flat *a, const Flat *b, const Flat *c,
                        const Flat *d) {
    if (a->n != b->n || c->n != d->n) {
        report_fail(s->report, what, &s->f.point, "numbers of elements: %lld %lld, %lld %lld",
                    (long long)a->n, (long long)b->n, (long long)c->n, (long long)d->n);
        return;
    }
    const Flat *left[2] = {a, c}, *right[2] = {b, d};
    double dot[2] = {0, 0}, terms = 0, noise = 0;
    for (int side = 0; side < 2; side++)
        for (int64_t k = 0; k < left[side]->n; k++) {
            double x = left[side]->at[k], y = right[side]->at[k];
            dot[side] += x * y;
            terms += fabs(x * y);
            noise += fabs(x) * right[side]->noise[k] + fabs(y) * left[side]->noise[k];
        }
    expect_near(s, what, dot[0], dot[1], EXACT * (terms + s->report->spec->scale) + noise);
}

/* ---- differences ---- */

static void keep_better(Derivative *best, const Derivative *next) {
    for (int64_t k = 0; k < best->n; k++)
        if (!(best->error[k] <= next->error[k])) {
            best->error[k] = next->error[k];
            best->value[k] = next->value[k];
        }
}

static double scale_of(const Study *s, const Derivative *d, int64_t k) {
    return fabs(d->value[k]) + fabs(d->at[k]) + s->report->spec->scale;
}

static bool is_resolved(const Study *s, const Derivative *d) {
    for (int64_t k = 0; k < d->n; k++)
        if (!(d->error[k] <= 1e-12 * scale_of(s, d, k)))
            return false;
    return true;
}

/* What differences are taken of, and along what. */
typedef struct Line {
    const char *name;
    const Sample *base;
    Datum *const *d;
    Flat known; /* the function's values at the base */
} Line;

static bool differences(Study *s, const Line *line, double step, Derivative *out) {
    const Build *b = &s->family->builds[s->family->ok[LEVEL_0] ? LEVEL_0 : INTERPRETER];
    return derivative_along(b, build_find(b, line->name), &line->base->point, &line->base->outcome,
                            line->known.noise, s->n_wrt, s->wrt, line->d, step, &s->arena, out);
}

/* The best of several steps; without values where the function has none at any. */
static Derivative best_differences(Study *s, const Line *line) {
    static const double steps[] = {0.05, 0.4, 0.005, 0.0005};
    Derivative best = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        Derivative next;
        if (!differences(s, line, steps[i], &next))
            continue;
        if (!best.value)
            best = next;
        keep_better(&best, &next);
        if (is_resolved(s, &best))
            break;
    }
    return best;
}

/* Whether narrower steps say what is got, and contradict the wide ones: then nothing is known.
 * Across many stairs, as of ceil(561*x), the quotients by one step and by its half can be the very
 * same number, and so seem to be without error; so can those across a kink. What is wrong is not
 * excused by that: narrow steps do not come nearer to it than wide ones. */
static bool narrower_say(Study *s, const Line *line, const Derivative *wide, int64_t k, double got,
                         double tolerance) {
    static const double steps[] = {0.05, 0.005, 0.0005, 0.00005, 0.000005};
    const double NEARER = 8;
    double off = fabs(wide->value[k] - got);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        Derivative narrow;
        if (!differences(s, line, steps[i], &narrow))
            continue;
        double apart = fabs(narrow.value[k] - got);
        if (fabs(narrow.value[k] - wide->value[k]) > narrow.error[k] + wide->error[k] &&
            apart <= tolerance + 4 * narrow.error[k] && NEARER * apart <= off)
            return true;
    }
    return false;
}

/* `got`: what a derivative operator says of the derivative of `name` along d. */
static void expect_derivative(Study *s, const char *what, const char *name, const Sample *base,
                              Datum *const *d, const Flat *got, double relative) {
    Line line = {name, base, d, flat_results(&s->arena, base, 0, base->outcome.n)};
    Derivative best = best_differences(s, &line);
    if (!best.value || best.n != got->n) {
        report_fail(s->report, what, &base->point, "no differences, or not of %lld elements",
                    (long long)got->n);
        return;
    }
    long before = s->report->failures;
    for (int64_t k = 0; k < best.n && s->report->failures == before; k++) {
        double scale = scale_of(s, &best, k);
        double tolerance = relative * scale + 2 * got->noise[k] + ROUGH * line.known.noise[k];
        bool near = fabs(got->at[k] - best.value[k]) <= tolerance + 4 * best.error[k];
        if (!(best.error[k] <= RESOLVED * scale) ||
            (!near && narrower_say(s, &line, &best, k, got->at[k], tolerance)))
            s->report->unresolved++;
        else
            expect_near(s, what, got->at[k], best.value[k], tolerance + 4 * best.error[k]);
    }
}

/* ---- the members at a point ---- */

static int member(const char *name) {
    for (int i = 0; i < N_MEMBERS; i++)
        if (strcmp(members[i].name, name) == 0)
            return i;
    return -1;
}

static bool has(const Study *s, const char *name) {
    return s->has[member(name)];
}

/* A derivative at the study's point; the arguments beside the function's own are random, or
 * `extra`. */
static bool call_member(Study *s, const char *name, Datum *const *extra, Sample *out) {
    const Export *e = build_find(&s->family->builds[INTERPRETER], name);
    Point p;
    point_random(&p, &s->arena, s->report->spec, s->f.point.row, e, &s->report->rng, &s->f.point,
                 s->f.point.n_args);
    for (int i = s->f.point.n_args; extra && i < p.n_args; i++)
        p.args[i] = extra[i - s->f.point.n_args];
    if (!family_call(s->family, name, &p, &s->arena, out))
        return false;
    if (s->report->swift)
        family_safety(s->family, name, out); /* else of what the program exports */
    return true;
}

static Flat extra_args(Study *s, const Sample *m) {
    return flat_data(&s->arena, m->point.args + s->f.point.n_args,
                     m->point.n_args - s->f.point.n_args);
}

static void check_vjp(Study *s, const Flat *value) {
    Sample vjp;
    if (!has(s, "o_vjp") || !call_member(s, "o_vjp", NULL, &vjp))
        return;
    int n = s->f.outcome.n;
    Flat primal = flat_results(&s->arena, &vjp, 0, n),
         adjoint = flat_results(&s->arena, &vjp, n, vjp.outcome.n);
    Flat weight = extra_args(s, &vjp);
    expect_equal(s, "value beside vjp", &primal, value);
    if (s->tangent.at)
        expect_dots(s, "<w, J d> = <J' w, d>", &weight, &s->tangent, &adjoint, &s->direction);
}

/* The derivative along one coordinate, in the optimised build. */
static bool along_unit(Study *s, const char *name, Datum *const *unit, Flat *out) {
    const Build *b = &s->family->builds[s->family->ok[LEVEL_3] ? LEVEL_3 : INTERPRETER];
    const Build *reference = &s->family->builds[INTERPRETER];
    Sample m = {0}, shape = {0};
    point_random(&m.point, &s->arena, s->report->spec, s->f.point.row, build_find(reference, name),
                 &s->report->rng, &s->f.point, s->f.point.n_args);
    for (int i = s->f.point.n_args; i < m.point.n_args; i++)
        m.point.args[i] = unit[i - s->f.point.n_args];
    build_run(reference, build_find(reference, name), &m.point, NULL, &s->arena, &shape.outcome);
    build_run(b, build_find(b, name), &m.point, &shape.outcome, &s->arena, &m.outcome);
    int from = strcmp(name, "o_jvp") == 0 ? s->f.outcome.n : 0;
    *out = flat_results(&s->arena, &m, from, m.outcome.n);
    return shape.outcome.status == 0 && m.outcome.status == 0 && !m.outcome.misuse;
}

static void unit_direction(Study *s, int64_t at, Datum **unit) {
    for (int i = 0; i < s->n_wrt; i++) {
        unit[i] = datum_copy(&s->arena, s->d[i]);
        for (int64_t k = 0; k < unit[i]->count; k++)
            unit[i]->f[k] = at == k;
        at -= unit[i]->count;
    }
}

static void check_coordinates(Study *s, const char *what, const char *name, const char *of,
                              const Sample *base, double relative) {
    for (int i = 0; i < s->report->spec->coordinates && s->direction.n > 0; i++) {
        Datum *unit[MOST_LEAVES];
        Flat got;
        unit_direction(s, rng_below(&s->report->rng, s->direction.n), unit);
        if (along_unit(s, name, unit, &got))
            expect_derivative(s, what, of, base, unit, &got, relative);
    }
}

/* Fixes the study's direction and the tangent along it. */
static void check_jvp(Study *s, const Flat *value) {
    Sample jvp;
    s->tangent = (Flat){0};
    if (!has(s, "o_jvp") || !call_member(s, "o_jvp", s->d, &jvp))
        return;
    int n = s->f.outcome.n;
    Flat primal = flat_results(&s->arena, &jvp, 0, n);
    s->tangent = flat_results(&s->arena, &jvp, n, jvp.outcome.n);
    expect_equal(s, "value beside jvp", &primal, value);
    expect_derivative(s, "jvp", "o_f", &s->f, s->d, &s->tangent, FIRST_ORDER);
    check_coordinates(s, "jvp along a coordinate", "o_jvp", "o_f", &s->f, FIRST_ORDER);
}

static void check_grad(Study *s, Sample *grad, Flat *gradient) {
    Sample both;
    *gradient = (Flat){0};
    if (!has(s, "o_grad") || !call_member(s, "o_grad", NULL, grad))
        return;
    *gradient = flat_results(&s->arena, grad, 0, grad->outcome.n);
    Flat one = flat_new(&s->arena, 1);
    one.at[0] = 1;
    Flat value = flat_results(&s->arena, &s->f, 0, 1), change = flat_new(&s->arena, 1);
    for (int64_t k = 0; k < gradient->n && k < s->direction.n; k++)
        change.at[0] += gradient->at[k] * s->direction.at[k];
    if (s->tangent.at)
        expect_dots(s, "<grad, d> = jvp", gradient, &s->direction, &one, &s->tangent);
    else
        expect_derivative(s, "grad", "o_f", &s->f, s->d, &change, FIRST_ORDER);
    if (!has(s, "o_both") || !call_member(s, "o_both", NULL, &both))
        return;
    Flat first = flat_results(&s->arena, &both, 0, 1),
         rest = flat_results(&s->arena, &both, 1, both.outcome.n);
    expect_equal(s, "value beside the gradient", &first, &value);
    expect_equal(s, "gradient beside the value", &rest, gradient);
}

/* Rows of a matrix times x, or with `across`, its columns. */
static Flat product(Study *s, const Flat *matrix, int64_t m, int64_t n, const Flat *x,
                    bool across) {
    Flat y = flat_new(&s->arena, across ? n : m);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            y.at[across ? j : i] += matrix->at[i * n + j] * x->at[across ? i : j];
            y.noise[across ? j : i] += matrix->noise[i * n + j] * fabs(x->at[across ? i : j]) +
                                       1e-16 * fabs(matrix->at[i * n + j] * x->at[across ? i : j]);
        }
    return y;
}

static void check_hessian(Study *s, const Flat *hv) {
    Sample hess;
    int64_t n = s->direction.n;
    if (!has(s, "o_hess") || n > MOST_SQUARE || !call_member(s, "o_hess", NULL, &hess))
        return;
    Flat H = flat_results(&s->arena, &hess, 0, 1);
    if (H.n != n * n) {
        report_fail(s->report, "hessian", &s->f.point, "%lld elements", (long long)H.n);
        return;
    }
    Flat Hd = product(s, &H, n, n, &s->direction, false),
         dH = product(s, &H, n, n, &s->direction, true);
    expect_equal(s, "hessian, its rows and columns", &Hd, &dH);
    if (hv->at)
        expect_equal(s, "hessian times d = hvp", &Hd, hv);
}

static void check_second(Study *s) {
    Sample grad, hvp;
    Flat gradient, hv = {0};
    check_grad(s, &grad, &gradient);
    if (has(s, "o_hvp") && call_member(s, "o_hvp", s->d, &hvp)) {
        hv = flat_results(&s->arena, &hvp, 0, hvp.outcome.n);
        if (gradient.at) {
            expect_derivative(s, "hvp", "o_grad", &grad, s->d, &hv, SECOND_ORDER);
            check_coordinates(s, "hvp along a coordinate", "o_hvp", "o_grad", &grad, SECOND_ORDER);
        }
    }
    check_hessian(s, &hv);
}

static void check_jacobians(Study *s, int64_t m) {
    static const char *const names[] = {"o_jac", "o_fwd", "o_rev"};
    Flat first = {0};
    int64_t n = s->direction.n;
    for (int i = 0; i < 3 && n <= MOST_SQUARE && m <= MOST_SQUARE; i++) {
        Sample jac;
        if (!has(s, names[i]) || !call_member(s, names[i], NULL, &jac))
            continue;
        Flat J = flat_results(&s->arena, &jac, 0, 1);
        if (J.n != m * n) {
            report_fail(s->report, names[i], &s->f.point, "%lld elements", (long long)J.n);
            continue;
        }
        Flat Jd = product(s, &J, m, n, &s->direction, false);
        if (s->tangent.at)
            expect_equal(s, "jacobian times d = jvp", &Jd, &s->tangent);
        if (first.at)
            expect_equal(s, "jacobians of both modes", &J, &first);
        first = J;
    }
}

/* ---- batch ---- */

/* Row k along the first axis. */
static Datum *row_of(Arena *arena, const Datum *d, const Type *type, int64_t k) {
    Datum *row = ARENA_NEW(arena, Datum);
    int64_t count = d->dims[0] > 0 ? d->count / d->dims[0] : 0;
    *row = (Datum){.type = type,
                   .count = count,
                   .f = d->f ? d->f + k * count : NULL,
                   .i = d->i ? d->i + k * count : NULL};
    memmove(row->dims, d->dims + 1, (IR_MAX_RANK - 1) * sizeof *row->dims);
    return row;
}

static void check_rows(Study *s, const Export *f, const Sample *batch, int64_t rows) {
    for (int64_t k = 0; k < rows; k++) {
        Sample one = {.point = s->f.point}, part = {0};
        for (int i = 0; i < one.point.n_args; i++)
            one.point.args[i] =
                row_of(&s->arena, batch->point.args[i], f->func->body->params.data[i]->type, k);
        build_run(&s->family->builds[INTERPRETER], f, &one.point, NULL, &s->arena, &one.outcome);
        part.outcome.n = one.outcome.n;
        for (int i = 0; i < batch->outcome.n && one.outcome.status == 0; i++)
            part.outcome.out[i] =
                row_of(&s->arena, batch->outcome.out[i], batch->outcome.out[i]->type, k);
        if (one.outcome.status != 0)
            continue;
        Flat got = flat_results(&s->arena, &part, 0, part.outcome.n);
        Flat want = flat_results(&s->arena, &one, 0, one.outcome.n);
        expect_equal(s, "batch", &got, &want);
    }
}

static void check_batch(Study *s) {
    Sample batch;
    SizeRow row = *s->f.point.row;
    Point p;
    if (!has(s, "o_batch") || row.n == MOST_SIZES)
        return;
    const Build *b = &s->family->builds[INTERPRETER];
    SizeBinding *rows = &row.sizes[row.n++];
    rows->value = 1 + rng_below(&s->report->rng, 9);
    snprintf(rows->name, sizeof rows->name, "%s",
             build_find(b, "o_batch")->func->sizes.data[0]->name);
    point_random(&p, &s->arena, s->report->spec, &row, build_find(b, "o_batch"), &s->report->rng,
                 NULL, 0);
    if (family_call(s->family, "o_batch", &p, &s->arena, &batch))
        check_rows(s, build_find(b, "o_f"), &batch,
                   batch.outcome.n > 0 ? batch.outcome.out[0]->dims[0] : 0);
}

/* ---- a subject ---- */

static int active_leaves(const Param *p, int leaf, bool chosen, Study *s) {
    if (!p->is_record) {
        if (p->inactive)
            return leaf;
        if (chosen && type_is_float(p->type))
            s->wrt[s->n_wrt++] = leaf;
        return leaf + 1;
    }
    for (int i = 0; i < p->n_fields; i++)
        leaf = active_leaves(&p->fields[i], leaf, chosen, s);
    return leaf;
}

/* The leaves chosen by the brackets, in their order; or all float ones. */
static void choose_leaves(Study *s, const Export *f) {
    char names[256], *rest = names;
    snprintf(names, sizeof names, "%s", s->subject->wrt);
    s->n_wrt = 0;
    for (char *name = strtok_r(rest, "[], \n", &rest); name || !*s->subject->wrt;
         name = strtok_r(rest, "[], \n", &rest)) {
        int leaf = 0;
        for (int i = 0; i < f->n_params; i++)
            leaf = active_leaves(&f->params[i], leaf, !name || strcmp(f->params[i].name, name) == 0,
                                 s);
        if (!name)
            break;
    }
}

static void check_point(Study *s) {
    const Export *f = build_find(&s->family->builds[INTERPRETER], "o_f");
    if (!family_call(s->family, "o_f", &s->f.point, &s->arena, &s->f))
        return;
    Flat value = flat_results(&s->arena, &s->f, 0, s->f.outcome.n);
    choose_leaves(s, f);
    for (int i = 0; i < s->n_wrt; i++) {
        s->d[i] = datum_copy(&s->arena, s->f.point.args[s->wrt[i]]);
        for (int64_t k = 0; k < s->d[i]->count; k++)
            s->d[i]->f[k] = rng_uniform(&s->report->rng, -1, 1);
    }
    s->direction = flat_data(&s->arena, s->d, s->n_wrt);
    check_jvp(s, &value);
    check_vjp(s, &value);
    if (s->scalar)
        check_second(s);
    else
        check_jacobians(s, value.n);
    check_batch(s);
}

/* As after `export`; those of the second subject are called NAME_2, see build_find. */
static const char *export_text(const Study *s, const Member *m, Arena *arena) {
    const Subject *f = s->subject;
    const char *number = s->number > 1 ? arena_printf(arena, "_%d", s->number) : "";
    if (!m->op)
        return arena_printf(arena, "%s as %s%s", f->text, m->name, number);
    return arena_printf(arena, "%s%s(%s) as %s%s", m->op, m->order == BATCH ? "[nb_]" : f->wrt,
                        f->text, m->name, number);
}

static bool any_float(Value *const *values, int n) {
    for (int i = 0; i < n; i++)
        if (type_is_float(values[i]->type))
            return true;
    return false;
}

/* What the function is: with a single float result, with float parameters at all. */
static bool probe(Study *s, Arena *arena, bool *differentiable) {
    static const Config config = {.name = "interpreter", .level = -1};
    const char *text = export_text(s, &members[0], arena);
    char *messages = NULL;
    Build b;
    bool ok = build_open(&b, s->report->program, &config, &text, 1, &messages);
    if (ok) {
        b.subject = s->number;
        const Region *body = build_find(&b, "o_f")->func->body;
        s->scalar = body->yields.n == 1 && type_is_float(body->yields.data[0]->type) &&
                    body->yields.data[0]->type->rank == 0;
        *differentiable = any_float(body->params.data, body->params.n) &&
                          any_float(body->yields.data, body->yields.n);
    } else {
        report_fail(s->report, s->subject->text, NULL, "not compiled:\n%s", messages);
    }
    free(messages);
    build_close(&b);
    return ok;
}

static bool wanted(Study *s, const Member *m, bool differentiable) {
    const Spec *spec = s->report->spec;
    if (m->repeats && s->report->swift && !s->report->fault.names &&
        rng_below(&s->report->rng, 3) != 0)
        return false;
    if (m->order == BATCH)
        return s->subject->batched && !strstr(spec->without, m->word);
    return (s->scalar ? m->scalar : m->vector) && (m->order == 0 || differentiable) &&
           m->order <= spec->order && !strstr(spec->without, m->word);
}

/* The exports of one more subject; false: it does not compile, which is reported. */
static bool choose_members(Study *s, Arena *arena, const char **exports, int *n) {
    bool differentiable = false;
    s->report->subject = s->subject->text;
    bool ok = probe(s, arena, &differentiable);
    s->report->subject = NULL;
    for (int i = 0; i < N_MEMBERS && ok; i++)
        if ((s->has[i] = wanted(s, &members[i], differentiable)))
            exports[(*n)++] = export_text(s, &members[i], arena);
    return ok;
}

static void check_points(Study *s) {
    Report *r = s->report;
    r->subject = s->subject->text;
    family_select(s->family, s->number);
    for (int row = 0; row < r->spec->rows.n; row++)
        for (int t = 0; t < r->spec->trials; t++) {
            Alloc alloc;
            alloc_default(&alloc);
            arena_init(&s->arena, &alloc);
            point_random(&s->f.point, &s->arena, r->spec, &r->spec->rows.data[row],
                         build_find(&s->family->builds[INTERPRETER], "o_f"), &r->rng, NULL, 0);
            check_point(s);
            arena_free(&s->arena);
        }
    r->subject = NULL;
}

/* False: some configuration does not compile them together, and nothing was checked. Alone, that is
 * reported and the other configurations are checked. */
static bool check_together(Report *r, const Subject *subjects, int n, Arena *arena) {
    Study studies[TOGETHER];
    Family family;
    const char *exports[TOGETHER * N_MEMBERS];
    int chosen = 0, n_exports = 0;
    for (int i = 0; i < n; i++) {
        studies[chosen] =
            (Study){.report = r, .subject = &subjects[i], .family = &family, .number = chosen + 1};
        chosen += choose_members(&studies[chosen], arena, exports, &n_exports);
    }
    if (chosen == 0)
        return true;
    if (chosen == 1)
        r->subject = studies[0].subject->text;
    bool ok = family_open(&family, r, exports, n_exports, true, chosen > 1);
    r->subject = NULL;
    for (int i = 0; i < chosen && ok; i++)
        check_points(&studies[i]);
    family_close(&family);
    return ok || chosen == 1;
}

void check_subjects(Report *r, const Subject *subjects, int n) {
    Alloc alloc;
    Arena arena;
    alloc_default(&alloc);
    arena_init(&arena, &alloc);
    for (int from = 0; from < n; from += TOGETHER) {
        int count = n - from < TOGETHER ? n - from : TOGETHER;
        bool done = check_together(r, subjects + from, count, &arena);
        for (int i = from; i < from + count && !done; i++)
            check_together(r, subjects + i, 1, &arena);
    }
    arena_free(&arena);
}
