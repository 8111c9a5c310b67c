/* From the checked AST to IR. The one door of the front end that knows the IR.
 *
 * Called by the driver and the library after check_module returned true. Every function that an
 * export reaches becomes an IR function; functions with function parameters are specialised in
 * place at their calls; derivative operators become functions around `vjp` and `jvp`. The exports
 * of the result describe the C interface. */
#ifndef BPC_PARSER_LOWER_H
#define BPC_PARSER_LOWER_H

#include "ir/ir.h"
#include "parser/ast.h"

/* NULL when diagnostics were queued (a construct that has nothing behind it). `name` is that of the
 * module: see header_c_name. The IR lives in `arena`. */
IrModule *lower_module(Context *ctx, Arena *arena, AstModule *ast, const char *name);
/* The `test` blocks instead, in order: each an export without parameters and results, whose checks
 * are the assertions and whose doc is the title. */
IrModule *lower_tests(Context *ctx, Arena *arena, AstModule *ast, const char *name);

#endif
