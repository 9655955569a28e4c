"""Weights in the order in which the products read them."""


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
