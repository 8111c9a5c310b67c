/* Checkpoints on loops of every form (records with integers, nested loops, loops in functions
 * called in loops, scans, `while`, extents known late, branches) against the plain loops: gradients
 * bit for bit at n = 0..40, s = 1..16, and second derivatives forward over reverse and reverse over
 * reverse. Nothing is written beyond the workspace.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc -O0 %S/Inputs/checkpoint-forms.bp -o %t/forms.o
 * RUN: %cc -I%t %s %t/forms.o -lm -o %t/O0 && %t/O0
 * RUN: %bpc %S/Inputs/checkpoint-forms.bp -o %t/forms.o
 * RUN: %cc -I%t %s %t/forms.o -lm -o %t/O2 && %t/O2
 */
#include "forms.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 3, CANARY = 512 };

typedef size_t Work(int64_t d, int64_t n, int64_t s);
typedef struct Form {
    const char *name;
    int (*gradient)(int64_t, const double *, int64_t, int64_t, double *, double *, void *);
    int (*hvp)(int64_t, const double *, int64_t, int64_t, const double *, double *, void *);
    int (*reverse)(int64_t, const double *, int64_t, int64_t, double *, void *);
    Work *gradient_work, *hvp_work, *reverse_work;
} Form;

#define FORM(name) {#name, g_##name, h_##name, NULL, g_##name##_work, h_##name##_work, NULL}
#define TWICE(name)                                                                                \
    {#name, g_##name, h_##name, r_##name, g_##name##_work, h_##name##_work, r_##name##_work}
static const struct {
    Form plain, checkpointed;
} pairs[] = {
    {TWICE(rec0), TWICE(rec1)},       {TWICE(rec0), TWICE(rec2)},     {TWICE(rec0), TWICE(rec3)},
    {FORM(nest0), FORM(nest1)},       {FORM(nest0), FORM(nest2)},     {TWICE(nest0), TWICE(nest3)},
    {FORM(nest0), FORM(nest4)},       {FORM(nest0), FORM(nest5)},     {FORM(scan0), FORM(scan2)},
    {TWICE(scan0), TWICE(scan3)},     {FORM(while0), FORM(while1)},   {FORM(while0), FORM(while2)},
    {FORM(while0), FORM(while3)},     {FORM(late0), FORM(late2)},     {FORM(late0), FORM(late3)},
    {TWICE(branch0), TWICE(branch3)}, {FORM(branch0), FORM(branch2)},
};

static const double th[D] = {0.9, 1.3, -0.6}, direction[D] = {0.3, -0.8, 0.5};

typedef struct Numbers {
    double value, gradient[D], hvp[D], reverse[D];
    bool ok;
} Numbers;

static unsigned char *work_new(size_t bytes) {
    size_t room = (bytes + CANARY + 63) / 64 * 64;
    unsigned char *work = aligned_alloc(64, room);
    memset(work, 0x7b, room);
    return work;
}

static bool work_free(unsigned char *work, size_t bytes) {
    bool intact = true;
    for (size_t i = bytes; i < bytes + CANARY; i++)
        intact = intact && work[i] == 0x7b;
    free(work);
    return intact;
}

static Numbers run(const Form *form, int64_t n, int64_t s) {
    Numbers r = {.ok = true, .reverse = {1}};
    size_t bytes = form->gradient_work(D, n, s);
    unsigned char *work = work_new(bytes);
    r.ok = form->gradient(D, th, n, s, &r.value, r.gradient, work) == 0;
    r.ok = work_free(work, bytes) && r.ok;
    bytes = form->hvp_work(D, n, s);
    work = work_new(bytes);
    r.ok = form->hvp(D, th, n, s, direction, r.hvp, work) == 0 && r.ok;
    r.ok = work_free(work, bytes) && r.ok;
    if (!form->reverse)
        return r;
    bytes = form->reverse_work(D, n, s);
    work = work_new(bytes);
    r.ok = form->reverse(D, th, n, s, r.reverse, work) == 0 && r.ok;
    r.ok = work_free(work, bytes) && r.ok;
    return r;
}

static bool close(const double *x, const double *y) {
    double scale = 0, error = 0;
    for (int i = 0; i < D; i++) {
        scale = fmax(scale, fabs(x[i]));
        error = fmax(error, fabs(x[i] - y[i]));
    }
    return isfinite(scale) && error <= 1e-13 * scale;
}

static int compare(const Form *plain, const Form *form, int64_t n, int64_t s) {
    Numbers want = run(plain, n, s), got = run(form, n, s);
    bool first =
        want.value == got.value && !memcmp(want.gradient, got.gradient, sizeof want.gradient);
    if (want.ok && got.ok && first && close(want.hvp, got.hvp) && close(want.reverse, got.reverse))
        return 0;
    fprintf(stderr, "%s, n = %d, s = %d: %s\n", form->name, (int)n, (int)s,
            !want.ok || !got.ok ? "status or workspace"
            : !first            ? "another gradient"
                                : "another second derivative");
    return 1;
}

int main(void) {
    int failures = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int64_t n = 0; n <= 40; n += n < 6 ? 1 : 17)
            for (int64_t s = 1; s <= 16; s += s < 4 ? 1 : 6)
                failures += compare(&pairs[i].plain, &pairs[i].checkpointed, n, s);
    /* at the second order, too, the room grows with s, not with n */
    size_t hvp = h_rec3_work(D, 10000, 4), reverse = r_rec3_work(D, 10000, 4);
    if (hvp != h_rec3_work(D, 100, 4) || reverse != r_rec3_work(D, 100, 4) || hvp > 8192 ||
        reverse > 65536) {
        fprintf(stderr, "second order with 4 states: %zu and %zu bytes\n", hvp, reverse);
        failures++;
    }
    return failures > 0;
}
