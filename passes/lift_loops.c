/* Sequential loops that change places with the parallel loop around them, and the chunks that keep
 * memory bounded then: Note [Loops that change places] in lift.c. */
#include "passes/lift.h"

/* Sequences that go through a sequential loop together. A product with that many rows uses each
 * weight often enough to run at full speed, and their states stay in the second cache. */
enum { CHUNK = 64 };

/* ---- which ---- */

static bool is_inside(const Cut *c, const Value *v) {
    return region_contains(c->body, v->region);
}

/* A product of weights that all iterations share. */
static bool shares_weights(const Cut *c, const Inst *inst) {
    return inst->op == OP_contract && is_inside(c, inst->in[0]) != is_inside(c, inst->in[1]) &&
           !lift_is_small_product(inst);
}

static bool has_shared_product(const Cut *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (shares_weights(c, inst))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (has_shared_product(c, inst->regions[k]))
                return true;
    }
    return false;
}

/* The extent is of each iteration if it is bound in the body; and one rank more must be possible.
 */
static bool has_plain_types(const Cut *c, const Inst *inner) {
    const Region *body = inner->regions[0];
    for (int i = 0; i < body->insts.n; i++)
        if (body->insts.data[i]->op == OP_dim)
            return false;
    for (int k = 0; k < body->params.n; k++)
        if (body->params.data[k]->type->rank >= IR_MAX_RANK - 1)
            return false;
    for (int k = 0; k < inner->n_out; k++)
        if (inner->out[k]->type->rank >= IR_MAX_RANK)
            return false;
    return !region_has_effect(body) && c->loop->attr.loop.n_carry == 0;
}

/* Sums of the inner loop are its own, and small: a row of them is added up a step. */
static bool has_plain_sums(const Inst *inner) {
    int first = inner->attr.loop.n_slice + inner->attr.loop.n_carry;
    for (int k = 0; k < inner->attr.loop.n_acc; k++) {
        const Value *init = inner->in[first + k];
        if (init->is_acc || init->type->rank > 1)
            return false;
    }
    return true;
}

bool lift_turns(const Cut *c, const Inst *inner) {
    return inner->attr.loop.n_carry > 0 && ir_loop_flag(inner) < 0 && has_plain_types(c, inner) &&
           has_plain_sums(inner) && has_shared_product(c, inner->regions[0]);
}

/* ---- changing places ---- */

/* The loops that stand for the inner one: `outer` over steps, `rows` over the iterations of the
 * loop that was around it. */
typedef struct Turned {
    Cut *c;
    const Inst *inner;
    IrBuilder outer, rows;
    LoopSpec steps, each;
    ValueList needs; /* body values that the inner body reads */
    bool *sliced;    /* of each slice of the inner loop: each iteration has its own */
} Turned;

static const Type *with_rows(Cut *c, const Type *type, IrMap *map) {
    return ir_add_axis(c->s->m, irmap_type(map, type), irmap_size(map, c->loop->attr.loop.extent));
}

/* A value of all iterations, whether they share it or not. */
static Value *of_all(Cut *c, IrBuilder *b, Value *v, IrMap *map) {
    if (is_body_value(c, v))
        return lift_all_iterations(c, b, v, map);
    return ir_broadcast(b, irmap_get(map, v), with_rows(c, v->type, map));
}

static Value *swap_first_axes(IrBuilder *b, Value *v) {
    int8_t perm[IR_MAX_RANK];
    for (int axis = 0; axis < v->type->rank; axis++)
        perm[axis] = (int8_t)(axis < 2 ? 1 - axis : axis);
    return ir_transpose(b, v, perm);
}

static void begin_steps(Turned *t, IrBuilder *b, IrMap *map) {
    const Inst *inner = t->inner;
    Arena *arena = t->c->s->arena;
    ValueList slices = {0}, state = {0};
    int ns = inner->attr.loop.n_slice;
    t->sliced = ARENA_ARRAY(arena, ns + 1, bool);
    for (int k = 0; k < inner->n_in; k++) {
        Value *v = inner->in[k];
        if (k >= ns) {
            vec_push(arena, &state, of_all(t->c, b, v, map));
            continue;
        }
        t->sliced[k] = is_body_value(t->c, v);
        Value *all = lift_all_iterations(t->c, b, v, map);
        vec_push(arena, &slices, t->sliced[k] ? swap_first_axes(b, all) : all);
    }
    t->steps = (LoopSpec){.extent = irmap_size(map, inner->attr.loop.extent),
                          .reverse = inner->attr.loop.reverse,
                          .checkpoint = inner->attr.loop.checkpoint,
                          .checkpoint_arg = irmap_size(map, inner->attr.loop.checkpoint_arg),
                          .n_slice = ns,
                          .n_carry = inner->attr.loop.n_carry,
                          .n_acc = inner->attr.loop.n_acc,
                          .slices = slices.data,
                          .carries = state.data,
                          .index_name = inner->regions[0]->params.data[0]->name};
    t->steps.accs = state.data + t->steps.n_carry;
    b->loc = inner->loc;
    ir_loop_begin(b, &t->steps, &t->outer);
    irmap_put(map, inner->regions[0]->params.data[0], ir_body_index(&t->outer));
}

static void find_needs(Turned *t) {
    PtrMap seen;
    ValueList free = {0};
    ptrmap_init(&seen, t->c->s->arena);
    ir_free_values(t->c->s->arena, t->inner->regions[0], &free);
    for (int i = 0; i < free.n; i++)
        lift_crossing(t->c, free.data[i], -1, &seen, &t->needs);
}

/* Slices of the loop over rows: those of the loop that was around, needs, and what is a row's own
 * among slices and carries of the step. */
static void begin_rows(Turned *t, IrMap *map) {
    const Inst *loop = t->c->loop;
    Value *const *params = t->outer.region->params.data + 1;
    Arena *arena = t->c->s->arena;
    ValueList slices = {0};
    for (int k = 0; k < loop->attr.loop.n_slice; k++)
        vec_push(arena, &slices, irmap_get(map, loop->in[k]));
    for (int i = 0; i < t->needs.n; i++)
        vec_push(arena, &slices, (Value *)ptrmap_get(&t->c->stacked, t->needs.data[i]));
    for (int k = 0; k < t->steps.n_slice + t->steps.n_carry; k++)
        if (k >= t->steps.n_slice || t->sliced[k])
            vec_push(arena, &slices, params[k]);
    t->each = (LoopSpec){.extent = irmap_size(map, loop->attr.loop.extent),
                         .n_slice = slices.n,
                         .n_acc = t->steps.n_acc,
                         .slices = slices.data,
                         .accs = params + t->steps.n_slice + t->steps.n_carry,
                         .index_name = t->c->body->params.data[0]->name};
    ir_loop_begin(&t->outer, &t->each, &t->rows);
}

static void map_rows(Turned *t, IrMap *map) {
    Value *const *source = t->c->body->params.data, *const *body =
                                                        t->inner->regions[0]->params.data + 1;
    Value **params = t->rows.region->params.data;
    int ns = t->c->loop->attr.loop.n_slice, n = t->steps.n_slice + t->steps.n_carry;
    for (int k = 0; k <= ns; k++, params++) {
        (*params)->name = source[k]->name;
        irmap_put(map, source[k], *params);
    }
    for (int i = 0; i < t->needs.n; i++, params++) {
        (*params)->name = t->needs.data[i]->name;
        irmap_put(map, t->needs.data[i], *params);
    }
    for (int k = 0; k < n; k++) {
        if (k < t->steps.n_slice && !t->sliced[k]) {
            irmap_put(map, body[k], t->outer.region->params.data[1 + k]);
            continue;
        }
        (*params)->name = body[k]->name;
        irmap_put(map, body[k], *params++);
    }
    for (int k = 0; k < t->steps.n_acc; k++) /* what a step adds: -0 + x is x */
        irmap_put(map, body[n + k], ir_const(&t->rows, irmap_type(map, body[n + k]->type), -0.0));
}

static void emit_rows(Turned *t, IrMap *map) {
    const Region *body = t->inner->regions[0];
    PtrMap here;
    ValueList free = {0};
    ptrmap_init(&here, t->c->s->arena);
    ir_free_values(t->c->s->arena, body, &free);
    for (int i = 0; i < free.n; i++)
        lift_make_again(t->c, &t->rows, free.data[i], -1, map, &here);
    rebuild_insts(&t->rows, body, map, lift_inst, t->c->s);
    int nc = t->steps.n_carry, na = t->steps.n_acc;
    Value *const *accs = t->rows.region->params.data + 1 + t->each.n_slice;
    Value *row = ir_body_index(&t->rows);
    for (int k = 0; k < na; k++)
        ir_yield(&t->rows,
                 ir_add_at(&t->rows, accs[k], irmap_get(map, body->yields.data[nc + k]), 1, &row));
    for (int k = 0; k < body->yields.n; k++)
        if (k < nc || k >= nc + na)
            ir_yield(&t->rows, irmap_get(map, body->yields.data[k]));
}

static void end_steps(Turned *t, IrBuilder *b) {
    int nc = t->steps.n_carry, na = t->steps.n_acc;
    Inst *rows = ir_loop_end(&t->outer, &t->each, &t->rows);
    for (int k = 0; k < nc; k++)
        ir_yield(&t->outer, rows->out[na + k]);
    for (int k = 0; k < na; k++)
        ir_yield(&t->outer, rows->out[k]);
    for (int k = nc + na; k < rows->n_out; k++)
        ir_yield(&t->outer, rows->out[k]);
    b->loc = t->inner->loc;
    Inst *steps = ir_loop_end(b, &t->steps, &t->outer);
    for (int k = 0; k < steps->n_out; k++) {
        Value *all = k < nc + na ? steps->out[k] : swap_first_axes(b, steps->out[k]);
        name_after(t->c->s->m, all, t->inner->out[k]->name, "_all");
        ptrmap_put(&t->c->stacked, t->inner->out[k], all);
    }
}

void lift_emit_turned(Cut *c, IrBuilder *b, const Inst *inner, IrMap *map) {
    Turned t = {.c = c, .inner = inner};
    begin_steps(&t, b, map);
    find_needs(&t);
    begin_rows(&t, map);
    map_rows(&t, map);
    emit_rows(&t, map);
    end_steps(&t, b);
}

/* ---- chunks ---- */

/* min(.., 64), also one of several in one another. */
static bool is_at_most_a_chunk(const Value *v) {
    if (!v || !v->inst)
        return false;
    if (v->inst->op == OP_const)
        return v->inst->attr.integer <= CHUNK;
    return v->inst->op == OP_min &&
           (is_at_most_a_chunk(v->inst->in[0]) || is_at_most_a_chunk(v->inst->in[1]));
}

static bool is_short(const Size *extent) {
    int64_t n;
    const SizeSym *sym = size_is_sym(extent);
    if (size_is_const(extent, &n))
        return n <= CHUNK;
    return sym && is_at_most_a_chunk(sym->value);
}

static bool stacks_floats(const Inst *loop) {
    for (int k = loop->attr.loop.n_acc; k < loop->n_out; k++)
        if (!value_is_float(loop->out[k]))
            return false;
    return true;
}

/* n/by, rounded up. */
static Value *quotient(IrBuilder *b, Value *n, Value *by) {
    Value *more = ir_ew2(b, OP_sub, by, ir_int(b, S_i64, 1));
    return ir_ew2(b, OP_div, ir_ew2(b, OP_add, n, more), by);
}

/* Where threads share the chunks, there is one for each at least. */
static Value *chunk_size(const Lift *s, IrBuilder *b, const Size *extent) {
    Value *most = ir_int(b, S_i64, CHUNK);
    if (s->m->threads < 2)
        return most;
    Value *each = quotient(b, ir_size(b, extent), ir_int(b, S_i64, s->m->threads));
    return ir_ew2(b, OP_min, ir_ew2(b, OP_max, each, ir_int(b, S_i64, 1)), most);
}

/* The rows of a chunk: at most `size`, at lo. */
static const Size *chunk_rows(Lift *s, IrBuilder *b, const Size *extent, Value *lo, Value *size) {
    Value *left = ir_ew2(b, OP_sub, ir_size(b, extent), lo);
    Value *n = ir_ew2(b, OP_min, left, size);
    return size_sym(&s->m->ctx->polys, ir_dim(b, n, atom_of(&s->m->ctx->atoms, "rows")));
}

static Inst *emit_chunk(IrBuilder *b, const Inst *loop, const Size *rows, Value *lo,
                        Value *const *accs, IrMap *map) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice;
    Value **slices = ARENA_ARRAY(b->m->arena, ns + 1, Value *);
    for (int k = 0; k < ns; k++)
        slices[k] = ir_slice(b, irmap_get(map, loop->in[k]), lo, rows);
    LoopSpec spec = {.extent = rows,
                     .n_slice = ns,
                     .n_acc = loop->attr.loop.n_acc,
                     .slices = slices,
                     .accs = accs,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    for (int k = 1; k < source->params.n; k++) {
        body.region->params.data[k]->name = source->params.data[k]->name;
        irmap_put(map, source->params.data[k], body.region->params.data[k]);
    }
    irmap_put(map, source->params.data[0], ir_ew2(&body, OP_add, lo, ir_body_index(&body)));
    ir_clone_insts(&body, source, map);
    for (int k = 0; k < source->yields.n; k++)
        ir_yield(&body, irmap_get(map, source->yields.data[k]));
    return ir_loop_end(b, &spec, &body);
}

bool lift_emit_chunks(Lift *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    const Size *extent = irmap_size(map, loop->attr.loop.extent);
    if (is_short(extent) || !stacks_floats(loop))
        return false;
    b->loc = loop->loc;
    ValueList accs = {0};
    for (int k = 0; k < loop->n_out; k++) /* what was stacked is put together as a sum */
        vec_push(s->arena, &accs,
                 k < na ? irmap_get(map, loop->in[ns + k])
                        : zeros_of(b, irmap_type(map, loop->out[k]->type)));
    Value *size = chunk_size(s, b, extent);
    SizeSym *count =
        ir_dim(b, quotient(b, ir_size(b, extent), size), atom_of(&s->m->ctx->atoms, "chunks"));
    LoopSpec spec = {.extent = size_sym(&s->m->ctx->polys, count),
                     .n_acc = loop->n_out,
                     .accs = accs.data,
                     .index_name = atom_of(&s->m->ctx->atoms, "chunk")};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value *const *sums = body.region->params.data + 1;
    Value *lo = ir_ew2(&body, OP_mul, ir_body_index(&body), size);
    const Size *rows = chunk_rows(s, &body, extent, lo, size);
    Inst *chunk = emit_chunk(&body, loop, rows, lo, sums, map);
    for (int k = 0; k < loop->n_out; k++)
        ir_yield(&body, k < na ? chunk->out[k] : ir_add_slice(&body, sums[k], chunk->out[k], lo));
    b->loc = loop->loc;
    Inst *chunks = ir_loop_end(b, &spec, &body);
    for (int k = 0; k < loop->n_out; k++) {
        name_after(s->m, chunks->out[k], loop->out[k]->name, "");
        irmap_put(map, loop->out[k], chunks->out[k]);
    }
    return true;
}
