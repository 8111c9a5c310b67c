/* A module built by every configuration, and the comparison of what they compute. See oracle.h. */
#include "oracle.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Config configs[CONFIGS] = {
    {.name = "interpreter", .level = -1, .swift = true},
    {.name = "-O0", .level = 0, .swift = true},
    {.name = "-O3", .level = 3, .swift = true},
    {.name = "-O1, in pieces", .level = 1, .piece = 3},
    {.name = "-mcpu=haswell", .level = 3, .cpu = "haswell"},
    {.name = "-mcpu=x86-64", .level = 3, .cpu = "x86-64", .foreign = true},
    {.name = "--emit=bp again", .level = 1, .reprint = true},
    {.name = "--emit=c, gcc", .level = 0, .cc = "gcc -O0"},
    {.name = "--emit=c, clang", .level = 3, .cc = "clang-19 -O1", .foreign = true},
    {.name = "--sanitize=nan", .level = 2, .watched = true},
    {.name = "--threads=3", .level = 3, .threads = 3},
    {.name = "--size", .level = 3, .sized = true},
    {.name = "f32", .level = 3, .narrow = true},
    {.name = "interpreter in f32", .level = -1, .narrow = true},
};

/* Relative to the value and the largest beside it, besides what conditioning excuses. */
static const double RELATIVE = 2e-13, RELATIVE_SINGLE = 1e-5;
/* And to the largest float of the whole call, for what cancels inside. */
static const double FLOOR = 1e-13, FLOOR_SINGLE = 1e-6;
/* What rounding excuses in single precision ends at these, besides the noise of inputs, unless the
 * interpreter in single precision is off by as much: what cancels wholly leaves rounding alone. */
static const double MOST_RELATIVE_SINGLE = 1e-4, MOST_FLOOR_SINGLE = 1e-6;
/* Inputs are shaken by some ulps, more than sums absorb, to measure conditioning; so much times
 * what that moves is allowed beside. */
static const double SHAKE = 0x1p-46, SHAKE_SINGLE = 0x1p-20, EXCUSE = 4;
/* As noise, of what moves where every operation rounds up, or down: that is what the order of
 * additions can change. */
static const double ROUNDED = 0.5, SINGLE_ROUNDING = 0x1p29; /* of double ones */

/* ---- building ---- */

enum { TURNS = 4 };

bool family_open(Family *f, Report *r, const char *const *exports, int n, bool single, bool all) {
    int built = 0;
    const char *wanted = getenv("ORACLE_CONFIGS");
    bool own = wanted && strcmp(wanted, "own") == 0;
    memset(f, 0, sizeof *f);
    f->report = r;
    for (int k = 0; k < CONFIGS; k++) {
        char *messages = NULL;
        if ((k >= SINGLE && (!single || strstr(r->spec->without, "f32"))) ||
            (r->swift && !configs[k].swift) || (own && configs[k].foreign))
            continue;
        f->configs[k] = configs[k];
        f->configs[k].plain = r->turn > 0 && (r->turn + k) % TURNS != 0;
        f->configs[k].row = &r->spec->rows.data[r->turn / TURNS % r->spec->rows.n];
        f->ok[k] = build_open(&f->builds[k], r->program, &f->configs[k], exports, n, &messages);
        f->builds[k].fault = &r->fault;
        built += f->ok[k];
        bool below = messages && strstr(messages, "for these sizes an axis of length");
        if (!f->ok[k] && !all && (k == 0 || built > 0) && !below)
            report_fail(r, configs[k].name, NULL, "not compiled:\n%s", messages ? messages : "");
        free(messages);
        if (built == 0 || (all && !f->ok[k] && !below))
            return false;
    }
    return f->ok[INTERPRETER];
}

void family_select(Family *f, int subject) {
    for (int k = 0; k < CONFIGS; k++)
        f->builds[k].subject = subject;
}

void family_close(Family *f) {
    for (int k = 0; k < CONFIGS; k++)
        if (f->builds[k].config)
            build_close(&f->builds[k]);
}

/* ---- conditioning ---- */

static double largest(const Datum *d) {
    double most = 0;
    for (int64_t k = 0; k < d->count; k++)
        if (isfinite(d->f[k]))
            most = fmax(most, fabs(d->f[k]));
    return most;
}

static double scale_of_call(const Sample *s) {
    double most = 0;
    for (int i = 0; i < s->outcome.n; i++)
        if (s->outcome.out[i]->f)
            most = fmax(most, largest(s->outcome.out[i]));
    for (int i = 0; i < s->point.n_args; i++)
        if (s->point.args[i]->f)
            most = fmax(most, largest(s->point.args[i]));
    return most;
}

/* To numbers of the sample's results, by how much two outcomes of them differ. */
static void raise_by(double *const *to, const Outcome *base, const Outcome *other) {
    for (int i = 0; i < base->n; i++) {
        const Datum *a = base->out[i], *b = other->out[i];
        for (int64_t k = 0; a->f && k < a->count && b->count == a->count; k++)
            if (a->f[k] != b->f[k])
                to[i][k] = fmax(to[i][k], fabs(a->f[k] - b->f[k]));
    }
}

static void clear(double **numbers, const Outcome *like, Arena *arena) {
    for (int i = 0; i < like->n; i++)
        numbers[i] = ARENA_ARRAY(arena, like->out[i]->count + 1, double);
}

/* To numbers, by how much the build is off in each of these rounding modes. */
static void raise_by_modes(double *const *to, const Build *by, const char *name, const int *modes,
                           int n, Arena *arena, const Sample *s) {
    for (int k = 0; k < n; k++) {
        Outcome o;
        fesetround(modes[k]);
        build_run(by, build_find(by, name), &s->point, &s->outcome, arena, &o);
        fesetround(FE_TONEAREST);
        if (o.status == 0)
            raise_by(to, &s->outcome, &o);
    }
}

/* What rounding alone can move, of constants and intermediate results that no input reaches too:
 * the interpreter in the directed modes. (W. Kahan, How futile are mindless assessments of roundoff
 * in floating-point computation?, 2006, section 5: the same program under other roundings.) */
static void measure_rounding(const Family *f, const char *name, Arena *arena, Sample *s) {
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD};
    clear(s->rounded, &s->outcome, arena);
    raise_by_modes(s->rounded, &f->builds[INTERPRETER], name, modes, 2, arena, s);
}

/* What rounding moved counts as noise, but not as more than there are numbers: where it takes
 * another branch, it says nothing of how far one branch may be off. */
static void excuse_rounding(Sample *s) {
    double most = scale_of_call(s);
    for (int i = 0; i < s->outcome.n; i++)
        for (int64_t k = 0; s->outcome.out[i]->f && k < s->outcome.out[i]->count; k++)
            s->noise[i][k] = fmax(s->noise[i][k], fmin(ROUNDED * s->rounded[i][k], most));
}

/* All by one build, so that one that is wrong does not excuse itself. */
static void measure_noise(const Family *f, const char *name, double epsilon, Arena *arena,
                          Sample *s) {
    clear(s->noise, &s->outcome, arena);
    const Build *by = &f->builds[f->ok[LEVEL_0] ? LEVEL_0 : INTERPRETER];
    const Export *e = build_find(by, name);
    Outcome base, o;
    build_run(by, e, &s->point, &s->outcome, arena, &base);
    for (int k = 0; k < 3 && base.status == 0; k++) {
        Point shaken;
        point_shake(&shaken, arena, &s->point, epsilon, &f->report->rng);
        build_run(by, e, &shaken, &s->outcome, arena, &o);
        if (o.status == 0)
            raise_by(s->noise, &base, &o);
    }
}

/* ---- comparing ---- */

/* Maxima of nothing are infinite, and their derivatives 0/0. */
static bool has_nothing(const Sample *s) {
    for (int i = 0; i < s->point.n_sizes; i++)
        if (s->point.sizes[i] == 0)
            return true;
    return false;
}

static bool same(double got, double want, double tolerance) {
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= tolerance;
}

/* How far element k of a leaf may be off: `size` is its own and the largest of the leaf, `scale`
 * the largest of the call. */
static double allowed(const Report *r, const Sample *s, int leaf, int64_t k, double size,
                      double scale, bool single) {
    double noise = EXCUSE * s->noise[leaf][k];
    if (!single)
        return RELATIVE * size + FLOOR * scale + noise;
    double rounded = EXCUSE * ROUNDED * SINGLE_ROUNDING * s->rounded[leaf][k];
    double most = r->spec->single * (MOST_RELATIVE_SINGLE * size + MOST_FLOOR_SINGLE * scale);
    double explained = RELATIVE_SINGLE * size + FLOOR_SINGLE * scale + fmax(noise, rounded);
    return fmin(explained, fmax(most + noise, EXCUSE * s->single_off[leaf][k]));
}

static bool compare_leaf(Report *r, const char *what, const Sample *s, int leaf, const Datum *got,
                         bool single) {
    const Datum *want = s->outcome.out[leaf];
    double most = want->f ? largest(want) : 0, scale = scale_of_call(s);
    for (int64_t k = 0; k < want->count; k++) {
        r->checks++;
        double w = want->f ? want->f[k] : (double)want->i[k],
               g = got->f ? got->f[k] : (double)got->i[k];
        double tolerance = want->f ? allowed(r, s, leaf, k, fabs(w) + most, scale, single) : 0;
        /* The mean of nothing is NaN; times a tangent that is zero, it is decided by the zero where
         * the compiler knows that zero, as of a unit vector, and NaN in the interpreter. */
        bool decided = g == 0 && isnan(w) && has_nothing(s);
        if (!decided && !same(g, w, tolerance)) {
            report_fail(r, what, &s->point,
                        "result %d at %lld: got %.17g, the interpreter has %.17g (allowed %.2g)",
                        leaf, (long long)k, g, w, tolerance);
            return false;
        }
    }
    return true;
}

static bool all_finite(const Sample *s) {
    for (int i = 0; i < s->outcome.n; i++)
        for (int64_t k = 0; s->outcome.out[i]->f && k < s->outcome.out[i]->count; k++)
            if (!isfinite(s->outcome.out[i]->f[k]))
                return false;
    return true;
}

static void compare(Family *f, const char *name, int config, const Sample *s, Arena *arena) {
    char what[96];
    Outcome got;
    const Export *e = build_find(&f->builds[config], name);
    snprintf(what, sizeof what, "%s by %s", name, configs[config].name);
    if (!e) {
        report_fail(f->report, what, NULL, "is not exported");
        return;
    }
    if (!build_takes(&f->builds[config], e, &s->point))
        return;
    build_run(&f->builds[config], e, &s->point, &s->outcome, arena, &got);
    bool must_stop = configs[config].watched && !all_finite(s);
    bool may_stop = configs[config].watched && has_nothing(s); /* 0/0 that nobody reads */
    if (got.misuse) {
        report_fail(f->report, what, &s->point, "%s", got.misuse);
    } else if (must_stop) {
        f->report->checks++;
        if (!got.message || !strstr(got.message, "NaN"))
            report_fail(f->report, what, &s->point, "does not stop at a NaN or an infinity");
    } else if (may_stop && got.message && strstr(got.message, "NaN")) {
        f->report->checks++;
    } else if (got.status != 0) {
        report_fail(f->report, what, &s->point, "status %d (%s), the interpreter has none",
                    got.status, got.message ? got.message : "without a text");
    } else {
        bool alike = true;
        for (int i = 0; i < got.n && alike; i++)
            alike = compare_leaf(f->report, what, s, i, got.out[i], config == SINGLE);
    }
}

/* How far the interpreter is off in single precision, rounded to nearest, up and down. */
static void measure_single(const Family *f, const char *name, Arena *arena, Sample *s) {
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD};
    clear(s->single_off, &s->outcome, arena);
    if (f->ok[SINGLE_INTERPRETER])
        raise_by_modes(s->single_off, &f->builds[SINGLE_INTERPRETER], name, modes, 3, arena, s);
}

/* In single precision, at a point that it can represent. What rounding moves is what it moved at
 * the point before: of numbers of single precision, sums and products are often exact in double. */
static void compare_single(Family *f, const char *name, const Sample *before, Arena *arena) {
    Sample s = {.point = before->point};
    for (int i = 0; i < s.point.n_args; i++)
        s.point.args[i] = datum_copy(arena, before->point.args[i]);
    point_round(&s.point);
    build_run(&f->builds[INTERPRETER], build_find(&f->builds[INTERPRETER], name), &s.point, NULL,
              arena, &s.outcome);
    if (s.outcome.status != 0)
        return;
    measure_noise(f, name, SHAKE_SINGLE, arena, &s);
    clear(s.rounded, &s.outcome, arena);
    for (int i = 0; i < s.outcome.n; i++)
        if (s.outcome.out[i]->count == before->outcome.out[i]->count)
            s.rounded[i] = before->rounded[i];
    measure_single(f, name, arena, &s);
    compare(f, name, SINGLE, &s, arena);
}

bool family_call(Family *f, const char *name, const Point *p, Arena *arena, Sample *out) {
    const Export *e = build_find(&f->builds[INTERPRETER], name);
    *out = (Sample){.point = *p};
    build_run(&f->builds[INTERPRETER], e, p, NULL, arena, &out->outcome);
    if (out->outcome.status != 0) {
        report_fail(f->report, name, p, "fails: %s", out->outcome.message);
        return false;
    }
    measure_noise(f, name, SHAKE, arena, out);
    measure_rounding(f, name, arena, out);
    excuse_rounding(out);
    for (int k = 1; k < FULL_CONFIGS; k++)
        if (f->ok[k])
            compare(f, name, k, out, arena);
    if (f->ok[SINGLE])
        compare_single(f, name, out, arena);
    return true;
}

/* ---- exports that must give the same ---- */

static bool same_bits(const Outcome *a, const Outcome *b) {
    for (int i = 0; i < a->n; i++)
        if (a->out[i]->f &&
            memcmp(a->out[i]->f, b->out[i]->f, (size_t)a->out[i]->count * sizeof(double)) != 0)
            return false;
    return true;
}

static void compare_same(Family *f, const SameRule *rule, int config, const Sample *s,
                         Arena *arena) {
    char what[200];
    Outcome first, other;
    const Build *b = &f->builds[config];
    if (!build_takes(b, build_find(b, rule->name), &s->point))
        return;
    snprintf(what, sizeof what, "%s and %s by %s", rule->name, rule->other, configs[config].name);
    build_run(b, build_find(b, rule->other), &s->point, &s->outcome, arena, &other);
    f->report->checks++;
    if (other.status != 0 || other.misuse) {
        report_fail(f->report, what, &s->point, "status %d (%s)", other.status,
                    other.misuse    ? other.misuse
                    : other.message ? other.message
                                    : "without a text");
        return;
    }
    /* Optimised code may contract and order additions otherwise around a checkpoint. */
    if (rule->bits && configs[config].level <= 0) {
        build_run(b, build_find(b, rule->name), &s->point, &s->outcome, arena, &first);
        if (!same_bits(&first, &other))
            report_fail(f->report, what, &s->point, "are not the same bits");
        return;
    }
    bool alike = true;
    for (int i = 0; i < other.n && alike; i++)
        alike = compare_leaf(f->report, what, s, i, other.out[i], false);
}

void family_same(Family *f, const SameRule *rule, const Sample *s) {
    for (int k = 0; k < FULL_CONFIGS; k++) {
        Arena arena;
        if (!f->ok[k])
            continue;
        arena_init(&arena, &f->builds[k].ctx.alloc);
        compare_same(f, rule, k, s, &arena);
        arena_free(&arena);
    }
}

/* The first export of the rules at a point, and every one that must be the same as it there. */
static void check_same_at(Family *f, const char *name, const SizeRow *row) {
    Report *r = f->report;
    Arena arena;
    Point p;
    Sample s;
    arena_init(&arena, &f->builds[0].ctx.alloc);
    const Export *e = build_find(&f->builds[INTERPRETER], name);
    point_random(&p, &arena, r->spec, row, e, &r->rng, NULL, 0);
    if (family_call(f, name, &p, &arena, &s))
        for (int k = 0; k < r->spec->same.n; k++)
            if (strcmp(r->spec->same.data[k].name, name) == 0)
                family_same(f, &r->spec->same.data[k], &s);
    arena_free(&arena);
}

void check_same(Report *r) {
    Family f;
    bool ok = family_open(&f, r, NULL, 0, false, false);
    for (int k = 0; ok && k < r->spec->same.n; k++) {
        const SameRule *rule = &r->spec->same.data[k];
        const Build *b = &f.builds[INTERPRETER];
        bool first = k == 0 || strcmp(r->spec->same.data[k - 1].name, rule->name) != 0;
        if (!build_find(b, rule->name) || !build_find(b, rule->other))
            report_fail(r, rule->other, NULL, "no such export");
        else
            for (int row = 0; first && row < r->spec->rows.n; row++)
                check_same_at(&f, rule->name, &r->spec->rows.data[row]);
    }
    family_close(&f);
}

/* ---- bad input ---- */

static void expect_failure(Family *f, const Export *e, const Point *p, const Outcome *good,
                           const char *word) {
    for (int k = 0; k < FULL_CONFIGS; k++) {
        Arena arena;
        Outcome o;
        if (!f->ok[k] || !build_takes(&f->builds[k], build_find(&f->builds[k], e->name), p))
            continue;
        arena_init(&arena, &f->builds[k].ctx.alloc);
        static const Placement ends = {SIDE_end, 0xFF};
        const Export *own = build_find(&f->builds[k], e->name);
        if (k == INTERPRETER)
            build_run(&f->builds[k], own, p, good, &arena, &o);
        else
            build_run_placed(&f->builds[k], own, p, good, &ends, &arena, &o);
        char place[300];
        snprintf(place, sizeof place, "%s:", f->report->program->path);
        f->report->checks++;
        if (o.misuse)
            report_fail(f->report, configs[k].name, p, "%s, bad %s: %s", e->name, word, o.misuse);
        else if (o.status == 0 || !o.message)
            report_fail(f->report, configs[k].name, p, "%s: no status for bad input (%s)", e->name,
                        word);
        else if (strncmp(o.message, place, strlen(place)) != 0 ||
                 (!configs[k].reprint && !strstr(o.message, word)))
            report_fail(f->report, configs[k].name, p, "%s: the status reads `%s`", e->name,
                        o.message);
        arena_free(&arena);
    }
}

void family_bad_inputs(Family *f) {
    Report *r = f->report;
    const Build *b = &f->builds[INTERPRETER];
    for (int i = 0; i < b->m->exports.n; i++) {
        const Export *e = b->m->exports.data[i];
        for (int k = 0; k < r->spec->rules.n; k++) {
            const RangeRule *rule = &r->spec->rules.data[k];
            Arena arena;
            Point p;
            Outcome good;
            arena_init(&arena, &f->builds[0].ctx.alloc);
            if (rule->bad) {
                point_random(&p, &arena, r->spec, &r->spec->rows.data[0], e, &r->rng, NULL, 0);
                build_run(b, e, &p, NULL, &arena, &good);
                if (good.status == 0 && point_spoil(&p, e, rule))
                    expect_failure(f, e, &p, &good, rule->hi);
            }
            arena_free(&arena);
        }
    }
}

void check_exports(Report *r) {
    Family f;
    if (!family_open(&f, r, NULL, 0, true, false)) {
        family_close(&f);
        return;
    }
    const IrModule *m = f.builds[INTERPRETER].m;
    for (int i = 0; i < m->exports.n; i++)
        for (int row = 0; row < r->spec->rows.n; row++)
            for (int t = 0; t < r->spec->trials; t++) {
                Arena arena;
                Point p;
                Sample s;
                arena_init(&arena, &f.builds[0].ctx.alloc);
                point_random(&p, &arena, r->spec, &r->spec->rows.data[row], m->exports.data[i],
                             &r->rng, NULL, 0);
                if (family_call(&f, m->exports.data[i]->name, &p, &arena, &s) && t == 0)
                    family_safety(&f, m->exports.data[i]->name, &s);
                arena_free(&arena);
            }
    family_bad_inputs(&f);
    family_close(&f);
}
