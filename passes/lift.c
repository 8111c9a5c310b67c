/* Lifts products out of loops: a loop over samples that multiplies each by shared weights becomes
 * one product for all samples, with loops over what comes before and after it.
 *
 *     loop m { z = contract "ij,j->i" W, X[m]; .. f(z) .. }
 * becomes
 *     Z = contract "ij,Bj->Bi" W, X; loop m { .. f(Z[m]) .. }
 *
 * The body is cut into phases: a value that needs no lifted product has phase 0, the result of a
 * product of phase p is available from phase p+1. Each phase becomes a loop; values that cross are
 * stacked, views are made again. Done before a function is differentiated, so the adjoints of the
 * product are products of all samples too, and after it, for the products that the adjoint brings;
 * called by derive.c.
 *
 * Only products with one operand that all iterations share are lifted: there the elements of that
 * operand are used many times over. Products of a few numbers stay: they belong into registers, and
 * stacking their operands would cost more than it saves.
 *
 * Note [Loops with carries]
 * A sequential loop keeps in one phase, `main`, all that depends on its carries and that its
 * carries depend on. What comes before in the data flow (the input's product of a recurrent cell)
 * and what comes after (the output's) are done for all steps at once, as above. So is a matrix that
 * a step adds to a sum: the adjoint of shared weights, dW + dz_t x_t', is stacked as dz and x, and
 * one product of all steps is added behind the loop. That turns a pass over the whole of dW a step
 * into one. It takes memory for the operands or results of all steps, as much as the reverse sweep
 * takes anyway; loops with a checkpoint attribute stay whole.
 *
 * Note [Loops that change places]
 * In a loop over sequences, the product of the recurrence has its shared weights too, but stands in
 * a sequential loop. The two loops change places: the sequential one carries the states of all
 * sequences, and holds loops over the sequences, out of which the next round lifts the product.
 *
 *     loop b { y = loop t carry(x = x0[b]) { .. W x .. } }
 *         ->   Y = loop t carry(X = X0) { loop b { .. W X[b] .. } }
 *
 * What a reverse sweep then stores are states of all sequences. So that memory does not grow with
 * their number, the loop is first cut into chunks of a number that is enough for products at full
 * speed; the loop over chunks is parallel, and its adjoint runs forward and back one chunk at a
 * time. Chunks are smaller where threads would find none for them.
 *
 * A parallel loop in a parallel loop changes places with it where it repeats what is dear and the
 * same in every iteration: the rows of data under the columns of a Hessian. No chunks are made
 * then. */
#include "passes/lift.h"
#include "ir/einsum.h"

#include <string.h>

enum { SMALL_PRODUCT = 64, SMALL_SUM = 128, LIFT_ROUNDS = 8 };

/* ---- phases ---- */

bool lift_is_small_product(const Inst *inst) {
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

static void set_phase(Cut *c, const Inst *inst, int phase) {
    ptrmap_put(&c->phase, inst, (void *)(uintptr_t)(phase + 1));
    if (phase >= c->phases)
        c->phases = phase + 1;
}

int lift_available(const Cut *c, const Value *v) {
    if (!v->inst)
        return is_carry_param(c, v) ? c->main : 0;
    return phase_of(c, v->inst) + is_lifted(c, v->inst);
}

void lift_values_used(Cut *c, const Inst *inst, ValueList *out) {
    bool dropped = ptrmap_has(&c->dropped, inst);
    for (int k = 0; k < inst->n_in && !(dropped && k == 1); k++)
        vec_push(c->s->arena, out, inst->in[k]);
    for (int k = 0; k < inst->n_region; k++)
        ir_free_values(c->s->arena, inst->regions[k], out);
}

static int last_check_phase(const Cut *c, int before) {
    int phase = 0;
    for (int i = 0; i < before; i++) {
        const Inst *inst = c->body->insts.data[i];
        if (inst_holds(inst, OP_check) && phase_of(c, inst) > phase)
            phase = phase_of(c, inst);
    }
    return phase;
}

/* Whether every instruction still comes after what it reads. */
static bool phases_are_ordered(Cut *c) {
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            if (is_body_value(c, used.data[k]) &&
                lift_available(c, used.data[k]) > phase_of(c, inst))
                return false;
    }
    for (int k = 0; k < c->loop->attr.loop.n_carry; k++) {
        const Value *y = c->body->yields.data[k];
        if (is_body_value(c, y) && lift_available(c, y) > c->main)
            return false;
    }
    return true;
}

/* What no loop that is cut may hold. */
static bool can_be_cut(Cut *c) {
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (inst->op == OP_dim)
            return false;
        for (int k = 0; k < inst->n_out; k++)
            if (inst->out[k]->type->rank == IR_MAX_RANK) /* cannot be stacked */
                return false;
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n && inst->op == OP_if; k++)
            if (used.data[k]->is_acc)
                return false;
    }
    return true;
}

/* ---- what is lifted ---- */

/* The result has axes of the first operand alone and axes of the second alone. */
static bool is_outer(const Inst *product) {
    Einsum e = einsum_of_inst(product);
    bool alone[2] = {false, false};
    for (const char *at = e.out; *at; at++)
        for (int k = 0; k < 2; k++)
            alone[k] |= strchr(e.labels[k], *at) && !strchr(e.labels[!k], *at);
    return alone[0] && alone[1];
}

/* A matrix that fits into registers: added in each step, it needs no stacks of its factors. */
static bool is_small_sum(const Inst *product) {
    const Type *type = product->out[0]->type;
    int64_t n, count = 1;
    for (int d = 0; d < type->rank; d++) {
        if (!size_is_const(type->dims[d], &n) || n > SMALL_SUM)
            return false;
        count *= n;
    }
    return count <= SMALL_SUM;
}

/* The addition to a sum of the loop that is all that a product is for; NULL: there is none. */
static const Inst *sum_of_product(const Cut *c, const Inst *product) {
    if (ptrmap_get(&c->uses, product->out[0]) != (void *)1)
        return NULL;
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        if (inst->op == OP_add && inst->in[0]->is_acc && inst->in[1] == product->out[0])
            return inst;
    }
    return NULL;
}

static bool should_lift(Cut *c, const Inst *inst) {
    if (inst->op == OP_loop)
        return c->main < 0 && lift_turns(c, inst);
    if (inst->op != OP_contract || lift_is_small_product(inst))
        return false;
    bool x = is_body_value(c, inst->in[0]), y = is_body_value(c, inst->in[1]);
    if (x != y)
        return true;
    const Inst *sum =
        c->main >= 0 && x && is_outer(inst) && !is_small_sum(inst) ? sum_of_product(c, inst) : NULL;
    if (sum)
        ptrmap_put(&c->dropped, sum, (void *)(uintptr_t)inst);
    return sum != NULL;
}

static bool place(Cut *c, int i, int phase) {
    const Inst *inst = c->body->insts.data[i];
    ValueList used = {0};
    lift_values_used(c, inst, &used);
    for (int k = 0; k < used.n; k++)
        if (is_body_value(c, used.data[k]) && lift_available(c, used.data[k]) > phase)
            phase = lift_available(c, used.data[k]);
    if (!inst_is_pure(inst) && inst->op != OP_check) {
        int checked = last_check_phase(c, i);
        phase = checked > phase ? checked : phase;
    }
    set_phase(c, inst, phase);
    if (ptrmap_has(&c->recurrent, inst) || !should_lift(c, inst))
        return false;
    ptrmap_put(&c->lifted, inst, NULL);
    if (phase + 1 >= c->phases)
        c->phases = phase + 2;
    return true;
}

/* A chain of accs stands in one phase: that of its end. */
static void join_chains(Cut *c) {
    for (int i = c->body->insts.n - 1; i >= 0; i--) {
        const Inst *inst = c->body->insts.data[i];
        for (int k = 0; k < inst->n_in; k++) {
            const Value *v = inst->in[k];
            if (v->is_acc && v->inst && is_body_value(c, v) &&
                phase_of(c, inst) > phase_of(c, v->inst))
                set_phase(c, v->inst, phase_of(c, inst));
        }
    }
}

/* ---- loops with carries ---- */

/* Also what must come after a check that depends on them. */
static void find_dependent(Cut *c) {
    bool checked = false;
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        bool depends = checked && (inst_holds(inst, OP_check) || !inst_is_pure(inst));
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            depends = depends || is_carry_param(c, used.data[k]) ||
                      (used.data[k]->inst && ptrmap_has(&c->dependent, used.data[k]->inst));
        if (depends)
            ptrmap_put(&c->dependent, inst, NULL);
        checked = checked || (depends && inst_holds(inst, OP_check));
    }
}

static void find_recurrent(Cut *c) {
    PtrMap needed;
    ptrmap_init(&needed, c->s->arena);
    for (int k = 0; k < c->loop->attr.loop.n_carry; k++)
        if (c->body->yields.data[k]->inst)
            ptrmap_put(&needed, c->body->yields.data[k]->inst, NULL);
    for (int i = c->body->insts.n - 1; i >= 0; i--) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (!ptrmap_has(&needed, inst) &&
            !(inst_holds(inst, OP_check) && ptrmap_has(&c->dependent, inst)))
            continue;
        if (ptrmap_has(&c->dependent, inst))
            ptrmap_put(&c->recurrent, inst, NULL);
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++)
            if (used.data[k]->inst)
                ptrmap_put(&needed, used.data[k]->inst, NULL);
    }
}

/* The phase of the carries: the first in which all that the recurrence reads is there. */
static int main_phase(Cut *c) {
    int phase = 0;
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        ValueList used = {0};
        if (!ptrmap_has(&c->recurrent, inst))
            continue;
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++) {
            const Value *v = used.data[k];
            if (is_body_value(c, v) && v->inst && !ptrmap_has(&c->dependent, v->inst) &&
                lift_available(c, v) > phase)
                phase = lift_available(c, v);
        }
    }
    for (int k = 0; k < c->loop->attr.loop.n_carry; k++) {
        const Value *y = c->body->yields.data[k];
        if (is_body_value(c, y) && y->inst && !ptrmap_has(&c->dependent, y->inst) &&
            lift_available(c, y) > phase)
            phase = lift_available(c, y);
    }
    return phase;
}

/* What no earlier phase reads is computed where it is read, instead of being stacked. */
static void sink(Cut *c) {
    PtrMap read; /* value -> the first phase that reads it, + 1 */
    ptrmap_init(&read, c->s->arena);
    for (int k = 0; k < c->loop->attr.loop.n_carry; k++)
        ptrmap_put(&read, c->body->yields.data[k], (void *)(uintptr_t)(c->main + 1));
    for (int i = c->body->insts.n - 1; i >= 0; i--) {
        const Inst *inst = c->body->insts.data[i];
        int first = 0;
        for (int k = 0; k < inst->n_out; k++) {
            int at = (int)(uintptr_t)ptrmap_get(&read, inst->out[k]);
            if (at > 0 && (first == 0 || at < first))
                first = at;
        }
        bool fixed = is_lifted(c, inst) || ptrmap_has(&c->dependent, inst) || inst->n_out != 1 ||
                     inst->out[0]->is_acc || !inst_is_pure(inst);
        if (!fixed && first - 1 > phase_of(c, inst))
            set_phase(c, inst, first - 1);
        ValueList used = {0};
        lift_values_used(c, inst, &used);
        for (int k = 0; k < used.n; k++) {
            int at = (int)(uintptr_t)ptrmap_get(&read, used.data[k]);
            if (at == 0 || phase_of(c, inst) + 1 < at)
                ptrmap_put(&read, used.data[k], (void *)(uintptr_t)(phase_of(c, inst) + 1));
        }
    }
}

/* False where the loop is better left alone. */
static bool find_phases(Cut *c) {
    bool any = false;
    if (!can_be_cut(c))
        return false;
    if (c->loop->attr.loop.n_carry > 0) {
        find_dependent(c);
        find_recurrent(c);
    }
    for (int i = 0; i < c->body->insts.n; i++)
        if (!ptrmap_has(&c->dependent, c->body->insts.data[i]))
            any |= place(c, i, 0);
    if (c->main >= 0) {
        c->main = main_phase(c);
        if (c->main >= c->phases)
            c->phases = c->main + 1;
    }
    for (int i = 0; i < c->body->insts.n; i++)
        if (ptrmap_has(&c->dependent, c->body->insts.data[i]))
            any |= place(c, i, c->main);
    if (any && c->main >= 0)
        sink(c);
    join_chains(c);
    return any && phases_are_ordered(c);
}

static bool lifts_sequential(const Cut *c) {
    for (int i = 0; i < c->body->insts.n; i++) {
        const Inst *inst = c->body->insts.data[i];
        if (inst->op == OP_loop && inst->attr.loop.n_carry > 0 && is_lifted(c, inst))
            return true;
    }
    return false;
}

static bool lift_loop(Lift *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    bool carries = loop->attr.loop.n_carry > 0;
    Cut c = {.s = s, .loop = loop, .body = loop->regions[0], .main = carries ? 0 : -1};
    if (loop->attr.loop.checkpoint != CHECK_store || ir_loop_flag(loop) >= 0)
        return false;
    PtrMap *maps[] = {&c.phase,     &c.lifted, &c.dropped, &c.dependent,
                      &c.recurrent, &c.uses,   &c.stacked};
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++)
        ptrmap_init(maps[k], s->arena);
    count_uses(c.body, &c.uses);
    if (!find_phases(&c))
        return false;
    s->changed = true;
    if (!lifts_sequential(&c) || !lift_emit_chunks(s, b, loop, map))
        lift_emit(&c, b, map);
    return true;
}

void lift_inst(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (inst->op == OP_loop && lift_loop(user, b, inst, map))
        return;
    rebuild_inst(b, inst, map, lift_inst, user);
}

void lift_func(IrModule *m, Func *f) {
    Lift s = {.m = m, .arena = m->arena, .changed = true};
    for (int round = 0; s.changed && round < LIFT_ROUNDS; round++) {
        s.changed = false;
        rebuild_func(m, f, lift_inst, &s);
        simplify_func(m, f);
    }
}

bool pass_lift(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            lift_func(m, m->funcs.data[i]);
    return true;
}
