/* sigma and tanh, from one exponential function. */
#ifndef SKLSTM_ACTIVATIONS_H
#define SKLSTM_ACTIVATIONS_H

#include "vectors.h"

/* exp(factor z) = s + s r with factor -1 (sigma) or 2 (tanh):

   s = 2^n,  n = rint(factor z / ln 2),  t = factor z - n ln 2,  r = exp(t) - 1 = t q(t)

   q is the minimax polynomial of relative error (Remez) on |t| <= ln 2 / 2: 1.1e-8 for
   float32, 2.4e-19 for float64. n is rounded by adding 1.5 * 2^mantissa and the bias of
   an exponent, which leaves the exponent of s in the low bits. The factor is multiplied
   into constants only, where its powers are exact. */
typedef struct {
    vec s, r;
} scaled_exp;

INLINE scaled_exp exp_vec(vec z, const int factor)
{
#ifdef SKLSTM_FLOAT64
    static const real q[] = {
        1.0, 0.5, 0.16666666666666680797, 0.041666666666666490707,
        0.0083333333333195907618, 0.0013888888888965744379, 0.0001984126989010681592,
        2.4801587171720392821e-5, 2.7557240826844114806e-6, 2.7557400211644574523e-7,
        2.5110079773262525605e-8, 2.0876751339314065406e-9};
    const int degree = 11, mantissa = 52;
    const real limit = 700, ln2_high = 0x1.62e42fefa0000p-1;
    const real ln2_low = 1.6465949582897081281e-12, shift = 0x1.8p52 + 1023;
#else
    static const real q[] = {
        1.0f, 0.49999998113527147657f, 0.16666505577970226128f,
        0.041667138091195778616f, 0.0083691400426170795989f, 0.0013888872601501923927f};
    const int degree = 5, mantissa = 23;
    const real limit = 87, ln2_high = 0.693359375f;
    const real ln2_low = -0.000212194440055f, shift = 0x1.8p23f + 127;
#endif
    const real inverse = (real)1 / factor, bound = limit / (factor < 0 ? -factor : factor);
    real power = factor, scaled[sizeof q / sizeof *q]; /* of r = u scaled(u), u = t / factor */
    UNROLL for (int k = 0; k <= degree; k++, power *= factor) scaled[k] = q[k] * power;

    z = clamp(z, -bound, bound);
    const vec shifted = fma_vec(
        z, broadcast((real)1.44269504088896340736 * factor), broadcast(shift));
    const vec n = shifted - shift;
    scaled_exp e;
    e.s = (vec)((ivec)shifted << mantissa);
    vec u = fma_vec(n, broadcast(-ln2_high * inverse), z);
    u = fma_vec(n, broadcast(-ln2_low * inverse), u);
    vec p = broadcast(scaled[degree]);
    UNROLL for (int k = degree - 1; k >= 0; k--) p = fma_vec(p, u, broadcast(scaled[k]));
    e.r = u * p;
    return e;
}

/* 1 / (1 + exp(-z)) */
INLINE vec sigmoid_vec(vec z)
{
    const scaled_exp e = exp_vec(z, -1);
    return 1 / fma_vec(e.s, e.r, e.s + 1);
}

/* (exp(2z) - 1) / (exp(2z) + 1) */
INLINE vec tanh_vec(vec z)
{
    const scaled_exp e = exp_vec(z, 2);
    const vec expm1 = fma_vec(e.s, e.r, e.s - 1);
    return expm1 / (expm1 + 2);
}

#endif
