/* What examples/models/lstm.bp exports, for one sequence by hand, in REAL; see lstm_hand.c. */
#ifndef BENCH_LSTM_HAND_H
#define BENCH_LSTM_HAND_H

#include <stddef.h>

typedef struct HandCell {
    REAL *Wx, *Wh, *b, *Wo;
} HandCell;

/* d and h are multiples of 32; work: lstm_hand_work bytes, 64-byte aligned. */
size_t lstm_hand_work(int T, int d, int h);
REAL lstm_hand(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad, void *work);

/* work: lstm_hand_steps_work bytes, for any T */
size_t lstm_hand_steps_work(int d, int h);
REAL lstm_hand_loss(int T, int d, int h, const HandCell *p, const REAL *xs, void *work);
REAL lstm_hand_checkpointed(int T, int d, int h, const HandCell *p, const REAL *xs, HandCell *grad,
                            void *work);

#endif
