/* Attention of a decoder's steps to the steps of an encoder: what is no product.

   Of queries q_t and keys k_s with values c_s, at the steps of one sequence:

   dot        e_ts = q_t . k_s                     (Luong et al. 2015; "general" has
   additive   e_ts = v . tanh(q_t + k_s)            multiplied q before)
                                                   (Bahdanau et al. 2015; W and U have
                                                    been multiplied)
   a_ts = exp(e_ts) / sum_s exp(e_ts),  context_t = sum_s a_ts c_s

   Backward, from d_a_ts = d_context_t . c_s:

   d_e_ts = a_ts (d_a_ts - sum_s a_ts d_a_ts)
   additive   d_z_ts = d_e_ts v (1 - tanh(q_t + k_s)^2),  d_q_t = sum_s d_z_ts,
              d_k_s = sum_t d_z_ts,  d_v = sum_ts d_e_ts tanh(q_t + k_s) */
#ifndef SKLSTM_ATTENTION_H
#define SKLSTM_ATTENTION_H

#include "pooling.h"

/* Scores of S steps become weights, which sum up to one; zero behind them up to whole
   vectors. NaN among them makes all NaN. */
static void weights_row(ptrdiff_t S, real *a)
{
    vec sums[SUMS / LANES];
    real largest = a[0];
    for (ptrdiff_t s = 1; s < S; s++)
        if (a[s] > largest || a[s] != a[s]) largest = a[s];
    for (ptrdiff_t s = 0; s < S; s += LANES) {
        const scaled_exp e = exp_vec(broadcast(largest) - load(a + s), -1);
        store(a + s, fma_vec(e.s, e.r, e.s));
    }
    for (ptrdiff_t s = S; s % LANES; s++) a[s] = 0;
    for (int i = 0; i < SUMS / LANES; i++) sums[i] = broadcast(0);
    for (ptrdiff_t s = 0; s < S; s += LANES) sums[s / LANES % (SUMS / LANES)] += load(a + s);
    const vec total = broadcast(tree_sum(sums));
    for (ptrdiff_t s = 0; s < S; s += LANES) store(a + s, load(a + s) / total);
}

/* Weights become the gradient of their scores. */
static void weights_row_back(
    ptrdiff_t S,
    const real *d_a, /* IN (S padded,), zero behind S */
    real *a          /* IN a, OUT d_e (S padded,) */
)
{
    const ptrdiff_t width = (S + LANES - 1) / LANES * LANES;
    const vec mean = broadcast(pool_dot(width, a, d_a, 0));
    for (ptrdiff_t s = 0; s < S; s += LANES)
        store(a + s, load(a + s) * (load(d_a + s) - mean));
}

/* v . tanh(q + k) */
static real additive_score(ptrdiff_t width, const real *q, const real *k, const real *v)
{
    vec sums[SUMS / LANES];
    for (int i = 0; i < SUMS / LANES; i++) sums[i] = broadcast(0);
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        vec *sum = sums + i / LANES % (SUMS / LANES);
        *sum = fma_vec(load(v + i), tanh_vec(load(q + i) + load(k + i)), *sum);
    }
    return tree_sum(sums);
}

static void additive_score_back(
    ptrdiff_t width, const real *q, const real *k, const real *v, real d_e,
    real *d_q, /* IN/OUT (width,), as the others */
    real *d_k, real *d_v)
{
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const vec t = tanh_vec(load(q + i) + load(k + i));
        const vec d_z = d_e * load(v + i) * fma_vec(-t, t, broadcast(1));
        store(d_q + i, load(d_q + i) + d_z);
        store(d_k + i, load(d_k + i) + d_z);
        store(d_v + i, fma_vec(broadcast(d_e), t, load(d_v + i)));
    }
}

static void tanh_row(ptrdiff_t width, real *a)
{
    for (ptrdiff_t i = 0; i < width; i += LANES) store(a + i, tanh_vec(load(a + i)));
}

/* d_y becomes d_z, of y = tanh(z). */
static void tanh_row_back(ptrdiff_t width, const real *y, real *d_y)
{
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const vec t = load(y + i);
        store(d_y + i, load(d_y + i) * fma_vec(-t, t, broadcast(1)));
    }
}

#endif
