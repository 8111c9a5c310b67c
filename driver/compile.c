/* The stages of a compilation. See driver/compile.h. */
#include "driver/compile.h"

#include "codegen/bpsource.h"
#include "codegen/cnames.h"
#include "codegen/csource.h"
#include "codegen/header.h"
#include "codegen/memory.h"
#include "codegen/nests.h"
#include "codegen/target.h"
#include "driver/format.h"
#include "parser/check.h"
#include "parser/lower.h"
#include "parser/parser.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <string.h>

/* Exports given beside the text are sources of their own, so that messages can point into them. */
static ExportDecl *add_export(Context *ctx, AstModule *ast, const char *name, const char *text) {
    Source *source = source_add(&ctx->sources, name, text, strlen(text));
    ExportDecl *decl = source ? parse_export(ctx, source) : NULL;
    if (source)
        source->is_option = true;
    if (decl)
        vec_push(&ctx->arena, &ast->exports, decl);
    return decl;
}

static bool add_exports(Context *ctx, AstModule *ast, const CompileOptions *options) {
    bool ok = true;
    for (int i = 0; i < options->n_exports; i++)
        ok &= add_export(ctx, ast, "<export>", options->exports[i]) != NULL;
    return ok;
}

/* Functions that are called here and now: their names in C are ours. */
static bool replace_exports(Context *ctx, AstModule *ast, const CompileOptions *options) {
    bool ok = true;
    ast->exports.n = 0;
    for (int i = 0; i < options->n_only; i++) {
        ExportDecl *decl = add_export(ctx, ast, "<function>", options->only[i]);
        if (decl)
            decl->as = (Name){atom_of(&ctx->atoms, arena_printf(&ctx->arena, "bpc_function%d", i)),
                              decl->loc};
        ok &= decl != NULL;
    }
    return ok;
}

AstModule *compile_parse(Context *ctx, Source *source, const CompileOptions *options) {
    AstModule *ast = parse_source(ctx, source);
    bool ok = import_modules(ctx, ast, &options->reader);
    ok = ok && (options->only ? replace_exports : add_exports)(ctx, ast, options);
    return ok && ctx->diags.errors == 0 ? ast : NULL;
}

AstModule *compile_ast(Context *ctx, Source *source, const CompileOptions *options) {
    AstModule *ast = compile_parse(ctx, source, options);
    return ast && check_module(ctx, ast) ? ast : NULL;
}

static void hint_sizes(Context *ctx, const IrModule *ir, Diag *diag, const char *name) {
    VEC(const char *) names = {0};
    for (int i = 0; i < ir->exports.n; i++)
        for (int k = 0; k < ir->exports.data[i]->func->sizes.n; k++)
            vec_push(&ctx->arena, &names, ir->exports.data[i]->func->sizes.data[k]->name);
    const char *near = nearest_name(name, names.data, names.n);
    if (near)
        diag_hint(&ctx->diags, diag, "did you mean `%s`?", near);
}

static bool check_size(Context *ctx, const SizeValue *size, const SizeValue *before, int n) {
    if (size->value < 0 || size->value > EXPORT_MOST_SIZE) {
        diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0},
                   "the size `%s` cannot be %" PRId64 ": sizes are 0 to %" PRId64, size->name,
                   size->value, EXPORT_MOST_SIZE);
        return false;
    }
    for (int k = 0; k < n; k++)
        if (strcmp(size->name, before[k].name) == 0 && size->value != before[k].value) {
            diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0},
                       "the size `%s` is given as %" PRId64 " and as %" PRId64, size->name,
                       before[k].value, size->value);
            return false;
        }
    return true;
}

static bool give_sizes(Context *ctx, IrModule *ir, const CompileOptions *options) {
    for (int i = 0; i < options->n_sizes; i++)
        if (!check_size(ctx, &options->sizes[i], options->sizes, i))
            return false;
    const SizeValue *unknown = sizes_unknown(ir, options->sizes, options->n_sizes);
    if (unknown) {
        Diag *diag = diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0}, "no export has a size `%s`",
                                unknown->name);
        hint_sizes(ctx, ir, diag, unknown->name);
        return false;
    }
    return sizes_specialize(ir, options->sizes, options->n_sizes);
}

/* The host of what is watched or freestanding brings no threads, and -O0 is for debuggers. */
static int count_threads(const CompileOptions *options) {
    bool alone = options->sanitize_nan || options->freestanding || options->opt_level == 0;
    return alone ? 1 : options->threads;
}

IrModule *compile_ir(Context *ctx, AstModule *ast, const CompileOptions *options) {
    IrModule *ir = lower_module(ctx, &ctx->arena, ast, options->module_name);
    if (ir)
        ir->watched = options->sanitize_nan, ir->threads = count_threads(options);
#ifndef NDEBUG
    if (ir && !ir_verify(ir))
        return NULL;
#endif
    return ir && cnames_assign(ir) && give_sizes(ctx, ir, options) ? ir : NULL;
}

const char *compile_header(Context *ctx, const IrModule *ir) {
    Text text;
    text_init(&text, &ctx->arena);
    header_print(&text, ir);
    return text.data;
}

static bool run_pipeline(Context *ctx, IrModule *ir, const char *pipeline) {
    if (ir->exports.n == 0) {
        Diag *diag = diag_error(&ctx->diags, DIAG_nothing_exported, (Loc){0, 0},
                                "%s exports nothing, so there is nothing to compile", ir->name);
        diag_hint(&ctx->diags, diag, "write `export` before a function, or pass --export");
        return false;
    }
    PassOptions passes = {0};
#ifndef NDEBUG
    passes.verify_each = true;
#endif
    return passes_run(ir, pipeline, &passes);
}

static bool run_passes(Context *ctx, IrModule *ir, const CompileOptions *options) {
    static const char *const pipelines[] = {"O0", "O1", "O2", "O3"};
    return run_pipeline(ctx, ir, ir->watched ? "watched" : pipelines[options->opt_level]);
}

bool compile_code(Context *ctx, IrModule *ir, const CompileOptions *options, EmitKind kind,
                  CodeBuffer *out) {
    if (!run_passes(ctx, ir, options))
        return false;

    CodegenOptions codegen = {
        .opt_level = options->opt_level,
        .cpu = options->cpu,
        .triple = options->triple,
        .debug = options->debug,
        .freestanding = options->freestanding,
        .plain = options->plain,
        .entries = options->entries,
        .module_name = options->module_name,
    };
    return codegen_emit(ctx, ir, &codegen, kind, out);
}

bool compile_bp(Context *ctx, IrModule *ir, Text *out) {
    if (!run_pipeline(ctx, ir, BPSOURCE_PASSES))
        return false;
    Text text;
    text_init(&text, &ctx->arena);
    bpsource_print(&text, ir);
    Source *printed = source_add(&ctx->sources, "<printed>", text.data, text.n);
    if (!printed)
        diag_error(&ctx->diags, DIAG_file_too_large, (Loc){0, 0},
                   "the printed program is too large");
    return printed && format_text(ctx, printed, out);
}

/* After the passes; `print` is told how wide vectors are. */
static bool report(Context *ctx, IrModule *ir, const CompileOptions *options, Text *out,
                   bool (*print)(Text *, IrModule *, int)) {
    if (!run_passes(ctx, ir, options))
        return false;
    CodegenOptions codegen = {
        .opt_level = options->opt_level, .cpu = options->cpu, .triple = options->triple};
    Target target;
    if (!target_open(ctx, &ctx->arena, &codegen, false, &target))
        return false;
    int vector_bytes = target.vector_bytes;
    target_close(&target);
    return print(out, ir, vector_bytes);
}

bool compile_memory(Context *ctx, IrModule *ir, const CompileOptions *options, Text *out) {
    return report(ctx, ir, options, out, memory_report);
}

bool compile_plan(Context *ctx, IrModule *ir, const CompileOptions *options, Text *out) {
    return report(ctx, ir, options, out, nests_report);
}

bool compile_c(Context *ctx, IrModule *ir, const CompileOptions *options, const char *header,
               Text *out) {
    return run_passes(ctx, ir, options) &&
           csource_print(ctx, ir, options->module_name, header, out);
}
