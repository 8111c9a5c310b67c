/* The table of operations: one record a row of ir/ops.def, in the order of the enum.
 *
 * Read by everything that knows operations by name or asks for their properties. Holds no rules of
 * its own: type rules live in builder and verifier, evaluation in eval_math.c, derivatives in
 * passes/. */
#include "ir/ir.h"

#include <string.h>

const OpInfo op_info[OP_COUNT] = {
#define EW(name_, arity_, class_, builtin_, cost_, pole_, eval, d0, d1, d2, lo0, hi0, lo1, hi1)    \
    [OP_##name_] = {.name = #name_,                                                                \
                    .arity = arity_,                                                               \
                    .class = OPC_##class_,                                                         \
                    .builtin = builtin_,                                                           \
                    .cost = cost_,                                                                 \
                    .pole = pole_,                                                                 \
                    .lo = {lo0, lo1},                                                              \
                    .hi = {hi0, hi1}},
#include "ir/ops.def"
#undef EW
#define ST(name_, effect_)                                                                         \
    [OP_##name_] = {.name = #name_, .arity = -1, .class = OPC_ST, .effect = effect_},
#include "ir/ops.def"
#undef ST
};

const char *const checkpoint_name[CHECK_binomial + 1] = {[CHECK_store] = "store",
                                                         [CHECK_inner] = "inner",
                                                         [CHECK_every] = "every",
                                                         [CHECK_binomial] = "binomial"};

const char *const reduce_name[RED_argmin + 1] = {
    [RED_sum] = "sum", [RED_max] = "max", [RED_min] = "min",       [RED_logsumexp] = "logsumexp",
    [RED_any] = "any", [RED_all] = "all", [RED_argmax] = "argmax", [RED_argmin] = "argmin",
};

Op op_find(const char *name) {
    for (int op = 0; op < OP_COUNT; op++) {
        if (strcmp(op_info[op].name, name) == 0) {
            return (Op)op;
        }
    }
    return OP_COUNT;
}
