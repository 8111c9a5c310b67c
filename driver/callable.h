/* Calling functions of a model from the tools of the driver: whatever their signature, with arrays
 * as arguments and results. A Program is native code in this process; a Callable one of its
 * functions. Both live in the context's arena, but for the JIT, which program_free gives back.
 * Called by run_command.c and gradcheck*.c. */
#ifndef BPC_DRIVER_CALLABLE_H
#define BPC_DRIVER_CALLABLE_H

#include "codegen/nan_report.h"
#include "driver/array.h"
#include "driver/compile.h"

/* A parameter or result as C passes it, or a field of one: what holds one array. */
typedef struct Leaf {
    const char *path; /* x, p.W, p.layers.0.b */
    const Type *type;
} Leaf;
typedef VEC(Leaf) LeafList;

/* A size that an integer argument gives. */
typedef struct BoundSize {
    const SizeSym *sym;
    int input;
} BoundSize;

typedef struct Program Program;
typedef struct Callable {
    Program *program;
    Arena *arena;
    const Export *export;
    const char *name; /* for messages */
    LeafList inputs, outputs;
    VEC(SizeSym *) sizes;
    VEC(BoundSize) bound;
    void *entry, *work_entry; /* see codegen/emit_entry.c */
} Callable;

typedef struct ProgramOptions {
    const CompileOptions *how;
    const char *const *libraries; /* where extern functions are */
    int n_libraries;
} ProgramOptions;

/* The text of the function that `what` means: the name of a function, of an export, or an
 * expression such as grad[w](loss), which is itself. NULL after a message. */
const char *callable_resolve(Context *ctx, Source *source, const CompileOptions *how,
                             const char *what);

/* Compiles the functions of the model, as callable_resolve gave them or put into derivative
 * operators. NULL after messages. */
Program *program_new(Context *ctx, Source *source, const ProgramOptions *options,
                     const char *const *functions, int n);
Callable *program_function(Program *program, int k);
void program_free(Program *program); /* accepts NULL */

/* Calls f: inputs have the types of the leaves and extents that fit the sizes. The results go to
 * outputs, which are made where NULL. False: *failed says why; "FILE:LINE:COLUMN: text" where the
 * function itself gave a status. */
bool callable_call(const Callable *f, const int64_t *sizes, Array *const *inputs, Array **outputs,
                   const char **failed);
/* Of the last call that failed: what --sanitize=nan found, or NULL. */
const NanReport *callable_nan(const Callable *f);

/* The value of a size, of which symbols are given by sizes (-1: not known) and by integer inputs
 * (NULL: not known). False: not known, or beyond 64 bits. */
bool callable_extent(const Callable *f, const Size *size, const int64_t *sizes,
                     Array *const *inputs, int64_t *value);

/* The program as it was lowered, once more, and f's export in it. NULL after messages. */
IrModule *callable_lower(const Callable *f, const Export **export);

/* Libraries become part of this process, where the JIT looks for extern functions. False after a
 * message. */
bool load_libraries(Context *ctx, const char *const *paths, int n);

#endif
