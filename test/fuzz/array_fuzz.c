/* libFuzzer's target for the files that `bpc run` reads: npy, csv and literals. Any bytes end in an
 * array or a message, in memory that the file accounts for; an array that was read is written and
 * read back the same, as npy and as text. The mutator keeps the length that npy files state of
 * their headers in step with the headers. */
#include "driver/array.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static bool same(const Array *a, const Array *b) {
    return a->elem == b->elem && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0 &&
           memcmp(a->data, b->data, (size_t)a->count * (size_t)scalar_bytes(a->elem)) == 0;
}

static void round_trip(Context *ctx, const Array *a) {
    Text npy, text;
    ArrayError error = {0};
    text_init(&npy, &ctx->arena);
    text_init(&text, &ctx->arena);
    array_write_npy(&npy, a);
    Array *b = array_read_npy(&ctx->arena, npy.data, npy.n, &error);
    FUZZ_CHECK(b && same(a, b), "an array does not come back from npy");
    if (a->count == 0)
        return; /* extents behind an empty axis are not written */
    array_print(&text, a);
    b = array_read_literal(&ctx->arena, text.data, &error);
    FUZZ_CHECK(b && b->count == a->count, "an array does not come back from text");
}

static void look_at(Context *ctx, const Array *a, const ArrayError *error, size_t size) {
    FUZZ_CHECK(a || error->text, "neither an array nor a message");
    /* the byte behind the last is a place: there something is missing */
    FUZZ_CHECK(a || (error->at <= size && error->length <= size - error->at + 1),
               "the place is outside of the file");
    FUZZ_CHECK(a || !error->other_text ||
                   (error->other <= size && error->other_length <= size - error->other),
               "the other place is outside of the file");
    FUZZ_CHECK(ctx->arena.total < 100 * size + (1 << 20), "more memory than the file accounts for");
    if (!a)
        return;
    Text text;
    text_init(&text, &ctx->arena);
    array_print_shape(&text, a);
    if (a->count > 0)
        array_print_index(&text, a, a->count - 1);
    for (Scalar to = S_bool; to <= S_f64; to++) {
        const char *problem = NULL;
        FUZZ_CHECK(array_convert(&ctx->arena, a, to, &problem) || problem,
                   "not converted, without a message");
    }
    round_trip(ctx, a);
}

static void one_file(Context *ctx, const uint8_t *data, size_t size) {
    char *text = malloc(size + 1); /* to the byte, for the sanitizers */
    memcpy(text, data, size);
    text[size] = '\0';
    ArrayError error = {0};
    if (array_is_npy(text, size)) {
        const Array *a = array_read_npy(&ctx->arena, text, size, &error);
        look_at(ctx, a, &error, size);
    } else {
        const Array *a = array_read_csv(&ctx->arena, text, size, &error);
        look_at(ctx, a, &error, size);
        error = (ArrayError){0};
        a = array_read_literal(&ctx->arena, text, &error);
        look_at(ctx, a, &error, size);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in_context(one_file, data, size);
    return 0;
}

/* The length of the header of version 1: up to its line's end. */
static void mend_length(uint8_t *data, size_t size) {
    const uint8_t *end = size > 10 ? memchr(data + 10, '\n', size - 10) : NULL;
    if (!end || !array_is_npy((const char *)data, size) || data[6] != 1)
        return;
    size_t length = (size_t)(end + 1 - (data + 10));
    data[8] = (uint8_t)length;
    data[9] = (uint8_t)(length >> 8);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    FUZZ_DEFINED(data, size);
    if (seed % 4)
        mend_length(data, size);
    return size;
}
