/* The recurrent cells: one forward and one backward function each, side by side, and
   the table of them.

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
   step.h needs them as well. */
#ifndef SKLSTM_CELLS_H
#define SKLSTM_CELLS_H

#include "activations.h"

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

#endif
