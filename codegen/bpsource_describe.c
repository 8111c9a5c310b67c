/* Names for values that have none: from what they are. `sin(th)` becomes sin_th, `X @ p.W1'`
 * becomes X_W1, `y[0]/y[2]` becomes y0_over_y2, a stack of `tanh(c[i])` becomes tanh_c_all; where
 * operands say too little, or too much to stay short, the operation alone: product, total, ratio.
 *
 * Works before and after the value's operands were printed; decides nothing about what is printed.
 */
#include "codegen/bpsource_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { LONGEST = 12, DEEPEST = 2, MOST_STEPS = 64 };

static const char *describe(Printer *p, const Value *v, int depth);

/* ---- from texts ---- */

bool bp_is_word(const char *text) {
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return true;
}

/* Without what made it unique: w_2 is w. */
static const char *stem(Printer *p, const char *name) {
    size_t n = strlen(name), digits = n;
    while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
        digits--;
    bool numbered = digits < n && digits > 1 && name[digits - 1] == '_';
    return numbered ? arena_strdup(p->arena, name, digits - 1) : name;
}

/* The last name of a path, with the constant indices behind it: p.W1 is W1, cams.r[cam[o], 1] is
 * r1, y[2] is y2, w[o] is w. NULL where the text is no place. */
static const char *of_place(Printer *p, const char *text) {
    if (!bp_is_place(text))
        return NULL;
    const char *open = strchr(text, '['), *end = open ? open : text + strlen(text), *from = end;
    while (from > text && from[-1] != '.')
        from--;
    if (isdigit((unsigned char)*from) || from == end)
        return NULL;
    const char *name = stem(p, arena_strdup(p->arena, from, (size_t)(end - from)));
    int depth = 0;
    for (const char *c = open; c && *c; c++) {
        depth += (*c == '[') - (*c == ']');
        bool starts = depth == 1 && isdigit((unsigned char)*c) && (c[-1] == '[' || c[-1] == ' ');
        size_t digits = starts ? strspn(c, "0123456789") : 0;
        if (starts && (c[digits] == ']' || c[digits] == ','))
            name = arena_printf(p->arena, "%s%.*s", name, (int)digits, c);
    }
    return bp_is_word(name) ? name : NULL;
}

static const char *of_constant(Printer *p, const Inst *inst) {
    double number = type_is_float(inst->out[0]->type) ? inst->attr.num : (double)inst->attr.integer;
    bool small = number >= 0 && number < 100 && number == (double)(int)number;
    return small ? arena_printf(p->arena, "%d", (int)number) : NULL;
}

/* ---- from operations ---- */

/* What joins the names of two operands, and what stands for both. */
static const struct {
    Op op;
    const char *between, *alone;
} joints[] = {
    {OP_mul, "_", "product"},      {OP_div, "_over_", "ratio"},
    {OP_add, "_plus_", "total"},   {OP_sub, "_minus_", "difference"},
    {OP_pow, "_to_", "power"},     {OP_rem, "_mod_", "remainder"},
    {OP_gt, "_above_", "above"},   {OP_ge, "_from_", "at_least"},
    {OP_lt, "_below_", "below"},   {OP_le, "_up_to_", "at_most"},
    {OP_eq, "_is_", "same"},       {OP_ne, "_is_not_", "unlike"},
    {OP_contract, "_", "product"}, {OP_max, "_or_", "larger"},
    {OP_min, "_or_", "smaller"},   {OP_and, "_and_", "both"},
    {OP_or, "_or_", "either"},
};

/* Words that stand for more than they say: no parts of other names. */
static bool is_generic(const char *name) {
    static const char *const words[] = {"negative", "negated", "chosen",  "inverse",
                                        "reversed", "gated",   "reduced", "vector",
                                        "one_hot",  "joined",  "indices", "converted"};
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++)
        if (strncmp(name, joints[i].alone, strlen(joints[i].alone)) == 0)
            return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(name, words[i], strlen(words[i])) == 0)
            return true;
    return strstr(name, "_value") != NULL;
}

/* The name of an operand, where it says something. */
static const char *part(Printer *p, const Value *v, int depth) {
    const char *name = describe(p, v, depth - 1);
    return name && !is_generic(name) ? name : NULL;
}

/* before_x, or the word alone. */
static const char *prefixed(Printer *p, const char *before, const char *alone, const Value *x,
                            int depth) {
    const char *name = part(p, x, depth);
    bool fits = name && strlen(name) <= LONGEST;
    return fits ? arena_printf(p->arena, "%s_%s", before, name) : alone;
}

/* 2.0*x is scaled_x. */
static const char *scaled(Printer *p, const Inst *inst, int depth) {
    if (inst->op != OP_mul)
        return NULL;
    const Value *a = inst->in[0], *b = inst->in[1];
    while (bp_is_transparent(a))
        a = a->inst->in[0];
    while (bp_is_transparent(b))
        b = b->inst->in[0];
    bool left = a->inst && a->inst->op == OP_const;
    bool right = b->inst && b->inst->op == OP_const;
    return left != right ? prefixed(p, "scaled", "product", left ? b : a, depth) : NULL;
}

static const char *joined(Printer *p, const Inst *inst, int depth) {
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++) {
        if (joints[i].op != inst->op)
            continue;
        const char *a = part(p, inst->in[0], depth), *b = part(p, inst->in[1], depth);
        bool swap = (inst->op == OP_contract && bp_product_form(inst).swapped) ||
                    (inst->op == OP_mul && a && isdigit((unsigned char)*a));
        bool fits = a && b && strlen(a) + strlen(b) <= LONGEST;
        if (!fits || isdigit((unsigned char)*(swap ? b : a)))
            return joints[i].alone;
        if (strcmp(a, b) == 0 && inst->op == OP_mul)
            return arena_printf(p->arena, "%s_squared", a);
        return arena_printf(p->arena, "%s%s%s", swap ? b : a, joints[i].between, swap ? a : b);
    }
    return NULL;
}

/* f64(n) is n_f64. */
static const char *of_conversion(Printer *p, const Inst *inst, int depth) {
    const char *name = part(p, inst->in[0], depth + 1),
               *width = scalar_name(inst->out[0]->type->elem);
    return name ? arena_printf(p->arena, "%s_%s", name, width) : "converted";
}

static const char *of_product(Printer *p, const Inst *inst, int depth) {
    ProductForm form = inst->op == OP_contract ? bp_product_form(inst).form : PRODUCT_general;
    if (form == PRODUCT_norm2)
        return prefixed(p, "norm2", "norm2_value", inst->in[0], depth);
    return form == PRODUCT_dot ? "dot_value" : NULL;
}

/* 1.0/f64(n) is per_n. */
static const char *of_inverse(Printer *p, const Inst *inst, int depth) {
    if (inst->op != OP_div)
        return NULL;
    const Value *one = inst->in[0], *by = inst->in[1];
    while (bp_is_transparent(one))
        one = one->inst->in[0];
    bool number = one->inst && one->inst->op == OP_const && type_is_float(one->type);
    if (!number || (one->inst->attr.num != 1.0 && one->inst->attr.num != -1.0))
        return NULL;
    if (by->inst && by->inst->op == OP_convert)
        by = by->inst->in[0];
    return one->inst->attr.num < 0 ? prefixed(p, "minus_per", "negative", by, depth)
                                   : prefixed(p, "per", "inverse", by, depth);
}

static const char *of_loop(Printer *p, const Value *v, int depth) {
    const Inst *loop = v->inst;
    int first_stack = loop->n_out - loop->attr.loop.n_stack;
    const Value *y = loop->regions[0]->yields.data[v->index];
    LoopForm form = bp_loop_form(p, loop);
    if (v->index >= first_stack) {
        const char *name = describe(p, y, depth);
        return name && form != FORM_map ? arena_printf(p->arena, "%s_all", stem(p, name)) : name;
    }
    const Value *term =
        v->index >= loop->attr.loop.n_carry && (form == FORM_sum || form == FORM_map_sum)
            ? bp_summand(p, loop, v->index - loop->attr.loop.n_carry)
            : NULL;
    if (term)
        return prefixed(p, "sum", "total", term, depth);
    return y->inst ? describe(p, y, depth) : NULL;
}

static const char *of_branches(Printer *p, const Value *v, int depth) {
    for (int k = 0; k < 2; k++) {
        const char *name = part(p, v->inst->regions[k]->yields.data[v->index], depth);
        if (name && !isdigit((unsigned char)*name))
            return name;
    }
    return "chosen";
}

static const char *of_elementwise(Printer *p, const Inst *inst, int depth) {
    const char *name = op_info[inst->op].name;
    switch (inst->op) {
    case OP_neg:
        return prefixed(p, "minus", "negative", inst->in[0], depth);
    case OP_not:
        return prefixed(p, "not", "negated", inst->in[0], depth);
    case OP_select:
        return inst_is_zero(inst->in[2]) ? prefixed(p, "gated", "gated", inst->in[1], depth)
                                         : "chosen";
    default:
        return prefixed(p, name, arena_printf(p->arena, "%s_value", name), inst->in[0], depth);
    }
}

/* y[2] is y2, w[o] is w. */
static const char *of_element(Printer *p, const Inst *inst, int depth) {
    const char *name = describe(p, inst->in[0], depth);
    for (int k = 1; name && k < inst->n_in; k++) {
        const Inst *at = inst->in[k]->inst;
        if (at && at->op == OP_const)
            name = arena_printf(p->arena, "%s%" PRId64, name, at->attr.integer);
    }
    return name;
}

static const char *of_place_of(Printer *p, const Value *v) {
    const Code *code = ptrmap_get(&p->codes, v);
    return code ? of_place(p, code->text) : NULL;
}

/* Like what is updated, else like what is put there. */
static const char *of_update(Printer *p, const Inst *inst, int depth) {
    bool fresh = inst_is_zero(inst->in[0]);
    const char *name = fresh ? NULL : describe(p, inst->in[0], depth);
    if (fresh && inst->in[1]->inst && inst->in[1]->inst->op == OP_const)
        return "one_hot";
    return name ? name : describe(p, inst->in[1], depth);
}

static const char *of_structure(Printer *p, const Value *v, int depth) {
    const Inst *inst = v->inst;
    switch (inst->op) {
    case OP_loop:
        return of_loop(p, v, depth);
    case OP_if:
        return of_branches(p, v, depth);
    case OP_broadcast:
    case OP_stop:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
        return describe(p, inst->in[0], depth);
    case OP_convert:
        return of_conversion(p, inst, depth);
    case OP_reduce:
        return prefixed(p, reduce_name[inst->attr.reduce.kind], "reduced", inst->in[0], depth);
    case OP_reverse:
        return prefixed(p, "reversed", "reversed", inst->in[0], depth);
    case OP_index:
        return of_element(p, inst, depth);
    case OP_add_at:
    case OP_update:
    case OP_add_slice:
        return of_update(p, inst, depth);
    case OP_array:
        return of_place_of(p, inst->in[0]) ? describe(p, inst->in[0], depth) : "vector";
    case OP_concat:
        return "joined";
    case OP_iota:
        return "indices";
    case OP_call:
        return arena_printf(p->arena, "%s_value",
                            (const char *)ptrmap_get(&p->funcs, inst->attr.callee.func));
    default:
        return NULL;
    }
}

/* ---- all ---- */

/* A region's own values: a slice is called like what it is a slice of. */
static const char *of_param(Printer *p, const Value *v, int depth) {
    const Inst *owner = v->region->owner;
    bool slice =
        owner && owner->op == OP_loop && v->index > 0 && v->index <= owner->attr.loop.n_slice;
    return slice ? describe(p, owner->in[v->index - 1], depth) : NULL;
}

static const char *describe(Printer *p, const Value *v, int depth) {
    const char *place = of_place_of(p, v);
    if (v->name && !(place && !v->inst)) /* of a field of a parameter the last name is enough */
        return stem(p, v->name);
    if (place || depth <= 0 || p->describe_steps++ > MOST_STEPS)
        return place;
    if (!v->inst)
        return of_param(p, v, depth);
    if (v->inst->op == OP_const)
        return v->type->rank == 0 ? of_constant(p, v->inst) : NULL;
    if (v->inst->op == OP_size) {
        Level level;
        return of_place(p, bp_size_text(p, v->inst->attr.size, &level));
    }
    const char *name = of_product(p, v->inst, depth);
    name = name ? name : of_inverse(p, v->inst, depth);
    name = name ? name : scaled(p, v->inst, depth);
    name = name ? name : joined(p, v->inst, depth);
    if (!name && op_is_elementwise(v->inst->op))
        name = of_elementwise(p, v->inst, depth);
    return name ? name : of_structure(p, v, depth);
}

/* What a loop carries from one step to the next: x becomes x_next, also through the branches of an
 * `if` that ends the body. */
static const char *of_next(Printer *p, const Value *v) {
    const Inst *owner = v->region->owner;
    const Region *region = v->region;
    for (int k = 0; owner && k < region->yields.n; k++) {
        if (region->yields.data[k] != v)
            continue;
        if (owner->op == OP_if)
            return of_next(p, owner->out[k]);
        LoopForm form = bp_loop_form(p, owner);
        int state = owner->attr.loop.n_carry + owner->attr.loop.n_acc;
        if (k >= state || (form != FORM_loop && form != FORM_while && form != FORM_stored_while &&
                           form != FORM_scan))
            return NULL;
        const Value *before = region->params.data[1 + owner->attr.loop.n_slice + k];
        const char *name = before->name ? before->name : of_place_of(p, before);
        return name ? arena_printf(p->arena, "%s_next", stem(p, name)) : NULL;
    }
    return NULL;
}

/* Names of the source come first: what is printed later may have this one. */
static const char *beside_given(Printer *p, const char *name) {
    const char *free_name = name;
    for (int k = 2; ptrmap_has(&p->given, atom_of(&p->names.atoms, free_name)); k++)
        free_name = arena_printf(p->arena, "%s_%d", name, k);
    return free_name;
}

const char *bp_describe(Printer *p, const Value *v, const char *suffix) {
    p->describe_steps = 0;
    const char *name = of_next(p, v);
    name = name ? name : describe(p, v, DEEPEST);
    if (!name || !bp_is_word(name) || strlen(name) > 2 * LONGEST)
        return NULL;
    return beside_given(p, arena_printf(p->arena, "%s%s", name, suffix));
}

/* ---- the names that are given ---- */

static void give(Printer *p, const Value *v) {
    if (v->name)
        ptrmap_put(&p->given, atom_of(&p->names.atoms, v->name), p);
}

static void give_region(Printer *p, const Region *region) {
    for (int i = 0; i < region->params.n; i++)
        give(p, region->params.data[i]);
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++)
            give(p, inst->out[k]);
        for (int k = 0; k < inst->n_region; k++)
            give_region(p, inst->regions[k]);
    }
}

void bp_names_given(Printer *p, const Func *f) {
    ptrmap_init(&p->given, p->arena);
    give_region(p, f->body);
}
