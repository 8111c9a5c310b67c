/* Questions about regions: what they use from outside, how large they are.
 *
 * Linear in the instructions of the region, nested ones included. Called by passes and code
 * generation. */
#include "ir/ir.h"

/* `for k in lo:hi` is a loop from 0 whose index has no name; k is the sum of lo and the index. */
const Value *ir_loop_counter(const Inst *loop) {
    const Region *body = loop->regions[0];
    const Value *index = body->params.data[0], *moved = index;
    for (int i = 0; !index->name && i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool sub = inst->op == OP_sub && inst->in[1] == moved;
        if (!sub && (inst->op != OP_add || (inst->in[0] != moved && inst->in[1] != moved))) {
            continue;
        }
        const Value *other = inst->in[inst->in[0] == moved ? 1 : 0];
        if (region_contains(body, other->region)) {
            continue;
        }
        moved = inst->out[0];
        if (moved->name) {
            return moved;
        }
    }
    return index;
}

bool inst_is_const(const Value *v) {
    while (v->inst && v->inst->op == OP_broadcast) {
        v = v->inst->in[0];
    }
    return v->inst && v->inst->op == OP_const;
}

bool inst_is_zero(const Value *v) {
    while (v->inst && v->inst->op == OP_broadcast) {
        v = v->inst->in[0];
    }
    return v->inst && v->inst->op == OP_const &&
           (type_is_float(v->type) ? v->inst->attr.num == 0.0 : v->inst->attr.integer == 0);
}

bool region_contains(const Region *outer, const Region *inner) {
    while (inner->depth > outer->depth) {
        inner = inner->parent;
    }
    return inner == outer;
}

bool inst_holds(const Inst *inst, Op op) {
    bool holds = inst->op == op;
    for (int k = 0; k < inst->n_region && !holds; k++) {
        holds = region_holds(inst->regions[k], op);
    }
    return holds;
}

bool region_holds(const Region *region, Op op) {
    for (int i = 0; i < region->insts.n; i++) {
        if (inst_holds(region->insts.data[i], op)) {
            return true;
        }
    }
    return false;
}

static const Size *size_of_value(PolyTable *polys, const Value *v) {
    const Inst *inst = v->inst;
    if (inst && inst->op == OP_size) {
        return inst->attr.size;
    }
    bool number = inst && inst->op == OP_const && v->type->rank == 0 && v->type->elem == S_i64;
    return number ? size_const(polys, inst->attr.integer) : NULL;
}

bool inst_checks_sizes(PolyTable *polys, const Inst *inst, const Size **a, const Size **b) {
    const Inst *equal = inst->op == OP_check ? inst->in[0]->inst : NULL;
    if (!equal || equal->op != OP_eq) {
        return false;
    }
    int64_t known;
    *a = size_of_value(polys, equal->in[0]);
    *b = size_of_value(polys, equal->in[1]);
    return *a && *b && !(size_is_const(*a, &known) && size_is_const(*b, &known));
}

/* ---- free values ---- */

typedef struct FreeValues {
    Arena *arena;
    const Region *region;
    ValueList *out;
    PtrMap seen;
} FreeValues;

static void free_use(FreeValues *walk, Value *v) {
    bool inside = v->region->depth >= walk->region->depth; /* of all that is visible there */
    if (!inside && !ptrmap_has(&walk->seen, v)) {
        ptrmap_put(&walk->seen, v, NULL);
        vec_push(walk->arena, walk->out, v);
    }
}

static void free_walk(FreeValues *walk, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int j = 0; j < inst->n_in; j++) {
            free_use(walk, inst->in[j]);
        }
        for (int j = 0; j < inst->n_region; j++) {
            free_walk(walk, inst->regions[j]);
        }
    }
    for (int i = 0; i < region->yields.n; i++) {
        free_use(walk, region->yields.data[i]);
    }
}

void ir_free_values(Arena *arena, const Region *region, ValueList *out) {
    FreeValues walk = {.arena = arena, .region = region, .out = out};
    ptrmap_init(&walk.seen, arena);
    free_walk(&walk, region);
}

/* ---- free size symbols ---- */

typedef struct FreeSyms {
    PtrMap bound; /* of those that are free; stays empty where all are wanted */
    bool all;
    PtrMap *out;
} FreeSyms;

static void syms_of_size(FreeSyms *walk, const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            SizeSym *sym = size->terms[i].syms[j];
            if (!ptrmap_has(&walk->bound, sym)) {
                ptrmap_put(walk->out, sym, NULL);
            }
        }
    }
}

static void syms_of_type(FreeSyms *walk, const Type *type) {
    for (int i = 0; i < type->rank; i++) {
        syms_of_size(walk, type->dims[i]);
    }
}

static void syms_of_inst(FreeSyms *walk, const Inst *inst) {
    switch (inst->op) {
    case OP_dim:
        if (!walk->all)
            ptrmap_put(&walk->bound, inst->attr.sym, NULL);
        break;
    case OP_size:
        syms_of_size(walk, inst->attr.size);
        break;
    case OP_loop:
        syms_of_size(walk, inst->attr.loop.extent);
        if (inst->attr.loop.checkpoint_arg) {
            syms_of_size(walk, inst->attr.loop.checkpoint_arg);
        }
        break;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        for (int i = 0; i < inst->attr.callee.func->sizes.n; i++) {
            syms_of_size(walk, inst->attr.callee.sizes[i]);
        }
        break;
    default:
        break;
    }
    for (int i = 0; i < inst->n_out; i++) {
        syms_of_type(walk, inst->out[i]->type);
    }
}

static void syms_walk(FreeSyms *walk, const Region *region) {
    for (int i = 0; i < region->params.n; i++) {
        syms_of_type(walk, region->params.data[i]->type);
    }
    for (int i = 0; i < region->insts.n; i++) {
        syms_of_inst(walk, region->insts.data[i]);
        for (int j = 0; j < region->insts.data[i]->n_region; j++) {
            syms_walk(walk, region->insts.data[i]->regions[j]);
        }
    }
}

void ir_free_syms(Arena *arena, const Region *region, PtrMap *out) {
    FreeSyms walk = {.out = out};
    ptrmap_init(&walk.bound, arena);
    ptrmap_init(out, arena);
    syms_walk(&walk, region);
}

void ir_used_syms(Arena *arena, const Region *region, PtrMap *out) {
    FreeSyms walk = {.all = true, .out = out};
    ptrmap_init(&walk.bound, arena);
    ptrmap_init(out, arena);
    syms_walk(&walk, region);
}

/* ---- loops that stop ---- */

static bool is_false(const Value *v) {
    return v->inst && v->inst->op == OP_const && v->type->elem == S_bool &&
           type_is_scalar(v->type) && v->inst->attr.integer == 0;
}

/* Where the flag is false, carry k is what it was; the flag itself may be given as false. */
static bool carry_is_kept(const Inst *loop, int k, const Inst *guard, bool is_flag) {
    const Region *body = loop->regions[0];
    const Value *param = body->params.data[1 + loop->attr.loop.n_slice + k];
    const Value *yield = body->yields.data[k];
    if (yield == param)
        return !is_flag;
    if (yield->inst != guard)
        return false;
    const Value *kept = guard->regions[1]->yields.data[yield->index];
    return kept == param || (is_flag && is_false(kept));
}

static bool only_guard_works(const Region *body, const Inst *guard) {
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        if (inst != guard && (inst->n_region > 0 || op_info[inst->op].effect))
            return false;
    }
    return true;
}

int ir_loop_flag(const Inst *loop) {
    return loop->op == OP_loop && loop->attr.loop.n_stack == 0 ? ir_loop_flag_of_carries(loop) : -1;
}

int ir_loop_flag_of_carries(const Inst *loop) {
    if (loop->op != OP_loop || loop->attr.loop.n_acc > 0)
        return -1;
    const Region *body = loop->regions[0];
    for (int flag = 0; flag < loop->attr.loop.n_carry; flag++) {
        const Inst *guard = body->yields.data[flag]->inst;
        const Value *param = body->params.data[1 + loop->attr.loop.n_slice + flag];
        if (!guard || guard->op != OP_if || guard->region != body || guard->in[0] != param ||
            guard->regions[1]->insts.n > 1)
            continue;
        bool kept = only_guard_works(body, guard);
        for (int k = 0; k < loop->attr.loop.n_carry && kept; k++)
            kept = carry_is_kept(loop, k, guard, k == flag);
        if (kept)
            return flag;
    }
    return -1;
}

/* ---- the rest ---- */

int ir_count(const Region *region) {
    int n = region->insts.n;
    for (int i = 0; i < region->insts.n; i++) {
        for (int j = 0; j < region->insts.data[i]->n_region; j++) {
            n += ir_count(region->insts.data[i]->regions[j]);
        }
    }
    return n;
}

Func *ir_find_func(const IrModule *m, const char *name) {
    Atom atom = atom_of(&m->ctx->atoms, name);
    for (int i = 0; i < m->funcs.n; i++) {
        if (m->funcs.data[i]->name == atom) {
            return m->funcs.data[i];
        }
    }
    return NULL;
}

int export_n_sizes(const Export *export) {
    int n = 0;
    for (int k = 0; k < export->func->sizes.n; k++) {
        n += export_size_from(export, k) < 0;
    }
    return n;
}

int param_leaves(const Param *param) {
    int n = param->is_record || param->inactive ? 0 : 1;
    for (int k = 0; param->is_record && k < param->n_fields; k++)
        n += param_leaves(&param->fields[k]);
    return n;
}

bool param_is_integer(const Param *param) {
    return !param->is_record && param->type->rank == 0 &&
           (param->type->elem == S_i64 || param->type->elem == S_i32);
}

/* ---- carries that are reductions ---- */

static int uses_of(const Region *region, const Value *value) {
    int n = 0;
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++) {
            n += inst->in[k] == value;
        }
        for (int k = 0; k < inst->n_region; k++) {
            n += uses_of(inst->regions[k], value);
        }
    }
    for (int k = 0; k < region->yields.n; k++) {
        n += region->yields.data[k] == value;
    }
    return n;
}

Op ir_carry_reduction(const Inst *loop, int carry) {
    const Region *body = loop->regions[0];
    const Value *param = body->params.data[1 + loop->attr.loop.n_slice + carry];
    const Value *next = body->yields.data[carry];
    const Inst *inst = next->inst;
    if (param->type->rank > 0 || !inst || inst->region != body || inst->n_in != 2) {
        return OP_COUNT;
    }
    switch (inst->op) {
    case OP_add:
    case OP_mul:
    case OP_min:
    case OP_max:
    case OP_and:
    case OP_or:
        break;
    default:
        return OP_COUNT;
    }
    bool joins = inst->in[0] == param || inst->in[1] == param;
    return joins && uses_of(body, param) == 1 && uses_of(body, next) == 1 ? inst->op : OP_COUNT;
}

bool ir_carries_reduce(const Inst *loop) {
    for (int j = 0; j < loop->attr.loop.n_carry; j++) {
        if (ir_carry_reduction(loop, j) == OP_COUNT) {
            return false;
        }
    }
    return true;
}
