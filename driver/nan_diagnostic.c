/* A NanReport in words. See driver/nan_diagnostic.h. */
#include "driver/nan_diagnostic.h"

#include <math.h>
#include <string.h>

static const char *number(Arena *arena, double x) {
    return isnan(x) ? "nan" : isinf(x) ? (x > 0 ? "inf" : "-inf") : arena_printf(arena, "%.17g", x);
}

static bool is_infix(const NanSite *site) {
    return site->operands == 2 && strlen(site->operation) == 1 &&
           strchr("+-*/%", site->operation[0]);
}

/* "0.5 / 0", "sqrt(-1)". */
static const char *expression(Arena *arena, const NanReport *r) {
    const NanSite *site = r->site;
    if (is_infix(site))
        return arena_printf(arena, "%s %s %s", number(arena, r->operand[0]), site->operation,
                            number(arena, r->operand[1]));
    Text text;
    text_init(&text, arena);
    text_printf(&text, "%s(", site->operation);
    for (int k = 0; k < site->operands; k++)
        text_printf(&text, "%s%s", k > 0 ? ", " : "", number(arena, r->operand[k]));
    text_puts(&text, ")");
    return text.data;
}

/* The values that a rule was given. */
static const char *given(Arena *arena, const NanReport *r) {
    Text text;
    text_init(&text, arena);
    text_printf(&text, "%s, from ", number(arena, r->value));
    for (int k = 0; k < r->site->operands; k++)
        text_printf(&text, "%s%s", k > 0 ? ", " : "", number(arena, r->operand[k]));
    return text.data;
}

/* "[3, 4]" */
static void print_element(Text *out, const NanReport *r, int first, int n) {
    for (int k = 0; k < n; k++)
        text_printf(out, "%s%lld", k > 0 ? ", " : "[", (long long)r->index[first + k]);
    text_puts(out, n > 0 ? "]" : "");
}

/* Indices with names, and what has none as the element of an array: "i = 3, element [0, 1]". */
static void print_indices(Text *out, const NanReport *r) {
    const char *name = r->site->index_names;
    int n = (int)r->site->indices;
    for (int k = 0; k < n;) {
        text_puts(out, k > 0 ? ", " : " at ");
        if (*name == ',') {
            int first = k;
            for (; k < n && *name == ','; k++)
                name++;
            text_puts(out, "element ");
            print_element(out, r, first, k - first);
            continue;
        }
        size_t length = strcspn(name, ",");
        text_printf(out, "%.*s = %lld", (int)length, name, (long long)r->index[k++]);
        name += length + 1;
    }
}

static const char *values(Arena *arena, const NanReport *r) {
    Text text;
    text_init(&text, arena);
    if (r->site->kind == NAN_OPERATION) {
        text_printf(&text, "%s = %s", expression(arena, r), number(arena, r->value));
    } else if (r->site->kind == NAN_RULE) {
        text_puts(&text, given(arena, r));
    } else {
        text_puts(&text, r->site->operation);
        print_element(&text, r, 0, (int)r->site->indices);
        text_printf(&text, " = %s", number(arena, r->value));
    }
    return text.data;
}

static const char *indices(Arena *arena, const NanReport *r) {
    Text text;
    text_init(&text, arena);
    text_puts(&text, "");
    if (r->site->kind == NAN_OPERATION || r->site->kind == NAN_RULE)
        print_indices(&text, r);
    return text.data ? text.data : "";
}

const char *nan_report_text(Arena *arena, const NanReport *report) {
    const char *where = indices(arena, report);
    return arena_printf(arena, "%s%s%s", values(arena, report), *where ? "," : "", where);
}

/* ---- the diagnostic ---- */

static Loc site_loc(const SourceMap *sources, const NanSite *site) {
    for (int i = 0; i < sources->files.n; i++) {
        const Source *source = sources->files.data[i];
        if (strcmp(source->name, site->file) != 0 || site->line < 1 ||
            site->line > source->line_count)
            continue;
        uint32_t at = source->base + source->lines[site->line - 1] + (uint32_t)site->column - 1;
        return (Loc){at, at + (uint32_t)(site->length > 0 ? site->length : 1)};
    }
    return (Loc){0, 0};
}

static const char *message(Arena *arena, const NanReport *r) {
    const NanSite *site = r->site;
    const char *made = isnan(r->value) ? "NaN" : "an infinity";
    if (site->kind == NAN_ARGUMENT || site->kind == NAN_RESULT)
        return arena_printf(arena, "the %s `%s` holds %s",
                            site->kind == NAN_ARGUMENT ? "argument" : "result", site->operation,
                            made);
    if (site->kind == NAN_RULE)
        return arena_printf(arena, "a derivative is %s, in %s", made, site->sweep);
    return arena_printf(arena, "`%s` made %s%s%s", site->operation, made,
                        *site->sweep ? ", in " : "", site->sweep);
}

Diag *nan_report_diagnose(DiagList *diags, const SourceMap *sources, const NanReport *r) {
    Arena *arena = diags->arena;
    const char *where = indices(arena, r);
    Loc loc = site_loc(sources, r->site);
    Diag *d = diag_error(diags, DIAG_not_finite, loc, "%s", message(arena, r));
    const char *role = r->site->role;
    role = *role ? arena_printf(arena, "the %s of this: ", role) : "";
    diag_label(diags, d, loc, "%s%s", role, values(arena, r));
    if (*where)
        diag_note(diags, d, "%s", where + 1);
    if (r->site->kind == NAN_RESULT)
        diag_note(diags, d,
                  "no operation made it: it comes from `nan` or `inf` in the text, or from "
                  "the maximum or minimum of nothing");
    return d;
}
