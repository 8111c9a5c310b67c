/* Blocks of memory for calls: between bytes that must not change or, where the Placement says so,
 * at the very end or start of pages beside pages that nobody may touch, so that a read beyond shows
 * as well as a write. Called by call.c only. */
#include "block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD = 64, SPARE = 128 };
static const unsigned char GUARD_BYTE = 0xA5;

static size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

/* Single pages between two that nobody may touch, to be used again: to ask for them takes longer
 * than most calls that they are for. Only one thread places memory so. */
static unsigned char *spare[SPARE];
static int n_spare;

static unsigned char *map_pages(size_t whole, size_t page) {
    if (whole == 3 * page && n_spare > 0)
        return spare[--n_spare];
    unsigned char *base = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + page, whole - 2 * page, PROT_READ | PROT_WRITE) != 0)
        abort();
    return base;
}

static void unmap_pages(unsigned char *base, size_t whole) {
    if (whole == 3 * (size_t)sysconf(_SC_PAGESIZE) && n_spare < SPARE)
        spare[n_spare++] = base;
    else
        munmap(base, whole);
}

static void make_pages(Block *b, size_t align, Side side) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = round_up(b->bytes + 1, page);
    b->whole = inner + 2 * page;
    b->base = map_pages(b->whole, page);
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
    return from >= to ||
           (*from == GUARD_BYTE && memcmp(from, from + 1, (size_t)(to - from) - 1) == 0);
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
        unmap_pages(b->base, b->whole);
    else
        free(b->base);
    free(b->copy);
}
