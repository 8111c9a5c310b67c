/* Emits a loop that lift.c has cut: each phase as a loop, what is lifted in between, and sums of
 * lifted products at the end. */
#include "ir/einsum.h"
#include "passes/lift.h"

#include <string.h>

/* ---- what crosses ---- */

static bool is_view(const Inst *inst) {
    return inst->op == OP_broadcast || inst->op == OP_transpose || inst->op == OP_reverse ||
           inst->op == OP_const || inst->op == OP_size ||
           ((inst->op == OP_index || inst->op == OP_slice) && inst->in[0]->type->rank > 0);
}

/* A value of an earlier phase that is better made again: a view of what is at hand. */
static bool made_again(const Cut *c, const Value *v) {
    if (!v->inst)
        return !is_carry_param(c, v);
    if (!is_view(v->inst) || is_lifted(c, v->inst))
        return false;
    for (int k = 0; k < v->inst->n_in; k++)
        if (is_body_value(c, v->inst->in[k]) && !made_again(c, v->inst->in[k]))
            return false;
    return true;
}

/* The phase in whose loop v is made; -1: between loops, or in each. */
static int made_in(const Cut *c, const Value *v) {
    if (!v->inst)
        return is_carry_param(c, v) ? c->main : -1;
    return is_lifted(c, v->inst) ? -1 : phase_of(c, v->inst);
}

void lift_crossing(Cut *c, Value *v, int p, PtrMap *seen, ValueList *out) {
    if (!is_body_value(c, v) || ptrmap_has(seen, v) || made_again(c, v))
        return;
    if (p >= 0 && made_in(c, v) == p)
        return;
    ptrmap_put(seen, v, NULL);
    vec_push(c->s->arena, out, v);
}

static bool result_in_phase(const Cut *c, int k, int p) {
    const Value *y = c->body->yields.data[k];
    if (k < c->loop->attr.loop.n_carry)
        return p == c->main;
    return (is_body_value(c, y) ? lift_available(c, y) : 0) == p;
}

static void needs_of_phase(Cut *c, int p, ValueList *out) {
    PtrMap seen;
    ptrmap_init(&seen, c->s->arena);
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (phase_of(c, inst) != p || is_lifted(c, inst) || ptrmap_has(&c->dropped, inst))
            continue;
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            lift_crossing(c, used.data[k], p, &seen, out);
    }
    for (int k = 0; k < c->body->yields.n; k++)
        if (result_in_phase(c, k, p))
            lift_crossing(c, c->body->yields.data[k], p, &seen, out);
}

static void give(Cut *c, Value *v, int p, PtrMap *seen, ValueList *out) {
    if (made_in(c, v) != p || ptrmap_has(seen, v) || v->is_acc)
        return;
    ptrmap_put(seen, v, NULL);
    vec_push(c->s->arena, out, v);
}

/* Values made in phase p that later phases, or what is lifted, read. */
static void gives_of_phase(Cut *c, int p, ValueList *out) {
    PtrMap seen;
    ptrmap_init(&seen, c->s->arena);
    for (int q = p + 1; q < c->phases; q++) {
        ValueList needs = {0};
        needs_of_phase(c, q, &needs);
        for (int i = 0; i < needs.n; i++)
            give(c, needs.data[i], p, &seen, out);
    }
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (!is_lifted(c, inst) || phase_of(c, inst) < p)
            continue;
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            if (is_body_value(c, used.data[k]) && !lift_whole_view(c, used.data[k]))
                give(c, used.data[k], p, &seen, out);
    }
}

void lift_make_again(Cut *c, IrBuilder *body, Value *v, int p, IrMap *map, PtrMap *here) {
    if (!is_body_value(c, v) || !v->inst || ptrmap_has(here, v) || !made_again(c, v) ||
        phase_of(c, v->inst) == p)
        return;
    for (int k = 0; k < v->inst->n_in; k++)
        lift_make_again(c, body, v->inst->in[k], p, map, here);
    ptrmap_put(here, v, NULL);
    ir_clone_inst(body, v->inst, map);
}

/* ---- a phase ---- */

static void emit_phase_body(Cut *c, IrBuilder *body, int p, IrMap *map) {
    PtrMap here;
    ptrmap_init(&here, c->s->arena);
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (phase_of(c, inst) != p || is_lifted(c, inst))
            continue;
        if (ptrmap_has(&c->dropped, inst)) {
            irmap_put(map, inst->out[0], irmap_get(map, inst->in[0]));
            continue;
        }
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            lift_make_again(c, body, used.data[k], p, map, &here);
        body->loc = inst->loc;
        lift_inst(c->s, body, inst, map);
    }
    for (int k = 0; k < c->body->yields.n; k++)
        if (result_in_phase(c, k, p))
            lift_make_again(c, body, c->body->yields.data[k], p, map, &here);
}

static void take_result(Cut *c, Value *from, Value *v, IrMap *map) {
    name_after(c->s->m, v, from->name, "");
    irmap_put(map, from, v);
}

typedef struct Phase {
    int p, n_carry;
    ValueList slices, state; /* operands: slices of the loop, then needs; carries, then accs */
    ValueList needs, gives;
    VEC(int) accs; /* which of the loop's, numbered among its results */
} Phase;

static void find_operands(Cut *c, Phase *phase, IrMap *map) {
    const Inst *loop = c->loop;
    Arena *arena = c->s->arena;
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry;
    needs_of_phase(c, phase->p, &phase->needs);
    gives_of_phase(c, phase->p, &phase->gives);
    for (int k = 0; k < ns; k++)
        vec_push(arena, &phase->slices, irmap_get(map, loop->in[k]));
    for (int i = 0; i < phase->needs.n; i++)
        vec_push(arena, &phase->slices, (Value *)ptrmap_get(&c->stacked, phase->needs.data[i]));
    for (int k = 0; k < nc && phase->p == c->main; k++, phase->n_carry++)
        vec_push(arena, &phase->state, irmap_get(map, loop->in[ns + k]));
    for (int k = nc; k < nc + loop->attr.loop.n_acc; k++)
        if (result_in_phase(c, k, phase->p)) {
            vec_push(arena, &phase->accs, k);
            vec_push(arena, &phase->state, irmap_get(map, loop->in[ns + k]));
        }
}

static void map_params(Cut *c, const Phase *phase, Value *const *params, IrMap *map) {
    const Inst *loop = c->loop;
    int ns = loop->attr.loop.n_slice, state = 1 + phase->slices.n;
    Value *const *source = c->body->params.data;
    for (int k = 0; k <= ns; k++) {
        params[k]->name = source[k]->name;
        irmap_put(map, source[k], params[k]);
    }
    for (int i = 0; i < phase->needs.n; i++) {
        params[1 + ns + i]->name = phase->needs.data[i]->name;
        irmap_put(map, phase->needs.data[i], params[1 + ns + i]);
    }
    for (int k = 0; k < phase->n_carry; k++) {
        params[state + k]->name = source[1 + ns + k]->name;
        irmap_put(map, source[1 + ns + k], params[state + k]);
    }
    for (int i = 0; i < phase->accs.n; i++)
        irmap_put(map, source[1 + ns + phase->accs.data[i]], params[state + phase->n_carry + i]);
}

static void yield_results(Cut *c, const Phase *phase, IrBuilder *body, IrMap *map) {
    const Inst *loop = c->loop;
    Value *const *yields = c->body->yields.data;
    for (int k = 0; k < phase->n_carry; k++)
        ir_yield(body, irmap_get(map, yields[k]));
    for (int i = 0; i < phase->accs.n; i++)
        ir_yield(body, irmap_get(map, yields[phase->accs.data[i]]));
    for (int k = loop->attr.loop.n_carry + loop->attr.loop.n_acc; k < loop->n_out; k++)
        if (result_in_phase(c, k, phase->p))
            ir_yield(body, irmap_get(map, yields[k]));
    for (int i = 0; i < phase->gives.n; i++)
        ir_yield(body, irmap_get(map, phase->gives.data[i]));
}

static void take_results(Cut *c, const Phase *phase, Value *const *out, IrMap *map) {
    const Inst *loop = c->loop;
    for (int k = 0; k < phase->n_carry; k++)
        take_result(c, loop->out[k], *out++, map);
    for (int i = 0; i < phase->accs.n; i++)
        take_result(c, loop->out[phase->accs.data[i]], *out++, map);
    for (int k = loop->attr.loop.n_carry + loop->attr.loop.n_acc; k < loop->n_out; k++)
        if (result_in_phase(c, k, phase->p))
            take_result(c, loop->out[k], *out++, map);
    for (int i = 0; i < phase->gives.n; i++, out++) {
        name_after(c->s->m, *out, phase->gives.data[i]->name, "_all");
        ptrmap_put(&c->stacked, phase->gives.data[i], *out);
    }
}

static void emit_phase(Cut *c, IrBuilder *b, int p, IrMap *map) {
    const Inst *loop = c->loop;
    Phase phase = {.p = p};
    find_operands(c, &phase, map);
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse && p == c->main,
                     .n_slice = phase.slices.n,
                     .n_carry = phase.n_carry,
                     .n_acc = phase.accs.n,
                     .slices = phase.slices.data,
                     .carries = phase.state.data,
                     .index_name = c->body->params.data[0]->name};
    spec.accs = phase.state.n > spec.n_carry ? spec.carries + spec.n_carry : NULL;
    IrBuilder body;
    b->loc = loop->loc;
    ir_loop_begin(b, &spec, &body);
    map_params(c, &phase, body.region->params.data, map);
    emit_phase_body(c, &body, p, map);
    yield_results(c, &phase, &body, map);
    b->loc = loop->loc;
    take_results(c, &phase, ir_loop_end(b, &spec, &body)->out, map);
}

/* ---- what is lifted ---- */

static char unused_label(const char *spec) {
    for (char label = 'A'; label <= 'Z'; label++)
        if (!strchr(spec, label))
            return label;
    return 0;
}

/* Row i of what all iterations share, in iteration i. */
static bool is_own_row(const Cut *c, const Value *v) {
    const Inst *inst = v->inst;
    return inst->op == OP_index && inst->n_in == 2 && !is_body_value(c, inst->in[0]) &&
           inst->in[1] == c->body->params.data[0] &&
           inst->in[0]->type->dims[0] == c->loop->attr.loop.extent;
}

/* A view of a slice of the loop, by values that all iterations share. */
bool lift_whole_view(const Cut *c, const Value *v) {
    if (!is_body_value(c, v))
        return false;
    if (!v->inst)
        return v->index >= 1 && v->index <= c->loop->attr.loop.n_slice;
    const Inst *inst = v->inst;
    if (inst->op != OP_slice && inst->op != OP_index)
        return false;
    if (is_own_row(c, v))
        return true;
    for (int k = 1; k < inst->n_in; k++)
        if (is_body_value(c, inst->in[k]) &&
            !(inst->in[k]->inst && inst->in[k]->inst->op == OP_const))
            return false;
    return lift_whole_view(c, inst->in[0]);
}

static Value *shared_operand(IrBuilder *b, const Cut *c, Value *v, IrMap *map) {
    return is_body_value(c, v) ? ir_int(b, v->type->elem, v->inst->attr.integer)
                               : irmap_get(map, v);
}

/* Axis `from` becomes axis `to`; those between move up. */
static Value *move_axis(IrBuilder *b, Value *v, int from, int to) {
    int8_t perm[IR_MAX_RANK];
    int n = 0;
    for (int axis = 0; axis < v->type->rank; axis++)
        if (axis != from)
            perm[n++] = (int8_t)axis;
    memmove(perm + to + 1, perm + to, (size_t)(n - to));
    perm[to] = (int8_t)from;
    return ir_transpose(b, v, perm);
}

static Value *whole_view(Cut *c, IrBuilder *b, const Value *v, IrMap *map) {
    if (!v->inst)
        return irmap_get(map, c->loop->in[v->index - 1]);
    const Inst *inst = v->inst;
    if (is_own_row(c, v))
        return irmap_get(map, inst->in[0]);
    Value *whole = whole_view(c, b, inst->in[0], map);
    int n = inst->n_in - 1;
    Value *in[IR_MAX_RANK];
    for (int k = 0; k < n; k++)
        in[k] = shared_operand(b, c, inst->in[k + 1], map);
    whole = move_axis(b, whole, 0, n);
    if (inst->op == OP_index)
        return ir_index(b, whole, n, in);
    const Size *extent = irmap_size(map, v->type->dims[0]);
    return move_axis(b, ir_slice(b, whole, in[0], extent), 0, 1);
}

Value *lift_all_iterations(Cut *c, IrBuilder *b, Value *v, IrMap *map) {
    if (!is_body_value(c, v))
        return irmap_get(map, v);
    if (lift_whole_view(c, v))
        return whole_view(c, b, v, map);
    return ptrmap_get(&c->stacked, v);
}

static void emit_product(Cut *c, IrBuilder *b, const Inst *inst, IrMap *map) {
    Einsum e = einsum_of_inst(inst);
    bool each[2] = {is_body_value(c, inst->in[0]), is_body_value(c, inst->in[1])};
    char label[2] = {unused_label(inst->attr.spec), 0};
    char *all =
        arena_printf(c->s->arena, "%s%s,%s%s->%s%s", each[0] ? label : "", e.labels[0],
                     each[1] ? label : "", e.labels[1], each[0] && each[1] ? "" : label, e.out);
    b->loc = inst->loc;
    Value *x = lift_all_iterations(c, b, inst->in[0], map);
    Value *y = lift_all_iterations(c, b, inst->in[1], map);
    Value *out = ir_contract(b, all, x, y);
    name_after(c->s->m, out, inst->out[0]->name, "_all");
    ptrmap_put(&c->stacked, inst->out[0], out);
}

/* ---- sums of products ---- */

/* What the chain of accs is at v came from: the addition before, or NULL for the parameter. */
static const Value *chain_before(const Value *v) {
    const Inst *inst = v->inst;
    return inst->op == OP_loop ? inst->in[inst->attr.loop.n_slice + v->index] : inst->in[0];
}

/* Adds the products that were dropped from result k. */
static void add_products(Cut *c, IrBuilder *b, int k, IrMap *map) {
    const Inst *loop = c->loop;
    bool alone = true;
    ValueList products = {0};
    for (const Value *v = c->body->yields.data[k]; v->inst; v = chain_before(v)) {
        Inst *product = ptrmap_get(&c->dropped, v->inst);
        alone = alone && product;
        if (product)
            vec_push(c->s->arena, &products, (Value *)ptrmap_get(&c->stacked, product->out[0]));
    }
    if (products.n == 0)
        return;
    Value *init = irmap_get(map, loop->in[loop->attr.loop.n_slice + k]);
    Value *sum = alone ? init : irmap_get(map, loop->out[k]);
    for (int i = products.n - 1; i >= 0; i--) {
        b->loc = loop->loc;
        sum = inst_is_zero(sum) && !sum->is_acc ? products.data[i]
                                                : ir_ew2(b, OP_add, sum, products.data[i]);
    }
    take_result(c, loop->out[k], sum, map);
}

void lift_emit(Cut *c, IrBuilder *b, IrMap *map) {
    for (int p = 0; p < c->phases; p++) {
        emit_phase(c, b, p, map);
        for (int i = 0; i < c->body->insts.n; i++) {
            const Inst *inst = c->body->insts.data[i];
            if (phase_of(c, inst) != p || !is_lifted(c, inst))
                continue;
            if (inst->op == OP_loop)
                lift_emit_turned(c, b, inst, map);
            else
                emit_product(c, b, inst, map);
        }
    }
    for (int k = 0; k < c->loop->attr.loop.n_acc; k++)
        add_products(c, b, c->loop->attr.loop.n_carry + k, map);
}
