/* The two inner kernels of products: a register tile of C fed by broadcasts of A and vectors of B,
 * and a block of dot products along k. Private to codegen/contract*.c. */
#ifndef BPC_CODEGEN_CONTRACT_TILE_H
#define BPC_CODEGEN_CONTRACT_TILE_H

#include "codegen/contract_gen.h"

/* rows x (vecs vectors) of C; b and c have unit column stride, the operands start at the tile. The
 * last vector has last_lanes lanes, 1..lanes, or some_lanes (i64) if that is not NULL; if
 * store_lanes is not 0, B has more and only that many are stored. `splits` (a power of two)
 * separate sums hide the latency of small tiles. rows*vecs*splits accumulators must fit the
 * registers, and GEN_MAX_STATE with some room. */
typedef struct Tile {
    int rows, vecs, last_lanes, store_lanes, splits;
    LLVMValueRef some_lanes, k;
    ContractOperand a, b, c;
    LLVMValueRef accumulate; /* i1 */
    bool prefetch;           /* C, which is written after the sums */
    bool apart;              /* alone in a function, which writes neither A nor B */
} Tile;
void tile_emit(Gen *g, const Tile *tile);

/* rows x cols of C, both a along its columns and b along its rows of unit stride. rows is a power
 * of two up to g->lanes. */
typedef struct DotBlock {
    int rows, cols, splits;
    LLVMValueRef k;
    ContractOperand a, b, c;
    LLVMValueRef accumulate; /* i1 */
} DotBlock;
void dot_emit(Gen *g, const DotBlock *block);

#endif
