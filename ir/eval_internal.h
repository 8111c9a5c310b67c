/* What the parts of the interpreter share; used by ir/eval*.c only. */
#ifndef BPC_IR_EVAL_INTERNAL_H
#define BPC_IR_EVAL_INTERNAL_H

#include "ir/ir.h"

/* The storage of one value: reused when the value is computed again, so loops do not grow the
 * arena. */
typedef struct Slot {
    Datum d;
    int64_t cap; /* elements owned; 0 for an alias of another slot's storage */
} Slot;

/* A loop that is being evaluated, and its index. */
typedef struct EvalLoop {
    const Inst *loop;
    int64_t i;
} EvalLoop;

typedef struct Eval {
    IrModule *m;
    Arena *arena;
    Slot **slots; /* by value id */
    PtrMap sizes; /* SizeSym* -> its value, as a pointer */
    EvalFailure failure;
    VEC(EvalLoop) around; /* loops that are being evaluated */
    VEC(Loc) calls;       /* and calls */
    EvalLimits left;
} Eval;

/* Sets the located message; false. */
bool eval_fail(Eval *e, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
static inline Datum *eval_get(const Eval *e, const Value *v) {
    return &e->slots[v->id]->d;
}
/* Storage for v by the sizes in scope; NULL when it failed (negative or too large). */
Datum *eval_place(Eval *e, const Value *v, Loc loc);
/* v shares the storage of `of`, which lives as long. */
void eval_alias(Eval *e, const Value *v, const Datum *of);
/* n elements from one to the other; the element kinds agree. */
void eval_copy(Datum *to, int64_t to_at, const Datum *from, int64_t from_at, int64_t n);

/* From here on iteration i of the loop is being evaluated; or evaluates it again, where the loop
 * carries nothing. */
void eval_enter(Eval *e, const Inst *loop, int64_t i);
bool eval_iteration(Eval *e, const Inst *loop, int64_t i);
/* Says in e->failure what the check, which just failed, was about (eval_explain.c). */
enum { EXPLAIN_STEPS = 1 << 20 };
void eval_explain(Eval *e, const Inst *check);

/* One instruction without regions or callee: elementwise (eval_elementwise.c), arrays
 * (eval_array.c). */
bool eval_elementwise_inst(Eval *e, const Inst *inst);
bool eval_array_inst(Eval *e, const Inst *inst);

#endif
