/* Accuracy of the elementwise operations, measured against MPFR: what the parts of this tool share.
 *
 * Each row of ir/ops.def that computes with floats, and its first and second derivatives, is
 * compiled from bp text (program.c), evaluated at points of the whole number line (points.c) by the
 * interpreter, by native code for several processors and by printed C, and compared with values of
 * MPFR (reference.c), which knows nothing of the rules. main.c reports the largest errors in units
 * in the last place, and can hold them to the table in docs/language.md.
 *
 * A tool of the tests, not part of the library. */
#ifndef BPC_TEST_ULP_H
#define BPC_TEST_ULP_H

#include "../oracle/oracle.h"

#include <mpfr.h>

/* A row, and what is computed of it: its value, ∂k, or ∂j∂k with j <= k. */
enum { MOST_DERIVATIVES = 9 };
typedef struct Quantity {
    int order, first, second; /* operands; order 2: ∂first ∂second */
} Quantity;

typedef struct Point3 {
    double x[3];
} Point3;

typedef struct Points {
    int n, cap;
    Point3 *data;
} Points;

/* ---- points.c ---- */
/* Edge points (zeros, subnormals, the largest numbers, infinities, NaN), points around kinks and
 * ends of domains, and `random` more over the whole line; all of them floats when `narrow`. */
void points_make(Points *points, Op op, bool narrow, int random, Rng *rng);

/* ---- reference.c ---- */
typedef enum Answer {
    ANSWER_number,  /* out holds it, correct to far more digits than a double has */
    ANSWER_unknown, /* no expectation here: outside of the domain, or no derivative */
} Answer;
Answer reference(mpfr_t out, Op op, Quantity q, const double *x, bool narrow);
/* The size of what a derivative's formula may cancel: see Note [Units]. */
double reference_unit(Op op, Quantity q, const double *x, bool narrow);

/* ---- program.c ---- */
bool row_is_measured(Op op);
bool row_has_derivatives(Op op);
/* Its quantities, value first; returns their number. */
int row_quantities(Op op, Quantity *q, int order);
/* The bp text that computes the quantities of all measured rows, up to a derivative order. */
char *program_text(const char *only, int order);
/* y = the quantity at the points; false when the call gives a status. */
bool program_run(const Build *b, Op op, Quantity q, const Points *points, double *y);

#endif
