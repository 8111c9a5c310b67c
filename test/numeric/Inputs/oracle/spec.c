/* Specifications of inputs, and points made from them. See oracle.h. */
#include "oracle.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: splitmix64 ---- */

static uint64_t rng_next(Rng *rng) {
    uint64_t z = rng->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double rng_uniform(Rng *rng, double lo, double hi) {
    return lo + (hi - lo) * ((double)(rng_next(rng) >> 11) * 0x1p-53);
}

int64_t rng_below(Rng *rng, int64_t n) {
    return n > 0 ? (int64_t)(rng_next(rng) % (uint64_t)n) : 0;
}

/* ---- reading ---- */

static void read_sizes(Spec *spec, Arena *arena, char *rest) {
    SizeRow row = {0};
    for (char *word = strtok(rest, " \t\n"); word && row.n < MOST_SIZES;
         word = strtok(NULL, " \t\n")) {
        char *equals = strchr(word, '=');
        if (!equals)
            continue;
        snprintf(row.sizes[row.n].name, sizeof row.sizes[0].name, "%.*s", (int)(equals - word),
                 word);
        row.sizes[row.n++].value = strtoll(equals + 1, NULL, 10);
    }
    vec_push(arena, &spec->rows, row);
}

static bool read_line(Spec *spec, Arena *arena, char *line) {
    char *hash = strchr(line, '#');
    if (hash)
        *hash = '\0';
    char word[32], *rest = line;
    int used = 0;
    if (sscanf(line, "%31s%n", word, &used) < 1)
        return true;
    rest += used;
    if (strcmp(word, "sizes") == 0) {
        read_sizes(spec, arena, rest);
        return true;
    }
    if (strcmp(word, "same") == 0) {
        SameRule same = {0};
        char how[8];
        bool ok = sscanf(rest, "%63s %63s %7s", same.name, same.other, how) == 3;
        same.bits = ok && strcmp(how, "bits") == 0;
        vec_push(arena, &spec->same, same);
        return ok;
    }
    if (strcmp(word, "without") == 0) {
        snprintf(spec->without, sizeof spec->without, "%s", rest);
        return true;
    }
    RangeRule rule = {.bad = strcmp(word, "bad") == 0, .diagonal = strcmp(word, "diagonal") == 0};
    if (rule.diagonal) {
        vec_push(arena, &spec->rules, rule);
        RangeRule *last = &spec->rules.data[spec->rules.n - 1];
        return sscanf(rest, "%63s %31s", last->name, last->lo) == 2;
    }
    if (rule.bad || strcmp(word, "range") == 0) {
        vec_push(arena, &spec->rules, rule);
        RangeRule *last = &spec->rules.data[spec->rules.n - 1];
        return sscanf(rest, "%63s %31s %31s", last->name, last->lo, last->hi) == 3;
    }
    if (strcmp(word, "scale") == 0)
        return sscanf(rest, "%lf", &spec->scale) == 1;
    if (strcmp(word, "single") == 0)
        return sscanf(rest, "%lf", &spec->single) == 1;
    int *number = strcmp(word, "order") == 0         ? &spec->order
                  : strcmp(word, "trials") == 0      ? &spec->trials
                  : strcmp(word, "coordinates") == 0 ? &spec->coordinates
                                                     : NULL;
    return number && sscanf(rest, "%d", number) == 1;
}

static bool read_file(Spec *spec, Arena *arena, const char *path) {
    FILE *file = fopen(path, "r");
    bool ok = file;
    char line[512];
    while (ok && fgets(line, sizeof line, file)) {
        ok = read_line(spec, arena, line);
        if (!ok)
            fprintf(stderr, "%s: not understood: %s\n", path, line);
    }
    if (file)
        fclose(file);
    return ok;
}

static bool read_comments(Spec *spec, Arena *arena, const char *text) {
    for (const char *at = strstr(text, "//! "); at; at = strstr(at, "//! ")) {
        char line[512];
        at += 4;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        if (!read_line(spec, arena, line))
            return false;
    }
    return true;
}

bool spec_read(Spec *spec, Arena *arena, const char *path, const char *text) {
    *spec = (Spec){.order = 2, .trials = 2, .coordinates = 4, .single = 1, .scale = 0.05};
    bool ok = path ? read_file(spec, arena, path) : read_comments(spec, arena, text);
    if (spec->rows.n == 0)
        vec_push(arena, &spec->rows, (SizeRow){0});
    return ok;
}

/* ---- names and expressions of sizes ---- */

static int64_t size_of_name(const SizeRow *row, const char *name, size_t len) {
    for (int i = 0; i < row->n; i++)
        if (strlen(row->sizes[i].name) == len && memcmp(row->sizes[i].name, name, len) == 0)
            return row->sizes[i].value;
    return 3;
}

int64_t row_size(const SizeRow *row, const char *name) {
    return size_of_name(row, name, strlen(name));
}

static double read_atom(const SizeRow *row, const char **at) {
    if (isalpha((unsigned char)**at)) {
        const char *from = *at;
        while (isalnum((unsigned char)**at) || **at == '_')
            (*at)++;
        return (double)size_of_name(row, from, (size_t)(*at - from));
    }
    char *end;
    double value = strtod(*at, &end);
    *at = end > *at ? end : *at + 1;
    return value;
}

/* Sums, differences and products, from the left. */
static double read_expression(const SizeRow *row, const char *text) {
    double value = read_atom(row, &text);
    while (*text) {
        char op = *text++;
        double next = read_atom(row, &text);
        value = op == '+' ? value + next : op == '-' ? value - next : value * next;
    }
    return value;
}

/* ---- leaves and their names ---- */

typedef struct LeafName {
    const char *param, *field; /* field: the innermost; NULL outside records */
} LeafName;

static int name_leaves(const Param *p, const char *param, const char *field, LeafName *out, int n) {
    if (!p->is_record) {
        if (!p->inactive && n < MOST_LEAVES)
            out[n++] = (LeafName){param, field};
        return n;
    }
    for (int i = 0; i < p->n_fields; i++)
        n = name_leaves(&p->fields[i], param, p->fields[i].name, out, n);
    return n;
}

static void all_names(const Export *e, LeafName *out) {
    int n = 0;
    memset(out, 0, MOST_LEAVES * sizeof *out);
    for (int i = 0; i < e->n_params; i++)
        n = name_leaves(&e->params[i], e->params[i].name, NULL, out, n);
}

/* "field", "param" or "param.field". */
static bool rule_names(const RangeRule *rule, const LeafName *leaf) {
    char both[128];
    snprintf(both, sizeof both, "%s.%s", leaf->param ? leaf->param : "",
             leaf->field ? leaf->field : "");
    return (leaf->param && strcmp(rule->name, leaf->param) == 0) ||
           (leaf->field && strcmp(rule->name, leaf->field) == 0) || strcmp(rule->name, both) == 0;
}

static const RangeRule *rule_for(const Spec *spec, const LeafName *leaf, bool diagonal) {
    const RangeRule *found = NULL;
    for (int i = 0; i < spec->rules.n; i++)
        if (!spec->rules.data[i].bad && spec->rules.data[i].diagonal == diagonal &&
            rule_names(&spec->rules.data[i], leaf))
            found = &spec->rules.data[i];
    return found;
}

/* ---- points ---- */

static int64_t extent_at(const Size *size, const SizeRow *row) {
    int64_t sum = 0;
    for (int t = 0; t < size->n; t++) {
        int64_t product = size->terms[t].coef;
        for (int k = 0; k < size->terms[t].degree; k++) {
            product *= row_size(row, size->terms[t].syms[k]->name);
        }
        sum += product;
    }
    return sum;
}

static Datum *datum_new(Arena *arena, const Type *type, const SizeRow *row) {
    Datum *d = ARENA_NEW(arena, Datum);
    d->type = type;
    d->count = 1;
    for (int k = 0; k < type->rank; k++) {
        int64_t extent = extent_at(type->dims[k], row);
        d->dims[k] = extent > 0 ? extent : 0;
        d->count *= d->dims[k];
    }
    if (type_is_float(type))
        d->f = ARENA_ARRAY(arena, d->count + 1, double);
    else
        d->i = ARENA_ARRAY(arena, d->count + 1, int64_t);
    return d;
}

static void fill(Datum *d, double lo, double hi, Rng *rng) {
    for (int64_t k = 0; k < d->count; k++) {
        if (type_is_float(d->type))
            d->f[k] = rng_uniform(rng, lo, hi);
        else if (d->type->elem == S_bool)
            d->i[k] = rng_below(rng, 2);
        else
            d->i[k] = (int64_t)lo + rng_below(rng, (int64_t)hi - (int64_t)lo);
    }
}

/* Of each matrix in the last two axes. */
static void add_diagonal(Datum *d, double value) {
    int rank = d->type->rank;
    int64_t n = rank > 1 ? d->dims[rank - 1] : 0;
    for (int64_t k = 0; n > 0 && d->f && k < d->count; k++)
        if (k % n == k / n % d->dims[rank - 2])
            d->f[k] += value;
}

void point_random(Point *p, Arena *arena, const Spec *spec, const SizeRow *row, const Export *e,
                  Rng *rng, const Point *from, int given) {
    LeafName names[MOST_LEAVES];
    if (e->func->body->params.n > MOST_LEAVES) {
        printf("%s has more than %d leaves\n", e->name, MOST_LEAVES);
        exit(2);
    }
    all_names(e, names);
    p->row = row;
    p->n_sizes = e->func->sizes.n;
    p->n_args = e->func->body->params.n;
    for (int i = 0; i < p->n_sizes; i++) {
        p->sizes[i] = row_size(row, e->func->sizes.data[i]->name);
    }
    for (int i = 0; i < p->n_args; i++) {
        if (i < given) {
            p->args[i] = from->args[i];
            continue;
        }
        p->args[i] = datum_new(arena, e->func->body->params.data[i]->type, row);
        const RangeRule *rule = rule_for(spec, &names[i], false);
        bool is_float = type_is_float(p->args[i]->type);
        double lo = rule ? read_expression(row, rule->lo) : is_float ? -1.2 : 0;
        double hi = rule ? read_expression(row, rule->hi) : is_float ? 1.3 : 3;
        fill(p->args[i], lo, hi, rng);
        rule = rule_for(spec, &names[i], true);
        if (rule)
            add_diagonal(p->args[i], read_expression(row, rule->lo));
    }
    for (int i = 0; i < p->n_sizes; i++)
        if (export_size_from(e, i) >= 0)
            p->args[export_size_from(e, i)]->i[0] = p->sizes[i];
}

Datum *datum_copy(Arena *arena, const Datum *d) {
    Datum *copy = ARENA_NEW(arena, Datum);
    *copy = *d;
    if (d->f) {
        copy->f = ARENA_ARRAY(arena, d->count + 1, double);
        memcpy(copy->f, d->f, (size_t)d->count * sizeof *d->f);
    } else {
        copy->i = ARENA_ARRAY(arena, d->count + 1, int64_t);
        memcpy(copy->i, d->i, (size_t)d->count * sizeof *d->i);
    }
    return copy;
}

void point_step(Point *to, Arena *arena, const Point *x, double t, int n, const int *which,
                Datum *const *d) {
    *to = *x;
    for (int i = 0; i < n; i++) {
        Datum *moved = datum_copy(arena, x->args[which[i]]);
        for (int64_t k = 0; k < moved->count; k++)
            moved->f[k] += t * d[i]->f[k];
        to->args[which[i]] = moved;
    }
}

void point_shake(Point *to, Arena *arena, const Point *x, double epsilon, Rng *rng) {
    *to = *x;
    for (int i = 0; i < x->n_args; i++) {
        if (!x->args[i]->f)
            continue;
        to->args[i] = datum_copy(arena, x->args[i]);
        for (int64_t k = 0; k < to->args[i]->count; k++)
            to->args[i]->f[k] *= 1 + epsilon * (rng_below(rng, 2) ? 1 : -1);
    }
}

void point_round(Point *p) {
    for (int i = 0; i < p->n_args; i++)
        for (int64_t k = 0; p->args[i]->f && k < p->args[i]->count; k++)
            p->args[i]->f[k] = (double)(float)p->args[i]->f[k];
}

bool point_spoil(Point *p, const Export *e, const RangeRule *rule) {
    LeafName names[MOST_LEAVES];
    all_names(e, names);
    for (int i = 0; i < p->n_args; i++) {
        Datum *d = p->args[i];
        if (d->i && d->count > 0 && rule_names(rule, &names[i])) {
            d->i[d->count / 2] = (int64_t)read_expression(p->row, rule->lo);
            return true;
        }
    }
    return false;
}
