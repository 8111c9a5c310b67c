/* Names of the printed program: unique among what is visible, none of the language's own.
 *
 * A name lives until the block that introduced it is left, so that two loops side by side may both
 * count by `i`. */
#include "codegen/bpsource_internal.h"

#include <string.h>

/* The language's words, types, constants and functions. A variable of such a name would be legal
 * for most of them, and confusing for all. */
static const char *const reserved[] = {
    "fn",        "let",        "if",
    "else",      "for",        "in",
    "loop",      "scan",       "while",
    "max_iter",  "type",       "export",
    "extern",    "import",     "as",
    "where",     "with",       "test",
    "assert",    "derivative", "checkpoint",
    "true",      "false",      "f64",
    "f32",       "i64",        "i32",
    "bool",      "real",       "pi",
    "inf",       "nan",        "sum",
    "prod",      "mean",       "logsumexp",
    "argmax",    "argmin",     "any",
    "all",       "scatter",    "len",
    "zeros",     "ones",       "iota",
    "eye",       "transpose",  "reshape",
    "concat",    "stack",      "reverse",
    "diag",      "trace",      "sort",
    "cumsum",    "cholesky",   "trisolve",
    "cholsolve", "solve",      "logdet",
    "det",       "inv",        "dot",
    "cross",     "outer",      "norm2",
    "stop",      "grad",       "value_and_grad",
    "jvp",       "vjp",        "jacobian",
    "jacfwd",    "jacrev",     "hessian",
    "hvp",       "batch",      "_",
};

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    Op op = op_find(name);
    return op < OP_ELEMENTWISE_END && op_info[op].builtin;
}

void bp_names_open(Names *names, Arena *arena) {
    *names = (Names){.next = 1};
    atoms_init(&names->atoms, arena);
    ptrmap_init(&names->taken, arena);
}

/* With only the characters of identifiers. */
static const char *identifier(Arena *arena, const char *name) {
    char *text = arena_strdup(arena, name, strlen(name));
    for (char *c = text; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if (!letter && !(*c >= '0' && *c <= '9' && c > text))
            *c = '_';
    }
    return *text ? text : "v";
}

static Atom unused(Names *names, Arena *arena, const char *wanted) {
    const char *stem = wanted ? identifier(arena, wanted) : NULL;
    for (int suffix = 1;; suffix++) {
        const char *text = !stem         ? arena_printf(arena, "v%d", names->next++)
                           : suffix == 1 ? stem
                                         : arena_printf(arena, "%s_%d", stem, suffix);
        Atom atom = atom_of(&names->atoms, text);
        if (!is_reserved(text) && !ptrmap_get(&names->taken, atom))
            return atom;
    }
}

const char *bp_names_global(Names *names, Arena *arena, const char *wanted) {
    Atom atom = unused(names, arena, wanted);
    ptrmap_put(&names->taken, atom, (void *)(uintptr_t)atom);
    return atom;
}

const char *bp_names_new(Names *names, Arena *arena, const char *wanted) {
    Atom atom = bp_names_global(names, arena, wanted);
    vec_push(arena, &names->visible, atom);
    return atom;
}

bool bp_names_in_use(Names *names, const char *name) {
    return ptrmap_get(&names->taken, atom_of(&names->atoms, name)) != NULL;
}

int bp_names_mark(const Names *names) {
    return names->visible.n;
}

void bp_names_leave(Names *names, int mark) {
    while (names->visible.n > mark)
        ptrmap_put(&names->taken, names->visible.data[--names->visible.n], NULL);
}
