/* Interned strings, source texts and the mapping from byte offsets to lines and columns.
 *
 * Invariants: offset 0 is "nowhere", so the first source starts at 1; between two sources one
 * offset is left free, so that the end of one (where "unexpected end of file" points) is not the
 * start of the next. Called by lexer, diagnostics and the driver. Must not read files: texts are
 * handed in. */
#include "support/source.h"

#include <string.h>

/* ---- atoms ---- */

static uint32_t hash_text(const char *text, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    }
    return h;
}

void atoms_init(AtomTable *atoms, Arena *arena) {
    *atoms = (AtomTable){.arena = arena};
}

static uint32_t atom_slot(const AtomTable *atoms, const char *text, size_t len) {
    uint32_t i = hash_text(text, len) & (atoms->cap - 1);
    while (atoms->slots[i] &&
           !(strncmp(atoms->slots[i], text, len) == 0 && atoms->slots[i][len] == '\0')) {
        i = (i + 1) & (atoms->cap - 1);
    }
    return i;
}

static void atoms_grow(AtomTable *atoms) {
    AtomTable old = *atoms;
    atoms->cap = old.cap ? 2 * old.cap : 256;
    atoms->slots = ARENA_ARRAY(atoms->arena, atoms->cap, Atom);
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.slots[i]) {
            atoms->slots[atom_slot(atoms, old.slots[i], strlen(old.slots[i]))] = old.slots[i];
        }
    }
}

Atom atom_intern(AtomTable *atoms, const char *text, size_t len) {
    if (2 * (atoms->n + 1) > atoms->cap) {
        atoms_grow(atoms);
    }
    uint32_t slot = atom_slot(atoms, text, len);
    if (!atoms->slots[slot]) {
        atoms->slots[slot] = arena_strdup(atoms->arena, text, len);
        atoms->n++;
    }
    return atoms->slots[slot];
}

Atom atom_of(AtomTable *atoms, const char *text) {
    return atom_intern(atoms, text, strlen(text));
}

/* ---- sources ---- */

void sources_init(SourceMap *map, Arena *arena) {
    *map = (SourceMap){.arena = arena, .next_base = 1};
}

static void index_lines(Source *source, Arena *arena) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < source->len; i++) {
        count += source->text[i] == '\n';
    }
    source->lines = ARENA_ARRAY(arena, count, uint32_t);
    source->line_count = count;
    uint32_t line = 1;
    for (uint32_t i = 0; i < source->len; i++) {
        if (source->text[i] == '\n') {
            source->lines[line++] = i + 1;
        }
    }
}

Source *source_add(SourceMap *map, const char *name, const char *text, size_t len) {
    if (len > (size_t)(UINT32_MAX - map->next_base) - 2) {
        return NULL;
    }
    Source *source = ARENA_NEW(map->arena, Source);
    source->name = arena_strdup(map->arena, name, strlen(name));
    source->text = arena_strdup(map->arena, text, len);
    source->len = (uint32_t)len;
    source->base = map->next_base;
    index_lines(source, map->arena);
    map->next_base += (uint32_t)len + 2;
    vec_push(map->arena, &map->files, source);
    return source;
}

static Source *source_at(const SourceMap *map, uint32_t offset) {
    int low = 0, high = map->files.n;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (map->files.data[mid]->base <= offset) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0) {
        return NULL;
    }
    Source *source = map->files.data[low - 1];
    return offset - source->base <= source->len ? source : NULL;
}

Source *source_of(const SourceMap *map, Loc loc) {
    return loc.begin == 0 ? NULL : source_at(map, loc.begin);
}

/* ---- texts that a call brings in ---- */

static Source *source_again(SourceMap *map, Source *text, Loc call) {
    if (text->len > UINT32_MAX - map->next_base - 2) {
        return NULL;
    }
    Source *again = ARENA_NEW(map->arena, Source);
    *again = *text;
    again->base = map->next_base;
    again->spelled = text;
    again->call = call;
    map->next_base += text->len + 2;
    vec_push(map->arena, &map->files, again);
    text->last_call = again;
    return again;
}

static Source *text_of(Source *source) {
    return source && source->spelled ? (Source *)(uintptr_t)source->spelled : source;
}

Loc source_called(SourceMap *map, Loc loc, Loc call) {
    Source *from = source_of(map, loc), *text = text_of(from);
    if (!text) {
        return loc;
    }
    Source *again = text->last_call;
    if (!again || again->call.begin != call.begin || again->call.end != call.end) {
        again = source_again(map, text, call);
    }
    uint32_t shift = again ? again->base - from->base : 0; /* unsigned: wraps */
    return (Loc){loc.begin + shift, loc.end + shift};
}

Loc source_call(const SourceMap *map, Loc loc) {
    const Source *source = source_of(map, loc);
    return source ? source->call : (Loc){0, 0};
}

Loc source_caller(const SourceMap *map, Loc loc) {
    Loc call = source_call(map, loc);
    return call.begin ? call : loc;
}

bool source_same(const SourceMap *map, Loc a, Loc b) {
    const Source *x = text_of(source_of(map, a)), *y = text_of(source_of(map, b));
    return x && x == y && !x->is_option;
}

Position source_position(const SourceMap *map, uint32_t offset) {
    const Source *source = offset ? source_at(map, offset) : NULL;
    if (!source) {
        return (Position){"<nowhere>", 0, 0};
    }
    uint32_t at = offset - source->base;
    uint32_t low = 0, high = source->line_count;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (source->lines[mid] <= at) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return (Position){source->name, low + 1, at - source->lines[low] + 1};
}

const char *source_located(const SourceMap *map, Arena *arena, Loc loc, const char *text) {
    if (!source_of(map, loc)) {
        return text;
    }
    Position at = source_position(map, loc.begin), call = {0};
    text = arena_printf(arena, "%s:%u:%u: %s", at.file, at.line, at.column, text);
    if (source_call(map, loc).begin == 0) {
        return text;
    }
    call = source_position(map, source_call(map, loc).begin);
    return arena_printf(arena, "%s, called at %s:%u:%u", text, call.file, call.line, call.column);
}

Loc loc_join(Loc a, Loc b) {
    if (a.begin == 0) {
        return b;
    }
    if (b.begin == 0) {
        return a;
    }
    return (Loc){a.begin, b.end};
}
