/* Reading instructions of the textual IR, with the regions of loops and ifs. They are appended as
 * they stand, without folding. Called by read.c only. */
#include "ir/emit.h"
#include "ir/read_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- instructions ---- */

/* One instruction while it is read. */
typedef struct Draft {
    Inst inst;
    ValueList in;
    AtomList names;
    TypeList types;
    Loc loc;
} Draft;

static bool read_const(Reader *r, Token *number, bool *negative) {
    *negative = read_accept_mark(r, '-');
    *number = r->token;
    if (number->kind != TOKEN_int && number->kind != TOKEN_float && number->kind != TOKEN_word) {
        return read_expected(r, "a number, inf, nan, true or false");
    }
    read_advance(r);
    return true;
}

static bool set_integer(Reader *r, Draft *d, const Token *token, bool negative) {
    errno = 0;
    unsigned long long magnitude = strtoull(token->text, NULL, 10);
    if (token->kind != TOKEN_int || errno != 0 ||
        magnitude > (unsigned long long)INT64_MAX + negative) {
        return read_fail(r, DIAG_ir_syntax, token->loc,
                         "an integer constant of 64 bits is needed here");
    }
    d->inst.attr.integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool set_number(Reader *r, Draft *d, Scalar elem, const Token *token, bool negative) {
    bool special = token->kind == TOKEN_word;
    if (special && strcmp(token->text, "inf") != 0 && strcmp(token->text, "nan") != 0) {
        return read_fail(r, DIAG_ir_syntax, token->loc, "a number, inf or nan is needed here");
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
    return yes || no || read_fail(r, DIAG_ir_syntax, number->loc, "true or false is needed here");
}

static bool read_div(Reader *r, Draft *d) {
    if (!read_take_values(r, &d->in)) {
        return false;
    }
    d->inst.by_reciprocal = read_accept_word(r, "by");
    return !d->inst.by_reciprocal || read_accept_word(r, "reciprocal") ||
           read_expected(r, "'reciprocal'");
}

static bool read_dim(Reader *r, Draft *d) {
    Atom name;
    if (!read_take_values(r, &d->in)) {
        return false;
    }
    Token token;
    if (!read_accept_word(r, "as")) {
        return read_expected(r, "'as'");
    }
    token = r->token;
    if (!read_take_text(r, TOKEN_word, "the name of a size symbol", &name)) {
        return false;
    }
    d->inst.attr.sym = sizesym_new(&r->ctx->polys, name, token.loc);
    ir_bind_sym(d->inst.attr.sym, d->in.data[0]);
    return read_define_sym(r, name, token.loc, d->inst.attr.sym);
}

static bool read_check(Reader *r, Draft *d) {
    Atom text;
    if (!read_take_values(r, &d->in) ||
        !read_take_text(r, TOKEN_string, "the message in quotes", &text)) {
        return false;
    }
    d->inst.attr.text = text;
    return true;
}

/* `%a[%i, %j]`, with `, %v` when something is put there; operands become a, (v,) indices. */
static bool read_indexed(Reader *r, Draft *d, bool put) {
    ValueList indices = {0};
    Value *a = read_take_value(r), *v = NULL;
    if (!a || !read_take_mark(r, '[') || !read_take_values(r, &indices) ||
        !read_take_mark(r, ']')) {
        return false;
    }
    if (put) {
        v = read_take_mark(r, ',') ? read_take_value(r) : NULL;
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
    if (!read_take_values(r, &d->in) || !read_take_mark(r, '(')) {
        return false;
    }
    int n = 0, axis;
    while (!read_at_mark(r, ')')) {
        Loc loc = r->token.loc;
        if (!read_take_int(r, IR_MAX_RANK - 1, &axis)) {
            return false;
        }
        if (n == IR_MAX_RANK) {
            return read_fail(r, DIAG_ir_syntax, loc, "an array has at most 8 axes");
        }
        d->inst.attr.perm[n++] = (int8_t)axis;
        if (!read_accept_mark(r, ',')) {
            break;
        }
    }
    if (n != d->in.data[0]->type->rank) {
        return read_fail(r, DIAG_ir_syntax, r->token.loc,
                         "a permutation names each axis of the operand once");
    }
    return read_take_mark(r, ')');
}

static bool read_reduce(Reader *r, Draft *d) {
    for (int kind = 0; kind <= RED_argmin; kind++) {
        if (read_accept_word(r, reduce_name[kind])) {
            d->inst.attr.reduce.kind = (Reduce)kind;
            return read_take_int(r, IR_MAX_RANK, &d->inst.attr.reduce.axes) &&
                   read_take_values(r, &d->in);
        }
    }
    return read_expected(r, "sum, max, min, logsumexp, any, all, argmax or argmin");
}

static bool read_contract(Reader *r, Draft *d) {
    Atom spec;
    if (!read_take_text(r, TOKEN_string, "the axis labels in quotes", &spec)) {
        return false;
    }
    d->inst.attr.spec = spec;
    return read_take_values(r, &d->in);
}

/* ---- calls ---- */

static bool read_callee_sizes(Reader *r, Draft *d, const Func *func) {
    Loc loc = r->token.loc;
    const Size **sizes = ARENA_ARRAY(r->arena, func->sizes.n, const Size *);
    int n = 0;
    if (read_accept_mark(r, '[')) {
        do {
            const Size *size = read_size(r);
            if (!size) {
                return false;
            }
            if (n < func->sizes.n) {
                sizes[n] = size;
            }
            n++;
        } while (read_accept_mark(r, ','));
        if (!read_take_mark(r, ']')) {
            return false;
        }
    }
    d->inst.attr.callee.sizes = sizes;
    return n == func->sizes.n ||
           read_fail(r, DIAG_ir_syntax, loc,
                     arena_printf(r->arena, "'@%s' takes %d sizes, here are %d", func->name,
                                  func->sizes.n, n));
}

static bool read_wrt(Reader *r, Draft *d) {
    VEC(int) wrt = {0};
    if (!read_accept_word(r, "wrt")) {
        return read_expected(r, "'wrt'");
    }
    if (!read_take_mark(r, '(')) {
        return false;
    }
    while (r->token.kind == TOKEN_int) {
        int param;
        if (!read_take_int(r, 1 << 20, &param)) {
            return false;
        }
        vec_push(r->arena, &wrt, param);
        if (!read_accept_mark(r, ',')) {
            break;
        }
    }
    d->inst.attr.callee.wrt = wrt.data;
    d->inst.attr.callee.n_wrt = wrt.n;
    return read_take_mark(r, ')');
}

static bool read_call(Reader *r, Draft *d) {
    Func *func = read_take_func(r);
    if (!func) {
        return false;
    }
    d->inst.attr.callee.func = func;
    if (!read_callee_sizes(r, d, func) || (d->inst.op != OP_call && !read_wrt(r, d)) ||
        !read_take_mark(r, '(')) {
        return false;
    }
    return (read_at_mark(r, ')') || read_take_values(r, &d->in)) && read_take_mark(r, ')');
}

/* ---- loops and ifs ---- */

static bool read_block(Reader *r, IrBuilder *inner) {
    if (++r->depth > MOST_NESTING) {
        return read_fail(r, DIAG_too_deep, r->token.loc, "regions are nested too deeply");
    }
    bool ok = read_take_mark(r, '{') && read_region(r, inner);
    r->depth--;
    return ok;
}

/* `group(%param = %operand, ...)`: a parameter of the operand's type, or of its rows' for slices.
 */
static bool read_bindings(Reader *r, Draft *d, Region *body, const char *group, int *n) {
    bool slice = group[0] == 's';
    if (!read_accept_word(r, group)) {
        return true;
    }
    if (!read_take_mark(r, '(')) {
        return false;
    }
    do {
        Token token = r->token;
        Atom name;
        Value *operand =
            read_take_text(r, TOKEN_value, "a parameter (%name)", &name) && read_take_mark(r, '=')
                ? read_take_value(r)
                : NULL;
        if (!operand) {
            return false;
        }
        if (slice && operand->type->rank == 0) {
            return read_fail(r, DIAG_ir_type, token.loc,
                             "a slice operand is an array, this is a scalar");
        }
        const Type *type = slice ? ir_drop_axes(r->m, operand->type, 1) : operand->type;
        Value *param = ir_param(r->m, body, type, NULL);
        param->is_acc = group[0] == 'a';
        vec_push(r->arena, &d->in, operand);
        ++*n;
        if (!read_define_value(r, name, token.loc, param)) {
            return false;
        }
    } while (read_accept_mark(r, ','));
    return read_take_mark(r, ')');
}

/* `group(%v, ...)` of a yield; counts what it adds */
static bool read_yield_group(Reader *r, Region *body, const char *group, int *n) {
    *n = 0;
    if (!read_accept_word(r, group)) {
        return true;
    }
    int before = body->yields.n;
    ValueList values = {0};
    if (!read_take_mark(r, '(') || !read_take_values(r, &values) || !read_take_mark(r, ')')) {
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
    if (read_accept_word(r, "yield") && (!read_yield_group(r, body, "carry", &n_carry) ||
                                         !read_yield_group(r, body, "acc", &n_acc) ||
                                         !read_yield_group(r, body, "stack", &n_stack))) {
        return false;
    }
    d->inst.attr.loop.n_stack = n_stack;
    if (n_carry != d->inst.attr.loop.n_carry || n_acc != d->inst.attr.loop.n_acc) {
        return read_fail(
            r, DIAG_ir_syntax, loc,
            "the yield of a loop gives one value for each carry and each acc, in order");
    }
    return read_take_mark(r, '}');
}

static bool read_checkpoint(Reader *r, Inst *inst) {
    if (!read_accept_word(r, "checkpoint")) {
        return true;
    }
    if (!read_take_mark(r, '(')) {
        return false;
    }
    for (int kind = CHECK_inner; kind <= CHECK_binomial; kind++) {
        if (!read_accept_word(r, checkpoint_name[kind])) {
            continue;
        }
        inst->attr.loop.checkpoint = (Checkpoint)kind;
        if (kind != CHECK_inner && !(inst->attr.loop.checkpoint_arg = read_size(r))) {
            return false;
        }
        return read_take_mark(r, ')');
    }
    return read_expected(r, "'inner', 'every' or 'binomial'");
}

static bool read_loop(Reader *r, IrBuilder *b, Draft *d) {
    Inst *inst = &d->inst;
    Token index = r->token;
    Atom name;
    IrBuilder body;
    ir_builder_nested(&body, b);
    d->inst.regions[0] = body.region;
    d->inst.n_region = 1;
    if (!read_take_text(r, TOKEN_value, "the index of the loop (%name)", &name) ||
        !read_take_mark(r, '<')) {
        return false;
    }
    inst->attr.loop.extent = read_size(r);
    if (!inst->attr.loop.extent) {
        return false;
    }
    inst->attr.loop.reverse = read_accept_word(r, "reverse");
    if (!read_checkpoint(r, inst)) {
        return false;
    }
    int n_slice = 0, n_carry = 0, n_acc = 0;
    Value *i = ir_param(r->m, body.region, ir_scalar(r->m, S_i64), NULL);
    if (!read_define_value(r, name, index.loc, i) ||
        !read_bindings(r, d, body.region, "slice", &n_slice) ||
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
    if (read_accept_word(r, "yield") && !read_at_mark(r, '}') && !read_take_values(r, &yields)) {
        return false;
    }
    for (int i = 0; i < yields.n; i++) {
        ir_yield(&inner, yields.data[i]);
    }
    return read_take_mark(r, '}');
}

static bool read_if(Reader *r, IrBuilder *b, Draft *d) {
    d->inst.n_region = 2;
    if (!read_take_values(r, &d->in) || !read_branch(r, b, d, 0)) {
        return false;
    }
    return read_accept_word(r, "else") ? read_branch(r, b, d, 1) : read_expected(r, "'else'");
}

/* ---- any instruction ---- */

static bool read_size_attr(Reader *r, Draft *d) {
    d->inst.attr.size = read_size(r);
    return d->inst.attr.size != NULL;
}

static bool read_rest(Reader *r, IrBuilder *b, Draft *d) {
    switch (d->inst.op) {
    case OP_size:
        return read_size_attr(r, d);
    case OP_dim:
        return read_dim(r, d);
    case OP_check:
        return read_check(r, d);
    case OP_index:
    case OP_slice:
        return read_indexed(r, d, false);
    case OP_add_at:
    case OP_update:
    case OP_add_slice:
        return read_indexed(r, d, true);
    case OP_transpose:
        return read_transpose(r, d);
    case OP_reduce:
        return read_reduce(r, d);
    case OP_contract:
        return read_contract(r, d);
    case OP_loop:
        return read_loop(r, b, d);
    case OP_if:
        return read_if(r, b, d);
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        return read_call(r, d);
    case OP_iota:
        return true;
    case OP_div:
        return read_div(r, d);
    default:
        return read_take_values(r, &d->in);
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
    b->by_reciprocal = d->inst.by_reciprocal;
    Inst *inst = emit_append(b, &d->inst, d->types.n, d->types.data);
    b->by_reciprocal = false;
    for (int i = 0; i < inst->n_region; i++) {
        inst->regions[i]->owner = inst;
    }
    mark_accs(inst);
    for (int i = 0; i < inst->n_out; i++) {
        if (!read_define_value(r, d->names.data[i], d->loc, inst->out[i])) {
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
        if (!read_take_text(r, TOKEN_value, "a value (%name)", &name)) {
            return false;
        }
        vec_push(r->arena, &d->names, name);
    } while (read_accept_mark(r, ','));
    return read_take_mark(r, '=');
}

static bool read_op(Reader *r, Draft *d) {
    Token token = r->token;
    if (token.kind != TOKEN_word) {
        return read_expected(r, "an operation");
    }
    d->inst.op = op_find(token.text);
    if (d->inst.op == OP_COUNT) {
        return read_fail(r, DIAG_ir_name, token.loc,
                         arena_printf(r->arena, "there is no operation '%s'", token.text));
    }
    d->loc = loc_join(d->loc, token.loc);
    read_advance(r);
    return true;
}

static bool read_result_types(Reader *r, Draft *d) {
    if (d->names.n == 0) {
        return true;
    }
    if (!read_take_mark(r, ':') || !read_types(r, &d->types)) {
        return false;
    }
    return d->types.n == d->names.n ||
           read_fail(r, DIAG_ir_syntax, d->loc,
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
        return read_expected(r, "a constant to have a result");
    }
    return (!is_const || finish_const(r, &d, &number, negative)) && append(r, b, &d);
}

/* Up to its yield, return or closing brace. */
bool read_region(Reader *r, IrBuilder *b) {
    while (!read_at_mark(r, '}') && !read_at_word(r, "yield") && !read_at_word(r, "return")) {
        if (r->token.kind == TOKEN_end) {
            return read_expected(r, "an instruction or '}'");
        }
        if (!read_inst(r, b)) {
            return false;
        }
    }
    return true;
}
