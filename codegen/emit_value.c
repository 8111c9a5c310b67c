/* Types, values and lanes; index arithmetic that folds. See emit.h. */
#include "codegen/emit.h"

#include <string.h>

LLVMTypeRef emit_type(Emit *e, Scalar elem) {
    switch (elem) {
    case S_bool:
        return e->i1;
    case S_i32:
        return e->i32;
    case S_i64:
        return e->i64;
    case S_f32:
        return e->f32;
    case S_f64:
        break;
    }
    return e->f64;
}

LLVMTypeRef emit_memory_type(Emit *e, Scalar elem) {
    return elem == S_bool ? e->i8 : emit_type(e, elem);
}

LLVMTypeRef emit_lanes_type(Emit *e, Scalar elem) {
    return LLVMVectorType(emit_type(e, elem), (unsigned)e->width);
}

Val *emit_val(Emit *e, const Value *value) {
    return &e->vals[value->id - e->plan->first_id];
}

bool emit_is_varying(const Emit *e, const Value *value) {
    return e->width > 1 && plan_varies(e->plan, value);
}

Val val_of(LLVMValueRef v) {
    return (Val){.v = v};
}

static bool is_vector(LLVMValueRef v) {
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;
}

bool val_is_uniform(Val val) {
    return !val.step && !is_vector(val.v);
}

LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar) {
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)e->width);
    LLVMValueRef zero = LLVMConstInt(e->i32, 0, false);
    if (LLVMIsConstant(scalar)) {
        LLVMValueRef lanes[64];
        for (int l = 0; l < e->width; l++) {
            lanes[l] = scalar;
        }
        return LLVMConstVector(lanes, (unsigned)e->width);
    }
    LLVMValueRef one = LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), scalar, zero, "");
    LLVMTypeRef zeros = LLVMVectorType(e->i32, (unsigned)e->width);
    return LLVMBuildShuffleVector(e->builder, one, LLVMGetPoison(type), LLVMConstNull(zeros), "");
}

/* <0, 1, 2, ...> of a scalar integer type. */
static LLVMValueRef lane_numbers(Emit *e, LLVMTypeRef type) {
    LLVMValueRef lanes[64];
    for (int l = 0; l < e->width; l++) {
        lanes[l] = LLVMConstInt(type, (unsigned long long)l, false);
    }
    return LLVMConstVector(lanes, (unsigned)e->width);
}

LLVMValueRef emit_lanes(Emit *e, Val val) {
    if (is_vector(val.v)) {
        return val.v;
    }
    LLVMValueRef base = emit_splat(e, val.v);
    if (!val.step) {
        return base;
    }
    LLVMValueRef numbers = lane_numbers(e, LLVMTypeOf(val.v));
    return emit_iadd(e, base, emit_imul(e, numbers, emit_splat(e, val.step)));
}

LLVMValueRef emit_as(Emit *e, Val val, bool varying) {
    return varying ? emit_lanes(e, val) : val.v;
}

LLVMValueRef emit_i64(Emit *e, int64_t value) {
    return LLVMConstInt(e->i64, (unsigned long long)value, true);
}

bool is_int(LLVMValueRef v, int64_t value) {
    if (LLVMIsAConstantInt(v)) {
        return LLVMConstIntGetSExtValue(v) == value;
    }
    return value == 0 && LLVMIsConstant(v) && LLVMIsNull(v);
}

static bool is_all_ones_int(LLVMValueRef v) {
    if (is_vector(v) && LLVMIsConstant(v)) {
        LLVMValueRef first = LLVMGetAggregateElement(v, 0);
        for (unsigned l = 0; l < LLVMGetVectorSize(LLVMTypeOf(v)); l++) {
            if (!is_int(LLVMGetAggregateElement(v, l), 1)) {
                return false;
            }
        }
        return first != NULL;
    }
    return is_int(v, 1);
}

LLVMValueRef emit_iadd(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return is_int(a, 0) ? b : is_int(b, 0) ? a : LLVMBuildAdd(e->builder, a, b, "");
}

LLVMValueRef emit_isub(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return is_int(b, 0) ? a : LLVMBuildSub(e->builder, a, b, "");
}

LLVMValueRef emit_imul(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    if (is_int(a, 0) || is_all_ones_int(b)) {
        return a;
    }
    if (is_int(b, 0) || is_all_ones_int(a)) {
        return b;
    }
    return LLVMBuildMul(e->builder, a, b, "");
}

LLVMValueRef emit_intrinsic(Emit *e, const char *name, LLVMTypeRef *overloads, int n_overloads,
                            LLVMValueRef *args, int n_args) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee =
        LLVMGetIntrinsicDeclaration(e->module, id, overloads, (size_t)n_overloads);
    LLVMTypeRef type = LLVMIntrinsicGetType(e->llvm, id, overloads, (size_t)n_overloads);
    return LLVMBuildCall2(e->builder, type, callee, args, (unsigned)n_args, "");
}

LLVMValueRef emit_any(Emit *e, LLVMValueRef mask) {
    LLVMTypeRef bits = LLVMIntTypeInContext(e->llvm, LLVMGetVectorSize(LLVMTypeOf(mask)));
    LLVMValueRef packed = LLVMBuildBitCast(e->builder, mask, bits, "");
    return LLVMBuildICmp(e->builder, LLVMIntNE, packed, LLVMConstNull(bits), "");
}

LLVMValueRef emit_mask_and(Emit *e, LLVMValueRef a, LLVMValueRef b) {
    return !a ? b : !b ? a : LLVMBuildAnd(e->builder, a, b, "");
}

LLVMValueRef emit_lanes_below(Emit *e, LLVMValueRef count) {
    LLVMValueRef numbers = emit_lanes(e, (Val){.v = emit_i64(e, 0), .step = emit_i64(e, 1)});
    return LLVMBuildICmp(e->builder, LLVMIntSLT, numbers, emit_splat(e, count), "");
}
