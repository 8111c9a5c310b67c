/* Sets up and tears down what one compilation shares. Called by the public entries and by tests
 * only. */
#include "support/context.h"

#include <string.h>

void context_init(Context *ctx, const Alloc *alloc) {
    memset(ctx, 0, sizeof *ctx);
    if (alloc) {
        ctx->alloc = *alloc;
    } else {
        alloc_default(&ctx->alloc);
    }
    arena_init(&ctx->arena, &ctx->alloc);
    atoms_init(&ctx->atoms, &ctx->arena);
    sources_init(&ctx->sources, &ctx->arena);
    diags_init(&ctx->diags, &ctx->arena);
    polys_init(&ctx->polys, &ctx->arena);
}

void context_free(Context *ctx) {
    arena_free(&ctx->arena);
}
