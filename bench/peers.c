/* A conversation with bench/peers.py: a line of what to run, answered by the seconds it took. See
 * bench/peers.h. */
#include "peers.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static FILE *to_peers, *from_peers;
static char versions[256] = "none";

static bool answer(char *text, int size) {
    if (!from_peers || !fgets(text, size, from_peers))
        return false;
    text[strcspn(text, "\n")] = 0;
    return true;
}

static void start(void) {
    static bool tried;
    if (tried)
        return;
    tried = true;
    int in[2], out[2];
    if (pipe(in) || pipe(out))
        return;
    const char *python = getenv("BENCH_PYTHON");
    char command[] = "bench/peers.py", name[256];
    snprintf(name, sizeof name, "%s", python && *python ? python : "python3");
    char *arguments[] = {name, command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    pid_t child;
    if (posix_spawnp(&child, name, &actions, NULL, arguments, environ) == 0) {
        to_peers = fdopen(in[1], "w");
        from_peers = fdopen(out[0], "r");
    }
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    char text[sizeof versions];
    if (answer(text, sizeof text) && *text)
        snprintf(versions, sizeof versions, "%s", text);
}

const char *peers_versions(void) {
    start();
    return versions;
}

static double ask(void *user) {
    char text[64];
    fprintf(to_peers, "%s\n", (const char *)user);
    fflush(to_peers);
    return answer(text, sizeof text) ? strtod(text, NULL) : 0;
}

bool peers_candidate(const char *what, Candidate *candidate) {
    start();
    char peer[32];
    snprintf(peer, sizeof peer, "%.*s", (int)strcspn(what, " "), what);
    if (!to_peers || !strstr(versions, peer))
        return false;
    *candidate = (Candidate){.timed = ask, .user = (void *)(size_t)what};
    return ask(candidate->user) > 0;
}
