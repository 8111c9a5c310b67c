/* Value and gradient of examples/models/lstm.bp for one sequence by hand, in REAL; see lstm_hand.c.
 */
#ifndef BENCH_LSTM_HAND_H
#define BENCH_LSTM_HAND_H

#include <stddef.h>

typedef struct HandCell {
    REAL *Wx, *Wh, *b, *Wo;
} HandCell;

/* d and h are multiples of 32; work: lstm_hand_work bytes, 64-byte aligned. */
size_t lstm_hand_work(int T, int d, int h);
REAL lstm_hand(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad, void *work);

#endif
