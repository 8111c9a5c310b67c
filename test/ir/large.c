/* Emission, cloning, verification, text and evaluation are linear: 100,000 instructions take no
 * noticeable time. (A quadratic step would take minutes, so the time limit of the test is the
 * check.) */
#include "ir/ir.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { N = 100000 };

static double seconds(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

int main(void) {
    Context ctx;
    Arena arena;
    context_init(&ctx, NULL);
    arena_init(&arena, &ctx.alloc);
    double start = seconds();
    IrModule *m = ir_module_new(&ctx, &arena, "large");
    Func *f = ir_func_new(m, atom_of(&ctx.atoms, "f"), (Loc){0, 0});
    const Type *real = ir_scalar(m, S_f64),
               *three = ir_type(m, S_f64, 1, (const Size *[]){size_const(&ctx.polys, 3)});
    Value *x = ir_param(m, f->body, real, atom_of(&ctx.atoms, "x"));
    Value *a = ir_param(m, f->body, three, atom_of(&ctx.atoms, "a"));
    IrBuilder b;
    ir_builder_init(&b, m, f->body);
    Value *sum = x, *array = a, *zero = ir_int(&b, S_i64, 0), *two = ir_int(&b, S_i64, 2);
    for (int i = 0; i < N / 4; i++) {
        b.name = atom_of(&ctx.atoms, "s");
        sum = ir_ew2(&b, OP_add, sum, ir_ew2(&b, OP_mul, x, ir_const(&b, real, i)));
        array = ir_add_at(&b, array, sum, 1, &zero);
        sum =
            ir_ew2(&b, OP_sub, sum, ir_index(&b, array, 1, &two)); /* looks through the additions */
    }
    ir_yield(&b, sum);
    vec_push(m->arena, &m->funcs, f);

    Func *g = ir_func_new(m, atom_of(&ctx.atoms, "g"), (Loc){0, 0});
    Value *args[] = {ir_param(m, g->body, real, NULL), ir_param(m, g->body, three, NULL)}, *out;
    ir_builder_init(&b, m, g->body);
    ir_inline(&b, f, NULL, args, &out);
    ir_yield(&b, out);
    vec_push(m->arena, &m->funcs, g);

    Text text;
    text_init(&text, &arena);
    ir_print(&text, m);
    Source *source = source_add(&ctx.sources, "large.bpir", text.data, text.n);
    IrModule *back = ir_read(&ctx, &arena, source);
    double num = 1, nums[] = {1, 2, 3};
    Datum scalar = {.type = real, .count = 1, .f = &num};
    Datum vector = {.type = three, .count = 3, .dims = {3}, .f = nums};
    Datum *data[] = {&scalar, &vector}, *results[1];
    const char *failed = NULL;
    bool ok = ir_verify(m) && back && ir_verify(back) &&
              ir_eval(m, &arena, g, NULL, data, results, &failed) == 0;
    int count = ir_count(f->body), inlined = ir_count(g->body);
    double taken = seconds() - start;
    printf("%d and %d instructions, %.2f s\n", count, inlined, taken);
    arena_free(&arena);
    context_free(&ctx);
    return ok && count > N && inlined == count && taken < 20 ? 0 : 1;
}
