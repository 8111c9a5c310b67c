/* Fits a decaying oscillation to noisy samples by gradient descent. The model is a text that the
 * host hands to libbpc at run time; what comes back are C function pointers to the loss and to its
 * gradient.
 *
 *   cc host.c -lbpc -lm -o fit && ./fit */
#include "bpc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char model_text[] =
    "type Wave = { size: f64, decay: f64, speed: f64, phase: f64 };\n"
    "\n"
    "fn wave(w: Wave, t: f64) -> f64 = w.size*exp(-w.decay*t)*cos(w.speed*t + w.phase);\n"
    "\n"
    "export fn loss[n](w: Wave, t: [n]f64, y: [n]f64) -> f64 =\n"
    "  mean((wave(w, t[i]) - y[i])**2 for i);\n"
    "\n"
    "export value_and_grad[w](loss);\n";

/* As the generated header has them (bpc_module_header). */
typedef struct {
    double *size, *decay, *speed, *phase;
} Wave;
typedef int LossFn(int64_t n, const Wave *w, const double *t, const double *y, double *out,
                   void *work);
typedef int GradFn(int64_t n, const Wave *w, const double *t, const double *y, double *out,
                   Wave *grad_w, void *work);
typedef size_t WorkFn(int64_t n);

enum { SAMPLES = 200, STEPS = 400 };

/* The function `name`, into the function pointer at `to`; the program ends when there is none. */
static void get_function(BpcModule *model, const char *name, void *to) {
    void *address = bpc_module_function(model, name);
    if (!address) {
        const char *why = bpc_module_link_error(model);
        fprintf(stderr, "no function %s: %s\n", name, why ? why : "not exported");
        exit(1);
    }
    memcpy(to, &address, sizeof address);
}

static void *new_work(size_t bytes) {
    void *work = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (!work)
        exit(1);
    return work;
}

static void check(BpcModule *model, int status) {
    if (status) {
        fprintf(stderr, "%s\n", bpc_module_error(model, status));
        exit(1);
    }
}

static void make_samples(double *t, double *y) {
    uint32_t noise = 12345;
    for (int i = 0; i < SAMPLES; i++) {
        noise = noise * 1664525u + 1013904223u;
        t[i] = 5.0 * i / SAMPLES;
        y[i] = 2.0 * exp(-0.4 * t[i]) * cos(3.0 * t[i] + 0.5) +
               0.02 * ((double)noise / 4294967296.0 - 0.5);
    }
}

int main(void) {
    BpcContext *ctx = bpc_context_new(NULL);
    BpcModule *model = bpc_compile(ctx, "wave.bp", model_text, strlen(model_text), NULL);
    if (!model) {
        fputs(bpc_diagnostics_text(ctx), stderr);
        return 1;
    }
    LossFn *loss;
    GradFn *grad;
    WorkFn *loss_work, *grad_work;
    get_function(model, "loss", &loss);
    get_function(model, "loss_work", &loss_work);
    get_function(model, "loss_value_and_grad", &grad);
    get_function(model, "loss_value_and_grad_work", &grad_work);

    double t[SAMPLES], y[SAMPLES];
    make_samples(t, y);
    double w[4] = {1.5, 0.2, 2.8, 0.2}, g[4], value;
    Wave at = {&w[0], &w[1], &w[2], &w[3]}, slope = {&g[0], &g[1], &g[2], &g[3]};
    void *work = new_work(grad_work(SAMPLES));

    for (int step = 0; step < STEPS; step++) {
        check(model, grad(SAMPLES, &at, t, y, &value, &slope, work));
        if (step % 100 == 0)
            printf("step %3d: loss %.6f\n", step, value);
        for (int i = 0; i < 4; i++)
            w[i] -= 0.1 * g[i];
    }
    free(work);

    work = new_work(loss_work(SAMPLES));
    check(model, loss(SAMPLES, &at, t, y, &value, work));
    free(work);
    printf("loss %.6f at size %.3f, decay %.3f, speed %.3f, phase %.3f\n", value, w[0], w[1], w[2],
           w[3]);
    bpc_module_free(model);
    bpc_context_free(ctx);
    return 0;
}
