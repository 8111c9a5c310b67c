/* The checker's entry: declares everything, checks bodies callees first, finds recursion.
 * See parser/checker.h for what its files share. Must not lower or fold: the tree stays what was
 * written. */
#include "parser/checker.h"

#include <string.h>

/* ---- texts ---- */

void check_text_of(Text *text, Checker *c) {
    text_init(text, c->arena);
}

const char *ty_text(Checker *c, const Ty *ty) {
    Text text;
    text_init(&text, c->arena);
    ty_print(&text, ty);
    return text.data;
}

const char *size_text(Checker *c, const Size *size) {
    Text text;
    text_init(&text, c->arena);
    size_print(&text, size);
    return text.data;
}

ScalarKind real_kind(const Checker *c) {
    return c->ctx->real_is_f32 ? SK_f32 : SK_f64;
}

void suggest_among(Checker *c, Diag *diag, const char *name, int n, const char *const *names) {
    const char *near = nearest_name(name, names, n);
    if (near) {
        diag_hint(c->diags, diag, "did you mean `%s`?", near);
    }
}

void suggest(Checker *c, Diag *diag, const char *name) {
    const char *names[256];
    int n = 0;
    for (int i = c->scope.n; i > 0 && n < 200; i--) {
        names[n++] = c->scope.data[i - 1]->name;
    }
    for (int i = 0; c->sig && i < c->sig->sizes.n && n < 250; i++) {
        names[n++] = c->sig->sizes.data[i].name.atom;
    }
    names[n++] = "pi";
    names[n++] = "inf";
    names[n++] = "nan";
    suggest_among(c, diag, name, n, names);
}

bool is_reserved(const char *name) {
    static const char *const types[] = {"f64", "f32", "i64", "i32", "bool", "real", "scatter"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(name, types[i]) == 0) {
            return true;
        }
    }
    for (int i = 0; i < REDUCE_COUNT; i++) {
        if (strcmp(name, reduce_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- names of the module ---- */

static void declare_names(Checker *c) {
    for (int i = 0; i < c->module->types.n; i++) {
        TypeDecl *decl = c->module->types.data[i];
        const TypeDecl *before = ptrmap_get(&c->types, decl->name.atom);
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
            ptrmap_put(&c->types, decl->name.atom, decl);
        }
    }
    for (int i = 0; i < c->module->fns.n; i++) {
        FnDecl *fn = c->module->fns.data[i];
        const FnDecl *before = ptrmap_get(&c->fns, fn->name.atom);
        const TypeDecl *type = ptrmap_get(&c->types, fn->name.atom);
        if (before || type) {
            Diag *diag = diag_error(c->diags, DIAG_duplicate, fn->name.loc,
                                    "`%s` is declared twice", fn->name.atom);
            diag_label(c->diags, diag, before ? before->name.loc : type->name.loc, "the first");
        } else {
            ptrmap_put(&c->fns, fn->name.atom, fn);
        }
    }
}

/* ---- the order of functions, and recursion ----
 * Both are depth-first walks with a stack of their own, because a chain of calls may be as long as
 * the module. */

enum { UNSEEN = 0, OPEN = 1, CLOSED = 2 };

typedef struct Visit {
    FnDecl *fn;
    int next;
} Visit;

typedef struct Walk {
    VEC(Visit) stack;
    VEC(FnDecl *) order;
} Walk;

/* The next function that fn uses, or NULL; by names before checking, by calls after. */
static FnDecl *next_use(Checker *c, bool by_calls, Visit *visit, Loc *loc) {
    FnDecl *fn = visit->fn;
    int n = by_calls ? fn->calls.n : fn->mentions.n;
    while (visit->next < n) {
        int i = visit->next++;
        if (by_calls) {
            *loc = fn->calls.data[i].loc;
            return fn->calls.data[i].callee;
        }
        FnDecl *used = ptrmap_get(&c->fns, fn->mentions.data[i]);
        if (used) {
            return used;
        }
    }
    return NULL;
}

static void report_recursion(Checker *c, const Walk *walk, const FnDecl *to, Loc loc) {
    Text cycle;
    text_init(&cycle, c->arena);
    bool inside = false;
    for (int i = 0; i < walk->stack.n; i++) {
        inside = inside || walk->stack.data[i].fn == to;
        if (inside) {
            text_printf(&cycle, "%s calls ", walk->stack.data[i].fn->name.atom);
        }
    }
    text_puts(&cycle, to->name.atom);
    Diag *diag = diag_error(c->diags, DIAG_recursion, loc, "`%s` calls itself", to->name.atom);
    diag_label(c->diags, diag, to->name.loc, "declared here");
    diag_note(c->diags, diag, "%s", cycle.data);
    diag_hint(c->diags, diag, "recursion is not part of the language; use `loop`");
}

static void walk_from(Checker *c, Walk *walk, FnDecl *root, bool by_calls) {
    root->mark = OPEN;
    vec_push(c->arena, &walk->stack, ((Visit){root, 0}));
    while (walk->stack.n > 0) {
        Visit *top = &walk->stack.data[walk->stack.n - 1];
        Loc loc = {0, 0};
        FnDecl *used = next_use(c, by_calls, top, &loc);
        if (!used) {
            top->fn->mark = CLOSED;
            vec_push(c->arena, &walk->order, top->fn);
            walk->stack.n--;
        } else if (used->mark == UNSEEN) {
            used->mark = OPEN;
            vec_push(c->arena, &walk->stack, ((Visit){used, 0}));
        } else if (used->mark == OPEN && by_calls) {
            report_recursion(c, walk, used, loc);
        }
    }
}

static void walk_all(Checker *c, Walk *walk, bool by_calls) {
    *walk = (Walk){0};
    for (int i = 0; i < c->module->fns.n; i++) {
        c->module->fns.data[i]->mark = UNSEEN;
    }
    for (int i = 0; i < c->module->fns.n; i++) {
        if (c->module->fns.data[i]->mark == UNSEEN) {
            walk_from(c, walk, c->module->fns.data[i], by_calls);
        }
    }
}

/* ---- the entry ---- */

static void check_imports(Checker *c) {
    for (int i = 0; i < c->module->imports.n; i++) {
        const Import *import = &c->module->imports.data[i];
        diag_error(c->diags, DIAG_unsupported, import->path.loc,
                   "`import` is not supported in this version");
    }
}

/* Functions are checked callees first; messages are read from top to bottom. A stable insertion
 * sort: they are few. */
static void sort_diags(DiagList *diags, int first) {
    for (int i = first + 1; i < diags->items.n; i++) {
        Diag *diag = diags->items.data[i];
        int j = i;
        while (j > first &&
               diags->items.data[j - 1]->labels[0].loc.begin > diag->labels[0].loc.begin) {
            diags->items.data[j] = diags->items.data[j - 1];
            j--;
        }
        diags->items.data[j] = diag;
    }
}

bool check_module(Context *ctx, AstModule *module) {
    Checker checker = {.ctx = ctx,
                       .arena = &ctx->arena,
                       .polys = &ctx->polys,
                       .diags = &ctx->diags,
                       .module = module,
                       .retries_left = 400};
    Checker *c = &checker;
    int errors = ctx->diags.errors, first_diag = ctx->diags.items.n;
    ptrmap_init(&c->fns, c->arena);
    ptrmap_init(&c->types, c->arena);
    ptrmap_init(&c->sym_locals, c->arena);
    ptrmap_init(&c->innermost, c->arena);
    declare_names(c);
    check_imports(c);
    for (int i = 0; i < module->types.n; i++) {
        if (module->types.data[i]->state == CHECK_none) {
            declare_type(c, module->types.data[i]);
        }
    }
    for (int i = 0; i < module->fns.n; i++) {
        declare_signature(c, module->fns.data[i]);
    }
    Walk walk;
    walk_all(c, &walk, false);
    for (int i = 0; i < walk.order.n; i++) {
        check_body(c, walk.order.data[i]);
    }
    for (int i = 0; i < module->rules.n; i++) {
        check_rule(c, module->rules.data[i]);
    }
    for (int i = 0; i < module->exports.n; i++) {
        check_export(c, module->exports.data[i]);
    }
    for (int i = 0; i < module->tests.n; i++) {
        check_test(c, module->tests.data[i]);
    }
    walk_all(c, &walk, true);
    module->order.n = 0;
    for (int i = 0; i < walk.order.n; i++) {
        vec_push(c->arena, &module->order, walk.order.data[i]);
    }
    sort_diags(&ctx->diags, first_diag);
    return ctx->diags.errors == errors;
}
