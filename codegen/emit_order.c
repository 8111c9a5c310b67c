/* The order in which the operations of a body in lanes are emitted; see emit.h.
 *
 * LLVM keeps the order it is given more or less, and the processor looks ahead only some hundred
 * operations. A body often begins with a chain in which each step waits for the one before, such as
 * a division, a logarithm and another division, and what does not depend on it stands far behind:
 * exp(-r*T) behind the first half of an option's price. So an operation is emitted when its
 * operands could be ready, by the costs of the table of operations: what is ready soon fills the
 * time that the chain waits. */
#include "codegen/emit.h"

#include <stdlib.h>

enum { FEWEST = 20 }; /* operations that make it worth while */

typedef struct Start {
    const Inst *inst;
    int at; /* when the operands are ready */
    int place;
} Start;

static bool is_arithmetic(const Inst *inst) {
    return inst->n_region == 0 &&
           (op_is_elementwise(inst->op) || inst->op == OP_const || inst->op == OP_convert);
}

static bool is_all_arithmetic(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        if (!is_arithmetic(region->insts.data[i])) {
            return false;
        }
    }
    return true;
}

/* starts: instruction -> Start, of those before it in the region. */
static int ready_at(const PtrMap *starts, const Inst *inst) {
    int at = 0;
    for (int k = 0; k < inst->n_in; k++) {
        const Start *operand = ptrmap_get(starts, inst->in[k]->inst);
        int ready = operand ? operand->at + op_info[operand->inst->op].cost : 0;
        at = ready > at ? ready : at;
    }
    return at;
}

static int by_start(const void *a, const void *b) {
    const Start *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : x->place - y->place;
}

const Inst **emit_ready_order(Emit *e, const Region *region) {
    int n = region->insts.n;
    if (e->width == 1 || n < FEWEST || !is_all_arithmetic(region)) {
        return NULL;
    }
    PtrMap starts;
    ptrmap_init(&starts, e->arena);
    Start *all = ARENA_ARRAY(e->arena, n, Start);
    for (int i = 0; i < n; i++) {
        const Inst *inst = region->insts.data[i];
        all[i] = (Start){inst, ready_at(&starts, inst), i};
        ptrmap_put(&starts, inst, &all[i]);
    }
    qsort(all, (size_t)n, sizeof *all, by_start);
    const Inst **order = ARENA_ARRAY(e->arena, n, const Inst *);
    for (int i = 0; i < n; i++) {
        order[i] = all[i].inst;
    }
    return order;
}
