/* Forward mode on the structured IR: every value that varies gets a tangent beside it.
 *
 * jvp_expand emits a function's body once, primal and tangents side by side: a loop becomes one
 * loop whose slices, carries, accs and stacked results are doubled where they vary. The output is
 * ordinary IR and can be differentiated again. Called by derive.c. */
#include "ir/linear.h"
#include "passes/internal.h"
#include "passes/rules.h"

#include <string.h>

typedef struct Jvp {
    IrModule *m;
    Arena *arena;
    IrMap map;       /* source value -> primal */
    PtrMap tangents; /* source value -> tangent; absent: zero */
    PtrMap varied;
    Gates gates;
    const Func *func; /* that is differentiated */
    DeriveError *error;
    bool failed;
} Jvp;

static bool varies(const Jvp *s, const Value *v) {
    return ptrmap_has(&s->varied, v);
}

static Value *primal(Jvp *s, Value *v) {
    return irmap_get(&s->map, v);
}

static Value *tangent(Jvp *s, const Value *v) {
    return ptrmap_get(&s->tangents, v);
}

static void set_tangent(Jvp *s, const Value *v, Value *t) {
    ptrmap_put(&s->tangents, v, t);
    name_after(s->m, t, v->name, "_tan");
}

static Value *tangent_or_zeros(Jvp *s, IrBuilder *b, Value *v) {
    Value *t = tangent(s, v);
    return t ? t : zeros_of(b, irmap_type(&s->map, v->type));
}

static Value *plus(Jvp *s, IrBuilder *b, Value *x, Value *y) {
    return !x ? y : !y ? x : plus_term(&s->gates, b, x, y);
}

static void push_region(Jvp *s, IrBuilder *b, const Region *region);

static void push_elementwise(Jvp *s, IrBuilder *b, const Inst *inst) {
    Value *x[3] = {0}, *sum = NULL;
    for (int k = 0; k < inst->n_in; k++)
        x[k] = primal(s, inst->in[k]);
    for (int k = 0; k < inst->n_in; k++) {
        Value *t = tangent(s, inst->in[k]);
        if (!t)
            continue;
        Value *term =
            rule_term(&s->gates, b, inst, k, x, primal(s, inst->out[0]), t, inst->in[k], NULL);
        sum = plus(s, b, sum, term);
    }
    set_tangent(s, inst->out[0], sum);
}

/* Tangents of a list of operands are appended after the operands themselves. */
typedef struct Doubled {
    VEC(Value *) list;
    VEC(int) which; /* indices of those that vary, in order */
} Doubled;

static void double_operands(Jvp *s, IrBuilder *b, const Inst *loop, int first, int n,
                            Doubled *out) {
    const Region *source = loop->regions[0];
    for (int i = 0; i < n; i++)
        vec_push(s->arena, &out->list, primal(s, loop->in[first + i]));
    for (int i = 0; i < n; i++)
        if (varies(s, source->params.data[1 + first + i])) {
            vec_push(s->arena, &out->list, tangent_or_zeros(s, b, loop->in[first + i]));
            vec_push(s->arena, &out->which, i);
        }
}

static void map_params(Jvp *s, const Region *source, int first, int n, const Doubled *d,
                       Value **params) {
    for (int i = 0; i < n; i++) {
        params[i]->name = source->params.data[first + i]->name;
        irmap_put(&s->map, source->params.data[first + i], params[i]);
    }
    for (int k = 0; k < d->which.n; k++)
        set_tangent(s, source->params.data[first + d->which.data[k]], params[n + k]);
}

static void yield_doubled(Jvp *s, IrBuilder *body, const Region *source, int first, int n,
                          const Doubled *d) {
    for (int i = 0; i < n; i++)
        ir_yield(body, primal(s, source->yields.data[first + i]));
    for (int k = 0; k < d->which.n; k++)
        ir_yield(body, tangent_or_zeros(s, body, source->yields.data[first + d->which.data[k]]));
}

static Value **take_results(Jvp *s, const Inst *loop, int first, int n, const Doubled *d,
                            Value **out) {
    for (int i = 0; i < n; i++) {
        out[i]->name = loop->out[first + i]->name;
        irmap_put(&s->map, loop->out[first + i], out[i]);
    }
    for (int k = 0; k < d->which.n; k++)
        set_tangent(s, loop->out[first + d->which.data[k]], out[n + k]);
    return out + n + d->which.n;
}

static void push_loop(Jvp *s, IrBuilder *b, const Inst *loop) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    int nstack = loop->attr.loop.n_stack;
    Doubled slices = {0}, carries = {0}, accs = {0}, stacks = {0};
    double_operands(s, b, loop, 0, ns, &slices);
    double_operands(s, b, loop, ns, nc, &carries);
    double_operands(s, b, loop, ns + nc, na, &accs);
    LoopSpec spec = {.extent = irmap_size(&s->map, loop->attr.loop.extent),
                     .reverse = loop->attr.loop.reverse,
                     .checkpoint = loop->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(&s->map, loop->attr.loop.checkpoint_arg),
                     .n_slice = slices.list.n,
                     .n_carry = carries.list.n,
                     .n_acc = accs.list.n,
                     .slices = slices.list.data,
                     .carries = carries.list.data,
                     .accs = accs.list.data,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **params = body.region->params.data;
    irmap_put(&s->map, source->params.data[0], params[0]);
    map_params(s, source, 1, ns, &slices, params + 1);
    for (int i = 0; i < ns; i++)
        if (tangent(s, loop->in[i]))
            set_tangent(s, source->params.data[1 + i],
                        slice_gate(&s->gates, &body, tangent(s, loop->in[i]),
                                   tangent(s, source->params.data[1 + i])));
    map_params(s, source, 1 + ns, nc, &carries, params + 1 + slices.list.n);
    map_params(s, source, 1 + ns + nc, na, &accs, params + 1 + slices.list.n + carries.list.n);
    push_region(s, &body, source);
    for (int i = 0; i < nstack; i++)
        if (tangent(s, source->yields.data[nc + na + i]))
            vec_push(s->arena, &stacks.which, i);
    yield_doubled(s, &body, source, 0, nc, &carries);
    yield_doubled(s, &body, source, nc, na, &accs);
    yield_doubled(s, &body, source, nc + na, nstack, &stacks);
    b->loc = loop->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    out = take_results(s, loop, 0, nc, &carries, out);
    out = take_results(s, loop, nc, na, &accs, out);
    take_results(s, loop, nc + na, nstack, &stacks, out);
}

static void push_if(Jvp *s, IrBuilder *b, const Inst *inst) {
    IrBuilder branch[2];
    VEC(int) which = {0};
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        push_region(s, &branch[k], inst->regions[k]);
    }
    for (int i = 0; i < inst->n_out; i++)
        if (tangent(s, inst->regions[0]->yields.data[i]) ||
            tangent(s, inst->regions[1]->yields.data[i]))
            vec_push(s->arena, &which, i);
    for (int k = 0; k < 2; k++) {
        const Region *source = inst->regions[k];
        for (int i = 0; i < inst->n_out; i++)
            ir_yield(&branch[k], primal(s, source->yields.data[i]));
        for (int i = 0; i < which.n; i++)
            ir_yield(&branch[k],
                     tangent_or_zeros(s, &branch[k], source->yields.data[which.data[i]]));
    }
    Value **out = ARENA_ARRAY(s->arena, inst->n_out + which.n + 1, Value *);
    b->loc = inst->loc;
    ir_if_values(b, primal(s, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++) {
        name_keep(s->m, out[i], inst->out[i]->name);
        irmap_put(&s->map, inst->out[i], out[i]);
    }
    for (int i = 0; i < which.n; i++)
        set_tangent(s, inst->out[which.data[i]], out[inst->n_out + i]);
}

static void push_reduce(Jvp *s, IrBuilder *b, const Inst *inst) {
    Value *t = tangent(s, inst->in[0]), *x = primal(s, inst->in[0]), *r = primal(s, inst->out[0]);
    int axes = inst->attr.reduce.axes;
    if (!t)
        return;
    switch (inst->attr.reduce.kind) {
    case RED_sum:
        set_tangent(s, inst->out[0], ir_reduce(b, RED_sum, t, axes));
        break;
    case RED_logsumexp: {
        Value *w = ir_ew1(b, OP_exp, ir_ew2(b, OP_sub, x, ir_broadcast(b, r, x->type)));
        Value *part =
            times_partial(b, t, w, zero_meets_pole(&s->gates.source, inst->in[0], inst, 0));
        set_tangent(s, inst->out[0], ir_reduce(b, RED_sum, part, axes));
        break;
    }
    case RED_max:
    case RED_min: { /* ties share equally */
        Value *hit = ir_ew2(b, OP_eq, x, ir_broadcast(b, r, x->type)), *zero = zeros_of(b, x->type);
        Value *count =
            ir_reduce(b, RED_sum, ir_ew3(b, OP_select, hit, ir_const(b, x->type, 1.0), zero), axes);
        Value *sum = ir_reduce(b, RED_sum, ir_ew3(b, OP_select, hit, t, zero), axes);
        b->is_step = true; /* 0/0 for nothing, which is a matter of who uses it */
        set_tangent(s, inst->out[0], ir_ew2(b, OP_div, sum, count));
        b->is_step = false;
        break;
    }
    default:
        break;
    }
}

/* Operations linear in each array operand that have index operands besides. */
static void push_indexed(Jvp *s, IrBuilder *b, const Inst *inst) {
    Value *idx[IR_MAX_RANK], *x = inst->in[0];
    Value *tx = tangent(s, x);
    bool scatters = inst->op == OP_add_at || inst->op == OP_update || inst->op == OP_add_slice;
    int first = scatters ? 2 : 1, k = inst->n_in - first;
    for (int i = 0; i < k; i++)
        idx[i] = primal(s, inst->in[first + i]);
    Value *tv = scatters ? tangent(s, inst->in[1]) : NULL, *t = NULL;
    if (!tx && !tv)
        return;
    if (!scatters) {
        const Type *type = irmap_type(&s->map, inst->out[0]->type);
        t = inst->op == OP_slice ? ir_slice(b, tx, idx[0], type->dims[0])
                                 : index_gate(&s->gates, b, tx, k, idx);
    } else if (!tv && inst->op != OP_update) {
        t = tx;
    } else {
        Value *a = tangent_or_zeros(s, b, x), *v = tangent_or_zeros(s, b, inst->in[1]);
        t = inst->op == OP_add_at   ? ir_add_at(b, a, v, k, idx)
            : inst->op == OP_update ? ir_update(b, a, v, k, idx)
                                    : ir_add_slice(b, a, v, idx[0]);
    }
    set_tangent(s, inst->out[0], t);
}

static void push_shape(Jvp *s, IrBuilder *b, const Inst *inst) {
    const Type *type = irmap_type(&s->map, inst->out[0]->type);
    Value *t = tangent(s, inst->in[0]), **parts;
    switch (inst->op) {
    case OP_array:
    case OP_concat:
        if (!varies(s, inst->out[0]))
            return;
        parts = ARENA_ARRAY(s->arena, inst->n_in, Value *);
        for (int i = 0; i < inst->n_in; i++)
            parts[i] = tangent_or_zeros(s, b, inst->in[i]);
        t = inst->op == OP_array ? ir_array(b, inst->n_in, parts) : ir_concat(b, inst->n_in, parts);
        break;
    case OP_convert:
        t = t && value_is_float(inst->out[0]) ? ir_convert(b, t, type->elem) : NULL;
        break;
    case OP_broadcast:
        t = t ? ir_broadcast(b, t, type) : NULL;
        break;
    case OP_transpose:
        t = t ? ir_transpose(b, t, inst->attr.perm) : NULL;
        break;
    case OP_reshape:
        t = t ? ir_reshape(b, t, type) : NULL;
        break;
    default:
        t = t ? ir_reverse(b, t) : NULL;
        break;
    }
    set_tangent(s, inst->out[0], t);
}

static void push_contract(Jvp *s, IrBuilder *b, const Inst *inst) {
    const Zeros *z = &s->gates.source;
    Value *sum = NULL;
    for (int k = 0; k < 2; k++) {
        Value *t = tangent(s, inst->in[k]), *x[2];
        if (!t)
            continue;
        x[k] = t;
        x[1 - k] = primal(s, inst->in[1 - k]);
        bool strong = einsum_is_risky(z, inst->in[k], inst, k);
        sum = plus(s, b, sum,
                   (strong ? strong_contract : ir_contract)(b, inst->attr.spec, x[0], x[1]));
    }
    set_tangent(s, inst->out[0], sum);
}

static void fail(Jvp *s, const Inst *inst, const char *why) {
    if (!s->failed)
        *s->error = (DeriveError){.func = inst->attr.callee.func, .loc = inst->loc, .why = why};
    s->failed = true;
}

/* Whether a tangent that goes into the call may be 0 by structure, or infinite where the rule may
 * multiply by 0. */
static bool is_risky(const Jvp *s, const Zeros *z, const Inst *call) {
    bool chooses = call_may_choose(z, call, false), any = false;
    for (int i = 0; i < call->n_in; i++) {
        const Value *v = call->in[i];
        bool faint = ptrmap_has(&z->faint, v) || (!z->narrow && !varies(s, v));
        any |= value_is_float(v) && (faint || (chooses && ptrmap_has(&z->steep, v)));
    }
    return any;
}

static SeedKind seeds_of_call(const Jvp *s, const Inst *call) {
    const Zeros *z = &s->gates.source;
    return !is_risky(s, z, call)
               ? SEEDS_solid
               : SEEDS_wild | (z->chosen && is_risky(s, z->chosen, call) ? SEEDS_chosen : 0);
}

/* Through a vjp rule, linear in its cotangent, by transposing it: its own vjp with respect to the
 * cotangents. */
static bool transpose_vjp_rule(Jvp *s, IrBuilder *b, const Inst *call, const Size *const *sizes,
                               Value **args, int n_args, Value *const *tangents, Value **out) {
    Func *f = call->attr.callee.func;
    NotLinear reason;
    if (!ir_is_linear(s->m, f->vjp_rule, n_args, "cotangent", &reason)) {
        const char *why = arena_printf(
            s->m->arena, "forward mode needs a vjp rule that is linear; this is %s", reason.why);
        *s->error = (DeriveError){.func = f, .loc = reason.loc, .why = why};
        return false;
    }
    Func *rule = func_placed(s->m, f->vjp_rule, call->loc);
    int *wrt = ARENA_ARRAY(s->arena, call->n_out + 1, int), n = 0;
    for (int i = 0; i < call->n_out; i++)
        if (value_is_float(call->out[i])) {
            wrt[n] = n_args + n;
            args[n_args + n] = zeros_of(b, primal(s, call->out[i])->type);
            n++;
        }
    return vjp_expand(b, rule, sizes, n, wrt, args, tangents, seeds_of_call(s, call), NULL, out,
                      s->error);
}

static void push_call(Jvp *s, IrBuilder *b, const Inst *call) {
    Func *f = call->attr.callee.func;
    bool any = false;
    int n = call->n_in, nt = 0;
    Value **args = ARENA_ARRAY(s->arena, 2 * (n + call->n_out) + 1, Value *);
    Value **tangents = ARENA_ARRAY(s->arena, n + 1, Value *),
          **out = ARENA_ARRAY(s->arena, call->n_out + 1, Value *);
    for (int i = 0; i < n; i++) {
        args[i] = primal(s, call->in[i]);
        if (value_is_float(call->in[i])) {
            any |= tangent(s, call->in[i]) != NULL;
            tangents[nt++] = tangent_or_zeros(s, b, call->in[i]);
        }
    }
    if (!any)
        return;
    const Size **sizes = ARENA_ARRAY(s->arena, f->sizes.n + 1, const Size *);
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = irmap_size(&s->map, call->attr.callee.sizes[i]);
    const Origin *derived = b->origin;
    b->origin = origin_in_rule(s->m, derived);
    if (f->jvp_rule) {
        memcpy(args + n, tangents, (size_t)nt * sizeof *args);
        Value **all = ARENA_ARRAY(s->arena, f->jvp_rule->body->yields.n + 1, Value *);
        Func *rule = rule_for(s->m, f->jvp_rule, n, seeds_of_call(s, call));
        ir_inline(b, rule, sizes, args, all);
        for (int i = 0, k = 0; i < f->jvp_rule->body->yields.n; i++)
            if (type_is_float(all[i]->type))
                out[k++] = all[i];
    } else if (f->vjp_rule) {
        for (int i = 0; i < call->n_out; i++)
            args[n + i] = primal(s, call->out[i]);
        if (!transpose_vjp_rule(s, b, call, sizes, args, n + call->n_out, tangents, out)) {
            s->failed = true;
            return;
        }
    } else {
        fail(s, call, "it has no rule");
        return;
    }
    b->origin = derived;
    for (int i = 0, k = 0; i < call->n_out; i++)
        if (value_is_float(call->out[i]))
            set_tangent(s, call->out[i], out[k++]);
}

static void push_inst(Jvp *s, IrBuilder *b, const Inst *inst) {
    b->loc = inst->loc;
    if (inst->op == OP_loop) {
        push_loop(s, b, inst);
        return;
    }
    if (inst->op == OP_if) {
        push_if(s, b, inst);
        return;
    }
    ir_clone_inst(b, inst, &s->map);
    bool any = false;
    for (int i = 0; i < inst->n_out; i++)
        any |= varies(s, inst->out[i]);
    if (!any)
        return;
    b->origin = origin_derived(s->m, false, s->func, inst->origin);
    if (op_is_elementwise(inst->op)) {
        push_elementwise(s, b, inst);
        return;
    }
    switch (inst->op) {
    case OP_reduce:
        push_reduce(s, b, inst);
        break;
    case OP_contract:
        push_contract(s, b, inst);
        break;
    case OP_call:
        push_call(s, b, inst);
        break;
    case OP_index:
    case OP_slice:
    case OP_add_at:
    case OP_update:
    case OP_add_slice:
        push_indexed(s, b, inst);
        break;
    default:
        push_shape(s, b, inst);
        break;
    }
}

static void push_region(Jvp *s, IrBuilder *b, const Region *region) {
    for (int i = 0; i < region->insts.n && !s->failed; i++)
        push_inst(s, b, region->insts.data[i]);
}

bool jvp_expand(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt,
                Value *const *args, Value *const *tangents, SeedKind kind, Value **results,
                Value **result_tangents, DeriveError *error) {
    Jvp s = {.m = b->m, .arena = b->m->arena, .func = f, .error = error};
    const Origin *outer = b->origin;
    irmap_init(&s.map, b->m, s.arena);
    ptrmap_init(&s.tangents, s.arena);
    ptrmap_init(&s.varied, s.arena);
    ptrmap_init(&s.gates.solid, s.arena);
    const Region *body = f->body;
    for (int i = 0; i < f->sizes.n; i++)
        ptrmap_put(&s.map.syms, f->sizes.data[i], (void *)(uintptr_t)sizes[i]);
    for (int i = 0; i < body->params.n; i++)
        irmap_put(&s.map, body->params.data[i], args[i]);
    Seeds seeds = {.kind = kind, .n = n_wrt, .wrt = wrt, .given = tangents};
    for (int i = 0; i < n_wrt; i++) {
        if (!tangents[i])
            continue;
        set_tangent(&s, body->params.data[wrt[i]], tangents[i]);
        gates_note_seed(&s.gates, tangents[i]);
    }
    activity_find(body, n_wrt, wrt, &s.varied);
    zeros_of_tangents(&s.gates.source, s.arena, body, &s.varied, &seeds);
    s.map.origin = outer;
    push_region(&s, b, body);
    b->origin = outer;
    for (int i = 0, k = 0; i < body->yields.n; i++) {
        results[i] = primal(&s, body->yields.data[i]);
        if (value_is_float(body->yields.data[i]))
            result_tangents[k++] = tangent_or_zeros(&s, b, body->yields.data[i]);
    }
    return !s.failed;
}
