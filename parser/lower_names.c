/* See parser/lower_names.h. */
#include "parser/lower_names.h"
#include "ir/ir.h"

bool element_builtin(const char *name, ElementBuiltin *out) {
    Op op = op_find(name);
    if (op >= OP_ELEMENTWISE_END || !op_info[op].builtin) {
        return false;
    }
    const OpInfo *info = &op_info[op];
    ElementClass class = info->class == OPC_FLT   ? ELEMENT_float
                         : info->class == OPC_TST ? ELEMENT_test
                         : info->class == OPC_SEL ? ELEMENT_select
                         : info->class == OPC_INT ? ELEMENT_integer
                                                  : ELEMENT_number;
    *out = (ElementBuiltin){(int)op, info->arity, class};
    return true;
}

int element_builtin_names(const char **names, int most) {
    int n = 0;
    for (int op = 0; op < OP_ELEMENTWISE_END && n < most; op++) {
        if (op_info[op].builtin) {
            names[n++] = op_info[op].name;
        }
    }
    return n;
}
