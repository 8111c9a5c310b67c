/* Contractions taken apart and put together again; see einsum.h. */
#include "ir/einsum.h"

#include <string.h>

Einsum einsum_of(const char *spec, Value *x, Value *y) {
    const char *comma = strchr(spec, ','), *arrow = strstr(spec, "->");
    Einsum e = {.in = {x, y}};
    memcpy(e.labels[0], spec, (size_t)(comma - spec));
    memcpy(e.labels[1], comma + 1, (size_t)(arrow - comma - 1));
    memcpy(e.out, arrow + 2, strlen(arrow + 2));
    return e;
}

Value *einsum_emit(IrBuilder *b, const Einsum *e) {
    const char *spec = arena_printf(b->m->arena, "%s,%s->%s", e->labels[0], e->labels[1], e->out);
    return ir_contract(b, spec, e->in[0], e->in[1]);
}

const Size *einsum_extent(const Einsum *e, char label) {
    for (int k = 0; k < 2; k++) {
        const char *at = strchr(e->labels[k], label);
        if (at) {
            return e->in[k]->type->dims[at - e->labels[k]];
        }
    }
    return NULL;
}
