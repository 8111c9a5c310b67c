/* How the grammar makes nodes. Every node is built here, so that the limit of nesting holds
 * everywhere and what the grammar cannot say (derivative operators, reductions, chained
 * comparisons) is decided in one place. Called by parser/grammar.y only. */
#ifndef BPC_PARSER_BUILD_H
#define BPC_PARSER_BUILD_H

#include "lexer/lexer.h"
#include "parser/parser.h"

typedef struct Builder {
    Context *ctx;
    Arena *arena;
    AstModule *module;
    LexState *lex;
    ExportDecl *only_export; /* the result of parse_export */
    bool depth_reported;
    VEC(Atom) mentions;   /* names since the last declaration: see FnDecl */
    uint32_t syntax_line; /* of the last syntax error that was reported; 0: none */
    Loc dropped;          /* the last `;` after an expression in a block: reported already */
} Builder;

/* What stands between the parentheses of a call. */
typedef struct CallArgs {
    ArgList args;
    Expr *at;            /* of `at => value`, which scatter takes as its last argument */
    BinderList *binders; /* NULL: no `for` */
} CallArgs;

typedef struct LoopHead {
    CarryList carries;
    bool tuple;
} LoopHead;

typedef struct FnHead {
    Name name;
    bool brackets;
    NameList size_names;
    TypeParamList types;
    ParamList params;
    TypeExpr *result;
    Expr *where;
} FnHead;

Expr *build_error(Builder *b, Loc loc);
Expr *build_int(Builder *b, Loc loc, int64_t value);
Expr *build_float(Builder *b, Loc loc, double value);
Expr *build_bool(Builder *b, Loc loc, bool value);
Expr *build_name(Builder *b, Loc loc, Atom atom);
Expr *build_unary(Builder *b, Loc loc, UnaryOp op, Expr *x);
Expr *build_binary(Builder *b, Loc op_loc, BinaryOp op, Expr *left, Expr *right);
Expr *build_postfix(Builder *b, Loc loc, ExprKind kind, Expr *x); /* transpose, checkpoint */
Expr *build_call(Builder *b, Loc loc, Expr *callee, CallArgs *args);
Expr *build_index(Builder *b, Loc loc, Expr *x, IndexList *at);
Expr *build_field(Builder *b, Loc loc, Expr *x, Name name);
Expr *build_component(Builder *b, Loc loc, Expr *x, int64_t number, Loc number_loc);
Expr *build_with_index(Builder *b, Loc loc, Expr *x, IndexList *at, Expr *value);
Expr *build_with_field(Builder *b, Loc loc, Expr *x, Name field, Expr *value);
Expr *build_items(Builder *b, Loc loc, ExprKind kind, ExprList *items); /* array, tuple */
Expr *build_comp(Builder *b, Loc loc, Expr *body, BinderList *binders);
Expr *build_block(Builder *b, Loc loc, LetList *lets, Expr *result);
Expr *build_value_block(Builder *b, Expr *block); /* reports a missing value */
Expr *build_if(Builder *b, Loc loc, Expr *cond, Expr *then_, Expr *else_);
Expr *build_for(Builder *b, Loc loc, bool is_scan, LoopHead *head, BinderList *binders, Expr *body);
Expr *build_while(Builder *b, Loc loc, LoopHead *head, Expr *cond, Expr *max_iter, Expr *body);
Expr *build_attribute(Builder *b, Loc loc, Name name, Expr *value, Expr *loop);
Expr *build_lambda(Builder *b, Loc loc, ParamList *params, Expr *body);
Expr *build_parens(Builder *b, Loc loc, Expr *x);

Pattern *build_pattern(Builder *b, Loc loc, Name name, Pattern *parts);
Let *build_let(Builder *b, Loc loc, Pattern *pattern, TypeExpr *type, Expr *value);
Binder *build_binder(Builder *b, Name name, Expr *lo, Expr *hi);

TypeExpr *build_type_name(Builder *b, Loc loc, Name name, ExprList *sizes);
TypeExpr *build_type_array(Builder *b, Loc loc, ExprList *dims, TypeExpr *elem);
TypeExpr *build_type_tuple(Builder *b, Loc loc, TypeExprList *parts);
TypeExpr *build_type_record(Builder *b, Loc loc, ParamList *fields);
TypeExpr *build_type_fn(Builder *b, Loc loc, TypeExprList *params, TypeExpr *result);

Name build_qualified(Builder *b, Name module, Name name); /* p.name as one name */
void build_type_param(Builder *b, Generics *generics, Name name, Name class_name);
FnDecl *build_fn(Builder *b, Loc loc, FnHead *head, Expr *body);
void build_type_decl(Builder *b, Loc loc, Name name, NameList *sizes, TypeExpr *type);
void build_rule(Builder *b, Loc loc, Rule *rule);
void build_test(Builder *b, Loc loc, Name title, Expr *body);
void build_export_fn(Builder *b, Loc loc, FnDecl *fn);
ExportDecl *build_export(Builder *b, Loc loc, Expr *fn, Name as);

#endif
