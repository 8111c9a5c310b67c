/* The sizes of a call, solved from the types of its arguments. Part of the checker. */
#include "parser/checker.h"

/* ---- sizes of a call ----
 * The signature's size symbols are solved from the types of the arguments, in order, as often as
 * something new is learned: `[n,m]` first, then `[n-m+1]`. */

static int size_index(const Signature *sig, const SizeSym *sym) {
    for (int i = 0; i < sig->sizes.n; i++) {
        if (sig->sizes.data[i].sym == sym) {
            return i;
        }
    }
    return -1;
}

static const Size *known_size(void *user, SizeSym *sym) {
    const Solve *s = user;
    int i = size_index(s->sig, sym);
    return i < 0 ? NULL : s->values[i];
}

static bool is_unknown(void *user, SizeSym *sym) {
    const Solve *s = user;
    int i = size_index(s->sig, sym);
    return i >= 0 && !s->values[i];
}

static bool has_unknown(Solve *s, const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            if (is_unknown(s, size->terms[i].syms[j])) {
                return true;
            }
        }
    }
    return false;
}

static void solve_size(Solve *s, const Size *param, const Size *arg, Loc loc) {
    const Size *want = size_subst(s->c->polys, param, known_size, s);
    if (!want || !has_unknown(s, want)) {
        return;
    }
    const Size *value;
    SizeSym *sym = size_solve(s->c->polys, want, arg, is_unknown, s, &value);
    if (sym && !has_unknown(s, value)) {
        int i = size_index(s->sig, sym);
        s->values[i] = value;
        s->from[i] = loc;
    }
}

void solve_type(Solve *s, const Ty *param, const Ty *arg, Loc loc) {
    if (param->kind != arg->kind) {
        return;
    }
    if (param->kind == TY_array) {
        for (int i = 0; i < param->rank && i < arg->rank; i++) {
            solve_size(s, param->dims[i], arg->dims[i], loc);
        }
        solve_type(s, param->elem, arg->elem, loc);
        return;
    }
    for (int i = 0; i < param->n_args && i < arg->n_args; i++) {
        solve_size(s, param->args[i], arg->args[i], loc);
    }
    for (int i = 0; i < param->n && i < arg->n; i++) {
        solve_type(s, param->parts[i], arg->parts[i], loc);
    }
    if (param->kind == TY_fn) {
        solve_type(s, param->result, arg->result, loc);
    }
}

const Ty *solve_subst(Solve *s, const Ty *ty, Loc loc) {
    const Ty *result = ty_subst(s->c->ctx, ty, known_size, s);
    if (!result) {
        diag_error(s->c->diags, DIAG_size_overflow, loc, "a size of the call is beyond 64 bits");
        return ty_error();
    }
    return result;
}

bool solve_has_unknown(Solve *s, const Ty *ty) {
    for (int i = 0; ty->kind == TY_array && i < ty->rank; i++) {
        if (has_unknown(s, ty->dims[i])) {
            return true;
        }
    }
    if (ty->kind == TY_array) {
        return solve_has_unknown(s, ty->elem);
    }
    for (int i = 0; i < ty->n; i++) {
        if (solve_has_unknown(s, ty->parts[i])) {
            return true;
        }
    }
    return ty->kind == TY_fn && solve_has_unknown(s, ty->result);
}

/* ---- a function in its own rule ---- */

/* A rule may call the function that it is for, or a derivative of it. The sizes that its body knows
 * are those of the signature itself, so a call there takes the same signature over other ones. */
const Signature *sizes_apart(Checker *c, const Signature *sig) {
    bool shared = false;
    for (int i = 0; c->sig && i < sig->sizes.n; i++) {
        shared |= size_index(c->sig, sig->sizes.data[i].sym) >= 0;
    }
    if (!shared) {
        return sig;
    }
    Signature *apart = ARENA_NEW(c->arena, Signature);
    *apart = (Signature){.name = sig->name, .loc = sig->loc};
    Solve fresh = {.c = c, .sig = sig};
    fresh.values = ARENA_ARRAY(c->arena, sig->sizes.n, const Size *);
    for (int i = 0; i < sig->sizes.n; i++) {
        SizeParam param = sig->sizes.data[i];
        param.sym = sizesym_new(c->polys, param.name.atom, param.name.loc);
        fresh.values[i] = size_sym(c->polys, param.sym);
        vec_push(c->arena, &apart->sizes, param);
    }
    for (int i = 0; i < sig->sizes.n; i++) {
        SizeParam *param = &apart->sizes.data[i];
        param->size = size_subst(c->polys, param->size, known_size, &fresh);
    }
    for (int i = 0; i < sig->params.n; i++) {
        SigParam param = sig->params.data[i];
        param.ty = ty_subst(c->ctx, param.ty, known_size, &fresh);
        vec_push(c->arena, &apart->params, param);
    }
    apart->result = ty_subst(c->ctx, sig->result, known_size, &fresh);
    return apart;
}

void solve_init(Solve *s, Checker *c, const Signature *sig) {
    *s = (Solve){.c = c, .sig = sig};
    s->values = ARENA_ARRAY(c->arena, sig->sizes.n, const Size *);
    s->from = ARENA_ARRAY(c->arena, sig->sizes.n, Loc);
}

/* Sizes that stand for others by `where n == m`, and whether all are known. */
bool solve_finish(Solve *s, Loc loc) {
    bool ok = true;
    for (int i = 0; i < s->sig->sizes.n; i++) {
        const SizeParam *param = &s->sig->sizes.data[i];
        if (!s->values[i] && size_is_sym(param->size) != param->sym) {
            s->values[i] = size_subst(s->c->polys, param->size, known_size, s);
        }
        if (!s->values[i]) {
            Diag *diag = diag_error(s->c->diags, DIAG_size_unsolved, loc,
                                    "the size `%s` of `%s` is not fixed by the arguments",
                                    param->name.atom, s->sig->name);
            diag_label(s->c->diags, diag, param->name.loc, "`%s` is introduced here",
                       param->name.atom);
            ok = false;
        } else {
            mark_size_used(s->c, s->values[i]);
        }
    }
    return ok;
}
