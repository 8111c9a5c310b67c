/* `bpc test MODEL.bp`: runs the `test` blocks of a module. Used by bpc_main.c only. */
#ifndef BPC_DRIVER_TEST_COMMAND_H
#define BPC_DRIVER_TEST_COMMAND_H

#include "driver/compile.h"

/* Runs every test block of the text and writes a line a test into `out`, and what failed: the
 * assertion with its place. In this process's native code, or in the interpreter. Returns the
 * number of tests that failed; -1 when diagnostics were queued. `libraries` are loaded first, for
 * the extern functions of the module. */
int test_command(Context *ctx, Source *source, const CompileOptions *how, bool interpret,
                 const char *const *libraries, int n_libraries, Text *out);

#endif
