/* Products of bfloat16 numbers with float32 sums.

   A bfloat16 number is the upper half of a float32 one: 8 exponent bits, 7 of the
   mantissa. The operands of a product A . W are rounded to it, sums stay float32. Three
   kinds of kernels compute it, and the flags of an extension (setup.py) choose one:

   plain  operands are float32 numbers whose lower half is zero, the tile is that of
          tile.h: a product of two of them is exact, so FMA rounds sums alone
   pairs  AVX512-BF16: vdpbf16ps adds two products to each of 16 sums
   tiles  AMX: tdpbf16ps adds 32 products to each of 16 x 16 sums

   Bits: an element of a product is a fixed sequence of operations over k in ascending
   order, whatever is beside it: its row of A, its column of W and k alone determine it.
   The three kinds group that sequence differently, and so differ in the last bits.

   Layout of operands for pairs and tiles:

   A  rows (R, K) of operands, K padded with zeros to a multiple of OPERAND_BLOCK
   W  panels (K / 2, C, LANES, 2): k and k + 1 of a column side by side, as both
      instructions read them; padded alike

   The gradient of weights X' D is the same product: A is X' and W is D, the row-steps
   of a chunk are k. */
#ifndef SKLSTM_BFLOAT16_H
#define SKLSTM_BFLOAT16_H

#include "vectors.h"

#if defined(__AMX_BF16__) || defined(SKLSTM_EMULATE_TILES)
#define SKLSTM_TILES 1
#define SKLSTM_PAIRED 1
#define OPERAND_BLOCK 32 /* a tile has rows of 64 bytes */
#elif defined(__AVX512BF16__)
#define SKLSTM_TILES 0
#define SKLSTM_PAIRED 1
#define OPERAND_BLOCK 2
#else
#define SKLSTM_TILES 0
#define SKLSTM_PAIRED 0
#define OPERAND_BLOCK 1
#endif

#if SKLSTM_PAIRED
typedef uint16_t operand;
#else
typedef real operand;
#endif

/* Operands in memory of a row of n numbers. */
INLINE ptrdiff_t operand_width(ptrdiff_t n)
{
    return (n + OPERAND_BLOCK - 1) / OPERAND_BLOCK * OPERAND_BLOCK;
}

/* ---- rounding ----------------------------------------------------------------- */

typedef uint32_t uvec __attribute__((vector_size(VECTOR_BYTES)));

INLINE uvec broadcast_bits(uint32_t a) { return (uvec){0} + a; }

/* The nearest bfloat16 number, of two the even one, as the upper half of each lane;
   NaN is a quiet NaN, a denormal is zero, as the instructions have it. */
INLINE uvec rounded_bits(vec a)
{
    const uvec u = (uvec)a, size = u & 0x7fffffffu;
    const uvec nan = (uvec)(size > broadcast_bits(0x7f800000u));
    const uvec normal = (uvec)(size >= broadcast_bits(0x00800000u));
    const uvec nearest = u + 0x7fffu + ((u >> 16) & 1u);
    const uvec finite = (nearest & normal) | (u & 0x80000000u);
    return ((nan & (u | 0x00400000u)) | (~nan & finite)) & 0xffff0000u;
}

INLINE vec round_vec(vec a) { return (vec)rounded_bits(a); }

/* The same of one number. */
INLINE uint32_t rounded_bits_of(real a)
{
    uint32_t u, size;
    memcpy(&u, &a, sizeof u);
    size = u & 0x7fffffffu;
    if (size > 0x7f800000u) return (u | 0x00400000u) & 0xffff0000u;
    if (size < 0x00800000u) return u & 0x80000000u;
    return (u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u;
}

INLINE operand operand_of(real a)
{
#if SKLSTM_PAIRED
    return (operand)(rounded_bits_of(a) >> 16);
#else
    const uint32_t u = rounded_bits_of(a);
    operand out;
    memcpy(&out, &u, sizeof out);
    return out;
#endif
}

/* LANES numbers as operands. */
INLINE void store_operands(operand *out, vec a)
{
#if SKLSTM_PAIRED && defined(__AVX512BF16__)
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)a);
    memcpy(out, &rounded, sizeof rounded);
#elif SKLSTM_PAIRED
    const uvec rounded = rounded_bits(a) >> 16;
    UNROLL for (int i = 0; i < LANES; i++) out[i] = (operand)rounded[i];
#else
    store(out, round_vec(a));
#endif
}

/* The first n of LANES numbers, zero behind. */
INLINE vec load_some(const real *a, ptrdiff_t n)
{
    real some[LANES] = {0};
    if (n >= LANES) return load(a);
    for (ptrdiff_t i = 0; i < n; i++) some[i] = a[i];
    return load(some);
}

/* A row of n numbers as operands, zero up to operand_width(n). */
INLINE void round_row(const real *a, ptrdiff_t n, operand *out)
{
    const ptrdiff_t width = operand_width(n);
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) store_operands(out + i, load(a + i));
    for (; i < width; i++) out[i] = i < n ? operand_of(a[i]) : 0;
}

#if SKLSTM_PAIRED

/* ---- pairs: rows k and k + 1 side by side ------------------------------------- */

/* LANES pairs of the numbers of two rows, the first in the lower half. */
INLINE uvec pair_bits(vec first, vec second)
{
    return (rounded_bits(first) >> 16) | rounded_bits(second);
}

/* A row of a panel of W from two rows of n numbers, of which the second may be NULL:
   out (vectors * LANES, 2), zero behind n. */
INLINE void pair_rows(
    const real *first, const real *second, ptrdiff_t n, ptrdiff_t vectors, operand *out)
{
    for (ptrdiff_t i = 0; i < vectors; i++) {
        const vec a = load_some(first + i * LANES, n - i * LANES);
        const vec b = second ? load_some(second + i * LANES, n - i * LANES) : broadcast(0);
        const uvec pairs = pair_bits(a, b);
        memcpy(out + 2 * i * LANES, &pairs, sizeof pairs);
    }
}

/* A panel of D for X' D: n row-steps of C vectors, paired; the sum of the rows, not
   rounded, is added to `sum`, as one chain for each column. */
static void pair_panel(
    ptrdiff_t n, const real *d, /* IN (n, ldd) */
    ptrdiff_t ldd, int C,
    operand *out, /* OUT (operand_width(n) / 2, C, LANES, 2) */
    real *sum     /* IN/OUT (C * LANES,) or NULL */
)
{
    const ptrdiff_t width = 2 * C * LANES;
    for (int c = 0; c < C; c++) {
        vec s = sum ? load(sum + c * LANES) : broadcast(0);
        for (ptrdiff_t m = 0; m < operand_width(n); m += 2) {
            const real *dm = d + m * ldd + c * LANES;
            const vec a = m < n ? load(dm) : broadcast(0);
            const vec b = m + 1 < n ? load(dm + ldd) : broadcast(0);
            const uvec pairs = pair_bits(a, b);
            memcpy(out + m / 2 * width + 2 * c * LANES, &pairs, sizeof pairs);
            if (m < n) s += a;
            if (m + 1 < n) s += b;
        }
        if (sum) store(sum + c * LANES, s);
    }
}

/* A 16 x 16 matrix of pairs, transposed in registers: first in squares of 4, each in a
   quarter of a register, then the squares. */
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

/* X' for X' D: columns of X become rows of operands over n row-steps. */
static void transpose_rows(
    ptrdiff_t n,
    const real *x,         /* IN (., ldx), its first K columns */
    const ptrdiff_t *rows, /* IN (n,) row of x for each row-step */
    ptrdiff_t ldx, ptrdiff_t K,
    operand *out, /* OUT (K padded to LANES, ldo), zero from n to operand_width(n) */
    ptrdiff_t ldo /* a multiple of 2 * LANES, at least n */
)
{
    for (ptrdiff_t m = 0; m < n; m += 2 * LANES)
        for (ptrdiff_t k = 0; k < K; k += LANES) {
            uvec pairs[LANES];
            for (int i = 0; i < LANES; i++) {
                vec both[2];
                for (int j = 0; j < 2; j++) {
                    const ptrdiff_t row = m + 2 * i + j;
                    both[j] = row < n ? load_some(x + rows[row] * ldx + k, K - k)
                                      : broadcast(0);
                }
                pairs[i] = pair_bits(both[0], both[1]);
            }
            transpose_pairs(pairs);
            for (int i = 0; i < LANES; i++)
                memcpy(out + (k + i) * ldo + m, pairs + i, sizeof *pairs);
        }
}

#endif /* SKLSTM_PAIRED */

/* ---- the tile: A . W over pairs ------------------------------------------------ */

#if SKLSTM_PAIRED && !SKLSTM_TILES

/* acc[r, p, c] += sum_k a[r][k] * w[p][k][c], as in tile.h, K a multiple of 2. */
INLINE void multiply_pairs(
    const int R, const int P, const int C, const int S,
    vec *acc,                /* IN/OUT (R, P, S) vectors, held in registers */
    const operand *const *a, /* IN R rows of K */
    ptrdiff_t K,
    const operand *w, /* IN P panels (K / 2, C, LANES, 2) */
    ptrdiff_t panel   /* distance of two panels, in operands */
)
{
    for (ptrdiff_t k = 0; k < K; k += 2) {
        __m512i ak[8];
        UNROLL for (int r = 0; r < R; r++) {
            int32_t pair;
            memcpy(&pair, a[r] + k, sizeof pair);
            ak[r] = _mm512_set1_epi32(pair);
        }
        UNROLL for (int p = 0; p < P; p++) {
            UNROLL for (int c = 0; c < C; c++) {
                const __m512i wk =
                    _mm512_loadu_si512(w + p * panel + (k * C + 2 * c) * LANES);
                UNROLL for (int r = 0; r < R; r++) {
                    vec *s = acc + (r * P + p) * S + c;
                    *s = (vec)_mm512_dpbf16_ps((__m512)*s, (__m512bh)ak[r], (__m512bh)wk);
                }
            }
        }
    }
}

#endif

#if SKLSTM_TILES

/* ---- tiles: 8 registers of 16 rows of 64 bytes --------------------------------- */

#ifdef SKLSTM_EMULATE_TILES

/* The registers and instructions in C, for machines without: to the bit as Intel's
   manual defines them, if the thread flushes denormals. */
static __thread unsigned char emulated_tile[8][16][64];

static void emulated_load(int t, const void *base, ptrdiff_t stride)
{
    for (int i = 0; i < 16; i++)
        memcpy(emulated_tile[t][i], (const char *)base + i * stride, 64);
}

static void emulated_store(int t, void *base, ptrdiff_t stride)
{
    for (int i = 0; i < 16; i++)
        memcpy((char *)base + i * stride, emulated_tile[t][i], 64);
}

static float emulated_number(const unsigned char *p)
{
    const uint16_t half = (uint16_t)(p[0] | p[1] << 8);
    const uint32_t u = (half & 0x7f80u ? half : half & 0x8000u) * 0x10000u;
    float a;
    memcpy(&a, &u, sizeof a);
    return a;
}

/* Of a row and a column the products of even k are one chain, those of odd k another;
   their sum is added. */
static void emulated_dot(int c, int a, int b)
{
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float chain[2] = {0, 0}, sum;
            for (int k = 0; k < 16; k++)
                for (int i = 0; i < 2; i++)
                    chain[i] = __builtin_fmaf(
                        emulated_number(emulated_tile[a][m] + 4 * k + 2 * i),
                        emulated_number(emulated_tile[b][k] + 4 * n + 2 * i), chain[i]);
            memcpy(&sum, emulated_tile[c][m] + 4 * n, sizeof sum);
            sum += chain[0] + chain[1];
            memcpy(emulated_tile[c][m] + 4 * n, &sum, sizeof sum);
        }
}

INLINE void begin_tiles(void) {}
INLINE void end_tiles(void) {}
#define TILE_LOAD(t, base, stride) emulated_load(t, base, stride)
#define TILE_STORE(t, base, stride) emulated_store(t, base, stride)
#define TILE_DOT(c, a, b) emulated_dot(c, a, b)

#else

/* A thread says once how large its tiles are, and gives them back when it is done:
   other libraries have other sizes, and the system need not save what is not in use. */
static void begin_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes_of_a_row[16];
        uint8_t rows[16];
    } sizes __attribute__((aligned(64))) = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        sizes.bytes_of_a_row[t] = 64;
        sizes.rows[t] = 16;
    }
    _tile_loadconfig(&sizes);
}

static void end_tiles(void) { _tile_release(); }

#define TILE_LOAD(t, base, stride) _tile_loadd(t, base, stride)
#define TILE_STORE(t, base, stride) _tile_stored(t, base, stride)
#define TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)

#endif

#define TILE_SIDE 16 /* rows of a tile, and columns of one of sums */

/* One tile of rows, up to 4 of columns: sums in 0 to 3, A in 4, W in 5. */
INLINE void multiply_tiles_1(
    const int C, vec *acc, ptrdiff_t ld_acc, const operand *a, ptrdiff_t lda, ptrdiff_t K,
    const operand *w, ptrdiff_t ldw)
{
#define EACH_COLUMN(DO)                                                                \
    DO(0) if (C > 1) { DO(1) } if (C > 2) { DO(2) } if (C > 3) { DO(3) }
#define BEGIN(c) TILE_LOAD(c, acc + c, ld_acc);
#define MULTIPLY(c)                                                                    \
    TILE_LOAD(5, w + (k / 2) * ldw + 2 * c * LANES, 2 * ldw);                          \
    TILE_DOT(c, 4, 5);
#define FINISH(c) TILE_STORE(c, acc + c, ld_acc);
    EACH_COLUMN(BEGIN)
    for (ptrdiff_t k = 0; k < K; k += OPERAND_BLOCK) {
        TILE_LOAD(4, a + k, lda);
        EACH_COLUMN(MULTIPLY)
    }
    EACH_COLUMN(FINISH)
#undef FINISH
#undef MULTIPLY
#undef BEGIN
#undef EACH_COLUMN
}

/* Two tiles of rows, up to 2 of columns: sums in 0 and 1, and in 2 and 3 those of the
   second rows; A in 4 and 5, W in 6 and 7. Each tile of W is read for 32 rows. */
INLINE void multiply_tiles_2(
    const int C, vec *acc, ptrdiff_t ld_acc, const operand *a, ptrdiff_t lda, ptrdiff_t K,
    const operand *w, ptrdiff_t ldw)
{
    char *below = (char *)acc + TILE_SIDE * ld_acc;
    const char *a_below = (const char *)a + TILE_SIDE * lda;
    TILE_LOAD(0, acc, ld_acc);
    TILE_LOAD(2, below, ld_acc);
    if (C > 1) {
        TILE_LOAD(1, acc + 1, ld_acc);
        TILE_LOAD(3, below + sizeof *acc, ld_acc);
    }
    for (ptrdiff_t k = 0; k < K; k += OPERAND_BLOCK) {
        const operand *wk = w + (k / 2) * ldw;
        TILE_LOAD(4, a + k, lda);
        TILE_LOAD(6, wk, 2 * ldw);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(5, a_below + 2 * k, lda);
        TILE_DOT(2, 5, 6);
        if (C > 1) {
            TILE_LOAD(7, wk + 2 * LANES, 2 * ldw);
            TILE_DOT(1, 4, 7);
            TILE_DOT(3, 5, 7);
        }
    }
    TILE_STORE(0, acc, ld_acc);
    TILE_STORE(2, below, ld_acc);
    if (C > 1) {
        TILE_STORE(1, acc + 1, ld_acc);
        TILE_STORE(3, below + sizeof *acc, ld_acc);
    }
}

/* acc[r, c] += sum_k a[r][k] * w[k][c] for up to 32 rows and a panel of C vectors, of
   which the first of S side by side take part, K a multiple of OPERAND_BLOCK.

   All tiles have 16 rows. Where there are fewer, what follows them in memory is
   multiplied too and nobody reads the result: a tile of weights takes as long to come
   from L2 as 16 rows take to be multiplied with it, so that fewer gain nothing. */
INLINE void multiply_tiles(
    const int R, const int C, const int S,
    vec *acc,         /* IN/OUT (R up to a multiple of TILE_SIDE, S) vectors, in memory */
    const operand *a, /* IN (R up to a multiple of TILE_SIDE, lda) */
    ptrdiff_t lda, ptrdiff_t K,
    const operand *w /* IN a panel (K / 2, C, LANES, 2) */
)
{
    const ptrdiff_t ld_acc = S * (ptrdiff_t)sizeof(vec), ldw = 2 * C * LANES;
    const ptrdiff_t bytes = lda * (ptrdiff_t)sizeof(operand);
    /* GCC 12 does not know that a tile is read from memory: what is written before this
       stays before it. */
    __asm__ __volatile__("" ::: "memory");
    if (R <= TILE_SIDE)
        multiply_tiles_1(C, acc, ld_acc, a, bytes, K, w, ldw);
    else {
        multiply_tiles_2(C < 2 ? 1 : 2, acc, ld_acc, a, bytes, K, w, ldw);
        if (C > 2)
            multiply_tiles_2(
                C - 2, acc + 2, ld_acc, a, bytes, K, w + 4 * LANES, ldw);
    }
}

#endif /* SKLSTM_TILES */

#endif
