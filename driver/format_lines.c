/* Lines and their indentation. See driver/format_internal.h.
 *
 * Note [Indentation]
 * Lines end where the author ended them. A line that begins a declaration, a statement or a field
 * stands two columns inside of the braces around it. A line that begins with a closing bracket
 * stands where the line of the opening one begins. Any other line continues something: it moves
 * along with the line where that began, so that what was lined up stays so, but stands at least two
 * columns in; if it was lined up with what follows an open bracket, it is again.
 *
 * "The line of an opening bracket" is the line where the construct around it began: brackets that
 * opened on earlier lines and are closed by now lead back to theirs, so that the body of a function
 * whose parameters take three lines is indented as if they took one. */
#include "driver/format_internal.h"

#include "parser/grammar.tab.h"

#include <string.h>

enum { INDENT = 2 };

typedef struct Line Line;

typedef struct Frame {
    struct Frame *parent;
    int kind; /* the bracket; 0: the file */
    int depth;
    Line *line;               /* where it opened */
    int anchor;               /* column of the closing bracket */
    int old_align, new_align; /* columns of what follows it on its line; -1: nothing does */
    int old_start, new_start; /* braces: columns of the line where the statement within began */
} Frame;

struct Line {
    Frame *frame; /* the innermost at its start */
    int indent, old_indent;
    const FormatToken *first;
    Text code;
    const FormatToken *comment; /* behind code */
    bool blank_before;
};

typedef struct Printer {
    Arena *arena;
    const FormatTokens *tokens;
    Frame *frame;
    Frame *closed;             /* the last one */
    const FormatToken *before; /* the token before, comments left out */
    bool opened;               /* the token before, on this line, opened a bracket */
    VEC(Line *) lines;
} Printer;

static bool is_block(const Frame *frame) {
    return frame->kind == '{' || frame->kind == 0;
}

static int content_of(const Frame *frame) {
    return frame->kind == 0 ? 0 : frame->anchor + INDENT;
}

static Frame *block_of(Frame *frame) {
    while (!is_block(frame))
        frame = frame->parent;
    return frame;
}

/* ---- where a line begins ---- */

static bool is_infix(const FormatToken *t) {
    return t->role == ROLE_arithmetic || t->role == ROLE_tight ||
           (t->kind > 0 && t->kind < 256 && strchr("@<>=:.,;'", t->kind)) ||
           (t->kind >= T_OR && t->kind <= T_FATARROW) || t->kind == T_WITH || t->kind == T_AS ||
           t->kind == T_FOR || t->kind == T_MAX_ITER || t->kind == T_WHERE;
}

/* Does a statement, a declaration or a field begin here? */
static bool begins(const Printer *p, const FormatToken *t) {
    if (!is_block(p->frame))
        return false;
    if (!p->before)
        return true;
    switch (p->before->kind) {
    case '{':
    case ';':
    case ',':
        return true;
    case '}':
        return t->kind == TOKEN_comment || t->role == ROLE_prefix || !is_infix(t);
    default:
        return false;
    }
}

static int continued(const Printer *p, const FormatToken *t) {
    const Frame *frame = p->frame, *block = block_of(p->frame);
    if (frame->old_align >= 0 && frame->old_align == t->column)
        return frame->new_align;
    if (t->kind == '{' && is_block(frame))
        return block->new_start;
    int moved = t->column + block->new_start - block->old_start;
    int least = block->new_start + INDENT;
    return moved > least ? moved : least;
}

static int indent_of(const Printer *p, const FormatToken *t) {
    if (t->kind == '}' || t->kind == ')' || t->kind == ']')
        return p->frame->anchor;
    if (t->kind == T_ELSE && p->closed && p->before->kind == '}')
        return p->closed->anchor;
    return begins(p, t) ? content_of(p->frame) : continued(p, t);
}

/* ---- brackets ---- */

/* The line where the construct around a bracket that opens now began. */
static int anchor_of(const Printer *p, const Line *line) {
    for (;;) {
        const Frame *open = line->frame;
        if (line->first->kind == T_WHERE || line->first->kind == T_ARROW)
            return block_of(line->frame)->new_start;
        if (open->depth <= p->frame->depth)
            return line->indent;
        while (open->depth > p->frame->depth + 1)
            open = open->parent;
        line = open->line;
    }
}

static void open_frame(Printer *p, const FormatToken *t, Line *line) {
    Frame *frame = ARENA_NEW(p->arena, Frame);
    *frame =
        (Frame){.parent = p->frame, .kind = t->kind, .depth = p->frame->depth + 1, .line = line};
    frame->anchor = anchor_of(p, line);
    frame->old_align = frame->new_align = -1;
    p->frame = frame;
}

static bool is_opening(const FormatToken *t) {
    return t->kind == '(' || t->kind == '[' || t->kind == '{';
}

static bool is_closing(const FormatToken *t) {
    return t->kind == ')' || t->kind == ']' || t->kind == '}';
}

/* ---- tokens ---- */

static Line *new_line(Printer *p, const FormatToken *t) {
    Line *line = ARENA_NEW(p->arena, Line);
    text_init(&line->code, p->arena);
    line->frame = p->frame;
    line->first = t;
    line->old_indent = t->column;
    line->indent = indent_of(p, t);
    bool inside = !p->before || p->before->kind != '{' ||
                  p->lines.data[p->lines.n - 1]->first->kind == TOKEN_comment;
    if (p->lines.n > 0 && t > p->tokens->data)
        line->blank_before = t->line - t[-1].line > 1 && t->kind != '}' && inside;
    vec_push(p->arena, &p->lines, line);
    return line;
}

/* Statements are measured from the line on which they begin. */
static void note_beginning(Printer *p, const FormatToken *t, const Line *line) {
    if (t->kind == TOKEN_comment || is_closing(t) || t->kind == T_ELSE || !begins(p, t))
        return;
    p->frame->old_start = line->old_indent;
    p->frame->new_start = line->indent;
}

static void add_token(Printer *p, const FormatToken *t, Line *line) {
    int column = line->indent + (int)line->code.n;
    if (p->opened && !is_block(p->frame)) {
        p->frame->old_align = t->column;
        p->frame->new_align = column;
    }
    note_beginning(p, t, line);
    text_add(&line->code, t->text, t->length);
    p->opened = false;
    if (is_closing(t) && p->frame->parent) {
        p->closed = p->frame;
        p->frame = p->frame->parent;
    } else if (is_opening(t)) {
        open_frame(p, t, line);
        p->opened = true;
    }
    p->before = t;
}

static void add_spaces(Text *out, int n) {
    for (int i = 0; i < n; i++)
        text_puts(out, " ");
}

static void lay_out(Printer *p) {
    Line *line = NULL;
    for (int i = 0; i < p->tokens->n; i++) {
        const FormatToken *t = &p->tokens->data[i];
        bool first = i == 0 || t->line != t[-1].line;
        if (first) {
            p->opened = false;
            line = new_line(p, t);
        }
        if (t->kind == TOKEN_comment) {
            if (first)
                text_add(&line->code, t->text, t->length);
            else
                line->comment = t;
            continue;
        }
        if (!first)
            add_spaces(&line->code, format_space(&t[-1], t));
        add_token(p, t, line);
    }
}

/* ---- comments behind code ---- */

static int width(const Line *line) {
    return line->indent + (int)line->code.n;
}

/* Comments of successive lines that were in one column stay in one. Returns the first line behind
 * the run. */
static int comment_column(const Printer *p, int from, int *column) {
    int to = from;
    *column = 0;
    while (to < p->lines.n && p->lines.data[to]->comment &&
           (to == from || !p->lines.data[to]->blank_before) &&
           p->lines.data[to]->comment->column == p->lines.data[from]->comment->column) {
        int w = width(p->lines.data[to]) + 2;
        *column = w > *column ? w : *column;
        to++;
    }
    return to;
}

static void print_line(const Line *line, int column, Text *out) {
    if (line->blank_before)
        text_puts(out, "\n");
    add_spaces(out, line->indent);
    text_add(out, line->code.data, line->code.n);
    if (line->comment) {
        add_spaces(out, column - width(line));
        text_add(out, line->comment->text, line->comment->length);
    }
    text_puts(out, "\n");
}

void format_print(Arena *arena, const FormatTokens *tokens, Text *out) {
    Frame file = {.old_align = -1, .new_align = -1};
    Printer p = {.arena = arena, .tokens = tokens, .frame = &file};
    lay_out(&p);
    for (int i = 0; i < p.lines.n;) {
        int column, next = comment_column(&p, i, &column);
        for (next = next > i ? next : i + 1; i < next; i++)
            print_line(p.lines.data[i], column, out);
    }
}
