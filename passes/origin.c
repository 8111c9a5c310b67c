/* Where instructions of derivatives come from, for modules that are watched (--sanitize=nan): "the
 * adjoint of", "the tangent of the adjoint of", through which function. Called by vjp.c and jvp.c;
 * changes nothing of what is computed. Origins live as long as the context: bodies move between
 * arenas. */
#include "passes/internal.h"

const Origin *origin_derived(IrModule *m, bool adjoint, const Func *func, const Origin *of) {
    if (!m->watched)
        return NULL;
    Origin *origin = ARENA_NEW(&m->ctx->arena, Origin);
    *origin = (Origin){.adjoint = adjoint, .func = func, .of = of};
    return origin;
}

const Origin *origin_in_rule(IrModule *m, const Origin *derived) {
    if (!derived)
        return NULL;
    Origin *origin = ARENA_NEW(&m->ctx->arena, Origin);
    *origin = *derived;
    origin->written = true;
    return origin;
}
