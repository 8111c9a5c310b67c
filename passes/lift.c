/* Lifts products out of parallel loops: a loop over samples that multiplies each by shared weights
 * becomes one product for all samples, with loops over what comes before and after it.
 *
 *     loop m { z = contract "ij,j->i" W, X[m]; .. f(z) .. }   ->   Z = contract "ij,Bj->Bi" W, X;
 * loop m { .. f(Z[m]) .. }
 *
 * The body is cut into phases: a value that needs no lifted product has phase 0, the result of a
 * product of phase p is available from phase p+1. Each phase becomes a loop; values that cross are
 * stacked, views are made again. Done before a function is differentiated, so the adjoints of the
 * product are products of all samples too; called by derive.c.
 *
 * Only products with one operand that all iterations share are lifted: there the elements of that
 * operand are used many times over. Products of a few numbers stay: they belong into registers, and
 * stacking their operands would cost more than it saves. */
#include "passes/liveness.h"
#include "passes/rebuild.h"

#include <string.h>

enum { SMALL_PRODUCT = 64, LIFT_ROUNDS = 6 };

typedef struct Lift {
    IrModule *m;
    Arena *arena;
    bool changed;
} Lift;

/* One loop while it is cut. */
typedef struct Cut {
    Lift *s;
    const Inst *loop;
    const Region *body;
    PtrMap phase;   /* body instruction -> phase + 1 */
    PtrMap lifted;  /* contracts that are lifted */
    PtrMap stacked; /* body value -> its stack, a value of the new function */
    int phases;
} Cut;

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* ---- phases ---- */

static bool is_body_value(const Cut *c, const Value *v) {
    return v->region == c->body;
}

static bool is_small_product(const Inst *inst) {
    int64_t n, total = 1;
    for (int k = 0; k < inst->n_in; k++)
        for (int d = 0; d < inst->in[k]->type->rank; d++) {
            if (!size_is_const(inst->in[k]->type->dims[d], &n))
                return false;
            total *= n > 0 ? n : 1;
            if (total > SMALL_PRODUCT * SMALL_PRODUCT)
                return false;
        }
    return total <= SMALL_PRODUCT;
}

static int phase_of(const Cut *c, const Inst *inst) {
    return (int)(uintptr_t)ptrmap_get(&c->phase, inst) - 1;
}

static void set_phase(Cut *c, const Inst *inst, int phase) {
    ptrmap_put(&c->phase, inst, (void *)(uintptr_t)(phase + 1));
    if (phase >= c->phases)
        c->phases = phase + 1;
}

/* The first phase in which a body value can be read. */
static int available(const Cut *c, const Value *v) {
    if (!v->inst)
        return 0;
    return phase_of(c, v->inst) + ptrmap_has(&c->lifted, v->inst);
}

static void values_used(Cut *c, const Inst *inst, ValueList *out) {
    for (int k = 0; k < inst->n_in; k++)
        vec_push(c->s->arena, out, inst->in[k]);
    for (int k = 0; k < inst->n_region; k++)
        ir_free_values(c->s->arena, inst->regions[k], out);
}

static bool is_view(const Inst *inst) {
    return inst->op == OP_broadcast || inst->op == OP_transpose || inst->op == OP_reverse ||
           inst->op == OP_const || inst->op == OP_size ||
           ((inst->op == OP_index || inst->op == OP_slice) && inst->in[0]->type->rank > 0);
}

static int last_check_phase(const Cut *c, int before) {
    int phase = 0;
    for (int i = 0; i < before; i++) {
        const Inst *inst = c->body->insts.data[i];
        bool checks = inst->op == OP_check;
        for (int k = 0; k < inst->n_region; k++)
            checks = checks || region_has_effect(inst->regions[k]);
        if (checks && phase_of(c, inst) > phase)
            phase = phase_of(c, inst);
    }
    return phase;
}

/* Whether every instruction still comes after what it reads. */
static bool phases_are_ordered(Cut *c) {
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            if (is_body_value(c, used.data[k]) && available(c, used.data[k]) > phase_of(c, inst))
                return false;
    }
    return true;
}

/* False where the loop is better left alone. */
static bool find_phases(Cut *c) {
    bool any = false;
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        int phase = 0;
        if (inst->op == OP_dim)
            return false;
        for (int k = 0; k < inst->n_out; k++)
            if (inst->out[k]->type->rank == IR_MAX_RANK) /* cannot be stacked */
                return false;
        values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++) {
            if (inst->op == OP_if && used.data[k]->is_acc)
                return false;
            if (is_body_value(c, used.data[k]) && available(c, used.data[k]) > phase)
                phase = available(c, used.data[k]);
        }
        if (!inst_is_pure(inst) && inst->op != OP_check) {
            int checked = last_check_phase(c, i);
            phase = checked > phase ? checked : phase;
        }
        set_phase(c, inst, phase);
        bool shares = inst->op == OP_contract &&
                      is_body_value(c, inst->in[0]) != is_body_value(c, inst->in[1]);
        if (shares && !is_small_product(inst)) {
            ptrmap_put(&c->lifted, inst, NULL);
            any = true;
            if (phase + 1 >= c->phases)
                c->phases = phase + 2;
        }
    }
    for (int i = c->body->insts.n - 1; i >= 0;
         i--) { /* a chain of accs stands in one phase: that of its end */
        const Inst *inst = c->body->insts.data[i];
        for (int k = 0; k < inst->n_in; k++) {
            const Value *v = inst->in[k];
            if (v->is_acc && v->inst && is_body_value(c, v) &&
                phase_of(c, inst) > phase_of(c, v->inst))
                set_phase(c, v->inst, phase_of(c, inst));
        }
    }
    return any && phases_are_ordered(c);
}

/* ---- emission ---- */

/* A value of an earlier phase that is better made again: a view of what is at hand. */
static bool made_again(const Cut *c, const Value *v) {
    if (!v->inst)
        return true;
    if (!is_view(v->inst) || ptrmap_has(&c->lifted, v->inst))
        return false;
    for (int k = 0; k < v->inst->n_in; k++)
        if (is_body_value(c, v->inst->in[k]) && !made_again(c, v->inst->in[k]))
            return false;
    return true;
}

/* Body values that phase p reads but does not make; views are followed to what they view. */
static void crossing(Cut *c, Value *v, int p, PtrMap *seen, ValueList *out) {
    if (!is_body_value(c, v) || !v->inst || ptrmap_has(seen, v))
        return;
    bool here = !ptrmap_has(&c->lifted, v->inst) && phase_of(c, v->inst) == p;
    if (here || made_again(c, v))
        return;
    ptrmap_put(seen, v, NULL);
    vec_push(c->s->arena, out, v);
}

static bool result_in_phase(const Cut *c, int k, int p) {
    const Value *y = c->body->yields.data[k];
    return (is_body_value(c, y) ? available(c, y) : 0) == p;
}

static void needs_of_phase(Cut *c, int p, ValueList *out) {
    PtrMap seen;
    ptrmap_init(&seen, c->s->arena);
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (phase_of(c, inst) != p || ptrmap_has(&c->lifted, inst))
            continue;
        values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            crossing(c, used.data[k], p, &seen, out);
    }
    for (int k = 0; k < c->body->yields.n; k++)
        if (result_in_phase(c, k, p))
            crossing(c, c->body->yields.data[k], p, &seen, out);
}

/* Values made in phase p that later phases or its products read. */
static void gives_of_phase(Cut *c, int p, ValueList *out) {
    PtrMap seen;
    ptrmap_init(&seen, c->s->arena);
    for (int q = p + 1; q < c->phases; q++) {
        ValueList needs = {0};
        needs_of_phase(c, q, &needs);
        for (int i = 0; i < needs.n; i++) {
            Value *v = needs.data[i];
            if (ptrmap_has(&c->lifted, v->inst) || phase_of(c, v->inst) != p ||
                ptrmap_has(&seen, v))
                continue;
            ptrmap_put(&seen, v, NULL);
            vec_push(c->s->arena, out, v);
        }
    }
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        if (!ptrmap_has(&c->lifted, inst) || phase_of(c, inst) < p)
            continue;
        for (int k = 0; k < 2; k++) {
            Value *v = inst->in[k];
            if (!is_body_value(c, v) || !v->inst || ptrmap_has(&c->lifted, v->inst) ||
                phase_of(c, v->inst) != p || ptrmap_has(&seen, v))
                continue;
            ptrmap_put(&seen, v, NULL);
            vec_push(c->s->arena, out, v);
        }
    }
}

/* Makes views of earlier phases again where an instruction of this phase reads them. */
static void make_again(Cut *c, IrBuilder *body, Value *v, int p, IrMap *map, PtrMap *here) {
    if (!is_body_value(c, v) || !v->inst || ptrmap_has(here, v) || !made_again(c, v) ||
        phase_of(c, v->inst) == p)
        return;
    for (int k = 0; k < v->inst->n_in; k++)
        make_again(c, body, v->inst->in[k], p, map, here);
    ptrmap_put(here, v, NULL);
    ir_clone_inst(body, v->inst, map);
}

static void emit_phase_body(Cut *c, IrBuilder *body, int p, IrMap *map) {
    PtrMap here;
    ptrmap_init(&here, c->s->arena);
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (phase_of(c, inst) != p || ptrmap_has(&c->lifted, inst))
            continue;
        values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            make_again(c, body, used.data[k], p, map, &here);
        body->loc = inst->loc;
        emit(c->s, body, inst, map);
    }
    for (int k = 0; k < c->body->yields.n; k++)
        if (result_in_phase(c, k, p))
            make_again(c, body, c->body->yields.data[k], p, map, &here);
}

static void take_result(Cut *c, Value *from, Value *v, IrMap *map) {
    name_after(c->s->m, v, from->name, "");
    irmap_put(map, from, v);
}

static void emit_phase(Cut *c, IrBuilder *b, int p, IrMap *map, Value *const *accs) {
    const Inst *loop = c->loop;
    Arena *arena = c->s->arena;
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    ValueList slices = {0}, inits = {0}, needs = {0}, gives = {0};
    VEC(int) acc_at = {0};
    for (int k = 0; k < ns; k++)
        vec_push(arena, &slices, irmap_get(map, loop->in[k]));
    needs_of_phase(c, p, &needs);
    gives_of_phase(c, p, &gives);
    for (int i = 0; i < needs.n; i++)
        vec_push(arena, &slices, (Value *)ptrmap_get(&c->stacked, needs.data[i]));
    for (int k = 0; k < na; k++)
        if (result_in_phase(c, k, p)) {
            vec_push(arena, &acc_at, k);
            vec_push(arena, &inits, accs[k]);
        }
    LoopSpec spec = {.extent = irmap_size(map, loop->attr.loop.extent),
                     .n_slice = slices.n,
                     .n_acc = inits.n,
                     .slices = slices.data,
                     .accs = inits.data,
                     .index_name = c->body->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **params = body.region->params.data;
    for (int k = 0; k <= ns; k++) {
        params[k]->name = c->body->params.data[k]->name;
        irmap_put(map, c->body->params.data[k], params[k]);
    }
    for (int i = 0; i < needs.n; i++)
        irmap_put(map, needs.data[i], params[1 + ns + i]);
    for (int i = 0; i < needs.n; i++)
        params[1 + ns + i]->name = needs.data[i]->name;
    for (int i = 0; i < acc_at.n; i++)
        irmap_put(map, c->body->params.data[1 + ns + acc_at.data[i]], params[1 + slices.n + i]);
    emit_phase_body(c, &body, p, map);
    for (int i = 0; i < acc_at.n; i++)
        ir_yield(&body, irmap_get(map, c->body->yields.data[acc_at.data[i]]));
    for (int k = na; k < loop->n_out; k++)
        if (result_in_phase(c, k, p))
            ir_yield(&body, irmap_get(map, c->body->yields.data[k]));
    for (int i = 0; i < gives.n; i++)
        ir_yield(&body, irmap_get(map, gives.data[i]));
    b->loc = loop->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    for (int i = 0; i < acc_at.n; i++)
        take_result(c, loop->out[acc_at.data[i]], *out++, map);
    for (int k = na; k < loop->n_out; k++)
        if (result_in_phase(c, k, p))
            take_result(c, loop->out[k], *out++, map);
    for (int i = 0; i < gives.n; i++, out++) {
        name_after(c->s->m, *out, gives.data[i]->name, "_all");
        ptrmap_put(&c->stacked, gives.data[i], *out);
    }
}

static char unused_label(const char *spec) {
    for (char label = 'A'; label <= 'Z'; label++)
        if (!strchr(spec, label))
            return label;
    return 0;
}

/* An operand of a lifted product over all iterations. */
static Value *all_iterations(Cut *c, Value *v, IrMap *map) {
    if (!is_body_value(c, v))
        return irmap_get(map, v);
    if (v->inst)
        return ptrmap_get(&c->stacked, v);
    return irmap_get(map,
                     c->loop->in[v->index - 1]); /* a slice parameter: the sliced array itself */
}

static void emit_products(Cut *c, IrBuilder *b, int p, IrMap *map) {
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        if (phase_of(c, inst) != p || !ptrmap_has(&c->lifted, inst))
            continue;
        const char *spec = inst->attr.spec, *comma = strchr(spec, ',');
        char label[2] = {unused_label(spec), 0};
        const char *x = is_body_value(c, inst->in[0]) ? label : "",
                   *y = is_body_value(c, inst->in[1]) ? label : "";
        const char *arrow = strstr(spec, "->");
        char *all = arena_printf(c->s->arena, "%s%.*s,%s%.*s->%s%s", x, (int)(comma - spec), spec,
                                 y, (int)(arrow - comma - 1), comma + 1, label, arrow + 2);
        b->loc = inst->loc;
        Value *out = ir_contract(b, all, all_iterations(c, inst->in[0], map),
                                 all_iterations(c, inst->in[1], map));
        name_after(c->s->m, out, inst->out[0]->name, "_all");
        ptrmap_put(&c->stacked, inst->out[0], out);
    }
}

static bool lift_loop(Lift *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    Cut c = {.s = s, .loop = loop, .body = loop->regions[0]};
    if (loop->attr.loop.n_carry > 0 || loop->attr.loop.checkpoint != CHECK_store)
        return false;
    ptrmap_init(&c.phase, s->arena);
    ptrmap_init(&c.lifted, s->arena);
    ptrmap_init(&c.stacked, s->arena);
    if (!find_phases(&c))
        return false;
    Value **accs = ARENA_ARRAY(s->arena, loop->attr.loop.n_acc + 1, Value *);
    for (int k = 0; k < loop->attr.loop.n_acc; k++)
        accs[k] = irmap_get(map, loop->in[loop->attr.loop.n_slice + k]);
    for (int p = 0; p < c.phases; p++) {
        emit_phase(&c, b, p, map, accs);
        emit_products(&c, b, p, map);
    }
    s->changed = true;
    return true;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (inst->op == OP_loop && lift_loop(user, b, inst, map))
        return;
    rebuild_inst(b, inst, map, emit, user);
}

void lift_func(IrModule *m, Func *f) {
    Lift s = {.m = m, .arena = m->arena, .changed = true};
    for (int round = 0; s.changed && round < LIFT_ROUNDS; round++) {
        s.changed = false;
        rebuild_func(m, f, emit, &s);
        simplify_func(m, f);
    }
}

bool pass_lift(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            lift_func(m, m->funcs.data[i]);
    return true;
}
