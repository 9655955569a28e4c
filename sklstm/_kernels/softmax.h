/* Softmax over the outputs of a row, of a vocabulary: many. */
#ifndef SKLSTM_SOFTMAX_H
#define SKLSTM_SOFTMAX_H

#include <math.h>

#include "pooling.h"

/* Sums are of SUMS chains (pooling.h) side by side, whatever the vectors: element i is in
   chain i % SUMS. So all instruction sets have the same bits. */
/* Elements of a chain that are added up as they are, before their sum is added in
   float64. */
#define SHORT_SUM 32
/* What outputs that there are not begin with: far below all others. */
#define NO_OUTPUT ((real)-1e30)

/* The largest of whole vectors; NaN is among them if it is at the end of a chain. */
static real largest_of(const real *z, ptrdiff_t width)
{
    vec most = load(z);
    for (ptrdiff_t i = LANES; i < width; i += LANES) {
        const vec zi = load(z + i);
        const ivec larger = (ivec)(zi > most);
        most = (vec)((larger & (ivec)zi) | (~larger & (ivec)most));
    }
    real all = most[0];
    for (int i = 1; i < LANES; i++) all = most[i] > all ? most[i] : all;
    return all;
}

/* exp(z - largest) */
INLINE vec exp_below(vec z, vec largest)
{
    const scaled_exp e = exp_vec(z - largest, 1);
    return fma_vec(e.s, e.r, e.s);
}

/* log sum_i exp(z_i) of a row whose memory ends with NO_OUTPUT; its exponentials relative
   to the largest and their sum for those who ask for them. */
static double log_sum_exp(
    const real *z, ptrdiff_t width, real *exponentials, double *total)
{
    const real largest = largest_of(z, width);
    const vec below = broadcast(largest);
    double sums[SUMS] = {0};
    for (ptrdiff_t begin = 0; begin < width; begin += SUMS * SHORT_SUM) {
        ptrdiff_t end = begin + SUMS * SHORT_SUM;
        vec some[SUMS / LANES];
        UNROLL for (int k = 0; k < SUMS / LANES; k++) some[k] = broadcast(0);
        if (end > width) end = width;
        for (ptrdiff_t i = begin; i < end; i += SUMS)
            UNROLL for (int k = 0; k < SUMS / LANES; k++) {
                const ptrdiff_t j = i + k * LANES;
                if (j < end) {
                    const vec e = exp_below(load(z + j), below);
                    if (exponentials) store(exponentials + j, e);
                    some[k] += e;
                }
            }
        UNROLL for (int k = 0; k < SUMS / LANES; k++)
            for (int lane = 0; lane < LANES; lane++)
                sums[k * LANES + lane] += (double)some[k][lane];
    }
    for (int half = SUMS / 2; half; half /= 2)
        for (int k = 0; k < half; k++) sums[k] += sums[k + half];
    if (total) *total = sums[0];
    return (double)largest + log(sums[0]);
}

/* log p of one output; where `scale` is not NULL, z becomes the gradient of -scale log p:
   scale (p - 1 [this output]). */
static double softmax_row(
    real *z, ptrdiff_t width, ptrdiff_t output, const double *scale)
{
    const double chosen = (double)z[output];
    double total;
    const double log_total = log_sum_exp(z, width, scale ? z : NULL, &total);
    if (scale) {
        const vec factor = broadcast((real)(*scale / total));
        for (ptrdiff_t i = 0; i < width; i += LANES) store(z + i, load(z + i) * factor);
        z[output] -= (real)*scale;
    }
    return chosen - log_total;
}

/* log p of all n outputs. */
static void log_softmax_row(
    const real *z, ptrdiff_t width, ptrdiff_t n, double *log_p)
{
    const double log_total = log_sum_exp(z, width, NULL, NULL);
    for (ptrdiff_t i = 0; i < n; i++) log_p[i] = (double)z[i] - log_total;
}

#endif
