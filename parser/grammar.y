/* The grammar of bp. Actions only call parser/build.h. Builtin functions and derivative operators are plain
 * names here. Entered by parse_source and parse_export (parser/parser.c). */
%define api.pure full
%define api.prefix {bp_yy}
%define api.token.prefix {T_}
%define api.location.type {Loc}
%define parse.error custom
%define parse.lac full
%define parse.trace false
%locations
%expect 0
%lex-param   { void *scanner }
%parse-param { void *scanner }
%parse-param { struct Builder *b }

%code requires {
#include "parser/build.h"
}

%code {
#include "parser/syntax.h"

#define YYLLOC_DEFAULT(Now, Rhs, N)                                                                \
    do {                                                                                           \
        (Now).begin = (N) ? YYRHSLOC(Rhs, 1).begin : YYRHSLOC(Rhs, 0).end;                         \
        (Now).end = (N) ? YYRHSLOC(Rhs, N).end : YYRHSLOC(Rhs, 0).end;                             \
    } while (0)

/* The stacks stand in the frame of yyparse and never grow: deeper nesting is reported. */
#define YYINITDEPTH 6000
#define YYMAXDEPTH 6000

/* Nor does the parser take any other memory, which would leak when an action unwinds. The stack for looking
 * ahead (LAC) starts with room for 20 states and grows by one only for each empty rule in a row: a few. */
#define YYMALLOC(bytes) ((void)(bytes), (void *)0)
#define YYFREE(memory) ((void)(memory))

int bp_yylex(YYSTYPE *value, Loc *loc, void *scanner);
static void yyerror(Loc *loc, void *scanner, struct Builder *b, const char *message);

#define NEW(T) ARENA_NEW(b->arena, T)
#define PUSH(list, x) vec_push(b->arena, (list), (x))
}

%union {
    Atom atom;
    int64_t integer;
    double number;
    bool boolean;
    Name name;
    Expr *expr;
    TypeExpr *type;
    Pattern *pattern;
    Let *let;
    Binder *binder;
    AstParam *param;
    FnDecl *fn;
    ExprList *exprs;
    TypeExprList *types;
    NameList *names;
    Generics *generics;
    ParamList *params;
    LetList *lets;
    BinderList *binders;
    IndexList *indices;
    CallArgs *args;
    LoopHead *carries;
    FnHead *fn_head;
    Rule *rule;
    RulePart *rule_part;
    Arg arg;
    Index index;
}

%token END 0 "end of file"
%token FN "`fn`" LET "`let`" IF "`if`" ELSE "`else`" FOR "`for`" IN "`in`" LOOP "`loop`" SCAN "`scan`"
%token WHILE "`while`" MAX_ITER "`max_iter`" TYPE "`type`" EXPORT "`export`" EXTERN "`extern`"
%token IMPORT "`import`" AS "`as`" WHERE "`where`" WITH "`with`" TEST "`test`" ASSERT "`assert`"
%token DERIVATIVE "`derivative`" CHECKPOINT "`checkpoint`"
%token <atom> IDENT "identifier" STRING "string"
%token <integer> INT "integer"
%token <number> FLOAT "number"
%token <boolean> BOOL "boolean"
%token OR "`||`" AND "`&&`" EQ "`==`" NE "`!=`" LE "`<=`" GE "`>=`" POW "`**`" ARROW "`->`" FATARROW "`=>`"
%token '<' "`<`" '>' "`>`" '+' "`+`" '-' "`-`" '*' "`*`" '/' "`/`" '%' "`%`" '@' "`@`" '!' "`!`" '\'' "`'`"
%token '(' "`(`" ')' "`)`" '[' "`[`" ']' "`]`" '{' "`{`" '}' "`}`" '=' "`=`" ',' "`,`" ';' "`;`" ':' "`:`"
%token '.' "`.`" '|' "`|`"

/* Given out first: what is parsed. Behind START_MODULE the empty module is reduced at once, so that an error in the
 * very first declaration has a place to recover. */
%token START_MODULE START_EXPORT

/* A declaration with an error ends at its `;` or `}`, else before the next declaration. */
%precedence RECOVER
%precedence ';'
/* The value of a `with` takes everything up to the next `with`. */
%precedence WITH_VALUE
%left OR
%left AND
%left EQ NE '<' '>' LE GE
%left '+' '-'
%left '*' '/' '%' '@'
%precedence UNARY
%right POW

%type <name> ident opt_as
%type <expr> expr value operand postfix primary block value_block if loop fn_body opt_where
%type <type> type opt_result opt_type
%type <pattern> pattern pattern_list
%type <let> let
%type <binder> binder
%type <param> param field_type lambda_param
%type <fn> fn
%type <exprs> exprs2 exprs array_items
%type <types> types opt_types types2
%type <names> opt_sizes names
%type <generics> opt_generics generics
%type <params> params opt_params field_types lambda_params
%type <lets> lets
%type <binders> binders
%type <indices> indices
%type <index> index
%type <args> args opt_args new_fields
%type <arg> arg
%type <carries> carries carry_list
%type <fn_head> fn_head
%type <rule> rule_parts
%type <rule_part> rule_part

%initial-action { @$ = (Loc){b->lex->at, b->lex->at}; }

%%

input
    : START_MODULE module
    | START_EXPORT expr opt_as { b->only_export = build_export(b, loc_join(@2, @3), $2, $3); }
    ;

module
    : %empty
    | module decl
    ;

/* ---- declarations ---- */

decl
    : fn { PUSH(&b->module->fns, $1); }
    | EXPORT fn { PUSH(&b->module->fns, $2); build_export_fn(b, @$, $2); }
    | EXPORT expr opt_as ';' { vec_push(b->arena, &b->module->exports, build_export(b, @$, $2, $3)); }
    | EXTERN FN ident '(' opt_params ')' ARROW type ';' {
          FnHead *head = NEW(FnHead);
          head->name = $3;
          head->params = *$5;
          head->result = $8;
          FnDecl *fn = build_fn(b, @$, head, NULL);
          fn->is_extern = true;
          PUSH(&b->module->fns, fn);
      }
    | TYPE ident opt_sizes '=' type ';' { build_type_decl(b, @$, $2, $3, $5); }
    | IMPORT STRING opt_as ';' {
          PUSH(&b->module->imports, ((Import){.loc = @$, .path = {$2, @2}, .as = $3}));
      }
    | DERIVATIVE ident opt_generics '(' opt_params ')' '{' rule_parts '}' {
          $8->name = $2;
          $8->brackets = $3 != NULL;
          if ($3) { $8->size_names = $3->sizes; $8->types = $3->types; }
          $8->params = *$5;
          build_rule(b, @$, $8);
      }
    | TEST STRING block { build_test(b, @$, (Name){$2, @2}, $3); }
    | error ';' { yyerrok; }
    | error '}' /* what follows may belong to it still: stay quiet for three tokens */
    | error %prec RECOVER /* before a keyword that opens a declaration */
    | ';' { syntax_stray_semicolon(b, @1); }
    ;

fn
    : fn_head fn_body { $$ = build_fn(b, @$, $1, $2); }
    ;

fn_head
    : FN ident opt_generics '(' opt_params ')' opt_result opt_where {
          $$ = NEW(FnHead);
          $$->name = $2;
          $$->brackets = $3 != NULL;
          if ($3) { $$->size_names = $3->sizes; $$->types = $3->types; }
          $$->params = *$5;
          $$->result = $7;
          $$->where = $8;
      }
    ;

fn_body
    : value_block
    | '=' expr ';' { $$ = $2; }
    ;

opt_sizes
    : %empty { $$ = NULL; }
    | '[' names ']' { $$ = $2; }
    ;

opt_generics
    : %empty { $$ = NULL; }
    | '[' generics ']' { $$ = $2; }
    ;

generics
    : ident { $$ = NEW(Generics); PUSH(&$$->sizes, $1); }
    | ident ':' ident { $$ = NEW(Generics); build_type_param(b, $$, $1, $3); }
    | generics ',' ident { $$ = $1; PUSH(&$$->sizes, $3); }
    | generics ',' ident ':' ident { $$ = $1; build_type_param(b, $$, $3, $5); }
    ;

names
    : ident { $$ = NEW(NameList); PUSH($$, $1); }
    | names ',' ident { $$ = $1; PUSH($$, $3); }
    ;

opt_params
    : %empty { $$ = NEW(ParamList); }
    | params
    | params ','
    ;

params
    : param { $$ = NEW(ParamList); PUSH($$, $1); }
    | params ',' param { $$ = $1; PUSH($$, $3); }
    ;

param
    : ident ':' type { $$ = NEW(AstParam); $$->name = $1; $$->type = $3; }
    ;

opt_result
    : %empty { $$ = NULL; }
    | ARROW type { $$ = $2; }
    ;

opt_where
    : %empty { $$ = NULL; }
    | WHERE expr { $$ = $2; }
    ;

opt_as
    : %empty { $$ = (Name){NULL, {0, 0}}; }
    | AS ident { $$ = $2; }
    ;

rule_parts
    : %empty { $$ = NEW(Rule); }
    | rule_parts rule_part { $$ = $1; PUSH(&$$->parts, $2); }
    ;

rule_part
    : ident '(' opt_params ')' fn_body {
          $$ = NEW(RulePart);
          $$->kind = $1;
          $$->loc = @$;
          $$->params = *$3;
          $$->body = $5;
      }
    ;

ident
    : IDENT { $$ = (Name){$1, @1}; }
    ;

/* ---- types ---- */

type
    : ident { $$ = build_type_name(b, @$, $1, NULL); }
    | ident '[' exprs ']' { $$ = build_type_name(b, @$, $1, $3); }
    | ident '.' ident { $$ = build_type_name(b, @$, build_qualified(b, $1, $3), NULL); }
    | ident '.' ident '[' exprs ']' { $$ = build_type_name(b, @$, build_qualified(b, $1, $3), $5); }
    | '[' exprs ']' type { $$ = build_type_array(b, @$, $2, $4); }
    | '(' types2 ')' { $$ = build_type_tuple(b, @$, $2); }
    | '(' type ')' { $$ = $2; }
    | '{' field_types '}' { $$ = build_type_record(b, @$, $2); }
    | FN '(' opt_types ')' ARROW type { $$ = build_type_fn(b, @$, $3, $6); }
    ;

opt_types
    : %empty { $$ = NEW(TypeExprList); }
    | types
    ;

types
    : type { $$ = NEW(TypeExprList); PUSH($$, $1); }
    | types ',' type { $$ = $1; PUSH($$, $3); }
    ;

types2
    : type ',' types { $$ = NEW(TypeExprList); PUSH($$, $1);
                       for (int i = 0; i < $3->n; i++) { PUSH($$, $3->data[i]); } }
    ;

field_types
    : field_type { $$ = NEW(ParamList); PUSH($$, $1); }
    | field_types ',' field_type { $$ = $1; PUSH($$, $3); }
    | field_types ',' { $$ = $1; }
    ;

field_type
    : ident ':' type { $$ = NEW(AstParam); $$->name = $1; $$->type = $3; }
    ;

/* ---- blocks ---- */

value_block
    : block { $$ = build_value_block(b, $1); }
    ;

block
    : '{' lets '}' { $$ = build_block(b, @$, $2, NULL); }
    | '{' lets expr '}' { $$ = build_block(b, @$, $2, $3); }
    | '{' lets error '}' { $$ = build_block(b, @$, $2, build_error(b, @3)); }
    ;

lets
    : %empty { $$ = NEW(LetList); }
    | lets let { $$ = $1; if ($2) { PUSH($$, $2); } }
    ;

let
    : LET pattern opt_type '=' expr ';' { $$ = build_let(b, @$, $2, $3, $5); }
    | ASSERT expr ';' { $$ = build_let(b, @$, NULL, NULL, $2); }
    | expr ';' { syntax_statement(b, $1, @2); $$ = NULL; }
    | error ';' { $$ = NULL; b->dropped = @2; yyerrok; }
    ;

opt_type
    : %empty { $$ = NULL; }
    | ':' type { $$ = $2; }
    ;

pattern
    : ident { $$ = build_pattern(b, @$, $1, NULL); }
    | '(' pattern_list ')' { $$ = build_pattern(b, @$, (Name){NULL, @$}, $2); }
    ;

pattern_list
    : pattern ',' pattern { $$ = build_pattern(b, @$, (Name){NULL, @$}, NULL);
                            PUSH(&$$->parts, $1); PUSH(&$$->parts, $3); }
    | pattern_list ',' pattern { $$ = $1; PUSH(&$$->parts, $3); }
    ;

/* ---- expressions ----
 * `value` is an expr outside of whose brackets no `with` stands: the new value of a `with`. */

expr
    : operand
    | expr OR expr { $$ = build_binary(b, @2, BIN_or, $1, $3); }
    | expr AND expr { $$ = build_binary(b, @2, BIN_and, $1, $3); }
    | expr EQ expr { $$ = build_binary(b, @2, BIN_eq, $1, $3); }
    | expr NE expr { $$ = build_binary(b, @2, BIN_ne, $1, $3); }
    | expr '<' expr { $$ = build_binary(b, @2, BIN_lt, $1, $3); }
    | expr '>' expr { $$ = build_binary(b, @2, BIN_gt, $1, $3); }
    | expr LE expr { $$ = build_binary(b, @2, BIN_le, $1, $3); }
    | expr GE expr { $$ = build_binary(b, @2, BIN_ge, $1, $3); }
    | expr '+' expr { $$ = build_binary(b, @2, BIN_add, $1, $3); }
    | expr '-' expr { $$ = build_binary(b, @2, BIN_sub, $1, $3); }
    | expr '*' expr { $$ = build_binary(b, @2, BIN_mul, $1, $3); }
    | expr '/' expr { $$ = build_binary(b, @2, BIN_div, $1, $3); }
    | expr '%' expr { $$ = build_binary(b, @2, BIN_rem, $1, $3); }
    | expr '@' expr { $$ = build_binary(b, @2, BIN_matmul, $1, $3); }
    | expr POW expr { $$ = build_binary(b, @2, BIN_pow, $1, $3); }
    | '-' expr %prec UNARY { $$ = build_unary(b, @$, UN_neg, $2); }
    | '!' expr %prec UNARY { $$ = build_unary(b, @$, UN_not, $2); }
    ;

value
    : postfix
    | value OR value { $$ = build_binary(b, @2, BIN_or, $1, $3); }
    | value AND value { $$ = build_binary(b, @2, BIN_and, $1, $3); }
    | value EQ value { $$ = build_binary(b, @2, BIN_eq, $1, $3); }
    | value NE value { $$ = build_binary(b, @2, BIN_ne, $1, $3); }
    | value '<' value { $$ = build_binary(b, @2, BIN_lt, $1, $3); }
    | value '>' value { $$ = build_binary(b, @2, BIN_gt, $1, $3); }
    | value LE value { $$ = build_binary(b, @2, BIN_le, $1, $3); }
    | value GE value { $$ = build_binary(b, @2, BIN_ge, $1, $3); }
    | value '+' value { $$ = build_binary(b, @2, BIN_add, $1, $3); }
    | value '-' value { $$ = build_binary(b, @2, BIN_sub, $1, $3); }
    | value '*' value { $$ = build_binary(b, @2, BIN_mul, $1, $3); }
    | value '/' value { $$ = build_binary(b, @2, BIN_div, $1, $3); }
    | value '%' value { $$ = build_binary(b, @2, BIN_rem, $1, $3); }
    | value '@' value { $$ = build_binary(b, @2, BIN_matmul, $1, $3); }
    | value POW value { $$ = build_binary(b, @2, BIN_pow, $1, $3); }
    | '-' value %prec UNARY { $$ = build_unary(b, @$, UN_neg, $2); }
    | '!' value %prec UNARY { $$ = build_unary(b, @$, UN_not, $2); }
    ;

operand
    : postfix
    | operand WITH '[' indices ']' '=' value %prec WITH_VALUE { $$ = build_with_index(b, @$, $1, $4, $7); }
    | operand WITH '{' new_fields '}' { $$ = syntax_with_fields(b, @$, $1, &$4->args); }
    ;

new_fields
    : ident '=' expr { $$ = NEW(CallArgs); PUSH(&$$->args, ((Arg){$1, $3})); }
    | new_fields ',' ident '=' expr { $$ = $1; PUSH(&$$->args, ((Arg){$3, $5})); }
    ;

postfix
    : primary
    | postfix '\'' { $$ = build_postfix(b, @$, E_transpose, $1); }
    | postfix '.' ident { $$ = build_field(b, @$, $1, $3); }
    | postfix '.' INT { $$ = build_component(b, @$, $1, $3, @3); }
    | postfix '.' FLOAT { syntax_component(b, @3); $$ = build_error(b, @$); }
    | postfix '[' indices ']' { $$ = build_index(b, @$, $1, $3); }
    | postfix '(' opt_args ')' { $$ = build_call(b, @$, $1, $3); }
    ;

primary
    : IDENT { $$ = build_name(b, @$, $1); }
    | INT { $$ = build_int(b, @$, $1); }
    | FLOAT { $$ = build_float(b, @$, $1); }
    | BOOL { $$ = build_bool(b, @$, $1); }
    | '(' expr ')' { $$ = build_parens(b, @$, $2); }
    | '(' exprs2 ')' { $$ = build_items(b, @$, E_tuple, $2); }
    | '[' array_items ']' { $$ = build_items(b, @$, E_array, $2); }
    | '[' expr FOR binders ']' { $$ = build_comp(b, @$, $2, $4); }
    | value_block
    | if
    | loop
    | CHECKPOINT value_block { $$ = build_postfix(b, @$, E_checkpoint, $2); }
    ;

if
    : IF expr block ELSE block { $$ = build_if(b, @$, $2, $3, $5); }
    | IF expr block ELSE if { $$ = build_if(b, @$, $2, $3, $5); }
    ;

loop
    : LOOP carries FOR binders value_block { $$ = build_for(b, @$, false, $2, $4, $5); }
    | SCAN carries FOR binders value_block { $$ = build_for(b, @$, true, $2, $4, $5); }
    | LOOP carries WHILE expr MAX_ITER expr value_block { $$ = build_while(b, @$, $2, $4, $6, $7); }
    | '@' CHECKPOINT loop { $$ = build_attribute(b, @$, (Name){NULL, @2}, NULL, $3); }
    | '@' CHECKPOINT '(' ident '=' expr ')' loop { $$ = build_attribute(b, @$, $4, $6, $8); }
    ;

carries
    : ident '=' expr {
          $$ = NEW(LoopHead);
          vec_push(b->arena, &$$->carries, syntax_carry(b, $1, $3));
      }
    | '(' carry_list ')' { $$ = $2; $$->tuple = true; }
    ;

carry_list
    : ident '=' expr {
          $$ = NEW(LoopHead);
          vec_push(b->arena, &$$->carries, syntax_carry(b, $1, $3));
      }
    | carry_list ',' ident '=' expr {
          $$ = $1;
          vec_push(b->arena, &$$->carries, syntax_carry(b, $3, $5));
      }
    ;

binders
    : binder { $$ = NEW(BinderList); PUSH($$, $1); }
    | binders ',' binder { $$ = $1; PUSH($$, $3); }
    ;

binder
    : ident { $$ = build_binder(b, $1, NULL, NULL); }
    | ident '<' expr { $$ = build_binder(b, $1, NULL, $3); }
    | ident IN expr ':' expr { $$ = build_binder(b, $1, $3, $5); }
    ;

indices
    : index { $$ = NEW(IndexList); PUSH($$, $1); }
    | indices ',' index { $$ = $1; PUSH($$, $3); }
    ;

index
    : expr { $$ = (Index){.kind = IX_at, .loc = @$, .at = $1}; }
    | ':' { $$ = (Index){.kind = IX_range, .loc = @$}; }
    | expr ':' { $$ = (Index){.kind = IX_range, .loc = @$, .lo = $1}; }
    | ':' expr { $$ = (Index){.kind = IX_range, .loc = @$, .hi = $2}; }
    | expr ':' expr { $$ = (Index){.kind = IX_range, .loc = @$, .lo = $1, .hi = $3}; }
    ;

exprs
    : expr { $$ = NEW(ExprList); PUSH($$, $1); }
    | exprs ',' expr { $$ = $1; PUSH($$, $3); }
    ;

exprs2
    : expr ',' exprs { $$ = NEW(ExprList); PUSH($$, $1);
                       for (int i = 0; i < $3->n; i++) { PUSH($$, $3->data[i]); } }
    ;

array_items
    : exprs
    | exprs ','
    ;

/* ---- arguments ---- */

opt_args
    : %empty { $$ = NEW(CallArgs); }
    | args
    | args ','
    | args FOR binders { $$ = $1; $$->binders = $3; }
    | args ',' expr FATARROW expr FOR binders { $$ = $1; syntax_scatter(b, $$, $3, $5, $7); }
    ;

args
    : arg { $$ = NEW(CallArgs); PUSH(&$$->args, $1); }
    | args ',' arg { $$ = $1; PUSH(&$$->args, $3); }
    ;

arg
    : expr { $$ = (Arg){{NULL, @$}, $1}; }
    | ident '=' expr { $$ = (Arg){$1, $3}; }
    | '|' lambda_params '|' expr { $$ = (Arg){{NULL, @$}, build_lambda(b, @$, $2, $4)}; }
    ;

lambda_params
    : lambda_param { $$ = NEW(ParamList); PUSH($$, $1); }
    | lambda_params ',' lambda_param { $$ = $1; PUSH($$, $3); }
    ;

lambda_param
    : ident opt_type { $$ = NEW(AstParam); $$->name = $1; $$->type = $2; }
    ;

%%

/* Bison's own names are quoted for messages, so they are given out as they stand. */
static int yyreport_syntax_error(const yypcontext_t *ctx, void *scanner, struct Builder *b) {
    (void)scanner;
    enum { MOST = 64 };
    yysymbol_kind_t kinds[MOST];
    const char *names[MOST];
    int n = yypcontext_expected_tokens(ctx, kinds, MOST);
    if (n < 0) {
        return n;
    }
    int tokens = 0;
    for (int i = 0; i < n; i++) {
        names[tokens++] = yysymbol_name(kinds[i]);
    }
    yysymbol_kind_t got = yypcontext_token(ctx);
    const Loc *loc = yypcontext_location(ctx);
    syntax_report(b, got == YYSYMBOL_YYEMPTY ? "nothing" : yysymbol_name(got), *loc, names, tokens);
    return 0;
}

/* Called for what is no syntax error: the stacks are exhausted. */
static void yyerror(Loc *loc, void *scanner, struct Builder *b, const char *message) {
    (void)scanner;
    (void)message;
    syntax_too_deep(b, *loc);
}

const char *syntax_token_name(int token) {
    return yysymbol_name(YYTRANSLATE(token));
}
