/* Writing queued diagnostics for people (with carets) or for programs (JSON). Used by the programs;
 * pure text. */
#ifndef BPC_DRIVER_REPORT_H
#define BPC_DRIVER_REPORT_H

#include "support/context.h"

/* All diagnostics rendered, and a last line that counts the errors when there are several. */
void report_text(Text *out, const Context *ctx, bool color);
/* One JSON object a line: severity, code, message, labels (file, line, column, length, text),
 * notes, hint. */
void report_json(Text *out, const Context *ctx);

#endif
