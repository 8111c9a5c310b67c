/* Reading the textual IR (Note [Text] in print.c): recursive descent, one token ahead.
 *
 * Takes any bytes. Errors are queued with their place and what was expected; after one, reading goes on
 * with the next function. Only the form is checked here, and that names are known: ir_verify, which callers
 * run next, checks types, scopes and the rest. Instructions are appended as they stand, without folding. */
#include "ir/emit.h"
#include "ir/read_lex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NESTING = 200 };

typedef VEC(Atom) AtomList;
typedef VEC(const Type *) TypeList;

typedef struct Reader {
    Context *ctx;
    Arena *arena;
    IrModule *m;
    Lexer lexer;
    Token token;
    PtrMap funcs;  /* Atom -> Func* */
    PtrMap values; /* of this function: Atom -> Value* */
    PtrMap syms;   /* of this function: Atom -> SizeSym* */
    int depth;
    bool failed;
} Reader;

/* ---- tokens ---- */

static void advance(Reader *r) {
    r->token = lex_next(&r->lexer);
}

static const char *describe(Reader *r, const Token *token) {
    switch (token->kind) {
    case TOKEN_end: return "the end of the file";
    case TOKEN_value: return arena_printf(r->arena, "'%%%s'", token->text);
    case TOKEN_func: return arena_printf(r->arena, "'@%s'", token->text);
    case TOKEN_string: return "a string";
    case TOKEN_arrow: return "'->'";
    case TOKEN_mark: return arena_printf(r->arena, "'%c'", token->mark);
    default: return arena_printf(r->arena, "'%s'", token->text);
    }
}

static bool fail_at(Reader *r, DiagCode code, Loc loc, const char *message) {
    r->failed = true;
    diag_error(&r->ctx->diags, code, loc, "%s", message);
    return false;
}

static bool expected(Reader *r, const char *what) {
    r->failed = true;
    if (r->token.kind != TOKEN_bad) { /* reported by the scanner */
        diag_error(&r->ctx->diags, DIAG_ir_syntax, r->token.loc, "expected %s, found %s", what,
                   describe(r, &r->token));
    }
    return false;
}

static bool at_mark(const Reader *r, char mark) {
    return r->token.kind == TOKEN_mark && r->token.mark == mark;
}

static bool at_word(const Reader *r, const char *word) {
    return r->token.kind == TOKEN_word && strcmp(r->token.text, word) == 0;
}

static bool accept_mark(Reader *r, char mark) {
    bool found = at_mark(r, mark);
    if (found) {
        advance(r);
    }
    return found;
}

static bool accept_word(Reader *r, const char *word) {
    bool found = at_word(r, word);
    if (found) {
        advance(r);
    }
    return found;
}

static bool take_mark(Reader *r, char mark) {
    return accept_mark(r, mark) || expected(r, arena_printf(r->arena, "'%c'", mark));
}

static bool take_text(Reader *r, TokenKind kind, const char *what, Atom *text) {
    if (r->token.kind != kind) {
        return expected(r, what);
    }
    *text = r->token.text;
    advance(r);
    return true;
}

static bool take_int(Reader *r, int most, int *value) {
    Token token = r->token;
    Atom text;
    if (!take_text(r, TOKEN_int, "an integer", &text)) {
        return false;
    }
    errno = 0;
    long number = strtol(text, NULL, 10);
    *value = (int)number;
    return (errno == 0 && number <= most) || fail_at(r, DIAG_ir_syntax, token.loc, "the number is too large here");
}

/* ---- sizes and types ---- */

static const Size *read_size(Reader *r);

static const Size *size_atom(Reader *r) {
    PolyTable *polys = &r->ctx->polys;
    Token token = r->token;
    if (token.kind == TOKEN_int) {
        advance(r);
        errno = 0;
        long long value = strtoll(token.text, NULL, 10);
        if (errno != 0) {
            fail_at(r, DIAG_ir_syntax, token.loc, "the integer does not fit into 64 bits");
            return NULL;
        }
        return size_const(polys, value);
    }
    if (token.kind == TOKEN_word) {
        advance(r);
        SizeSym *sym = ptrmap_get(&r->syms, token.text);
        if (!sym) {
            fail_at(r, DIAG_ir_name, token.loc,
                    arena_printf(r->arena, "no size symbol '%s' is bound here", token.text));
            return NULL;
        }
        return size_sym(polys, sym);
    }
    if (++r->depth > MOST_NESTING) {
        fail_at(r, DIAG_ir_syntax, token.loc, "the size is nested too deeply");
        return NULL;
    }
    const Size *size = NULL;
    if (accept_mark(r, '(')) {
        size = read_size(r);
        size = size && take_mark(r, ')') ? size : NULL;
    } else if (accept_mark(r, '-')) {
        size = size_atom(r);
        size = size ? size_sub(polys, size_const(polys, 0), size) : NULL;
    } else {
        expected(r, "a size");
    }
    r->depth--;
    return size;
}

static const Size *size_product(Reader *r) {
    const Size *size = size_atom(r);
    while (size && accept_mark(r, '*')) {
        const Size *factor = size_atom(r);
        size = factor ? size_mul(&r->ctx->polys, size, factor) : NULL;
    }
    return size;
}

static const Size *read_size(Reader *r) {
    Loc loc = r->token.loc;
    const Size *size = size_product(r);
    while (size && (at_mark(r, '+') || at_mark(r, '-'))) {
        bool plus = at_mark(r, '+');
        advance(r);
        const Size *term = size_product(r);
        size = !term ? NULL : plus ? size_add(&r->ctx->polys, size, term) : size_sub(&r->ctx->polys, size, term);
    }
    if (!size && !r->failed) {
        fail_at(r, DIAG_size_overflow, loc, "the size is beyond 64 bits");
    }
    return size;
}

static const Type *read_type(Reader *r) {
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64"};
    const Size *dims[IR_MAX_RANK];
    int rank = 0;
    if (accept_mark(r, '[')) {
        do {
            if (rank == IR_MAX_RANK) {
                fail_at(r, DIAG_ir_syntax, r->token.loc, "an array has at most 8 axes");
                return NULL;
            }
            dims[rank] = read_size(r);
            if (!dims[rank++]) {
                return NULL;
            }
        } while (accept_mark(r, ','));
        if (!take_mark(r, ']')) {
            return NULL;
        }
    }
    for (int elem = 0; elem < 5; elem++) {
        if (accept_word(r, names[elem])) {
            return ir_type(r->m, (Scalar)elem, rank, dims);
        }
    }
    expected(r, "a type: bool, i32, i64, f32, f64 or [sizes]element");
    return NULL;
}

static bool read_types(Reader *r, TypeList *types) {
    do {
        const Type *type = read_type(r);
        if (!type) {
            return false;
        }
        vec_push(r->arena, types, type);
    } while (accept_mark(r, ','));
    return true;
}

/* ---- values ---- */

static bool define_value(Reader *r, Atom name, Loc loc, Value *v) {
    if (ptrmap_has(&r->values, name)) {
        return fail_at(r, DIAG_duplicate, loc, arena_printf(r->arena, "'%%%s' is defined twice", name));
    }
    ptrmap_put(&r->values, name, v);
    bool number = name[0] >= '0' && name[0] <= '9';
    v->name = number ? NULL : name;
    return true;
}

static bool define_sym(Reader *r, Atom name, Loc loc, SizeSym *sym) {
    if (ptrmap_has(&r->syms, name)) {
        return fail_at(r, DIAG_duplicate, loc,
                       arena_printf(r->arena, "the size symbol '%s' is bound twice", name));
    }
    ptrmap_put(&r->syms, name, sym);
    return true;
}

static Value *take_value(Reader *r) {
    Token token = r->token;
    Atom name;
    if (!take_text(r, TOKEN_value, "a value (%name)", &name)) {
        return NULL;
    }
    Value *v = ptrmap_get(&r->values, name);
    if (!v) {
        fail_at(r, DIAG_ir_name, token.loc,
                arena_printf(r->arena, "the value '%%%s' is not defined before this use", name));
    }
    return v;
}

static bool take_values(Reader *r, ValueList *values) {
    do {
        Value *v = take_value(r);
        if (!v) {
            return false;
        }
        vec_push(r->arena, values, v);
    } while (accept_mark(r, ','));
    return true;
}

static Func *take_func(Reader *r) {
    Token token = r->token;
    Atom name;
    if (!take_text(r, TOKEN_func, "a function (@name)", &name)) {
        return NULL;
    }
    Func *func = ptrmap_get(&r->funcs, name);
    if (!func) {
        fail_at(r, DIAG_ir_name, token.loc,
                arena_printf(r->arena, "the function '@%s' is not defined before this use", name));
    }
    return func;
}

/* ---- instructions ---- */

/* One instruction while it is read. */
typedef struct Draft {
    Inst inst;
    ValueList in;
    AtomList names;
    TypeList types;
    Loc loc;
} Draft;

static bool read_region(Reader *r, IrBuilder *b);

static bool read_const(Reader *r, Token *number, bool *negative) {
    *negative = accept_mark(r, '-');
    *number = r->token;
    if (number->kind != TOKEN_int && number->kind != TOKEN_float && number->kind != TOKEN_word) {
        return expected(r, "a number, inf, nan, true or false");
    }
    advance(r);
    return true;
}

static bool set_integer(Reader *r, Draft *d, const Token *token, bool negative) {
    errno = 0;
    unsigned long long magnitude = strtoull(token->text, NULL, 10);
    if (token->kind != TOKEN_int || errno != 0 || magnitude > (unsigned long long)INT64_MAX + negative) {
        return fail_at(r, DIAG_ir_syntax, token->loc, "an integer constant of 64 bits is needed here");
    }
    d->inst.attr.integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool set_number(Reader *r, Draft *d, Scalar elem, const Token *token, bool negative) {
    bool special = token->kind == TOKEN_word;
    if (special && strcmp(token->text, "inf") != 0 && strcmp(token->text, "nan") != 0) {
        return fail_at(r, DIAG_ir_syntax, token->loc, "a number, inf or nan is needed here");
    }
    double num = elem == S_f32 ? (double)strtof(token->text, NULL) : strtod(token->text, NULL);
    d->inst.attr.num = negative ? -num : num;
    return true;
}

/* The number was kept until its type is known. */
static bool finish_const(Reader *r, Draft *d, const Token *number, bool negative) {
    Scalar elem = d->types.data[0]->elem;
    if (elem >= S_f32) {
        return set_number(r, d, elem, number, negative);
    }
    if (elem != S_bool) {
        return set_integer(r, d, number, negative);
    }
    bool yes = number->kind == TOKEN_word && strcmp(number->text, "true") == 0;
    bool no = number->kind == TOKEN_word && strcmp(number->text, "false") == 0;
    d->inst.attr.integer = yes;
    return yes || no || fail_at(r, DIAG_ir_syntax, number->loc, "true or false is needed here");
}

static bool read_dim(Reader *r, Draft *d) {
    Atom name;
    if (!take_values(r, &d->in)) {
        return false;
    }
    Token token;
    if (!accept_word(r, "as")) {
        return expected(r, "'as'");
    }
    token = r->token;
    if (!take_text(r, TOKEN_word, "the name of a size symbol", &name)) {
        return false;
    }
    d->inst.attr.sym = sizesym_new(&r->ctx->polys, name, token.loc);
    d->inst.attr.sym->value = d->in.data[0];
    return define_sym(r, name, token.loc, d->inst.attr.sym);
}

static bool read_check(Reader *r, Draft *d) {
    Atom text;
    if (!take_values(r, &d->in) || !take_text(r, TOKEN_string, "the message in quotes", &text)) {
        return false;
    }
    d->inst.attr.text = text;
    return true;
}

/* `%a[%i, %j]`, with `, %v` when something is put there; operands become a, (v,) indices. */
static bool read_indexed(Reader *r, Draft *d, bool put) {
    ValueList indices = {0};
    Value *a = take_value(r), *v = NULL;
    if (!a || !take_mark(r, '[') || !take_values(r, &indices) || !take_mark(r, ']')) {
        return false;
    }
    if (put) {
        v = take_mark(r, ',') ? take_value(r) : NULL;
        if (!v) {
            return false;
        }
    }
    vec_push(r->arena, &d->in, a);
    if (put) {
        vec_push(r->arena, &d->in, v);
    }
    for (int i = 0; i < indices.n; i++) {
        vec_push(r->arena, &d->in, indices.data[i]);
    }
    return true;
}

static bool read_transpose(Reader *r, Draft *d) {
    if (!take_values(r, &d->in) || !take_mark(r, '(')) {
        return false;
    }
    int n = 0, axis;
    while (!at_mark(r, ')')) {
        Loc loc = r->token.loc;
        if (!take_int(r, IR_MAX_RANK - 1, &axis)) {
            return false;
        }
        if (n == IR_MAX_RANK) {
            return fail_at(r, DIAG_ir_syntax, loc, "an array has at most 8 axes");
        }
        d->inst.attr.perm[n++] = (int8_t)axis;
        if (!accept_mark(r, ',')) {
            break;
        }
    }
    if (n != d->in.data[0]->type->rank) {
        return fail_at(r, DIAG_ir_syntax, r->token.loc, "a permutation names each axis of the operand once");
    }
    return take_mark(r, ')');
}

static bool read_reduce(Reader *r, Draft *d) {
    for (int kind = 0; kind <= RED_argmin; kind++) {
        if (accept_word(r, reduce_name[kind])) {
            d->inst.attr.reduce.kind = (Reduce)kind;
            return take_int(r, IR_MAX_RANK, &d->inst.attr.reduce.axes) && take_values(r, &d->in);
        }
    }
    return expected(r, "sum, max, min, logsumexp, any, all, argmax or argmin");
}

static bool read_contract(Reader *r, Draft *d) {
    Atom spec;
    if (!take_text(r, TOKEN_string, "the axis labels in quotes", &spec)) {
        return false;
    }
    d->inst.attr.spec = spec;
    return take_values(r, &d->in);
}

/* ---- calls ---- */

static bool read_callee_sizes(Reader *r, Draft *d, const Func *func) {
    Loc loc = r->token.loc;
    const Size **sizes = ARENA_ARRAY(r->arena, func->sizes.n, const Size *);
    int n = 0;
    if (accept_mark(r, '[')) {
        do {
            const Size *size = read_size(r);
            if (!size) {
                return false;
            }
            if (n < func->sizes.n) {
                sizes[n] = size;
            }
            n++;
        } while (accept_mark(r, ','));
        if (!take_mark(r, ']')) {
            return false;
        }
    }
    d->inst.attr.callee.sizes = sizes;
    return n == func->sizes.n ||
           fail_at(r, DIAG_ir_syntax, loc,
                   arena_printf(r->arena, "'@%s' takes %d sizes, here are %d", func->name, func->sizes.n, n));
}

static bool read_wrt(Reader *r, Draft *d) {
    VEC(int) wrt = {0};
    if (!accept_word(r, "wrt")) {
        return expected(r, "'wrt'");
    }
    if (!take_mark(r, '(')) {
        return false;
    }
    while (r->token.kind == TOKEN_int) {
        int param;
        if (!take_int(r, 1 << 20, &param)) {
            return false;
        }
        vec_push(r->arena, &wrt, param);
        if (!accept_mark(r, ',')) {
            break;
        }
    }
    d->inst.attr.callee.wrt = wrt.data;
    d->inst.attr.callee.n_wrt = wrt.n;
    return take_mark(r, ')');
}

static bool read_call(Reader *r, Draft *d) {
    Func *func = take_func(r);
    if (!func) {
        return false;
    }
    d->inst.attr.callee.func = func;
    if (!read_callee_sizes(r, d, func) || (d->inst.op != OP_call && !read_wrt(r, d)) || !take_mark(r, '(')) {
        return false;
    }
    return (at_mark(r, ')') || take_values(r, &d->in)) && take_mark(r, ')');
}

/* ---- loops and ifs ---- */

static bool read_block(Reader *r, IrBuilder *inner) {
    if (++r->depth > MOST_NESTING) {
        return fail_at(r, DIAG_too_deep, r->token.loc, "regions are nested too deeply");
    }
    bool ok = take_mark(r, '{') && read_region(r, inner);
    r->depth--;
    return ok;
}

/* `group(%param = %operand, ...)`: a parameter of the operand's type, or of its rows' for slices. */
static bool read_bindings(Reader *r, Draft *d, Region *body, const char *group, int *n) {
    bool slice = group[0] == 's';
    if (!accept_word(r, group)) {
        return true;
    }
    if (!take_mark(r, '(')) {
        return false;
    }
    do {
        Token token = r->token;
        Atom name;
        Value *operand =
            take_text(r, TOKEN_value, "a parameter (%name)", &name) && take_mark(r, '=') ? take_value(r) : NULL;
        if (!operand) {
            return false;
        }
        if (slice && operand->type->rank == 0) {
            return fail_at(r, DIAG_ir_type, token.loc, "a slice operand is an array, this is a scalar");
        }
        const Type *type = slice ? ir_drop_axes(r->m, operand->type, 1) : operand->type;
        Value *param = ir_param(r->m, body, type, NULL);
        param->is_acc = group[0] == 'a';
        vec_push(r->arena, &d->in, operand);
        ++*n;
        if (!define_value(r, name, token.loc, param)) {
            return false;
        }
    } while (accept_mark(r, ','));
    return take_mark(r, ')');
}

/* `group(%v, ...)` of a yield; counts what it adds */
static bool read_yield_group(Reader *r, Region *body, const char *group, int *n) {
    *n = 0;
    if (!accept_word(r, group)) {
        return true;
    }
    int before = body->yields.n;
    ValueList values = {0};
    if (!take_mark(r, '(') || !take_values(r, &values) || !take_mark(r, ')')) {
        return false;
    }
    for (int i = 0; i < values.n; i++) {
        vec_push(r->arena, &body->yields, values.data[i]);
    }
    *n = body->yields.n - before;
    return true;
}

static bool read_loop_yield(Reader *r, Draft *d, Region *body) {
    int n_carry = 0, n_acc = 0, n_stack = 0;
    Loc loc = r->token.loc;
    if (accept_word(r, "yield") &&
        (!read_yield_group(r, body, "carry", &n_carry) || !read_yield_group(r, body, "acc", &n_acc) ||
         !read_yield_group(r, body, "stack", &n_stack))) {
        return false;
    }
    d->inst.attr.loop.n_stack = n_stack;
    if (n_carry != d->inst.attr.loop.n_carry || n_acc != d->inst.attr.loop.n_acc) {
        return fail_at(r, DIAG_ir_syntax, loc,
                       "the yield of a loop gives one value for each carry and each acc, in order");
    }
    return take_mark(r, '}');
}

static bool read_loop(Reader *r, IrBuilder *b, Draft *d) {
    Inst *inst = &d->inst;
    Token index = r->token;
    Atom name;
    IrBuilder body;
    ir_builder_nested(&body, b);
    d->inst.regions[0] = body.region;
    d->inst.n_region = 1;
    if (!take_text(r, TOKEN_value, "the index of the loop (%name)", &name) || !take_mark(r, '<')) {
        return false;
    }
    inst->attr.loop.extent = read_size(r);
    if (!inst->attr.loop.extent) {
        return false;
    }
    inst->attr.loop.reverse = accept_word(r, "reverse");
    int n_slice = 0, n_carry = 0, n_acc = 0;
    Value *i = ir_param(r->m, body.region, ir_scalar(r->m, S_i64), NULL);
    if (!define_value(r, name, index.loc, i) || !read_bindings(r, d, body.region, "slice", &n_slice) ||
        !read_bindings(r, d, body.region, "carry", &n_carry) ||
        !read_bindings(r, d, body.region, "acc", &n_acc)) {
        return false;
    }
    inst->attr.loop.n_slice = n_slice;
    inst->attr.loop.n_carry = n_carry;
    inst->attr.loop.n_acc = n_acc;
    return read_block(r, &body) && read_loop_yield(r, d, body.region);
}

static bool read_branch(Reader *r, IrBuilder *b, Draft *d, int which) {
    IrBuilder inner;
    ir_builder_nested(&inner, b);
    d->inst.regions[which] = inner.region;
    if (!read_block(r, &inner)) {
        return false;
    }
    ValueList yields = {0};
    if (accept_word(r, "yield") && !at_mark(r, '}') && !take_values(r, &yields)) {
        return false;
    }
    for (int i = 0; i < yields.n; i++) {
        ir_yield(&inner, yields.data[i]);
    }
    return take_mark(r, '}');
}

static bool read_if(Reader *r, IrBuilder *b, Draft *d) {
    d->inst.n_region = 2;
    if (!take_values(r, &d->in) || !read_branch(r, b, d, 0)) {
        return false;
    }
    return accept_word(r, "else") ? read_branch(r, b, d, 1) : expected(r, "'else'");
}

/* ---- any instruction ---- */

static bool read_size_attr(Reader *r, Draft *d) {
    d->inst.attr.size = read_size(r);
    return d->inst.attr.size != NULL;
}

static bool read_rest(Reader *r, IrBuilder *b, Draft *d) {
    switch (d->inst.op) {
    case OP_size: return read_size_attr(r, d);
    case OP_dim: return read_dim(r, d);
    case OP_check: return read_check(r, d);
    case OP_index:
    case OP_slice: return read_indexed(r, d, false);
    case OP_add_at:
    case OP_update:
    case OP_add_slice: return read_indexed(r, d, true);
    case OP_transpose: return read_transpose(r, d);
    case OP_reduce: return read_reduce(r, d);
    case OP_contract: return read_contract(r, d);
    case OP_loop: return read_loop(r, b, d);
    case OP_if: return read_if(r, b, d);
    case OP_call:
    case OP_vjp:
    case OP_jvp: return read_call(r, d);
    case OP_iota: return true;
    default: return take_values(r, &d->in);
    }
}

/* Accs pass through loops and ifs; see emit_append for the rest. */
static void mark_accs(Inst *inst) {
    for (int i = 0; i < inst->n_out; i++) {
        if (inst->op == OP_loop) {
            int n_carry = inst->attr.loop.n_carry, acc = i - n_carry;
            inst->out[i]->is_acc = acc >= 0 && acc < inst->attr.loop.n_acc &&
                                   inst->in[inst->attr.loop.n_slice + i]->is_acc;
        } else if (inst->op == OP_if) {
            for (int j = 0; j < 2; j++) {
                const Region *branch = inst->regions[j];
                inst->out[i]->is_acc |= i < branch->yields.n && branch->yields.data[i]->is_acc;
            }
        }
    }
}

static bool append(Reader *r, IrBuilder *b, Draft *d) {
    d->inst.n_in = d->in.n;
    d->inst.in = d->in.data;
    b->loc = d->loc;
    Inst *inst = emit_append(b, &d->inst, d->types.n, d->types.data);
    for (int i = 0; i < inst->n_region; i++) {
        inst->regions[i]->owner = inst;
    }
    mark_accs(inst);
    for (int i = 0; i < inst->n_out; i++) {
        if (!define_value(r, d->names.data[i], d->loc, inst->out[i])) {
            return false;
        }
    }
    return true;
}

static bool read_result_names(Reader *r, Draft *d) {
    if (r->token.kind != TOKEN_value) {
        return true;
    }
    do {
        Atom name;
        if (!take_text(r, TOKEN_value, "a value (%name)", &name)) {
            return false;
        }
        vec_push(r->arena, &d->names, name);
    } while (accept_mark(r, ','));
    return take_mark(r, '=');
}

static bool read_op(Reader *r, Draft *d) {
    Token token = r->token;
    if (token.kind != TOKEN_word) {
        return expected(r, "an operation");
    }
    d->inst.op = op_find(token.text);
    if (d->inst.op == OP_COUNT) {
        return fail_at(r, DIAG_ir_name, token.loc,
                       arena_printf(r->arena, "there is no operation '%s'", token.text));
    }
    d->loc = loc_join(d->loc, token.loc);
    advance(r);
    return true;
}

static bool read_result_types(Reader *r, Draft *d) {
    if (d->names.n == 0) {
        return true;
    }
    if (!take_mark(r, ':') || !read_types(r, &d->types)) {
        return false;
    }
    return d->types.n == d->names.n ||
           fail_at(r, DIAG_ir_syntax, d->loc,
                   arena_printf(r->arena, "%d results have %d types", d->names.n, d->types.n));
}

static bool read_inst(Reader *r, IrBuilder *b) {
    Draft d = {.loc = r->token.loc};
    Token number = {0};
    bool negative = false;
    if (!read_result_names(r, &d) || !read_op(r, &d)) {
        return false;
    }
    bool is_const = d.inst.op == OP_const;
    if (!(is_const ? read_const(r, &number, &negative) : read_rest(r, b, &d)) ||
        !read_result_types(r, &d)) {
        return false;
    }
    if (is_const && d.names.n == 0) {
        return expected(r, "a constant to have a result");
    }
    return (!is_const || finish_const(r, &d, &number, negative)) && append(r, b, &d);
}

/* Up to its yield, return or closing brace. */
static bool read_region(Reader *r, IrBuilder *b) {
    while (!at_mark(r, '}') && !at_word(r, "yield") && !at_word(r, "return")) {
        if (r->token.kind == TOKEN_end) {
            return expected(r, "an instruction or '}'");
        }
        if (!read_inst(r, b)) {
            return false;
        }
    }
    return true;
}

/* ---- functions ---- */

static bool read_size_params(Reader *r, Func *func) {
    if (!accept_mark(r, '[')) {
        return true;
    }
    do {
        Token token = r->token;
        Atom name;
        if (!take_text(r, TOKEN_word, "a size parameter", &name)) {
            return false;
        }
        SizeSym *sym = sizesym_new(&r->ctx->polys, name, token.loc);
        vec_push(r->arena, &func->sizes, sym);
        if (!define_sym(r, name, token.loc, sym)) {
            return false;
        }
    } while (accept_mark(r, ','));
    return take_mark(r, ']');
}

static bool read_params(Reader *r, Func *func) {
    if (!take_mark(r, '(')) {
        return false;
    }
    while (!at_mark(r, ')')) {
        Token token = r->token;
        Atom name;
        const Type *type =
            take_text(r, TOKEN_value, "a parameter (%name) or ')'", &name) && take_mark(r, ':') ? read_type(r) : NULL;
        if (!type || !define_value(r, name, token.loc, ir_param(r->m, func->body, type, NULL))) {
            return false;
        }
        if (!accept_mark(r, ',')) {
            break;
        }
    }
    return take_mark(r, ')');
}

static bool read_result_list(Reader *r, TypeList *types) {
    if (r->token.kind != TOKEN_arrow) {
        return expected(r, "'->' and the result types");
    }
    advance(r);
    return take_mark(r, '(') && (at_mark(r, ')') || read_types(r, types)) && take_mark(r, ')');
}

/* The result types may name sizes that the body binds, so they are read after it: here they are skipped. */
static bool skip_result_list(Reader *r) {
    while (r->token.kind != TOKEN_end && r->token.kind != TOKEN_bad && !at_mark(r, '{')) {
        advance(r);
    }
    return at_mark(r, '{') || expected(r, "'{'");
}

/* `at` is where the result types stand. */
static bool read_return(Reader *r, Func *func, const Reader *at) {
    Region *body = func->body;
    TypeList result_types = {0}, *types = &result_types;
    Loc loc = r->token.loc;
    if (!accept_word(r, "return")) {
        return expected(r, "'return'");
    }
    ValueList values = {0};
    if (r->token.kind == TOKEN_value && !take_values(r, &values)) {
        return false;
    }
    Lexer lexer = r->lexer;
    Token token = r->token;
    r->lexer = at->lexer;
    r->token = at->token;
    if (!read_result_list(r, types)) {
        return false;
    }
    r->lexer = lexer;
    r->token = token;
    for (int i = 0; i < values.n; i++) {
        vec_push(r->arena, &body->yields, values.data[i]);
        if (i < types->n && values.data[i]->type != types->data[i]) {
            return fail_at(r, DIAG_ir_type, loc,
                           arena_printf(r->arena, "result %d has another type than the function declares", i));
        }
    }
    if (values.n != types->n) {
        return fail_at(r, DIAG_ir_type, loc,
                       arena_printf(r->arena, "the function declares %d results and returns %d", types->n, values.n));
    }
    return take_mark(r, '}');
}

static bool read_func(Reader *r, bool is_extern) {
    Token token = r->token;
    Atom name;
    TypeList types = {0};
    if (!take_text(r, TOKEN_func, "the function's name (@name)", &name)) {
        return false;
    }
    if (ptrmap_has(&r->funcs, name)) {
        return fail_at(r, DIAG_duplicate, token.loc,
                       arena_printf(r->arena, "the function '@%s' is defined twice", name));
    }
    Func *func = ir_func_new(r->m, name, token.loc);
    func->is_extern = is_extern;
    r->depth = 0;
    ptrmap_init(&r->values, r->arena);
    ptrmap_init(&r->syms, r->arena);
    if (!read_size_params(r, func) || !read_params(r, func)) {
        return false;
    }
    Reader results = *r;
    if (!(is_extern ? read_result_list(r, &types) : skip_result_list(r))) {
        return false;
    }
    if (is_extern && types.n != 1) {
        return fail_at(r, DIAG_ir_type, token.loc, "an extern function has one result");
    }
    if (is_extern) {
        func->extern_result = types.data[0];
    } else {
        IrBuilder b;
        ir_builder_init(&b, r->m, func->body);
        b.fold = false;
        if (!take_mark(r, '{') || !read_region(r, &b) || !read_return(r, func, &results)) {
            return false;
        }
    }
    vec_push(r->arena, &r->m->funcs, func);
    ptrmap_put(&r->funcs, name, func);
    return true;
}

/* ---- the module ---- */

static bool read_rule(Reader *r) {
    bool jvp = accept_word(r, "jvp");
    if (!jvp && !accept_word(r, "vjp")) {
        return expected(r, "jvp or vjp");
    }
    Func *func = take_func(r);
    Func *rule = func && take_mark(r, '=') ? take_func(r) : NULL;
    if (!rule) {
        return false;
    }
    *(jvp ? &func->jvp_rule : &func->vjp_rule) = rule;
    return true;
}

/* A parameter of its own for each leaf. */
static Param *leaf_params(Reader *r, const Func *func, bool results, int *n) {
    const Region *body = func->body;
    *n = results ? body->yields.n : body->params.n;
    Param *params = ARENA_ARRAY(r->arena, *n, Param);
    for (int i = 0; i < *n; i++) {
        const Value *v = results ? body->yields.data[i] : body->params.data[i];
        char name[32];
        snprintf(name, sizeof name, results ? (*n == 1 ? "out" : "out%d") : "x%d", i);
        bool named = !results && v->name && !strpbrk(v->name, ".$");
        params[i].name = named ? v->name : atom_of(&r->ctx->atoms, name);
        params[i].type = v->type;
    }
    return params;
}

static bool read_export(Reader *r) {
    Token token = r->token;
    Func *func = take_func(r);
    Atom name;
    if (!func) {
        return false;
    }
    if (!accept_word(r, "as")) {
        return expected(r, "'as'");
    }
    if (!take_text(r, TOKEN_word, "the exported name", &name)) {
        return false;
    }
    Export *export = ARENA_NEW(r->arena, Export);
    export->name = name;
    export->func = func;
    export->loc = token.loc;
    export->params = leaf_params(r, func, false, &export->n_params);
    export->results = leaf_params(r, func, true, &export->n_results);
    vec_push(r->arena, &r->m->exports, export);
    return true;
}

static bool read_module_name(Reader *r) {
    return r->token.kind == TOKEN_string ? take_text(r, TOKEN_string, "a name", &r->m->name)
                                         : take_text(r, TOKEN_word, "the module's name", &r->m->name);
}

static bool read_item(Reader *r) {
    if (accept_word(r, "module")) {
        return read_module_name(r);
    }
    if (accept_word(r, "func")) {
        return read_func(r, false);
    }
    if (accept_word(r, "extern")) {
        return accept_word(r, "func") ? read_func(r, true) : expected(r, "'func'");
    }
    if (accept_word(r, "rule")) {
        return read_rule(r);
    }
    return accept_word(r, "export") ? read_export(r) : expected(r, "func, extern, rule, export or module");
}

static bool at_item(const Reader *r) {
    return r->token.starts_line && (at_word(r, "func") || at_word(r, "extern") || at_word(r, "rule") ||
                                    at_word(r, "export") || at_word(r, "module"));
}

IrModule *ir_read(Context *ctx, Arena *arena, Source *source) {
    Reader r = {.ctx = ctx, .arena = arena, .m = ir_module_new(ctx, arena, NULL)};
    r.lexer = (Lexer){.ctx = ctx, .arena = arena, .source = source};
    ptrmap_init(&r.funcs, arena);
    ptrmap_init(&r.values, arena);
    ptrmap_init(&r.syms, arena);
    advance(&r);
    while (r.token.kind != TOKEN_end) {
        if (!read_item(&r)) {
            r.failed = true;
            while (r.token.kind != TOKEN_end && !at_item(&r)) {
                advance(&r);
            }
        }
    }
    return r.failed ? NULL : r.m;
}
