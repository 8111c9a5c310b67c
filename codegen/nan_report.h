/* What a function compiled with --sanitize=nan leaves at the start of its workspace when it stops
 * at a NaN or an infinity. codegen/header.c prints the same declarations into the header of a
 * module; docs/command-line.md says how hosts use them. Written by code that codegen/emit_watch.c
 * makes, read by driver/nan_diagnostic.c. */
#ifndef BPC_CODEGEN_NAN_REPORT_H
#define BPC_CODEGEN_NAN_REPORT_H

#include <stdint.h>

enum { NAN_REPORT_OPERANDS = 4, NAN_REPORT_INDICES = 16, NAN_REPORT_BYTES = 256 };

typedef struct NanSite {
    const char *file;
    const char *operation; /* "/", "sqrt", ..; an argument or a result: its name */
    const char *sweep;     /* "the reverse sweep of loss"; "" in the program itself */
    const char
        *role; /* of what stands at the place: "adjoint", "tangent of the adjoint"; "" itself */
    const char *index_names; /* "i,t,": a comma after each; empty where the source has no name */
    int64_t line, column, length;
    int64_t operands, indices;
    int64_t kind; /* NanKind */
} NanSite;

/* NAN_RULE: an operation in a derivative rule, and the operands are what the rule was given. */
typedef enum NanKind { NAN_OPERATION, NAN_RULE, NAN_ARGUMENT, NAN_RESULT } NanKind;

typedef struct NanReport {
    int64_t status; /* that the function returned, or 0 */
    const NanSite *site;
    double value; /* NaN or an infinity */
    double operand[NAN_REPORT_OPERANDS];
    int64_t index[NAN_REPORT_INDICES]; /* of the loops around, outermost first; of an element */
} NanReport;

#endif
