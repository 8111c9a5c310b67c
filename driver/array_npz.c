/* NumPy's .npz: a zip file whose members are npy files, stored as they are, with sizes of 64 bits.
 * See driver/array.h. */
#include "driver/array.h"

#include <string.h>

static void put_number(Text *out, uint64_t number, int bytes) {
    for (int k = 0; k < bytes; k++) {
        char byte = (char)(number >> (8 * k));
        text_add(out, &byte, 1);
    }
}

static uint32_t crc32(const char *bytes, size_t n) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

typedef struct Member {
    const char *name;
    uint32_t crc;
    size_t size, at;
} Member;

/* What a member's own header and its line of the directory have in common. 45: sizes of 64 bits. */
static void put_member(Text *out, const Member *m) {
    put_number(out, 45, 2);
    put_number(out, 0, 4);          /* flags, stored */
    put_number(out, 0, 2);          /* time */
    put_number(out, 1 << 5 | 1, 2); /* 1980-01-01 */
    put_number(out, m->crc, 4);
    put_number(out, 0xFFFFFFFFu, 4);
    put_number(out, 0xFFFFFFFFu, 4);
    put_number(out, strlen(m->name), 2);
}

static void put_directory(Text *out, const Member *members, int n) {
    size_t start = out->n;
    for (int i = 0; i < n; i++) {
        const Member *m = &members[i];
        text_add(out, "PK\1\2", 4);
        put_number(out, 45, 2);
        put_member(out, m);
        put_number(out, 28, 2);
        put_number(out, 0, 2); /* no comment */
        put_number(out, 0, 8); /* disk 0, no attributes */
        put_number(out, 0xFFFFFFFFu, 4);
        text_puts(out, m->name);
        put_number(out, 1, 2); /* the sizes and the place, in 64 bits */
        put_number(out, 24, 2);
        put_number(out, m->size, 8);
        put_number(out, m->size, 8);
        put_number(out, m->at, 8);
    }
    size_t end = out->n;
    text_add(out, "PK\6\6", 4); /* the end, in 64 bits */
    put_number(out, 44, 8);
    put_number(out, 45, 2);
    put_number(out, 45, 2);
    put_number(out, 0, 8);
    put_number(out, (uint64_t)n, 8);
    put_number(out, (uint64_t)n, 8);
    put_number(out, end - start, 8);
    put_number(out, start, 8);
    text_add(out, "PK\6\7", 4);
    put_number(out, 0, 4);
    put_number(out, end, 8);
    put_number(out, 1, 4);
    text_add(out, "PK\5\6", 4);
    put_number(out, 0, 4);
    put_number(out, 0xFFFF, 2);
    put_number(out, 0xFFFF, 2);
    put_number(out, 0xFFFFFFFFu, 4);
    put_number(out, 0xFFFFFFFFu, 4);
    put_number(out, 0, 2);
}

void array_write_npz(Text *out, int n, Array *const *arrays, const char *const *names) {
    Member *members = ARENA_ARRAY(out->arena, n + 1, Member);
    for (int i = 0; i < n; i++) {
        Text npy;
        text_init(&npy, out->arena);
        array_write_npy(&npy, arrays[i]);
        members[i] = (Member){arena_printf(out->arena, "%s.npy", names[i]), crc32(npy.data, npy.n),
                              npy.n, out->n};
        text_add(out, "PK\3\4", 4);
        put_member(out, &members[i]);
        put_number(out, 20, 2);
        text_puts(out, members[i].name);
        put_number(out, 1, 2);
        put_number(out, 16, 2);
        put_number(out, npy.n, 8);
        put_number(out, npy.n, 8);
        text_add(out, npy.data, npy.n);
    }
    put_directory(out, members, n);
}
