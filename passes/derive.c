/* Resolves derivatives and calls: after this pass no function holds vjp, jvp or a call of anything
 * but an extern.
 *
 * Calls are inlined, except those of functions with a rule:
 * they stay until every derivative that could meet them is expanded, and are inlined last.
 * Derivatives are expanded innermost first, because a function's own body is resolved before it is
 * differentiated. What is resolved is simplified, and products are lifted out of its loops, so that
 * their adjoints are whole products too. */
#include "passes/rebuild.h"

typedef struct Derive {
    IrModule *m;
    Arena *home;     /* of resolved bodies */
    PtrMap done;     /* Func* -> itself while it is being resolved, then NULL */
    bool keep_rules; /* calls of functions with a rule stay */
    int emitted;     /* instructions so far */
    int depth;       /* of calls and regions that are open */
    int loops;       /* of loops among them */
    bool failed;     /* nothing more is expanded for the function at hand */
    bool too_large;  /* nor for any other */
    int errors;      /* of derivatives that do not exist */
    PtrMap reported; /* Func* of those errors, so that each function is named once */
    PtrMap broken;   /* Func* with such an error in its body, which nothing may use */
    CallList calls;  /* of the module as it came */
} Derive;

static void resolve(Derive *d, Func *f);
static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map);

static bool has_rule(const Func *f) {
    return f->jvp_rule || f->vjp_rule || f->is_extern;
}

/* Calls that no derivative has to look into stay as they are while derivatives are expanded. */
static bool stays(const Func *f) {
    bool floats = false;
    for (int i = 0; i < f->body->yields.n; i++)
        floats |= value_is_float(f->body->yields.data[i]);
    return has_rule(f) || (f->is_inner && !floats);
}

static void report(Derive *d, const Inst *inst, const DeriveError *error) {
    d->errors++;
    d->failed = true;
    if (ptrmap_has(&d->reported, error->func))
        return;
    ptrmap_put(&d->reported, error->func, (void *)(uintptr_t)error->func);
    DiagList *diags = &d->m->ctx->diags;
    Diag *diag = diag_error(diags, DIAG_not_differentiable, error->loc,
                            "`%s` cannot be differentiated: %s", error->func->name, error->why);
    diag_label(diags, diag, inst->loc, "differentiated here, through `%s`",
               inst->attr.callee.func->name);
    const char *path = calls_path(d->m, &d->calls, inst->attr.callee.func, error->func);
    if (path)
        diag_note(diags, diag, "%s", path);
    diag_hint(diags, diag,
              error->func->jvp_rule ? "write the rule of `%s` without calling it with a tangent"
                                    : "give it a rule: `derivative %s(...) { jvp(...) = ...; }`",
              error->func->name);
}

/* A function being resolved that is called here, so that its rule would be needed; or NULL. */
static const Func *waits_for(const Derive *d, const Region *region) {
    const Func *found = NULL;
    for (int i = 0; i < region->insts.n && !found; i++) {
        const Inst *inst = region->insts.data[i];
        if (inst->op == OP_call)
            found = ptrmap_get(&d->done, inst->attr.callee.func);
        for (int k = 0; k < inst->n_region && !found; k++)
            found = waits_for(d, inst->regions[k]);
    }
    return found;
}

/* A rule that the derivative of `inst` needs takes that derivative. */
static bool needs_itself(Derive *d, const Inst *inst) {
    const Func *f = inst->attr.callee.func;
    const Func *open = ptrmap_get(&d->done, f);
    if (!open)
        open = f->is_extern ? NULL : waits_for(d, f->body);
    if (!open)
        return false;
    d->errors++;
    d->failed = true;
    DiagList *diags = &d->m->ctx->diags;
    Diag *diag = diag_error(diags, DIAG_not_differentiable, inst->loc,
                            "the derivative of `%s` needs itself: the rule of `%s` takes it",
                            f->name, open->name);
    diag_label(diags, diag, open->loc, "the function with the rule");
    diag_hint(diags, diag, "write the rule without it; a rule is differentiated for higher orders");
    return true;
}

/* A function that only calls f, so that f's rule is met as in any other body. */
static Func *calling(Derive *d, Func *f) {
    IrModule *m = d->m;
    Func *w = ir_func_new(m, f->name, f->loc);
    IrBuilder b;
    const Size **sizes = ARENA_ARRAY(m->arena, f->sizes.n + 1, const Size *);
    for (int i = 0; i < f->sizes.n; i++) {
        vec_push(m->arena, &w->sizes, f->sizes.data[i]);
        sizes[i] = size_sym(&m->ctx->polys, f->sizes.data[i]);
    }
    for (int i = 0; i < f->body->params.n; i++)
        ir_param(m, w->body, f->body->params.data[i]->type, f->body->params.data[i]->name);
    ir_builder_init(&b, m, w->body);
    b.loc = f->loc;
    Inst *call = ir_call(&b, f, sizes, w->body->params.n, w->body->params.data);
    for (int i = 0; i < call->n_out; i++)
        ir_yield(&b, call->out[i]);
    return w;
}

/* A copy of f, of the same size symbols, in which loops are split at their checkpoints. */
static Func *segmented(Derive *d, Func *f) {
    Func *copy = ARENA_NEW(d->m->arena, Func);
    *copy = *f;
    split_segments(d->m, copy);
    return copy;
}

Func *func_placed(IrModule *m, Func *f, Loc loc) {
    if (!f->is_inner)
        return f;
    Func *copy = ir_func_new(m, f->name, loc);
    IrBuilder b;
    const Size **sizes = ARENA_ARRAY(m->arena, f->sizes.n + 1, const Size *);
    Value **out = ARENA_ARRAY(m->arena, f->body->yields.n + 1, Value *);
    for (int i = 0; i < f->sizes.n; i++) {
        vec_push(m->arena, &copy->sizes, f->sizes.data[i]);
        sizes[i] = size_sym(&m->ctx->polys, f->sizes.data[i]);
    }
    for (int i = 0; i < f->body->params.n; i++)
        ir_param(m, copy->body, f->body->params.data[i]->type, f->body->params.data[i]->name);
    ir_builder_init(&b, m, copy->body);
    b.loc = loc;
    ir_inline(&b, f, sizes, copy->body->params.data, out);
    for (int i = 0; i < f->body->yields.n; i++)
        ir_yield(&b, out[i]);
    return copy;
}

/* Note [Programs that are too large]
 * Expanding calls and derivatives must end within memory, stack and patience, with a message. What
 * is counted: instructions that are copied, values of the module (expanding a derivative makes them
 * without copying), calls that wait for their callee's calls, and loops around one instruction
 * (some passes take the square of that for each instruction). */
enum { MOST_INSTRUCTIONS = 1000000, MOST_VALUES = 2000000, MOST_DEPTH = 4000, MOST_LOOPS = 64 };

static Diag *too_large(Derive *d, const Inst *inst, const char *message, int most) {
    DiagList *diags = &d->m->ctx->diags;
    d->failed = d->too_large = true;
    return diag_error(diags, DIAG_program_too_large, inst->loc, message, most);
}

static int count_insts(const Region *region) {
    int n = region->insts.n;
    for (int i = 0; i < region->insts.n; i++)
        for (int k = 0; k < region->insts.data[i]->n_region; k++)
            n += count_insts(region->insts.data[i]->regions[k]);
    return n;
}

static bool is_too_large(Derive *d, const Inst *inst, int n) {
    Diag *diag = NULL;
    d->emitted += n;
    if (d->emitted > MOST_INSTRUCTIONS || d->m->next_value > MOST_VALUES)
        diag = too_large(d, inst, "with its calls expanded the program has more than %d operations",
                         MOST_INSTRUCTIONS);
    else if (d->depth > MOST_DEPTH)
        diag = too_large(d, inst, "calls are nested more than %d deep", MOST_DEPTH);
    else if (d->loops > MOST_LOOPS)
        diag = too_large(d, inst, "with calls expanded, loops are nested more than %d deep",
                         MOST_LOOPS);
    if (diag)
        diag_hint(&d->m->ctx->diags, diag, "write what repeats as a `loop`");
    return diag != NULL;
}

static void emit_derivative(Derive *d, IrBuilder *b, const Inst *inst, IrMap *map) {
    Func *f = inst->attr.callee.func;
    enum { COPIES = 4 }; /* of f's body: primal and adjoint, and what is simplified */
    resolve(d, f);
    if (d->failed || needs_itself(d, inst) || is_too_large(d, inst, COPIES * count_insts(f->body)))
        return;
    if (has_rule(f))
        f = calling(d, f);
    if (inst->op == OP_vjp && has_segments(f->body))
        f = segmented(d, f);
    int n = f->body->params.n, ny = f->body->yields.n, n_wrt = inst->attr.callee.n_wrt;
    const Size **sizes = ARENA_ARRAY(d->m->arena, f->sizes.n + 1, const Size *);
    Value **in = ARENA_ARRAY(d->m->arena, inst->n_in + 1, Value *);
    Value **out = ARENA_ARRAY(d->m->arena, inst->n_out + 1, Value *);
    for (int i = 0; i < f->sizes.n; i++)
        sizes[i] = irmap_size(map, inst->attr.callee.sizes[i]);
    for (int i = 0; i < inst->n_in; i++) {
        in[i] = irmap_get(map, inst->in[i]);
        if (i >= n && inst_is_zero(in[i]))
            in[i] = NULL;
    }
    DeriveError error = {0};
    const int *wrt = inst->attr.callee.wrt;
    SeedKind kind = seeds_kind(d->m, inst->n_in - n, inst->in + n);
    if (kind == SEEDS_solid) /* a parameter, of what is inlined here */
        kind = seeds_kind(d->m, inst->n_in - n, in + n);
    bool ok = inst->op == OP_vjp
                  ? vjp_expand(b, f, sizes, n_wrt, wrt, in, in + n, kind, out, out + ny, &error)
                  : jvp_expand(b, f, sizes, n_wrt, wrt, in, in + n, kind, out, out + ny, &error);
    if (!ok)
        report(d, inst, &error);
    for (int i = 0; ok && i < inst->n_out; i++)
        irmap_put(map, inst->out[i], out[i]);
}

static void count_uses(const Region *region, const Region *of, int *uses) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; k < inst->n_in; k++)
            if (!inst->in[k]->inst && inst->in[k]->region == of)
                uses[inst->in[k]->index]++;
        for (int k = 0; k < inst->n_region; k++)
            count_uses(inst->regions[k], of, uses);
    }
}

/* An argument that the callee reads several times is called like its parameter. */
static void name_arguments(Derive *d, const Inst *call, IrMap *map) {
    const Region *body = call->attr.callee.func->body;
    int *uses = ARENA_ARRAY(d->m->arena, body->params.n + 1, int);
    count_uses(body, body, uses);
    for (int i = 0; i < call->n_in; i++) {
        Value *v = irmap_get(map, call->in[i]);
        if (uses[i] > 1)
            name_keep(d->m, v, body->params.data[i]->name);
    }
}

/* Where what is inlined was called from another file: by the outermost call, which the user wrote;
 * not for a function of that very file that is called back. */
static Loc site_of(const Derive *d, const Inst *call, const IrMap *map) {
    const SourceMap *sources = &d->m->ctx->sources;
    Loc site = map->site.end ? map->site : source_caller(sources, call->loc);
    const Source *from = source_of(sources, site);
    bool outside = from && !from->is_option && source_of(sources, call->attr.callee.func->loc) &&
                   !source_same(sources, site, call->attr.callee.func->loc);
    return outside ? site : (Loc){0, 0};
}

/* A call becomes the callee's body, emitted through the same callback: calls in it are inlined in
 * turn, so a chain of functions costs its length and no function is expanded that nobody needs. */
static void emit_call(Derive *d, IrBuilder *b, const Inst *inst, IrMap *map) {
    Func *f = inst->attr.callee.func;
    if (f->is_extern || (d->keep_rules && stays(f))) {
        resolve(d, f);
        if (!d->failed)
            ir_clone_inst(b, inst, map);
        return;
    }
    IrMap inner;
    irmap_init(&inner, d->m, d->m->arena);
    inner.drop_checks = map->drop_checks;
    if (map->loc.end || f->is_inner)
        inner.loc = map->loc.end ? map->loc : irmap_place(map, inst->loc);
    inner.site = site_of(d, inst, map);
    inner.origin = inst->origin ? inst->origin : map->origin;
    for (int i = 0; i < f->sizes.n; i++) {
        const Size *size = irmap_size(map, inst->attr.callee.sizes[i]);
        ptrmap_put(&inner.syms, f->sizes.data[i], (void *)(uintptr_t)size);
    }
    for (int i = 0; i < inst->n_in; i++)
        irmap_put(&inner, f->body->params.data[i], irmap_get(map, inst->in[i]));
    name_arguments(d, inst, map);
    rebuild_insts(b, f->body, &inner, emit, d);
    for (int i = 0; i < inst->n_out; i++) {
        Value *v = irmap_get(&inner, f->body->yields.data[i]);
        name_keep(d->m, v, inst->out[i]->name);
        irmap_put(map, inst->out[i], v);
    }
}

static void emit(void *user, IrBuilder *b, const Inst *inst, IrMap *map) {
    Derive *d = user;
    if (d->failed || is_too_large(d, inst, 1))
        return;
    d->depth++;
    d->loops += inst->op == OP_loop;
    if (inst->op == OP_vjp || inst->op == OP_jvp)
        emit_derivative(d, b, inst, map);
    else if (inst->op == OP_call)
        emit_call(d, b, inst, map);
    else
        rebuild_inst(b, inst, map, emit, d);
    d->depth--;
    d->loops -= inst->op == OP_loop;
}

static void expand_func(Derive *d, Func *f) {
    rebuild_func(d->m, f, emit, d);
}
static void prepare_func(Derive *d, Func *f) { /* before anything differentiates it */
    stacks_func(d->m, f);
    reassociate_func(d->m, f);
    lift_func(d->m, f);
}

/* Runs one step on f and keeps nothing of it but the new body; where it fails, the old one. */
static void step(Derive *d, Func *f, void (*run)(Derive *, Func *)) {
    Arena *outer = d->m->arena, *work = context_arena(d->m->ctx);
    Region *before = f->body;
    if (d->failed)
        return;
    d->m->arena = work;
    run(d, f);
    d->m->arena = outer;
    if (d->failed) { /* another export may call f: it meets the error itself */
        f->body = before;
        return;
    }
    ir_move_func(d->m, f, d->home);
    arena_free(work);
}

static void resolve(Derive *d, Func *f) {
    d->failed = d->failed || ptrmap_has(&d->broken, f);
    if (ptrmap_has(&d->done, f) || d->failed)
        return;
    ptrmap_put(&d->done, f, f);
    if (f->jvp_rule && d->keep_rules)
        resolve(d, f->jvp_rule);
    if (f->vjp_rule && d->keep_rules)
        resolve(d, f->vjp_rule);
    if (!f->is_extern) {
        step(d, f, expand_func);
        if (d->keep_rules && !d->m->watched) /* there, what is computed stays where it is */
            step(d, f, prepare_func);
    }
    ptrmap_put(&d->done, f, NULL);
    if (d->failed)
        ptrmap_put(&d->broken, f, NULL);
}

/* An error in one function leaves the others to be looked at. */
static void resolve_one(Derive *d, Func *f) {
    if (d->too_large)
        return;
    d->failed = false;
    d->depth = d->loops = 0;
    resolve(d, f);
}

bool derive_funcs(IrModule *m, int rounds, Func *const *funcs, int n) {
    Derive d = {.m = m, .home = m->arena, .calls = calls_list(m, m->arena)};
    ptrmap_init(&d.reported, d.home);
    ptrmap_init(&d.broken, d.home);
    for (int round = 0; round < rounds && !d.too_large && d.errors == 0; round++) {
        d.keep_rules = round == 0;
        ptrmap_init(&d.done, m->arena);
        for (int i = 0; i < n; i++)
            resolve_one(&d, funcs[i]);
    }
    return !d.too_large && d.errors == 0;
}

/* With exports, only they and what they need. */
static bool resolve_all(IrModule *m, int rounds) {
    if (m->exports.n == 0)
        return derive_funcs(m, rounds, m->funcs.data, m->funcs.n);
    Func **funcs = ARENA_ARRAY(m->arena, m->exports.n, Func *);
    for (int i = 0; i < m->exports.n; i++)
        funcs[i] = m->exports.data[i]->func;
    return derive_funcs(m, rounds, funcs, m->exports.n);
}

bool pass_derive(IrModule *m) {
    return resolve_all(m, 2) && pass_exported(m);
}

bool pass_expand(IrModule *m) {
    return resolve_all(m, 1);
}
