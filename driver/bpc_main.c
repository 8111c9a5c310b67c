/* bpc: compiles a model to an object and a header, or shows what it looks like on the way.
 *
 * Exit status: 0; 1 for an error in the program or its files; 2 for wrong usage. All output goes
 * through files_write, so nothing is left behind when something fails. */
#include "codegen/header.h"
#include "driver/bpc.h"
#include "driver/compile.h"
#include "driver/files.h"
#include "driver/format.h"
#include "driver/gradcheck_command.h"
#include "driver/options.h"
#include "driver/report.h"
#include "driver/run_command.h"
#include "driver/test_command.h"
#include "parser/parser.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_ok = 0, EXIT_program = 1, EXIT_usage = 2 };

static void drop_warnings(DiagList *diags) {
    int n = 0;
    for (int i = 0; i < diags->items.n; i++)
        if (diags->items.data[i]->severity != SEV_warning)
            diags->items.data[n++] = diags->items.data[i];
    diags->items.n = n;
}

static void report(Context *ctx, const Options *options) {
    Text text;
    if (options->no_warnings)
        drop_warnings(&ctx->diags);
    text_init(&text, &ctx->arena);
    bool color = options->color == COLOR_always ||
                 (options->color == COLOR_auto && isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    if (options->json)
        report_json(&text, ctx);
    else
        report_text(&text, ctx, color);
    fwrite(text.data ? text.data : "", 1, text.n, stderr);
}

static int usage_error(Context *ctx, const Options *options, const char *hint,
                       const char *message) {
    Diag *diag = diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0}, "%s", message);
    diag_hint(&ctx->diags, diag, "%s", hint ? hint : "`bpc --help` lists commands and options");
    report(ctx, options);
    return EXIT_usage;
}

/* ---- what needs no input ---- */

static int explain(Context *ctx, const Options *options) {
    const char *code = options->explain;
    const char *digits = code[0] == 'E' || code[0] == 'e' ? code + 1 : code;
    char *end = NULL;
    long number = strtol(digits, &end, 10);
    Text text;
    text_init(&text, &ctx->arena);
    if (end == digits || *end != '\0' || number <= 0 || number >= 10000 ||
        !diag_explain_fully(&text, (DiagCode)number))
        return usage_error(ctx, options, "`bpc explain` lists the codes",
                           arena_printf(&ctx->arena, "there is no message %s", code));
    fputs(text.data, stdout);
    return EXIT_ok;
}

static int list_codes(Context *ctx) {
    Text text;
    text_init(&text, &ctx->arena);
    diag_list_codes(&text);
    fputs(text.data, stdout);
    return EXIT_ok;
}

static int show_help(Context *ctx, Command topic) {
    Text text;
    text_init(&text, &ctx->arena);
    options_help(&text, topic);
    fputs(text.data, stdout);
    return EXIT_ok;
}

/* ---- outputs ---- */

static bool has_suffix(const char *path, const char *suffix) {
    size_t n = strlen(path), k = strlen(suffix);
    return n > k && strcmp(path + n - k, suffix) == 0;
}

/* dir/model.o -> dir/model.h; so for model.c */
static char *header_path(Arena *arena, const char *output) {
    size_t n = strlen(output);
    bool suffix = has_suffix(output, ".o") || has_suffix(output, ".c");
    return arena_printf(arena, "%.*s.h", (int)(suffix ? n - 2 : n), output);
}

/* Where the output goes when -o does not say: objects into this folder, texts to standard output.
 */
static const char *default_output(Arena *arena, const Options *options) {
    if (options->emit != OUTPUT_obj)
        return "-";
    const char *base = strrchr(options->input, '/');
    base = base ? base + 1 : options->input;
    if (strcmp(base, "-") == 0)
        return "-";
    size_t n = strlen(base) - (has_suffix(base, ".bp") ? 3 : 0);
    return arena_printf(arena, "%.*s.o", (int)n, base);
}

static bool write_outputs(Context *ctx, const FileOut *files, int n) {
    const char *error = NULL;
    if (files_write(&ctx->arena, files, n, &error))
        return true;
    diag_error(&ctx->diags, DIAG_file_write, (Loc){0, 0}, "cannot write %s", error);
    return false;
}

/* A header beside what is no file would be beside nothing. */
static bool wants_header(const Options *options, const char *output) {
    return (options->emit == OUTPUT_obj || options->emit == OUTPUT_c) && strcmp(output, "-") != 0 &&
           strncmp(output, "/dev/", 5) != 0;
}

/* ---- compiling ---- */

static Source *read_source(Context *ctx, const char *path) {
    char *text = NULL;
    size_t size = 0;
    const char *error = NULL;
    if (!file_read(&ctx->arena, path, &text, &size, &error)) {
        Diag *diag =
            diag_error(&ctx->diags, DIAG_file_read, (Loc){0, 0}, "cannot read %s: %s", path, error);
        const char *near = nearest_command(path);
        if (near)
            diag_hint(&ctx->diags, diag, "did you mean the command `bpc %s`?", near);
        return NULL;
    }
    const char *name = strcmp(path, "-") == 0 ? "<stdin>" : path;
    Source *source = source_add(&ctx->sources, name, text, size);
    if (!source)
        diag_error(&ctx->diags, DIAG_file_too_large, (Loc){0, 0}, "%s is too large", path);
    return source;
}

static bool read_import(void *user, Arena *arena, const char *path, char **text, size_t *size,
                        const char **error) {
    (void)user;
    return file_read(arena, path, text, size, error);
}

static bool emit_front(Context *ctx, const Options *options, Source *source,
                       const CompileOptions *how, Text *out) {
    if (options->emit == OUTPUT_tokens) {
        print_tokens(out, ctx, source);
        return ctx->diags.errors == 0;
    }
    AstModule *ast = compile_ast(ctx, source, how);
    if (!ast)
        return false;
    if (options->emit == OUTPUT_ast) {
        print_ast(out, ctx, ast);
        return true;
    }
    IrModule *ir = compile_ir(ctx, ast, how);
    if (!ir)
        return false;
    if (options->emit == OUTPUT_memory)
        return compile_memory(ctx, ir, how, out);
    if (options->emit == OUTPUT_plan)
        return compile_plan(ctx, ir, how, out);
    if (options->emit == OUTPUT_bp)
        return compile_bp(ctx, ir, out);
    if (options->emit == OUTPUT_ir)
        ir_print(out, ir);
    else
        text_puts(out, compile_header(ctx, ir));
    return true;
}

static bool emit_code(Context *ctx, const Options *options, Source *source,
                      const CompileOptions *how, CodeBuffer *code, const char **header) {
    AstModule *ast = compile_ast(ctx, source, how);
    IrModule *ir = ast ? compile_ir(ctx, ast, how) : NULL;
    if (!ir)
        return false;
    *header = compile_header(ctx, ir);
    EmitKind kind = options->emit == OUTPUT_llvm  ? EMIT_llvm
                    : options->emit == OUTPUT_asm ? EMIT_asm
                                                  : EMIT_object;
    return compile_code(ctx, ir, how, kind, code);
}

static bool write_with_header(Context *ctx, const Options *options, const char *output,
                              const char *data, size_t size, const char *header) {
    FileOut files[] = {{output, data, size},
                       {header_path(&ctx->arena, output), header, strlen(header)}};
    return write_outputs(ctx, files, wants_header(options, output) ? 2 : 1);
}

static bool emit_c(Context *ctx, const Options *options, Source *source, const CompileOptions *how,
                   const char *output) {
    AstModule *ast = compile_ast(ctx, source, how);
    IrModule *ir = ast ? compile_ir(ctx, ast, how) : NULL;
    if (!ir)
        return false;
    const char *header = compile_header(ctx, ir);
    Text text;
    text_init(&text, &ctx->arena);
    return compile_c(ctx, ir, how, header, &text) &&
           write_with_header(ctx, options, output, text.data, text.n, header);
}

/* `--size d=64`; any number of them. Gives the one that is not of this form, or NULL. */
static const char *read_sizes(Context *ctx, const Options *options, CompileOptions *how) {
    VEC(SizeValue) sizes = {0};
    for (int i = 0; i < options->sizes.n; i++) {
        const char *at = options->sizes.data[i], *value = strchr(at, '=');
        char *end = NULL;
        if (!value || value == at || value[1] < '0' || value[1] > '9')
            return at;
        errno = 0;
        SizeValue size = {arena_strdup(&ctx->arena, at, (size_t)(value - at)),
                          strtoll(value + 1, &end, 10)};
        if (*end || errno)
            return at;
        vec_push(&ctx->arena, &sizes, size);
    }
    how->sizes = sizes.data;
    how->n_sizes = sizes.n;
    return NULL;
}

static CompileOptions compile_options(Context *ctx, const Options *options, const char *output) {
    return (CompileOptions){
        .module_name =
            header_c_name(&ctx->atoms, strcmp(output, "-") == 0 ? options->input : output),
        .exports = options->exports.data,
        .n_exports = options->exports.n,
        .opt_level = options->opt_level,
        .cpu = options->cpu,
        .triple = options->target,
        .debug = options->debug_info,
        .freestanding = options->freestanding,
        .threads = options->threads,
        .sanitize_nan = options->sanitize_nan,
        .reader = {.read = read_import},
    };
}

/* `bpc test`: what it finds is its output. */
static int run_tests(Context *ctx, const Options *options, Source *source,
                     const CompileOptions *how, Text *out) {
    int failures = test_command(ctx, source, how, options->interpret, options->libraries.data,
                                options->libraries.n, out);
    return failures == 0 ? EXIT_ok : EXIT_program;
}

static int run_function(Context *ctx, const Options *options, Source *source,
                        const CompileOptions *how, Text *out) {
    ProgramOptions program = {how, options->libraries.data, options->libraries.n};
    ArgumentTexts arguments = {options->args.data, options->args.n, options->sizes.data,
                               options->sizes.n};
    const char *output = options->output ? options->output : "-";
    bool ok = run_command(ctx, source, &program, options->function, &arguments, output, out) &&
              write_outputs(ctx, &(FileOut){output, out->data ? out->data : "", out->n}, 1);
    out->n = 0;
    return ok ? EXIT_ok : EXIT_program;
}

static int check_gradients(Context *ctx, const Options *options, Source *source,
                           const CompileOptions *how, Text *out) {
    enum { DEFAULT_POINTS = 5 };
    ProgramOptions program = {how, options->libraries.data, options->libraries.n};
    GradcheckOptions check = {
        .function = options->function,
        .arguments = {options->args.data, options->args.n, options->sizes.data, options->sizes.n},
        .points = options->points ? options->points : DEFAULT_POINTS,
        .seed = options->seed,
    };
    return gradcheck_command(ctx, source, &program, &check, out) ? EXIT_ok : EXIT_program;
}

/* The first line that formatting changes. */
static void report_difference(Context *ctx, const Source *source, const Text *formatted) {
    uint32_t at = 0, begin = 0, end;
    while (at < source->len && at < formatted->n && source->text[at] == formatted->data[at])
        begin = source->text[at++] == '\n' ? at : begin;
    for (end = begin; end < source->len && source->text[end] != '\n';)
        end++;
    Diag *diag = diag_error(&ctx->diags, DIAG_format_differs,
                            (Loc){source->base + begin, source->base + end},
                            "the layout differs from here on");
    diag_hint(&ctx->diags, diag, "bpc fmt %s", source->name);
}

/* Where formatted text goes: over the input, through links, unless -o says otherwise. */
static const char *format_output(Context *ctx, const Options *options) {
    if (options->output || strcmp(options->input, "-") == 0)
        return options->output ? options->output : "-";
    char *path = realpath(options->input, NULL);
    const char *copy = path ? arena_strdup(&ctx->arena, path, strlen(path)) : options->input;
    free(path);
    return copy;
}

static int format_file(Context *ctx, const Options *options, Source *source) {
    Text out;
    text_init(&out, &ctx->arena);
    text_add(&out, "", 0);
    if (!format_source(ctx, source, &out))
        return EXIT_program;
    bool same = out.n == source->len && memcmp(out.data, source->text, out.n) == 0;
    const char *output = format_output(ctx, options);
    if (options->check && !same)
        report_difference(ctx, source, &out);
    bool in_place = !options->output && strcmp(output, "-") != 0;
    if (options->check || (same && in_place))
        return same ? EXIT_ok : EXIT_program;
    return write_outputs(ctx, &(FileOut){output, out.data, out.n}, 1) ? EXIT_ok : EXIT_program;
}

/* The commands that take a model and write nothing beside it. */
static int run_command_of(Context *ctx, const Options *options) {
    CompileOptions how = compile_options(ctx, options, "-");
    ctx->real_is_f32 = options->real_is_f32;
    Source *source = read_source(ctx, options->input);
    Text out;
    text_init(&out, &ctx->arena);
    int status = EXIT_program;
    if (source && options->command == COMMAND_test)
        status = run_tests(ctx, options, source, &how, &out);
    else if (source && options->command == COMMAND_run)
        status = run_function(ctx, options, source, &how, &out);
    else if (source && options->command == COMMAND_fmt)
        status = format_file(ctx, options, source);
    else if (source && options->command == COMMAND_gradcheck)
        status = check_gradients(ctx, options, source, &how, &out);
    fwrite(out.data ? out.data : "", 1, out.n, stdout);
    report(ctx, options);
    return status;
}

static bool compile(Context *ctx, const Options *options, const CompileOptions *how,
                    const char *output) {
    ctx->real_is_f32 = options->real_is_f32;
    Source *source = read_source(ctx, options->input);
    if (!source)
        return false;

    if (options->emit == OUTPUT_c)
        return emit_c(ctx, options, source, how, output);
    if (options->emit != OUTPUT_llvm && options->emit != OUTPUT_asm &&
        options->emit != OUTPUT_obj) {
        Text text;
        text_init(&text, &ctx->arena);
        return emit_front(ctx, options, source, how, &text) &&
               write_outputs(ctx, &(FileOut){output, text.data, text.n}, 1);
    }

    CodeBuffer code = {0};
    const char *header = NULL;
    bool ok = emit_code(ctx, options, source, how, &code, &header);
    ok = ok && write_with_header(ctx, options, output, code.data, code.size, header);
    codebuffer_free(&code);
    return ok;
}

/* In a build tree libbpcrt.a lies beside the program; installed, where linkers look. */
static void print_link_flags(Arena *arena, int threads) {
    char program[4096];
    ssize_t n = threads > 1 ? readlink("/proc/self/exe", program, sizeof program - 1) : -1;
    program[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash) {
        *slash = '\0';
        if (access(arena_printf(arena, "%s/libbpcrt.a", program), R_OK) == 0)
            printf("-L%s ", program);
    }
    puts(threads > 1 ? "-lbpcrt -lpthread -lm" : "-lm");
}

static int run(Context *ctx, int argc, char **argv) {
    Options options;
    const char *error = NULL, *hint = NULL;
    if (!options_parse(&options, &ctx->arena, argc, argv, &error, &hint))
        return usage_error(ctx, &options, hint, error);
    if (options.help)
        return show_help(ctx, options.topic);
    if (options.version) {
        printf("bpc %s (LLVM %s)\n", bpc_version(), bpc_llvm_version());
        return EXIT_ok;
    }
    if (options.link_flags) {
        print_link_flags(&ctx->arena, options.threads);
        return EXIT_ok;
    }
    if (options.explain)
        return explain(ctx, &options);
    if (options.command == COMMAND_explain)
        return list_codes(ctx);
    if (!options.input)
        return usage_error(ctx, &options, NULL, "no input");
    if (options.command != COMMAND_compile)
        return run_command_of(ctx, &options);

    const char *output = options.output ? options.output : default_output(&ctx->arena, &options);
    if (file_is_same(options.input, output) ||
        (wants_header(&options, output) &&
         file_is_same(options.input, header_path(&ctx->arena, output))))
        return usage_error(ctx, &options, "name another file by -o",
                           "the output would overwrite the input");
    if (wants_header(&options, output) && has_suffix(output, ".h"))
        return usage_error(ctx, &options, "use --emit=header for the header alone",
                           "an output with a header cannot be called .h: the header goes there");

    CompileOptions how = compile_options(ctx, &options, output);
    const char *wrong = read_sizes(ctx, &options, &how);
    if (wrong)
        return usage_error(ctx, &options, NULL,
                           arena_printf(&ctx->arena,
                                        "--size is NAME=N, several with commas between, not '%s'",
                                        wrong));
    bool ok = compile(ctx, &options, &how, output);
    report(ctx, &options);
    return ok ? EXIT_ok : EXIT_program;
}

int main(int argc, char **argv) {
    Context ctx;
    jmp_buf out_of_memory;
    signal(SIGXFSZ, SIG_IGN); /* a file beyond its limit is an error of writing */
    context_init(&ctx, NULL);
    ctx.alloc.oom = &out_of_memory;
    if (setjmp(out_of_memory) != 0) {
        fprintf(stderr, "bpc: error[E%04d]: out of memory\n", (int)DIAG_out_of_memory);
        return EXIT_program;
    }
    int status = run(&ctx, argc, argv);
    context_free(&ctx);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bpc: error[E%04d]: cannot write to the standard output: %s\n",
                (int)DIAG_file_write, strerror(errno));
        status = EXIT_program;
    }
    return status;
}
