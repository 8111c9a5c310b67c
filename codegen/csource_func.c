/* An exported function in C: parameters and results as the header has them, workspace, body; see
 * csource_print.h. */
#include "codegen/csource_print.h"
#include "codegen/header.h"

#include <inttypes.h>
#include <string.h>

/* ---- uses ---- */

static void count_use(CSource *c, const Value *v, const Region *region, bool repeated) {
    CValue *value = cs_value(c, v);
    value->uses++;
    value->foreign = value->foreign || repeated || v->region != region;
}

/* Whether the text of operand k would be repeated: in every element of a view, or of a loop that
 * copies. */
static bool is_repeated(const Inst *inst, int k) {
    switch (inst->op) {
    case OP_broadcast:
    case OP_slice:
    case OP_contract:
    case OP_add_slice:
        return true;
    case OP_index:
        return inst->out[0]->type->rank > 0;
    case OP_update:
    case OP_add_at:
        return k >= 2 && inst->in[1]->type->rank > 0;
    default:
        return false;
    }
}

/* Of a value that a size symbol is bound to, and of what it is computed from: where nothing
 * mentions the size, nothing may mention those. */
static void mark_size(CSource *c, const Value *v) {
    if (v->type->rank > 0 || cs_value(c, v)->size)
        return;
    cs_value(c, v)->size = true;
    for (int k = 0; v->inst && v->inst->op != OP_loop && k < v->inst->n_in; k++)
        mark_size(c, v->inst->in[k]);
}

static void count_region(CSource *c, const Region *region);

static void count_inst(CSource *c, const Inst *inst) {
    for (int k = 0; k < inst->n_in; k++) {
        int state = inst->op == OP_loop ? k - inst->attr.loop.n_slice : -1;
        if (state < 0 || is_live(&c->live, inst->out[state])) {
            count_use(c, inst->in[k], inst->region, is_repeated(inst, k));
        }
    }
    if (inst->op == OP_dim) {
        mark_size(c, inst->in[0]);
    }
    for (int k = 0; k < inst->n_region; k++) {
        count_region(c, inst->regions[k]);
        for (int j = 0; j < inst->n_out; j++) {
            if (is_live(&c->live, inst->out[j])) {
                count_use(c, inst->regions[k]->yields.data[j], inst->regions[k], false);
            }
        }
    }
}

static void count_region(CSource *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        if (inst_is_live(&c->live, region->insts.data[i])) {
            count_inst(c, region->insts.data[i]);
        }
    }
}

static void count_all(CSource *c) {
    const Region *body = c->func->body;
    liveness_find(&c->live, c->arena, c->func);
    count_region(c, body);
    for (int k = 0; k < body->yields.n; k++) {
        count_use(c, body->yields.data[k], body, false);
    }
}

/* ---- parameters ---- */

static void add_param(Text *out, size_t *line, const char *text) {
    if (out->data[out->n - 1] != '(') {
        text_puts(out, ",");
        if (out->n - *line > 80) {
            text_puts(out, "\n   ");
            *line = out->n - 3;
        }
        text_puts(out, " ");
    }
    text_puts(out, text);
}

typedef struct Signature {
    Text text, work;     /* parameters of NAME and of NAME_work, from the parenthesis on */
    Text work_arguments; /* what NAME passes on, as in f(...) */
    size_t line, work_line, argument_line;
    VEC(const char *) names, work_names;
    Text entry;      /* statements: scalars of records */
    PtrMap integers; /* keys: values of parameters of NAME_work */
    const char *workspace;
} Signature;

static void sign(CSource *c, Signature *s, const char *type, const char *name, bool work) {
    const char *text = arena_printf(c->arena, "%s%s", type, name);
    add_param(&s->text, &s->line, text);
    vec_push(c->arena, &s->names, name);
    if (work) {
        add_param(&s->work, &s->work_line, text);
        add_param(&s->work_arguments, &s->argument_line, name);
        vec_push(c->arena, &s->work_names, name);
    }
}

static const char *member(CSource *c, const char *record, const char *sign_of_access,
                          const Param *field) {
    Text text;
    text_init(&text, c->arena);
    text_printf(&text, "%s%s", record, sign_of_access);
    text_puts(&text, header_member(field));
    return text.data;
}

static void bind_array(CSource *c, const Value *value, const char *base) {
    CView view = cs_dense_view(c, base, value->type);
    view.input = true;
    cs_value(c, value)->view = cs_new_view(c, &view);
}

/* The leaves of a record, in order. Scalars get a local. */
static void bind_fields(CSource *c, Signature *s, const Param *param, const char *record,
                        const char *access, int *leaf) {
    for (int k = 0; k < param->n_fields; k++) {
        const Param *field = &param->fields[k];
        const char *place = member(c, record, access, field);
        if (field->is_record) {
            bind_fields(c, s, field, place, ".", leaf);
            continue;
        }
        if (field->inactive) { /* of a tangent: not a parameter of the function */
            continue;
        }
        const Value *value = c->func->body->params.data[(*leaf)++];
        if (value->type->rank > 0) {
            bind_array(c, value, place);
        } else if (cs_value(c, value)->uses > 0) {
            const char *name = cs_fresh(c, field->name);
            cs_value(c, value)->expr = cs_expr(name, PREC_primary);
            text_printf(&s->entry, "    const %s %s = *%s;\n", header_c_type(value->type->elem),
                        name, place);
        }
    }
}

static bool is_integer(const Type *type) {
    return type->elem == S_i64 || type->elem == S_i32;
}

/* The name of the size that this parameter gives: they have one. NULL: it gives none. */
static const char *size_given_by(CSource *c, int param) {
    for (int k = 0; k < c->func->sizes.n; k++) {
        if (export_size_from(c->export, k) == param) {
            return ptrmap_get(&c->syms, c->func->sizes.data[k]);
        }
    }
    return NULL;
}

static void sign_inputs(CSource *c, Signature *s) {
    const Func *func = c->func;
    for (int k = 0; k < func->sizes.n; k++) {
        const char *name = cs_fresh(c, func->sizes.data[k]->name);
        ptrmap_put(&c->syms, func->sizes.data[k], (void *)(uintptr_t)name);
        if (export_size_from(c->export, k) < 0) {
            sign(c, s, "int64_t ", name, true);
        }
    }
    int leaf = 0;
    for (int k = 0; k < c->export->n_params; k++) {
        const Param *param = &c->export->params[k];
        const char *size = size_given_by(c, leaf), *name = size ? size : cs_fresh(c, param->name);
        if (param->is_record) {
            sign(c, s, arena_printf(c->arena, "const %s *", param->struct_name), name, false);
            bind_fields(c, s, param, name, "->", &leaf);
            continue;
        }
        const Value *value = func->body->params.data[leaf++];
        const char *type = header_c_type(value->type->elem);
        if (value->type->rank > 0) {
            sign(c, s, arena_printf(c->arena, "const %s *", type), name, false);
            bind_array(c, value, name);
        } else {
            sign(c, s, arena_printf(c->arena, "%s ", type), name, is_integer(value->type));
            if (is_integer(value->type)) {
                ptrmap_put(&s->integers, value, NULL);
            }
            cs_value(c, value)->expr = cs_expr(name, PREC_primary);
        }
    }
}

static void bind_result(CSource *c, const Param *result, const char *record, const char *access,
                        int *leaf) {
    for (int k = 0; k < result->n_fields; k++) {
        const Param *field = &result->fields[k];
        const char *place = member(c, record, access, field);
        if (field->is_record) {
            bind_result(c, field, place, ".", leaf);
        } else if (!field->inactive) {
            c->results[(*leaf)++] = place;
        }
    }
}

static void sign_results(CSource *c, Signature *s) {
    c->results = ARENA_ARRAY(c->arena, c->func->body->yields.n + 1, const char *);
    int leaf = 0;
    for (int k = 0; k < c->export->n_results; k++) {
        const Param *result = &c->export->results[k];
        const char *name = cs_fresh(c, result->name);
        const char *type =
            result->is_record ? result->struct_name : header_c_type(result->type->elem);
        sign(c, s, arena_printf(c->arena, "%s *", type), name, false);
        if (result->is_record) {
            bind_result(c, result, name, "->", &leaf);
        } else if (!result->inactive) {
            c->results[leaf++] = name;
        }
    }
    s->workspace = cs_fresh(c, "work");
    sign(c, s, "void *", s->workspace, false);
}

static void sign_function(CSource *c, Signature *s) {
    *s = (Signature){.line = 0};
    ptrmap_init(&s->integers, c->arena);
    Text *texts[] = {&s->text, &s->work, &s->work_arguments, &s->entry};
    for (int k = 0; k < 4; k++) {
        text_init(texts[k], c->arena);
        text_puts(texts[k], k < 3 ? "(" : "");
    }
    sign_inputs(c, s);
    sign_results(c, s);
    text_puts(&s->text, ")");
    text_puts(&s->work, s->work_names.n > 0 ? ")" : "void)");
    text_puts(&s->work_arguments, ")");
}

/* ---- buffers ---- */

/* Slots are called after the first value in them that has a name. */
static void name_buffer(CSource *c, const Value *v, bool named) {
    const Buffer *buffer = v->type->rank > 0 ? plan_home(c->plan, v) : NULL;
    if (!buffer || buffer->kind != BUF_slot || plan_is_view(c->plan, v) ||
        ptrmap_get(&c->buffers, buffer)) {
        return;
    }
    if (!named || v->name) {
        ptrmap_put(&c->buffers, buffer, (void *)(uintptr_t)cs_fresh(c, v->name ? v->name : "a"));
    }
}

static void name_buffers(CSource *c, const Region *region, bool named) {
    for (int k = 0; k < region->params.n; k++) {
        name_buffer(c, region->params.data[k], named);
    }
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_out; k++) {
            name_buffer(c, inst->out[k], named);
        }
        for (int k = 0; k < inst->n_region; k++) {
            name_buffers(c, inst->regions[k], named);
        }
    }
}

static void name_all_buffers(CSource *c) {
    name_buffers(c, c->func->body, true);
    name_buffers(c, c->func->body, false);
    for (int k = 0; k < c->plan->buffers.n; k++) { /* what carries wait in */
        const Buffer *buffer = c->plan->buffers.data[k];
        if (buffer->kind == BUF_slot && !ptrmap_get(&c->buffers, buffer)) {
            ptrmap_put(&c->buffers, buffer, (void *)(uintptr_t)cs_fresh(c, "next"));
        }
    }
}

/* An array that nothing reads is marked as used: compilers warn of it otherwise. */
static const char *print_stack_array(Text *out, const Slot *slot, const Buffer *buffer,
                                     const char *name, const char *body) {
    int64_t bytes = 0;
    size_is_const(slot->bytes, &bytes);
    Scalar elem = buffer->type->elem;
    int64_t n = bytes > 0 ? bytes / scalar_bytes(elem) : 1;
    text_printf(out, "    %s %s[%" PRId64 "];\n", header_c_type(elem), name, n > 0 ? n : 1);
    if (cs_only_stores(body, name))
        text_printf(out, "    (void)%s;\n", name);
    return name;
}

static void print_slot_pointer(CSource *c, Text *out, const CLayout *layout, const Buffer *buffer,
                               const char *name, const char *workspace) {
    const char *type = header_c_type(buffer->type->elem);
    int number = layout->numbers[buffer->slot];
    if (layout->constant) {
        int64_t offset = layout->offsets[buffer->slot];
        const char *place =
            offset == 0
                ? workspace
                : arena_printf(c->arena, "(void *)((char *)%s + %" PRId64 ")", workspace, offset);
        text_printf(out, "    %s *const %s = %s;\n", type, name, place);
    } else {
        text_printf(out, "    %s *const %s = (void *)((char *)%s + %s[%d]);\n", type, name,
                    workspace, c->at, number);
    }
}

/* Declares what the body mentions. Buffers of one slot and type on the stack share an array. */
static void print_buffers(CSource *c, Text *out, const CLayout *layout, const char *body,
                          const char *workspace) {
    PtrMap used;
    ptrmap_init(&used, c->arena);
    cs_identifiers(c, body, &used);
    const char **shared = ARENA_ARRAY(c->arena, (c->plan->slots.n + 1) * (S_f64 + 1), const char *);
    for (int k = c->plan->buffers.n - 1; k >= 0; k--) { /* the plan was made from the end */
        const Buffer *buffer = c->plan->buffers.data[k];
        const char *name = ptrmap_get(&c->buffers, buffer);
        if (buffer->kind != BUF_slot || !cs_mentions(c, &used, name)) {
            continue;
        }
        const Slot *slot = &c->plan->slots.data[buffer->slot];
        const char **first = &shared[buffer->slot * (S_f64 + 1) + (int)buffer->type->elem];
        if (!slot->on_stack) {
            print_slot_pointer(c, out, layout, buffer, name, workspace);
        } else if (*first) {
            text_printf(out, "    %s *const %s = %s;\n", header_c_type(buffer->type->elem), name,
                        *first);
        } else {
            *first = print_stack_array(out, slot, buffer, name, body);
        }
    }
}

/* ---- the function ---- */

static void print_unused(CSource *c, Text *out, const char *const *names, int n, const char *body) {
    PtrMap used;
    ptrmap_init(&used, c->arena);
    cs_identifiers(c, body, &used);
    for (int k = 0; k < n; k++) {
        if (!cs_mentions(c, &used, names[k])) {
            text_printf(out, "    (void)%s;\n", names[k]);
        }
    }
}

static void print_body(CSource *c, Text *body) {
    c->out = body;
    c->indent = 1;
    cs_region(c, c->func->body);
    const Region *region = c->func->body;
    for (int k = 0; k < region->yields.n; k++) {
        const Value *value = region->yields.data[k];
        const Buffer *place = plan_place(c->plan, value);
        if (place && place->kind == BUF_out && place->out == k) {
            continue;
        }
        CView out = cs_dense_view(c, c->results[k], value->type);
        if (value->type->rank == 0) {
            cs_line(c, "*%s = %s;", c->results[k], cs_scalar(c, value).text);
        } else {
            cs_copy(c, &out, cs_view(c, value));
        }
    }
    cs_line(c, "return 0;");
}

static void print_layout(CSource *c, Text *out, const CLayout *layout, const Signature *s,
                         const char *statements) {
    const char *name = c->export->name;
    if (layout->constant) {
        text_printf(out, "size_t %s_work%s\n{\n", name, s->work.data);
        print_unused(c, out, s->work_names.data, s->work_names.n, "");
        text_printf(out, "    return %" PRId64 ";\n}\n\n", layout->total);
        return;
    }
    const char *empty = s->work_names.n > 0 ? ", " : "";
    const char *params = s->work_names.n > 0 ? s->work.data + 1 : ")";
    text_printf(out,
                "/* Where the arrays of %s stand in its workspace; returns its bytes, or -1 beyond "
                "64 bits. */\n",
                name);
    text_printf(out, "static int64_t %s_layout(int64_t %s[%d]%s%s\n{\n", name, c->at, layout->n,
                empty, params);
    print_unused(c, out, s->work_names.data, s->work_names.n, statements);
    text_printf(out, "    bool %s = true;\n    int64_t %s = 0;\n%s    return %s ? %s : -1;\n}\n\n",
                c->fits, c->total, statements, c->fits, c->total);
    text_printf(out, "size_t %s_work%s\n{\n    int64_t %s[%d];\n", name, s->work.data, c->at,
                layout->n);
    text_printf(out, "    return (size_t)%s_layout(%s%s%s;\n}\n\n", name, c->at, empty,
                s->work_arguments.data + 1);
}

/* Statuses are numbered as code generation does: negative sizes first. */
static const char *size_checks(CSource *c) {
    Text out;
    text_init(&out, c->arena);
    for (int k = 0; k < c->func->sizes.n; k++) {
        SizeSym *sym = c->func->sizes.data[k];
        const char *text = arena_printf(c->arena, EXPORT_SIZE_TEXT, sym->name),
                   *size = ptrmap_get(&c->syms, sym);
        text_printf(&out,
                    "    if (%s < 0 || %s > INT64_C(%" PRId64 ")) {\n"
                    "        return %d; /* %s */\n    }\n",
                    size, size, EXPORT_MOST_SIZE, cs_status(c, c->export->loc, text), text);
    }
    return out.data ? out.data : "";
}

/* The status where the workspace does not fit comes before those of the body. */
static const char *entry_check(CSource *c, const CLayout *layout, const Signature *s) {
    if (layout->constant) {
        return "";
    }
    int status = cs_status(c, c->export->loc, "the sizes are too large");
    const char *empty = s->work_names.n > 0 ? ", " : "";
    return arena_printf(c->arena,
                        "    int64_t %s[%d];\n"
                        "    if (%s_layout(%s%s%s < 0) {\n"
                        "        return %d; /* the sizes are too large */\n"
                        "    }\n",
                        c->at, layout->n, c->export->name, c->at, empty, s->work_arguments.data + 1,
                        status);
}

static bool prepare(CSource *c, const Export *export) {
    PtrMap widths;
    ptrmap_init(&widths, c->arena);
    c->export = export;
    c->func = export->func;
    c->plan = plan_make(c->m, c->arena, export->func, &widths, 0);
    if (!c->plan) {
        diag_error(&c->ctx->diags, DIAG_size_overflow, export->loc,
                   "a size in %s is beyond 64 bits", export->name);
        return false;
    }
    ptrmap_init(&c->values, c->arena);
    ptrmap_init(&c->syms, c->arena);
    ptrmap_init(&c->buffers, c->arena);
    ptrmap_init(&c->taken, c->arena);
    c->scope.n = 0;
    c->temporaries = 0;
    c->quiet = false;
    c->file = export->loc.begin ? source_position(&c->ctx->sources, export->loc.begin).file : NULL;
    c->line = 0;
    count_all(c);
    return true;
}

void cs_export(CSource *c, const Export *export) {
    if (!cs_takes(c, export->func->body) || !prepare(c, export)) {
        c->failed = true;
        return;
    }
    Text *out = c->out, body, statements, before;
    text_init(&body, c->arena);
    text_init(&statements, c->arena);
    text_init(&before, c->arena);
    Signature s;
    sign_function(c, &s);
    c->at = cs_fresh(c, "at");
    c->total = cs_fresh(c, "total");
    c->fits = cs_fresh(c, "fits");
    name_all_buffers(c);
    CLayout layout;
    cs_layout(c, &s.integers, &layout, &statements);
    if (c->failed) {
        return;
    }
    const char *sizes = size_checks(c), *check = entry_check(c, &layout, &s);
    print_body(c, &body);
    cs_drop_unused(&body);
    c->out = out;

    print_buffers(c, &before, &layout, body.data, s.workspace);
    const char *inside = arena_printf(c->arena, "%s%s%s%s%s", sizes, s.entry.data, check,
                                      before.data ? before.data : "", body.data);
    print_layout(c, out, &layout, &s, statements.data ? statements.data : "");
    text_printf(out, "int %s%s\n{\n", export->name, s.text.data);
    print_unused(c, out, s.names.data, s.names.n, inside);
    text_printf(out, "%s}\n\n", inside);
}
