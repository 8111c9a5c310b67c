/* What the parts of the verifier share; used by ir/verify*.c only. */
#ifndef BPC_IR_VERIFY_H
#define BPC_IR_VERIFY_H

#include "ir/ir.h"

typedef struct Verifier {
    IrModule *m;
    Arena *arena;
    const Func *func;
    Value **defined; /* by id: the values in scope */
    PtrMap syms;     /* SizeSym* -> non-NULL while in scope */
    PtrMap position; /* Func* -> its place in the module, from 1 */
    bool ok;
} Verifier;

/* Queues "rule <rule>: <op>: ..." at the instruction; returns false. */
bool broken(Verifier *v, const Inst *inst, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *type_text(Verifier *v, const Type *type);

/* Types of operands, attributes and results of one instruction (verify_types.c); scopes were
 * checked. */
void verify_inst_types(Verifier *v, const Inst *inst);
/* Accs are used once, by additions (verify_acc.c). */
void verify_accs(Verifier *v, const Func *func);

#endif
