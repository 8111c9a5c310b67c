/* What was measured against which bar: a table on standard output while rows run, and a plot of all
 * of them.
 *
 * Every bar compares two times. `theirs` is what another program took, or a floor: the time that
 * the machine's peak would allow. Called by the rows (bench/rows.h) and bench/main.c. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

typedef enum Sense {
    FASTER, /* theirs/ours is at least the bar */
    WITHIN, /* ours/theirs is at most the bar */
} Sense;

void report_model(const char *name); /* a new section of the table */

/* One line. `against` says what `theirs` is. A bar of 0: for information. */
void report(const char *name, const char *against, double ours, double theirs, Sense sense,
            double bar);

/* Prints how many bars are met; writes the plot unless `plot` is NULL. */
void report_end(FILE *plot);

#endif
