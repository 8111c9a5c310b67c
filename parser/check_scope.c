/* Variables in scope and the sizes they stand for. Part of the checker; see parser/checker.h. */
#include "parser/checker.h"

/* Binding again hides; leaving a scope shows what was hidden. The map holds what is visible, the
 * list the order. */
Local *scope_add(Checker *c, LocalKind kind, Name name, const Ty *ty, const Size *size) {
    Local *local = ARENA_NEW(c->arena, Local);
    local->kind = kind;
    local->name = name.atom;
    local->loc = name.loc;
    local->ty = ty;
    local->size = size;
    if (ty_is(ty, SK_i64) && !size) {
        local->sym = sizesym_new(c->polys, name.atom, name.loc);
        local->sym->computed = true;
        local->size = size_sym(c->polys, local->sym);
        ptrmap_put(&c->sym_locals, local->sym, local);
    }
    local->hides = ptrmap_get(&c->innermost, name.atom);
    ptrmap_put(&c->innermost, name.atom, local);
    vec_push(c->arena, &c->scope, local);
    return local;
}

Local *scope_find(Checker *c, Atom name) {
    return ptrmap_get(&c->innermost, name);
}

int scope_mark(const Checker *c) {
    return c->scope.n;
}

void scope_leave(Checker *c, int mark) {
    while (c->scope.n > mark) {
        Local *local = c->scope.data[--c->scope.n];
        ptrmap_put(&c->innermost, local->name, local->hides);
    }
}

SizeParam *find_size_param(Checker *c, Atom name) {
    for (int i = 0; c->sig && i < c->sig->sizes.n; i++) {
        if (c->sig->sizes.data[i].name.atom == name) {
            return &c->sig->sizes.data[i];
        }
    }
    return NULL;
}

uint32_t size_mark(const Checker *c) {
    return c->polys->next_sym;
}

bool size_is_since(const Size *size, uint32_t mark) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (size->terms[i].syms[j]->id >= mark) {
                return true;
            }
        }
    }
    return false;
}

static const Size *first_since(const Ty *ty, uint32_t mark) {
    for (int i = 0; ty->kind == TY_array && i < ty->rank; i++) {
        if (size_is_since(ty->dims[i], mark)) {
            return ty->dims[i];
        }
    }
    if (ty->kind == TY_array) {
        return first_since(ty->elem, mark);
    }
    for (int i = 0; i < ty->n_args; i++) {
        if (size_is_since(ty->args[i], mark)) {
            return ty->args[i];
        }
    }
    for (int i = 0; i < ty->n; i++) {
        const Size *size = first_since(ty->parts[i], mark);
        if (size) {
            return size;
        }
    }
    return NULL;
}

bool check_escape(Checker *c, const Expr *e, uint32_t mark, const char *where) {
    const Size *size = first_since(expr_type(e), mark);
    if (!size) {
        return true;
    }
    Diag *diag = diag_error(c->diags, DIAG_size_escapes, e->loc,
                            "the size `%s` of the result is only known inside of the %s",
                            size_text(c, size), where);
    add_size_origins(c, diag, size, size);
    diag_hint(c->diags, diag, "compute the size before the %s and name it with `let`", where);
    return false;
}
