/* The formatter: reads tokens and comments, has them laid out, and proves that nothing else
 * changed. See driver/format.h.
 *
 * Formatting works on tokens, not on the tree, so that it keeps everything that the author wrote
 * and where the lines end. It changes indentation, the spaces between tokens of a line, empty
 * lines, and white space at the ends of lines. What comes out is scanned again and compared token
 * by token before it is given to anyone. */
#include "driver/format_internal.h"

#include "lexer/lexer.h"
#include "parser/grammar.tab.h"
#include "parser/parser.h"

#include <string.h>

int bp_yylex(BP_YYSTYPE *value, Loc *loc, void *scanner);

/* ---- reading ---- */

typedef struct Reader {
    Context *ctx;
    const Source *source;
    FormatTokens *tokens;
    uint32_t at; /* what was read so far */
    int line, column;
    bool gap;
} Reader;

/* Moves over white space and tokens, and keeps count of lines and columns. */
static void advance(Reader *r, uint32_t to) {
    enum { TAB = 4 };
    for (; r->at < to; r->at++) {
        char c = r->source->text[r->at];
        if (c == '\n') {
            r->line++;
            r->column = 0;
        } else {
            r->column = c == '\t' ? (r->column / TAB + 1) * TAB : r->column + 1;
        }
    }
}

static void add_token(Reader *r, int kind, uint32_t begin, uint32_t end) {
    r->gap = begin > r->at;
    advance(r, begin);
    FormatToken token = {
        .kind = kind, .text = r->source->text + begin, .length = end - begin, .line = r->line};
    token.column = r->column;
    token.gap = r->gap;
    vec_push(&r->ctx->arena, r->tokens, token);
    advance(r, end);
}

/* Comments stand between tokens; white space at their ends is no part of them. */
static void add_comments(Reader *r, uint32_t to) {
    const char *text = r->source->text;
    for (uint32_t at = r->at; at < to; at++) {
        if (text[at] != '/')
            continue;
        uint32_t end = at;
        while (end < to && text[end] != '\n')
            end++;
        uint32_t next = end;
        while (strchr(" \t\r\f\v", text[end - 1]))
            end--;
        add_token(r, TOKEN_comment, at, end);
        at = next;
    }
}

static void read_tokens(Context *ctx, const Source *source, FormatTokens *tokens) {
    Reader r = {.ctx = ctx, .source = source, .tokens = tokens};
    LexState lex;
    void *scanner = lexer_open(&lex, ctx, source, 0);
    int kind;
    do {
        BP_YYSTYPE value;
        Loc loc;
        kind = bp_yylex(&value, &loc, scanner);
        add_comments(&r, loc.begin - source->base);
        if (kind != 0)
            add_token(&r, kind, loc.begin - source->base, loc.end - source->base);
    } while (kind != 0);
    lexer_close(scanner);
}

bool format_ends_operand(const FormatToken *t) {
    switch (t->kind) {
    case T_IDENT:
    case T_INT:
    case T_FLOAT:
    case T_BOOL:
    case T_STRING:
    case ')':
    case ']':
    case '}':
    case '\'':
        return true;
    default:
        return false;
    }
}

/* ---- the proof ---- */

static bool same_tokens(const FormatTokens *a, const FormatTokens *b) {
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) {
        const FormatToken *x = &a->data[i], *y = &b->data[i];
        same = x->kind == y->kind && x->length == y->length &&
               memcmp(x->text, y->text, x->length) == 0;
    }
    return same;
}

static bool kept_tokens(Context *ctx, const Source *source, const FormatTokens *tokens,
                        const Text *out) {
    int errors = ctx->diags.errors;
    Source *formatted = source_add(&ctx->sources, source->name, out->data ? out->data : "", out->n);
    FormatTokens again = {0};
    if (formatted)
        read_tokens(ctx, formatted, &again);
    if (formatted && ctx->diags.errors == errors && same_tokens(tokens, &again))
        return true;
    diag_error(&ctx->diags, DIAG_format_broken, (Loc){0, 0},
               "formatting %s would change more than its layout", source->name);
    return false;
}

bool format_source(Context *ctx, Source *source, Text *out) {
    parse_source(ctx, source);
    return ctx->diags.errors == 0 && format_text(ctx, source, out);
}

bool format_text(Context *ctx, Source *source, Text *out) {
    FormatTokens tokens = {0};
    read_tokens(ctx, source, &tokens);
    format_find_roles(&ctx->arena, &tokens);
    format_print(&ctx->arena, &tokens, out);
    return kept_tokens(ctx, source, &tokens, out);
}
