/* Small arrays as their elements: the counts that make an array small, the parts that stand for it,
 * and what becomes of straight-line instructions on it. Called by scalarize.c alone. */
#include "passes/scalarize.h"

#include "ir/einsum.h"

#include <string.h>

/* ---- sizes ---- */

int array_count(const Type *type, int most) {
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

int small_array_count(const Type *type) {
    return array_count(type, SMALL_ARRAY);
}

bool is_vector_row(const Type *type) {
    int64_t n;
    return type->rank == 1 && size_is_const(type->dims[0], &n) && n == VECTOR_ROW;
}

bool is_outside_lanes(const Region *region) {
    int64_t n;
    for (const Inst *owner = region->owner; owner; owner = owner->region->owner)
        if (owner->op == OP_loop && owner->attr.loop.n_carry == 0 &&
            !(size_is_const(owner->attr.loop.extent, &n) && n <= SMALL_EXTENT))
            return false;
    return true;
}

/* ---- parts ---- */

Parts *parts_new(Scalarize *s, int n) {
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

Parts *parts_of(Scalarize *s, IrBuilder *b, Value *v, IrMap *map) {
    Parts *p = ptrmap_get(&s->parts, v);
    if (p)
        return p;
    Value *x = irmap_get(map, v);
    int n = array_count(x->type, SMALL_MATRIX);
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
    int step = type->rank == 1 ? 1 : small_array_count(row);
    Value **rows = ARENA_ARRAY(s->arena, n, Value *);
    for (int k = 0; k < n; k++)
        rows[k] = join(s, b, row, e + k * step);
    return ir_array(b, (int)n, rows);
}

Value *parts_whole(Scalarize *s, IrBuilder *b, Value *v, IrMap *map) {
    Parts *p = ptrmap_get(&s->parts, v);
    return p ? join(s, b, v->type, p->e) : irmap_get(map, v);
}

bool parts_splits(const Scalarize *s, const Value *v) {
    return small_array_count(v->type) > 0 && !ptrmap_has(&s->whole, v);
}

void parts_set(Scalarize *s, IrBuilder *b, Value *v, Parts *p, IrMap *map) {
    if (v->type->rank == 0)
        irmap_put(map, v, p->e[0]);
    else if (parts_splits(s, v))
        ptrmap_put(&s->parts, v, p);
    else
        irmap_put(map, v, join(s, b, v->type, p->e));
}

/* ---- straight-line instructions ---- */

static Parts *split_elementwise(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Parts *x[3] = {0}, *out = parts_new(s, small_array_count(inst->out[0]->type));
    for (int k = 0; k < inst->n_in; k++)
        x[k] = parts_of(s, b, inst->in[k], map);
    for (int i = 0; i < out->n; i++) {
        Value *in[3];
        for (int k = 0; k < inst->n_in; k++)
            in[k] = x[k]->e[i];
        b->by_reciprocal = inst->by_reciprocal;
        out->e[i] = inst->op == OP_convert ? ir_convert(b, in[0], inst->out[0]->type->elem)
                                           : ir_ew(b, inst->op, in);
        b->by_reciprocal = false;
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
    int count = small_array_count(inst->in[0]->type);
    bool dear = kind == RED_logsumexp && count > SMALL_DEAR;
    if (count == 0 || kind >= RED_argmax || dear)
        return NULL;
    Parts *x = parts_of(s, b, inst->in[0], map);
    int rows = inst->out[0]->type->rank == 0 ? 1 : small_array_count(inst->out[0]->type);
    Parts *out = parts_new(s, rows);
    for (int i = 0; i < rows; i++)
        out->e[i] = reduce_parts(s, b, kind, x, i, rows);
    return out;
}

/* Position of an element of one operand, given the value of every label. */
static int label_offset(const char *axes, const Type *type, const int64_t *at) {
    int64_t offset = 0, n;
    for (int d = 0; axes[d]; d++) {
        size_is_const(type->dims[d], &n);
        offset = offset * n + at[(unsigned char)axes[d]];
    }
    return (int)offset;
}

static Parts *split_contract(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Einsum e = einsum_of_inst(inst);
    const char *axes[3] = {e.labels[0], e.labels[1], e.out};
    int n_labels = 0;
    const Value *v[3] = {inst->in[0], inst->in[1], inst->out[0]};
    int64_t extent[256] = {0}, at[256] = {0}, total = 1;
    char labels[3 * IR_MAX_RANK];
    bool row = ptrmap_has(&s->whole, v[2]) && is_vector_row(v[2]->type);
    int most = is_outside_lanes(inst->region) ? SMALL_MATRIX : SMALL_ARRAY;
    for (int k = 0; k < 3; k++) {
        if (v[k]->type->rank > 0 && array_count(v[k]->type, k < 2 ? most : SMALL_ARRAY) == 0)
            return NULL;
        for (int d = 0; axes[k][d]; d++) {
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
    Parts *x = parts_of(s, b, inst->in[0], map), *y = parts_of(s, b, inst->in[1], map);
    Parts *out = parts_new(s, v[2]->type->rank ? small_array_count(v[2]->type) : 1);
    for (int64_t k = 0; k < total; k++) {
        int64_t rest = k;
        for (int d = n_labels - 1; d >= 0; d--) {
            unsigned char label = (unsigned char)labels[d];
            at[label] = rest % extent[label];
            rest /= extent[label];
        }
        Value *product = ir_ew2(b, OP_mul, x->e[label_offset(axes[0], v[0]->type, at)],
                                y->e[label_offset(axes[1], v[1]->type, at)]);
        Value **r = &out->e[label_offset(axes[2], v[2]->type, at)];
        *r = *r ? ir_ew2(b, OP_add, *r, product) : product;
    }
    return out;
}

/* A few numbers times as many rows, v X, as a loop over the elements of the sum: fuse joins it with
 * what makes the rows and what reads the sum, and nothing goes through memory. NULL: it is no such
 * product. */
Value *parts_sum_of_rows(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Einsum e = einsum_of_inst(inst);
    int v = e.in[0]->type->rank == 1 ? 0 : 1;
    int n = array_count(irmap_type(map, e.in[v]->type), SMALL_DEAR);
    if (e.in[v]->type->rank != 1 || n == 0 || e.in[!v]->type->rank != 2 ||
        e.labels[!v][0] != e.labels[v][0] || e.labels[!v][1] != e.out[0] ||
        !value_is_float(e.in[v]) || !is_outside_lanes(inst->region))
        return NULL;
    Parts *x = parts_of(s, b, e.in[v], map);
    Value *matrix = parts_whole(s, b, e.in[!v], map), *rows[SMALL_DEAR], *sum = NULL;
    for (int k = 0; k < n; k++) {
        Value *at = ir_int(b, S_i64, k);
        rows[k] = ir_index(b, matrix, 1, &at);
    }
    LoopSpec spec = {.extent = matrix->type->dims[1], .n_slice = n, .slices = rows};
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    for (int k = 0; k < n; k++) {
        Value *term = ir_ew2(&body, OP_mul, x->e[k], body.region->params.data[1 + k]);
        sum = sum ? ir_ew2(&body, OP_add, sum, term) : term;
    }
    ir_yield(&body, sum);
    return ir_loop_end(b, &spec, &body)->out[0];
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
        lo->inst->attr.integer > extent - rows)
        return -1;
    *count = rows * row;
    return (int)lo->inst->attr.integer * row;
}

/* add_at, update, add_slice at constant places. Out of range nothing changes: a check was there. */
static Parts *split_scatter(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    if (!parts_splits(s, inst->in[0]))
        return NULL;
    int count = 0;
    int at = inst->op == OP_add_slice ? slice_position(inst, map, &count)
                                      : constant_position(inst, 2, map, &count);
    Parts *a = parts_of(s, b, inst->in[0], map), *out = parts_new(s, a->n);
    Parts *v = at < 0 || count == 0 ? NULL : parts_of(s, b, inst->in[1], map);
    memcpy(out->e, a->e, (size_t)a->n * sizeof *out->e);
    for (int i = 0; v && i < count; i++)
        out->e[at + i] = inst->op == OP_update ? v->e[i] : ir_ew2(b, OP_add, a->e[at + i], v->e[i]);
    return out;
}

static Parts *split_permuted(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    const Type *from = inst->in[0]->type, *to = inst->out[0]->type;
    Parts *x = parts_of(s, b, inst->in[0], map), *out = parts_new(s, small_array_count(to));
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
    Parts *out = parts_new(s, small_array_count(inst->out[0]->type));
    int at = 0;
    for (int k = 0; k < inst->n_in; k++) {
        Parts *x = parts_of(s, b, inst->in[k], map);
        for (int i = 0; i < x->n && at < out->n; i++)
            out->e[at++] = x->e[i];
    }
    return at == out->n ? out : NULL;
}

static Parts *split_broadcast(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    Parts *x = parts_of(s, b, inst->in[0], map),
          *out = parts_new(s, small_array_count(inst->out[0]->type));
    for (int k = 0; k < out->n; k++)
        out->e[k] = x->e[k % x->n];
    return out;
}

static Parts *split_iota(Scalarize *s, IrBuilder *b, const Inst *inst) {
    Parts *out = parts_new(s, small_array_count(inst->out[0]->type));
    for (int k = 0; k < out->n; k++)
        out->e[k] = ir_int(b, S_i64, k);
    return out;
}

Parts *parts_split(Scalarize *s, IrBuilder *b, const Inst *inst, IrMap *map) {
    int count = inst->n_out == 1 ? small_array_count(inst->out[0]->type) : 0;
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
        if (inst->in[0]->is_acc && !parts_splits(s, inst->in[0]))
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
        return small_array_count(inst->in[0]->type) ? split_permuted(s, b, inst, map) : NULL;
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
