/* Where a derivative may be multiplied by what is not its business; see zeros.c. */
#ifndef BPC_PASSES_ZEROS_H
#define BPC_PASSES_ZEROS_H

#include "passes/internal.h"

/* Sets of float values of the body that is differentiated. */
typedef struct Zeros {
    bool narrow;          /* only what a condition chooses makes zeros */
    PtrMap poles;         /* may be inf or NaN though the parameters are not */
    PtrMap zeros;         /* may be 0 by structure */
    PtrMap faint;         /* the tangent or the adjoint may be 0 by structure */
    PtrMap steep;         /* the tangent or the adjoint may be infinite */
    PtrMap links;         /* rules of the functions called -> Links* */
    struct Zeros *chosen; /* narrow; NULL: no product of arrays asks for it */
} Zeros;

/* The tangents of the parameters wrt; NULL where there is none. */
typedef struct Seeds {
    SeedKind kind;
    int n;
    const int *wrt;
    Value *const *given;
} Seeds;

void zeros_of_tangents(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                       const Seeds *seeds);
/* wanted: of each result, whether it has a cotangent. */
void zeros_of_adjoints(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                       const PtrMap *useful, const bool *wanted, SeedKind kind);

/* Whether v, a value of what is emitted so far, may be 0 by structure: a basis vector, an element
 * of one, a constant; narrow: only because a condition chooses so. */
bool zero_by_structure(Arena *arena, const Value *v, bool narrow);

/* Whether a derivative that is 0 by structure may meet an infinite partial derivative, or the other
 * way round, in the product that leads through operand k of inst. `of` has the derivative: the
 * operand where that is a tangent, the result where it is an adjoint. */
bool zero_meets_pole(const Zeros *z, const Value *of, const Inst *inst, int k);
bool pole_meets_zero(const Zeros *z, const Value *of, const Inst *inst, int k);

/* The same of an einsum, whose strong form costs more: only zeros that a condition chose count. */
bool einsum_is_risky(const Zeros *z, const Value *of, const Inst *einsum, int k);

/* ---- between the files of the analysis ---- */

/* Of more vectors of a basis than these, any derivative may be 0 in the turn of some. */
enum { MOST_TURNS = 16 };

/* Whether the partial derivative by operand k may be inf or NaN, or 0 by structure. */
bool partial_has_pole(const Zeros *z, const Inst *inst, int k);
bool partial_has_zero(const Zeros *z, const Inst *inst, int k);
/* The operations whose result does not move with operand k for some operands. */
bool op_chooses(Op op);
bool makes_zeros(const Zeros *z, Op op); /* of those, the ones that count for this analysis */
bool loop_may_not_run(const Inst *loop);
/* Whether the strong form of some einsum in the body is a question: `adjoint` says which of its
 * values has the derivative. */
bool asks_for_chosen(const Zeros *z, const Region *body, const PtrMap *varied, bool adjoint);
Zeros *new_narrow(Arena *arena);
SeedKind kind_for(const Zeros *z, SeedKind kind); /* what this analysis makes of it */
/* The same of its rule for this mode. */
bool call_may_choose(const Zeros *z, const Inst *call, bool adjoint);
/* Whether, whatever the values are, the rule for this mode adds the derivative of one of operand k
 * and result r, times a factor, to that of the other. */
bool call_passes(const Zeros *z, const Inst *call, int k, int r, bool adjoint);
/* Poles and zeros; wild: the parameters may be infinite. */
void zeros_of_values(Zeros *z, Arena *arena, const Region *body, bool wild);

/* A set of elements of a small array. */
typedef uintptr_t Elements;
Elements every_element(const Type *type); /* none: it is not known, or not small */
/* What an instruction reads or adds to of its first operand, where the indices (operands from `at`
 * on) are numbers; else nothing. */
Elements known_part(const Inst *inst, int at);

#endif
