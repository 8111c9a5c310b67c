/* What the passes share among themselves. */
#ifndef BPC_PASSES_INTERNAL_H
#define BPC_PASSES_INTERNAL_H

#include "passes/passes.h"

/* One pass: rebuilds every function of the module, in place. False when it queued diagnostics. */
typedef bool (*PassRun)(IrModule *m);

bool pass_derive(IrModule *m);
bool pass_expand(IrModule *m);
bool pass_outline(IrModule *m);
bool pass_simplify(IrModule *m);
bool pass_dce(IrModule *m);
bool pass_scalarize(IrModule *m);
bool pass_unfold(IrModule *m);
bool pass_loops(IrModule *m);
bool pass_dots(IrModule *m);
bool pass_fuse(IrModule *m);
bool pass_covered(IrModule *m);
bool pass_lift(IrModule *m);
bool pass_reassociate(IrModule *m);
bool pass_precompute(IrModule *m);
bool pass_sums(IrModule *m);
bool pass_branches(IrModule *m);
bool pass_reciprocals(IrModule *m);
bool pass_states(IrModule *m);
bool pass_linear(IrModule *m);
bool pass_stacks(IrModule *m);
bool pass_chunks(IrModule *m);
bool pass_tables(IrModule *m);
bool pass_shifts(IrModule *m);
bool pass_exported(IrModule *m);

/* ---- derivatives (derive.c) ---- */
/* Resolves these functions and what they need; in a second round calls of what has a rule, too. */
bool derive_funcs(IrModule *m, int rounds, Func *const *funcs, int n);

/* ---- activity (activity.c) ---- */
/* The float values of f's body that depend on the chosen parameters (indices into the body's
 * params): keys of `active`. */
void activity_find(const Region *body, int n_wrt, const int *wrt, PtrMap *active);
/* Marks the float values that depend on what is marked or on a result of what `starts` names. */
void activity_flow(const Region *body, bool (*starts)(const Inst *inst), PtrMap *active);
/* The float values that the wanted yields depend on through float operations: keys of `useful`. */
void useful_find(const Region *body, const bool *yield_wanted, PtrMap *useful);
/* The float values that an operand depends on which `starts` chooses: starts(user, inst, k). */
typedef bool (*StartsAt)(const void *user, const Inst *inst, int k);
void useful_flow(const Region *body, StartsAt starts, const void *user, PtrMap *useful);

/* ---- derivative transforms (vjp.c, jvp.c) ---- */
/* A function whose jvp rule is being transposed, and around that other ones. */
typedef struct Transposed {
    const Func *func;
    const struct Transposed *around;
} Transposed;

typedef struct DeriveError {
    const Func *func; /* what cannot be differentiated */
    Loc loc;
    const char *why;
    const Transposed *within; /* while there is none: what is being transposed */
} DeriveError;

/* Whether the tangents or cotangents that a derivative starts from may be 0 by structure. */
typedef enum SeedKind {
    SEEDS_solid,      /* no */
    SEEDS_faint,      /* each may be, all at a time */
    SEEDS_wild,       /* likewise, or infinite, and so may the arguments: of a rule */
    SEEDS_basis,      /* all elements are but one, each in its turn */
    SEEDS_chosen = 4, /* besides one of these: a condition chooses so */
} SeedKind;
SeedKind seeds_kind(IrModule *m, int n, Value *const *seeds); /* NULL: zero (seeds.c) */

/* Emits f's body and its reverse sweep at b. results[] receives the primal results; adjoints[] one
 * a wrt parameter (never NULL: zeros where nothing flows). cotangents[]: one a float result, NULL
 * for zero. f must hold no vjp, jvp or call of a function without a rule. results is NULL for a
 * rule that is transposed. False: *error says why. */
bool vjp_expand(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt,
                Value *const *args, Value *const *cotangents, SeedKind kind, Value **results,
                Value **adjoints, DeriveError *error);
/* Likewise forward: tangents[] one a wrt parameter (NULL for zero); result_tangents[] one a float
 * result (never NULL). */
bool jvp_expand(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt,
                Value *const *args, Value *const *tangents, SeedKind kind, Value **results,
                Value **result_tangents, DeriveError *error);

/* The rule, whose parameters from `first` on are tangents or cotangents of that kind. Where they
 * are wild, its products with them are 0 where they are; those of arrays only where a condition
 * chooses (strong_rule.c). */
Func *rule_for(IrModule *m, Func *rule, int first, SeedKind kind);

/* f, or, where f is inner, a copy of it as it is inlined at loc. */
Func *func_placed(IrModule *m, Func *f, Loc loc);

/* ---- passes on one function ---- */
bool has_segments(const Region *region);     /* holds a loop marked CHECK_every */
void split_segments(IrModule *m, Func *f);   /* rewrites those into two loops (checkpoint.c) */
void simplify_func(IrModule *m, Func *f);    /* rounds of simplify until it stops shrinking */
void stacks_func(IrModule *m, Func *f);      /* rows written in turn become stacks */
void reassociate_func(IrModule *m, Func *f); /* products of three in the cheaper order */
void lift_func(IrModule *m, Func *f);        /* lift, then simplify */

/* ---- sums in the loop form (loops.c) ---- */
/* acc + x (or - x), where acc is the whole acc and x has its trailing shape below the k indices in
 * `where`. */
Value *add_to_acc(IrBuilder *b, Value *acc, Value *x, Value *const *where, int k, bool negate);
/* a with v added from row lo on. */
Value *add_rows(IrBuilder *b, Value *a, Value *v, Value *lo);

/* ---- calls (call_path.c) ---- */
typedef struct CallPlace {
    const Func *from, *to;
    Loc loc;
    struct CallPlace *next; /* another call of `to` */
} CallPlace;
typedef struct CallList {
    PtrMap of; /* Func* -> CallPlace*: the calls of it */
} CallList;
CallList calls_list(const IrModule *m, Arena *arena);
/* How `from` comes to call `to`, as text; NULL where it does so itself, or does not. */
const char *calls_path(const IrModule *m, const CallList *calls, const Func *from, const Func *to);

/* ---- origins (origin.c) ---- */
/* Of what differentiating an instruction of `func` with the origin `of` gives; NULL unless the
 * module is watched. */
const Origin *origin_derived(IrModule *m, bool adjoint, const Func *func, const Origin *of);
/* Of what stands in a rule, used in place of what has the origin `derived` (or NULL). */
const Origin *origin_in_rule(IrModule *m, const Origin *derived);

/* ---- rebuilding (rebuild.c) ---- */
static inline Value *zeros_of(IrBuilder *b, const Type *type) {
    return ir_const(b, type, 0.0);
}
static inline bool value_is_float(const Value *v) {
    return type_is_float(v->type);
}
/* Whether it is a constant within a constant extent. */
bool index_is_known(const Value *index, const Size *extent);
/* True when the index operands of index/add_at/update are in range whenever the instruction is
 * reached, without a check: constants within constant extents, or indices of enclosing loops of
 * that very extent. */
bool index_is_safe(const Inst *inst);
/* True when evaluating inst early or not at all cannot be observed. */
bool inst_is_pure(const Inst *inst);
/* Calls v `of` with the suffix behind, for who reads the result (x_adj, x_tan): unless v has a name
 * or is a constant. */
void name_after(IrModule *m, Value *v, Atom of, const char *suffix);
/* v stands for what was called `name`: it takes the name over, unless it has one, or is a constant
 * or a parameter. */
static inline void name_keep(IrModule *m, Value *v, Atom name) {
    if (v->inst)
        name_after(m, v, name, "");
}
/* v's name; of an element of an array with a name at constants: x_0, x_1_2. NULL: it has none. */
Atom name_of_element(IrModule *m, const Value *v);
/* Parts of a loop's operand, parameter and result lists. */
static inline int loop_results(const Inst *l) {
    return l->attr.loop.n_carry + l->attr.loop.n_acc + l->attr.loop.n_stack;
}

/* The einsum of x and y in which 0 times inf or NaN is 0: one like any other where all elements of
 * it are finite, else loops over mul0 (unfold.c). */
Value *strong_contract(IrBuilder *b, const char *spec, Value *x, Value *y);

#endif
