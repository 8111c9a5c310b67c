/* What specialize.c asks of specialize_extents.c. */
#ifndef BPC_PASSES_SPECIALIZE_INTERNAL_H
#define BPC_PASSES_SPECIALIZE_INTERNAL_H

#include "ir/ir.h"

typedef struct NegativeAxis {
    const Func *func; /* in which it is */
    Loc loc;
    const Size *axis; /* in the sizes of func */
    int64_t extent;
} NegativeAxis;

/* Whether f, called with these sizes (NULL: any), makes an array with an axis of a negative extent.
 */
bool negative_axis_find(IrModule *m, const Func *f, const Size **sizes, NegativeAxis *found);

#endif
