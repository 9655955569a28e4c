/* Passes over the flat parameter vector: one for the norm, one for a step.

   Plain loops, which the compiler turns into vectors; without contraction to FMA, so
   that all instruction sets give the same bits. Where a sum is needed its order is
   fixed: partial sums of UPDATE_CHUNK elements, whoever computes them. */
#ifndef SKLSTM_OPTIMIZER_H
#define SKLSTM_OPTIMIZER_H

#include <float.h>
#include <math.h>
#include "tile.h"

#define UPDATE_CHUNK 16384

/* LEAST: a smaller epsilon would be flushed to zero, and 0 / 0 is NaN */
#ifdef SKLSTM_FLOAT64
#define SQRT sqrt
#define LEAST DBL_MIN
#else
#define SQRT sqrtf
#define LEAST FLT_MIN
#endif

/* Sum of squares in float64: eight sums side by side. */
static double sum_of_squares(ptrdiff_t n, const real *restrict a)
{
    double sum[8] = {0};
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += (double)a[i + k] * (double)a[i + k];
    for (; i < n; i++) sum[i & 7] += (double)a[i] * (double)a[i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5]))
        + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* m = beta_1 m + (1 - beta_1) g
   v = beta_2 v + (1 - beta_2) g^2
   p = p - decay p - step m / (sqrt(v) + epsilon),  g = scale gradient */
static void adam_update(
    ptrdiff_t n, real *restrict p, const real *restrict gradient, real *restrict m,
    real *restrict v, const real *restrict decay, real scale, real rate, real step,
    real beta_1, real rest_1, real beta_2, real rest_2, real epsilon)
{
    if (decay)
        for (ptrdiff_t i = 0; i < n; i++) p[i] -= p[i] * decay[i] * rate;
    for (ptrdiff_t i = 0; i < n; i++) {
        const real g = gradient[i] * scale;
        m[i] = m[i] * beta_1 + g * rest_1;
        v[i] = v[i] * beta_2 + g * g * rest_2;
        p[i] -= m[i] / (SQRT(v[i]) + epsilon) * step;
    }
}

/* v = beta_2 v + (1 - beta_2) g^2
   p = p - rate g / (sqrt(v) + epsilon),  g = scale gradient */
static void rmsprop_update(
    ptrdiff_t n, real *restrict p, const real *restrict gradient, real *restrict v,
    real scale, real rate, real beta_2, real rest_2, real epsilon)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const real g = gradient[i] * scale;
        v[i] = v[i] * beta_2 + g * g * rest_2;
        p[i] -= g / (SQRT(v[i]) + epsilon) * rate;
    }
}

/* v = momentum v - rate g;  p = p + v, or with Nesterov p + momentum v - rate g */
static void sgd_update(
    ptrdiff_t n, real *restrict p, const real *restrict gradient, real *restrict v,
    real scale, real rate, real momentum, int nesterov)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const real g = gradient[i] * scale * rate;
        v[i] = v[i] * momentum - g;
        p[i] += nesterov ? v[i] * momentum - g : v[i];
    }
}

#endif
