/* Tokens of the textual IR; used by ir/read.c only. */
#ifndef BPC_IR_READ_LEX_H
#define BPC_IR_READ_LEX_H

#include "ir/ir.h"

typedef enum TokenKind {
    TOKEN_end,
    TOKEN_word,  /* func, add, n, carry */
    TOKEN_value, /* %x */
    TOKEN_func,  /* @f */
    TOKEN_int,   /* digits */
    TOKEN_float,
    TOKEN_string,
    TOKEN_arrow,
    TOKEN_mark, /* one character of punctuation */
    TOKEN_bad,  /* reported already */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    char mark;
    bool starts_line;
    Loc loc;
    Atom text; /* of words and numbers; names without sigil; strings without quotes and escapes */
} Token;

typedef struct Lexer {
    Context *ctx;
    Arena *arena;
    const Source *source;
    uint32_t pos;
} Lexer;

Token lex_next(Lexer *lexer);

#endif
