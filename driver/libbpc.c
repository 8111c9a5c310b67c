/* The public library: contexts, modules, diagnostics. The interface and its promises stand in
 * driver/bpc.h.
 *
 * A BpcModule owns a whole Context (its texts, trees and code live until it is freed); a BpcContext
 * owns only the allocator and copies of the last compilation's diagnostics. Every entry that may
 * allocate runs inside guarded(), which is where running out of memory unwinds to. No global state.
 */
#include "driver/bpc.h"

#include "codegen/header.h"
#include "driver/compile.h"
#include "driver/nan_diagnostic.h"
#include "runtime/pool.h"

#include <llvm/Config/llvm-config.h>
#include <string.h>

struct BpcContext {
    Alloc alloc;
    Arena arena; /* of the diagnostics */
    VEC(BpcDiagnostic) diags;
    Text text;
};

struct BpcModule {
    BpcContext *owner;
    Context ctx;
    CodeBuffer object;
    const char *header;
    const char *error_function; /* "model_error" */
    VEC(const char *) exports;
    Jit *jit;                /* NULL until the first function is asked for */
    const char *link_error;  /* NULL: none */
    const char *name, *text; /* what it was compiled from */
    size_t len;
    BpcOptions options;       /* what it points to is copied */
    VEC(BpcModule *) special; /* compiled for more sizes */
    bool sanitize_nan;
    Arena nan_text; /* of the last bpc_module_nan */
};

/* Runs body(arg); false when it said so or when memory ran out. */
static bool guarded(Alloc *first, Alloc *second, bool (*body)(void *), void *arg) {
    jmp_buf out_of_memory;
    first->oom = &out_of_memory;
    second->oom = &out_of_memory;
    volatile bool ok = false;
    if (setjmp(out_of_memory) == 0)
        ok = body(arg);
    first->oom = NULL;
    second->oom = NULL;
    return ok;
}

/* ---- versions and options ---- */

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *bpc_version(void) {
    return VERSION_TEXT(BPC_VERSION_MAJOR, BPC_VERSION_MINOR, BPC_VERSION_PATCH);
}

const char *bpc_llvm_version(void) {
    return LLVM_VERSION_STRING;
}

BpcOptions bpc_options_default(void) {
    return (BpcOptions){.opt_level = 3};
}

/* ---- contexts ---- */

BpcContext *bpc_context_new(const BpcAllocator *allocator) {
    Alloc alloc;
    alloc_default(&alloc);
    if (allocator)
        alloc = (Alloc){allocator->alloc, allocator->release, allocator->user, NULL};
    BpcContext *ctx = alloc.alloc(alloc.user, sizeof *ctx);
    if (!ctx)
        return NULL;
    memset(ctx, 0, sizeof *ctx);
    ctx->alloc = alloc;
    arena_init(&ctx->arena, &ctx->alloc);
    text_init(&ctx->text, &ctx->arena);
    return ctx;
}

void bpc_context_free(BpcContext *ctx) {
    if (!ctx)
        return;
    arena_free(&ctx->arena);
    Alloc alloc = ctx->alloc;
    alloc.release(alloc.user, ctx);
}

/* ---- diagnostics ---- */

static void forget_diagnostics(BpcContext *ctx) {
    arena_free(&ctx->arena);
    memset(&ctx->diags, 0, sizeof ctx->diags);
    text_init(&ctx->text, &ctx->arena);
}

static const char *copy(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text, strlen(text)) : NULL;
}

static void keep_diagnostic(BpcContext *owner, const Context *ctx, const Diag *diag) {
    Arena *arena = &owner->arena;
    Loc loc = diag->labels[0].loc;
    BpcDiagnostic kept = {
        .severity = (BpcSeverity)diag->severity,
        .code = (int)diag->code,
        .message = copy(arena, diag->message),
        .hint = copy(arena, diag->hint),
    };
    if (source_of(&ctx->sources, loc)) {
        Position at = source_position(&ctx->sources, loc.begin);
        kept.file = copy(arena, at.file);
        kept.line = at.line;
        kept.column = at.column;
        kept.length = loc.end - loc.begin;
    }
    Text text;
    text_init(&text, arena);
    diag_render(&text, &ctx->sources, diag, false);
    kept.rendered = text.data;
    text_puts(&owner->text, text.data);
    vec_push(arena, &owner->diags, kept);
}

/* Memory is out: what is said about it needs none. */
static void keep_out_of_memory(BpcContext *owner) {
    static const BpcDiagnostic message = {
        .severity = BPC_ERROR,
        .code = DIAG_out_of_memory,
        .message = "out of memory",
        .rendered = "error[E0803]: out of memory\n",
    };
    forget_diagnostics(owner);
    owner->diags.data = (void *)(uintptr_t)&message; /* never written through: cap is 0 */
    owner->diags.n = 1;
    owner->text.data = (char *)(uintptr_t)message.rendered;
}

size_t bpc_diagnostic_count(const BpcContext *ctx) {
    return (size_t)ctx->diags.n;
}

const BpcDiagnostic *bpc_diagnostic(const BpcContext *ctx, size_t i) {
    return i < (size_t)ctx->diags.n ? &ctx->diags.data[i] : NULL;
}

const char *bpc_diagnostics_text(const BpcContext *ctx) {
    return ctx->text.data ? ctx->text.data : "";
}

const char *bpc_explain(int code) {
    return code > 0 ? diag_explain((DiagCode)code) : NULL;
}

/* ---- compiling ---- */

typedef struct Job {
    BpcModule *module;
    const char *name, *text;
    size_t len;
    const BpcOptions *options;
} Job;

/* What the module keeps for its host, copied out of the IR. */
static void keep_exports(BpcModule *module, const IrModule *ir) {
    for (int i = 0; i < ir->exports.n; i++)
        vec_push(&module->ctx.arena, &module->exports, ir->exports.data[i]->name);
}

static bool read_import(void *user, Arena *arena, const char *path, char **text, size_t *size,
                        const char **error) {
    const BpcOptions *options = user;
    const char *found = NULL;
    *error = "the host does not give this file";
    if (!options->import(options->import_user, path, &found, size))
        return false;
    *text = arena_strdup(arena, found, *size);
    return true;
}

static bool check_options(Context *ctx, const BpcOptions *options) {
    enum { MOST_THREADS = 64 }; /* see runtime/pool.h */
    int before = ctx->diags.items.n;
    if (options->opt_level < 0 || options->opt_level > 3)
        diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0}, "opt_level is 0 to 3, not %d",
                   options->opt_level);
    if (options->threads < 0 || options->threads > MOST_THREADS)
        diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0},
                   "threads is 2 to %d, or 0 or 1 for none, not %d", (int)MOST_THREADS,
                   options->threads);
    bool named = options->export_count == 0 || options->exports;
    for (size_t i = 0; named && i < options->export_count; i++)
        named = options->exports[i] != NULL;
    if (!named)
        diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0}, "an export of the options is NULL");
    named = options->size_count == 0 || options->sizes;
    for (size_t i = 0; named && i < options->size_count; i++)
        named = options->sizes[i].name != NULL;
    if (!named)
        diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0}, "a size of the options has no name");
    return ctx->diags.items.n == before;
}

static bool compile_module(BpcModule *module, const Job *job, const BpcOptions *options) {
    Context *ctx = &module->ctx;
    Source *source = source_add(&ctx->sources, job->name, job->text, job->len);
    if (!source) {
        diag_error(&ctx->diags, DIAG_file_too_large, (Loc){0, 0}, "%s is too large", job->name);
        return false;
    }
    SizeValue *sizes = ARENA_ARRAY(&ctx->arena, options->size_count + 1, SizeValue);
    for (size_t i = 0; i < options->size_count; i++)
        sizes[i] = (SizeValue){options->sizes[i].name, options->sizes[i].value};
    CompileOptions how = {
        .module_name = header_c_name(&ctx->atoms, job->name),
        .exports = options->exports,
        .n_exports = (int)options->export_count,
        .opt_level = options->opt_level,
        .cpu = options->cpu,
        .debug = options->debug_info,
        .freestanding = options->freestanding,
        .sizes = sizes,
        .n_sizes = (int)options->size_count,
        .threads = options->threads,
        .sanitize_nan = options->sanitize_nan,
        .reader = {options->import ? read_import : NULL, (void *)(uintptr_t)options},
    };
    ctx->real_is_f32 = options->real_is_f32;
    AstModule *ast = compile_ast(ctx, source, &how);
    IrModule *ir = ast ? compile_ir(ctx, ast, &how) : NULL;
    if (!ir)
        return false;
    module->sanitize_nan = options->sanitize_nan;
    module->header = compile_header(ctx, ir);
    module->error_function = arena_printf(&ctx->arena, "%s_error", how.module_name);
    keep_exports(module, ir);
    return compile_code(ctx, ir, &how, EMIT_object, &module->object);
}

/* Copies what compiling again for other sizes needs. */
static void keep_job(BpcModule *module, const Job *job, const BpcOptions *options) {
    Arena *arena = &module->ctx.arena;
    module->name = copy(arena, job->name);
    module->text = arena_strdup(arena, job->text, job->len);
    module->len = job->len;
    module->options = *options;
    module->options.cpu = copy(arena, options->cpu);
    const char **exports = ARENA_ARRAY(arena, options->export_count + 1, const char *);
    for (size_t i = 0; i < options->export_count; i++)
        exports[i] = copy(arena, options->exports[i]);
    module->options.exports = exports;
    BpcSize *sizes = ARENA_ARRAY(arena, options->size_count + 1, BpcSize);
    for (size_t i = 0; i < options->size_count; i++)
        sizes[i] = (BpcSize){copy(arena, options->sizes[i].name), options->sizes[i].value};
    module->options.sizes = sizes;
}

static bool run_job(void *arg) {
    Job *job = arg;
    BpcModule *module = job->module;
    context_init(&module->ctx, &module->owner->alloc);
    BpcOptions options = job->options ? *job->options : bpc_options_default();
    bool ok = check_options(&module->ctx, &options);
    if (ok) {
        keep_job(module, job, &options);
        ok = compile_module(module, job, &options);
    }
    for (int i = 0; i < module->ctx.diags.items.n; i++)
        keep_diagnostic(module->owner, &module->ctx, module->ctx.diags.items.data[i]);
    return ok;
}

BpcModule *bpc_compile(BpcContext *ctx, const char *name, const char *text, size_t len,
                       const BpcOptions *options) {
    forget_diagnostics(ctx);
    BpcModule *module = ctx->alloc.alloc(ctx->alloc.user, sizeof *module);
    if (!module) {
        keep_out_of_memory(ctx);
        return NULL;
    }
    memset(module, 0, sizeof *module);
    module->owner = ctx;
    Job job = {module, name ? name : "<text>", text, text ? len : 0, options};
    if (guarded(&ctx->alloc, &module->ctx.alloc, run_job, &job))
        return module;
    if (ctx->diags.n == 0)
        keep_out_of_memory(ctx);
    bpc_module_free(module);
    return NULL;
}

void bpc_module_free(BpcModule *module) {
    if (!module)
        return;
    for (int i = 0; i < module->special.n; i++)
        bpc_module_free(module->special.data[i]);
    jit_free(module->jit);
    codebuffer_free(&module->object);
    if (module->nan_text.alloc)
        arena_free(&module->nan_text);
    if (module->ctx.arena.alloc) /* not when memory ran out before there was a context */
        context_free(&module->ctx);
    Alloc alloc = module->owner->alloc;
    alloc.release(alloc.user, module);
}

/* ---- modules for sizes ---- */

typedef struct SizesJob {
    BpcModule *module, *special;
    const BpcSize *sizes;
    size_t count;
    BpcOptions options;
} SizesJob;

/* The options of the module with the sizes behind its own. */
static bool add_sizes(void *arg) {
    SizesJob *job = arg;
    const BpcOptions *options = &job->module->options;
    size_t n = options->size_count;
    BpcSize *sizes = ARENA_ARRAY(&job->module->ctx.arena, n + job->count + 1, BpcSize);
    if (n > 0)
        memcpy(sizes, options->sizes, n * sizeof *sizes);
    for (size_t i = 0; i < job->count; i++)
        sizes[n + i] = job->sizes ? job->sizes[i] : (BpcSize){NULL, 0};
    job->options = *options;
    job->options.sizes = sizes;
    job->options.size_count = n + job->count;
    return true;
}

static bool keep_special(void *arg) {
    SizesJob *job = arg;
    vec_push(&job->module->ctx.arena, &job->module->special, job->special);
    return true;
}

static bool is_for_sizes(const BpcModule *special, const BpcModule *module, const BpcSize *sizes,
                         size_t count) {
    const BpcSize *own = special->options.sizes + module->options.size_count;
    if (special->options.size_count - module->options.size_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!sizes || !sizes[i].name || strcmp(own[i].name, sizes[i].name) != 0 ||
            own[i].value != sizes[i].value)
            return false;
    return true;
}

BpcModule *bpc_module_for_sizes(BpcModule *module, const BpcSize *sizes, size_t count) {
    BpcContext *owner = module->owner;
    for (int i = 0; i < module->special.n; i++)
        if (is_for_sizes(module->special.data[i], module, sizes, count))
            return module->special.data[i];
    SizesJob job = {.module = module, .sizes = sizes, .count = count};
    if (!guarded(&owner->alloc, &module->ctx.alloc, add_sizes, &job)) {
        keep_out_of_memory(owner);
        return NULL;
    }
    job.special = bpc_compile(owner, module->name, module->text, module->len, &job.options);
    if (job.special && !guarded(&owner->alloc, &module->ctx.alloc, keep_special, &job)) {
        bpc_module_free(job.special);
        keep_out_of_memory(owner);
        return NULL;
    }
    return job.special;
}

/* ---- using a module ---- */

/* What functions of several threads call. */
static bool define_runtime(Context *ctx, Jit *jit) {
    int (*run)(BpcPart *, void *, int64_t, int64_t) = bpc_parallel;
    void *address;
    memcpy(&address, &run, sizeof address); /* ISO C has no cast from a function */
    return jit_define(ctx, jit, "bpc_parallel", address);
}

static bool link_module(void *arg) {
    BpcModule *module = arg;
    Context *ctx = &module->ctx;
    int before = ctx->diags.items.n;
    module->jit = jit_new(ctx);
    if (module->jit && define_runtime(ctx, module->jit) &&
        jit_add_object(ctx, module->jit, &module->object))
        return true;
    module->link_error =
        ctx->diags.items.n > before ? ctx->diags.items.data[before]->message : "linking failed";
    return false;
}

/* Links on first use. */
static bool is_linked(BpcModule *module) {
    if (module->jit || module->link_error)
        return !module->link_error;
    if (guarded(&module->owner->alloc, &module->ctx.alloc, link_module, module))
        return true;
    if (!module->link_error)
        module->link_error = "out of memory";
    return false;
}

void *bpc_module_function(BpcModule *module, const char *name) {
    if (!is_linked(module))
        return NULL;
    void *address = jit_lookup(module->jit, name);
    if (!address)
        module->link_error = jit_problem(module->jit);
    return address;
}

const char *bpc_module_link_error(const BpcModule *module) {
    return module->link_error;
}

const char *bpc_module_header(const BpcModule *module) {
    return module->header;
}

const void *bpc_module_object(const BpcModule *module, size_t *size) {
    *size = module->object.size;
    return module->object.data;
}

const char *bpc_module_error(BpcModule *module, int status) {
    typedef const char *ErrorFunction(int);
    void *address = bpc_module_function(module, module->error_function);
    if (!address)
        return NULL;
    ErrorFunction *function;
    memcpy(&function, &address, sizeof function); /* ISO C has no cast from an object pointer */
    return function(status);
}

/* What bpc_module_nan renders. */
typedef struct NanJob {
    BpcModule *module;
    NanReport report;
    const char *text;
} NanJob;

static bool render_nan(void *arg) {
    NanJob *job = arg;
    Arena *arena = &job->module->nan_text;
    DiagList diags;
    Text text;
    diags_init(&diags, arena);
    text_init(&text, arena);
    Diag *diag = nan_report_diagnose(&diags, &job->module->ctx.sources, &job->report);
    diag_render(&text, &job->module->ctx.sources, diag, false);
    job->text = text.data;
    return true;
}

const char *bpc_module_nan(BpcModule *module, int status, const void *work) {
    NanJob job = {.module = module};
    if (!module->sanitize_nan || status <= 0 || !work)
        return NULL;
    memcpy(&job.report, work, sizeof job.report);
    if (job.report.status != status)
        return NULL;
    if (module->nan_text.alloc)
        arena_free(&module->nan_text);
    arena_init(&module->nan_text, &module->ctx.alloc);
    return guarded(&module->owner->alloc, &module->ctx.alloc, render_nan, &job) ? job.text : NULL;
}

size_t bpc_module_export_count(const BpcModule *module) {
    return (size_t)module->exports.n;
}

const char *bpc_module_export_name(const BpcModule *module, size_t i) {
    return i < (size_t)module->exports.n ? module->exports.data[i] : NULL;
}
