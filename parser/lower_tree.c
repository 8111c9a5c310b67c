/* Trees of IR values, see parser/lower_tree.h. Pure data: nothing is emitted here. */
#include "parser/lower_tree.h"

Tree *tree_leaf(Arena *arena, const Type *type) {
    Tree *tree = ARENA_NEW(arena, Tree);
    tree->kind = TREE_leaf;
    tree->type = type;
    return tree;
}

Tree *tree_value(Arena *arena, Value *value) {
    Tree *tree = tree_leaf(arena, value->type);
    tree->value = value;
    return tree;
}

static Tree *tree_node(Arena *arena, TreeKind kind, int n, Tree *const *parts) {
    Tree *tree = ARENA_NEW(arena, Tree);
    tree->kind = kind;
    tree->n = n;
    tree->parts = ARENA_ARRAY(arena, n > 0 ? n : 1, Tree *);
    for (int i = 0; i < n; i++)
        tree->parts[i] = parts[i];
    return tree;
}

Tree *tree_tuple(Arena *arena, int n, Tree *const *parts) {
    return tree_node(arena, TREE_tuple, n, parts);
}

Tree *tree_record(Arena *arena, int n, Tree *const *parts, const Atom *names, Atom struct_name) {
    Tree *tree = tree_node(arena, TREE_record, n, parts);
    tree->names = names;
    tree->struct_name = struct_name;
    return tree;
}

Tree *tree_fn(Arena *arena, const struct FnVal *fn) {
    Tree *tree = tree_tuple(arena, 0, NULL);
    tree->fn = fn;
    return tree;
}

void tree_leaves(Arena *arena, Tree *tree, TreeList *out) {
    if (tree->kind == TREE_leaf)
        vec_push(arena, out, tree);
    for (int i = 0; i < tree->n; i++)
        tree_leaves(arena, tree->parts[i], out);
}

void tree_active_leaves(Arena *arena, Tree *tree, TreeList *out) {
    if (tree->kind == TREE_leaf && !tree->inactive)
        vec_push(arena, out, tree);
    for (int i = 0; i < tree->n; i++)
        tree_active_leaves(arena, tree->parts[i], out);
}

int tree_count(const Tree *tree) {
    int count = tree->kind == TREE_leaf;
    for (int i = 0; i < tree->n; i++)
        count += tree_count(tree->parts[i]);
    return count;
}

int tree_active_count(const Tree *tree) {
    int count = tree->kind == TREE_leaf && !tree->inactive;
    for (int i = 0; i < tree->n; i++)
        count += tree_active_count(tree->parts[i]);
    return count;
}

void tree_values(Arena *arena, const Tree *tree, ValueList *out) {
    if (tree->kind == TREE_leaf && !tree->inactive)
        vec_push(arena, out, tree->value);
    for (int i = 0; i < tree->n; i++)
        tree_values(arena, tree->parts[i], out);
}

Tree *tree_with_values(Arena *arena, const Tree *shape, Value *const **next, TreeFill fill,
                       void *user) {
    if (shape->kind == TREE_leaf)
        return tree_value(arena, shape->inactive ? fill(user, shape->type) : *(*next)++);
    Tree *tree = tree_node(arena, shape->kind, shape->n, shape->parts);
    tree->names = shape->names;
    tree->struct_name = shape->struct_name;
    for (int i = 0; i < shape->n; i++)
        tree->parts[i] = tree_with_values(arena, shape->parts[i], next, fill, user);
    return tree;
}

Tree *tree_map(Arena *arena, const Tree *tree, TreeLeafFn leaf, void *user) {
    if (tree->kind == TREE_leaf)
        return leaf(user, tree);
    Tree *result = tree_node(arena, tree->kind, tree->n, tree->parts);
    result->names = tree->names;
    result->struct_name = tree->struct_name;
    for (int i = 0; i < tree->n; i++)
        result->parts[i] = tree_map(arena, tree->parts[i], leaf, user);
    return result;
}

Tree *tree_map2(Arena *arena, const Tree *a, const Tree *b, TreeLeafFn2 leaf, void *user) {
    if (a->kind == TREE_leaf)
        return leaf(user, a, b);
    Tree *result = tree_node(arena, a->kind, a->n, a->parts);
    result->names = a->names;
    result->struct_name = a->struct_name;
    for (int i = 0; i < a->n; i++)
        result->parts[i] = tree_map2(arena, a->parts[i], b->parts[i], leaf, user);
    return result;
}
