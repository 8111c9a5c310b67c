/* Rebuilding functions through a callback; see rebuild.c. */
#ifndef BPC_PASSES_REBUILD_H
#define BPC_PASSES_REBUILD_H

#include "passes/internal.h"

/* Emits what stands for one source instruction at b and maps its results. */
typedef void (*EmitInst)(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* The instructions of a region, each through `emit`; yields are left to the caller. */
void rebuild_insts(IrBuilder *b, const Region *region, IrMap *map, EmitInst emit, void *user);
/* The default emission: a copy, with the instructions of nested regions going through `emit`. */
void rebuild_inst(IrBuilder *b, const Inst *inst, IrMap *map, EmitInst emit, void *user);
/* A new body for f, with its parameters, which are mapped; then with its yields, in f's place. */
void rebuild_begin(IrModule *m, Func *f, IrBuilder *b, IrMap *map);
void rebuild_end(Func *f, IrBuilder *b, IrMap *map);
/* Both, and every instruction between. */
void rebuild_func(IrModule *m, Func *f, EmitInst emit, void *user);
/* Holds what a check may guard: reads and writes at an index, integer divisions. */
bool region_has_unsafe(const Region *region);

#endif
