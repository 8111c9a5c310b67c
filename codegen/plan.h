/* Where every array of a function lives: results, workspace, or inside another array.
 *
 * Values of the IR never change; memory does. The plan gives each array that must exist in memory a
 * buffer, such that writing is safe at every point: two values share a buffer only when the earlier
 * one is dead (an in-place chain), when one is a part of the other (a row of a stacked result), or
 * when a loop hands one to the next iteration. Views (slices, transposes, ...) have no buffer;
 * whoever needs them in memory copies them. Buffers of workspace get slots by lifetime; slots of
 * sizes that compare are used again.
 *
 * Pure analysis: knows nothing of LLVM. Called by code generation, once a function. */
#ifndef BPC_CODEGEN_PLAN_H
#define BPC_CODEGEN_PLAN_H

#include "ir/ir.h"

typedef enum BufferKind {
    BUF_slot, /* in the workspace, or on the stack */
    BUF_out,  /* a result of the function */
    BUF_part, /* inside another buffer */
} BufferKind;

typedef struct Buffer {
    BufferKind kind;
    const Type *type;
    int lanes; /* above 1: every element is `lanes` values, one for each lane of the loop around */
    bool sums; /* each element is partial sums of that many lanes, which plan_sums tells of */
    int out;   /* BUF_out: which result */
    struct Buffer *parent; /* BUF_part: the buffer it is inside of ... */
    const Inst *loop;      /* ... at the row of this loop's index, or, when NULL, ... */
    const Size *offset;    /* ... at this many elements */
    int begin, end;        /* positions between which it holds something */
    int slot;              /* BUF_slot: index in Plan.slots */
} Buffer;

typedef struct Slot {
    const Size *bytes;
    bool on_stack;         /* small and of known size: needs no workspace */
    VEC(Buffer *) buffers; /* that share it, by their begin */
} Slot;

typedef struct Plan {
    IrModule *m;
    Arena *arena;
    const Func *func;
    struct ValueInfo *values; /* by id, first_id the lowest */
    bool *varying; /* by id: differs between the lanes of the loop around; see varying.h */
    uint32_t first_id, n_values;
    PtrMap spans;  /* Inst*, Region* -> Span* */
    PtrMap temps;  /* Value* (yield of a carry) -> Buffer*: see plan_carry_temp */
    PtrMap sums;   /* Value* (result of an acc) -> Buffer*: see plan_sums */
    PtrMap widths; /* Inst* (loop) -> lanes, by codegen/lanes.h */
    int vector_bytes;
    int position;
    VEC(Buffer *) buffers;
    VEC(Slot) slots;
} Plan;

/* widths: the loops that run one iteration a lane and their lanes; vector_bytes: of the machine's
 * vectors. NULL when a size overflows. */
Plan *plan_make(IrModule *m, Arena *arena, const Func *func, const PtrMap *widths,
                int vector_bytes);

/* The buffer of a value, or NULL: scalars, inputs, views, splats and results that nothing uses. */
Buffer *plan_home(const Plan *plan, const Value *value);
/* The buffer that holds the value as a whole and row-major, also where the value is a reshape of
 * what was made there; NULL for other views. What has its consumer's buffer as its place need not
 * be copied. */
const Buffer *plan_place(const Plan *plan, const Value *value);
/* True for a value that is an alias of (part of) another array, or that has one value everywhere.
 */
bool plan_is_view(const Plan *plan, const Value *value);
/* The array that an array is, or is a view of. */
const Value *plan_root(const Plan *plan, const Value *value);
/* Whether the array is made, or seen as a part of another, each time that the region of inst runs,
 * and something there reads it before inst does. */
bool plan_was_read(const Plan *plan, const Value *value, const Inst *inst);
/* Whether the value differs between the lanes of the loop around that runs so. */
bool plan_varies(const Plan *plan, const Value *value);
/* A buffer to hold the next value of carry j of the loop while the others are copied; NULL when
 * none is needed. */
Buffer *plan_carry_temp(const Plan *plan, const Inst *loop, int j);
/* Where a loop in lanes collects its acc j, an array, as sums of several lanes, to be added to the
 * home of the result when the loop is done; NULL when lanes add to the home itself. */
Buffer *plan_sums(const Plan *plan, const Inst *loop, int j);
/* Whether the buffer holds something only while the loop runs. */
bool plan_is_within(const Plan *plan, const Buffer *buffer, const Inst *loop);
int plan_lanes(const Plan *plan, const Inst *loop); /* 1: a loop of scalars */

/* ---- of the files of the plan alone ---- */
/* Gives the buffers of the workspace slots (plan_slots.c); false when a size overflows. */
bool plan_place_slots(Plan *plan);

#endif
