/* `bpc fmt`: the layout of bp source. Used by bpc_main.c and, for --emit=bp, compile.c; the style
 * is described in docs/command-line.md. */
#ifndef BPC_DRIVER_FORMAT_H
#define BPC_DRIVER_FORMAT_H

#include "support/context.h"

/* The text in its layout: the same tokens and comments in the same order, on the same lines.
 * Formatting the result changes nothing. False after messages: the text has syntax errors. */
bool format_source(Context *ctx, Source *source, Text *out);
/* The same of a text without errors, which is not looked for them. */
bool format_text(Context *ctx, Source *source, Text *out);

#endif
