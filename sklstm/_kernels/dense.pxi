"""Dense layers: out = a W + b.

An element is one chain whatever rows are beside it, which BLAS does not promise.
"""
# Rows that one thread takes at a time, a multiple of those of a tile.
cdef Py_ssize_t DENSE_ROWS = 48


def dense_forward(
    const real[:, ::1] a,     # IN (n, lda) of which K columns are used
    Py_ssize_t K,
    const real[::1] packed,   # IN from pack_dense
    real[:, ::1] out,         # OUT (n, n_outputs padded)
    int n_threads=1,
):
    cdef Py_ssize_t n = out.shape[0], width = out.shape[1]
    if (
        a.shape[0] != n or not 0 <= K <= a.shape[1] or width < 1 or width % LANES
        or packed.shape[0] != (1 + K) * width
    ):
        raise ValueError("a, K, packed and out do not belong together.")
    dense_product(
        n, K, const_data(a), a.shape[1], &packed[0] + width, &packed[0], width // LANES,
        data(out), n_threads,
    )


cdef void dense_product(
    Py_ssize_t n, Py_ssize_t K, const real* a, Py_ssize_t lda, const real* w,
    const real* b, Py_ssize_t vectors, real* out, int n_threads,
) noexcept:
    """Rows are independent: threads have blocks of them."""
    cdef Py_ssize_t block, blocks = 1 if n_threads == 1 else ceil_div(n, DENSE_ROWS)
    if blocks == 1:  # without the cost of a region
        product(
            0, n, 0, vectors, <const operand*>a, NULL, lda, K, <const operand*>w, b,
            vectors, out,
        )
        return
    for block in prange(blocks, nogil=True, schedule="static", num_threads=n_threads):
        product(
            block * DENSE_ROWS, min((block + 1) * DENSE_ROWS, n), 0, vectors,
            <const operand*>a, NULL, lda, K, <const operand*>w, b, vectors, out,
        )


cpdef Py_ssize_t dense_scratch_size(
    Py_ssize_t n, Py_ssize_t K, Py_ssize_t n_outputs
) except -1:
    """Elements of scratch memory that `dense_backward` of n rows needs."""
    cdef Py_ssize_t width = padded(n_outputs)
    return (n + K + 1) * width if n_outputs < width else 0


def dense_backward(
    const real[:, ::1] a,     # IN (n, lda) of which K columns are used
    const real[:, ::1] d_out,  # IN (n, n_outputs)
    const real[::1] packed,   # IN from pack_dense_backward
    real[::1] scratch,        # at least dense_scratch_size elements
    real[:, ::1] d_w,         # IN/OUT (K, n_outputs), += a' d_out
    real[::1] d_b,            # IN/OUT (n_outputs,), += sum of d_out
    real[:, ::1] d_a,         # OUT (n, K padded) d_out W'
    int n_threads=1,
):
    cdef Py_ssize_t n = d_out.shape[0], n_outputs = d_out.shape[1], K = d_w.shape[0]
    cdef Py_ssize_t width = padded(n_outputs)
    cdef int share
    cdef Outer operands, nothing
    if (
        n_outputs < 1 or a.shape[0] != n or not 0 <= K <= a.shape[1]
        or packed.shape[0] != width * padded(K) or d_b.shape[0] != n_outputs
    ):
        raise ValueError("a, d_out, packed, d_w and d_b do not belong together.")
    if scratch.shape[0] < dense_scratch_size(n, K, n_outputs):
        raise ValueError("scratch has fewer elements than dense_scratch_size says.")
    check_shape("d_w", d_w, K, n_outputs)
    check_shape("d_a", d_a, n, padded(K))
    if n == 0:
        return
    cdef const Py_ssize_t[::1] rows = np.arange(n, dtype=np.intp)
    cdef bint direct = n_outputs == width
    operands.a = const_data(a)
    operands.rows = &rows[0]
    operands.lda = a.shape[1]
    operands.K = K
    operands.d = &d_out[0, 0]
    operands.ldd = width
    operands.vectors = width // LANES
    operands.N = n
    operands.gradient = data(d_w)
    operands.bias = &d_b[0]
    if not direct:
        pad(&d_out[0, 0], n, n_outputs, width, &scratch[0])
        operands.d = &scratch[0]
        operands.gradient = &scratch[n * width]
        operands.bias = operands.gradient + K * width
        pad(const_data(d_w), K, n_outputs, width, operands.gradient)
        pad(&d_b[0], 1, n_outputs, width, operands.bias)
    nothing = operands
    nothing.K = 0
    nothing.bias = NULL
    if n_threads == 1:
        outer_in_place(&operands, &nothing, 0, 1)
    else:
        for share in prange(
            n_threads, nogil=True, schedule="static", num_threads=n_threads
        ):
            outer_in_place(&operands, &nothing, share, n_threads)
    if not direct:
        unpad(operands.gradient, K, n_outputs, width, data(d_w))
        unpad(operands.bias, 1, n_outputs, width, &d_b[0])
    dense_product(
        n, width, operands.d, width, &packed[0], NULL, padded(K) // LANES, data(d_a),
        n_threads,
    )


# ---- packed weights: bias | W, and W' ------------------------------------------------


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
    transpose(&w[0, 0], K, 1, n_outputs, <operand*>&packed[0], 1)
