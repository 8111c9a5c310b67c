/* Size polynomials: normal form, solving, substitution, printing, overflow. */
#include "support/context.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static Context ctx;
static PolyTable *t;

static const char *text(const Size *size) {
    Text out;
    text_init(&out, &ctx.arena);
    size_print(&out, size);
    return out.data;
}

static SizeSym *sym(const char *name) {
    return sizesym_new(t, atom_of(&ctx.atoms, name), (Loc){0, 0});
}

static bool any(void *user, SizeSym *s) {
    (void)user;
    (void)s;
    return true;
}

static const Size *to_three(void *user, SizeSym *s) {
    return s == user ? size_const(t, 3) : NULL;
}

static void normal_form(const Size *n, const Size *d) {
    const Size *one = size_const(t, 1);
    assert(size_add(t, n, one) == size_add(t, one, n));
    assert(size_mul(t, n, d) == size_mul(t, d, n));
    assert(size_sub(t, size_add(t, n, d), d) == n);
    const Size *square = size_mul(t, size_add(t, n, one), size_sub(t, n, one));
    assert(strcmp(text(square), "n*n - 1") == 0);
    assert(strcmp(text(size_mul(t, size_const(t, -2), n)), "-2*n") == 0);
    assert(strcmp(text(size_sub(t, n, n)), "0") == 0);
    assert(size_is_sym(n) && !size_is_sym(square));
}

static void solving(SizeSym *n_sym, const Size *n, const Size *d) {
    const Size *one = size_const(t, 1), *solution;
    /* n + 1 == d*d gives n, because d is not linear */
    assert(size_solve(t, size_add(t, n, one), size_mul(t, d, d), any, NULL, &solution) == n_sym);
    assert(strcmp(text(solution), "d*d - 1") == 0);
    assert(!size_solve(t, size_mul(t, n, n), one, any, NULL, &solution));
    assert(!size_solve(t, size_mul(t, size_const(t, 2), n), one, any, NULL, &solution));
}

static bool other_than(void *user, SizeSym *s) {
    return s != user;
}

/* What a coefficient, or a known size, multiplies is solved where nothing remains. */
static void solving_products(SizeSym *n_sym, const Size *n, SizeSym *d_sym, const Size *d) {
    const Size *one = size_const(t, 1), *two = size_const(t, 2), *solution;
    const Size *odd = size_add(t, size_mul(t, two, n), one), *nd = size_mul(t, n, d);
    assert(size_solve(t, odd, size_const(t, 5), any, NULL, &solution) == n_sym);
    assert(strcmp(text(solution), "2") == 0);
    assert(!size_solve(t, odd, size_const(t, 4), any, NULL, &solution));
    assert(size_solve(t, odd, size_sub(t, one, size_mul(t, two, d)), other_than, d_sym,
                      &solution) == n_sym);
    assert(strcmp(text(solution), "-d") == 0);
    const Size *six = size_mul(t, size_const(t, 6), size_mul(t, d, d));
    assert(size_solve(t, nd, six, other_than, d_sym, &solution) == n_sym);
    assert(strcmp(text(solution), "6*d") == 0);
    assert(!size_solve(t, nd, size_const(t, 0), any, NULL, &solution)); /* either may be zero */
    assert(!size_solve(t, nd, size_add(t, six, one), other_than, d_sym, &solution));
    assert(!size_solve(t, size_add(t, nd, n), six, other_than, d_sym, &solution));
    assert(!size_solve(t, size_mul(t, n, n), size_const(t, 4), any, NULL, &solution));
}

static void overflow(const Size *n) {
    const Size *big = size_const(t, INT64_MAX);
    assert(!size_add(t, big, size_const(t, 1)));
    assert(!size_mul(t, size_mul(t, big, n), size_const(t, 2)));
    assert(!size_add(t, NULL, n));
    const Size *power = n;
    for (int i = 0; i < 100 && power; i++) {
        power = size_mul(t, power, n);
    }
    assert(!power);
}

int main(void) {
    context_init(&ctx, NULL);
    t = &ctx.polys;
    SizeSym *n_sym = sym("n"), *d_sym = sym("d"), *other = sym("n");
    const Size *n = size_sym(t, n_sym), *d = size_sym(t, d_sym);
    assert(n != size_sym(t, other)); /* a name is no identity */
    normal_form(n, d);
    solving(n_sym, n, d);
    solving_products(n_sym, n, d_sym, d);
    overflow(n);
    assert(size_at_least(t, size_add(t, n, d), n) && !size_at_least(t, n, d));
    int64_t value;
    assert(size_is_const(size_subst(t, size_mul(t, n, n), to_three, n_sym), &value) && value == 9);
    assert(size_mentions(size_mul(t, n, d), d_sym) && !size_mentions(n, d_sym));
    context_free(&ctx);
    return 0;
}
