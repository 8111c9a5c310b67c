/* Functions of any signature on small arguments. See evaluate.h. */
#include "test/fuzz/evaluate.h"

#include "test/fuzz/fuzz.h"

static const EvalLimits limits = {.steps = 20000, .elements = 1 << 16};

/* -1: a negative extent, or beyond the limit */
static int64_t extent(const Func *f, const Size *size, const int64_t *sizes) {
    int64_t sum = 0;
    for (int i = 0; i < size->n; i++) {
        int64_t product = size->terms[i].coef;
        for (int k = 0; k < size->terms[i].degree; k++)
            for (int s = 0; s < f->sizes.n; s++)
                if (f->sizes.data[s] == size->terms[i].syms[k] &&
                    __builtin_mul_overflow(product, sizes[s], &product))
                    return -1;
        if (__builtin_add_overflow(sum, product, &sum))
            return -1;
    }
    return sum > 4096 ? -1 : sum;
}

static Datum *argument(Context *ctx, const Func *f, const Type *type, const int64_t *sizes,
                       uint32_t bits) {
    static const double floats[] = {0.5, -1.25, 2.0, 0.0, 3.5, 1.0, -0.75, 1e-3};
    Datum *d = ARENA_NEW(&ctx->arena, Datum);
    d->type = type;
    d->count = 1;
    for (int axis = 0; axis < type->rank; axis++) {
        d->dims[axis] = extent(f, type->dims[axis], sizes);
        if (d->dims[axis] < 0 || __builtin_mul_overflow(d->count, d->dims[axis], &d->count) ||
            d->count > 4096)
            return NULL;
    }
    d->f = ARENA_ARRAY(&ctx->arena, d->count + 1, double);
    d->i = ARENA_ARRAY(&ctx->arena, d->count + 1, int64_t);
    for (int64_t k = 0; k < d->count; k++) {
        d->f[k] = floats[((uint64_t)k + bits) % 8];
        d->i[k] = type->elem == S_bool ? (int64_t)(((uint64_t)k + bits) % 2)
                                       : (int64_t)(((uint64_t)k + bits) % 4);
    }
    return d;
}

bool evaluate(Context *ctx, IrModule *m, Func *f, uint32_t bits, Datum **results) {
    int64_t *sizes = ARENA_ARRAY(&ctx->arena, f->sizes.n + 1, int64_t);
    Datum **args = ARENA_ARRAY(&ctx->arena, f->body->params.n + 1, Datum *);
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = (int64_t)((bits >> i % 8) % 4);
    for (int i = 0; i < f->body->params.n; i++)
        if (!(args[i] = argument(ctx, f, f->body->params.data[i]->type, sizes, bits + (uint32_t)i)))
            return false;
    const char *failed = NULL;
    bool ok = ir_eval_within(m, &ctx->arena, limits, f, sizes, args, results, &failed) == 0;
    FUZZ_CHECK(ok == !failed, "the interpreter failed without a message");
    return ok;
}

void evaluate_exports(Context *ctx, IrModule *m) {
    for (int i = 0; i < m->exports.n && i < 4; i++) {
        Func *f = m->exports.data[i]->func;
        Datum **results = ARENA_ARRAY(&ctx->arena, ir_eval_n_results(f) + 1, Datum *);
        evaluate(ctx, m, f, (uint32_t)i + 1, results);
    }
}
