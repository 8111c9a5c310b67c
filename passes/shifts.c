/* Sums at neighbouring places of an array, which one iteration adds to, go through the rows one
 * after the other:
 *
 *     loop i < n acc(a) { v = ..; a[i] += v; a[i + 1] -= v }
 *
 * becomes, a chunk of iterations at a time,
 *
 *     loop chunk acc(a) {
 *         s = loop i < rows acc(a) { v = ..; a[lo + i] += v; stack(v) }
 *         loop i < rows slice(v = s) acc(a) { a[lo + i + 1] -= v }
 *     }
 *
 * That is the adjoint of x[i + 1] - x[i], of a convolution, of a stencil. In lanes, each of the
 * sums is a load and a store of a vector, and a vector that reaches over two that were just stored
 * waits until both are in the cache: some twenty cycles, several times an iteration. A loop that
 * adds at one place has nothing to wait for, and what is handed from one loop to the next stays in
 * the nearest cache.
 *
 * What is stacked is what the sums have in common: v and not -v, y and not y times a weight; and
 * what the loop slices itself, is sliced again.
 *
 * Note [Which loops]
 * Flat ones without carries, checks and stacked results, whose indices into the array are the
 * iteration and something fixed. Those add at their places in whatever order. Runs late, when loops
 * are joined, as fuse would join these again. */
#include "passes/chunks.h"
#include "passes/rebuild.h"

enum {
    ROWS = 512,      /* of a chunk: of a few numbers each, so they stay in the nearest cache */
    SHORT_LOOP = 32, /* constant extents below are left alone */
    MOST_ADDS = 32,  /* of a loop */
    MOST_STEPS = 4   /* that are done again rather than handed over */
};

/* An add_at that moves to a loop of its own, or of those at the same place. */
typedef struct Add {
    const Inst *inst;
    int acc;                       /* which of the loop */
    const Value *last;             /* its last index */
    Value *base;                   /* what is stacked for it */
    const Inst *steps[MOST_STEPS]; /* from the base to what is added, the last first */
    int n_steps;
} Add;

typedef struct Shifts {
    IrModule *m;
    Arena *arena;
    const Inst *loop;
    Add adds[MOST_ADDS];
    int n;
    PtrMap moved; /* keys: their instructions */
} Shifts;

/* ---- which loops ---- */

static bool is_of_body(const Inst *loop, const Value *v) {
    return v->region == loop->regions[0];
}

/* The iteration, or that and something fixed. */
static bool goes_along(const Inst *loop, const Value *v) {
    const Value *index = loop->regions[0]->params.data[0];
    if (v == index)
        return true;
    const Inst *inst = v->inst;
    if (!inst || inst->op != OP_add)
        return false;
    return (inst->in[0] == index && !is_of_body(loop, inst->in[1])) ||
           (inst->in[1] == index && !is_of_body(loop, inst->in[0]));
}

static bool adds_along(const Inst *loop, const Inst *add) {
    if (add->op != OP_add_at || add->in[1]->type->rank > 0 || !value_is_float(add->in[1]) ||
        !is_of_body(loop, add->in[1]))
        return false;
    for (int k = 2; k < add->n_in - 1; k++)
        if (is_of_body(loop, add->in[k]))
            return false;
    return add->n_in - 2 == add->in[0]->type->rank && goes_along(loop, add->in[add->n_in - 1]);
}

static bool is_flat(const Inst *loop) {
    const Region *body = loop->regions[0];
    int64_t n;
    if (loop->attr.loop.n_carry > 0 || loop->n_out > loop->attr.loop.n_acc ||
        (size_is_const(loop->attr.loop.extent, &n) && n < SHORT_LOOP))
        return false;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (inst->n_region > 0 || op_info[inst->op].effect || inst->op == OP_contract)
            return false;
    }
    return true;
}

/* An operation on one number of the body, which may as well be done when that is read again. */
static Value *operand_of_step(const Inst *loop, const Inst *inst) {
    Value *of_body = NULL;
    if (!inst || (inst->op != OP_neg && inst->op != OP_mul && inst->op != OP_add))
        return NULL;
    for (int k = 0; k < inst->n_in; k++) {
        if (!is_of_body(loop, inst->in[k]))
            continue;
        if (of_body && of_body != inst->in[k])
            return NULL;
        of_body = inst->in[k];
    }
    return of_body;
}

static void find_base(const Inst *loop, Add *add) {
    add->base = add->inst->in[1];
    while (add->n_steps < MOST_STEPS) {
        Value *before = operand_of_step(loop, add->base->inst);
        if (!before)
            return;
        add->steps[add->n_steps++] = add->base->inst;
        add->base = before;
    }
}

/* The sums of acc k at other places than the first one of the iteration; false: they are not all
 * along the iteration, or too many. */
static bool find_moved(Shifts *s, int k) {
    const Inst *loop = s->loop;
    const Region *body = loop->regions[0];
    const Value *param = body->params.data[1 + loop->attr.loop.n_slice + k];
    const Value *v = body->yields.data[k], *first = NULL;
    int before = s->n;
    if (param->type->rank == 0)
        return true;
    for (; v != param; v = v->inst->in[0]) {
        if (!v->inst || v->region != body || !adds_along(loop, v->inst)) {
            s->n = before;
            return true; /* this one stays as it is */
        }
        const Value *last = v->inst->in[v->inst->n_in - 1];
        first = first ? first : last;
        if (last == first)
            continue;
        if (s->n == MOST_ADDS)
            return false;
        Add *add = &s->adds[s->n++];
        *add = (Add){.inst = v->inst, .acc = k, .last = last};
        find_base(loop, add);
    }
    return true;
}

static bool find_shifts(Shifts *s, const Inst *loop) {
    s->loop = loop;
    s->n = 0;
    if (loop->op != OP_loop || !is_flat(loop))
        return false;
    for (int k = 0; k < loop->attr.loop.n_acc; k++)
        if (!find_moved(s, k))
            return false;
    if (s->n == 0)
        return false;
    ptrmap_init(&s->moved, s->arena);
    for (int k = 0; k < s->n; k++)
        ptrmap_put(&s->moved, s->adds[k].inst, NULL);
    return true;
}

/* ---- emission ---- */

/* The loop over a chunk, or what is emitted in it. */
typedef struct Rows {
    IrBuilder *b; /* in the loop over chunks */
    Value *lo;
    const Size *extent;
    Value **sums; /* the accs so far */
    ValueList bases, stacked;
} Rows;

static void map_index(const Shifts *s, const Rows *rows, IrBuilder *body, IrMap *map) {
    irmap_put(map, s->loop->regions[0]->params.data[0],
              ir_ew2(body, OP_add, rows->lo, ir_body_index(body)));
}

static bool is_slice(const Inst *loop, const Value *v) {
    return !v->inst && v->index >= 1 && v->index <= loop->attr.loop.n_slice;
}

/* What the loop computes, and all sums but those that move. */
static void emit_own(Shifts *s, Rows *rows, IrMap *map) {
    const Inst *loop = s->loop;
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    Value **slices = ARENA_ARRAY(s->arena, ns + 1, Value *);
    for (int k = 0; k < ns; k++)
        slices[k] = ir_slice(rows->b, irmap_get(map, loop->in[k]), rows->lo, rows->extent);
    LoopSpec spec = {.extent = rows->extent,
                     .n_slice = ns,
                     .n_acc = na,
                     .slices = slices,
                     .accs = rows->sums,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(rows->b, &spec, &body);
    map_index(s, rows, &body, map);
    for (int k = 1; k < source->params.n; k++) {
        body.region->params.data[k]->name = source->params.data[k]->name;
        irmap_put(map, source->params.data[k], body.region->params.data[k]);
    }
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        body.loc = inst->loc;
        body.origin = inst->origin;
        if (ptrmap_has(&s->moved, inst))
            irmap_put(map, inst->out[0], irmap_get(map, inst->in[0]));
        else
            ir_clone_inst(&body, inst, map);
    }
    for (int k = 0; k < na; k++)
        ir_yield(&body, irmap_get(map, source->yields.data[k]));
    for (int k = 0; k < rows->bases.n; k++)
        if (!is_slice(loop, rows->bases.data[k]))
            ir_yield(&body, irmap_get(map, rows->bases.data[k]));
    Inst *out = ir_loop_end(rows->b, &spec, &body);
    for (int k = 0; k < na; k++)
        rows->sums[k] = out->out[k];
    for (int k = 0, n = na; k < rows->bases.n; k++) {
        const Value *base = rows->bases.data[k];
        vec_push(s->arena, &rows->stacked,
                 is_slice(loop, base) ? slices[base->index - 1] : out->out[n++]);
    }
}

static int place_in(const ValueList *list, const Value *v) {
    for (int k = 0; k < list->n; k++)
        if (list->data[k] == v)
            return k;
    return -1;
}

static Value *emit_add(IrBuilder *body, const Add *add, Value *acc, Value *base, IrMap *map) {
    Value *index[IR_MAX_RANK];
    const Inst *inst = add->inst, *last = add->last->inst;
    body->loc = inst->loc;
    body->origin = inst->origin;
    irmap_put(map, add->base, base);
    for (int k = add->n_steps - 1; k >= 0; k--)
        ir_clone_inst(body, add->steps[k], map);
    if (last && is_of_body(last->region->owner, add->last))
        ir_clone_inst(body, last, map);
    for (int k = 2; k < inst->n_in; k++)
        index[k - 2] = irmap_get(map, inst->in[k]);
    return ir_add_at(body, acc, irmap_get(map, inst->in[1]), inst->n_in - 2, index);
}

/* The sums of one acc at one place. */
static void emit_moved(Shifts *s, Rows *rows, int first, IrMap *map) {
    const Add *adds = s->adds;
    Value *slices[MOST_ADDS];
    ValueList bases = {0};
    for (int k = first; k < s->n; k++) {
        bool same = adds[k].acc == adds[first].acc && adds[k].last == adds[first].last;
        if (!same || place_in(&bases, adds[k].base) >= 0)
            continue;
        slices[bases.n] = rows->stacked.data[place_in(&rows->bases, adds[k].base)];
        vec_push(s->arena, &bases, adds[k].base);
    }
    Value **sum = &rows->sums[adds[first].acc];
    LoopSpec spec = {.extent = rows->extent,
                     .n_slice = bases.n,
                     .n_acc = 1,
                     .slices = slices,
                     .accs = sum,
                     .index_name = s->loop->regions[0]->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(rows->b, &spec, &body);
    map_index(s, rows, &body, map);
    Value *acc = body.region->params.data[1 + bases.n];
    for (int k = s->n - 1; k >= first; k--)
        if (adds[k].acc == adds[first].acc && adds[k].last == adds[first].last)
            acc = emit_add(&body, &adds[k], acc,
                           body.region->params.data[1 + place_in(&bases, adds[k].base)], map);
    ir_yield(&body, acc);
    *sum = ir_loop_end(rows->b, &spec, &body)->out[0];
}

static bool is_first(const Shifts *s, int k) {
    for (int j = 0; j < k; j++)
        if (s->adds[j].acc == s->adds[k].acc && s->adds[j].last == s->adds[k].last)
            return false;
    return true;
}

static void emit_shifts(Shifts *s, IrBuilder *b, IrMap *map) {
    const Inst *loop = s->loop;
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    IrBuilder body;
    Rows rows = {.b = &body};
    rows.sums = ARENA_ARRAY(s->arena, na + 1, Value *);
    b->loc = loop->loc;
    for (int k = 0; k < na; k++)
        rows.sums[k] = irmap_get(map, loop->in[ns + k]);
    for (int k = 0; k < s->n; k++)
        if (place_in(&rows.bases, s->adds[k].base) < 0)
            vec_push(s->arena, &rows.bases, s->adds[k].base);
    Chunks chunks = chunks_of(b, irmap_size(map, loop->attr.loop.extent), ir_int(b, S_i64, ROWS));
    LoopSpec spec = {.extent = chunks.count,
                     .n_acc = na,
                     .accs = rows.sums,
                     .index_name = atom_of(&s->m->ctx->atoms, "chunk")};
    ir_loop_begin(b, &spec, &body);
    rows.lo = chunk_start(&body, &chunks);
    rows.extent = chunk_rows(&body, &chunks, rows.lo);
    for (int k = 0; k < na; k++)
        rows.sums[k] = body.region->params.data[1 + k];
    emit_own(s, &rows, map);
    for (int k = 0; k < s->n; k++)
        if (is_first(s, k))
            emit_moved(s, &rows, k, map);
    for (int k = 0; k < na; k++)
        ir_yield(&body, rows.sums[k]);
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int k = 0; k < na; k++) {
        out->out[k]->name = loop->out[k]->name;
        irmap_put(map, loop->out[k], out->out[k]);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Shifts *s = user;
    if (find_shifts(s, inst))
        emit_shifts(s, b, map);
    else
        rebuild_inst(b, inst, map, emit, user);
}

bool pass_shifts(IrModule *m) {
    Shifts s = {.m = m, .arena = m->arena};
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            rebuild_func(m, m->funcs.data[i], emit, &s);
    return true;
}
