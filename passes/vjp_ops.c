/* Reverse mode: the adjoints of instructions without regions; see vjp.c. What may be 0 by structure
 * is multiplied accordingly: Note [Gates] in rules.c. */
#include "ir/einsum.h"
#include "passes/vjp.h"

#include <string.h>

/* Whether a product with the adjoint of inst, on its way through operand k, is to be strong. */
static bool is_risky(const Vjp *s, const Inst *inst, int k) {
    const Zeros *z = &s->gates.source;
    return zero_meets_pole(z, inst->out[0], inst, k) || pole_meets_zero(z, inst->out[0], inst, k);
}

static void sweep_elementwise(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    Value *x[3] = {0}, *r = primal(s, inst->out[0]), *term = NULL;
    for (int k = 0; k < inst->n_in; k++)
        x[k] = primal(s, inst->in[k]);
    for (int k = 0; k < inst->n_in; k++) {
        if (!vjp_is_active(s, inst->in[k]))
            continue;
        Value *kept = k == 0 ? vjp_kept_partial(s, b, inst) : NULL;
        bool follows = inst->op == OP_div && term;
        Value *from =
            follows ? rule_divisor_term(&s->gates, b, inst, r, g, inst->out[0], term) : NULL;
        term = from ? from : rule_term(&s->gates, b, inst, k, x, r, g, inst->out[0], kept);
        vjp_accumulate(s, b, inst->in[k], term);
    }
}

static void sweep_reduce(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    Value *x = primal(s, inst->in[0]), *r = primal(s, inst->out[0]);
    Value *wide_g = ir_broadcast(b, g, x->type);
    switch (inst->attr.reduce.kind) {
    case RED_sum:
        vjp_accumulate(s, b, inst->in[0], wide_g);
        break;
    case RED_logsumexp: { /* softmax: exp(x - r) */
        Value *shifted = ir_ew2(b, OP_sub, x, ir_broadcast(b, r, x->type));
        Value *share = ir_ew1(b, OP_exp, shifted);
        vjp_accumulate(s, b, inst->in[0], times_partial(b, wide_g, share, is_risky(s, inst, 0)));
        break;
    }
    case RED_max:
    case RED_min: { /* ties share equally */
        Value *hit = ir_ew2(b, OP_eq, x, ir_broadcast(b, r, x->type));
        Value *ones = ir_ew3(b, OP_select, hit, ir_const(b, x->type, 1.0), zeros_of(b, x->type));
        Value *count = ir_reduce(b, RED_sum, ones, inst->attr.reduce.axes);
        b->is_step = true; /* of nothing, it divides by zero for nobody */
        Value *each = ir_ew2(b, OP_div, g, count), *share = ir_broadcast(b, each, x->type);
        b->is_step = false;
        vjp_accumulate(s, b, inst->in[0], ir_ew3(b, OP_select, hit, share, zeros_of(b, x->type)));
        break;
    }
    default:
        break;
    }
}

/* What an einsum passes on to operand k: an einsum of the result's adjoint and the other operand.
 * Where one of the two is a scalar, it is written as a product. */
static Value *contract_term(Vjp *s, IrBuilder *b, const Inst *inst, int k, Value *g) {
    Einsum e = einsum_of_inst(inst);
    const char *axes[] = {e.labels[0], e.labels[1], e.out};
    Value *other = primal(s, inst->in[1 - k]);
    bool strong = is_risky(s, inst, k);
    if (g->type->rank == 0 && !strcmp(axes[1 - k], axes[k]))
        return times_partial(b, ir_broadcast(b, g, other->type), other, strong);
    if (other->type->rank == 0 && !strcmp(axes[2], axes[k]))
        return times_partial(b, g, ir_broadcast(b, other, g->type), strong);
    Value *(*einsum)(IrBuilder *, const char *, Value *, Value *) =
        einsum_is_risky(&s->gates.source, inst->out[0], inst, k) ? strong_contract : ir_contract;
    if (k == 0)
        return einsum(b, arena_printf(s->arena, "%s,%s->%s", axes[2], axes[1], axes[0]), g, other);
    /* the shared operand first, so that outer products read A' g */
    return einsum(b, arena_printf(s->arena, "%s,%s->%s", axes[0], axes[2], axes[1]), other, g);
}

static void sweep_contract(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    for (int k = 0; k < 2; k++)
        if (vjp_is_active(s, inst->in[k]))
            vjp_accumulate(s, b, inst->in[k], contract_term(s, b, inst, k, g));
}

/* Adds into an array at an index: index, and slice. */
static void sweep_gather(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    Value *x = inst->in[0];
    if (!vjp_is_active(s, x))
        return;
    Value *a = vjp_adjoint_or_zeros(s, b, x);
    if (inst->op == OP_slice) {
        set_adjoint(s, x, ir_add_slice(b, a, g, primal(s, inst->in[1])));
        return;
    }
    Value *idx[IR_MAX_RANK];
    for (int k = 1; k < inst->n_in; k++)
        idx[k - 1] = primal(s, inst->in[k]);
    set_adjoint(s, x, ir_add_at(b, a, g, inst->n_in - 1, idx));
}

/* add_at, update, add_slice: operands a, v and where. */
static void sweep_scatter(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    Value *idx[IR_MAX_RANK];
    int k = inst->n_in - 2;
    for (int i = 0; i < k; i++)
        idx[i] = primal(s, inst->in[2 + i]);
    Value *v = inst->in[1];
    if (vjp_is_active(s, v)) {
        const Type *type = irmap_type(&s->map, v->type);
        vjp_accumulate(s, b, v,
                       inst->op == OP_add_slice ? ir_slice(b, g, idx[0], type->dims[0])
                                                : ir_index(b, g, k, idx));
    }
    if (!vjp_is_active(s, inst->in[0]))
        return;
    if (inst->op == OP_update)
        g = ir_update(b, g, zeros_of(b, irmap_type(&s->map, v->type)), k, idx);
    vjp_accumulate(s, b, inst->in[0], g);
}

static void sweep_shape(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    Value *x = inst->in[0];
    switch (inst->op) {
    case OP_convert:
        vjp_accumulate(s, b, x, ir_convert(b, g, x->type->elem));
        break;
    case OP_broadcast:
        vjp_accumulate(s, b, x, ir_reduce(b, RED_sum, g, inst->out[0]->type->rank - x->type->rank));
        break;
    case OP_transpose: {
        int8_t inverse[IR_MAX_RANK] = {0};
        for (int k = 0; k < x->type->rank; k++)
            inverse[inst->attr.perm[k]] = (int8_t)k;
        vjp_accumulate(s, b, x, ir_transpose(b, g, inverse));
        break;
    }
    case OP_reshape:
        vjp_accumulate(s, b, x, ir_reshape(b, g, irmap_type(&s->map, x->type)));
        break;
    case OP_reverse:
        vjp_accumulate(s, b, x, ir_reverse(b, g));
        break;
    case OP_array:
        for (int k = 0; k < inst->n_in; k++) {
            Value *i = ir_int(b, S_i64, k);
            if (vjp_is_active(s, inst->in[k]))
                vjp_accumulate(s, b, inst->in[k], index_gate(&s->gates, b, g, 1, &i));
        }
        break;
    default: { /* concat */
        const Size *at = size_const(&s->m->ctx->polys, 0);
        for (int k = 0; k < inst->n_in; k++) {
            const Size *extent = irmap_type(&s->map, inst->in[k]->type)->dims[0];
            if (vjp_is_active(s, inst->in[k]))
                vjp_accumulate(s, b, inst->in[k], ir_slice(b, g, ir_size(b, at), extent));
            at = size_add(&s->m->ctx->polys, at, extent);
        }
    }
    }
}

void vjp_sweep_op(Vjp *s, IrBuilder *b, const Inst *inst, Value *g) {
    if (op_is_elementwise(inst->op)) {
        sweep_elementwise(s, b, inst, g);
        return;
    }
    switch (inst->op) {
    case OP_reduce:
        sweep_reduce(s, b, inst, g);
        break;
    case OP_contract:
        sweep_contract(s, b, inst, g);
        break;
    case OP_index:
    case OP_slice:
        sweep_gather(s, b, inst, g);
        break;
    case OP_add_at:
    case OP_add_slice:
    case OP_update:
        sweep_scatter(s, b, inst, g);
        break;
    case OP_convert:
    case OP_broadcast:
    case OP_transpose:
    case OP_reshape:
    case OP_reverse:
    case OP_array:
    case OP_concat:
        sweep_shape(s, b, inst, g);
        break;
    default: /* const, size, iota, stop: nothing flows */
        break;
    }
}
