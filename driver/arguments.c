/* Binding arguments to parameters. See driver/arguments.h.
 *
 * Sizes are not asked for where extents give them: an extent that is a polynomial with one unknown,
 * which stands in it linearly, is solved for that one, again and again until nothing new is learnt.
 * Then every extent is compared. */
#include "driver/arguments.h"

#include "driver/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct Binding {
    Context *ctx;
    Arena *arena;
    const Callable *f;
    Array **inputs;
    int64_t *sizes;
    const char **size_from; /* what gave each size: a path, or --size */
} Binding;

#define COMPLAIN(b, ...) diag_error(&(b)->ctx->diags, DIAG_run_argument, (Loc){0, 0}, __VA_ARGS__)

/* ---- names ---- */

static int find_leaf(const LeafList *leaves, const char *name) {
    for (int i = 0; i < leaves->n; i++)
        if (strcmp(leaves->data[i].path, name) == 0)
            return i;
    return -1;
}

static int find_size(const Callable *f, const char *name) {
    for (int i = 0; i < f->sizes.n; i++)
        if (strcmp(f->sizes.data[i]->name, name) == 0)
            return i;
    return -1;
}

/* "p.W, p.b": the leaves below a name; NULL when there are none. */
static const char *fields_of(Binding *b, const char *name) {
    Text text;
    text_init(&text, b->arena);
    size_t n = strlen(name);
    for (int i = 0; i < b->f->inputs.n; i++) {
        const char *path = b->f->inputs.data[i].path;
        if (strncmp(path, name, n) == 0 && path[n] == '.')
            text_printf(&text, "%s%s", text.n > 0 ? ", " : "", path);
    }
    return text.data;
}

static void suggest_leaf(Binding *b, Diag *diag, const char *name) {
    int n = b->f->inputs.n;
    const char **names = ARENA_ARRAY(b->arena, n + 1, const char *);
    for (int i = 0; i < n; i++)
        names[i] = b->f->inputs.data[i].path;
    const char *near = nearest_name(name, names, n);
    if (near)
        diag_hint(&b->ctx->diags, diag, "did you mean `%s`?", near);
}

static void unknown_parameter(Binding *b, const char *name) {
    const char *fields = fields_of(b, name);
    if (fields) {
        COMPLAIN(b, "`%s` is a record or a tuple: give its parts %s", name, fields);
        return;
    }
    Diag *diag = COMPLAIN(b, "`%s` has no parameter `%s`", b->f->name, name);
    if (find_size(b->f, name) >= 0)
        diag_hint(&b->ctx->diags, diag, "it is a size: --size %s=...", name);
    else
        suggest_leaf(b, diag, name);
}

/* Splits NAME=VALUE. False after a message. */
static bool split(Binding *b, const char *option, const char *text, const char **name,
                  const char **value) {
    const char *equal = strchr(text, '=');
    if (!equal || equal == text) {
        COMPLAIN(b, "%s takes NAME=VALUE, not '%s'", option, text);
        return false;
    }
    *name = arena_strdup(b->arena, text, (size_t)(equal - text));
    *value = equal + 1;
    return true;
}

/* ---- sizes that are given ---- */

static bool read_size(Binding *b, const char *text) {
    const char *name, *value;
    if (!split(b, "--size", text, &name, &value))
        return false;
    int k = find_size(b->f, name);
    if (k < 0) {
        Diag *diag = COMPLAIN(b, "`%s` has no size `%s`", b->f->name, name);
        const char **names = ARENA_ARRAY(b->arena, b->f->sizes.n + 1, const char *);
        for (int i = 0; i < b->f->sizes.n; i++)
            names[i] = b->f->sizes.data[i]->name;
        const char *near = nearest_name(name, names, b->f->sizes.n);
        if (near)
            diag_hint(&b->ctx->diags, diag, "did you mean `%s`?", near);
        return false;
    }
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end || errno == ERANGE || number < 0) {
        COMPLAIN(b, "the size `%s` is a non-negative integer, not '%s'", name, value);
        return false;
    }
    if (b->size_from[k]) {
        COMPLAIN(b, "the size `%s` is given twice", name);
        return false;
    }
    b->sizes[k] = number;
    b->size_from[k] = "--size";
    return true;
}

/* ---- values ---- */

/* The text becomes a source of the context, so that the message shows the place in it. */
static void complain_of_text(Binding *b, const char *name, const char *text, size_t size,
                             size_t offset, const ArrayError *error) {
    Context *ctx = b->ctx;
    Source *source = error->length > 0 ? source_add(&ctx->sources, name, text, size) : NULL;
    uint32_t base = source ? source->base + (uint32_t)offset : 0;
    Loc loc = {0, 0};
    if (source)
        loc = (Loc){base + (uint32_t)error->at, base + (uint32_t)(error->at + error->length)};
    Diag *diag = source ? diag_error(&ctx->diags, DIAG_run_argument, loc, "%s", error->text)
                        : COMPLAIN(b, "%s: %s", name, error->text);
    if (source && error->other_text)
        diag_label(&ctx->diags, diag,
                   (Loc){base + (uint32_t)error->other,
                         base + (uint32_t)(error->other + error->other_length)},
                   "%s", error->other_text);
    if (error->hint)
        diag_hint(&ctx->diags, diag, "%s", error->hint);
}

static Array *read_file(Binding *b, const char *path) {
    ArrayError error = {0};
    const char *unread = NULL;
    char *bytes = NULL;
    size_t size = 0, n = strlen(path);
    if (!file_read(b->arena, path, &bytes, &size, &unread)) {
        diag_error(&b->ctx->diags, DIAG_file_read, (Loc){0, 0}, "cannot read %s: %s", path, unread);
        return NULL;
    }
    bool named_npy = n > 4 && strcmp(path + n - 4, ".npy") == 0;
    Array *a = named_npy || array_is_npy(bytes, size)
                   ? array_read_npy(b->arena, bytes, size, &error)
                   : array_read_csv(b->arena, bytes, size, &error);
    if (!a)
        complain_of_text(b, path, bytes, size, 0, &error);
    return a;
}

/* `@FILE` or a literal; `whole` is NAME=VALUE. */
static Array *read_value(Binding *b, const char *whole, const char *value) {
    if (value[0] == '@')
        return read_file(b, value + 1);
    ArrayError error = {0};
    Array *a = array_read_literal(b->arena, value, &error);
    if (!a)
        complain_of_text(b, "--arg", whole, strlen(whole), (size_t)(value - whole), &error);
    return a;
}

static const char *type_text(Binding *b, const Type *type) {
    Text text;
    text_init(&text, b->arena);
    for (int axis = 0; axis < type->rank; axis++) {
        text_puts(&text, axis == 0 ? "[" : ", ");
        size_print(&text, type->dims[axis]);
    }
    text_printf(&text, "%s%s", type->rank > 0 ? "]" : "", scalar_name(type->elem));
    return text.data;
}

static const char *shape_text(Binding *b, const Array *a) {
    Text text;
    text_init(&text, b->arena);
    text_puts(&text, a->rank > 0 ? "of shape " : "");
    array_print_shape(&text, a);
    return text.data;
}

/* Tables stand for vectors and numbers, [] for any empty array (its other extents are learnt later:
 * -1). */
static bool adapt_rank(Array *a, int rank) {
    if (a->loose && a->count == 0 && rank > a->rank) {
        for (int axis = a->rank; axis < rank; axis++)
            a->dims[axis] = -1;
        a->rank = rank;
    } else if (a->loose && a->rank == 2 && rank == 1 && (a->dims[0] == 1 || a->dims[1] == 1)) {
        a->dims[0] = a->count;
        a->rank = 1;
    } else if (a->loose && a->rank == 2 && rank == 0 && a->count == 1) {
        a->rank = 0;
    }
    return a->rank == rank;
}

static int64_t longest_axis(const Array *a) {
    int64_t longest = 1;
    for (int axis = 0; axis < a->rank; axis++)
        longest = a->dims[axis] > longest ? a->dims[axis] : longest;
    return longest;
}

static bool read_argument(Binding *b, const char *text) {
    const char *name, *value, *error = NULL;
    if (!split(b, "--arg", text, &name, &value))
        return false;
    int k = find_leaf(&b->f->inputs, name);
    if (k < 0) {
        unknown_parameter(b, name);
        return false;
    }
    if (b->inputs[k]) {
        COMPLAIN(b, "the argument `%s` is given twice", name);
        return false;
    }
    const Type *type = b->f->inputs.data[k].type;
    Array *a = read_value(b, text, value);
    if (!a)
        return false;
    if (!adapt_rank(a, type->rank)) {
        Diag *diag = COMPLAIN(b, "the parameter `%s` is %s, the argument is %s", name,
                              type_text(b, type), shape_text(b, a));
        if (a->rank > type->rank && a->count == longest_axis(a) && type->rank <= 1)
            diag_hint(&b->ctx->diags, diag, "save %s", type->rank ? "x.ravel()" : "x.item()");
        return false;
    }
    b->inputs[k] = array_convert(b->arena, a, type->elem, &error);
    if (!b->inputs[k]) {
        Diag *diag = COMPLAIN(b, "the argument `%s`: %s", name, error);
        if (a->missing)
            diag_hint(&b->ctx->diags, diag,
                      "fields of the table that are empty or NA are nan, which only floats can be");
    }
    return b->inputs[k] != NULL;
}

/* ---- sizes that follow ---- */

/* The term without the unknown: coefficient times known symbols. *degree: how often the unknown
 * stands in it. */
static bool term_factor(const Binding *b, const SizeTerm *term, int *unknown, int *degree,
                        int64_t *factor) {
    *factor = term->coef;
    *degree = 0;
    for (int k = 0; k < term->degree; k++) {
        int size = -1;
        for (int i = 0; i < b->f->sizes.n; i++)
            size = b->f->sizes.data[i] == term->syms[k] ? i : size;
        if (size < 0)
            return false;
        if (b->sizes[size] >= 0) {
            if (__builtin_mul_overflow(*factor, b->sizes[size], factor))
                return false;
            continue;
        }
        if (*unknown >= 0 && *unknown != size)
            return false;
        *unknown = size;
        ++*degree;
    }
    return true;
}

/* Solves size == extent for its only unknown; true when something was learnt. */
static bool learn(Binding *b, const Size *size, int64_t extent, const char *from) {
    int unknown = -1;
    int64_t slope = 0, rest = 0;
    for (int t = 0; t < size->n; t++) {
        int degree;
        int64_t factor;
        if (!term_factor(b, &size->terms[t], &unknown, &degree, &factor) || degree > 1 ||
            __builtin_add_overflow(degree ? slope : rest, factor, degree ? &slope : &rest))
            return false;
    }
    int64_t difference;
    if (unknown < 0 || slope == 0 || __builtin_sub_overflow(extent, rest, &difference) ||
        difference == INT64_MIN || difference % slope != 0 || difference / slope < 0)
        return false;
    b->sizes[unknown] = difference / slope;
    b->size_from[unknown] = from;
    return true;
}

/* From the conditions of entry that sizes are equal. */
static bool learn_from_conditions(Binding *b) {
    const Region *body = b->f->export->func->body;
    bool learnt = false;
    for (int i = 0; i < body->insts.n; i++) {
        const Size *x, *y;
        if (!inst_checks_sizes(&b->ctx->polys, body->insts.data[i], &x, &y))
            continue;
        const Size *difference = size_sub(&b->ctx->polys, x, y);
        learnt |= difference && learn(b, difference, 0, "where");
    }
    return learnt;
}

static void learn_sizes(Binding *b) {
    for (bool again = true; again;) {
        again = learn_from_conditions(b);
        for (int i = 0; i < b->f->inputs.n; i++) {
            const Leaf *leaf = &b->f->inputs.data[i];
            for (int axis = 0; b->inputs[i] && axis < leaf->type->rank; axis++)
                if (b->inputs[i]->dims[axis] >= 0)
                    again |= learn(b, leaf->type->dims[axis], b->inputs[i]->dims[axis], leaf->path);
        }
    }
}

/* ---- extents that must agree ---- */

/* A note for each size of the extent: where its value came from. */
static void note_sizes(Binding *b, Diag *diag, const Size *size, const char *except) {
    for (int i = 0; i < b->f->sizes.n; i++) {
        const char *from = b->size_from[i];
        if (!from || !size_mentions(size, b->f->sizes.data[i]) || strcmp(from, except) == 0)
            continue;
        diag_note(&b->ctx->diags, diag, "%s is %" PRId64 ", by %s%s%s", b->f->sizes.data[i]->name,
                  b->sizes[i], strcmp(from, "--size") == 0 ? "" : "`", from,
                  strcmp(from, "--size") == 0 ? "" : "`");
    }
}

static bool check_extent(Binding *b, const Leaf *leaf, Array *a, int axis) {
    int64_t want;
    const Size *size = leaf->type->dims[axis];
    if (!callable_extent(b->f, size, b->sizes, b->inputs, &want))
        return true; /* arguments_complete tells */
    if (a->dims[axis] < 0)
        a->dims[axis] = want;
    if (a->dims[axis] == want)
        return true;
    Text text;
    text_init(&text, b->arena);
    text_printf(&text, "the argument `%s` is %s, but `%s` is %s and ", leaf->path, shape_text(b, a),
                leaf->path, type_text(b, leaf->type));
    size_print(&text, size);
    if (size_is_const(size, &want))
        text.n -= strlen(" and ") + strlen(arena_printf(b->arena, "%" PRId64, want));
    else
        text_printf(&text, " is %" PRId64, want);
    Diag *diag =
        diag_error(&b->ctx->diags, DIAG_run_argument, (Loc){0, 0}, "%.*s", (int)text.n, text.data);
    note_sizes(b, diag, size, leaf->path);
    return false;
}

static bool check_extents(Binding *b) {
    bool ok = true;
    for (int i = 0; i < b->f->inputs.n; i++)
        for (int axis = 0; b->inputs[i] && axis < b->inputs[i]->rank; axis++)
            if (!check_extent(b, &b->f->inputs.data[i], b->inputs[i], axis)) {
                ok = false;
                break;
            }
    return ok;
}

/* ---- entries ---- */

bool arguments_bind(Context *ctx, const Callable *f, const ArgumentTexts *texts, Array **inputs,
                    int64_t *sizes) {
    Binding b = {ctx,    &ctx->arena, f,
                 inputs, sizes,       ARENA_ARRAY(&ctx->arena, f->sizes.n + 1, const char *)};
    bool ok = true;
    for (int i = 0; i < f->inputs.n; i++)
        inputs[i] = NULL;
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = -1;
    for (int i = 0; i < texts->n_sizes; i++)
        ok &= read_size(&b, texts->sizes[i]);
    for (int i = 0; i < texts->n_args; i++)
        ok &= read_argument(&b, texts->args[i]);
    if (!ok)
        return false;
    learn_sizes(&b);
    return check_extents(&b);
}

/* Whether the one size in the extent that is not known is the k-th. */
static bool needs_only(const Binding *b, const Size *extent, int k) {
    bool only = size_mentions(extent, b->f->sizes.data[k]);
    for (int i = 0; i < b->f->sizes.n; i++)
        only = only && (i == k || b->sizes[i] >= 0 || !size_mentions(extent, b->f->sizes.data[i]));
    return only;
}

/* The given arguments whose extents should have told the k-th size, and fit none. */
static bool note_misfits(Binding *b, Diag *diag, int k) {
    bool any = false;
    for (int i = 0; i < b->f->inputs.n; i++) {
        const Leaf *leaf = &b->f->inputs.data[i];
        bool told = false;
        for (int axis = 0; b->inputs[i] && axis < leaf->type->rank; axis++)
            told =
                told || (b->inputs[i]->dims[axis] >= 0 && needs_only(b, leaf->type->dims[axis], k));
        if (!told)
            continue;
        diag_note(&b->ctx->diags, diag, "`%s` is %s, and the argument is %s: no `%s` fits",
                  leaf->path, type_text(b, leaf->type), shape_text(b, b->inputs[i]),
                  b->f->sizes.data[k]->name);
        any = true;
    }
    return any;
}

bool arguments_complete(Context *ctx, const Callable *f, Array *const *inputs,
                        const int64_t *sizes) {
    Binding b = {.ctx = ctx,
                 .arena = &ctx->arena,
                 .f = f,
                 .inputs = (Array **)inputs,
                 .sizes = (int64_t *)sizes};
    bool ok = true;
    for (int i = 0; i < f->inputs.n; i++) {
        const Leaf *leaf = &f->inputs.data[i];
        if (inputs[i])
            continue;
        ok = false;
        Diag *diag = COMPLAIN(&b, "`%s` needs the argument `%s`", f->name, leaf->path);
        diag_hint(&ctx->diags, diag, "--arg %s=..., %s", leaf->path, type_text(&b, leaf->type));
    }
    for (int i = 0; ok && i < f->sizes.n; i++) {
        if (sizes[i] >= 0)
            continue;
        ok = false;
        Diag *diag = COMPLAIN(&b, "the size `%s` does not follow from the arguments",
                              f->sizes.data[i]->name);
        if (!note_misfits(&b, diag, i))
            diag_hint(&ctx->diags, diag, "--size %s=...", f->sizes.data[i]->name);
    }
    return ok;
}
