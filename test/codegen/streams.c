/* Rows of a result that is larger than the caches are stored past them, where its lines allow it:
 * every number of it is right, and nothing behind it is touched, wherever it begins.
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: %bpc %S/Inputs/streams.bp -mcpu=x86-64-v4 --emit=llvm -o - | FileCheck %s
 * RUN: %bpc %S/Inputs/streams.bp -o %t/streams.o
 * RUN: %cc -std=c17 -I%t %s %t/streams.o -lm -o %t/host && %t/host
 * RUN: %bpc %S/Inputs/streams.bp -mcpu=x86-64-v3 -o %t/streams.o
 * RUN: %cc -std=c17 -I%t %s %t/streams.o -lm -o %t/host && %t/host
 * RUN: %bpc %S/Inputs/streams.bp --threads=3 -o %t/streams.o
 * RUN: %cc -std=c17 -I%t %s %t/streams.o %runtime -lpthread -lm -o %t/host && %t/host
 *
 * CHECK-LABEL: define i32 @tens
 * CHECK:       store <8 x i64> %{{.*}}, ptr %{{.*}}, align 64, !nontemporal
 * CHECK:       call void @llvm.x86.sse.sfence()
 * CHECK:       ret i32 0
 */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 16 };

static const double factors[10] = {1, 2, 3, 4, 5, 6, 7, 8, -1, 2};

static int wrong(const char *what, int64_t n, int offset, int64_t at, double got, double want) {
    printf("%s, n = %ld, %d numbers behind a line: %g at %ld, not %g\n", what, (long)n, offset, got,
           (long)at, want);
    return 1;
}

/* The result begins `offset` numbers behind a line; numbers around it stay as they are. */
static int check(int64_t n, int offset, int columns) {
    size_t count = (size_t)(n * columns), all = (count + (size_t)offset + 3 * GUARD + 7) / 8 * 8;
    double *x = malloc(sizeof *x * (size_t)n), *half = malloc(sizeof *half * (size_t)n),
           *memory = aligned_alloc(64, sizeof *memory * all), *out = memory + GUARD + offset;
    int bad = 0;
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(i % 1000) + 0.25;
    for (size_t i = 0; i < all; i++)
        memory[i] = -7;
    if (columns == 10)
        bad |= tens(n, x, out, half, NULL) != 0;
    else
        bad |= threes(n, x, out, NULL) != 0;
    for (int64_t i = 0; i < (int64_t)count && !bad; i++) {
        double want = x[i / columns] * (columns == 3 && i % 3 == 2 ? -1 : factors[i % columns]);
        if (out[i] != want)
            bad = wrong("row", n, offset, i, out[i], want);
    }
    for (int64_t i = 0; i < (int64_t)all && !bad; i++)
        if ((memory + i < out || memory + i >= out + count) && memory[i] != -7)
            bad = wrong("guard", n, offset, i, memory[i], -7);
    for (int64_t i = 0; i < n && !bad && columns == 10; i++)
        if (half[i] != x[i] * 0.5)
            bad = wrong("half", n, offset, i, half[i], x[i] * 0.5);
    free(x), free(half), free(memory);
    return bad;
}

int main(void) {
    /* results of ten columns, at last those of three, are above LARGE of codegen/emit_stream.c */
    static const int64_t sizes[] = {100, 180001, 180008, 540003};
    int bad = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int offset = 0; offset < 8; offset += k == 0 ? 8 : 3) {
            bad |= check(sizes[k], offset, 10);
            bad |= check(sizes[k], offset, 3);
        }
    return bad;
}
