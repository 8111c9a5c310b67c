/* `bpc run MODEL.bp FUNCTION`: calls a function of a model. Used by bpc_main.c only. */
#ifndef BPC_DRIVER_RUN_COMMAND_H
#define BPC_DRIVER_RUN_COMMAND_H

#include "driver/arguments.h"

/* Calls the function and gives what goes to the output: text, or one result as .npy when `output`
 * ends so. False after messages; a status of the function is one. */
bool run_command(Context *ctx, Source *source, const ProgramOptions *options, const char *what,
                 const ArgumentTexts *arguments, const char *output, Text *out);

#endif
