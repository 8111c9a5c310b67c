/* Failed calls, explained. See driver/failure.h.
 *
 * The interpreter may not come to the same end: it cannot call extern functions, gives up where it
 * would take too long, and rounds a little differently. Then the message has no values. */
#include "driver/failure.h"

#include "driver/nan_diagnostic.h"
#include "passes/passes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 100000000, MOST_NUMBERS = 1 << 24 };

/* A status says by which call of another file it came about, in the end. */
static bool is_same_failure(const char *found, const char *failed) {
    size_t n = strlen(found);
    return strncmp(found, failed, n) == 0 && (failed[n] == '\0' || failed[n] == ',');
}

bool failure_find(Context *ctx, IrModule *ir, Func *f, const int64_t *sizes, Datum *const *args,
                  const char *failed, EvalFailure *failure) {
    EvalLimits limits = {.steps = MOST_STEPS, .elements = MOST_NUMBERS};
    Datum **results = ARENA_ARRAY(&ctx->arena, ir_eval_n_results(f) + 1, Datum *);
    return ir_eval_explained(ir, &ctx->arena, limits, f, sizes, args, results, failure) != 0 &&
           is_same_failure(eval_failure_text(ir, &ctx->arena, failure), failed);
}

const char *failure_values(Arena *arena, const EvalFailure *failure) {
    const char *values = failure->values, *where = failure->where;
    if (!values && !where)
        return NULL;
    return arena_printf(arena, "%s%s%s%s", values ? values : "", values && where ? ", " : "",
                        where ? "at " : "", where ? where : "");
}

/* ---- running a callable once more ---- */

static Datum *datum_of(Arena *arena, const Array *a, const Type *type) {
    Datum *d = ARENA_NEW(arena, Datum);
    d->type = type;
    d->count = a->count;
    memcpy(d->dims, a->dims, sizeof d->dims);
    if (type_is_float(type))
        d->f = ARENA_ARRAY(arena, a->count + 1, double);
    else
        d->i = ARENA_ARRAY(arena, a->count + 1, int64_t);
    for (int64_t k = 0; k < a->count; k++) {
        if (type_is_float(type))
            d->f[k] = array_get(a, k);
        else
            d->i[k] = array_get_int(a, k);
    }
    return d;
}

static bool run_again(Context *ctx, const Callable *f, const int64_t *sizes, Array *const *inputs,
                      const char *failed, EvalFailure *failure) {
    const Export *export;
    for (int i = 0; i < f->inputs.n; i++)
        if (!inputs[i]) /* no random point came to be */
            return false;
    IrModule *ir = callable_lower(f, &export);
    if (!ir || !passes_run(ir, "outline", NULL))
        return false;
    const Func *func = export->func;
    Datum **args = ARENA_ARRAY(&ctx->arena, f->inputs.n + 1, Datum *);
    int64_t *all = ARENA_ARRAY(&ctx->arena, func->sizes.n + 1, int64_t);
    for (int i = 0; i < f->inputs.n; i++)
        args[i] = datum_of(&ctx->arena, inputs[i], func->body->params.data[i]->type);
    for (int i = 0, given = 0; i < func->sizes.n; i++) {
        int from = export_size_from(export, i);
        all[i] = from < 0 ? sizes[given++] : array_get_int(inputs[from], 0);
    }
    return failure_find(ctx, ir, export->func, all, args, failed, failure);
}

/* ---- messages ---- */

/* The place that "FILE:LINE:COLUMN" at the start of a text means, with `end` behind; nowhere when
 * there is none. */
static Loc parse_place(const SourceMap *sources, const char *text, const char *end,
                       const char **rest) {
    for (int i = 0; i < sources->files.n; i++) {
        const Source *source = sources->files.data[i];
        size_t n = strlen(source->name);
        char *at = NULL;
        if (strncmp(text, source->name, n) != 0 || text[n] != ':')
            continue;
        unsigned long line = strtoul(text + n + 1, &at, 10);
        unsigned long column = *at == ':' ? strtoul(at + 1, &at, 10) : 0;
        if (line == 0 || line > source->line_count || column == 0 ||
            strncmp(at, end, strlen(end)) != 0)
            continue;
        *rest = at + strlen(end);
        uint32_t offset = source->base + source->lines[line - 1] + (uint32_t)column - 1;
        return (Loc){offset, offset + 1};
    }
    return (Loc){0, 0};
}

/* What a status says of a call from another file (source_located). */
static Loc parse_call(const SourceMap *sources, const char *failed) {
    static const char called[] = ", called at ";
    const char *found = strstr(failed, called), *rest;
    return found ? parse_place(sources, found + strlen(called), "", &rest) : (Loc){0, 0};
}

static Diag *report_status(Context *ctx, const char *failed) {
    const char *text = failed;
    Loc loc = parse_place(&ctx->sources, failed, ": ", &text);
    return diag_error(&ctx->diags, DIAG_run_status, loc, "%s", text);
}

/* Of the function that the command line names. */
static bool in_option(const SourceMap *sources, Loc loc) {
    return source_of(sources, loc)->is_option;
}

static Diag *report_explained(Context *ctx, const EvalFailure *failure) {
    DiagList *diags = &ctx->diags;
    Diag *diag = diag_error(diags, DIAG_run_status, failure->loc, "%s", failure->text);
    if (failure->values)
        diag_label(diags, diag, failure->loc, "%s", failure->values);
    if (source_of(&ctx->sources, failure->call) && !in_option(&ctx->sources, failure->call))
        diag_label(diags, diag, failure->call, "called here");
    if (failure->where)
        diag_note(diags, diag, "at %s", failure->where);
    return diag;
}

void failure_report(Context *ctx, const Callable *f, const int64_t *sizes, Array *const *inputs,
                    const char *failed) {
    const NanReport *nan = callable_nan(f);
    EvalFailure failure;
    Diag *diag = nan ? nan_report_diagnose(&ctx->diags, &ctx->sources, nan)
                 : run_again(ctx, f, sizes, inputs, failed, &failure)
                     ? report_explained(ctx, &failure)
                     : report_status(ctx, failed);
    if (nan && parse_call(&ctx->sources, failed).begin)
        diag_label(&ctx->diags, diag, parse_call(&ctx->sources, failed), "called here");
    diag_note(&ctx->diags, diag, "while `%s` was running", f->name);
}
