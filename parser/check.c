/* The checker's entry: declares everything, checks bodies callees first, finds recursion.
 * See parser/checker.h for what its files share. Must not lower or fold: the tree stays what was
 * written. */
#include "parser/checker.h"
#include "parser/warn.h"

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
    const char *near = diag_is_kept(c->diags, diag) ? nearest_name(name, names, n) : NULL;
    if (near) {
        diag_hint(c->diags, diag, "did you mean `%s`?", near);
    }
}

void suggest_or_list(Checker *c, Diag *diag, const char *name, const char *what, int n,
                     const char *const *names) {
    enum { MOST_LISTED = 12 };
    suggest_among(c, diag, name, n, names);
    if (!diag_is_kept(c->diags, diag) || diag->hint || n == 0) {
        return;
    }
    Text list;
    text_init(&list, c->arena);
    for (int i = 0; i < n && i < MOST_LISTED; i++) {
        text_printf(&list, "%s `%s`", i > 0 ? "," : "", names[i]);
    }
    diag_note(c->diags, diag, "%s%s%s", what, list.data, n > MOST_LISTED ? ", ..." : "");
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
        FnDecl *used = find_fn(c, fn->mentions.data[i]);
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

static void walk_fns(Checker *c, Walk *walk, int n, FnDecl *const *fns, bool by_calls) {
    for (int i = 0; i < n; i++) {
        if (fns[i]->mark == UNSEEN) {
            walk_from(c, walk, fns[i], by_calls);
        }
    }
}

static void unmark(int n, FnDecl *const *fns) {
    for (int i = 0; i < n; i++) {
        fns[i]->mark = UNSEEN;
    }
}

/* Finds recursion among the functions of all files, and their order. */
static void walk_calls(Checker *c) {
    AstModule *main = c->main;
    Walk walk = {0};
    for (int i = 0; i < main->imported.n; i++) {
        unmark(main->imported.data[i]->fns.n, main->imported.data[i]->fns.data);
    }
    unmark(main->fns.n, main->fns.data);
    unmark(main->instances.n, main->instances.data);
    for (int i = 0; i < main->imported.n; i++) {
        walk_fns(c, &walk, main->imported.data[i]->fns.n, main->imported.data[i]->fns.data, true);
    }
    walk_fns(c, &walk, main->fns.n, main->fns.data, true);
    walk_fns(c, &walk, main->instances.n, main->instances.data, true);
    main->order.n = 0;
    for (int i = 0; i < walk.order.n; i++) {
        vec_push(c->arena, &main->order, walk.order.data[i]);
    }
}

/* ---- the entry ---- */

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

/* The functions, types and rules of one file; the files that it imports are done. */
static void check_file(Checker *c, AstModule *module) {
    c->module = module;
    declare_names(c);
    for (int i = 0; i < module->types.n; i++) {
        if (module->types.data[i]->state == CHECK_none) {
            declare_type(c, module->types.data[i]);
        }
    }
    for (int i = 0; i < module->fns.n; i++) {
        FnDecl *fn = module->fns.data[i];
        if (is_template(fn)) {
            check_template(c, fn);
        } else {
            declare_signature(c, fn);
        }
    }
    Walk walk = {0};
    walk_fns(c, &walk, module->fns.n, module->fns.data, false);
    for (int i = 0; i < walk.order.n; i++) {
        if (!is_template(walk.order.data[i])) {
            check_body(c, walk.order.data[i]);
        }
    }
    for (int i = 0; i < module->rules.n; i++) {
        check_rule(c, module->rules.data[i]);
    }
}

bool check_module(Context *ctx, AstModule *module) {
    Checker checker = {.ctx = ctx,
                       .arena = &ctx->arena,
                       .polys = &ctx->polys,
                       .diags = &ctx->diags,
                       .main = module,
                       .retries_left = 400};
    Checker *c = &checker;
    int errors = ctx->diags.errors, first_diag = ctx->diags.items.n, instances = 0;
    ptrmap_init(&c->sym_locals, c->arena);
    ptrmap_init(&c->innermost, c->arena);
    ptrmap_init(&c->exports, c->arena);
    for (int i = 0; i < module->imported.n; i++) {
        check_file(c, module->imported.data[i]);
    }
    check_file(c, module);
    for (int i = 0; i < module->exports.n; i++) {
        check_export(c, module->exports.data[i]);
    }
    for (int i = 0; i < module->tests.n; i++) {
        check_test(c, module->tests.data[i]);
    }
    check_instances(c, &instances);
    check_unused_templates(c);
    check_instances(c, &instances);
    walk_calls(c);
    if (ctx->diags.errors == errors)
        warn_module(ctx, module);
    sort_diags(&ctx->diags, first_diag);
    return ctx->diags.errors == errors;
}
