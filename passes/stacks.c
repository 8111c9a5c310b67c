/* Loops that write an array row by row become loops that stack.
 *
 *   loop (a = a0, ys = y0) for t < T { ...; (a1, ys with [t] = y) }
 *
 * is how a program says that it wants the y of every step beside the last a; every row of ys is
 * overwritten, so y0 is not read. As a carry, ys would be copied into what a reverse sweep stores,
 * step by step; as a stacked result it costs nothing. A loop whose counter is only read as T - 1 -
 * t runs from the end instead, and what it reads at that index becomes a slice. So what `--emit=bp`
 * prints becomes the loop again that it was printed from.
 *
 * Called by derive.c on each function before anything differentiates it. */
#include "passes/liveness.h"
#include "passes/rebuild.h"

/* A loop that is turned round: its new counter stands for t. */
typedef struct Turned {
    Value *t;
    PtrMap slices; /* array -> its element, a parameter of the new loop */
    struct Turned *outer;
} Turned;

typedef struct Stacks {
    IrModule *m;
    Arena *arena;
    PtrMap uses;
    PtrMap dropped; /* updates and counters of converted loops: not emitted */
    Turned *turned; /* the innermost around what is emitted */
} Stacks;

static bool used_once(const Stacks *s, const Value *v) {
    return ptrmap_get(&s->uses, v) == (void *)1;
}

/* v is n - 1: as a size, or of the value that n is called after. */
static bool is_last(const Stacks *s, const Value *v, const Size *n) {
    PolyTable *polys = &s->m->ctx->polys;
    const Size *last = size_sub(polys, n, size_const(polys, 1));
    const SizeSym *sym = size_is_sym(n);
    const Inst *inst = v->inst;
    int64_t value;
    if (!inst || !last)
        return false;
    if (inst->op == OP_add && sym && sym->value == inst->in[0])
        return inst->in[1]->inst && inst->in[1]->inst->op == OP_const &&
               inst->in[1]->inst->attr.integer == -1;
    return (inst->op == OP_size && inst->attr.size == last) ||
           (inst->op == OP_const && size_is_const(last, &value) && inst->attr.integer == value);
}

/* extent - 1 - t for the counter t of the loop */
static bool counts_back(const Stacks *s, const Value *v, const Inst *loop) {
    const Inst *sub = v->inst;
    return sub && sub->op == OP_sub && sub->in[1] == loop->regions[0]->params.data[0] &&
           is_last(s, sub->in[0], loop->attr.loop.extent);
}

/* Every use of the counter is one T - 1 - t, and nothing else goes along with it. */
static const Inst *turning_point(const Stacks *s, const Inst *loop) {
    const Region *body = loop->regions[0];
    if (loop->attr.loop.n_slice > 0 || loop->attr.loop.n_stack > 0 ||
        !used_once(s, body->params.data[0]))
        return NULL;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (inst->n_out == 1 && counts_back(s, inst->out[0], loop))
            return inst;
    }
    return NULL;
}

/* The update of carry k by the row of the counter, when that is all that happens to it. */
static const Inst *row_update(const Stacks *s, const Inst *loop, int k, const Inst *turn) {
    const Region *body = loop->regions[0];
    const Value *p = body->params.data[1 + loop->attr.loop.n_slice + k];
    const Inst *put = body->yields.data[k]->inst;
    if (!put || put->op != OP_update || put->region != body || put->in[0] != p || put->n_in != 3 ||
        p->type->dims[0] != loop->attr.loop.extent)
        return NULL;
    const Value *row = turn ? turn->out[0] : body->params.data[0];
    return put->in[2] == row && used_once(s, p) && used_once(s, put->out[0]) ? put : NULL;
}

/* Arrays from outside of the loop that are read at t along their first axis. */
static void find_slices(const Inst *loop, const Value *t, const Region *region, Arena *arena,
                        ValueList *out) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            find_slices(loop, t, inst->regions[k], arena, out);
        if (inst->op != OP_index || inst->in[1] != t ||
            inst->in[0]->type->dims[0] != loop->attr.loop.extent ||
            region_contains(loop->regions[0], inst->in[0]->region))
            continue;
        bool known = false;
        for (int k = 0; k < out->n; k++)
            known = known || out->data[k] == inst->in[0];
        if (!known)
            vec_push(arena, out, inst->in[0]);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

typedef struct Plan {
    const Inst *loop, *turn;
    ValueList slices; /* of a loop that is turned round, which has none else */
    const Inst **put; /* of each carry: its update when it becomes a stack */
    int n;            /* how many do */
} Plan;

static Plan plan_loop(Stacks *s, const Inst *loop) {
    int nc = loop->attr.loop.n_carry;
    Plan plan = {.loop = loop, .turn = nc > 0 ? turning_point(s, loop) : NULL};
    if (plan.turn)
        find_slices(loop, plan.turn->out[0], loop->regions[0], s->arena, &plan.slices);
    plan.put = ARENA_ARRAY(s->arena, nc + 1, const Inst *);
    for (int k = 0; k < nc; k++) {
        plan.put[k] = row_update(s, loop, k, plan.turn);
        plan.n += plan.put[k] != NULL;
    }
    return plan;
}

static void emit_planned(Stacks *s, IrBuilder *b, const Plan *plan, IrMap *map) {
    const Inst *loop = plan->loop;
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    ValueList in = {0};
    for (int i = 0; i < plan->slices.n; i++)
        vec_push(s->arena, &in, irmap_get(map, plan->slices.data[i]));
    for (int i = 0; i < loop->n_in; i++)
        if (i < ns || i >= ns + nc || !plan->put[i - ns])
            vec_push(s->arena, &in, irmap_get(map, loop->in[i]));
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse != (plan->turn != NULL),
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, loop->attr.loop.checkpoint_arg),
                     .n_slice = ns + plan->slices.n,
                     .n_carry = nc - plan->n,
                     .n_acc = na,
                     .index_name =
                         plan->turn ? plan->turn->out[0]->name : source->params.data[0]->name};
    spec.slices = in.data;
    spec.carries = in.data + spec.n_slice;
    spec.accs = in.data + spec.n_slice + spec.n_carry;
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Turned turned = {.t = plan->turn ? plan->turn->out[0] : NULL, .outer = s->turned};
    ptrmap_init(&turned.slices, s->arena);
    Value *const *next = body.region->params.data;
    for (int i = 0; i < source->params.n; i++) {
        if (i > ns && i <= ns + nc && plan->put[i - 1 - ns])
            continue;
        (*next)->name = i == 0 ? spec.index_name : source->params.data[i]->name;
        irmap_put(map, source->params.data[i], *next++);
        for (int k = 0; i == 0 && k < plan->slices.n; k++)
            ptrmap_put(&turned.slices, plan->slices.data[k], *next++);
    }
    if (plan->turn) {
        irmap_put(map, turned.t, body.region->params.data[0]);
        ptrmap_put(&s->dropped, plan->turn, NULL);
        s->turned = &turned;
    }
    for (int k = 0; k < nc; k++)
        if (plan->put[k])
            ptrmap_put(&s->dropped, plan->put[k], NULL);
    rebuild_insts(&body, source, map, emit, s);
    s->turned = turned.outer;
    for (int i = 0; i < source->yields.n; i++)
        if (i >= nc || !plan->put[i])
            ir_yield(&body, irmap_get(map, source->yields.data[i]));
    for (int k = 0; k < nc; k++)
        if (plan->put[k])
            ir_yield(&body, irmap_get(map, plan->put[k]->in[1]));
    b->loc = loop->loc;
    Value *const *out = ir_loop_end(b, &spec, &body)->out;
    for (int pass = 0; pass < 2; pass++) /* the new stacks come last */
        for (int i = 0; i < loop->n_out; i++)
            if ((i < nc && plan->put[i]) == (pass == 1)) {
                (*out)->name = loop->out[i]->name;
                irmap_put(map, loop->out[i], *out++);
            }
}

/* x[t, ...] of a turned loop: its element of x, and the rest of the indices. */
static bool emit_element(Stacks *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    for (const Turned *turned = s->turned; turned; turned = turned->outer) {
        Value *element = turned->t == inst->in[1] ? ptrmap_get(&turned->slices, inst->in[0]) : NULL;
        Value *rest[IR_MAX_RANK];
        if (!element)
            continue;
        for (int k = 2; k < inst->n_in; k++)
            rest[k - 2] = irmap_get(map, inst->in[k]);
        b->loc = inst->loc;
        Value *v = ir_index(b, element, inst->n_in - 2, rest);
        if (!v->name)
            v->name = inst->out[0]->name;
        irmap_put(map, inst->out[0], v);
        return true;
    }
    return false;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Stacks *s = user;
    if (ptrmap_has(&s->dropped, inst) ||
        (inst->op == OP_index && s->turned && emit_element(s, b, inst, map)))
        return;
    if (inst->op == OP_loop) {
        Plan plan = plan_loop(s, inst);
        if (plan.n > 0 || plan.turn) {
            emit_planned(s, b, &plan, map);
            return;
        }
    }
    rebuild_inst(b, inst, map, emit, s);
}

void stacks_func(IrModule *m, Func *f) {
    Stacks s = {.m = m, .arena = m->arena};
    ptrmap_init(&s.uses, s.arena);
    ptrmap_init(&s.dropped, s.arena);
    count_uses(f->body, &s.uses);
    rebuild_func(m, f, emit, &s);
}

bool pass_stacks(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            stacks_func(m, m->funcs.data[i]);
    return true;
}
