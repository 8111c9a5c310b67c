/* Line tables: which line of the source an instruction comes from; see emit.h. Parameters that are
 * scalars or arrays can be printed in a debugger by their names. */
#include "codegen/emit.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

typedef struct DebugInfo {
    LLVMDIBuilderRef builder;
    LLVMMetadataRef file, scope;
} DebugInfo;

static void add_flag(Emit *e, const char *name, unsigned value) {
    LLVMValueRef constant = LLVMConstInt(e->i32, value, false);
    LLVMAddModuleFlag(e->module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(constant));
}

DebugInfo *debug_new(Emit *e) {
    DebugInfo *debug = ARENA_NEW(e->arena, DebugInfo);
    debug->builder = LLVMCreateDIBuilder(e->module);
    const char *name = e->module_name;
    if (e->m->exports.n > 0 && e->m->exports.data[0]->loc.begin) {
        name = source_position(&e->ctx->sources, e->m->exports.data[0]->loc.begin).file;
    }
    debug->file = LLVMDIBuilderCreateFile(debug->builder, name, strlen(name), ".", 1);
    LLVMDIBuilderCreateCompileUnit(debug->builder, LLVMDWARFSourceLanguageC, debug->file, "bpc", 3,
                                   e->options->opt_level > 0, "", 0, 0, "", 0,
                                   LLVMDWARFEmissionFull, 0, 0, 0, "", 0, "", 0);
    add_flag(e, "Debug Info Version", LLVMDebugMetadataVersion());
    add_flag(e, "Dwarf Version", 5);
    return debug;
}

static unsigned line_of(Emit *e, Loc loc) {
    loc = source_caller(&e->ctx->sources, loc); /* the one file that is named is the program's */
    return loc.begin ? source_position(&e->ctx->sources, loc.begin).line : 0;
}

static LLVMMetadataRef debug_type(DebugInfo *debug, const Type *type) {
    enum { ENCODING_bool = 2, ENCODING_float = 4, ENCODING_signed = 5 };
    static const struct {
        const char *name;
        unsigned bits, encoding;
    } rows[] = {
        [S_bool] = {"bool", 8, ENCODING_bool},  [S_i32] = {"i32", 32, ENCODING_signed},
        [S_i64] = {"i64", 64, ENCODING_signed}, [S_f32] = {"f32", 32, ENCODING_float},
        [S_f64] = {"f64", 64, ENCODING_float},
    };
    LLVMMetadataRef basic = LLVMDIBuilderCreateBasicType(
        debug->builder, rows[type->elem].name, strlen(rows[type->elem].name), rows[type->elem].bits,
        rows[type->elem].encoding, LLVMDIFlagZero);
    return type->rank == 0
               ? basic
               : LLVMDIBuilderCreatePointerType(debug->builder, basic, 64, 64, 0, "", 0);
}

static void add_variable(Emit *e, LLVMMetadataRef location, unsigned line, unsigned number,
                         const Param *param, LLVMValueRef arg) {
    DebugInfo *debug = e->debug;
    if (param->is_record || LLVMTypeOf(arg) == e->i1) {
        return;
    }
    LLVMMetadataRef variable = LLVMDIBuilderCreateParameterVariable(
        debug->builder, debug->scope, param->name, strlen(param->name), number, debug->file, line,
        debug_type(debug, param->type), 1, LLVMDIFlagZero);
    LLVMMetadataRef expression = LLVMDIBuilderCreateExpression(debug->builder, NULL, 0);
    LLVMDIBuilderInsertDbgValueRecordAtEnd(debug->builder, arg, variable, expression, location,
                                           LLVMGetEntryBasicBlock(e->function));
}

void debug_function(Emit *e, const Export *export) {
    DebugInfo *debug = e->debug;
    if (!debug) {
        return;
    }
    unsigned line = line_of(e, export->func->loc);
    LLVMMetadataRef type =
        LLVMDIBuilderCreateSubroutineType(debug->builder, debug->file, NULL, 0, LLVMDIFlagZero);
    debug->scope =
        LLVMDIBuilderCreateFunction(debug->builder, debug->file, export->name, strlen(export->name),
                                    export->name, strlen(export->name), debug->file, line, type, 0,
                                    1, line, LLVMDIFlagZero, e->options->opt_level > 0);
    LLVMSetSubprogram(e->function, debug->scope);
    LLVMMetadataRef location =
        LLVMDIBuilderCreateDebugLocation(e->llvm, line, 0, debug->scope, NULL);
    LLVMSetCurrentDebugLocation2(e->builder, location);
    LLVMSetCurrentDebugLocation2(e->entry, location);
    int n_sizes = 0;
    for (int k = 0; k < export->func->sizes.n; k++) {
        if (export_size_from(export, k) < 0) {
            unsigned at = (unsigned)n_sizes++;
            Param size = {.name = export->func->sizes.data[k]->name,
                          .type = ir_scalar(e->m, S_i64)};
            add_variable(e, location, line, at + 1, &size, LLVMGetParam(e->function, at));
        }
    }
    for (int k = 0; k < export->n_params; k++) {
        unsigned at = (unsigned)(n_sizes + k);
        add_variable(e, location, line, at + 1, &export->params[k], LLVMGetParam(e->function, at));
    }
}

void debug_location(Emit *e, Loc loc) {
    if (!e->debug || !loc.begin) {
        return;
    }
    Position at = source_position(&e->ctx->sources, source_caller(&e->ctx->sources, loc).begin);
    LLVMMetadataRef location =
        LLVMDIBuilderCreateDebugLocation(e->llvm, at.line, at.column, e->debug->scope, NULL);
    LLVMSetCurrentDebugLocation2(e->builder, location);
}

void debug_finish(Emit *e) {
    if (e->debug) {
        LLVMDIBuilderFinalize(e->debug->builder);
    }
}

void debug_dispose(Emit *e) {
    if (e->debug) {
        LLVMDisposeDIBuilder(e->debug->builder);
        e->debug = NULL;
    }
}
