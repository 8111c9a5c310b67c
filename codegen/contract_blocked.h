/* Products of any size and stride by internal functions of the module, emitted at first use.
 * Private to codegen/contract*.c. */
#ifndef BPC_CODEGEN_CONTRACT_BLOCKED_H
#define BPC_CODEGEN_CONTRACT_BLOCKED_H

#include "codegen/contract_gen.h"

/* Bytes of the stack buffer for a panel of B; a panel has PANEL_VECS vectors a row. With vectors of
 * 64 bytes 272 rows: more than a nearest cache of 32 KiB holds, but it flows by in order, and C is
 * read and written less often (256 rows of B at once, 0.5% faster). With shorter ones it is three
 * quarters of such a cache. */
enum { PANEL_VECS = 2, PANEL_BYTES = 272 * PANEL_VECS * GEN_MAX_BYTES, NEAR_PANEL_BYTES = 24576 };

/* Rows of B that one panel holds. */
int panel_rows(const Gen *g, int vecs);

/* Calls the blocked product. `accumulate` is an i1; lower: of C, what is above the diagonal may be
 * left as it is. */
void blocked_product(Gen *g, LLVMValueRef accumulate, bool lower, LLVMValueRef m, LLVMValueRef n,
                     LLVMValueRef k, ContractOperand a, ContractOperand b, ContractOperand c);

/* Whether, of A and B that both lie along k, it pays to copy A instead of B, whose columns are
 * `stride` apart, by C' = B' A': an i1, known where a known size decides. Where A fills a panel and
 * B at least two; C's tiles are turned on their way, for each block of k. Columns of B on the same
 * lines of the nearest cache are better copied in f32; in f64, where a panel is half as many rows,
 * they are not. */
LLVMValueRef blocked_turn_pays(Gen *g, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k,
                               LLVMValueRef stride);

/* Calls C[i] (+)= sum_k A[i,k]*x[k], A and x of unit stride along k; C along its rows. */
void blocked_dots(Gen *g, LLVMValueRef accumulate, LLVMValueRef m, LLVMValueRef k,
                  ContractOperand a, LLVMValueRef x, ContractOperand c);

/* Calls C (+)= A B, one row, B and C of unit stride along it, for a B that comes from far away. */
void blocked_flow(Gen *g, LLVMValueRef accumulate, LLVMValueRef n, LLVMValueRef k,
                  ContractOperand a, ContractOperand b, LLVMValueRef c);

/* Calls C (+)= A B, A and B of unit stride along k, as dot products: nothing is copied. Rows of A
 * stay near, so A should have more of them than B has columns. To copy an element of B, turned,
 * takes three eighths of a cycle, to multiply it one for 32 rows; to add the lanes of a dot product
 * takes two, to multiply them one for 32 elements (vectors of 16; the same for A). So it would pay
 * from a k on of INNER_LENGTH times the shorter side. But it loads vectors from wherever the
 * operands lie, and half of those from two lines where these are not aligned: of shorter sides
 * above inner_most(g) it takes 0.7 to 1.2 of the time of tiles. */
enum { INNER_LENGTH = 8 };
int inner_most(const Gen *g);
LLVMValueRef inner_pays(Gen *g, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k); /* an i1 */
void blocked_inner(Gen *g, bool add, LLVMValueRef m, LLVMValueRef n, LLVMValueRef k,
                   ContractOperand a, ContractOperand b, ContractOperand c);

/* Emits C[i] (+)= sum_k A[i,k]*B[k,j], j < cols, here; as above. */
void dots_emit(Gen *g, LLVMValueRef accumulate, LLVMValueRef m, int cols, LLVMValueRef k,
               ContractOperand a, ContractOperand b, ContractOperand c);

/* A panel of a few known rows whose columns are contiguous can be packed in place. */
bool blocked_pack_fits(const Gen *g, ContractOperand b, LLVMValueRef rows);
void blocked_pack_here(Gen *g, LLVMValueRef panel, int vecs, ContractOperand b, LLVMValueRef rows,
                       int64_t cols);
/* Calls the packer: rows x cols of b go to `panel`, which has `vecs` vectors a row; missing columns
 * become something finite if b is. */
void blocked_pack(Gen *g, LLVMValueRef panel, int vecs, ContractOperand b, LLVMValueRef rows,
                  LLVMValueRef cols);

#endif
