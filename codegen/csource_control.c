/* Regions, loops and branches in C; see csource_print.h.
 *
 * A carried scalar is a variable that its parameter, its result and nothing else stands for; it
 * changes only at the end of an iteration, after everything that was computed from its old value.
 */
#include "codegen/csource_print.h"
#include "codegen/header.h"

#include <string.h>

/* ---- checks ---- */

int cs_status(CSource *c, Loc loc, const char *text) {
    for (int k = 0; k < c->checks.n; k++) {
        const CCheck *check = &c->checks.data[k];
        if (check->loc.begin == loc.begin && strcmp(check->text, text) == 0) {
            return k + 1;
        }
    }
    CCheck check = {loc, text};
    vec_push(c->arena, &c->checks, check);
    return c->checks.n;
}

static void print_check(CSource *c, const Inst *inst) {
    int status = cs_status(c, inst->loc, inst->attr.text);
    const char *cond = cs_wrap(c, cs_scalar(c, inst->in[0]), PREC_unary);
    Text text;
    text_init(&text, c->arena);
    cs_comment_text(&text, inst->attr.text, strlen(inst->attr.text));
    cs_show_line(c, inst->loc);
    cs_line(c, "if (!%s) {", cond);
    cs_line(c, "    return %d; /* %s */", status, text.data);
    cs_line(c, "}");
}

/* ---- loops ---- */

static int n_state(const Inst *loop) {
    return loop->attr.loop.n_carry + loop->attr.loop.n_acc;
}

static Value *state_param(const Inst *loop, int j) {
    return loop->regions[0]->params.data[1 + loop->attr.loop.n_slice + j];
}

static bool is_read(CSource *c, const Inst *loop, int j) {
    return cs_value(c, loop->out[j])->uses > 0 || cs_value(c, state_param(loop, j))->uses > 0;
}

/* Of an array that is needed; or NULL. */
static const Buffer *home_of(CSource *c, const Value *v) {
    return v->type->rank > 0 && is_live(&c->live, v) ? plan_home(c->plan, v) : NULL;
}

static void bind_arrays(CSource *c, const Inst *loop) {
    for (int j = 0; j < loop->n_out; j++) {
        const Buffer *home = home_of(c, loop->out[j]);
        if (!home) {
            continue;
        }
        if (j < n_state(loop)) {
            cs_into(c, home, loop->in[loop->attr.loop.n_slice + j]);
        }
        CView *view = cs_buffer_view(c, home, loop->out[j]->type);
        cs_value(c, loop->out[j])->view = view;
        if (j < n_state(loop)) {
            cs_value(c, state_param(loop, j))->view = view;
        }
    }
}

static void declare_state(CSource *c, const Inst *loop) {
    for (int j = 0; j < n_state(loop); j++) {
        Value *out = loop->out[j], *param = state_param(loop, j);
        if (out->type->rank > 0 || !is_read(c, loop, j)) {
            continue;
        }
        bool acc = j >= loop->attr.loop.n_carry;
        Atom named = out->name ? out->name : param->name;
        CExpr name = cs_expr(cs_fresh(c, named ? named : acc ? "sum" : "state"), PREC_primary);
        const char *init = cs_scalar(c, loop->in[loop->attr.loop.n_slice + j]).text;
        cs_line(c, "%s %s = %s;", header_c_type(out->type->elem), name.text, init);
        cs_value(c, out)->expr = name;
        cs_value(c, param)->expr = name;
    }
}

static void begin_loop(CSource *c, const Inst *loop) {
    Value *index = loop->regions[0]->params.data[0];
    const char *i = cs_fresh(c, index->name ? index->name : "i");
    cs_value(c, index)->expr = cs_expr(i, PREC_primary);
    const Size *extent = loop->attr.loop.extent;
    if (!loop->attr.loop.reverse) {
        cs_begin_for(c, i, extent);
        return;
    }
    PolyTable *polys = &c->ctx->polys;
    const Size *last = size_sub(polys, extent, size_const(polys, 1));
    cs_line(c, "for (int64_t %s = %s; %s >= 0; %s--) {", i, cs_size(c, last ? last : extent).text,
            i, i);
    c->indent++;
}

static void bind_slices(CSource *c, const Inst *loop) {
    const Region *body = loop->regions[0];
    CExpr index = cs_scalar(c, body->params.data[0]);
    for (int k = 0; k < loop->attr.loop.n_slice; k++) {
        Value *param = body->params.data[1 + k];
        if (cs_value(c, param)->uses == 0) {
            continue;
        }
        CView row = cs_index(c, cs_view(c, loop->in[k]), 1, &index);
        if (row.rank > 0) {
            cs_shorten(c, &row, param->name);
            cs_value(c, param)->view = cs_new_view(c, &row);
        } else {
            cs_define_element(c, param, &row, loop->loc);
        }
    }
}

static void store_stacked(CSource *c, const Inst *loop) {
    const Region *body = loop->regions[0];
    CExpr index = cs_scalar(c, body->params.data[0]);
    for (int j = n_state(loop); j < loop->n_out; j++) {
        const Buffer *home = home_of(c, loop->out[j]);
        const Value *yield = body->yields.data[j];
        if (!home) {
            continue;
        }
        const Buffer *place = plan_place(c->plan, yield);
        if (place && place->kind == BUF_part && place->parent == home) {
            continue;
        }
        CView row = cs_index(c, cs_view(c, loop->out[j]), 1, &index);
        if (yield->type->rank == 0) {
            cs_store(c, &row, cs_scalar(c, yield));
        } else {
            cs_copy(c, &row, cs_view(c, yield));
        }
    }
}

/* Carried arrays take their next values at once: those that would be overwritten before they are
 * read are saved. */
static void copy_arrays(CSource *c, const Inst *loop) {
    const Region *body = loop->regions[0];
    for (int j = 0; j < loop->attr.loop.n_carry; j++) {
        Buffer *temp = home_of(c, loop->out[j]) ? plan_carry_temp(c->plan, loop, j) : NULL;
        if (temp) {
            cs_copy(c, cs_buffer_view(c, temp, loop->out[j]->type),
                    cs_view(c, body->yields.data[j]));
        }
    }
    for (int j = 0; j < n_state(loop); j++) {
        const Buffer *home = home_of(c, loop->out[j]);
        if (!home) {
            continue;
        }
        Buffer *temp = plan_carry_temp(c->plan, loop, j);
        if (temp) {
            cs_copy(c, cs_view(c, loop->out[j]), cs_buffer_view(c, temp, loop->out[j]->type));
        } else {
            cs_into(c, home, body->yields.data[j]);
        }
    }
}

/* Whether the text of v names the variable of `param`. */
static bool reads(CSource *c, const Value *v, const Value *param) {
    if (v == param) {
        return true;
    }
    bool open = v->inst && (v->type->rank > 0 ? plan_is_view(c->plan, v) : cs_value(c, v)->inlined);
    for (int k = 0; open && k < v->inst->n_in; k++) {
        if (reads(c, v->inst->in[k], param)) {
            return true;
        }
    }
    return false;
}

static bool reads_earlier(CSource *c, const Inst *loop, int j) {
    for (int k = 0; k < j; k++) {
        if (loop->out[k]->type->rank == 0 && is_read(c, loop, k) &&
            reads(c, loop->regions[0]->yields.data[j], state_param(loop, k))) {
            return true;
        }
    }
    return false;
}

static void assign(CSource *c, const Inst *loop, int j, const char *text) {
    const Value *yield = loop->regions[0]->yields.data[j], *param = state_param(loop, j);
    const char *name = cs_scalar(c, param).text;
    bool adds = yield->inst && yield->inst->op == OP_add && yield->inst->in[0] == param &&
                yield->type->elem >= S_f32;
    if (adds && cs_value(c, yield)->inlined) {
        cs_line(c, "%s += %s;", name, cs_scalar(c, yield->inst->in[1]).text);
    } else if (strcmp(name, text) != 0) {
        cs_line(c, "%s = %s;", name, text);
    }
}

/* Sums first, which nothing but themselves reads; then carries, whose next values are saved where
 * they need others' old ones. */
static void assign_scalars(CSource *c, const Inst *loop) {
    const Region *body = loop->regions[0];
    int n_carry = loop->attr.loop.n_carry;
    for (int j = n_carry; j < n_state(loop); j++) {
        if (loop->out[j]->type->rank == 0 && is_read(c, loop, j)) {
            assign(c, loop, j, cs_scalar(c, body->yields.data[j]).text);
        }
    }
    const char **next = ARENA_ARRAY(c->arena, n_carry + 1, const char *);
    bool *saved = ARENA_ARRAY(c->arena, n_carry + 1, bool);
    for (int j = 0; j < n_carry; j++) {
        if (loop->out[j]->type->rank > 0 || !is_read(c, loop, j)) {
            continue;
        }
        next[j] = cs_scalar(c, body->yields.data[j]).text;
        if (reads_earlier(c, loop, j)) {
            const char *name = cs_fresh(
                c, arena_printf(c->arena, "%s_next", cs_scalar(c, state_param(loop, j)).text));
            cs_line(c, "const %s %s = %s;", header_c_type(loop->out[j]->type->elem), name, next[j]);
            next[j] = name;
            saved[j] = true;
        }
    }
    for (int j = 0; j < n_carry; j++) {
        if (next[j] && saved[j]) {
            cs_line(c, "%s = %s;", cs_scalar(c, state_param(loop, j)).text, next[j]);
        } else if (next[j]) {
            assign(c, loop, j, next[j]);
        }
    }
}

/* Whether nothing in the region writes memory: scalars, loads and views only. */
static bool is_quiet(CSource *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        bool made =
            inst->n_out > 0 && inst->out[0]->type->rank > 0 && !plan_is_view(c->plan, inst->out[0]);
        if (inst->n_region > 0 || made) {
            return false;
        }
    }
    return true;
}

static void leave_early(CSource *c, const Inst *loop) {
    int flag = ir_loop_flag(loop);
    if (flag >= 0 && is_read(c, loop, flag)) {
        cs_line(c, "if (!%s) {",
                cs_wrap(c, cs_value(c, state_param(loop, flag))->expr, PREC_primary));
        cs_line(c, "    break;");
        cs_line(c, "}");
    }
}

static void print_loop(CSource *c, const Inst *loop) {
    cs_show_line(c, loop->loc);
    bind_arrays(c, loop);
    declare_state(c, loop);
    int mark = c->scope.n;
    bool outer = c->quiet;
    begin_loop(c, loop);
    c->quiet = is_quiet(c, loop->regions[0]);
    bind_slices(c, loop);
    cs_region(c, loop->regions[0]);
    store_stacked(c, loop);
    copy_arrays(c, loop);
    assign_scalars(c, loop);
    leave_early(c, loop);
    c->quiet = outer;
    cs_end_block(c);
    cs_release(c, mark);
}

/* ---- branches ---- */

static void declare_results(CSource *c, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        Value *out = inst->out[j];
        CValue *value = cs_value(c, out);
        const Buffer *home = home_of(c, out);
        if (home) {
            value->view = cs_buffer_view(c, home, out->type);
        } else if (value->uses > 0) {
            value->expr =
                cs_expr(out->name ? cs_fresh(c, out->name) : cs_temporary(c), PREC_primary);
            cs_line(c, "%s %s;", header_c_type(out->type->elem), value->expr.text);
        }
    }
}

static void print_branch(CSource *c, const Inst *inst, const Region *branch) {
    int mark = c->scope.n;
    bool outer = c->quiet;
    c->quiet = is_quiet(c, branch);
    c->indent++;
    cs_region(c, branch);
    for (int j = 0; j < inst->n_out; j++) {
        const Value *yield = branch->yields.data[j];
        const Buffer *home = home_of(c, inst->out[j]);
        if (home) {
            cs_into(c, home, yield);
        } else if (cs_value(c, inst->out[j])->uses > 0) {
            cs_line(c, "%s = %s;", cs_scalar(c, inst->out[j]).text, cs_scalar(c, yield).text);
        }
    }
    c->indent--;
    c->quiet = outer;
    cs_release(c, mark);
}

/* The yield of a branch that needs no statement; without text when it needs some. */
static CExpr branch_expression(CSource *c, const Region *branch) {
    Text *out = c->out, text;
    const char *file = c->file;
    uint32_t line = c->line;
    int mark = c->scope.n;
    bool outer = c->quiet;
    text_init(&text, c->arena);
    c->out = &text;
    c->quiet = true;
    cs_region(c, branch);
    c->quiet = outer;
    c->out = out;
    c->file = file;
    c->line = line;
    cs_release(c, mark);
    return text.n > 0 ? cs_expr(NULL, PREC_cond) : cs_scalar(c, branch->yields.data[0]);
}

/* One scalar, chosen between two expressions: no statement. */
static bool print_choice(CSource *c, const Inst *inst) {
    enum { LONGEST = 60 };
    Value *out = inst->n_out == 1 ? inst->out[0] : NULL;
    if (!out || out->type->rank > 0 || !is_quiet(c, inst->regions[0]) ||
        !is_quiet(c, inst->regions[1])) {
        return false;
    }
    CExpr parts[] = {cs_scalar(c, inst->in[0]), branch_expression(c, inst->regions[0]),
                     branch_expression(c, inst->regions[1])};
    if (!parts[1].text || !parts[2].text ||
        strlen(parts[1].text) + strlen(parts[2].text) > LONGEST) {
        return false;
    }
    const Value *values[] = {inst->in[0], inst->regions[0]->yields.data[0],
                             inst->regions[1]->yields.data[0]};
    cs_define(c, out, cs_choice(c, parts, values), NULL, false, inst->loc);
    return true;
}

static void print_if(CSource *c, const Inst *inst) {
    if (print_choice(c, inst)) {
        return;
    }
    cs_show_line(c, inst->loc);
    declare_results(c, inst);
    cs_line(c, "if (%s) {", cs_scalar(c, inst->in[0]).text);
    print_branch(c, inst, inst->regions[0]);
    Text *out = c->out, otherwise;
    text_init(&otherwise, c->arena);
    c->out = &otherwise;
    print_branch(c, inst, inst->regions[1]);
    c->out = out;
    if (otherwise.n > 0) {
        cs_line(c, "} else {");
        text_add(c->out, otherwise.data, otherwise.n);
    }
    cs_line(c, "}");
}

/* ---- regions ---- */

static void print_call(CSource *c, const Inst *inst) {
    Text text;
    text_init(&text, c->arena);
    text_printf(&text, "%s(", inst->attr.callee.func->name);
    for (int k = 0; k < inst->n_in; k++) {
        text_printf(&text, "%s%s", k ? ", " : "", cs_scalar(c, inst->in[k]).text);
    }
    text_puts(&text, ")");
    cs_define(c, inst->out[0], cs_expr(text.data, PREC_primary), NULL, false, inst->loc);
}

static void print_dim(CSource *c, const Inst *inst) {
    const Value *v = inst->in[0];
    CExpr k = cs_scalar(c, v);
    if (cs_value(c, v)->inlined && v->inst->op != OP_const) {
        const char *name = cs_fresh(c, inst->attr.sym->name);
        cs_line(c, CS_MARK "const int64_t %s = %s;", name, k.text);
        k = cs_expr(name, PREC_primary);
    }
    ptrmap_put(&c->syms, inst->attr.sym, (void *)(uintptr_t)cs_wrap(c, k, PREC_primary));
}

/* Sums and products of a size as a value wrap where they are beyond 64 bits. */
static CExpr wrapping_size(CSource *c, const Size *size) {
    CExpr sum = cs_int(c, 0);
    for (int t = 0; t < size->n; t++) {
        const SizeTerm *term = &size->terms[t];
        CExpr product = cs_int(c, term->coef);
        for (int k = 0; k < term->degree; k++) {
            CExpr factor = cs_size(c, size_sym(&c->ctx->polys, term->syms[k]));
            product = k == 0 && term->coef == 1 ? factor : cs_product(c, S_i64, product, factor);
        }
        sum = t == 0 ? product : cs_sum(c, S_i64, sum, product);
    }
    return sum;
}

/* Stands at every use: where it is an index it joins the offset, and the text is not used. */
static void print_size(CSource *c, const Inst *inst) {
    const Size *size = inst->attr.size;
    int64_t constant;
    bool plain = size_is_const(size, &constant) || size_is_sym(size);
    CValue *value = cs_value(c, inst->out[0]);
    value->expr = plain ? cs_size(c, size) : wrapping_size(c, size);
    value->inlined = true;
}

static void print_inst(CSource *c, const Inst *inst) {
    if (op_is_elementwise(inst->op)) {
        cs_elementwise(c, inst);
        return;
    }
    switch (inst->op) {
    case OP_const:
        cs_constant(c, inst);
        return;
    case OP_convert:
        cs_convert(c, inst);
        return;
    case OP_size:
        print_size(c, inst);
        return;
    case OP_dim:
        print_dim(c, inst);
        return;
    case OP_check:
        print_check(c, inst);
        return;
    case OP_loop:
        print_loop(c, inst);
        return;
    case OP_if:
        print_if(c, inst);
        return;
    case OP_contract:
        cs_contract(c, inst);
        return;
    case OP_call:
        print_call(c, inst);
        return;
    default:
        cs_array_inst(c, inst);
    }
}

/* What only led to sizes that nothing mentions, and is more than a line that can be dropped. */
static void mention_sizes(CSource *c, const Inst *inst) {
    for (int j = 0; j < inst->n_out; j++) {
        const CValue *value = cs_value(c, inst->out[j]);
        if (value->size && value->uses > 0 && !value->inlined && !value->marked) {
            cs_line(c, CS_VOID "%s;", value->expr.text);
        }
    }
}

void cs_region(CSource *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        if (inst_is_live(&c->live, region->insts.data[i])) {
            print_inst(c, region->insts.data[i]);
            mention_sizes(c, region->insts.data[i]);
        }
    }
}

static bool is_known(const Inst *inst) {
    switch (inst->op) {
    case OP_const:
    case OP_convert:
        return inst->out[0]->type->rank == 0;
    case OP_call:
        return inst->attr.callee.func->is_extern;
    case OP_size:
    case OP_dim:
    case OP_check:
    case OP_broadcast:
    case OP_index:
    case OP_add_at:
    case OP_update:
    case OP_slice:
    case OP_add_slice:
    case OP_transpose:
    case OP_reshape:
    case OP_array:
    case OP_concat:
    case OP_reverse:
    case OP_contract:
    case OP_loop:
    case OP_if:
        return true;
    default:
        return op_is_elementwise(inst->op) && inst->out[0]->type->rank == 0;
    }
}

bool cs_takes(CSource *c, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (!is_known(inst)) {
            diag_error(&c->ctx->diags, DIAG_codegen, inst->loc,
                       "'%s' reached the printing of C, which takes loops only (run the passes of "
                       "O0 at least)",
                       op_info[inst->op].name);
            return false;
        }
        for (int k = 0; k < inst->n_region; k++) {
            if (!cs_takes(c, inst->regions[k])) {
                return false;
            }
        }
    }
    return true;
}
