/* The common part of passes that rebuild: functions and nested regions copied instruction by
 * instruction through a callback, and the questions about instructions that several passes ask. */
#include "passes/rebuild.h"

#include <inttypes.h>

bool index_is_known(const Value *index, const Size *extent) {
    int64_t n;
    return inst_is_const(index) && size_is_const(extent, &n) && index->inst->attr.integer >= 0 &&
           index->inst->attr.integer < n;
}

bool index_is_safe(const Inst *inst) {
    int first = inst->op == OP_index ? 1 : 2;
    const Type *type = inst->in[0]->type;
    for (int i = first; i < inst->n_in; i++) {
        const Value *idx = inst->in[i];
        const Size *extent = type->dims[i - first];
        if (!idx->inst) { /* the index of an enclosing loop of that extent */
            const Inst *loop = idx->region->owner;
            if (!loop || loop->op != OP_loop || idx->index != 0 || loop->attr.loop.extent != extent)
                return false;
        } else if (!index_is_known(idx, extent)) {
            return false;
        }
    }
    return true;
}

static bool region_is_pure(const Region *region) {
    for (int i = 0; i < region->insts.n; i++)
        if (!inst_is_pure(region->insts.data[i]) && region->insts.data[i]->op != OP_dim)
            return false;
    return true;
}

bool inst_is_pure(const Inst *inst) {
    switch (inst->op) {
    case OP_check:
    case OP_dim:
        return false;
    case OP_index:
    case OP_add_at:
    case OP_update:
        return index_is_safe(inst);
    case OP_slice:
    case OP_add_slice:
        return false; /* bounds were checked just before */
    case OP_div:
    case OP_rem:
        return type_is_float(inst->in[0]->type); /* integer division was checked just before */
    default:
        break;
    }
    for (int k = 0; k < inst->n_region; k++)
        if (!region_is_pure(inst->regions[k]))
            return false;
    return true;
}

void name_after(IrModule *m, Value *v, Atom of, const char *suffix) {
    const Value *at = v;
    while (at && at->inst && at->inst->op == OP_broadcast)
        at = at->inst->in[0];
    bool constant = !at || (at->inst && (at->inst->op == OP_const || at->inst->op == OP_size));
    if (of && !constant && !v->name)
        v->name = atom_of(&m->ctx->atoms, arena_printf(m->arena, "%s%s", of, suffix));
}

Atom name_of_element(IrModule *m, const Value *v) {
    if (v->name || !v->inst || v->inst->op != OP_index || !v->inst->in[0]->name)
        return v->name;
    Text text;
    text_init(&text, m->arena);
    text_puts(&text, v->inst->in[0]->name);
    for (int k = 1; k < v->inst->n_in; k++) {
        const Inst *index = v->inst->in[k]->inst;
        if (!index || index->op != OP_const)
            return NULL;
        text_printf(&text, "_%" PRId64, index->attr.integer);
    }
    return atom_of(&m->ctx->atoms, text.data);
}

void rebuild_insts(IrBuilder *b, const Region *region, IrMap *map, EmitInst emit, void *user) {
    for (int i = 0; i < region->insts.n; i++) {
        b->loc = irmap_place(map, region->insts.data[i]->loc);
        b->origin = region->insts.data[i]->origin;
        emit(user, b, region->insts.data[i], map);
    }
}

/* A loop that never runs, whose body need not even make sense: with n = 0 an axis may be n - 1
 * long.
 */
static void rebuild_nothing(IrBuilder *b, const Inst *inst, IrMap *map) {
    int kept = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    b->loc = irmap_place(map, inst->loc);
    for (int i = 0; i < kept; i++)
        irmap_put(map, inst->out[i], irmap_get(map, inst->in[inst->attr.loop.n_slice + i]));
    for (int i = kept; i < inst->n_out; i++)
        irmap_put(map, inst->out[i], zeros_of(b, irmap_type(map, inst->out[i]->type)));
}

static void rebuild_loop(IrBuilder *b, const Inst *inst, IrMap *map, EmitInst emit, void *user) {
    const Region *source = inst->regions[0];
    int64_t extent;
    if (size_is_const(irmap_size(map, inst->attr.loop.extent), &extent) && extent == 0) {
        rebuild_nothing(b, inst, map);
        return;
    }
    Value **in = ARENA_ARRAY(b->m->arena, inst->n_in + 1, Value *);
    for (int i = 0; i < inst->n_in; i++)
        in[i] = irmap_get(map, inst->in[i]);
    LoopSpec spec = {.extent = irmap_size(map, inst->attr.loop.extent),
                     .reverse = inst->attr.loop.reverse,
                     .checkpoint = inst->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, inst->attr.loop.checkpoint_arg),
                     .n_slice = inst->attr.loop.n_slice,
                     .n_carry = inst->attr.loop.n_carry,
                     .n_acc = inst->attr.loop.n_acc,
                     .index_name = source->params.data[0]->name};
    spec.slices = in;
    spec.carries = in + spec.n_slice;
    spec.accs = in + spec.n_slice + spec.n_carry;
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    for (int i = 0; i < source->params.n; i++) {
        body.region->params.data[i]->name = source->params.data[i]->name;
        irmap_put(map, source->params.data[i], body.region->params.data[i]);
    }
    rebuild_insts(&body, source, map, emit, user);
    for (int i = 0; i < source->yields.n; i++)
        ir_yield(&body, irmap_get(map, source->yields.data[i]));
    b->loc = irmap_place(map, inst->loc);
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int i = 0; i < inst->n_out; i++) {
        out->out[i]->name = inst->out[i]->name;
        irmap_put(map, inst->out[i], out->out[i]);
    }
}

static void rebuild_if(IrBuilder *b, const Inst *inst, IrMap *map, EmitInst emit, void *user) {
    IrBuilder branch[2];
    Value **out = ARENA_ARRAY(b->m->arena, inst->n_out + 1, Value *);
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        rebuild_insts(&branch[k], inst->regions[k], map, emit, user);
        for (int i = 0; i < inst->n_out; i++)
            ir_yield(&branch[k], irmap_get(map, inst->regions[k]->yields.data[i]));
    }
    b->loc = irmap_place(map, inst->loc);
    ir_if_values(b, irmap_get(map, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++) {
        name_keep(b->m, out[i], inst->out[i]->name);
        irmap_put(map, inst->out[i], out[i]);
    }
}

void rebuild_inst(IrBuilder *b, const Inst *inst, IrMap *map, EmitInst emit, void *user) {
    b->loc = irmap_place(map, inst->loc);
    if (inst->op == OP_loop)
        rebuild_loop(b, inst, map, emit, user);
    else if (inst->op == OP_if)
        rebuild_if(b, inst, map, emit, user);
    else
        ir_clone_inst(b, inst, map);
}

void rebuild_begin(IrModule *m, Func *f, IrBuilder *b, IrMap *map) {
    Region *old = f->body, *body = ARENA_NEW(m->arena, Region);
    body->func = f;
    irmap_init(map, m, m->arena);
    for (int i = 0; i < old->params.n; i++)
        irmap_put(map, old->params.data[i],
                  ir_param(m, body, old->params.data[i]->type, old->params.data[i]->name));
    ir_builder_init(b, m, body);
}

void rebuild_end(Func *f, IrBuilder *b, IrMap *map) {
    for (int i = 0; i < f->body->yields.n; i++)
        ir_yield(b, irmap_get(map, f->body->yields.data[i]));
    f->body = b->region;
}

void rebuild_func(IrModule *m, Func *f, EmitInst emit, void *user) {
    IrMap map;
    IrBuilder b;
    rebuild_begin(m, f, &b, &map);
    rebuild_insts(&b, f->body, &map, emit, user);
    rebuild_end(f, &b, &map);
}

bool region_has_unsafe(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool indexed = inst->op == OP_index || inst->op == OP_add_at || inst->op == OP_update;
        if (inst->op == OP_slice || inst->op == OP_add_slice || (indexed && !index_is_safe(inst)))
            return true;
        bool divides = inst->op == OP_div || inst->op == OP_rem;
        if (divides && !type_is_float(inst->in[0]->type))
            return true;
        for (int k = 0; k < inst->n_region; k++)
            if (region_has_unsafe(inst->regions[k]))
                return true;
    }
    return false;
}
