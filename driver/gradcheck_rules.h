/* Which derivative rule is to blame? Used by gradcheck_command.c when derivatives disagree. */
#ifndef BPC_DRIVER_GRADCHECK_RULES_H
#define BPC_DRIVER_GRADCHECK_RULES_H

#include "driver/gradcheck_command.h"

/* Checks, each alone, the functions with rules that `function` comes to, and says which are wrong.
 */
void gradcheck_rules(Context *ctx, Source *source, const ProgramOptions *options,
                     const GradcheckOptions *check, const char *function, Text *out);

#endif
