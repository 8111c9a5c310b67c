/* Arrays of the driver's tools: elements, conversion, text. See driver/array.h; the readers stand
 * in array_text.c and array_npy.c. */
#include "driver/array.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

Array *array_new(Arena *arena, Scalar elem, int rank, const int64_t *dims) {
    Array *a = ARENA_NEW(arena, Array);
    a->elem = elem;
    a->rank = rank;
    a->count = 1;
    for (int axis = 0; axis < rank; axis++) {
        a->dims[axis] = dims[axis];
        a->count *= dims[axis];
    }
    a->data = arena_array(arena, (size_t)a->count + 1, (size_t)scalar_bytes(elem));
    return a;
}

/* ---- elements ---- */

int64_t array_get_int(const Array *a, int64_t k) {
    switch (a->elem) {
    case S_bool:
        return ((const unsigned char *)a->data)[k] != 0;
    case S_i32:
        return ((const int32_t *)a->data)[k];
    default:
        return ((const int64_t *)a->data)[k];
    }
}

double array_get(const Array *a, int64_t k) {
    if (a->elem == S_f64)
        return ((const double *)a->data)[k];
    if (a->elem == S_f32)
        return (double)((const float *)a->data)[k];
    return (double)array_get_int(a, k);
}

void array_set_int(Array *a, int64_t k, int64_t x) {
    switch (a->elem) {
    case S_bool:
        ((unsigned char *)a->data)[k] = x != 0;
        break;
    case S_i32:
        ((int32_t *)a->data)[k] = (int32_t)x;
        break;
    default:
        ((int64_t *)a->data)[k] = x;
        break;
    }
}

void array_set(Array *a, int64_t k, double x) {
    if (a->elem == S_f64)
        ((double *)a->data)[k] = x;
    else if (a->elem == S_f32)
        ((float *)a->data)[k] = (float)x;
    else
        array_set_int(a, k, (int64_t)x);
}

/* ---- conversion ---- */

static bool fits(Scalar to, int64_t x) {
    if (to == S_bool)
        return x == 0 || x == 1;
    return to == S_i64 || (x >= INT32_MIN && x <= INT32_MAX);
}

/* Sets element k of `to`; false when that would change the number. */
static bool convert_element(Array *to, const Array *from, int64_t k) {
    bool to_float = to->elem >= S_f32, from_float = from->elem >= S_f32;
    if (to_float) {
        array_set(to, k, array_get(from, k));
        return true;
    }
    int64_t x;
    if (from_float) {
        double d = array_get(from, k);
        if (!(fabs(d) <= 0x1p53) || d != floor(d))
            return false;
        x = (int64_t)d;
    } else {
        x = array_get_int(from, k);
    }
    if (!fits(to->elem, x))
        return false;
    array_set_int(to, k, x);
    return true;
}

Array *array_convert(Arena *arena, const Array *a, Scalar to, const char **error) {
    Array *result = array_new(arena, to, a->rank, a->dims);
    result->loose = a->loose;
    for (int64_t k = 0; k < a->count; k++) {
        if (convert_element(result, a, k))
            continue;
        Text text;
        text_init(&text, arena);
        if (a->rank > 0) {
            text_puts(&text, "element ");
            array_print_index(&text, a, k);
            text_puts(&text, ", ");
        }
        array_print_element(&text, a, k);
        text_printf(&text, "%s is no %s", a->rank > 0 ? "," : "", scalar_name(to));
        *error = text.data;
        return NULL;
    }
    return result;
}

/* ---- printing ---- */

void array_print_element(Text *out, const Array *a, int64_t k) {
    if (a->elem >= S_f32)
        ir_print_number(out, a->elem, array_get(a, k));
    else if (a->elem == S_bool)
        text_puts(out, array_get_int(a, k) ? "true" : "false");
    else
        text_printf(out, "%" PRId64, array_get_int(a, k));
}

static int64_t print_level(Text *out, const Array *a, int axis, int64_t at) {
    if (axis == a->rank) {
        array_print_element(out, a, at);
        return at + 1;
    }
    text_puts(out, "[");
    for (int64_t i = 0; i < a->dims[axis]; i++) {
        text_puts(out, i > 0 ? ", " : "");
        at = print_level(out, a, axis + 1, at);
    }
    text_puts(out, "]");
    return at;
}

void array_print(Text *out, const Array *a) {
    print_level(out, a, 0, 0);
}

static void print_list(Text *out, int n, const int64_t *numbers) {
    text_puts(out, "[");
    for (int i = 0; i < n; i++)
        text_printf(out, "%s%" PRId64, i > 0 ? ", " : "", numbers[i]);
    text_puts(out, "]");
}

void array_print_shape(Text *out, const Array *a) {
    if (a->rank == 0)
        text_puts(out, "a number");
    else
        print_list(out, a->rank, a->dims);
}

void array_print_index(Text *out, const Array *a, int64_t k) {
    int64_t index[IR_MAX_RANK];
    if (a->rank == 0)
        return;
    for (int axis = a->rank - 1; axis >= 0; axis--) {
        index[axis] = k % a->dims[axis];
        k /= a->dims[axis];
    }
    print_list(out, a->rank, index);
}
