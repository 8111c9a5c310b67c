/* Loops in chunks: the sizes that they need; see chunks.c. */
#ifndef BPC_PASSES_CHUNKS_H
#define BPC_PASSES_CHUNKS_H

#include "ir/ir.h"

/* A loop over chunks of an extent. */
typedef struct Chunks {
    const Size *extent, *count;
    Value *size;
} Chunks;

/* Emits the number of chunks at b, of `most` rows (i64: a constant, or the minimum of one and
 * another value). Where threads share them, there is one for each at least. */
Chunks chunks_of(IrBuilder *b, const Size *extent, Value *most);
/* In the loop over chunks: the first row of this one. */
Value *chunk_start(IrBuilder *body, const Chunks *c);
/* How many rows it has, from there. */
const Size *chunk_rows(IrBuilder *body, const Chunks *c, Value *lo);

/* Whether an extent is that of a chunk: at most as many rows as one has, and mostly that many. */
bool is_chunk(const Size *extent);
/* What the rows of all chunks add up to; NULL: not the rows of a chunk of a known extent. */
const Size *chunk_whole(const SizeSym *rows);

#endif
