/* The report of `--emit=plan`; see nests.c. */
#ifndef BPC_CODEGEN_NESTS_H
#define BPC_CODEGEN_NESTS_H

#include "ir/ir.h"

/* Appends, for each export, its loops and products in order, with what they cost and what they
 * join. vector_bytes as for code generation. False when a size overflows (a diagnostic was queued).
 */
bool nests_report(Text *out, IrModule *m, int vector_bytes);

#endif
