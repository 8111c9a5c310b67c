/* Blocks of memory for calls: between bytes that must not change or, where the Placement says so,
 * at the very end or start of pages beside pages that nobody may touch, so that a read beyond shows
 * as well as a write. Called by call.c only. */
#include "block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD = 64 };
static const unsigned char GUARD_BYTE = 0xA5;

static size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

static void make_pages(Block *b, size_t align, Side side) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = round_up(b->bytes + 1, page);
    b->whole = inner + 2 * page;
    b->base = mmap(NULL, b->whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->base == MAP_FAILED || mprotect(b->base + page, inner, PROT_READ | PROT_WRITE) != 0)
        abort();
    memset(b->base + page, GUARD_BYTE, inner);
    b->data = b->base + page + (side == SIDE_end ? (inner - b->bytes) / align * align : 0);
}

Block block_new(size_t bytes, size_t align, int fill, const Placement *place) {
    Block b = {.bytes = bytes};
    if (place->side != SIDE_none) {
        make_pages(&b, align, place->side);
    } else {
        b.whole = round_up(bytes + 2 * GUARD, GUARD);
        b.base = aligned_alloc(GUARD, b.whole);
        memset(b.base, GUARD_BYTE, b.whole);
        b.data = b.base + GUARD;
    }
    memset(b.data, fill, bytes);
    return b;
}

void block_keep(Block *b) {
    b->copy = malloc(b->bytes + 1);
    memcpy(b->copy, b->data, b->bytes);
}

/* Bytes around the block that may be read: none but the GUARD_BYTEs that were put there. */
static bool is_intact(const unsigned char *from, const unsigned char *to) {
    for (; from < to; from++)
        if (*from != GUARD_BYTE)
            return false;
    return true;
}

const char *block_misuse(const Block *b, const Placement *place) {
    size_t outer = place->side != SIDE_none ? (size_t)sysconf(_SC_PAGESIZE) : 0;
    if (!is_intact(b->base + outer, b->data) ||
        !is_intact(b->data + b->bytes, b->base + b->whole - outer))
        return "wrote beside its memory";
    if (b->copy && memcmp(b->copy, b->data, b->bytes) != 0)
        return "changed an input";
    return NULL;
}

void block_free(Block *b, const Placement *place) {
    if (place->side != SIDE_none)
        munmap(b->base, b->whole);
    else
        free(b->base);
    free(b->copy);
}
