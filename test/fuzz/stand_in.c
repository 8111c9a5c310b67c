/* Modules instead of LLVM. See stand_in.h. */
#include "test/fuzz/stand_in.h"

#include "codegen/codegen.h"
#include "passes/passes.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

typedef struct Row {
    StandInKey key;
    BpcModule *module;
    const char *object;
    size_t size;
    uint32_t hash; /* of the object */
} Row;

/* As the library sees it: an incomplete type. */
typedef struct StandInJit {
    Alloc alloc;
    const Row *of;
} StandInJit;

enum { MOST_ROWS = 1024 };

static struct {
    Row rows[MOST_ROWS];
    int n, text, name;
    StandInMake *make;
    bool real; /* also while a row is made or asked */
    bool all_passes;
} now;

void stand_in_begin(StandInMake *make, StandInFor what) {
    now.make = make;
    now.real = what == FOR_nothing;
    now.all_passes = what != FOR_passes_and_llvm;
}

void stand_in_for(int text, int name) {
    now.text = text;
    now.name = name;
}

/* Its functions are linked: what a lookup says does not depend on those before it. */
static Row *add_row(StandInKey key) {
    FUZZ_CHECK(now.n < MOST_ROWS, "too many stand-ins");
    Row *row = &now.rows[now.n++];
    row->key = key;
    now.real = true;
    row->module = now.make(&key);
    bpc_module_function(row->module, "f");
    now.real = false;
    row->object = bpc_module_object(row->module, &row->size);
    row->hash = fuzz_hash((const uint8_t *)row->object, row->size);
    return row;
}

static const Row *find_row(bool f32, bool nan) {
    for (int i = 0; i < now.n; i++) {
        const StandInKey *key = &now.rows[i].key;
        if (key->text == now.text && key->name == now.name && key->f32 == f32 && key->nan == nan)
            return &now.rows[i];
    }
    return add_row((StandInKey){now.text, now.name, f32, nan});
}

static const Row *row_of(const CodeBuffer *object) {
    uint32_t hash = fuzz_hash((const uint8_t *)object->data, object->size);
    for (int i = 0; i < now.n; i++)
        if (now.rows[i].hash == hash && now.rows[i].size == object->size)
            return &now.rows[i];
    FUZZ_CHECK(false, "an object that nothing stands in for");
    return NULL;
}

#define WRAPPED(type, name, ...)                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __real_##name(__VA_ARGS__)

/* ---- in front of the sanitizers' runtime ---- */

WRAPPED(void, __sanitizer_cov_8bit_counters_init, char *, char *);
WRAPPED(void, __sanitizer_cov_pcs_init, const uintptr_t *, const uintptr_t *);

static char *counters;

/* Every file calls these two, in this order, for those of all files. */
void __wrap___sanitizer_cov_8bit_counters_init(char *from, char *to) {
    (void)to;
    counters = from;
}

/* A place of the code and flags, for each counter. */
void __wrap___sanitizer_cov_pcs_init(const uintptr_t *from, const uintptr_t *to) {
    ptrdiff_t n = 0;
    while (from + 2 * n < to && from[2 * n] != (uintptr_t)stand_in_begin)
        n++;
    __real___sanitizer_cov_8bit_counters_init(counters, counters + n);
    __real___sanitizer_cov_pcs_init(from, from + 2 * n);
}

/* ---- in front of codegen/codegen.h and passes/passes.h ---- */

WRAPPED(bool, codegen_emit, Context *, IrModule *, const CodegenOptions *, EmitKind, CodeBuffer *);
WRAPPED(bool, passes_run, IrModule *, const char *, const PassOptions *);
WRAPPED(Jit *, jit_new, Context *);
WRAPPED(bool, jit_define, Context *, Jit *, const char *, void *);
WRAPPED(bool, jit_add_object, Context *, Jit *, const CodeBuffer *);
WRAPPED(void *, jit_lookup, Jit *, const char *);
WRAPPED(const char *, jit_problem, const Jit *);
WRAPPED(void, jit_free, Jit *);

static void *take(Context *ctx, size_t bytes) {
    void *memory = ctx->alloc.alloc(ctx->alloc.user, bytes);
    if (!memory)
        diag_error(&ctx->diags, DIAG_out_of_memory, (Loc){0, 0}, "out of memory");
    return memory;
}

/* Processors that are none are found out without much work, and end in messages. */
static bool is_processor(const char *cpu) {
    return !cpu || (*cpu && strcmp(cpu, "no-such-cpu") != 0);
}

bool __wrap_codegen_emit(Context *ctx, IrModule *m, const CodegenOptions *options, EmitKind kind,
                         CodeBuffer *out) {
    if (now.real || !is_processor(options->cpu))
        return __real_codegen_emit(ctx, m, options, kind, out);
    const Row *row = find_row(ctx->real_is_f32, m->watched);
    *out = (CodeBuffer){take(ctx, row->size), row->size, &ctx->alloc};
    if (!out->data)
        return *out = (CodeBuffer){0}, false;
    memcpy(out->data, row->object, row->size);
    return true;
}

bool __wrap_passes_run(IrModule *m, const char *list, const PassOptions *options) {
    return (!now.real && !now.all_passes) || __real_passes_run(m, list, options);
}

Jit *__wrap_jit_new(Context *ctx) {
    if (now.real)
        return __real_jit_new(ctx);
    StandInJit *jit = take(ctx, sizeof *jit);
    if (jit)
        *jit = (StandInJit){ctx->alloc, NULL};
    return (Jit *)jit;
}

bool __wrap_jit_define(Context *ctx, Jit *jit, const char *symbol, void *address) {
    return !now.real || __real_jit_define(ctx, jit, symbol, address);
}

bool __wrap_jit_add_object(Context *ctx, Jit *jit, const CodeBuffer *object) {
    if (now.real)
        return __real_jit_add_object(ctx, jit, object);
    ((StandInJit *)jit)->of = row_of(object);
    return true;
}

void *__wrap_jit_lookup(Jit *jit, const char *symbol) {
    if (now.real)
        return __real_jit_lookup(jit, symbol);
    now.real = true;
    void *address = bpc_module_function(((StandInJit *)jit)->of->module, symbol);
    now.real = false;
    return address;
}

const char *__wrap_jit_problem(const Jit *jit) {
    return now.real ? __real_jit_problem(jit)
                    : bpc_module_link_error(((const StandInJit *)jit)->of->module);
}

void __wrap_jit_free(Jit *jit) {
    if (now.real || !jit) {
        __real_jit_free(jit);
        return;
    }
    Alloc alloc = ((StandInJit *)jit)->alloc;
    alloc.release(alloc.user, jit);
}
