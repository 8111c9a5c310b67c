/* Derivatives of a function of one number by differences, with an estimate of their error. Pure
 * numerics: used by gradcheck_command.c and tests. */
#ifndef BPC_DRIVER_DIFFERENCES_H
#define BPC_DRIVER_DIFFERENCES_H

#include <stdbool.h>

/* The function at offset *t from the point; *t becomes the offset that the arguments could really
 * take (they may be f32). False: it has no finite value there. */
typedef struct Line {
    bool (*value)(void *user, double *t, double *y);
    void *user;
    double epsilon; /* relative error of the values */
} Line;

typedef struct Estimate {
    bool settled; /* the extrapolation converged; otherwise the rest means nothing */
    double value;
    double error; /* how wrong value may be, by truncation and by rounding */
} Estimate;

/* The derivative at offset 0 by central differences, extrapolated from steps that shrink from
 * `step` (Ridders 1982). */
Estimate differentiate(const Line *line, double step);
/* Where a function is flat but for a narrow place, differences over wide steps agree on 0, with
 * next to no error. So what lies outside of what the two narrowest rows of a tableau (its last one
 * and the one before) and their rounding leave open gives way to them. */
void narrowest_decides(const double *last, const double *before, double noise, Estimate *best);
/* True when the derivatives from the left and from the right are two different numbers. */
bool has_kink(const Line *line, double step);

#endif
