/* The text of a module's C header. See codegen/header.h; the conventions are those of
 * docs/c-interface.md.
 *
 * A record is a struct of one pointer a leaf, nested records nest by value, and a struct is printed
 * once, before the first prototype that names it and after the structs inside it. Nothing here
 * knows how the code computes. */
#include "codegen/header.h"

#include <ctype.h>
#include <string.h>

const char *header_c_type(Scalar elem) {
    static const char *const names[] = {
        [S_bool] = "bool", [S_i32] = "int32_t", [S_i64] = "int64_t",
        [S_f32] = "float", [S_f64] = "double",
    };
    return names[elem];
}

Atom header_c_name(AtomTable *atoms, const char *path) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);

    char name[128];
    size_t n = 0;
    if (len == 0 || isdigit((unsigned char)base[0]))
        name[n++] = '_';
    for (size_t i = 0; i < len && n < sizeof name - 1; i++)
        name[n++] = (char)(isalnum((unsigned char)base[i]) ? base[i] : '_');
    return atom_intern(atoms, name, n);
}

const char *header_member(const Param *param) {
    return param->c_name ? param->c_name : param->name;
}

static const char *size_name(const Export *export, int i) {
    return export->c_sizes ? export->c_sizes[i] : export->func->sizes.data[i]->name;
}

/* ---- structs ---- */

typedef struct StructSet {
    VEC(Atom) names;
} StructSet;

static bool already_printed(Arena *arena, StructSet *set, Atom name) {
    for (int i = 0; i < set->names.n; i++)
        if (set->names.data[i] == name)
            return true;
    vec_push(arena, &set->names, name);
    return false;
}

static void print_struct(Text *out, StructSet *done, const Param *param) {
    if (!param->is_record)
        return;
    for (int i = 0; i < param->n_fields; i++)
        print_struct(out, done, &param->fields[i]);
    if (already_printed(out->arena, done, param->struct_name))
        return;

    text_puts(out, "typedef struct {\n");
    for (int i = 0; i < param->n_fields; i++) {
        const Param *field = &param->fields[i];
        const char *type = field->is_record ? field->struct_name : header_c_type(field->type->elem);
        text_printf(out, "    %s %s", type, field->is_record ? "" : "*");
        text_puts(out, header_member(field));
        text_puts(out, ";\n");
    }
    text_printf(out, "} %s;\n\n", param->struct_name);
}

static void print_structs(Text *out, const IrModule *m) {
    StructSet done = {0};
    for (int e = 0; e < m->exports.n; e++) {
        const Export *export = m->exports.data[e];
        for (int i = 0; i < export->n_params; i++)
            print_struct(out, &done, &export->params[i]);
        for (int i = 0; i < export->n_results; i++)
            print_struct(out, &done, &export->results[i]);
    }
}

/* ---- doc comments ---- */

static void print_shape(Text *out, const Type *type) {
    if (type->rank > 0)
        text_puts(out, "[");
    for (int i = 0; i < type->rank; i++) {
        if (i > 0)
            text_puts(out, ", ");
        size_print(out, type->dims[i]);
    }
    if (type->rank > 0)
        text_puts(out, "]");
}

/* "W1[h, d], b1[h]": the leaves of a record with their shapes. */
static void print_fields(Text *out, const Param *param) {
    for (int i = 0; i < param->n_fields; i++) {
        const Param *field = &param->fields[i];
        text_puts(out, i > 0 ? ", " : "");
        text_puts(out, header_member(field));
        if (field->is_record) {
            text_puts(out, " {");
            print_fields(out, field);
            text_puts(out, "}");
        } else if (field->inactive) {
            text_puts(out, " (not written)");
        } else {
            print_shape(out, field->type);
        }
    }
}

static void print_param_doc(Text *out, const Param *param, const char *role) {
    text_printf(out, " *   %-4s ", role);
    text_puts(out, header_member(param));
    if (param->is_record) {
        text_puts(out, " {");
        print_fields(out, param);
        text_puts(out, "}");
    } else {
        print_shape(out, param->type);
    }
    text_puts(out, "\n");
}

/* The declaration as written, on one line; nothing in it may end the C comment. */
static void print_declaration(Text *out, const char *text) {
    for (const char *at = text; *at; at++) {
        bool blank = isspace((unsigned char)*at);
        if (blank && isspace((unsigned char)at[1]))
            continue;
        text_add(out, blank ? " " : at, 1);
        if (at[0] == '*' && at[1] == '/')
            text_puts(out, " ");
    }
}

static void print_doc(Text *out, const Export *export) {
    text_puts(out, "/* ");
    print_declaration(out, export->doc ? export->doc : export->name);
    text_puts(out, "\n");
    for (int i = 0; i < export->n_params; i++)
        print_param_doc(out, &export->params[i], "in");
    for (int i = 0; i < export->n_results; i++)
        print_param_doc(out, &export->results[i], "out");
    text_puts(out, " */\n");
}

/* ---- prototypes ---- */

static bool is_integer_scalar(const Param *param) {
    return !param->is_record && type_is_scalar(param->type) &&
           (param->type->elem == S_i64 || param->type->elem == S_i32);
}

/* Starts the next parameter of a prototype: a comma, and a new line where the line is full. */
static void next_param(Text *out, int *count, size_t *line_start, size_t indent) {
    if ((*count)++ == 0)
        return;
    text_puts(out, ",");
    if (out->n - *line_start > 80) {
        text_puts(out, "\n");
        *line_start = out->n;
        text_printf(out, "%*s", (int)indent, "");
    } else {
        text_puts(out, " ");
    }
}

static void print_input(Text *out, const Param *param) {
    if (param->is_record)
        text_printf(out, "const %s *", param->struct_name);
    else if (type_is_scalar(param->type))
        text_printf(out, "%s ", header_c_type(param->type->elem));
    else
        text_printf(out, "const %s *", header_c_type(param->type->elem));
    text_puts(out, header_member(param));
}

static void print_result(Text *out, const Param *param) {
    const char *type = param->is_record ? param->struct_name : header_c_type(param->type->elem);
    text_printf(out, "%s *", type);
    text_puts(out, header_member(param));
}

/* Parameters for the sizes that no other parameter gives. */
static void print_sizes(Text *out, const Export *export, int *count, size_t *line_start,
                        size_t indent) {
    for (int i = 0; i < export->func->sizes.n; i++) {
        if (export_size_from(export, i) >= 0)
            continue;
        next_param(out, count, line_start, indent);
        text_puts(out, "int64_t ");
        text_puts(out, size_name(export, i));
    }
}

/* size_t NAME_work(sizes, integer scalar parameters); */
static void print_work(Text *out, const Export *export) {
    size_t line_start = out->n;
    int count = 0;
    text_printf(out, "size_t %s_work(", export->name);
    size_t indent = out->n - line_start;
    print_sizes(out, export, &count, &line_start, indent);
    for (int i = 0; i < export->n_params; i++) {
        if (is_integer_scalar(&export->params[i])) {
            next_param(out, &count, &line_start, indent);
            print_input(out, &export->params[i]);
        }
    }
    text_puts(out, count ? ");\n" : "void);\n");
}

static void print_function(Text *out, const Export *export) {
    size_t line_start = out->n;
    int count = 0;
    text_printf(out, "int %s(", export->name);
    size_t indent = out->n - line_start;
    print_sizes(out, export, &count, &line_start, indent);
    for (int i = 0; i < export->n_params; i++) {
        next_param(out, &count, &line_start, indent);
        print_input(out, &export->params[i]);
    }
    for (int i = 0; i < export->n_results; i++) {
        next_param(out, &count, &line_start, indent);
        print_result(out, &export->results[i]);
    }
    next_param(out, &count, &line_start, indent);
    text_puts(out, "void *work);\n");
}

/* The declarations of codegen/nan_report.h, once for all headers that a host includes. */
static void print_nan_report(Text *out) {
    text_puts(
        out,
        "#ifndef BPC_NAN_REPORT\n#define BPC_NAN_REPORT\n"
        "/* The operation that made a NaN or an infinity. */\n"
        "typedef struct {\n"
        "    const char *file;\n"
        "    const char *operation;   /* \"/\", \"sqrt\", ..; of an argument or a result: its name "
        "*/\n"
        "    const char *sweep;       /* \"the reverse sweep of f\"; \"\" in the program itself "
        "*/\n"
        "    const char *role;        /* of what stands at the place: \"adjoint\", \"tangent of "
        "the adjoint\"; \"\" itself */\n"
        "    const char *index_names; /* \"i,t,\": a comma after each; empty where there is no "
        "name */\n"
        "    int64_t line, column, length;\n"
        "    int64_t operands, indices;\n"
        "    int64_t kind; /* 0: an operation; 1: one in a derivative rule, the operands are those "
        "of the rule;\n"
        "                     2: an argument; 3: a result that no operation made so */\n"
        "} BpcNanSite;\n\n"
        "/* Compiled with --sanitize=nan: stands at the start of `work` when a function returns. "
        "*/\n"
        "typedef struct {\n"
        "    int64_t status; /* that the function returned; 0: it did not stop at a NaN or an "
        "infinity */\n"
        "    const BpcNanSite *site;\n"
        "    double value;      /* NaN or an infinity */\n"
        "    double operand[4]; /* site->operands of them */\n"
        "    int64_t index[16]; /* site->indices of them: the loops around, outermost first */\n"
        "} BpcNanReport;\n"
        "#endif\n\n");
}

void header_print(Text *out, const IrModule *m) {
    text_printf(out, "/* %s: compiled by bpc.\n", m->name);
    text_puts(out, " *\n"
                   " * Arrays are dense and row-major; inputs are read only, results are "
                   "overwritten. `work` points to\n"
                   " * NAME_work(...) bytes, 64-byte aligned, private to the call (it may be NULL "
                   "where that is 0).\n");
    text_printf(out, " * Functions return 0, or a positive status that %s_error turns into text.",
                m->name);
    if (m->threads > 1)
        text_printf(
            out,
            "\n *\n"
            " * %d threads share the work of a call: the caller and a pool, which its first "
            "call makes (link with\n"
            " * `bpc --link-flags --threads=%d`). `work` has room for each; results depend on "
            "their number, not\n"
            " * on their timing.",
            m->threads, m->threads);
    text_puts(out, " */\n");
    text_printf(out, "#ifndef BPC_%s_H\n#define BPC_%s_H\n\n", m->name, m->name);
    text_puts(out, "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n"
                   "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    print_structs(out, m);
    if (m->watched)
        print_nan_report(out);
    for (int e = 0; e < m->exports.n; e++) {
        const Export *export = m->exports.data[e];
        print_doc(out, export);
        print_work(out, export);
        print_function(out, export);
        text_puts(out, "\n");
    }
    text_puts(
        out,
        "/* What a status means, with its place in the source; NULL for 0 and unknown ones. */\n");
    text_printf(out, "const char *%s_error(int status);\n\n", m->name);
    text_puts(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
