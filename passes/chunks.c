/* Products and loops that go through the same rows, one after the other, go through them together,
 * a chunk of rows at a time, so that what one reads or writes is still in the cache for the next.
 *
 *     s = contract "Ai,i->A" X, w;  r = loop A { f(s[A]) };  g = contract "Ai,A->i" X, r
 *     ->  loop chunk acc(g = 0) { the same of X[lo .. lo + rows], added to g }
 *
 * Members of a group have one extent, the rows: a loop without carries over them, or a product with
 * a label of that extent that comes first wherever it stands. A member may read what another makes
 * row by row, never a sum over the rows. What the group makes a row at a time and nobody else reads
 * is then as long as a chunk; vectors that others do read are put together again.
 *
 * Note [What chunks cost]
 * Gained is the traffic of whole rows that two members share. Each chunk pays for what all rows
 * have in common: it reads the other operands of products once more, and reads and writes the sums.
 * Both are counted in numbers a row, with GUESS for sizes that are not known.
 *
 * The last pass but for simplify: it works on the loop form, and what it groups, fuse has left
 * apart because a product stands between. */
#include "passes/chunks.h"
#include "ir/einsum.h"
#include "passes/internal.h"
#include "passes/liveness.h"
#include "passes/rebuild.h"

#include <string.h>

static const double GUESS = 64;
enum {
    FEW_ROWS = 64,         /* a chunk: enough to pay for its start */
    LONG_ROW = 256,        /* bytes, from which on half as many are, and stay in the first cache */
    MANY_ROWS = 256,       /* where sums are matrices, which each chunk reads and writes */
    SHORT = 4 * MANY_ROWS, /* extents known to be below are left alone */
    WINDOW = 256           /* instructions from the first member on that may be members */
};

/* ---- sizes ---- */

/* n/by, rounded up. */
static Value *quotient(IrBuilder *b, Value *n, Value *by) {
    Value *more = ir_ew2(b, OP_sub, by, ir_int(b, S_i64, 1));
    return ir_ew2(b, OP_div, ir_ew2(b, OP_add, n, more), by);
}

static Value *chunk_size(IrBuilder *b, const Size *extent, Value *most) {
    if (b->m->threads < 2)
        return most;
    Value *each = quotient(b, ir_size(b, extent), ir_int(b, S_i64, b->m->threads));
    return ir_ew2(b, OP_min, ir_ew2(b, OP_max, each, ir_int(b, S_i64, 1)), most);
}

Chunks chunks_of(IrBuilder *b, const Size *extent, Value *most) {
    Context *ctx = b->m->ctx;
    Value *size = chunk_size(b, extent, most);
    SizeSym *count =
        ir_extent(b, quotient(b, ir_size(b, extent), size), atom_of(&ctx->atoms, "chunks"));
    return (Chunks){.extent = extent, .size = size, .count = size_sym(&ctx->polys, count)};
}

Value *chunk_start(IrBuilder *body, const Chunks *c) {
    return ir_ew2(body, OP_mul, ir_body_index(body), c->size);
}

const Size *chunk_rows(IrBuilder *body, const Chunks *c, Value *lo) {
    Context *ctx = body->m->ctx;
    Value *left = ir_ew2(body, OP_sub, ir_size(body, c->extent), lo);
    Value *n = ir_ew2(body, OP_min, left, c->size);
    return size_sym(&ctx->polys, ir_extent(body, n, atom_of(&ctx->atoms, "rows")));
}

/* min(.., most), also one of several in one another. */
static bool is_rows_of_chunk(const Value *v) {
    if (!v || !v->inst)
        return false;
    if (v->inst->op == OP_const)
        return v->inst->attr.integer <= MANY_ROWS;
    return v->inst->op == OP_min &&
           (is_rows_of_chunk(v->inst->in[0]) || is_rows_of_chunk(v->inst->in[1]));
}

bool is_chunk(const Size *extent) {
    const SizeSym *sym = size_is_sym(extent);
    return sym && is_rows_of_chunk(sym->value);
}

const Size *chunk_whole(const SizeSym *rows) {
    const Value *n = rows->value;
    if (!is_rows_of_chunk(n) || n->inst->op != OP_min)
        return NULL;
    for (int k = 0; k < 2; k++) {
        const Inst *left = n->inst->in[k]->inst;
        if (left && left->op == OP_sub && left->in[0]->inst && left->in[0]->inst->op == OP_size)
            return left->in[0]->inst->attr.size;
    }
    return NULL;
}

/* The numbers in an array, one for each guess. */
static double guess(const Type *type, int from_axis) {
    double numbers = 1;
    for (int d = from_axis; d < type->rank; d++) {
        double extent = size_guess(type->dims[d], GUESS);
        numbers *= extent > 1 ? extent : 1;
    }
    return numbers;
}

/* ---- groups ---- */

typedef enum Part { ALONE, MEMBER, AFTER } Part;
typedef enum Tie { FREE, ROWS, SUMS } Tie; /* how a value hangs on the group */

typedef struct Group {
    IrModule *m;
    Arena *arena;
    const Region *block;
    const Size *rows;
    int first, last;
    Part *part;    /* of each instruction of the block */
    PtrMap ties;   /* value -> Tie, but FREE */
    PtrMap shared; /* values whose rows a member goes through -> how many members, as uintptr_t */
    VEC(const Type *) matrices;  /* among the sums */
    VEC(const Type *) gone_over; /* matrices from outside whose rows several members go through */
    double gain, cost;
} Group;

static Tie tie_of(const Group *g, const Value *v) {
    return (Tie)(uintptr_t)ptrmap_get(&g->ties, v);
}

static void tie(Group *g, const Value *v, Tie to) {
    ptrmap_put(&g->ties, v, (void *)(uintptr_t)to);
}

/* Where the label of the rows stands in the labels of one operand or of the result: -1 nowhere, 0
 * first, 1 elsewhere. */
static int place_of(const char *labels, char label) {
    const char *at = strchr(labels, label);
    return at ? at > labels : -1;
}

/* How the label stands in the operands and the result of a product. */
typedef struct Places {
    int at[3];
} Places;

static Places places_of(const Inst *product, char label) {
    Einsum e = einsum_of_inst(product);
    return (Places){
        {place_of(e.labels[0], label), place_of(e.labels[1], label), place_of(e.out, label)}};
}

/* The one label of this extent in a product; 0: none, or several. */
static char label_of_rows(const Inst *product, const Size *rows) {
    Einsum e = einsum_of_inst(product);
    char found = 0;
    for (int k = 0; k < 2; k++)
        for (int d = 0; e.labels[k][d]; d++) {
            if (product->in[k]->type->dims[d] != rows || e.labels[k][d] == found)
                continue;
            if (found)
                return 0;
            found = e.labels[k][d];
        }
    return found;
}

static bool product_fits(const Inst *product, const Size *rows, Places *places) {
    char label = value_is_float(product->out[0]) ? label_of_rows(product, rows) : 0;
    if (!label)
        return false;
    *places = places_of(product, label);
    return places->at[0] <= 0 && places->at[1] <= 0 && places->at[2] <= 0;
}

static bool loop_fits(const Inst *loop, const Size *rows) {
    int ns = loop->attr.loop.n_slice;
    if (loop->attr.loop.extent != rows || loop->attr.loop.n_carry > 0 ||
        region_holds(loop->regions[0], OP_check))
        return false;
    for (int k = 0; k < loop->attr.loop.n_acc; k++)
        if (loop->in[ns + k]->is_acc)
            return false;
    return true;
}

/* Whether operand k of a member is gone through row by row. */
static bool goes_by_rows(const Inst *inst, int k, const Places *places) {
    return inst->op == OP_loop ? k < inst->attr.loop.n_slice : places->at[k] == 0;
}

static bool makes_rows(const Inst *inst, int k, const Places *places) {
    return inst->op == OP_loop ? k >= inst->attr.loop.n_acc : places->at[2] == 0;
}

static bool fits(const Inst *inst, const Size *rows, Places *places) {
    return inst->op == OP_loop ? loop_fits(inst, rows)
                               : inst->op == OP_contract && product_fits(inst, rows, places);
}

/* The extent that a group may start from here with, that of operand k of a product; NULL: none. */
static const Size *rows_of_start(const Inst *inst, int k) {
    int64_t n;
    const Size *rows = NULL;
    if (inst->op == OP_contract && inst->in[k]->type->rank > 0)
        rows = inst->in[k]->type->dims[0];
    else if (inst->op == OP_loop && k == 0)
        rows = inst->attr.loop.extent;
    return rows && !(size_is_const(rows, &n) && n < SHORT) ? rows : NULL;
}

/* What the instruction reads of the group, in the worst way. */
static Tie reads(Group *g, const Inst *inst, bool fitting, const Places *places) {
    Tie worst = FREE;
    ValueList used = {0};
    for (int k = 0; k < inst->n_in; k++) {
        Tie t = tie_of(g, inst->in[k]);
        if (t == ROWS && !(fitting && goes_by_rows(inst, k, places)))
            t = SUMS;
        worst = t > worst ? t : worst;
    }
    for (int k = 0; k < inst->n_region; k++)
        ir_free_values(g->arena, inst->regions[k], &used);
    for (int k = 0; k < used.n; k++)
        if (tie_of(g, used.data[k]) != FREE)
            worst = SUMS;
    return worst;
}

static void count_member(Group *g, const Inst *inst, const Places *places) {
    for (int k = 0; k < inst->n_in; k++) {
        const Value *v = inst->in[k];
        if (goes_by_rows(inst, k, places)) {
            uintptr_t before = (uintptr_t)ptrmap_get(&g->shared, v);
            ptrmap_put(&g->shared, v, (void *)(before + 1));
            double row = v->type->rank > 1 ? guess(v->type, 1) : 0;
            if (before == 1 && v->type->rank == 2 && tie_of(g, v) == FREE)
                vec_push(g->arena, &g->gone_over, v->type);
            g->gain += before > 0 ? row : tie_of(g, v) == ROWS ? 2 * row : 0;
        } else if (inst->op == OP_contract) {
            g->cost += guess(v->type, 0);
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        const Type *type = inst->out[k]->type;
        if (makes_rows(inst, k, places))
            continue;
        g->cost += 2 * guess(type, 0);
        if (type->rank > 1)
            vec_push(g->arena, &g->matrices, type);
    }
}

static void join(Group *g, int i, const Places *places) {
    const Inst *inst = g->block->insts.data[i];
    count_member(g, inst, places);
    for (int k = 0; k < inst->n_out; k++)
        tie(g, inst->out[k], makes_rows(inst, k, places) ? ROWS : SUMS);
    g->part[i] = MEMBER;
    g->last = i;
}

static bool is_effect(const Inst *inst) {
    return inst->op == OP_dim || inst_holds(inst, OP_check);
}

/* Members from the first on, up to an effect that waits for the group. */
static void grow(Group *g) {
    int end = g->first + WINDOW < g->block->insts.n ? g->first + WINDOW : g->block->insts.n;
    for (int i = g->first; i < end; i++) {
        const Inst *inst = g->block->insts.data[i];
        Places places = {{-1, -1, -1}};
        bool fitting = fits(inst, g->rows, &places);
        Tie t = reads(g, inst, fitting, &places);
        if (fitting && t != SUMS) {
            join(g, i, &places);
        } else if (t != FREE) {
            if (is_effect(inst))
                return;
            g->part[i] = AFTER;
            for (int k = 0; k < inst->n_out; k++)
                tie(g, inst->out[k], SUMS);
        }
    }
}

/* Rows that somebody outside of the group reads. */
static void find_wanted(const Group *g, PtrMap *wanted) {
    ValueList used = {0};
    for (int i = 0; i < g->block->insts.n; i++) {
        const Inst *inst = g->block->insts.data[i];
        if (g->part[i] == MEMBER)
            continue;
        for (int k = 0; k < inst->n_in; k++)
            vec_push(g->arena, &used, inst->in[k]);
        for (int k = 0; k < inst->n_region; k++)
            ir_free_values(g->arena, inst->regions[k], &used);
    }
    for (int k = 0; k < g->block->yields.n; k++)
        vec_push(g->arena, &used, g->block->yields.data[k]);
    for (int k = 0; k < used.n; k++)
        if (tie_of(g, used.data[k]) == ROWS)
            ptrmap_put(wanted, used.data[k], NULL);
}

/* Only vectors of floats are put together again. */
static bool can_hand_out(const Group *g, const PtrMap *wanted) {
    for (int i = g->first; i <= g->last; i++) {
        const Inst *inst = g->block->insts.data[i];
        for (int k = 0; g->part[i] == MEMBER && k < inst->n_out; k++)
            if (ptrmap_has(wanted, inst->out[k]) &&
                (inst->out[k]->type->rank > 1 || !value_is_float(inst->out[k])))
                return false;
    }
    return true;
}

static int rows_of_chunk(const Group *g) {
    return g->matrices.n > 0 ? MANY_ROWS : FEW_ROWS;
}

static bool has_product(const Group *g) {
    for (int i = g->first; i <= g->last; i++)
        if (g->part[i] == MEMBER && g->block->insts.data[i]->op == OP_contract)
            return true;
    return false;
}

static bool is_row_length(const Group *g, const Size *extent) {
    for (int k = 0; k < g->gone_over.n; k++)
        if (g->gone_over.data[k]->dims[1] == extent)
            return true;
    return false;
}

static bool pays(const Group *g) {
    const double MARGIN = 4;
    for (int k = 0; k < g->matrices.n; k++)
        for (int d = 0; d < g->matrices.data[k]->rank; d++)
            if (g->matrices.data[k]->rank > 2 || !is_row_length(g, g->matrices.data[k]->dims[d]))
                return false;
    return g->gain > MARGIN * g->cost / rows_of_chunk(g);
}

/* ---- emission ---- */

typedef struct Emission {
    Group *g;
    PtrMap wanted;
    ValueList sums;   /* of the old function: sums over rows, and rows that others read */
    ValueList starts; /* their values before the first chunk */
    IrBuilder *outer; /* around the loop over chunks */
    IrBuilder body;   /* in it */
    Value *lo;
    const Size *rows;
} Emission;

static void add_sum(Emission *s, Value *old, Value *start) {
    vec_push(s->g->arena, &s->sums, old);
    vec_push(s->g->arena, &s->starts, start);
}

static void find_sums(Emission *s, const Inst *inst, IrMap *map) {
    Places places = {{-1, -1, -1}};
    fits(inst, s->g->rows, &places);
    for (int k = 0; k < inst->n_out; k++) {
        Value *out = inst->out[k];
        bool rows = makes_rows(inst, k, &places);
        if (!rows && inst->op == OP_loop)
            add_sum(s, out, irmap_get(map, inst->in[inst->attr.loop.n_slice + k]));
        else if (!rows || ptrmap_has(&s->wanted, out))
            add_sum(s, out, zeros_of(s->outer, irmap_type(map, out->type)));
    }
}

/* The sum so far is the parameter, or what a member made of it; *at is where it is. */
static Value **sum_so_far(Emission *s, Value **sums, const Value *old) {
    for (int k = 0; k < s->sums.n; k++)
        if (s->sums.data[k] == old)
            return &sums[k];
    return NULL;
}

/* The rows of this chunk. */
static Value *chunk_of(Emission *s, Value *v, IrMap *map) {
    Value *to = irmap_get(map, v);
    return tie_of(s->g, v) == ROWS ? to : ir_slice(&s->body, to, s->lo, s->rows);
}

static void give_rows(Emission *s, Value **sums, Value *old, Value *rows, IrMap *map) {
    Value **sum = sum_so_far(s, sums, old);
    irmap_put(map, old, rows);
    if (sum)
        *sum = add_rows(&s->body, *sum, rows, s->lo);
}

static void emit_product(Emission *s, Value **sums, const Inst *inst, IrMap *map) {
    Places places;
    Value *in[2];
    product_fits(inst, s->g->rows, &places);
    for (int k = 0; k < 2; k++)
        in[k] = places.at[k] == 0 ? chunk_of(s, inst->in[k], map) : irmap_get(map, inst->in[k]);
    Value *v = ir_contract(&s->body, inst->attr.spec, in[0], in[1]);
    if (places.at[2] == 0) {
        give_rows(s, sums, inst->out[0], v, map);
    } else {
        Value **sum = sum_so_far(s, sums, inst->out[0]);
        *sum = add_to_acc(&s->body, *sum, v, NULL, 0, false);
    }
}

static void clone(IrBuilder *b, const Inst *inst, IrMap *map) {
    b->loc = inst->loc;
    b->origin = inst->origin;
    ir_clone_inst(b, inst, map);
}

static void map_params(Emission *s, IrBuilder *body, const Region *source, IrMap *map) {
    for (int k = 1; k < source->params.n && k < body->region->params.n; k++) {
        body->region->params.data[k]->name = source->params.data[k]->name;
        irmap_put(map, source->params.data[k], body->region->params.data[k]);
    }
    irmap_put(map, source->params.data[0], ir_ew2(body, OP_add, s->lo, ir_body_index(body)));
}

/* Note [Dear numbers of a row]
 * Where the loops inside a row have the lanes, what is dear and done once a row would be done one
 * row at a time. So it gets a loop of its own in front, whose rows run in lanes, and is handed
 * over. */
typedef struct Dear {
    PtrMap numbers;   /* body values that are computed of the numbers of the row alone */
    ValueList values; /* the dear ones among them */
} Dear;

static bool is_number(const Dear *d, const Region *body, const Value *v) {
    if (v->region != body)
        return true;
    return v->inst ? ptrmap_has(&d->numbers, v) : v->type->rank == 0 && !v->is_acc;
}

static void find_dear(Emission *s, const Inst *loop, Dear *d) {
    const Region *body = loop->regions[0];
    bool nested = false;
    ptrmap_init(&d->numbers, s->g->arena);
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool number = op_is_elementwise(inst->op) || inst->op == OP_const;
        nested = nested || inst->op == OP_loop;
        for (int k = 0; k < inst->n_in; k++)
            number = number && is_number(d, body, inst->in[k]) && !inst->in[k]->is_acc;
        if (!number)
            continue;
        ptrmap_put(&d->numbers, inst->out[0], NULL);
        if (op_info[inst->op].cost >= DEAR_COST && value_is_float(inst->out[0]))
            vec_push(s->g->arena, &d->values, inst->out[0]);
    }
    if (!nested)
        d->values.n = 0;
}

/* The loop in front; its results become slices of that behind. */
static void emit_dear(Emission *s, const Inst *loop, const Dear *d, ValueList *slices, IrMap *map) {
    const Region *source = loop->regions[0];
    LoopSpec spec = {.extent = s->rows, .n_slice = slices->n, .slices = slices->data};
    IrBuilder body;
    ir_loop_begin(&s->body, &spec, &body);
    map_params(s, &body, source, map);
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        if (inst->n_out == 1 && ptrmap_has(&d->numbers, inst->out[0]))
            clone(&body, inst, map);
    }
    for (int k = 0; k < d->values.n; k++)
        ir_yield(&body, irmap_get(map, d->values.data[k]));
    Inst *out = ir_loop_end(&s->body, &spec, &body);
    for (int k = 0; k < d->values.n; k++)
        vec_push(s->g->arena, slices, out->out[k]);
}

static void clone_body(const Region *source, const Dear *d, int first, IrBuilder *body,
                       IrMap *map) {
    for (int i = 0; i < source->insts.n; i++) {
        const Inst *inst = source->insts.data[i];
        int dear = -1;
        for (int k = 0; k < d->values.n; k++)
            dear = inst->n_out == 1 && inst->out[0] == d->values.data[k] ? k : dear;
        if (dear < 0)
            clone(body, inst, map);
        else
            irmap_put(map, inst->out[0], body->region->params.data[first + dear]);
    }
}

static void take_loop_results(Emission *s, Value **sums, const Inst *loop, Inst *out, IrMap *map) {
    for (int k = 0; k < loop->n_out; k++) {
        out->out[k]->name = loop->out[k]->name;
        if (k < loop->attr.loop.n_acc)
            *sum_so_far(s, sums, loop->out[k]) = out->out[k];
        else
            give_rows(s, sums, loop->out[k], out->out[k], map);
    }
}

static void emit_loop(Emission *s, Value **sums, const Inst *loop, IrMap *map) {
    const Region *source = loop->regions[0];
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    ValueList slices = {0}, accs = {0};
    Dear dear = {0};
    for (int k = 0; k < ns; k++)
        vec_push(s->g->arena, &slices, chunk_of(s, loop->in[k], map));
    for (int k = 0; k < na; k++)
        vec_push(s->g->arena, &accs, *sum_so_far(s, sums, loop->out[k]));
    find_dear(s, loop, &dear);
    if (dear.values.n > 0)
        emit_dear(s, loop, &dear, &slices, map);
    LoopSpec spec = {.extent = s->rows,
                     .n_slice = slices.n,
                     .n_acc = na,
                     .slices = slices.data,
                     .accs = accs.data,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(&s->body, &spec, &body);
    map_params(s, &body, source, map);
    for (int k = 0; k < na; k++) /* they stand behind the dear numbers */
        irmap_put(map, source->params.data[1 + ns + k], body.region->params.data[1 + slices.n + k]);
    clone_body(source, &dear, 1 + ns, &body, map);
    for (int k = 0; k < source->yields.n; k++)
        ir_yield(&body, irmap_get(map, source->yields.data[k]));
    s->body.loc = loop->loc;
    take_loop_results(s, sums, loop, ir_loop_end(&s->body, &spec, &body), map);
}

static void emit_members(Emission *s, Value **sums, IrMap *map) {
    Group *g = s->g;
    for (int i = g->first; i <= g->last; i++) {
        const Inst *inst = g->block->insts.data[i];
        if (g->part[i] != MEMBER)
            continue;
        s->body.loc = inst->loc;
        if (inst->op == OP_loop)
            emit_loop(s, sums, inst, map);
        else
            emit_product(s, sums, inst, map);
    }
}

/* Rows of a chunk: several hundred bytes each, fewer. */
static Value *emit_most_rows(const Group *g, IrBuilder *b, IrMap *map) {
    Value *most = ir_int(b, S_i64, rows_of_chunk(g));
    if (rows_of_chunk(g) != FEW_ROWS || g->gone_over.n == 0)
        return most;
    const Type *type = g->gone_over.data[0];
    int width = type->elem == S_f32 || type->elem == S_i32 ? 4 : 8;
    Value *row = ir_size(b, irmap_size(map, type->dims[1])),
          *is_long = ir_ew2(b, OP_ge, row, ir_int(b, S_i64, LONG_ROW / width)),
          *rows = ir_ew3(b, OP_select, is_long, ir_int(b, S_i64, FEW_ROWS / 2), most);
    return ir_ew2(b, OP_min, rows, most);
}

static void emit_group(Group *g, IrBuilder *b, const PtrMap *wanted, IrMap *map) {
    Emission s = {.g = g, .outer = b, .wanted = *wanted};
    b->loc = g->block->insts.data[g->first]->loc;
    for (int i = g->first; i <= g->last; i++)
        if (g->part[i] == MEMBER)
            find_sums(&s, g->block->insts.data[i], map);
    Chunks chunks = chunks_of(b, irmap_size(map, g->rows), emit_most_rows(g, b, map));
    LoopSpec spec = {.extent = chunks.count,
                     .n_acc = s.sums.n,
                     .accs = s.starts.data,
                     .index_name = atom_of(&g->m->ctx->atoms, "chunk")};
    ir_loop_begin(b, &spec, &s.body);
    s.lo = chunk_start(&s.body, &chunks);
    s.rows = chunk_rows(&s.body, &chunks, s.lo);
    Value **sums = ARENA_ARRAY(g->arena, s.sums.n + 1, Value *);
    for (int k = 0; k < s.sums.n; k++)
        sums[k] = s.body.region->params.data[1 + k];
    emit_members(&s, sums, map);
    for (int k = 0; k < s.sums.n; k++)
        ir_yield(&s.body, sums[k]);
    b->loc = g->block->insts.data[g->first]->loc;
    Inst *out = ir_loop_end(b, &spec, &s.body);
    for (int k = 0; k < s.sums.n; k++) {
        name_after(g->m, out->out[k], s.sums.data[k]->name, "");
        irmap_put(map, s.sums.data[k], out->out[k]);
    }
}

/* ---- a block ---- */

static bool find_group_of(Group *g, int first, const Size *rows, PtrMap *wanted) {
    ptrmap_init(&g->ties, g->arena);
    ptrmap_init(&g->shared, g->arena);
    ptrmap_init(wanted, g->arena);
    memset(g->part, 0, (size_t)g->block->insts.n * sizeof *g->part);
    g->first = g->last = first;
    g->gain = g->cost = 0;
    g->matrices.n = g->gone_over.n = 0;
    g->rows = rows;
    grow(g);
    if (g->part[first] != MEMBER || g->last == first || !has_product(g) || !pays(g))
        return false;
    find_wanted(g, wanted);
    return can_hand_out(g, wanted);
}

static bool find_group(Group *g, int first, PtrMap *wanted) {
    for (int k = 0; k < 2; k++) {
        const Size *rows = rows_of_start(g->block->insts.data[first], k);
        if (rows && find_group_of(g, first, rows, wanted))
            return true;
    }
    return false;
}

/* The instructions up to the last member; the next to look at. */
static int emit_around(Group *g, IrBuilder *b, const PtrMap *wanted, IrMap *map) {
    for (int i = g->first; i <= g->last; i++)
        if (g->part[i] == ALONE)
            clone(b, g->block->insts.data[i], map);
    emit_group(g, b, wanted, map);
    for (int i = g->first; i <= g->last; i++)
        if (g->part[i] == AFTER)
            clone(b, g->block->insts.data[i], map);
    return g->last + 1;
}

static void chunk_func(IrModule *m, Func *f) {
    const Region *old = f->body;
    IrMap map;
    IrBuilder b;
    PtrMap wanted;
    Group g = {.m = m, .arena = m->arena, .block = old};
    g.part = ARENA_ARRAY(m->arena, old->insts.n + 1, Part);
    rebuild_begin(m, f, &b, &map);
    for (int i = 0; i < old->insts.n;) {
        if (find_group(&g, i, &wanted))
            i = emit_around(&g, &b, &wanted, &map);
        else
            clone(&b, old->insts.data[i++], &map);
    }
    rebuild_end(f, &b, &map);
}

static bool has_products(const Region *block) {
    for (int i = 0; i < block->insts.n; i++)
        if (block->insts.data[i]->op == OP_contract)
            return true;
    return false;
}

bool pass_chunks(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern && has_products(m->funcs.data[i]->body))
            chunk_func(m, m->funcs.data[i]);
    return true;
}
