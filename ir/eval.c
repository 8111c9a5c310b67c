/* The reference interpreter: slow, plain, and the meaning of the IR that everything else is tested
 * against.
 *
 * Each value owns its storage; only accs share it along their chain, where the additions are done
 * in place (they are linear, see verify_acc.c), and parameters of functions and slices of loops,
 * which are never written. Modules are verified before. Checks of the program, and whatever would
 * leave an array, stop it with a located message. Called by bpc-opt --eval and tests. */
#include "ir/eval_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CALLS = 1000, MOST_ELEMENTS = 1 << 27 /* a GiB of them */ };

bool eval_fail(Eval *e, Loc loc, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    e->failure = (EvalFailure){.loc = loc, .text = arena_printf(e->arena, "%s", text)};
    return false;
}

/* The call that led into the file where the check stands. */
static Loc outer_call(const Eval *e, Loc check) {
    const SourceMap *sources = &e->m->ctx->sources;
    for (int i = e->calls.n - 1; i >= 0; i--) {
        if (source_of(sources, e->calls.data[i]) != source_of(sources, check)) {
            return e->calls.data[i];
        }
    }
    return (Loc){0, 0};
}

static bool eval_check(Eval *e, const Inst *inst) {
    if (eval_get(e, inst->in[0])->i[0]) {
        return true;
    }
    eval_fail(e, inst->loc, "%s", inst->attr.text ? inst->attr.text : "a check failed");
    e->failure.call = outer_call(e, inst->loc);
    eval_explain(e, inst);
    return false;
}

/* Gives up where the caller asked for it. */
static bool spend(Eval *e, Loc loc, int64_t steps) {
    e->left.steps -= steps;
    return e->left.steps >= 0 || eval_fail(e, loc, "the evaluation takes too many steps");
}

/* ---- sizes ---- */

static bool size_value(Eval *e, const Size *size, Loc loc, int64_t *value) {
    int64_t sum = 0;
    bool overflow = false;
    for (int i = 0; i < size->n; i++) {
        int64_t product = size->terms[i].coef;
        for (int j = 0; j < size->terms[i].degree; j++) {
            int64_t factor = (int64_t)(intptr_t)ptrmap_get(&e->sizes, size->terms[i].syms[j]);
            overflow |= __builtin_mul_overflow(product, factor, &product);
        }
        overflow |= __builtin_add_overflow(sum, product, &sum);
    }
    *value = sum;
    return !overflow || eval_fail(e, loc, "a size is beyond 64 bits");
}

static void bind_size(Eval *e, const SizeSym *sym, int64_t value) {
    ptrmap_put(&e->sizes, sym, (void *)(intptr_t)value);
}

/* ---- storage ---- */

static Slot *slot_of(Eval *e, const Value *v) {
    if (!e->slots[v->id]) {
        e->slots[v->id] = ARENA_NEW(e->arena, Slot);
        e->slots[v->id]->d.type = v->type;
    }
    return e->slots[v->id];
}

static bool shape_of(Eval *e, const Type *type, Loc loc, int64_t *dims, int64_t *count) {
    *count = 1;
    for (int i = 0; i < type->rank; i++) {
        if (!size_value(e, type->dims[i], loc, &dims[i])) {
            return false;
        }
        if (dims[i] < 0) {
            return eval_fail(e, loc, "an array has the negative extent %" PRId64, dims[i]);
        }
        if (__builtin_mul_overflow(*count, dims[i], count) || *count > MOST_ELEMENTS) {
            return eval_fail(e, loc, "an array is too large for the interpreter");
        }
    }
    return true;
}

Datum *eval_place(Eval *e, const Value *v, Loc loc) {
    Slot *slot = slot_of(e, v);
    if (!shape_of(e, v->type, loc, slot->d.dims, &slot->d.count) || !spend(e, loc, slot->d.count)) {
        return NULL;
    }
    if (slot->cap < slot->d.count || slot->cap == 0) {
        slot->cap = slot->d.count > 0 ? slot->d.count : 1;
        e->left.elements -= slot->cap;
        if (e->left.elements < 0) {
            eval_fail(e, loc, "the arrays are too large for the interpreter");
            return NULL;
        }
        if (type_is_float(v->type)) {
            slot->d.f = ARENA_ARRAY(e->arena, slot->cap, double);
        } else {
            slot->d.i = ARENA_ARRAY(e->arena, slot->cap, int64_t);
        }
    }
    return &slot->d;
}

void eval_alias(Eval *e, const Value *v, const Datum *of) {
    Slot *slot = slot_of(e, v);
    slot->d = *of;
    slot->d.type = v->type;
}

void eval_copy(Datum *to, int64_t to_at, const Datum *from, int64_t from_at, int64_t n) {
    if (n <= 0) {
        return;
    }
    if (type_is_float(to->type)) {
        memmove(to->f + to_at, from->f + from_at, (size_t)n * sizeof *to->f);
    } else {
        memmove(to->i + to_at, from->i + from_at, (size_t)n * sizeof *to->i);
    }
}

static bool same_storage(const Datum *a, const Datum *b) {
    return type_is_float(a->type) ? a->f == b->f : a->i == b->i;
}

/* A copy of `from` as the value v; an acc shares its storage. */
static bool take_over(Eval *e, const Value *v, const Datum *from, Loc loc) {
    if (v->is_acc && v->inst) {
        eval_alias(e, v, from);
        return true;
    }
    Datum *to = eval_place(e, v, loc);
    if (!to || to->count != from->count) {
        return to ? eval_fail(e, loc, "a value changed its size") : false;
    }
    if (!same_storage(to, from)) {
        eval_copy(to, 0, from, 0, to->count);
    }
    return true;
}

/* ---- regions ---- */

static bool eval_inst(Eval *e, const Inst *inst);

static bool eval_region(Eval *e, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        if (!eval_inst(e, region->insts.data[i])) {
            return false;
        }
    }
    return true;
}

static bool eval_if(Eval *e, const Inst *inst) {
    const Region *branch = inst->regions[eval_get(e, inst->in[0])->i[0] ? 0 : 1];
    if (!eval_region(e, branch)) {
        return false;
    }
    for (int i = 0; i < inst->n_out; i++) {
        if (!take_over(e, inst->out[i], eval_get(e, branch->yields.data[i]), inst->loc)) {
            return false;
        }
    }
    return true;
}

/* ---- loops ---- */

/* Where the groups of a loop's lists begin. */
typedef struct LoopParts {
    const Inst *inst;
    Value *const *params; /* of the body, after the index */
    Value *const *yields;
    int n_slice, n_carry, n_acc, n_stack;
} LoopParts;

static LoopParts loop_parts(const Inst *inst) {
    const Region *body = inst->regions[0];
    return (LoopParts){.inst = inst,
                       .params = body->params.data + 1,
                       .yields = body->yields.data,
                       .n_slice = inst->attr.loop.n_slice,
                       .n_carry = inst->attr.loop.n_carry,
                       .n_acc = inst->attr.loop.n_acc,
                       .n_stack = inst->attr.loop.n_stack};
}

/* The result of a carry doubles as the buffer between yield and parameter, since carries may be
 * exchanged. */
static bool loop_start(Eval *e, const LoopParts *l) {
    const Inst *inst = l->inst;
    for (int i = 0; i < l->n_carry; i++) {
        const Datum *init = eval_get(e, inst->in[l->n_slice + i]);
        if (!take_over(e, l->params[l->n_slice + i], init, inst->loc) ||
            !take_over(e, inst->out[i], init, inst->loc)) {
            return false;
        }
    }
    for (int i = 0; i < l->n_acc; i++) {
        const Value *init = inst->in[l->n_slice + l->n_carry + i];
        const Value *param = l->params[l->n_slice + l->n_carry + i];
        if (init->is_acc) {
            eval_alias(e, param, eval_get(e, init));
        } else if (!take_over(e, param, eval_get(e, init), inst->loc)) {
            return false;
        }
        eval_alias(e, inst->out[l->n_carry + i], eval_get(e, param));
    }
    for (int i = 0; i < l->n_stack; i++) {
        if (!eval_place(e, inst->out[l->n_carry + l->n_acc + i], inst->loc)) {
            return false;
        }
    }
    return true;
}

static void slice_row(Eval *e, const LoopParts *l, int which, int64_t i) {
    const Datum *whole = eval_get(e, l->inst->in[which]);
    int64_t row = whole->dims[0] > 0 ? whole->count / whole->dims[0] : 0;
    Datum part = *whole;
    for (int axis = 1; axis < whole->type->rank; axis++) {
        part.dims[axis - 1] = whole->dims[axis];
    }
    part.count = row;
    part.f = whole->f ? whole->f + i * row : NULL;
    part.i = whole->i ? whole->i + i * row : NULL;
    eval_alias(e, l->params[which], &part);
}

static bool loop_next(Eval *e, const LoopParts *l, int64_t i) {
    const Inst *inst = l->inst;
    for (int k = 0; k < l->n_carry; k++) {
        if (!take_over(e, inst->out[k], eval_get(e, l->yields[k]), inst->loc)) {
            return false;
        }
    }
    for (int k = 0; k < l->n_stack; k++) {
        Datum *whole = eval_get(e, inst->out[l->n_carry + l->n_acc + k]);
        const Datum *row = eval_get(e, l->yields[l->n_carry + l->n_acc + k]);
        if ((i + 1) * row->count > whole->count) {
            return eval_fail(e, inst->loc, "a stacked value changed its size");
        }
        eval_copy(whole, i * row->count, row, 0, row->count);
    }
    /* last, because yields may be parameters */
    for (int k = 0; k < l->n_carry; k++) {
        const Value *param = l->params[l->n_slice + k];
        if (!take_over(e, param, eval_get(e, inst->out[k]), inst->loc)) {
            return false;
        }
    }
    return true;
}

void eval_enter(Eval *e, const Inst *loop, int64_t i) {
    EvalLoop at = {loop, i};
    vec_push(e->arena, &e->around, at);
}

/* The index and the slices of iteration i. */
static void loop_at(Eval *e, const LoopParts *l, int64_t i) {
    eval_get(e, l->inst->regions[0]->params.data[0])->i[0] = i;
    for (int k = 0; k < l->n_slice; k++) {
        slice_row(e, l, k, i);
    }
}

bool eval_iteration(Eval *e, const Inst *loop, int64_t i) {
    LoopParts l = loop_parts(loop);
    loop_at(e, &l, i);
    return eval_region(e, loop->regions[0]);
}

static bool eval_loop(Eval *e, const Inst *inst) {
    LoopParts l = loop_parts(inst);
    int64_t extent;
    if (!size_value(e, inst->attr.loop.extent, inst->loc, &extent) || !loop_start(e, &l)) {
        return false;
    }
    const Region *body = inst->regions[0];
    int flag = ir_loop_flag(inst);
    eval_place(e, body->params.data[0], inst->loc);
    eval_enter(e, inst, 0);
    for (int64_t step = 0; step < extent; step++) {
        if (!spend(e, inst->loc, 1)) {
            return false;
        }
        int64_t i = inst->attr.loop.reverse ? extent - 1 - step : step;
        e->around.data[e->around.n - 1].i = i;
        loop_at(e, &l, i);
        if (!eval_region(e, body) || !loop_next(e, &l, i)) {
            return false;
        }
        if (flag >= 0 && !eval_get(e, inst->out[flag])->i[0]) {
            break;
        }
    }
    e->around.n--;
    return true;
}

/* ---- calls ---- */

static bool eval_call(Eval *e, const Inst *inst) {
    const Func *func = inst->attr.callee.func;
    if (func->is_extern) {
        return eval_fail(e, inst->loc, "the interpreter cannot call the extern function '%s'",
                         func->name);
    }
    if (e->calls.n >= MOST_CALLS) {
        return eval_fail(e, inst->loc, "calls are nested more than %d deep", MOST_CALLS);
    }
    int64_t *sizes = ARENA_ARRAY(e->arena, func->sizes.n, int64_t);
    for (int i = 0; i < func->sizes.n; i++) {
        if (!size_value(e, inst->attr.callee.sizes[i], inst->loc, &sizes[i])) {
            return false;
        }
    }
    for (int i = 0; i < func->sizes.n; i++) {
        bind_size(e, func->sizes.data[i], sizes[i]);
    }
    for (int i = 0; i < inst->n_in; i++) {
        eval_alias(e, func->body->params.data[i], eval_get(e, inst->in[i]));
    }
    vec_push(e->arena, &e->calls, inst->loc);
    if (!eval_region(e, func->body)) {
        return false;
    }
    e->calls.n--;
    bool ok = true;
    for (int i = 0; i < inst->n_out && ok; i++) {
        ok = take_over(e, inst->out[i], eval_get(e, func->body->yields.data[i]), inst->loc);
    }
    return ok;
}

/* ---- instructions ---- */

static bool eval_leaf(Eval *e, const Inst *inst) {
    Datum *out = eval_place(e, inst->out[0], inst->loc);
    if (!out) {
        return false;
    }
    if (inst->op == OP_size) {
        return size_value(e, inst->attr.size, inst->loc, &out->i[0]);
    }
    if (type_is_float(out->type)) {
        out->f[0] = inst->attr.num;
    } else {
        out->i[0] = inst->attr.integer;
    }
    return true;
}

static bool eval_inst(Eval *e, const Inst *inst) {
    if (!spend(e, inst->loc, 1)) {
        return false;
    }
    if (op_is_elementwise(inst->op) || inst->op == OP_convert) {
        return eval_elementwise_inst(e, inst);
    }
    switch (inst->op) {
    case OP_const:
    case OP_size:
        return eval_leaf(e, inst);
    case OP_dim:
        bind_size(e, inst->attr.sym, eval_get(e, inst->in[0])->i[0]);
        return true;
    case OP_check:
        return eval_check(e, inst);
    case OP_stop:
        return take_over(e, inst->out[0], eval_get(e, inst->in[0]), inst->loc);
    case OP_loop:
        return eval_loop(e, inst);
    case OP_if:
        return eval_if(e, inst);
    case OP_call:
        return eval_call(e, inst);
    case OP_vjp:
    case OP_jvp:
        return eval_fail(e, inst->loc,
                         "the interpreter takes no %s: resolve derivatives first (--passes=derive)",
                         op_info[inst->op].name);
    default:
        return eval_array_inst(e, inst);
    }
}

/* ---- entry ---- */

static bool bind_argument(Eval *e, const Func *func, int i, const Datum *arg) {
    const Value *param = func->body->params.data[i];
    int64_t dims[IR_MAX_RANK], count;
    if (!shape_of(e, param->type, func->loc, dims, &count)) {
        return false;
    }
    for (int axis = 0; axis < param->type->rank; axis++) {
        if (arg->dims[axis] != dims[axis]) {
            return eval_fail(e, func->loc,
                             "argument %d has extent %" PRId64 " along axis %d, not %" PRId64, i,
                             arg->dims[axis], axis, dims[axis]);
        }
    }
    eval_alias(e, param, arg);
    return true;
}

static Datum *copy_out(Eval *e, const Value *v) {
    const Datum *from = eval_get(e, v);
    Datum *to = ARENA_NEW(e->arena, Datum);
    *to = *from;
    to->f = type_is_float(v->type) ? ARENA_ARRAY(e->arena, from->count, double) : NULL;
    to->i = type_is_float(v->type) ? NULL : ARENA_ARRAY(e->arena, from->count, int64_t);
    eval_copy(to, 0, from, 0, from->count);
    return to;
}

int ir_eval_n_results(const Func *f) {
    return f->body->yields.n;
}

const char *eval_failure_text(const IrModule *m, Arena *arena, const EvalFailure *failure) {
    return source_located(&m->ctx->sources, arena, failure->loc, failure->text);
}

int ir_eval(IrModule *m, Arena *arena, Func *f, const int64_t *sizes, Datum *const *args,
            Datum **results, const char **failed) {
    EvalLimits limits = {.steps = INT64_MAX, .elements = MOST_ELEMENTS};
    return ir_eval_within(m, arena, limits, f, sizes, args, results, failed);
}

int ir_eval_within(IrModule *m, Arena *arena, EvalLimits limits, Func *f, const int64_t *sizes,
                   Datum *const *args, Datum **results, const char **failed) {
    EvalFailure failure;
    int status = ir_eval_explained(m, arena, limits, f, sizes, args, results, &failure);
    *failed = status ? eval_failure_text(m, arena, &failure) : NULL;
    return status;
}

int ir_eval_explained(IrModule *m, Arena *arena, EvalLimits limits, Func *f, const int64_t *sizes,
                      Datum *const *args, Datum **results, EvalFailure *failure) {
    Eval e = {.m = m, .arena = arena, .left = limits};
    e.slots = ARENA_ARRAY(arena, m->next_value + 1, Slot *);
    ptrmap_init(&e.sizes, arena);
    for (int i = 0; i < f->sizes.n; i++) {
        bind_size(&e, f->sizes.data[i], sizes[i]);
    }
    bool ok =
        !f->is_extern || eval_fail(&e, f->loc, "the interpreter cannot call extern functions");
    for (int i = 0; i < f->body->params.n && ok; i++) {
        ok = bind_argument(&e, f, i, args[i]);
    }
    ok = ok && eval_region(&e, f->body);
    for (int i = 0; i < f->body->yields.n && ok; i++) {
        results[i] = copy_out(&e, f->body->yields.data[i]);
    }
    *failure = e.failure;
    return ok ? 0 : 1;
}
