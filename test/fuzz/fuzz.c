/* What the fuzz targets share: contexts whose memory is counted, reports. See fuzz.h. */
#include "test/fuzz/fuzz.h"

#include "driver/report.h"

static void *count_alloc(void *user, size_t bytes) {
    long *live = user;
    ++*live;
    return malloc(bytes);
}

static void count_release(void *user, void *memory) {
    long *live = user;
    *live -= memory != NULL;
    free(memory);
}

static uint32_t input; /* hash of the input that runs */

void fuzz_in_context(FuzzBody *body, const uint8_t *data, size_t size) {
    long live = 0;
    Context ctx;
    input = fuzz_hash(data, size);
    jmp_buf out_of_memory;
    Alloc alloc = {count_alloc, count_release, &live, NULL};
    context_init(&ctx, &alloc);
    ctx.alloc.oom = &out_of_memory;
    if (setjmp(out_of_memory) == 0)
        body(&ctx, data, size);
    context_free(&ctx);
    FUZZ_CHECK(live == 0, "memory was not given back");
}

uint32_t fuzz_hash(const uint8_t *data, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static void render(Context *ctx, Text *text) {
    text_init(text, &ctx->arena);
    report_text(text, ctx, true);
    report_json(text, ctx);
}

/* Most inputs end here, and rendering would take a quarter of their time. */
void fuzz_report(Context *ctx) {
    enum { REPORT_ONE_IN = 8 };
    Text text;
    uint32_t choice = input * 2654435761u >> 16; /* other bits than the targets' */
    FUZZ_CHECK(ctx->diags.errors > 0, "failed without saying why");
    text_init(&text, &ctx->arena);
    if (choice % REPORT_ONE_IN == 0)
        report_text(&text, ctx, choice / REPORT_ONE_IN % 2);
    else if (choice % REPORT_ONE_IN == 1)
        report_json(&text, ctx);
}

void fuzz_fail(Context *ctx, const char *what) {
    Text text;
    render(ctx, &text);
    fprintf(stderr, "%s\n%s\n", text.data ? text.data : "", what);
    abort();
}
