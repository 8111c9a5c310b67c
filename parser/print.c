/* The AST as an indented tree: one node a line, `kind details @line:column`, after checking with `:
 * type`. Called by the driver for --emit=ast. Pure: appends to a Text. */
#include "parser/parser.h"

#include <inttypes.h>
#include <string.h>

typedef struct Printer {
    Text *out;
    const Context *ctx;
    int indent;
} Printer;

static void print_expr(Printer *p, const char *role, const Expr *e);
static void print_type_expr(Printer *p, const TypeExpr *t);

/* Starts a line: indentation and role ("cond: "). */
static void start(Printer *p, const char *role) {
    for (int i = 0; i < p->indent; i++) {
        text_puts(p->out, "  ");
    }
    if (role) {
        text_printf(p->out, "%s: ", role);
    }
}

static void finish(Printer *p, Loc loc) {
    Position at = source_position(&p->ctx->sources, loc.begin);
    text_printf(p->out, " @%u:%u\n", at.line, at.column);
}

static void finish_expr(Printer *p, const Expr *e) {
    if (e->ty && e->kind != E_derivative) {
        text_puts(p->out, " : ");
        ty_print(p->out, expr_type(e));
    }
    for (int i = 0; i < e->checks.n; i++) {
        text_puts(p->out, i ? ", " : " checks ");
        size_print(p->out, e->checks.data[i].a);
        text_puts(p->out, " == ");
        size_print(p->out, e->checks.data[i].b);
    }
    finish(p, e->loc);
}

/* ---- types as written ---- */

/* Parentheses only where one operation stands in another. */
static void print_size_expr(Printer *p, const Expr *e, bool inside) {
    switch (e->kind) {
    case E_int:
        text_printf(p->out, "%" PRId64, e->as.integer);
        break;
    case E_name:
        text_puts(p->out, e->as.name.atom);
        break;
    case E_unary:
        text_puts(p->out, e->as.unary.op == UN_neg ? "-" : "!");
        print_size_expr(p, e->as.unary.x, true);
        break;
    case E_binary:
        text_puts(p->out, inside ? "(" : "");
        print_size_expr(p, e->as.binary.a, true);
        text_printf(p->out, " %s ", binary_name(e->as.binary.op));
        print_size_expr(p, e->as.binary.b, true);
        text_puts(p->out, inside ? ")" : "");
        break;
    default:
        text_puts(p->out, "?");
        break;
    }
}

static void print_size_list(Printer *p, const ExprList *sizes) {
    text_puts(p->out, "[");
    for (int i = 0; i < sizes->n; i++) {
        text_puts(p->out, i ? "," : "");
        print_size_expr(p, sizes->data[i], false);
    }
    text_puts(p->out, "]");
}

static void print_type_list(Printer *p, const TypeExpr *t, const char *open, const char *close) {
    text_puts(p->out, open);
    for (int i = 0; i < t->parts.n; i++) {
        text_puts(p->out, i ? ", " : "");
        if (t->kind == TE_record) {
            text_printf(p->out, "%s: ", t->names.data[i].atom);
        }
        print_type_expr(p, t->parts.data[i]);
    }
    text_puts(p->out, close);
}

static void print_type_expr(Printer *p, const TypeExpr *t) {
    switch (t->kind) {
    case TE_error:
        text_puts(p->out, "?");
        break;
    case TE_name:
        text_puts(p->out, t->name.atom);
        if (t->sizes.n > 0) {
            print_size_list(p, &t->sizes);
        }
        break;
    case TE_array:
        print_size_list(p, &t->sizes);
        print_type_expr(p, t->elem);
        break;
    case TE_tuple:
        print_type_list(p, t, "(", ")");
        break;
    case TE_record:
        print_type_list(p, t, "{", "}");
        break;
    case TE_fn:
        print_type_list(p, t, "fn(", ") -> ");
        print_type_expr(p, t->result);
        break;
    }
}

/* ---- expressions ---- */

static void print_binder(Printer *p, const Binder *binder) {
    start(p, "for");
    text_puts(p->out, binder->name.atom);
    if (binder->extent) {
        text_puts(p->out, " extent ");
        size_print(p->out, binder->extent);
    }
    finish(p, binder->name.loc);
    p->indent++;
    if (binder->lo) {
        print_expr(p, "from", binder->lo);
    }
    if (binder->hi) {
        print_expr(p, "to", binder->hi);
    }
    p->indent--;
}

static void print_binders(Printer *p, const BinderList *binders) {
    for (int i = 0; i < binders->n; i++) {
        print_binder(p, binders->data[i]);
    }
}

static void print_indices(Printer *p, const IndexList *at) {
    for (int i = 0; i < at->n; i++) {
        const Index *index = &at->data[i];
        if (index->kind == IX_at) {
            print_expr(p, index->in_range ? "at (in range)" : "at", index->at);
            continue;
        }
        start(p, NULL);
        text_puts(p->out, "range");
        finish(p, index->loc);
        p->indent++;
        if (index->lo) {
            print_expr(p, "from", index->lo);
        }
        if (index->hi) {
            print_expr(p, "to", index->hi);
        }
        p->indent--;
    }
}

static void print_pattern(Printer *p, const Pattern *pattern) {
    if (pattern->name.atom) {
        text_puts(p->out, pattern->name.atom);
        return;
    }
    text_puts(p->out, "(");
    for (int i = 0; i < pattern->parts.n; i++) {
        text_puts(p->out, i ? ", " : "");
        print_pattern(p, pattern->parts.data[i]);
    }
    text_puts(p->out, ")");
}

static void print_let(Printer *p, const Let *let) {
    start(p, NULL);
    text_puts(p->out, let->pattern ? "let " : "assert");
    if (let->pattern) {
        print_pattern(p, let->pattern);
    }
    if (let->type) {
        text_puts(p->out, ": ");
        print_type_expr(p, let->type);
    }
    finish(p, let->loc);
    p->indent++;
    print_expr(p, NULL, let->value);
    p->indent--;
}

static void print_call(Printer *p, const Expr *e) {
    print_expr(p, "callee", e->as.call.callee);
    for (int i = 0; i < e->as.call.args.n; i++) {
        const Arg *arg = &e->as.call.args.data[i];
        print_expr(p, arg->name.atom ? arg->name.atom : "arg", arg->value);
    }
}

static void print_loop(Printer *p, const Expr *e) {
    for (int i = 0; i < e->as.loop.carries.n; i++) {
        print_expr(p, e->as.loop.carries.data[i]->name.atom, e->as.loop.carries.data[i]->init);
    }
    if (e->as.loop.binder) {
        print_binder(p, e->as.loop.binder);
    } else {
        print_expr(p, "while", e->as.loop.cond);
        print_expr(p, "max_iter", e->as.loop.max_iter);
    }
    if (e->as.loop.checkpoint_arg) {
        print_expr(p, e->as.loop.checkpoint == CP_every ? "every" : "binomial",
                   e->as.loop.checkpoint_arg);
    }
    print_expr(p, "body", e->as.loop.body);
}

static void print_items(Printer *p, const ExprList *items) {
    for (int i = 0; i < items->n; i++) {
        print_expr(p, NULL, items->data[i]);
    }
}

static void print_block(Printer *p, const Expr *e) {
    for (int i = 0; i < e->as.block.lets.n; i++) {
        print_let(p, e->as.block.lets.data[i]);
    }
    if (e->as.block.result) {
        print_expr(p, "value", e->as.block.result);
    }
}

static void print_children(Printer *p, const Expr *e) {
    switch (e->kind) {
    case E_error:
    case E_int:
    case E_float:
    case E_bool:
    case E_name:
        break;
    case E_unary:
    case E_transpose:
    case E_checkpoint:
        print_expr(p, NULL, e->as.unary.x);
        break;
    case E_binary:
        print_expr(p, NULL, e->as.binary.a);
        print_expr(p, NULL, e->as.binary.b);
        break;
    case E_call:
        print_call(p, e);
        break;
    case E_reduce:
    case E_comp:
        print_expr(p, NULL, e->as.reduce.body);
        print_binders(p, &e->as.reduce.binders);
        break;
    case E_scatter:
        print_expr(p, "shape", e->as.scatter.shape);
        print_expr(p, "at", e->as.scatter.at);
        print_expr(p, "value", e->as.scatter.value);
        print_binders(p, &e->as.scatter.binders);
        break;
    case E_index:
        print_expr(p, NULL, e->as.index.x);
        print_indices(p, &e->as.index.at);
        break;
    case E_field:
        print_expr(p, NULL, e->as.field.x);
        break;
    case E_with:
        print_expr(p, NULL, e->as.with.x);
        print_indices(p, &e->as.with.at);
        print_expr(p, "value", e->as.with.value);
        break;
    case E_array:
    case E_tuple:
        print_items(p, &e->as.items);
        break;
    case E_block:
        print_block(p, e);
        break;
    case E_if:
        print_expr(p, "cond", e->as.if_.cond);
        print_expr(p, "then", e->as.if_.then_);
        print_expr(p, "else", e->as.if_.else_);
        break;
    case E_loop:
        print_loop(p, e);
        break;
    case E_lambda:
        print_expr(p, NULL, e->as.lambda.body);
        break;
    case E_derivative:
        print_expr(p, "of", e->as.deriv.fn);
        break;
    }
}

static const char *loop_word(const Expr *e) {
    static const char *const words[] = {"", "@checkpoint ", "@checkpoint(every) ",
                                        "@checkpoint(binomial) "};
    return words[e->as.loop.checkpoint];
}

/* What stands on the line of a node itself. */
static void print_head(Printer *p, const Expr *e) {
    static const char *const kinds[] = {
        "error", "int",    "float",   "bool",  "name",       "unary",  "binary",    "transpose",
        "call",  "reduce", "scatter", "index", "field",      "with",   "array",     "comprehension",
        "tuple", "block",  "if",      "loop",  "checkpoint", "lambda", "derivative"};
    text_puts(p->out, e->kind == E_loop ? loop_word(e) : "");
    text_puts(p->out, e->kind == E_loop && e->as.loop.is_scan ? "scan" : kinds[e->kind]);
    switch (e->kind) {
    case E_int:
        text_printf(p->out, " %" PRId64, e->as.integer);
        break;
    case E_float:
        text_printf(p->out, " %.17g", e->as.number);
        break;
    case E_bool:
        text_puts(p->out, e->as.boolean ? " true" : " false");
        break;
    case E_name:
        text_printf(p->out, " %s", e->as.name.atom);
        break;
    case E_unary:
        text_puts(p->out, e->as.unary.op == UN_neg ? " -" : " !");
        break;
    case E_binary:
        text_printf(p->out, " %s", binary_name(e->as.binary.op));
        break;
    case E_reduce:
        text_printf(p->out, " %s", e->as.reduce.name.atom);
        break;
    case E_field:
        if (e->as.field.name.atom) {
            text_printf(p->out, " .%s", e->as.field.name.atom);
        } else {
            text_printf(p->out, " .%d", e->as.field.number);
        }
        break;
    case E_with:
        if (e->as.with.at.n == 0) {
            text_printf(p->out, " .%s", e->as.with.field.atom);
        }
        break;
    case E_lambda:
        for (int i = 0; i < e->as.lambda.names.n; i++) {
            text_printf(p->out, "%s%s", i ? ", " : " ", e->as.lambda.names.data[i].atom);
        }
        break;
    case E_derivative:
        text_printf(p->out, " %s", deriv_names[e->as.deriv.op]);
        if (e->as.deriv.brackets) {
            print_size_list(p, &e->as.deriv.chosen);
        }
        break;
    default:
        break;
    }
}

static void print_expr(Printer *p, const char *role, const Expr *e) {
    start(p, role);
    print_head(p, e);
    finish_expr(p, e);
    p->indent++;
    print_children(p, e);
    p->indent--;
}

/* ---- declarations ---- */

static void print_names(Printer *p, const NameList *names) {
    for (int i = 0; i < names->n; i++) {
        text_printf(p->out, "%s%s", i ? "," : "[", names->data[i].atom);
    }
    text_puts(p->out, names->n > 0 ? "]" : "");
}

static void print_generics(Printer *p, const NameList *sizes, const TypeParamList *types) {
    bool any = sizes->n + types->n > 0;
    text_puts(p->out, any ? "[" : "");
    for (int i = 0; i < sizes->n; i++) {
        text_printf(p->out, "%s%s", i ? "," : "", sizes->data[i].atom);
    }
    for (int i = 0; i < types->n; i++) {
        text_printf(p->out, "%s%s: %s", i || sizes->n ? "," : "", types->data[i].name.atom,
                    types->data[i].class_name.atom);
    }
    text_puts(p->out, any ? "]" : "");
}

static void print_params(Printer *p, const ParamList *params) {
    text_puts(p->out, "(");
    for (int i = 0; i < params->n; i++) {
        text_printf(p->out, "%s%s: ", i ? ", " : "", params->data[i]->name.atom);
        print_type_expr(p, params->data[i]->type);
    }
    text_puts(p->out, ")");
}

static void print_fn(Printer *p, const FnDecl *fn) {
    text_printf(p->out, "%sfn %s", fn->is_extern ? "extern " : "", fn->name.atom);
    print_generics(p, &fn->size_names, &fn->types);
    print_params(p, &fn->params);
    if (fn->result) {
        text_puts(p->out, " -> ");
        print_type_expr(p, fn->result);
    } else if (fn->sig && fn->sig->result) {
        text_puts(p->out, " -> ");
        ty_print(p->out, fn->sig->result);
    }
    finish(p, fn->loc);
    p->indent++;
    if (fn->where) {
        print_expr(p, "where", fn->where);
    }
    if (fn->body) {
        print_expr(p, NULL, fn->body);
    }
    p->indent--;
}

static void print_rule(Printer *p, const Rule *rule) {
    text_printf(p->out, "derivative %s", rule->name.atom);
    print_generics(p, &rule->size_names, &rule->types);
    print_params(p, &rule->params);
    finish(p, rule->loc);
    p->indent++;
    for (int i = 0; i < rule->parts.n; i++) {
        start(p, NULL);
        text_puts(p->out, rule->parts.data[i]->kind.atom);
        print_params(p, &rule->parts.data[i]->params);
        finish(p, rule->parts.data[i]->loc);
        p->indent++;
        print_expr(p, NULL, rule->parts.data[i]->body);
        p->indent--;
    }
    p->indent--;
}

static void print_export(Printer *p, const ExportDecl *e) {
    text_puts(p->out, "export");
    if (e->as.atom) {
        text_printf(p->out, " as %s", e->as.atom);
    }
    finish(p, e->loc);
    p->indent++;
    print_expr(p, NULL, e->fn);
    p->indent--;
}

void print_ast(Text *out, const Context *ctx, const AstModule *module) {
    Printer printer = {out, ctx, 0};
    Printer *p = &printer;
    for (int i = 0; i < module->imports.n; i++) {
        text_printf(out, "import \"%s\"", module->imports.data[i].path.atom);
        if (module->imports.data[i].as.atom) {
            text_printf(out, " as %s", module->imports.data[i].as.atom);
        }
        finish(p, module->imports.data[i].loc);
    }
    for (int i = 0; i < module->types.n; i++) {
        const TypeDecl *decl = module->types.data[i];
        text_printf(out, "type %s", decl->name.atom);
        print_names(p, &decl->size_names);
        text_puts(out, " = ");
        print_type_expr(p, decl->type);
        finish(p, decl->loc);
    }
    for (int i = 0; i < module->fns.n; i++) {
        print_fn(p, module->fns.data[i]);
    }
    for (int i = 0; i < module->rules.n; i++) {
        print_rule(p, module->rules.data[i]);
    }
    for (int i = 0; i < module->exports.n; i++) {
        print_export(p, module->exports.data[i]);
    }
    for (int i = 0; i < module->tests.n; i++) {
        text_printf(out, "test \"%s\"", module->tests.data[i]->title.atom);
        finish(p, module->tests.data[i]->loc);
        p->indent++;
        print_expr(p, NULL, module->tests.data[i]->body);
        p->indent--;
    }
}
