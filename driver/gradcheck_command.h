/* `bpc gradcheck MODEL.bp FUNCTION`: are the derivatives of a function right? Used by bpc_main.c
 * only. */
#ifndef BPC_DRIVER_GRADCHECK_COMMAND_H
#define BPC_DRIVER_GRADCHECK_COMMAND_H

#include "driver/arguments.h"

typedef struct GradcheckOptions {
    const char *function;
    ArgumentTexts arguments;
    int points;
    uint64_t seed;
    bool rules_left_out; /* disagreements are not traced to rules */
} GradcheckOptions;

/* Compares reverse mode with differences of values, and forward with reverse mode, and writes the
 * report. True when all agree; false also after messages, when the comparison could not be made. */
bool gradcheck_command(Context *ctx, Source *source, const ProgramOptions *options,
                       const GradcheckOptions *check, Text *out);

#endif
