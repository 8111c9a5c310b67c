/* Sequential loops that change places with the parallel loop around them, and the chunks that keep
 * memory bounded then: Note [Loops that change places] in lift.c. */
#include "passes/chunks.h"
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
    return !region_holds(body, OP_check) && c->loop->attr.loop.n_carry == 0;
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

/* ---- which parallel ones ---- */

/* The same in every iteration of the loop that is cut: at most rows of what all of them share. */
static bool is_shared(Cut *c, const Inst *inner, const Value *v, PtrMap *varies) {
    if (v->inst)
        return !is_inside(c, v) || !ptrmap_has(varies, v);
    if (v->region != inner->regions[0])
        return !is_inside(c, v);
    return v->index == 0 ||
           (v->index <= inner->attr.loop.n_slice && !is_inside(c, inner->in[v->index - 1]));
}

/* Something dear in the body of the inner loop that the loop around it repeats. */
static bool repeats_dear(Cut *c, const Inst *inner) {
    const Region *body = inner->regions[0];
    PtrMap varies;
    ptrmap_init(&varies, c->s->arena);
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool shared = inst->n_region == 0;
        for (int k = 0; k < inst->n_in && shared; k++)
            shared = is_shared(c, inner, inst->in[k], &varies);
        if (shared && op_is_elementwise(inst->op) && op_info[inst->op].cost >= DEAR_COST)
            return true;
        for (int k = 0; k < inst->n_out && !shared; k++)
            ptrmap_put(&varies, inst->out[k], NULL);
    }
    return false;
}

/* Whether the region hands v to products alone, which can read it in any order of its axes. */
static bool is_only_multiplied(const Cut *c, const Region *region, const Value *v) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *user = region->insts.data[i];
        ValueList used = {0};
        for (int k = 0; k < user->n_region; k++)
            ir_free_values(c->s->arena, user->regions[k], &used);
        for (int k = 0; k < user->n_in && user->op != OP_contract; k++)
            vec_push(c->s->arena, &used, user->in[k]);
        for (int k = 0; k < used.n; k++)
            if (used.data[k] == v)
                return false;
    }
    return true;
}

static bool is_yielded(const Region *region, const Value *v) {
    for (int k = 0; k < region->yields.n; k++)
        if (region->yields.data[k] == v)
            return true;
    return false;
}

/* The same for what an iteration stacks, in the loop that is cut and behind it. */
static bool goes_to_products(const Cut *c, const Value *v) {
    const Inst *loop = c->loop;
    if (!is_only_multiplied(c, c->body, v))
        return false;
    for (int k = 0; k < c->body->yields.n; k++)
        if (c->body->yields.data[k] == v && (is_yielded(loop->region, loop->out[k]) ||
                                             !is_only_multiplied(c, loop->region, loop->out[k])))
            return false;
    return true;
}

/* Below this a loop is unrolled rather than turned. */
enum { SHORT_LOOP = 16 };

static bool is_long(const Size *extent) {
    int64_t n;
    return !size_is_const(extent, &n) || n >= SHORT_LOOP;
}

/* Columns of a Jacobian go through the same rows, each with what is dear in them. Inside out, that
 * is done once a row; what products then read has the columns side by side. */
static bool turns_parallel(Cut *c, const Inst *inner) {
    if (!is_long(inner->attr.loop.extent) || !is_long(c->loop->attr.loop.extent) ||
        c->loop->attr.loop.n_acc > 0 || !repeats_dear(c, inner))
        return false;
    for (int k = inner->attr.loop.n_acc; k < inner->n_out; k++)
        if (!goes_to_products(c, inner->out[k]))
            return false;
    return true;
}

bool lift_turns(Cut *c, const Inst *inner) {
    if (ir_loop_flag(inner) >= 0 || !has_plain_types(c, inner) || !has_plain_sums(inner))
        return false;
    return inner->attr.loop.n_carry > 0 ? has_shared_product(c, inner->regions[0])
                                        : turns_parallel(c, inner);
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

static bool is_short(const Size *extent) {
    int64_t n;
    return size_is_const(extent, &n) ? n <= CHUNK : is_chunk(extent);
}

static bool stacks_floats(const Inst *loop) {
    for (int k = loop->attr.loop.n_acc; k < loop->n_out; k++)
        if (!value_is_float(loop->out[k]))
            return false;
    return true;
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
    Chunks chunks = chunks_of(b, extent, ir_int(b, S_i64, CHUNK));
    LoopSpec spec = {.extent = chunks.count,
                     .n_acc = loop->n_out,
                     .accs = accs.data,
                     .index_name = atom_of(&s->m->ctx->atoms, "chunk")};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value *const *sums = body.region->params.data + 1;
    Value *lo = chunk_start(&body, &chunks);
    const Size *rows = chunk_rows(&body, &chunks, lo);
    Inst *chunk = emit_chunk(&body, loop, rows, lo, sums, map);
    for (int k = 0; k < loop->n_out; k++)
        ir_yield(&body, k < na ? chunk->out[k] : ir_add_slice(&body, sums[k], chunk->out[k], lo));
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int k = 0; k < loop->n_out; k++) {
        name_after(s->m, out->out[k], loop->out[k]->name, "");
        irmap_put(map, loop->out[k], out->out[k]);
    }
    return true;
}
