/* libFuzzer's mutator for texts: changes tokens, and groups between brackets, instead of bytes, so
 * that most mutants still parse. Words come from the text itself and from the table that
 * `dictionary` makes of the lexer and the op tables. One mutant in eight is made of bytes, by
 * libFuzzer's own mutator. Linked with the targets of .bp text and textual IR. */
#include "test/fuzz/fuzz.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_size, unsigned seed);

static const char *const dictionary[] = {
#include "tokens.inc"
};
static const char *const numbers[] = {
    "0",   "1",   "2",    "3",     "4",    "7",   "8",
    "16",  "100", "1000", "-1",    "0.0",  "1.0", "0.5",
    "2.0", "1e3", "1e-8", "1e308", "4096", "nan", "9223372036854775807"};

enum { MOST_TOKENS = 4096 };

/* Where a token begins; it goes on to where the next begins, so white space belongs to what is
 * before it. */
typedef struct Tokens {
    const uint8_t *text;
    size_t n, at[MOST_TOKENS + 1];
} Tokens;

typedef struct Range {
    size_t from, to; /* tokens; `to` is not part of it */
} Range;

typedef struct Random {
    uint64_t state;
} Random;

static size_t below(Random *r, size_t n) {
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return n ? (size_t)(r->state >> 33) % n : 0;
}

/* ---- tokens ---- */

static bool is_word(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t token_end(const uint8_t *text, size_t at, size_t size) {
    static const char *const pairs[] = {"||", "&&", "==", "!=", "<=", ">=", "**", "->", "=>", "//"};
    size_t end = at + 1;
    bool sigil = text[at] == '%' || text[at] == '@'; /* of the IR */
    if (is_word(text[at]) || (sigil && end < size && is_word(text[end]))) {
        while (end < size && (is_word(text[end]) ||
                              (text[end] == '.' && end + 1 < size && is_word(text[end + 1]))))
            end++;
        return end;
    }
    if (text[at] == '"') {
        while (end < size && text[end] != '"' && text[end] != '\n')
            end++;
        return end < size ? end + 1 : end;
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && end < size; i++)
        if (memcmp(text + at, pairs[i], 2) == 0)
            return end + 1;
    return end;
}

static void scan(Tokens *t, const uint8_t *text, size_t size) {
    size_t at = 0;
    t->text = text;
    t->n = 0;
    while (at < size && t->n < MOST_TOKENS) {
        t->at[t->n++] = at;
        at = token_end(text, at, size);
        while (at < size && is_space(text[at]))
            at++;
    }
    t->at[t->n] = t->n < MOST_TOKENS ? size : at;
}

static uint8_t first(const Tokens *t, size_t i) {
    return t->text[t->at[i]];
}

static bool is_number(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool same_kind(uint8_t a, uint8_t b) {
    return is_word(a) ? is_word(b) && is_number(a) == is_number(b)
                      : a == b || (!is_word(b) && a != '%' && a != '@');
}

/* ---- ranges ---- */

static Range some_tokens(Random *r, const Tokens *t) {
    size_t from = below(r, t->n), n = 1 + below(r, 1 + below(r, 8));
    return (Range){from, from + n < t->n ? from + n : t->n};
}

static int step_of(uint8_t c) {
    return strchr("([{", c) && c ? 1 : strchr(")]}", c) && c ? -1 : 0;
}

/* From a token to where what it opened is closed; itself where it opens nothing. */
static Range group_at(const Tokens *t, size_t from) {
    int depth = 0;
    for (size_t i = from; i < t->n; i++) {
        depth += step_of(first(t, i));
        if (depth <= 0)
            return (Range){from, i + 1};
    }
    return (Range){from, t->n};
}

/* A group, or a whole list item or statement: up to the next comma, semicolon or bracket on its
 * level. */
static Range some_group(Random *r, const Tokens *t) {
    size_t from = below(r, t->n);
    if (step_of(first(t, from)) <= 0 && below(r, 2)) {
        int depth = 0;
        for (size_t i = from; i < t->n; i++) {
            depth += step_of(first(t, i));
            if (depth < 0 || (depth == 0 && (first(t, i) == ',' || first(t, i) == ';')))
                return (Range){from, i > from ? i : from + 1};
        }
    }
    for (int tries = 0; tries < 16 && step_of(first(t, from)) <= 0; tries++)
        from = below(r, t->n);
    Range group = group_at(t, from);
    /* the word in front belongs to it: f(x), x[i], vjp @f(...) */
    if (from > 0 && below(r, 2))
        group.from--;
    return group;
}

/* A line, as the IR writes one instruction. */
static Range some_line(Random *r, const Tokens *t) {
    size_t from = below(r, t->n), to = from;
    while (from > 0 && !memchr(t->text + t->at[from - 1], '\n', t->at[from] - t->at[from - 1]))
        from--;
    while (to < t->n && !memchr(t->text + t->at[to], '\n', t->at[to + 1] - t->at[to]))
        to++;
    return (Range){from, to < t->n ? to + 1 : to};
}

static Range some_range(Random *r, const Tokens *t) {
    size_t kind = below(r, 3);
    return kind == 0 ? some_tokens(r, t) : kind == 1 ? some_group(r, t) : some_line(r, t);
}

/* ---- texts ---- */

typedef struct Output {
    uint8_t *data;
    size_t n, max;
} Output;

static void put(Output *out, const void *bytes, size_t n) {
    n = n < out->max - out->n ? n : out->max - out->n;
    memcpy(out->data + out->n, bytes, n);
    out->n += n;
}

static void put_range(Output *out, const Tokens *t, Range range) {
    put(out, t->text + t->at[range.from], t->at[range.to] - t->at[range.from]);
}

static void put_word(Output *out, const char *word) {
    put(out, word, strlen(word));
    put(out, " ", 1);
}

static void put_new_token(Output *out, Random *r, const Tokens *t, uint8_t like) {
    if (is_number(like) && below(r, 4)) {
        put_word(out, numbers[below(r, sizeof numbers / sizeof *numbers)]);
        return;
    }
    for (int tries = 0; tries < 8 && below(r, 3); tries++) {
        size_t i = below(r, t->n);
        if (same_kind(like, first(t, i))) {
            put_range(out, t, (Range){i, i + 1});
            return;
        }
    }
    put_word(out, dictionary[below(r, sizeof dictionary / sizeof *dictionary)]);
}

/* `range` of t replaced by what another range of `from` holds, which may be the same text. */
static void replace(Output *out, const Tokens *t, Range range, const Tokens *from, Range by) {
    put_range(out, t, (Range){0, range.from});
    put_range(out, from, by);
    put_range(out, t, (Range){range.to, t->n});
}

static void exchange(Output *out, const Tokens *t, Range a, Range b) {
    if (a.from > b.from) {
        Range c = a;
        a = b;
        b = c;
    }
    if (a.to > b.from)
        a.to = b.from;
    put_range(out, t, (Range){0, a.from});
    put_range(out, t, b);
    put_range(out, t, (Range){a.to, b.from});
    put_range(out, t, a);
    put_range(out, t, (Range){b.to, t->n});
}

static void wrap(Output *out, Random *r, const Tokens *t, Range range) {
    static const char *const around[][2] = {
        {"(", ")"},        {"[", "]"},           {"{ ", " }"},         {"-(", ")"},
        {"sum(", ")"},     {"[", " for i < 2]"}, {"sin(", ")"},        {"stop(", ")"},
        {"grad(", ")"},    {"(", ")[0]"},        {"(", ", 1.0)"},      {"f64(", ")"},
        {"hessian(", ")"}, {"(", ")'"},          {"checkpoint {", "}"}};
    size_t k = below(r, sizeof around / sizeof *around);
    put_range(out, t, (Range){0, range.from});
    put(out, around[k][0], strlen(around[k][0]));
    put_range(out, t, range);
    put(out, around[k][1], strlen(around[k][1]));
    put_range(out, t, (Range){range.to, t->n});
}

static void mutate_once(Output *out, Random *r, const Tokens *t) {
    Range a = some_range(r, t), b = some_range(r, t), one = {a.from, a.from + 1};
    switch (below(r, 10)) {
    case 0:
        replace(out, t, a, t, (Range){0, 0});
        break;
    case 1:
        replace(out, t, (Range){a.from, a.from}, t, b);
        break;
    case 2:
        exchange(out, t, a, b);
        break;
    case 3:
        replace(out, t, some_group(r, t), t, some_group(r, t));
        break;
    case 4:
        wrap(out, r, t, a);
        break;
    case 5:
        put_range(out, t, (Range){0, a.from});
        put_new_token(out, r, t, first(t, b.from));
        put_range(out, t, (Range){a.from, t->n});
        break;
    default:
        put_range(out, t, (Range){0, one.from});
        put_new_token(out, r, t, first(t, one.from));
        put_range(out, t, (Range){one.to, t->n});
        break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    static Tokens tokens;
    Random r = {seed};
    FUZZ_DEFINED(data, size);
    below(&r, 2);
    if (size == 0 || below(&r, 8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *made = malloc(max_size);
    for (size_t k = 1 + below(&r, 3); k > 0; k--) {
        Output out = {made, 0, max_size};
        scan(&tokens, data, size);
        mutate_once(&out, &r, &tokens);
        if (out.n == 0)
            break;
        memcpy(data, made, out.n);
        size = out.n;
    }
    free(made);
    return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_size, unsigned seed) {
    static Tokens here, there;
    Random r = {seed};
    Output made = {out, 0, max_size};
    FUZZ_DEFINED(data1, size1);
    FUZZ_DEFINED(data2, size2);
    below(&r, 2);
    scan(&here, data1, size1);
    scan(&there, data2, size2);
    if (here.n == 0 || there.n == 0)
        return 0;
    Range a = some_range(&r, &here), b = some_range(&r, &there);
    replace(&made, &here, below(&r, 2) ? a : (Range){a.from, a.from}, &there, b);
    return made.n;
}
