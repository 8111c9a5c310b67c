/* Building: functions, parameters, emission, and the operations on scalars and arrays.
 *
 * Every public function here folds first (fold*.c), then finds an equal instruction in scope or
 * appends a new one (cse.c). With b->fold off it appends as is. Types of results are computed here;
 * that operands fit is asserted, because callers check programs before. Loops, ifs and calls are in
 * builder_control.c. */
#include "ir/einsum.h"
#include "ir/emit.h"
#include "ir/eval_math.h"

#include <assert.h>
#include <string.h>

/* ---- functions and values ---- */

Value *value_new(IrModule *m, Region *region, const Type *type, int index) {
    Value *v = ARENA_NEW(m->arena, Value);
    v->type = type;
    v->region = region;
    v->index = index;
    v->id = m->next_value++;
    return v;
}

Value *name_give(Value *v, Atom name) {
    if (name && !v->name && v->inst && v->inst->op != OP_const) {
        v->name = name;
    }
    return v;
}

Func *ir_func_new(IrModule *m, Atom name, Loc loc) {
    Func *func = ARENA_NEW(m->keep, Func);
    func->name = name;
    func->loc = loc;
    func->body = ARENA_NEW(m->arena, Region);
    func->body->func = func;
    return func;
}

Value *ir_param(IrModule *m, Region *region, const Type *type, Atom name) {
    Value *v = value_new(m, region, type, region->params.n);
    v->name = name;
    vec_push(m->arena, &region->params, v);
    return v;
}

void ir_builder_init(IrBuilder *b, IrModule *m, Region *region) {
    *b = (IrBuilder){.m = m, .region = region, .cse = cse_new(m->arena, NULL), .fold = true};
}

void ir_builder_nested(IrBuilder *inner, IrBuilder *b) {
    Region *region = ARENA_NEW(b->m->arena, Region);
    region->parent = b->region;
    region->depth = b->region->depth + 1;
    region->func = b->region->func;
    *inner = (IrBuilder){.m = b->m,
                         .region = region,
                         .loc = b->loc,
                         .origin = b->origin,
                         .is_step = b->is_step,
                         .by_reciprocal = b->by_reciprocal,
                         .cse = cse_new(b->m->arena, b->cse),
                         .fold = b->fold};
}

void ir_yield(IrBuilder *b, Value *v) {
    vec_push(b->m->arena, &b->region->yields, v);
}

/* ---- emission ---- */

Inst *emit_detached(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types) {
    Arena *arena = b->m->arena;
    Inst *inst = ARENA_NEW(arena, Inst);
    *inst = *draft;
    inst->loc = b->loc;
    inst->origin = b->origin;
    inst->is_step = b->is_step;
    inst->by_reciprocal = b->by_reciprocal;
    inst->region = b->region;
    inst->in = ARENA_ARRAY(arena, draft->n_in, Value *);
    for (int i = 0; i < draft->n_in; i++) {
        inst->in[i] = draft->in[i];
    }
    inst->n_out = n_out;
    inst->out = ARENA_ARRAY(arena, n_out, Value *);
    for (int i = 0; i < n_out; i++) {
        inst->out[i] = value_new(b->m, b->region, types[i], i);
        inst->out[i]->inst = inst;
    }
    return inst;
}

void emit_attach(IrBuilder *b, Inst *inst) {
    vec_push(b->m->arena, &b->region->insts, inst);
}

Inst *emit_append(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types) {
    Inst *inst = emit_detached(b, draft, n_out, types);
    bool adds = inst->op == OP_add || inst->op == OP_add_at || inst->op == OP_add_slice;
    if (adds && n_out > 0 && inst->in[0]->is_acc) {
        inst->out[0]->is_acc = true;
    }
    emit_attach(b, inst);
    return inst;
}

Inst *emit_shared(IrBuilder *b, const Inst *draft, int n_out, const Type *const *types) {
    if (!b->fold || (draft->n_in > 0 && draft->in[0]->is_acc)) {
        return emit_append(b, draft, n_out, types);
    }
    uint32_t hash;
    Inst *inst = cse_find(b->cse, draft, n_out > 0 ? types[0] : NULL, &hash);
    if (!inst) {
        inst = emit_append(b, draft, n_out, types);
        cse_add(b->m->arena, b->cse, inst, hash);
    } else { /* one instruction for all that ask for it, so for the strictest */
        inst->is_step = inst->is_step && b->is_step;
        inst->by_reciprocal = inst->by_reciprocal && b->by_reciprocal;
    }
    return inst;
}

Value *emit_value(IrBuilder *b, const Inst *draft, const Type *type) {
    return emit_shared(b, draft, 1, &type)->out[0];
}

static Value *emit_unary(IrBuilder *b, Op op, Value *x, const Type *type) {
    return emit_value(b, &(Inst){.op = op, .n_in = 1, .in = &x}, type);
}

/* ---- constants and sizes ---- */

static Value *scalar_const(IrBuilder *b, Scalar elem, double num, int64_t integer) {
    Inst draft = {.op = OP_const};
    if (elem >= S_f32) {
        draft.attr.num = eval_round(elem, num);
    } else {
        draft.attr.integer = eval_wrap(elem, integer);
    }
    return emit_value(b, &draft, ir_scalar(b->m, elem));
}

Value *ir_const(IrBuilder *b, const Type *type, double num) {
    int64_t integer = type_is_float(type) ? 0 : eval_float_to_int(type->elem, num);
    return ir_broadcast(b, scalar_const(b, type->elem, num, integer), type);
}

Value *ir_int(IrBuilder *b, Scalar elem, int64_t value) {
    assert(elem < S_f32);
    return scalar_const(b, elem, 0, value);
}

Value *ir_size(IrBuilder *b, const Size *size) {
    int64_t value;
    SizeSym *sym = size_is_sym(size);
    if (b->fold && size_is_const(size, &value)) {
        return ir_int(b, S_i64, value);
    }
    if (b->fold && sym && sym->value) {
        return sym->value; /* bound by dim */
    }
    Atom name = name_take(b);
    return name_give(
        emit_value(b, &(Inst){.op = OP_size, .attr.size = size}, ir_scalar(b->m, S_i64)), name);
}

static bool is_nonneg_size(const Size *size) {
    for (int t = 0; t < size->n; t++) {
        bool known = size->terms[t].coef >= 0;
        for (int k = 0; k < size->terms[t].degree; k++) {
            known = known && !size->terms[t].syms[k]->any_sign;
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

/* By its form. */
static bool is_nonneg(const Value *v, int depth) {
    enum { DEEPEST = 6 };
    const Inst *inst = v->inst;
    if (!inst) {
        const Inst *owner = v->region->owner;
        return owner && owner->op == OP_loop && v->index == 0;
    }
    bool is_broken = op_is_elementwise(inst->op) && inst->n_in != op_info[inst->op].arity;
    if (depth > DEEPEST || is_broken) { /* what was read is not verified yet */
        return false;
    }
    switch (inst->op) {
    case OP_const:
        return inst->attr.integer >= 0;
    case OP_size:
        return is_nonneg_size(inst->attr.size);
    case OP_max:
        return is_nonneg(inst->in[0], depth + 1) || is_nonneg(inst->in[1], depth + 1);
    case OP_min:
    case OP_add:
    case OP_mul:
    case OP_div:
        return is_nonneg(inst->in[0], depth + 1) && is_nonneg(inst->in[1], depth + 1);
    case OP_rem: /* has the sign of what is divided */
        return is_nonneg(inst->in[0], depth + 1);
    default:
        return false;
    }
}

void ir_bind_sym(SizeSym *sym, Value *k) {
    sym->value = k;
    sym->any_sign = !is_nonneg(k, 0);
}

SizeSym *ir_extent(IrBuilder *b, Value *k, Atom name) {
    SizeSym *sym = ir_dim(b, k, name);
    sym->any_sign = false;
    return sym;
}

SizeSym *ir_dim(IrBuilder *b, Value *k, Atom name) {
    assert(k->type == ir_scalar(b->m, S_i64));
    Inst draft = {.op = OP_dim, .n_in = 1, .in = &k};
    Inst *inst = emit_shared(b, &draft, 0, NULL);
    if (!inst->attr.sym) {
        inst->attr.sym = sizesym_new(&b->m->ctx->polys, name, b->loc);
        ir_bind_sym(inst->attr.sym, k);
    }
    return inst->attr.sym;
}

void ir_check(IrBuilder *b, Value *cond, const char *text) {
    int64_t known;
    if (!b->fold || !value_integer(cond, &known) || !known) {
        Inst draft = {.op = OP_check, .n_in = 1, .in = &cond, .attr.text = text};
        emit_shared(b, &draft, 0, NULL);
    }
}

/* ---- elementwise ---- */

static const Type *elementwise_type(IrModule *m, Op op, Value *const *in) {
    switch (op_info[op].class) {
    case OPC_CMP:
    case OPC_TST:
        return ir_with_elem(m, in[0]->type, S_bool);
    case OPC_SEL:
        return in[1]->type;
    default:
        return in[0]->type;
    }
}

static bool operands_fit(IrModule *m, Op op, Value *const *in) {
    const Type *first = in[0]->type;
    switch (op_info[op].class) {
    case OPC_SEL:
        return in[1]->type == in[2]->type && first == ir_with_elem(m, in[1]->type, S_bool);
    case OPC_LOG:
        if (first->elem != S_bool) {
            return false;
        }
        break;
    case OPC_INT:
        if (type_is_float(first) || first->elem == S_bool) {
            return false;
        }
        break;
    case OPC_FLT:
    case OPC_TST:
        if (!type_is_float(first)) {
            return false;
        }
        break;
    default:
        break;
    }
    for (int i = 1; i < op_info[op].arity; i++) {
        if (in[i]->type != first) {
            return false;
        }
    }
    return true;
}

Value *ir_ew(IrBuilder *b, Op op, Value *const *in) {
    assert(op_is_elementwise(op));
    assert(operands_fit(b->m, op, in));
    Atom name = name_take(b);
    Value *v = b->fold && !in[0]->is_acc ? fold_elementwise(b, op, in) : NULL;
    if (!v) {
        Value *operands[3];
        Inst draft = {.op = op, .n_in = op_info[op].arity, .in = operands};
        memcpy(operands, in, (size_t)draft.n_in * sizeof *in);
        v = emit_value(b, &draft, elementwise_type(b->m, op, in));
    }
    return name_give(v, name);
}

Value *ir_ew1(IrBuilder *b, Op op, Value *x) {
    assert(op_info[op].arity == 1);
    return ir_ew(b, op, (Value *[]){x});
}

Value *ir_ew2(IrBuilder *b, Op op, Value *x, Value *y) {
    assert(op_info[op].arity == 2);
    return ir_ew(b, op, (Value *[]){x, y});
}

Value *ir_ew3(IrBuilder *b, Op op, Value *x, Value *y, Value *z) {
    assert(op_info[op].arity == 3);
    return ir_ew(b, op, (Value *[]){x, y, z});
}

Value *ir_convert(IrBuilder *b, Value *x, Scalar to) {
    Atom name = name_take(b);
    if (x->type->elem == to) {
        return name_give(x, name);
    }
    Value *v = b->fold ? fold_convert(b, x, to) : NULL;
    return name_give(v ? v : emit_unary(b, OP_convert, x, ir_with_elem(b->m, x->type, to)), name);
}

Value *ir_stop(IrBuilder *b, Value *x) {
    Atom name = name_take(b);
    if (b->fold &&
        (!type_is_float(x->type) || value_is(x, OP_stop) || value_number(x, &(double){0}))) {
        return name_give(x, name);
    }
    return name_give(emit_unary(b, OP_stop, x, x->type), name);
}

/* ---- arrays ---- */

Value *ir_broadcast(IrBuilder *b, Value *x, const Type *to) {
    Atom name = name_take(b);
    assert(x->type->elem == to->elem && x->type->rank <= to->rank);
    assert(ir_drop_axes(b->m, to, to->rank - x->type->rank) == x->type);
    if (x->type == to) {
        return name_give(x, name);
    }
    if (b->fold && value_is(x, OP_broadcast)) {
        x = x->inst->in[0];
    }
    return name_give(emit_unary(b, OP_broadcast, x, to), name);
}

Value *ir_iota(IrBuilder *b, const Size *n) {
    Atom name = name_take(b);
    return name_give(emit_value(b, &(Inst){.op = OP_iota}, ir_type(b->m, S_i64, 1, &n)), name);
}

Value *ir_index(IrBuilder *b, Value *x, int k, Value *const *idx) {
    Atom name = name_take(b);
    assert(k >= 0 && k <= x->type->rank);
    if (k == 0) {
        return name_give(x, name);
    }
    Value *v = b->fold ? fold_index(b, x, k, idx) : NULL;
    if (!v) {
        Value *operands[IR_MAX_RANK + 1] = {x};
        memcpy(operands + 1, idx, (size_t)k * sizeof *idx);
        Inst draft = {.op = OP_index, .n_in = k + 1, .in = operands};
        v = emit_value(b, &draft, ir_drop_axes(b->m, x->type, k));
    }
    return name_give(v, name);
}

static Value *emit_put(IrBuilder *b, Op op, Value *a, Value *v, int k, Value *const *idx) {
    Atom name = name_take(b);
    assert(k >= 0 && k <= a->type->rank && v->type == ir_drop_axes(b->m, a->type, k));
    Value *operands[IR_MAX_RANK + 2] = {a, v};
    memcpy(operands + 2, idx, (size_t)k * sizeof *idx);
    Inst draft = {.op = op, .n_in = k + 2, .in = operands};
    return name_give(emit_value(b, &draft, a->type), name);
}

Value *ir_add_at(IrBuilder *b, Value *a, Value *v, int k, Value *const *idx) {
    return k == 0 ? ir_ew2(b, OP_add, a, v) : emit_put(b, OP_add_at, a, v, k, idx);
}

Value *ir_update(IrBuilder *b, Value *a, Value *v, int k, Value *const *idx) {
    return k == 0 ? v : emit_put(b, OP_update, a, v, k, idx);
}

Value *ir_slice(IrBuilder *b, Value *x, Value *lo, const Size *extent) {
    Atom name = name_take(b);
    assert(x->type->rank > 0);
    Value *v = b->fold ? fold_slice(b, x, lo, extent) : NULL;
    if (!v) {
        Inst draft = {.op = OP_slice, .n_in = 2, .in = (Value *[]){x, lo}};
        v = emit_value(b, &draft, ir_add_axis(b->m, ir_drop_axes(b->m, x->type, 1), extent));
    }
    return name_give(v, name);
}

Value *ir_add_slice(IrBuilder *b, Value *a, Value *v, Value *lo) {
    Atom name = name_take(b);
    assert(ir_drop_axes(b->m, a->type, 1) == ir_drop_axes(b->m, v->type, 1));
    if (b->fold && a->type == v->type && value_is_integer(lo, 0)) {
        return name_give(ir_ew2(b, OP_add, a, v), name);
    }
    Inst draft = {.op = OP_add_slice, .n_in = 3, .in = (Value *[]){a, v, lo}};
    return name_give(emit_value(b, &draft, a->type), name);
}

Value *ir_transpose(IrBuilder *b, Value *x, const int8_t *perm) {
    Atom name = name_take(b);
    Value *v = b->fold ? fold_transpose(b, x, perm) : NULL;
    if (!v) {
        Inst draft = {.op = OP_transpose, .n_in = 1, .in = &x};
        const Size *dims[IR_MAX_RANK];
        for (int i = 0; i < x->type->rank; i++) {
            assert(perm[i] >= 0 && perm[i] < x->type->rank);
            draft.attr.perm[i] = perm[i];
            dims[i] = x->type->dims[perm[i]];
        }
        v = emit_value(b, &draft, ir_type(b->m, x->type->elem, x->type->rank, dims));
    }
    return name_give(v, name);
}

Value *ir_reshape(IrBuilder *b, Value *x, const Type *to) {
    Atom name = name_take(b);
    Value *v = b->fold ? fold_reshape(b, x, to) : NULL;
    return name_give(v ? v : emit_unary(b, OP_reshape, x, to), name);
}

Value *ir_conform(IrBuilder *b, Value *x, const Type *to) {
    if (ir_may_reshape(b->m, x->type, to)) {
        return ir_reshape(b, x, to);
    }
    ir_check(b, ir_int(b, S_bool, 0), "arrays differ in their number of elements");
    return ir_const(b, to, 0.0);
}

static Value *emit_list(IrBuilder *b, Op op, int n, Value *const *xs, const Type *type) {
    Value *few[16];
    Inst draft = {.op = op, .n_in = n, .in = few};
    if (n > 16) {
        draft.in = ARENA_ARRAY(b->m->arena, n, Value *);
    }
    memcpy(draft.in, xs, (size_t)n * sizeof *xs);
    return emit_value(b, &draft, type);
}

Value *ir_array(IrBuilder *b, int n, Value *const *xs) {
    Atom name = name_take(b);
    assert(n >= 1);
    Value *v = b->fold ? fold_array(b, n, xs) : NULL;
    if (!v) {
        const Size *extent = size_const(&b->m->ctx->polys, n);
        v = emit_list(b, OP_array, n, xs, ir_add_axis(b->m, xs[0]->type, extent));
    }
    return name_give(v, name);
}

Value *ir_concat(IrBuilder *b, int n, Value *const *xs) {
    Atom name = name_take(b);
    assert(n >= 1);
    if (b->fold && n == 1) {
        return name_give(xs[0], name);
    }
    const Size *extent = xs[0]->type->dims[0];
    for (int i = 1; i < n; i++) {
        extent = size_add(&b->m->ctx->polys, extent, xs[i]->type->dims[0]);
        assert(extent && ir_drop_axes(b->m, xs[i]->type, 1) == ir_drop_axes(b->m, xs[0]->type, 1));
    }
    const Type *type = ir_add_axis(b->m, ir_drop_axes(b->m, xs[0]->type, 1), extent);
    Value *flat = b->fold ? fold_concat(b, n, xs) : NULL;
    return name_give(flat ? flat : emit_list(b, OP_concat, n, xs, type), name);
}

Value *ir_reverse(IrBuilder *b, Value *x) {
    Atom name = name_take(b);
    assert(x->type->rank > 0);
    Value *v = b->fold ? fold_reverse(b, x) : NULL;
    return name_give(v ? v : emit_unary(b, OP_reverse, x, x->type), name);
}

/* all of true, any of false, however many they are. */
static bool keeps_constant(Reduce kind, const Value *x) {
    while (x->inst && x->inst->op == OP_broadcast) {
        x = x->inst->in[0];
    }
    bool constant = x->inst && x->inst->op == OP_const && x->type->elem == S_bool;
    return constant && ((kind == RED_all && x->inst->attr.integer != 0) ||
                        (kind == RED_any && x->inst->attr.integer == 0));
}

Value *ir_reduce(IrBuilder *b, Reduce kind, Value *x, int axes) {
    Atom name = name_take(b);
    bool indexed = kind == RED_argmax || kind == RED_argmin;
    assert(axes <= x->type->rank && (!indexed || axes == 1));
    if (axes == 0) {
        return name_give(x, name);
    }
    const Type *type = ir_drop_axes(b->m, x->type, axes);
    if (b->fold && keeps_constant(kind, x)) {
        return ir_const(b, type, kind == RED_all);
    }
    Inst draft = {.op = OP_reduce, .n_in = 1, .in = &x};
    draft.attr.reduce.kind = kind;
    draft.attr.reduce.axes = axes;
    return name_give(emit_value(b, &draft, indexed ? ir_with_elem(b->m, type, S_i64) : type), name);
}

Value *ir_contract(IrBuilder *b, const char *spec, Value *x, Value *y) {
    Atom name = name_take(b);
    Einsum e = einsum_of(spec, x, y);
    assert(strlen(e.labels[0]) == (size_t)x->type->rank);
    assert(strlen(e.labels[1]) == (size_t)y->type->rank);
    assert(x->type->elem == y->type->elem);
    const Size *dims[IR_MAX_RANK];
    int rank = 0;
    for (const char *label = e.out; *label; label++) {
        dims[rank] = einsum_extent(&e, *label);
        assert(dims[rank]);
        rank++;
    }
    const Type *type = ir_type(b->m, x->type->elem, rank, dims);
    Value *v = b->fold ? fold_contract(b, spec, x, y, type) : NULL;
    if (!v) {
        Inst draft = {.op = OP_contract, .n_in = 2, .in = (Value *[]){x, y}};
        draft.attr.spec = atom_of(&b->m->ctx->atoms, spec);
        v = emit_value(b, &draft, type);
    }
    return name_give(v, name);
}
