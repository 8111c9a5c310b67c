/* Reads the command line by the table driver/options.def. See driver/options.h. Prints nothing. */
#include "driver/options.h"
#include "support/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionForm { FLAG, VALUE, JOINED } OptionForm;

typedef enum OptionId {
#define OPTION(id, spelling, form, value, help) OPT_##id,
#include "driver/options.def"
#undef OPTION
    OPT_COUNT
} OptionId;

typedef struct OptionRow {
    const char *spelling;
    OptionForm form;
    const char *value, *help;
} OptionRow;

static const OptionRow rows[OPT_COUNT] = {
#define OPTION(id, spelling, form, value, help) {spelling, form, value, help},
#include "driver/options.def"
#undef OPTION
};

static const char *const emit_names[] = {
#define EMIT(kind, help) #kind,
#include "driver/options.def"
#undef EMIT
};

static const char *const emit_help[] = {
#define EMIT(kind, help) help,
#include "driver/options.def"
#undef EMIT
};

typedef struct CommandRow {
    const char *name, *operands, *help;
} CommandRow;

static const CommandRow commands[] = {
    {NULL, NULL, NULL},
#define COMMAND(name, operands, help) {#name, operands, help},
#include "driver/options.def"
#undef COMMAND
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

enum { EMIT_COUNT = sizeof emit_names / sizeof *emit_names };

typedef struct Reader {
    Arena *arena;
    int argc, next;
    char **argv;
    const char *error;
} Reader;

/* The row that `arg` names; sets *value to what follows the spelling in the same argument, or NULL.
 */
static OptionId find_option(const char *arg, const char **value) {
    for (int id = 0; id < OPT_COUNT; id++) {
        size_t len = strlen(rows[id].spelling);
        if (strncmp(arg, rows[id].spelling, len) != 0)
            continue;
        const char *rest = arg + len;
        *value = NULL;
        if (*rest == '\0')
            return (OptionId)id;
        if (rows[id].form == JOINED) {
            *value = rest;
            return (OptionId)id;
        }
        if (*rest == '=' && rows[id].form == VALUE) {
            *value = rest + 1;
            return (OptionId)id;
        }
    }
    return OPT_COUNT;
}

static bool fail_unknown(Reader *reader, const char *arg) {
    const char *names[OPT_COUNT];
    for (int id = 0; id < OPT_COUNT; id++)
        names[id] = rows[id].spelling;
    const char *near = nearest_name(arg, names, OPT_COUNT);
    reader->error =
        near ? arena_printf(reader->arena, "unknown option '%s'; did you mean '%s'?", arg, near)
             : arena_printf(reader->arena, "unknown option '%s'", arg);
    return false;
}

static bool fail_value(Reader *reader, OptionId id, const char *value) {
    reader->error = arena_printf(reader->arena, "option '%s' takes %s, not '%s'", rows[id].spelling,
                                 rows[id].value, value);
    return false;
}

/* Index of `value` among n names, or -1. */
static int choose(const char *value, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    return -1;
}

static bool set_emit(Reader *reader, Options *options, const char *value) {
    int kind = choose(value, emit_names, EMIT_COUNT);
    if (kind >= 0) {
        options->emit = (OutputKind)kind;
        return true;
    }
    Text list;
    text_init(&list, reader->arena);
    for (int i = 0; i < EMIT_COUNT; i++)
        text_printf(&list, "%s%s", i > 0 ? ", " : "", emit_names[i]);
    reader->error =
        arena_printf(reader->arena, "'--emit' takes one of %s, not '%s'", list.data, value);
    return false;
}

/* A number without a sign, at most `most`. */
static bool read_count(const char *value, unsigned long long most, unsigned long long *number) {
    char *end = NULL;
    errno = 0;
    *number = strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && *number <= most;
}

static bool set_option(Reader *reader, Options *options, OptionId id, const char *value) {
    static const char *const widths[] = {"f64", "f32"}, *const levels[] = {"0", "1", "2", "3"},
                             *const formats[] = {"text", "json"}, *const sanitizers[] = {"nan"},
                             *const colors[] = {"auto", "always", "never"};
    int choice = 0;
    unsigned long long number = 0;
    switch (id) {
    case OPT_output:
        options->output = value;
        break;
    case OPT_emit:
        return set_emit(reader, options, value);
    case OPT_export:
        vec_push(reader->arena, &options->exports, value);
        break;
    case OPT_real:
        choice = choose(value, widths, 2);
        options->real_is_f32 = choice == 1;
        break;
    case OPT_opt:
        choice = choose(value, levels, 4);
        options->opt_level = choice;
        break;
    case OPT_cpu:
        options->cpu = value;
        break;
    case OPT_debug:
        options->debug_info = true;
        break;
    case OPT_freestanding:
        options->freestanding = true;
        break;
    case OPT_sanitize:
        choice = choose(value, sanitizers, 1);
        options->sanitize_nan = choice == 0;
        break;
    case OPT_diagnostics:
        choice = choose(value, formats, 2);
        options->json = choice == 1;
        break;
    case OPT_color:
        choice = choose(value, colors, 3);
        options->color = (ColorWhen)choice;
        break;
    case OPT_link_flags:
        options->link_flags = true;
        break;
    case OPT_explain:
        options->explain = value;
        break;
    case OPT_interpret:
        options->interpret = true;
        break;
    case OPT_load:
        vec_push(reader->arena, &options->libraries, value);
        break;
    case OPT_arg:
        vec_push(reader->arena, &options->args, value);
        break;
    case OPT_size:
        vec_push(reader->arena, &options->sizes, value);
        break;
    case OPT_points:
        choice = read_count(value, 1000000, &number) && number > 0 ? 0 : -1;
        options->points = (int)number;
        break;
    case OPT_seed:
        choice = read_count(value, UINT64_MAX, &number) ? 0 : -1;
        options->seed = number;
        break;
    case OPT_check:
        options->check = true;
        break;
    case OPT_help:
        options->help = true;
        break;
    case OPT_version:
        options->version = true;
        break;
    case OPT_COUNT:
        break;
    }
    return choice < 0 ? fail_value(reader, id, value) : true;
}

static bool read_option(Reader *reader, Options *options, const char *arg) {
    const char *value = NULL;
    OptionId id = find_option(arg, &value);
    if (id == OPT_COUNT)
        return fail_unknown(reader, arg);
    if (rows[id].form == VALUE && !value) {
        if (reader->next == reader->argc) {
            reader->error =
                arena_printf(reader->arena, "option '%s' needs %s", arg, rows[id].value);
            return false;
        }
        value = reader->argv[reader->next++];
    }
    if (rows[id].form != FLAG && (!value || *value == '\0')) {
        reader->error = arena_printf(reader->arena, "option '%s' needs %s", arg, rows[id].value);
        return false;
    }
    return set_option(reader, options, id, value);
}

/* A command is the first operand, and another follows: `bpc test` compiles a file of that name, and
 * so does `bpc ./test MODEL.bp`, or rather complains of two inputs. */
static Command find_command(const char *word) {
    for (int k = 1; k < COMMAND_COUNT; k++)
        if (strcmp(word, commands[k].name) == 0)
            return (Command)k;
    return COMMAND_compile;
}

static bool takes_function(Command command) {
    return command == COMMAND_run || command == COMMAND_gradcheck;
}

static bool read_operand(Reader *reader, Options *options, const char *arg) {
    if (options->input && options->command == COMMAND_compile) {
        options->command = find_command(options->input);
        if (options->command != COMMAND_compile)
            options->input = NULL;
    }
    if (options->command == COMMAND_explain && !options->explain) {
        options->explain = arg;
    } else if (!options->input) {
        options->input = arg;
    } else if (takes_function(options->command) && !options->function) {
        options->function = arg;
    } else {
        reader->error = takes_function(options->command)
                            ? arena_printf(reader->arena, "one function at a time: '%s' and '%s'",
                                           options->function, arg)
                            : arena_printf(reader->arena, "one input at a time: '%s' and '%s'",
                                           options->input, arg);
        return false;
    }
    return true;
}

static bool complete(Reader *reader, const Options *options) {
    bool prints = options->emit == OUTPUT_c || options->emit == OUTPUT_bp;
    if (options->sanitize_nan && (prints || options->interpret)) {
        reader->error =
            arena_printf(reader->arena, "--sanitize=nan is for compiled code, not for %s",
                         options->interpret ? "--interpret" : "--emit=c and --emit=bp");
        return false;
    }
    if (!takes_function(options->command) || options->function || options->help || options->version)
        return true;
    reader->error = arena_printf(reader->arena, "bpc %s needs %s", commands[options->command].name,
                                 commands[options->command].operands);
    return false;
}

bool options_parse(Options *options, Arena *arena, int argc, char **argv, const char **error) {
    *options = (Options){.emit = OUTPUT_obj, .opt_level = 3};
    Reader reader = {.arena = arena, .argc = argc, .next = 1, .argv = argv};
    bool only_operands = false, ok = true;

    while (ok && reader.next < argc) {
        const char *arg = argv[reader.next++];
        if (!only_operands && strcmp(arg, "--") == 0)
            only_operands = true;
        else if (!only_operands && arg[0] == '-' && arg[1] != '\0')
            ok = read_option(&reader, options, arg);
        else
            ok = read_operand(&reader, options, arg);
    }
    ok = ok && complete(&reader, options);
    *error = reader.error;
    return ok;
}

void options_help(Text *out) {
    text_puts(out, "usage: bpc MODEL.bp [options]\n"
                   "       bpc COMMAND ... [options]\n\n"
                   "Compiles a model and its derivatives to an object file and a C header.\n"
                   "MODEL.bp may be -, the standard input.\n\ncommands:\n");
    for (int k = 1; k < COMMAND_COUNT; k++) {
        char *left = arena_printf(out->arena, "%s %s", commands[k].name, commands[k].operands);
        text_printf(out, "  %-28s %s\n", left, commands[k].help);
    }
    text_puts(out, "\noptions:\n");
    for (int id = 0; id < OPT_COUNT; id++) {
        const OptionRow *row = &rows[id];
        const char *gap = row->form == VALUE ? (row->spelling[1] == 'o' ? " " : "=") : "";
        char *left =
            arena_printf(out->arena, "%s%s%s", row->spelling, gap, row->value ? row->value : "");
        text_printf(out, "  %-28s %s\n", left, row->help);
    }
    text_puts(out, "\nkinds of --emit:\n");
    for (int i = 0; i < EMIT_COUNT; i++)
        text_printf(out, "  %-28s %s\n", emit_names[i], emit_help[i]);
    text_puts(out,
              "\nexit status: 0; 1 for an error in the program or its files; 2 for wrong usage\n");
}
