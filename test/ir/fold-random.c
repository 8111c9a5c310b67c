/* Folding against the interpreter: random straight-line functions are emitted twice, with folding
 * and as they stand; both are verified, give the same values, and print the same after being read
 * back. */
#include "ir/ir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FUNCS = 4000, N_INSTS = 24, N_POOL = 96 };

static uint64_t state = 88172645463325252u;
static uint32_t rnd(uint32_t n) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

/* The values built so far, in both functions. */
typedef struct Pool {
    Value *v[2][N_POOL];
    int n;
} Pool;

static void add(Pool *p, Value *folded, Value *plain) {
    if (p->n < N_POOL) {
        p->v[0][p->n] = folded;
        p->v[1][p->n++] = plain;
    }
}

static int pick(const Pool *p, const Type *type) {
    for (int tries = 0; tries < 200; tries++) {
        int k = (int)rnd((uint32_t)p->n);
        if (p->v[0][k]->type == type) {
            return k;
        }
    }
    return -1;
}

static const double numbers[] = {0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -1.75};

static bool emit_ew(IrBuilder *b, Pool *p, const Type *type) {
    static const Op floats[] = {OP_add,  OP_sub, OP_mul, OP_div,   OP_neg, OP_min, OP_max, OP_abs,
                                OP_relu, OP_cos, OP_pow, OP_clamp, OP_fma, OP_lt,  OP_eq,  OP_ge};
    static const Op integers[] = {OP_add, OP_sub, OP_mul, OP_neg, OP_min, OP_max,
                                  OP_lt,  OP_le,  OP_eq,  OP_ne,  OP_gt};
    static const Op logic[] = {OP_and, OP_or, OP_not};
    IrModule *m = b[0].m;
    Op op = type_is_float(type)    ? floats[rnd(16)]
            : type->elem == S_bool ? logic[rnd(3)]
                                   : integers[rnd(11)];
    if (rnd(5) == 0) {
        op = OP_select;
    }
    int at[3];
    for (int i = 0; i < op_info[op].arity; i++) {
        at[i] = pick(p, op == OP_select && i == 0 ? ir_with_elem(m, type, S_bool) : type);
        if (at[i] < 0) {
            return false;
        }
    }
    Value *out[2];
    for (int side = 0; side < 2; side++) {
        Value *in[3];
        for (int i = 0; i < op_info[op].arity; i++) {
            in[i] = p->v[side][at[i]];
        }
        out[side] = ir_ew(&b[side], op, in);
    }
    add(p, out[0], out[1]);
    return true;
}

static void emit_array(IrBuilder *b, Pool *p, const Type *vec, const Type *mat,
                       const Type *scalar) {
    IrModule *m = b[0].m;
    const int8_t perm[] = {1, 0};
    int v = pick(p, vec), s = pick(p, scalar), x = pick(p, mat);
    int64_t i = rnd(3), j = rnd(3);
    uint32_t kind = rnd(12);
    if (v < 0 || s < 0 || x < 0) {
        return;
    }
    Value *out[2];
    for (int side = 0; side < 2; side++) {
        IrBuilder *e = &b[side];
        Value *V = p->v[side][v], *S = p->v[side][s], *X = p->v[side][x];
        Value *idx[] = {ir_int(e, S_i64, i), ir_int(e, S_i64, j)};
        switch (kind) {
        case 0:
            out[side] = ir_index(e, V, 1, idx);
            break;
        case 1:
            out[side] = ir_index(e, X, 2, idx);
            break;
        case 2:
            out[side] = ir_index(e, X, 1, idx);
            break;
        case 3:
            out[side] = ir_add_at(e, X, V, 1, idx);
            break;
        case 4:
            out[side] = ir_update(e, X, S, 2, idx);
            break;
        case 5:
            out[side] = ir_transpose(e, X, perm);
            break;
        case 6:
            out[side] = ir_broadcast(e, V, mat);
            break;
        case 7:
            out[side] = ir_broadcast(e, S, vec);
            break;
        case 8:
            out[side] = ir_array(e, 3, (Value *[]){V, V, ir_index(e, X, 1, idx)});
            break;
        case 9:
            out[side] = ir_reverse(e, X);
            break;
        case 10:
            out[side] = ir_slice(e, ir_concat(e, 2, (Value *[]){X, X}), idx[0], vec->dims[0]);
            break;
        default:
            out[side] = ir_reshape(
                e,
                ir_reshape(e, X,
                           ir_type(m, S_f64, 1, (const Size *[]){size_const(&m->ctx->polys, 9)})),
                mat);
            break;
        }
    }
    add(p, out[0], out[1]);
}

static Func *begin(IrModule *m, IrBuilder *b, const char *name, bool fold) {
    Func *f = ir_func_new(m, atom_of(&m->ctx->atoms, name), (Loc){0, 0});
    ir_builder_init(b, m, f->body);
    b->fold = fold;
    vec_push(m->arena, &m->funcs, f);
    return f;
}

static bool same(double x, double y) {
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y));
}

/* Sums after a reciprocal may cancel; only what the documented folds may change is let through. */
static bool same_results(Datum *const *results, int n) {
    for (int i = 0; i < n; i++) {
        const Datum *x = results[i], *y = results[n + i];
        for (int64_t k = 0; k < x->count; k++) {
            bool is_float = type_is_float(x->type);
            if (is_float ? !same(x->f[k], y->f[k]) : x->i[k] != y->i[k]) {
                fprintf(stderr, "result %d[%lld]: %.17g and %.17g\n", i, (long long)k,
                        is_float ? x->f[k] : (double)x->i[k], is_float ? y->f[k] : (double)y->i[k]);
                return false;
            }
        }
    }
    return true;
}

static const char *text_of(Context *ctx, const IrModule *m) {
    Text text;
    text_init(&text, &ctx->arena);
    ir_print(&text, m);
    return text.data;
}

static bool round_trip(Context *ctx, Arena *arena, const IrModule *m) {
    const char *text = text_of(ctx, m);
    Source *source = source_add(&ctx->sources, "printed.bpir", text, strlen(text));
    IrModule *back = ir_read(ctx, arena, source);
    return back && ir_verify(back) && strcmp(text_of(ctx, back), text) == 0;
}

static bool one_function(Context *ctx, Arena *arena) {
    IrModule *m = ir_module_new(ctx, arena, "random");
    IrBuilder b[2];
    Func *f[2] = {begin(m, &b[0], "folded", true), begin(m, &b[1], "plain", false)};
    const Size *three = size_const(&ctx->polys, 3), *dims[] = {three, three};
    const Type *types[] = {ir_scalar(m, S_f64),        ir_type(m, S_f64, 1, dims),
                           ir_type(m, S_f64, 2, dims), ir_scalar(m, S_i64),
                           ir_scalar(m, S_bool),       ir_scalar(m, S_f32)};
    Pool pool = {.n = 0};
    Datum *args[12];
    int n_args = 0;
    for (int t = 0; t < 6; t++) {
        for (int k = 0; k < 2; k++) {
            Value *params[2];
            for (int side = 0; side < 2; side++) {
                params[side] =
                    ir_param(m, f[side]->body, types[t], k ? atom_of(&ctx->atoms, "x") : NULL);
            }
            add(&pool, params[0], params[1]);
            Datum *d = ARENA_NEW(arena, Datum);
            d->type = types[t];
            d->dims[0] = d->dims[1] = 3;
            d->count = types[t]->rank == 0 ? 1 : types[t]->rank == 1 ? 3 : 9;
            d->f = ARENA_ARRAY(arena, 9, double);
            d->i = ARENA_ARRAY(arena, 9, int64_t);
            for (int j = 0; j < 9; j++) {
                d->f[j] = rnd(4) == 0 ? numbers[rnd(8)] : (double)((int)rnd(64) - 32) / 8.0;
                d->i[j] = types[t]->elem == S_bool ? (int64_t)rnd(2) : (int64_t)rnd(9) - 4;
            }
            args[n_args++] = d;
        }
        for (int k = 0; k < 3; k++) {
            double c = types[t]->elem == S_bool  ? rnd(2)
                       : types[t]->elem == S_i64 ? (double)rnd(4) - 1
                                                 : numbers[rnd(8)];
            add(&pool, ir_const(&b[0], types[t], c), ir_const(&b[1], types[t], c));
        }
    }
    for (int i = 0; i < N_INSTS; i++) {
        if (rnd(3) == 0) {
            emit_array(b, &pool, types[1], types[2], types[0]);
        } else {
            emit_ew(b, &pool, types[rnd(6)]);
        }
    }
    for (int i = 12 + 18; i < pool.n; i++) {
        ir_yield(&b[0], pool.v[0][i]);
        ir_yield(&b[1], pool.v[1][i]);
    }
    int n = ir_eval_n_results(f[0]);
    Datum *results[2 * N_POOL];
    const char *failed = NULL;
    bool ok = ir_verify(m);
    for (int side = 0; side < 2 && ok; side++) {
        ok = ir_eval(m, arena, f[side], NULL, args, results + side * n, &failed) == 0;
    }
    /* a gate times inf or nan is zero by design, and everything after differs: those runs are not
     * compared */
    bool finite = true;
    for (int i = 0; i < 2 * n && ok; i++) {
        for (int64_t k = 0; k < results[i]->count && type_is_float(results[i]->type); k++) {
            finite = finite && isfinite(results[i]->f[k]);
        }
    }
    ok = ok && (!finite || same_results(results, n)) && round_trip(ctx, arena, m);
    if (!ok) {
        fprintf(stderr, "%s\n%s\n", failed ? failed : "", text_of(ctx, m));
    }
    return ok;
}

int main(void) {
    for (int i = 0; i < N_FUNCS; i++) {
        Context ctx;
        Arena arena;
        context_init(&ctx, NULL);
        arena_init(&arena, &ctx.alloc);
        if (!one_function(&ctx, &arena)) {
            return 1;
        }
        arena_free(&arena);
        context_free(&ctx);
    }
    return 0;
}
