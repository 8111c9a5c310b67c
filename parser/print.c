#include "parser/parser.h"
void print_ast(Text *out, const Context *ctx, const AstModule *module) {
    (void)ctx; (void)module; text_puts(out, "");
}
