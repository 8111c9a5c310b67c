/* What is visible in a file: its own declarations and those of the files it imports. Part of the
 * checker.
 *
 * A name that starts with `_` stays in its file. What an import with `as p` brings is called
 * `p.name`, which no declaration can be called, so one map serves both; expressions `p.name` are
 * turned into names before they are looked at. What an imported file imports itself is not visible.
 */
#include "parser/checker.h"

#include <string.h>

/* ---- own names ---- */

static void declare_types(Checker *c) {
    for (int i = 0; i < c->module->types.n; i++) {
        TypeDecl *decl = c->module->types.data[i];
        const TypeDecl *before = find_type(c, decl->name.atom);
        if (before || is_reserved(decl->name.atom)) {
            Diag *diag = diag_error(
                c->diags, before ? DIAG_duplicate : DIAG_reserved_name, decl->name.loc,
                before ? "the type `%s` is declared twice" : "`%s` belongs to the language",
                decl->name.atom);
            if (before) {
                diag_label(c->diags, diag, before->name.loc, "the first");
            }
            decl->state = CHECK_failed;
        } else {
            ptrmap_put(&c->module->type_names, decl->name.atom, decl);
        }
    }
}

static void declare_fns(Checker *c) {
    for (int i = 0; i < c->module->fns.n; i++) {
        FnDecl *fn = c->module->fns.data[i];
        const FnDecl *before = find_fn(c, fn->name.atom);
        const TypeDecl *type = find_type(c, fn->name.atom);
        if (before || type) {
            Diag *diag = diag_error(c->diags, DIAG_duplicate, fn->name.loc,
                                    "`%s` is declared twice", fn->name.atom);
            diag_label(c->diags, diag, before ? before->name.loc : type->name.loc, "the first");
        } else {
            ptrmap_put(&c->module->fn_names, fn->name.atom, fn);
        }
    }
}

/* ---- imported names ---- */

static void report_clash(Checker *c, const Import *import, Atom name, Loc other) {
    bool own = source_of(&c->ctx->sources, other) == c->module->source;
    Diag *diag = diag_error(c->diags, DIAG_duplicate, import->path.loc,
                            own ? "`%s` is declared here and in `%s`"
                                : "`%s` is imported twice, here from `%s`",
                            name, import->path.atom);
    diag_label(c->diags, diag, other, own ? "declared here" : "the other one");
    const char *base = strrchr(import->path.atom, '/');
    base = base ? base + 1 : import->path.atom;
    int len = (int)strcspn(base, ".");
    diag_hint(c->diags, diag,
              "import it under a name, `import \"%s\" as %.*s;`, and write `%.*s.%s`",
              import->path.atom, len, base, len, base, name);
}

/* The name by which a declaration of the imported file is visible here; NULL: not at all. */
static Atom imported_name(Checker *c, const Import *import, Atom name) {
    if (name[0] == '_') {
        return NULL;
    }
    return import->as.atom
               ? atom_of(&c->ctx->atoms, arena_printf(c->arena, "%s.%s", import->as.atom, name))
               : name;
}

static bool clashes(Checker *c, const Import *import, Atom name, const void *decl) {
    const FnDecl *fn = find_fn(c, name);
    const TypeDecl *type = find_type(c, name);
    if ((!fn && !type) || fn == decl || type == decl) {
        return false;
    }
    report_clash(c, import, name, fn ? fn->name.loc : type->name.loc);
    return true;
}

static void import_names(Checker *c, const Import *import) {
    const AstModule *from = import->module;
    for (int i = 0; i < from->types.n; i++) {
        TypeDecl *decl = from->types.data[i];
        Atom name = imported_name(c, import, decl->name.atom);
        if (name && !clashes(c, import, name, decl)) {
            ptrmap_put(&c->module->type_names, name, decl);
        }
    }
    for (int i = 0; i < from->fns.n; i++) {
        FnDecl *fn = from->fns.data[i];
        Atom name = imported_name(c, import, fn->name.atom);
        if (name && !clashes(c, import, name, fn)) {
            ptrmap_put(&c->module->fn_names, name, fn);
        }
    }
}

static bool check_alias(Checker *c, int i) {
    const Import *import = &c->module->imports.data[i];
    if (!import->as.atom) {
        return true;
    }
    const FnDecl *fn = find_fn(c, import->as.atom);
    const TypeDecl *type = find_type(c, import->as.atom);
    const Loc *other = fn ? &fn->name.loc : type ? &type->name.loc : NULL;
    for (int k = 0; k < i && !other; k++) {
        const Name *as = &c->module->imports.data[k].as;
        other = as->atom == import->as.atom ? &as->loc : NULL;
    }
    if (other) {
        Diag *diag = diag_error(c->diags, DIAG_duplicate, import->as.loc, "`%s` is declared twice",
                                import->as.atom);
        diag_label(c->diags, diag, *other, "the other one");
    }
    return !other;
}

void declare_names(Checker *c) {
    ptrmap_init(&c->module->fn_names, c->arena);
    ptrmap_init(&c->module->type_names, c->arena);
    declare_types(c);
    declare_fns(c);
    for (int i = 0; i < c->module->imports.n; i++) {
        if (check_alias(c, i) && c->module->imports.data[i].module) {
            import_names(c, &c->module->imports.data[i]);
        }
    }
}

/* ---- looking up ---- */

FnDecl *find_fn(const Checker *c, Atom name) {
    return ptrmap_get(&c->module->fn_names, name);
}

TypeDecl *find_type(const Checker *c, Atom name) {
    return ptrmap_get(&c->module->type_names, name);
}

static const Import *find_alias(const Checker *c, Atom name) {
    for (int i = 0; i < c->module->imports.n; i++) {
        if (c->module->imports.data[i].as.atom == name) {
            return &c->module->imports.data[i];
        }
    }
    return NULL;
}

void join_qualified(Checker *c, Expr *e) {
    if (e->kind != E_field || !e->as.field.name.atom || e->as.field.x->kind != E_name) {
        return;
    }
    Atom module = e->as.field.x->as.name.atom, name = e->as.field.name.atom;
    if (!scope_find(c, module) && find_alias(c, module)) {
        e->kind = E_name;
        memset(&e->as, 0, sizeof e->as);
        e->as.name.atom = atom_of(&c->ctx->atoms, arena_printf(c->arena, "%s.%s", module, name));
    }
}

/* ---- what else there is, for suggestions ---- */

int visible_fns(Checker *c, const char **names, int n, int most) {
    for (int i = 0; i < c->module->fns.n && n < most; i++) {
        names[n++] = c->module->fns.data[i]->name.atom;
    }
    for (int i = 0; i < c->module->imports.n; i++) {
        const Import *import = &c->module->imports.data[i];
        for (int k = 0; import->module && k < import->module->fns.n && n < most; k++) {
            Atom name = imported_name(c, import, import->module->fns.data[k]->name.atom);
            if (name) {
                names[n++] = name;
            }
        }
    }
    return n;
}

int visible_types(Checker *c, const char **names, int n, int most) {
    for (int i = 0; i < c->module->types.n && n < most; i++) {
        names[n++] = c->module->types.data[i]->name.atom;
    }
    for (int i = 0; i < c->module->imports.n; i++) {
        const Import *import = &c->module->imports.data[i];
        for (int k = 0; import->module && k < import->module->types.n && n < most; k++) {
            Atom name = imported_name(c, import, import->module->types.data[k]->name.atom);
            if (name) {
                names[n++] = name;
            }
        }
    }
    return n;
}
