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


cdef inline Py_ssize_t as_reals(Py_ssize_t n) noexcept nogil:
    """Real numbers, whole vectors, in whose memory n operands lie."""
    return padded(ceil_div(n * <Py_ssize_t>sizeof(operand), <Py_ssize_t>sizeof(real)))


# ---- for the forward pass: own parameters | bias | W over R --------------------------


cpdef Py_ssize_t packed_forward_size(int cell, Py_ssize_t F, Py_ssize_t H) except -1:
    """Elements that `pack_forward` fills."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H)
    cdef Py_ssize_t rows = row.gates * (operand_width(F) + operand_width(units))
    return (row.n_own + row.slots) * units + as_reals(rows * units)


def pack_forward(
    int cell,
    const real[:, ::1] w,    # IN (F, gates * H)
    const real[:, ::1] r,    # IN (H, gates * H)
    const real[::1] b,       # IN (slots * H,)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_forward_size,)
    int n_threads=1,
):
    """W over R in panels of (k, block, gate, lane), as operands.h has them; the bias by
    (block, slot, lane)."""
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
    cdef operand* panels = <operand*>(bias + slots * units)
    cdef Py_ssize_t rows = operand_width(F) + operand_width(units)
    pad(const_data(p), row.n_own, H, units, &packed[0])
    for block in prange(blocks, nogil=True, schedule="static", num_threads=n_threads):
        # of a panel of several blocks, this one
        here = min(full, blocks - block // full * full)
        pack_block(
            w_data, r_data, F, H, gates, block,
            panels + block // full * full * gates * LANES * rows
            + block % full * gates * LANES * OPERAND_STEP,
            here * gates * LANES,
        )
        pack_bias(b_data, H, slots, block, bias + block * slots * LANES)


cdef int check_own(const cell_type* row, const real[:, ::1] p, Py_ssize_t H) except -1:
    if row.n_own and p is None:
        raise ValueError("The cell has parameters of its own, but p is None.")
    return check_shape("p", p, row.n_own, H)


cdef void pack_block(
    const real* w, const real* r, Py_ssize_t F, Py_ssize_t H, Py_ssize_t gates,
    Py_ssize_t block, operand* packed, Py_ssize_t width,
) noexcept nogil:
    cdef Py_ssize_t x_rows = operand_width(F)
    pack_rows(w, F, x_rows, H, gates, block, packed, width)
    pack_rows(
        r, H, operand_width(padded(H)), H, gates, block, packed + x_rows * width, width
    )


cdef void pack_rows(
    const real* w, Py_ssize_t n, Py_ssize_t n_padded, Py_ssize_t H, Py_ssize_t gates,
    Py_ssize_t block, operand* packed, Py_ssize_t width,
) noexcept nogil:
    """One block of the columns of n rows of weights, and zeros behind."""
    cdef Py_ssize_t columns = min(<Py_ssize_t>LANES, H - block * LANES), i, k, g
    cdef const real* first
    cdef const real* second
    for i in range(n_padded // OPERAND_STEP):
        k = i * OPERAND_STEP
        for g in range(gates):
            first = w + min(k, n) * gates * H + g * H + block * LANES
            second = first + gates * H if k + 1 < n else NULL
            pack_row(
                first, second, columns if k < n else 0, 1,
                packed + k * width + g * LANES * OPERAND_STEP,
            )


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
    cdef Py_ssize_t units = padded(H), rows = operand_width(row.gates * units)
    return (
        row.n_own * units + as_reals(rows * units)
        + (as_reals(rows * padded(F)) if d_x else 0)
    )


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
    cdef real* w_transposed = r_transposed + as_reals(
        operand_width(gates * units) * units
    )
    pad(const_data(p), row.n_own, H, units, &packed[0])
    transpose(const_data(r), H, gates, H, <operand*>r_transposed, n_threads)
    if w is not None:
        transpose(const_data(w), F, gates, H, <operand*>w_transposed, n_threads)


cdef void transpose(
    const real* weights, Py_ssize_t n_columns, Py_ssize_t gates, Py_ssize_t H,
    operand* packed, int n_threads,
) noexcept:
    """W' (gates * H padded, n_columns padded) of W (n_columns, gates * H), in panels."""
    cdef Py_ssize_t units = padded(H), width = padded(n_columns), task, start, g, here
    cdef Py_ssize_t panels = ceil_div(width, PANEL * LANES)
    cdef Py_ssize_t rows = operand_width(gates * units)
    for task in prange(
        panels * gates, nogil=True, schedule="static", num_threads=n_threads
    ):
        start = task // gates * PANEL * LANES
        g = task % gates
        here = min(<Py_ssize_t>(PANEL * LANES), width - start)
        transpose_panel(
            weights + start * gates * H + g * H, gates * H, H, units,
            min(<Py_ssize_t>(PANEL * LANES), n_columns - start), here,
            packed + rows * start + g * units * here,
        )
        if g == gates - 1:
            memset(
                packed + rows * start + gates * units * here, 0,
                (rows - gates * units) * here * sizeof(operand),
            )


cdef void transpose_panel(
    const real* weights, Py_ssize_t ldw, Py_ssize_t H, Py_ssize_t units, Py_ssize_t n,
    Py_ssize_t panel_width, operand* packed,
) noexcept nogil:
    """One gate of n columns."""
    cdef Py_ssize_t i
    for i in range(panel_width // LANES):
        pack_transposed(
            weights + min(i * LANES, n) * ldw, n - i * LANES, ldw, H, units, panel_width,
            packed + i * LANES * OPERAND_STEP,
        )
