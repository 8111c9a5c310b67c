/* The elementwise builtins, found through the operation table: the one thing the checker asks of
 * the IR. Stands behind lowering's door, so that the checker itself does not include the IR. */
#ifndef BPC_PARSER_LOWER_NAMES_H
#define BPC_PARSER_LOWER_NAMES_H

#include <stdbool.h>

typedef enum ElementClass {
    ELEMENT_float,   /* floats -> the same */
    ELEMENT_number,  /* floats or integers -> the same */
    ELEMENT_integer, /* integers -> the same */
    ELEMENT_test,    /* a float -> bool */
    ELEMENT_select,  /* (bool, T, T) -> T */
} ElementClass;

typedef struct ElementBuiltin {
    int op; /* an Op of the IR */
    int arity;
    ElementClass class;
} ElementBuiltin;

bool element_builtin(const char *name, ElementBuiltin *out);
/* The names, for "did you mean"; returns how many of at most `most` were written. */
int element_builtin_names(const char **names, int most);

#endif
