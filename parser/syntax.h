/* Messages about syntax and the few constructs that the grammar accepts in order to refuse them
 * well. Called by parser/grammar.y only. */
#ifndef BPC_PARSER_SYNTAX_H
#define BPC_PARSER_SYNTAX_H

#include "parser/build.h"

void syntax_report(Builder *b, const char *got, Loc loc, const char *const *expected, int n);
void syntax_too_deep(Builder *b, Loc loc);
void syntax_statement(Builder *b, const Expr *expr, Loc semicolon); /* e; in a block */
void syntax_stray_semicolon(Builder *b, Loc loc);
void syntax_component(Builder *b, Loc loc); /* t.1.0 */
void syntax_scatter(Builder *b, CallArgs *args, Expr *at, Expr *value, BinderList *binders);
Expr *syntax_with_fields(Builder *b, Loc loc, Expr *x, const ArgList *fields);
Carry *syntax_carry(Builder *b, Name name, Expr *init);
const char *syntax_token_name(int token); /* of a token number, as in messages: "`let`" */

#endif
