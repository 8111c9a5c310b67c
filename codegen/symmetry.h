/* Products whose result is symmetric; see symmetry.c. */
#ifndef BPC_CODEGEN_SYMMETRY_H
#define BPC_CODEGEN_SYMMETRY_H

#include "ir/ir.h"

/* Whether a contraction is X' diag(w) X for some X and w, which need not stand there as such. */
bool contract_is_symmetric(const Inst *inst);

#endif
