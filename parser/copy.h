/* Copies of unchecked declarations: a template is copied for each list of types it is called with.
 */
#ifndef BPC_PARSER_COPY_H
#define BPC_PARSER_COPY_H

#include "parser/ast.h"

/* What the parser filled in, with the checker's slots empty. No node is shared with the original.
 */
FnDecl *copy_fn(Arena *arena, const FnDecl *fn);
Rule *copy_rule(Arena *arena, const Rule *rule);

#endif
