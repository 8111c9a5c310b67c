/* Reading and writing whole files. See driver/files.h. */
#include "driver/files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

static bool read_all(Arena *arena, FILE *file, char **text, size_t *size) {
    Text all;
    text_init(&all, arena);
    char chunk[16384];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        text_add(&all, chunk, n);
    *text = all.data ? all.data : arena_strdup(arena, "", 0);
    *size = all.n;
    return !ferror(file);
}

/* Memory for the text may run out while the file is open; the process ends then, so nothing leaks
 * for long. */
bool file_read(Arena *arena, const char *path, char **text, size_t *size, const char **error) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    bool ok = file != NULL && read_all(arena, file, text, size);
    if (!ok)
        *error = arena_printf(arena, "%s", strerror(errno));
    if (file && !standard)
        fclose(file);
    return ok;
}

bool file_is_same(const char *a, const char *b) {
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* ---- writing ---- */

/* Where the bytes of one output go first: the temporary, or the place itself when that is a device
 * or a pipe. */
typedef struct Target {
    char *temp;       /* NULL: written in place */
    const char *path; /* what the temporary replaces: links are followed, not replaced */
    int fd;           /* -1: none open */
} Target;

static bool is_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* /dev/stdout is a link to an open file, which is written whatever its kind. */
static bool is_special(const char *path) {
    struct stat info;
    if (strncmp(path, "/dev/", 5) == 0 && is_link(path))
        return true;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static bool is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Also where nothing is behind them yet. NULL, and errno: they lead nowhere. */
static const char *path_behind_links(Arena *arena, const char *path) {
    enum { MOST_LINKS = 40 };
    for (int i = 0; is_link(path); i++) {
        char to[PATH_MAX];
        ssize_t n = readlink(path, to, sizeof to);
        if (i == MOST_LINKS || n <= 0 || n == (ssize_t)sizeof to) {
            errno = i == MOST_LINKS ? ELOOP : ENAMETOOLONG;
            return NULL;
        }
        const char *slash = to[0] == '/' ? NULL : strrchr(path, '/');
        path =
            arena_printf(arena, "%.*s%.*s", slash ? (int)(slash - path + 1) : 0, path, (int)n, to);
    }
    return path;
}

/* What is replaced keeps its permissions. */
static mode_t mode_for(const char *path) {
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    return stat(path, &info) == 0 ? info.st_mode & 0777 : 0666 & ~mask;
}

static bool open_target(Arena *arena, const char *path, Target *target) {
    *target = (Target){.fd = -1};
    if (strcmp(path, "-") == 0) {
        target->fd = dup(STDOUT_FILENO);
    } else if (is_special(path)) {
        FILE *file = fopen(path, "wb");
        if (file) {
            target->fd = dup(fileno(file));
            fclose(file);
        }
    } else if (is_directory(path)) {
        errno = EISDIR;
    } else if ((target->path = path_behind_links(arena, path)) != NULL) {
        target->temp = arena_printf(arena, "%s.XXXXXX", target->path);
        target->fd = mkstemp(target->temp);
        if (target->fd < 0)
            target->temp = NULL;
        else
            (void)fchmod(target->fd, mode_for(target->path));
    }
    return target->fd >= 0;
}

static bool write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_target(Arena *arena, const FileOut *file, Target *target) {
    if (!open_target(arena, file->path, target))
        return false;
    bool ok = write_all(target->fd, file->data, file->size);
    return close(target->fd) == 0 && ok;
}

bool files_write(Arena *arena, const FileOut *files, int n, const char **error) {
    Target targets[FILES_MAX] = {0};
    int renamed = 0, at = 0;
    bool ok = true;

    for (; ok && at < n; at++)
        ok = write_target(arena, &files[at], &targets[at]);
    for (; ok && renamed < n; renamed++) {
        Target *target = &targets[renamed];
        if (target->temp && rename(target->temp, target->path) != 0)
            break;
    }
    if (ok && renamed == n)
        return true;

    int why = errno, failed = ok ? renamed : at - 1;
    *error = arena_printf(arena, "%s: %s", files[failed].path, strerror(why));
    for (int i = 0; i < n; i++)
        if (targets[i].temp)
            unlink(i < renamed ? targets[i].path : targets[i].temp);
    return false;
}
