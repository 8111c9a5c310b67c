/* The IR of a module as a bp program: what `bpc --emit=bp` writes. See Note [Source to source] in
 * codegen/bpsource.c.
 *
 * The module must hold neither vjp nor jvp nor calls of anything but extern functions and functions
 * with rules: it is printed as it stands after the passes of BPSOURCE_PASSES. Changes nothing in
 * the module; prints no file. */
#ifndef BPC_CODEGEN_BPSOURCE_H
#define BPC_CODEGEN_BPSOURCE_H

#include "ir/ir.h"

/* Whole arrays are kept: neither small arrays nor products are taken apart. */
#define BPSOURCE_PASSES "expand,exported,simplify"

void bpsource_print(Text *out, const IrModule *m);

#endif
