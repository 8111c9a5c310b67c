/* Arenas, growable arrays, pointer maps and growable text: all memory of the library comes from
 * here.
 *
 * Invariants: memory handed out is zeroed and 16-byte aligned; blocks are only freed with their
 * arena; nothing returns NULL, because running out of memory unwinds to alloc->oom (see arena.h).
 * Called by everything. Must not print, exit or keep state outside the arena it is given. */
#include "support/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ArenaBlock {
    ArenaBlock *older;
    size_t bytes; /* of payload; keeps the payload 16-byte aligned */
};

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20 };

/* With ARENA_ASKS_EACH the host's allocator is asked before each piece, so that any of them can
 * fail (test/driver/Inputs/every_allocation.c). Blocks of their own would be as many to give back.
 */
#ifdef ARENA_ASKS_EACH
enum { ASKS_EACH = 1 };
#else
enum { ASKS_EACH = 0 };
#endif

/* Under the address sanitizer, bytes of a block may be touched only where they were handed out, and
 * a gap follows each piece: an overflow within an arena is seen as one of malloc's blocks would be.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { GAP = ALIGN };
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
enum { GAP = 0 };
#endif

static void *default_alloc(void *user, size_t bytes) {
    (void)user;
    return malloc(bytes);
}

static void default_release(void *user, void *ptr) {
    (void)user;
    free(ptr);
}

void alloc_default(Alloc *alloc) {
    *alloc = (Alloc){default_alloc, default_release, NULL, NULL};
}

/* Unwinds to the public entry; without one there is nobody to tell, which is a broken invariant. */
static _Noreturn void out_of_memory(Alloc *alloc) {
    if (alloc->oom) {
        longjmp(*alloc->oom, 1);
    }
    abort();
}

void arena_init(Arena *arena, Alloc *alloc) {
    *arena = (Arena){.alloc = alloc};
}

static void *block_payload(ArenaBlock *block) {
    return (char *)block + ((sizeof(ArenaBlock) + ALIGN - 1) & ~(size_t)(ALIGN - 1));
}

void arena_free(Arena *arena) {
    ArenaBlock *block = arena->blocks;
    while (block) {
        ArenaBlock *older = block->older;
        ASAN_UNPOISON_MEMORY_REGION(block_payload(block), block->bytes);
        arena->alloc->release(arena->alloc->user, block);
        block = older;
    }
    *arena = (Arena){.alloc = arena->alloc};
}

static ArenaBlock *block_new(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) {
        out_of_memory(arena->alloc);
    }
    ArenaBlock *block = arena->alloc->alloc(arena->alloc->user, bytes + 2 * ALIGN + sizeof *block);
    if (!block) {
        out_of_memory(arena->alloc);
    }
    block->bytes = bytes;
    block->older = arena->blocks;
    arena->blocks = block;
    return block;
}

static void ask(Alloc *alloc) {
    void *piece = alloc->alloc(alloc->user, 1);
    if (!piece) {
        out_of_memory(alloc);
    }
    alloc->release(alloc->user, piece);
}

void *arena_alloc(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) {
        out_of_memory(arena->alloc);
    }
    if (ASKS_EACH) {
        ask(arena->alloc);
    }
    size_t rounded = ((bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1)) + GAP;
    if (rounded == 0) {
        rounded = ALIGN;
    }
    if ((size_t)(arena->end - arena->next) < rounded) {
        size_t want = arena->total < FIRST_BLOCK ? FIRST_BLOCK : arena->total;
        if (want > LARGEST_STEP) {
            want = LARGEST_STEP;
        }
        if (want < rounded) {
            want = rounded;
        }
        ArenaBlock *block = block_new(arena, want);
        arena->next = block_payload(block);
        arena->end = arena->next + want;
        ASAN_POISON_MEMORY_REGION(arena->next, want);
    }
    void *result = arena->next;
    arena->next += rounded;
    arena->total += rounded;
    ASAN_UNPOISON_MEMORY_REGION(result, bytes);
    return memset(result, 0, bytes);
}

void *arena_array(Arena *arena, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        out_of_memory(arena->alloc);
    }
    return arena_alloc(arena, bytes);
}

char *arena_strdup(Arena *arena, const char *text, size_t len) {
    char *copy = arena_alloc(arena, len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    return copy;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    char *text = arena_alloc(arena, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void *vec_grow(Arena *arena, void *data, int n, int *cap, size_t size) {
    if (*cap > INT32_MAX / 2) {
        out_of_memory(arena->alloc);
    }
    *cap = *cap ? 2 * *cap : 4;
    void *grown = arena_array(arena, (size_t)*cap, size);
    if (n > 0) {
        memcpy(grown, data, (size_t)n * size);
    }
    return grown;
}

/* ---- pointer maps ---- */

static uint32_t hash_pointer(const void *key) {
    uint64_t bits = (uint64_t)(uintptr_t)key;
    bits = (bits >> 4) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(bits >> 32);
}

/* The slot of key, or the empty slot where it belongs. */
static uint32_t ptrmap_slot(const PtrMap *map, const void *key) {
    uint32_t i = hash_pointer(key) & (map->cap - 1);
    while (map->keys[i] && map->keys[i] != key) {
        i = (i + 1) & (map->cap - 1);
    }
    return i;
}

void ptrmap_init(PtrMap *map, Arena *arena) {
    *map = (PtrMap){.arena = arena};
}

void *ptrmap_get(const PtrMap *map, const void *key) {
    return map->cap ? map->vals[ptrmap_slot(map, key)] : NULL;
}

int ptrmap_has(const PtrMap *map, const void *key) {
    return map->cap && map->keys[ptrmap_slot(map, key)] == key;
}

static void ptrmap_grow(PtrMap *map) {
    PtrMap old = *map;
    map->cap = old.cap ? 2 * old.cap : 16;
    map->keys = ARENA_ARRAY(map->arena, map->cap, const void *);
    map->vals = ARENA_ARRAY(map->arena, map->cap, void *);
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.keys[i]) {
            uint32_t slot = ptrmap_slot(map, old.keys[i]);
            map->keys[slot] = old.keys[i];
            map->vals[slot] = old.vals[i];
        }
    }
}

void ptrmap_put(PtrMap *map, const void *key, void *val) {
    assert(key);
    if (2 * (map->n + 1) > map->cap) {
        ptrmap_grow(map);
    }
    uint32_t slot = ptrmap_slot(map, key);
    if (!map->keys[slot]) {
        map->keys[slot] = key;
        map->n++;
    }
    map->vals[slot] = val;
}

/* ---- growable text ---- */

void text_init(Text *text, Arena *arena) {
    *text = (Text){.arena = arena};
}

static void text_reserve(Text *text, size_t extra) {
    if (text->cap - text->n > extra) {
        return;
    }
    size_t cap = text->cap ? 2 * text->cap : 128;
    while (cap - text->n <= extra) {
        if (cap > SIZE_MAX / 4) {
            out_of_memory(text->arena->alloc);
        }
        cap *= 2;
    }
    char *data = arena_alloc(text->arena, cap);
    if (text->n > 0) {
        memcpy(data, text->data, text->n);
    }
    text->data = data;
    text->cap = cap;
}

void text_add(Text *text, const char *s, size_t n) {
    text_reserve(text, n);
    if (n > 0) {
        memcpy(text->data + text->n, s, n);
    }
    text->n += n;
    text->data[text->n] = '\0';
}

void text_puts(Text *text, const char *s) {
    text_add(text, s, strlen(s));
}

void text_printf(Text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    text_reserve(text, (size_t)n);
    va_start(args, format);
    vsnprintf(text->data + text->n, (size_t)n + 1, format, args);
    va_end(args);
    text->n += (size_t)n;
}
