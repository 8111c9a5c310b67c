/* Slots of the workspace for buffers: those whose lifetimes do not meet may share one. Called by
 * plan.c when lifetimes are known.
 *
 * Large buffers are placed before small ones, so that what is left free of their slots serves the
 * small ones, and not the other way round. Sizes are polynomials: two that cannot be compared never
 * share, and which is the larger of several is guessed. */
#include "codegen/plan.h"

#include <stdlib.h>
#include <string.h>

enum { ONE_ON_STACK = 1024, ALL_ON_STACK = 16384 };
static const double SOME = 100; /* for sizes that are not known */

typedef struct Placing {
    Buffer *buffer;
    const Size *bytes;
    double guess;
    int number;
} Placing;

static const Size *buffer_bytes(const Plan *plan, const Buffer *buffer) {
    PolyTable *polys = &plan->m->ctx->polys;
    const Size *count = ir_type_count(plan->m, buffer->type);
    int64_t each = (int64_t)scalar_bytes(buffer->type->elem) * buffer->lanes;
    return count ? size_mul(polys, count, size_const(polys, each)) : NULL;
}

/* The largest first; of equals, the one that is needed first, or was planned first. */
static int by_size(const void *x, const void *y) {
    const Placing *a = x, *b = y;
    if (a->guess != b->guess)
        return a->guess < b->guess ? 1 : -1;
    int before = a->buffer->begin - b->buffer->begin;
    return before ? before : a->number - b->number;
}

static bool is_small(const Size *bytes) {
    int64_t n;
    return size_is_const(bytes, &n) && n <= ONE_ON_STACK;
}

/* The place of the buffer among those of the slot; -1 where it meets one of them. */
static int place_among(const Slot *slot, const Buffer *buffer) {
    int low = 0, high = slot->buffers.n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (slot->buffers.data[middle]->begin < buffer->begin)
            low = middle + 1;
        else
            high = middle;
    }
    bool meets = (low > 0 && slot->buffers.data[low - 1]->end >= buffer->begin) ||
                 (low < slot->buffers.n && slot->buffers.data[low]->begin <= buffer->end);
    return meets ? -1 : low;
}

/* How well a slot suits: 3 the same size, 2 larger, 1 smaller (it grows), 0 not at all. What is
 * small keeps to itself, so that it can be on the stack. */
static int slot_fit(Plan *plan, const Slot *slot, const Size *bytes) {
    PolyTable *polys = &plan->m->ctx->polys;
    if (slot->bytes == bytes)
        return 3;
    if (is_small(slot->bytes) != is_small(bytes))
        return 0;
    return size_at_least(polys, slot->bytes, bytes)   ? 2
           : size_at_least(polys, bytes, slot->bytes) ? 1
                                                      : 0;
}

static int best_slot(Plan *plan, const Placing *p, int *fit) {
    int best = -1;
    *fit = 0;
    for (int s = 0; s < plan->slots.n && *fit < 3; s++) {
        const Slot *slot = &plan->slots.data[s];
        int here = slot_fit(plan, slot, p->bytes);
        bool tighter =
            here == 2 && *fit == 2 &&
            size_guess(slot->bytes, SOME) < size_guess(plan->slots.data[best].bytes, SOME);
        if ((here > *fit || tighter) && place_among(slot, p->buffer) >= 0) {
            best = s;
            *fit = here;
        }
    }
    return best;
}

static void place(Plan *plan, const Placing *p) {
    int fit, best = best_slot(plan, p, &fit);
    if (best < 0) {
        Slot slot = {.bytes = p->bytes};
        best = plan->slots.n;
        vec_push(plan->arena, &plan->slots, slot);
    }
    Slot *slot = &plan->slots.data[best];
    slot->bytes = fit == 1 ? p->bytes : slot->bytes;
    int at = place_among(slot, p->buffer);
    vec_push(plan->arena, &slot->buffers, p->buffer);
    memmove(slot->buffers.data + at + 1, slot->buffers.data + at,
            (size_t)(slot->buffers.n - 1 - at) * sizeof *slot->buffers.data);
    slot->buffers.data[at] = p->buffer;
    p->buffer->slot = best;
}

static void choose_stack_slots(Plan *plan) {
    int64_t total = 0, bytes;
    for (int s = 0; s < plan->slots.n; s++) {
        Slot *slot = &plan->slots.data[s];
        if (size_is_const(slot->bytes, &bytes) && bytes <= ONE_ON_STACK &&
            total + bytes <= ALL_ON_STACK) {
            slot->on_stack = true;
            total += bytes;
        }
    }
}

bool plan_place_slots(Plan *plan) {
    Placing *order = ARENA_ARRAY(plan->arena, plan->buffers.n + 1, Placing);
    int n = 0;
    for (int i = 0; i < plan->buffers.n; i++) {
        Buffer *buffer = plan->buffers.data[i];
        if (buffer->kind != BUF_slot)
            continue;
        const Size *bytes = buffer_bytes(plan, buffer);
        if (!bytes)
            return false;
        order[n] = (Placing){buffer, bytes, size_guess(bytes, SOME), n};
        n++;
    }
    qsort(order, (size_t)n, sizeof *order, by_size);
    for (int i = 0; i < n; i++)
        place(plan, &order[i]);
    choose_stack_slots(plan);
    return true;
}
