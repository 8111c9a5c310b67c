/* Questions about regions: what they use from outside, how large they are.
 *
 * Linear in the instructions of the region, nested ones included. Called by passes and code
 * generation. */
#include "ir/ir.h"

bool region_contains(const Region *outer, const Region *inner) {
    for (; inner; inner = inner->parent) {
        if (inner == outer) {
            return true;
        }
    }
    return false;
}

/* ---- free values ---- */

typedef struct FreeValues {
    Arena *arena;
    const Region *region;
    ValueList *out;
    PtrMap seen;
} FreeValues;

static void free_use(FreeValues *walk, Value *v) {
    if (!ptrmap_has(&walk->seen, v)) {
        ptrmap_put(&walk->seen, v, NULL);
        if (!region_contains(walk->region, v->region)) {
            vec_push(walk->arena, walk->out, v);
        }
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
    PtrMap bound;
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
