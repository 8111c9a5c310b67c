/* Compiling and calling the maps; see vecmath_maps.h. */
#include "vecmath_maps.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned map_width(bool f32, int k) {
    static const unsigned lanes[WIDTHS] = {1, 4, 8, 16};
    return f32 || k == 0 ? lanes[k] : lanes[k] / 2;
}

bool map_selected(const MapOptions *options, MathFn fn) {
    return !options->only || strcmp(options->only, vecmath_name(fn)) == 0;
}

static void must(const char *what, LLVMErrorRef failed) {
    if (failed)
        die(what, LLVMGetErrorMessage(failed));
}

/* Compilation. */

static bool has_fma(const MapOptions *options) {
    if (options->triple)
        return true;
    return options->cpu ? strcmp(options->cpu, "x86-64") != 0 : __builtin_cpu_supports("fma") != 0;
}

static bool has_avx512(const MapOptions *options) {
    return !options->triple && !options->cpu && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl");
}

static LLVMTargetMachineRef target_machine(const MapOptions *options) {
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
    char *triple = LLVMGetDefaultTargetTriple(), *error = NULL;
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    const char *wanted = options->triple ? options->triple : triple;
    LLVMTargetRef target;
    if (LLVMGetTargetFromTriple(wanted, &target, &error))
        die("target", error);
    LLVMTargetMachineRef machine =
        options->triple || options->cpu
            ? LLVMCreateTargetMachine(target, wanted, options->cpu ? options->cpu : "generic", "",
                                      LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault)
            : LLVMCreateTargetMachine(target, wanted, cpu, features, LLVMCodeGenLevelDefault,
                                      LLVMRelocPIC, LLVMCodeModelDefault);
    LLVMDisposeMessage(triple);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
    return machine;
}

static void emit_map(VecMath *vm, MathFn fn, bool f32, unsigned width, const char *symbol) {
    LLVMContextRef c = vm->ctx;
    LLVMBuilderRef b = vm->builder;
    LLVMTypeRef scalar = f32 ? LLVMFloatTypeInContext(c) : LLVMDoubleTypeInContext(c);
    LLVMTypeRef type = width > 1 ? LLVMVectorType(scalar, width) : scalar;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(c, 0), i64 = LLVMInt64TypeInContext(c);
    LLVMTypeRef params[4] = {pointer, pointer, pointer, i64};
    LLVMValueRef f = LLVMAddFunction(vm->module, symbol,
                                     LLVMFunctionType(LLVMVoidTypeInContext(c), params, 4, 0));
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(c, f, "entry");
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(c, f, "loop");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(c, f, "done");
    LLVMPositionBuilderAtEnd(b, entry);
    LLVMBuildBr(b, loop);
    LLVMPositionBuilderAtEnd(b, loop);
    LLVMValueRef i = LLVMBuildPhi(b, i64, "i"), args[2], at;
    for (unsigned k = 0; k < 2; k++) {
        at = LLVMBuildGEP2(b, scalar, LLVMGetParam(f, 1 + k), &i, 1, "");
        args[k] = LLVMBuildLoad2(b, type, at, "");
        LLVMSetAlignment(args[k], f32 ? 4 : 8);
    }
    LLVMValueRef y = vecmath_emit(vm, fn, args);
    at = LLVMBuildGEP2(b, scalar, LLVMGetParam(f, 0), &i, 1, "");
    LLVMSetAlignment(LLVMBuildStore(b, y, at), f32 ? 4 : 8);
    LLVMValueRef next = LLVMBuildAdd(b, i, LLVMConstInt(i64, width, 0), "");
    LLVMValueRef more = LLVMBuildICmp(b, LLVMIntULT, next, LLVMGetParam(f, 3), "");
    LLVMBuildCondBr(b, more, loop, done);
    LLVMAddIncoming(i, (LLVMValueRef[]){LLVMConstInt(i64, 0, 0), next},
                    (LLVMBasicBlockRef[]){entry, loop}, 2);
    LLVMPositionBuilderAtEnd(b, done);
    LLVMBuildRetVoid(b);
}

static void map_symbol(char *symbol, size_t size, MathFn fn, bool f32, unsigned width) {
    snprintf(symbol, size, "map_%s_%s_%u", vecmath_name(fn), f32 ? "f32" : "f64", width);
}

static LLVMModuleRef new_module(LLVMContextRef ctx, LLVMTargetMachineRef machine) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("vecmath", ctx);
    char *triple = LLVMGetTargetMachineTriple(machine);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetTarget(module, triple);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
    return module;
}

static void emit_maps(const MapOptions *options, LLVMModuleRef module, LLVMContextRef ctx) {
    VecMath vm = {.ctx = ctx,
                  .module = module,
                  .builder = LLVMCreateBuilderInContext(ctx),
                  .has_fma = has_fma(options),
                  .has_avx512 = has_avx512(options),
                  .slow_division = has_avx512(options),
                  .exact_libm = options->libm,
                  .calls = options->calls};
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        for (int k = 0; k < 2 * WIDTHS && map_selected(options, (MathFn)fn); k++) {
            bool f32 = k < WIDTHS;
            unsigned width = map_width(f32, k % WIDTHS);
            char symbol[64];
            map_symbol(symbol, sizeof symbol, (MathFn)fn, f32, width);
            emit_map(&vm, (MathFn)fn, f32, width, symbol);
        }
    }
    LLVMDisposeBuilder(vm.builder);
}

static LLVMMemoryBufferRef compile_object(const MapOptions *options) {
    LLVMContextRef ctx = LLVMContextCreate();
    LLVMTargetMachineRef machine = target_machine(options);
    LLVMModuleRef module = new_module(ctx, machine);
    LLVMMemoryBufferRef object = NULL;
    char *error = NULL;
    emit_maps(options, module, ctx);
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &error))
        die("module", error);
    LLVMDisposeMessage(error);
    LLVMCodeGenFileType kind = options->assembly ? LLVMAssemblyFile : LLVMObjectFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, kind, &error, &object))
        die("emit", error);
    LLVMDisposeModule(module);
    LLVMDisposeTargetMachine(machine);
    LLVMContextDispose(ctx);
    return object;
}

void maps_write(const MapOptions *options, const char *path) {
    LLVMMemoryBufferRef object = compile_object(options);
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (!out || fwrite(LLVMGetBufferStart(object), 1, LLVMGetBufferSize(object), out) !=
                    LLVMGetBufferSize(object))
        die(path, "cannot be written");
    if (fflush(out) != 0 || (out != stdout && fclose(out) != 0))
        die(path, "cannot be written");
    LLVMDisposeMemoryBuffer(object);
}

/* Loading. */

static void look_up_maps(Maps *maps, const MapOptions *options) {
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        for (int k = 0; k < 2 * WIDTHS && map_selected(options, (MathFn)fn); k++) {
            bool f32 = k < WIDTHS;
            char symbol[64];
            map_symbol(symbol, sizeof symbol, (MathFn)fn, f32, map_width(f32, k % WIDTHS));
            LLVMOrcExecutorAddress address;
            must(symbol, LLVMOrcLLJITLookup(maps->jit, &address, symbol));
            maps->map[fn][!f32][k % WIDTHS] = (MapFn *)(uintptr_t)address;
        }
    }
}

void maps_load(Maps *maps, const MapOptions *options) {
    LLVMMemoryBufferRef object = compile_object(options);
    LLVMOrcDefinitionGeneratorRef process; /* libm */
    must("jit", LLVMOrcCreateLLJIT(&maps->jit, NULL));
    LLVMOrcJITDylibRef dylib = LLVMOrcLLJITGetMainJITDylib(maps->jit);
    must("process symbols", LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                                &process, LLVMOrcLLJITGetGlobalPrefix(maps->jit), NULL, NULL));
    LLVMOrcJITDylibAddGenerator(dylib, process);
    must("object", LLVMOrcLLJITAddObjectFile(maps->jit, dylib, object));
    look_up_maps(maps, options);
}

void maps_start(Maps *maps, const char *command) {
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0 || (maps->process = fork()) < 0)
        die(command, "cannot be started");
    if (maps->process == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    maps->to = fdopen(to[1], "wb");
    maps->from = fdopen(from[0], "rb");
}

void maps_call(Maps *maps, MathFn fn, bool f32, int k, void *y, const void *a, const void *b,
               int64_t n) {
    if (!maps->process) {
        maps->map[fn][!f32][k](y, a, b, n);
        return;
    }
    int32_t question[4] = {(int32_t)fn, f32, k, (int32_t)n};
    size_t size = f32 ? 4 : 8, count = (size_t)n;
    if (fwrite(question, sizeof question, 1, maps->to) != 1 ||
        fwrite(a, size, count, maps->to) != count || fwrite(b, size, count, maps->to) != count ||
        fflush(maps->to) != 0 || fread(y, size, count, maps->from) != count)
        die("the process that answers for the functions", "gives no answer");
}

void maps_close(Maps *maps) {
    int status = 0;
    if (maps->process) {
        fclose(maps->to);
        fclose(maps->from);
        if (waitpid(maps->process, &status, 0) < 0 || status != 0)
            die("the process that answers for the functions", "failed");
    } else {
        must("jit", LLVMOrcDisposeLLJIT(maps->jit));
    }
}
