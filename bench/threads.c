/* Two threads against one, by the clock on the wall: models compiled with `--threads=2` and
 * without, as libraries, since both export the same names. It says something only where nothing
 * else wants the second core. */
#include "ba.h"
#include "gmm.h"
#include "measure.h"
#include "mlp.h"
#include "report.h"
#include "rows.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Job Job;
struct Job {
    int (*call)(const Job *job); /* runs `function` on the data of the job */
    void *function, *work;
    void *data;
    void *result;
    size_t result_bytes;
};

static const char *failed(int status) {
    (void)status;
    return "a model failed";
}

static double by_clock(void *user) {
    const Job *job = user;
    enum { WARM_UP = 4, CALLS = 32 }; /* the other version has left the caches of both cores cold */
    struct timespec from, to;
    for (int i = 0; i < WARM_UP; i++)
        measure_ok(job->call(job), failed);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < CALLS; i++)
        measure_ok(job->call(job), failed);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec)) / CALLS;
}

static void *symbol(const char *folder, const char *model, int threads, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%d.so", folder, model, threads);
    void *library = dlopen(path, RTLD_NOW), *found = library ? dlsym(library, name) : NULL;
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

/* ---- the models ---- */

typedef struct MlpData {
    Mlp p, g;
    float *X, loss;
    int64_t *y;
} MlpData;

enum { N = 256, D = 784, H = 128, C = 10, LEAVES = H * D + H + C * H + C };

static Mlp new_mlp(void) {
    float *w = measure_memory(LEAVES * sizeof *w);
    return (Mlp){w, w + H * D, w + H * D + H, w + H * D + H + C * H};
}

static int call_mlp(const Job *job) {
    MlpData *d = job->data;
    __typeof__(&step) function = (__typeof__(&step))job->function;
    return function(N, D, H, C, &d->p, d->X, d->y, &d->loss, &d->g, job->work);
}

static Job mlp_job(void) {
    MlpData *d = measure_memory(sizeof *d);
    *d = (MlpData){.p = new_mlp(), .g = new_mlp()};
    d->X = measure_memory(sizeof(float) * N * D);
    d->y = measure_memory(sizeof(int64_t) * N);
    measure_fill_f32(d->p.W1, LEAVES, -0.1, 0.1);
    measure_fill_f32(d->X, N * D, 0, 1);
    for (int i = 0; i < N; i++)
        d->y[i] = rand() % C;
    return (Job){.call = call_mlp, .data = d, .result = d->g.W1, .result_bytes = LEAVES * 4};
}

typedef struct GmmData {
    Gmm p, g;
    double *X, value;
} GmmData;

enum { GMM_N = 10000, GMM_D = 10, GMM_K = 25, GMM_T = GMM_D * (GMM_D - 1) / 2, M = 0 };
enum { GMM_LEAVES = GMM_K * (1 + 2 * GMM_D + GMM_T) };

static Gmm new_gmm(void) {
    double *w = measure_memory(GMM_LEAVES * sizeof *w);
    return (Gmm){w, w + GMM_K, w + GMM_K + GMM_K * GMM_D, w + GMM_K + 2 * GMM_K * GMM_D};
}

static int call_gmm(const Job *job) {
    GmmData *d = job->data;
    __typeof__(&gmm_grad) function = (__typeof__(&gmm_grad))job->function;
    return function(GMM_N, GMM_K, GMM_D, GMM_T, &d->p, d->X, 1.0, M, &d->value, &d->g, job->work);
}

static Job gmm_job(void) {
    GmmData *d = measure_memory(sizeof *d);
    *d = (GmmData){.p = new_gmm(), .g = new_gmm()};
    d->X = measure_memory(sizeof(double) * GMM_N * GMM_D);
    measure_fill(d->p.alpha, GMM_LEAVES, -0.5, 0.5);
    measure_fill(d->X, GMM_N * GMM_D, -1, 1);
    return (Job){.call = call_gmm, .data = d, .result = d->g.alpha, .result_bytes = GMM_LEAVES * 8};
}

typedef struct BaData {
    Cam cams, grad_cams;
    double *pts, *w, *z, *blocks, *grad_pts, *grad_w, value;
    int64_t *cam, *pt;
} BaData;

enum { CAMS = 50, POINTS = 5000, SEEN = 30000 };

static double *numbers(size_t n, double from, double to) {
    double *x = measure_memory(sizeof *x * n);
    measure_fill(x, n, from, to);
    return x;
}

static Cam new_cams(void) {
    return (Cam){numbers(CAMS * 3, -0.3, 0.3), numbers(CAMS * 3, -0.5, 0.5),
                 numbers(CAMS, 400, 600), numbers(CAMS * 2, -1, 1), numbers(CAMS * 2, -0.1, 0.1)};
}

static int call_gradient(const Job *job) {
    BaData *d = job->data;
    __typeof__(&ba_grad) function = (__typeof__(&ba_grad))job->function;
    return function(CAMS, POINTS, SEEN, &d->cams, d->pts, d->w, d->cam, d->pt, d->z, &d->value,
                    &d->grad_cams, d->grad_pts, d->grad_w, job->work);
}

static int call_blocks(const Job *job) {
    BaData *d = job->data;
    __typeof__(&jacobian_blocks) function = (__typeof__(&jacobian_blocks))job->function;
    return function(CAMS, POINTS, SEEN, &d->cams, d->pts, d->w, d->cam, d->pt, d->z, d->blocks,
                    job->work);
}

static Job ba_job(bool gradient) {
    BaData *d = measure_memory(sizeof *d);
    *d = (BaData){.cams = new_cams(), .grad_cams = new_cams(), .pts = numbers(POINTS * 3, 4, 6)};
    d->w = numbers(SEEN, 0.5, 1);
    d->z = numbers(SEEN * 2, -100, 100);
    d->grad_pts = numbers(POINTS * 3, 0, 0);
    d->grad_w = numbers(SEEN, 0, 0);
    d->blocks = numbers(SEEN * 30, 0, 0);
    d->cam = measure_memory(sizeof(int64_t) * SEEN);
    d->pt = measure_memory(sizeof(int64_t) * SEEN);
    for (int o = 0; o < SEEN; o++) {
        d->cam[o] = rand() % CAMS;
        d->pt[o] = o * POINTS / SEEN;
    }
    Job job = {.call = gradient ? call_gradient : call_blocks, .data = d};
    job.result = gradient ? d->grad_w : d->blocks;
    job.result_bytes = 8 * (size_t)(gradient ? SEEN : SEEN * 30);
    return job;
}

/* ---- the row ---- */

static void compare(const char *folder, const char *what, const char *model, const char *name,
                    bool is_f32, Job job, size_t work_one, size_t work_two) {
    Job two = job;
    job.function = symbol(folder, model, 1, name);
    two.function = symbol(folder, model, 2, name);
    job.work = measure_memory(work_one);
    two.work = measure_memory(work_two);
    void *alone = measure_memory(job.result_bytes);
    measure_ok(job.call(&job), failed);
    memcpy(alone, job.result, job.result_bytes);
    memset(job.result, 0, job.result_bytes);
    measure_ok(two.call(&two), failed);
    if (is_f32)
        measure_agree_f32(what, alone, job.result, job.result_bytes / 4, 1e-4);
    else
        measure_agree(what, alone, job.result, job.result_bytes / 8, 1e-9);
    Candidate runs[] = {{.timed = by_clock, .user = &job}, {.timed = by_clock, .user = &two}};
    measure(runs, 2, 2.0);
    report(what, "one thread", runs[1].median, runs[0].median, FASTER, 1.8);
    free(alone), free(job.work), free(two.work);
}

/* The bytes of workspace that a version says it needs. */
#define WORK(model, threads, name, ...)                                                            \
    ((__typeof__(&name##_work))symbol(folder, model, threads, #name "_work"))(__VA_ARGS__)
#define COMPARE(what, model, name, is_f32, job, ...)                                               \
    compare(folder, what, model, #name, is_f32, job, WORK(model, 1, name, __VA_ARGS__),            \
            WORK(model, 2, name, __VA_ARGS__))

void row_threads(const char *folder) {
    report_model("Two threads, by the clock");
    COMPARE("MLP batch 256, a sample at a time", "mlp", step, true, mlp_job(), N, D, H, C);
    COMPARE("MLP batch 256, batched", "mlp", step_batched, true, mlp_job(), N, D, H, C);
    COMPARE("GMM gradient, (10k,10,25)", "gmm", gmm_grad, false, gmm_job(), GMM_N, GMM_K, GMM_D,
            GMM_T, M);
    COMPARE("BA gradient, 30k", "ba", ba_grad, false, ba_job(true), CAMS, POINTS, SEEN);
    COMPARE("BA Jacobian, 30k", "ba", jacobian_blocks, false, ba_job(false), CAMS, POINTS, SEEN);
}
