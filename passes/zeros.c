/* Where a derivative may be multiplied by what is not its business.
 *
 * A branch that is not taken, an element that nobody reads and a loop that does not run give
 * adjoints and tangents that are 0 by structure, not by chance. The factor that meets such a zero
 * may be inf or NaN, and their product is to be 0 nevertheless. So before reverse or forward mode
 * emits anything it asks of the values in a function's body: which may be inf or NaN where the
 * parameters are not; which may be such zeros themselves (adjoints of an earlier order are); whose
 * derivatives may be such zeros, and whose may be infinite. Where two answers meet the product is
 * mul0: Note [Gates] in rules.c. Data flows over the structured region like those of activity.c;
 * adjoints in zeros_adjoint.c. Called by vjp.c and jvp.c.
 *
 * A product of arrays costs more as mul0, and many have a zero by structure somewhere (of a basis,
 * of an element that nobody reads, of relu). So a second analysis, the narrow one, counts only the
 * zeros that a condition chooses: every loop runs, every element is read. */
#include "passes/zeros.h"

#include <math.h>

/* ---- values that may be inf or NaN ---- */

static bool asks_for_finite(const Region *region) {
    return region_holds(region, OP_isnan) || region_holds(region, OP_isfinite);
}

static const Inst *constant_of(const Value *v) {
    while (v->inst && v->inst->op == OP_broadcast)
        v = v->inst->in[0];
    return v->inst && v->inst->op == OP_const && value_is_float(v) ? v->inst : NULL;
}

static bool is_finite(double x) {
    return x - x == 0;
}

/* Division by a number that is not 0, and powers that are products, have no pole. */
static bool has_pole(const Inst *inst) {
    if (inst->op == OP_const)
        return value_is_float(inst->out[0]) && !is_finite(inst->attr.num);
    if (inst->op == OP_call)
        return true;
    if (!op_is_elementwise(inst->op) || !op_info[inst->op].pole)
        return false;
    const Inst *second = inst->n_in > 1 ? constant_of(inst->in[1]) : NULL;
    double c = second ? second->attr.num : 0;
    if (inst->op == OP_div)
        return c == 0 || !is_finite(c);
    return inst->op != OP_pow || c < 1 || c != floor(c);
}

static void find_poles(const Region *body, bool wild, PtrMap *poles) {
    bool watch = wild || asks_for_finite(body); /* who asks for NaN may be given one */
    for (int i = 0; watch && i < body->params.n; i++)
        if (value_is_float(body->params.data[i]))
            ptrmap_put(poles, body->params.data[i], NULL);
    activity_flow(body, has_pole, poles);
}

/* ---- factors ---- */

static bool is_condition(Op op) {
    return op == OP_select || op == OP_min || op == OP_max || op == OP_clamp;
}

bool op_chooses(Op op) {
    return is_condition(op) || op == OP_relu || op == OP_abs || op == OP_hypot;
}

bool makes_zeros(const Zeros *z, Op op) {
    return z->narrow ? is_condition(op) : op_chooses(op);
}

/* What a derivative is multiplied with on its way through operand k, where that is an operand. */
static const Value *factor_of(const Inst *inst, int k) {
    bool product = inst->op == OP_mul || inst->op == OP_mul0 || inst->op == OP_contract;
    return product || (inst->op == OP_fma && k < 2) ? inst->in[1 - k] : NULL;
}

bool partial_has_pole(const Zeros *z, const Inst *inst, int k) {
    const Value *factor = factor_of(inst, k);
    if (factor)
        return ptrmap_has(&z->poles, factor);
    if (inst->op == OP_reduce)
        return inst->attr.reduce.kind == RED_logsumexp && ptrmap_has(&z->poles, inst->in[0]);
    switch (inst->op) {
    case OP_add:
    case OP_sub:
    case OP_neg:
    case OP_fma:
    case OP_select: /* of these, partial derivatives are numbers, whatever the operands are */
    case OP_min:
    case OP_max:
    case OP_clamp:
    case OP_relu:
        return false;
    default:
        return op_is_elementwise(inst->op) && ptrmap_has(&z->poles, inst->out[0]);
    }
}

bool partial_has_zero(const Zeros *z, const Inst *inst, int k) {
    const Value *factor = factor_of(inst, k);
    if (inst->op == OP_div && k == 1)
        factor = inst->in[0];
    if (inst->op == OP_abs) /* its sign at 0 */
        return !z->narrow;
    return factor && (inst_is_zero(factor) || ptrmap_has(&z->zeros, factor));
}

bool zero_meets_pole(const Zeros *z, const Value *of, const Inst *inst, int k) {
    return ptrmap_has(&z->faint, of) && partial_has_pole(z, inst, k);
}

bool pole_meets_zero(const Zeros *z, const Value *of, const Inst *inst, int k) {
    return ptrmap_has(&z->steep, of) && partial_has_zero(z, inst, k);
}

bool loop_may_not_run(const Inst *loop) {
    int64_t extent;
    return !size_is_const(loop->attr.loop.extent, &extent) || extent < 1;
}

bool einsum_is_risky(const Zeros *z, const Value *of, const Inst *einsum, int k) {
    return z->chosen &&
           (zero_meets_pole(z->chosen, of, einsum, k) || pole_meets_zero(z->chosen, of, einsum, k));
}

static bool asks(const Zeros *z, const Inst *inst, const PtrMap *varied, bool adjoint) {
    const Func *callee = inst->op == OP_call ? inst->attr.callee.func : NULL;
    if (callee)
        return (callee->jvp_rule && region_holds(callee->jvp_rule->body, OP_contract)) ||
               (callee->vjp_rule && region_holds(callee->vjp_rule->body, OP_contract));
    for (int k = 0; k < 2 && inst->op == OP_contract; k++) {
        const Value *of = adjoint ? inst->out[0] : inst->in[k];
        if (ptrmap_has(varied, inst->in[k]) &&
            (zero_meets_pole(z, of, inst, k) || pole_meets_zero(z, of, inst, k)))
            return true;
    }
    return false;
}

bool asks_for_chosen(const Zeros *z, const Region *body, const PtrMap *varied, bool adjoint) {
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (asks(z, inst, varied, adjoint))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (asks_for_chosen(z, inst->regions[k], varied, adjoint))
                return true;
    }
    return false;
}

SeedKind kind_for(const Zeros *z, SeedKind kind) {
    bool counts = !z->narrow || kind & SEEDS_chosen;
    return counts ? kind & ~(unsigned)SEEDS_chosen : SEEDS_solid;
}

Zeros *new_narrow(Arena *arena) {
    Zeros *z = ARENA_NEW(arena, Zeros);
    z->narrow = true;
    return z;
}

/* ---- rules of calls ---- */

/* What a rule, all of whose operations are plain, adds to what. */
typedef struct Links {
    bool chooses;
    bool *linked; /* [float operands][float results] of the call */
} Links;

static int count_floats(Value *const *values, int n) {
    int floats = 0;
    for (int i = 0; i < n; i++)
        floats += value_is_float(values[i]);
    return floats;
}

/* Made of sizes, indices and numbers, like the mask of a triangle. */
static bool is_of_places(const Value *v, int depth) {
    if (!v->inst)
        return v->index == 0 && v->region->owner && v->region->owner->op == OP_loop;
    bool calculated = op_is_elementwise(v->inst->op) || v->inst->op == OP_const ||
                      v->inst->op == OP_size || v->inst->op == OP_broadcast;
    for (int k = 0; k < v->inst->n_in && calculated; k++)
        calculated = depth > 0 && is_of_places(v->inst->in[k], depth - 1);
    return calculated;
}

/* Of the narrow analysis: whether a condition in the rule may choose a zero, other than by its
 * place in an array, which is the same at every call. */
static bool has_condition(const Region *region) {
    enum { DEPTH = 8 };
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if ((is_condition(inst->op) || inst->op == OP_if) && !is_of_places(inst->in[0], DEPTH))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (has_condition(inst->regions[k]))
                return true;
    }
    return false;
}

/* Whether a zero may come about in the rule; `tangents`: what it is linear in, from that parameter
 * on. Calls in it are not looked into. */
static bool rule_chooses(Arena *arena, const Func *rule, int tangents) {
    PtrMap linear;
    ptrmap_init(&linear, arena);
    for (int i = tangents; i < rule->body->params.n; i++)
        activity_find(rule->body, 1, &i, &linear);
    for (int i = 0; i < rule->body->insts.n; i++) {
        const Inst *inst = rule->body->insts.data[i];
        bool plain = op_is_elementwise(inst->op)
                         ? !op_chooses(inst->op)
                         : inst->op == OP_const || inst->op == OP_convert || inst->op == OP_call ||
                               inst->op == OP_broadcast || inst->op == OP_size;
        for (int k = 0; inst->op == OP_call && k < inst->n_out; k++)
            plain = plain && !ptrmap_has(&linear, inst->out[k]);
        if (inst->op == OP_mul)
            plain = plain && !inst_is_zero(inst->in[0]) && !inst_is_zero(inst->in[1]);
        if (!plain)
            return true;
    }
    return false;
}

static void find_links(Zeros *z, Arena *arena, const Inst *call, const Func *rule, bool adjoint) {
    int n_in = count_floats(call->in, call->n_in), n_out = count_floats(call->out, call->n_out);
    int first = call->n_in + (adjoint ? call->n_out : 0), n = adjoint ? n_out : n_in;
    Links *links = ARENA_NEW(arena, Links);
    *links =
        (Links){.chooses = z->narrow ? has_condition(rule->body) : rule_chooses(arena, rule, first),
                .linked = ARENA_ARRAY(arena, n_in * n_out + 1, bool)};
    ptrmap_put(&z->links, rule, links);
    for (int i = 0; i < n; i++) {
        PtrMap active;
        ptrmap_init(&active, arena);
        activity_find(rule->body, 1, &(int){first + i}, &active);
        for (int j = 0; j < rule->body->yields.n; j++)
            links->linked[adjoint ? j * n_out + i : i * n_out + j] =
                ptrmap_has(&active, rule->body->yields.data[j]);
    }
}

static void find_calls(Zeros *z, Arena *arena, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            find_calls(z, arena, inst->regions[k]);
        if (inst->op != OP_call)
            continue;
        const Func *f = inst->attr.callee.func;
        if (f->jvp_rule && !ptrmap_has(&z->links, f->jvp_rule))
            find_links(z, arena, inst, f->jvp_rule, false);
        if (f->vjp_rule && !ptrmap_has(&z->links, f->vjp_rule))
            find_links(z, arena, inst, f->vjp_rule, true);
    }
}

static const Links *links_of(const Zeros *z, const Inst *call, bool adjoint) {
    const Func *f = call->attr.callee.func, *jvp = f->jvp_rule, *vjp = f->vjp_rule;
    const Func *rule = adjoint ? (vjp ? vjp : jvp) : (jvp ? jvp : vjp);
    return rule ? ptrmap_get(&z->links, rule) : NULL;
}

bool call_may_choose(const Zeros *z, const Inst *call, bool adjoint) {
    const Links *links = links_of(z, call, adjoint);
    return links && links->chooses;
}

bool call_passes(const Zeros *z, const Inst *call, int k, int r, bool adjoint) {
    const Links *links = links_of(z, call, adjoint);
    int n_out = count_floats(call->out, call->n_out);
    return links && !links->chooses && value_is_float(call->in[k]) &&
           value_is_float(call->out[r]) &&
           links->linked[count_floats(call->in, k) * n_out + count_floats(call->out, r)];
}

/* ---- elements of small arrays ---- */

enum { MOST_ELEMENTS = sizeof(Elements) * 8 };

/* How many numbers an array holds, or what k indices leave of it; 0: not known, or too many. */
static int64_t count_elements(const Type *type, int k) {
    int64_t count = 1, extent;
    for (int d = k; d < type->rank; d++) {
        if (!size_is_const(type->dims[d], &extent) || extent < 1 || extent >= MOST_ELEMENTS)
            return 0;
        count *= extent;
        if (count >= MOST_ELEMENTS)
            return 0;
    }
    return count;
}

Elements every_element(const Type *type) {
    return ((Elements)1 << count_elements(type, 0)) - 1;
}

Elements known_part(const Inst *inst, int at) {
    const Type *array = inst->in[0]->type;
    int64_t first = 0, rows = 1, extent, all = count_elements(array, 0);
    for (int k = at; k < inst->n_in && all > 0; k++) {
        const Inst *index = inst->in[k]->inst;
        if (!index || index->op != OP_const || !size_is_const(array->dims[k - at], &extent) ||
            index->attr.integer < 0 || index->attr.integer >= extent)
            return 0;
        first = first * extent + index->attr.integer;
    }
    if (inst->op == OP_slice && !size_is_const(inst->out[0]->type->dims[0], &rows))
        return 0;
    int64_t each = count_elements(array, inst->n_in - at);
    if (all == 0 || rows < 1 || rows > all || (first + rows) * each > all)
        return 0;
    return (((Elements)1 << rows * each) - 1) << first * each;
}

/* ---- values and tangents that may be 0 ---- */

/* One flow for both. Zeros of tangents begin at what does not vary, zeros of values at constants;
 * but a carry that only starts from a constant is a value like any other. */
typedef struct Flow {
    const Zeros *known;
    const PtrMap *varied; /* NULL: the flow is of values */
    PtrMap *zeros;
    PtrMap firm; /* parameters of carries of that kind */
    bool narrow, changed;
} Flow;

static bool may_vanish(const Flow *f, const Value *v) {
    if (f->varied ? !ptrmap_has(f->varied, v) : inst_is_zero(v))
        return true;
    return ptrmap_has(f->zeros, v);
}

static void vanish(Flow *f, const Value *v, bool may) {
    bool subject = f->varied ? ptrmap_has(f->varied, v) : value_is_float(v);
    if (!may || !subject || ptrmap_has(f->zeros, v))
        return;
    ptrmap_put(f->zeros, v, NULL);
    f->changed = true;
}

/* Whether one of the float operands may be 0, or all of them. In the narrow analysis a 0 that is
 * written there counts where a condition chooses it. */
static bool any_vanishes(const Flow *f, const Inst *inst) {
    for (int k = 0; k < inst->n_in; k++) {
        const Value *x = inst->in[k];
        bool written = !f->narrow || inst->op == OP_select;
        if (value_is_float(x) && (written ? may_vanish(f, x) : ptrmap_has(f->zeros, x)))
            return true;
    }
    return false;
}

static bool all_vanish(const Flow *f, const Inst *inst) {
    for (int k = 0; k < inst->n_in; k++) {
        bool factor = f->varied && partial_has_zero(f->known, inst, k);
        if (value_is_float(inst->in[k]) && !factor && !may_vanish(f, inst->in[k]))
            return false;
    }
    return true;
}

static void flow_region(Flow *f, const Region *region);

static void flow_loop(Flow *f, const Inst *loop) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry;
    int nstate = nc + loop->attr.loop.n_acc;
    bool may_not_run = !f->narrow && loop_may_not_run(loop);
    for (int i = 0; i < ns + nstate; i++)
        vanish(f, body->params.data[1 + i],
               may_vanish(f, loop->in[i]) && !ptrmap_has(&f->firm, body->params.data[1 + i]));
    flow_region(f, body);
    for (int k = 0; k < loop->n_out; k++) {
        const Value *y = body->yields.data[k];
        bool last = may_vanish(f, y), first = k < nstate && may_vanish(f, loop->in[ns + k]);
        if (k < nc) {
            first = first && !ptrmap_has(&f->firm, body->params.data[1 + ns + k]);
            vanish(f, body->params.data[1 + ns + k], last);
            vanish(f, loop->out[k], last || (first && may_not_run));
        } else if (k < nstate) { /* a sum, that begins with `first` */
            vanish(f, loop->out[k], first && (last || may_not_run));
        } else {
            vanish(f, loop->out[k], last);
        }
    }
}

/* Numbers added to zeros, unless to every element. */
static bool sum_vanishes(const Flow *f, const Inst *add) {
    const Value *v = add->out[0];
    Elements every = every_element(v->type), added = 0;
    for (; v->inst && v->inst->op == OP_add_at; v = v->inst->in[0]) {
        bool number = !may_vanish(f, v->inst->in[1]);
        if (number && f->narrow)
            return false;
        added |= number ? known_part(v->inst, 2) : 0;
    }
    return may_vanish(f, v) && (every == 0 || added != every);
}

static bool elementwise_vanishes(const Flow *f, const Inst *inst) {
    switch (inst->op) {
    case OP_select:
    case OP_min:
    case OP_max:
    case OP_clamp:
        return any_vanishes(f, inst);
    case OP_add:
    case OP_sub:
    case OP_neg:
        return all_vanish(f, inst);
    case OP_mul:
    case OP_mul0:
        return f->varied ? all_vanish(f, inst) : any_vanishes(f, inst);
    case OP_relu:
        return !f->narrow || all_vanish(f, inst);
    case OP_div:
        return f->varied ? all_vanish(f, inst) : may_vanish(f, inst->in[0]);
    default:
        return f->varied && ((!f->narrow && op_chooses(inst->op)) || all_vanish(f, inst));
    }
}

static bool call_vanishes(const Flow *f, const Inst *call, int r) {
    if (!f->varied)
        return f->known ? call_may_choose(f->known, call, false) : !f->narrow;
    for (int k = 0; k < call->n_in; k++)
        if (call_passes(f->known, call, k, r, false) && !may_vanish(f, call->in[k]))
            return false;
    return true;
}

static void flow_inst(Flow *f, const Inst *inst) {
    const Value *out = inst->n_out > 0 ? inst->out[0] : NULL;
    if (op_is_elementwise(inst->op)) {
        vanish(f, out, elementwise_vanishes(f, inst));
        return;
    }
    switch (inst->op) {
    case OP_loop:
        flow_loop(f, inst);
        return;
    case OP_if:
        for (int k = 0; k < 2; k++)
            flow_region(f, inst->regions[k]);
        for (int i = 0; i < inst->n_out; i++)
            for (int k = 0; k < 2; k++)
                vanish(f, inst->out[i], may_vanish(f, inst->regions[k]->yields.data[i]));
        return;
    case OP_call:
        for (int i = 0; i < inst->n_out; i++)
            vanish(f, inst->out[i], call_vanishes(f, inst, i));
        return;
    case OP_array:
    case OP_concat:
    case OP_update:
        vanish(f, out, any_vanishes(f, inst));
        return;
    case OP_add_at:
        vanish(f, out, sum_vanishes(f, inst));
        return;
    case OP_add_slice: /* adds somewhere */
        vanish(f, out, f->narrow ? all_vanish(f, inst) : may_vanish(f, inst->in[0]));
        return;
    case OP_contract:
        vanish(f, out, f->varied ? all_vanish(f, inst) : any_vanishes(f, inst));
        return;
    case OP_const:
        return;
    default: /* one operand, or sizes and indices besides */
        if (out && inst->n_in > 0)
            vanish(f, out, all_vanish(f, inst));
    }
}

static void flow_region(Flow *f, const Region *region) {
    for (int i = 0; i < region->insts.n; i++)
        flow_inst(f, region->insts.data[i]);
}

/* Notes carries that start from 0 (of tangents: from what does not vary) and go on with something
 * else; false when there is a new one. */
static bool know_carries(Flow *f, const Region *region) {
    bool knew = true;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            knew &= know_carries(f, inst->regions[k]);
        for (int k = 0; inst->op == OP_loop && k < inst->attr.loop.n_carry; k++) {
            const Region *body = inst->regions[0];
            int at = inst->attr.loop.n_slice + k;
            const Value *carry = body->params.data[1 + at];
            const Value *from = inst->in[at];
            bool starts = f->varied ? !ptrmap_has(f->varied, from) : inst_is_zero(from);
            if (!starts || may_vanish(f, body->yields.data[k]) || ptrmap_has(&f->firm, carry))
                continue;
            ptrmap_put(&f->firm, carry, NULL);
            knew = false;
        }
    }
    return knew;
}

static void flow(const Zeros *known, const Region *body, const PtrMap *varied, PtrMap *zeros) {
    enum { MOST_ROUNDS = 8 }; /* with fewer, more may be zeros than are */
    Flow f = {.known = known, .varied = varied, .zeros = zeros, .narrow = known->narrow};
    bool knew = false;
    ptrmap_init(&f.firm, zeros->arena);
    for (int round = 0; round < MOST_ROUNDS && !knew; round++) {
        if (round > 0)
            ptrmap_init(zeros, zeros->arena);
        f.changed = true;
        while (f.changed) {
            f.changed = false;
            flow_region(&f, body);
        }
        knew = (varied && !f.narrow) || know_carries(&f, body);
    }
}

void zeros_of_values(Zeros *z, Arena *arena, const Region *body, bool wild) {
    PtrMap *sets[] = {&z->poles, &z->zeros, &z->faint, &z->steep, &z->links};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        ptrmap_init(sets[i], arena);
    find_calls(z, arena, body);
    find_poles(body, wild, &z->poles);
    flow(z, body, NULL, &z->zeros);
}

/* Follows v to what it is made of, and says of each value on the way whether it may be 0. */
static void flow_back(Flow *f, PtrMap *seen, const Value *v) {
    if (!v->inst || ptrmap_has(seen, v->inst))
        return;
    ptrmap_put(seen, v->inst, NULL);
    for (int k = 0; k < v->inst->n_in; k++)
        flow_back(f, seen, v->inst->in[k]);
    ValueList free = {0};
    for (int k = 0; k < v->inst->n_region; k++)
        ir_free_values(seen->arena, v->inst->regions[k], &free);
    for (int i = 0; i < free.n; i++)
        flow_back(f, seen, free.data[i]);
    do {
        f->changed = false;
        flow_inst(f, v->inst);
    } while (f->changed);
}

bool zero_by_structure(Arena *arena, const Value *v, bool narrow) {
    PtrMap zeros, seen;
    Flow f = {.zeros = &zeros, .narrow = narrow};
    ptrmap_init(&zeros, arena);
    ptrmap_init(&seen, arena);
    ptrmap_init(&f.firm, arena);
    flow_back(&f, &seen, v);
    return may_vanish(&f, v);
}

/* Whether the tangent of the i-th is not 0 in the turn. Of an array it always is, in places. */
static bool is_whole(const Seeds *seeds, const Region *body, int i, int turn) {
    return i == turn && body->params.data[seeds->wrt[i]]->type->rank == 0;
}

/* Adds what may be 0 in the turn of one tangent (-1: where all those are not that are given; n: all
 * may be). */
static void flow_of_turn(Zeros *z, const Region *body, const PtrMap *varied, const Seeds *seeds,
                         int turn) {
    PtrMap zeros;
    ptrmap_init(&zeros, z->faint.arena);
    for (int i = 0; i < seeds->n; i++)
        if (!seeds->given[i] || turn == seeds->n || (turn >= 0 && !is_whole(seeds, body, i, turn)))
            ptrmap_put(&zeros, body->params.data[seeds->wrt[i]], NULL);
    flow(z, body, varied, &zeros);
    for (uint32_t i = 0; i < zeros.cap; i++)
        if (zeros.keys[i])
            ptrmap_put(&z->faint, zeros.keys[i], NULL);
}

static void find_tangents(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                          const Seeds *seeds) {
    SeedKind kind = kind_for(z, seeds->kind);
    bool in_turn = kind == SEEDS_basis && seeds->n <= MOST_TURNS;
    zeros_of_values(z, arena, body, false);
    for (int i = 0; i < seeds->n && in_turn; i++)
        flow_of_turn(z, body, varied, seeds, i);
    if (!in_turn)
        flow_of_turn(z, body, varied, seeds, kind == SEEDS_solid ? -1 : seeds->n);
    z->steep = z->poles; /* an infinite tangent begins at a pole */
}

void zeros_of_tangents(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                       const Seeds *seeds) {
    find_tangents(z, arena, body, varied, seeds);
    if (asks_for_chosen(z, body, varied, false)) {
        z->chosen = new_narrow(arena);
        find_tangents(z->chosen, arena, body, varied, seeds);
    }
}
