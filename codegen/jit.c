/* Objects in memory become functions of this process, by ORC's LLJIT; see codegen.h.
 *
 * A Jit owns one LLJIT instance and nothing else, so that instances are independent and may live on
 * different threads. Symbols that an object does not define are looked up among those given to
 * jit_define, then in the process, then in libm. */
#include "codegen/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <stdio.h>
#include <string.h>

struct Jit {
    LLVMOrcLLJITRef lljit;
    Alloc alloc;       /* a copy: the context may go first */
    char problem[256]; /* the first that LLVM reported on the side; "" none */
};

/* LLVM would print it: what is not found when code is linked is told here, and not by the call. */
static void keep_problem(void *user, LLVMErrorRef error) {
    Jit *jit = user;
    char *message = LLVMGetErrorMessage(error);
    if (!jit->problem[0])
        snprintf(jit->problem, sizeof jit->problem, "%s", message);
    LLVMDisposeErrorMessage(message);
}

/* True when there was no error; else queues it. */
static bool succeeded(Context *ctx, LLVMErrorRef error, const char *doing) {
    if (!error) {
        return true;
    }
    char *message = LLVMGetErrorMessage(error);
    diag_error(&ctx->diags, DIAG_codegen, (Loc){0, 0}, "%s: %s", doing, message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static bool add_process_symbols(Context *ctx, LLVMOrcLLJITRef lljit) {
    LLVMOrcDefinitionGeneratorRef generator = NULL;
    if (!succeeded(ctx,
                   LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                       &generator, LLVMOrcLLJITGetGlobalPrefix(lljit), NULL, NULL),
                   "cannot look up symbols of this process")) {
        return false;
    }
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(lljit), generator);
    return true;
}

/* The process has its symbols, unless what brought libm was opened for itself alone. Systems where
 * it has another name have it in the C library. */
static void add_libm(LLVMOrcLLJITRef lljit) {
    LLVMOrcDefinitionGeneratorRef generator = NULL;
    LLVMErrorRef error = LLVMOrcCreateDynamicLibrarySearchGeneratorForPath(
        &generator, "libm.so.6", LLVMOrcLLJITGetGlobalPrefix(lljit), NULL, NULL);
    if (error) {
        LLVMConsumeError(error);
    } else {
        LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(lljit), generator);
    }
}

Jit *jit_new(Context *ctx) {
    target_initialize();
    Jit *jit = ctx->alloc.alloc(ctx->alloc.user, sizeof *jit);
    if (!jit) {
        diag_error(&ctx->diags, DIAG_out_of_memory, (Loc){0, 0}, "out of memory");
        return NULL;
    }
    jit->alloc = ctx->alloc;
    jit->lljit = NULL;
    jit->problem[0] = '\0';
    if (!succeeded(ctx, LLVMOrcCreateLLJIT(&jit->lljit, NULL), "cannot start the JIT") ||
        !add_process_symbols(ctx, jit->lljit)) {
        jit_free(jit);
        return NULL;
    }
    add_libm(jit->lljit);
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(jit->lljit),
                                            keep_problem, jit);
    return jit;
}

bool jit_define(Context *ctx, Jit *jit, const char *symbol, void *address) {
    LLVMOrcCSymbolMapPair pair;
    memset(&pair, 0, sizeof pair);
    pair.Name = LLVMOrcLLJITMangleAndIntern(jit->lljit, symbol);
    pair.Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)address;
    pair.Sym.Flags.GenericFlags =
        LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable;
    return succeeded(ctx,
                     LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(jit->lljit),
                                           LLVMOrcAbsoluteSymbols(&pair, 1)),
                     "cannot define a symbol for the JIT");
}

bool jit_add_object(Context *ctx, Jit *jit, const CodeBuffer *object) {
    LLVMMemoryBufferRef copy =
        LLVMCreateMemoryBufferWithMemoryRangeCopy(object->data, object->size, "bpc");
    return succeeded(
        ctx, LLVMOrcLLJITAddObjectFile(jit->lljit, LLVMOrcLLJITGetMainJITDylib(jit->lljit), copy),
        "cannot load the object");
}

void *jit_lookup(Jit *jit, const char *symbol) {
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef error = LLVMOrcLLJITLookup(jit->lljit, &address, symbol);
    if (error) {
        LLVMConsumeError(error);
        return NULL;
    }
    return (void *)(uintptr_t)address;
}

const char *jit_problem(const Jit *jit) {
    return jit->problem[0] ? jit->problem : NULL;
}

void jit_free(Jit *jit) {
    if (!jit) {
        return;
    }
    if (jit->lljit) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->lljit);
        if (error) {
            LLVMConsumeError(error);
        }
    }
    Alloc alloc = jit->alloc;
    alloc.release(alloc.user, jit);
}
