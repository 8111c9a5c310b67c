/* Every elementwise operation and conversion in printed C, at every type and at the values where C
 * itself has no answer or another one (overflow, division of the lowest by -1, floats beyond the
 * integers, NaN, zeros), against the definitions in ir/eval_math.h. Undefined behaviour traps.
 *
 * RUN: %unit %s %libbpc -ldl -o %t
 * RUN: %t %t.dir gcc "-fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all -lubsan"
 * RUN: %t %t.dir clang-19 "-fsanitize=undefined,float-cast-overflow -fsanitize-trap=all"
 */
#include "codegen/codegen.h"
#include "codegen/csource.h"
#include "codegen/header.h"
#include "ir/eval_math.h"
#include "passes/passes.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const type_names[] = {
    [S_bool] = "bool", [S_i32] = "i32", [S_i64] = "i64", [S_f32] = "f32", [S_f64] = "f64"};
static int failures, compared;

/* ---- the module ---- */

typedef struct Row {
    Op op; /* OP_convert: to the type `to` */
    Scalar elem, to;
} Row;

typedef struct Rows {
    Row rows[512];
    int n;
} Rows;

static bool has_type(Op op, Scalar elem) {
    switch (op_info[op].class) {
    case OPC_FLT:
    case OPC_TST:
        return elem >= S_f32;
    case OPC_NUM:
        return elem != S_bool;
    case OPC_INT:
        return elem == S_i32 || elem == S_i64;
    case OPC_LOG:
        return elem == S_bool;
    default:
        return true;
    }
}

static Scalar result_type(Op op, Scalar elem) {
    OpClass class = op_info[op].class;
    return class == OPC_CMP || class == OPC_LOG || class == OPC_TST ? S_bool : elem;
}

static const char *row_name(char *name, const Row *row) {
    sprintf(name, "f_%s_%s_%s", op_info[row->op].name, type_names[row->elem], type_names[row->to]);
    return name;
}

static void print_row(Text *out, const Row *row) {
    char name[64];
    const char *t = type_names[row->elem], *first = row->op == OP_select ? "bool" : t;
    int n = row->op == OP_convert ? 1 : op_info[row->op].arity;
    static const char *const operands[] = {"%a", "%a, %b", "%a, %b, %c"};
    row_name(name, row);
    text_printf(out, "func @%s[n](%%x: [n]%s, %%y: [n]%s, %%z: [n]%s) -> ([n]%s) {\n", name, first,
                t, t, type_names[row->to]);
    text_printf(
        out,
        "  %%r = loop %%i < n slice(%%a = %%x, %%b = %%y, %%c = %%z) {\n    %%q = %s %s : %s\n",
        op_info[row->op].name, operands[n - 1], type_names[row->to]);
    text_printf(out, "    yield stack(%%q)\n  } : [n]%s\n  return %%r\n}\nexport @%s as %s\n",
                type_names[row->to], name, name);
}

static void add_rows(Rows *rows) {
    for (Op op = 0; op < OP_ELEMENTWISE_END; op++)
        for (Scalar elem = S_bool; elem <= S_f64; elem++)
            if (has_type(op, elem))
                rows->rows[rows->n++] = (Row){op, elem, result_type(op, elem)};
    for (Scalar from = S_bool; from <= S_f64; from++)
        for (Scalar to = S_bool; to <= S_f64; to++)
            if (from != to && !(from >= S_f32 && to == S_bool))
                rows->rows[rows->n++] = (Row){OP_convert, from, to};
}

static void *build(Context *ctx, const Rows *rows, char **argv) {
    Text text, printed;
    text_init(&text, &ctx->arena);
    text_init(&printed, &ctx->arena);
    text_puts(&text, "module m\n");
    for (int k = 0; k < rows->n; k++)
        print_row(&text, &rows->rows[k]);
    Source *source = source_add(&ctx->sources, "ops", text.data, text.n);
    IrModule *m = ir_read(ctx, &ctx->arena, source);
    if (!m || !ir_verify(m))
        return NULL;
    codegen_default_exports(m);
    Text header;
    text_init(&header, &ctx->arena);
    header_print(&header, m);
    if (!csource_print(ctx, m, "m", header.data, &printed))
        return NULL;
    mkdir(argv[1], 0777);
    char c[512], so[512], command[2048];
    snprintf(c, sizeof c, "%s/ops.c", argv[1]);
    snprintf(so, sizeof so, "%s/ops_%s.so", argv[1], argv[2]);
    FILE *file = fopen(c, "w");
    fputs(printed.data, file);
    fclose(file);
    snprintf(command, sizeof command,
             "%s -std=c99 -O1 -Wall -Wextra -pedantic -Werror -shared -fPIC %s -o %s %s -lm",
             argv[2], c, so, argv[3]);
    return system(command) == 0 ? dlopen(so, RTLD_NOW) : NULL;
}

/* ---- values ---- */

typedef struct Number {
    double f;
    int64_t i;
} Number;

static const double floats[] = {
    0.0,   -0.0,      1.0,          -1.0,         0.5,           -2.5,   2.5,     3.7,
    10.25, 0.3,       -0.75,        1e300,        -1e300,        1e-310, 1e18,    INFINITY,
    NAN,   -INFINITY, 2147483647.0, 2147483648.0, -2147483649.0, 9.3e18, -9.3e18, -7.0};
static const int64_t ints[] = {0,         1,         -1,        2,         7,       -7,
                               INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 20, -3000000000};
enum { N_FLOATS = sizeof floats / sizeof *floats, N_INTS = sizeof ints / sizeof *ints };

static int n_values(Scalar elem) {
    return elem >= S_f32 ? N_FLOATS : N_INTS;
}

static Number value_at(Scalar elem, int k) {
    if (elem >= S_f32)
        return (Number){.f = eval_round(elem, floats[k % N_FLOATS])};
    return (Number){.i = elem == S_bool ? k % 2 : eval_wrap(elem, ints[k % N_INTS])};
}

static void put(void *array, Scalar elem, int k, Number x) {
    switch (elem) {
    case S_bool:
        ((bool *)array)[k] = x.i != 0;
        break;
    case S_i32:
        ((int32_t *)array)[k] = (int32_t)x.i;
        break;
    case S_i64:
        ((int64_t *)array)[k] = x.i;
        break;
    case S_f32:
        ((float *)array)[k] = (float)x.f;
        break;
    case S_f64:
        ((double *)array)[k] = x.f;
        break;
    }
}

static Number get(const void *array, Scalar elem, int k) {
    switch (elem) {
    case S_bool:
        return (Number){.i = ((const bool *)array)[k]};
    case S_i32:
        return (Number){.i = ((const int32_t *)array)[k]};
    case S_i64:
        return (Number){.i = ((const int64_t *)array)[k]};
    case S_f32:
        return (Number){.f = (double)((const float *)array)[k]};
    default:
        return (Number){.f = ((const double *)array)[k]};
    }
}

/* False: there is no value. */
static bool expected(const Row *row, const Number *x, Number *r) {
    *r = (Number){0};
    if (row->op == OP_convert) {
        if (row->elem >= S_f32 && row->to >= S_f32)
            r->f = eval_round(row->to, x[0].f);
        else if (row->elem >= S_f32)
            r->i = eval_float_to_int(row->to, x[0].f);
        else if (row->to >= S_f32)
            r->f = row->to == S_f32 ? (double)(float)x[0].i : (double)x[0].i;
        else
            r->i = eval_wrap(row->to, x[0].i);
        return true;
    }
    if (row->op == OP_select) {
        *r = x[0].i ? x[1] : x[2];
        return true;
    }
    if (row->elem < S_f32)
        return eval_integer(row->op, row->elem, x[0].i, x[1].i, x[2].i, &r->i);
    double f = eval_function(row->op)(x[0].f, x[1].f, x[2].f);
    r->f = eval_round(row->to, f);
    r->i = (int64_t)(row->to == S_bool ? f : 0);
    return true;
}

static bool same(const Row *row, Number got, Number want) {
    if (row->to < S_f32)
        return got.i == want.i;
    double tolerance = row->to == S_f32 ? 1e-6 : 1e-15;
    return got.f == want.f || (isnan(got.f) && isnan(want.f)) ||
           fabs(got.f - want.f) <= tolerance * fabs(want.f);
}

/* ---- a row ---- */

typedef int Function(int64_t n, const void *x, const void *y, const void *z, void *out, void *work);

static void run_row(void *library, const Row *row) {
    enum { MOST = N_FLOATS * N_FLOATS };
    static double in[3][MOST], out[MOST];
    int each = n_values(row->elem), n = each * each;
    Scalar first = row->op == OP_select ? S_bool : row->elem;
    for (int k = 0; k < n; k++) {
        put(in[0], first, k, value_at(first, k / each));
        put(in[1], row->elem, k, value_at(row->elem, k % each));
        put(in[2], row->elem, k, value_at(row->elem, (k + k / each + 3) % each));
    }
    char name[64];
    Function *f = (Function *)dlsym(library, row_name(name, row));
    if (!f || f(n, in[0], in[1], in[2], out, NULL) != 0) {
        failures++;
        printf("%s: does not run\n", name);
        return;
    }
    for (int k = 0; k < n; k++) {
        Number x[] = {get(in[0], first, k), get(in[1], row->elem, k), get(in[2], row->elem, k)},
               want;
        Number got = get(out, row->to, k);
        if (!expected(row, x, &want))
            continue;
        compared++;
        if (!same(row, got, want)) {
            failures++;
            printf("%s of %.17g %.17g %.17g, %lld %lld %lld: %.17g %lld, expected %.17g %lld\n",
                   name, x[0].f, x[1].f, x[2].f, (long long)x[0].i, (long long)x[1].i,
                   (long long)x[2].i, got.f, (long long)got.i, want.f, (long long)want.i);
            return;
        }
    }
}

int main(int argc, char **argv) {
    static Rows rows;
    Context ctx;
    if (argc < 4)
        return 2;
    context_init(&ctx, NULL);
    add_rows(&rows);
    void *library = build(&ctx, &rows, argv);
    for (int k = 0; library && k < rows.n; k++)
        run_row(library, &rows.rows[k]);
    for (int k = 0; k < ctx.diags.items.n; k++)
        puts(ctx.diags.items.data[k]->message);
    printf("%d operations, %d values, %d failures\n", rows.n, compared, failures);
    context_free(&ctx);
    return failures > 0 || compared == 0;
}
