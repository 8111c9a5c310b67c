/* Fusion: parallel loops over one extent become one loop, a loop with carries takes over what only
 * adds up the arrays that it stacks, and a reduction takes over what makes what it reduces, where
 * nothing else reads it.
 *
 * The instructions of a block form a graph. A loop joins an earlier group of loops of the same
 * extent when it depends on the group only iteration by iteration: through stacked results that it
 * slices, or by continuing one of its accs. Any other path from the group to the loop forbids it.
 * Fused bodies are one block and are fused again inside, so whole nests merge; forward and reverse
 * loops over the same iterations become one and what was stacked between them disappears (simplify
 * removes it).
 *
 * Note [Checks order]
 * Whatever reads memory at an index that a check guards comes after every check before it; inside
 * one fused loop an iteration's checks still precede its reads. */
#include "passes/liveness.h"
#include "passes/rebuild.h"

#include <string.h>

/* How many earlier loops are looked at, and how many loops become one at most: what more of them
 * have in common no longer fits into registers, and the time of compilation must not be quadratic.
 */
enum { FUSE_WINDOW = 48, FUSE_MEMBERS = 512 };

typedef struct Node {
    const Inst *inst;
    ValueList uses;   /* operands and free values of regions, as they stand */
    VEC(int) deps;    /* nodes of the block that must come before */
    VEC(int) readers; /* nodes whose deps this one is among */
    int group;        /* the node that leads its group: itself, or an earlier loop */
    VEC(int) members; /* of a leader: nodes of the group, itself first */
    int top;          /* of a leader: no path of dependencies leads to a node behind this one */
    bool checks, unsafe, flat, emitted;
    bool serial;     /* of a leader: its group has a loop with carries that others may join */
    int users, user; /* how many nodes read its results, and the last of them */
    int mark;
} Node;

typedef struct Fuse {
    IrModule *m;
    Arena *arena;
    PtrMap alias; /* body parameter of a fused loop -> the source value that it is */
    PtrMap uses;  /* use counts of source values */
} Fuse;

typedef struct Block {
    Fuse *s;
    Node *nodes;
    int n, mark;
    PtrMap at;        /* Inst -> node number + 1 */
    VEC(int) leaders; /* the loops so far that lead their groups, in order */
} Block;

typedef VEC(const Inst *) InstList;

static void emit_block(Fuse *s, IrBuilder *b, const InstList *insts, IrMap *map);

static Value *resolve(const Fuse *s, Value *v) {
    for (Value *to; (to = ptrmap_get(&s->alias, v)) != NULL;)
        v = to;
    return v;
}

/* The value's place in the new function. */
static Value *mapped(const Fuse *s, const IrMap *map, Value *v) {
    return irmap_get(map, resolve(s, v));
}

/* ---- the graph ---- */

static bool inst_is_unsafe(const Inst *inst) {
    for (int k = 0; k < inst->n_region; k++)
        if (region_has_unsafe(inst->regions[k]))
            return true;
    return inst->n_region == 0 && inst->op != OP_check && inst->op != OP_dim && !inst_is_pure(inst);
}

static bool region_is_flat(const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop || inst->op == OP_contract ||
            (inst->n_out && inst->out[0]->type->rank > 0 && !inst->out[0]->is_acc))
            return false;
        for (int k = 0; k < inst->n_region; k++)
            if (!region_is_flat(inst->regions[k]))
                return false;
    }
    return true;
}

static void depend(Block *g, Node *node, int on) {
    for (int i = 0; i < node->deps.n; i++)
        if (node->deps.data[i] == on)
            return;
    vec_push(g->s->arena, &node->deps, on);
    vec_push(g->s->arena, &g->nodes[on].readers, (int)(node - g->nodes));
}

static int node_of(const Block *g, const Inst *inst) {
    return (int)(uintptr_t)ptrmap_get(&g->at, inst) - 1;
}

static void depend_on_size(Block *g, Node *node, const Size *size, const PtrMap *dims) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++) {
            Inst *dim = ptrmap_get(dims, size->terms[t].syms[k]);
            if (dim)
                depend(g, node, node_of(g, dim));
        }
}

static void depend_on_sizes(Block *g, Node *node, const PtrMap *dims) {
    const Inst *inst = node->inst;
    if (dims->n == 0)
        return;
    for (int k = 0; k < inst->n_out; k++)
        for (int d = 0; d < inst->out[k]->type->rank; d++)
            depend_on_size(g, node, inst->out[k]->type->dims[d], dims);
    if (inst->op == OP_size)
        depend_on_size(g, node, inst->attr.size, dims);
    if (inst->op == OP_loop)
        depend_on_size(g, node, inst->attr.loop.extent, dims);
    for (int k = 0; k < inst->n_region; k++) {
        PtrMap syms;
        ptrmap_init(&syms, g->s->arena);
        ir_free_syms(g->s->arena, inst->regions[k], &syms);
        for (uint32_t i = 0; i < syms.cap; i++)
            if (syms.keys[i] && ptrmap_get(dims, syms.keys[i]))
                depend(g, node, node_of(g, ptrmap_get(dims, syms.keys[i])));
    }
}

/* Whether the loop, with carries, may take over loops that add up what it stacks. */
static bool takes_sums(const Inst *inst) {
    return inst->op == OP_loop && inst->attr.loop.n_carry > 0 && inst->attr.loop.n_stack > 0 &&
           inst->attr.loop.checkpoint == CHECK_store;
}

static void build_node(Block *g, int i, PtrMap *dims) {
    Node *node = &g->nodes[i];
    const Inst *inst = node->inst;
    Arena *arena = g->s->arena;
    for (int k = 0; k < inst->n_in; k++)
        vec_push(arena, &node->uses, inst->in[k]);
    for (int k = 0; k < inst->n_region; k++)
        ir_free_values(arena, inst->regions[k], &node->uses);
    for (int k = 0; k < node->uses.n; k++) {
        const Value *v = resolve(g->s, node->uses.data[k]);
        if (!v->inst || !ptrmap_has(&g->at, v->inst))
            continue;
        Node *maker = &g->nodes[node_of(g, v->inst)];
        depend(g, node, node_of(g, v->inst));
        maker->users += maker->users == 0 || maker->user != i;
        maker->user = i;
    }
    depend_on_sizes(g, node, dims);
    node->group = node->top = i;
    vec_push(arena, &node->members, i);
    node->checks = inst_holds(inst, OP_check);
    node->unsafe = inst_is_unsafe(inst);
    node->flat = inst->op == OP_loop && region_is_flat(inst->regions[0]);
    node->serial = takes_sums(inst);
    if (inst->op == OP_dim)
        ptrmap_put(dims, inst->attr.sym, (void *)(uintptr_t)inst);
}

/* True when a path of dependencies leads from group `from` to group `to`. A dependency is an
 * earlier node, but the path goes on from all of that node's group, so that it may come to later
 * ones; a leader is the first of its group. */
static bool reaches(Block *g, int from, int to) {
    Node *leader = &g->nodes[from];
    if (from == to)
        return true;
    if (leader->mark == g->mark || leader->top < to)
        return false;
    leader->mark = g->mark;
    for (int i = 0; i < leader->members.n; i++) {
        const Node *member = &g->nodes[leader->members.data[i]];
        for (int k = 0; k < member->deps.n; k++)
            if (reaches(g, g->nodes[member->deps.data[k]].group, to))
                return true;
    }
    return false;
}

/* ---- joining ---- */

static bool is_parallel(const Inst *inst) {
    return inst->op == OP_loop && inst->attr.loop.n_carry == 0;
}

/* A parallel loop whose iterations are loops over arrays themselves, with sums as its only results:
 * nothing is lost when its iterations run one after the other. */
static bool adds_rows(const Inst *loop) {
    const Region *body = loop->regions[0];
    bool rows = is_parallel(loop) && loop->attr.loop.n_stack == 0;
    for (int k = 0; k < loop->attr.loop.n_slice; k++)
        rows = rows && body->params.data[1 + k]->type->rank > 0;
    for (int k = 0; k < body->insts.n; k++)
        rows = rows && body->insts.data[k]->op == OP_loop;
    return rows;
}

static bool all_add_rows(const Block *g, const Node *group) {
    bool all = true;
    for (int i = 0; i < group->members.n; i++)
        all = all && adds_rows(g->nodes[group->members.data[i]].inst);
    return all;
}

static bool in_group(const Block *g, int leader, const Value *v) {
    return v->inst && ptrmap_has(&g->at, v->inst) && g->nodes[node_of(g, v->inst)].group == leader;
}

/* Operand k of loop may depend on the group: it slices a stacked result, or continues an acc that
 * nothing else reads. A parameter that stands for such an acc does not: the fused loop that the acc
 * came out of yields it as well. */
static bool operand_joins(const Block *g, const Inst *loop, int k, const Value *v) {
    int nstate = v->inst->attr.loop.n_carry + v->inst->attr.loop.n_acc;
    if (k < loop->attr.loop.n_slice)
        return v->index >= nstate;
    return v->index >= v->inst->attr.loop.n_carry && v->index < nstate && loop->in[k] == v &&
           ptrmap_get(&g->s->uses, v) == (void *)1;
}

/* Whether what the members of `group` read from `from` is read iteration by iteration; counts such
 * reads. */
static bool reads_join(const Block *g, const Node *group, int from, int *reads) {
    for (int i = 0; i < group->members.n; i++) {
        const Node *node = &g->nodes[group->members.data[i]];
        for (int k = 0; k < node->uses.n; k++) {
            const Value *v = resolve(g->s, node->uses.data[k]);
            if (!in_group(g, from, v))
                continue;
            if (k >= node->inst->n_in || !operand_joins(g, node->inst, k, v))
                return false;
            ++*reads;
        }
    }
    return true;
}

/* Whether a path leads from `group` to `to` through instructions outside both. */
static bool reaches_around(Block *g, int group, int to) {
    const Node *leader = &g->nodes[group];
    g->mark++;
    for (int i = 0; i < leader->members.n; i++) {
        const Node *node = &g->nodes[leader->members.data[i]];
        for (int k = 0; k < node->deps.n; k++) {
            int dep = g->nodes[node->deps.data[k]].group;
            if (dep != to && dep != group && reaches(g, dep, to))
                return true;
        }
    }
    return false;
}

/* Whether two groups slice the same array. */
static bool share_slices(const Block *g, const Node *a, const Node *b) {
    for (int i = 0; i < a->members.n; i++)
        for (int j = 0; j < b->members.n; j++) {
            const Inst *x = g->nodes[a->members.data[i]].inst,
                       *y = g->nodes[b->members.data[j]].inst;
            for (int k = 0; k < x->attr.loop.n_slice; k++)
                for (int l = 0; l < y->attr.loop.n_slice; l++)
                    if (resolve(g->s, x->in[k]) == resolve(g->s, y->in[l]))
                        return true;
        }
    return false;
}

/* What instruction i of the loop takes a piece of, at a place that depends on the iteration; NULL
 * for anything else. */
static const Value *cut_up(const Block *g, const Inst *loop, int i) {
    const Inst *inst = loop->regions[0]->insts.data[i];
    bool moves = false;
    for (int k = 1; inst->op == OP_slice && k < inst->n_in; k++)
        moves = moves || inst->in[k]->region == loop->regions[0];
    return moves ? resolve(g->s, inst->in[0]) : NULL;
}

static bool cuts(const Block *g, const Inst *loop, const Value *array) {
    for (int i = 0; i < loop->regions[0]->insts.n; i++)
        if (cut_up(g, loop, i) == array)
            return true;
    return false;
}

/* Whether two groups take pieces of the same array: the chunks of rows that `lift` makes. */
static bool share_pieces(const Block *g, const Node *a, const Node *b) {
    for (int i = 0; i < a->members.n; i++) {
        const Inst *x = g->nodes[a->members.data[i]].inst;
        for (int k = 0; k < x->regions[0]->insts.n; k++) {
            const Value *array = cut_up(g, x, k);
            for (int j = 0; array && j < b->members.n; j++)
                if (cuts(g, g->nodes[b->members.data[j]].inst, array))
                    return true;
        }
    }
    return false;
}

/* Two groups become one loop when that saves a pass over memory: one reads what the other makes, or
 * both read the same. */
static bool can_merge(Block *g, int a, int b, bool connected) {
    const Node *x = &g->nodes[a], *y = &g->nodes[b];
    int reads = 0;
    if (x->inst->attr.loop.extent != y->inst->attr.loop.extent ||
        x->members.n + y->members.n > FUSE_MEMBERS)
        return false;
    if (!reads_join(g, y, a, &reads) || !reads_join(g, x, b, &reads))
        return false;
    if (connected
            ? reads == 0
            : reads > 0 || x->flat != y->flat || (!share_slices(g, x, y) && !share_pieces(g, x, y)))
        return false;
    return !reaches_around(g, b, a) && !reaches_around(g, a, b);
}

static void remove_leader(Block *g, int leader) {
    int *list = g->leaders.data, i = g->leaders.n;
    while (i > 0 && list[i - 1] > leader)
        i--;
    if (i == 0 || list[i - 1] != leader)
        return;
    memmove(list + i - 1, list + i, (size_t)(g->leaders.n - i) * sizeof *list);
    g->leaders.n--;
}

/* All that depends on the group can reach what the group can. */
static void raise_tops(Block *g, int group, int top) {
    VEC(int) raised = {0};
    g->nodes[group].top = top;
    vec_push(g->s->arena, &raised, group);
    for (int i = 0; i < raised.n; i++) {
        const Node *leader = &g->nodes[raised.data[i]];
        for (int k = 0; k < leader->members.n; k++) {
            const Node *member = &g->nodes[leader->members.data[k]];
            for (int r = 0; r < member->readers.n; r++) {
                int reader = g->nodes[member->readers.data[r]].group;
                if (g->nodes[reader].top < top) {
                    g->nodes[reader].top = top;
                    vec_push(g->s->arena, &raised, reader);
                }
            }
        }
    }
}

static int merge_groups(Block *g, int a, int b) {
    int first = a < b ? a : b, second = a < b ? b : a, at = 0, with = 0;
    Node *x = &g->nodes[first], *y = &g->nodes[second];
    VEC(int) members = {0};
    while (at < x->members.n || with < y->members.n) {
        bool from_x = with == y->members.n ||
                      (at < x->members.n && x->members.data[at] < y->members.data[with]);
        vec_push(g->s->arena, &members, from_x ? x->members.data[at++] : y->members.data[with++]);
    }
    for (int i = 0; i < members.n; i++)
        g->nodes[members.data[i]].group = first;
    remove_leader(g, second);
    x->members.data = members.data;
    x->members.n = members.n;
    x->members.cap = members.cap;
    x->flat = x->flat && y->flat;
    x->serial = x->serial || y->serial;
    raise_tops(g, first, x->top > y->top ? x->top : y->top);
    return first;
}

/* The nearest earlier group that the group `group` can merge with, or -1. */
static int find_partner(Block *g, int group, bool connected) {
    for (int k = g->leaders.n - 1, tried = 0; k >= 0 && tried < FUSE_WINDOW; k--) {
        int j = g->leaders.data[k];
        const Node *other = &g->nodes[j];
        if (j == group)
            continue;
        bool joins = other->serial ? connected && all_add_rows(g, &g->nodes[group])
                                   : is_parallel(other->inst);
        if (!joins)
            continue;
        tried++;
        if (can_merge(g, j, group, connected))
            return j;
    }
    return -1;
}

/* A loop that feeds only one later loop waits for it: joined with its producers it would have to
 * store its result. */
static bool waits_for_consumer(const Block *g, const Node *node) {
    if (node->users != 1)
        return false;
    const Node *user = &g->nodes[node->user];
    int reads = 0;
    return is_parallel(user->inst) &&
           user->inst->attr.loop.extent == node->inst->attr.loop.extent &&
           reads_join(g, user, node->group, &reads);
}

/* A loop that is nothing but one reduction: the largest, whether all are true, ... */
static bool reduces(const Inst *loop) {
    return loop->attr.loop.n_carry == 1 && loop->n_out == 1 && !loop->attr.loop.reverse &&
           ir_carries_reduce(loop);
}

static bool is_yielded(const Inst *loop) {
    const Region *region = loop->region;
    for (int i = 0; i < region->yields.n; i++)
        if (region->yields.data[i]->inst == loop)
            return true;
    return false;
}

/* Whether nothing but the node reads what the group makes, outside of the group. */
static bool is_only_reader(const Block *g, int group, int node) {
    const Node *leader = &g->nodes[group];
    for (int i = 0; i < leader->members.n; i++) {
        const Node *member = &g->nodes[leader->members.data[i]];
        if (is_yielded(member->inst))
            return false;
        for (int r = 0; r < member->readers.n; r++)
            if (member->readers.data[r] != node && g->nodes[member->readers.data[r]].group != group)
                return false;
    }
    return true;
}

/* A reduction takes over the loops that make what it reduces, which nothing else wants: nothing is
 * stored. */
static void join_reduction(Block *g, int i) {
    for (int k = g->leaders.n - 1, tried = 0; k >= 0 && tried < FUSE_WINDOW; k--, tried++) {
        int j = g->leaders.data[k];
        if (is_parallel(g->nodes[j].inst) && !g->nodes[j].serial && is_only_reader(g, j, i) &&
            can_merge(g, j, i, true)) {
            g->nodes[merge_groups(g, j, i)].serial = true; /* no other loop joins it */
            return;
        }
    }
}

static void join_group(Block *g, int group) {
    for (int partner = 0; partner >= 0 && !g->nodes[group].serial;) {
        partner = find_partner(g, group, true);
        if (partner < 0)
            partner = find_partner(g, group, false);
        if (partner >= 0)
            group = merge_groups(g, group, partner);
    }
}

static void join_groups(Block *g) {
    for (int i = 0; i < g->n; i++) {
        const Node *node = &g->nodes[i];
        if (node->inst->op != OP_loop)
            continue;
        if (is_parallel(node->inst) && !waits_for_consumer(g, node))
            join_group(g, i);
        else if (reduces(node->inst))
            join_reduction(g, i);
        if (node->group == i)
            vec_push(g->s->arena, &g->leaders, i);
    }
}

/* ---- emission ---- */

static void list_insts(Fuse *s, const Region *region, InstList *out) {
    for (int i = 0; i < region->insts.n; i++)
        vec_push(s->arena, out, region->insts.data[i]);
}

static void emit_if(Fuse *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    IrBuilder branch[2];
    Value **out = ARENA_ARRAY(s->arena, inst->n_out + 1, Value *);
    for (int k = 0; k < 2; k++) {
        InstList insts = {0};
        list_insts(s, inst->regions[k], &insts);
        ir_builder_nested(&branch[k], b);
        emit_block(s, &branch[k], &insts, map);
        for (int i = 0; i < inst->n_out; i++)
            ir_yield(&branch[k], mapped(s, map, inst->regions[k]->yields.data[i]));
    }
    b->loc = inst->loc;
    ir_if_values(b, mapped(s, map, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++) {
        name_keep(b->m, out[i], inst->out[i]->name);
        irmap_put(map, inst->out[i], out[i]);
    }
}

/* The loop that a group becomes, while it is put together. */
typedef struct Merged {
    VEC(Value *) slices, carries, accs; /* mapped operands */
    VEC(Value *)
    slice_params, carry_params, acc_params; /* the source parameter that each first stood for */
    InstList insts;
} Merged;

static bool made_by(const Block *g, const Node *leader, const Value *v) {
    for (int i = 0; i < leader->members.n; i++)
        if (g->nodes[leader->members.data[i]].inst == v->inst)
            return true;
    return false;
}

static void merge_slices(Block *g, const Node *leader, const Inst *loop, Merged *out, IrMap *map) {
    Fuse *s = g->s;
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        Value *param = loop->regions[0]->params.data[1 + k], *v = resolve(s, loop->in[k]);
        if (v->inst && made_by(g, leader, v)) {
            ptrmap_put(&s->alias, param, v->inst->regions[0]->yields.data[v->index]);
            continue;
        }
        Value *x = irmap_get(map, v);
        bool known = false;
        for (int i = 0; i < out->slices.n && !known; i++)
            if (out->slices.data[i] == x) {
                ptrmap_put(&s->alias, param, out->slice_params.data[i]);
                known = true;
            }
        if (known)
            continue;
        vec_push(s->arena, &out->slices, x);
        vec_push(s->arena, &out->slice_params, param);
    }
}

static void merge_state(Block *g, const Node *leader, const Inst *loop, Merged *out, IrMap *map) {
    Fuse *s = g->s;
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry, na = loop->attr.loop.n_acc;
    for (int k = 0; k < nc + na; k++) {
        Value *param = loop->regions[0]->params.data[1 + ns + k], *v = resolve(s, loop->in[ns + k]);
        if (v->inst && made_by(g, leader, v)) { /* continues an acc of the group */
            ptrmap_put(&s->alias, param, v->inst->regions[0]->yields.data[v->index]);
        } else if (k < nc) {
            vec_push(s->arena, &out->carries, irmap_get(map, v));
            vec_push(s->arena, &out->carry_params, param);
        } else {
            vec_push(s->arena, &out->accs, irmap_get(map, v));
            vec_push(s->arena, &out->acc_params, param);
        }
    }
}

/* The value that the chain starting at an acc parameter ends in, over all members that continue it.
 */
static Value *end_of_acc(const Block *g, const Node *leader, const Inst *loop, int k) {
    Value *out = loop->out[k];
    for (int i = 0; i < leader->members.n; i++) {
        const Inst *next = g->nodes[leader->members.data[i]].inst;
        int ns = next->attr.loop.n_slice;
        for (int j = ns; j < next->n_in; j++)
            if (resolve(g->s, next->in[j]) == out)
                return end_of_acc(g, leader, next, j - ns);
    }
    return out;
}

static void map_merged_params(Block *g, const Node *leader, const Merged *merged, IrBuilder *body,
                              IrMap *map) {
    Value **p = body->region->params.data;
    for (int i = 0; i < leader->members.n; i++)
        irmap_put(map, g->nodes[leader->members.data[i]].inst->regions[0]->params.data[0], p[0]);
    p++;
    for (int i = 0; i < merged->slices.n; i++, p++) {
        (*p)->name = merged->slice_params.data[i]->name;
        irmap_put(map, merged->slice_params.data[i], *p);
    }
    for (int i = 0; i < merged->carries.n; i++, p++) {
        (*p)->name = merged->carry_params.data[i]->name;
        irmap_put(map, merged->carry_params.data[i], *p);
    }
    for (int i = 0; i < merged->accs.n; i++, p++) {
        (*p)->name = merged->acc_params.data[i]->name;
        irmap_put(map, merged->acc_params.data[i], *p);
    }
}

static void emit_group(Block *g, IrBuilder *b, const Node *leader, IrMap *map) {
    Fuse *s = g->s;
    const Inst *first = leader->inst;
    bool reverse = false; /* of the loop with carries; the order of the others does not matter */
    Merged merged = {0};
    for (int i = 0; i < leader->members.n; i++) {
        const Inst *loop = g->nodes[leader->members.data[i]].inst;
        reverse = reverse || loop->attr.loop.reverse;
        merge_slices(g, leader, loop, &merged, map);
        merge_state(g, leader, loop, &merged, map);
        list_insts(s, loop->regions[0], &merged.insts);
    }
    LoopSpec spec = {.extent = irmap_size(map, first->attr.loop.extent),
                     .reverse = reverse,
                     .n_slice = merged.slices.n,
                     .n_carry = merged.carries.n,
                     .n_acc = merged.accs.n,
                     .slices = merged.slices.data,
                     .carries = merged.carries.data,
                     .accs = merged.accs.data,
                     .index_name = first->regions[0]->params.data[0]->name};
    IrBuilder body;
    b->loc = first->loc;
    ir_loop_begin(b, &spec, &body);
    map_merged_params(g, leader, &merged, &body, map);
    emit_block(s, &body, &merged.insts, map);
    ValueList results = {0}; /* source results, in the order of the new ones */
    for (int kind = 0; kind < 3; kind++)
        for (int i = 0; i < leader->members.n; i++) {
            const Inst *loop = g->nodes[leader->members.data[i]].inst;
            int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry,
                na = loop->attr.loop.n_acc;
            int from = kind == 0   ? 0
                       : kind == 1 ? nc
                                   : nc + na,
                to = kind == 0   ? nc
                     : kind == 1 ? nc + na
                                 : loop->n_out;
            for (int k = from; k < to; k++) {
                bool continues =
                    kind == 1 && ptrmap_has(&s->alias, loop->regions[0]->params.data[1 + ns + k]);
                Value *result = kind == 1 ? end_of_acc(g, leader, loop, k) : loop->out[k];
                if (continues)
                    continue;
                ir_yield(&body,
                         mapped(s, map, result->inst->regions[0]->yields.data[result->index]));
                vec_push(s->arena, &results, result);
            }
        }
    b->loc = first->loc;
    Inst *out = ir_loop_end(b, &spec, &body);
    for (int i = 0; i < results.n; i++) {
        out->out[i]->name = results.data[i]->name;
        irmap_put(map, results.data[i], out->out[i]);
    }
}

static void emit_node(Block *g, IrBuilder *b, int i, IrMap *map) {
    Node *leader = &g->nodes[g->nodes[i].group];
    if (leader->emitted)
        return;
    leader->emitted = true;
    for (int k = 0; k < leader->members.n; k++) {
        const Node *member = &g->nodes[leader->members.data[k]];
        for (int d = 0; d < member->deps.n; d++)
            emit_node(g, b, member->deps.data[d], map);
    }
    for (int k = 0; k < leader->members.n; k++) {
        const Node *member = &g->nodes[leader->members.data[k]];
        for (int u = 0; u < member->uses.n; u++) /* fused parameters stand for what they are */
            if (ptrmap_has(&g->s->alias, member->uses.data[u]))
                irmap_put(map, member->uses.data[u], mapped(g->s, map, member->uses.data[u]));
    }
    b->loc = leader->inst->loc;
    if (leader->inst->op == OP_loop)
        emit_group(g, b, leader, map);
    else if (leader->inst->op == OP_if)
        emit_if(g->s, b, leader->inst, map);
    else
        ir_clone_inst(b, leader->inst, map);
}

/* Without loops nothing moves; only what is nested may hold some. */
static bool emit_without_loops(Fuse *s, IrBuilder *b, const InstList *insts, IrMap *map) {
    for (int i = 0; i < insts->n; i++)
        if (insts->data[i]->op == OP_loop || s->alias.n > 0)
            return false;
    for (int i = 0; i < insts->n; i++) {
        b->loc = insts->data[i]->loc;
        if (insts->data[i]->op == OP_if)
            emit_if(s, b, insts->data[i], map);
        else
            ir_clone_inst(b, insts->data[i], map);
    }
    return true;
}

static void emit_block(Fuse *s, IrBuilder *b, const InstList *insts, IrMap *map) {
    if (emit_without_loops(s, b, insts, map))
        return;
    Block g = {.s = s, .n = insts->n};
    PtrMap dims;
    VEC(int) checks = {0};
    ptrmap_init(&g.at, s->arena);
    ptrmap_init(&dims, s->arena);
    g.nodes = ARENA_ARRAY(s->arena, insts->n + 1, Node);
    for (int i = 0; i < insts->n; i++) {
        g.nodes[i].inst = insts->data[i];
        ptrmap_put(&g.at, insts->data[i], (void *)(uintptr_t)(i + 1));
        build_node(&g, i, &dims);
        for (int k = 0; g.nodes[i].unsafe && k < checks.n; k++)
            depend(&g, &g.nodes[i], checks.data[k]);
        if (g.nodes[i].checks)
            vec_push(s->arena, &checks, i);
    }
    join_groups(&g);
    for (int i = 0; i < insts->n; i++)
        emit_node(&g, b, i, map);
}

bool pass_fuse(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        if (f->is_extern)
            continue;
        Fuse s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.alias, m->arena);
        ptrmap_init(&s.uses, m->arena);
        count_uses(f->body, &s.uses);
        Region *old = f->body, *body = ARENA_NEW(m->arena, Region);
        IrMap map;
        IrBuilder b;
        InstList insts = {0};
        body->func = f;
        irmap_init(&map, m, m->arena);
        for (int k = 0; k < old->params.n; k++)
            irmap_put(&map, old->params.data[k],
                      ir_param(m, body, old->params.data[k]->type, old->params.data[k]->name));
        ir_builder_init(&b, m, body);
        list_insts(&s, old, &insts);
        emit_block(&s, &b, &insts, &map);
        for (int k = 0; k < old->yields.n; k++)
            ir_yield(&b, mapped(&s, &map, old->yields.data[k]));
        f->body = body;
    }
    return true;
}
