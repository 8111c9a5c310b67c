/* Shared by the files that print bp source. See codegen/bpsource.c for the whole. */
#ifndef BPC_CODEGEN_BPSOURCE_INTERNAL_H
#define BPC_CODEGEN_BPSOURCE_INTERNAL_H

#include "codegen/bpsource.h"

/* How tightly an expression holds together, loosest first; the grammar's levels. */
typedef enum Level {
    L_with,
    L_or,
    L_and,
    L_compare,
    L_add,
    L_mul,
    L_unary,
    L_pow,
    L_postfix,
    L_atom,
} Level;

/* The text of an expression. An element x[i, j] keeps its parts, so that a further index joins
 * them. */
typedef struct Code {
    const char *text;
    Level level;
    const char *base, *index; /* of an element; else NULL */
    const struct Code *of;    /* of y', and of y[:, column]: y; else NULL */
    const char *column;
    const char *minus; /* of a negation: its operand; else NULL */
    Level minus_level;
} Code;

typedef VEC(Code) CodeList;

/* How often a value is mentioned in the text, and how. */
typedef struct Use {
    int n;
    bool nested; /* in a region inside the value's own */
    bool result; /* alone as the result of a block */
    bool named;  /* where only a name will do: it is indexed or written several times */
} Use;

/* How a loop is written. */
typedef enum LoopForm {
    FORM_check,        /* nothing but checks:    assert all(... for i < n); */
    FORM_map,          /* stacks:                [... for i < n] */
    FORM_sum,          /* plain accs:            sum(... for i < n) */
    FORM_map_sum,      /* both: what is summed is stacked, then summed */
    FORM_scatter,      /* one add_at:            scatter(n, k => v for i) */
    FORM_scan,         /* stacks of the carries: scan (...) for t < n { ... } */
    FORM_while,        /* until a flag falls:    loop (...) while flag max_iter n { ... } */
    FORM_stored_while, /* the same, and what it stacks is swept backwards; see bpsource_while.c */
    FORM_loop,         /* everything else:       loop (...) for t < n { ... } */
} LoopForm;

typedef struct RecordTypes RecordTypes;

typedef struct Names {
    AtomTable atoms;
    PtrMap taken; /* Atom -> itself while visible */
    VEC(Atom) visible;
    int next; /* of values without a name */
} Names;

typedef struct Printer {
    const IrModule *m;
    VEC(Export *) exports; /* with the types that parameters and results have after the passes */
    Arena *arena;
    Text *out;
    int indent;
    Names names;
    PtrMap codes;   /* Value* -> Code* */
    PtrMap syms;    /* SizeSym* -> const char*: the text of the value it stands for */
    PtrMap uses;    /* Value* -> Use* */
    PtrMap skipped; /* Inst*: printed as a part of something else */
    PtrMap *forms;  /* Inst* of a loop without carries -> its LoopForm, plus one */
    PtrMap dims;    /* Value* -> SizeSym* bound to it */
    PtrMap given;   /* Atom of names.atoms: names that values of the function have */
    PtrMap steps;   /* Inst* of a stored while -> the name of how many steps it took */
    PtrMap whole;   /* Inst* -> the text that gives all of its results at once, as a tuple */
    PtrMap funcs;   /* Func* -> its name: those that are called */
    VEC(const Func *) callees; /* the same, callees first */
    int describe_steps;        /* of the name that is being found */
    RecordTypes *types;
    CodeList *checks; /* where not NULL: checks are collected here instead of printed */
} Printer;

/* ---- names (bpsource_names.c) ---- */
void bp_names_open(Names *names, Arena *arena);
const char *bp_names_new(Names *names, Arena *arena, const char *wanted); /* NULL: any */
bool bp_names_in_use(Names *names, const char *name);
int bp_names_mark(const Names *names);
void bp_names_leave(Names *names, int mark);
/* A name that is in no scope: types and functions, visible for good. */
const char *bp_names_global(Names *names, Arena *arena, const char *wanted);

/* ---- names from what a value is (bpsource_describe.c) ---- */
/* NULL where it says too little. */
const char *bp_describe(Printer *p, const Value *v, const char *suffix);
bool bp_is_word(const char *text);              /* an identifier */
void bp_names_given(Printer *p, const Func *f); /* before anything of f is printed */

/* ---- analysis (bpsource_use.c) ---- */
void bp_uses_find(Printer *p, const Func *f);
Use *bp_use_of(Printer *p, const Value *v);
LoopForm bp_loop_form(const Printer *p, const Inst *loop);
/* The yields of a region printed as a sum: what is added to acc k. */
Value *bp_summand(const Printer *p, const Inst *loop, int k);
bool bp_is_running_sum(const Printer *p, const Value *v);
/* The only instruction of a body that does anything is a loop that stacks, or sums, alike: their
 * binders can be joined. */
const Inst *bp_nested_same(const Printer *p, const Inst *loop, LoopForm form);
/* broadcast x: written as x beside an array of the whole shape. */
bool bp_is_transparent(const Value *v);
/* How a contraction is written: the operators that take operands as they are, or a sum over
 * indices. */
typedef enum ProductForm {
    PRODUCT_general,
    PRODUCT_matmul,
    PRODUCT_dot,
    PRODUCT_norm2,
    PRODUCT_outer,
    PRODUCT_sum
} ProductForm;
typedef struct Product {
    ProductForm form;
    bool swapped, left_t, right_t; /* matmul: operands exchanged, transposed */
} Product;
Product bp_product_form(const Inst *inst);
/* add_at on zeros at constant indices that covers all of a small vector: parts[] receives the
 * elements. */
enum { PARTS_MOST = 16 };
int bp_array_of_adds(Printer *p, const Value *v, Value **parts);
/* add_at on zeros, at constant indices that nothing before it wrote: an update. */
bool bp_is_fresh_put(const Inst *inst);
bool bp_check_is_implied(const Printer *p, const Inst *check);
bool bp_is_mentioned(Printer *p, const Inst *inst); /* in the text at all */
int bp_whole_operand(const Inst *inst); /* of an elementwise operation: which gives the shape */
bool bp_reduces_all(const Inst *inst);
bool bp_is_doubling(const Inst *inst); /* x + x, written 2.0*x */

/* ---- loops on a flag (bpsource_while.c) ---- */
bool bp_is_while(const Inst *loop);
bool bp_is_stored_while(const Printer *p, const Inst *loop);
/* The loop on a flag that a check says has come to its end: `while` brings that check. Or NULL. */
const Inst *bp_loop_ended_by(const Inst *check);
int bp_stored_flags(const Inst *loop); /* which result stacks the flag; -1: none */
const Inst *bp_swept(const Printer *p,
                     const Inst *loop); /* the stored while that it sweeps, or NULL */
const Inst *bp_sweep_guard(const Inst *sweep, const Inst *loop); /* the `if` that is its body */

/* ---- types (bpsource_types.c) ---- */
RecordTypes *bp_types_collect(Printer *p);
void bp_types_print(Printer *p);
const char *bp_type_text(Printer *p, const Type *type);
const char *bp_size_text(Printer *p, const Size *size, Level *level);
/* The type of a parameter or result; NULL when a size in it has no name yet. */
const char *bp_param_type(Printer *p, const Param *param);
const char *bp_record_name(Printer *p, const Param *param);
bool bp_is_tuple(const Param *param);
bool bp_has_leaves(const Param *param); /* else it is left out: nothing of it is active */

/* ---- expressions (bpsource_expr.c) ---- */
Code bp_code_of(Printer *p, const Value *v); /* of the whole shape, exact type */
Code bp_operand_of(
    Printer *p,
    const Value *v); /* beside a value of the whole shape: broadcasts and literals are plain */
const char *bp_at_level(Printer *p, Code code, Level least); /* in parentheses where needed */
Code bp_element_of(Printer *p, Code x, const char *index);
bool bp_is_place(const char *text);              /* x, p.W1, x[i, 2]: as good as a name */
Code bp_inst_code(Printer *p, const Inst *inst); /* of its only result, not yet bound */
void bp_set_code(Printer *p, const Value *v, Code code);
Code bp_atom_code(const char *text);
/* An array of one value: zeros(n, m), or [x for i < n]. */
Code bp_filled(Printer *p, const Type *type, Code element);
const char *bp_join(Printer *p, const char *const *parts, int n);
const char *bp_wrap(Printer *p, const char *const *parts,
                    int n); /* the same over several lines where it is long */
Code bp_tuple_code(Printer *p, int n, const Code *parts);
/* The results of a block: one expression where one instruction gives them all, in order, else a
 * tuple. */
Code bp_results_code(Printer *p, int n, Value *const *values);

/* ---- statements (bpsource_stmt.c) ---- */
void bp_print_line(Printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the instructions of a region as statements. */
void bp_print_insts(Printer *p, const Region *region);
typedef struct Block {
    Text *outer, inner;
    int mark;
} Block;
void bp_block_open(Printer *p, Block *block);
/* "{ statements result }" on several lines, or the result alone where there are none. */
Code bp_block_close(Printer *p, Block *block, Code result);
/* The same for where the grammar wants a block. */
const char *bp_block_text(Printer *p, Block *block, Code result);
/* Binds the results of inst to names: "let (a, b) = text;". What nothing reads is `_`; wanted:
 * names for results without one, or NULL. */
void bp_name_results(Printer *p, int n, Value *const *results, const char *const *wanted,
                     const char *text);
/* The same, or the text stands where they are read, all at once. */
void bp_bind_results(Printer *p, int n, Value *const *results, const char *const *wanted,
                     const char *text);
const char *bp_new_name(Printer *p, const Value *v, const char *fallback);

/* ---- loops (bpsource_loop.c) ---- */
void bp_print_loop(Printer *p, const Inst *loop);
/* A condition that holds when every check inside of a loop or an if without results does. */
Code bp_checks_code(Printer *p, const Inst *inst);

#endif
