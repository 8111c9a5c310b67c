/* Turns whole-array operations into loops over scalars: elementwise operations, conversions,
 * reductions, iota, and adding an array to another's elements. After this pass elementwise
 * operations are scalar; what remains on arrays are views (index, slice, transpose, broadcast,
 * reshape, reverse), contractions, array, concat, update and add_at.
 *
 * A loop nest slices its operands one axis a level, so producers and consumers of one shape can be
 * fused by fuse.c. */
#include "passes/rebuild.h"

typedef struct Loops {
    IrModule *m;
    PtrMap accs; /* source values that are accs or made from one by adding */
} Loops;

/* ---- elementwise ---- */

typedef Value *(*ScalarOp)(IrBuilder *b, const Inst *inst, Value *const *x);

static Value *scalar_clone(IrBuilder *b, const Inst *inst, Value *const *x) {
    return inst->op == OP_convert ? ir_convert(b, x[0], inst->out[0]->type->elem)
                                  : ir_ew(b, inst->op, x);
}

static Value *map_nest(IrBuilder *b, const Inst *inst, int n, Value *const *x) {
    if (x[0]->type->rank == 0)
        return scalar_clone(b, inst, x);
    LoopSpec spec = {.extent = x[0]->type->dims[0], .n_slice = n, .slices = x};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    ir_yield(&body, map_nest(&body, inst, n, body.region->params.data + 1));
    return ir_loop_end(b, &spec, &body)->out[0];
}

/* ---- reductions ---- */

static Op reduce_op(Reduce kind) {
    switch (kind) {
    case RED_max:
        return OP_max;
    case RED_min:
        return OP_min;
    case RED_any:
        return OP_or;
    case RED_all:
        return OP_and;
    default:
        return OP_add;
    }
}

static Value *reduce_empty(IrBuilder *b, Reduce kind, const Type *type) {
    double inf = __builtin_inf();
    bool is_float = type_is_float(type), small = type->elem == S_i32;
    int64_t least = small ? INT32_MIN : INT64_MIN, greatest = small ? INT32_MAX : INT64_MAX;
    switch (kind) {
    case RED_max:
        return is_float ? ir_const(b, type, -inf)
                        : ir_broadcast(b, ir_int(b, type->elem, least), type);
    case RED_min:
        return is_float ? ir_const(b, type, inf)
                        : ir_broadcast(b, ir_int(b, type->elem, greatest), type);
    case RED_all:
        return ir_const(b, type, 1.0);
    default:
        return ir_const(b, type, 0.0);
    }
}

static Value *ew_nest(IrBuilder *b, Op op, int n, Value *const *x) {
    Inst inst = {.op = op};
    return map_nest(b, &inst, n, x);
}

static Value *ew1(IrBuilder *b, Op op, Value *x) {
    return ew_nest(b, op, 1, &x);
}

static Value *ew2(IrBuilder *b, Op op, Value *x, Value *y) {
    return ew_nest(b, op, 2, (Value *[]){x, y});
}

static Value *choose(IrBuilder *b, Value *c, Value *x, Value *y) {
    return ew_nest(b, OP_select, 3, (Value *[]){c, x, y});
}

static Value *reduce_plain(IrBuilder *b, Reduce kind, Value *x, int axes);

/* Folds x over its leading axes into `state`, which is an acc for sums and a carry otherwise. Where
 * it is a number each row is reduced first, so that the outer loop is a plain reduction, too. */
static Value *fold_nest(IrBuilder *b, Reduce kind, Value *state, Value *x, int axes) {
    if (axes == 0) {
        if (kind == RED_sum)
            return add_to_acc(b, state, x, NULL, 0, false);
        Value *both[2] = {state, x};
        return ew_nest(b, reduce_op(kind), 2, both);
    }
    bool sum = kind == RED_sum && type_is_float(x->type);
    LoopSpec spec = {
        .extent = x->type->dims[0], .n_slice = 1, .slices = &x, .n_carry = !sum, .n_acc = sum};
    spec.carries = spec.accs = &state;
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    Value **p = body.region->params.data, *next;
    if (!sum && axes > 1 && state->type->rank == 0)
        next = fold_nest(&body, kind, p[2], reduce_plain(&body, kind, p[1], axes - 1), 0);
    else
        next = fold_nest(&body, kind, p[2], p[1], axes - 1);
    ir_yield(&body, next);
    return ir_loop_end(b, &spec, &body)->out[0];
}

static Value *reduce_plain(IrBuilder *b, Reduce kind, Value *x, int axes) {
    return fold_nest(b, kind, reduce_empty(b, kind, ir_drop_axes(b->m, x->type, axes)), x, axes);
}

/* log sum exp(x - top) + top with top the maximum, or 0 where that is not finite. */
static Value *reduce_logsumexp(IrBuilder *b, Value *x, int axes) {
    Value *m = reduce_plain(b, RED_max, x, axes);
    Value *finite = ew_nest(b, OP_isfinite, 1, &m);
    Value *top = choose(b, finite, m, ir_const(b, m->type, 0.0));
    Value *shifted = ew_nest(b, OP_sub, 2, (Value *[]){x, ir_broadcast(b, top, x->type)});
    Value *sum = reduce_plain(b, RED_sum, ew_nest(b, OP_exp, 1, &shifted), axes);
    b->is_step = true; /* of finite numbers these are finite; of nothing the result is -inf */
    Value *log = ew_nest(b, OP_log, 1, &sum);
    Value *result = ew_nest(b, OP_add, 2, (Value *[]){log, top});
    b->is_step = false;
    return result;
}

/* The first index of the extreme; 0 for nothing. NaN counts as the extreme, as in max and min. */
static Value *reduce_arg(IrBuilder *b, Reduce kind, Value *x) {
    const Type *row = ir_drop_axes(b->m, x->type, 1);
    const Type *rows_i64 = ir_with_elem(b->m, row, S_i64);
    Value *inits[3] = {ir_const(b, row, 0.0), ir_const(b, rows_i64, 0.0),
                       ir_const(b, ir_with_elem(b->m, row, S_bool), 0.0)};
    LoopSpec spec = {
        .extent = x->type->dims[0], .n_slice = 1, .slices = &x, .n_carry = 3, .carries = inits};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    Value **p = body.region->params.data; /* index, element, best, where, any */
    Value *better = ew2(&body, kind == RED_argmax ? OP_gt : OP_lt, p[1], p[2]);
    if (type_is_float(x->type)) {
        Value *is_nan = ew1(&body, OP_isnan, p[1]), *was_nan = ew1(&body, OP_isnan, p[2]);
        Value *fresh_nan = ew2(&body, OP_and, is_nan, ew1(&body, OP_not, was_nan));
        better = ew2(&body, OP_or, better, fresh_nan);
    }
    Value *take = ew2(&body, OP_or, better, ew1(&body, OP_not, p[4]));
    ir_yield(&body, choose(&body, take, p[1], p[2]));
    ir_yield(&body, choose(&body, take, ir_broadcast(&body, p[0], rows_i64), p[3]));
    ir_yield(&body, ir_const(&body, p[4]->type, 1.0));
    return ir_loop_end(b, &spec, &body)->out[1];
}

static Value *reduce_nest(IrBuilder *b, const Inst *inst, Value *x) {
    Reduce kind = inst->attr.reduce.kind;
    if (kind == RED_logsumexp)
        return reduce_logsumexp(b, x, inst->attr.reduce.axes);
    if (kind == RED_argmax || kind == RED_argmin)
        return reduce_arg(b, kind, x);
    return reduce_plain(b, kind, x, inst->attr.reduce.axes);
}

static Value *iota_loop(IrBuilder *b, const Size *n) {
    LoopSpec spec = {.extent = n};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    ir_yield(&body, ir_body_index(&body));
    return ir_loop_end(b, &spec, &body)->out[0];
}

/* ---- accs ---- */

Value *add_to_acc(IrBuilder *b, Value *acc, Value *x, Value *const *where, int k, bool negate) {
    if (x->type->rank == 0) {
        if (k == 0)
            return ir_ew2(b, negate ? OP_sub : OP_add, acc, x);
        return ir_add_at(b, acc, negate ? ir_ew1(b, OP_neg, x) : x, k, where);
    }
    LoopSpec spec = {
        .extent = x->type->dims[0], .n_slice = 1, .slices = &x, .n_acc = 1, .accs = &acc};
    Value *inner[IR_MAX_RANK];
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    for (int i = 0; i < k; i++)
        inner[i] = where[i];
    inner[k] = ir_body_index(&body);
    ir_yield(&body, add_to_acc(&body, body.region->params.data[2], body.region->params.data[1],
                               inner, k + 1, negate));
    return ir_loop_end(b, &spec, &body)->out[0];
}

Value *add_rows(IrBuilder *b, Value *a, Value *v, Value *lo) {
    LoopSpec spec = {
        .extent = v->type->dims[0], .n_slice = 1, .slices = &v, .n_acc = 1, .accs = &a};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    Value *row = ir_ew2(&body, OP_add, lo, ir_body_index(&body));
    ir_yield(&body, add_to_acc(&body, body.region->params.data[2], body.region->params.data[1],
                               &row, 1, false));
    return ir_loop_end(b, &spec, &body)->out[0];
}

static void note_accs(Loops *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop) {
            int first = inst->attr.loop.n_slice + inst->attr.loop.n_carry;
            for (int k = 0; k < inst->attr.loop.n_acc; k++) {
                ptrmap_put(&s->accs, inst->regions[0]->params.data[1 + first + k], NULL);
                if (ptrmap_has(&s->accs, inst->in[first + k]))
                    ptrmap_put(&s->accs, inst->out[inst->attr.loop.n_carry + k], NULL);
            }
        }
        for (int k = 0; k < inst->n_region; k++)
            note_accs(s, inst->regions[k]);
        bool adds = inst->op == OP_add || inst->op == OP_sub || inst->op == OP_add_at ||
                    inst->op == OP_add_slice;
        if (adds && ptrmap_has(&s->accs, inst->in[0]))
            ptrmap_put(&s->accs, inst->out[0], NULL);
        for (int k = 0; inst->op == OP_if && k < inst->n_out; k++)
            if (ptrmap_has(&s->accs, inst->regions[0]->yields.data[k]) ||
                ptrmap_has(&s->accs, inst->regions[1]->yields.data[k]))
                ptrmap_put(&s->accs, inst->out[k], NULL);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Loops *s = user;
    Value *x[3] = {0}, *v = NULL;
    b->loc = inst->loc;
    b->origin = inst->origin;
    b->is_step = inst->is_step;
    b->by_reciprocal = inst->by_reciprocal;
    bool on_arrays = inst->n_out == 1 && inst->n_in > 0 && inst->in[inst->n_in - 1]->type->rank > 0;
    bool acc_add = (inst->op == OP_add || inst->op == OP_sub) && ptrmap_has(&s->accs, inst->in[0]);
    bool acc_add_at = inst->op == OP_add_at && inst->in[1]->type->rank > 0;
    if (on_arrays && acc_add) {
        v = add_to_acc(b, irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1]), NULL, 0,
                       inst->op == OP_sub);
    } else if (acc_add_at) {
        Value *where[IR_MAX_RANK];
        for (int k = 2; k < inst->n_in; k++)
            where[k - 2] = irmap_get(map, inst->in[k]);
        v = add_to_acc(b, irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1]), where,
                       inst->n_in - 2, false);
    } else if (inst->op == OP_add_slice) {
        v = add_rows(b, irmap_get(map, inst->in[0]), irmap_get(map, inst->in[1]),
                     irmap_get(map, inst->in[2]));
    } else if (on_arrays && (op_is_elementwise(inst->op) || inst->op == OP_convert)) {
        for (int k = 0; k < inst->n_in; k++)
            x[k] = irmap_get(map, inst->in[k]);
        v = map_nest(b, inst, inst->n_in, x);
    } else if (inst->op == OP_reduce) {
        v = reduce_nest(b, inst, irmap_get(map, inst->in[0]));
    } else if (inst->op == OP_iota) {
        v = iota_loop(b, irmap_type(map, inst->out[0]->type)->dims[0]);
    } else if (inst->op == OP_stop) {
        v = irmap_get(map, inst->in[0]);
    } else {
        b->is_step = b->by_reciprocal = false;
        rebuild_inst(b, inst, map, emit, s);
        return;
    }
    b->is_step = b->by_reciprocal = false;
    if (!v->name)
        v->name = inst->out[0]->name;
    irmap_put(map, inst->out[0], v);
}

bool pass_loops(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Loops s = {.m = m};
        ptrmap_init(&s.accs, m->arena);
        if (m->funcs.data[i]->is_extern)
            continue;
        note_accs(&s, m->funcs.data[i]->body);
        rebuild_func(m, m->funcs.data[i], emit, &s);
    }
    return true;
}
