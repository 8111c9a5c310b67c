/* Adjoints that may be 0 by structure, or infinite; see zeros.c.
 *
 * The flow marks adjoints that are not 0 by structure: one summand is enough. A carry's adjoint is
 * taken for such until the body of its loop proves otherwise. Marks are sets of elements, so that a
 * small array of which every element is read by its number is as solid as its elements. */
#include "ir/einsum.h"
#include "passes/zeros.h"

#include <string.h>

static const Elements ALL = UINTPTR_MAX;

typedef struct Mark {
    const Value *v;
    Elements added;
} Mark;

typedef struct Adjoints {
    Arena *arena;
    const Zeros *known;
    const PtrMap *varied, *useful;
    PtrMap solid;  /* value -> Elements */
    VEC(Mark) log; /* of what was marked */
    PtrMap faint;  /* parameters of carries whose adjoint may be 0 */
    PtrMap ample;  /* those that are not NULL: narrow, solid but in the last iteration */
} Adjoints;

static bool is_active(const Adjoints *a, const Value *v) {
    return ptrmap_has(a->varied, v) && ptrmap_has(a->useful, v);
}

static Elements marks_of(const Adjoints *a, const Value *v) {
    return (Elements)(uintptr_t)ptrmap_get(&a->solid, v);
}

static bool is_solid(const Adjoints *a, const Value *v) {
    return marks_of(a, v) == ALL;
}

static void set_marks(Adjoints *a, const Value *v, Elements marks) {
    ptrmap_put(&a->solid, v, (void *)marks);
}

static void mark(Adjoints *a, const Value *v, Elements marks) {
    Elements before = marks_of(a, v);
    if (!is_active(a, v) || (marks & ~before) == 0)
        return;
    set_marks(a, v, before | marks);
    vec_push(a->arena, &a->log, ((Mark){v, marks & ~before}));
}

static void give(Adjoints *a, const Value *v, bool solid) {
    if (solid)
        mark(a, v, ALL);
}

/* An element, a row or a slice whose place is known: the array is solid when all of it is. */
static void give_part(Adjoints *a, const Inst *inst) {
    const Value *array = inst->in[0];
    Elements part = known_part(inst, 1), every = every_element(array->type);
    bool whole = a->known->narrow || (part && ((marks_of(a, array) | part) & every) == every);
    mark(a, array, whole ? ALL : part);
}

/* Takes the marks since `begin` back: all, or those of values outside of `region`, which `taken`
 * receives. */
typedef VEC(Mark) Marks;

static void take_back(Adjoints *a, int begin, const Region *region, Marks *taken) {
    int kept = begin;
    for (int i = begin; i < a->log.n; i++) {
        Mark m = a->log.data[i];
        if (region && m.v->region->depth >= region->depth) { /* of what is visible, inside */
            a->log.data[kept++] = m;
            continue;
        }
        set_marks(a, m.v, marks_of(a, m.v) & ~m.added);
        if (taken)
            vec_push(a->arena, taken, m);
    }
    a->log.n = kept;
}

static void adjoints_of_region(Adjoints *a, const Region *region);

/* One pass over a loop's body; false when it was told too much about a carry. */
static bool adjoints_of_body(Adjoints *a, const Inst *loop) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nc = loop->attr.loop.n_carry;
    bool held = true;
    for (int k = 0; k < loop->n_out; k++) {
        const Value *carry = k < nc ? body->params.data[1 + ns + k] : NULL;
        bool from_next = !carry || !ptrmap_has(&a->faint, carry);
        bool ample = carry && ptrmap_get(&a->ample, carry);
        give(a, body->yields.data[k], ample || (is_solid(a, loop->out[k]) && from_next));
    }
    adjoints_of_region(a, body);
    for (int k = 0; k < nc; k++) {
        const Value *carry = body->params.data[1 + ns + k];
        if (is_solid(a, carry) || ptrmap_has(&a->faint, carry))
            continue;
        ptrmap_put(&a->faint, carry, NULL);
        held = held && !is_solid(a, loop->out[k]);
    }
    return held;
}

/* In the narrow analysis a carry that nobody reads after the loop has an adjoint that is 0 in the
 * last iteration, which no condition chose. Whether there is a new one that is solid before. */
static bool know_ample(Adjoints *a, const Inst *loop) {
    bool found = false;
    for (int k = 0; a->known->narrow && k < loop->attr.loop.n_carry; k++) {
        const Value *carry = loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + k];
        if (!is_solid(a, carry) || is_active(a, loop->out[k]) || ptrmap_get(&a->ample, carry))
            continue;
        ptrmap_put(&a->ample, carry, (void *)loop);
        found = true;
    }
    return found;
}

static void adjoints_of_loop(Adjoints *a, const Inst *loop) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->attr.loop.n_carry + loop->attr.loop.n_acc;
    int begin = a->log.n;
    for (int k = 0; k < loop->attr.loop.n_carry; k++) /* what held in another round may not here */
        ptrmap_put(&a->ample, body->params.data[1 + ns + k], NULL);
    while (!adjoints_of_body(a, loop) || know_ample(a, loop))
        take_back(a, begin, NULL, NULL);
    if (!a->known->narrow && loop_may_not_run(loop))
        take_back(a, begin, body, NULL);
    for (int i = 0; i < ns + nstate; i++) {
        bool used = is_solid(a, body->params.data[1 + i]), sum = i >= ns + loop->attr.loop.n_carry;
        bool result = i >= ns && is_solid(a, loop->out[i - ns]);
        give(a, loop->in[i], sum ? result : used && (i < ns || result));
    }
}

static void adjoints_of_if(Adjoints *a, const Inst *inst) {
    Marks outer[2] = {{0}, {0}};
    PtrMap first;
    ptrmap_init(&first, a->arena);
    for (int k = 0; k < 2; k++) {
        int begin = a->log.n;
        for (int i = 0; i < inst->n_out; i++)
            give(a, inst->regions[k]->yields.data[i], is_solid(a, inst->out[i]));
        adjoints_of_region(a, inst->regions[k]);
        take_back(a, begin, inst->regions[k], &outer[k]);
    }
    for (int i = 0; i < outer[0].n; i++) {
        Mark m = outer[0].data[i];
        Elements before = (Elements)(uintptr_t)ptrmap_get(&first, m.v);
        ptrmap_put(&first, m.v, (void *)(before | m.added));
    }
    for (int i = 0; i < outer[1].n; i++) {
        Mark m = outer[1].data[i];
        mark(a, m.v, m.added & (Elements)(uintptr_t)ptrmap_get(&first, m.v));
    }
}

static bool may_be_empty(const Size *extent) {
    int64_t known;
    return !size_is_const(extent, &known) || known < 1;
}

/* Whether the adjoint of operand k may be a sum over nothing: what is repeated along an axis, or
 * multiplied with others along one that it does not have. */
static bool sums_nothing(const Inst *inst, int k) {
    const Type *out = inst->out[0]->type, *in = inst->in[k]->type;
    bool empty = false;
    for (int axis = 0; inst->op == OP_broadcast && axis < out->rank - in->rank; axis++)
        empty = empty || may_be_empty(out->dims[axis]);
    if (inst->op == OP_contract) {
        Einsum e = einsum_of_inst(inst);
        for (const char *other = e.labels[1 - k]; *other; other++)
            if (!strchr(e.labels[k], *other))
                empty = empty || may_be_empty(einsum_extent(&e, *other));
    }
    return empty;
}

/* What reaches operand k whatever the values are. */
static bool reaches(const Adjoints *a, const Inst *inst, int k) {
    bool narrow = a->known->narrow;
    switch (inst->op) {
    case OP_broadcast:
        return narrow || !sums_nothing(inst, k);
    case OP_contract:
        return (narrow || !sums_nothing(inst, k)) && !partial_has_zero(a->known, inst, k);
    case OP_mul0: /* the other factor may be 0 */
        return narrow && !partial_has_zero(a->known, inst, k);
    case OP_update:
        return narrow || k == 1;
    case OP_reduce:
        return inst->attr.reduce.kind == RED_sum || inst->attr.reduce.kind == RED_logsumexp;
    default:
        return !makes_zeros(a->known, inst->op) && !partial_has_zero(a->known, inst, k);
    }
}

/* The adjoint of the result is solid in these elements only. */
static void give_elements(Adjoints *a, const Inst *inst, Elements marks) {
    if (marks == 0)
        return;
    if (inst->op == OP_array && inst->in[0]->type->rank == 0)
        for (int k = 0; k < inst->n_in; k++)
            give(a, inst->in[k], marks >> k & 1);
    if (inst->op == OP_broadcast && inst->in[0]->type->rank == 0)
        give(a, inst->in[0], true);
    for (int k = 0; k < inst->n_in && op_is_elementwise(inst->op); k++)
        if (reaches(a, inst, k))
            mark(a, inst->in[k], marks);
}

static void adjoints_of_call(Adjoints *a, const Inst *call) {
    for (int r = 0; r < call->n_out; r++)
        for (int k = 0; is_solid(a, call->out[r]) && k < call->n_in; k++)
            give(a, call->in[k], call_passes(a->known, call, k, r, true));
}

static void adjoints_of_region(Adjoints *a, const Region *region) {
    for (int i = region->insts.n - 1; i >= 0; i--) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop)
            adjoints_of_loop(a, inst);
        else if (inst->op == OP_if)
            adjoints_of_if(a, inst);
        else if (inst->op == OP_call)
            adjoints_of_call(a, inst);
        else if (inst->n_out > 0 && !is_solid(a, inst->out[0]))
            give_elements(a, inst, marks_of(a, inst->out[0]));
        else if (inst->n_out == 0)
            continue;
        else if (inst->op == OP_index || inst->op == OP_slice)
            give_part(a, inst);
        else
            for (int k = 0; k < inst->n_in; k++)
                give(a, inst->in[k], reaches(a, inst, k));
    }
}

static bool starts_steep(const void *known, const Inst *inst, int k) {
    return inst->op == OP_call || partial_has_pole(known, inst, k);
}

static void mark_faint(const Adjoints *a, PtrMap *faint) {
    for (uint32_t i = 0; i < a->useful->cap; i++) {
        const Value *v = a->useful->keys[i];
        if (v && is_active(a, v) && !is_solid(a, v))
            ptrmap_put(faint, v, NULL);
    }
}

/* Notes which adjoints may be 0 where only those elements of one result have a cotangent that is
 * not; NULL: where all results have that are wanted. */
static void adjoints_of_turn(Zeros *z, Adjoints a, const Region *body, const bool *wanted,
                             const Value *result, Elements elements) {
    ptrmap_init(&a.solid, a.arena);
    ptrmap_init(&a.faint, a.arena);
    ptrmap_init(&a.ample, a.arena);
    for (int i = 0; i < body->yields.n; i++)
        if (wanted[i] && !result)
            give(&a, body->yields.data[i], true);
    if (result)
        mark(&a, result, elements);
    adjoints_of_region(&a, body);
    mark_faint(&a, &z->faint);
}

/* The k-th element of a small array; of a large one, none is known. */
static Elements told_apart(const Value *result, int k) {
    return every_element(result->type) ? (Elements)1 << k : 0;
}

/* How many turns a result takes: one an element, of arrays whose elements are told apart. */
static int turns_of(const Value *result) {
    Elements every = every_element(result->type);
    int n = 0;
    for (; every; every >>= 1)
        n++;
    return n > 0 ? n : 1;
}

static void adjoints_in_turn(Zeros *z, const Adjoints *a, const Region *body, const bool *wanted) {
    for (int i = 0; i < body->yields.n; i++) {
        const Value *result = body->yields.data[i];
        int n = turns_of(result);
        bool whole = result->type->rank == 0 || every_element(result->type) == 1;
        for (int k = 0; k < n && wanted[i]; k++)
            adjoints_of_turn(z, *a, body, wanted, result, whole ? ALL : told_apart(result, k));
    }
}

static void find_adjoints(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                          const PtrMap *useful, const bool *wanted, SeedKind kind) {
    kind = kind_for(z, kind);
    zeros_of_values(z, arena, body, kind == SEEDS_wild);
    Adjoints a = {.arena = arena, .known = z, .varied = varied, .useful = useful};
    int turns = 0;
    for (int i = 0; i < body->yields.n && turns <= MOST_TURNS; i++)
        turns += wanted[i] ? turns_of(body->yields.data[i]) : 0;
    if (kind == SEEDS_basis && turns <= MOST_TURNS)
        adjoints_in_turn(z, &a, body, wanted);
    else if (kind == SEEDS_solid)
        adjoints_of_turn(z, a, body, wanted, NULL, ALL);
    else
        mark_faint(&a, &z->faint);
    useful_flow(body, starts_steep, z, &z->steep);
    for (uint32_t i = 0; kind == SEEDS_wild && i < useful->cap; i++)
        if (useful->keys[i])
            ptrmap_put(&z->steep, useful->keys[i], NULL);
}

void zeros_of_adjoints(Zeros *z, Arena *arena, const Region *body, const PtrMap *varied,
                       const PtrMap *useful, const bool *wanted, SeedKind kind) {
    find_adjoints(z, arena, body, varied, useful, wanted, kind);
    if (asks_for_chosen(z, body, varied, true)) {
        z->chosen = new_narrow(arena);
        find_adjoints(z->chosen, arena, body, varied, useful, wanted, kind);
    }
}
