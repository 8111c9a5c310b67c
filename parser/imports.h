/* Finds, reads and parses what a module imports. */
#ifndef BPC_PARSER_IMPORTS_H
#define BPC_PARSER_IMPORTS_H

#include "parser/ast.h"

/* How files are read; the standard library needs none. `error` is set where false comes back. */
typedef struct ImportReader {
    bool (*read)(void *user, Arena *arena, const char *path, char **text, size_t *size,
                 const char **error); /* NULL: only the standard library is there */
    void *user;
} ImportReader;

/* The text of `std/name` as the compiler carries it; NULL when there is none. */
const char *std_text(const char *path, size_t *len);
/* The module of the standard library that declares a function; NULL: none. For hints. */
const char *std_module_with(const char *function);

/* Fills module->imported and the `module` of every import. False after messages. */
bool import_modules(Context *ctx, AstModule *module, const ImportReader *reader);

#endif
