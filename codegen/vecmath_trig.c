/* Vector code of the trigonometric functions and their inverses.
 *
 * sin, cos and tan reduce by pi/2 in parts; beyond some size of the argument that loses digits, and
 * a branch hands those lanes, and only those, to libm. Everything else is free of branches. */
#include "codegen/vecmath_coeffs.h"
#include "codegen/vecmath_kernels.h"

#include <math.h>

static const double TWO_OVER_PI = 0x1.45f306dc9c883p-1;
/* Minus pi/2 in parts. f32: three of 24 bits, for fused multiply-add. f64: the first three of 33
 * bits, so that their products with an integer below 2^20 are exact without it. */
static const double PI_2_F32[] = {-0x1.921fb6p+0, 0x1.777a5cp-25, 0x1.ee59dap-50};
static const double PI_2_F64[] = {-0x1.921fb544p+0, -0x1.0b4611a6p-34, -0x1.3198a2ep-69,
                                  -0x1.b839a252049c1p-104};
static const double LARGEST_F32 = 1e5, LARGEST_F64 = 1e6;

/* x = n pi/2 + r, |r| <= pi/4; s = sin r, c = cos r. */
typedef struct Circle {
    Val s, c, n; /* n in the low bits of an integer */
} Circle;

static Circle circle(const Lanes *l, Val x) {
    Val shifted = v_fma(l, x, v_const(l, TWO_OVER_PI), v_const(l, l->magic));
    Val n = v_sub(l, shifted, v_const(l, l->magic)), r = x;
    for (int i = 0; i < (l->f32 ? 3 : 4); i++)
        r = v_fma(l, n, v_const(l, l->f32 ? PI_2_F32[i] : PI_2_F64[i]), r);
    Val z = v_mul(l, r, r);
    Circle c = {.n = v_bits(l, shifted)};
    c.s = v_fma(l, v_mul(l, r, z), V_POLY(l, z, SIN_F32, SIN_F64), r);
    Val unit = v_fma(l, z, v_const(l, -0.5), v_const(l, 1.0));
    c.c = v_fma(l, v_mul(l, z, z), V_POLY(l, z, COS_F32, COS_F64), unit);
    return c;
}

static Val quadrant_is_odd(const Lanes *l, Val n) {
    return v_ieq(l, v_and(l, n, v_int(l, 1)), v_int(l, 1));
}

/* -y where bit 1 of n is set */
static Val flip_by_quadrant(const Lanes *l, Val y, Val n) {
    Val sign = v_shl(l, v_and(l, n, v_int(l, 2)), l->f32 ? 30 : 62);
    return v_float(l, v_xor(l, v_bits(l, y), sign));
}

static Val sin_moderate(const Lanes *l, Val x) {
    Circle c = circle(l, x);
    Val y = flip_by_quadrant(l, v_select(l, quadrant_is_odd(l, c.n), c.c, c.s), c.n);
    return v_select(l, v_eq(l, x, v_const(l, 0.0)), x, y); /* for -0 */
}

static Val cos_moderate(const Lanes *l, Val x) {
    Circle c = circle(l, x);
    Val y = v_select(l, quadrant_is_odd(l, c.n), c.s, c.c);
    return flip_by_quadrant(l, y, v_iadd(l, c.n, v_int(l, 1)));
}

static Val tan_moderate(const Lanes *l, Val x) {
    Circle c = circle(l, x);
    Val odd = quadrant_is_odd(l, c.n);
    Val y = v_div(l, v_select(l, odd, v_neg(l, c.c), c.s), v_select(l, odd, c.s, c.c));
    return v_select(l, v_eq(l, x, v_const(l, 0.0)), x, y);
}

/* The moderate code for all lanes; where any lane is larger, libm for those in a block of its own.
 */
static Val with_large_lanes(const Lanes *l, Val x, Val (*moderate)(const Lanes *l, Val x),
                            const char *f64, const char *f32) {
    LLVMBuilderRef b = l->vm->builder;
    Val y = moderate(l, x);
    Val large = v_gt(l, v_abs(l, x), v_pick(l, LARGEST_F32, LARGEST_F64));
    LLVMBasicBlockRef before = LLVMGetInsertBlock(b);
    Val function = LLVMGetBasicBlockParent(before);
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(l->vm->ctx, function, "done");
    LLVMBasicBlockRef cold = LLVMAppendBasicBlockInContext(l->vm->ctx, function, "large");
    LLVMBuildCondBr(b, v_any(l, large), cold, done);
    LLVMPositionBuilderAtEnd(b, cold);
    Val patched = v_select(l, large, v_libm(l, f64, f32, 1, &x), y);
    LLVMBuildBr(b, done);
    LLVMPositionBuilderAtEnd(b, done);
    Val result = LLVMBuildPhi(b, l->type, "");
    LLVMAddIncoming(result, (Val[]){y, patched}, (LLVMBasicBlockRef[]){before, cold}, 2);
    return result;
}

/* Reduction in f32 needs fused multiply-add; without it floats go through double. */
static Val circular(const Lanes *l, Val x, Val (*moderate)(const Lanes *l, Val x), const char *f64,
                    const char *f32) {
    if (!l->f32 || l->vm->has_fma)
        return with_large_lanes(l, x, moderate, f64, f32);
    Lanes wide;
    lanes_init_wide(&wide, l);
    return v_narrow(l, with_large_lanes(&wide, v_widen(&wide, x), moderate, f64, f32));
}

Val emit_sin(const Lanes *l, Val *args) {
    return circular(l, args[0], sin_moderate, "sin", "sinf");
}
Val emit_cos(const Lanes *l, Val *args) {
    return circular(l, args[0], cos_moderate, "cos", "cosf");
}
Val emit_tan(const Lanes *l, Val *args) {
    return circular(l, args[0], tan_moderate, "tan", "tanf");
}

static const double PI_4_HI_F32 = 0x1.921fb6p-1, PI_4_LO_F32 = -0x1.777a5cf72cecep-26;
static const double PI_4_HI_F64 = 0x1.921fb54442d18p-1, PI_4_LO_F64 = 0x1.1a62633145c07p-55;
static const double TAN_PI_8 = 0x1.a827999fcef32p-2;

/* quarters*pi/4 + t + tail, large terms last */
static Val angle(const Lanes *l, Val quarters, Val t, Val tail) {
    tail = v_fma(l, quarters, v_pick(l, PI_4_LO_F32, PI_4_LO_F64), tail);
    return v_fma(l, quarters, v_pick(l, PI_4_HI_F32, PI_4_HI_F64), v_add(l, t, tail));
}

/* atan(t) = t + tail for |t| <= tan(pi/8) */
static Val atan_tail(const Lanes *l, Val t) {
    Val z = v_mul(l, t, t);
    return v_mul(l, v_mul(l, t, z), V_POLY(l, z, ATAN_F32, ATAN_F64));
}

/* One division brings any |x| to |t| <= tan(pi/8): x itself, (x-1)/(x+1) from pi/4, or -1/x from
 * pi/2. */
Val emit_atan(const Lanes *l, Val *args) {
    Val x = v_abs(l, args[0]), one = v_const(l, 1.0);
    Val above = v_gt(l, x, v_const(l, TAN_PI_8)), far = v_gt(l, x, v_const(l, 1 / TAN_PI_8));
    Val top = v_select(l, far, v_const(l, -1.0), v_select(l, above, v_sub(l, x, one), x));
    Val bottom = v_select(l, far, x, v_select(l, above, v_add(l, x, one), one));
    Val t = v_div(l, top, bottom);
    Val quarters = v_select(l, far, v_const(l, 2.0), v_select(l, above, one, v_const(l, 0.0)));
    return v_copysign(l, angle(l, quarters, t, atan_tail(l, t)), args[0]);
}

/* With the smaller over the larger magnitude, as t = q or (q-1)/(q+1); then the octant by symmetry.
 */
Val emit_atan2(const Lanes *l, Val *args) {
    Val y = v_abs(l, args[0]), x = v_abs(l, args[1]);
    Val zero = v_const(l, 0.0), one = v_const(l, 1.0), inf = v_const(l, INFINITY);
    Val shrink = v_const(l, 0.25),
        huge = v_pick(l, 0x1p126, 0x1p1022); /* their sum must not overflow */
    Val too_large = v_or(l, v_gt(l, y, huge), v_gt(l, x, huge));
    y = v_select(l, too_large, v_mul(l, y, shrink), y);
    x = v_select(l, too_large, v_mul(l, x, shrink), x);
    Val steep = v_gt(l, y, x);
    Val large = v_select(l, steep, y, x), small = v_select(l, steep, x, y);
    Val above = v_gt(l, small, v_mul(l, large, v_const(l, TAN_PI_8)));
    Val top = v_select(l, above, v_sub(l, small, large), small);
    Val bottom = v_select(l, above, v_add(l, small, large), large);
    bottom = v_select(l, v_eq(l, large, zero), one, bottom); /* 0/0 is 0 */
    Val both = v_and(l, v_eq(l, small, inf), v_eq(l, large, inf));
    Val t = v_select(l, both, zero, v_div(l, top, bottom));
    Val tail = atan_tail(l, t);
    Val quarters = v_select(l, v_or(l, above, both), one, zero);
    Val left = v_lt(l, v_copysign(l, one, args[1]), zero);
    Val turned = v_xor(l, steep, left); /* each symmetry turns the sign of t */
    quarters = v_select(l, steep, v_sub(l, v_const(l, 2.0), quarters), quarters);
    quarters = v_select(l, left, v_sub(l, v_const(l, 4.0), quarters), quarters);
    Val signed_t = v_select(l, turned, v_neg(l, t), t);
    Val signed_tail = v_select(l, turned, v_neg(l, tail), tail);
    return v_copysign(l, angle(l, quarters, signed_t, signed_tail), args[0]);
}

/* asin(s) = s + tail of s = |x| up to 1/2, else of s = sqrt((1 - |x|)/2), with asin(x) = pi/2 - 2
 * asin(s). */
typedef struct Arc {
    Val large, s, tail;
} Arc;

static Arc arc(const Lanes *l, Val magnitude) {
    Arc a = {.large = v_gt(l, magnitude, v_const(l, 0.5))};
    Val half = v_const(l, 0.5);
    Val rest = v_fma(l, magnitude, v_const(l, -0.5), half);
    Val z = v_select(l, a.large, rest, v_mul(l, magnitude, magnitude));
    a.s = v_select(l, a.large, v_sqrt(l, rest), magnitude);
    a.tail = v_mul(l, v_mul(l, a.s, z), V_POLY(l, z, ASIN_F32, ASIN_F64));
    return a;
}

Val emit_asin(const Lanes *l, Val *args) {
    Arc a = arc(l, v_abs(l, args[0]));
    Val minus_two = v_const(l, -2.0);
    Val large = angle(l, v_const(l, 2.0), v_mul(l, a.s, minus_two), v_mul(l, a.tail, minus_two));
    return v_copysign(l, v_select(l, a.large, large, v_add(l, a.s, a.tail)), args[0]);
}

/* 2 asin(s) near 1, pi less that near -1, pi/2 - asin(x) between. */
Val emit_acos(const Lanes *l, Val *args) {
    Arc a = arc(l, v_abs(l, args[0]));
    Val negative = v_lt(l, args[0], v_const(l, 0.0)), zero = v_const(l, 0.0);
    Val near_pole = v_select(l, negative, v_const(l, 4.0), zero);
    Val quarters = v_select(l, a.large, near_pole, v_const(l, 2.0));
    Val weight = v_select(l, a.large, v_const(l, 2.0), v_const(l, -1.0));
    weight = v_select(l, negative, v_neg(l, weight), weight);
    return angle(l, quarters, v_mul(l, a.s, weight), v_mul(l, a.tail, weight));
}
