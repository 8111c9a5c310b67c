/* NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. See
 * driver/array.h.
 *
 * A file is magic, version, the length of the header, the header (the text of a Python dictionary
 * with the keys 'descr', 'fortran_order', 'shape'), the elements. Every length is compared with
 * what is there before it is used, and the elements must fill the rest of the file exactly, so that
 * no header makes the reader ask for more memory than a small multiple of the file. */
#include "driver/array.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

bool array_is_npy(const char *bytes, size_t size) {
    return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

/* ---- the header ---- */

typedef struct Header {
    Arena *arena;
    const char *next, *end;
    const char *error, *hint;
    bool big;  /* the high byte first */
    char kind; /* f i u b */
    int width;
    bool fortran, has_descr, has_order, has_shape;
    int rank;
    int64_t dims[IR_MAX_RANK], count;
} Header;

static bool fail(Header *h, const char *error) {
    h->error = h->error ? h->error : error;
    return false;
}

static char peek(Header *h) {
    while (h->next < h->end && isspace((unsigned char)*h->next))
        h->next++;
    return h->next < h->end ? *h->next : '\0';
}

static bool take(Header *h, char c) {
    if (peek(h) != c)
        return false;
    h->next++;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(Header *h, const char **text, int *length) {
    char quote = peek(h);
    if (quote != '\'' && quote != '"')
        return false;
    const char *from = ++h->next;
    const char *to = memchr(from, quote, (size_t)(h->end - from));
    if (!to || to - from > 64)
        return false;
    *text = from;
    *length = (int)(to - from);
    h->next = to + 1;
    return true;
}

static bool take_word(Header *h, const char *word) {
    size_t n = strlen(word);
    peek(h);
    if ((size_t)(h->end - h->next) < n || memcmp(h->next, word, n) != 0)
        return false;
    h->next += n;
    return true;
}

static bool read_descr(Header *h) {
    const char *text = NULL;
    int n = 0;
    if (peek(h) == '[')
        return fail(
            h, "records ('descr' is a list) are not read: save each field as an array of its own");
    if (!take_string(h, &text, &n))
        return fail(h, "the header's 'descr' is not a string");
    bool known =
        n == 3 && strchr("<>|=", text[0]) &&
        ((text[1] == 'f' && strchr("248", text[2])) || (text[1] == 'b' && text[2] == '1') ||
         (strchr("iu", text[1]) && strchr("1248", text[2])));
    if (!known) {
        h->hint = n < 2                   ? NULL
                  : text[1] == 'f'        ? "save a.astype('f8')"
                  : text[1] == 'c'        ? "save a.real and a.imag"
                  : text[1] == 'O'        ? "save a.astype('f8')"
                  : strchr("mM", text[1]) ? "save a.astype('i8')"
                                          : NULL;
        return fail(h, arena_printf(h->arena,
                                    "elements of type '%.*s' are not read: floats of 2, 4 and 8 "
                                    "bytes, integers and bool are",
                                    n, text));
    }
    h->big = text[0] == '>';
    h->kind = text[1];
    h->width = text[2] - '0';
    h->has_descr = true;
    return true;
}

static bool read_order(Header *h) {
    h->fortran = take_word(h, "True");
    h->has_order = h->fortran || take_word(h, "False");
    return h->has_order || fail(h, "the header's 'fortran_order' is neither True nor False");
}

static bool read_extent(Header *h) {
    int64_t n = 0;
    if (!isdigit((unsigned char)peek(h)))
        return fail(h, "the header's 'shape' is not a tuple of numbers");
    while (h->next < h->end && isdigit((unsigned char)*h->next))
        if (__builtin_mul_overflow(n, (int64_t)10, &n) ||
            __builtin_add_overflow(n, *h->next++ - '0', &n))
            return fail(h, "an extent of the shape is beyond 64 bits");
    take(h, 'L'); /* as Python 2 wrote it */
    if (h->rank == IR_MAX_RANK)
        return fail(h, "the array has more than 8 axes");
    h->dims[h->rank++] = n;
    return true;
}

static bool read_shape(Header *h) {
    h->rank = 0;
    if (!take(h, '('))
        return fail(h, "the header's 'shape' is not a tuple of numbers");
    while (!take(h, ')'))
        if (!read_extent(h) || (!take(h, ',') && peek(h) != ')'))
            return fail(h, "the header's 'shape' is not a tuple of numbers");
    h->has_shape = true;
    return true;
}

static bool read_entry(Header *h) {
    const char *key = NULL;
    int n = 0;
    if (!take_string(h, &key, &n) || !take(h, ':'))
        return fail(h, "the header is not a Python dictionary");
    if (n == 5 && memcmp(key, "descr", 5) == 0)
        return read_descr(h);
    if (n == 13 && memcmp(key, "fortran_order", 13) == 0)
        return read_order(h);
    if (n == 5 && memcmp(key, "shape", 5) == 0)
        return read_shape(h);
    return fail(h, arena_printf(h->arena, "the header has an unknown key '%.*s'", n, key));
}

static bool read_dictionary(Header *h) {
    if (!take(h, '{'))
        return fail(h, "the header is not a Python dictionary");
    while (!take(h, '}'))
        if (!read_entry(h) || (!take(h, ',') && peek(h) != '}'))
            return fail(h, "the header is not a Python dictionary");
    return (h->has_descr && h->has_order && h->has_shape) ||
           fail(h, "the header lacks one of 'descr', 'fortran_order', 'shape'");
}

/* An empty array has no elements that would bound its other extents: these are bounded here. */
static bool count_elements(Header *h) {
    int64_t limit = INT64_C(1) << 56, others = 1;
    h->count = 1;
    for (int axis = 0; axis < h->rank; axis++) {
        h->count *= h->dims[axis] > 0;
        if (h->dims[axis] > 0 && __builtin_mul_overflow(others, h->dims[axis], &others))
            others = limit;
        if (others >= limit)
            return fail(h, "the shape is too large");
    }
    h->count *= others;
    return h->count > 0 || others < (1 << 30) || fail(h, "the shape is too large");
}

/* Finds the header's text. */
static bool open_header(Header *h, const char *bytes, size_t size) {
    const unsigned char *head = (const unsigned char *)bytes;
    if (size < 10 || !array_is_npy(bytes, size))
        return fail(h, "this is not an npy file");
    if (head[6] < 1 || head[6] > 3)
        return fail(h, arena_printf(h->arena, "version %d.%d of the npy format is unknown", head[6],
                                    head[7]));
    size_t start = head[6] == 1 ? 10 : 12, length = (size_t)head[8] | (size_t)head[9] << 8;
    if (start == 12 && size >= start)
        length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (size < start || length > size - start)
        return fail(h, "the file ends within its header");
    h->next = bytes + start;
    h->end = h->next + length;
    return true;
}

/* ---- the elements ---- */

static Scalar element_type(const Header *h) {
    if (h->kind == 'b')
        return S_bool;
    if (h->kind == 'f')
        return h->width <= 4 ? S_f32 : S_f64;
    return h->kind == 'i' && h->width == 4 ? S_i32 : S_i64;
}

static uint64_t load_bits(const unsigned char *from, int width, bool big) {
    uint64_t bits = 0;
    for (int k = 0; k < width; k++)
        bits |= (uint64_t)from[big ? width - 1 - k : k] << (8 * k);
    return bits;
}

/* IEEE binary16: a sign, 5 bits of exponent, 10 of fraction. */
static double half_value(uint64_t bits) {
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), size;
    if (exponent == 31)
        size = fraction != 0 ? NAN : INFINITY;
    else
        size = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 ? -size : size;
}

/* False: an unsigned number beyond i64. */
static bool store_element(Array *a, int64_t k, const Header *h, uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    int unused = 64 - 8 * h->width;
    if (h->kind == 'f' && h->width == 2)
        array_set(a, k, half_value(bits));
    else if (a->elem == S_f64)
        memcpy((double *)a->data + k, &bits, 8);
    else if (a->elem == S_f32)
        memcpy((float *)a->data + k, &low, 4);
    else if (h->kind == 'i')
        array_set_int(a, k, (int64_t)(bits << unused) >> unused);
    else
        array_set_int(a, k, (int64_t)bits);
    return h->kind != 'u' || bits <= INT64_MAX;
}

/* Where the element that stands k-th in Fortran order belongs in C order. */
static int64_t from_fortran(const Array *a, int64_t k) {
    int64_t index[IR_MAX_RANK], place = 0;
    for (int axis = 0; axis < a->rank; axis++) {
        index[axis] = k % a->dims[axis];
        k /= a->dims[axis];
    }
    for (int axis = 0; axis < a->rank; axis++)
        place = place * a->dims[axis] + index[axis];
    return place;
}

static Array *read_elements(Header *h) {
    size_t here = (size_t)h->count * (size_t)h->width;
    Array *a = array_new(h->arena, element_type(h), h->rank, h->dims);
    const unsigned char *from = (const unsigned char *)h->end;
    for (size_t at = 0, k = 0; at < here; at += (size_t)h->width, k++) {
        int64_t place = h->fortran ? from_fortran(a, (int64_t)k) : (int64_t)k;
        if (!store_element(a, place, h, load_bits(from + at, h->width, h->big))) {
            fail(h, "an unsigned element is beyond i64");
            return NULL;
        }
    }
    return a;
}

Array *array_read_npy(Arena *arena, const char *bytes, size_t size, ArrayError *error) {
    Header h = {.arena = arena};
    Array *a = NULL;
    if (open_header(&h, bytes, size) && read_dictionary(&h) && count_elements(&h)) {
        size_t rest = size - (size_t)(h.end - bytes);
        int64_t need = h.count * h.width;
        if ((uint64_t)need != rest)
            fail(&h,
                 arena_printf(arena,
                              "the header promises %" PRId64 " bytes of elements, the file has %zu",
                              need, rest));
        else
            a = read_elements(&h);
    }
    *error = (ArrayError){.text = h.error, .hint = h.hint};
    return a;
}

/* ---- writing ---- */

void array_write_npy(Text *out, const Array *a) {
    static const char *const descr[] = {
        [S_bool] = "|b1", [S_i32] = "<i4", [S_i64] = "<i8", [S_f32] = "<f4", [S_f64] = "<f8"};
    Text header;
    text_init(&header, out->arena);
    text_printf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr[a->elem]);
    for (int axis = 0; axis < a->rank; axis++)
        text_printf(&header, "%s%" PRId64 "%s", axis > 0 ? " " : "", a->dims[axis],
                    axis + 1 < a->rank || a->rank == 1 ? "," : "");
    text_puts(&header, "), }");
    while ((10 + header.n + 1) % 64 != 0)
        text_puts(&header, " ");
    text_puts(&header, "\n");
    char start[10] = {0, 0, 0, 0, 0, 0, 1, 0, (char)(header.n & 255), (char)(header.n >> 8)};
    memcpy(start, magic, sizeof magic);
    text_add(out, start, sizeof start);
    text_add(out, header.data, header.n);
    size_t width = (size_t)scalar_bytes(a->elem);
    const char *data = a->data;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t at = 0; at < (size_t)a->count * width; at++)
        text_add(out, data + (at / width * width + width - 1 - at % width), 1);
#else
    text_add(out, data, (size_t)a->count * width);
#endif
}
