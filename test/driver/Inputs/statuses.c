/* Each check of compiled code at run time: passes and does not, with its text. See statuses.bp. */
#include "statuses.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures, checks;
static _Alignas(64) char work[1 << 20];

/* `text`: what the status says; NULL: it is 0. */
static void expect(const char *call, int status, const char *text) {
    const char *got = statuses_error(status);
    checks++;
    int right = text ? status > 0 && got && strstr(got, text) && strstr(got, "statuses.bp:")
                     : status == 0 && !got;
    if (!right) {
        printf("%s: status %d, %s\n", call, status, got ? got : "no text");
        failures++;
    }
}
#define EXPECT(call, text) expect(#call, call, text)

static double x[4] = {1, 2, 3, 4}, out[64];
static const int64_t huge = INT64_C(1) << 62;

static void test_sizes(void) {
    EXPECT(sizes(4, x, out, work), NULL);
    EXPECT(sizes(0, NULL, out, work), NULL);
    EXPECT(sizes(-1, x, out, work), "the size n is negative or above 2**48");
    EXPECT(sizes(INT64_MIN, x, out, work), "the size n is negative");
    EXPECT(sizes(huge, x, out, work), "or above 2**48");
    EXPECT(f(2, x, out, work), NULL);
    EXPECT(f(1, x, out, work), "the condition of f does not hold");
    EXPECT(fixed(3, x, 3, out, work), NULL);
    EXPECT(fixed(3, x, 2, out, work), "does not hold");
    const int64_t wide_size = INT64_C(1) << 40;
    EXPECT(wide(2, 2, x, x, out, work), NULL);
    EXPECT(wide(wide_size, wide_size, x, x, out, work), "the sizes are too large");
    if (wide_work(wide_size, wide_size) != SIZE_MAX)
        failures++;
    EXPECT(counted(3, out, work), NULL);
    EXPECT(counted(-1, out, work), "negative size");
    EXPECT(counted(huge, out, work), "this size is too large");
    EXPECT(equal(4, x, 4, out, work), NULL);
    EXPECT(equal(4, x, 3, out, work), "sizes differ: ");
    EXPECT(shaped(4, x, 2, out, work), NULL);
    EXPECT(shaped(4, x, 1, out, work), "reshape to another number of elements");
}

static void test_indices(void) {
    EXPECT(element(4, x, 3, out, work), NULL);
    EXPECT(element(4, x, 4, out, work), "index out of range for axis 1 of length n");
    EXPECT(element(4, x, -1, out, work), "index out of range");
    EXPECT(element(0, NULL, 0, out, work), "index out of range");
    EXPECT(element_grad(4, x, 3, out, work), NULL);
    EXPECT(element_grad(4, x, 4, out, work), "index out of range");
    EXPECT(part(4, x, 2, out, work), NULL);
    EXPECT(part(4, x, 3, out, work), "range out of bounds for axis 1 of length n");
    EXPECT(part(4, x, INT64_MAX, out, work), "range out of bounds");
    EXPECT(added(4, x, 3, out, work), NULL);
    EXPECT(added(4, x, 4, out, work), "index out of range");
    EXPECT(scattered(2, (int64_t[]){0, 3}, out, work), NULL);
    EXPECT(scattered(2, (int64_t[]){0, 4}, out, work), "index out of range");
}

static void test_values(void) {
    int64_t n = 0;
    EXPECT(quotient(7, 2, &n, work), NULL);
    EXPECT(quotient(7, 0, &n, work), "integer division by zero");
    EXPECT(quotient(INT64_MIN, -1, &n, work), NULL);
    EXPECT(remainder_of(7, 2, &n, work), NULL);
    EXPECT(remainder_of(7, 0, &n, work), "integer division by zero");
    EXPECT(asserted(4, out, work), NULL);
    EXPECT(asserted(-4, out, work), "assertion failed");
    EXPECT(asserted(NAN, out, work), "assertion failed");
    EXPECT(bounded(50, out, work), NULL);
    EXPECT(bounded(1, out, work), "the condition still holds after max_iter steps");
}

static void test_matrices(void) {
    double good[4] = {2, 1, 1, 2}, bad[4] = {1, 2, 2, 1}, flat[4] = {1, 2, 2, 4};
    double zero[4] = {1, 0, 1, 0}, nan[4] = {NAN, 0, 0, 1};
    EXPECT(factored(2, good, out, work), NULL);
    EXPECT(factored(2, bad, out, work), "the matrix is not positive definite");
    EXPECT(factored(2, nan, out, work), "the matrix is not positive definite");
    EXPECT(factored_grad(2, good, out, work), NULL);
    EXPECT(factored_grad(2, bad, out, work), "the matrix is not positive definite");
    EXPECT(solved(2, good, x, out, work), NULL);
    EXPECT(solved(2, flat, x, out, work), "the matrix is singular");
    EXPECT(inverted(2, good, out, work), NULL);
    EXPECT(inverted(2, flat, out, work), "the matrix is singular");
    EXPECT(substituted(2, good, x, out, work), NULL);
    EXPECT(substituted(2, zero, x, out, work), "the triangular matrix is singular");
}

int main(void) {
    test_sizes();
    test_indices();
    test_values();
    test_matrices();
    if (statuses_error(-1) || statuses_error(100000))
        failures++;
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
