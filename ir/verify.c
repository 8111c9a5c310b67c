/* The verifier: structure, scopes and dominance; types are in verify_types.c, accs in verify_acc.c.
 *
 * Linear in the module. Reports every broken rule by name, at the instruction. Runs after reading
 * text and, in tests and debug builds, after every pass; changes nothing. Malformed regions are not
 * descended into. */
#include "ir/verify.h"

#include <stdarg.h>
#include <stdio.h>

bool broken(Verifier *v, const Inst *inst, const char *rule, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    v->ok = false;
    if (inst) {
        diag_error(&v->m->ctx->diags, DIAG_ir_verify, inst->loc, "rule %s: %s: %s", rule,
                   op_info[inst->op].name, text);
    } else {
        diag_error(&v->m->ctx->diags, DIAG_ir_verify, v->func->loc, "rule %s: function %s: %s",
                   rule, v->func->name ? v->func->name : "(unnamed)", text);
    }
    return false;
}

const char *type_text(Verifier *v, const Type *type) {
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64"};
    Text text;
    text_init(&text, v->arena);
    for (int i = 0; i < type->rank; i++) {
        text_puts(&text, i == 0 ? "[" : ",");
        size_print(&text, type->dims[i]);
    }
    text_printf(&text, "%s%s", type->rank ? "]" : "", names[type->elem]);
    return text.data;
}

/* ---- sizes in scope ---- */

static void check_size_scope(Verifier *v, const Inst *inst, const Size *size) {
    for (int i = 0; i < size->n; i++) {
        for (int j = 0; j < size->terms[i].degree; j++) {
            const SizeSym *sym = size->terms[i].syms[j];
            if (!ptrmap_get(&v->syms, sym)) {
                broken(v, inst, "size-scope", "the size symbol '%s' is not bound here",
                       sym->name ? sym->name : "?");
                return;
            }
        }
    }
}

/* An extent may be below 0, as one of symbols may: code that is not reached for such sizes. */
static void check_type_scope(Verifier *v, const Inst *inst, const Type *type) {
    for (int i = 0; i < type->rank; i++)
        check_size_scope(v, inst, type->dims[i]);
}

static void check_attr_scope(Verifier *v, const Inst *inst) {
    switch (inst->op) {
    case OP_size:
        check_size_scope(v, inst, inst->attr.size);
        break;
    case OP_loop:
        check_size_scope(v, inst, inst->attr.loop.extent);
        if (inst->attr.loop.checkpoint_arg) {
            check_size_scope(v, inst, inst->attr.loop.checkpoint_arg);
        } else if (inst->attr.loop.checkpoint == CHECK_every ||
                   inst->attr.loop.checkpoint == CHECK_binomial) {
            broken(v, inst, "checkpoint",
                   "every how many iterations, or how many states, is not said");
        }
        break;
    case OP_call:
    case OP_vjp:
    case OP_jvp:
        for (int i = 0; i < inst->attr.callee.func->sizes.n; i++) {
            check_size_scope(v, inst, inst->attr.callee.sizes[i]);
        }
        break;
    default:
        break;
    }
}

static void bind_sym(Verifier *v, const Inst *inst, const SizeSym *sym) {
    if (ptrmap_get(&v->syms, sym)) {
        broken(v, inst, "size-scope", "the size symbol '%s' is bound twice",
               sym->name ? sym->name : "?");
    }
    ptrmap_put(&v->syms, sym, (void *)(uintptr_t)sym);
}

/* ---- values in scope ---- */

static void define(Verifier *v, const Inst *inst, Value *value) {
    if (value->id >= v->m->next_value) {
        broken(v, inst, "identity", "a value has an id that the module did not give");
    } else if (v->defined[value->id]) {
        broken(v, inst, "identity", "a value is defined twice, or two share an id");
    } else {
        v->defined[value->id] = value;
    }
}

static bool in_scope(const Verifier *v, const Value *value) {
    return value && value->id < v->m->next_value && v->defined[value->id] == value;
}

static void leave_region(Verifier *v, const Region *region) {
    for (int i = 0; i < region->params.n; i++) {
        v->defined[region->params.data[i]->id] = NULL;
    }
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int j = 0; j < inst->n_out; j++) {
            v->defined[inst->out[j]->id] = NULL;
        }
        if (inst->op == OP_dim) {
            ptrmap_put(&v->syms, inst->attr.sym, NULL);
        }
    }
}

/* ---- regions ---- */

static bool check_operands(Verifier *v, const Inst *inst) {
    for (int i = 0; i < inst->n_in; i++) {
        if (!in_scope(v, inst->in[i])) {
            const char *name = inst->in[i] && inst->in[i]->name ? inst->in[i]->name : "(unnamed)";
            return broken(v, inst, "dominance", "operand %d (%s) is not defined before its use", i,
                          name);
        }
    }
    return true;
}

static bool check_structure(Verifier *v, const Inst *inst, const Region *region) {
    if (inst->region != region) {
        return broken(v, inst, "structure",
                      "the instruction does not know the region that holds it");
    }
    int regions = inst->op == OP_loop ? 1 : inst->op == OP_if ? 2 : 0;
    if (inst->n_region != regions) {
        return broken(v, inst, "structure", "%d regions, %d are needed", inst->n_region, regions);
    }
    for (int i = 0; i < inst->n_region; i++) {
        const Region *inner = inst->regions[i];
        if (!inner || inner->owner != inst || inner->parent != region ||
            inner->depth != region->depth + 1 || inner->func != region->func) {
            return broken(v, inst, "structure",
                          "a nested region has another owner, parent, depth or function");
        }
    }
    for (int i = 0; i < inst->n_out; i++) {
        const Value *out = inst->out[i];
        if (out->inst != inst || out->index != i || out->region != region) {
            return broken(v, inst, "structure", "result %d does not know its instruction", i);
        }
    }
    return true;
}

static bool verify_region(Verifier *v, const Region *region, const Inst *owner);

static bool verify_inst(Verifier *v, const Inst *inst, const Region *region) {
    if (!check_structure(v, inst, region) || !check_operands(v, inst)) {
        return false;
    }
    bool is_call = inst->op == OP_call || inst->op == OP_vjp || inst->op == OP_jvp;
    if (is_call && !inst->attr.callee.func) {
        return broken(v, inst, "callee", "no function is named");
    }
    check_attr_scope(v, inst);
    bool regions_ok = true;
    for (int i = 0; i < inst->n_region; i++) {
        regions_ok = verify_region(v, inst->regions[i], inst) && regions_ok;
    }
    if (regions_ok) {
        verify_inst_types(v, inst);
    }
    if (inst->op == OP_dim) {
        bind_sym(v, inst, inst->attr.sym);
    }
    for (int i = 0; i < inst->n_out; i++) {
        check_type_scope(v, inst, inst->out[i]->type);
        define(v, inst, inst->out[i]);
    }
    return regions_ok;
}

/* False when what follows would only repeat an error. */
static bool verify_region(Verifier *v, const Region *region, const Inst *owner) {
    bool ok = true;
    for (int i = 0; i < region->params.n; i++) {
        const Value *param = region->params.data[i];
        if (param->inst || param->region != region || param->index != i) {
            ok = broken(v, owner, "structure", "parameter %d does not know its region", i);
        }
        check_type_scope(v, owner, param->type);
        define(v, owner, region->params.data[i]);
    }
    for (int i = 0; i < region->insts.n && ok; i++) {
        ok = verify_inst(v, region->insts.data[i], region);
    }
    for (int i = 0; i < region->yields.n && ok; i++) {
        if (!in_scope(v, region->yields.data[i])) {
            ok = broken(v, owner, "dominance", "yield %d is not defined in its region or around it",
                        i);
        }
    }
    leave_region(v, region);
    return ok;
}

/* ---- functions ---- */

static void set_bound_sizes(Verifier *v, const Func *func, bool bound) {
    for (int i = 0; i < func->body->insts.n; i++) {
        const Inst *inst = func->body->insts.data[i];
        if (inst->op == OP_dim) {
            ptrmap_put(&v->syms, inst->attr.sym, bound ? inst->attr.sym : NULL);
        }
    }
}

/* A result is reached whenever the function is. */
static void check_extents(Verifier *v, const Value *result) {
    int64_t extent;
    for (int i = 0; i < result->type->rank; i++) {
        if (size_is_const(result->type->dims[i], &extent) && extent < 0) {
            broken(v, result->inst, "extent", "an axis has the negative extent %lld",
                   (long long)extent);
        }
    }
}

/* A result may have a size that the function itself binds, of a parameter's value; such a function
 * is only exported, since the type of a call's result would not be in scope at the caller. */
static void check_result_scope(Verifier *v, const Func *func) {
    set_bound_sizes(v, func, true);
    for (int i = 0; i < func->body->yields.n; i++) {
        check_type_scope(v, NULL, func->body->yields.data[i]->type);
        check_extents(v, func->body->yields.data[i]);
    }
    set_bound_sizes(v, func, false);
}

static bool is_scalar_function(const Func *func) {
    for (int i = 0; i < func->body->params.n; i++) {
        if (!type_is_scalar(func->body->params.data[i]->type)) {
            return false;
        }
    }
    return func->extern_result && type_is_scalar(func->extern_result) && func->sizes.n == 0;
}

static void verify_func(Verifier *v, const Func *func) {
    v->func = func;
    if (func->body->parent || func->body->owner || func->body->func != func) {
        broken(v, NULL, "structure", "its body has a parent, an owner or another function");
        return;
    }
    if (func->is_extern && (func->body->insts.n > 0 || !is_scalar_function(func))) {
        broken(v, NULL, "extern",
               "an extern function takes scalars, gives one scalar and has no body");
    }
    for (int i = 0; i < func->sizes.n; i++) {
        bind_sym(v, NULL, func->sizes.data[i]);
    }
    if (verify_region(v, func->body, NULL)) {
        check_result_scope(v, func); /* symbols bound in nested regions are out of scope now */
        if (v->ok) {
            verify_accs(v, func);
        }
    }
    for (int i = 0; i < func->sizes.n; i++) {
        ptrmap_put(&v->syms, func->sizes.data[i], NULL);
    }
}

/* A rule's parameters are in number what its kind asks for; types are checked where it is applied.
 */
static void verify_rules(Verifier *v, const Func *func) {
    int n_float = 0, n_result = func->is_extern ? 1 : func->body->yields.n;
    v->func = func;
    for (int i = 0; i < func->body->params.n; i++) {
        n_float += type_is_float(func->body->params.data[i]->type);
    }
    if (func->jvp_rule && func->jvp_rule->body->params.n != func->body->params.n + n_float) {
        broken(v, NULL, "rule",
               "its jvp rule takes the parameters and a tangent for each float one");
    }
    if (func->vjp_rule && func->vjp_rule->body->params.n < func->body->params.n + n_result) {
        broken(v, NULL, "rule", "its vjp rule takes the parameters, the results and cotangents");
    }
    if (func->vjp_rule && func->vjp_rule->body->yields.n != n_float) {
        broken(v, NULL, "rule", "its vjp rule gives an adjoint for each float parameter");
    }
}

bool ir_verify(const IrModule *m) {
    Verifier v = {.m = (IrModule *)(uintptr_t)m, .arena = m->arena, .ok = true};
    ptrmap_init(&v.syms, m->arena);
    ptrmap_init(&v.position, m->arena);
    v.defined = ARENA_ARRAY(m->arena, m->next_value + 1, Value *);
    for (int i = 0; i < m->funcs.n; i++) {
        verify_func(&v, m->funcs.data[i]);
        ptrmap_put(&v.position, m->funcs.data[i], (void *)(intptr_t)(i + 1));
    }
    for (int i = 0; i < m->funcs.n; i++) {
        verify_rules(&v, m->funcs.data[i]);
    }
    return v.ok;
}
