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
    for (int i = 0; i < subjects.n; i++)
        if (!only || strstr(subjects.data[i].text, only))
            check_subject(r, &subjects.data[i]);
    return finish(r);
}

/* ---- one program ---- */

typedef struct Request {
    const char *path, *spec, *only, *code;
    uint64_t seed;
    bool swift;
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
    Report r = {
        .program = &program, .spec = &spec, .rng = {q->seed}, .swift = q->swift, .fault = q->fault};
    int status = run(&r, q->only, &arena);
    free(program.text);
    free(code.text);
    arena_free(&arena);
    return status;
}

/* ---- many programs ---- */

enum { MEMORY_LIMIT_GB = 4 };

/* Of processor time; and much more of the clock, for what waits for ever. */
static void limit(int seconds) {
    struct rlimit time = {(rlim_t)seconds, (rlim_t)seconds};
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
    struct rlimit memory = {(rlim_t)MEMORY_LIMIT_GB << 30, (rlim_t)MEMORY_LIMIT_GB << 30};
    setrlimit(RLIMIT_AS, &memory);
#endif
    setrlimit(RLIMIT_CPU, &time);
    alarm((unsigned)seconds * 20);
}

/* In a process of its own, so that it may crash or hang, but one that has LLVM loaded already. */
static int answer_apart(const Request *q, int seconds) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        limit(seconds);
        int answered = answer(q);
        fflush(stdout);
        _exit(answered);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int serve(void) {
    char line[1024], path[512], how[8];
    unsigned long long seed;
    int seconds;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%7s %llu %d %511s", how, &seed, &seconds, path) != 4)
            return usage();
        bool same = strcmp(how, "same") == 0;
        Request q = {.path = path,
                     .only = same ? "same" : "",
                     .seed = seed,
                     .swift = same || strcmp(how, "swift") == 0};
        int status = answer_apart(&q, seconds);
        printf("== %d\n", status);
        fflush(stdout);
    }
    return 0;
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
