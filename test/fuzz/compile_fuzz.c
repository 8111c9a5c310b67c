/* libFuzzer's entry: any bytes given to the public API must end in a module or in diagnostics, with
 * all memory returned. `make fuzz`. */
#include "driver/bpc.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    BpcContext *ctx = bpc_context_new(NULL);
    BpcOptions options = bpc_options_default();
    options.opt_level = 0;
    BpcModule *module = bpc_compile(ctx, "fuzz.bp", (const char *)data, size, &options);
    if (!module && bpc_diagnostic_count(ctx) == 0)
        abort(); /* failed without saying why */
    bpc_module_free(module);
    bpc_context_free(ctx);
    return 0;
}
