/* What a check that failed was about: the values that its condition compared, and the iterations
 * around it.
 *
 * A condition is false for a reason: of `a && b` what is false, of `all(x > 0)` the first element
 * that is not, of a comparison its operands. Names are those of the source, or its text. All values
 * are still in their slots; the iteration of a loop whose stacked conditions are looked at is
 * evaluated again. Called by eval.c when a check fails; changes nothing that is evaluated. */
#include "ir/emit.h"
#include "ir/eval_internal.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_SHOWN = 6, DEEPEST = 12, LONGEST_TEXT = 60 };

typedef struct Explain {
    Eval *e;
    const char *names[MOST_SHOWN];
    int n;
    Text values;
} Explain;

/* ---- names ---- */

static const char *name_of(Eval *e, const Value *v);

/* The source's text, where it is short and on one line; "": the place says nothing. */
static const char *text_at(Eval *e, Loc loc) {
    const Source *source = source_of(&e->m->ctx->sources, loc);
    uint32_t n = loc.end - loc.begin;
    if (!source || loc.end <= loc.begin || n > LONGEST_TEXT) {
        return "";
    }
    const char *text = arena_strdup(e->arena, source->text + (loc.begin - source->base), n);
    return strpbrk(text, "\n\r\t`") ? "" : text;
}

static const char *size_text(Eval *e, const Size *size) {
    Text text;
    text_init(&text, e->arena);
    size_print(&text, size);
    return text.data;
}

static bool is_row(const Value *v) {
    const Inst *owner = v->inst ? NULL : v->region->owner;
    return owner && owner->op == OP_loop && v->index > 0 && v->index <= owner->attr.loop.n_slice;
}

/* The element that a loop over an array is at, or the array from `offset` on: "x[1, 3". Without the
 * bracket, which may have to wait for further axes. "": it has no name. */
static const char *open_name(Eval *e, const Value *v, int64_t offset);

static const char *slice_name(Eval *e, const Inst *loop, int which) {
    int64_t i = e->slots[loop->regions[0]->params.data[0]->id]->d.i[0];
    return open_name(e, loop->in[which], i);
}

static const char *open_name(Eval *e, const Value *v, int64_t offset) {
    if (v->inst && v->inst->op == OP_slice && e->slots[v->inst->in[1]->id]) {
        return open_name(e, v->inst->in[0], offset + eval_get(e, v->inst->in[1])->i[0]);
    }
    bool row = is_row(v);
    const char *base = row ? slice_name(e, v->region->owner, v->index - 1) : name_of(e, v);
    return *base ? arena_printf(e->arena, "%s%s%" PRId64, base, row ? ", " : "[", offset) : "";
}

/* The result of the compiler's own elimination (std/linalg.bp), of which checks read the diagonal.
 */
static bool is_factored(const Value *v) {
    return v->inst && v->inst->op == OP_call && v->inst->attr.callee.func->is_inner;
}

/* An element that the compiler looks at, of an array that the source has whole: `cholesky(A)[1,
 * 1]`.
 * "": the source has this very element. */
static const char *element_name(Eval *e, const Inst *inst) {
    const Value *array = inst->in[0];
    const char *own = text_at(e, inst->loc);
    if (is_row(array) && is_factored(array->region->owner->in[array->index - 1])) {
        const Slot *row = e->slots[inst->in[1]->id];
        return arena_printf(e->arena, "pivot[%" PRId64 "]", row ? row->d.i[0] : -1);
    }
    if (!is_row(array) && strcmp(name_of(e, array), own) != 0) {
        return "";
    }
    Text name;
    text_init(&name, e->arena);
    text_puts(&name, is_row(array) ? slice_name(e, array->region->owner, array->index - 1) : own);
    for (int i = 1; i < inst->n_in && name.n > 0; i++) {
        const Slot *slot = e->slots[inst->in[i]->id];
        const char *before = i > 1 || is_row(array) ? ", " : "[";
        text_printf(&name, "%s%" PRId64, before, slot ? slot->d.i[0] : -1);
    }
    text_puts(&name, name.n > 0 ? "]" : "");
    return name.n > 0 ? name.data : "";
}

static const char *name_of(Eval *e, const Value *v) {
    if (v->name) {
        return v->name;
    }
    if (v->inst && v->inst->op == OP_size) {
        return size_text(e, v->inst->attr.size);
    }
    const char *element = v->inst && v->inst->op == OP_index ? element_name(e, v->inst)
                          : is_row(v) ? slice_name(e, v->region->owner, v->index - 1)
                                      : "";
    if (!v->inst) {
        return *element ? arena_printf(e->arena, "%s]", element) : "";
    }
    return *element ? element : text_at(e, v->inst->loc);
}

/* ---- operands, as a comparison has them ---- */

static const char *symbol_of(Op op) {
    switch (op) {
    case OP_eq:
        return "==";
    case OP_ne:
        return "!=";
    case OP_lt:
        return "<";
    case OP_le:
        return "<=";
    case OP_gt:
        return ">";
    case OP_ge:
        return ">=";
    default:
        return NULL;
    }
}

/* The one place of the symbol in the text, or NULL. */
static const char *only_place(const char *text, const char *symbol) {
    size_t n = strlen(symbol);
    const char *found = NULL;
    for (const char *at = strstr(text, symbol); at; at = strstr(at + n, symbol)) {
        if (found || at[n] == '=') {
            return NULL;
        }
        found = at;
    }
    return found;
}

static const char *trimmed(Eval *e, const char *begin, const char *end) {
    while (begin < end && *begin == ' ') {
        begin++;
    }
    while (end > begin && end[-1] == ' ') {
        end--;
    }
    return arena_strdup(e->arena, begin, (size_t)(end - begin));
}

/* What has no name of its own there: the field of a parameter, what was passed to a lambda or a
 * rule. */
static bool is_from_elsewhere(const Value *v, const Inst *comparison) {
    if (!v->inst) {
        return !v->region->owner;
    }
    Loc in = v->inst->loc, all = comparison->loc;
    return !v->name && v->inst->op != OP_size && v->inst->op != OP_const &&
           v->inst->op != OP_broadcast && (in.begin < all.begin || in.end > all.end);
}

/* Operand k in the words of the comparison; NULL: its own will do. */
static const char *operand_text(Eval *e, const Inst *comparison, int k) {
    const char *symbol = symbol_of(comparison->op);
    if (!symbol || !is_from_elsewhere(comparison->in[k], comparison)) {
        return NULL;
    }
    const char *text = text_at(e, comparison->loc), *place = only_place(text, symbol);
    if (!place) { /* the check of an index has its text */
        bool index = comparison->op == OP_ge || comparison->op == OP_lt;
        return index && k == 0 && *text && !strpbrk(text, "<>=") ? text : NULL;
    }
    return k == 0 ? trimmed(e, text, place)
                  : trimmed(e, place + strlen(symbol), text + strlen(text));
}

/* ---- values ---- */

static void print_element(Text *out, const Datum *d, int64_t k) {
    if (type_is_float(d->type)) {
        ir_print_number(out, d->type->elem, d->f[k]);
    } else if (d->type->elem == S_bool) {
        text_puts(out, d->i[k] ? "true" : "false");
    } else {
        text_printf(out, "%" PRId64, d->i[k]);
    }
}

static void print_index(Text *out, const Datum *d, int64_t k) {
    int64_t count = d->count;
    for (int axis = 0; axis < d->type->rank && count > 0; axis++) {
        count /= d->dims[axis];
        text_printf(out, "%s%" PRId64, axis > 0 ? ", " : " at [", k / count);
        k %= count;
    }
    text_puts(out, d->type->rank > 0 ? "]" : "");
}

static const Datum *known(const Explain *x, const Value *v, int64_t k) {
    const Slot *slot = x->e->slots[v->id];
    bool there = slot && (slot->d.f || slot->d.i) && k < slot->d.count;
    return there ? &slot->d : NULL;
}

/* Whether a `while` goes on: of the compiler's making. */
static bool is_flag(const Value *v) {
    const Inst *owner = v->inst ? NULL : v->region->owner;
    int flag = owner && owner->op == OP_loop ? ir_loop_flag(owner) : -1;
    return flag >= 0 && v->index == 1 + owner->attr.loop.n_slice + flag;
}

/* `text`: how it is called; NULL: by its own name. */
static void show(Explain *x, const Value *v, int64_t k, const char *text) {
    const Datum *d = known(x, v, k);
    if (d && v->inst && v->inst->op == OP_broadcast) {
        const Datum *small = known(x, v->inst->in[0], 0);
        if (small) {
            show(x, v->inst->in[0], k % small->count, text);
        }
        return;
    }
    if (!d || (v->inst && v->inst->op == OP_const) || is_flag(v) || x->n == MOST_SHOWN) {
        return;
    }
    const char *name = text ? text : name_of(x->e, v);
    for (int i = 0; i < x->n; i++) {
        if (strcmp(x->names[i], name) == 0) {
            return;
        }
    }
    if (*name) {
        text_printf(&x->values, "%s`%s`", x->n > 0 ? ", " : "", name);
        print_index(&x->values, d, k);
        text_puts(&x->values, " is ");
        print_element(&x->values, d, k);
        x->names[x->n++] = name;
    }
}

/* ---- reasons ---- */

static void because(Explain *x, const Value *v, int64_t k, int depth);

/* Those operands of `&&` and `||` that decided. */
static void because_of_both(Explain *x, const Inst *inst, int64_t k, int depth) {
    const Datum *result = known(x, inst->out[0], k);
    for (int i = 0; i < 2; i++) {
        const Datum *operand = known(x, inst->in[i], k);
        if (result && operand && (operand->i[k] != 0) == (result->i[k] != 0)) {
            because(x, inst->in[i], k, depth);
        }
    }
}

/* The first element that is not as all should be. */
static void because_of_element(Explain *x, const Inst *inst, int depth) {
    const Datum *d = known(x, inst->in[0], 0);
    for (int64_t k = 0; d && inst->attr.reduce.kind == RED_all && k < d->count; k++) {
        if (!d->i[k]) {
            because(x, inst->in[0], k, depth);
            return;
        }
    }
}

static void because_of_loop(Explain *x, const Inst *inst, int which, int64_t k, int depth) {
    const Region *body = inst->regions[0];
    const Datum *whole = known(x, inst->out[which], k);
    int first_stack = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    if (which < inst->attr.loop.n_carry) { /* the last iteration made it */
        because(x, body->yields.data[which], k, depth);
        return;
    }
    if (!whole || first_stack > 0 || whole->dims[0] == 0) {
        return;
    }
    int64_t row = whole->count / whole->dims[0], i = k / row;
    if (eval_iteration(x->e, inst, i)) {
        eval_enter(x->e, inst, i);
        because(x, body->yields.data[which], k % row, depth);
    }
}

/* Also `a && b` and `a || b` where b must not be evaluated always: there one branch is constant.
 * The condition matters where it decided, or where it could have given the other result. */
static void because_of_branch(Explain *x, const Inst *inst, int which, int64_t k, int depth) {
    const Datum *condition = known(x, inst->in[0], 0), *result = known(x, inst->out[which], k);
    if (!condition || !result) {
        return;
    }
    const Value *taken = inst->regions[condition->i[0] ? 0 : 1]->yields.data[which];
    const Value *other = inst->regions[condition->i[0] ? 1 : 0]->yields.data[which];
    int64_t otherwise;
    if (inst_is_const(taken) ||
        (value_integer(other, &otherwise) && (otherwise != 0) != (result->i[k] != 0))) {
        because(x, inst->in[0], 0, depth);
    }
    because(x, taken, k, depth);
}

/* Element k of v, a bool, is what it is because of the values that are shown. */
static void because(Explain *x, const Value *v, int64_t k, int depth) {
    const Inst *inst = v->inst;
    if (v->type->elem != S_bool || !inst || depth > DEEPEST) {
        show(x, v, k, NULL);
        return;
    }
    switch (inst->op) {
    case OP_and:
    case OP_or:
        because_of_both(x, inst, k, depth + 1);
        return;
    case OP_reduce:
        because_of_element(x, inst, depth + 1);
        return;
    case OP_loop:
        because_of_loop(x, inst, v->index, k, depth + 1);
        return;
    case OP_if:
        because_of_branch(x, inst, v->index, k, depth + 1);
        return;
    default:
        if (!op_is_elementwise(inst->op)) {
            show(x, v, k, NULL);
        }
        for (int i = 0; op_is_elementwise(inst->op) && i < inst->n_in; i++) {
            const char *text = operand_text(x->e, inst, i);
            if (text) {
                show(x, inst->in[i], k, text);
            } else {
                because(x, inst->in[i], k, depth + 1);
            }
        }
    }
}

/* ---- iterations ---- */

/* What counts the loop: its index, or what a range that starts elsewhere makes of it. */
static const char *counter_of(Eval *e, const EvalLoop *at, int64_t *value) {
    const Value *index = at->loop->regions[0]->params.data[0];
    const Value *counter = ir_loop_counter(at->loop);
    *value = counter != index && e->slots[counter->id] ? eval_get(e, counter)->i[0] : at->i;
    bool counts = at->loop->attr.loop.n_carry > 0 && !at->loop->attr.loop.reverse;
    return counter->name ? counter->name : counts ? "iteration" : NULL;
}

static const char *print_iterations(Eval *e) {
    Text text;
    text_init(&text, e->arena);
    for (int i = 0; i < e->around.n; i++) {
        int64_t value;
        const char *name = counter_of(e, &e->around.data[i], &value);
        if (name) {
            text_printf(&text, "%s%s = %" PRId64, text.n > 0 ? ", " : "", name, value);
        }
    }
    return text.n > 0 ? text.data : NULL;
}

void eval_explain(Eval *e, const Inst *check) {
    Explain x = {.e = e};
    text_init(&x.values, e->arena);
    e->left.steps = EXPLAIN_STEPS; /* the evaluation ends here */
    because(&x, check->in[0], 0, 0);
    e->failure.values = x.n > 0 ? x.values.data : NULL;
    e->failure.where = print_iterations(e);
}
