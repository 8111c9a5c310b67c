/* Differences: values and error estimates against functions whose derivatives are known. */
#include "driver/differences.h"

#include <math.h>
#include <stdio.h>

static int failures;

static void expect(bool ok, const char *what) {
    if (!ok) {
        printf("%s\n", what);
        failures++;
    }
}

static bool smooth(void *user, double *t, double *y) {
    double x = *(double *)user;
    *y = sin(x + *t) * exp(x + *t);
    return true;
}

static bool rounded(void *user, double *t, double *y) {
    (void)user;
    *t = (float)*t;
    *y = (double)(float)cos(1 + *t);
    return true;
}

static bool bent(void *user, double *t, double *y) {
    (void)user;
    *y = *t > 0 ? 2 * *t : -*t;
    return true;
}

/* Ends close to the point. */
static bool bounded(void *user, double *t, double *y) {
    (void)user;
    *y = sqrt(1e-3 + *t);
    return *t > -1e-3;
}

/* Flat but for a place that is much narrower than the steps. */
static bool step_of_width(void *user, double *t, double *y) {
    *y = tanh((*t + 1e-5) / *(double *)user);
    return true;
}

/* 0 but for the place. */
static bool bump_of_width(void *user, double *t, double *y) {
    double u = *t / *(double *)user;
    *y = fabs(u) < 1 ? u * (1 - u * u) * (1 - u * u) : 0;
    return true;
}

static bool nowhere(void *user, double *t, double *y) {
    (void)user;
    (void)t;
    *y = 0;
    return false;
}

int main(void) {
    for (double x = -3; x <= 3; x += 0.37) {
        Line line = {smooth, &x, 1.2e-16};
        double right = (sin(x) + cos(x)) * exp(x);
        Estimate e = differentiate(&line, 0.05);
        expect(e.settled && fabs(e.value - right) <= 10 * e.error && e.error <= 1e-9 * exp(x),
               "smooth");
        expect(!has_kink(&line, 1e-3), "smooth has no kink");
    }
    Line single = {rounded, NULL, 6e-8};
    Estimate e = differentiate(&single, 0.1);
    expect(e.settled && fabs(e.value + sin(1)) <= 10 * e.error && e.error < 1e-4, "rounded");
    Line kinked = {bent, NULL, 1.2e-16};
    expect(has_kink(&kinked, 1e-3), "bent");
    Line near_end = {bounded, NULL, 1.2e-16};
    e = differentiate(&near_end, 0.1);
    expect(e.settled && fabs(e.value - 0.5 / sqrt(1e-3)) <= 10 * e.error && e.error < 1e-6,
           "bounded");
    for (double width = 0.1; width < 1; width *= 1.3) {
        Line flat = {bump_of_width, &width, 1.2e-16};
        e = differentiate(&flat, 1);
        expect(!e.settled || fabs(e.value - 1 / width) <= 10 * e.error, "bump");
        Line steep = {step_of_width, &width, 1.2e-16};
        double slope = (1 - pow(tanh(1e-5 / width), 2)) / width;
        e = differentiate(&steep, 1);
        expect(!e.settled || fabs(e.value - slope) <= 10 * e.error, "step");
    }
    Line none = {nowhere, NULL, 1.2e-16};
    expect(!differentiate(&none, 0.1).settled && !has_kink(&none, 1e-3), "nowhere");
    return failures > 0;
}
