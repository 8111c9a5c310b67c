/* What depends on a gathered row alone is computed once a row, in front of the loop that gathers:
 *
 *     loop o < n slice(k = group) { e = exp(s[k]); .. }
 *
 * becomes
 *
 *     T = loop j < rows { exp(s[j]) }
 *     loop o < n slice(k = group) { e = if few { T[k] } else { exp(s[k]) }; .. }
 *
 * Iterations that gather by one index share rows: observations a camera, students a school. Whether
 * they do, sizes say only when the code runs: `few` holds where there are at most a part of as many
 * rows as iterations. Where it does not, the table has no rows, and the values are computed where
 * the row is read first. The workspace is thus bounded by the iterations, however long the gathered
 * arrays are.
 *
 * What the loop reads of the row besides goes into the table as well, so that one row is read and
 * not one of each array. Branches on conditions of the row stand in the table, too; what stands
 * under another condition is left alone, and so is what a check guards besides the index.
 *
 * Runs late, when loops are joined and `branches` has shared what branches compute. */
#include "passes/rebuild.h"

enum {
    ROWS_A_ITERATION = 4, /* few: so many times fewer rows than iterations */
    MOST_COLUMNS = 64,
    SHORT_LOOP = 8, /* constant extents up to here are left alone */
    MOST_TABLES = 8 /* a loop */
};

typedef enum Part {
    NOT_OF_ROW,
    OF_ROW,   /* depends on the row alone */
    WANTED,   /* and the rest of the loop reads it */
    KEPT,     /* likewise, behind other names too */
    REPEATED, /* and is computed again from other columns: a condition, a sum */
} Part;

/* What makes a value: a result of an instruction. One of an `if` is a choice between what the
 * branches yield, or another name for what one of them does, where it is only read when that one is
 * taken. */
typedef struct Made {
    const Inst *inst;
    Value *out;
    Value *same; /* or NULL */
} Made;

/* One index of a loop, and what depends on the rows there. */
typedef struct Table {
    const Value *key;
    const Size *rows;  /* of the arrays that are gathered from */
    const Inst *first; /* the first read, which the index was checked for */
    Scalar elem;
    PtrMap parts;    /* value -> Part */
    VEC(Made) makes; /* what computes them, in order */
    PtrMap aliases;  /* Made.out -> Made.same, of those with another name */
    PtrMap exported; /* Made.same, as keys */
    VEC(Value *) columns;
    Value *array, *few; /* in the new body */
    struct Table *next; /* of the same loop */
} Table;

typedef struct Tables {
    IrModule *m;
    Arena *arena;
    PtrMap of_loop;  /* loop -> its tables */
    PtrMap at_first; /* Table.first -> the table */
    PtrMap column;   /* value that a table has -> what it is in the new body */
    bool any;
} Tables;

static Part part_of(const Table *t, const Value *v) {
    return (Part)(uintptr_t)ptrmap_get(&t->parts, v);
}

static void set_part(Table *t, const Value *v, Part part) {
    ptrmap_put(&t->parts, v, (void *)(uintptr_t)part);
}

/* ---- what depends on the row alone ---- */

static bool is_outside(const Inst *loop, const Value *v) {
    return !region_contains(loop->regions[0], v->region);
}

/* No check guards what is read there besides that of the key. */
static bool reads_row(const Table *t, const Inst *loop, const Inst *inst) {
    if (inst->op != OP_index || inst->in[1] != t->key || inst->out[0]->type->rank > 0 ||
        !is_outside(loop, inst->in[0]) || (t->rows && inst->in[0]->type->dims[0] != t->rows))
        return false;
    for (int k = 2; k < inst->n_in; k++)
        if (!index_is_known(inst->in[k], inst->in[0]->type->dims[k - 1]))
            return false;
    return true;
}

/* Whether v is read nowhere in the region but in this branch of `if`s on the condition. */
static bool read_only_when(const Region *region, const Value *v, const Value *condition,
                           int branch) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++)
            if (inst->in[k] == v)
                return false;
        bool on_it = inst->op == OP_if && inst->in[0] == condition;
        for (int k = 0; k < inst->n_region; k++)
            if (!(on_it && k == branch) && !read_only_when(inst->regions[k], v, condition, branch))
                return false;
    }
    for (int k = 0; k < region->yields.n; k++)
        if (region->yields.data[k] == v)
            return false;
    return true;
}

/* What a result of an `if` is another name for, or NULL. */
static Value *other_name(const Table *t, const Inst *loop, const Inst *inst, int result) {
    const Value *v = inst->out[result];
    if (!type_is_float(v->type))
        return NULL;
    for (int k = 0; k < 2; k++) {
        Value *yield = inst->regions[k]->yields.data[result];
        if (part_of(t, yield) != NOT_OF_ROW && read_only_when(loop->regions[0], v, inst->in[0], k))
            return yield;
    }
    return NULL;
}

/* What the value is made of: how many. */
static int operands(const Made *made, Value **in) {
    const Inst *inst = made->inst;
    if (made->same) {
        in[0] = made->same;
        return 1;
    }
    if (inst->op == OP_if) {
        in[0] = inst->in[0];
        for (int k = 0; k < 2; k++)
            in[1 + k] = inst->regions[k]->yields.data[made->out->index];
        return 3;
    }
    for (int k = 0; k < inst->n_in; k++)
        in[k] = inst->in[k];
    return inst->n_in;
}

static bool computes_of_row(const Table *t, const Inst *loop, const Made *made) {
    const Inst *inst = made->inst;
    Value *in[3];
    bool any = false, choice = inst->op == OP_if;
    if ((!op_is_elementwise(inst->op) && inst->op != OP_convert && !choice) || made->out->is_acc ||
        made->out->type->rank > 0 || (!choice && !inst_is_pure(inst)))
        return false;
    for (int k = 0, n = operands(made, in); k < n; k++) {
        bool row = part_of(t, in[k]) != NOT_OF_ROW;
        if (!row && !inst_is_const(in[k]) && !is_outside(loop, in[k]))
            return false;
        any = any || row;
    }
    return any && (!choice || part_of(t, in[0]) != NOT_OF_ROW);
}

static bool is_row_branch(const Table *t, const Inst *inst) {
    return inst->op == OP_if && part_of(t, inst->in[0]) != NOT_OF_ROW;
}

static void note(Table *t, const Inst *loop, const Inst *inst, int result) {
    Made made = {.inst = inst, .out = inst->out[result]};
    if (inst->op == OP_if)
        made.same = other_name(t, loop, inst, result);
    if (made.same) {
        ptrmap_put(&t->aliases, made.out, made.same);
        ptrmap_put(&t->exported, made.same, made.same);
    }
    set_part(t, made.out, OF_ROW);
    vec_push(t->parts.arena, &t->makes, made);
}

/* In the body, and in branches on conditions of the row, from the first read on that stands in the
 * body itself: there the index is known to be in range. */
static void find_in(Table *t, const Inst *loop, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool reads = reads_row(t, loop, inst);
        if (reads && !t->first && region == loop->regions[0]) {
            t->first = inst;
            t->rows = inst->in[0]->type->dims[0];
        }
        for (int k = 0; is_row_branch(t, inst) && k < inst->n_region; k++)
            find_in(t, loop, inst->regions[k]);
        for (int k = 0; t->first && k < inst->n_out; k++)
            if (reads || computes_of_row(t, loop, &(Made){.inst = inst, .out = inst->out[k]}))
                note(t, loop, inst, k);
    }
}

/* ---- columns ---- */

static void want(Table *t, const Value *v) {
    if (part_of(t, v) == OF_ROW)
        set_part(t, v, WANTED);
}

/* What the rest of the loop reads. */
static void find_wanted(Table *t, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool of_row =
            inst->n_region == 0 && inst->n_out == 1 && part_of(t, inst->out[0]) != NOT_OF_ROW;
        for (int k = 0; k < inst->n_in && !of_row; k++)
            want(t, inst->in[k]);
        for (int k = 0; k < inst->n_region; k++)
            find_wanted(t, inst->regions[k]);
    }
    const Inst *owner = region->owner;
    for (int k = 0; k < region->yields.n; k++)
        if (owner->op != OP_if || part_of(t, owner->out[k]) == NOT_OF_ROW)
            want(t, region->yields.data[k]);
}

static bool is_wanted(const Table *t, const Value *v) {
    return part_of(t, v) == WANTED || part_of(t, v) == KEPT;
}

static int cost_of(const Made *made) {
    return made->inst->op == OP_if ? !made->same : op_info[made->inst->op].cost;
}

/* Whether it costs no more than a column, and what it is made of is there. */
static bool is_repeated(const Table *t, const Made *made) {
    Value *in[3];
    if (made->inst->op == OP_index || cost_of(made) > 1)
        return false;
    for (int k = 0, n = operands(made, in); k < n; k++)
        if (part_of(t, in[k]) == OF_ROW || made->inst->op == OP_if)
            return false;
    return true;
}

/* What is not of the table's type is computed from columns, but for what is read. */
static void choose_columns(Table *t) {
    for (int i = t->makes.n - 1; i >= 0; i--) {
        const Made *made = &t->makes.data[i];
        bool fits = made->out->type->elem == t->elem && !made->same;
        if (!is_wanted(t, made->out) || fits)
            continue;
        set_part(t, made->out, REPEATED);
        Value *in[IR_MAX_RANK + 1];
        for (int k = 0, n = operands(made, in); k < n; k++)
            want(t, in[k]);
        if (made->same)
            set_part(t, made->same, KEPT);
    }
    for (int i = 0; i < t->makes.n; i++) {
        const Made *made = &t->makes.data[i];
        if (part_of(t, made->out) == WANTED && is_repeated(t, made))
            set_part(t, made->out, REPEATED);
        if (is_wanted(t, made->out))
            vec_push(t->parts.arena, &t->columns, made->out);
    }
}

/* ---- whether it pays ---- */

/* What computing the row's values costs, less what the loop computes again. */
static bool pays(const Table *t) {
    int saved = 0;
    for (int i = 0; i < t->makes.n; i++) {
        const Made *made = &t->makes.data[i];
        if (made->inst->op != OP_index && part_of(t, made->out) != REPEATED)
            saved += cost_of(made);
    }
    return saved >= 2 * DEAR_COST && t->columns.n > 0 && t->columns.n <= MOST_COLUMNS;
}

static bool may_be_few(const Table *t, const Inst *loop) {
    int64_t n, rows;
    bool known = size_is_const(loop->attr.loop.extent, &n);
    if (known && n <= SHORT_LOOP)
        return false;
    return !known || !size_is_const(t->rows, &rows) || rows <= n / ROWS_A_ITERATION;
}

static Scalar widest_float(const Table *t) {
    Scalar elem = S_f32;
    for (int i = 0; i < t->makes.n; i++)
        if (t->makes.data[i].out->type->elem == S_f64)
            elem = S_f64;
    return elem;
}

static void look_at_key(Tables *s, const Inst *loop, const Value *key) {
    Table *t = ARENA_NEW(s->arena, Table);
    *t = (Table){.key = key};
    ptrmap_init(&t->parts, s->arena);
    ptrmap_init(&t->aliases, s->arena);
    ptrmap_init(&t->exported, s->arena);
    find_in(t, loop, loop->regions[0]);
    if (!t->first || !may_be_few(t, loop))
        return;
    t->elem = widest_float(t);
    find_wanted(t, loop->regions[0]);
    choose_columns(t);
    if (!pays(t))
        return;
    t->next = ptrmap_get(&s->of_loop, loop);
    ptrmap_put(&s->of_loop, loop, t);
    ptrmap_put(&s->at_first, t->first, t);
    for (int k = 0; k < t->columns.n; k++)
        ptrmap_put(&s->column, t->columns.data[k], t);
    s->any = true;
}

/* The indices by which arrays are read in the body itself. */
static void look_at_loop(Tables *s, const Inst *loop) {
    const Region *body = loop->regions[0];
    PtrMap seen;
    ptrmap_init(&seen, s->arena);
    for (int i = 0; i < body->insts.n && seen.n < MOST_TABLES; i++) {
        const Inst *inst = body->insts.data[i];
        const Value *key = inst->op == OP_index ? inst->in[1] : NULL;
        bool slice = key && !key->inst && key->region == body && key->index > 0 &&
                     key->index <= loop->attr.loop.n_slice;
        if (slice && !ptrmap_has(&seen, key)) {
            ptrmap_put(&seen, key, (void *)inst);
            look_at_key(s, loop, key);
        }
    }
}

/* Loops that stand in no other one. */
static void find_loops(Tables *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop && inst->attr.loop.n_carry == 0)
            look_at_loop(s, inst);
        for (int k = 0; inst->op == OP_if && k < inst->n_region; k++)
            find_loops(s, inst->regions[k]);
    }
}

/* ---- the new body ---- */

static Value *constant_again(IrBuilder *b, const Value *v) {
    return type_is_float(v->type) ? ir_const(b, v->type, v->inst->attr.num)
                                  : ir_int(b, v->type->elem, v->inst->attr.integer);
}

/* The computation of a row's values, at one place. */
typedef struct Row {
    const Table *t;
    const IrMap *outer; /* of what lies around the loop */
    IrMap map;
} Row;

static void compute_in(Row *row, IrBuilder *b, const Region *region, int from);

/* Values of a branch that something behind it reads. */
static void find_kept(const Table *t, const Region *branch, ValueList *kept) {
    for (int i = 0; i < branch->insts.n; i++) {
        const Inst *inst = branch->insts.data[i];
        for (int k = 0; is_row_branch(t, inst) && k < inst->n_region; k++)
            find_kept(t, inst->regions[k], kept);
        for (int k = 0; k < inst->n_out; k++)
            if (is_wanted(t, inst->out[k]) || ptrmap_has(&t->exported, inst->out[k]))
                vec_push(t->parts.arena, kept, inst->out[k]);
    }
}

static Value *get(Row *row, IrBuilder *b, Value *v) {
    if (inst_is_const(v)) /* it may stand in a branch */
        return constant_again(b, v);
    bool known = part_of(row->t, v) != NOT_OF_ROW || v == row->t->key;
    return irmap_get(known ? &row->map : row->outer, v);
}

/* The choices of an `if`, and what its branches keep: that of the other branch is zero, which
 * nothing reads. */
static void compute_if(Row *row, IrBuilder *b, const Inst *inst) {
    const Table *t = row->t;
    ValueList outs = {0}, kept[2] = {{0}, {0}};
    for (int k = 0; k < inst->n_out; k++)
        if (part_of(t, inst->out[k]) != NOT_OF_ROW && !ptrmap_has(&t->aliases, inst->out[k]))
            vec_push(t->parts.arena, &outs, inst->out[k]);
    for (int k = 0; k < 2; k++)
        find_kept(t, inst->regions[k], &kept[k]);
    int n = outs.n + kept[0].n + kept[1].n;
    if (n == 0)
        return;
    IrBuilder branch[2];
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        compute_in(row, &branch[k], inst->regions[k], 0);
        for (int j = 0; j < outs.n; j++)
            ir_yield(&branch[k],
                     get(row, &branch[k], inst->regions[k]->yields.data[outs.data[j]->index]));
    }
    for (int from = 0; from < 2; from++)
        for (int j = 0; j < kept[from].n; j++)
            for (int k = 0; k < 2; k++)
                ir_yield(&branch[k], k == from
                                         ? irmap_get(&row->map, kept[from].data[j])
                                         : ir_const(&branch[k], kept[from].data[j]->type, 0.0));
    Value **out = ARENA_ARRAY(t->parts.arena, n, Value *);
    ir_if_values(b, get(row, b, inst->in[0]), &branch[0], &branch[1], out);
    for (int j = 0; j < outs.n; j++)
        irmap_put(&row->map, outs.data[j], *out++);
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < kept[k].n; j++)
            irmap_put(&row->map, kept[k].data[j], *out++);
}

static void compute_in(Row *row, IrBuilder *b, const Region *region, int from) {
    const Table *t = row->t;
    for (int i = from; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        b->loc = inst->loc;
        if (is_row_branch(t, inst)) {
            compute_if(row, b, inst);
            for (int k = 0; k < inst->n_out; k++) {
                Value *same = ptrmap_get(&t->aliases, inst->out[k]);
                if (same)
                    irmap_put(&row->map, inst->out[k], irmap_get(&row->map, same));
            }
        } else if (inst->n_out == 1 && part_of(t, inst->out[0]) != NOT_OF_ROW) {
            for (int k = 0; k < inst->n_in; k++)
                if (part_of(t, inst->in[k]) == NOT_OF_ROW)
                    irmap_put(&row->map, inst->in[k], get(row, b, inst->in[k]));
            ir_clone_inst(b, inst, &row->map);
        }
    }
}

/* The columns of a row, whose number is `key` here. */
static void compute_row(IrBuilder *b, const Table *t, const IrMap *outer, Value *key,
                        Value **columns) {
    Row row = {.t = t, .outer = outer};
    const Region *body = t->first->region;
    int from = 0;
    irmap_init(&row.map, b->m, b->m->arena);
    irmap_put(&row.map, (Value *)t->key, key);
    while (body->insts.data[from] != t->first)
        from++;
    compute_in(&row, b, body, from);
    for (int k = 0; k < t->columns.n; k++)
        columns[k] = irmap_get(&row.map, t->columns.data[k]);
}

static void emit_table(Tables *s, IrBuilder *b, const Inst *loop, Table *t, IrMap *map) {
    Context *ctx = s->m->ctx;
    const Size *rows = irmap_size(map, t->rows);
    Value *n = ir_size(b, rows),
          *few = ir_ew2(b, OP_div, ir_size(b, irmap_size(map, loop->attr.loop.extent)),
                        ir_int(b, S_i64, ROWS_A_ITERATION));
    t->few = ir_ew2(b, OP_le, n, few);
    Value *in = ir_ew3(b, OP_select, t->few, ir_ew2(b, OP_min, n, few), ir_int(b, S_i64, 0));
    SizeSym *extent = ir_extent(b, in, atom_of(&ctx->atoms, "rows"));
    LoopSpec spec = {.extent = size_sym(&ctx->polys, extent)};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **columns = ARENA_ARRAY(s->arena, t->columns.n, Value *);
    compute_row(&body, t, map, ir_body_index(&body), columns);
    body.loc = loop->loc;
    ir_yield(&body, t->columns.n > 1 ? ir_array(&body, t->columns.n, columns) : columns[0]);
    b->loc = loop->loc;
    t->array = ir_loop_end(b, &spec, &body)->out[0];
}

/* The columns of this iteration's row, from the table or computed here. */
static void emit_columns(Tables *s, IrBuilder *b, const Table *t, IrMap *map) {
    IrBuilder read, computed;
    Loc loc = b->loc;
    ir_builder_nested(&read, b);
    for (int k = 0; k < t->columns.n; k++) {
        Value *at[] = {irmap_get(map, (Value *)t->key), ir_int(&read, S_i64, k)};
        read.loc = t->columns.data[k]->inst->loc;
        ir_yield(&read, ir_index(&read, t->array, t->array->type->rank, at));
    }
    ir_builder_nested(&computed, b);
    Value **out = ARENA_ARRAY(s->arena, t->columns.n, Value *);
    compute_row(&computed, t, map, irmap_get(map, (Value *)t->key), out);
    for (int k = 0; k < t->columns.n; k++)
        ir_yield(&computed, out[k]);
    b->loc = loc;
    ir_if_values(b, t->few, &read, &computed, out);
    for (int k = 0; k < t->columns.n; k++) {
        name_keep(s->m, out[k], t->columns.data[k]->name);
        ptrmap_put(&s->column, t->columns.data[k], out[k]);
    }
    for (int i = 0; i < t->makes.n; i++) {
        const Made *made = &t->makes.data[i];
        if (made->same && ptrmap_get(&s->column, made->same))
            ptrmap_put(&s->column, made->out, ptrmap_get(&s->column, made->same));
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Tables *s = user;
    Table *first = ptrmap_get(&s->at_first, inst);
    if (inst->op == OP_loop)
        for (Table *t = ptrmap_get(&s->of_loop, inst); t; t = t->next)
            emit_table(s, b, inst, t, map);
    if (first)
        emit_columns(s, b, first, map);
    if (inst->n_region > 0 || inst->n_out != 1 || !ptrmap_get(&s->column, inst->out[0]))
        rebuild_inst(b, inst, map, emit, s);
    for (int k = 0; k < inst->n_out; k++) {
        Value *column = ptrmap_get(&s->column, inst->out[k]);
        if (column)
            irmap_put(map, inst->out[k], column);
    }
}

bool pass_tables(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        Tables s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.of_loop, m->arena);
        ptrmap_init(&s.at_first, m->arena);
        ptrmap_init(&s.column, m->arena);
        if (!f->is_extern)
            find_loops(&s, f->body);
        if (s.any) {
            rebuild_func(m, f, emit, &s);
            simplify_func(m, f);
        }
    }
    return true;
}
