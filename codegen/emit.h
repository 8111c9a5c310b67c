/* What the files of code generation share: the state of emission, values, views.
 *
 * Emission walks a function's regions once, in order, and appends LLVM IR at the builder. Inside a
 * vector loop (width > 1) iterations are lanes: every scalar of the IR is then uniform (one LLVM
 * scalar), linear (lane l holds v + l*step; indices, mostly) or varying (an LLVM vector). Code
 * emitted there acts only on the lanes of `mask` (NULL: all): loads, stores and checks of others
 * must not happen, their arithmetic may.
 *
 * Only codegen/emit*.c include this. */
#ifndef BPC_CODEGEN_EMIT_H
#define BPC_CODEGEN_EMIT_H

#include "codegen/plan.h"
#include "codegen/target.h"
#include "codegen/vecmath.h"

#include <llvm-c/Core.h>

/* An array in memory: element (i, j, ..) of lane l is at base + l*lane_step + lane_offset[l] +
 * i*strides[0] + ... */
typedef struct View {
    LLVMValueRef base; /* NULL: every element is `splat` */
    LLVMValueRef splat;
    LLVMValueRef lane_step;   /* i64; NULL: all lanes see the same array */
    LLVMValueRef lane_offset; /* vector of i64, or NULL */
    Scalar elem;
    int sums;   /* above 0: an element is that many partial sums, and is only added to */
    bool own;   /* memory that no other lane sees: what an idle lane does there is of no concern */
    bool dense; /* row-major without gaps, the same for all lanes */
    int rank;
    LLVMValueRef dims[IR_MAX_RANK], strides[IR_MAX_RANK]; /* in elements */
} View;

typedef struct Val {
    LLVMValueRef v;    /* scalar: a scalar when uniform or linear, a vector when varying */
    LLVMValueRef step; /* linear: what the next lane has more; NULL otherwise */
    View *view;        /* array */
} Val;

/* Rows of a result that go past the caches; see emit_stream.c. */
typedef struct Stream {
    const Inst *loop;
    const Buffer *home;
    int64_t row; /* elements of an iteration */
    LLVMValueRef wanted, staging;
    LLVMValueRef now, place, real; /* of the iterations being emitted; NULL: outside of them */
} Stream;

typedef struct Check {
    Loc loc;
    const char *text;
} Check;

typedef struct LoopIndex {
    LLVMValueRef index;
    Atom name; /* in the source, or NULL */
} LoopIndex;

/* Memory that each part of a loop has for itself: a slot of the plan, or an array that is summed up
 * (which result of the loop); see emit_threads.c. */
typedef struct PartCopy {
    int slot, acc;       /* one of them is -1 */
    LLVMValueRef offset; /* among the copies of a part */
} PartCopy;

typedef struct SplitLoop {
    const Inst *loop;
    VEC(PartCopy) copies;
    LLVMValueRef bytes; /* of the copies of one part */
} SplitLoop;

/* The loop whose iterations lo..hi-1 are being emitted; NULL: whole loops are. */
typedef struct SplitRange {
    const Inst *loop;
    LLVMValueRef lo, hi;
} SplitRange;

typedef struct Emit {
    Context *ctx;
    IrModule *m;
    Arena *arena;
    const CodegenOptions *options;
    const char *module_name;
    Target *target;
    LLVMContextRef llvm;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMBuilderRef entry;    /* appends to the function's entry block, which dominates all others */
    LLVMBuilderRef sizes_at; /* appends to the entry block of the exported function, also while a
                                part of it is emitted */
    LLVMBuilderRef
        owned[3]; /* these: `builder` is the entry one for a while, also when memory runs out */
    LLVMTypeRef void_type, i1, i8, i32, i64, f32, f64, ptr;
    VEC(Check) checks; /* status k is checks.data[k - 1] */
    VecMath math;
    struct DebugInfo *debug; /* NULL: none asked for */
    bool failed;             /* a diagnostic was queued */

    /* of the function being emitted */
    const Export *export;
    const Func *func;
    const Plan *plan;
    LLVMValueRef function;
    Val *vals;           /* by value id, plan->first_id the lowest */
    PtrMap syms, sizes;  /* SizeSym*, Size* -> LLVMValueRef */
    LLVMValueRef *out;   /* pointers of the results, by leaf */
    LLVMValueRef *slots; /* pointers of the plan's slots */
    LLVMBasicBlockRef failure;
    LLVMValueRef failure_status;
    int loops; /* sequential ones around what is emitted */

    /* of what threads share (--threads) */
    VEC(SplitLoop *) split_loops;
    LLVMValueRef copies; /* of the parts but the first */
    SplitRange split;
    bool in_part; /* the builder is in the function of a part */

    struct Pieces *pieces; /* NULL: the function is not cut */

    /* of a watched module (--sanitize=nan) */
    LLVMValueRef report;   /* the start of the workspace */
    const Inst *watched;   /* the instruction being emitted */
    VEC(LoopIndex) around; /* the loops around it */

    VEC(Stream) streams; /* of the vector loop being emitted */
    PtrMap compared;     /* instructions of compared.h */
    bool unfused;        /* the instruction being emitted is one */
    PtrMap row_goes_on;  /* add_at -> the next one in its row; see emit_add_rows.c */
    PtrMap row_loads;    /* index -> RowLoad, what it is loaded with; see emit_load_rows.c */

    /* of the vector loop being emitted */
    int width;
    LLVMValueRef mask;
    LLVMValueRef iterations; /* the mask of those lanes that have an iteration; NULL: all */
    LLVMValueRef remaining;  /* with such a mask: iterations from the first lane's on */
} Emit;

/* ---- emit_func.c: functions, their signature and their failures ---- */
void emit_export(Emit *e, const Export *export);
/* Leaves the function with the status of this check unless `ok` (i1) holds. */
void emit_check(Emit *e, LLVMValueRef ok, Loc loc, const char *text);
/* The parts of emit_check: a status of its own, and leaving the function with it. */
int emit_new_status(Emit *e, Loc loc, const char *text);
void emit_leave(Emit *e, int status);
void emit_leave_unless_zero(Emit *e, LLVMValueRef status);   /* with a status of this function */
LLVMBasicBlockRef emit_new_block(Emit *e, const char *name); /* in front of the failures */
void emit_likely(Emit *e, LLVMValueRef branch, bool taken);
LLVMValueRef emit_private_constant(Emit *e, LLVMValueRef value, const char *name);
void emit_error_function(Emit *e);
void emit_function_attributes(Emit *e, LLVMValueRef function);

/* ---- emit_pieces.c: large functions ---- */
/* Emits the body as calls of functions with a part of its instructions each; false: it is small, or
 * shall stay whole for debuggers. */
bool emit_in_pieces(Emit *e, const Region *body);
/* Hands values from piece to piece, when the exported function is complete. */
void emit_connect_pieces(Emit *e);
/* The function that an instruction or an argument belongs to; NULL: a value that belongs to none.
 */
LLVMValueRef emit_home_of(LLVMValueRef v);
/* The operations of the largest function that `body` becomes, at most. */
int emit_largest_piece(const CodegenOptions *options, const IrModule *m, const Region *body);

/* ---- emit_work.c: sizes and workspace ---- */
LLVMValueRef emit_size(Emit *e, const Size *size);
/* Sets e->slots, in the entry block; NULL-workspace when no slot needs it. */
void emit_slots(Emit *e, LLVMValueRef work);
void emit_work_function(Emit *e, const Export *export);
LLVMValueRef emit_stack_slot(Emit *e, const Slot *slot);

/* ---- emit_entry.c: after the function and its NAME_work ---- */
void emit_entries(Emit *e, const Export *export);

/* ---- emit_value.c: values, lanes, index arithmetic ---- */
LLVMTypeRef emit_type(Emit *e, Scalar elem);        /* bool is i1 */
LLVMTypeRef emit_memory_type(Emit *e, Scalar elem); /* bool is i8 */
LLVMTypeRef emit_lanes_type(Emit *e, Scalar elem);  /* vector of width */
Val *emit_val(Emit *e, const Value *value);
bool emit_is_varying(const Emit *e, const Value *value); /* between the lanes being emitted */
Val val_of(LLVMValueRef v);
bool val_is_uniform(Val val);
LLVMValueRef emit_lanes(Emit *e, Val val); /* as a vector */
LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar);
LLVMValueRef emit_as(Emit *e, Val val, bool varying); /* as a vector, or as the scalar it must be */
LLVMValueRef emit_i64(Emit *e, int64_t value);
LLVMValueRef emit_iadd(Emit *e, LLVMValueRef a,
                       LLVMValueRef b); /* with identities folded; scalars or vectors */
LLVMValueRef emit_isub(Emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_imul(Emit *e, LLVMValueRef a, LLVMValueRef b);
bool is_int(LLVMValueRef v, int64_t value);
LLVMValueRef emit_intrinsic(Emit *e, const char *name, LLVMTypeRef *overloads, int n_overloads,
                            LLVMValueRef *args, int n_args);
LLVMValueRef emit_any(Emit *e, LLVMValueRef mask);                   /* i1: some lane is set */
LLVMValueRef emit_mask_and(Emit *e, LLVMValueRef a, LLVMValueRef b); /* either may be NULL */
LLVMValueRef emit_lanes_below(Emit *e, LLVMValueRef count); /* the mask of the first ones */

/* ---- emit_scalar.c: elementwise operations ---- */
void emit_elementwise(Emit *e, const Inst *inst);
void emit_convert(Emit *e, const Inst *inst);
LLVMValueRef emit_binary(Emit *e, Op op, Scalar elem, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef emit_horizontal(Emit *e, Op op, Scalar elem,
                             LLVMValueRef vector); /* all lanes by op */
/* Half with half by op, until n lanes are left. */
LLVMValueRef emit_folded(Emit *e, Op op, Scalar elem, LLVMValueRef vector, int n);
LLVMValueRef emit_identity(Emit *e, Op op,
                           Scalar elem); /* neutral for add, mul, min, max, and, or */

/* ---- emit_memory.c: loads, stores, views, copies ---- */
View *emit_buffer_view(Emit *e, const Buffer *buffer, const Type *type);
View view_index(Emit *e, const View *view, int n, const Val *index);
/* Known to have no elements: the lanes have no places of their own in it. */
bool view_is_empty(const View *view);
Val view_load(Emit *e, const View *element); /* of a view of rank 0 */
void view_store(Emit *e, const View *element, Val value);
void view_add(Emit *e, const View *element,
              Val value); /* adds in place, right for lanes that coincide */
void view_copy(Emit *e, const View *to, const View *from);
void view_accumulate(Emit *e, const View *to, const View *from); /* adds */
View view_dense(Emit *e, LLVMValueRef base, const Type *type);
void view_set_dims(Emit *e, View *view, const Type *type, LLVMValueRef unit);
/* Sees to it that `value` stands in the buffer. */
void emit_into(Emit *e, const Buffer *buffer, const Value *value);

/* ---- emit_rows.c: rows of all lanes ---- */
/* Stores the n elements of a row of each lane; false: not rows of this form. */
bool emit_store_rows(Emit *e, const View *row, int n, const Val *elements);
int rows_vector_lanes(const Emit *e, Scalar elem); /* of one vector, among those of the loop */
LLVMValueRef rows_part_of(Emit *e, LLVMValueRef vector, int first, int n);
void rows_transpose(Emit *e, LLVMValueRef *v, int n, int lanes);
/* n vectors, a power of two, one behind the other; v[] is used up. */
LLVMValueRef rows_join(Emit *e, LLVMValueRef *v, int n);
/* v, with zeros in the lanes that the mask excludes. */
LLVMValueRef rows_included(Emit *e, LLVMValueRef v);
/* Where the row of each lane is, at an index of its own; `inst` has its indices from `first` on.
 * Rows of several arrays at one index share the index of each lane, so what is taken out of a
 * vector is the index, where there is one. An excluded lane has the first row: there is one, as
 * some lane has a row. */
void rows_find_places(Emit *e, const Inst *inst, int first, const View *whole, const View *row,
                      LLVMValueRef *places);
/* Likewise of rows at even distances; an excluded lane has the last row. False: they are not, or
 * lanes with an iteration may have none. */
bool rows_find_steps(Emit *e, const View *row, LLVMValueRef *places);

/* ---- emit_add_rows.c: rows that lanes add to ---- */
void emit_find_row_adds(Emit *e, const Region *region); /* of a function, before it is emitted */
/* Whether the next add_at of the row does what this one asks for. */
bool emit_row_goes_on(const Emit *e, const Inst *inst);
/* Adds the elements of the row that ends with `inst`; false: it is no row. */
bool emit_add_row(Emit *e, const Inst *inst, const View *whole, const View *row);

/* ---- emit_load_rows.c: rows that lanes read ---- */
void emit_find_row_loads(Emit *e, const Region *region); /* of a function, before it is emitted */
/* The results of `inst` and of what reads beside it; false: it is to be emitted by itself. */
bool emit_load_row(Emit *e, const Inst *inst);

/* ---- emit_turn.c: copies that turn a matrix ---- */
typedef void EmitCopy(Emit *e, const View *to, const View *from);
/* Copies an array of two axes or more by squares, and what fills none by `rest`; false: both lie
 * along the same axis, or one of the two is too short. */
bool emit_copy_turned(Emit *e, const View *to, const View *from, EmitCopy *rest);

/* ---- emit_order.c: arithmetic in lanes ---- */
/* The instructions of the region in the order in which their operands are ready; NULL: as they
 * stand. */
const Inst **emit_ready_order(Emit *e, const Region *region);

/* ---- emit_stream.c: rows of results that go past the caches ---- */
void emit_stream_begin(Emit *e, const Inst *loop, int width);
void emit_stream_rows(Emit *e, Val index); /* before iterations from `index` on, a vector of them */
void emit_stream_rows_end(Emit *e);
void emit_stream_end(Emit *e);
/* Where the rows of `buffer`, part of a result, are put together; NULL: in their place. */
const Stream *emit_streamed(const Emit *e, const Buffer *buffer);

/* ---- emit_array.c: operations on arrays ---- */
/* The operands of an instruction from `first` on, IR_MAX_RANK indices at most: how many. */
int emit_indices(Emit *e, const Inst *inst, int first, Val *index);
void emit_array_inst(Emit *e, const Inst *inst);

/* ---- emit_contract.c ---- */
void emit_contract(Emit *e, const Inst *inst);

/* ---- emit_contract_lanes.c: contractions inside a vector loop, one a lane ---- */
void emit_contract_lanes(Emit *e, const Inst *inst);

/* ---- emit_loop.c: control flow ---- */
void emit_region(Emit *e, const Region *region);
void emit_inst(Emit *e, const Inst *inst);
void emit_loop(Emit *e, const Inst *inst);
void emit_if(Emit *e, const Inst *inst);
void emit_loop_body(Emit *e, const Inst *loop); /* with its arrays prepared */
/* What carry or acc j, a scalar, starts from: in a part of the loop, from what changes nothing. */
Val loop_initial(Emit *e, const Inst *loop, int j);
/* What joins the results of parts of the loop in acc j, or in a carry that is a reduction. */
Op loop_reduction(const Inst *loop, int j);
/* Puts initial arrays into their homes and binds results and parameters to them. */
void loop_prepare_arrays(Emit *e, const Inst *loop);
void loop_bind_slices(Emit *e, const Inst *loop, Val index);
void loop_store_stacked(Emit *e, const Inst *loop, Val index);

/* A loop in LLVM: for (index = start; index < end; index += step), with values carried. */
typedef struct Counted {
    LLVMBasicBlockRef before, head, after; /* before: NULL when the loop runs at least once */
    LLVMValueRef index, end;
    int64_t step;
    int n;
    LLVMValueRef *initial, *phis;
    LLVMValueRef go_on; /* NULL, or a condition for another iteration */
} Counted;
/* values: the initial ones; replaced by those in the loop. The builder moves into the loop. */
void counted_begin(Emit *e, Counted *loop, LLVMValueRef start, LLVMValueRef end, int64_t step,
                   int n, LLVMValueRef *values);
/* values: the next ones; replaced by the final ones. The builder moves behind the loop. */
void counted_end(Emit *e, Counted *loop, LLVMValueRef *values);

/* Of a body that runs once at most. */
void counted_end_once(Emit *e, Counted *loop, LLVMValueRef *values);
/* False: something in the region is not of the form that code generation takes; a diagnostic was
 * queued. */
bool emit_takes(Emit *e, const Region *region);

/* ---- emit_vector.c: loops that run one iteration a lane ---- */
typedef struct LaneLoop {
    LLVMValueRef extent;
    int unroll;       /* of the part without a mask */
    bool masked_only; /* one masked loop, no tail: for large bodies */
    int rest_width;   /* of the masked loop over what full vectors leave; 0: the same */
    int n;            /* accumulators: vectors */
    LLVMValueRef *accs;
    const Op *ops; /* how two of them combine */
    const Scalar *elems;
    void (*body)(Emit *e, void *user, Val index, LLVMValueRef *accs);
    void *user;
} LaneLoop;
void emit_lane_loop(Emit *e, int width, LaneLoop *loop);
void emit_vector_loop(Emit *e, const Inst *inst, int width);

/* ---- emit_threads.c: --threads ---- */
bool emit_has_threads(const Emit *e);
void emit_find_split_loops(Emit *e);
const Size *emit_copy_bytes(const Emit *e, const SplitLoop *split, const PartCopy *copy);
/* False: the loop is not one that is cut, nothing was emitted. */
bool emit_split_loop(Emit *e, const Inst *loop);
typedef void SplitBody(Emit *e, void *user, LLVMValueRef lo, LLVMValueRef hi);
/* Runs body for ranges of 0..extent-1 that threads share; work: in operations, an f64. It may need
 * no workspace. False as above. */
bool emit_split_range(Emit *e, LLVMValueRef extent, LLVMValueRef work, SplitBody *body, void *user);

/* ---- emit_watch.c: --sanitize=nan ---- */
void emit_watch(Emit *e, const Inst *inst); /* after the instruction was emitted */
/* Of an element that is added to in memory, by e->watched. */
void emit_watch_sum(Emit *e, LLVMValueRef sum, LLVMValueRef old, LLVMValueRef added);
void emit_watch_enter(Emit *e, const Inst *loop, LLVMValueRef index);
void emit_watch_leave(Emit *e);
void emit_watch_arguments(Emit *e);
void emit_watch_results(Emit *e);

/* ---- debuginfo.c ---- */
struct DebugInfo *debug_new(Emit *e);
void debug_function(Emit *e, const Export *export);
void debug_location(Emit *e, Loc loc); /* of what is emitted next */
void debug_finish(Emit *e);
void debug_dispose(Emit *e); /* before the module goes */

#endif
