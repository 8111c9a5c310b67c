/* Arrays as the tools of the driver hold them: dense, row-major, elements as in C (bool a byte).
 * What comes from literals, npy and csv files, what compiled functions take and give, and what is
 * printed or written as npy. Reading never trusts a file: every reader gives NULL and *error (its
 * texts in the arena, without the file's name) instead. */
#ifndef BPC_DRIVER_ARRAY_H
#define BPC_DRIVER_ARRAY_H

#include "ir/ir.h"

typedef struct Array {
    Scalar elem;
    int rank;
    bool loose;   /* from text: a table of one column or row may stand for a vector or a number, []
                     for any empty array */
    bool missing; /* some fields of the table were empty, or NA: they are nan */
    int64_t dims[IR_MAX_RANK];
    int64_t count;
    void *data;
} Array;

/* What is wrong, and where in the bytes that were read. */
typedef struct ArrayError {
    const char *text, *hint; /* hint: may be NULL */
    size_t at, length;       /* length 0: no place */
    size_t other, other_length;
    const char *other_text; /* what disagrees, at `other`; NULL: nothing */
} ArrayError;

/* Zeros. The product of the dims times 8 must be within 63 bits. */
Array *array_new(Arena *arena, Scalar elem, int rank, const int64_t *dims);
double array_get(const Array *a, int64_t k);        /* of any element type */
int64_t array_get_int(const Array *a, int64_t k);   /* of bool and integers */
void array_set(Array *a, int64_t k, double x);      /* rounds to f32; integers must fit */
void array_set_int(Array *a, int64_t k, int64_t x); /* of bool and integers */
/* The same numbers as another type: to floats always (rounded), to integers and bool only where
 * exact. */
Array *array_convert(Arena *arena, const Array *a, Scalar to, const char **error);

/* Nested lists of numbers, which array_read_literal reads back exactly. */
void array_print(Text *out, const Array *a);
void array_print_element(Text *out, const Array *a, int64_t k);
void array_print_shape(Text *out, const Array *a);            /* [2, 3]; "a number" for rank 0 */
void array_print_index(Text *out, const Array *a, int64_t k); /* [1, 2]; nothing for rank 0 */

/* `2`, `-1.5e3`, `nan`, `-inf`, `true`, `[[1, 2], [3, 4]]` */
Array *array_read_literal(Arena *arena, const char *text, ArrayError *error);
/* Numbers in lines: a table of rank 2. Fields are separated by commas, semicolons, tabs or blanks;
 * empty lines and lines that start with # are left out, and so is the first line when it holds
 * names. Fields that are empty or say that a value is missing become nan. `text[size]` is NUL. */
Array *array_read_csv(Arena *arena, const char *text, size_t size, ArrayError *error);
/* NumPy's format, versions 1.0 to 3.0: floats of 2, 4 and 8 bytes, integers of 1 to 8, bool, in
 * either order of bytes; C or Fortran order. The elements become f32, f64, i32 (i4), i64 or bool.
 */
Array *array_read_npy(Arena *arena, const char *bytes, size_t size, ArrayError *error);
bool array_is_npy(const char *bytes, size_t size);
void array_write_npy(Text *out, const Array *a);
/* NumPy's .npz: a zip of npy files, one a name, not compressed. */
void array_write_npz(Text *out, int n, Array *const *arrays, const char *const *names);

#endif
