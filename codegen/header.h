/* The C header of a module: what a host includes beside the object. Called by the driver after
 * lowering; needs only the module's export descriptors, so it works before any pass ran. Pure text:
 * touches no file. */
#ifndef BPC_CODEGEN_HEADER_H
#define BPC_CODEGEN_HEADER_H

#include "ir/ir.h"

/* Appends the header of m to out: structs, then a documented prototype for each export and its
 * _work function, then the error function of the module. m->name must be a C identifier (see
 * header_c_name). */
void header_print(Text *out, const IrModule *m);

/* The C identifier made of a file's name: folders and the last suffix dropped, other characters
 * replaced by '_'. */
Atom header_c_name(AtomTable *atoms, const char *path);

/* The name of a parameter or member as the header has it (see codegen/cnames.h). */
const char *header_member(const Param *param);

/* The C type of an element: "double", "int64_t", ... */
const char *header_c_type(Scalar elem);

#endif
