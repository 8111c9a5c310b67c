/* Names, types and sizes. Fills the checker's slots of the AST (parser/ast.h).
 *
 * Each function is checked once, over the symbols of its size parameters; sizes are compared as
 * polynomials, and what depends on a value of the program is left as a SizeCheck in the tree. */
#ifndef BPC_PARSER_CHECK_H
#define BPC_PARSER_CHECK_H

#include "parser/ast.h"

/* False when diagnostics were queued; then the tree must not be lowered. */
bool check_module(Context *ctx, AstModule *module);

#endif
