/* Linearity by form; see ir/linear.h.
 *
 * Every value gets a class: zero, free of the parameters in question, linear in them, or neither.
 * Zero is both free and linear, so classes form a lattice, and the carries of loops are found by
 * going over the body until nothing rises. */
#include "ir/linear.h"

typedef enum Class { ZERO, FREE, LINEAR, NEITHER } Class;

typedef struct Linear {
    const IrModule *m;
    PtrMap classes; /* Value* -> Class */
    const char *noun;
    NotLinear *error;
    int depth; /* of calls */
    bool failed;
} Linear;

enum { MOST_CALLS = 64 };

static Class get(const Linear *l, const Value *v) {
    return (Class)(uintptr_t)ptrmap_get(&l->classes, v);
}

static void put(Linear *l, const Value *v, Class class) {
    ptrmap_put(&l->classes, v, (void *)(uintptr_t)class);
}

static Class fail(Linear *l, Loc loc, const char *why) {
    if (!l->failed)
        *l->error = (NotLinear){loc, why};
    l->failed = true;
    return NEITHER;
}

static const char *text(Linear *l, const char *format, const char *word) {
    return arena_printf(l->m->arena, format, word, l->noun);
}

/* The sum, or the choice between two. */
static Class join(Linear *l, Loc loc, Class a, Class b) {
    if (a == NEITHER || b == NEITHER)
        return NEITHER;
    if (a == ZERO || a == b)
        return b;
    if (b == ZERO)
        return a;
    return fail(l, loc, text(l, "a %sterm without a %s", ""));
}

static Class product(Linear *l, Loc loc, Class a, Class b) {
    if (a == NEITHER || b == NEITHER)
        return NEITHER;
    if (a == ZERO || b == ZERO)
        return ZERO;
    if (a == LINEAR && b == LINEAR)
        return fail(l, loc, text(l, "a product of %stwo %ss", ""));
    return a == LINEAR ? a : b;
}

static bool is_zero(const Value *v) {
    return v->inst && v->inst->op == OP_const && type_is_float(v->type) && v->inst->attr.num == 0.0;
}

static bool all_free(const Linear *l, const Inst *inst, int from, int to) {
    for (int i = from; i < to; i++)
        if (get(l, inst->in[i]) > FREE)
            return false;
    return true;
}

static Class join_all(Linear *l, const Inst *inst, int from, int to) {
    Class class = ZERO;
    for (int i = from; i < to; i++)
        class = join(l, inst->loc, class, get(l, inst->in[i]));
    return class;
}

/* A result that is computed from `from..to` by something linear, chosen by the rest, which is free.
 */
static Class linear_part(Linear *l, const Inst *inst, int to) {
    if (!all_free(l, inst, to, inst->n_in))
        return fail(l, inst->loc, text(l, "%s depends on a %s", "an index that"));
    return join_all(l, inst, 0, to);
}

static Class not_linear_of(Linear *l, const Inst *inst) {
    if (all_free(l, inst, 0, inst->n_in))
        return FREE;
    if (op_info[inst->op].class == OPC_CMP)
        return fail(l, inst->loc, text(l, "%s with a %s", "a comparison"));
    return fail(l, inst->loc, text(l, "`%s` of a %s", op_info[inst->op].name));
}

static Class elementwise(Linear *l, const Inst *inst) {
    Class a = get(l, inst->in[0]), b = inst->n_in > 1 ? get(l, inst->in[1]) : ZERO,
          c = inst->n_in > 2 ? get(l, inst->in[2]) : ZERO;
    switch (inst->op) {
    case OP_add:
    case OP_sub:
        return join(l, inst->loc, a, b);
    case OP_neg:
        return a;
    case OP_mul:
    case OP_mul0:
        return product(l, inst->loc, a, b);
    case OP_div:
        return b <= FREE ? a : fail(l, inst->loc, text(l, "%s by a %s", "a division"));
    case OP_fma:
        return join(l, inst->loc, product(l, inst->loc, a, b), c);
    case OP_select:
        return a <= FREE ? join(l, inst->loc, b, c)
                         : fail(l, inst->loc, text(l, "%s depends on a %s", "a condition that"));
    default:
        return not_linear_of(l, inst);
    }
}

static Class simple(Linear *l, const Inst *inst) {
    switch (inst->op) {
    case OP_const:
        return is_zero(inst->out[0]) ? ZERO : FREE;
    case OP_size:
    case OP_iota:
        return FREE;
    case OP_convert:
        return type_is_float(inst->out[0]->type) && type_is_float(inst->in[0]->type)
                   ? get(l, inst->in[0])
                   : not_linear_of(l, inst);
    case OP_broadcast:
    case OP_transpose:
    case OP_reshape:
    case OP_reverse:
        return get(l, inst->in[0]);
    case OP_index:
    case OP_slice:
        return linear_part(l, inst, 1);
    case OP_add_at:
    case OP_update:
    case OP_add_slice:
        return linear_part(l, inst, 2);
    case OP_array:
    case OP_concat:
        return join_all(l, inst, 0, inst->n_in);
    case OP_reduce:
        return inst->attr.reduce.kind == RED_sum ? get(l, inst->in[0]) : not_linear_of(l, inst);
    case OP_contract:
        return product(l, inst->loc, get(l, inst->in[0]), get(l, inst->in[1]));
    default:
        return not_linear_of(l, inst);
    }
}

static void walk(Linear *l, const Region *region);

static void choice(Linear *l, const Inst *inst) {
    if (get(l, inst->in[0]) > FREE)
        fail(l, inst->loc, text(l, "%s depends on a %s", "a condition that"));
    walk(l, inst->regions[0]);
    walk(l, inst->regions[1]);
    for (int i = 0; i < inst->n_out; i++) {
        const Value *a = inst->regions[0]->yields.data[i], *b = inst->regions[1]->yields.data[i];
        put(l, inst->out[i], join(l, inst->loc, get(l, a), get(l, b)));
    }
}

/* Carries and accs start as their initial values and rise to what the body makes of them. */
static void loop(Linear *l, const Inst *inst) {
    const Region *body = inst->regions[0];
    int n_slice = inst->attr.loop.n_slice, n_kept = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    put(l, body->params.data[0], FREE);
    for (int i = 0; i < n_slice + n_kept; i++)
        put(l, body->params.data[1 + i], get(l, inst->in[i]));
    for (bool rose = true; rose && !l->failed;) {
        rose = false;
        walk(l, body);
        for (int i = 0; i < n_kept; i++) {
            const Value *param = body->params.data[1 + n_slice + i];
            Class before = get(l, param);
            Class after = join(l, inst->loc, before, get(l, body->yields.data[i]));
            put(l, param, after);
            rose |= after != before;
        }
    }
    for (int i = 0; i < inst->n_out; i++) {
        const Value *param = i < n_kept ? body->params.data[1 + n_slice + i] : body->yields.data[i];
        put(l, inst->out[i], get(l, param));
    }
}

static bool any_zero(const Linear *l, const Inst *inst) {
    for (int i = 0; i < inst->n_in; i++)
        if (get(l, inst->in[i]) == ZERO && type_is_float(inst->in[i]->type))
            return true;
    return false;
}

/* Of zeros a function may make zeros, as solving a system does. */
static void call(Linear *l, const Inst *inst) {
    const Func *f = inst->attr.callee.func;
    bool opaque = f->is_extern || l->depth == MOST_CALLS;
    if (all_free(l, inst, 0, inst->n_in) && (opaque || !any_zero(l, inst))) {
        for (int i = 0; i < inst->n_out; i++)
            put(l, inst->out[i], FREE);
        return;
    }
    if (opaque) {
        fail(l, inst->loc, text(l, "a call of `%s` with a %s", f->name));
        return;
    }
    for (int i = 0; i < inst->n_in; i++)
        put(l, f->body->params.data[i], get(l, inst->in[i]));
    l->depth++;
    walk(l, f->body);
    l->depth--;
    if (l->failed && f->is_inner) /* of the compiler: the program only has the call */
        l->error->loc = inst->loc;
    for (int i = 0; i < inst->n_out; i++)
        put(l, inst->out[i], get(l, f->body->yields.data[i]));
}

/* vjp and jvp are linear in what follows the arguments: results first, then their derivatives. */
static void derivative(Linear *l, const Inst *inst) {
    const Func *f = inst->attr.callee.func;
    int n = f->body->params.n, n_primal = f->is_extern ? 1 : f->body->yields.n;
    if (!all_free(l, inst, 0, n)) {
        fail(l, inst->loc, text(l, "a derivative of `%s` at a %s", f->name));
        return;
    }
    Class class = join_all(l, inst, n, inst->n_in);
    for (int i = 0; i < inst->n_out; i++)
        put(l, inst->out[i], i < n_primal ? FREE : class);
}

static void walk(Linear *l, const Region *region) {
    for (int i = 0; i < region->insts.n && !l->failed; i++) {
        const Inst *inst = region->insts.data[i];
        switch (inst->op) {
        case OP_loop:
            loop(l, inst);
            break;
        case OP_if:
            choice(l, inst);
            break;
        case OP_call:
            call(l, inst);
            break;
        case OP_vjp:
        case OP_jvp:
            derivative(l, inst);
            break;
        case OP_check:
        case OP_dim:
            if (get(l, inst->in[0]) > FREE)
                fail(l, inst->loc, text(l, "%s depends on a %s", "a condition that"));
            break;
        default:
            put(l, inst->out[0],
                op_is_elementwise(inst->op) ? elementwise(l, inst) : simple(l, inst));
        }
    }
}

static void start(Linear *l, const Func *f, int first) {
    ptrmap_init(&l->classes, l->m->arena);
    for (int i = 0; i < f->body->params.n; i++)
        put(l, f->body->params.data[i], i < first ? FREE : LINEAR);
    walk(l, f->body);
}

bool ir_is_linear(const IrModule *m, const Func *f, int first, const char *noun, NotLinear *error) {
    Linear l = {.m = m, .noun = noun, .error = error};
    start(&l, f, first);
    for (int i = 0; i < f->body->yields.n && !l.failed; i++) {
        const Value *v = f->body->yields.data[i];
        if (type_is_float(v->type) && get(&l, v) == FREE)
            fail(&l, v->inst ? v->inst->loc : f->loc, text(&l, "a %sterm without a %s", ""));
    }
    return !l.failed;
}

static bool is_linear_class(const void *class) {
    return (Class)(uintptr_t)class == LINEAR || (Class)(uintptr_t)class == ZERO;
}

void ir_linear_values(const IrModule *m, const Func *f, int first, PtrMap *linear) {
    NotLinear unused;
    Linear l = {.m = m, .noun = "", .error = &unused};
    start(&l, f, first);
    for (uint32_t i = 0; i < l.classes.cap; i++)
        if (l.classes.keys[i] && is_linear_class(l.classes.vals[i]))
            ptrmap_put(linear, l.classes.keys[i], NULL);
}
