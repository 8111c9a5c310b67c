/* Messages of the parser: what was found, what could have stood there, and what was probably meant.
 * Must not build nodes other than those its callers ask for. */
#include "parser/syntax.h"
#include "parser/grammar.tab.h"

#include <string.h>

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
    if (expr->kind == E_error) {
        return;
    }
    Diag *diag = diag_error(&b->ctx->diags, DIAG_no_result, expr->loc, "the value is not used");
    diag_label(&b->ctx->diags, diag, semicolon, "this `;` drops it");
    diag_hint(&b->ctx->diags, diag,
              "name it with `let`, or, if it is the value of the block, remove the `;`");
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

/* ---- syntax errors ---- */

static bool expects(const char *const *expected, int n, const char *name) {
    for (int i = 0; i < n; i++) {
        if (strcmp(expected[i], name) == 0) {
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

static bool text_is(const Builder *b, Loc loc, const char *word) {
    const Source *source = source_of(&b->ctx->sources, loc);
    size_t len = strlen(word);
    return source && loc.end - loc.begin == len &&
           memcmp(source->text + (loc.begin - source->base), word, len) == 0;
}

/* Words of other languages, at the place of the error or right before it. */
static const char *foreign_word(const Builder *b, Loc loc) {
    static const struct {
        const char *word, *hint;
    } words[] = {
        {"return", "a block's last expression is its value; there is no `return`"},
        {"def", "functions are declared by `fn`"},
        {"function", "functions are declared by `fn`"},
        {"func", "functions are declared by `fn`"},
        {"var", "values never change; name them with `let`"},
        {"const", "values never change; name them with `let`"},
        {"mut", "values never change; carry them through a `loop`"},
        {"struct", "records are declared by `type Name = { field: type };`"},
        {"record", "records are declared by `type Name = { field: type };`"},
        {"elif", "write `else if`"},
        {"elseif", "write `else if`"},
        {"and", "`and` is written `&&`"},
        {"or", "`or` is written `||`"},
        {"not", "`not` is written `!`"},
        {"lambda", "a function value is written `|x| e`"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_is(b, loc, words[i].word)) {
            return words[i].hint;
        }
    }
    return NULL;
}

static void hint_at(Builder *b, Diag *diag, const char *got, Loc loc, const char *const *expected,
                    int n) {
    DiagList *diags = &b->ctx->diags;
    const LexState *lex = b->lex;
    Loc before = lex->last_loc[1];
    const char *foreign = foreign_word(b, loc);
    if (!foreign && lex->last[1] == T_IDENT) {
        foreign = foreign_word(b, before);
    }
    if (foreign) {
        diag_hint(diags, diag, "%s", foreign);
    } else if (strcmp(got, "`=`") == 0 && expects(expected, n, "`==`")) {
        diag_hint(diags, diag, "equality is written `==`; names are bound by `let`");
    } else if (strcmp(got, "end of file") == 0 && expects(expected, n, "`}`")) {
        diag_hint(diags, diag, "a `{` is not closed");
    } else if (strcmp(got, "`|`") == 0) {
        diag_hint(diags, diag,
                  "a function value `|x| e` is only an argument; `or` is written `||`");
    } else if (strcmp(got, "`->`") == 0 && expects(expected, n, "`**`")) {
        diag_hint(diags, diag, "`->` stands before a result type; a field is taken by `.`");
    } else if (strcmp(got, "`.`") == 0 && starts_expression(n > 0 ? expected[0] : "")) {
        diag_hint(diags, diag, "a number starts with a digit: `0.5`");
    } else if (expects(expected, n, "`else`")) {
        diag_hint(diags, diag, "an `if` is a value, so it has both branches");
    } else if (expects(expected, n, "`max_iter`")) {
        diag_hint(diags, diag, "a `while` is bounded: `while c max_iter 100 { ... }`");
    } else if (expects(expected, n, "`;`") && starts_line(b, loc) && before.end > 0) {
        diag_label(diags, diag, (Loc){before.end - 1, before.end}, "a `;` is missing after this?");
        diag_hint(diags, diag, "a `let` and a one-line function end with `;`");
    }
}

void syntax_report(Builder *b, const char *got, Loc loc, const char *const *expected, int n) {
    Text list;
    text_init(&list, b->arena);
    list_expected(&list, expected, n);
    const Source *source = source_of(&b->ctx->sources, loc);
    const char *what = got;
    if (source && strcmp(got, "identifier") == 0 && loc.end - loc.begin <= 60) {
        what = arena_printf(b->arena, "`%.*s`", (int)(loc.end - loc.begin),
                            source->text + (loc.begin - source->base));
    }
    Diag *diag;
    if (list.n > 0) {
        diag = diag_error(&b->ctx->diags, DIAG_syntax, loc, "unexpected %s, expected %s", what,
                          list.data);
    } else {
        diag = diag_error(&b->ctx->diags, DIAG_syntax, loc, "unexpected %s", what);
    }
    hint_at(b, diag, got, loc, expected, n);
}
