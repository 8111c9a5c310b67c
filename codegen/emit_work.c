/* Sizes as run-time values, the layout of the workspace, and NAME_work, which tells its bytes; see
 * emit.h.
 *
 * Offsets are computed on entry, so a slot whose size depends on a value bound later gets a bound
 * of it (bounds.h). NAME_work and the function itself run the same code, so that they agree; both
 * check the computation for overflow. */
#include "codegen/bounds.h"
#include "codegen/emit.h"
#include "codegen/nan_report.h"

#include <string.h>

/* ---- exact sizes ---- */

static bool is_known_on_entry(const Size *size) {
    for (int t = 0; t < size->n; t++) {
        for (int k = 0; k < size->terms[t].degree; k++) {
            if (size->terms[t].syms[k]->value) {
                return false;
            }
        }
    }
    return true;
}

static LLVMValueRef symbol_value(Emit *e, SizeSym *sym) {
    LLVMValueRef v = ptrmap_get(&e->syms, sym);
    if (!v && sym->value) {
        v = emit_val(e, sym->value)->v;
    }
    return v;
}

static LLVMValueRef polynomial(Emit *e, const Size *size) {
    LLVMValueRef sum = emit_i64(e, 0);
    for (int t = 0; t < size->n; t++) {
        LLVMValueRef product = emit_i64(e, size->terms[t].coef);
        for (int k = 0; k < size->terms[t].degree; k++) {
            product = emit_imul(e, product, symbol_value(e, size->terms[t].syms[k]));
        }
        sum = emit_iadd(e, sum, product);
    }
    return sum;
}

LLVMValueRef emit_size(Emit *e, const Size *size) {
    int64_t constant;
    if (size_is_const(size, &constant)) {
        return emit_i64(e, constant);
    }
    if (!is_known_on_entry(size)) {
        return polynomial(e, size);
    }
    LLVMValueRef v = ptrmap_get(&e->sizes, size);
    if (!v) {
        LLVMBuilderRef builder = e->builder;
        e->builder = e->sizes_at;
        v = polynomial(e, size);
        e->builder = builder;
        ptrmap_put(&e->sizes, size, v);
    }
    return v;
}

/* ---- layout ---- */

typedef struct Layout {
    BoundScope scope;
    LLVMValueRef total;    /* bytes so far */
    LLVMValueRef overflow; /* i1, or NULL where nothing can overflow */
    PtrMap values;         /* Bound* -> LLVMValueRef */
} Layout;

static LLVMValueRef checked(Emit *e, Layout *layout, BoundKind kind, LLVMValueRef a,
                            LLVMValueRef b) {
    static const char *const intrinsics[] = {
        [BOUND_add] = "llvm.sadd.with.overflow",
        [BOUND_sub] = "llvm.ssub.with.overflow",
        [BOUND_mul] = "llvm.smul.with.overflow",
    };
    LLVMValueRef args[] = {a, b};
    LLVMValueRef pair = emit_intrinsic(e, intrinsics[kind], &e->i64, 1, args, 2);
    LLVMValueRef flag = LLVMBuildExtractValue(e->builder, pair, 1, "");
    layout->overflow =
        layout->overflow ? LLVMBuildOr(e->builder, layout->overflow, flag, "") : flag;
    return LLVMBuildExtractValue(e->builder, pair, 0, "");
}

static bool are_small(LLVMValueRef a, LLVMValueRef b) {
    int64_t sum;
    return LLVMIsAConstantInt(a) && LLVMIsAConstantInt(b) &&
           !__builtin_add_overflow(LLVMConstIntGetSExtValue(a), LLVMConstIntGetSExtValue(b), &sum);
}

static LLVMValueRef checked_add(Emit *e, Layout *layout, LLVMValueRef a, LLVMValueRef b) {
    if (is_int(a, 0) || is_int(b, 0) || are_small(a, b)) {
        return emit_iadd(e, a, b);
    }
    return checked(e, layout, BOUND_add, a, b);
}

static LLVMValueRef bound_value(Emit *e, Layout *layout, const Bound *bound);

static LLVMValueRef new_bound_value(Emit *e, Layout *layout, const Bound *bound) {
    LLVMValueRef a = bound->a ? bound_value(e, layout, bound->a) : NULL;
    LLVMValueRef b = bound->b ? bound_value(e, layout, bound->b) : NULL;
    switch (bound->kind) {
    case BOUND_const:
        return emit_i64(e, bound->k);
    case BOUND_sym:
        return ptrmap_get(&e->syms, bound->sym);
    case BOUND_param:
        a = emit_val(e, bound->param)->v;
        return bound->param->type->elem == S_i32 ? LLVMBuildSExt(e->builder, a, e->i64, "") : a;
    case BOUND_div:
        return LLVMBuildSDiv(e->builder, a, b, "");
    case BOUND_min:
        return emit_binary(e, OP_min, S_i64, a, b);
    case BOUND_max:
        return emit_binary(e, OP_max, S_i64, a, b);
    default:
        return checked(e, layout, bound->kind, a, b);
    }
}

static LLVMValueRef bound_value(Emit *e, Layout *layout, const Bound *bound) {
    LLVMValueRef v = ptrmap_get(&layout->values, bound);
    if (!v) {
        v = new_bound_value(e, layout, bound);
        ptrmap_put(&layout->values, bound, v);
    }
    return v;
}

static void report_unbounded(Emit *e, const SizeSym *sym) {
    if (!e->failed) {
        bound_report(e->m, e->export, sym);
    }
    e->failed = true;
}

/* Parameters of the IR function that NAME_work gets: the integer scalars that are parameters of
 * their own. */
static int collect_integers(const Export *export, int *leaves) {
    int n = 0, leaf = 0;
    for (int i = 0; i < export->n_params; i++) {
        if (param_is_integer(&export->params[i])) {
            leaves[n++] = leaf;
        }
        leaf += param_leaves(&export->params[i]);
    }
    return n;
}

static Layout new_layout(Emit *e) {
    Layout layout = {.scope = bound_scope(e->arena, e->export),
                     .total = emit_i64(e, e->m->watched ? NAN_REPORT_BYTES : 0)};
    ptrmap_init(&layout.values, e->arena);
    return layout;
}

/* Adds so many bytes, returns their offset. */
static LLVMValueRef add_bytes(Emit *e, Layout *layout, const Size *size) {
    const SizeSym *unbounded = NULL;
    const Bound *bytes = bound_size(&layout->scope, size, &unbounded);
    LLVMValueRef offset = layout->total;
    if (!bytes) {
        report_unbounded(e, unbounded);
        return offset;
    }
    LLVMValueRef rounded = checked_add(e, layout, bound_value(e, layout, bytes), emit_i64(e, 63));
    rounded = LLVMBuildAnd(e->builder, rounded, emit_i64(e, -64), "");
    layout->total = checked_add(e, layout, layout->total, rounded);
    return offset;
}

LLVMValueRef emit_stack_slot(Emit *e, const Slot *slot) {
    int64_t bytes = 0;
    size_is_const(slot->bytes, &bytes);
    LLVMTypeRef type = LLVMArrayType2(e->i8, (uint64_t)(bytes > 0 ? bytes : 1));
    LLVMValueRef place = LLVMBuildAlloca(e->entry, type, "local");
    LLVMSetAlignment(place, 64);
    return place;
}

/* Loops that threads share use the same memory behind the slots, one after the other: a piece for
 * each part but the first. Returns where it begins. */
static LLVMValueRef add_copies(Emit *e, Layout *layout) {
    LLVMValueRef start = layout->total, most = emit_i64(e, 0);
    for (int i = 0; i < e->split_loops.n; i++) {
        SplitLoop *split = e->split_loops.data[i];
        layout->total = emit_i64(e, 0);
        for (int k = 0; k < split->copies.n; k++) {
            PartCopy *copy = &split->copies.data[k];
            bool on_stack = copy->slot >= 0 && e->plan->slots.data[copy->slot].on_stack;
            copy->offset = on_stack ? NULL : add_bytes(e, layout, emit_copy_bytes(e, split, copy));
        }
        split->bytes = layout->total;
        most = emit_binary(e, OP_max, S_i64, most, split->bytes);
    }
    layout->total = start;
    if (!is_int(most, 0)) {
        LLVMValueRef others = emit_i64(e, e->m->threads - 1);
        layout->total = checked_add(e, layout, start, checked(e, layout, BOUND_mul, most, others));
    }
    return start;
}

void emit_slots(Emit *e, LLVMValueRef work) {
    Layout layout = new_layout(e);
    LLVMBuilderRef builder = e->builder;
    e->builder = e->entry;
    e->slots = ARENA_ARRAY(e->arena, e->plan->slots.n + 1, LLVMValueRef);
    for (int s = 0; s < e->plan->slots.n; s++) {
        const Slot *slot = &e->plan->slots.data[s];
        if (slot->on_stack) {
            e->slots[s] = emit_stack_slot(e, slot);
            continue;
        }
        LLVMValueRef offset = add_bytes(e, &layout, slot->bytes);
        e->slots[s] = LLVMBuildGEP2(e->builder, e->i8, work, &offset, 1, "slot");
    }
    LLVMValueRef copies = add_copies(e, &layout);
    e->copies = LLVMBuildGEP2(e->builder, e->i8, work, &copies, 1, "copies");
    e->builder = builder;
    if (layout.overflow) {
        LLVMValueRef fits = LLVMBuildNot(e->builder, layout.overflow, "");
        emit_check(e, fits, e->export->loc, "the sizes are too large");
    }
}

/* ---- NAME_work ---- */

static LLVMValueRef declare_work(Emit *e, const Export *export, const int *leaves, int n) {
    int n_sizes = export_n_sizes(export);
    LLVMTypeRef *types = ARENA_ARRAY(e->arena, n_sizes + n + 1, LLVMTypeRef);
    for (int k = 0; k < n_sizes; k++) {
        types[k] = e->i64;
    }
    for (int k = 0; k < n; k++) {
        types[n_sizes + k] = emit_type(e, export->func->body->params.data[leaves[k]]->type->elem);
    }
    LLVMTypeRef type = LLVMFunctionType(e->i64, types, (unsigned)(n_sizes + n), false);
    return LLVMAddFunction(e->module, arena_printf(e->arena, "%s_work", export->name), type);
}

/* Uses the plan and the value table of the function just emitted. */
void emit_work_function(Emit *e, const Export *export) {
    int *leaves = ARENA_ARRAY(e->arena, export->n_params + 1, int);
    int n = collect_integers(export, leaves), n_sizes = export_n_sizes(export), passed = 0;
    const Func *func = export->func;
    LLVMValueRef function = declare_work(e, export, leaves, n);
    emit_function_attributes(e, function);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->llvm, function, "entry"));
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    memset(e->vals, 0, e->plan->n_values * sizeof e->vals[0]);
    ptrmap_init(&e->syms, e->arena);
    for (int k = 0; k < n; k++) {
        LLVMValueRef arg = LLVMGetParam(function, (unsigned)(n_sizes + k));
        emit_val(e, func->body->params.data[leaves[k]])->v = arg;
    }
    for (int k = 0; k < func->sizes.n; k++) {
        int from = export_size_from(export, k);
        LLVMValueRef size = from < 0 ? LLVMGetParam(function, (unsigned)passed++)
                                     : emit_val(e, func->body->params.data[from])->v;
        ptrmap_put(&e->syms, func->sizes.data[k], size);
    }
    Layout layout = new_layout(e);
    for (int s = 0; s < e->plan->slots.n; s++) {
        if (!e->plan->slots.data[s].on_stack) {
            add_bytes(e, &layout, e->plan->slots.data[s].bytes);
        }
    }
    add_copies(e, &layout);
    LLVMValueRef total = layout.total;
    if (layout.overflow) {
        total = LLVMBuildSelect(e->builder, layout.overflow, emit_i64(e, -1), total, "");
    }
    LLVMBuildRet(e->builder, total);
}
