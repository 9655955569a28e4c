"""Convolutional LSTM layers over a batch of clips: states that are images.

Frames are planes (conv.h): plane i has its pixel (y, x) at
``lead + ((i (height + pad_h) + y) (width + pad_w) + x) depth``. The margins, zeros, are
right of a line and below a plane; what is left of a line is the margin of the one above
it, and what is above a plane that of the plane before. What convolutions read are planes:
x, h and the gates; all else has no margins.

Each time step is cut into lines of pixels, of all clips one after the other, of which a
thread has as many as any other; all threads meet after it.
"""

cdef extern from "<conv.h>" nogil:
    ctypedef struct window_type:
        Py_ssize_t depth
        const Py_ssize_t* pieces
        Py_ssize_t n
        Py_ssize_t K
    void conv_forward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const window_type*, const real*, const real*, const real*, const real*,
        const real*, real*, real*, real*) noexcept
    void conv_backward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const real*, const real*, const real*, const real*, const real*, const real*,
        real*, real*) noexcept
    void window_line(
        Py_ssize_t, Py_ssize_t, const window_type*, const real*, const real*,
        real*) noexcept

cdef enum:
    CONV_GATES = 4
    # Bytes of the gradients of gates that all products of a thread pass over together.
    CONV_GROUP = 1 << 17


cdef struct Frame:
    Py_ssize_t height
    Py_ssize_t width
    Py_ssize_t pad_h
    Py_ssize_t pad_w
    Py_ssize_t kernel_h
    Py_ssize_t kernel_w


cdef int read_geometry(geometry, Frame* frame) except -1:
    (
        frame.height, frame.width, frame.pad_h, frame.pad_w, frame.kernel_h,
        frame.kernel_w,
    ) = geometry
    if (
        frame.height < 1 or frame.width < 1 or frame.kernel_h < 1 or frame.kernel_w < 1
        or frame.pad_h < frame.kernel_h // 2 or frame.pad_w < frame.kernel_w // 2
    ):
        raise ValueError(f"There are no frames of the geometry {tuple(geometry)}.")
    return 0


cdef inline Py_ssize_t line_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    """Elements from one line of planes to the next."""
    return (frame.width + frame.pad_w) * depth


cdef inline Py_ssize_t plane_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return (frame.height + frame.pad_h) * line_size(frame, depth)


cdef inline Py_ssize_t lead_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return padded((frame.pad_h * (frame.width + frame.pad_w) + frame.pad_w) * depth)


def plane_lead(Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w, Py_ssize_t depth):
    """Elements before the first plane: zeros."""
    cdef Frame frame
    read_geometry((1, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth)


def planes_size(
    Py_ssize_t n, Py_ssize_t height, Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w,
    Py_ssize_t depth,
):
    """Elements of n planes, with margins and what is before the first."""
    cdef Frame frame
    read_geometry((height, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth) + n * plane_size(&frame, depth)


cdef pieces_of(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t inner, Py_ssize_t used, bint flipped
):
    """Where the stretches around a pixel begin, and the numbers of each.

    A pixel has `inner` numbers, and that as often as `depth` has it; of each `used`
    count, and behind those that do there is padding. `flipped` is the kernel of the
    gradient, in which every tap is where it was seen from.
    """
    cdef Py_ssize_t top = (frame.kernel_h - 1) // 2, left = (frame.kernel_w - 1) // 2
    if flipped:
        top, left = frame.kernel_h - 1 - top, frame.kernel_w - 1 - left
    lines = (np.arange(frame.kernel_h) - top) * line_size(frame, depth)
    if used == inner:
        return (lines - left * depth).astype(np.intp), frame.kernel_w * depth
    taps = (np.arange(frame.kernel_w) - left) * depth
    parts = np.arange(0, depth, inner)
    pieces = lines[:, None, None] + taps[:, None] + parts
    return pieces.ravel().astype(np.intp), used


cdef window_type window_of(
    Py_ssize_t depth, const Py_ssize_t[::1] pieces, Py_ssize_t K
) noexcept:
    cdef window_type window
    window.depth = depth
    window.pieces = address(pieces)
    window.n = pieces.shape[0] if K else 0
    window.K = K
    return window


cdef real* planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    """The first pixel of the first of n planes; NULL for None."""
    cdef real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef const real* read_planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    cdef const real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef int check_planes(
    name, const real[::1] a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except -1:
    cdef Py_ssize_t size = lead_size(frame, depth) + n * plane_size(frame, depth)
    if a.shape[0] != size:
        raise ValueError(
            f"{name} has {a.shape[0]} elements, {n} planes of depth {depth} have {size}."
        )
    return 0


cdef inline void end_line(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t y, real* line
) noexcept nogil:
    """The margins behind line y, whose pixels begin at `line`."""
    memset(line + frame.width * depth, 0, frame.pad_w * depth * sizeof(real))
    if y == frame.height - 1:
        memset(
            line + line_size(frame, depth), 0,
            frame.pad_h * line_size(frame, depth) * sizeof(real),
        )


cdef inline void begin_planes(
    const Frame* frame, Py_ssize_t depth, real* first
) noexcept nogil:
    """The zeros before the first plane."""
    cdef Py_ssize_t n = lead_size(frame, depth)
    memset(first - n, 0, n * sizeof(real))


cdef inline void copy_line(const real* source, Py_ssize_t n, real* target) noexcept nogil:
    """NULL stands for zeros."""
    if source == NULL:
        memset(target, 0, n * sizeof(real))
    else:
        memcpy(target, source, n * sizeof(real))


cdef inline const real* at(const real* a, Py_ssize_t offset) noexcept nogil:
    return NULL if a == NULL else a + offset


# ---- weights --------------------------------------------------------------------------


cdef int conv_cell(int cell, const cell_type** row) except -1:
    row[0] = cell_of(cell)
    if row[0].gates != CONV_GATES or row[0].slots != CONV_GATES:
        raise ValueError(f"Convolutions know no cell of {row[0].gates} gates.")
    return 0


cpdef Py_ssize_t packed_conv_size(
    int cell, kernel_size, Py_ssize_t F, Py_ssize_t H
) except -1:
    """Elements that `pack_conv` fills: own parameters | bias | W over R."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, units = padded(H)
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    return (
        row.n_own + CONV_GATES + CONV_GATES * kernel_h * kernel_w * (F + H)
    ) * units


def pack_conv(
    int cell,
    kernel_size,
    const real[:, ::1] w,    # IN (taps * F, gates * H)
    const real[:, ::1] r,    # IN (taps * H, gates * H)
    const real[::1] b,       # IN (gates * H,)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_conv_size,)
    int n_threads=1,
):
    """W over R in panels of (k, gate, lane) for each block of units."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, block
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    cdef Py_ssize_t taps = kernel_h * kernel_w, H = r.shape[0] // max(taps, 1)
    cdef Py_ssize_t F = w.shape[0] // max(taps, 1), units = padded(H)
    if (
        H < 1 or b.shape[0] != CONV_GATES * H
        or packed.shape[0] != packed_conv_size(cell, kernel_size, F, H)
    ):
        raise ValueError("w, r, b and packed do not belong together.")
    check_shape("w", w, taps * F, CONV_GATES * H)
    check_shape("r", r, taps * H, CONV_GATES * H)
    check_own(row, p, H)
    cdef const real* w_data = const_data(w)
    cdef const real* r_data = const_data(r)
    cdef const real* b_data = &b[0]
    cdef real* bias = &packed[0] + row.n_own * units
    cdef real* panels = bias + CONV_GATES * units
    cdef Py_ssize_t size = CONV_GATES * LANES, K = taps * (F + H)
    pad(const_data(p), row.n_own, H, units, &packed[0])
    for block in prange(
        units // LANES, nogil=True, schedule="static", num_threads=n_threads
    ):
        pack_rows(
            w_data, taps * F, taps * F, H, CONV_GATES, block,
            <operand*>(panels + block * K * size), size,
        )
        pack_rows(
            r_data, taps * H, taps * H, H, CONV_GATES, block,
            <operand*>(panels + (block * K + taps * F) * size), size,
        )
        pack_bias(b_data, H, CONV_GATES, block, bias + block * size)


cpdef Py_ssize_t packed_conv_backward_size(
    int cell, kernel_size, Py_ssize_t F, Py_ssize_t H, bint d_x
) except -1:
    """Elements that `pack_conv_backward` fills: own parameters | R' | W'."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, units = padded(H)
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    return row.n_own * units + CONV_GATES * kernel_h * kernel_w * H * (
        units + (padded(F) if d_x else 0)
    )


def pack_conv_backward(
    int cell,
    kernel_size,
    const real[:, ::1] w or None,  # IN (taps * F, gates * H) for d_x
    const real[:, ::1] r,    # IN (taps * H, gates * H)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_conv_backward_size,)
    int n_threads=1,
):
    """Weights whose taps are in the opposite order, and of each the transposed matrix."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, F = 0
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    cdef Py_ssize_t taps = kernel_h * kernel_w, H = r.shape[0] // max(taps, 1)
    cdef Py_ssize_t units = padded(H)
    if w is not None:
        F = w.shape[0] // max(taps, 1)
    if H < 1 or packed.shape[0] != packed_conv_backward_size(
        cell, kernel_size, F, H, w is not None
    ):
        raise ValueError("w, r and packed do not belong together.")
    check_shape("w", w, taps * F, CONV_GATES * H)
    check_shape("r", r, taps * H, CONV_GATES * H)
    check_own(row, p, H)
    cdef real* r_transposed = &packed[0] + row.n_own * units
    cdef real* w_transposed = r_transposed + CONV_GATES * taps * H * units
    pad(const_data(p), row.n_own, H, units, &packed[0])
    transpose_taps(const_data(r), taps, H, H, r_transposed, n_threads)
    if w is not None:
        transpose_taps(const_data(w), taps, F, H, w_transposed, n_threads)


cdef void transpose_taps(
    const real* weights, Py_ssize_t taps, Py_ssize_t n_columns, Py_ssize_t H,
    real* packed, int n_threads,
) noexcept:
    """Panels (taps from the last on, gates, H) of the padded n_columns of each tap."""
    cdef Py_ssize_t width = padded(n_columns), K = taps * CONV_GATES * H
    cdef Py_ssize_t task, start, tap, g, here
    for task in prange(
        ceil_div(width, PANEL * LANES) * taps, nogil=True, schedule="static",
        num_threads=n_threads,
    ):
        start = task // taps * PANEL * LANES
        tap = task % taps
        here = min(<Py_ssize_t>(PANEL * LANES), width - start)
        for g in range(CONV_GATES):
            transpose_tap(
                weights + ((tap * n_columns + start) * CONV_GATES + g) * H, H,
                min(<Py_ssize_t>(PANEL * LANES), n_columns - start), here,
                packed + K * start + ((taps - 1 - tap) * CONV_GATES + g) * H * here,
            )


cdef void transpose_tap(
    const real* weights, Py_ssize_t H, Py_ssize_t n, Py_ssize_t panel_width, real* packed
) noexcept nogil:
    """One gate of n columns, without padding of its H units."""
    cdef Py_ssize_t unit, column
    for unit in range(H):
        for column in range(n):
            packed[column] = weights[column * CONV_GATES * H + unit]
        for column in range(n, panel_width):
            packed[column] = 0
        packed += panel_width


# ---- forward --------------------------------------------------------------------------


cdef struct ConvForward:
    const cell_type* cell
    Frame frame
    Py_ssize_t units
    window_type x_window
    window_type h_window
    const real* x             # planes, or NULL
    const Py_ssize_t* x_rows  # (N,) plane of x of each row-step
    const real* own           # (n_own, units)
    const real* bias
    const real* w
    # by sequence, (B, height * width * units)
    const real* h_0           # or NULL
    const real* c_0
    real* h_last
    real* c_last
    # by row-step
    real* kept                # planes (N), or NULL
    real* h                   # planes (N + B), or NULL
    real* c                   # (N + B, height * width * units), or NULL
    real* scratch             # without h two blocks of planes, without c one of c


cdef Py_ssize_t conv_scratch(
    const Frame* frame, Py_ssize_t rows, Py_ssize_t units
) noexcept nogil:
    return 2 * (
        lead_size(frame, units) + rows * plane_size(frame, units)
    ) + rows * frame.height * frame.width * units


cpdef Py_ssize_t conv_scratch_size(Schedule schedule, geometry, Py_ssize_t H) except -1:
    """Elements of scratch memory that `conv_forward` needs."""
    cdef Frame frame
    read_geometry(geometry, &frame)
    return conv_scratch(&frame, schedule.batch.strip_rows, padded(H))


def conv_forward(
    int cell,
    Schedule schedule,
    geometry,      # height, width, pad_h, pad_w, kernel_h, kernel_w
    x,             # IN planes of depth ldx, of which F channels are features, or None
    Py_ssize_t ldx,
    x_rows,        # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    packed,        # IN from pack_conv
    scratch,       # conv_scratch_size elements
    h_last,        # OUT (B, height * width * units) by sequence
    c_last,        # OUT, the same
    h_0=None,      # IN, the same
    c_0=None,
    kept=None,     # OUT planes (N) of depth gates * units
    h=None,        # OUT planes (N + B) of depth units
    c=None,        # OUT (N + B, height * width * units)
    int n_threads=1,
):
    """A layer over a batch; with `kept`, `h` and `c` all is kept that backward needs."""
    cdef ConvForward layer
    cdef const Batch* batch = &schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), image
    cdef const Py_ssize_t[::1] rows = x_rows
    cdef const real[::1] packed_view = packed, x_view
    cdef real[::1] scratch_view = scratch
    cdef int strip
    conv_cell(cell, &layer.cell)
    read_geometry(geometry, &layer.frame)
    image = layer.frame.height * layer.frame.width * units
    if H < 1 or not 0 <= F <= ldx or (x is None and F):
        raise ValueError("x, ldx, F and H do not belong together.")
    if packed_view.shape[0] != packed_conv_size(
        cell, (layer.frame.kernel_h, layer.frame.kernel_w), F, H
    ):
        raise ValueError("packed has not the elements that F and H need.")
    if scratch_view.shape[0] < conv_scratch(&layer.frame, batch.strip_rows, units):
        raise ValueError("scratch has fewer elements than conv_scratch_size says.")
    if kept is not None and (h is None or c is None):
        raise ValueError("kept is for backward, which needs the states too.")
    layer.x = NULL
    if F:
        x_view = x
        layer.x = conv_input(x_view, &layer.frame, ldx, rows, N)
    x_pieces, x_K = pieces_of(&layer.frame, ldx, ldx, F, False)
    h_pieces, h_K = pieces_of(&layer.frame, units, units, H, False)
    layer.x_window = window_of(ldx, x_pieces, x_K if F else 0)
    layer.h_window = window_of(units, h_pieces, h_K)
    layer.x_rows = address(rows)
    layer.units = units
    layer.own = &packed_view[0]
    layer.bias = layer.own + layer.cell.n_own * units
    layer.w = layer.bias + CONV_GATES * units
    layer.h_0 = read("h_0", h_0, B, image)
    layer.c_0 = read("c_0", c_0, B, image)
    layer.h_last = written("h_last", h_last, B, image)
    layer.c_last = written("c_last", c_last, B, image)
    layer.kept = planes("kept", kept, &layer.frame, N, CONV_GATES * units)
    layer.h = planes("h", h, &layer.frame, N + B, units)
    layer.c = written("c", c, N + B, image)
    layer.scratch = &scratch_view[0]
    if h_last is None or c_last is None:
        raise ValueError("h_last and c_last are needed.")
    n_threads = max(1, n_threads)
    with nogil, parallel(num_threads=n_threads):
        conv_forward_share(&layer, batch, omp_get_thread_num(), omp_get_num_threads())


cdef const real* conv_input(
    const real[::1] x, const Frame* frame, Py_ssize_t depth, const Py_ssize_t[::1] rows,
    Py_ssize_t N,
) except? NULL:
    """The first plane of x; all that `rows` name are there."""
    cdef Py_ssize_t n = (x.shape[0] - lead_size(frame, depth)) // max(
        plane_size(frame, depth), <Py_ssize_t>1
    )
    cdef Py_ssize_t i
    if n < 0:
        n = 0
    check_planes("x", x, frame, n, depth)
    if rows.shape[0] < N:
        raise ValueError(f"There are {rows.shape[0]} rows of x for {N} row-steps.")
    for i in range(N):
        if not 0 <= rows[i] < n:
            raise ValueError(f"Row {rows[i]} of x is not among its {n} planes.")
    return &x[0] + lead_size(frame, depth) if x.shape[0] else NULL


cdef void conv_forward_share(
    const ConvForward* layer, const Batch* batch, int thread, int n_threads
) noexcept nogil:
    """What one thread does of all strips."""
    cdef unsigned long long denormals = flush_denormals()
    cdef Py_ssize_t strip
    if thread == 0:
        if layer.h != NULL:
            begin_planes(&layer.frame, layer.units, layer.h)
        if layer.kept != NULL:
            begin_planes(&layer.frame, CONV_GATES * layer.units, layer.kept)
    for strip in range(batch.n_strips):
        conv_forward_strip(layer, batch, strip, thread, n_threads)
    restore_denormals(denormals)


cdef void conv_forward_strip(
    const ConvForward* layer, const Batch* batch, Py_ssize_t strip, int thread,
    int n_threads,
) noexcept nogil:
    """A thread's own lines of the frames of a strip, at all its steps."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units, height = frame.height
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip], t, r, y, i, rows
    cdef Py_ssize_t rows_after = running[0] if T else 0
    cdef Py_ssize_t line = frame.width * units, image = height * line
    cdef Py_ssize_t h_line = line_size(frame, units), h_plane = plane_size(frame, units)
    cdef Py_ssize_t z_line = CONV_GATES * h_line, z_plane = CONV_GATES * h_plane
    cdef Py_ssize_t x_line = line_size(frame, layer.x_window.depth)
    cdef Py_ssize_t x_plane = plane_size(frame, layer.x_window.depth)
    # Without states to keep, h alternates between two blocks and c stays in a third.
    cdef Py_ssize_t block = lead_size(frame, units) + batch.strip_rows * h_plane
    cdef real* blocks = layer.scratch + lead_size(frame, units)
    cdef real* h_before = blocks
    cdef real* c_before = layer.scratch + 2 * block
    cdef real* h
    cdef real* c
    cdef real* own_h
    cdef real* own_c
    cdef real* kept = NULL
    if layer.h != NULL:
        h_before = layer.h + (first + m) * h_plane
    elif thread == 0:
        begin_planes(frame, units, blocks)
        begin_planes(frame, units, blocks + block)
    if layer.c != NULL:
        c_before = layer.c + (first + m) * image
    for i in range(
        (end - first) * height * thread // n_threads,
        (end - first) * height * (thread + 1) // n_threads,
    ):
        r, y = i // height, i % height
        own_h = h_before + r * h_plane + y * h_line
        own_c = c_before + r * image + y * line
        copy_line(at(layer.h_0, order[r] * image + y * line), line, own_h)
        copy_line(at(layer.c_0, order[r] * image + y * line), line, own_c)
        end_line(frame, units, y, own_h)
        if r >= rows_after:
            memcpy(layer.h_last + order[r] * image + y * line, own_h, line * sizeof(real))
            memcpy(layer.c_last + order[r] * image + y * line, own_c, line * sizeof(real))
    wait_for_all()
    for t in range(T):
        rows = rows_after
        rows_after = running[t + 1] if t + 1 < T else 0
        h = blocks + ((t + 1) & 1) * block
        c = c_before
        if layer.h != NULL:
            h = layer.h + (end + m) * h_plane
        if layer.c != NULL:
            c = layer.c + (end + m) * image
        for i in range(
            rows * height * thread // n_threads, rows * height * (thread + 1) // n_threads
        ):
            r, y = i // height, i % height
            own_h = h + r * h_plane + y * h_line
            own_c = c + r * image + y * line
            if layer.kept != NULL:
                kept = layer.kept + (m + r) * z_plane + y * z_line
                end_line(frame, CONV_GATES * units, y, kept)
            conv_forward_line(
                layer.cell, frame.width, units, &layer.x_window,
                NULL if layer.x == NULL
                else layer.x + layer.x_rows[m + r] * x_plane + y * x_line,
                &layer.h_window, h_before + r * h_plane + y * h_line, layer.w, layer.bias,
                layer.own, c_before + r * image + y * line, kept, own_h, own_c,
            )
            end_line(frame, units, y, own_h)
            if r >= rows_after:
                memcpy(
                    layer.h_last + order[r] * image + y * line, own_h, line * sizeof(real)
                )
                memcpy(
                    layer.c_last + order[r] * image + y * line, own_c, line * sizeof(real)
                )
        m += rows
        h_before, c_before = h, c
        wait_for_all()


# ---- backward -------------------------------------------------------------------------


cdef struct ConvBackward:
    const cell_type* cell
    Frame frame
    Py_ssize_t units
    window_type z_window
    const real* own
    const real* r_transposed
    const real* w_transposed
    # by sequence, (B, height * width * units)
    const real* d_last        # or NULL
    real* d_c
    real* d_h_0               # or NULL
    # by row-step
    const real* d_out         # (N, height * width * units), or NULL
    real* kept                # planes (N): what forward kept, then d_z
    const real* h             # planes (N + B)
    const real* c             # (N + B, height * width * units)
    Py_ssize_t N
    Py_ssize_t x_vectors
    real* d_x                 # (N, height * width * x_vectors * LANES), or NULL
    # the products over all pixels
    const Py_ssize_t* tasks   # (n_tasks, 5): operand, piece, first row, rows, panel
    const Py_ssize_t* task_ends  # (n_threads + 1,)
    const Py_ssize_t* in_order  # (width,)
    window_type windows[2]    # of x and of h'
    const real* inputs[2]
    const Py_ssize_t* input_rows[2]
    real* gradients[2]        # (taps * channels, gates * units)
    real* d_b                 # (gates * units,)


cpdef Py_ssize_t conv_backward_scratch_size(
    Schedule schedule, geometry, Py_ssize_t F, Py_ssize_t H, int n_threads
) except -1:
    """Elements of scratch memory that `conv_backward` needs."""
    cdef Frame frame
    cdef Py_ssize_t units = padded(H), size
    read_geometry(geometry, &frame)
    size = schedule.batch.B * frame.height * frame.width + CONV_GATES
    if H < units:
        size += CONV_GATES * frame.kernel_h * frame.kernel_w * (F + H)
    return size * units


def conv_backward(
    int cell,
    Schedule schedule,
    geometry,
    x,             # IN planes of depth ldx, of which F channels are features, or None
    Py_ssize_t ldx,
    x_rows,        # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    packed,        # IN from pack_conv_backward, with W' where d_x is given
    scratch,       # conv_backward_scratch_size elements
    kept,          # IN from forward, OUT d_z
    h,             # IN from forward
    c,             # IN from forward
    d_w,           # IN/OUT (taps * F, gates * H), +=
    d_r,           # IN/OUT (taps * H, gates * H), +=
    d_b,           # IN/OUT (gates * H,), +=
    d_c=None,      # IN by sequence: of the last c (None: zero), OUT of c_0
    d_last=None,   # IN by sequence: gradient of h_last
    d_out=None,    # IN (N, height * width * units): gradient of every h
    d_h_0=None,    # OUT by sequence
    d_x=None,      # OUT (N, height * width * F padded)
    int n_threads=1,
):
    """Back-propagation of a layer through time."""
    cdef ConvBackward layer
    cdef const Batch* batch = &schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), image, taps
    cdef const Py_ssize_t[::1] rows = x_rows, before_rows = schedule.before_rows
    cdef const real[::1] packed_view = packed, x_view
    cdef real[::1] scratch_view = scratch, d_b_view = d_b
    cdef real* own
    cdef Frame* frame = &layer.frame
    n_threads = max(1, n_threads)
    conv_cell(cell, &layer.cell)
    read_geometry(geometry, frame)
    image = frame.height * frame.width * units
    taps = frame.kernel_h * frame.kernel_w
    kernel_size = frame.kernel_h, frame.kernel_w
    if H < 1 or not 0 <= F <= ldx or (x is None and F) or d_b_view.shape[0] != 4 * H:
        raise ValueError("x, ldx, F, H and d_b do not belong together.")
    if packed_view.shape[0] != packed_conv_backward_size(
        cell, kernel_size, F, H, True
    ) and (
        d_x is not None
        or packed_view.shape[0] != packed_conv_backward_size(
            cell, kernel_size, 0, H, False
        )
    ):
        raise ValueError("packed has not the elements that F, H and d_x need.")
    if scratch_view.shape[0] < conv_backward_scratch_size(
        schedule, geometry, F, H, n_threads
    ):
        raise ValueError(
            "scratch has fewer elements than conv_backward_scratch_size says."
        )
    if kept is None or h is None or c is None or d_w is None or d_r is None:
        raise ValueError("kept, h, c, d_w and d_r are needed.")
    layer.inputs[0] = NULL
    if F:
        x_view = x
        layer.inputs[0] = conv_input(x_view, frame, ldx, rows, N)
    layer.units, layer.N = units, N
    layer.own = &packed_view[0]
    layer.r_transposed = layer.own + layer.cell.n_own * units
    layer.w_transposed = layer.r_transposed + CONV_GATES * taps * H * units
    layer.x_vectors = padded(F) // LANES
    layer.kept = planes("kept", kept, frame, N, CONV_GATES * units)
    layer.h = read_planes("h", h, frame, N + B, units)
    layer.c = read("c", c, N + B, image)
    layer.d_last = read("d_last", d_last, B, image)
    layer.d_out = read("d_out", d_out, N, image)
    layer.d_h_0 = written("d_h_0", d_h_0, B, image)
    layer.d_x = written("d_x", d_x, N, frame.height * frame.width * padded(F))
    own = &scratch_view[0]
    layer.d_b = own
    own += CONV_GATES * units
    if d_c is None:
        layer.d_c = own
        memset(own, 0, B * image * sizeof(real))
    else:
        layer.d_c = written("d_c", d_c, B, image)
    own += B * image
    cdef real* d_w_given = written("d_w", d_w, taps * F, CONV_GATES * H)
    cdef real* d_r_given = written("d_r", d_r, taps * H, CONV_GATES * H)
    pad(&d_b_view[0], CONV_GATES, H, units, layer.d_b)
    layer.gradients[0], layer.gradients[1] = d_w_given, d_r_given
    if H < units:
        layer.gradients[0] = own
        layer.gradients[1] = own + CONV_GATES * taps * F * units
        pad(d_w_given, CONV_GATES * taps * F, H, units, layer.gradients[0])
        pad(d_r_given, CONV_GATES * taps * H, H, units, layer.gradients[1])

    z_pieces, z_K = pieces_of(frame, CONV_GATES * units, units, H, True)
    layer.z_window = window_of(CONV_GATES * units, z_pieces, z_K)
    x_pieces, x_K = pieces_of(frame, ldx, ldx, F, False)
    h_pieces, h_K = pieces_of(frame, units, units, H, False)
    layer.windows[0] = window_of(ldx, x_pieces, x_K if F else 0)
    layer.windows[1] = window_of(units, h_pieces, h_K)
    layer.inputs[1] = layer.h
    layer.input_rows[0] = address(rows)
    layer.input_rows[1] = address(before_rows)
    tasks, ends = conv_tasks(&layer.windows[0], units // LANES, n_threads)
    cdef const Py_ssize_t[:, ::1] tasks_view = tasks
    cdef const Py_ssize_t[::1] ends_view = ends
    cdef const Py_ssize_t[::1] in_order = np.arange(frame.width, dtype=np.intp)
    layer.tasks = &tasks_view[0, 0]
    layer.task_ends = &ends_view[0]
    layer.in_order = &in_order[0]
    with nogil, parallel(num_threads=n_threads):
        conv_backward_share(
            &layer, batch, n_threads, omp_get_thread_num(), omp_get_num_threads()
        )
    unpad(layer.d_b, CONV_GATES, H, units, &d_b_view[0])
    if H < units:
        unpad(layer.gradients[0], CONV_GATES * taps * F, H, units, d_w_given)
        unpad(layer.gradients[1], CONV_GATES * taps * H, H, units, d_r_given)


cdef conv_tasks(const window_type* windows, Py_ssize_t blocks, int n_threads):
    """Parts of the gradients of weights, and where those of each thread end."""
    cdef Py_ssize_t operand, piece, k, panel
    tasks = []
    for operand in range(2):
        for piece in range(windows[operand].n):
            for k in range(0, windows[operand].K, OUTER_ROWS):
                rows = min(<Py_ssize_t>OUTER_ROWS, windows[operand].K - k)
                for panel in range(ceil_div(CONV_GATES * blocks, PANEL)):
                    tasks.append((operand, piece, k, rows, panel))
    cost = np.cumsum([task[3] + 2 for task in tasks])
    shares = np.arange(1, n_threads) / n_threads
    ends = np.searchsorted(cost, shares * cost.max())
    ends = np.concatenate([[0], ends, [len(tasks)]])
    return np.array(tasks, dtype=np.intp), ends.astype(np.intp)


cdef void conv_backward_share(
    const ConvBackward* layer, const Batch* batch, int n_shares, int thread,
    int n_threads,
) noexcept nogil:
    """What one thread does: its lines at every step, then those of d_x, then its parts
    of the gradients of weights."""
    cdef unsigned long long denormals = flush_denormals()
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t strip, i, height = frame.height, units = layer.units
    cdef Py_ssize_t z_line = line_size(frame, CONV_GATES * units)
    cdef Py_ssize_t z_plane = plane_size(frame, CONV_GATES * units)
    cdef const Py_ssize_t* ends = layer.task_ends
    cdef int share
    for strip in range(batch.n_strips):
        conv_backward_strip(layer, batch, strip, thread, n_threads)
    if layer.d_x != NULL:
        for i in range(
            layer.N * height * thread // n_threads,
            layer.N * height * (thread + 1) // n_threads,
        ):
            window_line(
                frame.width, layer.x_vectors, &layer.z_window,
                layer.kept + i // height * z_plane + i % height * z_line,
                layer.w_transposed,
                layer.d_x + i * frame.width * layer.x_vectors * LANES,
            )
    # there may be fewer threads than were asked for
    for share from thread <= share < n_shares by n_threads:
        conv_weight_gradients(layer, ends[share], ends[share + 1])
    restore_denormals(denormals)


cdef void conv_backward_strip(
    const ConvBackward* layer, const Batch* batch, Py_ssize_t strip, int thread,
    int n_threads,
) noexcept nogil:
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units, height = frame.height
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip + 1], t, r, y, i, rows, before, own
    cdef Py_ssize_t rows_after = 0
    cdef Py_ssize_t line = frame.width * units, image = height * line
    cdef Py_ssize_t h_line = line_size(frame, units), h_plane = plane_size(frame, units)
    cdef Py_ssize_t z_line = CONV_GATES * h_line, z_plane = CONV_GATES * h_plane
    cdef const real* d_z_after
    cdef const real* d_last
    cdef real* d_z = NULL
    for t in range(T - 1, -1, -1):
        rows = running[t]
        m -= rows
        before = end + m - running[t - 1] if t else first + m
        d_z = layer.kept + m * z_plane
        for i in range(
            rows * height * thread // n_threads, rows * height * (thread + 1) // n_threads
        ):
            r, y = i // height, i % height
            own = order[r] * image + y * line
            d_z_after, d_last = NULL, NULL
            if r < rows_after:
                d_z_after = d_z + (rows + r) * z_plane + y * z_line
            else:
                d_last = at(layer.d_last, own)
            conv_backward_line(
                layer.cell, frame.width, units, &layer.z_window, d_z_after,
                layer.r_transposed, at(layer.d_out, (m + r) * image + y * line), d_last,
                layer.own, layer.c + (before + r) * image + y * line,
                layer.h + (end + m + r) * h_plane + y * h_line, layer.d_c + own,
                d_z + r * z_plane + y * z_line,
            )
        rows_after = rows
        wait_for_all()
    if layer.d_h_0 != NULL:
        for i in range(
            (end - first) * height * thread // n_threads,
            (end - first) * height * (thread + 1) // n_threads,
        ):
            r, y = i // height, i % height
            own = order[r] * image + y * line
            if r < rows_after:
                window_line(
                    frame.width, units // LANES, &layer.z_window,
                    d_z + r * z_plane + y * z_line, layer.r_transposed,
                    layer.d_h_0 + own,
                )
            else:  # without steps h_0 is the last state
                copy_line(at(layer.d_last, own), line, layer.d_h_0 + own)


cdef void conv_weight_gradients(
    const ConvBackward* layer, Py_ssize_t first, Py_ssize_t end
) noexcept nogil:
    """Some parts of d_W = x' d_z and d_R = h' d_z: an element is one chain over frames,
    lines and pixels. The sum of d_z rides on the first part of d_R of each panel."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t width = CONV_GATES * layer.units, column
    cdef Py_ssize_t z_line = line_size(frame, width), z_plane = plane_size(frame, width)
    cdef Py_ssize_t group = max(
        <Py_ssize_t>1, CONV_GROUP // <Py_ssize_t>(frame.width * width * sizeof(real))
    )
    cdef Py_ssize_t m, y, begin, last, i, k
    cdef const Py_ssize_t* task
    cdef const window_type* window
    cdef const real* a
    cdef const real* d
    cdef real* bias
    cdef int C
    for m in range(layer.N):
        for begin from 0 <= begin < frame.height by group:
            last = min(begin + group, frame.height)
            for i in range(first, end):
                task = layer.tasks + 5 * i
                window = &layer.windows[task[0]]
                k = task[1] * window.K + task[2]
                column = task[4] * PANEL * LANES
                C = <int>min(<Py_ssize_t>PANEL, width // LANES - task[4] * PANEL)
                bias = layer.d_b + column if task[0] == 1 and k == 0 else NULL
                a = (
                    layer.inputs[task[0]]
                    + layer.input_rows[task[0]][m] * plane_size(frame, window.depth)
                    + window.pieces[task[1]] + task[2]
                )
                d = layer.kept + m * z_plane + column
                for y in range(begin, last):
                    outer(
                        0, frame.width, a + y * line_size(frame, window.depth),
                        layer.in_order, window.depth, task[3], d + y * z_line, width, C,
                        layer.gradients[task[0]] + k * width + column, width, bias,
                    )
