/* The loss of examples/models/mlp.bp and its gradient by hand; see mlp_hand.c. */
#ifndef BENCH_MLP_HAND_H
#define BENCH_MLP_HAND_H

#include <stddef.h>
#include <stdint.h>

enum { MLP_D = 784, MLP_H = 128, MLP_C = 10 };

typedef struct HandMlp {
    float *W1, *b1, *W2, *b2;
} HandMlp;

/* n is 1 or a multiple of 32; work holds mlp_hand_work(n) bytes, 64-byte aligned. */
size_t mlp_hand_work(int n);
void mlp_hand(int n, const HandMlp *p, const float *X, const int64_t *y, float *loss, HandMlp *g,
              void *work);

#endif
