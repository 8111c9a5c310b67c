/* Arrays of small constant size become scalars, loops of small constant extent are unrolled.
 *
 * A small array (at most SMALL_ARRAY elements, all extents constant) is represented by its elements
 * while it is only indexed by constants; then carried states of a few numbers live in registers.
 * Where an array is needed as a whole (a result, a stacked element, a dynamic index) it is put
 * together by `array`. Small arrays in memory (parameters, slices) are read element by element.
 * Called before `loops`, so elementwise operations still stand on whole arrays, and after it.
 *
 * Note [Rows in vectors]
 * An array of VECTOR_ROW numbers fills a vector. Outside of loops that may run in lanes, where each
 * lane has an array of its own, it is better left in memory when it comes from a row of a larger
 * array or from a product, or goes there: as scalars it would be taken apart and put together
 * again, number by number. */
#include "passes/scalarize.h"
#include "passes/rebuild.h"

#include <string.h>

enum { UNROLLED_SIZE = 1200 };

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* ---- analysis: what is unrolled, what stays whole ---- */

/* Instructions of a region once the loops in it that are unrolled are. */
static int64_t unrolled_size(const Scalarize *s, const Region *region) {
    int64_t size = region->insts.n;
    for (int i = 0; i < region->insts.n && size <= UNROLLED_SIZE; i++) {
        const Inst *inst = region->insts.data[i];
        int64_t n = 1;
        if (ptrmap_has(&s->unroll, inst))
            size_is_const(inst->attr.loop.extent, &n);
        for (int k = 0; k < inst->n_region; k++)
            size += n * unrolled_size(s, inst->regions[k]);
    }
    return size;
}

/* ---- rows in vectors: see the note ---- */

/* Also adding a number of the row to a larger sum, at the place of the row. */
static bool works_on_row(const Inst *loop, const Inst *inst) {
    if (inst->op == OP_add_at)
        return inst->in[0]->is_acc && inst->in[1]->type->rank == 0 &&
               inst->in[inst->n_in - 1] == loop->regions[0]->params.data[0];
    return op_is_elementwise(inst->op) || inst->op == OP_const;
}

/* A loop that only computes numbers of such rows. */
static bool makes_vector_rows(const Inst *loop) {
    const Region *body = loop->regions[0];
    int64_t n;
    if (!size_is_const(loop->attr.loop.extent, &n) || n != VECTOR_ROW ||
        loop->attr.loop.n_carry > 0 || !is_outside_lanes(loop->region))
        return false;
    for (int i = 0; i < body->insts.n; i++)
        if (!works_on_row(loop, body->insts.data[i]))
            return false;
    for (int k = 0; k < body->yields.n; k++) {
        const Value *y = body->yields.data[k];
        if ((y->type->rank > 0) != (k < loop->attr.loop.n_acc) || !value_is_float(y))
            return false;
    }
    return body->yields.n > 0;
}

/* Sizes in the body depend on the iteration. */
static bool binds_index(const Inst *loop) {
    const Region *body = loop->regions[0];
    for (int i = 0; i < body->insts.n; i++)
        if (body->insts.data[i]->op == OP_dim)
            return true;
    return false;
}

static bool can_unroll(Scalarize *s, const Inst *loop) {
    int64_t n;
    if (!size_is_const(loop->attr.loop.extent, &n) || n > SMALL_EXTENT || makes_vector_rows(loop))
        return false;
    const Region *body = loop->regions[0];
    if (unrolled_size(s, body) * n > UNROLLED_SIZE)
        return false;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool dear =
            op_is_elementwise(inst->op) && op_info[inst->op].cost >= DEAR_COST && n > SMALL_DEAR;
        bool row = inst->op == OP_loop && makes_vector_rows(inst) && n <= SMALL_DEAR;
        bool loops = inst->op == OP_loop && !ptrmap_has(&s->unroll, inst) && !row;
        bool shaped = binds_index(loop) && n <= SMALL_DEAR; /* sizes become known */
        if (dear || ((loops || inst->op == OP_contract) && !shaped))
            return false;
    }
    return true;
}

static void find_unrolled(Scalarize *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            find_unrolled(s, inst->regions[k]);
        if (inst->op == OP_loop && can_unroll(s, inst))
            ptrmap_put(&s->unroll, inst, NULL);
    }
}

static bool is_constant_index(Scalarize *s, const Value *i) {
    if (i->inst)
        return i->inst->op == OP_const;
    return i->index == 0 && i->region->owner && ptrmap_has(&s->unroll, i->region->owner);
}

/* Also the rows of a slice that is added are counted by a constant. */
static bool has_constant_indices(Scalarize *s, const Inst *inst) {
    int first = inst->op == OP_index || inst->op == OP_slice ? 1 : 2;
    int64_t rows;
    if (inst->op == OP_add_slice && !size_is_const(inst->in[1]->type->dims[0], &rows))
        return false;
    for (int k = first; k < inst->n_in; k++)
        if (!is_constant_index(s, inst->in[k]))
            return false;
    return true;
}

static void keep_whole(Scalarize *s, Value *v, bool *changed) {
    if (small_array_count(v->type) == 0 || ptrmap_has(&s->whole, v))
        return;
    ptrmap_put(&s->whole, v, NULL);
    *changed = true;
}

static void tie(Scalarize *s, Value *const *vs, int n, bool *changed) {
    bool any = false;
    for (int i = 0; i < n; i++)
        any = any || ptrmap_has(&s->whole, vs[i]);
    for (int i = 0; any && i < n; i++)
        keep_whole(s, vs[i], changed);
}

static bool is_in_memory(const Value *v) {
    return v->type->rank > 0 && small_array_count(v->type) == 0;
}

static void keep_row(Scalarize *s, Value *v, bool *changed) {
    if (is_vector_row(v->type))
        keep_whole(s, v, changed);
}

/* Rows that larger arrays, products and loops over numbers make and take. */
static void find_vector_rows(Scalarize *s, const Inst *inst, bool *changed) {
    bool large = false;
    int n = inst->op == OP_loop ? inst->attr.loop.n_slice : inst->n_in;
    for (int k = 0; k < inst->n_in; k++)
        large = large || is_in_memory(inst->in[k]);
    for (int k = 0; k < inst->n_out; k++)
        large = large || is_in_memory(inst->out[k]);
    bool moves = inst->op == OP_contract || inst->op == OP_index || inst->op == OP_update;
    bool makes = inst->op == OP_loop && makes_vector_rows(inst);
    for (int k = 0; k < n && ((moves && large) || makes); k++)
        keep_row(s, inst->in[k], changed);
    for (int k = 0; k < inst->n_out && ((moves && large) || makes); k++)
        keep_row(s, inst->out[k], changed);
    if (!op_is_elementwise(inst->op) || !is_vector_row(inst->out[0]->type))
        return;
    Value *all[4] = {inst->out[0]};
    memcpy(all + 1, inst->in, (size_t)inst->n_in * sizeof *all);
    tie(s, all, 1 + inst->n_in, changed);
}

static void find_whole(Scalarize *s, const Region *region, bool *changed) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool indexed = inst->op == OP_index || inst->op == OP_slice;
        bool scatters = inst->op == OP_add_at || inst->op == OP_update || inst->op == OP_add_slice;
        if ((indexed || scatters) && !has_constant_indices(s, inst))
            keep_whole(s, inst->in[0], changed);
        if (is_outside_lanes(region))
            find_vector_rows(s, inst, changed);
        bool sums = (inst->op == OP_add || inst->op == OP_sub) && inst->in[0]->is_acc;
        if (scatters || sums)
            tie(s, (Value *[]){inst->in[0], inst->out[0]}, 2, changed);
        for (int k = 0; k < inst->n_region; k++)
            find_whole(s, inst->regions[k], changed);
        if (inst->op == OP_if)
            for (int k = 0; k < inst->n_out; k++)
                tie(s,
                    (Value *[]){inst->out[k], inst->regions[0]->yields.data[k],
                                inst->regions[1]->yields.data[k]},
                    3, changed);
        if (inst->op != OP_loop)
            continue;
        const Region *body = inst->regions[0];
        int ns = inst->attr.loop.n_slice, nstate = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
        for (int k = 0; k < nstate; k++)
            tie(s,
                (Value *[]){inst->out[k], inst->in[ns + k], body->params.data[1 + ns + k],
                            body->yields.data[k]},
                4, changed);
    }
}

/* ---- loops and ifs ---- */

static void push_state(Scalarize *s, IrBuilder *b, Value *v, IrMap *map, bool split,
                       ValueList *out) {
    Parts *p = split ? parts_of(s, b, v, map) : NULL;
    for (int k = 0; p && k < p->n; k++)
        vec_push(s->arena, out, p->e[k]);
    if (!p)
        vec_push(s->arena, out, parts_whole(s, b, v, map));
}

/* Takes a source value from a list where it stands in parts or whole; returns how many were taken.
 */
static int take_state(Scalarize *s, Value *v, IrMap *map, Value *const *from) {
    if (!parts_splits(s, v)) {
        irmap_put(map, v, from[0]);
        from[0]->name = v->name;
        return 1;
    }
    Parts *p = parts_new(s, small_array_count(v->type));
    for (int k = 0; k < p->n; k++) {
        p->e[k] = from[k];
        from[k]->name = v->name;
    }
    ptrmap_put(&s->parts, v, p);
    return p->n;
}

static void emit_loop(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Region *source = inst->regions[0];
    int ns = inst->attr.loop.n_slice, nc = inst->attr.loop.n_carry, na = inst->attr.loop.n_acc;
    ValueList slices = {0}, carries = {0}, accs = {0};
    for (int i = 0; i < ns; i++)
        vec_push(s->arena, &slices, parts_whole(s, b, inst->in[i], map));
    for (int i = 0; i < nc; i++)
        push_state(s, b, inst->in[ns + i], map, parts_splits(s, inst->out[i]), &carries);
    for (int i = nc; i < nc + na; i++)
        push_state(s, b, inst->in[ns + i], map, parts_splits(s, inst->out[i]), &accs);
    LoopSpec spec = {.extent = irmap_size(map, inst->attr.loop.extent),
                     .reverse = inst->attr.loop.reverse,
                     .n_slice = ns,
                     .n_carry = carries.n,
                     .n_acc = accs.n,
                     .slices = slices.data,
                     .carries = carries.data,
                     .accs = accs.data,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **p = body.region->params.data;
    for (int i = 0; i <= ns; i++) {
        p[i]->name = source->params.data[i]->name;
        irmap_put(map, source->params.data[i], p[i]);
    }
    p += 1 + ns;
    for (int i = 0; i < nc + na; i++)
        p += take_state(s, source->params.data[1 + ns + i], map, p);
    rebuild_insts(&body, source, map, emit, s);
    ValueList yields = {0};
    for (int i = 0; i < source->yields.n; i++)
        push_state(s, &body, source->yields.data[i], map,
                   i < nc + na && parts_splits(s, inst->out[i]), &yields);
    for (int i = 0; i < yields.n; i++)
        ir_yield(&body, yields.data[i]);
    b->loc = inst->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    for (int i = 0; i < inst->n_out; i++) {
        if (i < nc + na) {
            out += take_state(s, inst->out[i], map, out);
            continue;
        }
        (*out)->name = inst->out[i]->name;
        irmap_put(map, inst->out[i], *out++);
    }
}

static void emit_unrolled(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Region *source = inst->regions[0];
    int ns = inst->attr.loop.n_slice, nstate = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    int64_t n = 0;
    size_is_const(inst->attr.loop.extent, &n);
    ValueList *state = ARENA_ARRAY(s->arena, inst->n_out + 1,
                                   ValueList); /* of each state: now; of each stack: so far */
    for (int k = 0; k < nstate; k++)
        push_state(s, b, inst->in[ns + k], map, parts_splits(s, inst->out[k]), &state[k]);
    for (int64_t step = 0; step < n; step++) {
        Value *i = ir_int(b, S_i64, inst->attr.loop.reverse ? n - 1 - step : step);
        irmap_put(map, source->params.data[0], i);
        for (int k = 0; k < ns; k++) {
            Value *p = source->params.data[1 + k];
            Parts *x = ptrmap_get(&s->parts, inst->in[k]);
            int64_t each = p->type->rank == 0 ? 1 : small_array_count(p->type);
            Parts *element = parts_new(s, x ? (int)each : 1);
            for (int j = 0; x && j < element->n; j++)
                element->e[j] = x->e[i->inst->attr.integer * each + j];
            if (x)
                parts_set(s, b, p, element, map);
            else
                irmap_put(map, p, ir_index(b, irmap_get(map, inst->in[k]), 1, &i));
        }
        for (int k = 0; k < nstate; k++)
            take_state(s, source->params.data[1 + ns + k], map, state[k].data);
        rebuild_insts(b, source, map, emit, s);
        for (int k = 0; k < inst->n_out; k++) {
            if (k < nstate)
                state[k].n = 0;
            ValueList next = {0};
            push_state(s, b, source->yields.data[k], map,
                       k < nstate && parts_splits(s, inst->out[k]), &next);
            for (int j = 0; j < next.n; j++)
                vec_push(s->arena, &state[k], next.data[j]);
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        if (k < nstate) {
            take_state(s, inst->out[k], map, state[k].data);
            continue;
        }
        Value **rows = state[k].data;
        if (inst->attr.loop.reverse)
            for (int64_t i = 0; i < n / 2; i++) {
                Value *swap = rows[i];
                rows[i] = rows[n - 1 - i];
                rows[n - 1 - i] = swap;
            }
        bool flat = parts_splits(s, inst->out[k]) && inst->out[k]->type->rank == 1;
        if (n <= 0) { /* below 0 in code that is not reached */
            irmap_put(map, inst->out[k], ir_const(b, irmap_type(map, inst->out[k]->type), 0.0));
        } else if (flat) {
            Parts *p = parts_new(s, (int)n);
            memcpy(p->e, rows, (size_t)n * sizeof *p->e);
            ptrmap_put(&s->parts, inst->out[k], p);
        } else {
            irmap_put(map, inst->out[k], ir_array(b, (int)n, rows));
        }
    }
}

static void emit_if(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    IrBuilder branch[2];
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        rebuild_insts(&branch[k], inst->regions[k], map, emit, s);
        ValueList yields = {0};
        for (int i = 0; i < inst->n_out; i++)
            push_state(s, &branch[k], inst->regions[k]->yields.data[i], map,
                       parts_splits(s, inst->out[i]), &yields);
        for (int i = 0; i < yields.n; i++)
            ir_yield(&branch[k], yields.data[i]);
    }
    Value **out = ARENA_ARRAY(s->arena, branch[0].region->yields.n + 1, Value *);
    b->loc = inst->loc;
    ir_if_values(b, irmap_get(map, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++)
        out += take_state(s, inst->out[i], map, out);
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Scalarize *s = user;
    b->loc = inst->loc;
    if (inst->op == OP_loop) {
        (ptrmap_has(&s->unroll, inst) ? emit_unrolled : emit_loop)(s, b, inst, map);
        return;
    }
    if (inst->op == OP_if) {
        emit_if(s, b, inst, map);
        return;
    }
    Parts *p = parts_split(s, b, inst, map);
    if (p) {
        parts_set(s, b, inst->out[0], p, map);
        return;
    }
    Value *sum = inst->op == OP_contract ? parts_sum_of_rows(s, b, inst, map) : NULL;
    if (sum) {
        name_keep(b->m, sum, inst->out[0]->name);
        irmap_put(map, inst->out[0], sum);
        return;
    }
    for (int k = 0; k < inst->n_in; k++)
        irmap_put(map, inst->in[k], parts_whole(s, b, inst->in[k], map));
    for (int k = 0; k < inst->n_out; k++) /* an unrolled iteration before may have split it */
        ptrmap_put(&s->parts, inst->out[k], NULL);
    rebuild_inst(b, inst, map, emit, s);
}

bool pass_scalarize(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        if (f->is_extern)
            continue;
        Scalarize s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.parts, m->arena);
        ptrmap_init(&s.whole, m->arena);
        ptrmap_init(&s.unroll, m->arena);
        find_unrolled(&s, f->body);
        for (bool changed = true; changed;) {
            changed = false;
            find_whole(&s, f->body, &changed);
        }
        Region *old = f->body, *body = ARENA_NEW(m->arena, Region);
        IrMap map;
        IrBuilder b;
        body->func = f;
        irmap_init(&map, m, m->arena);
        for (int k = 0; k < old->params.n; k++)
            irmap_put(&map, old->params.data[k],
                      ir_param(m, body, old->params.data[k]->type, old->params.data[k]->name));
        ir_builder_init(&b, m, body);
        rebuild_insts(&b, old, &map, emit, &s);
        for (int k = 0; k < old->yields.n; k++)
            ir_yield(&b, parts_whole(&s, &b, old->yields.data[k], &map));
        f->body = body;
    }
    return true;
}
