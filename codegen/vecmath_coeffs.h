/* Polynomial coefficients of codegen/vecmath_kernels.c, lowest degree first.
 * Output of scripts/vecmath_coeffs.sollya; the f32 tables hold values that are floats. */
#ifndef BPC_CODEGEN_VECMATH_COEFFS_H
#define BPC_CODEGEN_VECMATH_COEFFS_H

/* weighted error 2^-25.5 */
static const double EXP_F32[] = {
    0x1p-1, 0x1.5554dcp-3, 0x1.5554eap-5, 0x1.120c1p-7, 0x1.6d4c02p-10,
};
/* weighted error 2^-54.7 */
static const double EXP_F64[] = {
    0x1.0000000000001p-1,  0x1.5555555555558p-3,  0x1.5555555553cd2p-5,  0x1.111111110f8d7p-7,
    0x1.6c16c178aeb15p-10, 0x1.a01a01afb9db4p-13, 0x1.a019b8a9e4c58p-16, 0x1.71ddf77e688e3p-19,
    0x1.2891e395e185cp-22, 0x1.af61d2f436196p-26,
};
/* weighted error 2^-27.8 */
static const double EXP2_F32[] = {
    0x1.62e43p-1, 0x1.ebfbep-3, 0x1.c6af9cp-5, 0x1.3b2a48p-7, 0x1.5ef5dp-10, 0x1.442512p-13,
};
/* weighted error 2^-56.9 */
static const double EXP2_F64[] = {
    0x1.62e42fefa39efp-1,  0x1.ebfbdff82c598p-3,  0x1.c6b08d704a1d3p-5,  0x1.3b2ab6fba1ec4p-7,
    0x1.5d87fe787493ap-10, 0x1.4309130944095p-13, 0x1.ffcbfd479e5bap-17, 0x1.62bfd4df40b7ep-20,
    0x1.b52335e6fe7d5p-24, 0x1.e60595a88c4ap-28,  0x1.ec6b62822310bp-32,
};
/* weighted error 2^-28 */
static const double LOG_F32[] = {
    0x1.555554p-2,  -0x1.ffffe6p-3, 0x1.999d2ap-3,  -0x1.556288p-3, 0x1.23de3ep-3,
    -0x1.fbbf2ap-4, 0x1.dc7628p-4,  -0x1.ddb316p-4, 0x1.2cb38cp-4,
};
/* weighted error 2^-56.6 */
static const double LOG_F64[] = {
    0x1.5555555555558p-1, 0x1.99999999952d2p-2, 0x1.2492492df8483p-2, 0x1.c71c62dad4db8p-3,
    0x1.7462b7ceeaa36p-3, 0x1.39fdf94336bfep-3, 0x1.2b5d203d23b42p-3,
};
/* weighted error 2^-26.3 */
static const double SIN_F32[] = {
    -0x1.555552p-3,
    0x1.110be6p-7,
    -0x1.9ab414p-13,
};
/* weighted error 2^-56.1 */
static const double SIN_F64[] = {
    -0x1.5555555555555p-3, 0x1.1111111110c84p-7,   -0x1.a01a019ea1749p-13,
    0x1.71de37b224f1ap-19, -0x1.ae602161d7c7fp-26, 0x1.5e11b11f5958cp-33,
};
/* weighted error 2^-30.4 */
static const double COS_F32[] = {
    0x1.555554p-5,
    -0x1.6c129ep-10,
    0x1.9bc774p-16,
};
/* weighted error 2^-60.9 */
static const double COS_F64[] = {
    0x1.5555555555555p-5,   -0x1.6c16c16c168ccp-10, 0x1.a01a019f38b6dp-16,
    -0x1.27e4fa037cc15p-22, 0x1.1eeb586537317p-29,  -0x1.9073e56374aa9p-37,
};
/* weighted error 2^-28.6 */
static const double ATAN_F32[] = {
    -0x1.555554p-2, 0x1.999714p-3, -0x1.241eap-3, 0x1.b80038p-4, -0x1.082ca8p-4,
};
/* weighted error 2^-57.4 */
static const double ATAN_F64[] = {
    -0x1.5555555555555p-2, 0x1.9999999999452p-3, -0x1.249249243faa8p-3, 0x1.c71c718a1a80ep-4,
    -0x1.745d0bd21e6eap-4, 0x1.3b12709f90fc9p-4, -0x1.10fb24631800bp-4, 0x1.dff0fee7a3496p-5,
    -0x1.a0cd519ea4971p-5, 0x1.41eda3f7b1ecbp-5, -0x1.3b6fea66c5688p-6,
};
/* weighted error 2^-25.9 */
static const double ASIN_F32[] = {
    0x1.55555ep-3, 0x1.332638p-4, 0x1.70ce26p-5, 0x1.b1164ap-6, 0x1.39fbbcp-5,
};
/* weighted error 2^-54.1 */
static const double ASIN_F64[] = {
    0x1.555555555554ep-3, 0x1.333333333746dp-4, 0x1.6db6db67c1797p-5,  0x1.f1c71fd904ad1p-6,
    0x1.6e8b22b1a5056p-6, 0x1.1c59dc9879a19p-6, 0x1.c863c930cb5c6p-7,  0x1.859067cca56p-7,
    0x1.fb41503a4741fp-8, 0x1.09cd5f2080893p-6, -0x1.6a9bf3f015835p-7, 0x1.d14ec2a62d4aap-6,
};
/* weighted error 2^-29.9 */
static const double ERF_F32[] = {
    0x1.06eba8p-3, -0x1.812744p-2, 0x1.ce2e8p-4,  -0x1.b81b06p-6,
    0x1.5553f2p-8, -0x1.afbddp-11, 0x1.7136ep-14,
};
/* weighted error 2^-55.9 */
static const double ERF_F64[] = {
    0x1.06eba8214db68p-3,  -0x1.812746b0379b5p-2,  0x1.ce2f21a040b02p-4,  -0x1.b82ce311f7069p-6,
    0x1.565bccf908894p-8,  -0x1.c02db03ff6859p-11, 0x1.f9a2bb4bba0e4p-14, -0x1.f4ca5bb2856d7p-17,
    0x1.b9807f233887cp-20, -0x1.5c0bc3130e21dp-23, 0x1.d73d744d56748p-27, -0x1.ac1a4196e188cp-31,
};
/* weighted error 2^-29.9 */
static const double ERF_NEAR_F32[] = {
    0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2a78p-4, -0x1.b72ab8p-6, 0x1.3dcb3cp-8,
};
/* weighted error 2^-55.4 */
static const double ERF_NEAR_F64[] = {
    0x1.06eba8214db68p-3, -0x1.812746b0378d9p-2,  0x1.ce2f21a01ed51p-4, -0x1.b82ce2f5fbff5p-6,
    0x1.565bc1fa706c8p-8, -0x1.c0290b1288ac9p-11, 0x1.f88ceeb5c2e6p-14, -0x1.d2da9fbc9db34p-17,
};
/* weighted error 2^-25.4 */
static const double ERF_TAIL_F32[] = {
    0x1.20f94p0,   0x1.44dde6p-1,   0x1.b7a002p-4,  -0x1.95271cp-6,
    0x1.0de958p-8, -0x1.d8707ap-12, 0x1.cfa594p-16, -0x1.5edde4p-21,
};
/* weighted error 2^-24.2 */
static const double ERFC_F32[] = {
    0x1.40c522p0,   -0x1.15c08ap-3, -0x1.859d7p-5,  0x1.0984a4p-3,   -0x1.e89e3p-4,   0x1.17a8a6p-4,
    -0x1.84a614p-6, 0x1.5e6d76p-9,  0x1.f9d896p-10, -0x1.f3b78ep-11, -0x1.664036p-12,
};
/* weighted error 2^-54.3 */
static const double ERFC_F64[] = {
    0x1.3ba5916e9fd7fp0,    -0x1.1df1ad154a28ep-3,  0x1.f7f5df66fca9bp-7,   0x1.16ecefcfa533ap-4,
    -0x1.9ddb23c3e53aap-4,  0x1.7fee004e137d9p-4,   -0x1.0fb06dfe8b07bp-4,  0x1.3079edf64e5fcp-5,
    -0x1.0962387b4b0d1p-6,  0x1.49c672995d394p-8,   -0x1.8d4aa0f1d9fb1p-11, -0x1.a1df35bf44797p-13,
    0x1.3be0a3788d85ap-13,  -0x1.995725b1e7569p-16, -0x1.789358dd64a97p-17, 0x1.7f12d0c14f95dp-18,
    0x1.3c2422a77cfd9p-22,  -0x1.b9ff4dffc99bp-21,  0x1.41a16f18b4826p-24,  0x1.d1990c1349428p-24,
    -0x1.41d6017448105p-26, -0x1.d4f9b1a4ca91bp-27, 0x1.377fca1f8ce8p-29,   0x1.714cadf3e1272p-30,
};
/* weighted error 2^-11.8 */
static const double CBRT_GUESS[] = {
    0x1.958464p-2,  0x1.2ce5cep0,  -0x1.0dd61cp0,  0x1.704b02p-1,
    -0x1.2f9676p-2, 0x1.0cf0bap-4, -0x1.87ea32p-8,
};
/* weighted error 2^-69.8 */
static const double POW_LOG2_F64[] = {
    0x1.2776c50ef9bfep-1, 0x1.a61762a7ae41dp-2, 0x1.484b13d735f3bp-2, 0x1.0c9a84fff9ea4p-2,
    0x1.c68f050ab91e5p-3, 0x1.8a061d494bd04p-3, 0x1.593b57e474c9ep-3, 0x1.603964bb6961dp-3,
};

#endif
