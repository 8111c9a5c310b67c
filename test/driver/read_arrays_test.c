/* Array readers on garbage: random changes of good files must give an array or a message, and never
 * read beyond the bytes (run under the sanitizers), nor ask for more memory than the file accounts
 * for. Good arrays come back. */
#include "driver/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Exactly the bytes, and the NUL that text readers are promised, in a block of their own. */
static char *own_copy(const char *bytes, size_t size) {
    char *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

static bool try_read(Alloc *alloc, int format, const char *bytes, size_t size, bool good) {
    Arena arena;
    arena_init(&arena, alloc);
    ArrayError error = {0};
    char *copy = own_copy(bytes, size);
    Array *a = format == 0   ? array_read_npy(&arena, copy, size, &error)
               : format == 1 ? array_read_csv(&arena, copy, size, &error)
                             : array_read_literal(&arena, copy, &error);
    bool ok = (a != NULL) != (error.text != NULL) && error.at + error.length <= size + 1 &&
              (!error.other_text || error.other + error.other_length <= size) && (a || !good) &&
              arena.total < 64 * size + 100000;
    if (a && a->count > 0) {
        Text text;
        text_init(&text, &arena);
        array_print(&text, a);
    }
    if (!ok)
        printf("format %d: array %p, error %s, memory %zu\n", format, (void *)a,
               error.text ? error.text : "-", arena.total);
    free(copy);
    arena_free(&arena);
    return ok;
}

static size_t mutate(char *bytes, size_t size) {
    static const char interesting[] = "0123456789,.;:-+eE[](){}'\"\n\t <>|fibuTrueFalse\xff\x80";
    int changes = 1 + (int)(next() % 4);
    for (int k = 0; k < changes && size > 0; k++) {
        size_t at = next() % size;
        switch (next() % 4) {
        case 0:
            bytes[at] = (char)next();
            break;
        case 1:
            bytes[at] = interesting[next() % (sizeof interesting - 1)];
            break;
        case 2:
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size--;
            break;
        default:
            size = at;
            break;
        }
    }
    return size;
}

static bool same(const Array *a, const Array *b) {
    return a && a->elem == b->elem && a->rank == b->rank &&
           memcmp(a->dims, b->dims, sizeof a->dims) == 0 &&
           memcmp(a->data, b->data, (size_t)a->count * (size_t)scalar_bytes(a->elem)) == 0;
}

static bool round_trips(Alloc *alloc) {
    static const int64_t shapes[][3] = {{2, 3, 4}, {0, 3, 1}, {1, 1, 1}, {5, 1, 2}};
    Arena arena;
    arena_init(&arena, alloc);
    bool ok = true;
    for (int k = 0; k < 4 * 4 * 5; k++) {
        Array *a = array_new(&arena, (Scalar)(k % 5), k / 5 % 4, shapes[k / 20]);
        for (int64_t i = 0; i < a->count; i++)
            array_set(a, i, a->elem == S_bool ? (double)(i % 2) : (double)i - 2);
        Text npy, text;
        ArrayError error = {0};
        const char *unlike = NULL;
        text_init(&npy, &arena);
        text_init(&text, &arena);
        array_write_npy(&npy, a);
        ok &= same(array_read_npy(&arena, npy.data, npy.n, &error), a);
        array_print(&text, a);
        Array *b = array_read_literal(&arena, text.data, &error);
        ok &= b && b->count == a->count &&
              (a->count == 0 || same(array_convert(&arena, b, a->elem, &unlike), a));
    }
    arena_free(&arena);
    return ok;
}

int main(void) {
    Alloc alloc;
    jmp_buf oom;
    alloc_default(&alloc);
    alloc.oom = &oom;
    if (setjmp(oom)) {
        puts("memory ran out");
        return 1;
    }
    static const char npy[] = "\x93NUMPY\x01\x00"
                              "\x47"
                              "\x00{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }"
                              "            \n0123456789abcdef0123456789abcdef";
    static const char csv[] = "a,\"b\",c\n1,2,3\n# no\n-1.5e3,\"2\",nan\n\n";
    static const char literal[] = "[[1, -2.5e3], [nan, inf], [0, 12]]";
    const char *const seeds[] = {npy, csv, literal};
    const size_t sizes[] = {sizeof npy - 1, sizeof csv - 1, sizeof literal - 1};
    bool ok = round_trips(&alloc);
    if (!ok)
        puts("an array does not come back");
    for (int format = 0; format < 3; format++)
        ok &= try_read(&alloc, format, seeds[format], sizes[format], true);
    for (int k = 0; k < 60000; k++) {
        char bytes[256];
        int format = k % 3;
        memcpy(bytes, seeds[format], sizes[format]);
        ok &= try_read(&alloc, format, bytes, mutate(bytes, sizes[format]), false);
    }
    return !ok;
}
