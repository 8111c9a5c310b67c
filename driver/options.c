/* Reads the command line by the table driver/options.def. See driver/options.h. Prints nothing. */
#include "driver/options.h"
#include "support/diag.h"

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

enum { EMIT_COUNT = sizeof emit_names / sizeof *emit_names };

typedef struct Reader {
    Arena *arena;
    int argc, next;
    char **argv;
    const char *error;
} Reader;

/* The row that `arg` names; sets *value to what follows the spelling in the same argument, or NULL. */
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
    reader->error = near ? arena_printf(reader->arena, "unknown option '%s'; did you mean '%s'?", arg, near)
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

static bool set_option(Reader *reader, Options *options, OptionId id, const char *value) {
    static const char *const widths[] = {"f64", "f32"}, *const levels[] = {"0", "1", "2", "3"},
                             *const formats[] = {"text", "json"},
                             *const colors[] = {"auto", "always", "never"};
    int choice = 0;
    switch (id) {
    case OPT_output: options->output = value; break;
    case OPT_emit: return set_emit(reader, options, value);
    case OPT_export: vec_push(reader->arena, &options->exports, value); break;
    case OPT_real: choice = choose(value, widths, 2); options->real_is_f32 = choice == 1; break;
    case OPT_opt: choice = choose(value, levels, 4); options->opt_level = choice; break;
    case OPT_cpu: options->cpu = value; break;
    case OPT_debug: options->debug_info = true; break;
    case OPT_freestanding: options->freestanding = true; break;
    case OPT_diagnostics: choice = choose(value, formats, 2); options->json = choice == 1; break;
    case OPT_color: choice = choose(value, colors, 3); options->color = (ColorWhen)choice; break;
    case OPT_link_flags: options->link_flags = true; break;
    case OPT_explain: options->explain = value; break;
    case OPT_interpret: options->interpret = true; break;
    case OPT_load: vec_push(reader->arena, &options->libraries, value); break;
    case OPT_help: options->help = true; break;
    case OPT_version: options->version = true; break;
    case OPT_COUNT: break;
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
            reader->error = arena_printf(reader->arena, "option '%s' needs %s", arg, rows[id].value);
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

static bool read_input(Reader *reader, Options *options, const char *arg) {
    if (options->input && strcmp(options->input, "test") == 0 && !options->test) {
        options->test = true;
        options->input = NULL;
    }
    if (options->input) {
        reader->error = arena_printf(reader->arena, "one input at a time: '%s' and '%s'",
                                     options->input, arg);
        return false;
    }
    options->input = arg;
    return true;
}

bool options_parse(Options *options, Arena *arena, int argc, char **argv, const char **error) {
    *options = (Options){.emit = OUTPUT_obj, .opt_level = 3};
    Reader reader = {.arena = arena, .argc = argc, .next = 1, .argv = argv};
    bool only_inputs = false, ok = true;

    while (ok && reader.next < argc) {
        const char *arg = argv[reader.next++];
        if (!only_inputs && strcmp(arg, "--") == 0)
            only_inputs = true;
        else if (!only_inputs && arg[0] == '-' && arg[1] != '\0')
            ok = read_option(&reader, options, arg);
        else
            ok = read_input(&reader, options, arg);
        /* `bpc explain E0123`, unless a file of that name is meant: then write ./explain. So for `bpc test MODEL.bp`. */
        if (ok && options->input && strcmp(options->input, "explain") == 0 && reader.next < argc) {
            options->explain = argv[reader.next++];
            options->input = NULL;
        }
    }
    *error = reader.error;
    return ok;
}

void options_help(Text *out) {
    text_puts(out, "usage: bpc MODEL.bp [options]\n"
                   "       bpc test MODEL.bp [options]\n"
                   "       bpc explain E0123\n\n"
                   "Compiles a model and its derivatives to an object file and a C header.\n"
                   "MODEL.bp may be -, the standard input.\n\noptions:\n");
    for (int id = 0; id < OPT_COUNT; id++) {
        const OptionRow *row = &rows[id];
        const char *gap = row->form == VALUE ? (row->spelling[1] == 'o' ? " " : "=") : "";
        char *left = arena_printf(out->arena, "%s%s%s", row->spelling, gap, row->value ? row->value : "");
        text_printf(out, "  %-26s %s\n", left, row->help);
    }
    text_puts(out, "\nkinds of --emit:\n");
    for (int i = 0; i < EMIT_COUNT; i++)
        text_printf(out, "  %-26s %s\n", emit_names[i], emit_help[i]);
    text_puts(out, "\nexit status: 0; 1 for an error in the program or its files; 2 for wrong usage\n");
}
