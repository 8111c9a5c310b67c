/* Warnings: programs that mean something, but hardly what was meant. */
#ifndef BPC_PARSER_WARN_H
#define BPC_PARSER_WARN_H

#include "parser/ast.h"

/* Queues the warnings of a file that was checked without errors (warn.c). */
void warn_module(Context *ctx, const AstModule *module);

/* How a result depends on a parameter: least first. */
typedef enum Dependence {
    DEPENDS_not,
    DEPENDS_in_steps, /* through integers, conditions and the like: the derivative is 0 */
    DEPENDS_stopped,  /* through `stop` besides, which asks for that */
    DEPENDS,
} Dependence;
/* Of the float results of fn on its parameter k; where it is not clear, DEPENDS (warn_zeros.c). */
Dependence fn_dependence(Context *ctx, FnDecl *fn, int k);

#endif
