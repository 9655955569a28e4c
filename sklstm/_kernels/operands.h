/* The operands of products A . W: numbers as they are, or rounded to bfloat16.

   A bfloat16 number is the upper half of a float32 one: 8 bits of exponent, 7 of the
   mantissa. Kernels built with SKLSTM_BFLOAT16 round the operands of a product to it and
   keep its sums in float32. Three kinds compute that, by the flags of an extension
   (setup.py):

   plain  operands are float32 numbers whose lower half is zero, and the tile is that of
          all others: a product of two of them is exact, FMA rounds the sums alone
   pairs  AVX512-BF16: vdpbf16ps adds two products to each of 16 sums
   tiles  AMX: tdpbf16ps adds 32 products to each of 16 x 16 sums (amx.h)

   Bits: an element of a product is a fixed sequence of operations over k in ascending
   order, whatever is beside it. The three kinds group that sequence differently, and so
   differ in the last bits.

   Layout. A has rows of K operands, K padded with zeros to a multiple of OPERAND_BLOCK; W
   has panels (K / OPERAND_STEP, C, LANES, OPERAND_STEP) padded alike: k and k + 1 of a
   column are side by side, as both instructions read them. So row k of a panel begins at
   k * C * LANES in all of them, if k is a multiple of OPERAND_STEP, and column j of it at
   j * OPERAND_STEP. The gradient of weights X' D is such a product too: A is X', W is D,
   and k are the row-steps of a chunk. */
#ifndef SKLSTM_OPERANDS_H
#define SKLSTM_OPERANDS_H

#include "vectors.h"

#ifdef SKLSTM_BFLOAT16
#define ROUNDED 1
#else
#define ROUNDED 0
#endif

#if ROUNDED && (defined(__AMX_BF16__) || defined(SKLSTM_EMULATE_TILES))
#define TILES 1
#define PAIRED 1
#define OPERAND_BLOCK 32 /* a row of a tile */
#define OPERAND_SLACK 15 /* rows of A behind the last one, which a tile reads too */
#elif ROUNDED && defined(__AVX512BF16__)
#define TILES 0
#define PAIRED 1
#define OPERAND_BLOCK 2
#define OPERAND_SLACK 0
#else
#define TILES 0
#define PAIRED 0
#define OPERAND_BLOCK 1
#define OPERAND_SLACK 0
#endif
#define OPERAND_STEP (1 + PAIRED)
#define LEAST_ROWS (TILES ? 16 : 1) /* of a strip: a tile multiplies as many anyway */
/* Products that are added up in the time of one float32 vector of them; those of AMX as
   they come from L2, not by the manual. */
#define PRODUCT_SPEED (TILES ? 6 : OPERAND_STEP)
/* Rows of a weight gradient that are computed together: whole tiles of 6 or 3 rows, and
   rounded ones are whole vectors of X too. */
#define OUTER_ROWS (ROUNDED ? 48 : 24)

#if PAIRED
typedef uint16_t operand;
#else
typedef real operand;
#endif

/* Operands in memory of a row of n numbers. */
INLINE ptrdiff_t operand_width(ptrdiff_t n)
{
    return (n + OPERAND_BLOCK - 1) / OPERAND_BLOCK * OPERAND_BLOCK;
}

/* The first n of LANES numbers, zero behind. */
INLINE vec load_some(const real *a, ptrdiff_t n)
{
    real some[LANES] = {0};
    if (n >= LANES) return load(a);
    for (ptrdiff_t i = 0; i < n; i++) some[i] = a[i];
    return load(some);
}

/* ---- rounding ----------------------------------------------------------------- */

#if ROUNDED

typedef uint32_t uvec __attribute__((vector_size(VECTOR_BYTES)));

/* The nearest bfloat16 number, of two the even one, as the upper half of each lane;
   NaN is a quiet NaN and a denormal is zero, as the instructions have it. */
INLINE uvec rounded_bits(vec a)
{
    const uvec u = (uvec)a, size = u & 0x7fffffffu;
    const uvec nan = (uvec)(size > (uvec){0} + 0x7f800000u);
    const uvec normal = (uvec)(size >= (uvec){0} + 0x00800000u);
    const uvec nearest = u + 0x7fffu + ((u >> 16) & 1u);
    const uvec finite = (nearest & normal) | (u & 0x80000000u);
    return ((nan & (u | 0x00400000u)) | (~nan & finite)) & 0xffff0000u;
}

/* LANES numbers as operands. */
INLINE void store_operands(operand *out, vec a)
{
#if PAIRED && defined(__AVX512BF16__)
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)a);
    memcpy(out, &rounded, sizeof rounded);
#elif PAIRED
    const uvec rounded = rounded_bits(a) >> 16;
    UNROLL for (int i = 0; i < LANES; i++) out[i] = (operand)rounded[i];
#else
    store(out, (vec)rounded_bits(a));
#endif
}

#endif

/* Whole vectors of numbers as a part of a row of A. */
static void round_part(const real *a, ptrdiff_t n, operand *out)
{
#if ROUNDED
    for (ptrdiff_t i = 0; i < n; i += LANES) store_operands(out + i, load(a + i));
#else
    memcpy(out, a, n * sizeof *a);
#endif
}

/* A row of n numbers as a row of A, zero up to operand_width(n). */
static void round_row(const real *a, ptrdiff_t n, operand *out)
{
    const ptrdiff_t whole = n / LANES * LANES;
    operand rest[LANES + OPERAND_BLOCK] = {0};
    const vec last = load_some(a + whole, n - whole);
    round_part(a, whole, out);
    round_part((const real *)&last, LANES, rest);
    memcpy(out + whole, rest, (operand_width(n) - whole) * sizeof *out);
}

/* ---- packing ------------------------------------------------------------------ */

#if PAIRED

/* LANES pairs of the numbers of two vectors, the first in the lower half. */
INLINE uvec pair(vec first, vec second)
{
#if defined(__AVX512BF16__)
    const __m512i low =
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)first));
    const __m512i high =
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)second));
    return (uvec)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
#else
    return (rounded_bits(first) >> 16) | rounded_bits(second);
#endif
}

/* A 16 x 16 matrix of pairs, transposed in registers: in squares of 4, each in a quarter
   of a register, then the squares. */
INLINE void transpose_pairs(uvec *a)
{
    __m512i s[16], t[16];
    UNROLL for (int i = 0; i < 16; i += 4) {
        const __m512i a0 = (__m512i)a[i], a1 = (__m512i)a[i + 1];
        const __m512i a2 = (__m512i)a[i + 2], a3 = (__m512i)a[i + 3];
        const __m512i low = _mm512_unpacklo_epi32(a0, a1);
        const __m512i low_2 = _mm512_unpacklo_epi32(a2, a3);
        const __m512i high = _mm512_unpackhi_epi32(a0, a1);
        const __m512i high_2 = _mm512_unpackhi_epi32(a2, a3);
        s[i] = _mm512_unpacklo_epi64(low, low_2);
        s[i + 1] = _mm512_unpackhi_epi64(low, low_2);
        s[i + 2] = _mm512_unpacklo_epi64(high, high_2);
        s[i + 3] = _mm512_unpackhi_epi64(high, high_2);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(s[i], s[4 + i], 0x88);
        t[4 + i] = _mm512_shuffle_i32x4(s[i], s[4 + i], 0xdd);
        t[8 + i] = _mm512_shuffle_i32x4(s[8 + i], s[12 + i], 0x88);
        t[12 + i] = _mm512_shuffle_i32x4(s[8 + i], s[12 + i], 0xdd);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        a[i] = (uvec)_mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
        a[8 + i] = (uvec)_mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
        a[4 + i] = (uvec)_mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
        a[12 + i] = (uvec)_mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
    }
}

#endif

/* OPERAND_STEP rows of n numbers as a part of a row of a panel of W, zero behind: of one
   row the second is NULL. */
INLINE void pack_row(
    const real *first, const real *second, ptrdiff_t n, ptrdiff_t vectors, operand *out)
{
    for (ptrdiff_t i = 0; i < vectors; i++) {
        const vec a = load_some(first + i * LANES, n - i * LANES);
#if PAIRED
        const vec b = second ? load_some(second + i * LANES, n - i * LANES) : (vec){0};
        const uvec pairs = pair(a, b);
        memcpy(out + 2 * i * LANES, &pairs, sizeof pairs);
#else
        (void)second;
        round_part((const real *)&a, LANES, out + i * LANES);
#endif
    }
}

/* At most LANES rows of n numbers, transposed, as a part of a panel of W: their columns
   are its rows, zero from n to `units` and where there are fewer rows. In squares, which
   L1 holds at any distance of rows. */
static void pack_transposed(
    const real *a, ptrdiff_t rows, ptrdiff_t lda, ptrdiff_t n, ptrdiff_t units,
    ptrdiff_t width, /* columns of the panel */
    operand *out)
{
    for (ptrdiff_t k = 0; k < units; k += OPERAND_STEP * LANES) {
#if PAIRED
        uvec pairs[LANES];
        for (ptrdiff_t j = 0; j < LANES; j++) {
            operand both[2 * LANES] = {0};
            for (int i = 0; i < 2; i++)
                if (j < rows && k + i * LANES < n)
                    store_operands(
                        both + i * LANES,
                        load_some(a + j * lda + k + i * LANES, n - k - i * LANES));
            memcpy(pairs + j, both, sizeof both);
        }
        transpose_pairs(pairs);
        for (ptrdiff_t i = 0; i < LANES && k + 2 * i < units; i++)
            memcpy(out + (k + 2 * i) * width, pairs + i, sizeof *pairs);
#else
        for (ptrdiff_t j = 0; j < LANES; j++) {
            const vec some = j < rows && k < n ? load_some(a + j * lda + k, n - k) : (vec){0};
            operand one[LANES];
            round_part((const real *)&some, LANES, one);
            for (int i = 0; i < LANES; i++) out[(k + i) * width + j] = one[i];
        }
#endif
    }
}

/* A panel of W from n row-steps of D, C vectors of them; the sum of the rows, which are
   not rounded for it, is added to `sum`, a chain for each column. A row after the other:
   rows are a page or more apart. */
INLINE void pack_steps_of(
    const int C, ptrdiff_t n, const real *d, ptrdiff_t ldd, operand *out, real *sum)
{
    vec s[4];
    UNROLL for (int c = 0; c < C; c++) s[c] = sum ? load(sum + c * LANES) : (vec){0};
    for (ptrdiff_t m = 0; m < operand_width(n); m += OPERAND_STEP, d += OPERAND_STEP * ldd)
        UNROLL for (int c = 0; c < C; c++) {
            const vec a = m < n ? load(d + c * LANES) : (vec){0};
            operand *out_m = out + (m * C + OPERAND_STEP * c) * LANES;
            if (m < n) s[c] += a;
#if PAIRED
            const vec b = m + 1 < n ? load(d + ldd + c * LANES) : (vec){0};
            const uvec pairs = pair(a, b);
            memcpy(out_m, &pairs, sizeof pairs);
            if (m + 1 < n) s[c] += b;
#else
            round_part((const real *)&a, LANES, out_m);
#endif
        }
    if (sum) UNROLL for (int c = 0; c < C; c++) store(sum + c * LANES, s[c]);
}

static void pack_steps(
    ptrdiff_t n,
    const real *d, /* IN (n, ldd) */
    ptrdiff_t ldd, int C,
    operand *out, /* OUT (operand_width(n) / OPERAND_STEP, C, LANES, OPERAND_STEP) */
    real *sum     /* IN/OUT (C * LANES,) or NULL */
)
{
    switch (C) {
    case 1: pack_steps_of(1, n, d, ldd, out, sum); break;
    case 2: pack_steps_of(2, n, d, ldd, out, sum); break;
    case 3: pack_steps_of(3, n, d, ldd, out, sum); break;
    default: pack_steps_of(4, n, d, ldd, out, sum);
    }
}

/* X' from n row-steps of X: its columns are rows of A. */
static void transpose_steps(
    ptrdiff_t n,
    const real *x,         /* IN (., ldx), its first K columns */
    const ptrdiff_t *rows, /* IN (n,) row of x for each row-step */
    ptrdiff_t ldx, ptrdiff_t K,
    operand *out, /* OUT (K padded to LANES, ldo), zero from n to operand_width(n) */
    ptrdiff_t ldo /* at least n, a multiple of 2 * LANES */
)
{
    for (ptrdiff_t m = 0; m < n; m += OPERAND_STEP * LANES)
        for (ptrdiff_t k = 0; k < K; k += LANES) {
#if PAIRED
            uvec pairs[LANES];
            for (int i = 0; i < LANES; i++) {
                vec both[2];
                for (int j = 0; j < 2; j++) {
                    const ptrdiff_t row = m + 2 * i + j;
                    both[j] = (vec){0};
                    if (row < n) both[j] = load_some(x + rows[row] * ldx + k, K - k);
                }
                pairs[i] = pair(both[0], both[1]);
            }
            transpose_pairs(pairs);
            for (int i = 0; i < LANES; i++)
                memcpy(out + (k + i) * ldo + m, pairs + i, sizeof *pairs);
#else
            for (ptrdiff_t row = m; row < m + LANES && row < n; row++) {
                const vec one = load_some(x + rows[row] * ldx + k, K - k);
                operand operands[LANES];
                round_part((const real *)&one, LANES, operands);
                for (int i = 0; i < LANES; i++) out[(k + i) * ldo + row] = operands[i];
            }
#endif
        }
}

/* ---- the tile of pairs -------------------------------------------------------- */

#if PAIRED && !TILES

/* acc[r, p, c] += sum_k a[r][k] * w[p][k][c], as in tile.h, K a multiple of 2. */
INLINE void multiply_pairs(
    const int R, const int P, const int C, const int S,
    vec *acc,                /* IN/OUT (R, P, S) vectors, held in registers */
    const operand *const *a, /* IN R rows of K */
    ptrdiff_t K,
    const operand *w, /* IN P panels (K / 2, >= C, LANES, 2) */
    ptrdiff_t ldw,    /* distance of two k, as in tile.h */
    ptrdiff_t panel   /* distance of two panels */
)
{
    for (ptrdiff_t k = 0; k < K; k += 2, w += 2 * ldw) {
        __asm__("" : "+r"(w));
        __m512i ak[8];
        UNROLL for (int r = 0; r < R; r++) {
            int32_t both;
            memcpy(&both, a[r] + k, sizeof both);
            ak[r] = _mm512_set1_epi32(both);
        }
        UNROLL for (int p = 0; p < P; p++) {
            UNROLL for (int c = 0; c < C; c++) {
                const __m512i wk =
                    _mm512_loadu_si512(w + p * panel + 2 * c * LANES);
                UNROLL for (int r = 0; r < R; r++) {
                    vec *s = acc + (r * P + p) * S + c;
                    *s = (vec)_mm512_dpbf16_ps((__m512)*s, (__m512bh)ak[r], (__m512bh)wk);
                }
            }
        }
    }
}

#endif

#endif
