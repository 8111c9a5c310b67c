/* Reverse mode on the structured IR.
 *
 * vjp_expand emits a function's body and then its reverse sweep. The sweep walks the source region
 * backwards with two maps: source value -> emitted primal value, and source value -> emitted
 * adjoint (absent: zero). Loops follow the duality of docs/architecture.md: slice <-> stacked
 * result, free value <-> acc, carry in <-> carry out. The output holds only ordinary operations, so
 * it can be differentiated again.
 *
 * Note [Free values are threaded]
 * Inside a nested region the adjoint of a value defined outside starts as an acc parameter (in a
 * loop) or as the adjoint so far (in a branch) and comes back as a result that replaces it. So a
 * gather in a deep nest adds into one array in place, and its adjoint costs what the gather cost.
 *
 * Note [What is stored]
 * The adjoint of a loop without carries computes its body again, in the adjoint loop itself: fusion
 * then joins it with the primal loop and nothing is stored. A loop with carries cannot be run
 * backwards, so its primal additionally stacks the incoming carries and, in the whole nest below
 * it, the results that are dear to compute again (transcendental functions, products, inner loops).
 * Everything dear is offered; what no adjoint reads is removed by `simplify`. Of a product that is
 * only added to something, the sum is: the adjoints of both read neither. So is a derivative
 * that shares most of its work with the result (s(1 - s), exact at either end, of a sigmoid). A
 * value whose shape depends on a size bound inside the loop cannot be stacked and is computed
 * again. Checkpoint attributes change what is offered: CHECK_inner the carries alone,
 * CHECK_binomial a few states, on the way (vjp_binomial.c); CHECK_every was rewritten before into
 * two loops (checkpoint.c).
 *
 * Called by derive.c. Needs bodies without vjp, jvp and calls of functions without rules. */
#include "passes/vjp.h"

#include "passes/liveness.h"

bool vjp_is_active(const Vjp *s, const Value *v) {
    return ptrmap_has(&s->varied, v) && ptrmap_has(&s->useful, v);
}

/* Adds g to the adjoint of v. The adjoint so far stays the first operand: it may be an acc. */
void vjp_accumulate(Vjp *s, IrBuilder *b, const Value *v, Value *g) {
    if (!g || !vjp_is_active(s, v) || inst_is_zero(g))
        return;
    Value *so_far = adjoint(s, v);
    bool first = !so_far || inst_is_zero(so_far);
    set_adjoint(s, v, first ? g : plus_term(&s->gates, b, so_far, g));
}

Value *vjp_adjoint_or_zeros(Vjp *s, IrBuilder *b, Value *v) {
    Value *g = adjoint(s, v);
    return g ? g : zeros_of(b, irmap_type(&s->map, v->type));
}

/* ---- forward: emitting the primal, with what the sweep will need ---- */

static bool region_is_dear(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop || inst->op == OP_contract || inst->op == OP_reduce ||
            inst->op == OP_call ||
            (op_is_elementwise(inst->op) && op_info[inst->op].cost >= DEAR_COST))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (region_is_dear(inst->regions[k]))
                return true;
    }
    return false;
}

static bool inst_is_dear(const Inst *inst) {
    if (op_is_elementwise(inst->op))
        return op_info[inst->op].cost >= DEAR_COST;
    if (inst->op == OP_if)
        return region_is_dear(inst->regions[0]) || region_is_dear(inst->regions[1]);
    return inst->op == OP_loop || inst->op == OP_contract || inst->op == OP_reduce ||
           inst->op == OP_call;
}

static void forward_inst(Vjp *s, IrBuilder *b, const Inst *inst, SavedList *saving);

static void collect_dims(const Region *region, PtrMap *syms) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_dim)
            ptrmap_put(syms, inst->attr.sym, NULL);
        for (int k = 0; k < inst->n_region; k++)
            collect_dims(inst->regions[k], syms);
    }
}

static bool type_mentions(const Type *type, const PtrMap *syms) {
    for (int d = 0; d < type->rank; d++)
        for (int t = 0; t < type->dims[d]->n; t++)
            for (int k = 0; k < type->dims[d]->terms[t].degree; k++)
                if (ptrmap_has(syms, type->dims[d]->terms[t].syms[k]))
                    return true;
    return false;
}

const char vjp_too_many_axes[] =
    "a loop in it carries an array of 8 axes, and storing that would take a ninth";

void vjp_fail(Vjp *s, const Func *func, Loc loc, const char *why) {
    if (!s->failed)
        *s->error = (DeriveError){.func = func, .loc = loc, .why = why};
    s->failed = true;
}

static Value *saved_value(Vjp *s, const Saved *saved) {
    return saved->inner ? saved->inner->saved.data[saved->inner_k].emitted
                        : primal(s, saved->source);
}

LoopSpec vjp_loop_spec(Vjp *s, const Inst *loop) {
    Value **in = ARENA_ARRAY(s->arena, loop->n_in + 1, Value *);
    for (int i = 0; i < loop->n_in; i++)
        in[i] = primal(s, loop->in[i]);
    LoopSpec spec = {.extent = irmap_size(&s->map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(&s->map, loop->attr.loop.checkpoint_arg),
                     .n_slice = loop->attr.loop.n_slice,
                     .n_carry = loop->attr.loop.n_carry,
                     .n_acc = loop->attr.loop.n_acc,
                     .index_name = loop->regions[0]->params.data[0]->name};
    spec.slices = in;
    spec.carries = in + spec.n_slice;
    spec.accs = in + spec.n_slice + spec.n_carry;
    return spec;
}

/* Emits a loop that stacks what its adjoint will read; see Note [What is stored]. */
static void forward_saving_loop(Vjp *s, IrBuilder *b, const Inst *loop, SavedList *outer) {
    const Region *source = loop->regions[0];
    LoopRecord *record = ARENA_NEW(s->arena, LoopRecord);
    record->loop = loop;
    LoopSpec spec = vjp_loop_spec(s, loop);
    bool outer_sweeps = s->sweeps_here;
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    s->sweeps_here = false;
    for (int i = 0; i < source->params.n; i++) {
        body.region->params.data[i]->name = source->params.data[i]->name;
        irmap_put(&s->map, source->params.data[i], body.region->params.data[i]);
    }
    SavedList offered = {0};
    for (int i = 0; i < spec.n_carry; i++)
        vec_push(s->arena, &offered,
                 ((Saved){.source = source->params.data[1 + spec.n_slice + i]}));
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        if (loop->attr.loop.checkpoint == CHECK_inner &&
            !(inst->op == OP_check && s->map.drop_checks))
            ir_clone_inst(&body, inst, &s->map); /* only the carries are stored */
        else
            forward_inst(s, &body, inst, &offered);
    }
    s->sweeps_here = outer_sweeps;
    for (int i = 0; i < source->yields.n; i++)
        ir_yield(&body, primal(s, source->yields.data[i]));
    PtrMap dims;
    ptrmap_init(&dims, s->arena);
    collect_dims(body.region, &dims);
    for (int i = 0; i < offered.n; i++) {
        Value *v = saved_value(s, &offered.data[i]);
        bool carry = i < spec.n_carry;
        if (carry && v->type->rank == IR_MAX_RANK)
            vjp_fail(s, s->func, loop->loc, vjp_too_many_axes);
        if (type_mentions(v->type, &dims) || v->type->rank == IR_MAX_RANK)
            continue;
        ir_yield(&body, v);
        vec_push(s->arena, &record->saved, offered.data[i]);
    }
    b->loc = loop->loc;
    Inst *emitted = ir_loop_end(b, &spec, &body);
    for (int i = 0; i < loop->n_out; i++) {
        emitted->out[i]->name = loop->out[i]->name;
        irmap_put(&s->map, loop->out[i], emitted->out[i]);
    }
    for (int i = 0; i < record->saved.n; i++)
        record->saved.data[i].emitted = emitted->out[loop->n_out + i];
    ptrmap_put(&s->records, loop, record);
    for (int i = 0; outer && i < record->saved.n; i++)
        vec_push(s->arena, outer, ((Saved){.inner = record, .inner_k = i}));
}

static bool is_binomial(const Inst *inst) {
    return inst->op == OP_loop && inst->attr.loop.checkpoint == CHECK_binomial;
}

/* Whether a loop stacks anything for its adjoint. */
static bool is_stored(const Inst *loop, bool saving) {
    if (is_binomial(loop))
        return false;
    return loop->attr.loop.n_carry > 0 || (saving && loop->attr.loop.checkpoint == CHECK_store);
}

/* Whether the partial derivative by the first operand costs little beside the result, and much
 * without it. */
static bool partial_is_kept(const Inst *inst) {
    return inst->op == OP_sigmoid;
}

/* The value that stands for the partial derivative of inst, as one of the source would. */
static Value *partial_key(Vjp *s, const Inst *inst) {
    Value *key = ptrmap_get(&s->partials, inst);
    if (!key) {
        key = ARENA_NEW(s->arena, Value);
        *key = *inst->out[0];
        key->name = NULL;
        ptrmap_put(&s->partials, inst, key);
    }
    return key;
}

static void offer_partial(Vjp *s, IrBuilder *b, const Inst *inst, SavedList *saving) {
    Value *x = primal(s, inst->in[0]), *key = partial_key(s, inst);
    irmap_put(&s->map, key, rule_partial(b, inst->op, 0, &x, primal(s, inst->out[0])));
    vec_push(s->arena, saving, ((Saved){.source = key}));
}

Value *vjp_kept_partial(Vjp *s, const IrBuilder *b, const Inst *inst) {
    Value *key = ptrmap_get(&s->partials, inst), *at = key ? irmap_get(&s->map, key) : NULL;
    return at && at != key && region_contains(at->region, b->region) ? at : NULL;
}

static bool is_sum(const Inst *inst) {
    return inst->op == OP_add || inst->op == OP_sub || inst->op == OP_neg;
}

/* Whether a product is only added to something of its region. */
static bool is_summed(const Vjp *s, const Value *v) {
    const Inst *user = ptrmap_get(&s->users, v);
    return ptrmap_has(&s->products, v) && ptrmap_get(&s->uses, v) == (void *)1 && user &&
           is_sum(user) && user->region == v->region;
}

static void offer_results(Vjp *s, const Inst *inst, SavedList *saving) {
    bool product = inst->op == OP_contract;
    for (int i = 0; i < inst->n_in && is_sum(inst); i++)
        product = product || is_summed(s, inst->in[i]);
    if (product)
        ptrmap_put(&s->products, inst->out[0], NULL);
    for (int i = 0; i < inst->n_out && (product || inst_is_dear(inst)); i++)
        if (!inst->out[i]->is_acc && !is_summed(s, inst->out[i]))
            vec_push(s->arena, saving, ((Saved){.source = inst->out[i]}));
}

/* Emits one instruction of the primal; where `saving` is a list, dear results are offered to it. */
static void forward_inst(Vjp *s, IrBuilder *b, const Inst *inst, SavedList *saving) {
    b->loc = inst->loc;
    if (inst->op == OP_check && s->map.drop_checks)
        return;
    if (inst->op == OP_loop && is_stored(inst, saving != NULL))
        forward_saving_loop(s, b, inst, saving);
    else if (!is_binomial(inst) || !s->sweeps_here || !vjp_run_binomial(s, b, inst))
        ir_clone_inst(b, inst, &s->map);
    if (saving)
        offer_results(s, inst, saving);
    if (saving && partial_is_kept(inst) && vjp_is_active(s, inst->in[0]))
        offer_partial(s, b, inst, saving);
}

/* ---- the sweep ---- */

/* An `if` of which nothing is computed: its adjoint computes the branches again itself. So the last
 * of a chain of `else if` is not computed once for each of those around it. */
static bool only_yields(const Vjp *s, const Inst *inst) {
    bool used = inst->op != OP_if;
    for (int i = 0; i < inst->n_out; i++)
        used |= ptrmap_has(&s->users, inst->out[i]);
    return !used;
}

/* Computes a body again inside its adjoint; what was saved is already mapped (`restored`). */
void vjp_recompute(Vjp *s, IrBuilder *b, const Region *source, const PtrMap *restored) {
    bool outer = s->map.drop_checks, outer_sweeps = s->sweeps_here;
    SavedList offered = {0}; /* inner loops store: it is memory of one iteration only */
    s->map.drop_checks = s->sweeps_here = true;
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        bool have = inst->op == OP_loop ? ptrmap_get(&s->records, inst) != NULL : inst->n_out > 0;
        if (only_yields(s, inst))
            continue;
        for (int k = 0; k < inst->n_out; k++) {
            have = have && (inst->out[k]->is_acc || ptrmap_has(restored, inst->out[k]));
            if (inst->out[k]->is_acc) /* nothing reads the sum so far */
                irmap_put(&s->map, inst->out[k],
                          zeros_of(b, irmap_type(&s->map, inst->out[k]->type)));
        }
        if (is_binomial(inst)) /* a run from elsewhere went over other iterations */
            ptrmap_put(&s->runs, inst, NULL);
        if (!have)
            forward_inst(s, b, inst, &offered);
    }
    s->map.drop_checks = outer;
    s->sweeps_here = outer_sweeps;
}

/* Active float values that the region takes from outside. */
void vjp_free_active(Vjp *s, const Region *region, ValueList *out) {
    ValueList all = {0};
    ir_free_values(s->arena, region, &all);
    for (int i = 0; i < all.n; i++)
        if (vjp_is_active(s, all.data[i]))
            vec_push(s->arena, out, all.data[i]);
}

/* The operand lists of an adjoint loop while they are collected. */
typedef struct AdjointLoop {
    const Inst *loop;
    LoopRecord *record; /* NULL: nothing was saved */
    VEC(Value *) slices, carries, accs;
    int first_saved, first_stack; /* where these start among the slices */
    ValueList free;
} AdjointLoop;

bool vjp_carry_is_active(Vjp *s, const Inst *loop, int k) {
    const Region *source = loop->regions[0];
    return vjp_is_active(s, source->params.data[1 + loop->attr.loop.n_slice + k]) ||
           vjp_is_active(s, source->yields.data[k]) || vjp_is_active(s, loop->out[k]);
}

static void adjoint_loop_operands(Vjp *s, IrBuilder *b, AdjointLoop *a) {
    const Inst *loop = a->loop;
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry;
    int first_stacked = nc + loop->attr.loop.n_acc;
    for (int i = 0; i < ns; i++)
        vec_push(s->arena, &a->slices, primal(s, loop->in[i]));
    a->first_saved = a->slices.n;
    for (int i = 0; a->record && i < a->record->saved.n; i++)
        vec_push(s->arena, &a->slices, a->record->saved.data[i].emitted);
    a->first_stack = a->slices.n;
    for (int i = first_stacked; i < loop->n_out; i++)
        if (adjoint(s, loop->out[i]))
            vec_push(s->arena, &a->slices, adjoint(s, loop->out[i]));
    for (int i = 0; i < nc; i++)
        if (vjp_carry_is_active(s, loop, i))
            vec_push(s->arena, &a->carries, vjp_adjoint_or_zeros(s, b, loop->out[i]));
    vjp_free_active(s, loop->regions[0], &a->free);
    for (int i = 0; i < a->free.n; i++)
        vec_push(s->arena, &a->accs, vjp_adjoint_or_zeros(s, b, a->free.data[i]));
}

/* Maps the source body's parameters and saved values to the adjoint body's; fills `restored`. */
static void adjoint_loop_primals(Vjp *s, AdjointLoop *a, IrBuilder *body, PtrMap *restored) {
    const Region *source = a->loop->regions[0];
    Value **params = body->region->params.data;
    int ns = a->loop->attr.loop.n_slice, nc = a->loop->attr.loop.n_carry;
    for (int i = 0; i <= ns; i++) {
        params[i]->name = source->params.data[i]->name;
        irmap_put(&s->map, source->params.data[i], params[i]);
    }
    for (int i = 0; i < a->loop->attr.loop.n_acc; i++) { /* nothing reads the sum so far */
        Value *acc = source->params.data[1 + ns + nc + i];
        irmap_put(&s->map, acc, zeros_of(body, irmap_type(&s->map, acc->type)));
    }
    for (int i = 0; a->record && i < a->record->saved.n; i++) {
        const Saved *saved = &a->record->saved.data[i];
        Value *slice = params[1 + a->first_saved + i];
        if (saved->inner) {
            LoopRecord *inner = ptrmap_get(restored, saved->inner->loop);
            if (!inner) {
                inner = ARENA_NEW(s->arena, LoopRecord);
                inner->loop = saved->inner->loop;
                ptrmap_put(restored, inner->loop, inner);
            }
            Saved entry = saved->inner->saved.data[saved->inner_k];
            entry.emitted = slice;
            vec_push(s->arena, &inner->saved, entry);
        } else {
            slice->name = saved->source->name;
            irmap_put(&s->map, saved->source, slice);
            ptrmap_put(restored, saved->source, NULL);
        }
    }
}

/* Inner loops of which every saved value came through are used as saved; the others are computed
 * again. */
static void restore_inner_records(Vjp *s, const AdjointLoop *a, PtrMap *restored) {
    const Region *source = a->loop->regions[0];
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        if (inst->op != OP_loop)
            continue;
        LoopRecord *before = ptrmap_get(&s->records, inst);
        LoopRecord *now = ptrmap_get(restored, inst);
        bool complete = a->record && before && before->saved.n == (now ? now->saved.n : 0);
        for (int k = 0; k < inst->n_out; k++)
            complete = complete && (inst->out[k]->is_acc || ptrmap_has(restored, inst->out[k]));
        if (complete && !now) {
            now = ARENA_NEW(s->arena, LoopRecord);
            now->loop = inst;
        }
        ptrmap_put(&s->records, inst, complete ? now : NULL);
    }
}

static void seed_body_yields(Vjp *s, IrBuilder *body, const AdjointLoop *a) {
    const Inst *loop = a->loop;
    const Region *source = loop->regions[0];
    Value **params = body->region->params.data;
    int nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    int slice = 1 + a->first_stack, carry = 1 + a->slices.n;
    for (int i = 0; i < a->free.n; i++)
        set_adjoint(s, a->free.data[i], params[carry + a->carries.n + i]);
    for (int i = 0; i < nc; i++) {
        if (!vjp_carry_is_active(s, loop, i))
            continue;
        const Value *before = source->params.data[1 + loop->attr.loop.n_slice + i];
        name_after(s->m, params[carry], before->name, "_adj");
        vjp_accumulate(s, body, source->yields.data[i], params[carry++]);
    }
    for (int i = 0; i < na; i++)
        vjp_accumulate(s, body, source->yields.data[nc + i], adjoint(s, loop->out[nc + i]));
    for (int i = nc + na; i < loop->n_out; i++)
        if (adjoint(s, loop->out[i])) {
            Value *g = slice_gate(&s->gates, body, adjoint(s, loop->out[i]), params[slice++]);
            vjp_accumulate(s, body, source->yields.data[i], g);
        }
}

static void sweep_loop(Vjp *s, IrBuilder *b, const Inst *loop) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    AdjointLoop a = {.loop = loop, .record = ptrmap_get(&s->records, loop)};
    adjoint_loop_operands(s, b, &a);
    LoopSpec spec = {.extent = irmap_size(&s->map, loop->attr.loop.extent),
                     .reverse = !loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint, /* the next order stores as little */
                     .checkpoint_arg = irmap_size(&s->map, loop->attr.loop.checkpoint_arg),
                     .n_slice = a.slices.n,
                     .n_carry = a.carries.n,
                     .n_acc = a.accs.n,
                     .slices = a.slices.data,
                     .carries = a.carries.data,
                     .accs = a.accs.data,
                     .index_name = source->params.data[0]->name};
    if (nc ==
        0) /* iterations commute: keep the direction of the primal, so that the two can be fused */
        spec.reverse = loop->attr.loop.reverse;
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    PtrMap restored;
    ptrmap_init(&restored, s->arena);
    adjoint_loop_primals(s, &a, &body, &restored);
    restore_inner_records(s, &a, &restored);
    vjp_recompute(s, &body, source, &restored);
    seed_body_yields(s, &body, &a);
    vjp_sweep(s, &body, source);
    body.loc = loop->loc;
    for (int i = 1; i < source->params.n; i++)
        name_adjoint(s, source->params.data[i]);
    for (int i = 0; i < nc; i++)
        if (vjp_carry_is_active(s, loop, i))
            ir_yield(&body, vjp_adjoint_or_zeros(s, &body, source->params.data[1 + ns + i]));
    for (int i = 0; i < a.free.n; i++)
        ir_yield(&body, adjoint(s, a.free.data[i]));
    for (int i = 0; i < ns; i++)
        if (vjp_is_active(s, source->params.data[1 + i]))
            ir_yield(&body, vjp_adjoint_or_zeros(s, &body, source->params.data[1 + i]));
    b->loc = loop->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int i = 0; i < a.free.n; i++)
        set_adjoint(s, a.free.data[i], out->out[a.carries.n + i]);
    for (int i = 0, k = 0; i < nc; i++)
        if (vjp_carry_is_active(s, loop, i))
            vjp_accumulate(s, b, loop->in[ns + i], out->out[k++]);
    for (int i = 0; i < na; i++)
        vjp_accumulate(s, b, loop->in[ns + nc + i], adjoint(s, loop->out[nc + i]));
    for (int i = 0, k = a.carries.n + a.free.n; i < ns; i++)
        if (vjp_is_active(s, source->params.data[1 + i]))
            vjp_accumulate(s, b, loop->in[i], out->out[k++]);
}

/* One branch of the adjoint of an if; then_adj[] receives the adjoints of the free values at its
 * end. */
static void sweep_branch(Vjp *s, IrBuilder *branch, const Inst *inst, int k, const ValueList *free,
                         Value *const *before, Value **after) {
    const Region *source = inst->regions[k];
    PtrMap none;
    ptrmap_init(&none, s->arena);
    for (int i = 0; i < free->n; i++)
        set_adjoint(s, free->data[i], before[i]);
    vjp_recompute(s, branch, source, &none);
    for (int i = 0; i < inst->n_out; i++)
        vjp_accumulate(s, branch, source->yields.data[i], adjoint(s, inst->out[i]));
    vjp_sweep(s, branch, source);
    for (int i = 0; i < free->n; i++)
        after[i] = adjoint(s, free->data[i]);
}

static void sweep_if(Vjp *s, IrBuilder *b, const Inst *inst) {
    ValueList free = {0};
    for (int k = 0; k < 2; k++)
        vjp_free_active(s, inst->regions[k], &free); /* also what a branch only yields */
    int n = 0;                                       /* without duplicates */
    for (int i = 0; i < free.n; i++) {
        bool seen = false;
        for (int j = 0; j < n; j++)
            seen = seen || free.data[j] == free.data[i];
        if (!seen)
            free.data[n++] = free.data[i];
    }
    free.n = n;
    Value **before = ARENA_ARRAY(s->arena, n + 1, Value *);
    Value **after[2];
    IrBuilder branch[2];
    for (int i = 0; i < n; i++)
        before[i] = adjoint(s, free.data[i]);
    for (int k = 0; k < 2; k++) {
        after[k] = ARENA_ARRAY(s->arena, n + 1, Value *);
        ir_builder_nested(&branch[k], b);
        branch[k].loc = inst->loc;
        sweep_branch(s, &branch[k], inst, k, &free, before, after[k]);
    }
    VEC(int) changed = {0};
    for (int i = 0; i < n; i++) {
        if (after[0][i] == after[1][i])
            continue;
        vec_push(s->arena, &changed, i);
        for (int k = 0; k < 2; k++)
            ir_yield(&branch[k],
                     after[k][i] ? after[k][i]
                                 : zeros_of(&branch[k], irmap_type(&s->map, free.data[i]->type)));
    }
    if (changed.n == 0)
        return;
    b->loc = inst->loc;
    Value *cond = primal(s, inst->in[0]);
    Value **joined = ARENA_ARRAY(s->arena, changed.n, Value *);
    ir_if_values(b, cond, &branch[0], &branch[1], joined);
    for (int i = 0; i < changed.n; i++)
        set_adjoint(s, free.data[changed.data[i]], joined[i]);
}

static void sweep_inst(Vjp *s, IrBuilder *b, const Inst *inst) {
    bool any = false;
    for (int i = 0; i < inst->n_out; i++)
        any |= adjoint(s, inst->out[i]) != NULL;
    if (!any)
        return;
    b->loc = inst->loc;
    b->origin = origin_derived(s->m, true, s->func, inst->origin);
    for (int i = 0; i < inst->n_out; i++)
        name_adjoint(s, inst->out[i]);
    switch (inst->op) {
    case OP_loop:
        (is_binomial(inst) ? vjp_sweep_binomial : sweep_loop)(s, b, inst);
        break;
    case OP_if:
        sweep_if(s, b, inst);
        break;
    case OP_call:
        vjp_sweep_call(s, b, inst);
        break;
    default:
        vjp_sweep_op(s, b, inst, adjoint(s, inst->out[0]));
        break;
    }
}

void vjp_sweep(Vjp *s, IrBuilder *b, const Region *region) {
    for (int i = region->insts.n - 1; i >= 0 && !s->failed; i--)
        sweep_inst(s, b, region->insts.data[i]);
}

/* A region that yields a value from outside of it is a use of that value, too. */
static void find_users(const Region *region, PtrMap *users) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++)
            ptrmap_put(users, inst->in[k], (void *)(uintptr_t)inst);
        for (int k = 0; k < inst->n_region; k++)
            find_users(inst->regions[k], users);
    }
    for (int i = 0; i < region->yields.n; i++)
        if (region->owner && region->yields.data[i]->region != region)
            ptrmap_put(users, region->yields.data[i], (void *)(uintptr_t)region->owner);
}

bool vjp_expand(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt,
                Value *const *args, Value *const *cotangents, SeedKind kind, Value **results,
                Value **adjoints, DeriveError *error) {
    Vjp s = {.m = b->m, .arena = b->m->arena, .func = f, .error = error, .sweeps_here = true};
    irmap_init(&s.map, b->m, s.arena);
    ptrmap_init(&s.adjoints, s.arena);
    ptrmap_init(&s.varied, s.arena);
    ptrmap_init(&s.useful, s.arena);
    ptrmap_init(&s.gates.solid, s.arena);
    ptrmap_init(&s.records, s.arena);
    ptrmap_init(&s.runs, s.arena);
    ptrmap_init(&s.partials, s.arena);
    ptrmap_init(&s.uses, s.arena);
    ptrmap_init(&s.users, s.arena);
    ptrmap_init(&s.products, s.arena);
    count_uses(f->body, &s.uses);
    find_users(f->body, &s.users);
    const Region *body = f->body;
    for (int i = 0; i < f->sizes.n; i++)
        ptrmap_put(&s.map.syms, f->sizes.data[i], (void *)(uintptr_t)sizes[i]);
    for (int i = 0; i < body->params.n; i++)
        irmap_put(&s.map, body->params.data[i], args[i]);
    bool *wanted = ARENA_ARRAY(s.arena, body->yields.n + 1, bool);
    const Origin *outer = b->origin;
    s.map.origin = outer;
    bool wild = kind_for(&s.gates.source, kind) == SEEDS_wild;
    for (int i = 0, k = 0; i < body->yields.n; i++)
        if (value_is_float(body->yields.data[i])) {
            wanted[i] = cotangents[k] != NULL;
            if (wanted[i] && !wild) /* what a gate of those lets through may be 0 */
                gates_note_seed(&s.gates, cotangents[k]);
            k++;
        }
    activity_find(body, n_wrt, wrt, &s.varied);
    useful_find(body, wanted, &s.useful);
    zeros_of_adjoints(&s.gates.source, s.arena, body, &s.varied, &s.useful, wanted, kind);
    for (int i = 0; i < body->insts.n; i++)
        forward_inst(&s, b, body->insts.data[i], NULL);
    for (int i = 0; results && i < body->yields.n; i++)
        results[i] = primal(&s, body->yields.data[i]);
    for (int i = 0, k = 0; i < body->yields.n; i++)
        if (value_is_float(body->yields.data[i]))
            vjp_accumulate(&s, b, body->yields.data[i], cotangents[k++]);
    vjp_sweep(&s, b, body);
    b->origin = outer;
    for (int i = 0; i < n_wrt; i++) {
        if (results) /* what a rule calls its parameters is not what they are here */
            name_adjoint(&s, body->params.data[wrt[i]]);
        adjoints[i] = vjp_adjoint_or_zeros(&s, b, body->params.data[wrt[i]]);
    }
    return !s.failed;
}
