/* See lanes_cost.h. Called by lanes.c only. */
#include "codegen/lanes_cost.h"
#include "ir/einsum.h"

#include <string.h>

enum { UNKNOWN_EXTENT = 64 };

/* Costs of one access or event, in vector instructions; lanes apart cost that much a lane. */
static const double SCALAR = 0.3, LOAD_APART = 2.0, STORE_APART = 2.5, BOOL_APART = 4.0,
                    ADD_APART = 4.0;
static const double REDUCTION = 15.0, LOOP_START = 10.0, LOOP_STEP = 1.0;
/* A product and sum, with its loads: a lane at a time, and in a kernel made for products. */
static const double PRODUCT_ACROSS = 2.0, PRODUCT_WITHIN = 0.75, PRODUCT_START = 25.0;

/* The number of chunks of an extent that is not known is that of the guess. */
static double guess_of(const Size *size) {
    const SizeSym *sym = size_is_sym(size);
    const Value *v = sym ? sym->value : NULL;
    const Inst *inst = v ? v->inst : NULL;
    if (!inst || inst->op != OP_div || !inst_is_const(inst->in[1]))
        return (double)UNKNOWN_EXTENT;
    double chunk = (double)inst->in[1]->inst->attr.integer;
    double chunks = chunk > 1 ? (double)UNKNOWN_EXTENT / chunk : (double)UNKNOWN_EXTENT;
    return chunks > 1 ? chunks : 1;
}

static double size_or_guess(const Size *size) {
    int64_t extent;
    return size_is_const(size, &extent) ? (double)extent : guess_of(size);
}

static double extent_of(const Inst *loop) {
    return size_or_guess(loop->attr.loop.extent);
}

/* Products of two numbers that a contraction adds up. */
static double products_of(const Inst *contract) {
    Einsum e = einsum_of_inst(contract);
    const Size *extents[2 * IR_MAX_RANK];
    int n_labels = einsum_extents(&e, extents);
    double n = 1;
    for (int k = 0; k < n_labels; k++) {
        n *= size_or_guess(extents[k]);
    }
    return n;
}

/* ---- where the lanes of a value lie ---- */

typedef enum Access {
    ACCESS_same,  /* the same for all lanes */
    ACCESS_dense, /* lanes side by side */
    ACCESS_apart, /* each lane somewhere else */
} Access;

bool lanes_lie_along(const Value *array, int axis) {
    const Inst *inst = array->inst;
    if (!inst) {
        const Inst *owner = array->region->owner;
        bool is_slice = owner && array->index >= 1 && array->index <= owner->attr.loop.n_slice;
        return is_slice ? lanes_lie_along(owner->in[array->index - 1], axis + 1)
                        : axis == array->type->rank - 1;
    }
    switch (inst->op) {
    case OP_transpose:
        return lanes_lie_along(inst->in[0], inst->attr.perm[axis]);
    case OP_index:
        return lanes_lie_along(inst->in[0], axis + inst->n_in - 1);
    case OP_slice:
        return lanes_lie_along(inst->in[0], axis);
    case OP_broadcast:
        axis -= array->type->rank - inst->in[0]->type->rank;
        return axis < 0 || lanes_lie_along(inst->in[0], axis);
    default:
        return axis == array->type->rank - 1;
    }
}

static bool any_varies(Value *const *values, int n, const Inst *loop) {
    for (int k = 0; k < n; k++) {
        if (lanes_vary(values[k], loop)) {
            return true;
        }
    }
    return false;
}

static Access access_param(const Value *v, const Inst *loop);

static Access access_of(const Value *array, const Inst *loop) {
    if (!region_contains(loop->regions[0], array->region)) {
        return ACCESS_same;
    }
    const Inst *inst = array->inst;
    if (!inst) {
        return access_param(array, loop);
    }
    switch (inst->op) {
    case OP_index:
    case OP_slice:
        return any_varies(inst->in + 1, inst->n_in - 1, loop) ? ACCESS_apart
                                                              : access_of(inst->in[0], loop);
    case OP_transpose:
    case OP_reverse:
    case OP_reshape:
        return access_of(inst->in[0], loop);
    case OP_broadcast:
        return inst->in[0]->type->rank > 0 ? access_of(inst->in[0], loop) : ACCESS_same;
    default:
        return ACCESS_dense; /* made here, once a lane */
    }
}

static Access access_param(const Value *v, const Inst *loop) {
    const Inst *owner = v->region->owner;
    int n_slice = owner->attr.loop.n_slice;
    if (v->index >= 1 && v->index <= n_slice) {
        if (owner == loop) {
            return lanes_lie_along(owner->in[v->index - 1], 0) ? ACCESS_dense : ACCESS_apart;
        }
        return access_of(owner->in[v->index - 1], loop);
    }
    return owner == loop ? ACCESS_same : ACCESS_dense;
}

bool lanes_vary(const Value *v, const Inst *loop) {
    if (!region_contains(loop->regions[0], v->region)) {
        return false;
    }
    const Inst *inst = v->inst;
    if (!inst) {
        const Inst *owner = v->region->owner;
        if (owner == loop) {
            return true;
        }
        bool is_slice = v->index >= 1 && v->index <= owner->attr.loop.n_slice;
        return v->index > 0 && !(is_slice && access_param(v, loop) == ACCESS_same);
    }
    if (inst->op == OP_index) {
        return access_of(inst->in[0], loop) != ACCESS_same ||
               any_varies(inst->in + 1, inst->n_in - 1, loop);
    }
    return inst->n_region > 0 || any_varies(inst->in, inst->n_in, loop);
}

static const Value *sum_base(const Value *v, const Region *region, const Inst *outer);

/* The operand that result v of an instruction adds to; NULL where lanes may add in different
 * places. */
static const Value *sum_operand(const Value *v, const Inst *outer) {
    const Inst *inst = v->inst;
    switch (inst->op) {
    case OP_add_at:
    case OP_add_slice:
        return any_varies(inst->in + 2, inst->n_in - 2, outer) ? NULL : inst->in[0];
    case OP_loop: {
        int first = inst->attr.loop.n_slice;
        const Region *body = inst->regions[0];
        const Value *param = body->params.data[1 + first + v->index];
        bool is_acc = v->index >= inst->attr.loop.n_carry &&
                      v->index < inst->attr.loop.n_carry + inst->attr.loop.n_acc;
        return is_acc && sum_base(body->yields.data[v->index], body, outer) == param
                   ? inst->in[first + v->index]
                   : NULL;
    }
    case OP_if: {
        const Value *bases[2];
        for (int k = 0; k < 2; k++) {
            bases[k] = sum_base(inst->regions[k]->yields.data[v->index], inst->regions[k], outer);
        }
        return bases[0] == bases[1] ? bases[0] : NULL;
    }
    default:
        return NULL;
    }
}

/* The value from outside of the region, or its parameter, that v is a sum on top of. */
static const Value *sum_base(const Value *v, const Region *region, const Inst *outer) {
    while (v && v->inst && v->inst->region == region) {
        v = sum_operand(v, outer);
    }
    return v;
}

bool lanes_add_alike(const Inst *loop, int acc) {
    const Region *body = loop->regions[0];
    int j = loop->attr.loop.n_carry + acc;
    return sum_base(body->yields.data[j], body, loop) ==
           body->params.data[1 + loop->attr.loop.n_slice + j];
}

/* An operation, by all lanes; integers are divided one after the other. What is the same for all
 * lanes keeps to the scalar units. */
static double op_cost(const Inst *inst, const Inst *loop, int lanes) {
    if (loop && !any_varies(inst->in, inst->n_in, loop)) {
        return SCALAR * op_info[inst->op].cost;
    }
    bool divides = (inst->op == OP_div || inst->op == OP_rem) && !type_is_float(inst->out[0]->type);
    return divides && loop && any_varies(inst->in, 2, loop) ? 8.0 * lanes : op_info[inst->op].cost;
}

static double load_cost(Access access, int lanes) {
    return access == ACCESS_apart ? LOAD_APART * lanes : 1;
}

/* ---- all in lanes ---- */

static double across(const Region *region, const Inst *outer, int lanes);

/* Whether the stacked result is a row of what the outer loop stacks, so that lanes are a row apart.
 */
static bool leaves_the_lane(const Inst *inner, int j, const Inst *outer) {
    const Region *body = outer->regions[0];
    int n_state = outer->attr.loop.n_carry + outer->attr.loop.n_acc;
    for (int k = n_state; k < body->yields.n; k++) {
        if (body->yields.data[k] == inner->out[j]) {
            return true;
        }
    }
    return false;
}

static double inner_loop_across(const Inst *inner, const Inst *outer, int lanes) {
    double once = across(inner->regions[0], outer, lanes) + LOOP_STEP;
    for (int k = 0; k < inner->attr.loop.n_slice; k++) {
        if (inner->regions[0]->params.data[1 + k]->type->rank == 0) {
            once += load_cost(access_of(inner->in[k], outer), lanes);
        }
    }
    for (int j = inner->attr.loop.n_carry + inner->attr.loop.n_acc; j < inner->n_out; j++) {
        if (inner->regions[0]->yields.data[j]->type->rank == 0) {
            double apart = inner->out[j]->type->elem == S_bool ? BOOL_APART : STORE_APART;
            once += leaves_the_lane(inner, j, outer) ? apart * lanes : 1;
        }
    }
    return extent_of(inner) * once + LOOP_STEP;
}

static double write_across(const Inst *inst, const Inst *outer, int lanes) {
    double once = any_varies(inst->in + 2, inst->n_in - 2, outer) ? ADD_APART * lanes : 2;
    return inst->in[1]->type->rank > 0 ? once * (double)UNKNOWN_EXTENT : once;
}

static double inst_across(const Inst *inst, const Inst *outer, int lanes) {
    switch (inst->op) {
    case OP_loop:
        return inner_loop_across(inst, outer, lanes);
    case OP_if:
        return 2 + across(inst->regions[0], outer, lanes) + across(inst->regions[1], outer, lanes);
    case OP_index:
        if (inst->out[0]->type->rank > 0) {
            return 0;
        }
        return load_cost(any_varies(inst->in + 1, inst->n_in - 1, outer)
                             ? ACCESS_apart
                             : access_of(inst->in[0], outer),
                         lanes);
    case OP_update:
    case OP_add_at:
    case OP_add_slice:
        return write_across(inst, outer, lanes);
    case OP_contract:
        return products_of(inst) * PRODUCT_ACROSS;
    default:
        return op_is_elementwise(inst->op) ? op_cost(inst, outer, lanes) : 0;
    }
}

static double across(const Region *region, const Inst *outer, int lanes) {
    double sum = 0;
    for (int i = 0; i < region->insts.n; i++) {
        sum += inst_across(region->insts.data[i], outer, lanes);
    }
    return sum;
}

double lanes_cost_across(const Inst *loop, int lanes) {
    return across(loop->regions[0], loop, lanes) + loop->attr.loop.n_slice;
}

/* ---- one after the other ---- */

typedef struct Within {
    int lanes;
    bool (*is_good)(const void *user, const Inst *loop);
    const void *user;
} Within;

static double within(const Region *region, const Within *w, const Inst *inner);

/* inner: the loop around that is in lanes, or NULL. */
static double loop_within(const Inst *loop, const Within *w, const Inst *inner) {
    bool good = !inner && w->is_good(w->user, loop);
    int n_state = 0, n_stack = 0;
    for (int j = 0; j < loop->n_out; j++) {
        bool state = j < loop->attr.loop.n_carry + loop->attr.loop.n_acc;
        n_state += state && loop->out[j]->type->rank == 0;
        n_stack += !state;
    }
    double once = within(loop->regions[0], w, good ? loop : inner) + LOOP_STEP + n_stack;
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        bool loads = loop->regions[0]->params.data[1 + k]->type->rank == 0;
        Access access = !loads                                     ? ACCESS_same
                        : inner                                    ? access_of(loop->in[k], inner)
                        : good && !lanes_lie_along(loop->in[k], 0) ? ACCESS_apart
                                                                   : ACCESS_dense;
        once += load_cost(access, w->lanes);
    }
    double extent = extent_of(loop);
    if (good) {
        double vectors = (double)(((int64_t)extent + w->lanes - 1) / w->lanes);
        return vectors * once + LOOP_START + REDUCTION * n_state;
    }
    return extent * once + LOOP_STEP;
}

/* The index of the loop, or that and something fixed: neighbouring lanes are neighbours in memory.
 */
static bool is_plain_index(const Value *v, const Inst *loop) {
    if (v == loop->regions[0]->params.data[0]) {
        return true;
    }
    return v->inst && (v->inst->op == OP_add || v->inst->op == OP_sub) &&
           is_plain_index(v->inst->in[0], loop) && !lanes_vary(v->inst->in[1], loop);
}

static double index_within(const Inst *inst, const Within *w, const Inst *inner) {
    const Value *last = inst->in[inst->n_in - 1];
    if (inner && inst->out[0]->type->rank == 0 && access_of(inst->in[0], inner) == ACCESS_apart) {
        return LOAD_APART * w->lanes;
    }
    if (!inner || !any_varies(inst->in + 1, inst->n_in - 1, inner) ||
        (inst->out[0]->type->rank == 0 && is_plain_index(last, inner))) {
        return 1;
    }
    return LOAD_APART * w->lanes;
}

static double within(const Region *region, const Within *w, const Inst *inner) {
    double sum = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop) {
            sum += loop_within(inst, w, inner);
        } else if (inst->op == OP_if) {
            sum +=
                2 + 0.5 * (within(inst->regions[0], w, inner) + within(inst->regions[1], w, inner));
        } else if (inst->op == OP_contract) {
            sum += products_of(inst) / w->lanes * PRODUCT_WITHIN + PRODUCT_START;
        } else if (op_is_elementwise(inst->op)) {
            sum += op_cost(inst, inner, w->lanes);
        } else if (inst->op == OP_index) {
            sum += index_within(inst, w, inner);
        } else if (inst->op == OP_add_at || inst->op == OP_update) {
            sum += inner && any_varies(inst->in + 2, inst->n_in - 2, inner) &&
                           !is_plain_index(inst->in[inst->n_in - 1], inner)
                       ? ADD_APART * w->lanes
                       : 1;
        }
    }
    return sum;
}

double lanes_cost_within(const Inst *loop, int lanes,
                         bool (*is_good)(const void *user, const Inst *), const void *user) {
    Within w = {lanes, is_good, user};
    return lanes * within(loop->regions[0], &w, NULL);
}
