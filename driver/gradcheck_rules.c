/* See driver/gradcheck_rules.h. Only rules of the model's own file are looked at: those of the
 * standard library have tests of their own. */
#include "driver/gradcheck_rules.h"

#include <ctype.h>
#include <string.h>

typedef struct Blame {
    Context *ctx;
    Source *source;
    const ProgramOptions *options;
    const GradcheckOptions *check;
    VEC(const FnDecl *) reached;
    Text *out;
    int wrong, unknown;
    Text fine; /* names of those whose rules agree */
} Blame;

static void reach(Blame *b, const FnDecl *fn) {
    for (int i = 0; i < b->reached.n; i++)
        if (b->reached.data[i] == fn)
            return;
    vec_push(&b->ctx->arena, &b->reached, fn);
}

static bool mentions(const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
        bool starts = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (starts && !(isalnum((unsigned char)at[n]) || at[n] == '_'))
            return true;
    }
    return false;
}

/* The functions that the text names, and what they call, and so on. */
static void reach_all(Blame *b, const AstModule *ast, const char *text) {
    for (int i = 0; i < ast->fns.n; i++)
        if (mentions(text, ast->fns.data[i]->name.atom))
            reach(b, ast->fns.data[i]);
    for (int i = 0; i < b->reached.n; i++)
        for (int k = 0; k < b->reached.data[i]->calls.n; k++)
            reach(b, b->reached.data[i]->calls.data[k].callee);
}

/* Of a report, what disagrees: the lines of parameters with the first line below each. */
static void add_failures(Text *out, const char *report) {
    int below = 0;
    while (*report) {
        size_t n = strcspn(report, "\n");
        bool failed = strncmp(report, "FAILED  ", 8) == 0 &&
                      strncmp(report + 8, "along random directions", 23) != 0;
        if (failed)
            text_printf(out, "        %.*s\n", (int)n - 8, report + 8);
        else if (below == 1)
            text_printf(out, "  %.*s\n", (int)n, report);
        below = failed;
        report += n + (report[n] == '\n');
    }
}

/* In a context of its own, whose messages are left aside: a function may have no values at random
 * points. */
static void check_rule(Blame *b, const FnDecl *fn) {
    Context ctx;
    context_init(&ctx, &b->ctx->alloc);
    ctx.alloc.oom = b->ctx->alloc.oom;
    ctx.real_is_f32 = b->ctx->real_is_f32;
    Text report;
    text_init(&report, &ctx.arena);
    Source *copy = source_add(&ctx.sources, b->source->name, b->source->text, b->source->len);
    GradcheckOptions check = {.function = fn->name.atom,
                              .points = b->check->points,
                              .seed = b->check->seed,
                              .rules_left_out = true};
    bool ok = copy && gradcheck_command(&ctx, copy, b->options, &check, &report);
    if (ok) {
        text_printf(&b->fine, "%s`%s`", b->fine.n > 0 ? ", " : "", fn->name.atom);
    } else if (report.n == 0) {
        b->unknown++;
        text_printf(b->out, "the rule of `%s` could not be checked alone: %s\n", fn->name.atom,
                    ctx.diags.items.n > 0 ? ctx.diags.items.data[0]->message : "it has no values");
    } else {
        Position at = source_position(&b->ctx->sources, fn->rule->name.loc.begin);
        text_printf(b->out, "the rule of `%s` is wrong, %s:%u:%u:\n", fn->name.atom, at.file,
                    at.line, at.column);
        b->wrong++;
        add_failures(b->out, report.data);
    }
    context_free(&ctx);
}

void gradcheck_rules(Context *ctx, Source *source, const ProgramOptions *options,
                     const GradcheckOptions *check, const char *function, Text *out) {
    AstModule *ast = compile_ast(ctx, source, options->how);
    Blame b = {ctx, source, options, check, {0}, out, 0, 0, {0}};
    text_init(&b.fine, &ctx->arena);
    if (!ast)
        return;
    reach_all(&b, ast, function);
    for (int i = 0; i < b.reached.n; i++) {
        const FnDecl *fn = b.reached.data[i];
        if (fn->rule && fn->module == ast && !fn->builtin && !fn->instance_of)
            check_rule(&b, fn);
    }
    if (b.wrong == 0 && b.fine.n > 0)
        text_printf(out, "rules that agree when checked alone: %s\n", b.fine.data);
}
