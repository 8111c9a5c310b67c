/* Scalars as C expressions; see csource_print.h. Their meaning is that of ir/eval_math.h: integers
 * wrap (in helpers, where they might), floats to integers saturate, min and max keep NaN. Names of
 * helpers are those of csource_helpers.def. */
#include "codegen/csource_print.h"
#include "codegen/header.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_INLINED = 64 };

CValue *cs_value(CSource *c, const Value *v) {
    CValue *value = ptrmap_get(&c->values, v);
    if (!value) {
        value = ARENA_NEW(c->arena, CValue);
        ptrmap_put(&c->values, v, value);
    }
    return value;
}

CExpr cs_scalar(CSource *c, const Value *v) {
    return cs_value(c, v)->expr;
}

/* ---- definitions ---- */

static void define_named(CSource *c, const Value *v, CExpr expr, const char *hint, Loc loc) {
    cs_show_line(c, loc);
    const char *name = v->name || hint ? cs_fresh(c, v->name ? v->name : hint) : cs_temporary(c);
    cs_value(c, v)->marked = cs_value(c, v)->size;
    cs_line(c, "%sconst %s %s = %s;", cs_value(c, v)->marked ? CS_MARK : "",
            header_c_type(v->type->elem), name, expr.text);
    cs_value(c, v)->expr = cs_expr(name, PREC_primary);
}

void cs_define(CSource *c, const Value *v, CExpr expr, const char *hint, bool movable, Loc loc) {
    CValue *value = cs_value(c, v);
    if (value->uses == 0) {
        return;
    }
    if (movable && !v->name && value->uses == 1 && !value->foreign &&
        strlen(expr.text) <= LONGEST_INLINED) {
        value->expr = expr;
        value->inlined = true;
    } else {
        define_named(c, v, expr, hint, loc);
    }
}

/* ---- numbers ---- */

CExpr cs_number(CSource *c, Scalar elem, double value) {
    if (isnan(value)) {
        return cs_expr("NAN", PREC_primary);
    }
    if (isinf(value)) {
        return value < 0 ? cs_expr("-INFINITY", PREC_unary) : cs_expr("INFINITY", PREC_primary);
    }
    Text text;
    text_init(&text, c->arena);
    ir_print_number(&text, elem, value);
    text_puts(&text, elem == S_f32 ? "f" : "");
    return cs_expr(text.data, signbit(value) ? PREC_unary : PREC_primary);
}

static CExpr literal(CSource *c, const Inst *inst) {
    Scalar elem = inst->out[0]->type->elem;
    if (elem >= S_f32) {
        return cs_number(c, elem, inst->attr.num);
    }
    if (elem == S_bool) {
        return cs_expr(inst->attr.integer ? "true" : "false", PREC_primary);
    }
    return cs_int(c, inst->attr.integer);
}

void cs_constant(CSource *c, const Inst *inst) {
    CValue *value = cs_value(c, inst->out[0]);
    value->expr = literal(c, inst);
    value->inlined = true;
}

/* ---- operators ---- */

static CExpr infix(CSource *c, CExpr x, const char *sign, CExpr y, Prec prec) {
    const char *left = cs_wrap(c, x, prec), *right = cs_wrap(c, y, (Prec)(prec + 1));
    return cs_expr(
        arena_printf(c->arena, prec == PREC_mul ? "%s%s%s" : "%s %s %s", left, sign, right), prec);
}

static CExpr call(CSource *c, const char *name, const CExpr *args, int n) {
    Text text;
    text_init(&text, c->arena);
    text_printf(&text, "%s(", name);
    for (int k = 0; k < n; k++) {
        text_printf(&text, "%s%s", k ? ", " : "", args[k].text);
    }
    text_puts(&text, ")");
    return cs_expr(text.data, PREC_primary);
}

static CExpr cast(CSource *c, const char *type, CExpr x) {
    return cs_expr(arena_printf(c->arena, "(%s)%s", type, cs_wrap(c, x, PREC_unary)), PREC_unary);
}

static CExpr negated(CSource *c, CExpr x) {
    const char *operand = cs_wrap(c, x, x.text[0] == '-' ? PREC_primary : PREC_unary);
    return cs_expr(arena_printf(c->arena, "-%s", operand), PREC_unary);
}

static CExpr compare(CSource *c, Op op, CExpr x, CExpr y) {
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    const char *left = cs_wrap(c, x, PREC_add), *right = cs_wrap(c, y, PREC_add);
    const char *text = arena_printf(c->arena, "%s %s %s", left, signs[(int)op - (int)OP_eq], right);
    return cs_expr(text, PREC_compare);
}

static CExpr logic(CSource *c, Op op, const CExpr *x) {
    if (op == OP_not) {
        return cs_expr(arena_printf(c->arena, "!%s", cs_wrap(c, x[0], PREC_unary)), PREC_unary);
    }
    Prec prec = op == OP_and ? PREC_and : PREC_or;
    const char *sides[2];
    for (int k = 0; k < 2;
         k++) { /* mixed ones in parentheses, which compilers warn for otherwise */
        sides[k] = x[k].prec == prec ? x[k].text : cs_wrap(c, x[k], PREC_compare);
    }
    return cs_expr(
        arena_printf(c->arena, "%s %s %s", sides[0], op == OP_and ? "&&" : "||", sides[1]), prec);
}

/* A whole number beside a constant. */
static const Value *compared_with_constant(const Value *v) {
    const Inst *inst = v->inst;
    if (!inst || op_info[inst->op].class != OPC_CMP || type_is_float(inst->in[0]->type))
        return NULL;
    return inst_is_const(inst->in[1])   ? inst->in[0]
           : inst_is_const(inst->in[0]) ? inst->in[1]
                                        : NULL;
}

/* Compilers warn for x < 2 || x > 0, which is always true, where they see both at once: then the
 * right one gets a name. */
static void keep_apart(CSource *c, const Value *left, const Value *right, CExpr *x) {
    const Value *of = left && right ? compared_with_constant(left) : NULL;
    if (of && of == compared_with_constant(right) && cs_value(c, right)->inlined) {
        const char *name = cs_temporary(c);
        cs_line(c, "const bool %s = %s;", name, x->text);
        *x = cs_expr(name, PREC_primary);
    }
}

CExpr cs_choice(CSource *c, const CExpr *x, const Value *const *values) {
    CExpr either[] = {x[0], x[2]}, both[] = {x[0], x[1]};
    if (strcmp(x[1].text, "true") == 0) {
        keep_apart(c, values[0], values[2], &either[1]);
        return logic(c, OP_or, either);
    }
    if (strcmp(x[2].text, "false") == 0) {
        keep_apart(c, values[0], values[1], &both[1]);
        return logic(c, OP_and, both);
    }
    const char *cond = cs_wrap(c, x[0], PREC_or), *yes = cs_wrap(c, x[1], PREC_or);
    const char *no = cs_wrap(c, x[2], PREC_or);
    return cs_expr(arena_printf(c->arena, "%s ? %s : %s", cond, yes, no), PREC_cond);
}

/* ---- floats ---- */

/* Operations that no function of libm of their name gives; lgamma, since that may write a global,
 * and so that f32 goes through double as it does in machine code. */
static const char *const float_helper[OP_COUNT] = {
    [OP_min] = "bp_min",           [OP_max] = "bp_max",         [OP_sign] = "bp_sign",
    [OP_clamp] = "bp_clamp",       [OP_relu] = "bp_relu",       [OP_sigmoid] = "bp_sigmoid",
    [OP_softplus] = "bp_softplus", [OP_digamma] = "bp_digamma", [OP_polygamma] = "bp_polygamma",
    [OP_lgamma] = "bp_lgamma",     [OP_mul0] = "bp_mul0",
};

static CExpr float_call(CSource *c, Op op, Scalar elem, const CExpr *x) {
    int n = op_info[op].arity;
    if (float_helper[op]) {
        CExpr result = call(c, float_helper[op], x, n);
        return elem == S_f32 ? cast(c, "float", result) : result;
    }
    const char *name = op == OP_abs ? "fabs" : op == OP_rem ? "fmod" : op_info[op].name;
    return call(c, elem == S_f32 ? arena_printf(c->arena, "%sf", name) : name, x, n);
}

static CExpr float_op(CSource *c, Op op, Scalar elem, const CExpr *x) {
    switch (op) {
    case OP_add:
        return infix(c, x[0], "+", x[1], PREC_add);
    case OP_sub:
        return infix(c, x[0], "-", x[1], PREC_add);
    case OP_mul:
        return infix(c, x[0], "*", x[1], PREC_mul);
    case OP_div:
        return infix(c, x[0], "/", x[1], PREC_mul);
    case OP_neg:
        return negated(c, x[0]);
    case OP_isnan:
    case OP_isfinite: /* these macros give any number but 0 */
        return cs_expr(arena_printf(c->arena, "%s(%s) != 0", op_info[op].name, x[0].text),
                       PREC_compare);
    default:
        return float_call(c, op, elem, x);
    }
}

/* ---- integers ---- */

/* Values that no run can bring near the ends of i64: indices, small constants, sums of a few of
 * them. */
static bool is_small(const Value *v, int depth) {
    if (!v->inst) {
        return v->index == 0 && v->region->owner && v->region->owner->op == OP_loop;
    }
    if (v->inst->op == OP_const) {
        return v->inst->attr.integer > INT32_MIN && v->inst->attr.integer < INT32_MAX;
    }
    bool sum = v->inst->op == OP_add || v->inst->op == OP_sub;
    return sum && depth < 4 && is_small(v->inst->in[0], depth + 1) &&
           is_small(v->inst->in[1], depth + 1);
}

static bool is_plain_sum(const Inst *inst) {
    if (inst->out[0]->type->elem != S_i64 || (inst->op != OP_add && inst->op != OP_sub)) {
        return false;
    }
    const Value *x = inst->in[0], *y = inst->in[1];
    bool index = y->inst == NULL; /* not negative: may be taken from a size */
    bool from_size =
        inst->op == OP_sub && x->inst && x->inst->op == OP_size && size_is_sym(x->inst->attr.size);
    return is_small(y, 0) && (is_small(x, 0) || (from_size && index));
}

static bool is_safe_divisor(const Value *v) {
    return v->inst && v->inst->op == OP_const && v->inst->attr.integer != 0 &&
           v->inst->attr.integer != -1;
}

static CExpr int_op(CSource *c, const Inst *inst, const CExpr *x) {
    static const char *const helper[OP_COUNT] = {
        [OP_add] = "bp_add_i64",   [OP_sub] = "bp_sub_i64",     [OP_mul] = "bp_mul_i64",
        [OP_div] = "bp_div_i64",   [OP_rem] = "bp_rem_i64",     [OP_min] = "bp_min_i64",
        [OP_max] = "bp_max_i64",   [OP_neg] = "bp_neg_i64",     [OP_abs] = "bp_abs_i64",
        [OP_sign] = "bp_sign_i64", [OP_clamp] = "bp_clamp_i64", [OP_xor] = "bp_xor_i64",
    };
    Op op = inst->op;
    CExpr result;
    if (is_plain_sum(inst)) {
        return infix(c, x[0], op == OP_add ? "+" : "-", x[1], PREC_add);
    }
    if ((op == OP_div || op == OP_rem) && is_safe_divisor(inst->in[1])) {
        result = infix(c, x[0], op == OP_div ? "/" : "%", x[1], PREC_mul);
    } else {
        result = call(c, helper[op], x, inst->n_in);
    }
    if (inst->out[0]->type->elem != S_i32) {
        return result;
    }
    return call(c, "bp_wrap_i32", &result, 1);
}

/* Sum and product of elements, outside of any instruction. */
CExpr cs_sum(CSource *c, Scalar elem, CExpr x, CExpr y) {
    if (elem >= S_f32) {
        return infix(c, x, "+", y, PREC_add);
    }
    CExpr args[] = {x, y}, sum = call(c, "bp_add_i64", args, 2);
    return elem == S_i32 ? call(c, "bp_wrap_i32", &sum, 1) : sum;
}

CExpr cs_product(CSource *c, Scalar elem, CExpr x, CExpr y) {
    if (elem >= S_f32) {
        return infix(c, x, "*", y, PREC_mul);
    }
    CExpr args[] = {x, y}, product = call(c, "bp_mul_i64", args, 2);
    return elem == S_i32 ? call(c, "bp_wrap_i32", &product, 1) : product;
}

/* ---- instructions ---- */

void cs_elementwise(CSource *c, const Inst *inst) {
    CExpr x[3], result;
    if (cs_value(c, inst->out[0])->uses == 0) {
        return;
    }
    for (int k = 0; k < inst->n_in; k++) {
        x[k] = cs_scalar(c, inst->in[k]);
    }
    Scalar elem = inst->in[inst->op == OP_select ? 1 : 0]->type->elem;
    OpClass class = op_info[inst->op].class;
    if (inst->op == OP_select) {
        result = cs_choice(c, x, (const Value *const *)inst->in);
    } else if (class == OPC_CMP) {
        result = compare(c, inst->op, x[0], x[1]);
    } else if (class == OPC_LOG) {
        if (inst->op != OP_not)
            keep_apart(c, inst->in[0], inst->in[1], &x[1]);
        result = logic(c, inst->op, x);
    } else if (elem >= S_f32) {
        result = float_op(c, inst->op, elem, x);
    } else {
        result = int_op(c, inst, x);
    }
    cs_define(c, inst->out[0], result, NULL, true, inst->loc);
}

void cs_convert(CSource *c, const Inst *inst) {
    Scalar from = inst->in[0]->type->elem, to = inst->out[0]->type->elem;
    CExpr x = cs_scalar(c, inst->in[0]);
    if (to == S_bool) {
        x = from == S_bool
                ? x
                : compare(c, OP_ne, x, from >= S_f32 ? cs_number(c, from, 0) : cs_int(c, 0));
    } else if (from >= S_f32 && to < S_f32) {
        x = call(c, to == S_i32 ? "bp_f64_to_i32" : "bp_f64_to_i64", &x, 1);
    } else if (from == S_i64 && to == S_i32) {
        x = call(c, "bp_wrap_i32", &x, 1);
    } else if (from != to) {
        x = cast(c, header_c_type(to), x);
    }
    cs_define(c, inst->out[0], x, NULL, true, inst->loc);
}
