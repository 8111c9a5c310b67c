/* Arguments of the command line (--arg, --size) bound to the parameters of a function. Used by
 * run_command.c and gradcheck*.c. Messages are queued in the context; none has a place in a source.
 */
#ifndef BPC_DRIVER_ARGUMENTS_H
#define BPC_DRIVER_ARGUMENTS_H

#include "driver/callable.h"

typedef struct ArgumentTexts {
    const char *const *args; /* "x=3.0", "p.W=@w.npy" */
    int n_args;
    const char *const *sizes; /* "n=3" */
    int n_sizes;
} ArgumentTexts;

/* Reads what is given: inputs[k] has the element type of leaf k, or stays NULL; sizes[k] becomes
 * what is given or follows from extents, or -1. False after messages: unknown names, unreadable
 * values, extents that do not fit. */
bool arguments_bind(Context *ctx, const Callable *f, const ArgumentTexts *texts, Array **inputs,
                    int64_t *sizes);

/* False, after messages, when a parameter has no argument or a size is not known. */
bool arguments_complete(Context *ctx, const Callable *f, Array *const *inputs,
                        const int64_t *sizes);

#endif
