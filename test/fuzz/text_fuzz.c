/* libFuzzer's target for .bp text: any bytes end in messages or in a module, which the verifier
 * accepts before and after each pass, which the interpreter runs, and which prints as C and as bp.
 * Printed bp compiles again. A choice of the inputs goes through LLVM too. Bits of the text's hash
 * choose level, width and output. */
#include "test/fuzz/evaluate.h"
#include "test/fuzz/fuzz.h"

#include "codegen/header.h"
#include "driver/compile.h"
#include "driver/format.h"
#include "parser/parser.h"

#include <string.h>

enum { LLVM_ONE_IN = 256 };

static bool has_code(const Context *ctx, DiagCode code) {
    for (int i = 0; i < ctx->diags.items.n; i++)
        if (ctx->diags.items.data[i]->code == code)
            return true;
    return false;
}

/* The IR was the compiler's own: it may be too large, or without derivative, but not broken. */
static void end_in_messages(Context *ctx, const char *what) {
    fuzz_report(ctx);
    if (has_code(ctx, DIAG_ir_verify) || has_code(ctx, DIAG_codegen) || has_code(ctx, DIAG_ir_type))
        fuzz_fail(ctx, what);
}

static IrModule *front_end(Context *ctx, const char *text, size_t size, const CompileOptions *how) {
    Source *source = source_add(&ctx->sources, "fuzz.bp", text, size);
    AstModule *ast = source ? compile_ast(ctx, source, how) : NULL;
    IrModule *ir = ast ? compile_ir(ctx, ast, how) : NULL;
    if (ir && !ir_verify(ir))
        fuzz_fail(ctx, "what was lowered is broken");
    return ir;
}

/* It parses again, and its names are known. */
static void read_bp_again(const char *printed) {
    Context ctx;
    jmp_buf out_of_memory;
    context_init(&ctx, NULL);
    ctx.alloc.oom = &out_of_memory;
    CompileOptions how = {.module_name = "fuzz"};
    if (setjmp(out_of_memory) == 0 && !front_end(&ctx, printed, strlen(printed), &how) &&
        (has_code(&ctx, DIAG_syntax) || has_code(&ctx, DIAG_unknown_name) ||
         has_code(&ctx, DIAG_unknown_function))) {
        fprintf(stderr, "%s\n", printed);
        fuzz_fail(&ctx, "printed bp does not compile");
    }
    context_free(&ctx);
}

static void emit_bp(Context *ctx, IrModule *ir, const CompileOptions *how) {
    Text text;
    (void)how;
    text_init(&text, &ctx->arena);
    if (!compile_bp(ctx, ir, &text))
        end_in_messages(ctx, "derivatives broke the module");
    else
        read_bp_again(text.data);
}

static void emit_c(Context *ctx, IrModule *ir, const CompileOptions *how) {
    Text text;
    text_init(&text, &ctx->arena);
    if (compile_c(ctx, ir, how, compile_header(ctx, ir), &text))
        evaluate_exports(ctx, ir);
    else
        end_in_messages(ctx, "passes or printing of C broke the module");
}

static void emit_memory(Context *ctx, IrModule *ir, const CompileOptions *how) {
    Text text;
    text_init(&text, &ctx->arena);
    if (!compile_memory(ctx, ir, how, &text))
        end_in_messages(ctx, "passes or the report on memory broke the module");
}

static void emit_object(Context *ctx, IrModule *ir, const CompileOptions *how) {
    CodeBuffer object = {0};
    if (!compile_code(ctx, ir, how, EMIT_object, &object))
        end_in_messages(ctx, "code generation broke the module");
    codebuffer_free(&object);
}

/* Formatting is idempotent, and never changes tokens. */
static void format(Context *ctx, const char *text, size_t size) {
    Text once, twice;
    text_init(&once, &ctx->arena);
    text_init(&twice, &ctx->arena);
    Source *source = source_add(&ctx->sources, "fuzz.bp", text, size);
    if (!source || !format_source(ctx, source, &once)) {
        fuzz_report(ctx);
        if (has_code(ctx, DIAG_format_broken))
            fuzz_fail(ctx, "formatting changed tokens");
        return;
    }
    source = source_add(&ctx->sources, "again.bp", once.data ? once.data : "", once.n);
    FUZZ_CHECK(source && format_source(ctx, source, &twice), "formatted text is not well formed");
    FUZZ_CHECK(once.n == twice.n &&
                   memcmp(once.n ? once.data : "", once.n ? twice.data : "", once.n) == 0,
               "formatting again changes the text");
}

static void print_parts(Context *ctx, const char *text, size_t size) {
    Text out;
    text_init(&out, &ctx->arena);
    Source *source = source_add(&ctx->sources, "fuzz.bp", text, size);
    print_tokens(&out, ctx, source);
    print_ast(&out, ctx, parse_source(ctx, source));
}

static void compile(Context *ctx, const char *text, size_t size, uint32_t bits) {
    CompileOptions how = {.module_name = "fuzz",
                          .opt_level = (int)(bits % 4),
                          .cpu = "haswell",
                          .sanitize_nan = bits / 4 % 16 == 0};
    ctx->real_is_f32 = bits / 64 % 4 == 0;
    IrModule *ir = front_end(ctx, text, size, &how);
    uint32_t output = bits / 256 % LLVM_ONE_IN;
    if (!ir)
        fuzz_report(ctx);
    else if (output == 0 && !FUZZ_WITHOUT_LLVM)
        emit_object(ctx, ir, &how);
    else if (output == 1 && !FUZZ_WITHOUT_LLVM)
        emit_memory(ctx, ir, &how);
    else
        (output % 4 == 2 && !ir->watched ? emit_bp : emit_c)(ctx, ir, &how);
}

static void one_text(Context *ctx, const uint8_t *data, size_t size) {
    uint32_t bits = fuzz_hash(data, size);
    const char *text = (const char *)data;
    if (bits % 32 == 0)
        format(ctx, text, size);
    else if (bits % 32 == 1)
        print_parts(ctx, text, size);
    else
        compile(ctx, text, size, bits / 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in_context(one_text, data, size);
    return 0;
}
