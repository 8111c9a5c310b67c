/* Answers for the maps of vecmath_maps.h that it is linked with, on standard input and output:
 * reads fn, f32, k and n as int32_t and n numbers twice, and writes n numbers. Needs no LLVM, so
 * that it can be built for another machine. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void MapFn(void *y, const void *a, const void *b, int64_t n);

#define MATHFN(name, arity, libm64, libm32, emitter, place, ulp32, ulp64)                          \
    MapFn map_##name##_f32_1, map_##name##_f32_4, map_##name##_f32_8, map_##name##_f32_16,         \
        map_##name##_f64_1, map_##name##_f64_2, map_##name##_f64_4, map_##name##_f64_8;
#include "codegen/vecmath.def"
#undef MATHFN

static MapFn *const maps[][2][4] = {
#define MATHFN(name, arity, libm64, libm32, emitter, place, ulp32, ulp64)                          \
    {{map_##name##_f32_1, map_##name##_f32_4, map_##name##_f32_8, map_##name##_f32_16},            \
     {map_##name##_f64_1, map_##name##_f64_2, map_##name##_f64_4, map_##name##_f64_8}},
#include "codegen/vecmath.def"
#undef MATHFN
};

int main(void) {
    static double a[4096], b[4096], y[4096]; /* or twice as many floats */
    int32_t q[4];
    while (fread(q, sizeof q, 1, stdin) == 1) {
        size_t size = q[1] ? 4 : 8, n = (size_t)q[3];
        if (n * size > sizeof a || fread(a, size, n, stdin) != n || fread(b, size, n, stdin) != n)
            return 1;
        maps[q[0]][!q[1]][q[2]](y, a, b, q[3]);
        if (fwrite(y, size, n, stdout) != n || fflush(stdout) != 0)
            return 1;
    }
    return 0;
}
