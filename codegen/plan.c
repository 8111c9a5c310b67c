/* Homes of arrays; see plan.h.
 *
 * 1. Scan: positions of instructions in program order, the root of every view, the uses of every
 * root.
 * 2. Assign: backwards, so that consumers say where they want their operands before these are
 * looked at.
 * 3. Lifetimes of buffers, then slots (plan_slots.c). */
#include "codegen/plan.h"
#include "codegen/lanes.h"
#include "codegen/varying.h"

#include <string.h>

typedef struct Span {
    int begin, end;
} Span;

typedef struct Use {
    const Inst *user; /* NULL: a yield of the region */
    const Region *region;
    int position;
} Use;

typedef enum ValueClass {
    VC_scalar,
    VC_input,
    VC_splat, /* one scalar everywhere */
    VC_view,
    VC_made,  /* needs memory */
    VC_carry, /* parameter of a loop: a carried or accumulated array; shares the buffer of the
                 loop's result */
} ValueClass;

typedef struct ValueInfo {
    ValueClass class;
    bool dense; /* row-major without gaps */
    const Value *root;
    Buffer *home;
    VEC(Use) uses;      /* of a root: also those of its views */
    const Inst *reader; /* the first */
} ValueInfo;

static ValueInfo *info(const Plan *plan, const Value *value) {
    return &plan->values[value->id - plan->first_id];
}

static Span *span(const Plan *plan, const void *inst_or_region) {
    return ptrmap_get(&plan->spans, inst_or_region);
}

Buffer *plan_home(const Plan *plan, const Value *value) {
    return info(plan, value)->home;
}

bool plan_is_view(const Plan *plan, const Value *value) {
    ValueClass class = info(plan, value)->class;
    return class == VC_view || class == VC_splat;
}

const Value *plan_root(const Plan *plan, const Value *value) {
    return info(plan, value)->root;
}

bool plan_was_read(const Plan *plan, const Value *value, const Inst *inst) {
    const Inst *reader = info(plan, value)->reader;
    return value->inst && value->inst->region == inst->region && inst->region->owner && reader &&
           reader != inst;
}

bool plan_varies(const Plan *plan, const Value *value) {
    return plan->varying[value->id - plan->first_id];
}

int plan_lanes(const Plan *plan, const Inst *loop) {
    int lanes = (int)(intptr_t)ptrmap_get(&plan->widths, loop);
    return lanes ? lanes : 1;
}

/* ---- scan ---- */

static void add_use(Plan *plan, const Value *value, const Inst *user, const Region *region,
                    int pos) {
    if (value->type->rank > 0) {
        ValueInfo *v = info(plan, value);
        Use use = {user, region, pos};
        vec_push(plan->arena, &info(plan, v->root)->uses, use);
        if (!v->reader)
            v->reader = user;
    }
}

static void set_class(Plan *plan, const Value *value, ValueClass class, bool dense,
                      const Value *root) {
    ValueInfo *v = info(plan, value);
    v->class = value->type->rank == 0 ? VC_scalar : class;
    v->dense = dense;
    v->root = root;
}

static void classify_result(Plan *plan, const Inst *inst, const Value *out) {
    const Value *from = inst->n_in > 0 ? inst->in[0] : NULL;
    const ValueInfo *src = from && from->type->rank > 0 ? info(plan, from) : NULL;
    bool splat = src && src->class == VC_splat;
    switch (inst->op) {
    case OP_broadcast:
        if (!src || splat) {
            set_class(plan, out, VC_splat, true, out);
        } else {
            set_class(plan, out, VC_view, false, src->root);
        }
        return;
    case OP_const:
        set_class(plan, out, VC_splat, true, out);
        return;
    case OP_index:
    case OP_slice:
        set_class(plan, out, splat ? VC_splat : VC_view, src->dense, splat ? out : src->root);
        return;
    case OP_transpose:
    case OP_reverse:
        set_class(plan, out, splat ? VC_splat : VC_view, splat, splat ? out : src->root);
        return;
    case OP_reshape:
        if (src && src->dense) {
            set_class(plan, out, splat ? VC_splat : VC_view, true, splat ? out : src->root);
            return;
        }
        break;
    default:
        break;
    }
    set_class(plan, out, VC_made, true, out);
}

static void scan_region(Plan *plan, const Region *region);

static void scan_params(Plan *plan, const Inst *inst, const Region *region) {
    for (int k = 0; k < region->params.n; k++) {
        const Value *param = region->params.data[k];
        if (k >= 1 && k <= inst->attr.loop.n_slice) {
            const ValueInfo *src = info(plan, inst->in[k - 1]);
            bool splat = src->class == VC_splat;
            if (!splat && plan_lanes(plan, inst) > 1 && lanes_copy_rows(inst, k - 1)) {
                set_class(plan, param, VC_carry, true, param);
                continue;
            }
            set_class(plan, param, splat ? VC_splat : VC_view, src->dense,
                      splat ? param : src->root);
        } else {
            set_class(plan, param, VC_carry, true, param);
        }
    }
}

static void scan_inst(Plan *plan, const Inst *inst) {
    Span *s = ARENA_NEW(plan->arena, Span);
    ptrmap_put(&plan->spans, inst, s);
    s->begin = plan->position++;
    for (int k = 0; k < inst->n_in; k++) {
        add_use(plan, inst->in[k], inst, inst->region, s->begin);
    }
    for (int k = 0; k < inst->n_out; k++) {
        classify_result(plan, inst, inst->out[k]);
    }
    for (int k = 0; k < inst->n_region; k++) {
        if (inst->op == OP_loop) {
            scan_params(plan, inst, inst->regions[k]);
        }
        scan_region(plan, inst->regions[k]);
    }
    s->end = plan->position++;
}

static void scan_region(Plan *plan, const Region *region) {
    Span *s = ARENA_NEW(plan->arena, Span);
    ptrmap_put(&plan->spans, region, s);
    s->begin = plan->position++;
    for (int i = 0; i < region->insts.n; i++) {
        scan_inst(plan, region->insts.data[i]);
    }
    for (int k = 0; k < region->yields.n; k++) {
        add_use(plan, region->yields.data[k], NULL, region, plan->position);
    }
    s->end = plan->position++;
}

static void find_ids(const Region *region, uint32_t *lowest, uint32_t *highest) {
    for (int k = 0; k < region->params.n; k++) {
        uint32_t id = region->params.data[k]->id;
        *lowest = id < *lowest ? id : *lowest;
        *highest = id > *highest ? id : *highest;
    }
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++) {
            uint32_t id = inst->out[k]->id;
            *lowest = id < *lowest ? id : *lowest;
            *highest = id > *highest ? id : *highest;
        }
        for (int k = 0; k < inst->n_region; k++) {
            find_ids(inst->regions[k], lowest, highest);
        }
    }
}

/* ---- when a value is dead ---- */

/* Whether nothing reads `value` (or a view of it) after `inst` began, `inst` itself reads it once,
 * and it is not an input: then `inst` may overwrite it. A use in the other branch of an `if` around
 * `inst` does not count. */
static bool dies_at(const Plan *plan, const Value *value, const Inst *inst) {
    const ValueInfo *v = info(plan, value);
    if (v->class != VC_made && v->class != VC_carry) {
        return false;
    }
    int own_uses = 0;
    for (int i = 0; i < v->uses.n; i++) {
        const Use *use = &v->uses.data[i];
        if (use->user == inst) {
            own_uses++;
            continue;
        }
        if (use->position < span(plan, inst)->begin) {
            continue;
        }
        if (inst->op == OP_if && use->position < span(plan, inst)->end) {
            continue; /* inside the branches, where the steps of the chain check for themselves */
        }
        const Inst *around = inst;
        while (!region_contains(around->region, use->region)) {
            around = around->region->owner;
        }
        if (around == inst || around->op != OP_if || use->position > span(plan, around)->end) {
            return false;
        }
    }
    return own_uses <= 1;
}

/* The operand that a result may overwrite, or NULL. For a loop: the initial value of the carry or
 * acc. */
static Value *overwritten_operand(const Inst *inst, int result) {
    switch (inst->op) {
    case OP_update:
    case OP_add_at:
    case OP_add_slice:
        return inst->in[0];
    case OP_loop:
        if (result < inst->attr.loop.n_carry + inst->attr.loop.n_acc) {
            return inst->in[inst->attr.loop.n_slice + result];
        }
        return NULL;
    default:
        return NULL;
    }
}

static const Value *chain_base(const Plan *plan, const Value *v, const Region *region, bool acc);

/* What both branches start from, for result j. */
static const Value *if_base(const Plan *plan, const Inst *inst, int j, bool acc) {
    const Value *bases[2];
    for (int k = 0; k < 2; k++) {
        bases[k] = chain_base(plan, inst->regions[k]->yields.data[j], inst->regions[k], acc);
    }
    return bases[0] == bases[1] ? bases[0] : NULL;
}

/* Follows operations that overwrite their operand backwards from v to the value that v's buffer
 * first held and that is defined outside of `region` (or is made there). NULL when a step needs
 * memory of its own. An acc's steps are in place by construction, so they are not checked. */
static const Value *chain_base(const Plan *plan, const Value *v, const Region *region, bool acc) {
    while (v && v->inst && v->inst->region == region) {
        const Inst *inst = v->inst;
        const Value *base = overwritten_operand(inst, v->index);
        if (inst->op == OP_if) {
            base = if_base(plan, inst, v->index, acc);
        }
        if (!base) {
            return NULL;
        }
        if (!acc && !dies_at(plan, base, inst)) {
            return NULL;
        }
        v = base;
    }
    return v;
}

static void chain_set(Plan *plan, const Value *v, const Region *region, Buffer *buffer);

static void chain_set_branches(Plan *plan, const Inst *inst, int j, Buffer *buffer) {
    for (int k = 0; k < 2; k++) {
        chain_set(plan, inst->regions[k]->yields.data[j], inst->regions[k], buffer);
    }
}

static void chain_set(Plan *plan, const Value *v, const Region *region, Buffer *buffer) {
    while (v && v->inst && v->inst->region == region) {
        const Inst *inst = v->inst;
        info(plan, v)->home = buffer;
        const Value *base = overwritten_operand(inst, v->index);
        if (inst->op == OP_if) {
            base = if_base(plan, inst, v->index, true);
            chain_set_branches(plan, inst, v->index, buffer);
        }
        v = base;
    }
}

/* ---- assignment ---- */

/* Lanes of the vector loop around the region; 1 when there is none. */
static int lanes_around(const Plan *plan, const Region *region) {
    for (; region->owner; region = region->owner->region) {
        if (region->owner->op == OP_loop && plan_lanes(plan, region->owner) > 1) {
            return plan_lanes(plan, region->owner);
        }
    }
    return 1;
}

static Buffer *new_buffer(Plan *plan, BufferKind kind, const Type *type) {
    Buffer *buffer = ARENA_NEW(plan->arena, Buffer);
    *buffer = (Buffer){.kind = kind, .type = type, .lanes = 1, .begin = INT32_MAX, .end = -1};
    vec_push(plan->arena, &plan->buffers, buffer);
    return buffer;
}

/* For a value of the region. */
static Buffer *new_slot_buffer(Plan *plan, const Value *value, const Region *region) {
    Buffer *buffer = new_buffer(plan, BUF_slot, value->type);
    buffer->lanes = plan_varies(plan, value) ? lanes_around(plan, region) : 1;
    return buffer;
}

static Buffer *new_part(Plan *plan, Buffer *parent, const Type *type, const Inst *loop,
                        const Size *offset) {
    Buffer *part = new_buffer(plan, BUF_part, type);
    part->parent = parent;
    part->loop = loop;
    part->offset = offset;
    part->lanes = parent->lanes;
    return part;
}

/* Whether v can be computed straight into memory that its consumer in `region` provides. */
static bool is_movable(const Plan *plan, const Value *v, const Region *region) {
    const ValueInfo *i = info(plan, v);
    return i->class == VC_made && !i->home && v->inst->region == region;
}

/* The value whose memory a whole array is: itself, or what a reshape sees in another shape. */
static const Value *unshaped(const Plan *plan, const Value *v) {
    while (v->inst && v->inst->op == OP_reshape && v->inst->in[0]->type->rank > 0 &&
           info(plan, v)->class == VC_view) {
        v = v->inst->in[0];
    }
    return v;
}

const Buffer *plan_place(const Plan *plan, const Value *value) {
    if (value->type->rank == 0) {
        return NULL;
    }
    const Value *whole = unshaped(plan, value);
    return plan_is_view(plan, whole) ? NULL : plan_home(plan, whole);
}

static void assign_region(Plan *plan, const Region *region);

static void assign_parts(Plan *plan, const Inst *inst, Buffer *home) {
    const Size *offset = size_const(&plan->m->ctx->polys, 0);
    for (int k = 0; k < inst->n_in && offset; k++) {
        const Value *v = inst->in[k]->type->rank > 0 ? unshaped(plan, inst->in[k]) : inst->in[k];
        if (v->type->rank > 0 && is_movable(plan, v, inst->region) && dies_at(plan, v, inst)) {
            info(plan, v)->home = new_part(plan, home, v->type, NULL, offset);
        }
        const Size *count = ir_type_count(plan->m, v->type);
        offset = count ? size_add(&plan->m->ctx->polys, offset, count) : NULL;
    }
}

static void assign_init(Plan *plan, const Inst *loop, int j, Buffer *home) {
    const Value *init = unshaped(plan, loop->in[loop->attr.loop.n_slice + j]);
    if (is_movable(plan, init, loop->region) && dies_at(plan, init, loop)) {
        info(plan, init)->home = home;
    }
}

/* Sums of several lanes for acc j of a loop in lanes. A few: to fold the lanes takes instructions,
 * but a lane each would make an array that no longer fits in a cache. */
static Buffer *new_sums(Plan *plan, const Inst *loop, int j) {
    enum { SUM_BYTES = 16 };
    const Type *type = loop->out[j]->type;
    int lanes = plan_lanes(plan, loop), most = SUM_BYTES / scalar_bytes(type->elem);
    if (lanes == 1 || type->rank == 0 ||
        !lanes_sum_apart(plan->m, loop, j - loop->attr.loop.n_carry, lanes)) {
        return NULL;
    }
    Buffer *sums = new_buffer(plan, BUF_slot, type);
    sums->lanes = lanes < most ? lanes : most;
    sums->sums = true;
    sums->begin = span(plan, loop)->begin;
    sums->end = span(plan, loop)->end;
    ptrmap_put(&plan->sums, loop->out[j], sums);
    return sums;
}

bool plan_is_within(const Plan *plan, const Buffer *buffer, const Inst *loop) {
    const Span *s = span(plan, loop);
    return buffer->begin >= s->begin && buffer->end <= s->end;
}

Buffer *plan_sums(const Plan *plan, const Inst *loop, int j) {
    return ptrmap_get(&plan->sums, loop->out[j]);
}

/* Rows that a loop in lanes copies side by side have a buffer; see lanes_copy_rows. */
static void assign_rows(Plan *plan, const Inst *loop) {
    const Region *body = loop->regions[0];
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        const Value *row = body->params.data[1 + k];
        if (info(plan, row)->class == VC_carry) {
            Buffer *home = new_slot_buffer(plan, row, body);
            home->begin = span(plan, loop)->begin;
            home->end = span(plan, loop)->end;
            info(plan, row)->home = home;
        }
    }
}

static void assign_loop(Plan *plan, const Inst *loop) {
    const Region *body = loop->regions[0];
    int n_carry = loop->attr.loop.n_carry, n_acc = loop->attr.loop.n_acc,
        n_slice = loop->attr.loop.n_slice;
    for (int j = 0; j < n_carry + n_acc; j++) {
        if (loop->out[j]->type->rank == 0) {
            continue;
        }
        Buffer *home = info(plan, loop->out[j])->home;
        const Value *param = body->params.data[1 + n_slice + j], *yield = body->yields.data[j];
        Buffer *sums = j >= n_carry ? new_sums(plan, loop, j) : NULL;
        Buffer *inside = sums ? sums : home;
        info(plan, param)->home = inside;
        assign_init(plan, loop, j, home);
        if (chain_base(plan, yield, body, j >= n_carry) == param) {
            chain_set(plan, yield, body, inside);
        }
    }
    for (int j = n_carry + n_acc; j < loop->n_out; j++) {
        Buffer *home = info(plan, loop->out[j])->home;
        const Value *yield = unshaped(plan, body->yields.data[j]);
        if (home && yield->type->rank > 0 && is_movable(plan, yield, body)) {
            info(plan, yield)->home = new_part(plan, home, yield->type, loop, NULL);
        }
    }
    assign_rows(plan, loop);
    assign_region(plan, body);
}

static void assign_if(Plan *plan, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        Buffer *home = info(plan, inst->out[j])->home;
        if (!home) {
            continue;
        }
        const Value *base = if_base(plan, inst, j, false);
        if (base && is_movable(plan, base, inst->region) && dies_at(plan, base, inst)) {
            info(plan, base)->home = home;
            chain_set_branches(plan, inst, j, home);
        }
        for (int k = 0; k < 2; k++) {
            const Value *yield = unshaped(plan, inst->regions[k]->yields.data[j]);
            if (is_movable(plan, yield, inst->regions[k])) {
                info(plan, yield)->home = home;
            }
        }
    }
    assign_region(plan, inst->regions[0]);
    assign_region(plan, inst->regions[1]);
}

static bool is_used(const Plan *plan, const Value *value) {
    return info(plan, value)->uses.n > 0;
}

static void assign_inst(Plan *plan, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        ValueInfo *v = info(plan, inst->out[j]);
        bool stacked = inst->op == OP_loop && j >= inst->attr.loop.n_carry + inst->attr.loop.n_acc;
        if (v->class == VC_made && !v->home && (!stacked || is_used(plan, inst->out[j]))) {
            v->home = new_slot_buffer(plan, inst->out[j], inst->region);
        }
    }
    switch (inst->op) {
    case OP_update:
    case OP_add_at:
    case OP_add_slice: {
        Buffer *home = info(plan, inst->out[0])->home;
        if (is_movable(plan, inst->in[0], inst->region) && dies_at(plan, inst->in[0], inst)) {
            info(plan, inst->in[0])->home = home;
        }
        break;
    }
    case OP_array:
    case OP_concat:
        assign_parts(plan, inst, info(plan, inst->out[0])->home);
        break;
    case OP_loop:
        assign_loop(plan, inst);
        break;
    case OP_if:
        assign_if(plan, inst);
        break;
    default:
        break;
    }
}

static void assign_region(Plan *plan, const Region *region) {
    for (int i = region->insts.n - 1; i >= 0; i--) {
        assign_inst(plan, region->insts.data[i]);
    }
}

static void assign_results(Plan *plan, const Region *body) {
    for (int k = 0; k < body->yields.n; k++) {
        const Value *v = unshaped(plan, body->yields.data[k]);
        if (v->type->rank > 0 && is_movable(plan, v, body)) {
            Buffer *out = new_buffer(plan, BUF_out, v->type);
            out->out = k;
            info(plan, v)->home = out;
        }
    }
    assign_region(plan, body);
}

/* ---- lifetimes ---- */

static void extend(Buffer *buffer, int begin, int end) {
    for (; buffer; buffer = buffer->parent) {
        buffer->begin = begin < buffer->begin ? begin : buffer->begin;
        buffer->end = end > buffer->end ? end : buffer->end;
    }
}

/* Where the value is no longer needed because of this use: a use inside a loop counts until the
 * loop's end. */
static int use_end(const Plan *plan, const Region *home, const Use *use) {
    if (use->region == home) {
        return use->user ? span(plan, use->user)->end : use->position;
    }
    const Inst *around = use->region->owner;
    while (around->region != home) {
        around = around->region->owner;
    }
    return span(plan, around)->end;
}

static void extend_value(Plan *plan, const Value *value) {
    const ValueInfo *v = info(plan, value);
    if (!v->home) {
        return;
    }
    if (value->inst) {
        extend(v->home, span(plan, value->inst)->begin, span(plan, value->inst)->end);
    }
    for (int i = 0; i < v->uses.n; i++) {
        extend(v->home, v->uses.data[i].position, use_end(plan, value->region, &v->uses.data[i]));
    }
}

static bool is_carry_buffer(const Plan *plan, const Inst *loop, const Buffer *buffer) {
    for (int j = 0; j < loop->attr.loop.n_carry; j++) {
        if (loop->out[j]->type->rank > 0 && plan_home(plan, loop->out[j]) == buffer) {
            return true;
        }
    }
    return false;
}

/* Next values of carries that are read from a buffer which the copies at the end of the iteration
 * overwrite. */
static void add_carry_temps(Plan *plan, const Inst *loop) {
    for (int j = 0; j < loop->attr.loop.n_carry; j++) {
        const Value *yield = loop->regions[0]->yields.data[j];
        if (yield->type->rank == 0) {
            continue;
        }
        const ValueInfo *root = info(plan, info(plan, yield)->root);
        bool in_place = info(plan, yield)->home == plan_home(plan, loop->out[j]);
        if (!in_place && root->home && is_carry_buffer(plan, loop, root->home)) {
            Buffer *temp = new_slot_buffer(plan, loop->out[j], loop->regions[0]);
            extend(temp, span(plan, loop)->begin, span(plan, loop)->end);
            ptrmap_put(&plan->temps, loop->out[j], temp);
        }
    }
}

Buffer *plan_carry_temp(const Plan *plan, const Inst *loop, int j) {
    return ptrmap_get(&plan->temps, loop->out[j]);
}

static void find_lifetimes(Plan *plan, const Region *region) {
    for (int k = 0; k < region->params.n; k++) {
        extend_value(plan, region->params.data[k]);
    }
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++) {
            extend_value(plan, inst->out[k]);
        }
        for (int k = 0; k < inst->n_region; k++) {
            find_lifetimes(plan, inst->regions[k]);
        }
        if (inst->op == OP_loop) {
            add_carry_temps(plan, inst);
        }
    }
}

Plan *plan_make(IrModule *m, Arena *arena, const Func *func, const PtrMap *widths,
                int vector_bytes) {
    Plan *plan = ARENA_NEW(arena, Plan);
    plan->m = m;
    plan->arena = arena;
    plan->func = func;
    plan->widths = *widths;
    plan->vector_bytes = vector_bytes;
    ptrmap_init(&plan->spans, arena);
    ptrmap_init(&plan->sums, arena);
    ptrmap_init(&plan->temps, arena);
    uint32_t lowest = UINT32_MAX, highest = 0;
    find_ids(func->body, &lowest, &highest);
    plan->first_id = lowest;
    plan->n_values = highest >= lowest ? highest - lowest + 1 : 0;
    plan->values = ARENA_ARRAY(arena, plan->n_values + 1, ValueInfo);
    plan->varying = ARENA_ARRAY(arena, plan->n_values + 1, bool);
    varying_find(func->body, widths, plan->varying, lowest);
    for (int k = 0; k < func->body->params.n; k++) {
        const Value *param = func->body->params.data[k];
        set_class(plan, param, VC_input, true, param);
    }
    scan_region(plan, func->body);
    assign_results(plan, func->body);
    find_lifetimes(plan, func->body);
    return plan_place_slots(plan) ? plan : NULL;
}
