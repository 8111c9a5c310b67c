/* Checkpoints at every k-th iteration: a loop becomes a loop over segments of k iterations with a
 * loop over one segment inside.
 *
 * The outer loop is marked CHECK_inner, so reverse mode stores its carries (one state a segment)
 * and computes a segment again when it gets there, storing its k states then: n/k + k states
 * instead of n. The values are those of the loop itself, bit for bit. Slices become indices and
 * stacked results sums of arrays that are zero elsewhere. Called by derive.c on a copy of what is
 * differentiated in reverse. */
#include "passes/rebuild.h"

static bool stacks_numbers(const Inst *loop) {
    for (int k = loop->attr.loop.n_carry + loop->attr.loop.n_acc; k < loop->n_out; k++)
        if (!value_is_float(loop->out[k]))
            return false;
    return true;
}

static bool is_segmented(const Inst *inst) {
    return inst->op == OP_loop && inst->attr.loop.checkpoint == CHECK_every && stacks_numbers(inst);
}

bool has_segments(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        if (is_segmented(region->insts.data[i]))
            return true;
        for (int k = 0; k < region->insts.data[i]->n_region; k++)
            if (has_segments(region->insts.data[i]->regions[k]))
                return true;
    }
    return false;
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

typedef struct Segments {
    const Inst *loop;
    Value *n, *k;        /* iterations, and how many a segment */
    Value *last;         /* n - 1 */
    VEC(Value *) states; /* carries, accs, then an acc for each stacked result */
    Value *const *slices;
} Segments;

/* One segment: `count` iterations from `start` on, in the order of the loop. Yields the states at
 * its end. */
static Value **emit_segment(Segments *g, IrBuilder *b, Value *start, const Size *count,
                            Value *const *states, IrMap *map) {
    const Inst *loop = g->loop;
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    LoopSpec spec = {.extent = count,
                     .n_carry = nc,
                     .n_acc = g->states.n - nc,
                     .carries = states,
                     .accs = states + nc};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = loop->loc;
    Value **params = body.region->params.data, *i = ir_ew2(&body, OP_add, start, params[0]);
    if (loop->attr.loop.reverse)
        i = ir_ew2(&body, OP_sub, g->last, i);
    i->name = source->params.data[0]->name; /* see ir_loop_counter */
    irmap_put(map, source->params.data[0], i);
    for (int k = 0; k < ns; k++)
        irmap_put(map, source->params.data[1 + k], ir_index(&body, g->slices[k], 1, &i));
    for (int k = 0; k < nc + na; k++) {
        params[1 + k]->name = source->params.data[1 + ns + k]->name;
        irmap_put(map, source->params.data[1 + ns + k], params[1 + k]);
    }
    rebuild_insts(&body, source, map, emit, NULL);
    for (int k = 0; k < loop->n_out; k++) {
        Value *v = irmap_get(map, source->yields.data[k]);
        ir_yield(&body, k < nc + na ? v : ir_add_at(&body, params[1 + k], v, 1, &i));
    }
    b->loc = loop->loc;
    return ir_loop_end(b, &spec, &body)->out;
}

static void emit_segments(IrBuilder *b, const Inst *loop, IrMap *map) {
    IrModule *m = b->m;
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    Segments g = {.loop = loop};
    Value **slices = ARENA_ARRAY(m->arena, ns + 1, Value *), *one = ir_int(b, S_i64, 1);
    for (int k = 0; k < ns; k++)
        slices[k] = irmap_get(map, loop->in[k]);
    g.slices = slices;
    for (int k = 0; k < nc + na; k++)
        vec_push(m->arena, &g.states, irmap_get(map, loop->in[ns + k]));
    for (int k = nc + na; k < loop->n_out; k++)
        vec_push(m->arena, &g.states, zeros_of(b, irmap_type(map, loop->out[k]->type)));
    g.n = ir_size(b, irmap_size(map, loop->attr.loop.extent));
    g.k = ir_size(b, irmap_size(map, loop->attr.loop.checkpoint_arg));
    g.last = ir_ew2(b, OP_sub, g.n, one);
    Value *whole = ir_ew2(b, OP_sub, ir_ew2(b, OP_max, g.n, one), one); /* n/k, rounded up */
    Value *count = ir_ew2(b, OP_add, ir_ew2(b, OP_div, whole, g.k), ir_ew2(b, OP_min, g.n, one));
    LoopSpec spec = {.extent = size_sym(&m->ctx->polys,
                                        ir_extent(b, count, atom_of(&m->ctx->atoms, "segments"))),
                     .checkpoint = CHECK_inner,
                     .n_carry = nc,
                     .n_acc = g.states.n - nc,
                     .carries = g.states.data,
                     .accs = g.states.data + nc,
                     .index_name = atom_of(&m->ctx->atoms, "segment")};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    body.loc = loop->loc;
    Value *start = ir_ew2(&body, OP_mul, ir_body_index(&body), g.k);
    Value *length = ir_ew2(&body, OP_min, g.k, ir_ew2(&body, OP_sub, g.n, start));
    SizeSym *segment = ir_extent(&body, length, atom_of(&m->ctx->atoms, "segment"));
    Value **out = emit_segment(&g, &body, start, size_sym(&m->ctx->polys, segment),
                               body.region->params.data + 1, map);
    for (int k = 0; k < loop->n_out; k++)
        ir_yield(&body, out[k]);
    b->loc = loop->loc;
    out = ir_loop_end(b, &spec, &body)->out;
    for (int k = 0; k < loop->n_out; k++) {
        out[k]->name = loop->out[k]->name;
        irmap_put(map, loop->out[k], out[k]);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (is_segmented(inst))
        emit_segments(b, inst, map);
    else
        rebuild_inst(b, inst, map, emit, user);
}

void split_segments(IrModule *m, Func *f) {
    rebuild_func(m, f, emit, NULL);
}
