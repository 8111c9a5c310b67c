/* Instructions of AVX-512 that take floats apart and put them together, which no generic intrinsic
 * of LLVM stands for. Vectors longer than a register go through it in pieces. */
#include "codegen/vecmath_lanes.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PARAMS = 6, MOST_LANES = 64 };

static unsigned bits_of(const Lanes *l, unsigned width) {
    return width * (l->f32 ? 32 : 64);
}

bool v_has_scalef(const Lanes *l) {
    bool whole = (l->width & (l->width - 1)) == 0;
    return l->vm->has_avx512 && !l->vm->exact_libm && whole && bits_of(l, l->width) >= 128;
}

/* lanes first..first+n-1 of a; of two vectors, a's lanes come before b's */
static Val lanes_between(const Lanes *l, Val a, Val b, unsigned first, unsigned n) {
    Val which[MOST_LANES];
    for (unsigned i = 0; i < n; i++)
        which[i] = LLVMConstInt(LLVMInt32TypeInContext(l->vm->ctx), first + i, 0);
    return LLVMBuildShuffleVector(l->vm->builder, a, b, LLVMConstVector(which, n), "");
}

/* One instruction on one register. All forms have a mask, most a vector for lanes that it leaves
 * out; of 512 bits they have a rounding mode, 4 for the one that is set. `control` is the constant
 * of those that take one. */
static Val call_on_register(const Lanes *l, const char *name, int n_args, Val *args, int control) {
    LLVMBuilderRef b = l->vm->builder;
    unsigned bits = bits_of(l, LLVMGetVectorSize(LLVMTypeOf(args[0])));
    char symbol[64];
    snprintf(symbol, sizeof symbol, "llvm.x86.avx512.%s.%s.%u", name, l->f32 ? "ps" : "pd", bits);
    Val fn = LLVMGetIntrinsicDeclaration(l->vm->module,
                                         LLVMLookupIntrinsicID(symbol, strlen(symbol)), NULL, 0);
    LLVMTypeRef type = LLVMGlobalGetValueType(fn), kinds[MOST_PARAMS];
    unsigned n = LLVMCountParamTypes(type), at = 0;
    LLVMGetParamTypes(type, kinds);
    Val params[MOST_PARAMS];
    for (int k = 0; k < n_args; k++)
        params[at++] = args[k];
    if (control >= 0)
        params[at] = LLVMConstInt(kinds[at], (unsigned long long)control, 0), at++;
    params[at++] = LLVMGetPoison(LLVMTypeOf(args[0]));
    params[at] = LLVMConstAllOnes(kinds[at]), at++;
    if (at < n)
        params[at] = LLVMConstInt(kinds[at], 4, 0);
    return LLVMBuildCall2(b, type, fn, params, n, "");
}

static Val call_in_pieces(const Lanes *l, const char *name, int n_args, Val *args, int control) {
    unsigned width = LLVMGetVectorSize(LLVMTypeOf(args[0]));
    if (bits_of(l, width) <= 512)
        return call_on_register(l, name, n_args, args, control);
    Val halves[2];
    for (unsigned h = 0; h < 2; h++) {
        Val part[2] = {NULL, NULL};
        for (int k = 0; k < n_args; k++)
            part[k] = lanes_between(l, args[k], LLVMGetPoison(LLVMTypeOf(args[k])), h * (width / 2),
                                    width / 2);
        halves[h] = call_in_pieces(l, name, n_args, part, control);
    }
    return lanes_between(l, halves[0], halves[1], 0, width);
}

Val v_scalef(const Lanes *l, Val x, Val n) {
    return call_in_pieces(l, "mask.scalef", 2, (Val[]){x, n}, -1);
}

Val v_getexp(const Lanes *l, Val x) {
    return call_in_pieces(l, "mask.getexp", 1, &x, -1);
}

Val v_getmant(const Lanes *l, Val x) {
    enum { FROM_1_TO_2 = 0, NO_SIGN = 1 << 2, NAN_IF_NEGATIVE = 1 << 3 };
    return call_in_pieces(l, "mask.getmant", 1, &x, FROM_1_TO_2 | NO_SIGN | NAN_IF_NEGATIVE);
}

/* 1/b to 28 bits, b and 1/b normal numbers. */
static Val near_reciprocal(const Lanes *l, Val b) {
    Val r = call_in_pieces(l, "rcp14", 1, &b, -1);
    return v_fma(l, r, v_fma(l, v_neg(l, b), r, v_const(l, 1.0)), r);
}

Val v_quotient(const Lanes *l, Val a, Val b) {
    if (!l->vm->slow_division || !v_has_scalef(l))
        return v_div(l, a, b);
    Val r = near_reciprocal(l, b), q = v_mul(l, a, r);
    return v_fma(l, v_fma(l, v_neg(l, q), b, a), r, q);
}
