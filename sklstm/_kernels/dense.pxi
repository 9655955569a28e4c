"""Dense layers."""


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
