/* From source text to AST, and the printers of both. Never stops at the first error: diagnostics
 * are queued in the context, and the tree that comes back holds E_error nodes where the text made
 * no sense; it may be checked only when ctx->diags.errors did not rise. */
#ifndef BPC_PARSER_PARSER_H
#define BPC_PARSER_PARSER_H

#include "parser/ast.h"

AstModule *parse_source(Context *ctx, Source *source); /* never NULL */
/* The text of one export as the command line takes it, without `export` and `;`: 'grad[w](loss) as
 * g'. NULL when it has errors. Add it to module->exports before checking. */
ExportDecl *parse_export(Context *ctx, Source *source);

void print_tokens(Text *out, Context *ctx, Source *source); /* one a line: 3:7 identifier "loss" */
/* An indented tree with locations; after checking also with types. */
void print_ast(Text *out, const Context *ctx, const AstModule *module);

#endif
