/* Derivatives along a direction by Richardson extrapolation of central differences, with an
 * estimate of the error of every component: the better of what the last extrapolations changed. See
 * oracle.h. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 8 };
static const double FAR = 1e-6; /* more than steps so narrow are wrong where wide ones are right */

static int64_t float_count(const Outcome *o) {
    int64_t n = 0;
    for (int i = 0; i < o->n; i++)
        n += o->out[i]->f ? o->out[i]->count : 0;
    return n;
}

static void gather(const Outcome *o, double *to) {
    for (int i = 0; i < o->n; i++) {
        if (!o->out[i]->f)
            continue;
        memcpy(to, o->out[i]->f, (size_t)o->out[i]->count * sizeof *to);
        to += o->out[i]->count;
    }
}

/* One row of the triangle from the row before; the best diagonal so far is kept. rough: what the
 * noise of the function makes of differences by this step. */
static void extrapolate(double (*rows)[LEVELS], int level, double rough, Derivative *out,
                        int64_t k) {
    double power = 1, *now = rows[level], *before = rows[level - 1];
    for (int j = 1; j <= level; j++) {
        power *= 4;
        now[j] = now[j - 1] + (now[j - 1] - before[j - 1]) / (power - 1);
        double error = fmax(fabs(now[j] - now[j - 1]), fabs(now[j] - before[j - 1])) + rough;
        if (error < out->error[k]) {
            out->error[k] = error;
            out->value[k] = now[j];
        }
    }
}

/* Where a function is flat but for a narrow place, wide steps agree on 0, with next to no error.
 * The narrowest steps decide: what lies outside of what they leave open is not the derivative, and
 * while they leave that open, far from what the wide ones say, nothing is known better than that.
 */
static void mind_the_narrowest(double (*rows)[LEVELS], Derivative *out, int64_t k) {
    const double *last = rows[LEVELS - 1], *before = rows[LEVELS - 2];
    double open = fabs(last[1] - last[0]) + fabs(last[1] - before[1]) + fabs(last[0] - before[0]);
    double apart = fabs(out->value[k] - last[1]);
    if (apart > 8 * (open + out->error[k])) {
        out->value[k] = last[1];
        out->error[k] = open;
    } else if (apart > FAR * (fabs(out->value[k]) + fabs(last[1]) + fabs(out->at[k]))) {
        out->error[k] = fmax(out->error[k], apart);
    }
}

bool derivative_along(const Build *b, const Export *e, const Point *x, const Outcome *shape,
                      const double *noise, int n, const int *which, Datum *const *d, double step,
                      Arena *arena, Derivative *out) {
    int64_t m = float_count(shape);
    *out = (Derivative){m, ARENA_ARRAY(arena, m + 1, double), ARENA_ARRAY(arena, m + 1, double),
                        ARENA_ARRAY(arena, m + 1, double)};
    double *side[2] = {ARENA_ARRAY(arena, m + 1, double), ARENA_ARRAY(arena, m + 1, double)};
    double(*rows)[LEVELS][LEVELS] = arena_array(arena, (size_t)m + 1, sizeof *rows);
    gather(shape, out->at);
    for (int64_t k = 0; k < m; k++)
        out->error[k] = INFINITY;
    for (int level = 0; level < LEVELS; level++, step /= 2) {
        for (int s = 0; s < 2; s++) {
            Point moved;
            Outcome o;
            point_step(&moved, arena, x, s == 0 ? step : -step, n, which, d);
            build_run(b, e, &moved, shape, arena, &o);
            if (o.status != 0 || o.misuse)
                return false;
            gather(&o, side[s]);
        }
        for (int64_t k = 0; k < m; k++) {
            rows[k][level][0] = (side[0][k] - side[1][k]) / (2 * step);
            if (level > 0)
                extrapolate(rows[k], level, 2 * noise[k] / step, out, k);
        }
    }
    for (int64_t k = 0; k < m; k++)
        mind_the_narrowest(rows[k], out, k);
    return true;
}
