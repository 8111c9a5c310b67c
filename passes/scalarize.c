/* Arrays of small constant size become scalars, loops of small constant extent are unrolled.
 *
 * A small array (at most SMALL_ARRAY elements, all extents constant) is represented by its elements
 * while it is only indexed by constants; then carried states of a few numbers live in registers.
 * Where an array is needed as a whole (a result, a stacked element, a dynamic index) it is put
 * together by `array`. Small arrays in memory (parameters, slices) are read element by element.
 * Called before `loops`, so elementwise operations still stand on whole arrays, and after it.
 *
 * Note [Rows in vectors]
 * An array of VECTOR_ROW numbers fills a vector. Outside of loops that may run in lanes, where each
 * lane has an array of its own, it is better left in memory when it comes from a row of a larger
 * array or from a product, or goes there: as scalars it would be taken apart and put together
 * again, number by number. */
#include "passes/rebuild.h"

#include <string.h>

enum {
    SMALL_ARRAY = 9,
    SMALL_DEAR = 4,
    SMALL_EXTENT = 9,
    UNROLLED_SIZE = 1200,
    SMALL_PRODUCT = 64,
    SMALL_MATRIX = 16, /* an operand of such a product, outside of lanes */
    VECTOR_ROW = 8
};

typedef struct Parts {
    int n;
    Value **e; /* row-major */
} Parts;

typedef struct Scalarize {
    IrModule *m;
    Arena *arena;
    PtrMap parts;  /* source value -> Parts */
    PtrMap whole;  /* source values that stay arrays: indexed dynamically, or tied to such */
    PtrMap unroll; /* loops to unroll */
} Scalarize;

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

/* Number of elements of an array type with at most so many; 0 when it is not one. */
static int count_up_to(const Type *type, int most) {
    int64_t n, count = 1;
    if (type->rank == 0)
        return 0;
    for (int d = 0; d < type->rank; d++) {
        if (!size_is_const(type->dims[d], &n) || n < 0 || n > most)
            return 0;
        count *= n;
    }
    return count <= most ? (int)count : 0;
}

/* Number of elements of a small array type; 0 when it is not one. */
static int small_count(const Type *type) {
    return count_up_to(type, SMALL_ARRAY);
}

/* ---- analysis: what is unrolled, what stays whole ---- */

/* Instructions of a region once the loops in it that are unrolled are. */
static int64_t unrolled_size(const Scalarize *s, const Region *region) {
    int64_t size = region->insts.n;
    for (int i = 0; i < region->insts.n && size <= UNROLLED_SIZE; i++) {
        const Inst *inst = region->insts.data[i];
        int64_t n = 1;
        if (ptrmap_has(&s->unroll, inst))
            size_is_const(inst->attr.loop.extent, &n);
        for (int k = 0; k < inst->n_region; k++)
            size += n * unrolled_size(s, inst->regions[k]);
    }
    return size;
}

/* ---- rows in vectors: see the note ---- */

static bool is_vector_row(const Type *type) {
    int64_t n;
    return type->rank == 1 && size_is_const(type->dims[0], &n) && n == VECTOR_ROW;
}

/* Whether no loop around may run in lanes. */
static bool is_sequential(const Region *region) {
    int64_t n;
    for (const Inst *owner = region->owner; owner; owner = owner->region->owner)
        if (owner->op == OP_loop && owner->attr.loop.n_carry == 0 &&
            !(size_is_const(owner->attr.loop.extent, &n) && n <= SMALL_EXTENT))
            return false;
    return true;
}

/* Also adding a number of the row to a larger sum, at the place of the row. */
static bool works_on_row(const Inst *loop, const Inst *inst) {
    if (inst->op == OP_add_at)
        return inst->in[0]->is_acc && inst->in[1]->type->rank == 0 &&
               inst->in[inst->n_in - 1] == loop->regions[0]->params.data[0];
    return op_is_elementwise(inst->op) || inst->op == OP_const;
}

/* A loop that only computes numbers of such rows. */
static bool makes_vector_rows(const Inst *loop) {
    const Region *body = loop->regions[0];
    int64_t n;
    if (!size_is_const(loop->attr.loop.extent, &n) || n != VECTOR_ROW ||
        loop->attr.loop.n_carry > 0 || !is_sequential(loop->region))
        return false;
    for (int i = 0; i < body->insts.n; i++)
        if (!works_on_row(loop, body->insts.data[i]))
            return false;
    for (int k = 0; k < body->yields.n; k++) {
        const Value *y = body->yields.data[k];
        if ((y->type->rank > 0) != (k < loop->attr.loop.n_acc) || !value_is_float(y))
            return false;
    }
    return body->yields.n > 0;
}

/* Sizes in the body depend on the iteration. */
static bool binds_index(const Inst *loop) {
    const Region *body = loop->regions[0];
    for (int i = 0; i < body->insts.n; i++)
        if (body->insts.data[i]->op == OP_dim)
            return true;
    return false;
}

static bool can_unroll(Scalarize *s, const Inst *loop) {
    int64_t n;
    if (!size_is_const(loop->attr.loop.extent, &n) || n > SMALL_EXTENT || makes_vector_rows(loop))
        return false;
    const Region *body = loop->regions[0];
    if (unrolled_size(s, body) * n > UNROLLED_SIZE)
        return false;
    for (int i = 0; i < body->insts.n; i++) {
        const Inst *inst = body->insts.data[i];
        bool dear =
            op_is_elementwise(inst->op) && op_info[inst->op].cost >= DEAR_COST && n > SMALL_DEAR;
        bool row = inst->op == OP_loop && makes_vector_rows(inst) && n <= SMALL_DEAR;
        bool loops = inst->op == OP_loop && !ptrmap_has(&s->unroll, inst) && !row;
        bool shaped = binds_index(loop) && n <= SMALL_DEAR; /* sizes become known */
        if (dear || ((loops || inst->op == OP_contract) && !shaped))
            return false;
    }
    return true;
}

static void find_unrolled(Scalarize *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            find_unrolled(s, inst->regions[k]);
        if (inst->op == OP_loop && can_unroll(s, inst))
            ptrmap_put(&s->unroll, inst, NULL);
    }
}

static bool is_constant_index(Scalarize *s, const Value *i) {
    if (i->inst)
        return i->inst->op == OP_const;
    return i->index == 0 && i->region->owner && ptrmap_has(&s->unroll, i->region->owner);
}

/* Also the rows of a slice that is added are counted by a constant. */
static bool has_constant_indices(Scalarize *s, const Inst *inst) {
    int first = inst->op == OP_index || inst->op == OP_slice ? 1 : 2;
    int64_t rows;
    if (inst->op == OP_add_slice && !size_is_const(inst->in[1]->type->dims[0], &rows))
        return false;
    for (int k = first; k < inst->n_in; k++)
        if (!is_constant_index(s, inst->in[k]))
            return false;
    return true;
}

static void keep_whole(Scalarize *s, Value *v, bool *changed) {
    if (small_count(v->type) == 0 || ptrmap_has(&s->whole, v))
        return;
    ptrmap_put(&s->whole, v, NULL);
    *changed = true;
}

static void tie(Scalarize *s, Value *const *vs, int n, bool *changed) {
    bool any = false;
    for (int i = 0; i < n; i++)
        any = any || ptrmap_has(&s->whole, vs[i]);
    for (int i = 0; any && i < n; i++)
        keep_whole(s, vs[i], changed);
}

static bool is_in_memory(const Value *v) {
    return v->type->rank > 0 && small_count(v->type) == 0;
}

static void keep_row(Scalarize *s, Value *v, bool *changed) {
    if (is_vector_row(v->type))
        keep_whole(s, v, changed);
}

/* Rows that larger arrays, products and loops over numbers make and take. */
static void find_vector_rows(Scalarize *s, const Inst *inst, bool *changed) {
    bool large = false;
    int n = inst->op == OP_loop ? inst->attr.loop.n_slice : inst->n_in;
    for (int k = 0; k < inst->n_in; k++)
        large = large || is_in_memory(inst->in[k]);
    for (int k = 0; k < inst->n_out; k++)
        large = large || is_in_memory(inst->out[k]);
    bool moves = inst->op == OP_contract || inst->op == OP_index || inst->op == OP_update;
    bool makes = inst->op == OP_loop && makes_vector_rows(inst);
    for (int k = 0; k < n && ((moves && large) || makes); k++)
        keep_row(s, inst->in[k], changed);
    for (int k = 0; k < inst->n_out && ((moves && large) || makes); k++)
        keep_row(s, inst->out[k], changed);
    if (!op_is_elementwise(inst->op) || !is_vector_row(inst->out[0]->type))
        return;
    Value *all[4] = {inst->out[0]};
    memcpy(all + 1, inst->in, (size_t)inst->n_in * sizeof *all);
    tie(s, all, 1 + inst->n_in, changed);
}

static void find_whole(Scalarize *s, const Region *region, bool *changed) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool indexed = inst->op == OP_index || inst->op == OP_slice;
        bool scatters = inst->op == OP_add_at || inst->op == OP_update || inst->op == OP_add_slice;
        if ((indexed || scatters) && !has_constant_indices(s, inst))
            keep_whole(s, inst->in[0], changed);
        if (is_sequential(region))
            find_vector_rows(s, inst, changed);
        bool sums = (inst->op == OP_add || inst->op == OP_sub) && inst->in[0]->is_acc;
        if (scatters || sums)
            tie(s, (Value *[]){inst->in[0], inst->out[0]}, 2, changed);
        for (int k = 0; k < inst->n_region; k++)
            find_whole(s, inst->regions[k], changed);
        if (inst->op == OP_if)
            for (int k = 0; k < inst->n_out; k++)
                tie(s,
                    (Value *[]){inst->out[k], inst->regions[0]->yields.data[k],
                                inst->regions[1]->yields.data[k]},
                    3, changed);
        if (inst->op != OP_loop)
            continue;
        const Region *body = inst->regions[0];
        int ns = inst->attr.loop.n_slice, nstate = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
        for (int k = 0; k < nstate; k++)
            tie(s,
                (Value *[]){inst->out[k], inst->in[ns + k], body->params.data[1 + ns + k],
                            body->yields.data[k]},
                4, changed);
    }
}

/* ---- parts ---- */

static Parts *parts_new(Scalarize *s, int n) {
    Parts *p = ARENA_NEW(s->arena, Parts);
    p->n = n;
    p->e = ARENA_ARRAY(s->arena, n, Value *);
    return p;
}

static void unflatten(const Type *type, int k, int64_t *at) {
    for (int d = type->rank - 1; d >= 0; d--) {
        int64_t n = 1;
        size_is_const(type->dims[d], &n);
        at[d] = k % n;
        k = (int)(k / n);
    }
}

/* The elements of a value: its parts, or loads from the array in memory. */
static Parts *elements(Scalarize *s, IrBuilder *b, Value *v, IrMap *map) {
    Parts *p = ptrmap_get(&s->parts, v);
    if (p)
        return p;
    Value *x = irmap_get(map, v);
    int n = count_up_to(x->type, SMALL_MATRIX);
    p = parts_new(s, x->type->rank == 0 ? 1 : n); /* an array without elements has no parts */
    if (x->type->rank == 0)
        p->e[0] = x;
    for (int k = 0; k < n; k++) {
        int64_t at[IR_MAX_RANK];
        Value *idx[IR_MAX_RANK];
        unflatten(x->type, k, at);
        for (int d = 0; d < x->type->rank; d++)
            idx[d] = ir_int(b, S_i64, at[d]);
        p->e[k] = ir_index(b, x, x->type->rank, idx);
    }
    return p;
}

static Value *join(Scalarize *s, IrBuilder *b, const Type *type, Value *const *e) {
    if (type->rank == 0)
        return e[0];
    const Type *row = ir_drop_axes(s->m, type, 1);
    int64_t n = 1;
    size_is_const(type->dims[0], &n);
    int step = type->rank == 1 ? 1 : small_count(row);
    Value **rows = ARENA_ARRAY(s->arena, n, Value *);
    for (int k = 0; k < n; k++)
        rows[k] = join(s, b, row, e + k * step);
    return ir_array(b, (int)n, rows);
}

/* The value as a whole, put together where it has parts. */
static Value *whole(Scalarize *s, IrBuilder *b, Value *v, IrMap *map) {
    Parts *p = ptrmap_get(&s->parts, v);
    return p ? join(s, b, v->type, p->e) : irmap_get(map, v);
}

static bool splits(const Scalarize *s, const Value *v) {
    return small_count(v->type) > 0 && !ptrmap_has(&s->whole, v);
}

/* Maps a source value that was computed as parts; puts it together where it must stay whole. */
static void set_parts(Scalarize *s, IrBuilder *b, Value *v, Parts *p, IrMap *map) {
    if (v->type->rank == 0)
        irmap_put(map, v, p->e[0]);
    else if (splits(s, v))
        ptrmap_put(&s->parts, v, p);
    else
        irmap_put(map, v, join(s, b, v->type, p->e));
}

/* ---- straight-line instructions ---- */

static Parts *split_elementwise(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Parts *x[3] = {0}, *out = parts_new(s, small_count(inst->out[0]->type));
    for (int k = 0; k < inst->n_in; k++)
        x[k] = elements(s, b, inst->in[k], map);
    for (int i = 0; i < out->n; i++) {
        Value *in[3];
        for (int k = 0; k < inst->n_in; k++)
            in[k] = x[k]->e[i];
        out->e[i] = inst->op == OP_convert ? ir_convert(b, in[0], inst->out[0]->type->elem)
                                           : ir_ew(b, inst->op, in);
    }
    return out;
}

static Value *fold_parts(IrBuilder *b, Op op, const Parts *x, int first, int step) {
    Value *r = x->e[first];
    for (int i = first + step; i < x->n; i += step)
        r = ir_ew2(b, op, r, x->e[i]);
    return r;
}

static Value *reduce_parts(Scalarize *s, IrBuilder *b, Reduce kind, Parts *x, int first, int step) {
    if (kind != RED_logsumexp)
        return fold_parts(b,
                          kind == RED_sum   ? OP_add
                          : kind == RED_max ? OP_max
                          : kind == RED_min ? OP_min
                          : kind == RED_any ? OP_or
                                            : OP_and,
                          x, first, step);
    Value *m = fold_parts(b, OP_max, x, first, step);
    Value *top = ir_ew3(b, OP_select, ir_ew1(b, OP_isfinite, m), m, ir_const(b, m->type, 0.0));
    Parts *e = parts_new(s, x->n);
    for (int i = first; i < x->n; i += step)
        e->e[i] = ir_ew1(b, OP_exp, ir_ew2(b, OP_sub, x->e[i], top));
    return ir_ew2(b, OP_add, ir_ew1(b, OP_log, fold_parts(b, OP_add, e, first, step)), top);
}

static Parts *split_reduce(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Reduce kind = inst->attr.reduce.kind;
    int count = small_count(inst->in[0]->type);
    bool dear = kind == RED_logsumexp && count > SMALL_DEAR;
    if (count == 0 || kind >= RED_argmax || dear)
        return NULL;
    Parts *x = elements(s, b, inst->in[0], map);
    int rows = inst->out[0]->type->rank == 0 ? 1 : small_count(inst->out[0]->type);
    Parts *out = parts_new(s, rows);
    for (int i = 0; i < rows; i++)
        out->e[i] = reduce_parts(s, b, kind, x, i, rows);
    return out;
}

/* Position of an element of one operand, given the value of every label. */
static int label_offset(const char *axes, int n_axes, const Type *type, const int64_t *at) {
    int64_t offset = 0, n;
    for (int d = 0; d < n_axes; d++) {
        size_is_const(type->dims[d], &n);
        offset = offset * n + at[(unsigned char)axes[d]];
    }
    return (int)offset;
}

static Parts *split_contract(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const char *spec = inst->attr.spec, *comma = strchr(spec, ','), *arrow = strstr(spec, "->");
    const char *axes[3] = {spec, comma + 1, arrow + 2};
    int n_axes[3] = {(int)(comma - spec), (int)(arrow - comma - 1), (int)strlen(arrow + 2)},
        n_labels = 0;
    const Value *v[3] = {inst->in[0], inst->in[1], inst->out[0]};
    int64_t extent[256] = {0}, at[256] = {0}, total = 1;
    char labels[3 * IR_MAX_RANK];
    bool row = ptrmap_has(&s->whole, v[2]) && is_vector_row(v[2]->type);
    int most = is_sequential(inst->region) ? SMALL_MATRIX : SMALL_ARRAY;
    for (int k = 0; k < 3; k++) {
        if (v[k]->type->rank > 0 && count_up_to(v[k]->type, k < 2 ? most : SMALL_ARRAY) == 0)
            return NULL;
        for (int d = 0; d < n_axes[k]; d++) {
            unsigned char label = (unsigned char)axes[k][d];
            if (!extent[label]) {
                size_is_const(v[k]->type->dims[d], &extent[label]);
                labels[n_labels++] = (char)label;
                total *= extent[label];
            }
        }
    }
    if (total > SMALL_PRODUCT || row)
        return NULL;
    Parts *x = elements(s, b, inst->in[0], map), *y = elements(s, b, inst->in[1], map);
    Parts *out = parts_new(s, v[2]->type->rank ? small_count(v[2]->type) : 1);
    for (int64_t k = 0; k < total; k++) {
        int64_t rest = k;
        for (int d = n_labels - 1; d >= 0; d--) {
            unsigned char label = (unsigned char)labels[d];
            at[label] = rest % extent[label];
            rest /= extent[label];
        }
        Value *product = ir_ew2(b, OP_mul, x->e[label_offset(axes[0], n_axes[0], v[0]->type, at)],
                                y->e[label_offset(axes[1], n_axes[1], v[1]->type, at)]);
        Value **r = &out->e[label_offset(axes[2], n_axes[2], v[2]->type, at)];
        *r = *r ? ir_ew2(b, OP_add, *r, product) : product;
    }
    return out;
}

/* First flat position and number of elements below constant indices. */
static int constant_position(const Inst *inst, int first, IrMap *map, int *count) {
    const Type *type = inst->in[0]->type;
    int64_t offset = 0, below = 1, n;
    for (int d = 0; d < type->rank; d++) {
        size_is_const(type->dims[d], &n);
        bool indexed = d < inst->n_in - first;
        if (!indexed) {
            below *= n;
            offset *= n;
            continue;
        }
        const Value *i = irmap_get(map, inst->in[first + d]);
        if (!i->inst || i->inst->op != OP_const || i->inst->attr.integer < 0 ||
            i->inst->attr.integer >= n)
            return -1; /* a check reports it; nothing is folded */
        offset = offset * n + i->inst->attr.integer;
    }
    *count = (int)below;
    return (int)offset;
}

static Parts *split_index(Scalarize *s, const Inst *inst, IrMap *map) {
    Parts *x = ptrmap_get(&s->parts, inst->in[0]), *out;
    int count = 0, at = x ? constant_position(inst, 1, map, &count) : -1;
    if (at < 0)
        return NULL;
    out = parts_new(s, count);
    memcpy(out->e, x->e + at, (size_t)count * sizeof *out->e);
    return out;
}

static int constant_extent(const Size *size) {
    int64_t n = 0;
    return size_is_const(size, &n) ? (int)n : 0;
}

/* Where add_slice puts its rows: the first flat position and how many elements. */
static int slice_position(const Inst *inst, IrMap *map, int *count) {
    const Type *type = inst->in[0]->type;
    const Value *lo = irmap_get(map, inst->in[2]);
    int row = 1;
    for (int d = 1; d < type->rank; d++)
        row *= constant_extent(type->dims[d]);
    int rows = constant_extent(inst->in[1]->type->dims[0]), extent = constant_extent(type->dims[0]);
    if (!lo->inst || lo->inst->op != OP_const || lo->inst->attr.integer < 0 ||
        lo->inst->attr.integer + rows > extent)
        return -1;
    *count = rows * row;
    return (int)lo->inst->attr.integer * row;
}

/* add_at, update, add_slice at constant places. Out of range nothing changes: a check was there. */
static Parts *split_scatter(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (!splits(s, inst->in[0]))
        return NULL;
    int count = 0;
    int at = inst->op == OP_add_slice ? slice_position(inst, map, &count)
                                      : constant_position(inst, 2, map, &count);
    Parts *a = elements(s, b, inst->in[0], map), *out = parts_new(s, a->n);
    Parts *v = at < 0 || count == 0 ? NULL : elements(s, b, inst->in[1], map);
    memcpy(out->e, a->e, (size_t)a->n * sizeof *out->e);
    for (int i = 0; v && i < count; i++)
        out->e[at + i] = inst->op == OP_update ? v->e[i] : ir_ew2(b, OP_add, a->e[at + i], v->e[i]);
    return out;
}

static Parts *split_permuted(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Type *from = inst->in[0]->type, *to = inst->out[0]->type;
    Parts *x = elements(s, b, inst->in[0], map), *out = parts_new(s, small_count(to));
    for (int k = 0; k < out->n; k++) {
        int64_t at[IR_MAX_RANK], source[IR_MAX_RANK], n, offset = 0;
        unflatten(to, k, at);
        for (int d = 0; d < to->rank; d++) {
            size_is_const(to->dims[d], &n);
            if (inst->op == OP_transpose)
                source[inst->attr.perm[d]] = at[d];
            else
                source[d] = d == 0 && inst->op == OP_reverse ? n - 1 - at[d] : at[d];
        }
        for (int d = 0; d < from->rank; d++) {
            size_is_const(from->dims[d], &n);
            offset = offset * n + source[d];
        }
        out->e[k] = x->e[inst->op == OP_reshape ? k : offset];
    }
    return out;
}

static Parts *split_concat(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Parts *out = parts_new(s, small_count(inst->out[0]->type));
    int at = 0;
    for (int k = 0; k < inst->n_in; k++) {
        Parts *x = elements(s, b, inst->in[k], map);
        for (int i = 0; i < x->n && at < out->n; i++)
            out->e[at++] = x->e[i];
    }
    return at == out->n ? out : NULL;
}

static Parts *split_broadcast(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Parts *x = elements(s, b, inst->in[0], map),
          *out = parts_new(s, small_count(inst->out[0]->type));
    for (int k = 0; k < out->n; k++)
        out->e[k] = x->e[k % x->n];
    return out;
}

static Parts *split_iota(Scalarize *s, IrBuilder *b, const Inst *inst) {
    Parts *out = parts_new(s, small_count(inst->out[0]->type));
    for (int k = 0; k < out->n; k++)
        out->e[k] = ir_int(b, S_i64, k);
    return out;
}

/* NULL: not a small array operation, or better left whole. */
static Parts *split_inst(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    int count = inst->n_out == 1 ? small_count(inst->out[0]->type) : 0;
    switch (inst->op) {
    case OP_reduce:
        return split_reduce(s, b, inst, map);
    case OP_contract:
        return split_contract(s, b, inst, map);
    case OP_index:
        return split_index(s, inst, map);
    case OP_add_at:
    case OP_add_slice:
    case OP_update:
        return split_scatter(s, b, inst, map);
    default:
        break;
    }
    if (count == 0)
        return NULL;
    if (op_is_elementwise(inst->op) || inst->op == OP_convert) {
        if (inst->in[0]->is_acc && !splits(s, inst->in[0]))
            return NULL; /* a sum that stays an array is added to as one */
        bool dear = op_info[inst->op].cost >= DEAR_COST && count > SMALL_DEAR;
        bool row = is_vector_row(inst->out[0]->type) && ptrmap_has(&s->whole, inst->out[0]);
        return dear || row ? NULL : split_elementwise(s, b, inst, map);
    }
    switch (inst->op) {
    case OP_transpose:
    case OP_reverse:
        return split_permuted(s, b, inst, map);
    case OP_reshape:
        return small_count(inst->in[0]->type) ? split_permuted(s, b, inst, map) : NULL;
    case OP_array:
    case OP_concat:
        return split_concat(s, b, inst, map);
    case OP_broadcast:
        return split_broadcast(s, b, inst, map);
    case OP_iota:
        return split_iota(s, b, inst);
    default:
        return NULL;
    }
}

/* ---- loops and ifs ---- */

static void push_state(Scalarize *s, IrBuilder *b, Value *v, IrMap *map, bool split,
                       ValueList *out) {
    Parts *p = split ? elements(s, b, v, map) : NULL;
    for (int k = 0; p && k < p->n; k++)
        vec_push(s->arena, out, p->e[k]);
    if (!p)
        vec_push(s->arena, out, whole(s, b, v, map));
}

/* Takes a source value from a list where it stands in parts or whole; returns how many were taken.
 */
static int take_state(Scalarize *s, Value *v, IrMap *map, Value *const *from) {
    if (!splits(s, v)) {
        irmap_put(map, v, from[0]);
        from[0]->name = v->name;
        return 1;
    }
    Parts *p = parts_new(s, small_count(v->type));
    for (int k = 0; k < p->n; k++) {
        p->e[k] = from[k];
        from[k]->name = v->name;
    }
    ptrmap_put(&s->parts, v, p);
    return p->n;
}

static void emit_loop(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Region *source = inst->regions[0];
    int ns = inst->attr.loop.n_slice, nc = inst->attr.loop.n_carry, na = inst->attr.loop.n_acc;
    ValueList slices = {0}, carries = {0}, accs = {0};
    for (int i = 0; i < ns; i++)
        vec_push(s->arena, &slices, whole(s, b, inst->in[i], map));
    for (int i = 0; i < nc; i++)
        push_state(s, b, inst->in[ns + i], map, splits(s, inst->out[i]), &carries);
    for (int i = nc; i < nc + na; i++)
        push_state(s, b, inst->in[ns + i], map, splits(s, inst->out[i]), &accs);
    LoopSpec spec = {.extent = irmap_size(map, inst->attr.loop.extent),
                     .reverse = inst->attr.loop.reverse,
                     .n_slice = ns,
                     .n_carry = carries.n,
                     .n_acc = accs.n,
                     .slices = slices.data,
                     .carries = carries.data,
                     .accs = accs.data,
                     .index_name = source->params.data[0]->name};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Value **p = body.region->params.data;
    for (int i = 0; i <= ns; i++) {
        p[i]->name = source->params.data[i]->name;
        irmap_put(map, source->params.data[i], p[i]);
    }
    p += 1 + ns;
    for (int i = 0; i < nc + na; i++)
        p += take_state(s, source->params.data[1 + ns + i], map, p);
    rebuild_insts(&body, source, map, emit, s);
    ValueList yields = {0};
    for (int i = 0; i < source->yields.n; i++)
        push_state(s, &body, source->yields.data[i], map, i < nc + na && splits(s, inst->out[i]),
                   &yields);
    for (int i = 0; i < yields.n; i++)
        ir_yield(&body, yields.data[i]);
    b->loc = inst->loc;
    Value **out = ir_loop_end(b, &spec, &body)->out;
    for (int i = 0; i < inst->n_out; i++) {
        if (i < nc + na) {
            out += take_state(s, inst->out[i], map, out);
            continue;
        }
        (*out)->name = inst->out[i]->name;
        irmap_put(map, inst->out[i], *out++);
    }
}

static void emit_unrolled(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Region *source = inst->regions[0];
    int ns = inst->attr.loop.n_slice, nstate = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    int64_t n = 0;
    size_is_const(inst->attr.loop.extent, &n);
    ValueList *state = ARENA_ARRAY(s->arena, inst->n_out + 1,
                                   ValueList); /* of each state: now; of each stack: so far */
    for (int k = 0; k < nstate; k++)
        push_state(s, b, inst->in[ns + k], map, splits(s, inst->out[k]), &state[k]);
    for (int64_t step = 0; step < n; step++) {
        Value *i = ir_int(b, S_i64, inst->attr.loop.reverse ? n - 1 - step : step);
        irmap_put(map, source->params.data[0], i);
        for (int k = 0; k < ns; k++) {
            Value *p = source->params.data[1 + k];
            Parts *x = ptrmap_get(&s->parts, inst->in[k]);
            int64_t each = p->type->rank == 0 ? 1 : small_count(p->type);
            Parts *element = parts_new(s, x ? (int)each : 1);
            for (int j = 0; x && j < element->n; j++)
                element->e[j] = x->e[i->inst->attr.integer * each + j];
            if (x)
                set_parts(s, b, p, element, map);
            else
                irmap_put(map, p, ir_index(b, irmap_get(map, inst->in[k]), 1, &i));
        }
        for (int k = 0; k < nstate; k++)
            take_state(s, source->params.data[1 + ns + k], map, state[k].data);
        rebuild_insts(b, source, map, emit, s);
        for (int k = 0; k < inst->n_out; k++) {
            if (k < nstate)
                state[k].n = 0;
            ValueList next = {0};
            push_state(s, b, source->yields.data[k], map, k < nstate && splits(s, inst->out[k]),
                       &next);
            for (int j = 0; j < next.n; j++)
                vec_push(s->arena, &state[k], next.data[j]);
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        if (k < nstate) {
            take_state(s, inst->out[k], map, state[k].data);
            continue;
        }
        Value **rows = state[k].data;
        if (inst->attr.loop.reverse)
            for (int64_t i = 0; i < n / 2; i++) {
                Value *swap = rows[i];
                rows[i] = rows[n - 1 - i];
                rows[n - 1 - i] = swap;
            }
        bool flat = splits(s, inst->out[k]) && inst->out[k]->type->rank == 1;
        if (n == 0) {
            irmap_put(map, inst->out[k], ir_const(b, irmap_type(map, inst->out[k]->type), 0.0));
        } else if (flat) {
            Parts *p = parts_new(s, (int)n);
            memcpy(p->e, rows, (size_t)n * sizeof *p->e);
            ptrmap_put(&s->parts, inst->out[k], p);
        } else {
            irmap_put(map, inst->out[k], ir_array(b, (int)n, rows));
        }
    }
}

static void emit_if(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    IrBuilder branch[2];
    for (int k = 0; k < 2; k++) {
        ir_builder_nested(&branch[k], b);
        rebuild_insts(&branch[k], inst->regions[k], map, emit, s);
        ValueList yields = {0};
        for (int i = 0; i < inst->n_out; i++)
            push_state(s, &branch[k], inst->regions[k]->yields.data[i], map,
                       splits(s, inst->out[i]), &yields);
        for (int i = 0; i < yields.n; i++)
            ir_yield(&branch[k], yields.data[i]);
    }
    Value **out = ARENA_ARRAY(s->arena, branch[0].region->yields.n + 1, Value *);
    b->loc = inst->loc;
    ir_if_values(b, irmap_get(map, inst->in[0]), &branch[0], &branch[1], out);
    for (int i = 0; i < inst->n_out; i++)
        out += take_state(s, inst->out[i], map, out);
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Scalarize *s = user;
    b->loc = inst->loc;
    if (inst->op == OP_loop) {
        (ptrmap_has(&s->unroll, inst) ? emit_unrolled : emit_loop)(s, b, inst, map);
        return;
    }
    if (inst->op == OP_if) {
        emit_if(s, b, inst, map);
        return;
    }
    Parts *p = split_inst(s, b, inst, map);
    if (p) {
        set_parts(s, b, inst->out[0], p, map);
        return;
    }
    for (int k = 0; k < inst->n_in; k++)
        irmap_put(map, inst->in[k], whole(s, b, inst->in[k], map));
    for (int k = 0; k < inst->n_out; k++) /* an unrolled iteration before may have split it */
        ptrmap_put(&s->parts, inst->out[k], NULL);
    rebuild_inst(b, inst, map, emit, s);
}

bool pass_scalarize(IrModule *m) {
    for (int i = 0; i < m->funcs.n; i++) {
        Func *f = m->funcs.data[i];
        if (f->is_extern)
            continue;
        Scalarize s = {.m = m, .arena = m->arena};
        ptrmap_init(&s.parts, m->arena);
        ptrmap_init(&s.whole, m->arena);
        ptrmap_init(&s.unroll, m->arena);
        find_unrolled(&s, f->body);
        for (bool changed = true; changed;) {
            changed = false;
            find_whole(&s, f->body, &changed);
        }
        Region *old = f->body, *body = ARENA_NEW(m->arena, Region);
        IrMap map;
        IrBuilder b;
        body->func = f;
        irmap_init(&map, m, m->arena);
        for (int k = 0; k < old->params.n; k++)
            irmap_put(&map, old->params.data[k],
                      ir_param(m, body, old->params.data[k]->type, old->params.data[k]->name));
        ir_builder_init(&b, m, body);
        rebuild_insts(&b, old, &map, emit, &s);
        for (int k = 0; k < old->yields.n; k++)
            ir_yield(&b, whole(&s, &b, old->yields.data[k], &map));
        f->body = body;
    }
    return true;
}
