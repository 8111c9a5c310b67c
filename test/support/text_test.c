/* Atoms, positions, arenas, maps, rendering of diagnostics and the nearest name. */
#include "support/context.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void atoms(Context *ctx) {
    Atom a = atom_of(&ctx->atoms, "loss");
    assert(a == atom_intern(&ctx->atoms, "loss_grad", 4));
    assert(a != atom_of(&ctx->atoms, "los"));
    char name[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "x%d", i);
        Atom atom = atom_of(&ctx->atoms, name);
        assert(strcmp(atom, name) == 0 && atom == atom_of(&ctx->atoms, name));
    }
    assert(a == atom_of(&ctx->atoms, "loss"));
}

static void positions(Context *ctx) {
    Source *first = source_add(&ctx->sources, "a.bp", "one\ntwo\n", 8);
    Source *second = source_add(&ctx->sources, "b.bp", "", 0);
    Position p = source_position(&ctx->sources, first->base + 5);
    assert(strcmp(p.file, "a.bp") == 0 && p.line == 2 && p.column == 2);
    p = source_position(&ctx->sources, second->base);
    assert(strcmp(p.file, "b.bp") == 0 && p.line == 1 && p.column == 1);
    assert(source_position(&ctx->sources, 0).line == 0);
    assert(!source_of(&ctx->sources, (Loc){0, 0}));
}

static void rendering(Context *ctx) {
    const char *text = "let x = 1;\n\ty\xc3\xa9 + foo\n";
    Source *source = source_add(&ctx->sources, "c.bp", text, strlen(text));
    uint32_t foo = source->base + (uint32_t)(strstr(text, "foo") - text);
    Diag *diag =
        diag_error(&ctx->diags, DIAG_unknown_name, (Loc){foo, foo + 3}, "unknown name `%s`", "foo");
    diag_label(&ctx->diags, diag, (Loc){source->base + 4, source->base + 5}, "this one?");
    diag_note(&ctx->diags, diag, "a note");
    diag_hint(&ctx->diags, diag, "a hint");
    Text out;
    text_init(&out, &ctx->arena);
    diag_render(&out, &ctx->sources, diag, false);
    assert(strcmp(out.data, "c.bp:2:8: error[E0201]: unknown name `foo`\n"
                            "    2 |  y\xc3\xa9 + foo\n"
                            "      |       ^^^\n"
                            "     ::: c.bp:1:5\n"
                            "    1 | let x = 1;\n"
                            "      |     - this one?\n"
                            "      = note: a note\n"
                            "      = help: a hint\n") == 0);
    assert(diag_explain(DIAG_unknown_name) && !diag_explain((DiagCode)999));
}

/* Errors beyond the limit are counted, not kept. */
static void limit(Context *ctx) {
    int items = ctx->diags.items.n, errors = ctx->diags.errors;
    for (int i = 0; i < 100; i++) {
        diag_hint(&ctx->diags, diag_error(&ctx->diags, DIAG_syntax, (Loc){0, 0}, "%d", i), "hint");
    }
    assert(ctx->diags.errors == errors + 100);
    assert(ctx->diags.items.n - items == ctx->diags.limit - errors);
}

static void nearest(void) {
    const char *const names[] = {"relu", "softplus", "sum", "i", "learning_rate"};
    assert(strcmp(nearest_name("rleu", names, 5), "relu") == 0);
    assert(strcmp(nearest_name("sofplus", names, 5), "softplus") == 0);
    assert(strcmp(nearest_name("learnign_rat", names, 5), "learning_rate") == 0);
    assert(!nearest_name("sin", names, 5)); /* not `i` */
    assert(!nearest_name("j", names, 5));
    assert(!nearest_name("", names, 5));
    assert(strcmp(nearest_name("I", names, 5), "i") == 0);
    assert(strcmp(nearest_name("SUM", names, 5), "sum") == 0);
    const char *const alike[] = {"sign", "sin", "asin"};
    assert(strcmp(nearest_name("sinn", alike, 3), "sin") == 0);
}

static void maps(Context *ctx) {
    PtrMap map;
    static int keys[1000];
    ptrmap_init(&map, &ctx->arena);
    for (int i = 0; i < 1000; i++) {
        ptrmap_put(&map, &keys[i], &keys[999 - i]);
    }
    ptrmap_put(&map, &keys[0], NULL);
    assert(ptrmap_has(&map, &keys[0]) && !ptrmap_get(&map, &keys[0]));
    assert(!ptrmap_has(&map, &map) && ptrmap_get(&map, &keys[7]) == &keys[992]);
}

int main(void) {
    Context ctx;
    context_init(&ctx, NULL);
    atoms(&ctx);
    positions(&ctx);
    rendering(&ctx);
    limit(&ctx);
    nearest();
    maps(&ctx);
    context_free(&ctx);
    return 0;
}
