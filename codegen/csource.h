/* A module as one C99 file: what `bpc --emit=c` writes.
 *
 * The file stands alone: the text of the header, static helpers (those that are used), then for
 * each export the same functions as in the object, with the same statuses. Scalar code that a
 * person can read; the C compiler optimises. Pure text: touches no file, knows nothing of LLVM.
 * Called by the driver after the passes. */
#ifndef BPC_CODEGEN_CSOURCE_H
#define BPC_CODEGEN_CSOURCE_H

#include "ir/ir.h"

/* Appends the source of m, which must be in loop form (passes "O0".."O3"), to out. `header` is the
 * text of its header (header_print), module_name the prefix of the error function. False: a
 * diagnostic was queued. */
bool csource_print(Context *ctx, IrModule *m, const char *module_name, const char *header,
                   Text *out);

#endif
