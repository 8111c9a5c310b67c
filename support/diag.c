/* Queue of diagnostics, their rendering, and the nearest-name search behind "did you mean".
 *
 * Invariants: at most `limit` errors are kept, later ones counted; a Diag once returned may be
 * filled in further by its caller. Rendering is pure: it appends to a Text. Called by every layer
 * that finds something wrong; rendered by the driver. Must not print or exit. */
#include "support/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_LIMIT = 20, SHOWN_COLUMNS = 160, LONGEST_TEXT = 2000 };

void diags_init(DiagList *diags, Arena *arena) {
    *diags = (DiagList){.arena = arena, .limit = DEFAULT_LIMIT};
}

/* A name may be as long as the text: what is shown of one is not. */
static char *format_text(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    size_t shown = n < 0 ? 0 : n < LONGEST_TEXT ? (size_t)n : LONGEST_TEXT;
    char *text = arena_alloc(arena, shown + 4);
    vsnprintf(text, shown + 1, format, again);
    va_end(again);
    while (n > LONGEST_TEXT && shown > 0 && ((unsigned char)text[shown - 1] & 0x80)) {
        shown--; /* not in the middle of a character */
    }
    if (n > LONGEST_TEXT) {
        memcpy(text + shown, "...", 4);
    }
    return text;
}

static Diag *diag_new(DiagList *diags, Severity severity, DiagCode code, Loc loc,
                      const char *format, va_list args) {
    if (severity == SEV_error && diags->errors++ >= diags->limit) {
        return &diags->dropped;
    }
    Diag *diag = ARENA_NEW(diags->arena, Diag);
    diag->severity = severity;
    diag->code = code;
    diag->message = format_text(diags->arena, format, args);
    diag->labels[0].loc = loc;
    diag->label_count = 1;
    vec_push(diags->arena, &diags->items, diag);
    return diag;
}

Diag *diag_error(DiagList *diags, DiagCode code, Loc loc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    Diag *diag = diag_new(diags, SEV_error, code, loc, format, args);
    va_end(args);
    return diag;
}

Diag *diag_warning(DiagList *diags, DiagCode code, Loc loc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    Diag *diag = diag_new(diags, SEV_warning, code, loc, format, args);
    va_end(args);
    return diag;
}

void diag_label(DiagList *diags, Diag *diag, Loc loc, const char *format, ...) {
    if (diag == &diags->dropped) {
        return;
    }
    va_list args;
    va_start(args, format);
    char *text = format_text(diags->arena, format, args);
    va_end(args);
    /* The primary place already stands: a label for the same place only adds its text. */
    if (loc.begin == diag->labels[0].loc.begin && loc.end == diag->labels[0].loc.end &&
        !diag->labels[0].text) {
        diag->labels[0].text = text;
    } else if (loc.begin != 0 && diag->label_count < DIAG_LABELS) {
        diag->labels[diag->label_count++] = (DiagLabel){loc, text};
    }
}

void diag_note(DiagList *diags, Diag *diag, const char *format, ...) {
    if (diag == &diags->dropped) {
        return;
    }
    va_list args;
    va_start(args, format);
    if (diag->note_count < DIAG_NOTES) {
        diag->notes[diag->note_count++] = format_text(diags->arena, format, args);
    }
    va_end(args);
}

void diag_hint(DiagList *diags, Diag *diag, const char *format, ...) {
    if (diag == &diags->dropped) {
        return;
    }
    va_list args;
    va_start(args, format);
    diag->hint = format_text(diags->arena, format, args);
    va_end(args);
}

/* ---- rendering ---- */

static const char *paint(bool color, const char *code) {
    return color ? code : "";
}

static const char *severity_name(Severity severity) {
    return severity == SEV_error ? "error" : severity == SEV_warning ? "warning" : "note";
}

/* The part of a line that is shown: a window around the label when the line is long. */
typedef struct Window {
    uint32_t begin, end; /* offsets within the text */
    bool cut_left, cut_right;
} Window;

static Window line_window(const Source *source, uint32_t line, uint32_t at) {
    uint32_t begin = source->lines[line];
    uint32_t end = line + 1 < source->line_count ? source->lines[line + 1] - 1 : source->len;
    while (end > begin && (source->text[end - 1] == '\r' || source->text[end - 1] == '\n')) {
        end--;
    }
    Window window = {begin, end, false, false};
    if (end - begin > SHOWN_COLUMNS) {
        if (at > begin + SHOWN_COLUMNS / 2) {
            window.begin = at - SHOWN_COLUMNS / 2;
            window.cut_left = true;
        }
        if (end - window.begin > SHOWN_COLUMNS) {
            window.end = window.begin + SHOWN_COLUMNS;
            window.cut_right = true;
        }
    }
    return window;
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

static void render_source_line(Text *out, const Source *source, Window window) {
    text_puts(out, window.cut_left ? "..." : "");
    for (uint32_t i = window.begin; i < window.end; i++) {
        char c = source->text[i];
        if (c == '\t') {
            text_puts(out, " ");
        } else if (((unsigned char)c < 0x20) || c == 0x7f) {
            text_puts(out, "?");
        } else {
            text_add(out, &c, 1);
        }
    }
    text_puts(out, window.cut_right ? "...\n" : "\n");
}

static void render_carets(Text *out, const Source *source, Window window, uint32_t from,
                          uint32_t to, char mark) {
    text_puts(out, window.cut_left ? "   " : "");
    for (uint32_t i = window.begin; i < from; i++) {
        if (!is_continuation(source->text[i])) {
            text_puts(out, " ");
        }
    }
    text_add(out, &mark, 1);
    for (uint32_t i = from + 1; i < to && i < window.end; i++) {
        if (!is_continuation(source->text[i])) {
            text_add(out, &mark, 1);
        }
    }
}

static void render_label(Text *out, const SourceMap *sources, const DiagLabel *label, bool primary,
                         bool color) {
    const Source *source = source_of(sources, label->loc);
    if (!source) {
        return;
    }
    Position pos = source_position(sources, label->loc.begin);
    uint32_t from = label->loc.begin - source->base;
    uint32_t to = label->loc.end > label->loc.begin ? label->loc.end - source->base : from + 1;
    Window window = line_window(source, pos.line - 1, from);
    if (!primary) {
        text_printf(out, "%s     ::: %s%s:%u:%u\n", paint(color, "\033[34m"),
                    paint(color, "\033[0m"), pos.file, pos.line, pos.column);
    }
    text_printf(out, "%s%5u |%s ", paint(color, "\033[34m"), pos.line, paint(color, "\033[0m"));
    render_source_line(out, source, window);
    text_printf(out, "%s      |%s ", paint(color, "\033[34m"), paint(color, "\033[0m"));
    text_puts(out, paint(color, primary ? "\033[1;31m" : "\033[1;34m"));
    render_carets(out, source, window, from, to, primary ? '^' : '-');
    if (label->text) {
        text_printf(out, " %s", label->text);
    }
    text_printf(out, "%s\n", paint(color, "\033[0m"));
}

DiagLabel diag_call(const SourceMap *sources, const Diag *diag) {
    return (DiagLabel){source_call(sources, diag->labels[0].loc), "called here"};
}

void diag_render(Text *out, const SourceMap *sources, const Diag *diag, bool color) {
    const char *bold = paint(color, "\033[1m"), *plain = paint(color, "\033[0m");
    const char *tint = paint(color, diag->severity == SEV_error ? "\033[1;31m" : "\033[1;33m");
    if (source_of(sources, diag->labels[0].loc)) {
        Position pos = source_position(sources, diag->labels[0].loc.begin);
        text_printf(out, "%s%s:%u:%u: ", bold, pos.file, pos.line, pos.column);
    } else {
        text_printf(out, "%sbpc: ", bold);
    }
    text_printf(out, "%s%s[E%04d]%s%s: %s%s\n", tint, severity_name(diag->severity),
                (int)diag->code, plain, bold, diag->message, plain);
    for (int i = 0; i < diag->label_count; i++) {
        render_label(out, sources, &diag->labels[i], i == 0, color);
    }
    DiagLabel call = diag_call(sources, diag);
    render_label(out, sources, &call, false, color);
    for (int i = 0; i < diag->note_count; i++) {
        text_printf(out, "      = note: %s\n", diag->notes[i]);
    }
    if (diag->hint) {
        text_printf(out, "      = help: %s\n", diag->hint);
    }
}

/* ---- nearest name ---- */

enum { LONGEST_NAME = 64 };

static int smallest(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b, or any larger number than
 * `most` where they are more. Row i of the usual table needs rows i-1 and i-2 only; a row whose
 * numbers are all too large decides. */
static int edit_distance(const char *a, size_t na, const char *b, size_t nb, int most) {
    int rows[3][LONGEST_NAME + 1];
    if ((na > nb ? na - nb : nb - na) > (size_t)most) {
        return most + 1;
    }
    for (size_t j = 0; j <= nb; j++) {
        rows[0][j] = (int)j;
    }
    for (size_t i = 1; i <= na; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        int least = now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int cost = a[i - 1] != b[j - 1];
            now[j] = smallest(before[j] + 1, now[j - 1] + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_before[j - 2] + 1 < now[j]) {
                now[j] = two_before[j - 2] + 1;
            }
            least = now[j] < least ? now[j] : least;
        }
        if (least > most) {
            return least;
        }
    }
    return rows[na % 3][nb];
}

static bool same_but_case(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return !*a && !*b;
}

static size_t common_prefix(const char *a, const char *b) {
    size_t n = 0;
    while (a[n] && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* Of names equally near, the one that begins alike for longer; `A` is always near `a`. */
const char *nearest_name(const char *name, const char *const *names, int n) {
    size_t len = strlen(name);
    if (len == 0 || len > LONGEST_NAME) {
        return NULL;
    }
    const char *best = NULL;
    int best_distance = ((int)len + 2) / 4; /* at most: 1 of 3, 2 of 6, 3 of 10 letters */
    for (int i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        if (other == 0 || other > LONGEST_NAME || strcmp(name, names[i]) == 0) {
            continue;
        }
        if (same_but_case(name, names[i])) {
            return names[i];
        }
        int distance = edit_distance(name, len, names[i], other, best_distance);
        /* A one-letter name is not "near" every other one-letter name. */
        if (distance < (int)len &&
            (distance < best_distance ||
             (distance == best_distance &&
              (!best || common_prefix(name, names[i]) > common_prefix(name, best))))) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
