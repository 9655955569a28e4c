"""Weights in the order in which the products read them, and how much memory that takes.

Every array begins at a whole vector of the packed memory, which begins at one itself.
"""


cpdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    """Columns in memory of n units, features or outputs: whole vectors."""
    return ceil_div(n, LANES) * LANES


cdef void pad(
    const real* a, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t width, real* out
) noexcept nogil:
    """Rows of n elements as rows of `width`, zero behind."""
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(out + i * width, a + i * n, n * sizeof(real))
        memset(out + i * width + n, 0, (width - n) * sizeof(real))


cdef void unpad(
    const real* a, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t width, real* out
) noexcept nogil:
    """The first n elements of rows of `width`."""
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(out + i * n, a + i * width, n * sizeof(real))


# ---- for the forward pass: own parameters | bias | W over R --------------------------


cpdef Py_ssize_t packed_forward_size(int cell, Py_ssize_t F, Py_ssize_t H) except -1:
    """Elements that `pack_forward` fills."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H)
    return (row.n_own + row.slots + row.gates * (F + units)) * units


def pack_forward(
    int cell,
    const real[:, ::1] w,    # IN (F, gates * H)
    const real[:, ::1] r,    # IN (H, gates * H)
    const real[::1] b,       # IN (slots * H,)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_forward_size,)
    int n_threads=1,
):
    """W over R in panels of (k, block, gate, lane), the bias by (block, slot, lane)."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t F = w.shape[0], H = r.shape[0], units = padded(H)
    cdef Py_ssize_t gates = row.gates, slots = row.slots, block, here
    cdef Py_ssize_t full = panel_blocks(row.slots), blocks = units // LANES
    if (
        H < 1 or b.shape[0] != slots * H
        or packed.shape[0] != packed_forward_size(cell, F, H)
    ):
        raise ValueError("w, r, b and packed do not belong together.")
    check_shape("w", w, F, gates * H)
    check_shape("r", r, H, gates * H)
    check_own(row, p, H)
    cdef const real* w_data = const_data(w)
    cdef const real* r_data = const_data(r)
    cdef const real* b_data = &b[0]
    cdef real* bias = &packed[0] + row.n_own * units
    cdef real* panels = bias + slots * units
    pad(const_data(p), row.n_own, H, units, &packed[0])
    for block in prange(blocks, nogil=True, schedule="static", num_threads=n_threads):
        # of a panel of several blocks, this one
        here = min(full, blocks - block // full * full)
        pack_block(
            w_data, r_data, F, H, gates, block,
            panels + block // full * full * gates * LANES * (F + units)
            + block % full * gates * LANES,
            here * gates * LANES,
        )
        pack_bias(b_data, H, slots, block, bias + block * slots * LANES)


cdef int check_own(const cell_type* row, const real[:, ::1] p, Py_ssize_t H) except -1:
    if row.n_own and p is None:
        raise ValueError("The cell has parameters of its own, but p is None.")
    return check_shape("p", p, row.n_own, H)


cdef void pack_block(
    const real* w, const real* r, Py_ssize_t F, Py_ssize_t H, Py_ssize_t gates,
    Py_ssize_t block, real* packed, Py_ssize_t width,
) noexcept nogil:
    cdef Py_ssize_t n = min(<Py_ssize_t>LANES, H - block * LANES), k, g
    cdef const real* source
    cdef real* target
    for k in range(F + padded(H)):
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


# ---- for the backward pass: own parameters | R' | W' ---------------------------------


cpdef Py_ssize_t packed_backward_size(
    int cell, Py_ssize_t F, Py_ssize_t H, bint d_x
) except -1:
    """Elements that `pack_backward` fills, with W' for the gradient of x or without."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H)
    return (row.n_own + row.gates * (units + (padded(F) if d_x else 0))) * units


def pack_backward(
    int cell,
    const real[:, ::1] w or None,  # IN (F, gates * H) for d_x
    const real[:, ::1] r,    # IN (H, gates * H)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_backward_size,)
    int n_threads=1,
):
    """Transposed weights, their gates padded from H to units rows each."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t H = r.shape[0], units = padded(H), gates = row.gates
    cdef Py_ssize_t F = 0 if w is None else w.shape[0]
    if H < 1 or packed.shape[0] != packed_backward_size(cell, F, H, w is not None):
        raise ValueError("w, r and packed do not belong together.")
    check_shape("w", w, F, gates * H)
    check_shape("r", r, H, gates * H)
    check_own(row, p, H)
    cdef real* r_transposed = &packed[0] + row.n_own * units
    pad(const_data(p), row.n_own, H, units, &packed[0])
    transpose(const_data(r), H, gates, H, r_transposed, n_threads)
    transpose(
        const_data(w), F, gates, H, r_transposed + gates * units * units, n_threads
    )


cdef void transpose(
    const real* weights, Py_ssize_t n_columns, Py_ssize_t gates, Py_ssize_t H,
    real* packed, int n_threads,
) noexcept:
    """W' (gates * H padded, n_columns padded) of W (n_columns, gates * H), in panels."""
    cdef Py_ssize_t units = padded(H), width = padded(n_columns), task, start, g, here
    cdef Py_ssize_t panels = ceil_div(width, PANEL * LANES)
    for task in prange(
        panels * gates, nogil=True, schedule="static", num_threads=n_threads
    ):
        start = task // gates * PANEL * LANES
        g = task % gates
        here = min(<Py_ssize_t>(PANEL * LANES), width - start)
        transpose_panel(
            weights + start * gates * H + g * H, gates * H, H, units,
            min(<Py_ssize_t>(PANEL * LANES), n_columns - start), here,
            packed + gates * units * start + g * units * here,
        )


cdef void transpose_panel(
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


# ---- dense layers: bias | W, and W' --------------------------------------------------


cpdef Py_ssize_t packed_dense_size(Py_ssize_t K, Py_ssize_t n_outputs) except -1:
    """Elements that `pack_dense` fills."""
    return (1 + K) * padded(n_outputs)


def pack_dense(
    const real[:, ::1] w,    # IN (K, n_outputs)
    const real[::1] b,       # IN (n_outputs,)
    real[::1] packed,        # OUT (packed_dense_size,)
):
    """W in panels of at most PANEL vectors of columns."""
    cdef Py_ssize_t K = w.shape[0], n_outputs = w.shape[1], width = padded(n_outputs)
    cdef Py_ssize_t i, start, here
    if (
        K < 1 or n_outputs < 1 or b.shape[0] != n_outputs
        or packed.shape[0] != packed_dense_size(K, n_outputs)
    ):
        raise ValueError("w, b and packed do not belong together.")
    cdef real* panels = &packed[0] + width
    cdef const real* w_data = const_data(w)
    pad(&b[0], 1, n_outputs, width, &packed[0])
    for i in range(ceil_div(width, PANEL * LANES)):
        start = i * PANEL * LANES
        here = min(<Py_ssize_t>(PANEL * LANES), width - start)
        pack_panel(
            w_data + start, K, n_outputs, min(here, n_outputs - start), here,
            panels + K * start,
        )


cdef void pack_panel(
    const real* w, Py_ssize_t K, Py_ssize_t ldw, Py_ssize_t n, Py_ssize_t panel_width,
    real* packed,
) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(K):
        pad(w + k * ldw, 1, n, panel_width, packed + k * panel_width)


cpdef Py_ssize_t packed_dense_backward_size(Py_ssize_t K, Py_ssize_t n_outputs) except -1:
    """Elements that `pack_dense_backward` fills."""
    return padded(n_outputs) * padded(K)


def pack_dense_backward(
    const real[:, ::1] w,    # IN (K, n_outputs)
    real[::1] packed,        # OUT (packed_dense_backward_size,)
):
    """W transposed, in panels."""
    cdef Py_ssize_t K = w.shape[0], n_outputs = w.shape[1]
    if (
        K < 1 or n_outputs < 1
        or packed.shape[0] != packed_dense_backward_size(K, n_outputs)
    ):
        raise ValueError("w and packed do not belong together.")
    transpose(&w[0, 0], K, 1, n_outputs, &packed[0], 1)
