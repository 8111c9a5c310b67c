/* Every float row of ir/ops.def: first and second derivatives, reverse and forward, f64 and f32.
 *
 * The expectations are independent of the rules: Ridders' extrapolated differences of the value
 * give the first derivative, of the gradient the second; forward mode must agree with reverse; f32
 * must agree with f64 to f32 precision. */
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Row {
    const char *name;
    Op op;
    int arity;
    double lo[3], hi[3];
    bool first_is_bool;
} Row;

static const Row rows[] = {
#define EW(name, n, class, bi, cost, pole, eval, d0, d1, d2, lo0, hi0, lo1, hi1)                   \
    ROW_##class(name, n, lo0, hi0, lo1, hi1)
#define ROW_FLT(name, n, lo0, hi0, lo1, hi1)                                                       \
    {#name, OP_##name, n, {lo0, lo1, lo1}, {hi0, hi1, hi1}, false},
#define ROW_NUM(name, n, lo0, hi0, lo1, hi1)                                                       \
    {#name, OP_##name, n, {lo0, lo1, lo1}, {hi0, hi1, hi1}, false},
#define ROW_SEL(name, n, lo0, hi0, lo1, hi1)                                                       \
    {#name, OP_##name, n, {lo0, lo1, lo1}, {hi0, hi1, hi1}, true},
#define ROW_INT(name, n, lo0, hi0, lo1, hi1)
#define ROW_CMP(name, n, lo0, hi0, lo1, hi1)
#define ROW_LOG(name, n, lo0, hi0, lo1, hi1)
#define ROW_TST(name, n, lo0, hi0, lo1, hi1)
#include "ir/ops.def"
};
enum { N_ROWS = sizeof rows / sizeof *rows, POINTS = 5 };

typedef struct Built {
    IrModule *m;
    Func *f, *grad, *forward, *second[3];
} Built;

static int failures, checks;

static void expect(const char *what, const char *op, double got, double want, double tolerance) {
    checks++;
    bool same = got == want || (isnan(got) && isnan(want));
    if (same || fabs(got - want) <= tolerance * (1.0 + fabs(want)))
        return;
    failures++;
    printf("%s of %s: got %.17g, expected %.17g\n", what, op, got, want);
}

static Value *arg(IrBuilder *b, int i) {
    return b->region->params.data[i];
}

static Func *begin(IrModule *m, const char *name, const Row *row, Scalar elem, IrBuilder *b) {
    Func *f = ir_func_new(m, atom_of(&m->ctx->atoms, name), (Loc){0, 0});
    for (int k = 0; k < row->arity; k++)
        ir_param(m, f->body, ir_scalar(m, k == 0 && row->first_is_bool ? S_bool : elem), NULL);
    ir_builder_init(b, m, f->body);
    vec_push(m->arena, &m->funcs, f);
    return f;
}

static Built build(Context *ctx, Arena *arena, const Row *row, Scalar elem) {
    Built t = {.m = ir_module_new(ctx, arena, "ops")};
    IrBuilder b;
    int first = row->first_is_bool, n = row->arity - first, wrt[3];
    Value *in[8];
    const Size *none[1] = {NULL};
    t.f = begin(t.m, "f", row, elem, &b);
    ir_yield(&b, ir_ew(&b, row->op, t.f->body->params.data));
    for (int k = 0; k < n; k++)
        wrt[k] = first + k;

    t.grad = begin(t.m, "grad", row, elem, &b);
    for (int k = 0; k < row->arity; k++)
        in[k] = arg(&b, k);
    in[row->arity] = ir_const(&b, ir_scalar(t.m, elem), 1.0);
    Inst *vjp = ir_vjp(&b, t.f, none, n, wrt, row->arity + 1, in);
    for (int k = 0; k < n; k++)
        ir_yield(&b, vjp->out[1 + k]);

    /* the sum over operands of tangent 1: forward mode's directional derivative along (1, 1, ..) */
    t.forward = begin(t.m, "forward", row, elem, &b);
    for (int k = 0; k < row->arity; k++)
        in[k] = arg(&b, k);
    for (int k = 0; k < n; k++)
        in[row->arity + k] = ir_const(&b, ir_scalar(t.m, elem), 1.0);
    ir_yield(&b, ir_jvp(&b, t.f, none, n, wrt, row->arity + n, in)->out[1]);

    for (int j = 0; j < n; j++) {
        t.second[j] = begin(t.m, "second", row, elem, &b);
        for (int k = 0; k < row->arity; k++)
            in[k] = arg(&b, k);
        for (int k = 0; k < n; k++)
            in[row->arity + k] = ir_const(&b, ir_scalar(t.m, elem), k == j ? 1.0 : 0.0);
        vjp = ir_vjp(&b, t.grad, none, n, wrt, row->arity + n, in);
        for (int k = 0; k < n; k++)
            ir_yield(&b, vjp->out[n + k]);
    }
    return t;
}

static double evaluate(Built *t, Func *f, const double *x, int result) {
    Arena scratch;
    Datum in[3], *args[3], **out;
    double fs[3];
    int64_t is[3];
    const char *failed = NULL;
    arena_init(&scratch, &t->m->ctx->alloc);
    out = ARENA_ARRAY(&scratch, ir_eval_n_results(f) + 1, Datum *);
    for (int k = 0; k < f->body->params.n; k++) {
        fs[k] = x[k];
        is[k] = x[k] > 0.5;
        in[k] =
            (Datum){.type = f->body->params.data[k]->type, .count = 1, .f = &fs[k], .i = &is[k]};
        args[k] = &in[k];
    }
    if (ir_eval(t->m, &scratch, f, NULL, args, out, &failed)) {
        printf("evaluation failed: %s\n", failed);
        exit(1);
    }
    double r = out[result]->f[0];
    arena_free(&scratch);
    return r;
}

/* Ridders: central differences at shrinking steps, extrapolated; returns the best estimate. */
static double difference(Built *t, Func *f, int result, const double *x, int k) {
    double table[8][8], h = 0.02, best = NAN, error = INFINITY, y[3];
    for (int i = 0; i < 8; i++, h /= 1.6) {
        for (int s = 0; s < 3; s++)
            y[s] = x[s];
        y[k] = x[k] + h;
        double up = evaluate(t, f, y, result);
        y[k] = x[k] - h;
        table[0][i] = (up - evaluate(t, f, y, result)) / (2 * h);
        double power = 1.6 * 1.6;
        for (int j = 1; j <= i; j++, power *= 1.6 * 1.6) {
            table[j][i] = (table[j - 1][i] * power - table[j - 1][i - 1]) / (power - 1);
            double e =
                fmax(fabs(table[j][i] - table[j - 1][i]), fabs(table[j][i] - table[j - 1][i - 1]));
            if (e < error) {
                error = e;
                best = table[j][i];
            }
        }
    }
    return best;
}

static void check_point(const Row *row, Built *wide, Built *narrow, const double *x) {
    int first = row->first_is_bool, n = row->arity - first;
    double along = 0;
    for (int k = 0; k < n; k++) {
        if (row->op == OP_polygamma && k == 0)
            continue; /* its order is a constant */
        double g = evaluate(wide, wide->grad, x, k);
        along += g;
        expect("first derivative", row->name, g, difference(wide, wide->f, 0, x, first + k), 1e-9);
        expect("f32 first derivative", row->name, evaluate(narrow, narrow->grad, x, k), g, 2e-5);
        for (int j = 0; j < n; j++) {
            if (row->op == OP_polygamma && j == 0)
                continue;
            double h = evaluate(wide, wide->second[k], x, j);
            expect("second derivative", row->name, h, difference(wide, wide->grad, k, x, first + j),
                   1e-8);
            expect("f32 second derivative", row->name, evaluate(narrow, narrow->second[k], x, j), h,
                   2e-4);
        }
    }
    expect("forward mode", row->name, evaluate(wide, wide->forward, x, 0), along, 1e-13);
}

int main(void) {
    uint64_t seed = 88172645463325252u;
    for (int r = 0; r < N_ROWS; r++) {
        Context ctx;
        Arena arena;
        context_init(&ctx, NULL);
        arena_init(&arena, &ctx.alloc);
        Built wide = build(&ctx, &arena, &rows[r], S_f64),
              narrow = build(&ctx, &arena, &rows[r], S_f32);
        const PassOptions options = {.verify_each = true};
        if (!passes_run(wide.m, "derive,simplify", &options) ||
            !passes_run(narrow.m, "derive,simplify", &options)) {
            printf("%s: %s\n", rows[r].name,
                   ctx.diags.items.n ? ctx.diags.items.data[0]->message : "passes failed");
            return 1;
        }
        for (int p = 0; p < POINTS; p++) {
            double x[3];
            for (int k = 0; k < 3; k++) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                double u = (double)(seed >> 11) * 0x1p-53;
                x[k] = (float)(rows[r].lo[k] + (rows[r].hi[k] - rows[r].lo[k]) *
                                                   u); /* the same point in both widths */
            }
            check_point(&rows[r], &wide, &narrow, x);
        }
        arena_free(&arena);
        context_free(&ctx);
    }
    printf("%d rows, %d checks, %d failures\n", (int)N_ROWS, checks, failures);
    return failures != 0;
}
