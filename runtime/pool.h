/* The threads of functions that were compiled with `--threads`: a host links libbpcrt.a beside such
 * an object; the library itself brings it along for the functions that it runs.
 *
 * Knows nothing of the compiler. Linux, POSIX threads. */
#ifndef BPC_RUNTIME_POOL_H
#define BPC_RUNTIME_POOL_H

#include <stdint.h>

enum { BPC_MOST_PARTS = 64 };

/* Iterations lo..hi-1 of a loop; returns a status. */
typedef int BpcPart(void *env, int64_t lo, int64_t hi, int64_t part);

/* Cuts `extent` iterations into `parts` (1..BPC_MOST_PARTS) of nearly equal length and runs them,
 * on this thread and on those of the pool, which are made when they are first wanted and sleep when
 * there is nothing to do. What a part computes depends on its number alone, never on the thread.
 * Returns when all are done: 0, or the status of the first part that failed. Calls from several
 * threads at a time are fine: those that find the pool busy do all the parts themselves. */
int bpc_parallel(BpcPart *part, void *env, int64_t parts, int64_t extent);

#endif
