/* Telling a person about a NanReport (codegen/nan_report.h), which code compiled with
 * --sanitize=nan left. Used by the commands that call functions and by libbpc. */
#ifndef BPC_DRIVER_NAN_DIAGNOSTIC_H
#define BPC_DRIVER_NAN_DIAGNOSTIC_H

#include "codegen/nan_report.h"
#include "support/diag.h"

/* "1 / 0 = inf, at i = 3, t = 2" */
const char *nan_report_text(Arena *arena, const NanReport *report);
/* Queues an error at the operation, with its operands. */
Diag *nan_report_diagnose(DiagList *diags, const SourceMap *sources, const NanReport *report);

#endif
