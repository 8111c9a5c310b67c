/* Runs textual IR through the JIT in several configurations and compares with the interpreter, on
 * random inputs. Guards around every result and the workspace must survive, inputs must be
 * unchanged, results are poisoned before. Included by the tests that have a main. */
#ifndef BPC_TEST_DIFFERENTIAL_H
#define BPC_TEST_DIFFERENTIAL_H

#include "codegen/codegen.h"
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, MOST_LEAVES = 24, TRIALS = 24, BIG = 1 << 19 };
static const unsigned char GUARD_BYTE = 0xA5;
static int failures, runs;

typedef struct Config {
    const char *name, *pipeline, *cpu;
    int level;
} Config;

static const Config configs[] = {
    {"O0 as it stands", NULL, NULL, 0},    {"O3 as it stands", NULL, NULL, 3},
    {"O3 for AVX2", NULL, "x86-64-v3", 3}, {"O3 for SSE", NULL, "x86-64", 3},
    {"O0 after passes", "O0", NULL, 0},    {"O3 after passes", "O3", NULL, 3},
};

static uint64_t seed = 88172645463325252u;
static uint64_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int element_bytes(Scalar s) {
    return s == S_bool ? 1 : s == S_i32 || s == S_f32 ? 4 : 8;
}

/* ---- memory with guards ---- */

static unsigned char *guarded_new(size_t bytes) {
    unsigned char *block = aligned_alloc(64, (bytes + 2 * GUARD + 63) / 64 * 64);
    memset(block, GUARD_BYTE, bytes + 2 * GUARD);
    return block + GUARD;
}

static bool guards_stand(const unsigned char *data, size_t bytes) {
    for (int k = 0; k < GUARD; k++)
        if (data[-1 - k] != GUARD_BYTE || data[bytes + (size_t)k] != GUARD_BYTE)
            return false;
    return true;
}

static void guarded_free(unsigned char *data) {
    free(data - GUARD);
}

static void store(unsigned char *to, const Datum *d, int64_t k) {
    switch (d->type->elem) {
    case S_bool:
        to[k] = (unsigned char)d->i[k];
        break;
    case S_i32:
        ((int32_t *)(void *)to)[k] = (int32_t)d->i[k];
        break;
    case S_i64:
        ((int64_t *)(void *)to)[k] = d->i[k];
        break;
    case S_f32:
        ((float *)(void *)to)[k] = (float)d->f[k];
        break;
    case S_f64:
        ((double *)(void *)to)[k] = d->f[k];
        break;
    }
}

static double load(const unsigned char *from, Scalar elem, int64_t k) {
    switch (elem) {
    case S_bool:
        return from[k];
    case S_i32:
        return ((const int32_t *)(const void *)from)[k];
    case S_i64:
        return (double)((const int64_t *)(const void *)from)[k];
    case S_f32:
        return ((const float *)(const void *)from)[k];
    default:
        return ((const double *)(const void *)from)[k];
    }
}

/* ---- inputs ---- */

static int64_t size_at(const Size *size, const Func *f, const int64_t *sizes) {
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

static Datum *random_datum(Arena *arena, const Type *type, const Func *f, const int64_t *sizes) {
    Datum *d = ARENA_NEW(arena, Datum);
    d->type = type;
    d->count = 1;
    for (int k = 0; k < type->rank; k++) {
        d->dims[k] = size_at(type->dims[k], f, sizes);
        d->count *= d->dims[k];
    }
    if (type_is_float(type))
        d->f = ARENA_ARRAY(arena, d->count + 1, double);
    else
        d->i = ARENA_ARRAY(arena, d->count + 1, int64_t);
    for (int64_t k = 0; k < d->count; k++) {
        double x = (double)(next_random() >> 11) * 0x1p-53;
        if (type_is_float(type))
            d->f[k] = type->elem == S_f32 ? (double)(float)(4 * x - 2) : 4 * x - 2;
        else
            d->i[k] = type->elem == S_bool ? x < 0.5 : (int64_t)(x * 6);
    }
    return d;
}

/* ---- calls ----
 * Integers and pointers go to integer registers and then the stack, floats to their own registers;
 * so one prototype with enough of both serves every signature of the System V ABI. */
typedef struct Call {
    int64_t ints[40];
    double floats[8];
    int n_ints, n_floats;
} Call;

static void push_float(Call *c, Scalar elem, double x) {
    if (elem == S_f32) {
        float narrow = (float)x;
        memcpy(&c->floats[c->n_floats++], &narrow, sizeof narrow);
    } else {
        c->floats[c->n_floats++] = x;
    }
}

#define I(k) int64_t
#define A(k) c->ints[k]
#define TEN(X, k)                                                                                  \
    X(k), X(k + 1), X(k + 2), X(k + 3), X(k + 4), X(k + 5), X(k + 6), X(k + 7), X(k + 8), X(k + 9)
#define FLOATS(c)                                                                                  \
    c->floats[0], c->floats[1], c->floats[2], c->floats[3], c->floats[4], c->floats[5],            \
        c->floats[6], c->floats[7]
typedef int Any(TEN(I, 0), TEN(I, 0), TEN(I, 0), TEN(I, 0), double, double, double, double, double,
                double, double, double);
typedef int64_t AnyWork(TEN(I, 0));
typedef const char *ErrorFn(int);

static int call(const Call *c, void *address) {
    Any *f = (Any *)address;
    return f(TEN(A, 0), TEN(A, 10), TEN(A, 20), TEN(A, 30), FLOATS(c));
}

/* ---- one run ---- */

typedef struct Program {
    Context ctx;
    Arena arena;
    IrModule *m;
    Jit *jit;
} Program;

static void print_diags(Context *ctx) {
    Text text;
    text_init(&text, &ctx->arena);
    for (int k = 0; k < ctx->diags.items.n; k++)
        diag_render(&text, &ctx->sources, ctx->diags.items.data[k], false);
    if (text.data)
        fputs(text.data, stdout);
}

static bool program_open(Program *p, const char *name, const char *text, size_t len,
                         const Config *config) {
    memset(p, 0, sizeof *p);
    context_init(&p->ctx, NULL);
    arena_init(&p->arena, &p->ctx.alloc);
    Source *source = source_add(&p->ctx.sources, name, text, len);
    p->m = ir_read(&p->ctx, &p->arena, source);
    bool ok = p->m && ir_verify(p->m);
    const char *pipeline =
        config ? config->pipeline : "derive"; /* the interpreter takes no derivatives */
    if (ok && pipeline) {
        PassOptions options = {.verify_each = true};
        ok = passes_run(p->m, pipeline, &options);
    }
    if (ok && config) {
        CodegenOptions options = {
            .opt_level = config->level, .cpu = config->cpu, .module_name = "m"};
        CodeBuffer object;
        ok = codegen_emit(&p->ctx, p->m, &options, EMIT_object, &object);
        if (ok) {
            p->jit = jit_new(&p->ctx);
            ok = p->jit && jit_add_object(&p->ctx, p->jit, &object);
            codebuffer_free(&object);
        }
    }
    if (!ok)
        print_diags(&p->ctx);
    return ok;
}

static void program_close(Program *p) {
    jit_free(p->jit);
    arena_free(&p->arena);
    context_free(&p->ctx);
}

static void fail(const char *file, const Config *config, const int64_t *sizes, int n,
                 const char *what) {
    failures++;
    printf("%s, %s, sizes", file, config->name);
    for (int k = 0; k < n; k++)
        printf(" %lld", (long long)sizes[k]);
    printf(": %s\n", what);
}

static bool same(double got, double want, Scalar elem) {
    double tolerance = elem == S_f32 ? 2e-4 : elem == S_f64 ? 1e-8 : 0;
    return got == want || (isnan(got) && isnan(want)) ||
           fabs(got - want) <= tolerance * (1 + fabs(want));
}

typedef struct Trial {
    const char *file;
    const Config *config;
    Program *program;
    const char *symbol;
    int n_sizes, n_args, n_results, status;
    const int64_t *sizes;
    Datum **args, **want;
    const char *message;
    bool whole;
} Trial;

static void compare(const Trial *t, unsigned char *const *out) {
    for (int r = 0; r < t->n_results; r++) {
        const Datum *w = t->want[r];
        Scalar elem = w->type->elem;
        for (int64_t k = 0; k < w->count; k++) {
            double want = type_is_float(w->type) ? w->f[k] : (double)w->i[k],
                   got = load(out[r], elem, k);
            if (!same(got, want, elem)) {
                char text[160];
                snprintf(text, sizeof text, "result %d at %lld: got %.17g, expected %.17g", r,
                         (long long)k, got, want);
                fail(t->file, t->config, t->sizes, t->n_sizes, text);
                return;
            }
        }
    }
}

static void check_status(const Trial *t, int status) {
    ErrorFn *error = (ErrorFn *)jit_lookup(t->program->jit, "m_error");
    const char *got = error ? error(status) : NULL, *want = t->status ? t->message : NULL;
    bool any_order =
        t->whole && got && want; /* passes may reorder iterations, and so which check fails first */
    if ((got || want) && !any_order && (!got || !want || strcmp(got, want) != 0)) {
        char text[400];
        snprintf(text, sizeof text, "failed with: %s, expected: %s", got ? got : "nothing",
                 want ? want : "nothing");
        fail(t->file, t->config, t->sizes, t->n_sizes, text);
    }
}

static int64_t work_bytes(const Trial *t) {
    Call c = {0};
    char name[128];
    for (int k = 0; k < t->n_sizes; k++)
        c.ints[c.n_ints++] = t->sizes[k];
    for (int k = 0; k < t->n_args; k++)
        if (t->args[k]->type->rank == 0 &&
            (t->args[k]->type->elem == S_i64 || t->args[k]->type->elem == S_i32))
            c.ints[c.n_ints++] = t->args[k]->i[0];
    snprintf(name, sizeof name, "%s_work", t->symbol);
    AnyWork *f = (AnyWork *)jit_lookup(t->program->jit, name);
    const Call *p = &c;
    return f(p->ints[0], p->ints[1], p->ints[2], p->ints[3], p->ints[4], p->ints[5], p->ints[6],
             p->ints[7], p->ints[8], p->ints[9]);
}

static void run(const Trial *t) {
    Call c = {0};
    unsigned char *in[MOST_LEAVES] = {0}, *copy[MOST_LEAVES] = {0}, *out[MOST_LEAVES] = {0};
    size_t in_bytes[MOST_LEAVES] = {0}, out_bytes[MOST_LEAVES] = {0};
    for (int k = 0; k < t->n_sizes; k++)
        c.ints[c.n_ints++] = t->sizes[k];
    for (int k = 0; k < t->n_args; k++) {
        const Datum *d = t->args[k];
        if (d->type->rank == 0 && type_is_float(d->type)) {
            push_float(&c, d->type->elem, d->f[0]);
        } else if (d->type->rank == 0) {
            c.ints[c.n_ints++] = d->i[0];
        } else {
            in_bytes[k] = (size_t)d->count * (size_t)element_bytes(d->type->elem);
            in[k] = guarded_new(in_bytes[k]);
            for (int64_t i = 0; i < d->count; i++)
                store(in[k], d, i);
            copy[k] = malloc(in_bytes[k] + 1);
            memcpy(copy[k], in[k], in_bytes[k]);
            c.ints[c.n_ints++] = (int64_t)(intptr_t)in[k];
        }
    }
    for (int r = 0; r < t->n_results && t->status == 0; r++) {
        out_bytes[r] = (size_t)t->want[r]->count * (size_t)element_bytes(t->want[r]->type->elem);
        out[r] = guarded_new(out_bytes[r]);
        c.ints[c.n_ints++] = (int64_t)(intptr_t)out[r];
    }
    /* a call that is going to fail may write its results before */
    for (int r = 0; r < t->n_results && t->status != 0; r++) {
        out_bytes[r] = BIG;
        out[r] = guarded_new(BIG);
        c.ints[c.n_ints++] = (int64_t)(intptr_t)out[r];
    }
    int64_t bytes = work_bytes(t);
    unsigned char *work = guarded_new((size_t)bytes);
    if (bytes % 64 != 0)
        fail(t->file, t->config, t->sizes, t->n_sizes, "the workspace is not a multiple of 64");
    c.ints[c.n_ints++] = (int64_t)(intptr_t)work;
    int status = call(&c, jit_lookup(t->program->jit, t->symbol));
    runs++;
    check_status(t, status);
    if (!guards_stand(work, (size_t)bytes))
        fail(t->file, t->config, t->sizes, t->n_sizes, "wrote beside the workspace");
    for (int r = 0; r < t->n_results; r++)
        if (!guards_stand(out[r], out_bytes[r]))
            fail(t->file, t->config, t->sizes, t->n_sizes, "wrote beside a result");
    for (int k = 0; k < t->n_args; k++)
        if (in[k] &&
            (memcmp(in[k], copy[k], in_bytes[k]) != 0 || !guards_stand(in[k], in_bytes[k])))
            fail(t->file, t->config, t->sizes, t->n_sizes, "changed an input");
    if (status == 0 && t->status == 0)
        compare(t, out);
    for (int k = 0; k < t->n_args; k++)
        if (in[k]) {
            guarded_free(in[k]);
            free(copy[k]);
        }
    for (int r = 0; r < t->n_results; r++)
        guarded_free(out[r]);
    guarded_free(work);
}

/* ---- a program ---- */

/* Runs every export of the program under every configuration. most: the largest size tried. */
static void run_text(const char *name, const char *text, size_t len, int trials, int64_t most) {
    enum { N = sizeof configs / sizeof configs[0] };
    static Program reference, compiled[N];
    static const int64_t choices[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33, 40, 64, 70, 0};
    if (!program_open(&reference, name, text, len, NULL)) {
        failures++;
        return;
    }
    bool built[N] = {false};
    for (int k = 0; k < N; k++) {
        if (strstr(text, "// whole") && !configs[k].pipeline)
            continue;
        built[k] = program_open(&compiled[k], name, text, len, &configs[k]);
        if (!built[k]) {
            failures++;
            printf("%s: not compiled, %s\n", name, configs[k].name);
        }
    }
    for (int e = 0; e < reference.m->exports.n; e++) {
        const Export *export = reference.m->exports.data[e];
        Func *f = export->func;
        for (int trial = 0; trial < trials; trial++) {
            int64_t sizes[8];
            Datum *args[MOST_LEAVES], *want[MOST_LEAVES] = {0};
            const char *message = NULL;
            for (int s = 0; s < f->sizes.n; s++)
                sizes[s] = choices[trial < 17 && s == 0 ? (uint64_t)trial
                                                        : next_random() % (trial < 20 ? 16 : 17)];
            for (int s = 0; s < f->sizes.n; s++)
                sizes[s] = sizes[s] > most ? most : sizes[s];
            for (int k = 0; k < f->body->params.n; k++)
                args[k] = random_datum(&reference.arena, f->body->params.data[k]->type, f, sizes);
            int status = ir_eval(reference.m, &reference.arena, f, sizes, args, want, &message);
            for (int k = 0; k < N; k++) {
                if (!built[k])
                    continue;
                Trial t = {name,
                           &configs[k],
                           &compiled[k],
                           export->name,
                           f->sizes.n,
                           f->body->params.n,
                           ir_eval_n_results(f),
                           status,
                           sizes,
                           args,
                           want,
                           message,
                           strstr(text, "// whole") != NULL};
                run(&t);
            }
        }
    }
    for (int k = 0; k < N; k++)
        program_close(&compiled[k]);
    program_close(&reference);
}

#endif
