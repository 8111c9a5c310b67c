/* The way by which one function reaches another, for messages: `f` calls `g` at 3:7, `g` calls `h`
 * at 9:2. Calls are inlined before the derivative that fails looks at them, so the calls of a
 * module are listed first (derive.c). Locations are kept, bodies are not. */
#include "passes/internal.h"

static void list_region(CallList *calls, Arena *arena, const Func *from, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_region; k++)
            list_region(calls, arena, from, inst->regions[k]);
        if (inst->op != OP_call && inst->op != OP_vjp && inst->op != OP_jvp)
            continue;
        const Func *to = inst->attr.callee.func;
        CallPlace *call = ARENA_NEW(arena, CallPlace);
        *call = (CallPlace){from, to, inst->loc, ptrmap_get(&calls->of, to)};
        ptrmap_put(&calls->of, to, call);
    }
}

CallList calls_list(const IrModule *m, Arena *arena) {
    CallList calls;
    ptrmap_init(&calls.of, arena);
    for (int i = 0; i < m->funcs.n; i++)
        if (!m->funcs.data[i]->is_extern)
            list_region(&calls, arena, m->funcs.data[i], m->funcs.data[i]->body);
    return calls;
}

/* Breadth first, from the end: `by` maps a function to the call that leads on from it. */
static void search(const CallList *calls, Arena *arena, const Func *to, PtrMap *by) {
    VEC(const Func *) queue = {0};
    vec_push(arena, &queue, to);
    for (int next = 0; next < queue.n; next++)
        for (CallPlace *c = ptrmap_get(&calls->of, queue.data[next]); c; c = c->next) {
            if (c->from == to || ptrmap_has(by, c->from))
                continue;
            ptrmap_put(by, c->from, c);
            vec_push(arena, &queue, c->from);
        }
}

const char *calls_path(const IrModule *m, const CallList *calls, const Func *from, const Func *to) {
    Arena *arena = &m->ctx->arena;
    PtrMap by;
    ptrmap_init(&by, arena);
    search(calls, arena, to, &by);
    Text text;
    text_init(&text, arena);
    int n = 0;
    while (from != to && ptrmap_has(&by, from)) {
        const CallPlace *call = ptrmap_get(&by, from);
        Position at = source_position(&m->ctx->sources, call->loc.begin);
        text_printf(&text, "%s`%s` calls `%s` at %u:%u", n++ ? ", " : "", from->name,
                    call->to->name, at.line, at.column);
        from = call->to;
    }
    return n > 1 ? text.data : NULL;
}
