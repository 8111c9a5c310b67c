/* Which axes of a program would have a negative extent for given sizes (`--size n=0`): a user's
 * mistake, of which no later pass must hear.
 *
 * What is sure to be evaluated is walked, through calls: of an `if` the branch that the sizes
 * choose, where they do, and no body of a loop that does not run. Called by specialize.c before
 * anything is specialised; changes nothing. */
#include "ir/emit.h"
#include "ir/eval_math.h"
#include "passes/specialize_internal.h"

enum { DEEPEST_CALL = 500, DEEPEST_VALUE = 20 };

/* A function that is evaluated for some sizes; NULL for those not known. */
typedef struct Frame {
    const Func *func;
    const Size **sizes;
    int depth;
    const struct Frame *before; /* the same function, looked at earlier */
} Frame;

typedef struct Walk {
    PolyTable *polys;
    Arena *arena;
    PtrMap frames; /* Func* -> the last Frame of it */
    NegativeAxis *found;
} Walk;

typedef struct Lookup {
    const Walk *walk;
    const Frame *frame;
    int depth;
} Lookup;

static bool known(const Walk *w, const Frame *frame, const Value *v, int64_t *value, int depth);

static const Size *lookup(void *user, SizeSym *sym) {
    const Lookup *l = user;
    int64_t value;
    for (int i = 0; i < l->frame->func->sizes.n; i++)
        if (l->frame->func->sizes.data[i] == sym)
            return l->frame->sizes[i];
    if (sym->value && known(l->walk, l->frame, sym->value, &value, l->depth + 1))
        return size_const(l->walk->polys, value);
    return NULL;
}

static const Size *size_in(const Walk *w, const Frame *frame, const Size *size, int depth) {
    Lookup l = {w, frame, depth};
    return size_subst(w->polys, size, lookup, &l);
}

/* The value of an integer or bool that the sizes decide. */
static bool known(const Walk *w, const Frame *frame, const Value *v, int64_t *value, int depth) {
    const Inst *inst = v->inst;
    if (!inst || depth > DEEPEST_VALUE || v->type->rank > 0 || type_is_float(v->type))
        return false;
    if (inst->op == OP_size) {
        const Size *size = size_in(w, frame, inst->attr.size, depth);
        return size && size_is_const(size, value);
    }
    if (value_integer(v, value))
        return true;
    int64_t in[3] = {0, 0, 0};
    bool all = op_is_elementwise(inst->op);
    for (int k = 0; all && k < inst->n_in; k++)
        all = known(w, frame, inst->in[k], &in[k], depth + 1);
    return all && eval_integer(inst->op, inst->in[inst->n_in > 1 ? 1 : 0]->type->elem, in[0], in[1],
                               in[2], value);
}

static bool find_in_region(Walk *w, const Frame *frame, const Region *region);

static bool find_in_value(Walk *w, const Frame *frame, const Value *v) {
    for (int axis = 0; axis < v->type->rank; axis++) {
        int64_t extent;
        const Size *size = size_in(w, frame, v->type->dims[axis], 0);
        if (size && size_is_const(size, &extent) && extent < 0) {
            *w->found = (NegativeAxis){frame->func, v->inst ? v->inst->loc : frame->func->loc,
                                       v->type->dims[axis], extent};
            return true;
        }
    }
    return false;
}

static bool is_seen(const Walk *w, const Frame *frame) {
    for (const Frame *f = ptrmap_get(&w->frames, frame->func); f; f = f->before) {
        bool same = true;
        for (int i = 0; i < frame->func->sizes.n; i++)
            same = same && f->sizes[i] == frame->sizes[i];
        if (same)
            return true;
    }
    return false;
}

static bool find_in_func(Walk *w, Frame *frame) {
    const Region *body = frame->func->body;
    if (frame->func->is_extern || frame->depth > DEEPEST_CALL || is_seen(w, frame))
        return false;
    frame->before = ptrmap_get(&w->frames, frame->func);
    ptrmap_put(&w->frames, frame->func, frame);
    for (int i = 0; i < body->params.n; i++)
        if (find_in_value(w, frame, body->params.data[i]))
            return true;
    return find_in_region(w, frame, body);
}

static bool find_in_call(Walk *w, const Frame *frame, const Inst *call) {
    Frame *inner = ARENA_NEW(w->arena, Frame);
    inner->func = call->attr.callee.func;
    inner->depth = frame->depth + 1;
    inner->sizes = ARENA_ARRAY(w->arena, inner->func->sizes.n + 1, const Size *);
    for (int i = 0; i < inner->func->sizes.n; i++)
        inner->sizes[i] = size_in(w, frame, call->attr.callee.sizes[i], 0);
    return find_in_func(w, inner);
}

static bool find_in_regions(Walk *w, const Frame *frame, const Inst *inst) {
    int64_t value;
    if (inst->op == OP_loop) {
        const Size *extent = size_in(w, frame, inst->attr.loop.extent, 0);
        bool runs = !extent || !size_is_const(extent, &value) || value > 0;
        return runs && find_in_region(w, frame, inst->regions[0]);
    }
    bool decided = known(w, frame, inst->in[0], &value, 0);
    return ((!decided || value) && find_in_region(w, frame, inst->regions[0])) ||
           ((!decided || !value) && find_in_region(w, frame, inst->regions[1]));
}

static bool find_in_region(Walk *w, const Frame *frame, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool calls = inst->op == OP_call || inst->op == OP_vjp || inst->op == OP_jvp;
        bool found = (calls && find_in_call(w, frame, inst)) ||
                     (inst->n_region > 0 && find_in_regions(w, frame, inst));
        for (int k = 0; k < inst->n_out && !found; k++)
            found = find_in_value(w, frame, inst->out[k]);
        if (found)
            return true;
    }
    return false;
}

bool negative_axis_find(IrModule *m, const Func *f, const Size **sizes, NegativeAxis *found) {
    Walk w = {.polys = &m->ctx->polys, .arena = m->arena, .found = found};
    Frame frame = {.func = f, .sizes = sizes};
    ptrmap_init(&w.frames, m->arena);
    return find_in_func(&w, &frame);
}
