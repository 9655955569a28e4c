"""Attention of the steps of a decoder to those of an encoder: sequences and threads.

A sequence has its products by itself, through the tile: of rows of queries with the keys
transposed, and of rows of weights with the values. So an element is one chain whatever
rows are beside it, and rows of a decoder can come one at a time. What they attend to is
packed for both products once, `pack_values`.
"""

cdef extern from "<attention.h>" nogil:
    void weights_row(Py_ssize_t, real*) noexcept
    void weights_row_back(Py_ssize_t, const real*, real*) noexcept
    real additive_score(Py_ssize_t, const real*, const real*, const real*) noexcept
    void additive_score_back(
        Py_ssize_t, const real*, const real*, const real*, real, real*, real*,
        real*) noexcept
    void tanh_row(Py_ssize_t, real*) noexcept
    void tanh_row_back(Py_ssize_t, const real*, real*) noexcept

cdef enum:
    # Rows of a decoder whose gradients of weights are computed together.
    ATTENTION_ROWS = 48


cdef struct Attention:
    # by sequence of the encoder, B
    Py_ssize_t width          # of the values
    Py_ssize_t depth          # of queries and keys
    const Py_ssize_t* offsets  # (B + 1,) rows of the values and keys of each
    Py_ssize_t B
    const real* packed        # values by sequence, in panels
    const real* transposed    # and transposed, for dot and for backward
    const real* keys          # (., depth), additive; NULL: the values
    const real* v             # (depth,), additive
    # by group of rows of the decoder that attend to the same sequence
    const Py_ssize_t* sources  # (G,)
    const Py_ssize_t* begins  # (G + 1,)
    const Py_ssize_t* places  # (G + 1,) of the weights
    const real* q             # (N, depth)
    real* weights
    real* context             # (N, width)
    # backward
    const Py_ssize_t* rows    # 0, 1, ...
    const real* d_context     # (N, width)
    real* d_q                 # (N, depth)
    real* d_values            # (., width)
    real* d_keys              # (., depth), additive
    real* d_v                 # (B, depth), additive


# ---- what is attended to -------------------------------------------------------------


cdef inline Py_ssize_t transposed_at(Py_ssize_t offset, Py_ssize_t b) noexcept nogil:
    """Columns before those of sequence b, of which each begins at a whole vector."""
    return (offset + b * (LANES - 1)) // LANES * LANES


cpdef Py_ssize_t packed_values_size(
    Py_ssize_t n_rows, Py_ssize_t B, Py_ssize_t width, bint transposed
) except -1:
    """Elements that `pack_values` fills."""
    return (n_rows + (transposed_at(n_rows, B) if transposed else 0)) * width


def pack_values(
    const real[:, ::1] values,     # IN (N, width), one sequence after the other
    const Py_ssize_t[::1] offsets,  # IN (B + 1,)
    bint transposed,               # whether they are keys, or backward is to come
    real[::1] packed,              # OUT (packed_values_size,)
    int n_threads=1,
):
    """The values of each sequence in panels, and transposed in panels."""
    cdef Py_ssize_t N = values.shape[0], width = values.shape[1]
    cdef Py_ssize_t B = offsets.shape[0] - 1, b
    check_offsets("offsets", offsets, N)
    if (
        width < 1 or width % LANES
        or packed.shape[0] != packed_values_size(N, B, width, transposed)
    ):
        raise ValueError("values, offsets and packed do not belong together.")
    if N == 0:
        return
    cdef const real* rows = const_data(values)
    cdef const Py_ssize_t* offset = &offsets[0]
    cdef real* panels = &packed[0]
    cdef real* columns = panels + N * width if transposed else NULL
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        pack_sequence(
            rows + offset[b] * width, offset[b + 1] - offset[b], width,
            panels + offset[b] * width,
            columns + transposed_at(offset[b], b) * width if columns != NULL else NULL,
        )


cdef int check_offsets(
    name, const Py_ssize_t[::1] offsets, Py_ssize_t n
) except -1:
    """Kernels follow offsets from 0 up to n."""
    cdef Py_ssize_t i, last = offsets.shape[0] - 1
    cdef bint rising = last >= 0 and offsets[0] == 0 and offsets[last] == n
    for i in range(last):
        rising = rising and offsets[i] <= offsets[i + 1]
    if not rising:
        raise ValueError(f"{name} do not rise from 0 to {n}.")
    return 0


cdef void pack_sequence(
    const real* values, Py_ssize_t S, Py_ssize_t width, real* panels, real* columns
) noexcept nogil:
    cdef Py_ssize_t i, start, here, size = PANEL * LANES
    for i in range(ceil_div(width, size)):
        start = i * size
        here = min(size, width - start)
        pack_panel(values + start, S, width, here, here, panels + S * start)
    if columns == NULL:
        return
    for i in range(ceil_div(S, size)):
        start = i * size
        transpose_panel(
            values + start * width, width, width, width, min(size, S - start),
            min(size, padded(S) - start), <operand*>(columns + start * width),
        )


# ---- forward -------------------------------------------------------------------------


def attend(
    const real[:, ::1] q,          # IN (N, depth)
    const real[:, ::1] keys or None,  # IN (., depth) for additive scores
    const real[::1] v or None,     # IN (depth,) for additive scores
    const real[::1] packed,        # IN from pack_values
    const Py_ssize_t[::1] offsets,  # IN (B + 1,) rows of the values of each sequence
    const Py_ssize_t[::1] sources,  # IN (G,) the sequence that each group attends to
    const Py_ssize_t[::1] begins,  # IN (G + 1,) rows of each group
    const Py_ssize_t[::1] places,  # IN (G + 1,) of the weights of each group
    real[::1] weights,             # OUT of each group (rows, steps padded)
    real[:, ::1] context,          # OUT (N, width)
    int n_threads=1,
):
    """The context of each row; zero where there is no step to attend to."""
    cdef Attention attention
    cdef Py_ssize_t G = sources.shape[0], g
    cdef unsigned long long denormals = 0
    fill_attention(
        &attention, q, keys, v, packed, offsets, sources, begins, places, weights,
        context.shape[1],
    )
    check_shape("context", context, q.shape[0], attention.width)
    attention.context = data(context)
    if q.shape[0] == 0:
        return
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for g in prange(G, schedule="dynamic"):
            attend_group(&attention, g)
        restore_denormals(denormals)


cdef int fill_attention(
    Attention* attention, const real[:, ::1] q, const real[:, ::1] keys,
    const real[::1] v, const real[::1] packed, const Py_ssize_t[::1] offsets,
    const Py_ssize_t[::1] sources, const Py_ssize_t[::1] begins,
    const Py_ssize_t[::1] places, real[::1] weights, Py_ssize_t width,
) except -1:
    """What both ways read, checked; whether the values are there transposed too."""
    cdef Py_ssize_t B = offsets.shape[0] - 1, G = sources.shape[0], N = q.shape[0], g
    cdef Py_ssize_t n_rows = offsets[B] if B >= 0 else -1, S, depth = q.shape[1]
    cdef bint additive = keys is not None
    check_offsets("offsets", offsets, n_rows)
    check_offsets("begins", begins, N)
    if width < 1 or width % LANES or depth < 1 or depth % LANES:
        raise ValueError("Rows of queries and values are whole vectors.")
    if additive != (v is not None) or (not additive and depth != width):
        raise ValueError("q, keys, v and the values do not belong together.")
    if additive and v.shape[0] != depth:
        raise ValueError("v has not the width of queries.")
    check_shape("keys", keys, n_rows, depth)
    cdef bint transposed = packed.shape[0] == packed_values_size(n_rows, B, width, True)
    if not transposed and (not additive or packed.shape[0] != n_rows * width):
        raise ValueError("packed and offsets do not belong together.")
    if begins.shape[0] != G + 1 or places.shape[0] != G + 1 or places[0] != 0:
        raise ValueError("sources, begins and places do not belong together.")
    for g in range(G):
        if not 0 <= sources[g] < B:
            raise ValueError(f"There is no sequence {sources[g]} to attend to.")
        S = padded(offsets[sources[g] + 1] - offsets[sources[g]])
        if places[g + 1] - places[g] != (begins[g + 1] - begins[g]) * S:
            raise ValueError("places are not those of the weights of each group.")
    if weights.shape[0] < places[G]:
        raise ValueError("weights has fewer elements than places say.")
    attention.width = width
    attention.depth = depth
    attention.offsets = &offsets[0]
    attention.B = B
    attention.packed = &packed[0] if packed.shape[0] else NULL
    attention.transposed = attention.packed
    if transposed:
        attention.transposed = attention.packed + n_rows * width
    attention.keys = const_data(keys)
    attention.v = &v[0] if additive else NULL
    attention.sources = address(sources)
    attention.begins = &begins[0]
    attention.places = &places[0]
    attention.q = const_data(q)
    attention.weights = &weights[0] if weights.shape[0] else NULL
    return transposed


cdef inline void scores_of(
    const Attention* attention, Py_ssize_t b, Py_ssize_t n, Py_ssize_t S,
    const real* rows, real* scores,
) noexcept nogil:
    """Rows (n, width) times the values of a sequence, transposed."""
    cdef Py_ssize_t width = attention.width, vectors = padded(S) // LANES
    product(
        0, n, 0, vectors, <const operand*>rows, NULL, width, width,
        <const operand*>(
            attention.transposed + transposed_at(attention.offsets[b], b) * width
        ),
        NULL, vectors, scores,
    )


cdef void attend_group(const Attention* attention, Py_ssize_t g) noexcept nogil:
    cdef Py_ssize_t width = attention.width, depth = attention.depth
    cdef Py_ssize_t b = attention.sources[g], begin = attention.begins[g], t, s
    cdef Py_ssize_t n = attention.begins[g + 1] - begin
    cdef Py_ssize_t offset = attention.offsets[b]
    cdef Py_ssize_t S = attention.offsets[b + 1] - offset, padded_S = padded(S)
    cdef const real* q = attention.q + begin * depth
    cdef const real* keys = attention.keys
    cdef real* weights = attention.weights + attention.places[g]
    if S == 0:
        memset(attention.context + begin * width, 0, n * width * sizeof(real))
        return
    if attention.v == NULL:
        scores_of(attention, b, n, S, q, weights)
    else:
        keys = keys + offset * depth
        for t in range(n):
            for s in range(S):
                weights[t * padded_S + s] = additive_score(
                    depth, q + t * depth, keys + s * depth, attention.v
                )
            memset(
                weights + t * padded_S + S, 0, (padded_S - S) * sizeof(real)
            )
    for t in range(n):
        weights_row(S, weights + t * padded_S)
    product(
        0, n, 0, width // LANES, <const operand*>weights, NULL, padded_S, S,
        <const operand*>(attention.packed + offset * width), NULL, width // LANES,
        attention.context + begin * width,
    )


# ---- backward ------------------------------------------------------------------------


def attend_scratch_size(
    const Py_ssize_t[::1] offsets, Py_ssize_t depth, int n_threads
):
    """Elements of scratch memory that `attend_backward` needs."""
    cdef Py_ssize_t b, longest = 0, B = offsets.shape[0] - 1
    for b in range(B):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return max(1, n_threads) * ATTENTION_ROWS * padded(longest) + B * depth


def attend_backward(
    const real[:, ::1] q,          # IN (N, depth), as the next six in `attend`
    const real[:, ::1] keys or None,
    const real[::1] v or None,
    const real[::1] packed,
    const Py_ssize_t[::1] offsets,
    const Py_ssize_t[::1] begins,  # IN (B + 1,): a group is the rows of a sequence
    const Py_ssize_t[::1] places,  # IN (B + 1,)
    real[::1] weights,             # IN from `attend`, OUT the gradient of the scores
    const real[:, ::1] d_context,  # IN (N, width)
    real[::1] scratch,             # at least attend_scratch_size elements
    real[:, ::1] d_q,              # OUT (N, depth)
    real[:, ::1] d_values,         # OUT (., width)
    real[:, ::1] d_keys or None,   # OUT (., depth), of additive scores
    real[::1] d_v or None,         # IN/OUT (n,), += the gradient of v, of additive ones
    int n_threads=1,
):
    """Gradients of queries, values and keys, one chain over the steps of a sequence."""
    cdef Attention attention
    cdef Py_ssize_t N = q.shape[0], width = d_context.shape[1], depth = q.shape[1]
    cdef Py_ssize_t B = offsets.shape[0] - 1, b, i, size, longest = 0
    cdef unsigned long long denormals = 0
    cdef const Py_ssize_t[::1] sources = np.arange(B, dtype=np.intp)
    n_threads = max(1, n_threads)
    if not fill_attention(
        &attention, q, keys, v, packed, offsets, sources, begins, places, weights, width
    ):
        raise ValueError("The backward pass needs the values transposed.")
    check_shape("d_context", d_context, N, width)
    check_shape("d_q", d_q, N, depth)
    check_shape("d_values", d_values, offsets[B], width)
    check_shape("d_keys", d_keys, offsets[B], depth)
    if (keys is None) != (d_keys is None) or (keys is None) != (d_v is None):
        raise ValueError("Additive scores have gradients of keys and v.")
    if d_v is not None and padded(d_v.shape[0]) != depth:
        raise ValueError("d_v and q do not belong together.")
    size = attend_scratch_size(offsets, depth, n_threads)
    if scratch.shape[0] < size:
        raise ValueError("scratch has fewer elements than attend_scratch_size says.")
    if B == 0:
        return
    for b in range(B):
        longest = max(longest, begins[b + 1] - begins[b])
    cdef const Py_ssize_t[::1] rows = np.arange(longest, dtype=np.intp)
    attention.rows = address(rows)
    attention.d_context = const_data(d_context)
    attention.d_q = data(d_q)
    attention.d_values = data(d_values)
    attention.d_keys = data(d_keys)
    attention.d_v = &scratch[0]
    cdef real* blocks = attention.d_v + B * depth
    size = (size - B * depth) // n_threads
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for b in prange(B, schedule="dynamic"):
            attend_sequence_back(&attention, b, blocks + omp_get_thread_num() * size)
        restore_denormals(denormals)
    if d_v is not None:
        for b in range(B):
            for i in range(d_v.shape[0]):
                d_v[i] += attention.d_v[b * depth + i]


cdef void attend_sequence_back(
    const Attention* attention, Py_ssize_t b, real* d_weights
) noexcept nogil:
    """`d_weights` has room for those of ATTENTION_ROWS rows."""
    cdef Py_ssize_t width = attention.width, depth = attention.depth, t, s, i
    cdef Py_ssize_t begin = attention.begins[b], offset = attention.offsets[b]
    cdef Py_ssize_t n = attention.begins[b + 1] - begin, rows
    cdef Py_ssize_t S = attention.offsets[b + 1] - offset, padded_S = padded(S)
    cdef const real* q = attention.q + begin * depth
    cdef const real* d_context = attention.d_context + begin * width
    cdef const real* keys = attention.keys
    cdef real* weights = attention.weights + attention.places[b]
    cdef real* d_q = attention.d_q + begin * depth
    cdef real* d_values = attention.d_values + offset * width
    cdef real* d_keys = attention.d_keys
    cdef real* d_v = attention.d_v + b * depth
    if attention.v != NULL:
        memset(d_v, 0, depth * sizeof(real))
    if S == 0 or n == 0:
        if n:
            memset(d_q, 0, n * depth * sizeof(real))
        if S:
            memset(d_values, 0, S * width * sizeof(real))
            if attention.v != NULL:
                memset(d_keys + offset * depth, 0, S * depth * sizeof(real))
        return
    # d_c_s = sum_t a_ts d_context_t
    memset(d_values, 0, S * width * sizeof(real))
    add_outer(attention, n, S, weights, d_context, d_values)
    # d_a_ts = d_context_t . c_s
    for i in range(ceil_div(n, ATTENTION_ROWS)):
        t = i * ATTENTION_ROWS
        rows = min(<Py_ssize_t>ATTENTION_ROWS, n - t)
        scores_of(attention, b, rows, S, d_context + t * width, d_weights)
        for s in range(rows):
            weights_row_back(
                S, d_weights + s * padded_S, weights + (t + s) * padded_S
            )
    if attention.v == NULL:
        product(
            0, n, 0, width // LANES, <const operand*>weights, NULL, padded_S, S,
            <const operand*>(attention.packed + offset * width), NULL, width // LANES,
            d_q,
        )
        add_outer(attention, n, S, weights, q, d_values)
        return
    keys = keys + offset * depth
    d_keys = d_keys + offset * depth
    memset(d_q, 0, n * depth * sizeof(real))
    memset(d_keys, 0, S * depth * sizeof(real))
    for t in range(n):
        for s in range(S):
            additive_score_back(
                depth, q + t * depth, keys + s * depth, attention.v,
                weights[t * padded_S + s], d_q + t * depth, d_keys + s * depth, d_v,
            )


cdef inline void add_outer(
    const Attention* attention, Py_ssize_t n, Py_ssize_t S, const real* weights,
    const real* rows, real* gradient,
) noexcept nogil:
    """gradient (S, width) += weights' (S, n) times rows (n, width)."""
    cdef Py_ssize_t width = attention.width, start, i, size = PANEL * LANES
    for i in range(ceil_div(width, size)):
        start = i * size
        outer(
            0, n, weights, attention.rows, padded(S), S, rows + start, width,
            <int>(min(size, width - start) // LANES), gradient + start, width, NULL,
        )


# ---- tanh of rows --------------------------------------------------------------------


def tanh_rows(
    real[:, ::1] a,  # IN/OUT (n, width)
    int n_threads=1,
):
    """tanh in place, the bits of an element whatever is beside it."""
    cdef Py_ssize_t n = a.shape[0], width = a.shape[1], i
    cdef real* rows = data(a)
    if width % LANES:
        raise ValueError("Rows are whole vectors.")
    for i in prange(n, nogil=True, schedule="static", num_threads=n_threads):
        tanh_row(width, rows + i * width)


def tanh_rows_back(
    const real[:, ::1] y,  # IN (n, width) from tanh_rows
    real[:, ::1] d_y,      # IN/OUT (n, width)
    int n_threads=1,
):
    """The gradient of what tanh was taken of, in place."""
    cdef Py_ssize_t n = y.shape[0], width = y.shape[1], i
    cdef const real* rows = const_data(y)
    cdef real* d_rows = data(d_y)
    check_shape("d_y", d_y, n, width)
    if width % LANES:
        raise ValueError("Rows are whole vectors.")
    for i in prange(n, nogil=True, schedule="static", num_threads=n_threads):
        tanh_row_back(width, rows + i * width, d_rows + i * width)
