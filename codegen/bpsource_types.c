/* Types of the printed program: sizes, arrays, and the records of the C interface declared again.
 *
 * Note [Record types]
 * The IR has only leaves; the descriptors of exports still know which leaves make up which record,
 * but no longer the size parameters of the record's declaration. They are found again: two axes
 * anywhere in a record have one size parameter when they are equal in every use of the record in
 * the module, and an axis that is one constant in all of them keeps it. A record of which some use
 * lacks leaves (a gradient with integers in it) is a type of its own there. */
#include "codegen/bpsource_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- sizes ---- */

static bool sizes_known(const Printer *p, const Size *size) {
    for (int t = 0; t < size->n; t++)
        for (int k = 0; k < size->terms[t].degree; k++)
            if (!ptrmap_get(&p->syms, size->terms[t].syms[k]))
                return false;
    return true;
}

static void add_term(Printer *p, Text *out, const SizeTerm *term, bool first) {
    uint64_t magnitude = term->coef < 0 ? 0 - (uint64_t)term->coef : (uint64_t)term->coef;
    text_puts(out, first ? (term->coef < 0 ? "-" : "") : (term->coef < 0 ? " - " : " + "));
    bool star = magnitude != 1 || term->degree == 0;
    if (star)
        text_printf(out, "%" PRIu64, magnitude);
    for (int k = 0; k < term->degree; k++, star = true) {
        const char *name = ptrmap_get(&p->syms, term->syms[k]);
        text_printf(out, "%s%s", star ? "*" : "", name ? name : term->syms[k]->name);
    }
}

const char *bp_size_text(Printer *p, const Size *size, Level *level) {
    Text text;
    text_init(&text, p->arena);
    int first = 0; /* a positive term in front */
    while (first < size->n - 1 && size->terms[first].coef < 0)
        first++;
    if (size->n == 0)
        text_puts(&text, "0");
    else
        add_term(p, &text, &size->terms[first], true);
    for (int t = 0; t < size->n; t++)
        if (t != first)
            add_term(p, &text, &size->terms[t], false);
    bool product = size->n == 1 && size->terms[0].degree + (size->terms[0].coef != 1) > 1;
    *level = size->n > 1 ? L_add : text.data[0] == '-' ? L_unary : product ? L_mul : L_atom;
    return text.data;
}

/* [a,b]f64 of the texts of the axes */
static const char *array_text(Printer *p, Scalar elem, int rank, const char *const *axes) {
    Text text;
    text_init(&text, p->arena);
    for (int k = 0; k < rank; k++)
        text_printf(&text, "%s%s", k == 0 ? "[" : ",", axes[k]);
    text_printf(&text, "%s%s", rank > 0 ? "]" : "", scalar_name(elem));
    return text.data;
}

const char *bp_type_text(Printer *p, const Type *type) {
    const char *axes[IR_MAX_RANK];
    Level level;
    for (int k = 0; k < type->rank; k++) {
        if (!sizes_known(p, type->dims[k]))
            return NULL;
        axes[k] = bp_size_text(p, type->dims[k], &level);
    }
    return array_text(p, type->elem, type->rank, axes);
}

/* ---- records ---- */

typedef VEC(const Size *) AxisList;

/* All uses of one record. */
typedef struct Record {
    const Param *shape;
    const char *name;
    VEC(AxisList) uses;
    int *class_of; /* of an axis: its size parameter; -1: a constant */
    int n_classes;
    int *first;           /* of a size parameter: an axis of it */
    const char **classes; /* its name */
} Record;

struct RecordTypes {
    VEC(Record *) all; /* inner ones first */
};

bool bp_is_tuple(const Param *param) {
    return param->n_fields > 0 && isdigit((unsigned char)param->fields[0].name[0]);
}

bool bp_has_leaves(const Param *param) {
    if (!param->is_record)
        return !param->inactive;
    for (int i = 0; i < param->n_fields; i++)
        if (bp_has_leaves(&param->fields[i]))
            return true;
    return false;
}

static bool same_shape(const Param *a, const Param *b) {
    if (a->is_record != b->is_record || bp_has_leaves(a) != bp_has_leaves(b))
        return false;
    if (!a->is_record)
        return a->inactive || (a->type->elem == b->type->elem && a->type->rank == b->type->rank);
    if (a->n_fields != b->n_fields ||
        strcmp(a->struct_name ? a->struct_name : "", b->struct_name ? b->struct_name : "") != 0)
        return false;
    for (int i = 0; i < a->n_fields; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
            !same_shape(&a->fields[i], &b->fields[i]))
            return false;
    return true;
}

static void collect_axes(Printer *p, const Param *param, AxisList *out) {
    for (int i = 0; i < param->n_fields; i++)
        collect_axes(p, &param->fields[i], out);
    for (int k = 0; !param->is_record && !param->inactive && k < param->type->rank; k++)
        vec_push(p->arena, out, param->type->dims[k]);
}

static Record *find_record(const Printer *p, const Param *param) {
    for (int i = 0; i < p->types->all.n; i++)
        if (same_shape(p->types->all.data[i]->shape, param))
            return p->types->all.data[i];
    return NULL;
}

static void add_use(Printer *p, const Param *param) {
    for (int i = 0; i < param->n_fields; i++)
        add_use(p, &param->fields[i]);
    if (!param->is_record || bp_is_tuple(param) || !bp_has_leaves(param))
        return;
    Record *record = find_record(p, param);
    if (!record) {
        record = ARENA_NEW(p->arena, Record);
        record->shape = param;
        record->name = bp_names_global(&p->names, p->arena,
                                       param->struct_name ? param->struct_name : "Record");
        vec_push(p->arena, &p->types->all, record);
    }
    AxisList axes = {0};
    collect_axes(p, param, &axes);
    vec_push(p->arena, &record->uses, axes);
}

static bool equal_in_all(const Record *record, int a, int b) {
    for (int u = 0; u < record->uses.n; u++)
        if (record->uses.data[u].data[a] != record->uses.data[u].data[b])
            return false;
    return true;
}

static bool constant_in_all(const Record *record, int a) {
    int64_t first, value;
    if (!size_is_const(record->uses.data[0].data[a], &first))
        return false;
    for (int u = 1; u < record->uses.n; u++)
        if (!size_is_const(record->uses.data[u].data[a], &value) || value != first)
            return false;
    return true;
}

static void find_classes(Printer *p, Record *record) {
    const AxisList *axes = &record->uses.data[0];
    Names names;
    bp_names_open(&names, p->arena);
    record->class_of = ARENA_ARRAY(p->arena, axes->n + 1, int);
    record->first = ARENA_ARRAY(p->arena, axes->n + 1, int);
    record->classes = ARENA_ARRAY(p->arena, axes->n + 1, const char *);
    for (int a = 0; a < axes->n; a++) {
        record->class_of[a] = -1;
        if (constant_in_all(record, a))
            continue;
        for (int c = 0; c < record->n_classes && record->class_of[a] < 0; c++)
            if (equal_in_all(record, a, record->first[c]))
                record->class_of[a] = c;
        if (record->class_of[a] >= 0)
            continue;
        SizeSym *sym = size_is_sym(axes->data[a]);
        record->class_of[a] = record->n_classes;
        record->first[record->n_classes] = a;
        record->classes[record->n_classes++] =
            bp_names_new(&names, p->arena, sym && sym->name ? sym->name : "s");
    }
}

static uint32_t class_rank(const Record *record, int c) {
    const SizeSym *sym = size_is_sym(record->uses.data[0].data[record->first[c]]);
    return sym ? sym->id : UINT32_MAX;
}

/* In the order of the brackets of the function that uses the record first. */
static void order_classes(Printer *p, Record *record) {
    int n = record->n_classes, *first = ARENA_ARRAY(p->arena, n + 1, int);
    const char **names = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int c = 0; c < n; c++) {
        int place = 0;
        for (int other = 0; other < n; other++) {
            uint32_t a = class_rank(record, other), b = class_rank(record, c);
            place += a < b || (a == b && other < c);
        }
        first[place] = record->first[c];
        names[place] = record->classes[c];
    }
    record->first = first;
    record->classes = names;
    for (int a = 0; a < record->uses.data[0].n; a++)
        for (int c = 0; c < n && record->class_of[a] >= 0; c++)
            if (equal_in_all(record, a, first[c])) {
                record->class_of[a] = c;
                break;
            }
}

RecordTypes *bp_types_collect(Printer *p) {
    p->types = ARENA_NEW(p->arena, RecordTypes);
    for (int e = 0; e < p->exports.n; e++) {
        const Export *export = p->exports.data[e];
        for (int i = 0; i < export->n_params; i++)
            add_use(p, &export->params[i]);
        for (int i = 0; i < export->n_results; i++)
            add_use(p, &export->results[i]);
    }
    for (int i = 0; i < p->types->all.n; i++) {
        find_classes(p, p->types->all.data[i]);
        order_classes(p, p->types->all.data[i]);
    }
    return p->types;
}

/* The name with its arguments: the texts of its axes, of which `axes` holds one each. */
static const char *applied(Printer *p, const Record *record, const char *const *axes) {
    Text text;
    text_init(&text, p->arena);
    text_puts(&text, record->name);
    for (int c = 0; c < record->n_classes; c++)
        text_printf(&text, "%s%s", c == 0 ? "[" : ",", axes[record->first[c]]);
    text_puts(&text, record->n_classes > 0 ? "]" : "");
    return text.data;
}

/* Type of a parameter or field; *axes advances over the texts of its axes. */
static const char *text_with_axes(Printer *p, const Param *param, const char *const **axes) {
    if (!param->is_record) {
        const char *text = array_text(p, param->type->elem, param->type->rank, *axes);
        *axes += param->type->rank;
        return text;
    }
    const char *const *mine = *axes;
    const char **parts = ARENA_ARRAY(p->arena, param->n_fields + 1, const char *);
    int n = 0;
    for (int i = 0; i < param->n_fields; i++)
        if (bp_has_leaves(&param->fields[i]))
            parts[n++] = text_with_axes(p, &param->fields[i], axes);
    if (!bp_is_tuple(param))
        return applied(p, find_record(p, param), mine);
    return n == 1 ? parts[0] : arena_printf(p->arena, "(%s)", bp_join(p, parts, n));
}

const char *bp_param_type(Printer *p, const Param *param) {
    AxisList axes = {0};
    Level level;
    if (param->is_record)
        collect_axes(p, param, &axes);
    else
        for (int k = 0; k < param->type->rank; k++)
            vec_push(p->arena, &axes, param->type->dims[k]);
    const char **texts = ARENA_ARRAY(p->arena, axes.n + 1, const char *);
    for (int a = 0; a < axes.n; a++) {
        if (!sizes_known(p, axes.data[a]))
            return NULL;
        texts[a] = bp_size_text(p, axes.data[a], &level);
    }
    const char *const *next = texts;
    return text_with_axes(p, param, &next);
}

const char *bp_record_name(Printer *p, const Param *param) {
    return bp_is_tuple(param) ? NULL : find_record(p, param)->name;
}

void bp_types_print(Printer *p) {
    for (int r = 0; r < p->types->all.n; r++) {
        const Record *record = p->types->all.data[r];
        int n = record->uses.data[0].n;
        const char **axes = ARENA_ARRAY(p->arena, n + 1, const char *);
        for (int a = 0; a < n; a++) {
            Level level;
            axes[a] = record->class_of[a] >= 0
                          ? record->classes[record->class_of[a]]
                          : bp_size_text(p, record->uses.data[0].data[a], &level);
        }
        text_printf(p->out, "type %s", applied(p, record, axes));
        const char *const *next = axes, *separator = " = { ";
        for (int i = 0; i < record->shape->n_fields; i++) {
            const Param *field = &record->shape->fields[i];
            if (!bp_has_leaves(field))
                continue;
            text_printf(p->out, "%s%s: %s", separator, field->name,
                        text_with_axes(p, field, &next));
            separator = ", ";
        }
        text_puts(p->out, " };\n");
    }
}
