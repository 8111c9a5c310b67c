/* Loops of the printed program. Each of the forms of LoopForm is one expression; what the IR's loop
 * does besides (slices, a running order from the end) becomes indices. */
#include "codegen/bpsource_internal.h"

#include <ctype.h>
#include <string.h>

typedef VEC(const char *) StringList;

/* ---- counters ---- */

/* A counter from the source, or the first free one of i, j, k, l. */
static const char *counter_name(Printer *p, const Inst *loop) {
    static const char *const letters[] = {"i", "j", "k", "l"};
    const Value *index = loop->regions[0]->params.data[0];
    if (index->name)
        return bp_names_new(&p->names, p->arena, index->name);
    for (int k = 0; k < 4; k++)
        if (!bp_names_in_use(&p->names, letters[k]))
            return bp_names_new(&p->names, p->arena, letters[k]);
    return bp_names_new(&p->names, p->arena, "i");
}

static const char *extent_text(Printer *p, const Inst *loop) {
    const Inst *swept = bp_swept(p, loop);
    if (swept)
        return ptrmap_get(&p->steps, swept);
    Level level;
    const char *text = bp_size_text(p, loop->attr.loop.extent, &level);
    return level > L_compare ? text : arena_printf(p->arena, "(%s)", text);
}

/* The counter and the slices of a loop, as elements of what they are slices of. */
static void set_elements(Printer *p, const Inst *loop, const char *counter) {
    Value *const *params = loop->regions[0]->params.data;
    bp_set_code(p, params[0], bp_atom_code(counter));
    for (int k = 0; k < loop->attr.loop.n_slice; k++)
        bp_set_code(p, params[1 + k], bp_element_of(p, bp_code_of(p, loop->in[k]), counter));
}

/* Slices with a name that are read more than once keep it. */
static void name_elements(Printer *p, const Inst *loop) {
    Value *const *params = loop->regions[0]->params.data;
    for (int k = 1; k <= loop->attr.loop.n_slice; k++) {
        if (!params[k]->name || bp_use_of(p, params[k])->n < 2)
            continue;
        Code element = bp_code_of(p, params[k]);
        const char *name = bp_names_new(&p->names, p->arena, params[k]->name);
        bp_print_line(p, "let %s = %s;", name, element.text);
        bp_set_code(p, params[k], bp_atom_code(name));
    }
}

/* Opens the counters of the loop and of those directly inside of it that are of the same form;
 * returns the innermost loop; each[], if not NULL, receives "i < n" and "j < m". */
static const Inst *open_nest(Printer *p, const Inst *loop, LoopForm form, const char **binders,
                             StringList *each) {
    Text text;
    text_init(&text, p->arena);
    for (;;) {
        const char *extent = extent_text(p, loop), *counter = counter_name(p, loop);
        const char *binder = arena_printf(p->arena, "%s < %s", counter, extent);
        text_printf(&text, "%s%s", text.n > 0 ? ", " : "", binder);
        if (each)
            vec_push(p->arena, each, binder);
        set_elements(p, loop, counter);
        const Inst *inner = bp_nested_same(p, loop, form);
        if (!inner)
            break;
        for (int i = 0; i < loop->regions[0]->insts.n; i++) { /* sizes of the inner loop */
            const Inst *inst = loop->regions[0]->insts.data[i];
            if (inst->op == OP_dim)
                ptrmap_put(&p->syms, inst->attr.sym,
                           (void *)(uintptr_t)bp_code_of(p, inst->in[0]).text);
        }
        loop = inner;
    }
    *binders = text.data;
    return loop;
}

/* ---- parallel forms ---- */

static void print_map(Printer *p, const Inst *loop) {
    Block block;
    const char *binders;
    bp_block_open(p, &block);
    const Inst *inner = open_nest(p, loop, FORM_map, &binders, NULL);
    const Region *body = inner->regions[0];
    name_elements(p, inner);
    bp_print_insts(p, body);
    Code element = bp_block_close(p, &block, bp_results_code(p, body->yields.n, body->yields.data));
    bp_bind_results(p, loop->n_out, loop->out, NULL,
                    arena_printf(p->arena, "[%s for %s]", element.text, binders));
}

/* init + text; the text alone where the sum starts from zero. */
static const char *added_to(Printer *p, const Value *init, const char *text) {
    return inst_is_zero(init) || bp_is_running_sum(p, init)
               ? text
               : arena_printf(p->arena, "%s + %s", bp_at_level(p, bp_operand_of(p, init), L_add),
                              text);
}

static bool is_added_to(Printer *p, const Inst *loop, int k) {
    const Value *init = loop->in[loop->attr.loop.n_slice + k];
    return !inst_is_zero(init) && !bp_is_running_sum(p, init) && bp_use_of(p, loop->out[k])->n > 0;
}

static void print_sum(Printer *p, const Inst *loop) {
    Block block;
    const char *binders;
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc;
    bp_block_open(p, &block);
    const Inst *inner = open_nest(p, loop, FORM_sum, &binders, NULL);
    Code *parts = ARENA_ARRAY(p->arena, na + 1, Code);
    name_elements(p, inner);
    bp_print_insts(p, inner->regions[0]);
    for (int k = 0; k < na; k++)
        parts[k] = bp_code_of(p, bp_summand(p, inner, k));
    Code term = bp_block_close(p, &block, bp_tuple_code(p, na, parts));
    const char *text = arena_printf(p->arena, "sum(%s for %s)", term.text, binders);
    if (na == 1) {
        bp_bind_results(p, 1, loop->out, NULL, added_to(p, loop->in[ns], text));
        return;
    }
    bool apart = false; /* something is added to one of them behind the sum */
    for (int k = 0; k < na; k++)
        apart = apart || is_added_to(p, loop, k);
    if (apart)
        bp_name_results(p, na, loop->out, NULL, text);
    else
        bp_bind_results(p, na, loop->out, NULL, text);
    for (int k = 0; k < na; k++) {
        if (!is_added_to(p, loop, k))
            continue;
        const char *total = added_to(p, loop->in[ns + k], bp_code_of(p, loop->out[k]).text),
                   *name = bp_new_name(p, loop->out[k], NULL);
        bp_print_line(p, "let %s = %s;", name, total);
        bp_set_code(p, loop->out[k], bp_atom_code(name));
    }
}

/* sum of all of an array of numbers, or of the rows of a larger one */
static const char *sum_text(Printer *p, const Inst *loop, const char *array, bool scalars) {
    if (scalars)
        return arena_printf(p->arena, "sum(%s)", array);
    int mark = bp_names_mark(&p->names);
    const char *extent = extent_text(p, loop), *i = counter_name(p, loop);
    bp_names_leave(&p->names, mark);
    return arena_printf(p->arena, "sum(%s[%s] for %s < %s)", array, i, i, extent);
}

/* A stack is called like what it holds; a stack of stacks, too. */
static const char *all_of(Printer *p, const Value *v) {
    if (v->name)
        return arena_printf(p->arena, "%s_all", v->name);
    const Inst *inner = v->inst;
    bool stack =
        inner && inner->op == OP_loop && v->index >= inner->n_out - inner->attr.loop.n_stack;
    const char *name = stack ? all_of(p, inner->regions[0]->yields.data[v->index]) : NULL;
    return name ? name : bp_describe(p, v, "_all");
}

/* What is summed is stacked beside what is stacked anyway, and summed afterwards. */
static void print_map_sum(Printer *p, const Inst *loop) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, na = loop->attr.loop.n_acc, nstack = loop->attr.loop.n_stack,
        n = 0;
    const Value **stacked = ARENA_ARRAY(p->arena, nstack + na + 1, const Value *);
    const char **names = ARENA_ARRAY(p->arena, nstack + na + 1, const char *);
    for (int k = 0; k < nstack; k++)
        stacked[n++] = body->yields.data[na + k];
    int *place = ARENA_ARRAY(p->arena, na + 1, int);
    for (int k = 0; k < na; k++) {
        const Value *v = bp_summand(p, loop, k);
        for (place[k] = 0; place[k] < n && stacked[place[k]] != v;)
            place[k]++;
        if (place[k] == n)
            stacked[n++] = v;
    }
    Block block;
    bp_block_open(p, &block);
    const char *extent = extent_text(p, loop), *counter = counter_name(p, loop),
               *binders = arena_printf(p->arena, "%s < %s", counter, extent);
    set_elements(p, loop, counter);
    name_elements(p, loop);
    bp_print_insts(p, body);
    Code *parts = ARENA_ARRAY(p->arena, n + 1, Code);
    for (int k = 0; k < n; k++)
        parts[k] = bp_code_of(p, stacked[k]);
    Code element = bp_block_close(p, &block, bp_tuple_code(p, n, parts));
    for (int k = 0; k < n; k++)
        names[k] = k < nstack ? bp_new_name(p, loop->out[na + k], all_of(p, stacked[k]))
                              : bp_names_new(&p->names, p->arena, all_of(p, stacked[k]));
    bp_print_line(p, n > 1 ? "let (%s) = [%s for %s];" : "let %s = [%s for %s];",
                  bp_join(p, names, n), element.text, binders);
    for (int k = 0; k < nstack; k++)
        bp_set_code(p, loop->out[na + k], bp_atom_code(names[k]));
    for (int k = 0; k < na; k++) {
        bool scalars = loop->out[k]->type->rank == 0;
        const char *text =
            added_to(p, loop->in[ns + k], sum_text(p, loop, names[place[k]], scalars));
        bp_bind_results(p, 1, &loop->out[k], NULL, text);
    }
}

/* ---- scatter ---- */

/* Whether the text mentions a name that became visible after the mark. */
static bool mentions_since(const Printer *p, const char *text, int mark) {
    for (int k = mark; k < p->names.visible.n; k++) {
        const char *name = p->names.visible.data[k];
        size_t len = strlen(name);
        for (const char *at = strstr(text, name); at; at = strstr(at + len, name)) {
            bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
            if (begins && !isalnum((unsigned char)at[len]) && at[len] != '_')
                return true;
        }
    }
    return false;
}

/* loop a = init for i < n { loop a = a for j < m { ... } } */
static const char *nested_loops(Printer *p, const char *name, const char *init,
                                const StringList *binders, const char *steps) {
    for (int k = binders->n - 1; k >= 0; k--) {
        const char *text = arena_printf(p->arena, "loop %s = %s for %s %s", name,
                                        k > 0 ? name : init, binders->data[k], steps);
        steps = k > 0 ? arena_printf(p->arena, "{ %s }", text) : text;
    }
    return steps;
}

/* `scatter` adds numbers at an index that no statement computes; all else is a loop over a copy. */
static void print_scatter(Printer *p, const Inst *loop) {
    Block block;
    const char *binders;
    StringList each = {0};
    const Value *init = loop->in[loop->attr.loop.n_slice];
    const char *init_text = bp_code_of(p, init).text;
    bp_block_open(p, &block);
    const char *sum =
        bp_names_new(&p->names, p->arena, loop->out[0]->name ? loop->out[0]->name : "a");
    const Inst *inner = open_nest(p, loop, FORM_scatter, &binders, &each);
    const Region *body = inner->regions[0];
    const Inst *put = body->yields.data[0]->inst;
    const char *at[IR_MAX_RANK], *axes[IR_MAX_RANK];
    int mark = bp_names_mark(&p->names), n = put->n_in - 2;
    name_elements(p, inner);
    bp_print_insts(p, body);
    Level level;
    for (int k = 0; k < n; k++) {
        at[k] = bp_code_of(p, put->in[2 + k]).text;
        axes[k] = bp_size_text(p, init->type->dims[k], &level);
    }
    Code value = bp_code_of(p, put->in[1]);
    const char *index = bp_join(p, at, n), *shape = bp_join(p, axes, n);
    bool plain = init->type->rank == n && init->type->elem == S_f64;
    if (plain && !mentions_since(p, index, mark)) {
        value = bp_block_close(p, &block, value);
        const char *format =
            n > 1 ? "scatter((%s), (%s) => %s for %s)" : "scatter(%s, %s => %s for %s)";
        const char *text = arena_printf(p->arena, format, shape, index, value.text, binders);
        bp_bind_results(p, 1, loop->out, NULL, added_to(p, init, text));
        return;
    }
    Code step = {.level = L_with};
    step.text = arena_printf(p->arena, "%s with [%s] = %s[%s] + %s", sum, index, sum, index,
                             bp_at_level(p, value, L_add));
    bp_bind_results(p, 1, loop->out, NULL,
                    nested_loops(p, sum, init_text, &each, bp_block_text(p, &block, step)));
}

/* ---- checks ---- */

static Code conjunction(Printer *p, const CodeList *checks) {
    Text text;
    text_init(&text, p->arena);
    for (int k = 0; k < checks->n; k++)
        text_printf(&text, "%s%s", k > 0 ? " && " : "",
                    bp_at_level(p, checks->data[k], checks->n > 1 ? L_and : L_or));
    return checks->n == 0
               ? bp_atom_code("true")
               : (Code){.text = text.data, .level = checks->n > 1 ? L_and : checks->data[0].level};
}

static const char *checked_block(Printer *p, Block *block, const Region *region, bool braces) {
    CodeList checks = {0}, *outer = p->checks;
    p->checks = &checks;
    bp_print_insts(p, region);
    p->checks = outer;
    Code all = conjunction(p, &checks);
    return braces ? bp_block_text(p, block, all) : bp_block_close(p, block, all).text;
}

Code bp_checks_code(Printer *p, const Inst *inst) {
    Block block;
    bp_block_open(p, &block);
    if (inst->op == OP_loop) {
        const char *binders;
        const Inst *inner = open_nest(p, inst, FORM_check, &binders, NULL);
        const char *condition = checked_block(p, &block, inner->regions[0], false);
        return (Code){.text = arena_printf(p->arena, "all(%s for %s)", condition, binders),
                      .level = L_postfix};
    }
    Code condition = bp_code_of(p, inst->in[0]);
    const char *then_ = checked_block(p, &block, inst->regions[0], true);
    bp_block_open(p, &block);
    const char *else_ = checked_block(p, &block, inst->regions[1], true);
    return bp_atom_code(arena_printf(p->arena, "if %s %s else %s", condition.text, then_, else_));
}

/* ---- loops with carried values ---- */

/* The variables of a loop: the IR's carries and accs, and an array for each stacked result. */
typedef struct Head {
    int n;
    const char **names, **inits;
} Head;

static Code zeros_code(Printer *p, const Type *type) {
    static const char *const zeros[] = {
        [S_bool] = "false",   [S_i32] = "i32(0)", [S_i64] = "0",
        [S_f32] = "f32(0.0)", [S_f64] = "0.0",
    };
    return bp_filled(p, type, bp_atom_code(zeros[type->elem]));
}

static void init_texts(Printer *p, const Inst *loop, Head *head) {
    int ns = loop->attr.loop.n_slice, nstate = loop->n_in - ns;
    for (int k = 0; k < head->n; k++)
        head->inits[k] = k < nstate ? bp_code_of(p, loop->in[ns + k]).text
                                    : zeros_code(p, loop->out[k]->type).text;
}

/* What makes a name unique: nothing, or _2. */
static bool is_numbered(const char *suffix) {
    return !*suffix ||
           (suffix[0] == '_' && suffix[1] && !suffix[1 + strspn(suffix + 1, "0123456789")]);
}

/* The name of an initial value that nothing else reads: the variable takes it over. */
static const char *name_passed_on(Printer *p, const Value *init, const char *wanted) {
    const Use *use = bp_use_of(p, init);
    const Code *code = ptrmap_get(&p->codes, init);
    size_t n = wanted ? strlen(wanted) : 0;
    if (!code || code->level != L_atom || !bp_is_place(code->text) || use->n != 1)
        return NULL;
    bool same = n == 0 || (strncmp(code->text, wanted, n) == 0 && is_numbered(code->text + n));
    return same && isalpha((unsigned char)code->text[0]) ? code->text : NULL;
}

static void head_names(Printer *p, const Inst *loop, Head *head) {
    const Region *body = loop->regions[0];
    int ns = loop->attr.loop.n_slice, nstate = loop->n_in - ns;
    for (int k = 0; k < head->n; k++) {
        const Value *out = loop->out[k], *y = body->yields.data[k];
        const Value *param = k < nstate ? body->params.data[1 + ns + k] : NULL;
        const char *wanted = param && param->name ? param->name
                             : out->name          ? out->name
                             : param              ? NULL
                                                  : all_of(p, y);
        head->names[k] = k < nstate ? name_passed_on(p, loop->in[ns + k], wanted) : NULL;
        if (!wanted)
            wanted = bp_describe(p, y, "");
        if (!head->names[k])
            head->names[k] = bp_names_new(&p->names, p->arena, wanted);
        if (param)
            bp_set_code(p, param, bp_atom_code(head->names[k]));
    }
}

/* a = x, b = y */
static const char *head_list(Printer *p, const Head *head) {
    const char **parts = ARENA_ARRAY(p->arena, head->n + 1, const char *);
    for (int k = 0; k < head->n; k++)
        parts[k] = arena_printf(p->arena, "%s = %s", head->names[k], head->inits[k]);
    p->indent--; /* as what the loop is a part of */
    const char *list = bp_wrap(p, parts, head->n);
    p->indent++;
    return list;
}

/* "loop (a = x, b = y) for t < n "; the counter of a loop that runs from the end is a statement of
 * its body. */
static const char *open_loop(Printer *p, const Inst *loop, const char *word, Head *head) {
    const char *extent = extent_text(p, loop), *counter;
    head->names = ARENA_ARRAY(p->arena, head->n + 1, const char *);
    head_names(p, loop, head);
    const char *list = head_list(p, head);
    if (loop->attr.loop.reverse) {
        counter = bp_names_new(&p->names, p->arena, "r");
        const char *t = counter_name(p, loop);
        const Size *last =
            size_sub(&p->m->ctx->polys, loop->attr.loop.extent, size_const(&p->m->ctx->polys, 1));
        Level level;
        const char *end = bp_swept(p, loop) ? arena_printf(p->arena, "%s - 1", extent)
                                            : bp_size_text(p, last, &level);
        bp_print_line(p, "let %s = %s - %s;", t, end, counter);
        set_elements(p, loop, t);
    } else {
        counter = counter_name(p, loop);
        set_elements(p, loop, counter);
    }
    return arena_printf(p->arena, head->n == 1 ? "%s %s for %s < %s" : "%s (%s) for %s < %s", word,
                        list, counter, extent);
}

static const char *checkpoint_text(Printer *p, const Inst *loop) {
    Level level;
    if (loop->attr.loop.checkpoint == CHECK_store)
        return "";
    if (loop->attr.loop.checkpoint == CHECK_inner)
        return "@checkpoint ";
    return arena_printf(p->arena, "@checkpoint(%s = %s) ",
                        checkpoint_name[loop->attr.loop.checkpoint],
                        bp_size_text(p, loop->attr.loop.checkpoint_arg, &level));
}

static Code next_with_stacks(Printer *p, const Inst *loop, const Head *head) {
    const Region *body = loop->regions[0];
    Code *next = ARENA_ARRAY(p->arena, head->n + 1, Code);
    const char *counter = bp_code_of(p, body->params.data[0]).text;
    for (int k = 0; k < head->n; k++) {
        next[k] = bp_code_of(p, body->yields.data[k]);
        if (k < loop->n_out - loop->attr.loop.n_stack)
            continue;
        next[k].text = arena_printf(p->arena, "%s with [%s] = %s", head->names[k], counter,
                                    bp_at_level(p, next[k], L_or));
        next[k].level = L_with;
    }
    return bp_tuple_code(p, head->n, next);
}

/* What the branch taken gives, in the order of the loop. */
static Code results_of_guard(Printer *p, const Inst *loop, const Inst *guard) {
    const Region *body = loop->regions[0];
    Code *next = ARENA_ARRAY(p->arena, body->yields.n + 1, Code);
    for (int k = 0; k < body->yields.n; k++)
        next[k] = bp_code_of(p, guard->regions[0]->yields.data[body->yields.data[k]->index]);
    return bp_tuple_code(p, body->yields.n, next);
}

static void print_carried(Printer *p, const Inst *loop, bool scan) {
    const Region *body = loop->regions[0];
    int nc = loop->attr.loop.n_carry;
    Head head = {.n = scan ? nc : loop->n_out};
    head.inits = ARENA_ARRAY(p->arena, head.n + 1, const char *);
    init_texts(p, loop, &head);
    Block block;
    bp_block_open(p, &block);
    const char *opening = open_loop(p, loop, scan ? "scan" : "loop", &head);
    const Inst *swept = bp_swept(p, loop), *guard = swept ? bp_sweep_guard(loop, swept) : NULL;
    name_elements(p, loop);
    if (guard)
        ptrmap_put(&p->skipped, guard, NULL);
    bp_print_insts(p, body);
    if (guard) {
        body = guard->regions[0];
        bp_print_insts(p, body);
    }
    bool stacks = !scan && loop->attr.loop.n_stack > 0;
    Code next = guard    ? results_of_guard(p, loop, guard)
                : stacks ? next_with_stacks(p, loop, &head)
                         : bp_results_code(p, head.n, body->yields.data);
    const char *steps = bp_block_text(p, &block, next);
    const char *text = arena_printf(p->arena, "%s%s %s", checkpoint_text(p, loop), opening, steps);
    bp_bind_results(p, head.n, scan ? loop->out + nc : loop->out, scan ? NULL : head.names, text);
}

/* How many steps were taken: a variable of the loop beside those of the IR, in place of the flags.
 */
static void add_steps(Printer *p, const Inst *loop, Head *head) {
    int flags = bp_stored_flags(loop);
    head->names[flags] = bp_names_new(&p->names, p->arena, "steps");
    head->inits[flags] = "0";
}

/* What a step stores, and the count of steps. */
static void add_stored(Printer *p, const Inst *loop, const Head *head, Code *next) {
    int flags = bp_stored_flags(loop);
    const char *steps = head->names[flags];
    for (int k = loop->n_out - loop->attr.loop.n_stack; k < loop->n_out; k++)
        next[k] = (Code){.text = arena_printf(p->arena, "%s with [%s] = %s", head->names[k], steps,
                                              bp_at_level(p, next[k], L_or)),
                         .level = L_with};
    next[flags] = (Code){.text = arena_printf(p->arena, "%s + 1", steps), .level = L_add};
}

/* The flag is a variable of the loop; its body is the branch that is taken while the flag holds. */
static void print_while(Printer *p, const Inst *loop) {
    const Region *body = loop->regions[0];
    int flag = ir_loop_flag_of_carries(loop);
    bool stored = loop->attr.loop.n_stack > 0;
    const Inst *guard = body->yields.data[flag]->inst;
    Head head = {.n = loop->n_out};
    head.inits = ARENA_ARRAY(p->arena, head.n + 1, const char *);
    head.names = ARENA_ARRAY(p->arena, head.n + 1, const char *);
    init_texts(p, loop, &head);
    Block block;
    bp_block_open(p, &block);
    if (!body->params.data[1 + flag]->name)
        body->params.data[1 + flag]->name = atom_of(&p->m->ctx->atoms, "running");
    head_names(p, loop, &head);
    if (stored)
        add_steps(p, loop, &head);
    const char *list = head_list(p, &head), *most = extent_text(p, loop);
    ptrmap_put(&p->skipped, guard, NULL);
    bp_print_insts(p, body);
    bp_print_insts(p, guard->regions[0]);
    Code *next = ARENA_ARRAY(p->arena, head.n + 1, Code);
    for (int k = 0; k < head.n; k++) {
        const Value *y = body->yields.data[k];
        next[k] = bp_code_of(p, y->inst == guard ? guard->regions[0]->yields.data[y->index] : y);
    }
    if (stored)
        add_stored(p, loop, &head, next);
    const char *steps = bp_block_text(p, &block, bp_tuple_code(p, head.n, next));
    const char *format =
        head.n == 1 ? "loop %s while %s max_iter %s %s" : "loop (%s) while %s max_iter %s %s";
    bp_bind_results(p, head.n, loop->out, head.names,
                    arena_printf(p->arena, format, list, head.names[flag], most, steps));
    if (stored)
        ptrmap_put(&p->steps, loop,
                   (void *)(uintptr_t)bp_code_of(p, loop->out[bp_stored_flags(loop)]).text);
}

void bp_print_loop(Printer *p, const Inst *loop) {
    CodeList *checks = p->checks;
    p->checks = NULL;
    switch (bp_loop_form(p, loop)) {
    case FORM_map:
        print_map(p, loop);
        break;
    case FORM_sum:
        print_sum(p, loop);
        break;
    case FORM_map_sum:
        print_map_sum(p, loop);
        break;
    case FORM_scatter:
        print_scatter(p, loop);
        break;
    case FORM_while:
    case FORM_stored_while:
        print_while(p, loop);
        break;
    case FORM_scan:
        print_carried(p, loop, true);
        break;
    default:
        print_carried(p, loop, false);
        break;
    }
    p->checks = checks;
}
