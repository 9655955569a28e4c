"""Recurrent and dense layers over a batch, optimizer steps: loops, threads, shapes.

Compiled once per instruction set and precision (see setup.py and `kernels/__init__.py`).
The arithmetic of a time step is in cell.h, the products in tile.h, that of an optimizer
in optimizer.h; here are the loops over strips, steps and tiles, and the checks of
shapes at the door. A `Schedule` says
which rows belong to which step.

`units` is H padded to a multiple of LANES. Padded units have zero weights, so they
stay at zero and their gradients are zero. The steps end their products at H; d_x and
d_h_0 run over the padding as well, whose d_z is zero.

`gates`, `slots` and `cells` are explained in cell.h.
"""
import numpy as np

from cython.parallel cimport parallel, prange
from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from sklstm._kernels._schedule cimport Batch, Schedule

cdef extern from "<cell.h>" nogil:
    ctypedef float real
    const int LANES "LANES"
    const int PANEL "PANEL"
    int N_CELLS
    unsigned long long flush_denormals() noexcept
    void restore_denormals(unsigned long long) noexcept
    void product(
        Py_ssize_t, Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
        const real*, const real*, Py_ssize_t, real*) noexcept
    void outer(
        Py_ssize_t, Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
        const real*, Py_ssize_t, int, real*, Py_ssize_t, real*) noexcept
    ctypedef struct cell_type:
        const char* name
        int gates
        int slots
        int has_c
        int n_own
        int memory
    const cell_type cells[]
    int panel_blocks(int) noexcept
    void forward_step(
        const cell_type*, Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t,
        Py_ssize_t, const real*, const real*, Py_ssize_t, Py_ssize_t, int, const real*,
        const real*, const real*, real*, real*, real*) noexcept
    void input_part(
        const cell_type*, Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t,
        Py_ssize_t, const real*, const real*, Py_ssize_t, real*) noexcept
    void backward_step(
        const cell_type*, Py_ssize_t, Py_ssize_t, const real*, const real*, Py_ssize_t,
        Py_ssize_t, const real*, const real*, const real*, const Py_ssize_t*,
        const real*, const real*, const real*, real*, real*) noexcept

cdef extern from "<pooling.h>" nogil:
    const int POOL_NORMS, POOL_MEAN, POOL_MAX, POOL_ATTENTION
    real pool_dot(Py_ssize_t, const real*, const real*, int) noexcept
    void pool_step(
        int, Py_ssize_t, const real*, const real*, real*, real*, Py_ssize_t,
        Py_ssize_t*, real*) noexcept
    void pool_step_back(
        int, Py_ssize_t, const real*, const real*, const real*, Py_ssize_t,
        const Py_ssize_t*, real, const real*, real, real*, real*) noexcept

cdef extern from "<optimizer.h>" nogil:
    const int UPDATE_CHUNK
    const double LEAST
    double sum_of_squares(Py_ssize_t, const real*) noexcept
    void adam_update(
        Py_ssize_t, real*, const real*, real*, real*, const real*, real, real, real,
        real, real, real, real, real) noexcept
    void rmsprop_update(
        Py_ssize_t, real*, const real*, real*, real, real, real, real, real) noexcept
    void sgd_update(
        Py_ssize_t, real*, const real*, real*, real, real, real, bint) noexcept

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #else
    static int omp_get_thread_num(void) { return 0; }
    static int omp_get_num_threads(void) { return 1; }
    #endif
    """
    int omp_get_thread_num() noexcept nogil
    int omp_get_num_threads() noexcept nogil


lanes = LANES
#: Number, gates, slots, has_c, n_own and memory of each cell, by name.
cell_table = {
    cells[i].name.decode(): (
        i, cells[i].gates, cells[i].slots, bool(cells[i].has_c), cells[i].n_own,
        cells[i].memory,
    )
    for i in range(N_CELLS)
}
#: Numbers by which a pooling is called.
pooling_modes = {"mean": POOL_MEAN, "max": POOL_MAX, "attention": POOL_ATTENTION}
pooling_norms = POOL_NORMS

cdef enum:
    # Weight gradients. A task is so many rows and one panel of columns. All tasks of a
    # group of panels pass over one chunk of row-steps before the next: 512 KB of d_z
    # that stay in L2, in rows of 1 KB.
    OUTER_ROWS = 24
    OUTER_GROUP = 1024  # bytes
    OUTER_CHUNK = 512  # row-steps
    # Row-steps in a task of the product that gives d_x.
    PRODUCT_ROWS = 96
    # Steps of a lone sequence whose input is multiplied with W at once.
    INPUT_STEPS = 24


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline const Py_ssize_t* address(const Py_ssize_t[::1] a) noexcept:
    """The data of an array; an empty one has none to point at."""
    return &a[0] if a.shape[0] else NULL


cdef inline real* data(real[:, ::1] a) noexcept:
    """The data of an array; NULL for None and for an empty one."""
    if a is None or a.shape[0] == 0 or a.shape[1] == 0:
        return NULL
    return &a[0, 0]


cdef inline const real* const_data(const real[:, ::1] a) noexcept:
    if a is None or a.shape[0] == 0 or a.shape[1] == 0:
        return NULL
    return &a[0, 0]


cdef int check_shape(
    name, const real[:, ::1] a, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    """Kernels follow pointers: an array of another shape must not reach them."""
    if a is not None and (a.shape[0] != rows or a.shape[1] != columns):
        raise ValueError(
            f"{name} has shape {a.shape[0], a.shape[1]}, the kernel needs "
            f"{rows, columns}."
        )
    return 0


cdef int check_rows(
    name, const Py_ssize_t[::1] rows, Py_ssize_t n, const real[:, ::1] a
) except -1:
    """Kernels follow n indices of rows: all must be there, and all rows of `a`."""
    cdef Py_ssize_t i
    cdef size_t largest = 0
    if rows.shape[0] < n:
        raise ValueError(
            f"{name} and the schedule do not belong together: {rows.shape[0]} rows for "
            f"{n} row-steps."
        )
    for i in range(n):  # what is negative becomes larger than any number of rows
        largest = max(largest, <size_t>rows[i])
    if n and largest >= <size_t>a.shape[0]:
        raise ValueError(f"{name} has rows that are not among the {a.shape[0]} there.")
    return 0


# ---- packing ---------------------------------------------------------------------


def pack_gates(
    int cell,
    const real[:, ::1] w,    # IN (F, gates * H)
    const real[:, ::1] r,    # IN (H, gates * H)
    const real[::1] b,       # IN (slots * H,)
    real[::1] packed,        # OUT (gates * units * (F + units),)
    real[:, ::1] bias,       # OUT (units / LANES, slots * LANES)
    int n_threads=1,
):
    """Weights in the order of the forward tile: panels of (k, block, gate, lane)."""
    cdef Py_ssize_t F = w.shape[0], H = r.shape[0], blocks = bias.shape[0]
    cdef Py_ssize_t units = blocks * LANES, block, here
    if not 0 <= cell < N_CELLS:
        raise ValueError(f"There is no cell {cell}.")
    cdef Py_ssize_t gates = cells[cell].gates, slots = cells[cell].slots
    cdef Py_ssize_t full = panel_blocks(<int>slots)
    if (
        blocks != ceil_div(H, LANES) or b.shape[0] != slots * H
        or packed.shape[0] != gates * units * (F + units)
    ):
        raise ValueError("w, r, b, packed and bias do not belong together.")
    check_shape("w", w, F, gates * H)
    check_shape("r", r, H, gates * H)
    check_shape("bias", bias, blocks, slots * LANES)
    cdef const real* w_data = const_data(w)
    for block in prange(blocks, nogil=True, schedule="static", num_threads=n_threads):
        # of a panel of several blocks, this one
        here = min(full, blocks - block // full * full)
        pack_block(
            w_data, &r[0, 0], F, H, gates, block,
            &packed[block // full * full * gates * LANES * (F + units)]
            + block % full * gates * LANES,
            here * gates * LANES,
        )
        pack_bias(&b[0], H, slots, block, &bias[block, 0])


cdef void pack_block(
    const real* w, const real* r, Py_ssize_t F, Py_ssize_t H, Py_ssize_t gates,
    Py_ssize_t block, real* packed, Py_ssize_t width,
) noexcept nogil:
    cdef Py_ssize_t n = min(<Py_ssize_t>LANES, H - block * LANES), k, g
    cdef Py_ssize_t units = ceil_div(H, LANES) * LANES
    cdef const real* source
    cdef real* target
    for k in range(F + units):
        target = packed + k * width
        if n < LANES or k >= F + H:
            memset(target, 0, gates * LANES * sizeof(real))
        if k >= F + H:
            continue
        source = w + k * gates * H if k < F else r + (k - F) * gates * H
        source += block * LANES
        for g in range(gates):
            memcpy(target + g * LANES, source + g * H, n * sizeof(real))


cdef void pack_bias(
    const real* b, Py_ssize_t H, Py_ssize_t slots, Py_ssize_t block, real* bias
) noexcept nogil:
    cdef Py_ssize_t n = min(<Py_ssize_t>LANES, H - block * LANES), s
    memset(bias, 0, slots * LANES * sizeof(real))
    for s in range(slots):
        memcpy(bias + s * LANES, b + s * H + block * LANES, n * sizeof(real))


def pack_columns(
    const real[:, ::1] weights,  # IN (K, n_columns)
    real[::1] packed,            # OUT (K * columns padded to LANES,)
):
    """A plain matrix in panels of at most PANEL vectors of columns."""
    cdef Py_ssize_t K = weights.shape[0], n_columns = weights.shape[1]
    cdef Py_ssize_t width = ceil_div(n_columns, LANES) * LANES
    cdef Py_ssize_t i, start, k, panel_width, n
    if packed.shape[0] != K * width:
        raise ValueError(f"packed has {packed.shape[0]} elements, not {K * width}.")
    with nogil:
        for i in range(ceil_div(width, PANEL * LANES)):
            start = i * PANEL * LANES
            panel_width = min(<Py_ssize_t>(PANEL * LANES), width - start)
            n = min(panel_width, n_columns - start)
            for k in range(K):
                memcpy(
                    &packed[K * start + k * panel_width], &weights[k, start],
                    n * sizeof(real),
                )
                memset(
                    &packed[K * start + k * panel_width] + n, 0,
                    (panel_width - n) * sizeof(real),
                )


def pack_transposed(
    const real[:, ::1] weights,  # IN (n_columns, gates * H), some rows of W or R
    Py_ssize_t gates,
    real[::1] packed,            # OUT (gates * units * columns padded to LANES,)
    int n_threads=1,
):
    """The transposed matrix in panels, its gates padded from H to units rows each."""
    if gates < 1 or weights.shape[1] % gates:
        raise ValueError(f"weights has no {gates} gates of one size.")
    cdef Py_ssize_t n_columns = weights.shape[0], H = weights.shape[1] // gates
    cdef Py_ssize_t units = ceil_div(H, LANES) * LANES, K = gates * units
    cdef Py_ssize_t width = ceil_div(n_columns, LANES) * LANES
    cdef Py_ssize_t panels = ceil_div(width, PANEL * LANES), task, start, g
    if packed.shape[0] != K * width:
        raise ValueError(f"packed has {packed.shape[0]} elements, not {K * width}.")
    for task in prange(
        panels * gates, nogil=True, schedule="static", num_threads=n_threads
    ):
        start = task // gates * PANEL * LANES
        g = task % gates
        pack_panel(
            &weights[start, g * H], gates * H, H, units,
            min(<Py_ssize_t>(PANEL * LANES), n_columns - start),
            min(<Py_ssize_t>(PANEL * LANES), width - start),
            &packed[K * start
                    + g * units * min(<Py_ssize_t>(PANEL * LANES), width - start)],
        )


cdef void pack_panel(
    const real* weights, Py_ssize_t ldw, Py_ssize_t H, Py_ssize_t units, Py_ssize_t n,
    Py_ssize_t panel_width, real* packed,
) noexcept nogil:
    """One gate of n columns, transposed in squares, which L1 holds at any stride."""
    cdef Py_ssize_t i, j, k, unit
    if n < panel_width or H < units:
        memset(packed, 0, units * panel_width * sizeof(real))
    for i in range(units // LANES):
        for j in range(ceil_div(n, LANES)):
            for k in range(j * LANES, min((j + 1) * LANES, n)):
                for unit in range(i * LANES, min((i + 1) * LANES, H)):
                    packed[unit * panel_width + k] = weights[k * ldw + unit]


# ---- forward ---------------------------------------------------------------------


cdef struct Forward:
    const cell_type* cell
    const real* x            # (., ldx)
    const Py_ssize_t* x_rows  # (N,) row of x of each row-step
    Py_ssize_t ldx
    Py_ssize_t F
    const real* w            # packed by pack_gates
    const real* bias
    Py_ssize_t H
    Py_ssize_t units
    const real* own          # (n_own, units) parameters of the cell itself
    const real* h_0          # (B, units) initial states, NULL for zero
    const real* c_0
    const real* mask         # (B, units) by sorted place, or NULL
    real* kept               # (N, slots * units) kept for backward, or NULL
    real* h                  # (N + B, units) all states, or NULL
    real* masked             # (N + B, units) h times mask; without a mask it is h
    real* c                  # (N + B, units) kept for backward, or NULL
    real* h_last             # (B, units) state after the last step
    real* c_last             # (B, units) or NULL
    # two blocks for h, one for c, and b + W x of INPUT_STEPS steps
    real* scratch            # (n_threads, scratch_size)
    Py_ssize_t scratch_size
    Py_ssize_t strip_rows


cdef void forward_strip(
    const Forward* layer, const Batch* batch, Py_ssize_t strip, int thread
) noexcept nogil:
    cdef Py_ssize_t units = layer.units, slots = layer.cell.slots
    cdef bint has_c = layer.cell.has_c
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip], t, r, rows, rows_after
    cdef Py_ssize_t strip_size = layer.strip_rows * units
    # Without states to keep, h alternates between two blocks and c stays in a third.
    cdef real* scratch = layer.scratch + thread * layer.scratch_size
    cdef real* h_before = scratch
    cdef real* c_before = scratch + 2 * strip_size
    cdef real* masked
    cdef real* h
    cdef real* c
    cdef const real* x = layer.x
    cdef const real* start = layer.bias
    cdef const real* mask = NULL
    cdef real* z = scratch + 3 * strip_size
    cdef bint lone = end - first == 1

    if lone:
        x = NULL
    if layer.h != NULL:
        h_before = layer.h + (first + m) * units
    if layer.c != NULL:
        c_before = layer.c + (first + m) * units
    for r in range(end - first):
        copy_row(layer.h_0, order[r], h_before, r, units)
        if has_c:
            copy_row(layer.c_0, order[r], c_before, r, units)
    masked = h_before
    if layer.mask != NULL:
        mask = layer.mask + first * units
        masked = layer.masked + (first + m) * units
        multiply((end - first) * units, h_before, mask, masked)
    rows_after = running[0] if T else 0
    finish_rows(layer, order, rows_after, end - first, h_before, c_before)

    for t in range(T):
        rows = rows_after
        rows_after = running[t + 1] if t + 1 < T else 0
        h = scratch + ((t + 1) & 1) * strip_size
        c = c_before
        if layer.h != NULL:
            h = layer.h + (end + m) * units
        if layer.c != NULL:
            c = layer.c + (end + m) * units
        if lone:
            if t % INPUT_STEPS == 0:
                input_part(
                    layer.cell, min(<Py_ssize_t>INPUT_STEPS, T - t), layer.x,
                    layer.x_rows + m, layer.ldx, layer.F, layer.w, layer.bias, units, z,
                )
            start = z + t % INPUT_STEPS * slots * units
        # Every other step begins with the weights that the one before ended with,
        # which L1 still holds.
        forward_step(
            layer.cell, rows, x, layer.x_rows + m, layer.ldx, layer.F,
            layer.w, start, layer.H, units, t & 1, layer.own, masked,
            c_before if has_c else h_before,
            layer.kept + m * slots * units if layer.kept != NULL else NULL, h, c,
        )
        finish_rows(layer, order, rows_after, rows, h, c)
        h_before = masked = h
        c_before = c
        if mask != NULL:
            masked = layer.masked + (end + m) * units
            multiply(rows * units, h, mask, masked)
        m += rows


cdef inline void multiply(
    Py_ssize_t n, const real* a, const real* b, real* out
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = a[i] * b[i]


cdef inline void copy_row(
    const real* source, Py_ssize_t source_row, real* target, Py_ssize_t row,
    Py_ssize_t units,
) noexcept nogil:
    if source == NULL:
        memset(target + row * units, 0, units * sizeof(real))
    else:
        memcpy(target + row * units, source + source_row * units, units * sizeof(real))


cdef inline void finish_rows(
    const Forward* layer, const Py_ssize_t* order, Py_ssize_t begin, Py_ssize_t end,
    const real* h, const real* c,
) noexcept nogil:
    """Sequences that end here give their state to the layer's output."""
    cdef Py_ssize_t r
    for r in range(begin, end):
        copy_row(h, r, layer.h_last, order[r], layer.units)
        if layer.c_last != NULL and layer.cell.has_c:
            copy_row(c, r, layer.c_last, order[r], layer.units)


def scratch_size(Schedule schedule, Py_ssize_t units, int n_threads):
    """Elements of scratch memory that `forward` needs."""
    n_threads = max(1, min(n_threads, schedule.batch.n_strips))
    return n_threads * (3 * schedule.batch.strip_rows + INPUT_STEPS * PANEL) * units


def forward(
    int cell,
    Schedule schedule,
    const real[:, ::1] x,         # IN (., ldx) of which F columns are features
    const Py_ssize_t[::1] x_rows,  # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    const real[::1] w,            # IN packed by pack_gates
    const real[:, ::1] bias,      # IN packed by pack_gates
    const real[:, ::1] own,       # IN (at least n_own, units)
    real[::1] scratch,            # at least scratch_size(...) elements
    real[:, ::1] h_last,          # OUT (B, units)
    real[:, ::1] c_last=None,     # OUT (B, units)
    const real[:, ::1] h_0=None,  # IN (B, units)
    const real[:, ::1] c_0=None,  # IN (B, units)
    real[:, ::1] kept=None,       # OUT (N, slots * units)
    real[:, ::1] h=None,          # OUT (N + B, units)
    real[:, ::1] c=None,          # OUT (N + B, units)
    const real[:, ::1] mask=None,  # IN (B, units) by sorted place: factors of h'
    real[:, ::1] masked=None,     # OUT (N + B, units) h times mask
    int n_threads=1,
):
    """Run a recurrent layer over a batch.

    With `kept`, `h` and, for a cell that has it, `c` everything that `backward` needs is
    kept; with `h` alone the states of all steps, for a layer above; with none of them
    only `h_last`, in memory that does not grow with the number of steps.
    """
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N
    cdef Py_ssize_t units = bias.shape[0] * LANES, strip
    cdef Forward layer
    cdef unsigned long long denormals = 0
    if not 0 <= cell < N_CELLS:
        raise ValueError(f"There is no cell {cell}.")
    cdef int slots = cells[cell].slots
    if not 0 <= F <= x.shape[1] or H < 1 or units != ceil_div(H, LANES) * LANES:
        raise ValueError("x, F, H and bias do not belong together.")
    check_rows("x_rows", x_rows, N, x)
    if w.shape[0] != cells[cell].gates * units * (F + units):
        raise ValueError("w has another number of elements.")
    check_shape("bias", bias, bias.shape[0], slots * LANES)
    check_shape("own", own, max(<int>own.shape[0], cells[cell].n_own), units)
    check_shape("h_last", h_last, B, units)
    check_shape("c_last", c_last, B, units)
    check_shape("h_0", h_0, B, units)
    check_shape("c_0", c_0, B, units)
    check_shape("kept", kept, N, slots * units)
    check_shape("h", h, N + B, units)
    check_shape("c", c, N + B, units)
    check_shape("mask", mask, B, units)
    check_shape("masked", masked, N + B, units)
    if kept is not None and (h is None or (c is None and cells[cell].has_c)):
        raise ValueError("kept is for backward, which needs the states too.")
    if mask is not None and (masked is None or h is None):
        raise ValueError("A mask needs masked and h.")

    cdef Py_ssize_t strip_rows = batch.strip_rows
    n_threads = max(1, min(n_threads, batch.n_strips))
    layer.scratch_size = (3 * strip_rows + INPUT_STEPS * PANEL) * units
    if scratch.shape[0] < n_threads * layer.scratch_size:
        raise ValueError("scratch has fewer elements than scratch_size says.")
    layer.cell = &cells[cell]
    layer.x = const_data(x)
    layer.x_rows = address(x_rows)
    layer.ldx = x.shape[1]
    layer.F = F
    layer.H = H
    layer.w = &w[0]
    layer.bias = const_data(bias)
    layer.own = const_data(own)
    layer.units = units
    layer.h_0 = const_data(h_0)
    layer.c_0 = const_data(c_0)
    layer.mask = const_data(mask)
    layer.kept = data(kept)
    layer.h = data(h)
    layer.masked = data(masked)
    layer.c = data(c)
    layer.h_last = data(h_last)
    layer.c_last = data(c_last)
    layer.scratch = &scratch[0]
    layer.strip_rows = strip_rows
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for strip in prange(batch.n_strips, schedule="dynamic", chunksize=1):
            forward_strip(&layer, &batch, strip, omp_get_thread_num())
        restore_denormals(denormals)


# ---- backward --------------------------------------------------------------------


cdef struct Backward:
    const cell_type* cell
    const real* r_transposed  # packed by pack_transposed
    Py_ssize_t H
    Py_ssize_t units
    const real* own           # (n_own, units) parameters of the cell itself
    const real* mask          # (B, units) by sorted place, or NULL
    const real* d_out         # (N, units) gradient of every h, or NULL
    const real* d_last        # (B, units) gradient of the last h, or NULL
    real* d_c                 # (B, units) by sorted place: of the last c, then of c_0
    real* d_h_0               # (B, units) by sorted place, or NULL
    real* kept                # (N, slots * units) what forward kept, then d_z
    const real* h             # (N + B, units)
    const real* c             # (N + B, units); h for a cell without


cdef void backward_strip(
    const Backward* layer, const Batch* batch, Py_ssize_t strip
) noexcept nogil:
    cdef Py_ssize_t units = layer.units, r
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef Py_ssize_t m = batch.first_step[strip + 1], t, before, rows, rows_after = 0
    cdef real* d_c = layer.d_c + first * units
    cdef real* d_z
    cdef real* d_h_0
    cdef const real* d_out = NULL
    cdef const real* mask = NULL

    if layer.mask != NULL:
        mask = layer.mask + first * units
    for t in range(T - 1, -1, -1):
        rows = running[t]
        m -= rows
        before = end + m - running[t - 1] if t else first + m
        d_z = layer.kept + m * slots * units
        if layer.d_out != NULL:
            d_out = layer.d_out + m * units
        backward_step(
            layer.cell, 0, rows_after, d_z + rows * slots * units,
            layer.r_transposed, layer.H, units, mask, d_out, NULL, NULL, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        backward_step(
            layer.cell, rows_after, rows, NULL, layer.r_transposed, layer.H, units,
            NULL, d_out, layer.d_last, batch.order + first, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        rows_after = rows
    if layer.d_h_0 != NULL and T:
        d_h_0 = layer.d_h_0 + first * units
        product(
            0, rows_after, layer.kept + (m * slots + slots - gates) * units, NULL,
            slots * units, gates * units, layer.r_transposed, NULL, units // LANES, d_h_0,
        )
        if mask != NULL:
            multiply(rows_after * units, d_h_0, mask, d_h_0)
        if not layer.cell.has_c:
            for r in range(rows_after * units):
                d_h_0[r] += d_c[r]


cdef struct Outer:
    const real* a             # (., lda)
    const Py_ssize_t* rows    # (N,) row of a of each row-step
    Py_ssize_t lda
    Py_ssize_t K              # columns of a
    const real* d             # (N, ldd), its first columns
    Py_ssize_t ldd
    Py_ssize_t vectors        # columns of d that count, in vectors
    Py_ssize_t N
    real* gradient            # (K, vectors * LANES)
    real* bias                # (vectors * LANES,) sum of d, or NULL


cdef void outer_task(
    const Outer* operands, Py_ssize_t panel, Py_ssize_t block, Py_ssize_t begin,
    Py_ssize_t end, bint with_bias,
) noexcept nogil:
    """One block of rows and one panel of columns of A' D over some row-steps, and the
    sum of D over them where asked."""
    cdef Py_ssize_t column = panel * PANEL * LANES, width = operands.vectors * LANES
    cdef Py_ssize_t k = block * OUTER_ROWS
    cdef int C = <int>min(<Py_ssize_t>PANEL, operands.vectors - panel * PANEL)
    outer(
        begin, end, operands.a + k, operands.rows, operands.lda,
        min(<Py_ssize_t>OUTER_ROWS, operands.K - k), operands.d + column, operands.ldd,
        C, operands.gradient + k * width + column, width,
        operands.bias + column if with_bias else NULL,
    )


cdef Py_ssize_t outer_blocks(const Outer* operands) noexcept nogil:
    """Blocks of rows of A' D; the bias rides on the last one."""
    return max(
        <Py_ssize_t>(operands.bias != NULL), ceil_div(operands.K, OUTER_ROWS)
    )


cdef void outer_share(
    const Outer* x, const Outer* h, int thread, int n_threads
) noexcept nogil:
    """One thread's share of d_W = x' d_z and d_R = h' d_z, and their biases.

    The output is split, never the sum: an element is one chain over the row-steps
    whoever computes it.
    """
    cdef Py_ssize_t task_begin, task_end
    cdef Py_ssize_t panels = ceil_div(x.vectors, PANEL)
    cdef Py_ssize_t group = max(
        <Py_ssize_t>1, OUTER_GROUP // <Py_ssize_t>(PANEL * LANES * sizeof(real))
    )
    cdef Py_ssize_t x_blocks = outer_blocks(x), h_blocks = outer_blocks(h)
    cdef Py_ssize_t blocks = x_blocks + h_blocks
    cdef Py_ssize_t share_begin = panels * blocks * thread // n_threads
    cdef Py_ssize_t share_end = panels * blocks * (thread + 1) // n_threads
    cdef Py_ssize_t i, first, n, chunk, begin, end, task, panel, block
    for i in range(ceil_div(panels, group)):
        first = i * group
        n = min(group, panels - first)
        # of this group, by blocks of rows, the panels of a block side by side
        task_begin = max(share_begin - first * blocks, <Py_ssize_t>0)
        task_end = min(share_end - first * blocks, n * blocks)
        if task_begin >= task_end:
            continue
        for chunk in range(ceil_div(x.N, OUTER_CHUNK)):
            begin = chunk * OUTER_CHUNK
            end = min(begin + OUTER_CHUNK, x.N)
            for task in range(task_begin, task_end):
                block = task // n
                panel = first + task % n
                if block < x_blocks:
                    outer_task(
                        x, panel, block, begin, end,
                        x.bias != NULL and block == x_blocks - 1,
                    )
                else:
                    block = block - x_blocks
                    outer_task(
                        h, panel, block, begin, end,
                        h.bias != NULL and block == h_blocks - 1,
                    )


def backward(
    int cell,
    Schedule schedule,
    const real[:, ::1] x,         # IN (., ldx) of which F columns are features
    const Py_ssize_t[::1] x_rows,  # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    const real[::1] r_transposed,  # IN packed by pack_transposed
    const real[:, ::1] own,       # IN (at least n_own, units)
    real[:, ::1] kept,            # IN from forward, OUT d_z
    const real[:, ::1] h,         # IN (N + B, units) from forward
    const real[:, ::1] c,         # IN (N + B, units) from forward, h for a cell without
    real[:, ::1] d_w,             # OUT (F, gates * units)
    real[:, ::1] d_r,             # OUT (H, gates * units)
    real[:, ::1] d_b,             # OUT (1 + slots - gates, gates * units): sums of the
                                  # first slots, and of the last ones
    real[:, ::1] d_c,             # IN (B, units) by sorted place: of the last c,
                                  # OUT of c_0
    const real[:, ::1] d_last=None,  # IN (B, units) gradient of h_last
    const real[:, ::1] d_out=None,   # IN (N, units) gradient of every h, by row-step
    real[:, ::1] d_h_0=None,      # OUT (B, units) by sorted place
    const real[::1] w_transposed=None,  # IN packed by pack_transposed, for d_x
    real[:, ::1] d_x=None,        # OUT (N, F padded to LANES), by row-step
    const real[:, ::1] mask=None,  # IN (B, units) by sorted place, as in forward
    const real[:, ::1] masked=None,  # IN (N + B, units) from forward
    int n_threads=1,
):
    """Back-propagation through time: gradients of the weights, and of x where asked."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N
    cdef Py_ssize_t units = c.shape[1], strip, rows
    cdef Py_ssize_t x_vectors = ceil_div(F, LANES)
    cdef Backward layer
    cdef Outer x_operands, h_operands
    cdef unsigned long long denormals = 0
    cdef int i
    cdef const real* d_z = data(kept)
    cdef const real* w = NULL
    cdef real* d_x_data = data(d_x)
    if not 0 <= cell < N_CELLS:
        raise ValueError(f"There is no cell {cell}.")
    cdef Py_ssize_t gates = cells[cell].gates, slots = cells[cell].slots
    if not 0 <= F <= x.shape[1] or H < 1 or units != ceil_div(H, LANES) * LANES:
        raise ValueError("x, F, H and c do not belong together.")
    check_rows("x_rows", x_rows, N, x)
    if r_transposed.shape[0] != gates * units * units:
        raise ValueError("r_transposed has another number of elements.")
    check_shape("own", own, max(<int>own.shape[0], cells[cell].n_own), units)
    check_shape("kept", kept, N, slots * units)
    check_shape("h", h, N + B, units)
    check_shape("c", c, N + B, units)
    check_shape("d_w", d_w, F, gates * units)
    check_shape("d_r", d_r, H, gates * units)
    check_shape("d_b", d_b, 1 + slots - gates, gates * units)
    check_shape("d_c", d_c, B, units)
    check_shape("d_last", d_last, B, units)
    check_shape("d_h_0", d_h_0, B, units)
    check_shape("d_out", d_out, N, units)
    check_shape("d_x", d_x, N, x_vectors * LANES)
    check_shape("mask", mask, B, units)
    check_shape("masked", masked, N + B, units)
    if d_x is not None:
        if w_transposed is None or (
            w_transposed.shape[0] != gates * units * x_vectors * LANES
        ):
            raise ValueError("d_x needs w_transposed of the same F.")
        w = &w_transposed[0]
    if mask is not None and masked is None:
        raise ValueError("A mask needs masked.")

    layer.cell = &cells[cell]
    layer.r_transposed = &r_transposed[0]
    layer.H = H
    layer.units = units
    layer.own = const_data(own)
    layer.mask = const_data(mask)
    layer.d_out = const_data(d_out)
    layer.d_last = const_data(d_last)
    layer.d_c = data(d_c)
    layer.d_h_0 = data(d_h_0)
    layer.kept = data(kept)
    layer.h = const_data(h)
    layer.c = const_data(c)
    x_operands.a = const_data(x)
    x_operands.rows = address(x_rows)
    x_operands.lda = x.shape[1]
    x_operands.K = F
    x_operands.d = d_z
    x_operands.ldd = slots * units
    x_operands.vectors = gates * units // LANES
    x_operands.N = N
    x_operands.gradient = data(d_w)
    x_operands.bias = data(d_b)
    h_operands = x_operands
    h_operands.a = const_data(h if masked is None else masked)
    h_operands.rows = batch.before_rows
    h_operands.lda = units
    h_operands.K = H
    h_operands.d = d_z + (slots - gates) * units if d_z != NULL else NULL
    h_operands.gradient = data(d_r)
    h_operands.bias = &d_b[1, 0] if slots > gates else NULL
    zero(d_w)
    zero(d_r)
    zero(d_b)
    with nogil, parallel(num_threads=max(1, n_threads)):
        denormals = flush_denormals()
        for strip in prange(batch.n_strips, schedule="dynamic", chunksize=1):
            backward_strip(&layer, &batch, strip)
        if w != NULL:
            for rows in prange(0, N, PRODUCT_ROWS, schedule="static"):
                product(
                    rows, min(rows + PRODUCT_ROWS, N), d_z, NULL, slots * units,
                    gates * units, w, NULL, x_vectors, d_x_data,
                )
        for i in prange(omp_get_num_threads(), schedule="static", chunksize=1):
            outer_share(&x_operands, &h_operands, i, omp_get_num_threads())
        restore_denormals(denormals)


cdef void zero(real[:, ::1] a) noexcept:
    if data(a) != NULL:
        memset(data(a), 0, a.shape[0] * a.shape[1] * sizeof(real))


# ---- pooling over the steps of a sequence --------------------------------------------


cdef struct Pool:
    int mode
    Py_ssize_t width
    const real* h
    const Py_ssize_t* h_rows
    const real* w
    real* total
    real* norms
    Py_ssize_t* where
    real* scores
    const real* d_out  # backward from here on
    const real* dots
    real* d_h
    real* d_w


def pool_forward(
    int mode,
    Schedule schedule,
    const real[:, ::1] h,         # IN (., width)
    const Py_ssize_t[::1] h_rows,  # IN (N,) row of h of each row-step
    const real[:, ::1] w,         # IN (1, width)
    real[:, ::1] total,           # IN/OUT (B, width)
    real[:, ::1] norms,           # IN/OUT (B, POOL_NORMS)
    Py_ssize_t[:, ::1] where=None,  # OUT (B, width) row-steps of the maxima
    real[::1] scores=None,        # OUT (N,)
    int n_threads=1,
):
    """Take the steps of a batch into running sums, each sequence by itself."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t width = total.shape[1], strip
    if h.shape[1] != width or width % LANES:
        raise ValueError("h and total do not belong together.")
    check_rows("h_rows", h_rows, batch.N, h)
    check_shape("w", w, 1, width)
    check_shape("total", total, batch.B, width)
    check_shape("norms", norms, batch.B, POOL_NORMS)
    check_kept(mode, where, scores, &batch, width, False)
    if batch.N == 0:
        return
    cdef Pool pool
    pool.mode = mode
    pool.width = width
    pool.h = const_data(h)
    pool.h_rows = address(h_rows)
    pool.w = const_data(w)
    pool.total = data(total)
    pool.norms = data(norms)
    pool.where = &where[0, 0] if where is not None else NULL
    pool.scores = &scores[0] if scores is not None else NULL
    for strip in prange(
        batch.n_strips, nogil=True, schedule="dynamic", num_threads=n_threads
    ):
        pool_strip(&pool, &batch, strip)


cdef int check_kept(
    int mode, Py_ssize_t[:, ::1] where, real[::1] scores, const Batch* batch,
    Py_ssize_t width, bint needed,
) except -1:
    """What one way of pooling keeps for its backward, in its shape."""
    if not POOL_MEAN <= mode <= POOL_ATTENTION:
        raise ValueError(f"There is no pooling {mode}.")
    if where is not None and (where.shape[0] != batch.B or where.shape[1] != width):
        raise ValueError("where has another shape than what is pooled.")
    if scores is not None and scores.shape[0] != batch.N:
        raise ValueError("scores needs an element for each row-step.")
    if needed and mode == POOL_MAX and where is None:
        raise ValueError("The backward pass of the maximum needs where.")
    if needed and mode == POOL_ATTENTION and scores is None:
        raise ValueError("The backward pass of attention needs scores.")
    return 0


cdef void pool_strip(const Pool* pool, const Batch* batch, Py_ssize_t strip) noexcept nogil:
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + batch.first_row[strip]
    cdef Py_ssize_t m = batch.first_step[strip], width = pool.width, t, r, i
    for t in range(T):
        for r in range(batch.running[batch.running_at[strip] + t]):
            i = order[r]
            pool_step(
                pool.mode, width, pool.h + pool.h_rows[m] * width, pool.w,
                pool.total + i * width, pool.norms + i * POOL_NORMS, m,
                pool.where + i * width if pool.where != NULL else NULL,
                pool.scores + m if pool.scores != NULL else NULL,
            )
            m += 1


def pool_backward(
    int mode,
    Schedule schedule,
    const real[:, ::1] h,         # IN (., width)
    const Py_ssize_t[::1] h_rows,  # IN (N,)
    const real[:, ::1] w,         # IN (1, width)
    real[:, ::1] norms,           # IN (B, POOL_NORMS) from pool_forward
    Py_ssize_t[:, ::1] where or None,  # IN from pool_forward for the maximum
    real[::1] scores or None,     # IN from pool_forward for attention
    const real[:, ::1] out,       # IN (B, width) what was pooled
    const real[:, ::1] d_out,     # IN (B, width)
    real[:, ::1] d_h,             # OUT (N, width), by row-step
    real[:, ::1] d_w,             # OUT (n_strips, width), to be summed
    int n_threads=1,
):
    """Gradient of every step, and of the weights of attention strip by strip."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t width = d_out.shape[1], strip, i
    if h.shape[1] != width or width % LANES:
        raise ValueError("h and d_out do not belong together.")
    check_rows("h_rows", h_rows, batch.N, h)
    check_kept(mode, where, scores, &batch, width, True)
    check_shape("w", w, 1, width)
    check_shape("out", out, batch.B, width)
    check_shape("d_out", d_out, batch.B, width)
    check_shape("norms", norms, batch.B, POOL_NORMS)
    check_shape("d_h", d_h, batch.N, width)
    check_shape("d_w", d_w, batch.n_strips, width)
    zero(d_w)
    if batch.N == 0:
        return
    cdef real[::1] dots = np.empty(batch.B, dtype=np.asarray(out).dtype)
    for i in range(batch.B):
        dots[i] = pool_dot(width, &d_out[i, 0], &out[i, 0], 0)
    cdef Pool pool
    pool.mode = mode
    pool.width = width
    pool.h = const_data(h)
    pool.h_rows = address(h_rows)
    pool.w = const_data(w)
    pool.norms = data(norms)
    pool.where = &where[0, 0] if where is not None else NULL
    pool.scores = &scores[0] if scores is not None else NULL
    pool.d_out = const_data(d_out)
    pool.dots = &dots[0]
    pool.d_h = data(d_h)
    pool.d_w = data(d_w)
    for strip in prange(
        batch.n_strips, nogil=True, schedule="dynamic", num_threads=n_threads
    ):
        pool_strip_back(&pool, &batch, strip)


cdef void pool_strip_back(
    const Pool* pool, const Batch* batch, Py_ssize_t strip
) noexcept nogil:
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + batch.first_row[strip]
    cdef Py_ssize_t m = batch.first_step[strip], width = pool.width, t, r, i
    for t in range(T):
        for r in range(batch.running[batch.running_at[strip] + t]):
            i = order[r]
            pool_step_back(
                pool.mode, width, pool.h + pool.h_rows[m] * width, pool.w,
                pool.norms + i * POOL_NORMS, m,
                pool.where + i * width if pool.where != NULL else NULL,
                pool.scores[m] if pool.scores != NULL else 0,
                pool.d_out + i * width, pool.dots[i], pool.d_h + m * width,
                pool.d_w + strip * width,
            )
            m += 1


# ---- dense layers ------------------------------------------------------------------


def dense_forward(
    const real[:, ::1] a,     # IN (n, lda)
    const real[::1] w,        # IN packed by pack_columns
    const real[::1] bias,     # IN (columns of out,)
    real[:, ::1] out,         # OUT (n, columns padded to LANES)
):
    """out = a W + b, every element the same chain whatever rows are beside it."""
    cdef Py_ssize_t width = out.shape[1], n = out.shape[0]
    cdef Py_ssize_t K = w.shape[0] // width if width else 0
    if (
        a.shape[0] != n or a.shape[1] < K or w.shape[0] != K * width
        or bias.shape[0] != width or width < 1 or width % LANES
    ):
        raise ValueError("a, w, bias and out do not belong together.")
    if n:
        product(
            0, n, &a[0, 0], NULL, a.shape[1], K, &w[0], &bias[0], width // LANES,
            &out[0, 0],
        )


def dense_backward(
    const real[:, ::1] a,       # IN (n, lda) of which K columns are used
    Py_ssize_t K,
    const real[:, ::1] d_out,   # IN (n, width), width a multiple of LANES
    const real[::1] w_transposed,  # IN packed by pack_transposed
    const Py_ssize_t[::1] rows,  # IN (n,) 0, 1, ..., n - 1
    real[:, ::1] d_weights,     # OUT (K + 1, width), the bias last
    real[:, ::1] d_a,           # OUT (n, K padded to LANES)
):
    """d_W = a' d_out, d_b = sum of d_out, d_a = d_out W'."""
    cdef Py_ssize_t n = d_out.shape[0], width = d_out.shape[1]
    cdef Outer operands, nothing
    if (
        width < 1 or width % LANES or a.shape[0] != n or not 0 <= K <= a.shape[1]
        or w_transposed.shape[0] != width * d_a.shape[1]
    ):
        raise ValueError("a, d_out and w_transposed do not belong together.")
    check_rows("rows", rows, n, a)
    check_shape("d_weights", d_weights, K + 1, width)
    check_shape("d_a", d_a, n, ceil_div(K, LANES) * LANES)
    zero(d_weights)
    operands.a = const_data(a)
    operands.rows = address(rows)
    operands.lda = a.shape[1]
    operands.K = K
    operands.d = const_data(d_out)
    operands.ldd = width
    operands.vectors = width // LANES
    operands.N = n
    operands.gradient = &d_weights[0, 0]
    operands.bias = &d_weights[K, 0]
    nothing = operands
    nothing.K = 0
    nothing.bias = NULL
    outer_share(&operands, &nothing, 0, 1)
    product(
        0, n, operands.d, NULL, width, width, &w_transposed[0], NULL,
        d_a.shape[1] // LANES, &d_a[0, 0],
    )


# ---- optimizer steps -------------------------------------------------------------------


def gradient_norm(const real[::1] gradient, int n_threads=1):
    """Euclidean norm, the sum in float64 and in an order that no thread changes."""
    cdef Py_ssize_t n = gradient.shape[0], chunks = ceil_div(n, UPDATE_CHUNK), i
    cdef double[::1] partial = np.empty(chunks)
    for i in prange(chunks, nogil=True, schedule="static", num_threads=n_threads):
        partial[i] = sum_of_squares(
            min(<Py_ssize_t>UPDATE_CHUNK, n - i * UPDATE_CHUNK),
            &gradient[i * UPDATE_CHUNK],
        )
    cdef double total = 0
    for i in range(chunks):
        total += partial[i]
    return sqrt(total)


def adam_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] m,               # IN/OUT
    real[::1] v,               # IN/OUT
    const real[::1] decay or None,  # IN
    double scale,
    double rate,
    double step,
    double beta_1,
    double beta_2,
    double epsilon,
    int n_threads=1,
):
    """A step of Adam with `scale` times the gradient; `step` is the rate corrected."""
    cdef Py_ssize_t n = parameters.shape[0], i, begin
    cdef unsigned long long denormals = 0
    if (
        gradient.shape[0] != n or m.shape[0] != n or v.shape[0] != n
        or decay is not None and decay.shape[0] != n
    ):
        raise ValueError("The vectors of an optimizer step differ in size.")
    cdef const real* w = &decay[0] if decay is not None and n else NULL
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for i in prange(ceil_div(n, UPDATE_CHUNK), schedule="static"):
            begin = i * UPDATE_CHUNK
            adam_update(
                min(<Py_ssize_t>UPDATE_CHUNK, n - begin), &parameters[begin],
                &gradient[begin], &m[begin], &v[begin],
                w + begin if w != NULL else NULL, <real>scale, <real>rate, <real>step,
                <real>beta_1, <real>(1 - beta_1), <real>beta_2, <real>(1 - beta_2),
                <real>max(epsilon, LEAST),
            )
        restore_denormals(denormals)


def rmsprop_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] v,               # IN/OUT
    double scale,
    double rate,
    double beta_2,
    double epsilon,
    int n_threads=1,
):
    """A step of RMSProp with `scale` times the gradient."""
    cdef Py_ssize_t n = parameters.shape[0], i, begin
    cdef unsigned long long denormals = 0
    if gradient.shape[0] != n or v.shape[0] != n:
        raise ValueError("The vectors of an optimizer step differ in size.")
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for i in prange(ceil_div(n, UPDATE_CHUNK), schedule="static"):
            begin = i * UPDATE_CHUNK
            rmsprop_update(
                min(<Py_ssize_t>UPDATE_CHUNK, n - begin), &parameters[begin],
                &gradient[begin], &v[begin], <real>scale, <real>rate, <real>beta_2,
                <real>(1 - beta_2), <real>max(epsilon, LEAST),
            )
        restore_denormals(denormals)


def sgd_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] velocity,        # IN/OUT
    double scale,
    double rate,
    double momentum,
    bint nesterov,
    int n_threads=1,
):
    """A step of gradient descent with momentum, with `scale` times the gradient."""
    cdef Py_ssize_t n = parameters.shape[0], i, begin
    cdef unsigned long long denormals = 0
    if gradient.shape[0] != n or velocity.shape[0] != n:
        raise ValueError("The vectors of an optimizer step differ in size.")
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for i in prange(ceil_div(n, UPDATE_CHUNK), schedule="static"):
            begin = i * UPDATE_CHUNK
            sgd_update(
                min(<Py_ssize_t>UPDATE_CHUNK, n - begin), &parameters[begin],
                &gradient[begin], &velocity[begin], <real>scale, <real>rate,
                <real>momentum, nesterov,
            )
        restore_denormals(denormals)
