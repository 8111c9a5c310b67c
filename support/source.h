/* Source texts, interned strings and locations.
 *
 * All texts of one context share one 32-bit space of byte offsets: a Loc is a half-open range in it
 * and names its file without storing it. Loc {0,0} is "nowhere". */
#ifndef BPC_SUPPORT_SOURCE_H
#define BPC_SUPPORT_SOURCE_H

#include "support/arena.h"
#include <stdbool.h>

typedef struct Loc {
    uint32_t begin, end;
} Loc;

/* An interned, NUL-terminated string: equal text is the same pointer. */
typedef const char *Atom;

typedef struct AtomTable {
    Arena *arena;
    Atom *slots;
    uint32_t cap, n;
} AtomTable;
void atoms_init(AtomTable *atoms, Arena *arena);
Atom atom_intern(AtomTable *atoms, const char *text, size_t len);
Atom atom_of(AtomTable *atoms, const char *text); /* of a C string */

typedef struct Source {
    const char *name; /* as shown to the user */
    const char *text; /* NUL-terminated copy; may hold NUL bytes inside */
    uint32_t len;
    uint32_t base;   /* offset of text[0] in the common space; never 0 */
    uint32_t *lines; /* offset within text of the start of each line */
    uint32_t line_count;
    bool is_option; /* an argument of the command line: no part of the program */
    /* A text once more, as a call from another text brings it in (below). */
    const struct Source *spelled; /* the text itself; NULL: this is it */
    Loc call;
    struct Source *last_call; /* of this text, the one made last */
} Source;

typedef struct SourceMap {
    Arena *arena;
    VEC(Source *) files;
    uint32_t next_base;
} SourceMap;
void sources_init(SourceMap *map, Arena *arena);
/* Adds a copy of the text. NULL when the common space (4 GiB) is full. */
Source *source_add(SourceMap *map, const char *name, const char *text, size_t len);
Source *source_of(const SourceMap *map, Loc loc); /* NULL for nowhere */

/* Calls are expanded in place. What comes from another file, such as the standard library, can keep
 * the place of the call: source_called gives a Loc of its own to `loc` as `call` brings it in,
 * whose source and position are those of `loc`. It is `loc` where there is no room left. */
Loc source_called(SourceMap *map, Loc loc, Loc call);
Loc source_call(const SourceMap *map, Loc loc); /* that call; or nowhere */
/* Where a reader of the calling program finds it: the call, or `loc` itself. */
Loc source_caller(const SourceMap *map, Loc loc);
bool source_same(const SourceMap *map, Loc a, Loc b); /* both in one text, which is a file */

typedef struct Position {
    const char *file;
    uint32_t line, column; /* from 1; columns count bytes */
} Position;
Position source_position(const SourceMap *map, uint32_t offset);
/* "FILE:LINE:COLUMN: text, called at FILE:LINE:COLUMN"; without what is not known. */
const char *source_located(const SourceMap *map, Arena *arena, Loc loc, const char *text);
Loc loc_join(Loc a, Loc b); /* from the start of a to the end of b; either may be nowhere */

#endif
