/* A pool of threads; see pool.h.
 *
 * Note [Tickets]
 * A job is a set of parts, each done once, by whoever claims it. `ticket` holds, in one word, the
 * number of the job, how many parts it has and how many are claimed; a claim is a compare and swap
 * that fails when any of these changed. So a worker that slept through a whole job claims nothing
 * of the next by mistake, and what it reads of the job after a claim is the job's: the owner waits
 * for every part, so it cannot go while one is claimed and not done.
 *
 * Workers look for a while before they sleep on `bell`, and so does the owner before it sleeps on
 * `done`: a loop follows the last within microseconds, as a rule.
 *
 * Note [The end]
 * The library that holds this code may be closed, so workers are told to leave and waited for
 * before it goes; calls that come later find the pool busy. Where it is busy already, the process
 * ends while a thread of it still computes: nobody waits for that. A process made by fork has none
 * of the workers, and makes its own. */
#include "runtime/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOKS = 2000 };

typedef struct Pool {
    _Alignas(64) _Atomic uint64_t ticket; /* job << 16 | parts << 8 | claimed */
    _Alignas(64) _Atomic uint32_t bell;   /* changes with every job */
    _Atomic uint32_t sleepers, closing;
    _Alignas(64) _Atomic uint32_t done; /* parts of this job */
    _Atomic uint32_t owner_sleeps;
    _Alignas(64) atomic_flag busy;
    /* of the job, and the owner's alone: */
    uint64_t job;
    int workers;
    pthread_t threads[BPC_MOST_PARTS];
    bool knows_fork;
    BpcPart *part;
    void *env;
    int64_t parts, extent;
    int status[BPC_MOST_PARTS];
} Pool;

static Pool pool = {.busy = ATOMIC_FLAG_INIT};

/* ---- waiting ---- */

static void relax(void) {
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* Sleeps unless the word has another value by now. */
static void sleep_on(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- parts ---- */

/* Where part k begins; at whole vectors and lines where parts are long. */
static int64_t begin(int64_t parts, int64_t extent, int64_t k) {
    enum { LONG = 64, WHOLE = 16 };
    int64_t each = extent / parts, more = extent % parts; /* the first `more` have one more */
    int64_t at = k * each + (k < more ? k : more);
    return k < parts && each >= LONG ? at / WHOLE * WHOLE : at;
}

static int run(BpcPart *part, void *env, int64_t parts, int64_t extent, int64_t k) {
    return part(env, begin(parts, extent, k), begin(parts, extent, k + 1), k);
}

/* Which part this thread may do, or -1. */
static int claim(void) {
    uint64_t ticket = atomic_load_explicit(&pool.ticket, memory_order_acquire);
    for (;;) {
        unsigned parts = ticket >> 8 & 255, claimed = ticket & 255;
        if (claimed >= parts)
            return -1;
        if (atomic_compare_exchange_weak_explicit(&pool.ticket, &ticket, ticket + 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return (int)claimed;
    }
}

static void do_part(int k) {
    uint32_t parts = (uint32_t)pool.parts; /* before it is done: the owner may go after that */
    pool.status[k] = run(pool.part, pool.env, pool.parts, pool.extent, k);
    if (atomic_fetch_add(&pool.done, 1) + 1 == parts && atomic_load(&pool.owner_sleeps))
        wake(&pool.done);
}

static bool do_parts(void) {
    bool any = false;
    for (int k = claim(); k >= 0; k = claim(), any = true)
        do_part(k);
    return any;
}

/* ---- workers ---- */

static void *work(void *unused) {
    (void)unused;
    for (;;) {
        uint32_t bell = atomic_load(&pool.bell);
        if (atomic_load(&pool.closing)) /* set before the bell rings */
            return NULL;
        bool any = do_parts();
        for (int k = 0; k < LOOKS && !any && atomic_load(&pool.bell) == bell; k++)
            relax();
        if (any || atomic_load(&pool.bell) != bell)
            continue;
        atomic_fetch_add(&pool.sleepers, 1);
        sleep_on(&pool.bell, bell);
        atomic_fetch_sub(&pool.sleepers, 1);
    }
}

/* In a process that fork made: it has this thread alone, and the job of another is not its own. */
static void forget_workers(void) {
    pool.workers = 0;
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.ticket, 0);
    atomic_store(&pool.owner_sleeps, 0);
    atomic_flag_clear(&pool.busy);
}

__attribute__((destructor)) static void close_pool(void) {
    if (atomic_flag_test_and_set(&pool.busy))
        return;
    atomic_store(&pool.closing, 1);
    atomic_fetch_add(&pool.bell, 1);
    wake(&pool.bell);
    while (pool.workers > 0)
        pthread_join(pool.threads[--pool.workers], NULL);
}

/* Signals are for the threads of the host, but for those that say what a thread itself does. */
static void block_signals(sigset_t *before) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPROF};
    sigset_t all;
    sigfillset(&all);
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
        sigdelset(&all, own[k]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static void have_workers(int n) {
    sigset_t before;
    if (pool.workers >= n)
        return;
    pool.knows_fork = pool.knows_fork || pthread_atfork(NULL, NULL, forget_workers) == 0;
    block_signals(&before);
    while (pool.knows_fork && pool.workers < n &&
           pthread_create(&pool.threads[pool.workers], NULL, work, NULL) == 0)
        pool.workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the owner ---- */

static void wait_for_all(uint32_t parts) {
    uint32_t done = atomic_load(&pool.done);
    for (int k = 0; k < LOOKS && done != parts; k++, done = atomic_load(&pool.done))
        relax();
    if (done == parts)
        return;
    atomic_store(&pool.owner_sleeps, 1);
    while ((done = atomic_load(&pool.done)) != parts)
        sleep_on(&pool.done, done);
    atomic_store(&pool.owner_sleeps, 0);
}

static int first_failure(const int *status, int64_t parts) {
    for (int64_t k = 0; k < parts; k++)
        if (status[k])
            return status[k];
    return 0;
}

static int run_alone(BpcPart *part, void *env, int64_t parts, int64_t extent) {
    int status[BPC_MOST_PARTS];
    for (int64_t k = 0; k < parts; k++)
        status[k] = run(part, env, parts, extent, k);
    return first_failure(status, parts);
}

static void post(BpcPart *part, void *env, int64_t parts, int64_t extent) {
    pool.part = part, pool.env = env, pool.parts = parts, pool.extent = extent;
    pool.job++;
    atomic_store(&pool.done, 0);
    atomic_store(&pool.ticket, pool.job << 16 | (uint64_t)parts << 8);
    atomic_fetch_add(&pool.bell, 1);
    if (atomic_load(&pool.sleepers))
        wake(&pool.bell);
}

int bpc_parallel(BpcPart *part, void *env, int64_t parts, int64_t extent) {
    if (parts <= 1 || atomic_flag_test_and_set(&pool.busy))
        return run_alone(part, env, parts, extent);
    have_workers((int)parts - 1);
    post(part, env, parts, extent);
    do_parts();
    wait_for_all((uint32_t)parts);
    int status = first_failure(pool.status, parts);
    atomic_flag_clear(&pool.busy);
    return status;
}
