/* --sanitize=nan: every operation on floats is followed by a test of its result, every float
 * argument and result of the function is looked at; see emit.h.
 *
 * An operation made a NaN when no operand is one, and an infinity when all operands are finite. It
 * then stores a NanReport at the start of the workspace and leaves the function with a status of
 * its own. Steps of a derivative rule (Inst.is_step) are not looked at: they may be discarded by a
 * selection in the rule. Where such a step is an operand, what the rule was given stands for it.
 * Modules that are watched have no lanes, so every value here is one number. */
#include "codegen/emit.h"
#include "codegen/nan_report.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MOST_OPERANDS = 16 };

/* ---- the description of a place ---- */

static const char *symbol_of(const Inst *inst) {
    switch (inst->op) {
    case OP_add:
    case OP_add_at:
    case OP_add_slice:
        return "+";
    case OP_sub:
    case OP_neg:
        return "-";
    case OP_mul:
    case OP_mul0:
        return "*";
    case OP_div:
        return "/";
    case OP_rem:
        return "%";
    case OP_convert:
        return inst->out[0]->type->elem == S_f32 ? "f32" : "f64";
    case OP_call:
        return inst->attr.callee.func->name;
    default:
        return op_info[inst->op].name;
    }
}

static const char *sweep_text(Emit *e, const Origin *origin) {
    if (!origin)
        return "";
    const char *inner = origin->of ? sweep_text(e, origin->of) : origin->func->name;
    return arena_printf(e->arena, "the %s of %s", origin->adjoint ? "reverse sweep" : "tangents",
                        inner);
}

static const char *role_text(Emit *e, const Origin *origin) {
    if (!origin || origin->written)
        return "";
    const char *of = role_text(e, origin->of);
    return arena_printf(e->arena, "%s%s%s", origin->adjoint ? "adjoint" : "tangent",
                        *of ? " of the " : "", of);
}

static const char *index_names(Emit *e) {
    Text names;
    text_init(&names, e->arena);
    text_puts(&names, "");
    for (int k = 0; k < e->around.n; k++)
        text_printf(&names, "%s,", e->around.data[k].name ? e->around.data[k].name : "");
    return names.data ? names.data : "";
}

static LLVMValueRef constant_text(Emit *e, const char *text) {
    return emit_private_constant(
        e, LLVMConstStringInContext(e->llvm, text, (unsigned)strlen(text), false), "text");
}

/* A constant NanSite. */
static LLVMValueRef emit_site(Emit *e, const NanSite *site) {
    LLVMValueRef fields[] = {
        constant_text(e, site->file),
        constant_text(e, site->operation),
        constant_text(e, site->sweep),
        constant_text(e, site->role),
        constant_text(e, site->index_names),
        emit_i64(e, site->line),
        emit_i64(e, site->column),
        emit_i64(e, site->length),
        emit_i64(e, site->operands),
        emit_i64(e, site->indices),
        emit_i64(e, site->kind),
    };
    unsigned n = sizeof fields / sizeof *fields;
    return emit_private_constant(e, LLVMConstStructInContext(e->llvm, fields, n, false), "site");
}

static void locate(Emit *e, NanSite *site, Loc loc) {
    Position at = source_position(&e->ctx->sources, loc.begin);
    site->file = at.file ? at.file : "";
    site->line = at.line;
    site->column = at.column;
    site->length = (int64_t)loc.end - (int64_t)loc.begin;
}

/* ---- leaving the function ---- */

static void store_at(Emit *e, size_t offset, LLVMValueRef value) {
    LLVMValueRef place = emit_i64(e, (int64_t)offset);
    LLVMValueRef pointer = LLVMBuildInBoundsGEP2(e->builder, e->i8, e->report, &place, 1, "");
    LLVMBuildStore(e->builder, value, pointer);
}

static LLVMValueRef as_double(Emit *e, LLVMValueRef x) {
    return LLVMTypeOf(x) == e->f32 ? LLVMBuildFPExt(e->builder, x, e->f64, "") : x;
}

typedef struct Found {
    NanSite site;
    Loc loc;
    const char *text; /* of the status */
    LLVMValueRef value, operands[MOST_OPERANDS], indices[NAN_REPORT_INDICES];
    int n_operands, n_indices;
} Found;

static void store_report(Emit *e, Found *f, int status) {
    f->site.operands = f->n_operands < NAN_REPORT_OPERANDS ? f->n_operands : NAN_REPORT_OPERANDS;
    f->site.indices = f->n_indices;
    locate(e, &f->site, f->loc);
    store_at(e, offsetof(NanReport, status), emit_i64(e, status));
    store_at(e, offsetof(NanReport, site), emit_site(e, &f->site));
    store_at(e, offsetof(NanReport, value), as_double(e, f->value));
    for (int k = 0; k < f->site.operands; k++)
        store_at(e, offsetof(NanReport, operand) + sizeof(double) * (size_t)k,
                 as_double(e, f->operands[k]));
    for (int k = 0; k < f->n_indices; k++)
        store_at(e, offsetof(NanReport, index) + sizeof(int64_t) * (size_t)k, f->indices[k]);
}

static LLVMValueRef is_nan(Emit *e, LLVMValueRef x) {
    return LLVMBuildFCmp(e->builder, LLVMRealUNO, x, x, "");
}

/* NaN or an infinity. */
static LLVMValueRef is_bad(Emit *e, LLVMValueRef x) {
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef size = emit_intrinsic(e, "llvm.fabs", &type, 1, &x, 1);
    return LLVMBuildFCmp(e->builder, LLVMRealUGE, size, LLVMConstReal(type, INFINITY), "");
}

/* Whether the value, which is bad, was made of these operands. */
static LLVMValueRef is_made(Emit *e, const Found *f) {
    LLVMValueRef no = LLVMConstInt(e->i1, 0, false), nan = no, bad = no;
    for (int k = 0; k < f->n_operands; k++) {
        nan = LLVMBuildOr(e->builder, nan, is_nan(e, f->operands[k]), "");
        bad = LLVMBuildOr(e->builder, bad, is_bad(e, f->operands[k]), "");
    }
    LLVMValueRef given = LLVMBuildSelect(e->builder, is_nan(e, f->value), nan, bad, "");
    return LLVMBuildNot(e->builder, given, "");
}

static void emit_test(Emit *e, Found *f) {
    LLVMBasicBlockRef suspect = emit_new_block(e, "suspect"), report = emit_new_block(e, "report"),
                      fine = emit_new_block(e, "fine");
    emit_likely(e, LLVMBuildCondBr(e->builder, is_bad(e, f->value), suspect, fine), false);
    LLVMPositionBuilderAtEnd(e->builder, suspect);
    LLVMBuildCondBr(e->builder, is_made(e, f), report, fine);
    LLVMPositionBuilderAtEnd(e->builder, report);
    int status = emit_new_status(e, f->loc, f->text);
    store_report(e, f, status);
    emit_leave(e, status);
    LLVMPositionBuilderAtEnd(e->builder, fine);
}

static void add_indices(Emit *e, Found *f) {
    for (int k = 0; k < e->around.n && k < NAN_REPORT_INDICES; k++)
        f->indices[f->n_indices++] = e->around.data[k].index;
    f->site.index_names = index_names(e);
}

/* ---- operations ---- */

static bool is_float_scalar(const Value *v) {
    return type_is_float(v->type) && v->type->rank == 0;
}

/* Of a derivative rule; other steps are values like any other. */
static bool is_step(const Value *v) {
    const Inst *inst = v->inst;
    return inst && inst->is_step && inst->origin && op_is_elementwise(inst->op);
}

static bool has_step(const Inst *inst) {
    bool steps = false;
    for (int k = 0; k < inst->n_in; k++)
        steps |= is_step(inst->in[k]);
    return steps;
}

static void add_once(Emit *e, Found *f, const Value *v) {
    LLVMValueRef operand = emit_val(e, v)->v;
    for (int k = 0; k < f->n_operands; k++)
        if (f->operands[k] == operand)
            return;
    if (f->n_operands < MOST_OPERANDS)
        f->operands[f->n_operands++] = operand;
}

/* What the rule was given that v is a step of. */
static void add_given(Emit *e, Found *f, const Value *v) {
    for (int k = 0; is_step(v) && k < v->inst->n_in; k++)
        add_given(e, f, v->inst->in[k]);
    if (!is_step(v) && is_float_scalar(v) && !(v->inst && v->inst->op == OP_const))
        add_once(e, f, v);
}

static void add_operands(Emit *e, Found *f, const Inst *inst) {
    if (has_step(inst)) {
        f->site.kind = NAN_RULE;
        f->text =
            arena_printf(e->arena, "a derivative is a NaN or an infinity, in %s", f->site.sweep);
        for (int k = 0; k < inst->n_in; k++)
            add_given(e, f, inst->in[k]);
        return;
    }
    for (int k = 0; k < inst->n_in && f->n_operands < MOST_OPERANDS; k++)
        if (is_float_scalar(inst->in[k]))
            f->operands[f->n_operands++] = emit_val(e, inst->in[k])->v;
}

static Found found_in(Emit *e, const Inst *inst, LLVMValueRef value) {
    Found f = {.loc = inst->loc, .value = value};
    f.site.operation = symbol_of(inst);
    f.site.sweep = sweep_text(e, inst->origin);
    f.site.role = role_text(e, inst->origin);
    f.text = arena_printf(e->arena, "`%s` made a NaN or an infinity%s%s", f.site.operation,
                          *f.site.sweep ? ", in " : "", f.site.sweep);
    add_indices(e, &f);
    return f;
}

/* Nothing new comes from these but by way of a step. */
static bool only_chooses(const Inst *inst) {
    return (inst->op == OP_select || inst->op == OP_neg || inst->op == OP_abs) && !has_step(inst);
}

void emit_watch(Emit *e, const Inst *inst) {
    bool computes = op_is_elementwise(inst->op) || inst->op == OP_call ||
                    (inst->op == OP_convert && type_is_float(inst->in[0]->type));
    if (!computes || inst->is_step || !is_float_scalar(inst->out[0]) || only_chooses(inst))
        return;
    Found f = found_in(e, inst, emit_val(e, inst->out[0])->v);
    add_operands(e, &f, inst);
    if (!LLVMIsConstant(f.value) || f.n_operands > 0)
        emit_test(e, &f);
}

void emit_watch_sum(Emit *e, LLVMValueRef sum, LLVMValueRef old, LLVMValueRef added) {
    Found f = found_in(e, e->watched, sum);
    f.operands[f.n_operands++] = old;
    f.operands[f.n_operands++] = added;
    emit_test(e, &f);
}

/* The counter before it is computed, of the index and what is known in front of the loop. */
static LLVMValueRef counted(Emit *e, const Value *v, const Value *param, LLVMValueRef index) {
    if (v == param)
        return index;
    if (v->region != param->region)
        return emit_val(e, v)->v;
    LLVMValueRef a = counted(e, v->inst->in[0], param, index),
                 b = counted(e, v->inst->in[1], param, index);
    return (v->inst->op == OP_add ? LLVMBuildAdd : LLVMBuildSub)(e->builder, a, b, "");
}

void emit_watch_enter(Emit *e, const Inst *loop, LLVMValueRef index) {
    const Value *param = loop->regions[0]->params.data[0], *counter = ir_loop_counter(loop);
    Atom name = counter->name;
    if (!name && loop->attr.loop.n_carry > 0 && !loop->attr.loop.reverse)
        name = "iteration";
    LoopIndex around = {counted(e, counter, param, index), name};
    vec_push(e->arena, &e->around, around);
}

void emit_watch_leave(Emit *e) {
    e->around.n--;
}

/* ---- arguments and results ---- */

static void test_elements(Emit *e, Found *f, const View *view) {
    if (view->rank == 0) {
        f->value = view_load(e, view).v;
        emit_test(e, f);
        return;
    }
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), view->dims[0], 1, 0, NULL);
    Val index = val_of(loop.index);
    View row = view_index(e, view, 1, &index);
    f->indices[f->n_indices++] = loop.index;
    test_elements(e, f, &row);
    counted_end(e, &loop, NULL);
}

static void test_leaf(Emit *e, const char *path, const Value *v, NanKind kind) {
    if (!type_is_float(v->type))
        return;
    Found f = {.loc = e->func->loc};
    f.site.kind = kind;
    f.site.operation = path;
    f.site.sweep = f.site.role = f.site.index_names = "";
    f.text = arena_printf(e->arena, "the %s `%s` holds a NaN or an infinity",
                          kind == NAN_ARGUMENT ? "argument" : "result", path);
    if (v->type->rank > 0) {
        test_elements(e, &f, emit_val(e, v)->view);
        return;
    }
    f.value = emit_val(e, v)->v;
    emit_test(e, &f);
}

/* The leaves of a parameter or result, which are the values from *leaf on. */
static void test_leaves(Emit *e, const Param *param, const char *path, Value *const *values,
                        int *leaf, NanKind kind) {
    if (!param->is_record && !param->inactive)
        test_leaf(e, path, values[(*leaf)++], kind);
    for (int k = 0; param->is_record && k < param->n_fields; k++)
        test_leaves(e, &param->fields[k],
                    arena_printf(e->arena, "%s.%s", path, param->fields[k].name), values, leaf,
                    kind);
}

void emit_watch_arguments(Emit *e) {
    const Export *export = e->export;
    store_at(e, offsetof(NanReport, status), emit_i64(e, 0));
    for (int k = 0, leaf = 0; k < export->n_params; k++)
        test_leaves(e, &export->params[k], export->params[k].name, export->func->body->params.data,
                    &leaf, NAN_ARGUMENT);
}

void emit_watch_results(Emit *e) {
    const Export *export = e->export;
    for (int k = 0, leaf = 0; k < export->n_results; k++)
        test_leaves(e, &export->results[k], export->results[k].name,
                    export->func->body->yields.data, &leaf, NAN_RESULT);
}
