/* Identifiers, sizes and lines of printed C; see csource_print.h.
 *
 * A name holds from its declaration to the end of its block; a block inside may not use it again,
 * blocks beside may. */
#include "codegen/csource_print.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- identifiers ---- */

static void reserve(CSource *c, const char *name) {
    ptrmap_put(&c->reserved, atom_of(&c->ctx->atoms, name), c);
}

static void reserve_structs(CSource *c, const Param *param) {
    if (param->is_record) {
        reserve(c, param->struct_name);
        for (int k = 0; k < param->n_fields; k++) {
            reserve_structs(c, &param->fields[k]);
        }
    }
}

/* Keywords, types and macros, and what the text calls. */
void cs_reserve_names(CSource *c) {
    static const char *const words[] = {
#define C_NAME(word) #word,
#include "codegen/cnames.def"
#undef C_NAME
        "isnan", "isfinite", "signbit", "main", "bool_", "nan", "inf",
    };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        reserve(c, words[k]);
    }
    for (int op = 0; op < OP_COUNT; op++) { /* most are functions of libm */
        reserve(c, op_info[op].name);
        reserve(c, arena_printf(c->arena, "%sf", op_info[op].name));
    }
    static const char *const others[] = {"fabs", "fabsf", "fmod", "fmodf", "tgamma", "signgam"};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        reserve(c, others[k]);
    }
    for (int k = 0; k < c->m->exports.n; k++) {
        const Export *export = c->m->exports.data[k];
        reserve(c, export->name);
        reserve(c, arena_printf(c->arena, "%s_work", export->name));
        reserve(c, arena_printf(c->arena, "%s_layout", export->name));
        for (int p = 0; p < export->n_params; p++) {
            reserve_structs(c, &export->params[p]);
        }
        for (int p = 0; p < export->n_results; p++) {
            reserve_structs(c, &export->results[p]);
        }
    }
    reserve(c, arena_printf(c->arena, "%s_error", c->module_name));
    for (int k = 0; k < c->m->funcs.n; k++) {
        if (c->m->funcs.data[k]->is_extern) {
            reserve(c, c->m->funcs.data[k]->name);
        }
    }
    cs_reserve_helpers(c);
}

static bool is_free(const CSource *c, Atom name) {
    return !ptrmap_get(&c->reserved, name) && !ptrmap_get(&c->taken, name);
}

static const char *take(CSource *c, Atom name) {
    ptrmap_put(&c->taken, name, c);
    vec_push(c->arena, &c->scope, name);
    return name;
}

const char *cs_temporary(CSource *c) {
    Atom name;
    do {
        name = atom_of(&c->ctx->atoms, arena_printf(c->arena, "v%d", ++c->temporaries));
    } while (!is_free(c, name));
    return take(c, name);
}

const char *cs_fresh(CSource *c, const char *wanted) {
    char base[48]; /* C99 promises 63 significant characters */
    size_t n = 0;
    if (isdigit((unsigned char)wanted[0])) {
        base[n++] = 'v';
    }
    for (const char *at = wanted; *at && n < sizeof base - 1; at++) {
        base[n++] = (char)(isalnum((unsigned char)*at) ? *at : '_');
    }
    base[n] = '\0';
    if (base[0] == '_') { /* may belong to the implementation */
        base[0] = 'v';
    }
    Atom name = atom_of(&c->ctx->atoms, base);
    for (int k = 2; !is_free(c, name); k++) {
        name = atom_of(&c->ctx->atoms, arena_printf(c->arena, "%s_%d", base, k));
    }
    return take(c, name);
}

void cs_release(CSource *c, int mark) {
    while (c->scope.n > mark) {
        ptrmap_put(&c->taken, c->scope.data[--c->scope.n], NULL);
    }
}

/* ---- lines ---- */

void cs_line(CSource *c, const char *format, ...) {
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    char *text = small;
    if (n >= (int)sizeof small) {
        text = ARENA_ARRAY(c->arena, n + 1, char);
        vsnprintf(text, (size_t)n + 1, format, again);
    }
    va_end(again);
    va_end(args);
    text_printf(c->out, "%*s", 4 * c->indent, "");
    text_puts(c->out, text);
    text_puts(c->out, "\n");
}

void cs_comment_text(Text *out, const char *text, size_t n) {
    for (size_t k = 0; k < n; k++) {
        unsigned char at = (unsigned char)text[k],
                      next = k + 1 < n ? (unsigned char)text[k + 1] : 0;
        text_add(out, at < 32 ? " " : text + k, 1);
        if ((at == '*' && next == '/') || (at == '/' && next == '*') ||
            (at == '?' && next == '?')) {
            text_puts(out, " ");
        }
    }
}

/* The bytes of a line without the white space around them, cut where they are many. */
static const char *source_line(const Source *source, uint32_t line, size_t *n) {
    enum { MOST = 90 };
    const char *at = source->text + source->lines[line - 1];
    const char *end =
        source->text + (line < source->line_count ? source->lines[line] : source->len);
    while (at < end && isspace((unsigned char)*at)) {
        at++;
    }
    while (end > at && isspace((unsigned char)end[-1])) {
        end--;
    }
    *n = (size_t)(end - at) > MOST ? MOST : (size_t)(end - at);
    while (*n > 0 && *n == MOST && ((unsigned char)at[*n] & 0xC0) == 0x80) {
        (*n)--; /* not within a character */
    }
    return at;
}

void cs_show_line(CSource *c, Loc loc) {
    Source *source = source_of(&c->ctx->sources, loc);
    if (!source) {
        return;
    }
    Position at = source_position(&c->ctx->sources, loc.begin);
    if (at.line == c->line && at.file == c->file) {
        return;
    }
    Text text;
    text_init(&text, c->arena);
    if (at.file != c->file) {
        cs_comment_text(&text, at.file, strlen(at.file));
        text_puts(&text, ":");
    }
    c->file = at.file;
    c->line = at.line;
    size_t n;
    const char *line = source_line(source, at.line, &n);
    text_printf(&text, "%u: ", at.line);
    cs_comment_text(&text, line, n);
    cs_line(c, "/* %s */", text.data);
}

/* ---- expressions ---- */

CExpr cs_expr(const char *text, Prec prec) {
    return (CExpr){text, prec};
}

const char *cs_wrap(CSource *c, CExpr e, Prec least) {
    return e.prec >= least ? e.text : arena_printf(c->arena, "(%s)", e.text);
}

CExpr cs_int(CSource *c, int64_t value) {
    if (value == INT64_MIN) {
        return cs_expr("INT64_MIN", PREC_primary);
    }
    const char *format =
        value > -INT32_MAX && value < INT32_MAX ? "%" PRId64 : "INT64_C(%" PRId64 ")";
    return cs_expr(arena_printf(c->arena, format, value), value < 0 ? PREC_unary : PREC_primary);
}

/* ---- sizes ---- */

static CExpr symbol(CSource *c, const SizeSym *sym) {
    const char *name = ptrmap_get(&c->syms, sym);
    return name ? cs_expr(name, PREC_primary) : cs_scalar(c, sym->value);
}

/* |coef| * symbols */
static CExpr size_term(CSource *c, const SizeTerm *term) {
    uint64_t magnitude = term->coef < 0 ? 0 - (uint64_t)term->coef : (uint64_t)term->coef;
    if (term->degree == 0) {
        return cs_int(c, (int64_t)magnitude);
    }
    if (magnitude == 1 && term->degree == 1) {
        return symbol(c, term->syms[0]);
    }
    Text text;
    text_init(&text, c->arena);
    if (magnitude != 1) {
        text_printf(&text, "%s*", cs_int(c, (int64_t)magnitude).text);
    }
    for (int k = 0; k < term->degree; k++) {
        text_printf(&text, "%s%s", k ? "*" : "",
                    cs_wrap(c, symbol(c, term->syms[k]), PREC_primary));
    }
    return cs_expr(text.data, PREC_mul);
}

CExpr cs_size(CSource *c, const Size *size) {
    int64_t constant;
    if (size_is_const(size, &constant)) {
        return cs_int(c, constant);
    }
    Text text;
    text_init(&text, c->arena);
    Prec prec = PREC_add;
    for (int pass = 0; pass < 2; pass++) { /* what is added before what is taken away */
        for (int t = 0; t < size->n; t++) {
            bool negative = size->terms[t].coef < 0;
            if (negative != (pass == 1)) {
                continue;
            }
            CExpr term = size_term(c, &size->terms[t]);
            const char *sign = negative ? (text.n ? " - " : "-") : text.n ? " + " : "";
            text_printf(&text, "%s%s", sign, cs_wrap(c, term, PREC_mul));
            prec = size->n > 1 || negative ? PREC_add : term.prec;
        }
    }
    return cs_expr(text.data, prec);
}
