/* `bpc test`: see driver/test_command.h.
 *
 * Each test is an exported function without parameters and results (parser/lower.h), so running one
 * is a call that gives a status; the text of the status is that of the check that failed. The tests
 * of a module are compiled together and run in order, each with a workspace of its own; one that
 * fails does not keep the others from running. */
#include "driver/test_command.h"

#include "driver/failure.h"
#include "driver/nan_diagnostic.h"
#include "parser/lower.h"
#include "passes/passes.h"

#include <stdlib.h>
#include <string.h>

typedef struct Runner {
    Context *ctx;
    Source *source;
    const CompileOptions *how;
    IrModule *ir;
    IrModule *plain; /* the same for the interpreter; NULL until something failed */
    Jit *jit;        /* NULL: the interpreter */
} Runner;

static bool start_jit(Runner *r) {
    CodeBuffer object = {0};
    if (!compile_code(r->ctx, r->ir, r->how, EMIT_object, &object))
        return false;
    r->jit = jit_new(r->ctx);
    bool ok = r->jit && jit_add_object(r->ctx, r->jit, &object);
    codebuffer_free(&object);
    return ok;
}

/* ISO C has no cast from an object pointer to a function pointer. */
static bool find_function(Runner *r, const char *name, void *pointer) {
    void *address = jit_lookup(r->jit, name);
    memcpy(pointer, &address, sizeof address);
    return address != NULL;
}

/* What failed, or NULL. */
CALLS_COMPILED static const char *run_native(Runner *r, const Export *test) {
    size_t (*bytes)(void);
    int (*function)(void *);
    const char *(*text)(int);
    Arena *arena = &r->ctx->arena;
    if (!find_function(r, arena_printf(arena, "%s_work", test->name), &bytes) ||
        !find_function(r, test->name, &function) ||
        !find_function(r, arena_printf(arena, "%s_error", r->how->module_name), &text))
        return "it cannot be linked: an extern function is not found (see --load)";
    size_t need = bytes();
    void *work = need < SIZE_MAX / 2 ? aligned_alloc(64, need ? (need + 63) / 64 * 64 : 64) : NULL;
    if (!work)
        return "out of memory";
    int status = function(work);
    const char *failed = status ? arena_printf(arena, "%s", text(status)) : NULL;
    const NanReport *nan = work;
    if (status && r->ir->watched && nan->status == status)
        failed = arena_printf(arena, "%s: %s", failed, nan_report_text(arena, nan));
    free(work);
    return failed;
}

static const char *run_interpreted(Runner *r, const Export *test) {
    const char *failed = "the interpreter stopped";
    return ir_eval(r->ir, &r->ctx->arena, test->func, NULL, NULL, NULL, &failed) == 0 ? NULL
                                                                                      : failed;
}

static IrModule *lower(const Runner *r) {
    AstModule *ast = compile_ast(r->ctx, r->source, r->how);
    return ast ? lower_tests(r->ctx, &r->ctx->arena, ast, r->how->module_name) : NULL;
}

/* The values that test k failed for, on lines of their own. */
static void print_reasons(Runner *r, int k, const char *failed, Text *out) {
    EvalFailure failure;
    if (!r->plain) {
        r->plain = lower(r);
        if (!r->plain || !passes_run(r->plain, "outline", NULL))
            return;
    }
    Func *test = r->plain->exports.data[k]->func;
    if (!failure_find(r->ctx, r->plain, test, NULL, NULL, failed, &failure))
        return;
    const char *values = failure_values(&r->ctx->arena, &failure);
    if (values)
        text_printf(out, "        %s\n", values);
    if (failure.call.begin) {
        Position at = source_position(&r->ctx->sources, failure.call.begin);
        text_printf(out, "        called at %s:%u:%u\n", at.file, at.line, at.column);
    }
}

static bool prepare(Runner *r, bool interpret, const char *const *libraries, int n_libraries) {
    if (!load_libraries(r->ctx, libraries, n_libraries))
        return false;
    if (r->ir->exports.n == 0)
        return true;
    return interpret ? passes_run(r->ir, "derive", NULL) : start_jit(r);
}

int test_command(Context *ctx, Source *source, const CompileOptions *how, bool interpret,
                 const char *const *libraries, int n_libraries, Text *out) {
    Runner r = {.ctx = ctx, .source = source, .how = how};
    r.ir = lower(&r);
    if (r.ir)
        r.ir->watched = how->sanitize_nan;
    if (!r.ir || !prepare(&r, interpret, libraries, n_libraries)) {
        jit_free(r.jit);
        return -1;
    }
    int n = r.ir->exports.n, failures = 0;
    for (int i = 0; i < n; i++) {
        const Export *test = r.ir->exports.data[i];
        const char *failed = interpret ? run_interpreted(&r, test) : run_native(&r, test);
        failures += failed != NULL;
        text_printf(out, "%s  %s\n", failed ? "FAILED" : "ok    ", test->doc);
        if (failed) {
            text_printf(out, "        %s\n", failed);
            print_reasons(&r, i, failed, out);
        }
    }
    text_printf(out, "%d test%s, %d failed\n", n, n == 1 ? "" : "s", failures);
    jit_free(r.jit);
    return failures;
}
