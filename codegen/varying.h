/* Which values differ between the lanes of a loop that runs one iteration a lane.
 *
 * What does not is computed once, by scalar code, and an array of it is stored once. A choice that
 * the plan of memory and the emission of code must agree on, so both ask here. Pure analysis of the
 * IR. */
#ifndef BPC_CODEGEN_VARYING_H
#define BPC_CODEGEN_VARYING_H

#include "ir/ir.h"

/* Sets varying[id - first_id] of every value inside of a loop that `widths` gives lanes, where it
 * may differ between them. Arrays that share memory all vary or none does. */
void varying_find(const Region *body, const PtrMap *widths, bool *varying, uint32_t first_id);

#endif
