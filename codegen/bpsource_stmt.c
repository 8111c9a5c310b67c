/* Statements of the printed program: which values get a `let`, blocks, branches, checks.
 *
 * Note [Lets]
 * A value gets a `let` when the source gave it a name, when it is mentioned more than once or
 * inside of a loop or branch, or when its expression is long; else it stands where it is used. So a
 * line of the program is a step of the computation, and nothing is computed twice or moved into a
 * loop. */
#include "codegen/bpsource_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { INLINE_MOST = 48, RESULT_MOST = 90, LINE_MOST = 100 };

/* The best place for a line to end within `most` bytes: outermost, then last. 0: there is none. */
static size_t break_of(const char *line, size_t n, size_t most) {
    int depth = 0, best_depth = 1000;
    size_t best = 0;
    for (size_t k = 0; k < n && k < most; k++) {
        depth += (strchr("([{", line[k]) != NULL) - (strchr(")]}", line[k]) != NULL);
        bool operator_next =
            k + 2 < n && line[k] == ' ' && line[k + 2] == ' ' && strchr("+-%", line[k + 1]) != NULL;
        bool after_comma = k > 0 && line[k] == ' ' && line[k - 1] == ',';
        if ((operator_next || after_comma) && k > 20 && depth <= best_depth) {
            best = k;
            best_depth = depth;
        }
    }
    return best;
}

/* One line of text, over several where it is long. */
static void add_line(Text *out, int indent, const char *line, size_t n) {
    size_t inner = (size_t)indent;
    for (size_t k = 0; k < n && line[k] == ' '; k++)
        inner++;
    for (size_t most = LINE_MOST - (size_t)indent;; most = LINE_MOST - inner - 4) {
        size_t at = n > most && inner < LINE_MOST / 2 ? break_of(line, n, most) : 0;
        text_printf(out, "%*s", indent, "");
        text_add(out, line, at > 0 ? at : n);
        text_puts(out, "\n");
        if (at == 0)
            return;
        line += at + 1;
        n -= at + 1;
        indent = (int)inner + 4;
    }
}

void bp_print_line(Printer *p, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *line = arena_alloc(p->arena, (size_t)n + 1);
    vsnprintf(line, (size_t)n + 1, format, again);
    va_end(again);
    const char *at = line, *end;
    for (int indent = 2 * p->indent;; at = end + 1, indent = 0) {
        end = strchr(at, '\n');
        add_line(p->out, indent, at, end ? (size_t)(end - at) : strlen(at));
        if (!end)
            return;
    }
}

/* ---- blocks ---- */

void bp_block_open(Printer *p, Block *block) {
    block->outer = p->out;
    block->mark = bp_names_mark(&p->names);
    text_init(&block->inner, p->arena);
    p->out = &block->inner;
    p->indent++;
}

static const char *close(Printer *p, Block *block, Code result) {
    bool lines = block->inner.n > 0 || strchr(result.text, '\n');
    if (lines)
        bp_print_line(p, "%s", result.text);
    p->indent--;
    p->out = block->outer;
    bp_names_leave(&p->names, block->mark);
    return lines ? arena_printf(p->arena, "{\n%s%*s}", block->inner.data, 2 * p->indent, "") : NULL;
}

Code bp_block_close(Printer *p, Block *block, Code result) {
    const char *text = close(p, block, result);
    return text ? bp_atom_code(text) : result;
}

const char *bp_block_text(Printer *p, Block *block, Code result) {
    const char *text = close(p, block, result);
    return text ? text : arena_printf(p->arena, "{ %s }", result.text);
}

/* ---- bindings ---- */

const char *bp_new_name(Printer *p, const Value *v, const char *fallback) {
    const SizeSym *sym = ptrmap_get(&p->dims, v);
    const char *wanted = v->name ? v->name : sym && sym->name ? sym->name : fallback;
    if (!wanted)
        wanted = bp_describe(p, v, "");
    return bp_names_new(&p->names, p->arena, wanted);
}

static bool fits(const Use *use, const char *text) {
    return strlen(text) <= (use->result ? RESULT_MOST : INLINE_MOST) && !strchr(text, '\n');
}

/* May stand where it is used; see Note [Lets]. */
static bool stands_in_place(Printer *p, const Value *v, Code code) {
    const Use *use = bp_use_of(p, v);
    return use->n == 1 && !use->nested && !use->named && !v->name && fits(use, code.text);
}

/* "[...]" and "sum(...)" hold together; "init + sum(...)" is a sum. */
static Level level_of(const char *text) {
    const char *open = strpbrk(text, " ([");
    int depth = 0;
    if (!open || *open == ' ')
        return L_add;
    for (const char *c = open; *c; c++) {
        depth += (strchr("([{", *c) != NULL) - (strchr(")]}", *c) != NULL);
        if (depth == 0 && c[1])
            return L_add;
    }
    return L_postfix;
}

/* Loops and branches are statements, except where they are all of a result; sums and comprehensions
 * are expressions. */
static bool may_stand_in_place(Printer *p, const Value *v, const char *text) {
    const Use *use = bp_use_of(p, v);
    if (use->result && use->n == 1 && !use->nested && !use->named)
        return true;
    bool statement =
        strncmp(text, "loop ", 5) == 0 || strncmp(text, "if ", 3) == 0 || text[0] == '@';
    return !statement && stands_in_place(p, v, bp_atom_code(text));
}

/* [(a, b) for i < n], which a pattern takes apart, but which is not the tuple of its parts. */
static bool is_array_of_tuples(Printer *p, const Inst *inst) {
    if (!inst || inst->op != OP_loop)
        return false;
    LoopForm form = bp_loop_form(p, inst);
    return form == FORM_map || form == FORM_scan;
}

/* The results of one instruction are those of its block, all and in order, and nothing else reads
 * them. */
static bool are_the_yields(Printer *p, int n, Value *const *results) {
    const Region *region = results[0]->region;
    const Inst *owner = region->owner;
    if (owner && ptrmap_has(&p->skipped, owner))
        return false; /* an `if` of which only the branch is printed */
    bool plain = owner && (owner->op == OP_if || bp_loop_form(p, owner) == FORM_map ||
                           bp_loop_form(p, owner) == FORM_loop);
    if (is_array_of_tuples(p, results[0]->inst) && plain &&
        (owner->op == OP_if || bp_loop_form(p, owner) != FORM_map))
        return false;
    if (!plain || region->yields.n != n ||
        (owner->op == OP_loop && owner->attr.loop.n_stack > 0 &&
         bp_loop_form(p, owner) != FORM_map))
        return false;
    for (int k = 0; k < n; k++)
        if (region->yields.data[k] != results[k] || bp_use_of(p, results[k])->n != 1)
            return false;
    return true;
}

void bp_bind_results(Printer *p, int n, Value *const *results, const char *const *wanted,
                     const char *text) {
    if (n == 1 && may_stand_in_place(p, results[0], text)) {
        bp_set_code(p, results[0], (Code){.text = text, .level = level_of(text)});
        return;
    }
    if (n > 1 && are_the_yields(p, n, results)) {
        ptrmap_put(&p->whole, results[0]->inst, (void *)(uintptr_t)text);
        return;
    }
    bp_name_results(p, n, results, wanted, text);
}

void bp_name_results(Printer *p, int n, Value *const *results, const char *const *wanted,
                     const char *text) {
    const char **names = ARENA_ARRAY(p->arena, n + 1, const char *);
    for (int k = 0; k < n; k++) {
        names[k] = bp_use_of(p, results[k])->n > 0
                       ? bp_new_name(p, results[k], wanted ? wanted[k] : NULL)
                       : "_";
        bp_set_code(p, results[k], bp_atom_code(names[k]));
    }
    const char *list = bp_wrap(p, names, n);
    const char *end = strchr(text, '\n');
    size_t first = end ? (size_t)(end - text) : strlen(text);
    const char *gap = n > 1 && strlen(list) + first > 84
                          ? arena_printf(p->arena, "\n%*s", 2 * p->indent + 4, "")
                          : " ";
    bp_print_line(p, n == 1 ? "let %s =%s%s;" : "let (%s) =%s%s;", list, gap, text);
}

/* An element at constants or loop counters of an array with a name: as good as a name. */
static bool is_plain_element(Printer *p, const Inst *inst) {
    if (inst->op != OP_index || (inst->out[0]->name && bp_use_of(p, inst->out[0])->n > 1))
        return false;
    if (ptrmap_has(&p->dims, inst->out[0]))
        return false;
    for (int k = 1; k < inst->n_in; k++) {
        const Value *i = inst->in[k];
        bool counter = !i->inst && i->index == 0 && i->region->owner;
        if (!counter && !(i->inst && (i->inst->op == OP_const || i->inst->op == OP_size)))
            return false;
    }
    return true;
}

/* x', as good as x. */
static bool is_plain_transpose(const Inst *inst, Code code) {
    return inst->op == OP_transpose && code.of && !inst->out[0]->name;
}

/* What is alone the result of a block, whose own name says what it is. */
static bool is_whole_block(Printer *p, const Value *v, Code code) {
    const Use *use = bp_use_of(p, v);
    return v->region->owner && use->result && use->n == 1 && !use->nested && !use->named &&
           fits(use, code.text);
}

/* An update is called like what it updates. */
static const char *name_of_updated(const Inst *inst) {
    if (inst->op != OP_add_at && inst->op != OP_update && inst->op != OP_add_slice)
        return NULL;
    const Value *base = inst->in[0];
    while (!base->name && base->inst &&
           (base->inst->op == OP_add_at || base->inst->op == OP_update))
        base = base->inst->in[0];
    return base->name;
}

static void print_value(Printer *p, const Inst *inst) {
    Value *v = inst->out[0];
    const Use *use = bp_use_of(p, v);
    bool constant = inst->op == OP_const || inst->op == OP_size;
    if (constant || (inst->op == OP_broadcast && !use->named && !v->name))
        return; /* written where it is used */
    Code code = bp_inst_code(p, inst);
    if (is_plain_element(p, inst) || is_plain_transpose(inst, code) ||
        stands_in_place(p, v, code) || is_whole_block(p, v, code)) {
        bp_set_code(p, v, code);
        return;
    }
    const char *name = bp_new_name(p, v, name_of_updated(inst));
    bp_print_line(p, "let %s = %s;", name, code.text);
    bp_set_code(p, v, bp_atom_code(name));
}

static void print_check(Printer *p, const Inst *inst) {
    Code condition = inst->op == OP_check ? bp_code_of(p, inst->in[0]) : bp_checks_code(p, inst);
    if (p->checks)
        vec_push(p->arena, p->checks, condition);
    else
        bp_print_line(p, "assert %s;", condition.text);
}

static bool is_bool_const(const Value *v, bool value) {
    return v->inst && v->inst->op == OP_const && v->type->elem == S_bool &&
           v->inst->attr.integer == value;
}

/* c && d, c || d are branches in the IR. */
static bool short_circuit(Printer *p, const Inst *inst, Code condition, const Code *branch) {
    if (inst->n_out != 1)
        return false;
    bool and_ = is_bool_const(inst->regions[1]->yields.data[0], false);
    bool or_ = is_bool_const(inst->regions[0]->yields.data[0], true);
    if (!and_ && !or_)
        return false;
    Level level = and_ ? L_and : L_or;
    const char *text =
        arena_printf(p->arena, "%s %s %s", bp_at_level(p, condition, level), and_ ? "&&" : "||",
                     bp_at_level(p, branch[and_ ? 0 : 1], level));
    if (stands_in_place(p, inst->out[0], bp_atom_code(text)))
        bp_set_code(p, inst->out[0], (Code){.text = text, .level = level});
    else
        bp_bind_results(p, 1, inst->out, NULL, text);
    return true;
}

static void print_if(Printer *p, const Inst *inst) {
    const char *branch[2];
    Code codes[2];
    bool plain = true;
    Code condition = bp_code_of(p, inst->in[0]);
    CodeList *checks = p->checks;
    p->checks = NULL;
    for (int k = 0; k < 2; k++) {
        const Region *region = inst->regions[k];
        Block block;
        bp_block_open(p, &block);
        bp_print_insts(p, region);
        Code result = bp_results_code(p, inst->n_out, region->yields.data);
        plain = plain && block.inner.n == 0;
        codes[k] = result;
        branch[k] = bp_block_text(p, &block, result);
    }
    p->checks = checks;
    if (plain && short_circuit(p, inst, condition, codes))
        return;
    bp_bind_results(
        p, inst->n_out, inst->out, NULL,
        arena_printf(p->arena, "if %s %s else %s", condition.text, branch[0], branch[1]));
}

/* Whether an `if` of the region, or inside of it, has an array of this size. */
static bool chooses_of_size(const Region *region, const SizeSym *sym) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        for (int k = 0; inst->op == OP_if && k < inst->n_out; k++)
            if (ir_type_mentions(inst->out[k]->type, sym))
                return true;
        for (int k = 0; k < inst->n_region; k++)
            if (chooses_of_size(inst->regions[k], sym))
                return true;
    }
    return false;
}

/* What the size is called: both branches of an `if` have one size only by its name. */
static void bind_size(Printer *p, const Inst *dim) {
    const char *text = bp_code_of(p, dim->in[0]).text;
    if (!bp_is_word(text) && chooses_of_size(dim->region, dim->attr.sym)) {
        const char *name = bp_new_name(p, dim->in[0], "size");
        bp_print_line(p, "let %s = %s;", name, text);
        text = name;
    }
    ptrmap_put(&p->syms, dim->attr.sym, (void *)(uintptr_t)text);
}

void bp_print_insts(Printer *p, const Region *region) {
    for (int i = 0; i < region->insts.n; i++) {
        const Inst *inst = region->insts.data[i];
        if (ptrmap_has(&p->skipped, inst) || !bp_is_mentioned(p, inst))
            continue;
        if (inst->op == OP_dim)
            bind_size(p, inst);
        else if (inst->op == OP_check || inst->n_out == 0)
            print_check(p, inst);
        else if (inst->op == OP_loop)
            bp_print_loop(p, inst);
        else if (inst->op == OP_if)
            print_if(p, inst);
        else if (inst->n_out > 1)
            bp_bind_results(p, inst->n_out, inst->out, NULL, bp_inst_code(p, inst).text);
        else
            print_value(p, inst);
    }
}
