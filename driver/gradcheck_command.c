/* `bpc gradcheck`: see driver/gradcheck_command.h and docs/command-line.md.
 *
 * Note [What is compared]
 * Let f have float results y and float parameters x, and let bar be random weights of y (1 where y
 * is one number). Then g(x) = bar . y is one number, and vjp(f) gives its gradient. That gradient
 * is compared, element by element and along a random direction, with differences of g, which only
 * need f; and with jvp(f), by (J' bar) . t = bar . (J t).
 *
 * The three functions are compiled as they are for a host. jvp(f) is a program of its own, because
 * a rule may forbid forward mode; then only that comparison is left out. */
#include "driver/gradcheck_command.h"

#include "driver/differences.h"
#include "driver/failure.h"
#include "driver/function_args.h"
#include "driver/gradcheck_rules.h"
#include "driver/random_point.h"
#include "passes/passes.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ELEMENTS = 64, SHOWN = 5, ATTEMPTS = 2000 };

typedef VEC(int) IntList;

/* What is found out about one parameter, or about one of the other comparisons. */
typedef struct Tally {
    const char *what;
    int compared, wrong, unsettled;
    int zeros;    /* of the compared: both the derivative and the differences are 0 */
    double worst; /* relative error */
    Text lines;   /* of the first disagreements */
} Tally;

typedef struct Check {
    Context *ctx, *forward_ctx;
    Arena *arena;
    const GradcheckOptions *options;
    Program *program, *forward;
    const Callable *f, *vjp, *jvp; /* jvp: NULL without forward mode */
    const char *no_forward;        /* why */
    IntList float_in, float_out;   /* leaves of f */
    bool single;                   /* some of them are f32 */
    double epsilon;                /* rounding of the results */
    Random random;
    Tally *leaves; /* one a leaf of float_in */
    Tally direction, identity;
    /* the point */
    int number;
    Array **inputs, **moved, **results, **bars, **tangents, **adjoints;
    int64_t *sizes;
    double value;    /* how large the numbers are whose sum is g */
    double steepest; /* the largest of all adjoints */
} Check;

static Array **new_arrays(const Check *c, int n) {
    return ARENA_ARRAY(c->arena, n + 1, Array *);
}

/* ---- what is checked ---- */

static void list_floats(Arena *arena, const LeafList *leaves, IntList *list) {
    for (int i = 0; i < leaves->n; i++)
        if (type_is_float(leaves->data[i].type))
            vec_push(arena, list, i);
}

static bool has_single(const LeafList *leaves) {
    for (int i = 0; i < leaves->n; i++)
        if (leaves->data[i].type->elem == S_f32)
            return true;
    return false;
}

static const char *derivative_of(Check *c, const char *operator, const char * function) {
    return arena_printf(c->arena, "%s(%s)", operator, function);
}

/* vjp(f) takes f's leaves, then weights; it gives f's results, then adjoints. jvp(f) takes tangents
 * and gives tangents. */
static bool fits(const Check *c, const Callable *d, int more_inputs, int more_outputs) {
    return d->sizes.n == c->f->sizes.n && d->inputs.n == c->f->inputs.n + more_inputs &&
           d->outputs.n == c->f->outputs.n + more_outputs;
}

static bool compile_reverse(Check *c, Source *source, const ProgramOptions *options,
                            const char *function) {
    const char *functions[] = {function, derivative_of(c, "vjp", function)};
    c->program = program_new(c->ctx, source, options, functions, 2);
    if (!c->program)
        return false;
    c->f = program_function(c->program, 0);
    c->vjp = program_function(c->program, 1);
    list_floats(c->arena, &c->f->inputs, &c->float_in);
    list_floats(c->arena, &c->f->outputs, &c->float_out);
    c->single = has_single(&c->f->inputs) || has_single(&c->f->outputs);
    c->epsilon = has_single(&c->f->outputs) ? 6e-8 : 1.2e-16;
    if (fits(c, c->vjp, c->float_out.n, c->float_in.n))
        return true;
    diag_error(&c->ctx->diags, DIAG_run_function, (Loc){0, 0},
               "the derivative of `%s` has not the form of its results", function);
    return false;
}

/* In a context of its own, whose messages are only the reason why forward mode is left out. */
static void compile_forward(Check *c, const Source *source, const ProgramOptions *options,
                            const char *function) {
    Context *ctx = c->forward_ctx;
    ctx->real_is_f32 = c->ctx->real_is_f32;
    Source *copy = source_add(&ctx->sources, source->name, source->text, source->len);
    const char *functions[] = {derivative_of(c, "jvp", function)};
    c->forward = copy ? program_new(ctx, copy, options, functions, 1) : NULL;
    if (c->forward)
        c->jvp = program_function(c->forward, 0);
    else
        c->no_forward =
            ctx->diags.items.n > 0 ? ctx->diags.items.data[0]->message : "it does not compile";
    if (c->jvp && !fits(c, c->jvp, c->float_in.n, c->float_out.n)) {
        c->jvp = NULL;
        c->no_forward = "it has another form";
    }
}

/* ---- sums ---- */

static double inner_product(Array *const *a, Array *const *b, int n, double *size) {
    long double sum = 0, magnitude = 0;
    for (int i = 0; i < n; i++) {
        for (int64_t k = 0; k < a[i]->count; k++) {
            long double product = (long double)array_get(a[i], k) * (long double)array_get(b[i], k);
            sum += product;
            magnitude += fabsl(product);
        }
    }
    *size = (double)magnitude;
    return (double)sum;
}

static double root_mean_square(const Array *a) {
    double sum = 0;
    for (int64_t k = 0; k < a->count; k++)
        sum += array_get(a, k) * array_get(a, k);
    return a->count > 0 ? sqrt(sum / (double)a->count) : 0;
}

static double largest(const Array *a) {
    double most = 0;
    for (int64_t k = 0; k < a->count; k++)
        most = fmax(most, fabs(array_get(a, k)));
    return most;
}

/* g; *size becomes how large the numbers are that cancel in it. */
static double weighted_sum(const Check *c, double *size) {
    Array **floats = new_arrays(c, c->float_out.n);
    for (int i = 0; i < c->float_out.n; i++)
        floats[i] = c->results[c->float_out.data[i]];
    return inner_product(floats, c->bars, c->float_out.n, size);
}

/* ---- points ---- */

static bool all_finite(const Array *a) {
    for (int64_t k = 0; k < a->count; k++)
        if (!isfinite(array_get(a, k)))
            return false;
    return true;
}

/* Calls f on inputs. False: it failed, or a result is not finite; *failed says which. */
static bool evaluate(Check *c, Array *const *inputs, const char **failed) {
    if (!callable_call(c->f, c->sizes, inputs, c->results, failed))
        return false;
    for (int i = 0; i < c->float_out.n; i++) {
        if (!all_finite(c->results[c->float_out.data[i]])) {
            *failed = arena_printf(c->arena, "the result `%s` is not finite",
                                   c->f->outputs.data[c->float_out.data[i]].path);
            return false;
        }
    }
    return true;
}

static Array *copy_array(Arena *arena, const Array *a) {
    Array *copy = array_new(arena, a->elem, a->rank, a->dims);
    memcpy(copy->data, a->data, (size_t)a->count * (size_t)scalar_bytes(a->elem));
    return copy;
}

/* Weights of the results, tangents of the parameters, and a copy of the parameters to move. */
static void complete_point(Check *c) {
    for (int i = 0; i < c->float_out.n; i++) {
        const Array *y = c->results[c->float_out.data[i]];
        c->bars[i] = array_new(c->arena, y->elem, y->rank, y->dims);
        random_fill(&c->random, c->bars[i]);
        if (c->float_out.n == 1 && y->rank == 0)
            array_set(c->bars[i], 0, 1);
    }
    for (int i = 0; i < c->f->inputs.n; i++)
        c->moved[i] = copy_array(c->arena, c->inputs[i]);
    for (int i = 0; i < c->float_in.n; i++) {
        const Array *x = c->inputs[c->float_in.data[i]];
        c->tangents[i] = array_new(c->arena, x->elem, x->rank, x->dims);
        random_fill(&c->random, c->tangents[i]);
    }
}

/* Draws until f takes it. */
static bool draw_point(Check *c, Array *const *given, const int64_t *given_sizes) {
    const char *failed = "no sizes were found that fit together";
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        memset(c->results, 0, (size_t)c->f->outputs.n * sizeof *c->results);
        if (random_point(&c->random, c->f, attempt, given, given_sizes, c->inputs, c->sizes) &&
            evaluate(c, c->inputs, &failed)) {
            complete_point(c);
            weighted_sum(c, &c->value);
            return true;
        }
    }
    failure_report(c->ctx, c->f, c->sizes, c->inputs, failed);
    diag_hint(&c->ctx->diags, c->ctx->diags.items.data[c->ctx->diags.items.n - 1],
              "none of %d random points is in the domain of the function: give arguments by --arg, "
              "or sizes by --size",
              (int)ATTEMPTS);
    return false;
}

/* ---- g along lines ---- */

typedef struct Mover {
    Check *c;
    int leaf; /* of float_in; -1: all of them, along the tangents */
    int64_t element;
} Mover;

static double move_element(Check *c, const Mover *mover, double t) {
    int input = c->float_in.data[mover->leaf];
    double x = array_get(c->inputs[input], mover->element);
    array_set(c->moved[input], mover->element, x + t);
    return array_get(c->moved[input], mover->element) - x;
}

static void move_along(Check *c, double t) {
    for (int i = 0; i < c->float_in.n; i++) {
        const Array *x = c->inputs[c->float_in.data[i]];
        for (int64_t k = 0; k < x->count; k++)
            array_set(c->moved[c->float_in.data[i]], k,
                      array_get(x, k) + t * array_get(c->tangents[i], k));
    }
}

static bool line_value(void *user, double *t, double *y) {
    Mover *mover = user;
    Check *c = mover->c;
    const char *failed;
    if (mover->leaf < 0)
        move_along(c, *t);
    else
        *t = move_element(c, mover, *t);
    bool ok = evaluate(c, c->moved, &failed);
    if (mover->leaf < 0)
        move_along(c, 0);
    else
        move_element(c, mover, 0);
    double size;
    *y = ok ? weighted_sum(c, &size) : 0;
    return ok && isfinite(*y);
}

/* ---- comparisons ---- */

typedef struct Comparison {
    Mover mover;
    double derivative; /* of reverse mode */
    double scale;      /* of the derivatives beside it */
    double step;
    Estimate estimate;
} Comparison;

typedef enum Verdict { AGREES, DISAGREES, UNSETTLED } Verdict;

/* A change of the value that is lost among its rounding errors is none. */
static double negligible(const Check *c, double x_scale) {
    return (c->single ? 1e-5 : 1e-11) * c->value / x_scale;
}

static double relative_tolerance(const Check *c) {
    return c->single ? 2e-3 : 1e-6;
}

static double tolerance(const Check *c, const Comparison *k, const Estimate *e) {
    return relative_tolerance(c) * fmax(fabs(e->value), fabs(k->derivative)) + 10 * e->error +
           negligible(c, k->step);
}

/* One estimate against the derivative. */
static Verdict judge(const Check *c, const Comparison *k, const Estimate *e) {
    if (!e->settled)
        return UNSETTLED;
    double allowed = tolerance(c, k, e), size = fmax(fabs(e->value), fabs(k->derivative));
    if (!isfinite(k->derivative))
        return e->error <= 0.1 * fabs(e->value) + 1e-6 ? DISAGREES : UNSETTLED;
    if (fabs(e->value - k->derivative) > allowed)
        return DISAGREES;
    bool judged = allowed <= 0.05 * size || allowed <= 1e-3 * k->scale ||
                  allowed <= 2 * negligible(c, k->step);
    return judged ? AGREES : UNSETTLED;
}

static bool estimates_agree(const Estimate *a, const Estimate *b) {
    double size = fmax(fabs(a->value), fabs(b->value));
    return fabs(a->value - b->value) <= 10 * (a->error + b->error) + 1e-3 * size;
}

/* At other steps too before anything is called wrong; the best estimate stays in *k. */
static Verdict compare(Check *c, Comparison *k) {
    static const double factors[] = {1, 0.02, 10};
    Line line = {line_value, &k->mover, c->epsilon};
    Estimate against = {0};
    bool settled = true;
    for (int i = 0; i < 3; i++) {
        Estimate e = differentiate(&line, factors[i] * k->step);
        Verdict verdict = judge(c, k, &e);
        if (verdict == AGREES) {
            k->estimate = e;
            return AGREES;
        }
        if (verdict != DISAGREES)
            continue;
        settled = settled && (!against.settled || estimates_agree(&against, &e));
        if (!against.settled || e.error < against.error)
            against = e;
    }
    k->estimate = against;
    bool wrong = against.settled && settled && !has_kink(&line, 1e-2 * k->step);
    return wrong ? DISAGREES : UNSETTLED;
}

static double relative_error(const Check *c, const Comparison *k) {
    double least = fmax(1e-3 * k->scale, negligible(c, k->step) / relative_tolerance(c));
    double size = fmax(fmax(fabs(k->estimate.value), fabs(k->derivative)), fmax(least, DBL_MIN));
    double error = fabs(k->estimate.value - k->derivative);
    return isfinite(k->derivative) ? error / size : INFINITY;
}

static void print_sizes(const Check *c, Text *out) {
    for (int i = 0; i < c->f->sizes.n; i++)
        text_printf(out, "%s%s = %" PRId64, i == 0 ? ", " : ", ", c->f->sizes.data[i]->name,
                    c->sizes[i]);
}

static void describe_wrong(Check *c, Tally *tally, const Comparison *k) {
    Text *out = &tally->lines;
    text_printf(out, "        point %d", c->number);
    print_sizes(c, out);
    text_puts(out, ": ");
    if (k->mover.leaf >= 0) {
        const Array *x = c->inputs[c->float_in.data[k->mover.leaf]];
        text_puts(out, tally->what);
        array_print_index(out, x, k->mover.element);
        text_printf(out, " = %.6g: ", array_get(x, k->mover.element));
    }
    text_printf(out, "reverse mode gives %.12g, differences %.12g +- %.1g, off by %.1e\n",
                k->derivative, k->estimate.value, k->estimate.error, relative_error(c, k));
}

static void record(Check *c, Tally *tally, const Comparison *k, Verdict verdict) {
    tally->compared += verdict != UNSETTLED;
    tally->unsettled += verdict == UNSETTLED;
    if (verdict == UNSETTLED)
        return;
    tally->zeros += k->derivative == 0.0 && k->estimate.value == 0.0;
    tally->worst = fmax(tally->worst, relative_error(c, k));
    if (verdict == DISAGREES && tally->wrong++ < SHOWN)
        describe_wrong(c, tally, k);
}

/* Steps are a part of the number itself, or of its neighbours where it is small. */
static double step_for(const Check *c, double x, double typical) {
    double scale = fmax(fabs(x), 0.3 * typical);
    return (c->single ? 0.1 : 0.02) * (scale > 0 ? scale : 1);
}

static void check_element(Check *c, int leaf, int64_t element) {
    const Array *x = c->inputs[c->float_in.data[leaf]], *adjoint = c->adjoints[leaf];
    Comparison k = {.mover = {c, leaf, element}};
    k.derivative = array_get(adjoint, element);
    k.scale = fmax(largest(adjoint), 0.1 * c->steepest);
    k.step = step_for(c, array_get(x, element), root_mean_square(x));
    record(c, &c->leaves[leaf], &k, compare(c, &k));
}

/* All elements of a small array, else some of them. */
static void check_leaf(Check *c, int leaf) {
    int64_t count = c->inputs[c->float_in.data[leaf]]->count,
            n = count < ELEMENTS ? count : ELEMENTS;
    for (int64_t k = 0; k < n; k++) {
        int64_t element = k;
        if (count > ELEMENTS)
            element = (int64_t)random_uniform(&c->random, (double)(k * count / n),
                                              (double)((k + 1) * count / n));
        check_element(c, leaf, element);
    }
}

static void check_direction(Check *c) {
    double typical = 0, count = 0;
    for (int i = 0; i < c->float_in.n; i++) {
        const Array *x = c->inputs[c->float_in.data[i]];
        double rms = root_mean_square(x);
        typical += rms * rms * (double)x->count;
        count += (double)x->count;
    }
    Comparison k = {.mover = {c, -1, 0}};
    k.derivative = inner_product(c->adjoints, c->tangents, c->float_in.n, &k.scale);
    k.step = 0.1 * step_for(c, 0, count > 0 ? sqrt(typical / count) : 1);
    record(c, &c->direction, &k, compare(c, &k));
}

/* ---- derivatives ---- */

static bool call_derivative(Check *c, const Callable *d, Array *const *more, int n_more,
                            Array **outputs, const char **failed) {
    Array **inputs = ARENA_ARRAY(c->arena, d->inputs.n + 1, Array *);
    for (int i = 0; i < c->f->inputs.n; i++)
        inputs[i] = c->inputs[i];
    for (int i = 0; i < n_more; i++)
        inputs[c->f->inputs.n + i] = more[i];
    return callable_call(d, c->sizes, inputs, outputs, failed);
}

static void describe_failure(Check *c, Tally *tally, const char *mode, const char *failed) {
    tally->compared++;
    if (tally->wrong++ < SHOWN)
        text_printf(&tally->lines,
                    "        point %d: the function has a value, but %s mode stops: %s\n",
                    c->number, mode, failed);
}

static bool run_reverse(Check *c) {
    const char *failed = NULL;
    Array **outputs = ARENA_ARRAY(c->arena, c->vjp->outputs.n + 1, Array *);
    if (!call_derivative(c, c->vjp, c->bars, c->float_out.n, outputs, &failed)) {
        describe_failure(c, &c->direction, "reverse", failed);
        return false;
    }
    c->steepest = 0;
    for (int i = 0; i < c->float_in.n; i++) {
        c->adjoints[i] = outputs[c->f->outputs.n + i];
        c->steepest = fmax(c->steepest, largest(c->adjoints[i]));
    }
    return true;
}

/* (J' bar) . t = bar . (J t) */
static void check_identity(Check *c) {
    const char *failed = NULL;
    Array **outputs = ARENA_ARRAY(c->arena, c->jvp->outputs.n + 1, Array *);
    if (!call_derivative(c, c->jvp, c->tangents, c->float_in.n, outputs, &failed)) {
        describe_failure(c, &c->identity, "forward", failed);
        return;
    }
    double size, other_size;
    double reverse = inner_product(c->adjoints, c->tangents, c->float_in.n, &size);
    double forward = inner_product(outputs + c->f->outputs.n, c->bars, c->float_out.n, &other_size);
    double limit = c->single ? 1e-4 : 1e-9;
    size = fmax(fmax(size, other_size), fmax(negligible(c, limit), DBL_MIN));
    double error = reverse == forward ? 0 : fabs(reverse - forward) / size;
    error = isfinite(error) ? error : INFINITY; /* one is NaN, or infinite and the other not */
    c->identity.compared++;
    c->identity.worst = fmax(c->identity.worst, error);
    if (error <= limit)
        return;
    if (c->identity.wrong++ < SHOWN)
        text_printf(&c->identity.lines,
                    "        point %d: reverse mode gives %.12g, forward mode %.12g\n", c->number,
                    reverse, forward);
}

static void check_point(Check *c) {
    if (!run_reverse(c))
        return;
    for (int leaf = 0; leaf < c->float_in.n; leaf++)
        check_leaf(c, leaf);
    check_direction(c);
    if (c->jvp)
        check_identity(c);
}

/* ---- the report ---- */

static void print_tally(Text *out, const Tally *tally) {
    const char *verdict = tally->wrong > 0 ? "FAILED" : tally->compared == 0 ? "?" : "ok";
    text_printf(out, "%-7s %s: %d compared", verdict, tally->what, tally->compared);
    if (tally->wrong > 0)
        text_printf(out, ", %d disagree", tally->wrong);
    if (tally->unsettled > 0)
        text_printf(out, ", %d not judged", tally->unsettled);
    text_printf(out, ", worst relative error %.1e\n", tally->worst);
    text_add(out, tally->lines.data ? tally->lines.data : "", tally->lines.n);
    if (tally->wrong > SHOWN)
        text_printf(out, "        ... %d more\n", tally->wrong - SHOWN);
}

static bool print_report(Check *c, int points, Text *out) {
    Tally all = {0};
    for (int k = 0; k < c->float_in.n + 2; k++) {
        const Tally *tally = k < c->float_in.n    ? &c->leaves[k]
                             : k == c->float_in.n ? &c->direction
                                                  : &c->identity;
        if (tally == &c->identity && !c->jvp)
            text_printf(out, "-       forward mode is left out: %s\n", c->no_forward);
        else
            print_tally(out, tally);
        all.compared += tally->compared;
        all.wrong += tally->wrong;
        all.unsettled += tally->unsettled;
        all.zeros += tally->zeros;
    }
    text_printf(out, "%s: %d point%s, %d comparisons, %d disagree", c->f->name, points,
                points == 1 ? "" : "s", all.compared, all.wrong);
    if (all.unsettled > 0)
        text_printf(out,
                    ", %d not judged: the differences do not settle there (a kink, a jump, noise)",
                    all.unsettled);
    text_puts(out, "\n");
    if (all.zeros > 0 && all.zeros == all.compared - c->identity.compared)
        text_puts(out, "every derivative is 0 at these points, which says little: choose others by "
                       "--arg or --seed\n");
    return all.wrong == 0 && all.compared > c->identity.compared;
}

static void start_tally(Check *c, Tally *tally, const char *what) {
    tally->what = what;
    text_init(&tally->lines, c->arena);
}

static void prepare(Check *c) {
    int n_in = c->f->inputs.n;
    c->inputs = new_arrays(c, n_in);
    c->moved = new_arrays(c, n_in);
    c->results = new_arrays(c, c->f->outputs.n);
    c->bars = new_arrays(c, c->float_out.n);
    c->tangents = new_arrays(c, c->float_in.n);
    c->adjoints = new_arrays(c, c->float_in.n);
    c->sizes = ARENA_ARRAY(c->arena, c->f->sizes.n + 1, int64_t);
    c->leaves = ARENA_ARRAY(c->arena, c->float_in.n + 1, Tally);
    for (int i = 0; i < c->float_in.n; i++)
        start_tally(c, &c->leaves[i], c->f->inputs.data[c->float_in.data[i]].path);
    start_tally(c, &c->direction, "along random directions");
    start_tally(c, &c->identity, "forward with reverse mode");
    c->random.state = c->options->seed;
}

/* With all arguments given there is one point. */
static int count_points(const Check *c, Array *const *given) {
    bool all = true;
    for (int i = 0; i < c->f->inputs.n; i++)
        all = all && given[i];
    return all ? 1 : c->options->points;
}

/* A function without float parameters has no derivative to check. */
static bool check_has_floats(Check *c, Source *source, const ProgramOptions *options,
                             const char *function) {
    AstModule *ast = compile_ast(c->ctx, source, options->how);
    const FnDecl *fn = NULL;
    bool floats = false;
    for (int i = 0; ast && i < ast->fns.n; i++)
        fn = strcmp(ast->fns.data[i]->name.atom, function) == 0 ? ast->fns.data[i] : fn;
    if (!fn || !fn->sig || fn->types.n > 0)
        return ast != NULL;
    for (int i = 0; i < fn->sig->params.n; i++)
        floats = floats || ty_has_float(fn->sig->params.data[i].ty);
    if (floats)
        return true;
    Diag *diag = diag_error(&c->ctx->diags, DIAG_derivative_not_float, fn->name.loc,
                            "no parameter of `%s` holds a float", function);
    diag_hint(&c->ctx->diags, diag, "it has no derivative to check");
    return false;
}

static bool holds_stop(const Check *c) {
    const Export *export;
    IrModule *m = callable_lower(c->f, &export);
    bool called = m && passes_run(m, "exported", NULL); /* nothing else is left */
    for (int i = 0; called && i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern && region_holds(m->funcs.data[i]->body, OP_stop))
            return true;
    return false;
}

static bool run(Check *c, Source *source, const ProgramOptions *options, Text *out) {
    const char *function = callable_resolve(c->ctx, source, options->how, c->options->function);
    FunctionArgs bound;
    if (!function || !function_args_bind(c->ctx, source, options->how, function,
                                         &c->options->arguments, true, &bound))
        return false;
    source = bound.source;
    function = bound.function;
    if (!check_has_floats(c, source, options, function) ||
        !compile_reverse(c, source, options, function))
        return false;
    compile_forward(c, source, options, function);
    program_function(c->program, 0)->name = bound.name;
    prepare(c);
    Array **given = new_arrays(c, c->f->inputs.n);
    int64_t *given_sizes = ARENA_ARRAY(c->arena, c->f->sizes.n + 1, int64_t);
    if (!arguments_bind(c->ctx, c->f, &bound.arguments, given, given_sizes))
        return false;
    int points = count_points(c, given);
    for (c->number = 1; c->number <= points; c->number++) {
        if (!draw_point(c, given, given_sizes))
            return false;
        check_point(c);
    }
    if (bound.chosen)
        text_printf(out, "with %s\n", bound.chosen);
    bool ok = print_report(c, points, out);
    if (!ok && holds_stop(c))
        text_puts(out, "it calls `stop`: differences move what that holds, derivatives do not\n");
    if (!ok && !c->options->rules_left_out)
        gradcheck_rules(c->ctx, source, options, c->options, function, out);
    return ok;
}

bool gradcheck_command(Context *ctx, Source *source, const ProgramOptions *options,
                       const GradcheckOptions *check, Text *out) {
    Context forward;
    context_init(&forward, &ctx->alloc);
    forward.alloc.oom = ctx->alloc.oom;
    Check c = {.ctx = ctx, .forward_ctx = &forward, .arena = &ctx->arena, .options = check};
    bool ok = run(&c, source, options, out);
    program_free(c.program);
    program_free(c.forward);
    context_free(&forward);
    return ok;
}
