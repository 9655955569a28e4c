/* The recurrent cells: one forward and one backward function each, side by side, and
   the step over a strip of sequences that calls them.

   A cell knows nothing of time, batches or memory. It sees LANES units of one row: the
   forward function gets their pre-activations z, the backward function the gradient of
   h. Notation as in docs/design.md: a prime
   (here _before) marks the time step before, d_z is the gradient of the loss with
   respect to z.

   A new cell is a pair `NAME_forward`, `NAME_backward` and a row in the table of cells
   below. */
#ifndef SKLSTM_CELL_H
#define SKLSTM_CELL_H

#include "tile.h"

/* ---- sigma and tanh ----------------------------------------------------------- */

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

/* ---- LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) ------- */

/* i = sigma(z_i), f = sigma(z_f), g = tanh(z_g), o = sigma(z_o)
   c = f c' + i g
   h = o tanh(c) */
INLINE void lstm_forward(
    const vec z[PANEL],
    const real *h_before, /* IN (LANES,), not used */
    const real *c_before, /* IN (LANES,) */
    real *gates,          /* OUT activated gates, `units` apart, or NULL */
    ptrdiff_t units,
    real *h, /* OUT (LANES,) */
    real *c  /* OUT (LANES,), may be c_before */
)
{
    const vec i = sigmoid_vec(z[0]);
    const vec f = sigmoid_vec(z[1]);
    const vec g = tanh_vec(z[2]);
    const vec o = sigmoid_vec(z[3]);
    const vec c_t = fma_vec(f, load(c_before), i * g);
    (void)h_before;
    store(c, c_t);
    store(h, o * tanh_vec(c_t));
    if (gates) {
        store(gates, i);
        store(gates + units, f);
        store(gates + 2 * units, g);
        store(gates + 3 * units, o);
    }
}

/* d_c = d_c + d_h o (1 - tanh(c)^2)
   d_z_i = d_c g i (1 - i)        d_z_f = d_c c' f (1 - f)
   d_z_g = d_c i (1 - g^2)        d_z_o = d_h tanh(c) o (1 - o)
   d_c'  = d_c f */
INLINE void lstm_backward(
    vec d_h,
    real *d_c,   /* IN/OUT (LANES,) gradient of c, then of c' */
    real *gates, /* IN activated gates, OUT their gradients d_z, `units` apart */
    ptrdiff_t units,
    const real *h,       /* IN (LANES,) */
    const real *c_before /* IN (LANES,) */
)
{
    const vec i = load(gates), f = load(gates + units);
    const vec g = load(gates + 2 * units), o = load(gates + 3 * units);
    const vec tanh_c = load(h) / o; /* o > 0: sigma ends at exp(-87) or exp(-700) */
    const vec d_o = d_h * tanh_c;
    const vec d_c_t =
        fma_vec(d_h * o, fma_vec(-tanh_c, tanh_c, broadcast(1)), load(d_c));
    store(gates, d_c_t * g * fma_vec(-i, i, i));
    store(gates + units, d_c_t * load(c_before) * fma_vec(-f, f, f));
    store(gates + 2 * units, d_c_t * i * fma_vec(-g, g, broadcast(1)));
    store(gates + 3 * units, d_o * fma_vec(-o, o, o));
    store(d_c, d_c_t * f);
}

/* ---- one time step of a strip -------------------------------------------------- */

/* What a tile leaves, rows of blocks of LANES units, is on the stack and so in L1. The
   cell runs over it in a loop of its own, as a function that is not inlined: inlined,
   the compiler keeps the constants of exp_vec in registers through the product, whose
   accumulators then spill (forward took 1.7 times as long at H = 64, F = 16). */
typedef void cell_forward_rows(
    int R, int P, const vec *z, const real *h_before, const real *c_before, real *gates,
    ptrdiff_t units, real *h, real *c);
typedef void cell_backward_rows(
    int R, int C, const vec *d_h, real *d_c, real *gates, ptrdiff_t units,
    const real *h, const real *c_before);

#define CELL_ROWS(NAME)                                                                \
    static __attribute__((noinline)) void NAME##_forward_rows(                         \
        int R, int P, const vec *z, const real *h_before, const real *c_before,        \
        real *gates, ptrdiff_t units, real *h, real *c)                                \
    {                                                                                  \
        for (int r = 0; r < R; r++)                                                    \
            for (int p = 0; p < P; p++) {                                              \
                const ptrdiff_t at = r * units + p * LANES;                            \
                NAME##_forward(                                                        \
                    z + (r * P + p) * PANEL, h_before + at, c_before + at,             \
                    gates ? gates + PANEL * r * units + p * LANES : NULL, units,       \
                    h + at, c + at);                                                   \
            }                                                                          \
    }                                                                                  \
    static __attribute__((noinline)) void NAME##_backward_rows(                        \
        int R, int C, const vec *d_h, real *d_c, real *gates, ptrdiff_t units,         \
        const real *h, const real *c_before)                                           \
    {                                                                                  \
        for (int r = 0; r < R; r++)                                                    \
            for (int b = 0; b < C; b++) {                                              \
                const ptrdiff_t at = r * units + b * LANES;                            \
                NAME##_backward(                                                       \
                    d_h[r * C + b], d_c + at, gates + PANEL * r * units + b * LANES,   \
                    units, h + at, c_before + at);                                     \
            }                                                                          \
    }

CELL_ROWS(lstm)

/* The table of cells: `Recurrent` names a row of it (kernels/__init__.py). */
enum { CELL_LSTM, N_CELLS };
static cell_forward_rows *const cell_forward_of[N_CELLS] = {lstm_forward_rows};
static cell_backward_rows *const cell_backward_of[N_CELLS] = {lstm_backward_rows};

/* R rows, P blocks of LANES units: z = b + W x + R h' in registers, then the cell. With
   x NULL, `start` is b + W x instead of b. */
INLINE void forward_tile(
    int cell, const int R, const int P, const real *const *x, ptrdiff_t F,
    const real *const *h_rows, ptrdiff_t H, const real *w, const real *start,
    ptrdiff_t units, const real *h_before, const real *c_before, real *gates, real *h, real *c)
{
    const ptrdiff_t panel = (F + units) * PANEL * LANES;
    vec acc[TILE_ROWS * PANEL], z[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < P * PANEL; b++)
            acc[r * P * PANEL + b] = load(start + b * LANES);
    if (x) tile_multiply(R, P, PANEL, acc, x, F, w, panel);
    tile_multiply(R, P, PANEL, acc, h_rows, H, w + F * PANEL * LANES, panel);
    UNROLL for (int b = 0; b < R * P * PANEL; b++) z[b] = acc[b];
    cell_forward_of[cell](R, P, z, h_before, c_before, gates, units, h, c);
}

static void forward_step(
    int cell,
    ptrdiff_t n_rows,        /* sequences of the strip that have this step */
    const real *x,           /* IN (., ldx), or NULL where `start` holds its part */
    const ptrdiff_t *x_rows, /* IN (n_rows,) row of x for each sequence */
    ptrdiff_t ldx, ptrdiff_t F,
    const real *w,        /* IN panels (F + units, PANEL * LANES) */
    const real *start,    /* IN (units / LANES, PANEL * LANES) bias; with x NULL, which
                             is for a single row, b + W x */
    ptrdiff_t H,
    ptrdiff_t units,      /* H, padded to a multiple of LANES */
    int reverse,          /* whether to begin with the last units */
    const real *h_before, /* IN (n_rows, units) */
    const real *c_before, /* IN (n_rows, units) */
    real *gates,          /* OUT (n_rows, PANEL, units) or NULL */
    real *h,              /* OUT (n_rows, units), not h_before */
    real *c               /* OUT (n_rows, units), may be c_before */
)
{
    const ptrdiff_t panel = (F + units) * PANEL * LANES, blocks = units / LANES;
    const int height = tile_height(n_rows, PANEL);
    /* A lone row (one sequence: latency) takes several blocks of units at once: two are
       8 chains, four read weights that L1 does not hold in more streams. 100 steps take
       30 and 188 us with two at H = 64 and 128, 35 and 153 with four. */
    const int wide = height > 1 ? 1 : blocks > 4 ? TILE_WIDE : TILE_WIDE > 2 ? 2 : TILE_WIDE;
    const ptrdiff_t groups = (blocks + wide - 1) / wide;
    for (ptrdiff_t i = 0; i < groups; i++) {
        const ptrdiff_t first = (reverse ? groups - 1 - i : i) * wide;
        const ptrdiff_t last = first + wide < blocks ? first + wide : blocks;
        for (ptrdiff_t j = first; j < last;) {
            int P = wide;
            while (P > last - j) P /= 2;
            const real *wj = w + j * panel, *sj = start + j * PANEL * LANES;
            for (ptrdiff_t m = 0; m < n_rows; m += height) {
                const int R = (int)(n_rows - m < height ? n_rows - m : height);
                const ptrdiff_t at = m * units + j * LANES;
                const real *xr[TILE_ROWS], *hr[TILE_ROWS];
                for (int r = 0; r < R; r++) {
                    xr[r] = x ? x + x_rows[m + r] * ldx : NULL;
                    hr[r] = h_before + (m + r) * units;
                }
#define FORWARD_TILE(R, P)                                                             \
    forward_tile(                                                                      \
        cell, R, P, x ? xr : NULL, F, hr, H, wj, sj, units, h_before + at,             \
        c_before + at,                                                                 \
        gates ? gates + m * PANEL * units + j * LANES : NULL, h + at, c + at)
#define ONE_BLOCK(R, C) FORWARD_TILE(R, 1)
                if (P == 4)
                    FORWARD_TILE(1, 4);
                else if (P == 2)
                    FORWARD_TILE(1, 2);
                else
                    FOR_ROWS(R, PANEL, ONE_BLOCK)
#undef ONE_BLOCK
#undef FORWARD_TILE
            }
            j += P;
        }
    }
}

/* z = b + W x for n row-steps, what a lone sequence does ahead: step by step it would
   read W anew for every row. The chain of an element goes on in forward_step. */
static void input_part(
    ptrdiff_t n,
    const real *x,           /* IN (., ldx) */
    const ptrdiff_t *x_rows, /* IN (n,) */
    ptrdiff_t ldx, ptrdiff_t F,
    const real *w,    /* IN panels (F + units, PANEL * LANES) */
    const real *bias, /* IN (units / LANES, PANEL * LANES) */
    ptrdiff_t units,
    real *z /* OUT (n, units / LANES, PANEL * LANES) */
)
{
    const int height = tile_height(n, PANEL);
    for (ptrdiff_t j = 0; j < units / LANES; j++) {
        const real *wj = w + j * (F + units) * PANEL * LANES;
        const real *bj = bias + j * PANEL * LANES;
        for (ptrdiff_t m = 0; m < n; m += height) {
            const int R = (int)(n - m < height ? n - m : height);
            const real *xr[TILE_ROWS];
            real *zr[TILE_ROWS];
            for (int r = 0; r < R; r++) {
                xr[r] = x + x_rows[m + r] * ldx;
                zr[r] = z + ((m + r) * units + j * LANES) * PANEL;
            }
#define INPUT_TILE(R, C) product_tile(R, PANEL, xr, F, wj, bj, zr)
            FOR_ROWS(R, PANEL, INPUT_TILE)
#undef INPUT_TILE
        }
    }
}

/* R rows, C vectors of units: d_h = d_out + d_z(t + 1) R', then the cell. The rows of
   d_z_after are moved on from gate to gate, past the padding. */
INLINE void backward_tile(
    int cell, const int R, const int C, const real **d_z_after, ptrdiff_t H,
    const real *w, ptrdiff_t units, const real *const *d_out, const real *const *d_last,
    real *d_c, real *gates, const real *h, const real *c_before)
{
    vec acc[TILE_ROWS * PANEL], d_h[TILE_ROWS * PANEL];
    UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
    if (d_z_after && H == units)
        tile_multiply(R, 1, C, acc, d_z_after, PANEL * units, w, 0);
    else if (d_z_after)
        for (int g = 0; g < PANEL; g++) {
            tile_multiply(R, 1, C, acc, d_z_after, H, w + g * units * C * LANES, 0);
            UNROLL for (int r = 0; r < R; r++) d_z_after[r] += units;
        }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++) {
            vec sum = acc[r * C + b];
            if (d_out) sum += load(d_out[r] + b * LANES);
            if (d_last) sum += load(d_last[r] + b * LANES);
            d_h[r * C + b] = sum;
        }
    cell_backward_of[cell](R, C, d_h, d_c, gates, units, h, c_before);
}

/* Rows begin .. end of a strip at one time step. Either all of them go on at the next
   step (d_z_after is given) or all of them end here (d_last may be given). */
static void backward_step(
    int cell, ptrdiff_t begin, ptrdiff_t end,
    const real *d_z_after, /* IN (n_rows, PANEL * units) or NULL */
    const real *w,         /* IN panels (PANEL * units, <= PANEL * LANES) of R' */
    ptrdiff_t H, ptrdiff_t units,
    const real *d_out,      /* IN (n_rows, units) from the layer above, or NULL */
    const real *d_last,     /* IN (., units) gradient of the last h, or NULL */
    const ptrdiff_t *order, /* IN (n_rows,) row of d_last for each row */
    real *d_c,              /* IN/OUT (n_rows, units) */
    real *gates,            /* IN/OUT (n_rows, PANEL, units) */
    const real *h,          /* IN (n_rows, units) */
    const real *c_before    /* IN (n_rows, units) */
)
{
    if (begin >= end) return;
    for (ptrdiff_t p = 0; p * PANEL * LANES < units; p++) {
        const int C = panel_vectors(units / LANES, p);
        const int height = tile_height(end - begin, C);
        const ptrdiff_t column = p * PANEL * LANES;
        const real *wp = w + PANEL * units * column;
        for (ptrdiff_t m = begin; m < end; m += height) {
            const int R = (int)(end - m < height ? end - m : height);
            const ptrdiff_t at = m * units + column;
            const real *after[TILE_TALL], *above[TILE_TALL], *last[TILE_TALL];
            for (int r = 0; r < R; r++) {
                after[r] = d_z_after ? d_z_after + (m + r) * PANEL * units : NULL;
                above[r] = d_out ? d_out + (m + r) * units + column : NULL;
                last[r] = d_last ? d_last + order[m + r] * units + column : NULL;
            }
#define BACKWARD_TILE(R, C)                                                            \
    backward_tile(                                                                     \
        cell, R, C, d_z_after ? after : NULL, H, wp, units, d_out ? above : NULL,      \
        d_last ? last : NULL, d_c + at, gates + m * PANEL * units + column, h + at,    \
        c_before + at)
            FOR_TILE(R, C, BACKWARD_TILE)
#undef BACKWARD_TILE
        }
    }
}

#endif
