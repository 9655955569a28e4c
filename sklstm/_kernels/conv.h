/* Convolutions over planes: frames of pixels, channels last, with margins of zeros.

   A convolution is a sum over the taps of its kernel of products A . W, whose rows of A
   are the pixels a tap away. The pixels of a line lie side by side, so that the taps of a
   line of the kernel are one stretch of memory, and the rows of a tile, pixels side by
   side themselves, overlap: nothing is copied. So an element is one chain over lines,
   taps and channels. */
#ifndef SKLSTM_CONV_H
#define SKLSTM_CONV_H

#include "cells.h"
#include "tile.h"

/* What a pixel is computed of: stretches of the numbers around it. */
typedef struct {
    ptrdiff_t depth;         /* numbers of a pixel in memory */
    const ptrdiff_t *pieces; /* (n,) where each begins, as seen from the pixel */
    ptrdiff_t n, K;          /* so many of so many numbers */
} window_type;

/* acc += A . W over R pixels side by side; returns where the weights end. */
INLINE const real *window_multiply(
    const int R, const int C, vec *acc, const window_type *window, const real *pixel,
    const real *w, ptrdiff_t ldw)
{
    for (ptrdiff_t i = 0; i < window->n; i++) {
        const operand *a[TILE_TALL];
        UNROLL for (int r = 0; r < R; r++)
            a[r] = (const operand *)(pixel + window->pieces[i] + r * window->depth);
        tile_multiply(R, 1, C, C, acc, a, window->K, (const operand *)w, ldw, 0);
        w += window->K * ldw;
    }
    return w;
}

/* Of `left` pixels of a line those of the next tile, all of nearly the same size. */
INLINE int next_pixels(ptrdiff_t left, int C)
{
    const ptrdiff_t tiles = (left + TILE_HEIGHT(C) - 1) / TILE_HEIGHT(C);
    return (int)((left + tiles - 1) / tiles);
}

/* ---- a line of pixels, forward ------------------------------------------------- */

INLINE void conv_forward_tile(
    const cell_type *cell, const int R, const window_type *x_window, const real *x,
    const window_type *h_window, const real *h_before, const real *w, const real *start,
    ptrdiff_t units, const real *own, const real *c_before, real *kept, real *h, real *c)
{
    const int C = PANEL;
    vec acc[TILE_ROWS * PANEL], z[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++) acc[r * C + b] = load(start + b * LANES);
    if (x) w = window_multiply(R, C, acc, x_window, x, w, C * LANES);
    if (h_before) window_multiply(R, C, acc, h_window, h_before, w, C * LANES);
    UNROLL for (int b = 0; b < R * C; b++) z[b] = acc[b];
    cell->forward(R, 1, z, own, c_before, kept, units, h, c);
}

/* The pixels of a line of one frame, of a cell of four gates. */
static void conv_forward_line(
    const cell_type *cell, ptrdiff_t width, ptrdiff_t units, const window_type *x_window,
    const real *x, /* IN the line of x, or NULL where there is no input */
    const window_type *h_window,
    const real *h_before, /* IN the line of h', or NULL where it is zero */
    const real *w,        /* IN (units / LANES, K of x and of h', PANEL * LANES) */
    const real *bias,     /* IN (units / LANES, PANEL * LANES) */
    const real *own,      /* IN (n_own, units) */
    const real *c_before, /* IN (width, units) */
    real *kept,           /* OUT (width, PANEL, units) or NULL */
    real *h,              /* OUT (width, units) */
    real *c               /* OUT (width, units), may be c_before */
)
{
    const ptrdiff_t K = x_window->n * x_window->K + h_window->n * h_window->K;
    for (ptrdiff_t block = 0; block < units / LANES; block++) {
        const ptrdiff_t unit = block * LANES;
        const real *wb = w + block * K * PANEL * LANES;
        const real *start = bias + block * PANEL * LANES;
        for (ptrdiff_t m = 0; m < width;) {
            const int R = next_pixels(width - m, PANEL);
#define CONV_FORWARD_TILE(R, C)                                                        \
    conv_forward_tile(                                                                 \
        cell, R, x_window, x ? x + m * x_window->depth : NULL, h_window,               \
        h_before ? h_before + m * h_window->depth : NULL, wb, start, units, own + unit,                  \
        c_before + m * units + unit, kept ? kept + m * PANEL * units + unit : NULL,    \
        h + m * units + unit, c + m * units + unit)
            FOR_ROWS(R, PANEL, CONV_FORWARD_TILE)
#undef CONV_FORWARD_TILE
            m += R;
        }
    }
}

/* ---- a line of pixels, backward ------------------------------------------------ */

INLINE void conv_backward_tile(
    const cell_type *cell, const int R, const int C, const window_type *window,
    const real *d_z_after, const real *w, const real *d_out, const real *d_last,
    const real *own, const real *c_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    vec acc[TILE_ROWS * PANEL], d_h[TILE_ROWS * PANEL];
    UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
    if (d_z_after) window_multiply(R, C, acc, window, d_z_after, w, C * LANES);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++) {
            vec sum = acc[r * C + b];
            if (d_out) sum += load(d_out + r * units + b * LANES);
            if (d_last) sum += load(d_last + r * units + b * LANES);
            d_h[r * C + b] = sum;
        }
    cell->backward(R, C, d_h, own, c_before, h, d_c, kept, units);
}

/* The pixels of a line of one frame. */
static void conv_backward_line(
    const cell_type *cell, ptrdiff_t width, ptrdiff_t units, const window_type *window,
    const real *d_z_after, /* IN the line of d_z of the next step, NULL at the last */
    const real *w,         /* IN panels (K, <= PANEL * LANES) of R' */
    const real *d_out,     /* IN (width, units) from the layer above, or NULL */
    const real *d_last,    /* IN (width, units) gradient of the last h, or NULL */
    const real *own, const real *c_before, const real *h, /* as in forward */
    real *d_c,             /* IN/OUT (width, units) */
    real *kept             /* IN/OUT (width, PANEL, units) */
)
{
    for (ptrdiff_t column = 0; column < units;) {
        const int C = panel_vectors(units / LANES, column / (PANEL * LANES));
        const real *wp = w + window->n * window->K * column;
        for (ptrdiff_t m = 0; m < width;) {
            const ptrdiff_t at = m * units + column;
            const int R = next_pixels(width - m, C);
#define CONV_BACKWARD_TILE(R, C)                                                       \
    conv_backward_tile(                                                                \
        cell, R, C, window, d_z_after ? d_z_after + m * window->depth : NULL, wp,      \
        d_out ? d_out + at : NULL, d_last ? d_last + at : NULL, own + column,          \
        c_before + at, h + at, d_c + at, kept + m * PANEL * units + column, units)
            FOR_TILE(R, C, CONV_BACKWARD_TILE)
#undef CONV_BACKWARD_TILE
            m += R;
        }
        column += C * LANES;
    }
}

/* ---- a convolution alone ------------------------------------------------------- */

INLINE void window_tile(
    const int R, const int C, const window_type *window, const real *pixel, const real *w,
    ptrdiff_t ldo, real *out)
{
    vec acc[TILE_ROWS * PANEL];
    UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
    window_multiply(R, C, acc, window, pixel, w, C * LANES);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++)
            store(out + r * ldo + b * LANES, acc[r * C + b]);
}

/* The pixels of a line: out = window . W. */
static void window_line(
    ptrdiff_t width, ptrdiff_t vectors, const window_type *window, const real *line,
    const real *w, /* IN panels (K, <= PANEL * LANES) */
    real *out      /* OUT (width, vectors * LANES) */
)
{
    const ptrdiff_t ldo = vectors * LANES;
    for (ptrdiff_t column = 0; column < ldo;) {
        const int C = panel_vectors(vectors, column / (PANEL * LANES));
        const real *wp = w + window->n * window->K * column;
        for (ptrdiff_t m = 0; m < width;) {
            const int R = next_pixels(width - m, C);
#define WINDOW_TILE(R, C)                                                              \
    window_tile(R, C, window, line + m * window->depth, wp, ldo, out + m * ldo + column)
            FOR_TILE(R, C, WINDOW_TILE)
#undef WINDOW_TILE
            m += R;
        }
        column += C * LANES;
    }
}

#endif
