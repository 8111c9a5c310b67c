/* Which identifiers a printed text mentions, and the helpers that it therefore needs; see
 * csource_print.h.
 *
 * What stands around the body of a function depends on the body: pointers to slots, parameters that
 * nothing uses, helpers. Reading the printed text is the one way that cannot disagree with it. */
#include "codegen/csource_print.h"

#include <ctype.h>
#include <string.h>

static bool is_letter(char at) {
    return isalnum((unsigned char)at) || at == '_';
}

static const char *skip_comment(const char *at) {
    const char *end = strstr(at + 2, "*/");
    return end ? end + 2 : at + strlen(at);
}

static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++) {
        at += *at == '\\' && at[1];
    }
    return *at ? at + 1 : at;
}

/* The first identifier from `at` on that no comment or string holds; NULL: there is none. */
static const char *find_identifier(const char *at, size_t *n) {
    while (at && *at) {
        if (at[0] == '/' && at[1] == '*') {
            at = skip_comment(at);
        } else if (*at == '"') {
            at = skip_string(at);
        } else if (!is_letter(*at)) {
            at++;
        } else {
            for (*n = 0; is_letter(at[*n]);) {
                ++*n;
            }
            if (!isdigit((unsigned char)*at)) {
                return at;
            }
            at += *n;
        }
    }
    return NULL;
}

void cs_identifiers(CSource *c, const char *text, PtrMap *found) {
    size_t n = 0;
    for (const char *at = text; (at = find_identifier(at, &n)); at += n) {
        ptrmap_put(found, atom_intern(&c->ctx->atoms, at, n), c);
    }
}

bool cs_mentions(CSource *c, const PtrMap *found, const char *name) {
    return ptrmap_has(found, atom_of(&c->ctx->atoms, name));
}

bool cs_only_stores(const char *text, const char *name) {
    size_t n = 0, len = strlen(name);
    for (const char *at = text; (at = find_identifier(at, &n)); at += n) {
        if (n != len || memcmp(at, name, len) != 0) {
            continue;
        }
        const char *end = at[n] == '[' ? strchr(at, ']') : NULL, *line = at;
        while (line > text && line[-1] == ' ') {
            line--;
        }
        if (!end || strncmp(end, "] = ", 4) != 0 || (line > text && line[-1] != '\n')) {
            return false;
        }
    }
    return true;
}

/* ---- sizes that nothing mentions ---- */

static size_t indent_of(const char *line) {
    return strspn(line, " ");
}

static const char *next_line(const char *at) {
    const char *end = strchr(at, '\n');
    return end ? end + 1 : at + strlen(at);
}

static bool mentions_word(const char *text, const char *end, const char *word, size_t len) {
    size_t n = 0;
    for (const char *at = text; (at = find_identifier(at, &n)) && at < end; at += n) {
        if (n == len && memcmp(at, word, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the rest of its block mentions the name. */
static bool is_mentioned(const char *mark, size_t indent, const char *name) {
    const char *from = next_line(mark), *to = from;
    while (*to && (indent_of(to) >= indent || *to == '\n')) {
        to = next_line(to);
    }
    return mentions_word(from, to, name, strcspn(name, " ;"));
}

/* Whether the marked line stays: "const TYPE NAME = ..." where the name is mentioned, CS_VOID where
 * it is not. */
static bool line_stays(const char *mark, size_t indent) {
    if (strncmp(mark, CS_VOID, strlen(CS_VOID)) == 0) {
        return !is_mentioned(mark, indent, mark + strlen(CS_VOID));
    }
    return is_mentioned(mark, indent, strchr(strchr(mark, ' ') + 1, ' ') + 1);
}

/* From the last on: what a dropped line mentions may be unused then. */
void cs_drop_unused(Text *text) {
    for (char *mark = text->data ? strrchr(text->data, CS_MARK[0]) : NULL; mark;
         mark = strrchr(text->data, CS_MARK[0])) {
        char *line = mark;
        while (line > text->data && line[-1] != '\n') {
            line--;
        }
        bool stays = line_stays(mark, (size_t)(mark - line));
        char *to = stays ? mark : line;
        const char *from = stays ? mark + 1 : next_line(mark);
        memmove(to, from, strlen(from) + 1);
        text->n -= (size_t)(from - to);
    }
}

/* ---- helpers ---- */

typedef struct Helper {
    const char *name, *text;
} Helper;

static const Helper helpers[] = {
#define HELPER(name, text) {#name, text},
#include "codegen/csource_helpers.def"
#undef HELPER
};

enum { N_HELPERS = sizeof helpers / sizeof *helpers };

void cs_reserve_helpers(CSource *c) {
    for (int k = 0; k < N_HELPERS; k++) {
        ptrmap_put(&c->reserved, atom_of(&c->ctx->atoms, helpers[k].name), c);
    }
}

void cs_print_helpers(CSource *c, const char *text, Text *out) {
    PtrMap found;
    ptrmap_init(&found, c->arena);
    cs_identifiers(c, text, &found);
    bool needed[N_HELPERS] = {false};
    for (int k = N_HELPERS - 1; k >= 0; k--) { /* a helper calls those above it */
        needed[k] = cs_mentions(c, &found, helpers[k].name);
        if (needed[k]) {
            cs_identifiers(c, helpers[k].text, &found);
        }
    }
    for (int k = 0; k < N_HELPERS; k++) {
        if (needed[k]) {
            text_printf(out, "%s\n", helpers[k].text);
        }
    }
}
