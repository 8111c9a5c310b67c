/* What compiled code may touch and what it may depend on: for one export at one point, in each
 * configuration. See oracle.h and docs/trust.md.
 *
 * Results must have the same bits whatever the workspace held before, wherever the memory lies, as
 * often as it is called, and while other threads call the same function with memory of their own.
 */
#include "oracle.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, REPEATS = 3 };

static bool same_bits(const Outcome *a, const Outcome *b) {
    if (a->status != b->status)
        return false;
    for (int i = 0; a->status == 0 && i < a->n; i++) {
        const Datum *x = a->out[i], *y = b->out[i];
        size_t n = (size_t)x->count;
        if ((x->f && memcmp(x->f, y->f, n * sizeof *x->f) != 0) ||
            (x->i && memcmp(x->i, y->i, n * sizeof *x->i) != 0))
            return false;
    }
    return true;
}

static const char *difference(const Outcome *first, const Outcome *other, const char *what) {
    return other->misuse ? other->misuse : same_bits(first, other) ? NULL : what;
}

/* ---- threads ---- */

typedef struct Caller {
    const Build *build;
    const Export *export;
    const Sample *sample;
    const Outcome *want;
    pthread_barrier_t *together; /* all begin at once */
    Alloc alloc;
    const char *wrong;
} Caller;

static void *call_again(void *user) {
    static const Placement place = {.side = SIDE_none, .fill = 0x5A};
    Caller *c = user;
    pthread_barrier_wait(c->together);
    for (int k = 0; k < REPEATS && !c->wrong; k++) {
        Arena arena;
        Outcome got;
        arena_init(&arena, &c->alloc);
        build_run_placed(c->build, c->export, &c->sample->point, &c->sample->outcome, &place,
                         &arena, &got);
        c->wrong = difference(c->want, &got, "gives other bits while other threads call it");
        arena_free(&arena);
    }
    return NULL;
}

static const char *call_from_threads(const Caller *one) {
    Caller callers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t together;
    const char *wrong = NULL;
    pthread_barrier_init(&together, NULL, THREADS);
    for (int k = 0; k < THREADS; k++) {
        callers[k] = *one;
        callers[k].together = &together;
        alloc_default(&callers[k].alloc);
        if (pthread_create(&threads[k], NULL, call_again, &callers[k]) != 0)
            abort();
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        wrong = wrong ? wrong : callers[k].wrong;
    }
    pthread_barrier_destroy(&together);
    return wrong;
}

/* ---- one configuration ---- */

static const char *check_build(const Build *b, const Export *e, const Sample *s, bool threads,
                               Arena *arena) {
    static const Placement ends = {SIDE_end, 0xFF}, starts = {SIDE_start, 0x00},
                           again = {SIDE_end, 0x5A};
    const Outcome *shape = &s->outcome;
    Outcome first, other;
    build_run_placed(b, e, &s->point, shape, &ends, arena, &first);
    if (first.misuse)
        return first.misuse;
    build_run_placed(b, e, &s->point, shape, &starts, arena, &other);
    const char *wrong =
        difference(&first, &other, "depends on what the workspace held, or on where memory lies");
    if (wrong)
        return wrong;
    build_run_placed(b, e, &s->point, shape, &again, arena, &other);
    wrong = difference(&first, &other, "gives other bits when it is called again");
    Caller one = {.build = b, .export = e, .sample = s, .want = &first};
    return wrong || !threads ? wrong : call_from_threads(&one);
}

void family_safety(Family *f, const char *name, const Sample *s) {
    for (int k = 1; k < FULL_CONFIGS; k++) {
        Build *b = &f->builds[k];
        Arena arena;
        const Export *e = f->ok[k] ? build_find(b, name) : NULL;
        if (!f->ok[k] || (e && !build_takes(b, e, &s->point)))
            continue;
        arena_init(&arena, &b->ctx.alloc);
        const char *wrong = e ? check_build(b, e, s, !f->report->swift, &arena) : "is not exported";
        f->report->checks++;
        if (wrong) {
            char what[128];
            snprintf(what, sizeof what, "%s by %s", name, b->config->name);
            report_fail(f->report, what, &s->point, "%s", wrong);
        }
        arena_free(&arena);
    }
}
