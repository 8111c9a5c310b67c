/* The report of `--emit=memory`; see memory.c. */
#ifndef BPC_CODEGEN_MEMORY_H
#define BPC_CODEGEN_MEMORY_H

#include "ir/ir.h"

/* Appends, for each export, every array that its workspace holds: bytes, place in the source, name
 * and type, and why it is there. vector_bytes as for code generation. False when a size overflows
 * (a diagnostic was queued). */
bool memory_report(Text *out, IrModule *m, int vector_bytes);

#endif
