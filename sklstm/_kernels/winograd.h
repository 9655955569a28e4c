/* Convolutions with fewer products (Winograd 1980; Lavin & Gray 2016).

   m outputs of a kernel of r taps along an axis need n = m + r - 1 products, not m r:

     y = A' ((G g) . (B' d))      d: n inputs, g: r taps, y: m outputs
     d_g = G' ((A d_y) . (B' d))

   where . is element by element. With both axes of a frame so, a tile of m_y x m_x pixels
   has S = n_y n_x positions, at each of which the sum over channels is a product of the
   same matrices as before, whose rows are tiles. The points at which polynomials meet
   are 0, +-1, +-2, +-1/2 and infinity. Pixels outside of a frame are zero, also those of
   a tile that hangs over its edge: a pixel depends on nothing but its tile.

   Kernels of 3 x 3 taps have tiles of 4 x 4 pixels, 36 products for 144; those of 5 x 5
   have 2 x 4 pixels, 48 products for 200. */
#ifndef SKLSTM_WINOGRAD_H
#define SKLSTM_WINOGRAD_H

#include "conv.h"

#define MOST_POSITIONS 48
#define MOST_TILE_PIXELS 16

/* Outputs and taps along an axis. */
enum { AXIS_4_3, AXIS_2_5, AXIS_4_5 };
#define AXIS_OUTPUTS(axis) ((axis) == AXIS_2_5 ? 2 : 4)
#define AXIS_TAPS(axis) ((axis) == AXIS_4_3 ? 3 : 5)
#define AXIS_POINTS(axis) ((axis) == AXIS_4_5 ? 8 : 6)

typedef struct {
    int kernel;   /* taps along both axes */
    int m_y, m_x; /* pixels of a tile */
    int n_y, n_x; /* positions */
} tiling_type;

static const tiling_type tilings[] = {{3, 4, 4, 6, 6}, {5, 2, 4, 6, 8}};
enum { N_TILINGS = sizeof tilings / sizeof *tilings };

/* Call what follows with the axes of a tiling as constants. */
#define FOR_AXES(tiling, CALL)                                                         \
    if ((tiling)->kernel == 3)                                                         \
        CALL(AXIS_4_3, AXIS_4_3);                                                      \
    else                                                                               \
        CALL(AXIS_2_5, AXIS_4_5);

/* ---- along one axis ------------------------------------------------------------ */

/* B' d of elements `step` apart. */
INLINE void axis_inputs(const int axis, const vec *d, const int step, vec *out)
{
    if (AXIS_POINTS(axis) == 6) {
        const vec d0 = d[0], d1 = d[step], d2 = d[2 * step];
        const vec d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
        const vec even = d4 - 4 * d2, odd = d3 - 4 * d1;
        const vec second = d4 - d2, first = 2 * (d3 - d1);
        out[0] = 4 * d0 - 5 * d2 + d4;
        out[1] = even + odd;
        out[2] = even - odd;
        out[3] = second + first;
        out[4] = second - first;
        out[5] = 4 * d1 - 5 * d3 + d5;
    } else {
        const vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
        const vec d4 = d[4 * step], d5 = d[5 * step], d6 = d[6 * step];
        const vec d7 = d[7 * step];
        const vec even_1 = d2 - (real)4.25 * d4 + d6, odd_1 = d1 - (real)4.25 * d3 + d5;
        const vec even_2 = (real)0.25 * d2 - (real)1.25 * d4 + d6;
        const vec odd_2 = (real)0.5 * d1 - (real)2.5 * d3 + 2 * d5;
        const vec even_3 = 4 * d2 - 5 * d4 + d6;
        const vec odd_3 = 2 * d1 - (real)2.5 * d3 + (real)0.5 * d5;
        out[0] = d0 - (real)5.25 * (d2 - d4) - d6;
        out[1] = even_1 + odd_1;
        out[2] = even_1 - odd_1;
        out[3] = even_2 + odd_2;
        out[4] = even_2 - odd_2;
        out[5] = even_3 + odd_3;
        out[6] = even_3 - odd_3;
        out[7] = (real)5.25 * (d3 - d5) - d1 + d7;
    }
}

/* A' p of products `step` apart. */
INLINE void axis_outputs(const int axis, const vec *p, const int step, vec *out, int to)
{
    const vec even_1 = p[step] + p[2 * step], odd_1 = p[step] - p[2 * step];
    const vec even_2 = p[3 * step] + p[4 * step], odd_2 = p[3 * step] - p[4 * step];
    if (axis == AXIS_4_5) {
        const vec even_3 = p[5 * step] + p[6 * step], odd_3 = p[5 * step] - p[6 * step];
        out[0] = p[0] + even_1 + even_2 + even_3;
        out[to] = odd_1 + 2 * odd_2 + (real)0.5 * odd_3;
        out[2 * to] = even_1 + 4 * even_2 + (real)0.25 * even_3;
        out[3 * to] = odd_1 + 8 * odd_2 + (real)0.125 * odd_3 + p[7 * step];
    } else if (axis == AXIS_4_3) {
        out[0] = p[0] + even_1 + even_2;
        out[to] = odd_1 + 2 * odd_2;
        out[2 * to] = even_1 + 4 * even_2;
        out[3 * to] = odd_1 + 8 * odd_2 + p[5 * step];
    } else {
        out[0] = p[0] + even_1 + even_2;
        out[to] = odd_1 + 2 * odd_2 + p[5 * step];
    }
}

/* A d_y of gradients `step` apart. */
INLINE void axis_gradients(const int axis, const vec *d, const int step, vec *out)
{
    const vec d0 = d[0], d1 = d[step];
    if (axis == AXIS_2_5) {
        out[0] = d0;
        out[1] = d0 + d1;
        out[2] = d0 - d1;
        out[3] = d0 + 2 * d1;
        out[4] = d0 - 2 * d1;
        out[5] = d1;
        return;
    }
    const vec d2 = d[2 * step], d3 = d[3 * step];
    const vec even_1 = d0 + d2, odd_1 = d1 + d3;
    const vec even_2 = d0 + 4 * d2, odd_2 = 2 * d1 + 8 * d3;
    out[0] = d0;
    out[1] = even_1 + odd_1;
    out[2] = even_1 - odd_1;
    out[3] = even_2 + odd_2;
    out[4] = even_2 - odd_2;
    if (axis == AXIS_4_3)
        out[5] = d3;
    else {
        const vec even_3 = d0 + (real)0.25 * d2;
        const vec odd_3 = (real)0.5 * d1 + (real)0.125 * d3;
        out[5] = even_3 + odd_3;
        out[6] = even_3 - odd_3;
        out[7] = d3;
    }
}

/* G (n, r) of an axis. */
static void axis_taps(int axis, real g[8][5])
{
    static const real points[] = {0, 1, -1, 2, -2, 0.5, -0.5};
    static const real six[] = {1 / (real)4, -1 / (real)6, -1 / (real)6, 1 / (real)24,
                               1 / (real)24};
    static const real eight[] = {1, -2 / (real)9, -2 / (real)9, 1 / (real)90,
                                 1 / (real)90, 32 / (real)45, 32 / (real)45};
    const int n = AXIS_POINTS(axis), r = AXIS_TAPS(axis);
    for (int k = 0; k < n; k++) {
        real power = k == n - 1 ? 0 : n == 6 ? six[k] : eight[k];
        for (int j = 0; j < r; j++) {
            g[k][j] = k < n - 1 ? power : j == r - 1;
            power *= k < n - 1 ? points[k] : 0;
        }
    }
}

/* ---- a tile -------------------------------------------------------------------- */

/* The frame that tiles are of, and how its pixels lie. */
typedef struct {
    ptrdiff_t height, width;
    const real *first;      /* pixel (0, 0) */
    ptrdiff_t line, depth;  /* distance of lines, of pixels */
    ptrdiff_t parts, inner; /* parts of a pixel, and the distance of two */
    ptrdiff_t used;         /* numbers of each that count */
} image_type;

/* From one position to the next, where each has n numbers: an odd number of cache lines,
   since so many positions of a power of two apart would meet in few sets of L1. */
INLINE ptrdiff_t positions_apart(ptrdiff_t n)
{
    const ptrdiff_t a_line = 64 / (ptrdiff_t)sizeof(real);
    return ((n + a_line - 1) / a_line | 1) * a_line;
}

/* As many numbers of a row as there are, up to LANES. */
INLINE void store_some(real *a, vec v, ptrdiff_t n)
{
    if (n >= LANES)
        store(a, v);
    else
        memcpy(a, &v, n * sizeof *a);
}

/* Pixels of a window of rows x columns that begins at (y, x), zero outside. */
INLINE void load_window(
    const image_type *image, ptrdiff_t y, ptrdiff_t x, const int rows, const int columns,
    ptrdiff_t offset, ptrdiff_t n, vec *out)
{
    const real *first = image->first + y * image->line + x * image->depth + offset;
    if (n >= LANES && y >= 0 && x >= 0 && y + rows <= image->height
        && x + columns <= image->width) { /* as most are */
        for (int i = 0; i < rows; i++)
            UNROLL for (int j = 0; j < columns; j++)
                out[i * columns + j] = load(first + i * image->line + j * image->depth);
        return;
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            const int inside = y + i >= 0 && y + i < image->height && x + j >= 0
                && x + j < image->width;
            out[i * columns + j] = inside
                ? load_some(first + i * image->line + j * image->depth, n)
                : broadcast(0);
        }
}

/* Tiles first .. end of a frame, `across` in a line of them: B' d at every position,
   tile t of them all at row t - first. With `gradients` A d_y, of outputs. */
INLINE void tiles_inputs(
    const int axis_y, const int axis_x, const image_type *image, ptrdiff_t across,
    ptrdiff_t first, ptrdiff_t end, const int gradients,
    real *out,       /* OUT (S, ., parts * used) */
    ptrdiff_t apart) /* distance of two positions */
{
    const int n_y = AXIS_POINTS(axis_y), n_x = AXIS_POINTS(axis_x);
    const int m_y = AXIS_OUTPUTS(axis_y), m_x = AXIS_OUTPUTS(axis_x);
    const int before = (AXIS_TAPS(axis_y) - 1) / 2;
    const ptrdiff_t width = image->parts * image->used;
    for (ptrdiff_t t = first; t < end; t++) {
        const ptrdiff_t y = t / across * m_y, x = t % across * m_x;
        for (ptrdiff_t part = 0; part < image->parts; part++)
            for (ptrdiff_t c = 0; c < image->used; c += LANES) {
                const ptrdiff_t n = image->used - c, offset = part * image->inner + c;
                real *to = out + (t - first) * width + part * image->used + c;
                vec d[64], rows[64], v[8];
                if (gradients) {
                    load_window(image, y, x, m_y, m_x, offset, n, d);
                    UNROLL for (int i = 0; i < m_y; i++)
                        axis_gradients(axis_x, d + i * m_x, 1, rows + i * n_x);
                } else {
                    load_window(
                        image, y - before, x - before, n_y, n_x, offset, n, d);
                    UNROLL for (int i = 0; i < n_y; i++)
                        axis_inputs(axis_x, d + i * n_x, 1, rows + i * n_x);
                }
                for (int j = 0; j < n_x; j++) {
                    if (gradients)
                        axis_gradients(axis_y, rows + j, n_x, v);
                    else
                        axis_inputs(axis_y, rows + j, n_x, v);
                    UNROLL for (int i = 0; i < n_y; i++)
                        store_some(to + (i * n_x + j) * apart, v[i], n);
                }
            }
    }
}

static void winograd_inputs(
    const tiling_type *tiling, const image_type *image, ptrdiff_t across, ptrdiff_t first,
    ptrdiff_t end, real *out, ptrdiff_t apart)
{
#define TILES_INPUTS(Y, X) tiles_inputs(Y, X, image, across, first, end, 0, out, apart)
    FOR_AXES(tiling, TILES_INPUTS)
#undef TILES_INPUTS
}

/* The same of gradients of outputs: A d_y. */
static void winograd_gradients(
    const tiling_type *tiling, const image_type *image, ptrdiff_t across, ptrdiff_t first,
    ptrdiff_t end, real *out, ptrdiff_t apart)
{
#define TILES_GRADIENTS(Y, X)                                                          \
    tiles_inputs(Y, X, image, across, first, end, 1, out, apart)
    FOR_AXES(tiling, TILES_GRADIENTS)
#undef TILES_GRADIENTS
}

/* ---- products at every position ------------------------------------------------ */

/* Of R tiles, one panel of C vectors: p[s][r][c] = x W_s + h R_s. */
INLINE void tiles_products(
    const int R, const int C, ptrdiff_t S, const real *x, ptrdiff_t F, const real *h,
    ptrdiff_t H, ptrdiff_t n_tiles, const real *w, vec *p)
{
    const ptrdiff_t x_apart = positions_apart(n_tiles * F);
    const ptrdiff_t h_apart = positions_apart(n_tiles * H);
    for (ptrdiff_t s = 0; s < S; s++) {
        const operand *a[TILE_TALL];
        vec acc[TILE_ROWS * PANEL];
        UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
        if (x) {
            UNROLL for (int r = 0; r < R; r++)
                a[r] = (const operand *)(x + s * x_apart + r * F);
            tile_multiply(R, 1, C, C, acc, a, F, (const operand *)w, C * LANES, 0);
        }
        w += F * C * LANES;
        if (h) {
            UNROLL for (int r = 0; r < R; r++)
                a[r] = (const operand *)(h + s * h_apart + r * H);
            tile_multiply(R, 1, C, C, acc, a, H, (const operand *)w, C * LANES, 0);
        }
        w += H * C * LANES;
        UNROLL for (int b = 0; b < R * C; b++) p[s * R * C + b] = acc[b];
    }
}

/* The same for any R and C. */
static __attribute__((noinline)) void winograd_products(
    int R, int C, ptrdiff_t S, const real *x, ptrdiff_t F, const real *h, ptrdiff_t H,
    ptrdiff_t n_tiles, const real *w, vec *p)
{
#define TILES_PRODUCTS(R, C) tiles_products(R, C, S, x, F, h, H, n_tiles, w, p)
    FOR_TILE(R, C, TILES_PRODUCTS)
#undef TILES_PRODUCTS
}

/* Pixels of one tile: out[pixel][c] = A' p of every vector. */
INLINE void tile_outputs(
    const int axis_y, const int axis_x, const vec *p, int apart, int C, vec *out)
{
    const int n_y = AXIS_POINTS(axis_y), n_x = AXIS_POINTS(axis_x);
    const int m_x = AXIS_OUTPUTS(axis_x);
    for (int c = 0; c < C; c++) {
        vec rows[8 * 4];
        UNROLL for (int i = 0; i < n_y; i++)
            axis_outputs(axis_x, p + i * n_x * apart + c, apart, rows + i * m_x, 1);
        UNROLL for (int j = 0; j < m_x; j++)
            axis_outputs(axis_y, rows + j, m_x, out + j * C + c, m_x * C);
    }
}

static __attribute__((noinline)) void winograd_outputs(
    const tiling_type *tiling, const vec *p, int apart, int C, vec *out)
{
#define TILE_OUTPUTS(Y, X) tile_outputs(Y, X, p, apart, C, out)
    FOR_AXES(tiling, TILE_OUTPUTS)
#undef TILE_OUTPUTS
}

/* Some tiles of a frame, t of them all at row t - first. */
typedef struct {
    const tiling_type *tiling;
    ptrdiff_t height, width; /* of the frame */
    ptrdiff_t across;        /* tiles in a line of them */
    ptrdiff_t first, end;
} tiles_type;

/* Of a tile the pixels of line i that are in the frame: how many, and (y, x). */
INLINE int tile_line(
    const tiles_type *tiles, ptrdiff_t t, int i, ptrdiff_t *y, ptrdiff_t *x)
{
    const int m_x = tiles->tiling->m_x;
    *y = t / tiles->across * tiles->tiling->m_y + i;
    *x = t % tiles->across * m_x;
    if (*y >= tiles->height) return 0;
    return (int)(tiles->width - *x < m_x ? tiles->width - *x : m_x);
}

/* Some tiles of a frame, of a cell of four gates. */
static void winograd_forward(
    const cell_type *cell, const tiles_type *tiles, ptrdiff_t units,
    const real *x, ptrdiff_t F, /* IN (S, tiles, F), or NULL */
    const real *h_before, ptrdiff_t H, /* IN (S, tiles, H), or NULL: zero */
    const real *w,        /* IN (units / LANES, S, F + H, PANEL * LANES) */
    const real *bias,     /* IN (units / LANES, PANEL * LANES) */
    const real *own,      /* IN (n_own, units) */
    const real *c_before, /* IN (height, width, units) */
    real *kept, ptrdiff_t kept_line, /* OUT lines of (width, PANEL, units), or NULL */
    real *h, ptrdiff_t h_line,       /* OUT lines of (width, units) */
    real *c               /* OUT (height, width, units), may be c_before */
)
{
    const tiling_type *tiling = tiles->tiling;
    const ptrdiff_t S = tiling->n_y * tiling->n_x, n = tiles->end - tiles->first;
    vec p[MOST_POSITIONS * TILE_ROWS * PANEL], z[MOST_TILE_PIXELS * PANEL];
    for (ptrdiff_t block = 0; block < units / LANES; block++) {
        const ptrdiff_t unit = block * LANES;
        const real *wb = w + block * S * (F + H) * PANEL * LANES;
        const real *start = bias + block * PANEL * LANES;
        for (ptrdiff_t m = 0; m < n;) {
            const int R = next_pixels(n - m, PANEL);
            winograd_products(
                R, PANEL, S, x ? x + m * F : NULL, F, h_before ? h_before + m * H : NULL,
                H, n, wb, p);
            for (int r = 0; r < R; r++) {
                winograd_outputs(tiling, p + r * PANEL, R * PANEL, PANEL, z);
                for (int i = 0; i < tiling->m_y * tiling->m_x; i++)
                    UNROLL for (int b = 0; b < PANEL; b++)
                        z[i * PANEL + b] += load(start + b * LANES);
                for (int i = 0; i < tiling->m_y; i++) {
                    ptrdiff_t y, left;
                    const int pixels =
                        tile_line(tiles, tiles->first + m + r, i, &y, &left);
                    const ptrdiff_t at = (y * tiles->width + left) * units + unit;
                    if (pixels)
                        cell->forward(
                            pixels, 1, z + i * tiling->m_x * PANEL, own + unit,
                            c_before + at,
                            kept ? kept + y * kept_line + left * PANEL * units + unit
                                 : NULL,
                            units, h + y * h_line + left * units + unit, c + at);
                }
            }
            m += R;
        }
    }
}

/* Some tiles of a frame, backward. */
static void winograd_backward(
    const cell_type *cell, const tiles_type *tiles, ptrdiff_t units,
    const real *d_z_after, ptrdiff_t K, /* IN (S, tiles, K), or NULL at the last step */
    const real *w,      /* IN panels (S, K, <= PANEL * LANES) of R' */
    const real *d_out,  /* IN (height, width, units), or NULL */
    const real *d_last, /* IN the same, or NULL */
    const real *own, const real *c_before, const real *h, ptrdiff_t h_line,
    real *d_c,          /* IN/OUT (height, width, units) */
    real *kept, ptrdiff_t kept_line)
{
    const tiling_type *tiling = tiles->tiling;
    const ptrdiff_t S = tiling->n_y * tiling->n_x, n = tiles->end - tiles->first;
    vec p[MOST_POSITIONS * TILE_ROWS * PANEL], d_h[MOST_TILE_PIXELS * PANEL];
    for (ptrdiff_t column = 0; column < units;) {
        const int C = panel_vectors(units / LANES, column / (PANEL * LANES));
        const real *wp = w + S * K * column;
        for (ptrdiff_t m = 0; m < n;) {
            const int R = next_pixels(n - m, C);
            if (d_z_after)
                winograd_products(R, C, S, NULL, 0, d_z_after + m * K, K, n, wp, p);
            for (int r = 0; r < R; r++) {
                if (d_z_after)
                    winograd_outputs(tiling, p + r * C, R * C, C, d_h);
                else
                    for (int b = 0; b < tiling->m_y * tiling->m_x * C; b++)
                        d_h[b] = broadcast(0);
                for (int i = 0; i < tiling->m_y; i++) {
                    ptrdiff_t y, left;
                    const int pixels =
                        tile_line(tiles, tiles->first + m + r, i, &y, &left);
                    const ptrdiff_t at = (y * tiles->width + left) * units + column;
                    vec *own_d_h = d_h + i * tiling->m_x * C;
                    if (!pixels) continue;
                    add_gradients(pixels, C, d_out ? d_out + at : NULL, units, own_d_h);
                    add_gradients(
                        pixels, C, d_last ? d_last + at : NULL, units, own_d_h);
                    cell->backward(
                        pixels, C, own_d_h, own + column, c_before + at,
                        h + y * h_line + left * units + column, d_c + at,
                        kept + y * kept_line + left * PANEL * units + column, units);
                }
            }
            m += R;
        }
        column += C * LANES;
    }
}

/* Some tiles of a frame: out = window . W, without margins. */
static void winograd_convolution(
    const tiles_type *tiles, ptrdiff_t vectors, const real *d_z, ptrdiff_t K,
    const real *w, /* IN panels (S, K, <= PANEL * LANES) */
    real *out      /* OUT (height, width, vectors * LANES) */
)
{
    const tiling_type *tiling = tiles->tiling;
    const ptrdiff_t S = tiling->n_y * tiling->n_x, n = tiles->end - tiles->first;
    const ptrdiff_t ldo = vectors * LANES;
    vec p[MOST_POSITIONS * TILE_ROWS * PANEL], y_tile[MOST_TILE_PIXELS * PANEL];
    for (ptrdiff_t column = 0; column < ldo;) {
        const int C = panel_vectors(vectors, column / (PANEL * LANES));
        const real *wp = w + S * K * column;
        for (ptrdiff_t m = 0; m < n;) {
            const int R = next_pixels(n - m, C);
            winograd_products(R, C, S, NULL, 0, d_z + m * K, K, n, wp, p);
            for (int r = 0; r < R; r++) {
                winograd_outputs(tiling, p + r * C, R * C, C, y_tile);
                for (int i = 0; i < tiling->m_y; i++) {
                    ptrdiff_t y, left;
                    const int pixels =
                        tile_line(tiles, tiles->first + m + r, i, &y, &left);
                    for (int j = 0; j < pixels; j++)
                        for (int b = 0; b < C; b++)
                            store(
                                out + (y * tiles->width + left + j) * ldo + column
                                    + b * LANES,
                                y_tile[(i * tiling->m_x + j) * C + b]);
                }
            }
            m += R;
        }
        column += C * LANES;
    }
}
/* ---- weights ------------------------------------------------------------------- */

/* What every tap counts for at position s: G g G'. */
static void winograd_factors(const tiling_type *tiling, int s, real *factors)
{
    real y[8][5], x[8][5];
    axis_taps(tiling->kernel == 3 ? AXIS_4_3 : AXIS_2_5, y);
    axis_taps(tiling->kernel == 3 ? AXIS_4_3 : AXIS_4_5, x);
    for (int i = 0; i < tiling->kernel; i++)
        for (int j = 0; j < tiling->kernel; j++)
            factors[i * tiling->kernel + j] = y[s / tiling->n_x][i] * x[s % tiling->n_x][j];
}

/* out += sum_i factors[i] a[i], of n numbers each that begin `apart`. */
INLINE void add_rows_times(
    int n_rows, const real *factors, const real *a, ptrdiff_t apart, ptrdiff_t n, real *out)
{
    for (int i = 0; i < n_rows; i++)
        if (factors[i] != 0)
            for (ptrdiff_t k = 0; k < n; k++) out[k] += factors[i] * a[i * apart + k];
}

#endif
