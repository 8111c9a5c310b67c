/* Matrices that flow by once, from beyond the second-level cache: in which order their rows are
 * read. Private to codegen/contract*.c.
 *
 * Note [Rows from far away]
 * The hardware fetches ahead what is read in order. Short rows that are read side by side are many
 * streams, each too short to be noticed: on an EPYC with Zen 4, rows of 100 numbers in f64 flow by
 * at 20 GB/s one after the other, at 10 GB/s eight at once, and at 8 GB/s a few columns of all rows
 * at a time. From the third-level cache one after the other is 1.2 times as fast as eight. Rows of
 * 3 KiB and more are read as fast eight at once, which loads and stores the result less often; so
 * are rows of a few lines, eight of which are not far apart. */
#ifndef BPC_CODEGEN_CONTRACT_FLOW_H
#define BPC_CODEGEN_CONTRACT_FLOW_H

#include "codegen/contract_gen.h"

/* Whether a matrix that is part of an array of `whole` elements (NULL: it is near) comes from far
 * away, and whether its rows of n elements are then best read one after the other: an i1, known
 * where the number is. */
LLVMValueRef flow_is_far(Gen *g, LLVMValueRef whole);
LLVMValueRef flow_in_order(Gen *g, LLVMValueRef n);

/* The body of a function: parameters as of KIND_flow. */
void flow_body(Gen *g, int rows, int vecs, const LLVMValueRef *p);

#endif
