/* The small parts of the textual IR: tokens as the grammar asks for them, sizes, types, names.
 *
 * Names are flat in a function: whether a value is in scope where it is used is the verifier's
 * question. Called by read.c and read_inst.c only. */
#include "ir/read_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

void read_advance(Reader *r) {
    r->token = lex_next(&r->lexer);
}

static const char *describe(Reader *r, const Token *token) {
    switch (token->kind) {
    case TOKEN_end:
        return "the end of the file";
    case TOKEN_value:
        return arena_printf(r->arena, "'%%%s'", token->text);
    case TOKEN_func:
        return arena_printf(r->arena, "'@%s'", token->text);
    case TOKEN_string:
        return "a string";
    case TOKEN_arrow:
        return "'->'";
    case TOKEN_mark:
        return arena_printf(r->arena, "'%c'", token->mark);
    default:
        return arena_printf(r->arena, "'%s'", token->text);
    }
}

bool read_fail(Reader *r, DiagCode code, Loc loc, const char *message) {
    r->failed = true;
    diag_error(&r->ctx->diags, code, loc, "%s", message);
    return false;
}

bool read_expected(Reader *r, const char *what) {
    r->failed = true;
    if (r->token.kind != TOKEN_bad) { /* reported by the scanner */
        diag_error(&r->ctx->diags, DIAG_ir_syntax, r->token.loc, "expected %s, found %s", what,
                   describe(r, &r->token));
    }
    return false;
}

bool read_at_mark(const Reader *r, char mark) {
    return r->token.kind == TOKEN_mark && r->token.mark == mark;
}

bool read_at_word(const Reader *r, const char *word) {
    return r->token.kind == TOKEN_word && strcmp(r->token.text, word) == 0;
}

bool read_accept_mark(Reader *r, char mark) {
    bool found = read_at_mark(r, mark);
    if (found) {
        read_advance(r);
    }
    return found;
}

bool read_accept_word(Reader *r, const char *word) {
    bool found = read_at_word(r, word);
    if (found) {
        read_advance(r);
    }
    return found;
}

bool read_take_mark(Reader *r, char mark) {
    return read_accept_mark(r, mark) || read_expected(r, arena_printf(r->arena, "'%c'", mark));
}

bool read_take_text(Reader *r, TokenKind kind, const char *what, Atom *text) {
    if (r->token.kind != kind) {
        return read_expected(r, what);
    }
    *text = r->token.text;
    read_advance(r);
    return true;
}

bool read_take_int(Reader *r, int most, int *value) {
    Token token = r->token;
    Atom text;
    if (!read_take_text(r, TOKEN_int, "an integer", &text)) {
        return false;
    }
    errno = 0;
    long number = strtol(text, NULL, 10);
    *value = (int)number;
    return (errno == 0 && number <= most) ||
           read_fail(r, DIAG_ir_syntax, token.loc, "the number is too large here");
}

/* ---- sizes and types ---- */

static const Size *size_atom(Reader *r) {
    PolyTable *polys = &r->ctx->polys;
    Token token = r->token;
    if (token.kind == TOKEN_int) {
        read_advance(r);
        errno = 0;
        long long value = strtoll(token.text, NULL, 10);
        if (errno != 0) {
            read_fail(r, DIAG_ir_syntax, token.loc, "the integer does not fit into 64 bits");
            return NULL;
        }
        return size_const(polys, value);
    }
    if (token.kind == TOKEN_word) {
        read_advance(r);
        SizeSym *sym = ptrmap_get(&r->syms, token.text);
        if (!sym) {
            read_fail(r, DIAG_ir_name, token.loc,
                      arena_printf(r->arena, "no size symbol '%s' is bound here", token.text));
            return NULL;
        }
        return size_sym(polys, sym);
    }
    if (++r->depth > MOST_NESTING) {
        read_fail(r, DIAG_ir_syntax, token.loc, "the size is nested too deeply");
        return NULL;
    }
    const Size *size = NULL;
    if (read_accept_mark(r, '(')) {
        size = read_size(r);
        size = size && read_take_mark(r, ')') ? size : NULL;
    } else if (read_accept_mark(r, '-')) {
        size = size_atom(r);
        size = size ? size_sub(polys, size_const(polys, 0), size) : NULL;
    } else {
        read_expected(r, "a size");
    }
    r->depth--;
    return size;
}

static const Size *size_product(Reader *r) {
    const Size *size = size_atom(r);
    while (size && read_accept_mark(r, '*')) {
        const Size *factor = size_atom(r);
        size = factor ? size_mul(&r->ctx->polys, size, factor) : NULL;
    }
    return size;
}

const Size *read_size(Reader *r) {
    Loc loc = r->token.loc;
    const Size *size = size_product(r);
    while (size && (read_at_mark(r, '+') || read_at_mark(r, '-'))) {
        bool plus = read_at_mark(r, '+');
        read_advance(r);
        const Size *term = size_product(r);
        size = !term  ? NULL
               : plus ? size_add(&r->ctx->polys, size, term)
                      : size_sub(&r->ctx->polys, size, term);
    }
    if (!size && !r->failed) {
        read_fail(r, DIAG_size_overflow, loc, "the size is beyond 64 bits");
    }
    return size;
}

const Type *read_type(Reader *r) {
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64"};
    const Size *dims[IR_MAX_RANK];
    int rank = 0;
    if (read_accept_mark(r, '[')) {
        do {
            if (rank == IR_MAX_RANK) {
                read_fail(r, DIAG_ir_syntax, r->token.loc, "an array has at most 8 axes");
                return NULL;
            }
            dims[rank] = read_size(r);
            if (!dims[rank++]) {
                return NULL;
            }
        } while (read_accept_mark(r, ','));
        if (!read_take_mark(r, ']')) {
            return NULL;
        }
    }
    for (int elem = 0; elem < 5; elem++) {
        if (read_accept_word(r, names[elem])) {
            return ir_type(r->m, (Scalar)elem, rank, dims);
        }
    }
    read_expected(r, "a type: bool, i32, i64, f32, f64 or [sizes]element");
    return NULL;
}

bool read_types(Reader *r, TypeList *types) {
    do {
        const Type *type = read_type(r);
        if (!type) {
            return false;
        }
        vec_push(r->arena, types, type);
    } while (read_accept_mark(r, ','));
    return true;
}

/* ---- values ---- */

bool read_define_value(Reader *r, Atom name, Loc loc, Value *v) {
    if (ptrmap_has(&r->values, name)) {
        return read_fail(r, DIAG_duplicate, loc,
                         arena_printf(r->arena, "'%%%s' is defined twice", name));
    }
    ptrmap_put(&r->values, name, v);
    bool number = name[0] >= '0' && name[0] <= '9';
    v->name = number ? NULL : name;
    return true;
}

bool read_define_sym(Reader *r, Atom name, Loc loc, SizeSym *sym) {
    if (ptrmap_has(&r->syms, name)) {
        return read_fail(r, DIAG_duplicate, loc,
                         arena_printf(r->arena, "the size symbol '%s' is bound twice", name));
    }
    ptrmap_put(&r->syms, name, sym);
    return true;
}

Value *read_take_value(Reader *r) {
    Token token = r->token;
    Atom name;
    if (!read_take_text(r, TOKEN_value, "a value (%name)", &name)) {
        return NULL;
    }
    Value *v = ptrmap_get(&r->values, name);
    if (!v) {
        read_fail(r, DIAG_ir_name, token.loc,
                  arena_printf(r->arena, "the value '%%%s' is not defined before this use", name));
    }
    return v;
}

bool read_take_values(Reader *r, ValueList *values) {
    do {
        Value *v = read_take_value(r);
        if (!v) {
            return false;
        }
        vec_push(r->arena, values, v);
    } while (read_accept_mark(r, ','));
    return true;
}

Func *read_take_func(Reader *r) {
    Token token = r->token;
    Atom name;
    if (!read_take_text(r, TOKEN_func, "a function (@name)", &name)) {
        return NULL;
    }
    Func *func = ptrmap_get(&r->funcs, name);
    if (!func) {
        read_fail(
            r, DIAG_ir_name, token.loc,
            arena_printf(r->arena, "the function '@%s' is not defined before this use", name));
    }
    return func;
}
