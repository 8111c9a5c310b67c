/* bpc-opt: reads textual IR, runs passes on it, and prints it, or evaluates a function of it by the
 * reference interpreter. For people who work on the compiler, and for its tests.
 *
 * Exit status as bpc: 0; 1 for an error in the input; 2 for wrong usage. */
#include "driver/eval_args.h"
#include "driver/files.h"
#include "driver/report.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_ok = 0, EXIT_program = 1, EXIT_usage = 2 };

static const char help_head[] =
    "usage: bpc-opt [FILE|-] [options] [--eval FUNCTION ARGUMENT...]\n"
    "\n"
    "Reads IR as text (bpc --emit=ir writes it), checks it, runs passes and prints it.\n"
    "\n"
    "  --passes=LIST       passes and pipelines, separated by commas; see below\n"
    "  --print-after-all   print the module after every pass\n"
    "  --verify-each       check the invariants of the IR after every pass\n"
    "  --no-verify         do not check what was read\n"
    "  --eval F ARG...     print the results of F instead: numbers, [1,2,3], [[1,2],[3,4]]\n"
    "  --sizes n=3,m=4     sizes of F that do not follow from the arguments\n"
    "  --count             print the number of instructions of each function instead\n"
    "  --help              this text\n";

typedef struct OptOptions {
    const char *input, *passes, *eval, *sizes;
    VEC(const char *) args;
    bool print_after_all, verify_each, no_verify, count, help;
} OptOptions;

static int usage_error(const char *what, const char *argument) {
    fprintf(stderr, "bpc-opt: %s%s\nTry 'bpc-opt --help'.\n", what, argument);
    return EXIT_usage;
}

/* ---- the command line ---- */

static bool flag(OptOptions *o, const char *arg) {
    bool *target = strcmp(arg, "--print-after-all") == 0 ? &o->print_after_all
                   : strcmp(arg, "--verify-each") == 0   ? &o->verify_each
                   : strcmp(arg, "--no-verify") == 0     ? &o->no_verify
                   : strcmp(arg, "--count") == 0         ? &o->count
                   : strcmp(arg, "--help") == 0          ? &o->help
                                                         : NULL;
    if (target) {
        *target = true;
    }
    return target != NULL;
}

/* `--name=value` or `--name value`; advances *i over a value of its own. */
static bool valued(const char *name, int argc, char **argv, int *i, const char **value) {
    size_t n = strlen(name);
    const char *arg = argv[*i];
    if (strncmp(arg, name, n) != 0 || (arg[n] != '=' && arg[n] != '\0')) {
        return false;
    }
    *value = arg[n] == '=' ? arg + n + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    return true;
}

static int parse_options(OptOptions *o, Arena *arena, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = "";
        bool known = flag(o, argv[i]);
        if (!known && (known = valued("--passes", argc, argv, &i, &value))) {
            o->passes = value;
        } else if (!known && (known = valued("--sizes", argc, argv, &i, &value))) {
            o->sizes = value;
        } else if (!known && (known = valued("--eval", argc, argv, &i, &value))) {
            o->eval = value;
        }
        if (!value) {
            return usage_error("a value is missing after ", argv[i]);
        }
        if (known) {
            continue;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            return usage_error("unknown option ", argv[i]);
        }
        if (o->eval) {
            vec_push(arena, &o->args, argv[i]);
        } else if (o->input) {
            return usage_error("more than one input: ", argv[i]);
        } else {
            o->input = argv[i];
        }
    }
    return EXIT_ok;
}

/* ---- steps ---- */

static IrModule *read_module(Context *ctx, const char *path) {
    char *text = NULL;
    size_t size = 0;
    const char *error = NULL;
    if (!file_read(&ctx->arena, path, &text, &size, &error)) {
        diag_error(&ctx->diags, DIAG_file_read, (Loc){0, 0}, "cannot read %s: %s", path, error);
        return NULL;
    }
    Source *source =
        source_add(&ctx->sources, strcmp(path, "-") == 0 ? "<stdin>" : path, text, size);
    if (!source) {
        diag_error(&ctx->diags, DIAG_file_too_large, (Loc){0, 0}, "%s is too large", path);
        return NULL;
    }
    return ir_read(ctx, &ctx->arena, source);
}

static bool given_sizes(Context *ctx, const Func *f, const char *text, int64_t *sizes) {
    for (int i = 0; i < f->sizes.n; i++) {
        sizes[i] = -1;
    }
    while (text && *text) {
        const char *equals = strchr(text, '=');
        int found = -1;
        for (int i = 0; equals && i < f->sizes.n; i++) {
            size_t n = strlen(f->sizes.data[i]->name);
            if (n == (size_t)(equals - text) && strncmp(text, f->sizes.data[i]->name, n) == 0) {
                found = i;
            }
        }
        char *end = NULL;
        int64_t value = equals ? strtoll(equals + 1, &end, 10) : -1;
        if (found < 0 || end == equals + 1 || value < 0) {
            diag_error(&ctx->diags, DIAG_usage, (Loc){0, 0},
                       "--sizes: '%s' is no size=number of '%s'", text, f->name);
            return false;
        }
        sizes[found] = value;
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

static const Export *export_of(const IrModule *m, const Func *f) {
    for (int i = 0; i < m->exports.n; i++) {
        if (m->exports.data[i]->func == f) {
            return m->exports.data[i];
        }
    }
    return NULL;
}

static bool evaluate(Context *ctx, IrModule *m, const OptOptions *o, Text *out) {
    Func *f = ir_find_func(m, o->eval);
    if (!f) {
        diag_error(&ctx->diags, DIAG_ir_name, (Loc){0, 0}, "there is no function '%s'", o->eval);
        return false;
    }
    Arena *arena = &ctx->arena;
    int64_t *sizes = ARENA_ARRAY(arena, f->sizes.n, int64_t);
    Datum **args = ARENA_ARRAY(arena, f->body->params.n, Datum *);
    Datum **results = ARENA_ARRAY(arena, ir_eval_n_results(f), Datum *);
    const char *error = NULL;
    if (!given_sizes(ctx, f, o->sizes, sizes)) {
        return false;
    }
    if (!eval_args_read(arena, f, export_of(m, f), o->args.data, o->args.n, sizes, args, &error) ||
        ir_eval(m, arena, f, sizes, args, results, &error) != 0) {
        diag_error(&ctx->diags, DIAG_ir_eval, (Loc){0, 0}, "%s", error);
        return false;
    }
    for (int i = 0; i < ir_eval_n_results(f); i++) {
        eval_result_print(out, results[i]);
        text_puts(out, "\n");
    }
    return true;
}

static void print_counts(const IrModule *m, Text *out) {
    for (int i = 0; i < m->funcs.n; i++) {
        text_printf(out, "%s: %d\n", m->funcs.data[i]->name, ir_count(m->funcs.data[i]->body));
    }
}

static bool process(Context *ctx, const OptOptions *o, Text *out) {
    IrModule *m = read_module(ctx, o->input ? o->input : "-");
    if (!m || (!o->no_verify && !ir_verify(m))) {
        return false;
    }
    PassOptions passes = {.verify_each = o->verify_each,
                          .print_after = o->print_after_all ? out : NULL};
    if (o->passes && !passes_run(m, o->passes, &passes)) {
        return false;
    }
    if (o->eval) {
        return evaluate(ctx, m, o, out);
    }
    if (o->count) {
        print_counts(m, out);
    } else if (!o->print_after_all || !o->passes) {
        ir_print(out, m);
    }
    return true;
}

/* ---- */

static void show_help(Context *ctx) {
    Text text;
    text_init(&text, &ctx->arena);
    passes_describe(&text);
    printf("%s\nPasses:\n%s", help_head, text.data ? text.data : "");
}

static bool is_usage(const Context *ctx) {
    for (int i = 0; i < ctx->diags.items.n; i++) {
        DiagCode code = ctx->diags.items.data[i]->code;
        if (code == DIAG_unknown_pass || code == DIAG_usage) {
            return true;
        }
    }
    return false;
}

static int run(Context *ctx, int argc, char **argv) {
    OptOptions options = {0};
    int status = parse_options(&options, &ctx->arena, argc, argv);
    if (status != EXIT_ok) {
        return status;
    }
    if (options.help) {
        show_help(ctx);
        return EXIT_ok;
    }
    Text out, messages;
    text_init(&out, &ctx->arena);
    text_init(&messages, &ctx->arena);
    bool ok = process(ctx, &options, &out);
    fwrite(out.data ? out.data : "", 1, out.n, stdout);
    report_text(&messages, ctx, false);
    fwrite(messages.data ? messages.data : "", 1, messages.n, stderr);
    return ok ? EXIT_ok : is_usage(ctx) ? EXIT_usage : EXIT_program;
}

int main(int argc, char **argv) {
    Context ctx;
    jmp_buf out_of_memory;
    context_init(&ctx, NULL);
    ctx.alloc.oom = &out_of_memory;
    if (setjmp(out_of_memory) != 0) {
        fputs("bpc-opt: out of memory\n", stderr);
        return EXIT_program;
    }
    int status = run(&ctx, argc, argv);
    context_free(&ctx);
    if (fflush(stdout) != 0 && status == EXIT_ok) {
        status = EXIT_program;
    }
    return status;
}
