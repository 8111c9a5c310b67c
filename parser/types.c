/* Semantic types: construction, comparison, substitution of sizes, printing.
 *
 * Invariants as in parser/types.h. Called by the checker and by lowering. Must not report: callers
 * know where. */
#include "parser/types.h"
#include "parser/ast.h"

#include <assert.h>

const char *sk_name(ScalarKind kind) {
    static const char *const names[] = {
        "bool", "i32", "i64", "f32", "f64", "integer literal", "float literal"};
    return names[kind];
}

const Ty *ty_scalar(ScalarKind kind) {
#define ROW(k) [k] = {.kind = TY_scalar, .scalar = k, .depth = 1, .leaves = 1}
    static const Ty scalars[] = {ROW(SK_bool),         ROW(SK_i32), ROW(SK_i64),
                                 ROW(SK_f32),          ROW(SK_f64), ROW(SK_int_literal),
                                 ROW(SK_float_literal)};
#undef ROW
    return &scalars[kind];
}

const Ty *ty_error(void) {
    static const Ty error = {.kind = TY_error, .depth = 1, .leaves = 1};
    return &error;
}

static Ty *ty_new(Arena *arena, TyKind kind) {
    Ty *ty = ARENA_NEW(arena, Ty);
    ty->kind = kind;
    ty->depth = 1;
    return ty;
}

/* Adds a component to the measures of ty, without ever overflowing them. */
static void measure(Ty *ty, const Ty *part) {
    if (part->depth >= ty->depth) {
        ty->depth = part->depth + 1;
    }
    ty->leaves += part->leaves;
    if (ty->leaves > 2 * TY_MAX_LEAVES) {
        ty->leaves = 2 * TY_MAX_LEAVES;
    }
}

const Ty *ty_array(Arena *arena, int rank, const Size *const *dims, const Ty *elem) {
    int inner = elem->kind == TY_array ? elem->rank : 0;
    if (rank + inner == 0) {
        return elem;
    }
    if (rank + inner > TY_MAX_RANK) {
        return NULL;
    }
    Ty *ty = ty_new(arena, TY_array);
    const Size **all = ARENA_ARRAY(arena, rank + inner, const Size *);
    for (int i = 0; i < rank; i++) {
        all[i] = dims[i];
    }
    for (int i = 0; i < inner; i++) {
        all[rank + i] = elem->dims[i];
    }
    ty->dims = all;
    ty->rank = rank + inner;
    ty->elem = inner ? elem->elem : elem;
    measure(ty, ty->elem);
    return ty;
}

static void set_parts(Arena *arena, Ty *ty, int n, const Ty *const *parts, const Atom *names) {
    const Ty **copy = ARENA_ARRAY(arena, n, const Ty *);
    Atom *name_copy = names ? ARENA_ARRAY(arena, n, Atom) : NULL;
    for (int i = 0; i < n; i++) {
        copy[i] = parts[i];
        measure(ty, parts[i]);
        if (names) {
            name_copy[i] = names[i];
        }
    }
    ty->n = n;
    ty->parts = copy;
    ty->names = name_copy;
}

const Ty *ty_tuple(Arena *arena, int n, const Ty *const *parts) {
    Ty *ty = ty_new(arena, TY_tuple);
    set_parts(arena, ty, n, parts, NULL);
    return ty;
}

const Ty *ty_record(Arena *arena, int n, const Ty *const *parts, const Atom *names) {
    Ty *ty = ty_new(arena, TY_record);
    set_parts(arena, ty, n, parts, names);
    return ty;
}

const Ty *ty_named_record(Arena *arena, struct TypeDecl *decl, int n_args, const Size *const *args,
                          int n, const Ty *const *parts, const Atom *names) {
    Ty *ty = ty_new(arena, TY_record);
    set_parts(arena, ty, n, parts, names);
    const Size **copy = ARENA_ARRAY(arena, n_args, const Size *);
    for (int i = 0; i < n_args; i++) {
        copy[i] = args[i];
    }
    ty->decl = decl;
    ty->args = copy;
    ty->n_args = n_args;
    return ty;
}

const Ty *ty_fn(Arena *arena, int n, const Ty *const *params, const Ty *result) {
    Ty *ty = ty_new(arena, TY_fn);
    set_parts(arena, ty, n, params, NULL);
    ty->result = result;
    measure(ty, result);
    return ty;
}

const Ty *ty_drop_axes(Arena *arena, const Ty *array, int n) {
    if (n == 0) {
        return array;
    }
    assert(array->kind == TY_array && n <= array->rank);
    return ty_array(arena, array->rank - n, array->dims + n, array->elem);
}

/* ---- rebuilding: one walk serves substitution of sizes and change of scalars ---- */

typedef struct Rewrite {
    Arena *arena;
    const Size *(*size)(void *user, const Size *size); /* NULL: keep */
    void *user;
    int scalar; /* -1: keep */
} Rewrite;

static const Ty *rewrite(const Rewrite *how, const Ty *ty);

static const Size *const *rewrite_sizes(const Rewrite *how, int n, const Size *const *sizes) {
    if (!how->size || n == 0) {
        return sizes;
    }
    const Size **out = ARENA_ARRAY(how->arena, n, const Size *);
    for (int i = 0; i < n; i++) {
        out[i] = how->size(how->user, sizes[i]);
        if (!out[i]) {
            return NULL;
        }
    }
    return out;
}

static const Ty *rewrite_parts(const Rewrite *how, const Ty *ty) {
    const Ty **parts = ARENA_ARRAY(how->arena, ty->n, const Ty *);
    for (int i = 0; i < ty->n; i++) {
        parts[i] = rewrite(how, ty->parts[i]);
        if (!parts[i]) {
            return NULL;
        }
    }
    if (ty->kind == TY_tuple) {
        return ty_tuple(how->arena, ty->n, parts);
    }
    if (ty->kind == TY_fn) {
        const Ty *result = rewrite(how, ty->result);
        return result ? ty_fn(how->arena, ty->n, parts, result) : NULL;
    }
    if (!ty->decl) {
        return ty_record(how->arena, ty->n, parts, ty->names);
    }
    const Size *const *args = rewrite_sizes(how, ty->n_args, ty->args);
    if (ty->n_args > 0 && !args) {
        return NULL;
    }
    return ty_named_record(how->arena, ty->decl, ty->n_args, args, ty->n, parts, ty->names);
}

static const Ty *rewrite(const Rewrite *how, const Ty *ty) {
    switch (ty->kind) {
    case TY_error:
        return ty;
    case TY_scalar:
        return how->scalar >= 0 ? ty_scalar((ScalarKind)how->scalar) : ty;
    case TY_array: {
        const Size *const *dims = rewrite_sizes(how, ty->rank, ty->dims);
        const Ty *elem = rewrite(how, ty->elem);
        return dims && elem ? ty_array(how->arena, ty->rank, dims, elem) : NULL;
    }
    case TY_tuple:
    case TY_record:
    case TY_fn:
        return rewrite_parts(how, ty);
    }
    return ty;
}

const Ty *ty_with_scalar(Arena *arena, const Ty *ty, ScalarKind kind) {
    return rewrite(&(Rewrite){arena, NULL, NULL, (int)kind}, ty);
}

typedef struct Subst {
    PolyTable *polys;
    const Size *(*lookup)(void *user, SizeSym *sym);
    void *user;
} Subst;

static const Size *subst_size(void *user, const Size *size) {
    const Subst *subst = user;
    return size_subst(subst->polys, size, subst->lookup, subst->user);
}

const Ty *ty_subst(Context *ctx, const Ty *ty, const Size *(*lookup)(void *user, SizeSym *sym),
                   void *user) {
    Subst subst = {&ctx->polys, lookup, user};
    return rewrite(&(Rewrite){&ctx->arena, subst_size, &subst, -1}, ty);
}

/* ---- questions ---- */

static bool same_sizes(int n, const Size *const *a, const Size *const *b) {
    for (int i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

bool ty_equal(const Ty *a, const Ty *b) {
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->n != b->n || (a->decl && b->decl && a->decl != b->decl)) {
        return false;
    }
    if (a->kind == TY_scalar) {
        return a->scalar == b->scalar;
    }
    if (a->kind == TY_array) {
        return a->rank == b->rank && same_sizes(a->rank, a->dims, b->dims) &&
               ty_equal(a->elem, b->elem);
    }
    for (int i = 0; i < a->n; i++) {
        if ((a->names && a->names[i] != b->names[i]) || !ty_equal(a->parts[i], b->parts[i])) {
            return false;
        }
    }
    return a->kind != TY_fn || ty_equal(a->result, b->result);
}

bool ty_is(const Ty *ty, ScalarKind kind) {
    return ty->kind == TY_scalar && ty->scalar == kind;
}

int ty_scalar_kind(const Ty *ty) {
    if (ty->kind == TY_array) {
        ty = ty->elem;
    }
    return ty->kind == TY_scalar ? (int)ty->scalar : -1;
}

bool ty_has_float(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return sk_is_float(ty->scalar);
    }
    if (ty->kind == TY_array) {
        return ty_has_float(ty->elem);
    }
    if (ty->kind == TY_fn) {
        return false;
    }
    for (int i = 0; i < ty->n; i++) {
        if (ty_has_float(ty->parts[i])) {
            return true;
        }
    }
    return false;
}

bool ty_all_floats(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return sk_is_float(ty->scalar);
    }
    if (ty->kind == TY_array) {
        return ty_all_floats(ty->elem);
    }
    bool all = ty->kind == TY_tuple || ty->kind == TY_record;
    for (int i = 0; all && i < ty->n; i++) {
        all = ty_all_floats(ty->parts[i]);
    }
    return all;
}

int ty_float_kind(const Ty *ty) {
    if (ty->kind == TY_scalar) {
        return sk_is_float(ty->scalar) ? (int)ty->scalar : -1;
    }
    if (ty->kind == TY_array) {
        return ty_float_kind(ty->elem);
    }
    int kind = -1;
    for (int i = 0; ty->kind != TY_fn && i < ty->n; i++) {
        int part = ty_float_kind(ty->parts[i]);
        if (part == -2 || (part >= 0 && kind >= 0 && part != kind)) {
            return -2;
        }
        kind = part >= 0 ? part : kind;
    }
    return kind;
}

bool ty_has_error(const Ty *ty) {
    if (ty->kind == TY_error) {
        return true;
    }
    if (ty->kind == TY_array) {
        return ty_has_error(ty->elem);
    }
    for (int i = 0; i < ty->n; i++) {
        if (ty_has_error(ty->parts[i])) {
            return true;
        }
    }
    return ty->kind == TY_fn && ty_has_error(ty->result);
}

const Size *ty_float_count(Context *ctx, const Ty *ty) {
    PolyTable *polys = &ctx->polys;
    if (ty->kind == TY_array) {
        const Size *count = ty_float_count(ctx, ty->elem);
        for (int i = 0; i < ty->rank; i++) {
            count = size_mul(polys, count, ty->dims[i]);
        }
        return count;
    }
    if (ty->kind == TY_tuple || ty->kind == TY_record) {
        const Size *count = size_const(polys, 0);
        for (int i = 0; i < ty->n; i++) {
            count = size_add(polys, count, ty_float_count(ctx, ty->parts[i]));
        }
        return count;
    }
    return size_const(polys, ty_has_float(ty) ? 1 : 0);
}

/* ---- printing ---- */

static void print_sizes(Text *out, int n, const Size *const *sizes) {
    text_puts(out, "[");
    for (int i = 0; i < n; i++) {
        text_puts(out, i ? "," : "");
        size_print(out, sizes[i]);
    }
    text_puts(out, "]");
}

static void print_parts(Text *out, const Ty *ty, const char *open, const char *close) {
    text_puts(out, open);
    for (int i = 0; i < ty->n; i++) {
        text_printf(out, "%s%s%s", i ? ", " : "", ty->names ? ty->names[i] : "",
                    ty->names ? ": " : "");
        ty_print(out, ty->parts[i]);
    }
    text_puts(out, close);
}

void ty_print(Text *out, const Ty *ty) {
    switch (ty->kind) {
    case TY_error:
        text_puts(out, "?");
        break;
    case TY_scalar:
        text_puts(out, sk_name(ty->scalar));
        break;
    case TY_array:
        print_sizes(out, ty->rank, ty->dims);
        ty_print(out, ty->elem);
        break;
    case TY_tuple:
        print_parts(out, ty, "(", ")");
        break;
    case TY_record:
        if (ty->decl) {
            text_puts(out, ty->decl->name.atom);
            if (ty->n_args > 0) {
                print_sizes(out, ty->n_args, ty->args);
            }
        } else {
            print_parts(out, ty, "{", "}");
        }
        break;
    case TY_fn:
        print_parts(out, ty, "fn(", ") -> ");
        ty_print(out, ty->result);
        break;
    }
}
