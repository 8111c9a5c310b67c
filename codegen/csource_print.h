/* What the files that print C share: the state, scalars as expressions, arrays as views.
 *
 * Printing walks a function's regions once, in order. A scalar of the IR is an expression in C:
 * either it was assigned to a constant of its own (when it has a name in the source, several uses,
 * or uses in a nested block), or its text goes where its only use is. An array is a view: a base
 * pointer, an offset, strides that are sizes.
 *
 * Only codegen/csource*.c include this. */
#ifndef BPC_CODEGEN_CSOURCE_PRINT_H
#define BPC_CODEGEN_CSOURCE_PRINT_H

#include "codegen/plan.h"
#include "passes/liveness.h"

/* How tightly an expression binds, loosest first. */
typedef enum Prec {
    PREC_cond,
    PREC_or,
    PREC_and,
    PREC_compare,
    PREC_add,
    PREC_mul,
    PREC_unary,
    PREC_primary
} Prec;

typedef struct CExpr {
    const char *text; /* NULL: none */
    Prec prec;
} CExpr;

/* Element (i, j, ..) is base[offset + fixed + i*strides[0] + ...]. */
typedef struct CView {
    const char *base; /* NULL: every element is `splat` */
    CExpr splat;
    const char *offset; /* a sum of terms, or NULL */
    const Size *fixed;
    Scalar elem;
    bool dense; /* row-major without gaps */
    bool input; /* never written */
    int rank;
    const Size *dims[IR_MAX_RANK], *strides[IR_MAX_RANK]; /* in elements */
} CView;

typedef struct CValue {
    CExpr expr;  /* scalar */
    CView *view; /* array */
    int uses;
    bool foreign; /* used in a region nested in its own */
    bool size;    /* a size symbol is bound to it, or to what is computed of it; not of arrays */
    bool marked;  /* it is declared by a line that goes where nothing mentions it */
    bool inlined; /* its text stands at its use */
} CValue;

typedef struct CCheck {
    Loc loc;
    const char *text;
} CCheck;

typedef struct CSource {
    Context *ctx;
    IrModule *m;
    Arena *arena;
    const char *module_name;
    Text *out;
    int indent;
    VEC(CCheck) checks; /* status k is checks.data[k - 1] */
    PtrMap reserved;    /* atoms that no local may have */
    bool failed;

    /* of the function being printed */
    const Export *export;
    const Func *func;
    Plan *plan;
    Liveness live;   /* nothing else is printed */
    PtrMap values;   /* Value* -> CValue* */
    PtrMap syms;     /* SizeSym* -> name */
    PtrMap buffers;  /* Buffer* -> name; slots only */
    PtrMap taken;    /* atoms of the names in scope; NULL once out of it */
    VEC(Atom) scope; /* those names, in order */
    int temporaries;
    const char *at, *total, *fits; /* names of what lays out the workspace */
    bool quiet; /* the region being printed writes no array before its end: loads may wait for their
                   use */
    const char **results; /* places of the results, by leaf */
    const char *file;     /* of the export; lines of others are shown with their file */
    uint32_t line;        /* last shown */
} CSource;

/* ---- csource_names.c: identifiers, sizes, lines of text ---- */
void cs_reserve_names(CSource *c);
const char *cs_fresh(CSource *c,
                     const char *wanted); /* an identifier like `wanted`, free in this scope */
const char *cs_temporary(CSource *c);     /* v1, v2, ... */
void cs_release(CSource *c, int mark);    /* the names since scope.n was `mark` are free again */
void cs_line(CSource *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cs_show_line(
    CSource *c,
    Loc loc); /* the line of the source as a comment, unless it was the last one shown */
const char *cs_wrap(CSource *c, CExpr e,
                    Prec least); /* in parentheses unless it binds at least that tightly */
CExpr cs_expr(const char *text, Prec prec);
CExpr cs_size(CSource *c, const Size *size);
CExpr cs_int(CSource *c, int64_t value);
void cs_comment_text(Text *out, const char *text,
                     size_t n); /* such that it may stand in a comment */

/* ---- csource_expr.c: scalars ---- */
CValue *cs_value(CSource *c, const Value *v);
CExpr cs_scalar(CSource *c, const Value *v);
/* Gives v its expression: where its use is, when `movable` and used but once, else as a constant
 * declared here, called after v or, when v has no name, `hint` (or NULL). */
void cs_define(CSource *c, const Value *v, CExpr expr, const char *hint, bool movable, Loc loc);
void cs_elementwise(CSource *c, const Inst *inst);
void cs_convert(CSource *c, const Inst *inst);
void cs_constant(CSource *c, const Inst *inst);
/* x[0] ? x[1] : x[2], which are the texts of these values. */
CExpr cs_choice(CSource *c, const CExpr *x, const Value *const *values);
CExpr cs_number(CSource *c, Scalar elem, double value);
CExpr cs_sum(CSource *c, Scalar elem, CExpr x, CExpr y);
CExpr cs_product(CSource *c, Scalar elem, CExpr x, CExpr y);

/* ---- csource_view.c: addresses ---- */
CView *cs_view(CSource *c, const Value *v);
CView *cs_new_view(CSource *c, const CView *view);
CView cs_dense_view(CSource *c, const char *base, const Type *type);
CView *cs_buffer_view(CSource *c, const Buffer *buffer, const Type *type);
void cs_set_dims(CSource *c, CView *view, const Type *type);
CView cs_index(CSource *c, const CView *view, int n, const CExpr *index);
CView cs_index_values(CSource *c, const CView *view, int n, Value *const *index);
CView cs_index_size(CSource *c, const CView *view, const Size *index);
CExpr cs_element(CSource *c, const CView *view); /* of a view of rank 0 */
void cs_define_element(CSource *c, const Value *v, const CView *view, Loc loc);
/* Declares a pointer to the first element when the offset has grown long. */
void cs_shorten(CSource *c, CView *view, Atom name);
void cs_store(CSource *c, const CView *place, CExpr value);
void cs_accumulate(CSource *c, const CView *place, CExpr value);
void cs_copy(CSource *c, const CView *to, const CView *from);
void cs_add_all(CSource *c, const CView *to, const CView *from);
void cs_into(CSource *c, const Buffer *buffer, const Value *value);
void cs_begin_for(CSource *c, const char *index, const Size *extent);
void cs_end_block(CSource *c); /* of a for or an if */

/* ---- csource_array.c: operations on arrays ---- */
void cs_array_inst(CSource *c, const Inst *inst);
void cs_contract(CSource *c, const Inst *inst);

/* ---- csource_control.c: regions, loops, branches, checks ---- */
void cs_region(CSource *c, const Region *region);
bool cs_takes(CSource *c,
              const Region *region); /* False: not in loop form; a diagnostic was queued */
int cs_status(CSource *c, Loc loc, const char *text);

/* ---- csource_work.c: workspace ---- */
typedef struct CLayout {
    bool constant; /* offsets and total are known, and nothing can overflow */
    int64_t total;
    int64_t *offsets; /* constant: by slot */
    int *numbers;     /* by slot: its place in at[] */
    int n;
} CLayout;
/* integers: keys are the parameters that NAME_work gets, too. */
void cs_layout(CSource *c, const PtrMap *integers, CLayout *layout, Text *statements);

/* ---- csource_func.c ---- */
void cs_export(CSource *c, const Export *export);

/* ---- csource_used.c: which identifiers a text mentions; helpers ---- */
void cs_identifiers(CSource *c, const char *text, PtrMap *found);
bool cs_mentions(CSource *c, const PtrMap *found, const char *name);
/* Whether the text stores elements of the array, "NAME[...] = ..." on a line, and does nothing else
 * with it: a state of a few elements that are known one by one. */
bool cs_only_stores(const char *text, const char *name);
void cs_print_helpers(CSource *c, const char *text,
                      Text *out); /* those that text needs, in order */
void cs_reserve_helpers(CSource *c);
/* Declarations of sizes begin with this mark: whether a size is mentioned shows only afterwards.
 * Where there is more than one line, as of a loop, CS_VOID with a name stands for its use. */
#define CS_MARK "\001"
#define CS_VOID CS_MARK "(void)"
void cs_drop_unused(Text *text); /* the marks, and the marked lines that nothing mentions */

#endif
