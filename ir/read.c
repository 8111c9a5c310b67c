/* Reading the textual IR (Note [Text] in print.c): recursive descent, one token ahead.
 *
 * Takes any bytes. Errors are queued with their place and what was expected; after one, reading
 * goes on with the next function. Only the form is checked here, and that names are known:
 * ir_verify, which callers run next, checks types, scopes and the rest. */
#include "ir/read_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- functions ---- */

static bool read_size_params(Reader *r, Func *func) {
    if (!read_accept_mark(r, '[')) {
        return true;
    }
    do {
        Token token = r->token;
        Atom name;
        if (!read_take_text(r, TOKEN_word, "a size parameter", &name)) {
            return false;
        }
        SizeSym *sym = sizesym_new(&r->ctx->polys, name, token.loc);
        vec_push(r->arena, &func->sizes, sym);
        if (!read_define_sym(r, name, token.loc, sym)) {
            return false;
        }
    } while (read_accept_mark(r, ','));
    return read_take_mark(r, ']');
}

static bool read_params(Reader *r, Func *func) {
    if (!read_take_mark(r, '(')) {
        return false;
    }
    while (!read_at_mark(r, ')')) {
        Token token = r->token;
        Atom name;
        const Type *type = read_take_text(r, TOKEN_value, "a parameter (%name) or ')'", &name) &&
                                   read_take_mark(r, ':')
                               ? read_type(r)
                               : NULL;
        if (!type ||
            !read_define_value(r, name, token.loc, ir_param(r->m, func->body, type, NULL))) {
            return false;
        }
        if (!read_accept_mark(r, ',')) {
            break;
        }
    }
    return read_take_mark(r, ')');
}

static bool read_result_list(Reader *r, TypeList *types) {
    if (r->token.kind != TOKEN_arrow) {
        return read_expected(r, "'->' and the result types");
    }
    read_advance(r);
    return read_take_mark(r, '(') && (read_at_mark(r, ')') || read_types(r, types)) &&
           read_take_mark(r, ')');
}

/* The result types may name sizes that the body binds, so they are read after it: here they are
 * skipped. */
static bool skip_result_list(Reader *r) {
    while (r->token.kind != TOKEN_end && r->token.kind != TOKEN_bad && !read_at_mark(r, '{')) {
        read_advance(r);
    }
    return read_at_mark(r, '{') || read_expected(r, "'{'");
}

/* `at` is where the result types stand. */
static bool read_return(Reader *r, Func *func, const Reader *at) {
    Region *body = func->body;
    TypeList result_types = {0}, *types = &result_types;
    Loc loc = r->token.loc;
    if (!read_accept_word(r, "return")) {
        return read_expected(r, "'return'");
    }
    ValueList values = {0};
    if (r->token.kind == TOKEN_value && !read_take_values(r, &values)) {
        return false;
    }
    Lexer lexer = r->lexer;
    Token token = r->token;
    r->lexer = at->lexer;
    r->token = at->token;
    if (!read_result_list(r, types)) {
        return false;
    }
    r->lexer = lexer;
    r->token = token;
    for (int i = 0; i < values.n; i++) {
        vec_push(r->arena, &body->yields, values.data[i]);
        if (i < types->n && values.data[i]->type != types->data[i]) {
            return read_fail(
                r, DIAG_ir_type, loc,
                arena_printf(r->arena, "result %d has another type than the function declares", i));
        }
    }
    if (values.n != types->n) {
        return read_fail(r, DIAG_ir_type, loc,
                         arena_printf(r->arena, "the function declares %d results and returns %d",
                                      types->n, values.n));
    }
    return read_take_mark(r, '}');
}

static bool read_func(Reader *r, bool is_extern) {
    Token token = r->token;
    Atom name;
    TypeList types = {0};
    if (!read_take_text(r, TOKEN_func, "the function's name (@name)", &name)) {
        return false;
    }
    if (ptrmap_has(&r->funcs, name)) {
        return read_fail(r, DIAG_duplicate, token.loc,
                         arena_printf(r->arena, "the function '@%s' is defined twice", name));
    }
    Func *func = ir_func_new(r->m, name, token.loc);
    func->is_extern = is_extern;
    r->depth = 0;
    ptrmap_init(&r->values, r->arena);
    ptrmap_init(&r->syms, r->arena);
    if (!read_size_params(r, func) || !read_params(r, func)) {
        return false;
    }
    Reader results = *r;
    if (!(is_extern ? read_result_list(r, &types) : skip_result_list(r))) {
        return false;
    }
    if (is_extern && types.n != 1) {
        return read_fail(r, DIAG_ir_type, token.loc, "an extern function has one result");
    }
    if (is_extern) {
        func->extern_result = types.data[0];
    } else {
        IrBuilder b;
        ir_builder_init(&b, r->m, func->body);
        b.fold = false;
        if (!read_take_mark(r, '{') || !read_region(r, &b) || !read_return(r, func, &results)) {
            return false;
        }
    }
    vec_push(r->arena, &r->m->funcs, func);
    ptrmap_put(&r->funcs, name, func);
    return true;
}

/* ---- the module ---- */

static bool read_rule(Reader *r) {
    bool jvp = read_accept_word(r, "jvp");
    if (!jvp && !read_accept_word(r, "vjp")) {
        return read_expected(r, "jvp or vjp");
    }
    Func *func = read_take_func(r);
    Func *rule = func && read_take_mark(r, '=') ? read_take_func(r) : NULL;
    if (!rule) {
        return false;
    }
    *(jvp ? &func->jvp_rule : &func->vjp_rule) = rule;
    return true;
}

/* A parameter of its own for each leaf. */
static Param *leaf_params(Reader *r, const Func *func, bool results, int *n) {
    const Region *body = func->body;
    *n = results ? body->yields.n : body->params.n;
    Param *params = ARENA_ARRAY(r->arena, *n, Param);
    for (int i = 0; i < *n; i++) {
        const Value *v = results ? body->yields.data[i] : body->params.data[i];
        char name[32];
        snprintf(name, sizeof name, results ? (*n == 1 ? "out" : "out%d") : "x%d", i);
        bool named = !results && v->name && !strpbrk(v->name, ".$");
        params[i].name = named ? v->name : atom_of(&r->ctx->atoms, name);
        params[i].type = v->type;
    }
    return params;
}

/* size(k = p): size k of the function is its parameter p. */
static bool read_tied_size(Reader *r, Export *export, int *size_from) {
    const Func *func = export->func;
    Loc loc = r->token.loc;
    int size, param;
    if (!read_take_mark(r, '(') || !read_take_int(r, func->sizes.n - 1, &size) ||
        !read_take_mark(r, '=') || !read_take_int(r, func->body->params.n - 1, &param) ||
        !read_take_mark(r, ')')) {
        return false;
    }
    const Type *type = func->body->params.data[param]->type;
    if (!type_is_scalar(type) || type->elem != S_i64) {
        return read_fail(r, DIAG_ir_type, loc, "a size is given by a parameter of type i64");
    }
    size_from[size] = param;
    export->size_from = size_from;
    return true;
}

static bool read_export(Reader *r) {
    Token token = r->token;
    Func *func = read_take_func(r);
    Atom name;
    if (!func) {
        return false;
    }
    if (!read_accept_word(r, "as")) {
        return read_expected(r, "'as'");
    }
    if (!read_take_text(r, TOKEN_word, "the exported name", &name)) {
        return false;
    }
    Export *export = ARENA_NEW(r->arena, Export);
    export->name = name;
    export->func = func;
    export->loc = token.loc;
    export->params = leaf_params(r, func, false, &export->n_params);
    export->results = leaf_params(r, func, true, &export->n_results);
    int *size_from = ARENA_ARRAY(r->arena, func->sizes.n + 1, int);
    for (int k = 0; k < func->sizes.n; k++) {
        size_from[k] = -1;
    }
    while (read_accept_word(r, "size")) {
        if (!read_tied_size(r, export, size_from)) {
            return false;
        }
    }
    vec_push(r->arena, &r->m->exports, export);
    return true;
}

static bool read_module_name(Reader *r) {
    return r->token.kind == TOKEN_string
               ? read_take_text(r, TOKEN_string, "a name", &r->m->name)
               : read_take_text(r, TOKEN_word, "the module's name", &r->m->name);
}

static bool read_item(Reader *r) {
    if (read_accept_word(r, "module")) {
        return read_module_name(r);
    }
    if (read_accept_word(r, "func")) {
        return read_func(r, false);
    }
    if (read_accept_word(r, "extern")) {
        return read_accept_word(r, "func") ? read_func(r, true) : read_expected(r, "'func'");
    }
    if (read_accept_word(r, "rule")) {
        return read_rule(r);
    }
    return read_accept_word(r, "export") ? read_export(r)
                                         : read_expected(r, "func, extern, rule, export or module");
}

static bool at_item(const Reader *r) {
    return r->token.starts_line &&
           (read_at_word(r, "func") || read_at_word(r, "extern") || read_at_word(r, "rule") ||
            read_at_word(r, "export") || read_at_word(r, "module"));
}

IrModule *ir_read(Context *ctx, Arena *arena, Source *source) {
    Reader r = {.ctx = ctx, .arena = arena, .m = ir_module_new(ctx, arena, NULL)};
    r.lexer = (Lexer){.ctx = ctx, .arena = arena, .source = source};
    ptrmap_init(&r.funcs, arena);
    ptrmap_init(&r.values, arena);
    ptrmap_init(&r.syms, arena);
    read_advance(&r);
    while (r.token.kind != TOKEN_end) {
        if (!read_item(&r)) {
            r.failed = true;
            while (r.token.kind != TOKEN_end && !at_item(&r)) {
                read_advance(&r);
            }
        }
    }
    return r.failed ? NULL : r.m;
}
