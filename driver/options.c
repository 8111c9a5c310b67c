/* Reads the command line by the table driver/options.def. See driver/options.h. Prints nothing. */
#include "driver/options.h"
#include "support/diag.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionForm { FLAG, VALUE, JOINED } OptionForm;

typedef enum OptionId {
#define OPTION(id, ...) OPT_##id,
#include "driver/options.def"
#undef OPTION
    OPT_COUNT
} OptionId;

/* How an option sets a field of Options: to true; to its value; one more of a
 * list, or several, with commas between; to a number
 * from 1 to `most`, or any; to the index of its value among `names`, or to whether it is the last.
 */
typedef enum SettingKind {
    SET_on,
    SET_text,
    SET_list,
    SET_items,
    SET_count,
    SET_number,
    SET_one_of,
    SET_last_of
} SettingKind;

typedef struct Setting {
    SettingKind kind;
    size_t field;
    unsigned long long most;
    const char *const *names;
    int n_names;
} Setting;

typedef struct OptionRow {
    const char *spelling;
    OptionForm form;
    const char *value;
    unsigned commands; /* a bit each */
    Setting sets;
    const char *help;
} OptionRow;

/* Names of the column `commands`. */
enum {
    C = 1u << COMMAND_compile,
    TEST = 1u << COMMAND_test,
    RUN = 1u << COMMAND_run,
    CHECK = 1u << COMMAND_gradcheck,
    FMT = 1u << COMMAND_fmt,
    CALLS = TEST | RUN | CHECK,
    CODE = C | CALLS,
    ANY = CODE | FMT | 1u << COMMAND_explain | 1u << COMMAND_help
};

static const char *const emit_names[] = {
#define EMIT(kind, help) #kind,
#include "driver/options.def"
#undef EMIT
};

static const char *const widths[] = {"f64", "f32"}, *const levels[] = {"0", "1", "2", "3"},
                         *const formats[] = {"text", "json"}, *const sanitizers[] = {"nan"},
                         *const colors[] = {"auto", "always", "never"};

/* Of the column `sets`. */
#define FIELD(kind, field, ...) {SET_##kind, offsetof(Options, field), __VA_ARGS__}
#define ON(field) FIELD(on, field, 0, NULL, 0)
#define TEXT(field) FIELD(text, field, 0, NULL, 0)
#define LIST(field) FIELD(list, field, 0, NULL, 0)
#define ITEMS(field) FIELD(items, field, 0, NULL, 0)
#define COUNT(field, most) FIELD(count, field, most, NULL, 0)
#define NUMBER(field) FIELD(number, field, UINT64_MAX, NULL, 0)
#define ONE_OF(field, names) FIELD(one_of, field, 0, names, sizeof names / sizeof *names)
#define LAST_OF(field, names) FIELD(last_of, field, 0, names, sizeof names / sizeof *names)

static const OptionRow rows[OPT_COUNT] = {
#define OPTION(id, spelling, form, value, commands, sets, help)                                    \
    {spelling, form, value, commands, sets, help},
#include "driver/options.def"
#undef OPTION
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
    bool given[OPT_COUNT];
    const char *error, *hint;
} Reader;

#define FAIL(reader, ...) ((reader)->error = arena_printf((reader)->arena, __VA_ARGS__), false)

static void suggest(Reader *reader, const char *word, const char *const *names, int n) {
    const char *near = nearest_name(word, names, n);
    if (near)
        reader->hint = arena_printf(reader->arena, "did you mean `%s`?", near);
}

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

/* `--emti=bp` is near `--emit`. */
static bool fail_unknown(Reader *reader, const char *arg) {
    const char *names[OPT_COUNT];
    for (int id = 0; id < OPT_COUNT; id++)
        names[id] = rows[id].spelling;
    suggest(reader, arena_strdup(reader->arena, arg, strcspn(arg, "=")), names, OPT_COUNT);
    return FAIL(reader, "unknown option '%s'", arg);
}

static bool fail_value(Reader *reader, OptionId id, const char *value) {
    return FAIL(reader, "option '%s' takes %s, not '%s'", rows[id].spelling, rows[id].value, value);
}

/* Where there are too many to show as A|B. */
static bool fail_choice(Reader *reader, OptionId id, const char *value) {
    const Setting *sets = &rows[id].sets;
    Text list;
    text_init(&list, reader->arena);
    for (int i = 0; i < sets->n_names; i++)
        text_printf(&list, "%s%s", i > 0 ? ", " : "", sets->names[i]);
    suggest(reader, value, sets->names, sets->n_names);
    return FAIL(reader, "'%s' takes one of %s, not '%s'", rows[id].spelling, list.data, value);
}

/* Index of `value` among n names, or -1. */
static int choose(const char *value, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    return -1;
}

/* A number without a sign, at most `most`. */
static bool read_count(const char *value, unsigned long long most, unsigned long long *number) {
    char *end = NULL;
    errno = 0;
    *number = strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && *number <= most;
}

static bool set_choice(Reader *reader, Options *options, OptionId id, const char *value) {
    const Setting *sets = &rows[id].sets;
    void *field = (char *)options + sets->field;
    int choice = choose(value, sets->names, sets->n_names);
    if (choice < 0)
        return sets->names == emit_names ? fail_choice(reader, id, value)
                                         : fail_value(reader, id, value);
    if (sets->kind == SET_last_of)
        *(bool *)field = choice == sets->n_names - 1;
    else
        *(int *)field = choice;
    return true;
}

static bool set_number(Reader *reader, Options *options, OptionId id, const char *value) {
    const Setting *sets = &rows[id].sets;
    void *field = (char *)options + sets->field;
    unsigned long long number;
    int least = sets->kind == SET_count;
    if (!read_count(value, sets->most, &number) || number < (unsigned long long)least)
        return FAIL(reader, "option '%s' takes a number from %d to %llu, not '%s'",
                    rows[id].spelling, least, sets->most, value);
    if (sets->kind == SET_count)
        *(int *)field = (int)number;
    else
        *(uint64_t *)field = number;
    return true;
}

static void add_items(Reader *reader, Words *words, const char *value) {
    for (const char *at = value, *next; at; at = next) {
        size_t n = strcspn(at, ",");
        vec_push(reader->arena, words, arena_strdup(reader->arena, at, n));
        next = at[n] ? at + n + 1 : NULL;
    }
}

static bool set_option(Reader *reader, Options *options, OptionId id, const char *value) {
    void *field = (char *)options + rows[id].sets.field;
    switch (rows[id].sets.kind) {
    case SET_on:
        *(bool *)field = true;
        return true;
    case SET_text:
        *(const char **)field = value;
        return true;
    case SET_list:
        vec_push(reader->arena, (Words *)field, value);
        return true;
    case SET_items:
        add_items(reader, field, value);
        return true;
    case SET_count:
    case SET_number:
        return set_number(reader, options, id, value);
    default:
        return set_choice(reader, options, id, value);
    }
}

static bool read_option(Reader *reader, Options *options, const char *arg) {
    const char *value = NULL;
    OptionId id = find_option(arg, &value);
    if (id == OPT_COUNT)
        return fail_unknown(reader, arg);
    reader->given[id] = true;
    if (rows[id].form == VALUE && !value && reader->next < reader->argc)
        value = reader->argv[reader->next++];
    if (rows[id].form != FLAG && (!value || *value == '\0'))
        return FAIL(reader, "option '%s' needs %s", arg, rows[id].value);
    return set_option(reader, options, id, value);
}

/* ---- operands ---- */

static Command find_command(const char *word) {
    for (int k = 1; k < COMMAND_COUNT; k++)
        if (strcmp(word, commands[k].name) == 0)
            return (Command)k;
    return COMMAND_compile;
}

const char *nearest_command(const char *word) {
    const char *names[COMMAND_COUNT];
    for (int k = 1; k < COMMAND_COUNT; k++)
        names[k - 1] = commands[k].name;
    return nearest_name(word, names, COMMAND_COUNT - 1);
}

static bool takes_function(Command command) {
    return command == COMMAND_run || command == COMMAND_gradcheck;
}

static bool fail_operand(Reader *reader, const Options *options, const char *arg) {
    if (takes_function(options->command))
        return FAIL(reader, "one function at a time: '%s' and '%s'", options->function, arg);
    if (options->command == COMMAND_explain)
        return FAIL(reader, "one code at a time: '%s' and '%s'", options->explain, arg);
    const char *near = options->command == COMMAND_compile ? nearest_command(options->input) : NULL;
    if (near)
        reader->hint = arena_printf(reader->arena, "did you mean `bpc %s`?", near);
    return FAIL(reader, "one input at a time: '%s' and '%s'", options->input, arg);
}

static bool read_help_topic(Reader *reader, Options *options, const char *arg) {
    options->topic = find_command(arg);
    if (options->topic != COMMAND_compile)
        return true;
    const char *near = nearest_command(arg);
    if (near)
        reader->hint = arena_printf(reader->arena, "did you mean `bpc help %s`?", near);
    return FAIL(reader, "there is no command '%s'", arg);
}

/* A command is the first operand; a model of that name is `./test`. */
static bool read_operand(Reader *reader, Options *options, const char *arg) {
    if (options->command == COMMAND_compile && !options->input) {
        options->command = find_command(arg);
        if (options->command == COMMAND_compile)
            options->input = arg;
    } else if (options->command == COMMAND_help) {
        return read_help_topic(reader, options, arg);
    } else if (options->command == COMMAND_explain && !options->explain) {
        options->explain = arg;
    } else if (options->command != COMMAND_explain && !options->input) {
        options->input = arg;
    } else if (takes_function(options->command) && !options->function) {
        options->function = arg;
    } else {
        return fail_operand(reader, options, arg);
    }
    return true;
}

/* ---- what fits together ---- */

/* "`bpc run` and `bpc gradcheck`": who takes an option. */
static const char *takers(Arena *arena, unsigned mask) {
    Text text;
    text_init(&text, arena);
    for (int k = 0; k < COMMAND_COUNT; k++) {
        if (!(mask & 1u << k))
            continue;
        bool last = !(mask >> (k + 1));
        text_puts(&text, text.n == 0 ? "" : last ? " and " : ", ");
        text_printf(&text, "`bpc %s`", k == COMMAND_compile ? "MODEL.bp" : commands[k].name);
    }
    return text.data;
}

static bool check_options_fit(Reader *reader, const Options *options) {
    const char *command =
        options->command == COMMAND_compile ? "MODEL.bp" : commands[options->command].name;
    for (int id = 0; id < OPT_COUNT; id++) {
        if (!reader->given[id] || (rows[id].commands & 1u << options->command))
            continue;
        reader->hint = arena_printf(reader->arena, "it is an option of %s",
                                    takers(reader->arena, rows[id].commands));
        return FAIL(reader, "`bpc %s` has no option '%s'", command, rows[id].spelling);
    }
    return true;
}

static bool check_threads_fit(Reader *reader, const Options *options) {
    if (options->threads < 2)
        return true;
    bool other =
        options->emit == OUTPUT_c || options->emit == OUTPUT_bp || options->emit == OUTPUT_memory;
    if (other || options->sanitize_nan || options->freestanding)
        return FAIL(reader, "--threads does not go with %s",
                    other                   ? "--emit=c, --emit=bp and --emit=memory"
                    : options->sanitize_nan ? "--sanitize=nan"
                                            : "--freestanding: it needs a runtime");
    return true;
}

static bool complete(Reader *reader, Options *options) {
    if (options->help || options->version)
        return true;
    if (options->command == COMMAND_help) {
        options->help = true;
        return true;
    }
    if (!check_options_fit(reader, options))
        return false;
    bool prints = options->emit == OUTPUT_c || options->emit == OUTPUT_bp;
    if (options->sanitize_nan && (prints || options->interpret))
        return FAIL(reader, "--sanitize=nan is for compiled code, not for %s",
                    options->interpret ? "--interpret" : "--emit=c and --emit=bp");
    if (!check_threads_fit(reader, options))
        return false;
    bool needs_model = options->command != COMMAND_compile && options->command != COMMAND_explain;
    if (needs_model &&
        (!options->input || (takes_function(options->command) && !options->function)))
        return FAIL(reader, "bpc %s needs %s", commands[options->command].name,
                    commands[options->command].operands);
    return true;
}

bool options_parse(Options *options, Arena *arena, int argc, char **argv, const char **error,
                   const char **hint) {
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
    *hint = reader.hint;
    if (options->help && options->topic == COMMAND_compile)
        options->topic = options->command == COMMAND_help ? COMMAND_compile : options->command;
    return ok;
}

/* ---- --help ---- */

static void help_usage(Text *out, Command command) {
    if (command != COMMAND_compile) {
        const char *help = commands[command].help;
        text_printf(out, "usage: bpc %s %s [options]\n\n%c%s.\n", commands[command].name,
                    commands[command].operands, help[0] - 'a' + 'A', help + 1);
        return;
    }
    text_puts(out, "usage: bpc MODEL.bp [options]\n"
                   "       bpc COMMAND ... [options]\n\n"
                   "Compiles a model and its derivatives to an object file and a C header.\n"
                   "MODEL.bp may be -, the standard input.\n\ncommands:\n");
    for (int k = 1; k < COMMAND_COUNT; k++) {
        char *left = arena_printf(out->arena, "%s %s", commands[k].name, commands[k].operands);
        text_printf(out, "  %-28s %s\n", left, commands[k].help);
    }
}

/* Of a command its own options; of bpc all, those of commands with their names in front. */
static void help_options(Text *out, Command command) {
    text_puts(out, "\noptions:\n");
    for (int id = 0; id < OPT_COUNT; id++) {
        const OptionRow *row = &rows[id];
        if (command != COMMAND_compile && !(row->commands & 1u << command))
            continue;
        const char *gap = row->form == VALUE ? (row->spelling[1] == 'o' ? " " : "=") : "";
        char *left =
            arena_printf(out->arena, "%s%s%s", row->spelling, gap, row->value ? row->value : "");
        text_printf(out, "  %-28s ", left);
        bool named = false;
        for (int k = 1; k < COMMAND_COUNT && !(row->commands & C) && command == COMMAND_compile;
             k++) {
            if (row->commands & 1u << k)
                text_printf(out, "%s%s", named ? ", " : "", commands[k].name);
            named = named || (row->commands & 1u << k);
        }
        text_printf(out, "%s%s\n", named ? ": " : "", row->help);
    }
}

void options_help(Text *out, Command command) {
    help_usage(out, command);
    help_options(out, command);
    if (command == COMMAND_compile) {
        text_puts(out, "\nkinds of --emit:\n");
        for (int i = 0; i < EMIT_COUNT; i++)
            text_printf(out, "  %-28s %s\n", emit_names[i], emit_help[i]);
    }
    if (command == COMMAND_run || command == COMMAND_gradcheck)
        text_puts(out,
                  "\nrecords and tuples are given part by part: --arg p.W=@W.npy --arg t.0=1\n");
    if (command == COMMAND_gradcheck)
        text_puts(out, "arguments and sizes that are not given are drawn at random\n");
    text_printf(out, "\nexit status: 0; 1 for %s; 2 for wrong usage\n",
                command == COMMAND_gradcheck
                    ? "a derivative that disagrees or an error in the program"
                : command == COMMAND_test ? "a test that fails or an error in the program"
                                          : "an error in the program or its files");
}
