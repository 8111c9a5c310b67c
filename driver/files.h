/* Reading inputs and writing outputs for the programs. Outputs appear complete or not at all: each
 * is written to a temporary file beside it and renamed when all of them are there. Not part of the
 * library, which touches no files. */
#ifndef BPC_DRIVER_FILES_H
#define BPC_DRIVER_FILES_H

#include "support/arena.h"
#include <stdbool.h>

typedef struct FileOut {
    const char *path; /* "-": standard output */
    const char *data;
    size_t size;
} FileOut;

/* Reads a whole file ("-": standard input) into the arena. False: *error says why, without the
 * path. */
bool file_read(Arena *arena, const char *path, char **text, size_t *size, const char **error);

/* Writes n files (at most FILES_MAX). False: none was written, *error says why and which. */
enum { FILES_MAX = 4 };
bool files_write(Arena *arena, const FileOut *files, int n, const char **error);

/* True when both paths name one existing file. */
bool file_is_same(const char *a, const char *b);

#endif
