/* The choice of loops that run one iteration a lane; see lanes.h.
 *
 * A loop qualifies when iterations are independent (no carries, or carries that are reductions) and
 * everything in it can be done a lane at a time. Of nested loops that qualify the innermost is
 * taken, whose accesses are most often contiguous; but where the inner loops are sequential, too
 * short to fill the lanes, or full of reductions, the outer one is (lanes_cost.h). */
#include "codegen/lanes.h"
#include "codegen/lanes_cost.h"
#include "passes/chunks.h"

typedef struct Chooser {
    IrModule *m;
    int vector_bytes;
    PtrMap *widths;
} Chooser;

/* ---- what can be done in lanes ---- */

/* What v is added to, all the way back to a value that `region` (NULL: the function) does not
 * compute; NULL where something else is made of it on the way. Each `if` is looked at once, however
 * many follow each other. */
static const Value *added_to(const Value *v, const Region *region) {
    while (v && v->inst && (!region || v->region == region)) {
        const Inst *inst = v->inst;
        const Value *other;
        int acc;
        switch (inst->op) {
        case OP_add_at:
        case OP_add_slice:
            v = inst->in[0];
            break;
        case OP_loop:
            acc = v->index - inst->attr.loop.n_carry;
            if (acc < 0 || acc >= inst->attr.loop.n_acc) {
                return NULL;
            }
            v = inst->in[inst->attr.loop.n_slice + v->index];
            break;
        case OP_if:
            other = added_to(inst->regions[1]->yields.data[v->index], inst->regions[1]);
            v = added_to(inst->regions[0]->yields.data[v->index], inst->regions[0]);
            v = v == other ? v : NULL;
            break;
        default:
            return NULL;
        }
    }
    return v;
}

/* Whether an array result of an `if` is only passed on to, so that nothing is copied: the branches
 * add to it in place. */
static bool is_passed_through(const Value *v) {
    v = added_to(v, NULL);
    const Inst *owner = v ? v->region->owner : NULL;
    return owner && owner->op == OP_loop &&
           v->index >= 1 + owner->attr.loop.n_slice + owner->attr.loop.n_carry;
}

static bool region_fits(const Region *region, const Inst *outer);

static bool if_fits(const Inst *inst, const Inst *outer) {
    for (int j = 0; j < inst->n_out; j++) {
        if (inst->out[j]->type->rank > 0 && !is_passed_through(inst->out[j])) {
            return false;
        }
    }
    return region_fits(inst->regions[0], outer) && region_fits(inst->regions[1], outer);
}

static bool inst_fits(const Inst *inst, const Inst *outer) {
    switch (inst->op) {
    case OP_call:
        return false;
    case OP_dim: /* extents must be the same in all lanes */
        return !lanes_vary(inst->in[0], outer);
    case OP_if:
        return if_fits(inst, outer);
    case OP_loop:
        return region_fits(inst->regions[0], outer);
    default:
        return true;
    }
}

static bool region_fits(const Region *region, const Inst *outer) {
    for (int i = 0; i < region->insts.n; i++) {
        if (!inst_fits(region->insts.data[i], outer)) {
            return false;
        }
    }
    return true;
}

static bool loop_fits(const Inst *loop) {
    int64_t extent;
    if (!ir_carries_reduce(loop)) {
        return false;
    }
    if (size_is_const(loop->attr.loop.extent, &extent) && extent < 3) {
        return false;
    }
    return region_fits(loop->regions[0], loop);
}

/* ---- lanes ---- */

static void find_floats(const Region *region, bool *f32, bool *f64) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++) {
            *f32 = *f32 || inst->out[k]->type->elem == S_f32;
            *f64 = *f64 || inst->out[k]->type->elem == S_f64;
        }
        for (int k = 0; k < inst->n_region; k++) {
            find_floats(inst->regions[k], f32, f64);
        }
    }
    for (int k = 0; k < region->params.n; k++) {
        *f32 = *f32 || region->params.data[k]->type->elem == S_f32;
        *f64 = *f64 || region->params.data[k]->type->elem == S_f64;
    }
    for (int k = 0; k < region->yields.n; k++) {
        *f32 = *f32 || region->yields.data[k]->type->elem == S_f32;
        *f64 = *f64 || region->yields.data[k]->type->elem == S_f64;
    }
}

int lanes_of_vector(const Inst *loop, int vector_bytes) {
    bool f32 = false, f64 = false;
    find_floats(loop->regions[0], &f32, &f64);
    return vector_bytes / (f32 && !f64 ? 4 : 8);
}

static int lanes_of_loop(const Chooser *c, const Inst *loop) {
    return lanes_of_vector(loop, c->vector_bytes);
}

/* ---- the choice ---- */

static bool fills_lanes(const Chooser *c, const Inst *loop) {
    int64_t extent;
    return !size_is_const(loop->attr.loop.extent, &extent) || extent >= lanes_of_loop(c, loop);
}

/* Whether some loop in the region would use the lanes well by itself. */
static bool has_good_loop(const Chooser *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop && loop_fits(inst) && fills_lanes(c, inst)) {
            return true;
        }
        for (int k = 0; k < inst->n_region; k++) {
            if (has_good_loop(c, inst->regions[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool is_good(const void *user, const Inst *loop) {
    const Chooser *c = user;
    return loop_fits(loop) && fills_lanes(c, loop);
}

/* Whether the loop itself should run in lanes, rather than loops inside it. */
static bool is_best_across(const Chooser *c, const Inst *loop) {
    if (!has_good_loop(c, loop->regions[0])) {
        return true;
    }
    int lanes = lanes_of_loop(c, loop);
    return fills_lanes(c, loop) &&
           lanes_cost_across(loop, lanes) < lanes_cost_within(loop, lanes, is_good, c);
}

/* ---- sums and rows ---- */

bool lanes_sum_apart(IrModule *m, const Inst *loop, int acc, int lanes) {
    enum { MOST = 1 << 16 }; /* elements of a sum that is kept once a lane */
    const Value *out = loop->out[loop->attr.loop.n_carry + acc];
    int64_t extent, count;
    bool single = size_is_const(loop->attr.loop.extent, &extent) && extent <= lanes;
    const Size *elements = ir_type_count(m, out->type);
    bool huge = !elements || (size_is_const(elements, &count) && count > MOST);
    return out->type->rank > 0 && !single && !huge && lanes_add_alike(loop, acc);
}

/* How often the elements of an array are read in the region: 1 for once each, 2 for more. One
 * element outside of inner loops does not count. */
static int reads(const Region *region, const Value *array, bool nested);

static int reads_by(const Inst *inst, int k, bool nested) {
    switch (inst->op) {
    case OP_loop: {
        const Value *param = inst->regions[0]->params.data[1 + k];
        bool rows = k < inst->attr.loop.n_slice && param->type->rank > 0;
        return rows ? reads(inst->regions[0], param, true) : 1;
    }
    case OP_contract:
        return inst->out[0]->type->rank > 0 ? 2 : 1;
    case OP_index:
        if (inst->out[0]->type->rank == 0) {
            return nested;
        }
        return reads(inst->region, inst->out[0], nested);
    case OP_slice:
    case OP_transpose:
    case OP_reverse:
    case OP_reshape:
    case OP_broadcast:
        return inst->out[0]->type->rank > 0 ? reads(inst->region, inst->out[0], nested) : 1;
    default:
        return 1;
    }
}

static int reads(const Region *region, const Value *array, bool nested) {
    int n = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++) {
            n += inst->in[k] == array ? reads_by(inst, k, nested) : 0;
        }
        for (int k = 0; k < inst->n_region; k++) {
            bool again = nested || inst->op == OP_loop;
            int inside = reads(inst->regions[k], array, again);
            n += inst->op == OP_loop && inside > 0 ? 2 : inside;
        }
    }
    return n;
}

bool lanes_copy_rows(const Inst *loop, int k) {
    const Value *row = loop->regions[0]->params.data[1 + k];
    return row->type->rank > 0 && !lanes_lie_along(loop->in[k], 0) &&
           reads(loop->regions[0], row, false) >= 2;
}

/* ---- several vectors at once ---- */

/* Work on floats in the largest region, not counting what is in regions inside it; nested tells of
 * loops. */
static double largest_region(const Region *region, bool *nested) {
    double own = 0, inner = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool is_float = inst->n_out > 0 && type_is_float(inst->out[0]->type);
        own += op_is_elementwise(inst->op) && is_float ? 1 + op_info[inst->op].cost / 8.0 : 0;
        *nested = *nested || inst->op == OP_loop || inst->op == OP_contract;
        for (int k = 0; k < inst->n_region; k++) {
            double size = largest_region(inst->regions[k], nested);
            inner = size > inner ? size : inner;
        }
    }
    return own > inner ? own : inner;
}

static bool is_inside_loop(const Inst *inst) {
    for (const Inst *owner = inst->region->owner; owner; owner = owner->region->owner) {
        if (owner->op == OP_loop) {
            return true;
        }
    }
    return false;
}

/* Whether the body makes arrays, which are laid out for the lanes of the loop; what a loop around
 * sums up is there before. */
static bool has_arrays(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++) {
            if (inst->out[k]->type->rank > 0 && !inst->out[k]->is_acc) {
                return true;
            }
        }
        for (int k = 0; k < inst->n_region; k++) {
            if (has_arrays(inst->regions[k])) {
                return true;
            }
        }
    }
    return false;
}

/* Whether every iteration of the loop with this body takes the same branch. */
static bool is_same_for_all(const Region *body, const Inst *inst) {
    return inst->op == OP_if && !region_contains(body, inst->in[0]->region);
}

/* In any iteration; with or without what only all of them do. */
static bool has_dear(const Region *body, const Region *region, bool with_all) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (op_is_elementwise(inst->op) && op_info[inst->op].cost >= DEAR_COST &&
            type_is_float(inst->out[0]->type)) {
            return true;
        }
        for (int k = 0; k < inst->n_region && (with_all || !is_same_for_all(body, inst)); k++) {
            if (has_dear(body, inst->regions[k], with_all)) {
                return true;
            }
        }
    }
    return false;
}

/* Loops inside others are, but for those over a chunk. */
static bool is_likely_short(const Inst *loop) {
    return is_inside_loop(loop) && !is_chunk(loop->attr.loop.extent);
}

/* Of a loop over scalars that is not repeated: one step of a polynomial waits for the one before,
 * and a division for its operands, so the machine has time for other vectors. It looks ahead less
 * far than the next iteration of all but the shortest bodies; that registers do not suffice costs
 * less than waiting, but less so where lanes add to arrays one after the other. Long bodies take
 * LLVM too long. */
static int interleaved_flat(const Inst *loop, double work) {
    const Region *body = loop->regions[0];
    bool sums = false;
    for (int j = 0; j < loop->attr.loop.n_carry + loop->attr.loop.n_acc; j++) {
        sums = sums || loop->out[j]->type->rank > 0;
    }
    if (is_likely_short(loop) || has_arrays(body) || !has_dear(body, body, !sums)) {
        return 1;
    }
    double small = sums ? 60 : 200, large = sums ? 200 : 600;
    return work > large ? 1 : work > small ? 2 : 4;
}

/* With loops inside, what is the same for all lanes (indices, checks, loads, sums) costs as much
 * for several vectors as for one. Eight keep two units busy that take four steps a product. */
static int interleaved_nested(const Inst *loop, double work) {
    const double TINY = 8, SHORT = 24, LONG = 60;
    return work > LONG ? 1 : work > SHORT ? 2 : work > TINY || is_likely_short(loop) ? 4 : 8;
}

/* How many vectors of iterations run side by side. Registers are the limit. */
static int interleaved(const Chooser *c, const Inst *loop, int lanes) {
    enum { MOST = 64 }; /* lanes that code is emitted for */
    bool nested = false;
    double work = largest_region(loop->regions[0], &nested);
    int n = nested ? interleaved_nested(loop, work) : interleaved_flat(loop, work);
    n = c->vector_bytes < 64 && n > 1 ? n / 2 : n;
    n = n * lanes > MOST ? MOST / lanes : n;
    int64_t extent;
    while (n > 1 && size_is_const(loop->attr.loop.extent, &extent) && extent < (int64_t)n * lanes) {
        n /= 2;
    }
    return n;
}

static void choose_in(const Chooser *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop && loop_fits(inst) && is_best_across(c, inst)) {
            int lanes = lanes_of_loop(c, inst);
            ptrmap_put(c->widths, inst, (void *)(intptr_t)(lanes * interleaved(c, inst, lanes)));
            continue;
        }
        for (int k = 0; k < inst->n_region; k++) {
            choose_in(c, inst->regions[k]);
        }
    }
}

void lanes_choose(IrModule *m, Arena *arena, const Func *func, int vector_bytes, PtrMap *widths) {
    (void)arena;
    Chooser chooser = {m, vector_bytes, widths};
    choose_in(&chooser, func->body);
}
