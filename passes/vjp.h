/* What the files of reverse mode share: the state of one expansion, and its steps. See vjp.c. */
#ifndef BPC_PASSES_VJP_H
#define BPC_PASSES_VJP_H

#include "passes/internal.h"
#include "passes/rules.h"

typedef struct LoopRecord LoopRecord;

/* One value that a loop stacks for its adjoint. */
typedef struct Saved {
    Value *source;     /* a value of the source body; or NULL: */
    LoopRecord *inner; /* entry inner_k of the record of a loop inside the body */
    int inner_k;
    Value *emitted; /* the stack, in the scope where the loop was emitted */
} Saved;

struct LoopRecord {
    const Inst *loop;
    VEC(Saved) saved;
};

typedef VEC(Saved) SavedList;

typedef struct Vjp {
    IrModule *m;
    Arena *arena;
    IrMap map;       /* source value -> emitted primal value */
    PtrMap adjoints; /* source value -> emitted adjoint */
    PtrMap varied;   /* depends on what is differentiated */
    PtrMap useful;   /* reaches a result that has a cotangent */
    Gates gates;
    PtrMap records;   /* source loop -> LoopRecord, valid in the current scope */
    PtrMap runs;      /* source loop marked CHECK_binomial -> what its first run left, likewise */
    bool sweeps_here; /* what is emitted now is swept in the region that it is emitted in */
    PtrMap partials;  /* source instruction -> the key of its partial derivative in map */
    PtrMap uses;      /* of values of the source: how often */
    PtrMap users;     /* ... and by which instruction last */
    PtrMap products;  /* source values that are products, or sums of one that nothing else reads */
    const Func *func; /* that is differentiated */
    DeriveError *error;
    bool failed;
} Vjp;

static inline Value *primal(Vjp *s, Value *v) {
    return irmap_get(&s->map, v);
}
static inline Value *adjoint(Vjp *s, const Value *v) {
    return ptrmap_get(&s->adjoints, v);
}
/* The adjoint is final: it may be called after v. */
static inline void name_adjoint(Vjp *s, const Value *v) {
    name_after(s->m, adjoint(s, v), v->name, "_adj");
}
static inline void set_adjoint(Vjp *s, const Value *v, Value *g) {
    ptrmap_put(&s->adjoints, v, g);
    if (g && !g->inst) /* what an adjoint loop threads */
        name_after(s->m, g, name_of_element(s->m, v), "_adj");
}

/* Why `func` cannot be differentiated; the first reason counts. */
void vjp_fail(Vjp *s, const Func *func, Loc loc, const char *why);
extern const char vjp_too_many_axes[]; /* of a state that should be stored */
bool vjp_is_active(const Vjp *s, const Value *v);
void vjp_accumulate(Vjp *s, IrBuilder *b, const Value *v, Value *g); /* nothing for NULL */
Value *vjp_adjoint_or_zeros(Vjp *s, IrBuilder *b, Value *v);
void vjp_free_active(Vjp *s, const Region *region,
                     ValueList *out); /* active values taken from outside */
bool vjp_carry_is_active(Vjp *s, const Inst *loop, int k);
/* The partial derivative by the first operand, where it was kept and is at hand in this iteration;
 * or NULL. */
Value *vjp_kept_partial(Vjp *s, const IrBuilder *b, const Inst *inst);
/* Computes a body again where its adjoint is emitted; `restored`: values that are there already. */
void vjp_recompute(Vjp *s, IrBuilder *b, const Region *source, const PtrMap *restored);
void vjp_sweep(Vjp *s, IrBuilder *b, const Region *region);
/* The adjoint of an instruction without regions, of which g is that of the result (vjp_ops.c). */
void vjp_sweep_op(Vjp *s, IrBuilder *b, const Inst *inst, Value *g);
/* ... and of a call of a function that has a rule (vjp_call.c). */
void vjp_sweep_call(Vjp *s, IrBuilder *b, const Inst *call);
/* The operands and attributes of the loop as it is emitted. */
LoopSpec vjp_loop_spec(Vjp *s, const Inst *loop);

/* ---- vjp_binomial.c: loops marked CHECK_binomial ---- */
/* Emits the loop so that it stores the first states for its sweep; false: there is nothing to
 * store, or it might end early. */
bool vjp_run_binomial(Vjp *s, IrBuilder *b, const Inst *loop);
void vjp_sweep_binomial(Vjp *s, IrBuilder *b, const Inst *loop);

#endif
