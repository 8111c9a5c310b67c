/* The pass manager: names to passes, pipelines, verification and printing between passes. */
#include "passes/internal.h"

#include <string.h>

typedef struct PassRow {
    const char *name;
    PassRun run;
    const char *description;
} PassRow;

typedef struct PipelineRow {
    const char *name, *passes;
} PipelineRow;

static const PassRow passes[] = {
#define PASS(name, function, description) {#name, function, description},
#define PIPELINE(name, list)
#include "passes/passes.def"
#undef PASS
#undef PIPELINE
};

static const PipelineRow pipelines[] = {
#define PASS(name, function, description)
#define PIPELINE(name, list) {#name, list},
#include "passes/passes.def"
#undef PASS
#undef PIPELINE
};

enum {
    N_PASSES = sizeof passes / sizeof *passes,
    N_PIPELINES = sizeof pipelines / sizeof *pipelines
};

static void want(PtrMap *wanted, const Func *f);

static void want_callees(PtrMap *wanted, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_call || inst->op == OP_vjp || inst->op == OP_jvp)
            want(wanted, inst->attr.callee.func);
        for (int k = 0; k < inst->n_region; k++)
            want_callees(wanted, inst->regions[k]);
    }
}

static void want(PtrMap *wanted, const Func *f) {
    if (!f || ptrmap_has(wanted, f))
        return;
    ptrmap_put(wanted, f, NULL);
    want_callees(wanted, f->body);
    want(wanted, f->jvp_rule);
    want(wanted, f->vjp_rule);
}

bool pass_exported(IrModule *m) {
    if (m->exports.n == 0)
        return true;
    PtrMap wanted;
    ptrmap_init(&wanted, m->arena);
    for (int i = 0; i < m->exports.n; i++)
        want(&wanted, m->exports.data[i]->func);
    int n = 0;
    for (int i = 0; i < m->funcs.n; i++)
        if (ptrmap_has(&wanted, m->funcs.data[i]) || m->funcs.data[i]->is_extern)
            m->funcs.data[n++] = m->funcs.data[i];
    m->funcs.n = n;
    return true;
}

static bool is_name(const char *name, const char *text, size_t n) {
    return strlen(name) == n && !memcmp(name, text, n);
}

static void report_unknown(IrModule *m, const char *text, size_t n) {
    const char *names[N_PASSES + N_PIPELINES];
    for (int i = 0; i < N_PASSES; i++)
        names[i] = passes[i].name;
    for (int i = 0; i < N_PIPELINES; i++)
        names[N_PASSES + i] = pipelines[i].name;
    const char *given = arena_strdup(m->arena, text, n),
               *near = nearest_name(given, names, N_PASSES + N_PIPELINES);
    Diag *d = diag_error(&m->ctx->diags, DIAG_unknown_pass, (Loc){0, 0}, "there is no pass \"%s\"",
                         given);
    if (near)
        diag_hint(&m->ctx->diags, d, "did you mean \"%s\"?", near);
}

/* Passes leave their input and what they needed behind: the bodies go to the spare arena, and the
 * one that they were in is emptied. */
static void collect(IrModule *m, Arena **spare) {
    Arena *full = m->arena;
    ir_move(m, *spare);
    arena_free(full);
    *spare = full;
}

static bool run_one(IrModule *m, const PassRow *pass, const PassOptions *options) {
    if (!pass->run(m))
        return false;
    if (options && options->print_after) {
        text_printf(options->print_after, "// after %s\n", pass->name);
        ir_print(options->print_after, m);
    }
    return !options || !options->verify_each || ir_verify(m);
}

static bool run_list(IrModule *m, const char *list, const PassOptions *options, Arena **spare) {
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        bool found = false, ok = true;
        for (int i = 0; i < N_PIPELINES && !found; i++)
            if (is_name(pipelines[i].name, at, n)) {
                found = true;
                ok = run_list(m, pipelines[i].passes, options, spare);
            }
        for (int i = 0; i < N_PASSES && !found; i++)
            if (is_name(passes[i].name, at, n)) {
                found = true;
                ok = run_one(m, &passes[i], options);
                if (ok)
                    collect(m, spare);
            }
        if (!found)
            report_unknown(m, at, n);
        if (!found || !ok)
            return false;
        at += n + (at[n] == ',');
    }
    return true;
}

bool passes_run(IrModule *m, const char *pipeline, const PassOptions *options) {
    Arena *spare = context_arena(m->ctx);
    if (m->arena == m->keep) /* the input may lie between things that stay */
        m->arena = context_arena(m->ctx);
    return run_list(m, pipeline, options, &spare);
}

void passes_describe(Text *out) {
    for (int i = 0; i < N_PASSES; i++)
        text_printf(out, "%s\t%s\n", passes[i].name, passes[i].description);
    for (int i = 0; i < N_PIPELINES; i++)
        text_printf(out, "%s\t%s\n", pipelines[i].name, pipelines[i].passes);
}
