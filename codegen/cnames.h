/* The names that C sees; see cnames.c. */
#ifndef BPC_CODEGEN_CNAMES_H
#define BPC_CODEGEN_CNAMES_H

#include "ir/ir.h"

/* Gives every struct, member, size, parameter and result of the exports the name it has in C
 * (Param.c_name, Export.c_sizes). False when an export's own name cannot be used; diagnostics were
 * queued. */
bool cnames_assign(IrModule *m);

#endif
