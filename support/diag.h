/* Diagnostics as data. The library queues records; the driver renders them (with carets, or as
 * JSON). Nothing here prints or exits. Codes and their texts stand in support/diags.def. */
#ifndef BPC_SUPPORT_DIAG_H
#define BPC_SUPPORT_DIAG_H

#include "support/source.h"

typedef enum Severity { SEV_error, SEV_warning, SEV_note } Severity;

/* E0001... one enumerator a row of diags.def: DIAG(code, name, explanation). */
typedef enum DiagCode {
#define DIAG(code, name, explanation) DIAG_##name = code,
#include "support/diags.def"
#undef DIAG
} DiagCode;

enum { DIAG_LABELS = 3, DIAG_NOTES = 4 };

typedef struct DiagLabel {
    Loc loc;
    const char *text; /* may be NULL: only the caret */
} DiagLabel;

typedef struct Diag {
    Severity severity;
    DiagCode code;
    const char *message;
    DiagLabel labels[DIAG_LABELS]; /* labels[0] is the primary place */
    int label_count;
    const char *notes[DIAG_NOTES];
    int note_count;
    const char *hint; /* "help: ..." or NULL */
} Diag;

typedef struct DiagList {
    Arena *arena;
    VEC(Diag *) items;
    int errors;
    int limit;    /* errors queued at most (default 20); later ones are counted, not kept */
    Diag dropped; /* what diag_error returns for those; nothing is added to it */
} DiagList;

void diags_init(DiagList *diags, Arena *arena);
/* Queues an error at loc and returns it, so that labels, notes and a hint can be added; never NULL.
 */
Diag *diag_error(DiagList *diags, DiagCode code, Loc loc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
Diag *diag_warning(DiagList *diags, DiagCode code, Loc loc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_label(DiagList *diags, Diag *diag, Loc loc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_note(DiagList *diags, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether anyone will read it: false behind the limit, where looking for a hint is wasted. */
static inline bool diag_is_kept(const DiagList *diags, const Diag *diag) {
    return diag != &diags->dropped;
}
void diag_hint(DiagList *diags, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Where its main place was called from, when that is another file; or nowhere. */
DiagLabel diag_call(const SourceMap *sources, const Diag *diag);
/* Renders one diagnostic as rustc does: "file:line:col: error[E0123]: message", the source line,
 * carets. */
void diag_render(Text *out, const SourceMap *sources, const Diag *diag, bool color);

const char *diag_explain(DiagCode code); /* NULL when there is no such code */
/* The explanation with its examples, as `bpc explain` prints it. False when there is no such code.
 */
bool diag_explain_fully(Text *out, DiagCode code);
void diag_list_codes(Text *out); /* a line a code: "E0201  unknown name" */

/* The nearest of n names to `name` by edit distance, or NULL when none is near; for "did you mean".
 */
const char *nearest_name(const char *name, const char *const *names, int n);

#endif
