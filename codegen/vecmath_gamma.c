/* lgamma, digamma and polygamma: functions of one double whose code loops and branches. They are
 * emitted once a module as private scalar functions and called a lane at a time; f32 goes through
 * double. */
#include "codegen/vecmath_kernels.h"

#include <math.h>
#include <stddef.h>

static LLVMBasicBlockRef new_block(const Lanes *l, const char *name) {
    Val function = LLVMGetBasicBlockParent(LLVMGetInsertBlock(l->vm->builder));
    return LLVMAppendBasicBlockInContext(l->vm->ctx, function, name);
}

static Val libm1(const Lanes *l, const char *name, Val x) {
    return v_libm(l, name, name, 1, &x);
}

static Val reciprocal(const Lanes *l, Val x) {
    return v_div(l, v_const(l, 1.0), x);
}

/* lgamma writes a global; lgamma_r writes the sign where it is told. */
Val emit_lgamma(const Lanes *l, Val *args) {
    LLVMBuilderRef b = l->vm->builder;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(l->vm->ctx);
    LLVMTypeRef params[2] = {l->type, LLVMPointerTypeInContext(l->vm->ctx, 0)};
    LLVMTypeRef type = LLVMFunctionType(l->type, params, 2, 0);
    Val fn = LLVMGetNamedFunction(l->vm->module, "lgamma_r");
    if (!fn)
        fn = LLVMAddFunction(l->vm->module, "lgamma_r", type);
    Val sign = LLVMBuildAlloca(b, i32, "sign");
    return LLVMBuildCall2(b, type, fn, (Val[]){args[0], sign}, 2, "");
}

/* Moves a state along while a condition holds: while (more(z)) { step; }, of doubles z, sum, and
 * what rounding took from the sum. */
typedef struct Shift {
    Val z, sum, lost;
    LLVMBasicBlockRef head, body, done;
} Shift;

static Shift shift_begin(const Lanes *l, Val z, LLVMRealPredicate more, Val bound) {
    LLVMBuilderRef b = l->vm->builder;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(b);
    Shift s = {.head = new_block(l, "shift"),
               .body = new_block(l, "step"),
               .done = new_block(l, "shifted")};
    LLVMBuildBr(b, s.head);
    LLVMPositionBuilderAtEnd(b, s.head);
    s.z = LLVMBuildPhi(b, l->type, "z");
    s.sum = LLVMBuildPhi(b, l->type, "sum");
    s.lost = LLVMBuildPhi(b, l->type, "lost");
    Val zero = v_const(l, 0.0);
    LLVMAddIncoming(s.z, &z, &before, 1);
    LLVMAddIncoming(s.sum, &zero, &before, 1);
    LLVMAddIncoming(s.lost, &zero, &before, 1);
    LLVMBuildCondBr(b, LLVMBuildFCmp(b, more, s.z, bound, ""), s.body, s.done);
    LLVMPositionBuilderAtEnd(b, s.body);
    return s;
}

/* `term` goes to the sum. What is lost there is exact where terms decrease, and finite. */
static void shift_end(const Lanes *l, const Shift *s, Val z, Val term) {
    Val sum = v_add(l, s->sum, term);
    Val lost = v_add(l, s->lost, v_sub(l, term, v_sub(l, sum, s->sum)));
    LLVMBasicBlockRef last = LLVMGetInsertBlock(l->vm->builder);
    LLVMAddIncoming(s->z, &z, &last, 1);
    LLVMAddIncoming(s->sum, &sum, &last, 1);
    LLVMAddIncoming(s->lost, &lost, &last, 1);
    LLVMBuildBr(l->vm->builder, s->head);
    LLVMPositionBuilderAtEnd(l->vm->builder, s->done);
}

/* psi(x)/(x - root) on [1, 2] in powers of x - 3/2, relative error 2^-54.2:
 * scripts/vecmath_digamma.py. */
static const double DIGAMMA[] = {
    0x1.e6f0cbb873616p-1,  -0x1.b1cb63005ee98p-2,  0x1.eca189b8e6f6dp-3,  -0x1.2feeeb98a78eap-3,
    0x1.8512e5903903ep-4,  -0x1.fb44202a2306bp-5,  0x1.4de9aa1779d23p-5,  -0x1.b9f8b11bfd3d0p-6,
    0x1.2564717896ec6p-6,  -0x1.863563f44f303p-7,  0x1.03c0adafa529cp-7,  -0x1.5a06a5d662cb4p-8,
    0x1.cd2011454fd05p-9,  -0x1.336dbe66757c8p-9,  0x1.99d3f5c0cad5ep-10, -0x1.0fb38d217b800p-10,
    0x1.6a3e76070c135p-11, -0x1.fd8e50abf2196p-12, 0x1.53b23429da21bp-12, -0x1.2fae5cb379bf2p-13,
    0x1.94e73cc9821e1p-14, -0x1.75c084e78a4cdp-13, 0x1.f255c4568ac4dp-14,
};
static const double DIGAMMA_ROOT_HI = 0x1.762d86356be3fp+0, DIGAMMA_ROOT_LO = 0x1.b86a722197829p-54;

/* psi(z) = psi(z + 1) - 1/z brings z from (0, 10) to [1, 2]; there the root is a factor, so that
 * small values keep their digits. */
static Val digamma_small(const Lanes *l, Val y) {
    Val one = v_const(l, 1.0);
    Shift s = shift_begin(l, y, LLVMRealOGT, v_const(l, 2.0));
    Val lower = v_sub(l, s.z, one);
    shift_end(l, &s, lower, reciprocal(l, lower));
    Val below = v_lt(l, s.z, one);
    Val z = v_select(l, below, v_add(l, s.z, one), s.z);
    Val sum = v_select(l, below, v_neg(l, reciprocal(l, s.z)), s.sum);
    Val quotient =
        v_poly(l, v_sub(l, z, v_const(l, 1.5)), DIGAMMA, sizeof DIGAMMA / sizeof *DIGAMMA);
    Val from_root = v_sub(l, v_sub(l, z, v_const(l, DIGAMMA_ROOT_HI)), v_const(l, DIGAMMA_ROOT_LO));
    return v_fma(l, from_root, quotient, sum);
}

/* log y - 1/2y - sum B_2k/(2k y^2k), DLMF 5.11.2, for y >= 10. */
static Val digamma_large(const Lanes *l, Val y) {
    static const double series[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                    1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
    Val inverse = reciprocal(l, y), square = v_mul(l, inverse, inverse);
    Val tail = v_mul(l, square, v_poly(l, square, series, sizeof series / sizeof *series));
    tail = v_fma(l, inverse, v_const(l, 0.5), tail);
    return v_sub(l, libm1(l, "log", y), tail);
}

/* x minus the nearest integer: the distance to the pole, exact. */
static Val from_pole(const Lanes *l, Val x) {
    return v_sub(l, x, v_rint(l, x));
}

/* psi(x) = psi(1 - x) - pi cot(pi x) for x <= 0; NaN at the poles. */
Val emit_digamma(const Lanes *l, Val *args) {
    LLVMBuilderRef b = l->vm->builder;
    Val x = args[0], zero = v_const(l, 0.0);
    Val mirrored = LLVMBuildFCmp(b, LLVMRealOLE, x, zero, "");
    Val y = v_select(l, mirrored, v_sub(l, v_const(l, 1.0), x), x);
    LLVMBasicBlockRef small = new_block(l, "small"), large = new_block(l, "large");
    LLVMBasicBlockRef join = new_block(l, "join"), mirror = new_block(l, "mirror");
    LLVMBasicBlockRef done = new_block(l, "done");
    LLVMBuildCondBr(b, v_lt(l, y, v_const(l, 10.0)), small, large);
    LLVMPositionBuilderAtEnd(b, small);
    Val values[2] = {digamma_small(l, y), NULL};
    LLVMBasicBlockRef from[2] = {LLVMGetInsertBlock(b), large};
    LLVMBuildBr(b, join);
    LLVMPositionBuilderAtEnd(b, large);
    values[1] = digamma_large(l, y);
    LLVMBuildBr(b, join);
    LLVMPositionBuilderAtEnd(b, join);
    Val positive = LLVMBuildPhi(b, l->type, "");
    LLVMAddIncoming(positive, values, from, 2);
    LLVMBuildCondBr(b, mirrored, mirror, done);
    LLVMPositionBuilderAtEnd(b, mirror);
    Val distance = from_pole(l, x);
    Val tangent = libm1(l, "tan", v_mul(l, distance, v_const(l, M_PI)));
    Val cotangent = v_div(l, v_const(l, M_PI), tangent);
    Val reflected = v_sub(l, positive, cotangent);
    reflected = v_select(l, v_eq(l, distance, zero), v_const(l, (double)NAN), reflected);
    LLVMBuildBr(b, done);
    LLVMPositionBuilderAtEnd(b, done);
    Val result = LLVMBuildPhi(b, l->type, "");
    LLVMAddIncoming(result, (Val[]){positive, reflected}, (LLVMBasicBlockRef[]){join, mirror}, 2);
    return result;
}

/* What `value` = z^p of a sum z = a + b, or something that changes with z as fast, is without the p
 * ulps that the rounding of the sum costs: with its error e (Knuth's exact sum) times 1 + p e/z. */
static Val correct_for_sum(const Lanes *l, Val value, Val p, Val a, Val b) {
    Val sum = v_add(l, a, b), from_b = v_sub(l, sum, a);
    Val error = v_add(l, v_sub(l, a, v_sub(l, sum, from_b)), v_sub(l, b, from_b));
    Val inexact = LLVMBuildFCmp(l->vm->builder, LLVMRealONE, error, v_const(l, 0.0), "");
    Val relative = v_mul(l, p, v_div(l, error, sum));
    return v_select(l, inexact, v_fma(l, value, relative, value), value);
}

static Val power_of_sum(const Lanes *l, Val a, Val b, Val p) {
    Val power = v_libm(l, "pow", "powf", 2, (Val[]){v_add(l, a, b), p});
    return correct_for_sum(l, power, p, a, b);
}

/* Hurwitz's zeta(s, z) = sum over k >= 0 of (z + k)^-s, for integers s >= 2 and z > 0: terms one by
 * one up to z + k >= s + 13, from there Euler and Maclaurin (DLMF 25.11.28): z^(1-s) (1/(s-1) +
 * (1/2 + sum B_2k/(2k)! s(s+1)...(s+2k-2) z^(1-2k))/z). */
Val emit_zeta(const Lanes *l, Val *args) {
    static const double bernoulli[] = {
        /* B_2k/(2k)! */
        1.0 / 12,
        -1.0 / 720,
        1.0 / 30240,
        -1.0 / 1209600,
        1.0 / 47900160,
        -691.0 / 1307674368000,
        1.0 / 74724249600,
        -3617.0 / 10670622842880000,
        43867.0 / 5109094217170944000,
    };
    Val s = args[0], one = v_const(l, 1.0), enough = v_add(l, s, v_const(l, 13.0));
    Shift shift = shift_begin(l, v_const(l, 0.0), LLVMRealOLT, v_sub(l, enough, args[1]));
    Val term = power_of_sum(l, args[1], shift.z, v_neg(l, s));
    shift_end(l, &shift, v_add(l, shift.z, one), term);
    Val z = v_add(l, args[1], shift.z);
    Val scale = power_of_sum(l, args[1], shift.z, v_sub(l, one, s));
    Val inverse = reciprocal(l, z), square = v_mul(l, inverse, inverse);
    Val rising = v_mul(l, s, inverse), series = v_const(l, 0.0);
    for (int k = 0; k < (int)(sizeof bernoulli / sizeof *bernoulli); k++) {
        series = v_fma(l, rising, v_const(l, bernoulli[k]), series);
        Val next = v_mul(l, v_add(l, s, v_const(l, 2 * k + 1)), v_add(l, s, v_const(l, 2 * k + 2)));
        rising = v_mul(l, rising, v_mul(l, next, square));
    }
    Val rest = v_mul(l, v_add(l, series, v_const(l, 0.5)), inverse);
    Val tail = v_mul(l, scale, v_add(l, reciprocal(l, v_sub(l, s, one)), rest));
    Val lost = v_select(l, v_eq(l, shift.lost, shift.lost), shift.lost, v_const(l, 0.0));
    return v_add(l, shift.sum, v_add(l, tail, lost));
}

/* zeta(s, a + b), where its first term is most of it or all are small. */
static Val zeta_of_sum(const Lanes *l, Val s, Val a, Val b) {
    Val value = vecmath_emit(l->vm, MATH_zeta, (Val[]){s, v_add(l, a, b)});
    return correct_for_sum(l, value, v_neg(l, s), a, b);
}

/* The sum of (f + k)^-s over all integers k, f the distance from a pole: zeta(s, x) for x <= 0 is
 * that less the mirrored half line. */
static Val zeta_mirrored(const Lanes *l, Val s, Val x, Val mirror_sign) {
    Val one = v_const(l, 1.0), f = from_pole(l, x);
    Val pole = v_libm(l, "pow", "powf", 2, (Val[]){f, v_neg(l, s)});
    Val above = zeta_of_sum(l, s, one, f);
    Val below = zeta_of_sum(l, s, one, v_neg(l, f));
    Val beyond = zeta_of_sum(l, s, one, v_neg(l, x));
    Val near = v_add(l, above, v_mul(l, mirror_sign, v_sub(l, below, beyond)));
    return v_add(l, pole, near);
}

/* psi_n(x) = (-1)^(n+1) n! zeta(n+1, x), n >= 1 an integer. Poles are infinite for odd n, NaN for
 * even n. */
Val emit_polygamma(const Lanes *l, Val *args) {
    LLVMBuilderRef b = l->vm->builder;
    Val x = args[1], zero = v_const(l, 0.0), one = v_const(l, 1.0), s = v_add(l, args[0], one);
    Val half = v_mul(l, s, v_const(l, 0.5));
    Val s_is_even = v_eq(l, half, v_rint(l, half));
    Val sign = v_select(l, s_is_even, one, v_const(l, -1.0)); /* (-1)^s = (-1)^(n+1) */
    LLVMBasicBlockRef positive = new_block(l, "positive"), mirror = new_block(l, "mirror");
    LLVMBasicBlockRef done = new_block(l, "done");
    LLVMBuildCondBr(b, LLVMBuildFCmp(b, LLVMRealOLE, x, zero, ""), mirror, positive);
    LLVMPositionBuilderAtEnd(b, positive);
    Val direct = vecmath_emit(l->vm, MATH_zeta, (Val[]){s, x});
    LLVMBuildBr(b, done);
    LLVMPositionBuilderAtEnd(b, mirror);
    Val at_pole = v_eq(l, from_pole(l, x), zero);
    Val reflected = zeta_mirrored(l, s, x, sign);
    Val pole_value = v_select(l, s_is_even, v_const(l, INFINITY), v_const(l, (double)NAN));
    reflected = v_select(l, at_pole, pole_value, reflected);
    LLVMBasicBlockRef mirror_end = LLVMGetInsertBlock(b);
    LLVMBuildBr(b, done);
    LLVMPositionBuilderAtEnd(b, done);
    Val zeta = LLVMBuildPhi(b, l->type, "");
    LLVMAddIncoming(zeta, (Val[]){direct, reflected}, (LLVMBasicBlockRef[]){positive, mirror_end},
                    2);
    Val factorial = libm1(l, "tgamma", s);
    return v_mul(l, v_mul(l, sign, factorial), zeta);
}
