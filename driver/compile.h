/* The stages from a text to an object, in order: what the library and the program both call. Each
 * stage needs the one before it and returns NULL or false when it queued diagnostics. Memory is the
 * context's. */
#ifndef BPC_DRIVER_COMPILE_H
#define BPC_DRIVER_COMPILE_H

#include "codegen/codegen.h"
#include "ir/ir.h"
#include "parser/imports.h"
#include "passes/specialize.h"

typedef struct CompileOptions {
    const char *module_name;    /* a C identifier: prefix of the error function, header guard */
    const char *const *exports; /* as after `export`, besides those of the text */
    int n_exports;
    const char *const *only; /* not NULL: these functions are compiled, named bpc_function0, ...,
                                and no export is */
    int n_only;
    bool entries; /* see CodegenOptions */
    int opt_level;
    const char *cpu;    /* NULL: this machine's */
    const char *triple; /* NULL: this machine's */
    bool debug, freestanding;
    bool plain;             /* see CodegenOptions */
    const SizeValue *sizes; /* of exports that are compiled for these values alone */
    int n_sizes;
    int threads;         /* above 1: that many share the work of a call */
    bool sanitize_nan;   /* stop at the first NaN or infinity, see codegen/nan_report.h */
    ImportReader reader; /* of imported files */
} CompileOptions;

/* Parsed, with what is imported and the exports of the options. */
AstModule *compile_parse(Context *ctx, Source *source, const CompileOptions *options);
/* Parsed and checked. */
AstModule *compile_ast(Context *ctx, Source *source, const CompileOptions *options);
/* Lowered, derivative operators still in place. */
IrModule *compile_ir(Context *ctx, AstModule *ast, const CompileOptions *options);
/* The header's text, NUL-terminated; of the module as lowered. */
const char *compile_header(Context *ctx, const IrModule *ir);
/* Runs the passes in place, then generates code. */
bool compile_code(Context *ctx, IrModule *ir, const CompileOptions *options, EmitKind kind,
                  CodeBuffer *out);
/* Resolves the derivatives in place and prints the module as bp source again. */
bool compile_bp(Context *ctx, IrModule *ir, Text *out);
/* Runs the passes, then reports what each export keeps in memory. */
bool compile_memory(Context *ctx, IrModule *ir, const CompileOptions *options, Text *out);
/* The same, of loops and their costs. */
bool compile_plan(Context *ctx, IrModule *ir, const CompileOptions *options, Text *out);
/* The same to C, scalar and portable: one file that holds the text of the header. */
bool compile_c(Context *ctx, IrModule *ir, const CompileOptions *options, const char *header,
               Text *out);

#endif
