/* Semantic types of bp, as the checker finds them and lowering reads them.
 *
 * Invariants: a Ty never changes once built; types are compared by ty_equal, not by pointer; the
 * element of an array is a scalar, a record or a tuple, never an array (an array of arrays is an
 * array of higher rank); dims are normalised sizes. After checking, no type in the AST holds
 * SK_int_literal or SK_float_literal. */
#ifndef BPC_PARSER_TYPES_H
#define BPC_PARSER_TYPES_H

#include "support/context.h"

/* In the order of the IR's scalars. The two literal kinds exist during checking only. */
typedef enum ScalarKind {
    SK_bool,
    SK_i32,
    SK_i64,
    SK_f32,
    SK_f64,
    SK_int_literal,   /* becomes what stands beside it, else i64 */
    SK_float_literal, /* becomes the float that stands beside it, else real */
} ScalarKind;

typedef enum TyKind { TY_error, TY_scalar, TY_array, TY_tuple, TY_record, TY_fn } TyKind;

/* Types deeper than this, or with more leaves, are refused by the checker: tuples of tuples grow by
 * doubling. */
enum { TY_MAX_RANK = 8, TY_MAX_DEPTH = 200, TY_MAX_LEAVES = 4096 };

typedef struct Ty Ty;
struct TypeDecl;

struct Ty {
    TyKind kind;
    int depth, leaves; /* saturated a little above the limits */
    ScalarKind scalar; /* TY_scalar */
    /* TY_array */
    const Ty *elem;
    int rank; /* 1 .. TY_MAX_RANK */
    const Size *const *dims;
    /* TY_tuple: components. TY_record: fields, with names. TY_fn: parameters. */
    int n;
    const Ty *const *parts;
    const Atom *names;
    /* TY_record with a name: its declaration and size arguments; NULL for an anonymous one. The
     * types in `parts` have the arguments already put in. */
    struct TypeDecl *decl;
    const Size *const *args;
    int n_args;
    /* TY_fn */
    const Ty *result;
};

static inline bool sk_is_float(ScalarKind k) {
    return k == SK_f32 || k == SK_f64 || k == SK_float_literal;
}
static inline bool sk_is_int(ScalarKind k) {
    return k == SK_i32 || k == SK_i64 || k == SK_int_literal;
}
const char *sk_name(ScalarKind kind); /* as written in a program; "integer literal" for literals */

const Ty *ty_scalar(ScalarKind kind); /* a static constant */
const Ty *ty_error(void);
/* Of any element type: of an array, the axes are put in front of its own. NULL above TY_MAX_RANK.
 */
const Ty *ty_array(Arena *arena, int rank, const Size *const *dims, const Ty *elem);
const Ty *ty_tuple(Arena *arena, int n, const Ty *const *parts);
const Ty *ty_record(Arena *arena, int n, const Ty *const *parts, const Atom *names);
const Ty *ty_named_record(Arena *arena, struct TypeDecl *decl, int n_args, const Size *const *args,
                          int n, const Ty *const *parts, const Atom *names);
const Ty *ty_fn(Arena *arena, int n, const Ty *const *params, const Ty *result);
const Ty *ty_drop_axes(Arena *arena, const Ty *array, int n); /* without n leading axes */
/* With every scalar of the type replaced by `kind` (shape kept). */
const Ty *ty_with_scalar(Arena *arena, const Ty *ty, ScalarKind kind);
const Ty *ty_subst(Context *ctx, const Ty *ty, const Size *(*lookup)(void *user, SizeSym *sym),
                   void *user); /* NULL on overflow of a size */
bool ty_equal(const Ty *a, const Ty *b);
bool ty_is(const Ty *ty, ScalarKind kind); /* a scalar of that kind */
/* The scalar of a scalar or of an array of scalars; -1 for others. */
int ty_scalar_kind(const Ty *ty);
bool ty_has_float(const Ty *ty);  /* a float leaf: differentiable */
bool ty_all_floats(const Ty *ty); /* every leaf is a float */
int ty_float_kind(const Ty *ty);  /* of all float leaves; -1: there are none, -2: f32 and f64 */
bool ty_has_error(const Ty *ty);
/* Number of float scalars in all leaves; NULL on overflow. */
const Size *ty_float_count(Context *ctx, const Ty *ty);
void ty_print(Text *out, const Ty *ty); /* as bp source */

#endif
