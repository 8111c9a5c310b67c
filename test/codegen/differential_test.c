/* Programs in loop form (Inputs/loops/*.bpir): what the JIT computes against the interpreter,
 * without vectors and with them for several CPUs, as they stand and after the passes.
 *
 * RUN: %unit %s %libbpc -o %t
 * RUN: %t %S/Inputs/loops
 */
#include "test/codegen/Inputs/differential.h"

#include <dirent.h>

static void run_file(const char *path, const char *name) {
    static char text[1 << 18];
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[len] = 0;
    if (file)
        fclose(file);
    run_text(name, text, len, TRIALS, 70);
}

int main(int argc, char **argv) {
    struct dirent **entries;
    int n = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    for (int k = 0; k < n; k++) {
        const char *name = entries[k]->d_name;
        size_t len = strlen(name);
        if (len > 5 && strcmp(name + len - 5, ".bpir") == 0 &&
            (argc < 3 || strstr(name, argv[2]))) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", argv[1], name);
            run_file(path, name);
        }
        free(entries[k]);
    }
    if (n >= 0)
        free(entries);
    printf("%d runs, %d failures\n", runs, failures);
    return failures > 0 || runs == 0;
}
