/* The choice of a token: of its most probable, or at random by the Gumbel-max trick. */
#ifndef SKLSTM_SAMPLING_H
#define SKLSTM_SAMPLING_H

#include "philox.h"
#include "softmax.h"

/* From here on down the most probable token is taken, without noise. */
#define COLD 1e-3

typedef struct {
    double temperature;
    ptrdiff_t top_k;  /* V for all */
    double top_p;     /* 1 for all */
    const unsigned char *allowed; /* (V,) */
    uint64_t seed;
} sampling_type;

/* -log(-log u) of four tokens side by side, of a sample (`stream`) at a step. */
static void gumbel_noise(
    uint64_t seed, uint64_t stream, ptrdiff_t step, ptrdiff_t four, double *noise)
{
    uint32_t c[4] = {
        (uint32_t)four, (uint32_t)step, (uint32_t)stream, (uint32_t)(stream >> 32)};
    philox_rounds(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    for (int i = 0; i < 4; i++) {
        const double u = ((double)c[i] + 0.5) * 0x1p-32;
        noise[i] = -log(-log(u));
    }
}

/* Whether token i comes before token j: more probable, or of a lower id. */
static inline int is_before(const double *log_p, ptrdiff_t i, ptrdiff_t j)
{
    return log_p[i] > log_p[j] || (log_p[i] == log_p[j] && i < j);
}

/* The heap of n tokens from place i on down. */
static void sift(const double *log_p, ptrdiff_t *heap, ptrdiff_t n, ptrdiff_t i)
{
    const ptrdiff_t token = heap[i];
    for (ptrdiff_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(log_p, heap[child + 1], heap[child])) child++;
        if (is_before(log_p, token, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = token;
}

/* The next token of a heap in falling order, which goes behind the n - 1 others. */
static ptrdiff_t pop(const double *log_p, ptrdiff_t *heap, ptrdiff_t n)
{
    const ptrdiff_t first = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = first;
    if (n > 1) sift(log_p, heap, n - 1, 0);
    return first;
}

/* Of n tokens those of top_k and top_p: behind `heap`, the first at its end; their
   number. */
static ptrdiff_t most_probable(
    const sampling_type *how, const double *log_p, double *mass, ptrdiff_t *heap,
    ptrdiff_t n)
{
    const ptrdiff_t k = how->top_k < n ? how->top_k : n;
    const int by_mass = how->top_p < 1;
    ptrdiff_t kept = 0;
    double total = 0, reached = 0, largest = -INFINITY;
    /* in the order of ids, before they are a heap */
    for (ptrdiff_t i = 0; i < n && by_mass; i++)
        if (log_p[heap[i]] > largest) largest = log_p[heap[i]];
    for (ptrdiff_t i = 0; i < n && by_mass; i++) {
        const ptrdiff_t token = heap[i];
        mass[token] = exp((log_p[token] - largest) / how->temperature);
        if (k == n) total += mass[token];
    }
    for (ptrdiff_t i = n / 2; i--;) sift(log_p, heap, n, i);
    if (k < n) {
        for (; kept < k; kept++) {
            const ptrdiff_t token = pop(log_p, heap, n - kept);
            if (by_mass) total += mass[token];
        }
        if (!by_mass) return k;
        for (kept = 0; kept < k && (kept == 0 || reached < how->top_p * total); kept++)
            reached += mass[heap[n - 1 - kept]];
        return kept;
    }
    for (; kept < n && (kept == 0 || reached < how->top_p * total); kept++)
        reached += mass[pop(log_p, heap, n - kept)];
    return kept;
}

/* A token by the outputs z of a row; `log_p` is memory for 2 V numbers. */
static ptrdiff_t choose_token(
    const sampling_type *how, const real *z, ptrdiff_t width, ptrdiff_t V,
    uint64_t stream, ptrdiff_t step, double *log_p, ptrdiff_t *heap)
{
    ptrdiff_t best = -1, n = 0, four = -1;
    double noise[4], most = 0;
    log_softmax_row(z, width, V, log_p);
    if (how->temperature <= COLD) {
        for (ptrdiff_t i = 0; i < V; i++)
            if (how->allowed[i] && (best < 0 || log_p[i] > log_p[best])) best = i;
        return best;
    }
    for (ptrdiff_t i = 0; i < V; i++)
        if (how->allowed[i]) heap[n++] = i;
    const int all = how->top_k >= n && how->top_p >= 1;
    const ptrdiff_t kept = all ? n : most_probable(how, log_p, log_p + V, heap, n);
    for (ptrdiff_t i = 0; i < kept; i++) {
        const ptrdiff_t token = heap[n - kept + i];
        if (token / 4 != four) {
            four = token / 4;
            gumbel_noise(how->seed, stream, step, four, noise);
        }
        const double value = log_p[token] / how->temperature + noise[token % 4];
        if (best < 0 || value > most || (value == most && token < best)) {
            best = token;
            most = value;
        }
    }
    return best;
}

#endif
