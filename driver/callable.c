/* Functions of any signature as calls on arrays. See driver/callable.h.
 *
 * Code generation makes an entry for each function that takes one array of pointers
 * (codegen/emit_entry.c), so that nothing here knows how a processor passes arguments. What is left
 * to do is to lay out the structs of records and to know the extents of results before the call. */
#include "driver/callable.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct Program {
    Context *ctx;
    Source *source;
    CompileOptions how;
    IrModule *ir;
    Jit *jit;
    const char *(*error)(int status);
    VEC(Callable *) functions;
    NanReport nan; /* status 0: none */
};

/* ---- which function is meant ---- */

static bool is_identifier(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t n = strspn(text, letters);
    return n > 0 &&
           text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")] ==
               '\0';
}

static bool is_declared(const AstModule *ast, const char *name) {
    for (int i = 0; i < ast->fns.n; i++)
        if (strcmp(ast->fns.data[i]->name.atom, name) == 0)
            return true;
    for (int i = 0; i < ast->imports.n; i++) {
        const AstModule *other = ast->imports.data[i].module;
        for (int k = 0; other && !ast->imports.data[i].as.atom && k < other->fns.n; k++)
            if (strcmp(other->fns.data[k]->name.atom, name) == 0)
                return true;
    }
    return false;
}

/* What the export stands for, as written. */
static const char *export_text(Context *ctx, const ExportDecl *decl) {
    const Source *source = source_of(&ctx->sources, decl->fn->loc);
    Loc loc = decl->fn->loc;
    return arena_strdup(&ctx->arena, source->text + (loc.begin - source->base),
                        loc.end - loc.begin);
}

static void suggest_function(Context *ctx, Diag *diag, const AstModule *ast, const char *name) {
    VEC(const char *) names = {0};
    for (int i = 0; i < ast->fns.n; i++)
        vec_push(&ctx->arena, &names, ast->fns.data[i]->name.atom);
    for (int i = 0; i < ast->exports.n; i++)
        if (ast->exports.data[i]->c_name)
            vec_push(&ctx->arena, &names, ast->exports.data[i]->c_name);
    const char *near = nearest_name(name, names.data, names.n);
    if (near)
        diag_hint(&ctx->diags, diag, "did you mean `%s`?", near);
}

const char *callable_resolve(Context *ctx, Source *source, const CompileOptions *how,
                             const char *what) {
    AstModule *ast = compile_parse(ctx, source, how);
    if (!ast)
        return NULL;
    if (!is_identifier(what) || is_declared(ast, what))
        return what;
    ast = compile_ast(ctx, source, how); /* it gives exports their names */
    if (!ast)
        return NULL;
    for (int i = 0; i < ast->exports.n; i++)
        if (strcmp(ast->exports.data[i]->c_name, what) == 0)
            return export_text(ctx, ast->exports.data[i]);
    Diag *diag = diag_error(&ctx->diags, DIAG_run_function, (Loc){0, 0},
                            "%s has no function or export `%s`", source->name, what);
    suggest_function(ctx, diag, ast, what);
    return NULL;
}

/* ---- programs ---- */

bool load_libraries(Context *ctx, const char *const *paths, int n) {
    for (int i = 0; i < n; i++) {
        if (!dlopen(paths[i], RTLD_NOW | RTLD_GLOBAL)) {
            diag_error(&ctx->diags, DIAG_file_read, (Loc){0, 0}, "cannot load %s: %s", paths[i],
                       dlerror());
            return false;
        }
    }
    return true;
}

static void add_leaves(Arena *arena, LeafList *leaves, const Param *param, const char *path) {
    if (!param->is_record && !param->inactive) {
        Leaf leaf = {path, param->type};
        vec_push(arena, leaves, leaf);
    }
    for (int i = 0; param->is_record && i < param->n_fields; i++)
        add_leaves(arena, leaves, &param->fields[i],
                   arena_printf(arena, "%s.%s", path, param->fields[i].name));
}

/* A size symbol that is the value of a parameter. */
static void add_bound_sizes(Arena *arena, Callable *f, const Size *size) {
    for (int t = 0; t < size->n; t++) {
        for (int k = 0; k < size->terms[t].degree; k++) {
            const SizeSym *sym = size->terms[t].syms[k];
            const Value *value = sym->value;
            if (!value || value->inst || value->region != f->export->func->body)
                continue;
            BoundSize bound = {sym, value->index};
            vec_push(arena, &f->bound, bound);
        }
    }
}

static void add_all_bound_sizes(Callable *f, const LeafList *leaves) {
    for (int i = 0; i < leaves->n; i++)
        for (int axis = 0; axis < leaves->data[i].type->rank; axis++)
            add_bound_sizes(f->arena, f, leaves->data[i].type->dims[axis]);
}

/* Before the passes, which make other values. */
static Callable *describe(Program *program, const Export *export, const char *name) {
    Arena *arena = &program->ctx->arena;
    Callable *f = ARENA_NEW(arena, Callable);
    f->program = program;
    f->arena = arena;
    f->export = export;
    f->name = name;
    for (int i = 0; i < export->n_params; i++)
        add_leaves(arena, &f->inputs, &export->params[i], export->params[i].name);
    for (int i = 0; i < export->n_results; i++)
        add_leaves(arena, &f->outputs, &export->results[i], export->results[i].name);
    for (int i = 0; i < export->func->sizes.n; i++) {
        BoundSize given = {export->func->sizes.data[i], export_size_from(export, i)};
        if (given.input >= 0)
            vec_push(arena, &f->bound, given);
        else
            vec_push(arena, &f->sizes, export->func->sizes.data[i]);
    }
    add_all_bound_sizes(f, &f->inputs);
    add_all_bound_sizes(f, &f->outputs);
    return f;
}

static bool link(Program *program, const CompileOptions *how) {
    CodeBuffer object = {0};
    Context *ctx = program->ctx;
    if (!compile_code(ctx, program->ir, how, EMIT_object, &object))
        return false;
    program->jit = jit_new(ctx);
    bool ok = program->jit && jit_add_object(ctx, program->jit, &object);
    codebuffer_free(&object);
    return ok;
}

static bool find_entries(Program *program, const CompileOptions *how) {
    Context *ctx = program->ctx;
    bool found = true;
    for (int i = 0; i < program->functions.n && found; i++) {
        Callable *f = program->functions.data[i];
        f->entry = jit_lookup(program->jit, arena_printf(&ctx->arena, "%s.entry", f->export->name));
        f->work_entry =
            jit_lookup(program->jit, arena_printf(&ctx->arena, "%s_work.entry", f->export->name));
        found = f->entry && f->work_entry;
    }
    void *error = jit_lookup(program->jit, arena_printf(&ctx->arena, "%s_error", how->module_name));
    memcpy(&program->error, &error, sizeof error); /* ISO C has no cast to a function pointer */
    if (found && error)
        return true;
    Diag *diag =
        diag_error(&ctx->diags, DIAG_codegen, (Loc){0, 0}, "the functions cannot be linked");
    if (jit_problem(program->jit))
        diag_note(&ctx->diags, diag, "%s", jit_problem(program->jit));
    diag_hint(&ctx->diags, diag, "is an extern function not found? give its library: --load");
    return false;
}

static IrModule *lower(const Program *program) {
    AstModule *ast = compile_ast(program->ctx, program->source, &program->how);
    return ast ? compile_ir(program->ctx, ast, &program->how) : NULL;
}

IrModule *callable_lower(const Callable *f, const Export **export) {
    const Program *program = f->program;
    IrModule *ir = lower(program);
    for (int i = 0; ir && i < program->functions.n; i++)
        if (program->functions.data[i] == f)
            *export = ir->exports.data[i];
    return ir;
}

Program *program_new(Context *ctx, Source *source, const ProgramOptions *options,
                     const char *const *functions, int n) {
    Program *program = ARENA_NEW(&ctx->arena, Program);
    CompileOptions how = *options->how;
    const char **only = ARENA_ARRAY(&ctx->arena, n + 1, const char *);
    memcpy(only, functions, (size_t)n * sizeof *only);
    how.only = only;
    how.n_only = n;
    how.entries = true;
    program->ctx = ctx;
    program->source = source;
    program->how = how;
    if (!load_libraries(ctx, options->libraries, options->n_libraries))
        return NULL;
    program->ir = lower(program);
    for (int i = 0; program->ir && i < program->ir->exports.n; i++)
        vec_push(&ctx->arena, &program->functions,
                 describe(program, program->ir->exports.data[i], functions[i]));
    if (program->ir && link(program, &how) && find_entries(program, &how))
        return program;
    program_free(program);
    return NULL;
}

Callable *program_function(Program *program, int k) {
    return program->functions.data[k];
}

void program_free(Program *program) {
    if (program)
        jit_free(program->jit);
}

/* ---- sizes ---- */

static bool symbol_value(const Callable *f, const SizeSym *sym, const int64_t *sizes,
                         Array *const *inputs, int64_t *value) {
    for (int i = 0; i < f->sizes.n; i++) {
        if (f->sizes.data[i] == sym) {
            *value = sizes[i];
            return sizes[i] >= 0;
        }
    }
    for (int i = 0; i < f->bound.n; i++) {
        const BoundSize *bound = &f->bound.data[i];
        if (bound->sym == sym && inputs[bound->input]) {
            *value = array_get_int(inputs[bound->input], 0);
            return true;
        }
    }
    return false;
}

bool callable_extent(const Callable *f, const Size *size, const int64_t *sizes,
                     Array *const *inputs, int64_t *value) {
    int64_t total = 0;
    for (int t = 0; t < size->n; t++) {
        int64_t term = size->terms[t].coef, factor = 0;
        for (int k = 0; k < size->terms[t].degree; k++)
            if (!symbol_value(f, size->terms[t].syms[k], sizes, inputs, &factor) ||
                __builtin_mul_overflow(term, factor, &term))
                return false;
        if (__builtin_add_overflow(total, term, &total))
            return false;
    }
    *value = total;
    return true;
}

/* ---- calls ---- */

typedef struct Slots {
    Arena *arena;
    void **data;
    int n;
} Slots;

/* The struct of a record: its pointers in order, those of nested records in between. */
static void fill_struct(void **table, int *n, const Param *param, Array *const *arrays, int *leaf) {
    for (int i = 0; i < param->n_fields; i++) {
        const Param *field = &param->fields[i];
        if (field->is_record)
            fill_struct(table, n, field, arrays, leaf);
        else
            table[(*n)++] = field->inactive ? NULL : arrays[(*leaf)++]->data;
    }
}

static int count_pointers(const Param *param) {
    int n = !param->is_record;
    for (int i = 0; param->is_record && i < param->n_fields; i++)
        n += count_pointers(&param->fields[i]);
    return n;
}

static void add_slots(Slots *slots, const Param *params, int n_params, Array *const *arrays) {
    int leaf = 0;
    for (int i = 0; i < n_params; i++) {
        const Param *param = &params[i];
        void *slot;
        if (param->is_record) {
            int n = 0;
            void **table = ARENA_ARRAY(slots->arena, count_pointers(param) + 1, void *);
            fill_struct(table, &n, param, arrays, &leaf);
            slot = table;
        } else {
            slot = param->inactive ? NULL : arrays[leaf++]->data;
        }
        slots->data[slots->n++] = slot;
    }
}

/* The text with the place of the function in front, as statuses have it. */
static const char *at_function(const Callable *f, const char *text) {
    const SourceMap *sources = &f->program->ctx->sources;
    Loc loc = f->export->func->loc;
    if (!source_of(sources, loc))
        return text;
    Position at = source_position(sources, loc.begin);
    return arena_printf(f->arena, "%s:%u:%u: %s", at.file, at.line, at.column, text);
}

static bool make_output(const Callable *f, const Leaf *leaf, const int64_t *sizes,
                        Array *const *inputs, Array **output, const char **failed) {
    Arena *arena = f->arena;
    int64_t dims[IR_MAX_RANK], count = 1;
    const char *wrong = NULL;
    for (int axis = 0; axis < leaf->type->rank && !wrong; axis++) {
        if (!callable_extent(f, leaf->type->dims[axis], sizes, inputs, &dims[axis]))
            wrong = "too large";
        else if (dims[axis] < 0)
            wrong = "of a negative size";
        else if (__builtin_mul_overflow(count, dims[axis], &count) || count > INT64_MAX / 16)
            wrong = "too large";
    }
    if (wrong)
        *failed =
            at_function(f, arena_printf(arena, "the result `%s` would be %s", leaf->path, wrong));
    else
        *output = array_new(arena, leaf->type->elem, leaf->type->rank, dims);
    return !wrong;
}

CALLS_COMPILED static bool run_entry(const Callable *f, void **slots, void **work_slot,
                                     const char **failed) {
    size_t (*work_bytes)(void *const *);
    int (*entry)(void *const *);
    memcpy(&work_bytes, &f->work_entry, sizeof work_bytes);
    memcpy(&entry, &f->entry, sizeof entry);
    size_t need = work_bytes(slots);
    bool counted = need != SIZE_MAX; /* else the function returns a status before it uses any */
    void *work = need < SIZE_MAX / 2 ? aligned_alloc(64, need ? (need + 63) / 64 * 64 : 64) : NULL;
    if (!work && counted) {
        *failed = "there is not enough memory for the workspace";
        return false;
    }
    *work_slot = work;
    int status = entry(slots);
    f->program->nan.status = 0;
    if (status && f->program->ir->watched)
        memcpy(&f->program->nan, work, sizeof f->program->nan);
    free(work);
    if (status)
        *failed = f->program->error(status);
    return status == 0;
}

const NanReport *callable_nan(const Callable *f) {
    return f->program->nan.status ? &f->program->nan : NULL;
}

bool callable_call(const Callable *f, const int64_t *sizes, Array *const *inputs, Array **outputs,
                   const char **failed) {
    const Export *export = f->export;
    for (int i = 0; i < f->outputs.n; i++)
        if (!outputs[i] && !make_output(f, &f->outputs.data[i], sizes, inputs, &outputs[i], failed))
            return false;
    int n = f->sizes.n + export->n_params + export->n_results + 1;
    Slots slots = {.arena = f->arena};
    slots.data = ARENA_ARRAY(slots.arena, n, void *);
    int64_t *own_sizes = ARENA_ARRAY(slots.arena, f->sizes.n + 1, int64_t);
    for (int i = 0; i < f->sizes.n; i++) {
        own_sizes[i] = sizes[i];
        slots.data[slots.n++] = &own_sizes[i];
    }
    add_slots(&slots, export->params, export->n_params, inputs);
    add_slots(&slots, export->results, export->n_results, outputs);
    return run_entry(f, slots.data, &slots.data[slots.n], failed);
}
