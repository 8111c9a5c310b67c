/* What an exported function keeps in memory, and why: the report of `--emit=memory`.
 *
 * Reads the plan that code generation follows, so it lists what is really stored: after fusion,
 * removal of what no adjoint reads, and in-place reuse. Arrays that share a slot are alive at
 * different times; the slot's size counts once in the total. Sizes are those that NAME_work adds
 * up: an extent that is a value computed later counts with its bound in terms of the arguments
 * (bounds.h), and the lines `NAME <= BOUND` say it.
 * Called by the driver on a module after its pipeline. */
#include "codegen/memory.h"

#include "codegen/bounds.h"
#include "codegen/lanes.h"
#include "codegen/plan.h"

#include <string.h>

typedef struct Bounded {
    SizeSym *sym;
    const char *bound;
} Bounded;

typedef struct Report {
    Text *out;
    IrModule *m;
    const Export *export;
    const Plan *plan;
    BoundScope scope;
    PtrMap shown; /* symbols bound later -> Size: what stands for all of one bound */
    VEC(Bounded) bounded;
    PtrMap backward; /* values that a loop of the other direction slices -> that loop */
} Report;

/* ---- sizes ---- */

/* Binds as tightly as `level`: 0 a sum, 1 a product, 2 anything else. */
static void print_bound(Text *out, const Bound *bound, int level);

static void print_infix(Text *out, const Bound *bound, char sign, int own, int level) {
    text_puts(out, own < level ? "(" : "");
    print_bound(out, bound->a, own);
    text_printf(out, own == 0 ? " %c " : "%c", sign);
    print_bound(out, bound->b, own + (sign == '-' || sign == '/'));
    text_puts(out, own < level ? ")" : "");
}

static void print_bound(Text *out, const Bound *bound, int level) {
    enum { LONGEST = 200 }; /* and what is used twice is printed twice */
    if (bound->nodes > LONGEST) {
        text_puts(out, "...");
        return;
    }
    switch (bound->kind) {
    case BOUND_const:
        text_printf(out, "%lld", (long long)bound->k);
        break;
    case BOUND_sym:
        text_puts(out, bound->sym->name);
        break;
    case BOUND_param:
        text_puts(out, bound->param->name ? bound->param->name : "?");
        break;
    case BOUND_add:
        print_infix(out, bound, '+', 0, level);
        break;
    case BOUND_sub:
        print_infix(out, bound, '-', 0, level);
        break;
    case BOUND_mul:
        print_infix(out, bound, '*', 1, level);
        break;
    case BOUND_div:
        print_infix(out, bound, '/', 1, level);
        break;
    case BOUND_min:
    case BOUND_max:
        text_puts(out, bound->kind == BOUND_min ? "min(" : "max(");
        print_bound(out, bound->a, 0);
        text_puts(out, ", ");
        print_bound(out, bound->b, 0);
        text_puts(out, ")");
        break;
    }
}

static bool is_taken(const Report *r, const char *name) {
    const Func *f = r->plan->func;
    for (int i = 0; i < r->bounded.n; i++)
        if (!strcmp(r->bounded.data[i].sym->name, name))
            return true;
    for (int i = 0; i < f->sizes.n; i++)
        if (!strcmp(f->sizes.data[i]->name, name))
            return true;
    for (int i = 0; i < f->body->params.n; i++)
        if (f->body->params.data[i]->name && !strcmp(f->body->params.data[i]->name, name))
            return true;
    return false;
}

/* One symbol stands for all sizes that have the same bound; names are unique. */
static const Size *show_bound(Report *r, const Size *size, Atom given, Loc loc) {
    PolyTable *polys = &r->m->ctx->polys;
    const SizeSym *unbounded;
    const Bound *bound = bound_size(&r->scope, size, &unbounded);
    Text text;
    text_init(&text, r->scope.arena);
    if (bound)
        print_bound(&text, bound, 0);
    else
        text_puts(&text, "nothing known on entry");
    for (int i = 0; i < r->bounded.n; i++)
        if (!strcmp(r->bounded.data[i].bound, text.data))
            return size_sym(polys, r->bounded.data[i].sym);
    const char *name = given;
    for (int i = 2; is_taken(r, name); i++)
        name = arena_printf(r->scope.arena, "%s_%d", given, i);
    Bounded entry = {sizesym_new(polys, atom_of(&r->m->ctx->atoms, name), loc), text.data};
    vec_push(r->scope.arena, &r->bounded, entry);
    return size_sym(polys, entry.sym);
}

static const Size *shown_symbol(void *user, SizeSym *sym) {
    Report *r = user;
    if (!sym->value)
        return NULL;
    if (!ptrmap_has(&r->shown, sym)) {
        const Size *shown = show_bound(r, size_sym(&r->m->ctx->polys, sym), sym->name, sym->loc);
        ptrmap_put(&r->shown, sym, (void *)(uintptr_t)shown);
    }
    return ptrmap_get(&r->shown, sym);
}

/* Where something bound later is taken away, the bound is of the whole. */
static bool subtracts_computed(const Size *size) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++)
            if (size->terms[t].coef < 0 && size->terms[t].syms[k]->value)
                return true;
    return false;
}

/* The size with its symbols replaced by those that are shown. NULL on overflow. */
static const Size *shown_size(Report *r, const Size *size) {
    if (subtracts_computed(size))
        return show_bound(r, size, "rest", (Loc){0, 0});
    return size_subst(&r->m->ctx->polys, size, shown_symbol, r);
}

/* ---- values ---- */

static const Inst *made_by_loop(const Value *v) {
    return v->inst && v->inst->op == OP_loop ? v->inst : NULL;
}

static void find_backward(Report *r, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        int n = inst->op == OP_loop && inst->attr.loop.n_carry > 0 ? inst->attr.loop.n_slice : 0;
        for (int k = 0; k < n; k++) {
            const Inst *maker = made_by_loop(inst->in[k]);
            if (maker && maker->attr.loop.reverse != inst->attr.loop.reverse)
                ptrmap_put(&r->backward, inst->in[k], (void *)(uintptr_t)inst);
        }
        for (int k = 0; k < inst->n_region; k++)
            find_backward(r, inst->regions[k]);
    }
}

static const char *place(Report *r, Arena *arena, Loc loc) {
    if (loc.begin == 0)
        return "-";
    const SourceMap *sources = &r->m->ctx->sources;
    Position at = source_position(sources, source_caller(sources, loc).begin);
    return arena_printf(arena, "%u:%u", at.line, at.column);
}

/* In which file, where that is not the program's own. */
static const char *elsewhere(Report *r, Arena *arena, Loc loc) {
    const SourceMap *sources = &r->m->ctx->sources;
    const Source *own = source_of(sources, r->export->loc);
    bool here = !source_of(sources, loc) || source_same(sources, loc, r->export->loc) ||
                (own && own->is_option && !source_call(sources, loc).begin);
    if (here)
        return "";
    Position at = source_position(sources, loc.begin);
    return arena_printf(arena, ", in %s:%u:%u", at.file, at.line, at.column);
}

/* Why a value is in memory. */
static const char *reason(Report *r, const Value *v) {
    const Inst *inst = v->inst;
    if (!inst && !v->is_acc && v->index <= v->region->owner->attr.loop.n_slice)
        return "rows of several iterations, side by side";
    if (!inst)
        return v->is_acc ? "a sum over iterations" : "the state of a loop";
    int carries = inst->op == OP_loop ? inst->attr.loop.n_carry : 0;
    switch (inst->op) {
    case OP_loop:
        if (v->index < carries)
            return "the state of a loop";
        if (v->index < carries + inst->attr.loop.n_acc)
            return "a sum over iterations";
        if (ptrmap_has(&r->backward, v))
            return "stored for the reverse sweep";
        return "made by one loop, read by another";
    case OP_contract:
        return "a product";
    case OP_update:
    case OP_add_at:
    case OP_add_slice:
        return "an array changed in place";
    case OP_array:
    case OP_concat:
        return "an array put together from parts";
    default:
        return "an array needed as a whole";
    }
}

static void print_type(Report *r, const Type *type) {
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64"};
    text_puts(r->out, "[");
    for (int d = 0; d < type->rank; d++) {
        text_puts(r->out, d ? "," : "");
        size_print(r->out, shown_size(r, type->dims[d]));
    }
    text_printf(r->out, "]%s", names[type->elem]);
}

/* Of what a loop stacks, the element; the names and lines of the source are its. */
static const Value *element_of(const Value *v) {
    while (v->inst && v->inst->op == OP_loop &&
           v->index >= v->inst->attr.loop.n_carry + v->inst->attr.loop.n_acc)
        v = v->inst->regions[0]->yields.data[v->index];
    return v;
}

static void report_value(Report *r, Arena *arena, const Value *v, PtrMap *seen) {
    const Buffer *home = v->type->rank > 0 ? plan_home(r->plan, v) : NULL;
    if (!home || home->kind != BUF_slot || ptrmap_has(seen, home))
        return;
    ptrmap_put(seen, home, NULL);
    const Slot *slot = &r->plan->slots.data[home->slot];
    Text size;
    text_init(&size, arena);
    size_print(&size, shown_size(r, slot->bytes));
    const Value *shown = element_of(v);
    Loc loc = shown->inst            ? shown->inst->loc
              : shown->region->owner ? shown->region->owner->loc
                                     : (Loc){0, 0};
    text_printf(r->out, "  %-24s %-5d %-8s ", size.data, home->slot, place(r, arena, loc));
    text_printf(r->out, "%-8s ", v->name ? v->name : shown->name ? shown->name : "-");
    print_type(r, v->type);
    text_printf(r->out, "  %s%s%s\n", reason(r, v), slot->on_stack ? " (on the stack)" : "",
                elsewhere(r, arena, loc));
}

static void report_region(Report *r, Arena *arena, const Region *region, PtrMap *seen) {
    for (int i = 0; i < region->params.n && region->owner; i++)
        report_value(r, arena, region->params.data[i], seen);
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++)
            report_value(r, arena, inst->out[k], seen);
        for (int k = 0; k < inst->n_region; k++)
            report_region(r, arena, inst->regions[k], seen);
    }
}

/* Room that belongs to no value: the next state of a loop, while the others are copied. */
static void report_temps(Report *r, Arena *arena, const PtrMap *seen) {
    for (int i = 0; i < r->plan->buffers.n; i++) {
        const Buffer *home = r->plan->buffers.data[i];
        if (home->kind != BUF_slot || ptrmap_has(seen, home))
            continue;
        const Slot *slot = &r->plan->slots.data[home->slot];
        Text size;
        text_init(&size, arena);
        size_print(&size, shown_size(r, slot->bytes));
        text_printf(r->out, "  %-24s %-5d %-8s %-8s ", size.data, home->slot, "-", "-");
        print_type(r, home->type);
        text_printf(r->out, "  the next state of a loop%s\n",
                    slot->on_stack ? " (on the stack)" : "");
    }
}

/* Exact where it is a number, else before rounding. False when it overflows. */
static bool print_total(Report *r) {
    PolyTable *polys = &r->m->ctx->polys;
    const Size *total = size_const(polys, 0);
    int64_t known = 0, bytes = 0;
    bool constant = true;
    for (int i = 0; i < r->plan->slots.n && total; i++) {
        const Slot *slot = &r->plan->slots.data[i];
        if (slot->on_stack)
            continue;
        const Size *size = shown_size(r, slot->bytes);
        total = size ? size_add(polys, total, size) : NULL;
        constant = constant && size && size_is_const(size, &bytes) && bytes < INT32_MAX;
        known += constant ? (bytes + 63) / 64 * 64 : 0;
    }
    if (!total)
        return false;
    size_print(r->out, constant ? size_const(polys, known) : total);
    return true;
}

static void print_bounds(Report *r) {
    for (int i = 0; i < r->bounded.n; i++)
        text_printf(r->out, "  %s <= %s\n", r->bounded.data[i].sym->name, r->bounded.data[i].bound);
}

static bool report_export(Text *out, IrModule *m, const Export *export, int vector_bytes) {
    Arena *arena = m->arena;
    PtrMap widths, seen;
    ptrmap_init(&widths, arena);
    ptrmap_init(&seen, arena);
    lanes_choose(m, arena, export->func, vector_bytes, &widths);
    Report r = {.out = out,
                .m = m,
                .export = export,
                .plan = plan_make(m, arena, export->func, &widths, vector_bytes),
                .scope = bound_scope(arena, export)};
    if (!r.plan)
        return false;
    ptrmap_init(&r.backward, arena);
    ptrmap_init(&r.shown, arena);
    find_backward(&r, export->func->body);
    text_printf(out, "%s: ", export->name);
    if (!print_total(&r))
        return false;
    text_puts(out, " bytes, each slot rounded up to 64\n");
    if (r.plan->slots.n > 0)
        text_puts(out, "  bytes                    slot  line     name     type and reason\n");
    report_region(&r, arena, export->func->body, &seen);
    report_temps(&r, arena, &seen);
    print_bounds(&r);
    return true;
}

bool memory_report(Text *out, IrModule *m, int vector_bytes) {
    bool ok = true;
    for (int i = 0; i < m->exports.n; i++)
        ok = report_export(out, m, m->exports.data[i], vector_bytes) && ok;
    if (!ok)
        diag_error(&m->ctx->diags, DIAG_size_overflow, (Loc){0, 0},
                   "a size of the workspace is beyond 64 bits");
    return ok;
}
