/* Names that stand for nothing here: what is near, what another language calls so, and in which
 * module it is. Part of the checker; see parser/checker.h. */
#include "parser/checker.h"
#include "parser/habits.h"
#include "parser/imports.h"
#include "parser/lower_names.h"

#include <string.h>

enum { FUNCTIONS_MOST = 512 };

/* Of the language, of arrays or of more than values: they are called, and stand for no value. */
static int called_names(const char **names) {
    int n = 0;
    static const char *const builtins[] = {
#define BUILTIN(name, least, most, rule) #name,
#include "parser/builtins.def"
#undef BUILTIN
    };
    for (int i = 0; i < BI_COUNT; i++) {
        names[n++] = builtins[i];
    }
    for (int i = 0; i < REDUCE_COUNT; i++) {
        names[n++] = reduce_names[i];
    }
    for (int i = 0; i < DERIV_COUNT; i++) {
        names[n++] = deriv_names[i];
    }
    return n;
}

/* All that can be called, but for types. */
static int function_names(Checker *c, const char **names) {
    int n = element_builtin_names(names, 128);
    n += called_names(names + n);
    return visible_fns(c, names, n, FUNCTIONS_MOST - 12);
}

static bool is_called(const char *name) {
    const char *names[FUNCTIONS_MOST];
    int n = called_names(names);
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A function that is passed on by a misspelt name. */
static void suggest_function(Checker *c, Diag *diag, const char *name) {
    const char *names[FUNCTIONS_MOST];
    if (!diag_is_kept(c->diags, diag)) {
        return;
    }
    const char *near = nearest_name(name, names, function_names(c, names));
    if (near) {
        diag_hint(c->diags, diag, "did you mean the function `%s`?", near);
    }
}

static bool is_derivative(const char *name) {
    for (int i = 0; i < DERIV_COUNT; i++) {
        if (strcmp(deriv_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const Ty *unknown_name(Checker *c, Expr *e) {
    Atom name = e->as.name.atom;
    for (int i = 0; c->hidden && i < c->hidden->n; i++) {
        if (c->hidden->data[i]->name.atom == name) {
            Diag *diag = diag_error(c->diags, DIAG_bound_not_allowed, e->loc,
                                    "the bounds of an array cannot use its binder `%s`", name);
            diag_label(c->diags, diag, c->hidden->data[i]->name.loc,
                       "`%s` is a binder of this array", name);
            diag_hint(c->diags, diag,
                      "only a reduction may be triangular; an array is rectangular");
            return fail(e);
        }
    }
    ElementBuiltin builtin;
    bool is_function = find_fn(c, name) || element_builtin(name, &builtin);
    if (is_function || find_type(c, name)) {
        Diag *diag = diag_error(c->diags, DIAG_not_a_value, e->loc, "`%s` is a %s, not a value",
                                name, is_function ? "function" : "type");
        diag_hint(c->diags, diag,
                  is_function ? "call it, `%s(...)`, or pass it as an argument"
                              : "build a record by `%s(field = value)`",
                  name);
        return fail(e);
    }
    if (is_called(name)) {
        Diag *diag = diag_error(c->diags, DIAG_not_a_value, e->loc,
                                "`%s` belongs to the language and can only be called", name);
        diag_hint(c->diags, diag,
                  is_derivative(name)
                      ? "a derivative is one of a function: `%s(f)`"
                      : "as an argument, write a function that calls it: `|x| %s(x)`",
                  name);
        return fail(e);
    }
    Diag *diag = diag_error(c->diags, DIAG_unknown_name, e->loc, "unknown name `%s`", name);
    suggest(c, diag, name);
    if (!diag->hint) {
        suggest_function(c, diag, name);
    }
    const char *habit = habit_hint(HABIT_NAME, name);
    const char *std = arena_printf(c->arena, "std/%s", name);
    if (habit) {
        diag_hint(c->diags, diag, "%s", habit);
    } else if (std_text(std, &(size_t){0})) {
        diag_hint(c->diags, diag, "a module is imported by `import \"%s\" as %s;`", std, name);
    }
    return fail(e);
}

const Ty *unknown_function(Checker *c, Expr *e) {
    Atom name = e->as.call.callee->as.name.atom;
    Diag *diag = diag_error(c->diags, DIAG_unknown_function, e->as.call.callee->loc,
                            "unknown function `%s`", name);
    const char *names[FUNCTIONS_MOST];
    int n = visible_types(c, names, function_names(c, names), FUNCTIONS_MOST);
    suggest_among(c, diag, name, n, names);
    const char *habit = habit_hint(HABIT_FUNCTION, name);
    const char *module = std_module_with(name);
    if (diag->hint && strstr(diag->hint, arena_printf(c->arena, ".%s`", name))) {
        return fail(e); /* it is imported, under a prefix */
    }
    if (habit) {
        diag_hint(c->diags, diag, "%s", habit);
    } else if (module) {
        diag_hint(c->diags, diag, "it is in a module: `import \"%s\";`", module);
    }
    return fail(e);
}
