/* make bench: what bpc's code costs, as ratios within one run, against the bars of each model.
 *
 *   bench BPC CC FOLDER PLOT [ROW...]    BPC: the compiler; CC: the C compiler that it is compared
 * with; FOLDER: where it may write; PLOT: the SVG that a whole run writes
 *
 * Every row (bench/rows.h) is linked with the objects that bpc made for it. Exits with 1 when
 * compiled code computes something else than the C it is compared with. */
#include "measure.h"
#include "peers.h"
#include "report.h"
#include "rows.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} rows[] = {
#define ENTRY(name) {#name, row_##name},
    ROWS(ENTRY)
#undef ENTRY
};

static bool wanted(const char *name, int argc, char **argv) {
    for (int i = 5; i < argc; i++)
        if (!strcmp(argv[i], name))
            return true;
    return argc <= 5;
}

/* "model name" of /proc/cpuinfo, after its colon */
static void print_processor(void) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            printf("processor:%s", strchr(line, ':') + 1);
            break;
        }
    if (f)
        fclose(f);
}

static void print_machine(void) {
    const Floors *f = measure_floors();
    print_processor();
    printf("peak of one core: %.0f GF/s f32, %.0f f64 (%d bits); memory: %.0f GB/s read, %.0f read "
           "and written\n",
           f->fma32 * 1e-9, f->fma64 * 1e-9, f->bits, f->read * 1e-9, f->update * 1e-9);
    printf("peers: %s\n", peers_versions());
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: bench BPC CC FOLDER PLOT [ROW...]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* a peer may die */
    print_machine();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wanted(rows[i].name, argc, argv)) {
            srand(1);
            rows[i].run();
        }
    if (wanted("compile", argc, argv))
        row_compile(argv[1], argv[2], argv[3]);
    if (wanted("threads", argc, argv))
        row_threads();
    FILE *plot = argc == 5 ? fopen(argv[4], "w") : NULL;
    report_end(plot);
    return plot && fclose(plot) ? 1 : 0;
}
