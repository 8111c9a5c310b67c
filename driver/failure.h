/* What a call that failed says: the check, its place, and the values that it was about. Compiled
 * code gives a number; the rest is found by running the function once more in the interpreter,
 * which sees every value. Used by run_command.c, test_command.c and gradcheck_command.c. */
#ifndef BPC_DRIVER_FAILURE_H
#define BPC_DRIVER_FAILURE_H

#include "driver/callable.h"

/* The message for a call of f on these inputs that failed: "FILE:LINE:COLUMN: text" is shown at its
 * place, with values where the interpreter comes to the same failure; what --sanitize=nan found,
 * with its operands. */
void failure_report(Context *ctx, const Callable *f, const int64_t *sizes, Array *const *inputs,
                    const char *failed);

/* Runs f, of a module in which derivative operators are resolved (pass outline), in the
 * interpreter. Whether it fails as `failed` says; then *failure (in the context's arena). */
bool failure_find(Context *ctx, IrModule *ir, Func *f, const int64_t *sizes, Datum *const *args,
                  const char *failed, EvalFailure *failure);
/* "`k` is 3, `n` is 2, at i = 1", or NULL. */
const char *failure_values(Arena *arena, const EvalFailure *failure);

#endif
