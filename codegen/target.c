/* Choice of triple, CPU and features; see target.h. */
#include "codegen/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t native_once = PTHREAD_ONCE_INIT, all_once = PTHREAD_ONCE_INIT;

/* Both passes that are left out cost half of the time of emission and gain nothing on vector code
 * that was addressed with care. The scheduler's lists of memory accesses cost time quadratic in
 * their length, up to the one that is given. */
static void initialize_native(void) {
    static const char *const arguments[] = {"bpc", "-disable-x86-domain-reassignment",
                                            "-disable-lsr", "-dag-maps-huge-region=200"};
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser();
    LLVMParseCommandLineOptions(4, arguments, "");
}

/* Only for a triple that was asked for: all of LLVM's targets take milliseconds to register. */
static void initialize_all(void) {
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
    LLVMInitializeAllAsmParsers();
}

void target_initialize(void) {
    (void)pthread_once(&native_once, initialize_native);
}

/* Moves a string of LLVM's into the arena; LLVM gets it back even when there is no memory for the
 * copy. */
static const char *keep_message(Arena *arena, char *message) {
    if (!message) {
        return "";
    }
    jmp_buf here, *outer = arena->alloc->oom;
    if (outer && setjmp(here) != 0) {
        arena->alloc->oom = outer;
        LLVMDisposeMessage(message);
        longjmp(*outer, 1);
    }
    arena->alloc->oom = outer ? &here : NULL;
    const char *copy = arena_strdup(arena, message, strlen(message));
    arena->alloc->oom = outer;
    LLVMDisposeMessage(message);
    return copy;
}

static bool is_native(const CodegenOptions *options) {
    return !options->triple && (!options->cpu || strcmp(options->cpu, "native") == 0);
}

bool target_is_x86(const Target *target) {
    return strncmp(target->triple, "x86_64-", 7) == 0;
}

static bool is_aarch64(const Target *target) {
    return strncmp(target->triple, "aarch64-", 8) == 0;
}

static void choose_names(Arena *arena, const CodegenOptions *options, Target *target) {
    target->triple =
        options->triple ? options->triple : keep_message(arena, LLVMGetDefaultTargetTriple());
    target->features = "";
    if (is_native(options)) {
        target->cpu = keep_message(arena, LLVMGetHostCPUName());
        target->features = keep_message(arena, LLVMGetHostCPUFeatures());
    } else if (options->cpu && strcmp(options->cpu, "native") != 0) {
        target->cpu = options->cpu;
    } else {
        target->cpu = target_is_x86(target) ? "x86-64" : "generic";
    }
}

#define CPU(name) name,
static const char *const x86_cpus[] = {
#include "codegen/x86_cpus.def"
};
static const char *const aarch64_cpus[] = {
#include "codegen/aarch64_cpus.def"
};
#undef CPU

/* Asked for a CPU that it does not know, LLVM would end the process. */
static bool knows_cpu(Context *ctx, const Target *target) {
    const char *const *names = target_is_x86(target) ? x86_cpus : aarch64_cpus;
    int count = (int)(target_is_x86(target) ? sizeof x86_cpus / sizeof *x86_cpus
                                            : sizeof aarch64_cpus / sizeof *aarch64_cpus);
    for (int i = 0; i < count; i++) {
        if (strcmp(target->cpu, names[i]) == 0) {
            return true;
        }
    }
    Diag *diag = diag_error(&ctx->diags, DIAG_target, (Loc){0, 0}, "unknown CPU '%s'", target->cpu);
    const char *near = nearest_name(target->cpu, names, count);
    if (near) {
        diag_hint(&ctx->diags, diag, "did you mean '%s'?", near);
    }
    return false;
}

/* Features implied by a CPU's name cannot be asked of the C API directly. A function compiled for
 * that CPU tells: the registers that LLVM considers legal show in how it would pass a vector. The
 * table below is plainer. */
static bool name_starts_with_any(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++) {
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0) {
            return true;
        }
    }
    return false;
}

static void measure_features(Target *target) {
    static const char *const avx512_cpus[] = {
        "x86-64-v4",  "skylake-avx512", "cascadelake", "cooperlake",    "icelake", "tigerlake",
        "rocketlake", "sapphirerapids", "emerald",     "graniterapids", "znver4",  "znver5",
        NULL};
    static const char *const avx2_cpus[] = {"x86-64-v3",  "haswell", "core-avx2",
                                            "broadwell",  "skylake", "alderlake",
                                            "raptorlake", "znver",   NULL};
    const char *features = target->features;
    bool x86 = target_is_x86(target);
    bool avx512 = x86 && ((strstr(features, "+avx512f,") && strstr(features, "+avx512vl")) ||
                          name_starts_with_any(target->cpu, avx512_cpus));
    bool avx2 = avx512 || (x86 && ((strstr(features, "+avx2") && strstr(features, "+fma,")) ||
                                   name_starts_with_any(target->cpu, avx2_cpus)));
    if (features[0] !=
        '\0') { /* the host tells exactly, its name may promise more than a virtual machine has */
        avx512 = avx512 && strstr(features, "+avx512f") != NULL;
        avx2 = avx2 && strstr(features, "+avx2") != NULL;
    }
    target->vector_bytes = avx512 ? 64 : avx2 ? 32 : 16;
    target->vector_registers = avx512 || !x86 ? 32 : 16;
    target->has_fma = avx2 || !x86;
    target->has_masks = avx512;
    /* Intel's divider takes 16 cycles for 8 numbers, with two pipes for products beside it; AMD's
     * takes fewer, and up to Zen 4 a vector of that length takes both pipes. */
    target->slow_division = avx512 && strncmp(target->cpu, "znver", 5) != 0;
}

bool target_open(Context *ctx, Arena *arena, const CodegenOptions *options, bool huge,
                 Target *target) {
    target_initialize();
    memset(target, 0, sizeof *target);
    if (options->triple) {
        (void)pthread_once(&all_once, initialize_all);
    }
    choose_names(arena, options, target);
    if (options->triple && !target_is_x86(target) && !is_aarch64(target)) {
        Diag *diag =
            diag_error(&ctx->diags, DIAG_target, (Loc){0, 0}, "no code for '%s'", target->triple);
        diag_hint(&ctx->diags, diag, "targets: x86_64-linux-gnu, aarch64-linux-gnu");
        return false;
    }
    if (!is_native(options) && (target_is_x86(target) || is_aarch64(target)) &&
        !knows_cpu(ctx, target)) {
        return false;
    }
    LLVMTargetRef llvm_target = NULL;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(target->triple, &llvm_target, &message)) {
        diag_error(&ctx->diags, DIAG_target, (Loc){0, 0}, "%s", keep_message(arena, message));
        return false;
    }
    LLVMCodeGenOptLevel level =
        options->opt_level == 0 || huge ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault;
    target->machine =
        LLVMCreateTargetMachine(llvm_target, target->triple, target->cpu, target->features, level,
                                LLVMRelocPIC, LLVMCodeModelDefault);
    if (!target->machine) {
        diag_error(&ctx->diags, DIAG_target, (Loc){0, 0}, "no code can be generated for %s",
                   target->triple);
        return false;
    }
    target->layout = LLVMCreateTargetDataLayout(target->machine);
    measure_features(target);
    return true;
}

void target_close(Target *target) {
    if (target->layout) {
        LLVMDisposeTargetData(target->layout);
    }
    if (target->machine) {
        LLVMDisposeTargetMachine(target->machine);
    }
    memset(target, 0, sizeof *target);
}
