/* Which loops run one iteration a lane, and in how many lanes.
 *
 * A choice of shape only: any parallel loop of scalars may run in lanes or not. Pure analysis of
 * the IR, made before the plan of memory, because arrays inside such a loop exist once a lane. */
#ifndef BPC_CODEGEN_LANES_H
#define BPC_CODEGEN_LANES_H

#include "ir/ir.h"

/* Adds (loop, lanes) to widths for each chosen loop. No chosen loop is inside another. */
void lanes_choose(IrModule *m, Arena *arena, const Func *func, int vector_bytes, PtrMap *widths);

/* The operation of a carry that is nothing but a reduction, c' = op(c, e): its partial results may
 * be kept apart. OP_COUNT when it is not one. */
Op lanes_reduction(const Inst *loop, int carry);

#endif
