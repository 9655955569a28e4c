/* Pooling over the steps of a sequence: one step at a time, forward, and the gradient of
   one step, backward. A sequence at a time, so its result depends on nothing else.

   mean        out = sum_t h_t / T
   max         out = max_t h_t
   attention   s_t = w . tanh(h_t),  a = softmax(s),  out = sum_t a_t h_t
               (Zhou et al. 2016), where the softmax is taken as the steps come: with
               m = max_t s_t,  l = sum_t exp(s_t - m),  sum = sum_t exp(s_t - m) h_t
               (Milakov & Gimelshein 2018), so that a step more needs no step again */
#ifndef SKLSTM_POOLING_H
#define SKLSTM_POOLING_H

#include "activations.h"

enum { POOL_MEAN, POOL_MAX, POOL_ATTENTION };
/* What a sequence keeps besides the sum: steps, m, l. */
enum { POOL_STEPS, POOL_LARGEST, POOL_TOTAL, POOL_NORMS };

#define SUMS 16 /* partial sums of a dot product, whatever LANES is */

INLINE real tree_sum(vec *sums)
{
    real sum[SUMS];
    for (int i = 0; i < SUMS / LANES; i++) store(sum + i * LANES, sums[i]);
    for (int half = SUMS / 2; half; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

static real pool_dot(ptrdiff_t width, const real *a, const real *b, int through_tanh)
{
    vec sums[SUMS / LANES];
    for (int i = 0; i < SUMS / LANES; i++) sums[i] = broadcast(0);
    for (ptrdiff_t k = 0; k < width; k += LANES) {
        vec *sum = sums + k / LANES % (SUMS / LANES);
        const vec b_k = through_tanh ? tanh_vec(load(b + k)) : load(b + k);
        *sum = fma_vec(load(a + k), b_k, *sum);
    }
    return tree_sum(sums);
}

/* exp(a) for a <= 0 */
static real pool_exp(real a)
{
    const scaled_exp e = exp_vec(broadcast(-a), -1);
    return fma_vec(e.s, e.r, e.s)[0];
}

static void pool_step(
    int mode, ptrdiff_t width,
    const real *h,    /* IN (width,) */
    const real *w,    /* IN (width,), attention */
    real *sum,        /* IN/OUT (width,) */
    real *norms,      /* IN/OUT (POOL_NORMS,) */
    ptrdiff_t step,   /* number of this row-step */
    ptrdiff_t *where, /* IN/OUT (width,) row-step of the maximum, or NULL */
    real *score       /* OUT s_t, or NULL */
)
{
    norms[POOL_STEPS] += 1;
    if (mode == POOL_MEAN) {
        for (ptrdiff_t k = 0; k < width; k++) sum[k] += h[k];
    } else if (mode == POOL_MAX) {
        for (ptrdiff_t k = 0; k < width; k++)
            if (h[k] > sum[k] || h[k] != h[k]) { /* NaN comes, and stays */
                sum[k] = h[k];
                if (where) where[k] = step;
            }
    } else {
        const real s = pool_dot(width, w, h, 1), before = norms[POOL_LARGEST];
        const real largest = s > before ? s : before;
        const real keep = pool_exp(before - largest), take = pool_exp(s - largest);
        norms[POOL_LARGEST] = largest;
        norms[POOL_TOTAL] = norms[POOL_TOTAL] * keep + take;
        for (ptrdiff_t k = 0; k < width; k += LANES)
            store(sum + k, fma_vec(broadcast(take), load(h + k), load(sum + k) * keep));
        if (score) *score = s;
    }
}

/* d_h_t, and for attention what this step adds to d_w:
   d_s_t = a_t d_out . (h_t - out)
   d_h_t = a_t d_out + d_s_t w (1 - tanh(h_t)^2),  d_w += d_s_t tanh(h_t) */
static void pool_step_back(
    int mode, ptrdiff_t width,
    const real *h, const real *w, const real *norms, ptrdiff_t step,
    const ptrdiff_t *where, real score,
    const real *d_out,  /* IN (width,) */
    real d_out_dot_out, /* d_out . out, attention */
    real *d_h,          /* OUT (width,) */
    real *d_w           /* IN/OUT (width,), attention */
)
{
    if (mode == POOL_MEAN) {
        for (ptrdiff_t k = 0; k < width; k++) d_h[k] = d_out[k] / norms[POOL_STEPS];
    } else if (mode == POOL_MAX) {
        for (ptrdiff_t k = 0; k < width; k++) d_h[k] = where[k] == step ? d_out[k] : 0;
    } else {
        const real a = pool_exp(score - norms[POOL_LARGEST]) / norms[POOL_TOTAL];
        const real d_s = a * (pool_dot(width, d_out, h, 0) - d_out_dot_out);
        for (ptrdiff_t k = 0; k < width; k += LANES) {
            const vec t = tanh_vec(load(h + k));
            const vec d_t = d_s * load(w + k);
            store(
                d_h + k,
                fma_vec(broadcast(a), load(d_out + k),
                        d_t * fma_vec(-t, t, broadcast(1))));
            store(d_w + k, fma_vec(broadcast(d_s), t, load(d_w + k)));
        }
    }
}

#endif
