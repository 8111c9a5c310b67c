/* Moves the bodies of functions to another arena, so that what a pass left behind can be freed.
 *
 * Copies are verbatim: same order, same names, same symbols.
 * Functions, types and exports stay where they are (m->keep); a Func gets a new body, and a size
 * symbol that a `dim` binds gets its new value. While a body moves, each old value holds the
 * address of its copy. Called by passes; nothing else may hold a Value, Inst or Region across that.
 */
#include "ir/ir.h"

#include <string.h>

typedef struct Move {
    IrModule *m;
    Arena *to;
    VEC(Func *) work;
    PtrMap seen; /* Func* */
} Move;

static void reach(Move *v, Func *f) {
    if (!f || ptrmap_has(&v->seen, f))
        return;
    ptrmap_put(&v->seen, f, NULL);
    vec_push(v->m->arena, &v->work, f);
}

static void *copied(Arena *to, const void *data, int n, size_t size) {
    void *copy = arena_array(to, (size_t)n, size);
    if (n > 0)
        memcpy(copy, data, (size_t)n * size);
    return copy;
}

static Value *forwarded(const Value *old) {
    return (Value *)(void *)old->inst;
}

static Value *move_value(Move *v, Value *old, Region *region, Inst *inst) {
    Value *value = ARENA_NEW(v->to, Value);
    *value = *old;
    value->region = region;
    value->inst = inst;
    old->inst = (Inst *)(void *)value;
    return value;
}

static void move_attr(Move *v, Inst *inst) {
    switch (inst->op) {
    case OP_check:
        inst->attr.text = atom_of(&v->m->ctx->atoms, inst->attr.text);
        break;
    case OP_dim:
        inst->attr.sym->value = inst->in[0];
        break;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        inst->attr.callee.sizes =
            copied(v->to, inst->attr.callee.sizes, inst->attr.callee.func->sizes.n, sizeof(Size *));
        inst->attr.callee.wrt =
            copied(v->to, inst->attr.callee.wrt, inst->attr.callee.n_wrt, sizeof(int));
        reach(v, inst->attr.callee.func);
        break;
    default:
        break;
    }
}

static Region *move_region(Move *v, const Region *old, Region *parent, Inst *owner);

static Inst *move_inst(Move *v, const Inst *old, Region *region) {
    Inst *inst = ARENA_NEW(v->to, Inst);
    *inst = *old;
    inst->region = region;
    inst->in = ARENA_ARRAY(v->to, old->n_in, Value *);
    for (int i = 0; i < old->n_in; i++)
        inst->in[i] = forwarded(old->in[i]);
    for (int k = 0; k < old->n_region; k++)
        inst->regions[k] = move_region(v, old->regions[k], region, inst);
    inst->out = ARENA_ARRAY(v->to, old->n_out, Value *);
    for (int i = 0; i < old->n_out; i++)
        inst->out[i] = move_value(v, old->out[i], region, inst);
    move_attr(v, inst);
    return inst;
}

static Region *move_region(Move *v, const Region *old, Region *parent, Inst *owner) {
    Region *region = ARENA_NEW(v->to, Region);
    *region = *old;
    region->parent = parent;
    region->owner = owner;
    region->params.data = ARENA_ARRAY(v->to, old->params.n, Value *);
    region->insts.data = ARENA_ARRAY(v->to, old->insts.n, Inst *);
    region->yields.data = ARENA_ARRAY(v->to, old->yields.n, Value *);
    region->params.cap = old->params.n;
    region->insts.cap = old->insts.n;
    region->yields.cap = old->yields.n;
    for (int i = 0; i < old->params.n; i++)
        region->params.data[i] = move_value(v, old->params.data[i], region, NULL);
    for (int i = 0; i < old->insts.n; i++)
        region->insts.data[i] = move_inst(v, old->insts.data[i], region);
    for (int i = 0; i < old->yields.n; i++)
        region->yields.data[i] = forwarded(old->yields.data[i]);
    return region;
}

static void number_region(Region *region, uint32_t *next) {
    for (int i = 0; i < region->params.n; i++)
        region->params.data[i]->id = (*next)++;
    for (int i = 0; i < region->insts.n; i++) {
        Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            number_region(inst->regions[k], next);
        for (int k = 0; k < inst->n_out; k++)
            inst->out[k]->id = (*next)++;
    }
}

static void move_func(Move *v, Func *f) {
    f->sizes.data = copied(v->to, f->sizes.data, f->sizes.n, sizeof *f->sizes.data);
    f->sizes.cap = f->sizes.n;
    f->body = move_region(v, f->body, NULL, NULL);
}

void ir_move_func(IrModule *m, Func *f, Arena *to) {
    Move v = {.m = m, .to = to};
    ptrmap_init(&v.seen, m->arena);
    move_func(&v, f);
}

void ir_move(IrModule *m, Arena *to) {
    Move v = {.m = m, .to = to};
    ptrmap_init(&v.seen, m->arena);
    for (int i = 0; i < m->funcs.n; i++)
        reach(&v, m->funcs.data[i]);
    for (int i = 0; i < m->exports.n; i++)
        reach(&v, m->exports.data[i]->func);
    for (int i = 0; i < v.work.n; i++) { /* grows */
        Func *f = v.work.data[i];
        move_func(&v, f);
        reach(&v, f->jvp_rule);
        reach(&v, f->vjp_rule);
    }
    m->next_value = 0;
    for (int i = 0; i < v.work.n; i++)
        number_region(v.work.data[i]->body, &m->next_value);
    m->arena = to;
}
