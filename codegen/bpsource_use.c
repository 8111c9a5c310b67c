/* What is asked of the IR before it is printed: how loops and products are written, and how often
 * the text will mention each value. The counts follow the text, not the IR: a broadcast beside a
 * whole array is not mentioned, what it repeats is. Prints nothing. */
#include "codegen/bpsource_internal.h"
#include "ir/einsum.h"

#include <string.h>

/* ---- values ---- */

bool bp_is_transparent(const Value *v) {
    return v->inst && v->inst->op == OP_broadcast;
}

Use *bp_use_of(Printer *p, const Value *v) {
    Use *use = ptrmap_get(&p->uses, v);
    if (!use) {
        use = ARENA_NEW(p->arena, Use);
        ptrmap_put(&p->uses, v, use);
    }
    return use;
}

/* ---- loops ---- */

static int state_count(const Inst *loop) {
    return loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

static Value *acc_param(const Inst *loop, int k) {
    return loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + loop->attr.loop.n_carry + k];
}

/* v is the sum so far of a loop printed as a sum: its part of the text is what each iteration adds.
 */
bool bp_is_running_sum(const Printer *p, const Value *v) {
    const Inst *loop = v->inst ? NULL : v->region->owner;
    if (!loop || loop->op != OP_loop ||
        v->index <= loop->attr.loop.n_slice + loop->attr.loop.n_carry)
        return false;
    LoopForm form = bp_loop_form(p, loop);
    return form == FORM_sum || form == FORM_map_sum;
}

/* An inner loop that goes on summing adds its own sum. */
static bool continues(const Printer *p, const Value *y, const Value *acc) {
    const Inst *inner = y->inst;
    if (inner->op != OP_loop || inner->attr.loop.n_carry > 0 ||
        y->index >= inner->attr.loop.n_acc || inner->in[inner->attr.loop.n_slice + y->index] != acc)
        return false;
    LoopForm form = bp_loop_form(p, inner);
    return form == FORM_sum || form == FORM_map_sum;
}

Value *bp_summand(const Printer *p, const Inst *loop, int k) {
    Value *y = loop->regions[0]->yields.data[loop->attr.loop.n_carry + k],
          *acc = acc_param(loop, k);
    if (!y->inst || y->region != loop->regions[0])
        return NULL;
    if (y->inst->op == OP_add && y->inst->in[0] == acc)
        return y->inst->in[1];
    return continues(p, y, acc) ? y : NULL;
}

/* The inner loop that alone makes up the body: beside it stand only constants and sizes. */
static const Inst *only_loop(const Region *body) {
    const Inst *found = NULL;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool silent = inst->op == OP_const || inst->op == OP_size || inst->op == OP_broadcast ||
                      (inst->op == OP_dim && !inst->in[0]->inst);
        if (inst->op == OP_loop && !found)
            found = inst;
        else if (!silent)
            return NULL;
    }
    return found;
}

static bool binds_size_of(const Region *body, const Size *extent) {
    for (int i = 0; i < body->insts.n; i++)
        if (body->insts.data[i]->op == OP_dim &&
            size_mentions(extent, body->insts.data[i]->attr.sym))
            return true;
    return false;
}

/* A name that would be lost when the loop is joined with the one around it. */
static bool has_name_to_keep(const Inst *loop, const Inst *around) {
    for (int i = 0; i < loop->n_out; i++)
        if (loop->out[i]->name && !around->out[i]->name)
            return true;
    return false;
}

const Inst *bp_nested_same(const Printer *p, const Inst *loop, LoopForm form) {
    const Region *body = loop->regions[0];
    const Inst *inner = only_loop(body);
    if (!inner || inner->n_out != loop->n_out || bp_loop_form(p, inner) != form ||
        has_name_to_keep(inner, loop))
        return NULL;
    if (form == FORM_map && binds_size_of(body, inner->attr.loop.extent))
        return NULL;
    for (int k = 0; k < inner->n_out; k++) {
        if (body->yields.data[k] != inner->out[k])
            return NULL;
        if (form != FORM_map && inner->in[inner->attr.loop.n_slice + k] != acc_param(loop, k))
            return NULL;
    }
    return inner;
}

static bool is_scan(const Inst *loop) {
    const Region *body = loop->regions[0];
    int nc = loop->attr.loop.n_carry;
    if (loop->attr.loop.reverse || loop->attr.loop.n_acc > 0 || loop->attr.loop.n_stack != nc)
        return false;
    for (int k = 0; k < nc; k++)
        if (body->yields.data[k] != body->yields.data[nc + k] ||
            (body->yields.data[k]->inst == NULL))
            return false;
    return true;
}

static bool results_unread(const Printer *p, const Inst *loop, int n) {
    for (int k = 0; k < n; k++) {
        const Use *use = ptrmap_get(&p->uses, loop->out[k]);
        if (use && use->n > 0)
            return false;
    }
    return true;
}

static bool is_stacked(const Inst *loop, const Value *v) {
    const Region *body = loop->regions[0];
    for (int k = state_count(loop); k < body->yields.n; k++)
        if (body->yields.data[k] == v)
            return true;
    return false;
}

static LoopForm sum_form(const Printer *p, const Inst *loop) {
    bool plain = true, cheap = true;
    for (int k = 0; k < loop->attr.loop.n_acc; k++) {
        const Value *v = bp_summand(p, loop, k);
        plain = plain && v;
        cheap = cheap && v && (v->type->rank == 0 || is_stacked(loop, v));
    }
    if (loop->attr.loop.n_stack > 0)
        return cheap ? FORM_map_sum : FORM_loop;
    if (plain || bp_nested_same(p, loop, FORM_sum))
        return FORM_sum;
    const Value *y = loop->regions[0]->yields.data[0];
    bool adds_at = y->inst && y->region == loop->regions[0] && y->inst->op == OP_add_at &&
                   y->inst->in[0] == acc_param(loop, 0);
    if (loop->attr.loop.n_acc == 1 && (adds_at || bp_nested_same(p, loop, FORM_scatter)))
        return FORM_scatter;
    return FORM_loop;
}

LoopForm bp_loop_form(const Printer *p, const Inst *loop) {
    int nc = loop->attr.loop.n_carry;
    if (nc > 0 && bp_is_while(loop))
        return FORM_while;
    if (nc > 0 && bp_is_stored_while(p, loop))
        return FORM_stored_while;
    if (nc > 0)
        return is_scan(loop) && results_unread(p, loop, nc) ? FORM_scan : FORM_loop;
    if (loop->n_out == 0)
        return FORM_check;
    if (loop->attr.loop.n_acc == 0)
        return FORM_map;
    uintptr_t known = (uintptr_t)ptrmap_get(p->forms, loop);
    if (!known) {
        known = (uintptr_t)sum_form(p, loop) + 1;
        ptrmap_put(p->forms, loop, (void *)known);
    }
    return (LoopForm)(known - 1);
}

/* ---- products ---- */

static bool has(const char *labels, char c) {
    return strchr(labels, c) != NULL;
}

/* Of a and b with at most two axes that share one, summed, label: a row or column times a column,
 * in some order. */
static bool as_matmul(const Einsum *e, Product *product) {
    size_t na = strlen(e->labels[0]), nb = strlen(e->labels[1]);
    char shared = 0;
    for (const char *c = e->labels[0]; *c; c++)
        if (has(e->labels[1], *c)) {
            if (shared || has(e->out, *c))
                return false;
            shared = *c;
        }
    if (!shared || na > 2 || nb > 2 || na + nb < 3)
        return false;
    char free_a = na == 2 ? (e->labels[0][0] == shared ? e->labels[0][1] : e->labels[0][0]) : 0;
    char free_b = nb == 2 ? (e->labels[1][0] == shared ? e->labels[1][1] : e->labels[1][0]) : 0;
    product->form = PRODUCT_matmul;
    product->swapped = free_b && (!free_a || e->out[0] == free_b);
    if (free_a && free_b && strlen(e->out) != 2)
        return false;
    const char *left = product->swapped ? e->labels[1] : e->labels[0],
               *right = product->swapped ? e->labels[0] : e->labels[1];
    product->left_t = left[1] != 0 && left[0] == shared;
    product->right_t = right[1] != 0 && right[1] == shared;
    return true;
}

Product bp_product_form(const Inst *inst) {
    Product product = {.form = PRODUCT_general};
    Einsum e = einsum_of_inst(inst);
    const char *a = e.labels[0], *b = e.labels[1];
    bool same_labels = *a && strcmp(a, b) == 0; /* of two scalars: a product */
    if (same_labels && !*e.out && inst->in[0] == inst->in[1])
        product.form = PRODUCT_norm2;
    else if (same_labels && !*e.out)
        product.form = strlen(a) == 1 ? PRODUCT_dot : PRODUCT_sum;
    else if (strlen(a) == 1 && strlen(b) == 1 && a[0] != b[0] && strlen(e.out) == 2) {
        product.form = PRODUCT_outer;
        product.swapped = e.out[0] == b[0];
    } else {
        Product matmul = product;
        if (as_matmul(&e, &matmul))
            return matmul;
    }
    return product;
}

/* ---- updates ---- */

bool bp_is_fresh_put(const Inst *inst) {
    enum { MOST = 16 };
    int n = 0;
    const Inst *seen[MOST];
    if (inst_is_zero(inst->in[0]))
        return true;
    for (const Value *base = inst->in[0];; base = base->inst->in[0]) {
        for (int k = 2; k < inst->n_in; k++)
            if (!inst->in[k]->inst || inst->in[k]->inst->op != OP_const)
                return false;
        for (int s = 0; s < n; s++) {
            bool same = seen[s]->n_in == inst->n_in;
            for (int k = 2; same && k < inst->n_in; k++)
                same = seen[s]->in[k]->inst->attr.integer == inst->in[k]->inst->attr.integer;
            if (same || seen[s]->n_in != inst->n_in)
                return false;
        }
        if (inst_is_zero(base))
            return true;
        if (!base->inst || base->inst->op != OP_add_at || n == MOST)
            return false;
        seen[n++] = inst;
        inst = base->inst;
    }
}

int bp_array_of_adds(Printer *p, const Value *v, Value **parts) {
    int64_t n;
    if (v->type->rank != 1 || !size_is_const(v->type->dims[0], &n) || n < 1 || n > PARTS_MOST)
        return 0;
    memset(parts, 0, PARTS_MOST * sizeof *parts);
    int left = (int)n;
    for (const Value *at = v; at->inst && at->inst->op == OP_add_at && left > 0;
         left--, at = at->inst->in[0]) {
        const Inst *index = at->inst->in[2]->inst;
        bool usable = index && index->op == OP_const && index->attr.integer >= 0 &&
                      index->attr.integer < n && !parts[index->attr.integer] &&
                      (at == v || bp_use_of(p, at)->n == 0);
        if (!usable)
            return 0;
        parts[index->attr.integer] = at->inst->in[1];
        if (left == 1)
            return inst_is_zero(at->inst->in[0]) ? (int)n : 0;
    }
    return 0;
}

/* ---- checks ---- */

static bool compares(const Value *v, Op op, const Value **x, const Value **y) {
    if (!v->inst || v->inst->op != op)
        return false;
    *x = v->inst->in[0];
    *y = v->inst->in[1];
    return true;
}

static bool is_size_value(const Value *v, const Size *size) {
    int64_t n;
    if (v->inst && v->inst->op == OP_size)
        return v->inst->attr.size == size;
    return v->inst && v->inst->op == OP_const && size_is_const(size, &n) &&
           v->inst->attr.integer == n;
}

/* 0 <= i && i < extent, or extent > i for a constant i: an index. */
static bool check_is_of_index(const Inst *check, const Inst *inst) {
    const Value *low, *high, *i, *zero, *j, *extent;
    int first = inst->op == OP_index ? 1 : 2;
    if (inst->op != OP_index && inst->op != OP_add_at && inst->op != OP_update)
        return false;
    bool constant = compares(check->in[0], OP_gt, &extent, &i);
    if (!constant &&
        (!compares(check->in[0], OP_and, &low, &high) || !compares(low, OP_ge, &i, &zero) ||
         !compares(high, OP_lt, &j, &extent) || i != j || !inst_is_zero(zero)))
        return false;
    for (int k = first; k < inst->n_in; k++)
        if (inst->in[k] == i && is_size_value(extent, inst->in[0]->type->dims[k - first]))
            return true;
    return false;
}

/* extent >= lo + m for a constant start, or 0 <= lo && lo <= hi && hi <= extent: a range. */
static bool check_is_of_range(const Inst *check, const Inst *inst) {
    const Value *low, *high, *i, *hi, *extent;
    int64_t end, m, sum;
    if (inst->op != OP_slice)
        return false;
    const Inst *lo = inst->in[1]->inst;
    const Size *n = inst->in[0]->type->dims[0];
    if (compares(check->in[0], OP_ge, &extent, &hi) && lo && lo->op == OP_const && hi->inst &&
        hi->inst->op == OP_const) {
        end = hi->inst->attr.integer;
        return size_is_const(inst->out[0]->type->dims[0], &m) &&
               !__builtin_add_overflow(lo->attr.integer, m, &sum) && end == sum &&
               is_size_value(extent, n);
    }
    return compares(check->in[0], OP_and, &low, &high) && compares(high, OP_le, &hi, &extent) &&
           is_size_value(extent, n) && compares(low, OP_and, &low, &high) &&
           compares(high, OP_le, &i, &hi) && i == inst->in[1];
}

/* The check of an element that is read or written in the same region: what is printed for that
 * brings its own. */
bool bp_check_is_implied(const Printer *p, const Inst *check) {
    const Inst *ended = bp_loop_ended_by(check);
    if (ended && (bp_is_while(ended) || bp_is_stored_while(p, ended)))
        return true;
    for (int k = 0; k < check->region->insts.n; k++) {
        const Inst *inst = check->region->insts.data[k];
        if (check_is_of_index(check, inst) || check_is_of_range(check, inst))
            return true;
    }
    return false;
}

/* ---- counting ----
 * Backwards, so that what is mentioned nowhere counts for nothing. */

static void note(Printer *p, const Value *v, const Region *at, bool named) {
    Use *use = bp_use_of(p, v);
    use->n++;
    use->nested = use->nested || v->region != at;
    use->named = use->named || named;
}

static void note_result(Printer *p, const Value *v, const Region *at, bool alone) {
    note(p, v, at, false);
    bp_use_of(p, v)->result = alone;
}

/* An operand beside a value of the whole shape. */
static void note_beside(Printer *p, const Value *v, const Region *at) {
    while (bp_is_transparent(v))
        v = v->inst->in[0];
    note(p, v, at, false);
}

static void note_all(Printer *p, const Inst *inst, bool named) {
    for (int k = 0; k < inst->n_in; k++)
        note(p, inst->in[k], inst->region, named);
}

int bp_whole_operand(const Inst *inst) {
    for (int k = 0; k < inst->n_in; k++)
        if (!bp_is_transparent(inst->in[k]))
            return k;
    return inst->n_in - 1;
}

bool bp_is_doubling(const Inst *inst) {
    return inst->op == OP_add && inst->in[0] == inst->in[1] && type_is_float(inst->out[0]->type);
}

static void note_elementwise(Printer *p, const Inst *inst) {
    int whole = bp_whole_operand(inst);
    if (bp_is_doubling(inst)) {
        note(p, inst->in[0], inst->region, false);
        return;
    }
    for (int k = 0; k < inst->n_in; k++)
        if (k == whole)
            note(p, inst->in[k], inst->region, false);
        else
            note_beside(p, inst->in[k], inst->region);
}

/* Where an element is read and written, the array and the indices are mentioned twice. */
static void note_put(Printer *p, const Inst *inst) {
    Value *parts[PARTS_MOST];
    int n = inst->op == OP_add_at ? bp_array_of_adds(p, inst->out[0], parts) : 0;
    for (int k = 0; k < n; k++)
        note(p, parts[k], inst->region, false);
    if (n > 0)
        return;
    bool slice = inst->op == OP_add_slice;
    bool twice = slice || (inst->op == OP_add_at && !bp_is_fresh_put(inst));
    if (slice || !inst_is_zero(inst->in[0]))
        note(p, inst->in[0], inst->region, twice);
    note(p, inst->in[1], inst->region, slice);
    for (int k = 2; k < inst->n_in; k++)
        note(p, inst->in[k], inst->region, twice);
}

static void walk(Printer *p, const Region *region);

/* The last instruction of a sum or scatter is not printed: the form says it. */
static Value *implied_yield(const Printer *p, const Inst *loop, LoopForm form, int k) {
    int acc = k - loop->attr.loop.n_carry;
    Value *y = loop->regions[0]->yields.data[k];
    if (acc < 0 || acc >= loop->attr.loop.n_acc)
        return NULL;
    if (form == FORM_sum || form == FORM_map_sum)
        return bp_summand(p, loop, acc);
    return form == FORM_scatter && y->inst->op == OP_add_at ? y->inst->in[1] : NULL;
}

static void note_loop(Printer *p, const Inst *loop) {
    const Region *body = loop->regions[0];
    LoopForm form = bp_loop_form(p, loop);
    int nc = loop->attr.loop.n_carry;
    VEC(Value *) results = {0};
    for (int k = 0; k < body->yields.n; k++) {
        Value *added = implied_yield(p, loop, form, k), *y = body->yields.data[k];
        if (added && added != y)
            ptrmap_put(&p->skipped, y->inst, NULL);
        for (int i = 2; added && form == FORM_scatter && i < y->inst->n_in; i++)
            note(p, y->inst->in[i], body, false);
        bool stacked_too = form == FORM_map_sum && added && is_stacked(loop, added);
        if (!stacked_too && (form != FORM_scan || k < nc))
            vec_push(p->arena, &results, added ? added : y);
    }
    for (int k = 0; k < results.n; k++)
        note_result(p, results.data[k], body, results.n == 1);
    walk(p, body);
    for (int k = 0; k < loop->n_in; k++)
        if (!bp_is_running_sum(p, loop->in[k]))
            note(p, loop->in[k], loop->region, k < loop->attr.loop.n_slice);
}

static void note_if(Printer *p, const Inst *inst) {
    for (int k = 0; k < 2; k++) {
        const Region *branch = inst->regions[k];
        for (int i = 0; i < branch->yields.n; i++)
            note_result(p, branch->yields.data[i], branch, branch->yields.n == 1);
        walk(p, branch);
    }
    note(p, inst->in[0], inst->region, false);
}

static void note_contract(Printer *p, const Inst *inst) {
    ProductForm form = bp_product_form(inst).form;
    note(p, inst->in[0], inst->region, form == PRODUCT_general);
    if (form != PRODUCT_norm2)
        note(p, inst->in[1], inst->region, form == PRODUCT_general);
}

bool bp_reduces_all(const Inst *inst) {
    return inst->attr.reduce.axes == inst->in[0]->type->rank;
}

static void note_structure(Printer *p, const Inst *inst) {
    const Use *use;
    switch (inst->op) {
    case OP_const:
    case OP_size:
    case OP_iota:
        break;
    case OP_dim:
        note(p, inst->in[0], inst->region, true);
        ptrmap_put(&p->dims, inst->in[0], inst->attr.sym);
        break;
    case OP_broadcast:
        note(p, inst->in[0], inst->region, true);
        break;
    case OP_index:
        note(p, inst->in[0], inst->region, true);
        for (int k = 1; k < inst->n_in; k++)
            note(p, inst->in[k], inst->region, false);
        break;
    case OP_slice:
        note_all(p, inst, true);
        break;
    case OP_add_at:
    case OP_update:
    case OP_add_slice:
        note_put(p, inst);
        break;
    case OP_transpose:
        use = bp_use_of(p, inst->out[0]);
        note_all(p, inst, inst->in[0]->type->rank != 2 || use->n > 1 || use->named);
        break;
    case OP_reduce:
        note_all(p, inst, !bp_reduces_all(inst));
        break;
    case OP_contract:
        note_contract(p, inst);
        break;
    case OP_loop:
        note_loop(p, inst);
        break;
    case OP_if:
        note_if(p, inst);
        break;
    default:
        note_all(p, inst, false);
        break;
    }
}

bool bp_is_mentioned(Printer *p, const Inst *inst) {
    if (inst->op == OP_check)
        return !bp_check_is_implied(p, inst);
    if (inst->op == OP_dim || inst->op == OP_loop || inst->op == OP_if)
        return true;
    for (int k = 0; k < inst->n_out; k++)
        if (bp_use_of(p, inst->out[k])->n > 0)
            return true;
    return false;
}

static void walk(Printer *p, const Region *region) {
    for (int i = region->insts.n - 1; i >= 0; i--) {
        const Inst *inst = region->insts.data[i];
        if (ptrmap_has(&p->skipped, inst) || !bp_is_mentioned(p, inst))
            continue;
        if (op_is_elementwise(inst->op))
            note_elementwise(p, inst);
        else
            note_structure(p, inst);
    }
}

void bp_uses_find(Printer *p, const Func *f) {
    ptrmap_init(&p->uses, p->arena);
    ptrmap_init(&p->skipped, p->arena);
    ptrmap_init(&p->dims, p->arena);
    p->forms = ARENA_NEW(p->arena, PtrMap);
    ptrmap_init(p->forms, p->arena);
    for (int i = 0; i < f->body->yields.n; i++)
        note_result(p, f->body->yields.data[i], f->body, f->body->yields.n == 1);
    walk(p, f->body);
}
