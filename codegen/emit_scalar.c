/* Elementwise operations on scalars, or on one scalar a lane; see emit.h. Their meaning is that of
 * ir/eval_math.h. */
#include "codegen/emit.h"

#include <math.h>

/* One more than the elementary function of the same name; 0: the operation is emitted here. */
#define MATH(name) [OP_##name] = MATH_##name + 1
static const unsigned char math_of[OP_COUNT] = {
    MATH(exp),   MATH(exp2),  MATH(expm1),   MATH(log),       MATH(log2),    MATH(log10),
    MATH(log1p), MATH(sin),   MATH(cos),     MATH(tan),       MATH(asin),    MATH(acos),
    MATH(atan),  MATH(atan2), MATH(sinh),    MATH(cosh),      MATH(tanh),    MATH(asinh),
    MATH(acosh), MATH(atanh), MATH(erf),     MATH(erfc),      MATH(lgamma),  MATH(pow),
    MATH(hypot), MATH(cbrt),  MATH(digamma), MATH(polygamma), MATH(sigmoid), MATH(softplus),
};
#undef MATH

/* Lets LLVM join a product and a sum into one fused operation; nothing else is relaxed. */
static LLVMValueRef contracted(const Emit *e, LLVMValueRef v) {
    if (!e->unfused && LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v)) {
        LLVMSetFastMathFlags(v, LLVMFastMathAllowContract);
    }
    return v;
}

static LLVMValueRef number(LLVMTypeRef type, double value) {
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) {
        return LLVMConstReal(type, value);
    }
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned l = 0; l < n; l++) {
        lanes[l] = LLVMConstReal(LLVMGetElementType(type), value);
    }
    return LLVMConstVector(lanes, n);
}

static LLVMValueRef whole(LLVMTypeRef type, int64_t value) {
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) {
        return LLVMConstInt(type, (unsigned long long)value, true);
    }
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned l = 0; l < n; l++) {
        lanes[l] = LLVMConstInt(LLVMGetElementType(type), (unsigned long long)value, true);
    }
    return LLVMConstVector(lanes, n);
}

static LLVMValueRef unary_intrinsic(Emit *e, const char *name, LLVMValueRef x) {
    LLVMTypeRef type = LLVMTypeOf(x);
    return emit_intrinsic(e, name, &type, 1, &x, 1);
}

static LLVMValueRef binary_intrinsic(Emit *e, const char *name, LLVMValueRef x, LLVMValueRef y) {
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef args[] = {x, y};
    return emit_intrinsic(e, name, &type, 1, args, 2);
}

static LLVMValueRef compare(Emit *e, Op op, Scalar elem, LLVMValueRef x, LLVMValueRef y) {
    bool is_float = elem >= S_f32;
    static const LLVMRealPredicate reals[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT,
                                              LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    static const LLVMIntPredicate ints[] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntSLT,
                                            LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate bools[] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntULT,
                                             LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    int k = (int)op - (int)OP_eq;
    return is_float ? LLVMBuildFCmp(e->builder, reals[k], x, y, "")
                    : LLVMBuildICmp(e->builder, elem == S_bool ? bools[k] : ints[k], x, y, "");
}

/* Truncating; wraps for the most negative number by -1. A zero divisor, which only values that
 * nothing uses can have (a check went before), must not trap. */
static LLVMValueRef divide(Emit *e, Op op, LLVMValueRef x, LLVMValueRef y) {
    LLVMBuilderRef b = e->builder;
    LLVMTypeRef type = LLVMTypeOf(x);
    if (LLVMIsAConstantInt(y) && !is_int(y, 0) && !is_int(y, -1)) {
        return op == OP_div ? LLVMBuildSDiv(b, x, y, "") : LLVMBuildSRem(b, x, y, "");
    }
    LLVMValueRef minus = LLVMBuildICmp(b, LLVMIntEQ, y, whole(type, -1), "");
    LLVMValueRef zero = LLVMBuildICmp(b, LLVMIntEQ, y, whole(type, 0), "");
    LLVMValueRef special = LLVMBuildOr(b, minus, zero, "");
    LLVMValueRef divisor = LLVMBuildSelect(b, special, whole(type, 1), y, "");
    if (op == OP_rem) {
        return LLVMBuildSRem(b, x, divisor, "");
    }
    return LLVMBuildSelect(b, minus, LLVMBuildNeg(b, x, ""), LLVMBuildSDiv(b, x, divisor, ""), "");
}

static LLVMValueRef int_binary(Emit *e, Op op, LLVMValueRef x, LLVMValueRef y) {
    switch (op) {
    case OP_add:
        return emit_iadd(e, x, y);
    case OP_sub:
        return emit_isub(e, x, y);
    case OP_mul:
        return emit_imul(e, x, y);
    case OP_xor:
        return LLVMBuildXor(e->builder, x, y, "");
    case OP_min:
        return binary_intrinsic(e, "llvm.smin", x, y);
    case OP_max:
        return binary_intrinsic(e, "llvm.smax", x, y);
    default:
        return divide(e, op, x, y);
    }
}

/* x*y, and 0 where one of them is. */
static LLVMValueRef gated_product(Emit *e, LLVMValueRef x, LLVMValueRef y) {
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
    LLVMValueRef x_counts = LLVMBuildFCmp(e->builder, LLVMRealUNE, x, zero, "");
    LLVMValueRef y_counts = LLVMBuildFCmp(e->builder, LLVMRealUNE, y, zero, "");
    LLVMValueRef both = LLVMBuildAnd(e->builder, x_counts, y_counts, "");
    LLVMValueRef product = contracted(e, LLVMBuildFMul(e->builder, x, y, ""));
    return LLVMBuildSelect(e->builder, both, product, zero, "");
}

/* The larger or smaller of two, NaN where either is. llvm.maximum, which also orders -0 below +0,
 * takes twice as many instructions; of zeros, either may come out here. */
static LLVMValueRef float_extreme(Emit *e, Op op, LLVMValueRef x, LLVMValueRef y) {
    LLVMBuilderRef b = e->builder;
    LLVMValueRef first = LLVMBuildFCmp(b, op == OP_max ? LLVMRealOGT : LLVMRealOLT, x, y, "");
    LLVMValueRef extreme = LLVMBuildSelect(b, first, x, y, "");
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUNO, x, x, ""), x, extreme, "");
}

static LLVMValueRef float_binary(Emit *e, Op op, LLVMValueRef x, LLVMValueRef y) {
    switch (op) {
    case OP_add:
        return contracted(e, LLVMBuildFAdd(e->builder, x, y, ""));
    case OP_sub:
        return contracted(e, LLVMBuildFSub(e->builder, x, y, ""));
    case OP_mul:
        return contracted(e, LLVMBuildFMul(e->builder, x, y, ""));
    case OP_mul0:
        return gated_product(e, x, y);
    case OP_div:
        return LLVMBuildFDiv(e->builder, x, y, "");
    case OP_min:
    case OP_max:
        return float_extreme(e, op, x, y);
    default:
        return LLVMBuildFRem(e->builder, x, y, "");
    }
}

LLVMValueRef emit_binary(Emit *e, Op op, Scalar elem, LLVMValueRef x, LLVMValueRef y) {
    if (op_info[op].class == OPC_CMP) {
        return compare(e, op, elem, x, y);
    }
    if (op == OP_and) {
        return LLVMBuildAnd(e->builder, x, y, "");
    }
    if (op == OP_or) {
        return LLVMBuildOr(e->builder, x, y, "");
    }
    return elem >= S_f32 ? float_binary(e, op, x, y) : int_binary(e, op, x, y);
}

/* c ? a : b for the comparison of two numbers. */
static LLVMValueRef choose(Emit *e, Op cmp, Scalar elem, LLVMValueRef x, LLVMValueRef y,
                           LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildSelect(e->builder, compare(e, cmp, elem, x, y), a, b, "");
}

static LLVMValueRef emit_sign(Emit *e, Scalar elem, LLVMValueRef x) {
    LLVMTypeRef type = LLVMTypeOf(x);
    bool is_float = elem >= S_f32;
    LLVMValueRef zero = LLVMConstNull(type);
    LLVMValueRef one = is_float ? number(type, 1) : whole(type, 1);
    LLVMValueRef minus = is_float ? number(type, -1) : whole(type, -1);
    LLVMValueRef rest = is_float ? choose(e, OP_eq, elem, x, zero, zero, x) : zero;
    return choose(e, OP_gt, elem, x, zero, one, choose(e, OP_lt, elem, x, zero, minus, rest));
}

static LLVMValueRef int_unary(Emit *e, Op op, LLVMValueRef x) {
    if (op == OP_neg) {
        return LLVMBuildNeg(e->builder, x, "");
    }
    if (op == OP_abs) {
        LLVMTypeRef type = LLVMTypeOf(x);
        LLVMValueRef args[] = {x, LLVMConstInt(e->i1, 0, false)};
        return emit_intrinsic(e, "llvm.abs", &type, 1, args, 2);
    }
    return emit_sign(e, S_i64, x);
}

static LLVMValueRef float_unary(Emit *e, Op op, LLVMValueRef x) {
    LLVMTypeRef type = LLVMTypeOf(x);
    switch (op) {
    case OP_neg:
        return LLVMBuildFNeg(e->builder, x, "");
    case OP_abs:
        return unary_intrinsic(e, "llvm.fabs", x);
    case OP_sign:
        return emit_sign(e, S_f64, x);
    case OP_floor:
        return unary_intrinsic(e, "llvm.floor", x);
    case OP_ceil:
        return unary_intrinsic(e, "llvm.ceil", x);
    case OP_round:
        return unary_intrinsic(e, "llvm.round", x);
    case OP_trunc:
        return unary_intrinsic(e, "llvm.trunc", x);
    case OP_sqrt:
        return unary_intrinsic(e, "llvm.sqrt", x);
    case OP_relu:
        return choose(e, OP_le, S_f64, x, LLVMConstNull(type), LLVMConstNull(type), x);
    case OP_isnan:
        return LLVMBuildFCmp(e->builder, LLVMRealUNO, x, x, "");
    default: /* isfinite */
        return LLVMBuildFCmp(e->builder, LLVMRealOLT, unary_intrinsic(e, "llvm.fabs", x),
                             number(type, INFINITY), "");
    }
}

static LLVMValueRef ternary(Emit *e, Op op, Scalar elem, LLVMValueRef *x) {
    if (op == OP_select) {
        return LLVMBuildSelect(e->builder, x[0], x[1], x[2], "");
    }
    if (op == OP_fma) {
        LLVMTypeRef type = LLVMTypeOf(x[0]);
        return emit_intrinsic(e, "llvm.fma", &type, 1, x, 3);
    }
    LLVMValueRef upper = choose(e, OP_gt, elem, x[0], x[2], x[2], x[0]);
    return choose(e, OP_lt, elem, x[0], x[1], x[1], upper);
}

static LLVMValueRef emit_op(Emit *e, Op op, Scalar elem, LLVMValueRef *x) {
    if (math_of[op]) {
        e->math.builder = e->builder;
        return vecmath_emit(&e->math, (MathFn)(math_of[op] - 1), x);
    }
    switch (op_info[op].arity) {
    case 1:
        return op == OP_not    ? LLVMBuildNot(e->builder, x[0], "")
               : elem >= S_f32 ? float_unary(e, op, x[0])
                               : int_unary(e, op, x[0]);
    case 2:
        return emit_binary(e, op, elem, x[0], x[1]);
    default:
        return ternary(e, op, elem, x);
    }
}

/* Sums and products that keep an index linear in the lane. */
static bool emit_linear(Emit *e, const Inst *inst, Val *result) {
    if (inst->out[0]->type->elem != S_i64 || inst->n_in != 2) {
        return false;
    }
    Val x = *emit_val(e, inst->in[0]), y = *emit_val(e, inst->in[1]);
    bool x_scalar = LLVMGetTypeKind(LLVMTypeOf(x.v)) == LLVMIntegerTypeKind;
    bool y_scalar = LLVMGetTypeKind(LLVMTypeOf(y.v)) == LLVMIntegerTypeKind;
    if (!x_scalar || !y_scalar || (!x.step && !y.step)) {
        return false;
    }
    LLVMValueRef zero = emit_i64(e, 0);
    LLVMValueRef xs = x.step ? x.step : zero, ys = y.step ? y.step : zero;
    switch (inst->op) {
    case OP_add:
        *result = (Val){.v = emit_iadd(e, x.v, y.v), .step = emit_iadd(e, xs, ys)};
        return true;
    case OP_sub:
        *result = (Val){.v = emit_isub(e, x.v, y.v), .step = emit_isub(e, xs, ys)};
        return true;
    case OP_mul:
        if (x.step && y.step) {
            return false;
        }
        *result = (Val){.v = emit_imul(e, x.v, y.v),
                        .step = x.step ? emit_imul(e, xs, y.v) : emit_imul(e, ys, x.v)};
        return true;
    default:
        return false;
    }
}

/* 1/c = high + low, high towards zero, so that both have one sign and x = inf gives inf. */
static double reciprocal(double c, bool is_f32, double *low) {
    double high = 1 / c;
    if (is_f32) { /* exact to 53 bits is enough for the low part */
        float rounded = (float)high;
        rounded = fabs((double)rounded) > fabs(high) ? nextafterf(rounded, 0) : rounded;
        *low = high - (double)rounded;
        return (double)rounded;
    }
    high = fma(-high, c, 1) < 0 ? nextafter(high, 0) : high;
    *low = fma(-high, c, 1) / c;
    return high;
}

/* By a constant: a product with its reciprocal to twice the digits, rounded once, is the quotient
 * rounded (but for a tie in 2^50), in a tenth of the time. NULL: to be divided. */
static LLVMValueRef divide_by_constant(Emit *e, const Inst *inst, LLVMValueRef x) {
    const Inst *divisor = inst->op == OP_div ? inst->in[1]->inst : NULL;
    Scalar elem = inst->out[0]->type->elem;
    if (elem < S_f32 || !divisor || divisor->op != OP_const || !e->target->has_fma ||
        e->options->opt_level == 0) {
        return NULL;
    }
    double c = divisor->attr.num, most = elem == S_f32 ? 0x1p100 : 0x1p900, low;
    if (!(fabs(c) < most && fabs(c) > 1 / most)) {
        return NULL;
    }
    double high = reciprocal(c, elem == S_f32, &low);
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef scalars[] = {LLVMConstReal(emit_type(e, elem), high),
                              LLVMConstReal(emit_type(e, elem), low)};
    bool varying = LLVMGetTypeKind(type) == LLVMVectorTypeKind;
    LLVMValueRef by = varying ? emit_splat(e, scalars[0]) : scalars[0];
    if (low == 0) {
        return LLVMBuildFMul(e->builder, x, by, "");
    }
    LLVMValueRef rest = varying ? emit_splat(e, scalars[1]) : scalars[1];
    LLVMValueRef args[] = {x, by, LLVMBuildFMul(e->builder, x, rest, "")};
    return emit_intrinsic(e, "llvm.fma", &type, 1, args, 3);
}

/* exp(-x*x) in lanes, by a function that keeps the digits of x*x and shares with erf and erfc of x,
 * whose derivative it is. NULL: something else. */
static LLVMValueRef emit_gauss(Emit *e, const Inst *inst) {
    const Inst *minus = inst->op == OP_exp ? inst->in[0]->inst : NULL;
    const Inst *square = minus && minus->op == OP_neg ? minus->in[0]->inst : NULL;
    if (!square || square->op != OP_mul || square->in[0] != square->in[1] || !e->math.has_fma ||
        e->math.exact_libm) {
        return NULL;
    }
    Val x = *emit_val(e, square->in[0]);
    if (val_is_uniform(x)) {
        return NULL;
    }
    e->math.builder = e->builder;
    LLVMValueRef lanes = emit_lanes(e, x);
    return vecmath_emit(&e->math, MATH_gauss, &lanes);
}

void emit_elementwise(Emit *e, const Inst *inst) {
    Val result;
    if (!emit_linear(e, inst, &result)) {
        bool varying = false;
        for (int k = 0; k < inst->n_in; k++) {
            varying = varying || !val_is_uniform(*emit_val(e, inst->in[k]));
        }
        LLVMValueRef x[3];
        for (int k = 0; k < inst->n_in; k++) {
            x[k] = emit_as(e, *emit_val(e, inst->in[k]), varying);
        }
        Scalar elem = inst->in[inst->op == OP_select ? 1 : 0]->type->elem;
        e->unfused = ptrmap_has(&e->compared, inst);
        LLVMValueRef special = divide_by_constant(e, inst, x[0]);
        if (!special) {
            special = emit_gauss(e, inst);
        }
        result = val_of(special ? special : emit_op(e, inst->op, elem, x));
        e->unfused = false;
    }
    *emit_val(e, inst->out[0]) = result;
}

/* ---- conversion ---- */

static LLVMValueRef to_float(Emit *e, Scalar from, LLVMValueRef x, LLVMTypeRef type, Scalar to) {
    LLVMBuilderRef b = e->builder;
    switch (from) {
    case S_bool:
        return LLVMBuildUIToFP(b, x, type, "");
    case S_i32:
    case S_i64:
        return LLVMBuildSIToFP(b, x, type, "");
    default:
        return from == to      ? x
               : from == S_f32 ? LLVMBuildFPExt(b, x, type, "")
                               : LLVMBuildFPTrunc(b, x, type, "");
    }
}

static LLVMValueRef to_int(Emit *e, Scalar from, LLVMValueRef x, LLVMTypeRef type, Scalar to) {
    LLVMBuilderRef b = e->builder;
    if (from >= S_f32) {
        LLVMTypeRef overloads[] = {type, LLVMTypeOf(x)};
        return emit_intrinsic(e, "llvm.fptosi.sat", overloads, 2, &x, 1);
    }
    return from == to       ? x
           : from == S_bool ? LLVMBuildZExt(b, x, type, "")
           : from == S_i32  ? LLVMBuildSExt(b, x, type, "")
                            : LLVMBuildTrunc(b, x, type, "");
}

void emit_convert(Emit *e, const Inst *inst) {
    Val in = *emit_val(e, inst->in[0]);
    Scalar from = inst->in[0]->type->elem, to = inst->out[0]->type->elem;
    Val *out = emit_val(e, inst->out[0]);
    if (from == to) {
        *out = in;
        return;
    }
    bool varying = !val_is_uniform(in);
    LLVMValueRef x = emit_as(e, in, varying);
    LLVMTypeRef type = varying ? emit_lanes_type(e, to) : emit_type(e, to);
    if (to == S_bool) {
        LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
        *out = val_of(compare(e, OP_ne, from, x, zero));
    } else {
        *out = val_of(to >= S_f32 ? to_float(e, from, x, type, to) : to_int(e, from, x, type, to));
    }
}

/* ---- reductions over lanes ---- */

LLVMValueRef emit_folded(Emit *e, Op op, Scalar elem, LLVMValueRef vector, int left) {
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(vector));
    while (n > (unsigned)left) {
        LLVMValueRef low[64], high[64];
        for (unsigned l = 0; l < n / 2; l++) {
            low[l] = LLVMConstInt(e->i32, l, false);
            high[l] = LLVMConstInt(e->i32, l + n / 2, false);
        }
        n /= 2;
        LLVMValueRef poison = LLVMGetPoison(LLVMTypeOf(vector));
        LLVMValueRef a =
            LLVMBuildShuffleVector(e->builder, vector, poison, LLVMConstVector(low, n), "");
        LLVMValueRef b =
            LLVMBuildShuffleVector(e->builder, vector, poison, LLVMConstVector(high, n), "");
        vector = emit_binary(e, op, elem, a, b);
    }
    return vector;
}

LLVMValueRef emit_horizontal(Emit *e, Op op, Scalar elem, LLVMValueRef vector) {
    vector = emit_folded(e, op, elem, vector, 1);
    return LLVMBuildExtractElement(e->builder, vector, LLVMConstInt(e->i32, 0, false), "");
}

LLVMValueRef emit_identity(Emit *e, Op op, Scalar elem) {
    LLVMTypeRef type = emit_type(e, elem);
    bool is_float = elem >= S_f32;
    int64_t lowest = elem == S_i32 ? INT32_MIN : INT64_MIN;
    switch (op) {
    case OP_mul:
        return is_float ? LLVMConstReal(type, 1) : LLVMConstInt(type, 1, false);
    case OP_min:
        return is_float ? LLVMConstReal(type, INFINITY)
                        : LLVMConstInt(type, (unsigned long long)(-(lowest + 1)), true);
    case OP_max:
        return is_float ? LLVMConstReal(type, -INFINITY)
                        : LLVMConstInt(type, (unsigned long long)lowest, true);
    case OP_and:
        return LLVMConstInt(type, 1, false);
    default: /* add: +0, so that an empty sum is +0; or */
        return LLVMConstNull(type);
    }
}
