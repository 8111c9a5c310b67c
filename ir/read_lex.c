/* The scanner of the textual IR: one token a call, any bytes as input. Errors of single tokens are
 * queued here and give TOKEN_bad. Called by ir/read.c only. */
#include "ir/read_lex.h"

#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '.' || c == '$';
}

static char peek(const Lexer *lexer, uint32_t ahead) {
    uint32_t at = lexer->pos + ahead;
    return at < lexer->source->len ? lexer->source->text[at] : '\0';
}

/* True when a line began in what was skipped. */
static bool skip_space(Lexer *lexer) {
    bool new_line = lexer->pos == 0;
    while (lexer->pos < lexer->source->len) {
        char c = peek(lexer, 0);
        if (c == ';' || (c == '/' && peek(lexer, 1) == '/')) {
            while (lexer->pos < lexer->source->len && peek(lexer, 0) != '\n') {
                lexer->pos++;
            }
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            new_line = new_line || c == '\n';
            lexer->pos++;
        } else {
            break;
        }
    }
    return new_line;
}

static Atom text_from(Lexer *lexer, uint32_t begin) {
    return atom_intern(&lexer->ctx->atoms, lexer->source->text + begin, lexer->pos - begin);
}

static Loc loc_from(const Lexer *lexer, uint32_t begin) {
    return (Loc){lexer->source->base + begin, lexer->source->base + lexer->pos};
}

static TokenKind lex_number(Lexer *lexer) {
    TokenKind kind = TOKEN_int;
    while (is_digit(peek(lexer, 0))) {
        lexer->pos++;
    }
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        kind = TOKEN_float;
        lexer->pos++;
        while (is_digit(peek(lexer, 0))) {
            lexer->pos++;
        }
    }
    char sign = peek(lexer, 1);
    bool exponent = peek(lexer, 0) == 'e' &&
                    (is_digit(sign) || ((sign == '+' || sign == '-') && is_digit(peek(lexer, 2))));
    if (exponent) {
        kind = TOKEN_float;
        lexer->pos += 2;
        while (is_digit(peek(lexer, 0))) {
            lexer->pos++;
        }
    }
    return kind;
}

static int hex_digit(char c) {
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After the opening quote. NULL, or what is wrong with the string. */
static const char *lex_string(Lexer *lexer, Atom *text) {
    Text plain;
    text_init(&plain, lexer->arena);
    text_puts(&plain, "");
    bool nul = false;
    while (lexer->pos < lexer->source->len && peek(lexer, 0) != '\n') {
        char c = peek(lexer, 0);
        lexer->pos++;
        if (c == '"') {
            if (nul) {
                return "a string cannot hold a NUL byte";
            }
            *text = atom_intern(&lexer->ctx->atoms, plain.data, plain.n);
            return NULL;
        }
        if (c == '\\' && peek(lexer, 0) == 'x' && hex_digit(peek(lexer, 1)) >= 0 &&
            hex_digit(peek(lexer, 2)) >= 0) {
            c = (char)(hex_digit(peek(lexer, 1)) * 16 + hex_digit(peek(lexer, 2)));
            lexer->pos += 3;
        } else if (c == '\\' && lexer->pos < lexer->source->len && peek(lexer, 0) != '\n') {
            c = peek(lexer, 0);
            lexer->pos++;
        }
        nul = nul || c == '\0';
        text_add(&plain, &c, 1);
    }
    return "the string does not end on its line";
}

static Token bad(Lexer *lexer, uint32_t begin, const char *what) {
    Loc loc = loc_from(lexer, begin);
    diag_error(&lexer->ctx->diags, DIAG_ir_syntax, loc, "%s", what);
    return (Token){.kind = TOKEN_bad, .loc = loc};
}

/* %name, @name, %"a b" */
static Token lex_sigil(Lexer *lexer, uint32_t begin) {
    Token token = {.kind = peek(lexer, 0) == '%' ? TOKEN_value : TOKEN_func};
    lexer->pos++;
    if (peek(lexer, 0) == '"') {
        lexer->pos++;
        const char *wrong = lex_string(lexer, &token.text);
        if (wrong) {
            return bad(lexer, begin, wrong);
        }
    } else {
        uint32_t name = lexer->pos;
        while (is_word(peek(lexer, 0))) {
            lexer->pos++;
        }
        if (lexer->pos == name) {
            return bad(lexer, begin, "expected a name directly after the sigil");
        }
        token.text = text_from(lexer, name);
    }
    token.loc = loc_from(lexer, begin);
    return token;
}

static Token lex_token(Lexer *lexer) {
    uint32_t begin = lexer->pos;
    char c = peek(lexer, 0);
    Token token = {.kind = TOKEN_end};
    if (begin >= lexer->source->len) {
        /* stays at the end */
    } else if (is_digit(c)) {
        token.kind = lex_number(lexer);
        token.text = text_from(lexer, begin);
    } else if (is_word(c)) {
        token.kind = TOKEN_word;
        while (is_word(peek(lexer, 0))) {
            lexer->pos++;
        }
        token.text = text_from(lexer, begin);
    } else if (c == '%' || c == '@') {
        return lex_sigil(lexer, begin);
    } else if (c == '"') {
        token.kind = TOKEN_string;
        lexer->pos++;
        const char *wrong = lex_string(lexer, &token.text);
        if (wrong) {
            return bad(lexer, begin, wrong);
        }
    } else if (c == '-' && peek(lexer, 1) == '>') {
        token.kind = TOKEN_arrow;
        lexer->pos += 2;
    } else {
        lexer->pos++;
        if (c == '\0' || !strchr("()[]{},:=<+-*", c)) {
            return bad(lexer, begin, "no token of the textual IR begins with this character");
        }
        token.kind = TOKEN_mark;
        token.mark = c;
    }
    token.loc = loc_from(lexer, begin);
    return token;
}

Token lex_next(Lexer *lexer) {
    bool starts_line = skip_space(lexer);
    Token token = lex_token(lexer);
    token.starts_line = starts_line;
    return token;
}
