/* What the files of the formatter share. Only driver/format*.c include this. */
#ifndef BPC_DRIVER_FORMAT_INTERNAL_H
#define BPC_DRIVER_FORMAT_INTERNAL_H

#include "driver/format.h"

enum { TOKEN_comment = -1 };

/* What a token is, where its spelling does not say. */
typedef enum Role {
    ROLE_plain,
    ROLE_prefix,     /* - and ! of one operand, @ of a loop */
    ROLE_arithmetic, /* + - * / %: as the author spaced them, on both sides alike */
    ROLE_tight,      /* **, the colon of a range */
    ROLE_bar_open,   /* |x| of a function value */
    ROLE_bar_close,
    ROLE_list, /* brackets and commas of [...] */
} Role;

typedef struct FormatToken {
    int kind; /* of the grammar, or TOKEN_comment */
    Role role;
    const char *text;
    uint32_t length;
    int line;   /* from 0 */
    int column; /* of its first character; tabs reach to the next multiple of 4 */
    bool gap;   /* white space stands before it on its line */
    bool loose; /* ROLE_arithmetic: spaced; `[` and its `]` of a comprehension: spaces inside */
} FormatToken;
typedef VEC(FormatToken) FormatTokens;

/* format.c: an operand may end with it */
bool format_ends_operand(const FormatToken *t);
/* format_space.c: fills role and loose */
void format_find_roles(Arena *arena, FormatTokens *tokens);
/* How many spaces stand between two tokens of one line. */
int format_space(const FormatToken *a, const FormatToken *b);
/* format_lines.c: indentation and lines */
void format_print(Arena *arena, const FormatTokens *tokens, Text *out);

#endif
