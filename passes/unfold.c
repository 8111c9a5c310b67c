/* Contractions as loops over scalars: loops over the axes of the result around loops over what is
 * summed, whose index is called `term`. As a pass, so that each product and each sum can be watched
 * (--sanitize=nan): only pipelines of watched modules have it, before `loops`. In derivatives,
 * where a zero by structure may meet inf or NaN in a product of arrays (zeros.c). */
#include "ir/einsum.h"
#include "passes/rebuild.h"

#include <string.h>

enum { MOST_LABELS = 2 * IR_MAX_RANK };

typedef struct Product {
    Einsum e;
    char all[MOST_LABELS + 1]; /* of the result, then those that are summed */
    int n_out, n;
    const Size *extent[MOST_LABELS];
    Value *index[MOST_LABELS];
    Op op;     /* mul or mul0 */
    Atom term; /* the name of an index that is summed over */
} Product;

static void add_label(Product *p, char label) {
    if (strchr(p->all, label))
        return;
    p->extent[p->n] = einsum_extent(&p->e, label);
    p->all[p->n++] = label;
}

static void find_labels(Product *p) {
    for (const char *at = p->e.out; *at; at++)
        add_label(p, *at);
    p->n_out = p->n;
    for (int k = 0; k < 2; k++)
        for (const char *at = p->e.labels[k]; *at; at++)
            add_label(p, *at);
}

static Value *element(Product *p, IrBuilder *b, int k) {
    Value *where[IR_MAX_RANK];
    int rank = 0;
    for (const char *label = p->e.labels[k]; *label; label++)
        where[rank++] = p->index[strchr(p->all, *label) - p->all];
    return ir_index(b, p->e.in[k], rank, where);
}

static Value *emit_product(Product *p, IrBuilder *b) {
    return ir_ew2(b, p->op, element(p, b, 0), element(p, b, 1));
}

/* acc + the sum over the labels from `axis` on. */
static Value *emit_sum(Product *p, IrBuilder *b, int axis, Value *acc) {
    if (axis == p->n)
        return ir_ew2(b, OP_add, acc, emit_product(p, b));
    LoopSpec spec = {.extent = p->extent[axis], .n_acc = 1, .accs = &acc, .index_name = p->term};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    p->index[axis] = ir_body_index(&body);
    p->index[axis]->name = p->term;
    ir_yield(&body, emit_sum(p, &body, axis + 1, body.region->params.data[1]));
    return ir_loop_end(b, &spec, &body)->out[0];
}

static Value *emit_elements(Product *p, IrBuilder *b, int axis) {
    if (axis == p->n_out) {
        const Type *type = ir_scalar(b->m, p->e.in[0]->type->elem);
        return p->n_out == p->n ? emit_product(p, b) : emit_sum(p, b, axis, ir_const(b, type, 0.0));
    }
    LoopSpec spec = {.extent = p->extent[axis]};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    p->index[axis] = ir_body_index(&body);
    ir_yield(&body, emit_elements(p, &body, axis + 1));
    return ir_loop_end(b, &spec, &body)->out[0];
}

static Value *unfolded(IrBuilder *b, const char *spec, Op op, Value *x, Value *y) {
    Product p = {.e = einsum_of(spec, x, y), .op = op, .term = atom_of(&b->m->ctx->atoms, "term")};
    find_labels(&p);
    return emit_elements(&p, b, 0);
}

/* bool: all elements are finite. */
static Value *is_finite(IrBuilder *b, Value *x) {
    Value *difference = ir_ew2(b, OP_sub, x, x); /* NaN, or 0 */
    int rank = x->type->rank;
    Value *sum = rank > 0 ? ir_reduce(b, RED_sum, difference, rank) : difference;
    return ir_ew2(b, OP_eq, sum, ir_const(b, sum->type, 0.0));
}

/* 0 times inf or NaN makes a sum NaN: where there is none, no such product was in it. Who watches
 * for NaN would see that of the product, though nobody uses it. */
Value *strong_contract(IrBuilder *b, const char *spec, Value *x, Value *y) {
    if (b->m->watched)
        return unfolded(b, spec, OP_mul0, x, y);
    Value *plain = ir_contract(b, spec, x, y), *out;
    IrBuilder branch[2];
    for (int k = 0; k < 2; k++)
        ir_builder_nested(&branch[k], b);
    ir_yield(&branch[0], plain);
    ir_yield(&branch[1], unfolded(&branch[1], spec, OP_mul0, x, y));
    ir_if_values(b, is_finite(b, plain), &branch[0], &branch[1], &out);
    return out;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (inst->op != OP_contract) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    b->loc = inst->loc;
    b->origin = inst->origin;
    Value *v = unfolded(b, inst->attr.spec, OP_mul, irmap_get(map, inst->in[0]),
                        irmap_get(map, inst->in[1]));
    if (!v->name)
        v->name = inst->out[0]->name;
    irmap_put(map, inst->out[0], v);
}

bool pass_unfold(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            rebuild_func(m, m->funcs.data[i], emit, NULL);
    return true;
}
