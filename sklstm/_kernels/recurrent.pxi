"""Recurrent layers over a batch: loops over strips, each by one thread, and time."""

cdef enum:
    # Row-steps in a task of the product that gives d_x.
    PRODUCT_ROWS = 96
    # Steps of a lone sequence whose input is multiplied with W at once.
    INPUT_STEPS = 24


cdef struct Forward:
    const cell_type* cell
    const real* x            # (., ldx)
    const Py_ssize_t* x_rows  # (N,) row of x of each row-step
    Py_ssize_t ldx
    Py_ssize_t F
    Py_ssize_t H
    Py_ssize_t units
    const real* own          # (n_own, units) parameters of the cell itself
    const real* bias         # packed by pack_forward
    const real* w
    # by sequence
    const real* h_0          # (B, units) initial states, NULL for zero
    const real* c_0
    const real* mask         # (B, units), or NULL
    real* h_last             # (B, units) state after the last step
    real* c_last             # (B, units) or NULL
    # by row-step
    real* kept               # (N, slots * units) kept for backward, or NULL
    real* h                  # (N + B, units) all states, or NULL
    real* masked             # (N + B, units) h times mask; without a mask it is h
    real* c                  # (N + B, units) kept for backward, or NULL
    # two blocks for h, one for c, and b + W x of INPUT_STEPS steps
    real* scratch            # (n_threads, scratch_size) by thread
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
        masked = layer.masked + (first + m) * units
        multiply(end - first, units, h_before, layer.mask, order, masked)
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
        if layer.mask != NULL:
            masked = layer.masked + (end + m) * units
            multiply(rows, units, h, layer.mask, order, masked)
        m += rows


cdef inline void multiply(
    Py_ssize_t rows, Py_ssize_t units, const real* a, const real* b,
    const Py_ssize_t* order, real* out,
) noexcept nogil:
    """Rows of a times those rows of b that `order` names."""
    cdef Py_ssize_t r, i
    for r in range(rows):
        for i in range(units):
            out[r * units + i] = a[r * units + i] * b[order[r] * units + i]


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


cpdef Py_ssize_t forward_scratch_size(
    Schedule schedule, Py_ssize_t H, int n_threads
) except -1:
    """Elements of scratch memory that `forward` needs."""
    n_threads = max(1, min(n_threads, schedule.batch.n_strips))
    return n_threads * forward_scratch(schedule.batch.strip_rows, padded(H))


cdef inline Py_ssize_t forward_scratch(
    Py_ssize_t strip_rows, Py_ssize_t units
) noexcept nogil:
    """What one thread needs."""
    return (3 * strip_rows + INPUT_STEPS * PANEL) * units


def forward(
    int cell,
    Schedule schedule,
    const real[:, ::1] x,         # IN (., ldx) of which F columns are features
    const Py_ssize_t[::1] x_rows,  # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    const real[::1] packed,       # IN from pack_forward
    real[::1] scratch,            # at least forward_scratch_size elements
    real[:, ::1] h_last,          # OUT (B, units) by sequence
    real[:, ::1] c_last=None,     # OUT (B, units) by sequence
    const real[:, ::1] h_0=None,  # IN (B, units) by sequence
    const real[:, ::1] c_0=None,  # IN (B, units) by sequence
    real[:, ::1] kept=None,       # OUT (N, slots * units) by row-step
    real[:, ::1] h=None,          # OUT (N + B, units)
    real[:, ::1] c=None,          # OUT (N + B, units)
    const real[:, ::1] mask=None,  # IN (B, units) by sequence: factors of h'
    real[:, ::1] masked=None,     # OUT (N + B, units) h times mask
    int n_threads=1,
):
    """Run a recurrent layer over a batch.

    With `kept`, `h` and, for a cell that has it, `c` everything that `backward` needs is
    kept; with `h` alone the states of all steps, for a layer above; with none of them
    only `h_last`, in memory that does not grow with the number of steps.
    """
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), strip
    cdef Forward layer
    cdef unsigned long long denormals = 0
    layer.cell = cell_of(cell)
    cdef Py_ssize_t slots = layer.cell.slots
    if not 0 <= F <= x.shape[1] or H < 1:
        raise ValueError("x, F and H do not belong together.")
    check_rows("x_rows", x_rows, N, x)
    if packed.shape[0] != packed_forward_size(cell, F, H):
        raise ValueError("packed has not the elements that F and H need.")
    check_shape("h_last", h_last, B, units)
    check_shape("c_last", c_last, B, units)
    check_shape("h_0", h_0, B, units)
    check_shape("c_0", c_0, B, units)
    check_shape("kept", kept, N, slots * units)
    check_shape("h", h, N + B, units)
    check_shape("c", c, N + B, units)
    check_shape("mask", mask, B, units)
    check_shape("masked", masked, N + B, units)
    if kept is not None and (h is None or (c is None and layer.cell.has_c)):
        raise ValueError("kept is for backward, which needs the states too.")
    if mask is not None and (masked is None or h is None):
        raise ValueError("A mask needs masked and h.")

    n_threads = max(1, min(n_threads, batch.n_strips))
    layer.strip_rows = batch.strip_rows
    layer.scratch_size = forward_scratch(batch.strip_rows, units)
    if scratch.shape[0] < n_threads * layer.scratch_size:
        raise ValueError("scratch has fewer elements than forward_scratch_size says.")
    layer.scratch = &scratch[0]
    layer.x = const_data(x)
    layer.x_rows = address(x_rows)
    layer.ldx = x.shape[1]
    layer.F = F
    layer.H = H
    layer.units = units
    layer.own = &packed[0]
    layer.bias = layer.own + layer.cell.n_own * units
    layer.w = layer.bias + slots * units
    layer.h_0 = const_data(h_0)
    layer.c_0 = const_data(c_0)
    layer.mask = const_data(mask)
    layer.kept = data(kept)
    layer.h = data(h)
    layer.masked = data(masked)
    layer.c = data(c)
    layer.h_last = data(h_last)
    layer.c_last = data(c_last)
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for strip in prange(batch.n_strips, schedule="dynamic", chunksize=1):
            forward_strip(&layer, &batch, strip, omp_get_thread_num())
        restore_denormals(denormals)


# ---- backward --------------------------------------------------------------------


cdef struct Backward:
    const cell_type* cell
    Py_ssize_t H
    Py_ssize_t units
    const real* own           # (n_own, units) parameters of the cell itself
    const real* r_transposed  # packed by pack_backward
    # by sequence
    const real* mask          # (B, units), or NULL
    const real* d_last        # (B, units) gradient of the last h, or NULL
    real* d_c                 # (B, units) of the last c, then of c_0; NULL for zero
    real* d_h_0               # (B, units) or NULL
    # by row-step
    const real* d_out         # (N, units) gradient of every h, or NULL
    real* kept                # (N, slots * units) what forward kept, then d_z
    const real* h             # (N + B, units)
    const real* c             # (N + B, units); h for a cell without
    real* scratch             # (n_threads, 2, strip_rows, units) for d_c and d_h_0
    Py_ssize_t strip_rows


cdef void backward_strip(
    const Backward* layer, const Batch* batch, Py_ssize_t strip, int thread
) noexcept nogil:
    cdef Py_ssize_t units = layer.units, i, r
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip + 1], t, before, rows, rows_after = 0
    cdef real* d_c = layer.scratch + 2 * thread * layer.strip_rows * units
    cdef real* d_h_0 = d_c + layer.strip_rows * units
    cdef real* d_z
    cdef const real* d_out = NULL

    for r in range(end - first):
        copy_row(layer.d_c, order[r], d_c, r, units)
    for t in range(T - 1, -1, -1):
        rows = running[t]
        m -= rows
        before = end + m - running[t - 1] if t else first + m
        d_z = layer.kept + m * slots * units
        if layer.d_out != NULL:
            d_out = layer.d_out + m * units
        backward_step(
            layer.cell, 0, rows_after, d_z + rows * slots * units, layer.r_transposed,
            layer.H, units, d_out, layer.mask, NULL, order, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        backward_step(
            layer.cell, rows_after, rows, NULL, layer.r_transposed,
            layer.H, units, d_out, NULL, layer.d_last, order, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        rows_after = rows
    if layer.d_c != NULL:
        for r in range(end - first):
            copy_row(d_c, r, layer.d_c, order[r], units)
    if layer.d_h_0 == NULL:
        return
    if T:
        product(
            0, rows_after, layer.kept + (m * slots + slots - gates) * units, NULL,
            slots * units, gates * units, layer.r_transposed, NULL, units // LANES, d_h_0,
        )
        if layer.mask != NULL:
            multiply(rows_after, units, d_h_0, layer.mask, order, d_h_0)
        if not layer.cell.has_c:
            for i in range(rows_after * units):
                d_h_0[i] += d_c[i]
    for r in range(rows_after):
        copy_row(d_h_0, r, layer.d_h_0, order[r], units)
    for r in range(rows_after, end - first):  # without steps h_0 is the last state
        copy_row(layer.d_last, order[r], layer.d_h_0, order[r], units)


cpdef Py_ssize_t backward_scratch_size(
    int cell, Schedule schedule, Py_ssize_t F, Py_ssize_t H, int n_threads
) except -1:
    """Elements of scratch memory that `backward` needs."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H)
    return (
        2 * max(1, n_threads) * schedule.batch.strip_rows
        + row.gates * (1 + row.slots - row.gates + (F + H if H < units else 0))
    ) * units


def backward(
    int cell,
    Schedule schedule,
    const real[:, ::1] x,         # IN (., ldx) of which F columns are features
    const Py_ssize_t[::1] x_rows,  # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    const real[::1] packed,       # IN from pack_backward, with W' where d_x is given
    real[::1] scratch,            # at least backward_scratch_size elements
    real[:, ::1] kept,            # IN from forward, OUT d_z
    const real[:, ::1] h,         # IN (N + B, units) from forward
    const real[:, ::1] c or None,  # IN (N + B, units) from forward, where the cell has it
    real[:, ::1] d_w,             # IN/OUT (F, gates * H), +=
    real[:, ::1] d_r,             # IN/OUT (H, gates * H), +=
    real[::1] d_b,                # IN/OUT (slots * H,), +=
    real[:, ::1] d_c=None,        # IN (B, units) by sequence: of the last c (None: zero),
                                  # OUT of c_0
    const real[:, ::1] d_last=None,  # IN (B, units) by sequence: gradient of h_last
    const real[:, ::1] d_out=None,   # IN (N, units) by row-step: gradient of every h
    real[:, ::1] d_h_0=None,      # OUT (B, units) by sequence
    real[:, ::1] d_x=None,        # OUT (N, F padded) by row-step
    const real[:, ::1] mask=None,  # IN (B, units) by sequence, as in forward
    const real[:, ::1] masked=None,  # IN (N + B, units) from forward
    int n_threads=1,
):
    """Back-propagation through time. Gradients of weights are added to what is there."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), strip, rows
    cdef Py_ssize_t x_vectors = padded(F) // LANES
    cdef Backward layer
    cdef Outer x_operands, h_operands
    cdef unsigned long long denormals = 0
    cdef int i
    layer.cell = cell_of(cell)
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    if not 0 <= F <= x.shape[1] or H < 1:
        raise ValueError("x, F and H do not belong together.")
    check_rows("x_rows", x_rows, N, x)
    if packed.shape[0] != packed_backward_size(cell, F, H, True) and (
        d_x is not None or packed.shape[0] != packed_backward_size(cell, F, H, False)
    ):
        raise ValueError("packed has not the elements that F, H and d_x need.")
    n_threads = max(1, n_threads)
    if scratch.shape[0] < backward_scratch_size(cell, schedule, F, H, n_threads):
        raise ValueError("scratch has fewer elements than backward_scratch_size says.")
    if layer.cell.has_c != (c is not None) or (d_c is not None and c is None):
        raise ValueError("c and d_c are for a cell that has a state c, which needs c.")
    check_shape("kept", kept, N, slots * units)
    check_shape("h", h, N + B, units)
    check_shape("c", c, N + B, units)
    check_shape("d_w", d_w, F, gates * H)
    check_shape("d_r", d_r, H, gates * H)
    check_shape("d_c", d_c, B, units)
    check_shape("d_last", d_last, B, units)
    check_shape("d_h_0", d_h_0, B, units)
    check_shape("d_out", d_out, N, units)
    check_shape("d_x", d_x, N, x_vectors * LANES)
    check_shape("mask", mask, B, units)
    check_shape("masked", masked, N + B, units)
    if d_b.shape[0] != slots * H:
        raise ValueError(f"d_b has {d_b.shape[0]} elements, not {slots * H}.")
    if mask is not None and masked is None:
        raise ValueError("A mask needs masked.")

    layer.H = H
    layer.units = units
    layer.own = &packed[0]
    layer.r_transposed = layer.own + layer.cell.n_own * units
    layer.mask = const_data(mask)
    layer.d_last = const_data(d_last)
    layer.d_c = data(d_c)
    layer.d_h_0 = data(d_h_0)
    layer.d_out = const_data(d_out)
    layer.kept = data(kept)
    layer.h = const_data(h)
    layer.c = const_data(h if c is None else c)
    layer.scratch = &scratch[0]
    layer.strip_rows = batch.strip_rows
    cdef const real* d_z = layer.kept
    cdef const real* w_transposed = layer.r_transposed + gates * units * units
    cdef real* d_x_data = data(d_x)
    # Padded gradients begin with what is there, so that an element is one chain. Of d_b
    # one row is for the slots that W x goes to, one for those of R h', where they differ.
    cdef real* d_b_data = &d_b[0]
    cdef real* d_b_padded = layer.scratch + 2 * n_threads * batch.strip_rows * units
    cdef real* d_b_last = d_b_padded + (3 * gates - slots) * units
    cdef real* d_w_data = data(d_w)
    cdef real* d_r_data = data(d_r)
    cdef real* d_w_padded = d_w_data
    cdef real* d_r_padded = d_r_data
    if H < units:
        d_w_padded = d_b_padded + (1 + slots - gates) * gates * units
        d_r_padded = d_w_padded + F * gates * units
        pad(d_w_data, F * gates, H, units, d_w_padded)
        pad(d_r_data, H * gates, H, units, d_r_padded)
    x_operands.a = const_data(x)
    x_operands.rows = address(x_rows)
    x_operands.lda = x.shape[1]
    x_operands.K = F
    x_operands.d = d_z
    x_operands.ldd = slots * units
    x_operands.vectors = gates * units // LANES
    x_operands.N = N
    x_operands.gradient = d_w_padded
    x_operands.bias = d_b_padded
    h_operands = x_operands
    h_operands.a = const_data(h if masked is None else masked)
    h_operands.rows = batch.before_rows
    h_operands.lda = units
    h_operands.K = H
    h_operands.d = d_z + (slots - gates) * units if d_z != NULL else NULL
    h_operands.gradient = d_r_padded
    h_operands.bias = d_b_padded + gates * units if slots > gates else NULL
    memset(d_b_padded, 0, (1 + slots - gates) * gates * units * sizeof(real))
    pad(d_b_data, gates, H, units, d_b_padded)
    pad(d_b_data + gates * H, slots - gates, H, units, d_b_last)
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for strip in prange(batch.n_strips, schedule="dynamic", chunksize=1):
            backward_strip(&layer, &batch, strip, omp_get_thread_num())
        if d_x_data != NULL:
            for rows in prange(0, N, PRODUCT_ROWS, schedule="static"):
                product(
                    rows, min(rows + PRODUCT_ROWS, N), d_z, NULL, slots * units,
                    gates * units, w_transposed, NULL, x_vectors, d_x_data,
                )
        for i in prange(omp_get_num_threads(), schedule="static", chunksize=1):
            outer_share(&x_operands, &h_operands, i, omp_get_num_threads())
        restore_denormals(denormals)
    unpad(d_b_padded, gates, H, units, d_b_data)
    unpad(d_b_last, slots - gates, H, units, d_b_data + gates * H)
    if H < units:
        unpad(d_w_padded, F * gates, H, units, d_w_data)
        unpad(d_r_padded, H * gates, H, units, d_r_data)
