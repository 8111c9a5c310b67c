/* Host of large-sizes.bp: sizes at the ends of 64 bits give statuses, sizes that fit give values.
 */
#include "large_sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *what, int status, const char *text) {
    const char *found = large_sizes_error(status);
    if (text ? !found || !strstr(found, text) : status != 0) {
        printf("%s: status %d, %s; wanted %s\n", what, status, found ? found : "no text",
               text ? text : "none");
        failures++;
    }
}

int main(void) {
    static const int64_t large[] = {INT64_MAX,     INT64_MAX - 1,    INT64_MAX / 3 + 1,
                                    INT64_MAX / 2, INT64_C(1) << 62, INT64_MIN,
                                    INT64_MIN / 3, INT64_C(3) << 60};
    double out[8];
    int64_t count;
    _Alignas(64) static char work[1 << 16];
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        int64_t k = large[i];
        const char *text = "too large";
        expect("filled", filled(k, out, work), text);
        expect("counted", counted(k, out, work), k > -(INT64_C(1) << 48) ? text : "");
        expect("made", made(k, out, work), "the size k is negative or above 2**48");
        expect("terms", terms(k, out, work), text);
        expect("scattered", scattered(k, out, work), text);
        expect("states", states(k, out, work), text);
        if (k > 0 || k == INT64_MIN)
            expect("tied_call", tied_call(k, out, work), "");
    }
    int64_t n = INT64_C(4294967296);
    expect("square", square(&n, &count, work), "this size is too large");
    n = 2;
    expect("square", square(&n, &count, work), NULL);
    expect("filled", filled(2, out, work), NULL);
    if (out[0] != 6.0 || count != 3) {
        printf("filled(2) is %g, square(2) %lld\n", out[0], (long long)count);
        failures++;
    }
    expect("made", made(2, out, work), NULL);
    return failures != 0;
}
