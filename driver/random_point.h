/* Random arguments for a function about which nothing is known but its signature. Used by
 * gradcheck_command.c. */
#ifndef BPC_DRIVER_RANDOM_POINT_H
#define BPC_DRIVER_RANDOM_POINT_H

#include "driver/callable.h"

typedef struct Random {
    uint64_t state;
} Random;
double random_uniform(Random *random, double lo, double hi);
double random_normal(Random *random);
void random_fill(Random *random, Array *a); /* standard normal numbers */

/* Fills what is NULL in inputs and -1 in sizes. `attempt` counts from 0: later ones try other
 * signs, scales, structures and sizes. False: the sizes that were drawn do not fit together; draw
 * again. */
bool random_point(Random *random, const Callable *f, int attempt, Array *const *given,
                  const int64_t *given_sizes, Array **inputs, int64_t *sizes);

#endif
