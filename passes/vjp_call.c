/* Reverse mode: the adjoint of a call is its rule, written as a vjp or as a jvp that is transposed;
 * see vjp.c. */
#include "passes/vjp.h"

static const Size *const *mapped_sizes(Vjp *s, const Inst *call) {
    int n = call->attr.callee.func->sizes.n;
    const Size **sizes = ARENA_ARRAY(s->arena, n + 1, const Size *);
    for (int i = 0; i < n; i++)
        sizes[i] = irmap_size(&s->map, call->attr.callee.sizes[i]);
    return sizes;
}

/* Cotangents of the float results of a call, zeros where absent. */
static int call_cotangents(Vjp *s, IrBuilder *b, const Inst *call, Value **out) {
    int n = 0;
    for (int i = 0; i < call->n_out; i++)
        if (value_is_float(call->out[i]))
            out[n++] = vjp_adjoint_or_zeros(s, b, call->out[i]);
    return n;
}

/* Whether a cotangent of the call may be 0 by structure, or infinite where the rule may multiply by
 * 0: wild seeds of its rule. */
static bool is_risky(const Zeros *z, const Inst *call) {
    bool chooses = call_may_choose(z, call, true), any = false;
    for (int i = 0; i < call->n_out; i++)
        any |=
            ptrmap_has(&z->faint, call->out[i]) || (chooses && ptrmap_has(&z->steep, call->out[i]));
    return any;
}

static SeedKind seeds_of_call(const Vjp *s, const Inst *call) {
    const Zeros *z = &s->gates.source;
    return !is_risky(z, call)
               ? SEEDS_solid
               : SEEDS_wild | (z->chosen && is_risky(z->chosen, call) ? SEEDS_chosen : 0);
}

/* A jvp rule is linear in its tangents: its vjp with respect to them, at any tangent, is the
 * transposed rule. One that calls its function with a tangent has no end. */
static bool transpose_jvp_rule(Vjp *s, IrBuilder *b, const Inst *call, Value **args,
                               Value *const *cotangents, Value **adjoints) {
    Func *f = call->attr.callee.func;
    Transposed here = {.func = f, .around = s->error->within};
    for (const Transposed *t = here.around; t; t = t->around)
        if (t->func == f) {
            vjp_fail(s, f, call->loc, "its jvp rule needs its own transpose");
            return false;
        }
    int *wrt = ARENA_ARRAY(s->arena, call->n_in + 1, int), n = 0;
    for (int i = 0; i < call->n_in; i++)
        if (value_is_float(call->in[i])) {
            args[call->n_in + n] = zeros_of(b, args[i]->type);
            wrt[n] = call->n_in + n;
            n++;
        }
    s->error->within = &here;
    bool ok = vjp_expand(b, func_placed(s->m, f->jvp_rule, call->loc), mapped_sizes(s, call), n,
                         wrt, args, cotangents, seeds_of_call(s, call), NULL, adjoints, s->error);
    s->error->within = here.around;
    return ok;
}

void vjp_sweep_call(Vjp *s, IrBuilder *b, const Inst *call) {
    Func *f = call->attr.callee.func;
    const Origin *derived = b->origin;
    Value **args = ARENA_ARRAY(s->arena, 2 * (call->n_in + call->n_out) + 1, Value *);
    Value **adjoints = ARENA_ARRAY(s->arena, call->n_in + 1, Value *);
    for (int i = 0; i < call->n_in; i++)
        args[i] = primal(s, call->in[i]);
    b->origin = origin_in_rule(s->m, derived);
    if (f->vjp_rule) {
        for (int i = 0; i < call->n_out; i++)
            args[call->n_in + i] = primal(s, call->out[i]);
        call_cotangents(s, b, call, args + call->n_in + call->n_out);
        Func *rule = rule_for(s->m, f->vjp_rule, call->n_in + call->n_out, seeds_of_call(s, call));
        ir_inline(b, rule, mapped_sizes(s, call), args, adjoints);
    } else if (f->jvp_rule) {
        Value **cotangents = ARENA_ARRAY(s->arena, call->n_out + 1, Value *);
        call_cotangents(s, b, call, cotangents);
        if (!transpose_jvp_rule(s, b, call, args, cotangents, adjoints)) {
            s->failed = true;
            return;
        }
    } else {
        vjp_fail(s, f, call->loc, "it has no rule");
        return;
    }
    b->origin = derived;
    for (int i = 0, k = 0; i < call->n_in; i++)
        if (value_is_float(call->in[i]))
            vjp_accumulate(s, b, call->in[i], adjoints[k++]);
}
