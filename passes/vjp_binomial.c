/* A loop with binomial checkpointing and its adjoint: s stored states, the fewest forward steps
 * that s allow.
 *
 * The reverse sweep is one loop of single actions. Its state: the position `pos` of the current
 * state, the number `end` of iterations not yet reversed, a stack of stored states with their
 * positions, and the position `target` where the next one will be stored. While pos < end-1 an
 * action is one forward step (storing the state on arrival at `target`); otherwise it reverses
 * iteration end-1 and goes back to the state on top of the stack, dropping it once nothing before
 * `end` needs it.
 *
 * Note [The first run]
 * The first n-1 actions are forward steps, which the loop itself takes, too. Where the loop and its
 * sweep stand in one region, the loop stores the first states on its way and keeps the state before
 * its last iteration, and the sweep begins with the reversal of that. Elsewhere (within a loop that
 * stores its iterations) stacks of every iteration would have to be kept for that, and the sweep
 * takes those steps again; so it does for a loop that ends early when a flag says so, which it
 * could not do while it counts.
 *
 * Note [Binomial schedule]
 * beta(c, r) = C(c+r, c) iterations can be reversed with c stored states when no iteration is run
 * forward more than r times; l iterations cost t(l, c) = r*l - beta(c+1, r-1) forward steps with
 * the smallest r such that beta(c, r) >= l, and the next state belongs m = min(beta(c, r-1), l -
 * beta(c-1, r-1)) steps ahead. Source: A. Griewank, Achieving logarithmic growth of temporal and
 * spatial complexity in reverse automatic differentiation (1992); A. Griewank, A. Walther, Revolve,
 * ACM TOMS 26 (2000). Where they leave m a choice, this one was checked against the recurrence t(l,
 * c) = min over m of m + t(m, c) + t(l-m, c-1) for all l <= 64 and c <= 16.
 *
 * Called by vjp.c. */
#include "passes/vjp.h"

enum {
    POS,
    END,
    TOP,
    TARGET,
    PLACES,
    FIRST_STORE,
    STACK = FIRST_STORE - TOP /* of these, in the first run */
}; /* the carries of the action loop; then stores, states, adjoints */

typedef struct Binomial {
    Vjp *s;
    const Inst *loop;
    const Region *source;
    const Size *states; /* how many are stored */
    Value *n, *most;    /* iterations of the loop; states stored at most, as values */
    const Size *rounds; /* r of the whole loop, plus one: bounds the search for r of any part */
    Value *actions;     /* forward steps and reversals that are left for the sweep */
    int nc, active;     /* carries, and how many of them are differentiated */
    VEC(int) slices;    /* slices that are differentiated */
    ValueList free;
    Value *pos, *const *stack, *const *state; /* where the sweep begins; the stack from TOP on */
} Binomial;

static Value *i64(IrBuilder *b, int64_t k) {
    return ir_int(b, S_i64, k);
}

static Value *plus(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_add, x, y);
}

static Value *minus(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_sub, x, y);
}

static Value *times(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_mul, x, y);
}

static Value *over(IrBuilder *b, Value *x, Value *y) {
    return ir_ew2(b, OP_div, x, y);
}

/* ---- the schedule ---- */

/* The smallest r with beta(c, r) >= l, beta(c, r) itself and beta(c, r-1), by at most `rounds`
 * steps of the recurrence. */
typedef struct Rank {
    Value *r, *beta, *before;
} Rank;

static Rank find_rank(IrBuilder *b, Value *l, Value *c, const Size *rounds) {
    Value *inits[3] = {i64(b, 0), i64(b, 1), i64(b, 0)};
    LoopSpec spec = {.extent = rounds, .n_carry = 3, .carries = inits};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = b->loc;
    static const char *const names[] = {"r", "beta", "before"};
    for (int k = 0; k < 3; k++)
        body.region->params.data[1 + k]->name = atom_of(&b->m->ctx->atoms, names[k]);
    Value **p = body.region->params.data, *next = plus(&body, p[0], i64(&body, 1));
    Value *found = ir_ew2(&body, OP_ge, p[2], l);
    Value *larger = over(&body, times(&body, p[2], plus(&body, c, next)), next);
    ir_yield(&body, ir_ew3(&body, OP_select, found, p[1], next));
    ir_yield(&body, ir_ew3(&body, OP_select, found, p[2], larger));
    ir_yield(&body, ir_ew3(&body, OP_select, found, p[3], p[2]));
    Value **out = ir_loop_end(b, &spec, &body)->out;
    return (Rank){out[0], out[1], out[2]};
}

static SizeSym *bind(IrBuilder *b, Value *k, const char *name) {
    return ir_extent(b, k, atom_of(&b->m->ctx->atoms, name));
}

/* All forward steps and reversals; also sets g->rounds. */
static void count_actions(Binomial *g, IrBuilder *b) {
    PolyTable *polys = &b->m->ctx->polys;
    Value *n2 = ir_convert(b, plus(b, g->n, g->n), S_f64);
    Value *root = plus(b, ir_convert(b, ir_ew1(b, OP_sqrt, n2), S_i64), i64(b, 2));
    Value *bound = ir_ew3(b, OP_select, ir_ew2(b, OP_lt, g->most, i64(b, 2)), g->n, root);
    Rank rank = find_rank(b, g->n, g->most, size_sym(polys, bind(b, bound, "bound")));
    Value *saved = over(b, times(b, rank.beta, rank.r), plus(b, g->most, i64(b, 1)));
    Value *steps = minus(b, times(b, rank.r, g->n), saved);
    g->rounds = size_sym(polys, bind(b, plus(b, rank.r, i64(b, 1)), "rounds"));
    g->actions = plus(b, g->n, steps);
}

/* Where the next state is stored after one at `pos` on top of the stack; `end` when none is. */
static Value *next_target(Binomial *g, IrBuilder *b, Value *pos, Value *end, Value *top) {
    Value *l = minus(b, end, pos), *c = minus(b, g->most, top), *two = i64(b, 2);
    Rank rank = find_rank(b, l, c, g->rounds);
    Value *sum = ir_ew2(b, OP_max, minus(b, plus(b, c, rank.r), i64(b, 1)), i64(b, 1));
    Value *rest = minus(b, l, over(b, times(b, rank.before, c), sum));
    Value *ahead = plus(b, pos, ir_ew2(b, OP_min, rank.before, rest));
    Value *none = ir_ew2(b, OP_or, ir_ew2(b, OP_lt, c, two), ir_ew2(b, OP_lt, l, two));
    return ir_ew3(b, OP_select, none, end, ahead);
}

/* ---- one action ---- */

static Value *iteration(const Binomial *g, IrBuilder *b, Value *pos) {
    return g->loop->attr.loop.reverse ? minus(b, minus(b, g->n, i64(b, 1)), pos) : pos;
}

/* The index of a loop has bounds, a carry has none: extents that depend on it would have none. */
static Value *within_loop(const Binomial *g, IrBuilder *b, Value *i) {
    Value *last = minus(b, g->n, i64(b, 1));
    return ir_ew2(b, OP_max, ir_ew2(b, OP_min, i, last), i64(b, 0));
}

/* Maps the parameters of the source body to the state at `pos`. */
static Value *map_iteration(Binomial *g, IrBuilder *b, Value *pos, Value *const *state) {
    Vjp *s = g->s;
    int ns = g->loop->attr.loop.n_slice;
    Value *i = iteration(g, b, pos), **params = g->source->params.data;
    if (region_holds(g->source, OP_dim))
        i = within_loop(g, b, i);
    irmap_put(&s->map, params[0], i);
    for (int k = 0; k < ns; k++)
        irmap_put(&s->map, params[1 + k], ir_index(b, primal(s, g->loop->in[k]), 1, &i));
    for (int k = 0; k < g->nc; k++)
        irmap_put(&s->map, params[1 + ns + k], state[k]);
    for (int k = 0; k < g->loop->attr.loop.n_acc; k++) {
        Value *acc = params[1 + ns + g->nc + k];
        irmap_put(&s->map, acc, zeros_of(b, irmap_type(&s->map, acc->type)));
    }
    return i;
}

/* What the iteration needs to be reversed: nothing was stored of it, nor of inner loops. */
static void recompute_iteration(Binomial *g, IrBuilder *b) {
    PtrMap none;
    ptrmap_init(&none, g->s->arena);
    vjp_recompute(g->s, b, g->source, &none);
}

/* The body of the source, without its checks where these were made before. */
static void step_forward(Binomial *g, IrBuilder *b) {
    Vjp *s = g->s;
    for (int k = 0; k < g->source->insts.n; k++)
        if (g->source->insts.data[k]->op != OP_check || !s->map.drop_checks)
            ir_clone_inst(b, g->source->insts.data[k], &s->map);
    b->loc = g->loop->loc;
}

/* After a step to `pos`: at the target, the state is stored. stack: from TOP on, stores included;
 * out: the same afterwards. */
static void store_on_arrival(Binomial *g, IrBuilder *b, Value *pos, Value *end, Value *const *stack,
                             Value *const *next, Value **out) {
    Value *top = stack[0], *target = stack[TARGET - TOP],
          *places = stack[PLACES - TOP], *const *stores = stack + STACK;
    Value *arrived =
        ir_ew2(b, OP_and, ir_ew2(b, OP_eq, pos, target), ir_ew2(b, OP_lt, target, end));
    IrBuilder push, pass;
    ir_builder_nested(&push, b);
    ir_builder_nested(&pass, b);
    push.loc = pass.loc = b->loc;
    top = plus(&push, top, i64(&push, 1));
    ir_yield(&push, top);
    ir_yield(&push, next_target(g, &push, pos, end, top));
    ir_yield(&push, ir_update(&push, places, pos, 1, &top));
    for (int k = 0; k < g->nc; k++)
        ir_yield(&push, ir_update(&push, stores[k], next[k], 1, &top));
    for (int k = 0; k < STACK + g->nc; k++)
        ir_yield(&pass, stack[k]);
    ir_if_values(b, arrived, &push, &pass, out);
}

static void seed_yields(Binomial *g, IrBuilder *b, Value *i, Value *const *carry_adjoints,
                        Value *const *accs) {
    Vjp *s = g->s;
    const Inst *loop = g->loop;
    int first_stack = g->nc + loop->attr.loop.n_acc;
    for (int k = 0; k < g->free.n; k++)
        set_adjoint(s, g->free.data[k], accs[k]);
    for (int k = 0, j = 0; k < g->nc; k++)
        if (vjp_carry_is_active(s, loop, k))
            vjp_accumulate(s, b, g->source->yields.data[k], carry_adjoints[j++]);
    for (int k = g->nc; k < loop->n_out; k++) {
        Value *adj = adjoint(s, loop->out[k]);
        if (adj)
            vjp_accumulate(s, b, g->source->yields.data[k],
                           k < first_stack ? adj : ir_index(b, adj, 1, &i));
    }
}

/* Reverses iteration end-1 and goes back to the state on top of the stack. */
static void emit_reversal(Binomial *g, IrBuilder *b, Value *const *carry, Value *const *accs) {
    Vjp *s = g->s;
    const Inst *loop = g->loop;
    int ns = loop->attr.loop.n_slice;
    Value *const *stores = carry + FIRST_STORE, *const *state = stores + g->nc,
                 *const *adj = state + g->nc;
    Value *i = map_iteration(g, b, carry[POS], state);
    recompute_iteration(g, b);
    seed_yields(g, b, i, adj, accs);
    vjp_sweep(s, b, g->source);
    b->loc = loop->loc;
    Value *end = minus(b, carry[END], i64(b, 1)), *top = carry[TOP],
          *place = ir_index(b, carry[PLACES], 1, &top);
    Value *pop = ir_ew2(b, OP_and, ir_ew2(b, OP_eq, place, end), ir_ew2(b, OP_gt, end, i64(b, 0)));
    top = ir_ew3(b, OP_select, pop, minus(b, top, i64(b, 1)), top);
    Value *pos = ir_index(b, carry[PLACES], 1, &top);
    ir_yield(b, pos);
    ir_yield(b, end);
    ir_yield(b, top);
    ir_yield(b, next_target(g, b, pos, end, top));
    ir_yield(b, carry[PLACES]);
    for (int k = 0; k < g->nc; k++)
        ir_yield(b, stores[k]);
    for (int k = 0; k < g->nc; k++)
        ir_yield(b, ir_index(b, stores[k], 1, &top));
    for (int k = 0; k < g->nc; k++)
        if (vjp_carry_is_active(s, loop, k))
            ir_yield(b, vjp_adjoint_or_zeros(s, b, g->source->params.data[1 + ns + k]));
    for (int k = 0; k < g->free.n; k++)
        ir_yield(b, adjoint(s, g->free.data[k]));
    for (int k = 0; k < g->slices.n; k++) {
        Value *part = adjoint(s, g->source->params.data[1 + g->slices.data[k]]),
              *acc = accs[g->free.n + k];
        ir_yield(b, part ? ir_add_at(b, acc, part, 1, &i) : acc);
    }
}

/* One forward step. */
static void emit_step(Binomial *g, IrBuilder *b, Value *const *carry, Value *const *accs) {
    Vjp *s = g->s;
    Value *const *state = carry + FIRST_STORE + g->nc, *const *adj = state + g->nc;
    bool outer = s->map.drop_checks;
    map_iteration(g, b, carry[POS], state);
    s->map.drop_checks = true;
    step_forward(g, b);
    s->map.drop_checks = outer;
    Value *pos = plus(b, carry[POS], i64(b, 1)), **next = ARENA_ARRAY(s->arena, g->nc + 1, Value *);
    for (int k = 0; k < g->nc; k++)
        next[k] = primal(s, g->source->yields.data[k]);
    Value **out = ARENA_ARRAY(s->arena, STACK + g->nc, Value *);
    store_on_arrival(g, b, pos, carry[END], carry + TOP, next, out);
    ir_yield(b, pos);
    ir_yield(b, carry[END]);
    for (int k = 0; k < STACK + g->nc; k++)
        ir_yield(b, out[k]);
    for (int k = 0; k < g->nc; k++)
        ir_yield(b, next[k]);
    for (int k = 0; k < g->active; k++)
        ir_yield(b, adj[k]);
    for (int k = 0; k < g->free.n + g->slices.n; k++)
        ir_yield(b, accs[k]);
}

/* ---- the loop of actions ---- */

/* No more states than iterations, where the number of states is a value. */
static const Size *count_states(Binomial *g, IrBuilder *b) {
    int64_t known;
    const Size *asked = irmap_size(&g->s->map, g->loop->attr.loop.checkpoint_arg);
    if (size_is_const(asked, &known))
        return asked;
    Value *most = ir_ew2(b, OP_max, g->n, i64(b, 1));
    return size_sym(&b->m->ctx->polys,
                    bind(b, ir_ew2(b, OP_min, ir_size(b, asked), most), "states"));
}

/* A stack that holds the state before the first iteration. */
static void first_stack(Binomial *g, IrBuilder *b, Value **out) {
    Value *zero = i64(b, 0);
    out[0] = zero;
    out[TARGET - TOP] = next_target(g, b, zero, g->n, zero);
    out[PLACES - TOP] = zeros_of(b, ir_type(b->m, S_i64, 1, &g->states));
    for (int k = 0; k < g->nc; k++) {
        Value *init = primal(g->s, g->loop->in[g->loop->attr.loop.n_slice + k]);
        Value *store = zeros_of(b, ir_add_axis(b->m, init->type, g->states));
        out[STACK + k] = ir_update(b, store, init, 1, &zero);
    }
}

static void initial_carries(Binomial *g, IrBuilder *b, ValueList *out) {
    Vjp *s = g->s;
    const Inst *loop = g->loop;
    vec_push(s->arena, out, g->pos);
    vec_push(s->arena, out, g->n);
    for (int k = 0; k < STACK + g->nc; k++)
        vec_push(s->arena, out, g->stack[k]);
    for (int k = 0; k < g->nc; k++)
        vec_push(s->arena, out, g->state[k]);
    for (int k = 0; k < g->nc; k++)
        if (vjp_carry_is_active(s, loop, k))
            vec_push(s->arena, out, vjp_adjoint_or_zeros(s, b, loop->out[k]));
}

static void initial_accs(Binomial *g, IrBuilder *b, ValueList *out) {
    Vjp *s = g->s;
    for (int k = 0; k < g->free.n; k++)
        vec_push(s->arena, out, vjp_adjoint_or_zeros(s, b, g->free.data[k]));
    for (int k = 0; k < g->slices.n; k++)
        vec_push(s->arena, out,
                 zeros_of(b, irmap_type(&s->map, g->loop->in[g->slices.data[k]]->type)));
}

static void take_adjoints(Binomial *g, IrBuilder *b, Value **out) {
    Vjp *s = g->s;
    const Inst *loop = g->loop;
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    out += FIRST_STORE + 2 * g->nc;
    for (int k = 0; k < g->free.n; k++)
        set_adjoint(s, g->free.data[k], out[g->active + k]);
    for (int k = 0, j = 0; k < g->nc; k++)
        if (vjp_carry_is_active(s, loop, k))
            vjp_accumulate(s, b, loop->in[ns + k], out[j++]);
    for (int k = 0; k < na; k++)
        vjp_accumulate(s, b, loop->in[ns + g->nc + k], adjoint(s, loop->out[g->nc + k]));
    for (int k = 0; k < g->slices.n; k++)
        vjp_accumulate(s, b, loop->in[g->slices.data[k]], out[g->active + g->free.n + k]);
}

static Binomial start(Vjp *s, IrBuilder *b, const Inst *loop) {
    Binomial g = {.s = s, .loop = loop, .source = loop->regions[0], .nc = loop->attr.loop.n_carry};
    g.n = ir_size(b, irmap_size(&s->map, loop->attr.loop.extent));
    g.states = count_states(&g, b);
    g.most = ir_size(b, g.states);
    count_actions(&g, b);
    return g;
}

/* ---- the first run ---- */

/* Keeps the state before the last iteration: a number at each, an array, in a store for one, when
 * it is the last. */
static Value *keep_last(IrBuilder *b, Value *last, Value *state, Value *is_last) {
    if (state->type->rank == 0)
        return state;
    IrBuilder keep, pass;
    ir_builder_nested(&keep, b);
    ir_builder_nested(&pass, b);
    keep.loc = pass.loc = b->loc;
    Value *zero = i64(b, 0), *kept;
    ir_yield(&keep, ir_update(&keep, last, state, 1, &zero));
    ir_yield(&pass, last);
    ir_if_values(b, is_last, &keep, &pass, &kept);
    return kept;
}

/* What the loop carries: its own, the stack, the last states. */
static void add_stack(Binomial *g, IrBuilder *b, LoopSpec *spec) {
    Value **carries = ARENA_ARRAY(g->s->arena, STACK + 3 * g->nc, Value *),
          **last = carries + g->nc + STACK + g->nc;
    const Size *one = size_const(&b->m->ctx->polys, 1);
    first_stack(g, b, carries + g->nc);
    for (int k = 0; k < g->nc; k++) {
        Value *init = carries[k] = spec->carries[k];
        last[k] = init->type->rank == 0 ? init : zeros_of(b, ir_add_axis(b->m, init->type, one));
    }
    spec->carries = carries;
    spec->n_carry += STACK + 2 * g->nc;
}

static void map_run(Binomial *g, Value *const *params, int added) {
    const Inst *loop = g->loop;
    int before = 1 + loop->attr.loop.n_slice + g->nc;
    for (int k = 0; k < g->source->params.n; k++) {
        Value *param = params[k < before ? k : k + added];
        param->name = g->source->params.data[k]->name;
        irmap_put(&g->s->map, g->source->params.data[k], param);
    }
}

/* One iteration; yields the carries, then those of add_stack. */
static void run_iteration(Binomial *g, IrBuilder *b, Value *const *stack) {
    Vjp *s = g->s;
    Value *const *last = stack + STACK + g->nc, *const *yields = g->source->yields.data;
    Value **out = ARENA_ARRAY(s->arena, STACK + 2 * g->nc, Value *),
          **next = ARENA_ARRAY(s->arena, g->nc + 1, Value *);
    Value *one = i64(b, 1), *pos = iteration(g, b, ir_body_index(b));
    Value *is_last = ir_ew2(b, OP_eq, pos, minus(b, g->n, one));
    for (int k = 0; k < g->nc; k++) {
        Value *state = g->source->params.data[1 + g->loop->attr.loop.n_slice + k];
        out[STACK + g->nc + k] = keep_last(b, last[k], primal(s, state), is_last);
    }
    step_forward(g, b);
    for (int k = 0; k < g->nc; k++)
        ir_yield(b, next[k] = primal(s, yields[k]));
    store_on_arrival(g, b, plus(b, pos, one), g->n, stack, next, out);
    for (int k = 0; k < STACK + 2 * g->nc; k++)
        ir_yield(b, out[k]);
    for (int k = g->nc; k < g->source->yields.n; k++)
        ir_yield(b, primal(s, yields[k]));
}

static void name_stack(const Binomial *g, Value **stack) {
    static const char *const names[STACK] = {"top", "target", "places"};
    AtomTable *atoms = &g->s->m->ctx->atoms;
    for (int k = 0; k < STACK; k++)
        stack[k]->name = atom_of(atoms, names[k]);
    for (int k = 0; k < g->nc; k++) {
        const Value *state = g->source->params.data[1 + g->loop->attr.loop.n_slice + k];
        name_after(g->s->m, stack[STACK + k], state->name, "_stored");
    }
}

static void name_state(const Binomial *g, Value **carry) {
    const Inst *loop = g->loop;
    AtomTable *atoms = &g->s->m->ctx->atoms;
    carry[POS]->name = atom_of(atoms, "pos");
    carry[END]->name = atom_of(atoms, "end");
    name_stack(g, carry + TOP);
    for (int k = 0, j = 0; k < g->nc; k++) {
        const Value *state = g->source->params.data[1 + loop->attr.loop.n_slice + k];
        name_after(g->s->m, carry[FIRST_STORE + g->nc + k], state->name, "");
        if (vjp_carry_is_active(g->s, loop, k))
            name_after(g->s->m, carry[FIRST_STORE + 2 * g->nc + j++], state->name, "_adj");
    }
}

/* The sweep begins with the reversal of the last iteration. */
static void begin_after_run(Binomial *g, IrBuilder *b, Value *const *stack) {
    Value *zero = i64(b, 0), *before_last = minus(b, g->n, i64(b, 1)),
          **state = ARENA_ARRAY(g->s->arena, g->nc + 1, Value *);
    for (int k = 0; k < g->nc; k++) {
        Value *last = stack[STACK + g->nc + k];
        state[k] = last->type->rank == 0 ? last : ir_index(b, last, 1, &zero);
    }
    g->pos = before_last;
    g->stack = stack;
    g->state = state;
    g->actions = minus(b, g->actions, ir_ew2(b, OP_max, before_last, zero));
}

static bool can_be_stored(const Inst *loop) {
    for (int k = 0; k < loop->attr.loop.n_carry; k++)
        if (loop->out[k]->type->rank == IR_MAX_RANK)
            return false;
    return true;
}

bool vjp_run_binomial(Vjp *s, IrBuilder *b, const Inst *loop) {
    bool active = false;
    for (int k = 0; k < loop->n_out; k++)
        active |= vjp_is_active(s, loop->out[k]);
    if (!active || ir_loop_flag_of_carries(loop) >= 0 || !can_be_stored(loop))
        return false;
    Binomial *g = ARENA_NEW(s->arena, Binomial);
    *g = start(s, b, loop);
    int added = STACK + 2 * g->nc, first = 1 + loop->attr.loop.n_slice + g->nc;
    LoopSpec spec = vjp_loop_spec(s, loop);
    add_stack(g, b, &spec);
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = loop->loc;
    map_run(g, body.region->params.data, added);
    name_stack(g, body.region->params.data + first);
    run_iteration(g, &body, body.region->params.data + first);
    b->loc = loop->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    for (int k = 0; k < loop->n_out; k++) {
        Value *v = out[k < g->nc ? k : k + added];
        v->name = loop->out[k]->name;
        irmap_put(&s->map, loop->out[k], v);
    }
    begin_after_run(g, b, out + g->nc);
    ptrmap_put(&s->runs, loop, g);
    return true;
}

/* ---- the sweep ---- */

static void begin_afresh(Binomial *g, IrBuilder *b) {
    Value **stack = ARENA_ARRAY(g->s->arena, STACK + g->nc, Value *),
          **state = ARENA_ARRAY(g->s->arena, g->nc + 1, Value *);
    first_stack(g, b, stack);
    for (int k = 0; k < g->nc; k++)
        state[k] = primal(g->s, g->loop->in[g->loop->attr.loop.n_slice + k]);
    g->pos = i64(b, 0);
    g->stack = stack;
    g->state = state;
}

void vjp_sweep_binomial(Vjp *s, IrBuilder *b, const Inst *loop) {
    if (!can_be_stored(loop)) {
        vjp_fail(s, s->func, loop->loc, vjp_too_many_axes);
        return;
    }
    const Binomial *run = ptrmap_get(&s->runs, loop);
    Binomial g = run ? *run : start(s, b, loop);
    if (!run)
        begin_afresh(&g, b);
    ValueList carries = {0}, accs = {0};
    for (int k = 0; k < g.nc; k++)
        g.active += vjp_carry_is_active(s, loop, k);
    for (int k = 0; k < loop->attr.loop.n_slice; k++)
        if (vjp_is_active(s, g.source->params.data[1 + k]))
            vec_push(s->arena, &g.slices, k);
    vjp_free_active(s, g.source, &g.free);
    initial_carries(&g, b, &carries);
    initial_accs(&g, b, &accs);
    SizeSym *actions = bind(b, g.actions, "actions");
    LoopSpec spec = {.extent = size_sym(&b->m->ctx->polys, actions),
                     .checkpoint = CHECK_binomial, /* at the next order, again so many states */
                     .checkpoint_arg = g.states,
                     .n_carry = carries.n,
                     .n_acc = accs.n,
                     .carries = carries.data,
                     .accs = accs.data};
    IrBuilder body, reversal, step;
    ir_loop_begin(b, &spec, &body);
    body.loc = loop->loc;
    Value **carry = body.region->params.data + 1, **acc = carry + carries.n;
    name_state(&g, carry);
    Value *last = ir_ew2(&body, OP_ge, carry[POS], minus(&body, carry[END], i64(&body, 1)));
    ir_builder_nested(&step, &body);
    ir_builder_nested(&reversal, &body);
    step.loc = reversal.loc = loop->loc;
    emit_step(&g, &step, carry, acc);
    emit_reversal(&g, &reversal, carry, acc);
    Value **out = ARENA_ARRAY(s->arena, spec.n_carry + spec.n_acc, Value *);
    ir_if_values(&body, last, &reversal, &step, out);
    for (int k = 0; k < spec.n_carry + spec.n_acc; k++)
        ir_yield(&body, out[k]);
    b->loc = loop->loc;
    take_adjoints(&g, b, ir_loop_end(b, &spec, &body)->out);
}
