/* The command line of bpc as data. Used by bpc_main.c only; the rows stand in driver/options.def.
 */
#ifndef BPC_DRIVER_OPTIONS_H
#define BPC_DRIVER_OPTIONS_H

#include "support/arena.h"
#include <stdbool.h>

typedef enum OutputKind {
#define EMIT(kind, help) OUTPUT_##kind,
#include "driver/options.def"
#undef EMIT
} OutputKind;

typedef enum ColorWhen { COLOR_auto, COLOR_always, COLOR_never } ColorWhen;

/* What bpc does: `bpc MODEL.bp` compiles, `bpc COMMAND MODEL.bp` does something else. */
typedef enum Command {
    COMMAND_compile,
#define COMMAND(name, operands, help) COMMAND_##name,
#include "driver/options.def"
#undef COMMAND
} Command;

typedef VEC(const char *) Words;

typedef struct Options {
    Command command;
    const char *input;  /* "-": standard input */
    const char *output; /* NULL: none given; "-": standard output */
    OutputKind emit;
    Words exports;
    bool real_is_f32;
    int opt_level;
    const char *cpu, *target; /* NULL: this machine's */
    bool debug_info, freestanding;
    int threads; /* 0, 1: none are used */
    bool sanitize_nan;
    bool json;
    ColorWhen color;
    bool no_warnings;
    bool link_flags, help, version;
    bool interpret;
    Words libraries;
    const char *function; /* run, gradcheck */
    Words args;
    Words sizes;
    int points; /* gradcheck; 0: not given */
    uint64_t seed;
    bool check;          /* fmt */
    const char *explain; /* a code, or NULL */
    Command topic;       /* of --help; COMMAND_compile: all */
} Options;

/* Reads the command line. False when it is wrong; then *error says how, and *hint what to do or
 * NULL, in the arena. Arguments are not copied. */
bool options_parse(Options *options, Arena *arena, int argc, char **argv, const char **error,
                   const char **hint);
/* The text of --help: of a command, or of all. */
void options_help(Text *out, Command command);
/* The command that a word is near to, or NULL. */
const char *nearest_command(const char *word);

#endif
