/* The elementary functions as compiled loops, for measuring: what test/codegen/vecmath_ulp.c calls.
 *
 * Each function of codegen/vecmath.def is compiled for both precisions and for several vector
 * lengths, to an object that is loaded here, or that another process answers for, such as
 * vecmath_server.c on an emulated machine. */
#ifndef BPC_TEST_VECMATH_MAPS_H
#define BPC_TEST_VECMATH_MAPS_H

#include "codegen/vecmath.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { WIDTHS = 4 }; /* 1, 4, 8, 16 lanes of f32; 1, 2, 4, 8 of f64 */
unsigned map_width(bool f32, int k);

/* One compiled loop: y[i] = f(a[i], b[i]) for n a multiple of 16. */
typedef void MapFn(void *y, const void *a, const void *b, int64_t n);

typedef struct MapOptions {
    const char *cpu;    /* NULL: the host */
    const char *triple; /* NULL: the host's */
    const char *only;   /* a function; NULL: all */
    MathCalls calls;
    bool libm, assembly;
} MapOptions;
bool map_selected(const MapOptions *options, MathFn fn);

typedef struct Maps {
    MapFn *map[MATH_COUNT][2][WIDTHS]; /* [.][0] is f32; of no use where there is a process */
    struct LLVMOrcOpaqueLLJIT *jit;
    FILE *to, *from; /* the process */
    pid_t process;
} Maps;

/* Writes the object, or assembly, of all selected maps to `path`; "-": standard output. */
void maps_write(const MapOptions *options, const char *path);
void maps_load(Maps *maps, const MapOptions *options);
/* `command`: the shell starts it; it answers as vecmath_server.c does. */
void maps_start(Maps *maps, const char *command);
void maps_call(Maps *maps, MathFn fn, bool f32, int k, void *y, const void *a, const void *b,
               int64_t n);
void maps_close(Maps *maps);

/* Ends the program. */
void die(const char *what, const char *why);

#endif
