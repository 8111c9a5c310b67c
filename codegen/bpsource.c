/* The module as a bp program: records, extern functions and rules, one function an export.
 *
 * Note [Source to source]
 * Each export becomes an exported function of its name: parameters as C sees them (records declared
 * again, see Note [Record types]), results a tuple in the order of the C interface, so that the
 * program compiles to the same symbols, structs and argument lists. The language does not name
 * results: in the header of the printed program `out, grad_p` are called `out0, out1`. Everything
 * else is one `let` a step (Note [Lets] in bpsource_stmt.c), named as in the source; the derivative
 * passes call the adjoint of x `x_adj` and its tangent `x_tan`.
 *
 * The parts: bpsource_use.c decides how loops and products are written and counts mentions;
 * bpsource_while.c finds loops on a flag; bpsource_expr.c writes expressions, bpsource_stmt.c
 * statements, bpsource_loop.c loops, bpsource_types.c types; bpsource_describe.c finds names for
 * what has none, bpsource_names.c keeps them apart. Called by the driver for --emit=bp.
 */
#include "codegen/bpsource_internal.h"

#include <ctype.h>
#include <string.h>

/* ---- functions ---- */

static void printer_enter(Printer *p, const Func *f) {
    ptrmap_init(&p->codes, p->arena);
    ptrmap_init(&p->syms, p->arena);
    ptrmap_init(&p->whole, p->arena);
    ptrmap_init(&p->steps, p->arena);
    bp_uses_find(p, f);
    bp_names_given(p, f);
    p->names.next = 1;
    p->indent = 0;
    p->checks = NULL;
}

/* p.W1 of a parameter p; a component behind a component needs parentheses. */
static const char *member(Printer *p, const char *base, const char *name) {
    bool number = isdigit((unsigned char)name[0]);
    bool after_number =
        number && isdigit((unsigned char)base[strlen(base) - 1]) && strchr(base, '.');
    return arena_printf(p->arena, after_number ? "(%s).%s" : "%s.%s", base, name);
}

static void bind_leaves(Printer *p, const Param *param, const char *text, Value *const **next);

/* Components that are left out do not count, and a tuple of one is that one (bp_param_type). */
static void bind_members(Printer *p, const Param *param, const char *text, Value *const **next) {
    int n = 0, at = 0;
    for (int i = 0; i < param->n_fields; i++)
        n += bp_has_leaves(&param->fields[i]);
    for (int i = 0; i < param->n_fields; i++) {
        const Param *field = &param->fields[i];
        if (!bp_has_leaves(field))
            continue;
        const char *name = bp_is_tuple(param) ? arena_printf(p->arena, "%d", at++) : field->name;
        bool alone = bp_is_tuple(param) && n == 1;
        bind_leaves(p, field, alone ? text : member(p, text, name), next);
    }
}

static void bind_leaves(Printer *p, const Param *param, const char *text, Value *const **next) {
    if (param->is_record)
        bind_members(p, param, text, next);
    else if (!param->inactive)
        bp_set_code(p, *(*next)++,
                    (Code){.text = text, .level = strchr(text, '.') ? L_postfix : L_atom});
}

/* A size that a parameter gives is called like it, from the first line on. */
static void name_tied_sizes(Printer *p, const Func *f) {
    for (int i = 0; i < f->body->insts.n; i++) {
        const Inst *inst = f->body->insts.data[i];
        if (inst->op == OP_dim && !inst->in[0]->inst)
            ptrmap_put(&p->syms, inst->attr.sym,
                       (void *)(uintptr_t)bp_code_of(p, inst->in[0]).text);
    }
}

/* Items between brackets, broken over lines where they are long. */
static void print_list(Printer *p, const char *open, const char *const *items, int n,
                       const char *closing) {
    enum { WIDTH = 96 };
    const char *newline = strrchr(p->out->data, '\n');
    size_t start = newline ? (size_t)(newline + 1 - p->out->data) : 0,
           indent = p->out->n - start + strlen(open);
    if (indent > WIDTH / 2)
        indent = 4;
    text_puts(p->out, open);
    for (int i = 0; i < n; i++) {
        if (i > 0)
            text_puts(p->out, ",");
        if (i > 0 && p->out->n - start + strlen(items[i]) > WIDTH) {
            text_puts(p->out, "\n");
            start = p->out->n;
            text_printf(p->out, "%*s", (int)indent, "");
        } else if (i > 0) {
            text_puts(p->out, " ");
        }
        text_puts(p->out, items[i]);
    }
    text_puts(p->out, closing);
}

static void print_sizes(Printer *p, const Func *f) {
    for (int i = 0; i < f->sizes.n; i++) {
        const char *name = bp_names_new(&p->names, p->arena, f->sizes.data[i]->name);
        ptrmap_put(&p->syms, f->sizes.data[i], (void *)(uintptr_t)name);
        text_printf(p->out, "%s%s", i == 0 ? "[" : ",", name);
    }
    text_puts(p->out, f->sizes.n > 0 ? "]" : "");
}

/* Sizes of which an axis of a parameter is just that, or which a condition fixes. */
static void find_given(const Func *f, PtrMap *given) {
    for (int i = 0; i < f->body->params.n; i++) {
        const Type *type = f->body->params.data[i]->type;
        for (int k = 0; k < type->rank; k++)
            if (size_is_sym(type->dims[k]))
                ptrmap_put(given, size_is_sym(type->dims[k]), NULL);
    }
}

static bool is_of_entry(const Size *size) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++)
            if (size->terms[t].syms[k]->value)
                return false;
    return true;
}

/* The size parameter that it is, if nothing has fixed that. */
static const SizeSym *to_be_fixed(const Size *size, const PtrMap *given) {
    const SizeSym *sym = size_is_sym(size);
    return sym && !ptrmap_has(given, sym) ? sym : NULL;
}

typedef struct Conditions {
    const Func *f;
    PtrMap given;
    const char *between;
} Conditions;

/* Prints the conditions in this region; inside of loops, those that fix a size. */
static void print_conditions(Printer *p, Conditions *s, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        Inst *check = region->insts.data[i];
        if (check->op == OP_loop)
            print_conditions(p, s, check->regions[0]);
        const Size *a, *b;
        if (!inst_checks_sizes(&p->m->ctx->polys, check, &a, &b) || !is_of_entry(a) ||
            !is_of_entry(b))
            continue;
        const SizeSym *fixed = to_be_fixed(a, &s->given);
        fixed = fixed ? fixed : to_be_fixed(b, &s->given);
        if (region != s->f->body && !fixed)
            continue;
        if (fixed)
            ptrmap_put(&s->given, fixed, NULL);
        Level level;
        text_printf(p->out, "%s%s", s->between, bp_size_text(p, a, &level));
        text_printf(p->out, " == %s", bp_size_text(p, b, &level));
        ptrmap_put(&p->skipped, check, check);
        s->between = " && ";
    }
}

/* Sizes that must be equal on entry, as `where`: an assertion in the body would not fix the ones
 * that no parameter has. */
static void print_where(Printer *p, const Func *f) {
    Conditions s = {.f = f, .between = " where "};
    ptrmap_init(&s.given, p->arena);
    find_given(f, &s.given);
    print_conditions(p, &s, f->body);
}

/* The name of the size that this parameter gives: they have one name. NULL: it gives none. */
static const char *size_given_by(const Printer *p, const Export *export, int param) {
    for (int k = 0; k < export->func->sizes.n; k++)
        if (export_size_from(export, k) == param)
            return ptrmap_get(&p->syms, export->func->sizes.data[k]);
    return NULL;
}

static void print_params(Printer *p, const Export *export) {
    int n = export->n_params;
    const char **names = ARENA_ARRAY(p->arena, n + 1, const char *),
               **items = ARENA_ARRAY(p->arena, n + 1, const char *);
    Value *const *next = export->func->body->params.data;
    for (int i = 0; i < n; i++) {
        const char *size = size_given_by(p, export, (int)(next - export->func->body->params.data));
        names[i] = size ? size : bp_names_new(&p->names, p->arena, export->params[i].name);
        bind_leaves(p, &export->params[i], names[i], &next);
    }
    name_tied_sizes(p, export->func);
    for (int i = 0; i < n; i++) {
        const char *type = bp_param_type(p, &export->params[i]);
        items[i] = arena_printf(p->arena, "%s: %s", names[i], type ? type : "?");
    }
    print_list(p, "(", items, n, ")");
}

static void print_result_type(Printer *p, const Export *export) {
    const char **types = ARENA_ARRAY(p->arena, export->n_results + 1, const char *);
    for (int i = 0; i < export->n_results; i++)
        if (!(types[i] = bp_param_type(p, &export->results[i])))
            return; /* a size in it has no name yet: it is inferred */
    bool one = export->n_results == 1;
    const char *all = bp_join(p, types, export->n_results), *newline = strrchr(p->out->data, '\n');
    size_t start = newline ? (size_t)(newline + 1 - p->out->data) : 0;
    if (p->out->n - start + strlen(all) > 92) /* "-> (" ... ") {" */
        text_puts(p->out, "\n   ");
    print_list(p, one ? " -> " : " -> (", types, export->n_results, one ? "" : ")");
}

/* A record from its leaves: Mlp(W1 = a, b1 = b). */
static const char *result_text(Printer *p, const Param *param, Value *const **next) {
    if (!param->is_record)
        return bp_code_of(p, *(*next)++).text;
    const char **parts = ARENA_ARRAY(p->arena, param->n_fields + 1, const char *),
               *name = bp_record_name(p, param);
    int n = 0;
    for (int i = 0; i < param->n_fields; i++) {
        const Param *field = &param->fields[i];
        if (!field->is_record && field->inactive)
            continue;
        Value *const *before = *next;
        const char *text = result_text(p, field, next);
        if (*next == before)
            continue;
        parts[n++] = name ? arena_printf(p->arena, "%s = %s", field->name, text) : text;
    }
    if (!name && n == 1)
        return parts[0];
    return arena_printf(p->arena, "%s(%s)", name ? name : "", bp_join(p, parts, n));
}

static void print_results(Printer *p, const Export *export) {
    const char **parts = ARENA_ARRAY(p->arena, export->n_results + 1, const char *);
    Value *const *next = export->func->body->yields.data;
    for (int i = 0; i < export->n_results; i++)
        parts[i] = result_text(p, &export->results[i], &next);
    const char *all = bp_wrap(p, parts, export->n_results);
    bp_print_line(p, export->n_results == 1 ? "%s" : "(%s)", all);
}

static void print_doc(Text *out, const char *doc) {
    text_puts(out, "// ");
    for (const char *at = doc; *at; at++) {
        bool blank = isspace((unsigned char)*at);
        if (!blank || !isspace((unsigned char)at[1]))
            text_add(out, blank ? " " : at, 1);
    }
    text_puts(out, "\n");
}

/* A function with a rule is exported by one that calls it. */
static void print_call_of(Printer *p, const Export *export) {
    const Region *body = export->func->body;
    const char **args = ARENA_ARRAY(p->arena, body->params.n + 1, const char *);
    for (int i = 0; i < body->params.n; i++)
        args[i] = bp_code_of(p, body->params.data[i]).text;
    const char *name = ptrmap_get(&p->funcs, export->func);
    const char *call = arena_printf(p->arena, "%s(%s)", name, bp_join(p, args, body->params.n));
    const char **results = ARENA_ARRAY(p->arena, body->yields.n + 1, const char *);
    for (int k = 0; k < body->yields.n; k++) {
        results[k] = body->yields.n == 1 ? call : bp_names_new(&p->names, p->arena, NULL);
        bp_set_code(p, body->yields.data[k], (Code){.text = results[k], .level = L_postfix});
    }
    if (body->yields.n > 1)
        bp_print_line(p, "let (%s) = %s;", bp_wrap(p, results, body->yields.n), call);
}

static void print_export(Printer *p, const Export *export) {
    int mark = bp_names_mark(&p->names);
    printer_enter(p, export->func);
    text_puts(p->out, "\n");
    if (export->doc && strncmp(export->doc, "export fn ", 10) != 0) /* which is what follows */
        print_doc(p->out, export->doc);
    text_printf(p->out, "export fn %s", export->name);
    print_sizes(p, export->func);
    print_params(p, export);
    print_result_type(p, export);
    print_where(p, export->func);
    text_puts(p->out, " {\n");
    p->indent = 1;
    if (ptrmap_has(&p->funcs, export->func))
        print_call_of(p, export);
    else
        bp_print_insts(p, export->func->body);
    print_results(p, export);
    text_puts(p->out, "}\n");
    bp_names_leave(&p->names, mark);
}

/* ---- functions with rules ---- */

/* Functions that are called: those of C, and those whose derivative is a rule, which a derivative
 * of the printed program is to meet again. */
static void find_callees(Printer *p, const Region *region);

static void add_callee(Printer *p, const Func *f) {
    if (ptrmap_has(&p->funcs, f))
        return;
    ptrmap_put(&p->funcs, f, NULL);
    if (!f->is_extern)
        find_callees(p, f->body);
    if (f->jvp_rule)
        find_callees(p, f->jvp_rule->body);
    if (f->vjp_rule)
        find_callees(p, f->vjp_rule->body);
    vec_push(p->arena, &p->callees, f);
}

static void find_callees(Printer *p, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_call)
            add_callee(p, inst->attr.callee.func);
        for (int k = 0; k < inst->n_region; k++)
            find_callees(p, inst->regions[k]);
    }
}

/* An integer that is called like a size gives it. */
static const char *leaf_name(Printer *p, const Func *f, const Value *v) {
    for (int i = 0; v->name && v->type->rank == 0 && v->type->elem == S_i64 && i < f->sizes.n; i++)
        if (strcmp(f->sizes.data[i]->name, v->name) == 0)
            return ptrmap_get(&p->syms, f->sizes.data[i]);
    return bp_names_new(&p->names, p->arena, v->name);
}

static const char *leaf_param(Printer *p, const Func *f, const Value *v) {
    const char *name = leaf_name(p, f, v);
    bp_set_code(p, v, bp_atom_code(name));
    return arena_printf(p->arena, "%s: %s", name, bp_type_text(p, v->type));
}

/* Parameters from..to of a function, one a leaf. */
static void print_leaf_params(Printer *p, const Func *f, int from, int to) {
    const char **items = ARENA_ARRAY(p->arena, to - from + 1, const char *);
    for (int i = from; i < to; i++)
        items[i - from] = leaf_param(p, f, f->body->params.data[i]);
    print_list(p, "(", items, to - from, ")");
}

/* Several leaves as one parameter of a tuple type. */
static const char *tuple_param(Printer *p, const Func *f, int from, int n, const char *wanted) {
    Value *const *leaves = f->body->params.data + from;
    if (n == 1)
        return leaf_param(p, f, leaves[0]);
    const char *name = bp_names_new(&p->names, p->arena, wanted),
               **types = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        types[i] = bp_type_text(p, leaves[i]->type);
        bp_set_code(p, leaves[i],
                    (Code){.text = arena_printf(p->arena, "%s.%d", name, i), .level = L_postfix});
    }
    return arena_printf(p->arena, "%s: (%s)", name, bp_join(p, types, n));
}

/* The cotangent of results, whose leaves the rule has from `results` on and those of its floats
 * behind: in the language it has the type of the result, and integers in it are not read. */
static const char *cotangent_param(Printer *p, const Func *rule, int results, int n) {
    Value *const *leaves = rule->body->params.data + results;
    int from = results + n, floats = rule->body->params.n - from;
    if (n == 1 || floats == n)
        return tuple_param(p, rule, from, floats, "dy");
    const char *name = bp_names_new(&p->names, p->arena, "dy"),
               **types = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        types[i] = bp_type_text(p, leaves[i]->type);
        if (type_is_float(leaves[i]->type))
            bp_set_code(
                p, rule->body->params.data[from++],
                (Code){.text = arena_printf(p->arena, "%s.%d", name, i), .level = L_postfix});
    }
    return arena_printf(p->arena, "%s: (%s)", name, bp_join(p, types, n));
}

static Code results_of(Printer *p, const Region *body) {
    bp_print_insts(p, body);
    return bp_results_code(p, body->yields.n, body->yields.data);
}

/* A body behind a head: " = e;" or a block. */
static void print_body(Printer *p, const Region *body, int indent) {
    Block block;
    p->indent = indent;
    bp_block_open(p, &block);
    Code code = bp_block_close(p, &block, results_of(p, body));
    const char *newline = strrchr(p->out->data, '\n');
    size_t used = newline ? (size_t)(p->out->data + p->out->n - newline - 1) : p->out->n;
    if (code.text[0] == '{') {
        text_printf(p->out, " %s\n", code.text);
    } else if (used + strlen(code.text) <= 96) {
        text_printf(p->out, " = %s;\n", code.text);
    } else {
        text_puts(p->out, " {\n");
        p->indent++;
        bp_print_line(p, "%s", code.text);
        p->indent--;
        text_printf(p->out, "%*s}\n", 2 * indent, "");
    }
}

typedef struct SizePairs {
    const Func *from, *to;
    PolyTable *polys;
} SizePairs;

static const Size *paired_size(void *user, SizeSym *sym) {
    SizePairs *pairs = user;
    for (int i = 0; i < pairs->from->sizes.n; i++)
        if (pairs->from->sizes.data[i] == sym)
            return size_sym(pairs->polys, pairs->to->sizes.data[i]);
    return NULL;
}

/* In the language the tangent of a result has its type: integers stand in it as zeros. */
static void add_integer_tangents(IrModule *m, const Func *f, const Func *rule) {
    Region *body = rule->body;
    ValueList yields = {0};
    IrBuilder b;
    SizePairs pairs = {f, rule, &m->ctx->polys};
    if (f->is_extern || body->yields.n == f->body->yields.n)
        return;
    ir_builder_init(&b, m, body);
    for (int i = 0, k = 0; i < f->body->yields.n; i++) {
        const Type *type = f->body->yields.data[i]->type;
        Value *v = type_is_float(type)
                       ? body->yields.data[k++]
                       : ir_const(&b, ir_subst_type(m, type, paired_size, &pairs), 0.0);
        vec_push(m->arena, &yields, v);
    }
    body->yields.n = 0;
    for (int i = 0; i < yields.n; i++)
        ir_yield(&b, yields.data[i]);
}

/* jvp(tangents) or vjp(result, its cotangent). */
static void print_rule(Printer *p, const Func *f, const Func *rule) {
    if (!rule)
        return;
    if (rule == f->jvp_rule)
        add_integer_tangents((IrModule *)(uintptr_t)p->m, f, rule);
    int mark = bp_names_mark(&p->names), n = f->body->params.n;
    printer_enter(p, rule);
    text_printf(p->out, "derivative %s", (const char *)ptrmap_get(&p->funcs, f));
    print_sizes(p, rule);
    print_leaf_params(p, rule, 0, n);
    text_printf(p->out, " {\n  %s", rule == f->jvp_rule ? "jvp" : "vjp");
    if (rule == f->jvp_rule) {
        print_leaf_params(p, rule, n, rule->body->params.n);
    } else {
        int results = f->is_extern ? 1 : f->body->yields.n;
        const char *items[2];
        items[0] = tuple_param(p, rule, n, results, "y");
        items[1] = cotangent_param(p, rule, n, results);
        print_list(p, "(", items, 2, ")");
    }
    print_body(p, rule->body, 1);
    text_puts(p->out, "}\n");
    bp_names_leave(&p->names, mark);
}

static void print_callee(Printer *p, const Func *f) {
    int mark = bp_names_mark(&p->names), n = f->body->yields.n;
    const char **types = ARENA_ARRAY(p->arena, n + 1, const char *);
    printer_enter(p, f);
    text_printf(p->out, "\n%sfn %s", f->is_extern ? "extern " : "",
                (const char *)ptrmap_get(&p->funcs, f));
    print_sizes(p, f);
    print_leaf_params(p, f, 0, f->body->params.n);
    if (f->is_extern) {
        text_printf(p->out, " -> %s;\n", bp_type_text(p, f->extern_result));
    } else {
        for (int k = 0; k < n; k++)
            types[k] = bp_type_text(p, f->body->yields.data[k]->type);
        print_list(p, n == 1 ? " -> " : " -> (", types, n, n == 1 ? "" : ")");
        print_where(p, f);
        print_body(p, f->body, 0);
    }
    bp_names_leave(&p->names, mark);
    print_rule(p, f, f->jvp_rule);
    print_rule(p, f, f->vjp_rule);
}

/* Functions of C keep their names, and so do exports; the others give way. */
static void name_callees(Printer *p, bool are_extern) {
    for (int i = 0; i < p->callees.n; i++) {
        const Func *f = p->callees.data[i];
        if (f->is_extern == are_extern)
            ptrmap_put(&p->funcs, f,
                       (void *)(uintptr_t)bp_names_global(&p->names, p->arena, f->name));
    }
}

static void print_callees(Printer *p, bool are_extern) {
    for (int i = 0; i < p->callees.n; i++)
        if (p->callees.data[i]->is_extern == are_extern)
            print_callee(p, p->callees.data[i]);
}

/* ---- the module ---- */

static void retype(Printer *p, Param *param, Value *const **next) {
    Param *fields = ARENA_ARRAY(p->arena, param->n_fields + 1, Param);
    for (int i = 0; i < param->n_fields; i++) {
        fields[i] = param->fields[i];
        retype(p, &fields[i], next);
    }
    param->fields = fields;
    if (!param->is_record && !param->inactive)
        param->type = (*(*next)++)->type;
}

static Param *retyped(Printer *p, const Param *params, int n, Value *const *leaves) {
    Param *all = ARENA_ARRAY(p->arena, n + 1, Param);
    for (int i = 0; i < n; i++) {
        all[i] = params[i];
        retype(p, &all[i], &leaves);
    }
    return all;
}

/* The descriptors are older than the passes, which bind sizes anew. */
static void collect_exports(Printer *p) {
    for (int i = 0; i < p->m->exports.n; i++) {
        Export *export = ARENA_NEW(p->arena, Export);
        *export = *p->m->exports.data[i];
        const Region *body = export->func->body;
        export->params = retyped(p, export->params, export->n_params, body->params.data);
        export->results = retyped(p, export->results, export->n_results, body->yields.data);
        vec_push(p->arena, &p->exports, export);
    }
}

void bpsource_print(Text *out, const IrModule *m) {
    Printer p = {.m = m, .arena = out->arena, .out = out};
    bp_names_open(&p.names, p.arena);
    ptrmap_init(&p.syms, p.arena);
    ptrmap_init(&p.funcs, p.arena);
    collect_exports(&p);
    for (int i = 0; i < m->exports.n; i++)
        bp_names_global(&p.names, p.arena, m->exports.data[i]->name);
    for (int i = 0; i < m->exports.n; i++) {
        const Func *f = m->exports.data[i]->func;
        if (f->jvp_rule || f->vjp_rule)
            add_callee(&p, f);
        else
            find_callees(&p, f->body);
    }
    name_callees(&p, true);
    name_callees(&p, false);
    bp_types_collect(&p);

    text_printf(out, "// %s, as bpc differentiated it.\n", m->name ? m->name : "A program");
    bp_types_print(&p);
    print_callees(&p, true);
    print_callees(&p, false);
    for (int i = 0; i < m->exports.n; i++)
        print_export(&p, p.exports.data[i]);
}
