/* Gives sizes of exported functions values at compile time (`--size d=64`): loops over them unroll,
 * small arrays become scalars, products get the kernels of their shapes.
 *
 * An export keeps its interface. Its function becomes one that checks the sizes on entry, takes
 * arrays of the given shapes, and holds the body of the old one in terms of the values. Runs before
 * anything else, so derivatives are made of the special function. */
#include "passes/specialize.h"
#include "passes/internal.h"
#include "passes/specialize_internal.h"

#include <string.h>

typedef struct Special {
    IrModule *m;
    const SizeValue *values;
    int n;
} Special;

static const SizeValue *value_of(const Special *s, const SizeSym *sym) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->values[i].name, sym->name) == 0)
            return &s->values[i];
    return NULL;
}

static const Size *given(void *user, SizeSym *sym) {
    const Special *s = user;
    const SizeValue *value = value_of(s, sym);
    return value && !sym->value ? size_const(&s->m->ctx->polys, value->value) : NULL;
}

/* Checks that the host passes what the function was compiled for. */
static void check_size(const Special *s, IrBuilder *b, SizeSym *sym) {
    const SizeValue *value = value_of(s, sym);
    if (!value)
        return;
    PolyTable *polys = &s->m->ctx->polys;
    Value *is = ir_size(b, size_sym(polys, sym));
    Value *ok = ir_ew2(b, OP_eq, is, ir_int(b, S_i64, value->value));
    ir_check(b, ok,
             arena_printf(s->m->keep, "the size %s is not %lld, for which this was compiled",
                          sym->name, (long long)value->value));
}

static Func *special(Special *s, Func *f, Loc loc) {
    IrModule *m = s->m;
    Func *w = ir_func_new(m, f->name, f->loc);
    IrBuilder b;
    const Size **sizes = ARENA_ARRAY(m->arena, f->sizes.n + 1, const Size *);
    Value **out = ARENA_ARRAY(m->arena, f->body->yields.n + 1, Value *);
    for (int i = 0; i < f->sizes.n; i++) {
        SizeSym *sym = f->sizes.data[i];
        vec_push(m->keep, &w->sizes, sym);
        const Size *value = given(s, sym);
        sizes[i] = value ? value : size_sym(&m->ctx->polys, sym);
    }
    for (int i = 0; i < f->body->params.n; i++) {
        const Value *param = f->body->params.data[i];
        ir_param(m, w->body, ir_subst_type(m, param->type, given, s), param->name);
    }
    ir_builder_init(&b, m, w->body);
    b.loc = loc;
    for (int i = 0; i < w->sizes.n; i++)
        check_size(s, &b, w->sizes.data[i]);
    ir_inline(&b, f, sizes, w->body->params.data, out);
    for (int i = 0; i < f->body->yields.n; i++)
        ir_yield(&b, out[i]);
    return w;
}

static bool concerns(const Special *s, const Func *f) {
    for (int i = 0; i < f->sizes.n; i++)
        if (value_of(s, f->sizes.data[i]))
            return true;
    return false;
}

const SizeValue *sizes_unknown(const IrModule *m, const SizeValue *values, int n) {
    for (int i = 0; i < n; i++) {
        Special one = {(IrModule *)(uintptr_t)m, &values[i], 1};
        bool known = false;
        for (int k = 0; k < m->exports.n; k++)
            known = known || concerns(&one, m->exports.data[k]->func);
        if (!known)
            return &values[i];
    }
    return NULL;
}

/* Of what goes in and out, and of what is computed. */
static bool check_extents(Special *s, const Export *export) {
    const Func *f = export->func;
    const Size **sizes = ARENA_ARRAY(s->m->arena, f->sizes.n + 1, const Size *);
    NegativeAxis found;
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = given(s, f->sizes.data[i]);
    if (!negative_axis_find(s->m, f, sizes, &found))
        return true;
    DiagList *diags = &s->m->ctx->diags;
    Text text;
    text_init(&text, diags->arena);
    size_print(&text, found.axis);
    Diag *diag = diag_error(
        diags, DIAG_usage, found.func == f ? export->loc : found.loc,
        "for these sizes an axis of length `%s` in `%s` would have %lld elements", text.data,
        found.func == f ? export->name : found.func->name, (long long)found.extent);
    if (found.func != f)
        diag_label(diags, diag, export->loc, "of this export");
    return false;
}

bool sizes_specialize(IrModule *m, const SizeValue *values, int n) {
    Special s = {m, values, n};
    for (int i = 0; i < m->exports.n; i++) {
        Export *export = m->exports.data[i];
        if (!concerns(&s, export->func))
            continue;
        if (!check_extents(&s, export))
            return false;
        export->func = special(&s, export->func, export->loc);
        vec_push(m->keep, &m->funcs, export->func);
    }
    return true;
}
