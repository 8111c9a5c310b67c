/* A contraction taken apart: its operands, and the labels of their axes and of the result's. */
#ifndef BPC_IR_EINSUM_H
#define BPC_IR_EINSUM_H

#include "ir/ir.h"

typedef struct Einsum {
    Value *in[2];
    char labels[2][IR_MAX_RANK + 1], out[IR_MAX_RANK + 1];
} Einsum;

Einsum einsum_of(const char *spec, Value *x, Value *y);
Einsum einsum_of_inst(const Inst *contract);
Value *einsum_emit(IrBuilder *b, const Einsum *e);
const Size *einsum_extent(const Einsum *e, char label); /* NULL where no operand has it */
/* Of all labels, each once, those of the first operand in front; how many. */
int einsum_extents(const Einsum *e, const Size *extents[2 * IR_MAX_RANK]);

#endif
