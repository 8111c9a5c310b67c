/* The C that `bpc --emit=c` prints against the object of the same program: every export of every
 * program given, on random inputs of many sizes, in f64 and f32. Statuses and their texts must be
 * the same, results equal to rounding; guards around results and workspace must survive, inputs
 * must be unchanged. The file must compile without a warning, and run without one from a sanitizer.
 *
 * RUN: %unit %s %libbpc -ldl -o %t
 * RUN: %t %t.dir gcc -O2 %top/examples/models %top/examples/digits %S/Inputs/loops \
 * RUN:     %S/Inputs/csource
 * RUN: %if !asan %{ %t %t.dir clang-19 "-O1 -fsanitize=undefined -fsanitize-trap=undefined" \
 * RUN:     %top/examples/models %S/Inputs/loops %S/Inputs/csource %}
 * RUN: %if !asan %{ sh -c 'ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(gcc -print-file-name=libasan.so) \
 * RUN:     %t %t.dir gcc "-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
 * RUN:     %top/examples/models %S/Inputs/loops %S/Inputs/csource' %}
 */
#include "codegen/csource.h"
#include "codegen/header.h"
#include "driver/compile.h"
#include "test/codegen/Inputs/differential.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>

enum { MOST_FIELDS = 64, TRIES = 40, MOST_TRIES = 1000 };
static const char *folder, *compiler, *flags;
static int successes;

/* ---- compilation ---- */

typedef struct Pair {
    Program object; /* the object and its module */
    void *library;  /* the C */
    int level;
} Pair;

static bool is_text(const char *path) {
    return strstr(path, ".bpir") != NULL;
}

/* The module before the passes. */
static IrModule *read_module(Program *p, const char *path, const CompileOptions *options) {
    static char text[1 << 18];
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    const char *base = strrchr(path, '/');
    Source *source = source_add(&p->ctx.sources, base ? base + 1 : path, text, len);
    if (is_text(path))
        return ir_read(&p->ctx, &p->arena, source);
    AstModule *ast = compile_ast(&p->ctx, source, options);
    return ast ? compile_ir(&p->ctx, ast, options) : NULL;
}

static void *build_library(const char *text, const char *name) {
    static int count;
    char c[512], so[512], command[2048];
    snprintf(c, sizeof c, "%s/%d_%s.c", folder, count, name);
    snprintf(so, sizeof so, "%s/%d_%s.so", folder, count++, name);
    FILE *file = fopen(c, "w");
    if (!file)
        return NULL;
    fputs(text, file);
    fclose(file);
    snprintf(command, sizeof command,
             "%s -std=c99 -Wall -Wextra -pedantic -Werror %s -shared -fPIC %s -o %s -lm", compiler,
             flags, c, so);
    return system(command) == 0 ? dlopen(so, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* Whether it needs functions that only a host has. */
static bool calls_host(const IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (m->funcs.data[i]->is_extern)
            return true;
    return false;
}

static bool pair_open(Pair *pair, const char *path, int level, bool f32) {
    static const char *const pipelines[] = {"O0", "O1", "O2", "O3"};
    Program *p = &pair->object;
    memset(pair, 0, sizeof *pair);
    pair->level = level;
    context_init(&p->ctx, NULL);
    arena_init(&p->arena, &p->ctx.alloc);
    p->ctx.real_is_f32 = f32;
    CompileOptions options = {.module_name = "m"};
    p->m = read_module(p, path, &options);
    bool ok = p->m != NULL;
    if (ok && calls_host(p->m))
        return true; /* csource.bp and the tests of rules link such programs with a host */
    const char *header = NULL;
    if (ok) {
        codegen_default_exports(p->m);
        p->m->name = "m";
        header = compile_header(&p->ctx, p->m);
    }
    ok = ok && passes_run(p->m, pipelines[level], NULL);
    Text text;
    text_init(&text, &p->arena);
    ok = ok && csource_print(&p->ctx, p->m, "m", header, &text);
    /* scalar code on both sides: then checks fail in the same order */
    CodegenOptions codegen = {.opt_level = 0, .module_name = "m"};
    CodeBuffer object = {0};
    ok = ok && codegen_emit(&p->ctx, p->m, &codegen, EMIT_object, &object);
    if (ok) {
        p->jit = jit_new(&p->ctx);
        ok = p->jit && jit_add_object(&p->ctx, p->jit, &object);
        codebuffer_free(&object);
    }
    if (!ok) {
        print_diags(&p->ctx);
        return false;
    }
    const char *base = strrchr(path, '/');
    pair->library =
        build_library(text.data, arena_printf(&p->arena, "%s_O%d%s", base ? base + 1 : path, level,
                                              f32 ? "_f32" : ""));
    return pair->library != NULL;
}

static void pair_close(Pair *pair) {
    if (pair->library)
        dlclose(pair->library);
    program_close(&pair->object);
}

/* ---- arguments ---- */

typedef struct Block {
    unsigned char *data, *copy;
    size_t bytes;
    Scalar elem;
    int64_t count;
} Block;

typedef struct Arguments {
    Call call;
    void *records[MOST_FIELDS][MOST_FIELDS]; /* leaves of structs: pointers, one after the other */
    int n_records;
    Block in[MOST_FIELDS], out[MOST_FIELDS];
    int n_in, n_out;
    int64_t ints[10]; /* sizes and integers, for NAME_work */
    int n_ints;
} Arguments;

typedef struct Draw {
    Arena *arena;
    const Func *func;
    const int64_t *sizes;
    bool positive, small;
} Draw;

static Datum *draw(const Draw *d, const Type *type) {
    Datum *x = random_datum(d->arena, type, d->func, d->sizes);
    for (int64_t k = 0; k < x->count; k++) {
        if (type_is_float(type) && d->positive)
            x->f[k] = type->elem == S_f32 ? (double)(float)(0.3 + 0.2 * fabs(x->f[k]))
                                          : 0.3 + 0.2 * fabs(x->f[k]);
        else if (!type_is_float(type) && d->small)
            x->i[k] = x->i[k] % 2;
    }
    return x;
}

static Block block_new(Scalar elem, int64_t count) {
    Block b = {.elem = elem, .count = count, .bytes = (size_t)count * (size_t)element_bytes(elem)};
    b.data = guarded_new(b.bytes);
    b.copy = malloc(b.bytes + 1);
    return b;
}

static void *draw_block(Arguments *a, const Draw *d, const Type *type) {
    Datum *x = draw(d, type);
    Block b = block_new(type->elem, x->count);
    for (int64_t k = 0; k < x->count; k++)
        store(b.data, x, k);
    memcpy(b.copy, b.data, b.bytes);
    a->in[a->n_in++] = b;
    return b.data;
}

static void *result_block(Arguments *a, const Draw *d, const Type *type) {
    int64_t count = 1;
    for (int k = 0; k < type->rank; k++)
        count *= size_at(type->dims[k], d->func, d->sizes);
    a->out[a->n_out] = block_new(type->elem, count < 0 ? 0 : count);
    return a->out[a->n_out++].data;
}

static void fill_record(Arguments *a, const Draw *d, const Param *param, void **record, int *field,
                        bool result) {
    for (int k = 0; k < param->n_fields; k++) {
        const Param *part = &param->fields[k];
        if (part->is_record)
            fill_record(a, d, part, record, field, result);
        else if (part->inactive)
            record[(*field)++] = NULL;
        else
            record[(*field)++] =
                result ? result_block(a, d, part->type) : draw_block(a, d, part->type);
    }
}

static void push(Arguments *a, int64_t x) {
    a->call.ints[a->call.n_ints++] = x;
}

static void push_record(Arguments *a, const Draw *d, const Param *param, bool result) {
    void **record = a->records[a->n_records++];
    int field = 0;
    fill_record(a, d, param, record, &field, result);
    push(a, (int64_t)(intptr_t)record);
}

static void push_input(Arguments *a, const Draw *d, const Param *param) {
    if (param->is_record) {
        push_record(a, d, param, false);
    } else if (param->type->rank > 0) {
        push(a, (int64_t)(intptr_t)draw_block(a, d, param->type));
    } else {
        Datum *x = draw(d, param->type);
        if (type_is_float(param->type)) {
            push_float(&a->call, param->type->elem, x->f[0]);
        } else {
            push(a, x->i[0]);
            if (param->type->elem != S_bool)
                a->ints[a->n_ints++] = x->i[0];
        }
    }
}

/* The size that the parameter gives, or -1. */
static int tied_size(const Export *export, const Param *param) {
    for (int k = 0; k < export->func->sizes.n; k++) {
        int from = export_size_from(export, k);
        if (from >= 0 && export->func->body->params.data[from]->name == param->name)
            return k;
    }
    return -1;
}

static void arguments_new(Arguments *a, const Draw *d, const Export *export) {
    memset(a, 0, sizeof *a);
    for (int k = 0; k < d->func->sizes.n; k++) {
        if (export_size_from(export, k) >= 0)
            continue;
        push(a, d->sizes[k]);
        a->ints[a->n_ints++] = d->sizes[k];
    }
    for (int k = 0; k < export->n_params; k++) {
        int size = tied_size(export, &export->params[k]);
        if (size >= 0) {
            push(a, d->sizes[size]);
            a->ints[a->n_ints++] = d->sizes[size];
        } else {
            push_input(a, d, &export->params[k]);
        }
    }
    for (int k = 0; k < export->n_results; k++) {
        if (export->results[k].is_record)
            push_record(a, d, &export->results[k], true);
        else
            push(a, (int64_t)(intptr_t)result_block(a, d, export->results[k].type));
    }
}

static void arguments_free(Arguments *a) {
    for (int k = 0; k < a->n_in + a->n_out; k++) {
        Block *b = k < a->n_in ? &a->in[k] : &a->out[k - a->n_in];
        guarded_free(b->data);
        free(b->copy);
    }
}

/* ---- comparison ---- */

typedef struct Case {
    const char *path, *name;
    const Draw *draw;
    int level;
} Case;

static void complain(const Case *c, const char *what) {
    failures++;
    printf("%s, %s, O%d, sizes", c->path, c->name, c->level);
    for (int k = 0; k < c->draw->func->sizes.n; k++)
        printf(" %lld", (long long)c->draw->sizes[k]);
    printf(": %s\n", what);
}

static int call_with_work(const Case *c, Arguments *a, void *function, void *work_function) {
    AnyWork *size = (AnyWork *)work_function;
    const int64_t *k = a->ints;
    int64_t bytes = size(k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9]);
    if (bytes < 0 || bytes > BIG * 64 || bytes % 64 != 0) {
        complain(c, "the workspace has no reasonable size");
        return -1;
    }
    for (int r = 0; r < a->n_out; r++)
        memset(a->out[r].data, 0x7f, a->out[r].bytes);
    unsigned char *work = guarded_new((size_t)bytes);
    Call with = a->call;
    with.ints[with.n_ints++] = (int64_t)(intptr_t)work;
    int status = call(&with, function);
    if (!guards_stand(work, (size_t)bytes))
        complain(c, "wrote beside the workspace");
    guarded_free(work);
    for (int r = 0; r < a->n_out; r++)
        if (!guards_stand(a->out[r].data, a->out[r].bytes))
            complain(c, "wrote beside a result");
    for (int r = 0; r < a->n_in; r++)
        if (!guards_stand(a->in[r].data, a->in[r].bytes) ||
            memcmp(a->in[r].data, a->in[r].copy, a->in[r].bytes) != 0)
            complain(c, "changed an input");
    return status;
}

/* The two differ in the order of sums of a product, and in fused multiplications: relative to the
 * largest element. */
static void compare_result(const Case *c, const Block *got, const unsigned char *want, int r) {
    double scale = 0, tolerance = got->elem == S_f32 ? 1e-4 : got->elem == S_f64 ? 1e-12 : 0;
    for (int64_t k = 0; k < got->count; k++) {
        double w = fabs(load(want, got->elem, k));
        scale = isfinite(w) && w > scale ? w : scale;
    }
    for (int64_t k = 0; k < got->count; k++) {
        double g = load(got->data, got->elem, k), w = load(want, got->elem, k);
        if (g != w && !(isnan(g) && isnan(w)) && !(fabs(g - w) <= tolerance * (1 + scale))) {
            char text[160];
            snprintf(text, sizeof text, "result %d at %lld: C has %.17g, the object %.17g", r,
                     (long long)k, g, w);
            complain(c, text);
            return;
        }
    }
}

static void *find(const Pair *pair, bool in_c, const char *name) {
    return in_c ? dlsym(pair->library, name) : jit_lookup(pair->object.jit, name);
}

static void run_case(const Case *c, const Pair *pair, Arguments *a) {
    char work[256];
    snprintf(work, sizeof work, "%s_work", c->name);
    int want = call_with_work(c, a, find(pair, false, c->name), find(pair, false, work));
    unsigned char *kept[MOST_FIELDS];
    for (int r = 0; r < a->n_out; r++) {
        kept[r] = malloc(a->out[r].bytes + 1);
        memcpy(kept[r], a->out[r].data, a->out[r].bytes);
    }
    int got = call_with_work(c, a, find(pair, true, c->name), find(pair, true, work));
    ErrorFn *c_error = (ErrorFn *)find(pair, true, "m_error"),
            *object_error = (ErrorFn *)find(pair, false, "m_error");
    const char *c_text = c_error(got), *object_text = object_error(want);
    if (got != want || (c_text == NULL) != (object_text == NULL) ||
        (c_text && strcmp(c_text, object_text) != 0)) {
        char text[400];
        snprintf(text, sizeof text, "C returns %d (%s), the object %d (%s)", got,
                 c_text ? c_text : "none", want, object_text ? object_text : "none");
        complain(c, text);
    }
    for (int r = 0; r < a->n_out; r++) {
        if (got == 0 && want == 0)
            compare_result(c, &a->out[r], kept[r], r);
        free(kept[r]);
    }
    runs++;
    successes += want == 0;
}

/* ---- programs ---- */

static bool fits_call(const Export *export) {
    int ints = export->func->sizes.n + 1 + export->n_results, floats = 0;
    for (int k = 0; k < export->n_params; k++) {
        const Param *param = &export->params[k];
        bool is_float = !param->is_record && param->type->rank == 0 && type_is_float(param->type);
        floats += is_float;
        ints += !is_float;
    }
    return ints <= 40 && floats <= 8;
}

static void run_export(const char *path, Pair *pair, const Export *export) {
    static Arguments arguments;
    int before = successes;
    for (int trial = 0; trial < TRIES || (successes < before + 8 && trial < MOST_TRIES); trial++) {
        int64_t sizes[10];
        for (int s = 0; s < export->func->sizes.n; s++)
            sizes[s] =
                1 + (int64_t)(next_random() %
                              (trial % 4 == 3 ? 12 : 4)); /* few: relations between them may hold */
        Draw d = {&pair->object.arena, export->func, sizes, trial % 3 != 0, trial % 5 != 0};
        Case c = {path, export->name, &d, pair->level};
        arguments_new(&arguments, &d, export);
        run_case(&c, pair, &arguments);
        arguments_free(&arguments);
    }
    if (successes == before) {
        failures++;
        printf("%s, %s: no run came to its end\n", path, export->name);
    }
}

static void run_program(const char *path, int level, bool f32) {
    static Pair pair;
    if (!pair_open(&pair, path, level, f32)) {
        failures++;
        printf("%s, O%d%s: does not compile\n", path, level, f32 ? ", f32" : "");
    }
    for (int e = 0; pair.library && e < pair.object.m->exports.n; e++)
        if (fits_call(pair.object.m->exports.data[e]))
            run_export(path, &pair, pair.object.m->exports.data[e]);
    pair_close(&pair);
}

static int is_program(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && (strcmp(dot, ".bp") == 0 || strcmp(dot, ".bpir") == 0);
}

static void run_folder(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, is_program, alphasort);
    for (int k = 0; k < n; k++) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", path, entries[k]->d_name);
        free(entries[k]);
        if (!strstr(flags, "sanitize")) /* slow: one level with sanitizers will do */
            run_program(file, 0, false);
        run_program(file, 3, false);
        if (!is_text(file))
            run_program(file, 3, true);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv) {
    unsetenv("LD_PRELOAD"); /* for this process only, not for the compiler */
    if (argc < 5)
        return 2;
    folder = argv[1];
    compiler = argv[2];
    flags = argv[3];
    mkdir(folder, 0777);
    for (int k = 4; k < argc; k++)
        run_folder(argv[k]);
    printf("%d runs, %d successful, %d failures\n", runs, successes, failures);
    return failures > 0 || successes == 0;
}
