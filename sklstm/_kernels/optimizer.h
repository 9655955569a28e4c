/* Passes over the flat parameter vector: one for the norm, one for a step.

   Plain loops, which the compiler turns into vectors; without contraction to FMA, so
   that all instruction sets give the same bits. Where a sum is needed its order is
   fixed: partial sums of UPDATE_CHUNK elements, whoever computes them. */
#ifndef SKLSTM_OPTIMIZER_H
#define SKLSTM_OPTIMIZER_H

#include <float.h>
#include <math.h>
#include "vectors.h"

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

/* A step: the vectors, the numbers of its rule, and the rule for elements begin .. end. */
typedef struct update {
    void (*rule)(const struct update *, ptrdiff_t begin, ptrdiff_t end);
    real *p;
    const real *gradient;
    real *m, *v;
    const real *decay; /* or NULL */
    real scale, rate, step, momentum, beta_1, rest_1, beta_2, rest_2, epsilon;
    int nesterov;
} update;

/* m = beta_1 m + (1 - beta_1) g
   v = beta_2 v + (1 - beta_2) g^2
   p = p - decay p - step m / (sqrt(v) + epsilon),  g = scale gradient */
static void adam(const update *u, ptrdiff_t begin, ptrdiff_t end)
{
    const update s = *u;
    real *restrict p = s.p, *restrict m = s.m, *restrict v = s.v;
    const real *restrict gradient = s.gradient, *restrict decay = s.decay;
    if (decay)
        for (ptrdiff_t i = begin; i < end; i++) p[i] -= p[i] * decay[i] * s.rate;
    for (ptrdiff_t i = begin; i < end; i++) {
        const real g = gradient[i] * s.scale;
        m[i] = m[i] * s.beta_1 + g * s.rest_1;
        v[i] = v[i] * s.beta_2 + g * g * s.rest_2;
        p[i] -= m[i] / (SQRT(v[i]) + s.epsilon) * s.step;
    }
}

/* v = beta_2 v + (1 - beta_2) g^2
   p = p - rate g / (sqrt(v) + epsilon),  g = scale gradient */
static void rmsprop(const update *u, ptrdiff_t begin, ptrdiff_t end)
{
    const update s = *u;
    real *restrict p = s.p, *restrict v = s.v;
    const real *restrict gradient = s.gradient;
    for (ptrdiff_t i = begin; i < end; i++) {
        const real g = gradient[i] * s.scale;
        v[i] = v[i] * s.beta_2 + g * g * s.rest_2;
        p[i] -= g / (SQRT(v[i]) + s.epsilon) * s.rate;
    }
}

/* v = momentum v - rate g;  p = p + v, or with Nesterov p + momentum v - rate g */
static void sgd(const update *u, ptrdiff_t begin, ptrdiff_t end)
{
    const update s = *u;
    real *restrict p = s.p, *restrict v = s.v;
    const real *restrict gradient = s.gradient;
    for (ptrdiff_t i = begin; i < end; i++) {
        const real g = gradient[i] * s.scale * s.rate;
        v[i] = v[i] * s.momentum - g;
        p[i] += s.nesterov ? v[i] * s.momentum - g : v[i];
    }
}

#endif
