/* `bpc run`: see driver/run_command.h. */
#include "driver/run_command.h"

#include "driver/failure.h"
#include "driver/function_args.h"

#include <string.h>

/* ---- results ---- */

/* One array is its value; several, and fields of records, are named, a line each. */
static void print_results(Text *out, const Callable *f, Array *const *outputs) {
    bool named = f->outputs.n > 1 || (f->outputs.n > 0 && strchr(f->outputs.data[0].path, '.'));
    for (int i = 0; i < f->outputs.n; i++) {
        if (named)
            text_printf(out, "%s = ", f->outputs.data[i].path);
        array_print(out, outputs[i]);
        text_puts(out, "\n");
    }
}

static bool is_named(const char *output, const char *suffix) {
    size_t n = strlen(output), k = strlen(suffix);
    return n > k && strcmp(output + n - k, suffix) == 0;
}

static bool wants_npy(const char *output) {
    return is_named(output, ".npy");
}

static void write_npz(Text *out, const Callable *f, Array *const *outputs) {
    const char **names = ARENA_ARRAY(out->arena, f->outputs.n + 1, const char *);
    for (int i = 0; i < f->outputs.n; i++)
        names[i] = f->outputs.data[i].path;
    array_write_npz(out, f->outputs.n, outputs, names);
}

/* Before the call, which may take long. */
static bool check_output(Context *ctx, const Callable *f, const char *output) {
    if (!wants_npy(output) || f->outputs.n == 1)
        return true;
    Text names;
    text_init(&names, &ctx->arena);
    for (int i = 0; i < f->outputs.n; i++)
        text_printf(&names, "%s%s", i > 0 ? ", " : "", f->outputs.data[i].path);
    Diag *diag =
        diag_error(&ctx->diags, DIAG_file_write, (Loc){0, 0},
                   "an npy file holds one array, `%s` has the results %s", f->name, names.data);
    diag_hint(&ctx->diags, diag,
              "-o FILE.npz holds several; or run a function of the model that gives one of them");
    return false;
}

static bool call(Context *ctx, const Callable *f, const ArgumentTexts *arguments,
                 const char *output, Text *out) {
    Array **inputs = ARENA_ARRAY(&ctx->arena, f->inputs.n + 1, Array *);
    Array **outputs = ARENA_ARRAY(&ctx->arena, f->outputs.n + 1, Array *);
    int64_t *sizes = ARENA_ARRAY(&ctx->arena, f->sizes.n + 1, int64_t);
    const char *failed = NULL;
    if (!check_output(ctx, f, output) || !arguments_bind(ctx, f, arguments, inputs, sizes) ||
        !arguments_complete(ctx, f, inputs, sizes))
        return false;
    if (!callable_call(f, sizes, inputs, outputs, &failed)) {
        failure_report(ctx, f, sizes, inputs, failed);
        return false;
    }
    if (wants_npy(output))
        array_write_npy(out, outputs[0]);
    else if (is_named(output, ".npz"))
        write_npz(out, f, outputs);
    else
        print_results(out, f, outputs);
    return true;
}

bool run_command(Context *ctx, Source *source, const ProgramOptions *options, const char *what,
                 const ArgumentTexts *arguments, const char *output, Text *out) {
    const char *function = callable_resolve(ctx, source, options->how, what);
    FunctionArgs bound;
    if (!function ||
        !function_args_bind(ctx, source, options->how, function, arguments, false, &bound))
        return false;
    Program *program = program_new(ctx, bound.source, options, &bound.function, 1);
    if (program)
        program_function(program, 0)->name = bound.name;
    bool ok = program && call(ctx, program_function(program, 0), &bound.arguments, output, out);
    program_free(program);
    return ok;
}
