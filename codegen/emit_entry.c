/* Entries for callers that learn the signature of a function at run time: tools of the driver,
 * tests. Asked for by CodegenOptions.entries; no object that is written to a file has them.
 *
 * Beside NAME, with parameters p0, p1, ..., stands
 *     int NAME.entry(void *const *args)
 * which calls NAME with args[k] for p_k: the pointer itself where p_k is one, what it points to
 * where p_k is a number. NAME_work.entry takes the same array (it reads the sizes and integer
 * parameters) and returns the bytes. So LLVM knows how arguments are passed, and nobody else has
 * to. */
#include "codegen/emit.h"

#include <string.h>

/* bool is a byte in memory */
static LLVMValueRef load_argument(Emit *e, LLVMValueRef args, int slot, LLVMTypeRef type) {
    LLVMValueRef index = emit_i64(e, slot);
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, e->ptr, args, &index, 1, "");
    LLVMValueRef pointer = LLVMBuildLoad2(e->builder, e->ptr, place, "");
    if (type == e->ptr) {
        return pointer;
    }
    if (type != e->i1) {
        return LLVMBuildLoad2(e->builder, type, pointer, "");
    }
    return LLVMBuildTrunc(e->builder, LLVMBuildLoad2(e->builder, e->i8, pointer, ""), type, "");
}

/* How the callee expects a bool stands in attributes, which a call repeats. */
static void copy_attributes(Emit *e, LLVMValueRef callee, LLVMValueRef call, unsigned n) {
    unsigned kind = LLVMGetEnumAttributeKindForName("zeroext", strlen("zeroext"));
    for (unsigned k = 0; k < n; k++) {
        LLVMAttributeIndex at = k + 1;
        if (LLVMGetEnumAttributeAtIndex(callee, at, kind)) {
            LLVMAddCallSiteAttribute(call, at, LLVMCreateEnumAttribute(e->llvm, kind, 0));
        }
    }
}

/* slots[k]: where parameter k of the callee stands in args. */
static void emit_forwarder(Emit *e, const char *name, const int *slots) {
    LLVMValueRef callee = LLVMGetNamedFunction(e->module, name);
    LLVMTypeRef callee_type = LLVMGlobalGetValueType(callee);
    unsigned n = LLVMCountParams(callee);
    LLVMTypeRef type = LLVMFunctionType(LLVMGetReturnType(callee_type), &e->ptr, 1, false);
    LLVMValueRef function =
        LLVMAddFunction(e->module, arena_printf(e->arena, "%s.entry", name), type);
    emit_function_attributes(e, function);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->llvm, function, "entry"));
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    LLVMValueRef *values = ARENA_ARRAY(e->arena, n + 1, LLVMValueRef);
    for (unsigned k = 0; k < n; k++) {
        LLVMTypeRef param = LLVMTypeOf(LLVMGetParam(callee, k));
        values[k] = load_argument(e, LLVMGetParam(function, 0), slots[k], param);
    }
    LLVMValueRef call = LLVMBuildCall2(e->builder, callee_type, callee, values, n, "");
    copy_attributes(e, callee, call, n);
    LLVMBuildRet(e->builder, call);
}

void emit_entries(Emit *e, const Export *export) {
    int n_sizes = export_n_sizes(export), n = n_sizes + export->n_params + export->n_results + 1;
    int *slots = ARENA_ARRAY(e->arena, n, int);
    for (int k = 0; k < n; k++) {
        slots[k] = k;
    }
    emit_forwarder(e, export->name, slots);
    int n_work = n_sizes;
    for (int k = 0; k < export->n_params; k++) {
        if (param_is_integer(&export->params[k])) {
            slots[n_work++] = n_sizes + k;
        }
    }
    emit_forwarder(e, arena_printf(e->arena, "%s_work", export->name), slots);
}
