/* See driver/function_args.h. Works on the text: what is added is
 *
 *     fn rk4_with_arguments[n](u: [n]f64, h: f64) -> [n]f64 = rk4(|a| sin(a), u, h);
 *
 * and called in its place, under derivative operators too, so that names, sizes and messages are
 * those of the compiler. */
#include "driver/function_args.h"

#include <string.h>

typedef struct Wrapper {
    Context *ctx;
    Arena *arena;
    const Source *source;
    const FnDecl *fn;
    const ArgumentTexts *given;
    bool choose;
    Text chosen;
} Wrapper;

static const FnDecl *find_fn_of(const AstModule *ast, const char *name) {
    for (int i = 0; i < ast->fns.n; i++)
        if (strcmp(ast->fns.data[i]->name.atom, name) == 0)
            return ast->fns.data[i];
    return NULL;
}

static bool takes_functions(const FnDecl *fn) {
    for (int i = 0; i < fn->params.n; i++)
        if (fn->params.data[i]->type->kind == TE_fn)
            return true;
    return false;
}

static const char *slice(const Wrapper *b, uint32_t begin, uint32_t end) {
    return arena_strdup(b->arena, b->source->text + (begin - b->source->base), end - begin);
}

static const char *text_at(const Wrapper *b, Loc loc) {
    return slice(b, loc.begin, loc.end);
}

static bool is_given_to(const char *argument, const char *name) {
    size_t n = strlen(name);
    return strncmp(argument, name, n) == 0 && argument[n] == '=';
}

/* The VALUE of NAME=VALUE, or NULL. */
static const char *given_value(const Wrapper *b, const char *name) {
    for (int i = 0; i < b->given->n_args; i++)
        if (is_given_to(b->given->args[i], name))
            return b->given->args[i] + strlen(name) + 1;
    return NULL;
}

static bool is_scalar_text(const char *type) {
    return type[0] != '[' && type[0] != '(' && type[0] != '{';
}

/* A smooth function of that type: of a parameter that has the type of the result. */
static const char *choose_function(const Wrapper *b, const TypeExpr *type) {
    const char *result = text_at(b, type->result->loc);
    int like = -1;
    Text text;
    text_init(&text, b->arena);
    text_puts(&text, "|");
    for (int i = 0; i < type->parts.n; i++) {
        const char *part = text_at(b, type->parts.data[i]->loc);
        text_printf(&text, "%sa%d: %s", i > 0 ? ", " : "", i, part);
        if (like < 0 && strcmp(part, result) == 0)
            like = i;
    }
    if (like >= 0)
        text_printf(&text, "| sin(a%d)", like);
    else if (is_scalar_text(result) && type->parts.n > 0)
        text_puts(&text, "| sum(sin(a0))");
    else
        return NULL;
    return text.data;
}

static const char *bind_function(Wrapper *b, const AstParam *param) {
    const char *value = given_value(b, param->name.atom);
    int times = 0;
    for (int i = 0; i < b->given->n_args; i++)
        times += is_given_to(b->given->args[i], param->name.atom);
    if (times > 1) {
        diag_error(&b->ctx->diags, DIAG_run_argument, (Loc){0, 0},
                   "the argument `%s` is given twice", param->name.atom);
        return NULL;
    }
    if (value && *value)
        return value;
    if (b->choose) {
        value = choose_function(b, param->type);
        if (value) {
            text_printf(&b->chosen, "%s%s = %s", b->chosen.n > 0 ? ", " : "", param->name.atom,
                        value);
            return value;
        }
    }
    Diag *diag =
        diag_error(&b->ctx->diags, DIAG_run_argument, param->name.loc,
                   "`%s` needs the argument `%s`, a function", b->fn->name.atom, param->name.atom);
    diag_hint(&b->ctx->diags, diag, "--arg '%s=|x| ...', or the name of a function",
              param->name.atom);
    return NULL;
}

/* The added function, or NULL after a message. */
static const char *write_wrapper(Wrapper *b, const char *name) {
    Text head, call;
    text_init(&head, b->arena);
    text_init(&call, b->arena);
    const FnDecl *fn = b->fn;
    const char *after = b->source->text + (fn->name.loc.end - b->source->base);
    uint32_t brackets = fn->name.loc.end + (uint32_t)strcspn(after, "(");
    text_printf(&head, "fn %s%s(", name, slice(b, fn->name.loc.end, brackets));
    text_printf(&call, "%s(", fn->name.atom);
    bool first = true, ok = true;
    for (int i = 0; i < fn->params.n; i++) {
        const AstParam *param = fn->params.data[i];
        const char *argument = param->name.atom;
        if (param->type->kind == TE_fn) {
            argument = bind_function(b, param);
            ok = ok && argument;
        } else {
            text_printf(&head, "%s%s: %s", first ? "" : ", ", param->name.atom,
                        text_at(b, param->type->loc));
            first = false;
        }
        bool comments = argument && strstr(argument, "//");
        text_printf(&call, "%s%s%s", i > 0 ? ", " : "", argument ? argument : "",
                    comments ? "\n" : "");
    }
    text_puts(&head, ")");
    if (fn->result)
        text_printf(&head, " -> %s", text_at(b, fn->result->loc));
    if (fn->where)
        text_printf(&head, " where %s", text_at(b, fn->where->loc));
    return ok ? arena_printf(b->arena, "%s = %s);\n", head.data, call.data) : NULL;
}

static void keep_other_arguments(const Wrapper *b, FunctionArgs *bound) {
    const char **rest = ARENA_ARRAY(b->arena, b->given->n_args + 1, const char *);
    int n = 0;
    for (int i = 0; i < b->given->n_args; i++) {
        bool is_function = false;
        for (int k = 0; k < b->fn->params.n; k++) {
            const AstParam *param = b->fn->params.data[k];
            is_function = is_function || (param->type->kind == TE_fn &&
                                          is_given_to(b->given->args[i], param->name.atom));
        }
        if (!is_function)
            rest[n++] = b->given->args[i];
    }
    bound->arguments.args = rest;
    bound->arguments.n_args = n;
}

/* The function under derivative operators: of `batch[n](grad[x](f))` it is f. */
static const char *innermost(Arena *arena, const char *text, size_t *begin) {
    const char *open = strrchr(text, '(');
    *begin = open ? (size_t)(open + 1 - text) : 0;
    *begin += strspn(text + *begin, " \t");
    return arena_strdup(arena, text + *begin, strcspn(text + *begin, " \t)"));
}

bool function_args_bind(Context *ctx, Source *source, const CompileOptions *how,
                        const char *function, const ArgumentTexts *given, bool choose,
                        FunctionArgs *bound) {
    *bound = (FunctionArgs){source, function, function, *given, NULL};
    AstModule *ast = compile_parse(ctx, source, how);
    size_t begin;
    const char *name = innermost(&ctx->arena, function, &begin);
    const FnDecl *fn = ast ? find_fn_of(ast, name) : NULL;
    if (!fn || !takes_functions(fn))
        return ast != NULL;
    Wrapper b = {ctx, &ctx->arena, source, fn, given, choose, {0}};
    text_init(&b.chosen, b.arena);
    const char *with = arena_printf(b.arena, "%s_with_arguments", name);
    while (find_fn_of(ast, with))
        with = arena_printf(b.arena, "%s_", with);
    bound->function = arena_printf(b.arena, "%.*s%s%s", (int)begin, function, with,
                                   function + begin + strlen(name));
    const char *wrapper = write_wrapper(&b, with);
    if (!wrapper)
        return false;
    Text text;
    text_init(&text, b.arena);
    text_add(&text, source->text, source->len);
    text_printf(&text, "\n%s", wrapper);
    keep_other_arguments(&b, bound);
    bound->source = source_add(&ctx->sources, source->name, text.data, text.n);
    bound->chosen = b.chosen.data;
    return bound->source != NULL;
}
