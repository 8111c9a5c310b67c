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

#endif
