/* Which functions of a program to differentiate. See oracle.h. */
#include "oracle.h"

#include "parser/parser.h"

#include <string.h>

static Subject *add(SubjectList *list, const char *text, const char *wrt) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->data[i].text, text) == 0 && (strcmp(list->data[i].wrt, wrt) == 0 || !*wrt))
            return &list->data[i];
    if (list->n == MOST_EXPORTS)
        return NULL;
    list->data[list->n] = (Subject){text, wrt, false};
    return &list->data[list->n++];
}

static const char *text_between(Context *ctx, Arena *arena, uint32_t begin, uint32_t end) {
    const Source *source = source_of(&ctx->sources, (Loc){begin, end});
    return arena_strdup(arena, source->text + (begin - source->base), end - begin);
}

/* The brackets' text, from the first chosen name to the last. */
static const char *wrt_text(Context *ctx, Arena *arena, const Expr *e) {
    int n = e->as.deriv.chosen.n;
    if (n == 0)
        return "";
    const char *names = text_between(ctx, arena, e->as.deriv.chosen.data[0]->loc.begin,
                                     e->as.deriv.chosen.data[n - 1]->loc.end);
    return arena_printf(arena, "[%s]", names);
}

static const char *fn_text(Context *ctx, Arena *arena, const Expr *fn) {
    return text_between(ctx, arena, fn->loc.begin, fn->loc.end);
}

static void collect(Context *ctx, Arena *arena, const Expr *fn, SubjectList *out) {
    if (fn->kind != E_derivative)
        return;
    const Expr *inner = fn->as.deriv.fn;
    bool batch = fn->as.deriv.op == DERIV_batch;
    Subject *s = add(out, fn_text(ctx, arena, inner), batch ? "" : wrt_text(ctx, arena, fn));
    if (s && batch)
        s->batched = true;
    collect(ctx, arena, inner, out);
}

bool subjects_find(const Program *p, Arena *arena, SubjectList *out) {
    Context ctx;
    context_init(&ctx, NULL);
    AstModule *ast = parse_source(&ctx, source_add(&ctx.sources, p->path, p->text, p->len));
    out->n = 0;
    for (int i = 0; i < ast->exports.n; i++)
        collect(&ctx, arena, ast->exports.data[i]->fn, out);
    for (int i = 0; i < ast->exports.n; i++)
        if (ast->exports.data[i]->fn->kind == E_name)
            add(out, fn_text(&ctx, arena, ast->exports.data[i]->fn), "");
    bool ok = ctx.diags.errors == 0;
    context_free(&ctx);
    return ok;
}
