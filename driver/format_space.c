/* Spaces between the tokens of a line. See driver/format_internal.h.
 *
 * Most of it is decided by the two tokens alone. Where one spelling has several meanings (- | : @
 * [), a walk over all tokens finds out first which one it is. */
#include "driver/format_internal.h"

#include "parser/grammar.tab.h"

#include <string.h>

/* ---- roles ---- */

typedef struct Frame {
    int open;      /* index of the opening token; -1: the file */
    bool in_range; /* behind `in`, up to the next comma */
    bool generics; /* [T: float] */
    bool bars;     /* between the bars of |x: f64| */
} Frame;

typedef struct Walker {
    Arena *arena;
    FormatTokens *tokens;
    VEC(Frame) frames;
    int before; /* index of the token before, comments left out; -1: none */
} Walker;

static FormatToken *token(Walker *w, int i) {
    return i >= 0 ? &w->tokens->data[i] : NULL;
}

static Frame *top(Walker *w) {
    return &w->frames.data[w->frames.n - 1];
}

static bool is_opening(int kind) {
    return kind == '(' || kind == '[' || kind == '{';
}

static bool is_closing(int kind) {
    return kind == ')' || kind == ']' || kind == '}';
}

static bool is_number(Walker *w, int i) {
    return i >= 0 && i < w->tokens->n &&
           (token(w, i)->kind == T_INT || token(w, i)->kind == T_FLOAT);
}

/* fn NAME[, derivative NAME[, type NAME[ */
static bool opens_generics(Walker *w, int i) {
    const FormatToken *name = token(w, i - 1), *word = token(w, i - 2);
    return i >= 2 && name->kind == T_IDENT &&
           (word->kind == T_FN || word->kind == T_DERIVATIVE || word->kind == T_TYPE);
}

static void open_frame(Walker *w, int i) {
    FormatToken *t = token(w, i);
    Frame frame = {.open = i, .generics = t->kind == '[' && opens_generics(w, i)};
    if (t->kind == '[')
        t->role = ROLE_list;
    vec_push(w->arena, &w->frames, frame);
}

/* A comprehension keeps the space that its author put behind the bracket, and has it before the
 * other one too. */
static void close_frame(Walker *w, int i) {
    FormatToken *t = token(w, i), *open = token(w, top(w)->open);
    if (w->frames.n == 1)
        return;
    t->loose = open->loose;
    if (t->kind == ']')
        t->role = ROLE_list;
    w->frames.n--;
}

static void mark_comprehension(Walker *w) {
    FormatToken *open = token(w, top(w)->open);
    if (open && open->kind == '[') {
        const FormatToken *next = open + 1;
        open->loose = next->line == open->line && next->gap && next->kind != TOKEN_comment;
    }
}

static Role bar_role(Walker *w) {
    top(w)->bars = !top(w)->bars;
    return top(w)->bars ? ROLE_bar_open : ROLE_bar_close;
}

static Role colon_role(Walker *w) {
    const Frame *frame = top(w);
    const FormatToken *open = token(w, frame->open);
    bool in_list = open && open->kind == '[';
    bool annotation = frame->bars || (!frame->in_range && (!in_list || frame->generics));
    return annotation ? ROLE_plain : ROLE_tight;
}

static bool is_prefix(Walker *w) {
    const FormatToken *before = token(w, w->before);
    return !before || !format_ends_operand(before) || before->role == ROLE_bar_close;
}

static void find_arithmetic(Walker *w, int i) {
    FormatToken *t = token(w, i), *next = i + 1 < w->tokens->n ? t + 1 : NULL;
    if (is_prefix(w)) {
        t->role = ROLE_prefix;
        return;
    }
    bool starts_line = i > 0 && t[-1].line != t->line;
    bool ends_line = !next || next->line != t->line || next->kind == TOKEN_comment;
    t->role = ROLE_arithmetic;
    t->loose = (!starts_line && t->gap) || (!ends_line && next->gap);
}

static void find_role(Walker *w, int i) {
    FormatToken *t = token(w, i);
    switch (t->kind) {
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
        find_arithmetic(w, i);
        break;
    case '!':
    case '@':
        t->role = is_prefix(w) ? ROLE_prefix : ROLE_plain;
        break;
    case T_POW:
        t->role = ROLE_tight;
        break;
    case '.':
        t->loose = is_number(w, i - 1) && is_number(w, i + 1); /* 1. 2 must not become a number */
        break;
    case '|':
        t->role = bar_role(w);
        break;
    case ':':
        t->role = colon_role(w);
        break;
    case T_IN:
        top(w)->in_range = true;
        break;
    case T_FOR:
        top(w)->in_range = false;
        mark_comprehension(w);
        break;
    case ',':
        top(w)->in_range = false;
        if (top(w)->open >= 0 && token(w, top(w)->open)->kind == '[')
            t->role = ROLE_list;
        break;
    default:
        break;
    }
}

void format_find_roles(Arena *arena, FormatTokens *tokens) {
    Walker w = {.arena = arena, .tokens = tokens, .before = -1};
    Frame file = {.open = -1};
    vec_push(arena, &w.frames, file);
    for (int i = 0; i < tokens->n; i++) {
        int kind = tokens->data[i].kind;
        if (kind == TOKEN_comment)
            continue;
        if (is_opening(kind))
            open_frame(&w, i);
        else if (is_closing(kind))
            close_frame(&w, i);
        else
            find_role(&w, i);
        w.before = i;
    }
}

/* ---- spaces ---- */

static bool is_word(const FormatToken *t) {
    return t->kind == T_IDENT || (t->kind >= T_FN && t->kind <= T_CHECKPOINT);
}

/* Behind what f(x), a[i] and x' are read as one. */
static bool joins(const FormatToken *a) {
    return a->role != ROLE_bar_close && a->kind != '}' && a->kind != T_BOOL &&
           a->kind != T_STRING && format_ends_operand(a);
}

static int author(const FormatToken *b) {
    return b->gap ? 1 : 0;
}

static int before_bracket(const FormatToken *a, const FormatToken *b) {
    if (b->kind == '{')
        return a->kind == ']' ? author(b) : 1; /* [n]{x: f64}, but if a[i] { */
    if (a->kind == '}')
        return author(b);
    bool call = b->kind == '(' && (a->kind == T_FN || a->kind == T_CHECKPOINT);
    return call || joins(a) ? 0 : 1;
}

/* Where only the second token decides: -1 where it does not. */
static int space_by_next(const FormatToken *a, const FormatToken *b) {
    switch (b->kind) {
    case ',':
    case ';':
    case ')':
    case '\'':
        return 0;
    case ']':
        return b->loose;
    case '}':
        return a->kind != '{';
    case '.':
        return b->loose || ((a->kind == T_INT || a->kind == T_FLOAT) && author(b));
    case ':':
        return a->kind == ',' ? author(b) : 0;
    case '|':
        return b->role == ROLE_bar_close ? 0 : -1;
    default:
        return -1;
    }
}

/* Where the first one does. */
static int space_by_previous(const FormatToken *a, const FormatToken *b) {
    switch (a->kind) {
    case '(':
    case '.':
        return 0;
    case '[':
        return a->loose;
    case '{':
        return 1;
    case ',':
        return a->role == ROLE_list ? author(b) : 1;
    case ';':
        return 1;
    default:
        break;
    }
    if (a->role == ROLE_prefix || a->role == ROLE_bar_open || a->role == ROLE_tight ||
        b->role == ROLE_tight)
        return 0;
    if (a->role == ROLE_arithmetic)
        return a->loose;
    return b->role == ROLE_arithmetic ? b->loose : -1;
}

int format_space(const FormatToken *a, const FormatToken *b) {
    if (b->kind == TOKEN_comment)
        return 2;
    int space = space_by_next(a, b);
    if (space < 0)
        space = space_by_previous(a, b);
    if (space >= 0)
        return space;
    if (is_opening(b->kind))
        return before_bracket(a, b);
    if (a->kind == ']' && is_word(b))
        return b->kind == T_IDENT || b->kind == T_FN ? 0 : 1; /* [n]f64 */
    return 1;
}
