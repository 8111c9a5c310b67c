/* libFuzzer's target for libbpc: the bytes are a program of calls, each byte pair an operation on
 * one of a few contexts and modules, in any order a host could get wrong: options out of range,
 * names that are not there, modules that failed to link, imports that import themselves, an
 * allocator that fails at the n-th call or from there on. Texts come from the bytes, or from a few
 * that compile, whose functions are then called. Whatever happens, all memory comes back.
 *
 * One input in REAL_ONE_IN compiles its first module through LLVM; the others have the library's
 * own work around code that was made once (stand_in.h), one in PASSES_ONE_IN with all passes. */
#include "test/fuzz/fuzz.h"
#include "test/fuzz/stand_in.h"

#include <string.h>

enum { CONTEXTS = 2, MODULES = 4, WORK_BYTES = 1 << 16 };
enum { REAL_ONE_IN = 256, PASSES_ONE_IN = 32, MOST_COMPILED = 6, FEW_COMPILED = 2, MOST_REAL = 1 };

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

/* Fails the allocation number `fails`, and, where `stays`, all from there on. */
typedef struct Ration {
    long n, fails, live;
    bool stays;
} Ration;

typedef struct Slot {
    BpcModule *module;
    int owner, text, name; /* indices of the context, of the name, and of the text: -1, from the
                              input */
    bool callable;         /* compiled for this machine and for all sizes */
} Slot;

typedef struct Host {
    Input in;
    Ration rations[CONTEXTS];
    BpcContext *contexts[CONTEXTS];
    Slot slots[MODULES];
    int compiled, most_compiled;
    _Alignas(64) unsigned char work[WORK_BYTES];
} Host;

static uint8_t take(Host *h) {
    if (h->in.left == 0)
        return 0;
    h->in.left--;
    return *h->in.data++;
}

#define PICK(h, list) ((list)[take(h) % (sizeof(list) / sizeof *(list))])

/* ---- the host's allocator ---- */

static void *ration_alloc(void *user, size_t bytes) {
    Ration *r = user;
    r->n++;
    if (r->fails && (r->stays ? r->n >= r->fails : r->n == r->fails))
        return NULL;
    void *memory = malloc(bytes);
    r->live += memory != NULL;
    return memory;
}

static void ration_release(void *user, void *memory) {
    Ration *r = user;
    r->live -= memory != NULL;
    free(memory);
}

static void set_ration(Host *h, int c) {
    uint8_t kind = take(h);
    Ration *r = &h->rations[c];
    r->fails = kind % 4 ? 0 : r->n + 1 + (kind / 4 ? take(h) * (long)(kind / 4) : 0);
    r->stays = kind & 4;
}

static void open_context(Host *h, int c) {
    if (h->contexts[c])
        return;
    BpcAllocator allocator = {ration_alloc, ration_release, &h->rations[c]};
    h->contexts[c] = bpc_context_new(take(h) % 4 ? &allocator : NULL);
}

static void close_module(Host *h, int k) {
    bpc_module_free(h->slots[k].module);
    h->slots[k].module = NULL;
}

static void close_context(Host *h, int c) {
    for (int k = 0; k < MODULES; k++)
        if (h->slots[k].owner == c)
            close_module(h, k);
    bpc_context_free(h->contexts[c]);
    h->contexts[c] = NULL;
    FUZZ_CHECK(h->rations[c].live == 0, "memory was not given back");
}

/* ---- compiling ---- */

static const char *const texts[] = {
    "export fn f(x: f64) -> f64 = x*x;\nexport grad(f);\n",
    "export fn f[n](x: [n]f64) -> f64 = sum(sqrt(x[i]) for i);\nexport value_and_grad(f) as g;\n",
    "export fn f(x: f64) -> f64 { assert x > 0.0; log(x) }\n",
    "export fn f[n](i: i64, x: [n]f64) -> f64 = x[i];\n",
    "type P = { a: f64, b: [2]f64 };\nexport fn f(p: P) -> P = p*2.0;\n",
    "extern fn nowhere(x: f64) -> f64;\nexport fn f(x: f64) -> f64 = nowhere(x);\n",
    "import \"std/random\";\nexport fn f(i: i64) -> f64 = uniform(7, i);\n",
    "import \"other.bp\";\nexport fn f(x: f64) -> f64 = other(x);\n",
    "export fn f(x: f64) -> f64 = y;\n",
    "fn f(x: f64) -> f64 = x;\n",
    "",
};
enum { TEXTS = sizeof texts / sizeof *texts, COMPILED = 8 /* the first of them */ };

static const char *const names[] = {"fuzz.bp", "",       "a/b.c.bp", "/",  "..",
                                    "-",       "for.bp", "1\n\".bp", "int"};
static const char *const cpus[] = {
    NULL, NULL, NULL, "x86-64", "haswell", "skylake-avx512", "", "no-such-cpu", "native"};
static const char *const exports[] = {"grad(f) as h",
                                      "hessian(f)",
                                      "f",
                                      "f as f",
                                      "grad[y](f)",
                                      "(",
                                      "",
                                      "f as int",
                                      "batch(f) as b",
                                      "|x| x",
                                      "jvp(vjp(f)) as deep"};

static const int threads[] = {0, 1, 2, 64, 65, -1};
static const BpcSize sizes[] = {{"n", 4}, {"n", 0}, {"n", 5}, {"n", -1}, {"m", 2}, {"", 1}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool give_import(void *user, const char *path, const char **text, size_t *len) {
    Host *h = user;
    (void)path;
    static const char *const given[] = {"fn other(x: f64) -> f64 = x;\n", "import \"other.bp\";\n",
                                        "fn", ""};
    *text = PICK(h, given);
    *len = strlen(*text);
    return take(h) % 8 != 0;
}

static BpcOptions some_options(Host *h, const char **list) {
    static const int levels[] = {0, 0, 0, 0, 0, 1, 2, 3, -1, 99};
    BpcOptions o = bpc_options_default();
    uint8_t flags = take(h), level = take(h);
    o.opt_level = levels[level % 10];
    if (level / 10 == 1)
        o.threads = PICK(h, threads);
    if (level / 10 == 2) {
        o.sizes = &PICK(h, sizes);
        o.size_count = 1;
    }
    o.real_is_f32 = flags & 1;
    o.debug_info = flags & 2;
    o.freestanding = flags & 4;
    o.sanitize_nan = (flags & 24) == 24;
    o.import = flags & 32 ? give_import : NULL;
    o.import_user = h;
    o.cpu = flags & 64 ? PICK(h, cpus) : NULL;
    if (flags & 128)
        for (o.exports = list; o.export_count < 1 + (size_t)take(h) % 3; o.export_count++)
            list[o.export_count] = PICK(h, exports);
    return o;
}

/* The text whose code stands in for that of a text. */
static int like(int text) {
    return text >= 0 && text < COMPILED ? text : 0;
}

static BpcModule *make_stand_in(const StandInKey *key) {
    Host host = {.in = {(const uint8_t *)"\0\1", 2}}; /* the import that the text needs */
    static BpcContext *ctx;
    if (!ctx)
        ctx = bpc_context_new(NULL);
    BpcOptions options = bpc_options_default();
    options.opt_level = 0;
    options.real_is_f32 = key->f32;
    options.sanitize_nan = key->nan;
    options.import = give_import;
    options.import_user = &host;
    const char *text = texts[key->text];
    BpcModule *module = bpc_compile(ctx, names[key->name], text, strlen(text), &options);
    FUZZ_CHECK(module, bpc_diagnostics_text(ctx));
    return module;
}

/* The rest of the bytes up to a NUL, or one of the texts. */
static const char *some_text(Host *h, size_t *len, int *which) {
    *which = take(h) % (TEXTS + 4);
    if (*which < TEXTS) {
        *len = strlen(texts[*which]);
        return texts[*which];
    }
    *which = -1;
    const char *text = (const char *)h->in.data;
    const uint8_t *end = h->in.left ? memchr(h->in.data, 0, h->in.left) : NULL;
    *len = end ? (size_t)(end - h->in.data) : h->in.left;
    h->in.data += *len;
    h->in.left -= *len;
    return *len ? text : NULL;
}

static void compile(Host *h, int c, int k) {
    const char *list[4];
    size_t len;
    Slot slot = {.owner = c};
    if (!h->contexts[c] || h->compiled++ >= h->most_compiled)
        return;
    close_module(h, k);
    const char *text = some_text(h, &len, &slot.text);
    BpcOptions options = some_options(h, list);
    slot.name = take(h) % (int)(sizeof names / sizeof *names);
    bool given = take(h) % 8;
    slot.callable = !given || (!options.cpu && !options.threads && !options.size_count);
    stand_in_for(like(slot.text), slot.name);
    slot.module = bpc_compile(h->contexts[c], names[slot.name], text, len, given ? &options : NULL);
    FUZZ_CHECK(slot.module || bpc_diagnostic_count(h->contexts[c]), "failed without saying why");
    h->slots[k] = slot;
}

/* ---- asking ---- */

static size_t touch(const char *text) {
    return text ? strlen(text) : 0;
}

static void read_diagnostics(Host *h, int c) {
    const BpcContext *ctx = h->contexts[c];
    if (!ctx)
        return;
    size_t n = bpc_diagnostic_count(ctx), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const BpcDiagnostic *d = bpc_diagnostic(ctx, i);
        FUZZ_CHECK(d && d->message && d->rendered, "a diagnostic without text");
        FUZZ_CHECK(!d->file || (d->line > 0 && d->column > 0), "a diagnostic without place");
        FUZZ_CHECK(bpc_explain(d->code), "a code without explanation");
        bytes += touch(d->hint) + touch(d->rendered);
    }
    FUZZ_CHECK(!bpc_diagnostic(ctx, n) && !bpc_diagnostic(ctx, (size_t)-1),
               "a diagnostic past the last");
    FUZZ_CHECK(n == 0 || (bytes > 0 && touch(bpc_diagnostics_text(ctx)) > 0),
               "diagnostics without text");
}

/* The same text for sizes: another module, which its module keeps. */
static void ask_for_sizes(Host *h, const Slot *slot) {
    size_t from = take(h) % SIZES, count = take(h) % 3, bytes = 0;
    count = from + count < SIZES ? count : 0;
    if (h->compiled++ >= h->most_compiled)
        return;
    stand_in_for(like(slot->text), slot->name);
    BpcModule *special = bpc_module_for_sizes(slot->module, sizes + from, count);
    FUZZ_CHECK(special || bpc_diagnostic_count(h->contexts[slot->owner]),
               "failed for sizes without saying why");
    if (!special)
        return;
    FUZZ_CHECK(bpc_module_object(special, &bytes) && bytes > 0, "a module without object");
    bpc_module_function(special, "f");
}

static void ask_module(Host *h, const Slot *slot) {
    BpcModule *m = slot->module;
    static const char *const symbols[] = {"",           "f",       "f_work", "grad", "g",
                                          "fuzz_error", "nowhere", "printf", "h"};
    static const int statuses[] = {0, 1, 2, -1, 7, 1 << 30, -2147483647 - 1};
    size_t size = 0, n = bpc_module_export_count(m);
    switch (take(h) % 7) {
    case 0:
        FUZZ_CHECK(touch(bpc_module_header(m)) > 0, "a module without header");
        break;
    case 1:
        FUZZ_CHECK(bpc_module_object(m, &size) && size > 0, "a module without object");
        break;
    case 2:
        FUZZ_CHECK(!bpc_module_export_name(m, n) && !bpc_module_export_name(m, (size_t)-1),
                   "an export past the last");
        for (size_t i = 0; i < n; i++)
            FUZZ_CHECK(touch(bpc_module_export_name(m, i)) > 0, "an export without name");
        break;
    case 3:
        bpc_module_function(m, PICK(h, symbols));
        break;
    case 4:
        touch(bpc_module_error(m, PICK(h, statuses)));
        break;
    case 5:
        ask_for_sizes(h, slot);
        break;
    default:
        memset(h->work, take(h), 256);
        touch(bpc_module_nan(m, PICK(h, statuses), take(h) % 2 ? h->work : NULL));
        break;
    }
    touch(bpc_module_link_error(m));
}

/* Compiled functions of the first four texts. Which type a function was compiled for, clang reads
 * in front of it, and in front of these there may be no memory. */
__attribute__((no_sanitize("function"))) static void call(Host *h, const Slot *slot) {
    void *address = bpc_module_function(slot->module, "f");
    double x[8] = {1, 4, 9, 16, 25, 36, 49, -1}, y = -1;
    int status = 0;
    FUZZ_CHECK(address || bpc_module_link_error(slot->module), "not linked, without saying why");
    if (!address)
        return;
    int (*scalar)(double, double *, void *), (*vector)(int64_t, const double *, double *, void *);
    int (*element)(int64_t, int64_t, const double *, double *, void *);
    memcpy(&scalar, &address, sizeof scalar);
    memcpy(&vector, &address, sizeof vector);
    memcpy(&element, &address, sizeof element);
    switch (slot->text) {
    case 0:
        FUZZ_CHECK(scalar(3.0, &y, h->work) == 0 && y == 9.0, "3*3 is not 9");
        break;
    case 1:
        FUZZ_CHECK(vector(4, x, &y, h->work) == 0 && y == 10.0, "a sum is wrong");
        break;
    case 2:
        status = scalar(-1.0, &y, h->work);
        FUZZ_CHECK(status > 0, "a check did not fail");
        break;
    case 3:
        status = element(4, 3, x, &y, h->work);
        FUZZ_CHECK(status == 0 && y == 16.0, "an element is wrong");
        status = element(4, 4, x, &y, h->work);
        FUZZ_CHECK(status > 0, "an index out of range");
        break;
    }
    FUZZ_CHECK(status == 0 || bpc_module_error(slot->module, status) ||
                   bpc_module_link_error(slot->module),
               "a status without text");
}

static void step(Host *h) {
    uint8_t op = take(h), which = take(h);
    int c = which % CONTEXTS, k = which / CONTEXTS % MODULES;
    Slot *slot = &h->slots[k];
    switch (op % 8) {
    case 0:
        open_context(h, c);
        break;
    case 1:
        set_ration(h, c);
        break;
    case 2:
        close_context(h, c);
        break;
    case 3:
        close_module(h, k);
        break;
    case 4:
        read_diagnostics(h, c);
        touch(bpc_explain(op * 7 - 100));
        break;
    case 5:
        if (slot->module)
            ask_module(h, slot);
        break;
    case 6:
        if (slot->module && slot->callable && slot->text >= 0 && slot->text < 4)
            call(h, slot);
        break;
    default:
        open_context(h, c);
        compile(h, c, k);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Host host; /* the workspace is large */
    memset(&host, 0, offsetof(Host, work));
    host.in = (Input){data, size};
    uint32_t hash = fuzz_hash(data, size);
    bool real = hash % REAL_ONE_IN == 0;
    host.most_compiled = real ? MOST_REAL : hash / REAL_ONE_IN % 8 ? FEW_COMPILED : MOST_COMPILED;
    stand_in_begin(make_stand_in, real                        ? FOR_nothing
                                  : hash % PASSES_ONE_IN == 1 ? FOR_llvm
                                                              : FOR_passes_and_llvm);
    for (int i = 0; i < 64 && host.in.left > 0; i++)
        step(&host);
    for (int c = 0; c < CONTEXTS; c++)
        close_context(&host, c);
    touch(bpc_version());
    touch(bpc_llvm_version());
    return 0;
}
