/* The pool in a library that is opened and closed, in processes that fork, and at the end of one
 * that still computes; its threads leave signals to those of the host.
 *
 * RUN: %cc -D_GNU_SOURCE -fPIC -shared -I%top %top/runtime/pool.c -lpthread -o %t.so
 * RUN: %cc -D_GNU_SOURCE -I%top %s -ldl -lpthread -o %t
 * RUN: %t %t.so
 */
#include "runtime/pool.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PARTS = 3, PATIENCE = 60, OPENED = 100 };

typedef int Parallel(BpcPart *part, void *env, int64_t parts, int64_t extent);

typedef struct Library {
    void *handle;
    Parallel *parallel;
} Library;

static Library open_library(const char *path) {
    Library library = {dlopen(path, RTLD_NOW | RTLD_LOCAL), NULL};
    void *symbol = library.handle ? dlsym(library.handle, "bpc_parallel") : NULL;
    if (!symbol)
        abort();
    memcpy(&library.parallel, &symbol, sizeof symbol);
    return library;
}

typedef struct Meeting {
    pthread_t host;
    _Atomic int arrived, unblocked;
} Meeting;

/* Waits for all the other parts, so each needs a thread of its own. */
static int meet(void *env, int64_t lo, int64_t hi, int64_t part) {
    (void)lo, (void)hi, (void)part;
    Meeting *meeting = env;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (!pthread_equal(pthread_self(), meeting->host) && !sigismember(&blocked, SIGALRM))
        meeting->unblocked++;
    time_t start = time(NULL);
    for (meeting->arrived++; meeting->arrived < PARTS;) {
        if (time(NULL) - start > PATIENCE)
            return 1;
        sched_yield();
    }
    return 0;
}

static int check_meeting(const char *what, Parallel *parallel) {
    Meeting meeting = {.host = pthread_self()};
    int status = parallel(meet, &meeting, PARTS, PARTS);
    if (status)
        fprintf(stderr, "%s: not all parts at a time\n", what);
    if (meeting.unblocked)
        fprintf(stderr, "%s: signals of the host may come to a worker\n", what);
    return status || meeting.unblocked;
}

static int no_work(void *env, int64_t lo, int64_t hi, int64_t part) {
    (void)env, (void)lo, (void)hi, (void)part;
    return 0;
}

static void open_and_close(const char *path) {
    for (int i = 0; i < OPENED; i++) {
        Library library = open_library(path);
        library.parallel(no_work, NULL, PARTS, PARTS);
        dlclose(library.handle);
    }
}

static int wait_for(const char *what, pid_t child) {
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        fprintf(stderr, "%s: status %d\n", what, status);
    return status != 0;
}

/* It has workers of its own, and ends in order. */
static int check_fork(Parallel *parallel) {
    pid_t child = fork();
    if (child == 0) {
        alarm(2 * PATIENCE);
        exit(check_meeting("after a fork", parallel));
    }
    return wait_for("after a fork", child);
}

static _Atomic int started;

static int never_ends(void *env, int64_t lo, int64_t hi, int64_t part) {
    (void)env, (void)lo, (void)hi, (void)part;
    started++;
    while (true)
        pause();
    return 0;
}

static void *compute(void *parallel) {
    (*(Parallel **)parallel)(never_ends, NULL, PARTS, PARTS);
    return NULL;
}

static int check_exit(Parallel *parallel) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        alarm(2 * PATIENCE);
        pthread_create(&thread, NULL, compute, &parallel);
        while (started < PARTS)
            sched_yield();
        exit(0);
    }
    return wait_for("exit while a thread computes", child);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    open_and_close(argv[1]);
    Library library = open_library(argv[1]);
    int wrong = check_meeting("a call", library.parallel) + check_fork(library.parallel) +
                check_meeting("a call after a fork", library.parallel) +
                check_exit(library.parallel);
    dlclose(library.handle);
    return wrong;
}
