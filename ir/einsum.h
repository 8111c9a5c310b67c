/* A contraction taken apart: its operands, and the labels of their axes and of the result's. */
#ifndef BPC_IR_EINSUM_H
#define BPC_IR_EINSUM_H

#include "ir/ir.h"

typedef struct Einsum {
    Value *in[2];
    char labels[2][IR_MAX_RANK + 1], out[IR_MAX_RANK + 1];
} Einsum;

Einsum einsum_of(const char *spec, Value *x, Value *y);
Value *einsum_emit(IrBuilder *b, const Einsum *e);
const Size *einsum_extent(const Einsum *e, char label); /* NULL where no operand has it */

#endif
