/* What the fuzz targets share. A target is one file of this folder, NAME_fuzz.c; `make fuzz` builds
 * and runs them all, docs/development.md says how to repeat a finding.
 *
 * A target aborts where a promise is broken that no sanitizer sees: FUZZ_CHECK. */
#ifndef BPC_TEST_FUZZ_H
#define BPC_TEST_FUZZ_H

#include "support/context.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Under the memory sanitizer: what libFuzzer and LLVM write is taken for undefined, since they are
 * not instrumented. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define FUZZ_WITHOUT_LLVM 1
#define FUZZ_DEFINED(bytes, n) __msan_unpoison((bytes), (n))
#endif
#endif
#ifndef FUZZ_WITHOUT_LLVM
#define FUZZ_WITHOUT_LLVM 0
#define FUZZ_DEFINED(bytes, n) ((void)(bytes), (void)(n))
#endif

#define FUZZ_CHECK(condition, what)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, (what));                            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs the body in a context of its own; what it allocated must come back. */
typedef void FuzzBody(Context *ctx, const uint8_t *data, size_t size);
void fuzz_in_context(FuzzBody *body, const uint8_t *data, size_t size);

/* What else than the bytes decides an input: bits of them. */
uint32_t fuzz_hash(const uint8_t *data, size_t size);

/* There must be a diagnostic. Prints them to nowhere for a choice of the inputs, as text or JSON.
 */
void fuzz_report(Context *ctx);
/* Writes the diagnostics to stderr and aborts. */
_Noreturn void fuzz_fail(Context *ctx, const char *what);

#endif
