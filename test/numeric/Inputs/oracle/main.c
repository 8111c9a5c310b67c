/* oracle PROGRAM.bp [-spec FILE] [-seed N] [-only WORD] [-code FILE.c] [-swift]: the numeric
 * oracles on one program, see oracle.h. With -swift, in the cheap configurations only.
 *
 * oracle -serve: many programs, a line of standard input each, `swift|full SEED SECONDS
 * PROGRAM.bp`; what is printed of a program ends with a line `== STATUS`.
 *
 * With -only, only subjects that hold WORD; `exports`: what the program exports, no subjects.
 * What the oracles themselves are tested by: with -code, that C stands for what `--emit=c` prints;
 * with -wrong, one result of the configurations or exports of these names is wrong by X.
 * Prints each mismatch and a line of counts. Exit status: 0 all well; 1 mismatches; 2 wrong usage.
 */
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SHOWN = 40 };

static void print_point(const Point *p) {
    printf("    sizes");
    for (int i = 0; i < p->n_sizes; i++)
        printf(" %lld", (long long)p->sizes[i]);
    printf("; arguments");
    for (int i = 0; i < p->n_args; i++) {
        const Datum *d = p->args[i];
        printf(" %s", d->type->rank ? "[" : "");
        for (int64_t k = 0; k < d->count && k < 12; k++) {
            printf(k ? "," : "");
            if (d->f)
                printf("%.17g", d->f[k]);
            else
                printf("%lld", (long long)d->i[k]);
        }
        printf("%s%s", d->count > 12 ? ",..." : "", d->type->rank ? "]" : "");
    }
    printf("\n");
}

void report_fail(Report *r, const char *what, const Point *p, const char *format, ...) {
    if (++r->failures > MOST_SHOWN)
        return;
    va_list args;
    va_start(args, format);
    printf("MISMATCH %s%s%s, %s: ", r->program->path, r->subject ? ", of " : "",
           r->subject ? r->subject : "", what);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    if (p)
        print_point(p);
}

static int usage(void) {
    fprintf(stderr,
            "usage: oracle PROGRAM.bp [-spec FILE] [-seed N] [-only WORD] [-code FILE.c] [-swift]\n"
            "              [-wrong NAME;NAME... -by X]\n"
            "       oracle -serve\n");
    return 2;
}

static int finish(const Report *r) {
    printf("%s: %ld checks, %ld differences not resolved, %ld mismatches\n", r->program->path,
           r->checks, r->unresolved, r->failures);
    return r->failures > 0 || r->checks == 0;
}

static int run(Report *r, const char *only, Arena *arena) {
    SubjectList subjects;
    if (only && strcmp(only, "same") == 0) {
        check_same(r);
        return finish(r);
    }
    if (!subjects_find(r->program, arena, &subjects)) {
        printf("%s does not parse\n", r->program->path);
        return 1;
    }
    if (!only || strcmp(only, "exports") == 0)
        check_exports(r);
    int n = 0;
    for (int i = 0; i < subjects.n; i++)
        if (!only || strstr(subjects.data[i].text, only))
            subjects.data[n++] = subjects.data[i];
    check_subjects(r, subjects.data, n);
    return finish(r);
}

/* ---- one program ---- */

typedef struct Request {
    const char *path, *spec, *only, *code;
    uint64_t seed;
    bool swift;
    int turn;
    Fault fault;
} Request;

static int answer(const Request *q) {
    Program program, code = {0};
    Spec spec;
    Alloc alloc;
    Arena arena;
    alloc_default(&alloc);
    arena_init(&arena, &alloc);
    if (!q->path || !program_read(&program, q->path) ||
        !spec_read(&spec, &arena, q->spec, program.text))
        return usage();
    if (q->code && !program_read(&code, q->code))
        return usage();
    program.code = code.text;
    Report r = {.program = &program,
                .spec = &spec,
                .rng = {q->seed},
                .swift = q->swift,
                .turn = q->turn,
                .fault = q->fault};
    int status = run(&r, q->only, &arena);
    free(program.text);
    free(code.text);
    arena_free(&arena);
    return status;
}

/* ---- many programs ---- */

enum { MEMORY_LIMIT_GB = 4, PROGRAMS_A_SERVER = 50 };
/* Statuses of a serving process that nothing else of it ends with. */
typedef enum ServerEnd { SERVER_done = 90, SERVER_replaced } ServerEnd;

/* Of processor time for the next program; and much more of the clock, for what waits for ever. */
static void limit_time(int seconds) {
    struct rlimit time;
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    getrlimit(RLIMIT_CPU, &time);
    time.rlim_cur = (rlim_t)(used.tv_sec + seconds + 1);
    setrlimit(RLIMIT_CPU, &time);
    alarm((unsigned)seconds * 20);
}

static void limit_memory(void) {
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
    struct rlimit memory = {(rlim_t)MEMORY_LIMIT_GB << 30, (rlim_t)MEMORY_LIMIT_GB << 30};
    setrlimit(RLIMIT_AS, &memory);
#endif
}

/* False: there is no other line, or not one that can be understood. */
static bool read_request(Request *q, char path[512], int *seconds) {
    char line[1024], how[8];
    unsigned long long seed;
    if (!fgets(line, sizeof line, stdin) ||
        sscanf(line, "%7s %llu %d %511s", how, &seed, seconds, path) != 4)
        return false;
    bool same = strcmp(how, "same") == 0;
    *q = (Request){.path = path,
                   .only = same ? "same" : "",
                   .seed = seed,
                   .turn = 1 + (int)(seed / 20 % 4), /* not what chooses between swift and full */
                   .swift = same || strcmp(how, "swift") == 0};
    return true;
}

static void say_status(int status) {
    printf("== %d\n", status);
    fflush(stdout);
}

/* What has served long enough is replaced, before what LLVM keeps adds up. */
static ServerEnd answer_many(void) {
    limit_memory();
    for (int k = 0; k < PROGRAMS_A_SERVER; k++) {
        char path[512];
        Request q;
        int seconds;
        if (!read_request(&q, path, &seconds))
            return SERVER_done;
        limit_time(seconds);
        say_status(answer(&q));
    }
    return SERVER_replaced;
}

/* Programs are answered in another process, so that they may crash or hang: then the status of the
 * one that did is told here, and the next process goes on. Input has no buffer, or lines would be
 * lost with the process. */
static int serve(void) {
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit((int)answer_many());
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return 2;
        if (WIFEXITED(status) && WEXITSTATUS(status) == SERVER_done)
            return 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != SERVER_replaced)
            say_status(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

int main(int argc, char **argv) {
    Request q = {.seed = 1};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "-serve") == 0)
        return serve();
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (more && strcmp(argv[i], "-spec") == 0)
            q.spec = argv[++i];
        else if (more && strcmp(argv[i], "-seed") == 0)
            q.seed = strtoull(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "-only") == 0)
            q.only = argv[++i];
        else if (more && strcmp(argv[i], "-code") == 0)
            q.code = argv[++i];
        else if (more && strcmp(argv[i], "-wrong") == 0)
            q.fault.names = argv[++i];
        else if (more && strcmp(argv[i], "-by") == 0)
            q.fault.size = strtod(argv[++i], NULL);
        else if (strcmp(argv[i], "-swift") == 0)
            q.swift = true;
        else if (argv[i][0] != '-' && !q.path)
            q.path = argv[i];
        else
            return usage();
    }
    return answer(&q);
}
