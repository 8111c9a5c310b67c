/* What the target `api` has instead of LLVM, which takes a hundred times as long as everything else
 * that the library does: modules of a few fixed texts, compiled and linked once. While an input
 * runs, code generation copies the object of one of them, and the JIT looks up its functions; all
 * before and around that is the library's own work, and fails where the allocator fails. The passes
 * before code generation can be left out too: what they do is the matter of other targets.
 *
 * Which module stands in is decided by what the input asks for alone, so that an input does the
 * same whatever ran before it. One input in many is run without any. The linker
 * puts these functions in front of the library's (--wrap). It links this file behind what the
 * target is about and before everything else, the counters of which are kept from libFuzzer: to go
 * through those of the whole compiler would take half of the time. */
#ifndef BPC_TEST_FUZZ_STAND_IN_H
#define BPC_TEST_FUZZ_STAND_IN_H

#include "driver/bpc.h"

typedef struct StandInKey {
    int text, name; /* as the target counts them */
    bool f32, nan;
} StandInKey;

/* Compiles the module of a key; never fails. */
typedef BpcModule *StandInMake(const StandInKey *key);

typedef enum StandInFor { FOR_nothing, FOR_llvm, FOR_passes_and_llvm } StandInFor;

/* An input begins. */
void stand_in_begin(StandInMake *make, StandInFor what);
/* What is compiled next, whatever its options. */
void stand_in_for(int text, int name);

#endif
