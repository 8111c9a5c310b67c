/* The stages of a compilation. See driver/compile.h. */
#include "driver/compile.h"

#include "codegen/header.h"
#include "parser/check.h"
#include "parser/lower.h"
#include "parser/parser.h"
#include "passes/passes.h"

#include <string.h>

/* Exports given beside the text are sources of their own, so that messages can point into them. */
static bool add_exports(Context *ctx, AstModule *ast, const CompileOptions *options) {
    bool ok = true;
    for (int i = 0; i < options->n_exports; i++) {
        const char *text = options->exports[i];
        Source *source = source_add(&ctx->sources, "<export>", text, strlen(text));
        ExportDecl *decl = source ? parse_export(ctx, source) : NULL;
        if (decl)
            vec_push(&ctx->arena, &ast->exports, decl);
        else
            ok = false;
    }
    return ok;
}

AstModule *compile_ast(Context *ctx, Source *source, const CompileOptions *options) {
    AstModule *ast = parse_source(ctx, source);
    bool ok = import_modules(ctx, ast, &options->reader) && add_exports(ctx, ast, options);
    return ok && ctx->diags.errors == 0 && check_module(ctx, ast) ? ast : NULL;
}

IrModule *compile_ir(Context *ctx, AstModule *ast, const CompileOptions *options) {
    return lower_module(ctx, &ctx->arena, ast, options->module_name);
}

const char *compile_header(Context *ctx, const IrModule *ir) {
    Text text;
    text_init(&text, &ctx->arena);
    header_print(&text, ir);
    return text.data;
}

bool compile_code(Context *ctx, IrModule *ir, const CompileOptions *options, EmitKind kind, CodeBuffer *out) {
    static const char *const pipelines[] = {"O0", "O1", "O2", "O3"};
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
    if (!passes_run(ir, pipelines[options->opt_level], &passes))
        return false;

    CodegenOptions codegen = {
        .opt_level = options->opt_level,
        .cpu = options->cpu,
        .debug = options->debug,
        .freestanding = options->freestanding,
        .module_name = options->module_name,
    };
    return codegen_emit(ctx, ir, &codegen, kind, out);
}
