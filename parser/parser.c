/* The entries of the parser: a module, one export, the list of tokens.
 * Called by the driver. The scanner and the parser hold no memory of their own (lexer/lexer.h). */
#include "parser/build.h"
#include "parser/grammar.tab.h"
#include "parser/syntax.h"

#include <inttypes.h>
#include <string.h>

int bp_yylex(BP_YYSTYPE *value, Loc *loc, void *scanner);

static bool too_large(Context *ctx, const Source *source) {
    if (source->len <= LEXER_MAX_BYTES) {
        return false;
    }
    diag_error(&ctx->diags, DIAG_file_too_large, (Loc){0, 0}, "%s: the text is larger than 2 GiB",
               source->name);
    return true;
}

static void run(Builder *b, Source *source, int start_token) {
    if (too_large(b->ctx, source)) {
        return;
    }
    LexState lex;
    void *scanner = lexer_open(&lex, b->ctx, source, start_token);
    b->lex = &lex;
    bp_yyparse(scanner, b);
    lexer_close(scanner);
}

AstModule *parse_source(Context *ctx, Source *source) {
    AstModule *module = ARENA_NEW(&ctx->arena, AstModule);
    module->ctx = ctx;
    module->source = source;
    Builder builder = {.ctx = ctx, .arena = &ctx->arena, .module = module};
    run(&builder, source, T_START_MODULE);
    return module;
}

ExportDecl *parse_export(Context *ctx, Source *source) {
    int errors = ctx->diags.errors;
    Builder builder = {.ctx = ctx, .arena = &ctx->arena};
    run(&builder, source, T_START_EXPORT);
    return ctx->diags.errors > errors ? NULL : builder.only_export;
}

static void print_token(Text *out, const Context *ctx, const Source *source, int token, Loc loc) {
    Position at = source_position(&ctx->sources, loc.begin);
    text_printf(out, "%u:%u %s", at.line, at.column,
                token == T_BP_YYerror ? "error" : syntax_token_name(token));
    if (token == T_IDENT || token == T_INT || token == T_FLOAT || token == T_BOOL ||
        token == T_STRING) {
        text_puts(out, " ");
        text_add(out, source->text + (loc.begin - source->base), loc.end - loc.begin);
    }
    text_puts(out, "\n");
}

void print_tokens(Text *out, Context *ctx, Source *source) {
    if (too_large(ctx, source)) {
        return;
    }
    LexState lex;
    void *scanner = lexer_open(&lex, ctx, source, 0);
    int token;
    do {
        BP_YYSTYPE value;
        Loc loc;
        token = bp_yylex(&value, &loc, scanner);
        print_token(out, ctx, source, token, loc);
    } while (token != 0);
    lexer_close(scanner);
}
