/* Messages of the parser: what was found, what could have stood there, and what was probably meant.
 * Must not build nodes other than those its callers ask for. */
#include "parser/syntax.h"
#include "parser/grammar.tab.h"
#include "parser/habits.h"

#include <string.h>

static uint32_t line_of(const Builder *b, Loc loc) {
    return source_of(&b->ctx->sources, loc) ? source_position(&b->ctx->sources, loc.begin).line : 0;
}

void syntax_too_deep(Builder *b, Loc loc) {
    if (b->depth_reported) {
        return;
    }
    b->depth_reported = true;
    Diag *diag = diag_error(&b->ctx->diags, DIAG_too_deep, (Loc){loc.begin, loc.begin + 1},
                            "the program is nested too deeply");
    diag_note(&b->ctx->diags, diag, "at most %d levels are allowed", (int)AST_MAX_DEPTH);
    diag_hint(&b->ctx->diags, diag, "name parts of the expression with `let`");
}

void syntax_statement(Builder *b, const Expr *expr, Loc semicolon) {
    b->dropped = semicolon;
    if (expr->kind == E_error || (b->syntax_line != 0 && line_of(b, expr->loc) == b->syntax_line)) {
        return;
    }
    const char *habit = expr->kind == E_call && expr->as.call.callee->kind == E_name
                            ? habit_hint(HABIT_FUNCTION, expr->as.call.callee->as.name.atom)
                            : NULL;
    Diag *diag = diag_error(&b->ctx->diags, DIAG_no_result, expr->loc, "the value is not used");
    diag_label(&b->ctx->diags, diag, semicolon, "this `;` drops it");
    diag_hint(&b->ctx->diags, diag, "%s",
              habit ? habit
                    : "name it with `let`, or, if it is the value of the block, remove the `;`");
}

/* After `}`: harmless, but no part of the language. Silent behind another error, whose recovery
 * ends at a `}`. */
void syntax_stray_semicolon(Builder *b, Loc loc) {
    if (b->ctx->diags.errors == 0) {
        Diag *diag =
            diag_error(&b->ctx->diags, DIAG_syntax, loc, "unexpected `;`, expected a declaration");
        diag_hint(&b->ctx->diags, diag, "no `;` follows the `}` of a function");
    }
}

void syntax_component(Builder *b, Loc loc) {
    Diag *diag = diag_error(&b->ctx->diags, DIAG_bad_number, loc, "this reads as a number");
    diag_hint(&b->ctx->diags, diag, "a component of a component is written `(t.1).0`");
}

void syntax_scatter(Builder *b, CallArgs *args, Expr *at, Expr *value, BinderList *binders) {
    args->at = at;
    args->binders = binders;
    vec_push(b->arena, &args->args, ((Arg){{NULL, value->loc}, value}));
}

/* Of several fields: one after the other, which is the same, since no value sees the copy. */
Expr *syntax_with_fields(Builder *b, Loc loc, Expr *x, const ArgList *fields) {
    for (int i = 0; i < fields->n; i++) {
        for (int k = 0; k < i; k++) {
            if (fields->data[k].name.atom == fields->data[i].name.atom) {
                Diag *diag =
                    diag_error(&b->ctx->diags, DIAG_duplicate, fields->data[i].name.loc,
                               "the field `%s` is replaced twice", fields->data[i].name.atom);
                diag_label(&b->ctx->diags, diag, fields->data[k].name.loc, "here already");
            }
        }
        x = build_with_field(b, loc, x, fields->data[i].name, fields->data[i].value);
    }
    return x;
}

Carry *syntax_carry(Builder *b, Name name, Expr *init) {
    Carry *carry = ARENA_NEW(b->arena, Carry);
    carry->name = name;
    carry->init = init;
    return carry;
}

/* ---- syntax errors: what was expected ---- */

/* Most names of tokens begin with a quote. */
static bool is_name(const char *a, const char *b) {
    return a[0] == b[0] && (!a[0] || a[1] == b[1]) && strcmp(a, b) == 0;
}

static bool expects(const char *const *expected, int n, const char *name) {
    for (int i = 0; i < n; i++) {
        if (is_name(expected[i], name)) {
            return true;
        }
    }
    return false;
}

/* Where an expression can start or go on, a list of all tokens says less than one word. */
static bool is_operator(const char *name) {
    static const char *const operators[] = {"`||`", "`&&`", "`==`", "`!=`", "`<=`", "`>=`",  "`**`",
                                            "`<`",  "`>`",  "`+`",  "`-`",  "`*`",  "`/`",   "`%`",
                                            "`@`",  "`'`",  "`.`",  "`[`",  "`(`",  "`with`"};
    return expects(operators, (int)(sizeof operators / sizeof operators[0]), name);
}

static bool starts_expression(const char *name) {
    static const char *const starts[] = {"identifier", "integer", "number",       "boolean", "`if`",
                                         "`loop`",     "`scan`",  "`checkpoint`", "`-`",     "`!`",
                                         "`(`",        "`[`",     "`{`",          "`@`"};
    return expects(starts, (int)(sizeof starts / sizeof starts[0]), name);
}

static void list_expected(Text *text, const char *const *expected, int n) {
    bool expression = expects(expected, n, "integer") && expects(expected, n, "`(`");
    bool operator= !expression && expects(expected, n, "`**`");
    bool declaration = expects(expected, n, "`import`");
    const char *shown[64];
    int count = 0;
    if (expression) {
        shown[count++] = "an expression";
    }
    for (int i = 0; i < n && count < 62; i++) {
        bool covered = (expression && starts_expression(expected[i])) ||
                       (operator&& is_operator(expected[i])) ||
                       (declaration && strcmp(expected[i], "`;`") == 0);
        if (!covered) {
            shown[count++] = expected[i];
        }
    }
    if (operator) {
        shown[count++] = "an operator";
    }
    for (int i = 0; i < count; i++) {
        text_puts(text, i == 0 ? "" : i + 1 == count ? " or " : ", ");
        text_puts(text, shown[i]);
    }
}

static bool starts_line(const Builder *b, Loc loc) {
    const Source *source = source_of(&b->ctx->sources, loc);
    if (!source) {
        return false;
    }
    uint32_t at = loc.begin - source->base;
    while (at > 0 && (source->text[at - 1] == ' ' || source->text[at - 1] == '\t' ||
                      source->text[at - 1] == '\r')) {
        at--;
    }
    return at == 0 || source->text[at - 1] == '\n';
}

/* ---- what was meant ---- */

/* A syntax error as the hints see it. */
typedef struct Clash {
    Builder *b;
    const char *text, *end; /* the text from the unexpected token on */
    const char *start;      /* of the file */
    const char *got;        /* its name: "`;`", "identifier" */
    Loc loc, before_loc;
    int before; /* the token before */
    const char *const *expected;
    int n;
} Clash;

static bool got(const Clash *c, const char *name) {
    return is_name(c->got, name);
}

static bool wants(const Clash *c, const char *name) {
    return expects(c->expected, c->n, name);
}

static bool text_starts(const Clash *c, const char *word) {
    size_t len = strlen(word);
    return (size_t)(c->end - c->text) >= len && memcmp(c->text, word, len) == 0;
}

/* Where an expression could go on, but also end. */
static bool after_expression(const Clash *c) {
    return wants(c, "`**`");
}

static bool at_expression(const Clash *c) {
    return wants(c, "integer") && wants(c, "`(`");
}

static bool at_declaration(const Clash *c) {
    return wants(c, "`import`");
}

static bool at_type(const Clash *c) {
    return wants(c, "`fn`") && wants(c, "identifier") && !at_declaration(c);
}

/* The token before touches this one. */
static bool touches(const Clash *c) {
    return c->before_loc.end == c->loc.begin && c->before_loc.end > 0;
}

static Atom word_at(const Clash *c, Loc loc) {
    const Source *source = source_of(&c->b->ctx->sources, loc);
    if (!source || loc.end <= loc.begin || loc.end - loc.begin > 40) {
        return atom_of(&c->b->ctx->atoms, "");
    }
    return atom_intern(&c->b->ctx->atoms, source->text + (loc.begin - source->base),
                       loc.end - loc.begin);
}

static bool is_scalar_name(const char *word) {
    static const char *const names[] = {"f64", "f32", "i64", "i32", "bool", "real"};
    return expects(names, (int)(sizeof names / sizeof names[0]), word);
}

/* A word of another language, at the place of the error or right before it. */
static const char *hint_word(const Clash *c) {
    bool declares = at_declaration(c) || wants(c, "`as`"); /* `export def f` */
    HabitPlace place = declares ? HABIT_DECLARATION : HABIT_STATEMENT;
    const char *hint = got(c, "string") ? NULL : habit_hint(place, word_at(c, c->loc));
    if (!hint && c->before == T_IDENT && !got(c, "`;`")) {
        hint = habit_hint(place, word_at(c, c->before_loc));
    }
    return hint;
}

/* A misspelt keyword, at the place or right before it. */
static const char *hint_keyword(const Clash *c) {
    static const char *const openers[] = {"fn",     "type", "export",    "extern",
                                          "import", "test", "derivative"};
    static const char *const inner[] = {"let",   "assert", "if",   "else", "for",      "in",
                                        "while", "loop",   "scan", "with", "max_iter", "where"};
    const char *near = NULL;
    if (!got(c, "identifier")) {
        return NULL;
    }
    if (at_declaration(c)) {
        near = nearest_name(word_at(c, c->loc), openers, 7);
    } else if (after_expression(c) || wants(c, "`{`")) {
        near = nearest_name(word_at(c, c->loc), inner, 12);
        if (!near && c->before == T_IDENT) {
            near = nearest_name(word_at(c, c->before_loc), inner, 12);
        }
    }
    return near ? arena_printf(c->b->arena, "did you mean `%s`?", near) : NULL;
}

static const char *hint_import(const Clash *c) {
    if (c->before != T_IMPORT) {
        return NULL;
    }
    const char *std = "a module is named by a string: `import \"std/nn\" as nn;`";
    const char *habit = habit_hint(HABIT_NAME, word_at(c, c->loc));
    return habit && !text_starts(c, "std") ? habit : std;
}

/* y = e; y += e; x[i] = e; k++: what changes in other languages. */
static const char *hint_assignment(const Clash *c) {
    bool in_block = wants(c, "`;`") && wants(c, "`}`");
    bool doubled = (got(c, "`+`") || got(c, "`-`")) && touches(c) &&
                   (c->before == '+' || c->before == '-') && at_expression(c);
    bool updated = got(c, "`=`") && touches(c) && at_expression(c) &&
                   (c->before == '+' || c->before == '-' || c->before == '*' || c->before == '/');
    if (got(c, "`=`") && in_block && c->before == ']') {
        return "values never change: `x with [i] = v` is a copy with another element";
    }
    if (doubled || updated || (got(c, "`=`") && in_block)) {
        return "values never change: `let` gives a new value a name, and a loop carries what "
               "changes: `loop s = 0.0 for i < n { s + x[i] }`";
    }
    return NULL;
}

static const char *hint_loop(const Clash *c) {
    if (got(c, "`for`") && c->before == T_LOOP) {
        return "a loop carries values: `loop s = 0.0 for i < n { s + x[i] }`; a sum is "
               "`sum(x[i] for i)`";
    }
    if (got(c, "`for`") && at_expression(c)) {
        return "a loop is a value: `sum(x[i] for i)`, `[f(x[i]) for i]`, or `loop s = 0.0 for i < "
               "n { s + x[i] }`";
    }
    if (got(c, "`while`") && at_expression(c)) {
        return "a loop is a value: `loop x = x0 while c max_iter 100 { ... }`";
    }
    if (wants(c, "`max_iter`")) {
        return "a `while` is bounded: `while c max_iter 100 { ... }`";
    }
    return NULL;
}

static const char *hint_range(const Clash *c) {
    if (got(c, "`.`") && c->before == '.') {
        return "a range is written `lo:hi`: `for i in 0:n`, or `for i < n`";
    }
    if (got(c, "`:`") && touches(c) && c->before == ':') {
        return "a range has no step: write `[x[2*i] for i < n/2]`";
    }
    if (got(c, "`:`") && wants(c, "`]`") && wants(c, "`,`") && after_expression(c)) {
        return "a range has no step: write `[x[2*i] for i < n/2]`";
    }
    bool half = wants(c, "`:`") && after_expression(c) && !wants(c, "`]`") && !wants(c, "`)`");
    if (half && (got(c, "`]`") || got(c, "`)`") || got(c, "`{`"))) {
        return "a binder counts: `for i < n`, or over a range, `for i in 2:n`";
    }
    return NULL;
}

static const char *hint_number(const Clash *c) {
    bool after_digit = c->before == '.' && c->before_loc.begin > 0 && c->text - c->start >= 2 &&
                       c->text[-1] == '.' && c->text[-2] >= '0' && c->text[-2] <= '9';
    if (after_digit && !got(c, "`.`")) {
        return "a number has digits behind its point: `1.0`";
    }
    if (got(c, "`.`") && at_expression(c)) {
        return "a number starts with a digit: `0.5`";
    }
    return NULL;
}

static const char *hint_type(const Clash *c) {
    if (got(c, "`<`") && wants(c, "`(`") && wants(c, "`[`") && !after_expression(c)) {
        return "sizes stand in brackets: `fn f[n](x: [n]f64)`";
    }
    if (got(c, "`<`") && wants(c, "`.`") && !after_expression(c)) {
        const char *habit = habit_hint(HABIT_TYPE, word_at(c, c->before_loc));
        return habit ? habit : "sizes of a type stand in brackets: `Name[n]`";
    }
    if (at_type(c) && c->before == ']') {
        return "an array type has its sizes in the brackets and its elements behind: `[n]f64`";
    }
    if (got(c, "`;`") && wants(c, "`]`") && is_scalar_name(word_at(c, c->before_loc))) {
        return "an array type has its sizes in the brackets and its elements behind: `[3]f64`";
    }
    if (got(c, "`{`") && wants(c, "`[`") && wants(c, "`=`") && !wants(c, "`{`")) {
        return "write `type Name = { ... };`";
    }
    if (got(c, "`,`") && wants(c, "`where`") && wants(c, "`{`")) {
        return "several results are a tuple: `-> (f64, f64)`";
    }
    return NULL;
}

static const char *hint_parameter(const Clash *c) {
    if (c->n != 1 || !wants(c, "`:`") || c->before != T_IDENT) {
        return NULL;
    }
    Atom name = word_at(c, c->before_loc);
    if (got(c, "identifier") && (is_scalar_name(name) || habit_hint(HABIT_TYPE, name))) {
        return arena_printf(c->b->arena, "the name comes first: `%s: f64`", word_at(c, c->loc));
    }
    return arena_printf(c->b->arena, "it has a type: `%s: f64`", name);
}

static const char *hint_record(const Clash *c) {
    if (got(c, "`:`") && wants(c, "`=`") && wants(c, "`)`")) {
        return "fields are given by `=`: `Name(a = x, b = y)`";
    }
    if (got(c, "`{`") && c->before == T_IDENT && wants(c, "`;`") && after_expression(c)) {
        return arena_printf(c->b->arena, "a record is built by `%s(a = x, b = y)`",
                            word_at(c, c->before_loc));
    }
    return NULL;
}

static bool before_is_type_in_parens(const Clash *c) {
    const char *close = c->text - 1;
    while (close > c->start && *close == ' ') {
        close--;
    }
    const char *open = close;
    while (open > c->start && *open != '(' && close - open < 8) {
        open--;
    }
    return c->before == ')' && *close == ')' && *open == '(' &&
           is_scalar_name(arena_strdup(c->b->arena, open + 1, (size_t)(close - open) - 1));
}

/* Whether the place follows `for` in the same brackets, as in `[x[i] for i if ...]`. */
static bool is_behind_for(const Clash *c) {
    int depth = 0;
    for (const char *p = c->text - 1; p > c->start + 3 && depth >= 0; p--) {
        depth += strchr(")]}", *p) ? 1 : strchr("([{", *p) ? -1 : 0;
        if (depth == 0 && strncmp(p - 3, " for ", 5) == 0) {
            return true;
        }
    }
    return false;
}

static const char *hint_expression(const Clash *c) {
    if (got(c, "`as`") || (after_expression(c) && before_is_type_in_parens(c))) {
        return "a conversion is a call: `f64(n)`";
    }
    if (got(c, "`if`") && is_behind_for(c)) {
        return "nothing is left out of a comprehension: `sum(if x[i] > 0.0 { x[i] } else { 0.0 } "
               "for "
               "i)`";
    }
    if (got(c, "`if`") && after_expression(c)) {
        return "a choice is written `if c { a } else { b }`";
    }
    if (wants(c, "`{`") && after_expression(c) && !got(c, "`=`")) {
        return "the branches of an `if` are blocks: `if c { a } else { b }`";
    }
    if (got(c, "`=`") && wants(c, "`==`")) {
        return "equality is written `==`; names are bound by `let`";
    }
    if (got(c, "`let`") && at_expression(c)) {
        return "`let` stands in a block: `{ let y = x; y*y }`";
    }
    if (got(c, "`where`") && at_expression(c)) {
        return "a choice by element is `select(c, a, b)`";
    }
    if (got(c, "`where`") && after_expression(c)) {
        return "name parts in a block: `{ let y = x; y*y }`; `where` stands behind the result type";
    }
    if (got(c, "string") && at_expression(c)) {
        return "there are no strings but titles of tests and paths of imports";
    }
    if (got(c, "`'`") && at_expression(c)) {
        return "names stand without quotes: `grad[x](f)`";
    }
    if (got(c, "`|`")) {
        return "a function value `|x| e` is only an argument; `or` is written `||`";
    }
    if (got(c, "`->`") && after_expression(c)) {
        return "`->` stands before a result type; a field is taken by `.`";
    }
    if (wants(c, "`else`")) {
        return "an `if` is a value, so it has both branches";
    }
    if (got(c, "`}`") && wants(c, "`;`") && after_expression(c)) {
        return "a `let` ends with `;`, and the block with its value: `{ let y = x*x; 2.0*y }`";
    }
    return NULL;
}

static const char *hint_comment(const Clash *c) {
    return text_starts(c, "/*") ? "a comment starts with `//` and ends with its line" : NULL;
}

/* ---- places that belong to it ---- */

static const char *closer_of(char bracket) {
    return bracket == '(' ? "`)`" : bracket == '[' ? "`]`" : "`}`";
}

/* The innermost bracket that is open where the error is and could be closed there, and its place; 0
 * when there is none. Comments and strings are no brackets. */
static char open_bracket(const Clash *c, Loc *loc) {
    enum { DEEPEST = 256 };
    const char *stack[DEEPEST];
    int depth = 0;
    for (const char *at = c->start; at < c->text; at++) {
        if (*at == '/' && at + 1 < c->text && at[1] == '/') {
            while (at + 1 < c->text && at[1] != '\n') {
                at++;
            }
        } else if (*at == '"') {
            while (at + 1 < c->text && at[1] != '"' && at[1] != '\n') {
                at++;
            }
            at += at + 1 < c->text;
        } else if (strchr("([{", *at) && *at && depth < DEEPEST) {
            stack[depth++] = at;
        } else if (strchr(")]}", *at) && *at && depth > 0) {
            depth--;
        }
    }
    while (depth > 0 && !wants(c, closer_of(*stack[depth - 1]))) {
        depth--;
    }
    if (depth == 0) {
        return '\0';
    }
    uint32_t begin = c->loc.begin - (uint32_t)(c->text - stack[depth - 1]);
    *loc = (Loc){begin, begin + 1};
    return *stack[depth - 1];
}

static bool label_open_bracket(const Clash *c, Diag *diag) {
    bool ends = got(c, "`;`") || got(c, "end of file") || got(c, "`}`") || got(c, "`let`") ||
                got(c, "`fn`") || got(c, "`export`");
    Loc loc;
    char open = ends ? open_bracket(c, &loc) : '\0';
    if (!open || (open == '{' && !got(c, "end of file"))) {
        return false;
    }
    diag_label(&c->b->ctx->diags, diag, loc, "this `%c` is not closed", open);
    return true;
}

/* What follows the token before on its line is a comment that holds code. */
static bool divided_by_comment(const Clash *c) {
    const char *at = c->text - (c->loc.begin - c->before_loc.end);
    while (at < c->text && *at == ' ') {
        at++;
    }
    const char *newline = memchr(at, '\n', (size_t)(c->end - at));
    size_t line = (size_t)((newline ? newline : c->end) - at);
    return at < c->text && line > 2 && at[0] == '/' && at[1] == '/' && memchr(at, ';', line);
}

static bool label_missing_semicolon(const Clash *c, Diag *diag) {
    if (!wants(c, "`;`") || !starts_line(c->b, c->loc) || c->before_loc.end == 0) {
        return false;
    }
    DiagList *diags = &c->b->ctx->diags;
    Loc end = {c->before_loc.end - 1, c->before_loc.end};
    if (divided_by_comment(c)) {
        diag_label(diags, diag, end, "the statement goes on after this");
        diag_hint(diags, diag, "`//` starts a comment; integers are divided by `/`");
    } else {
        diag_label(diags, diag, end, "a `;` is missing after this?");
        diag_hint(diags, diag, "a `let` and a one-line function end with `;`");
    }
    return true;
}

/* assert c, "text" */
static const char *hint_assertion(const Clash *c) {
    const char *begin = c->text;
    while (begin > c->start && !strchr(";{}\n", begin[-1])) {
        begin--;
    }
    begin += strspn(begin, " \t");
    return got(c, "`,`") && wants(c, "`;`") && strncmp(begin, "assert ", 7) == 0
               ? "an assertion has no text of its own: its message shows the line"
               : NULL;
}

/* Adds what is known; false when the fault lies on a line before, so that the rest of this one may
 * have faults of its own. */
static bool hint_at(const Clash *c, Diag *diag) {
    static const char *(*const hints[])(const Clash *) = {
        hint_comment, hint_word,   hint_import,    hint_assignment,
        hint_loop,    hint_range,  hint_number,    hint_parameter,
        hint_type,    hint_record, hint_assertion, hint_expression};
    const char *hint = NULL;
    if (!diag_is_kept(&c->b->ctx->diags, diag)) { /* some hints read the file from its start */
        return true;
    }
    for (size_t i = 0; i < sizeof hints / sizeof hints[0] && !hint; i++) {
        hint = hints[i](c);
    }
    if (!hint && label_open_bracket(c, diag)) {
        return true;
    }
    if (!hint && label_missing_semicolon(c, diag)) {
        return false;
    }
    hint = hint ? hint : hint_keyword(c);
    if (hint) {
        diag_hint(&c->b->ctx->diags, diag, "%s", hint);
    }
    return true;
}

/* ---- the message ---- */

/* Recovery ended inside of what was wrong: a second error of the line, or, where a declaration
 * could start, an indented line or a `}`. */
static bool is_consequence(Builder *b, const char *name, Loc loc, bool at_declaration) {
    if (b->syntax_line == 0) {
        return false;
    }
    if (line_of(b, loc) == b->syntax_line) {
        return true;
    }
    return at_declaration && (strcmp(name, "`}`") == 0 || !starts_line(b, loc) ||
                              source_position(&b->ctx->sources, loc.begin).column > 1);
}

void syntax_report(Builder *b, const char *name, Loc loc, const char *const *expected, int n) {
    const Source *source = source_of(&b->ctx->sources, loc);
    if (is_consequence(b, name, loc, expects(expected, n, "`import`"))) {
        return;
    }
    b->syntax_line = line_of(b, loc);
    Text list;
    text_init(&list, b->arena);
    list_expected(&list, expected, n);
    const char *what = name;
    if (source && strcmp(name, "identifier") == 0 && loc.end - loc.begin <= 60) {
        what = arena_printf(b->arena, "`%.*s`", (int)(loc.end - loc.begin),
                            source->text + (loc.begin - source->base));
    }
    Diag *diag = diag_error(&b->ctx->diags, DIAG_syntax, loc, "unexpected %s%s%s", what,
                            list.n > 0 ? ", expected " : "", list.n > 0 ? list.data : "");
    if (!source) {
        return;
    }
    Clash clash = {.b = b,
                   .text = source->text + (loc.begin - source->base),
                   .end = source->text + source->len,
                   .start = source->text,
                   .got = name,
                   .loc = loc,
                   .before = b->lex->last[1],
                   .before_loc = b->lex->last_loc[1],
                   .expected = expected,
                   .n = n};
    if (!hint_at(&clash, diag)) {
        b->syntax_line = 0;
    }
}
