/* What the lower*.c files share.
 *
 * Note [Frames and functions]
 * A Frame binds the variables and size symbols of one body of the source; an FnCtx is an IR
 * function under construction. They differ where a body is lowered in place: a function with
 * function parameters gets a new Frame in the caller's FnCtx, and the body of a lambda is lowered
 * in the Frame where it was written, possibly while another FnCtx is under construction (the lambda
 * being differentiated). A value or size that belongs to another FnCtx than the current one is
 * imported when it is looked up: it becomes a further parameter, and the call passes it.
 *
 * Note [Slices]
 * An array that is indexed by the binder of a loop is not indexed in the body but handed to the
 * loop as a slice: the adjoint of a slice is a stacked result, that of an index a scatter. Before a
 * loop is opened its body is searched for such places; what was found stands in the frame's slice
 * table while the body is lowered, and every indexing looks there for the entry that covers most of
 * its indices. */
#ifndef BPC_PARSER_LOWER_INTERNAL_H
#define BPC_PARSER_LOWER_INTERNAL_H

#include "parser/ast.h"
#include "parser/lower_fn.h"

typedef struct FnCtx {
    struct FnCtx *parent; /* of a closure: the function it captures from */
    LowFn *fn;
    IrBuilder builder; /* of the body */
    PtrMap values;     /* captured Value* of the parent -> Value* here */
    PtrMap syms;       /* captured SizeSym* of the parent -> SizeSym* here */
} FnCtx;

/* An array as the source names it: a variable, fields, and indices, in the order of the axes.
 * Fields of arrays of records and indices commute, since records of arrays are what there is. */
enum { ACCESS_MAX = 16 };
typedef struct Access {
    Local *base;
    int n_fields, n;
    int fields[ACCESS_MAX];
    const Index *at[ACCESS_MAX]; /* IX_at, or IX_range over the whole axis */
} Access;

typedef struct SliceEntry {
    Local *base;
    int n_fields, n;
    int fields[ACCESS_MAX];
    const Local *binder[ACCESS_MAX]; /* by position; NULL: not consumed */
    const Size *offset[ACCESS_MAX];  /* the index is binder + offset, as the source writes it */
    int consumed;
    Tree *value; /* the array without the consumed axes */
} SliceEntry;

typedef struct FnVal FnVal;
typedef struct Frame {
    PtrMap trees; /* Local* -> Tree* */
    PtrMap fns;   /* Local* -> FnVal* */
    PtrMap syms;  /* SizeSym* of the checker -> const Size* of the IR */
    VEC(SliceEntry) slices;
} Frame;

/* A function as an argument. */
struct FnVal {
    Expr *expr;   /* an E_lambda, an E_derivative, or an E_name of a function or builtin */
    Frame *frame; /* where it was written */
};

typedef struct Derived {
    DerivOp op;
    const LowFn *base;
    int n_wrt;
    const int *wrt;
    Atom axis;          /* of a batch: the name of its size parameter, */
    const Size *extent; /* or the number in its place */
    LowFn *fn;
} Derived;

typedef struct Lower {
    Context *ctx;
    Arena *arena;
    IrModule *m;
    AstModule *ast;
    FnCtx *fn;
    Frame *frame;
    IrBuilder *b;
    PtrMap fns;           /* FnDecl* -> LowFn* */
    PtrMap sym_owner;     /* SizeSym* of the IR -> FnCtx* */
    PtrMap nonneg;        /* SizeSym* of the IR that cannot be negative */
    VEC(Derived) derived; /* operators already applied */
    AstModule
        *linalg[2]; /* std/linalg.bp for f32 and f64, see lower_linalg.c; NULL: not needed yet */
    int depth;      /* of expressions that are open, through calls; see lower_expr */
    int in_place;   /* bodies of functions and lambdas lowered where they are called */
    bool failed;    /* the program is too large: nothing is lowered any more */
    VEC(FnDecl *) builtins; /* those that rules are for, of all modules */
    PtrMap names;           /* of IR functions: Atoms already given, those of the source first */
} Lower;

/* ---- lower.c: functions and rules ---- */
/* What is set aside while another function is lowered. */
typedef struct Place {
    FnCtx *fn;
    Frame *frame;
    IrBuilder *b;
} Place;
Place low_enter(Lower *L, FnCtx *fn, Frame *frame);
void low_leave(Lower *L, Place place);
bool low_takes_functions(const FnDecl *decl);
Tree *low_own_param(Lower *L, Atom name, Tree *shape); /* of the function being lowered */
void low_results(Lower *L, LowFn *fn, Tree *shape);    /* as C sees them */
void low_check_entry(Lower *L, const FnDecl *decl);    /* `where` */
LowFn *lower_fn(Lower *L, FnDecl *decl);
/* A function with function parameters, for the functions among args. */
LowFn *low_specialised(Lower *L, FnDecl *decl, Tree *const *args);
/* The function in place of a builtin, where the text at hand has a rule for it; else NULL. */
const LowFn *lower_builtin_rule(Lower *L, Op op, Scalar elem);

/* ---- lower_call.c ---- */
/* E_name, E_derivative or E_lambda as something to be called or exported; functions among the
 * arguments of the call are part of it, so `args` (NULL for an export) is looked at. */
LowFn *lower_fn_expr(Lower *L, Expr *e, Tree *const *args);
/* The same as something to export: an extern function is called by one of ours. */
const LowFn *lower_exportable(Lower *L, Expr *e);
FnVal *lower_fn_value(Lower *L, Expr *e);
Tree *lower_apply(Lower *L, const FnVal *fn, int n, Tree *const *args);
Tree *lower_call(Lower *L, const LowFn *fn, const Size *const *sizes, int n, Tree *const *args);
Tree *lower_call_expr(Lower *L,
                      Expr *e); /* CALL_function, CALL_local, CALL_derivative, CALL_lambda */

/* ---- lower_env.c: frames, imports, types ---- */
Frame *frame_new(Lower *L);
FnCtx *fnctx_open(Lower *L, Atom name, Loc loc, FnCtx *parent);
void fnctx_close(Lower *L, FnCtx *fn,
                 Tree *result); /* yields the result's values and adds the function to the module */
Tree *env_lookup(Lower *L, Local *local);
FnVal *env_fn(Lower *L, Local *local);
void env_bind(Lower *L, Local *local,
              Tree *tree); /* also defines its size symbol where it is used */
/* Before its scope is opened: a body that is lowered twice (a lambda) must not see what the first
 * time left. */
void env_forget(Lower *L, const Local *local);
/* An i64 value as a size: bound to a new symbol, unless it is a size anyway. The builder takes
 * sizes to be not negative: where the value may be, it is checked or clamped as a value, before
 * anything is made of the size. */
const Size *env_value_size(Lower *L, Value *value, const char *name, bool nonneg);
void env_bind_sym(Lower *L, SizeSym *sym, Value *value, bool nonneg);
const Size *env_size(Lower *L, const Size *size); /* of the checker -> of the current IR function */
const Size *env_import_size(Lower *L, const Size *size);
const Size *env_or_overflow(Lower *L, const Size *size); /* NULL: says so, and gives 0 */
Tree *env_import(Lower *L, Tree *tree);
Tree *env_shape(Lower *L, const Ty *ty);
const Type *env_type(Lower *L, const Ty *ty); /* of a scalar or an array of scalars */
bool env_nonneg(Lower *L, const Size *size);  /* an IR size that cannot be negative */
Scalar env_scalar(ScalarKind kind);

/* ---- lower_expr.c ---- */
Tree *lower_expr(Lower *L, Expr *e);
Value *lower_value(Lower *L, Expr *e); /* of a scalar or an array of scalars */
void lower_pattern(Lower *L, const Pattern *pattern, Tree *tree);
Tree *low_zeros(Lower *L, const Tree *shape);
/* The value with the given type: broadcast along new leading axes, converted, or given sizes known
 * to be equal. */
Value *low_conform(Lower *L, Value *v, const Type *type);
Tree *low_conform_tree(Lower *L, const Tree *tree, const Tree *shape);
Tree *low_elementwise(Lower *L, Op op, int n, Tree *const *args, const Tree *shape);
Value *low_not(Lower *L, Value *v);
void low_name(Tree *tree, Atom name);
Tree *low_transpose(Lower *L, Tree *x); /* the last two axes */
Tree *low_stack(Lower *L, int n, Tree *const *items,
                const Tree *shape); /* to an array of that shape */

/* ---- lower_size.c ---- */
void low_check_size(Lower *L, Value *size, Loc loc);   /* of an axis: from 0 to 2**48 */
void low_check_count(Lower *L, Value *count, Loc loc); /* of a range: within 64 bits */

/* ---- lower_loop.c ---- */
Tree *lower_comp(Lower *L, Expr *e);
Tree *lower_reduce(Lower *L, Expr *e);
Tree *lower_scatter(Lower *L, Expr *e);
Tree *lower_loop(Lower *L, Expr *e);
Tree *lower_checkpoint(Lower *L, Expr *e);
Tree *low_reduce_all(Lower *L, ReduceKind kind, Value *x, const Type *result);

/* An open loop over a binder: L->b is its body between the two calls. */
typedef struct OpenLoop {
    LoopSpec spec;
    IrBuilder body;
    IrBuilder *outer;
    int slice_mark;
    ValueList slices;
} OpenLoop;
/* The extent of a binder: bounds are evaluated, and clamped or checked against being negative. */
typedef struct Range {
    const Binder *binder;
    const Size *extent;
    Value *lo;    /* NULL: 0 */
    bool clamped; /* the bounds may leave less than nothing */
} Range;
Range low_range(Lower *L, Binder *binder, bool rectangular);
void low_open(Lower *L, OpenLoop *loop, const Range *range, int n_bodies, Expr *const *bodies,
              const ValueList *carries, const ValueList *accs);
Value *low_loop_carry(const OpenLoop *loop, int i); /* parameter of the body */
Value *low_loop_acc(const OpenLoop *loop, int i);
Inst *low_close(Lower *L, OpenLoop *loop);

/* ---- lower_index.c: indices, ranges, updates ---- */
typedef enum AxisKind { AXIS_all, AXIS_at, AXIS_range } AxisKind;
typedef struct Axis {
    AxisKind kind;
    Value *at;          /* AXIS_at, or the start of AXIS_range */
    const Size *extent; /* AXIS_range */
} Axis;
Tree *low_index(Lower *L, const Tree *tree, int n, const Axis *axes); /* what was checked before */
Value *low_move_axis(Lower *L, Value *x, int from, int to);
/* The n indices into the axes of `tree` (axes[k] is the axis of at[k]), evaluated and checked.
 * `guard`, where not NULL, is an extent: an index out of range is an error only where that is
 * positive. */
void low_axes(Lower *L, const Tree *tree, int n, const Index *const *at, const Size *guard,
              Axis *axes);
void low_check_index(Lower *L, Value *i, const Size *extent, int axis, Loc loc);
Tree *lower_access(Lower *L, Expr *e); /* E_index, E_field */
Tree *lower_with(Lower *L, Expr *e);

/* ---- lower_access.c: what a loop slices, see Note [Slices] ---- */
bool access_of(Expr *e, Access *out); /* false: not a variable with fields and plain indices */
/* The array that an access starts from, as much indexed as the slices of the open loops allow;
 * rest[] receives the indices that remain, for the leading axes of the result in order. NULL when
 * the variable is none. */
Tree *low_access_base(Lower *L, const Access *access, int *n_rest, const Index **rest);
/* Whether the index is binder + offset, offset in the symbols of the source. */
bool low_binder_offset(Lower *L, const Expr *at, const Local *binder, const Size **offset);
/* Entries for the arrays that `bodies` index by the binder of the range; their values are operands
 * of the loop. */
typedef VEC(SliceEntry) SlicePlan;
void low_plan_slices(Lower *L, const Range *range, int n_bodies, Expr *const *bodies,
                     SlicePlan *plan);
/* The part of axis 0 of x that the range visits through binder + offset; NULL when it may lie
 * outside. */
Value *low_window(Lower *L, Value *x, const Range *range, const Size *offset, bool in_range);
/* Whether sum(body for binders) may be one contraction of two arrays, and that contraction (NULL:
 * the sizes do not allow it). The ranges are those of the binders. */
bool low_is_product(Expr *body, int n, Binder *const *binders);
Value *low_contract_sum(Lower *L, Expr *body, int n, const Range *ranges);

/* ---- lower_scan.c ---- */
/* Calls visit for e and every expression below it, parents first; visit returns false to skip what
 * is below. `declare`, where not NULL, is called for each variable that is introduced below e,
 * before its scope is walked. */
typedef struct Walk {
    bool (*visit)(void *user, Expr *e);
    void (*declare)(void *user, Local *local);
    void *user;
} Walk;
void ast_walk(const Walk *walk, Expr *e);
bool ast_mentions(Expr *e, const Local *local);

/* ---- lower_builtin.c ---- */
Tree *lower_builtin(Lower *L, Expr *e);
Value *lower_matmul(Lower *L, Expr *e);

/* ---- lower_linalg.c ---- */
Value *lower_linalg(Lower *L, Builtin builtin, Value *x,
                    Value *y); /* y: NULL for functions of one matrix */
Value *low_sort(Lower *L, Value *x);

/* ---- lower_export.c ---- */
void lower_export(Lower *L, ExportDecl *decl);

#endif
