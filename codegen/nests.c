/* What an exported function does, in order: the report of `--emit=plan`.
 *
 * Reads the loops that code generation is given and the decisions that it follows: which run one
 * iteration a lane (lanes.h), where arrays live (plan.h). A row is a loop or a product, indented in
 * the loop around it, with the operations of all its iterations. Operations are those on floats: a
 * product of matrices has two for each multiplication, anything else one, exp as well as add; of an
 * `if` both branches count. Behind an outermost row stand the bytes that it reads and writes, each
 * array once, and then which lines of the source it joins and which arrays it leaves in memory.
 * Extents that are computed stand under their names.
 * Called by the driver on a module after its pipeline. */
#include "codegen/nests.h"

#include "codegen/lanes.h"
#include "codegen/plan.h"
#include "ir/einsum.h"
#include "passes/chunks.h"

#include <stdlib.h>
#include <string.h>

typedef struct Report {
    Text *out;
    IrModule *m;
    Arena *arena;
    const Plan *plan;
    bool overflow;
} Report;

/* ---- costs ---- */

static const Size *number(Report *r, int64_t n) {
    return size_const(&r->m->ctx->polys, n);
}

/* NULL is what overflowed before. */
static const Size *kept(Report *r, const Size *size) {
    r->overflow = r->overflow || !size;
    return size ? size : number(r, 0);
}

static const Size *plus(Report *r, const Size *a, const Size *b) {
    return kept(r, size_add(&r->m->ctx->polys, a, b));
}

static const Size *times(Report *r, const Size *a, const Size *b) {
    return kept(r, size_mul(&r->m->ctx->polys, a, b));
}

static const Size *product_cost(Report *r, const Inst *inst) {
    Einsum e = einsum_of_inst(inst);
    const Size *extents[2 * IR_MAX_RANK], *n = number(r, 2);
    int n_labels = einsum_extents(&e, extents);
    for (int k = 0; k < n_labels; k++)
        n = times(r, n, extents[k]);
    return n;
}

/* A term of the cost of one iteration, for all of them: the rows of all chunks are the whole. */
static const Size *term_of_all(Report *r, const Inst *loop, const SizeTerm *term) {
    const Size *n = number(r, term->coef), *whole = NULL;
    for (int k = 0; k < term->degree; k++) {
        const SizeSym *sym = term->syms[k];
        const Value *rows = sym->value;
        bool own = !whole && rows && rows->region == loop->regions[0];
        const Size *all = own ? chunk_whole(sym) : NULL;
        n = times(r, n, all ? all : size_sym(&r->m->ctx->polys, term->syms[k]));
        whole = all ? all : whole;
    }
    return whole ? n : times(r, n, loop->attr.loop.extent);
}

static const Size *cost_of_all(Report *r, const Inst *loop, const Size *each) {
    const Size *n = number(r, 0);
    for (int k = 0; k < each->n; k++)
        n = plus(r, n, term_of_all(r, loop, &each->terms[k]));
    return n;
}

static const Size *region_cost(Report *r, const Region *region);

static const Size *inst_cost(Report *r, const Inst *inst) {
    const Size *n = number(r, 0);
    if (op_is_elementwise(inst->op))
        return number(r, type_is_float(inst->in[inst->n_in - 1]->type));
    if (inst->op == OP_contract)
        return type_is_float(inst->out[0]->type) ? product_cost(r, inst) : n;
    for (int k = 0; k < inst->n_region; k++)
        n = plus(r, n, region_cost(r, inst->regions[k]));
    return inst->op == OP_loop ? cost_of_all(r, inst, n) : n;
}

static const Size *region_cost(Report *r, const Region *region) {
    const Size *n = number(r, 0);
    for (int i = 0; i < region->insts.n; i++)
        n = plus(r, n, inst_cost(r, region->insts.data[i]));
    return n;
}

static const Size *bytes_of(Report *r, const Type *type) {
    return times(r, kept(r, ir_type_count(r->m, type)), number(r, scalar_bytes(type->elem)));
}

/* The array that a view is of. */
static const Value *viewed(const Value *v) {
    while (v->inst &&
           (v->inst->op == OP_index || v->inst->op == OP_slice || v->inst->op == OP_transpose ||
            v->inst->op == OP_reverse || v->inst->op == OP_reshape || v->inst->op == OP_broadcast))
        v = v->inst->in[0];
    return v;
}

static const Size *bytes_read(Report *r, const Inst *inst) {
    ValueList used = {0};
    PtrMap seen;
    const Size *n = number(r, 0);
    ptrmap_init(&seen, r->arena);
    for (int k = 0; k < inst->n_in; k++)
        vec_push(r->arena, &used, inst->in[k]);
    for (int k = 0; k < inst->n_region; k++)
        ir_free_values(r->arena, inst->regions[k], &used);
    for (int k = 0; k < used.n; k++) {
        const Value *v = viewed(used.data[k]);
        bool in_memory = !v->inst || plan_home(r->plan, v);
        if (v->type->rank == 0 || ptrmap_has(&seen, v) || !in_memory)
            continue;
        ptrmap_put(&seen, v, NULL);
        n = plus(r, n, bytes_of(r, v->type));
    }
    return n;
}

static const Size *bytes_written(Report *r, const Inst *inst) {
    const Size *n = number(r, 0);
    for (int k = 0; k < inst->n_out; k++)
        if (inst->out[k]->type->rank > 0 && plan_home(r->plan, inst->out[k]))
            n = plus(r, n, bytes_of(r, inst->out[k]->type));
    return n;
}

/* ---- text ---- */

static void print_type(Report *r, const Type *type) {
    text_puts(r->out, "[");
    for (int d = 0; d < type->rank; d++) {
        text_puts(r->out, d ? "," : "");
        size_print(r->out, type->dims[d]);
    }
    text_printf(r->out, "]%s", scalar_name(type->elem));
}

/* In the program: of what a call brings in from another file, the line of the call. */
static unsigned line_of(Report *r, Loc loc) {
    const SourceMap *sources = &r->m->ctx->sources;
    return loc.begin ? source_position(sources, source_caller(sources, loc).begin).line : 0;
}

typedef struct Line {
    const char *file; /* NULL: the program's own */
    unsigned line;
} Line;
typedef VEC(Line) Lines;

static int by_number(const void *a, const void *b) {
    const Line *x = a, *y = b;
    if (!x->file != !y->file)
        return x->file ? 1 : -1;
    int files = x->file ? strcmp(x->file, y->file) : 0;
    return files ? files : (x->line > y->line) - (x->line < y->line);
}

static void add_line(Report *r, Lines *lines, Line line) {
    bool counts = line.line > 0;
    for (int k = 0; k < lines->n && counts; k++)
        counts = by_number(&lines->data[k], &line) != 0;
    if (counts)
        vec_push(r->arena, lines, line);
}

static void find_lines(Report *r, const Inst *inst, Lines *lines) {
    const SourceMap *sources = &r->m->ctx->sources;
    if (inst->op != OP_const && inst->op != OP_size) {
        add_line(r, lines, (Line){NULL, line_of(r, inst->loc)});
        if (source_call(sources, inst->loc).begin) {
            Position at = source_position(sources, inst->loc.begin);
            add_line(r, lines, (Line){at.file, at.line});
        }
    }
    for (int k = 0; k < inst->n_region; k++)
        for (int i = 0; i < inst->regions[k]->insts.n; i++)
            find_lines(r, inst->regions[k]->insts.data[i], lines);
}

static bool follows(const Line *before, const Line *line) {
    return !before->file == !line->file && line->line == before->line + 1 &&
           (!line->file || strcmp(before->file, line->file) == 0);
}

/* "lines 3, 5-8, std/nn.bp:28" */
static void print_lines(Report *r, const Inst *inst) {
    Lines lines = {0};
    find_lines(r, inst, &lines);
    if (lines.n == 0)
        return;
    qsort(lines.data, (size_t)lines.n, sizeof *lines.data, by_number);
    text_printf(r->out, "%*sof line%s", 16, "", lines.n > 1 ? "s" : "");
    for (int k = 0, last; k < lines.n; k = last + 1) {
        const Line *first = &lines.data[k];
        for (last = k; last + 1 < lines.n && follows(&lines.data[last], &lines.data[last + 1]);)
            last++;
        text_printf(r->out, "%s %s%s%u", k ? "," : "", first->file ? first->file : "",
                    first->file ? ":" : "", first->line);
        if (last > k)
            text_printf(r->out, "-%u", lines.data[last].line);
    }
    text_puts(r->out, "\n");
}

static const char *where(const Report *r, const Buffer *home) {
    switch (home->kind) {
    case BUF_out:
        return "a result";
    case BUF_slot:
        return r->plan->slots.data[home->slot].on_stack ? "on the stack" : "in the workspace";
    default:
        return home->loop ? "in a row of what the loop around stacks"
                          : "in a part of another array";
    }
}

static void print_stored(Report *r, const Inst *inst) {
    for (int k = 0; k < inst->n_out; k++) {
        const Value *v = inst->out[k];
        const Buffer *home = v->type->rank > 0 ? plan_home(r->plan, v) : NULL;
        if (!home)
            continue;
        text_printf(r->out, "%*sstores %s", 16, "", v->name ? v->name : "an array");
        text_puts(r->out, " ");
        print_type(r, v->type);
        text_printf(r->out, ", %s\n", where(r, home));
    }
}

static void print_cost(Report *r, const Size *size, const char *unit) {
    text_puts(r->out, ", ");
    size_print(r->out, size);
    text_printf(r->out, " %s", unit);
}

/* ---- rows ---- */

static void print_loop(Report *r, const Inst *loop) {
    const Value *index = loop->regions[0]->params.data[0];
    int lanes = plan_lanes(r->plan, loop);
    text_printf(r->out, "loop %s < ", index->name ? index->name : "_");
    size_print(r->out, loop->attr.loop.extent);
    if (loop->attr.loop.reverse)
        text_puts(r->out, " backwards");
    if (lanes > 1)
        text_printf(r->out, ", %d at a time", lanes);
    else if (loop->attr.loop.n_carry > 0)
        text_puts(r->out, ", in sequence");
}

static void print_product(Report *r, const Inst *inst) {
    text_puts(r->out, "product ");
    print_type(r, inst->in[0]->type);
    text_puts(r->out, " ");
    print_type(r, inst->in[1]->type);
    text_printf(r->out, " \"%s\"", inst->attr.spec);
}

static void report_region(Report *r, const Region *region, int depth);

static void report_inst(Report *r, const Inst *inst, int depth) {
    bool row = inst->op == OP_loop || inst->op == OP_contract;
    if (row) {
        unsigned line = line_of(r, inst->loc);
        text_printf(r->out, "%6u  %*s", line, 2 * depth, "");
        if (inst->op == OP_loop)
            print_loop(r, inst);
        else
            print_product(r, inst);
        print_cost(r, inst_cost(r, inst), depth == 0 ? "operations" : "operations each time");
        if (depth == 0) {
            print_cost(r, bytes_read(r, inst), "bytes read");
            print_cost(r, bytes_written(r, inst), "written");
        }
        text_puts(r->out, "\n");
    }
    for (int k = 0; k < inst->n_region; k++)
        report_region(r, inst->regions[k], depth + row);
    if (row && depth == 0) {
        print_lines(r, inst);
        print_stored(r, inst);
    }
}

static void report_region(Report *r, const Region *region, int depth) {
    for (int i = 0; i < region->insts.n; i++)
        report_inst(r, region->insts.data[i], depth);
}

static bool report_export(Text *out, IrModule *m, const Export *export, int vector_bytes) {
    PtrMap widths;
    ptrmap_init(&widths, m->arena);
    lanes_choose(m, m->arena, export->func, vector_bytes, &widths);
    Report r = {.out = out,
                .m = m,
                .arena = m->arena,
                .plan = plan_make(m, m->arena, export->func, &widths, vector_bytes)};
    if (!r.plan)
        return false;
    text_printf(out, "%s: ", export->name);
    size_print(out, region_cost(&r, export->func->body));
    text_puts(out, " operations\n");
    report_region(&r, export->func->body, 0);
    return !r.overflow;
}

bool nests_report(Text *out, IrModule *m, int vector_bytes) {
    bool ok = true;
    for (int i = 0; i < m->exports.n; i++)
        ok = report_export(out, m, m->exports.data[i], vector_bytes) && ok;
    if (!ok)
        diag_error(&m->ctx->diags, DIAG_size_overflow, (Loc){0, 0},
                   "what the program does cannot be counted in 64 bits");
    return ok;
}
