/* Lowered functions and the derivative operators on them.
 *
 * A LowFn is an IR function with what the IR does not keep: which leaves make up a parameter, what
 * the results are called in C, which values of an enclosing function a lambda captured. The
 * derivative operators are functions from LowFn to LowFn, so they nest to any depth; their bodies
 * hold `vjp` and `jvp` operations that a pass resolves. Nothing here knows the syntax tree. */
#ifndef BPC_PARSER_LOWER_FN_H
#define BPC_PARSER_LOWER_FN_H

#include "parser/lower_tree.h"

typedef struct LowParam {
    Atom name;
    Tree *shape;
    bool flat; /* a tuple whose parts are parameters of their own in C: bar0, bar1, ... */
} LowParam;
typedef VEC(LowParam) LowParamList;

/* A size that an i64 parameter of the same name gives: `fn hist(nb: i64, ...) -> [nb]f64`. Inside
 * the compiler the function takes both; a C host passes the parameter only. */
typedef struct TiedSize {
    int size, param; /* indices into func->sizes and params */
} TiedSize;

typedef struct LowFn {
    Func *func;
    LowParamList
        params; /* leaves, in order, are the first parameters of func; the captured values follow */
    LowParamList results; /* as C sees them; leaves in order are the yields of func */
    Tree *result;         /* as the language sees it: the same leaves */
    ValueList captured;   /* values of the enclosing function, passed behind the parameters */
    VEC(const Size *)
    captured_sizes; /* behind the sizes of the signature: values in the enclosing function */
    VEC(TiedSize) tied;
} LowFn;

typedef enum DeriveOp {
    DERIVE_grad,
    DERIVE_value_and_grad,
    DERIVE_vjp,
    DERIVE_jvp,
    DERIVE_jacobian,
    DERIVE_jacfwd,
    DERIVE_jacrev,
    DERIVE_hessian,
    DERIVE_hvp,
    DERIVE_batch
} DeriveOp;

typedef struct Deriver {
    Context *ctx;
    Arena *arena;
    IrModule *m;
    PtrMap *names; /* of functions: Atoms already given */
    Loc loc;       /* of the operator being applied */
} Deriver;

/* The derivative of f by the parameters wrt[] (indices into f->params, in the order of the
 * brackets); the new function is appended to the module. `batch` takes the size of the new axis
 * instead and no wrt. */
LowFn *derive_apply(const Deriver *d, DeriveOp op, const LowFn *f, int n_wrt, const int *wrt);
/* Over a new axis of this extent; NULL: of any, a size parameter of that name. */
LowFn *derive_batch(const Deriver *d, const LowFn *f, Atom size_name, const Size *extent);
/* The shape of a tangent: integer leaves are inactive. */
Tree *derive_tangent(Arena *arena, const Tree *shape);

Atom low_atom(Context *ctx, Arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A function name not given before: `base`, or `base_2`, ... */
Atom low_unique_name(Context *ctx, Arena *arena, PtrMap *names, const char *base);
/* Results called `out`, or `out0`, `out1`, ... when there are several. */
void low_name_results(Context *ctx, Arena *arena, LowFn *f, const char *stem);

#endif
