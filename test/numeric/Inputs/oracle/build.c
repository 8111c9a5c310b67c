/* Building a program: from its text to something that can be called. See oracle.h. */
#include "oracle.h"

#include "parser/parser.h"
#include "passes/passes.h"
#include "passes/specialize.h"
#include "runtime/pool.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool program_read(Program *p, const char *path) {
    FILE *file = fopen(path, "rb");
    *p = (Program){.path = path};
    if (!file)
        return false;
    size_t cap = 1 << 12;
    p->text = malloc(cap + 1);
    for (size_t got = 1; got > 0; p->len += got) {
        if (p->len == cap)
            p->text = realloc(p->text, (cap *= 2) + 1);
        got = fread(p->text + p->len, 1, cap - p->len, file);
    }
    p->text[p->len] = '\0';
    fclose(file);
    return true;
}

/* The text with every word f64 replaced: places stay the same. */
static void narrow_text(char *text) {
    for (char *at = strstr(text, "f64"); at; at = strstr(at + 3, "f64")) {
        bool inside = (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_')) ||
                      isalnum((unsigned char)at[3]) || at[3] == '_';
        if (!inside)
            memcpy(at, "f32", 3);
    }
}

static char *render_diags(Context *ctx) {
    Text text;
    text_init(&text, &ctx->arena);
    for (int i = 0; i < ctx->diags.items.n; i++)
        diag_render(&text, &ctx->sources, ctx->diags.items.data[i], false);
    return strdup(text.data ? text.data : "failed without a message\n");
}

/* The exports of the text that are not among the n asked for, which come last, go. */
static void keep_last_exports(IrModule *m, int n) {
    int dropped = m->exports.n - n;
    memmove(m->exports.data, m->exports.data + dropped, (size_t)n * sizeof *m->exports.data);
    m->exports.n = n;
}

static bool make_native(Build *b, const CompileOptions *options) {
    CodeBuffer object = {0};
    if (!compile_code(&b->ctx, b->m, options, EMIT_object, &object))
        return false;
    b->jit = jit_new(&b->ctx);
    int (*run)(BpcPart *, void *, int64_t, int64_t) = bpc_parallel;
    void *address;
    memcpy(&address, &run, sizeof address); /* ISO C has no cast from a function */
    bool ok = b->jit && jit_define(&b->ctx, b->jit, "bpc_parallel", address) &&
              jit_add_object(&b->ctx, b->jit, &object);
    codebuffer_free(&object);
    return ok;
}

/* In a folder of its own, which goes as soon as the library is open. */
static void *build_library(const Text *source, const char *cc, const char **error) {
    char folder[] = "/tmp/oracle-XXXXXX", path[64], library[64], command[512];
    if (!mkdtemp(folder))
        return NULL;
    snprintf(path, sizeof path, "%s/m.c", folder);
    snprintf(library, sizeof library, "%s/m.so", folder);
    snprintf(
        command, sizeof command,
        "%s -std=c99 -Wall -Wextra -Wpedantic -Wvla -Werror -ffp-contract=off -shared -fPIC %s "
        "-o %s -lm 1>&2",
        cc, path, library);
    FILE *file = fopen(path, "w");
    bool ok = file && fwrite(source->data, 1, source->n, file) == source->n;
    ok = (!file || fclose(file) == 0) && ok && system(command) == 0;
    void *handle = ok ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : NULL;
    *error = ok && !handle ? dlerror() : "the C compiler failed";
    unlink(path);
    unlink(library);
    rmdir(folder);
    return handle;
}

static bool make_c(Build *b, const Program *p, const CompileOptions *options) {
    Text source;
    const char *error = NULL;
    text_init(&source, &b->ctx.arena);
    b->m->name = options->module_name;
    const char *header = compile_header(&b->ctx, b->m);
    if (!compile_c(&b->ctx, b->m, options, header, &source))
        return false;
    if (p->code) {
        text_init(&source, &b->ctx.arena);
        text_puts(&source, p->code);
    }
    b->library = build_library(&source, b->config->cc, &error);
    if (!b->library)
        fprintf(stderr, "%s: %s\n", b->config->cc, error ? error : "");
    return b->library != NULL;
}

static bool reprint(Build *b, const Program *p, CompileOptions options) {
    Text text;
    text_init(&text, &b->ctx.arena);
    options.n_exports = 0;
    if (!compile_bp(&b->ctx, b->m, &text))
        return false;
    AstModule *ast =
        compile_ast(&b->ctx, source_add(&b->ctx.sources, p->path, text.data, text.n), &options);
    b->m = ast ? compile_ir(&b->ctx, ast, &options) : NULL;
    return b->m;
}

/* Every size of every export has the value of the row. */
static bool give_sizes(Build *b, const SizeRow *row) {
    VEC(SizeValue) values = {0};
    for (int i = 0; i < b->m->exports.n; i++) {
        const Func *f = b->m->exports.data[i]->func;
        for (int k = 0; k < f->sizes.n; k++) {
            SizeValue value = {f->sizes.data[k]->name, row_size(row, f->sizes.data[k]->name)};
            vec_push(&b->arena, &values, value);
        }
    }
    return sizes_specialize(b->m, values.data, values.n);
}

static bool make(Build *b, const Program *p, const char *const *exports, int n) {
    char *text = strdup(p->text);
    if (b->config->narrow)
        narrow_text(text);
    Source *source = source_add(&b->ctx.sources, p->path, text, p->len);
    free(text);
    CompileOptions options = {.module_name = "m",
                              .exports = exports,
                              .n_exports = n,
                              .opt_level = b->config->level,
                              .cpu = b->config->cpu,
                              .threads = b->config->threads,
                              .plain = b->config->plain,
                              .sanitize_nan = b->config->watched};
    AstModule *ast = compile_ast(&b->ctx, source, &options);
    b->m = ast ? compile_ir(&b->ctx, ast, &options) : NULL;
    if (!b->m)
        return false;
    b->m->split_all = true;
    b->m->piece = b->config->piece;
    if (n > 0)
        keep_last_exports(b->m, n);
    if (b->config->sized && !give_sizes(b, b->config->row))
        return false;
    if (b->config->reprint && !reprint(b, p, options))
        return false;
    if (b->config->cc)
        return make_c(b, p, &options);
    if (b->config->level >= 0)
        return make_native(b, &options);
    PassOptions passes = {.verify_each = true};
    return passes_run(b->m, "derive,exported", &passes);
}

bool build_open(Build *b, const Program *p, const Config *config, const char *const *exports, int n,
                char **messages) {
    memset(b, 0, sizeof *b);
    b->config = config;
    context_init(&b->ctx, NULL);
    b->ctx.real_is_f32 = config->narrow;
    arena_init(&b->arena, &b->ctx.alloc);
    bool ok = make(b, p, exports, n);
    if (ok)
        b->symbols = ARENA_ARRAY(&b->arena, b->m->exports.n + 1, Symbols);
    if (!ok && messages)
        *messages = render_diags(&b->ctx);
    return ok;
}

bool build_takes(const Build *b, const Export *e, const Point *p) {
    bool takes = true;
    for (int i = 0; b->config->sized && i < p->n_sizes; i++) {
        int from = export_size_from(e, i);
        int64_t size = from < 0 ? p->sizes[i] : p->args[from]->i[0];
        takes = takes && size == row_size(b->config->row, e->func->sizes.data[i]->name);
    }
    return takes;
}

void build_close(Build *b) {
    jit_free(b->jit);
    if (b->library)
        dlclose(b->library);
    arena_free(&b->arena);
    context_free(&b->ctx);
}

static void *look_up(const Build *b, const char *format, const char *name) {
    char symbol[160];
    snprintf(symbol, sizeof symbol, format, name);
    return b->jit ? jit_lookup(b->jit, symbol) : dlsym(b->library, symbol);
}

/* Each call asks for three symbols, and the JIT locks and sorts before it answers. Threads ask only
 * for what was asked before. */
Symbols build_symbols(const Build *b, const Export *e) {
    Symbols *known = b->symbols, *end = known + b->m->exports.n;
    for (; known < end && known->of; known++)
        if (known->of == e)
            return *known;
    Symbols found = {e, look_up(b, "%s", e->name), look_up(b, "%s_work", e->name),
                     look_up(b, "%s_error", "m")};
    if (known < end)
        *known = found;
    return found;
}

/* `name_2` for the second subject. */
static bool is_called(const char *export, const char *name, int subject) {
    size_t n = strlen(name);
    if (strncmp(export, name, n) != 0)
        return false;
    return subject > 1 ? export[n] == '_' && atoi(export + n + 1) == subject : export[n] == '\0';
}

const Export *build_find(const Build *b, const char *name) {
    for (int i = 0; i < b->m->exports.n; i++)
        if (is_called(b->m->exports.data[i]->name, name, b->subject))
            return b->m->exports.data[i];
    return NULL;
}
