/* Building loops, ifs and calls.
 *
 * A loop's instruction is made when its body begins, so that folds inside the body know its extent;
 * it takes its place in the region when the body ends. Neither loops nor ifs are hash-consed. */
#include "ir/emit.h"

#include <assert.h>
#include <string.h>

/* ---- loops ---- */

void ir_loop_begin(IrBuilder *b, const LoopSpec *spec, IrBuilder *body) {
    IrModule *m = b->m;
    b->name = NULL;
    int n_in = spec->n_slice + spec->n_carry + spec->n_acc;
    Value **in = ARENA_ARRAY(m->arena, n_in, Value *);
    ir_builder_nested(body, b);
    ir_param(m, body->region, ir_scalar(m, S_i64), spec->index_name);
    int n = 0;
    for (int i = 0; i < spec->n_slice; i++) {
        in[n++] = spec->slices[i];
        assert(spec->slices[i]->type->rank > 0 && spec->slices[i]->type->dims[0] == spec->extent);
        ir_param(m, body->region, ir_drop_axes(m, spec->slices[i]->type, 1), NULL);
    }
    for (int i = 0; i < spec->n_carry; i++) {
        in[n++] = spec->carries[i];
        ir_param(m, body->region, spec->carries[i]->type, NULL);
    }
    for (int i = 0; i < spec->n_acc; i++) {
        in[n++] = spec->accs[i];
        ir_param(m, body->region, spec->accs[i]->type, NULL)->is_acc = true;
    }
    Inst *loop = ARENA_NEW(m->arena, Inst);
    loop->op = OP_loop;
    loop->loc = b->loc;
    loop->origin = b->origin;
    loop->region = b->region;
    loop->n_in = n_in;
    loop->in = in;
    loop->n_region = 1;
    loop->regions[0] = body->region;
    loop->attr.loop.extent = spec->extent;
    loop->attr.loop.reverse = spec->reverse;
    loop->attr.loop.checkpoint = m->watched ? CHECK_store : spec->checkpoint;
    loop->attr.loop.checkpoint_arg = spec->checkpoint_arg;
    loop->attr.loop.n_slice = spec->n_slice;
    loop->attr.loop.n_carry = spec->n_carry;
    loop->attr.loop.n_acc = spec->n_acc;
    body->region->owner = loop;
}

Inst *ir_loop_end(IrBuilder *b, const LoopSpec *spec, IrBuilder *body) {
    IrModule *m = b->m;
    Region *region = body->region;
    Inst *loop = region->owner;
    int kept = spec->n_carry + spec->n_acc;
    assert(loop && loop->region == b->region && region->yields.n >= kept);
    loop->attr.loop.n_stack = region->yields.n - kept;
    loop->n_out = region->yields.n;
    loop->out = ARENA_ARRAY(m->arena, loop->n_out, Value *);
    for (int i = 0; i < loop->n_out; i++) {
        const Type *type = region->yields.data[i]->type;
        if (i < kept) {
            assert(type == loop->in[spec->n_slice + i]->type);
        } else {
            type = ir_add_axis(m, type, spec->extent);
        }
        Value *v = value_new(m, b->region, type, i);
        v->inst = loop;
        if (i < spec->n_carry) {
            v->name = region->params.data[1 + spec->n_slice + i]->name;
        }
        v->is_acc = i >= spec->n_carry && i < kept && loop->in[spec->n_slice + i]->is_acc;
        loop->out[i] = v;
    }
    emit_attach(b, loop);
    return loop;
}

/* ---- ifs ---- */

/* The results of a branch known to be taken: its instructions are emitted again at b. The
 * instruction returned is in no region; only its out[] may be read. */
static Inst *splice(IrBuilder *b, const Region *branch) {
    IrMap map;
    irmap_init(&map, b->m, b->m->arena);
    ir_clone_insts(b, branch, &map);
    Inst *results = ARENA_NEW(b->m->arena, Inst);
    results->op = OP_if;
    results->n_out = branch->yields.n;
    results->out = ARENA_ARRAY(b->m->arena, results->n_out, Value *);
    for (int i = 0; i < results->n_out; i++) {
        results->out[i] = irmap_get(&map, branch->yields.data[i]);
    }
    return results;
}

Inst *ir_if(IrBuilder *b, Value *cond, IrBuilder *then_, IrBuilder *else_) {
    Region *regions[2] = {then_->region, else_->region};
    int n = regions[0]->yields.n;
    int64_t known;
    b->name = NULL;
    assert(cond->type == ir_scalar(b->m, S_bool) && regions[1]->yields.n == n);
    if (b->fold && value_integer(cond, &known)) {
        return splice(b, regions[known ? 0 : 1]);
    }
    const Type **types = ARENA_ARRAY(b->m->arena, n, const Type *);
    for (int i = 0; i < n; i++) {
        types[i] = regions[0]->yields.data[i]->type;
        assert(regions[1]->yields.data[i]->type == types[i]);
    }
    Inst draft = {.op = OP_if, .n_in = 1, .in = &cond, .n_region = 2};
    Inst *inst = emit_detached(b, &draft, n, types);
    for (int i = 0; i < n; i++) {
        inst->out[i]->is_acc =
            regions[0]->yields.data[i]->is_acc || regions[1]->yields.data[i]->is_acc;
    }
    for (int i = 0; i < 2; i++) {
        inst->regions[i] = regions[i];
        regions[i]->owner = inst;
    }
    emit_attach(b, inst);
    return inst;
}

/* ---- calls ---- */

typedef struct SizeArgs {
    const Func *func;
    const Size *const *sizes;
} SizeArgs;

static const Size *size_argument(void *user, SizeSym *sym) {
    const SizeArgs *args = user;
    for (int i = 0; i < args->func->sizes.n; i++) {
        if (args->func->sizes.data[i] == sym) {
            return args->sizes[i];
        }
    }
    return NULL;
}

/* Result types of a call by the function's own result types, the sizes replaced. */
static int result_types(IrModule *m, Func *f, const Size *const *sizes, const Type **types) {
    SizeArgs args = {f, sizes};
    if (f->is_extern) {
        types[0] = f->extern_result;
        return 1;
    }
    for (int i = 0; i < f->body->yields.n; i++) {
        types[i] = ir_subst_type(m, f->body->yields.data[i]->type, size_argument, &args);
    }
    return f->body->yields.n;
}

static Inst *emit_call(IrBuilder *b, Op op, Func *f, const Size *const *sizes, int n_wrt,
                       const int *wrt, int n, Value *const *args) {
    Arena *arena = b->m->arena;
    b->name = NULL;
    int most = (f->is_extern ? 1 : f->body->yields.n) * 2 + n_wrt;
    const Type **types = ARENA_ARRAY(arena, most, const Type *);
    int n_out = result_types(b->m, f, sizes, types), n_primal = n_out;
    if (op == OP_vjp) {
        for (int i = 0; i < n_wrt; i++) {
            types[n_out++] = args[wrt[i]]->type;
        }
    } else if (op == OP_jvp) {
        for (int i = 0; i < n_primal; i++) {
            if (type_is_float(types[i])) {
                types[n_out++] = types[i];
            }
        }
    }
    const Size **size_copy = ARENA_ARRAY(arena, f->sizes.n, const Size *);
    for (int i = 0; i < f->sizes.n; i++) {
        size_copy[i] = sizes[i];
    }
    int *wrt_copy = ARENA_ARRAY(arena, n_wrt, int);
    for (int i = 0; i < n_wrt; i++) {
        wrt_copy[i] = wrt[i];
    }
    Value **in = ARENA_ARRAY(arena, n, Value *);
    for (int i = 0; i < n; i++) {
        in[i] = args[i];
    }
    Inst draft = {.op = op, .n_in = n, .in = in};
    draft.attr.callee.func = f;
    draft.attr.callee.sizes = size_copy;
    draft.attr.callee.wrt = wrt_copy;
    draft.attr.callee.n_wrt = n_wrt;
    return emit_shared(b, &draft, n_out, types);
}

Inst *ir_call(IrBuilder *b, Func *f, const Size *const *sizes, int n, Value *const *args) {
    assert(n == f->body->params.n);
    return emit_call(b, OP_call, f, sizes, 0, NULL, n, args);
}

Inst *ir_vjp(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt, int n,
             Value *const *args) {
    assert(n >= f->body->params.n);
    return emit_call(b, OP_vjp, f, sizes, n_wrt, wrt, n, args);
}

Inst *ir_jvp(IrBuilder *b, Func *f, const Size *const *sizes, int n_wrt, const int *wrt, int n,
             Value *const *args) {
    assert(n == f->body->params.n + n_wrt);
    return emit_call(b, OP_jvp, f, sizes, n_wrt, wrt, n, args);
}
