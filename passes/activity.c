/* Activity: which values depend, through float operations, on the parameters that are
 * differentiated.
 *
 * A forward data flow over the structured region; loops are iterated until their carries stop
 * changing (activity only grows, so at most n_carry + 1 times). Called by vjp.c and jvp.c: what is
 * not here has no adjoint and no tangent; the flow itself by zeros.c, too. */
#include "passes/internal.h"

static void mark(PtrMap *active, Value *v, bool *changed) {
    if (!value_is_float(v) || ptrmap_has(active, v))
        return;
    ptrmap_put(active, v, NULL);
    *changed = true;
}

static bool is_active(const PtrMap *active, const Value *v) {
    return ptrmap_has(active, v);
}

/* Besides what is marked, the flow begins at results of instructions that `starts` names; then it
 * is one of values, and goes through `stop`. */
typedef bool (*Starts)(const Inst *inst);

static void flow_region(const Region *region, Starts starts, PtrMap *active, bool *changed);

static void flow_loop(const Inst *loop, Starts starts, PtrMap *active, bool *changed) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int i = 0; i < loop->n_in; i++)
        if (is_active(active, loop->in[i]))
            mark(active, body->params.data[1 + i], changed);
    for (bool again = true; again;) {
        again = false;
        flow_region(body, starts, active, changed);
        for (int i = 0; i < nstate; i++)
            if (is_active(active, body->yields.data[i]))
                mark(active, body->params.data[1 + ns + i], &again);
        *changed |= again;
    }
    for (int i = 0; i < loop->n_out; i++) {
        bool from_init = i < nstate && is_active(active, loop->in[ns + i]);
        if (from_init || is_active(active, body->yields.data[i]))
            mark(active, loop->out[i], changed);
    }
}

static void flow_if(const Inst *inst, Starts starts, PtrMap *active, bool *changed) {
    for (int k = 0; k < 2; k++)
        flow_region(inst->regions[k], starts, active, changed);
    for (int i = 0; i < inst->n_out; i++)
        if (is_active(active, inst->regions[0]->yields.data[i]) ||
            is_active(active, inst->regions[1]->yields.data[i]))
            mark(active, inst->out[i], changed);
}

static void flow_region(const Region *region, Starts starts, PtrMap *active, bool *changed) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop)
            flow_loop(inst, starts, active, changed);
        else if (inst->op == OP_if)
            flow_if(inst, starts, active, changed);
        else if (inst->op != OP_stop || starts) {
            bool any = starts && starts(inst);
            for (int k = 0; k < inst->n_in; k++)
                any |= is_active(active, inst->in[k]);
            for (int k = 0; any && k < inst->n_out; k++)
                mark(active, inst->out[k], changed);
        }
    }
}

void activity_find(const Region *body, int n_wrt, const int *wrt, PtrMap *active) {
    bool changed = false;
    for (int i = 0; i < n_wrt; i++)
        mark(active, body->params.data[wrt[i]], &changed);
    flow_region(body, NULL, active, &changed);
}

void activity_flow(const Region *body, Starts starts, PtrMap *active) {
    bool changed = false;
    flow_region(body, starts, active, &changed);
}

/* ---- usefulness: the same flow backwards ---- */

/* The flow may begin inside, at operands that `starts` chooses. */
typedef struct Want {
    StartsAt starts;
    const void *user;
} Want;

static void want_region(const Region *region, const Want *w, PtrMap *useful, bool *changed);

static void want_loop(const Inst *loop, const Want *w, PtrMap *useful, bool *changed) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int i = 0; i < loop->n_out; i++)
        if (is_active(useful, loop->out[i]))
            mark(useful, body->yields.data[i], changed);
    for (bool again = true; again;) {
        again = false;
        want_region(body, w, useful, changed);
        for (int i = 0; i < nstate; i++)
            if (is_active(useful, body->params.data[1 + ns + i]))
                mark(useful, body->yields.data[i], &again);
        *changed |= again;
    }
    for (int i = 0; i < loop->n_in; i++) {
        bool as_result = i >= ns && is_active(useful, loop->out[i - ns]);
        if (as_result || is_active(useful, body->params.data[1 + i]))
            mark(useful, loop->in[i], changed);
    }
}

static void want_region(const Region *region, const Want *w, PtrMap *useful, bool *changed) {
    for (int i = region->insts.n - 1; i >= 0; i--) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop) {
            want_loop(inst, w, useful, changed);
            continue;
        }
        bool any = false;
        for (int k = 0; k < inst->n_out; k++)
            any |= is_active(useful, inst->out[k]);
        if (inst->op == OP_if) {
            for (int k = 0; k < 2; k++) {
                for (int j = 0; j < inst->n_out; j++)
                    if (is_active(useful, inst->out[j]))
                        mark(useful, inst->regions[k]->yields.data[j], changed);
                want_region(inst->regions[k], w, useful, changed);
            }
        } else if (inst->op != OP_stop) {
            for (int k = 0; k < inst->n_in; k++)
                if (any || (w && w->starts(w->user, inst, k)))
                    mark(useful, inst->in[k], changed);
        }
    }
}

void useful_find(const Region *body, const bool *yield_wanted, PtrMap *useful) {
    bool changed = false;
    for (int i = 0; i < body->yields.n; i++)
        if (yield_wanted[i])
            mark(useful, body->yields.data[i], &changed);
    want_region(body, NULL, useful, &changed);
}

void useful_flow(const Region *body, StartsAt starts, const void *user, PtrMap *useful) {
    bool changed = false;
    want_region(body, &(Want){starts, user}, useful, &changed);
}
