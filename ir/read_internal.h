/* What the parts of the reader share; used by ir/read*.c only. */
#ifndef BPC_IR_READ_INTERNAL_H
#define BPC_IR_READ_INTERNAL_H

#include "ir/read_lex.h"

enum { MOST_NESTING = 200 };

typedef VEC(Atom) AtomList;
typedef VEC(const Type *) TypeList;

typedef struct Reader {
    Context *ctx;
    Arena *arena;
    IrModule *m;
    Lexer lexer;
    Token token;
    PtrMap funcs;  /* Atom -> Func* */
    PtrMap values; /* of this function: Atom -> Value* */
    PtrMap syms;   /* of this function: Atom -> SizeSym* */
    int depth;
    bool failed;
} Reader;

/* ---- read_parts.c ----  false, or NULL: an error was queued. at_: a question; accept_: takes the
 * token when it is there; take_: the token must be there. */
void read_advance(Reader *r);
bool read_fail(Reader *r, DiagCode code, Loc loc, const char *message);
bool read_expected(Reader *r, const char *what); /* "expected <what>, found <the token>" */
bool read_at_mark(const Reader *r, char mark);
bool read_at_word(const Reader *r, const char *word);
bool read_accept_mark(Reader *r, char mark);
bool read_accept_word(Reader *r, const char *word);
bool read_take_mark(Reader *r, char mark);
bool read_take_text(Reader *r, TokenKind kind, const char *what, Atom *text);
bool read_take_int(Reader *r, int most, int *value);

const Size *read_size(Reader *r);
const Type *read_type(Reader *r);
bool read_types(Reader *r, TypeList *types);

bool read_define_value(Reader *r, Atom name, Loc loc, Value *v);
bool read_define_sym(Reader *r, Atom name, Loc loc, SizeSym *sym);
Value *read_take_value(Reader *r);
bool read_take_values(Reader *r, ValueList *values);
Func *read_take_func(Reader *r);

/* ---- read_inst.c ---- */
/* Instructions up to the yield, return or closing brace of their region. */
bool read_region(Reader *r, IrBuilder *b);

#endif
