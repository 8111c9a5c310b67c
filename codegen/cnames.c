/* The names that C sees. Those of the language are kept wherever C allows them (hosts rely on
 * them); what is reserved in C, or taken already in the same struct or prototype, gets underscores
 * behind until it is free. The names of functions are promises to the linker and are never changed:
 * one that C or its library owns, or that another function of the module has, is an error.
 *
 * Runs once on a lowered module, before anything prints a header or a signature. */
#include "codegen/cnames.h"

#include <ctype.h>
#include <string.h>

typedef struct CNames {
    IrModule *m;
    Arena *arena;
    VEC(const Param *) structs; /* one of each struct that has a name */
} CNames;

/* The first letters tell most words apart. */
static bool is_among(const char *name, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (words[i][0] == name[0] && !strcmp(words[i], name))
            return true;
    return false;
}

static bool is_reserved(const char *name) {
    static const char *const words[] = {
#define C_NAME(word) #word,
#include "codegen/cnames.def"
#undef C_NAME
    };
    return is_among(name, words, sizeof words / sizeof *words);
}

static bool is_library_type(const char *name) {
    static const char *const words[] = {
#define C_NAME(word)
#define C_TYPE(word) #word,
#include "codegen/cnames.def"
#undef C_TYPE
#undef C_NAME
    };
    return is_among(name, words, sizeof words / sizeof *words);
}

static bool is_library_function(const char *name) {
    static const char *const words[] = {
#define C_NAME(word)
#define C_FUNCTION(word) #word, #word "f", #word "l",
#include "codegen/cnames.def"
#undef C_FUNCTION
#undef C_NAME
    };
    return is_among(name, words, sizeof words / sizeof *words);
}

/* ---- names within one struct or prototype ---- */

static bool is_taken(const Atom *names, int n, Atom name) {
    for (int i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}

/* Tuple components are called 0, 1, ...: as C members they become _0, _1, ... */
static Atom free_name(CNames *c, const char *name, const Atom *taken, int n) {
    AtomTable *atoms = &c->m->ctx->atoms;
    bool digit = isdigit((unsigned char)name[0]) != 0;
    const char *text = digit ? arena_printf(c->arena, "_%s", name) : name;
    Atom atom = atom_of(atoms, text);
    while (is_reserved(atom) || is_taken(taken, n, atom))
        atom = atom_of(atoms, arena_printf(c->arena, "%s_", atom));
    return atom;
}

/* ---- structs ---- */

static bool same_struct(const Param *a, const Param *b) {
    if (a->is_record != b->is_record || a->n_fields != b->n_fields)
        return false;
    if (!a->is_record)
        return a->type->elem == b->type->elem;
    for (int i = 0; i < a->n_fields; i++)
        if (a->fields[i].name != b->fields[i].name || !same_struct(&a->fields[i], &b->fields[i]))
            return false;
    return true;
}

static bool is_function_name(const CNames *c, Atom name) {
    for (int i = 0; i < c->m->exports.n; i++)
        if (c->m->exports.data[i]->name == name)
            return true;
    return false;
}

/* Records of one name and one shape are one struct; the same name with another shape is another. */
static void name_struct(CNames *c, Param *param) {
    if (!param->is_record)
        return;
    Atom *members = ARENA_ARRAY(c->arena, param->n_fields + 1, Atom);
    for (int i = 0; i < param->n_fields; i++) {
        name_struct(c, &param->fields[i]);
        members[i] = param->fields[i].c_name = free_name(c, param->fields[i].name, members, i);
    }
    Atom name = free_name(c, param->struct_name, NULL, 0);
    for (bool again = true; again;) {
        again = is_function_name(c, name) || is_library_type(name);
        for (int i = 0; i < c->structs.n && !again; i++)
            again =
                c->structs.data[i]->struct_name == name && !same_struct(c->structs.data[i], param);
        if (again)
            name = atom_of(&c->m->ctx->atoms, arena_printf(c->arena, "%s_", name));
    }
    param->struct_name = name;
    vec_push(c->arena, &c->structs, param);
}

/* ---- prototypes ---- */

static void name_prototype(CNames *c, Export *e) {
    int n = e->func->sizes.n, count = 0;
    Atom *taken = ARENA_ARRAY(c->arena, n + e->n_params + e->n_results + 1, Atom);
    e->c_sizes = ARENA_ARRAY(c->arena, n + 1, Atom);
    taken[count++] = atom_of(&c->m->ctx->atoms, "work");
    for (int i = 0; i < n; i++)
        if (export_size_from(e, i) < 0) { /* others are parameters */
            taken[count] = e->c_sizes[i] = free_name(c, e->func->sizes.data[i]->name, taken, count);
            count++;
        }
    for (int i = 0; i < e->n_params; i++, count++)
        taken[count] = e->params[i].c_name = free_name(c, e->params[i].name, taken, count);
    for (int i = 0; i < e->n_results; i++, count++)
        taken[count] = e->results[i].c_name = free_name(c, e->results[i].name, taken, count);
}

static bool is_other_functions(const CNames *c, const Export *e) {
    const char *name = e->name;
    if (!strcmp(name, arena_printf(c->arena, "%s_error", c->m->name)))
        return true;
    for (int i = 0; i < c->m->exports.n; i++)
        if (!strcmp(name, arena_printf(c->arena, "%s_work", c->m->exports.data[i]->name)))
            return true;
    return false;
}

static bool check_function(CNames *c, const Export *e) {
    DiagList *diags = &c->m->ctx->diags;
    bool is_other = is_reserved(e->name) || is_library_type(e->name);
    const char *why = is_other                       ? "means something else in C"
                      : is_library_function(e->name) ? "is a function of the C library"
                      : is_other_functions(c, e) ? "is a function that the module defines besides"
                                                 : NULL;
    if (!why)
        return true;
    Diag *diag = diag_error(diags, DIAG_export_clash, e->loc, "`%s` %s", e->name, why);
    diag_hint(diags, diag, "export it under another name: `as ...`");
    return false;
}

bool cnames_assign(IrModule *m) {
    CNames c = {.m = m, .arena = m->arena};
    bool ok = true;
    for (int i = 0; i < m->exports.n; i++) {
        Export *e = m->exports.data[i];
        ok = check_function(&c, e) && ok;
        for (int k = 0; k < e->n_params; k++)
            name_struct(&c, &e->params[k]);
        for (int k = 0; k < e->n_results; k++)
            name_struct(&c, &e->results[k]);
        name_prototype(&c, e);
    }
    return ok;
}
