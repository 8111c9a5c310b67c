/* AFL++'s target: the program `bpc` from its arguments and the file that it reads to the files that
 * it writes, some thousand times in one process. The bytes are the file; bits of their hash choose
 * the arguments. The program's main function is linked under another name.
 *
 *     driver_afl FOLDER          under afl-fuzz; FOLDER is for the files, best in memory
 *     driver_afl FOLDER FILE     runs a finding again
 */
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int bpc_main(int argc, char **argv);

__AFL_FUZZ_INIT();

enum { LOOPS = 1000, MOST_WORDS = 3, STATUSES = 3 };

/* What is written is not LLVM's: it takes a hundred times as long as all else. */
static const char *const choices[][MOST_WORDS] = {
    {"--emit=c"},
    {"--emit=c", "--diagnostics=json"},
    {"--emit=c", "-O0", "--color=always"},
    {"--emit=c", "-O1", "--real=f32"},
    {"--emit=c", "-O2"},
    {"--emit=c", "--size=n=2", "-w"},
    {"--emit=c", "--export=grad(f) as g"},
    {"--emit=bp"},
    {"--emit=bp", "--export=hessian(f)"},
    {"--emit=ir", "--real=f32"},
    {"--emit=header"},
    {"--emit=ast"},
    {"--emit=tokens"},
    {"fmt"},
    {"fmt", "--diagnostics=json"},
    {"test", "--interpret"},
};

typedef struct Files {
    char in[PATH_MAX], out[PATH_MAX];
} Files;

static void write_input(const char *path, const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0,
               "cannot write the input");
}

static void run(Files *files, const uint8_t *data, size_t size) {
    char program[] = "bpc", output[] = "-o", words[MOST_WORDS][64];
    char *argv[MOST_WORDS + 5] = {program};
    int argc = 1;
    const char *const *chosen = choices[fuzz_hash(data, size) % (sizeof choices / sizeof *choices)];
    for (int i = 0; i < MOST_WORDS && chosen[i]; i++) {
        snprintf(words[i], sizeof words[i], "%s", chosen[i]);
        argv[argc++] = words[i];
    }
    argv[argc++] = files->in;
    if (strcmp(chosen[0], "test") != 0) {
        argv[argc++] = output;
        argv[argc++] = files->out;
    }
    write_input(files->in, data, size);
    int status = bpc_main(argc, argv);
    FUZZ_CHECK(status >= 0 && status < STATUSES, "not an exit status of bpc");
}

static void run_file(Files *files, const char *path) {
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file, "cannot read the file");
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(files, data, size);
}

int main(int argc, char **argv) {
    Files files;
    FUZZ_CHECK(argc == 2 || argc == 3, "driver_afl FOLDER [FILE]");
    snprintf(files.in, sizeof files.in, "%s/in.bp", argv[1]);
    snprintf(files.out, sizeof files.out, "%s/out.c", argv[1]);
    if (argc == 3) {
        run_file(&files, argv[2]);
        return 0;
    }
    __AFL_INIT();
    const uint8_t *data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(LOOPS))
        run(&files, data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    return 0;
}
