/* Trees of IR values: what a value of the language is during lowering.
 *
 * The IR knows scalars and arrays only. A record or a tuple is a tree whose leaves are IR values,
 * an array of records the same tree with the array's axes in front of every leaf's (structure of
 * arrays). The same struct without values is a shape: the types of parameters and results. Leaves
 * are enumerated depth first wherever a list of them stands for a tree: parameters, results,
 * carried values, and the pointers of the C interface.
 *
 * Used by the lower*.c files only. Trees are immutable once built. */
#ifndef BPC_PARSER_LOWER_TREE_H
#define BPC_PARSER_LOWER_TREE_H

#include "ir/ir.h"

typedef enum TreeKind { TREE_leaf, TREE_tuple, TREE_record } TreeKind;

typedef struct Tree {
    TreeKind kind;
    const Type *type; /* leaf */
    Value *value;     /* leaf; NULL in a shape */
    bool inactive; /* leaf of a tangent or gradient without derivative (integers): no parameter, no
                      result */
    int n;         /* parts of a tuple or record */
    struct Tree **parts;
    const Atom *names;      /* record: field names */
    Atom struct_name;       /* record: its C struct, or NULL for an anonymous one */
    const struct FnVal *fn; /* a function as an argument: a tuple of nothing; else NULL */
} Tree;

typedef VEC(Tree *) TreeList;

Tree *tree_leaf(Arena *arena, const Type *type);
Tree *tree_value(Arena *arena, Value *value);
Tree *tree_tuple(Arena *arena, int n, Tree *const *parts);
Tree *tree_record(Arena *arena, int n, Tree *const *parts, const Atom *names, Atom struct_name);
Tree *tree_fn(Arena *arena, const struct FnVal *fn);
/* All leaves, depth first; `active` ones are those that exist as IR values. */
void tree_leaves(Arena *arena, Tree *tree, TreeList *out);
void tree_active_leaves(Arena *arena, Tree *tree, TreeList *out);
int tree_count(const Tree *tree);        /* leaves */
int tree_active_count(const Tree *tree); /* leaves that are not inactive */
/* The values of a tree's leaves appended to a list. */
void tree_values(Arena *arena, const Tree *tree, ValueList *out);
/* The same tree with other values at its active leaves, taken from *next onwards, which advances
 * past them. An inactive leaf becomes an active one holding fill(user, type). */
typedef Value *(*TreeFill)(void *user, const Type *type);
Tree *tree_with_values(Arena *arena, const Tree *shape, Value *const **next, TreeFill fill,
                       void *user);
/* The same tree with every leaf replaced by what `leaf` makes of it. */
typedef Tree *(*TreeLeafFn)(void *user, const Tree *leaf);
Tree *tree_map(Arena *arena, const Tree *tree, TreeLeafFn leaf, void *user);
/* Two trees of one structure, leaf by leaf. */
typedef Tree *(*TreeLeafFn2)(void *user, const Tree *a, const Tree *b);
Tree *tree_map2(Arena *arena, const Tree *a, const Tree *b, TreeLeafFn2 leaf, void *user);

#endif
