/* Sizes as run-time values, the layout of the workspace, and NAME_work, which tells its bytes; see emit.h.
 *
 * Offsets are computed on entry, so a slot whose size depends on a value bound later (`dim`) gets a bound of it:
 * the largest that the value can be, from how it is computed. NAME_work and the function itself run the same code, so
 * that they agree; both check the computation for overflow. */
#include "codegen/emit.h"

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
        e->builder = e->entry;
        v = polynomial(e, size);
        e->builder = builder;
        ptrmap_put(&e->sizes, size, v);
    }
    return v;
}

/* ---- bounds of values ---- */

/* Bounds of an i64 value by values known on entry; NULL: none. */
typedef struct Bounds {
    LLVMValueRef low, high;
} Bounds;

static Bounds value_bounds(Emit *e, const Value *v, int depth);

static LLVMValueRef smaller(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return !a || !b ? NULL : emit_binary(e, OP_min, S_i64, a, b);
}

static LLVMValueRef larger(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return !a || !b ? NULL : emit_binary(e, OP_max, S_i64, a, b);
}

static LLVMValueRef at_least_zero(Emit *e, LLVMValueRef v) {
    return larger(e, v, emit_i64(e, 0));
}

static bool is_known_not_negative(LLVMValueRef v) {
    return v && LLVMIsAConstantInt(v) && LLVMConstIntGetSExtValue(v) >= 0;
}

/* A polynomial from above: symbols at their largest where the coefficient is positive, at their least (0 for those
 * that are bound later) where it is negative. */
static LLVMValueRef size_bound(Emit *e, const Size *size, int depth) {
    LLVMValueRef sum = emit_i64(e, 0);
    for (int t = 0; t < size->n; t++) {
        const SizeTerm *term = &size->terms[t];
        LLVMValueRef product = emit_i64(e, term->coef);
        bool dropped = false;
        for (int k = 0; k < term->degree && !dropped; k++) {
            SizeSym *sym = term->syms[k];
            LLVMValueRef factor = ptrmap_get(&e->syms, sym);
            if (!factor && sym->value && term->coef < 0) {
                dropped = true;
                continue;
            }
            if (!factor && sym->value) {
                factor = value_bounds(e, sym->value, depth).high;
                factor = factor ? at_least_zero(e, factor) : NULL;
            }
            if (!factor) {
                return NULL;
            }
            product = emit_imul(e, product, factor);
        }
        sum = dropped ? sum : emit_iadd(e, sum, product);
    }
    return sum;
}

static Bounds product_bounds(Emit *e, Bounds x, Bounds y) {
    if (!is_known_not_negative(x.low) || !is_known_not_negative(y.low) || !x.high || !y.high) {
        return (Bounds){NULL, NULL};
    }
    return (Bounds){emit_imul(e, x.low, y.low),
                    emit_imul(e, at_least_zero(e, x.high), at_least_zero(e, y.high))};
}

static Bounds sum_bounds(Emit *e, Op op, Bounds x, Bounds y) {
    LLVMValueRef y_low = op == OP_add ? y.low : y.high, y_high = op == OP_add ? y.high : y.low;
    Bounds sum = {NULL, NULL};
    if (x.low && y_low) {
        sum.low = op == OP_add ? emit_iadd(e, x.low, y_low) : emit_isub(e, x.low, y_low);
    }
    if (x.high && y_high) {
        sum.high = op == OP_add ? emit_iadd(e, x.high, y_high) : emit_isub(e, x.high, y_high);
    }
    return sum;
}

/* True for a constant above zero and for max(k, 1). */
static bool is_positive(const Value *v) {
    const Inst *inst = v->inst;
    if (!inst) {
        return false;
    }
    if (inst->op == OP_size) {
        const SizeSym *sym = size_is_sym(inst->attr.size);
        return sym && sym->value && is_positive(sym->value);
    }
    if (inst->op == OP_max) {
        return is_positive(inst->in[0]) || is_positive(inst->in[1]);
    }
    return inst->op == OP_const && inst->attr.integer > 0;
}

/* Truncating division by a positive constant is monotone; by anything positive it does not enlarge. */
static Bounds quotient_bounds(Emit *e, const Value *divisor, Bounds x, Bounds y) {
    Bounds none = {NULL, NULL};
    if (!is_positive(divisor) || !x.high) {
        return none;
    }
    if (y.low == y.high && y.low) {
        return (Bounds){x.low ? LLVMBuildSDiv(e->builder, x.low, y.low, "") : NULL,
                        LLVMBuildSDiv(e->builder, x.high, y.low, "")};
    }
    return (Bounds){is_known_not_negative(x.low) ? emit_i64(e, 0) : NULL, at_least_zero(e, x.high)};
}

static Bounds binary_bounds(Emit *e, const Inst *inst, int depth) {
    Bounds x = value_bounds(e, inst->in[0], depth), y = value_bounds(e, inst->in[1], depth);
    switch (inst->op) {
    case OP_add:
    case OP_sub:
        return sum_bounds(e, inst->op, x, y);
    case OP_mul:
        return product_bounds(e, x, y);
    case OP_div:
        return quotient_bounds(e, inst->in[1], x, y);
    case OP_rem: /* at most one less than the divisor */
        return (Bounds){is_known_not_negative(x.low) ? emit_i64(e, 0) : NULL, y.high};
    case OP_min:
        return (Bounds){smaller(e, x.low, y.low), !x.high ? y.high : !y.high ? x.high : smaller(e, x.high, y.high)};
    case OP_max:
        return (Bounds){!x.low ? y.low : !y.low ? x.low : larger(e, x.low, y.low), larger(e, x.high, y.high)};
    default:
        return (Bounds){NULL, NULL};
    }
}

static Bounds inst_bounds(Emit *e, const Inst *inst, int depth) {
    if (inst->op == OP_const) {
        LLVMValueRef v = emit_i64(e, inst->attr.integer);
        return (Bounds){v, v};
    }
    if (inst->op == OP_size) {
        return (Bounds){emit_i64(e, 0), size_bound(e, inst->attr.size, depth)};
    }
    if (inst->op == OP_convert && !type_is_float(inst->in[0]->type)) {
        return value_bounds(e, inst->in[0], depth);
    }
    if (inst->op == OP_select) {
        Bounds x = value_bounds(e, inst->in[1], depth), y = value_bounds(e, inst->in[2], depth);
        return (Bounds){smaller(e, x.low, y.low), larger(e, x.high, y.high)};
    }
    if (op_is_elementwise(inst->op) && inst->n_in == 2) {
        return binary_bounds(e, inst, depth);
    }
    return (Bounds){NULL, NULL};
}

static Bounds value_bounds(Emit *e, const Value *v, int depth) {
    if (depth > 64) {
        return (Bounds){NULL, NULL};
    }
    if (v->inst) {
        return inst_bounds(e, v->inst, depth + 1);
    }
    const Inst *owner = v->region->owner;
    if (!owner) {
        LLVMValueRef arg = v->type->rank == 0 ? emit_val(e, v)->v : NULL;
        if (arg && v->type->elem == S_i32) {
            arg = LLVMBuildSExt(e->builder, arg, e->i64, "");
        }
        return (Bounds){arg, arg};
    }
    if (owner->op == OP_loop && v->index == 0) {
        LLVMValueRef extent = size_bound(e, owner->attr.loop.extent, depth + 1);
        return (Bounds){emit_i64(e, 0), extent ? emit_isub(e, extent, emit_i64(e, 1)) : NULL};
    }
    return (Bounds){NULL, NULL};
}

/* ---- layout ---- */

typedef struct Layout {
    LLVMValueRef total;    /* bytes so far */
    LLVMValueRef overflow; /* i1, or NULL where nothing can overflow */
} Layout;

static LLVMValueRef checked(Emit *e, Layout *layout, const char *intrinsic, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef args[] = {a, b};
    LLVMValueRef pair = emit_intrinsic(e, intrinsic, &e->i64, 1, args, 2);
    LLVMValueRef flag = LLVMBuildExtractValue(e->builder, pair, 1, "");
    layout->overflow = layout->overflow ? LLVMBuildOr(e->builder, layout->overflow, flag, "") : flag;
    return LLVMBuildExtractValue(e->builder, pair, 0, "");
}

static LLVMValueRef checked_mul(Emit *e, Layout *layout, LLVMValueRef a, LLVMValueRef b) {
    if (is_int(a, 1) || is_int(b, 1) || (LLVMIsConstant(a) && LLVMIsConstant(b))) {
        return emit_imul(e, a, b);
    }
    return checked(e, layout, "llvm.smul.with.overflow", a, b);
}

static LLVMValueRef checked_add(Emit *e, Layout *layout, LLVMValueRef a, LLVMValueRef b) {
    if (is_int(a, 0) || is_int(b, 0) || (LLVMIsConstant(a) && LLVMIsConstant(b))) {
        return emit_iadd(e, a, b);
    }
    return checked(e, layout, "llvm.sadd.with.overflow", a, b);
}

static LLVMValueRef factor_bound(Emit *e, SizeSym *sym) {
    LLVMValueRef factor = ptrmap_get(&e->syms, sym);
    if (!factor && sym->value) {
        factor = value_bounds(e, sym->value, 0).high;
        factor = factor ? at_least_zero(e, factor) : NULL;
    }
    return factor;
}

/* Bytes of a slot, or a bound of them; NULL when there is none. */
static LLVMValueRef slot_bytes(Emit *e, Layout *layout, const Size *size, SizeSym **unbounded) {
    LLVMValueRef sum = emit_i64(e, 0);
    for (int t = 0; t < size->n; t++) {
        const SizeTerm *term = &size->terms[t];
        LLVMValueRef product = emit_i64(e, term->coef);
        bool dropped = false;
        for (int k = 0; k < term->degree && !dropped; k++) {
            SizeSym *sym = term->syms[k];
            dropped = sym->value && term->coef < 0; /* its least is 0 */
            LLVMValueRef factor = dropped ? NULL : factor_bound(e, sym);
            if (!dropped && !factor) {
                *unbounded = sym;
                return NULL;
            }
            product = dropped ? product : checked_mul(e, layout, product, factor);
        }
        sum = dropped ? sum : checked_add(e, layout, sum, product);
    }
    return at_least_zero(e, sum);
}

/* Adds a slot, returns its offset. */
static LLVMValueRef add_slot(Emit *e, Layout *layout, const Slot *slot) {
    SizeSym *unbounded = NULL;
    LLVMValueRef bytes = slot_bytes(e, layout, slot->bytes, &unbounded);
    LLVMValueRef offset = layout->total;
    if (!bytes) {
        const Value *v = unbounded->value;
        if (!e->failed) {
            Diag *diag = diag_error(&e->ctx->diags, DIAG_codegen, v && v->inst ? v->inst->loc : e->export->loc,
                                    "the workspace of %s cannot be sized on entry: an array in it has an "
                                    "extent with no bound",
                                    e->export->name);
            diag_hint(&e->ctx->diags, diag, "bound the value: min(k, n)");
        }
        e->failed = true;
        return offset;
    }
    LLVMValueRef rounded = checked_add(e, layout, bytes, emit_i64(e, 63));
    rounded = LLVMBuildAnd(e->builder, rounded, emit_i64(e, -64), "");
    layout->total = checked_add(e, layout, layout->total, rounded);
    return offset;
}

static LLVMValueRef stack_slot(Emit *e, const Slot *slot) {
    int64_t bytes = 0;
    size_is_const(slot->bytes, &bytes);
    LLVMTypeRef type = LLVMArrayType2(e->i8, (uint64_t)(bytes > 0 ? bytes : 1));
    LLVMValueRef place = LLVMBuildAlloca(e->entry, type, "local");
    LLVMSetAlignment(place, 64);
    return place;
}

void emit_slots(Emit *e, LLVMValueRef work) {
    Layout layout = {.total = emit_i64(e, 0)};
    LLVMBuilderRef builder = e->builder;
    e->builder = e->entry;
    e->slots = ARENA_ARRAY(e->arena, e->plan->slots.n + 1, LLVMValueRef);
    for (int s = 0; s < e->plan->slots.n; s++) {
        const Slot *slot = &e->plan->slots.data[s];
        if (slot->on_stack) {
            e->slots[s] = stack_slot(e, slot);
            continue;
        }
        LLVMValueRef offset = add_slot(e, &layout, slot);
        e->slots[s] = LLVMBuildGEP2(e->builder, e->i8, work, &offset, 1, "slot");
    }
    e->builder = builder;
    if (layout.overflow) {
        LLVMValueRef fits = LLVMBuildNot(e->builder, layout.overflow, "");
        emit_check(e, fits, e->export->loc, "the sizes are too large");
    }
}

/* ---- NAME_work ---- */

static bool is_integer_scalar(const Param *param) {
    return !param->is_record && param->type->rank == 0 &&
           (param->type->elem == S_i64 || param->type->elem == S_i32);
}

/* Parameters of the IR function that NAME_work gets: the integer scalars that are parameters of their own. */
static int collect_integers(const Export *export, int *leaves) {
    int n = 0, leaf = 0;
    for (int i = 0; i < export->n_params; i++) {
        if (is_integer_scalar(&export->params[i])) {
            leaves[n++] = leaf;
        }
        leaf += param_leaves(&export->params[i]);
    }
    return n;
}

static LLVMValueRef declare_work(Emit *e, const Export *export, const int *leaves, int n) {
    int n_sizes = export->func->sizes.n;
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
    int n = collect_integers(export, leaves), n_sizes = export->func->sizes.n;
    LLVMValueRef function = declare_work(e, export, leaves, n);
    emit_function_attributes(e, function);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->llvm, function, "entry"));
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    memset(e->vals, 0, e->plan->n_values * sizeof e->vals[0]);
    ptrmap_init(&e->syms, e->arena);
    for (int k = 0; k < n_sizes; k++) {
        ptrmap_put(&e->syms, export->func->sizes.data[k], LLVMGetParam(function, (unsigned)k));
    }
    for (int k = 0; k < n; k++) {
        LLVMValueRef arg = LLVMGetParam(function, (unsigned)(n_sizes + k));
        emit_val(e, export->func->body->params.data[leaves[k]])->v = arg;
    }
    Layout layout = {.total = emit_i64(e, 0)};
    for (int s = 0; s < e->plan->slots.n; s++) {
        if (!e->plan->slots.data[s].on_stack) {
            add_slot(e, &layout, &e->plan->slots.data[s]);
        }
    }
    LLVMValueRef total = layout.total;
    if (layout.overflow) {
        total = LLVMBuildSelect(e->builder, layout.overflow, emit_i64(e, -1), total, "");
    }
    LLVMBuildRet(e->builder, total);
}
