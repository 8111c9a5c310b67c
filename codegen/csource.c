/* A module as one C99 file; see csource.h. */
#include "codegen/csource.h"
#include "codegen/codegen.h"
#include "codegen/csource_print.h"
#include "codegen/header.h"

#include <ctype.h>
#include <string.h>

/* ---- statuses ---- */

/* Bytes beyond ASCII and what could be part of a trigraph, too, as octal escapes. */
static void print_string(Text *out, const char *text) {
    text_puts(out, "\"");
    for (; *text; text++) {
        unsigned char at = (unsigned char)*text;
        if (at == '"' || at == '\\') {
            text_printf(out, "\\%c", at);
        } else if (at < 32 || at > 126 || at == '?') {
            text_printf(out, "\\%03o", at);
        } else {
            text_add(out, text, 1);
        }
    }
    text_puts(out, "\"");
}

static void print_error_function(CSource *c) {
    text_printf(c->out, "const char *%s_error(int status)\n{\n", c->module_name);
    if (c->checks.n == 0) {
        text_puts(c->out, "    (void)status;\n    return NULL;\n}\n");
        return;
    }
    text_puts(c->out, "    switch (status) {\n");
    for (int k = 0; k < c->checks.n; k++) {
        const CCheck *check = &c->checks.data[k];
        const char *text = source_located(&c->ctx->sources, c->arena, check->loc, check->text);
        text_printf(c->out, "    case %d:\n        return ", k + 1);
        print_string(c->out, text);
        text_puts(c->out, ";\n");
    }
    text_puts(c->out, "    default:\n        return NULL;\n    }\n}\n");
}

/* ---- the file ---- */

static void print_externs(CSource *c, const char *text) {
    PtrMap found;
    ptrmap_init(&found, c->arena);
    cs_identifiers(c, text, &found);
    for (int k = 0; k < c->m->funcs.n; k++) {
        const Func *func = c->m->funcs.data[k];
        if (!func->is_extern || !cs_mentions(c, &found, func->name)) {
            continue;
        }
        text_printf(c->out, "extern %s %s(", header_c_type(func->extern_result->elem), func->name);
        for (int p = 0; p < func->body->params.n; p++) {
            text_printf(c->out, "%s%s", p ? ", " : "",
                        header_c_type(func->body->params.data[p]->type->elem));
        }
        text_puts(c->out, func->body->params.n ? ");\n\n" : "void);\n\n");
    }
}

bool csource_print(Context *ctx, IrModule *m, const char *module_name, const char *header,
                   Text *out) {
    codegen_default_exports(m);
    Text functions;
    text_init(&functions, out->arena);
    CSource c = {
        .ctx = ctx, .m = m, .arena = out->arena, .module_name = module_name, .out = &functions};
    ptrmap_init(&c.reserved, c.arena);
    ptrmap_init(&c.taken, c.arena);
    cs_reserve_names(&c);
    for (int k = 0; k < m->exports.n && !c.failed; k++) {
        cs_export(&c, m->exports.data[k]);
    }
    if (c.failed) {
        if (ctx->diags.errors == 0) {
            diag_error(&ctx->diags, DIAG_size_overflow, (Loc){0, 0},
                       "an offset in an array is beyond 64 bits");
        }
        return false;
    }
    print_error_function(&c);
    c.out = out;
    text_puts(out, header);
    text_puts(out, "\n#include <math.h>\n\n");
    cs_print_helpers(&c, functions.data, out);
    print_externs(&c, functions.data);
    text_add(out, functions.data, functions.n);
    return true;
}
