/* Sizes: integer polynomials in size symbols, normalised and hash-consed, so that equality is ==.
 *
 * A symbol is a name with an identity: two functions' `n` are two symbols. A Size is a sum of terms
 * coef * sym * sym * ..., the symbols of a term sorted by id, the terms sorted, no zero
 * coefficients. Overflow of a coefficient makes the operation return NULL; callers report it. */
#ifndef BPC_SUPPORT_POLY_H
#define BPC_SUPPORT_POLY_H

#include "support/source.h"

typedef struct SizeSym {
    Atom name;
    uint32_t id;   /* unique in the table, in order of creation */
    Loc loc;       /* where it was introduced */
    void *value;   /* the IR value (i64) that defines it at run time; NULL for a parameter of a
                      function */
    bool computed; /* stands for a value of the program: equality with it is checked at run time */
    bool any_sign; /* may be negative, as long as the sizes of what is reached are not */
} SizeSym;

typedef struct SizeTerm {
    int64_t coef;
    int degree;
    SizeSym *const *syms; /* sorted by id; degree of them */
} SizeTerm;

typedef struct Size {
    int n; /* terms; 0 is the constant 0 */
    const SizeTerm *terms;
    uint32_t hash;
} Size;

typedef struct PolyTable {
    Arena *arena;
    const Size **slots;
    uint32_t cap, n, next_sym;
} PolyTable;

void polys_init(PolyTable *table, Arena *arena);
SizeSym *sizesym_new(PolyTable *table, Atom name, Loc loc);
const Size *size_const(PolyTable *table, int64_t value);
const Size *size_sym(PolyTable *table, SizeSym *sym);
const Size *size_add(PolyTable *table, const Size *a,
                     const Size *b); /* NULL on overflow, as below */
const Size *size_sub(PolyTable *table, const Size *a, const Size *b);
const Size *size_mul(PolyTable *table, const Size *a, const Size *b);
bool size_is_const(const Size *size, int64_t *value);
SizeSym *size_is_sym(const Size *size); /* the symbol when size is exactly one, else NULL */
double size_guess(const Size *size, double each); /* what it is where every symbol is `each` */
/* True when a >= b for all values of the symbols: every coefficient of a-b is >= 0, and no symbol
 * of a-b can be negative. */
bool size_at_least(PolyTable *table, const Size *a, const Size *b);
/* Replaces symbols: lookup returns the replacement or NULL to keep. NULL on overflow. */
const Size *size_subst(PolyTable *table, const Size *size,
                       const Size *(*lookup)(void *user, SizeSym *sym), void *user);
/* Solves a == b for a symbol for which `bindable` holds, which occurs in one term of a-b, with
 * known factors by which the rest can be divided: returns the symbol and sets *solution; NULL when
 * there is none. 2*n + 1 == 5 gives n = 2; n*m == 6*m gives n = 6 where m is not bindable. */
SizeSym *size_solve(PolyTable *table, const Size *a, const Size *b,
                    bool (*bindable)(void *user, SizeSym *sym), void *user, const Size **solution);
void size_print(Text *out, const Size *size); /* as bp source, highest degree first: d*d - d + 1 */
bool size_mentions(const Size *size, const SizeSym *sym);

#endif
