/* What the two files of `scalarize` share; see scalarize.c. */
#ifndef BPC_PASSES_SCALARIZE_H
#define BPC_PASSES_SCALARIZE_H

#include "passes/internal.h"

enum {
    SMALL_ARRAY = 9,
    SMALL_DEAR = 4,
    SMALL_EXTENT = 9,
    SMALL_PRODUCT = 64,
    SMALL_MATRIX = 16, /* an operand of such a product, outside of lanes */
    VECTOR_ROW = 8
};

typedef struct Parts {
    int n;
    Value **e; /* row-major */
} Parts;

typedef struct Scalarize {
    IrModule *m;
    Arena *arena;
    PtrMap parts;  /* source value -> Parts */
    PtrMap whole;  /* source values that stay arrays: indexed dynamically, or tied to such */
    PtrMap unroll; /* loops to unroll */
} Scalarize;

/* Number of elements of an array type with at most so many; 0 when it is not one. */
int array_count(const Type *type, int most);
/* Number of elements of a small array type; 0 when it is not one. */
int small_array_count(const Type *type);
bool is_vector_row(const Type *type);
/* Whether no loop around may run in lanes. */
bool is_outside_lanes(const Region *region);

Parts *parts_new(Scalarize *s, int n);
/* The elements of a value: its parts, or loads from the array in memory. */
Parts *parts_of(Scalarize *s, IrBuilder *b, Value *v, IrMap *map);
/* The value as a whole, put together where it has parts. */
Value *parts_whole(Scalarize *s, IrBuilder *b, Value *v, IrMap *map);
/* Whether a source value is represented by parts. */
bool parts_splits(const Scalarize *s, const Value *v);
/* Maps a source value that was computed as parts; puts it together where it must stay whole. */
void parts_set(Scalarize *s, IrBuilder *b, Value *v, Parts *p, IrMap *map);
/* The parts that an instruction makes; NULL: it is not one on small arrays, or better left whole.
 */
Parts *parts_split(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map);
Value *parts_sum_of_rows(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map);

#endif
