/* The pool: every iteration runs once, in parts that depend on nothing but their number, the first
 * failure is the one that is told, and hosts with threads of their own may call at any time. */
#include "runtime/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { HOSTS = 4, ROUNDS = 2000, FAILS_FROM = 5 };

typedef struct Env {
    int64_t sum[BPC_MOST_PARTS], lo[BPC_MOST_PARTS], hi[BPC_MOST_PARTS];
} Env;

static int add_up(void *user, int64_t lo, int64_t hi, int64_t part) {
    Env *env = user;
    int64_t sum = 0;
    for (int64_t i = lo; i < hi; i++)
        sum += i;
    env->sum[part] = sum, env->lo[part] = lo, env->hi[part] = hi;
    return part >= FAILS_FROM ? (int)part : 0;
}

static int check(int64_t parts, int64_t extent) {
    Env env;
    memset(&env, 0, sizeof env);
    int status = bpc_parallel(add_up, &env, parts, extent), wrong = 0;
    int64_t sum = 0, next = 0;
    for (int64_t k = 0; k < parts; k++) {
        int64_t length = env.hi[k] - env.lo[k];
        int64_t each = extent / parts, slack = each < 64 ? 0 : 16; /* long parts begin at vectors */
        wrong += env.lo[k] != next || length < each - slack || length > each + 1 + slack;
        wrong += slack > 0 && env.lo[k] % 16 != 0;
        next = env.hi[k];
        sum += env.sum[k];
    }
    wrong += next != extent || sum != extent * (extent - 1) / 2;
    wrong += status != (parts > FAILS_FROM ? FAILS_FROM : 0);
    if (wrong)
        fprintf(stderr, "%d parts of %d: status %d\n", (int)parts, (int)extent, status);
    return wrong;
}

static void *host(void *wrong) {
    for (int i = 0; i < ROUNDS; i++)
        *(int *)wrong += check(1 + i % 9, i % 1000);
    return NULL;
}

int main(void) {
    int wrong[HOSTS] = {0}, total = 0;
    for (int64_t parts = 1; parts <= BPC_MOST_PARTS; parts++)
        total += check(parts, 0) + check(parts, 1) + check(parts, 100);
    pthread_t threads[HOSTS];
    for (int i = 0; i < HOSTS; i++)
        if (pthread_create(&threads[i], NULL, host, &wrong[i]) != 0)
            return 1;
    for (int i = 0; i < HOSTS; i++) {
        pthread_join(threads[i], NULL);
        total += wrong[i];
    }
    return total != 0;
}
