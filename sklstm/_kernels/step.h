/* One time step of a strip of sequences, forward and backward: a product in registers,
   then the cell over what it leaves. */
#ifndef SKLSTM_STEP_H
#define SKLSTM_STEP_H

#include "cells.h"
#include "tile.h"

/* Panels of packed weights hold as many blocks of LANES units as fill PANEL vectors. */
INLINE int panel_blocks(const int slots) { return PANEL / slots; }

/* R rows, P panels, S slots of each: z = b + W x + R h' in registers, then the cell.
   With x NULL, `start` is b + W x instead of b. */
INLINE void forward_tile(
    const cell_type *cell, const int gates, const int slots, const int R, const int P,
    const int S, const operand *const *x, ptrdiff_t F, const operand *const *h_rows,
    ptrdiff_t H, const operand *w, ptrdiff_t ldw, ptrdiff_t panel, const real *start,
    ptrdiff_t units, const real *own, const real *c_before, real *kept, real *h, real *c)
{
    const int C = S / slots * gates;
    vec acc[TILE_ROWS * PANEL], z[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < P * S; b++)
            acc[r * P * S + b] = load(start + b * LANES);
    if (x) tile_multiply(R, P, C, S, acc, x, F, w, ldw, panel);
    tile_multiply(
        R, P, C, S, acc + slots - gates, h_rows, H, w + F * ldw, ldw, panel);
    UNROLL for (int b = 0; b < R * P * S; b++) z[b] = acc[b];
    cell->forward(R, P * S / slots, z, own, c_before, kept, units, h, c);
}

/* forward_step for cells of so many gates and slots, which are constants. */
INLINE void forward_panels(
    const cell_type *cell, const int gates, const int slots, ptrdiff_t begin,
    ptrdiff_t end, ptrdiff_t n_rows, const operand *x, const ptrdiff_t *x_rows,
    ptrdiff_t ldx, ptrdiff_t F, const operand *w, const real *start, ptrdiff_t H,
    ptrdiff_t units, int reverse, const real *own, const operand *h_before,
    const real *c_before, real *kept, real *h, real *c)
{
    const int full = panel_blocks(slots);
    const ptrdiff_t ldh = operand_width(units), blocks = units / LANES;
    const ptrdiff_t panel = (F + ldh) * full * gates * LANES;
    const ptrdiff_t panels = (end - begin + full - 1) / full;
    /* A lone row (one sequence: latency) takes several panels at once: two are 8
       chains, four read weights that L1 does not hold in more streams. 100 steps of an
       LSTM take 30 and 188 us with two at H = 64 and 128, 35 and 153 with four. */
    const int wide = n_rows > 1 ? 1 : panels > 4 ? TILE_WIDE : TILE_WIDE > 2 ? 2 : TILE_WIDE;
    const ptrdiff_t group = wide * full, low = begin / group, high = (end - 1) / group;
    for (ptrdiff_t i = low; i <= high; i++) {
        const ptrdiff_t g = reverse ? low + high - i : i;
        const ptrdiff_t last = (g + 1) * group < end ? (g + 1) * group : end;
        for (ptrdiff_t block = g * group > begin ? g * group : begin; block < last;) {
            const ptrdiff_t j = block / full, offset = block % full;
            const ptrdiff_t width = blocks - j * full < full ? blocks - j * full : full;
            const ptrdiff_t ldw = width * gates * LANES;
            const ptrdiff_t left = last - block, here = width - offset;
            const int S = (full == 1 ? 1 : (int)(left < here ? left : here)) * slots;
            int P = wide;
            while (P > 1 && (offset || P * full > left)) P /= 2;
            const int height = tile_height(n_rows, S);
            const operand *wj = w + j * panel + offset * gates * LANES * OPERAND_STEP;
            const real *sj = start + block * slots * LANES;
            for (ptrdiff_t m = 0; m < n_rows; m += height) {
                const int R = (int)(n_rows - m < height ? n_rows - m : height);
                const ptrdiff_t at = m * units + block * LANES;
                const operand *xr[TILE_TALL], *hr[TILE_TALL];
                for (int r = 0; r < R; r++) {
                    xr[r] = x ? x + (x_rows ? x_rows[m + r] : m + r) * ldx : NULL;
                    hr[r] = h_before + (m + r) * ldh;
                }
#define FORWARD_TILE(R, P, S)                                                          \
    forward_tile(                                                                      \
        cell, gates, slots, R, P, S, x ? xr : NULL, F, hr, H, wj, ldw, panel, sj,      \
        units, own + block * LANES, c_before + at,                                     \
        kept ? kept + m * slots * units + block * LANES : NULL, h + at, c + at)
#define ONE_PANEL(R, S)                                                                \
    if ((S) % slots == 0) FORWARD_TILE(R, 1, S)
                if (P == 4)
                    FORWARD_TILE(1, 4, full * slots);
                else if (P == 2)
                    FORWARD_TILE(1, 2, full * slots);
                else
                    FOR_TILE(R, S, ONE_PANEL)
#undef ONE_PANEL
#undef FORWARD_TILE
            }
            block += P > 1 ? P * full : S / slots;
        }
    }
}

/* One time step of a strip, of the units of blocks begin .. end. */
static void forward_step(
    const cell_type *cell, ptrdiff_t begin, ptrdiff_t end,
    ptrdiff_t n_rows,        /* sequences of the strip that have this step */
    const operand *x,        /* IN (., ldx), or NULL where `start` holds its part */
    const ptrdiff_t *x_rows, /* IN (n_rows,) row of x for each sequence, or NULL */
    ptrdiff_t ldx, ptrdiff_t F, /* F and H as operands.h pads them */
    const operand *w,     /* IN panels of F + operand_width(units) rows */
    const real *start,    /* IN (units / LANES, slots * LANES) bias; with x NULL, which
                             is for a single row, b + W x */
    ptrdiff_t H,
    ptrdiff_t units,      /* H, padded to a multiple of LANES */
    int reverse,          /* whether to begin with the last units */
    const real *own,      /* IN (n_own, units) parameters of the cell itself */
    const operand *h_before, /* IN (n_rows, operand_width(units)) what R is multiplied
                                with */
    const real *c_before, /* IN (n_rows, units) */
    real *kept,           /* OUT (n_rows, slots, units) or NULL */
    real *h,              /* OUT (n_rows, units), not h_before */
    real *c               /* OUT (n_rows, units), may be c_before */
)
{
#define FORWARD_PANELS(GATES, SLOTS)                                                   \
    forward_panels(                                                                    \
        cell, GATES, SLOTS, begin, end, n_rows, x, x_rows, ldx, F, w, start, H, units, \
        reverse, own, h_before, c_before, kept, h, c)
    if (begin >= end) return;
    if (cell->gates == 4)
        FORWARD_PANELS(4, 4);
    else if (cell->gates == 3)
        FORWARD_PANELS(3, 4);
    else
        FORWARD_PANELS(1, 1);
#undef FORWARD_PANELS
}

/* z = b + W x of the units of blocks begin .. end for n row-steps, what a lone sequence
   does ahead: step by step it would read W anew for every row. The chain of an element
   goes on in forward_step. */
static void input_part(
    const cell_type *cell, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t n,
    const operand *x,        /* IN (., ldx) */
    const ptrdiff_t *x_rows, /* IN (n,), or NULL */
    ptrdiff_t ldx, ptrdiff_t F,
    const operand *w, /* IN panels of F + operand_width(units) rows */
    const real *bias, /* IN (units / LANES, slots * LANES) */
    ptrdiff_t units,
    real *z /* OUT (n, units / LANES, slots * LANES) */
)
{
    const int slots = cell->slots, gates = cell->gates, full = panel_blocks(slots);
    const ptrdiff_t blocks = units / LANES;
    for (ptrdiff_t block = begin; block < end;) {
        const ptrdiff_t j = block / full, offset = block % full;
        const ptrdiff_t width = blocks - j * full < full ? blocks - j * full : full;
        const ptrdiff_t left = end - block, here = width - offset;
        const int part = (int)(left < here ? left : here), C = part * gates;
        const int height = tile_height(n, C);
        const ptrdiff_t ldw = width * gates * LANES;
        const operand *wj = w
            + (j * full * (F + operand_width(units)) + offset * OPERAND_STEP)
                * gates * LANES;
        const real *bj = bias + block * slots * LANES;
        for (ptrdiff_t m = 0; m < n; m += height) {
            const int R = (int)(n - m < height ? n - m : height);
            const operand *xr[TILE_TALL];
            real *zr[TILE_TALL];
            for (int r = 0; r < R; r++) {
                xr[r] = x + (x_rows ? x_rows[m + r] : m + r) * ldx;
                zr[r] = z + ((m + r) * units + block * LANES) * slots;
                for (int s = gates; s < slots; s++)
                    store(zr[r] + s * LANES, load(bj + s * LANES));
            }
#define INPUT_TILE(R, C) product_tile(R, C, xr, F, wj, ldw, bj, zr)
            FOR_TILE(R, C, INPUT_TILE)
#undef INPUT_TILE
        }
        block += part;
    }
}

/* R rows, C vectors of units: d_h = d_out + d_z(t + 1) R', then the cell. The rows of
   d_z_after are moved on from gate to gate, past the padding. */
INLINE void backward_tile(
    const cell_type *cell, const int R, const int C, const operand **d_z_after,
    ptrdiff_t H, const operand *w, ptrdiff_t ldw, ptrdiff_t units, const real *const *mask,
    const real *const *d_out, const real *const *d_last, const real *own,
    const real *c_before, const real *h, real *d_c, real *kept)
{
    const int gates = cell->gates;
    vec acc[TILE_ROWS * PANEL], d_h[TILE_ROWS * PANEL];
    UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
    if (d_z_after && (ROUNDED || H == units)) /* in rounded rows the padding is zero */
        tile_multiply(
            R, 1, C, C, acc, d_z_after, operand_width(gates * units), w, ldw, 0);
    else if (d_z_after)
        for (int g = 0; g < gates; g++) {
            tile_multiply(R, 1, C, C, acc, d_z_after, H, w + g * units * ldw, ldw, 0);
            UNROLL for (int r = 0; r < R; r++) d_z_after[r] += units;
        }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < C; b++) {
            vec sum = acc[r * C + b];
            if (mask) sum *= load(mask[r] + b * LANES);
            if (d_out) sum += load(d_out[r] + b * LANES);
            if (d_last) sum += load(d_last[r] + b * LANES);
            d_h[r * C + b] = sum;
        }
    cell->backward(R, C, d_h, own, c_before, h, d_c, kept, units);
}

/* Rows begin .. end of a strip at one time step, of the units of blocks first .. last.
   Either all of the rows go on at the next step (d_z_after is given) or all of them end
   here (d_last may be given). */
static void backward_step(
    const cell_type *cell, ptrdiff_t first, ptrdiff_t last, ptrdiff_t begin,
    ptrdiff_t end,
    const operand *d_z_after, /* IN (n_rows, ldz), those of R h' first, or NULL */
    ptrdiff_t ldz,
    const operand *w, /* IN panels (operand_width(gates * units), <= PANEL * LANES) of R' */
    ptrdiff_t H, ptrdiff_t units,
    const real *d_out,      /* IN (n_rows, units) from the layer above, or NULL */
    const real *mask,       /* IN (., units) what h' was multiplied with, or NULL */
    const real *d_last,     /* IN (., units) gradient of the last h, or NULL */
    const ptrdiff_t *order, /* IN (n_rows,) row of mask and d_last for each row */
    const real *own,        /* IN (n_own, units) */
    const real *c_before,   /* IN (n_rows, units) */
    const real *h,          /* IN (n_rows, units) */
    real *d_c,              /* IN/OUT (n_rows, units) */
    real *kept              /* IN/OUT (n_rows, slots, units) */
)
{
    const ptrdiff_t row = cell->slots * units;
    const ptrdiff_t K = operand_width(cell->gates * units);
    if (begin >= end) return;
    for (ptrdiff_t v = first; v < last;) {
        const ptrdiff_t p = v / PANEL, column = v * LANES;
        const int width = panel_vectors(units / LANES, p), C = panel_part(v, last, width);
        const int height = tile_height(end - begin, C);
        const ptrdiff_t offset = column - p * PANEL * LANES, ldw = width * LANES;
        const operand *wp = w + K * (column - offset) + offset * OPERAND_STEP;
        for (ptrdiff_t m = begin; m < end; m += height) {
            const int R = (int)(end - m < height ? end - m : height);
            const ptrdiff_t at = m * units + column;
            const operand *after[TILE_TALL];
            const real *above[TILE_TALL], *ending[TILE_TALL];
            const real *masks[TILE_TALL];
            for (int r = 0; r < R; r++) {
                after[r] = d_z_after ? d_z_after + (m + r) * ldz : NULL;
                masks[r] = mask ? mask + order[m + r] * units + column : NULL;
                above[r] = d_out ? d_out + (m + r) * units + column : NULL;
                ending[r] = d_last ? d_last + order[m + r] * units + column : NULL;
            }
#define BACKWARD_TILE(R, C)                                                            \
    backward_tile(                                                                     \
        cell, R, C, d_z_after ? after : NULL, H, wp, ldw, units, mask ? masks : NULL,  \
        d_out ? above : NULL, d_last ? ending : NULL, own + column, c_before + at,     \
        h + at, d_c + at, kept + m * row + column)
            FOR_TILE(R, C, BACKWARD_TILE)
#undef BACKWARD_TILE
        }
        v += C;
    }
}

#endif
