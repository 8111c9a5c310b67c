/* ulp: the largest errors of the elementwise operations, against MPFR; see ulp.h.
 *
 *     ulp [--points N] [--derivative-points N] [--seed S] [--only OP]   prints the table
 *     ulp --check docs/language.md ...                     fails where an error is over the table's
 *     ulp ... --verbose                                    with the point of every largest error */
#include "ulp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Config configs[] = {
    {.name = "interpreter", .level = -1},
    {.name = "scalar", .level = 0},
    {.name = "C", .level = 0, .cc = "gcc -O0"},
    {.name = "native", .level = 3},
    {.name = "haswell", .level = 3, .cpu = "haswell"},
    {.name = "x86-64", .level = 3, .cpu = "x86-64"},
};
enum { PATHS = sizeof configs / sizeof *configs, COLUMNS = 3, WIDTHS = 2 };
/* Of the printed table: interpreter, scalar code, which printed C is as well, vector code. */
static int column_of(int config) {
    return config == 0 ? 0 : configs[config].level == 0 ? 1 : 2;
}

typedef struct Worst {
    double ulp, got, want;
    Point3 at;
    const char *config;
} Worst;

typedef struct Row {
    Worst value[WIDTHS][COLUMNS];
    Worst derivative[2][WIDTHS]; /* order, over all configurations */
} Row;

typedef struct Tool {
    int points, derivative_points, failures;
    const char *only, *check;
    bool verbose;
    uint64_t seed;
    bool usable[PATHS];
    Row rows[OP_ELEMENTWISE_END];
} Tool;

/* ---- errors ---- */

static bool sign_is_free(Op op, Quantity q) {
    return op == OP_min || op == OP_max || q.order > 0;
}

/* In units of the last place of `want`, or of `unit` where that is larger. What is no number,
 * infinite or zero must be so; infinity counts as the first number too large. */
static double ulp_error(double got, const mpfr_t want, double unit, bool narrow, bool free_sign) {
    int digits = narrow ? 24 : 53, least = narrow ? -148 : -1073, most = narrow ? 128 : 1024;
    if (isnan(got) || mpfr_nan_p(want))
        return isnan(got) && mpfr_nan_p(want) ? 0 : INFINITY;
    if (mpfr_zero_p(want) && got == 0)
        return free_sign || !signbit(got) == !mpfr_signbit(want) ? 0 : INFINITY;
    bool infinite = mpfr_inf_p(want) || mpfr_get_exp(want) > most;
    if (infinite && isinf(got))
        return (got > 0) == (mpfr_sgn(want) > 0) ? 0 : INFINITY;
    if (mpfr_inf_p(want))
        return INFINITY;
    mpfr_t error, top;
    mpfr_inits2(400, error, top, (mpfr_ptr)0);
    mpfr_set_ui_2exp(top, 1, most, MPFR_RNDN);
    mpfr_set_d(error, got, MPFR_RNDN);
    if (isinf(got))
        mpfr_copysign(error, top, error, MPFR_RNDN);
    mpfr_exp_t exponent = mpfr_zero_p(want) ? least + digits - 1 : mpfr_get_exp(want);
    if (infinite) {
        mpfr_copysign(top, top, want, MPFR_RNDN);
        mpfr_sub(error, error, top, MPFR_RNDN);
        exponent = most;
    } else {
        mpfr_sub(error, error, want, MPFR_RNDN);
    }
    int unit_exponent = 0;
    frexp(unit, &unit_exponent);
    if (unit > 0 && isfinite(unit) && unit_exponent > exponent)
        exponent = unit_exponent;
    if (exponent - digits < least - 1)
        exponent = least - 1 + digits;
    mpfr_mul_2si(error, error, digits - exponent, MPFR_RNDN);
    double ulp = fabs(mpfr_get_d(error, MPFR_RNDN));
    mpfr_clears(error, top, (mpfr_ptr)0);
    return ulp;
}

/* ---- measuring ---- */

typedef struct Column {
    double *y;
    bool ran;
} Column;

static Worst *slot(Tool *t, Op op, Quantity q, int width, int config) {
    Row *row = &t->rows[op];
    return q.order == 0 ? &row->value[width][column_of(config)]
                        : &row->derivative[q.order - 1][width];
}

static void compare(Tool *t, Op op, Quantity q, int width, const Points *points, Column *columns) {
    mpfr_t want;
    int known = 0;
    mpfr_init2(want, 300);
    for (int i = 0; i < points->n; i++) {
        const double *x = points->data[i].x;
        if (reference(want, op, q, x, width == 1) == ANSWER_unknown)
            continue;
        known++;
        double unit = reference_unit(op, q, x, width == 1);
        for (int c = 0; c < PATHS; c++) {
            if (!columns[c].ran)
                continue;
            double ulp = ulp_error(columns[c].y[i], want, unit, width == 1, sign_is_free(op, q));
            Worst *worst = slot(t, op, q, width, c);
            if (ulp > worst->ulp)
                *worst = (Worst){ulp, columns[c].y[i], mpfr_get_d(want, MPFR_RNDN), points->data[i],
                                 configs[c].name};
        }
    }
    mpfr_clear(want);
    if (known < points->n / 8) { /* too few to say anything */
        t->failures++;
        printf("%s, derivative of order %d by %d, %d: %d of %d points have a reference\n",
               op_info[op].name, q.order, q.first, q.second, known, points->n);
    }
}

static void measure_row(Tool *t, Op op, int width, const Build *builds) {
    Quantity q[1 + MOST_DERIVATIVES];
    int n = row_quantities(op, q, t->derivative_points > 0 ? 2 : 0);
    for (int k = 0; k < n; k++) {
        Points points = {0};
        Rng rng = {t->seed + 977u * (uint64_t)op + 31u * (uint64_t)k};
        int count = q[k].order ? t->derivative_points : t->points;
        points_make(&points, op, width == 1, op == OP_polygamma ? count / 8 : count, &rng);
        Column columns[PATHS];
        for (int c = 0; c < PATHS; c++) {
            columns[c].y = malloc((size_t)points.n * sizeof(double));
            columns[c].ran =
                t->usable[c] && program_run(&builds[c], op, q[k], &points, columns[c].y);
            if (t->usable[c] && !columns[c].ran) {
                t->failures++;
                printf("%s: no call in configuration %s\n", op_info[op].name, configs[c].name);
            }
        }
        compare(t, op, q[k], width, &points, columns);
        for (int c = 0; c < PATHS; c++)
            free(columns[c].y);
        free(points.data);
    }
}

static void measure(Tool *t, int width) {
    Build builds[PATHS];
    Config own[PATHS];
    char *text = program_text(t->only, t->derivative_points > 0 ? 2 : 0);
    Program program = {.path = "ulp.bp", .text = text, .len = strlen(text)};
    for (int c = 0; c < PATHS; c++) {
        char *messages = NULL;
        own[c] = configs[c];
        own[c].narrow = width == 1;
        if (t->usable[c] && !build_open(&builds[c], &program, &own[c], NULL, 0, &messages)) {
            printf("%s: %s\n", configs[c].name, messages);
            exit(2);
        }
    }
    for (Op op = 0; op < OP_ELEMENTWISE_END; op++)
        if (row_is_measured(op) && (!t->only || strcmp(t->only, op_info[op].name) == 0))
            measure_row(t, op, width, builds);
    for (int c = 0; c < PATHS; c++)
        if (t->usable[c])
            build_close(&builds[c]);
    free(text);
}

/* ---- the table ---- */

static void print_worst(const char *op, const char *what, const Worst *w) {
    if (!w->config)
        return;
    printf("  %-10s %-12s %-11s %9.3g ulp at (%.17g, %.17g, %.17g): %.17g, not %.17g\n", op, what,
           w->config, w->ulp, w->at.x[0], w->at.x[1], w->at.x[2], w->got, w->want);
}

/* A bound for other points than these: rounded up, a quarter added where it is not exact rounding.
 */
static void print_cell(double ulp) {
    if (isinf(ulp))
        printf(" WRONG |");
    else if (ulp <= 0.5)
        printf(ulp == 0 ? " 0 |" : " 0.5 |");
    else if (ulp < 10)
        printf(" %.1f |", ceil(ulp * 1.25 * 10) / 10);
    else
        printf(" %.0f |", ceil(ulp * 1.25));
}

static void print_row(const Tool *t, Op op) {
    const Row *row = &t->rows[op];
    printf("| `%s` |", op_info[op].name);
    for (int w = 0; w < WIDTHS; w++)
        for (int c = 0; c < COLUMNS; c++)
            print_cell(row->value[w][c].ulp);
    for (int d = 0; d < 2 && t->derivative_points > 0; d++)
        for (int w = 0; w < WIDTHS; w++)
            print_cell(row->derivative[d][w].ulp);
    printf("\n");
    for (int w = 0; w < WIDTHS && t->verbose; w++) {
        for (int c = 0; c < COLUMNS; c++)
            print_worst(op_info[op].name, w ? "f32 value" : "f64 value", &row->value[w][c]);
        for (int d = 0; d < 2; d++)
            print_worst(op_info[op].name, d ? "second" : "first", &row->derivative[d][w]);
    }
}

static void print_table(const Tool *t) {
    printf("| | f64 interpreter | f64 scalar | f64 vector | f32 interpreter | f32 scalar | f32 "
           "vector |");
    if (t->derivative_points > 0)
        printf(" f' f64 | f' f32 | f'' f64 | f'' f32 |");
    printf("\n|---|---|---|---|---|---|---|%s\n",
           t->derivative_points > 0 ? "---|---|---|---|" : "");
    for (Op op = 0; op < OP_ELEMENTWISE_END; op++)
        if (row_is_measured(op) && (!t->only || strcmp(t->only, op_info[op].name) == 0))
            print_row(t, op);
}

/* ---- holding to a table ---- */

/* The numbers of the row of `name` in the section Accuracy; how many there are. */
static int read_bounds(const char *text, const char *name, double *bounds, int most) {
    char head[64];
    snprintf(head, sizeof head, "\n| `%s` |", name);
    const char *section = strstr(text, "\n## Accuracy"),
               *at = section ? strstr(section, head) : NULL;
    int n = 0;
    for (at = at ? at + strlen(head) : NULL; at && *at && *at != '\n' && n < most; n++) {
        char *end;
        bounds[n] = strtod(at, &end);
        if (end == at)
            break;
        at = end + strspn(end, " |");
    }
    return n;
}

static void hold(Tool *t, Op op, const char *what, const Worst *w, double bound) {
    if (w->ulp <= bound + 0.01) /* twice rounded is not quite exact rounding */
        return;
    t->failures++;
    printf("over the bound of %g ulp:\n", bound);
    print_worst(op_info[op].name, what, w);
}

static void check_row(Tool *t, Op op, const char *text) {
    double bounds[10];
    const Row *row = &t->rows[op];
    if (read_bounds(text, op_info[op].name, bounds, 10) != 10) {
        t->failures++;
        printf("%s: no row of 10 numbers in the section Accuracy of %s\n", op_info[op].name,
               t->check);
        return;
    }
    for (int w = 0; w < WIDTHS; w++) {
        for (int c = 0; c < COLUMNS; c++)
            hold(t, op, w ? "f32 value" : "f64 value", &row->value[w][c], bounds[COLUMNS * w + c]);
        for (int d = 0; d < 2; d++)
            hold(t, op, d ? "second" : "first", &row->derivative[d][w], bounds[6 + 2 * d + w]);
    }
}

static void check_table(Tool *t) {
    Program file;
    if (!program_read(&file, t->check)) {
        printf("cannot read %s\n", t->check);
        exit(2);
    }
    for (Op op = 0; op < OP_ELEMENTWISE_END; op++)
        if (row_is_measured(op) && (!t->only || strcmp(t->only, op_info[op].name) == 0))
            check_row(t, op, file.text);
    free(file.text);
}

/* ---- the command ---- */

static void parse(Tool *t, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--verbose") == 0) {
            t->verbose = true;
            continue;
        }
        if (strcmp(argv[i], "--points") == 0)
            t->points = atoi(value);
        else if (strcmp(argv[i], "--derivative-points") == 0)
            t->derivative_points = atoi(value);
        else if (strcmp(argv[i], "--seed") == 0)
            t->seed = strtoull(value, NULL, 0);
        else if (strcmp(argv[i], "--only") == 0)
            t->only = value;
        else if (strcmp(argv[i], "--check") == 0)
            t->check = value;
        else {
            fprintf(stderr, "ulp: unknown option %s\n", argv[i]);
            exit(2);
        }
        i++;
    }
}

int main(int argc, char **argv) {
    static Tool t = {.points = 2000, .derivative_points = 200, .seed = 1};
    parse(&t, argc, argv);
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    for (int c = 0; c < PATHS; c++)
        t.usable[c] = !configs[c].cpu || strcmp(configs[c].cpu, "haswell") != 0 ||
                      __builtin_cpu_supports("avx2");
    for (int width = 0; width < WIDTHS; width++)
        measure(&t, width);
    if (t.check)
        check_table(&t);
    else
        print_table(&t);
    mpfr_free_cache();
    printf("%d failures\n", t.failures);
    return t.failures != 0;
}
