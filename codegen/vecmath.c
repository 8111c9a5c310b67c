/* The table of elementary functions, and the choice between code in place, a call of a private
 * function of the module and calls of libm. The code itself is emitted in codegen/vecmath_kernels.c
 * and its siblings. */
#include "codegen/vecmath_kernels.h"

#include <stdio.h>
#include <string.h>

typedef enum Place {
    PLACE_INLINE, /* in place, unless the caller wants calls */
    PLACE_CALL,   /* a private function, unless the caller wants none */
    PLACE_BRANCH, /* a private function always: its code has several blocks */
    PLACE_SCALAR, /* a private function of doubles, called for every lane */
} Place;

typedef struct MathRow {
    const char *name;
    int arity;
    const char *libm64, *libm32; /* empty: not in libm */
    MathEmitter emitter;         /* NULL: libm a lane */
    Place place;
    double ulp32, ulp64;
} MathRow;

static const MathRow rows[MATH_COUNT] = {
#define MATHFN(name, arity, libm64, libm32, emitter, place, ulp32, ulp64)                          \
    {#name, arity, libm64, libm32, emitter, PLACE_##place, ulp32, ulp64},
#include "codegen/vecmath.def"
#undef MATHFN
};

const char *vecmath_name(MathFn fn) {
    return rows[fn].name;
}

int vecmath_arity(MathFn fn) {
    return rows[fn].arity;
}

bool vecmath_is_vectorised(MathFn fn) {
    return rows[fn].emitter && rows[fn].place != PLACE_SCALAR;
}

double vecmath_max_ulp(MathFn fn, bool f32) {
    return f32 ? rows[fn].ulp32 : rows[fn].ulp64;
}

static void set_string(VecMath *vm, Val fn, const char *key, const char *value) {
    if (!value)
        return;
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(vm->ctx, key, (unsigned)strlen(key),
                                                           value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
}

/* The same target attributes as its callers have: vectors must travel in the same registers. */
static Val declare_private(const Lanes *l, const char *symbol, LLVMTypeRef type) {
    Val fn = LLVMAddFunction(l->vm->module, symbol, type);
    LLVMSetLinkage(fn, LLVMPrivateLinkage);
    lanes_mark_pure(l, fn);
    set_string(l->vm, fn, "target-cpu", l->vm->target_cpu);
    set_string(l->vm, fn, "target-features", l->vm->target_features);
    return fn;
}

static void define_private(const Lanes *l, const MathRow *row, Val fn) {
    VecMath body_vm = *l->vm;
    body_vm.builder = LLVMCreateBuilderInContext(l->vm->ctx);
    body_vm.calls = MATH_CALLS_never;
    Lanes body = *l;
    body.vm = &body_vm;
    LLVMPositionBuilderAtEnd(body_vm.builder,
                             LLVMAppendBasicBlockInContext(l->vm->ctx, fn, "entry"));
    Val args[2] = {LLVMGetParam(fn, 0), row->arity > 1 ? LLVMGetParam(fn, 1) : NULL};
    LLVMBuildRet(body_vm.builder, row->emitter(&body, args));
    LLVMDisposeBuilder(body_vm.builder);
}

/* The module's own copy of the function for this type, made when it is first asked for. */
static Val private_function(const Lanes *l, const MathRow *row, LLVMTypeRef *type) {
    char symbol[64];
    if (l->width)
        snprintf(symbol, sizeof symbol, "bpc.%s.v%u%s", row->name, l->width,
                 l->f32 ? "f32" : "f64");
    else
        snprintf(symbol, sizeof symbol, "bpc.%s.%s", row->name, l->f32 ? "f32" : "f64");
    LLVMTypeRef params[2] = {l->type, l->type};
    *type = LLVMFunctionType(l->type, params, (unsigned)row->arity, 0);
    Val fn = LLVMGetNamedFunction(l->vm->module, symbol);
    if (!fn) {
        fn = declare_private(l, symbol, *type);
        define_private(l, row, fn);
    }
    return fn;
}

static Val call_private(const Lanes *l, const MathRow *row, Val *args) {
    LLVMTypeRef type;
    Val fn = private_function(l, row, &type);
    return LLVMBuildCall2(l->vm->builder, type, fn, args, (unsigned)row->arity, "");
}

static Val call_scalar(const Lanes *l, const MathRow *row, Val *args) {
    Lanes wide, scalar;
    lanes_init_wide(&wide, l);
    lanes_init(&scalar, l->vm, LLVMDoubleTypeInContext(l->vm->ctx));
    LLVMTypeRef type;
    Val fn = private_function(&scalar, row, &type), doubles[2] = {NULL, NULL};
    for (int i = 0; i < row->arity; i++)
        doubles[i] = l->f32 ? v_widen(&wide, args[i]) : args[i];
    Val y = v_call_lanes(&wide, fn, type, row->arity, doubles);
    return l->f32 ? v_narrow(l, y) : y;
}

static bool wants_call(const Lanes *l, const MathRow *row) {
    if (row->place == PLACE_BRANCH)
        return true;
    if (l->vm->calls == MATH_CALLS_auto)
        return row->place == PLACE_CALL;
    return l->vm->calls == MATH_CALLS_always;
}

Val vecmath_emit(VecMath *vm, MathFn fn, Val *args) {
    const MathRow *row = &rows[fn];
    Lanes l;
    lanes_init(&l, vm, LLVMTypeOf(args[0]));
    bool in_libm = row->libm64[0] != '\0';
    if (!row->emitter || (in_libm && (!l.width || vm->exact_libm)))
        return v_libm(&l, row->libm64, row->libm32, row->arity, args);
    if (row->place == PLACE_SCALAR)
        return call_scalar(&l, row, args);
    return wants_call(&l, row) ? call_private(&l, row, args) : row->emitter(&l, args);
}
