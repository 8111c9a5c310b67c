/* Other systems, in a process of their own: bench/peers.py under the python of $BENCH_PYTHON
 * (python3).
 *
 * A peer that is not installed is absent, quietly. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "measure.h"

/* "torch mlp 32": a candidate that runs it. False when there is none. The text is kept, not copied.
 */
bool peers_candidate(const char *what, Candidate *candidate);

/* "torch 2.4.0, jax 0.4.30", or "none" */
const char *peers_versions(void);

#endif
