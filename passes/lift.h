/* A loop that is cut into phases, with what is lifted out of it in between. lift.c finds the
 * phases, lift_emit.c emits them, lift_loops.c emits loops that change places with the one that is
 * cut. */
#ifndef BPC_PASSES_LIFT_H
#define BPC_PASSES_LIFT_H

#include "passes/liveness.h"
#include "passes/rebuild.h"

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
    PtrMap phase;     /* body instruction -> phase + 1 */
    PtrMap lifted;    /* products and loops that are lifted: each stands behind its phase */
    PtrMap dropped;   /* additions to a sum that are made behind the loop -> the product added */
    PtrMap dependent; /* with carries: body instructions that depend on them, */
    PtrMap recurrent; /* and those among them that the next carries need */
    PtrMap uses;
    PtrMap stacked; /* body value -> its stack, a value of the new function */
    int phases;
    int main; /* the phase that has the carries; -1: a loop without */
} Cut;

static inline bool is_body_value(const Cut *c, const Value *v) {
    return v->region == c->body;
}
static inline bool is_lifted(const Cut *c, const Inst *inst) {
    return ptrmap_has(&c->lifted, inst);
}
static inline bool is_carry_param(const Cut *c, const Value *v) {
    int first = 1 + c->loop->attr.loop.n_slice;
    return is_body_value(c, v) && !v->inst && v->index >= first &&
           v->index < first + c->loop->attr.loop.n_carry;
}
static inline int phase_of(const Cut *c, const Inst *inst) {
    return (int)(uintptr_t)ptrmap_get(&c->phase, inst) - 1;
}
int lift_available(const Cut *c, const Value *v); /* the first phase in which v can be read */
void lift_values_used(Cut *c, const Inst *inst, ValueList *out);
bool lift_is_small_product(const Inst *inst);

/* ---- lift_emit.c ---- */
void lift_emit(Cut *c, IrBuilder *b, IrMap *map); /* the whole loop */
/* Body values that phase p (-1: what is lifted) must be given to read v. */
void lift_crossing(Cut *c, Value *v, int p, PtrMap *seen, ValueList *out);
/* Makes views of earlier phases again at body, where v is read. */
void lift_make_again(Cut *c, IrBuilder *body, Value *v, int p, IrMap *map, PtrMap *here);
/* A view of a slice of the loop, which is the same view of the whole array. */
bool lift_whole_view(const Cut *c, const Value *v);
/* A value of the body over all iterations: [extent, *s]. */
Value *lift_all_iterations(Cut *c, IrBuilder *b, Value *v, IrMap *map);
/* lift.c: the callback of rebuild.h; user is the Lift */
void lift_inst(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* ---- lift_loops.c ---- */
bool lift_turns(Cut *c, const Inst *inner); /* whether inner changes places with the loop */
void lift_emit_turned(Cut *c, IrBuilder *b, const Inst *inner, IrMap *map);
/* The loop in chunks, as a loop around a loop; false: it is short enough as it is, or cannot be
 * cut. */
bool lift_emit_chunks(Lift *s, IrBuilder *b, const Inst *loop, IrMap *map);

#endif
