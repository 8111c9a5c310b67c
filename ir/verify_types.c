/* Type rules of single instructions, as Note [Operations] in ir.h states them.
 *
 * Operands are in scope and nested regions sound when this is called (by verify.c). Sizes are equal
 * when their pointers are. */
#include "ir/verify.h"

#include <string.h>

static const Type *in_type(const Inst *inst, int i) {
    return inst->in[i]->type;
}

static bool is_index_type(const Type *type) {
    return type->rank == 0 && type->elem == S_i64;
}

/* ---- arity ---- */

static bool arity(Verifier *v, const Inst *inst, int n_in, int n_out) {
    if (inst->n_in != n_in || inst->n_out != n_out) {
        return broken(v, inst, "arity", "%d operands and %d results, %d and %d are needed",
                      inst->n_in, inst->n_out, n_in, n_out);
    }
    return true;
}

static bool arity_least(Verifier *v, const Inst *inst, int least) {
    if (inst->n_in < least || inst->n_out != 1) {
        return broken(v, inst, "arity", "%d operands and %d results, at least %d and 1 are needed",
                      inst->n_in, inst->n_out, least);
    }
    return true;
}

static bool result_is(Verifier *v, const Inst *inst, int i, const Type *type) {
    if (inst->out[i]->type != type) {
        return broken(v, inst, "result-type", "result %d has type %s, the operation gives %s", i,
                      type_text(v, inst->out[i]->type), type_text(v, type));
    }
    return true;
}

static bool operand_is(Verifier *v, const Inst *inst, int i, const Type *type) {
    if (in_type(inst, i) != type) {
        return broken(v, inst, "operand-type", "operand %d has type %s, %s is needed", i,
                      type_text(v, in_type(inst, i)), type_text(v, type));
    }
    return true;
}

static bool indices_from(Verifier *v, const Inst *inst, int first) {
    for (int i = first; i < inst->n_in; i++) {
        if (!is_index_type(in_type(inst, i))) {
            return broken(v, inst, "operand-type",
                          "operand %d is an index and has type %s, i64 is needed", i,
                          type_text(v, in_type(inst, i)));
        }
    }
    return true;
}

static bool ranked(Verifier *v, const Inst *inst, int i, int least) {
    return in_type(inst, i)->rank >= least ||
           broken(v, inst, "operand-type", "operand %d has %d axes, at least %d are needed", i,
                  in_type(inst, i)->rank, least);
}

/* ---- elementwise ---- */

static bool class_takes(OpClass class, Scalar elem) {
    switch (class) {
    case OPC_FLT:
    case OPC_TST:
        return elem >= S_f32;
    case OPC_NUM:
        return elem != S_bool;
    case OPC_INT:
        return elem == S_i32 || elem == S_i64;
    case OPC_LOG:
        return elem == S_bool;
    default:
        return true;
    }
}

static void check_elementwise(Verifier *v, const Inst *inst) {
    OpClass class = op_info[inst->op].class;
    if (!arity(v, inst, op_info[inst->op].arity, 1)) {
        return;
    }
    int first = class == OPC_SEL ? 1 : 0;
    const Type *type = in_type(inst, first);
    if (class == OPC_SEL) {
        operand_is(v, inst, 0, ir_with_elem(v->m, type, S_bool));
    }
    if (!class_takes(class, type->elem)) {
        broken(v, inst, "operand-type", "it does not apply to %s", type_text(v, type));
    }
    for (int i = first + 1; i < inst->n_in; i++) {
        operand_is(v, inst, i, type);
    }
    bool logical = class == OPC_CMP || class == OPC_TST;
    result_is(v, inst, 0, logical ? ir_with_elem(v->m, type, S_bool) : type);
}

/* ---- arrays ---- */

static void check_broadcast(Verifier *v, const Inst *inst) {
    const Type *from = in_type(inst, 0), *to = inst->out[0]->type;
    if (to->elem != from->elem || to->rank < from->rank ||
        ir_drop_axes(v->m, to, to->rank - from->rank) != from) {
        broken(v, inst, "result-type", "%s is not %s with new leading axes", type_text(v, to),
               type_text(v, from));
    }
}

static void check_index(Verifier *v, const Inst *inst) {
    if (arity_least(v, inst, 2) && indices_from(v, inst, 1) && ranked(v, inst, 0, inst->n_in - 1)) {
        result_is(v, inst, 0, ir_drop_axes(v->m, in_type(inst, 0), inst->n_in - 1));
    }
}

static void check_put(Verifier *v, const Inst *inst) {
    if (arity_least(v, inst, 3) && indices_from(v, inst, 2) && ranked(v, inst, 0, inst->n_in - 2)) {
        operand_is(v, inst, 1, ir_drop_axes(v->m, in_type(inst, 0), inst->n_in - 2));
        result_is(v, inst, 0, in_type(inst, 0));
    }
}

static void check_slice(Verifier *v, const Inst *inst) {
    if (!arity(v, inst, 2, 1) || !indices_from(v, inst, 1) || !ranked(v, inst, 0, 1)) {
        return;
    }
    const Type *out = inst->out[0]->type;
    if (out->rank == 0) {
        broken(v, inst, "result-type", "a slice keeps the number of axes");
        return;
    }
    result_is(v, inst, 0, ir_add_axis(v->m, ir_drop_axes(v->m, in_type(inst, 0), 1), out->dims[0]));
}

static void check_add_slice(Verifier *v, const Inst *inst) {
    if (arity(v, inst, 3, 1) && indices_from(v, inst, 2) && ranked(v, inst, 0, 1) &&
        ranked(v, inst, 1, 1)) {
        const Type *a = in_type(inst, 0);
        operand_is(v, inst, 1,
                   ir_add_axis(v->m, ir_drop_axes(v->m, a, 1), in_type(inst, 1)->dims[0]));
        result_is(v, inst, 0, a);
    }
}

static void check_transpose(Verifier *v, const Inst *inst) {
    const Type *x = in_type(inst, 0);
    const Size *dims[IR_MAX_RANK];
    unsigned seen = 0;
    for (int i = 0; i < x->rank; i++) {
        int axis = inst->attr.perm[i];
        if (axis < 0 || axis >= x->rank || (seen >> axis & 1u)) {
            broken(v, inst, "permutation", "it must name each axis of the operand once");
            return;
        }
        seen |= 1u << axis;
        dims[i] = x->dims[axis];
    }
    result_is(v, inst, 0, ir_type(v->m, x->elem, x->rank, dims));
}

/* Sizes that are only equal at run time were checked there. */
static void check_reshape(Verifier *v, const Inst *inst) {
    const Type *from = in_type(inst, 0), *to = inst->out[0]->type;
    if (!ir_may_reshape(v->m, from, to)) {
        broken(v, inst, "result-type", "%s has another element or number of elements than %s",
               type_text(v, to), type_text(v, from));
    }
}

static void check_array(Verifier *v, const Inst *inst) {
    if (!arity_least(v, inst, 1)) {
        return;
    }
    const Type *type = in_type(inst, 0);
    for (int i = 1; i < inst->n_in; i++) {
        operand_is(v, inst, i, type);
    }
    if (type->rank == IR_MAX_RANK) {
        broken(v, inst, "operand-type", "an array has at most %d axes", IR_MAX_RANK);
        return;
    }
    result_is(v, inst, 0, ir_add_axis(v->m, type, size_const(&v->m->ctx->polys, inst->n_in)));
}

static void check_concat(Verifier *v, const Inst *inst) {
    if (!arity_least(v, inst, 1) || !ranked(v, inst, 0, 1)) {
        return;
    }
    const Type *row = ir_drop_axes(v->m, in_type(inst, 0), 1);
    const Size *extent = in_type(inst, 0)->dims[0];
    for (int i = 1; i < inst->n_in && extent; i++) {
        if (!ranked(v, inst, i, 1)) {
            return;
        }
        const Size *own = in_type(inst, i)->dims[0];
        operand_is(v, inst, i, ir_add_axis(v->m, row, own));
        extent = size_add(&v->m->ctx->polys, extent, own);
    }
    if (!extent) {
        broken(v, inst, "extent", "the extent is beyond 64 bits");
        return;
    }
    result_is(v, inst, 0, ir_add_axis(v->m, row, extent));
}

static bool reduce_takes(Reduce kind, Scalar elem) {
    switch (kind) {
    case RED_any:
    case RED_all:
        return elem == S_bool;
    case RED_logsumexp:
        return elem >= S_f32;
    default:
        return elem != S_bool;
    }
}

static void check_reduce(Verifier *v, const Inst *inst) {
    const Type *x = in_type(inst, 0);
    Reduce kind = inst->attr.reduce.kind;
    bool indexed = kind == RED_argmax || kind == RED_argmin;
    int axes = inst->attr.reduce.axes;
    if (axes < 1 || axes > x->rank || (indexed && axes != 1)) {
        broken(v, inst, "axes", "%d axes of %s cannot be reduced by %s", axes, type_text(v, x),
               reduce_name[kind]);
        return;
    }
    if (!reduce_takes(kind, x->elem)) {
        broken(v, inst, "operand-type", "%s does not apply to %s", reduce_name[kind],
               type_text(v, x));
    }
    const Type *type = ir_drop_axes(v->m, x, axes);
    result_is(v, inst, 0, indexed ? ir_with_elem(v->m, type, S_i64) : type);
}

/* ---- contractions ---- */

/* Extents of the labels of one operand or of the result, by letter. */
typedef struct Labels {
    const Size *extent[128];
} Labels;

static bool read_labels(Verifier *v, const Inst *inst, const char *text, size_t n, const Type *type,
                        Labels *labels) {
    memset(labels, 0, sizeof *labels);
    if ((int)n != type->rank) {
        return broken(v, inst, "contract-spec", "%d labels stand for the %d axes of %s", (int)n,
                      type->rank, type_text(v, type));
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter) {
            return broken(v, inst, "contract-spec", "labels are letters");
        }
        if (labels->extent[c]) {
            return broken(v, inst, "contract-spec", "the label '%c' stands twice in one operand",
                          c);
        }
        labels->extent[c] = type->dims[i];
    }
    return true;
}

static void check_labels(Verifier *v, const Inst *inst, const Labels *sides) {
    for (int c = 0; c < 128; c++) {
        const Size *extent = NULL;
        int places = 0;
        for (int side = 0; side < 3; side++) {
            const Size *own = sides[side].extent[c];
            places += own != NULL;
            if (own && extent && own != extent) {
                broken(v, inst, "contract-spec", "the label '%c' stands for two extents", c);
            }
            extent = own ? own : extent;
        }
        if (places == 1) {
            broken(v, inst, "contract-spec", "the label '%c' stands in only one place of three", c);
        }
    }
}

static void check_contract(Verifier *v, const Inst *inst) {
    const char *spec = inst->attr.spec;
    const char *comma = strchr(spec, ','), *arrow = strstr(spec, "->");
    Labels sides[3];
    if (!comma || !arrow || comma > arrow) {
        broken(v, inst, "contract-spec", "\"%s\" is not of the form \"ik,kj->ij\"", spec);
        return;
    }
    const Type *x = in_type(inst, 0), *y = in_type(inst, 1), *out = inst->out[0]->type;
    if (x->elem != y->elem || x->elem != out->elem || x->elem == S_bool) {
        broken(v, inst, "operand-type", "operands and result have one numeric element type");
    }
    if (read_labels(v, inst, spec, (size_t)(comma - spec), x, &sides[0]) &&
        read_labels(v, inst, comma + 1, (size_t)(arrow - comma - 1), y, &sides[1]) &&
        read_labels(v, inst, arrow + 2, strlen(arrow + 2), out, &sides[2])) {
        check_labels(v, inst, sides);
    }
}

/* ---- loops and ifs ---- */

static bool loop_counts(Verifier *v, const Inst *inst) {
    const Region *body = inst->regions[0];
    int n_slice = inst->attr.loop.n_slice, n_carry = inst->attr.loop.n_carry,
        n_acc = inst->attr.loop.n_acc;
    int n_stack = inst->attr.loop.n_stack, n_in = n_slice + n_carry + n_acc;
    if (n_slice < 0 || n_carry < 0 || n_acc < 0 || n_stack < 0 || inst->n_in != n_in ||
        inst->n_out != n_carry + n_acc + n_stack) {
        return broken(v, inst, "arity",
                      "%d operands and %d results do not fit %d slices, %d carries, %d accs, "
                      "%d stacked",
                      inst->n_in, inst->n_out, n_slice, n_carry, n_acc, n_stack);
    }
    if (body->params.n != 1 + n_in || body->yields.n != inst->n_out) {
        return broken(v, inst, "loop-body",
                      "its body has %d parameters and %d yields, %d and %d are needed",
                      body->params.n, body->yields.n, 1 + n_in, inst->n_out);
    }
    return true;
}

static bool param_is(Verifier *v, const Inst *inst, int i, const Type *type) {
    const Type *own = inst->regions[0]->params.data[i]->type;
    return own == type ||
           broken(v, inst, "loop-body", "parameter %d of the body has type %s, %s is needed", i,
                  type_text(v, own), type_text(v, type));
}

static void check_loop_slices(Verifier *v, const Inst *inst) {
    param_is(v, inst, 0, ir_scalar(v->m, S_i64));
    for (int i = 0; i < inst->attr.loop.n_slice; i++) {
        const Type *type = in_type(inst, i);
        if (type->rank == 0 || type->dims[0] != inst->attr.loop.extent) {
            broken(v, inst, "loop-slice",
                   "slice %d has type %s, its first extent is not the loop's", i,
                   type_text(v, type));
        } else {
            param_is(v, inst, 1 + i, ir_drop_axes(v->m, type, 1));
        }
    }
}

static void check_loop(Verifier *v, const Inst *inst) {
    if (!loop_counts(v, inst)) {
        return;
    }
    check_loop_slices(v, inst);
    int n_slice = inst->attr.loop.n_slice, kept = inst->attr.loop.n_carry + inst->attr.loop.n_acc;
    Value *const *yields = inst->regions[0]->yields.data;
    for (int i = 0; i < inst->n_out; i++) {
        const Type *type = i < kept ? in_type(inst, n_slice + i) : yields[i]->type;
        if (i < kept) {
            param_is(v, inst, 1 + n_slice + i, type);
            if (yields[i]->type != type) {
                broken(v, inst, "loop-yield", "yield %d has type %s, it starts as %s", i,
                       type_text(v, yields[i]->type), type_text(v, type));
            }
            if (i >= inst->attr.loop.n_carry && type->elem == S_bool) {
                broken(v, inst, "operand-type", "an acc is a number");
            }
            result_is(v, inst, i, type);
        } else if (type->rank == IR_MAX_RANK) {
            broken(v, inst, "loop-yield", "stacked value %d would have more than %d axes", i,
                   IR_MAX_RANK);
        } else {
            result_is(v, inst, i, ir_add_axis(v->m, type, inst->attr.loop.extent));
        }
    }
}

static void check_if(Verifier *v, const Inst *inst) {
    if (inst->n_in != 1) {
        broken(v, inst, "arity", "%d operands, 1 is needed", inst->n_in);
        return;
    }
    operand_is(v, inst, 0, ir_scalar(v->m, S_bool));
    for (int i = 0; i < 2; i++) {
        const Region *branch = inst->regions[i];
        if (branch->params.n != 0 || branch->yields.n != inst->n_out) {
            broken(v, inst, "if-branch",
                   "a branch has %d parameters and %d yields, 0 and %d are needed",
                   branch->params.n, branch->yields.n, inst->n_out);
            return;
        }
        for (int j = 0; j < inst->n_out; j++) {
            if (branch->yields.data[j]->type != inst->out[j]->type) {
                broken(v, inst, "if-branch", "yield %d has type %s, the result %s", j,
                       type_text(v, branch->yields.data[j]->type),
                       type_text(v, inst->out[j]->type));
            }
        }
    }
}

/* ---- calls ---- */

static const Size *callee_size(void *user, SizeSym *sym) {
    const Inst *inst = user;
    const Func *func = inst->attr.callee.func;
    for (int i = 0; i < func->sizes.n; i++) {
        if (func->sizes.data[i] == sym) {
            return inst->attr.callee.sizes[i];
        }
    }
    return NULL;
}

static const Type *callee_type(Verifier *v, const Inst *inst, const Type *type) {
    return ir_subst_type(v->m, type, callee_size, (void *)(uintptr_t)inst);
}

static bool check_wrt(Verifier *v, const Inst *inst) {
    const Region *body = inst->attr.callee.func->body;
    for (int i = 0; i < inst->attr.callee.n_wrt; i++) {
        int param = inst->attr.callee.wrt[i];
        bool ascending = i == 0 || param > inst->attr.callee.wrt[i - 1];
        if (param < 0 || param >= body->params.n || !ascending ||
            !type_is_float(body->params.data[param]->type)) {
            return broken(v, inst, "callee",
                          "wrt names float parameters of the function, ascending");
        }
    }
    return true;
}

static int result_count(const Func *func) {
    return func->is_extern ? 1 : func->body->yields.n;
}

static const Type *result_type(Verifier *v, const Inst *inst, int i) {
    const Func *func = inst->attr.callee.func;
    return func->is_extern ? func->extern_result
                           : callee_type(v, inst, func->body->yields.data[i]->type);
}

/* The operands after the arguments and the results after the function's own. */
static void derivative_types(Verifier *v, const Inst *inst, const Type **in, int *n_in,
                             const Type **out, int *n_out) {
    const Func *func = inst->attr.callee.func;
    bool reverse = inst->op == OP_vjp;
    for (int i = 0; i < result_count(func) && inst->op != OP_call; i++) {
        const Type *type = result_type(v, inst, i);
        if (type_is_float(type)) {
            *(reverse ? &in[(*n_in)++] : &out[(*n_out)++]) = type;
        }
    }
    for (int i = 0; i < inst->attr.callee.n_wrt && inst->op != OP_call; i++) {
        const Type *type =
            callee_type(v, inst, func->body->params.data[inst->attr.callee.wrt[i]]->type);
        *(reverse ? &out[(*n_out)++] : &in[(*n_in)++]) = type;
    }
}

static void check_call(Verifier *v, const Inst *inst) {
    const Func *func = inst->attr.callee.func;
    if (!ptrmap_get(&v->position, func)) {
        broken(v, inst, "callee", "'%s' does not stand before its caller in the module",
               func->name ? func->name : "?");
        return;
    }
    if (inst->op != OP_call && !check_wrt(v, inst)) {
        return;
    }
    int n_in = 0, n_out = 0,
        most = func->body->params.n + result_count(func) * 2 + inst->attr.callee.n_wrt;
    const Type **in = ARENA_ARRAY(v->arena, most, const Type *),
               **out = ARENA_ARRAY(v->arena, most, const Type *);
    for (int i = 0; i < func->body->params.n; i++) {
        in[n_in++] = callee_type(v, inst, func->body->params.data[i]->type);
    }
    for (int i = 0; i < result_count(func); i++) {
        out[n_out++] = result_type(v, inst, i);
    }
    derivative_types(v, inst, in, &n_in, out, &n_out);
    if (!arity(v, inst, n_in, n_out)) {
        return;
    }
    for (int i = 0; i < n_in; i++) {
        operand_is(v, inst, i, in[i]);
    }
    for (int i = 0; i < n_out; i++) {
        result_is(v, inst, i, out[i]);
    }
}

/* ---- any ---- */

static void check_leaf(Verifier *v, const Inst *inst) {
    const Type *type = inst->out[0]->type;
    bool fits = inst->op == OP_const  ? type->rank == 0
                : inst->op == OP_size ? is_index_type(type)
                                      : type->rank == 1 && type->elem == S_i64;
    if (!fits) {
        broken(v, inst, "result-type", "it does not give %s", type_text(v, type));
    }
}

static void check_statement(Verifier *v, const Inst *inst) {
    operand_is(v, inst, 0, ir_scalar(v->m, inst->op == OP_dim ? S_i64 : S_bool));
    if (inst->op == OP_dim && !inst->attr.sym) {
        broken(v, inst, "size-scope", "no symbol is bound");
    }
}

static void check_unary(Verifier *v, const Inst *inst) {
    switch (inst->op) {
    case OP_broadcast:
        check_broadcast(v, inst);
        break;
    case OP_transpose:
        check_transpose(v, inst);
        break;
    case OP_reshape:
        check_reshape(v, inst);
        break;
    case OP_reduce:
        check_reduce(v, inst);
        break;
    case OP_convert:
        result_is(v, inst, 0, ir_with_elem(v->m, in_type(inst, 0), inst->out[0]->type->elem));
        break;
    case OP_reverse:
        ranked(v, inst, 0, 1);
        result_is(v, inst, 0, in_type(inst, 0));
        break;
    default:
        result_is(v, inst, 0, in_type(inst, 0));
        break; /* stop */
    }
}

void verify_inst_types(Verifier *v, const Inst *inst) {
    if (op_is_elementwise(inst->op)) {
        check_elementwise(v, inst);
        return;
    }
    switch (inst->op) {
    case OP_const:
    case OP_size:
    case OP_iota:
        if (arity(v, inst, 0, 1)) {
            check_leaf(v, inst);
        }
        break;
    case OP_dim:
    case OP_check:
        if (arity(v, inst, 1, 0)) {
            check_statement(v, inst);
        }
        break;
    case OP_index:
        check_index(v, inst);
        break;
    case OP_add_at:
    case OP_update:
        check_put(v, inst);
        break;
    case OP_slice:
        check_slice(v, inst);
        break;
    case OP_add_slice:
        check_add_slice(v, inst);
        break;
    case OP_array:
        check_array(v, inst);
        break;
    case OP_concat:
        check_concat(v, inst);
        break;
    case OP_contract:
        if (arity(v, inst, 2, 1)) {
            check_contract(v, inst);
        }
        break;
    case OP_loop:
        check_loop(v, inst);
        break;
    case OP_if:
        check_if(v, inst);
        break;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        check_call(v, inst);
        break;
    default:
        if (arity(v, inst, 1, 1)) {
            check_unary(v, inst);
        }
        break;
    }
}
