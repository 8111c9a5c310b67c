/* Cloning: copies of instructions, regions and function bodies, emitted through a builder and a
 * map.
 *
 * Copies fold as everything that is emitted. A `dim` binds a fresh symbol, or none when its operand
 * became a constant or a size; the map's symbols rewrite every type and size that mentions it.
 * Called by passes, by inlining, and by ifs whose condition folds. */
#include "ir/emit.h"

#include <assert.h>

void irmap_init(IrMap *map, IrModule *m, Arena *arena) {
    *map = (IrMap){.m = m};
    ptrmap_init(&map->values, arena);
    ptrmap_init(&map->syms, arena);
}

Value *irmap_get(const IrMap *map, Value *v) {
    Value *to = ptrmap_get(&map->values, v);
    return to ? to : v;
}

void irmap_put(IrMap *map, Value *from, Value *to) {
    ptrmap_put(&map->values, from, to);
}

static const Size *lookup_sym(void *user, SizeSym *sym) {
    return ptrmap_get(&((IrMap *)user)->syms, sym);
}

const Type *irmap_type(IrMap *map, const Type *type) {
    return map->syms.n == 0 || type->rank == 0 ? type
                                               : ir_subst_type(map->m, type, lookup_sym, map);
}

const Size *irmap_size(IrMap *map, const Size *size) {
    if (map->syms.n == 0 || !size) {
        return size;
    }
    const Size *mapped = size_subst(&map->m->ctx->polys, size, lookup_sym, map);
    return mapped ? mapped : size; /* beyond 64 bits: the verifier finds the symbol out of scope */
}

/* ---- instructions ---- */

static Value *clone_call(IrBuilder *b, const Inst *inst, Value *const *in, IrMap *map,
                         Inst **made) {
    Func *f = inst->attr.callee.func;
    const Size **sizes = ARENA_ARRAY(b->m->arena, f->sizes.n, const Size *);
    for (int i = 0; i < f->sizes.n; i++) {
        sizes[i] = irmap_size(map, inst->attr.callee.sizes[i]);
    }
    int n_wrt = inst->attr.callee.n_wrt;
    const int *wrt = inst->attr.callee.wrt;
    switch (inst->op) {
    case OP_call:
        *made = ir_call(b, f, sizes, inst->n_in, in);
        break;
    case OP_vjp:
        *made = ir_vjp(b, f, sizes, n_wrt, wrt, inst->n_in, in);
        break;
    default:
        *made = ir_jvp(b, f, sizes, n_wrt, wrt, inst->n_in, in);
        break;
    }
    return NULL;
}

static void clone_yields(IrBuilder *b, const Region *region, const IrMap *map) {
    for (int i = 0; i < region->yields.n; i++) {
        ir_yield(b, irmap_get(map, region->yields.data[i]));
    }
}

static Inst *clone_loop(IrBuilder *b, const Inst *inst, Value *const *in, IrMap *map) {
    const Region *region = inst->regions[0];
    int n_slice = inst->attr.loop.n_slice, n_carry = inst->attr.loop.n_carry;
    LoopSpec spec = {.extent = irmap_size(map, inst->attr.loop.extent),
                     .reverse = inst->attr.loop.reverse,
                     .checkpoint = inst->attr.loop.checkpoint,
                     .checkpoint_arg = irmap_size(map, inst->attr.loop.checkpoint_arg),
                     .n_slice = n_slice,
                     .n_carry = n_carry,
                     .n_acc = inst->attr.loop.n_acc,
                     .slices = in,
                     .carries = in + n_slice,
                     .accs = in + n_slice + n_carry,
                     .index_name = region->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    for (int i = 0; i < region->params.n; i++) {
        Value *param = body.region->params.data[i];
        param->name = region->params.data[i]->name;
        irmap_put(map, region->params.data[i], param);
    }
    ir_clone_insts(&body, region, map);
    clone_yields(&body, region, map);
    return ir_loop_end(b, &spec, &body);
}

static Inst *clone_branch(IrBuilder *b, const Inst *inst, Value *cond, IrMap *map) {
    int64_t known;
    if (b->fold &&
        value_integer(cond, &known)) { /* in place, without building the branch apart first */
        const Region *taken = inst->regions[known ? 0 : 1];
        ir_clone_insts(b, taken, map);
        for (int i = 0; i < inst->n_out; i++) {
            irmap_put(map, inst->out[i], irmap_get(map, taken->yields.data[i]));
        }
        return NULL;
    }
    IrBuilder branches[2];
    for (int i = 0; i < 2; i++) {
        ir_builder_nested(&branches[i], b);
        ir_clone_insts(&branches[i], inst->regions[i], map);
        clone_yields(&branches[i], inst->regions[i], map);
    }
    return ir_if(b, cond, &branches[0], &branches[1]);
}

/* A size that the operand of a dim has become, if it has. */
static const Size *bound_size(IrBuilder *b, const Value *k) {
    int64_t value;
    const Size *size = b->fold ? value_size(b, k) : NULL;
    return size && size_is_const(size, &value) && value < 0 ? NULL : size;
}

static void clone_dim(IrBuilder *b, const Inst *inst, Value *k, IrMap *map) {
    const Size *size = bound_size(b, k);
    if (!size) {
        SizeSym *(*bind)(IrBuilder *, Value *, Atom) =
            inst->attr.sym->any_sign ? ir_dim : ir_extent;
        size = size_sym(&b->m->ctx->polys, bind(b, k, inst->attr.sym->name));
    }
    ptrmap_put(&map->syms, inst->attr.sym, (void *)(uintptr_t)size);
}

static Value *clone_reshaping(IrBuilder *b, const Inst *inst, Value *const *in, const Type *type) {
    switch (inst->op) {
    case OP_broadcast:
        return ir_broadcast(b, in[0], type);
    case OP_iota:
        return ir_iota(b, type->dims[0]);
    case OP_index:
        return ir_index(b, in[0], inst->n_in - 1, in + 1);
    case OP_add_at:
        return ir_add_at(b, in[0], in[1], inst->n_in - 2, in + 2);
    case OP_update:
        return ir_update(b, in[0], in[1], inst->n_in - 2, in + 2);
    case OP_slice:
        return ir_slice(b, in[0], in[1], type->dims[0]);
    case OP_add_slice:
        return ir_add_slice(b, in[0], in[1], in[2]);
    case OP_transpose:
        return ir_transpose(b, in[0], inst->attr.perm);
    case OP_reshape:
        return ir_conform(b, in[0], type);
    case OP_array:
        return ir_array(b, inst->n_in, in);
    case OP_concat:
        return ir_concat(b, inst->n_in, in);
    case OP_reverse:
        return ir_reverse(b, in[0]);
    case OP_reduce:
        return ir_reduce(b, inst->attr.reduce.kind, in[0], inst->attr.reduce.axes);
    default:
        assert(inst->op == OP_contract);
        return ir_contract(b, inst->attr.spec, in[0], in[1]);
    }
}

/* Operations with one result; the others give NULL and set *made where they made an instruction. */
static Value *clone_value(IrBuilder *b, const Inst *inst, Value *const *in, IrMap *map,
                          Inst **made) {
    if (op_is_elementwise(inst->op)) {
        return ir_ew(b, inst->op, in);
    }
    const Type *type = inst->n_out > 0 ? irmap_type(map, inst->out[0]->type) : NULL;
    switch (inst->op) {
    case OP_const:
        return type_is_float(type) ? ir_const(b, type, inst->attr.num)
                                   : ir_int(b, type->elem, inst->attr.integer);
    case OP_convert:
        return ir_convert(b, in[0], type->elem);
    case OP_size:
        return ir_size(b, irmap_size(map, inst->attr.size));
    case OP_stop:
        return ir_stop(b, in[0]);
    case OP_dim:
        clone_dim(b, inst, in[0], map);
        return NULL;
    case OP_check:
        if (!map->drop_checks) {
            ir_check(b, in[0], inst->attr.text);
        }
        return NULL;
    case OP_loop:
        *made = clone_loop(b, inst, in, map);
        return NULL;
    case OP_if:
        *made = clone_branch(b, inst, in[0], map);
        return NULL;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        return clone_call(b, inst, in, map, made);
    default:
        return clone_reshaping(b, inst, in, type);
    }
}

Loc irmap_place(const IrMap *map, Loc loc) {
    return map->site.end ? source_called(&map->m->ctx->sources, loc, map->site) : loc;
}

Inst *ir_clone_inst(IrBuilder *b, const Inst *inst, IrMap *map) {
    enum { FEW = 16 };
    Value *few[FEW];
    Value **in = inst->n_in <= FEW ? few : ARENA_ARRAY(b->m->arena, inst->n_in, Value *);
    for (int i = 0; i < inst->n_in; i++) {
        in[i] = irmap_get(map, inst->in[i]);
    }
    Loc outer = b->loc;
    const Origin *outer_origin = b->origin;
    bool outer_step = b->is_step, outer_by_reciprocal = b->by_reciprocal;
    b->loc = map->loc.end ? map->loc : irmap_place(map, inst->loc);
    b->origin = inst->origin ? inst->origin : map->origin;
    b->is_step = inst->is_step;
    b->by_reciprocal = inst->by_reciprocal;
    Inst *made = NULL;
    Value *v = clone_value(b, inst, in, map, &made);
    if (v) {
        name_give(v, inst->out[0]->name);
        irmap_put(map, inst->out[0], v);
        made = v->inst;
    } else if (made) {
        for (int i = 0; i < inst->n_out; i++) {
            irmap_put(map, inst->out[i], name_give(made->out[i], inst->out[i]->name));
        }
    }
    b->loc = outer;
    b->origin = outer_origin;
    b->is_step = outer_step;
    b->by_reciprocal = outer_by_reciprocal;
    bool same_kind = made && made->op == inst->op && made->region == b->region;
    return same_kind ? made : NULL;
}

void ir_clone_insts(IrBuilder *b, const Region *region, IrMap *map) {
    for (int i = 0; i < region->insts.n; i++) {
        ir_clone_inst(b, region->insts.data[i], map);
    }
}

void ir_inline(IrBuilder *b, Func *f, const Size *const *sizes, Value *const *args, Value **out) {
    IrMap map;
    irmap_init(&map, b->m, b->m->arena);
    map.origin = b->origin;
    if (f->is_inner) {
        map.loc = b->loc;
        map.drop_checks = true;
    }
    for (int i = 0; i < f->sizes.n; i++) {
        ptrmap_put(&map.syms, f->sizes.data[i], (void *)(uintptr_t)sizes[i]);
    }
    for (int i = 0; i < f->body->params.n; i++) {
        irmap_put(&map, f->body->params.data[i], args[i]);
    }
    ir_clone_insts(b, f->body, &map);
    for (int i = 0; i < f->body->yields.n; i++) {
        out[i] = irmap_get(&map, f->body->yields.data[i]);
    }
}
