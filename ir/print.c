/* The textual form of the IR. Note [Text] describes it; ir/read.c reads it back, and printing that
 * again is the identity. Called by bpc-opt, --emit=ir and tests. Changes nothing in the module.
 *
 * Note [Text]
 *   module digits
 *   func @loss[n, d](%w: [d]f64, %x: [n,d]f64) -> (f64) {
 *     %0 = const 0.5 : f64
 *     %y = mul %w, %w : [d]f64          // elementwise; so are convert, stop, broadcast, reshape,
 *                                       // array, concat, reverse, iota written
 *     %1 = size n*d - 1 : i64
 *     dim %k as k1                      // binds the size symbol k1 for the rest of the region
 *     check %c "index out of range"
 *     %2 = index %x[%i, %j] : f64       // also add_at %a[%i], %v   update %a[%i], %v
 *     %3 = slice %x[%lo] : [m,d]f64     // also add_slice %a[%lo], %v
 *     %4 = transpose %x (1, 0) : [d,n]f64
 *     %5 = reduce sum 1 %x : [d]f64     // over the first axis
 *     %6 = contract "ik,k->i" %x, %w : [n]f64
 *     %7, %8, %9 = loop %i < n reverse checkpoint(every k)
 *         slice(%r = %x) carry(%u = %0) acc(%g = %4) {
 *       yield carry(%a) acc(%b) stack(%c)
 *     } : f64, [d,n]f64, [n]f64
 *     %10 = if %c { yield %1 } else { yield %2 } : i64       // on several lines
 *     %11, %12 = call @f[n, 2*d](%x) : f64, [n]f64
 *     %13, %14 = vjp @f[n, d] wrt(0, 2) (%x, %g) : f64, [n]f64
 *     return %5
 *   }
 *   extern func @bessel_j(%n: f64, %x: f64) -> (f64)
 *   rule jvp @f = @f_jvp
 *   export @loss as loss_at
 *   export @hist as hist size(1 = 2)    // C passes size 1 as parameter 2
 * A value is written by its source name, made unique by a suffix, else by a number; size symbols
 * likewise. Types stand after the colon, one a result. Names that are not plain are quoted: @"a b".
 * Comments begin with // or ;. The C descriptors of exports have no text: reading gives each leaf a
 * parameter of its own. */
#include "ir/ir.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names in use, to make new ones unique. */
typedef struct NameSet {
    AtomTable atoms;
    PtrMap taken; /* Atom -> the last suffix tried */
} NameSet;

typedef struct Printer {
    Text *out;
    Arena *arena;
    NameSet value_names, sym_names;
    PtrMap values, syms; /* Value* and SizeSym* -> Atom */
    const PtrMap *funcs; /* Func* -> Atom; NULL: by their own names */
    intptr_t next_number;
    int indent;
} Printer;

static void names_init(NameSet *set, Arena *arena) {
    atoms_init(&set->atoms, arena);
    ptrmap_init(&set->taken, arena);
}

/* The name itself, or with the first free suffix. */
static Atom unique_name(NameSet *set, Arena *arena, const char *name) {
    Atom base = atom_of(&set->atoms, name), atom = base;
    if (ptrmap_has(&set->taken, base)) {
        intptr_t suffix = (intptr_t)ptrmap_get(&set->taken, base);
        do {
            suffix++;
            atom = atom_of(&set->atoms, arena_printf(arena, "%s.%" PRIdPTR, name, suffix));
        } while (ptrmap_has(&set->taken, atom));
        ptrmap_put(&set->taken, base, (void *)suffix);
    }
    ptrmap_put(&set->taken, atom, NULL);
    return atom;
}

static bool is_plain(const char *name) {
    if (!name[0] || (name[0] >= '0' && name[0] <= '9')) {
        return false;
    }
    for (const char *c = name; *c; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter && *c != '_' && *c != '.' && *c != '$') {
            return false;
        }
    }
    return true;
}

static void print_quoted(Text *out, const char *text) {
    text_puts(out, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            text_printf(out, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            text_printf(out, "\\x%02x", (unsigned char)*c);
        } else {
            text_add(out, c, 1);
        }
    }
    text_puts(out, "\"");
}

static void print_name(Text *out, const char *sigil, const char *name) {
    text_puts(out, sigil);
    if (is_plain(name)) {
        text_puts(out, name);
    } else {
        print_quoted(out, name);
    }
}

/* ---- sizes and types ---- */

static Atom sym_name(Printer *p, const SizeSym *sym) {
    Atom name = ptrmap_get(&p->syms, sym);
    if (!name) {
        bool usable = sym->name && is_plain(sym->name);
        name = unique_name(&p->sym_names, p->arena, usable ? sym->name : "s");
        ptrmap_put(&p->syms, sym, (void *)(uintptr_t)name);
    }
    return name;
}

static void print_term(Printer *p, const SizeTerm *term, bool first) {
    uint64_t magnitude = term->coef < 0 ? 0 - (uint64_t)term->coef : (uint64_t)term->coef;
    const char *sign = first ? (term->coef < 0 ? "-" : "") : (term->coef < 0 ? " - " : " + ");
    text_puts(p->out, sign);
    bool need_star = magnitude != 1 || term->degree == 0;
    if (need_star) {
        text_printf(p->out, "%" PRIu64, magnitude);
    }
    for (int i = 0; i < term->degree; i++) {
        text_printf(p->out, "%s%s", need_star ? "*" : "", sym_name(p, term->syms[i]));
        need_star = true;
    }
}

static void print_size(Printer *p, const Size *size) {
    if (size->n == 0) {
        text_puts(p->out, "0");
    }
    for (int i = 0; i < size->n; i++) {
        print_term(p, &size->terms[i], i == 0);
    }
}

static void print_type(Printer *p, const Type *type) {
    for (int i = 0; i < type->rank; i++) {
        text_puts(p->out, i == 0 ? "[" : ",");
        print_size(p, type->dims[i]);
    }
    text_printf(p->out, "%s%s", type->rank ? "]" : "", scalar_name(type->elem));
}

/* ---- values ---- */

static Atom value_name(Printer *p, const Value *v) {
    Atom name = ptrmap_get(&p->values, v);
    if (name) {
        return name;
    }
    if (v->name && is_plain(v->name)) {
        name = unique_name(&p->value_names, p->arena, v->name);
    } else {
        char number[32];
        snprintf(number, sizeof number, "%" PRIdPTR, p->next_number++);
        name = atom_of(&p->value_names.atoms, number);
    }
    ptrmap_put(&p->values, v, (void *)(uintptr_t)name);
    return name;
}

static void print_value(Printer *p, const Value *v) {
    text_printf(p->out, "%%%s", value_name(p, v));
}

static void print_values(Printer *p, Value *const *values, int n) {
    for (int i = 0; i < n; i++) {
        text_puts(p->out, i > 0 ? ", " : "");
        print_value(p, values[i]);
    }
}

void ir_print_number(Text *out, Scalar elem, double num) {
    char digits[40];
    if (isnan(num) || isinf(num)) {
        text_puts(out, isnan(num) ? "nan" : num < 0 ? "-inf" : "inf");
        return;
    }
    bool exponent = fabs(num) >= 1e16 || fabs(num) < 1e-4; /* between, digits alone are as short */
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, num);
        double back = strtod(digits, NULL);
        bool exact = elem == S_f32 ? (float)back == (float)num : back == num;
        if (exact && (exponent || !strchr(digits, 'e'))) {
            break;
        }
    }
    text_puts(out, digits);
    if (!strpbrk(digits, ".e")) {
        text_puts(out, ".0");
    }
}

/* ---- instructions ---- */

static void print_region(Printer *p, const Region *region);

static void new_line(Printer *p) {
    text_printf(p->out, "\n%*s", 2 * p->indent, "");
}

static void print_const(Printer *p, const Inst *inst) {
    Scalar elem = inst->out[0]->type->elem;
    text_puts(p->out, " ");
    if (elem >= S_f32) {
        ir_print_number(p->out, elem, inst->attr.num);
    } else if (elem == S_bool) {
        text_puts(p->out, inst->attr.integer ? "true" : "false");
    } else {
        text_printf(p->out, "%" PRId64, inst->attr.integer);
    }
}

/* `name(%param = %operand, ...)`, nothing for an empty group */
static void print_bindings(Printer *p, const char *name, Value *const *params,
                           Value *const *operands, int n) {
    for (int i = 0; i < n; i++) {
        text_printf(p->out, i == 0 ? " %s(" : ", ", name);
        print_value(p, params[i]);
        text_puts(p->out, " = ");
        print_value(p, operands[i]);
    }
    text_puts(p->out, n > 0 ? ")" : "");
}

static void print_group(Printer *p, const char *name, Value *const *values, int n) {
    if (n > 0) {
        text_printf(p->out, " %s(", name);
        print_values(p, values, n);
        text_puts(p->out, ")");
    }
}

static void print_loop_yield(Printer *p, const Inst *loop) {
    const Region *body = loop->regions[0];
    if (body->yields.n > 0) {
        int n_carry = loop->attr.loop.n_carry, n_acc = loop->attr.loop.n_acc;
        new_line(p);
        text_puts(p->out, "yield");
        print_group(p, "carry", body->yields.data, n_carry);
        print_group(p, "acc", body->yields.data + n_carry, n_acc);
        print_group(p, "stack", body->yields.data + n_carry + n_acc,
                    body->yields.n - n_carry - n_acc);
    }
}

static void print_checkpoint(Printer *p, const Inst *inst) {
    if (inst->attr.loop.checkpoint == CHECK_store) {
        return;
    }
    text_printf(p->out, " checkpoint(%s", checkpoint_name[inst->attr.loop.checkpoint]);
    if (inst->attr.loop.checkpoint_arg) {
        text_puts(p->out, " ");
        print_size(p, inst->attr.loop.checkpoint_arg);
    }
    text_puts(p->out, ")");
}

static void print_loop(Printer *p, const Inst *inst) {
    Value *const *params = inst->regions[0]->params.data;
    int n_slice = inst->attr.loop.n_slice, n_carry = inst->attr.loop.n_carry;
    text_puts(p->out, " ");
    print_value(p, params[0]);
    text_puts(p->out, " < ");
    print_size(p, inst->attr.loop.extent);
    text_puts(p->out, inst->attr.loop.reverse ? " reverse" : "");
    print_checkpoint(p, inst);
    print_bindings(p, "slice", params + 1, inst->in, n_slice);
    print_bindings(p, "carry", params + 1 + n_slice, inst->in + n_slice, n_carry);
    int before = n_slice + n_carry;
    print_bindings(p, "acc", params + 1 + before, inst->in + before, inst->attr.loop.n_acc);
    text_puts(p->out, " {");
    p->indent++;
    print_region(p, inst->regions[0]);
    print_loop_yield(p, inst);
    p->indent--;
    new_line(p);
    text_puts(p->out, "}");
}

static void print_branch(Printer *p, const Region *region) {
    text_puts(p->out, " {");
    p->indent++;
    print_region(p, region);
    if (region->yields.n > 0) {
        new_line(p);
        text_puts(p->out, "yield ");
        print_values(p, region->yields.data, region->yields.n);
    }
    p->indent--;
    new_line(p);
    text_puts(p->out, "}");
}

static void print_func_name(Printer *p, const Func *func) {
    Atom name = ptrmap_get(p->funcs, func);
    print_name(p->out, "@", name ? name : func->name ? func->name : "");
}

static void print_callee(Printer *p, const Inst *inst) {
    const Func *func = inst->attr.callee.func;
    text_puts(p->out, " ");
    print_func_name(p, func);
    for (int i = 0; i < func->sizes.n; i++) {
        text_puts(p->out, i == 0 ? "[" : ", ");
        print_size(p, inst->attr.callee.sizes[i]);
    }
    text_puts(p->out, func->sizes.n > 0 ? "]" : "");
    if (inst->op != OP_call) {
        text_puts(p->out, " wrt(");
        for (int i = 0; i < inst->attr.callee.n_wrt; i++) {
            text_printf(p->out, "%s%d", i > 0 ? ", " : "", inst->attr.callee.wrt[i]);
        }
        text_puts(p->out, ") ");
    }
    text_puts(p->out, "(");
    print_values(p, inst->in, inst->n_in);
    text_puts(p->out, ")");
}

/* `%a[%i, %j]`, and `, %v` for what is put there: operands a, (v,) indices. */
static void print_indexed(Printer *p, const Inst *inst, Value *const *idx, int k,
                          const Value *put) {
    text_puts(p->out, " ");
    print_value(p, inst->in[0]);
    text_puts(p->out, "[");
    print_values(p, idx, k);
    text_puts(p->out, "]");
    if (put) {
        text_puts(p->out, ", ");
        print_value(p, put);
    }
}

static void print_perm(Printer *p, const Inst *inst) {
    text_puts(p->out, " ");
    print_values(p, inst->in, inst->n_in);
    text_puts(p->out, " (");
    for (int i = 0; i < inst->out[0]->type->rank; i++) {
        text_printf(p->out, "%s%d", i > 0 ? ", " : "", inst->attr.perm[i]);
    }
    text_puts(p->out, ")");
}

static void print_operands(Printer *p, const Inst *inst) {
    text_puts(p->out, inst->n_in > 0 ? " " : "");
    print_values(p, inst->in, inst->n_in);
}

static void print_rest(Printer *p, const Inst *inst) {
    switch (inst->op) {
    case OP_const:
        print_const(p, inst);
        break;
    case OP_size:
        text_puts(p->out, " ");
        print_size(p, inst->attr.size);
        break;
    case OP_dim:
        print_operands(p, inst);
        text_printf(p->out, " as %s", sym_name(p, inst->attr.sym));
        break;
    case OP_check:
        print_operands(p, inst);
        text_puts(p->out, " ");
        print_quoted(p->out, inst->attr.text ? inst->attr.text : "");
        break;
    case OP_index:
        print_indexed(p, inst, inst->in + 1, inst->n_in - 1, NULL);
        break;
    case OP_add_at:
    case OP_update:
        print_indexed(p, inst, inst->in + 2, inst->n_in - 2, inst->in[1]);
        break;
    case OP_slice:
        print_indexed(p, inst, inst->in + 1, 1, NULL);
        break;
    case OP_add_slice:
        print_indexed(p, inst, inst->in + 2, 1, inst->in[1]);
        break;
    case OP_transpose:
        print_perm(p, inst);
        break;
    case OP_reduce:
        text_printf(p->out, " %s %d", reduce_name[inst->attr.reduce.kind], inst->attr.reduce.axes);
        print_operands(p, inst);
        break;
    case OP_contract:
        text_printf(p->out, " \"%s\"", inst->attr.spec);
        print_operands(p, inst);
        break;
    case OP_loop:
        print_loop(p, inst);
        break;
    case OP_if:
        print_operands(p, inst);
        print_branch(p, inst->regions[0]);
        text_puts(p->out, " else");
        print_branch(p, inst->regions[1]);
        break;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        print_callee(p, inst);
        break;
    case OP_div:
        print_operands(p, inst);
        text_puts(p->out, inst->by_reciprocal ? " by reciprocal" : "");
        break;
    default:
        print_operands(p, inst);
        break;
    }
}

static void print_inst(Printer *p, const Inst *inst) {
    new_line(p);
    if (inst->n_out > 0) {
        print_values(p, inst->out, inst->n_out);
        text_puts(p->out, " = ");
    }
    text_puts(p->out, op_info[inst->op].name);
    print_rest(p, inst);
    for (int i = 0; i < inst->n_out; i++) {
        text_puts(p->out, i == 0 ? " : " : ", ");
        print_type(p, inst->out[i]->type);
    }
}

static void print_region(Printer *p, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        print_inst(p, region->insts.data[i]);
    }
}

/* ---- functions and the module ---- */

static void print_signature(Printer *p, const Func *func) {
    const Region *body = func->body;
    for (int i = 0; i < func->sizes.n; i++) {
        text_printf(p->out, "%s%s", i == 0 ? "[" : ", ", sym_name(p, func->sizes.data[i]));
    }
    text_puts(p->out, func->sizes.n > 0 ? "](" : "(");
    for (int i = 0; i < body->params.n; i++) {
        text_puts(p->out, i > 0 ? ", " : "");
        print_value(p, body->params.data[i]);
        text_puts(p->out, ": ");
        print_type(p, body->params.data[i]->type);
    }
    text_puts(p->out, ") -> (");
    if (func->is_extern) {
        print_type(p, func->extern_result);
    }
    for (int i = 0; i < body->yields.n && !func->is_extern; i++) {
        text_puts(p->out, i > 0 ? ", " : "");
        print_type(p, body->yields.data[i]->type);
    }
    text_puts(p->out, ")");
}

static void print_func(Text *out, const Func *func, const PtrMap *funcs) {
    Printer p = {.out = out, .arena = out->arena, .funcs = funcs};
    names_init(&p.value_names, p.arena);
    names_init(&p.sym_names, p.arena);
    ptrmap_init(&p.values, p.arena);
    ptrmap_init(&p.syms, p.arena);
    text_puts(out, func->is_extern ? "extern func " : "func ");
    print_func_name(&p, func);
    print_signature(&p, func);
    if (!func->is_extern) {
        text_puts(out, " {");
        p.indent = 1;
        print_region(&p, func->body);
        new_line(&p);
        text_puts(out, func->body->yields.n > 0 ? "return " : "return");
        print_values(&p, func->body->yields.data, func->body->yields.n);
        text_puts(out, "\n}");
    }
    text_puts(out, "\n");
}

static void print_rule(Text *out, const PtrMap *names, const char *kind, const Func *func,
                       const Func *rule) {
    if (rule) {
        text_printf(out, "rule %s ", kind);
        print_name(out, "@", ptrmap_get(names, func));
        text_puts(out, " = ");
        print_name(out, "@", ptrmap_has(names, rule) ? ptrmap_get(names, rule) : rule->name);
        text_puts(out, "\n");
    }
}

void ir_print(Text *out, const IrModule *m) {
    NameSet used;
    PtrMap names;
    names_init(&used, out->arena);
    ptrmap_init(&names, out->arena);
    if (m->name) {
        print_name(out, "module ", m->name);
        text_puts(out, "\n");
    }
    for (int i = 0; i < m->funcs.n; i++) {
        const Func *func = m->funcs.data[i];
        Atom name = unique_name(&used, out->arena, func->name ? func->name : "f");
        ptrmap_put(&names, func, (void *)(uintptr_t)name);
    }
    for (int i = 0; i < m->funcs.n; i++) {
        text_puts(out, i > 0 || m->name ? "\n" : "");
        print_func(out, m->funcs.data[i], &names);
    }
    text_puts(out, m->exports.n > 0 ? "\n" : "");
    for (int i = 0; i < m->funcs.n; i++) {
        const Func *func = m->funcs.data[i];
        print_rule(out, &names, "jvp", func, func->jvp_rule);
        print_rule(out, &names, "vjp", func, func->vjp_rule);
    }
    for (int i = 0; i < m->exports.n; i++) {
        const Export *export = m->exports.data[i];
        Atom name = ptrmap_get(&names, export->func);
        print_name(out, "export @", name ? name : export->func->name);
        print_name(out, " as ", export->name);
        for (int k = 0; k < export->func->sizes.n; k++) {
            if (export_size_from(export, k) >= 0) {
                text_printf(out, " size(%d = %d)", k, export_size_from(export, k));
            }
        }
        text_puts(out, "\n");
    }
}
