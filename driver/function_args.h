/* Functions that take functions, on the command line: `--arg 'f=|u| sin(u)'`. Such a parameter is
 * bound by a function that is added to the text of the model and takes the others. Used by
 * run_command.c and gradcheck_command.c. */
#ifndef BPC_DRIVER_FUNCTION_ARGS_H
#define BPC_DRIVER_FUNCTION_ARGS_H

#include "driver/arguments.h"

/* What is compiled and called in place of `*function`. */
typedef struct FunctionArgs {
    Source *source;
    const char *function, *name; /* name: for messages */
    ArgumentTexts arguments;     /* without those that are functions */
    const char *chosen;          /* "f = |a| sin(a)", of those that were chosen here; NULL: none */
} FunctionArgs;

/* `function` as callable_resolve gave it. With `choose`, parameters that are not given become a
 * function of their type where one is easily found. False after a message. */
bool function_args_bind(Context *ctx, Source *source, const CompileOptions *how,
                        const char *function, const ArgumentTexts *given, bool choose,
                        FunctionArgs *bound);

#endif
