/* Sums that are dots, and dots that are sums.
 *
 * A dot of what a parallel loop stacks becomes a sum in a loop, which fuse joins with the one that
 * stacks: then the array need not be stored to be read. The sum of each column of a matrix, in a
 * loop over columns, becomes a product of ones and the matrix in front of it: products read rows in
 * the order of memory. The order of additions is another one, so this is left to levels that
 * optimise. */
#include "passes/rebuild.h"

typedef struct Dots {
    PtrMap sums; /* loop that adds up a column -> the sums of all columns, in the new body */
} Dots;

static bool is_dot(const Inst *inst) {
    return inst->op == OP_contract && inst->out[0]->type->rank == 0 && inst->in[0]->type->rank == 1;
}

/* Whether a parallel loop beside the place of the builder stacks it. */
static bool is_stacked_beside(const IrBuilder *b, const Value *x) {
    const Inst *loop = x->inst;
    return loop && loop->op == OP_loop && loop->region == b->region &&
           loop->attr.loop.n_carry == 0 && x->index >= loop->attr.loop.n_acc;
}

/* A loop that fuse can join with the one that makes x, so that x need not be stored to be read. */
static Value *dot_loop(IrBuilder *b, Value *x, Value *y) {
    Value *slices[] = {x, y}, *zero = ir_const(b, ir_scalar(b->m, x->type->elem), 0.0);
    LoopSpec spec = {.extent = x->type->dims[0],
                     .n_slice = x == y ? 1 : 2,
                     .slices = slices,
                     .n_acc = 1,
                     .accs = &zero};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value *const *params = body.region->params.data;
    Value *product = ir_ew2(&body, OP_mul, params[1], params[spec.n_slice]);
    ir_yield(&body, ir_ew2(&body, OP_add, params[1 + spec.n_slice], product));
    return ir_loop_end(b, &spec, &body)->out[0];
}

/* ---- columns ---- */

/* The matrix whose columns the loop goes over as its operand k; NULL: not a matrix that is turned.
 */
static Value *matrix_of_columns(const Inst *loop, int k) {
    const Inst *turn = k < loop->attr.loop.n_slice ? loop->in[k]->inst : NULL;
    bool is_matrix = turn && turn->op == OP_transpose && turn->out[0]->type->rank == 2;
    return is_matrix && turn->attr.perm[0] == 1 ? turn->in[0] : NULL;
}

/* The matrix of which `sum`, in the body of a loop over columns, adds up one; NULL: it does
 * something else. */
static Value *summed_matrix(const Inst *loop, const Inst *sum) {
    if (sum->op != OP_loop || sum->n_in != 2 || sum->attr.loop.n_slice != 1 ||
        sum->attr.loop.n_acc != 1 || sum->n_out != 1 || !value_is_float(sum->out[0]) ||
        !inst_is_zero(sum->in[1]))
        return NULL;
    const Region *body = sum->regions[0];
    const Inst *add = body->yields.data[0]->inst;
    const Value *column = sum->in[0];
    if (body->insts.n != 1 || !add || add->op != OP_add || add->in[0] != body->params.data[2] ||
        add->in[1] != body->params.data[1] || column->inst || column->index < 1 ||
        column->region != loop->regions[0])
        return NULL;
    return matrix_of_columns(loop, column->index - 1);
}

static Value *sums_of_columns(IrBuilder *b, Value *x) {
    Value *one = ir_const(b, ir_scalar(b->m, x->type->elem), 1.0);
    Value *ones = ir_broadcast(b, one, ir_type(b->m, x->type->elem, 1, x->type->dims));
    return ir_contract(b, "i,ij->j", ones, x);
}

/* In front of a loop over columns: the sums of them that it adds up. */
static void emit_sums(Dots *s, IrBuilder *b, const Inst *loop, IrMap *map) {
    for (int i = 0; i < loop->regions[0]->insts.n; i++) {
        const Inst *sum = loop->regions[0]->insts.data[i];
        Value *x = summed_matrix(loop, sum);
        if (!x)
            continue;
        b->loc = sum->loc;
        ptrmap_put(&s->sums, sum, sums_of_columns(b, irmap_get(map, x)));
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Dots *s = user;
    Value *sums = ptrmap_get(&s->sums, inst);
    if (sums) {
        Value *column = irmap_get(map, inst->region->params.data[0]);
        irmap_put(map, inst->out[0], ir_index(b, sums, 1, &column));
        return;
    }
    if (inst->op == OP_loop)
        emit_sums(s, b, inst, map);
    if (!is_dot(inst)) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    Value *x = irmap_get(map, inst->in[0]), *y = irmap_get(map, inst->in[1]);
    if (!is_stacked_beside(b, x) && !is_stacked_beside(b, y)) {
        rebuild_inst(b, inst, map, emit, user);
        return;
    }
    b->loc = inst->loc;
    Value *v = dot_loop(b, x, y);
    if (!v->name)
        v->name = inst->out[0]->name;
    irmap_put(map, inst->out[0], v);
}

bool pass_dots(IrModule *m) {
    Dots s;
    ptrmap_init(&s.sums, m->arena);
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            rebuild_func(m, m->funcs.data[i], emit, &s);
    return true;
}
