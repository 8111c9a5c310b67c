/* Sets up and tears down what one compilation shares. Called by the public entries and by tests
 * only. */
#include "support/context.h"

#include <string.h>

typedef struct OwnedArena {
    Arena arena;
    struct OwnedArena *next;
} OwnedArena;

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

Arena *context_arena(Context *ctx) {
    OwnedArena *owned = ARENA_NEW(&ctx->arena, OwnedArena);
    arena_init(&owned->arena, &ctx->alloc);
    owned->next = ctx->owned;
    ctx->owned = owned;
    return &owned->arena;
}

void context_free(Context *ctx) {
    for (OwnedArena *owned = ctx->owned; owned; owned = owned->next)
        arena_free(&owned->arena);
    ctx->owned = NULL;
    arena_free(&ctx->arena);
}
