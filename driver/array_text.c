/* Arrays from text: literals of the command line and tables of numbers. See driver/array.h. */
#include "driver/array.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one number ---- */

typedef struct Number {
    Scalar kind; /* S_bool, S_i64 or S_f64 */
    int64_t i;
    double d;
} Number;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* How far a number, a name or a sign reaches. */
static size_t word_length(const char *at, const char *end) {
    size_t n = 0;
    while (at + n < end && at[n] && !is_blank(at[n]) && !strchr(",;[]\"", at[n]))
        n++;
    return n;
}

static bool read_integer(const char *word, Number *number) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(word, &end, 10);
    if (end == word || *end || errno == ERANGE)
        return false;
    *number = (Number){S_i64, value, (double)value};
    return true;
}

/* strtod also takes hexadecimal numbers and nan(...), which nobody means here. */
static bool read_float(const char *word, Number *number) {
    if (strpbrk(word, "xX("))
        return false;
    char *end = NULL;
    double value = strtod(word, &end);
    if (end == word || *end)
        return false;
    *number = (Number){S_f64, 0, value};
    return true;
}

static bool read_number(const char *text, size_t length, Number *number) {
    char word[64];
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    bool is_true = strcmp(word, "true") == 0;
    if (is_true || strcmp(word, "false") == 0) {
        *number = (Number){S_bool, is_true, is_true};
        return true;
    }
    return read_integer(word, number) || read_float(word, number);
}

/* ---- growing arrays ---- */

/* Numbers of one kind so far; the first float makes all of them floats. */
typedef struct Numbers {
    Arena *arena;
    Scalar kind;
    VEC(double) floats;
    VEC(int64_t) ints;
} Numbers;

enum { MOST_ELEMENTS = INT32_MAX / 16 };

/* False: bools among numbers, or too many. */
static bool numbers_add(Numbers *all, Number number) {
    bool first = all->floats.n == 0;
    if (all->floats.n == MOST_ELEMENTS ||
        (!first && (all->kind == S_bool) != (number.kind == S_bool)))
        return false;
    if (first || number.kind > all->kind)
        all->kind = number.kind;
    vec_push(all->arena, &all->floats, number.d);
    vec_push(all->arena, &all->ints, number.i);
    return true;
}

static Array *numbers_array(const Numbers *all, int rank, const int64_t *dims) {
    Scalar kind = all->floats.n == 0 ? S_i64 : all->kind;
    Array *a = array_new(all->arena, kind, rank, dims);
    for (int k = 0; k < all->floats.n; k++) {
        if (kind == S_f64)
            array_set(a, k, all->floats.data[k]);
        else
            array_set_int(a, k, all->ints.data[k]);
    }
    return a;
}

/* ---- literals ---- */

typedef struct Reader {
    Arena *arena;
    const char *next, *end;
    const char *error;
    Numbers numbers;
    int rank;                  /* -1: no number was seen yet, and no empty list */
    int64_t dims[IR_MAX_RANK]; /* -1: not known yet */
} Reader;

static char skip_blanks(Reader *r) {
    while (is_blank(*r->next))
        r->next++;
    return *r->next;
}

static bool fail(Reader *r, const char *error) {
    r->error = r->error ? r->error : error;
    return false;
}

static bool set_rank(Reader *r, int rank) {
    if (r->rank >= 0 && r->rank != rank)
        return fail(r, "some lists are nested deeper than others");
    r->rank = rank;
    return true;
}

static bool read_one(Reader *r, int depth) {
    size_t n = word_length(r->next, r->end);
    Number number;
    if (!read_number(r->next, n, &number)) {
        r->error = n == 0 ? "a number is missing"
                          : arena_printf(r->arena, "'%.*s' is not a number", n > 40 ? 40 : (int)n,
                                         r->next);
        return false;
    }
    r->next += n;
    return set_rank(r, depth) && (numbers_add(&r->numbers, number) ||
                                  fail(r, "numbers and bools do not mix in one array"));
}

static bool read_level(Reader *r, int depth);

static bool read_list(Reader *r, int depth) {
    int64_t n = 0;
    r->next++;
    while (skip_blanks(r) != ']') {
        if (n > 0 && *r->next != ',')
            return fail(r, "',' or ']' is missing");
        r->next += n > 0;
        if (!read_level(r, depth + 1))
            return false;
        n++;
    }
    r->next++;
    if (r->dims[depth] >= 0 && r->dims[depth] != n)
        return fail(r, "the rows of an array have one length");
    r->dims[depth] = n;
    return n > 0 || set_rank(r, depth + 1);
}

static bool read_level(Reader *r, int depth) {
    if (skip_blanks(r) != '[')
        return read_one(r, depth);
    if (depth == IR_MAX_RANK)
        return fail(r, "an array has at most 8 axes");
    return read_list(r, depth);
}

Array *array_read_literal(Arena *arena, const char *text, const char **error) {
    Reader r = {.arena = arena, .next = text, .end = text + strlen(text), .rank = -1};
    r.numbers.arena = arena;
    for (int axis = 0; axis < IR_MAX_RANK; axis++)
        r.dims[axis] = -1;
    bool ok =
        read_level(&r, 0) && (skip_blanks(&r) == '\0' || fail(&r, "something follows the value"));
    if (!ok) {
        *error = r.error;
        return NULL;
    }
    Array *a = numbers_array(&r.numbers, r.rank, r.dims);
    a->loose = a->count == 0;
    return a;
}

/* ---- tables ---- */

typedef struct Table {
    Arena *arena;
    Numbers numbers;
    int64_t rows, columns;
    int line;
    char separator; /* ' ': blanks; '\0': not known yet */
    const char *error;
} Table;

static char find_separator(const char *at, const char *end) {
    static const char candidates[] = ",;\t";
    for (const char *c = candidates; *c; c++)
        if (memchr(at, *c, (size_t)(end - at)))
            return *c;
    return ' ';
}

static void trim(const char **at, const char **end) {
    while (*at < *end && is_blank(**at))
        ++*at;
    while (*at < *end && is_blank((*end)[-1]))
        --*end;
}

/* The field at *at, without blanks and quotes around it; *at moves behind its separator, or becomes
 * NULL at the end. */
static void next_field(const Table *t, const char **at, const char *end, const char **from,
                       const char **to) {
    const char *stop = *at;
    while (stop < end && (t->separator == ' ' ? !is_blank(*stop) : *stop != t->separator))
        stop++;
    *from = *at;
    *to = stop;
    trim(from, to);
    if (*to - *from >= 2 && **from == '"' && (*to)[-1] == '"') {
        ++*from;
        --*to;
    }
    const char *rest = stop + (stop < end);
    while (t->separator == ' ' && rest < end && is_blank(*rest))
        rest++;
    *at = stop == end || (t->separator == ' ' && rest == end) ? NULL : rest;
}

static bool is_header(const Table *t, const char *at, const char *end) {
    while (at) {
        const char *from, *to;
        Number number;
        next_field(t, &at, end, &from, &to);
        if (to > from && !read_number(from, (size_t)(to - from), &number))
            return true;
    }
    return false;
}

static bool add_field(Table *t, int64_t column, const char *from, const char *to) {
    Number number;
    int n = to - from > 40 ? 40 : (int)(to - from);
    if (!read_number(from, (size_t)(to - from), &number))
        t->error = arena_printf(t->arena, "line %d, column %lld: '%.*s' is not a number", t->line,
                                (long long)column + 1, n, from);
    else if (!numbers_add(&t->numbers, number))
        t->error =
            arena_printf(t->arena, "line %d: numbers and bools do not mix in one array", t->line);
    return !t->error;
}

static bool add_row(Table *t, const char *at, const char *end) {
    int64_t columns = 0;
    while (at) {
        const char *from, *to;
        next_field(t, &at, end, &from, &to);
        if (!add_field(t, columns++, from, to))
            return false;
    }
    if (t->rows > 0 && columns != t->columns) {
        t->error = arena_printf(t->arena, "line %d has %lld columns, the lines before have %lld",
                                t->line, (long long)columns, (long long)t->columns);
        return false;
    }
    t->columns = columns;
    t->rows++;
    return true;
}

static bool add_line(Table *t, const char *at, const char *end) {
    trim(&at, &end);
    if (at == end || *at == '#')
        return true;
    bool first = !t->separator;
    if (first)
        t->separator = find_separator(at, end);
    return (first && is_header(t, at, end)) || add_row(t, at, end);
}

Array *array_read_csv(Arena *arena, const char *text, size_t size, const char **error) {
    Table t = {.arena = arena};
    t.numbers.arena = arena;
    const char *at = text, *end = text + size;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < end && !t.error) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        t.line++;
        add_line(&t, at, stop);
        at = stop + 1;
    }
    if (!t.error && t.rows == 0)
        t.error = "the file holds no numbers";
    if (t.error) {
        *error = t.error;
        return NULL;
    }
    Array *a = numbers_array(&t.numbers, 2, (int64_t[]){t.rows, t.columns});
    a->loose = true;
    return a;
}
