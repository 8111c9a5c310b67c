/* The intermediate representation: structured SSA over scalars and whole arrays.
 *
 * A function is a region; a region is a list of instructions and the values it yields. Values are
 * scalars or dense row-major arrays and never change. There are no records (lowering flattens them
 * to leaves) and no control-flow graph: `loop` and `if` hold regions, whose bodies may use values
 * of the regions around them
 * ("free" values) directly.
 *
 * Invariants: every use is dominated by its definition (earlier in the same region or in an
 * enclosing one); types are exact (operands of an elementwise operation have one shape: broadcasts
 * are explicit); every instruction has a source location; the set of operations is closed under vjp
 * and jvp.
 *
 * Note [Operations]   (T: any type; an axis list such as [n,*s] means leading axis n, then s)
 *   const      -> scalar
 *              the number in attr.num (bool: 0 or 1; integers: attr.integer)
 *   convert    x:* -> same shape
 *              to the element type of the result; float to integer truncates
 *   size       -> i64
 *              the value of attr.size, a polynomial in the sizes in scope
 *   dim        k:i64 -> (none)
 *              binds the size symbol attr.sym to k for the rest of the region
 *   check      c:bool -> (none)
 *              run-time status (attr.text, located by inst->loc) where c is false
 *   stop       x:T -> T
 *              x, with derivative zero
 *   broadcast  x:*s -> [*,*s]
 *              x repeated along new leading axes (s may be scalar)
 *   iota       -> [n]i64
 *              0, 1, ..., n-1
 *   index      x:[n1..nk,*s], i1..ik:i64 -> *s
 *              element or sub-array; indices were checked before
 *   add_at     a:[n1..nk,*s], v:*s, i1..ik -> type of a
 *              a with v added at the index (adjoint of index)
 *   update     a:[n1..nk,*s], v:*s, i1..ik -> type of a
 *              a with v at the index
 *   slice      x:[n,*s], lo:i64 -> [m,*s]
 *              x[lo : lo+m] along the first axis
 *   add_slice  a:[n,*s], v:[m,*s], lo:i64 -> [n,*s]
 *              a with v added at lo : lo+m (adjoint of slice)
 *   transpose  x -> permuted
 *              result axis k is operand axis attr.perm[k]
 *   reshape    x -> same number of elements
 *              row-major order kept
 *   array      x1..xn:*s -> [n,*s]
 *              n >= 1 values stacked along a new first axis
 *   concat     x1:[n1,*s]..xk:[nk,*s] -> [n1+..+nk,*s]
 *   reverse    x:[n,*s] -> [n,*s]
 *              along the first axis
 *   reduce     x:[n1..nk,*s] -> *s
 *              over the k = attr.axes leading axes by attr.reduce; argmax, argmin (k = 1) give i64:
 *              the first index of the extreme; any, all take bool. The empty max is -inf, min inf,
 *              sum 0, logsumexp -inf
 *   contract   a, b -> out
 *              einsum of two operands: attr.spec holds the axis labels, e.g. "ik,kj->ij". Each
 *              label stands at most once in each operand and in the result, and in at least two of
 *              the three. Batch labels stand in all three. Those in both operands alone are summed.
 *   loop       slices.., carry inits.., acc inits.. -> carries.., accs.., stacked..
 *              attr.loop: extent (Size), reverse, n_slice, n_carry, n_acc, n_stack, checkpoint
 *              (what reverse mode stores).
 *              body params: index i:i64, slice elements.., carries.., accs..
 *              body yields: carries.., accs.., elements..
 *              A slice operand x:[extent,*s] gives x[i] to iteration i; a stacked element *s of
 *              iteration i becomes row i of the result [extent,*s]. `reverse` runs i from extent-1
 *              down to 0. An acc is a sum: its body param may be used only as first operand of
 *              add, add_at, add_slice (in a chain that ends in its yield), be passed on as an acc
 *              init of an inner loop, or be the value that the branches of an `if` pass through in
 *              that way; so iterations commute. A loop without carries is parallel.
 *   if         c:bool -> results
 *              two regions without params; only the taken one is evaluated
 *   call       args.. -> results of attr.callee.func
 *              attr.callee.sizes gives each size parameter
 *   vjp        args.., cotangents.. -> results of func.., adjoints..
 *              cotangents of the float results in order; adjoints of the params in attr.callee.wrt
 *   jvp        args.., tangents of wrt params.. -> results of func.., tangents..
 *              tangents of its float results
 *
 * An extent may be below 0, as a constant or for some values of its symbols: in code that is not
 * reached for such sizes (a branch not taken, a loop that does not run). No result has a constant
 * one.
 */
#ifndef BPC_IR_IR_H
#define BPC_IR_IR_H

#include "support/context.h"

typedef enum Scalar { S_bool, S_i32, S_i64, S_f32, S_f64 } Scalar;
enum { IR_MAX_RANK = 8 };

/* Hash-consed in the module: equal types are the same pointer. */
typedef struct Type {
    Scalar elem;
    int rank;
    const Size *const *dims;
} Type;

typedef enum Op {
#define EW(name, ...) OP_##name,
#include "ir/ops.def"
#undef EW
    OP_ELEMENTWISE_END,
    OP_BEFORE_STRUCTURE = OP_ELEMENTWISE_END - 1,
#define ST(name, effect) OP_##name,
#include "ir/ops.def"
#undef ST
    OP_COUNT
} Op;

typedef enum OpClass {
    OPC_FLT,
    OPC_NUM,
    OPC_INT,
    OPC_CMP,
    OPC_LOG,
    OPC_TST,
    OPC_SEL,
    OPC_ST
} OpClass;

typedef struct OpInfo {
    const char *name;
    int arity; /* -1: any */
    OpClass class;
    bool builtin; /* a function of the language */
    int cost;
    bool pole; /* finite operands may give a result or a derivative that is not */
    bool effect;
    double lo[2], hi[2];
} OpInfo;
extern const OpInfo op_info[OP_COUNT];
static inline bool op_is_elementwise(Op op) {
    return op < OP_ELEMENTWISE_END;
}
Op op_find(const char *name); /* OP_COUNT when there is none */
enum { DEAR_COST = 10 };

typedef enum Reduce {
    RED_sum,
    RED_max,
    RED_min,
    RED_logsumexp,
    RED_any,
    RED_all,
    RED_argmax,
    RED_argmin
} Reduce;
extern const char *const reduce_name[RED_argmin + 1];

/* What a reverse sweep stores of a loop; it never changes a value. `inner`: the incoming carries
 * only, the rest of an iteration is computed again. `every` k: the carries at each k-th iteration.
 * `binomial` s: s states, scheduled optimally. */
typedef enum Checkpoint { CHECK_store, CHECK_inner, CHECK_every, CHECK_binomial } Checkpoint;
extern const char *const checkpoint_name[CHECK_binomial + 1];

typedef struct Inst Inst;
typedef struct Region Region;

/* What made an instruction that the source does not hold: differentiation of `func`. Hash-consing
 * and folding ignore it; derivatives note it in modules that are `watched`. */
typedef struct Origin {
    bool adjoint; /* by a reverse sweep; else a tangent */
    bool written; /* in the source nevertheless: in a rule */
    const struct Func *func;
    const struct Origin *of; /* what was differentiated; NULL: an instruction of the source */
} Origin;

typedef struct Func Func;

typedef struct Value {
    const Type *type;
    Inst *inst;     /* defining instruction; NULL for a parameter */
    Region *region; /* the region whose parameter it is, or that holds inst */
    int index;      /* which result or parameter */
    uint32_t id;    /* unique in the module */
    Atom name;      /* from the source, or NULL */
    bool is_acc; /* on the chain of an acc: used once, so folds and hash-consing leave it alone */
} Value;

struct Region {
    Region *parent; /* NULL for the body of a function */
    Inst *owner;    /* the loop or if; NULL for the body of a function */
    Func *func;
    int depth; /* how many regions are around it */
    VEC(Value *) params;
    VEC(Inst *) insts;
    VEC(Value *) yields;
};

struct Inst {
    Op op;
    Loc loc;
    const Origin *origin; /* NULL: of the source */
    bool is_step;         /* within the derivative rule of one operation: means nothing by itself */
    bool by_reciprocal;   /* a quotient x/y that stands for x*(1/y) and may be computed so; in text,
                           * `div %x, %y by reciprocal` */
    Region *region;       /* that holds it */
    int n_in, n_out, n_region;
    Value **in;
    Value **out;
    Region *regions[2]; /* loop: body; if: then, else */
    union {
        double num;       /* const, float */
        int64_t integer;  /* const, integer or bool */
        const Size *size; /* size */
        SizeSym *sym;     /* dim */
        const char *text; /* check: what failed, e.g. "index out of range" */
        Atom spec;        /* contract */
        int8_t perm[IR_MAX_RANK];
        struct {
            Reduce kind;
            int axes;
        } reduce;
        struct {
            const Size *extent;
            bool reverse;
            int n_slice, n_carry, n_acc, n_stack;
            Checkpoint checkpoint;
            const Size *checkpoint_arg; /* CHECK_every, CHECK_binomial */
        } loop;
        struct {
            Func *func;
            const Size *const *sizes; /* one a size parameter of func, in the caller's symbols */
            const int *wrt;           /* vjp, jvp: chosen parameters, ascending */
            int n_wrt;
        } callee;
    } attr;
};

struct Func {
    Atom name;
    Loc loc;
    VEC(SizeSym *) sizes; /* in the order of the C interface */
    Region *body;   /* params: the leaves of the parameters; yields: the leaves of the result */
    Func *jvp_rule; /* params then tangents of all float params -> tangents of float results; or
                       NULL */
    Func *vjp_rule; /* params, results, cotangents -> adjoints of all float params; or NULL */
    bool is_inner;  /* of the compiler's own bp code: located where it is called, and without its
                       checks */
    bool is_extern; /* a C function: scalars in, one scalar out; body has params and no instructions
                     */
    const Type *extern_result;
};

/* One parameter or result of an exported function as C sees it. Leaves, depth first, are the Func's
 * params/results. */
typedef struct Param {
    Atom name;
    Atom c_name; /* in the header; NULL until codegen/cnames.c gave it */
    bool is_record;
    const Type *type; /* leaf */
    Atom struct_name; /* record */
    struct Param *fields;
    int n_fields;
    bool inactive; /* a leaf of a gradient struct with no derivative (integers): pointer left alone,
                      not a result */
} Param;

typedef struct Export {
    Atom name; /* the C name */
    Func *func;
    Loc loc;
    const char *doc; /* "export value_and_grad[p](loss) as step", or NULL */
    Param *params, *results;
    int n_params, n_results;
    Atom *c_sizes; /* names of the sizes in the header; NULL until codegen/cnames.c gave them */
    const int *size_from; /* one a size of func: the parameter of func (an i64) that gives it, or
                             -1: C passes the size; NULL: C passes them all */
} Export;

typedef struct IrModule {
    Context *ctx;
    Arena *keep;  /* what lives as long as the module: functions, types, exports */
    Arena *arena; /* bodies, and what passes need: between passes, bodies move on (ir_move) */
    Atom name;
    VEC(Func *) funcs; /* callees before callers */
    VEC(Export *) exports;
    const Type **types;
    uint32_t type_cap, type_n;
    uint32_t next_value;
    int threads;    /* above 1: so many share the work of an exported function */
    bool split_all; /* also work too short to pay for threads: for tests */
    int piece;      /* above 0: of so many operations are the pieces of every function: for tests */
    bool watched; /* --sanitize=nan: instructions have origins, and keep to the order and the places
                     of the source; loops store all (see passes/passes.h) */
} IrModule;

/* ---- types ---- */
IrModule *ir_module_new(Context *ctx, Arena *arena, const char *name);
const Type *ir_type(IrModule *m, Scalar elem, int rank, const Size *const *dims);
const Type *ir_scalar(IrModule *m, Scalar elem);
const Type *ir_with_elem(IrModule *m, const Type *type, Scalar elem);  /* same shape */
const Type *ir_drop_axes(IrModule *m, const Type *type, int n);        /* without n leading axes */
const Type *ir_add_axis(IrModule *m, const Type *type, const Size *n); /* with a new first axis */
const Type *ir_subst_type(IrModule *m, const Type *type, const Size *(*lookup)(void *, SizeSym *),
                          void *user);
int scalar_bytes(Scalar elem);        /* in memory */
const char *scalar_name(Scalar elem); /* "f64" */
static inline bool type_is_float(const Type *t) {
    return t->elem >= S_f32;
}
static inline bool type_is_scalar(const Type *t) {
    return t->rank == 0;
}
const Size *ir_type_count(IrModule *m,
                          const Type *type); /* product of the dims; NULL on overflow */
bool ir_type_mentions(const Type *type, const SizeSym *sym); /* in one of its extents */
/* Whether an array may be seen as one of the other type: as many elements, as far as is known
 * before it runs. */
bool ir_may_reshape(IrModule *m, const Type *from, const Type *to);

/* ---- building ----
 * A builder appends to one region. Emission folds constants and identities that hold for every IEEE
 * value, and hash-conses pure instructions against the region and those around it (never into a
 * sibling). */
typedef struct IrBuilder {
    IrModule *m;
    Region *region;
    Loc loc; /* given to every instruction, and so are these: */
    const Origin *origin;
    bool is_step, by_reciprocal;
    Atom name;            /* given to the next value; cleared after */
    struct CseTable *cse; /* of this region; chained to the enclosing regions' */
    bool fold;            /* false: append as is (the reader, the verifier's tests) */
} IrBuilder;

Func *ir_func_new(IrModule *m, Atom name, Loc loc); /* with an empty body; not yet in m->funcs */
Value *ir_param(IrModule *m, Region *region, const Type *type, Atom name);
void ir_builder_init(IrBuilder *b, IrModule *m, Region *region); /* at the end of a function body */
/* A builder for a new nested region of a loop or if that is going to be emitted by b (parent =
 * b->region). */
void ir_builder_nested(IrBuilder *inner, IrBuilder *b);
void ir_yield(IrBuilder *b, Value *v); /* appends to the region's yields */

Value *ir_const(IrBuilder *b, const Type *type,
                double num); /* of any type: scalars, or a broadcast constant for arrays; integers:
                                exact up to 2^53 */
Value *ir_int(IrBuilder *b, Scalar elem, int64_t value); /* i64, i32, bool */
Value *ir_size(IrBuilder *b, const Size *size);          /* i64 value of a size */
Value *ir_ew(IrBuilder *b, Op op,
             Value *const *in); /* elementwise; arity from the table; operands of one shape */
Value *ir_ew1(IrBuilder *b, Op op, Value *x);
Value *ir_ew2(IrBuilder *b, Op op, Value *x, Value *y);
Value *ir_ew3(IrBuilder *b, Op op, Value *x, Value *y, Value *z);
Value *ir_convert(IrBuilder *b, Value *x, Scalar to);  /* x itself when it has that type */
SizeSym *ir_dim(IrBuilder *b, Value *k, Atom name);    /* binds a new symbol */
SizeSym *ir_extent(IrBuilder *b, Value *k, Atom name); /* the same, to what cannot be negative */
void ir_bind_sym(SizeSym *sym, Value *k);
void ir_check(IrBuilder *b, Value *cond, const char *text); /* nothing for a constant true */
Value *ir_stop(IrBuilder *b, Value *x);
Value *ir_broadcast(IrBuilder *b, Value *x, const Type *to); /* x itself when it has that type */
Value *ir_iota(IrBuilder *b, const Size *n);
Value *ir_index(IrBuilder *b, Value *x, int k, Value *const *idx); /* x itself for k == 0 */
Value *ir_add_at(IrBuilder *b, Value *a, Value *v, int k, Value *const *idx);
Value *ir_update(IrBuilder *b, Value *a, Value *v, int k, Value *const *idx);
Value *ir_slice(IrBuilder *b, Value *x, Value *lo, const Size *extent);
Value *ir_add_slice(IrBuilder *b, Value *a, Value *v, Value *lo);
Value *ir_transpose(IrBuilder *b, Value *x,
                    const int8_t *perm); /* identity and double transposes fold */
Value *ir_reshape(IrBuilder *b, Value *x, const Type *to);
/* The same where sizes may have turned out to differ, in code that is not reached: behind a check
 * that fails, in a branch that is not taken. There it is a check that fails. */
Value *ir_conform(IrBuilder *b, Value *x, const Type *to);
Value *ir_array(IrBuilder *b, int n, Value *const *xs);
Value *ir_concat(IrBuilder *b, int n, Value *const *xs);
Value *ir_reverse(IrBuilder *b, Value *x);
Value *ir_reduce(IrBuilder *b, Reduce kind, Value *x,
                 int axes); /* x itself for axes == 0 where the kind allows */
Value *ir_contract(IrBuilder *b, const char *spec, Value *x, Value *y);
/* Loops: ir_loop_begin gives `body` (a nested builder) with its region's params created: [index,
 * slices, carries, accs]. The caller emits the body, yields carries, accs, elements in that order,
 * then calls ir_loop_end. */
typedef struct LoopSpec {
    const Size *extent;
    bool reverse;
    Checkpoint checkpoint;
    const Size *checkpoint_arg;
    int n_slice, n_carry, n_acc;
    Value *const *slices, *const *carries, *const *accs; /* operands and initial values */
    Atom index_name;
} LoopSpec;
void ir_loop_begin(IrBuilder *b, const LoopSpec *spec, IrBuilder *body);
Inst *ir_loop_end(IrBuilder *b, const LoopSpec *spec,
                  IrBuilder *body); /* the rest of the yields are stacked */
static inline Value *ir_body_index(const IrBuilder *body) {
    return body->region->params.data[0];
}
/* ifs: build both regions with ir_builder_nested, yield, then ir_if. Types of the yields must
 * agree. */
Inst *ir_if(IrBuilder *b, Value *cond, IrBuilder *then_, IrBuilder *else_);
/* The same, folded: a constant condition leaves the taken branch's instructions, and a result that
 * is one outer value in both branches is that value. out[] receives the values that stand for the
 * yields. */
void ir_if_values(IrBuilder *b, Value *cond, IrBuilder *then_, IrBuilder *else_, Value **out);
Inst *ir_call(IrBuilder *b, Func *f, const Size *const *sizes, int n, Value *const *args);
Inst *ir_vjp(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt, int n,
             Value *const *args);
Inst *ir_jvp(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt, int n,
             Value *const *args);

/* ---- cloning ----  rebuilding is how passes work: emit into a fresh region through a value map.
 */
typedef struct IrMap {
    IrModule *m;
    PtrMap values;        /* Value* -> Value* */
    PtrMap syms;          /* SizeSym* -> const Size* */
    bool drop_checks;     /* leave checks out: what is copied was checked before */
    Loc loc;              /* where not empty: of every copy, instead of its source's */
    Loc site;             /* where not empty: what is copied was called there, from another file */
    const Origin *origin; /* of the copies of instructions without one */
} IrMap;
Loc irmap_place(const IrMap *map, Loc loc); /* with the site */
void irmap_init(IrMap *map, IrModule *m, Arena *arena);
Value *irmap_get(const IrMap *map, Value *v); /* v itself when not mapped (a free value) */
void irmap_put(IrMap *map, Value *from, Value *to);
const Type *irmap_type(IrMap *map, const Type *type);
const Size *irmap_size(IrMap *map, const Size *size);
/* Emits a copy of one instruction (with its regions, recursively) through the map and maps its
 * results. */
Inst *ir_clone_inst(IrBuilder *b, const Inst *inst,
                    IrMap *map); /* NULL when it folded to existing values */
void ir_clone_insts(IrBuilder *b, const Region *region,
                    IrMap *map); /* all instructions of a region; yields are not touched */
/* Copies the body of f in place: params mapped to args, size parameters to sizes; out receives the
 * results. */
void ir_inline(IrBuilder *b, Func *f, const Size *const *sizes, Value *const *args, Value **out);

/* Copies one body to another arena. Its values, instructions and regions change their addresses. */
void ir_move_func(IrModule *m, Func *f, Arena *to);
/* The bodies of all functions that the module reaches: those of m->funcs, exported ones, callees
 * and rules. `to` becomes m->arena, and nothing of the former is used any more but m->keep. Values
 * get new ids. */
void ir_move(IrModule *m, Arena *to);

/* ---- queries ---- */
/* One constant in every element; it is 0, of floats either zero. Through broadcasts. */
bool inst_is_const(const Value *v);
bool inst_is_zero(const Value *v);
bool region_contains(const Region *outer, const Region *inner); /* inner == outer or nested in it */
bool region_holds(const Region *region, Op op); /* an instruction of it, or of a region inside */
bool inst_holds(const Inst *inst, Op op);       /* it, or one of a region inside */
/* Whether it checks that a size is another one, or a number: a condition of `where`. */
bool inst_checks_sizes(PolyTable *polys, const Inst *inst, const Size **a, const Size **b);
/* A loop that only goes on while one of its carries, a bool, is true: after that no iteration
 * changes a carry or has an effect, so it may be left. Found by its form (what lowering makes of
 * `while`): every carry is kept, and the flag stays false, by the branch not taken of one `if` on
 * the flag; nothing is stacked or summed. Which carry; -1: no such loop. */
int ir_loop_flag(const Inst *loop);
/* The same, but it may stack: what later iterations stack says nothing new. */
int ir_loop_flag_of_carries(const Inst *loop);
/* The operation of a carry that is nothing but a reduction, c' = op(c, e): its partial results may
 * be kept apart. OP_COUNT when it is not one. */
Op ir_carry_reduction(const Inst *loop, int carry);
bool ir_carries_reduce(const Inst *loop); /* every carry is one */
/* Values used in `region` (or nested) but defined outside, in order of first use. */
typedef VEC(Value *) ValueList;
void ir_free_values(Arena *arena, const Region *region, ValueList *out);
void ir_free_syms(Arena *arena, const Region *region, PtrMap *out);
/* All symbols in its types and sizes. */
void ir_used_syms(Arena *arena, const Region *region, PtrMap *out);
int ir_count(const Region *region); /* instructions, nested ones too */
/* What counts the iterations in the source: the index, or the sum of it and the start of a range,
 * or that counted down from a last one; without a name where that is not known any more. */
const Value *ir_loop_counter(const Inst *loop);
Func *ir_find_func(const IrModule *m, const char *name);
/* The most a size of an exported function may be: no machine addresses more, and linear polynomials
 * of such sizes stay within 64 bits. */
#define EXPORT_MOST_SIZE (INT64_C(1) << 48)
#define EXPORT_SIZE_TEXT "the size %s is negative or above 2**48"
/* The parameter of the function that gives its size k, or -1: an argument of its own. */
static inline int export_size_from(const Export *export, int k) {
    return export->size_from ? export->size_from[k] : -1;
}
int export_n_sizes(const Export *export);  /* the sizes that are arguments */
int param_leaves(const Param *param);      /* those that are IR parameters: not the inactive ones */
bool param_is_integer(const Param *param); /* a parameter that NAME_work takes, too */

/* ---- text, checking, evaluation ---- */
void ir_print(Text *out, const IrModule *m);
void ir_print_number(Text *out, Scalar elem,
                     double num); /* the shortest decimal that reads back exactly */
IrModule *ir_read(Context *ctx, Arena *arena, Source *source); /* NULL: diagnostics were queued */
/* Queues a diagnostic naming the broken rule, the operation and its line; false when something is
 * broken. */
bool ir_verify(const IrModule *m);

/* Arrays of the interpreter: doubles for floats (f32 rounded after every operation), int64 for the
 * rest. */
typedef struct Datum {
    const Type *type;
    int64_t dims[IR_MAX_RANK];
    int64_t count;
    double *f;  /* float types */
    int64_t *i; /* integers and bool */
} Datum;
/* Evaluates f: sizes in order, args the leaves; results[] receives the leaves (in arena). Returns
 * 0, or the located message of the check that failed in *failed. */
int ir_eval(IrModule *m, Arena *arena, Func *f, const int64_t *sizes, Datum *const *args,
            Datum **results, const char **failed);
int ir_eval_n_results(const Func *f);
/* What an evaluation may cost before it stops with a message. */
typedef struct EvalLimits {
    int64_t steps;    /* instructions, and elements that they compute */
    int64_t elements; /* of all arrays together */
} EvalLimits;
int ir_eval_within(IrModule *m, Arena *arena, EvalLimits limits, Func *f, const int64_t *sizes,
                   Datum *const *args, Datum **results, const char **failed);
/* A check that failed, in the words of the source; texts in the arena. */
typedef struct EvalFailure {
    Loc loc;
    const char *text;   /* what failed */
    const char *values; /* that it was about, "`k` is 3, `n` is 2", or NULL */
    const char *where;  /* the iterations around it, "i = 3, t = 0", or NULL */
    Loc call;           /* that led into the file of the check; or nowhere */
} EvalFailure;
/* "FILE:LINE:COLUMN: text" */
const char *eval_failure_text(const IrModule *m, Arena *arena, const EvalFailure *failure);
/* The same, with more to say. */
int ir_eval_explained(IrModule *m, Arena *arena, EvalLimits limits, Func *f, const int64_t *sizes,
                      Datum *const *args, Datum **results, EvalFailure *failure);

#endif
