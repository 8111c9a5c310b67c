/* See varying.h. Called by plan.c, which hands the result on to the emission of code.
 *
 * Marks only grow, until nothing changes: what the loop in lanes hands to its iterations varies,
 * and what is made of something that does. An array may be made in the place of another, or as a
 * part of it (plan.c); then the two vary together, as an element of such memory is either one
 * number or one a lane. */
#include "codegen/varying.h"

typedef struct Varying {
    const Region *lanes; /* the body of the loop in lanes */
    bool *marks;         /* by id */
    uint32_t first_id;
    bool changed;
} Varying;

static bool marked(const Varying *v, const Value *value) {
    return v->marks[value->id - v->first_id];
}

static void mark(Varying *v, const Value *value, bool varies) {
    if (varies && !marked(v, value) && region_contains(v->lanes, value->region)) {
        v->marks[value->id - v->first_id] = true;
        v->changed = true;
    }
}

/* Arrays that may have one place. */
static void join(Varying *v, const Value *a, const Value *b) {
    if (a->type->rank > 0 && b->type->rank > 0) {
        mark(v, a, marked(v, b));
        mark(v, b, marked(v, a));
    }
}

static void mark_region(Varying *v, const Region *region);

static void mark_state(Varying *v, const Inst *loop, int j) {
    const Value *param = loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + j];
    const Value *init = loop->in[loop->attr.loop.n_slice + j],
                *next = loop->regions[0]->yields.data[j];
    bool is_array_sum = j >= loop->attr.loop.n_carry && param->type->rank > 0;
    mark(v, param, is_array_sum || marked(v, init) || marked(v, next));
    mark(v, loop->out[j], marked(v, param));
    join(v, param, loop->out[j]);
    join(v, param, init);
    join(v, param, next);
}

static void mark_loop(Varying *v, const Inst *loop) {
    const Region *body = loop->regions[0];
    int n_state = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        mark(v, body->params.data[1 + k], marked(v, loop->in[k]));
    }
    for (int j = 0; j < n_state; j++) {
        mark_state(v, loop, j);
    }
    mark_region(v, body);
    for (int j = n_state; j < loop->n_out; j++) {
        mark(v, loop->out[j], marked(v, body->yields.data[j]));
        join(v, loop->out[j], body->yields.data[j]);
    }
}

static void mark_if(Varying *v, const Inst *inst) {
    for (int k = 0; k < 2; k++) {
        mark_region(v, inst->regions[k]);
        for (int j = 0; j < inst->n_out; j++) {
            const Value *yield = inst->regions[k]->yields.data[j];
            mark(v, inst->out[j], marked(v, inst->in[0]) || marked(v, yield));
            join(v, inst->out[j], yield);
        }
    }
}

/* Operands that the result may be made of in place. */
static void join_operands(Varying *v, const Inst *inst) {
    switch (inst->op) {
    case OP_update:
    case OP_add_at:
    case OP_add_slice:
    case OP_reshape:
        join(v, inst->out[0], inst->in[0]);
        break;
    case OP_array:
    case OP_concat:
        for (int k = 0; k < inst->n_in; k++) {
            join(v, inst->out[0], inst->in[k]);
        }
        break;
    default:
        break;
    }
}

static void mark_plain(Varying *v, const Inst *inst) {
    /* each lane makes its product; what is added to has a place a lane */
    bool varies = inst->op == OP_contract || inst->op == OP_add_at || inst->op == OP_add_slice;
    for (int k = 0; k < inst->n_in; k++) {
        varies = varies || marked(v, inst->in[k]);
    }
    for (int j = 0; j < inst->n_out; j++) {
        mark(v, inst->out[j], varies);
    }
    join_operands(v, inst);
}

static void mark_region(Varying *v, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop) {
            mark_loop(v, inst);
        } else if (inst->op == OP_if) {
            mark_if(v, inst);
        } else {
            mark_plain(v, inst);
        }
    }
}

/* The iterations' own: parameters, and arrays that are made in a row of a result. */
static void mark_iterations(Varying *v) {
    for (int k = 0; k < v->lanes->params.n; k++) {
        mark(v, v->lanes->params.data[k], true);
    }
    for (int k = 0; k < v->lanes->yields.n; k++) {
        mark(v, v->lanes->yields.data[k], v->lanes->yields.data[k]->type->rank > 0);
    }
}

void varying_find(const Region *body, const PtrMap *widths, bool *varying, uint32_t first_id) {
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool in_lanes = inst->op == OP_loop && (intptr_t)ptrmap_get(widths, inst) > 1;
        if (!in_lanes) {
            for (int k = 0; k < inst->n_region; k++) {
                varying_find(inst->regions[k], widths, varying, first_id);
            }
            continue;
        }
        Varying v = {inst->regions[0], varying, first_id, false};
        mark_iterations(&v);
        do {
            v.changed = false;
            mark_region(&v, v.lanes);
        } while (v.changed);
    }
}
