/* Makes of each derivative operator a call of a function that holds the derivative, resolved; all
 * other calls stay. So the program keeps its form, and the interpreter, which takes no derivative
 * operators, can say of a value which expression of the source it is (driver/failure.c). */
#include "passes/rebuild.h"

typedef VEC(Func *) FuncList;

static bool type_has_only(const Type *type, const PtrMap *syms) {
    for (int axis = 0; axis < type->rank; axis++)
        for (int t = 0; t < type->dims[axis]->n; t++)
            for (int k = 0; k < type->dims[axis]->terms[t].degree; k++)
                if (!ptrmap_has(syms, type->dims[axis]->terms[t].syms[k]))
                    return false;
    return true;
}

/* Of the type of operand i of the derivative of f. */
static const Type *operand_type(const Inst *inst, int i) {
    const Func *f = inst->attr.callee.func;
    int n = f->body->params.n;
    if (i < n)
        return f->body->params.data[i]->type;
    if (inst->op == OP_jvp)
        return f->body->params.data[inst->attr.callee.wrt[i - n]]->type;
    if (f->is_extern)
        return f->extern_result;
    for (int k = 0, left = i - n; k < f->body->yields.n; k++)
        if (value_is_float(f->body->yields.data[k]) && left-- == 0)
            return f->body->yields.data[k]->type;
    return inst->in[i]->type;
}

/* A function of f's sizes and the operands of `inst`, which holds the derivative alone. NULL where
 * types of its operands need a size that f computes. */
static Func *outlined(IrModule *m, const Inst *inst) {
    Func *f = inst->attr.callee.func, *w = ir_func_new(m, f->name, inst->loc);
    const Size **sizes = ARENA_ARRAY(m->arena, f->sizes.n + 1, const Size *);
    PtrMap own;
    ptrmap_init(&own, m->arena);
    for (int i = 0; i < f->sizes.n; i++) {
        vec_push(m->arena, &w->sizes, f->sizes.data[i]);
        sizes[i] = size_sym(&m->ctx->polys, f->sizes.data[i]);
        ptrmap_put(&own, f->sizes.data[i], f);
    }
    for (int i = 0; i < inst->n_in; i++) {
        const Type *type = operand_type(inst, i);
        if (!type_has_only(type, &own))
            return NULL;
        ir_param(m, w->body, type, i < f->body->params.n ? f->body->params.data[i]->name : NULL);
    }
    IrBuilder b;
    ir_builder_init(&b, m, w->body);
    b.loc = inst->loc;
    Inst *derivative = (inst->op == OP_vjp ? ir_vjp : ir_jvp)(&b, f, sizes, inst->attr.callee.n_wrt,
                                                              inst->attr.callee.wrt, inst->n_in,
                                                              w->body->params.data);
    for (int i = 0; i < derivative->n_out; i++)
        ir_yield(&b, derivative->out[i]);
    return w;
}

static void outline_inst(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    FuncList *derivatives = user;
    bool derives = inst->op == OP_vjp || inst->op == OP_jvp;
    Func *w = derives ? outlined(b->m, inst) : NULL;
    if (!w) {
        rebuild_inst(b, inst, map, outline_inst, user);
        return;
    }
    const Func *f = inst->attr.callee.func;
    const Size **sizes = ARENA_ARRAY(b->m->arena, f->sizes.n + 1, const Size *);
    Value **in = ARENA_ARRAY(b->m->arena, inst->n_in + 1, Value *);
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = irmap_size(map, inst->attr.callee.sizes[i]);
    for (int i = 0; i < inst->n_in; i++)
        in[i] = irmap_get(map, inst->in[i]);
    b->loc = inst->loc;
    Inst *call = ir_call(b, w, sizes, inst->n_in, in);
    for (int i = 0; i < inst->n_out; i++)
        irmap_put(map, inst->out[i], call->out[i]);
    vec_push(b->m->arena, derivatives, w);
}

/* What is called stands before its caller: the derivatives of a function's body before it. */
bool pass_outline(IrModule *m) {
    FuncList derivatives = {0}, all = {0};
    int placed = 0;
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        if (!f->is_extern)
            rebuild_func(m, f, outline_inst, &derivatives);
        for (; placed < derivatives.n; placed++)
            vec_push(m->arena, &all, derivatives.data[placed]);
        vec_push(m->arena, &all, f);
    }
    m->funcs.n = 0;
    for (int i = 0; i < all.n; i++)
        vec_push(m->keep, &m->funcs, all.data[i]);
    return derive_funcs(m, 2, derivatives.data, derivatives.n);
}
