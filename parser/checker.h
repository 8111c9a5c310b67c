/* What the files of the checker share (check*.c). Nobody else includes it.
 *
 * Note [Literal types]
 * Literals, and operations on literals only, have a literal kind until they meet a concrete scalar.
 * check_expr may return such types; every place that keeps a value calls coerce (towards a known
 * type) or settle (i64, real). Both walk down to the literals, so that no literal kind is left in
 * the tree.
 *
 * Note [Computed sizes]
 * A size that stands for a value of the program is a symbol with `computed` set. Where such a size
 * meets another one, the comparison is left to run time: expr->checks, and expr->cast for the type
 * that is seen from there on. Symbols made inside of a body that runs many times or perhaps not
 * (loops, comprehensions, branches, lambdas) must not occur in the type that leaves it: symbols are
 * numbered, so a mark of the next number at the entry tells which they are.
 *
 * Note [Order of checking]
 * Functions are checked callees first, by the names that occur in their bodies (a superset of their
 * calls), so that result types are there when they are inferred, without recursion over the chain
 * of calls. Where a variable named like a function misled the order, a body is checked on demand.
 */
#ifndef BPC_PARSER_CHECKER_H
#define BPC_PARSER_CHECKER_H

#include "parser/check.h"

typedef VEC(Local *) LocalList;

typedef struct Checker {
    Context *ctx;
    Arena *arena;
    PolyTable *polys;
    DiagList *diags;
    AstModule *main;   /* the file that is compiled */
    AstModule *module; /* the file of what is being checked */
    PtrMap sym_locals; /* SizeSym -> the Local whose value it is */
    /* the body being checked */
    FnDecl *fn; /* of a rule: a copy of what it is for; NULL in tests */
    bool in_rule;
    Signature *sig;           /* whose sizes are visible; NULL in tests */
    LocalList scope;          /* innermost last */
    PtrMap innermost;         /* Atom -> Local: the visible variable of a name */
    const BinderList *hidden; /* binders that bounds may not use: for a better message */
    int retrying;     /* loops whose literal initial values are being tried; see check_loops.c */
    int retries_left; /* in the module: what is hopeless is not tried for ever */
    PtrMap exports;   /* Atom -> ExportDecl: the names that C sees */
    int type_nesting;
    int on_demand; /* bodies being checked in the middle of others */
} Checker;

/* ---- check.c ---- */
void check_text_of(Text *text, Checker *c); /* an empty text in the checker's arena */
const char *ty_text(Checker *c, const Ty *ty);
const char *size_text(Checker *c, const Size *size);
ScalarKind real_kind(const Checker *c);
void suggest(Checker *c, Diag *diag,
             const char *name); /* "did you mean" among what is visible as a value */
void suggest_among(Checker *c, Diag *diag, const char *name, int n, const char *const *names);
/* Where none of the names is near, all of them: "its fields are `a`, `b`". */
void suggest_or_list(Checker *c, Diag *diag, const char *name, const char *what, int n,
                     const char *const *names);
bool is_reserved(const char *name);
const Ty *unknown_name(Checker *c, Expr *e); /* check_unknown.c: report, and give the error type */
const Ty *unknown_function(Checker *c, Expr *e); /* of a call */
bool is_function_name(Checker *c, Atom name);    /* of the program, or builtin */

/* ---- check_names.c: declarations visible in c->module ---- */
void declare_names(Checker *c);
FnDecl *find_fn(const Checker *c, Atom name); /* NULL: none */
TypeDecl *find_type(const Checker *c, Atom name);
void join_qualified(Checker *c, Expr *e); /* the field p.f of an import p becomes the name "p.f" */
/* Appends what is visible to names, up to `most`; gives the new n. */
int visible_fns(Checker *c, const char **names, int n, int most);
int visible_types(Checker *c, const char **names, int n, int most);

/* ---- check_generic.c: functions with type parameters ---- */
bool is_template(const FnDecl *fn);
void check_template(Checker *c, FnDecl *fn); /* what can be said without types */
/* What a type parameter of the function being checked stands for; NULL when there is none of that
 * name. */
const Ty *find_type_arg(const Checker *c, Atom name);
void declare_type_args(Checker *c, FnDecl *fn); /* gives fn->type_args sizes of c->sig */
/* The copy of a template for a call, a place of function type, or where nothing is known; NULL
 * after a message. The first args->n arguments that are values have been checked. */
FnDecl *instance_for_args(Checker *c, FnDecl *fn, const ArgList *args, int batches, Loc use);
FnDecl *instance_for_type(Checker *c, FnDecl *fn, const Ty *want, bool is_result, int batches,
                          Loc use);
FnDecl *instance_at_real(Checker *c, FnDecl *fn, Loc use);
/* The template at the bottom of a derivative, whose copy is to be put into name->as.name.fn; NULL:
 * none. Its parameters come first among those of the derivative, with `batches` more leading axes.
 */
FnDecl *template_under(Checker *c, const Expr *derivative, Expr **name, int *batches);
void check_instances(Checker *c, int *done); /* bodies; of those from *done on */
void check_unused_templates(Checker *c);

/* ---- check_scope.c: variables ---- */
Local *scope_add(Checker *c, LocalKind kind, Name name, const Ty *ty, const Size *size);
Local *scope_find(Checker *c, Atom name);
int scope_mark(const Checker *c);
void scope_leave(Checker *c, int mark);
SizeParam *find_size_param(Checker *c, Atom name);
uint32_t size_mark(const Checker *c); /* see Note [Computed sizes] */
bool size_is_since(const Size *size, uint32_t mark);
/* Reports a size in ty that was made since mark; true when there is none. */
bool check_escape(Checker *c, const Expr *e, uint32_t mark, const char *where);

/* ---- check_types.c: types as written, sizes, comparison ---- */
typedef enum SizeScope { SIZES_signature, SIZES_result, SIZES_body } SizeScope;
const Ty *resolve_type(Checker *c, TypeExpr *type, SizeScope scope);
void declare_type(Checker *c, TypeDecl *decl);
const Ty *instantiate_type(Checker *c, TypeDecl *decl, int n, const Size *const *sizes);
/* The polynomial of an i64 expression that was checked; an opaque one gets a symbol (e->binds). */
const Size *expr_as_size(Checker *c, Expr *e);
void mark_size_used(Checker *c, const Size *size);
bool size_is_computed(const Size *size);
typedef enum Agreement { AGREE_equal, AGREE_at_run_time, AGREE_no } Agreement;
Agreement sizes_agree(Checker *c, const Size *a, const Size *b);
/* Sees e as of type `to`, which has its shape; adds run-time checks where sizes differ. False when
 * they cannot agree: then *a and *b (where not NULL) are the sizes, or NULL when the types differ
 * otherwise. */
bool cast_to(Checker *c, Expr *e, const Ty *to, const Size **a, const Size **b);
bool types_match(Checker *c, const Ty *from, const Ty *to, const Size **a, const Size **b);
/* coerce, then cast_to, with a message: "the argument `x` has type A, expected B". */
bool expect_type(Checker *c, Expr *e, const Ty *to, const char *what, Loc reason,
                 const char *reason_text);
void add_size_origins(Checker *c, Diag *diag, const Size *a, const Size *b);
void report_sizes(Checker *c, Loc loc, const Size *a, const Size *b, const char *what);
const Ty *array_of(Checker *c, Loc loc, int rank, const Size *const *dims, const Ty *elem);

/* ---- check_literals.c ---- */
bool is_literal_type(const Ty *ty);
void settle(Checker *c, Expr *e);
void coerce(Checker *c, Expr *e, const Ty *to); /* as far as it goes */
void set_literal(Checker *c, Expr *e, ScalarKind kind);

/* ---- check_expr.c ---- */
const Ty *check_expr(Checker *c, Expr *e);  /* may be of a literal kind */
const Ty *check_value(Checker *c, Expr *e); /* settled */
bool check_i64(Checker *c, Expr *e, const char *what);
bool check_bool(Checker *c, Expr *e, const char *what);
/* The type of an elementwise operation of n operands, which are cast to agree; NULL after a
 * message. */
const Ty *combine(Checker *c, Loc loc, const char *op, int n, Expr *const *operands);
const Ty *check_binary(Checker *c, Expr *e);
const Ty *check_unary(Checker *c, Expr *e);
const Ty *check_transpose(Checker *c, Expr *e);
const Ty *fail(Expr *e);         /* sets and gives the error type */
bool numbers_only(const Ty *ty); /* every leaf is a number */

/* ---- check_loops.c ---- */
const Ty *check_comp(Checker *c, Expr *e);
const Ty *check_reduce(Checker *c, Expr *e);
const Ty *check_reduce_all(Checker *c, Expr *e, ReduceKind kind); /* sum(x) */
const Ty *check_scatter(Checker *c, Expr *e);
const Ty *check_loop(Checker *c, Expr *e);

/* ---- check_index.c ---- */
const Ty *check_index(Checker *c, Expr *e);
const Ty *check_field(Checker *c, Expr *e);
const Ty *check_with(Checker *c, Expr *e);

/* ---- check_solve.c ---- */
typedef struct Solve {
    Checker *c;
    const Signature *sig;
    const Size **values; /* one a size of the signature; NULL: not known yet */
    Loc *from;           /* the argument that fixed it */
} Solve;
/* The signature to solve for: over sizes that are not those of the body, where it shares any. */
const Signature *sizes_apart(Checker *c, const Signature *sig);
void solve_init(Solve *s, Checker *c, const Signature *sig);
/* Lets the type of an argument fix sizes of the parameter's type. */
void solve_type(Solve *s, const Ty *param, const Ty *arg, Loc loc);
const Ty *solve_subst(Solve *s, const Ty *ty,
                      Loc loc); /* with what is known; the error type after a message */
bool solve_has_unknown(Solve *s, const Ty *ty);
bool solve_finish(Solve *s, Loc loc); /* false after a message: a size is not fixed */

/* ---- check_fnargs.c ---- */
bool check_fn_arg(Checker *c, Solve *s, Expr *e, const Ty *param);
Signature *lambda_signature(Checker *c,
                            Expr *e); /* under a derivative operator; NULL after a message */
/* For `grad(|x| e)(a)`: types the lambda from the arguments; false when they have errors. */
bool give_lambda_types(Checker *c, Expr *call);

/* ---- check_calls.c ---- */
const Ty *check_call(Checker *c, Expr *e);
Signature *fn_signature(Checker *c, FnDecl *fn, Loc use); /* NULL after a message */
Signature *ty_signature(Checker *c, const Ty *fn);
const Ty *check_builtin(Checker *c, Expr *e); /* check_builtins.c */
/* How many leading arguments of the call of a builtin are literals when its result is one. */
int builtin_literal_args(const Expr *call);

/* ---- check_derive.c ---- */
Signature *check_derivative(Checker *c, Expr *e, bool exported); /* NULL after a message */
Signature *callable_signature(Checker *c, Expr *fn, bool exported);
void check_rule(Checker *c, Rule *rule);
void check_instance_rule(Checker *c, FnDecl *fn); /* of a copy, by the rule of its template */

/* ---- check_decls.c ---- */
void declare_signature(Checker *c, FnDecl *fn);
void check_body(Checker *c, FnDecl *fn);
void check_export(Checker *c, ExportDecl *e);
void check_test(Checker *c, Test *test);

#endif
