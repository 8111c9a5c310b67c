/* What one compilation shares: allocator, atoms, sources, diagnostics. No global state anywhere
 * else. */
#ifndef BPC_SUPPORT_CONTEXT_H
#define BPC_SUPPORT_CONTEXT_H

#include "support/diag.h"
#include "support/poly.h"

typedef struct Context {
    Alloc alloc;
    Arena arena; /* lives as long as the context */
    AtomTable atoms;
    SourceMap sources;
    DiagList diags;
    PolyTable polys;
    bool real_is_f32; /* --real=f32 */
    struct OwnedArena *owned;
} Context;

void context_init(Context *ctx, const Alloc *alloc); /* NULL: malloc and free */
void context_free(Context *ctx);
/* An arena that may be emptied by itself (arena_free) and is freed with the context at the latest.
 */
Arena *context_arena(Context *ctx);

#endif
