/* Running functions of the IR in the interpreter for the fuzz targets, on arguments of small sizes,
 * within bounds. */
#ifndef BPC_TEST_FUZZ_EVALUATE_H
#define BPC_TEST_FUZZ_EVALUATE_H

#include "ir/ir.h"

/* Runs f with sizes that `bits` choose. False: it stopped with a message. */
bool evaluate(Context *ctx, IrModule *m, Func *f, uint32_t bits, Datum **results);
/* Runs each exported function of a module that calls nothing. */
void evaluate_exports(Context *ctx, IrModule *m);

#endif
