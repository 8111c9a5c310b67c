/* Random arguments. See driver/random_point.h.
 *
 * The domain of a function is not written down anywhere, so drawing is by trial: the caller calls
 * the function and draws again when a check of it fails. First everything is standard normal with
 * small sizes; later each array is drawn in a style of its own, among which are those that
 * functions ask for: positive, between 0 and 1, summing to 1, symmetric and positive definite. */
#include "driver/random_point.h"

#include <math.h>
#include <string.h>

/* ---- numbers: splitmix64 ---- */

static uint64_t next_bits(Random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double random_uniform(Random *random, double lo, double hi) {
    return lo + (hi - lo) * ((double)(next_bits(random) >> 11) + 0.5) * 0x1p-53;
}

double random_normal(Random *random) {
    double radius = sqrt(-2 * log(random_uniform(random, 0, 1)));
    return radius * cos(6.283185307179586 * random_uniform(random, 0, 1));
}

static int64_t random_below(Random *random, int64_t n) {
    return (int64_t)(next_bits(random) % (uint64_t)n);
}

void random_fill(Random *random, Array *a) {
    for (int64_t k = 0; k < a->count; k++)
        array_set(a, k, random_normal(random));
}

/* ---- arrays ---- */

typedef enum Style {
    STYLE_normal,
    STYLE_positive,
    STYLE_fraction,
    STYLE_large,
    STYLE_simplex,
    STYLE_definite
} Style;
enum { STYLES = STYLE_definite + 1 };

static void fill_uniform(Random *random, Array *a, double lo, double hi) {
    for (int64_t k = 0; k < a->count; k++)
        array_set(a, k, random_uniform(random, lo, hi));
}

/* Positive numbers that sum to 1 along the last axis. */
static void fill_simplex(Random *random, Array *a) {
    int64_t n = a->rank > 0 ? a->dims[a->rank - 1] : 1;
    fill_uniform(random, a, 0.1, 1);
    for (int64_t row = 0; row < a->count; row += n) {
        double total = 0;
        for (int64_t k = row; k < row + n; k++)
            total += array_get(a, k);
        for (int64_t k = row; k < row + n; k++)
            array_set(a, k, array_get(a, k) / total);
    }
}

static bool is_square(const Array *a) {
    return a->rank >= 2 && a->dims[a->rank - 1] == a->dims[a->rank - 2];
}

/* M + M' + 2n for M between -1 and 1: its diagonal outweighs the rest of the row. */
static void fill_definite(Random *random, Array *a) {
    int64_t n = a->dims[a->rank - 1];
    fill_uniform(random, a, -0.5, 0.5);
    for (int64_t base = 0; base < a->count; base += n * n) {
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < i; j++)
                array_set(a, base + j * n + i, array_get(a, base + i * n + j));
            array_set(a, base + i * n + i, 0.5 * (double)n + random_uniform(random, 0.5, 1));
        }
    }
}

static void fill_floats(Random *random, Array *a, Style style) {
    switch (style) {
    case STYLE_normal:
        random_fill(random, a);
        break;
    case STYLE_positive:
        fill_uniform(random, a, 0.2, 2);
        break;
    case STYLE_fraction:
        fill_uniform(random, a, 0.1, 0.9);
        break;
    case STYLE_large:
        fill_uniform(random, a, 2, 9);
        break;
    case STYLE_simplex:
        fill_simplex(random, a);
        break;
    case STYLE_definite:
        if (is_square(a))
            fill_definite(random, a);
        else
            fill_uniform(random, a, 0.2, 2);
        break;
    }
}

/* Integers are counts when they are alone and indices or classes in arrays, as a rule. */
static void fill_integers(Random *random, Array *a, int attempt) {
    int64_t lo = a->rank == 0 && attempt % 4 != 3 ? 1 : 0, n = attempt % 3 == 0 ? 3 : 2;
    for (int64_t k = 0; k < a->count; k++)
        array_set_int(a, k,
                      a->elem == S_bool ? random_below(random, 2) : lo + random_below(random, n));
}

static Array *draw_array(Random *random, Arena *arena, const Type *type, const int64_t *dims,
                         int attempt) {
    Array *a = array_new(arena, type->elem, type->rank, dims);
    if (!type_is_float(type))
        fill_integers(random, a, attempt);
    else
        fill_floats(random, a, attempt < 4 ? STYLE_normal : (Style)random_below(random, STYLES));
    return a;
}

/* ---- points ---- */

static void draw_sizes(Random *random, const Callable *f, int attempt, const int64_t *given,
                       int64_t *sizes) {
    static const int64_t first[] = {3, 2, 4};
    for (int i = 0; i < f->sizes.n; i++) {
        if (given[i] >= 0)
            sizes[i] = given[i];
        else
            sizes[i] = attempt < 16 ? first[i % 3] : 1 + random_below(random, 6);
    }
}

/* The extents of a leaf; false: some are negative, or huge. */
static bool leaf_extents(const Callable *f, const Type *type, const int64_t *sizes,
                         Array *const *inputs, int64_t *dims) {
    int64_t count = 1;
    for (int axis = 0; axis < type->rank; axis++)
        if (!callable_extent(f, type->dims[axis], sizes, inputs, &dims[axis]) || dims[axis] < 0 ||
            __builtin_mul_overflow(count, dims[axis], &count) || count > (1 << 24))
            return false;
    return true;
}

bool random_point(Random *random, const Callable *f, int attempt, Array *const *given,
                  const int64_t *given_sizes, Array **inputs, int64_t *sizes) {
    Arena *arena = f->arena;
    draw_sizes(random, f, attempt, given_sizes, sizes);
    for (int i = 0; i < f->inputs.n; i++)
        inputs[i] = given[i];
    for (int i = 0; i < f->inputs.n; i++) {
        const Type *type = f->inputs.data[i].type;
        int64_t dims[IR_MAX_RANK];
        if (given[i]) {
            /* too large for leaf_extents is fine here: it is there already */
            for (int axis = 0; axis < type->rank; axis++)
                if (!callable_extent(f, type->dims[axis], sizes, inputs, &dims[axis]) ||
                    dims[axis] != given[i]->dims[axis])
                    return false;
            continue;
        }
        if (!leaf_extents(f, type, sizes, inputs, dims))
            return false;
        inputs[i] = draw_array(random, arena, type, dims, attempt);
    }
    return true;
}
