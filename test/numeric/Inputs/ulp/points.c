/* Where the operations are measured; see ulp.h. */
#include "ulp.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Through memory: gcc 12 leaves two such conversions in a row out where it joins them in a vector.
 */
static double rounded(bool narrow, double x) {
    volatile float single = (float)x;
    return narrow ? (double)single : x;
}

static void add(Points *points, bool narrow, double x, double y, double z) {
    if (points->n == points->cap) {
        points->cap = points->cap ? 2 * points->cap : 256;
        points->data = realloc(points->data, (size_t)points->cap * sizeof *points->data);
    }
    Point3 *p = &points->data[points->n++];
    p->x[0] = rounded(narrow, x);
    p->x[1] = rounded(narrow, y);
    p->x[2] = rounded(narrow, z);
}

/* Zeros, subnormals, ends of the range, infinities, NaN; in the width that is asked for. */
static int edges(bool narrow, double *x) {
    const double wide[] = {0.0, 0x1p-1074, 0x0.8p-1022, DBL_MIN, 0x1p-600, 0.5,     1.0,
                           2.0, 2.5,       3.0,         0x1p600, DBL_MAX,  INFINITY};
    const double single[] = {0.0, 0x1p-149, 0x0.8p-126, FLT_MIN, 0x1p-70, 0.5,     1.0,
                             2.0, 2.5,      3.0,        0x1p70,  FLT_MAX, INFINITY};
    int n = (int)(sizeof wide / sizeof *wide);
    for (int i = 0; i < n; i++) {
        x[2 * i] = narrow ? single[i] : wide[i];
        x[2 * i + 1] = -x[2 * i];
    }
    x[2 * n] = NAN;
    return 2 * n + 1;
}

static void add_edges(Points *points, Op op, bool narrow) {
    double x[64];
    int n = edges(narrow, x), arity = op_info[op].arity;
    for (int i = 0; i < n; i++) {
        if (op == OP_polygamma) {
            for (int order = 1; order <= 3; order++)
                add(points, narrow, order, x[i], 0);
            continue;
        }
        for (int j = 0; j < (arity > 1 ? n : 1); j += arity < 3 ? 1 : 4)
            add(points, narrow, x[i], x[j], arity < 3 ? 0.0 : x[(3 * i + 5 * j) % n]);
    }
}

/* Roots, kinks, ends of domains, and the arguments at which results leave the range. */
static const double centres[] = {
    0x1p-30,
    0x1p-12,
    0.125,
    0.25,
    0.34657359027997264,
    0.5,
    0.6931471805599453,
    0.7071067811865476,
    1.0,
    1.4616321449683622,
    1.5707963267948966,
    2.0,
    3.0,
    3.141592653589793,
    4.0,
    4.71238898038469,
    6.0,
    8.0,
    9.2,
    10.0,
    12.0,
    14.0,
    16.0,
    20.0,
    26.54,
    36.7,
    44.0,
    88.72,
    103.97,
    127.99,
    149.0,
    355.0,
    709.78,
    710.4,
    745.13,
    1023.99,
    1074.0,
    1e5,
    0x1p23,
    0x1p31,
    0x1p52,
    1e22,
    /* zeros of lgamma and of digamma on the negative axis, their signs turned */
    2.4570247382208006,
    2.7476826467274127,
    3.1435808883499798,
    3.9552942848585979,
    0.50408300826445541,
    1.5734984731623904,
    2.6107208684441447,
};

static double near(double c, bool narrow, Rng *rng) {
    int64_t how = rng_below(rng, 8);
    double unit = narrow ? 0x1p-23 : 0x1p-52;
    double x =
        how < 4 ? c * (1 + unit * (double)(how - 2))
                : c * (1 + ldexp(rng_uniform(rng, -1, 1), -(int)rng_below(rng, narrow ? 24 : 52)));
    return rng_below(rng, 2) ? x : -x;
}

static double anywhere(bool narrow, Rng *rng) {
    static const double spans[] = {1, 4, 4, 30, 110, 750, 2000};
    int64_t how = rng_below(rng, 10);
    if (how < 7) {
        double s = spans[how];
        return rng_uniform(rng, -s, s);
    }
    if (how < 9)
        return near(centres[rng_below(rng, sizeof centres / sizeof *centres)], narrow, rng);
    double sign = rng_below(rng, 2) ? 1.0 : -1.0;
    int span = narrow ? 275 : 2097, lowest = narrow ? -149 : -1074;
    return sign * ldexp(rng_uniform(rng, 1, 2), lowest + (int)rng_below(rng, span));
}

/* Of powers, most random points overflow: y so that the result is in range. */
static double exponent_for(double x, bool narrow, Rng *rng) {
    double l = log(fabs(x)), most = narrow ? 105 : 745;
    double y = rng_uniform(rng, -most, most) / l;
    return isfinite(y) ? (x < 0 ? rint(y) : y) : 1.0;
}

void points_make(Points *points, Op op, bool narrow, int random, Rng *rng) {
    int arity = op_info[op].arity;
    add_edges(points, op, narrow);
    for (size_t c = 0; c < sizeof centres / sizeof *centres && arity == 1; c++)
        for (int sign = -1; sign <= 1; sign += 2)
            for (int i = -1; i <= 1; i++)
                add(points, narrow, sign * centres[c] * (1 + i * (narrow ? 0x1p-23 : 0x1p-52)), 0,
                    0);
    for (int i = 0; i < random; i++) {
        double x = anywhere(narrow, rng), y = anywhere(narrow, rng), z = anywhere(narrow, rng);
        if (arity == 2 && i % 4 == 0)
            y = near(x, narrow, rng);
        if (op == OP_pow && i % 2)
            y = exponent_for(x, narrow, rng);
        if (op == OP_pow && i % 8 == 2)
            y = rint(rng_uniform(rng, -5, 5));
        if (op == OP_polygamma) {
            y = x;
            x = 1 + (double)rng_below(rng, 3);
        }
        add(points, narrow, x, y, z);
    }
}
