/* Reading arguments and printing results of `bpc-opt --eval`.
 *
 * An argument is read against the type of its parameter: its rank says how deep lists are nested.
 * Extents are taken from the first list at each depth, and sizes that stand alone in a type from
 * these. Called by bpc_opt_main.c only. */
#include "driver/eval_args.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = -1 };

typedef struct ArgReader {
    Arena *arena;
    const char *next;
    Datum *d;
    VEC(double) floats;
    VEC(int64_t) integers;
    const char *error;
} ArgReader;

static bool fail(ArgReader *r, const char *message) {
    r->error = message;
    return false;
}

static char skip_space(ArgReader *r) {
    while (*r->next == ' ' || *r->next == '\n' || *r->next == '\t') {
        r->next++;
    }
    return *r->next;
}

static bool accept_word(ArgReader *r, const char *word) {
    size_t n = strlen(word);
    bool found = strncmp(r->next, word, n) == 0;
    r->next += found ? n : 0;
    return found;
}

static bool read_scalar(ArgReader *r) {
    char *end = NULL;
    skip_space(r);
    if (type_is_float(r->d->type)) {
        double num = strtod(r->next, &end);
        num = r->d->type->elem == S_f32 ? (double)(float)num : num;
        vec_push(r->arena, &r->floats, num);
    } else {
        int64_t num = 0;
        if (accept_word(r, "true") || accept_word(r, "false")) {
            num = r->next[-2] == 'u';
            end = (char *)(uintptr_t)r->next;
            r->next--;
        } else {
            num = strtoll(r->next, &end, 10);
        }
        vec_push(r->arena, &r->integers, num);
    }
    if (end == r->next) {
        return fail(r, "a number is needed");
    }
    r->next = end;
    return true;
}

static bool read_level(ArgReader *r, int axis) {
    if (axis == r->d->type->rank) {
        return read_scalar(r);
    }
    if (skip_space(r) != '[') {
        return fail(r, "an array is written [a, b, ...], one pair of brackets an axis");
    }
    r->next++;
    int64_t n = 0;
    while (skip_space(r) != ']') {
        if ((n > 0 && *r->next++ != ',') || !read_level(r, axis + 1)) {
            return r->error ? false : fail(r, "',' or ']' is needed");
        }
        n++;
    }
    r->next++;
    if (r->d->dims[axis] != UNKNOWN && r->d->dims[axis] != n) {
        return fail(r, "the rows of an array have one length");
    }
    r->d->dims[axis] = n;
    return true;
}

static bool read_arg(Arena *arena, const Type *type, const char *text, Datum **arg,
                     const char **error) {
    Datum *d = ARENA_NEW(arena, Datum);
    ArgReader r = {.arena = arena, .next = text, .d = d};
    d->type = type;
    for (int axis = 0; axis < type->rank; axis++) {
        d->dims[axis] = UNKNOWN;
    }
    bool ok =
        read_level(&r, 0) && (skip_space(&r) == '\0' || fail(&r, "something follows the value"));
    if (!ok) {
        *error = arena_printf(arena, "argument '%s': %s", text, r.error);
        return false;
    }
    d->f = r.floats.data ? r.floats.data : ARENA_NEW(arena, double);
    d->i = r.integers.data ? r.integers.data : ARENA_NEW(arena, int64_t);
    d->count = type_is_float(type) ? r.floats.n : r.integers.n;
    *arg = d;
    return true;
}

/* ---- sizes ---- */

static int size_index(const Func *f, const SizeSym *sym) {
    for (int i = 0; i < f->sizes.n; i++) {
        if (f->sizes.data[i] == sym) {
            return i;
        }
    }
    return -1;
}

static void learn_sizes(const Func *f, const Datum *arg, int64_t *sizes) {
    for (int axis = 0; axis < arg->type->rank; axis++) {
        const SizeSym *sym = size_is_sym(arg->type->dims[axis]);
        int i = sym ? size_index(f, sym) : -1;
        if (i >= 0 && sizes[i] < 0 && arg->dims[axis] != UNKNOWN) {
            sizes[i] = arg->dims[axis];
        }
    }
}

/* Inner axes of an empty array have no lists: their extents are the sizes', or zero. */
static void complete(const Func *f, Datum *arg, const int64_t *sizes) {
    for (int axis = 0; axis < arg->type->rank; axis++) {
        if (arg->dims[axis] == UNKNOWN) {
            const SizeSym *sym = size_is_sym(arg->type->dims[axis]);
            int i = sym ? size_index(f, sym) : -1;
            int64_t extent = 0;
            if (i >= 0) {
                extent = sizes[i] > 0 ? sizes[i] : 0;
            } else {
                size_is_const(arg->type->dims[axis], &extent);
            }
            arg->dims[axis] = extent;
        }
    }
}

bool eval_args_read(Arena *arena, const Func *f, const Export *export, const char *const *texts,
                    int n, int64_t *sizes, Datum **args, const char **error) {
    const Region *body = f->body;
    if (n != body->params.n) {
        *error =
            arena_printf(arena, "the function takes %d arguments, here are %d", body->params.n, n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (!read_arg(arena, body->params.data[i]->type, texts[i], &args[i], error)) {
            return false;
        }
        learn_sizes(f, args[i], sizes);
    }
    for (int i = 0; i < f->sizes.n; i++) {
        if (sizes[i] < 0 && export && export_size_from(export, i) >= 0) {
            sizes[i] = args[export_size_from(export, i)]->i[0];
        }
        if (sizes[i] < 0) {
            *error = arena_printf(
                arena, "the size '%s' does not follow from the arguments: give --sizes %s=...",
                f->sizes.data[i]->name, f->sizes.data[i]->name);
            return false;
        }
    }
    for (int i = 0; i < n; i++) {
        complete(f, args[i], sizes);
    }
    return true;
}

/* ---- results ---- */

static void print_element(Text *out, const Datum *d, int64_t at) {
    if (type_is_float(d->type)) {
        ir_print_number(out, d->type->elem, d->f[at]);
    } else if (d->type->elem == S_bool) {
        text_puts(out, d->i[at] ? "true" : "false");
    } else {
        text_printf(out, "%" PRId64, d->i[at]);
    }
}

static int64_t print_level(Text *out, const Datum *d, int axis, int64_t at) {
    if (axis == d->type->rank) {
        print_element(out, d, at);
        return at + 1;
    }
    text_puts(out, "[");
    for (int64_t i = 0; i < d->dims[axis]; i++) {
        text_puts(out, i > 0 ? ", " : "");
        at = print_level(out, d, axis + 1, at);
    }
    text_puts(out, "]");
    return at;
}

void eval_result_print(Text *out, const Datum *d) {
    print_level(out, d, 0, 0);
}
