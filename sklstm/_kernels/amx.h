/* Tiles of AMX: products of bfloat16 numbers, 16 x 16 sums at a time.

   There are 8 registers of 16 rows of 64 bytes: 16 sums, or 32 operands of a row of A, or
   of 16 columns of W the operands k and k + 1 side by side. */
#ifndef SKLSTM_AMX_H
#define SKLSTM_AMX_H

#include "operands.h"

#if TILES

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
    TILE_LOAD(5, w + k * ldw + 2 * c * LANES, 4 * ldw);                                \
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
        const operand *wk = w + k * ldw;
        TILE_LOAD(4, a + k, lda);
        TILE_LOAD(6, wk, 4 * ldw);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(5, a_below + 2 * k, lda);
        TILE_DOT(2, 5, 6);
        if (C > 1) {
            TILE_LOAD(7, wk + 2 * LANES, 4 * ldw);
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
   which the first of S accumulators take part, K a multiple of OPERAND_BLOCK.

   All tiles have 16 rows. Where there are fewer, what follows them in memory is
   multiplied too and nobody reads the result: a tile of weights takes as long to come
   from L2 as 16 rows take to be multiplied with it, so that fewer gain nothing. */
INLINE void multiply_tiles(
    const int R, const int C, const int S,
    vec *acc,         /* IN/OUT (R up to a multiple of TILE_SIDE, S) vectors, in memory */
    const operand *a, /* IN (R up to a multiple of TILE_SIDE, lda) */
    ptrdiff_t lda, ptrdiff_t K,
    const operand *w, /* IN a panel (K / 2, >= C, LANES, 2) */
    ptrdiff_t ldw     /* distance of two k, as in tile.h */
)
{
    const ptrdiff_t ld_acc = S * (ptrdiff_t)sizeof(vec);
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

#else

INLINE void begin_tiles(void) {}
INLINE void end_tiles(void) {}

#endif /* TILES */

#endif
