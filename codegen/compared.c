/* See compared.h. Called by emit_func.c.
 *
 * From each comparison back through everything that its operands depend on: arithmetic, branches,
 * what loops carry, sum and stack. */
#include "codegen/compared.h"

typedef struct Search {
    Arena *arena;
    PtrMap *found; /* instructions */
    PtrMap seen;   /* values */
    ValueList pending;
} Search;

static void want(Search *s, Value *v) {
    if (v && !ptrmap_has(&s->seen, v)) {
        ptrmap_put(&s->seen, v, v);
        vec_push(s->arena, &s->pending, v);
    }
}

/* What the body of a loop gets comes from outside and from the iteration before. */
static void follow_param(Search *s, const Value *param) {
    const Inst *loop = param->region->owner;
    if (!loop || loop->op != OP_loop || param->index == 0) {
        return;
    }
    int k = param->index - 1, state = k - loop->attr.loop.n_slice;
    want(s, loop->in[k]);
    if (state >= 0) {
        want(s, loop->regions[0]->yields.data[state]);
    }
}

static void follow_loop(Search *s, const Inst *loop, int result) {
    if (result < loop->attr.loop.n_carry + loop->attr.loop.n_acc) {
        want(s, loop->in[loop->attr.loop.n_slice + result]);
    }
    want(s, loop->regions[0]->yields.data[result]);
}

static void follow(Search *s, const Value *v) {
    const Inst *inst = v->inst;
    if (!inst) {
        follow_param(s, v);
    } else if (inst->op == OP_loop) {
        follow_loop(s, inst, v->index);
    } else {
        ptrmap_put(s->found, inst, (void *)inst);
        for (int k = 0; k < inst->n_in; k++) {
            want(s, inst->in[k]);
        }
        for (int k = 0; k < inst->n_region; k++) {
            want(s, inst->regions[k]->yields.data[v->index]);
        }
    }
}

static bool is_constant(const Value *v) {
    return v->inst && v->inst->op == OP_const;
}

/* A comparison with a constant is no question of where the other side was computed. */
static bool compares_results(const Inst *inst) {
    return (inst->op == OP_eq || inst->op == OP_ne) && type_is_float(inst->in[0]->type) &&
           !is_constant(inst->in[0]) && !is_constant(inst->in[1]);
}

static void begin(Search *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (compares_results(inst)) {
            want(s, inst->in[0]);
            want(s, inst->in[1]);
        }
        for (int k = 0; k < inst->n_region; k++) {
            begin(s, inst->regions[k]);
        }
    }
}

void compared_find(const Region *body, Arena *arena, PtrMap *compared) {
    Search search = {.arena = arena, .found = compared};
    ptrmap_init(&search.seen, arena);
    begin(&search, body);
    while (search.pending.n > 0) {
        follow(&search, search.pending.data[--search.pending.n]);
    }
}
