/* Numeric oracles for whole programs: what every part of this tool shares.
 *
 * A program is built several times (a Build each): for the reference interpreter and as native code
 * for several levels and CPUs. Its exports are called with guarded memory on random inputs (call.c)
 * that a specification bounds (spec.c). From each exported derivative, the function under it is
 * taken as a Subject (subject.c), whose value and derivatives of both modes are held against
 * differences and against each other (checks.c).
 *
 * Sizes and leaves are found by name, so that the same Point serves a function and its derivatives.
 * Called by main.c only; this is a tool of the tests, not part of the library. */
#ifndef BPC_TEST_ORACLE_H
#define BPC_TEST_ORACLE_H

#include "codegen/codegen.h"
#include "driver/compile.h"

enum { MOST_SIZES = 12, MOST_LEAVES = 128, MOST_EXPORTS = 64 };

/* ---- programs and how they are built (build.c) ---- */

typedef struct Program {
    const char *path;
    char *text;
    size_t len;
    const char *code; /* C that stands for what is printed of it; NULL: none is given */
} Program;
bool program_read(Program *p, const char *path);

typedef struct Config {
    const char *name;
    int level;       /* -1: the interpreter */
    const char *cpu; /* NULL: this machine's */
    bool narrow;     /* every f64 of the text is f32 */
    const char *cc;  /* the C that `--emit=c` prints, by this compiler with its flags */
    bool reprint; /* the program as `--emit=bp` prints it, derivatives resolved, is compiled in its
                     place */
    int threads;  /* above 1: the work is shared, however short */
    int piece;    /* above 0: functions are cut into pieces of so many operations */
    bool swift;   /* cheap: what is run on every random program */
    bool foreign; /* little of bpc runs here that does not for another configuration; what differs
                     is LLVM's or a C compiler's. Left out where ORACLE_CONFIGS=own */
    bool plain; /* by LLVM's plain code generator, which takes half of the time; the passes and the
                   LLVM IR are the same */
    bool watched; /* --sanitize=nan: no status where the interpreter finds finite numbers, and one
                     where it does not */
    bool sized;   /* --size: compiled for the sizes of `row`, and called with no others */
    const struct SizeRow *row;
} Config;

/* For testing the oracles: results that are made wrong, by this much of the value and as such.
 * `names`: configurations and exports, between semicolons; NULL: none. */
typedef struct Fault {
    const char *names;
    double size;
} Fault;

typedef struct Build {
    const Config *config;
    const Fault *fault;
    Context ctx;
    Arena arena;
    IrModule *m;
    Jit *jit;      /* NULL: evaluated by the interpreter, or */
    void *library; /* what a C compiler made */
    struct Symbols *symbols;
    int subject; /* whose exports build_find sees: those of subject 2 are called NAME_2; 0, 1: those
                    without a number */
} Build;

/* With no `exports`, those of the text; else only these, each written as after `export`. On failure
 * *messages (if not NULL) receives the diagnostics, to be freed. A Build must be closed in either
 * case. */
bool build_open(Build *b, const Program *p, const Config *config, const char *const *exports, int n,
                char **messages);
void build_close(Build *b);
const Export *build_find(const Build *b, const char *name); /* NULL: no such export */

/* Addresses of what is compiled of an export; NULL: no such symbol. */
typedef struct Symbols {
    const Export *of;
    void *function, *work, *error;
} Symbols;
Symbols build_symbols(const Build *b, const Export *e);

/* ---- inputs (spec.c) ---- */

typedef struct Rng {
    uint64_t state;
} Rng;
double rng_uniform(Rng *rng, double lo, double hi);
int64_t rng_below(Rng *rng, int64_t n);

typedef struct SizeBinding {
    char name[32];
    int64_t value;
} SizeBinding;

typedef struct SizeRow {
    int n;
    SizeBinding sizes[MOST_SIZES];
} SizeRow;
int64_t row_size(const SizeRow *row, const char *name); /* 3 where it has none of that name */

typedef struct RangeRule {
    char name[64], lo[32], hi[32]; /* floats: from lo to hi; integers: lo <= x < hi */
    bool diagonal;                 /* lo is added to the diagonal, besides */
    bool bad;                      /* a value that must fail: lo; hi is part of the message */
} RangeRule;

/* Two exports of one signature that must give the same. */
typedef struct SameRule {
    char name[64], other[64];
    bool bits;
} SameRule;

/* What a program needs to be run. One line each, `#` begins a comment:
 *   sizes n=3 d=2 t=1            a row of sizes; every row is tried; a size not named is 3
 *   range NAME LO HI             values of a parameter or field; LO, HI: numbers, sizes, or sums
 *                                and products of them
 *   bad NAME VALUE MESSAGE-WORD  with this value in an integer parameter, every configuration
 *                                fails with the message
 *   without WORD...              derivatives that do not exist: vjp jvp grad hvp hessian jacobian
 *                                batch
 *   order K                      highest order of derivatives to check (2)
 *   trials K                     points tried a row of sizes (2)
 *   coordinates K                coordinate directions tried besides a random one (4)
 *   scale X                      of numbers: what is much smaller may be off by parts of it (0.05)
 *   single X                     so many times the usual limit of what rounding excuses in single
 *                                precision (1) */
typedef struct Spec {
    VEC(SizeRow) rows;
    VEC(RangeRule) rules;
    VEC(SameRule) same; /* `same A B bits|near` */
    int order, trials, coordinates;
    double single, scale;
    char without[128];
} Spec;
/* From the file, or where `path` is NULL from lines of the program that begin with "//! ". */
bool spec_read(Spec *spec, Arena *arena, const char *path, const char *text);

typedef struct Point {
    const SizeRow *row;
    int n_sizes, n_args;
    int64_t sizes[MOST_SIZES];
    Datum *args[MOST_LEAVES];
} Point;
/* Sizes by name and random leaves for the parameters of e; the first `given` leaves are taken from
 * `from`. */
void point_random(Point *p, Arena *arena, const Spec *spec, const SizeRow *row, const Export *e,
                  Rng *rng, const Point *from, int given);
Datum *datum_copy(Arena *arena, const Datum *d);
/* x + t*d for the float leaves of the list; others are shared. d[i] belongs to leaf which[i]. */
void point_step(Point *to, Arena *arena, const Point *x, double t, int n, const int *which,
                Datum *const *d);
/* Every float relatively by up to `epsilon`, at random. */
void point_shake(Point *to, Arena *arena, const Point *x, double epsilon, Rng *rng);
void point_round(Point *p); /* floats to single precision, in place */
/* Puts the value of a `bad` rule in place; false when no leaf has that name. */
bool point_spoil(Point *p, const Export *e, const RangeRule *rule);

/* ---- calls (call.c) ---- */

/* Whether the sizes are those that the export was compiled for (build.c). */
bool build_takes(const Build *b, const Export *e, const Point *p);

typedef struct Outcome {
    int status;
    const char *message; /* status != 0 */
    int n;
    Datum *out[MOST_LEAVES];
    const char
        *misuse; /* memory that was written but must not be, or results that were not; NULL: none */
} Outcome;
/* Where the memory of a call lies, and what is in its workspace before. */
typedef enum Side { SIDE_none, SIDE_start, SIDE_end } Side; /* of pages that nobody may touch */
typedef struct Placement {
    Side side;
    int fill;
} Placement;
void build_run_placed(const Build *b, const Export *e, const Point *p, const Outcome *shape,
                      const Placement *place, Arena *arena, Outcome *out);
/* `shape`: an earlier outcome of the interpreter, for the extents of the results; may be NULL for
 * the interpreter. */
void build_run(const Build *b, const Export *e, const Point *p, const Outcome *shape, Arena *arena,
               Outcome *out);

/* ---- subjects (subject.c) ---- */

typedef struct Subject {
    const char *text; /* as after `export` */
    const char *wrt;  /* "[x, y]", or "" for all float parameters */
    bool batched;     /* an export is a batch of it */
} Subject;

typedef struct SubjectList {
    int n;
    Subject data[MOST_EXPORTS];
} SubjectList;
/* The functions under the derivatives that the program exports, and its plain exports. */
bool subjects_find(const Program *p, Arena *arena, SubjectList *out);

/* ---- differences (differ.c) ---- */

typedef struct Derivative { /* of all float results in order, flat */
    int64_t n;
    double *value, *error, *at; /* derivative, its estimated error, the function itself */
} Derivative;
/* Richardson differences along a direction; noise: what each result is known to. False where the
 * function failed. */
bool derivative_along(const Build *b, const Export *e, const Point *x, const Outcome *shape,
                      const double *noise, int n, const int *which, Datum *const *d, double step,
                      Arena *arena, Derivative *out);

/* ---- the report (main.c) ---- */

typedef struct Report {
    const Program *program;
    const Spec *spec;
    Rng rng;
    bool swift; /* in the cheap configurations only */
    int turn; /* which configurations have all of LLVM's optimisations, one in four; 0: every one */
    Fault fault;
    long checks, unresolved, failures;
    const char *subject; /* shown with a failure; NULL: the program's own exports */
} Report;
void report_fail(Report *r, const char *what, const Point *p, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- one module built by every configuration (family.c) ---- */

enum {
    INTERPRETER,
    LEVEL_0,
    LEVEL_3,
    FULL_CONFIGS = 12,
    SINGLE = FULL_CONFIGS,
    SINGLE_INTERPRETER,
    CONFIGS
};

typedef struct Family {
    Report *report;
    Config configs[CONFIGS];
    Build builds[CONFIGS];
    bool ok[CONFIGS];
} Family;

/* What the interpreter computed, and how much each float moves when the inputs move in their last
 * bits: the conditioning that all tolerances are scaled by. */
typedef struct Sample {
    Point point;
    Outcome outcome;
    double *noise[MOST_LEAVES];      /* by how much results may be off by conditioning alone */
    double *rounded[MOST_LEAVES];    /* by how much the interpreter's are in the directed modes */
    double *single_off[MOST_LEAVES]; /* how far it is off in single precision */
} Sample;

/* False when no configuration could be built; those that failed alone are reported. With
 * `all`, false and nothing reported when one failed. */
bool family_open(Family *f, Report *r, const char *const *exports, int n, bool single, bool all);
/* Whose exports build_find sees. */
void family_select(Family *f, int subject);
void family_close(Family *f);
/* Calls the export in every configuration at p and holds it against the interpreter. False where it
 * failed. */
bool family_call(Family *f, const char *name, const Point *p, Arena *arena, Sample *out);
/* What docs/trust.md promises of compiled code, for one export at one point (safety.c). */
void family_safety(Family *f, const char *name, const Sample *s);
/* Another export that must give what this one gave: the same bits in each configuration, or what
 * the interpreter computed of it but for rounding. */
void family_same(Family *f, const SameRule *rule, const Sample *s);
/* Statuses of bad input, for every `bad` rule that names a parameter of an export. */
void family_bad_inputs(Family *f);

/* ---- the checks ---- */

/* Every export of the program, each configuration against the interpreter (family.c). */
void check_exports(Report *r);
/* Every `same` rule of the specification (family.c). */
void check_same(Report *r);
/* Functions and their derivatives against differences and each other (relations.c). */
void check_subjects(Report *r, const Subject *subjects, int n);

#endif
