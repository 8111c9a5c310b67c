/* libFuzzer's target for the textual IR, as bpc-opt takes it: any bytes end in messages or in a
 * module. A module that the verifier accepts prints to text that reads back to the same text, goes
 * through any passes in any order without breaking, and through the interpreter before and after.
 * Bits of the text's hash choose the passes. */
#include "test/fuzz/evaluate.h"
#include "test/fuzz/fuzz.h"

#include "passes/passes.h"

#include <string.h>

static const char *const single[] = {
#define PASS(name, function, description) #name,
#define PIPELINE(name, passes)
#include "passes/passes.def"
#undef PASS
#undef PIPELINE
};
static const char *const pipelines[] = {
#define PASS(name, function, description)
#define PIPELINE(name, passes) #name,
#include "passes/passes.def"
#undef PASS
#undef PIPELINE
};
enum { SINGLE = sizeof single / sizeof *single, PIPELINES = sizeof pipelines / sizeof *pipelines };

static IrModule *read(Context *ctx, const char *text, size_t size) {
    Source *source = source_add(&ctx->sources, "fuzz.bpir", text, size);
    return source ? ir_read(ctx, &ctx->arena, source) : NULL;
}

/* Printing, reading and printing again gives the same text. */
static void round_trip(Context *ctx, const IrModule *m) {
    Text once, twice;
    text_init(&once, &ctx->arena);
    text_init(&twice, &ctx->arena);
    ir_print(&once, m);
    IrModule *again = read(ctx, once.data, once.n);
    if (!again || !ir_verify(again)) {
        fprintf(stderr, "%s\n", once.data);
        fuzz_fail(ctx, "printed IR does not read back");
    }
    ir_print(&twice, again);
    if (once.n != twice.n || memcmp(once.data, twice.data, once.n) != 0) {
        fprintf(stderr, "%s\n---- again:\n%s\n", once.data, twice.data);
        fuzz_fail(ctx, "printed IR reads back to something else");
    }
}

static bool is_broken(const Context *ctx) {
    for (int i = 0; i < ctx->diags.items.n; i++)
        if (ctx->diags.items.data[i]->code == DIAG_ir_verify)
            return true;
    return false;
}

static void run_passes(Context *ctx, IrModule *m, uint32_t bits) {
    Text list;
    text_init(&list, &ctx->arena);
    if (bits % 2)
        text_puts(&list, pipelines[bits / 2 % PIPELINES]);
    else
        for (uint32_t i = 0; i < 3; i++)
            text_printf(&list, "%s%s", i ? "," : "", single[(bits >> (1 + 4 * i)) % SINGLE]);
    PassOptions options = {.verify_each = true};
    if (!passes_run(m, list.data, &options)) {
        fuzz_report(ctx);
        if (is_broken(ctx)) {
            fprintf(stderr, "passes: %s\n", list.data);
            fuzz_fail(ctx, "a pass broke the module");
        }
    }
}

static void evaluate_all(Context *ctx, IrModule *m, uint32_t bits) {
    for (int i = 0; i < m->funcs.n && i < 4; i++) {
        Func *f = m->funcs.data[i];
        Datum **results = ARENA_ARRAY(&ctx->arena, ir_eval_n_results(f) + 1, Datum *);
        evaluate(ctx, m, f, bits, results);
    }
}

static void one_text(Context *ctx, const uint8_t *data, size_t size) {
    uint32_t bits = fuzz_hash(data, size);
    IrModule *m = read(ctx, (const char *)data, size);
    if (!m || !ir_verify(m)) {
        fuzz_report(ctx);
        return;
    }
    if (bits % 8 == 0)
        round_trip(ctx, m);
    evaluate_all(ctx, m, bits / 8);
    run_passes(ctx, m, bits / 64);
    if (ctx->diags.errors == 0)
        evaluate_all(ctx, m, bits / 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in_context(one_text, data, size);
    return 0;
}
