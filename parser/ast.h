/* The abstract syntax tree of a bp module: what the parser builds, the checker fills in and
 * lowering reads.
 *
 * Invariants: nodes live in the context's arena and are never shared; no chain of children is
 * longer than AST_MAX_DEPTH, so that recursive walks are safe; nodes marked "checker" are NULL or
 * zero before checking. Built by parser/grammar.y through parser/build.h only. Must not know the
 * IR: what lowering wants to remember goes into the `lowered` slots. */
#ifndef BPC_PARSER_AST_H
#define BPC_PARSER_AST_H

#include "parser/types.h"

enum { AST_MAX_DEPTH = 1000 };

typedef struct Expr Expr;
typedef struct TypeExpr TypeExpr;
typedef struct Local Local;
typedef struct FnDecl FnDecl;
typedef struct TypeDecl TypeDecl;
typedef VEC(Expr *) ExprList;
typedef VEC(TypeExpr *) TypeExprList;

typedef struct Name {
    Atom atom;
    Loc loc;
} Name;
typedef VEC(Name) NameList;

/* ---- types as written ---- */

typedef enum TypeExprKind { TE_error, TE_name, TE_array, TE_tuple, TE_record, TE_fn } TypeExprKind;

struct TypeExpr {
    TypeExprKind kind;
    int depth;
    Loc loc;
    Name name;          /* TE_name: scalar or declared type */
    ExprList sizes;     /* TE_name: size arguments; TE_array: dims */
    TypeExpr *elem;     /* TE_array */
    TypeExprList parts; /* TE_tuple, TE_record fields, TE_fn parameters */
    NameList names;     /* TE_record */
    TypeExpr *result;   /* TE_fn */
};

/* ---- names of values ---- */

typedef enum LocalKind { LOCAL_param, LOCAL_let, LOCAL_binder, LOCAL_carry } LocalKind;

/* A variable: a parameter (of a function, a lambda or a rule), a let, a binder or a carried value.
 */
struct Local {
    LocalKind kind;
    Atom name;
    Loc loc;
    const Ty *ty; /* checker */
    /* An i64 scalar may be used as a size. `size` is the polynomial that the variable equals: of
     * its own symbol `sym`, or (for a let) of older ones, when sym is NULL. Where `sym_used` is
     * set, lowering must define `sym` by the value (ir_dim) right where the variable is bound, or,
     * for a parameter that is a size parameter of the function as well, finds it defined already.
     */
    const Size *size;
    SizeSym *sym;
    bool sym_used;
    struct Binder *binder; /* LOCAL_binder */
    Local *hides;          /* checker: the variable of the same name outside */
    void *lowered;         /* slot of lowering */
};

/* ---- expressions ---- */

typedef enum ExprKind {
    E_error,
    E_int,
    E_float,
    E_bool,
    E_name,
    E_unary,
    E_binary,
    E_transpose,
    E_call,
    E_reduce,
    E_scatter,
    E_index,
    E_field,
    E_with,
    E_array,
    E_comp,
    E_tuple,
    E_block,
    E_if,
    E_loop,
    E_checkpoint,
    E_lambda,
    E_derivative,
} ExprKind;

typedef enum UnaryOp { UN_neg, UN_not } UnaryOp;

typedef enum BinaryOp {
    BIN_or,
    BIN_and,
    BIN_eq,
    BIN_ne,
    BIN_lt,
    BIN_gt,
    BIN_le,
    BIN_ge,
    BIN_add,
    BIN_sub,
    BIN_mul,
    BIN_div,
    BIN_rem,
    BIN_matmul,
    BIN_pow,
} BinaryOp;
const char *binary_name(BinaryOp op);

/* What an E_name means. */
typedef enum NameKind {
    NAME_unresolved,
    NAME_local,    /* name.local */
    NAME_size,     /* a size parameter as an i64: expr->size */
    NAME_constant, /* pi inf nan: name.number */
    NAME_function, /* a function as an argument: name.fn, with name.sizes for its size parameters */
    NAME_builtin,  /* an elementwise builtin as an argument: name.op */
} NameKind;

/* What an E_call calls. */
typedef enum CallKind {
    CALL_unresolved,
    CALL_function,   /* call.fn with call.sizes */
    CALL_local,      /* call.local: a parameter of function type */
    CALL_derivative, /* call.callee is an E_derivative, with call.sizes for its signature */
    CALL_lambda,  /* call.callee is an E_lambda: derivative operators aside, not written by users */
    CALL_record,  /* a record of type expr->ty: field k is args[call.order[k]] */
    CALL_convert, /* f64(x), i64(x) ...: to the scalar kind of expr->ty; elementwise */
    CALL_elementwise, /* call.op, a row of the operation table; operands broadcast to the result */
    CALL_reduce,      /* sum(x), max(x) ...: call.reduce over all elements of args[0] */
    CALL_builtin,     /* call.builtin, a row of parser/builtins.def */
} CallKind;

typedef enum ReduceKind {
    REDUCE_sum,
    REDUCE_prod,
    REDUCE_max,
    REDUCE_min,
    REDUCE_mean,
    REDUCE_logsumexp,
    REDUCE_argmax,
    REDUCE_argmin,
    REDUCE_any,
    REDUCE_all,
} ReduceKind;
enum { REDUCE_COUNT = REDUCE_all + 1 };
extern const char *const reduce_names[REDUCE_COUNT];

typedef enum Builtin {
#define BUILTIN(name, least, most, rule) BI_##name,
#include "parser/builtins.def"
#undef BUILTIN
    BI_COUNT
} Builtin;

typedef enum DerivOp {
    DERIV_grad,
    DERIV_value_and_grad,
    DERIV_jvp,
    DERIV_vjp,
    DERIV_jacobian,
    DERIV_jacfwd,
    DERIV_jacrev,
    DERIV_hessian,
    DERIV_hvp,
    DERIV_batch,
} DerivOp;
enum { DERIV_COUNT = DERIV_batch + 1 };
extern const char *const deriv_names[DERIV_COUNT];

typedef struct Arg {
    Name name; /* atom NULL: positional */
    Expr *value;
} Arg;
typedef VEC(Arg) ArgList;

/* for i      for j < m      for k in lo:hi */
typedef struct Binder {
    Name name;
    Expr *lo;     /* NULL: 0 */
    Expr *hi;     /* NULL: inferred */
    Local *local; /* checker */
    /* checker: the number of values. Mentions the symbols of earlier binders where the bounds do. A
     * negative value at run time is an empty range. */
    const Size *extent;
    Loc extent_from; /* checker: the bound, or the index that an inferred extent was taken from */
} Binder;
typedef VEC(Binder *) BinderList;

typedef enum IndexKind { IX_at, IX_range } IndexKind;

typedef struct Index {
    IndexKind kind;
    Loc loc;
    Expr *at;      /* IX_at */
    Expr *lo, *hi; /* IX_range; NULL: from the start, to the end */
    /* checker: */
    const Size *extent; /* IX_range: hi - lo */
    bool in_range;      /* proved to be within the axis: no check at run time */
} Index;
typedef VEC(Index) IndexList;

typedef struct Pattern {
    Loc loc;
    Name name; /* atom NULL: a tuple of parts */
    VEC(struct Pattern *) parts;
    int depth;
    Local *local; /* checker */
} Pattern;

typedef struct Let {
    Loc loc;
    Pattern *pattern; /* NULL: an assertion of value */
    TypeExpr *type;   /* NULL: that of the value */
    Expr *value;
} Let;
typedef VEC(Let *) LetList;

typedef struct Carry {
    Name name;
    Expr *init;
    Local *local; /* checker */
} Carry;
typedef VEC(Carry *) CarryList;

typedef enum CheckpointKind { CP_none, CP_plain, CP_every, CP_binomial } CheckpointKind;

/* What is only seen at run time: lowering checks a == b (one of them was computed from a value)
 * right after the value of the expression was computed; from there on the value has the type
 * `cast`. */
typedef struct SizeCheck {
    const Size *a, *b;
    Loc loc;
    const char *text; /* "sizes differ: k and n" */
} SizeCheck;

struct Signature;

struct Expr {
    ExprKind kind;
    bool parens; /* written between parentheses */
    int depth;
    Loc loc;
    /* checker: */
    const Ty *ty;
    const Size *size; /* an i64 scalar that is known to equal a polynomial; NULL otherwise */
    SizeSym
        *binds; /* not NULL: the value of this expression is opaque and was used as a size; lowering
                   defines this symbol by it (ir_dim) where the expression is evaluated */
    VEC(SizeCheck) checks;
    const Ty *cast; /* with checks: ty with the sizes put in that its user expects; NULL: ty */
    union {
        int64_t integer; /* E_int; its ty may be a float */
        double number;   /* E_float */
        bool boolean;    /* E_bool */
        struct {
            Atom atom;
            NameKind kind;
            Local *local;
            FnDecl *fn;
            const Size *const *sizes;
            int op;
            double number;
        } name;
        struct {
            UnaryOp op;
            Expr *x;
        } unary; /* also E_transpose (x only), E_checkpoint (x is the block) */
        struct {
            BinaryOp op;
            Loc op_loc;
            Expr *a, *b;
        } binary;
        struct {
            Expr *callee; /* an E_name, an E_derivative or whatever stood there */
            ArgList args;
            CallKind kind;
            FnDecl *fn;
            Local *local;
            const Size *const *sizes; /* one a size of the signature that is called, in its order */
            int op;
            ReduceKind reduce;
            Builtin builtin;
            const int *order;
            /* zeros, ones, iota, eye, reshape: the shape is that of expr->ty; its size arguments
             * may have `binds` set and are evaluated first. */
        } call;
        struct {
            Name name;
            ReduceKind kind;
            Expr *body;
            BinderList binders;
        } reduce; /* E_reduce; also E_comp (body and binders only) */
        struct {
            Expr *shape; /* a size, or a tuple of sizes */
            Expr *at;    /* an index, or a tuple of indices */
            Expr *value;
            BinderList binders;
        } scatter;
        struct {
            Expr *x;
            IndexList at; /* missing trailing ones are whole axes */
        } index;
        struct {
            Expr *x;
            Name name;  /* of a record; atom NULL: a tuple */
            int number; /* checker for records: position of the field; of a tuple: as written */
        } field;
        struct {
            Expr *x;
            IndexList at; /* x with [at] = value; n = 0: a record */
            Name field;
            int number; /* checker: position of the field */
            Expr *value;
        } with;
        ExprList items; /* E_array, E_tuple */
        struct {
            LetList lets;
            Expr *result; /* NULL only in a test */
        } block;
        struct {
            Expr *cond, *then_, *else_;
        } if_;
        struct {
            bool is_scan;
            bool tuple; /* carries written in parentheses */
            CarryList carries;
            Binder *binder; /* for: */
            Expr *cond;     /* while: sees the carried values */
            Expr *max_iter; /* while: i64 */
            Expr *body;
            int literals; /* checker: what literal initial values were found to need, a number of
                             its table of choices; 0: what literals are by themselves */
            CheckpointKind checkpoint;
            Expr *checkpoint_arg; /* every, binomial: an i64 */
        } loop;
        struct {
            NameList names;
            TypeExprList types; /* an entry is NULL where no type is written */
            const Ty *
                *given;     /* checker: for `grad(|x| e)(a)`, the types of the arguments; or NULL */
            Local **params; /* checker */
            Expr *body;
        } lambda;
        struct {
            DerivOp op;
            Loc op_loc;
            ExprList
                chosen; /* what stands between the brackets: parameter names; for batch one size */
            bool brackets;
            Expr *fn; /* an E_name of a function, or another E_derivative */
            /* checker: */
            struct Signature *sig; /* of the resulting function */
            int *wrt;              /* chosen parameters of fn's signature, ascending as chosen */
            int n_wrt;
            const Size
                *batch; /* batch: the new axis; a symbol of sig->sizes, or a size of the scope */
        } deriv;
    } as;
};

/* The type that the user of e sees. */
static inline const Ty *expr_type(const Expr *e) {
    return e->cast ? e->cast : e->ty;
}

/* ---- signatures ---- */

typedef struct SizeParam {
    Name name;
    SizeSym *sym;
    /* What the parameter is in the types and in the body: its own symbol, or, by `where n == m`,
     * another size; then lowering checks on entry that sym has that value. */
    const Size *size;
    int from_param; /* the i64 parameter of this name that passes it, or -1: fixed by the types of
                       arguments */
    Atom
        of_type; /* the type parameter in whose place it was made, with a made-up name; else NULL */
} SizeParam;

typedef struct SigParam {
    Name name; /* atom NULL: no name (parameters of function types) */
    const Ty *ty;
} SigParam;

/* The type of something that can be called, over its own size symbols. */
typedef struct Signature {
    VEC(SizeParam) sizes;
    VEC(SigParam) params;
    const Ty *result;
    Atom name; /* for messages: loss, grad(loss) */
    Loc loc;
} Signature;

/* ---- declarations ---- */

/* [T: float] between the brackets of a function, see parser/check_generic.c */
typedef enum TypeClass {
    CLASS_float,  /* f64 or f32 */
    CLASS_floats, /* anything that is made of floats: scalars, arrays, tuples, records */
} TypeClass;

typedef struct TypeParam {
    Name name;
    Name class_name;
    TypeClass class;
} TypeParam;
typedef VEC(TypeParam) TypeParamList;

/* What stands between the brackets of a function or a rule. */
typedef struct Generics {
    NameList sizes;
    TypeParamList types;
} Generics;

typedef struct AstParam {
    Name name;
    TypeExpr *type;
    Local *local; /* checker */
} AstParam;
typedef VEC(AstParam *) ParamList;

typedef enum CheckState { CHECK_none, CHECK_busy, CHECK_done, CHECK_failed } CheckState;

typedef struct CallEdge {
    FnDecl *callee;
    Loc loc;
} CallEdge;

typedef struct Rule Rule;
typedef struct AstModule AstModule;

struct FnDecl {
    Name name;
    Loc loc;
    AstModule *module; /* the file it stands in */
    bool exported, is_extern;
    bool brackets;
    NameList size_names;
    TypeParamList types; /* not empty: a template. It is copied for the types of its calls, and only
                            the copies are checked and lowered */
    ParamList params;
    TypeExpr *result; /* NULL: inferred */
    Expr *where; /* NULL: none. Size equalities are in sig->sizes already; the rest is checked on
                    entry */
    Expr *body;  /* NULL: extern, or a builtin */
    int builtin; /* the Op of the IR plus 1: stands for a builtin that a rule of the module is for;
                    never called by name. 0: an ordinary function */
    /* checker: */
    Signature *sig;
    CheckState sig_state, body_state;
    VEC(CallEdge) calls;
    VEC(Atom) mentions; /* names in the body, from the parser: the order of checking follows them */
    Rule *rule;         /* NULL: none */
    int mark;           /* of the searches for an order and for recursion */
    unsigned char
        *dependence; /* of the result on each parameter, see parser/warn.h; NULL: unknown yet */
    /* of a copy of a template: */
    FnDecl *instance_of;     /* NULL: an ordinary function */
    const Ty **type_args;    /* one a type parameter of the template, over sizes of sig */
    int instance_depth;      /* how many copies stand behind the call that asked for it */
    Loc instance_use;        /* that call */
    VEC(FnDecl *) instances; /* of a template */
    void *lowered;
};

struct TypeDecl {
    Name name;
    Loc loc;
    NameList size_names;
    TypeExpr *type; /* a TE_record, or any other type: then the name is an alias */
    /* checker: */
    CheckState state;
    VEC(SizeParam) sizes;
    const Ty *ty; /* over the symbols of sizes */
    void *lowered;
};

/* One jvp or vjp of a derivative declaration. */
typedef struct RulePart {
    Name kind; /* jvp or vjp */
    Loc loc;
    ParamList params;
    Expr *body;
    bool is_jvp;
    const Ty *ty; /* checker: of the body */
} RulePart;

struct Rule {
    Name name;
    Loc loc;
    bool brackets;
    NameList size_names;
    TypeParamList types;
    ParamList params;
    VEC(RulePart *) parts;
    FnDecl *fn; /* checker; parts see the parameters of the rule as locals */
};

typedef struct ExportDecl {
    Loc loc;
    Expr *fn;         /* an E_name or an E_derivative */
    Name as;          /* atom NULL: none written */
    const char *text; /* the declaration as written, for the header: "export grad[w](f) as g" */
    /* checker: */
    Atom c_name;
    Signature *sig; /* over the symbols of the exported function */
} ExportDecl;

typedef struct Import {
    Loc loc;
    Name path;
    Name as;           /* atom NULL: its names are visible as they are, else as `as.name` */
    AstModule *module; /* parser/imports.c */
} Import;

typedef struct Test {
    Loc loc;
    Name title;
    Expr *body;
} Test;

/* One file. What it declares and what it imports are visible in it, what its imports import is not.
 */
struct AstModule {
    Context *ctx;
    Source *source;
    Atom path; /* "std/nn", or where the file was found: one module each */
    VEC(FnDecl *) fns;
    VEC(TypeDecl *) types;
    VEC(ExportDecl *)
    exports; /* in source order, `export fn` too; then those of the command line */
    VEC(Import) imports;
    VEC(Rule *) rules;
    VEC(Test *) tests;
    /* of the file that is compiled: */
    VEC(AstModule *) imported; /* all files behind it, callees' files before callers' */
    VEC(FnDecl *) instances;   /* checker: of templates of all files */
    VEC(FnDecl *) order;       /* checker: callees before callers, of all files */
    /* checker: */
    PtrMap fn_names, type_names; /* Atom -> what is visible; "p.f" where p names an import */
};

#endif
