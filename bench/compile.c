/* Compile times, as processes: bpc on a program of ten lines, and on each model with all its
 * exports beside clang -O2 -c on the C by hand: everything that ba, black_scholes, gmm and lstm
 * export, fewer functions than the others do. */
#include "measure.h"
#include "report.h"
#include "rows.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

typedef struct Process {
    char *arguments[12];
} Process;

static double cpu_seconds(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static const char *failed(int status) {
    (void)status;
    return "a compiler failed";
}

static double run_process(void *user) {
    Process *p = user;
    pid_t child;
    int status = 1;
    struct rusage usage = {0};
    if (posix_spawnp(&child, p->arguments[0], NULL, NULL, p->arguments, environ) == 0)
        wait4(child, &status, 0, &usage);
    measure_ok(status, failed);
    return cpu_seconds(&usage);
}

static void bench_model(const char *bpc, const char *cc, const char *object, const char *model,
                        const char *by_hand) {
    char bp[64], c[64], out[] = "-o", optimise[] = "-O2", native[] = "-march=native", only[] = "-c",
                        real[] = "-DREAL=double";
    snprintf(bp, sizeof bp, "examples/models/%s.bp", model);
    snprintf(c, sizeof c, "bench/%s.c", by_hand);
    Process ours = {{(char *)(size_t)bpc, bp, out, (char *)(size_t)object, NULL}};
    Process theirs = {
        {(char *)(size_t)cc, optimise, native, real, only, c, out, (char *)(size_t)object, NULL}};
    Candidate runs[2] = {{.timed = run_process, .user = &ours},
                         {.timed = run_process, .user = &theirs}};
    measure(runs, 2, 1.5);
    report(bp, c, runs[0].median, runs[1].median, WITHIN, 1);
}

void row_compile(const char *bpc, const char *cc, const char *folder) {
    static const char *const models[][2] = {
        {"mlp", "mlp_hand"},
        {"gmm", "gmm_scalar"},
        {"ba", "ba_scalar"},
        {"lstm", "lstm_hand"},
        {"black_scholes", "black_scholes_scalar"},
        {"lotka", "lotka_scalar"},
        {"logistic", "logistic_hand"},
        {"kalman", "kalman_hand"},
    };
    char object[4096], out[] = "-o", model[] = "bench/ten_lines.bp";
    snprintf(object, sizeof object, "%s/timed.o", folder);
    report_model("Compile time, processor time of the process");
    Process ten = {{(char *)(size_t)bpc, model, out, object, NULL}};
    Candidate run = {.timed = run_process, .user = &ten};
    measure(&run, 1, 1.5);
    report(model, "40 ms", run.median, 0.040, WITHIN, 1);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        bench_model(bpc, cc, object, models[i][0], models[i][1]);
}
