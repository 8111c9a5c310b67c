/* Ridders' method: Advances in Engineering Software 4 (1982), 75. See driver/differences.h.
 *
 * Central differences at steps h, h/c, h/c^2, ... have errors in even powers of the step, which
 * Neville's tableau removes one by one. The error of an entry is taken to be how far it is from its
 * two parents, and the entry with the least is kept; below that step rounding takes over. The
 * narrowest steps have a say all the same: narrowest_decides. */
#include "driver/differences.h"

#include <math.h>

enum { LEVELS = 10 };
static const double CONTRACTION = 1.6;

/* (y(h) - y(-h))/2h. *noise: what rounding of the values alone does to it. */
static bool central(const Line *line, double h, double *slope, double *noise) {
    double right = h, left = -h, y_right, y_left;
    if (!line->value(line->user, &right, &y_right) || !line->value(line->user, &left, &y_left) ||
        right == left)
        return false;
    *slope = (y_right - y_left) / (right - left);
    *noise = 4 * line->epsilon * (fabs(y_right) + fabs(y_left)) / (right - left);
    return isfinite(*slope);
}

/* The next row of the tableau from the one before; the entry that differs least from its parents
 * goes into best. */
static void extend(const double *before, double *row, int n, double noise, Estimate *best) {
    double factor = 1;
    for (int k = 1; k <= n; k++) {
        factor *= CONTRACTION * CONTRACTION;
        row[k] = (row[k - 1] * factor - before[k - 1]) / (factor - 1);
        double error = fmax(fabs(row[k] - row[k - 1]), fabs(row[k] - before[k - 1])) + noise;
        if (!best->settled || error < best->error)
            *best = (Estimate){true, row[k], error};
    }
}

void narrowest_decides(const double *last, const double *before, double noise, Estimate *best) {
    double open = fabs(last[1] - last[0]) + fabs(last[1] - before[1]) + fabs(last[0] - before[0]);
    if (fabs(best->value - last[1]) > 8 * (open + best->error) + noise)
        *best = (Estimate){true, last[1], open + noise};
}

Estimate differentiate(const Line *line, double step) {
    double rows[2][LEVELS], noise;
    Estimate best = {0};
    int level = 0;
    for (int tries = 0; !central(line, step, &rows[0][0], &noise); tries++) {
        if (tries == 8)
            return best;
        step /= 8; /* the function may end close by */
    }
    while (++level < LEVELS) {
        double *row = rows[level % 2], *before = rows[(level - 1) % 2];
        step /= CONTRACTION;
        if (!central(line, step, &row[0], &noise))
            break;
        extend(before, row, level, noise, &best);
    }
    if (level > 2)
        narrowest_decides(rows[(level - 1) % 2], rows[level % 2], 8 * noise, &best);
    return best;
}

/* The derivatives from both sides differ by O(step) where the function is smooth. */
static bool gap(const Line *line, double h, double *size, double *scale) {
    double zero = 0, right = h, left = -h, y, y_right, y_left;
    if (!line->value(line->user, &zero, &y) || !line->value(line->user, &right, &y_right) ||
        !line->value(line->user, &left, &y_left) || right <= 0 || left >= 0)
        return false;
    double from_right = (y_right - y) / right, from_left = (y_left - y) / left;
    *size = fabs(from_right - from_left);
    *scale = fabs(from_right) + fabs(from_left) + line->epsilon * fabs(y) / right;
    return true;
}

bool has_kink(const Line *line, double step) {
    double wide, narrow, scale;
    return gap(line, step, &wide, &scale) && gap(line, step / 16, &narrow, &scale) &&
           narrow > 0.5 * wide && narrow > 1e-3 * scale;
}
