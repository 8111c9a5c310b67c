/* What an exported function keeps in memory, and why: the report of `--emit=memory`.
 *
 * Reads the plan that code generation follows, so it lists what is really stored: after fusion,
 * removal of what no adjoint reads, and in-place reuse. Arrays that share a slot are alive at
 * different times; the slot's size counts once in the total. Called by the driver on a module after
 * its pipeline. */
#include "codegen/memory.h"

#include "codegen/lanes.h"
#include "codegen/plan.h"

#include <string.h>

typedef struct Report {
    Text *out;
    const IrModule *m;
    const Plan *plan;
    PtrMap backward; /* values that a loop running backwards slices -> that loop */
} Report;

static void find_backward(Report *r, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_loop && inst->attr.loop.reverse)
            for (int k = 0; k < inst->attr.loop.n_slice; k++)
                ptrmap_put(&r->backward, inst->in[k], (void *)(uintptr_t)inst);
        for (int k = 0; k < inst->n_region; k++)
            find_backward(r, inst->regions[k]);
    }
}

static const char *place(Report *r, Arena *arena, Loc loc) {
    if (loc.begin == 0)
        return "-";
    Position at = source_position(&r->m->ctx->sources, loc.begin);
    return arena_printf(arena, "%u:%u", at.line, at.column);
}

/* Why a value is in memory. */
static const char *reason(Report *r, const Value *v) {
    const Inst *inst = v->inst;
    if (!inst)
        return v->is_acc ? "a sum over iterations" : "the state of a loop";
    int carries = inst->op == OP_loop ? inst->attr.loop.n_carry : 0;
    switch (inst->op) {
    case OP_loop:
        if (v->index < carries)
            return "the state of a loop";
        if (v->index < carries + inst->attr.loop.n_acc)
            return "a sum over iterations";
        if (ptrmap_has(&r->backward, v) && !inst->attr.loop.reverse)
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
        size_print(r->out, type->dims[d]);
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
    size_print(&size, slot->bytes);
    const Value *shown = element_of(v);
    Loc loc = shown->inst            ? shown->inst->loc
              : shown->region->owner ? shown->region->owner->loc
                                     : (Loc){0, 0};
    text_printf(r->out, "  %-24s %-5d %-8s ", size.data, home->slot, place(r, arena, loc));
    text_printf(r->out, "%-8s ", v->name ? v->name : shown->name ? shown->name : "-");
    print_type(r, v->type);
    text_printf(r->out, "  %s%s\n", reason(r, v), slot->on_stack ? " (on the stack)" : "");
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

static const Size *total_bytes(PolyTable *polys, const Plan *plan) {
    const Size *total = size_const(polys, 0);
    for (int i = 0; i < plan->slots.n && total; i++)
        if (!plan->slots.data[i].on_stack)
            total = size_add(polys, total, plan->slots.data[i].bytes);
    return total;
}

static bool report_export(Text *out, IrModule *m, const Export *export, int vector_bytes) {
    Arena *arena = m->arena;
    PtrMap widths, seen;
    ptrmap_init(&widths, arena);
    ptrmap_init(&seen, arena);
    lanes_choose(m, arena, export->func, vector_bytes, &widths);
    Report r = {.out = out, .m = m, .plan = plan_make(m, arena, export->func, &widths)};
    if (!r.plan)
        return false;
    ptrmap_init(&r.backward, arena);
    find_backward(&r, export->func->body);
    text_printf(out, "%s: ", export->name);
    const Size *total = total_bytes(&m->ctx->polys, r.plan);
    if (!total)
        return false;
    size_print(out, total);
    text_puts(out, " bytes, each slot rounded up to 64\n");
    if (r.plan->slots.n > 0)
        text_puts(out, "  bytes                    slot  line     name     type and reason\n");
    report_region(&r, arena, export->func->body, &seen);
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
