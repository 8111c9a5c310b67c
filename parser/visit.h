/* Walking the syntax tree; see visit.c. */
#ifndef BPC_PARSER_VISIT_H
#define BPC_PARSER_VISIT_H

#include "parser/ast.h"

typedef void ExprVisit(void *user, Expr *e);
/* Calls visit with each expression that stands directly in e, in the order of the text; the sizes
 * of types among them. */
void expr_parts(const Expr *e, ExprVisit *visit, void *user);

#endif
