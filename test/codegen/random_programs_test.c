/* Random programs in loop form: nests of loops with slices, carries, sums and stacked results,
 * branches, updates in place, views and products. The interpreter says what they compute; see
 * Inputs/differential.h.
 *
 * RUN: %unit %s %libbpc -o %t
 * RUN: %t 60
 */
#include "test/codegen/Inputs/differential.h"

enum { MOST_VALUES = 400, MOST_ACCS = 3 };

typedef struct Gen {
    Context *ctx;
    IrModule *m;
    const Size *n, *k, *three;
    const Type *scalar, *types[5]; /* [n], [k], [n,k], [3,n], [k,n] */
} Gen;

/* What a region may use: values seen so far, and its accs, each used once. */
typedef struct Scope {
    Value *values[MOST_VALUES];
    int count;
    Value *accs[MOST_ACCS];
    int n_accs;
} Scope;

static int below(int n) {
    return (int)(next_random() % (uint64_t)n);
}

static void add(Scope *s, Value *v) {
    if (s->count < MOST_VALUES)
        s->values[s->count++] = v;
}

/* Recent values more often: they make chains. */
static Value *any_value(const Scope *s) {
    int recent = s->count < 6 ? s->count : 6;
    return s->values[below(3) ? s->count - 1 - below(recent) : below(s->count)];
}

static Value *pick(const Scope *s, const Type *type) {
    for (int tries = 0; tries < 60; tries++) {
        Value *v = any_value(s);
        if (v->type == type)
            return v;
    }
    for (int k = s->count - 1; k >= 0; k--)
        if (s->values[k]->type == type)
            return s->values[k];
    return NULL;
}

/* Indices are parameters of loops that are being built, whose owner is not known yet: their extent
 * is kept by name. */
static Value *pick_index(const Gen *g, const Scope *s, const Size *extent) {
    const char *name = extent == g->n ? "in" : extent == g->k ? "ik" : "i3";
    for (int tries = 0; tries < 60; tries++) {
        Value *v = s->values[below(s->count)];
        if (!v->inst && v->name && strcmp(v->name, name) == 0)
            return v;
    }
    return NULL;
}

static Value *pick_array(const Gen *g, const Scope *s) {
    return pick(s, g->types[below(5)]);
}

static Value *damped(IrBuilder *b, Value *x) {
    return ir_ew2(b, OP_mul, ir_ew1(b, OP_sin, x), ir_const(b, x->type, 0.01));
}

/* Bounded, and of slope below 1/50, so that differences of rounding do not grow. */
static Value *mixed(IrBuilder *b, Value *x, Value *y) {
    static const Op ops[] = {OP_add, OP_sub, OP_mul, OP_max, OP_min};
    return ir_ew2(b, ops[below(5)], damped(b, x), damped(b, y));
}

static bool all_indices(const Gen *g, const Scope *s, const Type *type, int n, Value **index) {
    for (int k = 0; k < n; k++)
        if (!(index[k] = pick_index(g, s, type->dims[k])))
            return false;
    return true;
}

static void gen_access(const Gen *g, Scope *s, IrBuilder *b) {
    Value *a = pick_array(g, s), *index[IR_MAX_RANK];
    if (!a)
        return;
    int n = 1 + below(a->type->rank);
    if (!all_indices(g, s, a->type, n, index))
        return;
    if (below(3) > 0) {
        add(s, ir_index(b, a, n, index));
        return;
    }
    Value *v = pick(s, ir_drop_axes(g->m, a->type, n));
    if (v)
        add(s, ir_update(b, a, v, n, index));
}

static void gen_view(const Gen *g, Scope *s, IrBuilder *b) {
    static const int8_t swap[] = {1, 0};
    Value *a = pick_array(g, s), *x = pick(s, g->scalar);
    switch (below(5)) {
    case 0:
        if (a && a->type->rank == 2 && (a->type == g->types[2] || a->type == g->types[4]))
            add(s, ir_transpose(b, a, swap));
        break;
    case 1:
        if (a)
            add(s, ir_reverse(b, a));
        break;
    case 2:
        add(s, ir_broadcast(b, x, g->types[below(5)]));
        break;
    case 3: {
        Value *rows[3];
        for (int r = 0; r < 3; r++)
            if (!(rows[r] = pick(s, g->types[0])))
                return;
        add(s, ir_array(b, 3, rows));
        break;
    }
    default: {
        Value *v = pick(s, g->types[1]), *mat = pick(s, g->types[2]);
        if (v && mat)
            add(s, ir_contract(b, "ik,k->i", mat, v));
    }
    }
}

static void gen_acc(const Gen *g, Scope *s, IrBuilder *b) {
    if (s->n_accs == 0)
        return;
    int which = below(s->n_accs);
    Value **acc = &s->accs[which], *index[IR_MAX_RANK], *x = pick(s, g->scalar);
    if ((*acc)->type->rank == 0)
        *acc = ir_ew2(b, OP_add, *acc, x);
    else if (all_indices(g, s, (*acc)->type, (*acc)->type->rank, index))
        *acc = ir_add_at(b, *acc, x, (*acc)->type->rank, index);
}

static void gen_region(const Gen *g, Scope *s, IrBuilder *b, int depth, int steps);

static void gen_if(const Gen *g, Scope *s, IrBuilder *b, int depth) {
    Value *cond = ir_ew2(b, OP_lt, pick(s, g->scalar), pick(s, g->scalar));
    if (cond->inst && cond->inst->op == OP_const)
        return;
    IrBuilder branches[2];
    const Type *types[2] = {g->scalar, below(2) ? g->types[below(5)] : g->scalar};
    Value *base = pick(s, types[1]);
    if (!base)
        return;
    for (int k = 0; k < 2; k++) {
        Scope inner = *s;
        ir_builder_nested(&branches[k], b);
        gen_region(g, &inner, &branches[k], depth - 1, 3);
        ir_yield(&branches[k], pick(&inner, types[0]));
        ir_yield(&branches[k], below(2) ? base : pick(&inner, types[1]));
        for (int a = 0; a < s->n_accs; a++)
            ir_yield(&branches[k], inner.accs[a]);
    }
    Inst *inst = ir_if(b, cond, &branches[0], &branches[1]);
    add(s, inst->out[0]);
    add(s, inst->out[1]);
    for (int a = 0; a < s->n_accs; a++)
        s->accs[a] = inst->out[2 + a];
}

static void gen_loop(const Gen *g, Scope *s, IrBuilder *b, int depth) {
    const Size *extents[] = {g->n, g->k, g->three};
    static const char *const names[] = {"in", "ik", "i3"};
    int e = below(3);
    Value *slices[3], *carries[3], *accs[2 * MOST_ACCS];
    LoopSpec spec = {.extent = extents[e],
                     .reverse = below(4) == 0,
                     .slices = slices,
                     .carries = carries,
                     .accs = accs,
                     .index_name = atom_of(&g->ctx->atoms, names[e])};
    for (int k = below(3); k > 0; k--) {
        Value *a = pick_array(g, s);
        if (a && a->type->dims[0] == spec.extent)
            slices[spec.n_slice++] = a;
    }
    for (int k = below(3); k > 0; k--) {
        Value *v = below(3) ? pick(s, g->scalar) : pick_array(g, s);
        if (v)
            carries[spec.n_carry++] = v;
    }
    int passed = s->n_accs > 0 && below(2) ? s->n_accs : 0;
    for (int a = 0; a < passed; a++)
        accs[spec.n_acc++] = s->accs[a];
    if (spec.n_acc < MOST_ACCS && below(2)) {
        Value *init = below(2) ? ir_const(b, below(2) ? g->scalar : g->types[below(5)], 0)
                               : pick(s, g->scalar);
        accs[spec.n_acc++] = init;
    }
    IrBuilder body;
    ir_loop_begin(b, &spec, &body);
    Scope inner = *s;
    inner.n_accs = 0;
    const Region *r = body.region;
    for (int p = 0; p < r->params.n - spec.n_acc; p++)
        add(&inner, r->params.data[p]);
    for (int p = 0; p < spec.n_acc; p++)
        inner.accs[inner.n_accs++] = r->params.data[r->params.n - spec.n_acc + p];
    gen_region(g, &inner, &body, depth - 1, 3 + below(4));
    for (int k = 0; k < spec.n_carry; k++) {
        Value *v = pick(&inner, carries[k]->type);
        ir_yield(&body, v ? v : r->params.data[1 + spec.n_slice + k]);
    }
    for (int a = 0; a < inner.n_accs; a++)
        ir_yield(&body, inner.accs[a]);
    for (int k = below(3); k > 0; k--) {
        Value *v = below(2) ? pick(&inner, g->scalar) : pick(&inner, g->types[below(2)]);
        const Type *stacked = v ? ir_add_axis(g->m, v->type, spec.extent) : NULL;
        bool known = stacked && stacked->rank == 1;
        for (int t = 0; t < 5; t++)
            known = known || stacked == g->types[t];
        if (known)
            ir_yield(&body, v);
    }
    Inst *loop = ir_loop_end(b, &spec, &body);
    for (int j = 0; j < loop->n_out; j++) {
        int acc = j - spec.n_carry;
        if (acc >= 0 && acc < passed)
            s->accs[acc] = loop->out[j];
        else
            add(s, loop->out[j]);
    }
}

static void gen_region(const Gen *g, Scope *s, IrBuilder *b, int depth, int steps) {
    for (int k = 0; k < steps; k++) {
        int what = below(depth > 0 ? 10 : 6);
        if (what < 2)
            add(s, mixed(b, pick(s, g->scalar), pick(s, g->scalar)));
        else if (what < 4)
            gen_access(g, s, b);
        else if (what < 5)
            gen_view(g, s, b);
        else if (what < 6)
            gen_acc(g, s, b);
        else if (what < 9)
            gen_loop(g, s, b, depth);
        else
            gen_if(g, s, b, depth);
    }
}

static const char *generate(Context *ctx, Arena *arena, Text *text) {
    Gen g = {.ctx = ctx, .m = ir_module_new(ctx, arena, "m")};
    Func *f = ir_func_new(g.m, atom_of(&ctx->atoms, "f"), (Loc){0, 0});
    SizeSym *n = sizesym_new(&ctx->polys, atom_of(&ctx->atoms, "n"), (Loc){0, 0});
    SizeSym *k = sizesym_new(&ctx->polys, atom_of(&ctx->atoms, "k"), (Loc){0, 0});
    vec_push(arena, &f->sizes, n);
    vec_push(arena, &f->sizes, k);
    g.n = size_sym(&ctx->polys, n);
    g.k = size_sym(&ctx->polys, k);
    g.three = size_const(&ctx->polys, 3);
    g.scalar = ir_scalar(g.m, S_f64);
    const Size *shapes[5][2] = {{g.n, NULL}, {g.k, NULL}, {g.n, g.k}, {g.three, g.n}, {g.k, g.n}};
    Scope scope = {.count = 0};
    for (int t = 0; t < 5; t++) {
        g.types[t] = ir_type(g.m, S_f64, shapes[t][1] ? 2 : 1, shapes[t]);
        add(&scope, ir_param(g.m, f->body, g.types[t], NULL));
    }
    for (int t = 0; t < 4; t++)
        add(&scope, ir_param(g.m, f->body, g.scalar, NULL));
    vec_push(arena, &g.m->funcs, f);
    IrBuilder b;
    ir_builder_init(&b, g.m, f->body);
    gen_region(&g, &scope, &b, 3, 8);
    for (int r = 0; r < 5; r++) {
        Value *v = below(4) ? pick_array(&g, &scope) : pick(&scope, g.scalar);
        if (v)
            ir_yield(&b, v);
    }
    if (f->body->yields.n == 0)
        ir_yield(&b, scope.values[5]);
    Export *export = ARENA_NEW(arena, Export);
    export->name = atom_of(&ctx->atoms, "f");
    export->func = f;
    vec_push(arena, &g.m->exports, export);
    ir_print(text, g.m);
    return text->data;
}

int main(int argc, char **argv) {
    int programs = argc > 1 ? atoi(argv[1]) : 20;
    uint64_t first = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
    for (uint64_t p = first; p < first + (uint64_t)programs; p++) {
        seed = p * 0x9E3779B97F4A7C15u;
        Context ctx;
        context_init(&ctx, NULL);
        Arena arena;
        arena_init(&arena, &ctx.alloc);
        Text text;
        text_init(&text, &arena);
        const char *program = generate(&ctx, &arena, &text);
        char name[64];
        snprintf(name, sizeof name, "random program %llu", (unsigned long long)p);
        int before = failures;
        run_text(name, program, text.n, 4, 20);
        if (failures > before && argc > 3)
            fputs(program, stdout);
        arena_free(&arena);
        context_free(&ctx);
    }
    printf("%d runs, %d failures\n", runs, failures);
    return failures > 0 || runs == 0;
}
