/* Code generation: a module in loop form (docs/code-generation.md) becomes LLVM text, assembly or
 * an object in memory, and an object in memory becomes functions to call (the JIT).
 *
 * There is one way out: codegen_emit writes into a buffer; who called writes the file or hands the
 * buffer to a Jit. Nothing here prints, exits or keeps state between calls; several threads may
 * each have their own Context. Called by driver/. Knows nothing of the language above the IR. */
#ifndef BPC_CODEGEN_CODEGEN_H
#define BPC_CODEGEN_CODEGEN_H

#include "ir/ir.h"

typedef struct CodegenOptions {
    int opt_level;           /* 0: scalar loops, fast compilation; 1..3: vectors */
    const char *cpu;         /* NULL or "native": the host's */
    const char *triple;      /* NULL: the host's */
    bool debug;              /* line tables of the source */
    bool freestanding;       /* nothing but libm is called */
    bool plain;              /* LLVM's plain code generator, as for huge functions */
    bool entries;            /* also NAME.entry and NAME_work.entry, see codegen/emit_entry.c */
    const char *module_name; /* prefix of <module>_error; NULL: the module's own name */
} CodegenOptions;

typedef enum EmitKind { EMIT_llvm, EMIT_asm, EMIT_object } EmitKind;

/* Bytes owned by the allocator of the context; not NUL-terminated. Zero-initialised is empty. */
typedef struct CodeBuffer {
    char *data;
    size_t size;
    Alloc *alloc;
} CodeBuffer;
void codebuffer_free(CodeBuffer *buffer);

/* Emits all exports of the module. The module must be in loop form (passes "O0".."O3"). False:
 * diagnostics were queued and out is empty. Exports without descriptors of their parameters get the
 * default ones first. */
bool codegen_emit(Context *ctx, IrModule *m, const CodegenOptions *options, EmitKind kind,
                  CodeBuffer *out);

/* Gives every export without descriptors plain ones: a leaf parameter for each IR parameter, named
 * after it, and results `out`, or `out0`, `out1`, ... Textual IR needs this; the header writer and
 * codegen_emit expect it done. */
void codegen_default_exports(IrModule *m);

/* ---- running objects in this process ---- */
typedef struct Jit Jit;
/* NULL: diagnostics were queued. A Jit is independent of the context after that, but for its
 * allocator. */
Jit *jit_new(Context *ctx);
/* Makes `symbol` (an extern function of the program) resolve to `address`; before the object that
 * uses it is added. */
bool jit_define(Context *ctx, Jit *jit, const char *symbol, void *address);
/* Copies the object. Any number may be added; their exported names must differ. */
bool jit_add_object(Context *ctx, Jit *jit, const CodeBuffer *object);
void *jit_lookup(Jit *jit, const char *symbol); /* NULL: no such symbol */

/* Of a function that calls what was looked up: clang's sanitizers read the type of a function in
 * front of it, and in front of these there may be no memory. */
#ifdef __clang__
#define CALLS_COMPILED __attribute__((no_sanitize("function")))
#else
#define CALLS_COMPILED
#endif
/* Why a lookup that found the symbol could not link it ("Symbols not found: [ f ]"); NULL: nothing.
 */
const char *jit_problem(const Jit *jit);
void jit_free(Jit *jit); /* the functions looked up are gone after that; accepts NULL */

#endif
