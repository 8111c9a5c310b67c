/* Imports: `std/name` is carried inside the compiler, every other path is a file beside the one
 * that imports it. Called by the driver between parsing and checking. Modules are parsed once,
 * however often they are imported, and listed behind those that they import themselves. Must not
 * look at what modules declare: see check_names.c. */
#include "parser/imports.h"
#include "parser/habits.h"
#include "parser/parser.h"

#include <string.h>

enum { MOST_NESTED = 100 };

/* ---- the standard library ---- */

typedef struct StdFile {
    const char *path; /* std/nn */
    size_t len;
    const char *text;
} StdFile;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
static const StdFile std_files[] = {
#define STD_FILE(path, len, text) {path, len, text},
#include "std/files.inc"
#undef STD_FILE
    {NULL, 0, NULL},
};
#pragma GCC diagnostic pop

const char *std_text(const char *path, size_t *len) {
    for (const StdFile *file = std_files; file->path; file++) {
        if (strcmp(file->path, path) == 0) {
            *len = file->len;
            return file->text;
        }
    }
    return NULL;
}

static bool is_std(const char *path) {
    return strncmp(path, "std/", 4) == 0;
}

static const StdFile *find_std(const char *path) {
    for (const StdFile *file = std_files; file->path; file++) {
        if (strcmp(file->path, path) == 0) {
            return file;
        }
    }
    return NULL;
}

/* std/linalg is what builtins expand to (parser/lower_linalg.c), not for programs. */
static bool is_importable(const StdFile *file) {
    return strcmp(file->path, "std/linalg") != 0;
}

static bool declares(const StdFile *file, const char *function) {
    size_t n = strlen(function);
    for (const char *at = file->text; (at = strstr(at, "\nfn ")) != NULL;) {
        at += strlen("\nfn ");
        if (strncmp(at, function, n) == 0 && (at[n] == '[' || at[n] == '('))
            return true;
    }
    return false;
}

const char *std_module_with(const char *function) {
    for (const StdFile *file = std_files; file->path; file++)
        if (is_importable(file) && function[0] != '_' && declares(file, function))
            return file->path;
    return NULL;
}

/* ---- paths ---- */

static bool has_suffix(const char *text, const char *suffix) {
    size_t n = strlen(text), k = strlen(suffix);
    return n >= k && strcmp(text + n - k, suffix) == 0;
}

/* Without `.`, and without `x/..`, so that one file has one name. */
static char *tidy_path(Arena *arena, const char *path) {
    char *out = arena_printf(arena, "%s", path);
    size_t n = 0, root = path[0] == '/' ? 1 : 0;
    n = root;
    for (const char *p = path + root; *p;) {
        size_t len = strcspn(p, "/");
        bool up = len == 2 && strncmp(p, "..", 2) == 0;
        size_t last = n;
        while (last > root && out[last - 1] != '/') {
            last--;
        }
        bool can_drop = n > root && strncmp(out + last, "..", n - last) != 0;
        if (up && can_drop) {
            n = last > root ? last - 1 : root;
        } else if (len > 0 && !(len == 1 && *p == '.')) {
            if (n > root) {
                out[n++] = '/';
            }
            memmove(out + n, p, len);
            n += len;
        }
        p += len + (p[len] == '/');
    }
    out[n] = '\0';
    return out;
}

static Atom resolve_path(Context *ctx, const AstModule *from, const char *path) {
    if (is_std(path)) {
        return atom_of(&ctx->atoms, path);
    }
    const char *slash = path[0] == '/' ? NULL : strrchr(from->source->name, '/');
    int folder = slash ? (int)(slash + 1 - from->source->name) : 0;
    const char *full = arena_printf(&ctx->arena, "%.*s%s%s", folder, from->source->name, path,
                                    has_suffix(path, ".bp") ? "" : ".bp");
    return atom_of(&ctx->atoms, tidy_path(&ctx->arena, full));
}

/* ---- loading ---- */

typedef struct Loader {
    Context *ctx;
    AstModule *main;
    const ImportReader *reader;
    VEC(AstModule *) open; /* from main to the module whose imports are being loaded */
} Loader;

static void report_unknown_std(Loader *l, const Import *import) {
    Diag *diag = diag_error(&l->ctx->diags, DIAG_import_unknown, import->path.loc,
                            "the standard library has no `%s`", import->path.atom);
    const char *names[64];
    int n = 0;
    Text all;
    text_init(&all, &l->ctx->arena);
    for (const StdFile *file = std_files; file->path && n < 64; file++) {
        if (is_importable(file)) {
            text_printf(&all, "%s%s", n ? ", " : "", file->path);
            names[n++] = file->path;
        }
    }
    diag_note(&l->ctx->diags, diag, "it has %s", all.data ? all.data : "nothing");
    const char *near = nearest_name(import->path.atom, names, n);
    if (near) {
        diag_hint(&l->ctx->diags, diag, "did you mean `%s`?", near);
    }
}

static void report_unread(Loader *l, const Import *import, const char *path, const char *error) {
    Diag *diag = diag_error(&l->ctx->diags, DIAG_import_unknown, import->path.loc,
                            "cannot read %s: %s", path, error);
    const char *std = arena_printf(&l->ctx->arena, "std/%s", import->path.atom);
    if (find_std(std)) {
        diag_hint(&l->ctx->diags, diag, "did you mean `%s`?", std);
    } else if (habit_hint(HABIT_NAME, import->path.atom)) {
        diag_hint(&l->ctx->diags, diag, "%s", habit_hint(HABIT_NAME, import->path.atom));
    }
}

static Source *read_file(Loader *l, const Import *import, const char *path) {
    char *text;
    size_t size;
    const char *error = "only the standard library is imported here";
    if (!l->reader || !l->reader->read ||
        !l->reader->read(l->reader->user, &l->ctx->arena, path, &text, &size, &error)) {
        report_unread(l, import, path, error);
        return NULL;
    }
    Source *source = source_add(&l->ctx->sources, path, text, size);
    if (!source) {
        diag_error(&l->ctx->diags, DIAG_file_too_large, import->path.loc, "%s is too large", path);
    }
    return source;
}

static Source *read_module(Loader *l, const Import *import, Atom path) {
    if (!is_std(path)) {
        return read_file(l, import, path);
    }
    const StdFile *file = find_std(path);
    if (!file || !is_importable(file)) {
        report_unknown_std(l, import);
        return NULL;
    }
    const char *name = arena_printf(&l->ctx->arena, "%s.bp", path);
    return source_add(&l->ctx->sources, name, file->text, file->len);
}

static bool report_cycle(Loader *l, const Import *import, Atom path) {
    for (int i = 0; i < l->open.n; i++) {
        if (l->open.data[i]->path != path) {
            continue;
        }
        Text cycle;
        text_init(&cycle, &l->ctx->arena);
        for (int k = i; k < l->open.n; k++) {
            text_printf(&cycle, "%s imports ", l->open.data[k]->path);
        }
        text_puts(&cycle, path);
        Diag *diag = diag_error(&l->ctx->diags, DIAG_import_cycle, import->path.loc,
                                "`%s` imports itself", path);
        diag_note(&l->ctx->diags, diag, "%s", cycle.data);
        diag_hint(&l->ctx->diags, diag, "move what both need into a third file");
        return true;
    }
    return false;
}

static AstModule *find_module(const Loader *l, Atom path) {
    for (int i = 0; i < l->main->imported.n; i++) {
        if (l->main->imported.data[i]->path == path) {
            return l->main->imported.data[i];
        }
    }
    return NULL;
}

static void load_imports(Loader *l, AstModule *module);

static AstModule *load_module(Loader *l, const Import *import, Atom path) {
    Source *source = read_module(l, import, path);
    if (!source) {
        return NULL;
    }
    AstModule *module = parse_source(l->ctx, source);
    module->path = path;
    load_imports(l, module);
    vec_push(&l->ctx->arena, &l->main->imported, module);
    return module;
}

static void load_imports(Loader *l, AstModule *module) {
    vec_push(&l->ctx->arena, &l->open, module);
    for (int i = 0; i < module->imports.n; i++) {
        Import *import = &module->imports.data[i];
        Atom path = resolve_path(l->ctx, module, import->path.atom);
        if (report_cycle(l, import, path)) {
            continue;
        }
        import->module = find_module(l, path);
        if (!import->module && l->open.n > MOST_NESTED) {
            diag_error(&l->ctx->diags, DIAG_too_deep, import->path.loc,
                       "imports are nested too deeply");
        } else if (!import->module) {
            import->module = load_module(l, import, path);
        }
    }
    l->open.n--;
}

bool import_modules(Context *ctx, AstModule *module, const ImportReader *reader) {
    int errors = ctx->diags.errors;
    Loader loader = {.ctx = ctx, .main = module, .reader = reader};
    module->path = atom_of(&ctx->atoms, tidy_path(&ctx->arena, module->source->name));
    load_imports(&loader, module);
    return ctx->diags.errors == errors;
}
