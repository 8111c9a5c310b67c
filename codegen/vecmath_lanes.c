/* The operations of codegen/vecmath_lanes.h, and calls of libm. No fast-math flag is ever set:
 * where two operations are to be fused the kernels say so, and where they must not be they are not.
 */
#include "codegen/vecmath_lanes.h"

#include <assert.h>
#include <string.h>

enum { MAX_LANES = 64 };

void lanes_init(Lanes *l, VecMath *vm, LLVMTypeRef type) {
    bool vector = LLVMGetTypeKind(type) == LLVMVectorTypeKind;
    LLVMTypeRef scalar = vector ? LLVMGetElementType(type) : type;
    l->vm = vm;
    l->type = type;
    l->width = vector ? LLVMGetVectorSize(type) : 0;
    l->f32 = LLVMGetTypeKind(scalar) == LLVMFloatTypeKind;
    LLVMTypeRef integer =
        l->f32 ? LLVMInt32TypeInContext(vm->ctx) : LLVMInt64TypeInContext(vm->ctx);
    l->int_type = vector ? LLVMVectorType(integer, l->width) : integer;
    l->fraction = l->f32 ? 23 : 52;
    l->bias = l->f32 ? 127 : 1023;
    l->magic = l->f32 ? 0x1.8p23 : 0x1.8p52;
}

void lanes_init_wide(Lanes *wide, const Lanes *l) {
    LLVMTypeRef f64 = LLVMDoubleTypeInContext(l->vm->ctx);
    lanes_init(wide, l->vm, l->width ? LLVMVectorType(f64, l->width) : f64);
}

Val v_widen(const Lanes *wide, Val x) {
    return LLVMBuildFPExt(wide->vm->builder, x, wide->type, "");
}

Val v_narrow(const Lanes *l, Val x) {
    return LLVMBuildFPTrunc(l->vm->builder, x, l->type, "");
}

static Val splat(const Lanes *l, Val scalar) {
    if (!l->width)
        return scalar;
    Val lanes[MAX_LANES];
    assert(l->width <= MAX_LANES);
    for (unsigned i = 0; i < l->width; i++)
        lanes[i] = scalar;
    return LLVMConstVector(lanes, l->width);
}

Val v_const(const Lanes *l, double x) {
    LLVMTypeRef scalar = l->width ? LLVMGetElementType(l->type) : l->type;
    return splat(l, LLVMConstReal(scalar, x));
}

Val v_int(const Lanes *l, int64_t i) {
    LLVMTypeRef scalar = l->width ? LLVMGetElementType(l->int_type) : l->int_type;
    unsigned long long bits = l->f32 ? (uint32_t)i : (uint64_t)i;
    return splat(l, LLVMConstInt(scalar, bits, 0));
}

Val v_pick(const Lanes *l, double f32, double f64) {
    return v_const(l, l->f32 ? f32 : f64);
}

static Val intrinsic(const Lanes *l, const char *name, unsigned n, Val *args) {
    LLVMTypeRef overload = l->type;
    Val fn = LLVMGetIntrinsicDeclaration(l->vm->module, LLVMLookupIntrinsicID(name, strlen(name)),
                                         &overload, 1);
    return LLVMBuildCall2(l->vm->builder, LLVMGlobalGetValueType(fn), fn, args, n, "");
}

Val v_add(const Lanes *l, Val a, Val b) {
    return LLVMBuildFAdd(l->vm->builder, a, b, "");
}
Val v_sub(const Lanes *l, Val a, Val b) {
    return LLVMBuildFSub(l->vm->builder, a, b, "");
}
Val v_mul(const Lanes *l, Val a, Val b) {
    return LLVMBuildFMul(l->vm->builder, a, b, "");
}
Val v_div(const Lanes *l, Val a, Val b) {
    return LLVMBuildFDiv(l->vm->builder, a, b, "");
}
Val v_neg(const Lanes *l, Val a) {
    return LLVMBuildFNeg(l->vm->builder, a, "");
}

Val v_fma(const Lanes *l, Val a, Val b, Val c) {
    if (!l->vm->has_fma)
        return v_add(l, v_mul(l, a, b), c);
    return intrinsic(l, "llvm.fma", 3, (Val[]){a, b, c});
}

Val v_abs(const Lanes *l, Val a) {
    return intrinsic(l, "llvm.fabs", 1, &a);
}
Val v_sqrt(const Lanes *l, Val a) {
    return intrinsic(l, "llvm.sqrt", 1, &a);
}

Val v_rint(const Lanes *l, Val a) {
    return intrinsic(l, "llvm.rint", 1, &a);
}

Val v_copysign(const Lanes *l, Val magnitude, Val sign) {
    return intrinsic(l, "llvm.copysign", 2, (Val[]){magnitude, sign});
}

Val v_iadd(const Lanes *l, Val a, Val b) {
    return LLVMBuildAdd(l->vm->builder, a, b, "");
}
Val v_isub(const Lanes *l, Val a, Val b) {
    return LLVMBuildSub(l->vm->builder, a, b, "");
}
Val v_and(const Lanes *l, Val a, Val b) {
    return LLVMBuildAnd(l->vm->builder, a, b, "");
}
Val v_or(const Lanes *l, Val a, Val b) {
    return LLVMBuildOr(l->vm->builder, a, b, "");
}
Val v_xor(const Lanes *l, Val a, Val b) {
    return LLVMBuildXor(l->vm->builder, a, b, "");
}
Val v_shl(const Lanes *l, Val a, int by) {
    return LLVMBuildShl(l->vm->builder, a, v_int(l, by), "");
}
Val v_shr(const Lanes *l, Val a, int by) {
    return LLVMBuildLShr(l->vm->builder, a, v_int(l, by), "");
}
Val v_bits(const Lanes *l, Val x) {
    return LLVMBuildBitCast(l->vm->builder, x, l->int_type, "");
}
Val v_float(const Lanes *l, Val bits) {
    return LLVMBuildBitCast(l->vm->builder, bits, l->type, "");
}

Val v_lt(const Lanes *l, Val a, Val b) {
    return LLVMBuildFCmp(l->vm->builder, LLVMRealOLT, a, b, "");
}

Val v_gt(const Lanes *l, Val a, Val b) {
    return LLVMBuildFCmp(l->vm->builder, LLVMRealOGT, a, b, "");
}

Val v_eq(const Lanes *l, Val a, Val b) {
    return LLVMBuildFCmp(l->vm->builder, LLVMRealOEQ, a, b, "");
}

Val v_isnan(const Lanes *l, Val a) {
    return LLVMBuildFCmp(l->vm->builder, LLVMRealUNO, a, a, "");
}

Val v_ieq(const Lanes *l, Val a, Val b) {
    return LLVMBuildICmp(l->vm->builder, LLVMIntEQ, a, b, "");
}

Val v_any(const Lanes *l, Val cond) {
    if (!l->width)
        return cond;
    LLVMTypeRef mask = LLVMIntTypeInContext(l->vm->ctx, l->width);
    Val bits = LLVMBuildBitCast(l->vm->builder, cond, mask, "");
    return LLVMBuildICmp(l->vm->builder, LLVMIntNE, bits, LLVMConstInt(mask, 0, 0), "");
}

Val v_select(const Lanes *l, Val cond, Val then, Val otherwise) {
    return LLVMBuildSelect(l->vm->builder, cond, then, otherwise, "");
}

/* The constant is the first operand of the comparison's "then": x86's min and max return their
 * second operand when either is NaN, so this is one instruction and keeps NaN. */
Val v_atmost(const Lanes *l, Val x, double hi) {
    Val bound = v_const(l, hi);
    return v_select(l, v_gt(l, x, bound), bound, x);
}

Val v_atleast(const Lanes *l, Val x, double lo) {
    Val bound = v_const(l, lo);
    return v_select(l, v_lt(l, x, bound), bound, x);
}

Val v_clamp(const Lanes *l, Val x, double lo, double hi) {
    return v_atmost(l, v_atleast(l, x, lo), hi);
}

Val v_poly(const Lanes *l, Val x, const double *c, int n) {
    Val sum = v_const(l, c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = v_fma(l, sum, x, v_const(l, c[i]));
    return sum;
}

/* Every other coefficient from c[first] on, in powers of x. */
static Val half_poly(const Lanes *l, Val x, const double *c, int n, int first) {
    int top = n - 1 - (n - 1 - first) % 2;
    Val sum = v_const(l, c[top]);
    for (int i = top - 2; i >= first; i -= 2)
        sum = v_fma(l, sum, x, v_const(l, c[i]));
    return sum;
}

Val v_poly_halves(const Lanes *l, Val x, Val square, const double *c, int n) {
    return v_fma(l, half_poly(l, square, c, n, 1), x, half_poly(l, square, c, n, 0));
}

void lanes_mark_pure(const Lanes *l, Val fn) {
    /* Enum attributes carry a value; that of memory(none) is 0, and the others take none. */
    static const char *const names[] = {"nounwind", "willreturn", "memory"};
    for (int i = 0; i < 3; i++) {
        unsigned kind = LLVMGetEnumAttributeKindForName(names[i], strlen(names[i]));
        LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                LLVMCreateEnumAttribute(l->vm->ctx, kind, 0));
    }
}

/* libm without errno: pure, so that equal calls merge and unused ones go. */
static Val libm_function(const Lanes *l, const char *name, LLVMTypeRef type) {
    Val fn = LLVMGetNamedFunction(l->vm->module, name);
    if (fn)
        return fn;
    fn = LLVMAddFunction(l->vm->module, name, type);
    lanes_mark_pure(l, fn);
    return fn;
}

Val v_call_lanes(const Lanes *l, Val fn, LLVMTypeRef type, int arity, Val *args) {
    LLVMBuilderRef b = l->vm->builder;
    if (!l->width)
        return LLVMBuildCall2(b, type, fn, args, (unsigned)arity, "");
    Val result = LLVMGetPoison(l->type);
    for (unsigned i = 0; i < l->width; i++) {
        Val lane = LLVMConstInt(LLVMInt32TypeInContext(l->vm->ctx), i, 0);
        Val lane_args[2] = {NULL, NULL};
        for (int a = 0; a < arity; a++)
            lane_args[a] = LLVMBuildExtractElement(b, args[a], lane, "");
        Val y = LLVMBuildCall2(b, type, fn, lane_args, (unsigned)arity, "");
        result = LLVMBuildInsertElement(b, result, y, lane, "");
    }
    return result;
}

Val v_libm(const Lanes *l, const char *f64, const char *f32, int arity, Val *args) {
    LLVMTypeRef scalar = l->width ? LLVMGetElementType(l->type) : l->type;
    LLVMTypeRef params[2] = {scalar, scalar};
    LLVMTypeRef type = LLVMFunctionType(scalar, params, (unsigned)arity, 0);
    return v_call_lanes(l, libm_function(l, l->f32 ? f32 : f64, type), type, arity, args);
}
