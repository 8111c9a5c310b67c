/* Sizes known at compile time; see specialize.c. */
#ifndef BPC_PASSES_SPECIALIZE_H
#define BPC_PASSES_SPECIALIZE_H

#include "ir/ir.h"

typedef struct SizeValue {
    const char *name;
    int64_t value;
} SizeValue;

/* The first that is a size of no export; NULL: all are. */
const SizeValue *sizes_unknown(const IrModule *m, const SizeValue *values, int n);
/* Exports of functions with such a size become functions for its value, with the same interface and
 * a status for calls with another. False after a message, where an extent would be negative. */
bool sizes_specialize(IrModule *m, const SizeValue *values, int n);

#endif
