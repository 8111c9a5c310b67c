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

Einsum einsum_of_inst(const Inst *contract) {
    return einsum_of(contract->attr.spec, contract->in[0], contract->in[1]);
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

int einsum_extents(const Einsum *e, const Size *extents[2 * IR_MAX_RANK]) {
    int n = 0;
    for (int k = 0; k < 2; k++) {
        for (int axis = 0; e->labels[k][axis]; axis++) {
            if (k == 0 || !strchr(e->labels[0], e->labels[1][axis])) {
                extents[n++] = e->in[k]->type->dims[axis];
            }
        }
    }
    return n;
}
