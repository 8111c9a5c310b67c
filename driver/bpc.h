/* bpc.h: the public interface of libbpc, the bp compiler as a library.
 *
 * Hand a model's text to bpc_compile and get its functions as C function pointers, its object file,
 * and its C header:
 *
 *     BpcContext *ctx = bpc_context_new(NULL);
 *     BpcModule *model = bpc_compile(ctx, "model.bp", text, strlen(text), NULL);
 *     if (!model) { fputs(bpc_diagnostics_text(ctx), stderr); ... }
 *     loss_fn *loss = (loss_fn *)bpc_module_function(model, "loss");
 *     ...
 *     bpc_module_free(model);
 *     bpc_context_free(ctx);
 *
 * Ownership: what a function returns belongs to the object it was asked of, and lives as long as
 * that object unless said otherwise. Free modules before their context. Errors: the library never
 * prints, exits or aborts on bad input. A function that can fail returns NULL, and the context
 * holds the diagnostics of the last call to bpc_compile. Threads: different contexts may be used
 * from different threads at once; one context from one thread at a time. Compiled functions keep no
 * state and may be called from any number of threads. The calling convention of compiled functions
 * is that of the generated header (bpc_module_header). */
#ifndef BPC_H
#define BPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BPC_API __attribute__((visibility("default")))
#else
#define BPC_API
#endif

#define BPC_VERSION_MAJOR 0
#define BPC_VERSION_MINOR 1
#define BPC_VERSION_PATCH 0

typedef struct BpcContext BpcContext; /* allocator and diagnostics */
typedef struct BpcModule BpcModule;   /* one compiled text */

/* The host's allocator. `alloc` returns 16-byte aligned memory or NULL; `release` accepts NULL.
 * LLVM keeps its own memory, which these hooks do not see. */
typedef struct BpcAllocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *ptr);
    void *user;
} BpcAllocator;

/* Reads a file that a text imports: gives true, and its text, which is copied before the next call.
 * `path` is the importing file's folder and the path in the import joined. */
typedef bool BpcImport(void *user, const char *path, const char **text, size_t *len);

/* A size parameter, "d", and its value. */
typedef struct BpcSize {
    const char *name;
    int64_t value;
} BpcSize;

/* How to compile. Start from bpc_options_default(), which sets every field. */
typedef struct BpcOptions {
    int opt_level;              /* 0 to 3, else an error; 3 by default */
    bool real_is_f32;           /* `real` is f32 instead of f64 */
    bool debug_info;            /* line tables of the .bp text */
    bool freestanding;          /* the object needs nothing but libm */
    const char *cpu;            /* target CPU as LLVM names it; NULL: this machine's */
    const char *const *exports; /* more exports, as after `export`: "grad[w](loss) as g" */
    size_t export_count;
    BpcImport *import; /* NULL: only the standard library is imported */
    void *import_user; /* its first argument */
    int threads; /* 2 to 64: that many share the work of a call, see --threads; 0 or 1: none do, nor
                    with opt_level 0, freestanding or sanitize_nan; another number is an error */
    const BpcSize *sizes; /* functions with such a size are compiled for its value alone, and return
                             a status for another */
    size_t size_count;
    bool sanitize_nan; /* functions stop at the first NaN or infinity: bpc_module_nan */
} BpcOptions;

typedef enum BpcSeverity { BPC_ERROR, BPC_WARNING, BPC_NOTE } BpcSeverity;

/* One message about a text. All strings live until the next bpc_compile on the context. */
typedef struct BpcDiagnostic {
    BpcSeverity severity;
    int code;              /* 123 of E0123 */
    const char *message;   /* one line */
    const char *hint;      /* how to mend it, or NULL */
    const char *file;      /* the name given to bpc_compile; NULL when the message has no place */
    unsigned line, column; /* from 1; columns count bytes */
    unsigned length;       /* bytes marked */
    const char *rendered;  /* the whole message as the command line shows it, without colours */
} BpcDiagnostic;

/* "0.1.0", and the version of LLVM it was built with. */
BPC_API const char *bpc_version(void);
BPC_API const char *bpc_llvm_version(void);

BPC_API BpcOptions bpc_options_default(void);

/* A new context; `allocator` is copied, NULL means malloc and free. NULL when memory is out. */
BPC_API BpcContext *bpc_context_new(const BpcAllocator *allocator);
/* Accepts NULL. */
BPC_API void bpc_context_free(BpcContext *ctx);

/* Compiles `len` bytes of bp source (no terminating NUL needed; the text is copied). `name` (NULL:
 * "<text>") is shown in messages, and its base name without suffix names the error function and the
 * header guard. `options`: NULL for the defaults. Returns NULL when the text has errors or memory
 * is out; see the diagnostics. */
BPC_API BpcModule *bpc_compile(BpcContext *ctx, const char *name, const char *text, size_t len,
                               const BpcOptions *options);
/* Accepts NULL. Function pointers of the module must not be called afterwards. */
BPC_API void bpc_module_free(BpcModule *module);

/* The address of an exported function ("step") or of its workspace function ("step_work"), to be
 * cast to the type in the header. The first call links the module into the process. NULL when there
 * is no such function or linking failed (then bpc_module_link_error says why). A module compiled
 * for another CPU than this machine's must not be run. */
BPC_API void *bpc_module_function(BpcModule *module, const char *name);
BPC_API const char *bpc_module_link_error(const BpcModule *module); /* NULL: none */

/* The same text with the same options, compiled for these sizes besides: functions of the same
 * names and types, which return a status for other sizes. Compiled at the first request and kept:
 * it lives as long as `module` and is not to be freed. NULL when that failed; see the diagnostics
 * of the context, as after bpc_compile. What the options of `module` point to for imports is used
 * again. */
BPC_API BpcModule *bpc_module_for_sizes(BpcModule *module, const BpcSize *sizes, size_t count);

/* The C header of the module. */
BPC_API const char *bpc_module_header(const BpcModule *module);
/* The object file's bytes, their number in *size. */
BPC_API const void *bpc_module_object(const BpcModule *module, size_t *size);
/* What a status returned by one of the module's functions means, with its place in the source; NULL
 * for 0 and for unknown statuses. */
BPC_API const char *bpc_module_error(BpcModule *module, int status);

/* Of a module compiled with sanitize_nan: what a function found that returned `status` and had the
 * workspace `work`, as the command line shows it, with the operation in the text and its operands.
 * NULL where the status means something else. Lives until the next call for the module. */
BPC_API const char *bpc_module_nan(BpcModule *module, int status, const void *work);

/* Names of the exported functions, 0 <= i < count. */
BPC_API size_t bpc_module_export_count(const BpcModule *module);
BPC_API const char *bpc_module_export_name(const BpcModule *module, size_t i);

/* Diagnostics of the last bpc_compile on this context, warnings of a success included. */
BPC_API size_t bpc_diagnostic_count(const BpcContext *ctx);
BPC_API const BpcDiagnostic *bpc_diagnostic(const BpcContext *ctx,
                                            size_t i); /* NULL past the end */
/* All of them rendered, one after another; "" when there are none, never NULL. */
BPC_API const char *bpc_diagnostics_text(const BpcContext *ctx);
/* A longer explanation of a code, or NULL. */
BPC_API const char *bpc_explain(int code);

#ifdef __cplusplus
}
#endif

#endif
