"""The head over a vocabulary: log p of tokens, and the gradient of a sum of them.

Of N rows and V tokens there are never (N, V) numbers at once. A chunk of rows goes
through all of it: outputs, their softmax and d_x by rows, then d_w by tokens. An element
is one chain over its sum, whatever the chunk and whoever computes it.

Where operands are rounded (operands.h) these are x, w and the gradient of the outputs;
outputs, their softmax and the gradient of the bias are not.
"""
cdef extern from "<softmax.h>" nogil:
    const real NO_OUTPUT
    double softmax_row(real*, Py_ssize_t, Py_ssize_t, const double*) noexcept
    void log_softmax_row(const real*, Py_ssize_t, Py_ssize_t, double*) noexcept

cdef enum:
    SOFTMAX_ROWS = 48       # that one thread takes at a time, whole tiles
    SOFTMAX_TOKENS = 256    # whose rows of w, for d_x, stay in L2
    GRADIENT_TOKENS = 384   # whose part of a chunk is copied for d_w
    SOFTMAX_CHUNK = 1 << 21  # outputs that are held
    # Rows of a chunk are a multiple of this one: whole blocks of those that one thread
    # takes, and of operands, so that a chunk does not cut the sum of d_w anew.
    WHOLE_CHUNK = 96


cdef Py_ssize_t softmax_chunk(Py_ssize_t n, Py_ssize_t V, int n_threads) noexcept nogil:
    """Rows of a chunk."""
    cdef Py_ssize_t most = SOFTMAX_CHUNK // padded(V) // WHOLE_CHUNK
    cdef Py_ssize_t least = ceil_div(<Py_ssize_t>n_threads * SOFTMAX_ROWS, WHOLE_CHUNK)
    return min(n, max(most, least) * WHOLE_CHUNK)


cdef Py_ssize_t softmax_share(Py_ssize_t K) noexcept nogil:
    """Elements of scratch memory of one thread: what is copied for d_w, or what is
    rounded of a block of rows before."""
    cdef Py_ssize_t copied = outer_scratch(GRADIENT_TOKENS, 0, PACKED_FROM)
    if not ROUNDED:
        return copied
    return max(
        copied,
        as_reals(SOFTMAX_ROWS * max(operand_width(padded(K)), <Py_ssize_t>SOFTMAX_TOKENS)),
    )


cpdef Py_ssize_t softmax_scratch_size(
    Py_ssize_t n, Py_ssize_t K, Py_ssize_t V, int n_threads
) except -1:
    """Elements of scratch memory that n rows of the head need."""
    return softmax_chunk(n, V, n_threads) * padded(V) + n_threads * softmax_share(K)


cpdef Py_ssize_t packed_tokens_size(Py_ssize_t K, Py_ssize_t V) except -1:
    """Elements that `pack_tokens` fills, for the outputs."""
    return padded(V) + as_reals(operand_width(padded(K)) * padded(V))


cpdef Py_ssize_t packed_tokens_backward_size(Py_ssize_t K, Py_ssize_t V) except -1:
    """The same for d_x."""
    return as_reals(operand_width(V) * padded(K))


def pack_tokens(
    const real[:, ::1] w,    # IN (V, K)
    const real[::1] b,       # IN (V,)
    real[::1] packed,        # OUT (packed_tokens_size,) b | w'
    real[::1] backward or None,  # OUT (packed_tokens_backward_size,) w
    int n_threads=1,
):
    """The rows of the tokens in panels: for the outputs transposed."""
    cdef Py_ssize_t V = w.shape[0], K = w.shape[1], width = padded(V), i
    cdef Py_ssize_t panels, start, here
    if (
        V < 1 or K < 1 or b.shape[0] != V or packed.shape[0] != packed_tokens_size(K, V)
        or (
            backward is not None
            and backward.shape[0] != packed_tokens_backward_size(K, V)
        )
    ):
        raise ValueError("w, b and packed do not belong together.")
    cdef const real* w_data = &w[0, 0]
    cdef operand* to
    memcpy(&packed[0], &b[0], V * sizeof(real))
    for i in range(V, width):
        packed[i] = NO_OUTPUT
    transpose(w_data, V, 1, K, <operand*>(&packed[0] + width), n_threads)
    if backward is None:
        return
    to = <operand*>&backward[0]
    panels = ceil_div(padded(K), PANEL * LANES)
    for i in prange(panels, nogil=True, schedule="static", num_threads=n_threads):
        start = i * PANEL * LANES
        here = min(<Py_ssize_t>(PANEL * LANES), padded(K) - start)
        pack_token_panel(
            w_data + start, V, K, min(here, K - start), here // LANES,
            to + operand_width(V) * start,
        )


cdef void pack_token_panel(
    const real* w, Py_ssize_t V, Py_ssize_t K, Py_ssize_t n, Py_ssize_t vectors,
    operand* packed,
) noexcept nogil:
    """n columns of w, zeros behind."""
    cdef Py_ssize_t v
    for v from 0 <= v < operand_width(V) by OPERAND_STEP:
        pack_row(
            w + min(v, V - 1) * K, w + (v + 1) * K if v + 1 < V else NULL,
            n if v < V else 0, vectors, packed + v * vectors * LANES,
        )


def softmax_loss(
    const real[:, ::1] x,        # IN (n, K padded)
    const real[::1] packed,      # IN from pack_tokens
    const real[::1] backward or None,  # IN from pack_tokens, where there are gradients
    const Py_ssize_t[::1] tokens,  # IN (n,), -1: none
    const double[::1] scale or None,  # IN (n,) of what gradients are: -sum scale log p
    real[::1] scratch,           # softmax_scratch_size elements at least
    double[::1] log_p,           # OUT (n,), 0 where there is no token
    real[:, ::1] d_x or None,    # OUT (n, K padded)
    real[:, ::1] d_w or None,    # OUT (V, K padded)
    real[::1] d_b or None,       # OUT (V,)
    Py_ssize_t V,
    int n_threads=1,
):
    cdef Py_ssize_t n = x.shape[0], K = x.shape[1], width = padded(V), m, begin, end
    cdef Py_ssize_t rows = softmax_chunk(n, V, n_threads), block, blocks
    cdef bint gradients = d_x is not None
    cdef int share
    if (
        V < 1 or K < 1 or K % LANES or packed.shape[0] != packed_tokens_size(K, V)
        or tokens.shape[0] != n or log_p.shape[0] != n
    ):
        raise ValueError("x, packed, tokens and log_p do not belong together.")
    if gradients and (
        scale is None or scale.shape[0] != n or backward is None
        or backward.shape[0] != packed_tokens_backward_size(K, V)
        or d_b is None or d_b.shape[0] != V
    ):
        raise ValueError("scale, backward and d_b do not belong together.")
    for m in range(n):
        if not -1 <= tokens[m] < V:
            raise ValueError(f"Row {m} has token {tokens[m]}, of {V}.")
    if scratch.shape[0] < softmax_scratch_size(n, K, V, n_threads):
        raise ValueError("scratch has fewer elements than softmax_scratch_size says.")
    check_shape("d_x", d_x, n, K)
    check_shape("d_w", d_w, V, K)
    if gradients:
        memset(&d_w[0, 0], 0, V * K * sizeof(real))
        memset(&d_b[0], 0, V * sizeof(real))
    if n == 0:
        return
    cdef const real* x_data = &x[0, 0]
    cdef const real* packed_data = &packed[0]
    cdef const real* backward_data = &backward[0] if gradients else NULL
    cdef const Py_ssize_t* token = &tokens[0]
    cdef const double* scales = &scale[0] if gradients else NULL
    cdef double* found = &log_p[0]
    cdef real* z = &scratch[0]
    cdef real* own = z + rows * width
    cdef real* d_x_data = data(d_x)
    cdef real* d_w_data = data(d_w)
    cdef real* d_b_data = &d_b[0] if gradients else NULL
    cdef Py_ssize_t own_size = softmax_share(K)
    cdef const Py_ssize_t[::1] in_order = np.arange(rows, dtype=np.intp)
    for begin from 0 <= begin < n by rows:
        end = min(begin + rows, n)
        blocks = ceil_div(end - begin, SOFTMAX_ROWS)
        for block in prange(
            blocks, nogil=True, schedule="static", num_threads=n_threads
        ):
            softmax_block(
                min(<Py_ssize_t>SOFTMAX_ROWS, end - begin - block * SOFTMAX_ROWS),
                x_data + (begin + block * SOFTMAX_ROWS) * K, K, packed_data,
                backward_data, token + begin + block * SOFTMAX_ROWS,
                scales + begin + block * SOFTMAX_ROWS if gradients else NULL,
                V, width, z + block * SOFTMAX_ROWS * width,
                found + begin + block * SOFTMAX_ROWS,
                d_x_data + (begin + block * SOFTMAX_ROWS) * K if gradients else NULL,
                own + omp_get_thread_num() * own_size,
            )
        if not gradients:
            continue
        for share in prange(
            n_threads, nogil=True, schedule="static", num_threads=n_threads
        ):
            token_gradients(
                z, end - begin, width, x_data + begin * K, &in_order[0], K,
                V * share // n_threads, V * (share + 1) // n_threads,
                own + share * own_size, d_w_data, d_b_data,
            )


cdef void softmax_block(
    Py_ssize_t n, const real* x, Py_ssize_t K, const real* packed, const real* backward,
    const Py_ssize_t* token, const double* scale, Py_ssize_t V, Py_ssize_t width,
    real* z, double* log_p, real* d_x, real* own,
) noexcept nogil:
    """Some rows: log p of their tokens, and z becomes the gradient of the outputs."""
    cdef Py_ssize_t m
    cdef unsigned long long denormals = begin_products()
    token_outputs(n, x, K, packed, width, z, own)
    for m in range(n):
        if token[m] < 0:
            log_p[m] = 0
            if d_x != NULL:
                memset(z + m * width, 0, width * sizeof(real))
            continue
        log_p[m] = softmax_row(
            z + m * width, width, token[m], scale + m if d_x != NULL else NULL
        )
    if d_x != NULL:
        row_gradients(z, n, width, <const operand*>backward, V, K, d_x, own)
    end_products(denormals)


cdef inline unsigned long long begin_products() noexcept nogil:
    """What a thread has to set for products of rounded operands."""
    begin_tiles()
    return flush_denormals() if ROUNDED else 0


cdef inline void end_products(unsigned long long denormals) noexcept nogil:
    if ROUNDED:
        restore_denormals(denormals)
    end_tiles()


cdef void token_outputs(
    Py_ssize_t n, const real* x, Py_ssize_t K, const real* packed, Py_ssize_t width,
    real* z, real* own,
) noexcept nogil:
    """z = x w' + b of at most SOFTMAX_ROWS rows."""
    cdef Py_ssize_t m, depth = operand_width(K)
    cdef const operand* rows = <const operand*>x
    if ROUNDED:
        for m in range(n):
            round_row(x + m * K, K, <operand*>own + m * depth)
        rows = <const operand*>own
    product(
        0, n, 0, width // LANES, rows, NULL, depth, depth,
        <const operand*>(packed + width), packed, width // LANES, z,
    )


cdef void row_gradients(
    const real* z, Py_ssize_t n, Py_ssize_t width, const operand* w, Py_ssize_t V,
    Py_ssize_t K, real* d_x, real* own,
) noexcept nogil:
    """d_x = z w of at most SOFTMAX_ROWS rows."""
    cdef Py_ssize_t v, m, here, panel, column, lda = width
    cdef Py_ssize_t vectors = K // LANES
    cdef const operand* some
    cdef int C
    memset(d_x, 0, n * K * sizeof(real))
    for v from 0 <= v < V by SOFTMAX_TOKENS:
        here = min(<Py_ssize_t>SOFTMAX_TOKENS, V - v)
        some = <const operand*>(z + v)
        if ROUNDED:
            lda = SOFTMAX_TOKENS
            for m in range(n):
                round_row(z + m * width + v, here, <operand*>own + m * lda)
            some = <const operand*>own
        for panel in range(ceil_div(vectors, PANEL)):
            column = panel * PANEL * LANES
            C = <int>min(<Py_ssize_t>PANEL, vectors - panel * PANEL)
            add_product(
                n, some, lda, operand_width(here),
                w + operand_width(V) * column + v * C * LANES, C, d_x + column, K,
            )


cdef void token_gradients(
    const real* z, Py_ssize_t n, Py_ssize_t width, const real* x, const Py_ssize_t* rows,
    Py_ssize_t K, Py_ssize_t begin, Py_ssize_t end, real* scratch, real* d_w, real* d_b,
) noexcept nogil:
    """d_w += z' x and d_b += sum of z, of tokens begin .. end."""
    cdef Py_ssize_t v, m, last
    cdef unsigned long long denormals = begin_products()
    cdef Outer operands, nothing
    operands.rows, operands.lda, operands.N = rows, width, n
    operands.d, operands.ldd, operands.vectors = x, K, K // LANES
    operands.bias = NULL
    for v from begin <= v < end by GRADIENT_TOKENS:
        operands.a = z + v
        operands.K = min(<Py_ssize_t>GRADIENT_TOKENS, end - v)
        operands.gradient = d_w + v * K
        nothing = operands
        nothing.K = 0
        outer_packed(&operands, &nothing, scratch, 0, 1)
        last = v + operands.K
        for m in range(n):
            add_numbers(z + m * width + v, last - v, d_b + v)
    end_products(denormals)


cdef void add_numbers(const real* a, Py_ssize_t n, real* total) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] += a[i]


def log_softmax(
    const real[:, ::1] x,        # IN (n, K padded)
    const real[::1] packed,      # IN from pack_tokens
    real[::1] scratch,           # softmax_scratch_size elements at least
    double[:, ::1] log_p,        # OUT (n, V)
    int n_threads=1,
):
    """log p of all tokens, the bits of `softmax_loss`."""
    cdef Py_ssize_t n = x.shape[0], K = x.shape[1], V = log_p.shape[1], width = padded(V)
    cdef Py_ssize_t rows = softmax_chunk(n, V, n_threads), begin, end, block, blocks
    if (
        V < 1 or K < 1 or K % LANES or packed.shape[0] != packed_tokens_size(K, V)
        or log_p.shape[0] != n
    ):
        raise ValueError("x, packed and log_p do not belong together.")
    if scratch.shape[0] < softmax_scratch_size(n, K, V, n_threads):
        raise ValueError("scratch has fewer elements than softmax_scratch_size says.")
    if n == 0:
        return
    cdef const real* x_data = &x[0, 0]
    cdef const real* packed_data = &packed[0]
    cdef real* z = &scratch[0]
    cdef real* own = z + rows * width
    cdef Py_ssize_t own_size = softmax_share(K)
    cdef double* out = &log_p[0, 0]
    for begin from 0 <= begin < n by rows:
        end = min(begin + rows, n)
        blocks = ceil_div(end - begin, SOFTMAX_ROWS)
        if blocks == 1 or n_threads == 1:
            for block in range(blocks):
                log_softmax_block(
                    begin + block * SOFTMAX_ROWS,
                    min(begin + (block + 1) * SOFTMAX_ROWS, end), x_data, K, packed_data,
                    V, width, z, out, own,
                )
            continue
        for block in prange(
            blocks, nogil=True, schedule="static", num_threads=n_threads
        ):
            log_softmax_block(
                begin + block * SOFTMAX_ROWS, min(begin + (block + 1) * SOFTMAX_ROWS, end),
                x_data, K, packed_data, V, width, z + block * SOFTMAX_ROWS * width, out,
                own + omp_get_thread_num() * own_size,
            )


cdef void log_softmax_block(
    Py_ssize_t begin, Py_ssize_t end, const real* x, Py_ssize_t K, const real* packed,
    Py_ssize_t V, Py_ssize_t width, real* z, double* log_p, real* own,
) noexcept nogil:
    cdef Py_ssize_t m
    cdef unsigned long long denormals = begin_products()
    token_outputs(end - begin, x + begin * K, K, packed, width, z, own)
    for m in range(begin, end):
        log_softmax_row(z + (m - begin) * width, width, V, log_p + m * V)
    end_products(denormals)
