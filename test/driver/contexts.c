/* Contexts on several threads at once: each gives the object, header and messages that it gives
 * alone, and its functions run.
 * RUN: %unit %s -lpthread -o %t %libbpc
 * RUN: %t %top/examples/models/gmm.bp %top/examples/models/lotka.bp %top/examples/models/kalman.bp
 */
#include "driver/bpc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 3, MOST_TEXTS = 8 };

typedef struct TextFile {
    const char *name;
    char *data;
    size_t len;
} TextFile;

/* What a context made of a text. */
typedef struct Outcome {
    char *object, *header, *messages;
    size_t object_size;
} Outcome;

static TextFile texts[MOST_TEXTS];
static int n_texts;
static pthread_barrier_t together;

static const char wrong[] =
    "import \"std/nn\";\nexport fn f[n](x: [n]f64) -> f64 = y + gelu(x[0]) + z + nowhere(1);\n";
static const char square[] = "export fn f(x: f64) -> f64 = x*x;\nexport grad(f) as g;\n";

static void add_text(const char *name, char *data, size_t len) {
    texts[n_texts++] = (TextFile){name, data, len};
}

static bool read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    char *data = malloc(1 << 16);
    if (!file || !data)
        return false;
    add_text(path, data, fread(data, 1, 1 << 16, file));
    return fclose(file) == 0;
}

static char *copy(const void *data, size_t size) {
    char *to = malloc(size + 1);
    if (!to)
        abort();
    memcpy(to, data, size);
    to[size] = 0;
    return to;
}

/* It is linked; that of `square` is called. */
static bool first_function_runs(BpcModule *module, bool is_square) {
    int (*f)(double, double *, void *);
    double y = 0;
    void *address = bpc_module_function(module, bpc_module_export_name(module, 0));
    memcpy(&f, &address, sizeof f);
    return address && (!is_square || (f(3.0, &y, NULL) == 0 && y == 9.0));
}

static Outcome compile(BpcContext *ctx, int which, bool *runs) {
    BpcOptions options = bpc_options_default();
    options.opt_level = which % 2 ? 0 : 3;
    Outcome out = {0};
    BpcModule *module =
        bpc_compile(ctx, texts[which].name, texts[which].data, texts[which].len, &options);
    if (module) {
        const char *object = bpc_module_object(module, &out.object_size);
        out.object = copy(object, out.object_size);
        out.header = copy(bpc_module_header(module), strlen(bpc_module_header(module)));
        *runs = *runs && first_function_runs(module, strcmp(texts[which].name, "square.bp") == 0);
    }
    out.messages = copy(bpc_diagnostics_text(ctx), strlen(bpc_diagnostics_text(ctx)));
    bpc_module_free(module);
    return out;
}

static bool same(const Outcome *a, const Outcome *b) {
    return !a->object == !b->object && a->object_size == b->object_size &&
           (!a->object || (memcmp(a->object, b->object, a->object_size) == 0 &&
                           strcmp(a->header, b->header) == 0)) &&
           strcmp(a->messages, b->messages) == 0;
}

static void forget(Outcome *o) {
    free(o->object);
    free(o->header);
    free(o->messages);
}

typedef struct Worker {
    int first; /* text */
    bool runs;
    Outcome outcomes[ROUNDS][MOST_TEXTS];
} Worker;

/* Each begins at another text, so that all are compiled beside others. */
static void *work(void *arg) {
    Worker *w = arg;
    pthread_barrier_wait(&together);
    for (int round = 0; round < ROUNDS; round++) {
        BpcContext *ctx = bpc_context_new(NULL);
        for (int i = 0; i < n_texts; i++) {
            int which = (w->first + i) % n_texts;
            w->outcomes[round][which] = compile(ctx, which, &w->runs);
        }
        bpc_context_free(ctx);
    }
    return NULL;
}

static int compare(Worker *w, const Outcome *alone, int which) {
    int wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        Outcome *o = &w->outcomes[round][which];
        if (!same(o, alone)) {
            printf("%s, round %d: differs from what it is alone\n", texts[which].name, round);
            wrong = 1;
        }
        forget(o);
    }
    return wrong;
}

/* The threads come first: what a process does once is done by them. */
int main(int argc, char **argv) {
    static Worker workers[THREADS];
    pthread_t threads[THREADS];
    int failed = 0;
    for (int i = 1; i < argc; i++)
        if (n_texts + 2 >= MOST_TEXTS || !read_text(argv[i]))
            return 2;
    add_text("wrong.bp", copy(wrong, sizeof wrong - 1), sizeof wrong - 1);
    add_text("square.bp", copy(square, sizeof square - 1), sizeof square - 1);
    pthread_barrier_init(&together, NULL, THREADS);
    for (int k = 0; k < THREADS; k++) {
        workers[k] = (Worker){.first = k, .runs = true};
        if (pthread_create(&threads[k], NULL, work, &workers[k]) != 0)
            return 2;
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        failed |= !workers[k].runs;
    }
    BpcContext *ctx = bpc_context_new(NULL);
    for (int i = 0; i < n_texts; i++) {
        bool runs = true;
        Outcome alone = compile(ctx, i, &runs);
        for (int k = 0; k < THREADS; k++)
            failed |= compare(&workers[k], &alone, i);
        failed |= !runs;
        forget(&alone);
        free(texts[i].data);
    }
    bpc_context_free(ctx);
    return failed;
}
