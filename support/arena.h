/* Arenas, growable arrays and the allocator behind them.
 *
 * Every allocation of the library goes through the Alloc hooks of its context. Running out of
 * memory does not return: it unwinds (longjmp) to the public entry that called oom_enter, which
 * frees the arenas of that call. So no caller checks for NULL, and nothing may hold a resource that
 * only it knows (a FILE, an LLVM object) across an arena call without registering it for clean-up
 * at that entry. */
#ifndef BPC_SUPPORT_ARENA_H
#define BPC_SUPPORT_ARENA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

/* Allocator hooks. `alloc` returns 16-byte aligned memory or NULL; `release` accepts NULL. */
typedef struct Alloc {
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *ptr);
    void *user;
    jmp_buf *oom; /* where running out of memory unwinds to; set by the public entry */
} Alloc;

typedef struct ArenaBlock ArenaBlock;

/* A region of memory freed as a whole. One an owner: AST, module, pass. */
typedef struct Arena {
    Alloc *alloc;
    ArenaBlock *blocks; /* newest first */
    char *next, *end;
    size_t total; /* bytes handed out */
} Arena;

void alloc_default(Alloc *alloc); /* malloc and free */
void arena_init(Arena *arena, Alloc *alloc);
void arena_free(Arena *arena);
/* Zeroed memory, 16-byte aligned; never NULL (unwinds when memory is out). */
void *arena_alloc(Arena *arena, size_t bytes);
/* n*size with the overflow checked (unwinds). */
void *arena_array(Arena *arena, size_t n, size_t size);
char *arena_strdup(Arena *arena, const char *text, size_t len); /* NUL-terminated copy */
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define ARENA_ARRAY(arena, n, T) ((T *)arena_array((arena), (size_t)(n), sizeof(T)))

/* Growable array in an arena: `VEC(Inst *) insts;` then vec_push(arena, &insts, x).
 * Zero-initialised is empty. */
#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *data;                                                                                   \
        int n, cap;                                                                                \
    }
void *vec_grow(Arena *arena, void *data, int n, int *cap, size_t size);
#define vec_push(arena, v, x)                                                                      \
    do {                                                                                           \
        if ((v)->n == (v)->cap)                                                                    \
            (v)->data = vec_grow((arena), (v)->data, (v)->n, &(v)->cap, sizeof *(v)->data);        \
        (v)->data[(v)->n++] = (x);                                                                 \
    } while (0)

/* Pointer-keyed hash map in an arena (open addressing; NULL keys are not allowed; values may be
 * NULL). */
typedef struct PtrMap {
    Arena *arena;
    const void **keys;
    void **vals;
    uint32_t cap, n;
} PtrMap;
void ptrmap_init(PtrMap *map, Arena *arena);
void *ptrmap_get(const PtrMap *map, const void *key); /* NULL when absent */
int ptrmap_has(const PtrMap *map, const void *key);
void ptrmap_put(PtrMap *map, const void *key, void *val); /* replaces */

/* Growable text. */
typedef struct Text {
    Arena *arena;
    char *data; /* always NUL-terminated once anything was added; NULL before */
    size_t n, cap;
} Text;
void text_init(Text *text, Arena *arena);
void text_add(Text *text, const char *s, size_t n);
void text_puts(Text *text, const char *s);
void text_printf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
