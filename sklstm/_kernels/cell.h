/* The recurrent cells: one forward and one backward function each, side by side, and
   the step over a strip of sequences that calls them.

   A cell knows nothing of time, batches or memory. It sees LANES units of one row: the
   forward function gets their pre-activations z, the backward function the gradient of
   h. Notation as in docs/design.md: a prime (here _before) marks the time step before,
   d_z is the gradient of the loss with respect to z.

   Slots. A unit has `gates` columns in W and as many in R, and z has a slot for each
   sum that the cell needs. W x goes to the first of them, R h' to the last. Where a gate
   needs W x + R h' both go to one slot; where a cell needs the two apart (candidate of
   the GRU) there is a slot more than there are gates, and the columns of R are those of
   W moved on by one. For backward a cell keeps what it likes in memory of the same
   slots, and replaces it with d_z there.

   A new cell is a pair `NAME_forward`, `NAME_backward`, a line CELL_ROWS and a row in the
   table of cells below. Where its gates and slots are none of (4, 4), (3, 4), (1, 1),
   forward_step needs them as well. */
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

/* What all pairs share:

   forward  z        IN vectors of the slots
            own      IN (n_own, units) parameters of the cell itself
            c_before IN (LANES,) the state c', or h' for a cell without a state of its own
            kept     OUT for backward, slots `units` apart, or NULL
            h        OUT (LANES,)
            c        OUT (LANES,), may be c_before; not there for a cell without

   backward d_h      gradient of h through the output and R
            own, c_before, h  IN, as above
            d_c      IN/OUT (LANES,) gradient of c, then of c'; without a state of its own,
                     what h' gets besides d_z R'
            kept     IN what forward kept, OUT d_z */

/* ---- LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) ------- */

/* i = sigma(z_i), f = sigma(z_f), g = tanh(z_g), o = sigma(z_o)
   c = f c' + i g
   h = o tanh(c) */
INLINE void lstm_forward(
    const vec *z, const real *own, const real *c_before, real *kept, ptrdiff_t units,
    real *h, real *c)
{
    const vec i = sigmoid_vec(z[0]);
    const vec f = sigmoid_vec(z[1]);
    const vec g = tanh_vec(z[2]);
    const vec o = sigmoid_vec(z[3]);
    const vec c_t = fma_vec(f, load(c_before), i * g);
    (void)own;
    store(c, c_t);
    store(h, o * tanh_vec(c_t));
    if (kept) {
        store(kept, i);
        store(kept + units, f);
        store(kept + 2 * units, g);
        store(kept + 3 * units, o);
    }
}

/* d_c = d_c + d_h o (1 - tanh(c)^2)
   d_z_i = d_c g i (1 - i)        d_z_f = d_c c' f (1 - f)
   d_z_g = d_c i (1 - g^2)        d_z_o = d_h tanh(c) o (1 - o)
   d_c'  = d_c f */
INLINE void lstm_backward(
    vec d_h, const real *own, const real *c_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    const vec i = load(kept), f = load(kept + units);
    const vec g = load(kept + 2 * units), o = load(kept + 3 * units);
    const vec tanh_c = load(h) / o; /* o > 0: sigma ends at exp(-87) or exp(-700) */
    const vec d_o = d_h * tanh_c;
    const vec d_c_t =
        fma_vec(d_h * o, fma_vec(-tanh_c, tanh_c, broadcast(1)), load(d_c));
    (void)own;
    store(kept, d_c_t * g * fma_vec(-i, i, i));
    store(kept + units, d_c_t * load(c_before) * fma_vec(-f, f, f));
    store(kept + 2 * units, d_c_t * i * fma_vec(-g, g, broadcast(1)));
    store(kept + 3 * units, d_o * fma_vec(-o, o, o));
    store(d_c, d_c_t * f);
}

/* ---- LSTM with peepholes p (Gers & Schmidhuber 2000) --------------------------- */

/* i = sigma(z_i + p_i c'), f = sigma(z_f + p_f c'), g = tanh(z_g)
   c = f c' + i g
   o = sigma(z_o + p_o c),  h = o tanh(c) */
INLINE void lstm_peephole_forward(
    const vec *z, const real *own, const real *c_before, real *kept, ptrdiff_t units,
    real *h, real *c)
{
    const vec c_0 = load(c_before);
    const vec i = sigmoid_vec(fma_vec(load(own), c_0, z[0]));
    const vec f = sigmoid_vec(fma_vec(load(own + units), c_0, z[1]));
    const vec g = tanh_vec(z[2]);
    const vec c_t = fma_vec(f, c_0, i * g);
    const vec o = sigmoid_vec(fma_vec(load(own + 2 * units), c_t, z[3]));
    store(c, c_t);
    store(h, o * tanh_vec(c_t));
    if (kept) {
        store(kept, i);
        store(kept + units, f);
        store(kept + 2 * units, g);
        store(kept + 3 * units, o);
    }
}

/* d_z_o = d_h tanh(c) o (1 - o)
   d_c = d_c + d_h o (1 - tanh(c)^2) + d_z_o p_o
   d_z_i, d_z_f, d_z_g as above
   d_c' = d_c f + d_z_i p_i + d_z_f p_f */
INLINE void lstm_peephole_backward(
    vec d_h, const real *own, const real *c_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    const vec i = load(kept), f = load(kept + units);
    const vec g = load(kept + 2 * units), o = load(kept + 3 * units);
    const vec tanh_c = load(h) / o;
    const vec d_z_o = d_h * tanh_c * fma_vec(-o, o, o);
    const vec d_c_h =
        fma_vec(d_h * o, fma_vec(-tanh_c, tanh_c, broadcast(1)), load(d_c));
    const vec d_c_t = fma_vec(d_z_o, load(own + 2 * units), d_c_h);
    const vec d_z_i = d_c_t * g * fma_vec(-i, i, i);
    const vec d_z_f = d_c_t * load(c_before) * fma_vec(-f, f, f);
    store(kept, d_z_i);
    store(kept + units, d_z_f);
    store(kept + 2 * units, d_c_t * i * fma_vec(-g, g, broadcast(1)));
    store(kept + 3 * units, d_z_o);
    store(d_c, fma_vec(d_z_f, load(own + units), fma_vec(d_z_i, load(own), d_c_t * f)));
}

/* ---- GRU, reset after the product (Cho et al. 2014; the form of cuDNN) ---------- */

/* slots: z_n = W_n x + b_n, z_r, z_u, q = R_n h' + b_q
   r = sigma(z_r), u = sigma(z_u), n = tanh(z_n + r q)
   h = (1 - u) n + u h' */
INLINE void gru_forward(
    const vec *z, const real *own, const real *h_before, real *kept, ptrdiff_t units,
    real *h, real *c)
{
    const vec r = sigmoid_vec(z[1]);
    const vec u = sigmoid_vec(z[2]);
    const vec n = tanh_vec(fma_vec(r, z[3], z[0]));
    (void)own;
    (void)c;
    store(h, fma_vec(u, load(h_before) - n, n));
    if (kept) {
        store(kept, n);
        store(kept + units, r);
        store(kept + 2 * units, u);
        store(kept + 3 * units, z[3]);
    }
}

/* d_h = d_h + d_c
   d_z_n = d_h (1 - u) (1 - n^2)  d_z_r = d_z_n q r (1 - r)
   d_z_u = d_h (h' - n) u (1 - u) d_q = d_z_n r
   d_c'  = d_h u, what h' gets directly */
INLINE void gru_backward(
    vec d_h, const real *own, const real *h_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    const vec n = load(kept), r = load(kept + units);
    const vec u = load(kept + 2 * units), q = load(kept + 3 * units);
    const vec d = d_h + load(d_c);
    const vec d_z_n = d * (1 - u) * fma_vec(-n, n, broadcast(1));
    (void)own;
    (void)h;
    store(kept, d_z_n);
    store(kept + units, d_z_n * q * fma_vec(-r, r, r));
    store(kept + 2 * units, d * (load(h_before) - n) * fma_vec(-u, u, u));
    store(kept + 3 * units, d_z_n * r);
    store(d_c, d * u);
}

/* ---- plain RNN (Elman 1990), with tanh or ReLU ----------------------------------- */

/* h = tanh(z) */
INLINE void rnn_tanh_forward(
    const vec *z, const real *own, const real *h_before, real *kept, ptrdiff_t units,
    real *h, real *c)
{
    (void)own, (void)h_before, (void)kept, (void)units, (void)c;
    store(h, tanh_vec(z[0]));
}

/* d_z = d_h (1 - h^2) */
INLINE void rnn_tanh_backward(
    vec d_h, const real *own, const real *h_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    const vec h_t = load(h);
    (void)own, (void)h_before, (void)d_c, (void)units;
    store(kept, d_h * fma_vec(-h_t, h_t, broadcast(1)));
}

/* h = max(z, 0); NaN comes through, because a comparison with it is false */
INLINE void rnn_relu_forward(
    const vec *z, const real *own, const real *h_before, real *kept, ptrdiff_t units,
    real *h, real *c)
{
    (void)own, (void)h_before, (void)kept, (void)units, (void)c;
    store(h, (vec)((ivec)z[0] & ~(ivec)(z[0] < 0)));
}

/* d_z = d_h where h > 0 */
INLINE void rnn_relu_backward(
    vec d_h, const real *own, const real *h_before, const real *h, real *d_c, real *kept,
    ptrdiff_t units)
{
    (void)own, (void)h_before, (void)d_c, (void)units;
    store(kept, (vec)((ivec)d_h & (ivec)(load(h) > 0)));
}

/* ---- the table of cells ---------------------------------------------------------- */

/* What a tile leaves, rows of blocks of LANES units, is on the stack and so in L1. The
   cell runs over it in a loop of its own, as a function that is not inlined: inlined,
   the compiler keeps the constants of exp_vec in registers through the product, whose
   accumulators then spill (forward took 1.7 times as long at H = 64, F = 16). */
typedef void cell_forward_rows(
    int R, int blocks, const vec *z, const real *own, const real *c_before, real *kept,
    ptrdiff_t units, real *h, real *c);
typedef void cell_backward_rows(
    int R, int blocks, const vec *d_h, const real *own, const real *c_before,
    const real *h, real *d_c, real *kept, ptrdiff_t units);

#define CELL_ROWS(NAME, SLOTS)                                                         \
    static __attribute__((noinline)) void NAME##_forward_rows(                         \
        int R, int blocks, const vec *z, const real *own, const real *c_before,        \
        real *kept, ptrdiff_t units, real *h, real *c)                                 \
    {                                                                                  \
        for (int r = 0; r < R; r++)                                                    \
            for (int b = 0; b < blocks; b++) {                                         \
                const ptrdiff_t at = r * units + b * LANES;                            \
                NAME##_forward(                                                        \
                    z + (r * blocks + b) * SLOTS, own + b * LANES, c_before + at,      \
                    kept ? kept + SLOTS * r * units + b * LANES : NULL, units, h + at, \
                    c + at);                                                           \
            }                                                                          \
    }                                                                                  \
    static __attribute__((noinline)) void NAME##_backward_rows(                        \
        int R, int blocks, const vec *d_h, const real *own, const real *c_before,      \
        const real *h, real *d_c, real *kept, ptrdiff_t units)                         \
    {                                                                                  \
        for (int r = 0; r < R; r++)                                                    \
            for (int b = 0; b < blocks; b++) {                                         \
                const ptrdiff_t at = r * units + b * LANES;                            \
                NAME##_backward(                                                       \
                    d_h[r * blocks + b], own + b * LANES, c_before + at, h + at,       \
                    d_c + at, kept + SLOTS * r * units + b * LANES, units);            \
            }                                                                          \
    }

typedef struct {
    const char *name;
    int gates;     /* columns of W and of R that a unit has */
    int slots;     /* vectors z of a unit: gates, or gates + 1 */
    int has_c;     /* whether there is a state c besides h */
    int n_own;     /* parameters of the cell itself that a unit has */
    int memory;    /* slot whose bias says how long a unit remembers, or -1 */
    cell_forward_rows *forward;
    cell_backward_rows *backward;
} cell_type;

#define CELL(NAME, GATES, SLOTS, HAS_C, N_OWN, MEMORY)                                 \
    {#NAME, GATES, SLOTS, HAS_C, N_OWN, MEMORY, NAME##_forward_rows, NAME##_backward_rows}

CELL_ROWS(lstm, 4)
CELL_ROWS(gru, 4)
CELL_ROWS(rnn_tanh, 1)
CELL_ROWS(rnn_relu, 1)
CELL_ROWS(lstm_peephole, 4)

static const cell_type cells[] = {
    CELL(lstm, 4, 4, 1, 0, 1),
    CELL(gru, 3, 4, 0, 0, 2),
    CELL(rnn_tanh, 1, 1, 0, 0, -1),
    CELL(rnn_relu, 1, 1, 0, 0, -1),
    CELL(lstm_peephole, 4, 4, 1, 3, 1),
};
enum { N_CELLS = sizeof cells / sizeof *cells };

/* ---- one time step of a strip -------------------------------------------------- */

/* Panels of packed weights hold as many blocks of LANES units as fill PANEL vectors. */
INLINE int panel_blocks(const int slots) { return PANEL / slots; }

/* R rows, P panels of S slots: z = b + W x + R h' in registers, then the cell. With x
   NULL, `start` is b + W x instead of b. */
INLINE void forward_tile(
    const cell_type *cell, const int gates, const int slots, const int R, const int P,
    const int S, const real *const *x, ptrdiff_t F, const real *const *h_rows,
    ptrdiff_t H, const real *w, ptrdiff_t panel, const real *start, ptrdiff_t units,
    const real *own, const real *c_before, real *kept, real *h, real *c)
{
    const int C = S / slots * gates;
    vec acc[TILE_ROWS * PANEL], z[TILE_ROWS * PANEL];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int b = 0; b < P * S; b++)
            acc[r * P * S + b] = load(start + b * LANES);
    if (x) tile_multiply(R, P, C, S, acc, x, F, w, panel);
    tile_multiply(
        R, P, C, S, acc + slots - gates, h_rows, H, w + F * C * LANES, panel);
    UNROLL for (int b = 0; b < R * P * S; b++) z[b] = acc[b];
    cell->forward(R, P * S / slots, z, own, c_before, kept, units, h, c);
}

/* forward_step for cells of so many gates and slots, which are constants. */
INLINE void forward_panels(
    const cell_type *cell, const int gates, const int slots, ptrdiff_t n_rows,
    const real *x, const ptrdiff_t *x_rows, ptrdiff_t ldx, ptrdiff_t F, const real *w,
    const real *start, ptrdiff_t H, ptrdiff_t units, int reverse, const real *own,
    const real *h_before, const real *c_before, real *kept, real *h, real *c)
{
    const int full = panel_blocks(slots);
    const ptrdiff_t panel = (F + units) * full * gates * LANES, blocks = units / LANES;
    const ptrdiff_t panels = (blocks + full - 1) / full;
    /* A lone row (one sequence: latency) takes several panels at once: two are 8
       chains, four read weights that L1 does not hold in more streams. 100 steps of an
       LSTM take 30 and 188 us with two at H = 64 and 128, 35 and 153 with four. */
    const int wide = n_rows > 1 ? 1 : panels > 4 ? TILE_WIDE : TILE_WIDE > 2 ? 2 : TILE_WIDE;
    const ptrdiff_t groups = (panels + wide - 1) / wide;
    for (ptrdiff_t i = 0; i < groups; i++) {
        const ptrdiff_t first = (reverse ? groups - 1 - i : i) * wide;
        const ptrdiff_t last = first + wide < panels ? first + wide : panels;
        for (ptrdiff_t j = first; j < last;) {
            const ptrdiff_t block = j * full, left = blocks - block;
            const int S = (full == 1 || left >= full ? full : (int)left) * slots;
            int P = wide;
            while (P > 1 && (P > last - j || P * full > left)) P /= 2;
            const int height = tile_height(n_rows, S);
            const real *wj = w + j * panel, *sj = start + block * slots * LANES;
            for (ptrdiff_t m = 0; m < n_rows; m += height) {
                const int R = (int)(n_rows - m < height ? n_rows - m : height);
                const ptrdiff_t at = m * units + block * LANES;
                const real *xr[TILE_TALL], *hr[TILE_TALL];
                for (int r = 0; r < R; r++) {
                    xr[r] = x ? x + x_rows[m + r] * ldx : NULL;
                    hr[r] = h_before + (m + r) * units;
                }
#define FORWARD_TILE(R, P, S)                                                          \
    forward_tile(                                                                      \
        cell, gates, slots, R, P, S, x ? xr : NULL, F, hr, H, wj, panel, sj, units,    \
        own + block * LANES, c_before + at,                                            \
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
            j += P;
        }
    }
}

static void forward_step(
    const cell_type *cell,
    ptrdiff_t n_rows,        /* sequences of the strip that have this step */
    const real *x,           /* IN (., ldx), or NULL where `start` holds its part */
    const ptrdiff_t *x_rows, /* IN (n_rows,) row of x for each sequence */
    ptrdiff_t ldx, ptrdiff_t F,
    const real *w,        /* IN panels of F + units rows */
    const real *start,    /* IN (units / LANES, slots * LANES) bias; with x NULL, which
                             is for a single row, b + W x */
    ptrdiff_t H,
    ptrdiff_t units,      /* H, padded to a multiple of LANES */
    int reverse,          /* whether to begin with the last units */
    const real *own,      /* IN (n_own, units) parameters of the cell itself */
    const real *h_before, /* IN (n_rows, units) what R is multiplied with */
    const real *c_before, /* IN (n_rows, units) */
    real *kept,           /* OUT (n_rows, slots, units) or NULL */
    real *h,              /* OUT (n_rows, units), not h_before */
    real *c               /* OUT (n_rows, units), may be c_before */
)
{
#define FORWARD_PANELS(GATES, SLOTS)                                                   \
    forward_panels(                                                                    \
        cell, GATES, SLOTS, n_rows, x, x_rows, ldx, F, w, start, H, units, reverse,    \
        own, h_before, c_before, kept, h, c)
    if (cell->gates == 4)
        FORWARD_PANELS(4, 4);
    else if (cell->gates == 3)
        FORWARD_PANELS(3, 4);
    else
        FORWARD_PANELS(1, 1);
#undef FORWARD_PANELS
}

/* z = b + W x for n row-steps, what a lone sequence does ahead: step by step it would
   read W anew for every row. The chain of an element goes on in forward_step. */
static void input_part(
    const cell_type *cell,
    ptrdiff_t n,
    const real *x,           /* IN (., ldx) */
    const ptrdiff_t *x_rows, /* IN (n,) */
    ptrdiff_t ldx, ptrdiff_t F,
    const real *w,    /* IN panels of F + units rows */
    const real *bias, /* IN (units / LANES, slots * LANES) */
    ptrdiff_t units,
    real *z /* OUT (n, units / LANES, slots * LANES) */
)
{
    const int slots = cell->slots, gates = cell->gates, full = panel_blocks(slots);
    const ptrdiff_t blocks = units / LANES;
    for (ptrdiff_t block = 0; block < blocks; block += full) {
        const int here = blocks - block < full ? (int)(blocks - block) : full;
        const int C = here * gates, height = tile_height(n, C);
        const real *wj = w + block * gates * LANES * (F + units);
        const real *bj = bias + block * slots * LANES;
        for (ptrdiff_t m = 0; m < n; m += height) {
            const int R = (int)(n - m < height ? n - m : height);
            const real *xr[TILE_TALL];
            real *zr[TILE_TALL];
            for (int r = 0; r < R; r++) {
                xr[r] = x + x_rows[m + r] * ldx;
                zr[r] = z + ((m + r) * units + block * LANES) * slots;
                for (int s = gates; s < slots; s++)
                    store(zr[r] + s * LANES, load(bj + s * LANES));
            }
#define INPUT_TILE(R, C) product_tile(R, C, xr, F, wj, bj, zr)
            FOR_TILE(R, C, INPUT_TILE)
#undef INPUT_TILE
        }
    }
}

/* R rows, C vectors of units: d_h = d_out + d_z(t + 1) R', then the cell. The rows of
   d_z_after are moved on from gate to gate, past the padding. */
INLINE void backward_tile(
    const cell_type *cell, const int R, const int C, const real **d_z_after,
    ptrdiff_t H, const real *w, ptrdiff_t units, const real *const *mask,
    const real *const *d_out, const real *const *d_last, const real *own,
    const real *c_before, const real *h, real *d_c, real *kept)
{
    const int gates = cell->gates;
    vec acc[TILE_ROWS * PANEL], d_h[TILE_ROWS * PANEL];
    UNROLL for (int b = 0; b < R * C; b++) acc[b] = broadcast(0);
    if (d_z_after && H == units)
        tile_multiply(R, 1, C, C, acc, d_z_after, gates * units, w, 0);
    else if (d_z_after)
        for (int g = 0; g < gates; g++) {
            tile_multiply(R, 1, C, C, acc, d_z_after, H, w + g * units * C * LANES, 0);
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

/* Rows begin .. end of a strip at one time step. Either all of them go on at the next
   step (d_z_after is given) or all of them end here (d_last may be given). */
static void backward_step(
    const cell_type *cell, ptrdiff_t begin, ptrdiff_t end,
    const real *d_z_after, /* IN (n_rows, slots * units) or NULL */
    const real *w,         /* IN panels (gates * units, <= PANEL * LANES) of R' */
    ptrdiff_t H, ptrdiff_t units,
    const real *mask,       /* IN (n_rows, units) what h' was multiplied with, or NULL */
    const real *d_out,      /* IN (n_rows, units) from the layer above, or NULL */
    const real *d_last,     /* IN (., units) gradient of the last h, or NULL */
    const ptrdiff_t *order, /* IN (n_rows,) row of d_last for each row */
    const real *own,        /* IN (n_own, units) */
    const real *c_before,   /* IN (n_rows, units) */
    const real *h,          /* IN (n_rows, units) */
    real *d_c,              /* IN/OUT (n_rows, units) */
    real *kept              /* IN/OUT (n_rows, slots, units) */
)
{
    const ptrdiff_t row = cell->slots * units;
    const ptrdiff_t of_r = (cell->slots - cell->gates) * units;
    if (begin >= end) return;
    for (ptrdiff_t p = 0; p * PANEL * LANES < units; p++) {
        const int C = panel_vectors(units / LANES, p);
        const int height = tile_height(end - begin, C);
        const ptrdiff_t column = p * PANEL * LANES;
        const real *wp = w + cell->gates * units * column;
        for (ptrdiff_t m = begin; m < end; m += height) {
            const int R = (int)(end - m < height ? end - m : height);
            const ptrdiff_t at = m * units + column;
            const real *after[TILE_TALL], *above[TILE_TALL], *last[TILE_TALL];
            const real *masks[TILE_TALL];
            for (int r = 0; r < R; r++) {
                after[r] = d_z_after ? d_z_after + (m + r) * row + of_r : NULL;
                masks[r] = mask ? mask + (m + r) * units + column : NULL;
                above[r] = d_out ? d_out + (m + r) * units + column : NULL;
                last[r] = d_last ? d_last + order[m + r] * units + column : NULL;
            }
#define BACKWARD_TILE(R, C)                                                            \
    backward_tile(                                                                     \
        cell, R, C, d_z_after ? after : NULL, H, wp, units, mask ? masks : NULL,       \
        d_out ? above : NULL, d_last ? last : NULL, own + column, c_before + at,       \
        h + at, d_c + at, kept + m * row + column)
            FOR_TILE(R, C, BACKWARD_TILE)
#undef BACKWARD_TILE
        }
    }
}

#endif
