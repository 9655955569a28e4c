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

/* d_h += rows of C vectors, `units` apart, if there are any. */
INLINE void add_gradients(int R, int C, const real *rows, ptrdiff_t units, vec *d_h)
{
    if (rows)
        for (int r = 0; r < R; r++)
            for (int b = 0; b < C; b++) d_h[r * C + b] += load(rows + r * units + b * LANES);
}

/* R pixels side by side, C vectors of a panel: out = start + x . W + h . W. */
INLINE void window_tile(
    const int R, const int C, const real *start, const window_type *x_window,
    const real *x, const window_type *h_window, const real *h, const real *w, vec *out)
{
    vec acc[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++)
            acc[r * C + b] = start ? load(start + b * LANES) : broadcast(0);
    if (x) w = window_multiply(R, C, acc, x_window, x, w, C * LANES);
    if (h) window_multiply(R, C, acc, h_window, h, w, C * LANES);
    UNROLL for (int b = 0; b < R * C; b++) out[b] = acc[b];
}

/* The same for any tile; what is NULL is zero. */
static __attribute__((noinline)) void window_products(
    int R, int C, const real *start, const window_type *x_window, const real *x,
    const window_type *h_window, const real *h, const real *w, vec *out)
{
#define WINDOW_TILE(R, C) window_tile(R, C, start, x_window, x, h_window, h, w, out)
    FOR_TILE(R, C, WINDOW_TILE)
#undef WINDOW_TILE
}

/* ---- a line of pixels ----------------------------------------------------------- */

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
    vec z[TILE_ROWS * PANEL];
    for (ptrdiff_t block = 0; block < units / LANES; block++) {
        const ptrdiff_t unit = block * LANES;
        const real *wb = w + block * K * PANEL * LANES;
        for (ptrdiff_t m = 0; m < width;) {
            const ptrdiff_t at = m * units + unit;
            const int R = next_pixels(width - m, PANEL);
            window_products(
                R, PANEL, bias + block * PANEL * LANES, x_window,
                x ? x + m * x_window->depth : NULL, h_window,
                h_before ? h_before + m * h_window->depth : NULL, wb, z);
            cell->forward(
                R, 1, z, own + unit, c_before + at,
                kept ? kept + m * PANEL * units + unit : NULL, units, h + at, c + at);
            m += R;
        }
    }
}

/* The same backward. */
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
    vec d_h[TILE_ROWS * PANEL];
    for (ptrdiff_t column = 0; column < units;) {
        const int C = panel_vectors(units / LANES, column / (PANEL * LANES));
        const real *wp = w + window->n * window->K * column;
        for (ptrdiff_t m = 0; m < width;) {
            const ptrdiff_t at = m * units + column;
            const int R = next_pixels(width - m, C);
            window_products(
                R, C, NULL, NULL, NULL, window,
                d_z_after ? d_z_after + m * window->depth : NULL, wp, d_h);
            add_gradients(R, C, d_out ? d_out + at : NULL, units, d_h);
            add_gradients(R, C, d_last ? d_last + at : NULL, units, d_h);
            cell->backward(
                R, C, d_h, own + column, c_before + at, h + at, d_c + at,
                kept + m * PANEL * units + column, units);
            m += R;
        }
        column += C * LANES;
    }
}

/* A convolution alone: out = window . W. */
static void window_line(
    ptrdiff_t width, ptrdiff_t vectors, const window_type *window, const real *line,
    const real *w, /* IN panels (K, <= PANEL * LANES) */
    real *out      /* OUT (width, vectors * LANES) */
)
{
    const ptrdiff_t ldo = vectors * LANES;
    vec y[TILE_ROWS * PANEL];
    for (ptrdiff_t column = 0; column < ldo;) {
        const int C = panel_vectors(vectors, column / (PANEL * LANES));
        const real *wp = w + window->n * window->K * column;
        for (ptrdiff_t m = 0; m < width;) {
            const int R = next_pixels(width - m, C);
            window_products(
                R, C, NULL, NULL, NULL, window, line + m * window->depth, wp, y);
            for (int r = 0; r < R; r++)
                for (int b = 0; b < C; b++)
                    store(out + (m + r) * ldo + column + b * LANES, y[r * C + b]);
            m += R;
        }
        column += C * LANES;
    }
}

#endif
