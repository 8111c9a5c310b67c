/* Exported functions: signature, parameters and results, failures; see emit.h and
 * docs/c-interface.md. */
#include "codegen/compared.h"
#include "codegen/emit.h"
#include "codegen/lanes.h"

#include <string.h>

/* ---- attributes ---- */

static const LLVMAttributeIndex of_function = (LLVMAttributeIndex)LLVMAttributeFunctionIndex;

static void add_attribute(Emit *e, LLVMValueRef function, LLVMAttributeIndex at, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, at, LLVMCreateEnumAttribute(e->llvm, kind, 0));
}

static void add_text_attribute(Emit *e, LLVMValueRef function, const char *key, const char *value) {
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(e->llvm, key, (unsigned)strlen(key),
                                                           value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(function, of_function, attribute);
}

void emit_function_attributes(Emit *e, LLVMValueRef function) {
    const char *bits = e->target->vector_bytes == 64   ? "512"
                       : e->target->vector_bytes == 32 ? "256"
                                                       : "128";
    add_attribute(e, function, of_function, "nounwind");
    add_text_attribute(e, function, "target-cpu", e->target->cpu);
    if (e->target->features[0]) {
        add_text_attribute(e, function, "target-features", e->target->features);
    }
    /* or LLVM splits 512-bit operations on CPUs that it thinks prefer 256 */
    add_text_attribute(e, function, "prefer-vector-width", bits);
    add_text_attribute(e, function, "min-legal-vector-width", bits);
    /* or vectors are spilled across lines of the cache: realigning the stack takes a frame pointer
     */
    add_text_attribute(e, function, "frame-pointer", "all");
}

/* ---- signature: sizes, parameters, results, workspace ---- */

static bool is_by_value(const Param *param) {
    return !param->is_record && param->type->rank == 0;
}

static LLVMValueRef declare(Emit *e, const Export *export) {
    int n_sizes = export_n_sizes(export), n = 0;
    LLVMTypeRef *types =
        ARENA_ARRAY(e->arena, n_sizes + export->n_params + export->n_results + 1, LLVMTypeRef);
    for (; n < n_sizes; n++) {
        types[n] = e->i64;
    }
    for (int k = 0; k < export->n_params; k++) {
        const Param *param = &export->params[k];
        types[n++] = is_by_value(param) ? emit_type(e, param->type->elem) : e->ptr;
    }
    for (int k = 0; k <= export->n_results; k++) {
        types[n++] = e->ptr;
    }
    LLVMTypeRef type = LLVMFunctionType(e->i32, types, (unsigned)n, false);
    LLVMValueRef function = LLVMAddFunction(e->module, export->name, type);
    for (int k = 0; k < n; k++) {
        bool input = k < n_sizes + export->n_params;
        LLVMAttributeIndex at = (LLVMAttributeIndex)(k + 1);
        if (types[k] == e->ptr) {
            add_attribute(e, function, at, "noalias");
            if (input) {
                add_attribute(e, function, at, "readonly");
            }
        } else if (types[k] == e->i1) {
            add_attribute(e, function, at, "zeroext");
        }
    }
    emit_function_attributes(e, function);
    return function;
}

/* ---- parameters ---- */

static LLVMValueRef struct_pointer(Emit *e, LLVMValueRef record, int leaf) {
    LLVMValueRef index = emit_i64(e, leaf);
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, e->ptr, record, &index, 1, "");
    return LLVMBuildLoad2(e->builder, e->ptr, place, "");
}

static void bind_array(Emit *e, const Value *param, LLVMValueRef pointer) {
    View *view = ARENA_NEW(e->arena, View);
    *view = view_dense(e, pointer, param->type);
    emit_val(e, param)->view = view;
}

static void bind_leaf(Emit *e, const Value *param, LLVMValueRef pointer) {
    if (param->type->rank > 0) {
        bind_array(e, param, pointer);
    } else {
        View view = view_dense(e, pointer, param->type);
        *emit_val(e, param) = view_load(e, &view);
    }
}

/* The leaves of a record; those of a tangent that have no derivative are not parameters of the
 * function. */
static void bind_record(Emit *e, const Param *param, const Region *body, LLVMValueRef record,
                        int *field, int *leaf) {
    for (int k = 0; k < param->n_fields; k++) {
        const Param *part = &param->fields[k];
        if (part->is_record) {
            bind_record(e, part, body, record, field, leaf);
            continue;
        }
        if (!part->inactive) {
            bind_leaf(e, body->params.data[(*leaf)++], struct_pointer(e, record, *field));
        }
        (*field)++;
    }
}

/* Scalars come first, since some of them give sizes that the types of others mention. */
static void bind_scalars(Emit *e, const Export *export, int first) {
    int leaf = 0;
    for (int k = 0; k < export->n_params; k++) {
        const Param *param = &export->params[k];
        if (is_by_value(param)) {
            LLVMValueRef arg = LLVMGetParam(e->function, (unsigned)(first + k));
            *emit_val(e, export->func->body->params.data[leaf]) = val_of(arg);
        }
        leaf += param_leaves(param);
    }
}

static void bind_sizes(Emit *e, const Export *export) {
    const Func *func = export->func;
    unsigned passed = 0;
    for (int k = 0; k < func->sizes.n; k++) {
        int from = export_size_from(export, k);
        LLVMValueRef size = from < 0 ? LLVMGetParam(e->function, passed++)
                                     : emit_val(e, func->body->params.data[from])->v;
        ptrmap_put(&e->syms, func->sizes.data[k], size);
    }
}

static void bind_params(Emit *e, const Export *export) {
    const Func *func = export->func;
    int n_sizes = export_n_sizes(export), leaf = 0;
    bind_scalars(e, export, n_sizes);
    bind_sizes(e, export);
    for (int k = 0; k < export->n_params; k++) {
        const Param *param = &export->params[k];
        LLVMValueRef arg = LLVMGetParam(e->function, (unsigned)(n_sizes + k));
        if (param->is_record) {
            int field = 0;
            bind_record(e, param, func->body, arg, &field, &leaf);
            continue;
        }
        if (!is_by_value(param)) {
            bind_array(e, func->body->params.data[leaf], arg);
        }
        leaf++;
    }
}

/* What no host may pass. */
static void check_sizes(Emit *e, const Export *export) {
    const Func *func = export->func;
    for (int k = 0; k < func->sizes.n; k++) {
        SizeSym *sym = func->sizes.data[k];
        LLVMValueRef size = ptrmap_get(&e->syms, sym);
        LLVMValueRef ok =
            LLVMBuildICmp(e->builder, LLVMIntULE, size, emit_i64(e, EXPORT_MOST_SIZE), "");
        emit_check(e, ok, export->loc, arena_printf(e->arena, EXPORT_SIZE_TEXT, sym->name));
    }
}

/* Pointers of the result's leaves, in order; leaves without a derivative have none. */
static void bind_result(Emit *e, const Param *result, LLVMValueRef record, int *field, int *leaf) {
    for (int k = 0; k < result->n_fields; k++) {
        const Param *part = &result->fields[k];
        if (part->is_record) {
            bind_result(e, part, record, field, leaf);
            continue;
        }
        if (!part->inactive) {
            e->out[(*leaf)++] = struct_pointer(e, record, *field);
        }
        (*field)++;
    }
}

static void bind_results(Emit *e, const Export *export) {
    e->out = ARENA_ARRAY(e->arena, export->func->body->yields.n + 1, LLVMValueRef);
    int first = export_n_sizes(export) + export->n_params, leaf = 0;
    for (int k = 0; k < export->n_results; k++) {
        const Param *result = &export->results[k];
        LLVMValueRef arg = LLVMGetParam(e->function, (unsigned)(first + k));
        if (result->is_record) {
            int field = 0;
            bind_result(e, result, arg, &field, &leaf);
        } else if (!result->inactive) {
            e->out[leaf++] = arg;
        }
    }
}

static void store_results(Emit *e) {
    const Region *body = e->func->body;
    for (int k = 0; k < body->yields.n; k++) {
        const Value *value = body->yields.data[k];
        const Buffer *place = plan_place(e->plan, value);
        if (place && place->kind == BUF_out && place->out == k) {
            continue;
        }
        View out = view_dense(e, e->out[k], value->type);
        if (value->type->rank == 0) {
            view_store(e, &out, *emit_val(e, value));
        } else {
            view_copy(e, &out, emit_val(e, value)->view);
        }
    }
}

/* ---- failures ---- */

static int status_of(Emit *e, Loc loc, const char *text) {
    for (int k = 0; k < e->checks.n; k++) {
        const Check *check = &e->checks.data[k];
        if (check->loc.begin == loc.begin && strcmp(check->text, text) == 0) {
            return k + 1;
        }
    }
    Check check = {loc, text};
    vec_push(e->arena, &e->checks, check);
    return e->checks.n;
}

int emit_new_status(Emit *e, Loc loc, const char *text) {
    Check check = {loc, text};
    vec_push(e->arena, &e->checks, check);
    return e->checks.n;
}

void emit_likely(Emit *e, LLVMValueRef branch, bool taken) {
    LLVMMetadataRef parts[] = {
        LLVMMDStringInContext2(e->llvm, "branch_weights", 14),
        LLVMValueAsMetadata(LLVMConstInt(e->i32, taken ? 2000 : 1, false)),
        LLVMValueAsMetadata(LLVMConstInt(e->i32, taken ? 1 : 2000, false)),
    };
    LLVMMetadataRef weights = LLVMMDNodeInContext2(e->llvm, parts, 3);
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->llvm, "prof", 4),
                    LLVMMetadataAsValue(e->llvm, weights));
}

/* Where the function returns the status it comes with; it stands behind everything else. */
static LLVMBasicBlockRef failure_block(Emit *e) {
    if (!e->failure) {
        LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
        e->failure = LLVMAppendBasicBlockInContext(e->llvm, e->function, "failure");
        LLVMPositionBuilderAtEnd(e->builder, e->failure);
        e->failure_status = LLVMBuildPhi(e->builder, e->i32, "status");
        LLVMBuildRet(e->builder, e->failure_status);
        LLVMPositionBuilderAtEnd(e->builder, here);
    }
    return e->failure;
}

LLVMBasicBlockRef emit_new_block(Emit *e, const char *name) {
    return LLVMInsertBasicBlockInContext(e->llvm, failure_block(e), name);
}

static void add_failure(Emit *e, int status) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMValueRef value = LLVMConstInt(e->i32, (unsigned long long)status, false);
    LLVMAddIncoming(e->failure_status, &value, &here, 1);
}

void emit_leave(Emit *e, int status) {
    LLVMBuildBr(e->builder, failure_block(e));
    add_failure(e, status);
}

void emit_leave_unless_zero(Emit *e, LLVMValueRef status) {
    LLVMBasicBlockRef next = emit_new_block(e, "done"), here = LLVMGetInsertBlock(e->builder);
    LLVMValueRef zero = LLVMConstInt(e->i32, 0, false);
    LLVMValueRef ok = LLVMBuildICmp(e->builder, LLVMIntEQ, status, zero, "");
    emit_likely(e, LLVMBuildCondBr(e->builder, ok, next, e->failure), true);
    LLVMAddIncoming(e->failure_status, &status, &here, 1);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

void emit_check(Emit *e, LLVMValueRef ok, Loc loc, const char *text) {
    LLVMBasicBlockRef next = emit_new_block(e, "ok");
    emit_likely(e, LLVMBuildCondBr(e->builder, ok, next, e->failure), true);
    add_failure(e, status_of(e, loc, text));
    LLVMPositionBuilderAtEnd(e->builder, next);
}

/* The texts stand in one string without gaps but their NULs; offsets need no relocation. */
LLVMValueRef emit_private_constant(Emit *e, LLVMValueRef value, const char *name) {
    LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(value), name);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    return global;
}

static LLVMValueRef lookup_text(Emit *e, LLVMValueRef index) {
    Text texts;
    text_init(&texts, e->arena);
    LLVMValueRef *offsets = ARENA_ARRAY(e->arena, e->checks.n + 1, LLVMValueRef);
    for (int k = 0; k < e->checks.n; k++) {
        const Check *check = &e->checks.data[k];
        offsets[k] = LLVMConstInt(e->i32, texts.n, false);
        const char *text = source_located(&e->ctx->sources, e->arena, check->loc, check->text);
        text_add(&texts, text, strlen(text) + 1);
    }
    LLVMValueRef table = emit_private_constant(
        e, LLVMConstArray2(e->i32, offsets, (uint64_t)e->checks.n), "offsets");
    LLVMValueRef blob = emit_private_constant(
        e, LLVMConstStringInContext(e->llvm, texts.data, (unsigned)texts.n, true), "texts");
    LLVMValueRef place = LLVMBuildInBoundsGEP2(e->builder, e->i32, table, &index, 1, "");
    LLVMValueRef offset = LLVMBuildLoad2(e->builder, e->i32, place, "");
    return LLVMBuildInBoundsGEP2(e->builder, e->i8, blob, &offset, 1, "");
}

void emit_error_function(Emit *e) {
    LLVMTypeRef type = LLVMFunctionType(e->ptr, &e->i32, 1, false);
    const char *name = arena_printf(e->arena, "%s_error", e->module_name);
    LLVMValueRef function = LLVMAddFunction(e->module, name, type);
    emit_function_attributes(e, function);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(e->llvm, function, "entry");
    LLVMPositionBuilderAtEnd(e->builder, entry);
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    LLVMValueRef null = LLVMConstNull(e->ptr);
    if (e->checks.n == 0) {
        LLVMBuildRet(e->builder, null);
        return;
    }
    LLVMBasicBlockRef known = LLVMAppendBasicBlockInContext(e->llvm, function, "known");
    LLVMBasicBlockRef unknown = LLVMAppendBasicBlockInContext(e->llvm, function, "unknown");
    LLVMValueRef one = LLVMConstInt(e->i32, 1, false);
    LLVMValueRef index = LLVMBuildSub(e->builder, LLVMGetParam(function, 0), one, "");
    LLVMValueRef n = LLVMConstInt(e->i32, (unsigned long long)e->checks.n, false);
    LLVMValueRef valid = LLVMBuildICmp(e->builder, LLVMIntULT, index, n, "");
    LLVMBuildCondBr(e->builder, valid, known, unknown);
    LLVMPositionBuilderAtEnd(e->builder, unknown);
    LLVMBuildRet(e->builder, null);
    LLVMPositionBuilderAtEnd(e->builder, known);
    LLVMBuildRet(e->builder, lookup_text(e, index));
}

/* ---- a function ---- */

static bool prepare(Emit *e, const Export *export) {
    PtrMap widths;
    ptrmap_init(&widths, e->arena);
    if (e->options->opt_level > 0 && !e->m->watched) {
        lanes_choose(e->m, e->arena, export->func, e->target->vector_bytes, &widths);
    }
    e->export = export;
    e->func = export->func;
    e->plan = plan_make(e->m, e->arena, export->func, &widths, e->target->vector_bytes);
    if (!e->plan) {
        diag_error(&e->ctx->diags, DIAG_size_overflow, export->loc,
                   "a size in %s is beyond 64 bits", export->name);
        return false;
    }
    e->vals = ARENA_ARRAY(e->arena, e->plan->n_values + 1, Val);
    ptrmap_init(&e->syms, e->arena);
    ptrmap_init(&e->sizes, e->arena);
    e->failure = NULL;
    e->failure_status = NULL;
    e->around.n = 0;
    e->width = 1;
    e->mask = NULL;
    emit_find_split_loops(e);
    ptrmap_init(&e->row_goes_on, e->arena);
    ptrmap_init(&e->row_loads, e->arena);
    ptrmap_init(&e->compared, e->arena);
    compared_find(export->func->body, e->arena, &e->compared);
    emit_find_row_adds(e, e->func->body);
    emit_find_row_loads(e, e->func->body);
    return true;
}

void emit_export(Emit *e, const Export *export) {
    if (!emit_takes(e, export->func->body) || !prepare(e, export)) {
        e->failed = true;
        return;
    }
    e->function = declare(e, export);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(e->llvm, e->function, "entry");
    LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(e->llvm, e->function, "body");
    LLVMPositionBuilderAtEnd(e->entry, entry);
    LLVMPositionBuilderAtEnd(e->sizes_at, entry);
    LLVMPositionBuilderAtEnd(e->builder, entry);
    debug_function(e, export);
    bind_params(e, export);
    bind_results(e, export);
    LLVMPositionBuilderAtEnd(e->builder, body);
    check_sizes(e, export);
    e->report = LLVMGetParam(e->function, LLVMCountParams(e->function) - 1);
    emit_slots(e, e->report);
    if (e->m->watched)
        emit_watch_arguments(e);
    if (!emit_in_pieces(e, e->func->body))
        emit_region(e, e->func->body);
    if (e->m->watched)
        emit_watch_results(e);
    store_results(e);
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, 0, false));
    LLVMBuildBr(e->entry, body);
    emit_connect_pieces(e);
    emit_work_function(e, export);
    if (e->options->entries) {
        emit_entries(e, export);
    }
}
