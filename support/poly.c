/* Size polynomials: normalised sums of terms, hash-consed so that equal sizes are one pointer.
 *
 * Invariants of a Size: terms ordered by falling degree, then by symbol ids; no two with the same
 * symbols; no coefficient 0. Arithmetic builds a list of terms, normalises it and interns it;
 * overflow of a coefficient or of the number of terms gives NULL. Called by checker, IR and passes.
 * Must not look at values: a symbol computed at run time is a symbol like any other. */
#include "support/poly.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TERMS = 256, MOST_DEGREE = 32 };

/* Terms under construction; on the stack of one operation. */
typedef struct Draft {
    SizeTerm terms[MOST_TERMS];
    int n;
    bool overflow;
} Draft;

void polys_init(PolyTable *table, Arena *arena) {
    *table = (PolyTable){.arena = arena, .next_sym = 1};
}

SizeSym *sizesym_new(PolyTable *table, Atom name, Loc loc) {
    SizeSym *sym = ARENA_NEW(table->arena, SizeSym);
    sym->name = name;
    sym->loc = loc;
    sym->id = table->next_sym++;
    return sym;
}

static int compare_syms(const SizeTerm *a, const SizeTerm *b) {
    if (a->degree != b->degree) {
        return b->degree - a->degree; /* highest degree first */
    }
    for (int i = 0; i < a->degree; i++) {
        if (a->syms[i]->id != b->syms[i]->id) {
            return a->syms[i]->id < b->syms[i]->id ? -1 : 1;
        }
    }
    return 0;
}

static int compare_terms(const void *a, const void *b) {
    return compare_syms(a, b);
}

static void draft_add(Draft *draft, SizeTerm term) {
    if (draft->n == MOST_TERMS) {
        draft->overflow = true;
    } else {
        draft->terms[draft->n++] = term;
    }
}

static void draft_normalise(Draft *draft) {
    if (draft->n > 1) {
        qsort(draft->terms, (size_t)draft->n, sizeof draft->terms[0], compare_terms);
    }
    int kept = 0;
    for (int i = 0; i < draft->n; i++) {
        if (kept > 0 && compare_syms(&draft->terms[kept - 1], &draft->terms[i]) == 0) {
            draft->overflow |= __builtin_add_overflow(
                draft->terms[kept - 1].coef, draft->terms[i].coef, &draft->terms[kept - 1].coef);
        } else {
            draft->terms[kept++] = draft->terms[i];
        }
        if (draft->terms[kept - 1].coef == 0 &&
            (i + 1 == draft->n ||
             compare_syms(&draft->terms[kept - 1], &draft->terms[i + 1]) != 0)) {
            kept--;
        }
    }
    draft->n = kept;
}

/* ---- interning ---- */

static uint32_t mix(uint32_t h, uint64_t x) {
    for (int i = 0; i < 8; i++) {
        h = (h ^ (uint32_t)(x & 0xff)) * 16777619u;
        x >>= 8;
    }
    return h;
}

static uint32_t draft_hash(const Draft *draft) {
    uint32_t h = 2166136261u;
    for (int i = 0; i < draft->n; i++) {
        h = mix(h, (uint64_t)draft->terms[i].coef);
        for (int j = 0; j < draft->terms[i].degree; j++) {
            h = mix(h, draft->terms[i].syms[j]->id);
        }
    }
    return h;
}

static bool same_terms(const Size *size, const Draft *draft) {
    if (size->n != draft->n) {
        return false;
    }
    for (int i = 0; i < draft->n; i++) {
        if (size->terms[i].coef != draft->terms[i].coef ||
            compare_syms(&size->terms[i], &draft->terms[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void table_grow(PolyTable *table) {
    const Size **old = table->slots;
    uint32_t old_cap = table->cap;
    table->cap = old_cap ? 2 * old_cap : 64;
    table->slots = ARENA_ARRAY(table->arena, table->cap, const Size *);
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i]) {
            uint32_t slot = old[i]->hash & (table->cap - 1);
            while (table->slots[slot]) {
                slot = (slot + 1) & (table->cap - 1);
            }
            table->slots[slot] = old[i];
        }
    }
}

static const Size *draft_intern(PolyTable *table, Draft *draft) {
    draft_normalise(draft);
    if (draft->overflow) {
        return NULL;
    }
    if (2 * (table->n + 1) > table->cap) {
        table_grow(table);
    }
    uint32_t hash = draft_hash(draft);
    uint32_t slot = hash & (table->cap - 1);
    while (table->slots[slot]) {
        if (table->slots[slot]->hash == hash && same_terms(table->slots[slot], draft)) {
            return table->slots[slot];
        }
        slot = (slot + 1) & (table->cap - 1);
    }
    Size *size = ARENA_NEW(table->arena, Size);
    SizeTerm *terms = ARENA_ARRAY(table->arena, draft->n, SizeTerm);
    for (int i = 0; i < draft->n; i++) {
        terms[i] = draft->terms[i];
    }
    size->n = draft->n;
    size->terms = terms;
    size->hash = hash;
    table->slots[slot] = size;
    table->n++;
    return size;
}

/* ---- arithmetic ---- */

const Size *size_const(PolyTable *table, int64_t value) {
    Draft draft;
    draft.n = 0;
    draft.overflow = false;
    draft_add(&draft, (SizeTerm){value, 0, NULL});
    return draft_intern(table, &draft);
}

const Size *size_sym(PolyTable *table, SizeSym *sym) {
    Draft draft;
    draft.n = 0;
    draft.overflow = false;
    SizeSym **syms = ARENA_ARRAY(table->arena, 1, SizeSym *);
    syms[0] = sym;
    draft_add(&draft, (SizeTerm){1, 1, syms});
    return draft_intern(table, &draft);
}

/* a + factor*b */
static const Size *add_scaled(PolyTable *table, const Size *a, const Size *b, int64_t factor) {
    if (!a || !b) {
        return NULL;
    }
    Draft draft;
    draft.n = 0;
    draft.overflow = false;
    for (int i = 0; i < a->n; i++) {
        draft_add(&draft, a->terms[i]);
    }
    for (int i = 0; i < b->n; i++) {
        SizeTerm term = b->terms[i];
        draft.overflow |= __builtin_mul_overflow(term.coef, factor, &term.coef);
        draft_add(&draft, term);
    }
    return draft_intern(table, &draft);
}

const Size *size_add(PolyTable *table, const Size *a, const Size *b) {
    return add_scaled(table, a, b, 1);
}

const Size *size_sub(PolyTable *table, const Size *a, const Size *b) {
    return add_scaled(table, a, b, -1);
}

/* The product of two terms: both symbol lists are sorted, so this is a merge. */
static void draft_add_product(PolyTable *table, Draft *draft, const SizeTerm *a,
                              const SizeTerm *b) {
    SizeTerm term = {0, a->degree + b->degree, NULL};
    draft->overflow |= __builtin_mul_overflow(a->coef, b->coef, &term.coef);
    if (term.degree > MOST_DEGREE) {
        draft->overflow = true;
        return;
    }
    SizeSym **syms = ARENA_ARRAY(table->arena, term.degree, SizeSym *);
    int i = 0, j = 0;
    for (int k = 0; k < term.degree; k++) {
        bool from_a = j == b->degree || (i < a->degree && a->syms[i]->id <= b->syms[j]->id);
        syms[k] = from_a ? a->syms[i++] : b->syms[j++];
    }
    term.syms = syms;
    draft_add(draft, term);
}

const Size *size_mul(PolyTable *table, const Size *a, const Size *b) {
    if (!a || !b) {
        return NULL;
    }
    Draft draft;
    draft.n = 0;
    draft.overflow = false;
    for (int i = 0; i < a->n; i++) {
        for (int j = 0; j < b->n && !draft.overflow; j++) {
            draft_add_product(table, &draft, &a->terms[i], &b->terms[j]);
        }
        draft_normalise(&draft);
    }
    return draft_intern(table, &draft);
}

bool size_is_const(const Size *size, int64_t *value) {
    if (size->n == 0) {
        *value = 0;
        return true;
    }
    if (size->n == 1 && size->terms[0].degree == 0) {
        *value = size->terms[0].coef;
        return true;
    }
    return false;
}

double size_guess(const Size *size, double each) {
    double sum = 0;
    for (int t = 0; t < size->n; t++) {
        double term = (double)size->terms[t].coef;
        for (int k = 0; k < size->terms[t].degree; k++) {
            term *= each;
        }
        sum += term;
    }
    return sum;
}

SizeSym *size_is_sym(const Size *size) {
    if (size->n == 1 && size->terms[0].degree == 1 && size->terms[0].coef == 1) {
        return size->terms[0].syms[0];
    }
    return NULL;
}

bool size_at_least(PolyTable *table, const Size *a, const Size *b) {
    const Size *difference = size_sub(table, a, b);
    if (!difference) {
        return false;
    }
    for (int i = 0; i < difference->n; i++) {
        const SizeTerm *term = &difference->terms[i];
        bool any_sign = term->coef < 0;
        for (int k = 0; k < term->degree; k++) {
            any_sign = any_sign || term->syms[k]->any_sign;
        }
        if (any_sign) {
            return false;
        }
    }
    return true;
}

const Size *size_subst(PolyTable *table, const Size *size,
                       const Size *(*lookup)(void *user, SizeSym *sym), void *user) {
    const Size *sum = size_const(table, 0);
    for (int i = 0; i < size->n && sum; i++) {
        const Size *product = size_const(table, size->terms[i].coef);
        for (int j = 0; j < size->terms[i].degree && product; j++) {
            SizeSym *sym = size->terms[i].syms[j];
            const Size *with = lookup(user, sym);
            product = size_mul(table, product, with ? with : size_sym(table, sym));
        }
        sum = size_add(table, sum, product);
    }
    return sum;
}

/* The one term of size in which sym occurs, once; NULL where there is none, or are more. */
static const SizeTerm *only_term(const Size *size, const SizeSym *sym) {
    const SizeTerm *where = NULL;
    int count = 0;
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (size->terms[i].syms[j] == sym) {
                count++;
                where = &size->terms[i];
            }
        }
    }
    return count == 1 ? where : NULL;
}

/* The term without the factors of another; false where those do not all occur in it. */
static bool divide_term(PolyTable *table, const SizeTerm *a, const SizeTerm *b,
                        const Size **quotient) {
    if (a->coef % b->coef != 0 || (a->coef == INT64_MIN && b->coef == -1)) {
        return false;
    }
    *quotient = size_const(table, a->coef / b->coef);
    int k = 0; /* both lists of factors are sorted */
    for (int j = 0; j < a->degree; j++) {
        if (k < b->degree && a->syms[j] == b->syms[k]) {
            k++;
        } else {
            *quotient = size_mul(table, *quotient, size_sym(table, a->syms[j]));
        }
    }
    return k == b->degree;
}

/* -size/term; NULL where a remainder is left. */
static const Size *divide_negated(PolyTable *table, const Size *size, const SizeTerm *term) {
    const Size *sum = size_const(table, 0), *quotient;
    for (int i = 0; i < size->n && sum; i++) {
        if (!divide_term(table, &size->terms[i], term, &quotient)) {
            return NULL;
        }
        sum = size_sub(table, sum, quotient);
    }
    return sum;
}

/* difference == 0, solved for the symbol at `which` of one of its terms: the other factors of the
 * term are what the rest is divided by. */
static const Size *solve_term(PolyTable *table, const Size *difference, const SizeTerm *term,
                              int which) {
    SizeSym **others = ARENA_ARRAY(table->arena, term->degree, SizeSym *);
    int n = 0;
    for (int j = 0; j < term->degree; j++) {
        if (j != which) {
            others[n++] = term->syms[j];
        }
    }
    SizeTerm divisor = {.coef = term->coef, .degree = n, .syms = others};
    SizeTerm *rest = ARENA_ARRAY(table->arena, difference->n, SizeTerm);
    Size remaining = {.terms = rest};
    for (int i = 0; i < difference->n; i++) {
        if (&difference->terms[i] != term) {
            rest[remaining.n++] = difference->terms[i];
        }
    }
    return divide_negated(table, &remaining, &divisor);
}

SizeSym *size_solve(PolyTable *table, const Size *a, const Size *b,
                    bool (*bindable)(void *user, SizeSym *sym), void *user, const Size **solution) {
    const Size *difference = size_sub(table, a, b);
    for (int i = 0; difference && i < difference->n; i++) {
        const SizeTerm *term = &difference->terms[i];
        int which = -1, n_bindable = 0;
        for (int j = 0; j < term->degree; j++) {
            if (bindable(user, term->syms[j])) {
                which = j;
                n_bindable++;
            }
        }
        if (n_bindable != 1 || only_term(difference, term->syms[which]) != term) {
            continue;
        }
        *solution = solve_term(table, difference, term, which);
        if (*solution) {
            return term->syms[which];
        }
    }
    return NULL;
}

static void print_term(Text *out, const SizeTerm *term, bool first) {
    int64_t coef = term->coef;
    if (coef < 0) {
        text_puts(out, first ? "-" : " - ");
    } else if (!first) {
        text_puts(out, " + ");
    }
    uint64_t magnitude = coef < 0 ? 0 - (uint64_t)coef : (uint64_t)coef;
    if (magnitude != 1 || term->degree == 0) {
        text_printf(out, "%" PRIu64, magnitude);
        text_puts(out, term->degree ? "*" : "");
    }
    for (int i = 0; i < term->degree; i++) {
        text_printf(out, "%s%s", i ? "*" : "", term->syms[i]->name);
    }
}

void size_print(Text *out, const Size *size) {
    if (size->n == 0) {
        text_puts(out, "0");
    }
    for (int i = 0; i < size->n; i++) {
        print_term(out, &size->terms[i], i == 0);
    }
}

bool size_mentions(const Size *size, const SizeSym *sym) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (size->terms[i].syms[j] == sym) {
                return true;
            }
        }
    }
    return false;
}
