/* The bp program that is measured, and calls of its functions; see ulp.h. */
#include "ulp.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool row_is_measured(Op op) {
    switch (op_info[op].class) {
    case OPC_FLT:
    case OPC_NUM:
    case OPC_CMP:
    case OPC_TST:
    case OPC_SEL:
        return true;
    default:
        return false;
    }
}

bool row_has_derivatives(Op op) {
    return row_is_measured(op) && op_info[op].class != OPC_CMP && op_info[op].class != OPC_TST;
}

/* The order of a polygamma and the condition of a select have no derivative. */
static int first_operand(Op op) {
    return op == OP_polygamma || op == OP_select ? 1 : 0;
}

int row_quantities(Op op, Quantity *q, int order) {
    int n = 1, arity = op_info[op].arity;
    q[0] = (Quantity){0, 0, 0};
    for (int k = first_operand(op); k < arity && order >= 1 && row_has_derivatives(op); k++)
        q[n++] = (Quantity){1, k, 0};
    for (int j = first_operand(op); j < arity && order >= 2 && row_has_derivatives(op); j++)
        for (int k = j; k < arity; k++)
            q[n++] = (Quantity){2, j, k};
    return n;
}

static const char *infix(Op op) {
    switch (op) {
    case OP_add:
        return "x + y";
    case OP_sub:
        return "x - y";
    case OP_mul:
        return "x * y";
    case OP_div:
        return "x / y";
    case OP_rem:
        return "x % y";
    case OP_neg:
        return "-x";
    case OP_eq:
        return "select(x == y, 1.0, 0.0)";
    case OP_ne:
        return "select(x != y, 1.0, 0.0)";
    case OP_lt:
        return "select(x < y, 1.0, 0.0)";
    case OP_le:
        return "select(x <= y, 1.0, 0.0)";
    case OP_gt:
        return "select(x > y, 1.0, 0.0)";
    case OP_ge:
        return "select(x >= y, 1.0, 0.0)";
    case OP_select:
        return "select(x > 0.0, y, z)";
    case OP_isnan:
        return "select(isnan(x), 1.0, 0.0)";
    case OP_isfinite:
        return "select(isfinite(x), 1.0, 0.0)";
    default:
        return NULL;
    }
}

static void symbol(char *name, size_t size, Op op, Quantity q) {
    int n = snprintf(name, size, "%s_%d", op_info[op].name, q.order);
    if (q.order > 0)
        n += snprintf(name + n, size - (size_t)n, "%d", q.first);
    if (q.order > 1)
        snprintf(name + n, size - (size_t)n, "%d", q.second);
}

static const char *const params[] = {"", "x: f64", "x: f64, y: f64", "x: f64, y: f64, z: f64"};
static const char *const args[] = {"", "x", "x, y", "x, y, z"};

static void print_scalar(FILE *out, Op op, Quantity q) {
    int n = op_info[op].arity;
    char name[64], below[64];
    symbol(name, sizeof name, op, q);
    fprintf(out, "fn s_%s(%s) -> f64 = ", name, params[n]);
    if (q.order == 0) {
        if (infix(op))
            fprintf(out, "%s;\n", infix(op));
        else
            fprintf(out, "%s(%s);\n", op_info[op].name, args[n]);
        return;
    }
    symbol(below, sizeof below, op, (Quantity){q.order - 1, q.first, 0});
    fprintf(out, "grad[%c](s_%s)(%s);\n", "xyz"[q.order == 1 ? q.first : q.second], below, args[n]);
}

static void print_map(FILE *out, Op op, Quantity q) {
    static const char *const arrays[] = {"", "x: [n]f64", "x: [n]f64, y: [n]f64",
                                         "x: [n]f64, y: [n]f64, z: [n]f64"};
    static const char *const items[] = {"", "x[i]", "x[i], y[i]", "x[i], y[i], z[i]"};
    int n = op_info[op].arity;
    char name[64];
    symbol(name, sizeof name, op, q);
    fprintf(out, "export fn m_%s[n](%s) -> [n]f64 = [ s_%s(%s) for i < n ];\n", name, arrays[n],
            name, items[n]);
}

char *program_text(const char *only, int order) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (Op op = 0; op < OP_ELEMENTWISE_END; op++) {
        if (!row_is_measured(op) || (only && strcmp(only, op_info[op].name) != 0))
            continue;
        Quantity q[1 + MOST_DERIVATIVES];
        int n = row_quantities(op, q, order);
        for (int i = 0; i < n; i++) {
            print_scalar(out, op, q[i]);
            print_map(out, op, q[i]);
        }
    }
    fclose(out);
    return text;
}

/* ---- calls ---- */

static bool interpret(const Build *b, const Export *e, int arity, const Points *points, double *y) {
    Arena arena;
    arena_init(&arena, (Alloc *)&b->ctx.alloc);
    Datum in[3], *args_in[3], **out = ARENA_ARRAY(&arena, 1, Datum *);
    const char *failed = NULL;
    int64_t n = points->n;
    for (int k = 0; k < arity; k++) {
        double *x = ARENA_ARRAY(&arena, (size_t)n + 1, double);
        for (int64_t i = 0; i < n; i++)
            x[i] = points->data[i].x[k];
        in[k] =
            (Datum){.type = e->func->body->params.data[k]->type, .dims = {n}, .count = n, .f = x};
        args_in[k] = &in[k];
    }
    bool ok = ir_eval(b->m, &arena, e->func, &n, args_in, out, &failed) == 0;
    if (ok)
        memcpy(y, out[0]->f, (size_t)n * sizeof *y);
    arena_free(&arena);
    return ok;
}

typedef int Map1(int64_t, const void *, void *, void *);
typedef int Map2(int64_t, const void *, const void *, void *, void *);
typedef int Map3(int64_t, const void *, const void *, const void *, void *, void *);

static int call_map(void *f, int arity, int64_t n, void *const *x, void *y, void *work) {
    return arity == 1   ? ((Map1 *)f)(n, x[0], y, work)
           : arity == 2 ? ((Map2 *)f)(n, x[0], x[1], y, work)
                        : ((Map3 *)f)(n, x[0], x[1], x[2], y, work);
}

static void *find(const Build *b, const char *name) {
    return b->jit ? jit_lookup(b->jit, name) : dlsym(b->library, name);
}

static bool call_native(const Build *b, const char *name, int arity, const Points *points,
                        double *y) {
    bool narrow = b->config->narrow;
    size_t n = (size_t)points->n, width = narrow ? sizeof(float) : sizeof(double);
    char work_name[96];
    snprintf(work_name, sizeof work_name, "%s_work", name);
    size_t (*work_size)(int64_t) = (size_t (*)(int64_t))find(b, work_name);
    void *f = find(b, name), *x[4];
    if (!f || !work_size)
        return false;
    for (int k = 0; k < 4; k++) {
        x[k] = malloc(n * width);
        for (size_t i = 0; i < n && k < arity; i++) {
            if (narrow)
                ((float *)x[k])[i] = (float)points->data[i].x[k];
            else
                ((double *)x[k])[i] = points->data[i].x[k];
        }
    }
    void *work = aligned_alloc(64, (work_size((int64_t)n) + 127) / 64 * 64);
    bool ok = call_map(f, arity, (int64_t)n, x, x[3], work) == 0;
    for (size_t i = 0; i < n; i++)
        y[i] = narrow ? (double)((float *)x[3])[i] : ((double *)x[3])[i];
    for (int k = 0; k < 4; k++)
        free(x[k]);
    free(work);
    return ok;
}

bool program_run(const Build *b, Op op, Quantity q, const Points *points, double *y) {
    char name[64], map[80];
    symbol(name, sizeof name, op, q);
    snprintf(map, sizeof map, "m_%s", name);
    const Export *e = build_find(b, map);
    if (!e)
        return false;
    return b->jit || b->library ? call_native(b, map, op_info[op].arity, points, y)
                                : interpret(b, e, op_info[op].arity, points, y);
}
