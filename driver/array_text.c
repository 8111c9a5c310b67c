/* Arrays from text: literals of the command line and tables of numbers. See driver/array.h. */
#include "driver/array.h"

#include <errno.h>
#include <inttypes.h>
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

/* As bp, Python and R write it; -1: neither. */
static int read_truth(const char *word) {
    static const char *const words[] = {"false", "true", "False", "True", "FALSE", "TRUE"};
    for (int i = 0; i < 6; i++)
        if (strcmp(word, words[i]) == 0)
            return i & 1;
    return -1;
}

static bool read_number(const char *text, size_t length, Number *number) {
    char word[64];
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    int truth = read_truth(word);
    if (truth >= 0) {
        *number = (Number){S_bool, truth, truth};
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
    const char *start, *next, *end;
    ArrayError error;
    Numbers numbers;
    int rank;                  /* -1: no number was seen yet, and no empty list */
    int64_t dims[IR_MAX_RANK]; /* -1: not known yet */
} Reader;

static char skip_blanks(Reader *r) {
    while (is_blank(*r->next))
        r->next++;
    return *r->next;
}

/* At what comes next, or at the end of the text. */
static bool fail_over(Reader *r, size_t length, const char *error) {
    if (r->error.text)
        return false;
    r->error.text = error;
    r->error.at = (size_t)(r->next - r->start);
    r->error.length = length > 0 ? length : 1;
    return false;
}

static bool fail(Reader *r, const char *error) {
    return fail_over(r, 1, error);
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
        if (n > 0 && *r->next == '(')
            r->error.hint = "lists stand in brackets: [1, 2]";
        else if (n > 0 && *r->next == '@')
            r->error.hint = "a file is the whole value: --arg x=@FILE";
        return fail_over(r, n,
                         n == 0 ? "a number is missing"
                                : arena_printf(r->arena, "'%.*s' is not a number",
                                               n > 40 ? 40 : (int)n, r->next));
    }
    bool ok = set_rank(r, depth) && (numbers_add(&r->numbers, number) ||
                                     fail_over(r, n, "numbers and bools do not mix in one array"));
    r->next += n;
    return ok;
}

static bool read_level(Reader *r, int depth);

static bool fail_separator(Reader *r) {
    if (*r->next)
        r->error.hint = "elements are separated by commas";
    return fail(r, "',' or ']' is missing");
}

static bool read_list(Reader *r, int depth) {
    int64_t n = 0;
    const char *start = r->next++;
    while (skip_blanks(r) != ']') {
        if (n > 0 && *r->next != ',')
            return fail_separator(r);
        r->next += n > 0;
        if (!read_level(r, depth + 1))
            return false;
        n++;
    }
    r->next++;
    if (r->dims[depth] >= 0 && r->dims[depth] != n) {
        const char *end = r->next;
        r->next = start;
        return fail_over(r, (size_t)(end - start),
                         arena_printf(r->arena,
                                      "the rows of an array have one length: this has %" PRId64
                                      ", those before %" PRId64,
                                      n, r->dims[depth]));
    }
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

Array *array_read_literal(Arena *arena, const char *text, ArrayError *error) {
    Reader r = {
        .arena = arena, .start = text, .next = text, .end = text + strlen(text), .rank = -1};
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

/* A line, or a field without blanks and quotes around it. */
typedef struct Piece {
    const char *from, *to;
} Piece;

typedef struct Table {
    Arena *arena;
    const char *start, *end;
    Numbers numbers;
    int64_t rows, columns;
    int64_t open_rows; /* whose last field is empty */
    char separator;    /* ' ': blanks; '\0': not known yet */
    Piece first;       /* the first row */
    Piece mixed;       /* the first line, when it holds numbers and other words */
    bool missing;
    ArrayError error;
} Table;

static bool is_empty(Piece p) {
    return p.from == p.to;
}

static bool fail_at(Table *t, Piece p, const char *text) {
    if (!t->error.text) {
        t->error.text = text;
        t->error.at = (size_t)(p.from - t->start);
        t->error.length = p.to > p.from ? (size_t)(p.to - p.from) : 1;
    }
    return false;
}

/* A semicolon first: beside it a comma is a decimal one. */
static char find_separator(Piece line) {
    static const char candidates[] = ";,\t";
    for (const char *c = candidates; *c; c++)
        if (memchr(line.from, *c, (size_t)(line.to - line.from)))
            return *c;
    return ' ';
}

static void trim(Piece *p) {
    while (p->from < p->to && is_blank(*p->from))
        p->from++;
    while (p->from < p->to && is_blank(p->to[-1]))
        p->to--;
}

static bool is_separator(const Table *t, char c) {
    return t->separator == ' ' ? is_blank(c) : c == t->separator;
}

/* The field at *at; *at moves behind its separator, or becomes NULL at the end. A separator between
 * quotes is none. */
static Piece next_field(const Table *t, const char **at, const char *end) {
    const char *stop = *at, *quote = NULL;
    while (stop < end && t->separator != ' ' && is_blank(*stop) && *stop != t->separator)
        stop++;
    if (stop < end && *stop == '"')
        quote = memchr(stop + 1, '"', (size_t)(end - stop - 1));
    stop = quote ? quote + 1 : *at;
    while (stop < end && !is_separator(t, *stop))
        stop++;
    Piece field = {*at, stop};
    trim(&field);
    if (field.to - field.from >= 2 && *field.from == '"' && field.to[-1] == '"') {
        field.from++;
        field.to--;
        trim(&field);
    }
    const char *rest = stop + (stop < end);
    while (t->separator == ' ' && rest < end && is_blank(*rest))
        rest++;
    *at = stop == end || (t->separator == ' ' && rest == end) ? NULL : rest;
    return field;
}

static bool says_missing(Piece field) {
    static const char *const words[] = {"NA", "N/A", "n/a", "na", "null", "NULL", "None", "?", "-"};
    size_t n = (size_t)(field.to - field.from);
    if (n == 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == n && memcmp(field.from, words[i], n) == 0)
            return true;
    return false;
}

static bool read_field(Piece field, Number *number) {
    return read_number(field.from, (size_t)(field.to - field.from), number);
}

static bool is_decimal_comma(const Table *t, Piece field) {
    const char *comma = memchr(field.from, ',', (size_t)(field.to - field.from));
    Number whole, fraction;
    return t->separator != ',' && comma && read_field((Piece){field.from, comma}, &whole) &&
           read_field((Piece){comma + 1, field.to}, &fraction);
}

static bool add_field(Table *t, Piece field) {
    Number number = {S_f64, 0, NAN};
    int n = field.to - field.from > 40 ? 40 : (int)(field.to - field.from);
    if (says_missing(field)) {
        t->missing = true;
    } else if (!read_field(field, &number)) {
        if (is_decimal_comma(t, field))
            t->error.hint = "a decimal point is written '.'";
        return fail_at(t, field, arena_printf(t->arena, "'%.*s' is not a number", n, field.from));
    }
    return numbers_add(&t->numbers, number) ||
           fail_at(t, field, "numbers and bools do not mix in one array");
}

static bool fail_columns(Table *t, Piece line, int64_t columns) {
    t->error.other = (size_t)(t->first.from - t->start);
    t->error.other_length = (size_t)(t->first.to - t->first.from);
    t->error.other_text = arena_printf(t->arena, "%" PRId64 " here", t->columns);
    return fail_at(t, line,
                   arena_printf(t->arena,
                                "the line has %" PRId64 " column%s, those before have %" PRId64,
                                columns, columns == 1 ? "" : "s", t->columns));
}

static int64_t count_fields(const Table *t, Piece line) {
    int64_t n = 0;
    for (const char *at = line.from; at; n++)
        next_field(t, &at, line.to);
    return n;
}

/* The first word of a line that is neither a number nor missing. */
static bool find_word(const Table *t, Piece line, Piece *word) {
    Number number;
    for (const char *at = line.from; at;) {
        *word = next_field(t, &at, line.to);
        if (!says_missing(*word) && !read_field(*word, &number))
            return true;
    }
    return false;
}

static bool holds_number(const Table *t, Piece line) {
    Number number;
    for (const char *at = line.from; at;)
        if (read_field(next_field(t, &at, line.to), &number))
            return true;
    return false;
}

/* A first line with a word and numbers is a row with a fault when it is as long as the others, else
 * what stands above a table. */
static bool check_mixed(Table *t, int64_t columns) {
    Piece word;
    if (!t->mixed.from || count_fields(t, t->mixed) != columns)
        return true;
    find_word(t, t->mixed, &word);
    t->error.hint = "a first line with names of columns holds no numbers";
    return add_field(t, word);
}

static bool add_row(Table *t, Piece line) {
    int64_t columns = 0;
    Piece field = line;
    if (t->rows == 0 && !check_mixed(t, count_fields(t, line)))
        return false;
    for (const char *at = line.from; at; columns++) {
        field = next_field(t, &at, line.to);
        if (!add_field(t, field))
            return false;
    }
    if (t->rows > 0 && columns != t->columns)
        return fail_columns(t, line, columns);
    if (t->rows == 0)
        t->first = line;
    t->columns = columns;
    t->open_rows += columns > 1 && is_empty(field) && is_separator(t, line.to[-1]);
    t->rows++;
    return true;
}

/* Blanks around a line are no part of it, but tabs that separate are. */
static Piece trim_line(const Table *t, Piece line) {
    while (line.from < line.to && is_blank(line.to[-1]) &&
           (line.to[-1] != '\t' || t->separator != '\t'))
        line.to--;
    while (line.from < line.to && is_blank(*line.from) &&
           (*line.from != '\t' || t->separator != '\t'))
        line.from++;
    return line;
}

static bool add_line(Table *t, Piece whole) {
    Piece line = whole, word;
    trim(&line);
    if (is_empty(line) || *line.from == '#')
        return true;
    if (!t->separator) {
        t->separator = find_separator(line);
        line = trim_line(t, whole);
        if (find_word(t, line, &word)) {
            if (holds_number(t, line))
                t->mixed = line;
            return true;
        }
    }
    return add_row(t, trim_line(t, whole));
}

/* What is no text of numbers at all. */
static bool check_text(Table *t) {
    size_t size = (size_t)(t->end - t->start);
    Piece whole = {t->start, t->start};
    bool zip = size >= 4 && memcmp(t->start, "PK\3\4", 4) == 0;
    bool wide =
        size >= 2 && (memcmp(t->start, "\xff\xfe", 2) == 0 || memcmp(t->start, "\xfe\xff", 2) == 0);
    if (!zip && !wide && !memchr(t->start, 0, size))
        return true;
    t->error.hint = zip    ? "save one array by np.save(\"x.npy\", x)"
                    : wide ? "save the table as UTF-8"
                           : NULL;
    fail_at(t, whole,
            zip    ? "this is a zip file (npz, xlsx), neither npy nor a table"
            : wide ? "the text is UTF-16"
                   : "this is neither an npy file nor a text");
    t->error.length = 0;
    return false;
}

/* A separator at the end of every line would make a column of missing values. */
static bool check_end(Table *t) {
    if (t->rows == 0 && t->mixed.from) {
        t->columns = count_fields(t, t->mixed);
        return check_mixed(t, t->columns);
    }
    if (t->rows == 0) {
        t->error.text = "the file holds no numbers";
        return false;
    }
    if (t->open_rows < t->rows)
        return true;
    t->error.hint = "remove the separator at the end of the lines";
    return fail_at(t, (Piece){t->first.to - 1, t->first.to},
                   "the last column is empty in every line");
}

static void add_lines(Table *t) {
    const char *at = t->start;
    char newline = memchr(at, '\n', (size_t)(t->end - at)) ? '\n' : '\r';
    if (t->end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < t->end && !t->error.text) {
        const char *stop = memchr(at, newline, (size_t)(t->end - at));
        stop = stop ? stop : t->end;
        add_line(t, (Piece){at, stop});
        at = stop + 1;
    }
}

Array *array_read_csv(Arena *arena, const char *text, size_t size, ArrayError *error) {
    Table t = {.arena = arena, .start = text, .end = text + size};
    t.numbers.arena = arena;
    if (check_text(&t))
        add_lines(&t);
    if (t.error.text || !check_end(&t)) {
        *error = t.error;
        return NULL;
    }
    Array *a = numbers_array(&t.numbers, 2, (int64_t[]){t.rows, t.columns});
    a->loose = true;
    a->missing = t.missing;
    return a;
}
