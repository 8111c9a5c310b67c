/* Arguments and results of `bpc-opt --eval`: numbers and nested lists, as text. */
#ifndef BPC_DRIVER_EVAL_ARGS_H
#define BPC_DRIVER_EVAL_ARGS_H

#include "ir/ir.h"

/* Reads one argument a parameter of f (`2`, `-1.5`, `true`, `[1, 2]`, `[[1,2],[3,4]]`) and finds
 * f's sizes from their extents, where sizes[i] is negative; the others are given. `export`, where
 * not NULL, is that of f: sizes that its parameters give. False: *error says why. */
bool eval_args_read(Arena *arena, const Func *f, const Export *export, const char *const *texts,
                    int n, int64_t *sizes, Datum **args, const char **error);

/* As it would be given: numbers such that they read back exactly. */
void eval_result_print(Text *out, const Datum *d);

#endif
