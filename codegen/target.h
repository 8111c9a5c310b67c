/* What the generated code runs on: LLVM's target machine, and the facts about it that shape the
 * code.
 *
 * The only place that initialises LLVM (once a process) and that names a CPU. Called by
 * codegen_emit. */
#ifndef BPC_CODEGEN_TARGET_H
#define BPC_CODEGEN_TARGET_H

#include "codegen/codegen.h"

#include <llvm-c/TargetMachine.h>

typedef struct Target {
    LLVMTargetMachineRef machine;
    LLVMTargetDataRef layout;
    const char *triple, *cpu, *features; /* in the arena given to target_open */
    int vector_bytes;                    /* of the widest vectors worth using: 16, 32 or 64 */
    int vector_registers;                /* 16 or 32 */
    bool has_fma;
    bool has_masks; /* masked loads and stores cost no more than plain ones: AVX-512 */
    /* a reciprocal to 14 bits and the steps that make a quotient of it take less time than a
     * division */
    bool slow_division;
} Target;

/* False: a diagnostic was queued and nothing is held. `huge` asks for LLVM's fastest code
 * generator. */
bool target_open(Context *ctx, Arena *arena, const CodegenOptions *options, bool huge,
                 Target *target);
bool target_is_x86(const Target *target);
void target_close(Target *target);
/* Initialises LLVM for this process; needed before anything else of it is used. */
void target_initialize(void);

#endif
