/* oracle PROGRAM.bp [-spec FILE] [-seed N] [-only WORD] [-code FILE.c]: the numeric oracles on one
 * program, see oracle.h.
 *
 * With -only, only subjects that hold WORD; `exports`: what the program exports, no subjects.
 * With -code, that C stands for what `--emit=c` prints: what the oracles themselves are tested by.
 * Prints each mismatch and a line of counts. Exit status: 0 all well; 1 mismatches; 2 wrong usage.
 */
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
            "usage: oracle PROGRAM.bp [-spec FILE] [-seed N] [-only WORD] [-code FILE.c]\n");
    return 2;
}

static int run(const Program *program, const Spec *spec, uint64_t seed, const char *only,
               Arena *arena) {
    Report r = {.program = program, .spec = spec, .rng = {seed}};
    SubjectList subjects;
    if (!subjects_find(program, arena, &subjects)) {
        printf("%s does not parse\n", program->path);
        return 1;
    }
    if (!only || strcmp(only, "exports") == 0)
        check_exports(&r);
    for (int i = 0; i < subjects.n; i++)
        if (!only || strstr(subjects.data[i].text, only))
            check_subject(&r, &subjects.data[i]);
    printf("%s: %ld checks, %ld differences not resolved, %ld mismatches\n", program->path,
           r.checks, r.unresolved, r.failures);
    return r.failures > 0 || r.checks == 0;
}

int main(int argc, char **argv) {
    const char *path = NULL, *spec_path = NULL, *only = NULL, *code_path = NULL;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (more && strcmp(argv[i], "-spec") == 0)
            spec_path = argv[++i];
        else if (more && strcmp(argv[i], "-seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "-only") == 0)
            only = argv[++i];
        else if (more && strcmp(argv[i], "-code") == 0)
            code_path = argv[++i];
        else if (argv[i][0] != '-' && !path)
            path = argv[i];
        else
            return usage();
    }
    Program program, code = {0};
    Spec spec;
    Alloc alloc;
    Arena arena;
    alloc_default(&alloc);
    arena_init(&arena, &alloc);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!path || !program_read(&program, path) ||
        !spec_read(&spec, &arena, spec_path, program.text))
        return usage();
    if (code_path && !program_read(&code, code_path))
        return usage();
    program.code = code.text;
    int status = run(&program, &spec, seed, only, &arena);
    free(program.text);
    free(code.text);
    arena_free(&arena);
    return status;
}
