/* Indexing, fields, and copies with one part replaced. Part of the checker. */
#include "parser/checker.h"
#include "parser/habits.h"

#include <string.h>

static Local *lone_binder(const Expr *at) {
    if (at->kind == E_name && at->as.name.kind == NAME_local && at->as.name.local->binder) {
        return at->as.name.local;
    }
    return NULL;
}

/* Binders without a bound: the first axis decides, the others agree. */
static bool infer_binder(Checker *c, Expr *at, const Size *dim, Expr *array, int axis) {
    Binder *binder = lone_binder(at)->binder;
    if (!binder->extent) {
        binder->extent = dim;
        binder->extent_from = at->loc;
        mark_size_used(c, dim);
        return true;
    }
    Agreement agreement = sizes_agree(c, dim, binder->extent);
    if (agreement == AGREE_equal) {
        return true;
    }
    if (agreement == AGREE_at_run_time && array) {
        const Ty *ty = expr_type(array);
        const Size *dims[TY_MAX_RANK];
        memcpy(dims, ty->dims, sizeof dims[0] * (size_t)ty->rank);
        dims[axis] = binder->extent;
        return cast_to(c, array, ty_array(c->arena, ty->rank, dims, ty->elem), NULL, NULL);
    }
    Diag *diag = diag_error(c->diags, DIAG_size_mismatch, at->loc,
                            "`%s` runs over `%s`, but this axis has size `%s`", binder->name.atom,
                            size_text(c, binder->extent), size_text(c, dim));
    diag_label(c->diags, diag, binder->extent_from, "`%s` takes its extent here",
               binder->name.atom);
    diag_hint(c->diags, diag, "give it a bound: `for %s < ...`", binder->name.atom);
    return false;
}

/* Largest and smallest value of an index polynomial: binders are replaced by the ends of their
 * ranges, which is exact where every binder occurs linearly with one sign. */
typedef struct Ends {
    Checker *c;
    const Size *at;
    bool largest, known;
} Ends;

static int64_t coefficient(const Size *size, const SizeSym *sym, bool *linear) {
    int64_t coef = 0;
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (size->terms[i].syms[j] == sym) {
                *linear = *linear && size->terms[i].degree == 1;
                coef = size->terms[i].coef;
            }
        }
    }
    return coef;
}

static const Size *end_of_binder(void *user, SizeSym *sym) {
    Ends *ends = user;
    Checker *c = ends->c;
    const Local *local = ptrmap_get(&c->sym_locals, sym);
    if (!local || !local->binder) {
        return NULL;
    }
    bool linear = true;
    int64_t coef = coefficient(ends->at, sym, &linear);
    const Binder *binder = local->binder;
    if (!linear || !binder->extent || (binder->lo && !binder->lo->size)) {
        ends->known = false;
        return NULL;
    }
    const Size *lo = binder->lo ? binder->lo->size : size_const(c->polys, 0);
    if ((coef > 0) == ends->largest) {
        return size_add(c->polys, lo, size_sub(c->polys, binder->extent, size_const(c->polys, 1)));
    }
    return lo;
}

/* Bounds may use earlier binders, so the ends are taken again until no binder is left. */
static const Size *end_of(Checker *c, const Size *at, bool largest) {
    for (int round = 0; round < 4; round++) {
        Ends ends = {c, at, largest, true};
        const Size *next = size_subst(c->polys, at, end_of_binder, &ends);
        if (!next || !ends.known) {
            return NULL;
        }
        if (next == at) {
            return at;
        }
        at = next;
    }
    return NULL;
}

/* a >= b for all values of the size parameters; of a computed size nothing is known, not its sign.
 */
static bool surely_at_least(Checker *c, const Size *a, const Size *b) {
    const Size *rest = size_sub(c->polys, a, b);
    for (int i = 0; rest && i < rest->n; i++) {
        for (int j = 0; j < rest->terms[i].degree; j++) {
            if (rest->terms[i].syms[j]->computed) {
                return false;
            }
        }
    }
    return rest && size_at_least(c->polys, a, b);
}

static bool surely_nonneg(Checker *c, const Size *size) {
    const Size *low = size ? end_of(c, size, false) : NULL;
    return low && surely_at_least(c, low, size_const(c->polys, 0));
}

static bool proved_in_range(Checker *c, const Size *at, const Size *dim) {
    const Size *low = at ? end_of(c, at, false) : NULL;
    const Size *high = low ? end_of(c, at, true) : NULL;
    const Size *past = high ? size_add(c->polys, high, size_const(c->polys, 1)) : NULL;
    return past && surely_at_least(c, low, size_const(c->polys, 0)) &&
           surely_at_least(c, dim, past);
}

/* An index below 0, or `limit` or more behind the axis, for all values of the sizes. */
static bool report_outside(Checker *c, const Expr *at, const Size *dim, int64_t limit) {
    int64_t i = 0, past = -1;
    bool constant = at->size && size_is_const(at->size, &i);
    const Size *behind = at->size ? size_sub(c->polys, at->size, dim) : NULL;
    if (!at->size ||
        ((!constant || i >= 0) && !(behind && size_is_const(behind, &past) && past >= limit))) {
        return false;
    }
    Diag *diag = diag_error(c->diags, DIAG_index_range, at->loc,
                            "the index %s is outside of the axis of size `%s`",
                            size_text(c, at->size), size_text(c, dim));
    diag_hint(c->diags, diag, "indices count from 0; the last one is `len(x) - 1`");
    return true;
}

/* In i + j, one variable is the start of a window that a loop over the other slices: it must be
 * known as a size. */
static void mark_window(Checker *c, const Size *at) {
    int variables = 0;
    bool counts = false;
    for (int t = 0; t < at->n; t++) {
        const SizeTerm *term = &at->terms[t];
        for (int k = 0; k < term->degree; k++) {
            const Local *local = ptrmap_get(&c->sym_locals, term->syms[k]);
            variables += local != NULL;
            counts = counts || (local && local->binder && term->degree == 1 && term->coef == 1);
        }
    }
    if (variables > 1 && counts) {
        mark_size_used(c, at);
    }
}

/* A plain index into an axis of that extent: infers binders, notes what is proved. */
static bool check_at(Checker *c, Expr *at, const Size *dim, Expr *array, int axis, bool *in_range) {
    if (!check_i64(c, at, "the index") || report_outside(c, at, dim, 0)) {
        return false;
    }
    const Local *binder = lone_binder(at);
    if (binder && !binder->binder->hi) {
        *in_range = true;
        return infer_binder(c, at, dim, array, axis);
    }
    *in_range = proved_in_range(c, at->size, dim);
    if (*in_range) {
        mark_window(c, at->size);
    }
    return true;
}

static bool check_range(Checker *c, Index *at, const Size *dim) {
    const Size *lo = size_const(c->polys, 0), *hi = dim;
    if (at->lo) {
        if (!check_i64(c, at->lo, "the start of the range") || report_outside(c, at->lo, dim, 1)) {
            return false;
        }
        lo = expr_as_size(c, at->lo);
    }
    if (at->hi) {
        if (!check_i64(c, at->hi, "the end of the range")) {
            return false;
        }
        hi = expr_as_size(c, at->hi);
    }
    at->extent = size_sub(c->polys, hi, lo);
    if (!at->extent) {
        diag_error(c->diags, DIAG_size_overflow, at->loc, "the size is beyond 64 bits");
        return false;
    }
    at->in_range = surely_nonneg(c, lo) && surely_nonneg(c, size_sub(c->polys, dim, hi)) &&
                   surely_nonneg(c, at->extent);
    int64_t past, extent;
    bool too_far = size_is_const(size_sub(c->polys, hi, dim), &past) && past > 0;
    if (too_far || (size_is_const(at->extent, &extent) && extent < 0)) {
        Diag *diag = diag_error(c->diags, DIAG_index_range, at->loc,
                                "the range is outside of the axis of size `%s`", size_text(c, dim));
        diag_hint(c->diags, diag, "both ends count from 0: all but the last are `x[0:len(x) - 1]`");
        return false;
    }
    return true;
}

/* Checks the indices of array x; writes the axes that are left and returns how many, or -1. */
static int check_indices(Checker *c, Expr *e, Expr *x, IndexList *at, const Size **dims) {
    const Ty *ty = expr_type(x);
    if (ty->kind != TY_array) {
        Diag *diag = diag_error(c->diags, DIAG_not_indexable, e->loc,
                                "a value of type `%s` has no elements", ty_text(c, ty));
        if (ty->kind == TY_tuple) {
            diag_hint(c->diags, diag, "components of a tuple are written `t.0`");
        } else if (e->kind == E_with) {
            diag_hint(c->diags, diag, "`with` binds tighter than operators: `(a*b) with [i] = v`");
        }
        return -1;
    }
    if (at->n > ty->rank) {
        Diag *diag = diag_error(c->diags, DIAG_not_indexable, e->loc, "%d indices for %d ax%s",
                                at->n, ty->rank, ty->rank == 1 ? "is" : "es");
        diag_label(c->diags, diag, x->loc, "this is `%s`", ty_text(c, ty));
        return -1;
    }
    int n = 0;
    for (int i = 0; i < at->n; i++) {
        Index *index = &at->data[i];
        if (index->kind == IX_at) {
            if (!check_at(c, index->at, expr_type(x)->dims[i], x, i, &index->in_range)) {
                return -1;
            }
        } else {
            if (!check_range(c, index, ty->dims[i])) {
                return -1;
            }
            dims[n++] = index->extent;
        }
    }
    for (int i = at->n; i < ty->rank; i++) {
        dims[n++] = ty->dims[i];
    }
    return n;
}

/* An element of an array of float literals is one: `[0.5, 1.0][k]*x` has the width of x. */
const Ty *check_index(Checker *c, Expr *e) {
    Expr *x = e->as.index.x;
    check_expr(c, x);
    if (x->ty->kind != TY_array || ty_scalar_kind(x->ty) != SK_float_literal) {
        settle(c, x);
    }
    if (ty_has_error(x->ty)) {
        return fail(e);
    }
    const Size *dims[TY_MAX_RANK];
    int n = check_indices(c, e, x, &e->as.index.at, dims);
    if (n < 0) {
        return fail(e);
    }
    return e->ty = array_of(c, e->loc, n, dims, expr_type(x)->elem);
}

/* ---- fields ---- */

static int find_field(const Ty *record, Atom name) {
    for (int i = 0; i < record->n; i++) {
        if (record->names[i] == name) {
            return i;
        }
    }
    return -1;
}

/* x.sum(): what are methods elsewhere are functions here. */
static void hint_member(Checker *c, Diag *diag, Atom name) {
    const char *habit = habit_hint(HABIT_MEMBER, name);
    if (habit) {
        diag_hint(c->diags, diag, "%s", habit);
    } else if (is_function_name(c, name)) {
        diag_hint(c->diags, diag,
                  "there are no methods: what stands before the point is an argument of `%s`",
                  name);
    }
}

static int field_number(Checker *c, const Ty *ty, Name name) {
    if (ty->kind != TY_record) {
        Diag *diag = diag_error(c->diags, DIAG_not_a_record, name.loc,
                                "a value of type `%s` has no fields", ty_text(c, ty));
        if (ty->kind == TY_array && ty->elem->kind == TY_record) {
            diag_hint(c->diags, diag, "take one element first: `x[i].%s`", name.atom);
        } else if (ty->kind == TY_tuple && ty->n > 0) {
            diag_hint(c->diags, diag, "components are taken by number, `.0` to `.%d`", ty->n - 1);
        } else {
            hint_member(c, diag, name.atom);
        }
        return -1;
    }
    int i = find_field(ty, name.atom);
    if (i < 0) {
        Diag *diag = diag_error(c->diags, DIAG_unknown_field, name.loc, "`%s` has no field `%s`",
                                ty_text(c, ty), name.atom);
        suggest_or_list(c, diag, name.atom, "its fields are", ty->n, ty->names);
    }
    return i;
}

const Ty *check_field(Checker *c, Expr *e) {
    const Ty *ty = check_value(c, e->as.field.x);
    if (ty_has_error(ty)) {
        return fail(e);
    }
    if (e->as.field.name.atom) {
        int i = field_number(c, ty, e->as.field.name);
        if (i < 0) {
            return fail(e);
        }
        e->as.field.number = i;
        return e->ty = ty->parts[i];
    }
    if (ty->kind != TY_tuple || e->as.field.number >= ty->n) {
        Diag *diag = diag_error(c->diags, DIAG_not_a_record, e->as.field.name.loc,
                                ty->kind == TY_tuple ? "the tuple `%s` has no such component"
                                                     : "a value of type `%s` is no tuple",
                                ty_text(c, ty));
        if (ty->kind == TY_tuple) {
            diag_hint(c->diags, diag, "components are counted from 0");
        } else if (ty->kind == TY_array && ty->elem->kind == TY_tuple) {
            diag_hint(c->diags, diag,
                      "take one element first: `x[i].%d`, or take all apart: `let (a, b) = x;`",
                      e->as.field.number);
        }
        return fail(e);
    }
    return e->ty = ty->parts[e->as.field.number];
}

/* ---- with ---- */

/* `zeros(n) with [0] = v` has the width of v; where both are literals, the whole is one. */
static void settle_with(Checker *c, Expr *x, Expr *value) {
    if (!is_literal_type(x->ty) || x->ty->kind != TY_array) {
        settle(c, x);
    } else if (!is_literal_type(value->ty)) {
        coerce(c, x, value->ty);
    } else if (ty_scalar_kind(value->ty) == SK_float_literal) {
        set_literal(c, x, SK_float_literal);
    } else if (ty_scalar_kind(x->ty) == SK_float_literal) {
        set_literal(c, value, SK_float_literal);
    }
}

const Ty *check_with(Checker *c, Expr *e) {
    Expr *x = e->as.with.x, *value = e->as.with.value;
    check_expr(c, x);
    check_expr(c, value);
    if (ty_has_error(x->ty) || ty_has_error(value->ty)) {
        return fail(e);
    }
    settle_with(c, x, value);
    const Ty *part;
    if (e->as.with.at.n == 0) {
        int i = field_number(c, expr_type(x), e->as.with.field);
        if (i < 0) {
            return fail(e);
        }
        e->as.with.number = i;
        part = expr_type(x)->parts[i];
    } else {
        for (int i = 0; i < e->as.with.at.n; i++) {
            const Index *at = &e->as.with.at.data[i];
            if (at->kind == IX_range) {
                Diag *diag = diag_error(c->diags, DIAG_misplaced, at->loc,
                                        "`with` replaces an element or a row, not a range");
                diag_hint(c->diags, diag, "build the array by a comprehension");
                return fail(e);
            }
        }
        const Size *dims[TY_MAX_RANK];
        int n = check_indices(c, e, x, &e->as.with.at, dims);
        if (n < 0) {
            return fail(e);
        }
        part = array_of(c, e->loc, n, dims, expr_type(x)->elem);
    }
    const Size *a, *b;
    bool both_literal = is_literal_type(part) && types_match(c, value->ty, part, &a, &b);
    if (is_literal_type(part) && !both_literal) {
        settle(c, x);
        part = ty_with_scalar(c->arena, part, (ScalarKind)ty_scalar_kind(expr_type(x)));
    }
    if (!both_literal && !expect_type(c, value, part, "the new value", x->loc, "of this")) {
        return fail(e);
    }
    return e->ty = expr_type(x);
}
