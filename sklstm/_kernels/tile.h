/* The register-tile products that every kernel is built on.

   Bits: an element of a product is always ONE chain of fused multiply-adds over k in
   ascending order, whatever the tile that computes it. So a result does not depend on
   the rows beside it, and AVX2, AVX-512 and NEON agree to the bit. This is why k is
   never split and why FMA is written out instead of left to -ffp-contract. */
#ifndef SKLSTM_TILE_H
#define SKLSTM_TILE_H

#include "amx.h"

#if TILES
#define TILE_ROWS 32 /* two tiles of AMX */
#define TILE_TALL 32
#define TILE_WIDE 1
#elif defined(__AVX512F__) || (defined(__ARM_NEON) && defined(__aarch64__))
#define TILE_ROWS 6 /* 6 x 4 accumulators, 6 broadcasts, 1 weight of 32 registers */
#define TILE_TALL 8 /* panels of 1 or 2 vectors: 8 chains at least hide the latency */
#define TILE_WIDE 4 /* one row: 4 panels, so that 16 chains hide the FMA latency */
#elif defined(__AVX2__) && defined(__FMA__)
#define TILE_ROWS 3 /* 3 x 4 accumulators, 3 broadcasts, 1 weight of 16 registers */
#define TILE_TALL 6
#define TILE_WIDE 2
#else
#define TILE_ROWS 2
#define TILE_TALL 4
#define TILE_WIDE 1
#endif

#define PANEL 4 /* most vectors side by side in a panel of packed weights */

/* Vectors in panel p of a matrix of `vectors` vector columns: PANEL but in the last. */
INLINE int panel_vectors(ptrdiff_t vectors, ptrdiff_t p)
{
    ptrdiff_t left = vectors - p * PANEL;
    return (int)(left < PANEL ? left : PANEL);
}

/* Of a panel of `width` vectors those from v on, but none from `last` on. */
INLINE int panel_part(ptrdiff_t v, ptrdiff_t last, int width)
{
    const ptrdiff_t left = last - v, here = width - v % PANEL;
    return (int)(left < here ? left : here);
}

/* ---- the tile: A . W ---------------------------------------------------------- */

/* acc[r, p, c] += sum_k a[r][k] * w[p][k][c] over R rows, P panels, C vectors of each.
   The first C of S accumulators side by side take part. */
INLINE void tile_multiply(
    const int R, const int P, const int C, const int S,
    vec *acc,                /* IN/OUT (R, P, S) vectors, held in registers */
    const operand *const *a, /* IN R rows of K, at equal distances */
    ptrdiff_t K,             /* padded, as operands.h has it */
    const operand *w,        /* IN P panels (K, >= C * LANES) */
    ptrdiff_t ldw,           /* distance of two of their rows */
    ptrdiff_t panel          /* distance of two panels */
)
{
#if TILES
    (void)P, (void)panel;
    multiply_tiles(R, C, S, acc, a[0], R > 1 ? a[1] - a[0] : 0, K, w, ldw);
#elif PAIRED
    multiply_pairs(R, P, C, S, acc, a, K, w, ldw, panel);
#else
    for (ptrdiff_t k = 0; k < K; k++, w += ldw) {
        __asm__("" : "+r"(w));
        vec ak[TILE_TALL];
        UNROLL for (int r = 0; r < R; r++) ak[r] = broadcast(a[r][k]);
        UNROLL for (int p = 0; p < P; p++) {
            UNROLL for (int c = 0; c < C; c++) {
                const vec wk = load(w + p * panel + c * LANES);
                UNROLL for (int r = 0; r < R; r++) {
                    vec *s = acc + (r * P + p) * S + c;
                    *s = fma_vec(ak[r], wk, *s);
                }
            }
        }
    }
#endif
}

/* The most rows of a tile whose panel has C vectors. */
#define TILE_HEIGHT(C) ((C) <= 2 ? TILE_TALL : TILE_ROWS)

/* Rows are cut into tiles of nearly equal height: 16 = 6 + 5 + 5, not 6 + 6 + 4, so
   that a tile of one or two rows, which cannot fill the pipeline, comes only alone. */
INLINE int tile_height(ptrdiff_t rows, int C)
{
#if TILES
    (void)C;
    return (int)(rows < TILE_ROWS ? rows : TILE_ROWS);
#else
    ptrdiff_t tiles = (rows + TILE_HEIGHT(C) - 1) / TILE_HEIGHT(C);
    return (int)((rows + tiles - 1) / tiles);
#endif
}

/* Call TILE(R, C) with constants: R equals `rows`, C is one already. For AMX only C is,
   whose sums are in no registers of the compiler. */
#if TILES
#define FOR_ROWS(rows, C, TILE) TILE(rows, C);
#else
#define TILE_CASE(R, C, TILE)                                                          \
    case R:                                                                            \
        if (R <= TILE_HEIGHT(C)) TILE(R, C);                                           \
        break;
#define FOR_ROWS(rows, C, TILE)                                                        \
    switch (rows) {                                                                    \
        TILE_CASE(1, C, TILE)                                                          \
        TILE_CASE(2, C, TILE)                                                          \
        TILE_CASE(3, C, TILE)                                                          \
        TILE_CASE(4, C, TILE)                                                          \
        TILE_CASE(5, C, TILE)                                                          \
        TILE_CASE(6, C, TILE)                                                          \
        TILE_CASE(7, C, TILE)                                                          \
        TILE_CASE(8, C, TILE)                                                          \
    }
#endif

/* Call TILE(R, C) with constants that equal `rows` and the vectors of the panel. */
#define FOR_TILE(rows, vectors, TILE)                                                  \
    switch (vectors) {                                                                 \
    case 1: FOR_ROWS(rows, 1, TILE) break;                                             \
    case 2: FOR_ROWS(rows, 2, TILE) break;                                             \
    case 3: FOR_ROWS(rows, 3, TILE) break;                                             \
    default: FOR_ROWS(rows, 4, TILE)                                                   \
    }

/* out[m] = bias + a[m] . W over a few rows and C vectors of a panel. */
INLINE void product_tile(
    const int R, const int C, const operand *const *a, ptrdiff_t K, const operand *w,
    ptrdiff_t ldw, const real *bias, real *const *out)
{
    vec acc[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++)
            acc[r * C + c] = bias ? load(bias + c * LANES) : broadcast(0);
    tile_multiply(R, 1, C, C, acc, a, K, w, ldw, 0);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) store(out[r] + c * LANES, acc[r * C + c]);
}

/* out = bias + A . W, rows begin .. end, vectors first .. last of its columns. The rows
   of A are taken through `rows`, or as they lie where it is NULL. */
static void product(
    ptrdiff_t begin, ptrdiff_t end, ptrdiff_t first, ptrdiff_t last,
    const operand *a,      /* IN (., lda) */
    const ptrdiff_t *rows, /* IN (end,) row of A for each row of out, or NULL */
    ptrdiff_t lda, ptrdiff_t K,
    const operand *w,      /* IN panels (K, <= PANEL * LANES) */
    const real *bias,      /* IN (vectors * LANES,) or NULL */
    ptrdiff_t vectors,     /* columns of out, in vectors */
    real *out              /* OUT (end, vectors * LANES) */
)
{
    const ptrdiff_t ldo = vectors * LANES;
    if (begin >= end) return;
    for (ptrdiff_t v = first; v < last;) {
        const ptrdiff_t p = v / PANEL, column = v * LANES;
        const int width = panel_vectors(vectors, p), C = panel_part(v, last, width);
        const operand *wp =
            w + (K * p * PANEL + (v - p * PANEL) * OPERAND_STEP) * LANES;
        const real *bp = bias ? bias + column : NULL;
        const int height = tile_height(end - begin, C);
        for (ptrdiff_t m = begin; m < end; m += height) {
            const operand *ar[TILE_TALL];
            real *outr[TILE_TALL];
            const int R = (int)(end - m < height ? end - m : height);
            for (int r = 0; r < R; r++) {
                ar[r] = a + (rows ? rows[m + r] : m + r) * lda;
                outr[r] = out + (m + r) * ldo + column;
            }
#define PRODUCT_TILE(R, C) product_tile(R, C, ar, K, wp, width * LANES, bp, outr)
            FOR_TILE(R, C, PRODUCT_TILE)
#undef PRODUCT_TILE
        }
        v += C;
    }
}

/* out += A . W over a few rows and one panel of C vectors. */
INLINE void sum_tile(
    const int R, const int C, const operand *const *a, ptrdiff_t K, const operand *w,
    real *const *out)
{
    vec acc[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) acc[r * C + c] = load(out[r] + c * LANES);
    tile_multiply(R, 1, C, C, acc, a, K, w, C * LANES, 0);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) store(out[r] + c * LANES, acc[r * C + c]);
}

/* out += A . W, one panel. */
static void add_product(
    ptrdiff_t n,
    const operand *a, /* IN (n, lda) */
    ptrdiff_t lda, ptrdiff_t K,
    const operand *w, /* IN a panel (K, C * LANES) */
    int C,
    real *out, /* IN/OUT (n, ldo) */
    ptrdiff_t ldo)
{
    if (n == 0) return;
    const int height = tile_height(n, PANEL);
    for (ptrdiff_t m = 0; m < n; m += height) {
        const operand *ar[TILE_TALL];
        real *outr[TILE_TALL];
        const int R = (int)(n - m < height ? n - m : height);
        for (int r = 0; r < R; r++) {
            ar[r] = a + (m + r) * lda;
            outr[r] = out + (m + r) * ldo;
        }
#define SUM_TILE(R, C) sum_tile(R, C, ar, K, w, outr)
        FOR_TILE(R, C, SUM_TILE)
#undef SUM_TILE
    }
}

/* ---- the transposed tile: A' . D ---------------------------------------------- */

/* g[r][c] += sum_m a[m][r] * d[m][c]: R rows of a weight gradient, C vectors wide. A is
   read through `rows`, or as it lies where it is packed. With `ones` the last row is the
   one of the bias, whose column of A holds ones. */
INLINE void outer_tile(
    const int R, const int C, const int ones, const int packed, ptrdiff_t begin,
    ptrdiff_t end, const real *a, const ptrdiff_t *rows, ptrdiff_t lda, const real *d,
    ptrdiff_t ldd, real *const *g)
{
    vec acc[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) acc[r * C + c] = load(g[r] + c * LANES);
    for (ptrdiff_t m = begin; m < end; m++) {
        const real *am = packed ? a + m * (R - ones) : a + rows[m] * lda;
        const real *dm = d + m * ldd;
        vec dc[PANEL];
        /* One register for the row: GCC adds up R addresses, two accumulators spill
           and a fifth of the speed is lost. */
        __asm__("" : "+r"(am));
        UNROLL for (int c = 0; c < C; c++) dc[c] = load(dm + c * LANES);
        UNROLL for (int r = 0; r < R - ones; r++) {
            const vec ak = broadcast(am[r]);
            UNROLL for (int c = 0; c < C; c++)
                acc[r * C + c] = fma_vec(ak, dc[c], acc[r * C + c]);
        }
        if (ones)
            UNROLL for (int c = 0; c < C; c++) acc[(R - 1) * C + c] += dc[c];
    }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) store(g[r] + c * LANES, acc[r * C + c]);
}

/* One panel of columns and K rows of the weight gradient, row-steps begin .. end. */
static void outer(
    ptrdiff_t begin, ptrdiff_t end,
    const real *a,         /* IN (., lda), its first K columns; with rows NULL what
                              outer_pack made of them, and begin is 0 */
    const ptrdiff_t *rows, /* IN (end,) row of A for each row of D, or NULL */
    ptrdiff_t lda, ptrdiff_t K,
    const real *d,         /* IN (end, ldd) */
    ptrdiff_t ldd,
    int C,                 /* vectors in the panel */
    real *g,               /* IN/OUT (K, ldg) */
    ptrdiff_t ldg,
    real *bias             /* IN/OUT (ldg,) sum of D, or NULL */
)
{
    const ptrdiff_t all = K + (bias != NULL);
    if (all == 0) return;
    const int height = tile_height(all, rows ? C : PANEL);
    for (ptrdiff_t k = 0; k < all; k += height) {
        const int R = (int)(all - k < height ? all - k : height);
        const int ones = bias && k + R == all;
        const real *ak = rows ? a + k : a + k * end;
        real *gr[TILE_TALL];
        for (int r = 0; r < R; r++) gr[r] = k + r < K ? g + (k + r) * ldg : bias;
#define OUTER(R, C, ONES)                                                              \
    {                                                                                  \
        if (rows)                                                                      \
            outer_tile(R, C, ONES, 0, begin, end, ak, rows, lda, d, ldd, gr);          \
        else                                                                           \
            outer_tile(R, C, ONES, 1, begin, end, ak, rows, lda, d, ldd, gr);          \
    }
#define OUTER_TILE(R, C) OUTER(R, C, 0)
#define OUTER_ONES(R, C) OUTER(R, C, 1)
        if (ones)
            FOR_TILE(R, C, OUTER_ONES)
        else
            FOR_TILE(R, C, OUTER_TILE)
#undef OUTER_ONES
#undef OUTER_TILE
#undef OUTER
    }
}

/* K columns of A, n row-steps, in the order in which `outer` reads them: tile by tile,
   those of a row-step side by side. `ones` as in outer_tile. */
static void outer_pack(
    ptrdiff_t n, const real *a, const ptrdiff_t *rows, ptrdiff_t lda, ptrdiff_t K,
    int ones, real *packed)
{
    const int height = K + ones ? tile_height(K + ones, PANEL) : 1;
    for (ptrdiff_t m = 0; m < n; m++) {
        const real *am = a + rows[m] * lda;
        for (ptrdiff_t k = 0; k < K; k += height) {
            const int R = (int)(K - k < height ? K - k : height);
            real *to = packed + k * n + m * R;
            if (R == TILE_ROWS) /* as a constant: a move or two */
                memcpy(to, am + k, TILE_ROWS * sizeof *to);
            else
                for (int r = 0; r < R; r++) to[r] = am[k + r];
        }
    }
}

/* A panel of D, n row-steps, without what lies between its rows. */
static void outer_pack_panel(
    ptrdiff_t n, const real *d, ptrdiff_t ldd, int C, real *packed)
{
    for (ptrdiff_t m = 0; m < n; m++)
        for (int c = 0; c < C; c++)
            store(packed + (m * C + c) * LANES, load(d + m * ldd + c * LANES));
}

#endif
