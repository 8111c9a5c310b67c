/* Contractions inside a vector loop: each lane its own, as loops around a product and a sum; see
 * emit.h. Lanes are what makes them fast: there is no other blocking. */
#include "codegen/emit.h"
#include "ir/einsum.h"

#include <string.h>

enum { MOST_LABELS = 3 * IR_MAX_RANK };

typedef struct LaneProduct {
    Val operands[2]; /* arrays, or scalars */
    const View *result;
    const char *labels[3];   /* of its operands and of its result */
    char order[MOST_LABELS]; /* the labels of the result, then those that are summed over */
    LLVMValueRef extent[MOST_LABELS], index[MOST_LABELS];
    int n_out, n;
    Scalar elem;
} LaneProduct;

static int place_of(const LaneProduct *p, char label) {
    const char *at = memchr(p->order, label, (size_t)p->n);
    return at ? (int)(at - p->order) : -1;
}

static void add_labels(LaneProduct *p, int operand, const View *view) {
    for (int k = 0; p->labels[operand][k]; k++) {
        if (place_of(p, p->labels[operand][k]) < 0) {
            p->order[p->n] = p->labels[operand][k];
            p->extent[p->n++] = view->dims[k];
        }
    }
}

/* The element of an operand, or of the result, at the indices of the loops around. */
static View element_of(Emit *e, const LaneProduct *p, int operand, const View *view) {
    Val index[IR_MAX_RANK];
    int rank = 0;
    for (const char *label = p->labels[operand]; *label; label++) {
        index[rank++] = val_of(p->index[place_of(p, *label)]);
    }
    return view_index(e, view, rank, index);
}

static LLVMValueRef operand_lanes(Emit *e, const LaneProduct *p, int operand) {
    const Val *value = &p->operands[operand];
    if (!value->view) {
        return emit_lanes(e, *value);
    }
    View element = element_of(e, p, operand, value->view);
    return emit_lanes(e, view_load(e, &element));
}

/* The sum over labels from `k` on, on top of `sum`. */
static LLVMValueRef sum_over(Emit *e, LaneProduct *p, int k, LLVMValueRef sum) {
    if (k == p->n) {
        LLVMValueRef a = operand_lanes(e, p, 0), b = operand_lanes(e, p, 1);
        return emit_binary(e, OP_add, p->elem, sum, emit_binary(e, OP_mul, p->elem, a, b));
    }
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), p->extent[k], 1, 1, &sum);
    p->index[k] = loop.index;
    sum = sum_over(e, p, k + 1, sum);
    counted_end(e, &loop, &sum);
    return sum;
}

static LLVMValueRef element_sum(Emit *e, LaneProduct *p) {
    return sum_over(e, p, p->n_out, emit_splat(e, emit_identity(e, OP_add, p->elem)));
}

static void store_over(Emit *e, LaneProduct *p, int k) {
    if (k == p->n_out) {
        LLVMValueRef sum = element_sum(e, p);
        View element = element_of(e, p, 2, p->result);
        view_store(e, &element, val_of(sum));
        return;
    }
    Counted loop;
    counted_begin(e, &loop, emit_i64(e, 0), p->extent[k], 1, 0, NULL);
    p->index[k] = loop.index;
    store_over(e, p, k + 1);
    counted_end(e, &loop, NULL);
}

void emit_contract_lanes(Emit *e, const Inst *inst) {
    const Value *out = inst->out[0];
    Einsum parts = einsum_of_inst(inst);
    LaneProduct p = {.labels = {parts.labels[0], parts.labels[1], parts.out},
                     .elem = out->type->elem};
    if (out->type->rank > 0) {
        View *result = emit_buffer_view(e, plan_home(e->plan, out), out->type);
        emit_val(e, out)->view = result;
        p.result = result;
        add_labels(&p, 2, result);
        if (view_is_empty(result)) {
            return;
        }
    }
    p.n_out = p.n;
    for (int k = 0; k < 2; k++) {
        p.operands[k] = *emit_val(e, inst->in[k]);
        if (p.operands[k].view) {
            add_labels(&p, k, p.operands[k].view);
        }
    }
    if (out->type->rank > 0) {
        store_over(e, &p, 0);
    } else {
        *emit_val(e, out) = val_of(element_sum(e, &p));
    }
}
