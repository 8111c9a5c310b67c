/* Simplification: folding and hash-consing (by the builder), dead code, loop trimming,
 * loop-invariant code.
 *
 * One round rebuilds a function from its live values only. Loops lose results, carries, accs and
 * slices that nothing reads; a carry that never changes becomes its initial value; a slice of a
 * broadcast becomes what was broadcast; a stack of slices, turned or not, the array itself, one of
 * broadcasts a broadcast of what they are made of; a carry
 * that is only added to becomes an acc; of two equal loops or accs one stays. Instructions without
 * effect move out of loops as far as their operands allow, never out of an `if`. Rounds are
 * repeated while they shrink the function, as each exposes more.
 *
 * Note [Hoisting stays safe]
 * A hoisted instruction may run although its loop does not. So only what inst_is_pure allows moves:
 * no check, no index that a check guards. */
#include "passes/liveness.h"
#include "passes/rebuild.h"
#include "passes/same.h"

typedef struct Level {
    IrBuilder *b;
    struct Level *up;
    bool is_loop;
} Level;

typedef struct Simplify {
    IrModule *m;
    Arena *arena;
    Liveness live;
    PtrMap uses;
    PtrMap sums;       /* the add that feeds an acc made of a carry -> the carry parameter */
    PtrMap dropped;    /* adds of accs that another acc of the loop duplicates */
    PtrMap sym_region; /* emitted size symbol -> Region that binds it */
    PtrMap bound;      /* emitted value -> a symbol bound to it */
    Level *level;
    bool hoist;
} Simplify;

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* ---- loop-invariant code ---- */

static const Region *deeper(const Region *a, const Region *b) {
    return region_contains(b, a) ? a : b;
}

/* The innermost region that any of the sizes in a type is bound in. */
static const Region *size_region(const Simplify *s, const Size *size, const Region *so_far) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++) {
            const Region *r = ptrmap_get(&s->sym_region, size->terms[t].syms[k]);
            if (r)
                so_far = deeper(so_far, r);
        }
    return so_far;
}

static const Region *type_region(const Simplify *s, const Type *type, const Region *so_far) {
    for (int d = 0; d < type->rank; d++)
        so_far = size_region(s, type->dims[d], so_far);
    return so_far;
}

static const Region *needed_region(Simplify *s, const Inst *inst, IrMap *map, const Region *top);

static const Region *nested_needs(Simplify *s, const Inst *inst, IrMap *map, const Region *at) {
    for (int k = 0; k < inst->n_region; k++) {
        ValueList free = {0};
        PtrMap syms;
        ptrmap_init(&syms, s->arena);
        ir_free_values(s->arena, inst->regions[k], &free);
        for (int i = 0; i < free.n; i++)
            if (is_live(&s->live, free.data[i]))
                at = deeper(at, irmap_get(map, free.data[i])->region);
        ir_free_syms(s->arena, inst->regions[k], &syms);
        for (uint32_t i = 0; i < syms.cap; i++)
            if (syms.keys[i]) {
                SizeSym *sym = (SizeSym *)(uintptr_t)syms.keys[i];
                at = size_region(s, irmap_size(map, size_sym(&s->m->ctx->polys, sym)), at);
            }
    }
    return at;
}

/* The innermost region that an operand or a size of inst lives in. */
static const Region *needed_region(Simplify *s, const Inst *inst, IrMap *map, const Region *top) {
    const Region *at = top;
    for (int k = 0; k < inst->n_in; k++)
        if (is_live(&s->live, inst->in[k])) /* the rest of a loop's operands goes */
            at = deeper(at, irmap_get(map, inst->in[k])->region);
    for (int k = 0; k < inst->n_out; k++)
        at = type_region(s, irmap_type(map, inst->out[k]->type), at);
    if (inst->op == OP_size)
        at = size_region(s, irmap_size(map, inst->attr.size), at);
    if (inst->op == OP_loop)
        at = size_region(s, irmap_size(map, inst->attr.loop.extent), at);
    if (inst->op == OP_loop && inst->attr.loop.checkpoint_arg)
        at = size_region(s, irmap_size(map, inst->attr.loop.checkpoint_arg), at);
    return nested_needs(s, inst, map, at);
}

static Level *hoist_level(Simplify *s, const Inst *inst, IrMap *map) {
    Level *level = s->level, *top = level;
    if (!s->hoist || !level->is_loop || !(inst_is_pure(inst) || inst->op == OP_dim))
        return level;
    while (top->up)
        top = top->up;
    const Region *at = needed_region(s, inst, map, top->b->region);
    while (level->is_loop && level->b->region != at && level->up)
        level = level->up;
    return level;
}

/* ---- loops ---- */

/* A carry only added to: body param p, used once, by an add whose only use is p's own yield.
 * Returns the add. */
static Inst *sum_carry(const Simplify *s, const Inst *loop, int k) {
    const Region *body = loop->regions[0];
    Value *p = body->params.data[1 + loop->attr.loop.n_slice + k], *y = body->yields.data[k];
    if (!value_is_float(p) || !y->inst || y->inst->op != OP_add || y->region != body)
        return NULL;
    bool used_once = ptrmap_get(&s->uses, p) == (void *)1 && ptrmap_get(&s->uses, y) == (void *)1;
    bool adds = y->inst->in[0] == p || y->inst->in[1] == p;
    return used_once && adds ? y->inst : NULL;
}

/* An acc of the loop, before k, that sums the same from the same start; -1 when there is none. */
static int same_acc(const Simplify *s, const Inst *loop, int k, IrMap *map) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice;
    const Inst *sum = sum_carry(s, loop, k);
    if (!sum)
        return -1;
    for (int j = loop->attr.loop.n_carry; j < k; j++) {
        const Inst *other = sum_carry(s, loop, j);
        bool same_start = irmap_get(map, loop->in[ns + j]) == irmap_get(map, loop->in[ns + k]);
        if (other && same_start && is_live(&s->live, loop->out[j]) &&
            sum->in[0] == body->params.data[1 + ns + k] && other->in[1] == sum->in[1] &&
            other->in[0] == body->params.data[1 + ns + j] && !ptrmap_has(&s->dropped, other))
            return j;
    }
    return -1;
}

typedef struct Trim {
    const Inst *loop;
    VEC(Value *) slices, carries, accs; /* mapped operands of the new loop */
    int *param;   /* source body param (without the index) -> its place in the new list of its kind,
                     or -1 */
    int *result;  /* source result -> place in the new results, or -1 */
    int *twin;    /* state k -> the acc that it duplicates, or -1 */
    bool *as_acc; /* carry k became an acc */
    bool *spread; /* of result k what is stacked is what each element is a broadcast of */
} Trim;

/* What is the same along the axes behind the first: a broadcast with its first axis of `v` moved to
 * the front. */
static Value *spread(IrBuilder *b, Value *v, const Type *type) {
    const Size *dims[IR_MAX_RANK];
    int8_t perm[IR_MAX_RANK];
    int added = type->rank - v->type->rank;
    for (int k = 0; k < type->rank; k++) {
        dims[k] = type->dims[k < added ? k + 1 : k == added ? 0 : k];
        perm[k] = (int8_t)(k == 0 ? added : k <= added ? k - 1 : k);
    }
    return ir_transpose(b, ir_broadcast(b, v, ir_type(b->m, type->elem, type->rank, dims)), perm);
}

/* The v of such an array; NULL for others. */
static Value *spread_of(const Value *x) {
    if (!x->inst || x->inst->op != OP_transpose)
        return NULL;
    const Value *wide = x->inst->in[0];
    if (!wide->inst || wide->inst->op != OP_broadcast || wide->inst->in[0]->type->rank == 0)
        return NULL;
    int added = wide->type->rank - wide->inst->in[0]->type->rank;
    for (int k = 0; k < x->type->rank; k++)
        if (x->inst->attr.perm[k] != (k == 0 ? added : k <= added ? k - 1 : k))
            return NULL;
    return wide->inst->in[0];
}

static bool is_invariant_state(const Inst *loop, int k) {
    return loop->regions[0]->yields.data[k] ==
           loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + k];
}

/* What a slice operand gives to an iteration without being sliced, if anything: the source of a
 * broadcast. */
static Value *unsliced(Simplify *s, IrBuilder *body, Value *operand) {
    Inst *inst = operand->inst;
    if (!inst || inst->op != OP_broadcast)
        return NULL;
    return ir_broadcast(body, inst->in[0], ir_drop_axes(s->m, operand->type, 1));
}

static void trim_slices(Simplify *s, Trim *t, IrMap *map) {
    const Inst *loop = t->loop;
    for (int i = 0; i < loop->attr.loop.n_slice; i++) {
        Value *operand = irmap_get(map, loop->in[i]), *source = spread_of(operand);
        Value *x = source ? source : operand;
        t->param[i] = -1;
        bool wanted = is_live(&s->live, loop->regions[0]->params.data[1 + i]);
        bool plain = !(x->inst && (x->inst->op == OP_broadcast || x->inst->op == OP_iota));
        if (!wanted || !plain)
            continue;
        for (int k = 0; k < t->slices.n; k++)
            if (t->slices.data[k] == x)
                t->param[i] = k;
        if (t->param[i] < 0) {
            t->param[i] = t->slices.n;
            vec_push(s->arena, &t->slices, x);
        }
    }
}

static void trim_state(Simplify *s, Trim *t, IrMap *map) {
    const Inst *loop = t->loop;
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    for (int k = 0; k < nc + na; k++) {
        Value *init = irmap_get(map, loop->in[ns + k]);
        t->param[ns + k] = -1;
        t->as_acc[k] = k >= nc;
        t->twin[k] = -1;
        if (!is_live(&s->live, loop->out[k]) || is_invariant_state(loop, k))
            continue;
        if (k >= nc && (t->twin[k] = same_acc(s, loop, k, map)) >= 0) {
            ptrmap_put(&s->dropped, loop->regions[0]->yields.data[k]->inst, NULL);
            continue;
        }
        Inst *sum = k < nc ? sum_carry(s, loop, k) : NULL;
        if (sum) {
            t->as_acc[k] = true;
            ptrmap_put(&s->sums, sum, loop->regions[0]->params.data[1 + ns + k]);
        }
        if (t->as_acc[k]) {
            t->param[ns + k] = t->accs.n;
            vec_push(s->arena, &t->accs, init);
        } else {
            t->param[ns + k] = t->carries.n;
            vec_push(s->arena, &t->carries, init);
        }
    }
}

static void map_body_params(Simplify *s, Trim *t, IrBuilder *body, IrMap *map) {
    const Inst *loop = t->loop;
    const Region *source = loop->regions[0];
    Value **params = body->region->params.data;
    int ns = loop->attr.loop.n_slice;
    irmap_put(map, source->params.data[0], params[0]);
    for (int i = 0; i < source->params.n - 1; i++) {
        Value *p = source->params.data[1 + i], *operand = irmap_get(map, loop->in[i]), *to;
        if (t->param[i] >= 0) {
            int first = i < ns ? 1 : 1 + t->slices.n + (t->as_acc[i - ns] ? t->carries.n : 0);
            to = params[first + t->param[i]];
            to->name = p->name;
            if (i < ns && spread_of(operand))
                to = ir_broadcast(body, to, ir_drop_axes(s->m, operand->type, 1));
        } else if (i < ns && operand->inst && operand->inst->op == OP_iota) {
            to = params[0];
        } else if (i < ns) {
            to = is_live(&s->live, p) ? unsliced(s, body, operand) : NULL;
        } else {
            to = operand; /* never changes */
        }
        if (to)
            irmap_put(map, p, to);
    }
}

/* What a slice, or a transpose of one, is an element of; NULL for anything else. */
static Value *whole_of(const Trim *t, IrBuilder *b, const Region *body, const Value *element) {
    int k = element->index - 1;
    if (element->region != body)
        return NULL;
    if (!element->inst)
        return k >= 0 && k < t->slices.n ? t->slices.data[k] : NULL;
    Value *whole =
        element->inst->op == OP_transpose ? whole_of(t, b, body, element->inst->in[0]) : NULL;
    if (!whole)
        return NULL;
    int8_t perm[IR_MAX_RANK] = {0};
    for (int axis = 0; axis < element->type->rank; axis++)
        perm[1 + axis] = (int8_t)(1 + element->inst->attr.perm[axis]);
    return ir_transpose(b, whole, perm);
}

/* A stacked element that needs no stack: the same every time, or a view of a slice. Mapped to its
 * result. */
static bool stack_is_trivial(const Trim *t, IrBuilder *b, const Region *body, Value *element,
                             Value *result, IrMap *map) {
    Value *whole = region_contains(body, element->region)
                       ? whole_of(t, b, body, element)
                       : ir_broadcast(b, element, irmap_type(map, result->type));
    if (whole)
        irmap_put(map, result, whole);
    return whole != NULL;
}

static void yield_results(Simplify *s, Trim *t, IrBuilder *b, IrBuilder *body, IrMap *map) {
    const Inst *loop = t->loop;
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int want_acc = 0; want_acc < 2; want_acc++)
        for (int k = 0; k < nstate; k++)
            if (t->param[ns + k] >= 0 && t->as_acc[k] == (want_acc == 1)) {
                t->result[k] = body->region->yields.n;
                ir_yield(body, irmap_get(map, source->yields.data[k]));
            }
    int first_stack = body->region->yields.n;
    for (int k = nstate; k < loop->n_out; k++) {
        Value *element = irmap_get(map, source->yields.data[k]);
        t->result[k] = -1;
        if (!is_live(&s->live, loop->out[k]) ||
            stack_is_trivial(t, b, body->region, element, loop->out[k], map))
            continue;
        if (element->inst && element->inst->op == OP_broadcast) {
            t->spread[k] = true;
            element = element->inst->in[0];
        }
        for (int j = first_stack; j < body->region->yields.n; j++)
            if (body->region->yields.data[j] == element)
                t->result[k] = j;
        if (t->result[k] < 0) {
            t->result[k] = body->region->yields.n;
            ir_yield(body, element);
        }
    }
}

static void emit_loop(Simplify *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    Trim t = {.loop = loop};
    t.param = ARENA_ARRAY(s->arena, loop->n_in + 1, int);
    t.result = ARENA_ARRAY(s->arena, loop->n_out + 1, int);
    t.twin = ARENA_ARRAY(s->arena, nstate + 1, int);
    t.as_acc = ARENA_ARRAY(s->arena, nstate + 1, bool);
    t.spread = ARENA_ARRAY(s->arena, loop->n_out + 1, bool);
    trim_slices(s, &t, map);
    trim_state(s, &t, map);
    for (int k = 0; k < nstate; k++)
        if (is_invariant_state(loop, k))
            irmap_put(map, loop->out[k], irmap_get(map, loop->in[ns + k]));
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, loop->attr.loop.checkpoint_arg),
                     .n_slice = t.slices.n,
                     .n_carry = t.carries.n,
                     .n_acc = t.accs.n,
                     .slices = t.slices.data,
                     .carries = t.carries.data,
                     .accs = t.accs.data,
                     .index_name = loop->regions[0]->params.data[0]->name};
    if (spec.n_carry == 0)
        spec.reverse = false; /* iterations commute */
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Level level = {.b = &body, .up = s->level, .is_loop = true};
    s->level = &level;
    map_body_params(s, &t, &body, map);
    rebuild_insts(&body, loop->regions[0], map, emit, s);
    s->level = level.up;
    yield_results(s, &t, b, &body, map);
    if (body.region->yields.n == 0 && !region_holds(body.region, OP_check))
        return; /* only hoisted or trivial results were left */
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    Inst *same = find_same_loop(s->arena, out);
    for (int k = 0; k < loop->n_out; k++) {
        bool made = k < nstate ? t.param[ns + k] >= 0 : t.result[k] >= 0;
        if (!made)
            continue;
        out->out[t.result[k]]->name = loop->out[k]->name;
        Value *result = (same ? same : out)->out[t.result[k]];
        irmap_put(map, loop->out[k],
                  t.spread[k] ? spread(b, result, irmap_type(map, loop->out[k]->type)) : result);
    }
    for (int k = 0; k < nstate; k++)
        if (t.twin[k] >= 0)
            irmap_put(map, loop->out[k], irmap_get(map, loop->out[t.twin[k]]));
}

/* ---- ifs ---- */

static void emit_if(Simplify *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    IrBuilder branch[2];
    Value **out = ARENA_ARRAY(s->arena, inst->n_out + 1, Value *);
    int n = 0;
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        Level level = {.b = &branch[k], .up = s->level, .is_loop = false};
        s->level = &level;
        rebuild_insts(&branch[k], inst->regions[k], map, emit, s);
        s->level = level.up;
        for (int i = 0; i < inst->n_out; i++)
            if (is_live(&s->live, inst->out[i]))
                ir_yield(&branch[k], irmap_get(map, inst->regions[k]->yields.data[i]));
    }
    if (branch[0].region->yields.n == 0 && !region_holds(branch[0].region, OP_check) &&
        !region_holds(branch[1].region, OP_check))
        return;
    b->loc = inst->loc;
    ir_if_values(b, irmap_get(map, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++)
        if (is_live(&s->live, inst->out[i])) {
            name_keep(b->m, out[n], inst->out[i]->name);
            irmap_put(map, inst->out[i], out[n++]);
        }
}

/* A value bound twice gives one symbol, so that loops over it have one extent. */
static void emit_dim(Simplify *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Value *k = irmap_get(map, inst->in[0]);
    SizeSym *known = ptrmap_get(&s->bound, k);
    if (known && region_contains(ptrmap_get(&s->sym_region, known), b->region)) {
        ptrmap_put(&map->syms, inst->attr.sym,
                   (void *)(uintptr_t)size_sym(&s->m->ctx->polys, known));
        return;
    }
    ir_clone_inst(b, inst, map);
    SizeSym *sym = size_is_sym(irmap_size(map, size_sym(&s->m->ctx->polys, inst->attr.sym)));
    if (!sym)
        return;
    ptrmap_put(&s->sym_region, sym, b->region);
    ptrmap_put(&s->bound, k, sym);
}

static void emit_at(Simplify *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    b->loc = inst->loc;
    b->origin = inst->origin;
    if (inst->op == OP_loop) {
        emit_loop(s, b, inst, map);
    } else if (inst->op == OP_if) {
        emit_if(s, b, inst, map);
    } else {
        const Value *carry = ptrmap_get(&s->sums, inst);
        if (carry && inst->in[1] == carry) { /* an acc is the first operand */
            irmap_put(map, inst->out[0],
                      ir_ew2(b, OP_add, irmap_get(map, inst->in[1]), irmap_get(map, inst->in[0])));
            return;
        }
        if (inst->op == OP_dim)
            emit_dim(s, b, inst, map);
        else
            ir_clone_inst(b, inst, map);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Simplify *s = user;
    if (!inst_is_live(&s->live, inst) || ptrmap_has(&s->dropped, inst))
        return;
    Level *here = s->level, *at = hoist_level(s, inst, map);
    (void)b;
    s->level = at;
    emit_at(s, at->b, inst, map);
    s->level = here;
}

static void simplify_round(IrModule *m, Func *f, bool hoist) {
    Simplify s = {.m = m, .arena = m->arena, .hoist = hoist};
    liveness_find(&s.live, s.arena, f);
    ptrmap_init(&s.uses, s.arena);
    ptrmap_init(&s.sums, s.arena);
    ptrmap_init(&s.dropped, s.arena);
    ptrmap_init(&s.sym_region, s.arena);
    ptrmap_init(&s.bound, s.arena);
    count_uses(f->body, &s.uses);
    IrMap map;
    IrBuilder b;
    rebuild_begin(m, f, &b, &map);
    Level level = {.b = &b};
    s.level = &level;
    rebuild_insts(&b, f->body, &map, emit, &s);
    rebuild_end(f, &b, &map);
}

/* Of each round only the new body is kept. */
static void rounds(IrModule *m, Func *f, bool hoist) {
    Arena *home = m->arena, *work = context_arena(m->ctx);
    for (int round = 0, before = INT32_MAX; round < 6; round++) {
        m->arena = work;
        simplify_round(m, f, hoist);
        ir_move_func(m, f, home);
        m->arena = home;
        arena_free(work);
        int now = ir_count(f->body);
        if (now >= before)
            break;
        before = now;
    }
}

static bool run(IrModule *m, bool hoist) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            rounds(m, m->funcs.data[i], hoist);
    return true;
}

void simplify_func(IrModule *m, Func *f) {
    rounds(m, f, true);
}

bool pass_simplify(IrModule *m) {
    return run(m, true);
}

bool pass_dce(IrModule *m) {
    return run(m, false);
}
