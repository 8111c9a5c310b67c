"""races.py BPC FOLDER CC MODEL.bp SPEC [CODE.c]: every export of a model on eight threads, under the thread sanitizer.

The model as printed C, instrumented; each thread has results and a workspace of its own, and all read the same inputs. What
is written to an input, or kept between calls, is a race. Prints the calls of a thread and how many gave 0. CODE.c stands for
what is printed of the model.
"""
import os
import subprocess
import sys

from exports_host import TYPES, host_text

FILL = """static %(t)s *fill_%(t)s(int64_t n, double lo, double hi) {
    if (all_know)
        return shared[next++];
    %(t)s *p = malloc((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (%(t)s)random_in(lo, hi);
    return shared[next++] = p;
}
"""
# The first run, in main, makes the inputs; the threads find them in the same order.
SEE = """#include <pthread.h>
static void *shared[1 << 14];
static _Thread_local int next;
static bool all_know;
static bool is_shared(const void *p) {
    for (int i = 0; i < next; i++)
        if (shared[i] == p)
            return true;
    return false;
}
static void give_back(void *p) {
    if (!is_shared(p))
        free(p);
}
#define free give_back
static void call_all(void);
static pthread_barrier_t together;
static void *call_again(void *arg) {
    pthread_barrier_wait(&together);
    call_all();
    *(int *)arg = good;
    return NULL;
}
""" + "".join("static void see_%s(const %s *p, int64_t n) { (void)p; (void)n; }\n" % (t, t) for t in TYPES)
END = """
all_know = true;
enum { THREADS = 8 };
pthread_t threads[THREADS];
int gave[THREADS];
pthread_barrier_init(&together, NULL, THREADS);
for (int k = 0; k < THREADS; k++)
    if (pthread_create(&threads[k], NULL, call_again, &gave[k]) != 0)
        return 2;
int wrong = 0;
for (int k = 0; k < THREADS; k++) {
    pthread_join(threads[k], NULL);
    wrong += gave[k] != good;
}
printf("%d calls, %d gave 0, %d threads see others\\n", calls, good, wrong);
return wrong != 0;
"""


def main():
    bpc, folder, cc, model, spec_path = sys.argv[1:6]
    name = os.path.splitext(os.path.basename(model))[0]
    code, host = os.path.join(folder, name + ".c"), os.path.join(folder, name)
    subprocess.run([bpc, model, "--emit=c", "-o", code], check=True)
    subprocess.run([bpc, model, "--emit=header", "-o", host + ".h"], check=True)
    code = sys.argv[6] if len(sys.argv) > 6 else code
    text = host_text(name, folder, spec_path, SEE, END, FILL)
    with open(host + "-host.c", "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run([*cc.split(), "-std=c17", "-O1", "-g", "-D_GNU_SOURCE", "-Wno-unused-function", "-fsanitize=thread", "-I", folder,
                    host + "-host.c", code, "-lm", "-lpthread", "-o", host], check=True)
    done = subprocess.run([host], capture_output=True, text=True, check=False, env={**os.environ, "TSAN_OPTIONS": "exitcode=9"})
    print("%s: %s%s" % (name, done.stdout, done.stderr), end="")
    sys.exit(done.returncode)


main()
