/* Compiles products for the test and the benchmark of codegen/contract: a batch of kernels becomes
 * one module, one object, one JIT. A kernel is void(c, a, b, args) with the sizes and strides that
 * are not known in args. */
#ifndef CONTRACT_JIT_H
#define CONTRACT_JIT_H

#include "codegen/contract.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ARG_m,
    ARG_n,
    ARG_k,
    ARG_a_row,
    ARG_a_col,
    ARG_b_row,
    ARG_b_col,
    ARG_c_row,
    ARG_c_col,
    ARGS
};

typedef struct Shape {
    bool is_f64, accumulate;
    int64_t arg[ARGS];
    unsigned known; /* bit i: arg[i] is a constant of the kernel */
    int64_t whole;  /* elements of the arrays that A and B are said to be parts of; 0: near ones */
} Shape;

typedef void Kernel(void *c, const void *a, const void *b, const int64_t *args);

typedef struct Machine {
    int vector_bytes, vector_registers;
    bool optimize;
    const char *cpu; /* NULL: this one */
} Machine;

typedef struct Jit {
    LLVMOrcLLJITRef lljit;
    double emit_ms, codegen_ms;
    size_t object_bytes;
} Jit;

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why ? why : "failed");
    exit(2);
}

static void check(LLVMErrorRef error, const char *what) {
    if (error)
        die(what, LLVMGetErrorMessage(error));
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int host_vector_bytes(void) {
    char *features = LLVMGetHostCPUFeatures();
    int bytes = strstr(features, "+avx512vl") ? 64 : strstr(features, "+avx2") ? 32 : 16;
    LLVMDisposeMessage(features);
    return bytes;
}

/* Options are those of the process: once only. */
static void jit_start(void) {
    static const char *const options[] = {"bpc", "-disable-x86-domain-reassignment",
                                          "-disable-lsr"};
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    if (!getenv("CONTRACT_DEFAULT_OPTIONS"))
        LLVMParseCommandLineOptions(3, options, "");
}

static void emit_kernel(ContractTarget *t, const Shape *shape, int index) {
    LLVMTypeRef ptr = LLVMPointerTypeInContext(t->ctx, 0), i64 = LLVMInt64TypeInContext(t->ctx);
    LLVMTypeRef params[] = {ptr, ptr, ptr, ptr};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(t->ctx), params, 4, 0);
    char name[32];
    snprintf(name, sizeof name, "kernel%d", index);
    t->function = LLVMAddFunction(t->module, name, type);
    LLVMPositionBuilderAtEnd(t->builder, LLVMAppendBasicBlockInContext(t->ctx, t->function, ""));
    LLVMValueRef arg[ARGS];
    for (int i = 0; i < ARGS; i++) {
        LLVMValueRef at = LLVMConstInt(i64, (unsigned)i, 0), args = LLVMGetParam(t->function, 3);
        if (shape->known >> i & 1)
            arg[i] = LLVMConstInt(i64, (unsigned long long)shape->arg[i], 1);
        else
            arg[i] = LLVMBuildLoad2(t->builder, i64,
                                    LLVMBuildGEP2(t->builder, i64, args, &at, 1, ""), "");
    }
    LLVMValueRef whole =
        shape->whole ? LLVMConstInt(i64, (unsigned long long)shape->whole, 1) : NULL;
    ContractOperand c = {LLVMGetParam(t->function, 0), arg[ARG_c_row], arg[ARG_c_col], NULL};
    ContractOperand a = {LLVMGetParam(t->function, 1), arg[ARG_a_row], arg[ARG_a_col], whole};
    ContractOperand b = {LLVMGetParam(t->function, 2), arg[ARG_b_row], arg[ARG_b_col], whole};
    contract_emit(t, shape->is_f64, shape->accumulate, arg[ARG_m], arg[ARG_n], arg[ARG_k], a, b, c);
    LLVMBuildRetVoid(t->builder);
}

static LLVMTargetMachineRef target_machine(const Machine *machine) {
    char *triple = LLVMGetDefaultTargetTriple(), *message = NULL;
    LLVMTargetRef target;
    if (LLVMGetTargetFromTriple(triple, &target, &message))
        die("target", message);
    char *cpu = machine->cpu ? NULL : LLVMGetHostCPUName();
    char *features = machine->cpu ? NULL : LLVMGetHostCPUFeatures();
    LLVMTargetMachineRef tm =
        LLVMCreateTargetMachine(target, triple, cpu ? cpu : machine->cpu, features ? features : "",
                                machine->optimize ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelNone,
                                LLVMRelocPIC, LLVMCodeModelDefault);
    LLVMDisposeMessage(triple);
    if (cpu)
        LLVMDisposeMessage(cpu);
    if (features)
        LLVMDisposeMessage(features);
    return tm;
}

static LLVMMemoryBufferRef jit_object(const Machine *machine, const Shape *shapes, int n,
                                      Jit *jit) {
    LLVMTargetMachineRef tm = target_machine(machine);
    ContractTarget t = {.ctx = LLVMContextCreate(), .optimize = machine->optimize};
    t.vector_bytes = machine->vector_bytes;
    t.vector_registers = machine->vector_registers;
    t.has_fma = machine->vector_bytes > 16;
    t.module = LLVMModuleCreateWithNameInContext("kernels", t.ctx);
    t.builder = LLVMCreateBuilderInContext(t.ctx);
    char *triple = LLVMGetTargetMachineTriple(tm), *message = NULL;
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
    LLVMSetTarget(t.module, triple);
    LLVMSetModuleDataLayout(t.module, layout);
    double start = now_ms();
    for (int i = 0; i < n; i++)
        emit_kernel(&t, &shapes[i], i);
    jit->emit_ms = now_ms() - start;
    if (getenv("CONTRACT_DUMP"))
        LLVMDumpModule(t.module);
    if (LLVMVerifyModule(t.module, LLVMReturnStatusAction, &message))
        die("verify", message);
    LLVMDisposeMessage(message);
    LLVMMemoryBufferRef object;
    start = now_ms();
    if (LLVMTargetMachineEmitToMemoryBuffer(tm, t.module, LLVMObjectFile, &message, &object))
        die("codegen", message);
    jit->codegen_ms = now_ms() - start;
    jit->object_bytes = LLVMGetBufferSize(object);
    if (getenv("CONTRACT_OBJECT")) {
        FILE *file = fopen(getenv("CONTRACT_OBJECT"), "wb");
        fwrite(LLVMGetBufferStart(object), 1, jit->object_bytes, file);
        fclose(file);
    }
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
    LLVMDisposeBuilder(t.builder);
    LLVMDisposeModule(t.module);
    LLVMContextDispose(t.ctx);
    LLVMDisposeTargetMachine(tm);
    return object;
}

static Jit jit_compile(const Machine *machine, const Shape *shapes, int n, Kernel **kernels) {
    Jit jit = {0};
    LLVMMemoryBufferRef object = jit_object(machine, shapes, n, &jit);
    check(LLVMOrcCreateLLJIT(&jit.lljit, NULL), "jit");
    LLVMOrcJITDylibRef main = LLVMOrcLLJITGetMainJITDylib(jit.lljit);
    check(LLVMOrcLLJITAddObjectFile(jit.lljit, main, object), "object");
    for (int i = 0; i < n; i++) {
        char name[32];
        LLVMOrcExecutorAddress address;
        snprintf(name, sizeof name, "kernel%d", i);
        check(LLVMOrcLLJITLookup(jit.lljit, &address, name), name);
        memcpy(&kernels[i], &address, sizeof address);
    }
    return jit;
}

static void jit_free(Jit *jit) {
    check(LLVMOrcDisposeLLJIT(jit->lljit), "dispose");
}

#endif
