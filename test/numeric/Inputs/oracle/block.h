/* Memory that shows who touches what lies beside it. See block.c. */
#ifndef BPC_TEST_ORACLE_BLOCK_H
#define BPC_TEST_ORACLE_BLOCK_H

#include "oracle.h"

typedef struct Block {
    unsigned char *data, *copy; /* copy: of an input, or NULL */
    size_t bytes;
    unsigned char *base; /* of the whole, with what lies around */
    size_t whole;
} Block;

/* Holds `fill` in each byte; lies at a multiple of `align`. */
Block block_new(size_t bytes, size_t align, int fill, const Placement *place);
/* Remembers the contents: block_misuse then says when they changed. */
void block_keep(Block *b);
const char *block_misuse(const Block *b, const Placement *place); /* NULL: none */
void block_free(Block *b, const Placement *place);

#endif
