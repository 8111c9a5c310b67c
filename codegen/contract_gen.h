/* What the parts of the contraction emitter share: a builder with its vector type, integer
 * arithmetic that folds, loops, masked access. Private to codegen/contract*.c.
 *
 * No IR pass runs after this code, so nothing here leaves work to one: values that loops carry are
 * phis, invariant addresses are computed before the loop, and arithmetic on constants folds as it
 * is built. */
#ifndef BPC_CODEGEN_CONTRACT_GEN_H
#define BPC_CODEGEN_CONTRACT_GEN_H

#include "codegen/contract.h"
#include <stdint.h>

enum { GEN_MAX_LANES = 16, GEN_MAX_BYTES = 64, GEN_MAX_STATE = 80 };

typedef struct Gen {
    ContractTarget *target;
    LLVMBuilderRef b;
    LLVMValueRef fn;
    LLVMTypeRef elem, vec, i64, i1, ptr;
    int lanes; /* of vec */
    bool is_f64;
    LLVMValueRef held_count, held_mask; /* see gen_hold_mask */
} Gen;

Gen gen_open(ContractTarget *target, bool is_f64, LLVMBuilderRef builder, LLVMValueRef function);
/* The same with the shortest vectors, of 16 bytes at least, that hold n elements: whole loads and
 * stores are handed on from one to the next, masked ones go through the cache. */
Gen gen_narrowed(const Gen *g, int64_t n);

/* Integers (i64). */
LLVMValueRef gen_int(const Gen *g, int64_t value);
bool gen_known(LLVMValueRef value, int64_t *out);
bool gen_is(LLVMValueRef value, int64_t expected); /* known, and equal */
LLVMValueRef gen_add(Gen *g, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef gen_sub(Gen *g, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef gen_mul(Gen *g, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef gen_min(Gen *g, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef gen_less(Gen *g, LLVMValueRef a, LLVMValueRef b); /* i1 */
bool gen_is_true(LLVMValueRef flag);                           /* an i1, known to be */
bool gen_is_false(LLVMValueRef flag);
LLVMValueRef gen_either(Gen *g, LLVMValueRef cond, LLVMValueRef a, LLVMValueRef b); /* a if cond */
/* The largest multiple of a power of two `unit` that is <= value. */
LLVMValueRef gen_round_down(Gen *g, LLVMValueRef value, int unit);

/* Addresses, in elements. */
LLVMValueRef gen_at(Gen *g, LLVMValueRef base, LLVMValueRef index);
LLVMValueRef gen_element(Gen *g, const ContractOperand *x, LLVMValueRef i, LLVMValueRef j);
ContractOperand gen_operand(LLVMValueRef base, LLVMValueRef row_stride, LLVMValueRef col_stride);
/* The same matrix seen from element (i, j). */
ContractOperand gen_shift(Gen *g, ContractOperand x, LLVMValueRef i, LLVMValueRef j);
ContractOperand gen_transposed(ContractOperand x);
/* A fixed piece of stack in the entry block, shared by all who ask with the same name in one
 * function. A name stands for one size in the whole context. */
LLVMValueRef gen_scratch(Gen *g, const char *name, int bytes);

/* Floats, scalar or vector. */
LLVMValueRef gen_fma(Gen *g, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c); /* a*b + c */
LLVMValueRef gen_splat(Gen *g, LLVMValueRef scalar);
LLVMValueRef gen_shuffle(Gen *g, LLVMValueRef a, LLVMValueRef b, const int *lane, int n);
LLVMValueRef gen_load(Gen *g, LLVMValueRef ptr);
/* The same as a load of its own, not shared with one that is there (LLVM shares loads that nothing
 * marks as invariant): only in a function that does not write what it reads, that is not inlined,
 * and that no pass of LLVM's optimiser sees, because others may write it between two calls. */
LLVMValueRef gen_load_again(Gen *g, LLVMValueRef ptr);
void gen_store(Gen *g, LLVMValueRef value, LLVMValueRef ptr);
void gen_prefetch(Gen *g, LLVMValueRef ptr); /* to be written soon */

/* Whether masked stores are as cheap as others: AVX-512, also with its shorter vectors. */
bool gen_has_masks(const Gen *g);
/* Vectors of `lanes` <= g->lanes elements (i64, may be known); missing lanes load as 0. */
LLVMValueRef gen_load_lanes(Gen *g, LLVMValueRef ptr, LLVMValueRef lanes);
void gen_store_lanes(Gen *g, LLVMValueRef value, LLVMValueRef ptr, LLVMValueRef lanes);
/* Computes here what those two need for so many lanes, once for all up to the next call. NULL: for
 * none. */
void gen_hold_mask(Gen *g, LLVMValueRef lanes);

/* for (i = lo; i < hi; i += step). A loop known to run once emits no branch. */
typedef struct GenLoop {
    LLVMValueRef i, hi, step;
    LLVMBasicBlockRef body, exit; /* NULL when it runs once */
} GenLoop;
GenLoop gen_loop(Gen *g, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step);
void gen_loop_end(Gen *g, GenLoop *loop);

/* if (cond) { ... } else { ... } */
typedef struct GenIf {
    LLVMBasicBlockRef otherwise, exit;
} GenIf;
GenIf gen_if(Gen *g, LLVMValueRef cond);
void gen_else(Gen *g, GenIf *branch);
void gen_end(Gen *g, GenIf *branch);

/* Values that a loop carries through phis. */
typedef struct GenState {
    LLVMValueRef v[GEN_MAX_STATE];
    int n;
} GenState;
typedef void GenStep(Gen *g, GenState *state, const void *user, int unroll);
/* Runs `step` count times, the state carried; `unroll` is passed on. count may be known, also 0. */
void gen_repeat(Gen *g, GenState *state, LLVMValueRef count, GenStep *step, const void *user,
                int unroll);

/* v[0..lanes) are the rows of a square; afterwards they are its columns. */
void gen_transpose(Gen *g, LLVMValueRef *v);
/* A vector of n lanes, n a power of two: lane r is the sum of the lanes of v[r]. Destroys v. */
LLVMValueRef gen_sums(Gen *g, LLVMValueRef *v, int n);

#endif
