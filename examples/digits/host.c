/* Trains the classifier of digits.bp: reads the data, shuffles it with a fixed seed, holds out a
 * fifth, runs Adam on mini-batches of 32, and ends with the accuracy on the held-out part.
 *
 *   bpc digits.bp -o digits.o && cc host.c digits.o -lm -o digits && ./digits digits.csv */
#include "digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 64, HIDDEN = 32, CLASSES = 10, BATCH = 32, EPOCHS = 60, MAX_ROWS = 4096 };

typedef struct Data {
    float X[MAX_ROWS][PIXELS];
    int64_t y[MAX_ROWS];
    int rows;
} Data;

static Data data; /* half a megabyte: too large for the stack */

static uint64_t random_state = 20240607;

static uint32_t random_u32(void) { /* a linear congruential generator; the high half is good */
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

static bool read_data(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool ok = true;
    for (int pixel; ok && data.rows < MAX_ROWS && fscanf(file, "%d", &pixel) == 1; data.rows++) {
        float *x = data.X[data.rows];
        x[0] = (float)pixel / 16;
        for (int i = 1; ok && i < PIXELS; i++) {
            ok = fscanf(file, ",%d", &pixel) == 1;
            x[i] = (float)pixel / 16;
        }
        ok = ok && fscanf(file, ",%d", &pixel) == 1;
        data.y[data.rows] = pixel;
    }
    fclose(file);
    return ok && data.rows > 0;
}

static void shuffle(int rows) {
    for (int i = rows - 1; i > 0; i--) {
        int k = (int)(random_u32() % (uint32_t)(i + 1));
        float x[PIXELS];
        memcpy(x, data.X[i], sizeof x);
        memcpy(data.X[i], data.X[k], sizeof x);
        memcpy(data.X[k], x, sizeof x);
        int64_t y = data.y[i];
        data.y[i] = data.y[k];
        data.y[k] = y;
    }
}

/* Memory that the compiled code reads and writes is the host's: it allocates nothing itself. */
static void *zeroed(size_t bytes) {
    size_t padded = (bytes + 63) / 64 * 64 + 64;
    void *memory = aligned_alloc(64, padded);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memset(memory, 0, padded);
}

/* One piece of memory, a leaf after the other. */
static Mlp new_mlp(void) {
    float *w = zeroed((HIDDEN * PIXELS + HIDDEN + CLASSES * HIDDEN + CLASSES) * sizeof *w);
    float *b1 = w + HIDDEN * PIXELS, *W2 = b1 + HIDDEN, *b2 = W2 + CLASSES * HIDDEN;
    return (Mlp){w, b1, W2, b2};
}

static void init_weights(float *w, int count, int inputs) {
    float bound = sqrtf(6.0f / (float)inputs); /* He */
    for (int i = 0; i < count; i++)
        w[i] = bound * ((float)random_u32() / 2147483648.0f - 1.0f);
}

static void check(int status) {
    if (status) {
        fprintf(stderr, "%s\n", digits_error(status));
        exit(1);
    }
}

static double accuracy(const Mlp *p, int from, int rows) {
    int64_t *guess = zeroed((size_t)rows * sizeof *guess);
    void *work = zeroed(predict_work(rows));
    check(predict(rows, p, data.X[from], guess, work));
    int right = 0;
    for (int i = 0; i < rows; i++)
        right += guess[i] == data.y[from + i];
    free(work);
    free(guess);
    return (double)right / rows;
}

/* Parameters and both moments, twice: a step reads one set and writes the other. */
typedef struct State {
    Mlp p, m, v;
} State;

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "digits.csv";
    if (!read_data(path)) {
        fprintf(stderr, "%s: cannot read it as 64 pixels and a label a line\n", path);
        return 1;
    }
    shuffle(data.rows);
    int train = data.rows - data.rows / 5, test = data.rows / 5;
    printf("%d images to train on, %d held out\n", train, test);

    State now = {new_mlp(), new_mlp(), new_mlp()}, next = {new_mlp(), new_mlp(), new_mlp()};
    init_weights(now.p.W1, HIDDEN * PIXELS, PIXELS);
    init_weights(now.p.W2, CLASSES * HIDDEN, HIDDEN);
    void *work = zeroed(step_work());

    float t = 0;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        float rate = 0.012f * 0.5f * (1 + cosf(3.14159265f * (float)epoch / EPOCHS));
        double total = 0;
        shuffle(train);
        for (int at = 0; at + BATCH <= train; at += BATCH) {
            float loss;
            t += 1;
            check(step(&now.p, &now.m, &now.v, t, rate, data.X[at], &data.y[at], &loss, &next.p,
                       &next.m, &next.v, work));
            total += loss;
            State swap = now;
            now = next;
            next = swap;
        }
        if (epoch == 1 || epoch % 10 == 0)
            printf("epoch %2d: loss %.4f\n", epoch, total / (train / BATCH));
    }
    printf("accuracy on the held-out fifth: %.2f%%\n", 100 * accuracy(&now.p, train, test));
    float *owned[] = {now.p.W1, now.m.W1, now.v.W1, next.p.W1, next.m.W1, next.v.W1};
    for (int i = 0; i < 6; i++)
        free(owned[i]);
    free(work);
    return 0;
}
