/* The scanner as the parser sees it: one token a call, locations as byte ranges of the context's
 * space.
 *
 * The generated scanner (lexer.l) is reentrant and takes its memory from the context's arena, so
 * that running out of memory inside it leaks nothing. Bad bytes are reported once and come back as
 * YYerror, which makes the parser recover without a second message. */
#ifndef BPC_LEXER_LEXER_H
#define BPC_LEXER_LEXER_H

#include "support/context.h"

typedef struct LexState {
    Context *ctx;
    const Source *source;
    uint32_t at;     /* offset in the common space of the next byte */
    int start_token; /* given out first when not 0: chooses what is parsed */
    int nuls;        /* bytes of that value so far: the first is reported */
    int last[2];     /* the tokens before, newest first; 0 when none: for hints */
    Loc last_loc[2];
} LexState;

/* A scanner of the text, which is at most LEXER_MAX_BYTES long. Tokens come from bp_yylex
 * (parser/grammar.y). */
enum { LEXER_MAX_BYTES = INT32_MAX - 16 };
void *lexer_open(LexState *lex, Context *ctx, const Source *source, int start_token);
void lexer_close(void *scanner);

#endif
