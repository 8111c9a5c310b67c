/* The IR is closed under differentiation: derivatives of derivatives to third order, of programs
 * that use every structural operation, against extrapolated differences; reverse against forward
 * mode; before against after the optimising passes.
 *
 * For each program f, G0 = f and Gk = the sum of all elements of grad(Gk-1), each with a weight of
 * its own. So the gradient of Gk-1 along a direction must be the difference quotient of Gk-1, at
 * every order. */
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 3, MAX_ARGS = 12, MAX_ELEMENTS = 512 };

typedef struct Program {
    const char *name, *text;
    int64_t sizes[4];
} Program;

static const Program programs[] = {
#define PROGRAM(name, n0, n1, n2, text) {name, text, {n0, n1, n2, 0}},
#include "test/numeric/Inputs/closure_programs.def"
};

static int failures, checks;
static uint64_t seed = 88172645463325252u;

static double uniform(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

static void expect(const char *program, int order, const char *what, double got, double want,
                   double tolerance) {
    checks++;
    if (fabs(got - want) <= tolerance * (1.0 + fabs(want)))
        return;
    failures++;
    printf("%s, order %d, %s: got %.15g, expected %.15g\n", program, order, what, got, want);
}

/* ---- building the chain of derivatives ---- */

static Func *like(IrModule *m, const Func *f, const char *name, IrBuilder *b, IrMap *map) {
    Func *g = ir_func_new(m, atom_of(&m->ctx->atoms, name), (Loc){0, 0});
    irmap_init(map, m, m->arena);
    for (int i = 0; i < f->sizes.n; i++) {
        SizeSym *sym = sizesym_new(&m->ctx->polys, f->sizes.data[i]->name, (Loc){0, 0});
        vec_push(m->arena, &g->sizes, sym);
        ptrmap_put(&map->syms, f->sizes.data[i], (void *)(uintptr_t)size_sym(&m->ctx->polys, sym));
    }
    for (int i = 0; i < f->body->params.n; i++)
        ir_param(m, g->body, irmap_type(map, f->body->params.data[i]->type), NULL);
    ir_builder_init(b, m, g->body);
    vec_push(m->arena, &m->funcs, g);
    return g;
}

/* sum over elements of x[j]*sin(1 + j + shift) */
static Value *weighted(IrBuilder *b, Value *x, double shift) {
    IrModule *m = b->m;
    const Size *count = ir_type_count(m, x->type);
    Value *flat = x->type->rank ? ir_reshape(b, x, ir_type(m, S_f64, 1, &count)) : x;
    if (x->type->rank == 0)
        return ir_ew2(b, OP_mul, x, ir_const(b, x->type, sin(1 + shift)));
    Value *j = ir_convert(b, ir_iota(b, count), S_f64);
    Value *w = ir_ew1(b, OP_sin, ir_ew2(b, OP_add, j, ir_const(b, j->type, 1 + shift)));
    return ir_reduce(b, RED_sum, ir_ew2(b, OP_mul, flat, w), 1);
}

/* grad: the adjoints of all float parameters; next: their weighted sum; along: forward mode with
 * tangents given last. */
static Func *derivatives(IrModule *m, Func *f, int order, Func **grad, Func **along) {
    IrBuilder b;
    IrMap map;
    int wrt[MAX_ARGS], n_wrt = 0, n = f->body->params.n;
    Value *in[2 * MAX_ARGS + 1];
    char name[32];
    for (int i = 0; i < n; i++)
        if (type_is_float(f->body->params.data[i]->type))
            wrt[n_wrt++] = i;
    Func *next = NULL;
    for (int which = 0; which < 3; which++) {
        snprintf(name, sizeof name, "%c%d", "gna"[which], order);
        Func *g = like(m, f, name, &b, &map);
        const Size **sizes = ARENA_ARRAY(m->arena, f->sizes.n + 1, const Size *);
        for (int i = 0; i < f->sizes.n; i++)
            sizes[i] = size_sym(&m->ctx->polys, g->sizes.data[i]);
        for (int i = 0; i < n; i++)
            in[i] = g->body->params.data[i];
        if (which == 2) {
            for (int i = 0; i < n_wrt; i++)
                in[n + i] = ir_param(m, g->body, in[wrt[i]]->type, NULL);
            ir_yield(&b, ir_jvp(&b, f, sizes, n_wrt, wrt, n + n_wrt, in)->out[1]);
            *along = g;
            continue;
        }
        in[n] = ir_const(&b, ir_scalar(m, S_f64), 1.0);
        Inst *vjp = ir_vjp(&b, f, sizes, n_wrt, wrt, n + 1, in);
        if (which == 0) {
            for (int i = 0; i < n_wrt; i++)
                ir_yield(&b, vjp->out[1 + i]);
            *grad = g;
        } else {
            Value *sum = NULL;
            for (int i = 0; i < n_wrt; i++) {
                Value *part = weighted(&b, vjp->out[1 + i], i);
                sum = sum ? ir_ew2(&b, OP_add, sum, part) : part;
            }
            ir_yield(&b, sum);
            next = g;
        }
    }
    return next;
}

/* ---- evaluation ---- */

typedef struct Point {
    int n;
    Datum data[2 * MAX_ARGS];
    double f[2 * MAX_ARGS][MAX_ELEMENTS];
    int64_t i[2 * MAX_ARGS][MAX_ELEMENTS];
} Point;

static int64_t size_value(const Func *f, const Size *size, const int64_t *sizes) {
    int64_t sum = 0;
    for (int t = 0; t < size->n; t++) {
        int64_t product = size->terms[t].coef;
        for (int k = 0; k < size->terms[t].degree; k++)
            for (int s = 0; s < f->sizes.n; s++)
                if (f->sizes.data[s] == size->terms[t].syms[k])
                    product *= sizes[s];
        sum += product;
    }
    return sum;
}

static void random_point(const Func *f, const int64_t *sizes, Point *p) {
    p->n = f->body->params.n;
    for (int k = 0; k < p->n; k++) {
        const Type *type = f->body->params.data[k]->type;
        Datum *d = &p->data[k];
        *d = (Datum){.type = type, .count = 1, .f = p->f[k], .i = p->i[k]};
        for (int a = 0; a < type->rank; a++) {
            d->dims[a] = size_value(f, type->dims[a], sizes);
            d->count *= d->dims[a];
        }
        for (int64_t e = 0; e < d->count; e++) {
            d->f[e] = 0.2 + uniform();
            d->i[e] = (int64_t)(uniform() * 3);
        }
    }
}

static Datum **evaluate(IrModule *m, Arena *scratch, const char *name, const int64_t *sizes,
                        Point *p) {
    Datum *args[2 * MAX_ARGS], **out = ARENA_ARRAY(scratch, MAX_ARGS, Datum *);
    const char *failed = NULL;
    for (int k = 0; k < p->n; k++)
        args[k] = &p->data[k];
    if (ir_eval(m, scratch, ir_find_func(m, name), sizes, args, out, &failed)) {
        printf("evaluation of %s failed: %s\n", name, failed);
        exit(1);
    }
    return out;
}

static double scalar(IrModule *m, const char *name, const int64_t *sizes, Point *p) {
    Arena scratch;
    arena_init(&scratch, &m->ctx->alloc);
    double r = evaluate(m, &scratch, name, sizes, p)[0]->f[0];
    arena_free(&scratch);
    return r;
}

static double moved(IrModule *m, const char *name, const int64_t *sizes, const Point *at,
                    const Point *direction, double h) {
    static Point p;
    p = *at;
    for (int k = 0; k < p.n; k++) {
        p.data[k].f = p.f[k];
        p.data[k].i = p.i[k];
        for (int64_t e = 0; type_is_float(p.data[k].type) && e < p.data[k].count; e++)
            p.f[k][e] += h * direction->f[k][e];
    }
    return scalar(m, name, sizes, &p);
}

static double difference(IrModule *m, const char *name, const int64_t *sizes, const Point *at,
                         const Point *direction) {
    double table[8][8], h = 0.02, best = NAN, error = INFINITY;
    for (int i = 0; i < 8; i++, h /= 1.6) {
        table[0][i] =
            (moved(m, name, sizes, at, direction, h) - moved(m, name, sizes, at, direction, -h)) /
            (2 * h);
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

/* ---- one program ---- */

static IrModule *read_program(Context *ctx, Arena *arena, const Program *program) {
    Source *source = source_add(&ctx->sources, program->name, program->text, strlen(program->text));
    IrModule *m = ir_read(ctx, arena, source);
    if (!m)
        return NULL;
    Func *f = m->funcs.data[0], *grad, *along;
    for (int order = 1; order <= ORDERS; order++)
        f = derivatives(m, f, order, &grad, &along);
    return m;
}

static void report(Context *ctx, const char *name) {
    printf("%s failed\n", name);
    for (int i = 0; i < ctx->diags.items.n; i++) {
        Text text;
        text_init(&text, &ctx->arena);
        diag_render(&text, &ctx->sources, ctx->diags.items.data[i], false);
        printf("%s\n", text.data);
    }
    failures++;
}

static void check_order(const Program *program, IrModule *m, int order, const Point *at,
                        double *gradients) {
    static Point p, direction;
    char base[32], grad[32], along[32];
    const char *f = m->funcs.data[0]->name;
    if (order == 1)
        snprintf(base, sizeof base, "%s", f);
    else
        snprintf(base, sizeof base, "n%d", order - 1);
    snprintf(grad, sizeof grad, "g%d", order);
    snprintf(along, sizeof along, "a%d", order);
    for (int trial = 0; trial < 2; trial++) {
        random_point(m->funcs.data[0], program->sizes, &direction);
        p = *at;
        int n = p.n;
        for (int k = 0; k < n; k++) {
            p.data[k].f = p.f[k];
            p.data[k].i = p.i[k];
        }
        Arena scratch;
        arena_init(&scratch, &m->ctx->alloc);
        Datum **g = evaluate(m, &scratch, grad, program->sizes, &p);
        double dot = 0;
        for (int k = 0, j = 0; k < n; k++) {
            if (!type_is_float(p.data[k].type))
                continue;
            for (int64_t e = 0; e < p.data[k].count; e++)
                dot += g[j]->f[e] * direction.f[k][e];
            p.data[p.n] = p.data[k];
            p.data[p.n].f = p.f[p.n];
            memcpy(p.f[p.n], direction.f[k], sizeof direction.f[k]);
            p.n++;
            j++;
        }
        arena_free(&scratch);
        *gradients++ = dot;
        expect(program->name, order, "reverse mode", dot,
               difference(m, base, program->sizes, at, &direction), 2e-8);
        expect(program->name, order, "forward mode", scalar(m, along, program->sizes, &p), dot,
               1e-11);
    }
}

static void check_program(const Program *program) {
    static const char *const pipelines[] = {"derive,simplify", "derive,loops,dce", "O1", "O2"};
    static Point at;
    double gradients[4][2 * ORDERS];
    uint64_t start = seed;
    for (int k = 0; k < 4; k++) {
        Context ctx;
        Arena arena;
        context_init(&ctx, NULL);
        arena_init(&arena, &ctx.alloc);
        IrModule *m = read_program(&ctx, &arena, program);
        const PassOptions options = {.verify_each = true};
        if (m && ir_verify(m) && passes_run(m, pipelines[k], &options)) {
            seed = start; /* the same points for every pipeline */
            random_point(m->funcs.data[0], program->sizes, &at);
            for (int order = 1; order <= ORDERS; order++)
                check_order(program, m, order, &at, &gradients[k][2 * (order - 1)]);
            for (int i = 0; k > 0 && i < 2 * ORDERS; i++)
                expect(program->name, 1 + i / 2, pipelines[k], gradients[k][i], gradients[0][i],
                       1e-11);
        } else {
            report(&ctx, program->name);
        }
        arena_free(&arena);
        context_free(&ctx);
    }
}

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (argc < 2 || !strcmp(argv[1], programs[i].name))
            check_program(&programs[i]);
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
