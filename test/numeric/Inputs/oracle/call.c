/* Calling an export on guarded memory. See oracle.h.
 *
 * Results and workspace lie between guards (block.c) and hold bytes 0xFF (a NaN, a large integer,
 * no bool) before the call, so that what is not written, or computed from memory that nobody wrote,
 * shows. Inputs must be the same afterwards. */
#include "block.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many integers and floats a call passes in registers; the rest lies on the stack in order,
 * eight bytes each. */
#if defined(__aarch64__)
enum { INT_REGISTERS = 8 };
#else
enum { INT_REGISTERS = 6 };
#endif
enum { FLOAT_REGISTERS = 8, STACK_SLOTS = 60, WORK_ALIGN = 64 };

typedef struct Call {
    int64_t ints[8];
    double floats[FLOAT_REGISTERS];
    int64_t stack[STACK_SLOTS];
    int n_ints, n_floats, n_stack;
    Block blocks[3 * MOST_LEAVES];
    int n_blocks;
    void *tables[2 * MOST_LEAVES][MOST_LEAVES]; /* structs of pointers */
    int n_tables;
    bool overflow;
    const Placement *place;
} Call;

static size_t element_bytes(Scalar s) {
    return s == S_bool ? 1 : s == S_i32 || s == S_f32 ? 4 : 8;
}

/* ---- memory ---- */

static Block *new_block(Call *c, size_t bytes, size_t align, int fill) {
    Block *b = &c->blocks[c->n_blocks++];
    *b = block_new(bytes, align, fill, c->place);
    return b;
}

static void store(unsigned char *to, Scalar elem, const Datum *d, int64_t k) {
    float narrow = d->f ? (float)d->f[k] : 0;
    int32_t half = d->i ? (int32_t)d->i[k] : 0;
    switch (elem) {
    case S_bool:
        to[k] = (unsigned char)d->i[k];
        break;
    case S_i32:
        memcpy(to + k * 4, &half, 4);
        break;
    case S_i64:
        memcpy(to + k * 8, &d->i[k], 8);
        break;
    case S_f32:
        memcpy(to + k * 4, &narrow, 4);
        break;
    case S_f64:
        memcpy(to + k * 8, &d->f[k], 8);
        break;
    }
}

static void load(Datum *d, int64_t k, const unsigned char *from) {
    float narrow;
    int32_t half;
    switch (d->type->elem) {
    case S_bool:
        d->i[k] = from[k];
        break;
    case S_i32:
        memcpy(&half, from + k * 4, 4);
        d->i[k] = half;
        break;
    case S_i64:
        memcpy(&d->i[k], from + k * 8, 8);
        break;
    case S_f32:
        memcpy(&narrow, from + k * 4, 4);
        d->f[k] = (double)narrow;
        break;
    case S_f64:
        memcpy(&d->f[k], from + k * 8, 8);
        break;
    }
}

static bool any_unwritten(const Datum *d, const unsigned char *data) {
    static const unsigned char ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    size_t bytes = element_bytes(d->type->elem);
    for (int64_t k = 0; (d->f || d->type->elem == S_bool) && k < d->count; k++)
        if (memcmp(data + (size_t)k * bytes, ones, bytes) == 0)
            return true;
    return false;
}

/* ---- arguments ---- */

static void push_stack(Call *c, int64_t bits) {
    c->overflow |= c->n_stack == STACK_SLOTS;
    if (c->n_stack < STACK_SLOTS)
        c->stack[c->n_stack++] = bits;
}

static void push_int(Call *c, int64_t value) {
    if (c->n_ints < INT_REGISTERS)
        c->ints[c->n_ints++] = value;
    else
        push_stack(c, value);
}

static void push_float(Call *c, Scalar elem, double x) {
    float narrow = (float)x;
    double bits = x;
    if (elem == S_f32) {
        bits = 0;
        memcpy(&bits, &narrow, sizeof narrow);
    }
    if (c->n_floats < FLOAT_REGISTERS) {
        c->floats[c->n_floats++] = bits;
    } else {
        int64_t slot;
        memcpy(&slot, &bits, sizeof slot);
        push_stack(c, slot);
    }
}

static void *input_block(Call *c, const Type *type, const Datum *d) {
    Block *b =
        new_block(c, (size_t)d->count * element_bytes(type->elem), element_bytes(type->elem), 0);
    for (int64_t k = 0; k < d->count; k++)
        store(b->data, type->elem, d, k);
    block_keep(b);
    return b->data;
}

static void *output_block(Call *c, const Datum *d) {
    size_t unit = element_bytes(d->type->elem);
    return new_block(c, (size_t)d->count * unit, unit, 0xFF)->data;
}

/* The leaves of a parameter in order: pointers of a struct. *leaf counts the function's own leaves.
 */
static int fill_table(Call *c, void **table, int n, const Param *p, Datum *const *data, int *leaf,
                      bool input) {
    if (!p->is_record) {
        const Datum *d = p->inactive ? NULL : data[(*leaf)++];
        table[n++] = !d ? NULL : input ? input_block(c, p->type, d) : output_block(c, d);
        return n;
    }
    for (int i = 0; i < p->n_fields; i++)
        n = fill_table(c, table, n, &p->fields[i], data, leaf, input);
    return n;
}

static void push_param(Call *c, const Param *p, Datum *const *data, int *leaf, bool input) {
    if (p->is_record) {
        void **table = c->tables[c->n_tables++];
        fill_table(c, table, 0, p, data, leaf, input);
        push_int(c, (int64_t)(intptr_t)table);
        return;
    }
    const Datum *d = data[(*leaf)++];
    if (!input)
        push_int(c, (int64_t)(intptr_t)output_block(c, d));
    else if (!type_is_scalar(p->type))
        push_int(c, (int64_t)(intptr_t)input_block(c, p->type, d));
    else if (type_is_float(p->type))
        push_float(c, p->type->elem, d->f[0]);
    else
        push_int(c, d->i[0]);
}

#define INT_TYPES int64_t, int64_t, int64_t, int64_t, int64_t, int64_t
#define INT_ARGS(c) c->ints[0], c->ints[1], c->ints[2], c->ints[3], c->ints[4], c->ints[5]
#if defined(__aarch64__)
#define MORE_TYPES , int64_t, int64_t
#define MORE_ARGS(c) , c->ints[6], c->ints[7]
#else
#define MORE_TYPES
#define MORE_ARGS(c)
#endif
#define FLOAT_TYPES double, double, double, double, double, double, double, double
#define FLOAT_ARGS(c)                                                                              \
    c->floats[0], c->floats[1], c->floats[2], c->floats[3], c->floats[4], c->floats[5],            \
        c->floats[6], c->floats[7]
#define TEN_TYPES INT_TYPES, int64_t, int64_t, int64_t, int64_t
#define TEN_ARGS(c, k)                                                                             \
    c->stack[k], c->stack[k + 1], c->stack[k + 2], c->stack[k + 3], c->stack[k + 4],               \
        c->stack[k + 5], c->stack[k + 6], c->stack[k + 7], c->stack[k + 8], c->stack[k + 9]
#define ALL_TYPES                                                                                  \
    INT_TYPES MORE_TYPES, FLOAT_TYPES, TEN_TYPES, TEN_TYPES, TEN_TYPES, TEN_TYPES, TEN_TYPES,      \
        TEN_TYPES
#define ALL_ARGS(c)                                                                                \
    INT_ARGS(c)                                                                                    \
    MORE_ARGS(c), FLOAT_ARGS(c), TEN_ARGS(c, 0), TEN_ARGS(c, 10), TEN_ARGS(c, 20),                 \
        TEN_ARGS(c, 30), TEN_ARGS(c, 40), TEN_ARGS(c, 50)
typedef int AnyFn(ALL_TYPES);
typedef size_t AnyWorkFn(ALL_TYPES);
typedef const char *ErrorFn(int);

/* ---- the call ---- */

static int leaf_count(const Param *p) {
    int n = !p->is_record && !p->inactive;
    for (int i = 0; p->is_record && i < p->n_fields; i++)
        n += leaf_count(&p->fields[i]);
    return n;
}

static size_t work_bytes(const Build *b, const Export *e, const Point *p) {
    Call call = {0}, *c = &call;
    int leaf = 0;
    for (int i = 0; i < p->n_sizes; i++)
        if (export_size_from(e, i) < 0)
            push_int(c, p->sizes[i]);
    for (int i = 0; i < e->n_params; leaf += leaf_count(&e->params[i++])) {
        const Type *type = e->params[i].is_record ? NULL : e->params[i].type;
        if (type && type_is_scalar(type) && (type->elem == S_i64 || type->elem == S_i32))
            push_int(c, p->args[leaf]->i[0]);
    }
    AnyWorkFn *f = (AnyWorkFn *)build_symbols(b, e).work;
    return f ? f(ALL_ARGS(c)) : 0;
}

/* Results as the compiled function types them, with the extents that the interpreter found. */
static void place_results(const Export *e, const Outcome *shape, Arena *arena, Outcome *out) {
    out->n = e->func->body->yields.n;
    for (int i = 0; i < out->n; i++) {
        Datum *d = ARENA_NEW(arena, Datum);
        *d = *shape->out[i];
        d->type = e->func->body->yields.data[i]->type;
        d->f = d->f ? ARENA_ARRAY(arena, d->count + 1, double) : NULL;
        d->i = d->i ? ARENA_ARRAY(arena, d->count + 1, int64_t) : NULL;
        out->out[i] = d;
    }
}

static void read_results(const Call *c, int first, Outcome *out) {
    for (int i = 0; i < out->n; i++) {
        const Block *b = &c->blocks[first + i];
        if (any_unwritten(out->out[i], b->data))
            out->misuse =
                "left a result, or part of it, unwritten (or read memory that nobody wrote)";
        for (int64_t k = 0; k < out->out[i]->count; k++)
            load(out->out[i], k, b->data);
    }
}

/* ---- touching pages that nobody may touch ---- */

static _Thread_local sigjmp_buf after_fault;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(after_fault, 1);
}

typedef struct Handlers {
    struct sigaction segv, bus;
} Handlers;

static void catch_faults(Handlers *before) {
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before->segv);
    sigaction(SIGBUS, &action, &before->bus);
}

static void release_faults(const Handlers *before) {
    sigaction(SIGSEGV, &before->segv, NULL);
    sigaction(SIGBUS, &before->bus, NULL);
}

/* False: the function touched such a page. */
static bool call_caught(AnyFn *f, Call *c, int *status) {
    Handlers before;
    volatile bool done = false;
    catch_faults(&before);
    if (sigsetjmp(after_fault, 1) == 0) {
        *status = f(ALL_ARGS(c));
        done = true;
    }
    release_faults(&before);
    return done;
}

/* ---- */

static void call_native(const Build *b, const Export *e, const Point *p, const Outcome *shape,
                        const Placement *place, Arena *arena, Outcome *out) {
    static const char *const none = "has no address";
    Call *c = calloc(1, sizeof *c);
    int leaf = 0, result = 0;
    c->place = place;
    place_results(e, shape, arena, out);
    for (int i = 0; i < p->n_sizes; i++)
        if (export_size_from(e, i) < 0)
            push_int(c, p->sizes[i]);
    for (int i = 0; i < e->n_params; i++)
        push_param(c, &e->params[i], p->args, &leaf, true);
    int first = c->n_blocks;
    for (int i = 0; i < e->n_results; i++)
        push_param(c, &e->results[i], out->out, &result, false);
    push_int(c,
             (int64_t)(intptr_t)new_block(c, work_bytes(b, e, p), WORK_ALIGN, place->fill)->data);
    AnyFn *f = (AnyFn *)build_symbols(b, e).function;
    if (!f || c->overflow || leaf != p->n_args || result != out->n) {
        out->misuse =
            !f ? none : "cannot be called: too many arguments, or descriptors that do not fit";
    } else if (place->side != SIDE_none && !call_caught(f, c, &out->status)) {
        out->misuse = "read or wrote beyond its memory";
    } else {
        if (place->side == SIDE_none)
            out->status = f(ALL_ARGS(c));
        ErrorFn *error = (ErrorFn *)build_symbols(b, e).error;
        out->message = error && out->status ? error(out->status) : NULL;
        for (int i = 0; i < c->n_blocks && !out->misuse; i++)
            out->misuse = block_misuse(&c->blocks[i], place);
        if (out->status == 0)
            read_results(c, first, out);
    }
    for (int i = 0; i < c->n_blocks; i++)
        block_free(&c->blocks[i], place);
    free(c);
}

void build_run_placed(const Build *b, const Export *e, const Point *p, const Outcome *shape,
                      const Placement *place, Arena *arena, Outcome *out) {
    memset(out, 0, sizeof *out);
    call_native(b, e, p, shape, place, arena, out);
}

/* Without the number of a subject. */
static bool is_named(const char *names, const char *name) {
    size_t n = strlen(name);
    while (strncmp(name, "o_", 2) == 0 && n > 0 && strchr("_0123456789", name[n - 1]))
        n--;
    for (const char *at = names; at; at = strchr(at, ';'), at += at != NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ';' || at[n] == '\0'))
            return true;
    return false;
}

/* One number of the last result of floats. */
static void plant_fault(const Build *b, const Export *e, Outcome *out) {
    if (!b->fault || !b->fault->names || out->status != 0 ||
        (!is_named(b->fault->names, b->config->name) && !is_named(b->fault->names, e->name)))
        return;
    for (int i = out->n - 1; i >= 0; i--)
        if (out->out[i]->f && out->out[i]->count > 0) {
            double *x = &out->out[i]->f[out->out[i]->count / 2];
            *x += b->fault->size * (1 + (*x < 0 ? -*x : *x));
            return;
        }
}

void build_run(const Build *b, const Export *e, const Point *p, const Outcome *shape, Arena *arena,
               Outcome *out) {
    static const Placement plain = {.side = SIDE_none, .fill = 0xFF};
    if (b->config->level >= 0) {
        build_run_placed(b, e, p, shape, &plain, arena, out);
    } else {
        memset(out, 0, sizeof *out);
        out->n = ir_eval_n_results(e->func);
        out->status = ir_eval(b->m, arena, e->func, p->sizes, p->args, out->out, &out->message);
    }
    plant_fault(b, e, out);
}
