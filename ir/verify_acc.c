/* Accs are linear: each is a chain of additions that starts at the parameter of a loop's body and
 * ends in its yield, so that iterations commute and code generation may add in place.
 *
 * A chain has one head, the value that holds the sum now. A head may be the first operand of add,
 * add_at or add_slice (whose result is the new head), the acc init of an inner loop (whose result
 * is), or what both branches of an `if` yield at one position (whose result is). Everything else is
 * an error. Called by verify.c on functions that are sound otherwise. */
#include "ir/verify.h"

typedef struct Chain {
    const Value *head;
    const Region *body; /* of the loop whose acc it is */
} Chain;

/* A head that a branch moved, to be taken back for the other branch. */
typedef struct Move {
    Chain *chain;
    const Value *before;
} Move;

typedef struct AccWalk {
    Verifier *v;
    PtrMap chains; /* Value* -> Chain*, heads now or before */
    VEC(Move) moves;
} AccWalk;

static bool wrong(AccWalk *walk, const Inst *inst, const char *what) {
    return broken(walk->v, inst, "acc-linear", "%s", what);
}

static Chain *chain_of(const AccWalk *walk, const Value *value) {
    return ptrmap_get(&walk->chains, value);
}

static void move_head(AccWalk *walk, Chain *chain, const Value *head) {
    Move move = {chain, chain->head};
    vec_push(walk->v->arena, &walk->moves, move);
    chain->head = head;
    ptrmap_put(&walk->chains, head, chain);
}

/* Between the use and the loop's body there are only ifs. */
static bool same_iteration(const Chain *chain, const Region *region) {
    while (region && region != chain->body) {
        if (!region->owner || region->owner->op != OP_if) {
            return false;
        }
        region = region->parent;
    }
    return region != NULL;
}

/* The result that continues the chain when `inst` uses it as operand i; NULL where it may not. */
static const Value *continuation(const Inst *inst, int i) {
    if (inst->op == OP_add || inst->op == OP_add_at || inst->op == OP_add_slice) {
        return i == 0 ? inst->out[0] : NULL;
    }
    int first = inst->attr.loop.n_slice + inst->attr.loop.n_carry;
    return inst->op == OP_loop && i >= first ? inst->out[i - inst->attr.loop.n_slice] : NULL;
}

static bool use(AccWalk *walk, const Inst *inst, int i) {
    Chain *chain = chain_of(walk, inst->in[i]);
    if (!chain) {
        return true;
    }
    const Value *next = continuation(inst, i);
    if (!next) {
        return wrong(walk, inst, "an acc is used otherwise than as what is added to");
    }
    if (chain->head != inst->in[i]) {
        return wrong(walk, inst, "an acc is used twice");
    }
    if (!same_iteration(chain, inst->region)) {
        return wrong(walk, inst, "an acc is used inside an inner loop without being its acc");
    }
    move_head(walk, chain, next);
    return true;
}

static bool walk_region(AccWalk *walk, const Region *region);

static bool walk_loop(AccWalk *walk, const Inst *loop) {
    const Region *body = loop->regions[0];
    int n_carry = loop->attr.loop.n_carry, n_acc = loop->attr.loop.n_acc;
    Chain *chains = ARENA_ARRAY(walk->v->arena, n_acc, Chain);
    for (int i = 0; i < n_acc; i++) {
        chains[i].body = body;
        chains[i].head = body->params.data[1 + loop->attr.loop.n_slice + n_carry + i];
        ptrmap_put(&walk->chains, chains[i].head, &chains[i]);
    }
    if (!walk_region(walk, body)) {
        return false;
    }
    for (int i = 0; i < body->yields.n; i++) {
        const Value *yield = body->yields.data[i];
        bool is_acc = i >= n_carry && i < n_carry + n_acc;
        if (is_acc ? yield != chains[i - n_carry].head : chain_of(walk, yield) != NULL) {
            return wrong(walk, loop,
                         is_acc ? "the yield of an acc is not the end of its chain"
                                : "an acc is yielded as a carry or stacked");
        }
    }
    return true;
}

/* Every chain that the branch moved ends in one of its yields; then all moves are taken back. */
static bool leave_branch(AccWalk *walk, const Inst *inst, const Region *branch, int mark) {
    for (int i = mark; i < walk->moves.n; i++) {
        const Chain *chain = walk->moves.data[i].chain;
        int places = 0;
        for (int j = 0; j < branch->yields.n; j++) {
            places += branch->yields.data[j] == chain->head;
        }
        bool outer = !region_contains(branch, chain->body);
        if (outer && places != 1) {
            return wrong(walk, inst, "an acc that a branch adds to is yielded by it once");
        }
    }
    while (walk->moves.n > mark) {
        const Move *move = &walk->moves.data[--walk->moves.n];
        move->chain->head = move->before;
    }
    return true;
}

static bool walk_if(AccWalk *walk, const Inst *inst) {
    Chain **ends = ARENA_ARRAY(walk->v->arena, inst->n_out, Chain *);
    for (int i = 0; i < 2; i++) {
        const Region *branch = inst->regions[i];
        int mark = walk->moves.n;
        if (!walk_region(walk, branch)) {
            return false;
        }
        for (int j = 0; j < inst->n_out; j++) {
            Chain *chain = chain_of(walk, branch->yields.data[j]);
            if (chain && chain->head != branch->yields.data[j]) {
                return wrong(walk, inst, "an acc is used twice");
            }
            if (chain && !region_contains(branch, chain->body) && !same_iteration(chain, branch)) {
                return wrong(walk, inst,
                             "an acc is used inside an inner loop without being its acc");
            }
            if (i == 1 && chain != ends[j]) {
                return wrong(walk, inst,
                             "an acc is yielded by one branch only, or at two positions");
            }
            ends[j] = chain;
        }
        if (!leave_branch(walk, inst, branch, mark)) {
            return false;
        }
    }
    for (int j = 0; j < inst->n_out; j++) {
        if (ends[j]) {
            move_head(walk, ends[j], inst->out[j]);
        }
    }
    return true;
}

static bool walk_region(AccWalk *walk, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int j = 0; j < inst->n_in; j++) {
            if (!use(walk, inst, j)) {
                return false;
            }
        }
        if ((inst->op == OP_loop && !walk_loop(walk, inst)) ||
            (inst->op == OP_if && !walk_if(walk, inst))) {
            return false;
        }
    }
    return true;
}

void verify_accs(Verifier *v, const Func *func) {
    AccWalk walk = {.v = v};
    ptrmap_init(&walk.chains, v->arena);
    walk_region(&walk, func->body);
}
