/* Passes over the IR and the pipelines made of them.
 *
 * A pass rebuilds a function: it emits into a fresh body through a value map and swaps the bodies.
 * The rows of passes.def feed this table, `bpc-opt --passes=` and its help. */
#ifndef BPC_PASSES_PASSES_H
#define BPC_PASSES_PASSES_H

#include "ir/ir.h"

typedef struct PassOptions {
    bool verify_each;  /* run the verifier after every pass */
    Text *print_after; /* print the module after every pass into this; NULL: do not */
} PassOptions;

/* Runs a comma-separated list of passes, or a named pipeline: "derive" (resolve all derivative
 * operators and calls), "O0", "O1", "O2", "O3" (everything up to what code generation takes), and
 * "watched", the same for IrModule.watched. False when diagnostics were queued (unknown pass,
 * verifier, a function that cannot be differentiated).
 */
bool passes_run(IrModule *m, const char *pipeline, const PassOptions *options);
/* "name\tdescription\n" a pass. */
void passes_describe(Text *out);

#endif
