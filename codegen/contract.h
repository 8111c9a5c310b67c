/* Dense products: emits C = A B (or C += A B) at the builder's position.
 *
 * The lowering of contractions calls contract_emit once a product, with sizes and strides as i64
 * values; transposition is a matter of strides alone. Small products of known size become explicit
 * vector code in place, with register tiles fitted to the shape. Everything else calls an internal
 * function of the module that blocks and packs at run time; it is emitted at first use, once a
 * module and element type.
 *
 * Invariants: nothing outside the three operands is read or written, sizes may be 0, nothing is
 * allocated but a fixed amount of stack, C overlaps neither A nor B. The builder is left at the end
 * of an open block. It runs no IR passes and needs none. It must not touch debug locations or
 * functions of others. */
#ifndef BPC_CODEGEN_CONTRACT_H
#define BPC_CODEGEN_CONTRACT_H

#include <llvm-c/Core.h>
#include <stdbool.h>

typedef struct ContractTarget {
    LLVMContextRef ctx;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMValueRef function; /* that the builder is in */
    int vector_bytes;      /* 16, 32 or 64 */
    int vector_registers;  /* 16, or 32 (AVX-512 and aarch64) */
    bool has_fma;
    bool optimize; /* false: plain scalar loops */
} ContractTarget;

/* Element (i, j) of a matrix lies at base + i*row_stride + j*col_stride, counted in elements.
 * Strides that are LLVMConstInt give better code, above all a known 1. */
typedef struct ContractOperand {
    LLVMValueRef base;
    LLVMValueRef row_stride, col_stride;
    LLVMValueRef whole; /* i64: elements of the array that it is a part of; NULL: it is near */
} ContractOperand;

/* What C is: new, a sum that is added to, or new and known to be symmetric up to rounding, so that
 * half of it may be computed. */
typedef enum ContractInto { INTO_new, INTO_sum, INTO_symmetric } ContractInto;

/* contract : A:[m,k]T, B:[k,n]T -> C:[m,n]T     C[i,j] (= or +=) sum_k A[i,k]*B[k,j], T f32 or f64
 * errors   : none                               sizes are i64 values, LLVMConstInt where known */
void contract_emit(ContractTarget *target, bool is_f64, ContractInto into, LLVMValueRef m,
                   LLVMValueRef n, LLVMValueRef k, ContractOperand a, ContractOperand b,
                   ContractOperand c);

#endif
